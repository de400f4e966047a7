package cql2_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"landings/internal/cql2"
)

// checkLaws prints a tree to both forms and parses them again: the trees and the
// prints must be the same.
func checkLaws(t *testing.T, tree cql2.Expr) {
	t.Helper()
	text, json := cql2.Text(tree), cql2.JSON(tree)
	fromText, err := cql2.ParseText(text)
	if err != nil {
		t.Fatalf("printed text does not parse: %v\n%s", err, text)
	}
	if diff := cmp.Diff(tree, fromText); diff != "" {
		t.Fatalf("text %s\ngives another tree (-before +after):\n%s", text, diff)
	}
	fromJSON, err := cql2.ParseJSON(json)
	if err != nil {
		t.Fatalf("printed JSON does not parse: %v\n%s", err, json)
	}
	if diff := cmp.Diff(tree, fromJSON); diff != "" {
		t.Fatalf("JSON %s\ngives another tree (-before +after):\n%s", json, diff)
	}
}
