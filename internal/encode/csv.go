package encode

import (
	"bytes"
	"slices"

	"landings/internal/dataset"
)

// tableForm is [CSV]: a column for each field, in the order of the schema. Texts
// stand as they are, other values as their JSON; null and what is missing are
// empty.
type tableForm struct {
	schema  *dataset.Schema
	columns []string
	cells   [][]byte // of the record in work
}

func newTableForm(p projection) *tableForm {
	f := &tableForm{schema: p.schema}
	for _, field := range p.schema.Fields {
		if p.fields == nil || slices.Contains(p.fields, field.Name) {
			f.columns = append(f.columns, field.Name)
		}
	}
	f.cells = make([][]byte, len(f.columns))
	return f
}

func (f *tableForm) Open(b []byte, _ Head) []byte {
	for i, name := range f.columns {
		f.cells[i] = []byte(name)
	}
	return f.line(b)
}

func (f *tableForm) Record(b []byte, r dataset.Record, _ bool, _ float64) []byte {
	clear(f.cells)
	if f.schema.Features {
		for s := newScanner(r.JSON); s.next(); {
			switch {
			case s.named("properties") && s.value[0] == '{':
				f.fill(s.value, true)
			case s.named("geometry"), s.named("id"):
				f.put(&s, 0)
			}
		}
	} else {
		f.fill(r.JSON, false)
	}
	return f.line(b)
}

func (*tableForm) Close(b []byte) []byte { return b }

// fill takes an object's members into the cells. Of a Feature's properties, those
// that are called like members of the Feature itself are hidden.
func (f *tableForm) fill(object []byte, hidden bool) {
	column := 0 // members mostly come in the order of the columns
	for s := newScanner(object); s.next(); {
		if hidden && (s.named("geometry") || s.named("id")) {
			continue
		}
		column = f.put(&s, column)
	}
}

// put takes a member into its cell, looking from a column on, and gives the column
// after it.
func (f *tableForm) put(s *scanner, from int) int {
	for i := range f.columns {
		at := from + i
		if at >= len(f.columns) {
			at -= len(f.columns)
		}
		if s.named(f.columns[at]) {
			f.cells[at] = nil
			if s.value[0] != 'n' {
				f.cells[at] = text(s.value)
			}
			return (at + 1) % len(f.columns)
		}
	}
	return from
}

func (f *tableForm) line(b []byte) []byte {
	for i, cell := range f.cells {
		if i > 0 {
			b = append(b, ',')
		}
		switch {
		case len(cell) == 0 && len(f.cells) == 1:
			b = append(b, `""`...) // readers take an empty line for none
		case bytes.ContainsAny(cell, "\",\r\n"):
			b = append(b, '"')
			for _, c := range cell {
				if c == '"' {
					b = append(b, '"')
				}
				b = append(b, c)
			}
			b = append(b, '"')
		default:
			b = append(b, cell...)
		}
	}
	return append(b, '\r', '\n')
}
