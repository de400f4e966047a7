package cql2_test

import (
	"reflect"
	"testing"

	"landings/internal/cql2"
)

// checkLaws prints a tree to both forms and parses them again: the trees must be
// the same. (It compares with reflect alone, as cmp takes exponential time to
// compare lists within lists.)
func checkLaws(t *testing.T, tree cql2.Expr) {
	t.Helper()
	text, json := cql2.Text(tree), cql2.JSON(tree)
	fromText, err := cql2.ParseText(text)
	if err != nil {
		t.Fatalf("printed text does not parse: %v\n%s", err, text)
	}
	if !reflect.DeepEqual(tree, fromText) {
		t.Fatalf("text gives another tree:\n%s\nwas %#v\nis %#v", text, tree, fromText)
	}
	fromJSON, err := cql2.ParseJSON(json)
	if err != nil {
		t.Fatalf("printed JSON does not parse: %v\n%s", err, json)
	}
	if !reflect.DeepEqual(tree, fromJSON) {
		t.Fatalf("JSON gives another tree:\n%s\nwas %#v\nis %#v", json, tree, fromJSON)
	}
}
