package geo

import (
	"math/rand/v2"
	"testing"
)

// What holds of any two geometries.
func TestPredicateLaws(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 2_000 {
		skew := rnd.IntN(2) == 0
		a, wa := randomGeometry(rnd, skew)
		b, wb := randomGeometry(rnd, skew)
		check := func(law string, holds bool) {
			if !holds {
				t.Fatalf("%s does not hold of\n%s\n%s", law, wa, wb)
			}
		}
		for _, p := range predicates {
			switch p.name {
			case "Contains", "Within":
				continue
			}
			check(p.name+" is symmetric", p.of(a, b) == p.of(b, a))
		}
		check("within is contains turned around", Contains(a, b) == Within(b, a))
		check("disjoint is not intersecting", Disjoint(a, b) != Intersects(a, b))
		check("what touches, crosses, overlaps or contains intersects",
			Intersects(a, b) || !Touches(a, b) && !Crosses(a, b) && !Overlaps(a, b) && !Contains(a, b))
		check("equal is containing each other", Equals(a, b) == (Contains(a, b) && Contains(b, a)))
		check("a geometry is equal to itself", Equals(a, a))
	}
}

// A point in the middle of a segment, which is the very place where pieces are looked
// at: here it is on one line and the end of another.
func TestPointAmidSegment(t *testing.T) {
	p := NewPoint(7, 5)
	lines := NewGeometry(nil, [][]Position{{{7, 5}, {8, 5}}, {{0, 0}, {6, 8}, {8, 2}}}, nil)
	if !Touches(p, lines) || !Touches(lines, p) || Contains(lines, p) {
		t.Error("a point on the boundary of lines does not touch them")
	}
	if line := NewGeometry(nil, [][]Position{{{6, 8}, {8, 2}}}, nil); !Contains(line, p) || Overlaps(line, p) {
		t.Error("a point amid a line is not in it")
	}
}
