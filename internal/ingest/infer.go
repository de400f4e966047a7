package ingest

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"landings/internal/dataset"
)

// meaning is a set of types: those that a value means, and those that all values
// of a field so far mean.
type meaning uint8

const (
	asText meaning = 1 << iota
	asInteger
	asNumber
	asBoolean
	asTime
	asPoint
	asGeometry // an object that is a GeoJSON geometry
	asAll      = 1<<iota - 1
)

// field is what is known of a field while reading.
type field struct {
	name    string
	index   int
	quoted  []byte  // the key as first spelled, with quotes
	fits    meaning // of all values
	settled bool    // one more text changes nothing but present
	present int     // records that have it with a value
	padded  bool    // has a year such as 0860, which is a code in any field but a year's
	id      *candidate
	yx      bool // named x or y: coordinates only if the values are degrees
	outside bool // a value of it is not in degrees
}

// inference learns the schema, one record after the other.
type inference struct {
	fields   []*field
	byName   map[string]*field
	byNumber []*field // by the number of the expected name less one, see member; nil: not known yet
	records  int
	scratch  []byte
}

// find gives the field of a key, where a record's fields mostly come in the order
// of the record before: next is the index after the last one found. nil: it is new.
func (f *inference) find(quoted []byte, next int) *field {
	for i := next; i < len(f.fields) && i < next+4; i++ {
		if bytes.Equal(f.fields[i].quoted, quoted) {
			return f.fields[i]
		}
	}
	f.scratch = append(f.scratch[:0], unquote(quoted, f.scratch)...)
	return f.byName[string(f.scratch)]
}

// named gives the field of an expected name; nil: the name has no number, or its
// field was not told yet.
func (f *inference) named(number int) *field {
	if number == 0 || number > len(f.byNumber) {
		return nil
	}
	return f.byNumber[number-1]
}

// name tells the field of an expected name, where it has a number.
func (f *inference) name(number int, fl *field) {
	if number == 0 {
		return
	}
	if more := number - len(f.byNumber); more > 0 {
		f.byNumber = append(f.byNumber, make([]*field, more)...)
	}
	f.byNumber[number-1] = fl
}

func (f *inference) add(name string, quoted []byte) *field {
	fl := &field{name: name, index: len(f.fields), quoted: bytes.Clone(quoted), fits: asAll}
	n := strings.ToLower(name)
	fl.yx = n == "x" || n == "y"
	f.fields = append(f.fields, fl)
	f.byName[name] = fl
	return fl
}

// value learns from a raw JSON value, where plain says that it is a string without
// escapes; the other way around it says nothing.
func (fl *field) value(raw []byte, plain bool, scratch *[]byte) {
	switch raw[0] {
	case '"':
		inner := raw[1 : len(raw)-1]
		if len(inner) == 0 {
			return
		}
		if fl.settled {
			fl.present++
			return
		}
		if !plain && bytes.IndexByte(inner, '\\') >= 0 {
			*scratch, _ = jsontext.AppendUnquote((*scratch)[:0], raw)
			inner = *scratch
		}
		fl.text(inner)
	case 'n':
		return
	case 't', 'f':
		fl.present++
		fl.fits &= asBoolean
	case '{':
		fl.present++
		if fl.fits&(asGeometry|asPoint) != 0 {
			fl.fits &= geometryMeaning(raw)
		}
		fl.fits &= asGeometry | asPoint
	case '[':
		fl.present++
		fl.fits = 0
	default:
		fl.present++
		if fl.fits&(asInteger|asNumber) != 0 {
			if _, ok := dataset.ParseInteger(raw); !ok {
				fl.fits &^= asInteger
			}
			fl.degrees(raw)
		}
		fl.fits &= asInteger | asNumber
	}
}

// text learns from a text that is not empty.
func (fl *field) text(b []byte) {
	fl.present++
	if fl.fits&^asText == 0 {
		fl.settled = true
		return
	}
	is := asText
	switch c := b[0]; {
	case c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.':
		if fl.fits&asInteger != 0 {
			if _, ok := dataset.ParseYear(b); ok {
				is |= asInteger | asNumber
				fl.padded = fl.padded || c == '0' && len(b) > 1
				fl.degrees(b)
				break
			}
		}
		if fl.fits&asNumber != 0 && dataset.IsNumber(b) {
			is |= asNumber
			fl.degrees(b)
			break
		}
		if fl.fits&asNumber != 0 {
			if _, ok := dataset.ParseYear(b); ok { // a padded year among numbers
				is |= asNumber
				fl.padded = true
				break
			}
		}
		if fl.fits&asTime != 0 {
			if _, ok := dataset.ParseTime(b); ok {
				is |= asTime
			}
		}
	case c == '(':
		if fl.fits&asPoint != 0 {
			if dataset.IsPoint(b) {
				is |= asPoint
			}
		}
	default:
		if fl.fits&asBoolean != 0 {
			if _, ok := dataset.ParseBoolean(b); ok {
				is |= asBoolean
			}
		}
	}
	fl.fits &= is
}

func (fl *field) degrees(b []byte) {
	if !fl.yx || fl.outside {
		return
	}
	limit := 180.0
	if fl.name == "y" || fl.name == "Y" {
		limit = 90
	}
	v, _ := dataset.ParseNumber(b)
	fl.outside = v < -limit || v > limit
}

// geometryMeaning says what an object means.
func geometryMeaning(object []byte) meaning {
	kind := string(lookup(object, "type"))
	inside := "coordinates"
	is := asGeometry
	switch kind {
	case `"Point"`:
		is |= asPoint
	case `"LineString"`, `"Polygon"`, `"MultiPoint"`, `"MultiLineString"`, `"MultiPolygon"`:
	case `"GeometryCollection"`:
		inside = "geometries"
	default:
		return 0
	}
	if list := lookup(object, inside); len(list) == 0 || list[0] != '[' {
		return 0
	}
	return is
}

func (fl *field) kind() dataset.Type {
	fits := fl.fits
	if fl.padded && !isYear(fl.name) {
		fits &^= asInteger | asNumber
	}
	switch {
	case fl.present == 0:
		return dataset.Text
	case fits&asBoolean != 0:
		return dataset.Boolean
	case fits&asInteger != 0:
		return dataset.Integer
	case fits&asNumber != 0:
		return dataset.Number
	case fits&asTime != 0:
		return dataset.Time
	case fits&asPoint != 0:
		return dataset.Point
	case fits&asText != 0:
		return dataset.Text
	}
	return dataset.JSON
}

func isYear(name string) bool { return strings.EqualFold(name, "year") }

// schema gives what was learnt.
func (f *inference) schema() dataset.Schema {
	s := dataset.Schema{Fields: make([]dataset.Field, len(f.fields))}
	for i, fl := range f.fields {
		s.Fields[i] = dataset.Field{Name: fl.name, Type: fl.kind(), Nullable: fl.present < f.records}
	}
	s.Geometry = f.geometry(s.Fields)
	for _, fl := range s.Fields {
		if fl.Type == dataset.Time {
			s.TimeField = fl.Name
			break
		}
	}
	if s.TimeField == "" {
		for _, fl := range s.Fields {
			if fl.Type == dataset.Integer && isYear(fl.Name) {
				s.TimeField = fl.Name
				break
			}
		}
	}
	return s
}

// latitudes and longitudes are the names, or ends of names, of the two.
var (
	latitudes  = []string{"latitude", "lat"}
	longitudes = []string{"longitude", "long", "lng", "lon"}
)

func (f *inference) geometry(fields []dataset.Field) *dataset.Geometry {
	for _, fl := range f.fields {
		if fl.present > 0 && fl.fits&asGeometry != 0 && fl.fits&asText == 0 {
			return &dataset.Geometry{GeoJSON: fl.name}
		}
	}
	numeric := func(i int) bool {
		return f.fields[i].present > 0 && (fields[i].Type == dataset.Number || fields[i].Type == dataset.Integer)
	}
	for i, lat := range f.fields {
		stem, ok := stemOf(lat.name, latitudes)
		if !ok || !numeric(i) {
			continue
		}
		for j, lon := range f.fields {
			if other, ok := stemOf(lon.name, longitudes); ok && other == stem && numeric(j) {
				return &dataset.Geometry{Lat: lat.name, Lon: lon.name}
			}
		}
	}
	for i, y := range f.fields {
		if !y.yx || y.outside || fields[i].Type != dataset.Number || !strings.EqualFold(y.name, "y") {
			continue
		}
		for j, x := range f.fields {
			if x.yx && !x.outside && fields[j].Type == dataset.Number && strings.EqualFold(x.name, "x") {
				return &dataset.Geometry{Lat: y.name, Lon: x.name}
			}
		}
	}
	for i, fl := range f.fields {
		if fields[i].Type == dataset.Point && fl.fits&asText != 0 {
			return &dataset.Geometry{Text: fl.name}
		}
	}
	return nil
}

// stemOf gives what a name is without its latitude or longitude ending: the
// pairs are those of equal stems ("rec" in reclat and reclong, "" in lat and
// lng, "start" in start_lat and start_lon).
func stemOf(name string, endings []string) (string, bool) {
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r == '_' || r == '-' || r == ' ' || r == '.':
			return -1
		}
		return r
	}, name)
	for _, e := range endings {
		if stem, ok := strings.CutSuffix(name, e); ok {
			return stem, true
		}
	}
	return "", false
}
