package rdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strconv"
)

// A Listpack is Redis's compact list of strings and integers in one block,
// byte for byte as listpack.c of Redis 7.0 makes it: 4 bytes of total length
// and 2 of element count, little endian (65535: too many to say), the elements,
// 0xFF. An element is an encoding byte, its data, and its own length read
// backwards, for walking back.
//
// Elements are addressed by their offset in bytes, which an insertion or
// deletion before them voids. Strings that spell an integer as strconv would
// are kept as one. The methods trust the bytes: those from elsewhere go through
// [ValidListpack] first. Methods that change it work in place where the
// capacity allows and return the result as append does; strings passed to them
// must not lie in the listpack itself.
//
// Walking:
//
//	for pos := lp.First(); pos != lp.End(); pos = lp.Next(pos) { ... }
//	for pos := lp.Last(); pos >= 0; pos = lp.Prev(pos) { ... }
type Listpack []byte

const (
	lpHeader    = 6
	lpUnknown   = math.MaxUint16
	lpEnd       = 0xff
	lpStr32     = 0xf0
	lpInt16     = 0xf1
	lpInt24     = 0xf2
	lpInt32     = 0xf3
	lpInt64     = 0xf4
	lpIntDigits = 20 // length of the longest integer, -9223372036854775808
)

// MaxListpack is the size in bytes beyond which no listpack should grow (the
// limit that Redis keeps); the format itself ends at 4 GiB.
const MaxListpack = 1 << 30

// AppendListpack appends an empty listpack to dst, which must be empty: it
// gives only its capacity.
func AppendListpack(dst []byte) Listpack {
	return append(dst[:0], lpHeader+1, 0, 0, 0, 0, 0, lpEnd)
}

var (
	errLPShort  = errors.New("listpack is shorter than its header")
	errLPSize   = errors.New("listpack has another size than its header says")
	errLPEntry  = errors.New("listpack element does not end within the listpack")
	errLPBack   = errors.New("listpack element has a wrong backward length")
	errLPByte   = errors.New("listpack element has an unknown encoding")
	errLPCount  = errors.New("listpack has another number of elements than its header says")
	errLPEnd    = errors.New("listpack does not end with its end mark")
	errLPPairs  = errors.New("listpack of pairs holds an odd number of elements")
	errLPEmpty  = errors.New("value is empty")
	errLPScore  = errors.New("listpack of members and scores holds a score that is no number")
	errLPStream = errors.New("listpack of stream entries is inconsistent")
)

// ValidListpack checks every byte of b and returns it as a listpack with its
// number of elements.
func ValidListpack(b []byte) (Listpack, int, error) {
	if len(b) < lpHeader+1 {
		return nil, 0, errLPShort
	}
	if uint64(binary.LittleEndian.Uint32(b)) != uint64(len(b)) {
		return nil, 0, errLPSize
	}
	end := len(b) - 1
	if b[end] != lpEnd {
		return nil, 0, errLPEnd
	}
	n, pos := 0, lpHeader
	for pos < end {
		size, ok := checkedSize(b, pos, end)
		if !ok {
			if b[pos] > lpInt64 {
				return nil, 0, errLPByte
			}
			return nil, 0, errLPEntry
		}
		if size <= 127 {
			if int(b[pos+size]) != size {
				return nil, 0, errLPBack
			}
			pos += size + 1
		} else {
			back := backlenSize(size)
			if pos+size+back > end {
				return nil, 0, errLPEntry
			}
			var want [5]byte
			putBacklen(want[:], size)
			if !bytes.Equal(want[:back], b[pos+size:pos+size+back]) {
				return nil, 0, errLPBack
			}
			pos += size + back
		}
		n++
	}
	if told := int(binary.LittleEndian.Uint16(b[4:])); told != lpUnknown && told != n {
		return nil, 0, errLPCount
	}
	return b, n, nil
}

// checkedSize is size for bytes that are not trusted: false if the element and
// at least one byte of backward length do not fit before end.
func checkedSize(b []byte, pos, end int) (int, bool) {
	c := b[pos]
	var size int
	switch {
	case c < 0x80:
		size = 1
	case c < 0xc0:
		size = 1 + int(c&0x3f)
	case c < 0xe0:
		size = 2
	case c < 0xf0:
		if pos+2 > end {
			return 0, false
		}
		size = 2 + int(c&0x0f)<<8 + int(b[pos+1])
	case c == lpStr32:
		if pos+5 > end {
			return 0, false
		}
		size = 5 + int(binary.LittleEndian.Uint32(b[pos+1:]))
	case c <= lpInt64:
		size = intSizes[c-lpInt16]
	default:
		return 0, false
	}
	return size, pos+size < end
}

// intSizes are the sizes of integers of 16, 24, 32 and 64 bits with their
// encoding byte.
var intSizes = [4]int{3, 4, 5, 9}

// size returns the bytes of the element at pos without its backward length.
func (lp Listpack) size(pos int) int {
	c := lp[pos]
	switch {
	case c < 0x80:
		return 1
	case c < 0xc0:
		return 1 + int(c&0x3f)
	case c < 0xe0:
		return 2
	case c < 0xf0:
		return 2 + int(c&0x0f)<<8 + int(lp[pos+1])
	case c == lpStr32:
		return 5 + int(binary.LittleEndian.Uint32(lp[pos+1:]))
	case c == lpEnd:
		return 1
	}
	return intSizes[(c-lpInt16)&3]
}

// backlenSize returns how many bytes the backward length of an element of n
// bytes takes. The bounds are those of listpack.c, where 16383 already takes 3.
func backlenSize(n int) int {
	switch {
	case n <= 127:
		return 1
	case n < 16383:
		return 2
	case n < 2097151:
		return 3
	case n < 268435455:
		return 4
	}
	return 5
}

// putBacklen writes the backward length n: seven bits a byte, the first byte
// without and the others with their high bit set.
func putBacklen(b []byte, n int) {
	for i := backlenSize(n) - 1; i > 0; i-- {
		b[i] = byte(n&127) | 128
		n >>= 7
	}
	b[0] = byte(n)
}

// Len returns the number of elements; it counts them where there are 65535 or
// more.
func (lp Listpack) Len() int {
	if n := int(binary.LittleEndian.Uint16(lp[4:])); n != lpUnknown {
		return n
	}
	n := 0
	for pos := lp.First(); pos != lp.End(); pos = lp.Next(pos) {
		n++
	}
	return n
}

// First returns the offset of the first element, End if there is none.
func (lp Listpack) First() int { return lpHeader }

// End returns the offset behind the last element.
func (lp Listpack) End() int { return len(lp) - 1 }

// Next returns the offset of the element behind that at pos, End if it was the
// last.
func (lp Listpack) Next(pos int) int {
	n := lp.size(pos)
	if n <= 127 {
		return pos + n + 1
	}
	return pos + n + backlenSize(n)
}

// Last returns the offset of the last element, -1 if there is none.
func (lp Listpack) Last() int { return lp.Prev(lp.End()) }

// Prev returns the offset of the element before that at pos (or before End), -1
// if it was the first.
func (lp Listpack) Prev(pos int) int {
	if pos <= lpHeader {
		return -1
	}
	n, shift, p := 0, 0, pos-1
	for {
		n |= int(lp[p]&127) << shift
		if lp[p]&128 == 0 {
			break
		}
		shift += 7
		p--
	}
	return p - n
}

// Seek returns the offset of element i, counted from the end if negative (-1 is
// the last), or -1 if there is none. It walks from the nearer end.
func (lp Listpack) Seek(i int) int {
	n := int(binary.LittleEndian.Uint16(lp[4:]))
	if n == lpUnknown {
		if i < 0 {
			pos := lp.Last()
			for ; i < -1 && pos >= 0; i++ {
				pos = lp.Prev(pos)
			}
			return pos
		}
	} else {
		if i < 0 {
			i += n
		}
		if i < 0 || i >= n {
			return -1
		}
		if i > n/2 {
			pos := lp.Last()
			for i++; i < n; i++ {
				pos = lp.Prev(pos)
			}
			return pos
		}
	}
	pos := lp.First()
	for ; i > 0 && pos != lp.End(); i-- {
		pos = lp.Next(pos)
	}
	if pos == lp.End() {
		return -1
	}
	return pos
}

// Get returns the element at pos: its bytes, which lie in the listpack, or,
// with isInt, the integer that it is.
func (lp Listpack) Get(pos int) (s []byte, n int64, isInt bool) {
	b := lp[pos:]
	c := b[0]
	switch {
	case c < 0x80:
		return nil, int64(c), true
	case c < 0xc0:
		return b[1 : 1+int(c&0x3f)], 0, false
	case c < 0xe0:
		return nil, int64(int16(uint16(c)<<11|uint16(b[1])<<3) >> 3), true
	case c < 0xf0:
		return b[2 : 2+int(c&0x0f)<<8+int(b[1])], 0, false
	case c == lpStr32:
		return b[5 : 5+int(binary.LittleEndian.Uint32(b[1:]))], 0, false
	case c == lpInt16:
		return nil, int64(int16(binary.LittleEndian.Uint16(b[1:]))), true
	case c == lpInt24:
		return nil, int64(int32(uint32(b[1])<<8|uint32(b[2])<<16|uint32(b[3])<<24) >> 8), true
	case c == lpInt32:
		return nil, int64(int32(binary.LittleEndian.Uint32(b[1:]))), true
	}
	return nil, int64(binary.LittleEndian.Uint64(b[1:])), true
}

// AppendTo appends the element at pos to dst as the string that it stands for.
func (lp Listpack) AppendTo(dst []byte, pos int) []byte {
	s, n, isInt := lp.Get(pos)
	if isInt {
		return strconv.AppendInt(dst, n, 10)
	}
	return append(dst, s...)
}

// ElemLen returns the length of the string that the element at pos stands for.
func (lp Listpack) ElemLen(pos int) int {
	s, n, isInt := lp.Get(pos)
	if !isInt {
		return len(s)
	}
	size := 1
	if n < 0 {
		size = 2
	}
	for n /= 10; n != 0; n /= 10 {
		size++
	}
	return size
}

// A Needle is a string prepared for being looked for.
type Needle struct {
	s     []byte
	n     int64
	isInt bool
}

// NewNeedle prepares s, which the needle keeps.
func NewNeedle(s []byte) Needle {
	n, ok := ParseInt(s)
	return Needle{s, n, ok}
}

// Matches reports whether the element at pos is the needle's string.
func (lp Listpack) Matches(pos int, needle Needle) bool {
	c := lp[pos]
	if c < 0x80 {
		return needle.isInt && needle.n == int64(c)
	}
	if c < 0xc0 {
		n := int(c & 0x3f)
		return n == len(needle.s) && string(lp[pos+1:pos+1+n]) == string(needle.s)
	}
	s, n, isInt := lp.Get(pos)
	if isInt {
		return needle.isInt && needle.n == n
	}
	return string(s) == string(needle.s)
}

// Find returns the offset of the first element at pos or behind it that is the
// needle's string, looking at one and then stepping over skip (1 in a list of
// pairs), or -1.
func (lp Listpack) Find(pos int, needle Needle, skip int) int {
	end := lp.End()
	for pos < end {
		// The two commonest encodings first: looking for a field is mostly
		// stepping over others.
		switch c := lp[pos]; {
		case c < 0x80:
			if needle.isInt && needle.n == int64(c) {
				return pos
			}
			pos += 2
		case c < 0xc0:
			n := int(c & 0x3f)
			if n == len(needle.s) && string(lp[pos+1:pos+1+n]) == string(needle.s) {
				return pos
			}
			pos += n + 2
		default:
			if lp.Matches(pos, needle) {
				return pos
			}
			pos = lp.Next(pos)
		}
		for i := 0; i < skip && pos < end; i++ {
			switch c := lp[pos]; {
			case c < 0x80:
				pos += 2
			case c < 0xc0:
				pos += int(c&0x3f) + 2
			default:
				pos = lp.Next(pos)
			}
		}
	}
	return -1
}

// ParseInt returns the integer that s spells as strconv.FormatInt would: no
// spaces, no plus sign, no leading zeros, within 64 bits.
func ParseInt(s []byte) (int64, bool) {
	if len(s) == 0 || len(s) > lpIntDigits {
		return 0, false
	}
	i, neg := 0, s[0] == '-'
	if neg {
		i = 1
		if len(s) == 1 {
			return 0, false
		}
	}
	if s[i] == '0' {
		return 0, len(s) == 1
	}
	var v uint64
	for ; i < len(s); i++ {
		d := s[i] - '0'
		if d > 9 {
			return 0, false
		}
		if v > math.MaxUint64/10 || v*10 > math.MaxUint64-uint64(d) {
			return 0, false
		}
		v = v*10 + uint64(d)
	}
	if neg {
		if v > 1<<63 {
			return 0, false
		}
		return int64(-v), true
	}
	if v > math.MaxInt64 {
		return 0, false
	}
	return int64(v), true
}

// StringSize returns the bytes that s takes as an element.
func (lp Listpack) StringSize(s []byte) int {
	if n, ok := ParseInt(s); ok {
		return lp.IntSize(n)
	}
	n := strSize(len(s))
	return n + backlenSize(n)
}

// IntSize returns the bytes that n takes as an element.
func (Listpack) IntSize(n int64) int { return intSize(n) + 1 }

func strSize(n int) int {
	switch {
	case n < 64:
		return n + 1
	case n < 4096:
		return n + 2
	}
	return n + 5
}

func intSize(n int64) int {
	switch {
	case n >= 0 && n <= 127:
		return 1
	case n >= -4096 && n <= 4095:
		return 2
	case n >= math.MinInt16 && n <= math.MaxInt16:
		return 3
	case n >= -1<<23 && n < 1<<23:
		return 4
	case n >= math.MinInt32 && n <= math.MaxInt32:
		return 5
	}
	return 9
}

func putInt(b []byte, n int64) {
	size := intSize(n)
	switch size {
	case 1:
		b[0] = byte(n)
	case 2:
		b[0] = byte(uint16(n)>>8&0x1f) | 0xc0
		b[1] = byte(n)
	case 3:
		b[0] = lpInt16
		binary.LittleEndian.PutUint16(b[1:], uint16(n))
	case 4:
		b[0] = lpInt24
		b[1], b[2], b[3] = byte(n), byte(n>>8), byte(n>>16)
	case 5:
		b[0] = lpInt32
		binary.LittleEndian.PutUint32(b[1:], uint32(n))
	default:
		b[0] = lpInt64
		binary.LittleEndian.PutUint64(b[1:], uint64(n))
	}
	b[size] = byte(size)
}

func putString(b, s []byte) {
	n := len(s)
	size := strSize(n)
	switch {
	case n < 64:
		b[0] = 0x80 | byte(n)
		copy(b[1:], s)
	case n < 4096:
		b[0], b[1] = 0xe0|byte(n>>8), byte(n)
		copy(b[2:], s)
	default:
		b[0] = lpStr32
		binary.LittleEndian.PutUint32(b[1:], uint32(n))
		copy(b[5:], s)
	}
	putBacklen(b[size:], size)
}

// splice makes room for size bytes in place of the old ones at pos and counts
// delta elements more.
func (lp Listpack) splice(pos, old, size, delta int) Listpack {
	before := len(lp)
	if d := size - old; d > 0 {
		lp = slices.Grow(lp, d)[:before+d]
		copy(lp[pos+size:], lp[pos+old:before])
	} else if d < 0 {
		copy(lp[pos+size:], lp[pos+old:])
		lp = lp[:before+d]
	}
	binary.LittleEndian.PutUint32(lp, uint32(len(lp)))
	if delta != 0 {
		if n := int(binary.LittleEndian.Uint16(lp[4:])); n != lpUnknown {
			binary.LittleEndian.PutUint16(lp[4:], uint16(min(n+delta, lpUnknown)))
		}
	}
	return lp
}

// Append adds s at the end.
func (lp Listpack) Append(s []byte) Listpack { return lp.Insert(lp.End(), s) }

// AppendInt adds n at the end.
func (lp Listpack) AppendInt(n int64) Listpack { return lp.InsertInt(lp.End(), n) }

// Insert puts s before the element at pos; it then is the element at pos.
func (lp Listpack) Insert(pos int, s []byte) Listpack {
	if n, ok := ParseInt(s); ok {
		return lp.InsertInt(pos, n)
	}
	size := strSize(len(s))
	lp = lp.splice(pos, 0, size+backlenSize(size), 1)
	putString(lp[pos:], s)
	return lp
}

// InsertInt puts n before the element at pos; it then is the element at pos.
func (lp Listpack) InsertInt(pos int, n int64) Listpack {
	lp = lp.splice(pos, 0, intSize(n)+1, 1)
	putInt(lp[pos:], n)
	return lp
}

// Replace puts s in place of the element at pos.
func (lp Listpack) Replace(pos int, s []byte) Listpack {
	if n, ok := ParseInt(s); ok {
		return lp.ReplaceInt(pos, n)
	}
	size := strSize(len(s))
	lp = lp.splice(pos, lp.Next(pos)-pos, size+backlenSize(size), 0)
	putString(lp[pos:], s)
	return lp
}

// ReplaceInt puts n in place of the element at pos.
func (lp Listpack) ReplaceInt(pos int, n int64) Listpack {
	lp = lp.splice(pos, lp.Next(pos)-pos, intSize(n)+1, 0)
	putInt(lp[pos:], n)
	return lp
}

// Delete removes n elements, or as many as there are, from pos on; what was
// behind them then is at pos.
func (lp Listpack) Delete(pos, n int) Listpack {
	to, gone := pos, 0
	for ; gone < n && to != lp.End(); gone++ {
		to = lp.Next(to)
	}
	lp = lp.splice(pos, to-pos, 0, -gone)
	return lp
}

// Concat adds the elements of other behind those of lp.
func (lp Listpack) Concat(other Listpack) Listpack {
	n, m := binary.LittleEndian.Uint16(lp[4:]), binary.LittleEndian.Uint16(other[4:])
	end := lp.End()
	lp = append(lp[:end], other[lpHeader:]...)
	binary.LittleEndian.PutUint32(lp, uint32(len(lp)))
	binary.LittleEndian.PutUint16(lp[4:], uint16(min(int(n)+int(m), lpUnknown)))
	return lp
}
