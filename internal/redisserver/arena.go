package redisserver

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
)

// A handle names one block of an arena; zero names none. It is an index, not a
// pointer, so the garbage collector never walks the data.
type handle uint32

const (
	unit        = 16       // bytes a handle counts in
	spanBytes   = 64 << 10 // memory of one span: blocks of one size class
	spanUnits   = spanBytes / unit
	spanShift   = 12       // log2(spanUnits)
	regionBytes = 4 << 20  // memory asked of the system at once
	maxSmall    = 16 << 10 // larger blocks have a span of their own
	noSpan      = ^uint32(0)
)

// span is a run of equal blocks, or one large block.
type span struct {
	mem        []byte
	class      int16  // index in classSize; -1: one large block
	listed     bool   // in its class's list of spans with room
	trimmed    bool   // its memory was given back, and not used since
	pinned     bool   // a large block that is replaced rather than overwritten, see pin
	live       uint32 // blocks in use
	bump       uint32 // bytes handed out at least once
	free       uint32 // first free block, in units + 1; its first four bytes name the next
	prev, next uint32 // neighbours in the class's list
}

// arena hands out blocks from memory that the garbage collector neither scans
// nor counts. Freed blocks serve the next request of their size class; a span
// without live blocks serves any class. Not safe for concurrent use: the engine's
// lock guards it.
type arena struct {
	spans    []span
	empty    []uint32 // spans without live blocks, with memory of spanBytes
	slots    []uint32 // numbers of freed large spans, without memory
	room     [len(classSizes)]uint32
	used     int64 // bytes of the blocks in use, rounded up to their class
	reserved int64 // bytes asked of the system
	hashSeed maphash.Seed
}

// classSizes has four steps a doubling above 128, so that a block wastes at most
// a fifth of its size.
var classSizes = [...]uint32{16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512,
	640, 768, 896, 1024, 1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096, 5120, 6144, 7168, 8192, 10240, 12288, 14336, 16384}

func classOf(n int) int {
	if n <= 128 {
		return (max(n, 1) - 1) / 16
	}
	top := bits.Len(uint(n - 1)) // 2^(top-1) < n <= 2^top
	return 8 + (top-8)*4 + int(uint(n-1)>>(top-3))&3
}

func newArena() *arena {
	a := &arena{spans: make([]span, 1), hashSeed: maphash.MakeSeed()} // span 0 is never used: handle 0 means none
	for i := range a.room {
		a.room[i] = noSpan
	}
	return a
}

// bytes is the whole block, its size class included.
func (a *arena) bytes(h handle) []byte {
	s := &a.spans[h>>spanShift]
	if s.class < 0 {
		return s.mem
	}
	off := uint32(h&(spanUnits-1)) * unit
	size := classSizes[s.class]
	return s.mem[off : off+size : off+size]
}

// alloc returns a block of at least n bytes with any content.
func (a *arena) alloc(n int) handle {
	if n > maxSmall {
		return a.allocLarge(n)
	}
	class := classOf(n)
	size := classSizes[class]
	id := a.room[class]
	if id == noSpan {
		id = a.takeSpan(class)
	}
	s := &a.spans[id]
	var off uint32
	if s.free != 0 {
		off = (s.free - 1) * unit
		s.free = binary.LittleEndian.Uint32(s.mem[off:])
	} else {
		off = s.bump
		s.bump += size
	}
	s.live++
	if s.free == 0 && s.bump+size > spanBytes {
		a.unlist(id)
	}
	a.used += int64(size)
	return handle(id<<spanShift | off/unit)
}

func (a *arena) allocLarge(n int) handle {
	var id uint32
	if k := len(a.slots); k > 0 {
		id, a.slots = a.slots[k-1], a.slots[:k-1]
	} else {
		id = uint32(len(a.spans))
		a.spans = append(a.spans, span{})
	}
	n = (n + 1023) &^ 1023
	a.spans[id] = span{mem: make([]byte, n), class: -1, live: 1}
	a.used += int64(n)
	a.reserved += int64(n)
	return handle(id << spanShift)
}

func (a *arena) free(h handle) {
	id := uint32(h >> spanShift)
	s := &a.spans[id]
	if s.class < 0 {
		a.used -= int64(len(s.mem))
		a.reserved -= int64(len(s.mem))
		*s = span{}
		a.slots = append(a.slots, id)
		return
	}
	off := uint32(h&(spanUnits-1)) * unit
	binary.LittleEndian.PutUint32(s.mem[off:], s.free)
	s.free = off/unit + 1
	s.live--
	a.used -= int64(classSizes[s.class])
	if s.live == 0 {
		if s.listed {
			a.unlist(id)
		}
		s.free, s.bump = 0, 0
		a.empty = append(a.empty, id)
	} else if !s.listed {
		a.list(id)
	}
}

// fits says whether n bytes use the block's size class exactly, so that moving
// them to another block gains nothing.
func (a *arena) fits(h handle, n int) bool {
	s := &a.spans[h>>spanShift]
	if s.class < 0 {
		return n <= len(s.mem) && n > len(s.mem)/2 && n > maxSmall && !s.pinned
	}
	return n <= maxSmall && classOf(n) == int(s.class)
}

func (a *arena) takeSpan(class int) uint32 {
	if len(a.empty) == 0 {
		region := mapMemory(regionBytes)
		a.reserved += regionBytes
		for off := regionBytes - spanBytes; off >= 0; off -= spanBytes {
			a.empty = append(a.empty, uint32(len(a.spans)))
			a.spans = append(a.spans, span{mem: region[off : off+spanBytes : off+spanBytes]})
		}
	}
	k := len(a.empty) - 1
	id := a.empty[k]
	a.empty = a.empty[:k]
	a.spans[id].class, a.spans[id].trimmed = int16(class), false
	a.list(id)
	return id
}

func (a *arena) list(id uint32) {
	s := &a.spans[id]
	head := a.room[s.class]
	s.listed, s.prev, s.next = true, noSpan, head
	if head != noSpan {
		a.spans[head].prev = id
	}
	a.room[s.class] = id
}

func (a *arena) unlist(id uint32) {
	s := &a.spans[id]
	if s.prev != noSpan {
		a.spans[s.prev].next = s.next
	} else {
		a.room[s.class] = s.next
	}
	if s.next != noSpan {
		a.spans[s.next].prev = s.prev
	}
	s.listed = false
}

// trim gives the memory of up to n spans without live blocks back to the system, keeping
// their addresses, and says whether that was all.
func (a *arena) trim(n int) bool {
	for _, id := range a.empty {
		s := &a.spans[id]
		if s.trimmed {
			continue
		}
		if n == 0 {
			return false
		}
		releaseMemory(s.mem)
		s.trimmed = true
		n--
	}
	return true
}
