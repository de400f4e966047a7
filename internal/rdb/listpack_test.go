package rdb

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// checkListpack compares lp, in every way of reading it, with what it should
// hold.
func checkListpack(t testing.TB, lp Listpack, want []string) {
	t.Helper()
	if _, n, err := ValidListpack(lp); err != nil || n != len(want) || lp.Len() != n {
		t.Fatalf("%v, %d elements, %d counted, want %d", err, n, lp.Len(), len(want))
	}
	i := 0
	for pos := lp.First(); pos != lp.End(); pos = lp.Next(pos) {
		if got := string(lp.AppendTo(nil, pos)); got != want[i] {
			t.Fatalf("element %d is %q, want %q", i, got, want[i])
		}
		if lp.ElemLen(pos) != len(want[i]) {
			t.Fatalf("element %q has length %d", want[i], lp.ElemLen(pos))
		}
		if !lp.Matches(pos, NewNeedle([]byte(want[i]))) || lp.Matches(pos, NewNeedle([]byte(want[i]+"x"))) {
			t.Fatalf("element %q does not match itself alone", want[i])
		}
		i++
	}
	for pos := lp.Last(); pos >= 0; pos = lp.Prev(pos) {
		i--
		if got := string(lp.AppendTo(nil, pos)); got != want[i] {
			t.Fatalf("backward: element %d is %q, want %q", i, got, want[i])
		}
	}
	if i != 0 {
		t.Fatalf("backward it has %d elements fewer", i)
	}
}

// listpackString is like randomString, with lengths at the borders of encodings.
func listpackString(rng *rand.Rand) string {
	if rng.IntN(6) == 0 {
		n := [...]int{62, 63, 64, 65, 125, 126, 127, 128, 4094, 4095, 4096, 4097, 16377, 16378, 16379, 16380}[rng.IntN(16)]
		return strings.Repeat("s", n)
	}
	if rng.IntN(4) == 0 {
		edges := [...]int64{0, 127, 128, -1, 4095, 4096, -4096, -4097, math.MaxInt16, math.MinInt16, 1<<23 - 1, 1 << 23, -1 << 23, -1<<23 - 1, math.MaxInt32, math.MinInt32, math.MaxInt32 + 1, math.MinInt32 - 1, math.MaxInt64, math.MinInt64}
		return strconv.FormatInt(edges[rng.IntN(len(edges))], 10)
	}
	return randomString(rng)
}

func TestListpackHistories(t *testing.T) {
	rng := seeded(t)
	for range 60 {
		lp := AppendListpack(make([]byte, 0, rng.IntN(5000)))
		var want []string
		for range 60 {
			at := rng.IntN(len(want) + 1)
			pos := lp.End()
			if at < len(want) {
				pos = lp.Seek(at)
				if lp.Seek(at-len(want)) != pos {
					t.Fatal("Seek from the end differs")
				}
			} else if lp.Seek(at) != -1 {
				t.Fatal("Seek finds what is not there")
			}
			s := listpackString(rng)
			switch op := rng.IntN(5); {
			case op == 0 && at < len(want):
				n := 1 + rng.IntN(4)
				lp = lp.Delete(pos, n)
				want = slices.Delete(want, at, min(at+n, len(want)))
			case op == 1 && at < len(want):
				lp = lp.Replace(pos, []byte(s))
				want[at] = s
			case op == 2:
				other := AppendListpack(nil)
				for range rng.IntN(4) {
					other = other.Append([]byte(s))
					want = append(want, s)
				}
				lp = lp.Concat(other)
			default:
				size := len(lp) + lp.StringSize([]byte(s))
				lp = lp.Insert(pos, []byte(s))
				want = slices.Insert(want, at, s)
				if len(lp) != size {
					t.Fatalf("%q took %d bytes more than StringSize says", s, len(lp)-size)
				}
			}
			checkListpack(t, lp, want)
		}
		if len(want) > 0 {
			i := rng.IntN(len(want))
			if got := lp.Find(lp.First(), NewNeedle([]byte(want[i])), 0); got != lp.Seek(slices.Index(want, want[i])) {
				t.Fatalf("Find(%q) is %d", want[i], got)
			}
		}
	}
}

func TestListpackMany(t *testing.T) {
	lp := AppendListpack(nil)
	for i := range 70000 {
		lp = lp.AppendInt(int64(i))
	}
	if lp.Len() != 70000 {
		t.Fatal(lp.Len())
	}
	if _, n, err := ValidListpack(lp); n != 70000 || err != nil {
		t.Fatal(n, err)
	}
	for _, i := range []int{0, 1, 65534, 65535, 69999} {
		if _, n, _ := lp.Get(lp.Seek(i)); n != int64(i) {
			t.Errorf("element %d is %d", i, n)
		}
		if _, n, _ := lp.Get(lp.Seek(i - 70000)); n != int64(i) {
			t.Errorf("element %d is %d", i-70000, n)
		}
	}
	if lp.Seek(70000) != -1 || lp.Seek(-70001) != -1 {
		t.Error("Seek finds what is not there")
	}
	if lp = lp.Delete(lp.First(), 10000); lp.Len() != 60000 {
		t.Error(lp.Len())
	}
	if _, n, err := ValidListpack(lp); n != 60000 || err != nil {
		t.Error(n, err)
	}
}

// Where there is room nothing is allocated.
func TestListpackAllocations(t *testing.T) {
	buf := make([]byte, 0, 4096)
	key, val := []byte("name"), []byte("1234567")
	needle := NewNeedle([]byte("mass"))
	if n := testing.AllocsPerRun(100, func() {
		lp := AppendListpack(buf).Append(key).Append(val).Append(key).AppendInt(-5)
		lp = lp.Insert(lp.First(), val).Replace(lp.First(), key)
		lp = lp.Delete(lp.Last(), 1)
		if lp.Find(lp.First(), needle, 1) != -1 {
			t.Error("found")
		}
		for pos := lp.First(); pos != lp.End(); pos = lp.Next(pos) {
			lp.Get(pos)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestParseInt(t *testing.T) {
	rng := seeded(t)
	for range 20000 {
		s := listpackString(rng)
		n, ok := ParseInt([]byte(s))
		m, err := strconv.ParseInt(s, 10, 64)
		if want := err == nil && strconv.FormatInt(m, 10) == s; ok != want || ok && n != m {
			t.Fatalf("%q: %d %v", s, n, ok)
		}
	}
}

func TestIntsetHistories(t *testing.T) {
	rng := seeded(t)
	for range 50 {
		s := AppendIntset(make([]byte, 0, rng.IntN(500)))
		want := map[int64]bool{}
		shift := rng.IntN(64)
		for range 200 {
			n := int64(rng.Uint64()) >> max(shift, rng.IntN(64))
			if rng.IntN(3) == 0 {
				var ok bool
				if s, ok = s.Remove(n); ok != want[n] {
					t.Fatalf("Remove(%d) is %v", n, ok)
				}
				delete(want, n)
			} else {
				var ok bool
				if s, ok = s.Add(n); ok == want[n] {
					t.Fatalf("Add(%d) is %v", n, ok)
				}
				want[n] = true
			}
			if _, err := ValidIntset(s); err != nil || s.Len() != len(want) {
				t.Fatal(err, s.Len(), len(want))
			}
			for i := range s.Len() {
				if !want[s.At(i)] {
					t.Fatalf("holds %d", s.At(i))
				}
			}
		}
	}
}

// ziplist builds a ziplist as ziplist.c of Redis up to 6.2 does.
func ziplist(elems ...any) []byte {
	b := make([]byte, 10)
	prev, last := 0, 10
	for _, e := range elems {
		last = len(b)
		if prev < 254 {
			b = append(b, byte(prev))
		} else {
			b = append(b, 0xfe, byte(prev), byte(prev>>8), byte(prev>>16), byte(prev>>24))
		}
		switch e := e.(type) {
		case string:
			switch n := len(e); {
			case n < 1<<6:
				b = append(b, byte(n))
			case n < 1<<14:
				b = append(b, 0x40|byte(n>>8), byte(n))
			default:
				b = append(b, 0x80, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
			}
			b = append(b, e...)
		case int:
			switch {
			case e >= 0 && e <= 12:
				b = append(b, 0xf1+byte(e))
			case e >= -128 && e <= 127:
				b = append(b, 0xfe, byte(e))
			case e >= -32768 && e <= 32767:
				b = append(b, 0xc0, byte(e), byte(e>>8))
			case e >= -1<<23 && e < 1<<23:
				b = append(b, 0xf0, byte(e), byte(e>>8), byte(e>>16))
			case e >= math.MinInt32 && e <= math.MaxInt32:
				b = append(b, 0xd0, byte(e), byte(e>>8), byte(e>>16), byte(e>>24))
			default:
				b = append(b, 0xe0)
				for i := range 8 {
					b = append(b, byte(e>>(8*i)))
				}
			}
		}
		prev = len(b) - last
	}
	b = append(b, 0xff)
	n := len(b)
	copy(b, []byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24), byte(last), byte(last >> 8), byte(last >> 16), byte(last >> 24), byte(len(elems)), byte(len(elems) >> 8)})
	return b
}

var (
	ziplistElems = []any{"a", "", strings.Repeat("b", 63), strings.Repeat("c", 64), strings.Repeat("d", 300), strings.Repeat("e", 20000),
		0, 1, 12, 13, -1, 127, -128, 128, -32768, 32767, 32768, -1 << 23, 1<<23 - 1, 1 << 23, math.MinInt32, math.MaxInt32, math.MaxInt32 + 1, math.MinInt64, math.MaxInt64, "last"}
	zipmapBytes = slices.Concat([]byte{3, 3}, []byte("foo"), []byte{3, 0}, []byte("bar"), []byte{5}, []byte("hello"), []byte{5, 2}, []byte("world..\x02n1"),
		[]byte{254, 0x2c, 1, 0, 0, 0}, bytes.Repeat([]byte("v"), 300), []byte{0xff})
)

func TestZiplist(t *testing.T) {
	var want []string
	for _, e := range ziplistElems {
		switch e := e.(type) {
		case string:
			want = append(want, e)
		case int:
			want = append(want, strconv.Itoa(e))
		}
	}
	for n := range len(want) + 1 {
		lp, err := listpackOfZiplist(AppendListpack(nil), ziplist(ziplistElems[:n]...))
		if err != nil {
			t.Fatal(err)
		}
		checkListpack(t, lp, want[:n])
	}
	z := ziplist(ziplistElems...)
	for cut := range 200 {
		if _, err := listpackOfZiplist(AppendListpack(nil), z[:cut]); err == nil {
			t.Fatalf("taken when cut at %d", cut)
		}
	}
}

func TestZipmap(t *testing.T) {
	lp, err := listpackOfZipmap(AppendListpack(nil), zipmapBytes)
	if err != nil {
		t.Fatal(err)
	}
	checkListpack(t, lp, []string{"foo", "bar", "hello", "world", "n1", strings.Repeat("v", 300)})
	for cut := range zipmapBytes {
		if _, err := listpackOfZipmap(AppendListpack(nil), zipmapBytes[:cut]); err == nil {
			t.Fatalf("taken when cut at %d", cut)
		}
	}
}
