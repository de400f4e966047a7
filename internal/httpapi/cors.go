package httpapi

import (
	"net/http"
	"strings"
)

// Pages of other origins (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol). What is
// published is for everybody, and no answer depends on a cookie: pages of every origin may
// read. But what a node answers on this host's own address is for this host: there the pages
// of this host and of the allowed origins may. Pages of the allowed origins may write; of all
// others a browser neither sends what needs to be asked for beforehand nor shows the answer,
// and the guard refuses what it sends all the same.
//
// The fields are on answers to requests with an Origin alone, which plain reads do not have.
// A browser that kept an answer without them asks again before it uses it (no-cache), with
// the Origin of who asks, and takes them from the 304. So reads need no Vary: Origin.
var (
	anyOrigin     = []string{"*"}
	varyOrigin    = []string{"Origin"}
	corsReads     = []string{"GET, HEAD, " + methodQuery}
	corsAll       = []string{"GET, HEAD, " + methodQuery + ", POST, PUT, PATCH, DELETE"}
	corsTime      = []string{"7200"} // what browsers keep a permission for at most
	corsRequests  = []string{"Accept, Authorization, Content-Encoding, Content-Type, If-Match, If-None-Match, Min-Version, Prefer"}
	corsResponses = []string{"Accept-Patch, Accept-Query, Allow, Content-Disposition, Content-Encoding, Content-Length, Dataset-Ack, Dataset-Age, " +
		"Dataset-Vanished, Dataset-Version, ETag, Link, Location, Number-Matched, Number-Returned, Preference-Applied, Retry-After, WWW-Authenticate"}
)

// share tells a browser what the page that a request comes from may do.
func (g *guard) share(h http.Header, r *http.Request) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return
	}
	method, asked := r.Method, r.Header.Get("Access-Control-Request-Method")
	preflight := method == http.MethodOptions && asked != ""
	if preflight {
		method = asked
	}
	methods := corsReads
	reads := method == http.MethodGet || method == http.MethodHead || method == methodQuery
	switch {
	case reads && g.readable(r, origin):
		h["Access-Control-Allow-Origin"] = anyOrigin
	case g.pages[origin]:
		h["Access-Control-Allow-Origin"] = []string{origin}
		h["Vary"] = varyOrigin
		methods = corsAll
	default:
		h["Vary"] = varyOrigin
		return
	}
	if !preflight {
		h["Access-Control-Expose-Headers"] = corsResponses
		return
	}
	h["Access-Control-Allow-Methods"] = methods
	h["Access-Control-Allow-Headers"] = corsRequests
	h["Access-Control-Max-Age"] = corsTime
}

// readable says whether a page may see the answers to its reads.
func (g *guard) readable(r *http.Request, origin string) bool {
	// A port that is published to this host alone leads to another address: the name in
	// Host, which no page can choose, tells.
	private := !forwarded(r) && (isLoopbackName(r.Host) || onLoopback(r))
	if !private || g.pages[origin] {
		return true
	}
	_, host, _ := strings.Cut(origin, "://")
	return isLoopbackName(host)
}
