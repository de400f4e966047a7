// Package cql2 reads and writes filters in the Common Query Language CQL2 1.0 of
// the Open Geospatial Consortium (OGC 21-065r2,
// https://docs.ogc.org/is/21-065r2/21-065r2.html), as text and as JSON. Both
// forms have one syntax tree:
//
//	year > 1990 AND CASEI(name) LIKE CASEI('a%')
//
//	{"op": "and", "args": [
//	    {"op": ">", "args": [{"property": "year"}, 1990]},
//	    {"op": "like", "args": [{"op": "casei", "args": [{"property": "name"}]},
//	                            {"op": "casei", "args": ["a%"]}]}]}
//
// It is syntax alone: it knows neither records nor indexes, nor which properties
// and functions there are. It covers the grammar (annex B) and the schema (annex
// C) of every conformance class of the standard. What it checks is what they
// say: which kind of expression may stand where, that dates exist in the
// calendar, and that geometries have the positions their type needs.
//
// # Laws
//
// A tree that a parser gave prints to text and to JSON, and parsing either gives
// the same tree. Numbers keep their spelling, 1.0 and 1e400 alike, as far as it
// is a JSON number: +.50 becomes 0.50. Timestamps keep theirs.
//
// # Where the standard leaves room
//
//   - x NOT IN (...), NOT BETWEEN, NOT LIKE and IS NOT NULL have no node of their
//     own: they are a [Not] around the predicate, as the JSON form has it.
//   - -x is the product of -1 and x, as an example of the standard has it. The
//     sign binds tighter than ^, and a ^ b ^ c needs parentheses, by the grammar.
//   - (x) as an argument of a function, or within an array, is an array of one
//     element; as an operand it is x.
//   - In text, \\ is a backslash and \' a quote; \a \b \t \n \v \f \r are control
//     characters; before any other character a backslash stays as it is, so that
//     'a\%' is the pattern that it looks like.
//   - EMPTY stands for a ring, as the grammar has it, and for a polygon or a multi
//     geometry, whose coordinates may be [] by the schema.
//
// # Beyond the standard
//
// Accepted, because real data needs it: property names of any characters in
// double quotes ("mass (g)", with "" for a double quote), function names
// likewise, and a property where a predicate is expected. Also accepted: an empty
// list after IN (the schema has it), minus before parentheses, parentheses around
// any operand, and MULTIPOINT(1 2, 3 4).
//
// Refused, though the schema would let it pass: members of JSON objects that mean
// nothing to CQL2, rings that do not close, positions of more than three numbers,
// and functions that are called like an operator.
package cql2
