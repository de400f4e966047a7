package rdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// A Reader reads an RDB file from an [io.Reader], forward and once. Its memory
// is bounded by the largest string or compact encoding in the file, plus the
// groups of one stream.
type Reader struct {
	src     *source
	version int
	dump    bool // a payload of DUMP: one value without key, header and end

	aux       []string // name, value, ...
	functions [][]byte
	db        int
	keys      uint64
	expires   uint64

	entry Entry
	state valueState
	done  bool
	err   error // sticks

	key, first, second, unpacked []byte // memory of what is handed out
	conv                         Listpack
}

// valueState is how far the value of the current entry has been read.
type valueState struct {
	at     int64  // offset of its type
	chunks uint64 // pieces left
	some   bool   // one was handed out
	stream *Stream
	tail   bool     // what follows the pieces of a stream is not read yet
	first  StreamID // id of the first entry of a stream that is not deleted
	live   bool     // there is one
}

// NewReader reads the header of the file r. name, which may be empty, stands in
// errors.
func NewReader(r io.Reader, name string) (*Reader, error) {
	rd := &Reader{src: newSource(r, name)}
	if err := rd.header(); err != nil {
		return nil, err
	}
	return rd, nil
}

// OpenDump checks version and checksum of a payload of DUMP and returns a
// reader standing on its only entry, which has no key: its value is read with
// [Reader.Chunk] until io.EOF, which also tells that nothing follows it.
func OpenDump(payload []byte) (*Reader, *Entry, error) {
	bad := func(problem string) (*Reader, *Entry, error) {
		return nil, nil, &Error{Offset: -1, Reading: "payload of DUMP", Problem: problem}
	}
	if len(payload) < 10 {
		return bad("is too short")
	}
	body := payload[:len(payload)-8]
	if v := binary.LittleEndian.Uint16(body[len(body)-2:]); v > maxVersion {
		return bad(fmt.Sprintf("is of RDB version %d, newer than %d", v, maxVersion))
	}
	// a checksum of 0 is one that was not taken
	if sum := binary.LittleEndian.Uint64(payload[len(body):]); sum != 0 && sum != CRC64(0, body) {
		return bad("has a wrong checksum")
	}
	rd := &Reader{src: newMemorySource(body[:len(body)-2], ""), dump: true, version: maxVersion}
	rd.src.noCRC = true
	rd.entry.Meta = NoMeta()
	t, err := rd.src.byte()
	if err != nil {
		return bad("holds no value")
	}
	if err := rd.begin(Type(t), 0); err != nil {
		return nil, nil, rd.fail(err, "value")
	}
	return rd, &rd.entry, nil
}

func (r *Reader) header() error {
	magic, err := r.src.take(9)
	if err != nil {
		return r.fail(err, "header")
	}
	version, verr := strconv.ParseUint(string(magic[5:]), 10, 16)
	if string(magic[:5]) != "REDIS" || verr != nil || version == 0 {
		return r.failWith("header", "not an RDB file: it does not begin with REDIS and a version", "check the name of the file")
	}
	if version > maxVersion {
		return r.failWith("header", fmt.Sprintf("RDB version %d is newer than Redis 7.2 writes (%d)", version, maxVersion), remedyNewer)
	}
	r.version = int(version)
	r.src.noCRC = version < 5
	return nil
}

// Version returns the RDB version of the file.
func (r *Reader) Version() int { return r.version }

// Offset returns how many bytes of the file have been read.
func (r *Reader) Offset() int64 { return r.src.offset() }

// Aux returns what the file so far says about name (redis-ver, ctime, used-mem,
// aof-base ...), "" if nothing.
func (r *Reader) Aux(name string) string {
	for i := 0; i < len(r.aux); i += 2 {
		if r.aux[i] == name {
			return r.aux[i+1]
		}
	}
	return ""
}

// Functions returns the sources of the function libraries read so far. They
// stand before the first key.
func (r *Reader) Functions() [][]byte { return r.functions }

// SizeHint returns how many keys, and how many with an expiry, the file says
// the database of the current entry has; 0 if it does not say. Do not trust it
// with memory.
func (r *Reader) SizeHint() (keys, expires uint64) { return r.keys, r.expires }

// fail makes the error that a failed read ends with, and keeps it.
func (r *Reader) fail(cause error, reading string) error {
	if e, ok := errors.AsType[*Error](cause); ok {
		r.err = e
		return e
	}
	e := &Error{File: r.src.name, Offset: r.src.offset(), Reading: reading, Remedy: remedyDamaged}
	switch {
	case errors.Is(cause, io.ErrUnexpectedEOF):
		e.Problem, e.Err = "the file ends here", cause
	case r.src.err != nil && errors.Is(cause, r.src.err):
		e.Problem, e.Err, e.Remedy = "cannot be read", cause, ""
	default:
		e.Problem = cause.Error()
	}
	if r.dump {
		e.Remedy = ""
	}
	r.err = e
	return e
}

func (r *Reader) failWith(reading, problem, remedy string) error {
	r.err = &Error{File: r.src.name, Offset: r.src.offset(), Reading: reading, Problem: problem, Remedy: remedy}
	return r.err
}

// failValue is fail within the value of the current entry.
func (r *Reader) failValue(cause error) error {
	what := r.entry.Kind.String()
	if !r.dump {
		what += " " + quote(r.entry.Key)
	}
	return r.fail(cause, fmt.Sprintf("%s (type %d, which begins at byte %d)", what, r.entry.Type, r.state.at))
}

// Next returns the head of the next key; what was not read of the value before
// is passed over. At the end of the file it checks the checksum and returns
// io.EOF. The entry is valid until the next call.
func (r *Reader) Next() (*Entry, error) {
	if r.err != nil {
		return nil, r.err
	}
	if r.done || r.dump {
		return nil, io.EOF
	}
	if err := r.Skip(); err != nil {
		return nil, err
	}
	for _, b := range []*[]byte{&r.key, &r.first, &r.second, &r.unpacked, (*[]byte)(&r.conv)} {
		if cap(*b) > 16<<20 {
			*b = nil // one huge value does not pin its size
		}
	}
	r.entry.Meta = NoMeta()
	for {
		at := r.src.offset()
		op, err := r.src.byte()
		if err != nil {
			return nil, r.fail(err, "the type of the next key")
		}
		switch op {
		case opEOF:
			return nil, r.end()
		case opSelectDB:
			n, err := r.length()
			if err == nil && n > math.MaxInt32 {
				err = errors.New("database number is out of range")
			}
			if err != nil {
				return nil, r.fail(err, "database number")
			}
			r.db, r.keys, r.expires = int(n), 0, 0
		case opResizeDB:
			if r.keys, err = r.length(); err == nil {
				r.expires, err = r.length()
			}
		case opExpireTime:
			var b []byte
			if b, err = r.src.take(4); err == nil {
				r.entry.ExpireAt = int64(int32(binary.LittleEndian.Uint32(b))) * 1000
			}
		case opExpireTimeMs:
			var n uint64
			if n, err = r.src.fixed64(); err == nil {
				r.entry.ExpireAt = int64(n)
			}
		case opIdle:
			var n uint64
			if n, err = r.length(); err == nil {
				r.entry.Idle = int64(min(n, math.MaxInt64))
			}
		case opFreq:
			var b byte
			if b, err = r.src.byte(); err == nil {
				r.entry.Freq = int16(b)
			}
		case opAux:
			err = r.readAux()
		case opFunction2:
			var s []byte
			if s, err = r.string(&r.first); err == nil {
				r.functions = append(r.functions, bytes.Clone(s))
			}
		case opFunctionPre:
			return nil, r.failWith("a function library", "it is in the format of a release candidate of Redis 7.0", remedyNewer)
		case opModuleAux:
			id, err := r.length()
			if err != nil {
				return nil, r.fail(err, "data of a module")
			}
			return nil, r.failWith("data of a module", fmt.Sprintf("module %q is not supported", moduleName(id)),
				"load the file with Redis and the module, delete the module's keys, unload it, and save again")
		default:
			if err := r.readHead(Type(op), at); err != nil {
				return nil, err
			}
			return &r.entry, nil
		}
		if err != nil {
			return nil, r.fail(err, fmt.Sprintf("field with code %d", op))
		}
	}
}

func (r *Reader) readHead(t Type, at int64) error {
	key, err := r.string(&r.key)
	if err != nil {
		return r.fail(err, "the name of a key")
	}
	r.key = append(r.key[:0], key...)
	r.entry.Key, r.entry.DB = r.key, r.db
	if err := r.begin(t, at); err != nil {
		if _, known := t.Kind(); known {
			return r.failValue(err)
		}
		return r.fail(err, "key "+quote(r.key))
	}
	return nil
}

// begin reads the start of a value: what is needed to know its pieces.
func (r *Reader) begin(t Type, at int64) error {
	kind, ok := t.Kind()
	r.entry.Type, r.entry.Kind = t, kind
	r.state = valueState{at: at}
	if !ok {
		return r.refuse(t)
	}
	chunks := uint64(1)
	switch t {
	case TypeList, TypeSet, TypeHash, TypeZSet, TypeZSet2, TypeListQuicklist, TypeListQuicklist2,
		TypeStreamListpacks, TypeStreamListpacks2, TypeStreamListpacks3:
		var err error
		if chunks, err = r.length(); err != nil {
			return err
		}
	}
	r.state.chunks, r.entry.Chunks = chunks, chunks
	r.state.tail = kind == KindStream
	return nil
}

func (r *Reader) refuse(t Type) error {
	e := &Error{File: r.src.name, Offset: r.src.offset(), Reading: "a value", Remedy: remedyDamaged}
	if !r.dump {
		e.Reading = "key " + quote(r.key)
	}
	switch t {
	case TypeModule, TypeModule2:
		e.Problem, e.Remedy = "it is of a module", "load the file with Redis and the module, delete the module's keys, and save again"
		if id, err := r.length(); err == nil {
			e.Problem = fmt.Sprintf("it is of module %q, which is not supported", moduleName(id))
		}
	default:
		e.Problem = fmt.Sprintf("%d is not a type of Redis up to 7.2", t)
	}
	return e
}

// moduleName spells the id of a module type: nine characters of 6 bits and 10
// bits of version.
func moduleName(id uint64) string {
	const set = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	var name [9]byte
	id >>= 10
	for i := len(name) - 1; i >= 0; i-- {
		name[i] = set[id&63]
		id >>= 6
	}
	return string(name[:])
}

func (r *Reader) readAux() error {
	name, err := r.string(&r.first)
	if err != nil {
		return err
	}
	n := string(name)
	value, err := r.string(&r.second)
	if err != nil {
		return err
	}
	const most = 2 * 64 // a file of Redis has about ten; the rest is read and forgotten
	if len(r.aux) < most {
		r.aux = append(r.aux, n, string(value))
	}
	return nil
}

func (r *Reader) end() error {
	r.done = true
	if r.version < 5 {
		return io.EOF // from before there was a checksum
	}
	want := r.src.sum()
	got, err := r.src.fixed64()
	if err != nil {
		return r.fail(err, "the checksum")
	}
	r.src.crcAt = r.src.pos
	if got != 0 && got != want {
		return r.failWith("the checksum", fmt.Sprintf("it is %016x, but the file's content gives %016x", got, want), remedyDamaged)
	}
	return io.EOF
}

// length reads a plain length.
func (r *Reader) length() (uint64, error) {
	n, encoded, err := r.lengthOrEncoding()
	if err == nil && encoded {
		err = errors.New("a length was expected, not an encoded string")
	}
	return n, err
}

// lengthOrEncoding reads a length, or with encoded the number of the encoding of
// the string that follows.
func (r *Reader) lengthOrEncoding() (n uint64, encoded bool, err error) {
	b, err := r.src.byte()
	if err != nil {
		return 0, false, err
	}
	switch b >> 6 {
	case 0:
		return uint64(b), false, nil
	case 1:
		low, err := r.src.byte()
		return uint64(b&0x3f)<<8 | uint64(low), false, err
	case 3:
		return uint64(b & 0x3f), true, nil
	}
	switch b {
	case len32:
		p, err := r.src.take(4)
		if err != nil {
			return 0, false, err
		}
		return uint64(binary.BigEndian.Uint32(p)), false, nil
	case len64:
		p, err := r.src.take(8)
		if err != nil {
			return 0, false, err
		}
		return binary.BigEndian.Uint64(p), false, nil
	}
	return 0, false, fmt.Errorf("%#x does not begin a length", b)
}

// string reads a string: a view of the source's buffer, or of *own.
func (r *Reader) string(own *[]byte) ([]byte, error) {
	n, encoded, err := r.lengthOrEncoding()
	if err != nil {
		return nil, err
	}
	if !encoded {
		return r.src.bytes(n, own)
	}
	var v int64
	switch encInt8 | byte(n) {
	case encInt8:
		b, err := r.src.byte()
		if err != nil {
			return nil, err
		}
		v = int64(int8(b))
	case encInt16:
		b, err := r.src.take(2)
		if err != nil {
			return nil, err
		}
		v = int64(int16(binary.LittleEndian.Uint16(b)))
	case encInt32:
		b, err := r.src.take(4)
		if err != nil {
			return nil, err
		}
		v = int64(int32(binary.LittleEndian.Uint32(b)))
	case encLZF:
		return r.compressed(own)
	default:
		return nil, fmt.Errorf("%d is not an encoding of strings", n)
	}
	*own = strconv.AppendInt((*own)[:0], v, 10)
	return *own, nil
}

func (r *Reader) compressed(own *[]byte) ([]byte, error) {
	packed, err := r.length()
	if err != nil {
		return nil, err
	}
	size, err := r.length()
	if err != nil {
		return nil, err
	}
	// before anything is allocated: so many bytes cannot give so many
	if packed > math.MaxInt32 || size > packed*lzfMaxRatio {
		return nil, errLZFOutput
	}
	src, err := r.src.bytes(packed, &r.unpacked)
	if err != nil {
		return nil, err
	}
	if uint64(cap(*own)) < size {
		*own = make([]byte, size)
	}
	*own = (*own)[:size]
	return *own, lzfDecompress(*own, src)
}

// Chunk returns the next piece of the current value, io.EOF after the last one.
// A list, set, hash or sorted set that has no pieces is empty: some versions of
// Redis left such keys in files, and all later ones pass over them. In a payload
// of DUMP it is an error.
func (r *Reader) Chunk() (Chunk, error) {
	if r.err != nil {
		return Chunk{}, r.err
	}
	for r.state.chunks > 0 {
		r.state.chunks--
		c, err := r.chunk()
		if err == errLPEmpty && r.entry.Kind != KindStream {
			continue
		}
		if err != nil {
			return Chunk{}, r.failValue(err)
		}
		r.state.some = true
		return c, nil
	}
	if r.state.tail {
		if err := r.readStream(); err != nil {
			return Chunk{}, r.failValue(err)
		}
	}
	if r.dump && !r.state.some && r.entry.Kind != KindStream {
		return Chunk{}, r.failValue(errLPEmpty)
	}
	if r.dump && r.src.pos != r.src.end {
		return Chunk{}, r.failValue(errors.New("something follows the value"))
	}
	return Chunk{}, io.EOF
}

func (r *Reader) chunk() (c Chunk, err error) {
	switch r.entry.Type {
	case TypeString, TypeList, TypeSet:
		c.Data, err = r.string(&r.first)
	case TypeHash:
		if err = r.keep(); err != nil {
			return c, err
		}
		c.Data = r.first
		c.Value, err = r.string(&r.second)
	case TypeZSet:
		if err = r.keep(); err != nil {
			return c, err
		}
		c.Data = r.first
		c.Score, err = r.textScore()
	case TypeZSet2:
		if err = r.keep(); err != nil {
			return c, err
		}
		c.Data = r.first
		var bits uint64
		bits, err = r.src.fixed64()
		c.Score = math.Float64frombits(bits)
		if err == nil && math.IsNaN(c.Score) {
			err = errors.New("a score is not a number")
		}
	case TypeSetIntset:
		c.Encoding = EncodedIntset
		if c.Data, err = r.string(&r.first); err == nil {
			var s Intset
			if s, err = ValidIntset(c.Data); err == nil && s.Len() == 0 {
				err = errLPEmpty
			}
		}
	case TypeListQuicklist2:
		var container uint64
		if container, err = r.length(); err != nil {
			return c, err
		}
		switch container {
		case nodePlain:
			c.Data, err = r.string(&r.first)
		case nodePacked:
			c, err = r.listpack()
		default:
			err = fmt.Errorf("%d is not a kind of list node", container)
		}
	case TypeSetListpack, TypeHashListpack, TypeZSetListpack:
		c, err = r.listpack()
	case TypeListZiplist, TypeListQuicklist, TypeHashZiplist, TypeZSetZiplist:
		c, err = r.converted(listpackOfZiplist)
	case TypeHashZipmap:
		c, err = r.converted(listpackOfZipmap)
	case TypeStreamListpacks, TypeStreamListpacks2, TypeStreamListpacks3:
		return r.streamPack()
	}
	return c, err
}

// keep reads a string into r.first itself, where it stays while more is read.
func (r *Reader) keep() error {
	s, err := r.string(&r.first)
	if err == nil {
		r.first = append(r.first[:0], s...)
	}
	return err
}

// textScore reads a score of the oldest format: a byte of length, or one that
// says what the score is, and text.
func (r *Reader) textScore() (float64, error) {
	n, err := r.src.byte()
	if err != nil {
		return 0, err
	}
	switch n {
	case 255:
		return math.Inf(-1), nil
	case 254:
		return math.Inf(1), nil
	case 253:
		return 0, errors.New("a score is not a number")
	}
	text, err := r.src.take(int(n))
	if err != nil {
		return 0, err
	}
	return parseScore(text)
}

func parseScore(text []byte) (float64, error) {
	f, err := strconv.ParseFloat(string(text), 64)
	if errors.Is(err, strconv.ErrRange) {
		err = nil // as strtod: the nearest there is
	}
	if err != nil || math.IsNaN(f) {
		return 0, fmt.Errorf("score %s is not a number", quote(text))
	}
	return f, nil
}

func (r *Reader) listpack() (Chunk, error) {
	b, err := r.string(&r.first)
	if err != nil {
		return Chunk{}, err
	}
	return r.checkedListpack(b)
}

func (r *Reader) converted(from func(Listpack, []byte) (Listpack, error)) (Chunk, error) {
	b, err := r.string(&r.first)
	if err != nil {
		return Chunk{}, err
	}
	r.conv, err = from(AppendListpack(r.conv), b)
	if err != nil {
		return Chunk{}, err
	}
	return r.checkedListpack(r.conv)
}

// checkedListpack checks what the kind of the value asks of its listpack.
func (r *Reader) checkedListpack(b []byte) (Chunk, error) {
	lp, n, err := ValidListpack(b)
	if err != nil {
		return Chunk{}, err
	}
	if n == 0 {
		return Chunk{}, errLPEmpty
	}
	switch r.entry.Kind {
	case KindHash:
		if n%2 != 0 {
			return Chunk{}, errLPPairs
		}
	case KindZSet:
		if n%2 != 0 {
			return Chunk{}, errLPPairs
		}
		for pos := lp.First(); pos != lp.End(); pos = lp.Next(pos) {
			pos = lp.Next(pos)
			if s, _, isInt := lp.Get(pos); !isInt {
				if _, err := parseScore(s); err != nil {
					return Chunk{}, errLPScore
				}
			}
		}
	}
	return Chunk{Encoding: EncodedListpack, Data: lp}, nil
}

// Skip passes over what is left of the current value.
func (r *Reader) Skip() error {
	for r.state.chunks > 0 || r.state.tail {
		if _, err := r.Chunk(); err != nil && err != io.EOF {
			return err
		}
	}
	return r.err
}

// Stream returns what the current value, a stream, has beside its entries. It is
// there once [Reader.Chunk] has returned io.EOF, otherwise nil.
func (r *Reader) Stream() *Stream { return r.state.stream }
