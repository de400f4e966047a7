package redisserver

import (
	"encoding/binary"
	"math"
	"math/bits"
)

func bitmapCommands() []command {
	return []command{
		{name: "bitcount", arity: -2, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "bitmap", since: "2.6.0", do: cmdBitcount},
		{name: "bitfield", arity: -2, flags: "write denyoom", keys: "1 1 1", spec: "RW access update variable_flags", cats: "bitmap", since: "3.2.0", do: cmdBitfield},
		{name: "bitfield_ro", arity: -2, flags: "readonly fast", keys: "1 1 1", spec: "RO access", cats: "bitmap", since: "6.0.0", do: cmdBitfieldRo},
		{name: "bitop", arity: -4, flags: "write denyoom", keys: "2 -1 1", spec: "OW update | index 2 | range 0 1 0; RO access | index 3 | range -1 1 0", cats: "bitmap", since: "2.6.0", do: cmdBitop},
		{name: "bitpos", arity: -3, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "bitmap", since: "2.8.7", do: cmdBitpos},
		{name: "getbit", arity: 3, flags: "readonly fast", keys: "1 1 1", spec: "RO access", cats: "bitmap", since: "2.2.0", do: cmdGetbit},
		{name: "setbit", arity: 4, flags: "write denyoom", keys: "1 1 1", spec: "RW access update", cats: "bitmap", since: "2.2.0", do: cmdSetbit},
	}
}

// bitOffset reads a bit's number, or writes the error. With hash, #n counts in
// fields of width bits.
func bitOffset(c *client, arg []byte, hash bool, width int64) (int64, bool) {
	const bad = "ERR bit offset is not an integer or out of range"
	scaled := hash && len(arg) > 0 && arg[0] == '#'
	if scaled {
		arg = arg[1:]
	}
	n, ok := parseInt(arg)
	if ok && scaled {
		if n > math.MaxInt64/width {
			ok = false
		}
		n *= width
	}
	if !ok || n < 0 || n>>3 >= c.e.cfg.maxBulk && !c.internal {
		c.err(bad)
		return 0, false
	}
	return n, true
}

// stringToEdit finds a string to write to, its bytes from the given one up to n, or
// creates it, raw and at least n bytes long; false after an error. grown says whether it is longer than before.
func (c *client) stringToEdit(key []byte, from, n int) (b []byte, grown, ok bool) {
	en := c.db.lookupWrite(key)
	if !en.exists() {
		en = c.db.add(key, kindString, encRaw, make([]byte, n))
		return en.bytes(), true, true
	}
	if en.kind() != kindString {
		c.err(errWrongType)
		return nil, false, false
	}
	var buf [24]byte
	old := len(en.text(&buf))
	return c.db.rawString(&en, max(n, old), from, n), n > old, true
}

func cmdSetbit(e *Engine, c *client, args [][]byte) {
	off, ok := bitOffset(c, args[2], false, 0)
	if !ok {
		return
	}
	v, ok := parseInt(args[3])
	if !ok || v&^1 != 0 {
		c.err("ERR bit is not an integer or out of range")
		return
	}
	b, grown, ok := c.stringToEdit(args[1], int(off>>3), int(off>>3)+1)
	if !ok {
		return
	}
	mask := byte(0x80) >> (off & 7)
	old := b[off>>3]&mask != 0
	if v == 1 {
		b[off>>3] |= mask
	} else {
		b[off>>3] &^= mask
	}
	if grown || old != (v == 1) {
		c.changed(notifyString, "setbit", args[1])
	}
	c.bool01(old)
}

func cmdGetbit(e *Engine, c *client, args [][]byte) {
	off, ok := bitOffset(c, args[2], false, 0)
	if !ok {
		return
	}
	var buf [24]byte
	b, ok := c.stringOf(args[1], c.zero, &buf)
	if !ok {
		return
	}
	i := off >> 3
	c.bool01(i < int64(len(b)) && b[i]&(0x80>>(off&7)) != 0)
}

func countBits(b []byte) int64 {
	n := 0
	for ; len(b) >= 8; b = b[8:] {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(b))
	}
	for _, x := range b {
		n += bits.OnesCount8(x)
	}
	return int64(n)
}

// bitRange makes of start and end, in bytes or bits, the first and last bit; empty
// if there is none.
func bitRange(start, end, n int64, inBits bool) (first, last int64, empty bool) {
	if inBits {
		n *= 8
	}
	if start < 0 && end < 0 && start > end {
		return 0, 0, true
	}
	if start < 0 {
		start = max(0, start+n)
	}
	if end < 0 {
		end = max(0, end+n)
	}
	end = min(end, n-1)
	if start > end {
		return 0, 0, true
	}
	if !inBits {
		start, end = start*8, end*8+7
	}
	return start, end, false
}

func cmdBitcount(e *Engine, c *client, args [][]byte) {
	var buf [24]byte
	b, ok := c.stringOf(args[1], c.zero, &buf)
	if !ok {
		return
	}
	start, end, inBits := int64(0), int64(-1), false
	if len(args) == 4 || len(args) == 5 {
		var ok1, ok2 bool
		start, ok1 = parseInt(args[2])
		end, ok2 = parseInt(args[3])
		if !ok1 || !ok2 {
			c.err(errNotInt)
			return
		}
		if start < 0 && end < 0 && start > end { // before the unit is looked at
			c.int(0)
			return
		}
		if len(args) == 5 {
			switch {
			case is(args[4], "bit"):
				inBits = true
			case is(args[4], "byte"):
			default:
				c.err(errSyntax)
				return
			}
		}
	} else if len(args) != 2 {
		c.err(errSyntax)
		return
	}
	first, last, empty := bitRange(start, end, int64(len(b)), inBits)
	if empty {
		c.int(0)
		return
	}
	part := b[first>>3 : last>>3+1]
	n := countBits(part)
	n -= int64(bits.OnesCount8(part[0] &^ (0xFF >> (first & 7))))
	n -= int64(bits.OnesCount8(part[len(part)-1] & (0x7F >> (last & 7))))
	c.int(n)
}

func cmdBitpos(e *Engine, c *client, args [][]byte) {
	bit, ok := parseInt(args[2])
	if !ok {
		c.err(errNotInt)
		return
	}
	if bit != 0 && bit != 1 {
		c.err("ERR The bit argument must be 1 or 0.")
		return
	}
	en := c.db.lookup(args[1])
	if !en.exists() {
		if bit == 1 {
			c.int(-1)
		} else {
			c.int(0)
		}
		return
	}
	if en.kind() != kindString {
		c.err(errWrongType)
		return
	}
	var buf [24]byte
	b := en.text(&buf)
	start, end, inBits, endGiven := int64(0), int64(-1), false, false
	if len(args) >= 4 && len(args) <= 6 {
		if start, ok = parseInt(args[3]); !ok {
			c.err(errNotInt)
			return
		}
		if len(args) == 6 {
			switch {
			case is(args[5], "bit"):
				inBits = true
			case is(args[5], "byte"):
			default:
				c.err(errSyntax)
				return
			}
		}
		if len(args) >= 5 {
			if end, ok = parseInt(args[4]); !ok {
				c.err(errNotInt)
				return
			}
			endGiven = true
		}
	} else if len(args) != 3 {
		c.err(errSyntax)
		return
	}
	// Unlike BITCOUNT, a range of negative numbers is not checked for order first.
	n := int64(len(b))
	if inBits {
		n *= 8
	}
	if start < 0 {
		start = max(0, start+n)
	}
	if end < 0 {
		end = max(0, end+n)
	}
	end = min(end, n-1)
	if start > end {
		c.int(-1)
		return
	}
	if !inBits {
		start, end = start*8, end*8+7
	}
	pos := findBit(b, start, end, bit == 1)
	if pos < 0 && bit == 0 && !endGiven {
		pos = int64(len(b)) * 8 // the string goes on with zeros
	}
	c.int(pos)
}

// findBit is the first bit of a value from first to last, -1 if there is none.
func findBit(b []byte, first, last int64, one bool) int64 {
	skip := byte(0xFF)
	if one {
		skip = 0
	}
	for i := first; i <= last; {
		if i&7 == 0 && b[i>>3] == skip {
			i += 8
			continue
		}
		if (b[i>>3]&(0x80>>(i&7)) != 0) == one {
			return i
		}
		i++
	}
	return -1
}

func cmdBitop(e *Engine, c *client, args [][]byte) {
	var op byte
	switch {
	case is(args[1], "and"):
		op = '&'
	case is(args[1], "or"):
		op = '|'
	case is(args[1], "xor"):
		op = '^'
	case is(args[1], "not"):
		op = '~'
	default:
		c.err(errSyntax)
		return
	}
	if op == '~' && len(args) != 4 {
		c.err("ERR BITOP NOT must be called with a single source key.")
		return
	}
	src := make([][]byte, len(args)-3)
	n := 0
	for i, k := range args[3:] {
		en := c.db.lookup(k)
		if !en.exists() {
			continue
		}
		if en.kind() != kindString {
			c.err(errWrongType)
			return
		}
		src[i] = en.text(new([24]byte))
		n = max(n, len(src[i]))
	}
	if n == 0 {
		if c.db.remove(args[2]) {
			c.changed(notifyGeneric, "del", args[2])
		}
		c.int(0)
		return
	}
	out := make([]byte, n)
	copy(out, src[0])
	switch op {
	case '~':
		for i := range out {
			out[i] = ^out[i]
		}
	default:
		for _, s := range src[1:] {
			for i := range out {
				var x byte
				if i < len(s) {
					x = s[i]
				}
				switch op {
				case '&':
					out[i] &= x
				case '|':
					out[i] |= x
				default:
					out[i] ^= x
				}
			}
		}
	}
	c.db.set(args[2], kindString, encRaw, out, false)
	c.changed(notifyString, "set", args[2])
	c.int(int64(n))
}

// bitfieldOp is one step of BITFIELD.
type bitfieldOp struct {
	kind     byte // g, s or i
	off      int64
	width    int64
	signed   bool
	arg      int64
	overflow byte // w, s or f
}

func cmdBitfield(e *Engine, c *client, args [][]byte)   { e.bitfield(c, args, false) }
func cmdBitfieldRo(e *Engine, c *client, args [][]byte) { e.bitfield(c, args, true) }

func (e *Engine) bitfield(c *client, args [][]byte, readOnly bool) {
	var ops []bitfieldOp
	overflow := byte('w')
	begin, end := int64(math.MaxInt64), int64(0) // the bytes that the writes need
	writes := false
	for i := 2; i < len(args); {
		left := len(args) - i - 1
		var kind byte
		switch {
		case is(args[i], "get") && left >= 2:
			kind = 'g'
		case is(args[i], "set") && left >= 3:
			kind = 's'
		case is(args[i], "incrby") && left >= 3:
			kind = 'i'
		case is(args[i], "overflow") && left >= 1:
			switch {
			case is(args[i+1], "wrap"):
				overflow = 'w'
			case is(args[i+1], "sat"):
				overflow = 's'
			case is(args[i+1], "fail"):
				overflow = 'f'
			default:
				c.err("ERR Invalid OVERFLOW type specified")
				return
			}
			i += 2
			continue
		default:
			c.err(errSyntax)
			return
		}
		op := bitfieldOp{kind: kind, overflow: overflow}
		t := args[i+1]
		ok := len(t) > 1 && (t[0] == 'i' || t[0] == 'u')
		if ok {
			op.signed = t[0] == 'i'
			op.width, ok = parseInt(t[1:])
		}
		if !ok || op.width < 1 || op.signed && op.width > 64 || !op.signed && op.width > 63 {
			c.err("ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.")
			return
		}
		if op.off, ok = bitOffset(c, args[i+2], true, op.width); !ok {
			return
		}
		i += 3
		if kind != 'g' {
			writes = true
			begin, end = min(begin, op.off>>3), max(end, (op.off+op.width-1)>>3+1)
			if op.arg, ok = parseInt(args[i]); !ok {
				c.err(errNotInt)
				return
			}
			i++
		}
		ops = append(ops, op)
	}
	var b []byte
	var buf [24]byte
	grown := false
	if !writes {
		en := c.db.lookup(args[1])
		if en.exists() && en.kind() != kindString {
			c.err(errWrongType)
			return
		}
		if en.exists() {
			b = en.text(&buf)
		}
	} else {
		if readOnly {
			c.err("ERR BITFIELD_RO only supports the GET subcommand")
			return
		}
		var ok bool
		if b, grown, ok = c.stringToEdit(args[1], int(begin), int(end)); !ok {
			return
		}
	}
	c.array(len(ops))
	changes := int64(0)
	for _, op := range ops {
		old := getField(b, op.off, op.width)
		value := int64(old)
		if op.signed && op.width < 64 {
			value = value << (64 - op.width) >> (64 - op.width)
		}
		switch op.kind {
		case 'g':
			c.int(value)
		case 's', 'i':
			base, by := value, op.arg
			if op.kind == 's' {
				base, by = op.arg, 0
			}
			next, fails := op.apply(base, by)
			if fails {
				c.null()
				continue
			}
			if op.kind == 's' {
				c.int(value)
			} else {
				c.int(next)
			}
			setField(b, op.off, op.width, uint64(next))
			if grown || next != value {
				changes++
			}
		}
	}
	switch {
	case changes > 0:
		c.changed(notifyString, "setbit", args[1])
		e.dirty += changes - 1
	case grown: // and every write failed: zeros were added, of which Redis does not tell
		e.dirty++
	}
}

// apply adds by to value as the field's type and overflow rule say.
func (op *bitfieldOp) apply(value, by int64) (int64, bool) {
	if op.signed {
		top := int64(uint64(1)<<(op.width-1) - 1)
		bottom := -top - 1
		maxBy, minBy := top-value, bottom-value // may overflow themselves: see below
		over := value > top || op.width != 64 && by > maxBy || value >= 0 && by > 0 && by > maxBy
		under := value < bottom || op.width != 64 && by < minBy || value < 0 && by < 0 && by < minBy
		if !over && !under {
			return value + by, false
		}
		switch op.overflow {
		case 'f':
			return 0, true
		case 's':
			if over {
				return top, false
			}
			return bottom, false
		}
		sum := uint64(value) + uint64(by)
		return int64(sum) << (64 - op.width) >> (64 - op.width), false
	}
	top := uint64(1)<<op.width - 1
	v := uint64(value)
	over := v > top || by > 0 && uint64(by) > top-v
	under := by < 0 && uint64(-by) > v
	if !over && !under {
		return int64(v + uint64(by)), false
	}
	switch op.overflow {
	case 'f':
		return 0, true
	case 's':
		if over {
			return int64(top), false
		}
		return 0, false
	}
	return int64((v + uint64(by)) & top), false
}

func getField(b []byte, off, width int64) uint64 {
	var v uint64
	for i := off; i < off+width; i++ {
		v <<= 1
		if i>>3 < int64(len(b)) && b[i>>3]&(0x80>>(i&7)) != 0 {
			v |= 1
		}
	}
	return v
}

func setField(b []byte, off, width int64, v uint64) {
	for i := off + width - 1; i >= off; i-- {
		if v&1 != 0 {
			b[i>>3] |= 0x80 >> (i & 7)
		} else {
			b[i>>3] &^= 0x80 >> (i & 7)
		}
		v >>= 1
	}
}
