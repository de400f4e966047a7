// Package sample makes meteorite landings up: a table in the shape of NASA's, as
// large as wanted, the same for the same seed on every platform, for
// demonstrations, tests and benchmarks.
//
// The records are believable in their statistics (classes, masses, places,
// years, what is missing and what is odd) and in nothing else. So that nobody
// takes one for real, every name begins with "Sample " and ends with the record's
// number, ids begin at 1,000,001, beyond those of the real table, and the two
// formats that have room for it (json and geojson) carry a member "generated".
//
// The package knows how to write landings, and nothing of how they are read.
package sample

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"math/bits"
	"math/rand/v2"
	"strconv"

	"landings/internal/dataset"
)

// Landing is one generated record. The fields are spelled as in NASA's table,
// and empty where they are missing.
type Landing struct {
	Name        string // "Sample Dune Sea 00012"
	ID          string // "1000015"
	NameType    string // "Valid" or "Relict"
	Class       string // "L6", "Iron, IIIAB"
	Mass        string // grams
	Fall        string // "Fell" or "Found"
	Year        string // four digits, "0860" included
	Lat, Lon    string // degrees with six decimals
	GeoLocation string // "(lat, lon)" without trailing zeros

	point    bool
	lat, lon int // in 1e-5 degrees, lon within 180 degrees
}

// firstID is the id below the first record's.
const firstID = 1_000_000

// All gives the first records of the sequence that a seed names: a longer sample
// begins with the shorter ones. A record costs a few allocations, and none is kept.
func All(records int, seed uint64) iter.Seq[Landing] {
	return func(yield func(Landing) bool) {
		g := newGenerator(seed)
		for range records {
			if !yield(g.next()) {
				return
			}
		}
	}
}

// generator draws with integers alone: floating point may differ between
// platforms in its last digit.
type generator struct {
	source   *rand.PCG
	classes  []class
	total    uint64     // of the classes' weights
	mantissa [100]int64 // 10^(k/100), in 1e-8
	n        int        // records so far
	id       int
	odd      int // the record with a longitude beyond 180 degrees
}

func newGenerator(seed uint64) *generator {
	g := &generator{source: rand.NewPCG(seed, 0x6c616e64696e6773), classes: classes(), id: firstID}
	for i := range g.classes {
		g.total += g.classes[i].weight
		g.classes[i].upTo = g.total
	}
	const step = 1_023_292_992 // 10^(1/100), in 1e-9
	g.mantissa[0] = 100_000_000
	for k := 1; k < len(g.mantissa); k++ {
		g.mantissa[k] = g.mantissa[k-1] * step / 1_000_000_000
	}
	g.odd = 1 + g.below(100)
	return g
}

// below draws from 0 to n-1. The method is ours because that of math/rand/v2 may
// depend on the platform's word size.
func (g *generator) below(n int) int {
	hi, _ := bits.Mul64(g.source.Uint64(), uint64(n))
	return int(hi)
}

// chance is true n times in a hundred thousand.
func (g *generator) chance(n int) bool { return g.below(100_000) < n }

// bell draws from a bell curve around zero with a standard deviation of sigma: the
// sum of twelve uniform draws, which never exceeds six deviations.
func (g *generator) bell(sigma int) int {
	sum := -6 * 65536
	for range 3 {
		u := g.source.Uint64()
		sum += int(u&0xffff) + int(u>>16&0xffff) + int(u>>32&0xffff) + int(u>>48)
	}
	return sum * sigma / 65536
}

func (g *generator) next() Landing {
	g.n++
	g.id++
	if g.chance(15_000) {
		g.id += 1 + g.below(3)
	}
	l := Landing{ID: strconv.Itoa(g.id), NameType: "Valid", Fall: "Found"}
	fell := g.chance(2_420)
	if fell {
		l.Fall = "Fell"
	} else if g.chance(165) {
		l.NameType = "Relict"
	}
	c := g.class()
	l.Class = c.name
	if l.NameType == "Relict" {
		l.Class = "Relict " + []string{"OC", "H", "iron"}[g.below(3)]
	}
	place := g.place(&l, fell)
	l.Name = "Sample " + place + " " + padded(g.n, 5)
	if !g.chance(287) {
		l.Mass = g.mass(c, fell)
	}
	if !g.chance(637) {
		l.Year = padded(g.year(fell), 4)
	}
	return l
}

func padded(n, width int) string {
	s := strconv.Itoa(n)
	for len(s) < width {
		s = "0" + s
	}
	return s
}

// place sets the coordinates and gives the place's name. As in the real table, a
// sixth of the records has none, and an eighth lies at (0, 0), which means the same.
func (g *generator) place(l *Landing, fell bool) string {
	sites := finds
	if fell {
		sites = falls
	}
	total := 0
	for _, s := range sites {
		total += s.weight
	}
	pick := g.below(total)
	var s site
	for _, s = range sites {
		if pick -= s.weight; pick < 0 {
			break
		}
	}
	lat := s.lat*1000 + g.bell(s.spread*1000)
	lon := s.lon*1000 + g.bell(s.spread*1000)
	name := s.name
	if fell {
		name = g.town()
	}
	switch odd := g.n == g.odd; {
	case odd:
		lat, lon = -194_617, 35_447_333-36_000_000+g.below(1000)
	case !fell && g.chance(16_400):
		return name
	case !fell && g.chance(16_700):
		lat, lon = 0, 0
	case s.fixed > 0 && g.below(100) < s.fixed:
		lat, lon = s.lat*1000, s.lon*1000 // all that was found in one field has one position
	}
	lat = min(max(lat, -8_900_000), 8_900_000)
	if lon > 18_000_000 {
		lon -= 36_000_000
	} else if lon < -18_000_000 {
		lon += 36_000_000
	}
	l.point, l.lat, l.lon = true, lat, lon
	if g.n == g.odd {
		lon += 36_000_000
	}
	l.Lat, l.Lon = degrees(lat), degrees(lon)
	l.GeoLocation = "(" + short(lat) + ", " + short(lon) + ")"
	return name
}

// degrees spells 1e-5 degrees with six decimals.
func degrees(n int) string { return string(decimal(nil, n, 5)) + "0" }

// short spells 1e-5 degrees with as few decimals as it takes, but at least one.
func short(n int) string {
	b := decimal(nil, n, 5)
	for b[len(b)-1] == '0' && b[len(b)-2] != '.' {
		b = b[:len(b)-1]
	}
	return string(b)
}

// decimal appends n with its last places digits behind the point.
func decimal(dst []byte, n, places int) []byte {
	if n < 0 {
		dst = append(dst, '-')
		n = -n
	}
	unit := 1
	for range places {
		unit *= 10
	}
	dst = strconv.AppendInt(dst, int64(n/unit), 10)
	dst = append(dst, '.')
	for unit /= 10; unit > 0; unit /= 10 {
		dst = append(dst, byte('0'+n/unit%10))
	}
	return dst
}

// mass draws grams from a log-normal distribution: finds around 30 g, falls
// around 2.8 kg, irons around 20 kg; from milligrams to the 60 tonnes of the
// largest known.
func (g *generator) mass(c class, fell bool) string {
	if g.chance(40) {
		return "0"
	}
	log := 150 + g.bell(112) // hundredths of a decade, of grams
	if fell {
		log = 345 + g.bell(105)
	}
	if c.iron {
		log = 430 + g.bell(130)
	}
	log = min(max(log, -200), 778)
	m := int(g.mantissa[(log+300)%100] / 10_000 * 100) // 1e-6 of the decade's unit, to four digits
	m += g.below(m/50 + 1)
	decade := (log+300)/100 - 3
	// In hundredths of a gram: m * 10^decade / 1e4.
	switch {
	case decade < 0:
		hundredths := m / 10_000
		for range -decade {
			hundredths /= 10
		}
		return trimmed(max(hundredths, 1))
	case decade < 2:
		tenths := m / 100_000
		for range decade {
			tenths *= 10
		}
		return trimmed(tenths*10 + g.below(2)*g.below(10))
	}
	grams := m / 10_000 // three digits
	for range decade - 2 {
		grams *= 10
	}
	if decade < 4 && g.chance(70_000) {
		grams += g.below(10)
	}
	return strconv.Itoa(min(grams, 60_000_000))
}

// trimmed spells hundredths without trailing zeros.
func trimmed(n int) string {
	b := decimal(nil, n, 2)
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	if b[len(b)-1] == '.' {
		b = b[:len(b)-1]
	}
	return string(b)
}

// year draws a year: most finds since the systematic searches began in 1969, most
// falls since 1800, few before, the earliest in the ninth century.
func (g *generator) year(fell bool) int {
	switch {
	case fell && g.chance(1_500):
		return 860 + g.below(700)
	case fell && g.chance(6_000):
		return 1560 + g.below(240)
	case fell:
		return 1800 + g.below(214)
	case g.chance(6_500):
		return 1969 - min(g.below(60)+g.below(100), 400)
	}
	// Two searches of the seventies and eighties, then a steady rise.
	switch g.below(10) {
	case 0:
		return 1979
	case 1:
		return 1974 + g.below(14)
	case 2:
		return 1986 + g.below(3)
	}
	return 2013 - min(g.below(12)+g.below(15), 40)
}

// town makes a name up.
func (g *generator) town() string {
	first := []string{"Bar", "Kel", "Mor", "Sán", "Tal", "Ver", "Lom", "Grün", "Nak", "Pet", "Ros", "Wil", "Žel", "Dun", "Hol", "Øst"}
	second := []string{"a", "en", "i", "o", "ing", "er", "u", "ab"}
	third := []string{"dorf", "ville", "pur", "grad", "ton", "ñas", "ko", "by", "ham", "bourg", "sk", "mura"}
	return first[g.below(len(first))] + second[g.below(len(second))] + third[g.below(len(third))]
}

// Write writes records landings in a format: json (an object with the list
// "meteorite_landings", as the tutorial's file, one record a line), ndjson, csv
// or geojson. The error is a [dataset.Error], or what w reports.
func Write(w io.Writer, format string, records int, seed uint64) error {
	if records < 0 {
		return &dataset.Error{Code: dataset.Invalid, Message: "a sample cannot have fewer than 0 records"}
	}
	label := fmt.Sprintf("sample data, made up from seed %d: these landings are not real", seed)
	var head, between, tail string
	var one func([]byte, *Landing) []byte
	switch format {
	case "json":
		head, between, tail = `{"generated":"`+label+`","meteorite_landings":[`+"\n", ",\n", "\n]}\n"
		one = appendJSON
	case "ndjson":
		tail, between, one = "\n", "\n", appendJSON
	case "csv":
		head, between, one = header, "", appendCSV
	case "geojson":
		head, between, tail = `{"type":"FeatureCollection","generated":"`+label+`","features":[`+"\n", ",\n", "\n]}\n"
		one = appendFeature
	default:
		return &dataset.Error{
			Code:    dataset.UnsupportedMediaType,
			Message: fmt.Sprintf("there is no sample in the format %q", dataset.Excerpt(format)),
			Remedy:  "use json, ndjson, csv or geojson",
		}
	}
	if records == 0 && format == "ndjson" {
		tail = ""
	}
	b := bufio.NewWriterSize(w, 64<<10)
	b.WriteString(head)
	var line []byte
	g := newGenerator(seed)
	for i := range records {
		if i > 0 {
			b.WriteString(between)
		}
		l := g.next()
		line = one(line[:0], &l)
		if _, err := b.Write(line); err != nil {
			return err
		}
	}
	b.WriteString(tail)
	return b.Flush()
}

const header = "name,id,nametype,recclass,mass (g),fall,year,reclat,reclong,GeoLocation\n"

// The values need no escaping: they hold no quotes, backslashes or controls.

func appendJSON(dst []byte, l *Landing) []byte {
	dst = append(append(dst, `{"name":"`...), l.Name...)
	dst = append(append(dst, `","id":"`...), l.ID...)
	dst = append(append(dst, `","nametype":"`...), l.NameType...)
	dst = append(append(dst, `","recclass":"`...), l.Class...)
	dst = append(append(dst, `","mass (g)":"`...), l.Mass...)
	dst = append(append(dst, `","fall":"`...), l.Fall...)
	dst = append(append(dst, `","year":"`...), l.Year...)
	dst = append(append(dst, `","reclat":"`...), l.Lat...)
	dst = append(append(dst, `","reclong":"`...), l.Lon...)
	dst = append(append(dst, `","GeoLocation":"`...), l.GeoLocation...)
	return append(dst, `"}`...)
}

func appendCSV(dst []byte, l *Landing) []byte {
	for _, s := range [...]string{l.Name, l.ID, l.NameType, l.Class, l.Mass, l.Fall, l.Year, l.Lat, l.Lon} {
		dst = appendField(dst, s)
		dst = append(dst, ',')
	}
	return append(appendField(dst, l.GeoLocation), '\n')
}

func appendField(dst []byte, s string) []byte {
	for i := range len(s) {
		if s[i] == ',' {
			return append(append(append(dst, '"'), s...), '"')
		}
	}
	return append(dst, s...)
}

func appendFeature(dst []byte, l *Landing) []byte {
	dst = append(append(dst, `{"type":"Feature","id":"`...), l.ID...)
	dst = append(dst, `","geometry":`...)
	if l.point {
		dst = append(dst, `{"type":"Point","coordinates":[`...)
		dst = append(decimal(dst, l.lon, 5), ',')
		dst = append(decimal(dst, l.lat, 5), "]}"...)
	} else {
		dst = append(dst, "null"...)
	}
	dst = append(dst, `,"properties":`...)
	return append(appendJSON(dst, l), '}')
}
