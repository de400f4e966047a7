package readmodel

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"landings/internal/dataset"
	"landings/internal/encode"
)

func newCatalog(t testing.TB) *Catalog {
	t.Helper()
	coder, err := encode.NewCoder(1)
	if err != nil {
		t.Fatal(err)
	}
	c := NewCatalog(coder)
	t.Cleanup(c.Wait)
	return c
}

// sequence puts records that are in order of position into buckets.
func sequence(records []dataset.Record) dataset.Sequence {
	var s dataset.Sequence
	for len(records) > 0 {
		number, n := dataset.BucketOf(records[0].Position), 0
		for n < len(records) && dataset.BucketOf(records[n].Position) == number {
			n++
		}
		s = append(s, dataset.NewBucket(number, records[:n]))
		records = records[n:]
	}
	return s
}

// model is what a dataset must be: records by id.
type model map[string]dataset.Record

func (m model) sorted() []dataset.Record {
	return slices.SortedFunc(maps.Values(m), func(a, b dataset.Record) int { return int(int64(a.Position) - int64(b.Position)) })
}

func (m model) list() string {
	var texts []string
	for _, r := range m.sorted() {
		texts = append(texts, string(r.JSON))
	}
	return "[" + strings.Join(texts, ",\n") + "]"
}

func body(t rapid.TB, coding encode.Coding, p *encode.Part) string {
	raw := bytes.Join(p.Slices, nil)
	if int64(len(raw)) != p.Len {
		t.Fatalf("%v: the list says %d bytes and has %d", coding, p.Len, len(raw))
	}
	var r io.Reader = bytes.NewReader(raw)
	switch coding {
	case encode.Gzip:
		z, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		r = z
	case encode.Zstd:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		r = z
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%v: %v", coding, err)
	}
	return string(out)
}

// check compares a snapshot with the model of its version.
func check(t rapid.TB, s *Snapshot, m model, ids []string) {
	if s.Len() != len(m) {
		t.Fatalf("%d records, want %d", s.Len(), len(m))
	}
	for _, id := range ids {
		got, ok := s.Lookup(id)
		want, exists := m[id]
		if ok != exists || ok && (got.ID != id || got.Position != want.Position || !bytes.Equal(got.JSON, want.JSON)) {
			t.Fatalf("record %q is %v (%v), want %v (%v)", id, got, ok, want, exists)
		}
		if exists {
			if at, ok := s.At(want.Position); !ok || at.ID != id {
				t.Fatalf("position %d holds %v, want %q", want.Position, at, id)
			}
		}
	}
	want := m.sorted()
	for _, got := range [][]dataset.Record{slices.Collect(s.All()), slices.Collect(s.Records().All())} {
		if !slices.EqualFunc(got, want, func(a, b dataset.Record) bool {
			return a.ID == b.ID && a.Position == b.Position && bytes.Equal(a.JSON, b.JSON)
		}) {
			t.Fatalf("the records are %d others than the %d wanted, or in another order", len(got), len(want))
		}
	}
	var digest dataset.Digest
	for _, r := range want {
		digest += r.Hash()
	}
	if got := s.Records().Digest(); got != digest {
		t.Fatalf("digest %v, want %v", got, digest)
	}
	for coding := range encode.Coding(encode.Codings) {
		if got := body(t, coding, s.List(coding)); got != m.list() {
			t.Fatalf("%v: the list differs from the model: %.200s", coding, got)
		}
	}
}

// Random histories against a map; snapshots held on the way must stay what they
// were. Positions jump, so that pages come and go.
func TestHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		coder, _ := encode.NewCoder(1)
		catalog := NewCatalog(coder)
		defer catalog.Wait()
		d := catalog.Dataset("d")
		ids := make([]string, 60)
		for i := range ids {
			ids[i] = fmt.Sprint("id", i)
		}
		jump := rapid.SampledFrom([]uint64{1, 3, 100, 70000}).Draw(t, "jump")
		now, next, version := model{}, uint64(0), uint64(0)
		record := func(id string, position uint64) dataset.Record {
			return dataset.Record{ID: id, Position: position, JSON: fmt.Appendf(nil, `{"id":%q,"v":%d}`, id, rapid.IntRange(0, 99999).Draw(t, "v"))}
		}
		place := func() uint64 {
			next += 1 + rapid.Uint64Range(0, jump).Draw(t, "gap")
			return next
		}
		type held struct {
			snapshot *Snapshot
			model    model
		}
		var past []held
		state := func() dataset.State {
			version++
			return dataset.State{Name: "d", Epoch: "e", Generation: 1, Version: version}
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			switch action := rapid.IntRange(0, 19).Draw(t, "action"); {
			case action == 0:
				now = model{}
				d.Clear(dataset.State{Name: "d"})
			case action == 1:
				now = model{}
				for _, id := range rapid.Permutation(ids).Draw(t, "order")[:rapid.IntRange(0, len(ids)).Draw(t, "n")] {
					now[id] = record(id, place())
				}
				d.Replace(state(), sequence(now.sorted()))
			default:
				now = maps.Clone(now)
				var changes []dataset.Change
				for range rapid.IntRange(1, 8).Draw(t, "changes") {
					id := rapid.SampledFrom(ids).Draw(t, "id")
					r, exists := now[id]
					switch {
					case exists && rapid.Bool().Draw(t, "delete"):
						delete(now, id)
						changes = append(changes, dataset.Change{Delete: true, Record: dataset.Record{ID: id, Position: r.Position}})
						continue
					case exists && rapid.IntRange(0, 3).Draw(t, "keep") > 0:
						r = record(id, r.Position)
					default:
						r = record(id, place())
					}
					now[id] = r
					changes = append(changes, dataset.Change{Record: r})
				}
				d.Apply(state(), changes)
			}
			if rapid.Bool().Draw(t, "hold") {
				past = append(past, held{d.Snapshot(), now})
			}
		}
		check(t, d.Snapshot(), now, ids)
		for _, h := range past {
			check(t, h.snapshot, h.model, ids)
		}
	})
}

// Folds must lose nothing: neither what is written while they run nor what old
// snapshots find. Readers read all the while.
func TestFolds(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	d := newCatalog(t).Dataset("d")
	now, next := model{}, uint64(0)
	for range 30000 {
		id := fmt.Sprint("base", next)
		now[id] = dataset.Record{ID: id, Position: next, JSON: []byte(`{}`)}
		next++
	}
	d.Replace(dataset.State{Version: 1}, sequence(now.sorted()))
	stop := make(chan struct{})
	var readers sync.WaitGroup
	defer readers.Wait()
	defer close(stop)
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				s := d.Snapshot()
				n := 0
				for r := range s.All() {
					if n++; n%1000 == 0 {
						if _, ok := s.Lookup(r.ID); !ok {
							t.Errorf("version %d holds %q and does not find it", s.State().Version, r.ID)
							return
						}
					}
				}
			}
		})
	}
	type held struct {
		snapshot *Snapshot
		model    model
	}
	var past []held
	folded := 0
	var base *table
	ids := slices.Collect(maps.Keys(now))
	for i := range 60000 {
		var c dataset.Change
		id := ids[rnd.IntN(len(ids))]
		switch r, exists := now[id]; {
		case exists && rnd.IntN(3) == 0:
			c = dataset.Change{Delete: true, Record: r}
			delete(now, id)
		case exists && rnd.IntN(2) == 0:
			r.JSON = fmt.Appendf(nil, `{"v":%d}`, i)
			c.Record, now[id] = r, r
		default:
			if exists || rnd.IntN(2) == 0 {
				id = fmt.Sprint("new", i)
				ids = append(ids, id)
			}
			c.Record = dataset.Record{ID: id, Position: next, JSON: []byte(`{"n":1}`)}
			now[id] = c.Record
			next++
		}
		d.Apply(dataset.State{Version: uint64(i + 2)}, []dataset.Change{c})
		s := d.Snapshot()
		if s.ids.base != base {
			base = s.ids.base
			folded++
		}
		if i%10000 == 0 {
			past = append(past, held{s, maps.Clone(now)})
		}
	}
	if folded < 3 {
		t.Errorf("only %d bases were seen: the folds did not happen", folded)
	}
	for _, h := range append(past, held{d.Snapshot(), now}) {
		if h.snapshot.Len() != len(h.model) {
			t.Fatalf("%d records, want %d", h.snapshot.Len(), len(h.model))
		}
		for _, id := range ids {
			got, ok := h.snapshot.Lookup(id)
			if want, exists := h.model[id]; ok != exists || ok && got.Position != want.Position {
				t.Fatalf("version %d: %q is at %d (%v), want %d (%v)", h.snapshot.State().Version, id, got.Position, ok, want.Position, exists)
			}
		}
	}
}

// A fold that ends after the content was replaced must not bring the old back.
func TestFoldAfterReplace(t *testing.T) {
	c := newCatalog(t)
	d := c.Dataset("d")
	var changes []dataset.Change
	for i := range foldAt + 10 {
		changes = append(changes, dataset.Change{Record: dataset.Record{ID: fmt.Sprint("old", i), Position: uint64(i), JSON: []byte(`{}`)}})
	}
	d.Apply(dataset.State{Version: 1}, changes)
	d.Replace(dataset.State{Version: 2}, sequence([]dataset.Record{{ID: "new", Position: 0, JSON: []byte(`{}`)}}))
	c.Wait()
	if _, ok := d.Lookup("old0"); ok {
		t.Error("an old record came back")
	}
	if _, ok := d.Lookup("new"); !ok || d.State().Version != 2 {
		t.Error("the new record is not there")
	}
}

// A write voids one chunk: all others keep their coded forms.
func TestWriteVoidsOneChunk(t *testing.T) {
	d := newCatalog(t).Dataset("d")
	var records []dataset.Record
	for i := range 1000 * dataset.BucketSize {
		records = append(records, dataset.Record{ID: fmt.Sprint(i), Position: uint64(i), JSON: fmt.Appendf(nil, `{"id":"%d"}`, i)})
	}
	d.Replace(dataset.State{Version: 1}, sequence(records))
	before := d.Snapshot()
	before.List(encode.Gzip)
	d.Apply(dataset.State{Version: 2}, []dataset.Change{{Record: dataset.Record{ID: "70000", Position: 70000, JSON: []byte(`{"id":"70000","changed":true}`)}}})
	after := d.Snapshot()
	missing := 0
	for c := range after.dir.all() {
		if c.coded[encode.Gzip].Load() == nil {
			missing++
		}
	}
	if missing != 1 {
		t.Errorf("%d of %d chunks lost their coded form, want 1", missing, after.dir.chunks)
	}
	if before.Memory().Coded[encode.Gzip] == 0 || after.Memory().Text == 0 || after.Memory().Index == 0 {
		t.Errorf("the memory is not counted: %+v", after.Memory())
	}
	if !strings.Contains(body(t, encode.Gzip, after.List(encode.Gzip)), `"changed":true`) || strings.Contains(body(t, encode.Gzip, before.List(encode.Gzip)), `"changed"`) {
		t.Error("the change is not where it belongs")
	}
}

func TestConcurrentFirstReads(t *testing.T) {
	d := newCatalog(t).Dataset("d")
	var records []dataset.Record
	for i := range 20 * dataset.BucketSize {
		records = append(records, dataset.Record{ID: fmt.Sprint(i), Position: uint64(i), JSON: []byte(`{"a":1}`)})
	}
	d.Replace(dataset.State{Version: 1}, sequence(records))
	var seen [8][encode.Codings]encode.Part // copies: the lists themselves are all at one address
	var group sync.WaitGroup
	for i := range seen {
		group.Go(func() {
			for coding := range encode.Coding(encode.Codings) {
				seen[i][coding] = *d.Snapshot().List(coding)
			}
		})
	}
	group.Wait()
	for coding := range encode.Coding(encode.Codings) {
		for i := range seen {
			if &seen[i][coding].Slices[0] != &seen[0][coding].Slices[0] {
				t.Errorf("%v: the list of an unchanged snapshot was made more than once", coding)
				break
			}
		}
	}
}

func TestCatalog(t *testing.T) {
	c := newCatalog(t)
	if s := c.Snapshot("none"); s.State().Exists() || s.Len() != 0 || string(bytes.Join(s.List(encode.Identity).Slices, nil)) != "[]" {
		t.Error("an absent dataset is not empty")
	}
	if _, ok := c.Snapshot("none").Lookup("x"); ok {
		t.Error("an absent dataset has a record")
	}
	for _, name := range []string{"b", "a", "gone"} {
		c.Dataset(name).Replace(dataset.State{Name: name, Epoch: "e", Generation: 1}, nil)
	}
	c.Dataset("gone").Clear(dataset.State{Name: "gone"})
	if got := c.Names(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("names %v", got)
	}
	var made [8]*Dataset
	var group sync.WaitGroup
	for i := range made {
		group.Go(func() { made[i] = c.Dataset("c") })
	}
	group.Wait()
	for i := range made {
		if made[i] != made[0] || c.Dataset("c") != made[i] {
			t.Fatal("a dataset was made twice")
		}
	}
}

// What a deleted dataset last was stays for an hour: since it was last deleted, and though its keys are found missing
// again and again.
func TestVanished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newCatalog(t).Dataset("d")
		if last, _ := d.Vanished(); last != nil {
			t.Fatal("it never was")
		}
		vanish := func(version uint64) {
			d.Replace(dataset.State{Name: "d", Epoch: "e", Version: version, Generation: 1}, sequence([]dataset.Record{{ID: "a", JSON: []byte(`{}`)}}))
			d.Clear(dataset.State{Name: "d"})
			d.Clear(dataset.State{Name: "d"})
		}
		there := func(version uint64) {
			t.Helper()
			synctest.Wait()
			last, at := d.Vanished()
			if last == nil || last.State().Version != version || last.Len() != 1 || time.Since(at) > time.Hour {
				t.Fatalf("version %d is not what vanished at %v", version, at)
			}
		}
		vanish(1)
		time.Sleep(40 * time.Minute)
		there(1)
		vanish(2)
		time.Sleep(time.Hour - time.Second)
		there(2)
		time.Sleep(time.Second)
		synctest.Wait()
		if last, at := d.Vanished(); last != nil {
			t.Fatalf("version %d of %v is still there", last.State().Version, at)
		}
	})
}

// Only the last of many deleted contents takes memory: who loads and deletes in turn does not fill it.
func TestVanishedOnce(t *testing.T) {
	d := newCatalog(t).Dataset("d")
	var earlier []weak.Pointer[Snapshot]
	for version := range uint64(3) {
		d.Replace(at(1+2*version), sequence([]dataset.Record{{ID: "a", JSON: []byte(`{}`)}}))
		earlier = append(earlier, weak.Make(d.Snapshot()))
		d.Clear(dataset.State{Name: "d", Epoch: "e", Version: 2 + 2*version})
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		runtime.GC()
		if earlier[0].Value() == nil && earlier[1].Value() == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("what was deleted before the last time is still held")
		}
	}
	if last, _ := d.Vanished(); last == nil || last != earlier[2].Value() {
		t.Fatal("what was deleted last is not held")
	}
}

var sizes = []int{1000, 45716, 1000000}

func fill(b *testing.B, n int) *Dataset {
	d := newCatalog(b).Dataset("d")
	records := make([]dataset.Record, n)
	for i := range records {
		records[i] = dataset.Record{ID: fmt.Sprint(i), Position: uint64(i), JSON: fmt.Appendf(nil, `{"name":"Aachen","id":"%d","nametype":"Valid","recclass":"L5","mass (g)":"21","fall":"Fell","year":"1880","reclat":"50.775000","reclong":"6.083330","GeoLocation":"(50.775, 6.08333)"}`, i)}
	}
	d.Replace(dataset.State{Version: 1}, sequence(records))
	return d
}

// BenchmarkUpdate is a write of a record that exists, with the snapshot made.
func BenchmarkUpdate(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			d := fill(b, n)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i = (i + 7919) % n
				r, _ := d.Snapshot().At(uint64(i))
				d.Apply(dataset.State{Version: 2}, []dataset.Change{{Record: r}})
			}
		})
	}
}

// BenchmarkInsert is a write of a record that is new, folds included.
func BenchmarkInsert(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			d := fill(b, n)
			b.ReportAllocs()
			next := uint64(n)
			for b.Loop() {
				d.Apply(dataset.State{Version: 2}, []dataset.Change{{Record: dataset.Record{ID: fmt.Sprint(next), Position: next, JSON: []byte(`{"name":"Aachen"}`)}}})
				next++
			}
		})
	}
}

func BenchmarkLookup(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			d := fill(b, n)
			b.ReportAllocs()
			ids := make([]string, 1<<16)
			for i := range ids {
				ids[i] = fmt.Sprint((i * 7919) % n)
			}
			i := 0
			for b.Loop() {
				if _, ok := d.Snapshot().Lookup(ids[i&0xffff]); !ok {
					b.Fatal("not found")
				}
				i++
			}
		})
	}
}

// BenchmarkListAfterWrite is what the first reader after a write pays.
func BenchmarkListAfterWrite(b *testing.B) {
	for coding := range encode.Coding(encode.Codings) {
		for _, n := range sizes {
			b.Run(fmt.Sprint(coding, "/", n), func(b *testing.B) {
				d := fill(b, n)
				d.Snapshot().List(coding)
				i := 0
				for b.Loop() {
					i = (i + 7919) % n
					r, _ := d.Snapshot().At(uint64(i))
					d.Apply(dataset.State{Version: 2}, []dataset.Change{{Record: r}})
					d.Snapshot().List(coding)
				}
			})
		}
	}
}
