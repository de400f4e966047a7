package textsearch

import (
	"bytes"
	"runtime"
	"sync"
	"sync/atomic"
)

// Index finds the rows whose text has a term in it. It keeps the texts and, for
// every three characters, the rows that have them: a term is looked for only in
// rows that have its rarest ones. It is immutable; its memory is a few slices
// without pointers for each 65,536 rows.
type Index struct {
	blocks []block
	rows   int
}

// block is 65,536 rows. Rows within it are 16 bits.
type block struct {
	text   []byte   // of all rows
	ends   []uint32 // where the text of each row ends
	starts []uint32 // where the list of each gram starts in lists; one more than grams
	lists  []uint16
}

const (
	blockRows = 1 << 16
	classBits = 6
	grams     = 1 << (3 * classBits)
	// A list of denseLen numbers is a bitmap of the block's rows; one of row numbers
	// is shorter.
	denseLen = blockRows / 16
)

// NewIndex makes an index of rows 0 to rows-1. text appends the text of a row, as
// [Fold] gives it, to a buffer; it is called from several goroutines.
func NewIndex(rows int, text func(dst []byte, row uint32) []byte) *Index {
	x := &Index{rows: rows, blocks: make([]block, (rows+blockRows-1)/blockRows)}
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(x.blocks)) {
		group.Go(func() {
			b := builder{last: make([]uint32, grams)}
			for i := int(next.Add(1)) - 1; i < len(x.blocks); i = int(next.Add(1)) - 1 {
				x.blocks[i] = b.build(uint32(i)*blockRows, min(blockRows, rows-i*blockRows), text)
			}
		})
	}
	group.Wait()
	return x
}

// builder is the memory that building a block takes.
type builder struct {
	last   []uint32 // by gram: the last row that has it, plus one
	buffer []byte
}

func (b *builder) build(first uint32, rows int, text func([]byte, uint32) []byte) block {
	var out block
	b.buffer = b.buffer[:0]
	out.ends = make([]uint32, rows)
	for row := range rows {
		b.buffer = text(b.buffer, first+uint32(row))
		out.ends[row] = uint32(len(b.buffer))
	}
	out.text = bytes.Clone(b.buffer)
	counts := make([]uint32, grams+1)
	b.each(&out, func(gram uint32, _ int) { counts[gram]++ })
	at := uint32(0)
	for gram, n := range counts {
		counts[gram] = at
		at += min(n, denseLen)
	}
	out.starts = counts
	out.lists = make([]uint16, at)
	filled := make([]uint32, grams)
	b.each(&out, func(gram uint32, row int) {
		start, end := out.starts[gram], out.starts[gram+1]
		if end-start == denseLen {
			out.lists[start+uint32(row)/16] |= 1 << (row % 16)
			return
		}
		out.lists[start+filled[gram]] = uint16(row)
		filled[gram]++
	})
	return out
}

// each calls see once for every gram of every row.
func (b *builder) each(out *block, see func(gram uint32, row int)) {
	clear(b.last)
	start := uint32(0)
	for row, end := range out.ends {
		gram := uint32(0)
		for i, c := range out.text[start:end] {
			gram = (gram<<classBits | class(c)) & (grams - 1)
			if i >= 2 && b.last[gram] != uint32(row)+1 {
				b.last[gram] = uint32(row) + 1
				see(gram, row)
			}
		}
		start = end
	}
}

// class maps a byte to 6 bits: letters and digits to themselves, the others share
// the rest. That they share costs some rows that are looked at in vain.
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

// Bytes gives the memory that the index takes.
func (x *Index) Bytes() int64 {
	n := int64(0)
	for i := range x.blocks {
		b := &x.blocks[i]
		n += int64(len(b.text)) + 4*int64(len(b.ends)+len(b.starts)) + 2*int64(len(b.lists))
	}
	return n
}

// Text gives the text of a row, which must not be modified.
func (x *Index) Text(row uint32) []byte {
	return x.blocks[row/blockRows].row(int(row % blockRows))
}

func (b *block) row(row int) []byte {
	start := uint32(0)
	if row > 0 {
		start = b.ends[row-1]
	}
	return b.text[start:b.ends[row]]
}

// Search calls yield with the rows whose text has term in it, in ascending order,
// until it says false. The term is folded as the texts are.
func (x *Index) Search(term string, yield func(row uint32) bool) {
	t := []byte(term)
	for i := range x.blocks {
		if !x.blocks[i].search(t, uint32(i)*blockRows, yield) {
			return
		}
	}
}

// Estimate gives a number that the rows with a term are not more than.
func (x *Index) Estimate(term string) int {
	n := 0
	for i := range x.blocks {
		if len(term) < 3 {
			n += len(x.blocks[i].ends)
			continue
		}
		least := len(x.blocks[i].ends)
		for at := range len(term) - 2 {
			least = min(least, x.blocks[i].count(gramOf(term[at], term[at+1], term[at+2])))
		}
		n += least
	}
	return n
}

func gramOf(a, b, c byte) uint32 {
	return class(a)<<(2*classBits) | class(b)<<classBits | class(c)
}

// count gives how many rows have a gram; of a bitmap, that they are at least as
// many as a list cannot be.
func (b *block) count(gram uint32) int { return int(b.starts[gram+1] - b.starts[gram]) }

func (b *block) list(gram uint32) []uint16 { return b.lists[b.starts[gram]:b.starts[gram+1]] }

func (b *block) search(term []byte, first uint32, yield func(uint32) bool) bool {
	if len(term) < 3 {
		return b.scan(term, first, yield)
	}
	// The two rarest grams: the rows of one are looked up in the other.
	rarest, second := uint32(0), uint32(0)
	least, next := blockRows+1, blockRows+1
	for i := range len(term) - 2 {
		gram := gramOf(term[i], term[i+1], term[i+2])
		n := b.count(gram)
		if n == 0 {
			return true
		}
		switch {
		case gram == rarest && least <= blockRows || gram == second && next <= blockRows:
		case n < least:
			second, next = rarest, least
			rarest, least = gram, n
		case n < next:
			second, next = gram, n
		}
	}
	if least == denseLen {
		// Too many rows have all of it for lists to help.
		return b.scan(term, first, yield)
	}
	rows := b.list(rarest)
	var other []uint16
	if next <= blockRows {
		other = b.list(second)
	}
	at := 0
	for _, row := range rows {
		switch {
		case other == nil:
		case len(other) == denseLen:
			if other[row/16]&(1<<(row%16)) == 0 {
				continue
			}
		default:
			at = seek(other, at, row)
			if at == len(other) {
				return true
			}
			if other[at] != row {
				continue
			}
		}
		if bytes.Contains(b.row(int(row)), term) && !yield(first+uint32(row)) {
			return false
		}
	}
	return true
}

// seek gives the first place from at on where list has row or more, in steps that
// double.
func seek(list []uint16, at int, row uint16) int {
	step := 1
	for at+step < len(list) && list[at+step] < row {
		at += step
		step *= 2
	}
	end := min(at+step+1, len(list))
	for at < end {
		middle := int(uint(at+end) / 2)
		if list[middle] < row {
			at = middle + 1
		} else {
			end = middle
		}
	}
	return at
}

// scan looks through all texts of the block.
func (b *block) scan(term []byte, first uint32, yield func(uint32) bool) bool {
	if len(term) == 0 {
		for row := range b.ends {
			if !yield(first + uint32(row)) {
				return false
			}
		}
		return true
	}
	row, at := 0, 0
	for {
		i := bytes.Index(b.text[at:], term)
		if i < 0 {
			return true
		}
		at += i
		row = b.rowAt(row, uint32(at))
		if at+len(term) <= int(b.ends[row]) {
			if !yield(first + uint32(row)) {
				return false
			}
			at = int(b.ends[row])
		} else {
			at++ // it reaches into the next row
		}
	}
}

// rowAt gives the row, from on, in whose text a place lies.
func (b *block) rowAt(row int, at uint32) int {
	if b.ends[row] > at {
		return row
	}
	step := 1
	for row+step < len(b.ends) && b.ends[row+step] <= at {
		row += step
		step *= 2
	}
	low, high := row+1, min(row+step, len(b.ends)-1)
	for low < high {
		middle := int(uint(low+high) / 2)
		if b.ends[middle] <= at {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}
