package encode

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Coding is how the bytes of a list are coded.
type Coding uint8

// The codings. Their order is that of [Codings].
const (
	Identity Coding = iota
	Gzip
	Zstd

	Codings = 3 // how many there are
)

// String gives the name of the content coding in the IANA registry of HTTP.
func (c Coding) String() string {
	return [Codings]string{"identity", "gzip", "zstd"}[c]
}

// Part is a stretch of a JSON list in one coding. It is immutable.
type Part struct {
	Slices [][]byte // the bytes, in order; not to be modified
	Len    int64    // how many bytes Slices hold
	Text   int64    // how many bytes they spell once decoded; 0: the part holds no record

	sum checksum // of the decoded bytes; kept for gzip alone
}

// DefaultLevel is the level of deflate where none is set: what gzip itself uses.
const DefaultLevel = 6

// Coder codes parts. It is safe for concurrent use.
type Coder struct {
	level    int
	deflates sync.Pool // of *deflater
	zstd     *zstd.Encoder
}

// NewCoder gives a coder whose gzip has a level of 1 (fast) to 9 (small); 0
// means [DefaultLevel].
func NewCoder(level int) (*Coder, error) {
	if level == 0 {
		level = DefaultLevel
	}
	if level < 1 || level > 9 {
		return nil, fmt.Errorf("encode: there is no gzip level %d, only 1 to 9", level)
	}
	z, err := newZstd()
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return &Coder{level: level, zstd: z}, nil
}

// Encode codes text, which is one or more records joined by a comma and a line
// feed. Identity refers to text and copies nothing.
func (c *Coder) Encode(coding Coding, text []byte) Part {
	if len(text) == 0 {
		return Part{sum: emptySum}
	}
	p := Part{Text: int64(len(text))}
	switch coding {
	case Gzip:
		text, p.sum = c.deflate(text), sumOf(text)
	case Zstd:
		text = c.frame(text)
	}
	p.Slices, p.Len = [][]byte{text}, int64(len(text))
	return p
}
