package textsearch

import (
	"math/bits"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// Index finds the texts that have a term in them, folded as [Fold] does. It keeps,
// for every three characters, which texts have them, and not the texts: a text that
// has the term's rarest ones is looked at where it is. Behind a text stand two more
// characters, so that each of its own begins three: a term of one or two is found by
// the lists of all that begin with it. Its memory is a few slices without pointers for
// each 65,536 texts.
//
// Of many millions of texts even the lists of rare characters are long. For those
// [Index.Sharpen] lists longer pieces beside them.
type Index struct {
	text   func(i uint32) string
	blocks []block
	texts  int
	rare   atomic.Pointer[rare] // nil: there is none, or not yet
}

// Many is from how many texts on an index should be sharpened: below, it would cost more
// memory than it saves time.
const Many = 1 << 22

// Sharpen makes terms of five characters and more that few texts have be found in a time
// that hardly grows with the texts; very long texts stay as they are. Meanwhile the index
// can be used.
func (x *Index) Sharpen() { x.rare.Store(newRare(x.texts, x.text)) }

// block is 65,536 texts. Texts within it are 16 bits. Of few texts there are no lists.
type block struct {
	texts   int
	present []uint64 // by gram, a bit: some text has it
	before  []uint32 // by word of present: how many grams are in the words before
	starts  []uint32 // where the list of each gram that is present starts in lists; one more
	lists   []uint16
}

const (
	blockTexts = 1 << 16
	classBits  = 6
	grams      = 1 << (3 * classBits)
	// A list of denseLen numbers is a bitmap of the block's texts; one of their
	// numbers is shorter.
	denseLen = blockTexts / 16
	// So few texts are looked at one by one sooner than lists are.
	fewTexts = 256
)

// NewIndex makes an index of texts 0 to texts-1, which text gives as they are, not
// folded, for as long as the index is used; it is called from several goroutines.
func NewIndex(texts int, text func(i uint32) string) *Index {
	x := &Index{text: text, texts: texts, blocks: make([]block, (texts+blockTexts-1)/blockTexts)}
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(x.blocks)) {
		group.Go(func() {
			var b builder
			for i := int(next.Add(1)) - 1; i < len(x.blocks); i = int(next.Add(1)) - 1 {
				x.blocks[i] = b.build(uint32(i)*blockTexts, min(blockTexts, texts-i*blockTexts), text)
			}
		})
	}
	group.Wait()
	return x
}

// builder is the memory that building a block takes.
type builder struct {
	last   []uint32 // by gram: the last text that has it, plus one
	counts []uint32 // by gram
	folded []byte   // the block's texts
	ends   []uint32
}

func (b *builder) build(first uint32, texts int, text func(uint32) string) block {
	if texts <= fewTexts {
		return block{texts: texts}
	}
	if b.last == nil {
		b.last, b.counts = make([]uint32, grams), make([]uint32, grams)
	}
	b.folded, b.ends = b.folded[:0], b.ends[:0]
	for i := range texts {
		if folded := Fold(text(first + uint32(i))); folded != "" {
			b.folded = append(append(b.folded, folded...), pad...)
		}
		b.ends = append(b.ends, uint32(len(b.folded)))
	}
	clear(b.counts)
	b.each(func(gram uint32, _ int) { b.counts[gram]++ })
	out := block{texts: texts, present: make([]uint64, grams/64), before: make([]uint32, grams/64)}
	different := uint32(0)
	for gram, n := range b.counts {
		if gram%64 == 0 {
			out.before[gram/64] = different
		}
		if n > 0 {
			out.present[gram/64] |= 1 << (gram % 64)
			different++
		}
	}
	out.starts = make([]uint32, 0, different+1)
	at := uint32(0)
	for gram, n := range b.counts {
		if n > 0 {
			out.starts = append(out.starts, at)
			at += min(n, denseLen)
		}
		b.counts[gram] = 0 // from here on: how much of the list is filled
	}
	out.starts = append(out.starts, at)
	out.lists = make([]uint16, at)
	b.each(func(gram uint32, i int) {
		list := out.list(gram)
		if len(list) == denseLen {
			list[i/16] |= 1 << (i % 16)
			return
		}
		list[b.counts[gram]] = uint16(i)
		b.counts[gram]++
	})
	return out
}

// each calls see once for every gram of every text, which is followed by pad.
func (b *builder) each(see func(gram uint32, i int)) {
	clear(b.last)
	start := uint32(0)
	for i, end := range b.ends {
		gram := uint32(0)
		for k, c := range b.folded[start:end] {
			gram = (gram<<classBits | class(c)) & (grams - 1)
			if k >= 2 && b.last[gram] != uint32(i)+1 {
				b.last[gram] = uint32(i) + 1
				see(gram, i)
			}
		}
		start = end
	}
}

// pad follows each text.
const pad = "\x00\x00"

// class maps a byte to 6 bits: letters and digits to themselves, the others share
// the rest. That they share costs some texts that are looked at in vain.
func class(c byte) uint32 {
	switch {
	case 'a' <= c && c <= 'z':
		return uint32(c-'a') + 1
	case '0' <= c && c <= '9':
		return uint32(c-'0') + 27
	case c == ' ':
		return 37
	}
	return 38 + uint32(c)%26
}

// Bytes gives the memory that the index takes, in bytes.
func (x *Index) Bytes() int64 {
	n := int64(0)
	for i := range x.blocks {
		b := &x.blocks[i]
		n += 8*int64(len(b.present)) + 4*int64(len(b.before)+len(b.starts)) + 2*int64(len(b.lists))
	}
	if r := x.rare.Load(); r != nil {
		n += r.bytes()
	}
	return n
}

// Search calls yield with the texts that have term in them, in ascending order,
// until it says false. The term is folded.
func (x *Index) Search(term string, yield func(i uint32) bool) {
	if r := x.rare.Load(); r != nil && r.search(term, x.text, yield) {
		return
	}
	for i := range x.blocks {
		if !x.search(&x.blocks[i], term, uint32(i)*blockTexts, yield) {
			return
		}
	}
}

// Estimate gives a number that the texts with a term are not more than.
func (x *Index) Estimate(term string) int {
	if r := x.rare.Load(); r != nil {
		if lists, ok := r.having(term); ok {
			return len(lists[0])
		}
	}
	n := 0
	for i := range x.blocks {
		b := &x.blocks[i]
		least := b.texts
		if b.isShort(term) {
			sum := 0
			b.beginning(term, func(list []uint16) {
				if sum += len(list); len(list) == denseLen {
					sum = b.texts
				}
			})
			least = min(least, sum)
		}
		for at := range b.lookups(term) {
			if l := len(b.list(gramOf(term[at:]))); l != denseLen {
				least = min(least, l)
			}
		}
		n += least
	}
	return n
}

// isShort says whether a term has fewer characters than the block's lists are of.
func (b *block) isShort(term string) bool {
	return b.present != nil && (len(term) == 1 || len(term) == 2)
}

// beginning calls see with the lists of the grams that begin with a term of one or two
// characters: they are next to each other.
func (b *block) beginning(term string, see func(list []uint16)) {
	first, span := class(term[0])<<(2*classBits), uint32(1)<<(2*classBits)
	if len(term) == 2 {
		first, span = first|class(term[1])<<classBits, 1<<classBits
	}
	// A gram's last character is a bit of a word, so that whole words begin alike.
	for word := first / 64; word < (first+span)/64; word++ {
		at := b.before[word]
		for range bits.OnesCount64(b.present[word]) {
			see(b.lists[b.starts[at]:b.starts[at+1]])
			at++
		}
	}
}

// texts of a block as a set.
type set [blockTexts / 64]uint64

func (s *set) add(list []uint16) {
	if len(list) == denseLen {
		for i, bits := range list {
			s[i/4] |= uint64(bits) << (i % 4 * 16)
		}
		return
	}
	for _, i := range list {
		s[i/64] |= 1 << (i % 64)
	}
}

func gramOf(s string) uint32 {
	return class(s[0])<<(2*classBits) | class(s[1])<<classBits | class(s[2])
}

// lookups gives how many lists a term can be looked up in.
func (b *block) lookups(term string) int {
	if b.present == nil {
		return 0
	}
	return max(0, len(term)-2)
}

// list gives the texts with a gram: their numbers in ascending order, or where it
// is denseLen long a bitmap of them.
func (b *block) list(gram uint32) []uint16 {
	word, bit := b.present[gram/64], uint64(1)<<(gram%64)
	if word&bit == 0 {
		return nil
	}
	at := b.before[gram/64] + uint32(bits.OnesCount64(word&(bit-1)))
	return b.lists[b.starts[at]:b.starts[at+1]]
}

func (x *Index) search(b *block, term string, first uint32, yield func(uint32) bool) bool {
	// The rarest gram's texts are looked up in the lists of two others, bitmaps if
	// there are any: they cost least.
	var rarest []uint16
	var others [2][]uint16
	for at := range b.lookups(term) {
		list := b.list(gramOf(term[at:]))
		switch {
		case len(list) == 0:
			return true
		case rarest == nil || len(list) < len(rarest):
			rarest, others[0], others[1] = list, rarest, others[0]
		case others[0] == nil || len(list) < len(others[0]):
			others[0], others[1] = list, others[0]
		case others[1] == nil:
			others[1] = list
		}
	}
	see := func(i uint32) bool { return yield(first + i) }
	listed := rarest != nil || b.isShort(term)
	if !listed || len(term) > 3 || !areOwn(term) {
		finder := NewFinder(term)
		see = func(i uint32) bool { return !finder.In(x.text(first+i)) || yield(first+i) }
	}
	switch {
	case b.isShort(term):
		var all set
		b.beginning(term, all.add)
		for w, word := range all {
			for ; word != 0; word &= word - 1 {
				if !see(uint32(w*64 + bits.TrailingZeros64(word))) {
					return false
				}
			}
		}
	case rarest == nil:
		for i := range uint32(b.texts) {
			if !see(i) {
				return false
			}
		}
	case len(rarest) == denseLen:
		for w := range rarest {
			word := rarest[w]
			for _, o := range others {
				if o != nil {
					word &= o[w] // not shorter than the rarest, so a bitmap too
				}
			}
			for ; word != 0; word &= word - 1 {
				if !see(uint32(w*16 + bits.TrailingZeros16(word))) {
					return false
				}
			}
		}
	default:
		var at [2]int
	next:
		for _, i := range rarest {
			for k, o := range others {
				switch {
				case o == nil:
				case len(o) == denseLen:
					if o[i/16]&(1<<(i%16)) == 0 {
						continue next
					}
				default:
					if at[k] = seek(o, at[k], i); at[k] == len(o) {
						return true
					}
					if o[at[k]] != i {
						continue next
					}
				}
			}
			if !see(uint32(i)) {
				return false
			}
		}
	}
	return true
}

// seek gives the first place from at on where list has i or more, in steps that
// double.
func seek[T uint16 | uint32](list []T, at int, i T) int {
	step := 1
	for at+step < len(list) && list[at+step] < i {
		at += step
		step *= 2
	}
	end := min(at+step+1, len(list))
	for at < end {
		middle := int(uint(at+end) / 2)
		if list[middle] < i {
			at = middle + 1
		} else {
			end = middle
		}
	}
	return at
}

// areOwn says whether the characters of a term share their classes with no others: if
// they are three at most, the texts that have it are those of the lists, and need not
// be looked at.
func areOwn(term string) bool {
	for i := range len(term) {
		if class(term[i]) > class(' ') {
			return false
		}
	}
	return true
}

// Contains says whether a text, which is not folded, has a term in it, which is.
func Contains(text, term string) bool {
	f := NewFinder(term)
	return f.In(text)
}

// Finder says of many texts, which are not folded, whether they have a term in them,
// which is. Texts that are alike often have it at the same place, spelled in the same
// way: that is looked for first.
type Finder struct {
	term  string
	at    int    // where the last text has it that was found to,
	there string // and what stands there; empty: none was, or what it has is not ASCII
}

// NewFinder makes a finder of a term.
func NewFinder(term string) Finder { return Finder{term: term} }

// Term gives the term.
func (f *Finder) Term() string { return f.term }

// In says whether a text has the term in it.
func (f *Finder) In(text string) bool {
	if end := f.at + len(f.there); f.there != "" && end <= len(text) && text[f.at:end] == f.there {
		return true
	}
	term := f.term
	if len(term) == 0 {
		return true
	}
	for i := range len(text) {
		switch c := lower(text[i]); {
		case c >= utf8.RuneSelf:
			return strings.Contains(Fold(text), term)
		case c == term[0] && begins(text[i:], term):
			// Folding what else there may be leaves these as they are.
			f.at, f.there = i, text[i:i+len(term)]
			return true
		}
	}
	return false
}

// begins says whether a text begins with a term and is ASCII so far.
func begins(text, term string) bool {
	if len(text) < len(term) {
		return false
	}
	for i := range len(term) {
		if c := lower(text[i]); c != term[i] || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c-'A' < 26 {
		c += 'a' - 'A'
	}
	return c
}
