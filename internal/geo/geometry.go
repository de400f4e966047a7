package geo

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
