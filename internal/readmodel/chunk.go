package readmodel

import (
	"sort"
	"sync"
	"sync/atomic"
	"unsafe"

	"landings/internal/dataset"
	"landings/internal/encode"
)

// chunk is the records of one bucket, and their coded forms, each made when first
// asked for and then kept as long as the chunk.
//
// A write does not copy the bucket's text, which is 50 KB where the record has 200
// bytes: it leaves the bucket and adds to the edits on top. They become one when
// somebody wants the text, or when the edits are many.
type chunk struct {
	content atomic.Pointer[content] // of another form, the same records
	records int                     // never 0 in a directory
	coded   [encode.Codings]atomic.Pointer[encode.Part]
	mu      sync.Mutex // held while another form is made
}

// content is a bucket and what changed since. It is immutable.
type content struct {
	bucket *dataset.Bucket
	edits  []dataset.Change // in strictly ascending order of position; at most maxEdits
}

// maxEdits bounds what a write copies and a lookup searches: a list of so many
// changes, where one write in so many copies the bucket.
const maxEdits = 32

func newChunk(b *dataset.Bucket) *chunk {
	c := &chunk{records: b.Len()}
	c.content.Store(&content{bucket: b})
	return c
}

// bucket gives the records as a bucket.
func (c *chunk) bucket() *dataset.Bucket {
	if now := c.content.Load(); now.edits == nil {
		return now.bucket
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.merged()
}

// merged is bucket, with mu held.
func (c *chunk) merged() *dataset.Bucket {
	now := c.content.Load()
	if now.edits == nil {
		return now.bucket
	}
	b := now.bucket.With(now.edits)
	c.content.Store(&content{bucket: b})
	return b
}

// part gives the chunk in a coding.
func (c *chunk) part(coder *encode.Coder, coding encode.Coding) *encode.Part {
	if p := c.coded[coding].Load(); p != nil {
		return p
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.coded[coding].Load(); p != nil {
		return p
	}
	p := coder.Encode(coding, c.merged().Text())
	c.coded[coding].Store(&p)
	return &p
}

// find gives the record at a position within the chunk, and whether there is one.
func (c *chunk) find(position uint64) (dataset.Record, bool) {
	return c.content.Load().find(position)
}

func (c *content) find(position uint64) (dataset.Record, bool) {
	if i, ok := c.edit(position); ok {
		if e := &c.edits[i]; !e.Delete {
			return e.Record, true
		}
		return dataset.Record{}, false
	}
	return c.bucket.Find(position)
}

// edit gives where among the edits that of a position is, or would be.
func (c *content) edit(position uint64) (int, bool) {
	i := sort.Search(len(c.edits), func(i int) bool { return c.edits[i].Record.Position >= position })
	return i, i < len(c.edits) && c.edits[i].Record.Position == position
}

// with gives the chunk after edits, which are in strictly ascending order of
// position and lie within it; nil where no record is left.
func (c *chunk) with(edits []dataset.Change) *chunk {
	now := c.content.Load()
	next := &chunk{records: c.records}
	all := make([]dataset.Change, 0, len(now.edits)+len(edits))
	done := 0
	for _, e := range edits {
		if _, was := now.find(e.Record.Position); was {
			next.records--
		}
		if !e.Delete {
			next.records++
		}
		at, again := now.edit(e.Record.Position)
		all = append(append(all, now.edits[done:at]...), e)
		if done = at; again {
			done++
		}
	}
	all = append(all, now.edits[done:]...)
	switch {
	case next.records == 0:
		return nil
	case len(all) > maxEdits:
		next.content.Store(&content{bucket: now.bucket.With(all)})
	default:
		next.content.Store(&content{bucket: now.bucket, edits: all})
	}
	return next
}

// memory gives about how many bytes the chunk holds. One with edits counts as if
// its bucket were its own, for so it is as soon as somebody reads a list.
func (c *chunk) memory() int64 {
	n := int64(unsafe.Sizeof(*c)+unsafe.Sizeof(content{})) + c.textBytes()
	now := c.content.Load()
	n += now.bucket.Memory() - int64(len(now.bucket.Text())) + int64(cap(now.edits))*int64(unsafe.Sizeof(dataset.Change{}))
	for coding := encode.Gzip; coding < encode.Codings; coding++ {
		if p := c.coded[coding].Load(); p != nil {
			n += p.Len
		}
	}
	return n
}

// textBytes gives how many bytes of records the chunk holds.
func (c *chunk) textBytes() int64 {
	now := c.content.Load()
	n := int64(len(now.bucket.Text()))
	for i := range now.edits {
		n += int64(len(now.edits[i].Record.JSON))
	}
	return n
}
