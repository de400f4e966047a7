package geo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// randomGeometry makes valid geometries on a small grid, so that they often meet in
// corners, along borders, or not at all; and gives them as WKT. With skew, the
// coordinates are such that crossings are not float64.
func randomGeometry(rnd *rand.Rand, skew bool) (*Geometry, string) {
	at := func() Position {
		x, y := float64(rnd.IntN(9)), float64(rnd.IntN(9))
		if skew && rnd.IntN(2) == 0 {
			x, y = x+rnd.Float64(), y+rnd.Float64()
		}
		return Position{x, y}
	}
	text := func(list []Position) string {
		var parts []string
		for _, p := range list {
			parts = append(parts, fmt.Sprintf("%.17g %.17g", p.Lon, p.Lat))
		}
		return "(" + strings.Join(parts, ",") + ")"
	}
	line := func() []Position {
		// Not through a point twice: PostGIS and the standard differ about what is
		// inside of lines that touch themselves.
		list := []Position{at()}
		for n := 1 + rnd.IntN(3); len(list) <= n; {
			if p := at(); p.Lon > list[len(list)-1].Lon {
				list = append(list, p)
			} else if rnd.IntN(20) == 0 {
				break
			}
		}
		if len(list) < 2 {
			list = append(list, Position{list[0].Lon + 1, list[0].Lat})
		}
		return list
	}
	// ring runs around a center, with one corner a direction: it does not cross
	// itself.
	ring := func(x, y, size float64) []Position {
		var list []Position
		n := 3 + rnd.IntN(4)
		for i := range n {
			angle := 2 * math.Pi * (float64(i) + 0.5*rnd.Float64()) / float64(n)
			p := Position{x + size*math.Cos(angle), y + size*math.Sin(angle)}
			if !skew {
				p = Position{math.Round(p.Lon), math.Round(p.Lat)}
			}
			list = append(list, p)
		}
		return append(list, list[0])
	}
	box := func(x, y, w, h float64) []Position {
		return []Position{{x, y}, {x, y + h}, {x + w, y + h}, {x + w, y}, {x, y}}
	}
	switch rnd.IntN(7) {
	case 0:
		p := at()
		return NewPoint(p.Lon, p.Lat), "POINT" + text([]Position{p})
	case 1:
		list := []Position{at(), at(), at()}
		return NewGeometry(list, nil, nil), "MULTIPOINT" + text(list)
	case 2:
		l := line()
		return NewGeometry(nil, [][]Position{l}, nil), "LINESTRING" + text(l)
	case 3:
		l := [][]Position{line(), line()}
		for relate(NewGeometry(nil, l[:1], nil), NewGeometry(nil, l[1:], nil)).has(interior, interior) {
			// Where they cross in a point that is no pair of float64, PostGIS rounds it, and
			// then finds that it is not on a line of the other geometry that it is on.
			l[1] = line()
		}
		return NewGeometry(nil, l, nil), "MULTILINESTRING(" + text(l[0]) + "," + text(l[1]) + ")"
	case 4:
		x, y := float64(rnd.IntN(6)), float64(rnd.IntN(6))
		w := float64(3 + rnd.IntN(4))
		rings := [][]Position{box(x, y, w, w), box(x+1, y+1, w-2, w-2)}
		return NewGeometry(nil, nil, [][][]Position{rings}), "POLYGON(" + text(rings[0]) + "," + text(rings[1]) + ")"
	case 5:
		r := ring(float64(2+rnd.IntN(5)), float64(2+rnd.IntN(5)), 1+3*rnd.Float64())
		return NewGeometry(nil, nil, [][][]Position{{r}}), "POLYGON(" + text(r) + ")"
	default:
		x, y := float64(rnd.IntN(4)), float64(rnd.IntN(4))
		p := [][][]Position{{box(x, y, 2, 2)}, {box(x+float64(2+rnd.IntN(3)), y+float64(2+rnd.IntN(2)), 1, 2)}}
		return NewGeometry(nil, nil, p), "MULTIPOLYGON((" + text(p[0][0]) + "),(" + text(p[1][0]) + "))"
	}
}

var predicates = []struct {
	name string
	of   func(a, b *Geometry) bool
}{
	{"Intersects", Intersects}, {"Disjoint", Disjoint}, {"Contains", Contains}, {"Within", Within},
	{"Equals", Equals}, {"Touches", Touches}, {"Crosses", Crosses}, {"Overlaps", Overlaps},
}
