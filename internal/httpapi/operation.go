package httpapi

import (
	"context"
	"net/http"
	"time"

	"landings/internal/dataset"
)

// readyTime is how long the store may take to say that it is ready.
const readyTime = 2 * time.Second

// live answers GET /livez: the process runs and serves.
func (a *API) live(w http.ResponseWriter, _ *http.Request) error {
	writeStatus(w, map[string]string{"status": "live", "version": a.config.Version})
	return nil
}

const readyPath = "/readyz"

// ready answers GET /readyz: the node can take reads and writes, or, where that is
// the policy, reads.
func (a *API) ready(w http.ResponseWriter, r *http.Request) error {
	if a.draining.Load() {
		return &dataset.Error{Code: dataset.Unavailable, Message: "the node is shutting down", Remedy: "use another node"}
	}
	status := "ready"
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	if err := a.config.Store.Ready(ctx); err != nil {
		if !a.config.ReadyForReads || !a.open.Load() {
			return err
		}
		status = "ready for reads"
	}
	if !a.open.Load() {
		return errStarting
	}
	answer := map[string]any{"status": status}
	if damaged := a.config.Store.Damaged(); len(damaged) > 0 {
		why := make(map[string]string, len(damaged))
		for name, err := range damaged {
			why[name] = err.Error()
		}
		answer["damaged"] = why // the others are served
	}
	writeStatus(w, answer)
	return nil
}

func writeStatus(w http.ResponseWriter, v any) {
	w.Header()["Cache-Control"] = noStore
	writeJSON(w, http.StatusOK, typeJSON[0], v)
}
