package store

import (
	"testing"
	"testing/synctest"
)

// Two processes of one name that start at the same time do not give the same numbers to their commits: one would take
// the other's commit for its own, of which it lost the reply.
func TestNumbersOfTwinsDiffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := map[uint64]bool{}
		for range 100 {
			s, err := New(Options{URL: "redis://127.0.0.1:1", Node: "a node"})
			if err != nil {
				t.Fatal(err)
			}
			s.cancel()
			about := s.seq.Load() >> 32 // room for billions of commits between any two
			if seen[about] {
				t.Fatal("two processes begin with about the same number")
			}
			seen[about] = true
		}
	})
}
