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

// forgotten empties a list and keeps its room.
func forgotten[T any](list []T) []T {
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
	mostRoom  = 256 << 10 // bytes of a block that is kept: more is needed too seldom
)

// take gives n zero values.
func (r *room[T]) take(n int) []T {
	if len(r.block)-r.used < n {
		// What was given out of the block before stays with those who have it.
		size := int(unsafe.Sizeof(*new(T)))
		r.block, r.used = make([]T, max(n, 2*len(r.block), leastRoom/size)), 0
	}
	r.used += n
	return r.block[r.used-n : r.used : r.used]
}

func (r *room[T]) reset() {
	if len(r.block)*int(unsafe.Sizeof(*new(T))) > mostRoom {
		r.block = nil
	}
	clear(r.block[:min(r.used, len(r.block))])
	r.used = 0
}
