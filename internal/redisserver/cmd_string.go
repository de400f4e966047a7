package redisserver

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/big"
	"slices"
	"strconv"
)

func stringCommands() []command {
	return []command{
		{name: "append", arity: 3, flags: "write denyoom fast", keys: "1 1 1", spec: "RW insert", cats: "string", since: "2.0.0", do: cmdAppend},
		{name: "decr", arity: 2, flags: "write denyoom fast", keys: "1 1 1", spec: "RW access update", cats: "string", since: "1.0.0", do: cmdDecr},
		{name: "decrby", arity: 3, flags: "write denyoom fast", keys: "1 1 1", spec: "RW access update", cats: "string", since: "1.0.0", do: cmdDecrby},
		{name: "get", arity: 2, flags: "readonly fast", keys: "1 1 1", spec: "RO access", cats: "string", since: "1.0.0", do: cmdGet},
		{name: "getdel", arity: 2, flags: "write fast", keys: "1 1 1", spec: "RW access delete", cats: "string", since: "6.2.0", do: cmdGetdel},
		{name: "getex", arity: -2, flags: "write fast", keys: "1 1 1", spec: "RW access update", cats: "string", since: "6.2.0", do: cmdGetex},
		{name: "getrange", arity: 4, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "string", since: "2.4.0", do: cmdGetrange},
		{name: "getset", arity: 3, flags: "write denyoom fast", keys: "1 1 1", spec: "RW access update", cats: "string", since: "1.0.0", do: cmdGetset},
		{name: "incr", arity: 2, flags: "write denyoom fast", keys: "1 1 1", spec: "RW access update", cats: "string", since: "1.0.0", do: cmdIncr},
		{name: "incrby", arity: 3, flags: "write denyoom fast", keys: "1 1 1", spec: "RW access update", cats: "string", since: "1.0.0", do: cmdIncrby},
		{name: "incrbyfloat", arity: 3, flags: "write denyoom fast", keys: "1 1 1", spec: "RW access update", cats: "string", since: "2.6.0", do: cmdIncrbyfloat},
		{name: "lcs", arity: -3, flags: "readonly", keys: "1 2 1", spec: "RO access", cats: "string", since: "7.0.0", do: cmdLcs},
		{name: "mget", arity: -2, flags: "readonly fast", keys: "1 -1 1", spec: "RO access", cats: "string", tips: "request_policy:multi_shard", since: "1.0.0", do: cmdMget},
		{name: "mset", arity: -3, flags: "write denyoom", keys: "1 -1 2", spec: "OW update", cats: "string", tips: "request_policy:multi_shard; response_policy:all_succeeded", since: "1.0.1", do: cmdMset},
		{name: "msetnx", arity: -3, flags: "write denyoom", keys: "1 -1 2", spec: "OW insert", cats: "string", tips: "request_policy:multi_shard; response_policy:agg_min", since: "1.0.1", do: cmdMsetnx},
		{name: "psetex", arity: 4, flags: "write denyoom", keys: "1 1 1", spec: "OW update", cats: "string", since: "2.6.0", do: cmdPsetex},
		{name: "set", arity: -3, flags: "write denyoom", keys: "1 1 1", spec: "RW access update variable_flags", cats: "string", since: "1.0.0", do: cmdSet},
		{name: "setex", arity: 4, flags: "write denyoom", keys: "1 1 1", spec: "OW update", cats: "string", since: "2.0.0", do: cmdSetex},
		{name: "setnx", arity: 3, flags: "write denyoom fast", keys: "1 1 1", spec: "OW insert", cats: "string", since: "1.0.0", do: cmdSetnx},
		{name: "setrange", arity: 4, flags: "write denyoom", keys: "1 1 1", spec: "RW update", cats: "string", since: "2.2.0", do: cmdSetrange},
		{name: "strlen", arity: 2, flags: "readonly fast", keys: "1 1 1", spec: "RO", cats: "string", since: "2.2.0", do: cmdStrlen},
		{name: "substr", arity: 4, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "string", since: "1.0.0", do: cmdSubstr},
	}
}

// encodeString chooses how a string is kept: a number, a short string, or raw.
// The value may lie in buf.
func encodeString(v []byte, buf *[8]byte) (encoding, []byte) {
	if n, ok := parseInt(v); ok {
		binary.LittleEndian.PutUint64(buf[:], uint64(n))
		return encInt, buf[:]
	}
	if len(v) <= 44 {
		return encEmbstr, v
	}
	return encRaw, v
}

// setString makes key hold a string, whatever it held.
func (db *database) setString(key, v []byte, keepTTL bool) entry {
	var buf [8]byte
	enc, b := encodeString(v, &buf)
	return db.set(key, kindString, enc, b, keepTTL)
}

// text is the string that an entry of kindString stands for; a number is written to
// buf.
func (en *entry) text(buf *[24]byte) []byte {
	if en.enc() == encInt {
		return strconv.AppendInt(buf[:0], en.int(), 10)
	}
	return en.bytes()
}

// stringOf returns an existing string to read, nil after writing absent's reply or
// an error.
func (c *client) stringOf(key []byte, absent func(), buf *[24]byte) ([]byte, bool) {
	en := c.db.lookup(key)
	if !en.exists() {
		absent()
		return nil, false
	}
	if en.kind() != kindString {
		c.err(errWrongType)
		return nil, false
	}
	return en.text(buf), true
}

// setOptions are those of SET and GETEX.
type setOptions struct {
	nx, xx, get, keepTTL, persist bool
	expire                        []byte // the argument, nil for none
	unit                          int64
	absolute                      bool
	silent                        [][]byte // the command without GET
}

func parseSetOptions(args [][]byte, getex bool) (o setOptions, ok bool) {
	for i := 0; i < len(args); i++ {
		a := args[i]
		more := i+1 < len(args)
		expires := func(unit int64, absolute bool) bool {
			if o.keepTTL || o.persist || o.expire != nil && (o.unit != unit || o.absolute != absolute) || !more {
				return false
			}
			i++
			o.expire, o.unit, o.absolute = args[i], unit, absolute
			return true
		}
		switch {
		case is(a, "nx") && !o.xx && !getex:
			o.nx = true
		case is(a, "xx") && !o.nx && !getex:
			o.xx = true
		case is(a, "get") && !getex:
			o.get = true
		case is(a, "keepttl") && !o.persist && o.expire == nil && !getex:
			o.keepTTL = true
		case is(a, "persist") && getex && o.expire == nil:
			o.persist = true
		case is(a, "ex"):
			ok = expires(1000, false)
		case is(a, "px"):
			ok = expires(1, false)
		case is(a, "exat"):
			ok = expires(1000, true)
		case is(a, "pxat"):
			ok = expires(1, true)
		default:
			return o, false
		}
		if (is(a, "ex") || is(a, "px") || is(a, "exat") || is(a, "pxat")) && !ok {
			return o, false
		}
	}
	return o, true
}

// expireAt reads the options' time, which must be positive; it writes the error.
func (o *setOptions) expireAt(c *client) (int64, bool) {
	base := c.e.now
	if o.absolute {
		base = 0
	}
	v, ok := parseInt(o.expire)
	if !ok {
		c.err(errNotInt)
		return 0, false
	}
	if v <= 0 || o.unit == 1000 && v > math.MaxInt64/1000 || v*o.unit > math.MaxInt64-base {
		c.err("ERR invalid expire time in '" + c.last.fullName + "' command")
		return 0, false
	}
	return v*o.unit + base, true
}

func cmdSet(e *Engine, c *client, args [][]byte) {
	o, ok := parseSetOptions(args[3:], false)
	if !ok {
		c.err(errSyntax)
		return
	}
	if o.get {
		o.silent = slices.Clone(args[:3])
		for _, a := range args[3:] {
			if !is(a, "get") {
				o.silent = append(o.silent, a)
			}
		}
	}
	e.setCommand(c, args[1], args[2], o, c.ok, c.null)
}

// setCommand is SET in all its forms. done and aborted write the reply where GET
// does not.
func (e *Engine) setCommand(c *client, key, value []byte, o setOptions, done, aborted func()) {
	var at int64
	if o.expire != nil {
		var ok bool
		if at, ok = o.expireAt(c); !ok {
			return
		}
	}
	if o.get {
		var buf [24]byte
		old, ok := c.stringOf(key, c.null, &buf)
		if ok {
			c.bulk(old)
		} else if c.failed {
			return
		}
		done, aborted = func() {}, func() {}
	}
	if o.nx || o.xx {
		en := c.db.find(key)
		if o.nx && en.exists() || o.xx && !en.exists() {
			aborted()
			return
		}
	}
	en := c.db.setString(key, value, o.keepTTL)
	if at != 0 {
		c.db.setExpire(&en, at)
		c.propagateAs(bs("SET"), key, value, bs("PXAT"), bi(at))
	} else if o.get {
		c.propagateAs(o.silent...)
	}
	c.changed(notifyString, "set", key)
	if at != 0 {
		e.notify(notifyGeneric, "expire", key, c.db.id)
	}
	done()
}

func cmdSetnx(e *Engine, c *client, args [][]byte) {
	e.setCommand(c, args[1], args[2], setOptions{nx: true}, func() { c.int(1) }, func() { c.int(0) })
}

func cmdSetex(e *Engine, c *client, args [][]byte) {
	e.setCommand(c, args[1], args[3], setOptions{expire: args[2], unit: 1000}, c.ok, c.null)
}

func cmdPsetex(e *Engine, c *client, args [][]byte) {
	e.setCommand(c, args[1], args[3], setOptions{expire: args[2], unit: 1}, c.ok, c.null)
}

func cmdGet(e *Engine, c *client, args [][]byte) {
	en := c.db.lookup(args[1])
	if !en.exists() {
		c.null()
		return
	}
	if en.kind() != kindString {
		c.err(errWrongType)
		return
	}
	var buf [24]byte
	c.bulk(en.text(&buf))
}

func cmdGetex(e *Engine, c *client, args [][]byte) {
	o, ok := parseSetOptions(args[2:], true)
	if !ok {
		c.err(errSyntax)
		return
	}
	var buf [24]byte
	v, ok := c.stringOf(args[1], c.null, &buf)
	if !ok {
		return
	}
	var at int64
	if o.expire != nil {
		if at, ok = o.expireAt(c); !ok {
			return
		}
	}
	c.bulk(v)
	en := c.db.lookupWrite(args[1])
	switch {
	case o.absolute && at <= e.now && e.mayExpire():
		c.db.removeEntry(&en)
		c.propagateAs(bs(e.delName()), args[1])
		c.changed(notifyGeneric, "del", args[1])
	case at != 0:
		c.db.setExpire(&en, at)
		c.propagateAs(bs("PEXPIREAT"), args[1], bi(at))
		c.changed(notifyGeneric, "expire", args[1])
	case o.persist && en.expire() != 0:
		c.db.setExpire(&en, 0)
		c.propagateAs(bs("PERSIST"), args[1])
		c.changed(notifyGeneric, "persist", args[1])
	}
}

func cmdGetdel(e *Engine, c *client, args [][]byte) {
	var buf [24]byte
	v, ok := c.stringOf(args[1], c.null, &buf)
	if !ok {
		return
	}
	c.bulk(v)
	c.db.remove(args[1])
	c.propagateAs(bs("DEL"), args[1])
	c.changed(notifyGeneric, "del", args[1])
}

func cmdGetset(e *Engine, c *client, args [][]byte) {
	var buf [24]byte
	v, ok := c.stringOf(args[1], c.null, &buf)
	if ok {
		c.bulk(v)
	} else if c.failed {
		return
	}
	c.db.setString(args[1], args[2], false)
	c.propagateAs(bs("SET"), args[1], args[2])
	c.changed(notifyString, "set", args[1])
}

func cmdStrlen(e *Engine, c *client, args [][]byte) {
	var buf [24]byte
	if v, ok := c.stringOf(args[1], c.zero, &buf); ok {
		c.int(int64(len(v)))
	}
}

// tooLong says, in an error, that a string would grow beyond the limit.
func (c *client) tooLong(n int64) bool {
	if n > c.e.cfg.maxBulk || n < 0 {
		c.err("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
		return true
	}
	return false
}

// rawString makes an existing string raw with room for n bytes and returns them; those
// in [from, to) may be written.
func (db *database) rawString(en *entry, n, from, to int) []byte {
	if en.enc() == encInt {
		var buf [24]byte
		db.setBytes(en, encRaw, bytes.Clone(en.text(&buf)))
	}
	en.setEnc(encRaw)
	return db.grow(en, n, from, to)
}

func cmdAppend(e *Engine, c *client, args [][]byte) {
	en := c.db.lookupWrite(args[1])
	if !en.exists() {
		c.db.setString(args[1], args[2], false)
		c.int(int64(len(args[2])))
		c.changed(notifyString, "append", args[1])
		return
	}
	if en.kind() != kindString {
		c.err(errWrongType)
		return
	}
	var buf [24]byte
	n := len(en.text(&buf))
	if c.tooLong(int64(n) + int64(len(args[2]))) {
		return
	}
	copy(c.db.rawString(&en, n+len(args[2]), n, n+len(args[2]))[n:], args[2])
	c.int(int64(n + len(args[2])))
	c.changed(notifyString, "append", args[1])
}

func cmdSetrange(e *Engine, c *client, args [][]byte) {
	off, ok := parseInt(args[2])
	if !ok {
		c.err(errNotInt)
		return
	}
	if off < 0 {
		c.err("ERR offset is out of range")
		return
	}
	en := c.db.lookupWrite(args[1])
	if en.exists() && en.kind() != kindString {
		c.err(errWrongType)
		return
	}
	v := args[3]
	if len(v) == 0 {
		var buf [24]byte
		if !en.exists() {
			c.int(0)
		} else {
			c.int(int64(len(en.text(&buf))))
		}
		return
	}
	if c.tooLong(off + int64(len(v))) {
		return
	}
	n := int(off) + len(v)
	if !en.exists() {
		en = c.db.add(args[1], kindString, encRaw, make([]byte, n))
	} else {
		var buf [24]byte
		n = max(n, len(en.text(&buf)))
	}
	copy(c.db.rawString(&en, n, int(off), int(off)+len(v))[off:], v)
	c.int(int64(n))
	c.changed(notifyString, "setrange", args[1])
}

func cmdGetrange(e *Engine, c *client, args [][]byte) {
	start, ok1 := parseInt(args[2])
	end, ok2 := parseInt(args[3])
	if !ok1 || !ok2 {
		c.err(errNotInt)
		return
	}
	var buf [24]byte
	v, ok := c.stringOf(args[1], func() { c.bulkString("") }, &buf)
	if !ok {
		return
	}
	n := int64(len(v))
	if start < 0 && end < 0 && start > end {
		c.bulkString("")
		return
	}
	if start < 0 {
		start = max(0, start+n)
	}
	if end < 0 {
		end = max(0, end+n)
	}
	end = min(end, n-1)
	if start > end || n == 0 {
		c.bulkString("")
		return
	}
	c.bulk(v[start : end+1])
}

func cmdSubstr(e *Engine, c *client, args [][]byte) { cmdGetrange(e, c, args) }

func cmdMget(e *Engine, c *client, args [][]byte) {
	c.array(len(args) - 1)
	var buf [24]byte
	for _, k := range args[1:] {
		en := c.db.lookup(k)
		if !en.exists() || en.kind() != kindString {
			c.null()
			continue
		}
		c.bulk(en.text(&buf))
	}
}

func cmdMset(e *Engine, c *client, args [][]byte)   { e.mset(c, args, false) }
func cmdMsetnx(e *Engine, c *client, args [][]byte) { e.mset(c, args, true) }

func (e *Engine) mset(c *client, args [][]byte, nx bool) {
	if len(args)%2 == 0 {
		c.err("ERR wrong number of arguments for '" + c.last.fullName + "' command")
		return
	}
	if nx {
		for i := 1; i < len(args); i += 2 {
			if en := c.db.find(args[i]); en.exists() {
				c.int(0)
				return
			}
		}
	}
	for i := 1; i < len(args); i += 2 {
		c.db.setString(args[i], args[i+1], false)
		c.changed(notifyString, "set", args[i])
	}
	if nx {
		c.int(1)
	} else {
		c.ok()
	}
}

func cmdIncr(e *Engine, c *client, args [][]byte) { e.incrBy(c, args[1], 1) }
func cmdDecr(e *Engine, c *client, args [][]byte) { e.incrBy(c, args[1], -1) }

func cmdIncrby(e *Engine, c *client, args [][]byte) {
	if n, ok := parseInt(args[2]); ok {
		e.incrBy(c, args[1], n)
	} else {
		c.err(errNotInt)
	}
}

func cmdDecrby(e *Engine, c *client, args [][]byte) {
	n, ok := parseInt(args[2])
	switch {
	case !ok:
		c.err(errNotInt)
	case n == math.MinInt64:
		c.err("ERR decrement would overflow")
	default:
		e.incrBy(c, args[1], -n)
	}
}

func (e *Engine) incrBy(c *client, key []byte, by int64) {
	en := c.db.lookupWrite(key)
	old := int64(0)
	if en.exists() {
		if en.kind() != kindString {
			c.err(errWrongType)
			return
		}
		var buf [24]byte
		if en.enc() == encInt {
			old = en.int()
		} else {
			n, ok := parseInt(en.text(&buf))
			if !ok {
				c.err(errNotInt)
				return
			}
			old = n
		}
	}
	if by < 0 && old < 0 && by < math.MinInt64-old || by > 0 && old > 0 && by > math.MaxInt64-old {
		c.err("ERR increment or decrement would overflow")
		return
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(old+by))
	if en.exists() {
		c.db.setBytes(&en, encInt, b[:])
	} else {
		c.db.add(key, kindString, encInt, b[:])
	}
	c.int(old + by)
	c.changed(notifyString, "incrby", key)
}

func cmdIncrbyfloat(e *Engine, c *client, args [][]byte) {
	en := c.db.lookupWrite(args[1])
	if en.exists() && en.kind() != kindString {
		c.err(errWrongType)
		return
	}
	var buf [24]byte
	old, ok := new(big.Float).SetPrec(64), true
	if en.exists() {
		old, ok = parseLongDouble(en.text(&buf))
	}
	by, ok2 := parseLongDouble(args[2])
	if !ok || !ok2 {
		c.err(errNotFloat)
		return
	}
	text, ok := addLongDouble(old, by)
	if !ok {
		c.err("ERR increment would produce NaN or Infinity")
		return
	}
	if en.exists() {
		enc := encEmbstr
		if len(text) > 44 {
			enc = encRaw
		}
		c.db.setBytes(&en, enc, text)
	} else {
		enc := encEmbstr
		if len(text) > 44 {
			enc = encRaw
		}
		c.db.add(args[1], kindString, enc, text)
	}
	c.bulk(text)
	c.propagateAs(bs("SET"), args[1], text, bs("KEEPTTL"))
	c.changed(notifyString, "incrbyfloat", args[1])
}

func cmdLcs(e *Engine, c *client, args [][]byte) {
	var bufA, bufB [24]byte
	var a, b []byte
	enA, enB := c.db.lookup(args[1]), c.db.lookup(args[2])
	if enA.exists() && enA.kind() != kindString || enB.exists() && enB.kind() != kindString {
		c.err("ERR The specified keys must contain string values")
		return
	}
	if enA.exists() {
		a = enA.text(&bufA)
	}
	if enB.exists() {
		b = enB.text(&bufB)
	}
	var getLen, getIdx, withLen bool
	minLen := int64(0)
	for i := 3; i < len(args); i++ {
		switch {
		case is(args[i], "idx"):
			getIdx = true
		case is(args[i], "len"):
			getLen = true
		case is(args[i], "withmatchlen"):
			withLen = true
		case is(args[i], "minmatchlen") && i+1 < len(args):
			i++
			n, ok := parseInt(args[i])
			if !ok {
				c.err(errNotInt)
				return
			}
			minLen = max(n, 0)
		default:
			c.err(errSyntax)
			return
		}
	}
	if getLen && getIdx {
		c.err("ERR If you want both the length and indexes, please just use IDX.")
		return
	}
	if len(a) >= math.MaxUint32-1 || len(b) >= math.MaxUint32-1 || (uint64(len(a))+1)*(uint64(len(b))+1)*4 > uint64(1)<<32 {
		c.err("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
		return
	}
	w := len(b) + 1
	lcs := make([]uint32, (len(a)+1)*w)
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			if a[i-1] == b[j-1] {
				lcs[i*w+j] = lcs[(i-1)*w+j-1] + 1
			} else {
				lcs[i*w+j] = max(lcs[(i-1)*w+j], lcs[i*w+j-1])
			}
		}
	}
	total := int(lcs[len(lcs)-1])
	var out []byte
	p, ranges := place(0), 0
	if getIdx {
		c.mapping(2)
		c.bulkString("matches")
		p = c.deferred()
	} else if !getLen {
		out = make([]byte, total)
	}
	// Walk back from the end, gathering runs of matches.
	aStart, aEnd, bStart, bEnd := len(a), 0, 0, 0
	idx := total
	for i, j := len(a), len(b); i > 0 && j > 0 && (getIdx || out != nil); {
		emit := false
		if a[i-1] == b[j-1] {
			if out != nil {
				out[idx-1] = a[i-1]
			}
			switch {
			case aStart == len(a):
				aStart, aEnd, bStart, bEnd = i-1, i-1, j-1, j-1
			case aStart == i && bStart == j:
				aStart--
				bStart--
			default:
				emit = true
			}
			if aStart == 0 || bStart == 0 {
				emit = true
			}
			idx--
			i--
			j--
		} else {
			if lcs[(i-1)*w+j] > lcs[i*w+j-1] {
				i--
			} else {
				j--
			}
			if aStart != len(a) {
				emit = true
			}
		}
		if emit && getIdx {
			n := int64(aEnd - aStart + 1)
			if minLen == 0 || n >= minLen {
				if withLen {
					c.array(3)
				} else {
					c.array(2)
				}
				c.array(2)
				c.int(int64(aStart))
				c.int(int64(aEnd))
				c.array(2)
				c.int(int64(bStart))
				c.int(int64(bEnd))
				if withLen {
					c.int(n)
				}
				ranges++
			}
		}
		if emit {
			aStart = len(a)
		}
	}
	switch {
	case getIdx:
		c.fillArray(p, ranges)
		c.bulkString("len")
		c.int(int64(total))
	case getLen:
		c.int(int64(total))
	default:
		c.bulk(out)
	}
}
