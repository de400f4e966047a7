// Package resp is the client's side of Redis's protocol, in its second version (RESP2,
// redis.io/docs/latest/develop/reference/protocol-spec), over one connection.
//
// A client library hides which connection a command takes, connects again by itself, and
// hands commands from one goroutine to the next. Who watches keys and commits has to know
// what came from one incarnation of the server, and waits for each answer before it goes
// on: it speaks for itself.
package resp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
	"unsafe"
)

// Conn is a connection to a server. It has one user at a time and never connects again:
// once it has failed, nobody knows what the server got or what it is answering.
type Conn struct {
	conn    net.Conn
	in      *bufio.Reader
	out     []byte        // commands that are put together
	timeout time.Duration // for each piece that is sent, and for whatever comes next
	failed  error         // the first failure; nil: none
}

const (
	pieceBytes = 128 << 10 // so much is sent within one timeout
	bufferSize = 16 << 10
	longest    = 512 << 20 // of a text, in bytes: as proto-max-bulk-len has it
	deepest    = 8         // lists in lists
	roomAtOnce = 1024      // replies of a list that are made room for before they come
	atOnce     = 1 << 20   // bytes of a text, likewise
	mostKept   = 256 << 10 // of memory for commands, in bytes
)

// New gives a connection that uses conn. The server has timeout to take in each piece of
// what is sent, and to send each piece of what it answers.
func New(conn net.Conn, timeout time.Duration) *Conn {
	return &Conn{conn: conn, in: bufio.NewReaderSize(patient{conn, timeout}, bufferSize), timeout: timeout}
}

// patient gives each read its time.
type patient struct {
	net.Conn
	timeout time.Duration
}

func (p patient) Read(b []byte) (int, error) {
	if err := p.SetReadDeadline(time.Now().Add(p.timeout)); err != nil {
		return 0, err
	}
	return p.Conn.Read(b)
}

// Close closes the connection; nil has none.
func (c *Conn) Close() {
	if c != nil {
		_ = c.conn.Close() // nothing that was sent depends on it
	}
}

// Failed says whether the connection is of no use any more.
func (c *Conn) Failed() bool { return c.failed != nil }

// Do sends n commands, each as command appends it, see [AppendArray], and gives their
// replies. The first are on their way while the others are made. An error says that the
// connection has failed, and that only the replies that are given came; the end of the
// context is one, unless all replies were there. A context that had ended before is an
// error too, but nothing was sent.
func (c *Conn) Do(ctx context.Context, n int, command func(b []byte, i int) []byte) ([]Reply, error) {
	return c.do(ctx, n, command, false)
}

// DoAfter is Do of commands that may only run after the first of them: where that one is
// refused, no other reply is waited for, the connection is closed, and the error is the
// refusal.
func (c *Conn) DoAfter(ctx context.Context, n int, command func(b []byte, i int) []byte) ([]Reply, error) {
	return c.do(ctx, n, command, true)
}

func (c *Conn) do(ctx context.Context, n int, command func(b []byte, i int) []byte, after bool) ([]Reply, error) {
	if err := ctx.Err(); err != nil {
		return nil, err // nothing was sent
	}
	stop := context.AfterFunc(ctx, c.Close)
	replies, err := c.exchange(n, command, after)
	if !stop() {
		if ended := c.Fail(ctx.Err()); err != nil {
			err = ended
		}
	}
	return replies, err
}

func (c *Conn) exchange(n int, command func(b []byte, i int) []byte, after bool) ([]Reply, error) {
	out := c.out[:0]
	for i := range n {
		if out = command(out, i); len(out) >= pieceBytes/2 || i == n-1 {
			if err := c.Send(out); err != nil {
				return nil, err
			}
			if c.out = out; cap(out) > mostKept {
				c.out = nil
			}
			out = c.out[:0]
		}
	}
	replies := make([]Reply, 0, n)
	for range n {
		r, err := c.Receive()
		if err != nil {
			return replies, err
		}
		replies = append(replies, r)
		if after && len(replies) == 1 && r.kind == refusal {
			c.Close()
			return replies, c.Fail(r.Err())
		}
	}
	return replies, nil
}

// Send sends commands. Their replies can be received later, in order.
func (c *Conn) Send(commands []byte) error {
	for len(commands) > 0 {
		if c.failed != nil {
			return c.failed
		}
		n := min(len(commands), pieceBytes)
		if err := c.conn.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
			return c.Fail(err)
		}
		if _, err := c.conn.Write(commands[:n]); err != nil {
			return c.Fail(err)
		}
		commands = commands[n:]
	}
	return nil
}

// Receive gives the next reply. An error says that the connection has failed; what the
// server refuses is a reply.
func (c *Conn) Receive() (Reply, error) {
	if c.failed != nil {
		return Reply{}, c.failed
	}
	r, err := c.read(0)
	if err != nil {
		return Reply{}, c.Fail(err)
	}
	return r, nil
}

// Fail makes the connection one that has failed, where it has not, and gives err.
func (c *Conn) Fail(err error) error {
	if c.failed == nil {
		c.failed = err
	}
	return err
}

func (c *Conn) read(depth int) (Reply, error) {
	line, err := c.line()
	if err != nil {
		return Reply{}, err
	}
	kind, rest := line[0], line[1:]
	switch kind {
	case status, refusal, number:
		return Reply{kind: kind, text: string(rest)}, nil
	case text, list:
	default:
		return Reply{}, fmt.Errorf("%w: it begins with %q", errProtocol, line[:min(len(line), 20)])
	}
	n, err := strconv.ParseInt(string(rest), 10, 64)
	switch {
	case err != nil || n < -1 || kind == text && n > longest || kind == list && depth == deepest:
		return Reply{}, fmt.Errorf("%w: %q cannot be taken", errProtocol, line[:min(len(line), 20)])
	case n == -1:
		return Reply{kind: null}, nil
	case kind == text:
		body, err := c.body(int(n))
		return Reply{kind: text, text: body}, err
	}
	r := Reply{kind: list, list: make([]Reply, 0, min(n, roomAtOnce))}
	for range n {
		one, err := c.read(depth + 1)
		if err != nil {
			return Reply{}, err
		}
		r.list = append(r.list, one)
	}
	return r, nil
}

var errProtocol = errors.New("the answer is none that Redis gives")

// line reads a line of at least one byte, without its end. It stands until the next read.
func (c *Conn) line() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	if len(line) < len("+\r\n") || line[len(line)-2] != '\r' {
		return nil, fmt.Errorf("%w: the line %q", errProtocol, line)
	}
	return line[:len(line)-2], nil
}

// body reads a text of n bytes and its end.
func (c *Conn) body(n int) (string, error) {
	b := make([]byte, min(n+len("\r\n"), atOnce))
	for at := 0; ; {
		if _, err := io.ReadFull(c.in, b[at:]); err != nil {
			return "", err
		}
		if at = len(b); at == n+len("\r\n") {
			break
		}
		b = append(b, make([]byte, min(at, n+len("\r\n")-at))...)
	}
	if b[n] != '\r' || b[n+1] != '\n' {
		return "", fmt.Errorf("%w: a text is longer than was said", errProtocol)
	}
	return unsafe.String(unsafe.SliceData(b), n), nil // nobody else has b
}
