package rdb

import (
	"bytes"
	"fmt"
	"io"
	"testing"
)

const benchKeys = 1_000_000

// benchFile writes a million small strings, or hashes of 200 bytes.
func benchFile(w io.Writer, hashes bool) error {
	rw := NewWriter(w, Header{}, WriterOptions{})
	if err := rw.BeginDB(0, benchKeys, 0); err != nil {
		return err
	}
	var key, val []byte
	lp := AppendListpack(make([]byte, 0, 512))
	for i := range benchKeys {
		key = fmt.Appendf(key[:0], "meteorite:%d", i)
		if !hashes {
			val = fmt.Appendf(val[:0], "value of %d", i)
			rw.Enc.Key(NoMeta(), TypeString, key)
			rw.Enc.String(val)
		} else {
			lp = AppendListpack(lp)
			for f := range 8 {
				val = fmt.Appendf(val[:0], "field%d", f)
				lp = lp.Append(val)
				val = fmt.Appendf(val[:0], "%x", uint64(i*8+f)*0x9e3779b97f4a7c15)
				lp = lp.Append(val)
			}
			rw.Enc.Key(NoMeta(), TypeHashListpack, key)
			rw.Enc.Blob(lp)
		}
		if err := rw.Commit(); err != nil {
			return err
		}
	}
	return rw.Close()
}

// BenchmarkWrite includes making the values; see BenchmarkEncode for without.
func BenchmarkWrite(b *testing.B) {
	for _, hashes := range []bool{false, true} {
		b.Run(benchName(hashes), func(b *testing.B) {
			var n int64
			for b.Loop() {
				n = 0
				if err := benchFile(counter{&n}, hashes); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(n)
			b.ReportMetric(float64(benchKeys)*float64(b.N)/b.Elapsed().Seconds(), "keys/s")
		})
	}
}

// BenchmarkRead reads every key and piece, checking checksum and listpacks.
func BenchmarkRead(b *testing.B) {
	for _, hashes := range []bool{false, true} {
		b.Run(benchName(hashes), func(b *testing.B) {
			var file bytes.Buffer
			if err := benchFile(&file, hashes); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(file.Len()))
			b.ReportAllocs()
			for b.Loop() {
				r, err := NewReader(bytes.NewReader(file.Bytes()), "")
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				for {
					if _, err := r.Next(); err == io.EOF {
						break
					} else if err != nil {
						b.Fatal(err)
					}
					for {
						if _, err := r.Chunk(); err == io.EOF {
							break
						} else if err != nil {
							b.Fatal(err)
						}
					}
					n++
				}
				if n != benchKeys {
					b.Fatal(n)
				}
			}
			b.ReportMetric(float64(benchKeys)*float64(b.N)/b.Elapsed().Seconds(), "keys/s")
		})
	}
}

// BenchmarkEncode is what an engine pays for a hash of 200 bytes under its lock.
func BenchmarkEncode(b *testing.B) {
	lp := AppendListpack(nil)
	for f := range 8 {
		lp = lp.Append(fmt.Appendf(nil, "field%d", f)).Append(fmt.Appendf(nil, "%x", uint64(f+1)*0x9e3779b97f4a7c15))
	}
	for _, compress := range []bool{false, true} {
		b.Run(fmt.Sprintf("compress=%v", compress), func(b *testing.B) {
			e := NewEncoder(compress)
			b.SetBytes(int64(len(lp)))
			b.ReportAllocs()
			for b.Loop() {
				e.Reset()
				e.Key(NoMeta(), TypeHashListpack, []byte("meteorite:1234"))
				e.Blob(lp)
			}
		})
	}
}

func BenchmarkCRC64(b *testing.B) {
	p := make([]byte, 64<<10)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		CRC64(0, p)
	}
}

// BenchmarkListpackFind looks for the last of 64 fields.
func BenchmarkListpackFind(b *testing.B) {
	lp := AppendListpack(nil)
	for f := range 64 {
		lp = lp.Append(fmt.Appendf(nil, "field%d", f)).Append([]byte("some value of it"))
	}
	key := []byte("field63")
	b.ReportAllocs()
	for b.Loop() {
		if lp.Find(lp.First(), NewNeedle(key), 1) < 0 {
			b.Fatal("not found")
		}
	}
}

func BenchmarkReadCommands(b *testing.B) {
	var file []byte
	for i := range 200_000 {
		file = AppendCommand(file, "SET", fmt.Sprint("meteorite:", i), "some value of it")
	}
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		c := NewCommandReader(bytes.NewReader(file), "")
		for {
			if _, err := c.Next(); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
}

type counter struct{ n *int64 }

func (c counter) Write(p []byte) (int, error) {
	*c.n += int64(len(p))
	return len(p), nil
}

func benchName(hashes bool) string {
	if hashes {
		return "hashes"
	}
	return "strings"
}
