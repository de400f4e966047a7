package readmodel

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"landings/internal/cql2"
	"landings/internal/dataset"
	"landings/internal/query"
)

// When the schema grows, what was made for questions is made again before anybody asks, with writes
// that follow on top; and the new field can be asked for.
func TestSchemaGrows(t *testing.T) {
	d := newCatalog(t).Dataset("test")
	state := dataset.State{Name: "test", Epoch: "e", Version: 1, Generation: 1, Schema: dataset.Schema{Fields: []dataset.Field{{Name: "class", Type: dataset.Text}}}}
	var changes []dataset.Change
	for i := range 1000 {
		changes = append(changes, dataset.Change{Record: dataset.Record{ID: fmt.Sprint(i), Position: uint64(i), JSON: fmt.Appendf(nil, `{"class":"c%d"}`, i%7)}})
	}
	d.Replace(state, dataset.Sequence(nil).With(changes))
	count := func(filter string) int {
		t.Helper()
		e, err := cql2.ParseText(filter)
		if err != nil {
			t.Fatal(err)
		}
		page, err := d.Snapshot().Query(t.Context(), query.Query{Where: query.Where{Filter: e}, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		return page.Matched
	}
	if got := count("class = 'c1'"); got != 143 {
		t.Fatalf("%d records, want 143", got)
	}
	write := func(i int, json string, fields ...dataset.Field) {
		state.Version++
		state.Schema = state.Schema.With(fields)
		d.Apply(state, []dataset.Change{{Record: dataset.Record{ID: fmt.Sprint(i), Position: uint64(i), JSON: []byte(json)}}})
	}
	for i := range 20 {
		name := fmt.Sprintf("new%d", i)
		write(7*i+1, `{"class":"c1","`+name+`":1}`, dataset.Field{Name: name, Type: dataset.Number, Nullable: true})
		write(7*i+2, `{"class":"c1"}`)
	}
	table := d.Snapshot().base.made.Load()
	if table == nil || !slices.Contains(table.Reader().Names(), "new19") {
		t.Fatal("the columns are not those of the schema")
	}
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(fmt.Sprint(table.Made()), "class"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("made are %v", table.Made())
		}
	}
	if got := count("class = 'c1'"); got != 163 {
		t.Errorf("%d records, want 163", got)
	}
	if got := count("new3 = 1 OR new19 = 1"); got != 2 {
		t.Errorf("%d records, want 2", got)
	}
	if d.Snapshot().base.made.Load() != table {
		t.Error("writes and questions began other columns")
	}
}
