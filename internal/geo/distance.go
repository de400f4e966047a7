package geo

import "math"

// Radius is the Earth's mean radius in metres (IUGG, (2a + b) / 3 of WGS 84): the
// sphere's radius in [Distance].
const Radius = 6371008.771415

const radians = math.Pi / 180

// Distance gives the metres between two points along the sphere, by the haversine
// formula. Rounding costs less than a millimetre, except within 100 m of the
// antipode, where a haversine next to 1 has no more digits to give and half a
// metre may be lost; the sphere itself is off by 0.6 % at most from the ellipsoid.
func Distance(lon1, lat1, lon2, lat2 float64) float64 {
	o := newOrigin(lon1, lat1)
	return metres(o.haversine(lon2, lat2))
}

// metres turns a haversine into a distance.
func metres(h float64) float64 { return 2 * Radius * math.Asin(math.Sqrt(min(h, 1))) }

// origin is a point that distances are measured from. Within the package a
// distance is its haversine, sin²(d/2), which grows with it and costs no arc sine.
type origin struct {
	lon, lat float64 // degrees
	cosLat   float64
	vector   [3]float64
}

func newOrigin(lon, lat float64) origin {
	return origin{lon, lat, math.Cos(lat * radians), vector(lon, lat)}
}

func (o *origin) haversine(lon, lat float64) float64 {
	u := math.Sin((lat - o.lat) * (radians / 2))
	v := math.Sin((lon - o.lon) * (radians / 2))
	return u*u + o.cosLat*math.Cos(lat*radians)*v*v
}

// space is a box in space around points of the unit sphere, rounded outwards. A
// straight line to it is a lower bound for the way along the sphere, everywhere
// alike: there are no poles and no antimeridian in space.
type space struct{ min, max [3]float32 }

// vector gives a point of the unit sphere.
func vector(lon, lat float64) [3]float64 {
	sinLat, cosLat := math.Sincos(lat * radians)
	sinLon, cosLon := math.Sincos(lon * radians)
	return [3]float64{cosLat * cosLon, cosLat * sinLon, sinLat}
}

func newSpace(v [3]float64) space {
	var s space
	for i, x := range v {
		s.min[i] = float32(x) - 1e-7 // a float32 near 1 has steps of 6e-8
		s.max[i] = float32(x) + 1e-7
	}
	return s
}

func (s *space) grow(o *space) {
	for i := range s.min {
		s.min[i] = min(s.min[i], o.min[i])
		s.max[i] = max(s.max[i], o.max[i])
	}
}

// bound gives a haversine that no point in the box is below: a quarter of the
// square of a chord.
func (o *origin) bound(s *space) float64 {
	sum := 0.0
	for i, x := range o.vector {
		d := max(float64(s.min[i])-x, x-float64(s.max[i]), 0)
		sum += d * d
	}
	return sum / 4
}
