//go:build e2e

package redisserver

import "strconv"

func (g gen) coordinate(most float64) string {
	switch g.IntN(30) {
	case 0:
		return g.any("180", "-180", "85.05112878", "-85.05112878", "85.05112879", "180.0001", "0", "-0", "x", "inf", "-inf", "90", "1e300", "nan", "")
	case 1, 2: // near the edges
		return strconv.FormatFloat(g.any3(1, -1)*(most-g.ExpFloat64()/10), 'f', -1, 64)
	case 3:
		return strconv.FormatFloat(g.NormFloat64()/1000, 'f', -1, 64)
	}
	return strconv.FormatFloat((g.Float64()*2-1)*most, 'f', g.IntN(10)+3, 64)
}

func (g gen) any3(n ...float64) float64 { return n[g.IntN(len(n))] }

func (g gen) lonLat() []string { return []string{g.coordinate(180), g.coordinate(85.05)} }

func (g gen) length() string {
	if g.chance(12) {
		return g.any("0", "-1", "x", "1e300", "inf", "", "1e-9")
	}
	return strconv.FormatFloat(g.Float64()*g.any3(10, 1000, 100000, 5000000, 20000000), 'g', 1+g.IntN(12), 64)
}

func (g gen) unit() string { return g.any("m", "m", "m", "km", "ft", "mi", "KM", "cm") }

func (g gen) geoOptions(words ...string) []string {
	var opts []string
	for range g.IntN(4) {
		switch w := g.any(words...); w {
		case "count":
			opts = append(opts, "count", g.any("1", "2", "5", "100", "0", "-1", "x"))
		default:
			opts = append(opts, w)
		}
	}
	return opts
}

func genGeo(g gen) []string {
	k := g.key("g")
	member := func() string { return "p" + strconv.Itoa(g.IntN(40)) }
	search := []string{"withdist", "withcoord", "withhash", "asc", "desc", "asc", "count", "WITHDIST", "any", "asc", "desc"}
	switch g.IntN(20) {
	case 0, 1, 2, 3, 4, 5:
		cmd := []string{"geoadd", k}
		cmd = append(cmd, g.maybe("nx", "xx", "ch", "ch", "incr")...)
		for range 1 + g.IntN(3) {
			cmd = append(append(cmd, g.lonLat()...), member())
		}
		return cmd
	case 6:
		return append([]string{"geodist", k, member(), member()}, g.maybe("m", "km", "ft", "mi", "cm")...)
	case 7:
		return []string{g.any("geopos", "geohash"), k, member(), member(), member()}
	case 8, 9:
		cmd := append([]string{g.any("georadius", "georadius_ro"), k}, g.lonLat()...)
		return append(append(cmd, g.length(), g.unit()), g.geoOptions(search...)...)
	case 10, 11:
		cmd := []string{g.any("georadiusbymember", "georadiusbymember_ro"), k, member(), g.length(), g.unit()}
		return append(cmd, g.geoOptions(search...)...)
	case 12, 13, 14, 15:
		cmd := []string{g.any("geosearch", "GEOSEARCH"), k}
		if g.chance(2) {
			cmd = append(cmd, "frommember", member())
		} else {
			cmd = append(append(cmd, "fromlonlat"), g.lonLat()...)
		}
		if g.chance(2) {
			cmd = append(cmd, "byradius", g.length(), g.unit())
		} else {
			cmd = append(cmd, "bybox", g.length(), g.length(), g.unit())
		}
		return append(cmd, g.geoOptions(append(search, "frommember", "store", "storedist", "bybox")...)...)
	case 16:
		cmd := append([]string{"geosearchstore", g.key("s"), k, "fromlonlat"}, g.lonLat()...)
		cmd = append(cmd, "bybox", g.length(), g.length(), g.unit())
		return append(cmd, g.geoOptions("asc", "desc", "count", "withdist", "any")...)
	case 17:
		cmd := append([]string{"georadius", k}, g.lonLat()...)
		cmd = append(cmd, g.length(), g.unit(), g.any("store", "store", "STORE", "withdist"), g.key("s"))
		return append(cmd, g.geoOptions("asc", "desc", "count", "any")...)
	case 18:
		return []string{"zrange", g.any(k, "s1", "s2"), "0", "-1", "withscores"}
	default:
		if g.chance(5) {
			return []string{"del", k}
		}
		return []string{"zrem", k, member()}
	}
}
