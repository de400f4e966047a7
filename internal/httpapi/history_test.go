package httpapi

import (
	"testing"

	"landings/internal/dataset"
	"landings/internal/encode"
)

// Equal version numbers of different histories never meet: not in an entity tag, not in the token of a page.
func TestHistoriesDoNotMeet(t *testing.T) {
	of := dataset.State{Name: "things", Epoch: "e", Term: 1, Generation: 1, Version: 7, Chain: 70}
	for what, change := range map[string]func(s *dataset.State){
		"another epoch":   func(s *dataset.State) { s.Epoch = "f" },
		"another chain":   func(s *dataset.State) { s.Chain = 71 },
		"another version": func(s *dataset.State) { s.Version = 8 },
	} {
		other := of
		change(&other)
		if listTag(of, encode.Identity) == listTag(other, encode.Identity) {
			t.Errorf("%s has the same tag", what)
		}
		if historyOf(of) == historyOf(other) {
			t.Errorf("%s has the same mark in a token", what)
		}
	}
}
