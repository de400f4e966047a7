//go:build e2e

package store_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"landings/internal/dataset"
	"landings/internal/redistest"
	"landings/internal/store"
)

func named(name string, adapt ...func(*store.Options)) func(*store.Options) {
	return func(o *store.Options) {
		o.Node = name
		for _, a := range adapt {
			a(o)
		}
	}
}

// Min-Version: latest asks Redis, so that a node which hears of nothing sees what another acknowledged.
func TestReachLatest(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	deaf := func(o *store.Options) { o.Look = time.Hour }
	n, m := start(t, r.URL(), deaf), start(t, r.URL(), named("another", deaf))
	for i := range 50 {
		id := strconv.Itoa(i)
		state, err := n.put(t.Context(), "things", id, `{}`)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Reach(t.Context(), "things", dataset.Latest); err != nil {
			t.Fatal(err)
		}
		if _, ok := m.copyOf("things").Lookup(id); !ok {
			t.Fatalf("%s was acknowledged before the read", id)
		}
		if err := m.Reach(t.Context(), "things", state.Version); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := m.Reach(ctx, "things", 1_000_000); dataset.CodeOf(err) != dataset.Unavailable {
		t.Fatalf("a version that is not there: %v", err)
	}
	if err := m.Reach(t.Context(), "nothing", dataset.Latest); err != nil {
		t.Fatal(err)
	}
}

// A node that starts while Redis comes back with an older save must not take the term: another one has more.
func TestStarterDoesNotWin(t *testing.T) {
	for _, args := range [][]string{{"an older save"}, {"nothing"}} {
		t.Run(args[0], func(t *testing.T) {
			r := redistest.Start(t, "--save", "")
			// The recovery waits for a node that is gone, so that the starter comes into it.
			r.Do("SADD", "landings:nodes", "gone")
			wait := func(o *store.Options) { o.Window = 1500 * time.Millisecond }
			n := start(t, r.URL(), wait)
			if _, err := n.Replace(t.Context(), "things", load(300, "x"), nil); err != nil {
				t.Fatal(err)
			}
			if args[0] != "nothing" {
				r.Do("SAVE")
			}
			for i := range 20 {
				if _, err := n.put(t.Context(), "things", strconv.Itoa(i), `{}`); err != nil {
					t.Fatal(err)
				}
			}
			state := n.copyOf("things").State()
			r.Kill()
			r.Up()
			m := start(t, r.URL(), named("the starter", wait))
			if _, err := m.put(t.Context(), "things", "new", `{}`); err != nil {
				t.Fatal(err)
			}
			if err := n.Reach(t.Context(), "things", dataset.Latest); err != nil {
				t.Fatal(err)
			}
			if got := n.copyOf("things").State(); got.Epoch != state.Epoch || got.Count != state.Count+1 || n.Counts().Dropped != 0 {
				t.Fatalf("%+v became %+v, %d commits were dropped", state, got, n.Counts().Dropped)
			}
		})
	}
}

// Every start of Redis gives the others time to come back to it, not only the one beside which a node started:
// here it starts empty under a node that has nothing, and another one still holds the dataset.
func TestEveryEmptyStartIsGivenTime(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	p := newProxy(t, r.Addr(), seeded(t))
	n := start(t, "redis://"+p.addr)
	if _, err := n.Replace(t.Context(), "things", load(300, "x"), nil); err != nil {
		t.Fatal(err)
	}
	state := n.copyOf("things").State()
	p.shut.Store(true)
	r.Kill()
	r.Up()
	m := start(t, r.URL(), named("the starter", func(o *store.Options) { o.Grace = 2 * time.Second }))
	r.Kill()
	p.shut.Store(false)
	r.Up()
	if _, err := m.put(t.Context(), "things", "new", `{}`); err != nil {
		t.Fatal(err)
	}
	if err := n.Reach(t.Context(), "things", dataset.Latest); err != nil {
		t.Fatal(err)
	}
	if got := n.copyOf("things").State(); got.Epoch != state.Epoch || got.Count != state.Count+1 || n.Counts().Dropped != 0 {
		t.Fatalf("%+v became %+v, %d commits were dropped", state, got, n.Counts().Dropped)
	}
}

// A node that comes back after the recovery with another history drops what differs, and counts it.
func TestLateReturnerDrops(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	random := seeded(t)
	p := newProxy(t, r.Addr(), random)
	n := start(t, "redis://"+p.addr, func(o *store.Options) { o.WriteTimeout = time.Second })
	m := start(t, r.URL(), named("another", func(o *store.Options) { o.Window = 200 * time.Millisecond }))
	if _, err := n.Replace(t.Context(), "things", load(10, "x"), nil); err != nil {
		t.Fatal(err)
	}
	r.Do("SAVE")
	for i := range 5 {
		if _, err := n.put(t.Context(), "things", strconv.Itoa(i), `{}`); err != nil {
			t.Fatal(err)
		}
	}
	// Both go; only the other one comes back, from the save.
	m.Close()
	r.Kill()
	dump, err := os.ReadFile(filepath.Join(r.Dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	other := redistest.Start(t, "--save", "")
	other.Kill()
	if err := os.WriteFile(filepath.Join(other.Dir, "dump.rdb"), dump, 0o644); err != nil {
		t.Fatal(err)
	}
	other.Up()
	k := start(t, other.URL(), named("another", func(o *store.Options) { o.Window = 200 * time.Millisecond }))
	if _, err := k.put(t.Context(), "things", "other", `{}`); err != nil {
		t.Fatal(err)
	}
	other.Do("SAVE")
	if dump, err = os.ReadFile(filepath.Join(other.Dir, "dump.rdb")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.Dir, "dump.rdb"), dump, 0o644); err != nil {
		t.Fatal(err)
	}
	r.Up()
	settled(t, r, n)
	if got := n.Counts().Dropped; got != 5 {
		t.Fatalf("%d commits were dropped, not 5", got)
	}
	if _, ok := n.copyOf("things").Lookup("other"); !ok {
		t.Fatal("the later history did not win")
	}
}

// Redis is killed between saves while it takes writes, and a node lives: nothing acknowledged is missing.
func TestKilledBetweenSaves(t *testing.T) {
	r := redistest.Start(t, "--save", "1 1")
	n := start(t, r.URL())
	if _, err := n.Replace(t.Context(), "things", load(1000, "x"), nil); err != nil {
		t.Fatal(err)
	}
	var acknowledged sync.Map
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for c := range 8 {
		wg.Go(func() {
			tick := time.NewTicker(8 * time.Millisecond) // together 1,000 writes a second
			defer tick.Stop()
			for i := 0; ctx.Err() == nil; i++ {
				<-tick.C
				id := strconv.Itoa(c) + "-" + strconv.Itoa(i)
				if _, err := n.put(ctx, "things", id, `{}`); err == nil {
					acknowledged.Store(id, true)
				}
			}
		})
	}
	for range 3 {
		time.Sleep(700 * time.Millisecond) // the writes go on: nothing is waited for
		r.Kill()
		r.Up()
	}
	until(t, "writes go on", func() bool {
		_, err := n.put(t.Context(), "things", "last", `{}`)
		return err == nil
	})
	cancel()
	wg.Wait()
	m := start(t, r.URL(), named("a reader"))
	count := 0
	acknowledged.Range(func(id, _ any) bool {
		count++
		if _, ok := m.copyOf("things").Lookup(id.(string)); !ok {
			t.Errorf("%s was acknowledged and is missing", id)
		}
		return true
	})
	t.Logf("%d acknowledged writes", count)
	inRedis(t, r, "things")
}

// The stream goes on after Redis lost everything: who follows it finds no gap.
func TestStreamSurvivesEmptyRedis(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	for i := range 30 {
		if _, err := n.put(t.Context(), "things", strconv.Itoa(i), `{}`); err != nil {
			t.Fatal(err)
		}
	}
	length, _ := strconv.Atoi(r.Do("XLEN", "landings:{things}:changes"))
	r.Kill()
	r.Up()
	settled(t, r, n)
	if now, _ := strconv.Atoi(r.Do("XLEN", "landings:{things}:changes")); now != length+1 {
		t.Fatalf("the stream had %d entries and has %d", length, now)
	}
	inRedis(t, r, "things")
}

// What a recovery wrote again into an empty Redis is what the other nodes have: they do not read all of it again.
func TestRewrittenIsNotReadAgain(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n, m := start(t, r.URL()), start(t, r.URL(), named("another"))
	if _, err := n.Replace(t.Context(), "things", load(1000, "x"), nil); err != nil {
		t.Fatal(err)
	}
	state, err := n.put(t.Context(), "things", "a", `{}`)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Reach(t.Context(), "things", state.Version); err != nil {
		t.Fatal(err)
	}
	replaced := func(n *node) int {
		c := n.copyOf("things")
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.replaced
	}
	before := []int{replaced(n), replaced(m)}
	r.Kill()
	r.Up()
	for i, node := range []*node{n, m} {
		if _, err := node.put(t.Context(), "things", strconv.Itoa(i), `{"new":true}`); err != nil {
			t.Fatal(err)
		}
	}
	for i, node := range []*node{n, m} {
		if err := node.Reach(t.Context(), "things", dataset.Latest); err != nil {
			t.Fatal(err)
		}
		if now := replaced(node); now != before[i] {
			t.Errorf("node %d took everything anew: %d times, then %d", i, before[i], now)
		}
	}
	a, b := n.copyOf("things").State(), m.copyOf("things").State()
	if a.Digest != b.Digest || a.Version != b.Version || a.Generation != b.Generation || a.Count != 1003 {
		t.Fatalf("%+v and %+v", a, b)
	}
	same(t, r, a)
}

// While there is no master each node may be at another replica, where it does not hear the others: they are waited for all the same.
func TestSilenceAtAReplicaDoesNotCount(t *testing.T) {
	redisOnly(t, "the embedded engine does not replicate")
	r := redistest.Start(t, "--save", "")
	p := newProxy(t, r.Addr(), seeded(t))
	n, m := start(t, r.URL()), start(t, "redis://"+p.addr, named("another"))
	put(t, n, "a")
	until(t, "they hear each other", func() bool { return n.Peers() == 1 && m.Peers() == 1 })
	p.shut.Store(true)
	r.Do("REPLICAOF", "127.0.0.1", strconv.Itoa(redistest.FreePort(t)))
	begun := time.Now()
	until(t, "it has been silent for long", func() bool {
		if n.Peers() == 0 {
			t.Fatalf("it is forgotten after %v", time.Since(begun))
		}
		return time.Since(begun) > 13*time.Second
	})
	r.Do("REPLICAOF", "NO", "ONE")
	p.shut.Store(false)
	put(t, n, "b")
	put(t, m, "c")
	inRedis(t, r, "things")
}
