package readmodel

import (
	"iter"
	"slices"
	"sort"
	"unsafe"

	"landings/internal/columns"
	"landings/internal/dataset"
	"landings/internal/predicate"
)

// changes is what became of some positions since a table of columns was made: the
// records that are there now, with their values, and which rows of the table are
// not true any more. It is immutable and in pages in order of position, so that a
// write copies one page and the list of pages; nil is empty.
type changes struct {
	pages [][]change
	len   int
}

// maxPage bounds a page: of 64 changes it is 6 KB, and the list of pages for ten
// thousand of them 4 KB.
const maxPage = 64

// change is one position. A deleted record has no values.
type change struct {
	position uint64
	row      int64 // of the table: the row that held it; -1: none did
	record   dataset.Record
	values   predicate.Row // nil: deleted
}

// all gives the changes in order of position.
func (c *changes) all() iter.Seq[*change] {
	return func(yield func(*change) bool) {
		if c == nil {
			return
		}
		for _, page := range c.pages {
			for i := range page {
				if !yield(&page[i]) {
					return
				}
			}
		}
	}
}

// find gives the change at a position; nil: there is none.
func (c *changes) find(position uint64) *change {
	if c == nil {
		return nil
	}
	p := sort.Search(len(c.pages), func(i int) bool { return c.pages[i][0].position > position }) - 1
	if p < 0 {
		return nil
	}
	page := c.pages[p]
	i := sort.Search(len(page), func(i int) bool { return page[i].position >= position })
	if i == len(page) || page[i].position != position {
		return nil
	}
	return &page[i]
}

// with gives the changes after edits, which are in ascending order of position.
func (c *changes) with(table *columns.Table, edits []dataset.Change) *changes {
	if len(edits) == 0 {
		return c
	}
	want := table.Reader().WantAll()
	added := make([]change, len(edits))
	for i, e := range edits {
		added[i] = change{position: e.Record.Position, row: -1}
		if row, ok := table.Row(e.Record.Position); ok {
			added[i].row = int64(row)
		}
		if !e.Delete {
			added[i].record = e.Record
			added[i].values = table.Reader().NewRow()
			table.Reader().Read(e.Record, &want, added[i].values)
		}
	}
	next := &changes{}
	old := [][]change{nil}
	if c != nil {
		old, next.len = c.pages, c.len
	}
	for i, page := range old {
		n := len(added) // those that belong into this page: before the next one
		if i+1 < len(old) {
			first := old[i+1][0].position
			n = sort.Search(n, func(j int) bool { return added[j].position >= first })
		}
		if n == 0 {
			next.pages = append(next.pages, page)
			continue
		}
		merged := mergeChanges(page, added[:n])
		next.len += len(merged) - len(page)
		added = added[n:]
		for parts := (len(merged) + maxPage - 1) / maxPage; parts > 0; parts-- {
			size := len(merged) / parts
			next.pages = append(next.pages, merged[:size:size])
			merged = merged[size:]
		}
	}
	return next
}

// mergeChanges joins two lists in order of position; where both have one, that of b
// counts.
func mergeChanges(a, b []change) []change {
	out := make([]change, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].position < b[0].position:
			out, a = append(out, a[0]), a[1:]
		case a[0].position > b[0].position:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, b[0]), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// since gives those of c that are not in older, for a new table.
func (c *changes) since(older *changes, table *columns.Table) *changes {
	var edits []dataset.Change
	for x := range c.all() {
		if was := older.find(x.position); was != nil && was.same(x) {
			continue
		}
		edits = append(edits, dataset.Change{Delete: x.values == nil, Record: dataset.Record{ID: x.record.ID, Position: x.position, JSON: x.record.JSON}})
	}
	return (*changes)(nil).with(table, edits)
}

// same says that two changes of one position are one.
func (x *change) same(o *change) bool {
	return (x.values == nil) == (o.values == nil) && unsafe.SliceData(x.record.JSON) == unsafe.SliceData(o.record.JSON)
}

// alone gives the memory that c has and next does not, in bytes.
func (c *changes) alone(next *changes) int64 {
	if c == nil || c == next {
		return 0
	}
	n := int64(24 * len(c.pages))
	for _, page := range c.pages {
		if next != nil && slices.ContainsFunc(next.pages, func(p []change) bool { return &p[0] == &page[0] }) {
			continue
		}
		for i := range page {
			n += int64(unsafe.Sizeof(change{})) + int64(cap(page[i].values))*int64(unsafe.Sizeof(predicate.Value{}))
		}
	}
	return n
}

// A new table is made in the background when the changes are more than tableAt, and
// more than 1 in tableShare of the records.
const (
	tableAt    = 2048
	tableShare = 128
)

func (c *changes) due(records int) bool {
	return c != nil && c.len > max(tableAt, records/tableShare)
}
