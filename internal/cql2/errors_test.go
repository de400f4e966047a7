package cql2_test

import (
	"errors"
	"strings"
	"testing"

	"landings/internal/cql2"
	"landings/internal/dataset"
)

func invalid(t *testing.T, err error) (*dataset.Error, dataset.Place) {
	t.Helper()
	e, ok := errors.AsType[*dataset.Error](err)
	if !ok {
		t.Fatalf("got %v, want a *dataset.Error", err)
	}
	if e.Code != dataset.Invalid || len(e.Places) != 1 {
		t.Fatalf("got code %s and %d places, want invalid and 1", e.Code, len(e.Places))
	}
	return e, e.Places[0]
}

func TestTextErrors(t *testing.T) {
	for _, c := range []struct {
		text, place string
		remedy      string // what it has to contain
	}{
		{"", "column 1: expected a value, found the end", ""},
		{"year", "", ""},
		{"'year'", "column 1: expected a predicate, found the string 'year'", ""},
		{"year + 1", "column 1: expected a predicate, found a calculation", ""},
		{"year >", "column 7: expected a value, found the end", ""},
		{"year 1990", "column 6: expected an operator or the end, found 1990", ""},
		{"year = 1990 1991", "column 13: expected AND, OR or the end, found 1991", ""},
		{"year = 1990)", "column 12: expected AND, OR or the end, found )", ""},
		{"(year = 1990", "column 13: expected AND, OR or ), found the end", ""},
		{"(year", "column 6: expected an operator or ), found the end", ""},
		{"year == 1990", "column 7: expected a value, found =", "a single ="},
		{"year != 1990", "column 6: unexpected character '!'", "<>"},
		{"year = 1990 && a = 1", "column 13: unexpected character '&'", ""},
		{"a = 1 = 2", "column 1: expected a string, number, boolean, date, timestamp, property or function, found a predicate", ""},
		{"a = POINT(1 2)", "column 5: expected a string, number, boolean, date, timestamp, property or function, found a geometry", ""},
		{"a = INTERVAL('..', '..')", "column 5: expected a string, number, boolean, date, timestamp, property or function, found an interval", ""},
		{"a AND 'b'", "column 7: expected a predicate, found the string 'b'", ""},
		{"NOT 1", "column 5: expected a predicate, found the number 1", ""},
		{"NOT NOT a", "column 5: expected a value, found the keyword NOT", ""},
		{"a NOT = 1", "column 7: expected LIKE, BETWEEN or IN after NOT, found =", ""},
		{"a IS 1", "column 6: expected NULL, found 1", ""},
		{"a LIKE b", "column 8: expected a pattern, which is a string, CASEI or ACCENTI of one, found the property b", ""},
		{"a LIKE CASEI(b)", "column 8: expected a pattern, which is a string, CASEI or ACCENTI of one, found the property b", ""},
		{"5 LIKE 'b'", "column 1: expected a string, property or function, found the number 5", ""},
		{"a BETWEEN 1 OR 2", "column 13: expected AND and the upper end of BETWEEN, found the keyword OR", ""},
		{"a BETWEEN 'x' AND 'y'", "column 11: expected a number, calculation, property or function, found the string 'x'", ""},
		{"a IN 1", "column 6: expected (, found 1", ""},
		{"a IN (1 2)", "column 9: expected an operator or , or ), found 2", ""},
		{"a IN (1,)", "column 9: expected a value, found )", ""},
		{"a IN ((1, 2))", "column 9: expected an operator or ), found ,", ""},
		{"CASEI(5) = 'a'", "column 7: expected a string, property or function, found the number 5", ""},
		{"a + 'b' = 1", "column 5: expected a number, calculation, property or function, found the string 'b'", ""},
		{"2 ^ 3 ^ 4 = a", "column 7: a power of a power is ambiguous", "parentheses"},
		{"+a = 1", "column 2: expected a number, found a", ""},
		{"date = 1", "column 6: expected ( after the keyword DATE, found =", `"date"`},
		{"a = date", "column 9: expected ( after the keyword DATE, found the end", `"date"`},
		{"point IS NULL", "column 7: expected ( after the keyword POINT, found the keyword IS", `"point"`},
		{"a = t_after", "column 12: expected ( after the keyword T_AFTER, found the end", `"t_after"`},
		{"a = null", "column 5: expected a value, found the keyword NULL", `"null"`},
		{"and = 1", "column 1: expected a value, found the keyword AND", `"and"`},
		{"S_INTERSECTS(a)", "column 15: expected an operator or , and a second operand, found )", ""},
		{"S_INTERSECTS(a, 5)", "column 17: expected a geometry, BBOX, property or function, found the number 5", ""},
		{"S_INTERSECTS(a, b, c)", "column 18: expected an operator or ), found ,", ""},
		{"T_AFTER(a, '2000-01-01')", "column 12: expected a date, timestamp, interval, property or function, found the string '2000-01-01'", ""},
		{"A_CONTAINS(a, 'b')", "column 15: expected a list, property or function, found the string 'b'", ""},
		{"a = DATE('2023-02-29')", "column 10: expected a date YYYY-MM-DD, found '2023-02-29'", ""},
		{"a = DATE(b)", "column 10: expected a string, found b", ""},
		{"a = TIMESTAMP('2023-02-28')", "column 15: expected a timestamp YYYY-MM-DDThh:mm:ssZ, found '2023-02-28'", ""},
		{"a = TIMESTAMP('2023-02-28T24:00:00Z')", "column 15: expected a timestamp YYYY-MM-DDThh:mm:ssZ, found '2023-02-28T24:00:00Z'", ""},
		{"a = TIMESTAMP('2023-02-28T10:00:00+01:00')", "column 15: expected a timestamp YYYY-MM-DDThh:mm:ssZ, found '2023-02-28T10:00:00+01:00'", ""},
		{"a = TIMESTAMP('2023-02-28T10:00:00.Z')", "column 15: expected a timestamp YYYY-MM-DDThh:mm:ssZ, found '2023-02-28T10:00:00.Z'", ""},
		{"T_DURING(a, INTERVAL('2000', '..'))", "column 22: expected '..', a date YYYY-MM-DD or a timestamp YYYY-MM-DDThh:mm:ssZ, found '2000'", ""},
		{"T_DURING(a, INTERVAL(DATE('2000-01-01'), 5))", "column 42: expected a date or timestamp in quotes, '..', a property or a function, found the number 5", ""},
		{"S_EQUALS(a, POINT(1))", "column 20: expected a number, found )", ""},
		{"S_EQUALS(a, POINT(1 2 3 4))", "column 25: expected ), found 4", ""},
		{"S_EQUALS(a, POINT EMPTY)", "column 19: expected (, found EMPTY", ""},
		{"S_EQUALS(a, LINESTRING(1 2))", "column 23: expected at least 2 positions in a line, found 1", ""},
		{"S_EQUALS(a, LINESTRING(1 2, 3 4 5))", "column 29: expected as many coordinates as in the geometry's other positions", ""},
		{"S_EQUALS(a, POLYGON((0 0, 1 0, 0 0)))", "column 21: expected at least 4 positions in a ring, found 3", ""},
		{"S_EQUALS(a, POLYGON((0 0, 1 0, 1 1, 0 1)))", "column 21: the ring does not close", "first position"},
		{"S_EQUALS(a, GEOMETRYCOLLECTION(GEOMETRYCOLLECTION(POINT(1 2))))", "column 32: expected a geometry that is neither a collection nor a bounding box, found the keyword GEOMETRYCOLLECTION", ""},
		{"S_EQUALS(a, GEOMETRYCOLLECTION EMPTY)", "column 32: expected ( and a geometry, found EMPTY", ""},
		{"S_EQUALS(a, BBOX(1, 2, 3))", "column 13: expected 4 or 6 numbers in a bounding box, found 3", ""},
		{"S_EQUALS(a, BBOX(1, 2, 3, 4, 5, 6, 7))", "column 36: expected ) after the 6 numbers of a bounding box, found another", ""},
		{"f(a b)", "column 5: expected an operator or , or ), found b", ""},
		{"isnull(a)", "column 1: expected a function, found the operator isNull", ""},
		{`"like"(a, 'b')`, "column 1: expected a function, found the operator like", ""},
		{"(a, b) IS NULL", "column 3: expected an operator or ), found ,", ""},
		{"name = 'Aachen", "column 8: the string does not end", "''"},
		{`name = 'Aachen\'`, "column 8: the string does not end", `\\`},
		{`"mass (g) = 1`, "column 1: the name does not end", ""},
		{"a = 5x", "column 6: expected white space or an operator after the number", ""},
		{"a = 1e", "column 5: expected digits in the exponent of the number", ""},
		{"a = .", "column 5: expected a digit after the point", ""},
		{"ä = 'ü' x", "column 11: expected AND, OR or the end, found x", ""},
		{"a = 'b\xff'", "column 7: expected UTF-8", ""},
		{"a = 1\n  AND b >\n", "line 3, column 1: expected a value, found the end", ""},
		{"a = 1\nAND b ? 2", "line 2, column 7: unexpected character '?'", ""},
		{"a ?\nAND b", "line 1, column 3: unexpected character '?'", ""},
		{"a = '" + strings.Repeat("é", 100) + "' b", "column 208: expected AND, OR or the end, found b", ""},
	} {
		t.Run(c.text, func(t *testing.T) {
			_, err := cql2.ParseText(c.text)
			if c.place == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			e, place := invalid(t, err)
			if place.String() != c.place {
				t.Errorf("\n got %s\nwant %s", place, c.place)
			}
			if e.Remedy == "" || !strings.Contains(e.Remedy, c.remedy) {
				t.Errorf("remedy %q lacks %q", e.Remedy, c.remedy)
			}
		})
	}
}

func TestJSONErrors(t *testing.T) {
	for _, c := range []struct{ json, place, remedy string }{
		{``, "line 1, column 1: expected JSON, found the end", ""},
		{`5`, "expected a predicate, found the number 5", ""},
		{`null`, "expected an expression, found null", "isNull"},
		{`[true]`, "expected a predicate, found a list", ""},
		{`{}`, `expected an object with "op" and "args", "property", "date", "timestamp", "interval", "bbox", or "type" and "coordinates"`, ""},
		{`{"op":"not"}`, `expected "args" beside "op"`, ""},
		{`{"args":[]}`, `expected "op" beside "args"`, ""},
		{`{"op":"not","args":[true],"property":"a"}`, `expected an object with "op" and "args", "property", "date", "timestamp", "interval", "bbox", or "type" and "coordinates"`, ""},
		{`{"op":"=","args":[{"property":"a"},1],"a/b":2}`, `/a~1b: CQL2 knows no member "a/b"`, ""},
		{`{"op":5,"args":[]}`, "/op: expected the name of an operator or function, found a number", ""},
		{`{"op":"not","args":true}`, "/args: expected a list, found a boolean", ""},
		{`{"op":"AND","args":[true,true]}`, "/op: the operator AND is spelled otherwise", `"and"`},
		{`{"op":"isnull","args":[1]}`, "/op: the operator isnull is spelled otherwise", `"isNull"`},
		{`{"op":"and","args":[true]}`, "/args: expected at least 2 operands of and, found 1", ""},
		{`{"op":"not","args":[true,true]}`, "/args: expected 1 operands of not, found 2", ""},
		{`{"op":"=","args":[{"property":"a"}]}`, "/args: expected 2 operands of =, found 1", ""},
		{`{"op":"and","args":[true,{"op":"=","args":[{"property":"a"},[1]]}]}`, "/args/1/args/1: expected a string, number, boolean, date, timestamp, property or function, found a list", ""},
		{`{"op":"in","args":[{"property":"a"},1]}`, "/args/1: expected a list, found the number 1", ""},
		{`{"op":"in","args":[{"property":"a"},[1,[2]]]}`, "/args/1/1: expected a string, number, boolean, date, timestamp, property or function, found a list", ""},
		{`{"op":"like","args":[{"property":"a"},{"property":"b"}]}`, "/args/1: expected a pattern, which is a string, CASEI or ACCENTI of one, found the property b", ""},
		{`{"op":"+","args":[1,null]}`, "/args/1: expected an expression, found null", "isNull"},
		{`{"property":["a"]}`, "/property: expected the name of a property, found a list", ""},
		{`{"op":"=","args":[{"property":"a"},{"date":"2023-13-01"}]}`, "/args/1/date: expected a date YYYY-MM-DD, found '2023-13-01'", ""},
		{`{"op":"=","args":[{"property":"a"},{"timestamp":1}]}`, "/args/1/timestamp: expected a timestamp YYYY-MM-DDThh:mm:ssZ, found a number", ""},
		{`{"op":"t_during","args":[{"property":"a"},{"interval":[".."]}]}`, "/args/1/interval: expected the two ends of an interval, found 1", ""},
		{`{"op":"t_during","args":[{"property":"a"},{"interval":["..","soon"]}]}`, "/args/1/interval/1: expected '..', a date YYYY-MM-DD or a timestamp YYYY-MM-DDThh:mm:ssZ, found 'soon'", ""},
		{`{"op":"s_equals","args":[{"property":"a"},{"type":"Circle","coordinates":[1,2]}]}`, `/args/1/type: expected a type of geometry such as Point or Polygon, found "Circle"`, ""},
		{`{"op":"s_equals","args":[{"property":"a"},{"type":"Point"}]}`, `/args/1: expected an object with "op" and "args", "property", "date", "timestamp", "interval", "bbox", or "type" and "coordinates"`, ""},
		{`{"op":"s_equals","args":[{"property":"a"},{"type":"Point","geometries":[]}]}`, `/args/1: expected "coordinates" in a geometry other than a GeometryCollection`, ""},
		{`{"op":"s_equals","args":[{"property":"a"},{"type":"GeometryCollection","coordinates":[]}]}`, `/args/1: expected "geometries" in a GeometryCollection`, ""},
		{`{"op":"s_equals","args":[{"property":"a"},{"type":"GeometryCollection","geometries":[]}]}`, `/args/1/geometries: expected at least one geometry in a collection`, ""},
		{`{"op":"s_equals","args":[{"property":"a"},{"type":"GeometryCollection","geometries":[{"bbox":[1,2,3,4]}]}]}`, `/args/1/geometries/0: expected a geometry that is neither a collection nor a bounding box, found a geometry`, ""},
		{`{"op":"s_equals","args":[{"property":"a"},{"type":"Point","coordinates":[1]}]}`, "/args/1/coordinates: expected 2 or 3 numbers in a position, found 1", ""},
		{`{"op":"s_equals","args":[{"property":"a"},{"type":"Point","coordinates":[1, "2"]}]}`, "/args/1/coordinates/1: expected a number", ""},
		{`{"op":"s_equals","args":[{"property":"a"},{"type":"LineString","coordinates":[[1,2],[3,4,5]]}]}`, "/args/1/coordinates/1: expected as many coordinates as in the geometry's other positions", ""},
		{`{"op":"s_equals","args":[{"property":"a"},{"type":"LineString","coordinates":[[1,2],{}]}]}`, "/args/1/coordinates/1: expected a list of 2 or 3 numbers", ""},
		{`{"op":"s_equals","args":[{"property":"a"},{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1]]]}]}`, "/args/1/coordinates/0: the ring does not close", "first position"},
		{`{"op":"s_equals","args":[{"property":"a"},{"type":"Polygon","coordinates":5}]}`, "/args/1/coordinates: expected a list of rings", ""},
		{`{"op":"s_equals","args":[{"property":"a"},{"bbox":[1,2,3,4,5]}]}`, "/args/1/bbox: expected 4 or 6 numbers in a bounding box, found 5", ""},
		{`{"op":"s_equals","args":[{"property":"a"},{"type":"Point","coordinates":[1,2],"bbox":[1]}]}`, "/args/1/bbox: expected 4 or 6 numbers in a bounding box, found 1", ""},
		{`{"op":"not",`, "line 1, column 13: unexpected EOF", ""},
		{`{"op":"not","args":[true}`, "line 1, column 25, /args: invalid character '}' after array element (expecting ',' or ']')", ""},
		{"{\"op\":\"not\",\n\"op\":\"not\"}", "line 2, column 1, /op: duplicate object member name", ""},
		{"{\"property\":\"\xff\"}", "line 1, column 14, /property: invalid UTF-8", ""},
		{`{"property":"\ud800"}`, "line 1, column 14, /property: invalid surrogate pair `\\ud800\"}` in string", ""},
		{`true false`, "expected the end after the filter", ""},
		{`true }`, "line 1, column 6: invalid character '}' at start of value", ""},
	} {
		t.Run(c.json, func(t *testing.T) {
			_, err := cql2.ParseJSON([]byte(c.json))
			e, place := invalid(t, err)
			if place.String() != c.place {
				t.Errorf("\n got %s\nwant %s", place, c.place)
			}
			if e.Remedy == "" || !strings.Contains(e.Remedy, c.remedy) {
				t.Errorf("remedy %q lacks %q", e.Remedy, c.remedy)
			}
		})
	}
}

// nestings are ways to nest: each gives a tree one level deeper than e.
var nestings = map[string]func(e cql2.Expr) cql2.Expr{
	"not":      func(e cql2.Expr) cql2.Expr { return cql2.Not{Arg: e} },
	"and":      func(e cql2.Expr) cql2.Expr { return cql2.And{Args: []cql2.Expr{e, cql2.Boolean{}}} },
	"or":       func(e cql2.Expr) cql2.Expr { return cql2.Or{Args: []cql2.Expr{cql2.Boolean{}, e}} },
	"isNull":   func(e cql2.Expr) cql2.Expr { return cql2.IsNull{Arg: e} },
	"function": func(e cql2.Expr) cql2.Expr { return cql2.Function{Name: "f", Args: []cql2.Expr{e}} },
	"in":       func(e cql2.Expr) cql2.Expr { return cql2.In{Arg: cql2.Boolean{}, List: []cql2.Expr{call(e)}} },
	"arrays": func(e cql2.Expr) cql2.Expr {
		return cql2.ArrayPredicate{Op: cql2.AEquals, Left: list(e), Right: list()}
	},
	"arithmetic": func(e cql2.Expr) cql2.Expr {
		return cql2.Comparison{Op: cql2.Equal, Left: power(power(call(e))), Right: call()}
	},
}

func call(e ...cql2.Expr) cql2.Expr {
	return cql2.Function{Name: "f", Args: append([]cql2.Expr{}, e...)}
}
func list(e ...cql2.Expr) cql2.Expr { return cql2.Array{Items: append([]cql2.Expr{}, e...)} }
func power(e cql2.Expr) cql2.Expr {
	return cql2.Arithmetic{Op: cql2.Power, Left: e, Right: cql2.Number{Text: "2"}}
}

func depth(e cql2.Expr) int {
	deepest := 0
	for _, c := range children(e) {
		deepest = max(deepest, depth(c))
	}
	return deepest + 1
}

// children gives the operands of a node: what Walk visits right below it.
func children(e cql2.Expr) (list []cql2.Expr) {
	first := true
	cql2.Walk(e, func(c cql2.Expr) bool {
		if first {
			first = false
			return true
		}
		list = append(list, c)
		return false
	})
	return list
}

// TestDepth nests in every way up to the limit, which both forms must take, and
// beyond, which both must refuse.
func TestDepth(t *testing.T) {
	for name, nest := range nestings {
		t.Run(name, func(t *testing.T) {
			var tree cql2.Expr = cql2.Boolean{Value: true}
			for depth(nest(tree)) <= cql2.MaxDepth {
				tree = nest(tree)
			}
			checkLaws(t, tree)
			tree = nest(tree)
			_, err := cql2.ParseText(cql2.Text(tree))
			invalid(t, err)
			_, err = cql2.ParseJSON(cql2.JSON(tree))
			invalid(t, err)
		})
	}
}

func TestLimits(t *testing.T) {
	many := func(n int, s string) string { return strings.TrimSuffix(strings.Repeat(s, n), ",") }
	for _, c := range []struct{ name, good, bad, detail string }{
		{
			"nodes", "a IN (" + many(cql2.MaxNodes-2, "1,") + ")", "a IN (" + many(cql2.MaxNodes-1, "1,") + ")",
			"the filter has more than 20000 parts",
		},
		{
			"positions", "S_EQUALS(a, MULTIPOINT(" + many(cql2.MaxPositions, "1 2,") + "))", "S_EQUALS(a, MULTIPOINT(" + many(cql2.MaxPositions+1, "1 2,") + "))",
			"the filter has more than 100000 positions",
		},
		{
			"long chain", "a = 0" + many(cql2.MaxDepth-2, "+1"), "a = 0" + many(cql2.MaxDepth-1, "+1"),
			"the filter is nested more than 100 levels deep",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree, err := cql2.ParseText(c.good)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := cql2.ParseJSON(cql2.JSON(tree)); err != nil {
				t.Fatal(err)
			}
			_, err = cql2.ParseText(c.bad)
			if _, place := invalid(t, err); place.Detail != c.detail {
				t.Errorf("got %q, want %q", place.Detail, c.detail)
			}
		})
	}
	for _, bad := range []string{
		strings.Repeat("(", cql2.MaxLength),
		strings.Repeat("f(", cql2.MaxLength/2),
		"f(" + strings.Repeat("(", cql2.MaxLength-2),
		"f(" + strings.Repeat("()", cql2.MaxLength/2-1),
		strings.Repeat("-", cql2.MaxLength),
		strings.Repeat("NOT ", cql2.MaxLength/4),
		strings.Repeat("a^", cql2.MaxLength/2),
		"a = '" + strings.Repeat("b", cql2.MaxLength),
	} {
		_, err := cql2.ParseText(bad)
		invalid(t, err)
	}
	for _, bad := range []string{
		strings.Repeat("[", cql2.MaxLength),
		strings.Repeat(`{"op":"not","args":[`, cql2.MaxLength/20),
		strings.Repeat(`{"interval":[`, cql2.MaxLength/13),
		`{"type":"Point","coordinates":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}",
		`"` + strings.Repeat("b", cql2.MaxLength),
	} {
		_, err := cql2.ParseJSON([]byte(bad))
		invalid(t, err)
	}
}
