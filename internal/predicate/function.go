package predicate

import (
	"math"
	"strings"
	"unicode/utf8"

	"landings/internal/cql2"
	"landings/internal/dataset"
	"landings/internal/geo"
)

// function is one that filters can call besides those of the standard; what each
// does stands in docs/query.md.
type function struct {
	name      string
	arguments []class
	returns   class
	apply     func(args []Value) Value
}

// functions are all functions, in order of name. They are read only.
var functions = []function{
	onNumber("abs", math.Abs),
	onNumber("ceil", math.Ceil),
	{
		name: "distance", arguments: []class{place, place}, returns: numeric, apply: distance,
	},
	onNumber("floor", math.Floor),
	{
		name: "length", arguments: []class{text}, returns: numeric,
		apply: func(args []Value) Value { return integerValue(int64(utf8.RuneCountInString(args[0].Text))) },
	},
	onText("lower", strings.ToLower),
	onNumber("round", math.Round),
	onNumber("sqrt", math.Sqrt),
	onText("upper", strings.ToUpper),
}

func onNumber(name string, f func(float64) float64) function {
	return function{
		name: name, arguments: []class{numeric}, returns: numeric,
		apply: func(args []Value) Value {
			v := numberValue(f(args[0].Float()))
			if x := v.Float(); v.Kind == Number && x == math.Trunc(x) && math.Abs(x) < 1<<53 {
				return integerValue(int64(x)) // compares with integers and numbers alike
			}
			return v
		},
	}
}

func onText(name string, f func(string) string) function {
	return function{
		name: name, arguments: []class{text}, returns: text,
		apply: func(args []Value) Value { return textValue(f(args[0].Text)) },
	}
}

// distance has no result for geometries that are no points.
func distance(args []Value) Value {
	if !args[0].IsPoint() || !args[1].IsPoint() {
		return Value{Kind: Misfit}
	}
	lon1, lat1 := args[0].LonLat()
	lon2, lat2 := args[1].LonLat()
	return numberValue(geo.Distance(lon1, lat1, lon2, lat2))
}

// call is a call of a function.
type call struct {
	function *function
	args     []Expr
}

func (c call) Reads(fields []int) []int {
	for _, a := range c.args {
		fields = a.Reads(fields)
	}
	return fields
}

func (c call) Value(row Row) Value {
	var room [2]Value
	values := room[:0]
	for i, a := range c.args {
		v := a.Value(row)
		fits := false
		switch c.function.arguments[i] {
		case numeric:
			fits = isNumeric(v.Kind)
		case text:
			fits = v.Kind == Text
		case place:
			fits = v.Kind == Place
		}
		if !fits {
			return noResult(v)
		}
		values = append(values, v)
	}
	return c.function.apply(values)
}

func (b binder) function(e cql2.Function) typed {
	for i := range functions {
		f := &functions[i]
		if !strings.EqualFold(f.name, e.Name) {
			continue
		}
		if len(e.Args) != len(f.arguments) {
			var takes []string
			for _, c := range f.arguments {
				takes = append(takes, c.String())
			}
			fail("", "%s takes %s, found %d arguments", f.name, strings.Join(takes, " and "), len(e.Args))
		}
		c := call{function: f, args: make([]Expr, len(e.Args))}
		for i, a := range e.Args {
			c.args[i] = b.want(a, f.arguments[i]).Expr
		}
		return typed{c, f.returns, e}
	}
	var names []string
	for _, f := range functions {
		names = append(names, f.name)
	}
	fail("there are "+strings.Join(names, ", "), "there is no function %s", dataset.Excerpt(e.Name))
	return typed{}
}
