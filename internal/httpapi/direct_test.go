package httpapi

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// pair is one API served twice: with the short way for reads, and by net/http alone.
type pair struct {
	*node
	plain string // the address of the latter
}

func startPair(t testing.TB) *pair {
	n := start(t, nil)
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
	n.want(n.do("POST", "/data", list(40)), 200)
	n.want(n.do("PUT", "/collections/other", three), 200)
	n.want(n.do("GET", "/collections/other/items?f=json", ""), 200)
	return &pair{n, l.Addr().String()}
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
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	for _, p := range pieces {
		if _, err := c.Write(p); err != nil {
			break // it was refused before it was sent whole
		}
	}
	_ = c.(*net.TCPConn).CloseWrite()
	var got bytes.Buffer
	_, err = io.Copy(&got, c)
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
	"GET /data/1?x=1 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data/1? HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data?limit=3 HTTP/1.1\r\nHost: a\r\n\r\nGET /data?limit=30&f=csv HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n",
	"HEAD /data?filter=id%3C%3E%27x%27&properties=id HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data?limit=3&f=ndjson HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n",
	"GET /data?explain=true&limt=1 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data?f=geojson&limit=0 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data?f=json HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data? HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data?limit=1#x HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data?limit=%zz HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /data?id=1;id=2 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /collections/other/items?limit=2 HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n",
	"GET /collections/other/items?limit=1&f=json HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n",
	"GET /collections/none/items?limit=1 HTTP/1.1\r\nHost: a\r\n\r\n",
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

// The short way gives what net/http gives, byte for byte.
func TestDirectAsNetHTTP(t *testing.T) {
	p := startPair(t)
	tag := p.do("GET", "/data/1", "").header.Get("Etag")
	for _, r := range requests {
		p.compare(t, []byte(strings.ReplaceAll(r, "%s", tag)))
	}
	p.compare(t, []byte("GET /data/1 HTTP/1.1\r\nHost: a\r\nCookie: "+strings.Repeat("x", 8000)+"\r\n\r\n"))
	p.compare(t, []byte(strings.Repeat("GET /data/1 HTTP/1.1\r\nHost: a\r\n\r\n", 500)))
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
	}
}

// FuzzDirect looks for requests that the two answer differently. Those that write
// are left out, for the second to be asked would find another dataset.
func FuzzDirect(f *testing.F) {
	for _, r := range requests {
		f.Add([]byte(r))
	}
	p := startPair(f)
	f.Fuzz(func(t *testing.T, request []byte) {
		for _, method := range []string{"PUT", "POST", "PATCH", "DELETE"} {
			if bytes.Contains(request, []byte(method)) {
				return
			}
		}
		// Between requests, net/http closes without a word where the input ends within four
		// bytes; of a connection's first request it says that they are none. A connection
		// that is handed over begins anew, and the four bytes make the two alike.
		p.compare(t, append(bytes.Clone(request), "XXXX"...))
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

// Whoever asks and reads no answers is cut.
func TestDirectStalledReader(t *testing.T) {
	n := start(t, short)
	n.want(n.do("POST", "/data", three), 200)
	c := n.dial()
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
	n.cut(t)
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
	if err := n.server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(c); err != nil {
		t.Errorf("the connection ends with %v", err)
	}
}
