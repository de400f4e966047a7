package ingest

import (
	"errors"
	"fmt"
	"io"

	"landings/internal/dataset"
	"landings/internal/geo"
)

// reader reads one JSON text. Its records lie in the input's buffer while they
// are looked at.
type reader struct {
	in   *input
	c    *collector
	scan scanner
}

// syntaxRemedy goes with the faults that end the reading of a JSON text.
const syntaxRemedy = "correct it there: what follows such a place in a JSON file cannot be read, not even with on_error=skip; NDJSON and CSV can"

// readJSON reads a list of records, or an object that holds exactly one list.
func readJSON(in *input, c *collector) error {
	r := &reader{in: in, c: c}
	first, err := in.skipSpace()
	if err != nil && err != io.EOF {
		return err
	}
	switch first {
	case '[':
		if err := r.list(); err != nil {
			return err
		}
	case '{':
		if err := r.object(); err != nil {
			return err
		}
	default:
		if _, _, err := r.value(); err != nil {
			return err
		}
		line, column := in.at(0)
		return &dataset.Error{
			Code:    dataset.Invalid,
			Message: "the JSON holds no records: it is " + kindOf(in.rest()),
			Remedy:  "send a list of objects, or an object with one list of them",
			Places:  []dataset.Place{{Line: line, Column: column, Detail: "a list or an object is expected"}},
		}
	}
	return r.end()
}

// end makes sure that nothing follows.
func (r *reader) end() error {
	c, err := r.in.skipSpace()
	if err == io.EOF {
		return nil
	}
	if err != nil {
		return err
	}
	e := r.broken("there is more text after the end of the JSON value")
	if c == '{' || c == '[' {
		e.Remedy = "JSON is one value; for one object a line, say the format ndjson (application/x-ndjson)"
	}
	return e
}

// broken is the error for JSON that is none, at what is unread.
// What was found to be wrong before is listed first.
func (r *reader) broken(detail string) *dataset.Error {
	return r.brokenAt(0, "", detail)
}

func (r *reader) brokenAt(offset int, pointer, detail string) *dataset.Error {
	line, column := r.in.at(offset)
	e := &dataset.Error{Code: dataset.Invalid, Message: "the JSON is broken", Remedy: syntaxRemedy}
	e.Places = append(e.Places, r.c.places...)
	e.Places = append(e.Places, dataset.Place{Line: line, Column: column, Record: r.c.number, Pointer: pointer, Detail: detail})
	e.Total = len(r.c.places) + 1
	if !r.c.options.SkipBad {
		e.Total = r.c.rejectedTotal + 1
	}
	return e
}

// value makes sure that the next value lies in the buffer, and gives it. It is
// checked: a fault that is no syntax error is returned as such.
func (r *reader) value() ([]byte, *fault, error) {
	for {
		n := -1
		if len(r.in.rest()) > 0 {
			n = r.scan.scan(r.in.rest())
		}
		if n == 0 {
			return nil, nil, r.brokenAt(0, r.c.place(""), "a value is expected here")
		}
		if n > 0 {
			value := r.in.rest()[:n]
			f := checkScanned(value, &r.scan, r.c.limits)
			if f != nil && f.syntax {
				return nil, nil, r.syntax(f)
			}
			return value, f, nil
		}
		switch err := r.in.grow(); {
		case err == nil:
		case err == io.EOF, err == errTooLong:
			// The end was not found: because of an earlier fault, or the input ends, or
			// the value is too long.
			rest := r.in.rest()
			f := diagnose(rest)
			if f == nil {
				return rest, nil, nil // a number or a literal that ends with the input
			}
			if err == errTooLong && f.offset >= len(rest)-utf8Slack {
				f = tooLong(r.c.limits)
				line, column := r.in.at(0)
				return nil, nil, &dataset.Error{
					Code:    dataset.TooLarge,
					Message: "a value of the JSON is too long",
					Remedy:  "make several records of it, or leave long members out",
					Places:  []dataset.Place{{Line: line, Column: column, Record: r.c.number, Pointer: r.c.place(""), Detail: f.detail}},
				}
			}
			return nil, nil, r.syntax(f)
		default:
			return nil, nil, err
		}
	}
}

// utf8Slack is how far before the end of a cut text a fault may be its being cut.
const utf8Slack = 4

func (r *reader) syntax(f *fault) error {
	if f.offset >= len(r.in.rest()) && r.in.eof {
		f.detail = "the input ends in the middle of a value"
	}
	return r.brokenAt(f.offset, r.c.place(f.pointer), f.detail)
}

// list reads the list that begins here: its elements are the records.
func (r *reader) list() error {
	in, c := r.in, r.c
	c.listed = true
	in.pos++
	for first := true; ; first = false {
		next, err := in.skipSpace()
		if err == io.EOF {
			return r.cut("list")
		} else if err != nil {
			return err
		}
		if next == ']' && first {
			in.pos++
			return nil
		}
		if err := c.begin(); err != nil {
			return err
		}
		if next == ']' || next == ',' || next == '}' {
			return r.brokenAt(0, c.place(""), "a record is expected here")
		}
		value, f, err := r.value()
		if err != nil {
			return err
		}
		if err := r.record(value, f, c.place); err != nil {
			return err
		}
		in.pos += len(value)
		next, err = in.skipSpace()
		if err == io.EOF {
			return r.cut("list")
		} else if err != nil {
			return err
		}
		in.pos++
		switch next {
		case ',':
		case ']':
			return nil
		default:
			in.pos--
			return r.broken("a comma or the end of the list is expected after a record")
		}
	}
}

func (r *reader) cut(what string) error {
	e := r.broken("the input ends in the middle of the " + what)
	e.Remedy = "send the whole file"
	return e
}

// record looks at one element, which was scanned last and lies at the beginning
// of what is unread; where gives the pointer to what is inside it.
func (r *reader) record(value []byte, f *fault, where func(string) string) error {
	if f == nil && value[0] != '{' {
		f = &fault{detail: "a record is an object, this is " + kindOf(value)}
	}
	if f == nil && r.c.good == 0 && !r.c.features {
		r.c.features = isFeature(value)
	}
	if f == nil && r.c.features {
		f = checkFeature(value, r.scan.members)
	}
	if f != nil {
		line, column := r.in.at(f.offset)
		r.c.reject(f.code(), dataset.Place{Line: line, Column: column, Record: r.c.number, Pointer: where(f.pointer), Detail: f.detail}, value)
		return nil
	}
	if !r.scan.valid {
		r.scan.expect(value)
	}
	return r.c.object(value, r.scan.members, r.in.here())
}

// object reads the object that wraps the list of records.
func (r *reader) object() error {
	in, c := r.in, r.c
	in.pos++
	names := map[string]bool{}
	list := "" // the member that holds the records
	found := false
	feature := ""
	var crs error // of a FeatureCollection; that it is one may be said later
	for first := true; ; first = false {
		next, err := in.skipSpace()
		if err == nil && next == ',' && !first {
			in.pos++
			if next, err = in.skipSpace(); err == nil && next == '}' {
				return r.broken("a name is expected after a comma")
			}
		} else if err == nil && !first && next != '}' {
			return r.broken("a comma or the end of the object is expected here")
		}
		if err == io.EOF {
			return r.cut("object")
		} else if err != nil {
			return err
		}
		if next == '}' {
			in.pos++
			break
		}
		if next != '"' {
			return r.broken("a name in quotes is expected here")
		}
		c.pointer = ""
		outside := c.listed
		c.listed = false // the pointers of what follows do not lead into the list
		quoted, f, err := r.value()
		if err != nil {
			return err
		}
		if f != nil {
			return r.brokenAt(f.offset, f.pointer, f.detail)
		}
		name := string(unquote(quoted, nil))
		if names[name] {
			return r.broken(fmt.Sprintf("the name %q occurs twice in one object", dataset.Excerpt(name)))
		}
		if names[name] = true; len(names) > c.limits.MaxFields {
			return noList(fmt.Sprintf("the JSON object has more than %s members, so it cannot be a wrapper around a list", thousands(c.limits.MaxFields)))
		}
		in.pos += len(quoted)
		if next, err = in.skipSpace(); err == io.EOF {
			return r.cut("object")
		} else if err != nil {
			return err
		}
		if next != ':' {
			return r.broken("a colon is expected after a name")
		}
		in.pos++
		if next, err = in.skipSpace(); err == io.EOF {
			return r.cut("object")
		} else if err != nil {
			return err
		}
		c.listed = outside
		if next == '[' && name != "bbox" {
			switch {
			case feature == "FeatureCollection" && name != "features":
				// Foreign members of a FeatureCollection may be lists; they are no records.
			case found:
				return noList(fmt.Sprintf("the JSON object holds several lists, %q and %q, and it is not clear which one are the records", dataset.Excerpt(list), dataset.Excerpt(name)))
			default:
				found, list = true, name
				c.pointer = "/" + escapePointer(name)
				if err := r.list(); err != nil {
					return err
				}
				continue
			}
		}
		c.listed = false
		value, f, err := r.value()
		c.listed = outside
		if err != nil {
			return err
		}
		if f != nil {
			return r.brokenAt(f.offset, "/"+escapePointer(name)+f.pointer, f.detail)
		}
		if name == "crs" {
			if other := otherCRS(value); other != "" {
				line, column := in.at(0)
				crs = &dataset.Error{
					Code:    dataset.Invalid,
					Message: "the GeoJSON's coordinates are not longitudes and latitudes in degrees",
					Remedy:  "convert them with ogr2ogr -t_srs EPSG:4326, as RFC 7946 wants them; or take the member crs out if they are in degrees after all",
					Places:  []dataset.Place{{Line: line, Column: column, Pointer: "/crs", Detail: "they are in " + other}},
				}
			}
		}
		if name == "type" && value[0] == '"' {
			if feature = string(unquote(value, nil)); feature == "FeatureCollection" && !found {
				c.features = true
			}
		}
		in.pos += len(value)
	}
	if found && c.features && crs != nil {
		return crs
	}
	if found {
		c.pointer = "/" + escapePointer(list)
		return nil
	}
	if feature == "Feature" {
		return noList("the GeoJSON is a single Feature")
	}
	return noList("the JSON holds no records: it is an object without a list")
}

// otherCRS names the reference system that a member crs (of GeoJSON as it was in 2008)
// says, where that is another than RFC 7946's; "" where it is not.
func otherCRS(crs []byte) string {
	if crs[0] == 'n' {
		return ""
	}
	name := lookup(lookup(crs, "properties"), "name")
	if len(name) == 0 || name[0] != '"' {
		return dataset.Excerpt(string(crs))
	}
	switch name := string(unquote(name, nil)); name {
	case "urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:OGC::CRS84", "OGC:CRS84", "urn:ogc:def:crs:EPSG::4326", "EPSG:4326":
		return ""
	default:
		return dataset.Excerpt(name)
	}
}

func noList(message string) error {
	return &dataset.Error{
		Code:    dataset.Invalid,
		Message: message,
		Remedy:  "send a list of objects, or an object with one list of them, such as {\"records\": [...]}; for one object a line say the format ndjson",
	}
}

// CheckFeature says whether a valid record can stand among GeoJSON Features, as a load
// asks it of each. The error is a [dataset.Error] with one place.
func CheckFeature(record []byte) error {
	o := openObject(record)
	defer o.close()
	f := checkFeature(o.text, o.scanner.members)
	if f == nil {
		return nil
	}
	return &dataset.Error{
		Code:    f.code(),
		Message: "this cannot be a record among GeoJSON Features: " + f.detail,
		Remedy:  "send a Feature: {\"type\": \"Feature\", \"geometry\": ..., \"properties\": {...}}",
		Places:  []dataset.Place{{Pointer: f.pointer, Detail: f.detail}},
	}
}

// checkFeature says what forbids an object to be a GeoJSON Feature (RFC 7946, 3.2), which
// is what it will go out as. Members that it lacks are no fault.
func checkFeature(record []byte, members []member) *fault {
	typed := false
	for _, m := range members {
		var scratch [16]byte
		value := record[m.value:m.valueEnd]
		wrong := ""
		name := string(unquote(record[m.key:m.keyEnd], scratch[:0]))
		switch name {
		case "type":
			if typed = string(value) == `"Feature"`; !typed {
				wrong = "every element must have the type \"Feature\""
			}
		case "properties":
			if value[0] != '{' && value[0] != 'n' {
				wrong = "properties must be an object or null, this is " + kindOf(value)
			}
		case "geometry":
			if value[0] == 'n' {
				break
			}
			_, err := geo.ParseGeoJSON(value)
			if e, bad := errors.AsType[*geo.ParseError](err); bad {
				return &fault{offset: m.value + e.Offset, pointer: "/geometry" + e.Pointer, detail: e.Detail}
			}
		case "crs":
			if other := otherCRS(value); other != "" {
				wrong = "the coordinates are not in degrees but in " + other + "; convert them with ogr2ogr -t_srs EPSG:4326"
			}
		case "id":
			if c := value[0]; c == '{' || c == '[' || c == 't' || c == 'f' {
				wrong = "a Feature's id must be a string or a number, this is " + kindOf(value)
			}
		}
		if wrong != "" {
			return &fault{offset: m.value, pointer: "/" + name, detail: wrong}
		}
	}
	if !typed {
		return &fault{detail: "the object is no GeoJSON Feature: it has no member \"type\""}
	}
	return nil
}

// readGeoJSON reads a FeatureCollection, a list of Features, or a sequence of them.
func readGeoJSON(in *input, c *collector) error {
	first, err := in.skipSpace()
	if err != nil && err != io.EOF {
		return err
	}
	if first == recordSeparator {
		return readLines(in, c)
	}
	if first == '{' {
		// A sequence begins with a Feature, which is read twice for this.
		r := &reader{in: in, c: c}
		for r.scan.scan(in.rest()) < 0 && typeOf(in.rest(), r.scan.members) == "" {
			if err := in.grow(); err == io.EOF || err == errTooLong {
				break
			} else if err != nil {
				return err
			}
		}
		if typeOf(in.rest(), r.scan.members) == `"Feature"` {
			return readLines(in, c)
		}
	}
	return readJSON(in, c)
}

// typeOf gives the raw member "type" of an object that may be cut off.
func typeOf(object []byte, members []member) string {
	for _, m := range members {
		if string(object[m.key:m.keyEnd]) == `"type"` {
			return string(object[m.value:m.valueEnd])
		}
	}
	return ""
}
