package encode

import "landings/internal/dataset"

// listForm is [JSON].
type listForm struct{ projection }

func (listForm) Open(b []byte, _ Head) []byte { return append(b, '[') }

func (f listForm) Record(b []byte, r dataset.Record, first bool, _ float64) []byte {
	if !first {
		b = append(b, dataset.Separator...)
	}
	return f.record(b, r.JSON)
}

func (listForm) Close(b []byte) []byte { return append(b, ']') }
