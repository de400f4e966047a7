package httpapi

import (
	"encoding/base64"
	"iter"
	"net/http"
	"unicode/utf8"

	"landings/internal/dataset"
)

// keysBuffer is how much of the list of keys is gathered before it is sent: up to
// there a failure still becomes a problem, and beyond there it breaks the
// connection off, so that the client sees that the list is not whole.
const keysBuffer = 1 << 20

// getKeys answers GET /get-keys, and with ?records=NAME (the default dataset when
// empty) the ids of that dataset's records in their order.
func (a *API) getKeys(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	if !q.Has("records") {
		// Telling each key once takes memory for all of them.
		select {
		case a.scans <- struct{}{}:
			defer func() { <-a.scans }()
		default:
			return &dataset.Error{Code: dataset.Unavailable, Message: "the keys are being listed for others already", Remedy: "try again in a moment"}
		}
		return a.sendKeys(w, r, a.config.Store.Keys(r.Context()))
	}
	r.SetPathValue("c", q.Get("records"))
	c, err := a.collection(r)
	if err != nil {
		return err
	}
	snapshot, m, err := c.whole()
	if err != nil {
		return err
	}
	if m.version != nil {
		w.Header()["Dataset-Version"] = m.version
	}
	return a.sendKeys(w, r, func(yield func(string, error) bool) {
		for record := range snapshot.All() {
			if !yield(record.ID, nil) {
				return
			}
		}
	})
}

// sendKeys sends keys as a JSON list. A key that is UTF-8 is a string; any other is
// an object {"base64": "..."} with the standard encoding of RFC 4648, section 4, so
// that no two keys look the same.
func (a *API) sendKeys(w http.ResponseWriter, r *http.Request, keys iter.Seq2[string, error]) error {
	h := w.Header()
	h["Cache-Control"] = noStore
	h["Content-Type"] = typeJSON
	h["X-Content-Type-Options"] = noSniff
	if r.Method == http.MethodHead {
		return nil // going through all keys would tell nothing
	}
	conn := http.NewResponseController(w)
	buffer, sent := make([]byte, 0, 4096), false
	buffer = append(buffer, '[')
	first := true
	for key, err := range keys {
		if err != nil {
			if sent {
				panic(http.ErrAbortHandler)
			}
			return err
		}
		if !first {
			buffer = append(buffer, ",\n"...)
		}
		first = false
		buffer = appendKey(buffer, key)
		if len(buffer) >= keysBuffer {
			sent = true
			_ = conn.SetWriteDeadline(answerDeadline(a.limits))
			if _, err := w.Write(buffer); err != nil {
				return nil // the client is gone
			}
			buffer = buffer[:0]
		}
	}
	_ = conn.SetWriteDeadline(answerDeadline(a.limits))
	_, _ = w.Write(append(buffer, ']'))
	return nil
}

func appendKey(b []byte, key string) []byte {
	if utf8.ValidString(key) {
		text := encodeJSON(key)
		return append(b, text[:len(text)-1]...)
	}
	b = append(b, `{"base64":"`...)
	b = base64.StdEncoding.AppendEncode(b, []byte(key))
	return append(b, `"}`...)
}
