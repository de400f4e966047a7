package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"os"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

const shared = "../../../shared/data/"

func nasaCSV(tb testing.TB) []byte {
	b, err := os.ReadFile(shared + "nasa_meteorite_landings.csv")
	if err != nil {
		tb.Skip("NASA's table is not here: ", err)
	}
	return b
}

// nasaJSON is NASA's table in the shape of the tutorial's file, on one line.
func nasaJSON(tb testing.TB) []byte {
	rows, err := csv.NewReader(bytes.NewReader(nasaCSV(tb))).ReadAll()
	if err != nil {
		tb.Fatal(err)
	}
	out := []byte(`{"meteorite_landings":[`)
	for i, row := range rows[1:] {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '{')
		for j, v := range row {
			if j > 0 {
				out = append(out, ',')
			}
			out, _ = jsontext.AppendQuote(out, rows[0][j])
			out = append(out, ':')
			out, _ = jsontext.AppendQuote(out, v)
		}
		out = append(out, '}')
	}
	return append(out, "]}"...)
}

func benchmark(b *testing.B, data []byte, o Options) {
	b.ReportAllocs()
	for b.Loop() {
		r, err := Read(context.Background(), bytes.NewReader(data), o)
		if err != nil {
			b.Fatal(err)
		}
		if n := r.Load.Records.Len(); n != 45716 {
			b.Fatal(n)
		}
		b.SetBytes(r.Bytes) // once decompressed
	}
}

func BenchmarkJSON(b *testing.B) { benchmark(b, nasaJSON(b), Options{}) }
func BenchmarkCSV(b *testing.B)  { benchmark(b, nasaCSV(b), Options{}) }

func BenchmarkNDJSON(b *testing.B) {
	data := bytes.TrimSuffix(bytes.TrimPrefix(nasaJSON(b), []byte(`{"meteorite_landings":[`)), []byte("]}"))
	benchmark(b, bytes.ReplaceAll(data, []byte("},{"), []byte("}\n{")), Options{})
}

func BenchmarkGzip(b *testing.B) {
	data := nasaJSON(b)
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(data)
	w.Close()
	benchmark(b, z.Bytes(), Options{})
}
