package httpapi

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"landings/internal/telemetry"
)

// getMetrics gives what answers GET /metrics: all figures of the node, as Prometheus reads them.
func (a *API) getMetrics() handler {
	metrics := a.metrics.Handler()
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header()["Cache-Control"] = noStore
		metrics.ServeHTTP(w, r)
		return nil
	}
}

// noted notes the status of an answer, and has marked what begins. It hides nothing that sending needs: neither
// ReadFrom, through which net/http gets to writev, nor what a ResponseController asks for.
type noted struct {
	http.ResponseWriter
	api     *API
	request *http.Request
	begun   bool    // the answer was marked
	status  int     // 0: none was set, which means 200
	body    *upload // of the request; nil: nobody wanted it
}

// Unwrap is for [http.ResponseController].
func (n *noted) Unwrap() http.ResponseWriter { return n.ResponseWriter }

func (n *noted) WriteHeader(status int) {
	if status >= 200 {
		n.begin()
		if n.status == 0 {
			n.status = status
		}
	}
	n.ResponseWriter.WriteHeader(status)
}

func (n *noted) Write(p []byte) (int, error) {
	n.begin()
	return n.ResponseWriter.Write(p)
}

// begin marks the answer; whoever sends nothing calls it in the end.
func (n *noted) begin() {
	if !n.begun {
		n.begun = true
		n.api.mark(n.Header(), n.request)
	}
}

// ReadFrom sends what src holds.
func (n *noted) ReadFrom(src io.Reader) (int64, error) {
	n.begin()
	if to, ok := n.ResponseWriter.(io.ReaderFrom); ok {
		return to.ReadFrom(src) // io.Copy would rather have src write itself
	}
	return io.Copy(n.ResponseWriter, src)
}

func (n *noted) code() int {
	if n.status == 0 {
		return http.StatusOK
	}
	return n.status
}

// unwrap gives the ResponseWriter of net/http, which [http.MaxBytesReader] wants to close the connection.
func unwrap(w http.ResponseWriter) http.ResponseWriter {
	if n, ok := w.(*noted); ok {
		return n.ResponseWriter
	}
	return w
}

// routeOf gives the pattern that a request was answered by, other where it had none: a
// client can make up any number of paths.
func routeOf(r *http.Request) string {
	if r.Pattern == "/" || r.Pattern == "" {
		return "other"
	}
	return r.Pattern
}

// methodOf gives a request's method where it is one of those that the routes have.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodPatch, http.MethodDelete, http.MethodOptions, methodQuery:
		return r.Method
	}
	return "other"
}

// directCounts is where the answers to ordinary requests are counted. What is counted
// for the first time is looked up in the metrics, and kept.
type directCounts struct {
	metrics *telemetry.Metrics
	kept    [len(directRoutes)][len(directMethods)][len(directStatuses)]atomic.Pointer[telemetry.Latency] // by the places of route, method and status in the lists below
}

// What requests are answered directly, and how most of them are.
var (
	directRoutes   = [...]string{"/data/{id}", "/data", "/collections/{c}/items", "/collections/{c}/items/{id}"}
	directMethods  = [...]string{http.MethodGet, http.MethodHead, http.MethodPut}
	directStatuses = [...]int{http.StatusOK, http.StatusNotModified, http.StatusNoContent, http.StatusCreated}
)

// of gives where an answer to a request for a path is counted.
func (d *directCounts) of(path, method string, status int) *telemetry.Latency {
	route := 0
	switch {
	case path == defaultBase:
		route = 1
	case strings.HasPrefix(path, defaultBase+"/"):
	case strings.HasSuffix(path, "/items"): // no id of a record ends so: it has no slash
		route = 2
	default:
		route = 3
	}
	m := 0
	for directMethods[m] != method {
		m++
	}
	for i, s := range directStatuses {
		if s != status {
			continue
		}
		kept := &d.kept[route][m][i]
		l := kept.Load()
		if l == nil {
			l = d.metrics.Request(directRoutes[route], method, status)
			kept.Store(l)
		}
		return l
	}
	return d.metrics.Request(directRoutes[route], method, status)
}

// countResults has the metrics tell how the cache of answers is used.
func (a *API) countResults() {
	a.metrics.Add(telemetry.Source{
		Figures: []telemetry.Figure{
			{Name: "landings_result_cache_bytes", Help: "Memory of the answers that are kept for who asks the same again.", Kind: telemetry.Gauge},
			{Name: "landings_result_cache_entries", Help: "How many answers are kept.", Kind: telemetry.Gauge},
			{Name: "landings_result_cache_hits_total", Help: "Questions answered with what was kept.", Kind: telemetry.Counter},
			{Name: "landings_result_cache_misses_total", Help: "Questions whose answer was not kept.", Kind: telemetry.Counter},
		},
		Read: func(set func(int, float64, ...string)) {
			u := a.results.Use()
			set(0, float64(u.Bytes))
			set(1, float64(u.Answers))
			set(2, float64(u.Hits))
			set(3, float64(u.Misses))
		},
	})
}
