package dataset

import (
	"iter"
	"sort"
	"unsafe"
)

// BucketSize is how many positions one [Bucket] spans.
const BucketSize = 256

// BucketOf gives the number of the bucket that holds a position.
func BucketOf(position uint64) uint64 { return position / BucketSize }

// Separator stands between the records in a bucket's text, so that the text is a
// piece of a JSON list as it stands.
const Separator = ",\n"

// Bucket holds the records of positions number*256 to number*256+255, in order
// of position, in a handful of allocations without inner pointers. It is
// immutable. Some positions, or all, may be vacant.
type Bucket struct {
	number  uint64
	text    []byte   // the records' JSON, joined by the separator
	ends    []uint32 // ends[i]: where record i ends in text
	ids     string   // the ids, one after the other
	idEnds  []uint32 // idEnds[i]: where id i ends in ids
	offsets []uint8  // offsets[i]: position of record i within the bucket, ascending
	digest  Digest
}

// Number gives the bucket's number: the position of its first place / 256.
func (b *Bucket) Number() uint64 { return b.number }

// Len gives the number of records.
func (b *Bucket) Len() int { return len(b.ends) }

// Text gives all records as a piece of a JSON list: joined by a comma and a line
// feed, without brackets. It is empty when there are no records, and must not be
// modified.
func (b *Bucket) Text() []byte { return b.text }

// Digest gives the sum of the records' hashes.
func (b *Bucket) Digest() Digest { return b.digest }

// Memory gives how many bytes the bucket takes.
func (b *Bucket) Memory() int64 {
	return int64(unsafe.Sizeof(*b)) + int64(cap(b.text)+len(b.ids)+4*(cap(b.ends)+cap(b.idEnds))+cap(b.offsets))
}

// At gives record i, 0 <= i < Len, in order of position. Nothing is copied.
func (b *Bucket) At(i int) Record {
	start, idStart := 0, 0
	if i > 0 {
		start = int(b.ends[i-1]) + len(Separator)
		idStart = int(b.idEnds[i-1])
	}
	end := int(b.ends[i])
	return Record{
		ID:       b.ids[idStart:b.idEnds[i]],
		Position: b.number*BucketSize + uint64(b.offsets[i]),
		JSON:     b.text[start:end:end],
	}
}

// Find gives the record at a position, and whether there is one.
func (b *Bucket) Find(position uint64) (Record, bool) {
	if b == nil || BucketOf(position) != b.number {
		return Record{}, false
	}
	want := uint8(position % BucketSize)
	i := sort.Search(len(b.offsets), func(i int) bool { return b.offsets[i] >= want })
	if i == len(b.offsets) || b.offsets[i] != want {
		return Record{}, false
	}
	return b.At(i), true
}

// All gives the records in order of position.
func (b *Bucket) All() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		for i := range b.Len() {
			if !yield(b.At(i)) {
				return
			}
		}
	}
}

// NewBucket makes bucket number of records that are in ascending order of
// position, each within the bucket. It copies what it is given and panics on
// positions that break the rule, for that is a fault of the caller.
func NewBucket(number uint64, records []Record) *Bucket {
	size, idSize := 0, 0
	for _, r := range records {
		size += len(r.JSON) + len(Separator)
		idSize += len(r.ID)
	}
	b := &Bucket{
		number:  number,
		text:    make([]byte, 0, max(0, size-len(Separator))),
		ends:    make([]uint32, 0, len(records)),
		idEnds:  make([]uint32, 0, len(records)),
		offsets: make([]uint8, 0, len(records)),
	}
	ids := make([]byte, 0, idSize)
	for i, r := range records {
		if BucketOf(r.Position) != number || i > 0 && r.Position <= records[i-1].Position {
			panic("dataset: records of a bucket are out of order")
		}
		if i > 0 {
			b.text = append(b.text, Separator...)
		}
		b.text = append(b.text, r.JSON...)
		b.ends = append(b.ends, uint32(len(b.text)))
		ids = append(ids, r.ID...)
		b.idEnds = append(b.idEnds, uint32(len(ids)))
		b.offsets = append(b.offsets, uint8(r.Position%BucketSize))
		b.digest += r.Hash()
	}
	b.ids = string(ids)
	return b
}

// AssembleBucket makes bucket number of records that fill its positions from the
// first without a gap, out of parts that the caller gives away: the text as
// [Bucket.Text] describes it, the ids one after the other, and where each record
// and each id ends. Nothing is copied. It panics on parts that do not fit
// together, for that is a fault of the caller.
func AssembleBucket(number uint64, text []byte, ends []uint32, ids string, idEnds []uint32) *Bucket {
	n := len(ends)
	if n > BucketSize || len(idEnds) != n || n > 0 && (int(ends[n-1]) != len(text) || int(idEnds[n-1]) != len(ids)) {
		panic("dataset: the parts of a bucket do not fit together")
	}
	b := &Bucket{number: number, text: text, ends: ends, ids: ids, idEnds: idEnds, offsets: make([]uint8, n)}
	for i := range b.offsets {
		b.offsets[i] = uint8(i)
	}
	for i := range n {
		b.digest += b.At(i).Hash()
	}
	return b
}
