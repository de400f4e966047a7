package httpapi

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"landings/internal/dataset"
	"landings/internal/encode"
	"landings/internal/ingest"
	"landings/internal/query"
	"landings/internal/readmodel"
)

// defaultBase is the address of the default dataset's records.
const defaultBase = "/data"

// collection is one dataset as it is served.
type collection struct {
	name   string
	base   string // the address of its records, without the slash before an id
	data   *readmodel.Dataset
	source Source         // nil: a load needs a body
	read   ingest.Options // what the configuration says about reading its data
	ack    dataset.Ack    // and about how safe its writes are
	last   atomic.Pointer[marks]
}

// collection gives the dataset that a request is about: the one that its path
// names, else the default one. One that does not exist can only be written to.
func (a *API) collection(r *http.Request) (*collection, error) {
	name := r.PathValue("c")
	if name == "" {
		if err := a.reach(r, a.data.name); err != nil {
			return nil, err
		}
		return a.data, a.missing(r, a.data)
	}
	if err := dataset.CheckName(name); err != nil {
		return nil, err
	}
	if err := a.reach(r, name); err != nil {
		return nil, err
	}
	if c, ok := a.others.Load(name); ok {
		c := c.(*collection)
		return c, a.missing(r, c)
	}
	exists := a.config.Catalog.Snapshot(name).State().Exists()
	if !exists && isRead(r) {
		if err := a.config.Store.Missing(name); err != nil {
			return nil, err
		}
		return nil, noDataset(name)
	}
	c := &collection{name: name, base: "/collections/" + name + "/items", data: a.config.Catalog.Dataset(name), ack: a.config.Ack}
	if exists {
		// Only names that lead somewhere are kept, for anybody can ask for others.
		a.others.Store(name, c)
	}
	return c, nil
}

// missing says why a dataset cannot be read that is not there: nobody may take it for empty or
// deleted because it is damaged, or is still being read.
func (a *API) missing(r *http.Request, c *collection) error {
	if !isRead(r) || c.data.State().Exists() {
		return nil
	}
	return a.config.Store.Missing(c.name)
}

func isRead(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == methodQuery
}

func noDataset(name string) error {
	return &dataset.Error{
		Code:    dataset.NotFound,
		Message: "there is no dataset " + name,
		Remedy:  "load it: landings load FILE --dataset " + name + ", or PUT /collections/" + name,
	}
}

// list gives the address of all records as a JSON list.
func (c *collection) list() string {
	if c.base == defaultBase {
		return c.base
	}
	return c.base + "?f=json&limit=" + strconv.Itoa(maxLimit)
}

// marks are the header values that hold for all of a version. They are kept apart
// from the snapshot, or the last one read would stay in memory until the next read.
type marks struct {
	exists  bool
	epoch   string
	number  uint64
	chain   dataset.Chain
	version []string // Dataset-Version; nil: there never was a dataset
	tags    [encode.Codings][]string
}

// now gives the collection as it is now.
func (c *collection) now() (*readmodel.Snapshot, *marks) {
	s := c.data.Snapshot()
	state := s.State()
	if m := c.last.Load(); m != nil && m.number == state.Version && m.chain == state.Chain && m.epoch == state.Epoch && m.exists == state.Exists() {
		return s, m
	}
	m := &marks{exists: state.Exists(), epoch: state.Epoch, number: state.Version, chain: state.Chain}
	if m.number > 0 {
		m.version = []string{strconv.FormatUint(state.Version, 10)}
	}
	for coding := range m.tags {
		m.tags[coding] = []string{listTag(state, encode.Coding(coding))}
	}
	c.last.Store(m)
	return s, m
}

// whole gives the collection as it is now for a request that reads it as a whole. The
// default dataset is empty where there is none; another one is not found.
func (c *collection) whole() (*readmodel.Snapshot, *marks, error) {
	s, m := c.now()
	if !m.exists && c.base != defaultBase {
		return nil, nil, noDataset(c.name)
	}
	return s, m, nil
}

// getList answers GET /data: all records as a JSON list, an empty one where there
// is no dataset.
func (a *API) getList(w http.ResponseWriter, r *http.Request) error {
	c, err := a.collection(r)
	if err != nil {
		return err
	}
	snapshot, m, err := c.whole()
	if err != nil {
		return err
	}
	return a.sendList(w, r, snapshot, m, nil)
}

// sendList sends all records of a snapshot as a JSON list: the answer to i, or nil where
// nothing was asked.
func (a *API) sendList(w http.ResponseWriter, r *http.Request, snapshot *readmodel.Snapshot, m *marks, i *inquiry) error {
	coding, err := negotiate(r.Header["Accept-Encoding"])
	if err != nil {
		w.Header()["Vary"] = varyFormat
		return err
	}
	c, err := parseConditions(r)
	if err != nil {
		return err
	}
	h := w.Header()
	h["Vary"] = varyFormat
	tag := m.tags[coding]
	same := false
	if c != (conditions{}) {
		if same, err = c.notModified(tag[0], listTags(snapshot.State())...); err != nil {
			return err
		}
	}
	h["Etag"] = tag
	h["Cache-Control"] = noCache
	if m.version != nil {
		h["Dataset-Version"] = m.version
	}
	if same {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if i != nil {
		count := []string{strconv.Itoa(snapshot.Len())}
		h["Number-Matched"], h["Number-Returned"] = count, count
		_, h["Link"] = i.links(&query.Page{}, 0)
	}
	list := snapshot.List(coding)
	h["Content-Type"] = typeJSON
	h["X-Content-Type-Options"] = noSniff
	h["Content-Length"] = []string{strconv.FormatInt(list.Len, 10)}
	if name := codingNames[coding]; name != nil {
		h["Content-Encoding"] = name
	}
	if r.Method == http.MethodHead {
		return nil
	}
	sendPart(w, list, a.limits)
	return nil
}

// loaded is the answer to POST /data.
type loaded struct {
	Dataset  string  `json:"dataset"`
	Records  int     `json:"records"`
	Version  uint64  `json:"version"`
	IDField  *string `json:"id_field"` // null: records are named by their position
	Source   string  `json:"source"`
	Format   string  `json:"format"`
	Coding   string  `json:"coding,omitempty"`
	Bytes    int64   `json:"bytes"` // read, once decompressed
	Seconds  float64 `json:"seconds"`
	Rejected int     `json:"rejected"`
	// RejectedAt is where the rejected records can be read.
	RejectedAt string `json:"rejected_at,omitempty"`
}

// loading takes a place among the loads that may go on at once; done gives it back.
func (a *API) loading() (done func(), err error) {
	select {
	case a.loads <- struct{}{}:
		return func() { <-a.loads }, nil
	default:
		return nil, &dataset.Error{
			Code:    dataset.Unavailable,
			Message: fmt.Sprintf("%d loads are going on already", cap(a.loads)),
			Remedy:  "try again when one of them is done",
		}
	}
}

// load answers POST /data: the body, or without one the configured source, takes
// the place of the whole dataset.
func (a *API) load(r *http.Request, body *upload) (answer, error) {
	start := time.Now()
	c, err := a.collection(r)
	if err != nil {
		return answer{}, err
	}
	p, err := parseLoadParameters(r)
	if err != nil {
		return answer{}, err
	}
	conditions, err := parseConditions(r)
	if err != nil {
		return answer{}, err
	}
	done, err := a.loading()
	if err != nil {
		return answer{}, err
	}
	defer done()
	var result *ingest.Result
	read := func(ahead dataset.Ahead) (dataset.Load, error) {
		var err error
		if hasBody(r) {
			result, err = a.readBody(r, body, c, p, ahead)
		} else {
			result, err = readSource(r.Context(), c, p, ahead)
		}
		if err != nil {
			return dataset.Load{}, err
		}
		return result.Load, nil
	}
	name := c.name
	state, err := a.config.Store.Load(r.Context(), name, read, func(current dataset.State) error {
		return conditions.check(current.Exists(), listTags(current)...)
	})
	if err != nil {
		return answer{}, err
	}
	got := loaded{
		Dataset:  name,
		Records:  state.Count,
		Version:  state.Version,
		Source:   result.Load.Source,
		Format:   result.Format,
		Coding:   result.Coding,
		Bytes:    result.Bytes,
		Seconds:  time.Since(start).Round(time.Microsecond).Seconds(),
		Rejected: result.Load.RejectedTotal,
	}
	if field := state.Schema.IDField; field != "" {
		got.IDField = &field
	}
	if got.Rejected > 0 {
		got.RejectedAt = "/collections/" + name + "/rejected"
	}
	return answer{status: http.StatusOK, body: got, version: state.Version, dataset: name, made: state}, nil
}

// hasBody says whether a request brings data. With a type, an empty body is an empty
// file, a mistake to report; without one it asks for the source. The type of a form
// is no exception: curl gives it to files, and an empty one looks like curl -d "". Nor is
// PUT, which brings what is to be there (RFC 9110, 9.3.4): curl -T gives no type.
func hasBody(r *http.Request) bool {
	return r.Method == http.MethodPut || r.ContentLength != 0 || r.Header.Get("Content-Type") != ""
}

// isForm says whether a type is what curl and browsers say when nobody said
// anything: it tells nothing of the data.
func isForm(contentType string) bool {
	t, _, _ := mime.ParseMediaType(contentType)
	return t == "application/x-www-form-urlencoded"
}

func (a *API) readBody(r *http.Request, body *upload, c *collection, p loadParameters, ahead dataset.Ahead) (*ingest.Result, error) {
	contentType := r.Header.Get("Content-Type")
	if strings.HasPrefix(strings.ToLower(contentType), "multipart/") {
		return nil, &dataset.Error{
			Code:    dataset.UnsupportedMediaType,
			Message: "the body is a form with parts",
			Remedy:  "send the file itself as the body, with curl --data-binary @FILE or -T FILE instead of -F",
			Places:  []dataset.Place{{Parameter: "Content-Type", Detail: dataset.Excerpt(contentType)}},
		}
	}
	if isForm(contentType) {
		contentType = formType // without a character set, which libraries add to it
	}
	if r.ContentLength == 0 {
		empty := &dataset.Error{Code: dataset.Invalid, Message: "the input is empty", Remedy: "an empty list, [], loads no records"}
		if r.Method == http.MethodPost {
			empty.Remedy += "; to load the configured source, send neither a body nor a Content-Type, as curl -X POST does without -d"
			empty.Places = []dataset.Place{{Parameter: "Content-Type", Detail: dataset.Excerpt(contentType)}}
		}
		return nil, empty
	}
	o := c.read
	o.ContentType, o.ContentEncoding = contentType, r.Header.Get("Content-Encoding")
	o.Source, o.Limits, o.Ahead = "request body", a.limits.Ingest, ahead
	return ingest.Read(r.Context(), body, p.apply(o))
}

func readSource(ctx context.Context, c *collection, p loadParameters, ahead dataset.Ahead) (*ingest.Result, error) {
	const remedy = "send the data as the body, or set another source in the configuration"
	if c.source == nil {
		return nil, &dataset.Error{Code: dataset.Invalid, Message: "there is no body, and no source is configured", Remedy: remedy}
	}
	src, o, err := c.source.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer src.Close() // what was read is complete, or an error said that it is not
	o.Ahead = ahead
	result, err := ingest.Read(ctx, src, p.apply(o))
	if err != nil && dataset.CodeOf(err) == dataset.Internal && ctx.Err() == nil {
		return nil, &dataset.Error{
			Code:    dataset.SourceUnavailable,
			Message: "reading the source " + dataset.Excerpt(o.Source) + " failed: " + err.Error(),
			Remedy:  remedy,
			Err:     err,
		}
	}
	return result, err
}

// dropped is the answer to DELETE /data.
type dropped struct {
	Dataset string `json:"dataset"`
	Deleted bool   `json:"deleted"`           // false: there was nothing to delete
	Records int    `json:"records"`           // how many there were
	Version uint64 `json:"version,omitempty"` // that the deletion made
}

// drop answers DELETE /data. That there is nothing is no error: what was asked
// for holds.
func (a *API) drop(r *http.Request, _ *upload) (answer, error) {
	c, err := a.collection(r)
	if err != nil {
		return answer{}, err
	}
	conditions, err := parseConditions(r)
	if err != nil {
		return answer{}, err
	}
	name := c.name
	before, err := a.config.Store.Drop(r.Context(), name, func(current dataset.State) error {
		return conditions.check(current.Exists(), listTags(current)...)
	})
	switch {
	case err == nil:
		// The commit that deleted it made the next version, which other nodes can be
		// asked to have reached.
		after := before
		after.Version++
		got := dropped{Dataset: name, Deleted: true, Records: before.Count, Version: after.Version}
		return answer{status: http.StatusOK, body: got, version: after.Version, dataset: name, made: after}, nil
	case dataset.CodeOf(err) == dataset.NotFound:
		if err := conditions.check(false, listTags(dataset.State{})...); err != nil {
			return answer{}, err
		}
		return answer{status: http.StatusOK, body: dropped{Dataset: name}, dataset: name}, nil
	}
	return answer{}, err
}

// rejected is the answer to GET /collections/{c}/rejected.
type rejected struct {
	Dataset  string              `json:"dataset"`
	Total    int                 `json:"total"`    // how many the last load left out
	Rejected []dataset.Rejection `json:"rejected"` // the first of them
}

func (a *API) getRejected(w http.ResponseWriter, r *http.Request) error {
	c, err := a.collection(r)
	if err != nil {
		return err
	}
	name := c.name
	list, total, err := a.config.Store.Rejected(r.Context(), name)
	if err != nil {
		return err
	}
	if list == nil {
		list = []dataset.Rejection{}
	}
	return a.sendJSON(w, r, rejected{Dataset: name, Total: total, Rejected: list})
}
