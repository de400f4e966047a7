package store

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"landings/internal/dataset"
	"landings/internal/resp"
)

// What Redis answers to a wire means the same as what it answers to a shared connection.
func TestRefusals(t *testing.T) {
	if to, ok := movedTo(resp.Error("MOVED 3999 127.0.0.1:6381"), "h:1"); !ok || to != "127.0.0.1:6381" {
		t.Error(to, ok)
	}
	if to, ok := movedTo(resp.Error("MOVED 3999 :6381"), "h:1"); !ok || to != "h:6381" {
		t.Error(to, ok)
	}
	if to, ok := movedTo(resp.Error("MOVED 3999 ?:6381"), "h:1"); !ok || to != "h:6381" {
		t.Error(to, ok)
	}
	if to, ok := movedTo(resp.Error("MOVED 3999 ::1:6381"), "h:1"); !ok || to != "[::1]:6381" {
		t.Error(to, ok)
	}
	for _, other := range []error{resp.Error("MOVED"), resp.Error("MOVED 1 x"), resp.Error("ASK 3999 h:1"), errors.New("MOVED 3999 h:1")} {
		if to, ok := movedTo(other, "h:1"); ok {
			t.Errorf("%v moves to %s", other, to)
		}
	}
	if !isReplica(resp.Error("READONLY You can't write against a read only replica.")) || isReplica(resp.Error("ERR no")) {
		t.Error("a replica is not told from others")
	}
	if f := diagnose(resp.Error("OOM command not allowed when used memory > 'maxmemory'.")); !strings.Contains(f.message, "its memory is full") || f.heals != someday || !strings.Contains(f.remedy, "deletions through Landings are refused") {
		t.Errorf("%+v", f)
	}
	for _, text := range []string{
		"MISCONF Errors writing to the AOF file: No space left on device",
		"EXECABORT Transaction discarded because of: MISCONF Errors writing to the AOF file: no space left on device",
	} {
		if f := diagnose(resp.Error(text)); f.message != "its disk is full" || f.heals != someday {
			t.Errorf("%s: %+v", text, f)
		}
	}
}

// nowhere takes everything that is written.
type nowhere struct{ net.Conn }

func (nowhere) Write(b []byte) (int, error)      { return len(b), nil }
func (nowhere) SetWriteDeadline(time.Time) error { return nil }

func BenchmarkBulkPut(b *testing.B) {
	records := make([]dataset.Record, dataset.BucketSize)
	size := 0
	for i := range records {
		id := strconv.Itoa(10_000 + i)
		records[i] = dataset.Record{ID: id, Position: uint64(156*dataset.BucketSize + i), JSON: []byte(`{"id":"` + id + `","filling":"` + strings.Repeat("x", 190) + `"}`)}
		size += len(records[i].JSON)
	}
	bucket := dataset.NewBucket(156, records)
	to := &bulk{wire: &wire{conn: resp.New(nowhere{}, time.Second)}}
	b.SetBytes(int64(size))
	for b.Loop() {
		if err := to.put("landings:{meteorite_landings}:g12:156", bucket); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(records)), "ns/record")
}
