package cql2_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"landings/internal/cql2"
)

// sameValue compares what numbers and timestamps mean, not how they are spelled:
// the two forms of an example may say 1.0 and 1.
var sameValue = cmp.Options{
	cmp.Comparer(func(a, b cql2.Number) bool {
		return a == b || a.Float64() == b.Float64() && (a.Text == "") == (b.Text == "")
	}),
	cmp.Comparer(func(a, b cql2.Timestamp) bool { return a.Time().Equal(b.Time()) }),
}

// TestExamples reads a folder with the subfolders text and json, as the standard's
// repository (opengeospatial/ogcapi-features) has it in
// cql2/standard/schema/examples: text/x.txt and text/x-alt01.txt say the same as
// json/x.json.
func TestExamples(t *testing.T) {
	folder := os.Getenv("LANDINGS_CQL2_EXAMPLES")
	if folder == "" {
		t.Skip("LANDINGS_CQL2_EXAMPLES does not name a folder of examples")
	}
	texts, err := filepath.Glob(filepath.Join(folder, "text", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	jsons, err := filepath.Glob(filepath.Join(folder, "json", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(texts) == 0 || len(jsons) == 0 {
		t.Fatalf("%s holds %d texts and %d JSON files", folder, len(texts), len(jsons))
	}
	read := func(t *testing.T, path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, path := range jsons {
		t.Run("json/"+filepath.Base(path), func(t *testing.T) {
			tree, err := cql2.ParseJSON(read(t, path))
			if err != nil {
				t.Fatal(err)
			}
			checkLaws(t, tree)
		})
	}
	pairs := 0
	for _, path := range texts {
		t.Run("text/"+filepath.Base(path), func(t *testing.T) {
			tree, err := cql2.ParseText(string(read(t, path)))
			if err != nil {
				t.Fatal(err)
			}
			checkLaws(t, tree)
			name, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".txt"), "-alt")
			twin, err := cql2.ParseJSON(read(t, filepath.Join(folder, "json", name+".json")))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(twin, tree, sameValue); diff != "" {
				t.Errorf("JSON and text differ (-json +text):\n%s", diff)
			}
			pairs++
		})
	}
	t.Logf("%d texts, %d JSON files, %d texts with a JSON twin", len(texts), len(jsons), pairs)
}
