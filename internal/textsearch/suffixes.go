package textsearch

import (
	"index/suffixarray"
	"math"
	"math/bits"
	"slices"
)

// suffixes finds the texts with a term by a suffix array: in steps that grow with the
// logarithm of all texts' length, and with how many texts have the term. It takes four
// bytes and the folded text for each character.
type suffixes struct {
	array *suffixarray.Index // over the folded texts, an end after each
	ends  []uint64           // by place, a bit: a text ends
	ranks []uint32           // by word of ends: how many are in the words before
}

const end = '\x00'

// newSuffixes gives nil where the texts together are too long.
func newSuffixes(texts int, text func(i uint32) string) *suffixes {
	var data []byte
	var ends []uint64
	for i := range uint32(texts) {
		if len(data) > math.MaxInt32-1<<20 {
			return nil // the array would take twice the memory
		}
		data = append(append(data, Fold(text(i))...), end)
		for len(ends) <= (len(data)-1)/64 {
			ends = append(ends, 0)
		}
		ends[(len(data)-1)/64] |= 1 << ((len(data) - 1) % 64)
	}
	s := &suffixes{ends: slices.Clip(ends), ranks: make([]uint32, len(ends))}
	n := uint32(0)
	for i, word := range ends {
		s.ranks[i] = n
		n += uint32(bits.OnesCount64(word))
	}
	s.array = suffixarray.New(slices.Clone(data))
	return s
}

// find gives the texts with a term in ascending order, unless it stands in more than
// most places.
func (s *suffixes) find(term string, most int) (texts []uint32, ok bool) {
	places := s.array.Lookup([]byte(term), most+1)
	if len(places) > most {
		return nil, false
	}
	texts = make([]uint32, len(places))
	for i, at := range places {
		before := s.ends[at/64] & (1<<(at%64) - 1)
		texts[i] = s.ranks[at/64] + uint32(bits.OnesCount64(before))
	}
	slices.Sort(texts)
	return slices.Compact(texts), true
}

func (s *suffixes) bytes() int64 {
	return 5*64*int64(len(s.ends)) + 12*int64(len(s.ends)) // 5 bytes a place
}
