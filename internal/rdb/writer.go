package rdb

import (
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"time"
)

// RedisVersion is the version of Redis that files say they are written by, for
// they are as it writes them.
const RedisVersion = "7.0.15"

// A Header is what a file says of itself.
type Header struct {
	Created    time.Time // ctime
	UsedMemory int64     // used-mem, bytes
	AOFBase    bool      // aof-base: the file is the base of an append-only file
}

// WriterOptions set how a file is written.
type WriterOptions struct {
	NoCompress bool // as rdbcompression no
	NoChecksum bool // as rdbchecksum no
}

// A Writer writes an RDB file to an [io.Writer]: a header, then for each
// database [Writer.BeginDB] and its keys, then [Writer.Close]. Keys come from
// the writer's own encoder, [Writer.Enc], taken to the file by [Writer.Commit],
// or from others by [Writer.Write]. The first error sticks; all methods return it.
type Writer struct {
	// Enc is the encoder whose bytes Commit takes.
	Enc *Encoder

	w   io.Writer
	crc uint64
	sum bool
	n   int64
	err error
}

// commitSize is how much Commit collects before it writes.
const commitSize = 256 << 10

// NewWriter begins a file with its header.
func NewWriter(w io.Writer, h Header, opts WriterOptions) *Writer {
	rw := &Writer{Enc: NewEncoder(!opts.NoCompress), w: w, sum: !opts.NoChecksum}
	rw.Enc.Buf = fmt.Appendf(nil, "REDIS%04d", Version)
	aofBase := int64(0)
	if h.AOFBase {
		aofBase = 1
	}
	rw.aux("redis-ver", RedisVersion)
	rw.aux("redis-bits", strconv.Itoa(64))
	rw.aux("ctime", strconv.FormatInt(h.Created.Unix(), 10))
	rw.aux("used-mem", strconv.FormatInt(h.UsedMemory, 10))
	rw.aux("aof-base", strconv.FormatInt(aofBase, 10))
	return rw
}

func (w *Writer) aux(name, value string) {
	w.Enc.Buf = append(w.Enc.Buf, opAux)
	w.Enc.String([]byte(name))
	w.Enc.String([]byte(value))
}

// Function writes the source of a function library, as [Reader.Functions] gave
// it. Libraries stand before the first database.
func (w *Writer) Function(source []byte) error {
	w.Enc.Buf = append(w.Enc.Buf, opFunction2)
	w.Enc.String(source)
	return w.Commit()
}

// BeginDB says that the keys that follow are in database db, which has so many
// keys, so many of them with an expiry; these are hints to the reader.
func (w *Writer) BeginDB(db int, keys, expires uint64) error {
	w.Enc.DB(db, keys, expires)
	return w.Commit()
}

// Commit takes what the encoder has collected to the file once it is worth it.
// It may be called anywhere, in the middle of a value too, which keeps memory
// small while a large value is written.
func (w *Writer) Commit() error {
	if w.err != nil || len(w.Enc.Buf) < commitSize {
		return w.err
	}
	return w.flush()
}

func (w *Writer) flush() error {
	b := w.Enc.Buf
	w.Enc.Reset()
	w.raw(b)
	return w.err
}

func (w *Writer) raw(p []byte) {
	if w.err != nil {
		return
	}
	if w.sum {
		w.crc = CRC64(w.crc, p)
	}
	n, err := w.w.Write(p)
	w.n += int64(n)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	w.err = err
}

// Write adds bytes of another encoder: whole keys with their values.
func (w *Writer) Write(p []byte) (int, error) {
	if len(p) < commitSize/4 {
		w.Enc.Buf = append(w.Enc.Buf, p...)
		if err := w.Commit(); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	_ = w.flush() // its error sticks
	w.raw(p)
	if w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}

// Written returns how many bytes have gone to the file so far.
func (w *Writer) Written() int64 { return w.n }

// Close ends the file with its checksum. It does not close the underlying
// writer.
func (w *Writer) Close() error {
	w.Enc.Buf = append(w.Enc.Buf, opEOF)
	if err := w.flush(); err != nil {
		return err
	}
	crc := w.crc // 0 where checksums are off, which readers take for "none"
	w.sum = false
	w.raw(binary.LittleEndian.AppendUint64(nil, crc))
	return w.err
}
