package redisserver

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"landings/internal/rdb"
)

func seeded(t testing.TB) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// TestIDMap compares an idMap with a sorted slice.
func TestIDMap(t *testing.T) {
	rng := seeded(t)
	for _, spread := range []uint64{300, 5000, 1 << 40} {
		var m idMap[int]
		var model []rdb.StreamID
		values := map[rdb.StreamID]int{}
		for i := range 20000 {
			id := rdb.StreamID{Ms: rng.Uint64N(spread), Seq: rng.Uint64N(2)}
			at, has := slices.BinarySearchFunc(model, id, compareIDs)
			grow := 3
			if i > 12000 {
				grow = 1
			}
			switch rng.IntN(5) {
			default:
				if rng.IntN(4) < grow {
					if m.set(id, i) == has {
						t.Fatalf("set %v: new %v", id, !has)
					}
					if !has {
						model = slices.Insert(model, at, id)
					}
					values[id] = i
				} else if len(model) > 0 { // what is there, often the first
					k := rng.IntN(len(model)) / (1 + rng.IntN(2)*len(model))
					if !m.remove(model[k]) {
						t.Fatalf("%v is not there", model[k])
					}
					model = slices.Delete(model, k, k+1)
				}
			case 0:
				if m.remove(id) != has {
					t.Fatalf("remove %v: %v", id, !has)
				}
				if has {
					model = slices.Delete(model, at, at+1)
				}
			case 1:
				if item := m.at(m.seek(id)); (item == nil) != (at == len(model)) || item != nil && (item.id != model[at] || item.v != values[model[at]]) {
					t.Fatalf("seek %v: %v", id, item)
				}
				if !has {
					at--
				}
				if item := m.at(m.floor(id)); (item == nil) != (at < 0) || item != nil && item.id != model[at] {
					t.Fatalf("floor %v: %v", id, item)
				}
			}
			if m.n != len(model) {
				t.Fatalf("%d items, not %d", m.n, len(model))
			}
			if i%1000 == 0 || len(model) < 3 {
				var there, back []rdb.StreamID
				for p := (idPos{}); m.at(p) != nil; p = m.next(p) {
					there = append(there, m.at(p).id)
				}
				for p := m.floor(maxStreamID); m.at(p) != nil; p = m.prev(p) {
					back = append(back, m.at(p).id)
				}
				slices.Reverse(back)
				if !slices.Equal(there, model) || !slices.Equal(back, model) {
					t.Fatal("the walks differ from the model")
				}
			}
		}
		if most := 4 + 4*m.n/maxRun; len(m.runs) > most && m.n < maxRun {
			t.Errorf("%d items lie in %d runs", m.n, len(m.runs))
		}
	}
}

func compareIDs(a, b rdb.StreamID) int {
	switch {
	case a.Less(b):
		return -1
	case b.Less(a):
		return 1
	}
	return 0
}

type modelEntry struct {
	id    rdb.StreamID
	pairs []string
}

// TestStreamModel compares a stream with a list of entries under random additions,
// deletions and trimming, and looks for blocks that stay behind.
func TestStreamModel(t *testing.T) {
	rng := seeded(t)
	for round := range 20 {
		cfg := config{streamNodeEntries: int64([]int{0, 1, 3, 100}[rng.IntN(4)]), streamNodeBytes: int64([]int{0, 60, 300, 4096}[rng.IntN(4)])}
		a := newArena()
		s := newStream(a)
		var model []modelEntry
		for step := range 3000 {
			switch rng.IntN(10) {
			default:
				id := rdb.StreamID{Ms: s.last.Ms + uint64(rng.IntN(2)), Seq: rng.Uint64N(1000)}
				if rng.IntN(50) == 0 {
					id.Ms += rng.Uint64N(1 << 60)
				}
				if !s.last.Less(id) {
					continue
				}
				entry := modelEntry{id: id}
				var pairs [][]byte
				for i := range 1 + rng.IntN(3) {
					field := []string{"field", strconv.Itoa(i), string(bytes.Repeat([]byte("x"), rng.IntN(200)))}[rng.IntN(3)]
					value := []string{strconv.FormatInt(rng.Int64()>>rng.IntN(64), 10), "value", string(bytes.Repeat([]byte("v"), rng.IntN(5000)>>rng.IntN(13)))}[rng.IntN(3)]
					pairs = append(pairs, []byte(field), []byte(value))
					entry.pairs = append(entry.pairs, field, value)
				}
				s.append(&cfg, id, pairs)
				model = append(model, entry)
			case 0, 1:
				if len(model) > 0 {
					k := rng.IntN(len(model))
					if !s.del(model[k].id) || s.del(model[k].id) {
						t.Fatalf("%v is not deleted once", model[k].id)
					}
					model = slices.Delete(model, k, k+1)
					s.findFirst()
				}
			case 2:
				if rng.IntN(30) > 0 {
					continue
				}
				trim := trimming{by: trimMaxLen, maxLen: uint64(rng.IntN(len(model) + 1)), approx: rng.IntN(2) == 0, limit: int64(rng.IntN(2) * rng.IntN(50))}
				if rng.IntN(2) == 0 && len(model) > 0 {
					trim = trimming{by: trimMinID, minID: model[rng.IntN(len(model))].id, approx: trim.approx}
				}
				if !trim.approx {
					trim.limit = 0
				}
				var want int
				if trim.by == trimMaxLen {
					want = max(0, len(model)-int(trim.maxLen))
				} else {
					want, _ = slices.BinarySearchFunc(model, trim.minID, func(e modelEntry, id rdb.StreamID) int { return compareIDs(e.id, id) })
				}
				got := int(s.trim(&trim))
				if got > want || !trim.approx && got != want || trim.limit != 0 && int64(got) > trim.limit {
					t.Fatalf("%+v removed %d of %d, not %d", trim, got, len(model), want)
				}
				model = slices.Delete(model, 0, got)
			}
			if step%100 == 0 {
				checkStream(t, rng, s, model)
			}
		}
		checkStream(t, rng, s, model)
		s.release()
		if a.used != 0 {
			t.Fatalf("round %d: %d bytes are left of a stream that was released", round, a.used)
		}
	}
}

func checkStream(t *testing.T, rng *rand.Rand, s *stream, model []modelEntry) {
	t.Helper()
	if int(s.length) != len(model) {
		t.Fatalf("%d entries, not %d", s.length, len(model))
	}
	if len(model) > 0 && (s.first != model[0].id || s.lastLive() != model[len(model)-1].id) {
		t.Fatalf("from %v to %v, not %v to %v", s.first, s.lastLive(), model[0].id, model[len(model)-1].id)
	}
	from, to := 0, len(model)
	fromID, toID := rdb.StreamID{}, maxStreamID
	if len(model) > 0 && rng.IntN(2) == 0 {
		from = rng.IntN(len(model))
		to = from + rng.IntN(len(model)-from)
		fromID = model[from].id
		toID, _ = prevID(model[to].id)
	}
	read := func(cu streamCursor) (out []modelEntry) {
		for cu.next() {
			e := modelEntry{id: cu.id}
			cu.pairs(func(f, v []byte) { e.pairs = append(e.pairs, string(f), string(v)) })
			out = append(out, e)
		}
		return out
	}
	there, back := read(s.walk(fromID, toID)), read(s.walkBack(fromID, toID))
	slices.Reverse(back)
	for _, got := range [][]modelEntry{there, back} {
		if !slices.EqualFunc(got, model[from:to], func(a, b modelEntry) bool { return a.id == b.id && slices.Equal(a.pairs, b.pairs) }) {
			t.Fatalf("the entries from %v to %v differ from the model", fromID, toID)
		}
	}
	s.nodes.each(func(id rdb.StreamID, nd *streamNode) bool {
		lp, _, err := rdb.ValidListpack(s.pack(nd))
		if err != nil {
			t.Fatal(err)
		}
		it, ok := rdb.NewStreamIter(lp, id)
		if !ok {
			t.Fatal("a node has no head")
		}
		for it.Next() {
		}
		return true
	})
}

// TestRadixNodes counts a plain tree.
func TestRadixNodes(t *testing.T) {
	rng := seeded(t)
	for range 500 {
		keys := map[rdb.StreamID]bool{}
		for range 1 + rng.IntN(30) {
			keys[rdb.StreamID{Ms: rng.Uint64() >> rng.IntN(64), Seq: rng.Uint64() >> rng.IntN(64) & 0xff}] = true
		}
		var ids []rdb.StreamID
		children := map[string]map[byte]bool{} // by prefix
		for id := range keys {
			ids = append(ids, id)
			key := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, id.Ms), id.Seq)
			for i, b := range key {
				p := string(key[:i])
				if children[p] == nil {
					children[p] = map[byte]bool{}
				}
				children[p][b] = true
			}
		}
		slices.SortFunc(ids, compareIDs)
		// A run of prefixes with one child each is one node, one with more is a node
		// too, and so is each key.
		want := len(keys)
		for p, c := range children {
			if len(c) > 1 || p == "" || len(children[p[:len(p)-1]]) > 1 {
				want++
			}
		}
		if got := radixNodes(ids, 0); got != want {
			t.Fatalf("%v: %d nodes, not %d", ids, got, want)
		}
	}
}

func TestParseStreamID(t *testing.T) {
	const most = math.MaxUint64
	for _, c := range []struct {
		in     string
		strict bool
		ms     uint64
		seq    uint64
		bad    bool
	}{
		{in: "0-0"}, {in: "1-2", ms: 1, seq: 2}, {in: "5", ms: 5, seq: 77},
		{in: "18446744073709551615-18446744073709551615", ms: most, seq: most},
		{in: "18446744073709551616-0", bad: true}, {in: "0-18446744073709551616", bad: true},
		{in: "-"}, {in: "+", ms: most, seq: most}, {in: "-", strict: true, bad: true}, {in: "+", strict: true, bad: true},
		{in: "", bad: true}, {in: "x", bad: true}, {in: "1-", bad: true}, {in: "-1", bad: true}, {in: "1-x", bad: true}, {in: "1-1-1", bad: true}, {in: "1-*", bad: true},
		{in: "007-01", ms: 7, seq: 1}, {in: " 7-+1", ms: 7, seq: 1}, {in: "1_0-1", bad: true}, {in: "0x1-1", bad: true},
		{in: "1--5", bad: true}, {in: "1--05", ms: 1, seq: most - 4}, {in: "3-4\x00junk", ms: 3, seq: 4},
		{in: "1-" + string(bytes.Repeat([]byte("0"), 126)), bad: true},
	} {
		id, ok := parseStreamID([]byte(c.in), 77, c.strict)
		if ok == c.bad || ok && (id.Ms != c.ms || id.Seq != c.seq) {
			t.Errorf("%q strict %v: %v, %v", c.in, c.strict, id, ok)
		}
	}
}

// TestStreamIDSteps goes over the ends of sequences.
func TestStreamIDSteps(t *testing.T) {
	const most = math.MaxUint64
	for _, c := range []struct {
		a, b rdb.StreamID
		ok   bool
	}{
		{rdb.StreamID{Ms: 1, Seq: 1}, rdb.StreamID{Ms: 1, Seq: 2}, true},
		{rdb.StreamID{Ms: 1, Seq: most}, rdb.StreamID{Ms: 2}, true},
		{rdb.StreamID{Ms: most, Seq: most}, rdb.StreamID{}, false},
	} {
		if got, ok := nextID(c.a); got != c.b || ok != c.ok {
			t.Errorf("behind %v: %v, %v", c.a, got, ok)
		}
		if got, ok := prevID(c.b); got != c.a || ok != c.ok {
			t.Errorf("before %v: %v, %v", c.b, got, ok)
		}
	}
}

// bigStream is a stream with every kind of thing that a file has.
func bigStream(t *testing.T, e *Engine) *stream {
	t.Helper()
	s := newStream(e.arena)
	for i := range 250 {
		s.append(&e.cfg, rdb.StreamID{Ms: uint64(i + 1)}, [][]byte{[]byte("f"), bi(int64(i)), []byte("g"), []byte("value")})
	}
	for i := range 40 {
		s.del(rdb.StreamID{Ms: uint64(3*i + 1)})
	}
	s.maxDeleted = rdb.StreamID{Ms: 118}
	s.findFirst()
	for _, name := range []string{"b", "a", "c"} {
		g := &group{name: name, last: rdb.StreamID{Ms: 200}, read: -1}
		s.addGroup(g)
		for i := range 60 {
			who := fmt.Sprint("consumer", i%3)
			co := g.consumer([]byte(who))
			if co == nil {
				co = g.addConsumer([]byte(who), 1234567)
			}
			g.give(rdb.StreamID{Ms: uint64(i + 1)}, co, int64(i), 2)
		}
		g.removeConsumer(g.consumer([]byte("consumer1")))
		g.addConsumer([]byte("idle"), 7654321)
	}
	return s
}

func encodeStream(s *stream) []byte {
	enc := rdb.NewEncoder(false)
	enc.Type(s.rdbType())
	s.save(&pen{Encoder: enc})
	return rdb.SealDump(enc.Buf)
}

// TestStreamFile saves, loads and saves again.
func TestStreamFile(t *testing.T) {
	e := &Engine{arena: newArena(), cfg: config{streamNodeEntries: 100, streamNodeBytes: 4096}}
	s := bigStream(t, e)
	first := encodeStream(s)
	v, err := loadDump(e, first)
	if err != nil {
		t.Fatal(err)
	}
	if second := encodeStream(v.obj.(*stream)); !bytes.Equal(first, second) {
		t.Fatal("a stream that was loaded is saved as another")
	}
	s.release()
	v.obj.release()
	if e.arena.used != 0 {
		t.Fatalf("%d bytes are left", e.arena.used)
	}
	empty, err := loadDump(e, encodeStream(newStream(e.arena)))
	if err != nil || empty.kind != kindStream {
		t.Fatalf("an empty stream: %+v, %v", empty, err)
	}
}

func loadDump(e *Engine, payload []byte) (value, error) {
	r, head, err := rdb.OpenDump(payload)
	if err != nil {
		return value{}, err
	}
	if head.Kind != rdb.KindStream {
		return value{}, errors.New("not a stream")
	}
	return e.loadStream(r)
}

// TestStreamFileDamaged changes bytes of a file: whatever loads can be read,
// changed and released, and whatever does not leaves nothing behind.
func TestStreamFileDamaged(t *testing.T) {
	rng := seeded(t)
	e := &Engine{arena: newArena(), cfg: config{streamNodeEntries: 100, streamNodeBytes: 4096}}
	s := bigStream(t, e)
	payload := encodeStream(s)
	s.release()
	clear(payload[len(payload)-8:]) // no checksum
	loaded := 0
	for range 20000 {
		b := slices.Clone(payload)
		for range 1 + rng.IntN(3) {
			i := rng.IntN(len(b) - 10)
			if rng.IntN(2) == 0 {
				b[i] = byte(rng.IntN(256))
			} else {
				b[i] += byte(rng.IntN(3)) - 1
			}
		}
		v, err := loadDump(e, b)
		if err == nil {
			loaded++
			s := v.obj.(*stream)
			for cu := s.walkBack(rdb.StreamID{}, maxStreamID); cu.next(); {
				cu.pairs(func(f, v []byte) {})
			}
			s.del(rdb.StreamID{Ms: uint64(rng.IntN(250))})
			if s.last.Less(maxStreamID) {
				id, _ := nextID(s.last)
				s.append(&e.cfg, id, [][]byte{[]byte("f"), []byte("v")})
			}
			s.trim(&trimming{by: trimMinID, minID: rdb.StreamID{Ms: uint64(rng.IntN(250))}})
			s.trim(&trimming{by: trimMaxLen, maxLen: 3})
			s.release()
		}
		if e.arena.used != 0 {
			t.Fatalf("%d bytes are left, error %v", e.arena.used, err)
		}
	}
	if loaded == 0 {
		t.Error("no damaged file was loaded: the test tests little")
	}
}

// BenchmarkStream measures a stream without the protocol: an entry at the end, the
// same with trimming to a thousand, and reading a hundred in the middle.
func BenchmarkStream(b *testing.B) {
	cfg := config{streamNodeEntries: 100, streamNodeBytes: 4096}
	pairs := [][]byte{[]byte("myfield"), []byte("some value of an entry")}
	b.Run("add", func(b *testing.B) {
		b.ReportAllocs()
		s := newStream(newArena())
		for b.Loop() {
			id, _ := nextID(s.last)
			s.append(&cfg, id, pairs)
		}
		b.ReportMetric(float64(s.memory(0))/float64(s.length), "B/entry")
	})
	b.Run("add and trim", func(b *testing.B) {
		b.ReportAllocs()
		s := newStream(newArena())
		for b.Loop() {
			id, _ := nextID(s.last)
			s.append(&cfg, id, pairs)
			s.trim(&trimming{by: trimMaxLen, maxLen: 1000})
		}
	})
	b.Run("save a million", func(b *testing.B) {
		s := newStream(newArena())
		for range 1_000_000 {
			id, _ := nextID(s.last)
			s.append(&cfg, id, pairs)
		}
		enc := rdb.NewEncoder(true)
		for b.Loop() {
			enc.Reset()
			s.save(&pen{Encoder: enc})
		}
		b.SetBytes(int64(len(enc.Buf)))
	})
	b.Run("read 100 of a million", func(b *testing.B) {
		b.ReportAllocs()
		s := newStream(newArena())
		for range 1_000_000 {
			id, _ := nextID(s.last)
			s.append(&cfg, id, pairs)
		}
		for b.Loop() {
			from := rand.Uint64N(999_000)
			n := 0
			for cu := s.walk(rdb.StreamID{Seq: from}, maxStreamID); n < 100 && cu.next(); n++ {
				cu.pairs(func(f, v []byte) {})
			}
		}
	})
}
