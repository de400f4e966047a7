package rdb

import (
	"encoding/binary"
	"errors"
	"io"
)

// source hands out bytes of an input from one buffer and keeps count of the
// offset and the checksum. Slices it gives are views, valid until the next call.
type source struct {
	r    io.Reader // nil where buf is all there is
	name string
	buf  []byte
	pos  int // next byte to hand out
	end  int // bytes of buf that are filled
	base int64

	crc   uint64
	crcAt int  // up to where in buf crc has been taken
	noCRC bool // nobody will ask

	err error // of r; io.EOF at its end
}

const sourceSize = 256 << 10

func newSource(r io.Reader, name string) *source {
	return &source{r: r, name: name, buf: make([]byte, sourceSize)}
}

func newMemorySource(b []byte, name string) *source {
	return &source{name: name, buf: b, end: len(b), err: io.EOF}
}

// offset returns how many bytes have been handed out.
func (s *source) offset() int64 { return s.base + int64(s.pos) }

// fill makes n bytes, no more than the buffer holds, available at pos. It
// returns false at the end of the input or when reading fails.
func (s *source) fill(n int) bool {
	if s.end-s.pos >= n {
		return true
	}
	if s.r == nil || s.err != nil || n > len(s.buf) {
		return false
	}
	s.sum()
	copy(s.buf, s.buf[s.pos:s.end])
	s.base += int64(s.pos)
	s.end -= s.pos
	s.pos, s.crcAt = 0, 0
	for empty := 0; s.end < n; {
		m, err := s.r.Read(s.buf[s.end:])
		s.end += m
		if err != nil {
			s.err = err
			return s.end >= n
		}
		if m > 0 {
			empty = 0
		} else if empty++; empty == 100 {
			s.err = io.ErrNoProgress
			return false
		}
	}
	return true
}

// sum takes the checksum up to pos.
func (s *source) sum() uint64 {
	if !s.noCRC {
		s.crc = CRC64(s.crc, s.buf[s.crcAt:s.pos])
	}
	s.crcAt = s.pos
	return s.crc
}

// short says why fill failed: io.ErrUnexpectedEOF or the reader's error.
func (s *source) short() error {
	if s.err == nil || errors.Is(s.err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return s.err
}

// take hands out n bytes, no more than the buffer holds.
func (s *source) take(n int) ([]byte, error) {
	if s.end-s.pos < n && !s.fill(n) {
		return nil, s.short()
	}
	b := s.buf[s.pos : s.pos+n : s.pos+n]
	s.pos += n
	return b, nil
}

func (s *source) byte() (byte, error) {
	if s.pos == s.end && !s.fill(1) {
		return 0, s.short()
	}
	b := s.buf[s.pos]
	s.pos++
	return b, nil
}

func (s *source) fixed64() (uint64, error) {
	b, err := s.take(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// bytes hands out n bytes: a view if they fit the buffer, otherwise *big, which
// grows only as they arrive.
func (s *source) bytes(n uint64, big *[]byte) ([]byte, error) {
	if n <= uint64(len(s.buf)) {
		return s.take(int(n))
	}
	if s.r == nil {
		return nil, io.ErrUnexpectedEOF
	}
	out := (*big)[:0]
	for n > 0 {
		if s.pos == s.end && !s.fill(1) {
			return nil, s.short()
		}
		m := int(min(uint64(s.end-s.pos), n))
		out = append(out, s.buf[s.pos:s.pos+m]...)
		s.pos += m
		n -= uint64(m)
	}
	*big = out
	return out, nil
}
