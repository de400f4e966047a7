package ingest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"landings/internal/dataset"
)

// Buckets are handed over while the input is read; those that stay are the same,
// and what comes out is what comes out without it.
func TestAhead(t *testing.T) {
	lines := func(n int, line func(i int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(line(i) + "\n")
		}
		return b.String()
	}
	for _, c := range []struct {
		name    string
		text    string
		options Options
		handed  int  // buckets
		kept    bool // they are those of the load
	}{
		{"id", lines(600, func(i int) string { return fmt.Sprintf(`{"id":%d}`, i) }), Options{}, 2, true},
		{"candidate", lines(600, func(i int) string { return fmt.Sprintf(`{"key":%d,"a":1}`, i) }), Options{}, 2, true},
		{"position", lines(600, func(i int) string { return fmt.Sprintf(`{"a":%d}`, i) }), Options{}, 2, true},
		{"set to position", lines(600, func(i int) string { return fmt.Sprintf(`{"id":%d}`, i) }), Options{IDField: ptr("")}, 2, true},
		{"the candidate repeats itself late", lines(600, func(i int) string { return fmt.Sprintf(`{"key":%d,"a":1}`, min(i, 590)) }), Options{}, 2, false},
		{"the candidate is missing late", lines(600, func(i int) string {
			if i == 300 {
				return `{"a":1}`
			}
			return fmt.Sprintf(`{"key":%d,"a":1}`, i)
		}), Options{}, 1, false},
		{"the next candidate", lines(600, func(i int) string { return fmt.Sprintf(`{"key":%d,"a_id":%d}`, min(i, 590), i) }), Options{}, 2, false},
		{"an id that repeats itself is left out", lines(600, func(i int) string { return fmt.Sprintf(`{"id":%d}`, min(i, 590)) }), Options{SkipBad: true}, 2, false},
		{"a bad record is left out", lines(600, func(i int) string { return fmt.Sprintf(`{"id":%d`, i) + "}"[:1-i/599] }), Options{SkipBad: true}, 2, true},
		{"small", lines(3, func(i int) string { return fmt.Sprintf(`{"id":%d}`, i) }), Options{}, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.options.Format = NDJSON
			without := mustRead(t, c.text, c.options)
			var handed []*dataset.Bucket
			c.options.Ahead = func(made func() *dataset.Bucket) { handed = append(handed, made()) }
			with := mustRead(t, c.text, c.options)
			if d := cmp.Diff(records(without), records(with)); d != "" {
				t.Fatal(d)
			}
			if with.Load.Records.Digest() != without.Load.Records.Digest() || with.Load.Schema.IDField != without.Load.Schema.IDField {
				t.Fatal("the ids differ")
			}
			if len(handed) != c.handed {
				t.Fatalf("%d buckets were handed over, not %d", len(handed), c.handed)
			}
			for i, b := range handed {
				if (b == with.Load.Records[i]) != c.kept {
					t.Fatalf("bucket %d: the same: %v", i, !c.kept)
				}
			}
		})
	}
}
