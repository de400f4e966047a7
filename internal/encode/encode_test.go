package encode

import (
	"bytes"
	stdgzip "compress/gzip"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"
)

func TestChecksumsJoin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.SliceOf(rapid.Byte()).Draw(t, "a"), rapid.SliceOf(rapid.Byte()).Draw(t, "b")
		whole := append(bytes.Clone(a), b...)
		if got := sumOf(a).then(sumOf(b)); got != sumOf(whole) || got.crc != crc32.ChecksumIEEE(whole) {
			t.Fatalf("%x then %x gives %v, want %v", a, b, got, sumOf(whole))
		}
	})
}

func decode(t *testing.T, coding Coding, p Part) []byte {
	t.Helper()
	raw := bytes.Join(p.Slices, nil)
	if int64(len(raw)) != p.Len {
		t.Fatalf("%v: Len is %d, the slices hold %d bytes", coding, p.Len, len(raw))
	}
	switch coding {
	case Gzip:
		r, err := stdgzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		r.Multistream(false)
		src := bytes.NewReader(raw) // the reader must end with the first member, at the last byte
		if err := r.Reset(src); err != nil {
			t.Fatal(err)
		}
		r.Multistream(false)
		out, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if src.Len() != 0 {
			t.Fatalf("%d bytes follow the gzip member", src.Len())
		}
		return out
	case Zstd:
		r, err := zstd.NewReader(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		out, err := r.DecodeAll(raw, nil)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	return raw
}

func TestLists(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	coder, err := NewCoder(0)
	if err != nil {
		t.Fatal(err)
	}
	for _, chunks := range []int{0, 1, 2, 3, 17, 300} {
		var texts [][]byte
		for i := range chunks {
			var text []byte
			if i%5 != 4 { // every fifth is empty
				for j := range 1 + rnd.IntN(40) {
					if j > 0 {
						text = append(text, ",\n"...)
					}
					text = fmt.Appendf(text, `{"id":"%d","v":"%x"}`, j, rnd.Uint64())
				}
			}
			texts = append(texts, text)
		}
		var nonempty [][]byte
		for _, text := range texts {
			if len(text) > 0 {
				nonempty = append(nonempty, text)
			}
		}
		want := append(append([]byte("["), bytes.Join(nonempty, []byte(",\n"))...), ']')
		for coding := range Coding(Codings) {
			var parts []Part
			for _, text := range texts {
				parts = append(parts, coder.Encode(coding, text))
			}
			// Joined in two levels, as pages of chunks are.
			half := len(parts) / 2
			list := List(coding, Join(coding, []Part{Join(coding, parts[:half]), Join(coding, parts[half:])}))
			if got := decode(t, coding, list); !bytes.Equal(got, want) {
				t.Errorf("%v, %d chunks: %d bytes, want %d", coding, chunks, len(got), len(want))
			}
			if list.Text != int64(len(want)) {
				t.Errorf("%v: Text is %d, want %d", coding, list.Text, len(want))
			}
			var _ net.Buffers = list.Slices // what a server sends
		}
	}
}

func TestLevels(t *testing.T) {
	for _, level := range []int{-1, 10} {
		if _, err := NewCoder(level); err == nil {
			t.Errorf("level %d was accepted", level)
		}
	}
	for level := 1; level <= 9; level++ {
		c, err := NewCoder(level)
		if err != nil {
			t.Fatal(err)
		}
		list := List(Gzip, c.Encode(Gzip, []byte(`{"a":1}`)))
		if got := decode(t, Gzip, list); string(got) != `[{"a":1}]` {
			t.Errorf("level %d: %s", level, got)
		}
	}
}

func BenchmarkJoinChecksums(b *testing.B) {
	s := sumOf(make([]byte, 50000))
	for b.Loop() {
		s = s.then(separatorSum)
	}
}
