package ingest_test

import (
	"io"
	"testing"

	"landings/internal/dataset"
	"landings/internal/ingest"
	"landings/internal/sample"
)

func TestReadsSamples(t *testing.T) {
	for _, format := range []string{"json", "ndjson", "csv", "geojson"} {
		pr, pw := io.Pipe()
		go func() { pw.CloseWithError(sample.Write(pw, format, 5000, 3)) }()
		r, err := ingest.Read(t.Context(), pr, ingest.Options{}) // the format is found
		if err != nil {
			t.Fatal(format, err)
		}
		s := r.Load.Schema
		if r.Format != format || r.Load.Records.Len() != 5000 || s.IDField != "id" || s.TimeField != "year" || s.Geometry == nil || s.Features != (format == "geojson") {
			t.Errorf("%s: %s, %d records, %+v", format, r.Format, r.Load.Records.Len(), s)
		}
		for i, want := range []dataset.Type{dataset.Text, dataset.Integer, dataset.Text, dataset.Text, dataset.Number, dataset.Text, dataset.Integer, dataset.Number, dataset.Number, dataset.Point} {
			if got := s.Fields[i]; format != "geojson" && (got.Type != want || got.Nullable != (i == 4 || i > 5)) {
				t.Errorf("%s: %+v", format, got)
			}
		}
		next := sample.All(5000, 3)
		i := 0
		buckets := r.Load.Records
		for l := range next {
			rec, ok := buckets[i/dataset.BucketSize].Find(uint64(i))
			if !ok || rec.ID != l.ID {
				t.Fatalf("%s: record %d is %q, not %q", format, i, rec.ID, l.ID)
			}
			i++
		}
	}
}
