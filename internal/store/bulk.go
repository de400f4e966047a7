package store

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"landings/internal/dataset"
)

// bulk is a connection over which buckets are written, as many as Redis takes in, before
// the answers are read.
//
// To rueidis every argument is a string of its own, and a load has two for each record: to
// measure and copy them was more than a third of what the node did to write a load. Here a bucket goes into the bytes
// of the protocol (RESP, redis.io/docs/latest/develop/reference/protocol-spec) at once.
// Like a wire it never reconnects.
type bulk struct {
	conn    net.Conn
	in      *bufio.Reader
	out     []byte
	timeout time.Duration // for each write and each answer
	before  func() error  // called before each write, which does not happen where it fails; nil: nothing is
	broken  bool          // nobody knows any more what Redis got
}

// bulkBytes is how much is put together before it is written, with the rest of a record; at most
// twice as much is written at a time.
const bulkBytes = 64 << 10

// longestReply bounds an answer, in bytes; the longest that is asked for is INFO's.
const longestReply = 1 << 20

// openBulk makes a connection to the server of a wire. errStale says that another
// incarnation of Redis serves it.
func (s *Store) openBulk(ctx context.Context, w *wire) (*bulk, error) {
	option := &s.topology.address.option
	conn, err := dial(ctx, w.addr, option)
	if err != nil {
		w.topology.learn(w.addr, w.key, err)
		return nil, err
	}
	b := &bulk{conn: conn, in: bufio.NewReaderSize(conn, 4<<10), out: make([]byte, 0, 2*bulkBytes), timeout: s.opts.WriteTimeout}
	stop := context.AfterFunc(ctx, b.close)
	err = b.enter(option, w.server.run)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		if b.broken || isReply(err) {
			w.topology.learn(w.addr, w.key, err)
		}
		b.close()
		return nil, err
	}
	return b, nil
}

// dial connects as rueidis does with these options.
func dial(ctx context.Context, addr string, option *rueidis.ClientOption) (net.Conn, error) {
	switch {
	case option.DialCtxFn != nil:
		return option.DialCtxFn(ctx, addr, &option.Dialer, option.TLSConfig)
	case option.TLSConfig != nil:
		return (&tls.Dialer{NetDialer: &option.Dialer, Config: option.TLSConfig}).DialContext(ctx, "tcp", addr)
	}
	return option.Dialer.DialContext(ctx, "tcp", addr)
}

// enter makes the connection one of the user and the database, and sees to it that the
// incarnation of Redis is run.
func (b *bulk) enter(option *rueidis.ClientOption, run string) error {
	var commands [][]string
	if option.Password != "" || option.Username != "" {
		user := option.Username
		if user == "" {
			user = "default" // takes any password where none is set, as rueidis has it too
		}
		commands = append(commands, []string{"AUTH", user, option.Password})
	}
	if option.SelectDB != 0 {
		commands = append(commands, []string{"SELECT", strconv.Itoa(option.SelectDB)})
	}
	commands = append(commands, []string{"INFO", "server", "replication"})
	for _, c := range commands {
		b.out = appendLength(b.out, '*', len(c))
		for _, arg := range c {
			b.out = appendArgument(b.out, arg)
		}
	}
	if err := b.flush(); err != nil {
		return err
	}
	var info string
	var first error
	for range commands {
		var err error
		if info, err = b.answer(); err != nil && first == nil {
			first = err
		}
		if b.broken {
			break
		}
	}
	if first == nil && parseServer(info).run != run {
		first = errStale
	}
	return first
}

// put sends the records of a bucket: the fields of the hash key are their ids, the values
// as [encodeRecord] gives them. It may keep back some of it until flush.
func (b *bulk) put(key string, bucket *dataset.Bucket) error {
	b.out = appendLength(b.out, '*', 2+2*bucket.Len())
	b.out = appendArgument(b.out, "HSET")
	b.out = appendArgument(b.out, key)
	out := b.out
	var digits [20]byte
	for i := range bucket.Len() {
		r := bucket.At(i)
		out = appendArgument(out, r.ID)
		position := strconv.AppendUint(digits[:0], r.Position, 10)
		out = appendLength(out, '$', len(position)+1+len(r.JSON))
		out = append(out, position...)
		out = append(out, ' ')
		out = append(out, r.JSON...)
		out = append(out, '\r', '\n')
		if len(out) >= bulkBytes {
			b.out = out
			if err := b.flush(); err != nil {
				return err
			}
			out = b.out
		}
	}
	b.out = out
	return nil
}

// flush sends what was kept back.
func (b *bulk) flush() error {
	for rest := b.out; len(rest) > 0; {
		n := min(len(rest), 2*bulkBytes)
		if err := b.write(rest[:n]); err != nil {
			b.broken = true
			return err
		}
		rest = rest[n:]
	}
	b.out = b.out[:0]
	return nil
}

func (b *bulk) write(p []byte) error {
	if b.before != nil {
		if err := b.before(); err != nil {
			return err
		}
	}
	if err := b.conn.SetDeadline(time.Now().Add(b.timeout)); err != nil {
		return err
	}
	_, err := b.conn.Write(p)
	return err
}

// answer reads one answer: a status, a number or a string. A refusal is an error, and so
// is everything else.
func (b *bulk) answer() (string, error) {
	text, err := b.read()
	b.broken = b.broken || err != nil && !isReply(err)
	return text, err
}

func (b *bulk) read() (string, error) {
	if err := b.conn.SetReadDeadline(time.Now().Add(b.timeout)); err != nil {
		return "", err
	}
	line, err := b.in.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	text := strings.TrimSuffix(string(line), "\r\n")
	if text == "" {
		return "", errReply
	}
	switch kind, rest := text[0], text[1:]; kind {
	case '+', ':':
		return rest, nil
	case '-':
		return "", refusal(rest)
	case '$':
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 || n > longestReply {
			return "", errReply
		}
		body := make([]byte, n+len("\r\n"))
		_, err = io.ReadFull(b.in, body)
		return string(body[:n]), err
	}
	return "", fmt.Errorf("%w: %q", errReply, dataset.Excerpt(text))
}

var errReply = errors.New("the answer is none that Redis gives")

// close closes the connection; nil has none.
func (b *bulk) close() {
	if b != nil {
		_ = b.conn.Close()
	}
}

func appendArgument(b []byte, text string) []byte {
	b = appendLength(b, '$', len(text))
	b = append(b, text...)
	return append(b, '\r', '\n')
}

func appendLength(b []byte, kind byte, n int) []byte {
	b = append(b, kind)
	switch {
	case n >= 100 && n < 1000: // most values are of so many bytes, and strconv takes twice as long
		b = append(b, '0'+byte(n/100), '0'+byte(n/10%10), '0'+byte(n%10))
	default:
		b = strconv.AppendInt(b, int64(n), 10)
	}
	return append(b, '\r', '\n')
}

// refusal is an error that Redis answered, such as "OOM command not allowed".
type refusal string

func (r refusal) Error() string { return string(r) }
