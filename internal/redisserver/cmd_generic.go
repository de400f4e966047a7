package redisserver

import (
	"bytes"
	"math"

	"landings/internal/rdb"
)

func genericCommands() []command {
	return []command{
		{name: "copy", arity: -3, flags: "write denyoom", keys: "1 2 1", spec: "RO access | index 1 | range 0 1 0; OW update | index 2 | range 0 1 0", cats: "keyspace", since: "6.2.0", do: cmdCopy},
		{name: "del", arity: -2, flags: "write", keys: "1 -1 1", spec: "RM delete", cats: "keyspace", tips: "request_policy:multi_shard; response_policy:agg_sum", since: "1.0.0", do: cmdDel},
		{name: "dump", arity: 2, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "keyspace", tips: "nondeterministic_output", since: "2.6.0", do: cmdDump},
		{name: "exists", arity: -2, flags: "readonly fast", keys: "1 -1 1", spec: "RO", cats: "keyspace", tips: "request_policy:multi_shard; response_policy:agg_sum", since: "1.0.0", do: cmdExists},
		{name: "expire", arity: -3, flags: "write fast", keys: "1 1 1", spec: "RW update", cats: "keyspace", since: "1.0.0", do: cmdExpire},
		{name: "expireat", arity: -3, flags: "write fast", keys: "1 1 1", spec: "RW update", cats: "keyspace", since: "1.2.0", do: cmdExpireat},
		{name: "expiretime", arity: 2, flags: "readonly fast", keys: "1 1 1", spec: "RO access", cats: "keyspace", since: "7.0.0", do: cmdExpiretime},
		{name: "keys", arity: 2, flags: "readonly", cats: "keyspace dangerous", tips: "request_policy:all_shards; nondeterministic_output_order", since: "1.0.0", do: cmdKeys},
		{name: "migrate", arity: -6, flags: "write movablekeys", keys: "3 3 1", spec: "RW access delete | index 3 | range 0 1 0; RW access delete incomplete | keyword KEYS -2 | range -1 1 0", cats: "keyspace dangerous", tips: "nondeterministic_output", since: "2.6.0", do: absent("moving keys to other servers")},
		{name: "move", arity: 3, flags: "write fast", keys: "1 1 1", spec: "RW access update", cats: "keyspace", since: "1.0.0", do: cmdMove},
		{name: "object", arity: -2, since: "2.2.3", sub: []command{
			{name: "encoding", arity: 3, flags: "readonly", keys: "2 2 1", spec: "RO", cats: "keyspace", tips: "nondeterministic_output", since: "2.2.3", do: cmdObjectEncoding},
			{name: "freq", arity: 3, flags: "readonly", keys: "2 2 1", spec: "RO", cats: "keyspace", tips: "nondeterministic_output", since: "4.0.0", do: cmdObjectFreq},
			{name: "help", arity: 2, flags: "loading stale", cats: "keyspace", since: "6.2.0", do: cmdObjectHelp},
			{name: "idletime", arity: 3, flags: "readonly", keys: "2 2 1", spec: "RO", cats: "keyspace", tips: "nondeterministic_output", since: "2.2.3", do: cmdObjectIdletime},
			{name: "refcount", arity: 3, flags: "readonly", keys: "2 2 1", spec: "RO", cats: "keyspace", tips: "nondeterministic_output", since: "2.2.3", do: cmdObjectRefcount},
		}},
		{name: "persist", arity: 2, flags: "write fast", keys: "1 1 1", spec: "RW update", cats: "keyspace", since: "2.2.0", do: cmdPersist},
		{name: "pexpire", arity: -3, flags: "write fast", keys: "1 1 1", spec: "RW update", cats: "keyspace", since: "2.6.0", do: cmdPexpire},
		{name: "pexpireat", arity: -3, flags: "write fast", keys: "1 1 1", spec: "RW update", cats: "keyspace", since: "2.6.0", do: cmdPexpireat},
		{name: "pexpiretime", arity: 2, flags: "readonly fast", keys: "1 1 1", spec: "RO access", cats: "keyspace", since: "7.0.0", do: cmdPexpiretime},
		{name: "pttl", arity: 2, flags: "readonly fast", keys: "1 1 1", spec: "RO access", cats: "keyspace", tips: "nondeterministic_output", since: "2.6.0", do: cmdPttl},
		{name: "randomkey", arity: 1, flags: "readonly", cats: "keyspace", tips: "request_policy:all_shards; nondeterministic_output", since: "1.0.0", do: cmdRandomkey},
		{name: "rename", arity: 3, flags: "write", keys: "1 2 1", spec: "RW access delete | index 1 | range 0 1 0; OW update | index 2 | range 0 1 0", cats: "keyspace", since: "1.0.0", do: cmdRename},
		{name: "renamenx", arity: 3, flags: "write fast", keys: "1 2 1", spec: "RW access delete | index 1 | range 0 1 0; OW insert | index 2 | range 0 1 0", cats: "keyspace", since: "1.0.0", do: cmdRenamenx},
		{name: "restore", arity: -4, flags: "write denyoom", keys: "1 1 1", spec: "OW update", cats: "keyspace dangerous", since: "2.6.0", do: cmdRestore},
		{name: "scan", arity: -2, flags: "readonly", cats: "keyspace", tips: "nondeterministic_output; request_policy:special", since: "2.8.0", do: cmdScan},
		{name: "sort", arity: -2, flags: "write denyoom movablekeys", keys: "1 1 1", spec: "RO access | index 1 | range 0 1 0; RO access | unknown | unknown; OW update | unknown | unknown", cats: "set sortedset list dangerous", since: "1.0.0", do: cmdSort},
		{name: "sort_ro", arity: -2, flags: "readonly movablekeys", keys: "1 1 1", spec: "RO access | index 1 | range 0 1 0; RO access | unknown | unknown", cats: "set sortedset list dangerous", since: "7.0.0", do: cmdSortRo},
		{name: "touch", arity: -2, flags: "readonly fast", keys: "1 -1 1", spec: "RO", cats: "keyspace", tips: "request_policy:multi_shard; response_policy:agg_sum", since: "3.2.1", do: cmdTouch},
		{name: "ttl", arity: 2, flags: "readonly fast", keys: "1 1 1", spec: "RO access", cats: "keyspace", tips: "nondeterministic_output", since: "1.0.0", do: cmdTTL},
		{name: "type", arity: 2, flags: "readonly fast", keys: "1 1 1", spec: "RO", cats: "keyspace", since: "1.0.0", do: cmdType},
		{name: "unlink", arity: -2, flags: "write fast", keys: "1 -1 1", spec: "RM delete", cats: "keyspace", tips: "request_policy:multi_shard; response_policy:agg_sum", since: "4.0.0", do: cmdUnlink},
		{name: "wait", arity: 3, flags: "noscript", cats: "connection", tips: "request_policy:all_shards; response_policy:agg_min", since: "3.0.0", do: cmdWait},
	}
}

func cmdDel(e *Engine, c *client, args [][]byte) {
	e.lazily(e.cfg.lazyUserDel, func() { e.deleteKeys(c, args[1:]) })
}

func cmdUnlink(e *Engine, c *client, args [][]byte) {
	e.lazily(true, func() { e.deleteKeys(c, args[1:]) })
}

func (e *Engine) deleteKeys(c *client, keys [][]byte) {
	n := 0
	for _, k := range keys {
		if c.db.remove(k) {
			c.changed(notifyGeneric, "del", k)
			n++
		}
	}
	c.int(int64(n))
}

func cmdExists(e *Engine, c *client, args [][]byte) {
	n := 0
	for _, k := range args[1:] {
		if en := c.db.lookupQuietly(k); en.exists() {
			n++
		}
	}
	c.int(int64(n))
}

func cmdTouch(e *Engine, c *client, args [][]byte) {
	n := 0
	for _, k := range args[1:] {
		if en := c.db.lookup(k); en.exists() {
			en.setUsed(e.clock)
			n++
		}
	}
	c.int(int64(n))
}

func cmdType(e *Engine, c *client, args [][]byte) {
	en := c.db.lookupQuietly(args[1])
	if !en.exists() {
		c.simple("none")
		return
	}
	c.simple(en.kind().String())
}

func cmdExpire(e *Engine, c *client, args [][]byte)    { e.expireCommand(c, args, 1000, e.now) }
func cmdPexpire(e *Engine, c *client, args [][]byte)   { e.expireCommand(c, args, 1, e.now) }
func cmdExpireat(e *Engine, c *client, args [][]byte)  { e.expireCommand(c, args, 1000, 0) }
func cmdPexpireat(e *Engine, c *client, args [][]byte) { e.expireCommand(c, args, 1, 0) }

// expireTime makes unix milliseconds of an argument in units of so many
// milliseconds from base; it writes the error itself.
func expireTime(c *client, arg []byte, unit, base int64) (int64, bool) {
	v, ok := parseInt(arg)
	if !ok {
		c.err(errNotInt)
		return 0, false
	}
	if unit == 1000 && (v > math.MaxInt64/1000 || v < math.MinInt64/1000) || v*unit > math.MaxInt64-base {
		c.err("ERR invalid expire time in '" + c.last.fullName + "' command")
		return 0, false
	}
	return v*unit + base, true
}

func (e *Engine) expireCommand(c *client, args [][]byte, unit, base int64) {
	var nx, xx, gt, lt bool
	for _, a := range args[3:] {
		switch {
		case is(a, "nx"):
			nx = true
		case is(a, "xx"):
			xx = true
		case is(a, "gt"):
			gt = true
		case is(a, "lt"):
			lt = true
		default:
			c.err("ERR Unsupported option " + string(beforeNul(a)))
			return
		}
	}
	if nx && (xx || gt || lt) {
		c.err("ERR NX and XX, GT or LT options at the same time are not compatible")
		return
	}
	if gt && lt {
		c.err("ERR GT and LT options at the same time are not compatible")
		return
	}
	at, ok := expireTime(c, args[2], unit, base)
	if !ok {
		return
	}
	en := c.db.lookupWrite(args[1])
	if !en.exists() {
		c.int(0)
		return
	}
	now := en.expire()
	if nx && now != 0 || xx && now == 0 || gt && (now == 0 || at <= now) || lt && now != 0 && at >= now {
		c.int(0)
		return
	}
	if at <= e.now && e.mayExpire() {
		c.db.removeEntry(&en)
		c.propagateAs(bs(e.delName()), args[1])
		c.changed(notifyGeneric, "del", args[1])
		c.int(1)
		return
	}
	c.db.setExpire(&en, max(at, 1))
	c.int(1)
	if unit != 1 || base != 0 {
		c.propagateAs(append([][]byte{bs("PEXPIREAT"), args[1], bi(at)}, args[3:]...)...)
	}
	c.changed(notifyGeneric, "expire", args[1])
}

// delName is the command that propagates an expiry.
func (e *Engine) delName() string {
	if e.cfg.lazyExpire {
		return "UNLINK"
	}
	return "DEL"
}

func cmdTTL(e *Engine, c *client, args [][]byte)         { e.ttl(c, args[1], false, true) }
func cmdPttl(e *Engine, c *client, args [][]byte)        { e.ttl(c, args[1], true, true) }
func cmdExpiretime(e *Engine, c *client, args [][]byte)  { e.ttl(c, args[1], false, false) }
func cmdPexpiretime(e *Engine, c *client, args [][]byte) { e.ttl(c, args[1], true, false) }

func (e *Engine) ttl(c *client, key []byte, ms, relative bool) {
	en := c.db.lookupQuietly(key)
	if !en.exists() {
		c.int(-2)
		return
	}
	at := en.expire()
	if at == 0 {
		c.int(-1)
		return
	}
	if relative {
		at = max(0, at-e.now)
	}
	if !ms {
		at = int64((uint64(at) + 500) / 1000)
	}
	c.int(at)
}

func cmdPersist(e *Engine, c *client, args [][]byte) {
	en := c.db.lookupWrite(args[1])
	if !en.exists() || en.expire() == 0 {
		c.int(0)
		return
	}
	c.db.setExpire(&en, 0)
	c.int(1)
	c.changed(notifyGeneric, "persist", args[1])
}

func cmdKeys(e *Engine, c *client, args [][]byte) {
	p, n := c.deferred(), 0
	all := len(args[1]) == 1 && args[1][0] == '*'
	c.db.keys.each(func(h handle) bool {
		en := c.db.at(h)
		key := c.db.key(&en)
		if (all || matchGlob(args[1], key, false)) && !e.due(&en) {
			c.bulk(key)
			n++
		}
		return true
	})
	c.fillArray(p, n)
}

// due says whether an entry's time has come.
func (e *Engine) due(en *entry) bool {
	at := en.expire()
	return at != 0 && at <= e.now
}

func cmdRandomkey(e *Engine, c *client, args [][]byte) {
	for range 100 {
		if c.db.keys.count == 0 {
			break
		}
		en := c.db.at(c.db.keys.random())
		if !e.due(&en) {
			c.bulk(c.db.key(&en))
			return
		}
		if e.mayExpire() && !e.pause.active {
			c.db.expireNow(&en)
		}
	}
	c.null()
}

func cmdScan(e *Engine, c *client, args [][]byte) {
	cursor, ok := parseCursor(c, args[1])
	if !ok {
		return
	}
	opt, ok := c.scanOptions(args[2:], true)
	if !ok {
		return
	}
	var late [][]byte
	c.scanTable(c.db.keys, cursor, opt, func(h handle) int {
		en := c.db.at(h)
		key := c.db.key(&en)
		if !opt.matches(key) {
			return 0
		}
		if e.due(&en) {
			late = append(late, bytes.Clone(key))
			return 0
		}
		if opt.typ != "" && !is([]byte(opt.typ), en.kind().String()) {
			return 0
		}
		c.bulk(key)
		return 1
	})
	for _, k := range late {
		c.db.see(k)
	}
}

func cmdRename(e *Engine, c *client, args [][]byte)   { e.rename(c, args, false) }
func cmdRenamenx(e *Engine, c *client, args [][]byte) { e.rename(c, args, true) }

func (e *Engine) rename(c *client, args [][]byte, nx bool) {
	from, to := args[1], args[2]
	en := c.db.lookupWrite(from)
	if !en.exists() {
		c.err(errNoKey)
		return
	}
	reply := func(done bool) {
		if nx {
			c.bool01(done)
		} else {
			c.ok()
		}
	}
	if bytes.Equal(from, to) {
		reply(false)
		return
	}
	dst := c.db.lookupWrite(to)
	if dst.exists() {
		if nx {
			c.int(0)
			return
		}
		e.lazily(e.cfg.lazyServerDel, func() { c.db.removeEntry(&dst) })
	}
	c.db.transfer(&en, c.db, to)
	c.changed(notifyGeneric, "rename_from", from)
	e.dirty--
	c.changed(notifyGeneric, "rename_to", to)
	reply(true)
}

// transfer moves an entry's value and expiry to a key of to that is not there.
func (db *database) transfer(en *entry, to *database, key []byte) {
	at, k, enc := en.expire(), en.kind(), en.enc()
	db.setExpire(en, 0)
	from := bytes.Clone(db.key(en))
	value := bytes.Clone(en.bytes()) // an object's number moves with it
	used := en.used()
	db.keys.remove(en.h)
	en.h = 0
	dst := to.add(key, k, enc, value)
	dst.setUsed(used)
	if at != 0 {
		to.setExpire(&dst, at)
	}
	if k == kindStream {
		db.signalReady(from, k) // after the new key, as in Redis
	}
}

func cmdMove(e *Engine, c *client, args [][]byte) {
	n, ok := c.int32(args[2])
	if !ok {
		return
	}
	if n < 0 || n >= int64(len(e.dbs)) {
		c.err("ERR DB index is out of range")
		return
	}
	to := e.dbs[n]
	if to == c.db {
		c.err("ERR source and destination objects are the same")
		return
	}
	en := c.db.lookupWrite(args[1])
	if !en.exists() {
		c.int(0)
		return
	}
	if dst := to.lookupWrite(args[1]); dst.exists() {
		c.int(0)
		return
	}
	c.db.transfer(&en, to, args[1])
	c.changed(notifyGeneric, "move_from", args[1])
	e.modified(c, to, args[1])
	e.notify(notifyGeneric, "move_to", args[1], to.id)
	c.int(1)
}

func cmdCopy(e *Engine, c *client, args [][]byte) {
	to, replace := c.db, false
	for i := 3; i < len(args); i++ {
		switch {
		case is(args[i], "replace"):
			replace = true
		case is(args[i], "db") && i+1 < len(args):
			i++
			n, ok := c.int32(args[i])
			if !ok {
				return
			}
			if n < 0 || n >= int64(len(e.dbs)) {
				c.err("ERR DB index is out of range")
				return
			}
			to = e.dbs[n]
		default:
			c.err(errSyntax)
			return
		}
	}
	if to == c.db && bytes.Equal(args[1], args[2]) {
		c.err("ERR source and destination objects are the same")
		return
	}
	en := c.db.lookup(args[1])
	if !en.exists() {
		c.int(0)
		return
	}
	if dst := to.lookupWrite(args[2]); dst.exists() {
		if !replace {
			c.int(0)
			return
		}
		e.lazily(e.cfg.lazyServerDel, func() { to.removeEntry(&dst) })
	}
	src := c.db.peek(args[1])
	at := src.expire()
	dst, err := c.db.duplicate(&src, to, args[2])
	if err != nil {
		c.err("ERR " + err.Error())
		return
	}
	if at != 0 {
		to.setExpire(&dst, at)
	}
	e.modified(c, to, args[2])
	e.notify(notifyGeneric, "copy_to", args[2], to.id)
	e.dirty++
	c.int(1)
}

func cmdObjectEncoding(e *Engine, c *client, args [][]byte) {
	if en, ok := c.inspect(args[2]); ok {
		c.bulkString(en.encodingName())
	}
}

// inspect finds a key without noting its use, or answers null.
func (c *client) inspect(key []byte) (entry, bool) {
	en := c.db.see(key)
	if !en.exists() {
		c.null()
		return en, false
	}
	return en, true
}

// encodingName is what OBJECT ENCODING answers. A list is always a quicklist in
// Redis 7.0, whatever it is here.
func (en *entry) encodingName() string {
	if en.kind() == kindList {
		return encQuicklist.String()
	}
	return en.enc().String()
}

func cmdObjectRefcount(e *Engine, c *client, args [][]byte) {
	if en, ok := c.inspect(args[2]); ok {
		if en.enc() == encInt && en.kind() == kindString && en.int() >= 0 && en.int() < 10000 {
			c.int(math.MaxInt32) // Redis shares small numbers
			return
		}
		c.int(1)
	}
}

func cmdObjectIdletime(e *Engine, c *client, args [][]byte) {
	if en, ok := c.inspect(args[2]); ok {
		c.int(max(0, int64(e.clock)-int64(en.used())))
	}
}

func cmdObjectFreq(e *Engine, c *client, args [][]byte) {
	if _, ok := c.inspect(args[2]); ok {
		c.err("ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.")
	}
}

func cmdObjectHelp(e *Engine, c *client, args [][]byte) {
	c.help("OBJECT",
		"ENCODING <key>", "    How the value is kept.",
		"FREQ <key>", "    Access frequency; needs an LFU policy, which this engine does not have.",
		"IDLETIME <key>", "    Seconds since the last use.",
		"REFCOUNT <key>", "    Number of references.")
}

func cmdWait(e *Engine, c *client, args [][]byte) {
	if _, ok := parseInt(args[1]); !ok {
		c.err(errNotInt)
		return
	}
	if _, ok := blockTimeout(c, args[2], 1e6); !ok {
		return
	}
	c.int(0) // no replica ever acknowledges
}

func cmdDump(e *Engine, c *client, args [][]byte) {
	en := c.db.lookup(args[1])
	if !en.exists() {
		c.null()
		return
	}
	c.bulk(c.db.dump(&en, e.cfg.compress))
}

func cmdRestore(e *Engine, c *client, args [][]byte) {
	var replace, absolute bool
	idle := int64(-1)
	for i := 4; i < len(args); i++ {
		more := i+1 < len(args)
		switch {
		case is(args[i], "replace"):
			replace = true
		case is(args[i], "absttl"):
			absolute = true
		case is(args[i], "idletime") && more && idle < 0:
			i++
			n, ok := parseInt(args[i])
			if !ok {
				c.err(errNotInt)
				return
			}
			if n < 0 {
				c.err("ERR Invalid IDLETIME value, must be >= 0")
				return
			}
			idle = n
		case is(args[i], "freq") && more && idle < 0:
			i++
			n, ok := parseInt(args[i])
			if !ok {
				c.err(errNotInt)
				return
			}
			if n < 0 || n > 255 {
				c.err("ERR Invalid FREQ value, must be >= 0 and <= 255")
				return
			}
		default:
			c.err(errSyntax)
			return
		}
	}
	if !replace {
		if en := c.db.find(args[1]); en.exists() {
			c.err("BUSYKEY Target key name already exists.")
			return
		}
	}
	ttl, ok := parseInt(args[2])
	if !ok {
		c.err(errNotInt)
		return
	}
	if ttl < 0 {
		c.err("ERR Invalid TTL value, must be >= 0")
		return
	}
	r, head, err := rdb.OpenDump(args[3])
	if err != nil {
		c.err("ERR DUMP payload version or checksum are wrong")
		return
	}
	v, err := e.loadValue(r, head)
	if err != nil || v.kind == kindNone {
		c.err("ERR Bad data format")
		return
	}
	if ttl != 0 && !absolute {
		ttl += e.now
	}
	deleted := false
	if replace {
		deleted = c.db.remove(args[1])
	}
	if ttl != 0 && ttl <= e.now && e.mayExpire() {
		if v.obj != nil {
			v.obj.release()
		}
		if deleted {
			c.propagateAs(bs(e.delName()), args[1])
			c.changed(notifyGeneric, "del", args[1])
		}
		c.ok()
		return
	}
	en := c.db.addValue(args[1], v)
	if ttl != 0 {
		c.db.setExpire(&en, ttl)
		if !absolute {
			rewritten := append([][]byte{args[0], args[1], bi(ttl)}, args[3:]...)
			c.propagateAs(append(rewritten, bs("ABSTTL"))...)
		}
	}
	if idle >= 0 {
		en.setUsed(uint32(max(0, int64(e.clock)-idle)))
	}
	c.changed(notifyGeneric, "restore", args[1])
	c.ok()
}

// int32 reads an argument that must fit 32 bits, or writes the error.
func (c *client) int32(arg []byte) (int64, bool) {
	n, ok := parseInt(arg)
	switch {
	case !ok:
		c.err(errNotInt)
	case n < math.MinInt32 || n > math.MaxInt32:
		c.err("ERR value is out of range, value must between -2147483648 and 2147483647")
		return 0, false
	}
	return n, ok
}
