package columns

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"landings/internal/dataset"
	"landings/internal/predicate"
	"landings/internal/textsearch"
)

var schema = dataset.Schema{
	Fields: []dataset.Field{
		{Name: "name", Type: dataset.Text},
		{Name: "mass", Type: dataset.Number},
		{Name: "year", Type: dataset.Integer},
		{Name: "fell", Type: dataset.Boolean},
		{Name: "any", Type: dataset.JSON},
		{Name: "where", Type: dataset.JSON},
	},
	Geometry: &dataset.Geometry{GeoJSON: "where"},
}

// rows is a table and, beside it, the values of each row as the reader reads them.
type rows struct {
	*Table
	values []predicate.Row
	group  sync.WaitGroup
}

// newRows makes records at random. different bounds how many values each field has.
func newRows(t *testing.T, rnd *rand.Rand, n, different int) *rows {
	var changes []dataset.Change
	position := uint64(0)
	for range n {
		position += uint64(1 + rnd.IntN(3)) // some positions are vacant
		m := map[string]any{}
		put := func(name string, v any) {
			if rnd.IntN(9) > 0 {
				m[name] = v
			}
		}
		k := rnd.IntN(different)
		put("name", fmt.Sprintf("%s %d", []string{"Aïr", "Yamato", "ALLAN hills"}[k%3], k))
		put("mass", []any{float64(rnd.IntN(different)) / 8, "12.5", "heavy"}[rnd.IntN(3)])
		put("year", []any{rnd.IntN(different), fmt.Sprint(1900 + rnd.IntN(100)), "unknown"}[rnd.IntN(3)])
		put("fell", rnd.IntN(2) == 0)
		put("any", []any{1, "x", []int{1}}[rnd.IntN(3)])
		put("where", []any{
			map[string]any{"type": "Point", "coordinates": []int{rnd.IntN(360) - 180, rnd.IntN(180) - 90}},
			map[string]any{"type": "LineString", "coordinates": [][]int{{0, 0}, {rnd.IntN(90), 5}}},
			map[string]any{"type": "Nowhere"},
		}[min(rnd.IntN(9), 2)])
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		changes = append(changes, dataset.Change{Record: dataset.Record{ID: fmt.Sprint("r", position), Position: position, JSON: text}})
	}
	r := &rows{}
	t.Cleanup(r.group.Wait)
	records := dataset.Sequence(nil).With(changes)
	r.Table = New(predicate.NewReader(schema), records, &r.group)
	want := r.Reader().WantAll()
	for _, b := range records {
		for record := range b.All() {
			row := r.Reader().NewRow()
			r.Reader().Read(record, &want, row)
			r.values = append(r.values, row)
		}
	}
	return r
}

func (r *rows) column(t *testing.T, name string) (*Column, int) {
	t.Helper()
	f, ok := r.Reader().Find(name)
	if !ok {
		t.Fatalf("there is no field %s", name)
	}
	c, err := r.Column(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return c, f
}

// A column has each row's value, its codes have the values' order, and what is
// derived from the codes is what a loop over the rows gives.
func TestColumnsAreTheRecords(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for _, size := range []struct{ rows, different int }{{0, 1}, {1, 1}, {300, 5}, {9000, 400}, {70_000, 200_000}} {
		r := newRows(t, rnd, size.rows, size.different)
		if r.Len() != size.rows {
			t.Fatalf("%d rows, want %d", r.Len(), size.rows)
		}
		for row := range uint32(r.Len()) {
			if at, ok := r.Row(r.Record(row).Position); !ok || at != row {
				t.Fatalf("the record of row %d is said to be in row %d (%v)", row, at, ok)
			}
		}
		for _, name := range []string{"name", "mass", "year", "fell", "id"} {
			c, f := r.column(t, name)
			if !c.Usable() {
				t.Fatalf("%s is of no use", name)
			}
			for row, values := range r.values {
				if got := c.Value(c.Code(uint32(row))); got != values[f] {
					t.Fatalf("%s of row %d is %v, want %v", name, row, got, values[f])
				}
			}
			for code := 1; code < c.Distinct(); code++ {
				if o, ok := predicate.Order(c.Value(uint32(code-1)), c.Value(uint32(code))); !ok || o >= 0 {
					t.Fatalf("%s: codes %d and %d are not in order", name, code-1, code)
				}
			}
			r.checkOrder(t, name, c)
			for range 20 {
				r.checkFilters(t, rnd, name, c)
			}
			if len(r.values) == 0 {
				continue
			}
			for range 50 {
				v := r.values[rnd.IntN(len(r.values))][f]
				if v.Kind <= predicate.Misfit {
					continue
				}
				low, ok := c.Search(v, false)
				high, _ := c.Search(v, true)
				if !ok || high != low+1 || c.Value(low) != v {
					t.Fatalf("%s: %v is searched from %d to %d (%v)", name, v, low, high, ok)
				}
			}
		}
		if c, _ := r.column(t, "any"); c.Usable() && size.rows > 10 {
			t.Error("a column of numbers, texts and lists is said to be of use")
		}
		if c, err := r.Column(t.Context(), r.Reader().Place()); err != nil || c.Usable() {
			t.Errorf("the place has a column of use: %v", err)
		}
		if size.rows > 0 && r.Bytes() <= 0 {
			t.Error("the columns take no memory")
		}
	}
}

func (r *rows) checkOrder(t *testing.T, name string, c *Column) {
	t.Helper()
	o, err := c.Order(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for code := range uint32(c.Codes()) {
		last := -1
		for _, row := range o.Between(code, code+1) {
			if c.Code(row) != code || int(row) <= last {
				t.Fatalf("%s: row %d after %d stands among those of code %d", name, row, last, code)
			}
			last = int(row)
			at++
		}
	}
	if at != r.Len() {
		t.Fatalf("%s: %d rows in order, want %d", name, at, r.Len())
	}
}

func (r *rows) checkFilters(t *testing.T, rnd *rand.Rand, name string, c *Column) {
	t.Helper()
	var all []uint32
	for row := range uint32(r.Len()) {
		if rnd.IntN(3) > 0 {
			all = append(all, row)
		}
	}
	low := uint32(rnd.IntN(c.Codes()))
	high := low + uint32(rnd.IntN(c.Codes()-int(low)+1))
	low2 := uint32(rnd.IntN(c.Codes()))
	in := make([]bool, c.Codes())
	for i := range in {
		in[i] = rnd.IntN(2) == 0
	}
	counts := make([]uint32, c.Codes())
	c.Count(counts, all)
	for _, f := range []struct {
		name string
		got  []uint32
		want func(code uint32) bool
	}{
		{"Filter", c.Filter(nil, all, low, high), func(code uint32) bool { return code >= low && code < high }},
		{"FilterTwo", c.FilterTwo(nil, all, low, high, low2, low2+1), func(code uint32) bool { return code >= low && code < high || code == low2 }},
		{"FilterIn", c.FilterIn(nil, all, in), func(code uint32) bool { return in[code] }},
	} {
		var want []uint32
		for _, row := range all {
			if f.want(c.Code(row)) {
				want = append(want, row)
			}
		}
		if !slices.Equal(f.got, want) {
			t.Fatalf("%s of %s from %d to %d: %d rows, want %d", f.name, name, low, high, len(f.got), len(want))
		}
	}
	for _, row := range all {
		counts[c.Code(row)]--
	}
	if slices.ContainsFunc(counts, func(n uint32) bool { return n != 0 }) {
		t.Fatalf("the counts of %s are wrong", name)
	}
}

func TestTermsAreALoop(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	r := newRows(t, rnd, 5000, 900)
	c, f := r.column(t, "name")
	terms, err := c.Terms(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, term := range []string{"", "a", "ir", "air", "yamato 1", "hills 10", " 77", "nowhere"} {
		found := map[uint32]bool{}
		terms.Search(term, func(code uint32) bool { found[code] = true; return true })
		finder := textsearch.NewFinder(term)
		for row, values := range r.values {
			v := values[f]
			want := v.Kind == predicate.Text && strings.Contains(textsearch.Fold(v.Text), term)
			if got := c.Contains(uint32(row), &finder); got != want || v.Kind == predicate.Text && found[c.Code(uint32(row))] != want {
				t.Fatalf("%q has %q in it: %v, in the index %v, want %v", v.Text, term, got, found[c.Code(uint32(row))], want)
			}
		}
	}
}

func TestPlacesAreTheRecords(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := newRows(t, rand.New(rand.NewPCG(seed, 0)), 3000, 50)
	places, err := r.Places(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for row, values := range r.values {
		want := values[r.Reader().Place()]
		got := places.Value(uint32(row))
		if got.Kind != want.Kind || got.IsPoint() != want.IsPoint() {
			t.Fatalf("the place of row %d is %v, want %v", row, got, want)
		}
		if lon, lat := places.Point(uint32(row)); want.Kind == predicate.Place && want.IsPoint() {
			if x, y := want.LonLat(); lon != x || lat != y {
				t.Fatalf("row %d is at %v %v, want %v %v", row, lon, lat, x, y)
			}
		} else if lon == lon || lat == lat {
			t.Fatalf("row %d is at %v %v and has no point", row, lon, lat)
		}
	}
}

// Whoever has no time is told so, and finds made what was begun for it.
func TestMakingIsWaitedForInTime(t *testing.T) {
	r := newRows(t, rand.New(rand.NewPCG(1, 0)), 2000, 50)
	none, cancel := context.WithCancel(t.Context())
	cancel()
	r.builds.one.Lock() // nothing gets made
	f, _ := r.Reader().Find("name")
	_, err := r.Column(none, f)
	var e *dataset.Error
	if !errors.As(err, &e) || e.Code != dataset.Unavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("a column that is not there: %v", err)
	}
	if _, err := r.Places(none); !errors.As(err, &e) || e.Code != dataset.Unavailable {
		t.Errorf("places that are not there: %v", err)
	}
	r.builds.one.Unlock()
	r.group.Wait()
	c, err := r.Column(none, f)
	if err != nil {
		t.Fatalf("a column that is there: %v", err)
	}
	if _, err := r.Places(none); err != nil {
		t.Errorf("places that are there: %v", err)
	}
	if _, err := c.Order(t.Context()); err != nil {
		t.Fatal(err)
	}

	// Another table of the same fields makes what this one has.
	other := newRows(t, rand.New(rand.NewPCG(2, 0)), 500, 50)
	if err := other.Make(t.Context(), r.Made()); err != nil {
		t.Fatal(err)
	}
	made := other.Made()
	if !made.places || len(made.columns) != 1 || !made.columns[0].order || made.columns[0].terms {
		t.Errorf("made %+v", made)
	}
}
