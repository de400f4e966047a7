package httpapi

import (
	"bytes"
	"context"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"landings/internal/dataset"
	"landings/internal/direct"
	"landings/internal/encode"
	"landings/internal/ingest"
)

// direct answers what everything is made for, reading one record, the whole list and
// a page of a question, on the short way: see the package direct. It gives the same
// bytes as getRecord, getList and items, which a test compares; whatever they would
// refuse, and every other route, is left to them.
func (a *API) direct(q *direct.Request, w *direct.Response) bool {
	if !a.answerDirectly(q, w) {
		return false
	}
	method := http.MethodGet
	if q.Head {
		method = http.MethodHead
	}
	a.counted.of(q.Path, method, w.Code()).Observe(time.Since(q.Begun))
	return true
}

func (a *API) answerDirectly(q *direct.Request, w *direct.Response) bool {
	conditions, ok := a.directly(q)
	switch {
	case !ok:
		return false
	case q.HasQuery && strings.HasSuffix(q.Path, "/facets"):
		return a.directFigures(q, w, conditions, facetsWords, facetsOf)
	case q.HasQuery && strings.HasSuffix(q.Path, "/summary"):
		return a.directFigures(q, w, conditions, summaryWords, a.summaryOf)
	case q.HasQuery:
		return a.directItems(q, w, conditions)
	case q.Path == defaultBase:
		return a.directList(q, w, conditions)
	}
	c, id, ok := a.directID(q.Path)
	return ok && directRecord(w, c, id, conditions)
}

// directly says whether a request may be answered on the short way, and gives its
// conditions.
func (a *API) directly(q *direct.Request) (conditions, bool) {
	// An answer that may be old says so, and a dataset that is not there may be damaged.
	if !a.open.Load() || a.config.Store.Age() > 0 || !a.data.data.State().Exists() {
		return conditions{}, false
	}
	c, err := conditionsOf(q.IfMatch, q.IfNoneMatch)
	return c, err == nil
}

// directID gives the collection and the id that a path of a record names.
func (a *API) directID(path string) (c *collection, id string, ok bool) {
	c = a.data
	if rest, ok := strings.CutPrefix(path, defaultBase+"/"); ok {
		id = rest
	} else if rest, ok := strings.CutPrefix(path, "/collections/"); ok {
		var name string
		if name, id, ok = strings.Cut(rest, "/items/"); !ok {
			return nil, "", false
		}
		known, ok := a.others.Load(name)
		if !ok {
			return nil, "", false
		}
		c = known.(*collection)
	}
	return c, id, id != "" && id != "." && id != ".." && !strings.Contains(id, "/")
}

// quick says whether a request may hold up others while it is answered on the short way:
// one record is found in a microsecond.
func quick(q *direct.Request) bool { return !q.HasQuery && q.Path != defaultBase }

// beginPut begins to write a record on the short way. What can be refused before
// anything is done is left to putRecord; from then on every outcome is answered here,
// as putRecord answers it.
func (a *API) beginPut(q *direct.Request, done func(func(*direct.Response))) bool {
	start := time.Now()
	conditions, ok := a.directly(q)
	if !ok || q.HasQuery {
		return false
	}
	c, id, ok := a.directID(q.Path)
	if !ok {
		return false
	}
	who := writer{
		host:          q.Host,
		authorization: q.Authorization,
		fromThisHost:  func() bool { return q.From.Addr().Unmap().IsLoopback() },
		onLoopback:    func() bool { return !q.To.IsValid() || q.To.Addr().Unmap().IsLoopback() },
	}
	if a.guard.allow(who) != nil || dataset.CheckID(id) != nil ||
		len(q.Body) > a.limits.Ingest.MaxRecordBytes || ingest.CheckRecord(q.Body, a.limits.Ingest) != nil {
		return false
	}
	path := q.Path
	e := a.putting(c, id, conditions, bytes.Clone(q.Body))
	ctx := context.Background() // who hangs up does not take the write back
	if c.ack.Level != dataset.AckMemory {
		go func() { // it waits for others
			got, err := a.safely(ctx, c.name, c.ack, func() (answer, error) { return a.edit(ctx, e) })
			done(func(w *direct.Response) { a.finishPut(w, path, start, c, got, err) })
		}()
		return true
	}
	a.config.Store.Begin(c.name, id, e.decide, func(state dataset.State, err error) {
		version := state.Version // all that is told of it
		done(func(w *direct.Response) {
			got, err := e.answer(dataset.State{Version: version}, err)
			a.finishPut(w, path, start, c, got, err)
		})
	})
	return true
}

// finishPut answers a write whose outcome is known.
func (a *API) finishPut(w *direct.Response, path string, start time.Time, c *collection, got answer, err error) {
	ctx := context.Background()
	defer func() { a.counted.of(path, http.MethodPut, w.Code()).Observe(time.Since(start)) }()
	if err != nil {
		version := got.version // at which it was refused
		if version == 0 {
			version = c.data.State().Version
		}
		a.directProblem(ctx, path, w, version, got, err)
		return
	}
	status := "204 No Content"
	if got.status == http.StatusCreated {
		status = "201 Created"
	}
	w.Status(status)
	w.Field("Cache-Control", noStore[0])
	if got.status == http.StatusCreated {
		w.Length(0)
	}
	w.Field("Dataset-Ack", got.ack.String())
	if got.version > 0 {
		w.Field("Dataset-Version", strconv.FormatUint(got.version, 10))
	}
	if got.tag != "" {
		w.Field("Etag", got.tag)
	}
	if got.location != "" {
		w.Field("Location", got.location)
	}
	w.End()
	a.logWrite(ctx, recordLevel, http.MethodPut, path, got, start)
}

// directProblem answers with an error, as fail does, and the dataset's version.
func (a *API) directProblem(ctx context.Context, path string, w *direct.Response, version uint64, got answer, err error) {
	h := http.Header{}
	setVersion(h, version)
	if acked(h, got, err); h["Dataset-Ack"] == nil {
		a.markAge(h)
	}
	p := a.problem(ctx, http.MethodPut, path, err, h)
	body := encodeJSON(p)
	h.Set("Content-Type", problemType)
	h["X-Content-Type-Options"] = noSniff
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.Status(strconv.Itoa(p.Status) + " " + http.StatusText(p.Status))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		w.Field(name, h.Get(name))
	}
	w.End()
	w.Body(body)
}

func directRecord(w *direct.Response, c *collection, id string, conditions conditions) bool {
	snapshot, m := c.now()
	record, ok := snapshot.Lookup(id)
	if !ok {
		return false
	}
	tag := contentTag(record.JSON)
	same, err := conditions.notModified(tag)
	if err != nil {
		return false
	}
	directHead(w, m, tag, same, nil, int64(len(record.JSON)))
	w.Field("Vary", varyAccept[0])
	if !same {
		w.Field("X-Content-Type-Options", noSniff[0])
	}
	w.End()
	if !same {
		w.Body(record.JSON)
	}
	return true
}

func (a *API) directList(q *direct.Request, w *direct.Response, conditions conditions) bool {
	coding, err := negotiate(q.AcceptEncoding)
	if err != nil {
		return false
	}
	snapshot, m, err := a.data.whole()
	if err != nil {
		return false
	}
	tag := m.tags[coding][0]
	same, err := conditions.notModified(tag, listTags(snapshot.State())...)
	if err != nil {
		return false
	}
	var list *encode.Part
	var length int64
	if !same {
		list = snapshot.List(coding)
		length = list.Len
	}
	directHead(w, m, tag, same, codingNames[coding], length)
	w.Field("Vary", varyFormat[0])
	if !same {
		w.Field("X-Content-Type-Options", noSniff[0])
	}
	w.End()
	if !same {
		w.SendBody(listBody{list, a.limits})
	}
	return true
}

// directHead begins an answer: what stands before Vary in the order of names.
func directHead(w *direct.Response, m *marks, tag string, same bool, coding []string, length int64) {
	if same {
		w.Status("304 Not Modified")
	} else {
		w.Status("200 OK")
	}
	w.Field("Cache-Control", noCache[0])
	if !same {
		if coding != nil {
			w.Field("Content-Encoding", coding[0])
		}
		w.Length(length)
		w.Field("Content-Type", typeJSON[0])
	}
	if m.version != nil {
		w.Field("Dataset-Version", m.version[0])
	}
	w.Field("Etag", tag)
}

// listBody sends a part after a header, all in one writev where the sockets take it.
type listBody struct {
	part   *encode.Part
	limits Limits
}

func (b listBody) Send(c *net.TCPConn, head []byte) error {
	s := gatheredPool.Get().(*gathered)
	s.room = append(append(s.room[:0], head), b.part.Slices...)
	s.rest, s.limits = s.room, b.limits
	_, err := s.WriteTo(c)
	s.release()
	return err
}

// shortBytes is the most that an answer has which is to be there shortly.
const shortBytes = 48 << 10

// directFigures answers a question whose answer is one JSON object.
func (a *API) directFigures(q *direct.Request, w *direct.Response, given conditions, known wordSet, answer figuring) bool {
	name, what, ok := strings.Cut(strings.TrimPrefix(q.Path, "/collections/"), "/")
	if !ok || strings.Contains(what, "/") || !strings.HasPrefix(q.Path, "/collections/") {
		return false
	}
	c, ok := a.others.Load(name)
	if !ok || given != (conditions{}) || len(q.Query) > a.limits.AddressBytes {
		return false
	}
	d := newDesk()
	defer d.release()
	pairs, err := splitPairs(d.room[:0], q.Query)
	if err != nil {
		return false
	}
	f, err := a.figure(d, c.(*collection), pairs, known, q.AcceptEncoding, answer)
	if err != nil || !q.Until.IsZero() && f.coding != encode.Identity {
		return false
	}
	t := d.tags(f.key, f.coding)
	f.brief = !q.Until.IsZero()
	value, shared, err := a.find(q.Until, t.key, f.find)
	if err != nil {
		return false
	}
	got := value.(*found)
	directFound(w, got, d, typeJSON[0])
	w.Field("Vary", varyEncoding[0])
	w.Field("X-Content-Type-Options", noSniff[0])
	w.End()
	w.Body(got.body)
	if !shared {
		release(got.body)
	}
	return true
}

// directFound begins an answer to a question: what stands before Link and Vary in the
// order of names.
func directFound(w *direct.Response, f *found, d *desk, contentType string) {
	t := &d.tagged
	w.Status("200 OK")
	w.Field("Cache-Control", noCache[0])
	tag := t.tags[0]
	if f.coding != encode.Identity {
		tag = t.tags[1]
		w.Field("Content-Encoding", codingNames[f.coding][0])
	}
	w.Length(int64(len(f.body)))
	w.Field("Content-Type", contentType)
	if d.state.Version > 0 {
		w.Field("Dataset-Version", t.version)
	}
	w.Field("Etag", tag)
}

// directItems answers a question. What is too large to be there in one piece,
// GeoJSON, which names the host, and whatever is conditional are left to net/http.
func (a *API) directItems(q *direct.Request, w *direct.Response, given conditions) bool {
	c, formats, limit := a.data, dataOffer, unlimited
	if q.Path != defaultBase {
		name, ok := strings.CutSuffix(strings.TrimPrefix(q.Path, "/collections/"), "/items")
		if !ok {
			return false
		}
		known, ok := a.others.Load(name)
		if !ok {
			return false
		}
		c, formats, limit = known.(*collection), itemsOffer, itemsLimit
	}
	if given != (conditions{}) || q.Query == "" || len(q.Query) > a.limits.AddressBytes {
		return false
	}
	d := newDesk()
	defer d.release()
	pairs, err := splitPairs(d.room[:0], q.Query)
	if err != nil {
		return false
	}
	i, err := a.inquire(d, c, pairs, "GET", q.Accept, q.AcceptEncoding, formats, limit)
	if err != nil || i.format == encode.GeoJSON || i.query.Explain || i.plain() {
		return false
	}
	i.brief = !q.Until.IsZero()
	t := d.tags(i.key(), i.coding)
	value, shared, err := a.find(q.Until, t.key, i.find)
	if err != nil {
		return false
	}
	f := value.(*found)
	if f.body == nil {
		return false
	}
	directFound(w, f, d, formatTypes[i.format][0])
	w.Field("Link", f.link[0])
	w.Field("Number-Matched", f.matched[0])
	w.Field("Number-Returned", f.returned[0])
	w.Field("Vary", varyFormat[0])
	w.Field("X-Content-Type-Options", noSniff[0])
	w.End()
	w.Body(f.body)
	if !shared {
		release(f.body)
	}
	return true
}
