package direct

import (
	"io"
	"net"
	"time"
)

const (
	// headerBytes is the longest request that is answered directly: far more than
	// programs send, and about what browsers send.
	headerBytes = 4 << 10
	// flushBytes is how many bytes of answers to pipelined requests are gathered.
	flushBytes = 64 << 10
	// keepBytes is the largest room for answers that a connection keeps while it waits.
	keepBytes = 16 << 10
)

// conn is a connection while it is served directly: by one goroutine of its own, or
// by a loop, see looped.
type conn struct {
	front *Front
	tcp   *net.TCPConn // nil while a loop serves it; guarded by front.mu, and the goroutine's own
	in    []byte       // room of headerBytes
	out   []byte       // answers that were not sent yet
	clock clock
	now   time.Time // about: when the last request was read or the last write done
	stays bool      // it came from a loop, and does not go back

	request  Request
	response Response

	// When the deadlines were set. Setting one costs as much as finding a record, so
	// that it is done only once an eighth of the time that it allows is over: a
	// connection may stay idle for 7/8 of IdleTime to all of it.
	readSet, writeSet time.Time
}

// serve answers requests, rest first, until the connection ends, goes to a loop, or goes
// to net/http.
func (c *conn) serve(h *handover, rest []byte) {
	f := c.front
	c.in = make([]byte, headerBytes)
	_ = c.tcp.SetReadDeadline(time.Now().Add(f.config.HeaderTime))
	for first := true; ; first = false {
		if f.closing.Load() { // looked at after the deadline was set: Shutdown sets another
			c.end()
			return
		}
		var err error
		in := rest
		if !first || len(c.out)+len(rest) == 0 {
			var n int
			if n, err = c.tcp.Read(c.in); err != nil {
				c.end()
				return
			}
			in = c.in[:n]
		}
		c.now = time.Now()
		rest, err = c.answer(in)
		if err == nil && len(c.out) > 0 {
			err = c.flush()
		}
		if err != nil {
			c.end()
			return
		}
		if len(rest) > 0 {
			// Out of the table before net/http has it: nobody may close it from here.
			f.remove(c)
			_ = c.tcp.SetDeadline(time.Time{}) // net/http sets its own
			h.pass(passed{conn: &resumed{TCPConn: c.tcp, first: append([]byte(nil), rest...)}})
			return
		}
		if !c.stays && len(in) > 0 && f.toLoop(c, h) {
			return
		}
		if c.now.Sub(c.readSet) > f.config.IdleTime/8 {
			c.readSet = c.now
			_ = c.tcp.SetReadDeadline(c.now.Add(f.config.IdleTime))
		}
	}
}

// answer answers the requests at the start of in and gives the rest, which is for
// net/http. An error means that the connection is broken. Answers may still be in
// c.out.
func (c *conn) answer(in []byte) (rest []byte, err error) {
	for len(in) > 0 {
		n := c.request.parse(in)
		if n == 0 {
			return in, nil
		}
		if c.request.Put {
			finished := make(chan func(*Response), 1)
			if !c.front.config.Begin(&c.request, func(finish func(*Response)) { finished <- finish }) {
				return in, nil
			}
			finish := <-finished
			c.now = time.Now()
			c.response.reset(c.out, false, c.clock.date(c.now))
			finish(&c.response)
		} else {
			c.response.reset(c.out, c.request.Head, c.clock.date(c.now))
			c.request.Begun, c.request.Until = c.now, time.Time{}
			if !c.front.config.Answer(&c.request, &c.response) {
				return in, nil
			}
		}
		if in = in[n:]; len(in) > 0 {
			c.now = time.Now() // the next one has waited
		}
		c.out = c.response.out
		if body := c.response.body; body != nil {
			c.response.body = nil
			c.writeSet = time.Time{} // it sets deadlines of its own
			out := c.out
			c.out = nil
			if err := body.Send(c.tcp, out); err != nil {
				return nil, err
			}
		}
		if len(c.out) >= flushBytes {
			if err := c.flush(); err != nil {
				return nil, err
			}
		}
	}
	return nil, nil
}

// flush sends the answers.
func (c *conn) flush() error {
	if limit := c.front.config.WriteTime; c.now.Sub(c.writeSet) > limit/8 {
		c.writeSet = c.now
		_ = c.tcp.SetWriteDeadline(c.now.Add(limit))
	}
	_, err := c.tcp.Write(c.out)
	if c.out = c.out[:0]; cap(c.out) > keepBytes {
		c.out = nil
	}
	return err
}

// end closes the connection.
func (c *conn) end() {
	_ = c.tcp.Close()
	c.front.remove(c)
	c.front.config.Ended()
}

// clock gives the time as HTTP spells it, and makes the text once a second.
type clock struct {
	second int64
	text   []byte
}

// dateFormat is RFC 9110's, 5.6.7.
const dateFormat = "Mon, 02 Jan 2006 15:04:05 GMT"

func (c *clock) date(now time.Time) []byte {
	if s := now.Unix(); s != c.second || c.text == nil {
		c.second, c.text = s, now.UTC().AppendFormat(c.text[:0], dateFormat)
	}
	return c.text
}

// resumed is a connection of which some bytes were read already. All of
// *net.TCPConn stays within reach, for net/http sends with writev on it.
type resumed struct {
	*net.TCPConn
	first []byte // only the reading goroutine
}

func (r *resumed) Read(p []byte) (int, error) {
	if len(r.first) == 0 || len(p) == 0 {
		return r.TCPConn.Read(p)
	}
	n := copy(p, r.first)
	if r.first = r.first[n:]; len(r.first) == 0 {
		r.first = nil
	}
	return n, nil
}

// WriteTo hides that of *net.TCPConn, which would leave the first bytes out.
func (r *resumed) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{r})
}
