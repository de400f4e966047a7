package encode

import (
	"bytes"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// What is asked once is coded at the cheapest level: it is sent and forgotten,
// while the parts of a list are kept.

var (
	gzips = sync.Pool{New: func() any {
		w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
		if err != nil {
			panic(err) // the level exists
		}
		return w
	}}
	zstds = sync.Pool{New: func() any {
		w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWindow))
		if err != nil {
			panic(err) // the options are valid
		}
		return w
	}}
)

// Whole codes a complete body, fast rather than small. Identity gives body itself.
func Whole(coding Coding, body []byte) []byte {
	switch coding {
	case Gzip:
		w := gzips.Get().(*gzip.Writer)
		defer gzips.Put(w)
		out := bytes.NewBuffer(make([]byte, 0, len(body)/3+64))
		w.Reset(out)
		_, _ = w.Write(body) // a bytes.Buffer takes everything
		_ = w.Close()
		return out.Bytes()
	case Zstd:
		w := zstds.Get().(*zstd.Encoder)
		defer zstds.Put(w)
		return w.EncodeAll(body, make([]byte, 0, len(body)/3+64))
	}
	return body
}

// Stream codes what is written to it, fast rather than small.
type Stream struct {
	io.Writer
	end  func() error
	back func() // gives the coder back
}

// NewStream gives a stream that hands what it has coded to w. It has to be closed
// or dropped.
func NewStream(coding Coding, w io.Writer) *Stream {
	switch coding {
	case Gzip:
		z := gzips.Get().(*gzip.Writer)
		z.Reset(w)
		return &Stream{Writer: z, end: z.Close, back: func() { z.Reset(nil); gzips.Put(z) }}
	case Zstd:
		z := zstds.Get().(*zstd.Encoder)
		z.Reset(w)
		return &Stream{Writer: z, end: z.Close, back: func() { z.Reset(nil); zstds.Put(z) }}
	}
	return &Stream{Writer: w, end: func() error { return nil }, back: func() {}}
}

// Close ends the coding. It does not close what the stream writes to.
func (s *Stream) Close() error {
	err := s.end()
	s.back()
	return err
}

// Drop gives the stream up: what was coded lacks its end, so that readers see that
// there is more.
func (s *Stream) Drop() { s.back() }
