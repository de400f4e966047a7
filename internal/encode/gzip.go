package encode

import (
	"bytes"
	"encoding/binary"

	"github.com/klauspost/compress/flate"
)

// A gzip list is one member (RFC 1952). Each part is deflated by itself and ends
// with a sync flush, an empty stored block that brings the stream to a byte
// boundary (RFC 1951, 3.2.4), so that parts can follow each other. What stands
// between them are stored blocks, and the last of those closes the stream. The
// checksum in the trailer is joined from the checksums of the parts.

// gzipOpen is the header of a member (deflate, no name, no time, unknown system)
// and the bracket.
var gzipOpen = append([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}, stored(false, "[")...)

// stored gives a stored block of up to 65,535 bytes.
func stored(final bool, text string) []byte {
	b := make([]byte, 1, 5+len(text))
	if final {
		b[0] = 1
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(text)))
	b = binary.LittleEndian.AppendUint16(b, ^uint16(len(text)))
	return append(b, text...)
}

func gzipClose(body Part) []byte {
	sum := sumOf([]byte("[")).then(body.sum).then(sumOf([]byte("]")))
	b := stored(true, "]")
	b = binary.LittleEndian.AppendUint32(b, sum.crc)
	return binary.LittleEndian.AppendUint32(b, uint32(body.Text+2))
}

type deflater struct {
	out bytes.Buffer
	w   *flate.Writer
}

// deflate gives text deflated up to and with a sync flush.
func (c *Coder) deflate(text []byte) []byte {
	d, _ := c.deflates.Get().(*deflater)
	if d == nil {
		d = new(deflater)
		w, err := flate.NewWriter(&d.out, c.level)
		if err != nil {
			panic(err) // NewCoder checked the level
		}
		d.w = w
	}
	defer c.deflates.Put(d)
	d.out.Reset()
	d.w.Reset(&d.out)
	// A bytes.Buffer takes everything, so neither can fail.
	_, _ = d.w.Write(text)
	_ = d.w.Flush()
	return bytes.Clone(d.out.Bytes())
}
