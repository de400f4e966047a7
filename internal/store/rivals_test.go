//go:build e2e

package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"landings/internal/redistest"
)

// Nodes that write to one dataset at the same time take turns: none has to wait until the others have nothing to write.
func TestContendersTakeTurns(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	nodes := []*node{start(t, r.URL()), start(t, r.URL(), named("second")), start(t, r.URL(), named("third"))}
	if _, err := nodes[0].Replace(t.Context(), "things", load(1000, "x"), nil); err != nil {
		t.Fatal(err)
	}
	const enough, clients = 6000, 8
	var total atomic.Int64
	var wrote [3]atomic.Int64
	var all sync.WaitGroup
	for i, n := range nodes {
		for c := range clients {
			all.Go(func() {
				for k := 0; total.Add(1) <= enough; k++ {
					if _, err := n.put(t.Context(), "things", fmt.Sprintf("%d-%d", i, c), fmt.Sprintf(`{"k":%d}`, k)); err != nil {
						t.Error(err)
						return
					}
					wrote[i].Add(1)
				}
			})
		}
	}
	all.Wait()
	for i := range wrote {
		if n := wrote[i].Load(); n < enough/10 {
			t.Errorf("node %d made %d of %d writes", i, n, enough)
		}
	}
	t.Log(wrote[0].Load(), wrote[1].Load(), wrote[2].Load())
}
