package httpapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"landings/internal/dataset"
	"landings/internal/ingest"
)

func loadedOf(t *testing.T, r reply) loaded {
	t.Helper()
	var l loaded
	if err := json.Unmarshal([]byte(r.body), &l); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLoadBodies(t *testing.T) {
	n := start(t, nil)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte("id,name\n1,a\n2,b\n"))
	_ = z.Close()
	for _, c := range []struct {
		name, path, body string
		header           []string
		format, want     string
	}{
		{"curl -d @file", "/data", `{"list":[{"id":"1"}]}`, []string{"Content-Type", "application/x-www-form-urlencoded"}, "json", `[{"id":"1"}]`},
		{"type", "/data", "id\n1\n", []string{"Content-Type", "text/csv"}, "csv", `[{"id":"1"}]`},
		{"format", "/data?format=ndjson", "{\"id\":\"1\"}\n{\"id\":\"2\"}\n", nil, "ndjson", "[{\"id\":\"1\"},\n{\"id\":\"2\"}]"},
		{"gzip", "/data", zipped.String(), []string{"Content-Type", "text/csv", "Content-Encoding", "gzip"}, "csv", "[{\"id\":\"1\",\"name\":\"a\"},\n{\"id\":\"2\",\"name\":\"b\"}]"},
		{"id field", "/data?id_field=n", `[{"n":"7","id":"x"}]`, nil, "json", `[{"n":"7","id":"x"}]`},
	} {
		r := n.do("POST", c.path, c.body, c.header...)
		if r.status != 200 {
			t.Errorf("%s: %d %s", c.name, r.status, r.body)
			continue
		}
		if l := loadedOf(t, r); l.Format != c.format || l.Source != "request body" {
			t.Errorf("%s: %s", c.name, r.body)
		}
		if got := n.do("GET", "/data", ""); got.body != c.want {
			t.Errorf("%s: the list is %s, want %s", c.name, got.body, c.want)
		}
	}
	n.want(n.do("GET", "/data/7", ""), 200)
	if l := loadedOf(t, n.want(n.do("POST", "/data?id_field=", `[{"n":"7"}]`), 200)); l.IDField != nil {
		t.Errorf("the id field is %q, want none", *l.IDField)
	}
	n.want(n.do("GET", "/data/0", ""), 200)
}

// A bad body is refused as a whole, with the places; what was there stays.
func TestLoadBadBodies(t *testing.T) {
	n := start(t, func(c *Config) {
		c.Limits.BodyBytes = 4000
		c.Datasets[0].Source = textSource(list(1))
	})
	n.want(n.do("POST", "/data", three), 200)
	p := n.problem(n.do("POST", "/data", "id,a\n1,2\n2\n", "Content-Type", "text/csv"), dataset.Invalid)
	if len(p.Errors) == 0 || p.Errors[0].Line != 3 || p.Total == 0 || p.Remedy == "" {
		t.Errorf("the places are %+v", p)
	}
	n.problem(n.do("POST", "/data", "--x\r\n", "Content-Type", "multipart/form-data; boundary=x"), dataset.UnsupportedMediaType)
	n.problem(n.do("POST", "/data", "[]", "Content-Type", "text/csv", "Content-Encoding", "br"), dataset.UnsupportedMediaType)
	if p := n.problem(n.do("POST", "/data", list(100)), dataset.TooLarge); !strings.Contains(p.Remedy, "--max-body") {
		t.Errorf("a body that is too long gets %+v", p)
	}
	// An empty file is no request for the source.
	for _, sent := range []string{"text/csv", "application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=ISO-8859-1"} {
		if p := n.problem(n.do("POST", "/data", "", "Content-Type", sent), dataset.Invalid); p.Detail != "the input is empty" || !strings.Contains(p.Remedy, "curl -X POST") {
			t.Errorf("an empty file of type %s gets %+v", sent, p)
		}
	}
	if p := n.problem(n.do("PUT", "/collections/meteorite_landings", ""), dataset.Invalid); p.Detail != "the input is empty" || strings.Contains(p.Remedy, "source") {
		t.Errorf("an empty file by curl -T gets %+v", p)
	}
	// A part of a file must not take the place of all.
	for _, write := range [][2]string{{"POST", "/data"}, {"PUT", "/collections/meteorite_landings"}, {"PUT", "/data/1"}, {"PUT", "/backup"}} {
		if p := n.problem(n.do(write[0], write[1], `{"id":"1"}`, "Content-Range", "bytes 10-19/20"), dataset.Invalid); len(p.Errors) != 1 || p.Errors[0].Parameter != "Content-Range" || p.Remedy == "" {
			t.Errorf("%s %s of a part gets %+v", write[0], write[1], p)
		}
	}
	if p := n.problem(n.do("POST", "/data", "Sorry, service unavailable", "Content-Type", "application/x-www-form-urlencoded"), dataset.Invalid); !strings.Contains(p.Remedy, "--data-binary") {
		t.Errorf("a line of text gets %+v", p)
	}
	if r := n.do("GET", "/data", ""); r.header.Get("Dataset-Version") != "1" || !strings.Contains(r.body, "Aïr") {
		t.Errorf("a refused load changed something: %v", r.header)
	}
}

func TestRejected(t *testing.T) {
	n := start(t, nil)
	n.problem(n.do("GET", "/collections/meteorite_landings/rejected", ""), dataset.NotFound)
	n.problem(n.do("GET", "/collections/Bad%20Name/rejected", ""), dataset.Invalid)
	l := loadedOf(t, n.want(n.do("POST", "/data?on_error=skip", "id,a\n1,2\n2\n3,4\n", "Content-Type", "text/csv"), 200))
	if l.Records != 2 || l.Rejected != 1 || l.RejectedAt != "/collections/meteorite_landings/rejected" {
		t.Fatalf("loaded %+v", l)
	}
	r := n.want(n.do("GET", l.RejectedAt, ""), 200)
	var got rejected
	if err := json.Unmarshal([]byte(r.body), &got); err != nil {
		t.Fatal(err)
	}
	if got.Total != 1 || len(got.Rejected) != 1 || got.Rejected[0].Line != 3 || got.Rejected[0].Text != "2" {
		t.Errorf("rejected: %s", r.body)
	}
	n.want(n.do("GET", l.RejectedAt, "", "If-None-Match", r.header.Get("Etag")), 304)
}

type brokenSource struct {
	open error
	read io.Reader
}

func (s brokenSource) Open(context.Context) (io.ReadCloser, ingest.Options, error) {
	return io.NopCloser(s.read), ingest.Options{Source: "https://example.org/x.json"}, s.open
}

func TestSources(t *testing.T) {
	n := start(t, nil)
	n.problem(n.do("POST", "/data", ""), dataset.Invalid) // there is none
	n = start(t, func(c *Config) {
		c.Datasets[0].Source = brokenSource{open: &dataset.Error{Code: dataset.SourceUnavailable, Message: "example.org does not answer", Remedy: "send the data"}}
	})
	if p := n.problem(n.do("POST", "/data", ""), dataset.SourceUnavailable); p.Remedy != "send the data" {
		t.Errorf("the problem is %+v", p)
	}
	n = start(t, func(c *Config) {
		c.Datasets[0].Source = brokenSource{read: io.MultiReader(strings.NewReader(`[{"id":"1"},`), iotest.ErrReader(errors.New("reset by peer")))}
	})
	if p := n.problem(n.do("POST", "/data", ""), dataset.SourceUnavailable); !strings.Contains(p.Detail, "https://example.org/x.json") {
		t.Errorf("the problem is %+v", p)
	}
	// What the request says goes before what the source says.
	n = start(t, func(c *Config) { c.Datasets[0].Source = textSource("n\n1\nbad,\n") })
	l := loadedOf(t, n.want(n.do("POST", "/data?id_field=n&format=csv&on_error=skip", ""), 200))
	if l.IDField == nil || *l.IDField != "n" || l.Rejected != 1 || l.Format != "csv" {
		t.Errorf("loaded %+v", l)
	}
}

func TestLoadsAreBounded(t *testing.T) {
	n := start(t, func(c *Config) { c.Limits.Loads = 1 })
	hold := make(chan struct{})
	n.store.set(func() { n.store.hold = hold })
	done := make(chan reply)
	go func() { done <- n.do("POST", "/data", three) }()
	poll(t, "the first load", func() bool { return len(n.api.loads) == 1 })
	r := n.do("POST", "/data", three)
	n.problem(r, dataset.Unavailable)
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	close(hold)
	n.want(<-done, 200)
	n.want(n.do("POST", "/data", three), 200)
}

func TestKeys(t *testing.T) {
	n := start(t, nil)
	if r := n.want(n.do("GET", "/get-keys", ""), 200); r.body != "[]" {
		t.Errorf("no keys: %s", r.body)
	}
	want := []string{"k", "", "a \"b\"\n<&>", "Aïr", "\xff\x00", "{\"base64\":\"/wA=\"}", "\u2028"}
	for i := range 200000 { // beyond what is gathered before sending
		want = append(want, fmt.Sprint("key", i))
	}
	n.store.keys = want
	r := n.want(n.do("GET", "/get-keys", ""), 200)
	var raw []any
	if err := json.Unmarshal([]byte(r.body), &raw); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range raw {
		switch k := k.(type) {
		case string:
			got = append(got, k)
		case map[string]any:
			b, err := base64.StdEncoding.DecodeString(k["base64"].(string))
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(b))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d keys are not the %d that there are", len(got), len(want))
	}
	n.want(n.do("HEAD", "/get-keys", ""), 200)

	// A failure at the start is a problem; one in the middle breaks the answer off.
	n.store.keysErr = &dataset.Error{Code: dataset.Unavailable, Message: "Redis went away"}
	resp, err := get(n.addr, "/get-keys")
	if err == nil {
		defer resp.Body.Close()
		_, err = io.ReadAll(resp.Body)
	}
	if err == nil {
		t.Error("a list that is not whole looks whole")
	}
	n.store.keys = nil
	n.problem(n.do("GET", "/get-keys", ""), dataset.Unavailable)
}

// NASA's table comes back field by field, in order.
func TestNASA(t *testing.T) {
	text, err := os.ReadFile(nasa + "nasa_meteorite_landings.csv")
	if err != nil {
		t.Skipf("NASA's table is not there: %v", err)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	n := start(t, nil)
	if l := loadedOf(t, n.want(n.do("POST", "/data", string(text), "Content-Type", "text/csv"), 200)); l.Records != 45716 || l.Rejected != 0 {
		t.Errorf("loaded %+v", l)
	}
	for _, coding := range []string{"identity", "gzip", "zstd"} {
		var got []map[string]string
		if err := json.Unmarshal([]byte(decoded(t, n.want(n.do("GET", "/data", "", "Accept-Encoding", coding), 200))), &got); err != nil {
			t.Fatal(err)
		}
		if len(got) != len(rows)-1 {
			t.Fatalf("%s: %d records, want %d", coding, len(got), len(rows)-1)
		}
		for i, record := range got {
			for j, name := range rows[0] {
				if record[name] != rows[i+1][j] {
					t.Fatalf("%s: record %d has %s %q, want %q", coding, i, name, record[name], rows[i+1][j])
				}
			}
		}
	}
}
