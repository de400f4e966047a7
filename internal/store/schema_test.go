//go:build e2e

package store_test

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"landings/internal/dataset"
	"landings/internal/redistest"
)

// mostFields is how many fields grow lets a schema have.
const mostFields = 12

// grow puts a record that has a field.
func (n *node) grow(ctx context.Context, name, id, field string) (dataset.State, error) {
	return n.Update(ctx, name, id, func(dataset.Record, bool) (dataset.Edit, error) {
		s := n.copyOf(name).State().Schema
		lacks := s.Lacks([]dataset.Field{{Name: field, Type: dataset.Number, Nullable: true}})
		if len(s.Fields)+len(lacks) > mostFields {
			return dataset.Edit{}, &dataset.Error{Code: dataset.TooLarge, Message: "too many fields"}
		}
		return dataset.Edit{JSON: []byte(`{"` + field + `":` + id + `}`), Fields: lacks, MaxFields: mostFields}, nil
	})
}

func names(s dataset.Schema) []string {
	var all []string
	for _, f := range s.Fields {
		all = append(all, f.Name)
	}
	return all
}

// The schema grows with commits: every node has it, whoever reads the dataset from Redis,
// and a Redis that lost it gets it back.
func TestSchemaGrows(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n, m := start(t, r.URL()), start(t, r.URL(), named("another"))
	if _, err := n.Replace(t.Context(), "things", load(600, "x"), nil); err != nil {
		t.Fatal(err)
	}
	before := n.copyOf("things").State().Schema
	r.Do("SAVE")
	if _, err := n.grow(t.Context(), "things", "1", "a"); err != nil {
		t.Fatal(err)
	}
	until(t, "the field on another node", func() bool { return slices.Contains(names(m.copyOf("things").State().Schema), "a") })

	// Each write brings one of eight fields, on both nodes at once.
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			who := n
			if i%2 == 1 {
				who = m
			}
			if _, err := who.grow(t.Context(), "things", strconv.Itoa(i), "f"+strconv.Itoa(i%8)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	state := n.copyOf("things").State()
	until(t, "the same version", func() bool {
		state = n.copyOf("things").State()
		return m.copyOf("things").State().Version == state.Version
	})
	all := names(state.Schema)
	sorted := slices.Sorted(slices.Values(all))
	want := append(names(before), "a", "f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7")
	if slices.Sort(want); !slices.Equal(sorted, want) {
		t.Fatalf("the fields are %v, want %v", sorted, want)
	}
	check := func(what string, got dataset.Schema) {
		t.Helper()
		if !slices.Equal(got.Fields, state.Schema.Fields) || got.IDField != state.Schema.IDField {
			t.Errorf("%s has %v, want %v", what, names(got), all)
		}
	}
	inMeta := func() (s dataset.Schema) {
		t.Helper()
		if err := json.Unmarshal([]byte(r.Do("HGET", "landings:{things}:meta", "schema")), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	check("the other node", m.copyOf("things").State().Schema)
	check("Redis", inMeta())
	check("a node that starts", start(t, r.URL(), named("third")).copyOf("things").State().Schema)

	r.Kill() // it comes back with the save of before
	r.Up()
	settled(t, r, n)
	same(t, r, state)
	check("Redis after its restart", inMeta())
	check("the node after Redis's restart", n.copyOf("things").State().Schema)
	check("a node that starts then", start(t, r.URL(), named("fourth")).copyOf("things").State().Schema)
}

// Writes that are committed together do not bring more fields than one after the other could.
func TestSchemaIsBounded(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	if _, err := n.put(t.Context(), "things", "a", `{}`); err != nil {
		t.Fatal(err)
	}
	var refused atomic.Int32
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			if _, err := n.grow(t.Context(), "things", strconv.Itoa(i), "f"+strconv.Itoa(i)); dataset.CodeOf(err) == dataset.TooLarge {
				refused.Add(1)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if s := n.copyOf("things").State().Schema; len(s.Fields) != mostFields || refused.Load() != 200-mostFields {
		t.Errorf("%d fields, %d writes refused", len(s.Fields), refused.Load())
	}
}

// Only the commit that adds fields tells of the schema.
func TestSchemaIsToldOnce(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	state, err := n.grow(t.Context(), "things", "1", "a")
	if err != nil {
		t.Fatal(err)
	}
	last := strconv.FormatUint(state.Version, 10) + "-0"
	if got := r.Do("XRANGE", "landings:{things}:changes", last, last); !strings.Contains(got, "\nschema\n") {
		t.Fatalf("the entry is %q", got)
	}
	if _, err := n.grow(t.Context(), "things", "2", "a"); err != nil {
		t.Fatal(err)
	}
	if got := r.Do("XREVRANGE", "landings:{things}:changes", "+", "-", "COUNT", "1"); strings.Contains(got, "\nschema\n") {
		t.Fatalf("the schema is told again: %q", got)
	}
}
