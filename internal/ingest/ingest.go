// Package ingest turns bytes into records: JSON, NDJSON, CSV and GeoJSON, plain
// or compressed, read as a stream, checked, and understood as far as a schema.
//
// Records are lossless: the bytes of a JSON record are kept as they came, and
// the row of a CSV file becomes an object of strings. Nothing is dropped in
// silence: a file with a bad record is refused as a whole with the places that
// are wrong, or, where the caller asks for it, loaded without the bad ones, which
// are then handed over beside the good ones.
//
// The package knows nothing of HTTP, files or Redis: it gets a reader and gives a
// [dataset.Load].
package ingest

import (
	"context"
	"io"

	"landings/internal/dataset"
)

// The formats, as [Options.Format] and [Result.Format] spell them.
const (
	JSON    = "json"    // a list of objects, or an object that holds exactly one list
	NDJSON  = "ndjson"  // one object a line
	CSV     = "csv"     // RFC 4180 with a header, separated by commas
	GeoJSON = "geojson" // RFC 7946, a FeatureCollection; or RFC 8142, a sequence of Features, with or without record separators
)

// Options says what is known of an input. The zero Options means: find out.
type Options struct {
	Format          string // "json", "ndjson", "csv", "geojson"; "" = from ContentType, then FileName, then the bytes
	ContentType     string // as in HTTP; types that say nothing, such as application/octet-stream, are ignored
	ContentEncoding string // "gzip", "zstd", "identity" or ""; without one of the first two the first bytes tell
	FileName        string // or the path of an address; only its ending counts

	// IDField names the member that names a record. nil: inferred, see [Read]. A
	// pointer to "": records are named by their position, from "0".
	IDField *string
	// Geometry says where a record's place is. nil: inferred. A pointer to the
	// zero Geometry: nowhere.
	Geometry *dataset.Geometry
	// TimeField names the member that holds a record's time. nil: inferred. A
	// pointer to "": none does.
	TimeField *string

	// Ahead, when set, is called with what makes a bucket as it fills up, for what can be
	// done with it while the rest is read. That one is handed over promises nothing: the
	// input may turn out to be bad, or its ids to be in another field. Those of
	// [dataset.Load.Records] which were handed over are the pointers that those give.
	Ahead dataset.Ahead

	SkipBad bool   // load the good records and report the bad ones (on_error=skip)
	Source  string // what is read, for [dataset.Load.Source]
	Limits  Limits // zero fields take the values of [DefaultLimits]
}

// Limits bounds what an input may cost.
type Limits struct {
	MaxBytes       int64 // bytes of the input once decompressed
	MaxRecordBytes int   // bytes of one record: of its JSON, and of its row in CSV
	MaxDepth       int   // objects and lists inside one another, the record itself being the first
	MaxRecords     int   // records of the input
	MaxFields      int   // different field names in all records together
	MaxRatio       int64 // decompressed bytes per compressed byte, beyond the first 16 MiB
	MaxErrors      int   // places that an error lists; it counts all of them
	MaxRejected    int   // rejected records that are kept; all of them are counted
}

// DefaultLimits gives the limits that hold where none are set.
func DefaultLimits() Limits {
	return Limits{
		MaxBytes:       4 << 30,
		MaxRecordBytes: 1 << 20,
		MaxDepth:       64,
		MaxRecords:     50_000_000,
		MaxFields:      1_000,
		MaxRatio:       200,
		MaxErrors:      20,
		MaxRejected:    1_000,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	l.MaxBytes = orDefault(l.MaxBytes, d.MaxBytes)
	l.MaxRecordBytes = orDefault(l.MaxRecordBytes, d.MaxRecordBytes)
	l.MaxDepth = orDefault(l.MaxDepth, d.MaxDepth)
	l.MaxRecords = orDefault(l.MaxRecords, d.MaxRecords)
	l.MaxFields = orDefault(l.MaxFields, d.MaxFields)
	l.MaxRatio = orDefault(l.MaxRatio, d.MaxRatio)
	l.MaxErrors = orDefault(l.MaxErrors, d.MaxErrors)
	l.MaxRejected = orDefault(l.MaxRejected, d.MaxRejected)
	return l
}

func orDefault[T int | int64](n, d T) T {
	if n <= 0 {
		return d
	}
	return n
}

// Result is what an input holds.
type Result struct {
	Load   dataset.Load
	Format string // how it was read
	Coding string // "gzip", "zstd", or "" when it was not compressed
	Bytes  int64  // of the input once decompressed
}

// Read reads all records of r, which is read to its end and only once. Memory is
// what the records take, a buffer, and about 8 bytes a record while reading.
//
// Types: a field has a type when all of its values that are not missing, null or
// empty mean it (see [dataset.ParseNumber] and its like); one value that does
// not makes it a text, and texts beside other JSON values make it json.
//
// Id: the field named exactly "id", or the one in Options.IDField, must be there
// and different in all records; that it is not is an error, or a reason to
// reject the record. Where no record has an "id", the first field of those that
// are named like one (ID, _id, identifier, uuid, guid, key, something_id), there
// and different in all records, is taken; where there is none, records are
// named by their position. An id is the text of a string, or a number as spelled.
//
// Place: a member of GeoJSON geometries, else the first pair of numeric fields
// that are named as latitude and longitude, else the first text field of points.
// Time: the first field of times, else the first integer field named year.
//
// GeoJSON: a record is a whole Feature, byte for byte; [dataset.Schema.Features]
// says what its fields are.
//
// A bad input gives a [dataset.Error] and no Result. What r itself reports is
// returned wrapped.
func Read(ctx context.Context, r io.Reader, o Options) (*Result, error) {
	l := o.Limits.withDefaults()
	src, err := open(ctx, r, o.ContentEncoding, l)
	if err != nil {
		return nil, err
	}
	defer src.close()
	in := newInput(src, l)
	c := newCollector(o, l)
	format, err := readAny(in, c)
	if src.err != nil {
		// What is wrong with the source explains whatever the parser saw.
		return nil, src.err
	}
	var load *dataset.Load
	if err == nil {
		load, err = c.finish()
	}
	if err != nil {
		return nil, joined(err, in, o)
	}
	if c.features {
		format = GeoJSON
	}
	return &Result{Load: *load, Format: format, Coding: src.coding, Bytes: src.n}, nil
}

// readAny reads the records of an input, whatever its format, and gives that.
func readAny(in *input, c *collector) (format string, err error) {
	format, guessed, err := sniff(in, c.options)
	if err != nil {
		return "", err
	}
	switch format {
	case CSV:
		err = readCSV(in, c, guessed)
	case NDJSON:
		err = readLines(in, c)
	case GeoJSON:
		c.features = true
		err = readGeoJSON(in, c)
	default:
		err = readJSON(in, c)
	}
	return format, err
}
