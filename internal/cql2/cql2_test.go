package cql2_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"landings/internal/cql2"
)

// filters names, for each production of the grammar, a filter as text and as
// JSON. A text that is not as Text prints it has its print as third.
var filters = []struct{ production, text, json, printed string }{
	// Booleans.
	{"booleanExpression", "a = 1 OR b = 2 OR c = 3", `{"op":"or","args":[{"op":"=","args":[{"property":"a"},1]},{"op":"=","args":[{"property":"b"},2]},{"op":"=","args":[{"property":"c"},3]}]}`, ""},
	{"booleanTerm binds tighter", "a = 1 OR b = 2 AND c = 3", `{"op":"or","args":[{"op":"=","args":[{"property":"a"},1]},{"op":"and","args":[{"op":"=","args":[{"property":"b"},2]},{"op":"=","args":[{"property":"c"},3]}]}]}`, ""},
	{"booleanTerm of an OR", "(a = 1 or b = 2) and c = 3", `{"op":"and","args":[{"op":"or","args":[{"op":"=","args":[{"property":"a"},1]},{"op":"=","args":[{"property":"b"},2]}]},{"op":"=","args":[{"property":"c"},3]}]}`, "(a = 1 OR b = 2) AND c = 3"},
	{"booleanTerm within a booleanTerm", "(a() AND b()) AND c()", `{"op":"and","args":[{"op":"and","args":[{"op":"a","args":[]},{"op":"b","args":[]}]},{"op":"c","args":[]}]}`, ""},
	{"booleanFactor", "NOT a = 1 AND b = 2", `{"op":"and","args":[{"op":"not","args":[{"op":"=","args":[{"property":"a"},1]}]},{"op":"=","args":[{"property":"b"},2]}]}`, ""},
	{"booleanFactor twice", "NOT (NOT (a = 1 AND b = 2))", `{"op":"not","args":[{"op":"not","args":[{"op":"and","args":[{"op":"=","args":[{"property":"a"},1]},{"op":"=","args":[{"property":"b"},2]}]}]}]}`, ""},
	{"booleanPrimary: function", "seen(name) AND NOT lost()", `{"op":"and","args":[{"op":"seen","args":[{"property":"name"}]},{"op":"not","args":[{"op":"lost","args":[]}]}]}`, ""},
	{"booleanPrimary: literal", "true AND NOT False", `{"op":"and","args":[true,{"op":"not","args":[false]}]}`, "TRUE AND NOT FALSE"},
	{"booleanPrimary: property", "fallen OR NOT found", `{"op":"or","args":[{"property":"fallen"},{"op":"not","args":[{"property":"found"}]}]}`, ""},

	// Comparisons.
	{"binaryComparisonPredicate", "name = 'Aachen'", `{"op":"=","args":[{"property":"name"},"Aachen"]}`, ""},
	{"comparisonOperator <>", "year<>1880", `{"op":"<>","args":[{"property":"year"},1880]}`, "year <> 1880"},
	{"comparisonOperator of two terminals", "year < > 1880", `{"op":"<>","args":[{"property":"year"},1880]}`, "year <> 1880"},
	{"comparisonOperator <", "1880<year", `{"op":"<","args":[1880,{"property":"year"}]}`, "1880 < year"},
	{"comparisonOperator >", "year > other", `{"op":">","args":[{"property":"year"},{"property":"other"}]}`, ""},
	{"comparisonOperator <=", "day <= DATE('1969-02-08')", `{"op":"<=","args":[{"property":"day"},{"date":"1969-02-08"}]}`, ""},
	{"comparisonOperator >=", "at >= timestamp('1969-02-08T07:05:00.25Z')", `{"op":">=","args":[{"property":"at"},{"timestamp":"1969-02-08T07:05:00.25Z"}]}`, "at >= TIMESTAMP('1969-02-08T07:05:00.25Z')"},
	{"scalarExpression: boolean, function", "FALSE = seen(name)", `{"op":"=","args":[false,{"op":"seen","args":[{"property":"name"}]}]}`, ""},
	{"isLikePredicate", "name LIKE 'A_ch%'", `{"op":"like","args":[{"property":"name"},"A_ch%"]}`, ""},
	{"isLikePredicate: NOT", "name not like 'A%'", `{"op":"not","args":[{"op":"like","args":[{"property":"name"},"A%"]}]}`, "name NOT LIKE 'A%'"},
	{"isLikePredicate: NOT before and within", "NOT name NOT LIKE 'A%'", `{"op":"not","args":[{"op":"not","args":[{"op":"like","args":[{"property":"name"},"A%"]}]}]}`, ""},
	{"isLikePredicate: escaped wildcard", `'100%' LIKE '100\%'`, `{"op":"like","args":["100%","100\\%"]}`, `'100%' LIKE '100\\%'`},
	{"patternExpression", "ACCENTI(CASEI(name)) LIKE ACCENTI(CASEI('aï%'))", `{"op":"like","args":[{"op":"accenti","args":[{"op":"casei","args":[{"property":"name"}]}]},{"op":"accenti","args":[{"op":"casei","args":["aï%"]}]}]}`, ""},
	{"isBetweenPredicate", "mass / 1000 BETWEEN 1 + 1 AND top(4) AND b = 1", `{"op":"and","args":[{"op":"between","args":[{"op":"/","args":[{"property":"mass"},1000]},{"op":"+","args":[1,1]},{"op":"top","args":[4]}]},{"op":"=","args":[{"property":"b"},1]}]}`, ""},
	{"isBetweenPredicate: NOT", "mass NOT BETWEEN -1 AND 1", `{"op":"not","args":[{"op":"between","args":[{"property":"mass"},-1,1]}]}`, ""},
	{"isInListPredicate", "recclass IN ('L5','H6', upper(x), CASEI('l4'))", `{"op":"in","args":[{"property":"recclass"},["L5","H6",{"op":"upper","args":[{"property":"x"}]},{"op":"casei","args":["l4"]}]]}`, "recclass IN ('L5', 'H6', upper(x), CASEI('l4'))"},
	{"isInListPredicate: NOT, calculations", "year NOT IN (1900 + 1, (2), -3, TRUE, DATE('2000-02-29'))", `{"op":"not","args":[{"op":"in","args":[{"property":"year"},[{"op":"+","args":[1900,1]},2,-3,true,{"date":"2000-02-29"}]]}]}`, "year NOT IN (1900 + 1, 2, -3, TRUE, DATE('2000-02-29'))"},
	{"isInListPredicate: empty, by the schema", "year IN ()", `{"op":"in","args":[{"property":"year"},[]]}`, ""},
	{"isNullPredicate", "mass IS NULL", `{"op":"isNull","args":[{"property":"mass"}]}`, ""},
	{"isNullPredicate: NOT", "mass is not null", `{"op":"not","args":[{"op":"isNull","args":[{"property":"mass"}]}]}`, "mass IS NOT NULL"},
	{"isNullOperand: predicate", "year = 1 IS NULL", `{"op":"isNull","args":[{"op":"=","args":[{"property":"year"},1]}]}`, "(year = 1) IS NULL"},
	{"isNullOperand: booleans", "(a = 1 OR b = 2) IS NULL IS NOT NULL", `{"op":"not","args":[{"op":"isNull","args":[{"op":"isNull","args":[{"op":"or","args":[{"op":"=","args":[{"property":"a"},1]},{"op":"=","args":[{"property":"b"},2]}]}]}]}]}`, "((a = 1 OR b = 2) IS NULL) IS NOT NULL"},
	{"isNullOperand: literals", "1 IS NULL OR 'a' IS NULL OR TRUE IS NULL OR POINT(1 2) IS NULL OR INTERVAL('..', '..') IS NULL OR a + 1 IS NULL OR f() IS NULL", `{"op":"or","args":[{"op":"isNull","args":[1]},{"op":"isNull","args":["a"]},{"op":"isNull","args":[true]},{"op":"isNull","args":[{"type":"Point","coordinates":[1,2]}]},{"op":"isNull","args":[{"interval":["..",".."]}]},{"op":"isNull","args":[{"op":"+","args":[{"property":"a"},1]}]},{"op":"isNull","args":[{"op":"f","args":[]}]}]}`, "1 IS NULL OR 'a' IS NULL OR TRUE IS NULL OR POINT (1 2) IS NULL OR INTERVAL('..', '..') IS NULL OR a + 1 IS NULL OR f() IS NULL"},

	// Space.
	{"spatialPredicate", "S_INTERSECTS(place, POINT(-3.5 40))", `{"op":"s_intersects","args":[{"property":"place"},{"type":"Point","coordinates":[-3.5,40]}]}`, "S_INTERSECTS(place, POINT (-3.5 40))"},
	{"spatialFunction: equals, disjoint", "S_EQUALS(a, b) OR S_DISJOINT(a, f(b))", `{"op":"or","args":[{"op":"s_equals","args":[{"property":"a"},{"property":"b"}]},{"op":"s_disjoint","args":[{"property":"a"},{"op":"f","args":[{"property":"b"}]}]}]}`, ""},
	{"spatialFunction: touches, within", "s_touches(a, b) OR S_Within(a, b)", `{"op":"or","args":[{"op":"s_touches","args":[{"property":"a"},{"property":"b"}]},{"op":"s_within","args":[{"property":"a"},{"property":"b"}]}]}`, "S_TOUCHES(a, b) OR S_WITHIN(a, b)"},
	{"spatialFunction: the rest", "S_OVERLAPS(a, b) OR S_CROSSES(a, b) OR S_CONTAINS(a, b)", `{"op":"or","args":[{"op":"s_overlaps","args":[{"property":"a"},{"property":"b"}]},{"op":"s_crosses","args":[{"property":"a"},{"property":"b"}]},{"op":"s_contains","args":[{"property":"a"},{"property":"b"}]}]}`, ""},
	{"pointTaggedText: Z", "S_EQUALS(point z (1 2.50 -3e2), g)", `{"op":"s_equals","args":[{"type":"Point","coordinates":[1,2.50,-3e2]},{"property":"g"}]}`, "S_EQUALS(POINT Z (1 2.50 -3e2), g)"},
	{"pointTaggedText: Z unsaid", "S_EQUALS(g, POINT(1 2 3))", `{"op":"s_equals","args":[{"property":"g"},{"type":"Point","coordinates":[1,2,3]}]}`, "S_EQUALS(g, POINT Z (1 2 3))"},
	{"linestringTaggedText", "S_CROSSES(g, LINESTRING(1 2, - 3 + 4, +5 .5))", `{"op":"s_crosses","args":[{"property":"g"},{"type":"LineString","coordinates":[[1,2],[-3,4],[5,0.5]]}]}`, "S_CROSSES(g, LINESTRING (1 2, -3 4, 5 0.5))"},
	{"polygonTaggedText", "S_WITHIN(g, POLYGON((0 0, 9 0, 9 9, 0.0 0), (1 1, 2 1, 2 2, 1 1)))", `{"op":"s_within","args":[{"property":"g"},{"type":"Polygon","coordinates":[[[0,0],[9,0],[9,9],[0.0,0]],[[1,1],[2,1],[2,2],[1,1]]]}]}`, "S_WITHIN(g, POLYGON ((0 0, 9 0, 9 9, 0.0 0), (1 1, 2 1, 2 2, 1 1)))"},
	{"linearRingText: emptySet", "S_WITHIN(g, POLYGON(EMPTY))", `{"op":"s_within","args":[{"property":"g"},{"type":"Polygon","coordinates":[[]]}]}`, "S_WITHIN(g, POLYGON (EMPTY))"},
	{"multipointTaggedText", "S_WITHIN(g, MULTIPOINT Z((1 2 3), (4 5 6)))", `{"op":"s_within","args":[{"property":"g"},{"type":"MultiPoint","coordinates":[[1,2,3],[4,5,6]]}]}`, "S_WITHIN(g, MULTIPOINT Z ((1 2 3), (4 5 6)))"},
	{"multipointTaggedText: bare points", "S_WITHIN(g, MULTIPOINT(1 2, (4 5)))", `{"op":"s_within","args":[{"property":"g"},{"type":"MultiPoint","coordinates":[[1,2],[4,5]]}]}`, "S_WITHIN(g, MULTIPOINT ((1 2), (4 5)))"},
	{"multilinestringTaggedText", "S_WITHIN(g, MULTILINESTRING((1 2, 3 4), (5 6, 7 8, 9 10)))", `{"op":"s_within","args":[{"property":"g"},{"type":"MultiLineString","coordinates":[[[1,2],[3,4]],[[5,6],[7,8],[9,10]]]}]}`, "S_WITHIN(g, MULTILINESTRING ((1 2, 3 4), (5 6, 7 8, 9 10)))"},
	{"multipolygonTaggedText", "S_WITHIN(g, MULTIPOLYGON Z (((0 0 1, 9 0 1, 9 9 1, 0 0 1)), ((1 1 1, 2 1 1, 2 2 1, 1 1 1), EMPTY)))", `{"op":"s_within","args":[{"property":"g"},{"type":"MultiPolygon","coordinates":[[[[0,0,1],[9,0,1],[9,9,1],[0,0,1]]],[[[1,1,1],[2,1,1],[2,2,1],[1,1,1]],[]]]}]}`, ""},
	{"EMPTY geometries, by the schema", "f(POLYGON EMPTY, MULTIPOINT EMPTY, MULTILINESTRING EMPTY, MULTIPOLYGON EMPTY, MULTIPOLYGON (EMPTY))", `{"op":"f","args":[{"type":"Polygon","coordinates":[]},{"type":"MultiPoint","coordinates":[]},{"type":"MultiLineString","coordinates":[]},{"type":"MultiPolygon","coordinates":[]},{"type":"MultiPolygon","coordinates":[[]]}]}`, ""},
	{"geometryCollectionTaggedText", "S_WITHIN(g, GEOMETRYCOLLECTION(POINT(1 2), POLYGON Z((0 0 1, 9 0 1, 9 9 1, 0 0 1))))", `{"op":"s_within","args":[{"property":"g"},{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,2]},{"type":"Polygon","coordinates":[[[0,0,1],[9,0,1],[9,9,1],[0,0,1]]]}]}]}`, "S_WITHIN(g, GEOMETRYCOLLECTION (POINT (1 2), POLYGON Z ((0 0 1, 9 0 1, 9 9 1, 0 0 1))))"},
	{"geometryCollectionTaggedText: Z", "S_WITHIN(g, GEOMETRYCOLLECTION Z (POINT Z (1 2 3), LINESTRING Z (1 2 3, 4 5 6), MULTILINESTRING Z ((1 2 3, 4 5 6))))", `{"op":"s_within","args":[{"property":"g"},{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,2,3]},{"type":"LineString","coordinates":[[1,2,3],[4,5,6]]},{"type":"MultiLineString","coordinates":[[[1,2,3],[4,5,6]]]}]}]}`, ""},
	{"bboxTaggedText", "S_INTERSECTS(g, bbox(170.0,-10,-170,10))", `{"op":"s_intersects","args":[{"property":"g"},{"bbox":[170.0,-10,-170,10]}]}`, "S_INTERSECTS(g, BBOX(170.0, -10, -170, 10))"},
	{"bboxTaggedText: heights", "S_INTERSECTS(g, BBOX(1, 2, 3, 4, 5, 6))", `{"op":"s_intersects","args":[{"property":"g"},{"bbox":[1,2,3,4,5,6]}]}`, ""},

	// Time.
	{"temporalPredicate", "T_AFTER(at, DATE('1969-02-08')) OR T_BEFORE(at, f()) OR T_EQUALS(at, TIMESTAMP('2016-12-31T23:59:60Z'))", `{"op":"or","args":[{"op":"t_after","args":[{"property":"at"},{"date":"1969-02-08"}]},{"op":"t_before","args":[{"property":"at"},{"op":"f","args":[]}]},{"op":"t_equals","args":[{"property":"at"},{"timestamp":"2016-12-31T23:59:60Z"}]}]}`, ""},
	{"intervalInstance", "T_DURING(INTERVAL(a, f(b)), interval('1969-02-08','..'))", `{"op":"t_during","args":[{"interval":[{"property":"a"},{"op":"f","args":[{"property":"b"}]}]},{"interval":["1969-02-08",".."]}]}`, "T_DURING(INTERVAL(a, f(b)), INTERVAL('1969-02-08', '..'))"},
	{"temporalFunction: intervals 1", "T_CONTAINS(a, b) OR T_DISJOINT(a, b) OR T_FINISHEDBY(a, b) OR t_finishes(a, b) OR T_INTERSECTS(a, b) OR T_MEETS(a, b)", `{"op":"or","args":[{"op":"t_contains","args":[{"property":"a"},{"property":"b"}]},{"op":"t_disjoint","args":[{"property":"a"},{"property":"b"}]},{"op":"t_finishedBy","args":[{"property":"a"},{"property":"b"}]},{"op":"t_finishes","args":[{"property":"a"},{"property":"b"}]},{"op":"t_intersects","args":[{"property":"a"},{"property":"b"}]},{"op":"t_meets","args":[{"property":"a"},{"property":"b"}]}]}`, "T_CONTAINS(a, b) OR T_DISJOINT(a, b) OR T_FINISHEDBY(a, b) OR T_FINISHES(a, b) OR T_INTERSECTS(a, b) OR T_MEETS(a, b)"},
	{"temporalFunction: intervals 2", "T_METBY(a, b) OR T_OVERLAPPEDBY(a, b) OR T_OVERLAPS(a, b) OR T_STARTEDBY(a, b) OR T_STARTS(INTERVAL('..', '2000-01-01T00:00:00Z'), b)", `{"op":"or","args":[{"op":"t_metBy","args":[{"property":"a"},{"property":"b"}]},{"op":"t_overlappedBy","args":[{"property":"a"},{"property":"b"}]},{"op":"t_overlaps","args":[{"property":"a"},{"property":"b"}]},{"op":"t_startedBy","args":[{"property":"a"},{"property":"b"}]},{"op":"t_starts","args":[{"interval":["..","2000-01-01T00:00:00Z"]},{"property":"b"}]}]}`, ""},

	// Arrays.
	{"arrayPredicate", "A_CONTAINS(tags, ('a', 1)) OR a_equals((a), ((a)))", `{"op":"or","args":[{"op":"a_contains","args":[{"property":"tags"},["a",1]]},{"op":"a_equals","args":[[{"property":"a"}],[[{"property":"a"}]]]}]}`, "A_CONTAINS(tags, ('a', 1)) OR A_EQUALS((a), ((a)))"},
	{"arrayFunction: the rest", "A_CONTAINEDBY((), tags) OR A_OVERLAPS(f(), ())", `{"op":"or","args":[{"op":"a_containedBy","args":[[],{"property":"tags"}]},{"op":"a_overlaps","args":[{"op":"f","args":[]},[]]}]}`, ""},
	{"arrayElement", "A_EQUALS(a, (CASEI('b'), 1 + 2, (1 + 2), (1 + 2) * 3, DATE('2000-01-01'), INTERVAL(b, '..'), POINT (1 2), a = 1 OR b = 2, (a OR b) AND c, TRUE, f((1)), ()))", `{"op":"a_equals","args":[{"property":"a"},[{"op":"casei","args":["b"]},{"op":"+","args":[1,2]},[{"op":"+","args":[1,2]}],{"op":"*","args":[{"op":"+","args":[1,2]},3]},{"date":"2000-01-01"},{"interval":[{"property":"b"},".."]},{"type":"Point","coordinates":[1,2]},{"op":"or","args":[{"op":"=","args":[{"property":"a"},1]},{"op":"=","args":[{"property":"b"},2]}]},{"op":"and","args":[{"op":"or","args":[{"property":"a"},{"property":"b"}]},{"property":"c"}]},true,{"op":"f","args":[[1]]},[]]]}`, ""},

	// Arithmetic.
	{"arithmeticExpression", "a - b - (c - d) + e = 1", `{"op":"=","args":[{"op":"+","args":[{"op":"-","args":[{"op":"-","args":[{"property":"a"},{"property":"b"}]},{"op":"-","args":[{"property":"c"},{"property":"d"}]}]},{"property":"e"}]},1]}`, ""},
	{"arithmeticTerm", "a * (b + c) / d % e div (f * g) = 1", `{"op":"=","args":[{"op":"div","args":[{"op":"%","args":[{"op":"/","args":[{"op":"*","args":[{"property":"a"},{"op":"+","args":[{"property":"b"},{"property":"c"}]}]},{"property":"d"}]},{"property":"e"}]},{"op":"*","args":[{"property":"f"},{"property":"g"}]}]},1]}`, ""},
	{"powerTerm", "2 * a ^ -2 = (a ^ b) ^ (c ^ d)", `{"op":"=","args":[{"op":"*","args":[2,{"op":"^","args":[{"property":"a"},-2]}]},{"op":"^","args":[{"op":"^","args":[{"property":"a"},{"property":"b"}]},{"op":"^","args":[{"property":"c"},{"property":"d"}]}]}]}`, ""},
	{"arithmeticFactor: sign of a number", "a--1 = - 2+-3-+4", `{"op":"=","args":[{"op":"-","args":[{"property":"a"},-1]},{"op":"-","args":[{"op":"+","args":[-2,-3]},4]}]}`, "a - -1 = -2 + -3 - 4"},
	{"arithmeticFactor: sign of others", "-a ^ 2 = -f() * --1", `{"op":"=","args":[{"op":"^","args":[{"op":"*","args":[-1,{"property":"a"}]},2]},{"op":"*","args":[{"op":"*","args":[-1,{"op":"f","args":[]}]},{"op":"*","args":[-1,-1]}]}]}`, "(-1 * a) ^ 2 = -1 * f() * (-1 * -1)"},
	{"arithmeticFactor: sign of parentheses", "-(a + 1) = 1", `{"op":"=","args":[{"op":"*","args":[-1,{"op":"+","args":[{"property":"a"},1]}]},1]}`, "-1 * (a + 1) = 1"},

	// Names.
	{"propertyName", `"name" = 1 AND "mass (g)" > 2 AND "say ""a""" = 3 AND "" = 4 AND "DATE" = 5 AND "2nd" = 6`, `{"op":"and","args":[{"op":"=","args":[{"property":"name"},1]},{"op":">","args":[{"property":"mass (g)"},2]},{"op":"=","args":[{"property":"say \"a\""},3]},{"op":"=","args":[{"property":""},4]},{"op":"=","args":[{"property":"DATE"},5]},{"op":"=","args":[{"property":"2nd"},6]}]}`, `name = 1 AND "mass (g)" > 2 AND "say ""a""" = 3 AND "" = 4 AND "DATE" = 5 AND "2nd" = 6`},
	{"identifier", "eo:cloud.cover_2 = 1 AND Länge = 2 AND 名前 = 3 AND _x‿y = 4 AND Z = 5 AND EMPTY = 6", `{"op":"and","args":[{"op":"=","args":[{"property":"eo:cloud.cover_2"},1]},{"op":"=","args":[{"property":"Länge"},2]},{"op":"=","args":[{"property":"名前"},3]},{"op":"=","args":[{"property":"_x‿y"},4]},{"op":"=","args":[{"property":"Z"},5]},{"op":"=","args":[{"property":"EMPTY"},6]}]}`, ""},
	{"function", "f(a, (1, 'b'), (1), a + 1, a = 1, NOT a, g()) = 1", `{"op":"=","args":[{"op":"f","args":[{"property":"a"},[1,"b"],[1],{"op":"+","args":[{"property":"a"},1]},{"op":"=","args":[{"property":"a"},1]},{"op":"not","args":[{"property":"a"}]},{"op":"g","args":[]}]},1]}`, ""},
	{"function: any name", `"date"("a b"()) = 1`, `{"op":"=","args":[{"op":"date","args":[{"op":"a b","args":[]}]},1]}`, ""},

	// Literals.
	{"characterLiteral", "a = '' OR a = 'it''s' OR a = 'it\\'s' OR a = 'C:\\\\x' OR a = '\"'", `{"op":"or","args":[{"op":"=","args":[{"property":"a"},""]},{"op":"=","args":[{"property":"a"},"it's"]},{"op":"=","args":[{"property":"a"},"it's"]},{"op":"=","args":[{"property":"a"},"C:\\x"]},{"op":"=","args":[{"property":"a"},"\""]}]}`, `a = '' OR a = 'it''s' OR a = 'it''s' OR a = 'C:\\x' OR a = '"'`},
	{"escapes", `a = '\a\b\t\n\v\f\r\x'`, `{"op":"=","args":[{"property":"a"},"\u0007\b\t\n\u000b\f\r\\x"]}`, `a = '\a\b\t\n\v\f\r\\x'`},
	{"numericLiteral", "a IN (0, 00, 007, .5, 5., 1.50, 1e5, 1E+5, 2.e-3, -0.0, +1, 1e400)", `{"op":"in","args":[{"property":"a"},[0,0,7,0.5,5,1.50,1e5,1E+5,2e-3,-0.0,1,1e400]]}`, "a IN (0, 0, 7, 0.5, 5, 1.50, 1e5, 1E+5, 2e-3, -0.0, 1, 1e400)"},
	{"whitespace", "\t\na\v=\f\r1\u0085AND\u00a0\u1680b\u2003=\u3000'\u2028'\u205f", `{"op":"and","args":[{"op":"=","args":[{"property":"a"},1]},{"op":"=","args":[{"property":"b"},"` + "\u2028" + `"]}]}`, "a = 1 AND b = '\u2028'"},
}

func TestBothForms(t *testing.T) {
	for _, f := range filters {
		t.Run(f.production, func(t *testing.T) {
			fromText, err := cql2.ParseText(f.text)
			if err != nil {
				t.Fatalf("%s\n%v", f.text, err)
			}
			fromJSON, err := cql2.ParseJSON([]byte(f.json))
			if err != nil {
				t.Fatalf("%s\n%v", f.json, err)
			}
			if diff := cmp.Diff(fromJSON, fromText); diff != "" {
				t.Fatalf("JSON and text differ (-json +text):\n%s", diff)
			}
			printed := f.printed
			if printed == "" {
				printed = f.text
			}
			if got := cql2.Text(fromText); got != printed {
				t.Errorf("text\n got %s\nwant %s", got, printed)
			}
			if got := string(cql2.JSON(fromText)); got != f.json {
				t.Errorf("JSON\n got %s\nwant %s", got, f.json)
			}
			checkLaws(t, fromText)
		})
	}
}

// TestFiltersHaveEveryNode keeps the table above whole: every type of node and
// every operator is in it.
func TestFiltersHaveEveryNode(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range filters {
		tree, err := cql2.ParseText(f.text)
		if err != nil {
			t.Fatal(err)
		}
		cql2.Walk(tree, func(e cql2.Expr) bool {
			seen[fmt.Sprintf("%T", e)] = true
			switch e := e.(type) {
			case cql2.Comparison:
				seen[string(e.Op)] = true
			case cql2.Arithmetic:
				seen[string(e.Op)] = true
			case cql2.SpatialPredicate:
				seen[string(e.Op)] = true
			case cql2.TemporalPredicate:
				seen[string(e.Op)] = true
			case cql2.ArrayPredicate:
				seen[string(e.Op)] = true
			}
			return true
		})
	}
	nodes := strings.Fields("And Or Not Comparison Like Between In IsNull SpatialPredicate TemporalPredicate ArrayPredicate " +
		"Property Function Arithmetic Casei Accenti Array String Number Boolean Date Timestamp Interval Unbounded " +
		"Point LineString Polygon MultiPoint MultiLineString MultiPolygon GeometryCollection BBox")
	for _, name := range nodes {
		if !seen["cql2."+name] {
			t.Errorf("no filter has a node %s", name)
		}
	}
	ops := strings.Fields("= <> < > <= >= + - * / % div ^ " +
		"s_contains s_crosses s_disjoint s_equals s_intersects s_overlaps s_touches s_within " +
		"t_after t_before t_contains t_disjoint t_during t_equals t_finishedBy t_finishes t_intersects t_meets t_metBy " +
		"t_overlappedBy t_overlaps t_startedBy t_starts a_containedBy a_contains a_equals a_overlaps")
	for _, op := range ops {
		if !seen[op] {
			t.Errorf("no filter has the operator %s", op)
		}
	}
	if want := len(nodes) + len(ops); len(seen) != want {
		t.Errorf("the filters have %d nodes and operators, the lists here %d", len(seen), want)
	}
}

func TestJSONOfOtherShape(t *testing.T) {
	for _, c := range []struct{ name, json, text string }{
		{"members in another order", `{"args":[{"coordinates":[1,2],"type":"Point"},{"property":"g"}],"op":"s_equals"}`, "S_EQUALS(POINT (1 2), g)"},
		{"bbox beside coordinates", `{"op":"s_equals","args":[{"type":"Point","bbox":[1,2,1,2],"coordinates":[1,2]},{"property":"g"}]}`, "S_EQUALS(POINT (1 2), g)"},
		{"white space", " {\n\"op\" : \"s_equals\" , \"args\":[ {\"type\":\"Polygon\",\"coordinates\" : [ [ [ 0 , 0 ] , [1,0],[1,1],\t[0,0] ] ] } , {\"property\":\"g\"} ] }\n", "S_EQUALS(POLYGON ((0 0, 1 0, 1 1, 0 0)), g)"},
		{"escapes", `{"op":"=","args":[{"property":"a\u0022b"},"\u00e9\ud83d\ude00"]}`, `"a""b" = 'é😀'`},
		{"a property alone", `{"property":"fallen"}`, "fallen"},
		{"a literal alone", `false`, "FALSE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree, err := cql2.ParseJSON([]byte(c.json))
			if err != nil {
				t.Fatal(err)
			}
			if got := cql2.Text(tree); got != c.text {
				t.Errorf("got %s, want %s", got, c.text)
			}
			checkLaws(t, tree)
		})
	}
}

func TestWalk(t *testing.T) {
	tree, err := cql2.ParseText("a = 1 AND f(b, (c, NOT d)) AND T_DURING(INTERVAL(e, '..'), g) AND x IN (y, z) AND p BETWEEN q AND r AND CASEI(s) LIKE 'u'")
	if err != nil {
		t.Fatal(err)
	}
	var all, outside string
	cql2.Walk(tree, func(e cql2.Expr) bool {
		if p, ok := e.(cql2.Property); ok {
			all += p.Name
		}
		return true
	})
	cql2.Walk(tree, func(e cql2.Expr) bool {
		if p, ok := e.(cql2.Property); ok {
			outside += p.Name
		}
		_, call := e.(cql2.Function)
		return !call
	})
	if all != "abcdegxyzpqrs" || outside != "aegxyzpqrs" {
		t.Errorf("visited %s, outside functions %s", all, outside)
	}
}

func TestValues(t *testing.T) {
	tree, err := cql2.ParseText("f(-1.50, 1e400, DATE('2000-02-29'), TIMESTAMP('1999-12-31T23:59:59.1234567891Z'), TIMESTAMP('2016-12-31T23:59:60Z'))")
	if err != nil {
		t.Fatal(err)
	}
	args := tree.(cql2.Function).Args
	got := []any{
		args[0].(cql2.Number).Float64(),
		fmt.Sprint(args[1].(cql2.Number).Float64()),
		args[2].(cql2.Date).Time().String(),
		args[3].(cql2.Timestamp).Time().String(),
		args[4].(cql2.Timestamp).Time().String(),
	}
	want := []any{-1.5, "+Inf", "2000-02-29 00:00:00 +0000 UTC", "1999-12-31 23:59:59.123456789 +0000 UTC", "2017-01-01 00:00:00 +0000 UTC"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
