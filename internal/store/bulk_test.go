package store

import (
	"bufio"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"landings/internal/dataset"
)

func TestBulkAnswers(t *testing.T) {
	for _, c := range []struct {
		sent, want string
		fine       bool
	}{
		{"+OK\r\n", "OK", true},
		{":256\r\n", "256", true},
		{"$7\r\nrun\r\nid\r\n", "run\r\nid", true},
		{"$0\r\n\r\n", "", true},
		{sent: "-OOM command not allowed\r\n"},
		{sent: "\r\n"},
		{sent: "*1\r\n:1\r\n"},
		{sent: "$-1\r\n"},
		{sent: "$" + strconv.Itoa(longestReply+1) + "\r\n"},
		{sent: "$5\r\nhel"},
		{sent: ":25"},
		{sent: strings.Repeat(":", 1<<16)},
	} {
		here, there := net.Pipe()
		go func() {
			_, _ = there.Write([]byte(c.sent))
			_ = there.Close()
		}()
		b := &bulk{conn: here, in: bufio.NewReaderSize(here, 4<<10), timeout: time.Second}
		got, err := b.answer()
		_ = here.Close()
		if c.fine != (err == nil) || c.fine && got != c.want {
			t.Errorf("%.40q: got %q and %v", c.sent, got, err)
		}
		if refused := c.sent[0] == '-'; refused != isReply(err) {
			t.Errorf("%.40q: is a reply: %v", c.sent, !refused)
		}
	}
}

// What Redis answers to a bulk connection means the same as what it answers to a wire.
func TestRefusals(t *testing.T) {
	if to, ok := movedTo(refusal("MOVED 3999 127.0.0.1:6381"), "h:1"); !ok || to != "127.0.0.1:6381" {
		t.Error(to, ok)
	}
	if to, ok := movedTo(refusal("MOVED 3999 :6381"), "h:1"); !ok || to != "h:6381" {
		t.Error(to, ok)
	}
	if to, ok := movedTo(refusal("MOVED 3999 ?:6381"), "h:1"); !ok || to != "h:6381" {
		t.Error(to, ok)
	}
	if to, ok := movedTo(refusal("MOVED 3999 ::1:6381"), "h:1"); !ok || to != "[::1]:6381" {
		t.Error(to, ok)
	}
	for _, other := range []error{refusal("MOVED"), refusal("MOVED 1 x"), refusal("ASK 3999 h:1"), errors.New("MOVED 3999 h:1")} {
		if to, ok := movedTo(other, "h:1"); ok {
			t.Errorf("%v moves to %s", other, to)
		}
	}
	if !isReplica(refusal("READONLY You can't write against a read only replica.")) || isReplica(refusal("ERR no")) {
		t.Error("a replica is not told from others")
	}
	if f := diagnose(refusal("OOM command not allowed when used memory > 'maxmemory'.")); !strings.Contains(f.message, "its memory is full") || f.heals != someday {
		t.Errorf("%+v", f)
	}
}

// nowhere takes everything that is written.
type nowhere struct{ net.Conn }

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) SetDeadline(time.Time) error { return nil }

func BenchmarkBulkPut(b *testing.B) {
	records := make([]dataset.Record, dataset.BucketSize)
	size := 0
	for i := range records {
		id := strconv.Itoa(10_000 + i)
		records[i] = dataset.Record{ID: id, Position: uint64(156*dataset.BucketSize + i), JSON: []byte(`{"id":"` + id + `","filling":"` + strings.Repeat("x", 190) + `"}`)}
		size += len(records[i].JSON)
	}
	bucket := dataset.NewBucket(156, records)
	to := &bulk{conn: nowhere{}}
	b.SetBytes(int64(size))
	for b.Loop() {
		if err := to.put("landings:{meteorite_landings}:g12:156", bucket); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(records)), "ns/record")
}
