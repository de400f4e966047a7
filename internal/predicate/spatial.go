package predicate

import (
	"landings/internal/cql2"
	"landings/internal/geo"
)

// Spatial relates two geometries.
type Spatial struct {
	Op          cql2.SpatialOp
	Left, Right Shape
}

// Shape is an operand of a [Spatial]: a geometry that the filter spells, or the
// value of an expression.
type Shape struct {
	Literal *geo.Geometry // nil: the value of Arg
	Box     *geo.Box      // of a literal that is a BBOX
	Arg     Expr
}

// Test is unknown where a geometry is missing.
func (s Spatial) Test(row Row) Truth {
	if s.Right.Box != nil && s.Left.Arg != nil {
		// What nearly all data and questions are: a point and a box.
		switch v := s.Left.Arg.Value(row); {
		case v.Kind != Place:
			return Unknown
		case v.IsPoint() && s.Op == cql2.SIntersects:
			return truthOf(s.Right.Box.Contains(v.LonLat()))
		}
	}
	l, ok1 := s.Left.geometry(row)
	r, ok2 := s.Right.geometry(row)
	if !ok1 || !ok2 {
		return Unknown
	}
	return truthOf(relations[s.Op](l, r))
}

var relations = map[cql2.SpatialOp]func(a, b *geo.Geometry) bool{
	cql2.SContains:   geo.Contains,
	cql2.SCrosses:    geo.Crosses,
	cql2.SDisjoint:   geo.Disjoint,
	cql2.SEquals:     geo.Equals,
	cql2.SIntersects: geo.Intersects,
	cql2.SOverlaps:   geo.Overlaps,
	cql2.STouches:    geo.Touches,
	cql2.SWithin:     geo.Within,
}

// Reads adds what the operands read.
func (s Spatial) Reads(fields []int) []int { return s.Right.reads(s.Left.reads(fields)) }

func (s Shape) reads(fields []int) []int {
	if s.Arg == nil {
		return fields
	}
	return s.Arg.Reads(fields)
}

func (s Shape) geometry(row Row) (*geo.Geometry, bool) {
	if s.Literal != nil {
		return s.Literal, true
	}
	return s.Arg.Value(row).Geometry()
}

// Geometry gives the geometry of a Place; false: it is no Place.
func (v Value) Geometry() (*geo.Geometry, bool) {
	switch {
	case v.Kind != Place:
		return nil, false
	case v.IsPoint():
		return geo.NewPoint(v.LonLat()), true
	case v.shape != nil:
		return v.shape, true
	}
	g, err := geo.ParseGeoJSON([]byte(v.Text))
	return g, err == nil
}

// GeometryValue gives a Place of a geometry that is no point.
func GeometryValue(g *geo.Geometry) Value { return Value{Kind: Place, shape: g} }

// geometryValue reads a GeoJSON geometry. One that is empty is no place.
func geometryValue(raw []byte) Value {
	g, err := geo.ParseGeoJSON(raw)
	switch {
	case err != nil:
		return Value{Kind: Misfit}
	case g.Empty():
		return Value{}
	}
	if p, ok := g.Point(); ok {
		if !(p.Lat >= -90 && p.Lat <= 90 && p.Lon >= -360 && p.Lon <= 360) {
			return Value{Kind: Misfit}
		}
		return pointValue(p.Lon, p.Lat)
	}
	return Value{Kind: Place, Text: view(raw)}
}

func (b binder) spatial(e cql2.SpatialPredicate) Pred {
	l, r := b.shape(e.Left), b.shape(e.Right)
	if l.Literal != nil && r.Literal == nil {
		// The field to the left: then whoever looks for an index finds it there.
		return Spatial{turned(e.Op), r, l}
	}
	return Spatial{e.Op, l, r}
}

// turned gives the operator that means the same with its operands exchanged.
func turned(op cql2.SpatialOp) cql2.SpatialOp {
	switch op {
	case cql2.SContains:
		return cql2.SWithin
	case cql2.SWithin:
		return cql2.SContains
	}
	return op
}

func (b binder) shape(e cql2.Expr) Shape {
	switch e := e.(type) {
	case cql2.BBox:
		box := boxOf(e)
		return Shape{Literal: geo.NewBox(box), Box: &box}
	case cql2.Point, cql2.LineString, cql2.Polygon, cql2.MultiPoint, cql2.MultiLineString, cql2.MultiPolygon, cql2.GeometryCollection:
		return Shape{Literal: geometryOf(e)}
	}
	return Shape{Arg: b.want(e, place).Expr}
}

func boxOf(e cql2.BBox) geo.Box {
	box := geo.Box{West: e.Low.X.Float64(), South: e.Low.Y.Float64(), East: e.High.X.Float64(), North: e.High.Y.Float64()}
	if !(box.South >= -90 && box.South <= box.North && box.North <= 90 && box.West >= -180 && box.West <= 180 && box.East >= -180 && box.East <= 180) {
		fail("give west, south, east, north in degrees: longitudes within 180, latitudes within 90, south not above north; west is greater than east across the antimeridian", "%s is no box on the globe", spell(e))
	}
	return box
}

// geometryOf makes a geometry of one that a filter spells.
func geometryOf(e cql2.Expr) *geo.Geometry {
	var points []geo.Position
	var lines [][]geo.Position
	var polygons [][][]geo.Position
	var add func(cql2.Expr)
	add = func(e cql2.Expr) {
		switch e := e.(type) {
		case cql2.Point:
			points = append(points, positionOf(e.Position))
		case cql2.MultiPoint:
			points = append(points, positionsOf(e.Positions)...)
		case cql2.LineString:
			lines = append(lines, positionsOf(e.Positions))
		case cql2.MultiLineString:
			for _, l := range e.Lines {
				lines = append(lines, positionsOf(l))
			}
		case cql2.Polygon:
			polygons = append(polygons, ringsOf(e.Rings))
		case cql2.MultiPolygon:
			for _, rings := range e.Polygons {
				polygons = append(polygons, ringsOf(rings))
			}
		case cql2.GeometryCollection:
			for _, g := range e.Geometries {
				add(g)
			}
		}
	}
	add(e)
	return geo.NewGeometry(points, lines, polygons)
}

func positionOf(p cql2.Position) geo.Position {
	at := geo.Position{Lon: p.X.Float64(), Lat: p.Y.Float64()}
	if !(at.Lon >= -360 && at.Lon <= 360 && at.Lat >= -90 && at.Lat <= 90) {
		fail("give longitude and latitude in degrees, in that order: longitudes within 360, latitudes within 90", "%s %s is no place on the globe", p.X.Text, p.Y.Text)
	}
	return at
}

func positionsOf(list []cql2.Position) []geo.Position {
	out := make([]geo.Position, len(list))
	for i, p := range list {
		out[i] = positionOf(p)
	}
	return out
}

func ringsOf(rings [][]cql2.Position) [][]geo.Position {
	out := make([][]geo.Position, len(rings))
	for i, r := range rings {
		out[i] = positionsOf(r)
	}
	return out
}

func (b binder) geometry(e cql2.Expr) typed {
	g := b.shape(e).Literal
	if p, ok := g.Point(); ok {
		return typed{Literal(pointValue(p.Lon, p.Lat)), place, e}
	}
	fail("a function takes a POINT or a property", "%s has no place here", spell(e))
	return typed{}
}
