package dataset_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"landings/internal/dataset"
)

// A changed bucket must be what a new one of the same records is.
func TestBucketWith(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	record := func(position uint64) dataset.Record {
		return dataset.Record{
			ID:       fmt.Sprint("r", rnd.IntN(1000)),
			Position: position,
			JSON:     fmt.Appendf(nil, `{"v":"%0*d"}`, 1+rnd.IntN(20), rnd.IntN(100)),
		}
	}
	for range 2000 {
		const number = 7
		model := map[uint64]dataset.Record{}
		for range rnd.IntN(256) {
			p := uint64(number*dataset.BucketSize + rnd.IntN(dataset.BucketSize))
			model[p] = record(p)
		}
		sorted := func() []dataset.Record {
			var out []dataset.Record
			for p := uint64(number * dataset.BucketSize); p < (number+1)*dataset.BucketSize; p++ {
				if r, ok := model[p]; ok {
					out = append(out, r)
				}
			}
			return out
		}
		before := dataset.NewBucket(number, sorted())
		touched := map[uint64]bool{}
		for range rnd.IntN(8) {
			touched[uint64(number*dataset.BucketSize+rnd.IntN(dataset.BucketSize))] = true
		}
		var changes []dataset.Change
		for p := range touched {
			c := dataset.Change{Delete: rnd.IntN(2) == 0, Record: record(p)}
			changes = append(changes, c)
			if c.Delete {
				delete(model, p)
			} else {
				model[p] = c.Record
			}
		}
		slices.SortFunc(changes, func(a, b dataset.Change) int { return int(a.Record.Position) - int(b.Record.Position) })
		got, want := before.With(changes), dataset.NewBucket(number, sorted())
		if got.Digest() != want.Digest() || !bytes.Equal(got.Text(), want.Text()) || got.Len() != want.Len() {
			t.Fatalf("after %d changes the bucket is not what its records make", len(changes))
		}
		for i := range want.Len() {
			g, w := got.At(i), want.At(i)
			if g.ID != w.ID || g.Position != w.Position || !bytes.Equal(g.JSON, w.JSON) {
				t.Fatalf("record %d is %v, want %v", i, g, w)
			}
		}
	}
}
