package geo

// side says where a point lies with regard to a geometry.
type side uint8

const (
	exterior side = iota
	boundary
	interior
)

// Covers says whether a point is in the geometry or on its boundary.
func (g *Geometry) Covers(lon, lat float64) bool {
	if g.empty || lon < g.box.West || lon > g.box.East || lat < g.box.South || lat > g.box.North {
		return false
	}
	v := vertex{x: lon, y: lat}
	return g.locate(&v) != exterior
}

// locate finds where a point lies. The ends of lines are their boundary where an
// odd number of lines ends (the rule "mod 2" of OGC 06-103r4).
func (g *Geometry) locate(p *vertex) side {
	where := exterior
	for _, rings := range g.polygons {
		if s := locateInPolygon(rings, p); s > where {
			if s == interior {
				return interior
			}
			where = s
		}
	}
	ends, on := 0, false
	for _, l := range g.lines {
		first, last := vertexOf(l[0]), vertexOf(l[len(l)-1])
		closed := l[0] == l[len(l)-1]
		if !closed && same(&first, p) {
			ends++
		}
		if !closed && same(&last, p) {
			ends++
		}
		for i := 1; i < len(l) && !on; i++ {
			a, b := vertexOf(l[i-1]), vertexOf(l[i])
			on = onSegment(&a, &b, p)
		}
	}
	switch {
	case on && ends%2 == 0:
		return interior
	case on && where == exterior:
		where = boundary
	}
	for _, q := range g.points {
		v := vertexOf(q)
		if same(&v, p) {
			return interior
		}
	}
	return where
}

func locateInPolygon(rings [][]Position, p *vertex) side {
	where := locateInRing(rings[0], p)
	if where != interior {
		return where
	}
	for _, hole := range rings[1:] {
		switch locateInRing(hole, p) {
		case boundary:
			return boundary
		case interior:
			return exterior
		}
	}
	return interior
}

// locateInRing counts the crossings of a ray to the east.
func locateInRing(ring []Position, p *vertex) side {
	inside := false
	for i := 1; i < len(ring); i++ {
		a, b := vertexOf(ring[i-1]), vertexOf(ring[i])
		above, beyond := compareY(&a, p) > 0, compareY(&b, p) > 0
		if above == beyond {
			// The ray passes it by, but p may be on it where it is level or ends there.
			if !above && onSegment(&a, &b, p) {
				return boundary
			}
			continue
		}
		switch turn := orientation(&a, &b, p); {
		case turn == 0:
			return boundary
		case (turn > 0) == beyond: // p is on the west side of it
			inside = !inside
		}
	}
	if inside {
		return interior
	}
	return exterior
}
