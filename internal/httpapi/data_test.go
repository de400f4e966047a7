package httpapi

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"landings/internal/dataset"
	"landings/internal/encode"
	"landings/internal/ingest"
	"landings/internal/readmodel"
)

// node is an API on a real socket.
type node struct {
	t      testing.TB
	addr   string
	store  *memoryStore
	api    *API
	server *Server
	proxy  []string // header fields that a proxy adds to what pages send
}

type textSource string

func (s textSource) Open(context.Context) (io.ReadCloser, ingest.Options, error) {
	return io.NopCloser(strings.NewReader(string(s))), ingest.Options{Source: "a text"}, nil
}

func start(t testing.TB, change func(*Config)) *node {
	t.Helper()
	coder, err := encode.NewCoder(0)
	if err != nil {
		t.Fatal(err)
	}
	catalog := readmodel.NewCatalog(coder)
	store := newMemoryStore(catalog)
	c := Config{Datasets: []Dataset{{Name: "meteorite_landings"}}, Catalog: catalog, Store: store, Version: "test"}
	if change != nil {
		change(&c)
	}
	api, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	api.Open()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, addr: l.Addr().String(), store: store, api: api, server: NewServer(api)}
	done := make(chan error, 1)
	go func() { done <- n.server.Serve(l) }()
	t.Cleanup(func() {
		_ = n.server.Close()
		if err := <-done; err != http.ErrServerClosed {
			t.Errorf("Serve returned %v", err)
		}
		catalog.Wait()
	})
	return n
}

// reply is an answer as it came: nothing is decompressed on the way.
type reply struct {
	status int
	header http.Header
	body   string
}

func (n *node) do(method, path, body string, header ...string) reply {
	n.t.Helper()
	var b io.Reader
	if body != "" {
		b = strings.NewReader(body)
	}
	r, err := http.NewRequest(method, "http://"+n.addr+path, b)
	if err != nil {
		n.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Add(header[i], header[i+1])
	}
	client := http.Client{
		Transport:     &http.Transport{DisableCompression: true, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(r)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(got)}
}

// want fails the test unless the answer has a status.
func (n *node) want(r reply, status int) reply {
	n.t.Helper()
	if r.status != status {
		n.t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	return r
}

// problem reads the answer as a problem of a code.
func (n *node) problem(r reply, code dataset.Code) problem {
	n.t.Helper()
	var p problem
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		n.t.Fatalf("status %d, and no problem: %v: %s", r.status, err, r.body)
	}
	if p.Type != "/problems/"+string(code) || p.Status != r.status || p.Status != dataset.Codes[code].Status || r.header.Get("Content-Type") != problemType || p.Title == "" || p.Instance == "" {
		n.t.Fatalf("not a %s problem: %d %s", code, r.status, r.body)
	}
	return p
}

const three = `[{"id":"1","name":"Aïr","mass":21.0},
 {"id":"2","name":"b","mass":1e400},
 {"id":"a/b c","name":"c"}]`

func TestTutorial(t *testing.T) {
	n := start(t, func(c *Config) { c.Datasets[0].Source = textSource(three) })
	if r := n.want(n.do("GET", "/data", ""), 200); r.body != "[]" || r.header.Get("Etag") == "" {
		t.Errorf("without a dataset: %s", r.body)
	}
	var l loaded
	r := n.want(n.do("POST", "/data", ""), 200)
	if err := json.Unmarshal([]byte(r.body), &l); err != nil {
		t.Fatal(err)
	}
	if l.Dataset != "meteorite_landings" || l.Records != 3 || l.Version != 1 || l.IDField == nil || *l.IDField != "id" || l.Source != "a text" || l.Rejected != 0 {
		t.Errorf("loaded: %s", r.body)
	}
	want := `[{"id":"1","name":"Aïr","mass":21.0},` + "\n" + `{"id":"2","name":"b","mass":1e400},` + "\n" + `{"id":"a/b c","name":"c"}]`
	r = n.want(n.do("GET", "/data", ""), 200)
	if r.body != want || r.header.Get("Content-Type") != "application/json" || r.header.Get("Dataset-Version") != "1" {
		t.Errorf("the list is %s, %v", r.body, r.header)
	}
	if r := n.want(n.do("GET", "/data/1", ""), 200); r.body != `{"id":"1","name":"Aïr","mass":21.0}` {
		t.Errorf("record 1 is %s", r.body)
	}
	if r := n.want(n.do("GET", "/data/a%2Fb%20c", ""), 200); r.body != `{"id":"a/b c","name":"c"}` {
		t.Errorf("the record with an odd id is %s", r.body)
	}
	n.problem(n.do("GET", "/data/9", ""), dataset.NotFound)
	if r := n.want(n.do("DELETE", "/data", ""), 200); !strings.Contains(r.body, `"deleted":true`) || !strings.Contains(r.body, `"records":3`) {
		t.Errorf("deleted: %s", r.body)
	}
	if r := n.want(n.do("DELETE", "/data", ""), 200); !strings.Contains(r.body, `"deleted":false`) {
		t.Errorf("deleted again: %s", r.body)
	}
	if r := n.want(n.do("GET", "/data", ""), 200); r.body != "[]" {
		t.Errorf("after the deletion: %s", r.body)
	}
	n.problem(n.do("GET", "/data/1", ""), dataset.NotFound)
}

func decoded(t *testing.T, r reply) string {
	t.Helper()
	var in io.Reader = strings.NewReader(r.body)
	switch r.header.Get("Content-Encoding") {
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			t.Fatal(err)
		}
		in = z
	case "zstd":
		z, err := zstd.NewReader(in)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		in = z
	}
	out, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// big is a list of about 4 MB, beyond what sockets buffer by themselves.
func big() string { return list(20000) }

// list is a list of n records of 200 bytes or so, spelled as the API spells it.
func list(n int) string {
	records := make([]string, n)
	for i := range records {
		records[i] = fmt.Sprintf(`{"id":"%d","text":"%s"}`, i, strings.Repeat("x", i%373))
	}
	return "[" + strings.Join(records, ",\n") + "]"
}

func itoa(i int) string { return strconv.Itoa(i) }

func TestListInEveryCoding(t *testing.T) {
	n := start(t, nil)
	want := big()
	n.want(n.do("POST", "/data", want, "Content-Type", "application/json"), 200)
	tags := map[string]bool{}
	for _, coding := range []string{"", "gzip", "zstd"} {
		get := n.want(n.do("GET", "/data", "", "Accept-Encoding", coding), 200)
		if decoded(t, get) != want {
			t.Errorf("%q: the list is not what was loaded", coding)
		}
		if get.header.Get("Content-Encoding") != coding || get.header.Get("Vary") != "Accept, Accept-Encoding" {
			t.Errorf("%q: %v", coding, get.header)
		}
		if get.header.Get("Content-Length") != itoa(len(get.body)) {
			t.Errorf("%q: Content-Length %s, body %d", coding, get.header.Get("Content-Length"), len(get.body))
		}
		tag := get.header.Get("Etag")
		tags[tag] = true
		head := n.want(n.do("HEAD", "/data", "", "Accept-Encoding", coding), 200)
		for _, name := range []string{"Content-Length", "Etag", "Content-Type", "Content-Encoding", "Vary", "Dataset-Version"} {
			if head.header.Get(name) != get.header.Get(name) {
				t.Errorf("%q: HEAD has %s %q, GET %q", coding, name, head.header.Get(name), get.header.Get(name))
			}
		}
		same := n.want(n.do("GET", "/data", "", "Accept-Encoding", coding, "If-None-Match", `"x", W/`+tag), 304)
		if same.header.Get("Etag") != tag || same.header.Get("Vary") == "" {
			t.Errorf("%q: 304 has %v", coding, same.header)
		}
		n.want(n.do("GET", "/data", "", "Accept-Encoding", coding, "If-None-Match", `"x"`), 200)
	}
	if len(tags) != 3 {
		t.Errorf("tags of the codings: %v", tags)
	}
}
