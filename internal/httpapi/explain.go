package httpapi

import (
	"net/http"
	"strings"
	"time"

	"landings/internal/cql2"
	"landings/internal/query"
)

// explained is the answer to explain=true.
type explained struct {
	Filter   string      `json:"filter,omitempty"` // all conditions together, as CQL2 text
	SortBy   []string    `json:"sortby,omitempty"`
	Matched  int         `json:"numberMatched"`
	Returned int         `json:"numberReturned"`
	Version  uint64      `json:"version"`
	Seconds  float64     `json:"seconds"`
	Plan     *query.Plan `json:"plan"`
}

// explain answers with the plan of a query in place of its records.
func (a *API) explain(w http.ResponseWriter, i *inquiry) error {
	q := i.query
	if q.Limit == unlimited {
		q.Limit = exportPage
	}
	start := time.Now()
	page, err := i.snapshot.Query(a.limitTime(), q)
	if err != nil {
		return tooCostly(err, a.limits.QueryTime)
	}
	got := explained{Matched: page.Matched, Returned: len(page.Records), Version: i.desk.state.Version, Seconds: time.Since(start).Seconds(), Plan: page.Plan}
	if q.Filter != nil {
		got.Filter = cql2.Text(q.Filter)
	}
	for _, k := range q.SortBy {
		name := k.Field
		if strings.ContainsAny(name, ` ,"()`) {
			name = `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		}
		if k.Descending {
			name = "-" + name
		}
		got.SortBy = append(got.SortBy, name)
	}
	h := w.Header()
	h["Cache-Control"] = noStore
	writeJSON(w, http.StatusOK, typeJSON[0], got)
	return nil
}
