package redisserver

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"
)

// bigSin is the sine by its series with 200 bits.
func bigSin(x float64) *big.Float {
	f := func(v float64) *big.Float { return new(big.Float).SetPrec(200).SetFloat64(v) }
	term, sum, square := f(x), f(x), f(x)
	square.Mul(square, square)
	for n := 2.0; n < 80; n += 2 {
		term.Mul(term, square)
		term.Quo(term, f(-n*(n+1)))
		sum.Add(sum, term)
	}
	return sum
}

// nearest says whether got is the double nearest to want.
func nearest(got float64, want *big.Float) bool {
	w, _ := want.Float64()
	return got == w
}

// TestPreciseMath compares with 60 digits: every result must be the nearest double.
func TestPreciseMath(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	halfPi := new(big.Float).SetPrec(300)
	halfPi.SetString("1.57079632679489661923132169163975144209858469968755291048747229615390820314310449931401741267105853399107404326")
	for range 3000 {
		x := (rng.Float64()*2 - 1) * []float64{3.2, 1, 1e-3, 1e-9}[rng.IntN(4)]
		if got := preciseSin(x); !nearest(got, bigSin(x)) {
			t.Errorf("sin(%v) = %v", x, got)
		}
		// cos(x) = sin(pi/2 - x) = sin(a+b), b tiny: sin a + b cos a - b*b/2 sin a
		d := new(big.Float).SetPrec(300).Sub(halfPi, new(big.Float).SetFloat64(x))
		a, _ := d.Float64()
		b := new(big.Float).SetPrec(300).Sub(d, new(big.Float).SetFloat64(a))
		c, _ := math.Sincos(math.Pi/2 - a)
		want := new(big.Float).SetPrec(300).Add(bigSin(a), new(big.Float).SetPrec(300).Mul(b, new(big.Float).SetFloat64(c)))
		if got := preciseCos(x); !nearest(got, want) {
			t.Errorf("cos(%v) = %v, want %v", x, got, want)
		}

		// The arc sine is right if the sines of the doubles half way to its neighbours
		// enclose x.
		y := rng.Float64() * []float64{1, 1e-3, 1e-9}[rng.IntN(3)]
		if rng.IntN(10) == 0 {
			y = 1 - y*1e-9
		}
		got := preciseAsin(y)
		between := func(other float64) *big.Float {
			m := new(big.Float).SetPrec(200).Add(big.NewFloat(got), big.NewFloat(other))
			m.Quo(m, big.NewFloat(2))
			hi, _ := m.Float64()
			lo, _ := new(big.Float).Sub(m, big.NewFloat(hi)).Float64()
			cos := new(big.Float).SetPrec(200).Sub(big.NewFloat(1), new(big.Float).SetPrec(200).Mul(bigSin(hi), bigSin(hi)))
			cos.Sqrt(cos)
			return new(big.Float).SetPrec(200).Add(bigSin(hi), cos.Mul(cos, big.NewFloat(lo)))
		}
		v := new(big.Float).SetFloat64(y)
		if y < 1 && (between(math.Nextafter(got, -1)).Cmp(v) > 0 || between(math.Nextafter(got, 2)).Cmp(v) < 0) {
			t.Errorf("asin(%v) = %v", y, got)
		}
	}
	if preciseAsin(1) != math.Pi/2 || preciseAsin(0) != 0 || preciseSin(0) != 0 || preciseCos(0) != 1 {
		t.Error("a round value is wrong")
	}
}

// TestFar says that the quick look never rejects what the precise one accepts.
func TestFar(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 50000 {
		s := geoShape{lon: rng.Float64()*360 - 180, lat: rng.Float64()*170 - 85, unit: 1}
		spread := math.Pow(10, rng.Float64()*9-7)
		lon := min(max(s.lon+(rng.Float64()*2-1)*spread, -180), 180)
		lat := min(max(s.lat+(rng.Float64()*2-1)*spread, -85), 85)
		s.radius = geoDistance(s.lon, s.lat, lon, lat) // exactly as far
		s.prepare()
		if s.far(lon, lat) {
			t.Fatalf("%v %v is within %v m of %v %v", lon, lat, s.radius, s.lon, s.lat)
		}
	}
}
