package redisserver

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
)

// table maps keys to blocks of an arena: the keyspace of a database, a large
// hash, a set, the members of a sorted set. It chains blocks in a power-of-two
// array of handles, grows and shrinks in small steps, and walks like Redis's
// SCAN: whatever stays in the table during a whole walk is seen.
//
// A block is
//
//	next handle (4 bytes) | header (fixed size) | key length (uvarint) | key | value
//
// where header and value belong to the user of the table.
type table struct {
	a      *arena
	seed   maphash.Seed
	header int
	count  int
	main   []handle
	old    []handle      // being emptied into main while not nil
	moved  int           // buckets of old already emptied
	pinned int           // walks during which nothing may be moved
	taken  *tablePicture // to be told before a bucket changes, or nil
}

const minBuckets = 4

func newTable(a *arena, header int) *table {
	return &table{a: a, seed: a.hashSeed, header: header, main: make([]handle, minBuckets)}
}

func (t *table) hash(key []byte) uint64 { return maphash.Bytes(t.seed, key) }

func blockNext(b []byte) handle       { return handle(binary.LittleEndian.Uint32(b)) }
func setBlockNext(b []byte, h handle) { binary.LittleEndian.PutUint32(b, uint32(h)) }

// split returns the block's key and the offset of its value.
func (t *table) split(b []byte) (key []byte, value int) {
	p := 4 + t.header
	n := uint64(b[p])
	if n < 0x80 {
		p++
	} else {
		var w int
		n, w = binary.Uvarint(b[p:])
		p += w
	}
	end := p + int(n)
	return b[p:end:end], end
}

func (t *table) keyEquals(b, key []byte) bool {
	p := 4 + t.header
	if n := b[p]; n < 0x80 {
		p++
		return int(n) == len(key) && string(b[p:p+len(key)]) == string(key)
	}
	k, _ := t.split(b)
	return string(k) == string(key)
}

// find returns the block of key, or zero.
func (t *table) find(key []byte) handle {
	if t.count == 0 {
		return 0
	}
	if t.old != nil {
		t.step(1)
	}
	hash := t.hash(key)
	for h := t.main[hash&uint64(len(t.main)-1)]; h != 0; {
		b := t.a.bytes(h)
		if t.keyEquals(b, key) {
			return h
		}
		h = blockNext(b)
	}
	if t.old != nil {
		for h := t.old[hash&uint64(len(t.old)-1)]; h != 0; {
			b := t.a.bytes(h)
			if t.keyEquals(b, key) {
				return h
			}
			h = blockNext(b)
		}
	}
	return 0
}

// link finds the bucket or block that names h: where to write another handle in
// its place.
func (t *table) link(h handle) (slot *handle, prev []byte) {
	key, _ := t.split(t.a.bytes(h))
	hash := t.hash(key)
	for _, buckets := range [2][]handle{t.main, t.old} {
		if buckets == nil {
			break
		}
		at := &buckets[hash&uint64(len(buckets)-1)]
		if *at == h {
			return at, nil
		}
		for n := *at; n != 0; {
			b := t.a.bytes(n)
			n = blockNext(b)
			if n == h {
				return nil, b
			}
		}
	}
	panic("redisserver: a block is not in its table")
}

func (t *table) replaceLink(h, with handle) {
	if slot, prev := t.link(h); slot != nil {
		*slot = with
	} else {
		setBlockNext(prev, with)
	}
}

// insert adds a key that is not in the table, with room for n bytes of value, and
// returns the block, its bytes and the offset of the value. The header is zero.
func (t *table) insert(key []byte, n int) (h handle, b []byte, value int) {
	var klen [binary.MaxVarintLen64]byte
	w := binary.PutUvarint(klen[:], uint64(len(key)))
	value = 4 + t.header + w + len(key)
	h = t.a.alloc(value + n)
	b = t.a.bytes(h)
	clear(b[4 : 4+t.header])
	copy(b[4+t.header:], klen[:w])
	copy(b[4+t.header+w:], key)
	if t.count >= len(t.main) && t.old == nil {
		t.resize(len(t.main) * 2)
	}
	if t.old != nil {
		t.step(1)
	}
	hash := t.hash(key)
	if t.taken != nil {
		t.taken.meet(hash)
	}
	at := &t.main[hash&uint64(len(t.main)-1)]
	setBlockNext(b, *at)
	*at = h
	t.count++
	return h, b, value
}

// reserve makes room for n bytes of value in h's block; the block may move. The
// header, the key and the value's first keep bytes survive.
func (t *table) reserve(h handle, n, keep int) (handle, []byte, int) {
	t.touch(h)
	b := t.a.bytes(h)
	_, value := t.split(b)
	if t.a.fits(h, value+n) {
		return h, b, value
	}
	slot, prev := t.link(h)
	nh := t.a.alloc(value + n)
	b = t.a.bytes(h) // alloc may have moved the list of spans, not the memory
	nb := t.a.bytes(nh)
	copy(nb, b[:value+min(keep, n)])
	if slot != nil {
		*slot = nh
	} else {
		setBlockNext(prev, nh)
	}
	t.a.free(h)
	return nh, nb, value
}

// touch is called before the block h changes.
func (t *table) touch(h handle) {
	if t.taken != nil {
		t.taken.meet(t.hash(t.key(h)))
	}
}

// unlink takes h out of the table without freeing its block.
func (t *table) unlink(h handle) {
	t.touch(h)
	t.replaceLink(h, blockNext(t.a.bytes(h)))
	t.count--
	if t.old == nil && t.pinned == 0 && len(t.main) > minBuckets && t.count*10 < len(t.main) {
		t.resize(max(minBuckets, 1<<bits.Len(uint(t.count))))
	}
}

func (t *table) remove(h handle) {
	t.unlink(h)
	t.a.free(h)
}

// release frees every block and leaves the table empty.
func (t *table) release() {
	if t.taken != nil {
		t.taken.take()
		t.taken, t.pinned = nil, 0
		t.main, t.old = nil, nil
	}
	for _, buckets := range [2][]handle{t.main, t.old} {
		for _, h := range buckets {
			for h != 0 {
				next := blockNext(t.a.bytes(h))
				t.a.free(h)
				h = next
			}
		}
	}
	t.main, t.old, t.moved, t.count = make([]handle, minBuckets), nil, 0, 0
}

// releaseSome frees about *n blocks; the table is of no use then.
func (t *table) releaseSome(n *int) bool {
	if t.taken != nil { // its picture frees them
		t.release()
		return true
	}
	for _, buckets := range [2]*[]handle{&t.old, &t.main} {
		for len(*buckets) > 0 {
			if *n <= 0 {
				return false
			}
			*n--
			last := len(*buckets) - 1
			for h := (*buckets)[last]; h != 0; *n-- {
				next := blockNext(t.a.bytes(h))
				t.a.free(h)
				h = next
			}
			*buckets = (*buckets)[:last]
		}
	}
	return true
}

func (t *table) resize(n int) {
	if t.pinned > 0 {
		return
	}
	t.old, t.main, t.moved = t.main, make([]handle, n), 0
}

// step moves up to n used buckets of the old array.
func (t *table) step(n int) {
	if t.old == nil || t.pinned > 0 {
		return
	}
	for visits := n * 10; n > 0 && visits > 0; visits-- {
		if t.moved == len(t.old) {
			t.old = nil
			return
		}
		h := t.old[t.moved]
		t.old[t.moved] = 0
		t.moved++
		if h == 0 {
			continue
		}
		n--
		for h != 0 {
			b := t.a.bytes(h)
			next := blockNext(b)
			key, _ := t.split(b)
			at := &t.main[t.hash(key)&uint64(len(t.main)-1)]
			setBlockNext(b, *at)
			*at = h
			h = next
		}
	}
	if t.moved == len(t.old) {
		t.old = nil
	}
}

// scan visits the blocks of one cursor position and returns the next cursor, zero
// at the end. The cursor counts in reversed bits, which is what makes a walk
// complete while the table is resized between calls. visit must not change the
// table.
func (t *table) scan(cursor uint64, visit func(handle)) uint64 {
	if t.count == 0 {
		return 0
	}
	emit := func(h handle) {
		for h != 0 {
			next := blockNext(t.a.bytes(h))
			visit(h)
			h = next
		}
	}
	advance := func(v, mask uint64) uint64 {
		v |= ^mask
		return bits.Reverse64(bits.Reverse64(v) + 1)
	}
	if t.old == nil {
		mask := uint64(len(t.main) - 1)
		emit(t.main[cursor&mask])
		return advance(cursor, mask)
	}
	small, large := t.main, t.old
	if len(small) > len(large) {
		small, large = large, small
	}
	m0, m1 := uint64(len(small)-1), uint64(len(large)-1)
	emit(small[cursor&m0])
	for {
		emit(large[cursor&m1])
		cursor = advance(cursor, m1)
		if cursor&(m0^m1) == 0 {
			return cursor
		}
	}
}

// each visits every block until visit returns false; the table must not change
// meanwhile, except that visit may free nothing.
func (t *table) each(visit func(h handle) bool) {
	for _, buckets := range [2][]handle{t.old, t.main} {
		for _, h := range buckets {
			for h != 0 {
				next := blockNext(t.a.bytes(h))
				if !visit(h) {
					return
				}
				h = next
			}
		}
	}
}

// random returns a block of a table that is not empty, each as likely as any other:
// it picks a bucket and a place in a chain until there is one.
func (t *table) random() handle {
	if t.old != nil {
		t.step(1)
	}
	longest := 12 // chains of a table that grows in time are shorter
	for {
		i := rand.IntN(len(t.main) + len(t.old))
		var h handle
		if i < len(t.main) {
			h = t.main[i]
		} else {
			h = t.old[i-len(t.main)]
		}
		if h == 0 {
			continue
		}
		place := rand.IntN(longest)
		n := 0
		var found handle
		for ; h != 0; h = blockNext(t.a.bytes(h)) {
			if n == place {
				found = h
			}
			n++
		}
		if n > longest {
			longest = n
			continue
		}
		if found != 0 {
			return found
		}
	}
}

func (t *table) key(h handle) []byte {
	k, _ := t.split(t.a.bytes(h))
	return k
}

// memory is what the table's arrays take, without the blocks.
func (t *table) memory() int { return 4 * (len(t.main) + len(t.old)) }
