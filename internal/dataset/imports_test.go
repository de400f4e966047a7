package dataset_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layers is the import table: for each package of this module, the packages of
// this module that it may import. Imports point down only. The reason stands
// above each entry, so that whoever wants to break it knows what breaks.
var layers = map[string][]string{
	// the domain: standard library alone
	"internal/dataset": {},
	// logs and metrics, usable from everywhere above
	"internal/telemetry": {"internal/dataset"},
	// Redis's files: of use without Landings
	"internal/rdb": {},
	// the engine: a Redis, it knows no dataset
	"internal/redisserver": {"internal/rdb"},
	// syntax alone; the read model executes it
	"internal/cql2": {"internal/dataset"},
	// geometries, distances and their index: numbers alone
	"internal/geo": {"internal/dataset"},
	// folding, patterns and their index
	"internal/textsearch": {},
	// what is asked and what comes back; no index, no HTTP
	"internal/query": {"internal/dataset", "internal/cql2"},
	// generated records
	"internal/sample": {"internal/dataset"},
	// bytes -> records
	"internal/ingest": {"internal/dataset", "internal/geo"},
	// records -> bytes
	"internal/encode": {"internal/dataset", "internal/geo"},
	// the file format of one version of a dataset
	"internal/backup": {"internal/dataset"},
	// values by field and their indexes; it knows no version
	"internal/columns": {"internal/dataset", "internal/predicate", "internal/geo", "internal/textsearch"},
	// memory alone: it never waits for Redis
	// what a filter means for a record
	"internal/predicate": {"internal/dataset", "internal/cql2", "internal/geo", "internal/textsearch"},
	"internal/readmodel": {"internal/dataset", "internal/cql2", "internal/encode", "internal/query", "internal/columns", "internal/predicate", "internal/geo", "internal/textsearch"},
	// Redis's protocol over one connection; it knows no dataset
	"internal/resp": {},
	// the truth; it sees the read model through an interface of its own
	"internal/store": {"internal/dataset", "internal/telemetry", "internal/resp"},
	// plain reads without net/http; it knows no dataset
	"internal/direct": {},
	// embedded files
	"internal/web": {},
	// never store or redisserver: it declares what it needs of them
	"internal/httpapi": {
		"internal/dataset", "internal/backup", "internal/ingest", "internal/encode", "internal/readmodel", "internal/query", "internal/cql2",
		"internal/telemetry", "internal/web", "internal/direct",
	},
	// the one place that wires the parts
	"internal/cli": {
		"internal/dataset", "internal/backup", "internal/ingest", "internal/encode", "internal/readmodel", "internal/query", "internal/cql2",
		"internal/telemetry", "internal/web", "internal/httpapi", "internal/store", "internal/redisserver", "internal/rdb",
		"internal/sample",
	},
	// real PostgreSQL servers for tests
	"internal/postgistest": {},
	// real redis-server processes for tests
	"internal/redistest": {},
	// signals and the exit code
	"cmd/landings": {"internal/cli"},
}

// owners lists libraries that belong to one package, so that a technology stays
// in its leaf.
var owners = map[string][]string{
	"github.com/redis/rueidis":            {"internal/store"},
	"github.com/alecthomas/kong":          {"internal/cli"},
	"github.com/prometheus/client_golang": {"internal/telemetry"},
	"go.yaml.in/yaml/v4":                  {"internal/cli"},
	"github.com/vbauerster/mpb":           {"internal/cli"},
	"net/http":                            {"internal/httpapi", "internal/cli", "internal/telemetry"},
}

func TestImports(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		rel, _ := filepath.Rel(root, filepath.Dir(path))
		pkg := filepath.ToSlash(rel)
		if pkg == "bench" || pkg == "e2e" || strings.HasPrefix(pkg, "bench/") || strings.HasPrefix(pkg, "e2e/") {
			return nil // programs that look at Landings from outside
		}
		allowed, known := layers[pkg]
		if !known {
			t.Errorf("%s: package %s is not in the import table", path, pkg)
			return nil
		}
		seen[pkg] = true
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			imp, _ := strconv.Unquote(spec.Path.Value)
			if inner, ok := strings.CutPrefix(imp, "landings/"); ok {
				if !slices.Contains(allowed, inner) {
					t.Errorf("%s imports %s, which the table does not allow", path, inner)
				}
				continue
			}
			if pkg == "internal/dataset" && strings.Contains(imp, ".") {
				t.Errorf("%s imports %s: the domain takes the standard library alone", path, imp)
			}
			for lib, who := range owners {
				if (imp == lib || strings.HasPrefix(imp, lib+"/")) && !slices.Contains(who, pkg) {
					t.Errorf("%s imports %s, which belongs to %v", path, imp, who)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !seen["internal/dataset"] {
		t.Fatal("the walk saw nothing: is the root right?")
	}
}
