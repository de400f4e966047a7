package ingest

import (
	"fmt"
	"io"
	"runtime"
	"testing"
)

// generated gives records without holding them, and looks at the live heap on the
// way.
type generated struct {
	head, tail string
	record     func(i int) string
	records    int

	i       int
	pending string
	sent    int64
	look    int64 // at the heap when that many bytes were sent
	excess  int64 // most live heap beyond what was sent
	most    int64 // most live heap
	before  int64
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func (g *generated) Read(p []byte) (int, error) {
	if g.sent >= g.look {
		live := heap() - g.before
		g.excess = max(g.excess, live-g.sent)
		g.most = max(g.most, live)
		g.look += 8 << 20
	}
	n := 0
	for n < len(p) {
		if g.pending == "" {
			switch {
			case g.head != "":
				g.pending, g.head = g.head, ""
			case g.i < g.records:
				g.pending = g.record(g.i)
				g.i++
			case g.tail != "":
				g.pending, g.tail = g.tail, ""
			default:
				if n == 0 {
					return 0, io.EOF
				}
				return n, nil
			}
		}
		c := copy(p[n:], g.pending)
		g.pending = g.pending[c:]
		n += c
		g.sent += int64(c)
	}
	return n, nil
}

// While reading, memory is what the records take and at most a tenth more. And
// where the input is not kept, memory does not grow with it at all.
func TestMemory(t *testing.T) {
	const n = 320_000
	record := func(i int) string {
		return fmt.Sprintf("{\"id\":%d,\"name\":\"Sample %d\",\"pad\":%q}", i, i, "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890")
	}
	list := func(i int) string {
		if i == n-1 {
			return record(i)
		}
		return record(i) + ",\n"
	}
	t.Run("records", func(t *testing.T) {
		g := &generated{head: `{"x":[`, tail: "]}", record: list, records: n, before: heap()}
		r, err := Read(t.Context(), g, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r.Load.Records.Len() != n || g.sent < 60e6 {
			t.Fatal(r.Load.Records.Len(), g.sent)
		}
		kept := heap() - g.before
		t.Logf("%d bytes read, at most %d beyond them while reading, %d kept", g.sent, g.excess, kept)
		// The allocator rounds a bucket's text up to pages of 8 KiB.
		if g.excess > kept-g.sent+g.sent/10 {
			t.Errorf("reading %d bytes took %d beyond them, of which %d are kept", g.sent, g.excess, kept-g.sent)
		}
		if kept > g.sent+g.sent/4 {
			t.Errorf("the records of %d bytes keep %d", g.sent, kept)
		}
		runtime.KeepAlive(r)
	})
	for name, g := range map[string]*generated{
		"white space": {head: "[", tail: "]", record: func(int) string { return "                                                  \n" }, records: 1_000_000},
		"bad records": {head: "", tail: "", record: func(i int) string { return "[1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0]\n" }, records: 500_000},
		"a long line": {head: "", tail: "", record: func(i int) string { return "[1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0]" }, records: 1_000_000},
	} {
		t.Run(name, func(t *testing.T) {
			g.before = heap()
			format := NDJSON
			if name == "white space" {
				format = JSON
			}
			Read(t.Context(), g, Options{Format: format})
			if g.sent < 30e6 || g.most > 6<<20 {
				t.Errorf("of %d bytes sent, %d were in memory", g.sent, g.most)
			}
		})
	}
}

// A long record that comes a byte at a time must not cost its length squared: this
// would take minutes.
func TestTrickle(t *testing.T) {
	long := make([]byte, 1_000_000)
	for i := range long {
		long[i] = 'x'
	}
	for _, in := range []string{`[{"id":"1","a":"` + string(long) + `"}]`, "id,a\n1,\"" + string(long) + "\"\n"} {
		r, err := Read(t.Context(), &trickle{[]byte(in)}, Options{})
		if err != nil || r.Load.Records.Len() != 1 {
			t.Error(err)
		}
	}
}
