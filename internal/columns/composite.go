package columns

import (
	"runtime"
	"slices"
	"sort"
	"sync"
)

// Composite is the rows in order of two columns: by the codes of the first, those of one
// code by the codes of the second, then ascending.
type Composite struct {
	rows   []uint32
	first  *Order
	second *Column
}

// Between gives the rows with one code in the first column and codes from low to below
// high in the second.
func (c *Composite) Between(code, low, high uint32) []uint32 {
	rows := c.rows[c.first.Starts[code]:c.first.Starts[code+1]]
	from := func(bound uint32) int {
		return sort.Search(len(rows), func(i int) bool { return c.second.Code(rows[i]) >= bound })
	}
	return rows[from(low):from(high)]
}

const (
	// maxComposites bounds how many of them a table has: each takes four bytes for a row.
	maxComposites = 4
	// oftenAsked is how often one has to be asked for before it is made: a question that
	// nobody asks again is not worth it.
	oftenAsked = 2
	// inOneGo is how many rows are put in order before others get the processor: a tenth
	// of a millisecond.
	inOneGo = 1 << 10
	// mostAsked bounds for how many it is counted.
	mostAsked = 64
)

// composites are those of a table.
type composites struct {
	mu    sync.Mutex
	made  map[[2]*Column]*slot[Composite] // guarded by mu: or being made
	asked map[[2]*Column]int              // guarded by mu: how often, of others
}

// Composite gives the rows in order of two columns; nil: they are not there, though they
// may be later, for they are made in the background once they are asked for again. The
// columns must have orders.
func (t *Table) Composite(first, second *Column) *Composite {
	t.composites.mu.Lock()
	defer t.composites.mu.Unlock()
	of := [2]*Column{first, second}
	s := t.composites.made[of]
	if s == nil {
		if len(t.composites.made) == maxComposites {
			return nil
		}
		if t.composites.made == nil || len(t.composites.asked) == mostAsked {
			t.composites.asked = map[[2]*Column]int{}
		}
		if t.composites.made == nil {
			t.composites.made = map[[2]*Column]*slot[Composite]{}
		}
		if t.composites.asked[of]++; t.composites.asked[of] < oftenAsked {
			return nil
		}
		delete(t.composites.asked, of)
		fresh := newSlot[Composite]()
		s = &fresh
		t.composites.made[of] = s
		a, b := first.order.made.Load(), second.order.made.Load()
		t.builds.begin(func() { s.set(newComposite(first, second, a, b)) })
	}
	return s.made.Load()
}

func newComposite(first, second *Column, a, b *Order) *Composite {
	c := &Composite{rows: make([]uint32, len(a.Rows)), first: a, second: second}
	next := slices.Clone(a.Starts)
	for rows := range slices.Chunk(b.Rows, inOneGo) {
		for _, row := range rows {
			code := first.Code(row)
			c.rows[next[code]] = row
			next[code]++
		}
		runtime.Gosched() // nobody waits for it, and it takes a second for ten million rows
	}
	return c
}

func (c *composites) bytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := int64(0)
	for _, s := range c.made {
		if m := s.made.Load(); m != nil {
			n += 4 * int64(len(m.rows))
		}
	}
	return n
}
