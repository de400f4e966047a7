package redisserver

import "math"

// This file is Redis's geohash: a position as the bits of its longitude and latitude
// interleaved, in ranges that Web Mercator has, 26 bits each for a score. Formulas and
// constants are those of Redis 7.0's geohash.c and geohash_helper.c, so that scores,
// areas and distances agree.

const (
	geoLatMax   = 85.05112878
	geoLonMax   = 180.0
	geoStepMax  = 26
	earthRadius = 6372797.560856 // metres
	mercatorMax = 20037726.37    // metres
	radian      = float64(math.Pi) / 180
)

// geohash is a cell: step bits of latitude and as many of longitude. The zero value is
// no cell.
type geohash struct {
	bits uint64
	step uint
}

// geoArea is what a cell covers.
type geoArea struct{ minLon, maxLon, minLat, maxLat float64 }

// spread puts the bits of v into the even places.
func spread(v uint32) uint64 {
	x := uint64(v)
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	x = (x | x<<2) & 0x3333333333333333
	return (x | x<<1) & 0x5555555555555555
}

// gather is the reverse of spread.
func gather(x uint64) uint32 {
	x &= 0x5555555555555555
	x = (x | x>>1) & 0x3333333333333333
	x = (x | x>>2) & 0x0f0f0f0f0f0f0f0f
	x = (x | x>>4) & 0x00ff00ff00ff00ff
	x = (x | x>>8) & 0x0000ffff0000ffff
	return uint32(x | x>>16)
}

// geoEncode is the cell of a position, latitudes counting from -maxLat to maxLat.
func geoEncode(lon, lat, maxLat float64, step uint) geohash {
	cells := float64(uint64(1) << step)
	y := (lat + maxLat) / (maxLat + maxLat) * cells
	x := (lon + geoLonMax) / (geoLonMax + geoLonMax) * cells
	return geohash{spread(uint32(int64(y))) | spread(uint32(int64(x)))<<1, step}
}

func (g geohash) area() geoArea {
	cells := float64(uint64(1) << g.step)
	y, x := gather(g.bits), gather(g.bits>>1)
	at := func(i uint32, most float64) float64 { return -most + float64(float64(i)/cells*(most+most)) }
	return geoArea{
		minLat: at(y, geoLatMax), maxLat: at(y+1, geoLatMax),
		minLon: at(x, geoLonMax), maxLon: at(x+1, geoLonMax),
	}
}

// scores is the range of scores of what lies in the cell, end excluded.
func (g geohash) scores() (first, end float64) {
	shift := 2*geoStepMax - 2*g.step
	return float64(g.bits << shift), float64((g.bits + 1) << shift)
}

// move is the cell so many steps east and north.
func (g geohash) move(east, north int) geohash {
	const lons, lats = 0xaaaaaaaaaaaaaaaa, 0x5555555555555555
	x, y := g.bits&lons, g.bits&lats
	unused := 64 - 2*g.step
	step := func(v, own, other uint64, d int) uint64 {
		switch {
		case d > 0:
			v += other>>unused + 1
		case d < 0:
			v = (v | other>>unused) - (other>>unused + 1)
		default:
			return v
		}
		return v & (own >> unused)
	}
	return geohash{step(x, lons, lats, east) | step(y, lats, lons, north), g.step}
}

// geoPosition is the middle of the cell that a score names.
func geoPosition(score float64) (lon, lat float64) {
	a := geohash{scoreBits(score), geoStepMax}.area()
	return min(max((a.minLon+a.maxLon)/2, -geoLonMax), geoLonMax), min(max((a.minLat+a.maxLat)/2, -geoLatMax), geoLatMax)
}

// scoreBits is a score as bits, also one that is no position: as C compilers convert
// it on 64-bit Intel.
func scoreBits(score float64) uint64 {
	if score >= 1<<63 {
		return uint64(int64(score-1<<63)) ^ 1<<63
	}
	return uint64(int64(score))
}

// geoDistance is the distance in metres on a sphere, by the haversine formula.
func geoDistance(lon1, lat1, lon2, lat2 float64) float64 {
	v := preciseSin((float64(lon2*radian) - float64(lon1*radian)) / 2)
	if v == 0 {
		return geoLatDistance(lat1, lat2)
	}
	lat1r, lat2r := float64(lat1*radian), float64(lat2*radian)
	u := preciseSin((lat2r - lat1r) / 2)
	a := float64(u*u) + float64(preciseCos(lat1r)*preciseCos(lat2r)*v*v)
	return 2 * earthRadius * preciseAsin(math.Sqrt(a))
}

// geoLatDistance is the distance in metres of positions on one meridian.
func geoLatDistance(lat1, lat2 float64) float64 {
	return earthRadius * math.Abs(float64(lat2*radian)-float64(lat1*radian))
}

// geoShape is a circle, or a box with sides along the meridians and parallels.
type geoShape struct {
	lon, lat      float64 // the middle
	box           bool
	radius        float64 // in units
	width, height float64
	unit          float64 // metres

	beyond float64 // set by prepare: a haversine surely outside the circle
	cosLat float64 // of the middle, about
}

// prepare computes what makes it quick to see that a position is far away. It leaves
// a micrometre and a part in 1e9 for rounding.
func (s *geoShape) prepare() {
	s.beyond, s.cosLat = math.Inf(1), math.Cos(s.lat*radian)
	if half := (s.radius*s.unit + 1e-6) / (2 * earthRadius); !s.box && half < math.Pi/2 {
		sin := math.Sin(half)
		s.beyond = sin * sin * (1 + 1e-9)
	}
}

// far says that a position is certainly not in the circle: a look without the
// precision of geoDistance, and twenty times as fast.
func (s *geoShape) far(lon, lat float64) bool {
	u := math.Sin((lat - s.lat) * (radian / 2))
	if u*u > s.beyond {
		return true
	}
	v := math.Sin((lon - s.lon) * (radian / 2))
	return u*u+s.cosLat*math.Cos(lat*radian)*v*v > s.beyond
}

// contains says whether a position is in the shape, and its distance from the middle
// in metres.
func (s *geoShape) contains(lon, lat float64) (float64, bool) {
	if s.box {
		if geoLatDistance(lat, s.lat) > s.height*s.unit/2 || geoDistance(lon, lat, s.lon, lat) > s.width*s.unit/2 {
			return 0, false
		}
		return geoDistance(s.lon, s.lat, lon, lat), true
	}
	if s.far(lon, lat) {
		return 0, false
	}
	d := geoDistance(s.lon, s.lat, lon, lat)
	return d, d <= s.radius*s.unit
}

// bounds is the box around the shape.
func (s *geoShape) bounds() geoArea {
	height, width := s.unit*s.radius, s.unit*s.radius
	if s.box {
		height, width = s.unit*(s.height/2), s.unit*(s.width/2)
	}
	dlat := height / earthRadius / radian
	edge := s.lat + dlat
	if s.lat < 0 {
		edge = s.lat - dlat
	}
	// Angles beyond a few turns come from absurd radii alone.
	cos := math.Cos(edge * radian)
	if math.Abs(edge) < 720 {
		cos = preciseCos(edge * radian)
	}
	dlon := width / earthRadius / cos / radian
	return geoArea{minLon: s.lon - dlon, maxLon: s.lon + dlon, minLat: s.lat - dlat, maxLat: s.lat + dlat}
}

// step is how fine the cells may be that cover the shape with nine of them.
func (s *geoShape) step() uint {
	r := s.radius
	if s.box {
		r = math.Sqrt(float64(s.width/2*(s.width/2)) + float64(s.height/2*(s.height/2)))
	}
	r *= s.unit
	if r == 0 {
		return geoStepMax
	}
	step := -1
	for ; r < mercatorMax; r *= 2 {
		step++
	}
	if s.lat > 66 || s.lat < -66 {
		step--
		if s.lat > 80 || s.lat < -80 {
			step--
		}
	}
	return uint(min(max(step, 1), geoStepMax))
}

// cells is the cell of the middle and those around it which the shape can reach, in
// the order in which Redis searches them. Some may be there twice, when they are so
// large that they go round the world.
func (s *geoShape) cells() []geohash {
	bounds, step := s.bounds(), s.step()
	middle := geoEncode(s.lon, s.lat, geoLatMax, step)
	if step > 1 && (middle.move(0, 1).area().maxLat < bounds.maxLat || middle.move(0, -1).area().minLat > bounds.minLat ||
		middle.move(1, 0).area().maxLon < bounds.maxLon || middle.move(-1, 0).area().minLon > bounds.minLon) {
		step--
		middle = geoEncode(s.lon, s.lat, geoLatMax, step)
	}
	area := middle.area()
	north, south, east, west := true, true, true, true
	if step >= 2 {
		south, north = area.minLat >= bounds.minLat, area.maxLat <= bounds.maxLat
		west, east = area.minLon >= bounds.minLon, area.maxLon <= bounds.maxLon
	}
	cells := []geohash{middle}
	for _, n := range []struct {
		east, north int
		wanted      bool
	}{{0, 1, north}, {0, -1, south}, {1, 0, east}, {-1, 0, west}, {1, 1, north && east}, {-1, 1, north && west},
		{1, -1, south && east}, {-1, -1, south && west}} {
		if n.wanted {
			cells = append(cells, middle.move(n.east, n.north))
		}
	}
	return cells
}
