package httpapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"landings/internal/dataset"
)

// problem is an error as RFC 9457 spells it. Its type is a relative reference, so
// that it leads to the node's own explanation wherever the node is; title and
// status come from [dataset.Codes].
type problem struct {
	Type     string          `json:"type"`
	Title    string          `json:"title"`
	Status   int             `json:"status"`
	Detail   string          `json:"detail,omitempty"`
	Remedy   string          `json:"remedy,omitempty"`
	Instance string          `json:"instance,omitempty"` // names this occurrence; the log has it too
	Errors   []dataset.Place `json:"errors,omitempty"`   // the first places that are wrong
	Total    int             `json:"total,omitempty"`    // how many there are in all
}

const problemType = "application/problem+json"

// fail answers with an error and logs those that are not the client's.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	drain(w, r, a.limits)
	p := a.problem(r.Context(), r.Method, r.URL.Path, err, w.Header())
	writeJSON(w, p.Status, problemType, p)
}

// problem gives what an error of a request is answered with, sets the header fields
// that go with it, and logs it where it is not the client's.
func (a *API) problem(ctx context.Context, method, path string, err error, h http.Header) problem {
	code := dataset.CodeOf(err)
	meaning, known := dataset.Codes[code]
	if !known {
		meaning = dataset.Codes[dataset.Internal]
	}
	p := problem{
		Type:     "/problems/" + string(code),
		Title:    meaning.Title,
		Status:   meaning.Status,
		Instance: "urn:uuid:" + newUUID(),
	}
	if e, ok := errors.AsType[*dataset.Error](err); ok {
		p.Detail, p.Remedy, p.Errors, p.Total = e.Message, e.Remedy, e.Places, max(e.Total, len(e.Places))
	} else {
		p.Detail = "the node failed in a way that it was not made for"
		p.Remedy = "look for the instance in the node's log"
	}
	if meaning.Status >= 500 && !errors.Is(err, context.Canceled) { // canceled: the client is gone
		level := slog.LevelError
		if path == readyPath {
			level = slog.LevelDebug // probes ask all the time; what keeps the node from being ready is logged once
		}
		a.log.LogAttrs(context.WithoutCancel(ctx), level, "request failed",
			slog.String("method", method),
			slog.String("path", path),
			slog.Int("status", meaning.Status),
			slog.String("instance", p.Instance),
			slog.String("error", causes(err)))
	}
	switch meaning.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="landings"`)
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	case http.StatusRequestTimeout:
		h.Set("Connection", "close")
	}
	h["Cache-Control"] = noStore
	return p
}

// causes gives an error with what it wraps, for the log.
func causes(err error) string {
	text := err.Error()
	if e, ok := errors.AsType[*dataset.Error](err); ok && e.Err != nil {
		// Most messages say already what their cause does.
		if cause := e.Err.Error(); !strings.Contains(text, cause) {
			text += ": " + cause
		}
	}
	return text
}

// newUUID gives a random UUID (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// getProblem explains a problem type.
func (a *API) getProblem(w http.ResponseWriter, r *http.Request) error {
	code := dataset.Code(r.PathValue("code"))
	meaning, ok := dataset.Codes[code]
	if !ok {
		return &dataset.Error{Code: dataset.NotFound, Message: "there is no problem type \"" + dataset.Excerpt(string(code)) + "\""}
	}
	return a.sendJSON(w, r, map[string]any{
		"type":      "/problems/" + string(code),
		"title":     meaning.Title,
		"status":    meaning.Status,
		"exit_code": meaning.Exit,
	})
}

// encodeJSON gives a value as JSON with a line feed, for people's eyes: <, > and &
// stay as they are.
func encodeJSON(v any) []byte { return appendJSON(nil, v) }

func appendJSON(to []byte, v any) []byte {
	b := bytes.NewBuffer(to)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("httpapi: %T cannot be encoded: %v", v, err)) // values are our own structs
	}
	return b.Bytes()
}

func writeJSON(w http.ResponseWriter, status int, contentType string, v any) {
	body := encodeJSON(v)
	h := w.Header()
	h.Set("Content-Type", contentType)
	h["X-Content-Type-Options"] = noSniff
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone needs no answer
}
