package encode

import (
	"bytes"

	"landings/internal/dataset"
)

// linesForm is [NDJSON]. The line feeds between the members of a record that came
// with such become spaces; nothing else of it changes.
type linesForm struct{ projection }

func (linesForm) Open(b []byte, _ Head) []byte { return b }

func (f linesForm) Record(b []byte, r dataset.Record, _ bool, _ float64) []byte {
	start := len(b)
	b = oneLine(f.record(b, r.JSON), start)
	return append(b, '\n')
}

func (linesForm) Close(b []byte) []byte { return b }

// oneLine makes spaces of the line ends in b from start on. In valid JSON they
// stand between tokens only.
func oneLine(b []byte, start int) []byte {
	rest := b[start:]
	for {
		i := bytes.IndexAny(rest, "\n\r")
		if i < 0 {
			return b
		}
		rest[i] = ' '
		rest = rest[i+1:]
	}
}
