package rdb

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
)

// Version is the RDB version that is written, that of Redis 7.0.
const Version = 10

// maxVersion is the newest that is read, that of Redis 7.2.
const maxVersion = 11

// Bytes where a file has a type: what is not a key.
const (
	opFunction2    = 245
	opFunctionPre  = 246 // of release candidates of 7.0
	opModuleAux    = 247
	opIdle         = 248
	opFreq         = 249
	opAux          = 250
	opResizeDB     = 251
	opExpireTimeMs = 252
	opExpireTime   = 253
	opSelectDB     = 254
	opEOF          = 255
)

// The first byte of a length: its two high bits say what the rest is.
const (
	len14      = 1 << 6
	len32      = 0x80
	len64      = 0x81
	encInt8    = 0xc0
	encInt16   = 0xc1
	encInt32   = 0xc2
	encLZF     = 0xc3
	nodePlain  = 1 // containers of TypeListQuicklist2
	nodePacked = 2
)

// An Encoder appends keys and values, as Redis 7.0 writes them, to Buf. It
// does no input or output and keeps nothing of what it is given. A value is its
// type, which [Encoder.Key] or [Encoder.Type] writes, followed by
//
//	TypeString            String or Int
//	TypeListQuicklist2    Len of the nodes, each node Packed or Plain
//	TypeSet               Len of the members, each String or Int
//	TypeSetIntset         Blob of an Intset
//	TypeHash              Len of the pairs, field and value String or Int
//	TypeHashListpack      Blob of a Listpack
//	TypeZSet2             Len of the members, each String or Int and Float; Redis starts with the highest
//	TypeZSetListpack      Blob of a Listpack
//	TypeStreamListpacks2  Len of the listpacks, each StreamPack; then Stream,
//	                      or its parts StreamHead and for each group Group
//
// Redis takes no empty list, set, hash, sorted set, and no empty listpack in them.
type Encoder struct {
	Buf []byte
	// Compress turns on LZF for strings and blobs of more than 20 bytes, as
	// rdbcompression does.
	Compress bool

	lzf   *lzfCompressor
	later bool // compression is left to Add
	blobs []blobAt
}

// blobAt is where an encoder wrote a string or blob that is worth compressing.
type blobAt struct{ head, start, end int }

// NewEncoder returns an encoder with an empty buffer.
func NewEncoder(compress bool) *Encoder { return &Encoder{Compress: compress} }

// NewQuickEncoder returns an encoder for those in haste: what it writes is to be taken to
// another by [Encoder.Add], which compresses it.
func NewQuickEncoder() *Encoder { return &Encoder{later: true} }

// Add writes what a quick encoder wrote, and compresses it if that is on.
func (e *Encoder) Add(quick *Encoder) {
	from := 0
	for _, b := range quick.blobs {
		e.Buf = append(e.Buf, quick.Buf[from:b.head]...)
		e.Blob(quick.Buf[b.start:b.end])
		from = b.end
	}
	e.Buf = append(e.Buf, quick.Buf[from:]...)
}

// Reset empties the buffer and keeps its memory.
func (e *Encoder) Reset() { e.Buf, e.blobs = e.Buf[:0], e.blobs[:0] }

// DB says what [Writer.BeginDB] says, in the encoder alone.
func (e *Encoder) DB(db int, keys, expires uint64) {
	e.Buf = append(e.Buf, opSelectDB)
	e.Len(uint64(db))
	e.Buf = append(e.Buf, opResizeDB)
	e.Len(keys)
	e.Len(expires)
}

// Key writes the head of a key: what m says, t, and the key's name.
func (e *Encoder) Key(m Meta, t Type, key []byte) {
	if m.ExpireAt != NoExpiry {
		e.Buf = append(e.Buf, opExpireTimeMs)
		e.Fixed64(uint64(m.ExpireAt))
	}
	if m.Idle >= 0 {
		e.Buf = append(e.Buf, opIdle)
		e.Len(uint64(m.Idle))
	}
	if m.Freq >= 0 {
		e.Buf = append(e.Buf, opFreq, byte(m.Freq))
	}
	e.Buf = append(e.Buf, byte(t))
	e.String(key)
}

// Type writes the type of a value that has no key, in a payload of DUMP.
func (e *Encoder) Type(t Type) { e.Buf = append(e.Buf, byte(t)) }

// Len writes a length.
func (e *Encoder) Len(n uint64) {
	switch {
	case n < 1<<6:
		e.Buf = append(e.Buf, byte(n))
	case n < 1<<14:
		e.Buf = append(e.Buf, len14|byte(n>>8), byte(n))
	case n <= math.MaxUint32:
		e.Buf = binary.BigEndian.AppendUint32(append(e.Buf, len32), uint32(n))
	default:
		e.Buf = binary.BigEndian.AppendUint64(append(e.Buf, len64), n)
	}
}

// String writes s: as an integer if it spells one of 32 bits, compressed if
// that is on and shorter, else as it is.
func (e *Encoder) String(s []byte) {
	if len(s) <= 11 {
		if n, ok := ParseInt(s); ok && e.smallInt(n) {
			return
		}
	}
	e.Blob(s)
}

// Int writes n as the string that it spells.
func (e *Encoder) Int(n int64) {
	if e.smallInt(n) {
		return
	}
	var text [lpIntDigits]byte
	e.Blob(strconv.AppendInt(text[:0], n, 10))
}

func (e *Encoder) smallInt(n int64) bool {
	switch {
	case n >= math.MinInt8 && n <= math.MaxInt8:
		e.Buf = append(e.Buf, encInt8, byte(n))
	case n >= math.MinInt16 && n <= math.MaxInt16:
		e.Buf = append(e.Buf, encInt16, byte(n), byte(n>>8))
	case n >= math.MinInt32 && n <= math.MaxInt32:
		e.Buf = append(e.Buf, encInt32, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
	default:
		return false
	}
	return true
}

// Blob writes s, a listpack or other bytes that spell no integer, compressed if
// that is on and shorter.
func (e *Encoder) Blob(s []byte) {
	if len(s) > 20 && e.Compress && e.compressed(s) {
		return
	}
	head := len(e.Buf)
	e.Len(uint64(len(s)))
	start := len(e.Buf)
	e.Buf = append(e.Buf, s...)
	if len(s) > 20 && e.later {
		e.blobs = append(e.blobs, blobAt{head, start, len(e.Buf)})
	}
}

// compressed writes s in LZF behind room for the two lengths and closes the gap
// once they are known.
func (e *Encoder) compressed(s []byte) bool {
	const room = 1 + 9 + 9
	if e.lzf == nil {
		e.lzf = new(lzfCompressor)
	}
	start := len(e.Buf)
	e.Buf = slices.Grow(e.Buf, room+len(s))
	out, ok := e.lzf.compress(e.Buf[:start+room], s)
	if !ok {
		return false
	}
	packed := out[start+room:]
	e.Buf = out[:start]
	e.Buf = append(e.Buf, encLZF)
	e.Len(uint64(len(packed)))
	e.Len(uint64(len(s)))
	e.Buf = append(e.Buf, packed...) // moves down: append copies as copy does
	return true
}

// Float writes a score as 8 bytes.
func (e *Encoder) Float(f float64) { e.Fixed64(math.Float64bits(f)) }

// Fixed64 writes n as 8 bytes, little endian.
func (e *Encoder) Fixed64(n uint64) { e.Buf = binary.LittleEndian.AppendUint64(e.Buf, n) }

// Packed writes a list node that is a listpack.
func (e *Encoder) Packed(lp Listpack) {
	e.PackedHead()
	e.Blob(lp)
}

// PackedHead is what Packed writes before the listpack, which follows as a Blob.
func (e *Encoder) PackedHead() { e.Len(nodePacked) }

// Plain writes a list node that is one large element. An empty one becomes a
// listpack: Redis loads no empty plain node.
func (e *Encoder) Plain(s []byte) {
	if len(s) == 0 {
		var lp [lpHeader + 3]byte
		e.Packed(AppendListpack(lp[:0]).Append(s))
		return
	}
	e.Len(nodePlain)
	e.String(s)
}

// StreamPack writes a listpack of stream entries with the id that they are
// relative to.
func (e *Encoder) StreamPack(first StreamID, lp Listpack) {
	e.StreamPackHead(first)
	e.Blob(lp)
}

// StreamPackHead is what StreamPack writes before the listpack, which follows as a Blob.
func (e *Encoder) StreamPackHead(first StreamID) {
	e.Buf = append(e.Buf, 16) // length of the id as a string
	e.ID(first)
}

// ID writes an id as 16 bytes, big endian.
func (e *Encoder) ID(id StreamID) {
	e.Buf = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(e.Buf, id.Ms), id.Seq)
}

func (e *Encoder) lenID(id StreamID) {
	e.Len(id.Ms)
	e.Len(id.Seq)
}

// Stream writes everything about a stream that follows its listpacks.
func (e *Encoder) Stream(s *Stream) {
	e.StreamHead(s, len(s.Groups))
	for i := range s.Groups {
		e.Group(&s.Groups[i])
	}
}

// StreamHead writes what follows the listpacks of a stream up to the number of
// its groups; s.Groups is not looked at.
func (e *Encoder) StreamHead(s *Stream, groups int) {
	e.Len(s.Length)
	e.lenID(s.LastID)
	e.lenID(s.FirstID)
	e.lenID(s.MaxDeletedID)
	e.Len(s.EntriesAdded)
	e.Len(uint64(groups))
}

// GroupHead writes what stands before the pending entries of a group, of which so many
// follow, each a PendingEntry; then the Len of its consumers, each ConsumerHead.
func (e *Encoder) GroupHead(g *Group, pending int) {
	e.Blob(g.Name)
	e.lenID(g.LastID)
	e.Len(uint64(g.EntriesRead))
	e.Len(uint64(pending))
}

// PendingEntry writes a delivered entry of a group; its owner is not looked at.
func (e *Encoder) PendingEntry(p *Pending) {
	e.ID(p.ID)
	e.Fixed64(uint64(p.DeliveredAt))
	e.Len(p.Deliveries)
}

// ConsumerHead writes what stands before the ids that a consumer has pending, of which
// so many follow, each an ID.
func (e *Encoder) ConsumerHead(c *Consumer, pending int) {
	e.Blob(c.Name)
	e.Fixed64(uint64(c.SeenAt))
	e.Len(uint64(pending))
}

// Group writes a consumer group.
func (e *Encoder) Group(g *Group) {
	e.GroupHead(g, len(g.Pending))
	for i := range g.Pending {
		e.PendingEntry(&g.Pending[i])
	}
	e.Len(uint64(len(g.Consumers)))
	// starts[c] is where in order consumer c's entries begin, ends are starts moved on
	starts := make([]int, len(g.Consumers)+1)
	for i := range g.Pending {
		starts[g.Pending[i].Consumer+1]++
	}
	for c := range g.Consumers {
		starts[c+1] += starts[c]
	}
	order := make([]int, len(g.Pending))
	ends := slices.Clone(starts)
	for i := range g.Pending {
		c := g.Pending[i].Consumer
		order[ends[c]] = i
		ends[c]++
	}
	for c := range g.Consumers {
		e.ConsumerHead(&g.Consumers[c], starts[c+1]-starts[c])
		for _, i := range order[starts[c]:starts[c+1]] {
			e.ID(g.Pending[i].ID)
		}
	}
}

// SealDump turns what an encoder wrote (a type and a value) into the payload of
// DUMP: it appends the version and the checksum.
func SealDump(value []byte) []byte {
	value = append(value, Version, 0)
	return binary.LittleEndian.AppendUint64(value, CRC64(0, value))
}
