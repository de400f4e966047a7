package redisserver

import (
	"bytes"
	"math"
	"time"

	"landings/internal/rdb"
)

func listCommands() []command {
	return []command{
		{name: "blmove", arity: 6, flags: "write denyoom noscript blocking", keys: "1 2 1", spec: "RW access delete | index 1 | range 0 1 0; RW insert | index 2 | range 0 1 0", cats: "list", since: "6.2.0", do: cmdBlmove},
		{name: "blmpop", arity: -5, flags: "write blocking movablekeys", keys: "0 0 0", spec: "RW access delete | index 2 | keynum 0 1 1", cats: "list", since: "7.0.0", do: cmdBlmpop},
		{name: "blpop", arity: -3, flags: "write noscript blocking", keys: "1 -2 1", spec: "RW access delete", cats: "list", since: "2.0.0", do: cmdBlpop},
		{name: "brpop", arity: -3, flags: "write noscript blocking", keys: "1 -2 1", spec: "RW access delete", cats: "list", since: "2.0.0", do: cmdBrpop},
		{name: "brpoplpush", arity: 4, flags: "write denyoom noscript blocking", keys: "1 2 1", spec: "RW access delete | index 1 | range 0 1 0; RW insert | index 2 | range 0 1 0", cats: "list", since: "2.2.0", do: cmdBrpoplpush},
		{name: "lindex", arity: 3, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "list", since: "1.0.0", do: cmdLindex},
		{name: "linsert", arity: 5, flags: "write denyoom", keys: "1 1 1", spec: "RW insert", cats: "list", since: "2.2.0", do: cmdLinsert},
		{name: "llen", arity: 2, flags: "readonly fast", keys: "1 1 1", spec: "RO", cats: "list", since: "1.0.0", do: cmdLlen},
		{name: "lmove", arity: 5, flags: "write denyoom", keys: "1 2 1", spec: "RW access delete | index 1 | range 0 1 0; RW insert | index 2 | range 0 1 0", cats: "list", since: "6.2.0", do: cmdLmove},
		{name: "lmpop", arity: -4, flags: "write movablekeys", keys: "0 0 0", spec: "RW access delete | index 1 | keynum 0 1 1", cats: "list", since: "7.0.0", do: cmdLmpop},
		{name: "lpop", arity: -2, flags: "write fast", keys: "1 1 1", spec: "RW access delete", cats: "list", since: "1.0.0", do: cmdLpop},
		{name: "lpos", arity: -3, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "list", since: "6.0.6", do: cmdLpos},
		{name: "lpush", arity: -3, flags: "write denyoom fast", keys: "1 1 1", spec: "RW insert", cats: "list", since: "1.0.0", do: cmdLpush},
		{name: "lpushx", arity: -3, flags: "write denyoom fast", keys: "1 1 1", spec: "RW insert", cats: "list", since: "2.2.0", do: cmdLpushx},
		{name: "lrange", arity: 4, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "list", since: "1.0.0", do: cmdLrange},
		{name: "lrem", arity: 4, flags: "write", keys: "1 1 1", spec: "RW delete", cats: "list", since: "1.0.0", do: cmdLrem},
		{name: "lset", arity: 4, flags: "write denyoom", keys: "1 1 1", spec: "RW update", cats: "list", since: "1.0.0", do: cmdLset},
		{name: "ltrim", arity: 4, flags: "write", keys: "1 1 1", spec: "RW delete", cats: "list", since: "1.0.0", do: cmdLtrim},
		{name: "rpop", arity: -2, flags: "write fast", keys: "1 1 1", spec: "RW access delete", cats: "list", since: "1.0.0", do: cmdRpop},
		{name: "rpoplpush", arity: 3, flags: "write denyoom", keys: "1 2 1", spec: "RW access delete | index 1 | range 0 1 0; RW insert | index 2 | range 0 1 0", cats: "list", since: "1.2.0", do: cmdRpoplpush},
		{name: "rpush", arity: -3, flags: "write denyoom fast", keys: "1 1 1", spec: "RW insert", cats: "list", since: "1.0.0", do: cmdRpush},
		{name: "rpushx", arity: -3, flags: "write denyoom fast", keys: "1 1 1", spec: "RW insert", cats: "list", since: "2.2.0", do: cmdRpushx},
	}
}

// element writes an element of a listpack as a bulk string.
func (c *client) element(lp rdb.Listpack, pos int) {
	if s, n, isInt := lp.Get(pos); isInt {
		c.bulkInt(n)
	} else {
		c.bulk(s)
	}
}

// intArg reads a number of at least least, or writes the error: msg, if it is not
// empty.
func (c *client) intArg(arg []byte, least int64, msg string) (int64, bool) {
	n, ok := parseInt(arg)
	switch {
	case ok && n >= least:
		return n, true
	case msg != "":
		c.err(msg)
	case least == math.MinInt64:
		c.err(errNotInt)
	default:
		c.err("ERR value is out of range, must be positive")
	}
	return 0, false
}

// readList finds a list to read. If there is none it returns false after writing
// an error, for a key of another type, or calling absent.
func (c *client) readList(key []byte, absent func()) (list, bool) {
	return c.asList(c.db.lookup(key), absent)
}

// findList is readList for a list to be changed.
func (c *client) findList(key []byte, absent func()) (list, bool) {
	return c.asList(c.db.lookupWrite(key), absent)
}

func (c *client) asList(en entry, absent func()) (list, bool) {
	switch {
	case !en.exists():
		absent()
	case en.kind() != kindList:
		c.err(errWrongType)
	default:
		return c.db.listOf(en), true
	}
	return list{}, false
}

// makeList is the list at key, new if the key is not there; it holds no other type.
func (c *client) makeList(key []byte) list {
	en := c.db.lookupWrite(key)
	if !en.exists() {
		en = c.db.add(key, kindList, encListpack, rdb.AppendListpack(nil))
	}
	return c.db.listOf(en)
}

func (c *client) emptyArray() { c.array(0) }

func pushEvent(front bool) string {
	if front {
		return "lpush"
	}
	return "rpush"
}

func popEvent(front bool) string {
	if front {
		return "lpop"
	}
	return "rpop"
}

func popName(front bool) []byte {
	if front {
		return bs("LPOP")
	}
	return bs("RPOP")
}

func cmdLpush(e *Engine, c *client, args [][]byte)  { c.pushList(args, true, false) }
func cmdRpush(e *Engine, c *client, args [][]byte)  { c.pushList(args, false, false) }
func cmdLpushx(e *Engine, c *client, args [][]byte) { c.pushList(args, true, true) }
func cmdRpushx(e *Engine, c *client, args [][]byte) { c.pushList(args, false, true) }

func (c *client) pushList(args [][]byte, front, onlyExisting bool) {
	en := c.db.lookupWrite(args[1])
	switch {
	case en.exists() && en.kind() != kindList:
		c.err(errWrongType)
		return
	case !en.exists() && onlyExisting:
		c.int(0)
		return
	case !en.exists():
		en = c.db.add(args[1], kindList, encListpack, rdb.AppendListpack(nil))
	}
	l := c.db.listOf(en)
	for _, v := range args[2:] {
		l.push(v, front)
	}
	c.int(int64(l.len()))
	c.changed(notifyList, pushEvent(front), args[1])
	c.e.dirty += int64(len(args)-2) - 1
}

func cmdLpop(e *Engine, c *client, args [][]byte) { c.popList(args, true) }
func cmdRpop(e *Engine, c *client, args [][]byte) { c.popList(args, false) }

func (c *client) popList(args [][]byte, front bool) {
	if len(args) > 3 {
		c.err("ERR wrong number of arguments for '" + c.last.fullName + "' command")
		return
	}
	if len(args) == 2 {
		if l, ok := c.findList(args[1], c.null); ok {
			c.popOne(&l, args[1], front)
		}
		return
	}
	n, ok := c.intArg(args[2], 0, "")
	if !ok {
		return
	}
	l, ok := c.findList(args[1], c.nullArray)
	switch {
	case !ok:
	case n == 0:
		c.array(0)
	default:
		c.popSome(&l, args[1], front, n)
	}
}

// popOne answers with the element at one end and takes it away.
func (c *client) popOne(l *list, key []byte, front bool) {
	index := 0
	if !front {
		index = l.len() - 1
	}
	i, pos := l.seek(index)
	c.element(l.chunk(i), pos)
	l.remove(index, 1)
	c.popped(l, key, front, 1)
}

// popSome answers with an array of at most n elements from one end, takes them
// away and returns how many they were.
func (c *client) popSome(l *list, key []byte, front bool, n int64) int64 {
	size := l.len()
	k := int(min(n, int64(size)))
	from, start := 0, 0
	if !front {
		from, start = size-1, size-k
	}
	c.listRange(l, from, k, !front)
	l.remove(start, k)
	c.popped(l, key, front, k)
	return int64(k)
}

// popped tells that n elements were taken from one end, and deletes an emptied
// list.
func (c *client) popped(l *list, key []byte, front bool, n int) {
	c.changed(notifyList, popEvent(front), key)
	c.e.dirty += int64(n) - 1
	c.dropEmpty(l, key)
}

func (c *client) dropEmpty(l *list, key []byte) {
	if l.len() == 0 {
		c.db.removeEntry(&l.en)
		c.e.notify(notifyGeneric, "del", key, c.db.id)
	}
}

// listRange writes an array of n elements from index on.
func (c *client) listRange(l *list, index, n int, backward bool) {
	c.array(n)
	if n == 0 {
		return
	}
	l.walk(index, backward, func(lp rdb.Listpack, pos int) bool {
		c.element(lp, pos)
		n--
		return n > 0
	})
}

func cmdLlen(e *Engine, c *client, args [][]byte) {
	if l, ok := c.readList(args[1], c.zero); ok {
		c.int(int64(l.len()))
	}
}

func cmdLindex(e *Engine, c *client, args [][]byte) {
	l, ok := c.readList(args[1], c.null)
	if !ok {
		return
	}
	index, ok := c.intArg(args[2], math.MinInt64, "")
	if !ok {
		return
	}
	if index, ok = l.index(index); !ok {
		c.null()
		return
	}
	i, pos := l.seek(int(index))
	c.element(l.chunk(i), pos)
}

// index counts a negative index from the end and says whether it is in the list.
func (l *list) index(index int64) (int64, bool) {
	if index < 0 {
		index += int64(l.len())
	}
	return index, index >= 0 && index < int64(l.len())
}

func cmdLset(e *Engine, c *client, args [][]byte) {
	l, ok := c.findList(args[1], func() { c.err(errNoKey) })
	if !ok {
		return
	}
	index, ok := c.intArg(args[2], math.MinInt64, "")
	if !ok {
		return
	}
	if index, ok = l.index(index); !ok {
		c.err(errOutOfRange)
		return
	}
	i, pos := l.seek(int(index))
	l.replace(i, pos, args[3])
	c.ok()
	c.changed(notifyList, "lset", args[1])
}

// bounds turns start and stop, which may count from the end, into the index of the
// first element and how many there are in between.
func (l *list) bounds(start, stop int64) (first, n int) {
	size := int64(l.len())
	if start < 0 {
		start = max(0, start+size)
	}
	if stop < 0 {
		stop += size
	}
	if start > stop || start >= size {
		return 0, 0
	}
	return int(start), int(min(stop, size-1) - start + 1)
}

// twoInts reads start and stop.
func (c *client) twoInts(args [][]byte) (a, b int64, ok bool) {
	if a, ok = c.intArg(args[0], math.MinInt64, ""); ok {
		b, ok = c.intArg(args[1], math.MinInt64, "")
	}
	return a, b, ok
}

func cmdLrange(e *Engine, c *client, args [][]byte) {
	start, stop, ok := c.twoInts(args[2:])
	if !ok {
		return
	}
	if l, ok := c.readList(args[1], c.emptyArray); ok {
		first, n := l.bounds(start, stop)
		c.listRange(&l, first, n, false)
	}
}

func cmdLtrim(e *Engine, c *client, args [][]byte) {
	start, stop, ok := c.twoInts(args[2:])
	if !ok {
		return
	}
	l, ok := c.findList(args[1], c.ok)
	if !ok {
		return
	}
	size := l.len()
	first, n := l.bounds(start, stop)
	l.remove(first+n, size-first-n)
	l.remove(0, first)
	c.changed(notifyList, "ltrim", args[1])
	e.dirty += int64(size-n) - 1
	c.dropEmpty(&l, args[1])
	c.ok()
}

func cmdLrem(e *Engine, c *client, args [][]byte) {
	limit, ok := c.intArg(args[2], math.MinInt64, "")
	if !ok {
		return
	}
	l, ok := c.findList(args[1], c.zero)
	if !ok {
		return
	}
	backward := limit < 0
	if backward {
		limit = -limit
	}
	removed := l.removeMatching(args[3], limit, backward)
	if removed > 0 {
		c.changed(notifyList, "lrem", args[1])
		e.dirty += removed - 1
		c.dropEmpty(&l, args[1])
	}
	c.int(removed)
}

func cmdLinsert(e *Engine, c *client, args [][]byte) {
	after := is(args[2], "after")
	if !after && !is(args[2], "before") {
		c.err(errSyntax)
		return
	}
	l, ok := c.findList(args[1], c.zero)
	if !ok {
		return
	}
	pivot := rdb.NewNeedle(args[3])
	for i := range l.chunks() {
		lp := l.chunk(i)
		pos := lp.Find(lp.First(), pivot, 0)
		if pos < 0 {
			continue
		}
		if after {
			pos = lp.Next(pos)
		}
		l.insert(i, pos, args[4])
		c.changed(notifyList, "linsert", args[1])
		c.int(int64(l.len()))
		return
	}
	c.int(-1)
}

func cmdLpos(e *Engine, c *client, args [][]byte) {
	rank, count, maxlen := int64(1), int64(-1), int64(0)
	for i := 3; i < len(args); i += 2 {
		ok := false
		switch {
		case i+1 == len(args):
			c.err(errSyntax)
		case is(args[i], "rank"):
			if rank, ok = c.intArg(args[i+1], math.MinInt64, ""); ok && rank == 0 {
				c.err("ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list")
				return
			}
		case is(args[i], "count"):
			count, ok = c.intArg(args[i+1], 0, "ERR COUNT can't be negative")
		case is(args[i], "maxlen"):
			maxlen, ok = c.intArg(args[i+1], 0, "ERR MAXLEN can't be negative")
		default:
			c.err(errSyntax)
		}
		if !ok {
			return
		}
	}
	absent := c.null
	if count >= 0 {
		absent = c.emptyArray
	}
	l, ok := c.readList(args[1], absent)
	if !ok {
		return
	}
	backward := rank < 0
	from, skip := 0, rank-1
	if backward {
		from, skip = l.len()-1, -rank-1
	}
	needle, at, found := rdb.NewNeedle(args[2]), c.deferred(), 0
	seen := int64(0)
	l.walk(from, backward, func(lp rdb.Listpack, pos int) bool {
		if lp.Matches(pos, needle) {
			if skip--; skip < 0 {
				index := seen
				if backward {
					index = int64(l.len()) - 1 - seen
				}
				c.int(index)
				if found++; count < 0 || int64(found) == count {
					return false
				}
			}
		}
		seen++
		return seen != maxlen
	})
	if count >= 0 {
		c.fillArray(at, found)
	} else if found == 0 {
		c.null()
	}
}

// listEnd reads LEFT or RIGHT.
func (c *client) listEnd(arg []byte) (front, ok bool) {
	front = is(arg, "left")
	if !front && !is(arg, "right") {
		c.err(errSyntax)
		return false, false
	}
	return front, true
}

func (c *client) twoEnds(args [][]byte) (from, to, ok bool) {
	if from, ok = c.listEnd(args[0]); ok {
		to, ok = c.listEnd(args[1])
	}
	return from, to, ok
}

func cmdLmove(e *Engine, c *client, args [][]byte) {
	if from, to, ok := c.twoEnds(args[3:]); ok {
		c.moveElement(args[1], args[2], from, to)
	}
}

func cmdRpoplpush(e *Engine, c *client, args [][]byte) { c.moveElement(args[1], args[2], false, true) }

// moveElement takes an element from one list to another, or another end of the
// same, and answers with it. It says whether it did.
func (c *client) moveElement(from, to []byte, fromFront, toFront bool) bool {
	src, ok := c.findList(from, c.null)
	if !ok {
		return false
	}
	if dst := c.db.lookupWrite(to); dst.exists() && dst.kind() != kindList {
		c.err(errWrongType)
		return false
	}
	index := 0
	if !fromFront {
		index = src.len() - 1
	}
	i, pos := src.seek(index)
	v := src.chunk(i).AppendTo(nil, pos)
	src.remove(index, 1)
	if bytes.Equal(from, to) {
		src.push(v, toFront)
	} else {
		dst := c.makeList(to)
		dst.push(v, toFront)
	}
	c.bulk(v)
	c.changed(notifyList, pushEvent(toFront), to)
	c.popped(&src, from, fromFront, 0)
	return true
}

// multiPop is what LMPOP and BLMPOP ask for.
type multiPop struct {
	keys  [][]byte
	front bool
	count int64
}

// multiPopArgs reads numkeys, keys, end and COUNT.
func (c *client) multiPopArgs(args [][]byte) (m multiPop, ok bool) {
	n, ok := c.intArg(args[0], 1, "ERR numkeys should be greater than 0")
	if !ok {
		return m, false
	}
	if n >= int64(len(args)-1) {
		c.err(errSyntax)
		return m, false
	}
	m.keys, args = args[1:n+1], args[n+1:]
	if m.front, ok = c.listEnd(args[0]); !ok {
		return m, false
	}
	m.count = 1
	switch {
	case len(args) == 1:
	case len(args) == 3 && is(args[1], "count"):
		m.count, ok = c.intArg(args[2], 1, "ERR count should be greater than 0")
	default:
		if len(args) > 3 && is(args[1], "count") { // a wrong count is found first
			if _, ok = c.intArg(args[2], 1, "ERR count should be greater than 0"); !ok {
				return m, false
			}
		}
		c.err(errSyntax)
		return m, false
	}
	return m, ok
}

func cmdLmpop(e *Engine, c *client, args [][]byte) {
	m, ok := c.multiPopArgs(args[1:])
	if !ok {
		return
	}
	if done, ok := c.popFirst(m.keys, m.front, m.count); !done && ok {
		c.nullArray()
	}
}

// popFirst pops from the first list that is there, at most count elements, or with
// count -1 one in the form of BLPOP's reply, and propagates it; not ok after an
// error.
func (c *client) popFirst(keys [][]byte, front bool, count int64) (done, ok bool) {
	for _, key := range keys {
		en := c.db.lookupWrite(key)
		if !en.exists() {
			continue
		}
		if en.kind() != kindList {
			c.err(errWrongType)
			return false, false
		}
		l := c.db.listOf(en)
		c.array(2)
		c.bulk(key)
		if count < 0 {
			c.popOne(&l, key, front)
			c.propagateAs(popName(front), key)
		} else {
			n := c.popSome(&l, key, front, count)
			c.propagateAs(popName(front), key, bi(n))
		}
		return true, true
	}
	return false, true
}

func cmdBlpop(e *Engine, c *client, args [][]byte) { c.blockingPop(args, true) }
func cmdBrpop(e *Engine, c *client, args [][]byte) { c.blockingPop(args, false) }

func (c *client) blockingPop(args [][]byte, front bool) {
	last := len(args) - 1
	c.popOrWait(multiPop{args[1:last], front, -1}, args[last])
}

func cmdBlmpop(e *Engine, c *client, args [][]byte) {
	if m, ok := c.multiPopArgs(args[2:]); ok {
		c.popOrWait(m, args[1])
	}
}

func (c *client) popOrWait(m multiPop, timeout []byte) {
	wait, ok := blockTimeout(c, timeout, time.Second)
	if !ok {
		return
	}
	if done, ok := c.popFirst(m.keys, m.front, m.count); done || !ok {
		return
	}
	if c.inExec {
		c.nullArray()
		return
	}
	front, count := m.front, m.count
	c.e.blockOn(c, kindList, m.keys, wait, func(key []byte) bool {
		done, _ := c.popFirst([][]byte{key}, front, count)
		return done
	}, c.nullArray)
}

func cmdBlmove(e *Engine, c *client, args [][]byte) {
	if from, to, ok := c.twoEnds(args[3:]); ok {
		c.moveOrWait(args[1], args[2], from, to, args[5], append([][]byte{bs("LMOVE")}, args[1:5]...))
	}
}

func cmdBrpoplpush(e *Engine, c *client, args [][]byte) {
	c.moveOrWait(args[1], args[2], false, true, args[3], [][]byte{bs("RPOPLPUSH"), args[1], args[2]})
}

// moveOrWait moves an element, now or once there is one; op is the command that
// goes to the append-only file then.
func (c *client) moveOrWait(from, to []byte, fromFront, toFront bool, timeout []byte, op [][]byte) {
	wait, ok := blockTimeout(c, timeout, time.Second)
	if !ok {
		return
	}
	src := c.db.lookupWrite(from)
	switch {
	case src.exists():
		if c.moveElement(from, to, fromFront, toFront) {
			c.propagateAs(op...)
		}
	case c.inExec:
		c.null()
	default:
		to, op = bytes.Clone(to), copyArgs(op)
		c.e.blockOn(c, kindList, [][]byte{from}, wait, func(key []byte) bool {
			if c.moveElement(key, to, fromFront, toFront) {
				c.e.propagate(c.db.id, op...)
			}
			return true
		}, c.nullArray)
	}
}
