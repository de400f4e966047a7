package redisserver

import (
	"bytes"
)

const (
	maxInline      = 64 << 10 // longest line of the protocol
	maxUnauthArgs  = 10       // arguments before AUTH
	maxUnauthBytes = 16 << 10 // length of an argument before AUTH
	maxArgs        = 1<<31 - 1
)

// request is the state of parsing one client's input: what has arrived of a
// command survives until the rest comes. Offsets count from start, so that the
// buffer may be moved.
type request struct {
	in     []byte // what was read; in[start:pos] is parsed
	start  int    // where the present command begins
	pos    int
	want   int  // arguments still missing of a multibulk command
	bulk   int  // length of the argument being read, -1: its header is next
	inline bool // the bytes that came are not what an append-only file may hold
	spans  []argSpan
	args   [][]byte
}

type argSpan struct{ from, to int }

// protocolError is a violation of the protocol: it is answered, then the
// connection is closed.
type protocolError string

func (e protocolError) Error() string { return string(e) }

// limits bound what a client may send.
type limits struct {
	bulk   int64 // longest argument
	authed bool
}

// compact drops what was parsed, so that the buffer does not grow with the
// number of commands.
func (r *request) compact() {
	if r.start == 0 {
		return
	}
	n := copy(r.in, r.in[r.start:])
	r.in = r.in[:n]
	r.pos -= r.start
	r.start = 0
	if n == 0 && cap(r.in) > 64<<10 {
		r.in = nil
	}
	if n == 0 && cap(r.args) > 4096 {
		r.args, r.spans = nil, nil
	}
}

// next parses one command. It returns nil arguments if more input is needed; the
// arguments alias the buffer until the next call or compact.
func (r *request) next(lim limits) ([][]byte, error) {
	for {
		if r.want == 0 {
			r.start, r.inline = r.pos, false
			if r.pos == len(r.in) {
				return nil, nil
			}
			if r.in[r.pos] != '*' {
				args, more, err := r.nextInline()
				if err != nil || more {
					return nil, err
				}
				if len(args) == 0 {
					continue
				}
				return args, nil
			}
			n, ok, err := r.header("mbulk count", "multibulk length")
			if err != nil || !ok {
				return nil, err
			}
			if n > maxArgs {
				return nil, protocolError("Protocol error: invalid multibulk length")
			}
			if n > maxUnauthArgs && !lim.authed {
				return nil, protocolError("Protocol error: unauthenticated multibulk length")
			}
			if n <= 0 {
				continue
			}
			r.want, r.bulk = int(n), -1
			r.spans = r.spans[:0]
		}
		for r.want > 0 {
			if r.bulk < 0 {
				if r.pos == len(r.in) {
					return nil, nil
				}
				if c := r.in[r.pos]; c != '$' {
					// The character is looked at only once its line is complete.
					if bytes.IndexByte(r.in[r.pos:], '\r') < 0 && len(r.in)-r.pos <= maxInline {
						return nil, nil
					}
					return nil, protocolError("Protocol error: expected '$', got '" + string(rune(c)) + "'")
				}
				n, ok, err := r.header("bulk count", "bulk length")
				if err != nil || !ok {
					return nil, err
				}
				if n < 0 || n > lim.bulk {
					return nil, protocolError("Protocol error: invalid bulk length")
				}
				if n > maxUnauthBytes && !lim.authed {
					return nil, protocolError("Protocol error: unauthenticated bulk length")
				}
				r.bulk = int(n)
			}
			if len(r.in)-r.pos < r.bulk+2 {
				return nil, nil
			}
			from := r.pos - r.start
			r.spans = append(r.spans, argSpan{from, from + r.bulk})
			r.pos += r.bulk + 2
			if r.in[r.pos-2] != '\r' || r.in[r.pos-1] != '\n' {
				r.inline = true // Redis does not look at them either
			}
			r.bulk = -1
			r.want--
		}
		r.args = r.args[:0]
		for _, s := range r.spans {
			r.args = append(r.args, r.in[r.start+s.from:r.start+s.to:r.start+s.to])
		}
		return r.args, nil
	}
}

// header reads the number after * or $ up to the line's end.
func (r *request) header(count, length string) (int64, bool, error) {
	line := r.in[r.pos:]
	end := bytes.IndexByte(line, '\r')
	if end < 0 {
		if len(line) > maxInline {
			return 0, false, protocolError("Protocol error: too big " + count + " string")
		}
		return 0, false, nil
	}
	if end+2 > len(line) {
		return 0, false, nil
	}
	n, ok := parseInt(line[1:end])
	if !ok {
		return 0, false, protocolError("Protocol error: invalid " + length)
	}
	r.pos += end + 2
	if r.in[r.pos-1] != '\n' {
		r.inline = true
	}
	return n, true, nil
}

func (r *request) nextInline() (args [][]byte, more bool, err error) {
	line := r.in[r.pos:]
	end := bytes.IndexByte(line, '\n')
	if end < 0 {
		if len(line) > maxInline {
			return nil, false, protocolError("Protocol error: too big inline request")
		}
		return nil, true, nil
	}
	r.pos += end + 1
	line = line[:end]
	if end > 0 && line[end-1] == '\r' {
		line = line[:end-1]
	}
	args, ok := splitArgs(line)
	if !ok {
		return nil, false, protocolError("Protocol error: unbalanced quotes in request")
	}
	r.inline = true
	return args, false, nil
}

// splitArgs splits a line as redis-cli and configuration files write it: words,
// "double quotes" with escapes, 'single quotes'.
func splitArgs(line []byte) (args [][]byte, ok bool) {
	space := func(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }
	i := 0
	for {
		for i < len(line) && (space(line[i]) || line[i] == 0) {
			i++
		}
		if i == len(line) {
			return args, true
		}
		cur := []byte{}
		var quote byte
		for ; ; i++ {
			if i == len(line) {
				if quote != 0 {
					return nil, false
				}
				break
			}
			c := line[i]
			switch {
			case quote == '"' && c == '\\' && i+3 < len(line) && line[i+1] == 'x' && isHex(line[i+2]) && isHex(line[i+3]):
				cur = append(cur, unhex(line[i+2])<<4|unhex(line[i+3]))
				i += 3
				continue
			case quote == '"' && c == '\\' && i+1 < len(line):
				i++
				c = line[i]
				switch c {
				case 'n':
					c = '\n'
				case 'r':
					c = '\r'
				case 't':
					c = '\t'
				case 'b':
					c = '\b'
				case 'a':
					c = '\a'
				}
				cur = append(cur, c)
				continue
			case quote == '\'' && c == '\\' && i+1 < len(line) && line[i+1] == '\'':
				i++
				cur = append(cur, '\'')
				continue
			case quote != 0 && c == quote:
				if i+1 < len(line) && !space(line[i+1]) {
					return nil, false // something sticks to the closing quote
				}
				i++
				quote = 0
			case quote != 0:
				cur = append(cur, c)
				continue
			case c == '"' || c == '\'':
				quote = c
				continue
			case space(c) || c == 0:
			default:
				cur = append(cur, c)
				continue
			}
			break
		}
		args = append(args, cur)
	}
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	}
	return c - 'A' + 10
}
