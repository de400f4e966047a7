package resp

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// server gives a connection to somebody who answers with text and then hangs up.
func server(t testing.TB, text string) *Conn {
	t.Helper()
	here, there := net.Pipe()
	go func() {
		_, _ = io.WriteString(there, text)
		_ = there.Close()
	}()
	t.Cleanup(func() { _ = here.Close() })
	return New(here, time.Second)
}

func TestReplies(t *testing.T) {
	c := server(t, "+OK\r\n+\r\n-OOM command not allowed\r\n:-25\r\n$7\r\nrun\r\nid\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n*2\r\n$1\r\na\r\n*1\r\n:7\r\n*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n")
	next := func() Reply {
		t.Helper()
		r, err := c.Receive()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, want := range []string{"OK", ""} {
		if got, err := next().Text(); err != nil || got != want {
			t.Errorf("got %q and %v, want %q", got, err, want)
		}
	}
	refused := next()
	if err := refused.Err(); err != Error("OOM command not allowed") {
		t.Errorf("the refusal is %v", err)
	}
	if _, err := refused.Text(); err != Error("OOM command not allowed") {
		t.Errorf("the refusal as a text is %v", err)
	}
	if n, err := next().Int(); err != nil || n != -25 {
		t.Errorf("got %d and %v", n, err)
	}
	for _, want := range []string{"run\r\nid", ""} {
		if got, err := next().Text(); err != nil || got != want {
			t.Errorf("got %q and %v, want %q", got, err, want)
		}
	}
	for range 2 {
		r := next()
		if _, err := r.List(); !r.IsNil() || !errors.Is(r.Err(), ErrNil) || !errors.Is(err, ErrNil) {
			t.Errorf("%+v is a value", r)
		}
	}
	if got, err := next().Texts(); err != nil || len(got) != 0 {
		t.Errorf("got %v and %v", got, err)
	}
	list, err := next().List()
	if err != nil || len(list) != 2 {
		t.Fatalf("got %v and %v", list, err)
	}
	if _, err := list[0].Int(); err == nil {
		t.Error("a text is a number")
	}
	if inner, err := list[1].List(); err != nil || len(inner) != 1 {
		t.Errorf("got %v and %v", inner, err)
	}
	if m, err := next().Map(); err != nil || len(m) != 2 || m["a"] != "1" || m["b"] != "2" {
		t.Errorf("got %v and %v", m, err)
	}
}

// What is no reply, and one that does not end, make the connection fail for good.
func TestBadReplies(t *testing.T) {
	for _, sent := range []string{
		"", "\r\n", "+OK", "+OK\n", "?\r\n", "$x\r\n", "$-2\r\n", "*-2\r\n", "$5\r\nhel", "$3\r\nhello\r\n", ":25",
		"*2\r\n:1\r\n", strings.Repeat(":", 1<<17), "$" + strconv.Itoa(longest+1) + "\r\n", strings.Repeat("*1\r\n", deepest+1) + ":1\r\n", "*9999999999999\r\n:1\r\n",
	} {
		c := server(t, sent)
		if r, err := c.Receive(); err == nil {
			t.Errorf("%.40q: got %+v", sent, r)
		}
		if _, err := c.Receive(); err == nil || !c.Failed() || c.Send([]byte("x")) == nil {
			t.Errorf("%.40q: the connection goes on", sent)
		}
	}
}

// A long text comes whole, and one that is only announced takes no memory.
func TestLongText(t *testing.T) {
	want := strings.Repeat("0123456789abcde\n", 5<<20/16)
	r, err := server(t, "$"+strconv.Itoa(len(want))+"\r\n"+want+"\r\n").Receive()
	if got, _ := r.Text(); err != nil || got != want {
		t.Errorf("got %d bytes and %v, want %d", len(got), err, len(want))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := server(t, "$"+strconv.Itoa(longest)+"\r\nx").Receive(); err == nil {
		t.Error("a text that did not come was read")
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 4*atOnce {
		t.Errorf("%d bytes were allocated for a text that did not come", n)
	}
}

// command appends a command, word by word.
func command(b []byte, words ...string) []byte {
	b = AppendArray(b, len(words))
	for _, w := range words {
		b = AppendText(b, w)
	}
	return b
}

func ping(b []byte, _ int) []byte { return command(b, "PING") }

func TestDo(t *testing.T) {
	here, there := net.Pipe()
	c := New(here, time.Second)
	got := make(chan string, 1)
	go func() {
		b := make([]byte, 1000)
		n, _ := there.Read(b)
		got <- string(b[:n])
		_, _ = io.WriteString(there, "+OK\r\n:3\r\n")
	}()
	replies, err := c.Do(t.Context(), 2, func(b []byte, i int) []byte {
		if i == 0 {
			return ping(b, i)
		}
		return command(b, "HSET", "key", strings.Repeat("x", 200))
	})
	if err != nil || len(replies) != 2 {
		t.Fatal(replies, err)
	}
	if want := "*1\r\n$4\r\nPING\r\n*3\r\n$4\r\nHSET\r\n$3\r\nkey\r\n$200\r\n" + strings.Repeat("x", 200) + "\r\n"; <-got != want {
		t.Errorf("it was sent %q", want)
	}

	// Replies that came before the end are given.
	go func() {
		_, _ = there.Read(make([]byte, 1000))
		_, _ = io.WriteString(there, "+OK\r\n")
		_ = there.Close()
	}()
	replies, err = c.Do(t.Context(), 2, ping)
	if err == nil || len(replies) != 1 || !c.Failed() {
		t.Errorf("got %v and %v", replies, err)
	}
}

// A context that ends while a server is silent ends the wait, one that had ended sends nothing.
func TestDoAfter(t *testing.T) {
	for text, want := range map[string]int{"+OK\r\n-no\r\n+OK\r\n": 3, "-no\r\n+OK\r\n+OK\r\n": 1} {
		here, there := net.Pipe()
		go func() {
			_, _ = io.CopyN(io.Discard, there, int64(3*len(ping(nil, 0))))
			_, _ = io.WriteString(there, text)
		}()
		c := New(here, time.Second)
		replies, err := c.DoAfter(t.Context(), 3, ping)
		if len(replies) != want || c.Failed() != (want == 1) || want == 1 && err != Error("no") || want == 3 && err != nil {
			t.Errorf("%q: %d replies, %v", text, len(replies), err)
		}
		if _, err := here.Read(make([]byte, 1)); want == 1 && !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%q: the connection is not closed: %v", text, err)
		}
		_, _ = here.Close(), there.Close()
	}
}

func TestDoUntil(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	c := New(here, time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = there.Read(make([]byte, 1000))
		cancel()
	}()
	if _, err := c.Do(ctx, 1, ping); !errors.Is(err, context.Canceled) || !c.Failed() {
		t.Errorf("got %v", err)
	}
	c = New(nil, time.Minute)
	if _, err := c.Do(ctx, 1, ping); !errors.Is(err, context.Canceled) || c.Failed() {
		t.Errorf("got %v", err)
	}
}

// A server that says nothing is not waited for longer than the timeout.
func TestSilence(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	c := New(here, 20*time.Millisecond)
	if _, err := c.Receive(); err == nil {
		t.Error("a silent server answered")
	}
}

func FuzzReceive(f *testing.F) {
	for _, sent := range []string{"+OK\r\n", "-ERR no\r\n", ":1\r\n", "$3\r\nabc\r\n", "*2\r\n$-1\r\n*1\r\n:1\r\n"} {
		f.Add(sent)
	}
	f.Fuzz(func(t *testing.T, sent string) {
		c := server(t, sent)
		for !c.Failed() {
			r, err := c.Receive()
			if (err != nil) != c.Failed() {
				t.Fatalf("%+v and %v", r, err)
			}
			_, _ = r.Text()
			_, _ = r.Int()
			_, _ = r.Map()
		}
	})
}
