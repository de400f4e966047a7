package readmodel_test

import (
	"fmt"
	"math"
	"os"
	"testing"

	"landings/internal/cql2"
	"landings/internal/dataset"
	"landings/internal/encode"
	"landings/internal/ingest"
	"landings/internal/query"
	"landings/internal/readmodel"
)

// BenchmarkChanged asks the same questions after so many single-record writes since
// the columns were made. It stays below the number at which they are made anew.
func BenchmarkChanged(b *testing.B) {
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
	filter := func(s string) cql2.Expr {
		e, err := cql2.ParseText(s)
		if err != nil {
			b.Fatal(err)
		}
		return e
	}
	for _, writes := range []int{0, 100, 500, 2000} {
		d := readmodel.NewCatalog(coder).Dataset("landings")
		state := dataset.State{Name: "landings", Epoch: "e", Version: 1, Generation: 1, Schema: result.Load.Schema}
		d.Replace(state, result.Load.Records)
		ask := func(q query.Query) {
			if _, err := d.Snapshot().Query(b.Context(), q); err != nil {
				b.Fatal(err)
			}
		}
		sorted := query.Query{Where: query.Where{Filter: filter("recclass = 'L6' AND year > 1990")}, SortBy: []query.Key{{Field: "mass (g)", Descending: true}}, Limit: 20}
		box := query.Query{Where: query.Where{Filter: filter("S_INTERSECTS(geometry, BBOX(10,10,40,40))")}, Limit: 100}
		near := query.Query{Where: query.Where{Near: &query.Near{Lon: 10, Lat: 50, Radius: math.Inf(1)}}, Limit: 10}
		words := query.Query{Where: query.Where{Search: "ahara"}, Limit: 20}
		questions := []struct {
			name string
			query.Query
		}{{"sorted", sorted}, {"box", box}, {"near", near}, {"words", words}}
		for _, q := range questions {
			ask(q.Query) // makes what is needed of the columns
		}
		var records []dataset.Record
		for r := range d.Snapshot().All() {
			if len(records) == writes {
				break
			}
			records = append(records, r)
		}
		for _, r := range records {
			state.Version++
			d.Apply(state, []dataset.Change{{Record: r}})
		}
		for _, q := range questions {
			b.Run(fmt.Sprintf("%s/%d", q.name, writes), func(b *testing.B) {
				for b.Loop() {
					ask(q.Query)
				}
			})
		}
		b.Run(fmt.Sprintf("facet/%d", writes), func(b *testing.B) {
			for b.Loop() {
				if _, _, err := d.Snapshot().Facets(b.Context(), query.Facets{Where: query.Where{Filter: filter("year > 1950")}, Fields: []string{"recclass"}, Limit: 20}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
