package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"landings/internal/dataset"
	"landings/internal/encode"
)

// discarded takes an answer and forgets it.
type discarded struct{ header http.Header }

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) Write(b []byte) (int, error) { return len(b), nil }
func (d *discarded) WriteHeader(int)             {}

func questions(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("filter=%s&sortby=-year&limit=20", url.QueryEscape(fmt.Sprintf("recclass = 'L%d' AND year > %d", i%7, 1900+i%100)))
	}
	return list
}

// BenchmarkAsk is what it takes to understand a question: parameters, filter, key.
func BenchmarkAsk(b *testing.B) {
	schema := dataset.Schema{Fields: []dataset.Field{{Name: "name", Type: dataset.Text}, {Name: "recclass", Type: dataset.Text}, {Name: "mass (g)", Type: dataset.Number}, {Name: "year", Type: dataset.Integer}}}
	limits := DefaultLimits()
	list := questions(1000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		var room [16]parameter
		pairs, err := splitPairs(room[:0], list[i%len(list)])
		if err != nil {
			b.Fatal(err)
		}
		var a asker
		q, err := a.ask(pairs, &schema, itemsWords, &limits)
		if err != nil {
			b.Fatal(err)
		}
		if len(q.key(make([]byte, 0, 512), encode.JSON)) == 0 {
			b.Fatal("no key")
		}
	}
}

// BenchmarkItems is a question answered, all but net/http.
func BenchmarkItems(b *testing.B) {
	n := start(b, nil)
	n.want(n.do("POST", "/data", stones), 200)
	list := questions(1000)
	requests := make([]*http.Request, len(list))
	for i := range list {
		r, err := http.NewRequest("GET", "http://localhost/data?"+list[i], nil)
		if err != nil {
			b.Fatal(err)
		}
		requests[i] = r
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w := &discarded{make(http.Header, 12)}
		if err := n.api.getData(w, requests[i%len(requests)]); err != nil {
			b.Fatal(err)
		}
	}
}
