package readmodel

import (
	"sync"
	"unsafe"
)

// scratch is memory for the work on one question, which the next one uses again. What is
// needed for that moment alone would else be most of the garbage there is, and the
// collector, which looks at every live object each time, would be about more often.
type scratch struct {
	plan    plan
	codes   room[uint32] // codes and rows
	keys    room[uint64]
	numbers room[float64]
	counts  room[int]
	runs    room[run]
	items   room[item]
	counted room[counted]
	tallies room[tally]
	values  room[values]
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// newScratch gives memory, until it is released.
func newScratch() *scratch { return scratches.Get().(*scratch) }

// release takes it back. Nothing that came from it may be used any more.
func (s *scratch) release() {
	s.plan = plan{leaves: forgotten(s.plan.leaves)}
	s.codes.reset()
	s.keys.reset()
	s.numbers.reset()
	s.counts.reset()
	s.runs.reset()
	s.items.reset()
	s.counted.reset()
	s.tallies.reset()
	s.values.reset()
	scratches.Put(s)
}

// forgotten empties a list and keeps its room, where that is no more than usual.
func forgotten(list []leaf) []leaf {
	const usual = 32
	if cap(list) > usual {
		return nil
	}
	clear(list[:cap(list)])
	return list[:0]
}

// room is memory that is given out from one end to the other and taken back as a whole.
type room[T any] struct {
	block []T
	used  int
}

const (
	leastRoom = 1 << 10   // bytes of the first block
	mostRoom  = 256 << 10 // bytes of the largest: more is needed too seldom to be kept
)

// take gives n zero values.
func (r *room[T]) take(n int) []T {
	if len(r.block)-r.used < n {
		size := int(unsafe.Sizeof(*new(T)))
		if n > mostRoom/size {
			return make([]T, n)
		}
		// What was given out of the block before stays with those who have it.
		r.block, r.used = make([]T, max(n, min(2*len(r.block), mostRoom/size), leastRoom/size)), 0
	}
	r.used += n
	return r.block[r.used-n : r.used : r.used]
}

func (r *room[T]) reset() {
	clear(r.block[:r.used])
	r.used = 0
}
