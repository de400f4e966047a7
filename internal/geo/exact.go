package geo

import "math/big"

// vertex is a point of the plane: one that was given, or one where two segments
// cross. The latter is seldom a pair of float64; then x and y are the nearest ones
// and exact is the point itself.
type vertex struct {
	x, y  float64
	exact *fraction
}

type fraction struct{ x, y big.Rat }

func vertexOf(p Position) vertex { return vertex{x: p.Lon, y: p.Lat} }

func (v *vertex) rat() *fraction {
	if v.exact != nil {
		return v.exact
	}
	f := new(fraction)
	f.x.SetFloat64(v.x)
	f.y.SetFloat64(v.y)
	return f
}

// orientation says on which side of the line from a to b the point c lies: 1 left,
// -1 right, 0 on it. It is exact: where float64 may not tell, rational numbers do
// (the filter is the first one of Shewchuk, Adaptive Precision Floating-Point
// Arithmetic, 1997, with room for points that are rounded themselves).
func orientation(a, b, c *vertex) int {
	left := (a.x - c.x) * (b.y - c.y)
	right := (a.y - c.y) * (b.x - c.x)
	det := left - right
	bound := 4e-16 * (abs(left) + abs(right))
	if a.exact != nil || b.exact != nil || c.exact != nil {
		size := max(abs(a.x), abs(a.y), abs(b.x), abs(b.y), abs(c.x), abs(c.y))
		bound += 1e-15 * size * (abs(a.x-c.x) + abs(b.y-c.y) + abs(a.y-c.y) + abs(b.x-c.x) + size*1e-15)
	}
	if det > bound {
		return 1
	}
	if -det > bound {
		return -1
	}
	ra, rb, rc := a.rat(), b.rat(), c.rat()
	var ax, ay, bx, by big.Rat
	ax.Sub(&ra.x, &rc.x)
	ay.Sub(&ra.y, &rc.y)
	bx.Sub(&rb.x, &rc.x)
	by.Sub(&rb.y, &rc.y)
	return ax.Mul(&ax, &by).Cmp(ay.Mul(&ay, &bx))
}

func abs(f float64) float64 { return max(f, -f) }

// compareX and compareY compare coordinates exactly.
func compareX(a, b *vertex) int { return compareExact(a, b, a.x, b.x, true) }
func compareY(a, b *vertex) int { return compareExact(a, b, a.y, b.y, false) }

func compareExact(a, b *vertex, p, q float64, x bool) int {
	switch {
	case a.exact == nil && b.exact == nil || abs(p-q) > 1e-14*(abs(p)+abs(q)):
		switch {
		case p < q:
			return -1
		case p > q:
			return 1
		}
		return 0
	case x:
		return a.rat().x.Cmp(&b.rat().x)
	}
	return a.rat().y.Cmp(&b.rat().y)
}

func same(a, b *vertex) bool { return compareX(a, b) == 0 && compareY(a, b) == 0 }

// between says whether p, which is on the line through a and b, is on the segment.
func between(a, b, p *vertex) bool {
	return compareX(a, p)*compareX(p, b) >= 0 && compareY(a, p)*compareY(p, b) >= 0 &&
		(compareX(a, b) != 0 || compareX(a, p) == 0) && (compareY(a, b) != 0 || compareY(a, p) == 0)
}

// onSegment says whether p is on the segment from a to b.
func onSegment(a, b, p *vertex) bool {
	if p.exact == nil && (p.x < min(a.x, b.x) || p.x > max(a.x, b.x) || p.y < min(a.y, b.y) || p.y > max(a.y, b.y)) {
		return false
	}
	return orientation(a, b, p) == 0 && between(a, b, p)
}

// middle gives the point halfway between two.
func middle(a, b *vertex) vertex {
	ra, rb := a.rat(), b.rat()
	half := big.NewRat(1, 2)
	f := new(fraction)
	f.x.Mul(f.x.Add(&ra.x, &rb.x), half)
	f.y.Mul(f.y.Add(&ra.y, &rb.y), half)
	return rounded(f)
}

// rounded makes a vertex of an exact point.
func rounded(f *fraction) vertex {
	x, okX := f.x.Float64()
	y, okY := f.y.Float64()
	if okX && okY {
		return vertex{x: x, y: y}
	}
	return vertex{x, y, f}
}

// crossing gives where the lines through a, b and through c, d meet, which are not
// parallel.
func crossing(a, b, c, d *vertex) vertex {
	ra, rb, rc, rd := a.rat(), b.rat(), c.rat(), d.rat()
	var dx, dy, ex, ey, fx, fy, num, den, t big.Rat
	dx.Sub(&rb.x, &ra.x)
	dy.Sub(&rb.y, &ra.y)
	ex.Sub(&rd.x, &rc.x)
	ey.Sub(&rd.y, &rc.y)
	fx.Sub(&rc.x, &ra.x)
	fy.Sub(&rc.y, &ra.y)
	num.Sub(num.Mul(&fx, &ey), t.Mul(&fy, &ex))
	t.SetInt64(0)
	den.Sub(den.Mul(&dx, &ey), t.Mul(&dy, &ex))
	t.Quo(&num, &den)
	f := new(fraction)
	f.x.Add(&ra.x, dx.Mul(&dx, &t))
	f.y.Add(&ra.y, dy.Mul(&dy, &t))
	return rounded(f)
}
