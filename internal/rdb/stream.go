package rdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The flags of a stream entry.
const (
	streamDeleted    = 1
	streamSameFields = 2
)

// streamPack reads a listpack of stream entries and the id before it.
func (r *Reader) streamPack() (Chunk, error) {
	id, err := r.string(&r.first)
	if err != nil {
		return Chunk{}, err
	}
	if len(id) != 16 {
		return Chunk{}, errors.New("the id of stream entries has not 16 bytes")
	}
	first := StreamID{binary.BigEndian.Uint64(id), binary.BigEndian.Uint64(id[8:])}
	b, err := r.string(&r.first)
	if err != nil {
		return Chunk{}, err
	}
	lp, n, err := ValidListpack(b)
	if err != nil {
		return Chunk{}, err
	}
	if n == 0 {
		return Chunk{}, errLPEmpty
	}
	it, ok := NewStreamIter(lp, first)
	for ok && it.Next() {
		if !r.state.live && !it.Deleted() {
			r.state.first, r.state.live = it.ID(), true
		}
	}
	if !ok || it.bad {
		return Chunk{}, errLPStream
	}
	return Chunk{Encoding: EncodedListpack, Data: lp, ID: first}, nil
}

// A StreamIter walks the entries in a listpack of a stream. The listpack begins
// with a master entry: entries, deleted ones among them, number of fields, the
// fields, 0. An entry is flags, the two parts of its id as differences to the
// master's, then, where its fields are the master's, the values, otherwise the
// number of fields, field, value, ...; last the number of elements before this
// one, for walking back.
type StreamIter struct {
	lp     Listpack
	first  StreamID
	count  int64 // entries that the master entry announces
	gone   int64 // deleted ones among them
	fields int64 // of the master
	master int   // offset of its first field
	pos    int   // of the next entry
	bad    bool

	id      StreamID
	flags   int64
	entry   int // offset of the first value or field
	n       int64
	seen    int64
	deleted int64
}

// NewStreamIter begins a walk; false if lp has no master entry.
func NewStreamIter(lp Listpack, first StreamID) (*StreamIter, bool) {
	it := &StreamIter{lp: lp, first: first, pos: lp.First()}
	entries, ok1 := it.int()
	deleted, ok2 := it.int()
	fields, ok3 := it.int()
	if !ok1 || !ok2 || !ok3 || entries < 0 || deleted < 0 || fields < 0 || entries > math.MaxInt64-deleted {
		return nil, false
	}
	it.master, it.fields, it.count, it.gone = it.pos, fields, entries, deleted
	if !it.skip(fields) {
		return nil, false
	}
	if end, ok := it.int(); !ok || end != 0 {
		return nil, false
	}
	return it, true
}

func (it *StreamIter) int() (int64, bool) {
	if it.pos >= it.lp.End() {
		return 0, false
	}
	_, n, ok := it.lp.Get(it.pos)
	it.pos = it.lp.Next(it.pos)
	return n, ok
}

func (it *StreamIter) skip(n int64) bool {
	for ; n > 0; n-- {
		if it.pos >= it.lp.End() {
			return false
		}
		it.pos = it.lp.Next(it.pos)
	}
	return true
}

// Next goes to the next entry, deleted ones too; false behind the last.
func (it *StreamIter) Next() bool {
	if it.bad {
		return false
	}
	if it.pos >= it.lp.End() {
		it.bad = it.seen-it.deleted != it.count || it.deleted != it.gone
		return false
	}
	if !it.next() {
		it.bad = true
		return false
	}
	return true
}

func (it *StreamIter) next() bool {
	start, ok := it.int()
	ms, ok1 := it.int()
	seq, ok2 := it.int()
	if !ok || !ok1 || !ok2 {
		return false
	}
	it.flags = start
	it.id = StreamID{it.first.Ms + uint64(ms), it.first.Seq + uint64(seq)}
	n, elements := it.fields, it.fields
	back := it.fields + 3
	if it.flags&streamSameFields == 0 {
		if n, ok = it.int(); !ok || n < 0 || n > math.MaxInt64/4 {
			return false
		}
		elements = 2 * n
		back = elements + 4
	}
	it.n, it.entry = n, it.pos
	if !it.skip(elements) {
		return false
	}
	if told, ok := it.int(); !ok || told != back {
		return false
	}
	it.seen++
	if it.Deleted() {
		it.deleted++
	}
	return true
}

// ID returns the id of the entry.
func (it *StreamIter) ID() StreamID { return it.id }

// Deleted reports whether the entry is only a mark of one that was there.
func (it *StreamIter) Deleted() bool { return it.flags&streamDeleted != 0 }

// Fields returns the number of fields of the entry.
func (it *StreamIter) Fields() int { return int(it.n) }

// Pairs calls yield with the offsets of each field and its value in the
// listpack, until it returns false.
func (it *StreamIter) Pairs(yield func(field, value int) bool) {
	pos := it.entry
	if it.flags&streamSameFields != 0 {
		field := it.master
		for range it.n {
			if !yield(field, pos) {
				return
			}
			field, pos = it.lp.Next(field), it.lp.Next(pos)
		}
		return
	}
	for range it.n {
		value := it.lp.Next(pos)
		if !yield(pos, value) {
			return
		}
		pos = it.lp.Next(value)
	}
}

func (r *Reader) lenID() (id StreamID, err error) {
	if id.Ms, err = r.length(); err == nil {
		id.Seq, err = r.length()
	}
	return id, err
}

func (r *Reader) rawID() (StreamID, error) {
	b, err := r.src.take(16)
	if err != nil {
		return StreamID{}, err
	}
	return StreamID{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}, nil
}

// readStream reads what follows the listpacks of a stream. Its lists grow as
// their elements arrive.
func (r *Reader) readStream() error {
	r.state.tail = false
	s := new(Stream)
	var err error
	if s.Length, err = r.length(); err != nil {
		return err
	}
	if s.LastID, err = r.lenID(); err != nil {
		return err
	}
	if r.entry.Type != TypeStreamListpacks {
		if s.FirstID, err = r.lenID(); err != nil {
			return err
		}
		if s.MaxDeletedID, err = r.lenID(); err != nil {
			return err
		}
		if s.EntriesAdded, err = r.length(); err != nil {
			return err
		}
	} else {
		// Redis before 7.0 did not keep these; they are what 7.0 assumes then.
		s.EntriesAdded, s.FirstID = s.Length, r.state.first
	}
	groups, err := r.length()
	if err != nil {
		return err
	}
	for ; groups > 0; groups-- {
		if err := r.readGroup(s); err != nil {
			return err
		}
	}
	r.state.stream = s
	return nil
}

func (r *Reader) readGroup(s *Stream) error {
	name, err := r.string(&r.first)
	if err != nil {
		return err
	}
	g := Group{Name: bytes.Clone(name), EntriesRead: -1}
	if g.LastID, err = r.lenID(); err != nil {
		return err
	}
	if r.entry.Type != TypeStreamListpacks {
		n, err := r.length()
		if err != nil {
			return err
		}
		g.EntriesRead = int64(n)
	} else {
		g.EntriesRead = entriesBefore(s, g.LastID)
	}
	pending, err := r.length()
	if err != nil {
		return err
	}
	at := map[StreamID]int{}
	for ; pending > 0; pending-- {
		p := Pending{Consumer: -1}
		if p.ID, err = r.rawID(); err != nil {
			return err
		}
		ms, err := r.src.fixed64()
		if err != nil {
			return err
		}
		p.DeliveredAt = int64(ms)
		if p.Deliveries, err = r.length(); err != nil {
			return err
		}
		if n := len(g.Pending); n > 0 && !g.Pending[n-1].ID.Less(p.ID) {
			return errors.New("pending entries of a group are not in ascending order")
		}
		at[p.ID] = len(g.Pending)
		g.Pending = append(g.Pending, p)
	}
	consumers, err := r.length()
	if err != nil {
		return err
	}
	for ; consumers > 0; consumers-- {
		if err := r.readConsumer(&g, at); err != nil {
			return err
		}
	}
	for _, p := range g.Pending {
		if p.Consumer < 0 {
			return fmt.Errorf("pending entry %v of group %s belongs to no consumer", p.ID, quote(g.Name))
		}
	}
	s.Groups = append(s.Groups, g)
	return nil
}

// entriesBefore returns how many entries of s, which never had one deleted, are
// at id or before it, -1 where only a walk could tell.
func entriesBefore(s *Stream, id StreamID) int64 {
	switch {
	case s.Length == 0, id.Less(s.FirstID):
		return 0
	case id == s.LastID:
		return int64(s.Length)
	case id == s.FirstID:
		return 1
	}
	return -1
}

func (r *Reader) readConsumer(g *Group, at map[StreamID]int) error {
	name, err := r.string(&r.first)
	if err != nil {
		return err
	}
	c := Consumer{Name: bytes.Clone(name)}
	seen, err := r.src.fixed64()
	if err != nil {
		return err
	}
	c.SeenAt, c.ActiveAt = int64(seen), int64(seen)
	if r.entry.Type == TypeStreamListpacks3 {
		active, err := r.src.fixed64()
		if err != nil {
			return err
		}
		c.ActiveAt = int64(active)
	}
	owned, err := r.length()
	if err != nil {
		return err
	}
	for ; owned > 0; owned-- {
		id, err := r.rawID()
		if err != nil {
			return err
		}
		i, ok := at[id]
		if !ok {
			return fmt.Errorf("consumer %s has entry %v, which is not pending in its group", quote(c.Name), id)
		}
		if g.Pending[i].Consumer >= 0 {
			return fmt.Errorf("pending entry %v of group %s belongs to two consumers", id, quote(g.Name))
		}
		g.Pending[i].Consumer = len(g.Consumers)
	}
	g.Consumers = append(g.Consumers, c)
	return nil
}
