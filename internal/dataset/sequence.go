package dataset

import "iter"

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
