package httpapi

import (
	"net/http"
	"strconv"

	"landings/internal/dataset"
)

// generations is the answer to GET /collections/{c}/generations.
type generations struct {
	Dataset     string               `json:"dataset"`
	Generations []dataset.Generation `json:"generations"` // the newest first
}

func (a *API) getGenerations(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("c")
	list, err := a.config.Store.Generations(r.Context(), name)
	if err != nil {
		return err
	}
	return a.sendJSON(w, r, generations{Dataset: name, Generations: list})
}

// rolledBack is the answer to POST /collections/{c}/generations.
type rolledBack struct {
	Dataset    string `json:"dataset"`
	From       uint64 `json:"from"`       // the generation that was gone back to
	Generation uint64 `json:"generation"` // its new number
	Records    int    `json:"records"`
	Version    uint64 `json:"version"`
}

// rollBack answers POST /collections/{c}/generations?number=N: the content of generation
// N takes the place of the dataset's.
func (a *API) rollBack(r *http.Request, _ *upload) (answer, error) {
	name := r.PathValue("c")
	text := r.URL.Query().Get("number")
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return answer{}, &dataset.Error{
			Code:    dataset.Invalid,
			Message: "the generation to go back to is not named",
			Remedy:  "name one that GET /collections/" + dataset.Excerpt(name) + "/generations lists: ?number=N",
			Places:  []dataset.Place{{Parameter: "number", Detail: "is not a number"}},
		}
	}
	conditions, err := parseConditions(r)
	if err != nil {
		return answer{}, err
	}
	state, err := a.config.Store.RollBack(r.Context(), name, number, func(current dataset.State) error {
		return conditions.check(current.Exists(), listTags(current)...)
	})
	if err != nil {
		return answer{}, err
	}
	return answer{
		status: http.StatusOK, version: state.Version, dataset: name, made: state,
		body: rolledBack{Dataset: name, From: number, Generation: state.Generation, Records: state.Count, Version: state.Version},
	}, nil
}
