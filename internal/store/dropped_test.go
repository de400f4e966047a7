//go:build e2e

package store_test

import (
	"strconv"
	"testing"
	"time"

	"landings/internal/dataset"
	"landings/internal/redistest"
	"landings/internal/store"
)

// While the only node that holds a dataset is cut off, Redis restarts empty and another node makes the dataset anew.
// Both histories are in their first term: the one with more commits goes on, and the commits of the other one are
// told, by whoever finds them, also where no node holds them any more.
func TestMadeAnewIsTold(t *testing.T) {
	for _, c := range []struct {
		name            string
		before, after   int // commits of one record
		dropped         uint64
		closed, healer  bool // the other node goes before the holder returns; the holder is who tells
		ofOther, ofMine bool
	}{
		{name: "the later one is longer", before: 5, after: 20, dropped: 6, healer: true, ofOther: true},
		{name: "the earlier one is longer", before: 20, after: 5, dropped: 6, ofMine: true},
		{name: "the earlier one is longer, and alone", before: 20, after: 5, dropped: 6, closed: true, healer: true, ofMine: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := redistest.Start(t, "--save", "")
			p := newProxy(t, r.Addr(), seeded(t))
			quick := func(o *store.Options) { o.Window, o.Grace = 200*time.Millisecond, 10*time.Millisecond }
			holder := start(t, "redis://"+p.addr, quick)
			for i := range c.before {
				if _, err := holder.put(t.Context(), "things", "mine"+strconv.Itoa(i), `{}`); err != nil {
					t.Fatal(err)
				}
			}
			p.shut.Store(true)
			r.Kill()
			r.Up()
			other := start(t, r.URL(), named("another", quick))
			for i := range c.after {
				if _, err := other.put(t.Context(), "things", "other"+strconv.Itoa(i), `{}`); err != nil {
					t.Fatal(err)
				}
			}
			if c.closed {
				other.Close()
			}
			p.shut.Store(false)
			until(t, "the holder is back", func() bool {
				_, mine := holder.copyOf("things").Lookup("mine0")
				_, theirs := holder.copyOf("things").Lookup("other0")
				_, err := holder.put(t.Context(), "things", "new", strconv.Itoa(time.Now().Nanosecond()))
				return err == nil && mine == c.ofMine && theirs == c.ofOther
			})
			teller := other
			if c.healer {
				teller = holder
			}
			until(t, "the commits are counted", func() bool { return teller.Counts().Dropped > 0 })
			if got := teller.Counts().Dropped; got != c.dropped {
				t.Fatalf("%d commits were dropped, not %d", got, c.dropped)
			}
			inRedis(t, r, "things")
		})
	}
}

// Redis comes back with the same old save twice, each time to one of two nodes that do not hear each other: both begin the same
// term. What is dropped in the end is told all the same.
func TestForkWithinATermIsTold(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	quick := func(o *store.Options) {
		o.Window, o.Grace = 200*time.Millisecond, 10*time.Millisecond
	}
	p, q := newProxy(t, r.Addr(), seeded(t)), newProxy(t, r.Addr(), seeded(t))
	n, m := start(t, "redis://"+p.addr, quick), start(t, "redis://"+q.addr, named("another", quick))
	put(t, n, "a")
	until(t, "both have it", func() bool { _, ok := m.copyOf("things").Lookup("a"); return ok })
	r.Do("SAVE")
	q.shut.Store(true)
	r.Kill()
	r.Up()
	mine := put(t, n, "mine")
	p.shut.Store(true)
	r.Kill()
	r.Up()
	q.shut.Store(false)
	theirs := put(t, m, "x", "y", "z")
	if mine.Term != theirs.Term || mine.Version >= theirs.Version {
		t.Fatalf("the terms are %d and %d, the versions %d and %d", mine.Term, theirs.Term, mine.Version, theirs.Version)
	}
	p.shut.Store(false)
	until(t, "it takes over the other history", func() bool { _, ok := n.copyOf("things").Lookup("z"); return ok })
	if got := n.Counts().Dropped; got != 1 {
		t.Fatalf("%d dropped commits are told", got)
	}
	if _, err := n.Confirm(t.Context(), mine, acked(t, "nodes:1")); dataset.CodeOf(err) != dataset.OutcomeUnknown {
		t.Fatal(err)
	}
	put(t, n, "more") // its version is later than any that was dropped
	inRedis(t, r, "things")
}
