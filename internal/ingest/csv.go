package ingest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"landings/internal/dataset"
)

// table reads CSV as RFC 4180 has it: fields separated by commas, rows ended by LF
// or CRLF (the last one may be unended), fields in quotes where they hold any of
// these or a quote, which is then doubled. A blank line is no row.
type table struct {
	in *input
	c  *collector

	cells   []cell
	scratch []byte // what fields with doubled quotes are without the doubling

	names  []string
	keys   [][]byte // ","name":" for each column; the first without what ends the value before
	fields []*field
}

// cell is a field of the row in work: a piece of the unread input or, where
// unescaped, of the scratch.
type cell struct {
	start, end int
	unescaped  bool
}

// rowFault is a row that breaks the rules, at an offset from its beginning.
type rowFault struct{ fault }

func (f *rowFault) Error() string { return f.detail }

// readCSV reads a table. A header without rows is one of no records, but where the
// format was only guessed it is any line of text with a comma.
func readCSV(in *input, c *collector, guessed bool) error {
	t := &table{in: in, c: c}
	if err := t.header(); err != nil {
		return err
	}
	for {
		n, err := t.row()
		if err == io.EOF && guessed && c.number == 0 {
			return &dataset.Error{
				Code:    dataset.Invalid,
				Message: "the input is one line of text, \"" + dataset.Excerpt(strings.Join(t.names, ",")) + "\", which could be a CSV header without rows",
				Remedy:  "send the rows with it; to load no records, say the format: format=csv, --format csv or the type text/csv",
			}
		}
		if err == io.EOF {
			return nil
		}
		if f, ok := errors.AsType[*rowFault](err); ok {
			if err := c.begin(); err != nil {
				return err
			}
			t.reject(&f.fault, t.lineEnd(n))
			// Where the row ends cannot be known; its first line's end is the nearest place
			// where good rows may begin. Nothing is looked at more than twice for this: a
			// quote that opens a field inside what was looked at would have closed it.
			if err := in.drop('\n'); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if n > 0 && len(t.cells) > 0 {
			if err := c.begin(); err != nil {
				return err
			}
			if err := t.record(n); err != nil {
				return err
			}
		}
		in.pos += n
	}
}

// text gives what a cell of a row holds.
func (t *table) text(row []byte, c cell) []byte {
	if c.unescaped {
		row = t.scratch
	}
	return row[c.start:c.end]
}

func (t *table) reject(f *fault, n int) {
	line, column := t.in.at(f.offset)
	t.c.reject(f.code(), dataset.Place{Line: line, Column: column, Record: t.c.number, Pointer: f.pointer, Detail: f.detail},
		bytes.TrimRight(t.in.rest()[:n], "\r\n"))
}

// lineEnd gives where the line ends in which a row was found to be bad after n bytes, as
// far as it is kept: what was looked at is a record cut off in the middle.
func (t *table) lineEnd(n int) int {
	for n < maxKept+utf8.UTFMax {
		rest := t.in.rest()[n:]
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			return n + i
		}
		if n += len(rest); t.in.more() != nil {
			break // the reader of the next row says what it is
		}
	}
	return n
}

// row finds the cells of the next row, none for a blank line, and gives its
// length; io.EOF when there is nothing more. With a rowFault, the length is that
// of what was looked at.
func (t *table) row() (int, error) {
	for {
		n, f := t.parse(t.in.rest(), t.in.eof)
		if f == nil && n >= 0 {
			if n == 0 {
				return 0, io.EOF
			}
			if n-2 > t.in.max {
				return n, &rowFault{fault: *tooLong(t.c.limits)}
			}
			return n, nil
		}
		if f != nil {
			return n, f
		}
		switch err := t.in.grow(); {
		case err == errTooLong:
			f := &rowFault{fault: *tooLong(t.c.limits)}
			if last := len(t.cells) - 1; last >= 0 && t.cells[last].end < 0 {
				f.offset = t.cells[last].start - 1
				f.detail = "this quote is not closed within " + thousands(t.c.limits.MaxRecordBytes) + " bytes"
			}
			return len(t.in.rest()), f
		case err != nil && err != io.EOF:
			return 0, err
		}
	}
}

// parse finds the cells of the row at the beginning of b, -1 when b ends before
// it does. In that case, a last cell with a negative end is one whose quote is open.
func (t *table) parse(b []byte, whole bool) (int, *rowFault) {
	t.cells = t.cells[:0]
	t.scratch = t.scratch[:0]
	switch {
	case len(b) == 0 && whole:
		return 0, nil
	case len(b) > 0 && b[0] == '\n':
		return 1, nil
	case len(b) > 1 && b[0] == '\r' && b[1] == '\n':
		return 2, nil
	}
	i := 0
	for {
		var c cell
		if i < len(b) && b[i] == '"' {
			open := i
			c.start = i + 1
			t.cells = append(t.cells, cell{start: c.start, end: -1})
			from := c.start
			for {
				q := bytes.IndexByte(b[from:], '"')
				if q < 0 {
					if whole {
						return len(b), &rowFault{fault{offset: open, detail: "this quote is not closed before the end of the input"}}
					}
					return -1, nil
				}
				q += from
				if q+1 == len(b) && !whole {
					return -1, nil
				}
				if q+1 < len(b) && b[q+1] == '"' {
					if !c.unescaped {
						c = cell{start: len(t.scratch), unescaped: true}
						from = open + 1
					}
					t.scratch = append(t.scratch, b[from:q+1]...)
					from = q + 2
					continue
				}
				if c.unescaped {
					t.scratch = append(t.scratch, b[from:q]...)
					c.end = len(t.scratch)
				} else {
					c.end = q
				}
				i = q + 1
				break
			}
			t.cells[len(t.cells)-1] = c
			if i < len(b) && b[i] != ',' && b[i] != '\n' && b[i] != '\r' {
				return i, &rowFault{fault: fault{offset: i, detail: "there is text after the closing quote; a quote inside a field is written as two"}}
			}
		} else {
			c.start = i
			if i = plainEnd(b, i); i < len(b) && b[i] == '"' {
				return i, &rowFault{fault: fault{offset: i, detail: "a quote in a field that does not begin with one; write the field in quotes, and the quote as two"}}
			}
			c.end = i
			t.cells = append(t.cells, c)
		}
		switch {
		case i == len(b) && whole:
			return i, nil
		case i == len(b), b[i] == '\r' && i+1 == len(b) && !whole:
			return -1, nil
		case b[i] == '\n':
			return i + 1, nil
		case b[i] == '\r':
			if i+1 == len(b) || b[i+1] != '\n' {
				return i, &rowFault{fault: fault{offset: i, detail: "a carriage return without a line feed; write the field in quotes, or end rows with LF or CRLF"}}
			}
			return i + 2, nil
		}
		i++
	}
}

// plainEnd gives where the next comma, quote, line feed or carriage return is, from
// b[i] on; len(b) when there is none.
func plainEnd(b []byte, i int) int {
	for ; len(b)-i >= 8; i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		if stop := zeros(w^eachByte*',') | zeros(w^eachByte*'"') | zeros(w^eachByte*'\n') | zeros(w^eachByte*'\r'); stop != 0 {
			return i + bits.TrailingZeros64(stop)/8
		}
	}
	for i < len(b) && b[i] != ',' && b[i] != '"' && b[i] != '\n' && b[i] != '\r' {
		i++
	}
	return i
}

// header reads the columns' names.
func (t *table) header() error {
	var n int
	for {
		var err error
		if n, err = t.row(); err == io.EOF {
			return t.badHeader(0, "the CSV has no header")
		} else if f, ok := errors.AsType[*rowFault](err); ok {
			return t.badHeader(f.offset, f.detail)
		} else if err != nil {
			return err
		}
		if len(t.cells) > 0 {
			break
		}
		t.in.pos += n
	}
	if len(t.cells) > t.c.limits.MaxFields {
		return &dataset.Error{
			Code:    dataset.TooLarge,
			Message: fmt.Sprintf("the CSV has %s columns, the limit is %s", thousands(len(t.cells)), thousands(t.c.limits.MaxFields)),
			Remedy:  "leave columns out",
		}
	}
	seen := map[string]int{}
	for i, cell := range t.cells {
		name := string(t.text(t.in.rest(), cell))
		offset := t.offset(i)
		switch first, twice := seen[name]; {
		case !utf8.ValidString(name):
			e := t.badHeader(offset, fmt.Sprintf("the name of column %d is not valid UTF-8", i+1))
			e.Remedy = saveAsUTF8
			return e
		case name == "":
			return t.badHeader(offset, fmt.Sprintf("column %d has no name", i+1))
		case twice:
			return t.badHeader(offset, fmt.Sprintf("column %d has the name of column %d, %q", i+1, first, dataset.Excerpt(name)))
		}
		if len(t.cells) == 1 && strings.ContainsAny(name, ";\t|") {
			return t.badHeader(offset, "there is one column, and its name looks like several with another separator than the comma")
		}
		seen[name] = i + 1
		key, err := jsontext.AppendQuote(nil, name)
		if err != nil {
			return t.badHeader(offset, err.Error())
		}
		t.names = append(t.names, name)
		fl, err := t.c.newField(name, key)
		if err != nil {
			return err
		}
		t.fields = append(t.fields, fl)
		if i > 0 {
			key = append([]byte{'"', ','}, key...)
		}
		t.keys = append(t.keys, append(key, ':', '"'))
	}
	t.in.pos += n
	return nil
}

// offset gives where cell i begins, from the beginning of the row. Its quote
// counts as part of it.
func (t *table) offset(i int) int {
	n := 0
	b := t.in.rest()
	for ; i > 0; i-- {
		if quoted := b[n] == '"'; quoted {
			for n++; ; n++ {
				if b[n] == '"' {
					if n+1 == len(b) || b[n+1] != '"' {
						break
					}
					n++
				}
			}
		}
		for b[n] != ',' {
			n++
		}
		n++
	}
	return n
}

func (t *table) badHeader(offset int, detail string) *dataset.Error {
	line, column := t.in.at(offset)
	return &dataset.Error{
		Code:    dataset.Invalid,
		Message: "the CSV's header cannot be read",
		Remedy:  "the first row must give each column a name of its own, separated by commas",
		Places:  []dataset.Place{{Line: line, Column: column, Detail: detail}},
	}
}

// record makes an object of the row in work, n bytes long.
func (t *table) record(n int) error {
	row := t.in.rest()[:n]
	c := t.c
	if len(t.cells) != len(t.names) {
		f := &fault{detail: fmt.Sprintf("the row has %d fields, the header has %d", len(t.cells), len(t.names))}
		if len(t.cells) > len(t.names) {
			f.offset = t.offset(len(t.names))
		} else {
			f.offset = len(bytes.TrimRight(row, "\r\n"))
		}
		t.reject(f, n)
		return nil
	}
	if !utf8.Valid(row) {
		t.reject(&fault{offset: invalidAt(row), detail: notUTF8}, n)
		return nil
	}
	text := c.text
	if len(c.ends) > 0 {
		text = append(text, dataset.Separator...)
	}
	start := len(text)
	text = append(text, '{')
	for i, cell := range t.cells {
		text = append(text, t.keys[i]...)
		text = appendEscaped(text, t.text(row, cell))
	}
	text = append(text, '"', '}')
	if len(text)-start > c.limits.MaxRecordBytes {
		t.reject(tooLong(c.limits), n)
		return nil
	}
	c.text = text
	c.startRecord()
	for i, cell := range t.cells {
		text := t.text(row, cell)
		fl := t.fields[i]
		if fl.id != nil {
			fl.id.text, fl.id.ok = text, len(text) > 0
		}
		if len(text) > 0 {
			fl.text(text)
		}
	}
	if err := c.endRecord(); err != nil {
		return err
	}
	c.kept(t.in.here())
	return nil
}

// appendEscaped appends valid UTF-8 as the inside of a JSON string, escaping only
// what must be.
func appendEscaped(dst, text []byte) []byte {
	const hex = "0123456789abcdef"
	done := 0
	for i := 0; i < len(text); i++ {
		for len(text)-i >= 8 && special(binary.LittleEndian.Uint64(text[i:])) == 0 {
			i += 8
		}
		if i == len(text) {
			break
		}
		b := text[i]
		if b >= ' ' && b != '"' && b != '\\' {
			continue
		}
		dst = append(dst, text[done:i]...)
		done = i + 1
		switch b {
		case '"', '\\':
			dst = append(dst, '\\', b)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[b>>4], hex[b&15])
		}
	}
	return append(dst, text[done:]...)
}

// invalidAt gives the offset of the first byte that is not UTF-8.
func invalidAt(b []byte) int {
	i := 0
	for i < len(b) {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		i += n
	}
	return i
}
