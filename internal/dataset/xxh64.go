package dataset

import (
	"encoding/binary"
	"math/bits"
)

// The primes of XXH64.
const (
	prime1 uint64 = 0x9E3779B185EBCA87
	prime2 uint64 = 0xC2B2AE3D27D4EB4F
	prime3 uint64 = 0x165667B19E3779F9
	prime4 uint64 = 0x85EBCA77C2B2AE63
	prime5 uint64 = 0x27D4EB2F165667C5
)

// xxh64 is XXH64 as the xxHash specification 0.1.1 has it
// (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md).
func xxh64(b []byte, seed uint64) uint64 {
	h := seed + prime5
	length := uint64(len(b))
	if length >= 32 {
		lane1, lane2, lane3, lane4 := seed+prime1, seed, seed, seed
		lane1 += prime2
		lane2 += prime2
		lane4 -= prime1
		for ; len(b) >= 32; b = b[32:] {
			lane1 = xxhRound(lane1, binary.LittleEndian.Uint64(b))
			lane2 = xxhRound(lane2, binary.LittleEndian.Uint64(b[8:]))
			lane3 = xxhRound(lane3, binary.LittleEndian.Uint64(b[16:]))
			lane4 = xxhRound(lane4, binary.LittleEndian.Uint64(b[24:]))
		}
		h = bits.RotateLeft64(lane1, 1) + bits.RotateLeft64(lane2, 7) + bits.RotateLeft64(lane3, 12) + bits.RotateLeft64(lane4, 18)
		h = (h^xxhRound(0, lane1))*prime1 + prime4
		h = (h^xxhRound(0, lane2))*prime1 + prime4
		h = (h^xxhRound(0, lane3))*prime1 + prime4
		h = (h^xxhRound(0, lane4))*prime1 + prime4
	}
	h += length
	for ; len(b) >= 8; b = b[8:] {
		h = bits.RotateLeft64(h^xxhRound(0, binary.LittleEndian.Uint64(b)), 27)*prime1 + prime4
	}
	if len(b) >= 4 {
		h = bits.RotateLeft64(h^uint64(binary.LittleEndian.Uint32(b))*prime1, 23)*prime2 + prime3
		b = b[4:]
	}
	for _, c := range b {
		h = bits.RotateLeft64(h^uint64(c)*prime5, 11) * prime1
	}
	h = (h ^ h>>33) * prime2
	h = (h ^ h>>29) * prime3
	return h ^ h>>32
}

func xxhRound(lane, input uint64) uint64 {
	return bits.RotateLeft64(lane+input*prime2, 31) * prime1
}
