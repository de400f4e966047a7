package readmodel

import (
	"cmp"
	"context"
	"slices"

	"landings/internal/columns"
	"landings/internal/dataset"
	"landings/internal/predicate"
	"landings/internal/query"
)

// sorting is an order of records by fields: of rows by codes, of changed records by
// values.
type sorting struct {
	table *columns.Table
	keys  []sortKey
}

type sortKey struct {
	field  int
	column *columns.Column
	down   bool
}

func newSorting(ctx context.Context, t *columns.Table, keys []query.Key) (*sorting, error) {
	s := &sorting{table: t}
	for _, k := range keys {
		field, ok := t.Reader().Find(k.Field)
		if ok && field == t.Reader().Place() {
			ok = false
		}
		var c *columns.Column
		if ok {
			var err error
			if c, err = t.Column(ctx, field); err != nil {
				return nil, err
			}
			ok = c.Usable()
		}
		if !ok {
			return nil, &dataset.Error{
				Code:    dataset.Invalid,
				Message: "the records have no order by " + dataset.Excerpt(k.Field),
				Remedy:  "sort by fields of texts, numbers, times or booleans",
				Places:  []dataset.Place{{Parameter: "sortby", Detail: dataset.Excerpt(k.Field) + " has no order"}},
			}
		}
		s.keys = append(s.keys, sortKey{field, c, k.Descending})
	}
	return s, nil
}

// sorted gives the fields that are there of those to sort by.
func sorted(t *columns.Table, keys []query.Key) []int {
	var fields []int
	for _, k := range keys {
		if f, ok := t.Reader().Find(k.Field); ok {
			fields = append(fields, f)
		}
	}
	return fields
}

// of gives the place of a row in the order by one key: what has no value is last.
func (k *sortKey) of(row uint32) uint32 {
	code := k.column.Code(row)
	missing := k.column.Missing()
	switch {
	case code >= missing:
		return missing
	case k.down:
		return missing - 1 - code
	}
	return code
}

// compareRows compares rows, ties by position.
func (s *sorting) compareRows(a, b uint32) int {
	for i := range s.keys {
		if c := cmp.Compare(s.keys[i].of(a), s.keys[i].of(b)); c != 0 {
			return c
		}
	}
	return cmp.Compare(a, b)
}

// compareValues compares two values by one key.
func (k *sortKey) compareValues(a, b predicate.Value) int {
	none := func(v predicate.Value) bool { return v.Kind <= predicate.Misfit }
	switch {
	case none(a) && none(b):
		return 0
	case none(a):
		return 1
	case none(b):
		return -1
	}
	c, _ := predicate.Order(a, b)
	if k.down {
		return -c
	}
	return c
}

// item is a record on its way into a page: a row or a change.
type item struct {
	position uint64
	row      uint32
	change   *change // nil: a row
	metres   float64 // where distance matters
}

func (s *sorting) value(i *item, k int) predicate.Value {
	key := &s.keys[k]
	if i.change != nil {
		return i.change.values[key.field]
	}
	return key.column.Value(key.column.Code(i.row))
}

// compareItems compares by values, or by distance where there are no keys.
func (s *sorting) compareItems(a, b *item) int {
	if len(s.keys) == 0 {
		return cmp.Or(cmp.Compare(a.metres, b.metres), cmp.Compare(a.position, b.position))
	}
	for k := range s.keys {
		if c := s.keys[k].compareValues(s.value(a, k), s.value(b, k)); c != 0 {
			return c
		}
	}
	return cmp.Compare(a.position, b.position)
}

// top keeps the first rows of an order, and no more than it needs.
type top struct {
	sorting *sorting
	limit   int
	room    *scratch
	keys    []uint64              // one key: place and row, a heap with the last one on top
	rows    []uint32              // several keys: likewise
	after   func(row uint32) bool // nil: all rows count; else only those behind a cursor
	dead    func(row uint32) bool // nil: none is
}

// strip is how many rows are compared with the last one kept before it is looked at
// anew.
const strip = batch / 4

// add takes rows that are meant.
func (t *top) add(rows []uint32) {
	switch {
	case t.limit == 0:
	case len(t.sorting.keys) > 1:
		for _, row := range rows {
			t.addRow(row)
		}
	case len(t.sorting.keys) == 0:
		for _, row := range rows {
			t.addKey(uint64(row))
		}
	default:
		key := &t.sorting.keys[0]
		var room [strip]uint32
		for len(rows) > 0 {
			// Most rows come after those kept, which codes tell many at a time.
			n := min(len(rows), strip)
			near := rows[:n]
			if low, high, ok := t.within(key); ok {
				near = key.column.Filter(room[:0], near, low, high)
			}
			for _, row := range near {
				t.addKey(uint64(key.of(row))<<32 | uint64(row))
			}
			rows = rows[n:]
		}
	}
}

// within gives the codes of rows that may come before the last one kept; false: all
// may.
func (t *top) within(key *sortKey) (low, high uint32, ok bool) {
	missing := key.column.Missing()
	if !t.full() || uint32(t.keys[0]>>32) == missing {
		return 0, 0, false
	}
	place := uint32(t.keys[0] >> 32)
	if key.down {
		return missing - 1 - place, missing, true
	}
	return 0, place + 1, true
}

func (t *top) addKey(k uint64) {
	if len(t.keys) == t.limit && k >= t.keys[0] {
		return
	}
	if row := uint32(k); t.after != nil && !t.after(row) || t.dead != nil && t.dead(row) {
		return
	}
	t.keys = pushKey(t.keys, k, t.limit)
}

func (t *top) addRow(row uint32) {
	if len(t.rows) == t.limit && t.sorting.compareRows(row, t.rows[0]) >= 0 {
		return
	}
	if t.after != nil && !t.after(row) || t.dead != nil && t.dead(row) {
		return
	}
	t.rows = pushHeap(t.rows, row, t.limit, t.sorting.compareRows)
}

// full says that no row that is not before the last one kept can get in.
func (t *top) full() bool { return max(len(t.keys), len(t.rows)) == t.limit }

// sorted gives the rows kept, in order.
func (t *top) sorted() []uint32 {
	if len(t.sorting.keys) > 1 {
		slices.SortFunc(t.rows, t.sorting.compareRows)
		return t.rows
	}
	slices.Sort(t.keys)
	rows := t.room.codes.take(len(t.keys))
	for i, k := range t.keys {
		rows[i] = uint32(k)
	}
	return rows
}

// pushKey is pushHeap for numbers, several times as fast.
func pushKey(heap []uint64, x uint64, limit int) []uint64 {
	if len(heap) < limit {
		heap = append(heap, x)
		i := len(heap) - 1
		for up := (i - 1) / 2; i > 0 && heap[up] < x; up = (i - 1) / 2 {
			heap[i] = heap[up]
			i = up
		}
		heap[i] = x
		return heap
	}
	i := 0
	for child := 1; child < len(heap); child = 2*i + 1 {
		if child+1 < len(heap) && heap[child+1] > heap[child] {
			child++
		}
		if heap[child] <= x {
			break
		}
		heap[i] = heap[child]
		i = child
	}
	heap[i] = x
	return heap
}

// pushHeap puts x in a heap of at most limit whose greatest stands first; where it
// is full, that one goes.
func pushHeap[T any](heap []T, x T, limit int, compare func(a, b T) int) []T {
	if len(heap) < limit {
		heap = append(heap, x)
		i := len(heap) - 1
		for i > 0 {
			up := (i - 1) / 2
			if compare(heap[up], heap[i]) >= 0 {
				break
			}
			heap[up], heap[i] = heap[i], heap[up]
			i = up
		}
		return heap
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= len(heap) {
			break
		}
		if child+1 < len(heap) && compare(heap[child+1], heap[child]) > 0 {
			child++
		}
		if compare(heap[child], x) <= 0 {
			break
		}
		heap[i] = heap[child]
		i = child
	}
	heap[i] = x
	return heap
}
