package redisserver

import (
	"strconv"
)

// op is a command for the append-only file, in e.opBytes from the previous one's
// end to its own.
type op struct {
	db  int
	end int
}

// propagate notes a command for the append-only file, after those already noted
// and before whatever the present command adds by itself. A handler that
// propagates something else than its own arguments sets c.noPropagate.
func (e *Engine) propagate(db int, args ...[]byte) {
	if e.aof == nil || e.loading {
		return
	}
	e.opBytes = appendCommand(e.opBytes, args...)
	e.ops = append(e.ops, op{db, len(e.opBytes)})
}

// propagateRaw notes the present command of c by the bytes that the client sent.
func (e *Engine) propagateRaw(c *client, args [][]byte) {
	if e.aof == nil || e.loading {
		return
	}
	if c.internal {
		e.propagate(c.db.id, args...)
		return
	}
	e.opBytes = append(e.opBytes, c.req.in[c.req.start:c.req.pos]...)
	e.ops = append(e.ops, op{c.db.id, len(e.opBytes)})
}

// propagateAs propagates args in place of the command that c executes.
func (c *client) propagateAs(args ...[]byte) {
	c.noPropagate = true
	c.e.propagate(c.db.id, args...)
}

// flushPropagation moves the commands noted since the last command or transaction
// ended to the append-only buffer, as one transaction if there are several.
func (e *Engine) flushPropagation() {
	if len(e.ops) == 0 || e.depth > 0 {
		return
	}
	a := e.aof
	if a == nil { // turned off by the command itself
		e.ops, e.opBytes = e.ops[:0], e.opBytes[:0]
		return
	}
	several := len(e.ops) > 1
	if several {
		a.append(e.ops[0].db, []byte("*1\r\n$5\r\nMULTI\r\n")) // SELECT comes before it, as in Redis
	}
	from := 0
	for _, o := range e.ops {
		a.append(o.db, e.opBytes[from:o.end])
		from = o.end
	}
	if several {
		a.append(-1, []byte("*1\r\n$4\r\nEXEC\r\n"))
	}
	e.ops = e.ops[:0]
	if cap(e.opBytes) > 1<<20 {
		e.opBytes = nil
	} else {
		e.opBytes = e.opBytes[:0]
	}
}

// appendCommand appends a command in the protocol's form.
func appendCommand(b []byte, args ...[]byte) []byte {
	b = append(b, '*')
	b = strconv.AppendInt(b, int64(len(args)), 10)
	b = append(b, '\r', '\n')
	for _, a := range args {
		b = append(b, '$')
		b = strconv.AppendInt(b, int64(len(a)), 10)
		b = append(b, '\r', '\n')
		b = append(b, a...)
		b = append(b, '\r', '\n')
	}
	return b
}

// bi makes the decimal bytes of a number.
func bi(n int64) []byte { return strconv.AppendInt(nil, n, 10) }
