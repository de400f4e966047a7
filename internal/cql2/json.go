package cql2

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"landings/internal/dataset"
)

// ParseJSON reads a filter as JSON, in UTF-8, without duplicate names. An error is
// a *[dataset.Error] with one place: the JSON Pointer of the value, what was
// expected there and what was found; where the JSON itself is broken the line and
// column too.
func ParseJSON(b []byte) (filter Expr, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failure:
			filter, err = nil, jsonError(r.remedy, dataset.Place{Pointer: pointer(b, r.at), Detail: r.detail})
		case syntaxFailure:
			filter, err = nil, syntaxError(b, r.err)
		default:
			panic(r)
		}
	}()
	if len(b) > MaxLength {
		failWith("make it shorter", 0, "the filter is longer than %d bytes", MaxLength)
	}
	p := jsonParser{src: string(b)}
	p.dec = jsontext.NewDecoder(bytes.NewBuffer(b))
	root := p.value()
	if _, err := p.dec.ReadToken(); err != io.EOF {
		if err == nil {
			fail(int(p.dec.InputOffset()), "expected the end after the filter")
		}
		panic(syntaxFailure{err})
	}
	wantBoolean(root)
	return root.expr, nil
}

// syntaxFailure is a failure that the decoder found.
type syntaxFailure struct{ err error }

func syntaxError(b []byte, err error) error {
	place := dataset.Place{Detail: "expected JSON, found the end"}
	at := len(b)
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		at = min(int(syntax.ByteOffset), len(b))
		place.Pointer = string(syntax.JSONPointer)
		place.Detail = syntax.Err.Error()
	}
	before := b[:at]
	place.Line = bytes.Count(before, []byte("\n")) + 1
	place.Column = at - bytes.LastIndexByte(before, '\n')
	return jsonError("", place)
}

func jsonError(remedy string, place dataset.Place) error {
	return &dataset.Error{
		Code:    dataset.Invalid,
		Message: "the filter is not valid CQL2 JSON",
		Remedy:  cmp.Or(remedy, `correct it there; a filter is such as {"op":"=","args":[{"property":"recclass"},"L6"]}`),
		Places:  []dataset.Place{place},
	}
}

// pointer finds the JSON Pointer of the value at an offset by reading once more
// up to there. Only errors need it, so the parser need not carry it along.
func pointer(b []byte, at int) string {
	dec := jsontext.NewDecoder(bytes.NewBuffer(b))
	for {
		if _, err := dec.ReadToken(); err != nil || int(dec.InputOffset()) > at {
			return string(dec.StackPointer())
		}
	}
}

// jsonParser reads the schema of annex C. Members may come in any order, so
// operands are read before it is known what they are operands of; the builder
// checks them afterwards.
type jsonParser struct {
	builder
	src string // the whole input, for numbers and coordinates without copies
	dec *jsontext.Decoder
}

// token reads one token and gives where it begins, -1 for those that are neither
// a brace nor a bracket.
func (p *jsonParser) token() int {
	t, err := p.dec.ReadToken()
	if err != nil {
		panic(syntaxFailure{err})
	}
	switch t.Kind() {
	case '{', '}', '[', ']':
		return int(p.dec.InputOffset()) - 1
	}
	return -1
}

// raw reads one value whole and gives it as it stands, and where.
func (p *jsonParser) raw() (string, int) {
	v, err := p.dec.ReadValue()
	if err != nil {
		panic(syntaxFailure{err})
	}
	end := int(p.dec.InputOffset())
	at := end - len(v)
	return p.src[at:end], at
}

// str reads a value that has to be a string.
func (p *jsonParser) str(expected string) (string, int) {
	kind := p.dec.PeekKind()
	v, err := p.dec.ReadValue()
	if err != nil {
		panic(syntaxFailure{err})
	}
	end := int(p.dec.InputOffset())
	at := end - len(v)
	if kind != '"' {
		fail(at, "expected %s, found %s", expected, kindName(kind))
	}
	if inner := p.src[at+1 : end-1]; !strings.Contains(inner, `\`) {
		return inner, at
	}
	text, err := jsontext.AppendUnquote(nil, v)
	if err != nil {
		panic(syntaxFailure{err})
	}
	return string(text), at
}

func kindName(k jsontext.Kind) string {
	switch k {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 'n':
		return "null"
	}
	return "a boolean"
}

// value reads any operand.
func (p *jsonParser) value() part {
	switch p.dec.PeekKind() {
	case '{':
		return p.object()
	case '[':
		at := 0
		items := p.list(func() part { return p.value() }, &at)
		a := p.array(at, items)
		a.items = items
		return a
	case '"':
		text, at := p.str("")
		return p.node(at, String{text}, 0)
	case '0':
		text, at := p.raw()
		return p.node(at, Number{text}, 0)
	case 't', 'f':
		text, at := p.raw()
		return p.node(at, Boolean{text == "true"}, 0)
	}
	_, at := p.raw()
	failWith(`write {"op": "isNull", "args": [...]} to ask for what has no value`, at, "expected an expression, found null")
	return part{}
}

// list reads a list and sets where it begins.
func (p *jsonParser) list(element func() part, at *int) []part {
	if k := p.dec.PeekKind(); k != '[' {
		_, here := p.raw()
		fail(here, "expected a list, found %s", kindName(k))
	}
	*at = p.token()
	p.enter(*at)
	var items []part
	for {
		switch p.dec.PeekKind() {
		case ']':
			p.token()
			p.leave()
			return items
		case 0:
			p.token() // fails: the JSON is broken here
		}
		items = append(items, element())
	}
}

// members is what an object of any meaning has; a bit in has says which.
type members struct {
	at       int
	has      member
	op       string
	opAt     int
	args     []part
	argsAt   int
	text     string // of property, date, timestamp or type
	textAt   int
	coordsAt int // these two are read when the type is known
	bboxAt   int
}

type member uint16

const (
	hasOp member = 1 << iota
	hasArgs
	hasProperty
	hasDate
	hasTimestamp
	hasInterval
	hasBBox
	hasType
	hasCoordinates
	hasGeometries
)

// object reads an object and makes what its members say it is.
func (p *jsonParser) object() part {
	var m members
	m.at = p.token()
	p.enter(m.at)
	for p.dec.PeekKind() != '}' {
		p.member(&m)
	}
	p.token()
	p.leave()
	switch m.has {
	case hasOp | hasArgs:
		return p.operation(&m)
	case hasProperty:
		return p.node(m.at, Property{m.text}, 0)
	case hasDate:
		return p.date(m.textAt, m.text)
	case hasTimestamp:
		return p.timestamp(m.textAt, m.text)
	case hasInterval:
		if len(m.args) != 2 {
			fail(m.argsAt, "expected the two ends of an interval, found %d", len(m.args))
		}
		return p.interval(m.at, m.args[0], m.args[1])
	case hasBBox:
		box := p.bbox(m.bboxAt, p.numbers(m.bboxAt))
		box.at = m.at
		return box
	case hasType | hasCoordinates, hasType | hasCoordinates | hasBBox,
		hasType | hasGeometries, hasType | hasGeometries | hasBBox:
		return p.geometry(&m)
	case hasOp:
		fail(m.at, `expected "args" beside "op"`)
	case hasArgs:
		fail(m.at, `expected "op" beside "args"`)
	}
	fail(m.at, `expected an object with "op" and "args", "property", "date", "timestamp", "interval", "bbox", or "type" and "coordinates"`)
	return part{}
}

func (p *jsonParser) member(m *members) {
	name, err := p.dec.ReadToken()
	if err != nil {
		panic(syntaxFailure{err})
	}
	switch n := name.String(); n {
	case "op":
		m.has |= hasOp
		m.op, m.opAt = p.str("the name of an operator or function")
	case "args":
		m.has |= hasArgs
		m.args = p.list(func() part { return p.value() }, &m.argsAt)
	case "property":
		m.has |= hasProperty
		m.text, m.textAt = p.str("the name of a property")
	case "date":
		m.has |= hasDate
		m.text, m.textAt = p.str("a date YYYY-MM-DD")
	case "timestamp":
		m.has |= hasTimestamp
		m.text, m.textAt = p.str("a timestamp YYYY-MM-DDThh:mm:ssZ")
	case "interval":
		m.has |= hasInterval
		m.args = p.list(p.end, &m.argsAt)
	case "bbox":
		m.has |= hasBBox
		_, m.bboxAt = p.raw()
	case "type":
		m.has |= hasType
		m.text, m.textAt = p.str("the type of a geometry")
	case "coordinates":
		m.has |= hasCoordinates
		_, m.coordsAt = p.raw()
	case "geometries":
		m.has |= hasGeometries
		m.args = p.list(func() part { return p.value() }, &m.argsAt)
	default:
		_, at := p.raw()
		fail(at, "CQL2 knows no member %q", dataset.Excerpt(n))
	}
}

// end is one end of an interval.
func (p *jsonParser) end() part {
	if p.dec.PeekKind() == '"' {
		text, at := p.str("")
		return p.bound(at, text)
	}
	return p.value()
}

// operation makes what an "op" says.
func (p *jsonParser) operation(m *members) part {
	o, ok := operators[strings.ToLower(m.op)]
	if !ok {
		return p.function(m.at, m.op, m.args)
	}
	if o.name != m.op {
		failWith(`write "`+o.name+`"`, m.opAt, "the operator %s is spelled otherwise", dataset.Excerpt(m.op))
	}
	args := m.args
	switch {
	case o.args > 0 && len(args) != o.args:
		fail(m.argsAt, "expected %d operands of %s, found %d", o.args, o.name, len(args))
	case len(args) < -o.args:
		fail(m.argsAt, "expected at least %d operands of %s, found %d", -o.args, o.name, len(args))
	}
	switch o.class {
	case classAnd:
		return p.and(m.at, args)
	case classOr:
		return p.or(m.at, args)
	case classNot:
		return p.not(m.at, args[0])
	case classComparison:
		return p.comparison(m.at, CompareOp(o.name), args[0], args[1])
	case classLike:
		return p.like(m.at, args[0], args[1])
	case classBetween:
		return p.between(m.at, args[0], args[1], args[2])
	case classIn:
		want(args[1], array, "a list")
		p.nodes-- // the list is no node of the tree
		return p.inList(m.at, args[0], args[1].items)
	case classIsNull:
		return p.isNull(m.at, args[0])
	case classCasei:
		return p.casei(m.at, args[0])
	case classAccenti:
		return p.accenti(m.at, args[0])
	case classArithmetic:
		return p.arithmetic(m.at, ArithmeticOp(o.name), args[0], args[1])
	case classSpatial:
		return p.spatial(m.at, SpatialOp(o.name), args[0], args[1])
	case classTemporal:
		return p.temporal(m.at, TemporalOp(o.name), args[0], args[1])
	}
	return p.arrays(m.at, ArrayOp(o.name), args[0], args[1])
}

// geometry makes a GeoJSON geometry (RFC 7946). A "bbox" beside the coordinates
// says nothing new and is left out.
func (p *jsonParser) geometry(m *members) part {
	if m.has&hasBBox != 0 {
		if n := p.numbers(m.bboxAt); len(n) != 4 && len(n) != 6 {
			fail(m.bboxAt, "expected 4 or 6 numbers in a bounding box, found %d", len(n))
		}
	}
	if m.text == "GeometryCollection" {
		if m.has&hasGeometries == 0 {
			fail(m.at, `expected "geometries" in a GeometryCollection`)
		}
		return p.collection(m.argsAt, m.args)
	}
	if m.has&hasCoordinates == 0 {
		fail(m.at, `expected "coordinates" in a geometry other than a GeometryCollection`)
	}
	s := shape{b: &p.builder}
	c := coordinates{src: p.src, pos: m.coordsAt}
	var e Expr
	switch m.text {
	case "Point":
		e = Point{c.position(&s)}
	case "LineString":
		e = LineString{c.line(&s)}
	case "Polygon":
		e = Polygon{c.polygon(&s)}
	case "MultiPoint":
		e = MultiPoint{each(&c, "positions", func() Position { return c.position(&s) })}
	case "MultiLineString":
		e = MultiLineString{each(&c, "lines", func() []Position { return c.line(&s) })}
	case "MultiPolygon":
		e = MultiPolygon{each(&c, "polygons", func() [][]Position { return c.polygon(&s) })}
	default:
		fail(m.textAt, "expected a type of geometry such as Point or Polygon, found %q", dataset.Excerpt(m.text))
	}
	return p.node(m.at, e, 0)
}

// numbers reads the list of numbers at an offset.
func (p *jsonParser) numbers(at int) []Number {
	c := coordinates{src: p.src, pos: at}
	return each(&c, "numbers", c.number)
}

// coordinates walks over JSON that the decoder has already found valid.
type coordinates struct {
	src string
	pos int
}

func (c *coordinates) skipSpace() {
	for strings.IndexByte(" \t\r\n", c.src[c.pos]) >= 0 {
		c.pos++
	}
}

// each reads the elements of a list.
func each[T any](c *coordinates, expected string, read func() T) []T {
	c.skipSpace()
	if c.src[c.pos] != '[' {
		fail(c.pos, "expected a list of %s", expected)
	}
	list := []T{}
	for c.pos++; ; c.pos++ {
		c.skipSpace()
		if c.src[c.pos] == ']' {
			c.pos++
			return list
		}
		list = append(list, read())
		c.skipSpace()
		if c.src[c.pos] == ']' {
			c.pos++
			return list
		}
	}
}

func (c *coordinates) number() Number {
	c.skipSpace()
	at := c.pos
	if first := c.src[at]; first != '-' && !isDigit(first) {
		fail(at, "expected a number")
	}
	for strings.IndexByte("+-.0123456789eE", c.src[c.pos]) >= 0 {
		c.pos++
	}
	return Number{c.src[at:c.pos]}
}

func (c *coordinates) position(s *shape) Position {
	c.skipSpace()
	at := c.pos
	n := each(c, "2 or 3 numbers", c.number)
	switch len(n) {
	case 2:
		return s.position(at, Position{X: n[0], Y: n[1]})
	case 3:
		return s.position(at, Position{n[0], n[1], n[2]})
	}
	fail(at, "expected 2 or 3 numbers in a position, found %d", len(n))
	return Position{}
}

func (c *coordinates) line(s *shape) []Position {
	c.skipSpace()
	at := c.pos
	line := each(c, "positions", func() Position { return c.position(s) })
	checkLine(at, line)
	return line
}

func (c *coordinates) polygon(s *shape) [][]Position {
	return each(c, "rings", func() []Position {
		c.skipSpace()
		at := c.pos
		ring := each(c, "positions", func() Position { return c.position(s) })
		checkRing(at, ring)
		return ring
	})
}
