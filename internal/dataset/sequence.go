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
	touched := map[uint64]map[uint64]*Record{} // by bucket, by position; nil: deleted
	for _, c := range changes {
		number := BucketOf(c.Record.Position)
		if touched[number] == nil {
			touched[number] = map[uint64]*Record{}
		}
		if c.Delete {
			touched[number][c.Record.Position] = nil
		} else {
			touched[number][c.Record.Position] = &c.Record
		}
	}
	merge := func(number uint64, old *Bucket) *Bucket {
		edits := touched[number]
		var records []Record
		if old != nil {
			for r := range old.All() {
				if _, edited := edits[r.Position]; !edited {
					records = append(records, r)
				}
			}
		}
		for _, r := range edits {
			if r != nil {
				records = append(records, *r)
			}
		}
		slices.SortFunc(records, func(a, b Record) int { return cmp.Compare(a.Position, b.Position) })
		return NewBucket(number, records)
	}
	out := make(Sequence, 0, len(s)+len(touched))
	add := func(b *Bucket) {
		if b.Len() > 0 {
			out = append(out, b)
		}
	}
	numbers := slices.Sorted(maps.Keys(touched))
	for _, b := range s {
		for len(numbers) > 0 && numbers[0] < b.Number() {
			add(merge(numbers[0], nil))
			numbers = numbers[1:]
		}
		if len(numbers) > 0 && numbers[0] == b.Number() {
			add(merge(b.Number(), b))
			numbers = numbers[1:]
			continue
		}
		add(b)
	}
	for _, number := range numbers {
		add(merge(number, nil))
	}
	return out
}
