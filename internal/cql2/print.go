package cql2

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Text gives a filter, or any other expression, as CQL2 text: keywords in capital
// letters, parentheses only where they are needed, and Z before positions with a
// height, as WKT has it.
func Text(e Expr) string { return string(appendText(nil, e, bindsOr)) }

// JSON gives a filter, or any other expression, as CQL2 JSON on one line.
func JSON(e Expr) []byte { return appendJSON(nil, e) }

// How tight the outermost operator of an expression binds in text.
const (
	bindsOr = iota
	bindsAnd
	bindsNot
	bindsPredicate
	bindsSum
	bindsProduct
	bindsPower
	bindsPrimary
)

func binding(e Expr) int {
	switch e := e.(type) {
	case Or:
		return bindsOr
	case And:
		return bindsAnd
	case Not:
		switch e.Arg.(type) {
		case Like, Between, In, IsNull:
			return bindsPredicate // NOT is written within the predicate
		}
		return bindsNot
	case Comparison, Like, Between, In, IsNull:
		return bindsPredicate
	case Arithmetic:
		switch e.Op {
		case Add, Subtract:
			return bindsSum
		case Power:
			return bindsPower
		}
		return bindsProduct
	}
	return bindsPrimary
}

// appendText writes e for a place that takes what binds at least so tight.
func appendText(dst []byte, e Expr, atLeast int) []byte {
	if binding(e) < atLeast {
		dst = append(dst, '(')
		dst = appendText(dst, e, bindsOr)
		return append(dst, ')')
	}
	switch e := e.(type) {
	case And:
		return appendJoined(dst, e.Args, " AND ", bindsNot)
	case Or:
		return appendJoined(dst, e.Args, " OR ", bindsAnd)
	case Not:
		switch arg := e.Arg.(type) {
		case Like:
			return appendLike(dst, arg, " NOT")
		case Between:
			return appendBetween(dst, arg, " NOT")
		case In:
			return appendIn(dst, arg, " NOT")
		case IsNull:
			return appendIsNull(dst, arg, " NOT")
		}
		dst = append(dst, "NOT "...)
		return appendText(dst, e.Arg, bindsPredicate)
	case Comparison:
		dst = appendText(dst, e.Left, bindsSum)
		dst = append(dst, ' ')
		dst = append(dst, e.Op...)
		dst = append(dst, ' ')
		return appendText(dst, e.Right, bindsSum)
	case Like:
		return appendLike(dst, e, "")
	case Between:
		return appendBetween(dst, e, "")
	case In:
		return appendIn(dst, e, "")
	case IsNull:
		return appendIsNull(dst, e, "")
	case SpatialPredicate:
		return appendCall(dst, strings.ToUpper(string(e.Op)), e.Left, e.Right)
	case TemporalPredicate:
		return appendCall(dst, strings.ToUpper(string(e.Op)), e.Left, e.Right)
	case ArrayPredicate:
		return appendCall(dst, strings.ToUpper(string(e.Op)), e.Left, e.Right)
	case Property:
		return appendName(dst, e.Name)
	case Function:
		dst = appendName(dst, e.Name)
		return appendList(dst, e.Args)
	case Arithmetic:
		level := binding(e)
		left, right := level, level+1
		if e.Op == Power {
			left = bindsPrimary // a power is no operand of a power
		}
		dst = appendText(dst, e.Left, left)
		dst = append(dst, ' ')
		dst = append(dst, e.Op...)
		dst = append(dst, ' ')
		return appendText(dst, e.Right, right)
	case Casei:
		return appendCall(dst, "CASEI", e.Arg)
	case Accenti:
		return appendCall(dst, "ACCENTI", e.Arg)
	case Array:
		return appendList(dst, e.Items)
	case String:
		return appendString(dst, e.Value)
	case Number:
		return append(dst, e.Text...)
	case Boolean:
		if e.Value {
			return append(dst, "TRUE"...)
		}
		return append(dst, "FALSE"...)
	case Date:
		return append(append(append(dst, "DATE('"...), e.Text...), "')"...)
	case Timestamp:
		return append(append(append(dst, "TIMESTAMP('"...), e.Text...), "')"...)
	case Interval:
		dst = append(dst, "INTERVAL("...)
		dst = appendEnd(dst, e.Start)
		dst = append(dst, ", "...)
		dst = appendEnd(dst, e.End)
		return append(dst, ')')
	case Unbounded:
		return append(dst, "'..'"...)
	}
	return appendWKT(dst, e)
}

func appendJoined(dst []byte, args []Expr, joint string, atLeast int) []byte {
	for i, a := range args {
		if i > 0 {
			dst = append(dst, joint...)
		}
		dst = appendText(dst, a, atLeast)
	}
	return dst
}

// appendList writes arguments, the elements of an array or the list of IN. They
// stand without parentheses of their own: those would make them arrays.
func appendList(dst []byte, list []Expr) []byte {
	dst = append(dst, '(')
	dst = appendJoined(dst, list, ", ", bindsOr)
	return append(dst, ')')
}

func appendCall(dst []byte, name string, args ...Expr) []byte {
	return appendList(append(dst, name...), args)
}

func appendLike(dst []byte, e Like, not string) []byte {
	dst = appendText(dst, e.Arg, bindsSum)
	dst = append(append(dst, not...), " LIKE "...)
	return appendText(dst, e.Pattern, bindsSum)
}

func appendBetween(dst []byte, e Between, not string) []byte {
	dst = appendText(dst, e.Arg, bindsSum)
	dst = append(append(dst, not...), " BETWEEN "...)
	dst = appendText(dst, e.Low, bindsSum)
	dst = append(dst, " AND "...)
	return appendText(dst, e.High, bindsSum)
}

func appendIn(dst []byte, e In, not string) []byte {
	dst = appendText(dst, e.Arg, bindsSum)
	dst = append(append(dst, not...), " IN "...)
	return appendList(dst, e.List)
}

func appendIsNull(dst []byte, e IsNull, not string) []byte {
	dst = appendText(dst, e.Arg, bindsSum)
	return append(append(append(dst, " IS"...), not...), " NULL"...)
}

// appendEnd writes an end of an interval, where literals are strings.
func appendEnd(dst []byte, e Expr) []byte {
	switch e := e.(type) {
	case Date:
		return appendString(dst, e.Text)
	case Timestamp:
		return appendString(dst, e.Text)
	}
	return appendText(dst, e, bindsOr)
}

func appendName(dst []byte, name string) []byte {
	if isPlainName(name) {
		return append(dst, name...)
	}
	dst = append(dst, '"')
	dst = append(dst, strings.ReplaceAll(name, `"`, `""`)...)
	return append(dst, '"')
}

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '\'')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\'':
			dst = append(dst, "''"...)
		case c == '\\':
			dst = append(dst, `\\`...)
		case '\a' <= c && c <= '\r':
			dst = append(dst, '\\', escapes[c-'\a'])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '\'')
}

// appendWKT writes a geometry as well-known text (OGC 06-103r4).
func appendWKT(dst []byte, e Expr) []byte {
	switch e := e.(type) {
	case Point:
		dst = appendTag(dst, "POINT", e)
		return wktPoint(dst, e.Position)
	case LineString:
		return wktLine(appendTag(dst, "LINESTRING", e), e.Positions)
	case Polygon:
		return wktPolygon(appendTag(dst, "POLYGON", e), e.Rings)
	case MultiPoint:
		return wktList(appendTag(dst, "MULTIPOINT", e), e.Positions, wktPoint)
	case MultiLineString:
		return wktList(appendTag(dst, "MULTILINESTRING", e), e.Lines, wktLine)
	case MultiPolygon:
		return wktList(appendTag(dst, "MULTIPOLYGON", e), e.Polygons, wktPolygon)
	case GeometryCollection:
		return wktList(appendTag(dst, "GEOMETRYCOLLECTION", e), e.Geometries, appendWKT)
	case BBox:
		dst = append(dst, "BBOX("...)
		dst = appendNumbers(dst, e.Low, ", ")
		dst = append(dst, ", "...)
		dst = appendNumbers(dst, e.High, ", ")
		return append(dst, ')')
	}
	panic(fmt.Sprintf("cql2: %T is no node of a syntax tree", e))
}

// appendTag writes a geometry's type, with Z where its positions have heights: a
// collection, where those of all its members have.
func appendTag(dst []byte, tag string, e Expr) []byte {
	dst = append(dst, tag...)
	if hasZ(e) {
		return append(dst, " Z "...)
	}
	return append(dst, ' ')
}

// hasZ looks at the first position, as all of a geometry have the same dimension.
func hasZ(e Expr) bool {
	switch e := e.(type) {
	case Point:
		return e.Position.HasZ()
	case LineString:
		return firstZ(e.Positions)
	case Polygon:
		return ringsZ(e.Rings)
	case MultiPoint:
		return firstZ(e.Positions)
	case MultiLineString:
		return ringsZ(e.Lines)
	case MultiPolygon:
		for _, p := range e.Polygons {
			if ringsZ(p) {
				return true
			}
		}
	case GeometryCollection:
		for _, g := range e.Geometries {
			if !hasZ(g) {
				return false
			}
		}
		return true
	}
	return false
}

func firstZ(list []Position) bool { return len(list) > 0 && list[0].HasZ() }

func ringsZ(rings [][]Position) bool {
	for _, r := range rings {
		if len(r) > 0 {
			return firstZ(r)
		}
	}
	return false
}

func wktPoint(dst []byte, p Position) []byte {
	dst = append(dst, '(')
	dst = appendNumbers(dst, p, " ")
	return append(dst, ')')
}

func wktPosition(dst []byte, p Position) []byte { return appendNumbers(dst, p, " ") }

func wktLine(dst []byte, line []Position) []byte { return wktList(dst, line, wktPosition) }

func wktPolygon(dst []byte, rings [][]Position) []byte { return wktList(dst, rings, wktLine) }

func wktList[T any](dst []byte, list []T, element func([]byte, T) []byte) []byte {
	if len(list) == 0 {
		return append(dst, "EMPTY"...)
	}
	dst = append(dst, '(')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = element(dst, v)
	}
	return append(dst, ')')
}

func appendNumbers(dst []byte, p Position, joint string) []byte {
	dst = append(dst, p.X.Text...)
	dst = append(dst, joint...)
	dst = append(dst, p.Y.Text...)
	if p.HasZ() {
		dst = append(dst, joint...)
		dst = append(dst, p.Z.Text...)
	}
	return dst
}

func appendJSON(dst []byte, e Expr) []byte {
	switch e := e.(type) {
	case And:
		return appendOp(dst, "and", e.Args...)
	case Or:
		return appendOp(dst, "or", e.Args...)
	case Not:
		return appendOp(dst, "not", e.Arg)
	case Comparison:
		return appendOp(dst, string(e.Op), e.Left, e.Right)
	case Like:
		return appendOp(dst, "like", e.Arg, e.Pattern)
	case Between:
		return appendOp(dst, "between", e.Arg, e.Low, e.High)
	case In:
		return appendOp(dst, "in", e.Arg, Array{e.List})
	case IsNull:
		return appendOp(dst, "isNull", e.Arg)
	case SpatialPredicate:
		return appendOp(dst, string(e.Op), e.Left, e.Right)
	case TemporalPredicate:
		return appendOp(dst, string(e.Op), e.Left, e.Right)
	case ArrayPredicate:
		return appendOp(dst, string(e.Op), e.Left, e.Right)
	case Property:
		return append(appendQuoted(append(dst, `{"property":`...), e.Name), '}')
	case Function:
		return appendOp(dst, e.Name, e.Args...)
	case Arithmetic:
		return appendOp(dst, string(e.Op), e.Left, e.Right)
	case Casei:
		return appendOp(dst, "casei", e.Arg)
	case Accenti:
		return appendOp(dst, "accenti", e.Arg)
	case Array:
		return jsonList(dst, e.Items, appendJSON)
	case String:
		return appendQuoted(dst, e.Value)
	case Number:
		return append(dst, e.Text...)
	case Boolean:
		if e.Value {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	case Date:
		return append(appendQuoted(append(dst, `{"date":`...), e.Text), '}')
	case Timestamp:
		return append(appendQuoted(append(dst, `{"timestamp":`...), e.Text), '}')
	case Interval:
		dst = append(dst, `{"interval":`...)
		return append(jsonList(dst, []Expr{e.Start, e.End}, jsonEnd), '}')
	case Unbounded:
		return appendQuoted(dst, unbounded)
	case Point:
		return append(jsonPosition(jsonTag(dst, "Point"), e.Position), '}')
	case LineString:
		return append(jsonLine(jsonTag(dst, "LineString"), e.Positions), '}')
	case Polygon:
		return append(jsonPolygon(jsonTag(dst, "Polygon"), e.Rings), '}')
	case MultiPoint:
		return append(jsonLine(jsonTag(dst, "MultiPoint"), e.Positions), '}')
	case MultiLineString:
		return append(jsonPolygon(jsonTag(dst, "MultiLineString"), e.Lines), '}')
	case MultiPolygon:
		return append(jsonList(jsonTag(dst, "MultiPolygon"), e.Polygons, jsonPolygon), '}')
	case GeometryCollection:
		dst = append(dst, `{"type":"GeometryCollection","geometries":`...)
		return append(jsonList(dst, e.Geometries, appendJSON), '}')
	case BBox:
		dst = append(dst, `{"bbox":[`...)
		dst = appendNumbers(dst, e.Low, ",")
		dst = append(dst, ',')
		dst = appendNumbers(dst, e.High, ",")
		return append(dst, "]}"...)
	}
	panic(fmt.Sprintf("cql2: %T is no node of a syntax tree", e))
}

func appendOp(dst []byte, op string, args ...Expr) []byte {
	dst = appendQuoted(append(dst, `{"op":`...), op)
	dst = append(dst, `,"args":`...)
	return append(jsonList(dst, args, appendJSON), '}')
}

func appendQuoted(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s) // fails for invalid UTF-8 alone, and replaces it
	return dst
}

func jsonEnd(dst []byte, e Expr) []byte {
	switch e := e.(type) {
	case Date:
		return appendQuoted(dst, e.Text)
	case Timestamp:
		return appendQuoted(dst, e.Text)
	}
	return appendJSON(dst, e)
}

func jsonTag(dst []byte, tag string) []byte {
	dst = append(dst, `{"type":"`...)
	dst = append(dst, tag...)
	return append(dst, `","coordinates":`...)
}

func jsonPosition(dst []byte, p Position) []byte {
	dst = append(dst, '[')
	dst = appendNumbers(dst, p, ",")
	return append(dst, ']')
}

func jsonLine(dst []byte, line []Position) []byte { return jsonList(dst, line, jsonPosition) }

func jsonPolygon(dst []byte, rings [][]Position) []byte { return jsonList(dst, rings, jsonLine) }

func jsonList[T any](dst []byte, list []T, element func([]byte, T) []byte) []byte {
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = element(dst, v)
	}
	return append(dst, ']')
}
