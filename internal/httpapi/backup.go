package httpapi

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"landings/internal/backup"
	"landings/internal/dataset"
	"landings/internal/ingest"
)

// getBackup answers GET /backup and /collections/{c}/backup: one version of a
// dataset as a file. A dataset that has vanished is given as it was last seen, for as long
// as the node keeps that; with ?vanished=true also where it was made anew since.
func (a *API) getBackup(w http.ResponseWriter, r *http.Request) error {
	c := a.data
	if name := r.PathValue("c"); name != "" {
		if err := dataset.CheckName(name); err != nil {
			return err
		}
		c = &collection{name: name, data: a.config.Catalog.Dataset(name)}
	}
	anew := false
	if text := r.URL.Query().Get("vanished"); text != "" {
		var err error
		if anew, err = strconv.ParseBool(text); err != nil {
			return badValue("vanished", text, "write true or false")
		}
	}
	s := c.data.Snapshot()
	h := w.Header()
	if anew || !s.State().Exists() {
		last, at := c.data.Vanished()
		switch {
		case last == nil && s.State().Exists():
			return &dataset.Error{
				Code:    dataset.NotFound,
				Message: "this node has seen no dataset " + c.name + " vanish in the last hour",
				Remedy:  "ask another node, or leave out vanished for the dataset as it is",
			}
		case last == nil:
			if err := a.config.Store.Missing(c.name); err != nil {
				return err
			}
			return noDataset(c.name)
		}
		s = last
		h.Set("Dataset-Vanished", at.UTC().Format(http.TimeFormat))
	}
	setVersion(h, s.State().Version)
	h.Set("Content-Type", backup.MediaType)
	h.Set("Content-Disposition", `attachment; filename="`+c.name+`.landings"`)
	h["Cache-Control"] = []string{"no-store"}
	h["X-Content-Type-Options"] = noSniff
	if r.Method == http.MethodHead {
		return nil
	}
	out := &moving{w: w, conn: http.NewResponseController(w), limits: a.limits}
	if err := backup.Write(out, s.State(), s.Records(), time.Now()); err != nil {
		panic(http.ErrAbortHandler) // the client is gone, or must see that this is not all
	}
	return nil
}

// moving writes an answer of any length, as long as the client takes it.
type moving struct {
	w      http.ResponseWriter
	conn   *http.ResponseController
	limits Limits
}

func (m *moving) Write(p []byte) (int, error) {
	_ = m.conn.SetWriteDeadline(time.Now().Add(m.limits.StallTime)) // where there are none there is no client to wait for
	return m.w.Write(p)
}

// restored is the answer to PUT .../backup.
type restored struct {
	Dataset string        `json:"dataset"`
	Records int           `json:"records"`
	Version uint64        `json:"version"`
	Backup  backup.Header `json:"backup"` // what was restored
}

// restore answers PUT /backup and /collections/{c}/backup: the body, a backup of
// whatever dataset, takes the place of the whole dataset if it is undamaged.
func (a *API) restore(r *http.Request, body *upload) (answer, error) {
	c, err := a.collection(r)
	if err != nil {
		return answer{}, err
	}
	conditions, err := parseConditions(r)
	if err != nil {
		return answer{}, err
	}
	if coding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); coding != "" && coding != "identity" {
		return answer{}, &dataset.Error{
			Code:    dataset.UnsupportedMediaType,
			Message: fmt.Sprintf("a backup cannot be read with the content encoding %q", dataset.Excerpt(coding)),
			Remedy:  "send the file as it is, without Content-Encoding: a backup is compressed already",
			Places:  []dataset.Place{{Parameter: "Content-Encoding", Detail: dataset.Excerpt(coding)}},
		}
	}
	done, err := a.loading()
	if err != nil {
		return answer{}, err
	}
	defer done()
	var header backup.Header
	state, err := a.config.Store.Load(r.Context(), c.name, func(dataset.Ahead) (dataset.Load, error) {
		set, standard := a.limits.Ingest, ingest.DefaultLimits()
		h, records, err := backup.Read(body, backup.Limits{
			Bytes:       cmp.Or(set.MaxBytes, standard.MaxBytes),
			RecordBytes: cmp.Or(set.MaxRecordBytes, standard.MaxRecordBytes),
			Records:     cmp.Or(set.MaxRecords, standard.MaxRecords),
		})
		header = h
		return dataset.Load{Records: records, Schema: h.Schema, Source: fmt.Sprintf("backup of %s, version %d", h.Dataset, h.Version)}, err
	}, func(current dataset.State) error {
		return conditions.check(current.Exists(), listTags(current)...)
	})
	if err != nil {
		return answer{}, err
	}
	return answer{
		status: http.StatusOK, version: state.Version, dataset: c.name, made: state,
		body: restored{Dataset: c.name, Records: state.Count, Version: state.Version, Backup: header},
	}, nil
}
