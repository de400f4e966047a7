package dataset

import "slices"

// Type is the meaning of a field's values, whatever their spelling: a field of
// strings such as "21" has type [Number], and its values stay strings on output.
type Type string

// The types, as the schema and the API spell them.
const (
	Text    Type = "text"
	Number  Type = "number"
	Integer Type = "integer"
	Boolean Type = "boolean"
	Time    Type = "time"
	Point   Type = "point" // a "(latitude, longitude)" text or a GeoJSON Point
	JSON    Type = "json"  // anything else: objects, lists, mixtures
)

// Field is one member of a dataset's records.
type Field struct {
	Name     string `json:"name"`
	Type     Type   `json:"type"`
	Nullable bool   `json:"nullable,omitempty"` // missing, null or empty in at least one record
}

// Geometry says where a record's place is found. Exactly one of its three forms
// is set.
type Geometry struct {
	GeoJSON string `json:"geojson,omitempty"` // a member that holds a GeoJSON geometry
	Lat     string `json:"lat,omitempty"`     // the pair of members that hold degrees
	Lon     string `json:"lon,omitempty"`
	Text    string `json:"text,omitempty"` // a member that holds "(lat, lon)"
}

// Schema is what is known of a dataset's fields, inferred over all records of a
// load or set in the configuration. Later writes of single records add fields, and
// change nothing else: types are not theirs to decide.
type Schema struct {
	Fields    []Field   `json:"fields"`               // in order of first appearance
	IDField   string    `json:"id_field,omitempty"`   // empty: records are named by their position
	Geometry  *Geometry `json:"geometry,omitempty"`   // nil: no place
	TimeField string    `json:"time_field,omitempty"` // empty: no time
	// Features says that the records are GeoJSON Features (RFC 7946), each kept
	// whole. Its fields are then the members of "properties"; besides them the field
	// "geometry" is the Feature's geometry, and the field "id" is the Feature's own
	// id where it has one. These two hide properties of the same name.
	Features bool `json:"features,omitempty"`
}

// Lacks gives those of some fields that the schema does not have.
func (s *Schema) Lacks(fields []Field) []Field {
	var lacks []Field
	for _, f := range fields {
		if !slices.ContainsFunc(s.Fields, func(known Field) bool { return known.Name == f.Name }) {
			lacks = append(lacks, f)
		}
	}
	return lacks
}

// With gives the schema with more fields.
func (s *Schema) With(fields []Field) Schema {
	more := *s
	more.Fields = slices.Concat(s.Fields, fields)
	return more
}
