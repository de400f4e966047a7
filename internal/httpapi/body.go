package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"landings/internal/dataset"
)

// upload is the body of a request: bounded in size, and cut when the client is
// too slow. Only the time spent waiting for the client counts, not what the
// reader does between reads.
type upload struct {
	src    io.Reader
	conn   *http.ResponseController
	limits Limits
	waited time.Duration // in the present span
	moved  int64         // in the present span
	err    error         // what ended it; io.EOF: all is well
	began  bool          // somebody read from it
}

func newUpload(w http.ResponseWriter, r *http.Request, l Limits) *upload {
	u := &upload{src: http.MaxBytesReader(unwrap(w), r.Body, l.BodyBytes), conn: http.NewResponseController(w), limits: l}
	if r.ContentLength > l.BodyBytes {
		u.err = tooLong(l.BodyBytes) // said before it is sent
	}
	if n, ok := w.(*noted); ok {
		n.body = u
	}
	return u
}

// fault says what was wrong with the body itself; nil: nothing so far.
func (u *upload) fault() error {
	if u.err == io.EOF {
		return nil
	}
	return u.err
}

func (u *upload) Read(p []byte) (int, error) {
	if u.err != nil {
		return 0, u.err
	}
	u.began = true
	start := time.Now()
	// Where deadlines cannot be set there is no client to wait for.
	_ = u.conn.SetReadDeadline(start.Add(u.limits.StallTime - u.waited))
	n, err := u.src.Read(p)
	u.waited += time.Since(start)
	u.moved += int64(n)
	if u.moved >= u.limits.quota() {
		u.waited, u.moved = 0, 0
	}
	if err == nil {
		return n, nil
	}
	var tooLarge *http.MaxBytesError
	switch {
	case err == io.EOF:
		// From here on net/http watches the connection for its end, for as long as
		// the answer takes.
		_ = u.conn.SetReadDeadline(time.Time{})
		u.err = io.EOF
	case errors.As(err, &tooLarge):
		u.err = tooLong(tooLarge.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		u.err = &dataset.Error{
			Code:    dataset.Timeout,
			Message: fmt.Sprintf("the body came too slowly: fewer than %d bytes in %v", u.limits.quota(), u.limits.StallTime),
			Remedy:  "send it again over a better connection",
			Err:     err,
		}
	default:
		u.err = &dataset.Error{
			Code:    dataset.Invalid,
			Message: "the body ended before it was complete",
			Remedy:  "send it again",
			Err:     err,
		}
	}
	return n, u.err
}

// checkWhole refuses a body that is a part of something (RFC 9110, 14.5): taken for all
// of it, it would take the place of the rest too. curl -T with -C sends such bodies.
func checkWhole(r *http.Request) error {
	part := r.Header.Get("Content-Range")
	if part == "" {
		return nil
	}
	return &dataset.Error{
		Code:    dataset.Invalid,
		Message: "a part of a body cannot be taken",
		Remedy:  "send all of it, without Content-Range (curl: without -C)",
		Places:  []dataset.Place{{Parameter: "Content-Range", Detail: dataset.Excerpt(part)}},
	}
}

func tooLong(limit int64) error {
	return &dataset.Error{
		Code:    dataset.TooLarge,
		Message: fmt.Sprintf("the body is longer than %d bytes", limit),
		Remedy:  "send less, send it compressed (Content-Encoding: gzip or zstd), or raise --max-body (max_body in config.yaml)",
	}
}

// How much of the body of a refused request is read on, in bytes, and for how long
// nothing may come of it.
const (
	drainBytes = 64 << 20
	drainPause = time.Second
)

// drain reads what is left of the body of a request that is refused, up to a bound and
// for StallTime at most: most clients read no answer before they have sent everything, and
// a connection that is closed on unread data takes the answer with it. Who asks first
// whether to send it (Expect) is answered before.
func drain(w http.ResponseWriter, r *http.Request, l Limits) {
	var began bool
	if n, ok := w.(*noted); ok && n.body != nil {
		if began = n.body.began; n.body.err != nil && dataset.CodeOf(n.body.err) != dataset.TooLarge {
			return
		}
	}
	if r.ContentLength == 0 || !began && r.Header.Get("Expect") != "" {
		return
	}
	conn := http.NewResponseController(w)
	var piece [4 << 10]byte
	end := time.Now().Add(l.StallTime)
	for left := drainBytes; left > 0; {
		pause := time.Now().Add(drainPause)
		if pause.After(end) {
			pause = end
		}
		_ = conn.SetReadDeadline(pause)
		n, err := r.Body.Read(piece[:])
		left -= n
		if err == io.EOF {
			_ = conn.SetReadDeadline(time.Time{})
		}
		if err != nil {
			break // whatever ended it, the answer is known
		}
	}
	_ = conn.SetWriteDeadline(answerDeadline(l))
}

// whole reads all of a small body.
func (u *upload) whole(limit int) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(u, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(body) > limit {
		return nil, &dataset.Error{
			Code:    dataset.TooLarge,
			Message: fmt.Sprintf("the record is longer than %d bytes", limit),
			Remedy:  "make several records of it, or leave long members out",
		}
	}
	return body, nil
}
