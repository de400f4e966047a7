package store

import (
	"errors"
	"testing"
	"time"

	"landings/internal/dataset"
)

// A schema that grew is part of the history's chain.
func TestSchemaIsChained(t *testing.T) {
	before := dataset.State{Name: "things", Version: 7}
	c := &commit{kind: kindChanges, node: "n", at: time.UnixMilli(1), after: before,
		changes: []dataset.Change{{Record: dataset.Record{ID: "1", JSON: []byte(`{"a":1}`)}}}}
	c.after.Schema = before.Schema.With([]dataset.Field{{Name: "a", Type: dataset.Number, Nullable: true}})
	c.schema = encodeSchema(c.after.Schema)
	if err := c.seal(before); err != nil {
		t.Fatal(err)
	}
	told := func(change func(map[string]string)) (*commit, error) {
		fields := map[string]string{}
		list := c.fields()
		for i := 0; i < len(list); i += 2 {
			fields[list[i]] = list[i+1]
		}
		change(fields)
		return parseCommit("8-0", fields, &before)
	}
	got, err := told(func(map[string]string) {})
	if err != nil || len(got.after.Schema.Fields) != 1 || got.after.Schema.Fields[0] != c.after.Schema.Fields[0] {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := told(func(f map[string]string) { delete(f, "schema") }); !errors.Is(err, errFork) {
		t.Errorf("without its schema: %v", err)
	}
	if _, err := told(func(f map[string]string) { f["schema"] = `{"fields":[]}` }); !errors.Is(err, errFork) {
		t.Errorf("with another schema: %v", err)
	}
	if _, err := told(func(f map[string]string) { f["schema"] = "x" }); err == nil {
		t.Error("a schema that cannot be read was taken")
	}
}
