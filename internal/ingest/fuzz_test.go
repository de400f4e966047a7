package ingest

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"landings/internal/dataset"
)

// Every record of an accepted input is a piece of the input, in order; and the
// records, joined as a list, are read as the same records.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`[{"id":1},{"id":"2","a":[1,{"b":"\u0061\\"}]}]`,
		"{\"x\": 1, \"y\": [ {\"a\":1e400}\n, {} ] }",
		"{\"id\":1}\n\n{\"id\":2}\r\n",
		`{"type":"FeatureCollection","features":[{"type":"Feature","id":1,"geometry":null,"properties":{"a":1}}]}`,
		"\xef\xbb\xbf[]", `{}`, `[1]`, `[{"a":1,"a":2}]`, "\x1e{\"a\":1}\n",
		`[{"id":1},{"id":1}]`, `[{"a":]`, `{"a":[`, `[{"lat":1,"lon":2,"t":"2020-01-01"}]`,
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, in []byte, skip bool) {
		for _, format := range []string{JSON, NDJSON, GeoJSON} {
			r, err := Read(t.Context(), bytes.NewReader(in), Options{Format: format, SkipBad: skip})
			if err != nil {
				if r != nil || dataset.CodeOf(err) == dataset.Internal {
					t.Fatal(r, err)
				}
				// The order in which bytes arrive changes nothing.
				if _, slow := Read(t.Context(), &trickle{in}, Options{Format: format, SkipBad: skip}); slow == nil || slow.Error() != err.Error() {
					t.Fatalf("%v\nbyte by byte: %v", err, slow)
				}
				continue
			}
			if r.Coding != "" {
				continue
			}
			list := []byte{'['}
			at := 0
			for rec := range r.Load.Records.All() {
				i := bytes.Index(in[at:], rec.JSON)
				if i < 0 {
					t.Fatalf("%s: the record %s is not in the input", format, rec.JSON)
				}
				at += i + len(rec.JSON)
				if len(list) > 1 {
					list = append(list, ',')
				}
				list = append(list, rec.JSON...)
				if CheckRecord(rec.JSON, Limits{}) != nil {
					t.Fatalf("the record %s does not pass its check", rec.JSON)
				}
				if field := r.Load.Schema.IDField; field != "" {
					if id, ok := idOf(rec.JSON, field); !ok || id != rec.ID {
						t.Fatalf("the id of %s is %q, idOf says %q", rec.JSON, rec.ID, id)
					}
				}
			}
			list = append(list, ']')
			again, err := Read(t.Context(), bytes.NewReader(list), Options{Format: JSON})
			if err != nil {
				t.Fatalf("%s: %v", list, err)
			}
			if d := cmp.Diff(records(r), records(again)); d != "" {
				t.Fatal(d)
			}
			if r.Format == again.Format {
				if d := cmp.Diff(r.Load.Schema, again.Load.Schema); d != "" {
					t.Fatal(d)
				}
			}
			if again.Load.Records.Digest() != r.Load.Records.Digest() {
				t.Fatal("the digests differ")
			}
		}
	})
}

// What the library writes is read as the same, field by field; and where both
// read a table, they agree.
func FuzzCSV(f *testing.F) {
	f.Add("a,b\n1,2\n", uint8(2))
	f.Add("a\xff\n\"b\",\"c\"\"\r\n\"\r\n\r\nx,", uint8(1))
	f.Add("a,b,,\"\n\n,\r,\x00\\", uint8(3))
	f.Fuzz(func(t *testing.T, text string, width uint8) {
		columns := int(width%5) + 2 // the writer makes a blank line, which is no row, of a single empty cell
		var header []string
		for i := range columns {
			header = append(header, string(rune('a'+i)))
		}
		rows := [][]string{header}
		cells := strings.Split(text, ",")
		for len(cells) >= columns {
			rows = append(rows, cells[:columns])
			cells = cells[columns:]
		}
		valid := utf8.ValidString(text) && !strings.Contains(text, "\x00") // binary is refused
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		if err := w.WriteAll(rows); err != nil {
			t.Fatal(err)
		}
		r, err := Read(t.Context(), &b, Options{Format: CSV})
		if !valid {
			return
		}
		if err != nil {
			t.Fatalf("%q: %v", rows, err)
		}
		got := [][]string{header}
		for rec := range r.Load.Records.All() {
			got = append(got, values(t, rec.JSON))
		}
		if d := cmp.Diff(rows, got); d != "" {
			t.Fatal(d)
		}

		// Any text: no crash, and the same whatever the cuts.
		whole, err := Read(t.Context(), strings.NewReader(text), Options{Format: CSV, SkipBad: true})
		slow, slowErr := Read(t.Context(), &trickle{[]byte(text)}, Options{Format: CSV, SkipBad: true})
		if (err == nil) != (slowErr == nil) || err != nil && err.Error() != slowErr.Error() {
			t.Fatalf("%v\nbyte by byte: %v", err, slowErr)
		}
		if err != nil {
			return
		}
		if d := cmp.Diff(records(whole), records(slow)); d != "" {
			t.Fatal(d)
		}
		if d := cmp.Diff(whole.Load.Rejected, slow.Load.Rejected); d != "" {
			t.Fatal(d)
		}
	})
}

// values gives the texts of an object of strings.
func values(t *testing.T, object []byte) (out []string) {
	d := jsontext.NewDecoder(bytes.NewReader(object))
	d.ReadToken()
	for d.PeekKind() != '}' {
		d.ReadToken()
		v, err := d.ReadToken()
		if err != nil || v.Kind() != '"' {
			t.Fatalf("%s: %v", object, err)
		}
		out = append(out, v.String())
	}
	return out
}
