package readmodel

import (
	"math"
	"math/bits"
	"slices"

	"landings/internal/columns"
	"landings/internal/geo"
	"landings/internal/predicate"
	"landings/internal/textsearch"
)

// leaf is a condition on rows of a table.
type leaf interface {
	// filter appends those of rows that it holds for to dst, which may begin where
	// rows does: it never writes behind what it has read.
	filter(dst, rows []uint32) []uint32
	name() string
}

// source is a leaf that knows its rows.
type source interface {
	leaf
	// count is how many rows list gives; exact says that it holds for all of them.
	count() (n int, exact bool)
	// list gives rows without which it holds for none; ascending says whether they
	// are in order. They are not to be modified.
	list() (rows []uint32, ascending bool)
}

// span is codes from low to below high.
type span struct{ low, high uint32 }

// byCode holds for rows whose code lies in one of some spans, which are ascending
// and apart.
type byCode struct {
	column *columns.Column
	order  *columns.Order
	spans  []span
	field  string
	in     []bool // by code, where there are many spans
}

const manySpans = 3

func newByCode(field string, c *columns.Column, o *columns.Order, spans ...span) *byCode {
	kept := spans[:0]
	for _, s := range spans {
		if s.low < s.high {
			kept = append(kept, s)
		}
	}
	l := &byCode{column: c, order: o, spans: kept, field: field}
	if len(kept) >= manySpans {
		l.in = make([]bool, c.Codes())
		for _, s := range kept {
			for code := s.low; code < s.high; code++ {
				l.in[code] = true
			}
		}
	}
	return l
}

// isValue says that it holds for one code alone.
func (l *byCode) isValue() bool { return len(l.spans) == 1 && l.spans[0].high-l.spans[0].low == 1 }

func (l *byCode) name() string {
	if l.isValue() {
		return "value of " + l.field
	}
	return "range of " + l.field
}

func (l *byCode) filter(dst, rows []uint32) []uint32 {
	switch {
	case len(l.spans) == 0:
		return dst
	case l.in != nil:
		return l.column.FilterIn(dst, rows, l.in)
	case len(l.spans) == 2:
		return l.column.FilterTwo(dst, rows, l.spans[0].low, l.spans[0].high, l.spans[1].low, l.spans[1].high)
	}
	return l.column.Filter(dst, rows, l.spans[0].low, l.spans[0].high)
}

func (l *byCode) count() (int, bool) { return l.len(), true }

// len is how many rows it holds for.
func (l *byCode) len() int {
	n := 0
	for _, s := range l.spans {
		n += int(l.order.Starts[s.high] - l.order.Starts[s.low])
	}
	return n
}

func (l *byCode) list() ([]uint32, bool) {
	o := l.order
	if len(l.spans) == 1 {
		s := l.spans[0]
		return o.Between(s.low, s.high), s.high-s.low == 1
	}
	rows := make([]uint32, 0, l.len())
	for _, s := range l.spans {
		rows = append(rows, o.Between(s.low, s.high)...)
	}
	return rows, false
}

// composed holds for rows with a value in one column and a range in another.
type composed struct {
	value, in *byCode
	rows      []uint32
}

func (l *composed) name() string { return l.value.name() + " and " + l.in.name() }

func (l *composed) filter(dst, rows []uint32) []uint32 {
	at := len(dst)
	dst = l.value.filter(dst, rows)
	return l.in.filter(dst[:at], dst[at:])
}

func (l *composed) count() (int, bool)     { return len(l.rows), true }
func (l *composed) list() ([]uint32, bool) { return l.rows, false }

// inBox holds for rows whose place meets a box.
type inBox struct {
	places *columns.Places
	box    geo.Box
	shapes []uint32 // the rows among those that are no points
	points int      // in the box
}

func newInBox(p *columns.Places, box geo.Box, shape *geo.Geometry) *inBox {
	l := &inBox{places: p, box: box, points: p.Tree.Count(box)}
	for _, s := range p.Shapes {
		if geo.Intersects(s.Geometry, shape) {
			l.shapes = append(l.shapes, s.Row)
		}
	}
	return l
}

// newBoundsBox holds for rows whose bounds meet a box.
func newBoundsBox(p *columns.Places, box geo.Box) *inBox {
	l := &inBox{places: p, box: box, points: p.Tree.Count(box)}
	for _, s := range p.Shapes {
		if b := s.Geometry.Bounds(); b.Meets(&box) {
			l.shapes = append(l.shapes, s.Row)
		}
	}
	return l
}

func (l *inBox) name() string { return "places in a box" }

func (l *inBox) filter(dst, rows []uint32) []uint32 {
	for _, row := range rows {
		// Of a row without a point both are not numbers, and in no box.
		if l.box.Contains(l.places.Point(row)) {
			dst = append(dst, row)
		} else if len(l.shapes) > 0 {
			if _, ok := slices.BinarySearch(l.shapes, row); ok {
				dst = append(dst, row)
			}
		}
	}
	return dst
}

func (l *inBox) count() (int, bool) { return l.points + len(l.shapes), true }

func (l *inBox) list() ([]uint32, bool) {
	rows := append(make([]uint32, 0, len(l.shapes)+l.points), l.shapes...)
	return l.places.Tree.AppendRows(rows, l.box), false
}

// within holds for points not farther from a place than a radius.
type within struct {
	places   *columns.Places
	lon, lat float64
	radius   float64
	box      geo.Box
	points   int // in the box
}

func newWithin(p *columns.Places, lon, lat, radius float64) *within {
	box := geo.Around(lon, lat, radius)
	return &within{p, lon, lat, radius, box, p.Tree.Count(box)}
}

func (l *within) name() string { return "places within a distance" }

func (l *within) filter(dst, rows []uint32) []uint32 {
	for _, row := range rows {
		x, y := l.places.Point(row)
		if math.IsInf(l.radius, 1) {
			if !math.IsNaN(x) {
				dst = append(dst, row)
			}
			continue
		}
		if l.box.Contains(x, y) && geo.Distance(l.lon, l.lat, x, y) <= l.radius {
			dst = append(dst, row)
		}
	}
	return dst
}

func (l *within) count() (int, bool) { return l.points, math.IsInf(l.radius, 1) }

func (l *within) list() ([]uint32, bool) {
	return l.places.Tree.AppendRows(make([]uint32, 0, l.points), l.box), false
}

// hasText holds for rows of which one of some texts has a term in it.
type hasText struct {
	in   []texts
	rows int // of the table
	term string
	room *scratch
}

// texts are the texts of a field.
type texts struct {
	column *columns.Column
	order  *columns.Order
	terms  *textsearch.Index
	few    bool // they are few, and codes are those that have the term, in ascending order
	codes  []uint32
	looked int      // how many rows' texts were looked at
	having []uint64 // by code, a bit: it has the term; nil: not known yet
}

const (
	// fewCodes is up to how many different texts of a field are looked at for a plan.
	fewCodes = 1024
	// mostLooks is how many rows' texts are looked at before all texts that have the
	// term are found.
	mostLooks = 512
)

// has says whether the text of a row has the finder's term.
func (t *texts) has(row uint32, f *textsearch.Finder, room *scratch) bool {
	if t.having == nil {
		if t.looked++; t.looked <= mostLooks && !t.few {
			return t.column.Contains(row, f)
		}
		t.having = room.keys.take((t.column.Codes() + 63) / 64)
		have := func(code uint32) bool {
			t.having[code/64] |= 1 << (code % 64)
			return true
		}
		if t.few {
			for _, code := range t.codes {
				have(code)
			}
		} else {
			t.terms.Search(f.Term(), have)
		}
	}
	code := t.column.Code(row)
	return t.having[code/64]&(1<<(code%64)) != 0
}

func (l *hasText) name() string { return "texts with " + l.term }

func (l *hasText) filter(dst, rows []uint32) []uint32 {
	finder := textsearch.NewFinder(l.term)
	for _, row := range rows {
		for i := range l.in {
			if l.in[i].has(row, &finder, l.room) {
				dst = append(dst, row)
				break
			}
		}
	}
	return dst
}

// count guesses how many rows have those of many texts that may have the term.
func (l *hasText) count() (int, bool) {
	n := 0
	for i := range l.in {
		in := &l.in[i]
		for _, code := range in.codes {
			n += len(in.order.Between(code, code+1))
		}
		if d := in.column.Distinct(); !in.few {
			n += int(float64(in.terms.Estimate(l.term)) * float64(in.order.Starts[d]) / float64(d))
		}
	}
	return min(n, l.rows), false
}

// mostGuessed is up to how many rows a guess is believed before they are there.
const mostGuessed = 4096

// list gives just the rows that have it, though count does not know how many.
func (l *hasText) list() ([]uint32, bool) {
	guess, _ := l.count()
	rows := l.room.codes.take(min(guess, mostGuessed))[:0]
	fields := 0
	for i := range l.in {
		o, before := l.in[i].order, len(rows)
		see := func(code uint32) bool {
			if of := o.Between(code, code+1); len(of) == 1 {
				rows = append(rows, of[0]) // as mostly; without a call
			} else {
				rows = append(rows, of...)
			}
			return true
		}
		if l.in[i].few {
			for _, code := range l.in[i].codes {
				see(code)
			}
		} else {
			l.in[i].terms.Search(l.term, see)
		}
		if len(rows) > before {
			fields++
		}
	}
	if fields > 1 { // rows may have it in several
		rows = distinct(l.room, rows, l.rows)
	}
	return rows, fields > 1
}

// distinct gives rows in ascending order, each once; they are below a bound.
func distinct(room *scratch, rows []uint32, bound int) []uint32 {
	if len(rows) < bound/64 {
		slices.Sort(rows)
		return slices.Compact(rows)
	}
	set := room.keys.take((bound + 63) / 64)
	for _, row := range rows {
		set[row/64] |= 1 << (row % 64)
	}
	return appendSet(rows[:0], set)
}

// appendSet appends the numbers of a set of bits.
func appendSet(rows []uint32, set []uint64) []uint32 {
	for i, w := range set {
		for ; w != 0; w &= w - 1 {
			rows = append(rows, uint32(i*64+bits.TrailingZeros64(w)))
		}
	}
	return rows
}

// tested holds for the rows for which a predicate does. The rows that may be are
// those of a source, if there is one.
type tested struct {
	table   *columns.Table
	pred    predicate.Pred
	may     source // nil: all rows
	values  predicate.Row
	columns []fieldColumn
	place   int              // the field that is the place
	places  *columns.Places  // nil: it does not matter
	want    predicate.Wanted // what has to be read of the records
	read    bool
}

type fieldColumn struct {
	field  int
	column *columns.Column
}

func (l *tested) name() string { return "each record" }

func (l *tested) filter(dst, rows []uint32) []uint32 {
	for _, row := range rows {
		if l.read {
			l.table.Reader().Read(l.table.Record(row), &l.want, l.values)
		}
		for _, c := range l.columns {
			l.values[c.field] = c.column.Value(c.column.Code(row))
		}
		if l.places != nil {
			l.values[l.place] = l.places.Value(row)
		}
		if l.pred.Test(l.values) == predicate.True {
			dst = append(dst, row)
		}
	}
	return dst
}

// candidates is a tested leaf with a source.
type candidates struct{ *tested }

func (l candidates) name() string           { return l.may.name() + ", tested" }
func (l candidates) count() (int, bool)     { n, _ := l.may.count(); return n, false }
func (l candidates) list() ([]uint32, bool) { return l.may.list() }

// anyOf holds where one of its leaves does.
type anyOf struct{ leaves []leaf }

func (l *anyOf) name() string { return "any of several" }

func (l *anyOf) filter(dst, rows []uint32) []uint32 {
	var room [1]uint32
	for _, row := range rows {
		for _, x := range l.leaves {
			room[0] = row
			if len(x.filter(room[:0], room[:])) > 0 {
				dst = append(dst, row)
				break
			}
		}
	}
	return dst
}

// union is anyOf where all leaves are sources.
type union struct {
	*anyOf
	rows int // of the table
	room *scratch
}

func (l union) count() (int, bool) {
	n := 0
	for _, x := range l.leaves {
		k, _ := x.(source).count()
		n += k
	}
	return min(n, l.rows), false
}

func (l union) list() ([]uint32, bool) {
	set := l.room.keys.take((l.rows + 63) / 64)
	for _, x := range l.leaves {
		rows, _ := x.(source).list()
		for _, row := range rows {
			set[row/64] |= 1 << (row % 64)
		}
	}
	return appendSet(nil, set), true
}

// nothing holds for no row.
type nothing struct{}

func (nothing) name() string                          { return "nothing" }
func (nothing) filter(dst, _ []uint32) []uint32       { return dst }
func (nothing) count() (int, bool)                    { return 0, true }
func (nothing) list() (rows []uint32, ascending bool) { return nil, true }
