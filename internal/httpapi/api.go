package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"landings/internal/dataset"
	"landings/internal/readmodel"
	"landings/internal/telemetry"
)

// API answers requests. It is safe for concurrent use.
type API struct {
	config   Config
	limits   Limits
	log      *slog.Logger
	mux      *http.ServeMux
	guard    *guard
	data     *collection   // behind /data
	others   sync.Map      // of name to *collection: those that exist or are configured
	loads    chan struct{} // a place for each load that may run
	scans    chan struct{} // a place for each listing of keys that may run
	results  *readmodel.Results
	metrics  *telemetry.Metrics
	counted  directCounts // of requests that are answered directly
	open     atomic.Bool
	draining atomic.Bool
}

// New gives the API of a configuration.
func New(c Config) (*API, error) {
	if c.Catalog == nil || c.Store == nil || len(c.Datasets) == 0 {
		return nil, errors.New("httpapi: Catalog, Store and a dataset are needed")
	}
	g, err := newGuard(c)
	if err != nil {
		return nil, err
	}
	a := &API{
		config: c,
		limits: c.Limits.withDefaults(),
		log:    c.Logger,
		mux:    http.NewServeMux(),
		guard:  g,
	}
	for i, d := range c.Datasets {
		if err := dataset.CheckName(d.Name); err != nil {
			return nil, err
		}
		at := func(base string) *collection {
			return &collection{name: d.Name, base: base, data: c.Catalog.Dataset(d.Name), source: d.Source, read: d.Read, ack: d.Ack}
		}
		if i == 0 {
			a.data = at(defaultBase)
		}
		a.others.Store(d.Name, at("/collections/"+d.Name+"/items"))
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.loads = make(chan struct{}, a.limits.Loads)
	a.scans = make(chan struct{}, a.limits.Scans)
	a.results = readmodel.NewResults(a.limits.ResultBytes)
	if a.metrics = c.Metrics; a.metrics == nil {
		a.metrics = telemetry.New(c.Version)
	}
	a.counted.metrics = a.metrics
	a.countResults()
	loadParameters := []string{"on_error", "id_field", "format"}
	record := methods{
		"GET":    {handle: a.getRecord, parameters: []string{"f"}},
		"PUT":    {handle: a.write(recordLevel, a.putRecord)},
		"PATCH":  {handle: a.write(recordLevel, a.patchRecord)},
		"DELETE": {handle: a.write(recordLevel, a.deleteRecord)},
	}
	a.route("/get-keys", methods{"GET": {handle: a.getKeys, parameters: []string{"records"}}})
	a.route("/data", methods{
		"GET":    {handle: a.getData, asks: true},
		"QUERY":  {handle: a.getData, asks: true},
		"POST":   {handle: a.write(datasetLevel, a.load), parameters: loadParameters},
		"DELETE": {handle: a.write(datasetLevel, a.drop)},
	})
	a.route("/data/{id}", record)
	a.route("/collections/{c}", methods{
		"PUT":    {handle: a.write(datasetLevel, a.load), parameters: loadParameters},
		"DELETE": {handle: a.write(datasetLevel, a.drop)},
	})
	copies := methods{"GET": {handle: a.getBackup, parameters: []string{"vanished"}}, "PUT": {handle: a.write(datasetLevel, a.restore)}}
	a.route("/backup", copies)
	a.route("/collections/{c}/backup", copies)
	a.route("/collections/{c}/items", asking(a.getItems))
	a.route("/collections/{c}/facets", asking(a.getFacets))
	a.route("/collections/{c}/summary", asking(a.getSummary))
	a.route("/collections/{c}/schema", methods{"GET": {handle: a.getSchema}})
	a.route("/collections/{c}/queryables", methods{"GET": {handle: a.getQueryables}})
	a.route("/collections/{c}/items/{id}", record)
	a.route("/collections/{c}/rejected", methods{"GET": {handle: a.getRejected}})
	a.route("/collections/{c}/generations", methods{
		"GET":  {handle: a.getGenerations},
		"POST": {handle: a.write(datasetLevel, a.rollBack), parameters: []string{"number"}},
	})
	a.route("/problems/{code}", methods{"GET": {handle: a.getProblem}})
	a.route("/livez", methods{"GET": {handle: a.live}})
	a.route(readyPath, methods{"GET": {handle: a.ready}})
	a.route("/metrics", methods{"GET": {handle: a.getMetrics()}})
	a.mux.HandleFunc("/", a.nothing)
	return a, nil
}

// nothing answers where there is no route.
func (a *API) nothing(w http.ResponseWriter, r *http.Request) {
	a.fail(w, r, &dataset.Error{
		Code:    dataset.NotFound,
		Message: "there is nothing at " + dataset.Excerpt(r.URL.Path),
		Remedy:  "the data is at /data, one record at /data/{id}, the keys are at /get-keys",
	})
}

// Open lets requests in. Until then all but the routes of operation are answered
// with what the node waits for: an empty dataset and one that was not read yet are
// not the same.
func (a *API) Open() { a.open.Store(true) }

// closed says why a request cannot be answered yet; nil: it can.
func (a *API) closed(r *http.Request) error {
	if a.open.Load() || r.URL.Path == "/livez" || r.URL.Path == readyPath || r.URL.Path == "/metrics" || strings.HasPrefix(r.URL.Path, "/problems/") {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	if err := a.config.Store.Ready(ctx); err != nil {
		return err
	}
	return errStarting
}

// errStarting is the answer while the datasets are being read.
var errStarting = &dataset.Error{Code: dataset.Unavailable, Message: "the node is starting", Remedy: "try again in a moment"}

// Drain makes /readyz say that the node is going away. Requests are still served.
func (a *API) Drain() { a.draining.Store(true) }

// ServeHTTP answers one request, and counts it.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	noted := &noted{ResponseWriter: w, api: a, request: r}
	// Also where a handler panics to break an answer off.
	defer func() { a.metrics.Request(routeOf(r), methodOf(r), noted.code()).Observe(time.Since(start)) }()
	a.serve(noted, r)
	noted.begin()
}

func (a *API) serve(w http.ResponseWriter, r *http.Request) {
	a.guard.share(w.Header(), r)
	if r.ContentLength != 0 {
		// Even a body that nobody asks for is read by net/http at the end, to get to
		// the next request: it may not take for ever. Whoever reads it, see upload,
		// sets later deadlines.
		_ = http.NewResponseController(w).SetReadDeadline(deadline(a.limits))
	}
	if err := a.closed(r); err != nil {
		a.fail(w, r, err)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead && !plain(r.URL.EscapedPath()) {
		// The mux would send the client to the path without these pieces, and it
		// would repeat there what was meant for another place: DELETE /data/. is not
		// DELETE /data.
		a.fail(w, r, &dataset.Error{
			Code:    dataset.Invalid,
			Message: "the path " + dataset.Excerpt(r.URL.Path) + " has empty pieces, or such that are . or ..",
			Remedy:  "write the path without them; in an id, escape . as %2E and / as %2F",
		})
		return
	}
	a.mux.ServeHTTP(w, r)
}

// plain says whether a path is as the mux wants it.
func plain(p string) bool { return p == "/" || path.Clean(p) == strings.TrimSuffix(p, "/") }

// handler answers a request, or returns an error before anything was sent.
type handler func(http.ResponseWriter, *http.Request) error

// endpoint is what one method of a route does.
type endpoint struct {
	handle     handler
	parameters []string // the query parameters that it knows
	asks       bool     // it reads its parameters itself: they depend on the dataset's fields
}

type methods map[string]endpoint

// asking gives the methods of a route that is asked questions.
func asking(h handler) methods {
	return methods{"GET": {handle: h, asks: true}, methodQuery: {handle: h, asks: true}}
}

// route registers the methods of a pattern. GET brings HEAD and all bring OPTIONS.
func (a *API) route(pattern string, m methods) {
	if get, ok := m["GET"]; ok {
		m["HEAD"] = get
	}
	allow := strings.Join(slices.Sorted(maps.Keys(m)), ", ") + ", OPTIONS"
	_, patches := m["PATCH"]
	_, queries := m[methodQuery]
	serve := func(w http.ResponseWriter, r *http.Request) {
		e, ok := m[r.Method]
		if !ok {
			w.Header().Set("Allow", allow)
			if r.Method != http.MethodOptions {
				a.fail(w, r, &dataset.Error{
					Code:    dataset.MethodNotAllowed,
					Message: dataset.Excerpt(r.Method) + " cannot be used here",
					Remedy:  "use one of " + allow,
				})
				return
			}
			if patches {
				w.Header().Set("Accept-Patch", mergePatchType)
			}
			if queries {
				w.Header()["Accept-Query"] = acceptQuery
			}
			w.WriteHeader(http.StatusNoContent)
			return
		}
		var err error
		if !e.asks {
			err = checkParameters(r, e.parameters)
		}
		if err == nil {
			err = e.handle(w, r)
		}
		if err != nil {
			if patches && dataset.CodeOf(err) == dataset.UnsupportedMediaType {
				w.Header().Set("Accept-Patch", mergePatchType) // RFC 5789, 2.2
			}
			a.fail(w, r, err)
		}
	}
	a.mux.HandleFunc(pattern, serve)
	before, ok := strings.CutSuffix(pattern, "{id}")
	if !ok {
		return
	}
	// The mux takes the id / for the slash at the end of a path, however it is escaped.
	a.mux.HandleFunc(before+"{$}", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.EscapedPath(), "/") {
			r.Pattern = "/"
			a.nothing(w, r)
			return
		}
		r.Pattern = pattern
		r.SetPathValue("id", "/")
		serve(w, r)
	})
}

// answer is what a write is answered with: small, and complete before anything is
// sent. Of an answer beside an error only the version counts: that which was looked at.
type answer struct {
	status   int
	tag      string // of the record that was written; empty: none
	location string // of the record that was created; empty: none was
	body     any    // encoded as JSON; nil: no body; []byte: sent as it is
	version  uint64 // of the dataset after the write; 0: there is none
	dataset  string // for the log

	made dataset.State // what has to be as safe as is asked; the zero State: nothing
	ack  dataset.Ack   // how safe it is
}

// Loads and deletions of datasets are rare and worth a line each in every log.
// Single records may be written by the ten thousand a second; the stream in Redis
// tells of each of them.
const (
	datasetLevel = slog.LevelInfo
	recordLevel  = slog.LevelDebug
)

// write makes a handler of what answers a write: it checks who writes, bounds the
// body and logs.
func (a *API) write(level slog.Level, f func(*http.Request, *upload) (answer, error)) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		start := time.Now()
		if err := a.guard.check(r); err != nil {
			return err
		}
		if err := checkWhole(r); err != nil {
			return err
		}
		body := newUpload(w, r, a.limits)
		ack, asked, err := a.ackOf(r)
		if err != nil {
			return err
		}
		got, err := a.safely(r.Context(), a.named(r), ack, func() (answer, error) { return f(r, body) })
		if err != nil {
			if fault := body.fault(); fault != nil {
				err = fault // what became of the body explains whatever its reader says
			}
		}
		// The write may have taken longer than the time that an answer has.
		_ = http.NewResponseController(w).SetWriteDeadline(answerDeadline(a.limits))
		if err != nil {
			setVersion(w.Header(), got.version) // at which it was refused, or which it made
			acked(w.Header(), got, err)
			return err
		}
		if asked && got.ack == ack {
			w.Header()["Preference-Applied"] = []string{`ack="` + ack.String() + `"`}
		}
		send(w, got)
		a.logWrite(r.Context(), level, r.Method, r.URL.Path, got, start)
		return nil
	}
}

// logWrite logs a write that was done.
func (a *API) logWrite(ctx context.Context, level slog.Level, method, path string, got answer, start time.Time) {
	if !a.log.Enabled(ctx, level) {
		return
	}
	a.log.LogAttrs(ctx, level, "write",
		slog.String("method", method),
		slog.String("path", path),
		slog.Int("status", got.status),
		slog.String("dataset", got.dataset),
		slog.Uint64("version", got.version),
		slog.Duration("took", time.Since(start)))
}
