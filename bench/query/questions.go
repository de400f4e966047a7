package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode"
)

// question is the same request in each peer's words.
type question struct {
	path string   // of Landings
	sql  string   // for PostGIS; empty: not asked
	lite string   // for SQLite; empty: not asked
	tile []string // for Tile38; nil: not asked
	lon  float64  // of the nearest
	lat  float64
	rows int // that match, exactly; 0: not known
}

// shape says how answers are compared.
type shape int

const (
	ordered shape = iota // ids in order, and the exact count
	unordered
	byDistance // the distances of the ids: equal ones may come in any order
	counts     // each field's counts, and the count of all
)

// kind is one line of the table.
type kind struct {
	name    string
	atLeast float64 // times the rate of one record
	shape   shape
	make    func(*maker) question
}

// kinds are the questions; the first one is what the others are measured by.
var kinds = []kind{
	{"one record", 0, ordered, (*maker).record},
	{"class and year, by mass, 20", 0.3, ordered, (*maker).filter},
	{"nearest 10", 0.3, byDistance, (*maker).nearest},
	{"name contains, 20", 0.3, ordered, (*maker).contains},
	{"q: any text contains, 20", 0.3, ordered, (*maker).search},
	{"bbox of about 100", 0.25, unordered, (*maker).bbox},
	{"facet of class, years", 0.25, counts, (*maker).facet},
	{"4 facets, any filter", 0.1, counts, (*maker).facets},
}

const collection = "/collections/meteorite_landings"

// maker makes questions with parameters that differ each time. Where equal is set, about equally many records match at any size of the table.
type maker struct {
	all   []landing
	rnd   *rand.Rand
	equal bool

	placed []int     // with a place, by latitude
	lats   []float64 // of placed
	masses []float64 // sorted
	pairs  []pair    // where equal is set
	boxes  [][4]float64
}

// pair is a class and a year after which a wanted number of its records was found.
type pair struct {
	class string
	year  int
	rows  int
}

// Where equal is set: so many records of a class and later than a year, so many within a range of masses.
const (
	fewestOfClass, mostOfClass = 64, 128
	massRows                   = 1000
)

// boxes are found with some effort, so each serves often, with borders moved by less than the data's last digit.
const boxCount = 400

func newMaker(all []landing, seed uint64, equal bool) *maker {
	m := &maker{all: all, rnd: rand.New(rand.NewPCG(seed, 5)), equal: equal}
	for i := range all {
		if all[i].placed() {
			m.placed = append(m.placed, i)
		}
		if !math.IsNaN(all[i].mass) {
			m.masses = append(m.masses, all[i].mass)
		}
	}
	slices.Sort(m.masses)
	slices.SortFunc(m.placed, func(a, b int) int {
		if all[a].lat < all[b].lat {
			return -1
		} else if all[a].lat > all[b].lat {
			return 1
		}
		return a - b
	})
	for _, i := range m.placed {
		m.lats = append(m.lats, all[i].lat)
	}
	for tries := 0; len(m.boxes) < boxCount && tries < 100*boxCount && len(m.placed) > 0; tries++ {
		if box, ok := m.box(100); ok {
			m.boxes = append(m.boxes, box)
		}
	}
	if equal {
		m.findPairs()
	}
	return m
}

// box finds a box around some record with about as many records as wanted.
func (m *maker) box(want int) ([4]float64, bool) {
	at := &m.all[m.placed[m.rnd.IntN(len(m.placed))]]
	low, high := 0.0, 20.0
	for range 24 {
		h := (low + high) / 2
		box := [4]float64{at.lon - h, max(at.lat-h, -90), at.lon + h, min(at.lat+h, 90)}
		n := 0
		if box[0] >= -180 && box[2] <= 180 {
			n = m.within(box, want+want/4)
		}
		switch {
		case box[0] < -180 || box[2] > 180 || n > want+want/5:
			high = h
		case n < want-want/5:
			low = h
		default:
			return box, true
		}
	}
	return [4]float64{}, false
}

// within counts the records in a box, up to most.
func (m *maker) within(box [4]float64, most int) int {
	n := 0
	for i := sort.SearchFloat64s(m.lats, box[1]); i < len(m.lats) && m.lats[i] <= box[3] && n <= most; i++ {
		if lon := m.all[m.placed[i]].lon; lon >= box[0] && lon <= box[2] {
			n++
		}
	}
	return n
}

func (m *maker) findPairs() {
	years := map[string][]int{}
	for i := range m.all {
		if l := &m.all[i]; l.year != noYear {
			years[l.class] = append(years[l.class], l.year)
		}
	}
	for class, list := range years {
		slices.Sort(list)
		for i, y := range list {
			if i+1 == len(list) || list[i+1] == y {
				continue
			}
			if rows := len(list) - i - 1; rows >= fewestOfClass && rows <= mostOfClass {
				m.pairs = append(m.pairs, pair{class, y, rows})
			}
		}
		// A class that is rare as a whole.
		if rows := len(list); rows >= fewestOfClass && rows <= mostOfClass {
			m.pairs = append(m.pairs, pair{class, list[0] - 1, rows})
		}
	}
	slices.SortFunc(m.pairs, func(a, b pair) int {
		if c := strings.Compare(a.class, b.class); c != 0 {
			return c
		}
		return a.year - b.year
	})
}

// one gives some record.
func (m *maker) one() *landing { return &m.all[m.rnd.IntN(len(m.all))] }

// fraction gives digits that make a question another one and its answer the same: years are whole numbers.
func (m *maker) fraction() string { return fmt.Sprintf(".%06d", 1+m.rnd.IntN(999_998)) }

func data(params ...string) string { return "/data?" + encode(params) }

// encode writes names and values, in turn.
func encode(params []string) string {
	var b strings.Builder
	for i := 0; i < len(params); i += 2 {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(params[i]) + "=" + url.QueryEscape(params[i+1]))
	}
	return b.String()
}

// quote writes a text for SQL and for CQL2, which write it in the same way.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func (m *maker) record() question {
	l := m.one()
	sql := "SELECT id, record, 1 FROM landing WHERE id = " + l.id
	return question{path: "/data/" + l.id, sql: sql, lite: sql, tile: []string{"GET", "landings", l.id}}
}

func (m *maker) filter() question {
	p := pair{class: m.one().class, year: 1800 + m.rnd.IntN(214)}
	if m.equal {
		p = m.pairs[m.rnd.IntN(len(m.pairs))]
	}
	where := fmt.Sprintf("class = %s AND year > %d", quote(p.class), p.year)
	sql := fmt.Sprintf("SELECT id, record, (SELECT count(*) FROM landing WHERE %s) FROM landing WHERE %s ORDER BY mass NULLS LAST, pos LIMIT 20", where, where)
	return question{path: data("filter", fmt.Sprintf("recclass=%s AND year>%d%s", quote(p.class), p.year, m.fraction()), "sortby", "mass (g)", "limit", "20"),
		sql: sql, lite: sql, rows: p.rows}
}

func (m *maker) nearest() question {
	// Where records are, give or take a degree: that is where people ask.
	lon, lat := m.rnd.Float64()*360-180, m.rnd.Float64()*180-90
	if m.rnd.IntN(4) > 0 {
		l := &m.all[m.placed[m.rnd.IntN(len(m.placed))]]
		lon, lat = min(max(l.lon+m.rnd.Float64()*2-1, -180), 180), min(max(l.lat+m.rnd.Float64()*2-1, -90), 90)
	}
	x, y := strconv.FormatFloat(lon, 'f', 6, 64), strconv.FormatFloat(lat, 'f', 6, 64)
	lon, _ = strconv.ParseFloat(x, 64)
	lat, _ = strconv.ParseFloat(y, 64)
	return question{path: data("near", x+","+y, "limit", "10"),
		sql:  fmt.Sprintf("SELECT id, record, 0 FROM landing ORDER BY place <-> ST_SetSRID(ST_MakePoint(%s, %s), 4326)::geography LIMIT 10", x, y),
		tile: []string{"NEARBY", "landings", "LIMIT", "10", "POINT", y, x}, lon: lon, lat: lat}
}

// piece gives 3 to 12 characters of some name, without what patterns give a meaning.
func (m *maker) piece() string {
	for {
		name := []rune(m.one().name)
		n := 3 + m.rnd.IntN(10)
		if len(name) < n {
			continue
		}
		at := m.rnd.IntN(len(name) - n + 1)
		piece := string(name[at : at+n])
		if strings.TrimSpace(piece) == piece && !strings.ContainsFunc(piece, func(r rune) bool { return r != ' ' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			return piece
		}
	}
}

// number gives the number at the end of a name of `landings sample`, with the space before it, without its last digits. The number has
// as many digits as most, so that what is left is the beginning of few others.
func (m *maker) number(without int) string {
	digits := len(strconv.Itoa(len(m.all) / 2))
	for {
		name := m.one().name
		if at := strings.LastIndexByte(name, ' '); len(name)-at-1 == max(digits, 5) {
			return name[at : len(name)-without]
		}
	}
}

func (m *maker) contains() question {
	piece := m.piece()
	if m.equal {
		piece = m.number(2) // a hundred have it
	}
	where := "name LIKE " + quote("%"+piece+"%")
	glob := "name GLOB " + quote("*"+piece+"*")
	return question{path: data("filter", where, "limit", "20"),
		sql:  fmt.Sprintf("SELECT id, record, (SELECT count(*) FROM landing WHERE %s) FROM landing WHERE %s ORDER BY pos LIMIT 20", where, where),
		lite: fmt.Sprintf("SELECT id, record, (SELECT count(*) FROM names WHERE %s) FROM landing WHERE pos IN (SELECT rowid FROM names WHERE %s) ORDER BY pos LIMIT 20", glob, glob)}
}

func (m *maker) search() question {
	if m.equal {
		return question{path: data("q", strings.TrimSpace(m.number(0)), "limit", "20")}
	}
	return question{path: data("q", m.piece(), "limit", "20")}
}

// border moves a border of a box by less than the data's last digit, outwards.
func (m *maker) border(v, sign float64) string {
	v += sign * float64(m.rnd.IntN(1000)) * 1e-9
	return strconv.FormatFloat(min(max(v, -180), 180), 'f', 9, 64)
}

func (m *maker) borders() (w, s, e, n string) {
	b := m.boxes[m.rnd.IntN(len(m.boxes))]
	s, n = strconv.FormatFloat(b[1], 'f', 9, 64), strconv.FormatFloat(b[3], 'f', 9, 64)
	return m.border(b[0], -1), s, m.border(b[2], 1), n
}

func (m *maker) bbox() question {
	w, s, e, n := m.borders()
	return question{path: data("bbox", w+","+s+","+e+","+n, "limit", "200"),
		sql:  fmt.Sprintf("SELECT id, record, 0 FROM landing WHERE ST_Intersects(geom, ST_MakeEnvelope(%s, %s, %s, %s, 4326)) LIMIT 200", w, s, e, n),
		lite: fmt.Sprintf("SELECT id, record, 0 FROM boxes JOIN landing ON landing.pos = boxes.pos WHERE west <= %s AND east >= %s AND south <= %s AND north >= %s AND lon BETWEEN %s AND %s AND lat BETWEEN %s AND %s LIMIT 200", e, w, n, s, w, e, s, n),
		tile: []string{"INTERSECTS", "landings", "LIMIT", "200", "BOUNDS", s, w, n, e}}
}

// years gives a range of years: after the first, up to the second.
func (m *maker) years() (after, to int) {
	after = 1850 + m.rnd.IntN(155)
	return after, after + 1 + m.rnd.IntN(2013-after)
}

// massRange gives a range of masses that about massRows records have, as text for filters.
func (m *maker) massRange() (from, to string, rows int) {
	for {
		i := m.rnd.IntN(max(1, len(m.masses)-massRows))
		a, b := m.masses[i], m.masses[min(i+massRows, len(m.masses)-1)]
		low := sort.SearchFloat64s(m.masses, a)
		high := sort.SearchFloat64s(m.masses, b)
		if high == low { // more records than wanted have the one value
			high = sort.SearchFloat64s(m.masses, math.Nextafter(b, math.Inf(1)))
			b += 0.004
		}
		if rows := high - low; rows >= massRows*7/10 && rows <= massRows*2 {
			// Masses have two digits behind the point at most.
			return fmt.Sprintf("%.9f", a-float64(1+m.rnd.IntN(1_000_000))*1e-9), fmt.Sprintf("%.9f", b-0.001), rows
		}
	}
}

func facetsPath(fields string, params ...string) string {
	return collection + "/facets?" + encode(append([]string{"fields", fields}, params...))
}

func (m *maker) facet() question {
	if m.equal {
		from, to, rows := m.massRange()
		return question{path: facetsPath("recclass", "filter", fmt.Sprintf(`"mass (g)">%s AND "mass (g)"<%s`, from, to)), rows: rows}
	}
	after, to := m.years()
	sql := fmt.Sprintf("SELECT 'recclass', class, count(*), sum(count(*)) OVER () FROM landing WHERE year > %d AND year <= %d GROUP BY class ORDER BY 3 DESC, 2 LIMIT 20", after, to)
	return question{path: facetsPath("recclass", "filter", fmt.Sprintf("year>%d%s AND year<%d%s", after, m.fraction(), to, m.fraction())), sql: sql, lite: sql}
}

// wide asks for the facet under years whatever the size of the table, to see how the time grows with the rows.
func (m *maker) wide() question {
	after, to := m.years()
	return question{path: facetsPath("recclass", "filter", fmt.Sprintf("year>%d%s AND year<%d%s", after, m.fraction(), to, m.fraction()))}
}

func (m *maker) summary() question {
	from, to, rows := m.massRange()
	return question{path: collection + "/summary?" + encode([]string{"fields", "mass (g),year", "by", "fall", "filter", fmt.Sprintf(`"mass (g)">%s AND "mass (g)"<%s`, from, to)}), rows: rows}
}

// facetFields are the fields of several facets, and the columns of the databases.
var facetFields = [][2]string{{"recclass", "class"}, {"fall", "fall"}, {"nametype", "nametype"}, {"year", "year"}}

func (m *maker) facets() question {
	var fields, parts []string
	for _, f := range facetFields {
		fields = append(fields, f[0])
		parts = append(parts, fmt.Sprintf("SELECT * FROM (SELECT '%s', CAST(%s AS text), count(*), (SELECT count(*) FROM m) FROM m WHERE %s IS NOT NULL GROUP BY %s ORDER BY 3 DESC, 2 LIMIT 20) AS f_%s", f[0], f[1], f[1], f[1], f[1]))
	}
	list := strings.Join(fields, ",")
	if m.equal {
		from, to, rows := m.massRange()
		return question{path: facetsPath(list, "filter", fmt.Sprintf(`"mass (g)">%s AND "mass (g)"<%s`, from, to)), rows: rows}
	}
	var params []string
	var where, lite string
	from := "landing"
	switch m.rnd.IntN(4) {
	case 0:
		mass, year := m.masses[m.rnd.IntN(len(m.masses))], 1850+m.rnd.IntN(160)
		where = fmt.Sprintf("mass > %g AND year > %d", mass, year)
		params = []string{"filter", fmt.Sprintf(`"mass (g)">%g AND year>%d%s`, mass, year, m.fraction())}
	case 1:
		year := 1850 + m.rnd.IntN(160)
		classes := quote(m.one().class) + "," + quote(m.one().class) + "," + quote(m.one().class)
		where = fmt.Sprintf("class IN (%s) AND year <= %d", classes, year)
		params = []string{"filter", fmt.Sprintf("recclass IN (%s) AND year<%d%s", classes, year, m.fraction())}
	case 2:
		w, s, e, n := m.borders()
		where = fmt.Sprintf("ST_Intersects(geom, ST_MakeEnvelope(%s, %s, %s, %s, 4326))", w, s, e, n)
		lite = fmt.Sprintf("west <= %s AND east >= %s AND south <= %s AND north >= %s AND lon BETWEEN %s AND %s AND lat BETWEEN %s AND %s", e, w, n, s, w, e, s, n)
		from = "boxes JOIN landing ON landing.pos = boxes.pos"
		params = []string{"bbox", w + "," + s + "," + e + "," + n}
	default:
		after, to := m.years()
		where = fmt.Sprintf("fall = 'Fell' AND year > %d AND year <= %d", after, to)
		params = []string{"filter", fmt.Sprintf("fall='Fell' AND year>%d%s AND year<%d%s", after, m.fraction(), to, m.fraction())}
	}
	if lite == "" {
		lite = where
	}
	union := strings.Join(parts, " UNION ALL ")
	return question{path: facetsPath(list, params...),
		sql:  "WITH m AS MATERIALIZED (SELECT class, fall, nametype, year FROM landing WHERE " + where + ") " + union,
		lite: "WITH m AS MATERIALIZED (SELECT class, fall, nametype, year FROM " + from + " WHERE " + lite + ") " + union}
}
