package httpapi

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// fetch does what a browser does for a page's fetch() (https://fetch.spec.whatwg.org/#http-fetch,
// mode cors, no credentials): it asks beforehand where it has to, and hides what the page may not
// see. The error is what the page gets in place of an answer.
func (n *node) fetch(origin, method, path, body string, header ...string) (reply, error) {
	n.t.Helper()
	header = slices.Clone(header)
	listed := func(r reply, field, name string) bool {
		for one := range strings.SplitSeq(r.header.Get(field), ",") {
			if strings.EqualFold(strings.TrimSpace(one), name) {
				return true
			}
		}
		return false
	}
	shared := func(r reply) bool {
		got := r.header.Values("Access-Control-Allow-Origin")
		return len(got) == 1 && (got[0] == "*" || got[0] == origin)
	}
	var unusual []string
	for i := 0; i < len(header); i += 2 {
		if name := strings.ToLower(header[i]); name != "accept" && (name != "content-type" || header[i+1] != "text/plain") {
			unusual = append(unusual, name)
		}
	}
	simple := method == "GET" || method == "HEAD" || method == "POST"
	if !simple || unusual != nil {
		ask := []string{"Origin", origin, "Access-Control-Request-Method", method}
		if unusual != nil {
			slices.Sort(unusual)
			ask = append(ask, "Access-Control-Request-Headers", strings.Join(unusual, ","))
		}
		r := n.do("OPTIONS", path, "", append(ask, n.proxy...)...)
		if r.status < 200 || r.status > 299 || !shared(r) {
			return reply{}, fmt.Errorf("the preflight is answered %d %v", r.status, r.header)
		}
		if !simple && !listed(r, "Access-Control-Allow-Methods", method) {
			return reply{}, fmt.Errorf("the method is not allowed: %v", r.header)
		}
		for _, name := range unusual {
			if !listed(r, "Access-Control-Allow-Headers", name) {
				return reply{}, fmt.Errorf("the field %s is not allowed: %v", name, r.header)
			}
		}
	}
	r := n.do(method, path, body, slices.Concat(header, []string{"Origin", origin, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors"}, n.proxy)...)
	if !shared(r) {
		return reply{}, fmt.Errorf("the answer %d is not for the page: %v", r.status, r.header)
	}
	seen := http.Header{}
	for name, values := range r.header {
		switch name {
		case "Cache-Control", "Content-Language", "Content-Length", "Content-Type", "Expires", "Last-Modified", "Pragma":
			seen[name] = values
		default:
			if listed(r, "Access-Control-Expose-Headers", name) {
				seen[name] = values
			}
		}
	}
	r.header = seen
	return r, nil
}

// ours gives the names of an answer's fields that are of use to a page.
func ours(h http.Header) (names []string) {
	for name := range h {
		switch {
		case strings.HasPrefix(name, "Access-Control-"):
		case name == "Vary", name == "Date", name == "Connection", name == "X-Content-Type-Options": // the browser's own
		default:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Pages of every origin read, whatever they send along, and see all of an answer.
func TestPagesRead(t *testing.T) {
	n := start(t, func(c *Config) { c.AllowedOrigins = []string{"https://page.example"} })
	n.want(n.do("POST", "/data", three), 200)
	n.proxy = []string{"X-Forwarded-For", "203.0.113.9"} // who asks is elsewhere
	tag := n.do("GET", "/data/1", "").header.Get("Etag")
	for _, origin := range []string{"https://anywhere.example", "https://page.example", "null"} {
		for _, c := range []struct {
			method, path, body string
			status             int
			header             []string
		}{
			{"GET", "/data", "", 200, nil},
			{"GET", "/data/1", "", 200, nil},
			{"HEAD", "/data/1", "", 200, nil},
			{"GET", "/data/1", "", 304, []string{"If-None-Match", tag}},
			{"GET", "/data?limit=1", "", 200, []string{"Min-Version", "1", "Accept", "text/csv"}},
			{"GET", "/collections/meteorite_landings/items", "", 200, nil},
			{"GET", "/collections/meteorite_landings/facets?fields=name", "", 200, []string{"Authorization", "Bearer x"}},
			{"QUERY", "/data", "id='1'", 200, []string{"Content-Type", cql2TextType}},
			{"HEAD", "/backup", "", 200, nil},
			{"GET", "/data/9", "", 404, nil},
			{"GET", "/data?x=1", "", 400, nil},
			{"GET", "/nothing", "", 404, nil},
			{"QUERY", "/data", "id='1'", 415, []string{"Content-Type", "image/png"}},
		} {
			r, err := n.fetch(origin, c.method, c.path, c.body, c.header...)
			if err != nil || r.status != c.status {
				t.Errorf("%s %s from %s: status %d, %v", c.method, c.path, origin, r.status, err)
				continue
			}
			whole := n.do(c.method, c.path, c.body, slices.Concat(c.header, []string{"Origin", origin}, n.proxy)...)
			if got, want := ours(r.header), ours(whole.header); !slices.Equal(got, want) {
				t.Errorf("%s %s: the page sees %v of %v", c.method, c.path, got, want)
			}
		}
	}
	for _, path := range []string{"/data", "/data/1", "/livez"} {
		if r := n.do("GET", path, ""); r.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: an answer to no page has %v", path, r.header)
		}
	}
}

// What a node answers on this host's own address is not for the pages of the world, which
// whoever works on this host may have open.
func TestPagesReadThisHost(t *testing.T) {
	n := start(t, func(c *Config) { c.AllowedOrigins = []string{"https://page.example"} })
	n.want(n.do("POST", "/data", three), 200)
	for origin, may := range map[string]bool{
		"https://anywhere.example": false, "null": false, "http://localhost.example": false, "file://": false,
		"http://localhost:5173": true, "http://127.0.0.1:8080": true, "http://[::1]": true, "https://page.example": true,
	} {
		for _, path := range []string{"/data", "/data/1", "/get-keys"} {
			if r, err := n.fetch(origin, "GET", path, ""); (err == nil) != may {
				t.Errorf("GET %s from %s: status %d, %v", path, origin, r.status, err)
			}
		}
		if r, err := n.fetch(origin, "QUERY", "/data", "id='1'", "Content-Type", cql2TextType); (err == nil) != may {
			t.Errorf("QUERY from %s: status %d, %v", origin, r.status, err)
		}
	}
}

// A port of a container that is published to its host alone is the host's too, though the
// connection comes over a bridge; one that the world asks by name is not.
func TestPagesReadPublishedPorts(t *testing.T) {
	g, err := newGuard(Config{})
	if err != nil {
		t.Fatal(err)
	}
	bridge := context.WithValue(t.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(172, 17, 0, 2), Port: 5000})
	for host, may := range map[string]bool{"localhost:5000": false, "127.0.0.1:5000": false, "data.example": true, "192.168.1.7:5000": true} {
		r := (&http.Request{Host: host, RemoteAddr: "172.17.0.1:40000", Header: http.Header{}}).WithContext(bridge)
		if got := g.readable(r, "https://anywhere.example"); got != may {
			t.Errorf("%s: a page may read: %t", host, got)
		}
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		if !g.readable(r, "https://anywhere.example") {
			t.Errorf("%s behind a proxy: a page may not read", host)
		}
	}
}

// Pages of allowed origins write, and others do not.
func TestPagesWrite(t *testing.T) {
	n := start(t, func(c *Config) {
		c.AllowedOrigins, c.Tokens = []string{"https://page.example", "http://localhost:3000"}, []string{"secret"}
	})
	writes := []struct {
		method, path, body, contentType string
		status                          int
		header                          []string
	}{
		{"POST", "/data", three, "application/json", 200, nil},
		{"POST", "/data", three, "text/plain", 200, nil},
		{"PUT", "/data/9", `{"id":"9"}`, "application/json", 201, []string{"If-None-Match", "*", "Prefer", "ack=disk"}},
		{"PATCH", "/data/9", `{"a":1}`, mergePatchType, 200, []string{"If-Match", "*"}},
		{"PATCH", "/data/9", `{"a":1}`, "application/json", 415, nil},
		{"DELETE", "/data/9", "", "", 204, nil},
		{"DELETE", "/data/9", "", "", 404, nil},
		{"PUT", "/collections/other", three, "application/json", 200, []string{"Content-Encoding", "identity"}},
	}
	for _, origin := range []string{"https://page.example", "http://localhost:3000"} {
		for _, c := range writes {
			header := append([]string{"Authorization", "Bearer secret"}, c.header...)
			if c.contentType != "" {
				header = append(header, "Content-Type", c.contentType)
			}
			r, err := n.fetch(origin, c.method, c.path, c.body, header...)
			if err != nil || r.status != c.status {
				t.Errorf("%s %s from %s: status %d, %v", c.method, c.path, origin, r.status, err)
				continue
			}
			if got := ours(r.header); c.status < 300 && (!slices.Contains(got, "Dataset-Ack") || !slices.Contains(got, "Dataset-Version")) {
				t.Errorf("%s %s: the page sees %v", c.method, c.path, got)
			}
		}
		n.want(n.do("DELETE", "/data", "", "Authorization", "Bearer secret"), 200)
	}
	if r, err := n.fetch("https://page.example", "DELETE", "/data", ""); err != nil || r.status != 401 || r.header.Get("Www-Authenticate") == "" {
		t.Errorf("without a token: %d %v, %v", r.status, r.header, err)
	}
	for _, origin := range []string{"https://evil.example", "https://page.example.evil.example", "http://page.example", "null"} {
		for _, c := range writes {
			if r, err := n.fetch(origin, c.method, c.path, c.body, "Authorization", "Bearer secret", "Content-Type", c.contentType); err == nil {
				t.Errorf("%s %s from %s: status %d", c.method, c.path, origin, r.status)
			}
		}
	}
	// What is answered differently from origin to origin says so.
	for _, origin := range []string{"https://page.example", "https://evil.example"} {
		r := n.do("OPTIONS", "/data/1", "", "Origin", origin, "Access-Control-Request-Method", "PUT")
		if r.status != 204 || r.header.Get("Vary") != "Origin" {
			t.Errorf("the preflight from %s is answered %d %v", origin, r.status, r.header)
		}
	}
}
