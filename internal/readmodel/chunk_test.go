package readmodel

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"landings/internal/dataset"
)

// TestChunkIsABucket makes random changes to a chunk, reads single records and, now and
// then, the whole, and compares with a bucket that is made anew for each change. What
// earlier chunks hold must stay what it was.
func TestChunkIsABucket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const number = 3
		want := dataset.NewBucket(number, nil)
		c := newChunk(want)
		type pair struct {
			chunk *chunk
			want  *dataset.Bucket
		}
		var all []pair
		version := 0
		for range rapid.IntRange(1, 60).Draw(t, "commits") {
			var edits []dataset.Change
			at := rapid.Uint64Range(0, 40).Draw(t, "first")
			for at < dataset.BucketSize && len(edits) < 40 {
				version++
				position := number*dataset.BucketSize + at
				e := dataset.Change{Record: dataset.Record{ID: fmt.Sprint("id ", position), Position: position}}
				if e.Delete = rapid.IntRange(0, 3).Draw(t, "delete") == 0; !e.Delete {
					e.Record.JSON = fmt.Appendf(nil, `{"version":%d}`, version)
				}
				edits = append(edits, e)
				at += rapid.Uint64Range(1, 120).Draw(t, "step")
			}
			if len(edits) == 0 {
				continue
			}
			next := c.with(edits)
			want = want.With(edits)
			if (next == nil) != (want.Len() == 0) {
				t.Fatalf("the chunk is %v where %d records are left", next, want.Len())
			}
			if next == nil {
				next = newChunk(want)
			}
			c = next
			all = append(all, pair{c, want})
			if rapid.IntRange(0, 9).Draw(t, "read") == 0 {
				c.bucket()
			}
		}
		for _, p := range all {
			if p.chunk.records != p.want.Len() {
				t.Fatalf("%d records, want %d", p.chunk.records, p.want.Len())
			}
			for offset := range uint64(dataset.BucketSize) {
				position := number*dataset.BucketSize + offset
				got, ok := p.chunk.find(position)
				wanted, exists := p.want.Find(position)
				if ok != exists || got.ID != wanted.ID || !bytes.Equal(got.JSON, wanted.JSON) {
					t.Fatalf("position %d holds %v %v, want %v %v", position, got, ok, wanted, exists)
				}
			}
			if edits := len(p.chunk.content().edits); edits > maxEdits {
				t.Fatalf("%d edits", edits)
			}
			got := p.chunk.bucket()
			if !bytes.Equal(got.Text(), p.want.Text()) || got.Digest() != p.want.Digest() {
				t.Fatalf("the bucket is %q, want %q", got.Text(), p.want.Text())
			}
		}
	})
}
