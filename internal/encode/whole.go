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

// Stream codes what is written to it, fast rather than small, and hands it to w.
// Close ends the coding and does not close w.
func Stream(coding Coding, w io.Writer) io.WriteCloser {
	switch coding {
	case Gzip:
		z := gzips.Get().(*gzip.Writer)
		z.Reset(w)
		return &stream{WriteCloser: z, done: func() { z.Reset(nil); gzips.Put(z) }}
	case Zstd:
		z := zstds.Get().(*zstd.Encoder)
		z.Reset(w)
		return &stream{WriteCloser: z, done: func() { z.Reset(nil); zstds.Put(z) }}
	}
	return &stream{WriteCloser: plain{w}, done: func() {}}
}

type stream struct {
	io.WriteCloser
	done func() // gives the coder back
}

func (s *stream) Close() error {
	err := s.WriteCloser.Close()
	s.done()
	return err
}

type plain struct{ io.Writer }

func (plain) Close() error { return nil }
