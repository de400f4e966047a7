package redisserver

import (
	"bytes"
	"cmp"
	"math"
	"slices"
)

func setCommands() []command {
	return []command{
		{name: "sadd", arity: -3, flags: "write denyoom fast", keys: "1 1 1", spec: "RW insert", cats: "set", since: "1.0.0", do: cmdSadd},
		{name: "scard", arity: 2, flags: "readonly fast", keys: "1 1 1", spec: "RO", cats: "set", since: "1.0.0", do: cmdScard},
		{name: "sdiff", arity: -2, flags: "readonly", keys: "1 -1 1", spec: "RO access", cats: "set", tips: "nondeterministic_output_order", since: "1.0.0", do: cmdSdiff},
		{name: "sdiffstore", arity: -3, flags: "write denyoom", keys: "1 -1 1", spec: "OW update | index 1 | range 0 1 0; RO access | index 2 | range -1 1 0", cats: "set", since: "1.0.0", do: cmdSdiffstore},
		{name: "sinter", arity: -2, flags: "readonly", keys: "1 -1 1", spec: "RO access", cats: "set", tips: "nondeterministic_output_order", since: "1.0.0", do: cmdSinter},
		{name: "sintercard", arity: -3, flags: "readonly movablekeys", keys: "0 0 0", spec: "RO access | index 1 | keynum 0 1 1", cats: "set", since: "7.0.0", do: cmdSintercard},
		{name: "sinterstore", arity: -3, flags: "write denyoom", keys: "1 -1 1", spec: "RW update | index 1 | range 0 1 0; RO access | index 2 | range -1 1 0", cats: "set", since: "1.0.0", do: cmdSinterstore},
		{name: "sismember", arity: 3, flags: "readonly fast", keys: "1 1 1", spec: "RO", cats: "set", since: "1.0.0", do: cmdSismember},
		{name: "smembers", arity: 2, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "set", tips: "nondeterministic_output_order", since: "1.0.0", do: cmdSmembers},
		{name: "smismember", arity: -3, flags: "readonly fast", keys: "1 1 1", spec: "RO access", cats: "set", since: "6.2.0", do: cmdSmismember},
		{name: "smove", arity: 4, flags: "write fast", keys: "1 2 1", spec: "RW access delete | index 1 | range 0 1 0; RW insert | index 2 | range 0 1 0", cats: "set", since: "1.0.0", do: cmdSmove},
		{name: "spop", arity: -2, flags: "write fast", keys: "1 1 1", spec: "RW access delete", cats: "set", tips: "nondeterministic_output", since: "1.0.0", do: cmdSpop},
		{name: "srandmember", arity: -2, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "set", tips: "nondeterministic_output", since: "1.0.0", do: cmdSrandmember},
		{name: "srem", arity: -3, flags: "write fast", keys: "1 1 1", spec: "RW delete", cats: "set", since: "1.0.0", do: cmdSrem},
		{name: "sscan", arity: -3, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "set", tips: "nondeterministic_output", since: "2.8.0", do: cmdSscan},
		{name: "sunion", arity: -2, flags: "readonly", keys: "1 -1 1", spec: "RO access", cats: "set", tips: "nondeterministic_output_order", since: "1.0.0", do: cmdSunion},
		{name: "sunionstore", arity: -3, flags: "write denyoom", keys: "1 -1 1", spec: "OW update | index 1 | range 0 1 0; RO access | index 2 | range -1 1 0", cats: "set", since: "1.0.0", do: cmdSunionstore},
	}
}

// readSet finds a set to read. If there is none it returns false after writing an
// error, for a key of another type, or calling absent.
func (c *client) readSet(key []byte, absent func()) (set, bool) {
	return c.asSet(c.db.lookup(key), absent)
}

// findSet is readSet for a set to be changed.
func (c *client) findSet(key []byte, absent func()) (set, bool) {
	return c.asSet(c.db.lookupWrite(key), absent)
}

func (c *client) asSet(en entry, absent func()) (set, bool) {
	switch {
	case !en.exists():
		absent()
	case en.kind() != kindSet:
		c.err(errWrongType)
	default:
		return c.db.setOf(en), true
	}
	return set{}, false
}

// addMembers adds members to the set en, or makes one at key if en is not there,
// and returns how many were new.
func (c *client) addMembers(en entry, key []byte, members ...[]byte) int {
	s := c.e.newSet()
	if en.exists() {
		s = c.db.setOf(en)
	}
	n := 0
	for _, m := range members {
		if s.add(m) {
			n++
		}
	}
	if !en.exists() {
		c.db.addValue(key, s.value())
	}
	return n
}

func (c *client) emptySet() { c.set(0) }

func cmdSadd(e *Engine, c *client, args [][]byte) {
	en := c.db.lookupWrite(args[1])
	if en.exists() && en.kind() != kindSet {
		c.err(errWrongType)
		return
	}
	n := c.addMembers(en, args[1], args[2:]...)
	if n > 0 {
		c.changed(notifySet, "sadd", args[1])
		e.dirty += int64(n) - 1
	}
	c.int(int64(n))
}

func cmdSrem(e *Engine, c *client, args [][]byte) {
	s, ok := c.findSet(args[1], c.zero)
	if !ok {
		return
	}
	n := 0
	for _, m := range args[2:] {
		if s.remove(m) {
			n++
			if s.len() == 0 {
				break
			}
		}
	}
	if n > 0 {
		c.changed(notifySet, "srem", args[1])
		e.dirty += int64(n) - 1
		c.dropEmptySet(&s, args[1])
	}
	c.int(int64(n))
}

func (c *client) dropEmptySet(s *set, key []byte) {
	if s.len() == 0 {
		c.db.removeEntry(&s.en)
		c.e.notify(notifyGeneric, "del", key, c.db.id)
	}
}

func cmdSmove(e *Engine, c *client, args [][]byte) {
	from, to, member := args[1], args[2], args[3]
	src := c.db.lookupWrite(from)
	dst := c.db.lookupWrite(to)
	switch {
	case !src.exists():
		c.int(0)
		return
	case src.kind() != kindSet || dst.exists() && dst.kind() != kindSet:
		c.err(errWrongType)
		return
	}
	s := c.db.setOf(src)
	if bytes.Equal(from, to) {
		c.bool01(s.has(member))
		return
	}
	if !s.remove(member) {
		c.int(0)
		return
	}
	c.changed(notifySet, "srem", from)
	c.dropEmptySet(&s, from)
	if c.addMembers(dst, to, member) > 0 {
		c.changed(notifySet, "sadd", to)
	}
	c.int(1)
}

func cmdScard(e *Engine, c *client, args [][]byte) {
	if s, ok := c.readSet(args[1], c.zero); ok {
		c.int(int64(s.len()))
	}
}

func cmdSismember(e *Engine, c *client, args [][]byte) {
	if s, ok := c.readSet(args[1], c.zero); ok {
		c.bool01(s.has(args[2]))
	}
}

func cmdSmismember(e *Engine, c *client, args [][]byte) {
	en := c.db.lookup(args[1])
	if en.exists() && en.kind() != kindSet {
		c.err(errWrongType)
		return
	}
	c.array(len(args) - 2)
	if !en.exists() {
		for range args[2:] {
			c.int(0)
		}
		return
	}
	s := c.db.setOf(en)
	for _, m := range args[2:] {
		c.bool01(s.has(m))
	}
}

func cmdSmembers(e *Engine, c *client, args [][]byte) {
	if s, ok := c.readSet(args[1], c.emptySet); ok {
		c.members(&s)
	}
}

// members writes all of a set.
func (c *client) members(s *set) {
	c.set(s.len())
	s.each(func(m []byte) bool { c.bulk(m); return true })
}

func cmdSscan(e *Engine, c *client, args [][]byte) {
	cursor, ok := parseCursor(c, args[2])
	if !ok {
		return
	}
	s, ok := c.readSet(args[1], c.emptyScan)
	if !ok {
		return
	}
	opt, ok := c.scanOptions(args[3:], false)
	if !ok {
		return
	}
	emit := func(m []byte) int {
		if opt.matches(m) {
			c.bulk(m)
			return 1
		}
		return 0
	}
	if s.big != nil {
		c.scanTable(s.big.t, cursor, opt, func(h handle) int { return emit(s.big.t.key(h)) })
		return
	}
	c.scanReply(func() (uint64, int) {
		n := 0
		s.each(func(m []byte) bool { n += emit(m); return true })
		return 0, n
	})
}

func cmdSpop(e *Engine, c *client, args [][]byte) {
	if len(args) > 3 {
		c.err(errSyntax)
		return
	}
	if len(args) == 3 {
		c.popMembers(args)
		return
	}
	s, ok := c.findSet(args[1], c.null)
	if !ok {
		return
	}
	m := bytes.Clone(s.random())
	s.remove(m)
	c.bulk(m)
	c.propagateAs(bs("SREM"), args[1], m)
	c.changed(notifySet, "spop", args[1])
	c.dropEmptySet(&s, args[1])
}

func (c *client) popMembers(args [][]byte) {
	count, ok := c.intArg(args[2], 0, "")
	if !ok {
		return
	}
	s, ok := c.findSet(args[1], c.emptySet)
	if !ok {
		return
	}
	size := int64(s.len())
	switch {
	case count == 0:
		c.set(0)
		return
	case count >= size:
		c.members(&s)
		c.db.removeEntry(&s.en)
		c.propagateAs(bs("DEL"), args[1])
		c.changed(notifySet, "spop", args[1])
		c.e.dirty += size - 1
		c.e.notify(notifyGeneric, "del", args[1], c.db.id)
		return
	}
	c.set(int(count))
	c.noPropagate = true
	take := func(m []byte) {
		c.bulk(m)
		c.e.propagate(c.db.id, bs("SREM"), args[1], m)
	}
	if count*5 < size { // so few that picking them one by one is quicker than a walk
		for range count {
			m := bytes.Clone(s.random())
			take(m)
			s.remove(m)
		}
	} else {
		picked := make([][]byte, 0, count)
		s.sample(int(count), func(m []byte) { picked = append(picked, bytes.Clone(m)) })
		for _, m := range picked {
			take(m)
			s.remove(m)
		}
	}
	c.changed(notifySet, "spop", args[1])
	c.e.dirty += count - 1
}

func cmdSrandmember(e *Engine, c *client, args [][]byte) {
	if len(args) > 3 {
		c.err(errSyntax)
		return
	}
	if len(args) == 2 {
		if s, ok := c.readSet(args[1], c.null); ok {
			c.bulk(s.random())
		}
		return
	}
	count, ok := parseInt(args[2])
	if !ok {
		c.err(errNotInt)
		return
	}
	if count == math.MinInt64 {
		c.err("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807")
		return
	}
	s, ok := c.readSet(args[1], c.emptyArray)
	if !ok {
		return
	}
	size := int64(s.len())
	switch {
	case count < 0: // with repetitions
		c.array(int(-count))
		for ; count < 0 && len(c.out) < maxRandomReply; count++ {
			c.bulk(s.random())
		}
		if count < 0 {
			c.close()
		}
	case count*5 < size && count < 1000: // few of many
		seen := map[string]bool{}
		c.array(int(count))
		for int64(len(seen)) < count {
			if m := s.random(); !seen[string(m)] {
				seen[string(m)] = true
				c.bulk(m)
			}
		}
	default:
		k := min(count, size)
		c.array(int(k))
		s.sample(int(k), func(m []byte) { c.bulk(m) })
	}
}

// maxRandomReply is how many bytes of random members one client may ask for before
// its connection ends.
const maxRandomReply = 1 << 30

// readSets finds the sets at keys, which are empty on their own where there is no
// key; false after an error.
func (c *client) readSets(keys [][]byte) ([]set, bool) {
	sets := make([]set, len(keys))
	for i, k := range keys {
		en := c.db.lookup(k)
		switch {
		case !en.exists():
			sets[i] = c.e.newSet()
		case en.kind() != kindSet:
			c.err(errWrongType)
			return nil, false
		default:
			sets[i] = c.db.setOf(en)
		}
	}
	return sets, true
}

// same says whether two sets are that of one key.
func (s *set) same(o *set) bool { return s.db != nil && s.en.h == o.en.h }

// intersectSets visits the members that all sets have until visit returns false.
func intersectSets(sets []set, visit func(m []byte) bool) {
	sets = slices.Clone(sets)
	slices.SortStableFunc(sets, func(a, b set) int { return cmp.Compare(a.len(), b.len()) })
	sets[0].each(func(m []byte) bool {
		for i := range sets[1:] {
			if s := &sets[i+1]; !s.same(&sets[0]) && !s.has(m) {
				return true
			}
		}
		return visit(m)
	})
}

func (e *Engine) intersection(sets []set) set {
	r := e.newSet()
	intersectSets(sets, func(m []byte) bool { r.add(m); return true })
	return r
}

func (e *Engine) union(sets []set) set {
	r := e.newSet()
	for i := range sets {
		sets[i].each(func(m []byte) bool { r.add(m); return true })
	}
	return r
}

// difference takes from the first set the members of the others. Which way it goes
// is decided as in Redis, for the encoding of the result depends on it.
func (e *Engine) difference(sets []set) set {
	r := e.newSet()
	first, others := &sets[0], slices.Clone(sets[1:])
	one, two := 0, 0
	for i := range sets {
		if i > 0 && first.same(&sets[i]) {
			return r
		}
		if sets[i].db != nil {
			one += first.len()
			two += sets[i].len()
		}
	}
	if one/2 <= two {
		slices.SortStableFunc(others, func(a, b set) int { return cmp.Compare(b.len(), a.len()) })
		first.each(func(m []byte) bool {
			for i := range others {
				if others[i].has(m) {
					return true
				}
			}
			r.add(m)
			return true
		})
		return r
	}
	first.each(func(m []byte) bool { r.add(m); return true })
	for i := range others {
		if r.len() == 0 {
			break
		}
		others[i].each(func(m []byte) bool { r.remove(m); return true })
	}
	return r
}

func cmdSinter(e *Engine, c *client, args [][]byte) {
	sets, ok := c.readSets(args[1:])
	if !ok {
		return
	}
	p, n := c.deferred(), 0
	intersectSets(sets, func(m []byte) bool { c.bulk(m); n++; return true })
	c.fillSet(p, n)
}

func cmdSintercard(e *Engine, c *client, args [][]byte) {
	keys, ok := c.intArg(args[1], 1, "ERR numkeys should be greater than 0")
	if !ok {
		return
	}
	if keys > int64(len(args)-2) {
		c.err("ERR Number of keys can't be greater than number of args")
		return
	}
	limit := int64(0)
	for i := 2 + int(keys); i < len(args); i += 2 {
		if !is(args[i], "limit") || i+1 == len(args) {
			c.err(errSyntax)
			return
		}
		if limit, ok = c.intArg(args[i+1], 0, "ERR LIMIT can't be negative"); !ok {
			return
		}
	}
	sets, ok := c.readSets(args[2 : 2+keys])
	if !ok {
		return
	}
	n := int64(0)
	intersectSets(sets, func([]byte) bool { n++; return n != limit })
	c.int(n)
}

func cmdSunion(e *Engine, c *client, args [][]byte) { c.setOperation(args[1:], e.union) }
func cmdSdiff(e *Engine, c *client, args [][]byte)  { c.setOperation(args[1:], e.difference) }

func (c *client) setOperation(keys [][]byte, op func([]set) set) {
	if sets, ok := c.readSets(keys); ok {
		r := op(sets)
		c.members(&r)
		r.release()
	}
}

func cmdSinterstore(e *Engine, c *client, args [][]byte) { c.storeSet(args, e.intersection) }
func cmdSunionstore(e *Engine, c *client, args [][]byte) { c.storeSet(args, e.union) }
func cmdSdiffstore(e *Engine, c *client, args [][]byte)  { c.storeSet(args, e.difference) }

func (c *client) storeSet(args [][]byte, op func([]set) set) {
	sets, ok := c.readSets(args[2:])
	if !ok {
		return
	}
	r := op(sets)
	c.storeValue(args[1], r.value(), r.len(), notifySet, c.last.name)
}

// storeValue makes key hold a result of n elements, or deletes it if there are none,
// and answers with their number. It counts as one change.
func (c *client) storeValue(key []byte, v value, n int, class notifyClass, event string) {
	switch {
	case n > 0:
		c.db.setValue(key, v)
		c.changed(class, event, key)
	case c.db.remove(key):
		c.changed(notifyGeneric, "del", key)
	}
	if n == 0 && v.obj != nil {
		v.obj.release()
	}
	c.int(int64(n))
}
