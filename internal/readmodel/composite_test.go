package readmodel

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"landings/internal/cql2"
	"landings/internal/dataset"
	"landings/internal/query"
)

// A value and a range that many rows have each and few both are found in the order of both
// columns, once it is made, and the same is found before, with it, and after writes.
func TestComposite(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	catalog := newCatalog(t)
	d := catalog.Dataset("test")
	state := dataset.State{Name: "test", Epoch: "e", Version: 1, Generation: 1, Schema: querySchema}
	record := func() []byte {
		return fmt.Appendf(nil, `{"class":"c%d","year":%d,"mass":%d}`, rnd.IntN(5), 1900+rnd.IntN(100), rnd.IntN(1000))
	}
	var changes []dataset.Change
	for i := range 6 * composeFrom {
		changes = append(changes, dataset.Change{Record: dataset.Record{ID: fmt.Sprint("r", i), Position: uint64(i), JSON: record()}})
	}
	d.Replace(state, dataset.Sequence(nil).With(changes))
	ask := func() (steps string) {
		filter := fmt.Sprintf("class = 'c%d' AND year >= %d AND year <= 1999", rnd.IntN(5), 1980+rnd.IntN(2))
		e, err := cql2.ParseText(filter)
		if err != nil {
			t.Fatal(err)
		}
		q := query.Query{Where: query.Where{Filter: e}, SortBy: []query.Key{{Field: "mass", Descending: rnd.IntN(2) == 0}}, Limit: 20, Explain: true}
		s := d.Snapshot()
		page, err := s.Query(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		l := s.loop(t, q.Where)
		order := l.order(q)
		if page.Matched != len(order) || len(page.Records) != 20 {
			t.Fatalf("%s: %d of %d, want 20 of %d", filter, len(page.Records), page.Matched, len(order))
		}
		for i := range page.Records {
			if page.Records[i].Position != l.records[order[i]].Position {
				t.Fatalf("%s: record %d is at %d, want %d", filter, i, page.Records[i].Position, l.records[order[i]].Position)
			}
		}
		return fmt.Sprint(page.Plan.Steps)
	}
	const composed = "value of class and range of year"
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(ask(), composed); {
		if time.Now().After(deadline) {
			t.Fatal("the order of both columns is not used")
		}
	}
	state.Version++
	var batch []dataset.Change
	for i := range 500 {
		batch = append(batch, dataset.Change{Delete: rnd.IntN(3) == 0, Record: dataset.Record{ID: fmt.Sprint("r", 100*i), Position: uint64(100 * i), JSON: record()}})
	}
	d.Apply(state, batch)
	if steps := ask(); !strings.Contains(steps, composed) {
		t.Errorf("after writes: %s", steps)
	}
	catalog.Wait()
}
