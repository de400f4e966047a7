package readmodel

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"landings/internal/cql2"
	"landings/internal/dataset"
	"landings/internal/predicate"
	"landings/internal/query"
)

var querySchema = dataset.Schema{
	Fields: []dataset.Field{
		{Name: "name", Type: dataset.Text},
		{Name: "class", Type: dataset.Text},
		{Name: "mass", Type: dataset.Number},
		{Name: "year", Type: dataset.Integer},
		{Name: "fell", Type: dataset.Boolean},
		{Name: "seen", Type: dataset.Time},
		{Name: "tags", Type: dataset.JSON},
		{Name: "where", Type: dataset.JSON},
	},
	Geometry:  &dataset.Geometry{GeoJSON: "where"},
	TimeField: "seen",
}

// asker makes records and questions about them.
type asker struct{ *rand.Rand }

func (a asker) one(from ...string) string { return from[a.IntN(len(from))] }

func (a asker) record() []byte {
	m := map[string]any{}
	put := func(name string, v any) {
		switch a.IntN(8) {
		case 0:
		case 1:
			m[name] = nil
		case 2:
			m[name] = ""
		default:
			m[name] = v
		}
	}
	put("name", a.one("Aachen", "Aïr", "AÏR", "al", "Yamato ", "x_y", "100%", "L6")+fmt.Sprint(a.IntN(40)))
	put("class", a.one("L6", "H5", "H6", "Iron, IVA", "aïr"))
	put("mass", a.one("21", "0.5", "1e400", "-3", "heavy")+"")
	if a.IntN(2) == 0 {
		put("mass", float64(a.IntN(100))/4)
	}
	put("year", a.one("0860", "1990", "2000", "unknown"))
	if a.IntN(2) == 0 {
		put("year", 1900+a.IntN(100))
	}
	put("fell", a.IntN(2) == 0)
	put("seen", fmt.Sprintf("20%02d-0%d-01", a.IntN(20), 1+a.IntN(9)))
	put("tags", []any{a.one("a", "b"), a.IntN(3)})
	x, y := float64(a.IntN(36)*10-180), float64(a.IntN(18)*10-90)
	switch a.IntN(8) {
	case 0:
		put("where", map[string]any{"type": "LineString", "coordinates": [][]float64{{x, y}, {x + 5, y + 5}}})
	case 1:
		put("where", map[string]any{"type": "Nowhere"})
	case 2:
		put("where", map[string]any{"type": "Point", "coordinates": []float64{0, 0}})
	default:
		put("where", map[string]any{"type": "Point", "coordinates": []float64{x, y}})
	}
	b, _ := json.Marshal(m)
	return b
}

func (a asker) filter(depth int) string {
	if depth > 0 && a.IntN(2) == 0 {
		switch a.IntN(3) {
		case 0:
			return "NOT (" + a.filter(depth-1) + ")"
		case 1:
			return "(" + a.filter(depth-1) + " OR " + a.filter(depth-1) + ")"
		}
		return "(" + a.filter(depth-1) + " AND " + a.filter(depth-1) + ")"
	}
	op := a.one("=", "<>", "<", "<=", ">", ">=")
	x, y := a.IntN(36)*10-180, a.IntN(17)*10-90
	switch a.IntN(14) {
	case 0:
		return "class " + op + " " + a.one("'L6'", "'H'", "'zzz'", "name")
	case 1:
		return fmt.Sprintf("mass %s %s", op, a.one("21", "'0.5'", "1e401", "12.25", "year"))
	case 2:
		return fmt.Sprintf("year %s %s", op, a.one("1990", "860", "1950.5", "mass + 1900"))
	case 3:
		return a.one("fell", "fell = FALSE", "name IS NULL", "mass IS NOT NULL", "tags IS NULL", "geometry IS NULL")
	case 4:
		return "name " + a.one("LIKE", "NOT LIKE") + " " + a.one("'A%'", "'%achen%'", "'%1_'", "'Y%0'", "'100\\%%'", "'%%'")
	case 5:
		return "CASEI(name) LIKE CASEI('" + a.one("%AïR%", "aa%", "%MATO%") + "')"
	case 6:
		return "ACCENTI(CASEI(name)) " + a.one("LIKE 'air%'", "= 'air7'", "LIKE '%achen1%'")
	case 7:
		return a.one("class", "name") + a.one(" IN", " NOT IN") + " ('L6', 'H6', 'Aachen3', 'none')"
	case 8:
		return fmt.Sprintf("seen %s DATE('2010-0%d-01')", op, 1+a.IntN(9))
	case 9:
		return fmt.Sprintf("T_INTERSECTS(seen, INTERVAL('2005-01-01', '20%02d-01-01'))", 5+a.IntN(10))
	case 10:
		return fmt.Sprintf("%s(geometry, BBOX(%d,%d,%d,%d))", a.one("S_INTERSECTS", "S_WITHIN", "S_DISJOINT"), x, y, a.IntN(36)*10-180, y+a.IntN(10)*10%(90-y+1))
	case 11:
		return fmt.Sprintf("%s(geometry, POLYGON((%d %d, %d %d, %d %d, %d %d)))", a.one("S_INTERSECTS", "S_WITHIN", "S_TOUCHES", "S_CROSSES"), x, y, x+60, y, x, min(y+60, 90), x, y)
	case 12:
		return "A_CONTAINS(tags, ('a'))"
	}
	return fmt.Sprintf("mass BETWEEN %d AND %d", a.IntN(20), a.IntN(30))
}

func (a asker) where(t *testing.T) query.Where {
	var w query.Where
	if a.IntN(5) > 0 {
		f := a.filter(3)
		e, err := cql2.ParseText(f)
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		w.Filter = e
	}
	if a.IntN(4) == 0 {
		w.Search = a.one("air", "ACHEN", "l6", "a", "mato 1", "zzz", "L6 1", "iron")
	}
	if a.IntN(4) == 0 {
		w.Near = &query.Near{Lon: float64(a.IntN(360) - 180), Lat: float64(a.IntN(180) - 90), Radius: math.Inf(1)}
		if a.IntN(2) == 0 {
			w.Near.Radius = a.ExpFloat64() * 3e6
		}
	}
	return w
}

// loop answers a query by looking at each record.
type loop struct {
	reader  *predicate.Reader
	records []dataset.Record
	values  []predicate.Row
	metres  []float64
}

func (s *Snapshot) loop(t *testing.T, w query.Where) *loop {
	l := &loop{reader: predicate.NewReader(s.state.Schema)}
	var pred predicate.Pred = predicate.Const(predicate.True)
	if w.Filter != nil {
		var err error
		if pred, err = predicate.Bind(l.reader, w.Filter); err != nil {
			t.Fatal(err)
		}
	}
	p := &plan{table: s.columns(), terms: strings.Fields(strings.ToLower(w.Search)), near: w.Near}
	want := l.reader.WantAll()
	for r := range s.All() {
		row := l.reader.NewRow()
		l.reader.Read(r, &want, row)
		if _, ok := p.holds(row); !ok || pred.Test(row) != predicate.True {
			continue
		}
		l.records, l.values = append(l.records, r), append(l.values, row)
		m := 0.0
		if w.Near != nil {
			m, _ = p.metres(row[l.reader.Place()])
		}
		l.metres = append(l.metres, m)
	}
	return l
}

// order gives the records' numbers in order.
func (l *loop) order(q query.Query) []int {
	numbers := make([]int, len(l.records))
	for i := range numbers {
		numbers[i] = i
	}
	slices.SortStableFunc(numbers, func(a, b int) int {
		if q.Near != nil && q.SortBy == nil {
			return cmp.Compare(l.metres[a], l.metres[b])
		}
		for _, k := range q.SortBy {
			f, _ := l.reader.Find(k.Field)
			x, y := l.values[a][f], l.values[b][f]
			none := func(v predicate.Value) bool { return v.Kind == predicate.Missing || v.Kind == predicate.Misfit }
			if none(x) || none(y) {
				if none(x) == none(y) {
					continue
				}
				if none(x) {
					return 1
				}
				return -1
			}
			if c, _ := predicate.Order(x, y); c != 0 {
				if k.Descending {
					return -c
				}
				return c
			}
		}
		return 0
	})
	return numbers
}

// The engine must answer as a loop over the records does, whatever was written
// since its columns were made.
func TestQueriesAreALoop(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	a := asker{rand.New(rand.NewPCG(seed, 0))}
	for _, size := range []int{0, 3, 700, 6000} {
		catalog := newCatalog(t)
		d := catalog.Dataset("test")
		state := dataset.State{Name: "test", Epoch: "e", Version: 1, Generation: 1, Schema: querySchema}
		var changes []dataset.Change
		for i := range size {
			changes = append(changes, dataset.Change{Record: dataset.Record{ID: fmt.Sprint("r", i), Position: uint64(i * (1 + size%3)), JSON: a.record()}})
		}
		next := uint64(size*3 + 1)
		d.Replace(state, dataset.Sequence(nil).With(changes))
		for step := range 150 {
			a.ask(t, d.Snapshot())
			if t.Failed() {
				t.Fatalf("%d records, step %d", size, step)
			}
			state.Version++
			var batch []dataset.Change
			for range a.IntN(60) {
				id := fmt.Sprint("r", a.IntN(size+20))
				old, ok := d.Lookup(id)
				if slices.ContainsFunc(batch, func(c dataset.Change) bool { return c.Record.ID == id }) {
					continue
				}
				c := dataset.Change{Record: dataset.Record{ID: id, Position: old.Position, JSON: a.record()}}
				switch {
				case !ok:
					c.Record.Position = next
					next++
				case a.IntN(3) == 0:
					c.Delete, c.Record.JSON = true, nil
				}
				batch = append(batch, c)
			}
			d.Apply(state, batch)
		}
		catalog.Wait()
		a.ask(t, d.Snapshot())
	}
}

// choices is a source of numbers that the fuzzer makes up, two bytes each, and of
// arbitrary ones where those are used up.
type choices struct {
	data []byte
	rest *rand.PCG
}

func (c *choices) Uint64() uint64 {
	if len(c.data) < 2 {
		return c.rest.Uint64()
	}
	// What takes a few of many looks at the high bits, or at the low ones.
	n := uint64(binary.BigEndian.Uint16(c.data))
	c.data = c.data[2:]
	return n<<48 | n<<24 | n
}

// FuzzPlanner is TestQueriesAreALoop with choices that the fuzzer makes: of the
// questions first, then of the records and of what is written.
func FuzzPlanner(f *testing.F) {
	for seed := range uint64(8) {
		data := make([]byte, 200)
		for i := range data {
			data[i] = byte(rand.NewPCG(seed, uint64(i)).Uint64())
		}
		f.Add(data, uint8(seed*30))
	}
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		questions := asker{rand.New(&choices{data, rand.NewPCG(1, 0)})}
		a := asker{rand.New(rand.NewPCG(uint64(len(data)), uint64(size)))}
		catalog := newCatalog(t)
		d := catalog.Dataset("test")
		state := dataset.State{Name: "test", Epoch: "e", Version: 1, Generation: 1, Schema: querySchema}
		var changes []dataset.Change
		for i := range int(size) {
			changes = append(changes, dataset.Change{Record: dataset.Record{ID: fmt.Sprint("r", i), Position: uint64(i * 2), JSON: a.record()}})
		}
		d.Replace(state, dataset.Sequence(nil).With(changes))
		for range 3 {
			questions.ask(t, d.Snapshot())
			state.Version++
			var batch []dataset.Change
			for i := range int(size) {
				if a.IntN(8) == 0 {
					batch = append(batch, dataset.Change{Delete: a.IntN(3) == 0, Record: dataset.Record{ID: fmt.Sprint("r", i), Position: uint64(i * 2), JSON: a.record()}})
				}
			}
			d.Apply(state, batch)
		}
		catalog.Wait()
	})
}

func (a asker) ask(t *testing.T, s *Snapshot) {
	t.Helper()
	ctx := context.Background()
	w := a.where(t)
	q := query.Query{Where: w, Limit: []int{0, 1, 7, 100, math.MaxInt}[a.IntN(5)], Explain: a.IntN(2) == 0}
	for range a.IntN(3) {
		q.SortBy = append(q.SortBy, query.Key{Field: a.one("name", "class", "mass", "year", "seen", "fell"), Descending: a.IntN(2) == 0})
	}
	l := s.loop(t, w)
	order := l.order(q)
	said := fmt.Sprintf("%s q=%q near=%v sort=%v limit=%d", cql2Text(w.Filter), w.Search, w.Near, q.SortBy, q.Limit)
	page, err := s.Query(ctx, q)
	if err != nil {
		t.Fatalf("%s: %v", said, err)
	}
	want := order[:min(len(order), q.Limit)]
	if page.Matched != len(order) || len(page.Records) != len(want) || page.More != (q.Limit > 0 && len(order) > q.Limit) {
		t.Errorf("%s: %d of %d (%v), want %d of %d", said, len(page.Records), page.Matched, page.More, len(want), len(order))
		return
	}
	for i, n := range want {
		if page.Records[i].Position != l.records[n].Position || string(page.Records[i].JSON) != string(l.records[n].JSON) {
			t.Errorf("%s: record %d is at %d, want %d", said, i, page.Records[i].Position, l.records[n].Position)
			return
		}
		if w.Near != nil && page.Distances[i] != l.metres[n] {
			t.Errorf("%s: record %d is %v away, want %v", said, i, page.Distances[i], l.metres[n])
		}
	}
	if len(order) > 0 { // a page that begins behind any of them
		at := a.IntN(len(order))
		q.After = &l.records[order[at]].Position
		q.Limit = 1 + a.IntN(10)
		page, err := s.Query(ctx, q)
		if err != nil {
			t.Fatalf("%s: %v", said, err)
		}
		want := order[at+1 : min(len(order), at+1+q.Limit)]
		if page.Matched != len(order) || len(page.Records) != len(want) || page.More != (len(order) > at+1+q.Limit) {
			t.Errorf("%s after %d: %d of %d, want %d of %d", said, at, len(page.Records), page.Matched, len(want), len(order))
			return
		}
		for i, n := range want {
			if page.Records[i].Position != l.records[n].Position {
				t.Errorf("%s after %d: record %d is at %d, want %d", said, at, i, page.Records[i].Position, l.records[n].Position)
				return
			}
		}
	}
	a.askFigures(t, s, l, w, said)
}

func (a asker) askFigures(t *testing.T, s *Snapshot, l *loop, w query.Where, said string) {
	t.Helper()
	ctx := context.Background()
	fields := []string{"name", "class", "mass", "year", "fell", "seen", "tags", "where"}
	limit := 1 + a.IntN(12)
	matched, facets, err := s.Facets(ctx, query.Facets{Where: w, Fields: fields, Limit: limit})
	if err != nil || matched != len(l.records) {
		t.Errorf("%s: facets of %d, want %d (%v)", said, matched, len(l.records), err)
		return
	}
	for i, name := range fields {
		f, _ := l.reader.Find(name)
		counts := map[string]int{}
		missing, misfits := 0, 0
		for _, row := range l.values {
			switch row[f].Kind {
			case predicate.Missing:
				missing++
			case predicate.Misfit:
				misfits++
			default:
				counts[spelled(row[f])]++
			}
		}
		got := facets[i]
		total := got.Other
		last := math.MaxInt
		for _, v := range got.Values {
			if counts[string(v.Value)] != v.Count || v.Count > last {
				t.Errorf("%s: %s is %s %d times, want %d", said, name, v.Value, v.Count, counts[string(v.Value)])
				return
			}
			last = v.Count
			total += v.Count
		}
		if got.Distinct != len(counts) || got.Missing != missing || total+missing != len(l.records) || len(got.Values) != min(limit, len(counts)) {
			t.Errorf("%s: facet of %s: %+v, want %d different, %d missing, %d misfits", said, name, got, len(counts), missing, misfits)
			return
		}
	}
	by := []string{"class", "fell", "year"}[:a.IntN(4)]
	matched, groups, err := s.Summary(ctx, query.Summary{Where: w, Fields: []string{"mass", "name"}, By: by, Quantiles: []float64{0, 0.5, 1}, Limit: math.MaxInt})
	if err != nil || matched != len(l.records) {
		t.Errorf("%s: summary of %d, want %d (%v)", said, matched, len(l.records), err)
		return
	}
	wants := map[string][]float64{}
	counts := map[string]int{}
	mass, _ := l.reader.Find("mass")
	for _, row := range l.values {
		var key []string
		for _, name := range by {
			f, _ := l.reader.Find(name)
			key = append(key, spelled(row[f]))
		}
		k := strings.Join(key, ",")
		counts[k]++
		if v := row[mass]; v.Kind == predicate.Number {
			wants[k] = append(wants[k], v.Float())
		}
	}
	if len(by) > 0 && len(groups) != len(counts) {
		t.Errorf("%s: %d groups by %v, want %d", said, len(groups), by, len(counts))
		return
	}
	for _, g := range groups {
		var key []string
		for _, b := range g.By {
			key = append(key, string(b))
		}
		k := strings.Join(key, ",")
		f := g.Fields[0]
		want := wants[k]
		slices.Sort(want)
		if g.Records != counts[k] || f.Count != len(want) {
			t.Errorf("%s: group %s has %d, %d with a mass, want %d, %d", said, k, g.Records, f.Count, counts[k], len(want))
			return
		}
		if len(want) > 0 && (f.Quantiles[0] != want[0] || f.Quantiles[2] != want[len(want)-1]) {
			t.Errorf("%s: quantiles of group %s are %v, want from %v to %v", said, k, f.Quantiles, want[0], want[len(want)-1])
			return
		}
	}
	bins, err := s.Histogram(ctx, query.Histogram{Where: w, Field: "year", Bins: 1 + a.IntN(10)})
	total := bins.Missing
	for _, n := range bins.Counts {
		total += n
	}
	if err != nil || total != len(l.records) {
		t.Errorf("%s: a histogram of %d, want %d (%v)", said, total, len(l.records), err)
	}
}

func cql2Text(e cql2.Expr) string {
	if e == nil {
		return "all"
	}
	return cql2.Text(e)
}
