package textsearch

import (
	"math"
	"math/bits"
)

// rare lists which texts have five bytes, of all fives that few texts have: a term that
// has one of them is in no other texts. It takes four bytes for each five listed, and
// four to eight for each text.
type rare struct {
	shift    int
	frequent []uint64 // by hash of five bytes, a bit: too many texts have them to be listed
	starts   []uint32 // by hash, where its texts begin in texts; one more
	texts    []uint32 // ascending within a hash; a text may stand there twice
}

const (
	five = 5
	// mostRare is how many texts a hash may have that is listed.
	mostRare = 4096
	// mostListed is how many fives may be listed for each text: names have about ten.
	mostListed = 64
)

// newRare gives nil where the texts are so long that the lists would take more memory
// than is allowed for.
func newRare(texts int, text func(i uint32) string) *rare {
	hashes := bits.Len(uint(texts))
	r := &rare{shift: 64 - hashes, frequent: make([]uint64, 1<<hashes/64+1), starts: make([]uint32, 1<<hashes+1)}
	each := func(see func(hash, i uint32)) {
		for i := range uint32(texts) {
			folded := Fold(text(i))
			for at := 0; at+five <= len(folded); at++ {
				see(r.hash(folded[at:]), i)
			}
		}
	}
	next := r.starts[1:] // counts at first, then where the next text of a hash goes
	each(func(hash, _ uint32) {
		if next[hash] <= mostRare {
			next[hash]++
		}
	})
	listed := uint64(0)
	for _, n := range next {
		if n <= mostRare {
			listed += uint64(n)
		}
	}
	if listed > min(mostListed*uint64(texts), math.MaxUint32) {
		return nil
	}
	at := uint32(0)
	for hash, n := range next {
		if n > mostRare {
			r.frequent[hash/64] |= 1 << (hash % 64)
			n = 0
		}
		next[hash] = at
		at += n
	}
	// Once all are there, each next is where the following hash begins.
	r.texts = make([]uint32, at)
	each(func(hash, i uint32) {
		if !r.isFrequent(hash) {
			r.texts[next[hash]] = i
			next[hash]++
		}
	})
	return r
}

// hash is the high bits of a product, as Knuth has it (The Art of Computer Programming,
// volume 3, 6.4).
func (r *rare) hash(s string) uint32 {
	x := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32
	return uint32(x * 0x9e3779b97f4a7c15 >> r.shift)
}

func (r *rare) isFrequent(hash uint32) bool { return r.frequent[hash/64]&(1<<(hash%64)) != 0 }

// having gives the two shortest lists of texts among which are all that have a term;
// false: that may be many.
func (r *rare) having(term string) (lists [2][]uint32, ok bool) {
	found := 0
	for at := 0; at+five <= len(term); at++ {
		hash := r.hash(term[at:])
		if r.isFrequent(hash) {
			continue
		}
		list := r.texts[r.starts[hash]:r.starts[hash+1]]
		switch found++; {
		case found == 1:
			lists = [2][]uint32{list, list}
		case len(list) < len(lists[0]):
			lists[0], lists[1] = list, lists[0]
		case found == 2 || len(list) < len(lists[1]):
			lists[1] = list
		}
	}
	return lists, found > 0
}

// search calls yield with the texts that have a term, until it says false; done: it is
// not one that may be in many.
func (r *rare) search(term string, text func(i uint32) string, yield func(i uint32) bool) (done bool) {
	lists, ok := r.having(term)
	if !ok {
		return false
	}
	finder := NewFinder(term)
	at := 0
	for k, i := range lists[0] {
		if k > 0 && lists[0][k-1] == i {
			continue
		}
		if at = seek(lists[1], at, i); at == len(lists[1]) {
			break
		}
		if lists[1][at] == i && finder.In(text(i)) && !yield(i) {
			break
		}
	}
	return true
}

func (r *rare) bytes() int64 {
	return 8*int64(len(r.frequent)) + 4*int64(len(r.starts)) + 4*int64(len(r.texts))
}
