package predicate

import (
	"math"
	"slices"

	"landings/internal/cql2"
)

// Truth is the value of a predicate.
type Truth uint8

// The three values of logic.
const (
	Unknown Truth = iota
	False
	True
)

func truthOf(b bool) Truth {
	if b {
		return True
	}
	return False
}

// Pred is a bound predicate: one of the types below, or one that only this package
// knows. It is immutable and safe for concurrent use.
type Pred interface {
	// Test tells for the values of a record whether it holds. Of row only the
	// fields that the predicate reads need to be set.
	Test(row Row) Truth
	// Reads adds the numbers of the fields that the predicate reads.
	Reads(fields []int) []int
}

// Expr is a bound expression that has a value.
type Expr interface {
	Value(row Row) Value
	Reads(fields []int) []int
}

type (
	// And holds where all of its arguments do.
	And []Pred
	// Or holds where one of its arguments does.
	Or []Pred
	// Not is the negation.
	Not struct{ Arg Pred }
	// Const is the same for all records.
	Const Truth
	// Compare compares two values.
	Compare struct {
		Op          cql2.CompareOp
		Left, Right Expr
	}
	// In holds where Arg equals one of List.
	In struct {
		Arg  Expr
		List []Expr
	}
	// IsNull holds where Arg is missing.
	IsNull struct{ Arg Expr }
	// Holds is a boolean value taken as a predicate.
	Holds struct{ Arg Expr }
)

type (
	// Get is the value of a field.
	Get int
	// Literal is a value that is the same for all records.
	Literal Value
)

// Value gives the field's value.
func (g Get) Value(row Row) Value { return row[g] }

// Reads adds the field.
func (g Get) Reads(fields []int) []int { return append(fields, int(g)) }

// Value gives the value.
func (l Literal) Value(Row) Value { return Value(l) }

// Reads adds nothing.
func (l Literal) Reads(fields []int) []int { return fields }

// Test is the minimum of the arguments, in the order false, unknown, true.
func (a And) Test(row Row) Truth {
	all := True
	for _, p := range a {
		switch p.Test(row) {
		case False:
			return False
		case Unknown:
			all = Unknown
		}
	}
	return all
}

// Test is the maximum of the arguments, in the order false, unknown, true.
func (o Or) Test(row Row) Truth {
	one := False
	for _, p := range o {
		switch p.Test(row) {
		case True:
			return True
		case Unknown:
			one = Unknown
		}
	}
	return one
}

// Test leaves the unknown unknown.
func (n Not) Test(row Row) Truth {
	switch n.Arg.Test(row) {
	case True:
		return False
	case False:
		return True
	}
	return Unknown
}

// Test gives the constant.
func (c Const) Test(Row) Truth { return Truth(c) }

// Test is unknown where the two have no order.
func (c Compare) Test(row Row) Truth {
	order, ok := Order(c.Left.Value(row), c.Right.Value(row))
	if !ok {
		return Unknown
	}
	return truthOf(Satisfies(c.Op, order))
}

// Satisfies says whether an operator takes the order of its operands.
func Satisfies(op cql2.CompareOp, order int) bool {
	switch op {
	case cql2.Equal:
		return order == 0
	case cql2.NotEqual:
		return order != 0
	case cql2.Less:
		return order < 0
	case cql2.LessOrEqual:
		return order <= 0
	case cql2.Greater:
		return order > 0
	default:
		return order >= 0
	}
}

// Test is unknown where Arg is not among the list, and may be, for all we know.
func (in In) Test(row Row) Truth {
	v := in.Arg.Value(row)
	if v.Kind <= Misfit {
		if len(in.List) == 0 {
			return False
		}
		return Unknown
	}
	found := False
	for _, e := range in.List {
		order, ok := Order(v, e.Value(row))
		if !ok {
			found = Unknown
		} else if order == 0 {
			return True
		}
	}
	return found
}

// Test is never unknown.
func (n IsNull) Test(row Row) Truth { return truthOf(n.Arg.Value(row).Kind == Missing) }

// Test is unknown for what is no boolean.
func (h Holds) Test(row Row) Truth {
	v := h.Arg.Value(row)
	if v.Kind != Boolean {
		return Unknown
	}
	return truthOf(v.Bits == 1)
}

// Reads adds what the arguments read.
func (a And) Reads(fields []int) []int { return readsAll(a, fields) }

// Reads adds what the arguments read.
func (o Or) Reads(fields []int) []int { return readsAll(o, fields) }

// Reads adds what the argument reads.
func (n Not) Reads(fields []int) []int { return n.Arg.Reads(fields) }

// Reads adds nothing.
func (c Const) Reads(fields []int) []int { return fields }

// Reads adds what both sides read.
func (c Compare) Reads(fields []int) []int { return c.Right.Reads(c.Left.Reads(fields)) }

// Reads adds what the argument and the list read.
func (in In) Reads(fields []int) []int {
	fields = in.Arg.Reads(fields)
	for _, e := range in.List {
		fields = e.Reads(fields)
	}
	return fields
}

// Reads adds what the argument reads.
func (n IsNull) Reads(fields []int) []int { return n.Arg.Reads(fields) }

// Reads adds what the argument reads.
func (h Holds) Reads(fields []int) []int { return h.Arg.Reads(fields) }

func readsAll(list []Pred, fields []int) []int {
	for _, p := range list {
		fields = p.Reads(fields)
	}
	return fields
}

// Fields gives the numbers of the fields that a predicate reads, ascending.
func Fields(p Pred) []int {
	fields := p.Reads(nil)
	slices.Sort(fields)
	return slices.Compact(fields)
}

// truthExpr makes a value of a predicate: missing where its truth is unknown.
type truthExpr struct{ pred Pred }

func (t truthExpr) Value(row Row) Value {
	switch t.pred.Test(row) {
	case True:
		return booleanValue(true)
	case False:
		return booleanValue(false)
	}
	return Value{}
}

func (t truthExpr) Reads(fields []int) []int { return t.pred.Reads(fields) }

// arithmetic calculates. What is not a number has no result.
type arithmetic struct {
	op          cql2.ArithmeticOp
	left, right Expr
}

func (a arithmetic) Reads(fields []int) []int { return a.right.Reads(a.left.Reads(fields)) }

func (a arithmetic) Value(row Row) Value {
	l, r := a.left.Value(row), a.right.Value(row)
	if !isNumeric(l.Kind) || !isNumeric(r.Kind) {
		return noResult(l, r)
	}
	if l.Kind == Integer && r.Kind == Integer {
		if v, ok := integerArithmetic(a.op, l.Int(), r.Int()); ok {
			return v
		}
	}
	x, y := l.Float(), r.Float()
	switch a.op {
	case cql2.Add:
		return numberValue(x + y)
	case cql2.Subtract:
		return numberValue(x - y)
	case cql2.Multiply:
		return numberValue(x * y)
	case cql2.Power:
		return numberValue(math.Pow(x, y))
	}
	if y == 0 {
		return Value{}
	}
	switch a.op {
	case cql2.Divide:
		return numberValue(x / y)
	case cql2.IntegerDivide:
		return numberValue(math.Trunc(x / y))
	default:
		return numberValue(math.Mod(x, y))
	}
}

func isNumeric(k Kind) bool { return k == Number || k == Integer }

// noResult is what becomes of operands that do not fit: a misfit stays one.
func noResult(values ...Value) Value {
	for _, v := range values {
		if v.Kind == Missing {
			return Value{}
		}
	}
	return Value{Kind: Misfit}
}

// integerArithmetic calculates without loss, where it can.
func integerArithmetic(op cql2.ArithmeticOp, x, y int64) (Value, bool) {
	switch op {
	case cql2.Add:
		if s := x + y; (s > x) == (y > 0) {
			return integerValue(s), true
		}
	case cql2.Subtract:
		if d := x - y; (d < x) == (y > 0) {
			return integerValue(d), true
		}
	case cql2.Multiply:
		if x == 0 || y == 0 {
			return integerValue(0), true
		}
		if p := x * y; p/y == x && !(x == -1 && y == math.MinInt64) && !(y == -1 && x == math.MinInt64) {
			return integerValue(p), true
		}
	case cql2.IntegerDivide:
		if y != 0 && !(x == math.MinInt64 && y == -1) {
			return integerValue(x / y), true
		}
	case cql2.Modulo:
		if y != 0 && y != -1 {
			return integerValue(x % y), true
		}
		if y == -1 {
			return integerValue(0), true
		}
	}
	return Value{}, false
}

// textFunc applies a function to a text.
type textFunc struct {
	apply func(string) string
	arg   Expr
}

func (f textFunc) Reads(fields []int) []int { return f.arg.Reads(fields) }

func (f textFunc) Value(row Row) Value {
	v := f.arg.Value(row)
	if v.Kind != Text {
		return noResult(v)
	}
	return textValue(f.apply(v.Text))
}
