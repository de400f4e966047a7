//go:build e2e

package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"landings/internal/dataset"
	"landings/internal/redistest"
	"landings/internal/store"
)

// Nodes on two databases of one Redis have nothing to do with each other, while those on the same one do.
func TestDatabasesAreApart(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	in := func(database int) string { return fmt.Sprintf("redis://%s/%d", r.Addr(), database) }
	window := func(o *store.Options) { o.Window = 5 * time.Second }
	n, zero := start(t, in(3), named("three", window)), start(t, in(0), named("zero", window))
	other := start(t, in(4), named("four", window))
	all := []*node{n, zero, other}
	for _, m := range all {
		put(t, m, "a")
	}
	for _, want := range []string{"landings:nodes", "landings:nodes:3", "landings:nodes:4", "landings:{things}:commits", "landings:{things}:commits:3", "landings:{things}:commits:4"} {
		until(t, want, func() bool { return slices.Contains(strings.Fields(r.Do("PUBSUB", "SHARDCHANNELS")), want) })
	}
	time.Sleep(100 * time.Millisecond) // some looks
	for _, m := range all {
		if m.Peers() != 0 {
			t.Errorf("%d peers", m.Peers())
		}
		if err := m.Promise(t.Context(), "things", acked(t, "nodes:1")); dataset.CodeOf(err) != dataset.Unavailable {
			t.Errorf("nodes:1 was promised: %v", err)
		}
	}
	if t.Failed() {
		return
	}
	r.Kill()
	r.Up()
	begun := time.Now()
	for _, m := range all {
		put(t, m, "b")
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("recovering took %v: somebody was waited for", took)
	}

	beside := start(t, in(3), named("beside"))
	until(t, "they know each other", func() bool { return n.Peers() == 1 && beside.Peers() == 1 })
	n.want(t, "nodes:1", "", "")
	if zero.Peers() != 0 || other.Peers() != 0 {
		t.Errorf("%d and %d peers elsewhere", zero.Peers(), other.Peers())
	}
}
