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
// of position. It is immutable. Some positions, or all, may be vacant.
//
// It is three pieces of memory however many records it has, and only the first holds
// pointers: what the garbage collector does for ten million records is to look at
// every piece.
type Bucket struct {
	text   []byte // the records' JSON, joined by the separator
	index  string // see the function of this name
	number uint64
	digest Digest
	n      int  // records
	gaps   bool // whether record i is not at position i within the bucket
}

// Number gives the bucket's number: the position of its first place / 256.
func (b *Bucket) Number() uint64 { return b.number }

// Len gives the number of records.
func (b *Bucket) Len() int { return b.n }

// Text gives all records as a piece of a JSON list: joined by a comma and a line
// feed, without brackets. It is empty when there are no records, and must not be
// modified.
func (b *Bucket) Text() []byte { return b.text }

// Digest gives the sum of the records' hashes.
func (b *Bucket) Digest() Digest { return b.digest }

// Memory gives how many bytes the bucket takes.
func (b *Bucket) Memory() int64 {
	return int64(unsafe.Sizeof(*b)) + int64(cap(b.text)+len(b.index))
}

// word gives number i of the words of four bytes that the index begins with.
func (b *Bucket) word(i int) int {
	w := b.index[4*i : 4*i+4]
	return int(uint32(w[0]) | uint32(w[1])<<8 | uint32(w[2])<<16 | uint32(w[3])<<24)
}

// end gives where record i ends in the text.
func (b *Bucket) end(i int) int { return b.word(i) }

// idEnd gives where the id of record i ends among the ids.
func (b *Bucket) idEnd(i int) int { return b.word(b.n + i) }

// ids gives the ids, one after the other.
func (b *Bucket) ids() string {
	if b.gaps {
		return b.index[9*b.n:]
	}
	return b.index[8*b.n:]
}

// offset gives the position of record i within the bucket.
func (b *Bucket) offset(i int) uint8 {
	if b.gaps {
		return b.index[8*b.n+i]
	}
	return uint8(i)
}

// At gives record i, 0 <= i < Len, in order of position. Nothing is copied.
func (b *Bucket) At(i int) Record {
	start, idStart := 0, 0
	if i > 0 {
		start = b.end(i-1) + len(Separator)
		idStart = b.idEnd(i - 1)
	}
	end := b.end(i)
	return Record{
		ID:       b.ids()[idStart:b.idEnd(i)],
		Position: b.number*BucketSize + uint64(b.offset(i)),
		JSON:     b.text[start:end:end],
	}
}

// Find gives the record at a position, and whether there is one.
func (b *Bucket) Find(position uint64) (Record, bool) {
	if b == nil || BucketOf(position) != b.number {
		return Record{}, false
	}
	i := int(position % BucketSize)
	found := i < b.n
	if b.gaps {
		i, found = sort.Find(b.n, func(i int) int { return int(position%BucketSize) - int(b.offset(i)) })
	}
	if !found {
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
	p := packer{text: make([]byte, 0, max(0, size-len(Separator))), ids: make([]byte, 0, idSize)}
	for i, r := range records {
		if BucketOf(r.Position) != number || i > 0 && r.Position <= records[i-1].Position {
			panic("dataset: records of a bucket are out of order")
		}
		p.add(r)
		p.digest += r.Hash()
	}
	return p.bucket(number)
}

// AssembleBucket makes bucket number of records that fill its positions from the
// first without a gap, out of parts: the text as [Bucket.Text] describes it, which
// the caller gives away and which is not copied, the ids one after the other, and
// where each record and each id ends. It panics on parts that do not fit together,
// for that is a fault of the caller.
func AssembleBucket(number uint64, text []byte, ends []uint32, ids string, idEnds []uint32) *Bucket {
	n := len(ends)
	if n > BucketSize || len(idEnds) != n || n > 0 && (int(ends[n-1]) != len(text) || int(idEnds[n-1]) != len(ids)) {
		panic("dataset: the parts of a bucket do not fit together")
	}
	b := &Bucket{number: number, text: text, n: n, index: index(ends, idEnds, nil, ids)}
	for i := range n {
		b.digest += b.At(i).Hash()
	}
	return b
}
