package ingest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"landings/internal/dataset"
)

// freeRatio is how many decompressed bytes are allowed whatever their ratio.
const freeRatio = 16 << 20

// maxWindow bounds what a zstd frame may make us allocate: 4 times the 8 MiB that
// RFC 8878 asks of every decoder; enough for all levels without --long and --ultra.
const maxWindow = 32 << 20

// source is the input once decompressed, within its limits. Its first error
// stays, and takes precedence over what a parser makes of a cut input.
type source struct {
	ctx    context.Context
	raw    *counter
	r      io.Reader
	close  func()
	coding string
	limits Limits
	n      int64 // decompressed bytes so far
	err    error // other than io.EOF
}

// counter counts what comes from the caller's reader, and remembers its error so
// that it can be told from the decompressor's.
type counter struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

func open(ctx context.Context, r io.Reader, encoding string, l Limits) (*source, error) {
	s := &source{ctx: ctx, raw: &counter{r: r}, limits: l, close: func() {}}
	br := bufio.NewReader(s.raw) // for its Peek: longer reads go past its buffer
	s.r = br
	magic, _ := br.Peek(4)
	if s.raw.err != nil {
		return nil, s.translate(s.raw.err)
	}
	found := codingOf(magic)
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		s.coding = found
	case "gzip", "x-gzip":
		s.coding = "gzip"
	case "zstd":
		s.coding = "zstd"
	default:
		return nil, &dataset.Error{
			Code:    dataset.UnsupportedMediaType,
			Message: fmt.Sprintf("the content encoding %q cannot be read", dataset.Excerpt(encoding)),
			Remedy:  "send the data plain, or compressed with gzip or zstd",
		}
	}
	if s.coding != found && len(magic) > 0 {
		return nil, &dataset.Error{
			Code:    dataset.Invalid,
			Message: fmt.Sprintf("the input is said to be compressed with %s, but does not begin like it", s.coding),
			Remedy:  "leave Content-Encoding out: the bytes tell",
		}
	}
	switch s.coding {
	case "gzip":
		m := &members{in: bufio.NewReaderSize(br, 64<<10)}
		var err error
		if m.z, err = gzip.NewReader(m.in); err != nil {
			return nil, s.translate(err)
		}
		m.z.Multistream(false)
		s.r = m
	case "zstd":
		z, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, s.translate(err)
		}
		s.r, s.close = z, z.Close
	}
	return s, nil
}

// members reads gzip data, which are one or more members (RFC 1952). Zero bytes after
// them are what tapes and block devices fill up with; anything else belongs to something
// else, which the library takes for a member that is cut off.
type members struct {
	in *bufio.Reader
	z  *gzip.Reader // of one member
}

// errAfterEnd says that bytes follow the last member.
var errAfterEnd = errors.New("ingest: bytes after the end")

func (m *members) Read(p []byte) (int, error) {
	n, err := m.z.Read(p)
	for n == 0 && err == io.EOF {
		if magic, _ := m.in.Peek(2); codingOf(magic) != "gzip" {
			return 0, m.fill()
		}
		if err = m.z.Reset(m.in); err != nil {
			break
		}
		m.z.Multistream(false)
		n, err = m.z.Read(p)
	}
	if n > 0 && err == io.EOF {
		err = nil // there may be more; the next call knows
	}
	return n, err
}

// fill reads what follows the last member: io.EOF when that is nothing or zeros.
func (m *members) fill() error {
	for {
		switch b, err := m.in.ReadByte(); {
		case err != nil:
			return err
		case b != 0:
			return errAfterEnd
		}
	}
}

func codingOf(magic []byte) string {
	switch {
	case len(magic) >= 2 && magic[0] == 0x1f && magic[1] == 0x8b:
		return "gzip"
	case len(magic) >= 4 && string(magic[:4]) == "\x28\xb5\x2f\xfd":
		return "zstd"
	}
	return ""
}

func (s *source) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	if err := s.ctx.Err(); err != nil {
		s.err = fmt.Errorf("reading the input: %w", context.Cause(s.ctx))
		return 0, s.err
	}
	n, err := s.r.Read(p)
	s.n += int64(n)
	switch {
	case s.n > s.limits.MaxBytes:
		s.err = &dataset.Error{
			Code:    dataset.TooLarge,
			Message: fmt.Sprintf("the input holds more than %s bytes", thousands(s.limits.MaxBytes)),
			Remedy:  "load it in parts, each as a dataset of its own",
		}
	case s.coding != "" && s.n > freeRatio && s.n > s.raw.n*s.limits.MaxRatio:
		s.err = &dataset.Error{
			Code:    dataset.TooLarge,
			Message: fmt.Sprintf("the input grows to more than %s times its size when decompressed", thousands(s.limits.MaxRatio)),
			Remedy:  "send it plain: only data made to exhaust the reader compress so well",
		}
	case err != nil && err != io.EOF:
		s.err = s.translate(err)
	}
	if s.err != nil {
		return n, s.err
	}
	return n, err
}

// translate tells an error of the caller's reader from one of the compressed data.
func (s *source) translate(err error) error {
	if s.raw.err != nil {
		err = s.raw.err
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return &dataset.Error{
				Code:    dataset.Invalid,
				Message: fmt.Sprintf("the input was cut off after %s bytes", thousands(s.raw.n)),
				Remedy:  "send it again", Err: err,
			}
		}
		return fmt.Errorf("reading the input: %w", err)
	}
	e := &dataset.Error{Code: dataset.Invalid, Err: err, Remedy: "compress it again, or send it plain"}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		e.Message = fmt.Sprintf("the %s data are cut off: they end after %s bytes, before their end mark", s.coding, thousands(s.raw.n))
		e.Remedy = "send the whole file"
	case errors.Is(err, errAfterEnd):
		e.Message = "there are bytes after the end of the gzip data"
		e.Remedy = "cut them off, or look whether two files became one"
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, zstd.ErrCRCMismatch):
		e.Message = fmt.Sprintf("the %s data are damaged: their checksum is wrong", s.coding)
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		e.Code = dataset.TooLarge
		e.Message = fmt.Sprintf("the zstd data need more than %s bytes of memory to be read", thousands(maxWindow))
		e.Remedy = "compress without --long and --ultra"
	default:
		e.Message = fmt.Sprintf("the %s data are damaged near byte %s", s.coding, thousands(s.raw.n))
	}
	return e
}

// thousands spells a number with separators, for people.
func thousands[T int | int64](n T) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
