package predicate

import (
	"cmp"
	"math"
	"strings"

	"landings/internal/dataset"
	"landings/internal/geo"
)

// Kind is what a [Value] is.
type Kind uint8

// The kinds.
const (
	Missing Kind = iota // no value: absent, null or an empty text
	Misfit              // a value that does not fit the field's type
	Number              // a float64
	Integer             // an int64
	Text                // a text that is not empty
	Boolean
	Instant // microseconds since 1970
	Span    // an interval of time: from and to, in microseconds, both included
	Place   // a point, or the GeoJSON of another geometry
	JSON    // an object or a list, as JSON
)

// Value is a value of a record's field, or one computed of such. It may share
// memory with the record.
type Value struct {
	Kind  Kind
	Bits  uint64        // Number: its IEEE 754 bits; Integer, Instant, start of Span: as int64; Boolean: 0 or 1; point: bits of the longitude
	More  uint64        // end of Span; point: bits of the latitude
	Text  string        // Text; Place that is no point: GeoJSON; JSON: its spelling
	shape *geo.Geometry // Place that is no point and was read already
}

// Float gives the float64 of a Number or Integer.
func (v Value) Float() float64 {
	if v.Kind == Integer {
		return float64(int64(v.Bits))
	}
	return math.Float64frombits(v.Bits)
}

// Int gives the int64 of an Integer or Instant, or the start of a Span.
func (v Value) Int() int64 { return int64(v.Bits) }

// IsPoint says whether a Place is a point.
func (v Value) IsPoint() bool { return v.Text == "" && v.shape == nil }

// LonLat gives the degrees of a Place that is a point.
func (v Value) LonLat() (lon, lat float64) {
	return math.Float64frombits(v.Bits), math.Float64frombits(v.More)
}

func numberValue(f float64) Value {
	if math.IsNaN(f) {
		return Value{}
	}
	if f == 0 {
		f = 0 // not the negative zero: equal numbers have equal bits
	}
	return Value{Kind: Number, Bits: math.Float64bits(f)}
}

func integerValue(i int64) Value { return Value{Kind: Integer, Bits: uint64(i)} }
func textValue(s string) Value   { return Value{Kind: Text, Text: s} }
func instantValue(us int64) Value {
	return Value{Kind: Instant, Bits: uint64(us)}
}
func spanValue(from, to int64) Value { return Value{Kind: Span, Bits: uint64(from), More: uint64(to)} }

func booleanValue(b bool) Value {
	v := Value{Kind: Boolean}
	if b {
		v.Bits = 1
	}
	return v
}

// PointValue gives a Place of a point, with the longitude within 180 degrees.
func PointValue(lon, lat float64) Value { return pointValue(lon, lat) }

func pointValue(lon, lat float64) Value {
	if lon > 180 {
		lon -= 360
	} else if lon < -180 {
		lon += 360
	}
	return Value{Kind: Place, Bits: math.Float64bits(lon), More: math.Float64bits(lat)}
}

// Order compares two values of the same kind, or two numbers of either kind; ok is
// false where they have no order.
func Order(a, b Value) (order int, ok bool) {
	if a.Kind != b.Kind {
		if a.Kind == Integer && b.Kind == Number {
			return compareMixed(a.Int(), b.Float()), true
		}
		if a.Kind == Number && b.Kind == Integer {
			return -compareMixed(b.Int(), a.Float()), true
		}
		return 0, false
	}
	switch a.Kind {
	case Number:
		return cmp.Compare(a.Float(), b.Float()), true
	case Integer, Instant:
		return cmp.Compare(a.Int(), b.Int()), true
	case Boolean:
		return cmp.Compare(a.Bits, b.Bits), true
	case Text:
		return strings.Compare(a.Text, b.Text), true
	}
	return 0, false
}

// compareMixed compares exactly.
func compareMixed(i int64, f float64) int {
	switch {
	case f >= 1<<63:
		return -1
	case f < -1<<63:
		return 1
	}
	whole := math.Trunc(f)
	if c := cmp.Compare(i, int64(whole)); c != 0 {
		return c
	}
	return cmp.Compare(whole, f)
}

// kindOf gives the kind of a field type's values; JSON and Point fields have
// values of several.
func kindOf(t dataset.Type) Kind {
	switch t {
	case dataset.Number:
		return Number
	case dataset.Integer:
		return Integer
	case dataset.Boolean:
		return Boolean
	case dataset.Time:
		return Instant
	case dataset.Point:
		return Place
	case dataset.JSON:
		return JSON
	}
	return Text
}
