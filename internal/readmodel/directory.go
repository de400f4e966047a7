package readmodel

import (
	"iter"
	"sort"
	"sync/atomic"

	"landings/internal/dataset"
	"landings/internal/encode"
)

// pageSize is how many chunks a page spans: a page is 65,536 positions.
const pageSize = 256

// page is the chunks of pageSize consecutive bucket numbers, and their joined
// forms, each made when first asked for.
type page struct {
	number uint64 // bucket number / pageSize
	chunks [pageSize]*chunk
	filled int // chunks that are not nil; such a chunk has records

	joined [encode.Codings]atomic.Pointer[encode.Part]
}

func (p *page) part(coder *encode.Coder, coding encode.Coding) *encode.Part {
	if part := p.joined[coding].Load(); part != nil {
		return part
	}
	parts := make([]encode.Part, 0, p.filled)
	for _, c := range p.chunks {
		if c != nil {
			parts = append(parts, *c.part(coder, coding))
		}
	}
	part := encode.Join(coding, parts)
	p.joined[coding].Store(&part) // two who make it at once make the same
	return &part
}

// directory is the chunks of a dataset in two levels, so that a change copies one
// page and the list of pages: 1,200 bytes at 10 million records. It is immutable.
type directory struct {
	pages   []*page // in ascending order of number; no page is without chunks
	records int
	chunks  int
}

func newDirectory(records dataset.Sequence) directory {
	var d directory
	for _, b := range records {
		if b.Len() == 0 {
			continue
		}
		number := b.Number() / pageSize
		if n := len(d.pages); n == 0 || d.pages[n-1].number != number {
			d.pages = append(d.pages, &page{number: number})
		}
		p := d.pages[len(d.pages)-1]
		p.chunks[b.Number()%pageSize] = newChunk(b)
		p.filled++
		d.chunks++
		d.records += b.Len()
	}
	return d
}

// search gives where the page of a number is, or would be.
func search(pages []*page, number uint64) (int, bool) {
	i := sort.Search(len(pages), func(i int) bool { return pages[i].number >= number })
	return i, i < len(pages) && pages[i].number == number
}

// find gives the record at a position, and whether there is one.
func (d *directory) find(position uint64) (dataset.Record, bool) {
	number := dataset.BucketOf(position)
	if i, ok := search(d.pages, number/pageSize); ok {
		if c := d.pages[i].chunks[number%pageSize]; c != nil {
			return c.find(position)
		}
	}
	return dataset.Record{}, false
}

// all gives the chunks in order.
func (d *directory) all() iter.Seq[*chunk] { return d.from(0) }

// from gives the chunks in order, beginning with that of a position.
func (d *directory) from(position uint64) iter.Seq[*chunk] {
	return func(yield func(*chunk) bool) {
		number := dataset.BucketOf(position)
		i, found := search(d.pages, number/pageSize)
		first := uint64(0)
		if found {
			first = number % pageSize
		}
		for _, p := range d.pages[i:] {
			for _, c := range p.chunks[first:] {
				if c != nil && !yield(c) {
					return
				}
			}
			first = 0
		}
	}
}

// with gives the directory after edits, which are in strictly ascending order of
// position.
func (d *directory) with(edits []dataset.Change) directory {
	if len(edits) == 0 {
		return *d
	}
	after := *d
	pages := make([]*page, 0, len(d.pages)+1)
	rest := d.pages
	for len(edits) > 0 {
		number := dataset.BucketOf(edits[0].Record.Position) / pageSize
		i, found := search(rest, number)
		pages = append(pages, rest[:i]...)
		rest = rest[i:]
		next := &page{number: number}
		if found {
			next.chunks, next.filled = rest[0].chunks, rest[0].filled
			rest = rest[1:]
		}
		for len(edits) > 0 {
			bucket := dataset.BucketOf(edits[0].Record.Position)
			if bucket/pageSize != number {
				break
			}
			n := 1
			for n < len(edits) && dataset.BucketOf(edits[n].Record.Position) == bucket {
				n++
			}
			place := &next.chunks[bucket%pageSize]
			old := *place
			if old != nil {
				after.records -= old.records
				after.chunks--
				next.filled--
			} else {
				old = newChunk(dataset.NewBucket(bucket, nil))
			}
			if *place = old.with(edits[:n]); *place != nil {
				after.records += (*place).records
				after.chunks++
				next.filled++
			}
			edits = edits[n:]
		}
		if next.filled > 0 {
			pages = append(pages, next)
		}
	}
	pages = append(pages, rest...)
	after.pages = pages
	return after
}
