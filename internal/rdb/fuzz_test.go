package rdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"runtime"
	"testing"
)

// allocated returns what f allocated, in bytes.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Bounds on memory: for each byte of input, and for any input. An LZF string
// gives up to 88 times its input, and is kept, copied and converted; the fixed
// part is the reader's buffer.
const (
	perByte = 2000
	fixed   = 4 << 20
)

// FuzzRDB: no file makes the reader panic, allocate beyond its size or return an
// error of another type; what it reads, written and read again, is the same.
//
// Run it with -fuzzminimizetime 20x, as scripts/fuzz.sh does: by default each new
// input is made smaller for up to a minute, which leaves no time for others.
func FuzzRDB(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var b bytes.Buffer
		randomDataset(rng, 5).write(&b, rng, WriterOptions{NoCompress: rng.IntN(2) == 0, NoChecksum: true})
		if b.Len() < 4000 {
			f.Add(b.Bytes())
		}
	}
	for _, z := range [][]byte{ziplist("a", 1, "b", 2)} {
		for _, t := range []Type{TypeListZiplist, TypeHashZiplist, TypeZSetZiplist} {
			f.Add(append(append([]byte("REDIS0009"), byte(t), 1, 'k'), append(str(string(z)), opEOF, 0, 0, 0, 0, 0, 0, 0, 0)...))
		}
	}
	f.Add(append(append([]byte("REDIS0009"), byte(TypeHashZipmap), 1, 'k'), append(str(string(zipmapBytes)), opEOF, 0, 0, 0, 0, 0, 0, 0, 0)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		// A checksum made right takes the fuzzer past it.
		if n := len(b) - 8; n > 9 {
			b = bytes.Clone(b)
			binary.LittleEndian.PutUint64(b[n:], 0)
		}
		var got dataset
		var err error
		if n := allocated(func() {
			var r *Reader
			if r, err = NewReader(bytes.NewReader(b), "fuzz"); err == nil {
				got, err = readAll(r)
			}
		}); n > uint64(len(b))*perByte+fixed {
			t.Errorf("%d bytes made it allocate %d", len(b), n)
		}
		if err != nil {
			return
		}
		lawRDB(t, got)

		// the same bytes as a payload of DUMP
		if len(b) > 9 {
			readDump(SealDump(bytes.Clone(b[9:])))
		}
	})
}

// lawRDB: what is written and read again is the same.
func lawRDB(t *testing.T, d dataset) {
	t.Helper()
	for _, keys := range d {
		for key, v := range keys {
			if v.ExpireAt == NoExpiry && v.Idle >= 0 && v.Freq >= 0 {
				v.Freq = -1
			}
			if v.Stream != nil { // what version 10 does not hold
				for g := range v.Stream.Groups {
					for c := range v.Stream.Groups[g].Consumers {
						con := &v.Stream.Groups[g].Consumers[c]
						con.ActiveAt = con.SeenAt
					}
				}
			}
			// Entries whose ids do not ascend cannot be packed anew.
			for i := 1; i < len(v.Entries); i++ {
				if !v.Entries[i-1].ID.Less(v.Entries[i].ID) {
					delete(keys, key)
				}
			}
		}
	}
	var b bytes.Buffer
	if err := d.write(&b, rand.New(rand.NewPCG(3, 4)), WriterOptions{}); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(&b, "")
	if err != nil {
		t.Fatal(err)
	}
	again, err := readAll(r)
	if err != nil {
		t.Fatal(err)
	}
	for db, keys := range d {
		if len(keys) == 0 {
			delete(d, db)
		}
	}
	if !reflect.DeepEqual(again, d) {
		diff(t, again, d)
	}
}

// FuzzAOF: no file makes the reader of commands panic or allocate beyond its
// size; the commands it reads, written and read again, are the same; a file that
// ends early can be cut where the error says, and then reads to its end.
func FuzzAOF(f *testing.F) {
	f.Add(AppendCommand(nil, "SET", "a", "1"))
	f.Add(AppendCommand(AppendCommand(AppendCommand([]byte("#TS:1\r\n"), "MULTI"), "SELECT", "1"), "EXEC"))
	f.Add(AppendCommand(AppendCommand(AppendCommand(nil, "MULTI"), "DEL", "b"), "EXEC")[:30])
	f.Add([]byte("*1\r\n$9999999999\r\nabc"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var got []string
		var err error
		if n := allocated(func() { got, err = commands(t, b) }); n > uint64(len(b))*perByte+fixed {
			t.Errorf("%d bytes made it allocate %d", len(b), n)
		}
		if e, ok := errors.AsType[*Error](err); ok && errors.Is(err, io.ErrUnexpectedEOF) {
			again, err := commands(t, b[:e.Offset])
			if err != nil || !reflect.DeepEqual(again, got) {
				t.Fatalf("cut at %d: %v\n got %q\nwant %q", e.Offset, err, again, got)
			}
		} else if err != nil && (!ok || e.Remedy == "") {
			t.Fatalf("%T without a remedy: %v", err, err)
		}
		c := NewCommandReader(bytes.NewReader(b), "")
		var out []byte
		db := 0
		n := 0
		for {
			cmd, err := c.Next()
			if err != nil {
				break
			}
			if cmd.DB != db {
				db = cmd.DB
				out = AppendCommand(out, []byte("SELECT"), fmtInt(db))
			}
			out = AppendCommand(out, cmd.Args...)
			n++
		}
		again, err := commands(t, out)
		if err != nil || len(again) != n {
			t.Fatalf("written and read again: %v, %d of %d", err, len(again), n)
		}
	})
}

func fmtInt(n int) []byte {
	lp := AppendListpack(nil).AppendInt(int64(n))
	return lp.AppendTo(nil, lp.First())
}

// FuzzListpack: what is taken as a listpack can be walked both ways and changed
// anywhere, and stays one; built anew from its elements it holds the same.
func FuzzListpack(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		lp := AppendListpack(nil)
		for range rng.IntN(8) {
			lp = lp.Append([]byte(listpackString(rng)))
		}
		if len(lp) < 2000 {
			f.Add([]byte(lp), []byte(listpackString(rng)), uint(rng.IntN(8)))
		}
	}
	f.Fuzz(func(t *testing.T, b, s []byte, at uint) {
		if len(b) >= 4 { // the right size takes the fuzzer past the header
			b = bytes.Clone(b)
			binary.LittleEndian.PutUint32(b, uint32(len(b)))
		}
		lp, n, err := ValidListpack(b)
		if err != nil {
			return
		}
		var want []string
		anew := AppendListpack(nil)
		for pos := lp.First(); pos != lp.End(); pos = lp.Next(pos) {
			e := lp.AppendTo(nil, pos)
			want = append(want, string(e))
			anew = anew.Append(e)
		}
		if len(want) != n {
			t.Fatalf("%d elements walked, %d told", len(want), n)
		}
		checkListpack(t, anew, want)
		i := int(at % uint(n+1))
		pos := lp.End()
		if i < n {
			pos = lp.Seek(i)
		}
		ins := append(append(append([]string(nil), want[:i]...), string(s)), want[i:]...)
		// a string kept where an integer would do is not found as one; so compare texts
		same(t, Listpack(bytes.Clone(lp)).Insert(pos, s), ins)
		if i < n {
			rep := append([]string(nil), want...)
			rep[i] = string(s)
			same(t, Listpack(bytes.Clone(lp)).Replace(pos, s), rep)
			same(t, Listpack(bytes.Clone(lp)).Delete(pos, 1), append(append([]string(nil), want[:i]...), want[i+1:]...))
		}
		same(t, Listpack(bytes.Clone(lp)).Concat(anew), append(append([]string(nil), want...), want...))
	})
}

func same(t *testing.T, lp Listpack, want []string) {
	t.Helper()
	if _, n, err := ValidListpack(lp); err != nil || n != len(want) {
		t.Fatalf("%v, %d elements, want %d", err, n, len(want))
	}
	i := len(want)
	for pos := lp.Last(); pos >= 0; pos = lp.Prev(pos) {
		i--
		if got := string(lp.AppendTo(nil, pos)); got != want[i] {
			t.Fatalf("element %d is %q, want %q", i, got, want[i])
		}
	}
}

// FuzzLZF: what is compressed comes back, and no input makes the decompressor
// panic or write elsewhere.
func FuzzLZF(f *testing.F) {
	f.Add([]byte("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), uint16(40))
	f.Add([]byte("\x02abc\xe0\xff\x02"), uint16(267))
	f.Add(bytes.Repeat([]byte("landings"), 2000), uint16(1))
	c := new(lzfCompressor)
	f.Fuzz(func(t *testing.T, b []byte, n uint16) {
		if packed, ok := c.compress(nil, b); ok {
			if len(packed) > len(b)-4 {
				t.Fatalf("%d bytes became %d", len(b), len(packed))
			}
			out := make([]byte, len(b))
			if err := lzfDecompress(out, packed); err != nil || !bytes.Equal(out, b) {
				t.Fatal("other bytes came back", err)
			}
		}
		lzfDecompress(make([]byte, n), b)
	})
}

// FuzzManifest: what is parsed, printed and parsed again is the same.
func FuzzManifest(f *testing.F) {
	f.Add([]byte("file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n"))
	f.Add([]byte("# x\nfile \"a \\x00\\n\\\"\" seq 1 type h\nfile 'b\\'' seq 3 type i x y\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseManifest(b, "")
		if err != nil {
			return
		}
		text := m.Text()
		again, err := ParseManifest(text, "")
		if len(text) == 0 || err != nil && bytes.Contains([]byte(err.Error()), []byte("too long")) {
			return // nothing but comments; escapes make lines longer
		}
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%q\n%v %+v\nwant %+v", text, err, again, m)
		}
	})
}

// Random damage to good files, which reaches deeper than a fuzzer's first minutes.
func TestMutations(t *testing.T) {
	rng := seeded(t)
	taken := 0
	for range 300 {
		var file bytes.Buffer
		if err := randomDataset(rng, 3).write(&file, rng, WriterOptions{NoChecksum: true, NoCompress: rng.IntN(2) == 0}); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			b := bytes.Clone(file.Bytes())
			for range 1 + rng.IntN(3) {
				at := 9 + rng.IntN(len(b)-17)
				switch rng.IntN(3) {
				case 0:
					b[at] ^= 1 << rng.IntN(8)
				case 1:
					b[at] = byte(rng.Uint32())
				case 2:
					n := min(rng.IntN(9), len(b)-8-at)
					b = append(b[:at:at], b[at+n:]...)
				}
				if len(b) < 30 {
					break
				}
			}
			var got dataset
			var err error
			if n := allocated(func() {
				var r *Reader
				if r, err = NewReader(bytes.NewReader(b), "damaged"); err == nil {
					got, err = readAll(r)
				}
			}); n > uint64(len(b))*perByte+fixed {
				t.Fatalf("%d bytes made it allocate %d", len(b), n)
			}
			if err == nil {
				taken++
				lawRDB(t, got)
			}
		}
	}
	t.Logf("%d of 6000 damaged files are files all the same", taken)
}
