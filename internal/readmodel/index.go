package readmodel

import (
	"cmp"
	"hash/maphash"
	"math/bits"
	"slices"
	"sort"
)

// index finds positions by id. What it holds are hints: whoever asks looks at the
// position and compares the id. So a deleted record needs no change here (its
// position stays vacant for ever), and an id that comes back gets one more hint.
// The one promise is that the present position of every record is among the hints
// for its id. Hints stand in three places, each of them immutable.
type index struct {
	seed    maphash.Seed
	base    *table   // nil: empty
	folding *overlay // on its way into the next base; nil: no fold is going on
	recent  *overlay // added since; nil: empty
}

// find calls try with each position hinted at for id, until it says true.
func (x *index) find(id string, try func(position uint64) bool) bool {
	if x.base == nil && x.recent == nil && x.folding == nil {
		return false
	}
	hash := maphash.String(x.seed, id)
	return x.recent.find(hash, try) || x.folding.find(hash, try) || x.base.find(hash, try)
}

func (x *index) with(added []entry) index {
	return index{seed: x.seed, base: x.base, folding: x.folding, recent: x.recent.with(added)}
}

// A fold begins when recent hints are more than foldAt, and more than 1 in
// foldShare of the records: so that the work of folding stays in proportion to
// the writes, however many records there are.
const (
	foldAt    = 4096
	foldShare = 128
)

func (x *index) due(records int) bool {
	return x.folding == nil && x.recent != nil && x.recent.len > max(foldAt, records/foldShare)
}

// freeze gives the index as it is while its recent hints are folded.
func (x *index) freeze() index {
	return index{seed: x.seed, base: x.base, folding: x.recent}
}

// entry is one hint.
type entry struct {
	hash     uint64
	position uint64
}

func (e entry) compare(o entry) int {
	return cmp.Or(cmp.Compare(e.hash, o.hash), cmp.Compare(e.position, o.position))
}

// overlay is a few thousand entries in ascending order, in pages of at most
// maxEntries, none of them empty. It is immutable; a nil overlay is empty.
type overlay struct {
	pages [][]entry
	len   int
}

const maxEntries = 256

func (o *overlay) find(hash uint64, try func(uint64) bool) bool {
	if o == nil {
		return false
	}
	// The page before the first one that begins at hash or beyond may end with it.
	p := max(0, sort.Search(len(o.pages), func(i int) bool { return o.pages[i][0].hash >= hash })-1)
	for ; p < len(o.pages); p++ {
		page := o.pages[p]
		i := sort.Search(len(page), func(i int) bool { return page[i].hash >= hash })
		for ; i < len(page) && page[i].hash == hash; i++ {
			if try(page[i].position) {
				return true
			}
		}
		if i < len(page) {
			return false
		}
	}
	return false
}

// with gives the overlay with more entries: the pages they fall into are copied,
// and the list of pages.
func (o *overlay) with(added []entry) *overlay {
	if len(added) == 0 {
		return o
	}
	added = slices.Clone(added)
	slices.SortFunc(added, entry.compare)
	if o == nil {
		o = &overlay{pages: [][]entry{nil}} // one page for the loop to merge into
	}
	next := &overlay{pages: make([][]entry, 0, len(o.pages)+1+len(added)/(maxEntries/2)), len: o.len + len(added)}
	for i, page := range o.pages {
		n := len(added) // how many belong into this page: those before the next one
		if i+1 < len(o.pages) {
			n = sort.Search(n, func(j int) bool { return added[j].compare(o.pages[i+1][0]) >= 0 })
		}
		if n == 0 {
			next.pages = append(next.pages, page)
			continue
		}
		next.pages = appendPages(next.pages, merge(page, added[:n]))
		added = added[n:]
	}
	return next
}

// appendPages cuts entries into pages of equal size.
func appendPages(pages [][]entry, entries []entry) [][]entry {
	for n := (len(entries) + maxEntries - 1) / maxEntries; n > 0; n-- {
		size := len(entries) / n
		pages = append(pages, entries[:size:size])
		entries = entries[size:]
	}
	return pages
}

func merge(a, b []entry) []entry {
	out := make([]entry, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0].compare(b[0]) <= 0 {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// table is the hints for all records of a directory: an open-addressing hash
// table without pointers. A slot holds 16 bits of hash and a position + 1; 0 is
// vacant. Three in ten slots stay vacant. A nil table is empty.
type table struct {
	slots []uint64
}

// maxPosition is the last position that fits a slot: at a million new records a
// second it is reached after nine years. Records beyond it are in lists, and not
// found by id.
const maxPosition = 1<<48 - 2

func newTable(seed maphash.Seed, dir directory) *table {
	t := &table{slots: make([]uint64, uint64(dir.records)*10/7+8)}
	clear(t.slots) // fresh memory that is read before it is written costs a second fault for each page
	for c := range dir.all() {
		for r := range c.bucket().All() {
			if r.Position > maxPosition {
				continue
			}
			hash := maphash.String(seed, r.ID)
			at := t.start(hash)
			for t.slots[at] != 0 {
				at = t.after(at)
			}
			t.slots[at] = hash<<48 | (r.Position + 1)
		}
	}
	return t
}

func (t *table) find(hash uint64, try func(uint64) bool) bool {
	if t == nil {
		return false
	}
	for at := t.start(hash); t.slots[at] != 0; at = t.after(at) {
		if slot := t.slots[at]; slot>>48 == hash&0xffff && try(slot&(1<<48-1)-1) {
			return true
		}
	}
	return false
}

// start maps a hash to a slot by its high bits; the low ones stand in the slot.
func (t *table) start(hash uint64) int {
	high, _ := bits.Mul64(hash, uint64(len(t.slots)))
	return int(high)
}

func (t *table) after(at int) int {
	if at++; at < len(t.slots) {
		return at
	}
	return 0
}
