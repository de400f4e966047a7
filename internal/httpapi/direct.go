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

// direct answers what everything is made for, reading one record and the whole list,
// and writing one record, on the short way: see the package direct. It gives the same
// bytes as getRecord, getList and putRecord, which a test compares; whatever they
// would refuse, and every other route, is left to them.
func (a *API) direct(q *direct.Request, w *direct.Response) bool {
	if !a.open.Load() {
		return false
	}
	conditions, err := conditionsOf(q.IfMatch, q.IfNoneMatch)
	if err != nil {
		return false
	}
	if q.Path == defaultBase && !q.Put {
		return a.directList(q, w, conditions)
	}
	c, id := a.data, ""
	if rest, ok := strings.CutPrefix(q.Path, defaultBase+"/"); ok {
		id = rest
	} else if rest, ok := strings.CutPrefix(q.Path, "/collections/"); ok {
		var name string
		if name, id, ok = strings.Cut(rest, "/items/"); !ok {
			return false
		}
		known, ok := a.others.Load(name)
		if !ok {
			return false
		}
		c = known.(*collection)
	}
	if id == "" || id == "." || id == ".." || strings.Contains(id, "/") {
		return false
	}
	if q.Put {
		return a.directPut(q, w, c, id, conditions)
	}
	return directRecord(w, c, id, conditions)
}

// directPut writes a record. What can be refused before anything is done is left to
// putRecord; from then on every outcome is answered here.
func (a *API) directPut(q *direct.Request, w *direct.Response, c *collection, id string, conditions conditions) bool {
	start := time.Now()
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
	ctx := context.Background() // who hangs up does not take the write back
	got, err := a.put(ctx, c, id, conditions, bytes.Clone(q.Body))
	if err != nil {
		a.directProblem(ctx, q, w, err)
		return true
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
	if got.version > 0 {
		w.Field("Dataset-Version", strconv.FormatUint(got.version, 10))
	}
	for _, name := range []string{"Etag", "Location"} {
		if values := got.header[name]; values != nil {
			w.Field(name, values[0])
		}
	}
	w.End()
	a.logWrite(ctx, recordLevel, http.MethodPut, q.Path, got, start)
	return true
}

// directProblem answers with an error, as fail does.
func (a *API) directProblem(ctx context.Context, q *direct.Request, w *direct.Response, err error) {
	h := http.Header{}
	p := a.problem(ctx, http.MethodPut, q.Path, err, h)
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
	w.Field("Vary", varyEncoding[0])
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
