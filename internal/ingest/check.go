package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"landings/internal/dataset"
)

// fault is what is wrong with one JSON value.
type fault struct {
	offset  int    // in the value
	pointer string // from the value
	detail  string
	tooBig  bool // beyond a limit rather than malformed
	// syntax: the text is not JSON, so that the value's end is a guess. Otherwise
	// it is JSON that is not allowed here: names twice in an object, invalid UTF-8.
	syntax bool
}

// notUTF8 is the detail of that fault, as the library words it.
const notUTF8 = "invalid UTF-8"

// saveAsUTF8 is what to do about a file in another encoding.
const saveAsUTF8 = "save the file as UTF-8 (where it is Latin-1: iconv -f latin1 -t utf-8 FILE)"

// diagnose says what is wrong with text, which should be one JSON value; nil when
// nothing is.
func diagnose(text []byte) *fault {
	d := jsontext.NewDecoder(bytes.NewReader(text))
	_, err := d.ReadValue()
	if err == nil {
		end := d.InputOffset()
		if _, err = d.ReadToken(); err == io.EOF {
			return nil
		}
		end += int64(len(text[end:]) - len(bytes.TrimLeft(text[end:], space)))
		return &fault{offset: int(end), detail: "there is more text after the value", syntax: true}
	}
	f := &fault{offset: len(text), detail: "the JSON ends in the middle of a value", syntax: true}
	serr, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok {
		return f // io.EOF: nothing but white space
	}
	f.offset = min(int(serr.ByteOffset), len(text))
	f.pointer = string(serr.JSONPointer)
	switch {
	case errors.Is(serr.Err, jsontext.ErrDuplicateName):
		f.detail = fmt.Sprintf("the name %q occurs twice in one object", dataset.Excerpt(serr.JSONPointer.LastToken()))
	case errors.Is(serr.Err, io.ErrUnexpectedEOF):
	case serr.Err != nil:
		f.detail = strings.TrimPrefix(serr.Err.Error(), "jsontext: ")
	}
	f.syntax = !jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	return f
}

// checkScanned gives what forbids a value that s has scanned, nil when nothing does.
func checkScanned(value []byte, s *scanner, l Limits) *fault {
	switch {
	case len(value) > l.MaxRecordBytes:
		return tooLong(l)
	case s.depth > l.MaxDepth:
		return &fault{tooBig: true, detail: fmt.Sprintf("objects and lists are nested %d deep, the limit is %d", s.depth, l.MaxDepth)}
	case !s.valid && !jsontext.Value(value).IsValid():
		return diagnose(value)
	}
	return nil
}

func tooLong(l Limits) *fault {
	return &fault{tooBig: true, detail: fmt.Sprintf("longer than %s bytes", thousands(l.MaxRecordBytes))}
}

func (f *fault) code() dataset.Code {
	if f.tooBig {
		return dataset.TooLarge
	}
	return dataset.Invalid
}

// CheckRecord says whether json can be a record: one JSON object in valid UTF-8,
// with no name twice in any object, within the limits of depth and size (zero
// ones take their defaults). White space around it is allowed here; take it away
// before storing. The error is a [dataset.Error] with one place.
func CheckRecord(json []byte, l Limits) error {
	l = l.withDefaults()
	f := checkRecord(json, l)
	if f == nil {
		return nil
	}
	return f.asError(json, "this cannot be a record", "send one JSON object")
}

// asError says that a text is bad, and where.
func (f *fault) asError(text []byte, message, remedy string) error {
	before := text[:f.offset]
	if f.tooBig {
		remedy = "make several records of it, or leave out what is long or deep"
	}
	return &dataset.Error{
		Code:    f.code(),
		Message: message,
		Remedy:  remedy,
		Places: []dataset.Place{{
			Line:    1 + bytes.Count(before, newline),
			Column:  f.offset - bytes.LastIndexByte(before, '\n'),
			Pointer: f.pointer,
			Detail:  f.detail,
		}},
	}
}

func checkRecord(json []byte, l Limits) *fault {
	start, body := trim(json)
	f := checkText(body, l)
	if f == nil && body[0] != '{' {
		f = &fault{detail: "a record is an object, this is " + kindOf(body)}
	}
	if f != nil {
		f.offset += start
	}
	return f
}

// trim takes JSON's white space away, and says how much of it was in front.
func trim(text []byte) (start int, body []byte) {
	body = bytes.TrimLeft(text, space)
	start = len(text) - len(body)
	return start, bytes.TrimRight(body, space)
}

const space = " \t\r\n"

// checkText gives what forbids a text, without white space around it, to be a
// JSON value within the limits.
func checkText(body []byte, l Limits) *fault {
	if len(body) == 0 {
		return &fault{detail: "there is no text"}
	}
	s := scanners.Get().(*scanner)
	defer scanners.Put(s)
	s.scan(body)
	return checkScanned(body, s, l)
}

// kindOf names the kind of a JSON value with its article.
func kindOf(value []byte) string {
	switch value[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// valueOf gives the raw value of a field of a valid record, nil when missing.
func valueOf(json []byte, field string) []byte {
	o := openObject(json)
	defer o.close()
	return o.field(field)
}

// id gives the id that a record has in a field: the text of a string, or
// a number as it is spelled. There is none where the member is missing or is
// anything else. Of a GeoJSON Feature, the field "id" is the Feature's own id, or
// else the property of this name; every other field is a property.
func (o object) id(field string) (id string, ok bool) {
	text, ok := idText(o.field(field))
	return string(text), ok
}

// field gives the raw value of a field of a record, nil when missing.
func (o object) field(field string) []byte {
	top := o.value(field)
	if !o.isFeature() || field == "id" && top != nil {
		return top
	}
	return lookup(o.value("properties"), field)
}

func isFeature(json []byte) bool {
	o := openObject(json)
	defer o.close()
	return o.isFeature()
}

// lookup gives the raw value of a member of a valid JSON value, nil when it is no
// object or has no such member.
func lookup(json []byte, name string) []byte {
	o := openObject(json)
	defer o.close()
	return o.value(name)
}

// object is a valid JSON object whose members were found.
type object struct {
	text    []byte
	scanner *scanner
}

// scanners are those that are not in use: the list of members is longer than the work
// with it is.
var scanners = sync.Pool{New: func() any { return new(scanner) }}

// openObject gives the object that a valid JSON value is; one without members where
// it is none. It has to be closed.
func openObject(json []byte) object {
	o := object{bytes.TrimSpace(json), scanners.Get().(*scanner)}
	if len(o.text) > 0 && o.text[0] == '{' {
		o.scanner.scan(o.text)
	} else {
		o.scanner.members = o.scanner.members[:0]
	}
	return o
}

func (o object) close() { scanners.Put(o.scanner) }

// value gives the raw value of a member, nil when missing.
func (o object) value(name string) []byte {
	for _, m := range o.scanner.members {
		if string(unquote(o.text[m.key:m.keyEnd], nil)) == name {
			return o.text[m.value:m.valueEnd]
		}
	}
	return nil
}

func (o object) isFeature() bool {
	return string(o.value("type")) == `"Feature"` && o.value("properties") != nil
}

// unquote gives the text of a valid JSON string, in scratch where it has escapes.
func unquote(quoted, scratch []byte) []byte {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	text, _ := jsontext.AppendUnquote(scratch[:0], quoted)
	return text
}

// idText gives the text of an id value: not empty, and not another kind of value.
func idText(value []byte) ([]byte, bool) {
	if len(value) == 0 {
		return nil, false
	}
	switch c := value[0]; {
	case c == '"':
		text := unquote(value, nil)
		return text, len(text) > 0
	case c == '-' || c >= '0' && c <= '9':
		return value, true
	}
	return nil, false
}
