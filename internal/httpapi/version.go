package httpapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"landings/internal/dataset"
)

// Versions on the wire. Every answer about a dataset that there is or was says in
// Dataset-Version which version it is of: what an endpoint does not set itself is added
// where the answer begins, see noted. Min-Version of a read asks for that version or a later one, or
// with latest for all that was acknowledged anywhere before. Dataset-Age says, while
// the store is away, for how many seconds the answer has not been known to be the
// present. (Age of RFC 9111 is what caches on the way count, and they would add to it.)

// reach waits until the dataset is at the version that a read asks for.
func (a *API) reach(r *http.Request, name string) error {
	values := r.Header["Min-Version"]
	if values == nil || r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != methodQuery {
		return nil
	}
	version := dataset.Latest
	if len(values) != 1 || values[0] != "latest" {
		n, err := strconv.ParseUint(strings.Join(values, ","), 10, 63)
		if err != nil {
			return &dataset.Error{
				Code:    dataset.Invalid,
				Message: "Min-Version is malformed",
				Remedy:  "give a version as Dataset-Version told it, or latest",
				Places:  []dataset.Place{{Parameter: "Min-Version", Detail: "not a number: " + dataset.Excerpt(strings.Join(values, ","))}},
			}
		}
		version = n
	}
	return a.config.Store.Reach(r.Context(), name, version)
}

// aboutDataset says whether a request is about a dataset, and about which.
func (a *API) aboutDataset(r *http.Request) (name string, ok bool) {
	switch {
	case strings.HasPrefix(r.Pattern, "/collections/{c}"):
		name = r.PathValue("c")
	case r.Pattern == "/data", strings.HasPrefix(r.Pattern, "/data/"), r.Pattern == "/backup":
		return a.data.name, true
	case r.Pattern == "/get-keys":
		q := r.URL.Query()
		if !q.Has("records") {
			return "", false
		}
		if name = q.Get("records"); name == "" {
			name = a.data.name
		}
	default:
		return "", false
	}
	return name, dataset.CheckName(name) == nil
}

// mark adds the present version of the dataset to an answer that has none yet, and how
// old that may be. What a write did is known from the store itself and has no age.
func (a *API) mark(h http.Header, r *http.Request) {
	name, ok := a.aboutDataset(r)
	if !ok {
		return
	}
	if h["Dataset-Version"] == nil {
		setVersion(h, a.config.Catalog.Snapshot(name).State().Version)
	}
	if h["Dataset-Ack"] == nil {
		a.markAge(h)
	}
}

func setVersion(h http.Header, version uint64) {
	if version > 0 {
		h["Dataset-Version"] = []string{strconv.FormatUint(version, 10)}
	}
}

// markAge says how old an answer from memory may be; nothing while the store is there.
func (a *API) markAge(h http.Header) {
	if age := a.config.Store.Age(); age > 0 {
		h["Dataset-Age"] = []string{strconv.FormatFloat(float64(age.Round(time.Millisecond).Milliseconds())/1000, 'f', -1, 64)}
	}
}
