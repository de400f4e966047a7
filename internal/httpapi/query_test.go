package httpapi

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"landings/internal/dataset"
	"landings/internal/encode"
	"landings/internal/query"
	"landings/internal/readmodel"
)

const stones = `[
{"id":"1","name":"Aachen","recclass":"L5","mass (g)":"21","year":"1880","found":"1880-05-01","lat":"50.775000","lon":"6.083330","fell":"true"},
{"id":"2","name":"Aarhus, \"city\"","recclass":"H6","mass (g)":"720","year":"1951","found":"1951-10-02T12:00:00Z","lat":"56.18333","lon":"10.23333","fell":"true"},
{"id":"3","name":"Fiji","recclass":"L5","mass (g)":"1.5e3","year":"0860","found":"1990-01-01","lat":"-17.5","lon":"179.5","fell":"false"},
{"id":"4","name":"Samoa","recclass":"","mass (g)":"","year":"2013","found":null,"lat":"-13.5","lon":"-172.5","fell":"false"},
{"id":"5","name":"Mars","recclass":"Iron","mass (g)":"3","year":"1990","found":"2000-02-03","lat":"-1.5","lon":"354.47333","fell":"false"},
{"id":"6","name":"Nowhere","recclass":"Iron","mass (g)":"2","year":"","found":"2001-02-03","lat":"","lon":"","fell":"false"}
]`

func startStones(t *testing.T) *node {
	t.Helper()
	n := start(t, nil)
	n.want(n.do("POST", "/data", stones), 200)
	return n
}

func (n *node) ids(path string) string {
	n.t.Helper()
	r := n.want(n.do("GET", path, ""), 200)
	var list []struct{ ID string }
	if err := json.Unmarshal([]byte(r.body), &list); err != nil {
		n.t.Fatalf("%s: %v: %s", path, err, r.body)
	}
	ids := make([]string, len(list))
	for i, one := range list {
		ids[i] = one.ID
	}
	if r.header.Get("Number-Returned") != "" && r.header.Get("Number-Returned") != itoa(len(list)) {
		n.t.Errorf("%s: %d records, Number-Returned %s", path, len(list), r.header.Get("Number-Returned"))
	}
	return strings.Join(ids, " ")
}

func TestParameters(t *testing.T) {
	n := startStones(t)
	for q, want := range map[string]string{
		"filter=recclass='L5'":            "1 3",
		"filter=year>1900+AND+fell=false": "4 5",
		`filter="mass (g)">=21`:           "1 2 3",
		`filter={"op":"=","args":[{"property":"name"},"Fiji"]}&filter-lang=cql2-json`:  "3",
		"filter=recclass='L5'&filter-lang=cql2-text":                                   "1 3",
		"filter=recclass='L5'&filter-crs=http://www.opengis.net/def/crs/OGC/1.3/CRS84": "1 3",
		"recclass=L5":                    "1 3",
		"recclass=L5&recclass=H6":        "1 2 3",
		"recclass=":                      "4",
		"recclass=&recclass=H6":          "2 4",
		"recclass=L5&year=0860":          "3",
		"year=860":                       "3",
		"mass+(g)=1500":                  "3",
		"mass%20%28g%29=21.0":            "1",
		"fell=TRUE":                      "1 2",
		"found=1951":                     "2",
		"found=1951-10":                  "2",
		"found=1951-10-02":               "2",
		"found=1951-10-02T12:00:00Z":     "2",
		"found=1951-10-02T13:00:00Z":     "",
		"bbox=5,45,11,60":                "1 2",
		"bbox=170,-20,-170,-10":          "3 4",
		"bbox=-10,-5,0,0":                "5",
		"datetime=1951":                  "2",
		"datetime=1951-10-02T12:00:00Z":  "2",
		"datetime=1880-05-01":            "1",
		"datetime=1880/1951":             "1 2",
		"datetime=1990-01-01/..":         "3 5 6",
		"datetime=../1951-12-31":         "1 2",
		"datetime=/1951-12-31":           "1 2",
		"datetime=../..":                 "1 2 3 5 6",
		"near=6,50":                      "1 2 5 4 3",
		"near=6,50&radius=100000":        "1",
		"near=-179.9,-15&radius=1000000": "3 4",
		"near=6,50&sortby=-id":           "5 4 3 2 1",
		"q=aac":                          "1",
		"sortby=year":                    "3 1 2 5 4 6",
		"sortby=-year":                   "4 5 2 1 3 6",
		"sortby=+year":                   "3 1 2 5 4 6",
		"sortby=%2Byear":                 "3 1 2 5 4 6",
		`sortby=recclass,-"mass (g)"`:    "2 5 6 3 1 4",
		"sortby=recclass,-mass+(g)":      "2 5 6 3 1 4",
		"sortby=year&limit=2":            "3 1",
		"limit=0":                        "",
		"limit=99999999999999999999999":  "1 2 3 4 5 6",
		"explain=false":                  "1 2 3 4 5 6",
		"version=1":                      "1 2 3 4 5 6",
		"f=json":                         "1 2 3 4 5 6",

		"found=1951-10-02T14:00:00%2B02:00":    "2",
		"datetime=1951-10-02T14:00:00%2B02:00": "2",
	} {
		path := strings.NewReplacer(`"`, "%22", " ", "%20", "<", "%3C", ">", "%3E", "{", "%7B", "}", "%7D").Replace("/data?" + q)
		if got := n.ids(path); got != want {
			t.Errorf("%s: %s, want %s", q, got, want)
		}
	}
}

func TestBadParameters(t *testing.T) {
	n := startStones(t)
	if p := n.problem(n.do("GET", "/data?filter=nothing=1", ""), dataset.Invalid); strings.Count(p.Remedy+",", " id,") != 1 || strings.Count(p.Remedy+",", " geometry,") != 1 {
		t.Errorf("what a filter can name: %s", p.Remedy)
	}
	long := strings.Repeat("a", 2000)
	for q, want := range map[string]struct {
		parameter string
		column    int
		text      string // in detail or remedy
	}{
		"filtr=1":                         {"filtr", 0, "did you mean filter?"},
		"mas=1":                           {"mas", 0, `did you mean "mass (g)"?`},
		"fields=name":                     {"fields", 0, "neither such a parameter nor such a field"},
		"filter=year+>+":                  {"filter", 8, ""},
		"filter=yeer+>+1":                 {"filter", 1, "did you mean year?"},
		"filter=true+AND+yeer=1":          {"filter", 10, "did you mean year?"},
		"filter={}":                       {"filter", 1, "filter-lang=cql2-json"},
		"filter={&filter-lang=cql2-json":  {"filter", 2, ""},
		"filter=year=1&filter-lang=sql":   {"filter-lang", 0, "cql2-text or cql2-json"},
		"filter-lang=cql2-text":           {"filter-lang", 0, "together with filter"},
		"filter=year=1&filter-crs=EPSG:1": {"filter-crs", 0, "CRS84"},
		"filter=year=1&filter=year=2":     {"filter", 0, "AND and OR"},
		"year=many":                       {"year", 1, "number"},
		"mass+(g)=21+g":                   {"mass (g)", 1, "number"},
		"fell=maybe":                      {"fell", 1, "true or false"},
		"found=yesterday":                 {"found", 1, "date"},
		"bbox=1,2,3":                      {"bbox", 0, "west,south,east,north"},
		"bbox=1,2,3,4,5,6,7":              {"bbox", 13, "more than 6"},
		"bbox=1,2,x,4":                    {"bbox", 5, "no number"},
		"bbox=1,5,3,4":                    {"bbox", 0, "south is greater"},
		"bbox=1,5,3,94":                   {"bbox", 0, "latitude"},
		"bbox=1,5,300,50":                 {"bbox", 0, "longitude"},
		"bbox-crs=EPSG:4326":              {"bbox-crs", 0, "CRS84"},
		"datetime=soon":                   {"datetime", 1, "give an instant"},
		"datetime=1990/soon":              {"datetime", 6, "give an instant"},
		"datetime=1990/1980":              {"datetime", 6, "ends before it begins"},
		"datetime=..":                     {"datetime", 1, "empty"},
		"near=1":                          {"near", 0, "longitude and latitude"},
		"near=1,95":                       {"near", 3, "latitude"},
		"near=195,9":                      {"near", 1, "longitude"},
		"near=a,b":                        {"near", 1, "no number"},
		"radius=5":                        {"radius", 0, "near=LON,LAT"},
		"near=1,2&radius=-5":              {"radius", 1, "metres"},
		"near=1,2&radius=NaN":             {"radius", 1, "metres"},
		"q=":                              {"q", 0, "empty"},
		"q=" + long:                       {"q", 1025, "1024"},
		"sortby=":                         {"sortby", 0, "no field"},
		"sortby=year,,id":                 {"sortby", 6, "missing"},
		"sortby=year,yeer":                {"sortby", 6, "did you mean year?"},
		"sortby=year,-year":               {"sortby", 6, "twice"},
		`sortby="year`:                    {"sortby", 1, "not closed"},
		`sortby="year"x`:                  {"sortby", 7, "comma"},
		"properties=nam":                  {"properties", 1, "did you mean name?"},
		"properties=name,name":            {"properties", 6, "twice"},
		"limit=-1":                        {"limit", 1, "0 to 1000000"},
		"limit=ten":                       {"limit", 1, "0 to 1000000"},
		"token=abc":                       {"token", 0, "next"},
		"version=now":                     {"version", 1, "Dataset-Version"},
		"explain=perhaps":                 {"explain", 0, "true or false"},
		"f=xml":                           {"f", 0, "geojson-seq"},
		"name=%zz":                        {"name", 0, "escape"},
		"a=1&b=2":                         {"a", 0, ""},

		"datetime=1990-05-01T12:00:00+02:00": {"datetime", 1, "%2B"},
		"datetime=../1990-05-01T12:00+02:00": {"datetime", 4, "%2B"},
		"datetime=1990-05-01T12:00:00+X":     {"datetime", 1, "give an instant"},
		"found=1990-05-01T12:00:00+02:00":    {"found", 1, "%2B"},

		"filter=name>TIMESTAMP('1990-05-01T12:00:00Z')": {"filter", 0, "compare name with a text"},
	} {
		path := strings.NewReplacer(`"`, "%22", " ", "%20", "<", "%3C", ">", "%3E", "{", "%7B").Replace("/data?" + q)
		code := dataset.Invalid
		if len(q) > 1000 {
			code = dataset.TooLarge
		}
		p := n.problem(n.do("GET", path, ""), code)
		if len(p.Errors) == 0 || p.Errors[0].Parameter != want.parameter || p.Errors[0].Column != want.column {
			t.Errorf("%.80s: %+v, want %s at %d", q, p.Errors, want.parameter, want.column)
		}
		if !strings.Contains(p.Detail+p.Remedy+p.Errors[0].Detail, want.text) {
			t.Errorf("%.80s: %s; %s", q, p.Detail, p.Remedy)
		}
	}
	n.problem(n.do("GET", "/collections/none/items?limit=1", ""), dataset.NotFound)
	n.problem(n.do("QUERY", "/collections/none/items", "limit=1", "Content-Type", formType), dataset.NotFound)
	if _, ok := n.api.others.Load("none"); ok || slices.Contains(n.api.config.Catalog.Names(), "none") {
		t.Error("a question made a dataset")
	}
}

func TestFormats(t *testing.T) {
	n := startStones(t)
	r := n.want(n.do("GET", "/data?f=ndjson&limit=2", ""), 200)
	if lines := strings.Split(r.body, "\n"); len(lines) != 3 || !strings.HasPrefix(lines[1], `{"id":"2"`) || r.header.Get("Number-Matched") != "6" || r.header.Get("Number-Returned") != "2" {
		t.Errorf("ndjson: %q %v", r.body, r.header)
	}
	r = n.want(n.do("GET", "/data?filter=id%3C%3E'1'", "", "Accept", "text/csv"), 200)
	rows, err := csv.NewReader(strings.NewReader(r.body)).ReadAll()
	if err != nil || len(rows) != 6 || !slices.Equal(rows[0], []string{"id", "name", "recclass", "mass (g)", "year", "found", "lat", "lon", "fell"}) || rows[1][1] != `Aarhus, "city"` || rows[3][5] != "" {
		t.Errorf("csv: %v %q", err, rows)
	}
	if got := r.header.Get("Content-Type"); got != "text/csv; charset=utf-8; header=present" {
		t.Errorf("csv comes as %s", got)
	}
	if !strings.Contains(r.body, "\r\n") {
		t.Error("the lines of CSV end without CR LF")
	}
	r = n.want(n.do("GET", "/data", "", "Accept", "text/csv;q=0.5, application/geo+json"), 200)
	var c struct {
		Type                          string
		NumberMatched, NumberReturned int
		TimeStamp                     time.Time
		Links                         []struct{ Rel, Href, Type string }
		Features                      []struct {
			Type, ID   string
			Geometry   *struct{ Coordinates []json.Number }
			Properties json.RawMessage
			Distance   *float64
		}
	}
	get := func(path string) {
		t.Helper()
		c.Features, c.Links = nil, nil
		r = n.want(n.do("GET", path, "", "Accept", "application/geo+json"), 200)
		if err := json.Unmarshal([]byte(r.body), &c); err != nil {
			t.Fatalf("%v: %s", err, r.body)
		}
	}
	get("/data")
	if c.Type != "FeatureCollection" || c.NumberMatched != 6 || c.NumberReturned != 6 || c.TimeStamp.IsZero() || len(c.Features) != 6 {
		t.Fatalf("geojson: %s", r.body)
	}
	if f := c.Features[0]; f.ID != "1" || fmt.Sprint(f.Geometry.Coordinates) != "[6.083330 50.775000]" || string(f.Properties) != strings.Trim(strings.Split(stones, "\n")[1], ",") {
		t.Errorf("the first feature is %+v", f)
	}
	if got := fmt.Sprint(c.Features[4].Geometry.Coordinates); got != "[-5.52667 -1.5]" || c.Features[5].Geometry != nil {
		t.Errorf("longitudes beyond 180: %s; no place: %v", got, c.Features[5].Geometry)
	}
	get("/data?near=6,50&limit=1")
	if d := c.Features[0].Distance; d == nil || *d < 80_000 || *d > 90_000 {
		t.Errorf("near: %s", r.body)
	}
	next := ""
	for _, l := range c.Links {
		if l.Rel == "next" {
			next = l.Href
		}
	}
	get(strings.TrimPrefix(next, "http://"+n.addr))
	if len(c.Features) != 1 || c.Features[0].ID != "2" {
		t.Errorf("next leads to %s", r.body)
	}
	r = n.want(n.do("GET", "/collections/meteorite_landings/items?f=geojson-seq&limit=2", ""), 200)
	if parts := strings.Split(r.body, "\x1e"); len(parts) != 3 || parts[0] != "" || !strings.HasSuffix(parts[1], "}\n") || !json.Valid([]byte(parts[2])) {
		t.Errorf("geojson-seq: %q", r.body)
	}
	r = n.want(n.do("GET", `/data?properties=name,%22mass%20(g)%22&limit=1`, ""), 200)
	if r.body != `[{"name":"Aachen","mass (g)":"21"}]` {
		t.Errorf("projection: %s", r.body)
	}
	r = n.want(n.do("GET", `/data?properties=&limit=1`, ""), 200)
	if r.body != `[{}]` {
		t.Errorf("empty projection: %s", r.body)
	}
	n.problem(n.do("GET", "/data?limit=1", "", "Accept", "image/png"), dataset.NotAcceptable)
	n.problem(n.do("GET", "/data", "", "Accept", "image/png"), dataset.NotAcceptable)
	if r := n.want(n.do("GET", "/data", "", "Accept", "text/html, */*;q=0.8"), 200); r.header.Get("Content-Type") != "application/json" {
		t.Errorf("a browser gets %s", r.header.Get("Content-Type"))
	}
}

// Records that came as Features go out as Features, whole.
func TestFeatures(t *testing.T) {
	n := start(t, nil)
	first := `{"type":"Feature","geometry":{"type":"Point","coordinates":[1.50,2]},"properties":{"name":"a","n":1.0}}`
	n.want(n.do("POST", "/data", `{"type":"FeatureCollection","features":[`+first+`]}`, "Content-Type", "application/geo+json"), 200)
	if r := n.want(n.do("GET", "/data?limit=5", ""), 200); r.body != "["+first+"]" {
		t.Errorf("json: %s", r.body)
	}
	want := strings.TrimSuffix(first, "}") + `,"id":"0"}`
	if r := n.want(n.do("GET", "/data?f=geojson-seq", ""), 200); r.body != "\x1e"+want+"\n" {
		t.Errorf("geojson-seq: %q", r.body)
	}
	if r := n.want(n.do("GET", "/data?properties=n&f=ndjson", ""), 200); r.body != strings.Replace(first, `"name":"a",`, "", 1)+"\n" {
		t.Errorf("projection: %q", r.body)
	}
	if r := n.want(n.do("GET", "/data?f=csv&properties=name,n", ""), 200); r.body != "name,n\r\na,1.0\r\n" {
		t.Errorf("csv: %q", r.body)
	}
}

func TestQueryTags(t *testing.T) {
	n := startStones(t)
	seen := map[string]string{}
	for _, path := range []string{"/data?recclass=L5", "/data?recclass=L5&limit=1", "/data?recclass=H6", "/data?recclass=L5&f=csv", "/data?recclass=L5&properties=name", "/data?recclass=L5&sortby=year", "/collections/meteorite_landings/items?recclass=L5&f=json", "/collections/meteorite_landings/facets?recclass=L5", "/collections/meteorite_landings/facets?recclass=L5&fields=name"} {
		r := n.want(n.do("GET", path, ""), 200)
		tag := r.header.Get("Etag")
		if other, twice := seen[tag]; twice || tag == "" {
			t.Errorf("%s and %s have the tag %q", path, other, tag)
		}
		seen[tag] = path
		if got := n.do("GET", path, "", "If-None-Match", tag); got.status != 304 || got.body != "" || got.header.Get("Etag") != tag {
			t.Errorf("%s: %d", path, got.status)
		}
		if got := n.do("HEAD", path, ""); got.status != 200 || got.body != "" || got.header.Get("Content-Length") != r.header.Get("Content-Length") || got.header.Get("Etag") != tag {
			t.Errorf("HEAD %s: %d %v", path, got.status, got.header)
		}
		if r.header.Get("Dataset-Version") != "1" || r.header.Get("Vary") == "" {
			t.Errorf("%s: %v", path, r.header)
		}
	}
	tag := n.do("GET", "/data?recclass=L5", "").header.Get("Etag")
	n.want(n.do("PATCH", "/data/1", `{"name":"Aix"}`, "Content-Type", mergePatchType), 200)
	r := n.want(n.do("GET", "/data?recclass=L5", "", "If-None-Match", tag), 200)
	if r.header.Get("Etag") == tag || !strings.Contains(r.body, "Aix") {
		t.Error("a write did not change the answer")
	}
	n.problem(n.do("GET", "/data?recclass=L5", "", "If-Match", tag), dataset.PreconditionFailed)
}

func TestQueryCodings(t *testing.T) {
	n := start(t, nil)
	n.want(n.do("POST", "/data", big(), "Content-Type", "application/json"), 200)
	plain := n.want(n.do("GET", "/data?limit=100", ""), 200)
	for _, coding := range []string{"gzip", "zstd"} {
		r := n.want(n.do("GET", "/data?limit=100", "", "Accept-Encoding", coding), 200)
		if r.header.Get("Content-Encoding") != coding || decoded(t, r) != plain.body || r.header.Get("Etag") == plain.header.Get("Etag") {
			t.Errorf("%s: %v", coding, r.header)
		}
		if got := n.do("GET", "/data?limit=100", "", "Accept-Encoding", coding, "If-None-Match", r.header.Get("Etag")); got.status != 304 {
			t.Errorf("%s: %d for its own tag", coding, got.status)
		}
		small := n.want(n.do("GET", "/data?limit=1", "", "Accept-Encoding", coding), 200)
		if small.header.Get("Content-Encoding") != "" {
			t.Errorf("%s: a small answer was coded", coding)
		}
	}
	// Larger than what is made beforehand.
	var list []string
	for i := range 30_000 {
		list = append(list, fmt.Sprintf(`{"id":"%d","v":"%0200d"}`, i, i))
	}
	n.want(n.do("POST", "/data", "["+strings.Join(list, ",\n")+"]", "Content-Type", "application/json"), 200)
	for _, coding := range []string{"", "gzip", "zstd"} {
		all := n.want(n.do("GET", "/data?f=ndjson", "", "Accept-Encoding", coding), 200)
		if lines := strings.Count(decoded(t, all), "\n"); lines != len(list) || itoa(lines) != all.header.Get("Number-Returned") || all.header.Get("Content-Length") != "" {
			t.Errorf("%s: %d lines, Number-Returned %s", coding, lines, all.header.Get("Number-Returned"))
		}
	}
}

func TestQueryMethod(t *testing.T) {
	n := startStones(t)
	for _, c := range [][2]string{
		{formType, "filter=recclass%3D'L5'&sortby=-year"},
		{cql2TextType, "recclass='L5'"},
		{"text/plain; charset=utf-8", "recclass='L5'"},
		{cql2JSONType, `{"op":"=","args":[{"property":"recclass"},"L5"]}`},
	} {
		r := n.want(n.do("QUERY", "/data", c[1], "Content-Type", c[0]), 200)
		if r.header.Get("Number-Matched") != "2" {
			t.Errorf("%s: %s", c[0], r.body)
		}
		again := n.want(n.do("GET", r.header.Get("Location"), ""), 200)
		if again.body != r.body {
			t.Errorf("%s: %s leads to %s", c[0], r.header.Get("Location"), again.body)
		}
	}
	r := n.want(n.do("QUERY", "/data?limit=1", "sortby=year", "Content-Type", formType), 200)
	if !strings.Contains(r.body, `"id":"3"`) || r.header.Get("Number-Returned") != "1" {
		t.Errorf("address and body together: %s", r.body)
	}
	r = n.do("QUERY", "/data", "<x/>", "Content-Type", "text/xml")
	n.problem(r, dataset.UnsupportedMediaType)
	if r.header.Get("Accept-Query") != acceptQuery[0] {
		t.Error("Accept-Query is missing")
	}
	if r := n.do("OPTIONS", "/data", ""); r.header.Get("Accept-Query") != acceptQuery[0] {
		t.Error("OPTIONS does not say Accept-Query")
	}
	long := "filter=" + url.QueryEscape("name IN ('"+strings.Repeat("a", 20_000)+"')")
	r = n.do("GET", "/data?"+long, "")
	if p := n.problem(r, dataset.AddressTooLong); !strings.Contains(p.Remedy, "QUERY") {
		t.Errorf("a long address: %+v", p)
	}
	if r := n.want(n.do("QUERY", "/data?limit=1", long, "Content-Type", formType), 200); r.body != "[]" || r.header.Get("Location") != "" {
		t.Errorf("the same by QUERY: %s", r.body)
	}
	// Pages of a question that fits no address.
	long = "limit=2&filter=" + url.QueryEscape("name <> '"+strings.Repeat("a", 20_000)+"'")
	r = n.want(n.do("QUERY", "/data", long, "Content-Type", formType), 200)
	next := nextOf(r)
	if r = n.want(n.do("QUERY", next, long, "Content-Type", formType), 200); !strings.HasPrefix(r.body, `[{"id":"3"`) {
		t.Errorf("the second page: %s", r.body)
	}
	n.problem(n.do("GET", next, ""), dataset.Invalid)
}

var nextLink = regexp.MustCompile(`<([^>]*)>; rel="next"`)

func nextOf(r reply) string {
	if m := nextLink.FindStringSubmatch(r.header.Get("Link")); m != nil {
		return m[1]
	}
	return ""
}

// Pages are all of one version, whatever is written while they are turned.
func TestPagesStayPut(t *testing.T) {
	n := start(t, nil)
	var list []string
	const records = 700
	for i := range records {
		list = append(list, fmt.Sprintf(`{"id":"%d","v":%d}`, i, i*7919%records))
	}
	n.want(n.do("POST", "/data", "["+strings.Join(list, ",")+"]", "Content-Type", "application/json"), 200)
	ctx, stop := context.WithCancel(t.Context())
	written := make(chan struct{}, 1) // something was, since this was last taken
	var writers sync.WaitGroup
	defer writers.Wait()
	defer stop()
	writers.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			id := itoa(i * 31 % records)
			switch i % 3 {
			case 0:
				n.do("DELETE", "/data/"+id, "")
			case 1:
				n.do("PUT", "/data/"+id, fmt.Sprintf(`{"id":"%s","v":%d}`, id, i), "Content-Type", "application/json")
			default:
				n.do("PUT", "/data/new"+itoa(i), fmt.Sprintf(`{"id":"new%d","v":%d}`, i, i), "Content-Type", "application/json")
			}
			select {
			case written <- struct{}{}:
			default:
			}
		}
	})
	for _, sort := range []string{"", "&sortby=v", "&sortby=-v"} {
		first := n.want(n.do("GET", "/data?limit=37"+sort, ""), 200)
		version, matched := first.header.Get("Dataset-Version"), first.header.Get("Number-Matched")
		whole := n.want(n.do("GET", "/data?f=json&version="+version+sort, ""), 200)
		var pages []string
		count := 0
		for r := first; ; count++ {
			pages = append(pages, strings.TrimSuffix(strings.TrimPrefix(r.body, "["), "]"))
			if r.header.Get("Dataset-Version") != version || r.header.Get("Number-Matched") != matched {
				t.Fatalf("page %d: version %s, want %s", count, r.header.Get("Dataset-Version"), version)
			}
			next := nextOf(r)
			if next == "" {
				break
			}
			<-written
			r = n.want(n.do("GET", next, ""), 200)
		}
		if got := "[" + strings.Join(pages, ",\n") + "]"; got != whole.body || count < 15 {
			t.Errorf("%s: %d pages are not the whole of version %s", sort, count+1, version)
		}
	}
	stop()
	writers.Wait()
	if n.api.data.data.State().Version < 10 {
		t.Error("nothing was written meanwhile")
	}
}

func TestVersionsGone(t *testing.T) {
	coder, err := encode.NewCoder(0)
	if err != nil {
		t.Fatal(err)
	}
	catalog := readmodel.NewCatalogKeeping(coder, readmodel.History{Bytes: 1 << 20, Age: 50 * time.Millisecond})
	n := start(t, func(c *Config) { c.Catalog, c.Store = catalog, newMemoryStore(catalog) })
	n.want(n.do("POST", "/data", stones), 200)
	next := nextOf(n.want(n.do("GET", "/data?limit=2", ""), 200))
	n.want(n.do("DELETE", "/data/6", ""), 204)
	deadline := time.Now().Add(10 * time.Second)
	r := n.do("GET", next, "")
	for ; r.status == 200 && time.Now().Before(deadline); r = n.do("GET", next, "") {
		time.Sleep(5 * time.Millisecond)
	}
	if p := n.problem(r, dataset.Gone); p.Errors[0].Parameter != "token" {
		t.Errorf("%+v", p)
	}
	if p := n.problem(n.do("GET", "/data?version=1", ""), dataset.Gone); p.Errors[0].Parameter != "version" {
		t.Errorf("%+v", p)
	}
	n.problem(n.do("GET", "/data?version=99", ""), dataset.NotFound)
	// Another history: its version 1 is not the one that the token means.
	next = nextOf(n.want(n.do("GET", "/data?limit=2", ""), 200))
	n.want(n.do("DELETE", "/data", ""), 200)
	n.want(n.do("POST", "/data", stones), 200)
	n.want(n.do("DELETE", "/data/1", ""), 204)
	if r := n.do("GET", next, ""); r.status == 200 {
		t.Errorf("a token of a deleted dataset gives %s", r.body)
	}
	other := nextOf(n.want(n.do("GET", "/data?limit=2&recclass=Iron&recclass=H6", ""), 200))
	n.problem(n.do("GET", strings.Replace(other, "Iron", "L5", 1), ""), dataset.Invalid)
}

func TestExplain(t *testing.T) {
	n := startStones(t)
	r := n.want(n.do("GET", "/data?explain=true&recclass=L5&sortby=-year", ""), 200)
	var got explained
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || got.Plan == nil || len(got.Plan.Steps) == 0 || got.Matched != 2 || got.Filter != "recclass = 'L5'" || got.SortBy[0] != "-year" {
		t.Errorf("%v: %s", err, r.body)
	}
}

func TestFacetsAndSchema(t *testing.T) {
	n := startStones(t)
	base := "/collections/meteorite_landings"
	var f facets
	r := n.want(n.do("GET", base+"/facets?fields=recclass&limit=2&filter=year%3E0", ""), 200)
	if err := json.Unmarshal([]byte(r.body), &f); err != nil {
		t.Fatal(err)
	}
	if f.Matched != 5 || len(f.Facets) != 1 || f.Facets[0].Missing != 1 || len(f.Facets[0].Values) != 2 || string(f.Facets[0].Values[0].Value) != `"L5"` || f.Facets[0].Values[0].Count != 2 || f.Facets[0].Distinct != 3 || f.Facets[0].Other != 1 {
		t.Errorf("facets: %s", r.body)
	}
	n.want(n.do("QUERY", base+"/facets", "fields=recclass", "Content-Type", formType), 200)
	n.want(n.do("GET", base+"/facets", ""), 200)
	n.problem(n.do("GET", base+"/facets?fields=nope", ""), dataset.Invalid)
	n.problem(n.do("GET", base+"/facets?sortby=name", ""), dataset.Invalid)
	n.problem(n.do("GET", base+"/facets?histogram=name", ""), dataset.Invalid)
	n.problem(n.do("GET", base+"/facets?histogram=year&bins=0", ""), dataset.Invalid)
	n.problem(n.do("GET", base+"/summary?quantiles=2", ""), dataset.Invalid)
	n.problem(n.do("GET", "/collections/none/facets", ""), dataset.NotFound)
	r = n.want(n.do("GET", base+"/facets?histogram=year&bins=4", ""), 200)
	f = facets{}
	if err := json.Unmarshal([]byte(r.body), &f); err != nil || len(f.Histograms) != 1 || f.Histograms[0].Missing != 1 || len(f.Histograms[0].Counts) > 4 || len(f.Histograms[0].Borders) != len(f.Histograms[0].Counts)+1 {
		t.Errorf("histogram: %v %s", err, r.body)
	}
	var s summary
	r = n.want(n.do("GET", base+"/summary?fields=%22mass%20(g)%22&by=recclass&quantiles=0.5,1", ""), 200)
	if err := json.Unmarshal([]byte(r.body), &s); err != nil {
		t.Fatal(err)
	}
	iron := slices.IndexFunc(s.Groups, func(g query.Group) bool { return string(g.By[0]) == `"Iron"` })
	if len(s.Groups) != 4 || s.Matched != 6 || iron < 0 {
		t.Fatalf("summary: %s", r.body)
	}
	if g := s.Groups[iron]; g.Records != 2 || g.Fields[0].Count != 2 || *g.Fields[0].Sum != 5 || fmt.Sprint(g.Fields[0].Quantiles) != "[2.5 3]" || g.Fields[0].Min != 2.0 {
		t.Errorf("summary: %s", r.body)
	}
	for _, kind := range []string{"schema", "queryables"} {
		r := n.want(n.do("GET", base+"/"+kind, ""), 200)
		var s struct {
			Properties map[string]struct {
				Type, Format string
				Role         string `json:"x-ogc-role"`
			}
		}
		if err := json.Unmarshal([]byte(r.body), &s); err != nil || r.header.Get("Content-Type") != schemaType {
			t.Fatalf("%v: %s", err, r.body)
		}
		p := s.Properties
		if p["mass (g)"].Type != "number" || p["year"].Type != "integer" || p["id"].Role != "id" || p["found"].Format != "date-time" || p["geometry"].Role != "primary-geometry" || p["fell"].Type != "boolean" {
			t.Errorf("%s: %s", kind, r.body)
		}
	}
}

// startNASA serves NASA's table; the test is skipped where it is absent.
func startNASA(t testing.TB) *node {
	t.Helper()
	data, err := os.ReadFile("../../../shared/data/nasa_meteorite_landings.csv")
	if err != nil {
		t.Skip("SKIPPED: NASA's table is not in ../shared/data beside the repository")
	}
	n := start(t, nil)
	n.want(n.do("POST", "/data", string(data), "Content-Type", "text/csv"), 200)
	return n
}

func TestNASAQueries(t *testing.T) {
	n := startNASA(t)
	for q, want := range map[string]string{
		"limit=0":                          "45716",
		"year=":                            "291",
		"mass+(g)=":                        "131",
		"reclat=":                          "7315",
		"bbox=-180,-90,180,-85.05&limit=0": "1423",
		"bbox=0,0,0,0&limit=0":             "6214",
		"bbox=-5.6,-90,-5.5,90&limit=1":    "",
		"datetime=0860&limit=5":            "1",
		"datetime=0860-01-01T00:00:00Z/0861&limit=5": "",
		"year=0860&limit=5":                          "1",
		"year=860&limit=5":                           "1",
		"filter=recclass='L6'+AND+year%3E1990&sortby=-%22mass+(g)%22&limit=20": "",
		"near=0,-90&limit=10": "38401",
		"name=A%C3%AFr":       "1",
	} {
		r := n.want(n.do("GET", "/data?"+q, ""), 200)
		if want != "" && r.header.Get("Number-Matched") != want {
			t.Errorf("%s: %s records, want %s", q, r.header.Get("Number-Matched"), want)
		}
	}
	whole := n.want(n.do("GET", "/data", ""), 200).body
	streamed := n.want(n.do("GET", "/data?filter=true", ""), 200)
	if streamed.body != whole || streamed.header.Get("Number-Returned") != "45716" {
		t.Errorf("an export of all records has %d bytes, want %d", len(streamed.body), len(whole))
	}
	r := n.want(n.do("GET", "/data?f=csv", ""), 200)
	rows, err := csv.NewReader(strings.NewReader(r.body)).ReadAll()
	if err != nil || len(rows) != 45717 {
		t.Errorf("CSV: %v, %d rows", err, len(rows))
	}
	r = n.want(n.do("GET", "/data?f=geojson", ""), 200)
	if !json.Valid([]byte(r.body)) || strings.Count(r.body, `"geometry":null`) != 7315 {
		t.Errorf("GeoJSON: %d without a place", strings.Count(r.body, `"geometry":null`))
	}
}

func TestQueryLimits(t *testing.T) {
	n := start(t, func(c *Config) {
		c.Limits = Limits{QueryTime: time.Nanosecond, Positions: 5, Fields: 2, FilterBytes: 200, QueryBytes: 1000}
	})
	n.want(n.do("POST", "/data", stones), 200)
	if p := n.problem(n.do("GET", "/data?recclass=L5", ""), dataset.TooCostly); p.Remedy == "" {
		t.Errorf("%+v", p)
	}
	n.problem(n.do("GET", "/collections/meteorite_landings/facets", ""), dataset.TooCostly)
	n.problem(n.do("GET", "/data?explain=true", ""), dataset.TooCostly)
	line := "filter=" + url.QueryEscape("S_INTERSECTS(geometry, LINESTRING(0 0,1 1,2 2,3 3,4 4,5 5))")
	for q, parameter := range map[string]string{
		line:                                 "filter",
		"filter=" + strings.Repeat("(", 300): "filter",
		"sortby=year,name,id":                "sortby",
		"properties=year,name,id":            "properties",
		"year=1&year=2&year=3":               "year",
		"year=1&name=2&id=3":                 "id",
	} {
		if p := n.problem(n.do("GET", "/data?"+q, ""), dataset.TooLarge); p.Errors[0].Parameter != parameter {
			t.Errorf("%.40s: %+v", q, p)
		}
	}
	n.problem(n.do("QUERY", "/data", "limit=1&q="+strings.Repeat("a", 1000), "Content-Type", formType), dataset.TooLarge)
	deep := "filter=" + strings.Repeat("NOT(", 120) + "true" + strings.Repeat(")", 120)
	m := startStones(t)
	if p := m.problem(m.do("GET", "/data?"+deep, ""), dataset.Invalid); !strings.Contains(p.Errors[0].Detail, "100 levels") {
		t.Errorf("nesting: %+v", p)
	}
}

// Counts and links do not depend on whether a page happens to have everything.
func TestHeadersOfTheWholeList(t *testing.T) {
	n := startStones(t)
	for _, path := range []string{"/data?limit=5", "/data?limit=6", "/data?limit=7", "/data?f=json", "/data?limit=6&f=csv",
		"/collections/meteorite_landings/items?f=json&limit=6", "/collections/meteorite_landings/items?f=json"} {
		for _, method := range []string{"GET", "HEAD"} {
			r := n.want(n.do(method, path, ""), 200)
			returned := "6"
			if strings.HasSuffix(path, "=5") {
				returned = "5"
			}
			if r.header.Get("Number-Matched") != "6" || r.header.Get("Number-Returned") != returned ||
				!strings.HasPrefix(r.header.Get("Link"), "<"+path+`>; rel="self"`) || (nextOf(r) != "") != (returned == "5") {
				t.Errorf("%s %s: %v", method, path, r.header)
			}
		}
	}
	// A client that goes from page to page needs no special case for the last one.
	for limit := 1; limit <= 7; limit++ {
		next, got := "/data?limit="+itoa(limit), 0
		for next != "" {
			r := n.want(n.do("GET", next, ""), 200)
			count, err := strconv.Atoi(r.header.Get("Number-Returned"))
			if err != nil {
				t.Fatalf("%s: %v", next, r.header)
			}
			got += count
			next = nextOf(r)
		}
		if got != 6 {
			t.Errorf("pages of %d have %d records", limit, got)
		}
	}
	if r := n.want(n.do("GET", "/data", ""), 200); r.header.Get("Link") != "" || r.header.Get("Number-Matched") != "" {
		t.Errorf("the plain list has %v", r.header)
	}
}

// Every link of an answer leads to one, of the type that it says.
func TestLinksLead(t *testing.T) {
	n := startStones(t)
	for _, path := range []string{"/data?f=geojson&limit=2", "/collections/meteorite_landings/items?limit=2", "/collections/meteorite_landings/items?bbox=5,45,11,60"} {
		for visited := 0; path != ""; visited++ {
			r := n.want(n.do("GET", path, ""), 200)
			var got struct {
				Links []struct{ Rel, Type, Href string }
			}
			if err := json.Unmarshal([]byte(r.body), &got); err != nil || len(got.Links) == 0 || got.Links[0].Rel != "self" {
				t.Fatalf("%s: %v: %s", path, err, r.body)
			}
			path = ""
			for _, l := range got.Links {
				to, ours := strings.CutPrefix(l.Href, "http://"+n.addr)
				if !ours {
					t.Fatalf("a link leads to %s", l.Href)
				}
				if at := n.want(n.do("GET", to, ""), 200); at.header.Get("Content-Type") != l.Type {
					t.Errorf("%s is %s, not %s", to, at.header.Get("Content-Type"), l.Type)
				}
				if l.Rel == "next" {
					path = to
				}
			}
			if visited > 3 {
				t.Fatal("the links next have no end")
			}
		}
	}
}

// Links are made of the address that the client knows, which proxies tell.
func TestLinksBehindProxies(t *testing.T) {
	n := startStones(t)
	for _, c := range []struct {
		base   string
		header []string
	}{
		{"http://" + n.addr, nil},
		{"http://data.example", []string{"Host", "data.example"}},
		{"https://data.example", []string{"Host", "data.example", "X-Forwarded-Proto", "https"}},
		{"https://data.example:8443", []string{"X-Forwarded-Host", "data.example:8443", "X-Forwarded-Proto", "HTTPS"}},
		{"https://data.example", []string{"X-Forwarded-Host", "data.example, inner.example", "X-Forwarded-Proto", "https, http"}},
		{"http://data.example", []string{"X-Forwarded-Host", "data.example", "X-Forwarded-Proto", "http,https"}},
	} {
		r := n.want(n.do("GET", "/data?f=geojson&limit=2", "", c.header...), 200)
		if links := strings.Count(r.body, `"href":"`+c.base+`/data?`); links != 2 {
			t.Errorf("with %v: %s", c.header, r.body)
		}
		r = n.want(n.do("GET", "/collections/meteorite_landings/schema", "", c.header...), 200)
		if !strings.Contains(r.body, `"$id":"`+c.base+`/collections/`) {
			t.Errorf("with %v: %s", c.header, r.body)
		}
	}
}
