package redisserver

import (
	"bytes"
	"iter"

	"landings/internal/rdb"
)

// This file has what a value too large to be written in one step is saved with.
//
// A picture is such a value as it was at one moment. Taking it costs as much as a list
// of its blocks, not as its bytes; from then on it shares its blocks with the value, and
// whoever changes the value sees to the picture first:
//
//   - a list or stream never changes a block that it shares, but puts a copy in its place;
//     the picture frees the block in the end;
//   - a table hands over the bucket that it is about to change, unless the picture has it;
//   - a block with memory of its own (a long string, an element of a megabyte) is replaced
//     rather than overwritten, see arena.pin.
//
// A value that is deleted leaves its blocks to the picture.

const (
	largeBytes    = 64 << 10 // beyond it a value, or an element, is not written in one step
	largeElements = 512
)

// pen is what a value is written with: an encoder that can be put down between pieces.
type pen struct {
	*rdb.Encoder
	pause func() bool     // at the end of a piece; false: write no more. nil: go on
	aside func(...[]byte) // takes the parts of a blob of more than largeBytes, to be written at this place. nil: at once
}

// rest is called between pieces, when nothing but the picture says where to go on.
func (p *pen) rest() bool { return p.pause == nil || p.pause() }

// text writes a string, apart if it is large; what it lies in must be pinned or shared
// then.
func (p *pen) text(b []byte) {
	if len(b) > largeBytes {
		p.blob(b)
		return
	}
	p.String(b)
}

func (p *pen) blob(b []byte) {
	if len(b) > largeBytes && p.aside != nil {
		p.aside(b)
		return
	}
	p.Blob(b)
}

// picture is one large value as it was.
type picture interface {
	// save writes it, resting between pieces.
	save(p *pen)
	// end tells the value that the picture needs nothing any more.
	end()
	// release frees up to n blocks that the value left to the picture, and says whether
	// there are no more.
	release(n int) bool
}

// pictured is an object that can be taken a picture of, nil if it is small enough to be
// saved in one step. There is at most one picture of an object at a time.
type pictured interface{ picture() picture }

// snapshot is a key of which a saver took a picture.
type snapshot struct {
	picture
	db   int
	key  []byte
	meta rdb.Meta
	typ  rdb.Type
	next func() (struct{}, bool) // goes on writing, once begun
	stop func()
}

// begin starts writing with an encoder; due says when to pause, aside takes large blobs.
func (s *snapshot) begin(enc *rdb.Encoder, due func() bool, aside func(...[]byte)) {
	enc.Key(s.meta, s.typ, s.key)
	s.next, s.stop = iter.Pull(func(yield func(struct{}) bool) {
		goOn := true
		p := &pen{Encoder: enc}
		p.pause = func() bool {
			if goOn && due() {
				goOn = yield(struct{}{})
			}
			return goOn
		}
		p.aside = func(b ...[]byte) {
			aside(b...)
			goOn = goOn && yield(struct{}{})
		}
		s.save(p)
	})
}

// A pin keeps the bytes of a block that has memory of its own as they are.
type pin struct {
	h   handle
	mem []byte
}

// pin makes the block's next writer take another block. Blocks of a shared span cannot be
// pinned: they are small enough to be copied.
func (a *arena) pin(h handle) pin {
	s := &a.spans[h>>spanShift]
	if s.class >= 0 {
		return pin{}
	}
	s.pinned = true
	return pin{h, s.mem}
}

func (a *arena) unpin(p pin) {
	if s := &a.spans[p.h>>spanShift]; len(p.mem) > 0 && len(s.mem) > 0 && &s.mem[0] == &p.mem[0] {
		s.pinned = false
	}
}

func (a *arena) pinned(h handle) bool { return a.spans[h>>spanShift].pinned }

// stringPicture is a long string's. What is overwritten in place before it was copied is
// kept, by pages; a writer that moves the string leaves its old memory as it was.
type stringPicture struct {
	a     *arena
	pin   pin
	value []byte
	out   [][]byte       // the first of its pages, copied
	pages map[int][]byte // of largeBytes, as they were
}

func (s *saver) stringPicture(en *entry) *stringPicture {
	f := &stringPicture{a: s.e.arena, pin: s.e.arena.pin(en.h), value: en.bytes(), pages: map[int][]byte{}}
	s.strings[en.h] = f
	return f
}

// taken is the picture of the entry's string while there is one.
func (e *Engine) taken(en *entry) *stringPicture {
	if e.saving == nil || !e.arena.pinned(en.h) {
		return nil
	}
	return e.saving.strings[en.h]
}

// meet is called before the bytes in [from, to) change.
func (f *stringPicture) meet(from, to int) {
	for i := max(from/largeBytes, len(f.out)); i*largeBytes < min(to, len(f.value)); i++ {
		if _, kept := f.pages[i]; !kept {
			f.pages[i] = f.page(i)
		}
	}
}

// page copies a page.
func (f *stringPicture) page(i int) []byte {
	return bytes.Clone(f.value[i*largeBytes : min((i+1)*largeBytes, len(f.value))])
}

func (f *stringPicture) save(p *pen) {
	for i := 0; i*largeBytes < len(f.value); i++ {
		page, kept := f.pages[i]
		if !kept {
			page = f.page(i)
		}
		f.out = append(f.out, page)
		delete(f.pages, i)
		if !p.rest() {
			return
		}
	}
	p.aside(f.out...)
}

func (f *stringPicture) end() {
	f.a.unpin(f.pin)
	f.value, f.out, f.pages = nil, nil, nil
}

func (f *stringPicture) release(int) bool { return true }

// tablePicture is a table's: of a hash, a set, or the members of a sorted set, bucket by
// bucket. Nothing is moved between buckets while it is taken.
type tablePicture struct {
	t       *table // the value's, or, once that was deleted, the picture's own
	emit    func(p *pen, h handle)
	count   int
	seen    []uint64 // bit per bucket of main, then of old: is written or handed over
	handed  []piece  // to be written
	pins    []pin
	deleted bool
	freed   int // buckets freed
}

// piece is bytes of an encoder, or a blob to be encoded.
type piece struct {
	enc  *rdb.Encoder
	blob []byte
}

// picture takes the table's picture, nil if it is small. emit writes one block.
func (t *table) picture(emit func(p *pen, h handle)) picture {
	if t.count <= largeElements {
		total := 0
		t.each(func(h handle) bool { total += len(t.a.bytes(h)); return total <= largeBytes })
		if total <= largeBytes {
			return nil
		}
	}
	t.pinned++
	t.taken = &tablePicture{t: t, emit: emit, count: t.count, seen: make([]uint64, (len(t.main)+len(t.old)+63)/64)}
	return t.taken
}

func (f *tablePicture) bucket(i int) *handle {
	if i < len(f.t.main) {
		return &f.t.main[i]
	}
	return &f.t.old[i-len(f.t.main)]
}

func (f *tablePicture) buckets() int { return len(f.t.main) + len(f.t.old) }

// meet is called before a key's buckets change.
func (f *tablePicture) meet(hash uint64) {
	f.handOver(int(hash & uint64(len(f.t.main)-1)))
	if f.t.old != nil {
		f.handOver(len(f.t.main) + int(hash&uint64(len(f.t.old)-1)))
	}
}

func (f *tablePicture) handOver(i int) {
	if f.seen[i/64]&(1<<(i%64)) != 0 {
		return
	}
	f.seen[i/64] |= 1 << (i % 64)
	p := &pen{aside: func(b ...[]byte) { f.handed = append(f.handed, piece{blob: b[0]}, piece{enc: rdb.NewQuickEncoder()}) }}
	for h := *f.bucket(i); h != 0; h = blockNext(f.t.a.bytes(h)) {
		if len(f.t.a.bytes(h)) > largeBytes {
			f.pins = append(f.pins, f.t.a.pin(h))
		}
		if len(f.handed) == 0 {
			f.handed = append(f.handed, piece{enc: rdb.NewQuickEncoder()})
		}
		f.emitTo(p, h)
	}
}

// emitTo writes a block behind what was handed over so far.
func (f *tablePicture) emitTo(p *pen, h handle) {
	aside := p.aside
	p.Encoder = f.handed[len(f.handed)-1].enc
	p.aside = func(b ...[]byte) {
		aside(b...)
		p.Encoder = f.handed[len(f.handed)-1].enc
	}
	f.emit(p, h)
	p.aside = aside
}

// flush writes what was handed over.
func (f *tablePicture) flush(p *pen) bool {
	for len(f.handed) > 0 {
		handed := f.handed
		f.handed = nil
		for _, piece := range handed {
			if piece.enc != nil {
				p.Add(piece.enc)
			} else {
				p.blob(piece.blob)
			}
			if !p.rest() {
				return false
			}
		}
	}
	return true
}

func (f *tablePicture) save(p *pen) {
	p.Len(uint64(f.count))
	for i := range f.buckets() {
		if f.seen[i/64]&(1<<(i%64)) == 0 {
			if f.large(i) {
				f.handOver(i)
			} else {
				f.seen[i/64] |= 1 << (i % 64)
				for h := *f.bucket(i); h != 0; h = blockNext(f.t.a.bytes(h)) {
					f.emit(p, h)
				}
			}
		}
		if !f.flush(p) || !p.rest() {
			return
		}
	}
}

// large says whether a bucket holds an element that is written apart, during which the
// bucket may change.
func (f *tablePicture) large(i int) bool {
	for h := *f.bucket(i); h != 0; {
		b := f.t.a.bytes(h)
		if len(b) > largeBytes {
			return true
		}
		h = blockNext(b)
	}
	return false
}

func (f *tablePicture) end() {
	for _, p := range f.pins {
		f.t.a.unpin(p)
	}
	f.seen, f.handed, f.pins = nil, nil, nil
	if !f.deleted {
		f.t.pinned--
		f.t.taken = nil
	}
}

// take makes the picture the owner of the blocks of a table that is deleted.
func (f *tablePicture) take() {
	own := *f.t
	f.t, f.deleted = &own, true
}

func (f *tablePicture) release(n int) bool {
	if !f.deleted {
		return true
	}
	for ; f.freed < f.buckets(); f.freed++ {
		if n <= 0 {
			return false
		}
		n--
		for h := *f.bucket(f.freed); h != 0; n-- {
			next := blockNext(f.t.a.bytes(h))
			f.t.a.free(h)
			h = next
		}
	}
	return true
}

// blocksLeft are blocks that a list or stream left to its picture.
type blocksLeft struct {
	a      *arena
	blocks []handle
}

func (l *blocksLeft) release(n int) bool {
	n = min(n, len(l.blocks))
	for _, h := range l.blocks[:n] {
		l.a.free(h)
	}
	l.blocks = l.blocks[n:]
	return len(l.blocks) == 0
}
