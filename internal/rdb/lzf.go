package rdb

import (
	"encoding/binary"
	"errors"
)

// LZF is the compression of strings in RDB files, the format of Marc Lehmann's
// liblzf. A control byte below 32 is followed by that many literal bytes and
// one more; otherwise its three high bits (7: plus the next byte) plus 2 are
// the length of a match, its five low bits and the next byte the distance back,
// less 1.
const (
	lzfMaxLiteral  = 1 << 5
	lzfMaxDistance = 1 << 13
	lzfMaxMatch    = 1<<8 + 1<<3
	lzfHashBits    = 14

	// lzfMaxRatio is how much longer than its input an output can be: three
	// bytes give the longest match.
	lzfMaxRatio = lzfMaxMatch / 3
)

// lzfCompressor remembers where three bytes were last seen. Positions grow
// from call to call, so that the table need not be cleared: what an earlier
// input left is smaller than base.
type lzfCompressor struct {
	table [1 << lzfHashBits]uint32
	base  uint32
}

// compress appends src compressed to dst, or gives up and returns dst as it was
// and false if that would take more than len(src)-4 bytes, as Redis does.
func (c *lzfCompressor) compress(dst, src []byte) ([]byte, bool) {
	if len(src) < 8 || len(src) > 1<<30 {
		return dst, false
	}
	if c.base > 1<<31 {
		c.table, c.base = [1 << lzfHashBits]uint32{}, 0
	}
	if c.base == 0 {
		c.base = 1 // 0 is an empty slot
	}
	base := c.base
	c.base += uint32(len(src))

	start := len(dst)
	limit := start + len(src) - 4
	literals := 0 // from which position literals wait to be written
	last := len(src) - 4
	for i := 0; i <= last; {
		three := binary.LittleEndian.Uint32(src[i:]) << 8
		slot := &c.table[three*2654435761>>(32-lzfHashBits)]
		seen := *slot
		*slot = base + uint32(i)
		if seen < base {
			i++
			continue
		}
		ref := int(seen - base)
		distance := i - ref - 1
		if distance >= lzfMaxDistance || binary.LittleEndian.Uint32(src[ref:])<<8 != three {
			i++
			continue
		}
		most := min(len(src)-i, lzfMaxMatch)
		n := 3
		for n < most && src[ref+n] == src[i+n] {
			n++
		}
		dst = lzfLiterals(dst, src[literals:i])
		if n-2 < 7 {
			dst = append(dst, byte((n-2)<<5|distance>>8), byte(distance))
		} else {
			dst = append(dst, byte(7<<5|distance>>8), byte(n-2-7), byte(distance))
		}
		if len(dst) > limit {
			return dst[:start], false
		}
		end := i + n
		for i = end - 2; i < end && i <= last; i++ {
			three := binary.LittleEndian.Uint32(src[i:]) << 8
			c.table[three*2654435761>>(32-lzfHashBits)] = base + uint32(i)
		}
		i, literals = end, end
	}
	dst = lzfLiterals(dst, src[literals:])
	if len(dst) > limit {
		return dst[:start], false
	}
	return dst, true
}

func lzfLiterals(dst, lit []byte) []byte {
	for len(lit) > 0 {
		n := min(len(lit), lzfMaxLiteral)
		dst = append(dst, byte(n-1))
		dst = append(dst, lit[:n]...)
		lit = lit[n:]
	}
	return dst
}

var (
	errLZFInput  = errors.New("compressed string ends within an instruction")
	errLZFOutput = errors.New("compressed string gives another length than announced")
	errLZFBack   = errors.New("compressed string refers to before its start")
)

// lzfDecompress fills dst, whose length was announced, from src.
func lzfDecompress(dst, src []byte) error {
	o := 0
	for i := 0; i < len(src); {
		ctrl := int(src[i])
		i++
		if ctrl < lzfMaxLiteral {
			n := ctrl + 1
			if n > len(src)-i {
				return errLZFInput
			}
			if n > len(dst)-o {
				return errLZFOutput
			}
			copy(dst[o:], src[i:i+n])
			i, o = i+n, o+n
			continue
		}
		n := ctrl >> 5
		if n == 7 {
			if i >= len(src) {
				return errLZFInput
			}
			n += int(src[i])
			i++
		}
		n += 2
		if i >= len(src) {
			return errLZFInput
		}
		ref := o - (ctrl&0x1f)<<8 - int(src[i]) - 1
		i++
		if ref < 0 {
			return errLZFBack
		}
		if n > len(dst)-o {
			return errLZFOutput
		}
		if ref+n <= o {
			copy(dst[o:o+n], dst[ref:])
			o += n
		} else {
			for range n { // overlapping: the match repeats itself
				dst[o] = dst[ref]
				o++
				ref++
			}
		}
	}
	if o != len(dst) {
		return errLZFOutput
	}
	return nil
}
