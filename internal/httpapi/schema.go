package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"landings/internal/dataset"
)

const schemaType = "application/schema+json"

// jsonSchema is a JSON Schema (draft 2020-12) of the fields by what their values
// mean, with the roles of OGC API - Features Part 5.
type jsonSchema struct {
	Schema     string     `json:"$schema"`
	ID         string     `json:"$id"`
	Type       string     `json:"type"`
	Title      string     `json:"title"`
	Properties properties `json:"properties"`
	// AdditionalProperties says that nothing but these properties can be asked for.
	AdditionalProperties bool `json:"additionalProperties"`
}

type property struct {
	name     string
	Title    string `json:"title,omitempty"`
	Type     string `json:"type,omitempty"` // missing: any
	Format   string `json:"format,omitempty"`
	Role     string `json:"x-ogc-role,omitempty"`
	Sequence int    `json:"x-ogc-propertySeq,omitempty"` // from 1
	Kind     string `json:"x-landings-type,omitempty"`   // the type as Landings names it
	Nullable bool   `json:"x-landings-nullable,omitempty"`
}

// properties is an object whose members keep their order.
type properties []property

// MarshalJSON gives the object.
func (p properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, one := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(one.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(one)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// getSchema answers with the fields of a dataset: what its records consist of.
func (a *API) getSchema(w http.ResponseWriter, r *http.Request) error {
	return a.sendSchema(w, r, "schema")
}

// getQueryables answers with what a filter can name.
func (a *API) getQueryables(w http.ResponseWriter, r *http.Request) error {
	return a.sendSchema(w, r, "queryables")
}

func (a *API) sendSchema(w http.ResponseWriter, r *http.Request, kind string) error {
	c, err := a.collection(r)
	if err != nil {
		return err
	}
	s, _, err := c.whole()
	if err != nil {
		return err
	}
	state := s.State()
	body := encodeJSON(jsonSchema{
		Schema:     "https://json-schema.org/draft/2020-12/schema",
		ID:         baseOf(r) + "/collections/" + c.name + "/" + kind,
		Type:       "object",
		Title:      c.name,
		Properties: describe(&state.Schema),
	})
	return sendTyped(w, r, body, schemaType, state)
}

// describe gives the properties of a schema, and the place where it stands apart
// from the fields.
func describe(s *dataset.Schema) properties {
	list := make(properties, 0, len(s.Fields)+1)
	placed := false
	for i, f := range s.Fields {
		p := property{name: f.Name, Sequence: i + 1, Kind: string(f.Type), Nullable: f.Nullable}
		switch f.Type {
		case dataset.Text:
			p.Type = "string"
		case dataset.Number, dataset.Integer, dataset.Boolean:
			p.Type = string(f.Type)
		case dataset.Time:
			p.Type, p.Format = "string", "date-time"
		case dataset.Point:
			p.Format = "geometry-point"
		}
		switch f.Name {
		case "": // a name like any other, but for the schema's settings it means none
		case s.IDField:
			p.Role = "id"
		case s.TimeField:
			p.Role = "primary-instant"
		}
		if g := s.Geometry; g != nil && (f.Name == g.GeoJSON || s.Features && f.Name == placeName) {
			p.Type, p.Role, placed = "", "primary-geometry", true
			if p.Format == "" {
				p.Format = "geometry-any"
			}
		}
		placed = placed || f.Name == placeName
		list = append(list, p)
	}
	if s.Geometry != nil && !placed {
		format := "geometry-point"
		if s.Geometry.GeoJSON != "" {
			format = "geometry-any"
		}
		list = append(list, property{name: placeName, Title: "the place of the record", Format: format, Role: "primary-geometry"})
	}
	return list
}

// sendTyped answers a read with bytes of a type, tagged by themselves.
func sendTyped(w http.ResponseWriter, r *http.Request, body []byte, contentType string, state dataset.State) error {
	var version []string
	if state.Version > 0 {
		version = []string{strconv.FormatUint(state.Version, 10)}
	}
	h := w.Header()
	c, err := parseConditions(r)
	if err != nil {
		return err
	}
	tag := contentTag(body)
	same, err := c.notModified(tag)
	if err != nil {
		return err
	}
	h["Etag"] = []string{tag}
	h["Cache-Control"] = noCache
	if version != nil {
		h["Dataset-Version"] = version
	}
	if same {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h["Content-Type"] = []string{contentType}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	h["X-Content-Type-Options"] = noSniff
	_, _ = w.Write(body) // a client that is gone needs no answer
	return nil
}
