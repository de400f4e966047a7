package redisserver

import (
	"math"
	"math/rand/v2"
	"time"

	"landings/internal/rdb"
)

func zsetCommands() []command {
	return []command{
		{name: "bzmpop", arity: -5, flags: "write blocking movablekeys", keys: "0 0 0", spec: "RW access delete | index 2 | keynum 0 1 1", cats: "sortedset", since: "7.0.0", do: cmdBzmpop},
		{name: "bzpopmax", arity: -3, flags: "write noscript blocking fast", keys: "1 -2 1", spec: "RW access delete", cats: "sortedset", since: "5.0.0", do: cmdBzpopmax},
		{name: "bzpopmin", arity: -3, flags: "write noscript blocking fast", keys: "1 -2 1", spec: "RW access delete", cats: "sortedset", since: "5.0.0", do: cmdBzpopmin},
		{name: "zadd", arity: -4, flags: "write denyoom fast", keys: "1 1 1", spec: "RW update", cats: "sortedset", since: "1.2.0", do: cmdZadd},
		{name: "zcard", arity: 2, flags: "readonly fast", keys: "1 1 1", spec: "RO", cats: "sortedset", since: "1.2.0", do: cmdZcard},
		{name: "zcount", arity: 4, flags: "readonly fast", keys: "1 1 1", spec: "RO access", cats: "sortedset", since: "2.0.0", do: cmdZcount},
		{name: "zdiff", arity: -3, flags: "readonly movablekeys", keys: "0 0 0", spec: "RO access | index 1 | keynum 0 1 1", cats: "sortedset", since: "6.2.0", do: cmdZdiff},
		{name: "zdiffstore", arity: -4, flags: "write denyoom movablekeys", keys: "1 1 1", spec: "OW update | index 1 | range 0 1 0; RO access | index 2 | keynum 0 1 1", cats: "sortedset", since: "6.2.0", do: cmdZdiffstore},
		{name: "zincrby", arity: 4, flags: "write denyoom fast", keys: "1 1 1", spec: "RW access update", cats: "sortedset", since: "1.2.0", do: cmdZincrby},
		{name: "zinter", arity: -3, flags: "readonly movablekeys", keys: "0 0 0", spec: "RO access | index 1 | keynum 0 1 1", cats: "sortedset", since: "6.2.0", do: cmdZinter},
		{name: "zintercard", arity: -3, flags: "readonly movablekeys", keys: "0 0 0", spec: "RO access | index 1 | keynum 0 1 1", cats: "sortedset", since: "7.0.0", do: cmdZintercard},
		{name: "zinterstore", arity: -4, flags: "write denyoom movablekeys", keys: "1 1 1", spec: "OW update | index 1 | range 0 1 0; RO access | index 2 | keynum 0 1 1", cats: "sortedset", since: "2.0.0", do: cmdZinterstore},
		{name: "zlexcount", arity: 4, flags: "readonly fast", keys: "1 1 1", spec: "RO access", cats: "sortedset", since: "2.8.9", do: cmdZlexcount},
		{name: "zmpop", arity: -4, flags: "write movablekeys", keys: "0 0 0", spec: "RW access delete | index 1 | keynum 0 1 1", cats: "sortedset", since: "7.0.0", do: cmdZmpop},
		{name: "zmscore", arity: -3, flags: "readonly fast", keys: "1 1 1", spec: "RO access", cats: "sortedset", since: "6.2.0", do: cmdZmscore},
		{name: "zpopmax", arity: -2, flags: "write fast", keys: "1 1 1", spec: "RW access delete", cats: "sortedset", since: "5.0.0", do: cmdZpopmax},
		{name: "zpopmin", arity: -2, flags: "write fast", keys: "1 1 1", spec: "RW access delete", cats: "sortedset", since: "5.0.0", do: cmdZpopmin},
		{name: "zrandmember", arity: -2, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "sortedset", tips: "nondeterministic_output", since: "6.2.0", do: cmdZrandmember},
		{name: "zrange", arity: -4, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "sortedset", since: "1.2.0", do: cmdZrange},
		{name: "zrangebylex", arity: -4, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "sortedset", since: "2.8.9", do: cmdZrangebylex},
		{name: "zrangebyscore", arity: -4, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "sortedset", since: "1.0.5", do: cmdZrangebyscore},
		{name: "zrangestore", arity: -5, flags: "write denyoom", keys: "1 2 1", spec: "OW update | index 1 | range 0 1 0; RO access | index 2 | range 0 1 0", cats: "sortedset", since: "6.2.0", do: cmdZrangestore},
		{name: "zrank", arity: 3, flags: "readonly fast", keys: "1 1 1", spec: "RO access", cats: "sortedset", since: "2.0.0", do: cmdZrank},
		{name: "zrem", arity: -3, flags: "write fast", keys: "1 1 1", spec: "RW delete", cats: "sortedset", since: "1.2.0", do: cmdZrem},
		{name: "zremrangebylex", arity: 4, flags: "write", keys: "1 1 1", spec: "RW delete", cats: "sortedset", since: "2.8.9", do: cmdZremrangebylex},
		{name: "zremrangebyrank", arity: 4, flags: "write", keys: "1 1 1", spec: "RW delete", cats: "sortedset", since: "2.0.0", do: cmdZremrangebyrank},
		{name: "zremrangebyscore", arity: 4, flags: "write", keys: "1 1 1", spec: "RW delete", cats: "sortedset", since: "1.2.0", do: cmdZremrangebyscore},
		{name: "zrevrange", arity: -4, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "sortedset", since: "1.2.0", do: cmdZrevrange},
		{name: "zrevrangebylex", arity: -4, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "sortedset", since: "2.8.9", do: cmdZrevrangebylex},
		{name: "zrevrangebyscore", arity: -4, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "sortedset", since: "2.2.0", do: cmdZrevrangebyscore},
		{name: "zrevrank", arity: 3, flags: "readonly fast", keys: "1 1 1", spec: "RO access", cats: "sortedset", since: "2.0.0", do: cmdZrevrank},
		{name: "zscan", arity: -3, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "sortedset", tips: "nondeterministic_output", since: "2.8.0", do: cmdZscan},
		{name: "zscore", arity: 3, flags: "readonly fast", keys: "1 1 1", spec: "RO access", cats: "sortedset", since: "1.2.0", do: cmdZscore},
		{name: "zunion", arity: -3, flags: "readonly movablekeys", keys: "0 0 0", spec: "RO access | index 1 | keynum 0 1 1", cats: "sortedset", since: "6.2.0", do: cmdZunion},
		{name: "zunionstore", arity: -4, flags: "write denyoom movablekeys", keys: "1 1 1", spec: "OW update | index 1 | range 0 1 0; RO access | index 2 | keynum 0 1 1", cats: "sortedset", since: "2.0.0", do: cmdZunionstore},
	}
}

// readZset finds a sorted set to read. If there is none it returns false after
// writing an error, for a key of another type, or calling absent.
func (c *client) readZset(key []byte, absent func()) (zset, bool) {
	en := c.db.lookup(key)
	if !en.exists() {
		absent()
		return zset{}, false
	}
	return c.zsetOf(en)
}

// zsetOf is the sorted set of a key that is there, or the error is written.
func (c *client) zsetOf(en entry) (zset, bool) {
	if en.kind() != kindZSet {
		c.err(errWrongType)
		return zset{}, false
	}
	return c.db.zsetOf(en), true
}

func (c *client) noElements() { c.array(0) }

// storeZset makes key hold a set that is in no database, or deletes the key if the
// set is empty.
func (c *client) storeZset(key []byte, z *zset, event string) {
	if z.len() == 0 {
		if c.db.remove(key) {
			c.changed(notifyGeneric, "del", key)
		}
		return
	}
	v := z.value()
	if en := c.db.lookupWrite(key); !en.exists() {
		c.db.addValue(key, v)
	} else { // as in Redis, this does not wake clients that wait for the key, but readers of a stream
		stream := en.kind() == kindStream
		if v.obj != nil {
			c.db.setObject(&en, v.enc, v.obj)
		} else {
			c.db.setBytes(&en, v.enc, v.bytes)
		}
		en.b[hdrKind] = byte(v.kind)
		c.db.setExpire(&en, 0)
		if stream {
			c.db.signalReady(key, kindStream)
		}
	}
	c.changed(notifyZSet, event, key)
}

func cmdZadd(e *Engine, c *client, args [][]byte)    { e.zadd(c, args, zaddMode{}) }
func cmdZincrby(e *Engine, c *client, args [][]byte) { e.zadd(c, args, zaddMode{incr: true}) }

// zadd executes ZADD key [options] score member ...
func (e *Engine) zadd(c *client, args [][]byte, mode zaddMode) {
	ch := false
	i := 2
options:
	for ; i < len(args); i++ {
		switch a := args[i]; {
		case len(a) > 4 || len(a) < 2:
			break options
		case is(a, "nx"):
			mode.nx = true
		case is(a, "xx"):
			mode.xx = true
		case is(a, "ch"):
			ch = true
		case is(a, "incr"):
			mode.incr = true
		case is(a, "gt"):
			mode.gt = true
		case is(a, "lt"):
			mode.lt = true
		default:
			break options
		}
	}
	pairs := args[i:]
	switch {
	case len(pairs)%2 != 0 || len(pairs) == 0:
		c.err(errSyntax)
		return
	case mode.nx && mode.xx:
		c.err("ERR XX and NX options at the same time are not compatible")
		return
	case mode.gt && mode.nx || mode.lt && mode.nx || mode.gt && mode.lt:
		c.err("ERR GT, LT, and/or NX options at the same time are not compatible")
		return
	case mode.incr && len(pairs) > 2:
		c.err("ERR INCR option supports a single increment-element pair")
		return
	}
	for j := 2; j < len(pairs); j += 2 { // the first is read below: mostly there is one
		if _, ok := c.doubleArg(pairs[j], errNotFloat); !ok {
			return
		}
	}
	score, ok := c.doubleArg(pairs[0], errNotFloat)
	if !ok {
		return
	}
	var z zset
	en := c.db.lookupWrite(args[1])
	if en.exists() {
		if z, ok = c.zsetOf(en); !ok {
			return
		}
	} else {
		z = zset{e: e, lp: rdb.AppendListpack(e.scratch)}
		if !mode.xx && (e.cfg.zsetMaxEntries == 0 || int64(len(pairs[1])) > e.cfg.zsetMaxValue) {
			z.convert()
		}
	}
	added, updated, processed := 0, 0, false
	for j := 0; j < len(pairs); j += 2 {
		if j > 0 {
			score, _ = parseDouble(pairs[j])
		}
		now, result := z.add(pairs[j+1], score, mode)
		switch result {
		case zaddNaN:
			c.err("ERR resulting score is not a number (NaN)")
			return
		case zaddNew:
			added++
		case zaddUpdated:
			updated++
		}
		if result != zaddNothing {
			processed = true
			score = now
		}
	}
	if !en.exists() && z.len() > 0 {
		c.db.addValue(args[1], z.value())
		if z.big == nil {
			e.keepScratch(z.lp)
		}
	}
	switch {
	case !mode.incr && ch:
		c.int(int64(added + updated))
	case !mode.incr:
		c.int(int64(added))
	case processed:
		c.double(score)
	default:
		c.null()
	}
	if n := added + updated; n > 0 {
		e.dirty += int64(n) - 1
		event := "zadd"
		if mode.incr {
			event = "zincr"
		}
		c.changed(notifyZSet, event, args[1])
	}
}

func cmdZrem(e *Engine, c *client, args [][]byte) {
	en := c.db.lookupWrite(args[1])
	if !en.exists() {
		c.int(0)
		return
	}
	z, ok := c.zsetOf(en)
	if !ok {
		return
	}
	deleted := 0
	for _, m := range args[2:] {
		if z.remove(m) {
			deleted++
			if z.len() == 0 {
				break
			}
		}
	}
	c.removed(&z, args[1], "zrem", deleted)
	c.int(int64(deleted))
}

// removed ends a command that took so many members out of a set: the key goes if
// nothing is left.
func (c *client) removed(z *zset, key []byte, event string, n int) {
	if n == 0 {
		return
	}
	empty := z.len() == 0
	if empty {
		c.db.removeEntry(&z.en)
	}
	c.changed(notifyZSet, event, key)
	c.e.dirty += int64(n) - 1
	if empty {
		c.e.notify(notifyGeneric, "del", key, c.db.id)
	}
}

func cmdZcard(e *Engine, c *client, args [][]byte) {
	if z, ok := c.readZset(args[1], c.zero); ok {
		c.int(int64(z.len()))
	}
}

func cmdZscore(e *Engine, c *client, args [][]byte) {
	if z, ok := c.readZset(args[1], c.null); ok {
		c.scoreOrNull(&z, args[2])
	}
}

func (c *client) scoreOrNull(z *zset, member []byte) {
	if s, ok := z.scoreOf(member); ok {
		c.double(s)
	} else {
		c.null()
	}
}

func cmdZmscore(e *Engine, c *client, args [][]byte) {
	absent := false
	z, ok := c.readZset(args[1], func() { absent = true })
	if !ok && !absent {
		return
	}
	c.array(len(args) - 2)
	for _, m := range args[2:] {
		if absent {
			c.null()
		} else {
			c.scoreOrNull(&z, m)
		}
	}
}

func cmdZrank(e *Engine, c *client, args [][]byte)    { e.zrank(c, args, false) }
func cmdZrevrank(e *Engine, c *client, args [][]byte) { e.zrank(c, args, true) }

func (e *Engine) zrank(c *client, args [][]byte, reverse bool) {
	z, ok := c.readZset(args[1], c.null)
	if !ok {
		return
	}
	rank, ok := z.rankOf(args[2])
	switch {
	case !ok:
		c.null()
	case reverse:
		c.int(int64(z.len() - 1 - rank))
	default:
		c.int(int64(rank))
	}
}

func cmdZscan(e *Engine, c *client, args [][]byte) {
	cursor, ok := parseCursor(c, args[2])
	if !ok {
		return
	}
	z, ok := c.readZset(args[1], c.emptyScan)
	if !ok {
		return
	}
	opt, ok := c.scanOptions(args[3:], false)
	if !ok {
		return
	}
	var buf [24]byte
	if z.big == nil {
		c.scanReply(func() (uint64, int) {
			n := 0
			for p := z.first(); p.ok(); p = z.next(p) {
				if m := z.member(p, &buf); opt.matches(m) {
					c.bulk(m)
					c.bulk(element(z.lp, z.lp.Next(p.at), &buf))
					n += 2
				}
			}
			return 0, n
		})
		return
	}
	c.scanTable(z.big.t, cursor, opt, func(h handle) int {
		m := z.big.t.key(h)
		if !opt.matches(m) {
			return 0
		}
		c.bulk(m)
		var text [40]byte
		c.bulk(appendDouble(text[:0], z.big.score(h)))
		return 2
	})
}

// zpop is what the popping commands have in common.
type zpop struct {
	max    bool
	count  int64 // negative: one, without a nested reply
	key    bool  // the reply names the key
	nested bool
}

func (o zpop) event() string {
	if o.max {
		return "zpopmax"
	}
	return "zpopmin"
}

func (o zpop) command() []byte {
	if o.max {
		return bs("ZPOPMAX")
	}
	return bs("ZPOPMIN")
}

// from pops from a set, which is not empty, and replies. It returns how many members
// it took.
func (o zpop) from(c *client, z *zset, key []byte) int64 {
	n := min(max(o.count, -o.count), int64(z.len()))
	switch {
	case o.key && o.nested:
		c.array(2)
		c.bulk(key)
		c.array(int(n))
	case o.key:
		c.array(int(2*n + 1))
		c.bulk(key)
	case o.nested:
		c.array(int(n))
	default:
		c.array(int(2 * n))
	}
	p, rank := z.first(), 0
	if o.max {
		p, rank = z.last(), z.len()-int(n)
	}
	var buf [24]byte
	for range n {
		if o.nested {
			c.array(2)
		}
		c.bulk(z.member(p, &buf))
		c.double(z.score(p))
		p = z.step(p, o.max)
	}
	z.removeRange(rank, int(n))
	c.removed(z, key, o.event(), int(n))
	return n
}

// equivalent is the command that propagates a pop of n members.
func (o zpop) equivalent(key []byte, n int64) [][]byte {
	if o.count < 0 {
		return [][]byte{o.command(), key}
	}
	return [][]byte{o.command(), key, bi(n)}
}

func cmdZpopmin(e *Engine, c *client, args [][]byte) { e.zpop(c, args, false) }
func cmdZpopmax(e *Engine, c *client, args [][]byte) { e.zpop(c, args, true) }

func (e *Engine) zpop(c *client, args [][]byte, fromMax bool) {
	if len(args) > 3 {
		c.err(errSyntax)
		return
	}
	o := zpop{max: fromMax, count: -1}
	if len(args) == 3 {
		var ok bool
		if o.count, ok = c.countArg(args[2], 0, "ERR value is out of range, must be positive"); !ok {
			return
		}
		o.nested = c.resp > 2
	}
	en := c.db.lookupWrite(args[1])
	if !en.exists() {
		c.array(0)
		return
	}
	z, ok := c.zsetOf(en)
	switch {
	case !ok:
	case o.count == 0:
		c.array(0)
	default:
		o.from(c, &z, args[1])
	}
}

// countArg reads a whole number that must be at least least; text is the error
// whatever is wrong with it.
func (c *client) countArg(arg []byte, least int64, text string) (int64, bool) {
	n, ok := parseInt(arg)
	if !ok || n < least {
		c.err(text)
		return 0, false
	}
	return n, true
}

func cmdZmpop(e *Engine, c *client, args [][]byte) {
	keys, o, ok := c.zmpopArgs(args[1:])
	if !ok {
		return
	}
	key, z, ok := c.firstZset(keys)
	switch {
	case !ok:
	case key == nil:
		c.nullArray()
	default:
		n := o.from(c, &z, key)
		c.propagateAs(o.equivalent(key, n)...)
	}
}

// zmpopArgs reads numkeys key ... MIN|MAX [COUNT n], or writes the error.
func (c *client) zmpopArgs(args [][]byte) (keys [][]byte, o zpop, ok bool) {
	n, ok := c.countArg(args[0], 1, "ERR numkeys should be greater than 0")
	if !ok {
		return nil, o, false
	}
	if n >= int64(len(args)-1) {
		c.err(errSyntax)
		return nil, o, false
	}
	keys, args = args[1:1+n], args[1+n:]
	o = zpop{max: is(args[0], "max"), key: true, nested: true}
	if !o.max && !is(args[0], "min") {
		c.err(errSyntax)
		return nil, o, false
	}
	for i := 1; i < len(args); i += 2 {
		if o.count != 0 || !is(args[i], "count") || i+1 == len(args) {
			c.err(errSyntax)
			return nil, o, false
		}
		if o.count, ok = c.countArg(args[i+1], 1, "ERR count should be greater than 0"); !ok {
			return nil, o, false
		}
	}
	o.count = max(o.count, 1)
	return keys, o, true
}

// firstZset is the first of keys that is there; false after the error if it is of
// another type. The key is nil if none is there.
func (c *client) firstZset(keys [][]byte) ([]byte, zset, bool) {
	for _, key := range keys {
		if en := c.db.lookupWrite(key); en.exists() {
			z, ok := c.zsetOf(en)
			return key, z, ok
		}
	}
	return nil, zset{}, true
}

func cmdBzpopmin(e *Engine, c *client, args [][]byte) {
	e.bzpop(c, args[1:len(args)-1], args[len(args)-1], zpop{count: -1, key: true})
}

func cmdBzpopmax(e *Engine, c *client, args [][]byte) {
	e.bzpop(c, args[1:len(args)-1], args[len(args)-1], zpop{count: -1, key: true, max: true})
}

func cmdBzmpop(e *Engine, c *client, args [][]byte) {
	if keys, o, ok := c.zmpopArgs(args[2:]); ok {
		e.bzpop(c, keys, args[1], o)
	}
}

func (e *Engine) bzpop(c *client, keys [][]byte, timeoutArg []byte, o zpop) {
	timeout, ok := blockTimeout(c, timeoutArg, time.Second)
	if !ok {
		return
	}
	key, z, ok := c.firstZset(keys)
	switch {
	case !ok:
		return
	case key != nil:
		n := o.from(c, &z, key)
		c.propagateAs(o.equivalent(key, n)...)
		return
	case c.inExec:
		c.nullArray()
		return
	}
	serve := func(key []byte) bool {
		en := c.db.lookupWrite(key)
		if !en.exists() || en.kind() != kindZSet {
			return false
		}
		z := c.db.zsetOf(en)
		n := o.from(c, &z, key)
		e.propagate(c.db.id, o.equivalent(key, n)...)
		return true
	}
	e.blockOn(c, kindZSet, keys, timeout, serve, c.nullArray)
}

func cmdZrandmember(e *Engine, c *client, args [][]byte) {
	if len(args) == 2 {
		if z, ok := c.readZset(args[1], c.null); ok {
			var buf [24]byte
			c.bulk(z.member(z.nth(rand.IntN(z.len())), &buf))
		}
		return
	}
	count, ok := parseInt(args[2])
	switch {
	case !ok:
		c.err(errNotInt)
		return
	case count < -math.MaxInt64:
		c.err("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807")
		return
	case len(args) > 4 || len(args) == 4 && !is(args[3], "withscores"):
		c.err(errSyntax)
		return
	case len(args) == 4 && (count < -math.MaxInt64/2 || count > math.MaxInt64/2):
		c.err("ERR value is out of range")
		return
	}
	z, ok := c.readZset(args[1], c.noElements)
	if !ok {
		return
	}
	out := zreply{c: c, z: &z, scores: len(args) == 4}
	n := int64(z.len())
	switch {
	case count == 0:
		c.array(0)
	case count < 0: // with repetitions
		out.header(-count)
		for ; count < 0 && len(c.out) < 1<<30; count++ {
			out.emit(z.nth(rand.IntN(int(n))))
		}
	default:
		k := min(count, n)
		out.header(k)
		if z.big != nil && k < n/4 {
			for _, rank := range distinctRanks(int(k), int(n)) {
				out.emit(z.nth(rank))
			}
			return
		}
		for p, i := z.last(), int64(0); k > 0; i++ { // each combination is as likely as any other
			if rand.Int64N(n-i) < k {
				out.emit(p)
				k--
			}
			p = z.prev(p)
		}
	}
}

// distinctRanks picks k of n ranks, each combination as likely as any other (Floyd's
// algorithm).
func distinctRanks(k, n int) []int {
	ranks, seen := make([]int, 0, k), make(map[int]bool, k)
	for last := n - k; last < n; last++ {
		rank := rand.IntN(last + 1)
		if seen[rank] {
			rank = last
		}
		seen[rank] = true
		ranks = append(ranks, rank)
	}
	return ranks
}

// zreply writes members of a set, with or without their scores: a flat array in
// RESP2, pairs in RESP3.
type zreply struct {
	c      *client
	z      *zset
	scores bool
}

// header announces n members.
func (o *zreply) header(n int64) {
	if o.scores && o.c.resp == 2 {
		n *= 2
	}
	o.c.array(int(n))
}

func (o *zreply) emit(p zpos) {
	var buf [24]byte
	if !o.scores {
		o.c.bulk(o.z.member(p, &buf))
		return
	}
	if o.c.resp > 2 {
		o.c.array(2)
	}
	o.c.bulk(o.z.member(p, &buf))
	o.c.double(o.z.score(p))
}
