//go:build e2e

package store_test

import (
	"log/slog"
	"testing"
	"time"

	"landings/internal/dataset"
	"landings/internal/redistest"
	"landings/internal/store"
)

// While a node runs, another one of its name does not start, and takes nothing from it; a life of it that died without a
// goodbye keeps nobody from starting.
func TestNameIsTaken(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	p := newProxy(t, r.Addr(), seeded(t))
	n, other := start(t, "redis://"+p.addr, named("a node")), start(t, r.URL(), named("another"))
	put(t, n, "a")
	m, err := tryStart(t, r.URL(), named("a node"))
	if dataset.CodeOf(err) != dataset.Conflict {
		t.Fatalf("two nodes have one name: %v", err)
	}
	m.Close()
	if r.Do("SISMEMBER", "landings:nodes", "a node") != "1" || other.Peers() != 1 {
		t.Fatalf("who was refused said goodbye for the one that runs: %d peers", other.Peers())
	}
	put(t, n, "b")

	p.shut.Store(true) // as if it had been killed
	begun := time.Now()
	put(t, start(t, r.URL(), named("a node")), "c")
	if took := time.Since(begun); took > 2*time.Second {
		t.Fatalf("the next life started after %v", took)
	}
}

// Two nodes of one name that could not know of each other when they started both say so.
func TestTwinsAreTold(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	logs := make([]lines, 2)
	for i := range logs {
		start(t, r.URL(), named("a node", func(o *store.Options) {
			o.Look, o.Logger = time.Second, slog.New(slog.NewJSONHandler(&logs[i], nil))
		}))
		if i == 0 {
			until(t, "its name is known", func() bool { return r.Do("EXISTS", "landings:nodes") == "1" })
			r.Do("DEL", "landings:nodes") // until the next look
		}
	}
	for i := range logs {
		until(t, "it is told", func() bool { return len(logs[i].with(t, "another process runs under the name of this node")) == 1 })
	}
}
