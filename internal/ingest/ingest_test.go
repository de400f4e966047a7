package ingest

import (
	"bytes"
	"encoding/csv"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"landings/internal/dataset"
)

func ptr[T any](v T) *T { return &v }

func read(t testing.TB, text string, o Options) (*Result, error) {
	t.Helper()
	return Read(t.Context(), strings.NewReader(text), o)
}

func mustRead(t testing.TB, text string, o Options) *Result {
	t.Helper()
	r, err := read(t, text, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func records(r *Result) (out []string) {
	for rec := range r.Load.Records.All() {
		out = append(out, rec.ID+" "+string(rec.JSON))
	}
	return out
}

func TestRecords(t *testing.T) {
	feature := `{"type":"Feature","id":7,"geometry":{"type":"Point","coordinates":[1,2]},"properties":{"a":"x"}}`
	feature2 := `{"type":"Feature","id":8,"geometry":null,"properties":{"a":"x"}}`
	for _, tt := range []struct {
		name, in string
		o        Options
		format   string
		want     []string
	}{
		{"a list", ` [ {"id":"a"} , {"id":1} ] `, Options{}, JSON, []string{`a {"id":"a"}`, `1 {"id":1}`}},
		{"an empty list", `[]`, Options{}, JSON, nil},
		{"an object with an empty list", `{"x": []}`, Options{}, JSON, nil},
		{"an object with a list", `{"n":1,"meta":{"a":[1]},"x":[{"id":"a"}],"m":null}`, Options{}, JSON, []string{`a {"id":"a"}`}},
		{"bytes are kept", "[{ \"b\" : 21.0,\n\t\"a\":1e400, \"id\" :\"\\u0041\"}]", Options{}, JSON, []string{"A { \"b\" : 21.0,\n\t\"a\":1e400, \"id\" :\"\\u0041\"}"}},
		{"a byte order mark", "\xef\xbb\xbf[{\"id\":1}]", Options{}, JSON, []string{`1 {"id":1}`}},
		{"no id", `[{"a":1},{"a":1}]`, Options{}, JSON, []string{`0 {"a":1}`, `1 {"a":1}`}},
		{"by position", `[{"id":1},{"id":1}]`, Options{IDField: ptr("")}, JSON, []string{`0 {"id":1}`, `1 {"id":1}`}},
		{"configured id", `[{"id":1,"k":"x"},{"id":1,"k":"y"}]`, Options{IDField: ptr("k")}, JSON, []string{`x {"id":1,"k":"x"}`, `y {"id":1,"k":"y"}`}},
		{"something_id", `[{"run_id":1,"site_id":"p"},{"run_id":1,"site_id":"q"}]`, Options{}, JSON, []string{`p {"run_id":1,"site_id":"p"}`, `q {"run_id":1,"site_id":"q"}`}},
		{"an id with escapes", `[{"id":"a\"b"}]`, Options{}, JSON, []string{`a"b {"id":"a\"b"}`}},
		{"lines", "{\"id\":1}\r\n\n  {\"id\":2}  \n", Options{}, NDJSON, []string{`1 {"id":1}`, `2 {"id":2}`}},
		{"an object after a line that is one", "{\n\"id\":1}\n", Options{}, "", nil},
		{"one line", `{"id":1}`, Options{ContentType: "application/x-ndjson; charset=utf-8"}, NDJSON, []string{`1 {"id":1}`}},
		{"no line", "\n", Options{Format: NDJSON}, "", nil},
		{"csv", "id,a\n1,\"x,\"\"y\"\"\"\n2,\"p\r\nq\"\n", Options{}, CSV, []string{`1 {"id":"1","a":"x,\"y\""}`, `2 {"id":"2","a":"p\r\nq"}`}},
		{"csv with BOM, CRLF, blank lines, no last line end", "\xef\xbb\xbfid,\"a\"\r\n\r\n1,Aïr\r\n\r\n2,", Options{}, CSV, []string{`1 {"id":"1","a":"Aïr"}`, `2 {"id":"2","a":""}`}},
		{"csv without rows", "id,a\n", Options{FileName: "a.csv"}, CSV, nil},
		{"csv of one row", "id,a\n1,x", Options{}, CSV, []string{`1 {"id":"1","a":"x"}`}},
		{"csv with one column", "a\nx\n\n\"\"\n", Options{FileName: "a.csv"}, CSV, []string{`0 {"a":"x"}`, `1 {"a":""}`}},
		{"csv with control characters", "a,b\n\x01\t,\\\n", Options{}, CSV, []string{`0 {"a":"\u0001\t","b":"\\"}`}},
		{"FeatureCollection", `{"type":"FeatureCollection","bbox":[1,2,3,4],"features":[` + feature + `,` + feature2 + `],"links":[1]}`, Options{}, GeoJSON, []string{"7 " + feature, "8 " + feature2}},
		{"FeatureCollection, type last", `{"features":[` + feature + `],"type":"FeatureCollection"}`, Options{}, GeoJSON, []string{"7 " + feature}},
		{"Features, a line each", feature + "\n" + feature2, Options{}, GeoJSON, []string{"7 " + feature, "8 " + feature2}},
		{"Features, a line each, said to be GeoJSON", feature + "\n" + feature2, Options{FileName: "x.geojsonl"}, GeoJSON, []string{"7 " + feature, "8 " + feature2}},
		{"geojson-seq", "\x1e" + feature + "\n\x1e" + feature2 + "\n", Options{ContentType: "application/geo+json-seq"}, GeoJSON, []string{"7 " + feature, "8 " + feature2}},
		{"geojson-seq over several lines", "\x1e{\"type\":\"Feature\",\n\"id\":1,\"properties\":null,\"geometry\":null}\n", Options{}, GeoJSON, []string{"1 {\"type\":\"Feature\",\n\"id\":1,\"properties\":null,\"geometry\":null}"}},
		{"a Feature's property as id", `{"type":"FeatureCollection","features":[{"type":"Feature","geometry":null,"properties":{"id":"p"}}]}`, Options{}, GeoJSON, []string{`p {"type":"Feature","geometry":null,"properties":{"id":"p"}}`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := read(t, tt.in, tt.o)
			if tt.format == "" {
				if err == nil {
					t.Fatal("no error")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if r.Format != tt.format || r.Bytes != int64(len(tt.in)) {
				t.Errorf("format %q, %d bytes", r.Format, r.Bytes)
			}
			if d := cmp.Diff(tt.want, records(r)); d != "" {
				t.Error(d)
			}
			// Whatever the buffer's cuts, the result is the same.
			slow, err := Read(t.Context(), &trickle{[]byte(tt.in)}, tt.o)
			if err != nil {
				t.Fatal("byte by byte: ", err)
			}
			if d := cmp.Diff(records(r), records(slow)); d != "" {
				t.Error("byte by byte: ", d)
			}
		})
	}
}

// The format is that of the whole first line, however long it is.
func TestLongFirstLine(t *testing.T) {
	pad := strings.Repeat("x", 40_000)
	half := strings.Repeat("x", startBuffer/2-len("{\"id\":1,\"p\":\"\"}\n"))
	points := strings.Repeat("[1.5,2.5],", 50_000) + "[1.5,2.5]"
	feature := `{"type":"Feature","id":1,"geometry":{"type":"LineString","coordinates":[` + points + `]},"properties":{}}`
	feature2 := `{"type":"Feature","id":2,"geometry":null,"properties":{}}`
	for _, tt := range []struct {
		name, in, format string
		records          int
	}{
		{"a record", `{"id":1,"p":"` + pad + "\"}\n{\"id\":2}\n", NDJSON, 2},
		{"a record that ends where one looks at first", `{"id":1,"p":"` + half + "\"}\n{\"id\":2}\n", NDJSON, 2},
		{"a record with a list", `{"id":1,"p":["` + pad + "\"],\"q\":[{\"id\":3}]}\r\n\r\n{\"id\":2}", NDJSON, 2},
		{"a record after much white space", strings.Repeat(" \n", 10_000) + `{"id":1,"p":"` + pad + "\"}\n{\"id\":2}", NDJSON, 2},
		{"a Feature", feature + "\n" + feature2 + "\n", GeoJSON, 2},
		{"a Feature of a sequence", "\x1e" + feature + "\n\x1e" + feature2 + "\n", GeoJSON, 2},
		{"a wrapper", `{"p":"` + pad + `","x":[{"id":1},{"id":2}]}`, JSON, 2},
		{"a wrapper with much white space behind", `{"p":"` + pad + `","x":[{"id":1}]}` + strings.Repeat("\n", 100_000), JSON, 1},
		{"a wrapper that is longer than a record may be", `{"x":[{"id":1}` + strings.Repeat(`,{"id":2,"p":"`+pad+`"}`, 40) + "]}", JSON, 41},
		{"a FeatureCollection", `{"type":"FeatureCollection","features":[` + feature + "," + feature2 + "]}\n", GeoJSON, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := Options{IDField: ptr("")}
			r := mustRead(t, tt.in, o)
			if r.Format != tt.format || r.Load.Records.Len() != tt.records {
				t.Errorf("%s, %d records", r.Format, r.Load.Records.Len())
			}
			packed := mustRead(t, gzipped(tt.in), o)
			slow, err := Read(t.Context(), &trickle{[]byte(tt.in)}, o)
			if err != nil {
				t.Fatal("byte by byte: ", err)
			}
			for _, other := range []*Result{packed, slow} {
				if other.Format != r.Format || cmp.Diff(records(r), records(other)) != "" {
					t.Errorf("in other pieces: %s, %d records", other.Format, other.Load.Records.Len())
				}
			}
		})
	}
	// What follows a line that is no JSON does not make it one of many.
	for _, in := range []string{`{"id":1,"p":"` + pad + "\"}{\"id\":2}\n{\"id\":3}", `{"id":1,"p":"` + pad + "\n{\"id\":3}"} {
		if _, err := read(t, in, Options{}); err == nil || !strings.Contains(err.Error(), "JSON") {
			t.Error(err)
		}
	}
}

func TestSchema(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want string // fields, then what else is known
	}{
		{`[{"a":"21","b":21,"c":"21.5","d":true,"e":"x","f":{},"g":"","h":null},{"i":1}]`,
			"a integer? b integer? c number? d boolean? e text? f json? g text? h text? i integer?"},
		{`[{"a":"1","b":1,"c":1e400,"d":"true","e":1},{"a":2,"b":1.0,"c":3,"d":"FALSE","e":"n/a"}]`,
			"a integer b number c number d boolean e json"},
		{`[{"zip":"02134","year":"0860","n":"0860","m":"+.5"},{"zip":"12345","year":"1880","n":"1","m":"5."}]`,
			"zip text year integer n text m number; time year"},
		{`[{"year":"01\/01\/1880 12:00:00 AM"}]`, "year time; time year"},
		{`[{"year":"1880","t":"2020-02-29"},{"year":"1881","t":"2020-02-29T10:00:00.5+01:00"}]`, "year integer t time; time t"},
		{`[{"t":"2021-02-29"}]`, "t text"},
		{`[{"reclat":"1.5","reclong":"2","GeoLocation":"(1.5, 2.0)"},{"reclat":"","GeoLocation":""}]`,
			"reclat number? reclong integer? GeoLocation point?; lat reclat lon reclong"},
		{`[{"start_lat":1,"end_lon":1,"start_lng":3}]`, "start_lat integer end_lon integer start_lng integer; lat start_lat lon start_lng"},
		{`[{"Latitude":1,"Longitude":1}]`, "Latitude integer Longitude integer; lat Latitude lon Longitude"},
		{`[{"lat":"n/a","lon":1}]`, "lat text lon integer"},
		{`[{"x":1.5,"y":2.5}]`, "x number y number; lat y lon x"},
		{`[{"x":1.5,"y":200.5}]`, "x number y number"},
		{`[{"where":"(1, 2)"},{"where":"( -3.5 , 354.1 )"}]`, "where point; text where"},
		{`[{"where":"(100, 2)"}]`, "where text"},
		{`[{"g":{"type":"Point","coordinates":[1,2]}},{"g":null}]`, "g point?; geojson g"},
		{`[{"g":{"type":"Point","coordinates":[1,2]}},{"g":{"type":"LineString","coordinates":[]}}]`, "g json; geojson g"},
		{`[{"g":{"type":"Point"}}]`, "g json"},
		{`[{"a\u0062":1},{"ab":2.5}]`, "ab number"},
		{"a,b\n1,x\n2.5,\n", "a number b text?"},
		{`[{"type":"Feature","id":1,"geometry":{"type":"Point","coordinates":[1,2]},"properties":{"geometry":1,"id":2,"name":"x"}}]`,
			"id integer name text geometry point; geojson geometry features"},
	} {
		s := mustRead(t, tt.in, Options{}).Load.Schema
		var parts []string
		for _, f := range s.Fields {
			p := f.Name + " " + string(f.Type)
			if f.Nullable {
				p += "?"
			}
			parts = append(parts, p)
		}
		got := strings.Join(parts, " ")
		add := func(sep, name, value string) {
			if value != "" {
				if !strings.Contains(got, ";") {
					got += ";"
				}
				got += " " + name + sep + value
			}
		}
		if g := s.Geometry; g != nil {
			add(" ", "geojson", g.GeoJSON)
			add(" ", "lat", g.Lat)
			add(" ", "lon", g.Lon)
			add(" ", "text", g.Text)
		}
		add(" ", "time", s.TimeField)
		if s.Features {
			add("", "features", " ")
			got = strings.TrimSpace(got)
		}
		if got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.in, got, tt.want)
		}
	}
}

func TestSettings(t *testing.T) {
	in := `[{"lat":1,"lon":2,"p":"(1, 2)","year":1900,"when":1}]`
	s := mustRead(t, in, Options{Geometry: &dataset.Geometry{Text: "p"}, TimeField: ptr("when")}).Load.Schema
	if s.Geometry.Text != "p" || s.TimeField != "when" {
		t.Errorf("%+v", s)
	}
	s = mustRead(t, in, Options{Geometry: &dataset.Geometry{}, TimeField: ptr("")}).Load.Schema
	if s.Geometry != nil || s.TimeField != "" {
		t.Errorf("%+v", s)
	}
}

// rows reads NASA's table with the library's CSV reader.
func rows(t testing.TB) [][]string {
	rows, err := csv.NewReader(bytes.NewReader(nasaCSV(t))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestNASA(t *testing.T) {
	want := rows(t)
	for name, in := range map[string][]byte{"csv": nasaCSV(t), "json": nasaJSON(t)} {
		t.Run(name, func(t *testing.T) {
			r := mustRead(t, string(in), Options{})
			if n := r.Load.Records.Len(); n != 45716 {
				t.Fatal(n, " records")
			}
			i := 0
			for rec := range r.Load.Records.All() {
				i++
				d := jsontext.NewDecoder(bytes.NewReader(rec.JSON))
				d.ReadToken()
				for j := range want[0] {
					k, _ := d.ReadToken()
					key := k.String()
					v, err := d.ReadToken()
					if err != nil || key != want[0][j] || v.String() != want[i][j] {
						t.Fatalf("record %d field %d: %s=%s, want %s=%s", i, j, key, v, want[0][j], want[i][j])
					}
				}
				if rec.ID != want[i][1] || rec.Position != uint64(i-1) {
					t.Fatalf("record %d has the id %q and the position %d", i, rec.ID, rec.Position)
				}
			}
			wantSchema := dataset.Schema{
				Fields: []dataset.Field{
					{Name: "name", Type: dataset.Text},
					{Name: "id", Type: dataset.Integer},
					{Name: "nametype", Type: dataset.Text},
					{Name: "recclass", Type: dataset.Text},
					{Name: "mass (g)", Type: dataset.Number, Nullable: true},
					{Name: "fall", Type: dataset.Text},
					{Name: "year", Type: dataset.Integer, Nullable: true},
					{Name: "reclat", Type: dataset.Number, Nullable: true},
					{Name: "reclong", Type: dataset.Number, Nullable: true},
					{Name: "GeoLocation", Type: dataset.Point, Nullable: true},
				},
				IDField: "id", TimeField: "year", Geometry: &dataset.Geometry{Lat: "reclat", Lon: "reclong"},
			}
			if d := cmp.Diff(wantSchema, r.Load.Schema); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestTutorialFile(t *testing.T) {
	b, err := os.ReadFile(shared + "Meteorite_Landings.json")
	if err != nil {
		t.Skip("the tutorial's file is not here: ", err)
	}
	r := mustRead(t, string(b), Options{FileName: "Meteorite_Landings.json"})
	if n := r.Load.Records.Len(); n != 30 {
		t.Fatal(n, " records")
	}
	at := 0
	for rec := range r.Load.Records.All() {
		i := bytes.Index(b[at:], rec.JSON)
		if i < 0 {
			t.Fatalf("%s is not in the file after the one before", rec.JSON)
		}
		if between := strings.Trim(string(b[at:at+i]), " \n,"); at > 0 && between != "" {
			t.Fatalf("between two records: %q", between)
		}
		at += i + len(rec.JSON)
	}
	if r.Load.Schema.IDField != "id" || r.Load.Schema.Geometry.Lat != "reclat" {
		t.Errorf("%+v", r.Load.Schema)
	}
}

// trickle reads a byte at a time.
type trickle struct{ b []byte }

func (r *trickle) Read(p []byte) (int, error) {
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:1], r.b)
	r.b = r.b[n:]
	return n, nil
}

// A member crs that says what holds anyway is no fault, nor is one of JSON that is no GeoJSON.
func TestCRS(t *testing.T) {
	const feature = `{"type":"Feature","geometry":null,"properties":{}}`
	named := func(name string) string { return `{"type":"name","properties":{"name":"` + name + `"}}` }
	for _, crs := range []string{"null", named("urn:ogc:def:crs:OGC:1.3:CRS84"), named("urn:ogc:def:crs:EPSG::4326"), named("EPSG:4326")} {
		mustRead(t, `{"type":"FeatureCollection","crs":`+crs+`,"features":[`+feature+`]}`, Options{})
		mustRead(t, strings.Replace(feature, "{", `{"crs":`+crs+`,`, 1), Options{Format: GeoJSON})
	}
	mustRead(t, `{"crs":"EPSG:3857","rows":[{"crs":1}]}`, Options{})
}
