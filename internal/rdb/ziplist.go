package rdb

import (
	"encoding/binary"
	"errors"
	"math"
)

// Ziplists and zipmaps were what Redis used before listpacks (7.0) and before
// ziplists (2.6). They are read only, into listpacks.
//
// A ziplist is 4 bytes of size, 4 of the offset of the last entry, 2 of count
// (65535: too many to say), little endian, the entries, 0xFF. An entry is the
// size of the one before it (one byte, or 0xFE and four), an encoding, and data.

var (
	errZLHeader = errors.New("ziplist header does not fit its size")
	errZLEntry  = errors.New("ziplist entry does not end within the ziplist")
	errZLByte   = errors.New("ziplist entry has an unknown encoding")
	errZLPrev   = errors.New("ziplist entry has a wrong size of the entry before")
	errZLTail   = errors.New("ziplist header has a wrong offset of the last entry")
	errZLCount  = errors.New("ziplist has another number of entries than its header says")
	errZMEntry  = errors.New("zipmap entry does not end within the zipmap")
	errZMCount  = errors.New("zipmap has another number of entries than its header says")
)

// listpackOfZiplist appends the elements of ziplist z to lp.
func listpackOfZiplist(lp Listpack, z []byte) (Listpack, error) {
	const header = 10
	if len(z) < header+1 || uint64(binary.LittleEndian.Uint32(z)) != uint64(len(z)) || z[len(z)-1] != 0xff {
		return lp, errZLHeader
	}
	end := len(z) - 1
	pos, prev, last, n := header, 0, header, 0
	for pos < end {
		last = pos
		p := pos + 1
		before := int(z[pos])
		if before >= 0xfe {
			if before == 0xff || p+4 > end {
				return lp, errZLEntry
			}
			before = int(binary.LittleEndian.Uint32(z[p:]))
			p += 4
		}
		if before != prev {
			return lp, errZLPrev
		}
		if p >= end {
			return lp, errZLEntry
		}
		c := z[p]
		size, isInt := 0, false
		switch {
		case c < 0x40:
			size = int(c)
			p++
		case c < 0x80:
			if p+2 > end {
				return lp, errZLEntry
			}
			size = int(c&0x3f)<<8 | int(z[p+1])
			p += 2
		case c == 0x80:
			if p+5 > end {
				return lp, errZLEntry
			}
			size = int(binary.BigEndian.Uint32(z[p+1:]))
			p += 5
		default:
			isInt = true
			p++
			switch {
			case c == 0xc0:
				size = 2
			case c == 0xd0:
				size = 4
			case c == 0xe0:
				size = 8
			case c == 0xf0:
				size = 3
			case c == 0xfe:
				size = 1
			case c >= 0xf1 && c <= 0xfd: // the value is in the byte itself
			default:
				return lp, errZLByte
			}
		}
		if size > end-p {
			return lp, errZLEntry
		}
		data := z[p : p+size]
		if !isInt {
			lp = lp.Append(data)
		} else {
			var v int64
			switch size {
			case 0:
				v = int64(c&0x0f) - 1
			case 1:
				v = int64(int8(data[0]))
			case 2:
				v = int64(int16(binary.LittleEndian.Uint16(data)))
			case 3:
				v = int64(int32(uint32(data[0])<<8|uint32(data[1])<<16|uint32(data[2])<<24) >> 8)
			case 4:
				v = int64(int32(binary.LittleEndian.Uint32(data)))
			default:
				v = int64(binary.LittleEndian.Uint64(data))
			}
			lp = lp.AppendInt(v)
		}
		p += size
		prev, pos = p-pos, p
		n++
	}
	if uint64(binary.LittleEndian.Uint32(z[4:])) != uint64(last) {
		return lp, errZLTail
	}
	if told := int(binary.LittleEndian.Uint16(z[8:])); told != math.MaxUint16 && told != n {
		return lp, errZLCount
	}
	return lp, nil
}

// listpackOfZipmap appends the fields and values of zipmap z to lp: a byte of
// count (254 and above: not said), then length, field, length, value with a
// byte that tells how many unused ones follow the value; 0xFF. A length is one
// byte, or 0xFE and four, little endian.
func listpackOfZipmap(lp Listpack, z []byte) (Listpack, error) {
	if len(z) < 2 || z[len(z)-1] != 0xff {
		return lp, errZMEntry
	}
	end := len(z) - 1
	length := func(pos int) (n, next int, ok bool) {
		if pos >= end || z[pos] == 0xff {
			return 0, 0, false
		}
		if z[pos] < 0xfe {
			return int(z[pos]), pos + 1, true
		}
		if pos+5 > end {
			return 0, 0, false
		}
		return int(binary.LittleEndian.Uint32(z[pos+1:])), pos + 5, true
	}
	pos, count := 1, 0
	for pos < end {
		n, p, ok := length(pos)
		if !ok || n > end-p {
			return lp, errZMEntry
		}
		lp = lp.Append(z[p : p+n])
		n, p, ok = length(p + n)
		if !ok || p >= end {
			return lp, errZMEntry
		}
		free := int(z[p])
		p++
		if n+free > end-p {
			return lp, errZMEntry
		}
		lp = lp.Append(z[p : p+n])
		pos = p + n + free
		count++
	}
	if told := int(z[0]); told < 0xfe && told != count {
		return lp, errZMCount
	}
	return lp, nil
}
