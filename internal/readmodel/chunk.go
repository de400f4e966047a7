package readmodel

import (
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
	edited  atomic.Pointer[content]        // nil: nothing is edited
	whole   atomic.Pointer[dataset.Bucket] // all records; set before edited becomes nil
	records int                            // never 0 in a directory
	coded   [encode.Codings]atomic.Pointer[encode.Part]
	mu      sync.Mutex // held while another form is made
}

// content is a bucket and what changed since. It is immutable.
type content struct {
	bucket *dataset.Bucket
	edits  []edited // in strictly ascending order of offset; at most maxEdits
}

// edited is what became of a position.
type edited struct {
	offset uint8           // the position within the bucket
	record *dataset.Record // nil: it is vacant
}

func offsetOf(position uint64) uint8 { return uint8(position % dataset.BucketSize) }

// maxEdits bounds what a write copies, a list of so many edits of 16 bytes, while one
// write in so many copies the bucket.
const maxEdits = 64

func newChunk(b *dataset.Bucket) *chunk {
	c := &chunk{records: b.Len()}
	c.whole.Store(b)
	return c
}

// content gives the records as they are at hand.
func (c *chunk) content() content {
	if now := c.edited.Load(); now != nil {
		return *now
	}
	return content{bucket: c.whole.Load()}
}

// bucket gives the records as a bucket.
func (c *chunk) bucket() *dataset.Bucket {
	if c.edited.Load() == nil {
		return c.whole.Load()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.merged()
}

// merged is bucket, with mu held.
func (c *chunk) merged() *dataset.Bucket {
	now := c.edited.Load()
	if now == nil {
		return c.whole.Load()
	}
	b := now.merged()
	c.whole.Store(b)
	c.edited.Store(nil)
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

// merged gives the bucket after the edits.
func (c *content) merged() *dataset.Bucket {
	changes := make([]dataset.Change, len(c.edits))
	for i, e := range c.edits {
		if e.record == nil {
			changes[i] = dataset.Change{Delete: true, Record: dataset.Record{Position: c.bucket.Number()*dataset.BucketSize + uint64(e.offset)}}
		} else {
			changes[i].Record = *e.record
		}
	}
	return c.bucket.With(changes)
}

// find gives the record at a position within the chunk, and whether there is one.
func (c *chunk) find(position uint64) (dataset.Record, bool) {
	now := c.content()
	if i, ok := now.edit(offsetOf(position)); ok {
		if r := now.edits[i].record; r != nil {
			return *r, true
		}
		return dataset.Record{}, false
	}
	return now.bucket.Find(position)
}

// edit gives where among the edits that of an offset is, or would be.
func (c *content) edit(offset uint8) (int, bool) {
	low, high := 0, len(c.edits)
	for low < high {
		if at := (low + high) / 2; c.edits[at].offset < offset {
			low = at + 1
		} else {
			high = at
		}
	}
	return low, low < len(c.edits) && c.edits[low].offset == offset
}

// with gives the chunk after changes, which are in strictly ascending order of
// position and lie within it; nil where no record is left.
func (c *chunk) with(changes []dataset.Change) *chunk {
	now := c.content()
	next := &chunk{records: c.records}
	all := make([]edited, 0, len(now.edits)+len(changes))
	done := 0
	for _, change := range changes {
		e := edited{offset: offsetOf(change.Record.Position)}
		if !change.Delete {
			e.record = new(change.Record)
			next.records++
		}
		at, again := now.edit(e.offset)
		all = append(append(all, now.edits[done:at]...), e)
		done = at
		var was bool
		if again {
			was = now.edits[at].record != nil
			done++
		} else {
			_, was = now.bucket.Find(change.Record.Position)
		}
		if was {
			next.records--
		}
	}
	all = append(all, now.edits[done:]...)
	if after := (content{bucket: now.bucket, edits: all}); len(all) > maxEdits {
		next.whole.Store(after.merged())
	} else {
		next.edited.Store(&after)
	}
	if next.records == 0 {
		return nil
	}
	return next
}

// memory gives about how many bytes the chunk holds. One with edits counts as if
// its bucket were its own, for so it is as soon as somebody reads a list.
func (c *chunk) memory() int64 {
	n := int64(unsafe.Sizeof(*c)) + c.textBytes()
	now := c.content()
	n += now.bucket.Memory() - int64(len(now.bucket.Text())) + int64(len(now.edits))*int64(unsafe.Sizeof(edited{})+unsafe.Sizeof(dataset.Record{}))
	for coding := encode.Gzip; coding < encode.Codings; coding++ {
		if p := c.coded[coding].Load(); p != nil {
			n += p.Len
		}
	}
	return n
}

// textBytes gives how many bytes of records the chunk holds.
func (c *chunk) textBytes() int64 {
	now := c.content()
	n := int64(len(now.bucket.Text()))
	for _, e := range now.edits {
		if e.record != nil {
			n += int64(len(e.record.JSON))
		}
	}
	return n
}
