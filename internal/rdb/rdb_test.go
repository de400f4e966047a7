package rdb

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

func TestRoundTrip(t *testing.T) {
	rng := seeded(t)
	for range 30 {
		want := randomDataset(rng, 200)
		opts := WriterOptions{NoCompress: rng.IntN(2) == 0, NoChecksum: rng.IntN(4) == 0}
		var file bytes.Buffer
		if err := want.write(&file, rng, opts); err != nil {
			t.Fatal(err)
		}
		var in io.Reader = bytes.NewReader(file.Bytes())
		if rng.IntN(3) == 0 {
			in = iotest.HalfReader(in)
		}
		compare(t, in, want)
	}
}

func compare(t *testing.T, in io.Reader, want dataset) {
	t.Helper()
	r, err := NewReader(in, "test.rdb")
	if err != nil {
		t.Fatal(err)
	}
	got, err := readAll(r)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, got, want)
}

func diff(t *testing.T, got, want dataset) {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return
	}
	for db, keys := range want {
		for key, w := range keys {
			g := got[db][key]
			if g == nil {
				t.Errorf("db %d key %q is missing", db, key)
			} else if !reflect.DeepEqual(g, w) {
				t.Errorf("db %d key %q:\n got %.500s\nwant %.500s", db, key, g, w)
			}
		}
	}
	if got.size() != want.size() {
		t.Errorf("%d keys, want %d", got.size(), want.size())
	}
	t.FailNow()
}

func TestDumpRoundTrip(t *testing.T) {
	rng := seeded(t)
	for range 2000 {
		want := randomValue(rng)
		want.Meta = NoMeta()
		e := NewEncoder(rng.IntN(2) == 0)
		want.encode(e, rng, e.Type)
		payload := SealDump(e.Buf)
		got, err := readDump(payload)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v\nwant %+v", got, want)
		}
		flip := rng.IntN(len(payload))
		payload[flip] ^= 1 << rng.IntN(8)
		if _, err := readDump(payload); err == nil {
			t.Fatalf("a payload with byte %d of %d changed is taken", flip, len(payload))
		}
	}
}

func readDump(payload []byte) (*value, error) {
	r, e, err := OpenDump(payload)
	if err != nil {
		return nil, err
	}
	v, err := readValue(r, e)
	if err == nil && v == nil {
		err = errors.New("empty")
	}
	return v, err
}

// A file cut anywhere is refused with the offset of the cut, and one with a byte
// changed is refused, for there is a checksum.
func TestDamage(t *testing.T) {
	rng := seeded(t)
	var file bytes.Buffer
	if err := randomDataset(rng, 60).write(&file, rng, WriterOptions{}); err != nil {
		t.Fatal(err)
	}
	whole := file.Bytes()
	read := func(b []byte) error {
		r, err := NewReader(bytes.NewReader(b), "dump.rdb")
		if err == nil {
			_, err = readAll(r)
		}
		return err
	}
	if err := read(whole); err != nil {
		t.Fatal(err)
	}
	for range 500 {
		cut := rng.IntN(len(whole))
		err := read(whole[:cut])
		e, ok := errors.AsType[*Error](err)
		if !ok || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut at %d of %d: %v", cut, len(whole), err)
		}
		if e.File != "dump.rdb" || e.Offset > int64(cut) || e.Remedy == "" {
			t.Fatalf("cut at %d: error does not say where and what to do: %v", cut, err)
		}
		changed := bytes.Clone(whole)
		changed[rng.IntN(len(changed)-8)] ^= byte(1 + rng.IntN(255))
		if err := read(changed); err == nil {
			t.Fatal("a changed file is taken")
		}
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"not a dump":      {"PK\x03\x04aaaaaaaaaaaaaaa", "does not begin with REDIS"},
		"too new":         {"REDIS0012\xff\x00\x00\x00\x00\x00\x00\x00\x00", "newer than Redis 7.2"},
		"module":          {"REDIS0010\x07\x01k\x81\x4b\x41\x51\x40\x00\x00\x00\x01\x00", "module"},
		"module aux":      {"REDIS0010\xf7\x81\x4b\x41\x51\x40\x00\x00\x00\x01\x00", "is not supported"},
		"pre-GA function": {"REDIS0010\xf6", "release candidate"},
		"unknown type":    {"REDIS0010\x16\x01k\x01", "22 is not a type"},
		"huge string":     {"REDIS0010\x00\x01k\x81\x7f\xff\xff\xff\xff\xff\xff\xff", "ends here"},
		"lzf bomb":        {"REDIS0010\x00\x01k\xc3\x03\x81\x00\x00\x00\x7f\xff\xff\xff\xff\xe0\xff\x00", "announced"},
		"wrong length":    {"REDIS0010\x01\x01k\xc0\x01", "a length was expected"},
		"nan score":       {"REDIS0010\x05\x01k\x01\x01m\x00\x00\x00\x00\x00\x00\xf8\x7f", "not a number"},
		"checksum":        {"REDIS0010\x00\x01k\x01v\xff\x01\x02\x03\x04\x05\x06\x07\x08", "0807060504030201"},
	} {
		r, err := NewReader(strings.NewReader(c.file), "dump.rdb")
		if err == nil {
			_, err = readAll(r)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if _, ok := errors.AsType[*Error](err); !ok {
			t.Errorf("%s: %T", name, err)
		}
	}
}

func TestCRC64(t *testing.T) {
	// The check value of the parameters: width 64, reflected, init 0.
	if got := CRC64(0, []byte("123456789")); got != 0xe9c6d914c4b8d9ca {
		t.Errorf("%016x", got)
	}
	rng := seeded(t)
	b := make([]byte, 1000)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	for range 100 {
		cut := rng.IntN(len(b))
		if CRC64(CRC64(0, b[:cut]), b[cut:]) != CRC64(0, b) {
			t.Fatalf("in two parts at %d it gives something else", cut)
		}
	}
}

func TestSave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dump.rdb")
	failed := errors.New("failed")
	if err := Save(path, func(io.Writer) error { return failed }); !errors.Is(err, failed) {
		t.Fatal(err)
	}
	for _, text := range []string{"one", "two"} {
		if err := Save(path, func(w io.Writer) error { _, err := io.WriteString(w, text); return err }); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(path); string(got) != text {
			t.Fatalf("%q", got)
		}
		if err := Save(path, func(w io.Writer) error { io.WriteString(w, "half"); return failed }); !errors.Is(err, failed) {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(path); string(got) != text {
			t.Fatalf("%q after a save that failed", got)
		}
	}
	if names, _ := os.ReadDir(filepath.Dir(path)); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
}

func TestFunctionsAndAux(t *testing.T) {
	var file bytes.Buffer
	w := NewWriter(&file, Header{AOFBase: true, UsedMemory: 12345}, WriterOptions{})
	if err := errors.Join(w.Function([]byte("#!lua name=a\n")), w.BeginDB(0, 1, 0)); err != nil {
		t.Fatal(err)
	}
	w.Enc.Key(NoMeta(), TypeString, []byte("k"))
	w.Enc.Int(1 << 40)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(&file, "")
	if err != nil {
		t.Fatal(err)
	}
	got, err := readAll(r)
	if err != nil || got[0]["k"].Str != "1099511627776" {
		t.Fatal(got, err)
	}
	if len(r.Functions()) != 1 || string(r.Functions()[0]) != "#!lua name=a\n" {
		t.Errorf("functions %q", r.Functions())
	}
	if r.Aux("redis-ver") != RedisVersion || r.Aux("aof-base") != "1" || r.Aux("used-mem") != "12345" || r.Aux("other") != "" {
		t.Errorf("aux %q", r.aux)
	}
}

func TestLZF(t *testing.T) {
	rng := seeded(t)
	c := new(lzfCompressor)
	for range 3000 {
		var src []byte
		for len(src) < 8+rng.IntN(3000) {
			src = append(src, randomString(rng)...)
		}
		checkLZF(t, c, src)
	}
	// long runs and far matches
	checkLZF(t, c, bytes.Repeat([]byte{0}, 100000))
	far := make([]byte, 8192+100)
	for i := range far {
		far[i] = byte(rng.Uint32())
	}
	for _, d := range []int{8190, 8191, 8192, 8193} {
		checkLZF(t, c, append(bytes.Clone(far[:d]), far[:100]...))
	}
	c.base = 1<<31 + 5 // the table is cleared when positions run out
	checkLZF(t, c, bytes.Repeat([]byte("abcde"), 100))
}

func checkLZF(t *testing.T, c *lzfCompressor, src []byte) {
	t.Helper()
	packed, ok := c.compress([]byte("before"), src)
	if string(packed[:6]) != "before" {
		t.Fatal("it changed what was there before")
	}
	if packed = packed[6:]; !ok {
		if len(packed) != 0 {
			t.Fatal("it gave up and left something")
		}
		return
	}
	if len(packed) > len(src)-4 {
		t.Fatalf("%d bytes became %d", len(src), len(packed))
	}
	out := make([]byte, len(src))
	if err := lzfDecompress(out, packed); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out, src) {
		t.Fatal("other bytes came back")
	}
	for _, n := range []int{len(src) - 1, len(src) + 1} {
		if lzfDecompress(make([]byte, n), packed) == nil {
			t.Fatal("another length is taken")
		}
	}
}

// A large value does not need more memory than its pieces: the writer's buffer
// and the reader's stay small.
func TestStreaming(t *testing.T) {
	pr, pw := io.Pipe()
	const n = 300000
	go func() {
		w := NewWriter(pw, Header{}, WriterOptions{})
		w.BeginDB(0, 1, 0)
		w.Enc.Key(NoMeta(), TypeHash, []byte("big"))
		w.Enc.Len(n)
		rng := rand.New(rand.NewPCG(1, 1))
		for range n {
			w.Enc.Int(int64(rng.Uint64()))
			w.Enc.String([]byte("value"))
			if w.Commit() != nil || cap(w.Enc.Buf) > 4*commitSize {
				break
			}
		}
		pw.CloseWithError(w.Close())
	}()
	r, err := NewReader(pr, "")
	if err != nil {
		t.Fatal(err)
	}
	e, err := r.Next()
	if err != nil || e.Chunks != n {
		t.Fatal(e, err)
	}
	got := 0
	for {
		c, err := r.Chunk()
		if err == io.EOF {
			break
		}
		if err != nil || string(c.Value) != "value" {
			t.Fatal(err)
		}
		got++
	}
	if got != n {
		t.Fatal(got)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Fatal(err)
	}
	if len(r.first) > 1000 || len(r.src.buf) != sourceSize {
		t.Error("the reader's memory grew")
	}
}
