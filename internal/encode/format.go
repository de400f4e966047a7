package encode

import (
	"time"

	"landings/internal/dataset"
)

// Format is how records are written out.
type Format uint8

// The formats.
const (
	JSON       Format = iota // a list of the records, each byte for byte as it came
	GeoJSON                  // a FeatureCollection (RFC 7946, with the members of OGC API - Features)
	NDJSON                   // a record a line
	GeoJSONSeq               // a sequence of Features (RFC 8142)
	CSV                      // RFC 4180 with a header line

	Formats = 5 // how many there are
)

// String gives the name by which a request asks for the format.
func (f Format) String() string {
	return [Formats]string{"json", "geojson", "ndjson", "geojson-seq", "csv"}[f]
}

// MediaType gives the media type of the format.
func (f Format) MediaType() string {
	return [Formats]string{
		"application/json",
		"application/geo+json",
		"application/x-ndjson",
		"application/geo+json-seq",
		"text/csv; charset=utf-8; header=present",
	}[f]
}

// Head is what is known of an answer before its records are written.
type Head struct {
	Matched, Returned int
	Time              time.Time // when the data became so; used by GeoJSON alone
	Links             []Link    // used by GeoJSON alone
}

// Link is a link of a FeatureCollection.
type Link struct{ Rel, Type, Href string }

// Form writes records in one format. It appends to what it is given: Open, then
// Record for each, then Close. It is for one goroutine.
type Form interface {
	Open(b []byte, h Head) []byte
	// Record appends a record; first says that none was before it. distance is in
	// metres, negative where there is none; only Features carry it.
	Record(b []byte, r dataset.Record, first bool, distance float64) []byte
	Close(b []byte) []byte
}

// NewForm gives the form of a format for records of a schema. fields are those to
// write; nil: all. Names that the schema does not have are ignored.
func NewForm(f Format, schema *dataset.Schema, fields []string) Form {
	p := projection{schema: schema, fields: fields}
	switch f {
	case GeoJSON:
		return &collectionForm{features: features{p}}
	case NDJSON:
		return linesForm{p}
	case GeoJSONSeq:
		return sequenceForm{features{p}}
	case CSV:
		return newTableForm(p)
	}
	return listForm{p}
}

// projection is what of a record is written.
type projection struct {
	schema *dataset.Schema
	fields []string // nil: all
}

// record appends a record: as it came, or with the chosen members alone, each of
// which keeps its bytes.
func (p *projection) record(b []byte, json []byte) []byte {
	switch {
	case p.fields == nil:
		return append(b, json...)
	case !p.schema.Features:
		return p.members(b, json, "")
	}
	// A Feature keeps its own members, and what is chosen are members of its
	// properties.
	b = append(b, '{')
	empty := true
	for s := newScanner(json); s.next(); {
		if !empty {
			b = append(b, ',')
		}
		empty = false
		b = append(append(b, s.key...), ':')
		if s.named("properties") && s.value[0] == '{' {
			b = p.members(b, s.value, "")
		} else {
			b = append(b, s.value...)
		}
	}
	return append(b, '}')
}

// members appends an object with its chosen members, without the one called
// except.
func (p *projection) members(b []byte, object []byte, except string) []byte {
	b = append(b, '{')
	empty := true
	for s := newScanner(object); s.next(); {
		if except != "" && s.named(except) || p.fields != nil && !s.among(p.fields) {
			continue
		}
		if !empty {
			b = append(b, ',')
		}
		empty = false
		b = append(append(append(b, s.key...), ':'), s.value...)
	}
	return append(b, '}')
}
