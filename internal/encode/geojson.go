package encode

import (
	"bytes"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"landings/internal/dataset"
	"landings/internal/geo"
)

// features writes records as Features (RFC 7946). A record's place becomes its
// geometry, or null where it has none; the record itself, as it came, becomes the
// properties, but for a member that is the geometry. One that should be and is no
// geometry stays among the properties. Records that came as Features, which were checked
// then, go out as they came, with what a Feature has to have where they lack it.
type features struct{ projection }

// AppendFeature appends a record of a schema as a Feature.
func AppendFeature(b []byte, schema *dataset.Schema, r dataset.Record) []byte {
	f := features{projection{schema: schema}}
	return f.feature(b, r, -1)
}

func (f *features) feature(b []byte, r dataset.Record, distance float64) []byte {
	if f.schema.Features {
		return f.kept(b, r, distance)
	}
	b = append(b, `{"type":"Feature","id":`...)
	b = appendString(b, r.ID)
	b = append(b, `,"geometry":`...)
	except := ""
	if g := f.schema.Geometry; g != nil {
		var fits bool
		if b, fits = appendPlace(b, g, r.JSON); fits {
			except = g.GeoJSON
		}
	} else {
		b = append(b, "null"...)
	}
	b = appendDistance(b, distance)
	b = append(b, `,"properties":`...)
	if except == "" && f.fields == nil {
		b = append(b, r.JSON...)
	} else {
		b = f.members(b, r.JSON, except)
	}
	return append(b, '}')
}

// kept writes a record that is a Feature already.
func (f *features) kept(b []byte, r dataset.Record, distance float64) []byte {
	start := len(b)
	b = f.record(b, r.JSON)
	b = bytes.TrimRight(b[:len(b)-1], " \n\t\r")
	var id, geometry, properties bool
	for s := newScanner(r.JSON); s.next(); {
		id = id || s.named("id")
		geometry = geometry || s.named("geometry")
		properties = properties || s.named("properties")
	}
	if len(b) > start+1 {
		if !id {
			b = append(b, `,"id":`...)
			b = appendString(b, r.ID)
		}
		if !geometry {
			b = append(b, `,"geometry":null`...)
		}
		if !properties {
			b = append(b, `,"properties":null`...)
		}
	}
	b = appendDistance(b, distance)
	return append(b, '}')
}

func appendDistance(b []byte, metres float64) []byte {
	if metres < 0 {
		return b
	}
	b = append(b, `,"distance":`...)
	return strconv.AppendFloat(b, metres, 'f', 3, 64)
}

func appendString(b []byte, s string) []byte {
	quoted, err := jsontext.AppendQuote(b, s)
	if err != nil { // not UTF-8, which no id is
		return append(b, `""`...)
	}
	return quoted
}

// appendPlace appends the geometry of a record, null where it has none. fits says that
// nothing stands in a member of geometries that is none.
func appendPlace(b []byte, g *dataset.Geometry, json []byte) (place []byte, fits bool) {
	var lat, lon []byte
	switch {
	case g.GeoJSON != "":
		v := member(json, g.GeoJSON)
		if len(v) == 0 || v[0] == 'n' {
			break
		}
		if _, err := geo.ParseGeoJSON(v); err != nil {
			return append(b, "null"...), false
		}
		return append(b, v...), true
	case g.Text != "":
		v := text(member(json, g.Text))
		y, x, ok := dataset.ParsePoint(v)
		if ok {
			return appendPoint(b, strconv.AppendFloat(nil, x, 'f', -1, 64), x, strconv.AppendFloat(nil, y, 'f', -1, 64)), true
		}
	default:
		for s := newScanner(json); s.next(); {
			if s.named(g.Lat) {
				lat = text(s.value)
			}
			if s.named(g.Lon) {
				lon = text(s.value)
			}
		}
		y, ok1 := dataset.ParseNumber(lat)
		x, ok2 := dataset.ParseNumber(lon)
		if ok1 && ok2 && math.Abs(y) <= 90 && math.Abs(x) <= 360 {
			if !isJSONNumber(lat) {
				lat = strconv.AppendFloat(nil, y, 'f', -1, 64)
			}
			if !isJSONNumber(lon) {
				lon = strconv.AppendFloat(nil, x, 'f', -1, 64)
			}
			return appendPoint(b, lon, x, lat), true
		}
	}
	return append(b, "null"...), true
}

// appendPoint appends a Point. Longitudes are brought within 180 degrees with as
// many decimals as they were spelled with.
func appendPoint(b, lon []byte, x float64, lat []byte) []byte {
	b = append(b, `{"type":"Point","coordinates":[`...)
	if math.Abs(x) > 180 {
		decimals := -1
		if point := bytes.IndexByte(lon, '.'); point >= 0 && !bytes.ContainsAny(lon, "eE") {
			decimals = len(lon) - point - 1
		}
		b = strconv.AppendFloat(b, x-math.Copysign(360, x), 'f', decimals, 64)
	} else {
		b = append(b, lon...)
	}
	b = append(append(b, ','), lat...)
	return append(b, "]}"...)
}

// isJSONNumber says whether what [dataset.IsNumber] accepts is a number in JSON
// too, which has no plus sign and a digit on either side of a point.
func isJSONNumber(b []byte) bool {
	if b[0] == '-' {
		b = b[1:]
	}
	if b[0]-'0' > 9 {
		return false
	}
	point := bytes.IndexByte(b, '.')
	return point < 0 || point+1 < len(b) && b[point+1]-'0' <= 9
}

// collectionForm is [GeoJSON].
type collectionForm struct {
	features
	links []Link
}

func (f *collectionForm) Open(b []byte, h Head) []byte {
	f.links = h.Links
	b = append(b, `{"type":"FeatureCollection","numberMatched":`...)
	b = strconv.AppendInt(b, int64(h.Matched), 10)
	b = append(b, `,"numberReturned":`...)
	b = strconv.AppendInt(b, int64(h.Returned), 10)
	b = append(b, `,"timeStamp":"`...)
	b = h.Time.UTC().AppendFormat(b, time.RFC3339)
	return append(b, "\",\"features\":[\n"...)
}

func (f *collectionForm) Record(b []byte, r dataset.Record, first bool, distance float64) []byte {
	if !first {
		b = append(b, dataset.Separator...)
	}
	return f.feature(b, r, distance)
}

func (f *collectionForm) Close(b []byte) []byte {
	b = append(b, `],"links":[`...)
	for i, l := range f.links {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"rel":`...)
		b = appendString(b, l.Rel)
		b = append(b, `,"type":`...)
		b = appendString(b, l.Type)
		b = append(b, `,"href":`...)
		b = appendString(b, l.Href)
		b = append(b, '}')
	}
	return append(b, "]}"...)
}
