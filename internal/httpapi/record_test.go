package httpapi

import (
	"encoding/json"
	"strings"
	"testing"

	"landings/internal/dataset"
)

func TestPut(t *testing.T) {
	n := start(t, nil)
	// Into nothing: the dataset is made, and knows no id field.
	r := n.want(n.do("PUT", "/data/x%2Fy", `{"a":1}`), 201)
	if r.header.Get("Location") != "/data/x%2Fy" || r.header.Get("Dataset-Version") != "1" {
		t.Errorf("created: %v", r.header)
	}
	if r := n.want(n.do("GET", r.header.Get("Location"), ""), 200); r.body != `{"a":1}` {
		t.Errorf("the record is %s", r.body)
	}
	n.want(n.do("POST", "/data", three), 200)

	// White space around goes, everything within stays; only what was kept as it
	// came has a tag.
	r = n.want(n.do("PUT", "/data/1", " {\"id\": \"1\",\t\"n\":1e400}\n"), 204)
	if r.header.Get("Etag") != "" {
		t.Error("a body that was trimmed got a tag")
	}
	if r := n.do("GET", "/data/1", ""); r.body != "{\"id\": \"1\",\t\"n\":1e400}" {
		t.Errorf("the record is %q", r.body)
	}
	r = n.want(n.do("PUT", "/data/4", `{"id":4}`), 201) // a number's spelling is an id, too
	if r.header.Get("Etag") == "" {
		t.Error("a record that was kept as it came has no tag")
	}
	version := r.header.Get("Dataset-Version")
	if r := n.want(n.do("PUT", "/data/4", `{"id":4}`), 204); r.header.Get("Dataset-Version") != version {
		t.Error("the same again made a new version")
	}
	if r := n.do("GET", "/data", ""); !strings.HasSuffix(r.body, ",\n{\"id\":4}]") {
		t.Errorf("the new record is not the last: %s", r.body)
	}

	for _, c := range []struct {
		path, body, contentType string
		code                    dataset.Code
		pointer                 string
	}{
		{"/data/1", `{"id":"2"}`, "", dataset.Invalid, "/id"},
		{"/data/1", `{"name":"x"}`, "", dataset.Invalid, "/id"},
		{"/data/1", `{"id":null}`, "", dataset.Invalid, "/id"},
		{"/data/1", `[]`, "", dataset.Invalid, ""},
		{"/data/1", `{"id":"1"`, "", dataset.Invalid, ""},
		{"/data/1", `{"id":"1","a":{"b":1,"b":2}}`, "", dataset.Invalid, "/a/b"},
		{"/data/1", "{\"id\":\"1\",\"a\":\"\xff\"}", "", dataset.Invalid, ""},
		{"/data/1", ``, "application/json", dataset.Invalid, ""},
		{"/data/1", `{"id":"1","a":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`, "", dataset.TooLarge, ""},
		{"/data/1", `{"id":"1","a":"` + strings.Repeat("x", 2<<20) + `"}`, "", dataset.TooLarge, ""},
		{"/data/" + strings.Repeat("x", 600), `{"id":"1"}`, "", dataset.Invalid, ""},
		{"/data/%01", `{"id":"1"}`, "", dataset.Invalid, ""},
		{"/data/1", `{"id":"1"}`, "text/csv", dataset.UnsupportedMediaType, ""},
		{"/data/1", `{"id":"1"}`, "application/json; charset=latin1", dataset.UnsupportedMediaType, ""},
		{"/data/1", `{"id":"1"}`, mergePatchType, dataset.UnsupportedMediaType, ""},
	} {
		var header []string
		if c.contentType != "" {
			header = []string{"Content-Type", c.contentType}
		}
		p := n.problem(n.do("PUT", c.path, c.body, header...), c.code)
		if c.pointer != "" && (len(p.Errors) != 1 || p.Errors[0].Pointer != c.pointer) {
			t.Errorf("PUT %.40s: places %+v, want %s", c.body, p.Errors, c.pointer)
		}
		if p.Remedy == "" || c.code == dataset.TooLarge && !strings.Contains(p.Remedy, "leave") {
			t.Errorf("PUT %.40s: no remedy: %+v", c.body, p)
		}
	}
	n.problem(n.do("PUT", "/data/1", `{"id":"1"}`, "Content-Encoding", "gzip"), dataset.UnsupportedMediaType)
}

func TestPatch(t *testing.T) {
	n := start(t, nil)
	n.want(n.do("POST", "/data", three), 200)
	patch := func(id, body string, header ...string) reply {
		return n.do("PATCH", "/data/"+id, body, append([]string{"Content-Type", mergePatchType}, header...)...)
	}
	r := n.want(patch("1", `{"name":null,"mass":22,"new":{"a":1}}`), 200)
	if r.body != `{"id":"1","mass":22,"new":{"a":1}}` || r.header.Get("Etag") != contentTag([]byte(r.body)) || r.header.Get("Content-Type") != "application/json" {
		t.Errorf("patched: %s %v", r.body, r.header)
	}
	if got := n.do("GET", "/data/1", ""); got.body != r.body || got.header.Get("Etag") != r.header.Get("Etag") {
		t.Errorf("the record is %s", got.body)
	}
	n.problem(patch("9", `{}`), dataset.NotFound)
	n.problem(patch("1", `{"id":"2"}`), dataset.Invalid)
	n.problem(patch("1", `{"id":null}`), dataset.Invalid)
	n.problem(patch("1", `[1]`), dataset.Invalid)
	n.problem(patch("1", `{`), dataset.Invalid)
	bad := n.do("PATCH", "/data/1", `{}`, "Content-Type", "application/json")
	n.problem(bad, dataset.UnsupportedMediaType)
	if bad.header.Get("Accept-Patch") != mergePatchType {
		t.Errorf("the refusal does not name the type: %v", bad.header)
	}
}

func TestDelete(t *testing.T) {
	n := start(t, nil)
	n.problem(n.do("DELETE", "/data/1", ""), dataset.NotFound)
	n.want(n.do("POST", "/data", three), 200)
	if r := n.want(n.do("DELETE", "/data/2", ""), 204); r.header.Get("Dataset-Version") != "2" {
		t.Errorf("deleted: %v", r.header)
	}
	n.problem(n.do("GET", "/data/2", ""), dataset.NotFound)
	if r := n.do("GET", "/data", ""); strings.Contains(r.body, `"2"`) {
		t.Errorf("the list still has it: %s", r.body)
	}
}

// What a load of Features refuses is not written one by one either.
func TestWritesAmongFeatures(t *testing.T) {
	n := start(t, nil)
	const seven = `{"type":"Feature","id":7,"geometry":null,"properties":{"a":1}}`
	n.want(n.do("PUT", "/collections/places", `{"type":"FeatureCollection","features":[`+seven+`]}`), 200)
	const at = "/collections/places/items/"
	for _, c := range []struct{ method, id, body, pointer string }{
		{"PUT", "7", `{"id":7,"a":3}`, ""},
		{"PUT", "7", `{"type":"feature","id":7,"properties":null}`, "/type"},
		{"PUT", "12", `{"type":"Feature","id":12,"geometry":null,"properties":[]}`, "/properties"},
		{"PUT", "12", `{"type":"Feature","id":12,"geometry":{"type":"Pint"},"properties":{}}`, "/geometry/type"},
		{"PUT", "12", `{"type":"Feature","id":12,"geometry":{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1]]]},"properties":{}}`, "/geometry/coordinates/0"},
		{"PATCH", "7", `{"properties":[]}`, "/properties"},
		{"PATCH", "7", `{"type":null}`, ""},
		{"PATCH", "7", `{"geometry":{"type":"Point","coordinates":["1","2"]}}`, "/geometry/coordinates/0"},
	} {
		header := []string{"Content-Type", "application/json"}
		if c.method == "PATCH" {
			header[1] = mergePatchType
		}
		p := n.problem(n.do(c.method, at+c.id, c.body, header...), dataset.Invalid)
		if len(p.Errors) != 1 || p.Errors[0].Pointer != c.pointer || !strings.Contains(p.Remedy, "Feature") {
			t.Errorf("%s %s is refused with %+v", c.method, c.body, p)
		}
		// And by a load with the same words.
		if c.method == "PUT" {
			load := n.problem(n.do("PUT", "/collections/other", `{"type":"FeatureCollection","features":[`+c.body+`]}`), dataset.Invalid)
			if len(load.Errors) != 1 || load.Errors[0].Detail != p.Errors[0].Detail {
				t.Errorf("%s: a load is refused with %+v, a record with %+v", c.body, load.Errors, p.Errors)
			}
		}
	}
	if r := n.want(n.do("GET", at+"7", ""), 200); r.body != seven {
		t.Errorf("the record is %s", r.body)
	}
	n.want(n.do("PUT", at+"7", `{"type":"Feature","id":7,"geometry":null,"properties":null}`), 204)
	n.want(n.do("PUT", at+"12", `{"type":"Feature","id":12,"geometry":{"type":"Point","coordinates":[1,2]},"properties":{}}`), 201)
}

// A member of a plain record may hold what is no geometry, by load and by write: it is
// kept, nowhere, counted, and never a Feature's geometry.
func TestNoGeometry(t *testing.T) {
	n := start(t, nil)
	const good, bad = `{"id":1,"geometry":{"type":"Point","coordinates":[1,2]}}`, `{"id":2,"geometry":{"type":"Polygon","coordinates":[[[1,2],["3",4]]]}}`
	n.want(n.do("PUT", "/collections/places", "["+good+","+bad+"]"), 200)
	n.want(n.do("PUT", "/collections/places/items/3", strings.Replace(bad, "2", "3", 1)), 201)
	n.want(n.do("PATCH", "/collections/places/items/3", `{"geometry":{"type":"Circle"}}`, "Content-Type", mergePatchType), 200)
	const items = "/collections/places/items"
	if r := n.want(n.do("GET", items+"/2", ""), 200); r.body != bad {
		t.Errorf("not as it came: %s", r.body)
	}
	for _, path := range []string{"?f=geojson-seq", "/2?f=geojson", "/3?f=geojson"} {
		r := n.want(n.do("GET", items+path, ""), 200)
		for line := range strings.Lines(r.body) {
			var f struct {
				ID       string
				Geometry *struct{ Type string }
			}
			if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "\x1e")), &f); err != nil || (f.Geometry != nil) != (f.ID == "1") || !strings.Contains(line, `"type":"Circle"`) && f.ID == "3" {
				t.Errorf("%s: %s, %v", path, line, err)
			}
		}
	}
	for _, question := range []string{"?bbox=-180,-90,180,90&f=ndjson", "?near=0,0&radius=10000000&f=ndjson"} {
		if r := n.want(n.do("GET", items+question, ""), 200); r.body != good+"\n" {
			t.Errorf("%s: %s", question, r.body)
		}
	}
	if r := n.want(n.do("GET", "/collections/places/summary?fields=geometry", ""), 200); !strings.Contains(r.body, `"misfits":2`) {
		t.Errorf("not counted: %s", r.body)
	}
}

// A record is a Feature for who asks for one, the same as in a list of items.
func TestRecordAsFeature(t *testing.T) {
	n := startStones(t)
	n.want(n.do("PUT", "/collections/places", `{"type":"FeatureCollection","features":[
		{"type":"Feature","id":7,"geometry":{"type":"Point","coordinates":[1,2]},"properties":{"a":1}}]}`), 200)
	feature := func(items, id string) string {
		r := n.want(n.do("GET", items+"?id="+id+"&f=geojson", ""), 200)
		var got struct{ Features []json.RawMessage }
		if err := json.Unmarshal([]byte(r.body), &got); err != nil || len(got.Features) != 1 {
			t.Fatalf("the list is %s, %v", r.body, err)
		}
		return string(got.Features[0])
	}
	const geo = "application/geo+json"
	for _, c := range []struct{ items, list, id string }{
		{"/data", "/data", "1"},
		{"/collections/meteorite_landings/items", "/data", "6"},
		{"/collections/places/items", "/collections/places/items", "7"},
	} {
		record := n.want(n.do("GET", c.items+"/"+c.id, ""), 200)
		want := feature(c.list, c.id)
		for _, ask := range [][]string{
			{"?f=geojson"}, {"?f=geojson", "Accept", "application/json"}, {"", "Accept", geo},
			{"?f=", "Accept", "application/json;q=0.5, " + geo}, {"", "Accept", geo, "Accept", "*/*;q=0.1"},
		} {
			r := n.want(n.do("GET", c.items+"/"+c.id+ask[0], "", ask[1:]...), 200)
			if r.body != want || r.header.Get("Content-Type") != geo || r.header.Get("Vary") != "Accept" || r.header.Get("Dataset-Version") != "1" {
				t.Errorf("%s/%s %v is %s %v, want %s", c.items, c.id, ask, r.body, r.header, want)
			}
			if tag := r.header.Get("Etag"); (tag == record.header.Get("Etag")) != (r.body == record.body) {
				t.Errorf("%s/%s %v: the tags of record and Feature are %s and %s", c.items, c.id, ask, record.header.Get("Etag"), tag)
			}
			head := n.want(n.do("HEAD", c.items+"/"+c.id+ask[0], "", ask[1:]...), 200)
			if head.header.Get("Content-Length") != itoa(len(want)) || head.header.Get("Etag") != r.header.Get("Etag") {
				t.Errorf("%s/%s %v: HEAD is %v", c.items, c.id, ask, head.header)
			}
			same := n.want(n.do("GET", c.items+"/"+c.id+ask[0], "", append(ask[1:], "If-None-Match", r.header.Get("Etag"))...), 304)
			if same.body != "" {
				t.Errorf("304 with %s", same.body)
			}
		}
		for _, ask := range [][]string{
			{"?f=json"}, {"?f=json", "Accept", geo}, {"", "Accept", "application/json"}, {"", "Accept", geo + ", application/json"},
			{"", "Accept", "text/html, */*"}, {"", "Accept", "text/plain, application/json"},
		} {
			if r := n.want(n.do("GET", c.items+"/"+c.id+ask[0], "", ask[1:]...), 200); r.body != record.body || r.header.Get("Content-Type") != "application/json" {
				t.Errorf("%s/%s %v is %s %v", c.items, c.id, ask, r.body, r.header)
			}
		}
	}
	for _, f := range []string{"csv", "html", "GeoJSON"} {
		if p := n.problem(n.do("GET", "/data/1?f="+f, ""), dataset.Invalid); p.Remedy != "use json or geojson" {
			t.Errorf("f=%s: %+v", f, p)
		}
	}
	if p := n.problem(n.do("GET", "/data/1", "", "Accept", "text/csv"), dataset.NotAcceptable); !strings.Contains(p.Remedy, "application/geo+json") {
		t.Errorf("Accept: text/csv: %+v", p)
	}
	n.problem(n.do("GET", "/data/1?format=json", ""), dataset.Invalid)
	n.problem(n.do("PUT", "/data/1?f=json", `{"id":"1"}`), dataset.Invalid)
	// Who read the Feature may write what it is made of, once.
	tag := n.do("GET", "/data/1?f=geojson", "").header.Get("Etag")
	n.problem(n.do("PUT", "/data/1", `{"id":"1","name":"new"}`, "If-None-Match", tag), dataset.PreconditionFailed)
	n.want(n.do("PUT", "/data/1", `{"id":"1","name":"new"}`, "If-Match", tag), 204)
	n.problem(n.do("PUT", "/data/1", `{"id":"1"}`, "If-Match", tag), dataset.PreconditionFailed)
	n.problem(n.do("DELETE", "/data/1", "", "If-Match", tag), dataset.PreconditionFailed)
	n.want(n.do("DELETE", "/data/1", "", "If-Match", n.do("GET", "/data/1", "", "Accept", geo).header.Get("Etag")), 204)
}
