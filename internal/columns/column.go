package columns

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sort"
	"strings"
	"sync"
	"unsafe"

	"landings/internal/predicate"
	"landings/internal/textsearch"
)

// Column is a field's values: those that are different, in ascending order, and a
// code for each row, which is the place of its value among them. Behind the last
// code stand two for rows without one: [Column.Missing] and [Column.Misfit]. So
// the order of codes is the order of rows, with those last that have no value.
type Column struct {
	kind     predicate.Kind // of the values
	distinct int
	numbers  []uint64 // the dictionary, but of texts: bits of float64 or int64
	texts    string   // the dictionary of texts, one after the other
	ends     []uint32 // where each text ends
	codes    codes
	mixed    bool // values of several kinds, or some that have no order: of no use

	builds *builds
	order  slot[Order]
	terms  slot[textsearch.Index]
}

// codes is a code for each row, as narrow as they fit. One of the three is set.
type codes struct {
	narrow []uint8
	short  []uint16
	wide   []uint32
}

func (c *codes) at(row uint32) uint32 {
	switch {
	case c.narrow != nil:
		return uint32(c.narrow[row])
	case c.short != nil:
		return uint32(c.short[row])
	}
	return c.wide[row]
}

// Code gives the code of a row.
func (c *Column) Code(row uint32) uint32 { return c.codes.at(row) }

// Distinct gives the number of different values; codes below it are of values.
func (c *Column) Distinct() int { return c.distinct }

// Missing is the code of rows without a value.
func (c *Column) Missing() uint32 { return uint32(c.distinct) }

// Misfit is the code of rows with a value that does not fit the field's type.
func (c *Column) Misfit() uint32 { return uint32(c.distinct) + 1 }

// Codes gives how many codes there are, those without a value included.
func (c *Column) Codes() int { return c.distinct + 2 }

// Kind gives the kind of the values.
func (c *Column) Kind() predicate.Kind { return c.kind }

// Unusable gives a column of no use.
func Unusable() *Column { return &Column{mixed: true} }

// Usable says whether the codes stand for the values: not of a field of mixed
// values, such as objects.
func (c *Column) Usable() bool { return !c.mixed }

// Value gives the value of a code.
func (c *Column) Value(code uint32) predicate.Value {
	switch {
	case code == c.Missing():
		return predicate.Value{}
	case code > c.Missing():
		return predicate.Value{Kind: predicate.Misfit}
	case c.kind == predicate.Text:
		return predicate.Value{Kind: predicate.Text, Text: c.text(code)}
	}
	return predicate.Value{Kind: c.kind, Bits: c.numbers[code]}
}

func (c *Column) text(code uint32) string {
	start := uint32(0)
	if code > 0 {
		start = c.ends[code-1]
	}
	return c.texts[start:c.ends[code]]
}

// Search gives the first code whose value is not below v, or with after the first
// one above v. Values that have no order with the column's give false.
func (c *Column) Search(v predicate.Value, after bool) (uint32, bool) {
	if c.distinct > 0 {
		if _, ok := predicate.Order(c.Value(0), v); !ok {
			return 0, false
		}
	}
	if c.kind == predicate.Text && v.Kind == predicate.Text {
		return uint32(sort.Search(c.distinct, func(i int) bool {
			o := strings.Compare(c.text(uint32(i)), v.Text)
			return o > 0 || o == 0 && !after
		})), true
	}
	return uint32(sort.Search(c.distinct, func(i int) bool {
		o, _ := predicate.Order(c.Value(uint32(i)), v)
		return o > 0 || o == 0 && !after
	})), true
}

// Order is the rows in order of their codes, rows of one code in ascending order.
type Order struct {
	Rows   []uint32
	Starts []uint32 // where each code's rows begin; one more than codes
}

// Order gives the rows in order. The error is that ctx ended before it was made.
func (c *Column) Order(ctx context.Context) (*Order, error) {
	return c.order.get(ctx, c.builds, func() *Order {
		n := c.len()
		o := &Order{Rows: make([]uint32, n), Starts: make([]uint32, c.Codes()+1)}
		for row := range n {
			o.Starts[c.codes.at(uint32(row))+1]++
		}
		for i := 1; i < len(o.Starts); i++ {
			o.Starts[i] += o.Starts[i-1]
		}
		next := slices.Clone(o.Starts)
		for row := range n {
			code := c.codes.at(uint32(row))
			o.Rows[next[code]] = uint32(row)
			next[code]++
		}
		return o
	})
}

// Terms gives the index of the different texts by their codes; that of many texts is
// sharpened afterwards. The column must be of texts. The error is that ctx ended before
// it was made.
func (c *Column) Terms(ctx context.Context) (*textsearch.Index, error) {
	return c.terms.get(ctx, c.builds, func() *textsearch.Index {
		x := textsearch.NewIndex(c.distinct, c.text)
		if c.distinct >= textsearch.Many {
			c.builds.begin(x.Sharpen)
		}
		return x
	})
}

// Contains says whether the text of a row has the finder's term in it. The column must
// be of texts.
func (c *Column) Contains(row uint32, f *textsearch.Finder) bool {
	code := c.codes.at(row)
	return code < uint32(c.distinct) && f.In(c.text(code))
}

// Between gives the rows with a code from low to below high.
func (o *Order) Between(low, high uint32) []uint32 { return o.Rows[o.Starts[low]:o.Starts[high]] }

func (c *Column) len() int { return len(c.codes.narrow) + len(c.codes.short) + len(c.codes.wide) }

func (c *Column) bytes() int64 {
	n := 8*int64(len(c.numbers)) + int64(len(c.texts)) + 4*int64(len(c.ends))
	n += int64(len(c.codes.narrow)) + 2*int64(len(c.codes.short)) + 4*int64(len(c.codes.wide))
	if o := c.order.made.Load(); o != nil {
		n += 4 * int64(len(o.Rows)+len(o.Starts))
	}
	if x := c.terms.made.Load(); x != nil {
		n += x.Bytes()
	}
	return n
}

// Column gives the column of a field. The error is that ctx ended before it was made.
func (t *Table) Column(ctx context.Context, field int) (*Column, error) {
	t.Want(field)
	return t.columns[field].wait(ctx)
}

// Want begins to make the columns of fields that are not there: all of them in one
// look at each record.
func (t *Table) Want(fields ...int) {
	var missing []int
	for _, f := range fields {
		if t.columns[f].made.Load() == nil && t.columns[f].claim() {
			missing = append(missing, f)
		}
	}
	if len(missing) == 0 {
		return
	}
	t.builds.begin(func() {
		for i, c := range t.readColumns(missing) {
			t.columns[missing[i]].set(c)
		}
	})
}

// parted is a part of the rows with a dictionary of its own.
type parted struct {
	first   uint32
	kind    predicate.Kind
	codes   []uint32 // in order of first appearance; missing and misfit as below
	texts   []string
	numbers []uint64
	mixed   bool
}

const (
	partMissing = math.MaxUint32
	partMisfit  = math.MaxUint32 - 1
)

// readColumns reads fields of all rows. Each stretch of rows makes a dictionary of its
// own, on all processors; then those become one.
func (t *Table) readColumns(fields []int) []*Column {
	parts := make(chan []parted, 16)
	go func() {
		t.each(fields, func(first uint32, rows []predicate.Row) {
			all := make([]parted, len(fields))
			for i, f := range fields {
				all[i] = part(f, first, rows)
			}
			parts <- all
		})
		close(parts)
	}()
	gathered := make([]*gathering, len(fields))
	for i, f := range fields {
		gathered[i] = &gathering{
			column:  &Column{builds: t.builds, kind: t.reader.Fields()[f].Kind(), order: newSlot[Order](), terms: newSlot[textsearch.Index]()},
			codes:   make([]uint32, t.rows),
			texts:   map[string]uint32{},
			numbers: map[uint64]uint32{},
		}
	}
	for all := range parts {
		for i := range all {
			gathered[i].add(&all[i])
		}
	}
	made := make([]*Column, len(fields))
	var group sync.WaitGroup
	for i := range gathered {
		group.Go(func() { made[i] = gathered[i].finish() })
	}
	group.Wait()
	return made
}

// gathering is a column on its way: its parts so far.
type gathering struct {
	column  *Column
	codes   []uint32 // by row, in order of first appearance
	texts   map[string]uint32
	numbers map[uint64]uint32
	decided bool // the kind
	size    int  // of the texts
}

func (g *gathering) add(p *parted) {
	c := g.column
	if p.kind != predicate.Missing {
		c.mixed = c.mixed || p.mixed || g.decided && c.kind != p.kind
		c.kind, g.decided = p.kind, true
	}
	if c.mixed {
		return // nothing is of use any more
	}
	translated := make([]uint32, len(p.texts)+len(p.numbers))
	for i, s := range p.texts {
		var added bool
		if translated[i], added = codeOf(g.texts, s); added {
			g.size += len(s)
		}
	}
	for i, x := range p.numbers {
		translated[i], _ = codeOf(g.numbers, x)
	}
	for i, code := range p.codes {
		if code < partMisfit {
			code = translated[code]
		}
		g.codes[p.first+uint32(i)] = code
	}
}

func (g *gathering) finish() *Column {
	c := g.column
	// Where a text ends is 32 bits: of more than 4 GiB of different texts there is no
	// column, and records are looked at one by one.
	if c.mixed = c.mixed || g.size > math.MaxUint32; c.mixed {
		return c
	}
	c.distinct = len(g.texts) + len(g.numbers)
	ranks := make([]uint32, c.distinct)
	if len(g.texts) > 0 {
		sorted := entries(g.texts, strings.Compare)
		texts := make([]byte, 0, g.size)
		c.ends = make([]uint32, len(sorted))
		for rank, e := range sorted {
			texts = append(texts, e.value...)
			c.ends[rank] = uint32(len(texts))
			ranks[e.code] = uint32(rank)
		}
		c.texts = unsafe.String(unsafe.SliceData(texts), len(texts)) // which nobody modifies
	} else {
		compare := func(a, b uint64) int { return cmp.Compare(int64(a), int64(b)) }
		if c.kind == predicate.Number {
			compare = func(a, b uint64) int { return cmp.Compare(math.Float64frombits(a), math.Float64frombits(b)) }
		}
		sorted := entries(g.numbers, compare)
		c.numbers = make([]uint64, len(sorted))
		for rank, e := range sorted {
			c.numbers[rank] = e.value
			ranks[e.code] = uint32(rank)
		}
	}
	c.pack(g.codes, ranks)
	return c
}

// entry is a value and its code in order of first appearance.
type entry[V any] struct {
	value V
	code  uint32
}

// entries gives the values in order.
func entries[V comparable](codes map[V]uint32, compare func(a, b V) int) []entry[V] {
	sorted := make([]entry[V], 0, len(codes))
	for v, code := range codes {
		sorted = append(sorted, entry[V]{v, code})
	}
	slices.SortFunc(sorted, func(a, b entry[V]) int { return compare(a.value, b.value) })
	return sorted
}

// pack makes the codes of rows from those in order of first appearance.
func (c *Column) pack(all, ranks []uint32) {
	final := func(code uint32) uint32 {
		switch code {
		case partMissing:
			return c.Missing()
		case partMisfit:
			return c.Misfit()
		}
		return ranks[code]
	}
	switch {
	case c.Codes() <= 1<<8:
		c.codes.narrow = make([]uint8, len(all))
		for row, code := range all {
			c.codes.narrow[row] = uint8(final(code))
		}
	case c.Codes() <= 1<<16:
		c.codes.short = make([]uint16, len(all))
		for row, code := range all {
			c.codes.short[row] = uint16(final(code))
		}
	default:
		for row, code := range all {
			all[row] = final(code)
		}
		c.codes.wide = all
	}
}

func part(field int, first uint32, rows []predicate.Row) parted {
	p := parted{first: first, codes: make([]uint32, len(rows))}
	texts := map[string]uint32{}
	numbers := map[uint64]uint32{}
	for i, values := range rows {
		v := values[field]
		switch v.Kind {
		case predicate.Missing:
			p.codes[i] = partMissing
			continue
		case predicate.Misfit:
			p.codes[i] = partMisfit
			continue
		case predicate.Text, predicate.Number, predicate.Integer, predicate.Boolean, predicate.Instant:
		default:
			p.mixed = true
			p.kind = v.Kind
			continue
		}
		p.mixed = p.mixed || p.kind != predicate.Missing && p.kind != v.Kind
		p.kind = v.Kind
		var added bool
		if v.Kind == predicate.Text {
			if p.codes[i], added = codeOf(texts, v.Text); added {
				p.texts = append(p.texts, v.Text)
			}
		} else if p.codes[i], added = codeOf(numbers, v.Bits); added {
			p.numbers = append(p.numbers, v.Bits)
		}
	}
	return p
}

// codeOf gives the code of a value, the next one where it has none yet.
func codeOf[V comparable](codes map[V]uint32, v V) (code uint32, added bool) {
	if code, ok := codes[v]; ok {
		return code, false
	}
	code = uint32(len(codes))
	codes[v] = code
	return code, true
}
