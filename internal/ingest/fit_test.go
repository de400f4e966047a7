package ingest

import (
	"slices"
	"testing"

	"landings/internal/dataset"
)

// idOf gives the id that a record has in a field.
func idOf(json []byte, field string) (id string, ok bool) {
	o := openObject(json)
	defer o.close()
	return o.id(field)
}

func TestFit(t *testing.T) {
	known := []dataset.Field{{Name: "id"}, {Name: "a b"}, {Name: "é"}}
	for _, c := range []struct {
		record   string
		features bool
		want     []dataset.Field
	}{
		{record: `{"id":"1","a b":2,"\u00e9":3}`},
		{record: `{"é":1,"id":2}`},
		{record: `{"z":null}`},
		{record: ` {"z":"12","y":1.5,"x":true,"w":{},"v":[],"u":""} `, want: []dataset.Field{
			{Name: "z", Type: dataset.Text}, {Name: "y", Type: dataset.Number}, {Name: "x", Type: dataset.Boolean}, {Name: "w", Type: dataset.JSON}, {Name: "v", Type: dataset.JSON}, {Name: "u", Type: dataset.Text},
		}},
		{record: `{"\u007a":1}`, want: []dataset.Field{{Name: "z", Type: dataset.Number}}},
		{record: `{"type":"Feature","id":1,"geometry":null,"properties":{"a b":1,"geometry":2,"id":"x","z":1}}`, features: true, want: []dataset.Field{{Name: "z", Type: dataset.Number}}},
		{record: `{"type":"Feature","geometry":null,"properties":null}`, features: true},
	} {
		for i := range c.want {
			c.want[i].Nullable = true
		}
		_, _, got, err := Fit([]byte(c.record), &dataset.Schema{Fields: known, Features: c.features}, Limits{})
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v and %v, want %v", c.record, got, err, c.want)
		}
	}
}

func BenchmarkFit(b *testing.B) {
	s := &dataset.Schema{IDField: "id", Fields: []dataset.Field{{Name: "id"}, {Name: "count"}, {Name: "filling"}}}
	record := []byte(`{"id":"1","count":"1000000001","filling":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}`)
	for b.Loop() {
		if _, _, _, err := Fit(record, s, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
