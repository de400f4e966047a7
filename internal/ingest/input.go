package ingest

import (
	"bytes"
	"errors"
	"io"
)

// errTooLong says that a piece of the input exceeds what the buffer may hold.
var errTooLong = errors.New("ingest: too long")

// startBuffer is the buffer's size until a record needs more. Detection of the
// format looks at as much.
const startBuffer = 64 << 10

// input is the source seen through one buffer, with lines counted. A parser
// works on a record where it lies in the buffer, and asks for more of the input
// until the record is there as a whole.
type input struct {
	src *source
	max int // the longest piece that the buffer holds
	buf []byte
	pos int // what is unread begins here
	eof bool

	reserved bool // the buffer has the size that reserve gave it

	base      int64 // offset in the input of buf[0]
	mark      int   // lines are counted up to here, mark <= pos
	line      int   // of buf[mark], from 1
	lineStart int64 // offset in the input of that line's first byte
}

func newInput(src *source, l Limits) *input {
	return &input{src: src, max: l.MaxRecordBytes, buf: make([]byte, 0, startBuffer), line: 1}
}

// rest gives what is buffered and unread.
func (in *input) rest() []byte { return in.buf[in.pos:] }

// more reads more of the input behind what is unread. It gives io.EOF at the end,
// and errTooLong when the unread piece exceeds the limit. Slices of the buffer
// are void afterwards.
func (in *input) more() error {
	if in.eof {
		return io.EOF
	}
	unread := len(in.buf) - in.pos
	if unread > in.max {
		return errTooLong
	}
	if len(in.buf) == cap(in.buf) {
		size := cap(in.buf)
		if unread > size/2 {
			size *= 2
		} else if in.reserved && unread <= startBuffer/2 {
			size, in.reserved = startBuffer, false
		}
		in.move(size)
	}
	for range 100 {
		n, err := in.src.Read(in.buf[len(in.buf):cap(in.buf)])
		in.buf = in.buf[:len(in.buf)+n]
		if err == io.EOF {
			in.eof = true
		} else if err != nil {
			return err
		}
		if n > 0 {
			return nil
		}
		if in.eof {
			return io.EOF
		}
	}
	return io.ErrNoProgress
}

// move drops what was read, and takes what is unread into a buffer of a size, a new
// one where it is another.
func (in *input) move(size int) {
	in.settle(in.pos)
	to := in.buf[:0]
	if size != cap(in.buf) {
		to = make([]byte, 0, size)
	}
	in.base += int64(in.pos)
	in.buf = append(to, in.buf[in.pos:]...)
	in.mark, in.pos = 0, 0
}

// reserve makes room for the longest piece, without the buffers in between, for who
// looks ahead. When that was read the buffer becomes small again, which stays in the
// processor's cache.
func (in *input) reserve() {
	if size := in.max + startBuffer; size > cap(in.buf) {
		in.move(size)
		in.reserved = true
	}
}

// grow reads until twice as much is unread, if it can be had. Who begins anew with
// a record after each call does so a number of times that is the logarithm of the
// record's size, however small the pieces are in which the input comes.
func (in *input) grow() error {
	want := 2 * len(in.rest())
	if err := in.more(); err != nil {
		return err
	}
	for len(in.rest()) < want {
		switch err := in.more(); err {
		case nil:
		case io.EOF, errTooLong:
			return nil // the next call says so
		default:
			return err
		}
	}
	return nil
}

// settle counts the lines up to buf[to].
func (in *input) settle(to int) {
	in.line, in.lineStart = in.count(to)
	in.mark = to
}

func (in *input) count(to int) (line int, start int64) {
	piece := in.buf[in.mark:to]
	if n := bytes.Count(piece, newline); n > 0 {
		return in.line + n, in.base + int64(in.mark+bytes.LastIndexByte(piece, '\n')+1)
	}
	return in.line, in.lineStart
}

var newline = []byte{'\n'}

// at gives line and column, both from 1, of the byte at an offset from what is
// unread.
func (in *input) at(offset int) (line, column int) {
	i := in.pos + offset
	line, start := in.count(i)
	return line, int(in.base + int64(i) - start + 1)
}

// here gives the line of what is unread, and counts up to it.
func (in *input) here() int {
	in.settle(in.pos)
	return in.line
}

// skipSpace skips JSON's white space and gives the next byte without taking it;
// io.EOF when there is none.
func (in *input) skipSpace() (byte, error) {
	for {
		for in.pos < len(in.buf) {
			switch c := in.buf[in.pos]; c {
			case ' ', '\t', '\n', '\r':
				in.pos++
			default:
				return c, nil
			}
		}
		if err := in.more(); err != nil {
			return 0, err
		}
	}
}

// piece reads up to the next end byte, or to the end of the input, and gives the
// piece without it and what to advance by. errTooLong: it does not fit.
func (in *input) piece(end byte) (piece []byte, advance int, err error) {
	seen := 0
	for {
		rest := in.rest()
		if i := bytes.IndexByte(rest[seen:], end); i >= 0 {
			if i += seen; i > in.max {
				return rest[:i], 0, errTooLong
			}
			return rest[:i], i + 1, nil
		}
		seen = len(rest)
		switch err := in.more(); {
		case err == io.EOF:
			if len(in.rest()) > in.max {
				return in.rest(), 0, errTooLong
			}
			return in.rest(), len(in.rest()), nil
		case err != nil:
			return in.rest(), 0, err
		}
	}
}

// drop skips behind the next end byte, however far it is.
func (in *input) drop(end byte) error {
	for {
		if i := bytes.IndexByte(in.rest(), end); i >= 0 {
			in.pos += i + 1
			return nil
		}
		in.pos = len(in.buf)
		if err := in.more(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}
