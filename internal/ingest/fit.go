package ingest

import (
	"fmt"

	"landings/internal/dataset"
)

// Fit says how a valid record fits a schema: the id that it gives itself in the schema's
// field for that, and the fields that the schema lacks.
//
// These are in the record's order. A load infers types over all records; here there is
// one, and it says no more than what kind of JSON its value is: a text that looks like a
// number stays a text. A member that is null is no field yet. The error is that of a load
// with too many different names.
func Fit(record []byte, s *dataset.Schema, l Limits) (id string, named bool, lacks []dataset.Field, err error) {
	o := openObject(record)
	defer o.close()
	if s.IDField != "" {
		id, named = o.id(s.IDField)
	}
	lacks, err = newFieldsOf(o, s, l.withDefaults().MaxFields)
	return id, named, lacks, err
}

func newFieldsOf(o object, s *dataset.Schema, most int) ([]dataset.Field, error) {
	n := newFields{schema: s, most: most}
	if !s.Features {
		n.members(o, false)
		return n.within()
	}
	// As in a load: see dataset.Schema.Features.
	id := o.value("id")
	n.add([]byte(`"id"`), id)
	if properties := o.value("properties"); len(properties) > 0 && properties[0] == '{' {
		inside := openObject(properties)
		defer inside.close()
		n.members(inside, id != nil)
	}
	return n.within()
}

type newFields struct {
	schema *dataset.Schema
	most   int // fields that the schema may have in the end
	next   int // where in the schema the next member is expected
	fields []dataset.Field
}

// members looks at those of an object, of a Feature's properties without what its own
// members hide.
func (n *newFields) members(o object, idHidden bool) {
	for _, m := range o.scanner.members {
		if len(n.schema.Fields)+len(n.fields) > n.most {
			return // within says so
		}
		key := o.text[m.key:m.keyEnd]
		if n.schema.Features && (string(key) == `"geometry"` || idHidden && string(key) == `"id"`) {
			continue
		}
		n.add(key, o.text[m.value:m.valueEnd])
	}
}

func (n *newFields) add(key, value []byte) {
	if len(value) == 0 || value[0] == 'n' {
		return
	}
	fields := n.schema.Fields
	// The fields of most records come in the schema's order.
	if n.next < len(fields) && string(key[1:len(key)-1]) == fields[n.next].Name {
		n.next++
		return
	}
	name := string(unquote(key, nil))
	for i := range fields {
		if fields[i].Name == name {
			n.next = i + 1
			return
		}
	}
	n.fields = append(n.fields, dataset.Field{Name: name, Type: typeByKind(value), Nullable: true})
}

func typeByKind(value []byte) dataset.Type {
	switch value[0] {
	case '"':
		return dataset.Text
	case 't', 'f':
		return dataset.Boolean
	case '{', '[':
		return dataset.JSON
	}
	return dataset.Number
}

func (n *newFields) within() ([]dataset.Field, error) {
	if len(n.fields) == 0 || len(n.schema.Fields)+len(n.fields) <= n.most {
		return n.fields, nil
	}
	return nil, &dataset.Error{
		Code:    dataset.TooLarge,
		Message: fmt.Sprintf("with this record the records have more than %s different field names", thousands(n.most)),
		Remedy:  "put names that vary inside one member",
		Places:  []dataset.Place{{Pointer: "/" + escapePointer(n.fields[0].Name), Detail: "a new field"}},
	}
}
