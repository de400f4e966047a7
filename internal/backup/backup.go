// Package backup is the file format of one version of a dataset: everything that
// a reader can see of it, and a digest that tells whether all of it is there.
//
// A backup is a zstd stream (RFC 8878) of:
//
//	landings-backup 1\n
//	{"dataset":...}\n                               the header, see [Header]
//	+<position> <bytes of id> <bytes of JSON>\n     for each record, in order of position,
//	<id><JSON>\n                                    both exactly as they are kept
//	.{"records":N,"sha256":"..."}\n                 the trailer; SHA-256 of all before the dot
//
// It ends there. What was cut, or changed anywhere, is refused.
//
// The package knows the domain alone, neither HTTP nor Redis.
package backup

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/zstd"

	"landings/internal/dataset"
)

// MediaType is the type of a backup.
const MediaType = "application/vnd.landings.backup+zstd"

const magic = "landings-backup 1\n"

// Header describes the version that was backed up.
type Header struct {
	Dataset    string         `json:"dataset"`
	Epoch      string         `json:"epoch"`
	Version    uint64         `json:"version"`
	Chain      string         `json:"chain"`
	Generation uint64         `json:"generation"`
	Records    int            `json:"records"`
	Digest     string         `json:"digest"` // of the records, as the dataset keeps it
	Schema     dataset.Schema `json:"schema"`
	Source     string         `json:"source"`
	LoadedAt   time.Time      `json:"loaded_at"`
	TakenAt    time.Time      `json:"taken_at"`
}

type trailer struct {
	Records int    `json:"records"`
	SHA256  string `json:"sha256"`
}

// Write writes a version. Its error is the writer's.
func Write(w io.Writer, state dataset.State, records dataset.Sequence, at time.Time) error {
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return err
	}
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(z, sum), 64<<10)
	header, err := json.Marshal(Header{
		Dataset: state.Name, Epoch: state.Epoch, Version: state.Version, Chain: state.Chain.String(), Generation: state.Generation,
		Records: state.Count, Digest: state.Digest.String(), Schema: state.Schema, Source: state.Source,
		LoadedAt: state.LoadedAt, TakenAt: at.UTC(),
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s%s\n", magic, header)
	n := 0
	for r := range records.All() {
		if err != nil {
			break
		}
		n++
		_, err = fmt.Fprintf(out, "+%d %d %d\n%s%s\n", r.Position, len(r.ID), len(r.JSON), r.ID, r.JSON)
	}
	if err == nil {
		err = out.Flush()
	}
	if err == nil {
		var end []byte
		if end, err = json.Marshal(trailer{n, hex.EncodeToString(sum.Sum(nil))}); err == nil {
			_, err = fmt.Fprintf(z, ".%s\n", end)
		}
	}
	return errors.Join(err, z.Close())
}

// Limits bound what Read takes.
type Limits struct {
	Bytes       int64 // of the whole, decompressed
	RecordBytes int   // of one record
	Records     int
}

// maxLine bounds the header, whose schema may have many fields, in bytes.
const maxLine = 1 << 20

// Read reads a backup to its end and gives what it holds if all of it is there. An
// error is a [dataset.Error] with the code Invalid or TooLarge, or the reader's own.
func Read(r io.Reader, limits Limits) (Header, dataset.Sequence, error) {
	src := &source{Reader: r}
	z, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return Header{}, nil, err
	}
	defer z.Close()
	d := &decoder{in: bufio.NewReaderSize(z, 64<<10), sum: sha256.New(), limits: limits}
	header, records, err := d.read()
	if err == nil {
		return header, records, nil
	}
	_, told := errors.AsType[*dataset.Error](err)
	switch {
	case src.err != nil:
		err = src.err
	case told:
	case errors.Is(err, zstd.ErrMagicMismatch):
		err = &dataset.Error{
			Code:    dataset.Invalid,
			Message: "this is no backup: it does not begin like one",
			Remedy:  "name a file that landings backup wrote; records are loaded with landings load FILE. Nothing was restored",
		}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = damaged("it ends too early: it was cut")
	default:
		err = damaged(err.Error())
	}
	return Header{}, nil, err
}

// source remembers the reader's own error: every other one is the backup's fault.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

func damaged(detail string) error {
	return &dataset.Error{
		Code:    dataset.Invalid,
		Message: "the backup is damaged: " + detail,
		Remedy:  "use another copy of it; nothing was restored",
	}
}

// decoder reads the decompressed stream.
type decoder struct {
	in     *bufio.Reader
	sum    hash.Hash
	limits Limits
	taken  int64
}

// take notes what was read.
func (d *decoder) take(b []byte) error {
	d.sum.Write(b)
	if d.taken += int64(len(b)); d.taken > d.limits.Bytes {
		return &dataset.Error{Code: dataset.TooLarge, Message: fmt.Sprintf("the backup holds more than %d bytes", d.limits.Bytes), Remedy: "restore it on a node with a higher limit"}
	}
	return nil
}

// line reads up to a line feed, which is not part of what it gives.
func (d *decoder) line(limit int) ([]byte, error) {
	var line []byte
	for {
		piece, err := d.in.ReadSlice('\n')
		line = append(line, piece...)
		switch {
		case len(line) > limit:
			return nil, damaged("a line is too long")
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return nil, err
		}
		return line, nil
	}
}

func (d *decoder) read() (Header, dataset.Sequence, error) {
	var h Header
	first, err := d.line(len(magic))
	if err != nil {
		return h, nil, err
	}
	if string(first) != magic {
		return h, nil, damaged("it does not begin with " + strconv.Quote(strings.TrimSpace(magic)))
	}
	second, err := d.line(maxLine)
	if err == nil {
		err = errors.Join(d.take(first), d.take(second))
	}
	if err != nil {
		return h, nil, err
	}
	if err := json.Unmarshal(second, &h); err != nil || dataset.CheckName(h.Dataset) != nil {
		return h, nil, damaged("its header cannot be read")
	}
	records, n, end, err := d.records()
	if err != nil {
		return h, nil, err
	}
	var t trailer
	if json.Unmarshal(end[1:], &t) != nil {
		return h, nil, damaged("its trailer cannot be read")
	}
	if _, err := d.in.ReadByte(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = damaged("something follows its trailer")
		}
		return h, nil, err
	}
	switch {
	case t.SHA256 != hex.EncodeToString(d.sum.Sum(nil)):
		return h, nil, damaged("its SHA-256 is not the one in the trailer")
	case t.Records != n || h.Records != n || h.Digest != records.Digest().String():
		return h, nil, damaged("its records are not those that the header tells of")
	}
	return h, records, nil
}

// records reads the records, and gives the trailer's line.
func (d *decoder) records() (all dataset.Sequence, n int, end []byte, err error) {
	var bucket []dataset.Record
	ids := map[string]struct{}{}
	flush := func() {
		if len(bucket) > 0 {
			all = append(all, dataset.NewBucket(dataset.BucketOf(bucket[0].Position), bucket))
			bucket = nil
		}
	}
	next := uint64(0)
	for {
		line, err := d.line(256)
		if err != nil {
			return nil, 0, nil, err
		}
		if line[0] == '.' {
			flush()
			return all, n, line, nil
		}
		r, err := d.record(line)
		if err != nil {
			return nil, 0, nil, err
		}
		if _, twice := ids[r.ID]; twice || r.Position < next || r.Position > maxPosition {
			return nil, 0, nil, damaged(fmt.Sprintf("record %d is out of order or has the id of another", n+1))
		}
		ids[r.ID] = struct{}{}
		if n++; n > d.limits.Records {
			return nil, 0, nil, &dataset.Error{Code: dataset.TooLarge, Message: fmt.Sprintf("the backup holds more than %d records", d.limits.Records), Remedy: "restore it on a node with a higher limit"}
		}
		next = r.Position + 1
		if len(bucket) > 0 && dataset.BucketOf(bucket[0].Position) != dataset.BucketOf(r.Position) {
			flush()
		}
		bucket = append(bucket, r)
	}
}

// maxPosition is far beyond what a dataset can get to.
const maxPosition = 1 << 40

// record reads one record after its first line.
func (d *decoder) record(line []byte) (dataset.Record, error) {
	bad := damaged(fmt.Sprintf("the record at byte %d cannot be read", d.taken))
	var position uint64
	var idLen, size int
	if n, err := fmt.Sscanf(string(line), "+%d %d %d\n", &position, &idLen, &size); n != 3 || err != nil {
		return dataset.Record{}, bad
	}
	if idLen < 1 || idLen > 1<<16 || size < 2 || size > d.limits.RecordBytes {
		return dataset.Record{}, bad
	}
	body := make([]byte, idLen+size+1)
	if _, err := io.ReadFull(d.in, body); err != nil {
		return dataset.Record{}, err
	}
	if err := errors.Join(d.take(line), d.take(body)); err != nil {
		return dataset.Record{}, err
	}
	r := dataset.Record{ID: string(body[:idLen]), Position: position, JSON: body[idLen : idLen+size : idLen+size]}
	if body[idLen+size] != '\n' || dataset.CheckID(r.ID) != nil || r.JSON[0] != '{' || !jsontext.Value(r.JSON).IsValid() {
		return dataset.Record{}, bad
	}
	return r, nil
}
