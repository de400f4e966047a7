package redisserver

import "landings/internal/rdb"

// zrangeBy is in what terms a range is given.
type zrangeBy uint8

const (
	zrangeAny zrangeBy = iota // an option may say
	zrangeRank
	zrangeScore
	zrangeLex
)

// zrangeQuery is the arguments of ZRANGE and its relatives.
type zrangeQuery struct {
	by            zrangeBy
	reverse       bool
	scores        bool
	start, stop   int64 // by rank
	interval      zinterval
	offset, limit int64 // a negative limit is none
}

func cmdZrange(e *Engine, c *client, args [][]byte) {
	e.zrange(c, args[1:], zrangeQuery{}, true)
}

func cmdZrevrange(e *Engine, c *client, args [][]byte) {
	e.zrange(c, args[1:], zrangeQuery{by: zrangeRank, reverse: true}, false)
}

func cmdZrangebyscore(e *Engine, c *client, args [][]byte) {
	e.zrange(c, args[1:], zrangeQuery{by: zrangeScore}, false)
}

func cmdZrevrangebyscore(e *Engine, c *client, args [][]byte) {
	e.zrange(c, args[1:], zrangeQuery{by: zrangeScore, reverse: true}, false)
}

func cmdZrangebylex(e *Engine, c *client, args [][]byte) {
	e.zrange(c, args[1:], zrangeQuery{by: zrangeLex}, false)
}

func cmdZrevrangebylex(e *Engine, c *client, args [][]byte) {
	e.zrange(c, args[1:], zrangeQuery{by: zrangeLex, reverse: true}, false)
}

// zrangeArgs reads min max [BYSCORE|BYLEX] [REV] [WITHSCORES] [LIMIT offset count],
// or writes the error. open: the direction may be said.
func (c *client) zrangeArgs(args [][]byte, q zrangeQuery, open, store bool) (zrangeQuery, bool) {
	fail := func(text string) (zrangeQuery, bool) {
		c.err(text)
		return q, false
	}
	q.limit = -1
	var ok bool
	for i := 2; i < len(args); i++ {
		switch {
		case !store && is(args[i], "withscores"):
			q.scores = true
		case is(args[i], "limit") && i+2 < len(args):
			if q.offset, ok = parseInt(args[i+1]); !ok {
				return fail(errNotInt)
			}
			if q.limit, ok = parseInt(args[i+2]); !ok {
				return fail(errNotInt)
			}
			i += 2
		case open && !q.reverse && is(args[i], "rev"):
			q.reverse = true
		case q.by == zrangeAny && is(args[i], "bylex"):
			q.by = zrangeLex
		case q.by == zrangeAny && is(args[i], "byscore"):
			q.by = zrangeScore
		default:
			return fail(errSyntax)
		}
	}
	if q.by == zrangeAny {
		q.by = zrangeRank
	}
	if q.limit != -1 && q.by == zrangeRank {
		return fail("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX")
	}
	if q.scores && q.by == zrangeLex {
		return fail("ERR syntax error, WITHSCORES not supported in combination with BYLEX")
	}
	low, high := args[0], args[1]
	if q.reverse && q.by != zrangeRank {
		low, high = high, low
	}
	switch q.by {
	case zrangeRank:
		if q.start, ok = parseInt(low); !ok {
			return fail(errNotInt)
		}
		if q.stop, ok = parseInt(high); !ok {
			return fail(errNotInt)
		}
	case zrangeScore:
		if q.interval, ok = parseScoreInterval(low, high); !ok {
			return fail("ERR min or max is not a float")
		}
	case zrangeLex:
		if q.interval, ok = parseLexInterval(low, high); !ok {
			return fail("ERR min or max not valid string range item")
		}
	}
	return q, true
}

// each visits the elements that the query asks for.
func (q *zrangeQuery) each(z *zset, visit func(p zpos)) {
	if q.by == zrangeRank {
		rank, n := rankRange(q.start, q.stop, z.len())
		if q.reverse {
			rank = z.len() - 1 - rank
		}
		if n == 0 {
			return
		}
		for p := z.nth(rank); n > 0; n-- {
			visit(p)
			p = z.step(p, q.reverse)
		}
		return
	}
	if q.offset < 0 || q.offset >= int64(z.len()) {
		return
	}
	p, rank := z.firstIn(&q.interval)
	if q.reverse {
		p, rank = z.lastIn(&q.interval)
	}
	if p.ok() && q.offset > 0 {
		if q.reverse {
			p = z.nth(rank - int(q.offset))
		} else {
			p = z.nth(rank + int(q.offset))
		}
	}
	for n := q.limit; n != 0 && p.ok(); n-- {
		if q.reverse && !z.reaches(&q.interval, p) || !q.reverse && !z.within(&q.interval, p) {
			break
		}
		visit(p)
		p = z.step(p, q.reverse)
	}
}

// rankRange turns bounds that may count from the end into the first rank and a
// number of elements.
func rankRange(start, stop int64, length int) (rank, n int) {
	l := int64(length)
	if start < 0 {
		start = max(0, start+l)
	}
	if stop < 0 {
		stop += l
	}
	if start > stop || start >= l {
		return 0, 0
	}
	return int(start), int(min(stop, l-1) - start + 1)
}

// zrange executes ZRANGE and its relatives: args are key min max and options.
func (e *Engine) zrange(c *client, args [][]byte, q zrangeQuery, open bool) {
	q, ok := c.zrangeArgs(args[1:], q, open, false)
	if !ok {
		return
	}
	z, ok := c.readZset(args[0], c.noElements)
	if !ok {
		return
	}
	out := zreply{c: c, z: &z, scores: q.scores}
	place, n := c.deferred(), int64(0)
	q.each(&z, func(p zpos) { out.emit(p); n++ })
	c.fill(place, func() { out.header(n) })
}

func cmdZrangestore(e *Engine, c *client, args [][]byte) {
	q, ok := c.zrangeArgs(args[3:], zrangeQuery{}, true, true)
	if !ok {
		return
	}
	dst := zset{e: e, lp: rdb.AppendListpack(nil)}
	en := c.db.lookup(args[2])
	if en.exists() {
		z, ok := c.zsetOf(en)
		if !ok {
			return
		}
		if q.by == zrangeRank {
			if _, n := rankRange(q.start, q.stop, z.len()); int64(n) > e.cfg.zsetMaxEntries {
				dst.convert()
			}
		}
		var buf [24]byte
		q.each(&z, func(p zpos) { dst.add(z.member(p, &buf), z.score(p), zaddMode{}) })
	}
	n := dst.len()
	c.storeZset(args[1], &dst, "zrangestore")
	c.int(int64(n))
}

func cmdZcount(e *Engine, c *client, args [][]byte) {
	r, ok := parseScoreInterval(args[2], args[3])
	if !ok {
		c.err("ERR min or max is not a float")
		return
	}
	if z, ok := c.readZset(args[1], c.zero); ok {
		_, n := z.countIn(&r)
		c.int(int64(n))
	}
}

func cmdZlexcount(e *Engine, c *client, args [][]byte) {
	r, ok := parseLexInterval(args[2], args[3])
	if !ok {
		c.err("ERR min or max not valid string range item")
		return
	}
	if z, ok := c.readZset(args[1], c.zero); ok {
		_, n := z.countIn(&r)
		c.int(int64(n))
	}
}

func cmdZremrangebyrank(e *Engine, c *client, args [][]byte) {
	start, ok := parseInt(args[2])
	stop, ok2 := parseInt(args[3])
	if !ok || !ok2 {
		c.err(errNotInt)
		return
	}
	e.zremrange(c, args[1], "zremrangebyrank", func(z *zset) (int, int) { return rankRange(start, stop, z.len()) })
}

func cmdZremrangebyscore(e *Engine, c *client, args [][]byte) {
	r, ok := parseScoreInterval(args[2], args[3])
	if !ok {
		c.err("ERR min or max is not a float")
		return
	}
	e.zremrange(c, args[1], "zremrangebyscore", func(z *zset) (int, int) { return z.countIn(&r) })
}

func cmdZremrangebylex(e *Engine, c *client, args [][]byte) {
	r, ok := parseLexInterval(args[2], args[3])
	if !ok {
		c.err("ERR min or max not valid string range item")
		return
	}
	e.zremrange(c, args[1], "zremrangebylex", func(z *zset) (int, int) { return z.countIn(&r) })
}

// zremrange removes what which says: a rank and a number of members.
func (e *Engine) zremrange(c *client, key []byte, event string, which func(z *zset) (rank, n int)) {
	en := c.db.lookupWrite(key)
	if !en.exists() {
		c.int(0)
		return
	}
	z, ok := c.zsetOf(en)
	if !ok {
		return
	}
	rank, n := which(&z)
	if n > 0 {
		z.removeRange(rank, n)
		c.removed(&z, key, event, n)
	}
	c.int(int64(n))
}
