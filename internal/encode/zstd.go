package encode

import (
	"bytes"

	"github.com/klauspost/compress/zstd"
)

// A zstd list is a row of frames, which decoders join (RFC 8878, 3.1): one for
// each part, and frames of one raw block for what stands between them.

// zstdWindow keeps decoders within what RFC 9659 lets them refuse (8 MiB) and our
// own memory small; parts are smaller as a rule.
const zstdWindow = 1 << 20

func newZstd() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithWindowSize(zstdWindow))
}

// frame gives text as one frame.
func (c *Coder) frame(text []byte) []byte {
	return bytes.Clone(c.zstd.EncodeAll(text, make([]byte, 0, len(text)/2)))
}

// rawFrame gives a frame of up to 255 bytes, not compressed: magic number, a
// descriptor that says "single segment, one byte of content size", that byte, and
// one last raw block.
func rawFrame(text string) []byte {
	n := byte(len(text))
	header := uint32(n)<<3 | 1
	b := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x20, n, byte(header), byte(header >> 8), byte(header >> 16)}
	return append(b, text...)
}
