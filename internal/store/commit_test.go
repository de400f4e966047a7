package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
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

// TestChanges encodes changes and reads them again, also where bytes are missing or others.
func TestChanges(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for range 300 {
		var changes []dataset.Change
		for range random.IntN(5) {
			c := dataset.Change{Delete: random.IntN(3) == 0, Record: dataset.Record{ID: strings.Repeat("i\n", 1+random.IntN(3)), Position: random.Uint64N(1000)}}
			if !c.Delete {
				c.Record.JSON = []byte(fmt.Sprintf(`{"x": %d}`, random.Uint64()))
			}
			changes = append(changes, c)
		}
		text := encodeChanges(changes)
		got, err := decodeChanges(text)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(changes) {
			t.Fatalf("%v, %v, want %v", got, err, changes)
		}
		if text == "" {
			continue
		}
		cut := text[:random.IntN(len(text))]
		if got, err := decodeChanges(cut); err == nil && len(got) == len(changes) || err != nil && !strings.Contains(err.Error(), "the change at byte ") {
			t.Errorf("%q of %q: %v, %v", cut, text, got, err)
		}
		other := []byte(text)
		for range 1 + random.IntN(3) {
			other[random.IntN(len(other))] = "0123456789+- \nx\xff"[random.IntN(16)]
		}
		_, _ = decodeChanges(string(other)) // whatever it says, it says something
	}
	for _, text := range []string{"?1 1 2\nx{}\n", "+1 1\nx\n", "-1\nx\n", "+1 1 99999999999999999999\nx{}\n", "+1 18446744073709551615 2\nx{}\n", "+1  1 2\nx{}\n", "+1 1 2\nx{} \n"} {
		if got, err := decodeChanges(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}
