package readmodel_test

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"

	"landings/internal/cql2"
	"landings/internal/dataset"
	"landings/internal/encode"
	"landings/internal/ingest"
	"landings/internal/query"
	"landings/internal/readmodel"
)

var data = flag.String("data", "../../../shared/data/nasa_meteorite_landings.csv", "file of landings that questions are asked about")

// BenchmarkQuery asks the questions that are compared with other servers in bench,
// with parameters that differ each time, without HTTP around them.
func BenchmarkQuery(b *testing.B) {
	f, err := os.Open(*data)
	if err != nil {
		b.Skipf("the data are not there: %v", err)
	}
	defer f.Close()
	result, err := ingest.Read(b.Context(), f, ingest.Options{})
	if err != nil {
		b.Fatal(err)
	}
	coder, err := encode.NewCoder(6)
	if err != nil {
		b.Fatal(err)
	}
	d := readmodel.NewCatalog(coder).Dataset("landings")
	d.Replace(dataset.State{Name: "landings", Epoch: "e", Version: 1, Generation: 1, Schema: result.Load.Schema}, result.Load.Records)
	s := d.Snapshot()
	ctx := context.Background()
	_, facets, err := s.Facets(ctx, query.Facets{Fields: []string{"recclass"}, Limit: 1000})
	if err != nil {
		b.Fatal(err)
	}
	var classes []string
	for _, v := range facets[0].Values {
		classes = append(classes, string(v.Value[1:len(v.Value)-1]))
	}
	rnd := rand.New(rand.NewPCG(1, 0))
	filter := func(format string, args ...any) cql2.Expr {
		e, err := cql2.ParseText(fmt.Sprintf(format, args...))
		if err != nil {
			b.Fatal(err)
		}
		return e
	}
	class := func() string { return classes[rnd.IntN(min(50, len(classes)))] }
	for _, c := range []struct {
		name string
		make func() query.Query
	}{
		{"L6 sorted 20", func() query.Query {
			return query.Query{Where: query.Where{Filter: filter("recclass = 'L6' AND year > %d", 1950+rnd.IntN(60))}, SortBy: []query.Key{{Field: "mass (g)", Descending: true}}, Limit: 20}
		}},
		{"class sorted 20", func() query.Query {
			return query.Query{Where: query.Where{Filter: filter("recclass = '%s' AND year > %d", class(), 1950+rnd.IntN(60))}, SortBy: []query.Key{{Field: "mass (g)", Descending: true}}, Limit: 20}
		}},
		{"year sorted 20", func() query.Query {
			return query.Query{Where: query.Where{Filter: filter("year > %d", 1950+rnd.IntN(60))}, SortBy: []query.Key{{Field: "mass (g)"}}, Limit: 20}
		}},
		{"bbox 100", func() query.Query {
			x, y := rnd.IntN(300)-180, rnd.IntN(140)-90
			return query.Query{Where: query.Where{Filter: filter("S_INTERSECTS(geometry, BBOX(%d,%d,%d,%d))", x, y, x+20+rnd.IntN(20), y+20+rnd.IntN(20))}, Limit: 100}
		}},
		{"nearest 10", func() query.Query {
			return query.Query{Where: query.Where{Near: &query.Near{Lon: rnd.Float64()*360 - 180, Lat: rnd.Float64()*180 - 90, Radius: math.Inf(1)}}, Limit: 10}
		}},
		{"substring 20", func() query.Query {
			terms := []string{"quee", "dhof", "ahara", "ymat", "north", "hill", "elep", "grov", "miller", "land 0", "rica", "mount"}
			return query.Query{Where: query.Where{Search: terms[rnd.IntN(len(terms))] + []string{"", "n", " ", "s"}[rnd.IntN(4)]}, Limit: 20}
		}},
		{"name like 20", func() query.Query {
			return query.Query{Where: query.Where{Filter: filter("CASEI(name) LIKE CASEI('%%%c%c%c%%')", 'a'+rnd.IntN(26), 'a'+rnd.IntN(26), 'a'+rnd.IntN(26))}, Limit: 20}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			matched := 0
			for b.Loop() {
				p, err := s.Query(ctx, c.make())
				if err != nil {
					b.Fatal(err)
				}
				matched += p.Matched
			}
			b.ReportMetric(float64(matched)/float64(b.N), "matched/op")
		})
	}
	for _, fields := range [][]string{{"recclass"}, {"recclass", "fall", "nametype"}} {
		b.Run(fmt.Sprintf("%d facets under a range", len(fields)), func(b *testing.B) {
			for b.Loop() {
				w := query.Where{Filter: filter("year > %d", 1850+rnd.IntN(150))}
				if _, _, err := s.Facets(ctx, query.Facets{Where: w, Fields: fields, Limit: 20}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	size := int64(0)
	for _, bucket := range s.Records() {
		size += int64(len(bucket.Text()))
	}
	b.Logf("%d records, %d MB of JSON, %d MB of heap in use", s.Len(), size>>20, m.HeapAlloc>>20)
}
