package textsearch

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestFold(t *testing.T) {
	for _, c := range []struct{ in, cases, accents, both string }{
		{"Aïr", "aïr", "Air", "air"},
		{"Straße", "strasse", "Straße", "strasse"},
		{"ŁÓDŹ", "łódź", "LODZ", "lodz"},
		{"Ærø", "ærø", "AEro", "aero"},
		{"İstanbul", "i̇stanbul", "Istanbul", "istanbul"},
		{"plain L6", "plain l6", "plain L6", "plain l6"},
		{"e\u0301", "e\u0301", "e", "e"},
		{"Σίσυφος", "σίσυφοσ", "Σισυφος", "σισυφοσ"},
	} {
		if got := FoldCase(c.in); got != c.cases {
			t.Errorf("case of %q: %q, want %q", c.in, got, c.cases)
		}
		if got := FoldAccents(c.in); got != c.accents {
			t.Errorf("accents of %q: %q, want %q", c.in, got, c.accents)
		}
		if got := Fold(c.in); got != c.both {
			t.Errorf("both of %q: %q, want %q", c.in, got, c.both)
		}
	}
}

func FuzzFold(f *testing.F) {
	for _, s := range []string{"Aïr", "İ", "ΐ", "ß", "ǰ", "ŉ", "\xff", "Å"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "?")
		for name, fold := range map[string]func(string) string{"case": FoldCase, "accents": FoldAccents, "both": Fold} {
			if once := fold(s); fold(once) != once {
				t.Errorf("%s: %q becomes %q, and that %q", name, s, once, fold(once))
			}
		}
	})
}

// likes is the meaning of a pattern, as simple as can be.
func likes(pattern, s []rune) bool {
	if len(pattern) == 0 {
		return len(s) == 0
	}
	switch p := pattern[0]; {
	case p == '%':
		for i := range len(s) + 1 {
			if likes(pattern[1:], s[i:]) {
				return true
			}
		}
		return false
	case p == '_':
		return len(s) > 0 && likes(pattern[1:], s[1:])
	case p == '\\' && len(pattern) > 1 && strings.ContainsRune(`%_\`, pattern[1]):
		return len(s) > 0 && s[0] == pattern[1] && likes(pattern[2:], s[1:])
	default:
		return len(s) > 0 && s[0] == p && likes(pattern[1:], s[1:])
	}
}

func TestLike(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	word := func(alphabet string, n int) string {
		runes := []rune(alphabet)
		var b strings.Builder
		for range rnd.IntN(n) {
			b.WriteRune(runes[rnd.IntN(len(runes))])
		}
		return b.String()
	}
	for range 300_000 {
		pattern, s := word(`abé%%_\`, 9), word(`abé%_\`, 9)
		p := CompileLike(pattern)
		if got, want := p.Match(s), likes([]rune(pattern), []rune(s)); got != want {
			t.Fatalf("%q LIKE %q is %v, want %v", s, pattern, got, want)
		} else if !got {
			continue
		}
		if !strings.Contains(s, p.Literal()) {
			t.Fatalf("%q LIKE %q, which should hold %q", s, pattern, p.Literal())
		}
		prefix, only := p.Prefix()
		if !strings.HasPrefix(s, prefix) {
			t.Fatalf("%q LIKE %q, which should begin with %q", s, pattern, prefix)
		}
		if only && !p.Match(prefix+s) {
			t.Fatalf("%q is said to be %q and anything", pattern, prefix)
		}
	}
}

func TestIndexIsALoop(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for _, rows := range []int{0, 1, 200, 300, 70_000} {
		texts := make([]string, rows)
		for i := range texts {
			var b strings.Builder
			for range rnd.IntN(6) {
				b.WriteString([]string{"al", "lan", "hills ", "y-", "é", "7", "A", "B", "aB", "É", "Łß", "İ"}[rnd.IntN(12)])
			}
			texts[i] = b.String()
		}
		x := NewIndex(rows, func(i uint32) string { return texts[i] })
		for n := range 200 {
			if n == 100 {
				x.Sharpen()
			}
			term := ""
			for range 1 + rnd.IntN(4) {
				term += []string{"al", "lan", "hills", "s ", "y", "é", "\xc3", "7", "a", "b", "zzz", "lss", "e"}[rnd.IntN(13)]
			}
			var want, got []uint32
			for i, s := range texts {
				if strings.Contains(Fold(s), term) {
					want = append(want, uint32(i))
				}
			}
			x.Search(term, func(row uint32) bool { got = append(got, row); return true })
			if x.Estimate(term) < len(want) {
				t.Fatalf("%d rows: %q is said to be in %d at most, and is in %d", rows, term, x.Estimate(term), len(want))
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%d rows: %q is in %d, want %d", rows, term, len(got), len(want))
			}
			var first []uint32
			x.Search(term, func(row uint32) bool { first = append(first, row); return len(first) < 3 })
			if !slices.Equal(first, want[:min(3, len(want))]) {
				t.Fatalf("the first rows with %q are %v", term, first)
			}
		}
	}
}

// Long texts would take too much: they are found without.
func TestSharpenLongTexts(t *testing.T) {
	texts := make([]string, 300)
	for i := range texts {
		for k := range 100 {
			texts[i] += fmt.Sprintf("%d-%d ", i, k)
		}
	}
	x := NewIndex(len(texts), func(i uint32) string { return texts[i] })
	before := x.Bytes()
	x.Sharpen()
	if x.Bytes() != before {
		t.Errorf("%d bytes, and %d before", x.Bytes(), before)
	}
	var got []uint32
	x.Search("217-99 ", func(i uint32) bool { got = append(got, i); return true })
	if !slices.Equal(got, []uint32{217}) {
		t.Errorf("found in %v", got)
	}
}

func BenchmarkIndex(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 0))
	for _, rows := range []int{45_716, 1_000_000} {
		texts := make([]string, rows)
		for i := range texts {
			texts[i] = fmt.Sprintf("%s %c%c%c%c %05d", []string{"yamato", "allan hills", "queen", "dhofar"}[rnd.IntN(4)],
				'a'+rnd.IntN(26), 'a'+rnd.IntN(26), 'a'+rnd.IntN(26), 'a'+rnd.IntN(26), rnd.IntN(99999))
		}
		var x *Index
		b.Run("build", func(b *testing.B) {
			for b.Loop() {
				x = NewIndex(rows, func(i uint32) string { return texts[i] })
			}
			b.ReportMetric(float64(x.Bytes())/float64(rows), "bytes/row")
		})
		rare := func(b *testing.B) {
			for b.Loop() {
				n := 0
				term := texts[rnd.IntN(rows)]
				x.Search(term[len(term)-10:], func(uint32) bool { n++; return true })
			}
		}
		b.Run("rare", rare)
		b.Run("sharpen", func(b *testing.B) {
			for b.Loop() {
				x.Sharpen()
			}
			b.ReportMetric(float64(x.Bytes())/float64(rows), "bytes/row")
		})
		b.Run("rare-sharp", rare)
	}
}
