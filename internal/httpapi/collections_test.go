package httpapi

import (
	"net/http"
	"testing"

	"landings/internal/dataset"
)

// Other datasets than the default one are read and written under their names.
func TestCollections(t *testing.T) {
	n := start(t, func(*Config) {})
	n.problem(n.do("GET", "/collections/birds/items?f=json", ""), dataset.NotFound)
	n.problem(n.do("PUT", "/collections/Birds", three), dataset.Invalid)
	n.want(n.do("PUT", "/collections/birds", three), http.StatusOK)
	if r := n.want(n.do("GET", "/collections/birds/items", ""), 200); r.header.Get("Content-Type") != "application/geo+json" {
		t.Errorf("items come as %s", r.header.Get("Content-Type"))
	}
	if r := n.want(n.do("GET", "/collections/birds/items?f=json", ""), 200); r.header.Get("Etag") == "" || len(r.body) < 50 {
		t.Errorf("the list is %s", r.body)
	}
	if r := n.want(n.do("GET", "/collections/birds/items/1", ""), 200); r.body != `{"id":"1","name":"Aïr","mass":21.0}` {
		t.Errorf("record 1 is %s", r.body)
	}
	if r := n.want(n.do("GET", "/data", ""), 200); r.body != "[]" {
		t.Errorf("the default dataset is %s", r.body)
	}
	if r := n.want(n.do("GET", "/get-keys?records=birds", ""), 200); r.body != "[\"1\",\n\"2\",\n\"a/b c\"]" {
		t.Errorf("the ids are %s", r.body)
	}
	if r := n.want(n.do("GET", "/get-keys?records=", ""), 200); r.body != "[]" {
		t.Errorf("the default dataset's ids are %s", r.body)
	}
	// Both addresses of the default dataset lead to the same records.
	n.want(n.do("PUT", "/collections/meteorite_landings", three), http.StatusOK)
	if r := n.want(n.do("GET", "/data/2", ""), 200); r.body != `{"id":"2","name":"b","mass":1e400}` {
		t.Errorf("record 2 is %s", r.body)
	}
	n.want(n.do("DELETE", "/collections/birds", ""), http.StatusOK)
	n.problem(n.do("GET", "/collections/birds/items/1", ""), dataset.NotFound)
	n.problem(n.do("GET", "/collections/birds/items?f=json", ""), dataset.NotFound)
	n.problem(n.do("GET", "/get-keys?records=birds", ""), dataset.NotFound)
}

// What a request says of bad records comes before what the configuration does.
func TestOnErrorOfRequest(t *testing.T) {
	n := start(t, func(c *Config) { c.Datasets[0].Read.SkipBad = true })
	const bad = "id,a\n1,2\n2\n"
	n.problem(n.do("POST", "/data?on_error=stop", bad, "Content-Type", "text/csv"), dataset.Invalid)
	n.want(n.do("POST", "/data", bad, "Content-Type", "text/csv"), 200)
}

// A write is never sent on to another path; the ids . and .. name records.
func TestPathsOfWrites(t *testing.T) {
	n := start(t, nil)
	n.want(n.do("POST", "/data", `[{"name":"a"}]`), 200)
	for _, path := range []string{"/data/.", "/data/x/..", "//data", "/data//", "/collections/meteorite_landings/items/../."} {
		n.problem(n.do("DELETE", path, ""), dataset.Invalid)
	}
	if r := n.do("GET", "/data", ""); r.body != `[{"name":"a"}]` {
		t.Fatalf("the list is %s", r.body)
	}
	for id, location := range map[string]string{".": "/data/%2E", "..": "/data/%2E%2E", "...": "/data/..."} {
		r := n.want(n.do("PUT", location, `{"name":"b"}`), 201)
		if r.header.Get("Location") != location {
			t.Errorf("%q is said to be at %s", id, r.header.Get("Location"))
		}
		n.want(n.do("GET", location, ""), 200)
		n.want(n.do("DELETE", location, ""), 204)
	}
}
