package redisserver

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"

	"landings/internal/rdb"
)

func hashCommands() []command {
	return []command{
		{name: "hdel", arity: -3, flags: "write fast", keys: "1 1 1", spec: "RW delete", cats: "hash", since: "2.0.0", do: cmdHdel},
		{name: "hexists", arity: 3, flags: "readonly fast", keys: "1 1 1", spec: "RO", cats: "hash", since: "2.0.0", do: cmdHexists},
		{name: "hget", arity: 3, flags: "readonly fast", keys: "1 1 1", spec: "RO access", cats: "hash", since: "2.0.0", do: cmdHget},
		{name: "hgetall", arity: 2, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "hash", tips: "nondeterministic_output_order", since: "2.0.0", do: cmdHgetall},
		{name: "hincrby", arity: 4, flags: "write denyoom fast", keys: "1 1 1", spec: "RW access update", cats: "hash", since: "2.0.0", do: cmdHincrby},
		{name: "hincrbyfloat", arity: 4, flags: "write denyoom fast", keys: "1 1 1", spec: "RW access update", cats: "hash", since: "2.6.0", do: cmdHincrbyfloat},
		{name: "hkeys", arity: 2, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "hash", tips: "nondeterministic_output_order", since: "2.0.0", do: cmdHkeys},
		{name: "hlen", arity: 2, flags: "readonly fast", keys: "1 1 1", spec: "RO", cats: "hash", since: "2.0.0", do: cmdHlen},
		{name: "hmget", arity: -3, flags: "readonly fast", keys: "1 1 1", spec: "RO access", cats: "hash", since: "2.0.0", do: cmdHmget},
		{name: "hmset", arity: -4, flags: "write denyoom fast", keys: "1 1 1", spec: "RW update", cats: "hash", since: "2.0.0", do: cmdHmset},
		{name: "hrandfield", arity: -2, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "hash", tips: "nondeterministic_output", since: "6.2.0", do: cmdHrandfield},
		{name: "hscan", arity: -3, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "hash", tips: "nondeterministic_output", since: "2.8.0", do: cmdHscan},
		{name: "hset", arity: -4, flags: "write denyoom fast", keys: "1 1 1", spec: "RW update", cats: "hash", since: "2.0.0", do: cmdHset},
		{name: "hsetnx", arity: 4, flags: "write denyoom fast", keys: "1 1 1", spec: "RW insert", cats: "hash", since: "2.0.0", do: cmdHsetnx},
		{name: "hstrlen", arity: 3, flags: "readonly fast", keys: "1 1 1", spec: "RO", cats: "hash", since: "3.2.0", do: cmdHstrlen},
		{name: "hvals", arity: 2, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "hash", tips: "nondeterministic_output_order", since: "2.0.0", do: cmdHvals},
	}
}

// largeHash is a hash with encHashtable: field -> value in a table of blocks.
// A block's header is the value's length.
type largeHash struct{ t *table }

func newLargeHash(a *arena) *largeHash { return &largeHash{newTable(a, 4)} }

func (o *largeHash) release()                { o.t.release() }
func (o *largeHash) releaseSome(n *int) bool { return o.t.releaseSome(n) }
func (o *largeHash) blocks() int             { return o.t.count }
func (o *largeHash) memory(samples int) int  { return o.t.memory() + blockMemory(o.t, samples) }

// blockMemory is what a table's blocks take, estimated from some of them.
func blockMemory(t *table, samples int) int {
	total, n := 0, 0
	t.each(func(h handle) bool {
		total += len(t.a.bytes(h))
		n++
		return n != samples
	})
	if n == 0 {
		return 0
	}
	return int(float64(total) / float64(n) * float64(t.count))
}

func (o *largeHash) value(h handle) []byte {
	b := o.t.a.bytes(h)
	_, v := o.t.split(b)
	return b[v : v+int(binary.LittleEndian.Uint32(b[4:]))]
}

func (o *largeHash) get(field []byte) ([]byte, bool) {
	h := o.t.find(field)
	if h == 0 {
		return nil, false
	}
	return o.value(h), true
}

// set says whether the field is new.
func (o *largeHash) set(field, value []byte) bool {
	h := o.t.find(field)
	isNew := h == 0
	var b []byte
	var v int
	if isNew {
		_, b, v = o.t.insert(field, len(value))
	} else {
		_, b, v = o.t.reserve(h, len(value), 0)
	}
	binary.LittleEndian.PutUint32(b[4:], uint32(len(value)))
	copy(b[v:], value)
	return isNew
}

func (o *largeHash) del(field []byte) bool {
	h := o.t.find(field)
	if h == 0 {
		return false
	}
	o.t.remove(h)
	return true
}

// hash is a hash of either encoding, as a handler sees it.
type hash struct {
	db  *database
	en  entry
	lp  rdb.Listpack // small, in the entry
	big *largeHash   // or large
}

func (db *database) hashOf(en entry) hash {
	h := hash{db: db, en: en}
	if en.enc() == encListpack {
		h.lp = rdb.Listpack(en.bytes())
	} else {
		h.big = db.object(&en).(*largeHash)
	}
	return h
}

func (h *hash) len() int {
	if h.big != nil {
		return h.big.t.count
	}
	return h.lp.Len() / 2
}

// get returns the value, which may lie in buf.
func (h *hash) get(field []byte, buf *[24]byte) ([]byte, bool) {
	if h.big != nil {
		return h.big.get(field)
	}
	p := h.lp.Find(h.lp.First(), rdb.NewNeedle(field), 1)
	if p < 0 {
		return nil, false
	}
	return element(h.lp, h.lp.Next(p), buf), true
}

// set says whether the field is new. The hash may change its encoding.
func (h *hash) set(field, value []byte) bool {
	cfg := &h.db.e.cfg
	if h.big == nil && (int64(len(field)) > cfg.hashMaxValue || int64(len(value)) > cfg.hashMaxValue) {
		h.convert()
	}
	if h.big != nil {
		return h.big.set(field, value)
	}
	lp := h.db.e.edit(h.lp)
	isNew := true
	if p := lp.Find(lp.First(), rdb.NewNeedle(field), 1); p >= 0 {
		isNew = false
		lp = lp.Replace(lp.Next(p), value)
	} else {
		lp = lp.Append(field).Append(value)
	}
	h.store(lp)
	if isNew && int64(h.len()) > cfg.hashMaxEntries {
		h.convert()
	}
	return isNew
}

// store writes an edited listpack, which may be the engine's scratch.
func (h *hash) store(lp rdb.Listpack) {
	h.db.setBytes(&h.en, encListpack, lp)
	h.lp = rdb.Listpack(h.en.bytes())
	h.db.e.keepScratch(lp)
}

func (h *hash) convert() {
	big := newLargeHash(h.db.e.arena)
	h.each(func(f, v []byte) bool { big.set(f, v); return true })
	h.db.setObject(&h.en, encHashtable, big)
	h.lp, h.big = nil, big
}

func (h *hash) del(field []byte) bool {
	if h.big != nil {
		return h.big.del(field)
	}
	p := h.lp.Find(h.lp.First(), rdb.NewNeedle(field), 1)
	if p < 0 {
		return false
	}
	h.store(h.db.e.edit(h.lp).Delete(p, 2))
	return true
}

// each visits the fields until visit returns false; the slices are valid during
// the visit alone.
func (h *hash) each(visit func(field, value []byte) bool) {
	if h.big != nil {
		h.big.t.each(func(b handle) bool { return visit(h.big.t.key(b), h.big.value(b)) })
		return
	}
	var fb, vb [24]byte
	for p := h.lp.First(); p != h.lp.End(); {
		q := h.lp.Next(p)
		if !visit(element(h.lp, p, &fb), element(h.lp, q, &vb)) {
			return
		}
		p = h.lp.Next(q)
	}
}

// readHash finds a hash to read. If there is none it returns false after writing
// an error, for a key of another type, or calling absent.
func (c *client) readHash(key []byte, absent func()) (hash, bool) {
	en := c.db.lookup(key)
	if !en.exists() {
		absent()
		return hash{}, false
	}
	if en.kind() != kindHash {
		c.err(errWrongType)
		return hash{}, false
	}
	return c.db.hashOf(en), true
}

// writeHash finds a hash to change, or creates it; false after an error.
func (c *client) writeHash(key []byte) (hash, bool) {
	en := c.db.lookupWrite(key)
	if !en.exists() {
		en = c.db.add(key, kindHash, encListpack, rdb.AppendListpack(nil))
	} else if en.kind() != kindHash {
		c.err(errWrongType)
		return hash{}, false
	}
	return c.db.hashOf(en), true
}

func (c *client) zero() { c.int(0) }

func cmdHset(e *Engine, c *client, args [][]byte) {
	if len(args)%2 == 1 {
		c.err("ERR wrong number of arguments for '" + c.last.fullName + "' command")
		return
	}
	h, ok := c.writeHash(args[1])
	if !ok {
		return
	}
	if h.big == nil { // a long value converts before anything is written
		for _, a := range args[2:] {
			if int64(len(a)) > e.cfg.hashMaxValue {
				h.convert()
				break
			}
		}
	}
	created := 0
	for i := 2; i < len(args); i += 2 {
		if h.set(args[i], args[i+1]) {
			created++
		}
	}
	if c.last.name == "hmset" {
		c.ok()
	} else {
		c.int(int64(created))
	}
	c.changed(notifyHash, "hset", args[1])
	e.dirty += int64(len(args)-2)/2 - 1
}

func cmdHmset(e *Engine, c *client, args [][]byte) { cmdHset(e, c, args) }

func cmdHsetnx(e *Engine, c *client, args [][]byte) {
	h, ok := c.writeHash(args[1])
	if !ok {
		return
	}
	var buf [24]byte
	if _, has := h.get(args[2], &buf); has {
		c.int(0)
		return
	}
	h.set(args[2], args[3])
	c.int(1)
	c.changed(notifyHash, "hset", args[1])
}

func cmdHget(e *Engine, c *client, args [][]byte) {
	h, ok := c.readHash(args[1], c.null)
	if !ok {
		return
	}
	var buf [24]byte
	if v, has := h.get(args[2], &buf); has {
		c.bulk(v)
	} else {
		c.null()
	}
}

func cmdHmget(e *Engine, c *client, args [][]byte) {
	en := c.db.lookup(args[1])
	if en.exists() && en.kind() != kindHash {
		c.err(errWrongType)
		return
	}
	c.array(len(args) - 2)
	if !en.exists() {
		for range args[2:] {
			c.null()
		}
		return
	}
	h := c.db.hashOf(en)
	var buf [24]byte
	for _, f := range args[2:] {
		if v, has := h.get(f, &buf); has {
			c.bulk(v)
		} else {
			c.null()
		}
	}
}

func cmdHdel(e *Engine, c *client, args [][]byte) {
	en := c.db.lookupWrite(args[1])
	if !en.exists() {
		c.int(0)
		return
	}
	if en.kind() != kindHash {
		c.err(errWrongType)
		return
	}
	h := c.db.hashOf(en)
	deleted, emptied := 0, false
	for _, f := range args[2:] {
		if h.del(f) {
			deleted++
			if h.len() == 0 {
				c.db.removeEntry(&h.en)
				emptied = true
				break
			}
		}
	}
	if deleted > 0 {
		c.changed(notifyHash, "hdel", args[1])
		e.dirty += int64(deleted) - 1
		if emptied {
			e.notify(notifyGeneric, "del", args[1], c.db.id)
		}
	}
	c.int(int64(deleted))
}

func cmdHlen(e *Engine, c *client, args [][]byte) {
	if h, ok := c.readHash(args[1], c.zero); ok {
		c.int(int64(h.len()))
	}
}

func cmdHstrlen(e *Engine, c *client, args [][]byte) {
	if h, ok := c.readHash(args[1], c.zero); ok {
		var buf [24]byte
		v, _ := h.get(args[2], &buf)
		c.int(int64(len(v)))
	}
}

func cmdHexists(e *Engine, c *client, args [][]byte) {
	if h, ok := c.readHash(args[1], c.zero); ok {
		var buf [24]byte
		_, has := h.get(args[2], &buf)
		c.bool01(has)
	}
}

func cmdHgetall(e *Engine, c *client, args [][]byte) {
	if h, ok := c.readHash(args[1], func() { c.mapping(0) }); ok {
		c.mapping(h.len())
		h.each(func(f, v []byte) bool { c.bulk(f); c.bulk(v); return true })
	}
}

func cmdHkeys(e *Engine, c *client, args [][]byte) {
	if h, ok := c.readHash(args[1], func() { c.array(0) }); ok {
		c.array(h.len())
		h.each(func(f, _ []byte) bool { c.bulk(f); return true })
	}
}

func cmdHvals(e *Engine, c *client, args [][]byte) {
	if h, ok := c.readHash(args[1], func() { c.array(0) }); ok {
		c.array(h.len())
		h.each(func(_, v []byte) bool { c.bulk(v); return true })
	}
}

func cmdHincrby(e *Engine, c *client, args [][]byte) {
	by, ok := parseInt(args[3])
	if !ok {
		c.err(errNotInt)
		return
	}
	h, ok := c.writeHash(args[1])
	if !ok {
		return
	}
	var buf [24]byte
	old := int64(0)
	if v, has := h.get(args[2], &buf); has {
		if old, ok = parseInt(v); !ok {
			c.err("ERR hash value is not an integer")
			return
		}
	}
	if by < 0 && old < 0 && by < math.MinInt64-old || by > 0 && old > 0 && by > math.MaxInt64-old {
		c.err("ERR increment or decrement would overflow")
		return
	}
	h.set(args[2], bi(old+by))
	c.int(old + by)
	c.changed(notifyHash, "hincrby", args[1])
}

func cmdHincrbyfloat(e *Engine, c *client, args [][]byte) {
	by, ok := parseLongDouble(args[3])
	if !ok {
		c.err(errNotFloat)
		return
	}
	if by.IsInf() {
		c.err("ERR value is NaN or Infinity")
		return
	}
	h, ok := c.writeHash(args[1])
	if !ok {
		return
	}
	var buf [24]byte
	old := new(big.Float).SetPrec(64)
	if v, has := h.get(args[2], &buf); has {
		if old, ok = parseLongDouble(v); !ok {
			c.err("ERR hash value is not a float")
			return
		}
	}
	text, ok := addLongDouble(old, by)
	if !ok {
		c.err("ERR increment would produce NaN or Infinity")
		return
	}
	h.set(args[2], text)
	c.bulk(text)
	c.propagateAs(bs("HSET"), args[1], args[2], text)
	c.changed(notifyHash, "hincrbyfloat", args[1])
}

// addLongDouble adds as an x86 long double does and writes the sum as people read
// it: 17 decimals without trailing zeros.
func addLongDouble(a, b *big.Float) ([]byte, bool) {
	if a.IsInf() || b.IsInf() {
		return nil, false
	}
	sum := new(big.Float).SetPrec(64).SetMode(big.ToNearestEven).Add(a, b)
	if sum.IsInf() || sum.MantExp(nil) > 16384 {
		return nil, false
	}
	s := sum.Text('f', 17)
	s = strings.TrimRight(s, "0")
	s = strings.TrimSuffix(s, ".")
	if s == "-0" {
		s = "0"
	}
	return []byte(s), true
}

func cmdHscan(e *Engine, c *client, args [][]byte) {
	cursor, ok := parseCursor(c, args[2])
	if !ok {
		return
	}
	h, ok := c.readHash(args[1], func() { c.emptyScan() })
	if !ok {
		return
	}
	opt, ok := c.scanOptions(args[3:], false)
	if !ok {
		return
	}
	emit := func(f, v []byte) int {
		if opt.matches(f) {
			c.bulk(f)
			c.bulk(v)
			return 2
		}
		return 0
	}
	if h.big == nil {
		c.scanReply(func() (uint64, int) {
			n := 0
			h.each(func(f, v []byte) bool { n += emit(f, v); return true })
			return 0, n
		})
		return
	}
	c.scanTable(h.big.t, cursor, opt, func(b handle) int { return emit(h.big.t.key(b), h.big.value(b)) })
}

func cmdHrandfield(e *Engine, c *client, args [][]byte) {
	if len(args) == 2 {
		if h, ok := c.readHash(args[1], c.null); ok {
			f, _ := h.random()
			c.bulk(f)
		}
		return
	}
	count, ok := parseInt(args[2])
	if !ok {
		c.err(errNotInt)
		return
	}
	if count < -math.MaxInt64 || len(args) > 3 && (!is(args[3], "withvalues") || len(args) > 4) {
		if count < -math.MaxInt64 {
			c.err("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807")
		} else {
			c.err(errSyntax)
		}
		return
	}
	with := len(args) > 3
	if with && (count < -math.MaxInt64/2 || count > math.MaxInt64/2) {
		c.err("ERR value is out of range")
		return
	}
	h, ok := c.readHash(args[1], func() { c.array(0) })
	if !ok {
		return
	}
	n := int64(h.len())
	head := func(k int64) {
		if with && c.resp == 2 {
			c.array(int(2 * k))
		} else {
			c.array(int(k))
		}
	}
	emit := func(f, v []byte) {
		if with && c.resp > 2 {
			c.array(2)
		}
		c.bulk(f)
		if with {
			c.bulk(v)
		}
	}
	switch {
	case count == 0:
		c.array(0)
	case count < 0: // with repetitions
		head(-count)
		for ; count < 0; count++ {
			emit(h.random())
			if len(c.out) > 1<<30 {
				break
			}
		}
	default:
		k := min(count, n)
		head(k)
		i := int64(0)
		h.each(func(f, v []byte) bool { // each combination is as likely as any other
			if rand.Int64N(n-i) < k {
				emit(f, v)
				k--
			}
			i++
			return k > 0
		})
	}
}

func (h *hash) random() (field, value []byte) {
	if h.big != nil {
		b := h.big.t.random()
		return h.big.t.key(b), h.big.value(b)
	}
	p := h.lp.Seek(2 * rand.IntN(h.len()))
	return h.lp.AppendTo(nil, p), h.lp.AppendTo(nil, h.lp.Next(p))
}
