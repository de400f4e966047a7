package redisserver

import (
	"errors"
	"math"
	"math/bits"
	"slices"
	"sort"

	"landings/internal/rdb"
)

// stream is a value of kind stream. Its entries lie in nodes, blocks of the arena
// that hold a listpack in Redis's own format (rdb.StreamIter describes it): a
// node is what approximate trimming removes, and what files hold.
type stream struct {
	a          *arena
	nodes      idMap[streamNode] // by the id that the ids in the node are relative to
	length     uint64            // live entries
	first      rdb.StreamID      // of the first live entry, 0-0 if there is none
	last       rdb.StreamID      // given out last
	maxDeleted rdb.StreamID      // largest that XDEL removed
	added      uint64            // entries ever added
	groups     []*group          // by name
	taken      *streamPicture    // while it is saved, or nil
}

type streamNode struct {
	h     handle
	size  uint32 // of the listpack; the block may be longer
	taken bool   // the stream's picture, while there is one, has the block too
}

// The flags of an entry.
const (
	entryDeleted    = 1
	entrySameFields = 2 // as the node's first entry
)

// maxNode is the size in bytes beyond which no node grows, and the size of the
// longest entry.
const maxNode = rdb.MaxListpack

var maxStreamID = rdb.StreamID{Ms: math.MaxUint64, Seq: math.MaxUint64}

func newStream(a *arena) *stream { return &stream{a: a} }

func (s *stream) release() {
	s.nodes.each(func(_ rdb.StreamID, nd *streamNode) bool {
		s.free(nd)
		return true
	})
	s.nodes = idMap[streamNode]{}
	s.groups, s.taken = nil, nil
}

// releaseSome frees all: a stream has few blocks for its entries.
func (s *stream) releaseSome(n *int) bool {
	*n -= s.blocks()
	s.release()
	return true
}

func (s *stream) blocks() int { return s.nodes.n }

func (s *stream) memory(samples int) int {
	total, n := 0, 0
	s.nodes.each(func(_ rdb.StreamID, nd *streamNode) bool {
		total += len(s.a.bytes(nd.h))
		n++
		return n != samples
	})
	if n > 0 {
		total = int(float64(total) / float64(n) * float64(s.nodes.n))
	}
	total += 160 + 24*s.nodes.n
	for _, g := range s.groups {
		total += 160 + len(g.name) + 40*g.pending.n
		for _, co := range g.consumers {
			total += 80 + len(co.name) + 16*co.pending.n
		}
	}
	return total
}

// nextID is the id behind id, false if id is the last there is.
func nextID(id rdb.StreamID) (rdb.StreamID, bool) {
	id.Seq++
	if id.Seq == 0 {
		id.Ms++
	}
	return id, id != rdb.StreamID{}
}

// prevID is the id before id, false if id is 0-0.
func prevID(id rdb.StreamID) (rdb.StreamID, bool) {
	ok := id != rdb.StreamID{}
	if id.Seq == 0 {
		id.Ms--
	}
	id.Seq--
	return id, ok
}

// newID is the id of an entry that is added at unix time now in milliseconds.
func (s *stream) newID(now int64) rdb.StreamID {
	if uint64(now) > s.last.Ms {
		return rdb.StreamID{Ms: uint64(now)}
	}
	id, _ := nextID(s.last)
	return id
}

func (s *stream) pack(nd *streamNode) rdb.Listpack {
	return rdb.Listpack(s.a.bytes(nd.h)[:nd.size])
}

// room is the node's listpack with the capacity for extra bytes more; a node that
// must move gets room for further entries, up to limit.
func (s *stream) room(nd *streamNode, extra int, limit int) rdb.Listpack {
	b := s.a.bytes(nd.h)
	if need := int(nd.size) + extra; need > len(b) || nd.taken && s.taken != nil {
		want := 2 * int(nd.size)
		if want > 64<<10 {
			want = int(nd.size) + int(nd.size)/4
		}
		b = s.move(nd, max(need, min(want, limit)))
	}
	return rdb.Listpack(b[:nd.size])
}

// move gives the node a block of n bytes.
func (s *stream) move(nd *streamNode, n int) []byte {
	h := s.a.alloc(n)
	b := s.a.bytes(h)
	copy(b, s.a.bytes(nd.h)[:nd.size])
	s.free(nd)
	nd.h = h
	return b
}

// free gives the block of a node free, or leaves it to the stream's picture.
func (s *stream) free(nd *streamNode) {
	if nd.taken && s.taken != nil {
		s.taken.blocks = append(s.taken.blocks, nd.h)
	} else {
		s.a.free(nd.h)
	}
	nd.taken = false
}

// packHead is what stands before the entries of a node.
type packHead struct {
	count, deleted int64
	fields         int // number of the first entry's fields
	names          int // where they are
	entries        int // where the entries begin
}

func headOf(lp rdb.Listpack) (h packHead) {
	p := lp.First()
	_, h.count, _ = lp.Get(p)
	p = lp.Next(p)
	_, h.deleted, _ = lp.Get(p)
	p = lp.Next(p)
	_, n, _ := lp.Get(p)
	h.fields, h.names = int(n), lp.Next(p)
	p = h.names
	for range h.fields {
		p = lp.Next(p)
	}
	h.entries = lp.Next(p)
	return h
}

func setCounts(lp rdb.Listpack, count, deleted int64) rdb.Listpack {
	p := lp.First()
	lp = lp.ReplaceInt(p, count)
	return lp.ReplaceInt(lp.Next(p), deleted)
}

// elementBound is the most that a string of n bytes takes in a listpack.
func elementBound(n int) int {
	if n < 64 {
		return n + 2
	}
	return n + 10
}

// append adds an entry behind all others; id is greater than s.last, and pairs,
// field, value, ..., are no longer than maxNode together.
func (s *stream) append(cfg *config, id rdb.StreamID, pairs [][]byte) {
	total, bound := 0, 64
	for _, p := range pairs {
		total += len(p)
		bound += elementBound(len(p))
	}
	limit := int(cfg.streamNodeBytes)
	if limit <= 0 || limit > maxNode {
		limit = maxNode
	}
	fields := len(pairs) / 2
	var (
		nd   *streamNode // where it goes, nil: a new one
		base rdb.StreamID
		head packHead
		lp   rdb.Listpack
		same = true
	)
	if tail := s.nodes.last(); tail != nil {
		nd, base = &tail.v, tail.id
		head = headOf(s.pack(nd))
		if int(nd.size)+total >= limit || cfg.streamNodeEntries != 0 && head.count+head.deleted >= cfg.streamNodeEntries {
			if !s.a.fits(nd.h, int(nd.size)) {
				s.move(nd, int(nd.size))
			}
			nd = nil
		}
	}
	if nd == nil {
		names := 0
		for i := 0; i < len(pairs); i += 2 {
			names += elementBound(len(pairs[i]))
		}
		h := s.a.alloc(bound + names)
		lp = rdb.AppendListpack(s.a.bytes(h)[:0]).AppendInt(1).AppendInt(0).AppendInt(int64(fields))
		for i := 0; i < len(pairs); i += 2 {
			lp = lp.Append(pairs[i])
		}
		lp = lp.AppendInt(0)
		if old := s.nodes.find(id); old != nil { // of deleted entries, after XSETID to an id before theirs
			s.length -= uint64(headOf(s.pack(old)).count)
			s.free(old)
		}
		s.nodes.set(id, streamNode{h: h})
		nd, base = s.nodes.find(id), id
	} else {
		lp = s.room(nd, bound, limit)
		same = fields == head.fields
		for i, p := 0, head.names; same && i < len(pairs); i, p = i+2, lp.Next(p) {
			same = lp.Matches(p, rdb.NewNeedle(pairs[i]))
		}
		lp = lp.ReplaceInt(lp.First(), head.count+1)
	}
	flags, back := int64(0), int64(len(pairs)+4)
	if same {
		flags, back = entrySameFields, int64(fields+3)
	}
	lp = lp.AppendInt(flags).AppendInt(int64(id.Ms - base.Ms)).AppendInt(int64(id.Seq - base.Seq))
	if !same {
		lp = lp.AppendInt(int64(fields))
	}
	for i, p := range pairs {
		if i%2 == 1 || !same {
			lp = lp.Append(p)
		}
	}
	lp = lp.AppendInt(back)
	nd.size = uint32(len(lp))
	s.length++
	s.added++
	s.last = id
	if s.length == 1 {
		s.first = id
	}
}

// streamCursor walks the entries between two ids, both included, in one
// direction. It is valid until the stream changes.
type streamCursor struct {
	s        *stream
	from, to rdb.StreamID
	back     bool
	deleted  bool         // visit deleted entries too
	node     idPos        // that is read next
	lp       rdb.Listpack // of the present node, nil before the first and between nodes
	base     rdb.StreamID // the node's
	head     packHead
	pos      int // where the next entry begins, or, going back, the present one

	id     rdb.StreamID
	flags  int64
	at     int // of the entry
	fields int
	values int // where its values, or fields and values, begin
}

func (s *stream) walk(from, to rdb.StreamID) streamCursor {
	cu := streamCursor{s: s, from: from, to: to, node: s.nodes.floor(from)}
	if cu.node.run < 0 { // entries may even be less than their node's id
		cu.node = idPos{}
	}
	return cu
}

func (s *stream) walkBack(from, to rdb.StreamID) streamCursor {
	cu := streamCursor{s: s, from: from, to: to, back: true, node: s.nodes.floor(to)}
	if cu.node.run < 0 {
		cu.node = s.nodes.floor(maxStreamID)
	}
	return cu
}

// next goes to the next entry; false at the end.
func (cu *streamCursor) next() bool {
	for {
		if cu.lp == nil {
			item := cu.s.nodes.at(cu.node)
			if item == nil {
				return false
			}
			cu.lp, cu.base = cu.s.pack(&item.v), item.id
			cu.head = headOf(cu.lp)
			if cu.back {
				cu.pos, cu.node = cu.lp.End(), cu.s.nodes.prev(cu.node)
			} else {
				cu.pos, cu.node = cu.head.entries, cu.s.nodes.next(cu.node)
			}
		}
		if cu.back {
			p := cu.lp.Prev(cu.pos)
			_, n, _ := cu.lp.Get(p)
			if n == 0 { // the end of the head
				cu.lp = nil
				continue
			}
			for ; n > 0; n-- {
				p = cu.lp.Prev(p)
			}
			cu.pos = p
			cu.read(p)
		} else {
			if cu.pos == cu.lp.End() {
				cu.lp = nil
				continue
			}
			cu.read(cu.pos)
			cu.pos = cu.behind()
		}
		// Deleted entries do not end the walk: after XSETID to an id before theirs
		// they may be greater than what follows.
		before, behind := cu.id.Less(cu.from), cu.to.Less(cu.id)
		switch {
		case cu.flags&entryDeleted != 0 && !cu.deleted:
		case before && cu.back || behind && !cu.back:
			return false
		case !before && !behind:
			return true
		}
	}
}

func (cu *streamCursor) read(p int) {
	cu.at = p
	_, cu.flags, _ = cu.lp.Get(p)
	p = cu.lp.Next(p)
	_, ms, _ := cu.lp.Get(p)
	p = cu.lp.Next(p)
	_, seq, _ := cu.lp.Get(p)
	p = cu.lp.Next(p)
	cu.id = rdb.StreamID{Ms: cu.base.Ms + uint64(ms), Seq: cu.base.Seq + uint64(seq)}
	cu.fields = cu.head.fields
	if cu.flags&entrySameFields == 0 {
		_, n, _ := cu.lp.Get(p)
		cu.fields = int(n)
		p = cu.lp.Next(p)
	}
	cu.values = p
}

// behind is where the entry ends.
func (cu *streamCursor) behind() int {
	n := cu.fields
	if cu.flags&entrySameFields == 0 {
		n *= 2
	}
	p := cu.values
	for range n {
		p = cu.lp.Next(p)
	}
	return cu.lp.Next(p)
}

// pairs visits the entry's fields; the slices are valid during the visit alone.
func (cu *streamCursor) pairs(visit func(field, value []byte)) {
	var fb, vb [24]byte
	name, p := cu.head.names, cu.values
	for range cu.fields {
		var f []byte
		if cu.flags&entrySameFields != 0 {
			f = element(cu.lp, name, &fb)
			name = cu.lp.Next(name)
		} else {
			f = element(cu.lp, p, &fb)
			p = cu.lp.Next(p)
		}
		visit(f, element(cu.lp, p, &vb))
		p = cu.lp.Next(p)
	}
}

// lastLive is the id of the last live entry, 0-0 if there is none.
func (s *stream) lastLive() rdb.StreamID {
	cu := s.walkBack(rdb.StreamID{}, maxStreamID)
	if !cu.next() {
		return rdb.StreamID{}
	}
	return cu.id
}

// findFirst sets s.first anew.
func (s *stream) findFirst() {
	s.first = rdb.StreamID{}
	if s.length > 0 {
		cu := s.walk(rdb.StreamID{}, maxStreamID)
		if cu.next() {
			s.first = cu.id
		}
	}
}

// removeNode frees the node at p.
func (s *stream) removeNode(p idPos) {
	s.free(&s.nodes.at(p).v)
	s.nodes.removeAt(p)
}

// del marks the entry as deleted, or removes its node with the last live one, and
// says whether it was there. The caller sees to first and maxDeleted.
func (s *stream) del(id rdb.StreamID) bool {
	cu := s.walk(id, id)
	if !cu.next() {
		return false
	}
	s.length--
	p := s.nodes.seek(cu.base)
	if cu.head.count == 1 {
		s.removeNode(p)
		return true
	}
	nd := &s.nodes.at(p).v
	lp := s.room(nd, 32, 0)
	lp = lp.ReplaceInt(cu.at, cu.flags|entryDeleted)
	lp = setCounts(lp, cu.head.count-1, cu.head.deleted+1)
	nd.size = uint32(len(lp))
	return true
}

// trimming says what XTRIM or XADD remove from a stream's front.
type trimming struct {
	by     trimBy
	approx bool // only whole nodes
	limit  int64
	maxLen uint64
	minID  rdb.StreamID
}

type trimBy uint8

const (
	trimNone trimBy = iota
	trimMaxLen
	trimMinID
)

// trim removes entries from the front and returns how many.
func (s *stream) trim(t *trimming) int64 {
	removed := int64(0)
	if t.by == trimNone {
		return 0
	}
	for {
		item := s.nodes.first()
		if item == nil || t.by == trimMaxLen && s.length <= t.maxLen {
			break
		}
		lp := s.pack(&item.v)
		head := headOf(lp)
		if t.limit != 0 && removed+head.count > t.limit {
			break
		}
		var whole bool // the whole node goes
		if t.by == trimMaxLen {
			whole = s.length-uint64(head.count) >= t.maxLen
		} else {
			cu := streamCursor{s: s, to: maxStreamID, back: true, deleted: true}
			whole = !cu.next() || cu.id.Less(t.minID)
		}
		if !whole {
			if !t.approx {
				removed += s.trimNode(item, head, t)
			}
			break
		}
		s.removeNode(idPos{})
		s.length -= uint64(head.count)
		removed += head.count
	}
	if removed > 0 {
		s.findFirst()
	}
	return removed
}

// trimNode marks entries at the front of the first node as deleted.
func (s *stream) trimNode(item *idItem[streamNode], head packHead, t *trimming) int64 {
	removed := int64(0)
	lp := s.room(&item.v, 32, 0)
	cu := streamCursor{s: s, lp: lp, base: item.id, head: head}
	for p := head.entries; p != lp.End(); p = cu.behind() {
		cu.read(p)
		if t.by == trimMaxLen && s.length <= t.maxLen || t.by == trimMinID && !cu.id.Less(t.minID) {
			break
		}
		if cu.flags&entryDeleted == 0 {
			lp = lp.ReplaceInt(p, cu.flags|entryDeleted) // as long as it was
			s.length--
			removed++
		}
	}
	lp = setCounts(lp, head.count-removed, head.deleted+removed)
	item.v.size = uint32(len(lp))
	return removed
}

// fragmented says whether an entry at from or behind it may have been deleted,
// as far as the largest deleted id tells.
func (s *stream) fragmented(from rdb.StreamID) bool {
	if s.length == 0 || s.maxDeleted == (rdb.StreamID{}) || s.maxDeleted.Less(s.first) {
		return false
	}
	return !s.maxDeleted.Less(from)
}

// distance is how many entries were ever added up to id, -1 where that cannot be
// known: ids between the first and the last, in the future, or before deleted
// entries.
func (s *stream) distance(id rdb.StreamID) int64 {
	switch {
	case s.added == 0:
		return 0
	case s.length == 0 && !s.last.Less(id), id == s.last:
		return int64(s.added)
	case s.last.Less(id):
		return -1
	case s.maxDeleted == (rdb.StreamID{}) || s.maxDeleted.Less(s.first):
		if id.Less(s.first) {
			return int64(s.added - s.length)
		}
		if id == s.first {
			return int64(s.added - s.length + 1)
		}
	}
	return -1
}

// radixNodes is how many nodes Redis's radix tree of the stream has, which XINFO
// tells.
func (s *stream) radixNodes() int {
	ids := make([]rdb.StreamID, 0, s.nodes.n)
	s.nodes.each(func(id rdb.StreamID, _ *streamNode) bool {
		ids = append(ids, id)
		return true
	})
	if len(ids) == 0 {
		return 1
	}
	return radixNodes(ids, 0)
}

// radixNodes counts the radix tree of ids, as 16 bytes each, from byte start on,
// up to which they are equal: a node for the piece that all have in common, one
// where they part or end, and what hangs below.
func radixNodes(ids []rdb.StreamID, start int) int {
	part := 16
	if len(ids) > 1 {
		part = commonBytes(ids[0], ids[len(ids)-1])
	}
	n := 1
	if part > start {
		n++
	}
	for part < 16 && len(ids) > 0 {
		k := sort.Search(len(ids), func(i int) bool { return commonBytes(ids[0], ids[i]) <= part })
		n += radixNodes(ids[:k], part+1)
		ids = ids[k:]
	}
	return n
}

// commonBytes is how many bytes two ids, as 16 bytes big endian, begin with in
// common.
func commonBytes(a, b rdb.StreamID) int {
	if a.Ms != b.Ms {
		return bits.LeadingZeros64(a.Ms^b.Ms) / 8
	}
	return 8 + bits.LeadingZeros64(a.Seq^b.Seq)/8 // 16 if they are equal
}

func (s *stream) rdbType() rdb.Type { return rdb.TypeStreamListpacks2 }

func (s *stream) save(p *pen) {
	f := streamPicture{blocksLeft: blocksLeft{a: s.a}, nodes: s.nodes, head: s.head()}
	for _, g := range s.groups {
		f.groups = append(f.groups, g.picture())
		g.taken(false)
	}
	f.save(p)
}

// head is what a file says of the stream itself.
func (s *stream) head() rdb.Stream {
	return rdb.Stream{Length: s.length, LastID: s.last, FirstID: s.first, MaxDeletedID: s.maxDeleted, EntriesAdded: s.added}
}

// streamPicture is a stream's: its nodes, whose blocks it may share with the stream, and
// its groups, with the runs of their pending entries.
type streamPicture struct {
	blocksLeft
	s      *stream
	nodes  idMap[streamNode]
	head   rdb.Stream
	groups []group
	live   []*group // that copy what they change while this is there
}

func (s *stream) picture() picture {
	total := 0
	s.nodes.each(func(_ rdb.StreamID, nd *streamNode) bool { total += int(nd.size); return total <= largeBytes })
	for _, g := range s.groups {
		total += 32 * (len(g.consumers) + g.pending.n)
	}
	if total <= largeBytes {
		return nil
	}
	f := &streamPicture{blocksLeft: blocksLeft{a: s.a}, s: s, head: s.head(), live: slices.Clone(s.groups)}
	for _, run := range s.nodes.runs {
		for i := range run {
			run[i].v.taken = true
		}
		f.nodes.runs = append(f.nodes.runs, slices.Clone(run))
	}
	f.nodes.n = s.nodes.n
	for _, g := range s.groups {
		f.groups = append(f.groups, g.picture())
	}
	s.taken = f
	return f
}

func (f *streamPicture) end() {
	f.nodes, f.groups = idMap[streamNode]{}, nil
	for _, g := range f.live {
		g.taken(false)
	}
	if f.s.taken == f {
		f.s.taken = nil
	}
}

func (f *streamPicture) save(p *pen) {
	p.Len(uint64(f.nodes.n))
	for _, run := range f.nodes.runs {
		for i := range run {
			nd := &run[i].v
			p.StreamPackHead(run[i].id)
			p.blob(f.a.bytes(nd.h)[:nd.size])
			if !p.rest() {
				return
			}
		}
	}
	p.StreamHead(&f.head, len(f.groups))
	for i := range f.groups {
		if !f.groups[i].save(p) {
			return
		}
	}
}

// loadStream reads a stream of a file.
func (e *Engine) loadStream(r *rdb.Reader) (value, error) {
	s := newStream(e.arena)
	live := uint64(0)
	err := eachChunk(r, func(c rdb.Chunk) error {
		if last := s.nodes.last(); last != nil && !last.id.Less(c.ID) {
			return errors.New("the nodes of a stream are not in ascending order")
		}
		nd := streamNode{h: e.arena.alloc(len(c.Data)), size: uint32(len(c.Data))}
		copy(e.arena.bytes(nd.h), c.Data)
		s.nodes.set(c.ID, nd)
		live += uint64(headOf(s.pack(&nd)).count)
		return nil
	})
	if err == nil {
		in := r.Stream()
		s.length, s.first, s.last, s.maxDeleted, s.added = in.Length, in.FirstID, in.LastID, in.MaxDeletedID, in.EntriesAdded
		if live != s.length {
			err = errors.New("a stream has another number of entries than it says")
		}
		for i := 0; err == nil && i < len(in.Groups); i++ {
			var g *group
			if g, err = loadGroup(&in.Groups[i]); err == nil && !s.addGroup(g) {
				err = errDuplicate
			}
		}
	}
	if err != nil {
		s.release()
		return value{}, err
	}
	return value{kind: kindStream, enc: encStream, obj: s}, nil
}

// group is a consumer group of a stream.
type group struct {
	name      string
	last      rdb.StreamID   // delivered last
	read      int64          // entries delivered, counted from the stream's first ever; -1 unknown
	pending   idMap[pending] // delivered and not acknowledged
	consumers []*consumer    // by name
	seats     []*consumer    // by number; nil: free
}

// pending is a delivered entry that awaits acknowledgement.
type pending struct {
	at    int64 // unix ms of the last delivery
	count int64 // of deliveries
	owner uint32
}

// consumer is a member of a group.
type consumer struct {
	name    string
	seat    uint32 // its number in the group
	seen    int64  // unix ms of its last attempt
	pending idMap[struct{}]
}

// group finds a group by name, nil if there is none.
func (s *stream) group(name []byte) *group {
	if i, ok := searchNames(s.groups, string(name), func(g *group) string { return g.name }); ok {
		return s.groups[i]
	}
	return nil
}

// addGroup returns false if there is a group of its name.
func (s *stream) addGroup(g *group) bool {
	i, ok := searchNames(s.groups, g.name, func(g *group) string { return g.name })
	if ok {
		return false
	}
	s.groups = slices.Insert(s.groups, i, g)
	return true
}

func (s *stream) removeGroup(g *group) {
	s.groups = slices.DeleteFunc(s.groups, func(o *group) bool { return o == g })
}

func searchNames[T any](list []T, name string, of func(T) string) (int, bool) {
	return slices.BinarySearchFunc(list, name, func(t T, name string) int {
		switch n := of(t); {
		case n < name:
			return -1
		case n > name:
			return 1
		}
		return 0
	})
}

// consumer finds a consumer by name, nil if there is none.
func (g *group) consumer(name []byte) *consumer {
	if i, ok := searchNames(g.consumers, string(name), func(co *consumer) string { return co.name }); ok {
		return g.consumers[i]
	}
	return nil
}

// addConsumer creates a consumer, or returns nil if there is one of its name.
func (g *group) addConsumer(name []byte, now int64) *consumer {
	i, ok := searchNames(g.consumers, string(name), func(co *consumer) string { return co.name })
	if ok {
		return nil
	}
	co := &consumer{name: string(name), seen: now}
	seat := len(g.seats)
	if len(g.consumers) < seat {
		seat = slices.Index(g.seats, nil)
	} else {
		g.seats = append(g.seats, nil)
	}
	co.seat = uint32(seat)
	g.seats[seat] = co
	g.consumers = slices.Insert(g.consumers, i, co)
	return co
}

// removeConsumer deletes a consumer with what it has pending.
func (g *group) removeConsumer(co *consumer) {
	co.pending.each(func(id rdb.StreamID, _ *struct{}) bool {
		g.pending.remove(id)
		return true
	})
	g.seats[co.seat] = nil
	g.consumers = slices.DeleteFunc(g.consumers, func(o *consumer) bool { return o == co })
}

// give makes the entry one that co has pending, whoever had it.
func (g *group) give(id rdb.StreamID, co *consumer, at, count int64) {
	if old := g.pending.edit(id); old != nil {
		if old.owner != co.seat {
			g.seats[old.owner].pending.remove(id)
			co.pending.set(id, struct{}{})
		}
		*old = pending{at, count, co.seat}
		return
	}
	g.pending.set(id, pending{at, count, co.seat})
	co.pending.set(id, struct{}{})
}

// settle forgets a pending entry and says whether it was there.
func (g *group) settle(id rdb.StreamID) bool {
	p := g.pending.find(id)
	if p == nil {
		return false
	}
	g.seats[p.owner].pending.remove(id)
	g.pending.remove(id)
	return true
}

// picture is the group as it is now; until taken(false) the group copies what it
// changes of the pending entries.
func (g *group) picture() group {
	f := group{name: g.name, last: g.last, read: g.read, pending: g.pending.picture()}
	for _, co := range g.consumers {
		f.consumers = append(f.consumers, &consumer{name: co.name, seen: co.seen, pending: co.pending.picture()})
	}
	return f
}

func (g *group) taken(is bool) {
	g.pending.taken = is
	for _, co := range g.consumers {
		co.pending.taken = is
	}
}

// save writes the group, and says whether to go on.
func (g *group) save(p *pen) bool {
	p.GroupHead(&rdb.Group{Name: []byte(g.name), LastID: g.last, EntriesRead: g.read}, g.pending.n)
	for _, run := range g.pending.runs {
		for i := range run {
			p.PendingEntry(&rdb.Pending{ID: run[i].id, DeliveredAt: run[i].v.at, Deliveries: uint64(run[i].v.count)})
		}
		if !p.rest() {
			return false
		}
	}
	p.Len(uint64(len(g.consumers)))
	for _, co := range g.consumers {
		p.ConsumerHead(&rdb.Consumer{Name: []byte(co.name), SeenAt: co.seen}, co.pending.n)
		for _, run := range co.pending.runs {
			for i := range run {
				p.ID(run[i].id)
			}
			if !p.rest() {
				return false
			}
		}
	}
	return true
}

func loadGroup(in *rdb.Group) (*group, error) {
	g := &group{name: string(in.Name), last: in.LastID, read: in.EntriesRead}
	members := make([]*consumer, len(in.Consumers))
	for i := range in.Consumers {
		if members[i] = g.addConsumer(in.Consumers[i].Name, in.Consumers[i].SeenAt); members[i] == nil {
			return nil, errDuplicate
		}
	}
	for _, p := range in.Pending {
		g.give(p.ID, members[p.Consumer], p.DeliveredAt, int64(p.Deliveries))
	}
	return g, nil
}
