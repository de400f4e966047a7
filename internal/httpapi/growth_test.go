package httpapi

import (
	"strings"
	"testing"

	"landings/internal/dataset"
)

// Fields that come with single writes are fields like all others.
func TestFieldsOfSingleWrites(t *testing.T) {
	n := start(t, nil)
	n.want(n.do("PUT", "/collections/fresh/items/1", `{"id":"1","n":1,"nothing":null}`), 201)
	if got := n.want(n.do("GET", "/collections/fresh/items?f=csv", ""), 200); got.body != "id,n\r\n1,1\r\n" && got.body != "id,n\n1,1\n" {
		t.Errorf("the CSV is %q", got.body)
	}
	n.want(n.do("PUT", "/collections/fresh/items/2", `{"n":2,"id":"2","text":"12","list":[1]}`), 201)
	n.want(n.do("PATCH", "/collections/fresh/items/1", `{"yes":true}`, "Content-Type", mergePatchType), 200)
	for _, c := range []struct{ query, want string }{
		{"n=2", `[{"n":2,"id":"2","text":"12","list":[1]}]`},
		{"text=12", `[{"n":2,"id":"2","text":"12","list":[1]}]`},
		{"yes=true", `[{"id":"1","n":1,"nothing":null,"yes":true}]`},
	} {
		if got := n.want(n.do("GET", "/collections/fresh/items?f=json&"+c.query, ""), 200); got.body != c.want {
			t.Errorf("%s: %s, want %s", c.query, got.body, c.want)
		}
	}
	if got := n.want(n.do("GET", "/collections/fresh/items?f=csv", ""), 200); !strings.HasPrefix(got.body, "id,n,text,list,yes") {
		t.Errorf("the CSV is %q", got.body)
	}
	for _, field := range []string{`"id"`, `"text"`, `"list"`, `"yes"`} {
		if got := n.want(n.do("GET", "/collections/fresh/schema", ""), 200); !strings.Contains(got.body, field) {
			t.Errorf("the schema lacks %s: %s", field, got.body)
		}
	}
	// A load decides about types; a single write does not change them.
	n.want(n.do("PUT", "/collections/loaded", `[{"id":"1","n":5}]`), 200)
	n.want(n.do("PUT", "/collections/loaded/items/2", `{"id":"2","n":"many"}`), 201)
	if got := n.want(n.do("GET", "/collections/loaded/items?f=json&n=5", ""), 200); got.body != `[{"id":"1","n":5}]` {
		t.Errorf("got %s", got.body)
	}
}

// The number of fields has the bound that a load's has.
func TestTooManyFields(t *testing.T) {
	n := start(t, func(c *Config) { c.Limits.Ingest.MaxFields = 3 })
	n.want(n.do("POST", "/data", `[{"id":"1","a":1}]`), 200)
	n.want(n.do("PUT", "/data/2", `{"id":"2","b":1}`), 201)
	p := n.problem(n.do("PUT", "/data/3", `{"id":"3","c":1}`), dataset.TooLarge)
	if len(p.Errors) != 1 || p.Errors[0].Pointer != "/c" {
		t.Errorf("%+v", p)
	}
	n.want(n.do("PUT", "/data/3", `{"id":"3","b":1,"c":null}`), 201)
}

// A member without a name is a field like any other, and has no part in place, time or id.
func TestFieldWithoutName(t *testing.T) {
	n := start(t, nil)
	n.want(n.do("PUT", "/collections/odd/items/7", `{"id":"7","":1}`), 201)
	if got := n.want(n.do("GET", "/collections/odd/schema", ""), 200); strings.Contains(got.body, "x-ogc-role") {
		t.Errorf("the schema is %s", got.body)
	}
}
