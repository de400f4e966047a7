package backup

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"landings/internal/dataset"
)

var limits = Limits{Bytes: 1 << 24, RecordBytes: 1 << 20, Records: 1000}

// sample is a dataset with gaps between positions, ids that are not plain and records with line feeds.
func sample() (dataset.State, dataset.Sequence) {
	var buckets dataset.Sequence
	var some []dataset.Record
	for i := range 300 {
		r := dataset.Record{ID: fmt.Sprintf("id %d +é", i), Position: uint64(3 * i), JSON: fmt.Appendf(nil, "{\n \"n\": %d.0, \"m\": 1e400}", i)}
		if len(some) > 0 && dataset.BucketOf(some[0].Position) != dataset.BucketOf(r.Position) {
			buckets = append(buckets, dataset.NewBucket(dataset.BucketOf(some[0].Position), some))
			some = nil
		}
		some = append(some, r)
	}
	buckets = append(buckets, dataset.NewBucket(dataset.BucketOf(some[0].Position), some))
	return dataset.State{
		Name: "things", Epoch: "e", Version: 7, Generation: 2, Count: buckets.Len(), Digest: buckets.Digest(),
		Schema: dataset.Schema{IDField: "n", Fields: []dataset.Field{{Name: "n", Type: dataset.Number}}}, Source: "x.json",
	}, buckets
}

func TestRoundTrip(t *testing.T) {
	state, records := sample()
	for _, records := range []dataset.Sequence{records, nil} {
		state.Count, state.Digest = records.Len(), records.Digest()
		var b bytes.Buffer
		if err := Write(&b, state, records, time.Now()); err != nil {
			t.Fatal(err)
		}
		h, got, err := Read(&b, limits)
		if err != nil {
			t.Fatal(err)
		}
		if got.Digest() != records.Digest() || got.Len() != records.Len() || h.Dataset != "things" || h.Version != 7 || h.Schema.IDField != "n" || h.Source != "x.json" {
			t.Errorf("got %d records with digest %s and header %+v", got.Len(), got.Digest(), h)
		}
		i := 0
		want := make([]dataset.Record, 0, records.Len())
		for r := range records.All() {
			want = append(want, r)
		}
		for r := range got.All() {
			if w := want[i]; r.ID != w.ID || r.Position != w.Position || !bytes.Equal(r.JSON, w.JSON) {
				t.Fatalf("record %d is %+v, want %+v", i, r, w)
			}
			i++
		}
	}
}

// Whatever byte is cut off or changed, the backup is refused.
func TestDamage(t *testing.T) {
	state, records := sample()
	var b bytes.Buffer
	if err := Write(&b, state, records, time.Now()); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	for n := range whole {
		if _, _, err := Read(bytes.NewReader(whole[:n]), limits); dataset.CodeOf(err) != dataset.Invalid {
			t.Fatalf("cut at %d of %d: %v", n, len(whole), err)
		}
		changed := bytes.Clone(whole)
		changed[n] ^= 0x10
		if _, got, err := Read(bytes.NewReader(changed), limits); err == nil && got.Digest() != records.Digest() {
			t.Fatalf("byte %d changed: no error, and other records", n)
		}
	}
	if _, _, err := Read(bytes.NewReader(append(bytes.Clone(whole), whole...)), limits); dataset.CodeOf(err) != dataset.Invalid {
		t.Errorf("twice the same: %v", err)
	}
}

func TestLimits(t *testing.T) {
	state, records := sample()
	var b bytes.Buffer
	if err := Write(&b, state, records, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, l := range []Limits{{Bytes: 1000, RecordBytes: 1 << 20, Records: 1000}, {Bytes: 1 << 20, RecordBytes: 1 << 20, Records: 299}} {
		if _, _, err := Read(bytes.NewReader(b.Bytes()), l); dataset.CodeOf(err) != dataset.TooLarge {
			t.Errorf("%+v: %v", l, err)
		}
	}
}
