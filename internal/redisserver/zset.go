package redisserver

import (
	"bytes"
	"math"
	"strconv"

	"landings/internal/rdb"
)

// largeZset is a sorted set with encSkiplist, as Redis calls what it has in that
// place: a table member -> score and a tree in order. A block's header is the score.
type largeZset struct {
	t    *table
	tree ztree
}

func newLargeZset(a *arena) *largeZset {
	t := newTable(a, 8)
	return &largeZset{t: t, tree: ztree{t: t}}
}

func (o *largeZset) release() {
	o.tree.release()
	o.t.release()
}

func (o *largeZset) releaseSome(n *int) bool {
	return o.tree.releaseSome(n) && o.t.releaseSome(n)
}

func (o *largeZset) blocks() int { return o.t.count }

func (o *largeZset) memory(samples int) int {
	return o.t.memory() + blockMemory(o.t, samples) + o.tree.nodes()*znodeBytes
}

// clone is a set of its own with the same members.
func (o *largeZset) clone() object {
	c := newLargeZset(o.t.a)
	z := zset{big: o}
	for p := z.first(); p.ok(); p = z.next(p) {
		h, score := z.element(p)
		c.insert(o.t.key(h), score)
	}
	return c
}

func (o *largeZset) rdbType() rdb.Type { return rdb.TypeZSet2 }

// save writes the members from the last to the first, which is the order in which
// a skiplist takes them fastest; a picture's are in no order.
func (o *largeZset) save(p *pen) {
	p.Len(uint64(o.tree.count))
	z := zset{big: o}
	for at := z.last(); at.ok(); at = z.prev(at) {
		h, _ := z.element(at)
		o.emit(p, h)
	}
}

func (o *largeZset) emit(p *pen, h handle) {
	p.text(o.t.key(h))
	p.Float(o.score(h))
}

func (o *largeZset) picture() picture { return o.t.picture(o.emit) }

func (o *largeZset) score(h handle) float64 { return getFloat(o.t.a.bytes(h), 4) }

func (o *largeZset) setScore(h handle, old, score float64) {
	o.t.touch(h)
	o.tree.update(old, h, o.t.key(h), score)
	putFloat(o.t.a.bytes(h), 4, score)
}

// insert adds a member that is not there.
func (o *largeZset) insert(member []byte, score float64) {
	h, b, _ := o.t.insert(member, 0)
	putFloat(b, 4, score)
	o.tree.insert(score, h, member)
}

func (o *largeZset) remove(h handle) {
	o.tree.remove(o.score(h), o.t.key(h))
	o.t.remove(h)
}

// zset is a sorted set of either encoding, as a handler sees it.
type zset struct {
	e   *Engine
	db  *database // nil while it is not in one
	en  entry
	lp  rdb.Listpack // small: member, score, ... in order
	big *largeZset   // or large
}

func (db *database) zsetOf(en entry) zset {
	z := zset{e: db.e, db: db, en: en}
	if en.enc() == encListpack {
		z.lp = rdb.Listpack(en.bytes())
	} else {
		z.big = db.object(&en).(*largeZset)
	}
	return z
}

func (z *zset) len() int {
	if z.big != nil {
		return z.big.tree.count
	}
	return z.lp.Len() / 2
}

// zpos is a place in a sorted set: the offset of a member in the listpack, or a
// leaf of the tree and an index there. Changes void it.
type zpos struct {
	at   int // negative: noPlace
	leaf handle
}

var noPlace = zpos{at: -1}

func (p zpos) ok() bool { return p.at >= 0 }

func (z *zset) first() zpos { return z.nth(0) }
func (z *zset) last() zpos  { return z.nth(z.len() - 1) }

// nth is the place of a rank, noPlace if there is none.
func (z *zset) nth(rank int) zpos {
	if rank < 0 || rank >= z.len() {
		return noPlace
	}
	if z.big != nil {
		return z.big.tree.nth(rank)
	}
	return zpos{at: z.lp.Seek(2 * rank)}
}

func (z *zset) next(p zpos) zpos {
	if z.big == nil {
		if p.at = z.lp.Next(z.lp.Next(p.at)); p.at == z.lp.End() {
			return noPlace
		}
		return p
	}
	b := z.big.tree.bytes(p.leaf)
	if p.at++; p.at < zlen(b) {
		return p
	}
	if p.leaf = znext(b); p.leaf == 0 {
		return noPlace
	}
	return zpos{at: 0, leaf: p.leaf}
}

func (z *zset) prev(p zpos) zpos {
	if z.big == nil {
		if p.at = z.lp.Prev(p.at); p.at < 0 {
			return noPlace
		}
		return zpos{at: z.lp.Prev(p.at)}
	}
	if p.at > 0 {
		p.at--
		return p
	}
	if p.leaf = zprev(z.big.tree.bytes(p.leaf)); p.leaf == 0 {
		return noPlace
	}
	return zpos{at: zlen(z.big.tree.bytes(p.leaf)) - 1, leaf: p.leaf}
}

// step is next, or prev in reverse.
func (z *zset) step(p zpos, reverse bool) zpos {
	if reverse {
		return z.prev(p)
	}
	return z.next(p)
}

// element is the block and score at a place of a large set.
func (z *zset) element(p zpos) (handle, float64) {
	b := z.big.tree.bytes(p.leaf)
	return zhandle(b, p.at), zscore(b, p.at)
}

// member is the member at a place; it may lie in buf.
func (z *zset) member(p zpos, buf *[24]byte) []byte {
	if z.big == nil {
		return element(z.lp, p.at, buf)
	}
	return z.big.t.key(zhandle(z.big.tree.bytes(p.leaf), p.at))
}

func (z *zset) score(p zpos) float64 {
	if z.big == nil {
		return packedScore(z.lp, z.lp.Next(p.at))
	}
	return zscore(z.big.tree.bytes(p.leaf), p.at)
}

// packedScore reads a score in a listpack.
func packedScore(lp rdb.Listpack, pos int) float64 {
	s, n, isInt := lp.Get(pos)
	if isInt {
		return float64(n)
	}
	f, _ := parseDouble(s) // out of range: the nearest there is
	return f
}

// find is the place of a member in a small set.
func (z *zset) find(member []byte) zpos {
	return zpos{at: z.lp.Find(z.lp.First(), rdb.NewNeedle(member), 1)}
}

// scoreOf is the score of a member.
func (z *zset) scoreOf(member []byte) (float64, bool) {
	if z.big != nil {
		h := z.big.t.find(member)
		if h == 0 {
			return 0, false
		}
		return z.big.score(h), true
	}
	p := z.find(member)
	if !p.ok() {
		return 0, false
	}
	return z.score(p), true
}

// rankOf is how many members come before a member; false if it is not there.
func (z *zset) rankOf(member []byte) (int, bool) {
	if z.big != nil {
		h := z.big.t.find(member)
		if h == 0 {
			return 0, false
		}
		return z.big.tree.rank(z.big.score(h), member), true
	}
	needle, rank := rdb.NewNeedle(member), 0
	for p := z.first(); p.ok(); p = z.next(p) {
		if z.lp.Matches(p.at, needle) {
			return rank, true
		}
		rank++
	}
	return 0, false
}

// zaddMode is what ZADD's options ask.
type zaddMode struct{ incr, nx, xx, gt, lt bool }

// zaddResult is what became of one member.
type zaddResult uint8

const (
	zaddNothing zaddResult = iota // an option forbade it
	zaddSame                      // it has that score already
	zaddNew
	zaddUpdated
	zaddNaN
)

// decide computes the score that a present member would get.
func (m zaddMode) decide(old, score float64) (float64, zaddResult) {
	if m.nx {
		return 0, zaddNothing
	}
	if m.incr {
		if score += old; math.IsNaN(score) {
			return 0, zaddNaN
		}
	}
	switch {
	case m.lt && score >= old, m.gt && score <= old:
		return 0, zaddNothing
	case score == old:
		return score, zaddSame
	}
	return score, zaddUpdated
}

// add adds a member or changes its score, and returns the score. The set may change
// its encoding.
func (z *zset) add(member []byte, score float64, mode zaddMode) (float64, zaddResult) {
	if z.big == nil {
		if p := z.find(member); p.ok() {
			now, result := mode.decide(z.score(p), score)
			if result == zaddUpdated {
				lp := z.edit().Delete(p.at, 2)
				z.store(insertPacked(lp, packedPlace(lp, member, now), member, now))
			}
			return now, result
		}
		if mode.xx {
			return 0, zaddNothing
		}
		cfg := &z.e.cfg
		if int64(z.len()) < cfg.zsetMaxEntries && int64(len(member)) <= cfg.zsetMaxValue && len(z.lp)+len(member) < rdb.MaxListpack {
			lp := z.edit()
			z.store(insertPacked(lp, packedPlace(lp, member, score), member, score))
			return score, zaddNew
		}
		z.convert()
	}
	if h := z.big.t.find(member); h != 0 {
		old := z.big.score(h)
		now, result := mode.decide(old, score)
		if result == zaddUpdated {
			z.big.setScore(h, old, now)
		}
		return now, result
	}
	if mode.xx {
		return 0, zaddNothing
	}
	z.big.insert(member, score)
	return score, zaddNew
}

// packedPlace is where a new member belongs in a listpack.
func packedPlace(lp rdb.Listpack, member []byte, score float64) int {
	var buf [24]byte
	p := lp.First()
	for p != lp.End() {
		q := lp.Next(p)
		s := packedScore(lp, q)
		if s > score || s == score && bytes.Compare(element(lp, p, &buf), member) > 0 {
			break
		}
		p = lp.Next(q)
	}
	return p
}

func insertPacked(lp rdb.Listpack, at int, member []byte, score float64) rdb.Listpack {
	lp = lp.Insert(at, member)
	at = lp.Next(at)
	if n, ok := wholeScore(score); ok {
		return lp.InsertInt(at, n)
	}
	var buf [40]byte
	return lp.Insert(at, appendDouble(buf[:0], score))
}

// wholeScore is a score as the integer that a listpack keeps. Minus zero loses its
// sign, as in Redis.
func wholeScore(score float64) (int64, bool) {
	if score < -math.MaxInt64/2 || score > math.MaxInt64/2 {
		return 0, false
	}
	n := int64(score)
	return n, float64(n) == score
}

// edit is the listpack to be changed and given to store.
func (z *zset) edit() rdb.Listpack {
	if z.db == nil {
		return z.lp
	}
	return z.e.edit(z.lp)
}

func (z *zset) store(lp rdb.Listpack) {
	if z.db == nil {
		z.lp = lp
		return
	}
	z.db.setBytes(&z.en, encListpack, lp)
	z.lp = rdb.Listpack(z.en.bytes())
	z.e.keepScratch(lp)
}

// convert makes a small set large.
func (z *zset) convert() {
	big := newLargeZset(z.e.arena)
	var buf [24]byte
	for p := z.first(); p.ok(); p = z.next(p) {
		big.insert(z.member(p, &buf), z.score(p))
	}
	if z.db != nil {
		z.db.setObject(&z.en, encSkiplist, big)
	}
	z.lp, z.big = nil, big
}

// remove says whether the member was there.
func (z *zset) remove(member []byte) bool {
	if z.big != nil {
		h := z.big.t.find(member)
		if h == 0 {
			return false
		}
		z.big.remove(h)
		return true
	}
	p := z.find(member)
	if !p.ok() {
		return false
	}
	z.store(z.edit().Delete(p.at, 2))
	return true
}

// removeRange removes n members from a rank on.
func (z *zset) removeRange(rank, n int) {
	if z.big == nil {
		z.store(z.edit().Delete(z.lp.Seek(2*rank), 2*n))
		return
	}
	for ; n > 0; n-- {
		h, _ := z.element(z.nth(rank))
		z.big.remove(h)
	}
}

// value is a set that is in no database as a value for a key.
func (z *zset) value() value {
	switch {
	case z.len() == 0:
		return value{}
	case z.big != nil:
		return value{kind: kindZSet, enc: encSkiplist, obj: z.big}
	}
	return value{kind: kindZSet, enc: encListpack, bytes: z.lp}
}

// shrink makes a large set small if it is within the limits. longest is the length of
// its longest member.
func (z *zset) shrink(longest int) {
	if int64(z.len()) > z.e.cfg.zsetMaxEntries || int64(longest) > z.e.cfg.zsetMaxValue {
		return
	}
	lp := rdb.AppendListpack(nil)
	for p := z.first(); p.ok(); p = z.next(p) {
		h, score := z.element(p)
		lp = insertPacked(lp, lp.End(), z.big.t.key(h), score)
	}
	z.big.release()
	z.lp, z.big = lp, nil
}

// loadZset reads a sorted set of a file.
func (e *Engine) loadZset(r *rdb.Reader) (value, error) {
	z := zset{e: e, lp: rdb.AppendListpack(nil)}
	longest := 0
	add := func(member []byte, score float64) error {
		if z.big == nil {
			z.convert()
		}
		if z.big.t.find(member) != 0 {
			return errDuplicate
		}
		z.big.insert(member, score)
		longest = max(longest, len(member))
		return nil
	}
	packed := false
	err := eachChunk(r, func(c rdb.Chunk) error {
		if c.Encoding != rdb.EncodedListpack {
			return add(c.Data, c.Score)
		}
		lp := rdb.Listpack(c.Data)
		if z.len() == 0 && e.zsetFits(lp) {
			z.lp = append(z.lp[:0], lp...)
			packed = true
			return nil
		}
		for p := lp.First(); p != lp.End(); p = lp.Next(p) {
			var buf [24]byte
			member := element(lp, p, &buf)
			p = lp.Next(p)
			if err := add(member, packedScore(lp, p)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		if z.big != nil {
			z.big.release()
		}
		return value{}, err
	}
	if !packed && z.big != nil {
		z.shrink(longest)
	}
	return z.value(), nil
}

// zsetFits says whether a listpack may stay one: it is small, in order, and holds no
// member twice.
func (e *Engine) zsetFits(lp rdb.Listpack) bool {
	n := lp.Len() / 2
	if int64(n) > e.cfg.zsetMaxEntries || n > 256 {
		return false // member by member
	}
	var bufs [2][24]byte
	var prev []byte
	last := math.Inf(-1)
	for i, p := 0, lp.First(); p != lp.End(); i++ {
		q := lp.Next(p)
		member, score := element(lp, p, &bufs[i&1]), packedScore(lp, q)
		p = lp.Next(q)
		if i > 0 && (score < last || score == last && bytes.Compare(prev, member) >= 0) ||
			lp.Find(p, rdb.NewNeedle(member), 1) >= 0 {
			return false
		}
		prev, last = member, score
	}
	return true
}

// zinterval is a range of scores, or of members in a set whose scores are equal.
type zinterval struct {
	lex          bool
	min, max     float64
	minLex       zlexBound
	maxLex       zlexBound
	minEx, maxEx bool
}

// zlexBound is a member, or lower (-1) or higher (1) than every member.
type zlexBound struct {
	extreme int
	member  []byte
}

func (b zlexBound) compare(member []byte) int {
	if b.extreme != 0 {
		return b.extreme
	}
	return bytes.Compare(b.member, member)
}

// parseScoreInterval reads the bounds of ZRANGEBYSCORE.
func parseScoreInterval(low, high []byte) (r zinterval, ok bool) {
	if r.min, r.minEx, ok = parseScoreBound(low); ok {
		r.max, r.maxEx, ok = parseScoreBound(high)
	}
	return r, ok
}

// parseScoreBound reads a number with an optional parenthesis that excludes it. It
// forgives what C's strtod forgives there: leading spaces, nothing at all, whatever
// follows a zero byte, numbers out of range.
func parseScoreBound(b []byte) (f float64, exclusive, ok bool) {
	if len(b) > 0 && b[0] == '(' {
		b, exclusive = b[1:], true
	}
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	if len(b) == 0 {
		return 0, exclusive, true
	}
	f, st := parseDouble(bytes.TrimLeft(b, " \t\n\v\f\r"))
	return f, exclusive, st != doubleInvalid
}

// parseLexInterval reads the bounds of ZRANGEBYLEX.
func parseLexInterval(low, high []byte) (r zinterval, ok bool) {
	r.lex = true
	if r.minLex, r.minEx, ok = parseLexBound(low); ok {
		r.maxLex, r.maxEx, ok = parseLexBound(high)
	}
	return r, ok
}

func parseLexBound(b []byte) (bound zlexBound, exclusive, ok bool) {
	if len(b) == 0 {
		return bound, false, false
	}
	switch b[0] {
	case '-', '+':
		bound.extreme = 1
		if b[0] == '-' {
			bound.extreme = -1
		}
		return bound, true, len(b) == 1 || b[1] == 0
	case '(', '[':
		return zlexBound{member: b[1:]}, b[0] == '(', true
	}
	return bound, false, false
}

// void says that nothing can be in the range.
func (r *zinterval) void() bool {
	if !r.lex {
		return r.min > r.max || r.min == r.max && (r.minEx || r.maxEx)
	}
	c := 0
	switch {
	case r.minLex.extreme != r.maxLex.extreme:
		c = r.minLex.extreme - r.maxLex.extreme
	case r.minLex.extreme == 0:
		c = bytes.Compare(r.minLex.member, r.maxLex.member)
	}
	return c > 0 || c == 0 && (r.minEx || r.maxEx)
}

// reaches says that an element is not below the range.
func (r *zinterval) reaches(score float64, member []byte) bool {
	if r.lex {
		c := r.minLex.compare(member)
		return c < 0 || c == 0 && !r.minEx
	}
	return score > r.min || score == r.min && !r.minEx
}

// within says that an element is not above the range.
func (r *zinterval) within(score float64, member []byte) bool {
	if r.lex {
		c := r.maxLex.compare(member)
		return c > 0 || c == 0 && !r.maxEx
	}
	return score < r.max || score == r.max && !r.maxEx
}

func (z *zset) reaches(r *zinterval, p zpos) bool {
	if r.lex {
		var buf [24]byte
		return r.reaches(0, z.member(p, &buf))
	}
	return r.reaches(z.score(p), nil)
}

func (z *zset) within(r *zinterval, p zpos) bool {
	if r.lex {
		var buf [24]byte
		return r.within(0, z.member(p, &buf))
	}
	return r.within(z.score(p), nil)
}

// touches says whether the range can hold any of the set. In a set of differing scores
// a range of members means nothing; it then answers as Redis does.
func (z *zset) touches(r *zinterval) bool {
	return !r.void() && z.reaches(r, z.last()) && z.within(r, z.first())
}

// firstIn is the first element in a range, with its rank.
func (z *zset) firstIn(r *zinterval) (p zpos, rank int) {
	if !z.touches(r) {
		return noPlace, 0
	}
	if z.big != nil {
		p, rank = z.big.tree.seek(func(score float64, h handle) bool { return !z.blockReaches(r, score, h) })
	} else {
		for p = z.first(); p.ok() && !z.reaches(r, p); p = z.next(p) {
			rank++
		}
	}
	if !p.ok() || !z.within(r, p) {
		return noPlace, 0
	}
	return p, rank
}

// lastIn is the last element in a range, with its rank.
func (z *zset) lastIn(r *zinterval) (p zpos, rank int) {
	if !z.touches(r) {
		return noPlace, 0
	}
	if z.big != nil {
		_, rank = z.big.tree.seek(func(score float64, h handle) bool { return z.blockWithin(r, score, h) })
		rank--
		p = z.nth(rank)
	} else {
		rank = z.len() - 1
		for p = z.last(); p.ok() && !z.within(r, p); p = z.prev(p) {
			rank--
		}
	}
	if !p.ok() || !z.reaches(r, p) {
		return noPlace, 0
	}
	return p, rank
}

func (z *zset) blockReaches(r *zinterval, score float64, h handle) bool {
	if r.lex {
		return r.reaches(0, z.big.t.key(h))
	}
	return r.reaches(score, nil)
}

func (z *zset) blockWithin(r *zinterval, score float64, h handle) bool {
	if r.lex {
		return r.within(0, z.big.t.key(h))
	}
	return r.within(score, nil)
}

// countIn is how many elements from the first of a range on are in it, and the
// first one's rank.
func (z *zset) countIn(r *zinterval) (rank, n int) {
	p, rank := z.firstIn(r)
	if !p.ok() {
		return 0, 0
	}
	if z.big != nil {
		last, end := z.lastIn(r)
		if !last.ok() {
			return rank, z.len() - rank
		}
		return rank, end - rank + 1
	}
	for p.ok() && z.within(r, p) {
		n++
		p = z.next(p)
	}
	return rank, n
}

// doubleState is what parseDouble says of its input.
type doubleState uint8

const (
	doubleOK doubleState = iota
	doubleRange
	doubleInvalid
)

// parseDouble reads the whole of b as C's strtod does: decimal or hexadecimal, with
// inf and infinity, without nan. A number too large becomes an infinity and one too
// small zero, both with doubleRange.
func parseDouble(b []byte) (float64, doubleState) {
	if n := len(b); n > 0 && n <= 15 { // short whole numbers
		v, i := int64(0), 0
		if b[0] == '-' {
			i = 1
		}
		for ; i < n && b[i]-'0' <= 9; i++ {
			v = v*10 + int64(b[i]-'0')
		}
		if i == n && (b[0] != '-' || n > 1 && v != 0) {
			if b[0] == '-' {
				v = -v
			}
			return float64(v), doubleOK
		}
	}
	digits := b
	if len(digits) > 0 && (digits[0] == '-' || digits[0] == '+') {
		digits = digits[1:]
	}
	if len(digits) == 0 {
		return 0, doubleInvalid
	}
	if is(digits, "inf") || is(digits, "infinity") {
		if b[0] == '-' {
			return math.Inf(-1), doubleOK
		}
		return math.Inf(1), doubleOK
	}
	s := string(b)
	end := "eE"
	if len(digits) > 1 && digits[0] == '0' && digits[1]|0x20 == 'x' {
		end = "pP"
		if !bytes.ContainsAny(digits, end) {
			s += "p0" // C needs no exponent
		}
		digits = digits[2:]
	}
	if c := digits[:min(1, len(digits))]; len(c) == 0 || c[0] != '.' && !isHexDigit(c[0]) || bytes.IndexByte(digits, '_') >= 0 {
		return 0, doubleInvalid
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		if math.IsInf(f, 0) {
			return f, doubleRange
		}
		return 0, doubleInvalid
	}
	if f == 0 {
		if i := bytes.IndexAny(digits, end); i >= 0 {
			digits = digits[:i]
		}
		if len(bytes.Trim(digits, "0.")) > 0 {
			return f, doubleRange
		}
	}
	return f, doubleOK
}

func isHexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// doubleArg reads a number that a command takes, or writes the error.
func (c *client) doubleArg(arg []byte, text string) (float64, bool) {
	f, st := parseDouble(arg)
	if st != doubleOK {
		c.err(text)
		return 0, false
	}
	return f, true
}
