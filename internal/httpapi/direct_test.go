package httpapi

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"landings/internal/dataset"
)

// pair is one API served twice: with the short way, and by net/http alone.
type pair struct {
	*node
	plain string // the address of the latter
}

func startPair(t testing.TB) *pair {
	n := start(t, nil)
	n.fill()
	return &pair{n, n.servePlain(t)}
}

// startTwins gives two APIs with the same content, one with the short way and one
// without, for requests that write.
func startTwins(t testing.TB, change func(*Config)) *pair {
	first, second := start(t, change), start(t, change)
	for _, n := range []*node{first, second} {
		n.fill("Authorization", "Bearer secret", "Prefer", "ack=memory")
	}
	return &pair{first, second.servePlain(t)}
}

// fill loads two datasets.
func (n *node) fill(header ...string) {
	n.want(n.do("POST", "/data", list(40), header...), 200)
	n.want(n.do("PUT", "/collections/other", three, header...), 200)
	n.want(n.do("GET", "/collections/other/items?f=json", ""), 200)
}

// servePlain serves the node's API by net/http alone, and gives the address.
func (n *node) servePlain(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	plain := &http.Server{Handler: n.api, ReadHeaderTimeout: n.api.limits.HeaderTime, MaxHeaderBytes: n.api.limits.HeaderBytes}
	done := make(chan error, 1)
	go func() { done <- plain.Serve(l) }()
	t.Cleanup(func() {
		_ = plain.Close()
		<-done
	})
	return l.Addr().String()
}

// varying is what differs from answer to answer.
var varying = regexp.MustCompile(`Date: [^\r\n]+|urn:uuid:[-0-9a-f]+`)

// exchange sends pieces, one write each, says that nothing more comes, and gives all
// that is answered.
func exchange(t testing.TB, addr string, pieces ...[]byte) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return exchangeOver(t, c, pieces...)
}

// warm gives a connection that had an answer before, and is served by a loop since,
// where there are loops.
func warm(t testing.TB, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	for range 2 {
		if _, err := io.WriteString(c, "HEAD /data/1 HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		var got []byte
		for room := make([]byte, 4096); !bytes.HasSuffix(got, []byte("\r\n\r\n")); {
			n, err := c.Read(room)
			if got = append(got, room[:n]...); err != nil {
				t.Fatalf("%q: %v", got, err)
			}
		}
	}
	return c
}

// exchangeOver is exchange over a connection that is there, and closes it.
func exchangeOver(t testing.TB, c net.Conn, pieces ...[]byte) string {
	t.Helper()
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	for _, p := range pieces {
		if _, err := c.Write(p); err != nil {
			break // it was refused before it was sent whole
		}
	}
	_ = c.(*net.TCPConn).CloseWrite()
	var got bytes.Buffer
	_, err := io.Copy(&got, c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%q: no end after %q", pieces, got.String())
	}
	return varying.ReplaceAllString(got.String(), "*")
}

func (p *pair) compare(t testing.TB, request []byte) {
	t.Helper()
	got, want := exchange(t, p.addr, request), exchange(t, p.plain, request)
	if got != want {
		t.Errorf("%q is answered\n%.2000s\nand by net/http\n%.2000s", request, got, want)
	}
}

// compareWarm is compare over connections that had answers before.
func (p *pair) compareWarm(t testing.TB, request []byte) {
	t.Helper()
	got, want := exchangeOver(t, warm(t, p.addr), request), exchangeOver(t, warm(t, p.plain), request)
	if got != want {
		t.Errorf("after others %q is answered\n%.2000s\nand by net/http\n%.2000s", request, got, want)
	}
}

// requests are ordinary ones and such as differ from them in one point; %s stands
// for a tag.
var requests = []string{
	"GET /data/1 HTTP/1.1\r\nHost: a\r\n\r\n",
	"HEAD /data/1 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data HTTP/1.1\r\nHost: a\r\n\r\n",
	"HEAD /data HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n",
	"GET /data HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\naccept-encoding: zstd;q=0.5\r\n\r\n",
	"GET /data HTTP/1.1\r\nHost: a\r\nAccept-Encoding: identity;q=0\r\n\r\n",
	"GET /data HTTP/1.1\r\nHost: a\r\nAccept-Encoding: *;q=0\r\n\r\n",
	"GET /collections/other/items/2 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nUser-Agent: x\ty\r\n\r\n",
	"GET /data/1 HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n",
	"GET /data/1 HTTP/1.1\r\nHost: a\r\nOrigin: https://page.example\r\n\r\n",
	"GET /data/1 HTTP/1.1\r\nHost: a\r\nIf-None-Match: W/%s, \"x\"\r\n\r\n",
	"GET /data/1 HTTP/1.1\r\nHost: a\r\nIf-Match: %s\r\nIf-None-Match: \"x\"\r\n\r\n",
	"GET /data/1 HTTP/1.1\r\nHost: a\r\nIf-Match: \"x\"\r\n\r\n",
	"GET /data/1 HTTP/1.1\r\nHost: a\r\nIf-Match: x\r\n\r\n",
	"GET /data HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\nAccept-Encoding: gzip\r\n\r\n",
	"GET /data/1 HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\nGET /data/2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /data/3 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data/1 HTTP/1.1\r\nHost: a\r\n\r\nGET /data HTTP/1.1\r\nHost: a\r\n\r\nHEAD /data HTTP/1.1\r\nHost: a\r\n\r\nGET /data/2 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data/1 HTTP/1.1\r\nHost: a\r\n\r\nPUT /data/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n{]}GET /data/1 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 39\r\n\r\nGET /data/2 HTTP/1.1\r\nHost: smuggled\r\n\r\n",
	"GET /data/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /data/2 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"GET /data/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
	"GET /data/1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
	"GET /data/1 HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1\r\n\r\n",
	"GET /data/1 HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
	"GET /data/1 HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\n folded: y\r\n\r\n",
	"GET /data/1 HTTP/1.1\r\nHost: a\r\nUser-Agent: x\x00\r\n\r\n",
	"GET /data/1 HTTP/1.1\r\nHost: a\r\nUser-Agent: x\ry\r\n\r\n",
	"GET /data/1 HTTP/1.1\nHost: a\n\n",
	"GET /data/1 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
	"GET /data/1 HTTP/1.1\r\nHost: a b\r\n\r\n",
	"GET /data/1 HTTP/1.1\r\nHost:\r\n\r\n",
	"GET /data/1 HTTP/1.1\r\n\r\n",
	"GET /data/1 HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
	"GET http://a/data/1 HTTP/1.1\r\nHost: b\r\n\r\n",
	"GET /data/%31 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data/%2F HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data/1?x=1 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data/1? HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data/1?f=geojson HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data/1 HTTP/1.1\r\nHost: a\r\nAccept: application/geo+json\r\n\r\n",
	"GET /collections/other/items/2?f=json HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data?limit=3 HTTP/1.1\r\nHost: a\r\n\r\nGET /data?limit=30&f=csv HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n",
	"HEAD /data?filter=id%3C%3E%27x%27&properties=id HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data?limit=3&f=ndjson HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n",
	"GET /data?explain=true&limt=1 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data?f=geojson&limit=0 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data?f=json HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data?limit=40 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /data?limit=41 HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n",
	"GET /data? HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data?limit=1#x HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data?limit=%zz HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data?id=1;id=2 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /collections/other/items?limit=2 HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n",
	"GET /collections/other/items?limit=1&f=json HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n",
	"GET /collections/none/items?limit=1 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /collections/other/facets?fields=id HTTP/1.1\r\nHost: a\r\n\r\nHEAD /collections/other/facets?fields=id HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /collections/other/summary?fields=id HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\nGET /collections/other/facets?limit=1 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /collections/other/facets?fields=id HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n",
	"GET /collections/other/facets?fields=none HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /collections/other/facets?histogram=id HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /collections/none/facets?fields=id HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /collections/other/x/facets?fields=id HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data/facets?fields=id HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data/1#x HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data/ HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data/. HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data/../data/1 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET //data/1 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data/1/ HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data/none HTTP/1.1\r\nHost: a\r\n\r\nGET /data/1 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /collections/none/items/1 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /collections/other/items/../items/2 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /collections//items/2 HTTP/1.1\r\nHost: a\r\n\r\n",
	"get /data/1 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET  /data/1 HTTP/1.1\r\nHost: a\r\n\r\n",
	"\r\nGET /data/1 HTTP/1.1\r\nHost: a\r\n\r\n",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"GET /data/1 HTTP/1.1\r\nHost: a\r\n",
	"GET /da",
	"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}

// long ends requests over connections that had answers before: see FuzzDirect.
const long = "XXXX"

// The short way gives what net/http gives, byte for byte.
func TestDirectAsNetHTTP(t *testing.T) {
	p := startPair(t)
	tag := p.do("GET", "/data/1", "").header.Get("Etag")
	for _, r := range requests {
		p.compare(t, []byte(strings.ReplaceAll(r, "%s", tag)))
		p.compareWarm(t, []byte(strings.ReplaceAll(r, "%s", tag)+long))
	}
	p.compare(t, []byte("GET /data/1 HTTP/1.1\r\nHost: a\r\nCookie: "+strings.Repeat("x", 8000)+"\r\n\r\n"))
	many := []byte(strings.Repeat("GET /data/1 HTTP/1.1\r\nHost: a\r\n\r\n", 500))
	p.compare(t, many)
	p.compareWarm(t, many)
}

// Wherever a request is cut into two pieces, the answer is the same.
func TestDirectInPieces(t *testing.T) {
	p := startPair(t)
	r := []byte("GET /data/1 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /data/2 HTTP/1.1\r\nHost: a\r\n\r\n")
	want := exchange(t, p.plain, r)
	for i := range r {
		if got := exchange(t, p.addr, r[:i], r[i:]); got != want {
			t.Errorf("cut at %d: %s, want %s", i, got, want)
		}
		if got := exchangeOver(t, warm(t, p.addr), r[:i], r[i:]); got != want {
			t.Errorf("after others, cut at %d: %s, want %s", i, got, want)
		}
	}
}

// writes are ordinary ones and such as differ from them in one point.
var writes = []string{
	put("/data/1", `{"id":"1","v":"other"}`),
	put("/data/1", `{"id":"1","v":"other"}`), // nothing changes
	put("/data/new", `{"id":"new"}`),
	put("/data/new", ` {"id":"new","v":1} `), // no Etag
	put("/data/new", `{"id":"new","v":2}`, "Content-Type: application/json"),
	put("/data/new", `{"id":"new","v":3}`, "content-type: application/json", "Accept: */*", "User-Agent: x", "Accept-Encoding: gzip"),
	put("/collections/other/items/1", `{"id":"1","v":4}`),
	put("/collections/none/items/1", `{"id":"1"}`),
	put("/data/1", `{"id":"1","v":5}`) + put("/data/2", `{"id":"2","v":5}`) + "GET /data/1 HTTP/1.1\r\nHost: a\r\n\r\n" + put("/data/1", `{"id":"1","v":6}`),
	put("/data/1", `{"id":"1","v":7}`, "If-Match: *"),
	put("/data/1", `{"id":"1","v":8}`, "If-None-Match: *"),
	put("/data/1", `{"id":"1","v":8}`, `If-Match: "x"`) + put("/data/1", `{"id":"1","v":9}`),
	put("/data/1", `{"id":"1","v":8}`, `If-Match: x`),
	put("/data/created", `{"id":"created"}`, "If-None-Match: *"),
	put("/data/1", `{"id":"2"}`) + put("/data/1", `{"id":"1","v":10}`),
	put("/data/1", `{"v":1}`),
	put("/data/1", `{"id":"1"`),
	put("/data/1", `[]`),
	put("/data/1", ``),
	put("/data/1", `{"id":"1","v":11}`, "Content-Type: text/csv"),
	put("/data/1", `{"id":"1","v":11}`, "Content-Type: application/json; charset=latin1"),
	put("/data/1", `{"id":"1","v":12}`, "Content-Type: application/json; charset=utf-8"),
	put("/data/1", `{"id":"1","v":13}`, "Content-Type: application/json", "Content-Type: text/csv"),
	put("/data/1", `{"id":"1","v":13}`, "Content-Encoding: gzip"),
	put("/data/1", `{"id":"1","v":13}`, "Content-Length: 17"),
	put("/data/1", `{"id":"1","v":13}`, "Content-Length: 18"),
	put("/data/1", `{"id":"1","v":13}`, "Transfer-Encoding: chunked"),
	put("/data/1", `{"id":"1","v":13}`, "Expect: 100-continue"),
	put("/data/1", `{"id":"1","v":14}`, "Origin: http://elsewhere.example"),
	put("/data/1", `{"id":"1","v":14}`, "Sec-Fetch-Site: cross-site"),
	put("/data/1", `{"id":"1","v":14}`, "X-Forwarded-For: 192.0.2.1"),
	put("/data/1", `{"id":"1","v":14}`, "Via: 1.1 proxy"),
	put("/data/1", `{"id":"1","v":14}`, "Authorization: Bearer wrong"),
	put("/data/1", `{"id":"1","v":15}`, "Authorization: Bearer secret"),
	put("/data/1", `{"id":"1","v":16}`, "Authorization: Bearer secret", "Authorization: Bearer wrong"),
	put("/data/1", `{"id":"1","v":17}`, "Authorization: Bearer wrong", "Authorization: Bearer secret"),
	put("/data/1", `{"id":"1","v":17}`, "Authorization:", "Authorization: Bearer secret"),
	strings.Replace(put("/data/1", `{"id":"1","v":18}`), "localhost", "elsewhere.example", 1),
	strings.Replace(put("/data/1", `{"id":"1","v":19}`), "localhost", "127.0.0.1:5000", 1),
	strings.Replace(put("/data/1", `{"id":"1","v":20}`), "Length: ", "Length: 0", 1),
	strings.Replace(put("/data/1", `{"id":"1","v":20}`), "Length: ", "Length: +", 1),
	put("/data/..", `{"id":".."}`),
	put("/data/.", `{"id":"."}`),
	put("/data/1/2", `{"id":"1/2"}`),
	put("/data/1%2F2", `{"id":"1/2"}`),
	put("/data/", `{"id":""}`),
	put("/data", `{"id":""}`),
	put("/data/1?x=1", `{"id":"1"}`),
	put("/data/"+strings.Repeat("x", 600), `{"id":"`+strings.Repeat("x", 600)+`"}`),
	put("/data/1", `{"id":"1","v":"`+strings.Repeat("x", 3000)+`"}`),
	put("/data/1", `{"id":"1","v":"`+strings.Repeat("x", 10_000)+`"}`),
	put("/data/1", `{"id":"1","v":21}`, "Connection: close") + put("/data/1", `{"id":"1","v":22}`),
	put("/data/1", `{"id":"1","v":23}`) + "trailing",
}

// put gives a PUT with its body and further lines of the header.
func put(path, body string, lines ...string) string {
	lines = append(lines, "Content-Length: "+strconv.Itoa(len(body)))
	return "PUT " + path + " HTTP/1.1\r\nHost: localhost\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}

// Writes do on the short way what they do by net/http, and are answered the same.
func TestDirectPutAsNetHTTP(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"this host": nil,
		"token":     func(c *Config) { c.Tokens = []string{"secret"} },
		"remote":    func(c *Config) { c.AllowRemoteWrites = true },
		"disk":      func(c *Config) { c.Datasets[0].Ack = dataset.Ack{Level: dataset.AckDisk} },
		"not reached": func(c *Config) {
			c.Datasets[0].Ack, c.Ack = dataset.Ack{Level: dataset.AckNodes, N: 2}, dataset.Ack{Level: dataset.AckNodes, N: 1}
		},
		"not promised": func(c *Config) { c.Datasets[0].Ack = dataset.Ack{Level: dataset.AckReplicas, N: 1} },
	} {
		t.Run(name, func(t *testing.T) {
			p := startTwins(t, change)
			for _, r := range writes {
				p.compare(t, []byte(r))
				p.compareWarm(t, []byte(strings.ReplaceAll(r, `"v":`, `"v":1`)+long))
				p.compare(t, []byte("GET /data HTTP/1.1\r\nHost: a\r\n\r\nGET /data/1 HTTP/1.1\r\nHost: a\r\n\r\n"))
			}
		})
	}
}

// Errors that come from the store are answered on the short way, once, and the
// connection goes on.
func TestDirectPutFails(t *testing.T) {
	p := startTwins(t, nil)
	for _, code := range []dataset.Code{dataset.Unavailable, dataset.OutcomeUnknown} {
		p.store.set(func() { p.store.broken = &dataset.Error{Code: code, Message: "it is broken", Remedy: "mend it"} })
		both := []byte(put("/data/1", `{"id":"1"}`) + put("/data/2", `{"id":"2"}`))
		for _, got := range []string{exchange(t, p.addr, both), exchangeOver(t, warm(t, p.addr), both)} {
			if n := strings.Count(got, "it is broken"); n != 2 || strings.Count(got, "HTTP/1.1 503 ") != 2 {
				t.Errorf("%s is answered %q", code, got)
			}
		}
	}
}

// Wherever a write is cut into two pieces, the answer is the same.
func TestDirectPutInPieces(t *testing.T) {
	n := start(t, nil)
	n.fill()
	r := []byte(put("/data/1", `{"id":"1","v":"other"}`) + put("/data/2", `{"id":"2","v":"other"}`))
	exchange(t, n.addr, r)
	want := exchange(t, n.addr, r) // nothing changes any more
	for i := range r {
		if got := exchange(t, n.addr, r[:i], r[i:]); got != want {
			t.Errorf("cut at %d: %s, want %s", i, got, want)
		}
		if got := exchangeOver(t, warm(t, n.addr), r[:i], r[i:]); got != want {
			t.Errorf("after others, cut at %d: %s, want %s", i, got, want)
		}
	}
}

// FuzzDirect looks for requests that the two answer differently. Of those that
// write only PUT of records is tried: loads are answered with the time they took.
func FuzzDirect(f *testing.F) {
	for _, r := range slices.Concat(requests, writes) {
		f.Add([]byte(r))
	}
	p := startTwins(f, nil)
	f.Fuzz(func(t *testing.T, request []byte) {
		for _, method := range []string{"POST", "PATCH", "DELETE", "PUT /c"} {
			if bytes.Contains(request, []byte(method)) {
				return
			}
		}
		// Between requests, net/http closes without a word where the input ends within four
		// bytes; of a connection's first request it says that they are none. A connection
		// that is handed over begins anew, and the four bytes make the two alike.
		p.compare(t, append(bytes.Clone(request), long...))
		p.compareWarm(t, append(bytes.Clone(request), long...))
	})
}

// A connection that was answered directly may idle for IdleTime and no longer, and
// so may one that never asks, for HeaderTime.
func TestDirectIdle(t *testing.T) {
	n := start(t, short)
	n.want(n.do("POST", "/data", three), 200)
	for _, request := range []string{"", "GET /data/1 HTTP/1.1\r\nHost: a\r\n\r\n"} {
		c := n.dial()
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(c); err != nil || strings.HasPrefix(string(got), "HTTP/1.1 200") != (request != "") {
			t.Errorf("%q is answered %q, %v", request, got, err)
		}
		n.cut(t)
	}
}

// So may one that a loop serves.
func TestDirectIdleInLoop(t *testing.T) {
	n := start(t, short)
	n.want(n.do("POST", "/data", three), 200)
	c := warm(t, n.addr)
	defer c.Close()
	if got, err := io.ReadAll(c); err != nil || len(got) > 0 {
		t.Errorf("it ends with %q, %v", got, err)
	}
	n.cut(t)
}

// Whoever asks and reads no answers is cut.
func TestDirectStalledReader(t *testing.T) {
	n := start(t, short)
	n.want(n.do("POST", "/data", three), 200)
	for _, c := range []net.Conn{n.dial(), warm(t, n.addr)} {
		flood := []byte(strings.Repeat("GET /data/1 HTTP/1.1\r\nHost: a\r\n\r\n", 1000))
		_ = c.SetWriteDeadline(time.Now().Add(20 * time.Second))
		for {
			if _, err := c.Write(flood); err != nil {
				if errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatal("it may stall")
				}
				break
			}
		}
		_ = c.Close()
		n.cut(t)
	}
}

// So is who reads nothing of one answer that is larger than what sockets hold, and
// who reads slowly gets all of it.
func TestDirectLargeRecord(t *testing.T) {
	n := start(t, short)
	n.want(n.do("POST", "/data", three), 200)
	large := `{"id":"1","v":"` + strings.Repeat("x", 900_000) + `"}`
	n.want(n.do("PUT", "/data/1", large), 204)
	get := []byte("GET /data/1 HTTP/1.1\r\nHost: a\r\n\r\n")
	if got := exchangeOver(t, warm(t, n.addr), bytes.Repeat(get, 12)); strings.Count(got, large) != 12 {
		t.Errorf("%d bytes", len(got))
	}
	c := warm(t, n.addr)
	defer c.Close()
	if _, err := c.Write(bytes.Repeat(get, 20)); err != nil {
		t.Fatal(err)
	}
	n.cut(t)
}

// Questions that a loop has no time for are answered by a goroutine, from which the
// connection comes back: the answers are the same.
func TestDirectQuestionThatTakesLong(t *testing.T) {
	n := start(t, nil)
	n.want(n.do("POST", "/data", list(4000)), 200)
	p := &pair{n, n.servePlain(t)}
	get := func(query string, lines ...string) string {
		return "GET /data?" + query + " HTTP/1.1\r\nHost: a\r\n" + strings.Join(append(lines, "\r\n"), "\r\n")
	}
	for _, r := range []string{
		get("f=json&limit=4000&sortby=-text"),
		get("f=json&limit=1000&sortby=-text", "Accept-Encoding: gzip"),
		get("limit=3&filter=text+LIKE+'%25" + strings.Repeat("x", 300) + "%25'+AND+id+LIKE+'%259%25'"),
		"GET /data/1 HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		p.compareWarm(t, []byte(r+get("limit=1&id=7")))
		p.compareWarm(t, []byte(strings.Repeat(get("limit=1&id=7"), 40)+r+strings.Repeat(get("limit=1&id=8"), 40)))
	}
}

// Shutting down ends connections that wait between direct requests.
func TestDirectShutdown(t *testing.T) {
	n := start(t, nil)
	n.want(n.do("POST", "/data", three), 200)
	c := n.dial()
	if _, err := io.WriteString(c, "GET /data/1 HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAtLeast(c, make([]byte, 4096), 15); err != nil {
		t.Fatal(err)
	}
	other := warm(t, n.addr)
	defer other.Close()
	if err := n.server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{c, other} {
		if _, err := io.ReadAll(c); err != nil {
			t.Errorf("the connection ends with %v", err)
		}
	}
}

// A write that waits for its commit is answered before its connection ends, and keeps
// neither other connections of its loop nor requests behind it from being answered.
func TestDirectWriteThatWaits(t *testing.T) {
	n := start(t, nil)
	n.want(n.do("POST", "/data", three), 200)
	writer, reader := warm(t, n.addr), warm(t, n.addr)
	defer writer.Close()
	defer reader.Close()
	release := make(chan struct{})
	n.store.set(func() { n.store.begun = release })
	const get = "GET /data/2 HTTP/1.1\r\nHost: a\r\n\r\n"
	for _, piece := range []string{put("/data/1", `{"id":"1","v":2}`) + get, get} {
		if _, err := io.WriteString(writer, piece); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(reader, get); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAtLeast(reader, make([]byte, 4096), 15); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- n.server.Shutdown(t.Context()) }()
	if got, err := io.ReadAll(reader); err != nil || len(got) > 0 {
		t.Errorf("the reader's connection ends with %q, %v", got, err)
	}
	close(release)
	got, err := io.ReadAll(writer)
	if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 204 ") || strings.Count(string(got), "HTTP/1.1 ") < 2 {
		t.Errorf("the writer gets %q, %v", got, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
