package httpapi

import (
	"bytes"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"landings/internal/dataset"
	"landings/internal/ingest"
)

const mergePatchType = "application/merge-patch+json"

// getRecord answers GET /data/{id}: the record byte for byte as it came.
func (a *API) getRecord(w http.ResponseWriter, r *http.Request) error {
	snapshot, m := a.data.now()
	id := r.PathValue("id")
	record, ok := snapshot.Lookup(id)
	if !ok {
		return a.noRecord(id)
	}
	return sendBytes(w, r, record.JSON, contentTag(record.JSON), m.version)
}

func (a *API) noRecord(id string) error {
	e := &dataset.Error{
		Code:    dataset.NotFound,
		Message: "there is no record \"" + dataset.Excerpt(id) + "\" in " + a.data.name,
		Remedy:  "GET /data lists all records",
	}
	if !a.data.data.State().Exists() {
		e.Message = "there is no dataset " + a.data.name + ", and so no record \"" + dataset.Excerpt(id) + "\""
		e.Remedy = "load it with POST /data"
	}
	return e
}

// putRecord answers PUT /data/{id}.
func (a *API) putRecord(r *http.Request, body *upload) (answer, error) {
	if err := checkMediaType(r, "application/json"); err != nil {
		return answer{}, err
	}
	raw, err := body.whole(a.limits.Ingest.MaxRecordBytes)
	if err != nil {
		return answer{}, err
	}
	if err := ingest.CheckRecord(raw, a.limits.Ingest); err != nil {
		return answer{}, err
	}
	record := bytes.TrimSpace(raw)
	got, err := a.edit(r, func(dataset.Record, bool) ([]byte, error) { return record, nil })
	if err == nil && len(record) != len(raw) {
		// A tag in the answer to a PUT says that the body was kept as it was sent
		// (RFC 9110, 9.3.4), and white space around it was not.
		delete(got.header, "Etag")
	}
	return got, err
}

// patchRecord answers PATCH /data/{id}: an RFC 7396 merge patch. The answer is the
// new record, for the client does not know it.
func (a *API) patchRecord(r *http.Request, body *upload) (answer, error) {
	if err := checkMediaType(r, mergePatchType); err != nil {
		return answer{}, err
	}
	patch, err := body.whole(a.limits.Ingest.MaxRecordBytes)
	if err != nil {
		return answer{}, err
	}
	var patched []byte
	got, err := a.edit(r, func(current dataset.Record, exists bool) ([]byte, error) {
		if !exists {
			return nil, a.noRecord(r.PathValue("id"))
		}
		next, err := ingest.MergePatch(current.JSON, patch)
		if err != nil {
			return nil, err
		}
		if err := ingest.CheckRecord(next, a.limits.Ingest); err != nil {
			return nil, err
		}
		patched = bytes.TrimSpace(next)
		return patched, nil
	})
	if err != nil {
		return answer{}, err
	}
	got.status, got.body = http.StatusOK, patched
	return got, nil
}

// edit puts what next makes of a record in its place. Everything that the answer
// depends on is looked at inside the decision, so that it holds at the commit.
func (a *API) edit(r *http.Request, next func(current dataset.Record, exists bool) ([]byte, error)) (answer, error) {
	id := r.PathValue("id")
	if err := dataset.CheckID(id); err != nil {
		return answer{}, err
	}
	conditions, err := parseConditions(r)
	if err != nil {
		return answer{}, err
	}
	var created bool
	var tag string
	state, err := a.config.Store.Update(r.Context(), a.data.name, id, func(current dataset.Record, exists bool) (dataset.Edit, error) {
		if err := checkRecordConditions(conditions, current, exists); err != nil {
			return dataset.Edit{}, err
		}
		record, err := next(current, exists)
		if err != nil {
			return dataset.Edit{}, err
		}
		if err := a.checkID(record, id); err != nil {
			return dataset.Edit{}, err
		}
		created, tag = !exists, contentTag(record)
		if exists && bytes.Equal(record, current.JSON) {
			return dataset.Edit{}, nil // it is so already: no new version
		}
		return dataset.Edit{JSON: record}, nil
	})
	if err != nil {
		return answer{}, err
	}
	got := answer{status: http.StatusNoContent, header: http.Header{"Etag": {tag}}, version: state.Version, dataset: a.data.name}
	if created {
		got.status = http.StatusCreated
		got.header.Set("Location", "/data/"+url.PathEscape(id))
	}
	return got, nil
}

// checkID says whether a record names itself as its address does.
func (a *API) checkID(record []byte, id string) error {
	field := a.data.data.State().Schema.IDField
	if field == "" {
		return nil
	}
	pointer := "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(field)
	got, ok := ingest.IDOf(record, field)
	switch {
	case !ok:
		return &dataset.Error{
			Code:    dataset.Invalid,
			Message: "the record has no id",
			Remedy:  "give its member \"" + dataset.Excerpt(field) + "\" the value that the address has: \"" + dataset.Excerpt(id) + "\"",
			Places:  []dataset.Place{{Pointer: pointer, Detail: "missing, or neither a string nor a number"}},
		}
	case got != id:
		return &dataset.Error{
			Code:    dataset.Invalid,
			Message: "the record's id \"" + dataset.Excerpt(got) + "\" is not the one in the address, \"" + dataset.Excerpt(id) + "\"",
			Remedy:  "make them equal; to rename a record, put it at its new address and delete it at the old one",
			Places:  []dataset.Place{{Pointer: pointer, Detail: "differs from the address"}},
		}
	}
	return nil
}

// deleteRecord answers DELETE /data/{id}.
func (a *API) deleteRecord(r *http.Request, _ *upload) (answer, error) {
	id := r.PathValue("id")
	conditions, err := parseConditions(r)
	if err != nil {
		return answer{}, err
	}
	state, err := a.config.Store.Update(r.Context(), a.data.name, id, func(current dataset.Record, exists bool) (dataset.Edit, error) {
		if err := checkRecordConditions(conditions, current, exists); err != nil {
			return dataset.Edit{}, err
		}
		if !exists {
			return dataset.Edit{}, a.noRecord(id)
		}
		return dataset.Edit{Delete: true}, nil
	})
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent, version: state.Version, dataset: a.data.name}, nil
}

func checkRecordConditions(c conditions, current dataset.Record, exists bool) error {
	if c == (conditions{}) {
		return nil
	}
	if !exists {
		return c.check(false)
	}
	return c.check(true, contentTag(current.JSON))
}

// checkMediaType refuses bodies that are not of a type. No type is taken as the
// right one, and so is what curl says when nobody said anything, except for
// patches, of which there are several kinds.
func checkMediaType(r *http.Request, want string) error {
	given := r.Header.Get("Content-Type")
	t, parameters, err := mime.ParseMediaType(given)
	charset := strings.ToLower(parameters["charset"])
	ok := err == nil && t == want && (charset == "" || charset == "utf-8")
	if want != mergePatchType {
		ok = ok || given == "" || isForm(given) || err == nil && strings.HasSuffix(t, "+json") && t != mergePatchType
	}
	if !ok {
		return &dataset.Error{
			Code:    dataset.UnsupportedMediaType,
			Message: "a body of type \"" + dataset.Excerpt(given) + "\" cannot be taken here",
			Remedy:  "send it as " + want,
			Places:  []dataset.Place{{Parameter: "Content-Type", Detail: "is not " + want}},
		}
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return &dataset.Error{
			Code:    dataset.UnsupportedMediaType,
			Message: "the body of one record cannot be compressed",
			Remedy:  "send it without Content-Encoding",
			Places:  []dataset.Place{{Parameter: "Content-Encoding", Detail: dataset.Excerpt(coding)}},
		}
	}
	return nil
}
