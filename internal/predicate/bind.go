package predicate

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"

	"landings/internal/cql2"
	"landings/internal/dataset"
)

// Bind gives a filter its meaning for the records that r reads. It refuses, as
// [dataset.Invalid], unknown properties and functions, and operands of types that
// do not go together.
func Bind(r *Reader, filter cql2.Expr) (p Pred, err error) {
	defer func() {
		switch f := recover().(type) {
		case nil:
		case failure:
			p, err = nil, &dataset.Error{
				Code:    dataset.Invalid,
				Message: "the filter does not fit the dataset: " + f.detail,
				Remedy:  cmp.Or(f.remedy, "look up in the dataset's schema what its fields are"),
				Places:  []dataset.Place{{Parameter: "filter", Detail: f.detail}},
			}
		default:
			panic(f)
		}
	}()
	b := binder{r}
	return simplify(b.pred(filter), false), nil
}

// failure is what a binder panics with, deep within its own recursion, and what
// Bind recovers; it never leaves the package.
type failure struct{ detail, remedy string }

func fail(remedy, format string, args ...any) {
	panic(failure{fmt.Sprintf(format, args...), remedy})
}

// binder makes bound nodes of syntax.
type binder struct{ r *Reader }

// typed is a bound expression and what is known of its values.
type typed struct {
	Expr
	is     class
	syntax cql2.Expr
}

// class is what the values of an expression are: a set of bits.
type class uint8

const (
	numeric class = 1 << iota
	text
	boolean
	instant
	span
	place
	list
	anything class = 1<<iota - 1
)

func (c class) String() string {
	switch c {
	case numeric:
		return "a number"
	case text:
		return "a text"
	case boolean:
		return "a boolean"
	case instant:
		return "a time"
	case span:
		return "an interval"
	case place:
		return "a geometry"
	case list:
		return "a list"
	case instant | span:
		return "a time or an interval"
	}
	return "a value"
}

func (b binder) pred(e cql2.Expr) Pred {
	switch e := e.(type) {
	case cql2.And:
		return And(b.preds(e.Args))
	case cql2.Or:
		return Or(b.preds(e.Args))
	case cql2.Not:
		return Not{b.pred(e.Arg)}
	case cql2.Boolean:
		return Const(truthOf(e.Value))
	case cql2.Comparison:
		l, r := b.pair(e.Left, e.Right)
		return Compare{e.Op, l, r}
	case cql2.Between:
		arg := b.want(e.Arg, numeric)
		low, high := b.literal(b.want(e.Low, numeric), arg), b.literal(b.want(e.High, numeric), arg)
		return And{Compare{cql2.GreaterOrEqual, arg.Expr, low.Expr}, Compare{cql2.LessOrEqual, arg.Expr, high.Expr}}
	case cql2.In:
		return b.in(e)
	case cql2.IsNull:
		return IsNull{b.value(e.Arg).Expr}
	case cql2.Like:
		return b.like(e)
	case cql2.SpatialPredicate:
		return b.spatial(e)
	case cql2.TemporalPredicate:
		return temporal{e.Op, b.time(e.Left), b.time(e.Right)}
	case cql2.ArrayPredicate:
		return arrays{e.Op, b.list(e.Left), b.list(e.Right)}
	}
	v := b.value(e)
	if v.is&boolean == 0 {
		fail("compare it with something", "expected a predicate, found %s, which is %s", spell(e), v.is)
	}
	return Holds{v.Expr}
}

func (b binder) preds(args []cql2.Expr) []Pred {
	list := make([]Pred, len(args))
	for i, a := range args {
		list[i] = b.pred(a)
	}
	return list
}

// spell shortens an expression for a message.
func spell(e cql2.Expr) string { return dataset.Excerpt(cql2.Text(e)) }

// value binds whatever has a value.
func (b binder) value(e cql2.Expr) typed {
	switch e := e.(type) {
	case cql2.Property:
		return b.property(e)
	case cql2.String:
		return typed{Literal(textLiteral(e.Value)), text, e}
	case cql2.Number:
		return typed{Literal(parseNumber(e)), numeric, e}
	case cql2.Boolean:
		return typed{Literal(booleanValue(e.Value)), boolean, e}
	case cql2.Date:
		return typed{Literal(instantValue(e.Time().UnixMicro())), instant, e}
	case cql2.Timestamp:
		return typed{Literal(instantValue(e.Time().UnixMicro())), instant, e}
	case cql2.Interval:
		return typed{interval{b.end(e.Start, false), b.end(e.End, true)}, span, e}
	case cql2.Casei:
		return typed{textFunc{foldCase, b.want(e.Arg, text).Expr}, text, e}
	case cql2.Accenti:
		return typed{textFunc{foldAccents, b.want(e.Arg, text).Expr}, text, e}
	case cql2.Arithmetic:
		return typed{arithmetic{e.Op, b.want(e.Left, numeric).Expr, b.want(e.Right, numeric).Expr}, numeric, e}
	case cql2.Function:
		return b.function(e)
	case cql2.Array:
		fail("", "a list such as %s has no place here", spell(e))
	case cql2.Point, cql2.LineString, cql2.Polygon, cql2.MultiPoint, cql2.MultiLineString, cql2.MultiPolygon, cql2.GeometryCollection, cql2.BBox:
		return b.geometry(e)
	}
	return typed{truthExpr{b.pred(e)}, boolean, e}
}

// textLiteral keeps the empty text apart from the missing one: it equals nothing
// that a record has, but it is a text to compare with.
func textLiteral(s string) Value { return Value{Kind: Text, Text: s} }

// parseNumber gives an integer where it is one within 64 bits, however spelled.
func parseNumber(n cql2.Number) Value {
	if i, err := strconv.ParseInt(n.Text, 10, 64); err == nil {
		return integerValue(i)
	}
	f := n.Float64()
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return integerValue(int64(f))
	}
	return numberValue(f)
}

func (b binder) property(e cql2.Property) typed {
	i, ok := b.r.Find(e.Name)
	if !ok {
		fail("there are "+strings.Join(quoteAll(b.r.Names()), ", "), "there is no property %s", dataset.Excerpt(e.Name))
	}
	is := anything
	switch b.r.fields[i].Type {
	case dataset.Number, dataset.Integer:
		is = numeric
	case dataset.Text:
		is = text
	case dataset.Boolean:
		is = boolean
	case dataset.Time:
		is = instant
	case dataset.Point:
		is = place
	}
	return typed{Get(i), is, e}
}

// quoteAll spells names as a filter does.
func quoteAll(names []string) []string {
	const most = 50
	out := make([]string, 0, min(len(names), most+1))
	for i, n := range names {
		if i == most {
			out = append(out, fmt.Sprintf("and %d more", len(names)-most))
			break
		}
		out = append(out, cql2.Text(cql2.Property{Name: n}))
	}
	return out
}

// want binds an operand that must be of a class, or may turn out to be.
func (b binder) want(e cql2.Expr, c class) typed {
	v := b.value(e)
	if v.is&c == 0 {
		fail("", "expected %s, found %s, which is %s", c, spell(e), v.is)
	}
	return v
}

// pair binds two operands that are compared.
func (b binder) pair(left, right cql2.Expr) (l, r Expr) {
	x, y := b.value(left), b.value(right)
	x, y = b.literal(x, y), b.literal(y, x)
	const ordered = numeric | text | boolean | instant
	for _, v := range []typed{x, y} {
		if v.is&ordered == 0 {
			fail("compare geometries with S_INTERSECTS and the like, intervals with T_INTERSECTS, lists with A_CONTAINS", "%s is %s and cannot be compared", spell(v.syntax), v.is)
		}
	}
	if x.is&y.is&ordered == 0 {
		fail(fitting(x, y), "%s is %s and %s is %s: they do not compare", spell(x.syntax), x.is, spell(y.syntax), y.is)
	}
	return x.Expr, y.Expr
}

// fitting says what would compare with one of two operands, the one that is not a
// literal where there is such.
func fitting(x, y typed) string {
	if _, ok := x.Expr.(Literal); ok {
		x, y = y, x
	}
	var what string
	switch x.is {
	case numeric:
		what = "a number, such as 7"
	case text:
		what = "a text, such as '2000-01-01'"
		if y.is == instant {
			what += ": not all of its values are times"
		}
	case boolean:
		what = "TRUE or FALSE"
	case instant:
		what = "a time, such as DATE('2000-01-01')"
	default:
		return ""
	}
	return "compare " + spell(x.syntax) + " with " + what
}

// literal fits a literal to what it is compared with. A text is read as the other
// side's type: data that spells its numbers as texts is asked for in the same way.
// A number that is compared with a number field is rounded as the field's values.
func (b binder) literal(l, other typed) typed {
	lit, ok := l.Expr.(Literal)
	if !ok {
		return l
	}
	v := Value(lit)
	var field dataset.Type
	if g, ok := other.Expr.(Get); ok {
		field = b.r.fields[g].Type
	}
	if v.Kind == Integer && field == dataset.Number {
		return typed{Literal(numberValue(float64(v.Int()))), numeric, l.syntax}
	}
	if v.Kind != Text || other.is&text != 0 {
		return l
	}
	raw := []byte(v.Text)
	read := func() (Value, bool) {
		switch other.is {
		case numeric:
			if i, ok := dataset.ParseYear(raw); ok {
				if field == dataset.Number {
					return numberValue(float64(i)), true
				}
				return integerValue(i), true
			}
			if f, ok := dataset.ParseNumber(raw); ok {
				return numberValue(f), true
			}
		case boolean:
			if t, ok := dataset.ParseBoolean(raw); ok {
				return booleanValue(t), true
			}
		case instant:
			if t, ok := dataset.ParseTime(raw); ok {
				return instantValue(t.UnixMicro()), true
			}
		default:
			return v, true // pair says what is wrong
		}
		return Value{}, false
	}
	parsed, ok := read()
	if !ok {
		fail(fitting(other, l), "%s is %s, and %s is not", spell(other.syntax), other.is, spell(l.syntax))
	}
	if parsed == v {
		return l
	}
	return typed{Literal(parsed), other.is, l.syntax}
}

func (b binder) in(e cql2.In) Pred {
	arg := b.value(e.Arg)
	in := In{Arg: arg.Expr, List: make([]Expr, len(e.List))}
	for i, item := range e.List {
		_, r := b.pair(e.Arg, item)
		in.List[i] = r
	}
	return in
}

// end binds an end of an interval; nil is open.
func (b binder) end(e cql2.Expr, last bool) Expr {
	switch e := e.(type) {
	case cql2.Unbounded:
		return nil
	case cql2.Date:
		at := e.Time()
		if last {
			at = at.AddDate(0, 0, 1)
			return Literal(instantValue(at.UnixMicro() - 1))
		}
		return Literal(instantValue(at.UnixMicro()))
	}
	return b.timeValue(e, instant).Expr
}

// time binds an operand of a temporal predicate.
func (b binder) time(e cql2.Expr) Expr {
	return b.timeValue(e, instant|span).Expr
}

func (b binder) timeValue(e cql2.Expr, c class) typed {
	if p, ok := e.(cql2.Property); ok {
		if i, ok := b.r.Find(p.Name); ok && p.Name == b.r.schema.TimeField && b.r.fields[i].Type == dataset.Integer {
			return typed{years{Get(i)}, span, e}
		}
	}
	return b.want(e, c)
}

func (b binder) list(e cql2.Expr) arrayExpr {
	if a, ok := e.(cql2.Array); ok {
		return b.arrayLiteral(a)
	}
	return arrayField{b.want(e, list).Expr}
}

func (b binder) arrayLiteral(a cql2.Array) arrayLiteral {
	out := make(arrayLiteral, len(a.Items))
	for i, item := range a.Items {
		if inner, ok := item.(cql2.Array); ok {
			out[i] = b.arrayLiteral(inner)
		} else {
			out[i] = b.value(item).Expr
		}
	}
	return out
}

// simplify flattens AND and OR, and moves NOT down to what it negates: then each
// predicate below AND and OR stands alone, for a planner to look at.
func simplify(p Pred, negated bool) Pred {
	switch p := p.(type) {
	case Not:
		return simplify(p.Arg, !negated)
	case And:
		if negated {
			return join[Or](p, true)
		}
		return join[And](p, false)
	case Or:
		if negated {
			return join[And](p, true)
		}
		return join[Or](p, false)
	case Const:
		if negated {
			return Const(Not{p}.Test(nil))
		}
		return p
	case Compare:
		if negated {
			p.Op = opposite(p.Op)
		}
		return p
	}
	if negated {
		return Not{p}
	}
	return p
}

// join simplifies a list of predicates and takes in those of lists of its own kind.
func join[L interface {
	~[]Pred
	Pred
}](list []Pred, negated bool) Pred {
	var out L
	for _, a := range list {
		p := simplify(a, negated)
		if inner, ok := p.(L); ok {
			out = append(out, inner...)
		} else {
			out = append(out, p)
		}
	}
	if len(out) == 1 {
		return out[0]
	}
	return out
}

func opposite(op cql2.CompareOp) cql2.CompareOp {
	switch op {
	case cql2.Equal:
		return cql2.NotEqual
	case cql2.NotEqual:
		return cql2.Equal
	case cql2.Less:
		return cql2.GreaterOrEqual
	case cql2.GreaterOrEqual:
		return cql2.Less
	case cql2.Greater:
		return cql2.LessOrEqual
	default:
		return cql2.Greater
	}
}
