package readmodel

import (
	"context"
	"math"
	"slices"
	"strings"

	"landings/internal/columns"
	"landings/internal/cql2"
	"landings/internal/dataset"
	"landings/internal/predicate"
	"landings/internal/query"
	"landings/internal/textsearch"
)

// plan is how the records that are meant are found: the conditions on rows of the
// table, and the same on the values of a changed record.
type plan struct {
	table  *columns.Table
	leaves []leaf // all of which hold
	drive  source // the one whose rows are looked at; nil: all rows
	drives int    // its place among the leaves
	rows   int    // how many rows are looked at
	exact  bool   // drive is the only leaf and holds for all of its rows

	pred  predicate.Pred // of the filter; nil: none
	terms []string       // folded
	near  *query.Near
	at    *columns.Places // where near is given

	room *scratch
	ctx  context.Context // only while the plan is made
	err  error           // something that the plan needs was not there in time
}

// column gives the column of a field; where it could not be had in time, one of no
// use, and the plan fails.
func (p *plan) column(field int) *columns.Column {
	if p.err == nil {
		var c *columns.Column
		if c, p.err = p.table.Column(p.ctx, field); p.err == nil {
			return c
		}
	}
	return columns.Unusable()
}

// places gives where the rows are, likewise.
func (p *plan) places() *columns.Places {
	if p.err == nil {
		var places *columns.Places
		if places, p.err = p.table.Places(p.ctx); p.err == nil {
			return places
		}
	}
	return columns.Nowhere()
}

// byCode makes a leaf of spans of codes. The column must be usable.
func (p *plan) byCode(field int, c *columns.Column, spans ...span) leaf {
	if p.err == nil {
		var o *columns.Order
		if o, p.err = c.Order(p.ctx); p.err == nil {
			return newByCode(p.nameOf(field), c, o, spans...)
		}
	}
	return nothing{}
}

// hasText makes a leaf of a term that one of the texts must have in it.
func (p *plan) hasText(fields []int, term string) *hasText {
	l := &hasText{rows: p.table.Len(), term: term, room: p.room}
	for _, f := range fields {
		c := p.column(f)
		if !c.Usable() || c.Kind() != predicate.Text || p.err != nil {
			continue // no values, or none that are texts
		}
		in := texts{column: c}
		if in.order, p.err = c.Order(p.ctx); p.err == nil {
			in.terms, p.err = c.Terms(p.ctx)
		}
		if p.err != nil {
			break
		}
		if in.few = c.Distinct() <= fewCodes; in.few {
			in.terms.Search(term, func(code uint32) bool { in.codes = append(in.codes, code); return true })
			if in.codes == nil {
				continue // none has it
			}
		}
		l.in = append(l.in, in)
	}
	return l
}

// newPlan makes a plan. The filter is bound to the schema first: what does not fit
// it is a [dataset.Invalid] error. The columns and indexes that it takes are made, if
// ctx allows for it; with those of other fields that will be asked for after it. It lives as
// long as the room, which is for this plan alone.
func newPlan(ctx context.Context, room *scratch, t *columns.Table, w *query.Where, others ...int) (*plan, error) {
	p := &room.plan
	*p = plan{table: t, near: w.Near, room: room, ctx: ctx, leaves: p.leaves}
	if w.Filter != nil {
		pred, err := predicate.Bind(t.Reader(), w.Filter)
		if err != nil {
			return nil, err
		}
		p.pred = pred
		others = append(others, predicate.Fields(pred)...)
	}
	terms := strings.Fields(textsearch.Fold(w.Search))
	if len(terms) > 0 {
		others = append(others, t.TextFields()...)
	}
	t.Want(others...)
	if p.pred != nil {
		p.add(p.pred)
	}
	for _, term := range terms {
		p.terms = append(p.terms, term)
		p.leaves = append(p.leaves, p.hasText(t.TextFields(), term))
	}
	if w.Near != nil {
		if t.Reader().Place() < 0 {
			return nil, &dataset.Error{
				Code:    dataset.Invalid,
				Message: "the records have no place, so none is near another",
				Remedy:  "set geometry in the configuration, or leave near out",
				Places:  []dataset.Place{{Parameter: "near", Detail: "the dataset has no place"}},
			}
		}
		p.at = p.places()
		p.leaves = append(p.leaves, newWithin(p.at, w.Near.Lon, w.Near.Lat, w.Near.Radius))
	}
	if p.err != nil {
		return nil, p.err
	}
	p.leaves = meet(p.leaves)
	p.choose()
	if p.compose() {
		p.choose()
	}
	p.ctx = nil
	return p, nil
}

// meet makes one leaf of those that are about the codes of one column, so that the
// two ends of a range are one list of rows and not two long ones.
func meet(leaves []leaf) []leaf {
	out := leaves[:0]
next:
	for _, l := range leaves {
		if x, ok := l.(*byCode); ok {
			for i := range out {
				if y, ok := out[i].(*byCode); ok && y.column == x.column {
					out[i] = newByCode(x.field, x.column, x.order, common(y.spans, x.spans)...)
					continue next
				}
			}
		}
		out = append(out, l)
	}
	return out
}

// common gives the codes that are in spans of both lists; each is ascending and its
// spans apart.
func common(a, b []span) []span {
	var out []span
	for len(a) > 0 && len(b) > 0 {
		if s := (span{max(a[0].low, b[0].low), min(a[0].high, b[0].high)}); s.low < s.high {
			out = append(out, s)
		}
		if a[0].high < b[0].high {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return out
}

// composeFrom is from how many rows in each of two lists on it is worth to have both
// columns in one order: to look at as many takes as long as all else of a question.
const composeFrom = 16 << 10

// compose makes one leaf of a value and a range that few of their many rows have both,
// where the composite of their columns is there; it says whether it did. It has a
// composite made that is asked for again.
func (p *plan) compose() bool {
	if p.rows < composeFrom {
		return false
	}
	one, other, least := -1, -1, p.table.Len()
	for i, l := range p.leaves {
		value, ok := l.(*byCode)
		if !ok || !value.isValue() {
			continue
		}
		for j, l := range p.leaves {
			rows, ok := l.(*byCode)
			if !ok || i == j || len(rows.spans) != 1 || rows.isValue() && rows.field < value.field {
				continue
			}
			n, m := value.len(), rows.len()
			both := int(float64(n) / float64(p.table.Len()) * float64(m)) // if the one says nothing of the other
			if both < min(n, m)/4 && both < least {
				one, other, least = i, j, both
			}
		}
	}
	if one < 0 {
		return false
	}
	value, in := p.leaves[one].(*byCode), p.leaves[other].(*byCode)
	c := p.table.Composite(value.column, in.column)
	if c == nil {
		return false
	}
	s := in.spans[0]
	p.leaves[one] = &composed{value, in, c.Between(value.spans[0].low, s.low, s.high)}
	p.leaves = slices.Delete(p.leaves, other, other+1)
	return true
}

// codes gives between which codes of a column the rows that are meant have theirs.
func (p *plan) codes(c *columns.Column) (low, high uint32) {
	high = uint32(c.Codes())
	within := func(l *byCode) {
		if l.column == c && len(l.spans) > 0 {
			low, high = max(low, l.spans[0].low), min(high, l.spans[len(l.spans)-1].high)
		}
	}
	for _, l := range p.leaves {
		switch l := l.(type) {
		case *byCode:
			within(l)
		case *composed:
			within(l.value)
			within(l.in)
		}
	}
	return low, max(low, high)
}

// choose picks the leaf with the fewest rows.
func (p *plan) choose() {
	p.rows, p.exact = p.table.Len(), len(p.leaves) == 0
	p.drive, p.drives = nil, -1
	for i, l := range p.leaves {
		s, ok := l.(source)
		if !ok {
			continue
		}
		if n, exact := s.count(); n < p.rows || n == p.rows && p.drive == nil {
			p.drive, p.drives, p.rows = s, i, n
			p.exact = exact && len(p.leaves) == 1
		}
	}
}

// add makes leaves of a predicate that must hold.
func (p *plan) add(pred predicate.Pred) {
	if and, ok := pred.(predicate.And); ok {
		for _, a := range and {
			p.add(a)
		}
		return
	}
	p.leaves = append(p.leaves, p.leaf(pred))
}

func (p *plan) leaf(pred predicate.Pred) leaf {
	t := p.table
	switch x := pred.(type) {
	case predicate.Const:
		if predicate.Truth(x) != predicate.True {
			return nothing{}
		}
	case predicate.Compare:
		if l := p.compare(x); l != nil {
			return l
		}
	case predicate.IsNull:
		if g, ok := x.Arg.(predicate.Get); ok && int(g) != t.Reader().Place() {
			if c := p.column(int(g)); c.Usable() {
				return p.byCode(int(g), c, span{c.Missing(), c.Missing() + 1})
			}
		}
	case predicate.In:
		if l := p.in(x); l != nil {
			return l
		}
	case predicate.Like:
		if l := p.like(x); l != nil {
			return l
		}
	case predicate.Spatial:
		if l := p.spatial(x); l != nil {
			return l
		}
	case predicate.Or:
		return p.or(x)
	case predicate.And:
		inner := plan{table: t, room: p.room, ctx: p.ctx}
		inner.add(x)
		if inner.err != nil {
			p.err = inner.err
			return nothing{}
		}
		return allOf(inner.leaves)
	}
	if l := p.byValue(pred); l != nil {
		return l
	}
	return p.tested(pred, nil)
}

// tested makes a leaf that tests a predicate with each row's values.
func (p *plan) tested(pred predicate.Pred, may source) *tested {
	r := p.table.Reader()
	l := &tested{table: p.table, pred: pred, may: may, values: r.NewRow()}
	var rest []int
	for _, f := range predicate.Fields(pred) {
		if f == r.Place() {
			l.place, l.places = f, p.places()
		} else if c := p.column(f); c.Usable() {
			l.columns = append(l.columns, fieldColumn{f, c})
		} else {
			rest = append(rest, f)
		}
	}
	if rest != nil {
		l.want, l.read = r.Want(rest...), true
	}
	return l
}

func (p *plan) nameOf(field int) string { return p.table.Reader().Fields()[field].Name }

// compare makes a range of codes of a field that is compared with a literal.
func (p *plan) compare(x predicate.Compare) leaf {
	g, ok1 := x.Left.(predicate.Get)
	lit, ok2 := x.Right.(predicate.Literal)
	op := x.Op
	if !ok1 || !ok2 {
		if g, ok1 = x.Right.(predicate.Get); !ok1 {
			return nil
		}
		if lit, ok2 = x.Left.(predicate.Literal); !ok2 {
			return nil
		}
		op = map[cql2.CompareOp]cql2.CompareOp{
			cql2.Less: cql2.Greater, cql2.Greater: cql2.Less, cql2.LessOrEqual: cql2.GreaterOrEqual,
			cql2.GreaterOrEqual: cql2.LessOrEqual, cql2.Equal: cql2.Equal, cql2.NotEqual: cql2.NotEqual,
		}[op]
	}
	if int(g) == p.table.Reader().Place() {
		return nil
	}
	c := p.column(int(g))
	if !c.Usable() {
		return nil
	}
	low, ok := c.Search(predicate.Value(lit), false)
	if !ok {
		return nothing{} // unknown for every value
	}
	high, _ := c.Search(predicate.Value(lit), true)
	end := c.Missing()
	switch op {
	case cql2.Equal:
		return p.byCode(int(g), c, span{low, high})
	case cql2.NotEqual:
		return p.byCode(int(g), c, span{0, low}, span{high, end})
	case cql2.Less:
		return p.byCode(int(g), c, span{0, low})
	case cql2.LessOrEqual:
		return p.byCode(int(g), c, span{0, high})
	case cql2.Greater:
		return p.byCode(int(g), c, span{high, end})
	default:
		return p.byCode(int(g), c, span{low, end})
	}
}

func (p *plan) in(x predicate.In) leaf {
	g, ok := x.Arg.(predicate.Get)
	if !ok || int(g) == p.table.Reader().Place() {
		return nil
	}
	c := p.column(int(g))
	if !c.Usable() {
		return nil
	}
	var spans []span
	for _, e := range x.List {
		lit, ok := e.(predicate.Literal)
		if !ok {
			return nil
		}
		if low, ok := c.Search(predicate.Value(lit), false); ok {
			high, _ := c.Search(predicate.Value(lit), true)
			spans = append(spans, span{low, high})
		}
	}
	return p.byCode(int(g), c, joined(spans)...)
}

// joined sorts spans and joins those that meet.
func joined(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return int(a.low) - int(b.low) })
	out := spans[:0]
	for _, s := range spans {
		if n := len(out); n > 0 && s.low <= out[n-1].high {
			out[n-1].high = max(out[n-1].high, s.high)
		} else {
			out = append(out, s)
		}
	}
	return out
}

// like makes a range of codes of a prefix, or looks the longest piece of a pattern
// up in the text index.
func (p *plan) like(x predicate.Like) leaf {
	field, folded, ok := x.Field()
	if !ok {
		return nil
	}
	c := p.column(int(field))
	if !c.Usable() || c.Kind() != predicate.Text {
		return nil
	}
	if prefix, only := x.Pattern.Prefix(); only && !folded {
		low, _ := c.Search(predicate.Value{Kind: predicate.Text, Text: prefix}, false)
		// Nothing that is UTF-8 has this byte: what begins with prefix is before it.
		high, _ := c.Search(predicate.Value{Kind: predicate.Text, Text: prefix + "\xff"}, false)
		return p.byCode(int(field), c, span{low, high})
	}
	if l := p.byValue(x); l != nil {
		return l
	}
	term := textsearch.Fold(x.Pattern.Literal())
	if len(term) < 3 || !slices.Contains(p.table.TextFields(), int(field)) || !foldsAlone(x.Pattern.Literal()) {
		return nil
	}
	return candidates{p.tested(x, p.hasText([]int{int(field)}, term))}
}

// foldsAlone says whether a piece of a text folds to a piece of what the text folds
// to. Of ASCII that is sure; a mark at the border of others may belong to a letter
// outside.
func foldsAlone(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// spatial makes leaves of a place that is related with a geometry.
func (p *plan) spatial(x predicate.Spatial) leaf {
	g, ok := x.Left.Arg.(predicate.Get)
	if !ok || int(g) != p.table.Reader().Place() || x.Right.Literal == nil || x.Op == cql2.SDisjoint {
		return nil
	}
	if x.Right.Literal.Empty() {
		return nil
	}
	places := p.places()
	if x.Op == cql2.SIntersects && x.Right.Box != nil {
		return newInBox(places, *x.Right.Box, x.Right.Literal)
	}
	// Whatever relates with it otherwise than by being apart meets its box.
	return candidates{p.tested(x, newBoundsBox(places, x.Right.Literal.Bounds()))}
}

// mostCodes is up to how many different values a predicate is tested with each of
// them instead of with each record.
const mostCodes = 4096

// byValue makes spans of codes of any predicate on one field.
func (p *plan) byValue(pred predicate.Pred) leaf {
	fields := predicate.Fields(pred)
	if len(fields) != 1 || fields[0] == p.table.Reader().Place() {
		return nil
	}
	c := p.column(fields[0])
	if !c.Usable() || c.Codes() > mostCodes && c.Codes() > p.table.Len()/16 {
		return nil
	}
	values := p.table.Reader().NewRow()
	var spans []span
	for code := range uint32(c.Codes()) {
		values[fields[0]] = c.Value(code)
		if pred.Test(values) == predicate.True {
			spans = append(spans, span{code, code + 1})
		}
	}
	return p.byCode(fields[0], c, joined(spans)...)
}

func (p *plan) or(x predicate.Or) leaf {
	if l := p.byValue(x); l != nil {
		return l
	}
	some := &anyOf{}
	sources := true
	for _, a := range x {
		l := p.leaf(a)
		_, ok := l.(source)
		sources = sources && ok
		some.leaves = append(some.leaves, l)
	}
	if sources {
		return union{some, p.table.Len(), p.room}
	}
	return some
}

// allOf holds where all leaves do.
func allOf(leaves []leaf) leaf {
	if leaves = meet(leaves); len(leaves) == 1 {
		return leaves[0]
	}
	best := -1
	least := math.MaxInt
	for i, l := range leaves {
		if s, ok := l.(source); ok {
			if n, _ := s.count(); n < least {
				best, least = i, n
			}
		}
	}
	if best < 0 {
		return every(leaves)
	}
	return joint{every(leaves), leaves[best].(source)}
}

type every []leaf

func (l every) name() string { return "all of several" }

func (l every) filter(dst, rows []uint32) []uint32 {
	at := len(dst)
	dst = l[0].filter(dst, rows)
	for _, x := range l[1:] {
		dst = x.filter(dst[:at], dst[at:])
	}
	return dst
}

// joint is every with a source among the leaves.
type joint struct {
	every
	from source
}

func (l joint) count() (int, bool)     { n, _ := l.from.count(); return n, false }
func (l joint) list() ([]uint32, bool) { return l.from.list() }

// holds says whether a changed record is meant, and where near is given how far it is.
func (p *plan) holds(values predicate.Row) (metres float64, ok bool) {
	if p.pred != nil && p.pred.Test(values) != predicate.True {
		return 0, false
	}
	for _, term := range p.terms {
		if !slices.ContainsFunc(p.table.TextFields(), func(f int) bool {
			return values[f].Kind == predicate.Text && textsearch.Contains(values[f].Text, term)
		}) {
			return 0, false
		}
	}
	if p.near != nil {
		metres, ok := p.metres(values[p.table.Reader().Place()])
		return metres, ok && metres <= p.near.Radius
	}
	return 0, true
}
