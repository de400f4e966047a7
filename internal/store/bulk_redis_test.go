//go:build e2e

package store

import (
	"errors"
	"testing"

	"landings/internal/redistest"
)

// Buckets go to the incarnation of Redis in which their generation was begun, to no other.
func TestBulkOfAnotherRun(t *testing.T) {
	first, second := redistest.Start(t, "--save", ""), redistest.Start(t, "--save", "")
	s, err := New(Options{URL: first.URL(), Node: "n"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.topology.close()
	w, err := s.open(t.Context(), datasetsKey)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	b, err := s.openBulk(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	b.close()
	w.addr = second.Addr() // as if it had been started again there
	if b, err := s.openBulk(t.Context(), w); !errors.Is(err, errStale) {
		t.Fatalf("got %v and %v", b, err)
	}
}
