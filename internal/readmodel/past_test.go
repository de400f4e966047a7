package readmodel

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"landings/internal/dataset"
	"landings/internal/encode"
)

func keeping(t *testing.T, h History) *Dataset {
	t.Helper()
	coder, err := encode.NewCoder(1)
	if err != nil {
		t.Fatal(err)
	}
	c := NewCatalogKeeping(coder, h)
	t.Cleanup(c.Wait)
	return c.Dataset("d")
}

func at(version uint64) dataset.State {
	return dataset.State{Name: "d", Epoch: "e", Generation: 1, Version: version}
}

func load(d *Dataset, n int) {
	records := make([]dataset.Record, n)
	for i := range records {
		records[i] = dataset.Record{ID: fmt.Sprint(i), Position: uint64(i), JSON: fmt.Appendf(nil, `{"v":"%0100d"}`, i)}
	}
	d.Replace(at(1), sequence(records))
}

func put(d *Dataset, version uint64, i int) {
	d.Apply(at(version), []dataset.Change{{Record: dataset.Record{ID: fmt.Sprint(i), Position: uint64(i), JSON: fmt.Appendf(nil, `{"v":%d,"x":"%0100d"}`, version, i)}}})
}

// What old versions are said to hold is what would be free without them, within the
// bound, and each of them is what it was.
func TestPast(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	const bound = 2 << 20
	d := keeping(t, History{Bytes: bound, Age: time.Hour})
	load(d, 5000)
	digests := map[uint64]dataset.Digest{1: d.Snapshot().Records().Digest()}
	var held []uint64
	for version := uint64(2); version < 300; version++ {
		put(d, version, rnd.IntN(5000))
		digests[version] = d.Snapshot().Records().Digest()
		if version%100 == 0 {
			d.Snapshot().Hold()
			held = append(held, version)
		}
		n, bytes := d.Past()
		if bytes > bound || n == 0 {
			t.Fatalf("version %d: %d versions hold %d bytes", version, n, bytes)
		}
		if version%37 != 0 {
			continue
		}
		present := map[*chunk]bool{}
		for c := range d.Snapshot().dir.all() {
			present[c] = true
		}
		chunks, pages := int64(0), map[*page]bool{}
		for _, k := range d.past.kept {
			for _, p := range k.snapshot.dir.pages {
				pages[p] = true
			}
			for c := range k.snapshot.dir.all() {
				if !present[c] {
					present[c] = true
					chunks += c.memory()
				}
			}
		}
		most := chunks + int64(len(pages))*4096 + int64(n)*8192
		if bytes < chunks || bytes > most {
			t.Fatalf("version %d: %d versions are said to hold %d bytes; their chunks hold %d, with all else at most %d", version, n, bytes, chunks, most)
		}
	}
	if n, _ := d.Past(); n > 200 {
		t.Errorf("%d versions are kept: the bound was not reached", n)
	}
	for version, digest := range digests {
		s := d.Version(version)
		if s != nil && (s.State().Version != version || s.Records().Digest() != digest) {
			t.Errorf("version %d is not what it was", version)
		}
	}
	for _, version := range held {
		if d.Version(version) == nil {
			t.Errorf("version %d was promised and forgotten before others", version)
		}
	}
	if d.Version(3) != nil || d.Version(298) == nil || d.Version(299) != d.Snapshot() || d.Version(300) != nil {
		t.Error("the wrong versions are kept")
	}
	d.Clear(dataset.State{Name: "d", Epoch: "e", Version: 300})
	if n, bytes := d.Past(); n != 0 || bytes != 0 {
		t.Errorf("after the dataset was deleted %d versions are kept", n)
	}
}

// Promised versions are forgotten too where the bound wants it, and nothing is kept
// where it is 0.
func TestPastBounds(t *testing.T) {
	d := keeping(t, History{Bytes: 300 << 10, Age: time.Hour})
	load(d, 5000)
	for version := uint64(2); version < 100; version++ {
		d.Snapshot().Hold()
		put(d, version, int(version)*50)
		if _, bytes := d.Past(); bytes > 300<<10 {
			t.Fatalf("%d bytes are held", bytes)
		}
	}
	if n, _ := d.Past(); n == 0 || d.Version(1) != nil {
		t.Errorf("%d versions are kept", n)
	}
	none := keeping(t, History{})
	load(none, 10)
	put(none, 2, 1)
	if none.Version(1) != nil {
		t.Error("an old version is kept though none should be")
	}
}

func TestPastAges(t *testing.T) {
	d := keeping(t, History{Bytes: 1 << 20, Age: 30 * time.Millisecond})
	load(d, 10)
	put(d, 2, 1)
	put(d, 3, 1)
	if d.Version(1) == nil {
		t.Skip("SKIPPED: the machine took longer than the age")
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if n, bytes := d.Past(); n == 0 && bytes == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("old versions stay though nobody writes")
		}
	}
}

func BenchmarkPast(b *testing.B) {
	d := fill(b, 1000000)
	for version := uint64(2); b.Loop(); version++ {
		put(d, version, int(version*7919%1000000))
	}
}
