package redisserver

import (
	"bytes"
	"fmt"
)

func hllCommands() []command {
	return []command{
		{name: "pfadd", arity: -2, flags: "write denyoom fast", keys: "1 1 1", spec: "RW insert", cats: "hyperloglog", since: "2.8.9", do: cmdPfadd},
		{name: "pfcount", arity: -2, flags: "readonly", keys: "1 -1 1", spec: "RW access", cats: "hyperloglog", since: "2.8.9", do: cmdPfcount},
		{name: "pfdebug", arity: 3, flags: "write denyoom admin", keys: "2 2 1", spec: "RW access", cats: "hyperloglog", since: "2.8.9", do: cmdPfdebug},
		{name: "pfmerge", arity: -2, flags: "write denyoom", keys: "1 -1 1", spec: "RW access insert | index 1 | range 0 1 0; RO access | index 2 | range -1 1 0", cats: "hyperloglog", since: "2.8.9", do: cmdPfmerge},
	}
}

const errCorruptHLL = "INVALIDOBJ Corrupted HLL object detected"

// asHLL is the HyperLogLog in an entry that exists, false after an error.
func (c *client) asHLL(en *entry) (hyperLogLog, bool) {
	if en.kind() != kindString {
		c.err(errWrongType)
		return nil, false
	}
	if en.enc() != encInt {
		if h := hyperLogLog(en.bytes()); h.valid() {
			return h, true
		}
	}
	c.err("WRONGTYPE Key is not a valid HyperLogLog string value.")
	return nil, false
}

// storeHLL makes what editHLL returned, edited, the value of en.
func (c *client) storeHLL(en *entry, h hyperLogLog) {
	if &h[0] == &en.bytes()[0] {
		return
	}
	c.db.setBytes(en, encRaw, h)
	c.e.keepScratch(h)
}

// editHLL is a copy of h to be changed; one that is dense is changed in place.
func (c *client) editHLL(h hyperLogLog) hyperLogLog {
	if h.dense() {
		return h
	}
	return append(hyperLogLog(c.e.scratch[:0]), h...)
}

func cmdPfadd(e *Engine, c *client, args [][]byte) {
	en := c.db.lookupWrite(args[1])
	updated := 0
	h := newHLL()
	if en.exists() {
		if _, ok := c.asHLL(&en); !ok {
			return
		}
		c.db.setBytes(&en, encRaw, en.bytes())
		h = c.editHLL(hyperLogLog(en.bytes()))
	} else {
		en = c.db.add(args[1], kindString, encRaw, h)
		updated++
	}
	for _, a := range args[2:] {
		register, rank := hashHLL(a)
		next, changed, ok := h.set(register, rank, int(e.cfg.hllSparseBytes))
		if !ok { // the value stays as it was: this is not propagated
			c.err(errCorruptHLL)
			return
		}
		h = next
		if changed {
			updated++
		}
	}
	if updated > 0 {
		h.forgetCount()
	}
	c.storeHLL(&en, h)
	if updated > 0 {
		c.changed(notifyString, "pfadd", args[1])
		e.dirty += int64(updated) - 1
	}
	c.bool01(updated > 0)
}

func cmdPfcount(e *Engine, c *client, args [][]byte) {
	if len(args) > 2 {
		registers, _, ok := c.mergeHLLs(args[1:])
		if ok {
			c.int(int64(estimate(registers.histogram())))
		}
		return
	}
	en := c.db.lookup(args[1])
	if !en.exists() {
		c.int(0)
		return
	}
	h, ok := c.asHLL(&en)
	if !ok {
		return
	}
	n, known := h.cachedCount()
	if known && en.enc() == encRaw {
		c.int(int64(n))
		return
	}
	en = c.db.lookupWrite(args[1]) // a read that writes: the count is kept in the value
	c.db.setBytes(&en, encRaw, en.bytes())
	h = hyperLogLog(en.bytes())
	if !known {
		histogram, ok := h.histogram()
		if !ok {
			c.err(errCorruptHLL)
			return
		}
		n = estimate(histogram)
		h.keepCount(n)
		c.e.modified(c, c.db, args[1])
		e.dirty++
	}
	c.int(int64(n))
}

// mergeHLLs takes the largest of each register over all keys, and says whether one
// of them is dense; not ok after an error.
func (c *client) mergeHLLs(keys [][]byte) (r *registers, dense, ok bool) {
	r = new(registers)
	for _, k := range keys {
		en := c.db.lookup(k)
		if !en.exists() {
			continue
		}
		h, ok := c.asHLL(&en)
		if !ok {
			return nil, false, false
		}
		if !h.mergeInto(r) {
			c.err(errCorruptHLL)
			return nil, false, false
		}
		dense = dense || h.dense()
	}
	return r, dense, true
}

func cmdPfmerge(e *Engine, c *client, args [][]byte) {
	r, dense, ok := c.mergeHLLs(args[1:])
	if !ok {
		return
	}
	en := c.db.lookupWrite(args[1])
	h := newHLL()
	if en.exists() {
		h = c.editHLL(hyperLogLog(en.bytes()))
	} else {
		en = c.db.add(args[1], kindString, encRaw, h)
	}
	if dense {
		h, _ = h.toDense() // it was read without an error just now
	}
	for i, rank := range r {
		if rank > 0 {
			if next, _, ok := h.set(i, rank, int(e.cfg.hllSparseBytes)); ok {
				h = next
			}
		}
	}
	h.forgetCount()
	c.storeHLL(&en, h)
	c.changed(notifyString, "pfadd", args[1])
	c.ok()
}

func cmdPfdebug(e *Engine, c *client, args [][]byte) {
	en := c.db.lookupWrite(args[2])
	if !en.exists() {
		c.err("ERR The specified key does not exist")
		return
	}
	h, ok := c.asHLL(&en)
	if !ok {
		return
	}
	c.db.setBytes(&en, encRaw, h)
	h = hyperLogLog(en.bytes())
	makeDense := func() bool {
		d, ok := h.toDense()
		if !ok {
			c.err(errCorruptHLL)
			return false
		}
		if !h.dense() {
			e.dirty++
		}
		h = d
		c.db.setBytes(&en, encRaw, h)
		return true
	}
	switch {
	case is(args[1], "getreg"):
		if makeDense() {
			var r registers
			h.mergeInto(&r)
			c.array(len(r))
			for _, v := range r {
				c.int(int64(v))
			}
		}
	case is(args[1], "todense"):
		was := h.dense()
		if makeDense() {
			c.bool01(!was)
		}
	case is(args[1], "encoding"):
		if h.dense() {
			c.simple("dense")
		} else {
			c.simple("sparse")
		}
	case is(args[1], "decode"):
		if h.dense() {
			c.err("ERR HLL encoding is not sparse")
			return
		}
		var text []byte
		at := hllHeader
		for r, ok := h.runAt(at); ok; r, ok = h.runAt(at) { // corrupt ones too
			switch {
			case r.rank > 0:
				text = fmt.Appendf(text, "v:%d,%d ", r.rank, r.n)
			case r.size == 2:
				text = fmt.Appendf(text, "Z:%d ", r.n)
			default:
				text = fmt.Appendf(text, "z:%d ", r.n)
			}
			at += r.size
		}
		c.bulk(bytes.TrimSuffix(text, []byte(" ")))
	default:
		c.err("ERR Unknown PFDEBUG subcommand '" + string(args[1]) + "'")
	}
}
