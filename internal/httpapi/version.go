package httpapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"landings/internal/dataset"
)

// Versions on the wire. Every answer about a dataset says in Dataset-Version which
// version it is of; Min-Version of a read asks for that version or a later one, or
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

// aboutDataset says whether a path leads to a dataset, and to which.
func (a *API) aboutDataset(r *http.Request) (name string, ok bool) {
	switch {
	case strings.HasPrefix(r.Pattern, "/collections/{c}"):
		name = r.PathValue("c")
		return name, dataset.CheckName(name) == nil
	case r.Pattern == "/data", strings.HasPrefix(r.Pattern, "/data/"):
		return a.data.name, true
	}
	return "", false
}

// markVersion adds the present version of the dataset to an answer that has none yet.
func (a *API) markVersion(w http.ResponseWriter, r *http.Request) {
	if name, ok := a.aboutDataset(r); ok && w.Header()["Dataset-Version"] == nil {
		setVersion(w.Header(), a.config.Catalog.Snapshot(name).State().Version)
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
		h["Dataset-Age"] = []string{strconv.FormatFloat(age.Round(time.Millisecond).Seconds(), 'f', -1, 64)}
	}
}
