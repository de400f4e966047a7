package geo

import "math"

// Box is a range of longitudes and one of latitudes, borders included. Where West
// is greater than East it crosses the antimeridian.
type Box struct {
	West, South, East, North float64
}

// Contains says whether a point lies in the box or on its border.
func (b *Box) Contains(lon, lat float64) bool {
	if lat < b.South || lat > b.North {
		return false
	}
	if b.West <= b.East {
		return lon >= b.West && lon <= b.East || (lon == -180 && b.East == 180) || (lon == 180 && b.West == -180)
	}
	return lon >= b.West || lon <= b.East
}

// split gives boxes that do not cross the antimeridian and hold the same points
// together, none of them in more than one. The meridians of 180 and -180 are the
// same.
func (b *Box) split() []Box {
	if b.West > b.East {
		return []Box{{-180, b.South, b.East, b.North}, {b.West, b.South, 180, b.North}}
	}
	out := []Box{*b}
	if b.East == 180 && b.West > -180 {
		out = append(out, Box{-180, b.South, -180, b.North})
	}
	if b.West == -180 && b.East < 180 {
		out = append(out, Box{180, b.South, 180, b.North})
	}
	return out
}

// covers says that all of a box lies within b; neither crosses the antimeridian.
func (b *Box) covers(o *Box) bool {
	return b.West <= o.West && o.East <= b.East && b.South <= o.South && o.North <= b.North
}

// Meets says that two boxes share a point; neither crosses the antimeridian.
func (b *Box) Meets(o *Box) bool {
	return b.West <= o.East && o.West <= b.East && b.South <= o.North && o.South <= b.North
}

// grow makes the box hold another one.
func (b *Box) grow(o *Box) {
	b.West, b.South = min(b.West, o.West), min(b.South, o.South)
	b.East, b.North = max(b.East, o.East), max(b.North, o.North)
}

// Grow makes the box hold a point, without crossing the antimeridian for it.
func (b *Box) Grow(lon, lat float64) {
	b.grow(&Box{lon, lat, lon, lat})
}

// Around gives a box that holds all points within a radius, in metres along the
// sphere, of a place.
func Around(lon, lat, radius float64) Box {
	angle := radius / Radius
	south, north := lat-angle/radians-1e-9, lat+angle/radians+1e-9
	if !(south > -90 && north < 90) {
		// A pole is within it, and with it all longitudes.
		return Box{-180, max(south, -90), 180, min(north, 90)}
	}
	width := math.Asin(min(1, math.Sin(angle)/math.Cos(lat*radians)))/radians + 1e-9
	b := Box{lon - width, south, lon + width, north}
	if b.West < -180 {
		b.West += 360
	}
	if b.East > 180 {
		b.East -= 360
	}
	return b
}
