package redisserver

import "math"

// The distances that geo commands compute are stored as scores and compared with a
// radius, so their last bit matters to who compares this engine with Redis. Redis
// takes sine, cosine and arc sine from the C library, whose results are the nearest
// double in all but a few cases in a thousand; Go's are off by one more often. The
// functions here compute with about 30 digits and round once.

// dd is the unevaluated sum of two doubles, the second at most half a unit in the
// last place of the first.
type dd struct{ hi, lo float64 }

// quickSum adds doubles of which the first is not smaller in magnitude.
func quickSum(a, b float64) dd {
	s := a + b
	return dd{s, b - (s - a)}
}

func twoSum(a, b float64) dd {
	s := a + b
	t := s - a
	return dd{s, (a - (s - t)) + (b - t)}
}

func (a dd) add(b dd) dd {
	s := twoSum(a.hi, b.hi)
	return quickSum(s.hi, s.lo+(a.lo+b.lo))
}

func (a dd) mul(b dd) dd {
	p := a.hi * b.hi
	e := math.FMA(a.hi, b.hi, -p)
	return quickSum(p, e+(a.hi*b.lo+a.lo*b.hi))
}

func (a dd) neg() dd { return dd{-a.hi, -a.lo} }

// Half of pi in three doubles, and the first coefficients of the Taylor series in two
// each; those that follow need one.
const (
	halfPi1 = 0x1.921fb54442d18p+0
	halfPi2 = 0x1.1a62633145c07p-54
	halfPi3 = -0x1.f1976b7ed8fbcp-110
)

// taylorSin is the sine of r, at most pi/4 in magnitude.
func taylorSin(r dd) dd {
	s := r.mul(r)
	x := s.hi
	tail := 1.0/362880 + x*(-1.0/39916800+x*(1.0/6227020800+x*(-1.0/1307674368000+x*(1.0/355687428096000+x*(-1.0/121645100408832000)))))
	t := dd{-0x1.a01a01a01a01ap-13, -0x1.a01a01a01a01ap-73}.add(dd{x * tail, 0})
	t = dd{0x1.1111111111111p-7, 0x1.1111111111111p-63}.add(s.mul(t))
	t = dd{-0x1.5555555555555p-3, -0x1.5555555555555p-57}.add(s.mul(t))
	return r.add(r.mul(s.mul(t)))
}

// taylorCos is the cosine of r, at most pi/4 in magnitude.
func taylorCos(r dd) dd {
	s := r.mul(r)
	x := s.hi
	tail := 1.0/40320 + x*(-1.0/3628800+x*(1.0/479001600+x*(-1.0/87178291200+x*(1.0/20922789888000+x*(-1.0/6402373705728000)))))
	t := dd{-0x1.6c16c16c16c17p-10, 0x1.f49f49f49f49fp-65}.add(dd{x * tail, 0})
	t = dd{0x1.5555555555555p-5, 0x1.5555555555555p-59}.add(s.mul(t))
	t = dd{-0.5, 0}.add(s.mul(t))
	return dd{1, 0}.add(s.mul(t))
}

// sinCos is the sine of x plus quarter turns, for angles of a few turns.
func sinCos(x float64, quarters int) dd {
	k := math.RoundToEven(x / halfPi1)
	r := twoSum(x, -k*halfPi1) // the product is exact: k is small and halfPi1 ends in zeros
	r = r.add(twoSum(-k*halfPi2, -k*halfPi3))
	switch (int(k) + quarters) & 3 {
	case 0:
		return taylorSin(r)
	case 1:
		return taylorCos(r)
	case 2:
		return taylorSin(r).neg()
	}
	return taylorCos(r).neg()
}

func preciseSin(x float64) float64 { return sinCos(x, 0).hi }
func preciseCos(x float64) float64 { return sinCos(x, 1).hi }

// preciseAsin is the arc sine of x between 0 and 1: an approximation, and one step of
// Newton's method on its error, two near 1 where the sine is flat.
func preciseAsin(x float64) float64 {
	if !(x < 1) {
		return math.Asin(x)
	}
	cos := math.Sqrt((1 - x) * (1 + x))
	y := dd{math.Atan2(x, cos), 0}
	steps := 1
	if cos < 1e-3 {
		steps = 2
	}
	for range steps {
		// sin(hi+lo) is sin(hi) + lo*cos, near enough
		s := sinCos(y.hi, 0).add(dd{y.lo * cos, 0})
		rest := dd{x, 0}.add(s.neg())
		y = quickSum(y.hi, y.lo+(rest.hi+rest.lo)/cos)
	}
	return y.hi
}
