package redisserver

import (
	"bytes"
	"math"
	"strconv"
	"time"

	"landings/internal/rdb"
)

func streamCommands() []command {
	return []command{
		{name: "xack", arity: -4, flags: "write fast", keys: "1 1 1", spec: "RW update", cats: "stream", since: "5.0.0", do: cmdXack},
		{name: "xadd", arity: -5, flags: "write denyoom fast", keys: "1 1 1", spec: "RW update", cats: "stream", tips: "nondeterministic_output", since: "5.0.0", do: cmdXadd},
		{name: "xautoclaim", arity: -6, flags: "write fast", keys: "1 1 1", spec: "RW delete", cats: "stream", tips: "nondeterministic_output", since: "6.2.0", do: cmdXautoclaim},
		{name: "xclaim", arity: -6, flags: "write fast", keys: "1 1 1", spec: "RW update", cats: "stream", tips: "nondeterministic_output", since: "5.0.0", do: cmdXclaim},
		{name: "xdel", arity: -3, flags: "write fast", keys: "1 1 1", spec: "RW delete", cats: "stream", since: "5.0.0", do: cmdXdel},
		{name: "xgroup", arity: -2, since: "5.0.0", sub: []command{
			{name: "create", arity: -5, flags: "write denyoom", keys: "2 2 1", spec: "RW insert", cats: "stream", since: "5.0.0", do: cmdXgroupCreate},
			{name: "createconsumer", arity: 5, flags: "write denyoom", keys: "2 2 1", spec: "RW insert", cats: "stream", since: "6.2.0", do: cmdXgroupCreateconsumer},
			{name: "delconsumer", arity: 5, flags: "write", keys: "2 2 1", spec: "RW delete", cats: "stream", since: "5.0.0", do: cmdXgroupDelconsumer},
			{name: "destroy", arity: 4, flags: "write", keys: "2 2 1", spec: "RW delete", cats: "stream", since: "5.0.0", do: cmdXgroupDestroy},
			{name: "help", arity: 2, flags: "loading stale", cats: "stream", since: "5.0.0", do: cmdXgroupHelp},
			{name: "setid", arity: -5, flags: "write", keys: "2 2 1", spec: "RW update", cats: "stream", since: "5.0.0", do: cmdXgroupSetid},
		}},
		{name: "xinfo", arity: -2, since: "5.0.0", sub: []command{
			{name: "consumers", arity: 4, flags: "readonly", keys: "2 2 1", spec: "RO access", cats: "stream", tips: "nondeterministic_output", since: "5.0.0", do: cmdXinfoConsumers},
			{name: "groups", arity: 3, flags: "readonly", keys: "2 2 1", spec: "RO access", cats: "stream", since: "5.0.0", do: cmdXinfoGroups},
			{name: "help", arity: 2, flags: "loading stale", cats: "stream", since: "5.0.0", do: cmdXinfoHelp},
			{name: "stream", arity: -3, flags: "readonly", keys: "2 2 1", spec: "RO access", cats: "stream", since: "5.0.0", do: cmdXinfoStream},
		}},
		{name: "xlen", arity: 2, flags: "readonly fast", keys: "1 1 1", spec: "RO", cats: "stream", since: "5.0.0", do: cmdXlen},
		{name: "xpending", arity: -3, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "stream", tips: "nondeterministic_output", since: "5.0.0", do: cmdXpending},
		{name: "xrange", arity: -4, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "stream", since: "5.0.0", do: cmdXrange},
		{name: "xread", arity: -4, flags: "readonly blocking movablekeys", keys: "0 0 0", spec: "RO access | keyword STREAMS 1 | range -1 1 2", cats: "stream", since: "5.0.0", do: cmdXread},
		{name: "xreadgroup", arity: -7, flags: "write blocking movablekeys", keys: "0 0 0", spec: "RO access | keyword STREAMS 4 | range -1 1 2", cats: "stream", since: "5.0.0", do: cmdXreadgroup},
		{name: "xrevrange", arity: -4, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "stream", since: "5.0.0", do: cmdXrevrange},
		{name: "xsetid", arity: -3, flags: "write denyoom fast", keys: "1 1 1", spec: "RW update", cats: "stream", since: "5.0.0", do: cmdXsetid},
		{name: "xtrim", arity: -4, flags: "write", keys: "1 1 1", spec: "RW delete", cats: "stream", tips: "nondeterministic_output", since: "5.0.0", do: cmdXtrim},
	}
}

const errStreamID = "ERR Invalid stream ID specified as stream command argument"

// cText is an argument up to its first zero byte: what Redis reads of ids and
// shows in errors.
func cText(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}

// parseUint reads a number of 64 bits without sign as C's strtoull does: white
// space, a sign and leading zeros may stand before it, but no canonical negative
// number.
func parseUint(b []byte) (uint64, bool) {
	if n, ok := parseInt(b); ok {
		return uint64(n), n >= 0
	}
	for len(b) > 0 && (b[0] == ' ' || b[0] >= '\t' && b[0] <= '\r') {
		b = b[1:]
	}
	negative := false
	if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
		negative = b[0] == '-'
		b = b[1:]
	}
	if len(b) == 0 || b[0] < '0' || b[0] > '9' { // ParseUint's underscores and words are none
		return 0, false
	}
	n, err := strconv.ParseUint(string(b), 10, 64)
	if negative {
		n = -n
	}
	return n, err == nil
}

// streamID parses an id; one without a sequence gets the missing one. - and + are
// the first and the last id, unless strict.
func parseStreamID(arg []byte, missing uint64, strict bool) (id rdb.StreamID, ok bool) {
	id, _, ok = parsePartialID(arg, missing, strict, false)
	return id, ok
}

// parsePartialID also accepts ms-*, if auto: open then says that the sequence is
// to be chosen.
func parsePartialID(arg []byte, missing uint64, strict, auto bool) (id rdb.StreamID, open, ok bool) {
	if len(arg) > 127 {
		return id, false, false
	}
	arg = cText(arg)
	if len(arg) == 1 && (arg[0] == '-' || arg[0] == '+') {
		if arg[0] == '+' {
			id = maxStreamID
		}
		return id, false, !strict
	}
	ms, seq, whole := bytes.Cut(arg, []byte{'-'})
	if id.Ms, ok = parseUint(ms); !ok {
		return id, false, false
	}
	switch {
	case !whole:
		id.Seq = missing
	case auto && len(seq) == 1 && seq[0] == '*':
		open = true
	default:
		id.Seq, ok = parseUint(seq)
	}
	return id, open, ok
}

// idArg parses an id that is neither - nor +; it writes the error.
func (c *client) idArg(arg []byte) (rdb.StreamID, bool) {
	id, ok := parseStreamID(arg, 0, true)
	if !ok {
		c.err(errStreamID)
	}
	return id, ok
}

// idArgs parses several.
func (c *client) idArgs(args [][]byte) ([]rdb.StreamID, bool) {
	ids := make([]rdb.StreamID, len(args))
	for i, a := range args {
		var ok bool
		if ids[i], ok = c.idArg(a); !ok {
			return nil, false
		}
	}
	return ids, true
}

// fromArg and toArg parse the ends of an interval; ( before an id leaves it out.
func (c *client) fromArg(arg []byte) (rdb.StreamID, bool) {
	return c.endArg(arg, 0, nextID, "ERR invalid start ID for the interval")
}

func (c *client) toArg(arg []byte) (rdb.StreamID, bool) {
	return c.endArg(arg, math.MaxUint64, prevID, "ERR invalid end ID for the interval")
}

func (c *client) endArg(arg []byte, missing uint64, step func(rdb.StreamID) (rdb.StreamID, bool), problem string) (rdb.StreamID, bool) {
	exclusive := len(arg) > 1 && arg[0] == '('
	if exclusive {
		arg = arg[1:]
	}
	id, ok := parseStreamID(arg, missing, exclusive)
	if !ok {
		c.err(errStreamID)
		return id, false
	}
	if exclusive {
		if id, ok = step(id); !ok {
			c.err(problem)
		}
	}
	return id, ok
}

func appendStreamID(b []byte, id rdb.StreamID) []byte {
	b = strconv.AppendUint(b, id.Ms, 10)
	b = append(b, '-')
	return strconv.AppendUint(b, id.Seq, 10)
}

// bid makes the bytes of an id.
func bid(id rdb.StreamID) []byte { return appendStreamID(nil, id) }

func (c *client) streamID(id rdb.StreamID) {
	var buf [41]byte
	c.bulk(appendStreamID(buf[:0], id))
}

// streamEntry writes the entry on which a walk stands.
func (c *client) streamEntry(cu *streamCursor) {
	c.array(2)
	c.streamID(cu.id)
	c.array(2 * cu.fields)
	cu.pairs(func(field, value []byte) { c.bulk(field); c.bulk(value) })
}

// streamEntries writes what is left of a walk, at most count entries (0: all).
func (c *client) streamEntries(cu streamCursor, count int64) {
	p, n := c.deferred(), 0
	for cu.next() {
		c.streamEntry(&cu)
		if n++; int64(n) == count {
			break
		}
	}
	c.fillArray(p, n)
}

// streamOf is the stream of an entry that exists; it writes the error for another
// type.
func (c *client) streamOf(en *entry) (*stream, bool) {
	if en.kind() != kindStream {
		c.err(errWrongType)
		return nil, false
	}
	return c.db.object(en).(*stream), true
}

// readStream finds a stream to read. If there is none it returns false after
// writing an error, for a key of another type, or calling absent.
func (c *client) readStream(key []byte, absent func()) (*stream, bool) {
	en := c.db.lookup(key)
	if !en.exists() {
		absent()
		return nil, false
	}
	return c.streamOf(&en)
}

// writeStream finds a stream to change, as readStream.
func (c *client) writeStream(key []byte, absent func()) (*stream, bool) {
	en := c.db.lookupWrite(key)
	if !en.exists() {
		absent()
		return nil, false
	}
	return c.streamOf(&en)
}

func (c *client) noSuchKey() { c.err(errNoKey) }

// trimArgs are the arguments of XTRIM, and of XADD up to the fields.
type trimArgs struct {
	trimming
	at        int // index of the length or id to which it trims
	noMk      bool
	idAt      int          // XADD: index of the id
	id        rdb.StreamID // XADD: given, unless auto
	auto      bool         // XADD: *
	autoSeq   bool         // XADD: ms-*
	limitSeen bool
}

// parseTrim reads the arguments of XADD and XTRIM from the third on; it writes
// the error.
func (c *client) parseTrim(args [][]byte, xadd bool) (t trimArgs, ok bool) {
	i := 2
	strategy := func(by trimBy) bool {
		if t.by != trimNone {
			c.err("ERR syntax error, MAXLEN and MINID options at the same time are not compatible")
			return false
		}
		t.by, t.approx = by, false
		if next := string(args[i+1]); len(args)-i > 2 && (next == "~" || next == "=") {
			t.approx = next == "~"
			i++
		}
		i++
		t.at = i
		return true
	}
options:
	for ; i < len(args); i++ {
		more := i+1 < len(args)
		switch opt := args[i]; {
		case xadd && len(opt) == 1 && opt[0] == '*':
			t.auto = true
			break options
		case is(opt, "maxlen") && more:
			if !strategy(trimMaxLen) {
				return t, false
			}
			n, ok := c.intArg(args[i], math.MinInt64, "")
			if !ok {
				return t, false
			}
			if n < 0 {
				c.err("ERR The MAXLEN argument must be >= 0.")
				return t, false
			}
			t.maxLen = uint64(n)
		case is(opt, "minid") && more:
			if !strategy(trimMinID) {
				return t, false
			}
			if t.minID, ok = c.idArg(args[i]); !ok {
				return t, false
			}
		case is(opt, "limit") && more:
			i++
			if t.limit, ok = c.intArg(args[i], math.MinInt64, ""); !ok {
				return t, false
			}
			if t.limit < 0 {
				c.err("ERR The LIMIT argument must be >= 0.")
				return t, false
			}
			t.limitSeen = true
		case xadd && is(opt, "nomkstream"):
			t.noMk = true
		case xadd:
			if t.id, t.autoSeq, ok = parsePartialID(opt, 0, true, true); !ok {
				c.err(errStreamID)
				return t, false
			}
			break options
		default:
			c.err(errSyntax)
			return t, false
		}
	}
	t.idAt = i
	switch {
	case t.limit != 0 && t.by == trimNone:
		c.err("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy")
	case !xadd && t.by == trimNone:
		c.err("ERR syntax error, XTRIM must be called with a trimming strategy")
	case c.internal: // the file says = where a client said ~, and to what it came
		t.limit = 0
		return t, true
	case t.limitSeen && !t.approx:
		c.err("ERR syntax error, LIMIT cannot be used without the special ~ option")
	default:
		if t.approx && !t.limitSeen {
			// Redis bounds the work of one command.
			n := c.e.cfg.streamNodeEntries
			if n > 10000 {
				n = 10000
			}
			if t.limit = 100 * n; t.limit <= 0 {
				t.limit = 10000
			}
		}
		return t, true
	}
	return t, false
}

// exact puts into args what approximate trimming came to, for the append-only
// file.
func (t *trimArgs) exact(args [][]byte, s *stream) {
	args[t.at-1] = bs("=")
	if t.by == trimMaxLen {
		args[t.at] = bi(int64(s.length))
		return
	}
	cu := s.walk(rdb.StreamID{}, maxStreamID)
	cu.deleted = true
	cu.id = maxStreamID
	cu.next()
	args[t.at] = bid(cu.id)
}

func cmdXadd(e *Engine, c *client, args [][]byte) {
	t, ok := c.parseTrim(args, true)
	if !ok {
		return
	}
	if n := len(args) - t.idAt - 1; n < 2 || n%2 == 1 {
		c.err("ERR wrong number of arguments for 'xadd' command")
		return
	}
	given := !t.auto && !t.autoSeq
	if given && t.id == (rdb.StreamID{}) {
		c.err("ERR The ID specified in XADD must be greater than 0-0")
		return
	}
	en := c.db.lookupWrite(args[1])
	var s *stream
	if !en.exists() {
		if t.noMk {
			c.null()
			return
		}
		s = newStream(e.arena)
	} else if s, ok = c.streamOf(&en); !ok {
		return
	}
	if s.last == maxStreamID {
		c.err("ERR The stream has exhausted the last possible ID, unable to add more items")
		return
	}
	pairs := args[t.idAt+1:]
	size := 0
	for _, p := range pairs {
		size += len(p)
	}
	id := t.id
	switch {
	case t.auto:
		id = s.newID(e.now)
	case t.autoSeq && id.Ms == s.last.Ms:
		id.Seq = s.last.Seq + 1
	}
	switch {
	case t.autoSeq && id.Ms == s.last.Ms && id.Seq == 0, size > maxNode: // Redis has no other words for the former
		c.err("ERR Elements are too large to be stored")
		return
	case !s.last.Less(id):
		c.err("ERR The ID specified in XADD is equal or smaller than the target stream top item")
		return
	}
	s.append(&e.cfg, id, pairs)
	if !en.exists() {
		c.db.addObject(args[1], kindStream, encStream, s)
	}
	c.streamID(id)
	c.changed(notifyStream, "xadd", args[1])
	if t.trim(s) {
		e.notify(notifyStream, "xtrim", args[1], c.db.id)
	}
	if t.approx || !given {
		c.noPropagate = true
		if e.aof != nil {
			out := append([][]byte(nil), args...)
			if t.approx {
				t.exact(out, s)
			}
			if !given {
				out[t.idAt] = bid(id)
			}
			c.propagateAs(out...)
		}
	}
	c.db.signalReady(args[1], kindStream)
}

func (t *trimArgs) trim(s *stream) bool { return s.trim(&t.trimming) > 0 }

func cmdXtrim(e *Engine, c *client, args [][]byte) {
	t, ok := c.parseTrim(args, false)
	if !ok {
		return
	}
	s, ok := c.writeStream(args[1], c.zero)
	if !ok {
		return
	}
	removed := s.trim(&t.trimming)
	if removed > 0 {
		e.notify(notifyStream, "xtrim", args[1], c.db.id)
		if t.approx {
			out := append([][]byte(nil), args...)
			t.exact(out, s)
			c.propagateAs(out...)
		}
		e.modified(c, c.db, args[1])
		e.dirty += removed
	}
	c.int(removed)
}

func cmdXdel(e *Engine, c *client, args [][]byte) {
	s, ok := c.writeStream(args[1], c.zero)
	if !ok {
		return
	}
	ids, ok := c.idArgs(args[2:])
	if !ok {
		return
	}
	deleted, first := int64(0), false
	for _, id := range ids {
		if !s.del(id) {
			continue
		}
		deleted++
		first = first || id == s.first
		if s.maxDeleted.Less(id) {
			s.maxDeleted = id
		}
	}
	if deleted > 0 {
		if first || s.length == 0 {
			s.findFirst()
		}
		c.changed(notifyStream, "xdel", args[1])
		e.dirty += deleted - 1
	}
	c.int(deleted)
}

func cmdXlen(e *Engine, c *client, args [][]byte) {
	if s, ok := c.readStream(args[1], c.zero); ok {
		c.int(int64(s.length))
	}
}

func cmdXrange(e *Engine, c *client, args [][]byte)    { c.xrange(args, args[2], args[3], false) }
func cmdXrevrange(e *Engine, c *client, args [][]byte) { c.xrange(args, args[3], args[2], true) }

func (c *client) xrange(args [][]byte, fromArg, toArg []byte, back bool) {
	from, ok := c.fromArg(fromArg)
	if !ok {
		return
	}
	to, ok := c.toArg(toArg)
	if !ok {
		return
	}
	count := int64(-1)
	for i := 4; i < len(args); i += 2 {
		if !is(args[i], "count") || i+1 == len(args) {
			c.err(errSyntax)
			return
		}
		if count, ok = c.intArg(args[i+1], math.MinInt64, ""); !ok {
			return
		}
		count = max(count, 0)
	}
	s, ok := c.readStream(args[1], func() { c.array(0) })
	switch {
	case !ok:
	case count == 0:
		c.nullArray()
	case back:
		c.streamEntries(s.walkBack(from, to), count)
	default:
		c.streamEntries(s.walk(from, to), count)
	}
}

func cmdXsetid(e *Engine, c *client, args [][]byte) {
	id, ok := c.idArg(args[2])
	if !ok {
		return
	}
	added, maxDeleted := int64(-1), rdb.StreamID{}
	for i := 3; i < len(args); i += 2 {
		switch more := i+1 < len(args); {
		case is(args[i], "entriesadded") && more:
			if added, ok = c.intArg(args[i+1], math.MinInt64, ""); !ok {
				return
			}
			if added < 0 {
				c.err("ERR entries_added must be positive")
				return
			}
		case is(args[i], "maxdeletedid") && more:
			if maxDeleted, ok = c.idArg(args[i+1]); !ok {
				return
			}
			if id.Less(maxDeleted) {
				c.err("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id")
				return
			}
		default:
			c.err(errSyntax)
			return
		}
	}
	s, ok := c.writeStream(args[1], c.noSuchKey)
	if !ok {
		return
	}
	if s.length > 0 {
		if id.Less(s.lastLive()) {
			c.err("ERR The ID specified in XSETID is smaller than the target stream top item")
			return
		}
		if added != -1 && s.length > uint64(added) {
			c.err("ERR The entries_added specified in XSETID is smaller than the target stream length")
			return
		}
	}
	s.last = id
	if added != -1 {
		s.added = uint64(added)
	}
	if maxDeleted != (rdb.StreamID{}) {
		s.maxDeleted = maxDeleted
	}
	c.ok()
	e.dirty++
	e.notify(notifyStream, "xsetid", args[1], c.db.id)
}

// groupRead is how XREADGROUP reads; nil for XREAD.
type groupRead struct {
	group, consumer []byte
	noAck           bool
}

// blockedCount is how many entries a client gets that waited without a COUNT.
const blockedCount = 1000

func cmdXread(e *Engine, c *client, args [][]byte)      { c.xread(args, nil) }
func cmdXreadgroup(e *Engine, c *client, args [][]byte) { c.xread(args, &groupRead{}) }

func (c *client) xread(args [][]byte, by *groupRead) {
	c.noPropagate = true
	var (
		block   bool
		timeout time.Duration
		count   int64
		ok      bool
		keys    [][]byte
		idArgs  [][]byte
	)
options:
	for i := 1; i < len(args); i++ {
		more := len(args) - i - 1
		switch opt := args[i]; {
		case is(opt, "block") && more > 0:
			i++
			if timeout, ok = blockTimeout(c, args[i], time.Millisecond); !ok {
				return
			}
			block = true
		case is(opt, "count") && more > 0:
			i++
			if count, ok = c.intArg(args[i], math.MinInt64, ""); !ok {
				return
			}
			count = max(count, 0)
		case is(opt, "streams") && more > 0:
			if more%2 != 0 {
				c.err("ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.")
				return
			}
			keys, idArgs = args[i+1:i+1+more/2], args[i+1+more/2:]
			break options
		case is(opt, "group") && more > 1:
			if by == nil {
				c.err("ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.")
				return
			}
			by.group, by.consumer = args[i+1], args[i+2]
			i += 2
		case is(opt, "noack"):
			if by == nil {
				c.err("ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.")
				return
			}
			by.noAck = true
		default:
			c.err(errSyntax)
			return
		}
	}
	if keys == nil {
		c.err(errSyntax)
		return
	}
	if by != nil && by.group == nil {
		c.err("ERR Missing GROUP option for XREADGROUP")
		return
	}
	after := make([]rdb.StreamID, len(keys)) // entries behind these are wanted
	for i, key := range keys {
		en := c.db.lookup(key)
		var s *stream
		if en.exists() {
			if s, ok = c.streamOf(&en); !ok {
				return
			}
		}
		if by != nil && (s == nil || s.group(by.group) == nil) {
			c.err("NOGROUP No such key '" + string(cText(key)) + "' or consumer group '" + string(cText(by.group)) + "' in XREADGROUP with GROUP option")
			return
		}
		switch id := string(cText(idArgs[i])); {
		case id == "$" && by != nil:
			c.err("ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.")
			return
		case id == "$":
			if s != nil {
				after[i] = s.last
			}
		case id == ">" && by == nil:
			c.err("ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.")
			return
		case id == ">":
			after[i] = maxStreamID
		default:
			if after[i], ok = c.idArg(idArgs[i]); !ok {
				return
			}
		}
	}

	place, served := c.deferred(), 0
	for i, key := range keys {
		en := c.db.lookup(key)
		if !en.exists() {
			continue
		}
		s := c.db.object(&en).(*stream)
		if by == nil {
			if s.length > 0 && after[i].Less(s.lastLive()) {
				served++
				c.streamKey(key)
				from, _ := nextID(after[i])
				c.streamEntries(s.walk(from, maxStreamID), count)
			}
			continue
		}
		g := s.group(by.group)
		history := after[i] != maxStreamID
		if !history && (s.length == 0 || !g.last.Less(s.lastLive())) {
			continue
		}
		served++
		c.streamKey(key)
		c.db.beforeWrite(&en)
		co := c.readingConsumer(key, g, by)
		if history {
			from, _ := nextID(after[i])
			c.readHistory(s, g, co, from, count)
		} else {
			c.readNew(key, s, g, co, by, count)
		}
		c.e.dirty++
	}
	switch {
	case served > 0 && c.resp < 3:
		c.fillArray(place, served)
	case served > 0:
		c.fillMapping(place, served)
	case block && !c.inExec:
		c.blockOnStreams(keys, after, by, count, timeout)
	default:
		c.nullArray()
	}
}

// streamKey begins what is answered about one key.
func (c *client) streamKey(key []byte) {
	if c.resp < 3 {
		c.array(2)
	}
	c.bulk(key)
}

// blockOnStreams waits for entries behind the given ids, or for new ones of the
// group.
func (c *client) blockOnStreams(keys [][]byte, after []rdb.StreamID, by *groupRead, count int64, timeout time.Duration) {
	if count == 0 {
		count = blockedCount
	}
	wanted := make(map[string]rdb.StreamID, len(keys))
	for i, key := range keys {
		if _, twice := wanted[string(key)]; !twice {
			wanted[string(key)] = after[i]
		}
	}
	if by != nil {
		kept := copyArgs([][]byte{by.group, by.consumer})
		by = &groupRead{kept[0], kept[1], by.noAck}
	}
	serve := func(key []byte) bool {
		en := c.db.find(key)
		if !en.exists() || en.kind() != kindStream {
			if by != nil {
				c.err("UNBLOCKED the stream key no longer exists")
			}
			return by != nil
		}
		s := c.db.object(&en).(*stream)
		last := wanted[string(key)]
		var g *group
		if by != nil {
			if g = s.group(by.group); g == nil {
				c.err("NOGROUP the consumer group this client was blocked on no longer exists")
				return true
			}
			last = g.last
		}
		if !last.Less(s.last) {
			return false
		}
		var co *consumer
		if g != nil {
			c.db.beforeWrite(&en)
			co = c.readingConsumer(key, g, by)
		}
		if c.resp < 3 {
			c.array(1)
		} else {
			c.mapping(1)
		}
		c.streamKey(key)
		if g == nil {
			from, _ := nextID(last)
			c.streamEntries(s.walk(from, maxStreamID), count)
			return true
		}
		c.readNew(key, s, g, co, by, count)
		c.e.dirty++
		return true
	}
	c.e.blockOn(c, kindStream, keys, timeout, serve, c.nullArray)
}
