package httpapi

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"landings/internal/cql2"
	"landings/internal/dataset"
	"landings/internal/encode"
	"landings/internal/query"
)

// maxLimit is the most records of one page. A higher limit is taken as this one, as
// OGC API - Features wants.
const maxLimit = 1_000_000

// unlimited is the limit of a question that has none: all records.
const unlimited = math.MaxInt

// word is a parameter with a meaning of its own. It comes before a field of the
// same name, which filter still reaches.
type word uint8

const (
	wordFilter word = iota
	wordFilterLang
	wordFilterCRS
	wordBBox
	wordBBoxCRS
	wordDatetime
	wordNear
	wordRadius
	wordQ
	wordVersion
	wordSortBy
	wordProperties
	wordLimit
	wordToken
	wordExplain
	wordFormat
	wordFields
	wordHistogram
	wordBins
	wordBy
	wordQuantiles

	words
)

var wordNames = [words]string{
	"filter", "filter-lang", "filter-crs", "bbox", "bbox-crs", "datetime", "near", "radius", "q", "version",
	"sortby", "properties", "limit", "token", "explain", "f", "fields", "histogram", "bins", "by", "quantiles",
}

// wordSet is a set of words.
type wordSet uint32

func setOf(list ...word) wordSet {
	s := wordSet(0)
	for _, w := range list {
		s |= 1 << w
	}
	return s
}

func (s wordSet) has(w word) bool { return s&(1<<w) != 0 }

var (
	whereWords   = setOf(wordFilter, wordFilterLang, wordFilterCRS, wordBBox, wordBBoxCRS, wordDatetime, wordNear, wordRadius, wordQ, wordVersion)
	itemsWords   = whereWords | setOf(wordSortBy, wordProperties, wordLimit, wordToken, wordExplain, wordFormat)
	facetsWords  = whereWords | setOf(wordFields, wordLimit, wordHistogram, wordBins)
	summaryWords = whereWords | setOf(wordFields, wordBy, wordQuantiles, wordLimit)
)

// wordOf gives the word of a name. A switch, for it is asked for every parameter.
func wordOf(name string) (word, bool) {
	switch name {
	case "filter":
		return wordFilter, true
	case "filter-lang":
		return wordFilterLang, true
	case "filter-crs":
		return wordFilterCRS, true
	case "bbox":
		return wordBBox, true
	case "bbox-crs":
		return wordBBoxCRS, true
	case "datetime":
		return wordDatetime, true
	case "near":
		return wordNear, true
	case "radius":
		return wordRadius, true
	case "q":
		return wordQ, true
	case "version":
		return wordVersion, true
	case "sortby":
		return wordSortBy, true
	case "properties":
		return wordProperties, true
	case "limit":
		return wordLimit, true
	case "token":
		return wordToken, true
	case "explain":
		return wordExplain, true
	case "f":
		return wordFormat, true
	case "fields":
		return wordFields, true
	case "histogram":
		return wordHistogram, true
	case "bins":
		return wordBins, true
	case "by":
		return wordBy, true
	case "quantiles":
		return wordQuantiles, true
	}
	return 0, false
}

// question is what a request asks of a dataset at one version.
type question struct {
	query   query.Query // Limit is unlimited where there is none
	fields  []string    // of properties; nil: all
	choice  string      // of f; empty: by Accept
	version *uint64     // nil: the present one
	token   *pageToken  // nil: the first page

	facets    []string // of fields
	histogram []string
	bins      int
	by        []string
	quantiles []float64
}

// asker makes a question of parameters.
type asker struct {
	schema *dataset.Schema
	limits *Limits
	known  wordSet

	q       question
	given   wordSet
	values  [words]string
	all     []cql2.Expr // conditions that hold together
	columns []column
	strange []string // names that are neither parameters nor fields
}

// column is the values given for one field.
type column struct {
	field  *dataset.Field
	values []string
}

// ask reads the parameters of a question. It is called for every query: what is
// usual costs no map and no copy. The question is part of the asker.
func (a *asker) ask(pairs []parameter, schema *dataset.Schema, known wordSet, limits *Limits) (*question, error) {
	a.schema, a.limits, a.known = schema, limits, known
	a.q.query.Limit = -1
	for i := range pairs {
		if err := a.take(&pairs[i]); err != nil {
			return nil, err
		}
	}
	if a.strange != nil {
		return nil, a.unknown(a.strange)
	}
	for w := range words {
		if !a.given.has(w) {
			continue
		}
		if err := a.word(w, a.values[w]); err != nil {
			return nil, err
		}
	}
	for i := range a.columns {
		if err := a.column(&a.columns[i]); err != nil {
			return nil, err
		}
	}
	switch len(a.all) {
	case 0:
	case 1:
		a.q.query.Filter = a.all[0]
	default:
		a.q.query.Filter = cql2.And{Args: a.all}
	}
	return &a.q, nil
}

func (a *asker) take(p *parameter) error {
	if w, ok := wordOf(p.name); ok && a.known.has(w) {
		if a.given.has(w) {
			return &dataset.Error{
				Code:    dataset.Invalid,
				Message: "the parameter \"" + p.name + "\" is given more than once",
				Remedy:  "give it once; conditions go together with AND and OR in filter",
				Places:  []dataset.Place{{Parameter: p.name, Detail: "it is given more than once"}},
			}
		}
		a.given |= 1 << w
		a.values[w] = p.value
		return nil
	}
	f := a.field(p.name)
	if f == nil {
		a.strange = append(a.strange, p.name)
		return nil
	}
	for i := range a.columns {
		if a.columns[i].field == f {
			if a.columns[i].values = append(a.columns[i].values, p.value); len(a.columns[i].values) > a.limits.Fields {
				return tooMany(p.name, "values", a.limits.Fields)
			}
			return nil
		}
	}
	if len(a.columns) >= a.limits.Fields {
		return tooMany(p.name, "fields", a.limits.Fields)
	}
	a.columns = append(a.columns, column{f, []string{p.value}})
	return nil
}

// field finds a field by its name. Datasets have a few dozen fields at most, as a
// rule, and to look at them one by one is faster than a map.
func (a *asker) field(name string) *dataset.Field {
	for i := range a.schema.Fields {
		if f := &a.schema.Fields[i]; f.Name == name {
			return f
		}
	}
	return nil
}

// unknown is the error for names that are neither parameters here nor fields.
func (a *asker) unknown(strange []string) error {
	names := make([]string, 0, len(a.schema.Fields)+int(words))
	for w := range words {
		if a.known.has(w) {
			names = append(names, wordNames[w])
		}
	}
	parameters := len(names)
	for _, f := range a.schema.Fields {
		names = append(names, f.Name)
	}
	remedy := "the parameters are " + strings.Join(names[:parameters], ", ")
	if len(names) > parameters {
		remedy += ", and the fields " + enumerate(names[parameters:])
	}
	if near := nearest(strange[0], names); near != "" {
		remedy = "did you mean " + enumerate([]string{near}) + "? " + remedy
	}
	var places []dataset.Place
	for _, name := range strange {
		detail := "there is no such parameter and no such field"
		if _, ok := wordOf(name); ok {
			detail = "it cannot be used here"
		}
		name = dataset.Excerpt(name)
		if !slices.ContainsFunc(places, func(p dataset.Place) bool { return p.Parameter == name }) {
			places = append(places, dataset.Place{Parameter: name, Detail: detail})
		}
	}
	slices.SortFunc(places, func(a, b dataset.Place) int { return strings.Compare(a.Parameter, b.Parameter) })
	total := len(places)
	return &dataset.Error{
		Code:    dataset.Invalid,
		Message: "the parameter \"" + dataset.Excerpt(strange[0]) + "\" cannot be used here: there is neither such a parameter nor such a field",
		Remedy:  remedy,
		Places:  places[:min(total, 20)],
		Total:   total,
	}
}

// noField is the error for a name of a field that is not there. at is the column
// in the parameter's value, from 1; 0: unknown.
func (a *asker) noField(parameter, name string, at int) error {
	names := make([]string, 0, len(a.schema.Fields)+2)
	for _, f := range a.schema.Fields {
		names = append(names, f.Name)
	}
	if parameter == "filter" {
		for _, name := range [...]string{placeName, idName} {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	remedy := "the fields are " + enumerate(names)
	if near := nearest(name, names); near != "" {
		remedy = "did you mean " + near + "? " + remedy
	}
	if len(names) == 0 {
		remedy = "the dataset has no fields; load data first"
	}
	return &dataset.Error{
		Code:    dataset.Invalid,
		Message: parameter + " names the field \"" + dataset.Excerpt(name) + "\", which the dataset does not have",
		Remedy:  remedy,
		Places:  []dataset.Place{{Parameter: parameter, Column: at, Detail: "there is no such field"}},
	}
}

func tooMany(parameter, what string, most int) error {
	return &dataset.Error{
		Code:    dataset.TooLarge,
		Message: fmt.Sprintf("there are more than %d %s", most, what),
		Remedy:  "ask for less, or say it in filter with IN",
		Places:  []dataset.Place{{Parameter: dataset.Excerpt(parameter), Detail: fmt.Sprintf("more than %d %s", most, what)}},
	}
}

// bad is the error for a value that is malformed; column is from 1, 0 unknown.
func bad(w word, column int, detail, remedy string) error {
	return &dataset.Error{
		Code:    dataset.Invalid,
		Message: wordNames[w] + " is malformed: " + detail,
		Remedy:  remedy,
		Places:  []dataset.Place{{Parameter: wordNames[w], Column: column, Detail: detail}},
	}
}

func (a *asker) word(w word, v string) error {
	var err error
	switch w {
	case wordFilter:
		return a.filter(v)
	case wordFilterLang:
		if !a.given.has(wordFilter) {
			return bad(w, 0, "there is no filter", "give it together with filter")
		}
	case wordFilterCRS, wordBBoxCRS:
		if v != "http://www.opengis.net/def/crs/OGC/1.3/CRS84" && v != "https://www.opengis.net/def/crs/OGC/1.3/CRS84" {
			return bad(w, 0, "another coordinate reference system than CRS84", "give longitudes and latitudes of WGS 84: http://www.opengis.net/def/crs/OGC/1.3/CRS84")
		}
	case wordBBox:
		return a.bbox(v)
	case wordDatetime:
		return a.datetime(v)
	case wordNear:
		return a.near(v)
	case wordRadius:
		if !a.given.has(wordNear) {
			return bad(w, 0, "there is no place to measure from", "give it together with near=LON,LAT")
		}
		r, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		if err != nil || !(r >= 0) {
			return bad(w, 1, "\""+dataset.Excerpt(v)+"\" is no distance", "give metres, such as radius=50000")
		}
		a.q.query.Near.Radius = r
	case wordQ:
		if a.q.query.Search = strings.TrimSpace(v); a.q.query.Search == "" {
			return bad(w, 0, "it is empty", "give words to search for, or leave it out")
		}
		if len(v) > maxSearch {
			return tooLongParameter(w, len(v), maxSearch)
		}
	case wordVersion:
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			return bad(w, 1, "\""+dataset.Excerpt(v)+"\" is no version", "give the number that the header Dataset-Version of an answer has")
		}
		a.q.version = &n
	case wordSortBy:
		return a.sortBy(v)
	case wordProperties:
		a.q.fields, err = a.names(w, v, true)
	case wordLimit:
		a.q.query.Limit, err = parseLimit(v)
	case wordToken:
		a.q.token, err = parseToken(v)
	case wordExplain:
		switch v {
		case "true", "":
			a.q.query.Explain = true
		case "false":
		default:
			return badValue("explain", v, "use true or false")
		}
	case wordFormat:
		a.q.choice = v
	case wordFields:
		a.q.facets, err = a.names(w, v, false)
	case wordHistogram:
		a.q.histogram, err = a.names(w, v, false)
	case wordBins:
		n, fault := strconv.Atoi(v)
		if fault != nil || n < 1 || n > maxBins {
			return bad(w, 1, "\""+dataset.Excerpt(v)+"\" is no number of bins", fmt.Sprintf("give 1 to %d", maxBins))
		}
		a.q.bins = n
	case wordBy:
		a.q.by, err = a.names(w, v, false)
	case wordQuantiles:
		a.q.quantiles, err = a.parseQuantiles(v)
	}
	return err
}

const (
	maxSearch = 1 << 10 // of q, in bytes
	maxBins   = 1000
)

func tooLongParameter(w word, length, most int) error {
	return &dataset.Error{
		Code:    dataset.TooLarge,
		Message: fmt.Sprintf("%s has %d bytes and may have %d", wordNames[w], length, most),
		Remedy:  "make it shorter",
		Places:  []dataset.Place{{Parameter: wordNames[w], Column: most + 1, Detail: "too long"}},
	}
}

func parseLimit(v string) (int, error) {
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, bad(wordLimit, 1, "\""+dataset.Excerpt(v)+"\" is no number of records", fmt.Sprintf("give 0 to %d", maxLimit))
	}
	return int(min(n, maxLimit)), nil
}

func (a *asker) filter(v string) error {
	if len(v) > a.limits.FilterBytes {
		return tooLongParameter(wordFilter, len(v), a.limits.FilterBytes)
	}
	var e cql2.Expr
	var err error
	lang := "cql2-text"
	if a.given.has(wordFilterLang) {
		lang = a.values[wordFilterLang]
	}
	switch lang {
	case "cql2-text":
		e, err = cql2.ParseText(v)
	case "cql2-json":
		e, err = cql2.ParseJSON([]byte(v))
	default:
		return badValue("filter-lang", lang, "use cql2-text or cql2-json")
	}
	if err != nil {
		if known, ok := errors.AsType[*dataset.Error](err); ok {
			for i := range known.Places {
				known.Places[i].Parameter = "filter"
			}
			if lang == "cql2-text" && strings.HasPrefix(strings.TrimSpace(v), "{") {
				known.Remedy = "a filter in JSON needs filter-lang=cql2-json"
			}
		}
		return err
	}
	positions := 0
	unknown := ""
	cql2.Walk(e, func(e cql2.Expr) bool {
		switch e := e.(type) {
		case cql2.Property:
			if e.Name != placeName && e.Name != idName && unknown == "" && a.field(e.Name) == nil {
				unknown = e.Name
			}
		case cql2.LineString:
			positions += len(e.Positions)
		case cql2.MultiPoint:
			positions += len(e.Positions)
		case cql2.Polygon:
			positions += count(e.Rings)
		case cql2.MultiLineString:
			positions += count(e.Lines)
		case cql2.MultiPolygon:
			for _, p := range e.Polygons {
				positions += count(p)
			}
		}
		return true
	})
	if unknown != "" {
		return a.noField("filter", unknown, strings.Index(v, unknown)+1)
	}
	if positions > a.limits.Positions {
		return &dataset.Error{
			Code:    dataset.TooLarge,
			Message: fmt.Sprintf("the geometries of the filter have %d positions and may have %d", positions, a.limits.Positions),
			Remedy:  "simplify them",
			Places:  []dataset.Place{{Parameter: "filter", Detail: "too many positions"}},
		}
	}
	a.all = append(a.all, e)
	return nil
}

func count(lines [][]cql2.Position) int {
	n := 0
	for _, l := range lines {
		n += len(l)
	}
	return n
}

// Names that a filter can use besides those of fields, see package predicate.
const (
	placeName = "geometry"
	idName    = "id"
)

// numbers splits a list of numbers; what it gives for each is a JSON number.
func numbers(w word, v, remedy string) ([]cql2.Number, []float64, error) {
	var list []cql2.Number
	var floats []float64
	at := 1
	for part := range strings.SplitSeq(v, ",") {
		trimmed := strings.TrimSpace(part)
		f, ok := dataset.ParseNumber([]byte(trimmed))
		if !ok || math.IsInf(f, 0) {
			return nil, nil, bad(w, at, "\""+dataset.Excerpt(part)+"\" is no number", remedy)
		}
		if len(list) == 6 {
			return nil, nil, bad(w, at, "there are more than 6 numbers", remedy)
		}
		list = append(list, cql2.Number{Text: strconv.FormatFloat(f, 'f', -1, 64)})
		floats = append(floats, f)
		at += len(part) + 1
	}
	return list, floats, nil
}

func (a *asker) noPlace(w word) error {
	return &dataset.Error{
		Code:    dataset.Invalid,
		Message: wordNames[w] + " cannot be used: the records have no place",
		Remedy:  "say in the configuration which fields hold it (geometry), and load again",
		Places:  []dataset.Place{{Parameter: wordNames[w], Detail: "the dataset has no geometry"}},
	}
}

func (a *asker) bbox(v string) error {
	if a.schema.Geometry == nil {
		return a.noPlace(wordBBox)
	}
	const remedy = "give west,south,east,north in degrees, such as bbox=5.9,45.8,10.5,47.8; west is greater than east across the antimeridian"
	n, f, err := numbers(wordBBox, v, remedy)
	if err != nil {
		return err
	}
	var box cql2.BBox
	switch len(n) {
	case 4:
		box = cql2.BBox{Low: cql2.Position{X: n[0], Y: n[1]}, High: cql2.Position{X: n[2], Y: n[3]}}
		f = []float64{f[0], f[1], f[2], f[3]}
	case 6:
		box = cql2.BBox{Low: cql2.Position{X: n[0], Y: n[1], Z: n[2]}, High: cql2.Position{X: n[3], Y: n[4], Z: n[5]}}
		if f[2] > f[5] {
			return bad(wordBBox, 0, "the lowest height is greater than the highest", "give west,south,lowest,east,north,highest")
		}
		f = []float64{f[0], f[1], f[3], f[4]}
	default:
		return bad(wordBBox, 0, fmt.Sprintf("there are %d numbers, not 4 or 6", len(n)), remedy)
	}
	switch {
	case f[1] > f[3]:
		return bad(wordBBox, 0, "south is greater than north", remedy)
	case f[1] < -90 || f[3] > 90:
		return bad(wordBBox, 0, "a latitude is beyond 90 degrees", remedy)
	case math.Abs(f[0]) > 180 || math.Abs(f[2]) > 180:
		return bad(wordBBox, 0, "a longitude is beyond 180 degrees", remedy)
	}
	a.all = append(a.all, cql2.SpatialPredicate{Op: cql2.SIntersects, Left: cql2.Property{Name: placeName}, Right: box})
	return nil
}

func (a *asker) near(v string) error {
	if a.schema.Geometry == nil {
		return a.noPlace(wordNear)
	}
	const remedy = "give longitude and latitude in degrees, such as near=8.55,47.37"
	_, f, err := numbers(wordNear, v, remedy)
	switch {
	case err != nil:
		return err
	case len(f) != 2:
		return bad(wordNear, 0, fmt.Sprintf("there are %d numbers, not 2", len(f)), remedy)
	case math.Abs(f[0]) > 180:
		return bad(wordNear, 1, "the longitude is beyond 180 degrees", remedy)
	case math.Abs(f[1]) > 90:
		return bad(wordNear, strings.IndexByte(v, ',')+2, "the latitude is beyond 90 degrees", remedy+": longitude comes first")
	}
	a.q.query.Near = &query.Near{Lon: f[0], Lat: f[1], Radius: math.Inf(1)}
	return nil
}

// names splits a list of field names and checks that they exist.
func (a *asker) names(w word, v string, empty bool) ([]string, error) {
	items, err := splitNames(w, v)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 && !empty {
		return nil, bad(w, 0, "it names no field", "name one or more fields, with commas between them")
	}
	names := make([]string, 0, len(items))
	for _, item := range items {
		if a.field(item.name) == nil {
			return nil, a.noField(wordNames[w], item.name, item.at)
		}
		if slices.Contains(names, item.name) {
			return nil, bad(w, item.at, "the field \""+dataset.Excerpt(item.name)+"\" stands there twice", "name it once")
		}
		if len(names) == a.limits.Fields {
			return nil, tooMany(wordNames[w], "fields", a.limits.Fields)
		}
		names = append(names, item.name)
	}
	return names, nil
}

func (a *asker) sortBy(v string) error {
	items, err := splitNames(wordSortBy, v)
	if err != nil {
		return err
	}
	if len(items) == 0 {
		return bad(wordSortBy, 0, "it names no field", "name one or more fields, with commas between them; - before one for descending")
	}
	keys := make([]query.Key, 0, len(items))
	for _, item := range items {
		key := query.Key{Field: item.name, Descending: item.sign == '-'}
		if a.field(key.Field) == nil {
			return a.noField("sortby", key.Field, item.at)
		}
		if slices.ContainsFunc(keys, func(k query.Key) bool { return k.Field == key.Field }) {
			return bad(wordSortBy, item.at, "the field \""+dataset.Excerpt(key.Field)+"\" stands there twice", "name it once")
		}
		if len(keys) == a.limits.Fields {
			return tooMany("sortby", "fields", a.limits.Fields)
		}
		keys = append(keys, key)
	}
	a.q.query.SortBy = keys
	return nil
}

// item is a field name in a list.
type item struct {
	name string
	sign byte // + or - before it; 0: none. A + in an address that was not escaped is a space
	at   int  // column, from 1
}

// splitNames splits names at commas. One in double quotes may hold any characters,
// "" for a double quote.
func splitNames(w word, v string) ([]item, error) {
	var list []item
	if v == "" {
		return nil, nil
	}
	for i := 0; ; {
		it := item{at: i + 1}
		if w == wordSortBy && i < len(v) && (v[i] == '+' || v[i] == '-' || v[i] == ' ') {
			it.sign = v[i]
			i++
		}
		if i < len(v) && v[i] == '"' {
			var name strings.Builder
			i++
			for {
				end := strings.IndexByte(v[i:], '"')
				if end < 0 {
					return nil, bad(w, it.at, "a double quote is not closed", "put double quotes around a name, and \"\" for one within it")
				}
				name.WriteString(v[i : i+end])
				if i += end + 1; i >= len(v) || v[i] != '"' {
					break
				}
				name.WriteByte('"')
				i++
			}
			it.name = name.String()
			if i < len(v) && v[i] != ',' {
				return nil, bad(w, i+1, "expected a comma after the name", "put commas between names")
			}
		} else {
			end := strings.IndexByte(v[i:], ',')
			if end < 0 {
				end = len(v) - i
			}
			it.name = strings.TrimSpace(v[i : i+end])
			i += end
		}
		if it.name == "" {
			return nil, bad(w, it.at, "a name is missing", "put names between the commas")
		}
		list = append(list, it)
		if i >= len(v) {
			return list, nil
		}
		i++
	}
}

func (a *asker) parseQuantiles(v string) ([]float64, error) {
	var list []float64
	at := 1
	for part := range strings.SplitSeq(v, ",") {
		q, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return nil, bad(wordQuantiles, at, "\""+dataset.Excerpt(part)+"\" is no quantile", "give numbers from 0 to 1, such as quantiles=0.5,0.99")
		}
		if len(list) == a.limits.Fields {
			return nil, tooMany("quantiles", "quantiles", a.limits.Fields)
		}
		list = append(list, q)
		at += len(part) + 1
	}
	return list, nil
}

// identity appends what tells questions about the same records in the same order
// apart: page tokens hold for these.
func (q *question) identity(b []byte) []byte {
	if q.query.Filter != nil {
		b = append(b, cql2.Text(q.query.Filter)...)
	}
	b = append(b, 0)
	b = append(b, q.query.Search...)
	b = append(b, 0)
	if n := q.query.Near; n != nil {
		for _, f := range [...]float64{n.Lon, n.Lat, n.Radius} {
			b = strconv.AppendFloat(b, f, 'g', -1, 64)
			b = append(b, ' ')
		}
	}
	for _, k := range q.query.SortBy {
		b = append(b, 0, '+')
		if k.Descending {
			b[len(b)-1] = '-'
		}
		b = append(b, k.Field...)
	}
	return append(b, 1)
}

// key appends what tells all questions apart, but for the version.
func (q *question) key(b []byte, format encode.Format) []byte {
	b = q.identity(b)
	b = strconv.AppendInt(b, int64(q.query.Limit), 10)
	if q.query.After != nil {
		b = append(b, '@')
		b = strconv.AppendUint(b, *q.query.After, 10)
		b = append(b, ',')
		b = strconv.AppendInt(b, int64(q.token.given), 10)
	}
	b = append(b, byte(format))
	list := func(kind byte, names []string) {
		if names == nil {
			return
		}
		b = append(b, kind)
		for _, name := range names {
			b = append(append(b, 0), name...)
		}
	}
	list('p', q.fields)
	list('f', q.facets)
	list('h', q.histogram)
	list('b', q.by)
	b = append(b, 2)
	b = strconv.AppendInt(b, int64(q.bins), 10)
	for _, v := range q.quantiles {
		b = append(b, ' ')
		b = strconv.AppendFloat(b, v, 'g', -1, 64)
	}
	return b
}

// digest is the first eight bytes of SHA-256.
func digest(b []byte) (d [8]byte) {
	sum := sha256.Sum256(b)
	copy(d[:], sum[:])
	return d
}

// enumerate joins names, the first of many.
func enumerate(names []string) string {
	const most = 50
	more := len(names) - most
	quoted := make([]string, 0, min(len(names), most))
	for _, n := range names[:min(len(names), most)] {
		n = dataset.Excerpt(n)
		if strings.ContainsAny(n, " ,()") {
			n = `"` + n + `"`
		}
		quoted = append(quoted, n)
	}
	text := strings.Join(quoted, ", ")
	if more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// nearest gives the name that a misspelt one was most likely meant to be; empty:
// none is near.
func nearest(name string, names []string) string {
	name = strings.ToLower(name)
	if len(name) > 100 {
		return ""
	}
	best, least := "", max(1, len(name)/3)+1
	for _, n := range names {
		lower := strings.ToLower(n)
		d := distance(name, lower)
		if len(name) >= 3 && strings.HasPrefix(lower, name) {
			d = min(d, 1)
		}
		if d < least {
			best, least = n, d
		}
	}
	return best
}

// distance is how many letters must be put in, left out or changed to make one
// name of another (Levenshtein).
func distance(a, b string) int {
	if len(b) > 100 {
		return len(b)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := before
			if a[i] != b[j] {
				d++
			}
			before = row[j+1]
			row[j+1] = min(d, row[j]+1, before+1)
		}
	}
	return row[len(b)]
}
