package geo

import "slices"

// The predicates of OGC 06-103r4 (Simple Features), 6.1.15. All but Disjoint are
// false of an empty geometry, and two empty ones are equal.

// Intersects says that a and b have a point in common.
func Intersects(a, b *Geometry) bool {
	if a.empty || b.empty || !a.box.Meets(&b.box) {
		return false
	}
	if p, ok := a.Point(); ok {
		return b.Covers(p.Lon, p.Lat)
	}
	if p, ok := b.Point(); ok {
		return a.Covers(p.Lon, p.Lat)
	}
	m := relate(a, b)
	return m.meets()
}

// Disjoint says that a and b have no point in common.
func Disjoint(a, b *Geometry) bool { return !Intersects(a, b) }

// Contains says that no point of b is outside of a, and one of the interior of b
// is in the interior of a.
func Contains(a, b *Geometry) bool {
	if a.empty || b.empty || !a.box.covers(&b.box) {
		return false
	}
	if p, ok := b.Point(); ok {
		v := vertexOf(p)
		return a.locate(&v) == interior
	}
	m := relate(a, b)
	return m.has(interior, interior) && !m.has(exterior, interior) && !m.has(exterior, boundary)
}

// Within says that b contains a.
func Within(a, b *Geometry) bool { return Contains(b, a) }

// Equals says that a and b are the same set of points.
func Equals(a, b *Geometry) bool {
	if a.empty || b.empty {
		return a.empty && b.empty
	}
	if a.box != b.box {
		return false
	}
	m := relate(a, b)
	return m.has(interior, interior) && !m.has(exterior, interior) && !m.has(exterior, boundary) &&
		!m.has(interior, exterior) && !m.has(boundary, exterior)
}

// Touches says that a and b meet, but not with their interiors.
func Touches(a, b *Geometry) bool {
	if a.empty || b.empty || !a.box.Meets(&b.box) {
		return false
	}
	m := relate(a, b)
	return !m.has(interior, interior) && m.meets()
}

// Crosses says that the interiors meet in less than the larger dimension of the two,
// and that the one of the smaller dimension leaves the other; or that two lines meet
// in points.
func Crosses(a, b *Geometry) bool {
	if a.empty || b.empty || !a.box.Meets(&b.box) {
		return false
	}
	m := relate(a, b)
	x, y := a.dimension(), b.dimension()
	switch {
	case x < y:
		return m.has(interior, interior) && m.has(interior, exterior)
	case x > y:
		return m.has(interior, interior) && m.has(exterior, interior)
	}
	return x == 1 && m.dims[interior][interior] == 1
}

// Overlaps says that a and b, of one dimension, share a part of that dimension and
// each have another one of their own.
func Overlaps(a, b *Geometry) bool {
	if a.empty || b.empty || a.dimension() != b.dimension() || !a.box.Meets(&b.box) {
		return false
	}
	m := relate(a, b)
	return int(m.dims[interior][interior]) == a.dimension()+1 && m.has(interior, exterior) && m.has(exterior, interior)
}

// matrix is the DE-9IM of two geometries: the dimension, plus one, of what each part
// of the one has in common with each part of the other; 0: nothing.
type matrix struct{ dims [3][3]uint8 }

func (m *matrix) set(a, b side, dimension uint8) {
	m.dims[a][b] = max(m.dims[a][b], dimension+1)
}

func (m *matrix) has(a, b side) bool { return m.dims[a][b] > 0 }

func (m *matrix) meets() bool {
	return m.has(interior, interior) || m.has(interior, boundary) || m.has(boundary, interior) || m.has(boundary, boundary)
}

// relate cuts the segments of each geometry where they meet those of the other.
// What lies between two cuts is altogether inside, on the boundary or outside of
// the other one; and so are, on either side of it, the areas that it bounds.
func relate(a, b *Geometry) *matrix {
	m := new(matrix)
	sa, sb := a.segments(), b.segments()
	cut(sa, sb)
	cutAt(sa, b.points)
	cutAt(sb, a.points)
	for _, side := range []struct {
		of, other *Geometry
		segments  []segment
		set       func(own, other side, dimension uint8)
	}{
		{a, b, sa, m.set},
		{b, a, sb, func(own, other side, dimension uint8) { m.set(other, own, dimension) }},
	} {
		for _, p := range side.of.points {
			v := vertexOf(p)
			side.set(side.of.locate(&v), side.other.locate(&v), 0)
		}
		if len(side.of.polygons) > 0 && len(side.other.polygons) == 0 {
			side.set(interior, exterior, 2) // an area is not covered by lines and points
		}
		for i := range side.segments {
			side.segments[i].relate(side.of, side.other, side.set)
		}
	}
	return m
}

// segment is one of a line or a ring.
type segment struct {
	a, b     vertex
	ring     bool
	left     bool // of a ring: the area is on the left
	cuts     []vertex
	overlaps []overlap
}

// overlap is a piece that a segment shares with one of the other geometry.
type overlap struct {
	from, to vertex
	with     *segment
	same     bool // both run in the same direction
}

func (g *Geometry) segments() []segment {
	var out []segment
	add := func(list []Position, ring, left bool) {
		for i := 1; i < len(list); i++ {
			if list[i-1] != list[i] {
				out = append(out, segment{a: vertexOf(list[i-1]), b: vertexOf(list[i]), ring: ring, left: left})
			}
		}
	}
	for _, l := range g.lines {
		add(l, false, false)
	}
	for _, rings := range g.polygons {
		for i, ring := range rings {
			add(ring, true, counterclockwise(ring) == (i == 0))
		}
	}
	return out
}

// counterclockwise says which way a ring runs, by its area.
func counterclockwise(ring []Position) bool {
	sum := 0.0
	for i := 1; i < len(ring); i++ {
		a, b := ring[i-1], ring[i]
		sum += (a.Lon-ring[0].Lon)*(b.Lat-ring[0].Lat) - (b.Lon-ring[0].Lon)*(a.Lat-ring[0].Lat)
	}
	return sum > 0
}

// cut finds where the segments of two geometries meet.
func cut(as, bs []segment) {
	for i := range as {
		a := &as[i]
		box := Box{min(a.a.x, a.b.x), min(a.a.y, a.b.y), max(a.a.x, a.b.x), max(a.a.y, a.b.y)}
		for j := range bs {
			b := &bs[j]
			if max(b.a.x, b.b.x) < box.West || min(b.a.x, b.b.x) > box.East || max(b.a.y, b.b.y) < box.South || min(b.a.y, b.b.y) > box.North {
				continue
			}
			a.meet(b)
		}
	}
}

// cutAt cuts segments at points, each of which is inside of what a piece beside it is
// outside of.
func cutAt(segments []segment, points []Position) {
	for _, p := range points {
		v := vertexOf(p)
		for i := range segments {
			if s := &segments[i]; onSegment(&s.a, &s.b, &v) {
				s.cuts = append(s.cuts, v)
			}
		}
	}
}

func (s *segment) meet(o *segment) {
	a1, a2 := orientation(&o.a, &o.b, &s.a), orientation(&o.a, &o.b, &s.b)
	if a1 == 0 && a2 == 0 {
		s.overlap(o)
		return
	}
	b1, b2 := orientation(&s.a, &s.b, &o.a), orientation(&s.a, &s.b, &o.b)
	switch {
	case a1*a2 > 0 || b1*b2 > 0:
	case a1 == 0:
		o.cuts = append(o.cuts, s.a)
		s.cuts = append(s.cuts, s.a)
	case a2 == 0:
		o.cuts = append(o.cuts, s.b)
		s.cuts = append(s.cuts, s.b)
	case b1 == 0:
		s.cuts = append(s.cuts, o.a)
		o.cuts = append(o.cuts, o.a)
	case b2 == 0:
		s.cuts = append(s.cuts, o.b)
		o.cuts = append(o.cuts, o.b)
	default:
		at := crossing(&s.a, &s.b, &o.a, &o.b)
		s.cuts = append(s.cuts, at)
		o.cuts = append(o.cuts, at)
	}
}

// overlap is meet for segments on one line.
func (s *segment) overlap(o *segment) {
	var ends []vertex
	for _, v := range []vertex{s.a, s.b} {
		if between(&o.a, &o.b, &v) {
			ends = append(ends, v)
		}
	}
	for _, v := range []vertex{o.a, o.b} {
		if between(&s.a, &s.b, &v) && !slices.ContainsFunc(ends, func(e vertex) bool { return same(&e, &v) }) {
			ends = append(ends, v)
		}
	}
	s.cuts = append(s.cuts, ends...)
	o.cuts = append(o.cuts, ends...)
	if len(ends) < 2 {
		return
	}
	// As both lie on one line, they run the same way if they do along either axis.
	same := (s.b.x-s.a.x)*(o.b.x-o.a.x) > 0 || (s.b.y-s.a.y)*(o.b.y-o.a.y) > 0
	s.overlaps = append(s.overlaps, overlap{ends[0], ends[1], o, same})
	o.overlaps = append(o.overlaps, overlap{ends[0], ends[1], s, same})
}

// relate tells what the pieces of a segment, and the areas beside them, are to the
// other geometry.
func (s *segment) relate(own, other *Geometry, set func(own, other side, dimension uint8)) {
	s.cuts = append(s.cuts, s.a, s.b)
	slices.SortFunc(s.cuts, func(p, q vertex) int {
		if c := compareX(&s.a, &s.b); c != 0 {
			return -c * compareX(&p, &q)
		}
		return -compareY(&s.a, &s.b) * compareY(&p, &q)
	})
	s.cuts = slices.CompactFunc(s.cuts, func(p, q vertex) bool { return same(&p, &q) })
	for i := range s.cuts {
		v := &s.cuts[i]
		set(own.locate(v), other.locate(v), 0)
		if i > 0 {
			s.piece(&s.cuts[i-1], v, other, set)
		}
	}
}

func (s *segment) piece(from, to *vertex, other *Geometry, set func(own, other side, dimension uint8)) {
	at := middle(from, to)
	var shared *overlap // with a ring, if there is one
	for i := range s.overlaps {
		o := &s.overlaps[i]
		if between(&o.from, &o.to, &at) && (shared == nil || o.with.ring) {
			shared = o
		}
	}
	var where side
	switch {
	case shared == nil:
		where = other.locate(&at)
	case shared.with.ring:
		where = boundary
	default:
		where = interior
	}
	self := interior
	if s.ring {
		self = boundary
	}
	set(self, where, 1)
	if !s.ring {
		return
	}
	switch {
	case shared != nil && shared.with.ring:
		// The areas are on the same side of the piece, or on different ones.
		if (s.left == shared.with.left) == shared.same {
			set(interior, interior, 2)
		} else {
			set(interior, exterior, 2)
			set(exterior, interior, 2)
		}
	case len(other.polygons) == 0:
	case other.inArea(&at):
		set(interior, interior, 2)
		set(exterior, interior, 2)
	default:
		set(interior, exterior, 2)
	}
}

// inArea says whether a point is in the interior of a polygon.
func (g *Geometry) inArea(p *vertex) bool {
	for _, rings := range g.polygons {
		if locateInPolygon(rings, p) == interior {
			return true
		}
	}
	return false
}
