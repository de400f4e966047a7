package ingest

import (
	"bytes"
	"fmt"
	"io"

	"landings/internal/dataset"
)

// recordSeparator precedes each record of a JSON text sequence (RFC 7464, RFC 8142).
const recordSeparator = 0x1e

// readLines reads one object a line, or, where the input begins with a record
// separator, one after each of these. Both can be read on after a bad record.
func readLines(in *input, c *collector) error {
	r := &reader{in: in, c: c}
	end := byte('\n')
	if first, err := in.skipSpace(); err != nil && err != io.EOF {
		return err
	} else if first == recordSeparator {
		end = recordSeparator
		in.pos++
	}
	for {
		line, advance, err := in.piece(end)
		switch {
		case err == errTooLong:
			if err := c.begin(); err != nil {
				return err
			}
			at, column := in.at(0)
			f := tooLong(c.limits)
			c.reject(f.code(), dataset.Place{Line: at, Column: column, Record: c.number, Detail: f.detail}, line)
			if err := in.drop(end); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		case advance == 0:
			return nil
		}
		body := bytes.TrimRight(line, " \t\r\n")
		lead := len(body) - len(bytes.TrimLeft(body, " \t\r\n"))
		body = body[lead:]
		in.pos += lead
		if len(body) > 0 {
			if err := c.begin(); err != nil {
				return err
			}
			n := r.scan.scan(body)
			var f *fault
			if n != len(body) {
				if f = diagnose(body); f != nil && f.offset >= len(body) {
					f.detail = fmt.Sprintf("the %s ends in the middle of a value", unit(end))
				}
			}
			if f == nil {
				f = checkScanned(body, &r.scan, c.limits)
			}
			if err := r.record(body, f, c.place); err != nil {
				return err
			}
		}
		in.pos += advance - lead
	}
}

func unit(end byte) string {
	if end == '\n' {
		return "line"
	}
	return "record"
}
