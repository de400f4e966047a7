package httpapi

import (
	"strings"
	"testing"
)

// Every request is counted once, by route, method and status, whichever way it was answered.
func TestRequestsAreCounted(t *testing.T) {
	n := start(t, nil)
	n.fill()
	tag := n.do("GET", "/data/1", "").header.Get("Etag")
	for range 3 {
		n.want(n.do("GET", "/data/1", ""), 200)
	}
	n.want(n.do("GET", "/data/1", "", "If-None-Match", tag), 304)
	n.want(n.do("HEAD", "/data/1", ""), 200)
	n.want(n.do("GET", "/data/none", ""), 404)
	n.want(n.do("GET", "/data?limit=2&f=json", ""), 200)
	n.want(n.do("GET", "/data?nothing=2", ""), 400)
	n.want(n.do("GET", "/collections/other/items/1", ""), 200)
	n.want(n.do("PUT", "/data/1", `{"id":"1","v":"other"}`), 204)
	n.want(n.do("PUT", "/data/new", `{"id":"new"}`), 201)
	n.want(n.do("PUT", "/data/1", `{"id":"2"}`), 400)
	n.want(n.do("FROB", "/data/1", ""), 405)
	n.want(n.do("GET", "/some/where", ""), 404)
	n.want(n.do("GET", "/elsewhere", ""), 404)
	n.want(n.do("PUT", "/data/..", "{}"), 400)
	raw := exchange(t, n.addr, []byte(strings.Repeat("GET /data HTTP/1.1\r\nHost: a\r\n\r\n", 5)+"GET /data HTTP/1.1\r\nHost: a\r\nX-Strange: 1\r\n\r\n"))
	if got := strings.Count(raw, "HTTP/1.1 200 OK"); got != 6 {
		t.Fatalf("%d answers", got)
	}
	text := n.do("GET", "/metrics", "").body
	for _, line := range []string{
		`{code="200",method="GET",route="/data/{id}"} 4`,
		`{code="304",method="GET",route="/data/{id}"} 1`,
		`{code="200",method="HEAD",route="/data/{id}"} 1`,
		`{code="404",method="GET",route="/data/{id}"} 1`,
		`{code="200",method="GET",route="/data"} 7`,
		`{code="400",method="GET",route="/data"} 1`,
		`{code="200",method="GET",route="/collections/{c}/items"} 1`,
		`{code="200",method="GET",route="/collections/{c}/items/{id}"} 1`,
		`{code="204",method="PUT",route="/data/{id}"} 1`,
		`{code="201",method="PUT",route="/data/{id}"} 1`,
		`{code="400",method="PUT",route="/data/{id}"} 1`,
		`{code="405",method="other",route="/data/{id}"} 1`,
		`{code="404",method="GET",route="other"} 2`,
		`{code="400",method="PUT",route="other"} 1`,
		`{code="200",method="POST",route="/data"} 1`,
		`{code="200",method="PUT",route="/collections/{c}"} 1`,
	} {
		if !strings.Contains(text, "\nlandings_http_request_duration_seconds_count"+line+"\n") {
			t.Errorf("there is no %s", line)
		}
	}
	for _, line := range []string{"landings_result_cache_misses_total 1", `landings_build_info{goversion=`} {
		if !strings.Contains(text, "\n"+line) {
			t.Errorf("there is no %s", line)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}
