package dataset

import (
	"cmp"
	"iter"
	"maps"
	"slices"
)

// Sequence is the records of a whole dataset as buckets in ascending order of
// number. Buckets without records may be left out.
type Sequence []*Bucket

// Len gives the number of records.
func (s Sequence) Len() int {
	n := 0
	for _, b := range s {
		n += b.Len()
	}
	return n
}

// Digest gives the sum of the records' hashes.
func (s Sequence) Digest() Digest {
	var d Digest
	for _, b := range s {
		d += b.Digest()
	}
	return d
}

// Next gives the position after the last record, 0 when there is none.
func (s Sequence) Next() uint64 {
	for i := len(s) - 1; i >= 0; i-- {
		if n := s[i].Len(); n > 0 {
			return s[i].At(n-1).Position + 1
		}
	}
	return 0
}

// All gives the records in order of position.
func (s Sequence) All() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		for _, b := range s {
			for i := range b.Len() {
				if !yield(b.At(i)) {
					return
				}
			}
		}
	}
}

// With gives the sequence after changes, the later of which win. Buckets that no
// change touches are shared; those that end up without records are left out.
func (s Sequence) With(changes []Change) Sequence {
	last := map[uint64]Change{} // by position
	for _, c := range changes {
		last[c.Record.Position] = c
	}
	edits := slices.SortedFunc(maps.Values(last), func(a, b Change) int { return cmp.Compare(a.Record.Position, b.Record.Position) })
	out := make(Sequence, 0, len(s)+1)
	for len(s) > 0 || len(edits) > 0 {
		if len(edits) == 0 || len(s) > 0 && s[0].Number() < BucketOf(edits[0].Record.Position) {
			out, s = append(out, s[0]), s[1:]
			continue
		}
		number := BucketOf(edits[0].Record.Position)
		n := 1
		for n < len(edits) && BucketOf(edits[n].Record.Position) == number {
			n++
		}
		bucket := &Bucket{number: number}
		if len(s) > 0 && s[0].Number() == number {
			bucket, s = s[0], s[1:]
		}
		if bucket = bucket.With(edits[:n]); bucket.Len() > 0 {
			out = append(out, bucket)
		}
		edits = edits[n:]
	}
	return out
}
