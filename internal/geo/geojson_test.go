package geo

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

func TestParseGeoJSON(t *testing.T) {
	for _, c := range []struct {
		in  string
		dim int
	}{
		{`{"type":"Point","coordinates":[1,2,3]}`, 0},
		{`{"type":"Point","coordinates":[]}`, -1},
		{`{"type":"MultiPoint","coordinates":[[1,2],[3,4]]}`, 0},
		{`{"type":"LineString","coordinates":[[1,2],[3,4]]}`, 1},
		{`{"type":"MultiLineString","coordinates":[[[1,2],[3,4]]]}`, 1},
		{`{"type":"MultiLineString","coordinates":[[],[[1,2],[3,4]]]}`, 1},
		{`{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0.0]]]}`, 2},
		{`{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]],[]]}`, 2},
		{`{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,2]}, {"coordinates" : [[ 1 , 2 ],[3,-4e0]],"type":"LineString"}],"coordinates":"x"}`, 1},
		{`{"type":"GeometryCollection","geometries":[]}`, -1},
		{" {\n\"bbox\" : [\"]}\\\"\",{\"type\":1}], \"coordinates\": [ 1.5 ,\t2 ], \"typ\\u0065\" :\"\\u0050oint\" } ", 0},
	} {
		if g, err := ParseGeoJSON([]byte(c.in)); err != nil || g.dimension() != c.dim {
			t.Errorf("%s: %v, %v", c.in, g, err)
		}
	}
	g, err := ParseGeoJSON([]byte(`{"type":"MultiPoint","coordinates":[[1.5,-2e1,9],[3,4]]}`))
	if err != nil || g.Bounds() != (Box{1.5, -20, 3, 4}) {
		t.Error(g, err)
	}
}

func TestNoGeoJSON(t *testing.T) {
	deep := strings.Repeat(`{"type":"GeometryCollection","geometries":[`, 9) + strings.Repeat("]}", 9)
	const types = "the type is none of Point, MultiPoint, LineString, MultiLineString, Polygon, MultiPolygon and GeometryCollection"
	for _, c := range []struct{ in, pointer, at, detail string }{
		{`[1,2]`, "", "[", "a geometry is an object with a type and coordinates"},
		{`{"coordinates":[1,2]}`, "", "{", `a geometry has a member "type"`},
		{`{"type":"Circle","coordinates":[1,2]}`, "/type", `"Circle"`, types},
		{`{"type":"point","coordinates":[1,2]}`, "/type", `"point"`, types},
		{`{"type":7,"coordinates":[1,2]}`, "/type", "7", types},
		{`{"type":"Point"}`, "", "{", `a Point has a member "coordinates"`},
		{`{"type":"GeometryCollection","coordinates":[]}`, "", "{", `a GeometryCollection has a member "geometries"`},
		{`{"type":"Point","coordinates":null}`, "/coordinates", "null", "a list of numbers is expected here"},
		{`{"type":"Point","coordinates":["1",2]}`, "/coordinates/0", `"1"`, "a number is expected here"},
		{`{"type":"Point","coordinates":[1,2,null]}`, "/coordinates/2", `null`, "a number is expected here"},
		{`{"type":"Point","coordinates":[1e400,2]}`, "/coordinates/0", `1e400`, "a number of degrees is expected here"},
		{`{"type":"Point","coordinates":[7]}`, "/coordinates", `[7]`, "a position has at least two numbers, this has 1"},
		{`{"type":"Point","coordinates":[[7,8]]}`, "/coordinates/0", `[7,8]`, "a number is expected here"},
		{`{"type":"MultiPoint","coordinates":[7,8]}`, "/coordinates/0", `7,8`, "a list of numbers is expected here"},
		{`{"type":"MultiPoint","coordinates":[[7,8],[]]}`, "/coordinates/1", `[]`, "a position has at least two numbers, this has 0"},
		{`{"type":"LineString","coordinates":[[7,8]]}`, "/coordinates", `[[7`, "a line has at least two positions, this has one"},
		{`{"type":"MultiLineString","coordinates":[[[1,2],[3,4]],[[7,8]]]}`, "/coordinates/1", `[[7`, "a line has at least two positions, this has one"},
		{`{"type":"Polygon","coordinates":[[]]}`, "/coordinates/0", `[]`, "a ring has at least four positions, this has 0"},
		{`{"type":"Polygon","coordinates":[[[0,0],[1,0],[0,0]]]}`, "/coordinates/0", `[[0`, "a ring has at least four positions, this has 3"},
		{`{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1]]]}`, "/coordinates/0", `[[0`, "the last position of a ring is equal to the first"},
		{`{"type":"Polygon","coordinates":[[0,0],[1,0],[1,1],[0,0]]}`, "/coordinates/0/0", `0,0`, "a list of numbers is expected here"},
		{`{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]],[[7,0],[1,0],[1,1],[0,1]]]]}`, "/coordinates/0/1", `[[7`, "the last position of a ring is equal to the first"},
		{`{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,2]},null]}`, "/geometries/1", "null", "a geometry is an object with a type and coordinates"},
		{`{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":"x"}]}`, "/geometries/0/coordinates", `"x"`, "a list of numbers is expected here"},
		{deep, strings.Repeat("/geometries/0", 8), `{"type":"GeometryCollection","geometries":[]`, "collections of geometries lie more than 8 deep in each other"},
	} {
		_, err := ParseGeoJSON([]byte(c.in))
		e, ok := errors.AsType[*ParseError](err)
		if !ok || e.Pointer != c.pointer || e.Detail != c.detail || !strings.HasPrefix(c.in[e.Offset:], c.at) {
			t.Errorf("%s: %+v", c.in, e)
		}
	}
}

// What is read is what RFC 7946 says, as it is read here without regard to speed.
func FuzzGeoJSON(f *testing.F) {
	for _, s := range []string{
		`{"type":"Point","coordinates":[1,2,3]}`, `{"type":"Point","coordinates":[]}`, `{"type":"MultiPoint","coordinates":[[1,2],[3,"4"]]}`,
		`{"type":"MultiLineString","coordinates":[[],[[1,2],[3,4]],[[1,2]]]}`, `{"coordinates":[[[[0,0],[1,0],[1,1],[0,0]]],[]] , "type":"MultiPolygon"}`,
		`{"type":"GeometryCollection","geometries":[{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}, {"typ\u0065":"LineString","coordinates":[[1,2],[3,-4e0]]}]}`,
		`{"type":"Polygon","coordinates":[[]]}`, `"{"`, `null`, `[[{}]]`, `{}`, `{"":{"\\":"\\\""}}`, `{"type":null,"coordinates":[1e999,0]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var v any
		if !jsontext.Value(in).IsValid() || json.Unmarshal(in, &v) != nil {
			return // no JSON, or with a number that is none in Go, perhaps in another member
		}
		g, err := ParseGeoJSON(in)
		if ok := isGeometry(v, 0); ok != (err == nil) {
			t.Fatalf("%s: %v", in, err)
		}
		if err == nil && !g.Empty() && math.IsNaN(g.Bounds().West) {
			t.Error(g)
		}
		if e, ok := errors.AsType[*ParseError](err); ok && (e.Offset < 0 || e.Offset >= len(in)) {
			t.Errorf("%s: %+v", in, e)
		}
	})
}

func isGeometry(v any, depth int) bool {
	o, _ := v.(map[string]any)
	list, ok := o["coordinates"].([]any)
	all := func(list []any, each func([]any) bool) bool {
		for _, v := range list {
			if inner, ok := v.([]any); !ok || !each(inner) {
				return false
			}
		}
		return true
	}
	position := func(list []any) bool {
		for _, v := range list {
			if _, ok := v.(float64); !ok {
				return false
			}
		}
		return len(list) >= 2
	}
	line := func(list []any) bool { return len(list) != 1 && all(list, position) }
	ring := func(list []any) bool {
		if len(list) < 4 || !all(list, position) {
			return false
		}
		first, last := list[0].([]any), list[len(list)-1].([]any)
		return first[0] == last[0] && first[1] == last[1]
	}
	polygon := func(list []any) bool { return all(list, ring) }
	switch o["type"] {
	case "Point":
		return ok && (len(list) == 0 || position(list))
	case "MultiPoint":
		return ok && all(list, position)
	case "LineString":
		return ok && line(list)
	case "MultiLineString":
		return ok && all(list, line)
	case "Polygon":
		return ok && polygon(list)
	case "MultiPolygon":
		return ok && all(list, polygon)
	case "GeometryCollection":
		list, ok := o["geometries"].([]any)
		for _, v := range list {
			ok = ok && isGeometry(v, depth+1)
		}
		return ok && depth < 8
	}
	return false
}

func BenchmarkParseGeoJSON(b *testing.B) {
	for name, in := range map[string]string{
		"point":   `{"type":"Point","coordinates":[6.083330,50.775000]}`,
		"polygon": `{"type":"Polygon","coordinates":[[[0,0],` + strings.Repeat(`[6.083330,50.775000],`, 998) + `[0,0]]]}`,
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseGeoJSON([]byte(in)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
