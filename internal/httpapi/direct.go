package httpapi

import (
	"net"
	"strings"

	"landings/internal/direct"
	"landings/internal/encode"
)

// direct answers the reads that everything is made for, one record and the whole
// list, on the short way: see the package direct. It gives the same bytes as
// getRecord and getList, which a test compares; whatever they would refuse, and
// every other route, is left to them.
func (a *API) direct(q *direct.Request, w *direct.Response) bool {
	if !a.open.Load() || a.config.Store.Age() > 0 { // an answer that may be old says so
		return false
	}
	conditions, err := conditionsOf(q.IfMatch, q.IfNoneMatch)
	if err != nil {
		return false
	}
	if q.Path == defaultBase {
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
	return directRecord(w, c, id, conditions)
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
