package rdb

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// An Intset is Redis's sorted set of integers in one block, as intset.c makes
// it: 4 bytes of width (2, 4 or 8), 4 of count, then the integers ascending,
// all little endian. The methods trust the bytes: those from elsewhere go
// through [ValidIntset] first.
type Intset []byte

const isHeader = 8

// AppendIntset appends an empty intset to dst, which must be empty: it gives
// only its capacity.
func AppendIntset(dst []byte) Intset {
	return append(dst[:0], 2, 0, 0, 0, 0, 0, 0, 0)
}

var (
	errISShort = errors.New("intset is shorter than its header")
	errISWidth = errors.New("intset has a width other than 2, 4 or 8")
	errISSize  = errors.New("intset has another size than its header says")
	errISOrder = errors.New("intset is not in ascending order")
)

// ValidIntset checks every byte of b.
func ValidIntset(b []byte) (Intset, error) {
	if len(b) < isHeader {
		return nil, errISShort
	}
	s := Intset(b)
	w := binary.LittleEndian.Uint32(b)
	if w != 2 && w != 4 && w != 8 {
		return nil, errISWidth
	}
	if uint64(len(b)-isHeader) != uint64(w)*uint64(binary.LittleEndian.Uint32(b[4:])) {
		return nil, errISSize
	}
	for i := 1; i < s.Len(); i++ {
		if s.At(i-1) >= s.At(i) {
			return nil, errISOrder
		}
	}
	return s, nil
}

// Len returns the number of members.
func (s Intset) Len() int { return int(binary.LittleEndian.Uint32(s[4:])) }

// At returns member i in ascending order.
func (s Intset) At(i int) int64 { return intsetAt(s, int(s[0]), i) }

func intsetAt(b []byte, width, i int) int64 {
	b = b[isHeader+width*i:]
	switch width {
	case 2:
		return int64(int16(binary.LittleEndian.Uint16(b)))
	case 4:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	}
	return int64(binary.LittleEndian.Uint64(b))
}

func intsetPut(b []byte, width, i int, n int64) {
	b = b[isHeader+width*i:]
	switch width {
	case 2:
		binary.LittleEndian.PutUint16(b, uint16(n))
	case 4:
		binary.LittleEndian.PutUint32(b, uint32(n))
	default:
		binary.LittleEndian.PutUint64(b, uint64(n))
	}
}

// Search returns the index of n, or where it would be, and whether it is there.
func (s Intset) Search(n int64) (int, bool) {
	lo, hi := 0, s.Len()
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if s.At(mid) < n {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < s.Len() && s.At(lo) == n
}

func intsetWidth(n int64) int {
	switch {
	case n >= math.MinInt16 && n <= math.MaxInt16:
		return 2
	case n >= math.MinInt32 && n <= math.MaxInt32:
		return 4
	}
	return 8
}

// Add puts n in and says whether it was new. The result may share the memory of
// s, as with append.
func (s Intset) Add(n int64) (Intset, bool) {
	i, found := s.Search(n)
	if found {
		return s, false
	}
	count, width := s.Len(), int(s[0])
	if w := intsetWidth(n); w > width { // then n is smaller or larger than all others
		size := isHeader + w*(count+1)
		s = slices.Grow(s, size-len(s))[:size]
		shift := 0
		if i == 0 {
			shift = 1
		}
		for k := count - 1; k >= 0; k-- { // from the end: the new places overlap the old
			intsetPut(s, w, k+shift, intsetAt(s, width, k))
		}
		s[0], width = byte(w), w
	} else {
		at, before := isHeader+width*i, len(s)
		s = slices.Grow(s, width)[:before+width]
		copy(s[at+width:], s[at:before])
	}
	intsetPut(s, width, i, n)
	binary.LittleEndian.PutUint32(s[4:], uint32(count+1))
	return s, true
}

// Remove takes n out and says whether it was there. The width stays, as in
// Redis.
func (s Intset) Remove(n int64) (Intset, bool) {
	i, found := s.Search(n)
	if !found {
		return s, false
	}
	count, width := s.Len(), int(s[0])
	at := isHeader + width*i
	copy(s[at:], s[at+width:])
	s = s[:len(s)-width]
	binary.LittleEndian.PutUint32(s[4:], uint32(count-1))
	return s, true
}
