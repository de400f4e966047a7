package httpapi

import (
	"io"
	"net/http"
	"strconv"
	"time"

	"landings/internal/encode"
)

// exportPage is how many records of an export are looked up at a time.
const exportPage = 20_000

// export streams an answer that is too large to be made beforehand. How many
// records it has stands in the header, and what breaks off leaves the last chunk
// out, so that a client sees it.
func (a *API) export(w http.ResponseWriter, r *http.Request, i *inquiry, f *found) {
	if r.Method == http.MethodHead {
		return
	}
	out := &exporter{w: w, control: http.NewResponseController(w), limits: a.limits}
	coded := encode.NewStream(i.coding, out)
	form := encode.NewForm(i.format, &i.desk.state.Schema, i.fields)
	returned, _ := strconv.Atoi(f.returned[0])
	matched, _ := strconv.Atoi(f.matched[0])
	given := 0
	if i.token != nil {
		given = i.token.given
	}
	links, _ := i.links(&f.page, given)
	b := form.Open(make([]byte, 0, pieceBytes+pieceBytes/4), encode.Head{Matched: matched, Returned: returned, Time: i.snapshot.Since(), Links: links})
	page := f.page
	for first := true; ; {
		for k, record := range page.Records {
			distance := -1.0
			if page.Distances != nil {
				distance = page.Distances[k]
			}
			b = form.Record(b, record, first, distance)
			first = false
			if len(b) >= pieceBytes {
				if _, err := coded.Write(b); err != nil {
					coded.Drop()
					panic(http.ErrAbortHandler)
				}
				b = b[:0]
			}
		}
		if i.query.Limit != unlimited || !page.More || len(page.Records) == 0 {
			break
		}
		q := i.query
		q.Limit = exportPage
		after := page.Records[len(page.Records)-1].Position
		q.After = &after
		var err error
		page, err = i.snapshot.Query(a.limitTime(), q)
		if err != nil {
			a.log.Error("an export broke off", "path", r.URL.Path, "error", err)
			coded.Drop()
			panic(http.ErrAbortHandler) // no last chunk
		}
	}
	if _, err := coded.Write(form.Close(b)); err != nil {
		coded.Drop()
		panic(http.ErrAbortHandler)
	}
	if coded.Close() != nil {
		panic(http.ErrAbortHandler)
	}
}

// pieceBytes is how much of an export is coded at a time.
const pieceBytes = 64 << 10

// exporter gives a client the time for each piece that the limits allow.
type exporter struct {
	w       io.Writer
	control *http.ResponseController
	limits  Limits
}

func (e *exporter) Write(p []byte) (int, error) {
	allowed := e.limits.StallTime + time.Duration(len(p))*time.Second/time.Duration(e.limits.MinRate)
	_ = e.control.SetWriteDeadline(time.Now().Add(allowed)) // where there are no deadlines there is no client to wait for
	return e.w.Write(p)
}
