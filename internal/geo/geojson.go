package geo

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// ParseError says what forbids a JSON value to be a geometry, and where.
type ParseError struct {
	Offset  int    // in the value
	Pointer string // JSON Pointer (RFC 6901), from the value
	Detail  string
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("the geometry at %q: %s", e.Pointer, e.Detail)
}

// ParseGeoJSON reads a geometry object (RFC 7946, 3.1), which must be valid JSON, with
// no name twice in an object. Heights are ignored. Coordinates that are an empty list
// are no fault but nothing, those of a part of a geometry too; a ring has to be there.
// The error is a *[ParseError].
func ParseGeoJSON(raw []byte) (*Geometry, error) {
	r := reader{json: raw}
	if e := r.geometry(0); e != nil {
		return nil, e
	}
	return NewGeometry(r.points, r.lines, r.polygons), nil
}

// reader reads a geometry and collects its parts. What it calls next begins at its
// place in the JSON, and it is behind that afterwards.
type reader struct {
	json []byte
	at   int

	points   []Position
	lines    [][]Position
	polygons [][][]Position
}

func (r *reader) bad(format string, args ...any) *ParseError {
	return &ParseError{Offset: r.at, Detail: fmt.Sprintf(format, args...)}
}

// in says that the fault is in a member or element.
func (e *ParseError) in(name string) *ParseError {
	e.Pointer = "/" + name + e.Pointer
	return e
}

// deepest is how deep collections may lie in each other.
const deepest = 8

func (r *reader) geometry(depth int) *ParseError {
	r.space()
	if r.json[r.at] != '{' {
		return r.bad("a geometry is an object with a type and coordinates")
	}
	start := r.at
	typed, coordinates, geometries := 0, 0, 0 // where the members' values are; 0: there is none
	for r.at++; r.space() == '"'; {
		key := r.skip()
		r.space()
		r.at++ // the colon
		r.space()
		switch string(name(key)) {
		case "type":
			typed = r.at
		case "coordinates":
			coordinates = r.at
		case "geometries":
			geometries = r.at
		}
		r.skip()
		if r.space() == ',' {
			r.at++
		}
	}
	end := r.at + 1
	if typed == 0 {
		r.at = start
		return r.bad("a geometry has a member \"type\"")
	}
	r.at = typed
	var kind []byte
	if r.json[typed] == '"' {
		kind = name(r.skip())
	}
	member, inside := "coordinates", coordinates
	var read func() *ParseError
	switch string(kind) {
	case "Point":
		read = r.point
	case "MultiPoint":
		read = func() *ParseError {
			points, e := r.positions()
			r.points = append(r.points, points...)
			return e
		}
	case "LineString":
		read = r.line
	case "MultiLineString":
		read = func() *ParseError { return r.list("lines", r.line) }
	case "Polygon":
		read = r.polygon
	case "MultiPolygon":
		read = func() *ParseError { return r.list("polygons", r.polygon) }
	case "GeometryCollection":
		if depth == deepest {
			r.at = start
			return r.bad("collections of geometries lie more than %d deep in each other", deepest)
		}
		member, inside = "geometries", geometries
		read = func() *ParseError {
			return r.list("geometries", func() *ParseError { return r.geometry(depth + 1) })
		}
	default:
		r.at = typed
		return r.bad("the type is none of Point, MultiPoint, LineString, MultiLineString, Polygon, MultiPolygon and GeometryCollection").in("type")
	}
	if inside == 0 {
		r.at = start
		return r.bad("a %s has a member %q", kind, member)
	}
	r.at = inside
	if e := read(); e != nil {
		return e.in(member)
	}
	r.at = end
	return nil
}

func (r *reader) point() *ParseError {
	if r.empty() {
		return nil
	}
	p, e := r.position()
	r.points = append(r.points, p)
	return e
}

func (r *reader) line() *ParseError {
	start := r.at
	line, e := r.positions()
	if e == nil && len(line) == 1 {
		r.at = start
		e = r.bad("a line has at least two positions, this has one")
	}
	r.lines = append(r.lines, line)
	return e
}

func (r *reader) polygon() *ParseError {
	var rings [][]Position
	e := r.list("rings", func() *ParseError {
		start := r.at
		ring, e := r.positions()
		if n := len(ring); e == nil && n < 4 {
			r.at = start
			return r.bad("a ring has at least four positions, this has %d", n)
		} else if e == nil && ring[0] != ring[n-1] {
			r.at = start
			return r.bad("the last position of a ring is equal to the first")
		}
		rings = append(rings, ring)
		return e
	})
	r.polygons = append(r.polygons, rings)
	return e
}

func (r *reader) positions() ([]Position, *ParseError) {
	var all []Position
	e := r.list("positions", func() *ParseError {
		p, e := r.position()
		all = append(all, p)
		return e
	})
	return all, e
}

func (r *reader) position() (Position, *ParseError) {
	start := r.at
	var degrees [2]float64
	n := 0
	if e := r.list("numbers", func() *ParseError {
		if c := r.json[r.at]; c != '-' && c-'0' > 9 {
			return r.bad("a number is expected here")
		}
		text := r.number()
		if n < len(degrees) {
			var err error
			if degrees[n], err = strconv.ParseFloat(string(text), 64); err != nil {
				r.at -= len(text)
				return r.bad("a number of degrees is expected here")
			}
		}
		n++
		return nil
	}); e != nil {
		return Position{}, e
	}
	if n < len(degrees) {
		r.at = start
		return Position{}, r.bad("a position has at least two numbers, this has %d", n)
	}
	return Position{degrees[0], degrees[1]}, nil
}

// list calls element for each of a list of what things are called.
func (r *reader) list(things string, element func() *ParseError) *ParseError {
	if r.json[r.at] != '[' {
		return r.bad("a list of %s is expected here", things)
	}
	if r.empty() {
		return nil
	}
	for n := 0; r.json[r.at] != ']'; n++ {
		r.at++ // the bracket or the comma
		r.space()
		if e := element(); e != nil {
			return e.in(strconv.Itoa(n))
		}
		r.space()
	}
	r.at++
	return nil
}

// empty takes a list that is empty, and nothing else.
func (r *reader) empty() bool {
	start := r.at
	if r.json[r.at] == '[' {
		r.at++
		if r.space() == ']' {
			r.at++
			return true
		}
	}
	r.at = start
	return false
}

// space skips white space and gives the byte behind it.
func (r *reader) space() byte {
	for r.json[r.at] <= ' ' {
		r.at++
	}
	return r.json[r.at]
}

// number takes a number, or a literal.
func (r *reader) number() []byte {
	rest := r.json[r.at:]
	for i, c := range rest {
		if c <= ' ' || c == ',' || c == ']' || c == '}' {
			r.at += i
			return rest[:i]
		}
	}
	r.at = len(r.json)
	return rest
}

// skip skips a value and gives it.
func (r *reader) skip() []byte {
	start, depth := r.at, 0
	for {
		switch r.json[r.at] {
		case '"':
			for r.at++; r.json[r.at] != '"'; r.at++ {
				if r.json[r.at] == '\\' {
					r.at++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		default:
			if depth > 0 {
				break
			}
			return r.number()
		}
		if r.at++; depth == 0 {
			return r.json[start:r.at]
		}
	}
}

// name gives the text of a string.
func name(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	text, _ := jsontext.AppendUnquote(nil, quoted)
	return text
}
