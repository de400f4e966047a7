package geo

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// points gives places as data have them: many at one, some on the antimeridian and
// at the poles, the rest in clusters.
func points(rnd *rand.Rand, n int) (lon, lat []float64, rows []uint32) {
	row := uint32(0)
	for range n {
		x, y := rnd.Float64()*360-180, math.Asin(rnd.Float64()*2-1)/radians
		switch rnd.IntN(10) {
		case 0:
			x, y = 0, 0
		case 1:
			x = []float64{-180, 180, 179.999, -179.999}[rnd.IntN(4)]
		case 2:
			y = []float64{-90, 90, -89.9999, 89.9999}[rnd.IntN(4)]
		case 3:
			x, y = math.Round(x), math.Round(y)
		case 4, 5:
			x, y = 160+rnd.NormFloat64(), -84+rnd.NormFloat64()*2
			y = max(y, -90)
		}
		lon, lat, rows = append(lon, x), append(lat, y), append(rows, row)
		row += 1 + uint32(rnd.IntN(3))
	}
	return lon, lat, rows
}

func TestTreeIsALoop(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 60 {
		lon, lat, rows := points(rnd, rnd.IntN(3000))
		tree := NewTree(lon, lat, rows)
		for range 20 {
			x, y, _ := points(rnd, 2)
			b := Box{West: x[0], East: x[1], South: min(y[0], y[1]), North: max(y[0], y[1])}
			var want []uint32
			for i := range rows {
				if b.Contains(lon[i], lat[i]) {
					want = append(want, rows[i])
				}
			}
			got := tree.AppendRows(nil, b)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("box %v: %d rows, want %d", b, len(got), len(want))
			}
			if n := tree.Count(b); n != len(want) {
				t.Fatalf("box %v: counted %d, want %d", b, n, len(want))
			}
		}
		for range 20 {
			x, y, _ := points(rnd, 1)
			radius := math.Inf(1)
			if rnd.IntN(2) == 0 {
				radius = rnd.ExpFloat64() * 1e6
			}
			type found struct {
				row    uint32
				metres float64
			}
			var want, got []found
			for i := range rows {
				if m := Distance(x[0], y[0], lon[i], lat[i]); m <= radius {
					want = append(want, found{rows[i], m})
				}
			}
			slices.SortStableFunc(want, func(a, b found) int { return cmp.Compare(a.metres, b.metres) })
			tree.Nearest(x[0], y[0], radius, func(row uint32, m float64) bool {
				got = append(got, found{row, m})
				return true
			})
			if len(got) != len(want) {
				t.Fatalf("near %v %v within %v: %d rows, want %d", x, y, radius, len(got), len(want))
			}
			around := Around(x[0], y[0], radius)
			for i := range rows {
				if !around.Contains(lon[i], lat[i]) && Distance(x[0], y[0], lon[i], lat[i]) <= radius {
					t.Fatalf("%v %v is not in the box %v around %v %v", lon[i], lat[i], around, x, y)
				}
			}
			for i := range got {
				if got[i] != want[i] {
					t.Fatalf("near %v %v: row %d at %v, want %d at %v", x, y, got[i].row, got[i].metres, want[i].row, want[i].metres)
				}
			}
		}
	}
}

// Places and distances of which geometry tells the exact value.
func TestDistance(t *testing.T) {
	degree := Radius * radians
	for _, c := range []struct{ lon1, lat1, lon2, lat2, want float64 }{
		{0, 0, 0, 0, 0},
		{0, 0, 1, 0, degree},
		{179.5, 0, -179.5, 0, degree},
		{0, 89, 180, 89, 2 * degree},
		{0, -89.75, 90, -90, 0.25 * degree},
		{10, 90, -100, 90, 0},
		{0, -90, 0, 90, 180 * degree},
		{0, 0, 180, 0, 180 * degree},
		{0, 0, 90, 0, 90 * degree},
		{0, 0, 180 - 0.001, 0, 179.999 * degree}, // 111 m from the antipode
	} {
		if got := Distance(c.lon1, c.lat1, c.lon2, c.lat2); math.Abs(got-c.want) > 1e-3 {
			t.Errorf("from %v %v to %v %v: %v, want %v", c.lon1, c.lat1, c.lon2, c.lat2, got, c.want)
		}
	}
}

func TestBoundIsBelow(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 200_000 {
		x, y, _ := points(rnd, 4)
		s := newSpace(vector(x[0], y[0]))
		for i := range 2 {
			other := newSpace(vector(x[i+1], y[i+1]))
			s.grow(&other)
		}
		o := newOrigin(x[3], y[3])
		for i := range 3 {
			if h, low := o.haversine(x[i], y[i]), o.bound(&s); low > h {
				t.Fatalf("from %v %v: the point %v %v is nearer than the bound, %v < %v", x[3], y[3], x[i], y[i], h, low)
			}
		}
	}
}

func BenchmarkTree(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 0))
	for _, n := range []int{45_716, 1_000_000, 10_000_000} {
		lon, lat, rows := points(rnd, n)
		var tree *Tree
		b.Run("build", func(b *testing.B) {
			for b.Loop() {
				tree = NewTree(lon, lat, rows)
			}
		})
		b.Run("nearest10", func(b *testing.B) {
			for b.Loop() {
				left := 10
				tree.Nearest(rnd.Float64()*360-180, rnd.Float64()*180-90, math.Inf(1), func(uint32, float64) bool { left--; return left > 0 })
			}
		})
		b.Run("nearest10equal", func(b *testing.B) {
			for b.Loop() {
				left := 10
				tree.Nearest(rnd.Float64(), rnd.Float64(), math.Inf(1), func(uint32, float64) bool { left--; return left > 0 })
			}
		})
		b.Run("count", func(b *testing.B) {
			for b.Loop() {
				x, y := rnd.Float64()*340-180, rnd.Float64()*160-90
				tree.Count(Box{x, y, x + 20, y + 20})
			}
		})
	}
}
