package encode

import "landings/internal/dataset"

// sequenceForm is [GeoJSONSeq]: each Feature stands between a record separator
// (0x1e) and a line feed, so that a reader sees where one was cut.
type sequenceForm struct{ features }

func (sequenceForm) Open(b []byte, _ Head) []byte { return b }

func (f sequenceForm) Record(b []byte, r dataset.Record, _ bool, distance float64) []byte {
	b = f.feature(append(b, 0x1e), r, distance)
	return append(b, '\n')
}

func (sequenceForm) Close(b []byte) []byte { return b }
