package encode

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"landings/internal/dataset"
)

func written(f Format, schema dataset.Schema, fields []string, records ...string) string {
	form := NewForm(f, &schema, fields)
	b := form.Open(nil, Head{Matched: len(records), Returned: len(records), Time: time.Unix(0, 0), Links: []Link{{"self", "t", `/a?b="c"`}}})
	for i, r := range records {
		b = form.Record(b, dataset.Record{ID: "i", Position: uint64(i), JSON: []byte(r)}, i == 0, -1)
	}
	return string(form.Close(b))
}

var plainSchema = dataset.Schema{
	Fields:   []dataset.Field{{Name: "a"}, {Name: `q"u`}, {Name: "lat"}, {Name: "lon"}},
	Geometry: &dataset.Geometry{Lat: "lat", Lon: "lon"},
}

func TestForms(t *testing.T) {
	const record = "{ \"a\" : [1, {\"}\":\"\\\"]\"}],\n\t\"q\\\"u\":\"x\\ny\" , \"lat\":\"+1.50\",\"lon\":-0, \"more\":null}"
	for _, c := range []struct {
		format Format
		fields []string
		want   string
	}{
		{JSON, nil, "[" + record + ",\n{}]"},
		{JSON, []string{`q"u`, "lat"}, "[{\"q\\\"u\":\"x\\ny\",\"lat\":\"+1.50\"},\n{}]"},
		{JSON, []string{}, "[{},\n{}]"},
		{NDJSON, nil, strings.ReplaceAll(record, "\n", " ") + "\n{}\n"},
		{CSV, nil, "a,\"q\"\"u\",lat,lon\r\n\"[1, {\"\"}\"\":\"\"\\\"\"]\"\"}]\",\"x\ny\",+1.50,-0\r\n,,,\r\n"},
		{CSV, []string{"a"}, "a\r\n\"[1, {\"\"}\"\":\"\"\\\"\"]\"\"}]\"\r\n\"\"\r\n"},
		{GeoJSONSeq, []string{"lon"}, "\x1e{\"type\":\"Feature\",\"id\":\"i\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[-0,1.5]},\"properties\":{\"lon\":-0}}\n" +
			"\x1e{\"type\":\"Feature\",\"id\":\"i\",\"geometry\":null,\"properties\":{}}\n"},
		{GeoJSON, []string{}, `{"type":"FeatureCollection","numberMatched":2,"numberReturned":2,"timeStamp":"1970-01-01T00:00:00Z","features":[` + "\n" +
			`{"type":"Feature","id":"i","geometry":{"type":"Point","coordinates":[-0,1.5]},"properties":{}}` + ",\n" +
			`{"type":"Feature","id":"i","geometry":null,"properties":{}}],"links":[{"rel":"self","type":"t","href":"/a?b=\"c\""}]}`},
	} {
		if got := written(c.format, plainSchema, c.fields, record, "{}"); got != c.want {
			t.Errorf("%v %v:\n%q, want\n%q", c.format, c.fields, got, c.want)
		}
	}
}

func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		geometry dataset.Geometry
		record   string
		want     string
	}{
		{dataset.Geometry{Lat: "y", Lon: "x"}, `{"y":"50.775000","x":"6.083330"}`, `[6.083330,50.775000]`},
		{dataset.Geometry{Lat: "y", Lon: "x"}, `{"y":-90,"x":354.47333}`, `[-5.52667,-90]`},
		{dataset.Geometry{Lat: "y", Lon: "x"}, `{"y":1,"x":"-181"}`, `[179,1]`},
		{dataset.Geometry{Lat: "y", Lon: "x"}, `{"y":"5.","x":".5"}`, `[0.5,5]`},
		{dataset.Geometry{Lat: "y", Lon: "x"}, `{"y":"91","x":"1"}`, ``},
		{dataset.Geometry{Lat: "y", Lon: "x"}, `{"y":"","x":"1"}`, ``},
		{dataset.Geometry{Lat: "y", Lon: "x"}, `{"y":null}`, ``},
		{dataset.Geometry{Text: "p"}, `{"p":"(50.775, 6.08333)"}`, `[6.08333,50.775]`},
		{dataset.Geometry{Text: "p"}, `{"p":"here"}`, ``},
		{dataset.Geometry{GeoJSON: "g"}, `{"g":null}`, ``},
	} {
		want := "null"
		if c.want != "" {
			want = `{"type":"Point","coordinates":` + c.want + `}`
		}
		if got, fits := appendPlace(nil, &c.geometry, []byte(c.record)); string(got) != want || !fits {
			t.Errorf("%s: %s, want %s", c.record, got, want)
		}
	}
	line := `{"type":"LineString","coordinates":[[1,2],[3,4]]}`
	schema := dataset.Schema{Fields: []dataset.Field{{Name: "n"}, {Name: "g"}}, Geometry: &dataset.Geometry{GeoJSON: "g"}}
	if got := written(GeoJSONSeq, schema, nil, `{"n":1,"g":`+line+`}`); got != "\x1e"+`{"type":"Feature","id":"i","geometry":`+line+`,"properties":{"n":1}}`+"\n" {
		t.Errorf("a geometry of its own: %s", got)
	}
	// What is no geometry is not lost, and not taken for one.
	for _, g := range []string{`{"type":"Point","coordinates":["1",2]}`, `{"type":"Circle","coordinates":[1,2]}`, `{"a":1}`, `[1,2]`, `"x"`} {
		want := "\x1e" + `{"type":"Feature","id":"i","geometry":null,"properties":{"n":1,"g":` + g + "}}\n"
		if got := written(GeoJSONSeq, schema, nil, `{"n":1,"g":`+g+`}`); got != want {
			t.Errorf("%s is no geometry: %s", g, got)
		}
	}
	if got := written(GeoJSONSeq, schema, nil, `{"n":1,"g":null}`); got != "\x1e"+`{"type":"Feature","id":"i","geometry":null,"properties":{"n":1}}`+"\n" {
		t.Errorf("no geometry: %s", got)
	}
	// A Feature has the members that the standard asks for.
	schema = dataset.Schema{Features: true}
	if got := written(GeoJSONSeq, schema, nil, `{"type":"Feature" }`); got != "\x1e"+`{"type":"Feature","id":"i","geometry":null,"properties":null}`+"\n" {
		t.Errorf("a bare Feature: %s", got)
	}
}

// Whatever valid JSON comes in, every format gives valid answers of as many
// records.
func TestRandomForms(t *testing.T) {
	value := rapid.Custom(func(t *rapid.T) any {
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			return nil
		case 1:
			return rapid.Float64Range(-1e6, 1e6).Draw(t, "number")
		case 2:
			return []any{rapid.String().Draw(t, "text"), map[string]any{rapid.String().Draw(t, "key"): "}"}}
		case 3:
			return rapid.Bool().Draw(t, "bool")
		}
		return rapid.String().Draw(t, "text")
	})
	rapid.Check(t, func(t *rapid.T) {
		var records []string
		var schema dataset.Schema
		for range rapid.IntRange(0, 5).Draw(t, "records") {
			m := rapid.MapOfN(rapid.String(), value, 0, 5).Draw(t, "record")
			b, err := json.MarshalIndent(m, "", rapid.SampledFrom([]string{"", "\t"}).Draw(t, "indent"))
			if err != nil {
				t.Fatal(err)
			}
			records = append(records, string(b))
			for name := range m {
				schema.Fields = append(schema.Fields, dataset.Field{Name: name})
			}
		}
		var fields []string
		if rapid.Bool().Draw(t, "project") {
			fields = []string{}
			for _, f := range schema.Fields[:len(schema.Fields)/2] {
				fields = append(fields, f.Name)
			}
		}
		var list []map[string]any
		if err := json.Unmarshal([]byte(written(JSON, schema, fields, records...)), &list); err != nil || len(list) != len(records) {
			t.Fatalf("%v: %s", err, written(JSON, schema, fields, records...))
		}
		if !json.Valid([]byte(written(GeoJSON, schema, fields, records...))) {
			t.Fatalf("GeoJSON: %s", written(GeoJSON, schema, fields, records...))
		}
		lines := strings.Split(written(NDJSON, schema, fields, records...), "\n")
		for _, line := range lines[:len(lines)-1] {
			if !json.Valid([]byte(line)) {
				t.Fatalf("NDJSON: %q", line)
			}
		}
		if len(lines) != len(records)+1 {
			t.Fatalf("NDJSON: %d lines of %d records", len(lines), len(records))
		}
		if len(schema.Fields) > 0 && fields == nil {
			rows, err := csv.NewReader(strings.NewReader(written(CSV, schema, nil, records...))).ReadAll()
			if err != nil || len(rows) != len(records)+1 {
				t.Fatalf("CSV: %v, %d rows", err, len(rows))
			}
		}
	})
}

func TestWholeAndStream(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	text := []byte(strings.Repeat("landings ", 3000))
	for i := range text {
		if rnd.IntN(10) == 0 {
			text[i] = byte(rnd.IntN(256))
		}
	}
	for coding := range Coding(Codings) {
		for range 3 { // coders are used again
			dropped := NewStream(coding, io.Discard)
			if _, err := dropped.Write(text); err != nil {
				t.Fatal(err)
			}
			dropped.Drop()
			var streamed bytes.Buffer
			w := NewStream(coding, &streamed)
			for rest := text; len(rest) > 0; {
				n := min(len(rest), 1000)
				if _, err := w.Write(rest[:n]); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			for _, b := range [][]byte{Whole(coding, text), streamed.Bytes()} {
				var r io.Reader = bytes.NewReader(b)
				switch coding {
				case Gzip:
					z, err := gzip.NewReader(r)
					if err != nil {
						t.Fatal(err)
					}
					r = z
				case Zstd:
					z, err := zstd.NewReader(r)
					if err != nil {
						t.Fatal(err)
					}
					defer z.Close()
					r = z
				}
				got, err := io.ReadAll(r)
				if err != nil || !bytes.Equal(got, text) {
					t.Errorf("%v: %v, %d bytes", coding, err, len(got))
				}
			}
		}
	}
}
