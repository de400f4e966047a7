package redisserver

import (
	"slices"

	"landings/internal/rdb"
)

// chunk is a piece of a quicklist.
type chunk struct {
	h     handle
	size  uint32 // bytes of the listpack in the block
	count uint32 // its elements
	taken bool   // the list's picture, while there is one, has the block too
}

// quicklist is a list with encQuicklist: a row of chunks, each a listpack in a
// block of the arena, none of them empty between commands. The row has room at
// both ends, so that both are reached and moved at the same small cost.
type quicklist struct {
	a     *arena
	row   []chunk // chunks in use from first on
	first int
	count int
	taken *listPicture // while it is saved, or nil
}

func (q *quicklist) chunks() []chunk { return q.row[q.first:] }

// lp is the listpack of chunk i, with the rest of its block for capacity.
func (q *quicklist) lp(i int) rdb.Listpack {
	c := q.chunks()[i]
	return rdb.Listpack(q.a.bytes(c.h)[:c.size])
}

// room gives chunk i a block for a listpack of n bytes.
func (q *quicklist) room(i, n int) rdb.Listpack {
	c := &q.chunks()[i]
	if n > len(q.a.bytes(c.h)) || c.taken && q.taken != nil {
		q.move(c, max(n, int(c.size)))
	}
	return q.lp(i)
}

// edit is lp, to be changed in place and given back with store.
func (q *quicklist) edit(i int) rdb.Listpack {
	if c := &q.chunks()[i]; c.taken && q.taken != nil {
		q.move(c, int(c.size))
	}
	return q.lp(i)
}

// free gives the block of a chunk free, or leaves it to the list's picture.
func (q *quicklist) free(c *chunk) {
	if c.taken && q.taken != nil {
		q.taken.blocks = append(q.taken.blocks, c.h)
	} else {
		q.a.free(c.h)
	}
	c.taken = false
}

func (q *quicklist) move(c *chunk, n int) {
	h := q.a.alloc(n)
	copy(q.a.bytes(h), q.a.bytes(c.h)[:c.size])
	q.free(c)
	c.h = h
}

// store notes that the listpack of chunk i was edited within its block.
func (q *quicklist) store(i int, lp rdb.Listpack) {
	c, n := &q.chunks()[i], lp.Len()
	q.count += n - int(c.count)
	c.size, c.count = uint32(len(lp)), uint32(n)
	if len(lp) < len(q.a.bytes(c.h))/2 {
		q.move(c, len(lp))
	}
}

// open puts a chunk with the elements of lp before chunk i.
func (q *quicklist) open(i int, lp rdb.Listpack) {
	c := chunk{h: q.a.alloc(len(lp)), size: uint32(len(lp)), count: uint32(lp.Len())}
	copy(q.a.bytes(c.h), lp)
	q.count += int(c.count)
	if i > 0 {
		q.row = slices.Insert(q.row, q.first+i, c)
		return
	}
	if q.first == 0 {
		room := len(q.row)/2 + 2
		row := make([]chunk, room+len(q.row))
		copy(row[room:], q.row)
		q.row, q.first = row, room
	}
	q.first--
	q.row[q.first] = c
}

// drop removes n chunks from i on.
func (q *quicklist) drop(i, n int) {
	for j := range n {
		c := &q.chunks()[i+j]
		q.free(c)
		q.count -= int(c.count)
	}
	if i > 0 {
		q.row = slices.Delete(q.row, q.first+i, q.first+i+n)
		return
	}
	q.first += n
	if q.first > 16 && q.first > len(q.row)/2 {
		q.row = append(make([]chunk, 0, len(q.chunks())+4), q.chunks()...)
		q.first = 0
	}
}

// sweep removes the chunks that were emptied.
func (q *quicklist) sweep() {
	kept := q.row[:q.first]
	for _, c := range q.chunks() {
		if c.count > 0 {
			kept = append(kept, c)
		} else {
			q.free(&c)
		}
	}
	q.row = kept
}

func (q *quicklist) release() {
	for i := range q.chunks() {
		q.free(&q.chunks()[i])
	}
	q.row, q.first, q.count, q.taken = nil, 0, 0, nil
}

// releaseSome frees all: a list has few blocks for its elements.
func (q *quicklist) releaseSome(n *int) bool {
	*n -= q.blocks()
	q.release()
	return true
}

func (q *quicklist) blocks() int { return len(q.chunks()) }

func (q *quicklist) memory(samples int) int {
	total, n := 0, 0
	for _, c := range q.chunks() {
		total += len(q.a.bytes(c.h))
		if n++; n == samples {
			break
		}
	}
	if n == 0 {
		return 0
	}
	return int(float64(total)/float64(n)*float64(len(q.chunks()))) + 16*cap(q.row)
}

func (q *quicklist) rdbType() rdb.Type { return rdb.TypeListQuicklist2 }

func (q *quicklist) save(p *pen) {
	(&listPicture{blocksLeft: blocksLeft{a: q.a}, row: q.chunks()}).save(p)
}

// listPicture is a list's: its chunks, whose blocks it may share with the list.
type listPicture struct {
	blocksLeft
	q   *quicklist
	row []chunk
}

func (q *quicklist) picture() picture {
	total := 0
	for _, c := range q.chunks() {
		if total += int(c.size); total > largeBytes {
			break
		}
	}
	if total <= largeBytes {
		return nil
	}
	for i := range q.chunks() {
		q.chunks()[i].taken = true
	}
	q.taken = &listPicture{blocksLeft: blocksLeft{a: q.a}, q: q, row: slices.Clone(q.chunks())}
	return q.taken
}

func (f *listPicture) save(p *pen) {
	p.Len(uint64(len(f.row)))
	for _, c := range f.row {
		switch lp := rdb.Listpack(f.a.bytes(c.h)[:c.size]); {
		case len(lp) > rdb.MaxListpack: // one huge element, which Redis keeps outside a listpack
			p.Plain(lp.AppendTo(nil, lp.First()))
		case len(lp) > largeBytes:
			p.PackedHead()
			p.blob(lp)
		default:
			p.Packed(lp)
		}
		if !p.rest() {
			return
		}
	}
}

func (f *listPicture) end() {
	f.row = nil
	if f.q.taken == f {
		f.q.taken = nil
	}
}

func (q *quicklist) clone() object {
	n := &quicklist{a: q.a}
	for i := range q.chunks() {
		n.open(i, q.lp(i))
	}
	return n
}

// chunkFits says whether a chunk of so many bytes and elements is within
// list-max-listpack-size. One element always is.
func (e *Engine) chunkFits(size, count int) bool {
	limit := e.cfg.listMaxSize
	switch {
	case count <= 1:
		return true
	case limit < 0:
		return size <= 4096<<(min(-limit, 5)-1)
	}
	return count <= int(min(limit, 1<<15-1)) && size <= 8192 // Redis keeps the second limit too
}

// list is a list of either encoding, as a handler sees it: a row of chunks. Small,
// it has one, which lies in the entry and may be empty.
type list struct {
	db  *database
	en  entry
	big *quicklist // nil: small
}

func (db *database) listOf(en entry) list {
	l := list{db: db, en: en}
	if en.enc() == encQuicklist {
		l.big = db.object(&en).(*quicklist)
	}
	return l
}

func (l *list) chunks() int {
	if l.big != nil {
		return len(l.big.chunks())
	}
	return 1
}

func (l *list) chunk(i int) rdb.Listpack {
	if l.big != nil {
		return l.big.lp(i)
	}
	return rdb.Listpack(l.en.bytes())
}

// edit is chunk, to be changed in place without growing, and given back with store.
func (l *list) edit(i int) rdb.Listpack {
	if l.big != nil {
		return l.big.edit(i)
	}
	return l.chunk(i)
}

func (l *list) chunkLen(i int) int {
	if l.big != nil {
		return int(l.big.chunks()[i].count)
	}
	return l.chunk(0).Len()
}

func (l *list) len() int {
	if l.big != nil {
		return l.big.count
	}
	return l.chunk(0).Len()
}

// room returns chunk i with capacity for n bytes, to be edited in place and given
// back with store.
func (l *list) room(i, n int) rdb.Listpack {
	if l.big != nil {
		return l.big.room(i, n)
	}
	old := l.en.len()
	if n > old {
		l.db.resize(&l.en, n, old, nil)
	}
	return rdb.Listpack(l.en.b[l.en.value : l.en.value+old])
}

func (l *list) store(i int, lp rdb.Listpack) {
	if l.big != nil {
		l.big.store(i, lp)
		return
	}
	l.db.resize(&l.en, len(lp), len(lp), nil)
}

// enlarge makes a small list a large one.
func (l *list) enlarge() {
	if l.big != nil {
		return
	}
	q := &quicklist{a: l.db.e.arena}
	q.open(0, l.chunk(0))
	l.db.setObject(&l.en, encQuicklist, q)
	l.big = q
}

// fits says whether chunk i has room for v.
func (l *list) fits(i int, v []byte) bool {
	lp := l.chunk(i)
	return l.db.e.chunkFits(len(lp)+lp.StringSize(v), l.chunkLen(i)+1)
}

// put inserts v into chunk i, at its end or else at its start.
func (l *list) put(i int, v []byte, atEnd bool) {
	lp := l.chunk(i)
	lp = l.room(i, len(lp)+lp.StringSize(v))
	pos := lp.First()
	if atEnd {
		pos = lp.End()
	}
	l.store(i, lp.Insert(pos, v))
}

// push adds v at one end.
func (l *list) push(v []byte, front bool) {
	last := l.chunks() - 1
	switch {
	case last >= 0 && front && l.fits(0, v):
		l.put(0, v, false)
	case last >= 0 && !front && l.fits(last, v):
		l.put(last, v, true)
	default:
		l.enlarge()
		i := 0
		if !front {
			i = last + 1
		}
		l.big.open(i, rdb.AppendListpack(nil).Append(v))
	}
}

// seek finds element index, which is there: its chunk and its place in it.
func (l *list) seek(index int) (i, pos int) {
	if l.big == nil {
		return 0, l.chunk(0).Seek(index)
	}
	row := l.big.chunks()
	if index < l.big.count/2 {
		for index >= int(row[i].count) {
			index -= int(row[i].count)
			i++
		}
	} else {
		i = len(row) - 1
		index -= l.big.count - int(row[i].count)
		for index < 0 {
			i--
			index += int(row[i].count)
		}
	}
	return i, l.big.lp(i).Seek(index)
}

// walk visits the elements from index on, forwards or backwards, until visit
// returns false.
func (l *list) walk(index int, backward bool, visit func(lp rdb.Listpack, pos int) bool) {
	if index < 0 || index >= l.len() {
		return
	}
	i, pos := l.seek(index)
	for {
		lp := l.chunk(i)
		if backward {
			for ; pos >= 0; pos = lp.Prev(pos) {
				if !visit(lp, pos) {
					return
				}
			}
			if i--; i < 0 {
				return
			}
			pos = l.chunk(i).Last()
		} else {
			for end := lp.End(); pos != end; pos = lp.Next(pos) {
				if !visit(lp, pos) {
					return
				}
			}
			if i++; i == l.chunks() {
				return
			}
			pos = l.chunk(i).First()
		}
	}
}

// remove deletes n elements, which are there, from index start on.
func (l *list) remove(start, n int) {
	if n == 0 {
		return
	}
	i, pos := l.seek(start)
	for n > 0 {
		whole := 0
		if l.big != nil && pos == l.chunk(i).First() {
			for n > 0 && i+whole < l.chunks() && l.chunkLen(i+whole) <= n {
				n -= l.chunkLen(i + whole)
				whole++
			}
		}
		if whole > 0 {
			l.big.drop(i, whole)
			continue
		}
		lp, before := l.edit(i), l.chunkLen(i)
		l.store(i, lp.Delete(pos, n))
		n -= before - l.chunkLen(i)
		if i++; n > 0 {
			pos = l.chunk(i).First()
		}
	}
}

// removeMatching deletes the first limit elements equal to v (0: all), counted
// from the end if backward, and returns how many there were.
func (l *list) removeMatching(v []byte, limit int64, backward bool) int64 {
	needle, removed := rdb.NewNeedle(v), int64(0)
	for k := range l.chunks() {
		i := k
		if backward {
			i = l.chunks() - 1 - k
		}
		lp, before := l.chunk(i), removed
		next := func(pos int) int { return lp.Find(pos, needle, 0) }
		pos := lp.First()
		if backward {
			next = func(pos int) int {
				for ; pos >= 0 && !lp.Matches(pos, needle); pos = lp.Prev(pos) {
				}
				return pos
			}
			pos = lp.Last()
		}
		for pos = next(pos); pos >= 0; pos = next(pos) {
			at := pos
			if backward {
				pos = lp.Prev(pos)
			}
			if removed == before {
				lp = l.edit(i)
			}
			lp = lp.Delete(at, 1)
			if removed++; removed == limit {
				break
			}
		}
		if removed > before {
			l.store(i, lp)
		}
		if removed == limit && limit != 0 {
			break
		}
	}
	if l.big != nil && removed > 0 {
		l.big.sweep()
	}
	return removed
}

// insert puts v before the place pos in chunk i, which may be the chunk's end.
func (l *list) insert(i, pos int, v []byte) {
	lp := l.chunk(i)
	if l.fits(i, v) {
		lp = l.room(i, len(lp)+lp.StringSize(v))
		l.store(i, lp.Insert(pos, v))
		return
	}
	l.enlarge()
	switch pos { // afterwards v belongs between the chunks i-1 and i
	case lp.First():
	case lp.End():
		i++
	default:
		l.split(i, pos)
		i++
	}
	switch {
	case i > 0 && l.fits(i-1, v):
		l.put(i-1, v, true)
	case i < l.chunks() && l.fits(i, v):
		l.put(i, v, false)
	default:
		l.big.open(i, rdb.AppendListpack(nil).Append(v))
	}
}

// split moves the elements of chunk i from pos on to a chunk of their own.
func (l *list) split(i, pos int) {
	lp, n := l.chunk(i), 0
	for p := lp.First(); p != pos; p = lp.Next(p) {
		n++
	}
	l.big.open(i+1, slices.Clone(lp).Delete(lp.First(), n))
	lp = l.edit(i)
	l.store(i, lp.Delete(pos, lp.Len()))
}

// replace puts v in place of the element at pos in chunk i.
func (l *list) replace(i, pos int, v []byte) {
	lp := l.chunk(i)
	n := len(lp) - (lp.Next(pos) - pos) + lp.StringSize(v)
	if l.db.e.chunkFits(n, l.chunkLen(i)) {
		l.store(i, l.room(i, n).Replace(pos, v))
		return
	}
	l.store(i, l.edit(i).Delete(pos, 1))
	l.insert(i, pos, v)
}

// newList is an empty list on its own, which grows by push.
func (e *Engine) newList() list {
	return list{db: &database{e: e}, big: &quicklist{a: e.arena}}
}

// value makes a list on its own the value of a key.
func (l *list) value() value {
	switch l.chunks() {
	case 0:
		return value{}
	case 1:
		small := slices.Clone(l.chunk(0))
		l.big.release()
		return value{kind: kindList, enc: encListpack, bytes: small}
	}
	return value{kind: kindList, enc: encQuicklist, obj: l.big}
}

// loadList makes a list of the reader's pieces.
func (e *Engine) loadList(r *rdb.Reader) (value, error) {
	l := e.newList()
	err := eachChunk(r, func(c rdb.Chunk) error {
		if c.Encoding != rdb.EncodedListpack {
			l.push(c.Data, false)
			return nil
		}
		lp := rdb.Listpack(c.Data)
		if e.chunkFits(len(lp), lp.Len()) {
			l.big.open(l.chunks(), lp)
			return nil
		}
		var buf [24]byte
		for pos := lp.First(); pos != lp.End(); pos = lp.Next(pos) {
			l.push(element(lp, pos, &buf), false)
		}
		return nil
	})
	if err != nil {
		l.big.release()
		return value{}, err
	}
	return l.value(), nil
}
