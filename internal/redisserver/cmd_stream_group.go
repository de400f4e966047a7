package redisserver

import (
	"math"

	"landings/internal/rdb"
)

// This file has the commands of consumer groups; their table is streamCommands.

// noGroup writes the error of commands on a group that is not there.
func (c *client) noGroup(key, group []byte) {
	c.err("NOGROUP No such key '" + string(cText(key)) + "' or consumer group '" + string(cText(group)) + "'")
}

// noGroupOf is the same error in the words of XGROUP and XINFO.
func (c *client) noGroupOf(key, group []byte) {
	c.err("NOGROUP No such consumer group '" + string(cText(group)) + "' for key name '" + string(cText(key)) + "'")
}

// wrongSub writes the error of a subcommand with arguments that do not fit it.
func (c *client) wrongSub(container string, sub []byte) {
	sub = cText(sub)
	c.err("ERR unknown subcommand or wrong number of arguments for '" + string(sub[:min(len(sub), 128)]) + "'. Try " + container + " HELP.")
}

// streamGroup finds a group to read or change; s is nil if the key or the group
// is not there. false: the key is of another type, the error is written.
func (c *client) streamGroup(key, name []byte) (en entry, s *stream, g *group, ok bool) {
	en = c.db.lookup(key)
	if !en.exists() {
		return en, nil, nil, true
	}
	if s, ok = c.streamOf(&en); !ok {
		return en, nil, nil, false
	}
	if g = s.group(name); g == nil {
		s = nil
	}
	return en, s, g, true
}

// createConsumer adds a consumer, nil if it is there, and tells of it.
func (e *Engine) createConsumer(c *client, key []byte, g *group, name []byte) *consumer {
	co := g.addConsumer(name, e.now)
	if co != nil {
		e.dirty++
		e.notify(notifyStream, "xgroup-createconsumer", key, c.db.id)
	}
	return co
}

// activeConsumer finds or creates a consumer and notes that it is there.
func (e *Engine) activeConsumer(c *client, key []byte, g *group, name []byte) *consumer {
	if co := g.consumer(name); co != nil {
		co.seen = e.now
		return co
	}
	return e.createConsumer(c, key, g, name)
}

// readingConsumer is activeConsumer for XREADGROUP: without pending entries
// nothing else in the append-only file would tell of a new consumer.
func (c *client) readingConsumer(key []byte, g *group, by *groupRead) *consumer {
	had := len(g.consumers)
	co := c.e.activeConsumer(c, key, g, by.consumer)
	if by.noAck && len(g.consumers) > had {
		c.e.propagate(c.db.id, bs("XGROUP"), bs("CREATECONSUMER"), key, by.group, by.consumer)
	}
	return co
}

// propagateClaim writes to the append-only file who has a pending entry.
func (c *client) propagateClaim(key []byte, g *group, id rdb.StreamID, idArg []byte) {
	if c.e.aof == nil {
		return
	}
	if idArg == nil {
		idArg = bid(id)
	}
	p := g.pending.find(id)
	c.e.propagate(c.db.id, bs("XCLAIM"), key, bs(g.name), bs(g.seats[p.owner].name), bs("0"), idArg,
		bs("TIME"), bi(p.at), bs("RETRYCOUNT"), bi(p.count), bs("FORCE"), bs("JUSTID"), bs("LASTID"), bid(g.last))
}

func (c *client) propagateGroupID(key []byte, g *group) {
	c.e.propagate(c.db.id, bs("XGROUP"), bs("SETID"), key, bs(g.name), bid(g.last), bs("ENTRIESREAD"), bi(g.read))
}

// readNew answers with the entries that the group has not delivered yet.
func (c *client) readNew(key []byte, s *stream, g *group, co *consumer, by *groupRead, count int64) {
	place, n := c.deferred(), 0
	moved := false
	from, _ := nextID(g.last)
	for cu := s.walk(from, maxStreamID); cu.next(); {
		if g.last.Less(cu.id) {
			if g.read != -1 && !s.fragmented(cu.id) {
				g.read++
			} else if s.added != 0 {
				g.read = s.distance(cu.id)
			}
			g.last = cu.id
			moved = true
		}
		c.streamEntry(&cu)
		if !by.noAck {
			g.give(cu.id, co, c.e.now, 1)
			c.propagateClaim(key, g, cu.id, nil)
		}
		if n++; int64(n) == count {
			break
		}
	}
	if by.noAck && moved {
		c.propagateGroupID(key, g)
	}
	c.fillArray(place, n)
}

// readHistory answers with what the consumer has pending, from an id on.
func (c *client) readHistory(s *stream, g *group, co *consumer, from rdb.StreamID, count int64) {
	place, n := c.deferred(), 0
	for p := co.pending.seek(from); count == 0 || int64(n) < count; p = co.pending.next(p) {
		item := co.pending.at(p)
		if item == nil {
			break
		}
		if cu := s.walk(item.id, item.id); cu.next() {
			c.streamEntry(&cu)
			e := g.pending.edit(item.id)
			e.at = c.e.now
			e.count++
		} else {
			c.array(2)
			c.streamID(item.id)
			c.nullArray()
		}
		n++
	}
	c.fillArray(place, n)
}

// xgroup parses what the subcommands of XGROUP have in common and finds the
// stream, nil if there is none, and the group. It writes the error.
type xgroupArgs struct {
	mkStream bool
	read     int64
	en       entry
	s        *stream
	g        *group
}

func (c *client) xgroup(args [][]byte, create, setID, needGroup bool) (x xgroupArgs, ok bool) {
	x.read = -1
	for i := 5; i < len(args); i++ {
		switch {
		case create && is(args[i], "mkstream"):
			x.mkStream = true
		case (create || setID) && is(args[i], "entriesread") && i+1 < len(args):
			i++
			if x.read, ok = c.intArg(args[i], math.MinInt64, ""); !ok {
				return x, false
			}
			if x.read < -1 {
				c.err("ERR value for ENTRIESREAD must be positive or -1")
				return x, false
			}
		default:
			c.wrongSub("XGROUP", args[1])
			return x, false
		}
	}
	x.en = c.db.lookupWrite(args[2])
	if x.en.exists() {
		if x.s, ok = c.streamOf(&x.en); !ok {
			return x, false
		}
		x.g = x.s.group(args[3])
	}
	if x.s == nil && !x.mkStream {
		c.err("ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.")
		return x, false
	}
	if needGroup && x.g == nil {
		c.noGroupOf(args[2], args[3])
		return x, false
	}
	return x, true
}

func cmdXgroupCreate(e *Engine, c *client, args [][]byte) {
	x, ok := c.xgroup(args, true, false, false)
	if !ok {
		return
	}
	if len(args) > 8 {
		c.wrongSub("XGROUP", args[1])
		return
	}
	var id rdb.StreamID
	if string(cText(args[4])) == "$" {
		if x.s != nil {
			id = x.s.last
		}
	} else if id, ok = c.idArg(args[4]); !ok {
		return
	}
	if x.g != nil {
		c.err("BUSYGROUP Consumer Group name already exists")
		return
	}
	if x.s == nil {
		x.s = newStream(e.arena)
		c.db.addObject(args[2], kindStream, encStream, x.s)
		e.modified(c, c.db, args[2])
	}
	x.s.addGroup(&group{name: string(args[3]), last: id, read: x.read})
	c.ok()
	e.dirty++
	e.notify(notifyStream, "xgroup-create", args[2], c.db.id)
}

func cmdXgroupSetid(e *Engine, c *client, args [][]byte) {
	x, ok := c.xgroup(args, false, true, true)
	if !ok {
		return
	}
	if len(args) != 5 && len(args) != 7 {
		c.wrongSub("XGROUP", args[1])
		return
	}
	id := x.s.last
	if string(cText(args[4])) != "$" {
		if id, ok = parseStreamID(args[4], 0, false); !ok {
			c.err(errStreamID)
			return
		}
	}
	x.g.last, x.g.read = id, x.read
	c.ok()
	e.dirty++
	e.notify(notifyStream, "xgroup-setid", args[2], c.db.id)
}

func cmdXgroupDestroy(e *Engine, c *client, args [][]byte) {
	x, ok := c.xgroup(args, false, false, false)
	if !ok {
		return
	}
	if x.g == nil {
		c.int(0)
		return
	}
	x.s.removeGroup(x.g)
	c.int(1)
	e.dirty++
	e.notify(notifyStream, "xgroup-destroy", args[2], c.db.id)
	c.db.signalReady(args[2], kindStream) // its readers wait in vain
}

func cmdXgroupCreateconsumer(e *Engine, c *client, args [][]byte) {
	if x, ok := c.xgroup(args, false, false, true); ok {
		c.bool01(e.createConsumer(c, args[2], x.g, args[4]) != nil)
	}
}

func cmdXgroupDelconsumer(e *Engine, c *client, args [][]byte) {
	x, ok := c.xgroup(args, false, false, true)
	if !ok {
		return
	}
	n := 0
	if co := x.g.consumer(args[4]); co != nil {
		n = co.pending.n
		x.g.removeConsumer(co)
		e.dirty++
		e.notify(notifyStream, "xgroup-delconsumer", args[2], c.db.id)
	}
	c.int(int64(n))
}

func cmdXgroupHelp(e *Engine, c *client, args [][]byte) {
	c.help("XGROUP",
		"CREATE <key> <groupname> <id|$> [MKSTREAM] [ENTRIESREAD <n>]", "    A new group that reads behind the id.",
		"CREATECONSUMER <key> <groupname> <consumer>", "    A new consumer in the group.",
		"DELCONSUMER <key> <groupname> <consumer>", "    Remove a consumer with its pending entries.",
		"DESTROY <key> <groupname>", "    Remove a group.",
		"SETID <key> <groupname> <id|$> [ENTRIESREAD <n>]", "    Let the group go on behind the id.")
}

func cmdXack(e *Engine, c *client, args [][]byte) {
	en, s, g, ok := c.streamGroup(args[1], args[2])
	if !ok {
		return
	}
	if s == nil {
		c.int(0)
		return
	}
	ids, ok := c.idArgs(args[3:])
	if !ok {
		return
	}
	c.db.beforeWrite(&en)
	n := int64(0)
	for _, id := range ids {
		if g.settle(id) {
			n++
		}
	}
	e.dirty += n
	c.int(n)
}

func cmdXpending(e *Engine, c *client, args [][]byte) {
	if len(args) != 3 && (len(args) < 6 || len(args) > 9) {
		c.err(errSyntax)
		return
	}
	var (
		from, to       rdb.StreamID
		count, minIdle int64
		name           []byte
		ok             bool
	)
	if len(args) >= 6 {
		at := 3
		if is(args[3], "idle") {
			if minIdle, ok = c.intArg(args[4], math.MinInt64, ""); !ok {
				return
			}
			if len(args) < 8 {
				c.err(errSyntax)
				return
			}
			at = 5
		}
		if count, ok = c.intArg(args[at+2], math.MinInt64, ""); !ok {
			return
		}
		if from, ok = c.fromArg(args[at]); !ok {
			return
		}
		if to, ok = c.toArg(args[at+1]); !ok {
			return
		}
		if at+3 < len(args) {
			name = args[at+3]
		}
	}
	_, s, g, ok := c.streamGroup(args[1], args[2])
	if !ok {
		return
	}
	if s == nil {
		c.noGroup(args[1], args[2])
		return
	}
	if len(args) == 3 {
		c.pendingSummary(g)
		return
	}
	place, n := c.deferred(), 0
	entry := func(id rdb.StreamID, p *pending) {
		if minIdle != 0 && e.now-p.at < minIdle {
			return
		}
		c.array(4)
		c.streamID(id)
		c.bulkString(g.seats[p.owner].name)
		c.int(max(0, e.now-p.at))
		c.int(p.count)
		n++
	}
	if name == nil {
		for p := g.pending.seek(from); int64(n) < count; p = g.pending.next(p) {
			item := g.pending.at(p)
			if item == nil || to.Less(item.id) {
				break
			}
			entry(item.id, &item.v)
		}
	} else if co := g.consumer(name); co != nil {
		for p := co.pending.seek(from); int64(n) < count; p = co.pending.next(p) {
			item := co.pending.at(p)
			if item == nil || to.Less(item.id) {
				break
			}
			entry(item.id, g.pending.find(item.id))
		}
	}
	c.fillArray(place, n)
}

func (c *client) pendingSummary(g *group) {
	c.array(4)
	c.int(int64(g.pending.n))
	if g.pending.n == 0 {
		c.null()
		c.null()
		c.nullArray()
		return
	}
	c.streamID(g.pending.first().id)
	c.streamID(g.pending.last().id)
	place, n := c.deferred(), 0
	for _, co := range g.consumers {
		if co.pending.n > 0 {
			c.array(2)
			c.bulkString(co.name)
			c.bulkInt(int64(co.pending.n))
			n++
		}
	}
	c.fillArray(place, n)
}

func cmdXclaim(e *Engine, c *client, args [][]byte) {
	en, s, g, ok := c.streamGroup(args[1], args[2])
	if !ok {
		return
	}
	if s == nil {
		c.noGroup(args[1], args[2])
		return
	}
	minIdle, ok := c.intArg(args[4], math.MinInt64, "ERR Invalid min-idle-time argument for XCLAIM")
	if !ok {
		return
	}
	var ids []rdb.StreamID
	i := 5
	for ; i < len(args); i++ {
		id, ok := parseStreamID(args[i], 0, true)
		if !ok {
			break // an option, perhaps
		}
		ids = append(ids, id)
	}
	var (
		force, justID bool
		at, retries   = int64(-1), int64(-1)
		last          rdb.StreamID
	)
	for ; i < len(args); i++ {
		more := i+1 < len(args)
		switch opt := args[i]; {
		case is(opt, "force"):
			force = true
		case is(opt, "justid"):
			justID = true
		case is(opt, "idle") && more:
			i++
			if at, ok = c.intArg(args[i], math.MinInt64, "ERR Invalid IDLE option argument for XCLAIM"); !ok {
				return
			}
			at = e.now - at
		case is(opt, "time") && more:
			i++
			if at, ok = c.intArg(args[i], math.MinInt64, "ERR Invalid TIME option argument for XCLAIM"); !ok {
				return
			}
		case is(opt, "retrycount") && more:
			i++
			if retries, ok = c.intArg(args[i], math.MinInt64, "ERR Invalid RETRYCOUNT option argument for XCLAIM"); !ok {
				return
			}
		case is(opt, "lastid") && more:
			i++
			if last, ok = c.idArg(args[i]); !ok {
				return
			}
		default:
			c.err("ERR Unrecognized XCLAIM option '" + string(cText(opt)) + "'")
			return
		}
	}
	if at < 0 || at > e.now {
		at = e.now
	}
	c.db.beforeWrite(&en)
	c.noPropagate = true
	tellLast := false
	if g.last.Less(last) {
		g.last = last
		tellLast = true
	}
	var co *consumer
	place, n := c.deferred(), 0
	for i, id := range ids {
		p := g.pending.find(id)
		cu := s.walk(id, id)
		if !cu.next() { // an entry that is gone is no longer pending
			if p != nil {
				c.propagateClaim(args[1], g, id, args[5+i])
				tellLast = false
				e.dirty++
				g.settle(id)
			}
			continue
		}
		deliveries := int64(1)
		if p != nil {
			if minIdle > 0 && e.now-p.at < minIdle {
				continue
			}
			deliveries = p.count
		} else if !force {
			continue
		}
		if co == nil {
			co = e.activeConsumer(c, args[1], g, args[3])
		}
		if retries >= 0 {
			deliveries = retries
		} else if !justID {
			deliveries++
		}
		g.give(id, co, at, deliveries)
		if justID {
			c.streamID(id)
		} else {
			c.streamEntry(&cu)
		}
		n++
		c.propagateClaim(args[1], g, id, args[5+i])
		tellLast = false
		e.dirty++
	}
	if tellLast {
		c.propagateGroupID(args[1], g)
		e.dirty++
	}
	c.fillArray(place, n)
}

func cmdXautoclaim(e *Engine, c *client, args [][]byte) {
	minIdle, ok := c.intArg(args[4], math.MinInt64, "ERR Invalid min-idle-time argument for XAUTOCLAIM")
	if !ok {
		return
	}
	from, ok := c.fromArg(args[5])
	if !ok {
		return
	}
	count, justID := int64(100), false
	for i := 6; i < len(args); i++ {
		switch {
		case is(args[i], "count") && i+1 < len(args):
			i++
			if count, ok = parseInt(args[i]); !ok || count < 1 || count > math.MaxInt64/16 {
				c.err("ERR COUNT must be > 0")
				return
			}
		case is(args[i], "justid"):
			justID = true
		default:
			c.err(errSyntax)
			return
		}
	}
	en, s, g, ok := c.streamGroup(args[1], args[2])
	if !ok {
		return
	}
	if s == nil {
		c.noGroup(args[1], args[2])
		return
	}
	if count > 1<<43 { // 16 bytes for each would not fit the address space
		c.err("ERR Insufficient memory, failed allocating transient memory, COUNT too high.")
		return
	}
	c.db.beforeWrite(&en)
	c.noPropagate = true
	var co *consumer
	var gone []rdb.StreamID
	place, n := c.deferred(), 0
	p := g.pending.seek(from)
	for attempts := 10 * count; attempts > 0 && count > 0; attempts-- {
		item := g.pending.at(p)
		if item == nil {
			break
		}
		id := item.id
		cu := s.walk(id, id)
		if !cu.next() {
			c.propagateClaim(args[1], g, id, nil)
			e.dirty++
			g.settle(id)
			gone = append(gone, id)
			p = g.pending.seek(id)
			count--
			continue
		}
		p = g.pending.next(p)
		if minIdle > 0 && e.now-item.v.at < minIdle {
			continue
		}
		if co == nil {
			co = e.activeConsumer(c, args[1], g, args[3])
		}
		deliveries := item.v.count
		if !justID {
			deliveries++
		}
		g.give(id, co, e.now, deliveries)
		if justID {
			c.streamID(id)
		} else {
			c.streamEntry(&cu)
		}
		n++
		count--
		c.propagateClaim(args[1], g, id, nil)
		e.dirty++
	}
	var end rdb.StreamID
	if item := g.pending.at(p); item != nil {
		end = item.id
	}
	c.fill(place, func() {
		c.array(3)
		c.streamID(end)
		c.array(n)
	})
	c.array(len(gone))
	for _, id := range gone {
		c.streamID(id)
	}
}

// lag writes how many entries the group has still to deliver, null where that
// cannot be known.
func (c *client) lag(s *stream, g *group) {
	read := g.read
	switch {
	case s.added == 0:
		c.int(0)
		return
	case read == -1 || s.fragmented(g.last):
		read = s.distance(g.last)
	}
	if read == -1 {
		c.null()
		return
	}
	c.int(int64(s.added) - read)
}

// entriesRead writes the group's counter, null where it is not known.
func (c *client) entriesRead(g *group) {
	if g.read == -1 {
		c.null()
	} else {
		c.int(g.read)
	}
}

func cmdXinfoConsumers(e *Engine, c *client, args [][]byte) {
	s, ok := c.readStream(args[2], c.noSuchKey)
	if !ok {
		return
	}
	g := s.group(args[3])
	if g == nil {
		c.noGroupOf(args[2], args[3])
		return
	}
	c.array(len(g.consumers))
	for _, co := range g.consumers {
		c.mapping(3)
		c.bulkString("name")
		c.bulkString(co.name)
		c.bulkString("pending")
		c.int(int64(co.pending.n))
		c.bulkString("idle")
		c.int(max(0, e.now-co.seen))
	}
}

func cmdXinfoGroups(e *Engine, c *client, args [][]byte) {
	s, ok := c.readStream(args[2], c.noSuchKey)
	if !ok {
		return
	}
	c.array(len(s.groups))
	for _, g := range s.groups {
		c.mapping(6)
		c.bulkString("name")
		c.bulkString(g.name)
		c.bulkString("consumers")
		c.int(int64(len(g.consumers)))
		c.bulkString("pending")
		c.int(int64(g.pending.n))
		c.bulkString("last-delivered-id")
		c.streamID(g.last)
		c.bulkString("entries-read")
		c.entriesRead(g)
		c.bulkString("lag")
		c.lag(s, g)
	}
}

func cmdXinfoHelp(e *Engine, c *client, args [][]byte) {
	c.help("XINFO",
		"CONSUMERS <key> <groupname>", "    The consumers of a group.",
		"GROUPS <key>", "    The groups of a stream.",
		"STREAM <key> [FULL [COUNT <count>]]", "    About a stream; FULL: with entries, groups and consumers.")
}

func cmdXinfoStream(e *Engine, c *client, args [][]byte) {
	s, ok := c.readStream(args[2], c.noSuchKey)
	if !ok {
		return
	}
	full, count := len(args) > 3, int64(10)
	if full {
		if len(args) != 4 && len(args) != 6 || !is(args[3], "full") || len(args) == 6 && !is(args[4], "count") {
			c.wrongSub("XINFO", args[1])
			return
		}
		if len(args) == 6 {
			if count, ok = c.intArg(args[5], math.MinInt64, ""); !ok {
				return
			}
			if count < 0 {
				count = 10
			}
		}
	}
	if full {
		c.mapping(9)
	} else {
		c.mapping(10)
	}
	c.bulkString("length")
	c.int(int64(s.length))
	c.bulkString("radix-tree-keys")
	c.int(int64(s.nodes.n))
	c.bulkString("radix-tree-nodes")
	c.int(int64(s.radixNodes()))
	c.bulkString("last-generated-id")
	c.streamID(s.last)
	c.bulkString("max-deleted-entry-id")
	c.streamID(s.maxDeleted)
	c.bulkString("entries-added")
	c.int(int64(s.added))
	c.bulkString("recorded-first-entry-id")
	c.streamID(s.first)
	if full {
		c.bulkString("entries")
		c.streamEntries(s.walk(rdb.StreamID{}, maxStreamID), count)
		c.bulkString("groups")
		c.array(len(s.groups))
		for _, g := range s.groups {
			c.fullGroup(s, g, count)
		}
		return
	}
	c.bulkString("groups")
	c.int(int64(len(s.groups)))
	for _, end := range []struct {
		name string
		walk streamCursor
	}{{"first-entry", s.walk(rdb.StreamID{}, maxStreamID)}, {"last-entry", s.walkBack(rdb.StreamID{}, maxStreamID)}} {
		c.bulkString(end.name)
		if end.walk.next() {
			c.streamEntry(&end.walk)
		} else {
			c.null()
		}
	}
}

// fullGroup writes a group as XINFO STREAM FULL does.
func (c *client) fullGroup(s *stream, g *group, count int64) {
	c.mapping(7)
	c.bulkString("name")
	c.bulkString(g.name)
	c.bulkString("last-delivered-id")
	c.streamID(g.last)
	c.bulkString("entries-read")
	c.entriesRead(g)
	c.bulkString("lag")
	c.lag(s, g)
	c.bulkString("pel-count")
	c.int(int64(g.pending.n))
	c.bulkString("pending")
	place, n := c.deferred(), 0
	g.pending.each(func(id rdb.StreamID, p *pending) bool {
		c.array(4)
		c.streamID(id)
		c.bulkString(g.seats[p.owner].name)
		c.int(p.at)
		c.int(p.count)
		n++
		return int64(n) != count
	})
	c.fillArray(place, n)
	c.bulkString("consumers")
	c.array(len(g.consumers))
	for _, co := range g.consumers {
		c.mapping(4)
		c.bulkString("name")
		c.bulkString(co.name)
		c.bulkString("seen-time")
		c.int(co.seen)
		c.bulkString("pel-count")
		c.int(int64(co.pending.n))
		c.bulkString("pending")
		place, n := c.deferred(), 0
		co.pending.each(func(id rdb.StreamID, _ *struct{}) bool {
			p := g.pending.find(id)
			c.array(3)
			c.streamID(id)
			c.int(p.at)
			c.int(p.count)
			n++
			return int64(n) != count
		})
		c.fillArray(place, n)
	}
}
