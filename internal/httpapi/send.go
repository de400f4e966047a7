package httpapi

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"landings/internal/encode"
)

// Header values that never change, shared by all answers: a header map takes
// slices, and making them anew costs more than finding a record does.
var (
	typeJSON     = []string{"application/json"}
	noSniff      = []string{"nosniff"}
	noCache      = []string{"no-cache"} // keep it, and ask with If-None-Match whether it still holds
	noStore      = []string{"no-store"}
	varyAccept   = []string{"Accept"}
	varyEncoding = []string{"Accept-Encoding"}
	codingNames  = [encode.Codings][]string{nil, {"gzip"}, {"zstd"}}
)

// sendBytes answers 200 with a body, or 304.
func sendBytes(w http.ResponseWriter, r *http.Request, contentType []string, body []byte, tag string) error {
	h := w.Header()
	c, err := parseConditions(r)
	if err != nil {
		return err
	}
	same, err := c.notModified(tag)
	if err != nil {
		return err
	}
	values := []string{tag, ""}
	h["Etag"] = values[:1:1]
	h["Cache-Control"] = noCache
	if same {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	values[1] = strconv.Itoa(len(body))
	h["Content-Length"] = values[1:]
	h["Content-Type"] = contentType
	h["X-Content-Type-Options"] = noSniff
	_, _ = w.Write(body) // a client that is gone needs no answer
	return nil
}

// sendJSON answers a read with a value, tagged by its bytes.
func (a *API) sendJSON(w http.ResponseWriter, r *http.Request, v any) error {
	body := encodeJSON(v)
	return sendBytes(w, r, typeJSON, body, contentTag(body))
}

// send answers a write.
func send(w http.ResponseWriter, got answer) {
	h := w.Header()
	if got.tag != "" {
		h["Etag"] = []string{got.tag}
	}
	if got.location != "" {
		h["Location"] = []string{got.location}
	}
	setVersion(h, got.version)
	acked(h, got, nil)
	h["Cache-Control"] = noStore
	switch body := got.body.(type) {
	case nil:
		if got.status != http.StatusNoContent {
			h.Set("Content-Length", "0")
		}
		w.WriteHeader(got.status)
	case []byte:
		h["Content-Type"] = typeJSON
		h["X-Content-Type-Options"] = noSniff
		h.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(got.status)
		_, _ = w.Write(body)
	default:
		writeJSON(w, got.status, typeJSON[0], body)
	}
}

// gathered is a body made of many slices, sent with writev. net/http gets there
// only through ReadFrom of its ResponseWriter, which first pulls 512 bytes through
// Read and then hands the connection to WriteTo; a wrapper around the
// ResponseWriter that hides ReadFrom costs a copy of everything.
type gathered struct {
	rest   net.Buffers // consumed as it is sent
	room   [][]byte    // what rest is made in, kept for the next body
	limits Limits
}

var gatheredPool = sync.Pool{New: func() any { return new(gathered) }}

// sendPart sends a part's bytes as the body. Header and Content-Length are set.
func sendPart(w http.ResponseWriter, p *encode.Part, l Limits) {
	// Making the part may have taken longer than the time that an answer has.
	_ = http.NewResponseController(w).SetWriteDeadline(answerDeadline(l))
	s := gatheredPool.Get().(*gathered)
	s.room = append(s.room[:0], p.Slices...)
	s.rest, s.limits = s.room, l
	// A client that is gone needs no answer, and one that stalled is cut: the
	// missing bytes make net/http close the connection.
	if direct, ok := w.(io.ReaderFrom); ok {
		_, _ = direct.ReadFrom(s)
	} else {
		_, _ = s.WriteTo(w)
	}
	s.release()
}

// release gives the room back for the next body.
func (s *gathered) release() {
	clear(s.room[:cap(s.room)]) // or the pool keeps old datasets in memory
	s.rest = nil
	gatheredPool.Put(s)
}

func (s *gathered) Read(p []byte) (int, error) { return s.rest.Read(p) }

// WriteTo sends the rest. As long as the client takes MinRate*StallTime bytes in
// every StallTime it may take as long as it needs.
func (s *gathered) WriteTo(w io.Writer) (int64, error) {
	conn, ok := w.(interface{ SetWriteDeadline(time.Time) error })
	if !ok {
		return s.rest.WriteTo(w)
	}
	var sent int64
	queued := unsent(w)
	for {
		if err := conn.SetWriteDeadline(deadline(s.limits)); err != nil {
			return sent, err
		}
		n, err := s.rest.WriteTo(w)
		sent += n
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return sent, err
		}
		// The kernel wakes a writer only when a third of its buffer is free, and
		// that may be megabytes: what it holds still moves.
		before := queued
		queued = unsent(w)
		if n+before-queued < s.limits.quota() {
			return sent, err
		}
	}
}
