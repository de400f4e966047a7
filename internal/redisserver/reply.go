package redisserver

import (
	"math"
	"strconv"
	"strings"
)

// The methods of client in this file write one reply, or one part of it, in the
// protocol version that the client chose. Replies and pushes to a client go to
// one buffer in the order of execution.

func (c *client) line(t byte, s string) {
	c.out = append(c.out, t)
	c.out = append(c.out, s...)
	c.out = append(c.out, '\r', '\n')
}

func (c *client) header(t byte, n int) {
	if n >= 0 && n < 10 {
		c.out = append(c.out, t, '0'+byte(n), '\r', '\n')
		return
	}
	c.out = append(c.out, t)
	c.out = strconv.AppendInt(c.out, int64(n), 10)
	c.out = append(c.out, '\r', '\n')
}

// simple writes a simple string such as OK.
func (c *client) simple(s string) { c.line('+', s) }
func (c *client) ok()             { c.out = append(c.out, "+OK\r\n"...) }

// err writes an error; its text begins with a code such as ERR. Line breaks in it
// become spaces.
func (c *client) err(text string) {
	c.failed = true
	c.e.stats.errors[errorCode(text)]++
	from := len(c.out) + 1
	c.line('-', text)
	for i, b := range c.out[from : len(c.out)-2] {
		if b == '\r' || b == '\n' {
			c.out[from+i] = ' '
		}
	}
}

func errorCode(text string) string {
	code, _, _ := strings.Cut(text, " ")
	return code
}

func (c *client) int(n int64) {
	c.out = append(c.out, ':')
	c.out = strconv.AppendInt(c.out, n, 10)
	c.out = append(c.out, '\r', '\n')
}

// bool01 writes 1 or 0.
func (c *client) bool01(b bool) {
	if b {
		c.out = append(c.out, ":1\r\n"...)
	} else {
		c.out = append(c.out, ":0\r\n"...)
	}
}

func (c *client) bulk(b []byte) {
	c.header('$', len(b))
	c.out = append(c.out, b...)
	c.out = append(c.out, '\r', '\n')
}

func (c *client) bulkString(s string) {
	c.header('$', len(s))
	c.out = append(c.out, s...)
	c.out = append(c.out, '\r', '\n')
}

func (c *client) bulkInt(n int64) {
	var buf [24]byte
	c.bulk(strconv.AppendInt(buf[:0], n, 10))
}

// verbatim writes text with a three-letter format, a bulk string in RESP2.
func (c *client) verbatim(format, s string) {
	if c.resp < 3 {
		c.bulkString(s)
		return
	}
	c.header('=', len(s)+4)
	c.out = append(c.out, format...)
	c.out = append(c.out, ':')
	c.out = append(c.out, s...)
	c.out = append(c.out, '\r', '\n')
}

// null writes the absent value.
func (c *client) null() {
	if c.resp < 3 {
		c.out = append(c.out, "$-1\r\n"...)
	} else {
		c.out = append(c.out, "_\r\n"...)
	}
}

// nullArray writes the absent array.
func (c *client) nullArray() {
	if c.resp < 3 {
		c.out = append(c.out, "*-1\r\n"...)
	} else {
		c.out = append(c.out, "_\r\n"...)
	}
}

func (c *client) array(n int) { c.header('*', n) }

// mapping announces n pairs: a map, or an array of 2n in RESP2.
func (c *client) mapping(n int) {
	if c.resp < 3 {
		c.header('*', 2*n)
	} else {
		c.header('%', n)
	}
}

// set announces n members: a set, or an array in RESP2.
func (c *client) set(n int) {
	if c.resp < 3 {
		c.header('*', n)
	} else {
		c.header('~', n)
	}
}

// push announces an out-of-band message of n parts, an array in RESP2.
func (c *client) push(n int) {
	c.pushAt = len(c.out)
	if c.resp < 3 {
		c.header('*', n)
	} else {
		c.header('>', n)
	}
}

// double writes a number with 17 significant digits, a bulk string in RESP2.
func (c *client) double(d float64) {
	var buf [40]byte
	s := appendDouble(buf[:0], d)
	if c.resp < 3 {
		c.bulk(s)
		return
	}
	c.out = append(c.out, ',')
	c.out = append(c.out, s...)
	c.out = append(c.out, '\r', '\n')
}

// appendDouble writes d as C's %.17g does.
func appendDouble(b []byte, d float64) []byte {
	switch {
	case math.IsInf(d, 1):
		return append(b, "inf"...)
	case math.IsInf(d, -1):
		return append(b, "-inf"...)
	case math.IsNaN(d):
		return append(b, "nan"...)
	case d == math.Trunc(d) && math.Abs(d) < 1e15 && (d != 0 || !math.Signbit(d)):
		return strconv.AppendInt(b, int64(d), 10)
	}
	return strconv.AppendFloat(b, d, 'g', 17, 64)
}

// A place is where the header of a reply of unknown length will go.
type place int

// deferred starts a reply whose length is known only at its end.
func (c *client) deferred() place { return place(len(c.out)) }

func (c *client) fill(p place, header func()) {
	end := len(c.out)
	header()
	var h [96]byte
	n := copy(h[:], c.out[end:])
	copy(c.out[int(p)+n:], c.out[p:end])
	copy(c.out[p:], h[:n])
}

// fillArray makes what was written since p an array of n.
func (c *client) fillArray(p place, n int)   { c.fill(p, func() { c.array(n) }) }
func (c *client) fillMapping(p place, n int) { c.fill(p, func() { c.mapping(n) }) }
func (c *client) fillSet(p place, n int)     { c.fill(p, func() { c.set(n) }) }

// The errors that many commands share.
const (
	errSyntax     = "ERR syntax error"
	errWrongType  = "WRONGTYPE Operation against a key holding the wrong kind of value"
	errNotInt     = "ERR value is not an integer or out of range"
	errNotFloat   = "ERR value is not a valid float"
	errNoKey      = "ERR no such key"
	errOutOfRange = "ERR index out of range"
	errOOM        = "OOM command not allowed when used memory > 'maxmemory'."
)
