package redisserver

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// hyperLogLog is an estimate of how many distinct elements were seen, as the string
// value that Redis keeps for it: 2^14 registers, each the longest run of zero bits
// (and the one that ends it) among the hashes that chose it. Its 16 bytes of header
// are
//
//	"HYLL" | encoding: 0 dense, 1 sparse | 3 unused | count, 8 bytes, top bit: not known
//
// Dense, 6 bits a register follow, the lowest bits first. Sparse, there are runs of
// equal registers:
//
//	00nnnnnn           n+1 registers of 0
//	01nnnnnn nnnnnnnn  n+1 registers of 0
//	1vvvvvnn           n+1 registers of v+1
type hyperLogLog []byte

const (
	hllBits      = 14 // of the hash, which choose the register
	hllRegisters = 1 << hllBits
	hllRankBits  = 64 - hllBits
	hllHeader    = 16
	hllDense     = hllHeader + hllRegisters*6/8
	hllMaxZero   = 64 // longest run in one byte
	hllMaxRun    = 4  // longest run of a value
	hllMaxRank   = 32 // largest register in a run
	hllSeed      = 0xadc83b19
)

// registers is the unpacked form.
type registers [hllRegisters]uint8

// newHLL is empty and sparse.
func newHLL() hyperLogLog {
	h := append(hyperLogLog("HYLL\x01\x00\x00\x00"), make([]byte, 8)...)
	return appendZeros(h, hllRegisters)
}

// valid looks at the header alone.
func (h hyperLogLog) valid() bool {
	return len(h) >= hllHeader && string(h[:4]) == "HYLL" && (h[4] == 1 || h[4] == 0 && len(h) == hllDense)
}

func (h hyperLogLog) dense() bool { return h[4] == 0 }

// cachedCount is the count in the header, if it is up to date.
func (h hyperLogLog) cachedCount() (uint64, bool) {
	n := binary.LittleEndian.Uint64(h[8:])
	return n, n>>63 == 0
}

func (h hyperLogLog) keepCount(n uint64) { binary.LittleEndian.PutUint64(h[8:], n) }
func (h hyperLogLog) forgetCount()       { h[15] |= 1 << 7 }

// hashHLL chooses the register of an element and what it has to be at least.
func hashHLL(element []byte) (register int, rank uint8) {
	hash := murmur64(element, hllSeed)
	return int(hash & (hllRegisters - 1)), uint8(bits.TrailingZeros64(hash>>hllBits|1<<hllRankBits) + 1)
}

// murmur64 is Austin Appleby's MurmurHash64A, reading little endian.
func murmur64(b []byte, seed uint64) uint64 {
	const m, r = 0xc6a4a7935bd1e995, 47
	h := seed ^ uint64(len(b))*m
	for ; len(b) >= 8; b = b[8:] {
		k := binary.LittleEndian.Uint64(b) * m
		k ^= k >> r
		h = (h ^ k*m) * m
	}
	if len(b) > 0 {
		var tail [8]byte
		copy(tail[:], b)
		h = (h ^ binary.LittleEndian.Uint64(tail[:])) * m
	}
	h ^= h >> r
	h *= m
	return h ^ h>>r
}

// denseAt is the place of a register: the byte where it begins and the shift there.
func denseAt(register int) (at int, shift uint) {
	return hllHeader + register*6/8, uint(register * 6 % 8)
}

func (h hyperLogLog) denseGet(register int) uint8 {
	at, shift := denseAt(register)
	v := uint16(h[at])
	if shift > 2 {
		v |= uint16(h[at+1]) << 8
	}
	return uint8(v>>shift) & 63
}

func (h hyperLogLog) denseSet(register int, rank uint8) {
	at, shift := denseAt(register)
	h[at] = h[at]&^(63<<shift) | rank<<shift
	if shift > 2 {
		h[at+1] = h[at+1]&^(63>>(8-shift)) | rank>>(8-shift)
	}
}

// hllRun is a run of the sparse form.
type hllRun struct {
	size     int   // bytes
	first, n int   // registers
	rank     uint8 // their value
}

func (r hllRun) zero() bool { return r.rank == 0 }

// runAt reads the run at an offset, false at the end. Like Redis it takes the second
// byte of a run that is cut off for a zero.
func (h hyperLogLog) runAt(at int) (r hllRun, ok bool) {
	if at >= len(h) {
		return r, false
	}
	b := h[at]
	switch {
	case b&0x80 != 0:
		return hllRun{size: 1, n: int(b&3) + 1, rank: b>>2&31 + 1}, true
	case b&0x40 == 0:
		return hllRun{size: 1, n: int(b) + 1}, true
	}
	n := int(b&0x3f) << 8
	if at+1 < len(h) {
		n |= int(h[at+1])
	}
	return hllRun{size: 2, n: n + 1}, true
}

// runs visits the runs of a sparse value until visit returns false. It says whether
// they make up all registers and nothing more.
func (h hyperLogLog) runs(visit func(r hllRun) bool) bool {
	first := 0
	at := hllHeader
	for at < len(h) {
		r, ok := h.runAt(at)
		if !ok || first+r.n > hllRegisters {
			return false
		}
		r.first = first
		if !visit(r) {
			return true
		}
		first += r.n
		at += r.size
	}
	return first == hllRegisters
}

// appendZeros appends a run of n registers of 0.
func appendZeros(b []byte, n int) []byte {
	if n <= hllMaxZero {
		return append(b, byte(n-1))
	}
	return append(b, 0x40|byte((n-1)>>8), byte(n-1))
}

// appendRun appends a run of at most four registers of a value.
func appendRun(b []byte, rank uint8, n int) []byte { return append(b, 0x80|(rank-1)<<2|byte(n-1)) }

// toDense returns the dense form, false if the sparse one is corrupt.
func (h hyperLogLog) toDense() (hyperLogLog, bool) {
	if h.dense() {
		return h, true
	}
	d := make(hyperLogLog, hllDense)
	copy(d, h[:hllHeader])
	d[4] = 0
	ok := h.runs(func(r hllRun) bool {
		for i := range r.n {
			if r.rank > 0 {
				d.denseSet(r.first+i, r.rank)
			}
		}
		return true
	})
	return d, ok
}

// set makes a register at least rank. It returns the value, which is another one if
// it had to grow, and whether it changed; not ok if it is corrupt. A sparse value
// becomes dense when it would be longer than limit or rank has no place in it.
func (h hyperLogLog) set(register int, rank uint8, limit int) (_ hyperLogLog, changed, ok bool) {
	if h.dense() {
		if h.denseGet(register) >= rank {
			return h, false, true
		}
		h.denseSet(register, rank)
		return h, true, true
	}
	if rank > hllMaxRank {
		return h.setDense(register, rank)
	}
	at, first, before := hllHeader, 0, hllHeader
	var r hllRun
	for {
		if r, ok = h.runAt(at); !ok {
			return h, false, false
		}
		if register < first+r.n {
			break
		}
		before = at
		at += r.size
		first += r.n
	}
	if r.rank >= rank {
		return h, false, true
	}
	if at+r.size > len(h) {
		return h, false, false
	}
	var split [5]byte
	piece := split[:0]
	add := func(n int) {
		switch {
		case n == 0:
		case r.zero():
			piece = appendZeros(piece, n)
		default:
			piece = appendRun(piece, r.rank, n)
		}
	}
	if r.n == 1 && r.size == 1 {
		piece = appendRun(piece, rank, 1)
	} else {
		add(register - first)
		piece = appendRun(piece, rank, 1)
		add(first + r.n - 1 - register)
	}
	if len(piece) > r.size && len(h)+len(piece)-r.size > limit {
		return h.setDense(register, rank)
	}
	h = slices.Replace(h, at, at+r.size, piece...)
	h = h.mergeRuns(before)
	h.forgetCount()
	return h, true, true
}

func (h hyperLogLog) setDense(register int, rank uint8) (_ hyperLogLog, changed, ok bool) {
	d, ok := h.toDense()
	if !ok {
		return h, false, false
	}
	return d.set(register, rank, 0)
}

// mergeRuns joins neighbouring runs of one value among the five from an offset on.
// Redis looks no further, and the bytes are to be the same.
func (h hyperLogLog) mergeRuns(at int) hyperLogLog {
	for steps := 5; steps > 0; steps-- {
		r, ok := h.runAt(at)
		if !ok {
			break
		}
		if !r.zero() {
			next, ok := h.runAt(at + 1)
			if ok && next.rank == r.rank && r.n+next.n <= hllMaxRun {
				h = slices.Replace(h, at, at+2, appendRun(nil, r.rank, r.n+next.n)...)
				continue
			}
		}
		at += r.size
	}
	return h
}

// mergeInto raises r to the registers of h; false if h is corrupt.
func (h hyperLogLog) mergeInto(r *registers) bool {
	if h.dense() {
		for i := range r {
			r[i] = max(r[i], h.denseGet(i))
		}
		return true
	}
	return h.runs(func(run hllRun) bool {
		for i := run.first; i < run.first+run.n; i++ {
			r[i] = max(r[i], run.rank)
		}
		return true
	})
}

// hllHistogram counts registers by value.
type hllHistogram [64]int

func (h hyperLogLog) histogram() (hllHistogram, bool) {
	var count hllHistogram
	if h.dense() {
		for i := range hllRegisters {
			count[h.denseGet(i)]++
		}
		return count, true
	}
	ok := h.runs(func(r hllRun) bool { count[r.rank] += r.n; return true })
	return count, ok
}

func (r *registers) histogram() hllHistogram {
	var count hllHistogram
	for _, v := range r {
		count[v]++
	}
	return count
}

// estimate is the number of distinct elements by Otmar Ertl's improved raw estimator
// (arXiv:1702.01284, algorithm 6). Products are rounded before they are added, so
// that every machine gives the same number.
func estimate(count hllHistogram) uint64 {
	const m = float64(hllRegisters)
	alpha := 0.5 / math.Ln2
	z := m * ertlTau((m-float64(count[hllRankBits+1]))/m)
	for k := hllRankBits; k >= 1; k-- {
		z = (z + float64(count[k])) * 0.5
	}
	z += float64(m * ertlSigma(float64(count[0])/m))
	return uint64(math.Round(alpha * m * m / z))
}

func ertlSigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	z, y := x, 1.0
	for {
		x *= x
		before := z
		z += float64(x * y)
		y += y
		if z == before {
			return z
		}
	}
}

func ertlTau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	z, y := 1-x, 1.0
	for {
		x = math.Sqrt(x)
		before := z
		y *= 0.5
		z -= float64((1 - x) * (1 - x) * y)
		if z == before {
			return z / 3
		}
	}
}
