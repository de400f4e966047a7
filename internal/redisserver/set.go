package redisserver

import (
	"math/rand/v2"
	"strconv"

	"landings/internal/rdb"
)

// largeSet is a set with encHashtable: its members are the keys of a table.
type largeSet struct{ t *table }

func (o *largeSet) release()                { o.t.release() }
func (o *largeSet) releaseSome(n *int) bool { return o.t.releaseSome(n) }
func (o *largeSet) blocks() int             { return o.t.count }
func (o *largeSet) memory(samples int) int  { return o.t.memory() + blockMemory(o.t, samples) }
func (o *largeSet) rdbType() rdb.Type       { return rdb.TypeSet }

func (o *largeSet) save(p *pen) {
	p.Len(uint64(o.t.count))
	o.t.each(func(h handle) bool { o.emit(p, h); return true })
}

func (o *largeSet) emit(p *pen, h handle) { p.text(o.t.key(h)) }

func (o *largeSet) picture() picture { return o.t.picture(o.emit) }

func (o *largeSet) clone() object {
	n := &largeSet{newTable(o.t.a, 0)}
	o.t.each(func(h handle) bool { n.t.insert(o.t.key(h), 0); return true })
	return n
}

// set is a set of either encoding, as a handler sees it: in a database, or on its
// own as the result of an operation.
type set struct {
	e   *Engine
	db  *database // nil: on its own
	en  entry
	is  rdb.Intset // small: numbers alone
	big *largeSet  // or large
}

func (db *database) setOf(en entry) set {
	s := set{e: db.e, db: db, en: en}
	if en.enc() == encIntset {
		s.is = rdb.Intset(en.bytes())
	} else {
		s.big = db.object(&en).(*largeSet)
	}
	return s
}

// newSet is an empty set on its own.
func (e *Engine) newSet() set { return set{e: e, is: rdb.AppendIntset(nil)} }

// value makes a set on its own the value of a key.
func (s *set) value() value {
	if s.big != nil {
		return value{kind: kindSet, enc: encHashtable, obj: s.big}
	}
	return value{kind: kindSet, enc: encIntset, bytes: s.is}
}

// release frees a set on its own that becomes no value.
func (s *set) release() {
	if s.big != nil {
		s.big.release()
	}
}

func (s *set) len() int {
	if s.big != nil {
		return s.big.t.count
	}
	return s.is.Len()
}

func (s *set) has(member []byte) bool {
	if s.big != nil {
		return s.big.t.find(member) != 0
	}
	n, ok := parseInt(member)
	if ok {
		_, ok = s.is.Search(n)
	}
	return ok
}

// add says whether the member is new. The set may change its encoding.
func (s *set) add(member []byte) bool {
	if s.big == nil {
		n, ok := parseInt(member)
		if ok {
			if !s.addInt(n) {
				return false
			}
			if int64(s.is.Len()) > min(s.e.cfg.setMaxIntset, 1<<30) {
				s.enlarge()
			}
			return true
		}
		s.enlarge()
	}
	if s.big.t.find(member) != 0 {
		return false
	}
	s.big.t.insert(member, 0)
	return true
}

func (s *set) addInt(n int64) bool {
	if s.db == nil {
		is, isNew := s.is.Add(n)
		s.is = is
		return isNew
	}
	if _, found := s.is.Search(n); found {
		return false
	}
	width, old := int(s.is[0]), len(s.is)
	switch {
	case n != int64(int32(n)):
		width = 8
	case n != int64(int16(n)):
		width = max(width, 4)
	}
	s.db.resize(&s.en, 8+width*(s.is.Len()+1), old, nil)
	s.is, _ = rdb.Intset(s.en.b[s.en.value : s.en.value+old]).Add(n) // in place: there is room
	return true
}

func (s *set) enlarge() {
	big := &largeSet{newTable(s.e.arena, 0)}
	s.each(func(m []byte) bool { big.t.insert(m, 0); return true })
	if s.db != nil {
		s.db.setObject(&s.en, encHashtable, big)
	}
	s.is, s.big = nil, big
}

// remove says whether the member was there.
func (s *set) remove(member []byte) bool {
	if s.big != nil {
		h := s.big.t.find(member)
		if h != 0 {
			s.big.t.remove(h)
		}
		return h != 0
	}
	n, ok := parseInt(member)
	if ok {
		if s.is, ok = s.is.Remove(n); ok && s.db != nil {
			s.db.resize(&s.en, len(s.is), len(s.is), nil)
			s.is = rdb.Intset(s.en.bytes())
		}
	}
	return ok
}

// each visits the members until visit returns false; a member is valid during the
// visit alone.
func (s *set) each(visit func(member []byte) bool) {
	if s.big != nil {
		s.big.t.each(func(h handle) bool { return visit(s.big.t.key(h)) })
		return
	}
	var buf [24]byte
	for i := range s.is.Len() {
		if !visit(strconv.AppendInt(buf[:0], s.is.At(i), 10)) {
			return
		}
	}
}

// random is a member of a set that is not empty, each as likely as any other.
func (s *set) random() []byte {
	if s.big != nil {
		return s.big.t.key(s.big.t.random())
	}
	return bi(s.is.At(rand.IntN(s.is.Len())))
}

// sample visits n distinct members, of which there are enough; each combination is
// as likely as any other.
func (s *set) sample(n int, visit func(member []byte)) {
	left := s.len()
	s.each(func(m []byte) bool {
		if rand.IntN(left) < n {
			visit(m)
			n--
		}
		left--
		return n > 0
	})
}

// loadSet makes a set of the reader's pieces.
func (e *Engine) loadSet(r *rdb.Reader) (value, error) {
	s := e.newSet()
	add := func(member []byte) error {
		if !s.add(member) {
			return errDuplicate
		}
		return nil
	}
	err := eachChunk(r, func(c rdb.Chunk) error {
		switch c.Encoding {
		case rdb.EncodedIntset:
			is := rdb.Intset(c.Data)
			if s.len() == 0 && int64(is.Len()) <= e.cfg.setMaxIntset {
				s.is = append(s.is[:0], is...)
				return nil
			}
			for i := range is.Len() {
				if err := add(bi(is.At(i))); err != nil {
					return err
				}
			}
		case rdb.EncodedListpack:
			lp := rdb.Listpack(c.Data)
			var buf [24]byte
			for pos := lp.First(); pos != lp.End(); pos = lp.Next(pos) {
				if err := add(element(lp, pos, &buf)); err != nil {
					return err
				}
			}
		default:
			return add(c.Data)
		}
		return nil
	})
	switch {
	case err != nil:
		s.release()
		return value{}, err
	case s.len() == 0:
		return value{}, nil
	}
	return s.value(), nil
}
