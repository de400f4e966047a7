package httpapi

import (
	"bytes"
	"context"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"landings/internal/dataset"
	"landings/internal/encode"
	"landings/internal/ingest"
)

const mergePatchType = "application/merge-patch+json"

// getRecord answers GET /data/{id}: the record byte for byte as it came, or as a Feature
// for who asks for that.
func (a *API) getRecord(w http.ResponseWriter, r *http.Request) error {
	c, err := a.collection(r)
	if err != nil {
		return err
	}
	snapshot, m := c.now()
	if m.version != nil {
		w.Header()["Dataset-Version"] = m.version
	}
	w.Header()["Vary"] = varyAccept
	format, err := recordOffer.choose(r.URL.Query().Get("f"), r.Header["Accept"])
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	record, ok := snapshot.Lookup(id)
	if !ok {
		return noRecord(c, id)
	}
	body := record.JSON
	if format == encode.GeoJSON {
		schema := snapshot.State().Schema
		body = encode.AppendFeature(nil, &schema, record)
	}
	return sendBytes(w, r, formatTypes[format], body, contentTag(body))
}

func noRecord(c *collection, id string) error {
	e := &dataset.Error{
		Code:    dataset.NotFound,
		Message: "there is no record \"" + dataset.Excerpt(id) + "\" in " + c.name,
		Remedy:  "GET " + c.list() + " lists all records",
	}
	if !c.data.State().Exists() {
		e.Message = "there is no dataset " + c.name + ", and so no record \"" + dataset.Excerpt(id) + "\""
		e.Remedy = "load it with POST /data, or landings load FILE"
		if c.base != defaultBase {
			e.Remedy = "load it with PUT /collections/" + c.name + ", or landings load FILE --dataset " + c.name
		}
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
	c, err := a.collection(r)
	if err != nil {
		return answer{}, err
	}
	conditions, err := parseConditions(r)
	if err != nil {
		return answer{}, err
	}
	return a.put(r.Context(), c, r.PathValue("id"), conditions, raw)
}

// put puts a record that is valid, perhaps with white space around it, in the place
// of what has its id.
func (a *API) put(ctx context.Context, c *collection, id string, conditions conditions, raw []byte) (answer, error) {
	return a.edit(ctx, a.putting(c, id, conditions, raw))
}

// putting is the edit of put.
func (a *API) putting(c *collection, id string, conditions conditions, raw []byte) *edit {
	e := &edit{collection: c, id: id, conditions: conditions, limits: a.limits.Ingest}
	record := bytes.TrimSpace(raw)
	// A tag in the answer to a PUT says that the body was kept as it was sent
	// (RFC 9110, 9.3.4), and white space around it was not.
	e.untagged = len(record) != len(raw)
	e.propose(record) // once, and not while others wait for their turn
	return e
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
	c, err := a.collection(r)
	if err != nil {
		return answer{}, err
	}
	conditions, err := parseConditions(r)
	if err != nil {
		return answer{}, err
	}
	var patched []byte
	e := &edit{collection: c, id: r.PathValue("id"), conditions: conditions, limits: a.limits.Ingest}
	e.next = func(current dataset.Record, exists bool) ([]byte, error) {
		if !exists {
			return nil, noRecord(c, r.PathValue("id"))
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
	}
	got, err := a.edit(r.Context(), e)
	if err != nil {
		return got, err
	}
	got.status, got.body = http.StatusOK, patched
	return got, nil
}

// edit is a write of one record. Everything that the answer depends on is looked at
// inside the decision, so that it holds at the commit.
type edit struct {
	collection *collection
	id         string
	conditions conditions
	limits     ingest.Limits
	untagged   bool // the answer has no tag
	// next gives what the record becomes; nil: that is proposed already.
	next func(current dataset.Record, exists bool) ([]byte, error)

	proposed proposal
	created  bool // there was none before
}

// proposal is a record to be and what depends on it and the schema alone.
type proposal struct {
	record []byte
	tag    string
	schema dataset.Schema
	fields []dataset.Field // that the schema lacks
	err    error           // it does not fit the dataset, or does not name itself as its address does
}

// propose looks at what the record is to be.
func (e *edit) propose(record []byte) {
	p := proposal{record: record, tag: contentTag(record), schema: e.collection.data.State().Schema}
	if p.schema.Features {
		p.err = ingest.CheckFeature(record)
	}
	if p.err == nil {
		id, named, fields, err := ingest.Fit(record, &p.schema, e.limits)
		if p.fields, p.err = fields, checkID(p.schema.IDField, id, named, e.id); p.err == nil {
			p.err = err
		}
	}
	e.proposed = p
}

// sameFields says whether two schemas have the same fields. Mostly they are one list.
func sameFields(a, b []dataset.Field) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || slices.Equal(a, b))
}

func (e *edit) decide(current dataset.Record, exists bool) (dataset.Edit, error) {
	if err := checkRecordConditions(e.conditions, e.collection, current, exists); err != nil {
		return dataset.Edit{}, err
	}
	if e.next != nil {
		record, err := e.next(current, exists)
		if err != nil {
			return dataset.Edit{}, err
		}
		e.propose(record)
	} else if now := e.collection.data.State().Schema; now.IDField != e.proposed.schema.IDField || now.Features != e.proposed.schema.Features || !sameFields(now.Fields, e.proposed.schema.Fields) {
		e.propose(e.proposed.record)
	}
	if e.proposed.err != nil {
		return dataset.Edit{}, e.proposed.err
	}
	e.created = !exists
	if exists && bytes.Equal(e.proposed.record, current.JSON) {
		return dataset.Edit{}, nil // it is so already: no new version
	}
	return dataset.Edit{JSON: e.proposed.record, Fields: e.proposed.fields, MaxFields: e.limits.MaxFields}, nil
}

// answer gives the answer to the outcome.
func (e *edit) answer(state dataset.State, err error) (answer, error) {
	if err != nil {
		return answer{version: state.Version}, err
	}
	got := answer{status: http.StatusNoContent, version: state.Version, dataset: e.collection.name, made: state}
	if !e.untagged {
		got.tag = e.proposed.tag
	}
	if e.created {
		got.status = http.StatusCreated
		got.location = e.collection.base + "/" + segment(e.id)
	}
	return got, nil
}

// edit carries a write of one record out.
func (a *API) edit(ctx context.Context, e *edit) (answer, error) {
	if err := dataset.CheckID(e.id); err != nil {
		return answer{}, err
	}
	state, err := a.config.Store.Update(ctx, e.collection.name, e.id, e.decide)
	return e.answer(state, err)
}

// segment gives an id as a piece of a path. The ids . and .. would, as they stand,
// lead elsewhere.
func segment(id string) string {
	if id == "." || id == ".." {
		return strings.ReplaceAll(id, ".", "%2E")
	}
	return url.PathEscape(id)
}

// checkID says whether a record names itself, by a field, as its address does; named:
// it does so at all, and got is how.
func checkID(field, got string, named bool, id string) error {
	if field == "" || named && got == id {
		return nil
	}
	pointer := "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(field)
	switch {
	case !named:
		return &dataset.Error{
			Code:    dataset.Invalid,
			Message: "the record has no id",
			Remedy:  "give its member \"" + dataset.Excerpt(field) + "\" the value that the address has: \"" + dataset.Excerpt(id) + "\"",
			Places:  []dataset.Place{{Pointer: pointer, Detail: "missing, or neither a string nor a number"}},
		}
	default:
		return &dataset.Error{
			Code:    dataset.Invalid,
			Message: "the record's id \"" + dataset.Excerpt(got) + "\" is not the one in the address, \"" + dataset.Excerpt(id) + "\"",
			Remedy:  "make them equal; to rename a record, put it at its new address and delete it at the old one",
			Places:  []dataset.Place{{Pointer: pointer, Detail: "differs from the address"}},
		}
	}
}

// deleteRecord answers DELETE /data/{id}.
func (a *API) deleteRecord(r *http.Request, _ *upload) (answer, error) {
	c, err := a.collection(r)
	if err != nil {
		return answer{}, err
	}
	id := r.PathValue("id")
	conditions, err := parseConditions(r)
	if err != nil {
		return answer{}, err
	}
	state, err := a.config.Store.Update(r.Context(), c.name, id, func(current dataset.Record, exists bool) (dataset.Edit, error) {
		if err := checkRecordConditions(conditions, c, current, exists); err != nil {
			return dataset.Edit{}, err
		}
		if !exists {
			return dataset.Edit{}, noRecord(c, id)
		}
		return dataset.Edit{Delete: true}, nil
	})
	if err != nil {
		return answer{version: state.Version}, err
	}
	return answer{status: http.StatusNoContent, version: state.Version, dataset: c.name, made: state}, nil
}

func checkRecordConditions(c conditions, of *collection, current dataset.Record, exists bool) error {
	if c == (conditions{}) {
		return nil
	}
	if !exists {
		return c.check(false)
	}
	tag := contentTag(current.JSON)
	if c.noneMatch == nil && (c.match == nil || c.match.any || c.match.strong(tag)) {
		return c.check(true, tag)
	}
	// A write replaces both forms of the record, so the tag may be that of the Feature.
	schema := of.data.State().Schema
	return c.check(true, tag, contentTag(encode.AppendFeature(nil, &schema, current)))
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
