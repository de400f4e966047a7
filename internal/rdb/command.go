package rdb

import (
	"errors"
	"fmt"
	"io"
	"strconv"
)

// A Command is an entry of an append-only file. It is valid until the next one
// is read.
type Command struct {
	DB     int // the database it is for
	Args   [][]byte
	File   string
	Offset int64 // where in the file it begins
	// InTransaction is set for commands between MULTI and EXEC. They are handed
	// over only if EXEC is there; MULTI, EXEC and SELECT themselves never are.
	InTransaction bool
}

// A CommandReader reads commands as append-only files hold them: RESP arrays of
// bulk strings, with comment lines (#TS:...) between them. The database starts at
// 0 and follows the SELECT commands.
type CommandReader struct {
	src *source
	db  int
	err error

	cur    rawCommand
	queued []rawCommand // of a transaction that has ended
	next   int          // of queued
	out    Command
}

type rawCommand struct {
	db     int
	offset int64
	data   []byte
	ends   []int // of the arguments in data
	args   [][]byte
}

// NewCommandReader reads commands from r. name, which may be empty, stands in
// errors.
func NewCommandReader(r io.Reader, name string) *CommandReader {
	return &CommandReader{src: newSource(r, name)}
}

// maxCommandLine is the longest line of length or count: as in Redis, 64 bits
// have room.
const maxCommandLine = 64

// maxAnnotation is the longest comment line, that of Redis.
const maxAnnotation = 1024

// Next returns the next command, io.EOF behind the last. Where the file ends in
// the middle of a command or of a transaction, the error's cause is
// io.ErrUnexpectedEOF and its offset is where the file could be cut.
func (c *CommandReader) Next() (*Command, error) {
	if c.err != nil {
		return nil, c.err
	}
	if c.next < len(c.queued) {
		c.next++
		return c.hand(&c.queued[c.next-1], true), nil
	}
	c.queued, c.next = c.queued[:0], 0
	multi := int64(-1) // where the open transaction begins
	for {
		start := c.src.offset()
		more, err := c.read(&c.cur)
		if err == nil && !more && multi >= 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			if multi >= 0 && errors.Is(err, io.ErrUnexpectedEOF) {
				start = multi
			}
			c.queued = nil
			return nil, c.fail(err, start)
		}
		if !more {
			c.err = io.EOF
			return nil, c.err
		}
		switch cmd := &c.cur; {
		case cmd.is("SELECT"):
			n, ok := int64(0), len(cmd.args) == 2
			if ok {
				n, ok = ParseInt(cmd.args[1])
			}
			if !ok || n < 0 || n > 1<<30 {
				return nil, c.fail(errors.New("SELECT names no database"), cmd.offset)
			}
			c.db = int(n)
		case cmd.is("MULTI"):
			if multi >= 0 {
				return nil, c.fail(errors.New("MULTI within MULTI"), cmd.offset)
			}
			multi = cmd.offset
		case cmd.is("EXEC"):
			if multi < 0 {
				return nil, c.fail(errors.New("EXEC without MULTI"), cmd.offset)
			}
			multi = -1
			if len(c.queued) > 0 {
				c.next = 1
				return c.hand(&c.queued[0], true), nil
			}
		case multi >= 0:
			cmd.db = c.db
			c.queued = append(c.queued, *cmd)
			c.cur = rawCommand{}
		default:
			cmd.db = c.db
			return c.hand(cmd, false), nil
		}
	}
}

func (c *CommandReader) hand(cmd *rawCommand, tx bool) *Command {
	c.out = Command{DB: cmd.db, Args: cmd.args, File: c.src.name, Offset: cmd.offset, InTransaction: tx}
	return &c.out
}

func (c *CommandReader) fail(cause error, offset int64) error {
	e := &Error{File: c.src.name, Offset: offset, Reading: "a command"}
	switch {
	case errors.Is(cause, io.ErrUnexpectedEOF):
		e.Problem, e.Err = "the file ends within it", cause
		e.Remedy = "cut the file there (aof-load-truncated yes does, as does redis-check-aof --fix)"
	case c.src.err != nil && errors.Is(cause, c.src.err):
		e.Offset, e.Problem, e.Err = c.src.offset(), "cannot be read", cause
	default:
		e.Problem = cause.Error()
		e.Remedy = "make a copy of the folder, then cut the file there with redis-check-aof --fix and lose what follows, or restore it"
	}
	c.err = e
	return e
}

// is reports whether the command's name is name, in any case.
func (cmd *rawCommand) is(name string) bool {
	if len(cmd.args[0]) != len(name) {
		return false
	}
	for i, b := range cmd.args[0] {
		if b&^0x20 != name[i] {
			return false
		}
	}
	return true
}

// read reads one command; false at a clean end of the file.
func (c *CommandReader) read(cmd *rawCommand) (bool, error) {
	for {
		cmd.offset = c.src.offset()
		if c.src.pos == c.src.end && !c.src.fill(1) {
			if err := c.src.short(); !errors.Is(err, io.ErrUnexpectedEOF) {
				return false, err
			}
			return false, nil
		}
		if c.src.buf[c.src.pos] != '#' {
			break
		}
		if _, err := c.line(maxAnnotation); err != nil {
			return false, err
		}
	}
	n, err := c.count('*')
	if err != nil {
		return false, err
	}
	if n < 1 {
		return false, fmt.Errorf("a command of %d arguments", n)
	}
	cmd.data, cmd.ends, cmd.args = cmd.data[:0], cmd.ends[:0], cmd.args[:0]
	for ; n > 0; n-- {
		size, err := c.count('$')
		if err != nil {
			return false, err
		}
		if size < 0 {
			return false, errors.New("an argument of negative length")
		}
		for left := size; left > 0; {
			if c.src.pos == c.src.end && !c.src.fill(1) {
				return false, c.src.short()
			}
			m := int(min(left, int64(c.src.end-c.src.pos)))
			cmd.data = append(cmd.data, c.src.buf[c.src.pos:c.src.pos+m]...)
			c.src.pos += m
			left -= int64(m)
		}
		cmd.ends = append(cmd.ends, len(cmd.data))
		end, err := c.src.take(2)
		if err != nil {
			return false, err
		}
		if end[0] != '\r' || end[1] != '\n' {
			return false, errors.New("an argument is not followed by the end of its line")
		}
	}
	start := 0
	for _, end := range cmd.ends {
		cmd.args = append(cmd.args, cmd.data[start:end:end])
		start = end
	}
	return true, nil
}

// count reads a line of sign and a number.
func (c *CommandReader) count(sign byte) (int64, error) {
	// Nearly always the whole line is in the buffer and has one to three digits.
	if p := c.src.buf[c.src.pos:c.src.end]; len(p) >= 6 && p[0] == sign && p[1]-'1' < 9 {
		n, i := int64(p[1]-'0'), 2
		for i < 4 && p[i]-'0' < 10 {
			n = n*10 + int64(p[i]-'0')
			i++
		}
		if p[i] == '\r' && p[i+1] == '\n' {
			c.src.pos += i + 2
			return n, nil
		}
	}
	b, err := c.src.byte()
	if err != nil {
		return 0, err
	}
	if b != sign {
		return 0, fmt.Errorf("%q where %q should be", b, sign)
	}
	line, err := c.line(maxCommandLine)
	if err != nil {
		return 0, err
	}
	n, ok := ParseInt(line)
	if !ok {
		return 0, fmt.Errorf("%s is not a number", quote(line))
	}
	return n, nil
}

// line reads up to the next line end and returns it without.
func (c *CommandReader) line(most int) ([]byte, error) {
	for n := 0; ; n++ {
		if n == most {
			return nil, errors.New("a line is too long")
		}
		if c.src.end-c.src.pos <= n && !c.src.fill(n+1) {
			return nil, c.src.short()
		}
		if c.src.buf[c.src.pos+n] == '\n' {
			line, err := c.src.take(n + 1)
			if err != nil {
				return nil, err
			}
			line = line[:n]
			if n > 0 && line[n-1] == '\r' {
				line = line[:n-1]
			}
			return line, nil
		}
	}
}

// AppendCommand appends a command to dst as append-only files, and clients,
// write it.
func AppendCommand[S ~string | ~[]byte](dst []byte, args ...S) []byte {
	dst = strconv.AppendInt(append(dst, '*'), int64(len(args)), 10)
	dst = append(dst, '\r', '\n')
	for _, a := range args {
		dst = strconv.AppendInt(append(dst, '$'), int64(len(a)), 10)
		dst = append(dst, '\r', '\n')
		dst = append(dst, a...)
		dst = append(dst, '\r', '\n')
	}
	return dst
}
