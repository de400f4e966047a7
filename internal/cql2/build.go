package cql2

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"landings/internal/dataset"
)

// Limits of what the parsers take. They hold for both forms alike, except for
// MaxLength, so that what one form takes the other does too.
const (
	MaxLength    = 1 << 20 // bytes of input
	MaxDepth     = 100     // levels of the tree
	MaxNodes     = 20_000  // nodes of the tree
	MaxPositions = 100_000 // positions in all geometries together
)

// maxOpen bounds how deep a parser descends. A level of the tree opens at most
// two parentheses in text, its own and one for precedence, and at most an object
// and two lists in JSON, those of IN.
const maxOpen = 3 * MaxDepth

// unbounded is how both forms spell an open end of an interval.
const unbounded = ".."

// failure is what a parser panics with, deep within its own recursion, and what
// its exported function recovers; it never leaves the package.
type failure struct {
	at     int // offset in the input
	detail string
	remedy string
}

func fail(at int, format string, args ...any) {
	panic(failure{at: at, detail: fmt.Sprintf(format, args...)})
}

func failWith(remedy string, at int, format string, args ...any) {
	panic(failure{at: at, detail: fmt.Sprintf(format, args...), remedy: remedy})
}

// part is an expression that a parser has read.
type part struct {
	expr  Expr
	at    int // where it begins in the input
	depth int // levels of the tree in it
	// items are the elements of an Array that came as JSON, for the list of IN,
	// which is not an Array.
	items []part
}

// builder makes nodes: it says what may stand where and counts towards the
// limits. Both parsers build with it, so that both forms take the same trees.
type builder struct {
	nodes, positions, open int
}

// enter and leave bracket each descent of a parser.
func (b *builder) enter(at int) {
	if b.open++; b.open > maxOpen {
		tooDeep(at)
	}
}

func (b *builder) leave() { b.open-- }

func tooDeep(at int) {
	failWith("make it simpler, with IN for example", at, "the filter is nested more than %d levels deep", MaxDepth)
}

func (b *builder) node(at int, e Expr, depth int) part {
	if b.nodes++; b.nodes > MaxNodes {
		failWith("make it shorter", at, "the filter has more than %d parts", MaxNodes)
	}
	if depth >= MaxDepth {
		tooDeep(at)
	}
	return part{expr: e, at: at, depth: depth + 1}
}

// kind is what an expression is, as far as syntax tells: a set of bits, so that
// sets of kinds are kinds.
type kind uint16

const (
	reference kind = 1 << iota // property or function: of any type
	truth                      // TRUE or FALSE
	predicate
	character
	numeric
	instant
	interval
	openEnd
	spatial
	array
)

func kindOf(e Expr) kind {
	switch e.(type) {
	case Property, Function:
		return reference
	case Boolean:
		return truth
	case String, Casei, Accenti:
		return character
	case Number, Arithmetic:
		return numeric
	case Date, Timestamp:
		return instant
	case Interval:
		return interval
	case Unbounded:
		return openEnd
	case Array:
		return array
	case Point, LineString, Polygon, MultiPoint, MultiLineString, MultiPolygon, GeometryCollection, BBox:
		return spatial
	}
	return predicate
}

// describe names an expression for an error message.
func describe(e Expr) string {
	switch e := e.(type) {
	case Property:
		return "the property " + dataset.Excerpt(e.Name)
	case Function:
		return "the function " + dataset.Excerpt(e.Name)
	case Number:
		return "the number " + dataset.Excerpt(e.Text)
	case String:
		return "the string '" + dataset.Excerpt(e.Value) + "'"
	}
	switch kindOf(e) {
	case truth:
		return "a boolean"
	case character:
		return "a string"
	case numeric:
		return "a calculation"
	case instant:
		return "a date or timestamp"
	case interval:
		return "an interval"
	case openEnd:
		return "an open end"
	case spatial:
		return "a geometry"
	case array:
		return "a list"
	}
	return "a predicate"
}

// want insists that p is of one of the kinds, which expected puts into words.
func want(p part, kinds kind, expected string) {
	if kindOf(p.expr)&kinds == 0 {
		fail(p.at, "expected %s, found %s", expected, describe(p.expr))
	}
}

func wantBoolean(p part) {
	want(p, truth|predicate|reference, "a predicate")
}

func wantScalar(p part) {
	want(p, truth|character|numeric|instant|reference, "a string, number, boolean, date, timestamp, property or function")
}

func wantNumeric(p part) {
	want(p, numeric|reference, "a number, calculation, property or function")
}

func wantCharacter(p part) {
	want(p, character|reference, "a string, property or function")
}

func wantPattern(p part) {
	for e := p.expr; ; {
		switch inner := e.(type) {
		case String:
			return
		case Casei:
			e = inner.Arg
		case Accenti:
			e = inner.Arg
		default:
			fail(p.at, "expected a pattern, which is a string, CASEI or ACCENTI of one, found %s", describe(e))
		}
	}
}

// gather gives the expressions of a list and the depth of its deepest.
func gather(list []part) (exprs []Expr, depth int) {
	exprs = make([]Expr, len(list))
	for i, p := range list {
		exprs[i] = p.expr
		depth = max(depth, p.depth)
	}
	return exprs, depth
}

func (b *builder) and(at int, args []part) part {
	for _, p := range args {
		wantBoolean(p)
	}
	exprs, depth := gather(args)
	return b.node(at, And{exprs}, depth)
}

func (b *builder) or(at int, args []part) part {
	for _, p := range args {
		wantBoolean(p)
	}
	exprs, depth := gather(args)
	return b.node(at, Or{exprs}, depth)
}

func (b *builder) not(at int, arg part) part {
	wantBoolean(arg)
	return b.node(at, Not{arg.expr}, arg.depth)
}

func (b *builder) comparison(at int, op CompareOp, left, right part) part {
	wantScalar(left)
	wantScalar(right)
	return b.node(at, Comparison{op, left.expr, right.expr}, max(left.depth, right.depth))
}

func (b *builder) like(at int, arg, pattern part) part {
	wantCharacter(arg)
	wantPattern(pattern)
	return b.node(at, Like{arg.expr, pattern.expr}, max(arg.depth, pattern.depth))
}

func (b *builder) between(at int, arg, low, high part) part {
	wantNumeric(arg)
	wantNumeric(low)
	wantNumeric(high)
	return b.node(at, Between{arg.expr, low.expr, high.expr}, max(arg.depth, low.depth, high.depth))
}

func (b *builder) inList(at int, arg part, list []part) part {
	wantScalar(arg)
	for _, p := range list {
		wantScalar(p)
	}
	exprs, depth := gather(list)
	return b.node(at, In{arg.expr, exprs}, max(arg.depth, depth))
}

func (b *builder) isNull(at int, arg part) part {
	want(arg, ^(array | openEnd), "anything but a list")
	return b.node(at, IsNull{arg.expr}, arg.depth)
}

func (b *builder) spatial(at int, op SpatialOp, left, right part) part {
	const expected = "a geometry, BBOX, property or function"
	want(left, spatial|reference, expected)
	want(right, spatial|reference, expected)
	return b.node(at, SpatialPredicate{op, left.expr, right.expr}, max(left.depth, right.depth))
}

func (b *builder) temporal(at int, op TemporalOp, left, right part) part {
	const expected = "a date, timestamp, interval, property or function"
	want(left, instant|interval|reference, expected)
	want(right, instant|interval|reference, expected)
	return b.node(at, TemporalPredicate{op, left.expr, right.expr}, max(left.depth, right.depth))
}

func (b *builder) arrays(at int, op ArrayOp, left, right part) part {
	const expected = "a list, property or function"
	want(left, array|reference, expected)
	want(right, array|reference, expected)
	return b.node(at, ArrayPredicate{op, left.expr, right.expr}, max(left.depth, right.depth))
}

func (b *builder) arithmetic(at int, op ArithmeticOp, left, right part) part {
	wantNumeric(left)
	wantNumeric(right)
	return b.node(at, Arithmetic{op, left.expr, right.expr}, max(left.depth, right.depth))
}

func (b *builder) casei(at int, arg part) part {
	wantCharacter(arg)
	return b.node(at, Casei{arg.expr}, arg.depth)
}

func (b *builder) accenti(at int, arg part) part {
	wantCharacter(arg)
	return b.node(at, Accenti{arg.expr}, arg.depth)
}

// function refuses the names of operators: in JSON the two look alike.
func (b *builder) function(at int, name string, args []part) part {
	if o, ok := operators[strings.ToLower(name)]; ok {
		fail(at, "expected a function, found the operator %s", o.name)
	}
	exprs, depth := gather(args)
	return b.node(at, Function{name, exprs}, depth)
}

func (b *builder) array(at int, items []part) part {
	exprs, depth := gather(items)
	return b.node(at, Array{exprs}, depth)
}

func (b *builder) date(at int, text string) part {
	if _, ok := parseDate(text); !ok {
		fail(at, "expected a date YYYY-MM-DD, found '%s'", dataset.Excerpt(text))
	}
	return b.node(at, Date{text}, 0)
}

func (b *builder) timestamp(at int, text string) part {
	if _, ok := parseTimestamp(text); !ok {
		fail(at, "expected a timestamp YYYY-MM-DDThh:mm:ssZ, found '%s'", dataset.Excerpt(text))
	}
	return b.node(at, Timestamp{text}, 0)
}

// bound makes one end of an interval of the text that both forms give it.
func (b *builder) bound(at int, text string) part {
	if text == unbounded {
		return b.node(at, Unbounded{}, 0)
	}
	if _, ok := parseDate(text); ok {
		return b.node(at, Date{text}, 0)
	}
	if _, ok := parseTimestamp(text); ok {
		return b.node(at, Timestamp{text}, 0)
	}
	fail(at, "expected '..', a date YYYY-MM-DD or a timestamp YYYY-MM-DDThh:mm:ssZ, found '%s'", dataset.Excerpt(text))
	return part{}
}

func (b *builder) interval(at int, start, end part) part {
	const expected = "a date or timestamp in quotes, '..', a property or a function"
	want(start, instant|openEnd|reference, expected)
	want(end, instant|openEnd|reference, expected)
	return b.node(at, Interval{start.expr, end.expr}, max(start.depth, end.depth))
}

// parseDate reads YYYY-MM-DD (RFC 3339 full-date).
func parseDate(s string) (time.Time, bool) {
	t, err := time.Parse(time.DateOnly, s)
	return t, err == nil
}

// parseTimestamp reads YYYY-MM-DDThh:mm:ss[.fraction]Z (RFC 3339 date-time in
// UTC), a leap second included.
func parseTimestamp(s string) (time.Time, bool) {
	const shape = "2006-01-02T15:04:05"
	if len(s) <= len(shape) || s[len(s)-1] != 'Z' {
		return time.Time{}, false
	}
	head, fraction := s[:len(shape)], s[len(shape):len(s)-1]
	leap := strings.HasSuffix(head, ":60")
	if leap {
		head = head[:len(head)-2] + "59"
	}
	t, err := time.Parse(shape, head)
	if err != nil {
		return time.Time{}, false
	}
	if leap {
		t = t.Add(time.Second)
	}
	if fraction == "" {
		return t, true
	}
	digits := fraction[1:]
	if fraction[0] != '.' || digits == "" || strings.Trim(digits, "0123456789") != "" {
		return time.Time{}, false
	}
	nanos, _ := strconv.Atoi((digits + "000000000")[:9])
	return t.Add(time.Duration(nanos)), true
}

// shape is a geometry in the making: it counts positions and keeps their
// dimension.
type shape struct {
	b *builder
	z int // -1: two coordinates, 1: three, 0: not known yet
}

func (s *shape) position(at int, p Position) Position {
	if s.b.positions++; s.b.positions > MaxPositions {
		failWith("simplify the geometries", at, "the filter has more than %d positions", MaxPositions)
	}
	z := -1
	if p.HasZ() {
		z = 1
	}
	if s.z != 0 && s.z != z {
		fail(at, "expected as many coordinates as in the geometry's other positions")
	}
	s.z = z
	return p
}

func checkLine(at int, line []Position) {
	if len(line) < 2 {
		fail(at, "expected at least 2 positions in a line, found %d", len(line))
	}
}

// checkRing lets the ring without positions pass, which the grammar calls EMPTY.
func checkRing(at int, ring []Position) {
	if len(ring) == 0 {
		return
	}
	if len(ring) < 4 {
		fail(at, "expected at least 4 positions in a ring, found %d", len(ring))
	}
	first, last := ring[0], ring[len(ring)-1]
	if first.X.Float64() != last.X.Float64() || first.Y.Float64() != last.Y.Float64() || first.Z.Float64() != last.Z.Float64() {
		failWith("end the ring with its first position", at, "the ring does not close")
	}
}

// bbox makes a box of its four or six numbers.
func (b *builder) bbox(at int, n []Number) part {
	switch len(n) {
	case 4:
		return b.node(at, BBox{Position{X: n[0], Y: n[1]}, Position{X: n[2], Y: n[3]}}, 0)
	case 6:
		return b.node(at, BBox{Position{n[0], n[1], n[2]}, Position{n[3], n[4], n[5]}}, 0)
	}
	fail(at, "expected 4 or 6 numbers in a bounding box, found %d", len(n))
	return part{}
}

// collection makes a geometry collection of its members. They count as one level
// with it.
func (b *builder) collection(at int, members []part) part {
	if len(members) == 0 {
		fail(at, "expected at least one geometry in a collection")
	}
	exprs := make([]Expr, len(members))
	for i, p := range members {
		switch p.expr.(type) {
		case Point, LineString, Polygon, MultiPoint, MultiLineString, MultiPolygon:
			exprs[i] = p.expr
		default:
			fail(p.at, "expected a geometry that is neither a collection nor a bounding box, found %s", describe(p.expr))
		}
	}
	return b.node(at, GeometryCollection{exprs}, 1)
}

// class groups operators that are built alike.
type class uint8

const (
	classAnd class = iota + 1
	classOr
	classNot
	classComparison
	classLike
	classBetween
	classIn
	classIsNull
	classCasei
	classAccenti
	classArithmetic
	classSpatial
	classTemporal
	classArray
)

// operator is something that JSON calls an "op" and that is not a function.
type operator struct {
	name  string // as JSON spells it
	class class
	args  int // how many it takes; negative: that many at least
}

// operators holds every operator by its name in lower case. It is read only.
var operators = map[string]operator{
	"and":            {"and", classAnd, -2},
	"or":             {"or", classOr, -2},
	"not":            {"not", classNot, 1},
	"=":              {"=", classComparison, 2},
	"<>":             {"<>", classComparison, 2},
	"<":              {"<", classComparison, 2},
	">":              {">", classComparison, 2},
	"<=":             {"<=", classComparison, 2},
	">=":             {">=", classComparison, 2},
	"like":           {"like", classLike, 2},
	"between":        {"between", classBetween, 3},
	"in":             {"in", classIn, 2},
	"isnull":         {"isNull", classIsNull, 1},
	"casei":          {"casei", classCasei, 1},
	"accenti":        {"accenti", classAccenti, 1},
	"+":              {"+", classArithmetic, 2},
	"-":              {"-", classArithmetic, 2},
	"*":              {"*", classArithmetic, 2},
	"/":              {"/", classArithmetic, 2},
	"%":              {"%", classArithmetic, 2},
	"div":            {"div", classArithmetic, 2},
	"^":              {"^", classArithmetic, 2},
	"s_contains":     {"s_contains", classSpatial, 2},
	"s_crosses":      {"s_crosses", classSpatial, 2},
	"s_disjoint":     {"s_disjoint", classSpatial, 2},
	"s_equals":       {"s_equals", classSpatial, 2},
	"s_intersects":   {"s_intersects", classSpatial, 2},
	"s_overlaps":     {"s_overlaps", classSpatial, 2},
	"s_touches":      {"s_touches", classSpatial, 2},
	"s_within":       {"s_within", classSpatial, 2},
	"t_after":        {"t_after", classTemporal, 2},
	"t_before":       {"t_before", classTemporal, 2},
	"t_contains":     {"t_contains", classTemporal, 2},
	"t_disjoint":     {"t_disjoint", classTemporal, 2},
	"t_during":       {"t_during", classTemporal, 2},
	"t_equals":       {"t_equals", classTemporal, 2},
	"t_finishedby":   {"t_finishedBy", classTemporal, 2},
	"t_finishes":     {"t_finishes", classTemporal, 2},
	"t_intersects":   {"t_intersects", classTemporal, 2},
	"t_meets":        {"t_meets", classTemporal, 2},
	"t_metby":        {"t_metBy", classTemporal, 2},
	"t_overlappedby": {"t_overlappedBy", classTemporal, 2},
	"t_overlaps":     {"t_overlaps", classTemporal, 2},
	"t_startedby":    {"t_startedBy", classTemporal, 2},
	"t_starts":       {"t_starts", classTemporal, 2},
	"a_containedby":  {"a_containedBy", classArray, 2},
	"a_contains":     {"a_contains", classArray, 2},
	"a_equals":       {"a_equals", classArray, 2},
	"a_overlaps":     {"a_overlaps", classArray, 2},
}
