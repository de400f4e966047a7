package readmodel

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"landings/internal/columns"
	"landings/internal/dataset"
	"landings/internal/predicate"
	"landings/internal/query"
)

// Facets counts the values of fields among the records that are meant. matched is
// how many those are.
func (s *Snapshot) Facets(ctx context.Context, q query.Facets) (matched int, facets []query.Facet, err error) {
	facets = make([]query.Facet, len(q.Fields))
	room := newScratch()
	defer room.release()
	tallies, matched, err := s.tally(ctx, room, &q.Where, q.Fields)
	if err != nil {
		return 0, nil, err
	}
	for i, t := range tallies {
		facets[i] = t.facet(q.Fields[i], q.Limit)
	}
	return matched, facets, nil
}

// tally is how often each value of a field occurs.
type tally struct {
	room   *scratch
	from   *values
	column *columns.Column // nil: all values stand in others
	counts []uint32        // by code; nil: few rows beside the codes there are, which stand in runs
	runs   []run           // in ascending order of code, once settled
	others []other         // values that the column does not have, or all of them
	rows   int             // that it was made for
	none   int             // records without a value, beside those in counts or runs
	unfit  int             // records with one that does not fit, likewise
}

// run is how often a code occurs.
type run struct {
	code uint32
	n    int32
}

// fewRows is by how many times the codes of a column must outnumber the rows for the
// rows to be sorted instead of counted by code.
const fewRows = 8

// newTally makes a tally, for at most so many rows: so that it costs in proportion to
// the rows, whatever the number of different values.
func newTally(room *scratch, from *values, rows int) *tally {
	t := &room.tallies.take(1)[0]
	*t = tally{room: room, from: from, column: from.column, rows: rows}
	switch {
	case t.column == nil:
	case rows < t.column.Codes()/fewRows:
		t.runs = room.runs.take(rows)[:0]
	default:
		t.counts = room.codes.take(t.column.Codes())
	}
	return t
}

// addRows counts the values of rows n times.
func (t *tally) addRows(rows []uint32, n int) {
	switch {
	case t.column == nil:
		for _, row := range rows {
			t.add(t.from.of(row), n)
		}
	case t.counts == nil:
		for _, row := range rows {
			t.runs = append(t.runs, run{t.column.Code(row), int32(n)})
		}
	case n == 1:
		t.column.Count(t.counts, rows)
	default:
		for _, row := range rows {
			t.counts[t.column.Code(row)] += uint32(n)
		}
	}
}

// settle brings runs in order. Every tally is settled before it is read.
func (t *tally) settle() {
	slices.SortFunc(t.runs, func(a, b run) int { return cmp.Compare(a.code, b.code) })
	settled := t.runs[:0]
	for _, r := range t.runs {
		if n := len(settled); n > 0 && settled[n-1].code == r.code {
			settled[n-1].n += r.n
		} else {
			settled = append(settled, r)
		}
	}
	t.runs = settled
}

// of gives how often a code occurs.
func (t *tally) of(code uint32) int {
	switch {
	case t.column == nil:
		return 0
	case t.counts != nil:
		return int(t.counts[code])
	}
	if i, ok := slices.BinarySearchFunc(t.runs, code, func(r run, code uint32) int { return cmp.Compare(r.code, code) }); ok {
		return int(t.runs[i].n)
	}
	return 0
}

// codes gives the codes of values that occur and how often, in ascending order.
func (t *tally) codes() iter.Seq2[uint32, int] {
	return func(yield func(uint32, int) bool) {
		if t.column == nil {
			return
		}
		for _, r := range t.runs {
			if r.n > 0 && r.code < t.column.Missing() && !yield(r.code, int(r.n)) {
				return
			}
		}
		if t.counts == nil {
			return
		}
		for code, n := range t.counts[:t.column.Distinct()] {
			if n > 0 && !yield(uint32(code), int(n)) {
				return
			}
		}
	}
}

type other struct {
	value predicate.Value
	count int
}

// add counts a value that is given as such; -1 takes one away.
func (t *tally) add(v predicate.Value, n int) {
	switch {
	case v.Kind == predicate.Missing:
		t.none += n
		return
	case v.Kind == predicate.Misfit:
		t.unfit += n
		return
	}
	if t.column != nil {
		if code, ok := t.column.Search(v, false); ok && code < t.column.Missing() {
			if o, ok := predicate.Order(t.column.Value(code), v); ok && o == 0 {
				if t.counts != nil {
					t.counts[code] += uint32(n)
				} else {
					t.runs = append(t.runs, run{code, int32(n)})
				}
				return
			}
		}
	}
	for i := range t.others {
		if sameValue(t.others[i].value, v) {
			t.others[i].count += n
			return
		}
	}
	t.others = append(t.others, other{v, n})
}

func sameValue(a, b predicate.Value) bool {
	if a == b {
		return true
	}
	o, ok := predicate.Order(a, b)
	return ok && o == 0
}

// missing and misfits give how many records have no value, or none that fits.
func (t *tally) missing() int {
	if t.column == nil {
		return t.none
	}
	return t.none + t.of(t.column.Missing())
}

func (t *tally) misfits() int {
	if t.column == nil {
		return t.unfit
	}
	return t.unfit + t.of(t.column.Misfit())
}

// values gives the values that occur and how often, in ascending order.
func (t *tally) values(see func(v predicate.Value, n int)) {
	slices.SortFunc(t.others, func(a, b other) int {
		if o, ok := predicate.Order(a.value, b.value); ok {
			return o
		}
		return cmp.Or(cmp.Compare(a.value.Kind, b.value.Kind), strings.Compare(spelled(a.value), spelled(b.value)))
	})
	rest := t.others
	for code, n := range t.codes() {
		v := t.column.Value(code)
		for len(rest) > 0 {
			if o, ok := predicate.Order(rest[0].value, v); !ok || o > 0 {
				break
			}
			if rest[0].count > 0 {
				see(rest[0].value, rest[0].count)
			}
			rest = rest[1:]
		}
		see(v, n)
	}
	for _, o := range rest {
		if o.count > 0 {
			see(o.value, o.count)
		}
	}
}

// counted is a value of a facet.
type counted struct {
	count, at int
	code      uint32
	value     predicate.Value
}

func (t *tally) facet(field string, limit int) query.Facet {
	f := query.Facet{Field: field, Missing: t.missing()}
	// The most frequent first: the heap has the one that goes next on top.
	before := func(a, b counted) int { return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.at, b.at)) }
	best := t.room.counted.take(max(0, min(limit, usualLimit)))[:0]
	total := 0
	keep := func(e counted) {
		f.Distinct++
		total += e.count
		if limit > 0 && (len(best) < limit || before(e, best[0]) < 0) {
			best = pushHeap(best, e, limit, before)
		}
	}
	if len(t.others) == 0 && t.column != nil {
		for code, n := range t.codes() {
			keep(counted{count: n, at: int(code), code: code})
		}
		for i := range best {
			best[i].value = t.column.Value(best[i].code)
		}
	} else {
		t.values(func(v predicate.Value, n int) { keep(counted{count: n, at: f.Distinct, value: v}) })
	}
	slices.SortFunc(best, before)
	f.Values = make([]query.Count, 0, len(best))
	f.Other = total + t.misfits()
	for _, e := range best {
		f.Values = append(f.Values, query.Count{Value: json.RawMessage(spelled(e.value)), Count: e.count})
		f.Other -= e.count
	}
	return f
}

// usualLimit is how many values of a facet are mostly asked for at most.
const usualLimit = 32

// spelled gives a value as JSON.
func spelled(v predicate.Value) string {
	switch v.Kind {
	case predicate.Number:
		return spelledNumber(v.Float())
	case predicate.Integer:
		return strconv.FormatInt(v.Int(), 10)
	case predicate.Boolean:
		return strconv.FormatBool(v.Bits != 0)
	case predicate.Text:
		return quoted(v.Text)
	case predicate.Instant:
		return quoted(instant(v.Int()))
	case predicate.Place:
		if v.IsPoint() {
			lon, lat := v.LonLat()
			return `{"type":"Point","coordinates":[` + spelledNumber(lon) + "," + spelledNumber(lat) + "]}"
		}
		return v.Text
	case predicate.JSON:
		return v.Text
	}
	return "null"
}

func quoted(s string) string {
	b, err := jsontext.AppendQuote(nil, s)
	if err != nil {
		return `""` // not to be had: texts are valid UTF-8
	}
	return string(b)
}

// spelledNumber gives a number as JSON; what is beyond float64 is beyond it still.
func spelledNumber(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "1e999"
	case math.IsInf(f, -1):
		return "-1e999"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func instant(us int64) string { return time.UnixMicro(us).UTC().Format(time.RFC3339Nano) }

// fieldsOf finds fields by name.
func (s *Snapshot) fieldsOf(names []string) ([]int, error) {
	fields := make([]int, len(names))
	for i, name := range names {
		f, ok := s.columns().Reader().Find(name)
		if !ok {
			return nil, &dataset.Error{
				Code:    dataset.Invalid,
				Message: "there is no field " + dataset.Excerpt(name),
				Remedy:  "the fields are " + strings.Join(s.columns().Reader().Names(), ", "),
				Places:  []dataset.Place{{Parameter: "fields", Detail: "there is no " + dataset.Excerpt(name)}},
			}
		}
		fields[i] = f
	}
	return fields, nil
}

// valuesOf gives the values of fields.
func (s *Snapshot) valuesOf(ctx context.Context, room *scratch, fields []int) ([]*values, error) {
	all := make([]*values, len(fields))
	for i, f := range fields {
		var err error
		if all[i], err = newValues(ctx, room, s.columns(), f); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// tally counts the values of fields among the records that are meant.
func (s *Snapshot) tally(ctx context.Context, room *scratch, w *query.Where, names []string) (tallies []*tally, matched int, err error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	fields, err := s.fieldsOf(names)
	if err != nil {
		return nil, 0, err
	}
	p, err := newPlan(ctx, room, s.columns(), w, fields...)
	if err != nil {
		return nil, 0, err
	}
	all, err := s.valuesOf(ctx, room, fields)
	if err != nil {
		return nil, 0, err
	}
	for _, from := range all {
		tallies = append(tallies, newTally(room, from, p.rows))
	}
	count := func(rows []uint32, n int) {
		for _, t := range tallies {
			t.addRows(rows, n)
		}
	}
	if len(p.leaves) == 0 && !slices.ContainsFunc(tallies, func(t *tally) bool { return t.counts == nil }) {
		matched = s.columns().Len()
		for _, t := range tallies {
			o, err := t.column.Order(ctx)
			if err != nil {
				return nil, 0, err
			}
			for code := range t.counts {
				t.counts[code] = o.Starts[code+1] - o.Starts[code]
			}
		}
	} else {
		err = p.each(ctx, func(rows []uint32) {
			matched += len(rows)
			count(rows, 1)
		})
		if err != nil {
			return nil, 0, err
		}
	}
	f, err := s.correct(ctx, p)
	if err != nil {
		return nil, 0, err
	}
	count(f.dead, -1)
	for i := range f.changed {
		for _, t := range tallies {
			t.add(f.changed[i].change.values[t.from.field], 1)
		}
	}
	for _, t := range tallies {
		t.settle()
	}
	return tallies, matched - len(f.dead) + len(f.changed), nil
}

// values is where the values of a field are had from.
type values struct {
	table  *columns.Table
	field  int
	column *columns.Column  // nil: of no use
	places *columns.Places  // nil: the field is not the place
	want   predicate.Wanted // what has to be read of the record where both are nil
	room   predicate.Row
}

func newValues(ctx context.Context, room *scratch, t *columns.Table, field int) (*values, error) {
	v := &room.values.take(1)[0]
	*v = values{table: t, field: field}
	var err error
	if field == t.Reader().Place() {
		v.places, err = t.Places(ctx)
		return v, err
	}
	if v.column, err = t.Column(ctx, field); err != nil || v.column.Usable() {
		return v, err
	}
	v.column, v.want, v.room = nil, t.Reader().Want(field), t.Reader().NewRow()
	return v, nil
}

// of gives the value of a row.
func (v *values) of(row uint32) predicate.Value {
	switch {
	case v.column != nil:
		return v.column.Value(v.column.Code(row))
	case v.places != nil:
		return v.places.Value(row)
	}
	v.table.Reader().Read(v.table.Record(row), &v.want, v.room)
	return v.room[v.field]
}

// Histogram counts the values of a field in bins of equal width, whose borders are
// multiples of 1, 2 or 5 times a power of ten; times are in microseconds so.
func (s *Snapshot) Histogram(ctx context.Context, q query.Histogram) (query.Bins, error) {
	bins := query.Bins{Field: q.Field, Borders: []any{}, Counts: []int{}}
	room := newScratch()
	defer room.release()
	tallies, _, err := s.tally(ctx, room, &q.Where, []string{q.Field})
	if err != nil {
		return bins, err
	}
	t := tallies[0]
	bins.Missing = t.missing() + t.misfits()
	var values []float64
	var counts []int
	times := false
	t.values(func(v predicate.Value, n int) {
		switch v.Kind {
		case predicate.Number, predicate.Integer:
			if f := v.Float(); !math.IsInf(f, 0) {
				values, counts = append(values, f), append(counts, n)
			} else {
				bins.Missing += n
			}
		case predicate.Instant:
			times = true
			values, counts = append(values, float64(v.Int())), append(counts, n)
		default:
			bins.Missing += n
		}
	})
	if len(values) == 0 {
		return bins, nil
	}
	width := binWidth(values[0], values[len(values)-1], max(q.Bins, 1))
	first := math.Floor(values[0] / width)
	n := max(1, int(math.Ceil(values[len(values)-1]/width-first)))
	bins.Counts = make([]int, n)
	for i := range n + 1 {
		border := (first + float64(i)) * width
		if times {
			bins.Borders = append(bins.Borders, instant(int64(border)))
		} else {
			bins.Borders = append(bins.Borders, border)
		}
	}
	for i, v := range values {
		bins.Counts[min(int(v/width-first), n-1)] += counts[i]
	}
	return bins, nil
}

// binWidth gives the least round width with which at most so many bins hold low to
// high.
func binWidth(low, high float64, most int) float64 {
	if high == low {
		return 1
	}
	width := math.Pow(10, math.Floor(math.Log10((high-low)/float64(most))))
	for _, m := range []float64{1, 2, 5, 10} {
		if math.Floor(high/(m*width))-math.Floor(low/(m*width))+1 <= float64(most) {
			return m * width
		}
	}
	return 20 * width
}

// Summary gives figures of fields, over all records meant or group by group.
func (s *Snapshot) Summary(ctx context.Context, q query.Summary) (matched int, groups []query.Group, err error) {
	room := newScratch()
	defer room.release()
	if len(q.By) == 0 {
		tallies, matched, err := s.tally(ctx, room, &q.Where, q.Fields)
		if err != nil {
			return 0, nil, err
		}
		g := query.Group{Records: matched, Fields: make([]query.Figures, len(q.Fields))}
		for i, t := range tallies {
			g.Fields[i] = t.figures(q.Fields[i], q.Quantiles)
		}
		return matched, []query.Group{g}, nil
	}
	names, err := s.fieldsOf(slices.Concat(q.Fields, q.By))
	if err != nil {
		return 0, nil, err
	}
	p, err := newPlan(ctx, room, s.columns(), &q.Where, names...)
	if err != nil {
		return 0, nil, err
	}
	all, err := s.valuesOf(ctx, room, names)
	if err != nil {
		return 0, nil, err
	}
	fields, by := all[:len(q.Fields)], all[len(q.Fields):]
	parts, matched, err := s.partition(ctx, p, by)
	if err != nil {
		return 0, nil, err
	}
	groups = []query.Group{}
	for _, part := range parts[:min(len(parts), max(q.Limit, 0))] {
		if err := ctx.Err(); err != nil {
			return 0, nil, err
		}
		g := query.Group{Records: len(part.rows) + len(part.changed), Fields: make([]query.Figures, len(fields))}
		for _, v := range part.by {
			g.By = append(g.By, json.RawMessage(spelled(v)))
		}
		for i, f := range fields {
			g.Fields[i] = part.figures(f, q.Fields[i], q.Quantiles)
		}
		groups = append(groups, g)
	}
	return matched, groups, nil
}

// part is the records of one group.
type part struct {
	by      []predicate.Value
	place   uint32 // among the parts as they were found
	count   int
	rows    []uint32
	changed []*change
}

// partition groups the records that are meant, the largest group first.
func (s *Snapshot) partition(ctx context.Context, p *plan, by []*values) (parts []*part, matched int, err error) {
	byKey := map[string]*part{}
	group := func(value func(*values) predicate.Value) *part {
		var room [128]byte
		key := room[:0]
		for _, f := range by {
			key = append(append(key, spelled(fitting(value(f)))...), ',')
		}
		g := byKey[string(key)]
		if g == nil {
			g = &part{place: uint32(len(parts))}
			for _, f := range by {
				g.by = append(g.by, fitting(value(f)))
			}
			byKey[string(key)] = g
			parts = append(parts, g)
		}
		return g
	}
	// Rows with the same codes are in the same group.
	type codes [2]uint32
	byCodes := map[codes]*part{}
	var last *part // and its codes: neighbours are often of one group
	var lastCodes codes
	known := len(by) <= len(lastCodes) && !slices.ContainsFunc(by, func(v *values) bool { return v.column == nil })
	changed := s.recent.count() > 0
	usual := min(p.rows, 8*batch)
	all := p.room.codes.take(usual)[:0] // the rows, and the places of their parts
	in := p.room.codes.take(usual)[:0]
	put := func(row uint32, g *part) {
		all, in = append(all, row), append(in, g.place)
		g.count++
	}
	err = p.each(ctx, func(rows []uint32) {
		for _, row := range rows {
			if changed && s.isDead(row) {
				continue
			}
			value := func(v *values) predicate.Value { return v.of(row) }
			if !known {
				put(row, group(value))
				continue
			}
			var c codes
			for i := range by {
				c[i] = by[i].column.Code(row)
			}
			if last == nil || c != lastCodes {
				lastCodes = c
				if last = byCodes[c]; last == nil {
					last = group(value)
					byCodes[c] = last
				}
			}
			put(row, last)
		}
	})
	if err != nil {
		return nil, 0, err
	}
	for _, g := range parts {
		g.rows = p.room.codes.take(g.count)[:0]
	}
	for i, row := range all {
		g := parts[in[i]]
		g.rows = append(g.rows, row)
	}
	f, err := s.correct(ctx, p)
	if err != nil {
		return nil, 0, err
	}
	for i := range f.changed {
		c := f.changed[i].change
		g := group(func(v *values) predicate.Value { return c.values[v.field] })
		g.changed = append(g.changed, c)
	}
	matched = len(all) + len(f.changed)
	key := sortKey{}
	slices.SortFunc(parts, func(a, b *part) int {
		if c := cmp.Compare(len(b.rows)+len(b.changed), len(a.rows)+len(a.changed)); c != 0 {
			return c
		}
		for i := range a.by {
			if c := key.compareValues(a.by[i], b.by[i]); c != 0 {
				return c
			}
		}
		return 0
	})
	return parts, matched, nil
}

// fitting makes nothing of what does not fit.
func fitting(v predicate.Value) predicate.Value {
	if v.Kind == predicate.Misfit {
		return predicate.Value{}
	}
	return v
}

// figures describes the values of a field among the records of a group.
func (g *part) figures(from *values, field string, quantiles []float64) query.Figures {
	room := newScratch() // of its own: there may be many groups
	defer room.release()
	t := newTally(room, from, len(g.rows))
	t.addRows(g.rows, 1)
	for _, c := range g.changed {
		t.add(c.values[from.field], 1)
	}
	t.settle()
	return t.figures(field, quantiles)
}

// figures describes the values of a tally.
func (t *tally) figures(field string, quantiles []float64) query.Figures {
	f := query.Figures{Field: field, Missing: t.missing(), Misfits: t.misfits()}
	var numbers []float64 // and how often each occurs; for quantiles
	var counts []int
	if len(quantiles) > 0 && t.column != nil {
		most := max(len(t.runs), min(len(t.counts), t.rows)) + len(t.others)
		numbers, counts = t.room.numbers.take(most)[:0], t.room.counts.take(most)[:0]
	}
	sum, total := 0.0, 0
	var least, most predicate.Value
	t.values(func(v predicate.Value, n int) {
		f.Count += n
		switch v.Kind {
		case predicate.Number, predicate.Integer:
			x := v.Float()
			if total += n; len(quantiles) > 0 {
				numbers, counts = append(numbers, x), append(counts, n)
			}
			sum += x * float64(n)
		case predicate.Text, predicate.Instant, predicate.Boolean:
		default:
			return
		}
		most = v
		if least.Kind == predicate.Missing {
			least = v
		}
	})
	if most.Kind != predicate.Missing {
		f.Min, f.Max = json.RawMessage(spelled(least)), json.RawMessage(spelled(most))
	}
	if total == 0 || total != f.Count {
		return f // of values of several kinds these figures say nothing
	}
	if !math.IsInf(sum, 0) && !math.IsNaN(sum) {
		mean := sum / float64(total)
		f.Sum, f.Mean = &sum, &mean
	}
	for _, q := range quantiles {
		f.Quantiles = append(f.Quantiles, quantile(numbers, counts, total, q))
	}
	return f
}

// quantile interpolates linearly between neighbours: type 7 of Hyndman and Fan,
// Sample Quantiles in Statistical Packages, 1996.
func quantile(values []float64, counts []int, total int, q float64) float64 {
	at := q * float64(total-1)
	below := int(at)
	nth := func(k int) float64 {
		for i, n := range counts {
			if k < n {
				return values[i]
			}
			k -= n
		}
		return values[len(values)-1]
	}
	low := nth(below)
	if part := at - float64(below); part > 0 {
		return low + part*(nth(below+1)-low)
	}
	return low
}
