package geo

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Position is a longitude and a latitude in degrees.
type Position struct{ Lon, Lat float64 }

// Geometry is any number of points, lines and polygons: one of them, or many, or
// none. It is immutable. Polygons are taken to be valid: their rings do not cross
// themselves or each other.
type Geometry struct {
	points   []Position
	lines    [][]Position
	polygons [][][]Position // each an outer ring and holes, closed
	box      Box            // around all of it
	empty    bool
}

// NewGeometry makes a geometry of its parts, which it keeps. Lines have at least two
// positions; rings at least four, the last equal to the first. Empty lines, rings
// and polygons are left out.
func NewGeometry(points []Position, lines [][]Position, polygons [][][]Position) *Geometry {
	g := &Geometry{points: points, empty: true}
	for _, l := range lines {
		if len(l) > 0 {
			g.lines = append(g.lines, l)
		}
	}
	for _, rings := range polygons {
		var kept [][]Position
		for _, ring := range rings {
			if len(ring) > 0 {
				kept = append(kept, ring)
			}
		}
		if kept != nil {
			g.polygons = append(g.polygons, kept)
		}
	}
	g.each(func(p Position) {
		if g.empty {
			g.box, g.empty = Box{p.Lon, p.Lat, p.Lon, p.Lat}, false
		} else {
			g.box.Grow(p.Lon, p.Lat)
		}
	})
	return g
}

// NewPoint makes a geometry of one point.
func NewPoint(lon, lat float64) *Geometry {
	return NewGeometry([]Position{{lon, lat}}, nil, nil)
}

// NewBox makes the geometry of a box: two polygons where it crosses the
// antimeridian, a line or a point where it has no width or height.
func NewBox(b Box) *Geometry {
	if b.West > b.East {
		east, west := NewBox(Box{b.West, b.South, 180, b.North}), NewBox(Box{-180, b.South, b.East, b.North})
		return NewGeometry(append(east.points, west.points...), append(east.lines, west.lines...), append(east.polygons, west.polygons...))
	}
	sw, se := Position{b.West, b.South}, Position{b.East, b.South}
	ne, nw := Position{b.East, b.North}, Position{b.West, b.North}
	switch {
	case sw == ne:
		return NewPoint(b.West, b.South)
	case b.West == b.East || b.South == b.North:
		return NewGeometry(nil, [][]Position{{sw, ne}}, nil)
	}
	return NewGeometry(nil, nil, [][][]Position{{{sw, se, ne, nw, sw}}})
}

// each visits all positions but those of holes.
func (g *Geometry) each(visit func(Position)) {
	for _, p := range g.points {
		visit(p)
	}
	for _, l := range g.lines {
		for _, p := range l {
			visit(p)
		}
	}
	for _, rings := range g.polygons {
		for _, p := range rings[0] {
			visit(p)
		}
	}
}

// Empty says that there is nothing in the geometry.
func (g *Geometry) Empty() bool { return g.empty }

// Bounds gives the box around a geometry that is not empty. It never crosses the
// antimeridian.
func (g *Geometry) Bounds() Box { return g.box }

// Point gives the position of a geometry that is one point.
func (g *Geometry) Point() (Position, bool) {
	if len(g.points) == 1 && g.lines == nil && g.polygons == nil {
		return g.points[0], true
	}
	return Position{}, false
}

// dimension gives that of the largest part: 0, 1 or 2; -1: there is none.
func (g *Geometry) dimension() int {
	switch {
	case len(g.polygons) > 0:
		return 2
	case len(g.lines) > 0:
		return 1
	case len(g.points) > 0:
		return 0
	}
	return -1
}

// ParseGeoJSON reads a geometry object (RFC 7946, 3.1). Heights are ignored.
func ParseGeoJSON(raw []byte) (*Geometry, error) {
	var p parts
	if err := p.add(raw, 0); err != nil {
		return nil, err
	}
	return NewGeometry(p.points, p.lines, p.polygons), nil
}

// parts collects those of a geometry that is being read.
type parts struct {
	points   []Position
	lines    [][]Position
	polygons [][][]Position
}

// deepest is how deep collections may lie in each other.
const deepest = 8

func (p *parts) add(raw []byte, depth int) error {
	var object struct {
		Type        string           `json:"type"`
		Coordinates jsontext.Value   `json:"coordinates"`
		Geometries  []jsontext.Value `json:"geometries"`
	}
	if err := json.Unmarshal(raw, &object); err != nil {
		return fmt.Errorf("a geometry is an object with type and coordinates: %w", err)
	}
	read := func(into any) error {
		if err := json.Unmarshal(object.Coordinates, into); err != nil {
			return fmt.Errorf("the coordinates of a %s: %w", object.Type, err)
		}
		return nil
	}
	switch object.Type {
	case "Point":
		var c []float64
		if err := read(&c); err != nil || len(c) == 0 {
			return err
		}
		at, err := position(c)
		p.points = append(p.points, at)
		return err
	case "MultiPoint":
		var c [][]float64
		if err := read(&c); err != nil {
			return err
		}
		all, err := positions(c)
		p.points = append(p.points, all...)
		return err
	case "LineString":
		var c [][]float64
		if err := read(&c); err != nil {
			return err
		}
		return p.addLine(c)
	case "MultiLineString":
		var c [][][]float64
		if err := read(&c); err != nil {
			return err
		}
		for _, line := range c {
			if err := p.addLine(line); err != nil {
				return err
			}
		}
		return nil
	case "Polygon":
		var c [][][]float64
		if err := read(&c); err != nil {
			return err
		}
		return p.addPolygon(c)
	case "MultiPolygon":
		var c [][][][]float64
		if err := read(&c); err != nil {
			return err
		}
		for _, rings := range c {
			if err := p.addPolygon(rings); err != nil {
				return err
			}
		}
		return nil
	case "GeometryCollection":
		if depth == deepest {
			return fmt.Errorf("collections of geometries lie more than %d deep in each other", deepest)
		}
		for _, inner := range object.Geometries {
			if err := p.add(inner, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("%.40q is no type of geometry", object.Type)
}

func (p *parts) addLine(c [][]float64) error {
	line, err := positions(c)
	if err == nil && len(line) == 1 {
		err = errors.New("a line has at least two positions")
	}
	p.lines = append(p.lines, line)
	return err
}

func (p *parts) addPolygon(c [][][]float64) error {
	var rings [][]Position
	for _, r := range c {
		ring, err := positions(r)
		if err != nil {
			return err
		}
		if n := len(ring); n > 0 && (n < 4 || ring[0] != ring[n-1]) {
			return errors.New("a ring has at least four positions, the last equal to the first")
		}
		rings = append(rings, ring)
	}
	p.polygons = append(p.polygons, rings)
	return nil
}

func positions(c [][]float64) ([]Position, error) {
	out := make([]Position, len(c))
	for i, numbers := range c {
		at, err := position(numbers)
		if err != nil {
			return nil, err
		}
		out[i] = at
	}
	return out, nil
}

func position(c []float64) (Position, error) {
	if len(c) < 2 {
		return Position{}, errors.New("a position has at least two numbers")
	}
	return Position{c[0], c[1]}, nil
}
