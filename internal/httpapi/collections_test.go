package httpapi

import (
	"net/http"
	"strings"
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

// Ids of slashes are ids as all others.
func TestSlashes(t *testing.T) {
	n := start(t, nil)
	n.want(n.do("POST", "/data", `[{"id":"/","a":1},{"id":"//"},{"id":"/x"},{"id":"x/"}]`), 200)
	for id, path := range map[string]string{"/": "%2F", "//": "%2F%2F", "/x": "%2Fx", "x/": "x%2f"} {
		for _, base := range []string{"/data/", "/collections/meteorite_landings/items/"} {
			if r := n.want(n.do("GET", base+path, ""), 200); !strings.HasPrefix(r.body, `{"id":"`+id+`"`) {
				t.Errorf("%s%s is %s", base, path, r.body)
			}
			n.want(n.do("PUT", base+path, `{"id":"`+id+`","a":2}`, "If-Match", "*"), 204)
			n.want(n.do("PATCH", base+path, `{"a":3}`, "Content-Type", mergePatchType), 200)
			n.want(n.do("DELETE", base+path, ""), 204)
			n.problem(n.do("GET", base+path, ""), dataset.NotFound)
			r := n.want(n.do("PUT", base+path, `{"id":"`+id+`"}`, "If-None-Match", "*"), 201)
			if r = n.do("GET", r.header.Get("Location"), ""); r.body != `{"id":"`+id+`"}` {
				t.Errorf("the location of %s is answered %d %s", id, r.status, r.body)
			}
			if r := n.do("OPTIONS", base+path, ""); r.status != 204 || !strings.Contains(r.header.Get("Allow"), "PATCH") {
				t.Errorf("OPTIONS %s%s: %d %v", base, path, r.status, r.header)
			}
		}
	}
	// What ends with a slash as it stands is no record.
	for _, path := range []string{"/data/", "/data/%2F/", "/collections/meteorite_landings/items/"} {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			if r := n.do(method, path, ""); r.status != 404 || !strings.Contains(r.body, "there is nothing at") {
				t.Errorf("%s %s: %d %s", method, path, r.status, r.body)
			}
		}
	}
}
