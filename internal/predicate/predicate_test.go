package predicate

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"landings/internal/cql2"
	"landings/internal/dataset"
)

var schema = dataset.Schema{
	Fields: []dataset.Field{
		{Name: "name", Type: dataset.Text},
		{Name: "mass (g)", Type: dataset.Number},
		{Name: "year", Type: dataset.Integer},
		{Name: "fell", Type: dataset.Boolean},
		{Name: "seen", Type: dataset.Time},
		{Name: "lat", Type: dataset.Number},
		{Name: "lon", Type: dataset.Number},
		{Name: "tags", Type: dataset.JSON},
	},
	IDField:   "name",
	Geometry:  &dataset.Geometry{Lat: "lat", Lon: "lon"},
	TimeField: "year",
}

// Records spell their values as texts, as NASA's do, or as JSON has them.
var records = []string{
	`{"name":"Aïr","mass (g)":"24000","year":"1925","fell":"true","seen":"1925-06-01","lat":"19.08333","lon":"8.38333","tags":["iron","old"]}`,
	`{"name":"Abee","mass (g)":107000,"year":1952,"fell":true,"seen":"1952-06-10T23:05:00Z","lat":54.2,"lon":-113,"tags":["stone"]}`,
	`{"name":"Polar","mass (g)":"about 7","year":"0860","fell":"no","seen":"","lat":"-87.36667","lon":"180","tags":[]}`,
	`{"name":"Nowhere","mass (g)":"","year":null}`,
	`{"name":"under_score 50%","mass (g)":1e400,"year":9007199254740993,"lat":"0","lon":"354.47333","tags":["old",7,["x"]]}`,
}

func matches(t *testing.T, filter string) string {
	t.Helper()
	e, err := cql2.ParseText(filter)
	if err != nil {
		t.Fatalf("%s: %v", filter, err)
	}
	r := NewReader(schema)
	p, err := Bind(r, e)
	if err != nil {
		t.Fatalf("%s: %v", filter, err)
	}
	want := r.Want(Fields(p)...)
	row := r.NewRow()
	got := ""
	for i, json := range records {
		r.Read(dataset.Record{ID: fmt.Sprint(i), Position: uint64(i), JSON: []byte(json)}, &want, row)
		if p.Test(row) == True {
			got += fmt.Sprint(i)
		}
	}
	return got
}

func TestFilters(t *testing.T) {
	for filter, want := range map[string]string{
		`name = 'Aïr'`:                             "0",
		`name <> 'Aïr'`:                            "1234",
		`name > 'B'`:                               "234",
		`CASEI(name) = CASEI('ABEE')`:              "1",
		`ACCENTI(name) = ACCENTI('Air')`:           "0",
		`ACCENTI(CASEI(name)) LIKE 'air'`:          "0",
		`name LIKE 'A%'`:                           "01",
		`name LIKE '%\%'`:                          "4",
		`name LIKE '%\_%'`:                         "4",
		`name LIKE '____'`:                         "1",
		`name NOT LIKE 'A%'`:                       "234",
		`"mass (g)" > 24000`:                       "14",
		`"mass (g)" >= '24000'`:                    "014",
		`"mass (g)" IS NULL`:                       "3",
		`"mass (g)" IS NOT NULL`:                   "0124",
		`NOT ("mass (g)" > 24000)`:                 "0",
		`"mass (g)" BETWEEN 1 AND 107000`:          "01",
		`"mass (g)" / 1000 = 24`:                   "0",
		`year + 1 = 1926`:                          "0",
		`year = 9007199254740993`:                  "4",
		`year > 9007199254740992`:                  "4",
		`year = 860`:                               "2",
		`year IN (860, 1952)`:                      "12",
		`year NOT IN (860, 1952)`:                  "04",
		`fell = TRUE`:                              "01",
		`fell`:                                     "01",
		`NOT fell`:                                 "",
		`seen < DATE('1950-01-01')`:                "0",
		`seen = TIMESTAMP('1952-06-10T23:05:00Z')`: "1",
		`T_AFTER(seen, DATE('1925-06-01'))`:        "1",
		`T_DURING(year, INTERVAL('1900-01-01', '1930-12-31'))`:              "0",
		`T_INTERSECTS(year, INTERVAL('1925-03-01', '..'))`:                  "01",
		`S_INTERSECTS(geometry, BBOX(170,-90,-170,-80))`:                    "2",
		`S_INTERSECTS(geometry, BBOX(-180,-90,180,90))`:                     "0124",
		`S_WITHIN(geometry, POLYGON((-10 -1, 0 -1, 0 1, -10 1, -10 -1)))`:   "4",
		`S_CONTAINS(POLYGON((-10 -1, 0 -1, 0 1, -10 1, -10 -1)), geometry)`: "4",
		`S_DISJOINT(geometry, BBOX(0,0,20,20))`:                             "124",
		`geometry IS NULL`:                                                  "3",
		`distance(geometry, POINT(8 19)) < 50000`:                           "0",
		`A_CONTAINS(tags, ('old'))`:                                         "04",
		`A_OVERLAPS(tags, ('stone', 7))`:                                    "14",
		`A_EQUALS(tags, ('old', 'iron'))`:                                   "0",
		`A_CONTAINEDBY(tags, ('stone', 'old'))`:                             "12",
		`year > 1900 AND name = 'Aïr' OR year = 860`:                        "02",
		`NOT (year > 1900 OR name = 'Polar')`:                               "",
		`id = '3'`:                                                          "3",
		`length(name) = 3`:                                                  "0",
		`upper(name) = 'ABEE'`:                                              "1",
		`floor("mass (g)" / 1000) = 107`:                                    "1",
		`"mass (g)" = 1e401`:                                                "4",
	} {
		if got := matches(t, filter); got != want {
			t.Errorf("%s: %q, want %q", filter, got, want)
		}
	}
}

func TestRefused(t *testing.T) {
	for filter, say := range map[string]string{
		`mass > 1`:                               `there is no property mass`,
		`year > 'long ago'`:                      `year is a number`,
		`name > 7`:                               `do not compare`,
		`near(geometry) < 1`:                     `there is no function near`,
		`abs(name) < 1`:                          `expected a number`,
		`abs(1, 2) < 1`:                          `abs takes a number`,
		`S_INTERSECTS(name, POINT(1 2))`:         `expected a geometry`,
		`S_INTERSECTS(geometry, BBOX(0,10,1,0))`: `is no box`,
		`geometry = 7`:                           `cannot be compared`,
		`name`:                                   `expected a predicate`,
		`S_WITHIN(geometry, POINT(1 91))`:        `no place on the globe`,
		`A_CONTAINS(year, (1))`:                  `expected a list`,
		`T_AFTER(name, DATE('2000-01-01'))`:      `expected a time`,
	} {
		e, err := cql2.ParseText(filter)
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		_, err = Bind(NewReader(schema), e)
		if err == nil || dataset.CodeOf(err) != dataset.Invalid || !strings.Contains(err.Error(), say) {
			t.Errorf("%s: %v, want something with %q", filter, err, say)
		}
		if e, ok := errors.AsType[*dataset.Error](err); !ok || e.Remedy == "" {
			t.Errorf("%s: no remedy: %v", filter, err)
		}
	}
}

// What a remedy for a comparison tells to do works.
func TestRemedies(t *testing.T) {
	for _, c := range [][3]string{
		{`name > TIMESTAMP('2000-01-01T00:00:00Z')`, `compare name with a text, such as '2000-01-01': not all of its values are times`, `name > '2000-01-01'`},
		{`DATE('2000-01-01') < name`, `compare name with a text, such as '2000-01-01': not all of its values are times`, `'2000-01-01' < name`},
		{`name > 7`, `compare name with a text, such as '2000-01-01'`, `name > '2000-01-01'`},
		{`year > 'long ago'`, `compare year with a number, such as 7`, `year > 7`},
		{`year > DATE('2000-01-01')`, `compare year with a number, such as 7`, `year > 7`},
		{`seen > 7`, `compare seen with a time, such as DATE('2000-01-01')`, `seen > DATE('2000-01-01')`},
	} {
		e, err := cql2.ParseText(c[0])
		if err != nil {
			t.Fatal(err)
		}
		_, err = Bind(NewReader(schema), e)
		if got, ok := errors.AsType[*dataset.Error](err); !ok || got.Remedy != c[1] {
			t.Errorf("%s: %+v, want the remedy %s", c[0], err, c[1])
		}
		matches(t, c[2])
	}
}
