package predicate

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"landings/internal/dataset"
)

// PlaceName is the name under which a filter finds the place of a record, however
// the record spells it, unless a field has that name.
const PlaceName = "geometry"

// IDName is the name under which a filter finds the id of a record, unless a field
// has that name.
const IDName = "id"

// Field is something of a record that a filter can name.
type Field struct {
	Name string
	Type dataset.Type // of the place: Point
}

// Kind gives the kind that values of the field have, besides Missing and Misfit.
func (f Field) Kind() Kind { return kindOf(f.Type) }

// Reader reads the values of records by a schema. It is immutable.
type Reader struct {
	schema dataset.Schema
	fields []Field // the schema's, then the place and the id where they stand apart
	keys   []string
	byName map[string]int
	inJSON int // fields up to here are members of the record
	place  int // index of the place; -1: records have none
	id     int // index of the id that is no member; -1: a member is
	lat    int // index of the place's parts; -1
	lon    int
	form   int // index of the place's one member; -1
}

// NewReader makes a reader by a schema.
func NewReader(schema dataset.Schema) *Reader {
	r := &Reader{schema: schema, byName: map[string]int{}, place: -1, id: -1, lat: -1, lon: -1, form: -1}
	add := func(name string, t dataset.Type) int {
		i := len(r.fields)
		r.fields = append(r.fields, Field{Name: name, Type: t})
		r.keys = append(r.keys, quoted(name))
		r.byName[name] = i
		return i
	}
	for _, f := range schema.Fields {
		if _, twice := r.byName[f.Name]; !twice {
			add(f.Name, f.Type)
		}
	}
	r.inJSON = len(r.fields)
	if g := schema.Geometry; g != nil {
		find := func(name string) int {
			if i, ok := r.byName[name]; ok && name != "" {
				return i
			}
			return -1
		}
		switch {
		case g.GeoJSON != "":
			r.form = find(g.GeoJSON)
		case g.Text != "":
			r.form = find(g.Text)
		default:
			r.lat, r.lon = find(g.Lat), find(g.Lon)
		}
		if i, taken := r.byName[PlaceName]; !taken {
			r.place = add(PlaceName, dataset.Point)
		} else if i == r.form || schema.Features {
			r.place = i
			r.fields[i].Type = dataset.Point
		} else { // a field of that name hides the place from filters
			r.place = len(r.fields)
			r.fields = append(r.fields, Field{Name: PlaceName, Type: dataset.Point})
			r.keys = append(r.keys, "")
		}
	}
	if _, taken := r.byName[IDName]; !taken {
		r.id = add(IDName, dataset.Text)
	}
	return r
}

func quoted(name string) string {
	b, err := json.Marshal(name)
	if err != nil {
		return ""
	}
	return string(b)
}

// Fields gives all fields, in the order in which Find numbers them. It must not be
// modified.
func (r *Reader) Fields() []Field { return r.fields }

// Find gives the number of a field.
func (r *Reader) Find(name string) (int, bool) {
	i, ok := r.byName[name]
	return i, ok
}

// Place gives the number of the field that is the records' place; -1: they have
// none.
func (r *Reader) Place() int { return r.place }

// IsID says whether a field is the id of the records.
func (r *Reader) IsID(field int) bool {
	return field == r.id || r.fields[field].Name == r.schema.IDField
}

// Schema gives the schema.
func (r *Reader) Schema() *dataset.Schema { return &r.schema }

// Names gives the names that a filter can use, for messages.
func (r *Reader) Names() []string {
	names := make([]string, len(r.fields))
	for i, f := range r.fields {
		names[i] = f.Name
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Wanted are the fields that someone reads: a set over the reader's fields.
type Wanted struct {
	members []bool // that must be found in the JSON
	fields  []int  // in ascending order
	left    int    // how many members there are in members
}

// Want gives the set of fields.
func (r *Reader) Want(fields ...int) Wanted {
	w := Wanted{members: make([]bool, r.inJSON)}
	need := func(i int) {
		if i >= 0 && i < r.inJSON && !w.members[i] {
			w.members[i] = true
			w.left++
		}
	}
	fields = slices.Clone(fields)
	slices.Sort(fields)
	w.fields = slices.Compact(fields)
	for _, f := range w.fields {
		if f == r.place {
			need(r.lat)
			need(r.lon)
			need(r.form)
		}
		need(f)
	}
	return w
}

// WantAll gives the set of all fields.
func (r *Reader) WantAll() Wanted {
	all := make([]int, len(r.fields))
	for i := range all {
		all[i] = i
	}
	return r.Want(all...)
}

// Row is the values of one record, by the number of the field.
type Row []Value

// NewRow gives room for the values of a record.
func (r *Reader) NewRow() Row { return make(Row, len(r.fields)) }

// Read puts the wanted values of a record into row; what else is in row has no
// meaning afterwards. The values share the record's memory where they can.
func (r *Reader) Read(record dataset.Record, w *Wanted, row Row) {
	for i, wanted := range w.members {
		if wanted {
			row[i] = Value{}
		}
	}
	if w.left > 0 {
		left, next := w.left, 0
		visit := func(key, value []byte) bool {
			i := r.member(key, next)
			if i < 0 {
				return true
			}
			next = i + 1
			if w.members[i] {
				row[i] = r.value(i, value)
				left--
			}
			return left > 0
		}
		if r.schema.Features {
			r.readFeature(record, w, row, visit)
		} else {
			members(record.JSON, visit)
		}
	}
	for _, f := range w.fields {
		switch {
		case f == r.place:
			row[f] = r.placeOf(row)
		case f == r.id:
			row[f] = textValue(record.ID)
		}
	}
}

// readFeature reads members of "properties", and the geometry and id beside them.
func (r *Reader) readFeature(record dataset.Record, w *Wanted, row Row, visit func(key, value []byte) bool) {
	outer := func(name string) int {
		if i, ok := r.byName[name]; ok && i < r.inJSON && w.members[i] {
			return i
		}
		return -1
	}
	place, id := outer(PlaceName), outer(IDName)
	members(record.JSON, func(key, value []byte) bool {
		switch view(key) {
		case `"properties"`:
			if value[0] == '{' {
				members(value, func(key, value []byte) bool {
					if k := view(key); k == `"geometry"` || k == `"id"` && id >= 0 {
						return true // hidden by the Feature's own
					}
					return visit(key, value)
				})
			}
		case `"geometry"`:
			if place >= 0 {
				row[place] = r.value(place, value)
			}
		case `"id"`:
			if id >= 0 {
				row[id] = r.value(id, value)
			}
		}
		return true
	})
}

// member gives the number of the field with a key, which stands in quotes; next is
// where it mostly is. -1: there is none.
func (r *Reader) member(key []byte, next int) int {
	if next < r.inJSON && r.keys[next] == string(key) {
		return next
	}
	if bytes.IndexByte(key, '\\') < 0 {
		if i, ok := r.byName[string(key[1:len(key)-1])]; ok && i < r.inJSON {
			return i
		}
		return -1
	}
	name, err := jsontext.AppendUnquote(nil, key)
	if err != nil {
		return -1
	}
	if i, ok := r.byName[string(name)]; ok && i < r.inJSON {
		return i
	}
	return -1
}

// value reads a raw JSON value as its field's type says.
func (r *Reader) value(field int, raw []byte) Value {
	if raw[0] == 'n' || len(raw) == 2 && raw[0] == '"' {
		return Value{}
	}
	if t := r.fields[field].Type; raw[0] != '"' {
		switch {
		case t == dataset.Number && isDigit(raw[0]):
			if f, ok := dataset.ParseNumber(raw); ok {
				return numberValue(f)
			}
		case t == dataset.Integer && isDigit(raw[0]):
			if i, ok := dataset.ParseInteger(raw); ok {
				return integerValue(i)
			}
		case t == dataset.Boolean && (raw[0] == 't' || raw[0] == 'f'):
			return booleanValue(raw[0] == 't')
		case t == dataset.Point && raw[0] == '{':
			return geometryValue(raw)
		case t == dataset.JSON:
			return jsonValue(raw)
		}
		return Value{Kind: Misfit}
	}
	inner := unquote(raw)
	switch r.fields[field].Type {
	case dataset.Text, dataset.JSON:
		return textValue(view(inner))
	case dataset.Number:
		if f, ok := dataset.ParseNumber(inner); ok {
			return numberValue(f)
		}
		if i, ok := dataset.ParseYear(inner); ok {
			return numberValue(float64(i))
		}
	case dataset.Integer:
		if i, ok := dataset.ParseYear(inner); ok {
			return integerValue(i)
		}
	case dataset.Boolean:
		if b, ok := dataset.ParseBoolean(inner); ok {
			return booleanValue(b)
		}
	case dataset.Time:
		if t, ok := dataset.ParseTime(inner); ok {
			return instantValue(t.UnixMicro())
		}
	case dataset.Point:
		if lat, lon, ok := dataset.ParsePoint(inner); ok {
			return pointValue(lon, lat)
		}
	}
	return Value{Kind: Misfit}
}

func isDigit(c byte) bool { return c == '-' || c-'0' <= 9 }

// unquote gives what a JSON string says, without a copy where it can.
func unquote(raw []byte) []byte {
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	out, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return inner // not to be had of valid JSON
	}
	return out
}

// jsonValue reads a value that may be anything but null.
func jsonValue(raw []byte) Value {
	switch raw[0] {
	case 't', 'f':
		return booleanValue(raw[0] == 't')
	case '"':
		return textValue(view(unquote(raw)))
	case '{', '[':
		return Value{Kind: JSON, Text: view(raw)}
	case 'n':
		return Value{}
	}
	if i, ok := dataset.ParseInteger(raw); ok {
		return integerValue(i)
	}
	f, _ := dataset.ParseNumber(raw)
	return numberValue(f)
}

// placeOf makes the place of the members that spell it.
func (r *Reader) placeOf(row Row) Value {
	if r.form >= 0 {
		v := row[r.form]
		if v.Kind == JSON {
			return geometryValue([]byte(v.Text))
		}
		if v.Kind == Place || v.Kind == Missing {
			return v
		}
		return Value{Kind: Misfit}
	}
	if r.lat < 0 || r.lon < 0 {
		return Value{}
	}
	a, o := row[r.lat], row[r.lon]
	if a.Kind == Missing || o.Kind == Missing {
		return Value{}
	}
	if a.Kind == Misfit || o.Kind == Misfit {
		return Value{Kind: Misfit}
	}
	lat, lon := a.Float(), o.Float()
	if !(lat >= -90 && lat <= 90 && lon >= -360 && lon <= 360) {
		return Value{Kind: Misfit}
	}
	return pointValue(lon, lat)
}
