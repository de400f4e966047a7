//go:build e2e

package store_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"landings/internal/dataset"
	"landings/internal/redistest"
	"landings/internal/store"
)

// Redis comes back with a fork of the history that is shorter than the node's: its last commit has a number that the
// node's tail has too, and yet the tail does not continue it. Each commit of the fork is told, with its records.
func TestRecoverShorterFork(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	var log lines
	n := start(t, r.URL(), func(o *store.Options) { o.Logger = slog.New(slog.NewJSONHandler(&log, nil)) })
	put(t, n, "a")
	r.Do("SAVE")
	dump, err := os.ReadFile(filepath.Join(r.Dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	state := put(t, n, numbered("real", 10)...)
	r.Kill()
	// A node of another name goes on with the save, elsewhere, and in the same term.
	fork := redistest.Start(t, "--save", "")
	fork.Kill()
	if err := os.WriteFile(filepath.Join(fork.Dir, "dump.rdb"), dump, 0o644); err != nil {
		t.Fatal(err)
	}
	fork.Up()
	m := start(t, fork.URL(), named("the fork", func(o *store.Options) { o.Window = 200 * time.Millisecond }))
	put(t, m, numbered("fork", 3)...)
	m.Close()
	fork.Do("HSET", "landings:{things}:meta", "term", "1")
	fork.Do("SREM", "landings:nodes", "the fork")
	fork.Do("SAVE")
	if dump, err = os.ReadFile(filepath.Join(fork.Dir, "dump.rdb")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.Dir, "dump.rdb"), dump, 0o644); err != nil {
		t.Fatal(err)
	}
	r.Up()
	settled(t, r, n)
	same(t, r, state)
	until(t, "what was there is counted", func() bool { return n.Counts().Dropped > 0 })
	if got := n.Counts().Dropped; got != 3 {
		t.Fatalf("%d commits were dropped, not 3", got)
	}
	sum := log.with(t, "this node has a later history than Redis: commits in Redis were dropped")
	if len(sum) != 1 || sum[0]["level"] != "ERROR" || sum[0]["dropped"] != 3.0 || sum[0]["first"] != 3.0 || sum[0]["last"] != 5.0 {
		t.Fatalf("the log says %v", sum)
	}
	each := log.with(t, "a dropped commit")
	if len(each) != 3 {
		t.Fatalf("the log tells of %d commits", len(each))
	}
	for i, line := range each {
		if got := fmt.Sprint(line["ids"]); line["level"] != "WARN" || got != fmt.Sprintf("[fork%d]", i) || line["by"] != "the fork" {
			t.Errorf("the log says %v", line)
		}
	}
}

// A node that is behind what Redis has kept takes that in, and does not put its own in the place of it.
func TestBehindWhatRedisKept(t *testing.T) {
	r := redistest.Start(t, "--save", "", "--appendonly", "yes", "--appendfsync", "always")
	p := newProxy(t, r.Addr(), seeded(t))
	// It does not hear the other one's goodbye.
	n, m := start(t, "redis://"+p.addr, func(o *store.Options) { o.Window = 200 * time.Millisecond }), start(t, r.URL(), named("another"))
	state := put(t, m, "a")
	until(t, "both have it", func() bool { return n.copyOf("things").State().Version == state.Version })
	p.shut.Store(true)
	until(t, "one is cut off", func() bool { return n.Ready(t.Context()) != nil })
	state = put(t, m, numbered("b", 10)...)
	m.Close()
	r.Kill()
	r.Up()
	p.shut.Store(false)
	settled(t, r, n)
	same(t, r, state)
	if got := n.copyOf("things").State(); got.Count != state.Count || n.Counts().Dropped > 0 {
		t.Fatalf("%d records, %d commits dropped", got.Count, n.Counts().Dropped)
	}
}

// A node that announced less does not act when its window ends, though another one is still missing: one that announced
// more is there.
func TestHighestActsInTheEnd(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	r.Do("SADD", "landings:nodes", "gone")
	p, q := newProxy(t, r.Addr(), seeded(t)), newProxy(t, r.Addr(), seeded(t))
	wait := func(o *store.Options) { o.Window = 1500 * time.Millisecond }
	n, m := start(t, "redis://"+p.addr, wait), start(t, "redis://"+q.addr, named("another", wait))
	state := put(t, m, "a")
	until(t, "both have it", func() bool { return n.copyOf("things").State().Version == state.Version })
	p.shut.Store(true)
	until(t, "one is cut off", func() bool { return n.Ready(t.Context()) != nil })
	state = put(t, m, numbered("b", 10)...)
	q.shut.Store(true)
	r.Kill()
	r.Up()
	p.shut.Store(false)
	announced := func(node string) func() bool {
		return func() bool {
			key := r.Do("KEYS", "landings:{things}:recover:*")
			return key != "" && r.Do("HEXISTS", key, node) == "1"
		}
	}
	until(t, "the one that is behind announces what it has", announced(t.Name()))
	q.shut.Store(false)
	settled(t, r, m)
	same(t, r, state)
	if n.Counts().Dropped+m.Counts().Dropped > 0 {
		t.Fatal("commits were dropped")
	}
}

// Who said goodbye is not waited for by those who start later either.
func TestGoodbyeIsRemembered(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	patient := func(o *store.Options) { o.Window = time.Hour }
	n, m := start(t, r.URL(), patient), start(t, r.URL(), named("another", patient))
	state := put(t, n, "a")
	until(t, "both are known", func() bool { return r.Do("SCARD", "landings:nodes") == "2" })
	m.Close()
	n.Close()
	r.Do("SAVE")
	begun := time.Now()
	r.Kill()
	r.Up()
	k := start(t, r.URL(), named("a third", patient))
	settled(t, r, k)
	same(t, r, state)
	notForgotten(t, begun)
}

// A node that was to recover Redis, and stood still meanwhile, leaves alone what another one has done in its place,
// whether it stood still before it watched meta or after.
func TestLateWinner(t *testing.T) {
	for name, at := range map[string]func(sent []byte) int{
		"before it watches": func(sent []byte) int {
			if bytes.Contains(sent, []byte("UNWATCH")) && !bytes.Contains(sent, []byte("HMGET")) {
				return 0
			}
			return -1
		},
		"after it watches": transactionWith("landings:{things}:meta"),
	} {
		t.Run(name, func(t *testing.T) {
			r := redistest.Start(t, "--save", "")
			g := newGate(t, r.Addr())
			n, m := start(t, "redis://"+g.addr, named("a first one")), start(t, r.URL(), named("second"))
			put(t, n, "a")
			r.Do("SAVE")
			state := put(t, n, numbered("b", 5)...)
			until(t, "both have it", func() bool {
				return m.copyOf("things").State().Version == state.Version && n.Peers() == 1 && m.Peers() == 1
			})
			h := g.hold(t, at)
			r.Kill()
			r.Up()
			within(t, "the first by name is about to act", h.held)
			settled(t, r, m)
			put(t, m, "c")
			h.pass()
			put(t, n, "d")
			until(t, "both have all of it", func() bool {
				return n.copyOf("things").State().Count == 8 && m.copyOf("things").State().Count == 8
			})
			if count, _, _ := inRedis(t, r, "things"); count != 8 {
				t.Fatalf("Redis has %d records", count)
			}
		})
	}
}

// A copy that a recovery wrote and that lacks a bucket is not switched to.
func TestShortCopyIsNotSwitchedTo(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	g := newGate(t, r.Addr())
	n := start(t, "redis://"+g.addr)
	state, err := n.Replace(t.Context(), "things", load(600, "x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	h := g.hold(t, func(sent []byte) int {
		if bytes.Contains(sent, []byte("$4\r\nHLEN\r\n")) {
			return 0
		}
		return -1
	})
	r.Kill()
	r.Up()
	within(t, "the copy is to be counted", h.held)
	r.Do("DEL", "landings:{things}:g2:1")
	h.pass()
	settled(t, r, n)
	same(t, r, state)
}

// A node that keeps no commits of its history, for the stream was gone when it started, begins the stream anew where
// Redis comes back with a stale fork that has more of them.
func TestRewriteWithoutTail(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	file := filepath.Join(r.Dir, "dump.rdb")
	saved := func() []byte {
		t.Helper()
		r.Do("SAVE")
		dump, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return dump
	}
	comeBackWith := func(dump []byte) {
		t.Helper()
		r.Kill()
		if err := os.WriteFile(file, dump, 0o644); err != nil {
			t.Fatal(err)
		}
		r.Up()
	}
	n := start(t, r.URL())
	put(t, n, "a")
	short := saved()
	put(t, n, numbered("stale", 10)...)
	n.Close()
	long := saved()
	comeBackWith(short)
	n = start(t, r.URL())
	settled(t, r, n)
	n.Close()
	r.Do("DEL", "landings:{things}:changes")
	n = start(t, r.URL())
	state := n.copyOf("things").State()
	comeBackWith(long)
	settled(t, r, n)
	same(t, r, state)
	if got := r.Do("XLEN", "landings:{things}:changes"); got != "1" {
		t.Fatalf("the stream has %s entries", got)
	}
	put(t, n, "b")
	inRedis(t, r, "things")
}

// A recovery does not tell of earlier generations that this Redis never had.
func TestRecoveredGenerations(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	for i := range 3 {
		if _, err := n.Replace(t.Context(), "things", load(10, fmt.Sprint(i)), nil); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			r.Do("SAVE")
		}
	}
	state := n.copyOf("things").State()
	r.Kill()
	r.Up()
	settled(t, r, n)
	same(t, r, state)
	list, err := n.Generations(t.Context(), "things")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range list {
		if r.Do("EXISTS", fmt.Sprintf("landings:{things}:g%d:0", g.Number)) != "1" {
			t.Errorf("generation %d is %s, and not there", g.Number, g.State)
		}
	}
}

// What a recovery writes over is deleted, also what single writes had added to it.
func TestOverwrittenBucketsAreDeleted(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	put(t, n, numbered("a", 300)...)
	r.Do("SAVE")
	state, err := n.Replace(t.Context(), "things", load(10, "x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Kill()
	r.Up()
	settled(t, r, n)
	same(t, r, state)
	if err := n.Reach(t.Context(), "things", dataset.Latest); err != nil { // it has collected then
		t.Fatal(err)
	}
	if left := r.Do("KEYS", "landings:{things}:g1:*"); left != "" {
		t.Fatalf("there still is %q", left)
	}
}
