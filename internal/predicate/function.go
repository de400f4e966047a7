package predicate

import (
	"math"
	"strings"
	"unicode/utf8"

	"landings/internal/cql2"
	"landings/internal/dataset"
	"landings/internal/geo"
)

// Function is one that filters can call besides those of the standard.
type Function struct {
	Name      string
	Arguments []string // what each of them is: number, text, geometry
	Returns   string
	Does      string

	arguments []class
	returns   class
	apply     func(args []Value) Value
}

// Functions gives all functions, in order of name. It must not be modified.
func Functions() []Function { return functions }

var functions = []Function{
	onNumber("abs", "the number without its sign", math.Abs),
	onNumber("ceil", "the next integer that is not smaller", math.Ceil),
	{
		Name: "distance", Arguments: []string{"geometry", "geometry"}, Returns: "number",
		Does:      "metres along the sphere between two points",
		arguments: []class{place, place}, returns: numeric, apply: distance,
	},
	onNumber("floor", "the next integer that is not greater", math.Floor),
	{
		Name: "length", Arguments: []string{"text"}, Returns: "number", Does: "the number of characters",
		arguments: []class{text}, returns: numeric,
		apply: func(args []Value) Value { return integerValue(int64(utf8.RuneCountInString(args[0].Text))) },
	},
	onText("lower", "the text in lower case", strings.ToLower),
	onNumber("round", "the nearest integer, halves away from zero", math.Round),
	onNumber("sqrt", "the square root", math.Sqrt),
	onText("upper", "the text in upper case", strings.ToUpper),
}

func onNumber(name, does string, f func(float64) float64) Function {
	return Function{
		Name: name, Arguments: []string{"number"}, Returns: "number", Does: does,
		arguments: []class{numeric}, returns: numeric,
		apply: func(args []Value) Value {
			v := numberValue(f(args[0].Float()))
			if x := v.Float(); v.Kind == Number && x == math.Trunc(x) && math.Abs(x) < 1<<53 {
				return integerValue(int64(x)) // compares with integers and numbers alike
			}
			return v
		},
	}
}

func onText(name, does string, f func(string) string) Function {
	return Function{
		Name: name, Arguments: []string{"text"}, Returns: "text", Does: does,
		arguments: []class{text}, returns: text,
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
	function *Function
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
		if !strings.EqualFold(f.Name, e.Name) {
			continue
		}
		if len(e.Args) != len(f.arguments) {
			fail("", "%s takes %s, found %d arguments", f.Name, strings.Join(f.Arguments, " and "), len(e.Args))
		}
		c := call{function: f, args: make([]Expr, len(e.Args))}
		for i, a := range e.Args {
			c.args[i] = b.want(a, f.arguments[i]).Expr
		}
		return typed{c, f.returns, e}
	}
	var names []string
	for _, f := range functions {
		names = append(names, f.Name)
	}
	fail("there are "+strings.Join(names, ", "), "there is no function %s", dataset.Excerpt(e.Name))
	return typed{}
}
