package cql2

import (
	"strconv"
	"time"
)

// Expr is a node of the syntax tree: one of the types below, as a value, never
// as a pointer. Nodes are immutable by convention and may be shared.
type Expr interface{ expr() }

// Predicates, and what joins them. Their values are true, false or null.
type (
	// And holds where all of at least two arguments do.
	And struct{ Args []Expr }

	// Or holds where one of at least two arguments does.
	Or struct{ Args []Expr }

	// Not is the negation.
	Not struct{ Arg Expr }

	// Comparison compares two scalars.
	Comparison struct {
		Op          CompareOp
		Left, Right Expr
	}

	// Like matches a text with a pattern: % stands for any characters, _ for one,
	// and a backslash before either for itself. Pattern is a [String] within any
	// number of [Casei] and [Accenti].
	Like struct{ Arg, Pattern Expr }

	// Between holds where Low <= Arg <= High; all three are numeric.
	Between struct{ Arg, Low, High Expr }

	// In holds where Arg equals one of List, which may be empty.
	In struct {
		Arg  Expr
		List []Expr
	}

	// IsNull holds where Arg has no value.
	IsNull struct{ Arg Expr }

	// SpatialPredicate relates two geometries.
	SpatialPredicate struct {
		Op          SpatialOp
		Left, Right Expr
	}

	// TemporalPredicate relates two instants or intervals.
	TemporalPredicate struct {
		Op          TemporalOp
		Left, Right Expr
	}

	// ArrayPredicate relates two arrays, taken as sets.
	ArrayPredicate struct {
		Op          ArrayOp
		Left, Right Expr
	}
)

// Values that are computed.
type (
	// Property is the value of a record's member.
	Property struct{ Name string }

	// Function is a call of a function that the standard does not define.
	Function struct {
		Name string
		Args []Expr
	}

	// Arithmetic joins two numbers.
	Arithmetic struct {
		Op          ArithmeticOp
		Left, Right Expr
	}

	// Casei is Arg, a text, without regard to case.
	Casei struct{ Arg Expr }

	// Accenti is Arg, a text, without regard to accents.
	Accenti struct{ Arg Expr }

	// Array is a list of values of any kind.
	Array struct{ Items []Expr }
)

// Literals.
type (
	// String is a text.
	String struct{ Value string }

	// Number is a number as it was spelled: a JSON number (RFC 8259 section 6).
	Number struct{ Text string }

	// Boolean is TRUE or FALSE.
	Boolean struct{ Value bool }

	// Date is a day, YYYY-MM-DD, that exists in the calendar.
	Date struct{ Text string }

	// Timestamp is an instant, YYYY-MM-DDThh:mm:ss[.fraction]Z.
	Timestamp struct{ Text string }

	// Interval is a time from Start to End, both included. Each is a [Date], a
	// [Timestamp], a [Property], a [Function] or [Unbounded].
	Interval struct{ Start, End Expr }

	// Unbounded is the open end of an [Interval], spelled '..'.
	Unbounded struct{}
)

// Geometries. The standard leaves the coordinate reference system to the API that
// carries the filter; the first number of a position is the one that WKT and
// GeoJSON put first, longitude by default.
type (
	// Point is one position.
	Point struct{ Position Position }

	// LineString has at least two positions.
	LineString struct{ Positions []Position }

	// Polygon has an outer ring and holes, or no ring at all. A ring has at least
	// four positions, the last equal to the first, or none.
	Polygon struct{ Rings [][]Position }

	// MultiPoint is any number of points.
	MultiPoint struct{ Positions []Position }

	// MultiLineString is any number of lines of at least two positions each.
	MultiLineString struct{ Lines [][]Position }

	// MultiPolygon is any number of polygons.
	MultiPolygon struct{ Polygons [][][]Position }

	// GeometryCollection has at least one geometry, and no collection or [BBox]
	// among them.
	GeometryCollection struct{ Geometries []Expr }

	// BBox is a box: west, south, east, north, or with heights west, south, lowest,
	// east, north, highest; Low.Z and High.Z are both set or both empty. West is
	// greater than east where the box crosses the antimeridian.
	BBox struct{ Low, High Position }
)

// Position is a place; Z is the zero Number where there are two coordinates.
type Position struct{ X, Y, Z Number }

// HasZ says whether there is a third coordinate.
func (p Position) HasZ() bool { return p.Z.Text != "" }

// Float64 gives the nearest float64; beyond the greatest, an infinity.
func (n Number) Float64() float64 {
	f, _ := strconv.ParseFloat(n.Text, 64)
	return f
}

// Time gives the day's midnight in UTC.
func (d Date) Time() time.Time {
	t, _ := parseDate(d.Text)
	return t
}

// Time gives the instant in UTC, to the nanosecond. A leap second (:60) is the
// second after it.
func (t Timestamp) Time() time.Time {
	at, _ := parseTimestamp(t.Text)
	return at
}

// CompareOp is an operator of a [Comparison], as both forms spell it.
type CompareOp string

// The comparison operators.
const (
	Equal          CompareOp = "="
	NotEqual       CompareOp = "<>"
	Less           CompareOp = "<"
	Greater        CompareOp = ">"
	LessOrEqual    CompareOp = "<="
	GreaterOrEqual CompareOp = ">="
)

// ArithmeticOp is an operator of an [Arithmetic], as both forms spell it.
type ArithmeticOp string

// The arithmetic operators.
const (
	Add           ArithmeticOp = "+"
	Subtract      ArithmeticOp = "-"
	Multiply      ArithmeticOp = "*"
	Divide        ArithmeticOp = "/"
	Modulo        ArithmeticOp = "%"
	IntegerDivide ArithmeticOp = "div"
	Power         ArithmeticOp = "^"
)

// SpatialOp is the function of a [SpatialPredicate], as JSON spells it.
type SpatialOp string

// The spatial functions (OGC 06-103r4, DE-9IM).
const (
	SContains   SpatialOp = "s_contains"
	SCrosses    SpatialOp = "s_crosses"
	SDisjoint   SpatialOp = "s_disjoint"
	SEquals     SpatialOp = "s_equals"
	SIntersects SpatialOp = "s_intersects"
	SOverlaps   SpatialOp = "s_overlaps"
	STouches    SpatialOp = "s_touches"
	SWithin     SpatialOp = "s_within"
)

// TemporalOp is the function of a [TemporalPredicate], as JSON spells it.
type TemporalOp string

// The temporal functions (W3C Time Ontology in OWL). TAfter, TBefore, TDisjoint,
// TEquals and TIntersects take instants and intervals, the others intervals.
const (
	TAfter        TemporalOp = "t_after"
	TBefore       TemporalOp = "t_before"
	TContains     TemporalOp = "t_contains"
	TDisjoint     TemporalOp = "t_disjoint"
	TDuring       TemporalOp = "t_during"
	TEquals       TemporalOp = "t_equals"
	TFinishedBy   TemporalOp = "t_finishedBy"
	TFinishes     TemporalOp = "t_finishes"
	TIntersects   TemporalOp = "t_intersects"
	TMeets        TemporalOp = "t_meets"
	TMetBy        TemporalOp = "t_metBy"
	TOverlappedBy TemporalOp = "t_overlappedBy"
	TOverlaps     TemporalOp = "t_overlaps"
	TStartedBy    TemporalOp = "t_startedBy"
	TStarts       TemporalOp = "t_starts"
)

// ArrayOp is the function of an [ArrayPredicate], as JSON spells it.
type ArrayOp string

// The array functions.
const (
	AContainedBy ArrayOp = "a_containedBy"
	AContains    ArrayOp = "a_contains"
	AEquals      ArrayOp = "a_equals"
	AOverlaps    ArrayOp = "a_overlaps"
)

func (And) expr()                {}
func (Or) expr()                 {}
func (Not) expr()                {}
func (Comparison) expr()         {}
func (Like) expr()               {}
func (Between) expr()            {}
func (In) expr()                 {}
func (IsNull) expr()             {}
func (SpatialPredicate) expr()   {}
func (TemporalPredicate) expr()  {}
func (ArrayPredicate) expr()     {}
func (Property) expr()           {}
func (Function) expr()           {}
func (Arithmetic) expr()         {}
func (Casei) expr()              {}
func (Accenti) expr()            {}
func (Array) expr()              {}
func (String) expr()             {}
func (Number) expr()             {}
func (Boolean) expr()            {}
func (Date) expr()               {}
func (Timestamp) expr()          {}
func (Interval) expr()           {}
func (Unbounded) expr()          {}
func (Point) expr()              {}
func (LineString) expr()         {}
func (Polygon) expr()            {}
func (MultiPoint) expr()         {}
func (MultiLineString) expr()    {}
func (MultiPolygon) expr()       {}
func (GeometryCollection) expr() {}
func (BBox) expr()               {}

// Walk visits e and what is in it, each node before its operands, those from left
// to right. Where visit gives false, the operands of that node are left out.
func Walk(e Expr, visit func(Expr) bool) {
	if !visit(e) {
		return
	}
	switch e := e.(type) {
	case And:
		walkAll(e.Args, visit)
	case Or:
		walkAll(e.Args, visit)
	case Not:
		Walk(e.Arg, visit)
	case Comparison:
		Walk(e.Left, visit)
		Walk(e.Right, visit)
	case Like:
		Walk(e.Arg, visit)
		Walk(e.Pattern, visit)
	case Between:
		Walk(e.Arg, visit)
		Walk(e.Low, visit)
		Walk(e.High, visit)
	case In:
		Walk(e.Arg, visit)
		walkAll(e.List, visit)
	case IsNull:
		Walk(e.Arg, visit)
	case SpatialPredicate:
		Walk(e.Left, visit)
		Walk(e.Right, visit)
	case TemporalPredicate:
		Walk(e.Left, visit)
		Walk(e.Right, visit)
	case ArrayPredicate:
		Walk(e.Left, visit)
		Walk(e.Right, visit)
	case Function:
		walkAll(e.Args, visit)
	case Arithmetic:
		Walk(e.Left, visit)
		Walk(e.Right, visit)
	case Casei:
		Walk(e.Arg, visit)
	case Accenti:
		Walk(e.Arg, visit)
	case Array:
		walkAll(e.Items, visit)
	case Interval:
		Walk(e.Start, visit)
		Walk(e.End, visit)
	case GeometryCollection:
		walkAll(e.Geometries, visit)
	}
}

func walkAll(list []Expr, visit func(Expr) bool) {
	for _, e := range list {
		Walk(e, visit)
	}
}
