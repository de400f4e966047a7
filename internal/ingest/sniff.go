package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"path"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"landings/internal/dataset"
)

const formats = "json, ndjson, csv or geojson"

// formType is the type of a form, and what curl -d and --data-binary call anything.
const formType = "application/x-www-form-urlencoded"

// joined gives the error of an input with what may be the reason, where it came as a
// form in one line: -d, unlike --data-binary, takes the line ends out of a file.
func joined(err error, in *input, o Options) error {
	e, ok := errors.AsType[*dataset.Error](err)
	if last, _ := in.count(len(in.buf)); !ok || o.ContentType != formType || last > 1 {
		return err
	}
	said := *e
	said.Remedy += "; where curl sent a file, say --data-binary @FILE: -d joins its lines to one"
	return &said
}

// sniff decides the format: what was asked for, else the content type, else the
// file name, else the first 32 KiB or, where that is an object, the first line, which
// is a guess. It takes a byte order mark away.
func sniff(in *input, o Options) (format string, guessed bool, err error) {
	for len(in.rest()) < startBuffer/2 {
		if err := in.more(); err == io.EOF {
			break
		} else if err != nil {
			return "", false, err
		}
	}
	head := in.rest()
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		head = head[3:]
		in.pos, in.mark, in.lineStart = 3, 3, 3 // columns are counted behind it, as editors do
	}
	if len(bytes.TrimSpace(head)) == 0 && in.eof {
		return "", false, &dataset.Error{Code: dataset.Invalid, Message: "the input is empty", Remedy: "an empty list, [], loads no records"}
	}
	if err := notText(head); err != nil {
		return "", false, err
	}
	if o.Format != "" {
		switch o.Format {
		case JSON, NDJSON, CSV, GeoJSON:
			return o.Format, false, nil
		}
		return "", false, &dataset.Error{
			Code:    dataset.UnsupportedMediaType,
			Message: fmt.Sprintf("there is no format %q", dataset.Excerpt(o.Format)),
			Remedy:  "use " + formats,
		}
	}
	if f, err := formatOfType(o.ContentType); f != "" || err != nil {
		return f, false, err
	}
	if f := formatOfName(o.FileName); f != "" {
		return f, false, nil
	}
	format, err = formatOfBytes(in)
	return format, true, err
}

// notText refuses what is no UTF-8 text for a reason that can be named.
func notText(head []byte) error {
	e := &dataset.Error{Code: dataset.UnsupportedMediaType, Remedy: "send " + formats + ", in UTF-8, plain or compressed with gzip or zstd"}
	has := func(s string) bool { return bytes.HasPrefix(head, []byte(s)) }
	switch {
	case has("\xff\xfe"), has("\xfe\xff"), len(head) > 3 && (head[0] == 0 || head[1] == 0) && (head[0] != 0 || head[1] != 0):
		e.Message = "the input is UTF-16"
		e.Remedy = "save it as UTF-8"
	case codingOf(head) != "":
		e.Message = "the input is compressed twice"
		e.Remedy = "compress it once"
	case has("PK\x03\x04"):
		e.Message = "the input is a ZIP file (or a spreadsheet)"
	case has("PAR1"):
		e.Message = "the input is a Parquet file"
	case has("SQLite format 3\x00"):
		e.Message = "the input is an SQLite database"
	case has("%PDF-"):
		e.Message = "the input is a PDF document"
	case bytes.HasPrefix(bytes.TrimSpace(head), []byte("<")):
		e.Message = "the input looks like HTML or XML"
	case bytes.IndexByte(head, 0) >= 0:
		e.Message = "the input is binary: it holds zero bytes"
	default:
		return nil
	}
	return e
}

func formatOfType(contentType string) (string, error) {
	if contentType == "" {
		return "", nil
	}
	t, params, err := mime.ParseMediaType(contentType)
	if err != nil && t == "" {
		return "", &dataset.Error{
			Code:    dataset.UnsupportedMediaType,
			Message: fmt.Sprintf("the content type %q is malformed", dataset.Excerpt(contentType)),
			Remedy:  "use application/json, application/x-ndjson, text/csv or application/geo+json",
		}
	}
	switch cs := strings.ToLower(params["charset"]); cs {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
	default:
		return "", &dataset.Error{
			Code:    dataset.UnsupportedMediaType,
			Message: fmt.Sprintf("the character set %q cannot be read", dataset.Excerpt(cs)),
			Remedy:  "convert the data to UTF-8",
		}
	}
	switch t {
	case "application/json", "text/json":
		return JSON, nil
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines",
		"application/jsonlines", "application/json-seq", "text/x-ndjson", "application/x-ldjson":
		return NDJSON, nil
	case "text/csv", "application/csv", "text/comma-separated-values":
		return CSV, nil
	case "application/geo+json", "application/vnd.geo+json", "application/geo+json-seq":
		return GeoJSON, nil
	case "application/octet-stream", "text/plain", "binary/octet-stream",
		"application/gzip", "application/x-gzip", "application/zstd", "application/x-zstd":
		return "", nil // says nothing about the format
	case formType:
		return "", nil // is what curl says of anything
	}
	if strings.HasSuffix(t, "+json") {
		return JSON, nil
	}
	return "", &dataset.Error{
		Code:    dataset.UnsupportedMediaType,
		Message: fmt.Sprintf("data of type %q cannot be read", dataset.Excerpt(t)),
		Remedy:  "send application/json, application/x-ndjson, text/csv or application/geo+json",
	}
}

func formatOfName(name string) string {
	name = strings.ToLower(name)
	for _, ending := range []string{".gz", ".zst", ".zstd"} {
		if cut, ok := strings.CutSuffix(name, ending); ok {
			name = cut
			break
		}
	}
	switch path.Ext(name) {
	case ".json":
		return JSON
	case ".ndjson", ".jsonl", ".ldjson", ".jsons":
		return NDJSON
	case ".csv":
		return CSV
	case ".geojson", ".geojsonl", ".geojsons", ".geojsonseq":
		return GeoJSON
	}
	return ""
}

// formatOfBytes guesses from the beginning of a text.
func formatOfBytes(in *input) (string, error) {
	text := bytes.TrimLeft(in.rest(), space)
	line, _, complete := bytes.Cut(text, newline)
	switch {
	case len(text) == 0:
		return JSON, nil // 32 KiB of white space; whatever it is, the JSON reader copes
	case text[0] == '[':
		return JSON, nil
	case text[0] == recordSeparator:
		return NDJSON, nil
	case text[0] == '{':
		in.pos = len(in.buf) - len(text)
		if several, err := severalLines(in); several || err != nil {
			return NDJSON, err
		}
		return JSON, nil
	case bytes.IndexByte(line, ',') > 0 && (complete || in.eof):
		return CSV, nil // what is no UTF-8 in there is named when the header is read
	}
	return "", &dataset.Error{
		Code:    dataset.UnsupportedMediaType,
		Message: "the format of the input cannot be told from its beginning: \"" + dataset.Excerpt(strings.ToValidUTF8(string(line[:min(len(line), 200)]), "?")) + "\"",
		Remedy:  "say it with the content type, the file name or the format: " + formats,
	}
}

// severalLines says whether an input is JSON that ends with its first line and goes on:
// that is many values, whatever the next one looks like. That a record may not be like
// the first is found out later. A line that is longer than a record may be holds no
// record, so that the buffer need not hold more.
func severalLines(in *input) (bool, error) {
	for ; ; in.reserve() {
		line, rest, complete := bytes.Cut(in.rest(), newline)
		if complete && len(bytes.TrimLeft(rest, space)) > 0 {
			return jsontext.Value(line).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)), nil
		}
		switch err := in.grow(); err {
		case nil:
		case io.EOF, errTooLong:
			return false, nil
		default:
			return false, err
		}
	}
}
