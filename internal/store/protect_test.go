//go:build e2e

package store_test

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"landings/internal/dataset"
	"landings/internal/redistest"
	"landings/internal/store"
)

// Where transactions are not to be had, a node says what is missing before it writes anything.
func TestTransactionsAreNeeded(t *testing.T) {
	redisOnly(t, "the embedded engine has no users and renames nothing")
	for _, name := range []string{"multi", "exec", "watch", "unwatch", "wait"} {
		t.Run(name+" forbidden", func(t *testing.T) {
			r := redistest.Start(t, "--save", "")
			r.Do("ACL", "SETUSER", "landings", "on", ">secret", "~*", "&*", "+@all", "-"+name)
			_, err := tryStart(t, "redis://landings:secret@"+r.Addr())
			if dataset.CodeOf(err) != dataset.Unavailable || !strings.Contains(err.Error(), strings.ToUpper(name)) || !strings.Contains(err.Error(), "ACL SETUSER landings +"+name) {
				t.Fatalf("got %v", err)
			}
		})
		t.Run(name+" renamed", func(t *testing.T) {
			r := redistest.Start(t, "--save", "", "--rename-command", strings.ToUpper(name), "")
			_, err := tryStart(t, r.URL())
			if dataset.CodeOf(err) != dataset.Unavailable || !strings.Contains(err.Error(), "rename-command "+strings.ToUpper(name)) {
				t.Fatalf("got %v", err)
			}
		})
	}
}

// A permission is taken away while connections are open: no commit is done in part, and commits go on once it is given back.
func TestTransactionsAreTakenAway(t *testing.T) {
	redisOnly(t, "the embedded engine has no users")
	for _, name := range []string{"multi", "exec", "watch", "wait"} {
		t.Run(name, func(t *testing.T) {
			r := redistest.Start(t, "--save", "")
			r.Do("ACL", "SETUSER", "landings", "on", ">secret", "~*", "&*", "+@all")
			url := "redis://landings:secret@" + r.Addr()
			quiet := func(o *store.Options) { o.Look, o.Idle = time.Hour, time.Second }
			n := start(t, url, quiet)
			if _, err := n.Replace(t.Context(), "things", load(600, "x"), nil); err != nil {
				t.Fatal(err)
			}
			state := put(t, n, "before")
			r.Do("ACL", "SETUSER", "landings", "-"+name)
			begun := time.Now()
			for i := range 3 {
				if _, err := n.put(t.Context(), "things", "no"+strconv.Itoa(i), `{}`); name == "watch" && i == 0 && err == nil {
					state = n.copyOf("things").State() // what is watched already protects one commit more
				} else if dataset.CodeOf(err) != dataset.Unavailable || !strings.Contains(err.Error(), name) && !strings.Contains(err.Error(), strings.ToUpper(name)) {
					t.Fatalf("a write: %v", err)
				}
			}
			if err := n.Reach(t.Context(), "things", dataset.Latest); dataset.CodeOf(err) != dataset.Unavailable || !strings.HasPrefix(err.Error(), "the latest version cannot be told: Redis at ") {
				t.Fatalf("a read of the latest version: %v", err)
			}
			if _, err := n.Replace(t.Context(), "things", load(300, "y"), nil); dataset.CodeOf(err) != dataset.Unavailable {
				t.Fatalf("a load: %v", err)
			}
			if took := time.Since(begun); took > 4*time.Second {
				t.Errorf("that took %v", took)
			}
			if n.Ready(t.Context()) == nil {
				t.Error("the node calls itself ready")
			}
			same(t, r, state)
			r.Do("ACL", "SETUSER", "landings", "+"+name)
			until(t, "the node is ready again", func() bool { return n.Ready(t.Context()) == nil })
			if s, err := n.put(t.Context(), "things", "after", `{}`); err != nil || s.Version != state.Version+1 {
				t.Fatalf("%+v, %v", s, err)
			}
			inRedis(t, r, "things")
		})
	}
}

// MULTI is refused at the very moment of a commit.
func TestCommitWithoutMulti(t *testing.T) {
	redisOnly(t, "the embedded engine has no users")
	r := redistest.Start(t, "--save", "")
	r.Do("ACL", "SETUSER", "landings", "on", ">secret", "~*", "&*", "+@all")
	g := newGate(t, r.Addr())
	n := start(t, "redis://landings:secret@"+g.addr, func(o *store.Options) { o.Look = time.Hour })
	if _, err := n.Replace(t.Context(), "things", load(600, "x"), nil); err != nil {
		t.Fatal(err)
	}
	before := n.copyOf("things").State()
	for what, write := range map[string]func(context.Context) error{
		"a write": func(ctx context.Context) error { _, err := n.put(ctx, "things", "1003", `{"new":1}`); return err },
		"a load":  func(ctx context.Context) error { _, err := n.Replace(ctx, "things", load(300, "y"), nil); return err },
		"a drop":  func(ctx context.Context) error { _, err := n.Drop(ctx, "things", nil); return err },
	} {
		h := g.hold(t, transactionWith("landings:{things}:meta"))
		done := make(chan error, 1)
		go func() { done <- write(t.Context()) }()
		within(t, what+" is held back", h.held)
		r.Do("ACL", "SETUSER", "landings", "-multi")
		h.pass()
		if err := <-done; dataset.CodeOf(err) != dataset.Unavailable || !strings.Contains(err.Error(), "multi") {
			t.Fatalf("%s: %v", what, err)
		}
		same(t, r, before)
		r.Do("ACL", "SETUSER", "landings", "+multi")
	}
	// Nothing of it comes late.
	put(t, n, "after")
	if count, _, _ := inRedis(t, r, "things"); count != 601 {
		t.Fatalf("%d records", count)
	}
}

// MULTI is refused at the very moment when a recovery commits again what Redis lost: nothing of that is done.
func TestRecoveryWithoutMulti(t *testing.T) {
	redisOnly(t, "the embedded engine has no users")
	r := redistest.Start(t, "--save", "", "--user", "landings", "on", ">secret", "~*", "&*", "+@all")
	g := newGate(t, r.Addr())
	n := start(t, "redis://landings:secret@"+g.addr)
	put(t, n, "a")
	r.Do("SAVE")
	state := put(t, n, "b")
	h := g.hold(t, transactionWith("XADD"))
	r.Kill()
	r.Up()
	within(t, "it is held back", h.held)
	before := metaOf(r)
	r.Do("ACL", "SETUSER", "landings", "-multi")
	h.pass()
	until(t, "it is refused", func() bool { return strings.Contains(fmt.Sprint(n.Ready(t.Context())), "multi") })
	if after := metaOf(r); !maps.Equal(before, after) {
		t.Fatalf("meta is %v, and was %v", after, before)
	}
	inRedis(t, r, "things")
	r.Do("ACL", "SETUSER", "landings", "+multi")
	settled(t, r, n)
	same(t, r, state)
}
