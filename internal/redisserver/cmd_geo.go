package redisserver

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strconv"

	"landings/internal/rdb"
)

func geoCommands() []command {
	return []command{
		{name: "geoadd", arity: -5, flags: "write denyoom", keys: "1 1 1", spec: "RW update", cats: "geo", since: "3.2.0", do: cmdGeoadd},
		{name: "geodist", arity: -4, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "geo", since: "3.2.0", do: cmdGeodist},
		{name: "geohash", arity: -2, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "geo", since: "3.2.0", do: cmdGeohash},
		{name: "geopos", arity: -2, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "geo", since: "3.2.0", do: cmdGeopos},
		{name: "georadius", arity: -6, flags: "write denyoom movablekeys", keys: "1 1 1", spec: "RO access | index 1 | range 0 1 0; OW update | keyword STORE 6 | range 0 1 0; OW update | keyword STOREDIST 6 | range 0 1 0", cats: "geo", since: "3.2.0", do: cmdGeoradius},
		{name: "georadius_ro", arity: -6, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "geo", since: "3.2.10", do: cmdGeoradiusRo},
		{name: "georadiusbymember", arity: -5, flags: "write denyoom movablekeys", keys: "1 1 1", spec: "RO access | index 1 | range 0 1 0; OW update | keyword STORE 5 | range 0 1 0; OW update | keyword STOREDIST 5 | range 0 1 0", cats: "geo", since: "3.2.0", do: cmdGeoradiusbymember},
		{name: "georadiusbymember_ro", arity: -5, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "geo", since: "3.2.10", do: cmdGeoradiusbymemberRo},
		{name: "geosearch", arity: -7, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "geo", since: "6.2.0", do: cmdGeosearch},
		{name: "geosearchstore", arity: -8, flags: "write denyoom", keys: "1 2 1", spec: "OW update | index 1 | range 0 1 0; RO access | index 2 | range 0 1 0", cats: "geo", since: "6.2.0", do: cmdGeosearchstore},
	}
}

// lonLat reads a position, or writes the error.
func (c *client) lonLat(args [][]byte) (lon, lat float64, ok bool) {
	if lon, ok = c.doubleArg(args[0], errNotFloat); !ok {
		return 0, 0, false
	}
	if lat, ok = c.doubleArg(args[1], errNotFloat); !ok {
		return 0, 0, false
	}
	if lon < -geoLonMax || lon > geoLonMax || lat < -geoLatMax || lat > geoLatMax {
		c.err("ERR invalid longitude,latitude pair " + fixedText(lon) + "," + fixedText(lat))
		return 0, 0, false
	}
	return lon, lat, true
}

// fixedText is C's %f.
func fixedText(f float64) string {
	var b [40]byte
	if math.IsInf(f, 0) {
		return string(appendDouble(b[:0], f))
	}
	return strconv.FormatFloat(f, 'f', 6, 64)
}

// geoUnit reads a unit of length, in metres, or writes the error.
func (c *client) geoUnit(arg []byte) (float64, bool) {
	switch {
	case is(arg, "m"):
		return 1, true
	case is(arg, "km"):
		return 1000, true
	case is(arg, "ft"):
		return 0.3048, true
	case is(arg, "mi"):
		return 1609.34, true
	}
	c.err("ERR unsupported unit provided. please use M, KM, FT, MI")
	return 0, false
}

// circle reads a radius and a unit, or writes the error.
func (s *geoShape) circle(c *client, args [][]byte) (ok bool) {
	if s.radius, ok = c.doubleArg(args[0], "ERR need numeric radius"); !ok {
		return false
	}
	if s.radius < 0 {
		c.err("ERR radius cannot be negative")
		return false
	}
	s.box = false
	s.unit, ok = c.geoUnit(args[1])
	return ok
}

// rectangle reads width, height and a unit, or writes the error.
func (s *geoShape) rectangle(c *client, args [][]byte) (ok bool) {
	if s.width, ok = c.doubleArg(args[0], "ERR need numeric width"); !ok {
		return false
	}
	if s.height, ok = c.doubleArg(args[1], "ERR need numeric height"); !ok {
		return false
	}
	if s.width < 0 || s.height < 0 {
		c.err("ERR height or width cannot be negative")
		return false
	}
	s.box = true
	s.unit, ok = c.geoUnit(args[2])
	return ok
}

// cmdGeoadd is ZADD with scores made of positions, and goes to the append-only file
// as such.
func cmdGeoadd(e *Engine, c *client, args [][]byte) {
	i, nx, xx := 2, false, false
	for ; i < len(args); i++ {
		if is(args[i], "nx") {
			nx = true
		} else if is(args[i], "xx") {
			xx = true
		} else if !is(args[i], "ch") {
			break
		}
	}
	if (len(args)-i)%3 != 0 || nx && xx {
		c.err(errSyntax)
		return
	}
	zadd := append([][]byte{bs("zadd")}, args[1:i]...)
	for ; i < len(args); i += 3 {
		lon, lat, ok := c.lonLat(args[i:])
		if !ok {
			return
		}
		zadd = append(zadd, bi(int64(geoEncode(lon, lat, geoLatMax, geoStepMax).bits)), args[i+2])
	}
	dirty := e.dirty
	e.zadd(c, zadd, zaddMode{})
	if e.dirty != dirty {
		c.propagateAs(zadd...)
	}
}

func cmdGeohash(e *Engine, c *client, args [][]byte) {
	c.eachScore(args, c.null, func(score float64) {
		// The standard geohash counts latitudes from -90, and its eleventh
		// letter would need more bits than there are.
		const letters = "0123456789bcdefghjkmnpqrstuvwxyz"
		lon, lat := geoPosition(score)
		bits := geoEncode(lon, lat, 90, geoStepMax).bits
		text := []byte("00000000000")
		for i := range 10 {
			text[i] = letters[bits>>(52-5*(i+1))&31]
		}
		c.bulk(text)
	})
}

func cmdGeopos(e *Engine, c *client, args [][]byte) {
	c.eachScore(args, c.nullArray, func(score float64) { c.position(geoPosition(score)) })
}

// eachScore answers a list: found for every member that is there, absent for every
// other.
func (c *client) eachScore(args [][]byte, absent func(), found func(score float64)) {
	none := false
	z, ok := c.readZset(args[1], func() { none = true })
	if !ok && !none {
		return
	}
	c.array(len(args) - 2)
	for _, m := range args[2:] {
		if none {
			absent()
		} else if s, ok := z.scoreOf(m); ok {
			found(s)
		} else {
			absent()
		}
	}
}

func (c *client) position(lon, lat float64) {
	c.array(2)
	c.coordinate(lon)
	c.coordinate(lat)
}

// coordinate writes a number with at most 17 decimals.
func (c *client) coordinate(f float64) {
	var buf [64]byte
	s := strconv.AppendFloat(buf[:0], f, 'f', 17, 64)
	s = bytes.TrimSuffix(bytes.TrimRight(s, "0"), []byte("."))
	if string(s) == "-0" {
		s = s[1:]
	}
	if c.resp < 3 {
		c.bulk(s)
		return
	}
	c.line(',', string(s))
}

// distance writes a distance with four decimals.
func (c *client) distance(d float64) {
	n := int64(math.MinInt64) // what C makes of a number out of range
	if f := math.RoundToEven(d * 10000); f < math.MaxInt64 {
		n = int64(f)
	}
	var buf [32]byte
	b := buf[:0]
	u := uint64(n)
	if n < 0 {
		b, u = append(b, '-'), -u
	}
	b = strconv.AppendUint(b, u/10000, 10)
	b = append(b, '.')
	for div := uint64(1000); div > 0; div /= 10 {
		b = append(b, '0'+byte(u/div%10))
	}
	c.bulk(b)
}

func cmdGeodist(e *Engine, c *client, args [][]byte) {
	unit := 1.0
	if len(args) > 4 {
		if len(args) > 5 {
			c.err(errSyntax)
			return
		}
		var ok bool
		if unit, ok = c.geoUnit(args[4]); !ok {
			return
		}
	}
	z, ok := c.readZset(args[1], c.null)
	if !ok {
		return
	}
	s1, ok1 := z.scoreOf(args[2])
	s2, ok2 := z.scoreOf(args[3])
	if !ok1 || !ok2 {
		c.null()
		return
	}
	lon1, lat1 := geoPosition(s1)
	lon2, lat2 := geoPosition(s2)
	c.distance(geoDistance(lon1, lat1, lon2, lat2) / unit)
}

// geoCommand is which of the searching commands is executed.
type geoCommand struct {
	byMember bool // GEORADIUSBYMEMBER: the middle is a member
	search   bool // GEOSEARCH: middle and shape are options
	store    bool // GEOSEARCHSTORE: the first key is the destination
	readonly bool // no STORE
}

func cmdGeoradius(e *Engine, c *client, args [][]byte) { e.geoSearch(c, args, geoCommand{}) }

func cmdGeoradiusRo(e *Engine, c *client, args [][]byte) {
	e.geoSearch(c, args, geoCommand{readonly: true})
}

func cmdGeoradiusbymember(e *Engine, c *client, args [][]byte) {
	e.geoSearch(c, args, geoCommand{byMember: true})
}

func cmdGeoradiusbymemberRo(e *Engine, c *client, args [][]byte) {
	e.geoSearch(c, args, geoCommand{byMember: true, readonly: true})
}

func cmdGeosearch(e *Engine, c *client, args [][]byte) {
	e.geoSearch(c, args, geoCommand{search: true})
}

func cmdGeosearchstore(e *Engine, c *client, args [][]byte) {
	e.geoSearch(c, args, geoCommand{search: true, store: true})
}

// geoQuery is the options of a search.
type geoQuery struct {
	shape                         geoShape
	withDist, withHash, withCoord bool
	any, asc, desc                bool
	count                         int64 // 0: all
	store                         []byte
	storeDist                     bool
}

// geoPoint is a member that was found.
type geoPoint struct {
	member          []byte
	score, distance float64 // distance in metres
	lon, lat        float64
}

func (e *Engine) geoSearch(c *client, args [][]byte, cmd geoCommand) {
	key := args[1]
	if cmd.store {
		key = args[2]
	}
	en := c.db.lookup(key)
	exists := en.exists()
	var z zset
	if exists {
		var ok bool
		if z, ok = c.zsetOf(en); !ok {
			return
		}
	}
	q, ok := c.geoQuery(args, cmd, z, exists)
	if !ok {
		return
	}
	if !exists {
		if q.store == nil {
			c.array(0)
			return
		}
		empty := zset{e: e, lp: rdb.AppendListpack(nil)}
		c.storeZset(q.store, &empty, "")
		c.int(0)
		return
	}
	points := q.find(&z)
	if q.count > 0 && !q.any && !q.desc {
		q.asc = true // the nearest ones, then
	}
	if q.asc || q.desc {
		slices.SortStableFunc(points, func(a, b geoPoint) int {
			if q.desc {
				a, b = b, a
			}
			return cmp.Compare(a.distance, b.distance)
		})
	}
	if q.count > 0 && int64(len(points)) > q.count {
		points = points[:q.count]
	}
	if q.store != nil {
		event := "georadiusstore"
		if cmd.search {
			event = "geosearchstore"
		}
		q.keep(c, points, event)
		return
	}
	q.reply(c, points)
}

// geoQuery reads the arguments of a search, or writes the error.
func (c *client) geoQuery(args [][]byte, cmd geoCommand, z zset, exists bool) (q geoQuery, ok bool) {
	middle := func(member []byte) bool {
		score, ok := z.scoreOf(member)
		if !ok {
			c.err("ERR could not decode requested zset member")
			return false
		}
		q.shape.lon, q.shape.lat = geoPosition(score)
		return true
	}
	var opts [][]byte
	switch {
	case cmd.store:
		q.store = args[1]
		opts = args[3:]
	case cmd.search:
		opts = args[2:]
	case !cmd.byMember:
		if q.shape.lon, q.shape.lat, ok = c.lonLat(args[2:]); !ok || !q.shape.circle(c, args[4:]) {
			return q, false
		}
		opts = args[6:]
	default:
		if exists && (!middle(args[2]) || !q.shape.circle(c, args[3:])) {
			return q, false
		}
		opts = args[5:]
	}
	var fromMember, fromPosition, byRadius, byBox bool
	for i := 0; i < len(opts); i++ {
		more := len(opts) - 1 - i
		switch o := opts[i]; {
		case is(o, "withdist"):
			q.withDist = true
		case is(o, "withhash"):
			q.withHash = true
		case is(o, "withcoord"):
			q.withCoord = true
		case is(o, "any"):
			q.any = true
		case is(o, "asc"):
			q.asc, q.desc = true, false
		case is(o, "desc"):
			q.asc, q.desc = false, true
		case is(o, "count") && more >= 1:
			i++
			if q.count, ok = parseInt(opts[i]); !ok {
				c.err(errNotInt)
				return q, false
			}
			if q.count <= 0 {
				c.err("ERR COUNT must be > 0")
				return q, false
			}
		case (is(o, "store") || is(o, "storedist")) && more >= 1 && !cmd.readonly && !cmd.search:
			q.storeDist = len(o) > len("store")
			i++
			q.store = opts[i]
		case is(o, "storedist") && cmd.store:
			q.storeDist = true
		case is(o, "frommember") && more >= 1 && cmd.search && !fromPosition:
			i++
			if exists && !middle(opts[i]) {
				return q, false
			}
			fromMember = true
		case is(o, "fromlonlat") && more >= 2 && cmd.search && !fromMember:
			if q.shape.lon, q.shape.lat, ok = c.lonLat(opts[i+1:]); !ok {
				return q, false
			}
			i += 2
			fromPosition = true
		case is(o, "byradius") && more >= 2 && cmd.search && !byBox:
			if !q.shape.circle(c, opts[i+1:]) {
				return q, false
			}
			i += 2
			byRadius = true
		case is(o, "bybox") && more >= 3 && cmd.search && !byRadius:
			if !q.shape.rectangle(c, opts[i+1:]) {
				return q, false
			}
			i += 3
			byBox = true
		default:
			c.err(errSyntax)
			return q, false
		}
	}
	switch {
	case q.store != nil && (q.withDist || q.withHash || q.withCoord):
		name := "STORE option in GEORADIUS"
		if cmd.store {
			name = "GEOSEARCHSTORE"
		}
		c.err("ERR " + name + " is not compatible with WITHDIST, WITHHASH and WITHCOORD options")
	case cmd.search && !fromMember && !fromPosition:
		c.err("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for " + string(args[0]))
	case cmd.search && !byRadius && !byBox:
		c.err("ERR exactly one of BYRADIUS and BYBOX can be specified for " + string(args[0]))
	case q.any && q.count == 0:
		c.err("ERR the ANY argument requires COUNT argument")
	default:
		return q, true
	}
	return q, false
}

// find collects the members in the shape.
func (q *geoQuery) find(z *zset) []geoPoint {
	var points []geoPoint
	var buf [24]byte
	full := func() bool { return q.any && int64(len(points)) >= q.count }
	q.shape.prepare()
	var last geohash
	for i, cell := range q.shape.cells() {
		if i > 1 && cell == last {
			continue
		}
		if full() {
			break
		}
		last = cell
		r := zinterval{maxEx: true}
		r.min, r.max = cell.scores()
		p, _ := z.firstIn(&r)
		for ; p.ok() && z.within(&r, p); p = z.next(p) {
			score := z.score(p)
			lon, lat := geoPosition(score)
			if d, in := q.shape.contains(lon, lat); in {
				points = append(points, geoPoint{bytes.Clone(z.member(p, &buf)), score, d, lon, lat})
			}
			if full() {
				break
			}
		}
	}
	return points
}

func (q *geoQuery) reply(c *client, points []geoPoint) {
	parts := 1
	for _, with := range []bool{q.withDist, q.withHash, q.withCoord} {
		if with {
			parts++
		}
	}
	c.array(len(points))
	for i := range points {
		p := &points[i]
		if parts > 1 {
			c.array(parts)
		}
		c.bulk(p.member)
		if q.withDist {
			c.distance(p.distance / q.shape.unit)
		}
		if q.withHash {
			c.int(int64(p.score))
		}
		if q.withCoord {
			c.position(p.lon, p.lat)
		}
	}
}

// keep stores what was found.
func (q *geoQuery) keep(c *client, points []geoPoint, event string) {
	pairs := make([]zpair, len(points))
	for i, p := range points {
		pairs[i] = zpair{p.member, p.score}
		if q.storeDist {
			pairs[i].score = p.distance / q.shape.unit
		}
	}
	sortPairs(pairs)
	z := c.e.zsetOfPairs(pairs)
	if len(pairs) > 0 {
		c.e.dirty += int64(len(pairs)) - 1
	}
	c.storeZset(q.store, &z, event)
	c.int(int64(len(pairs)))
}
