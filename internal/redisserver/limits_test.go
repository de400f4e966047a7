package redisserver

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Limits on what clients may send, hold and leave unread, over sockets and the pipe.

// dialTCP serves an engine on a socket and connects to it.
func dialTCP(t *testing.T, e *Engine) func() *caller {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = e.Serve(l) }()
	return func() *caller {
		t.Helper()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return &caller{t, c, bufio.NewReader(c)}
	}
}

// ways are the two ways to reach an engine, each with one of its own.
func ways(t *testing.T, words ...string) map[string]func() *caller {
	words = append([]string{"--save", ""}, words...)
	piped := open(t, t.TempDir(), words...)
	return map[string]func() *caller{"socket": dialTCP(t, open(t, t.TempDir(), words...)), "pipe": func() *caller { return dial(t, piped) }}
}

// ended reads until the connection ends, and returns what came before.
func (c *caller) ended() string {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	b, err := io.ReadAll(c.r)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatal("the connection was not ended")
	}
	return string(b)
}

func TestQueryBufferLimit(t *testing.T) {
	for way, connect := range ways(t, "--client-query-buffer-limit", "1mb") {
		t.Run(way, func(t *testing.T) {
			c, other := connect(), connect()
			// As much as is allowed, then more, of a command that never ends.
			c.want("OK", "set", "a", strings.Repeat("x", 900_000))
			fmt.Fprintf(c, "*3\r\n$3\r\nset\r\n$1\r\na\r\n$3000000\r\n")
			part := bytes.Repeat([]byte("y"), 100_000)
			for range 30 {
				if _, err := c.Write(part); err != nil {
					break // it need not wait for all of it
				}
			}
			if got := c.ended(); got != "" {
				t.Errorf("it was told %q", got)
			}
			if got := other.do("strlen", "a"); got != "900000" {
				t.Errorf("the unfinished command had an effect: %s", got)
			}
			waitFor(t, func() bool { return strings.Count(other.do("client", "list"), "id=") == 1 })
		})
	}
}

func TestRequestLimits(t *testing.T) {
	for way, connect := range ways(t, "--proto-max-bulk-len", "1mb") {
		t.Run(way, func(t *testing.T) {
			for in, want := range map[string]string{
				"*1\r\n$1048577\r\n":                         "invalid bulk length",
				"*1\r\n$9223372036854775808\r\n":             "invalid bulk length",
				"*2147483648\r\n":                            "invalid multibulk length",
				"*" + strings.Repeat("1", 70_000):            "too big mbulk count string",
				"*1\r\n$" + strings.Repeat("1", 70_000):      "too big bulk count string",
				strings.Repeat("x", 70_000):                  "too big inline request",
				"*2\r\n" + strings.Repeat("x", 70_000):       "expected '$', got 'x'",
				"*3\r\n$3\r\nset\r\n$1\r\nk\r\n$1048577\r\n": "invalid bulk length",
			} {
				c := connect()
				go func() { _, _ = io.WriteString(c, in) }()
				if got := c.ended(); got != "-ERR Protocol error: "+want+"\r\n" {
					t.Errorf("%.40q: %q", in, got)
				}
			}
			c := connect()
			c.want("OK", "set", "k", strings.Repeat("x", 1<<20))
			c.want("ERR string exceeds maximum allowed size (proto-max-bulk-len)", "append", "k", "x")
			c.want("ERR string exceeds maximum allowed size (proto-max-bulk-len)", "setrange", "k", "1048576", "x")
			c.want("ERR bit offset is not an integer or out of range", "setbit", "k", "8388608", "1")
			c.want("1048576", "strlen", "k")
			// Two thousand million arguments are announced: they take no memory before they come.
			_, _ = io.WriteString(c, "*2147483647\r\n$4\r\nping\r\n")
			connect().want("PONG", "ping")
		})
	}
}

func TestMaxClients(t *testing.T) {
	for way, connect := range ways(t, "--maxclients", "3") {
		t.Run(way, func(t *testing.T) {
			a, b, c := connect(), connect(), connect()
			for _, x := range []*caller{a, b, c} {
				x.want("PONG", "ping")
			}
			for range 2 {
				if got := connect().ended(); got != "-ERR max number of clients reached\r\n" {
					t.Errorf("one client too many was told %q", got)
				}
			}
			if got := a.do("info", "stats"); !strings.Contains(got, "rejected_connections:2\r\n") {
				t.Error("INFO does not count who was turned away")
			}
			_ = b.Close()
			waitFor(t, func() bool { return strings.Contains(a.do("info", "clients"), "connected_clients:2\r\n") })
			connect().want("PONG", "ping")
		})
	}
}

// TestSlowReader has subscribers that do not read, beside one that does.
func TestSlowReader(t *testing.T) {
	const size, messages = 100_000, 300
	for _, limit := range []string{"pubsub 4mb 0 0", "pubsub 0 2mb 1"} {
		for way, connect := range ways(t, append([]string{"--client-output-buffer-limit"}, strings.Fields(limit)...)...) {
			t.Run(limit+" "+way, func(t *testing.T) {
				slow, reader, publisher := connect(), connect(), connect()
				slow.want("[subscribe news 1]", "subscribe", "news")
				reader.want("[subscribe news 1]", "subscribe", "news")
				message := strings.Repeat("m", size)
				for i := range messages {
					publisher.do("publish", "news", message)
					if got := reader.read(); got != "[message news "+message+"]" {
						t.Fatalf("message %d: %.100s", i, got)
					}
				}
				// The soft limit ends it after a second, though nothing more is sent; till then all is kept.
				waitFor(t, func() bool { return publisher.do("pubsub", "numsub", "news") == "[news 1]" })
				if got := len(slow.ended()); got > messages*size/2 && limit != "pubsub 0 2mb 1" {
					t.Errorf("%d bytes were kept for it", got)
				}
				reader.want("[unsubscribe news 0]", "unsubscribe")
			})
		}
	}
}

// TestSlowNormalClient asks for more than it reads, where such clients have a limit.
func TestSlowNormalClient(t *testing.T) {
	for way, connect := range ways(t, "--client-output-buffer-limit", "normal", "4mb", "0", "0") {
		t.Run(way, func(t *testing.T) {
			c, other := connect(), connect()
			c.want("OK", "set", "a", strings.Repeat("x", 1_000_000))
			go func() { _, _ = io.WriteString(c, strings.Repeat("*2\r\n$3\r\nget\r\n$1\r\na\r\n", 100)) }()
			waitFor(t, func() bool { return strings.Count(other.do("client", "list"), "id=") == 1 })
			if got := len(c.ended()); got > 50_000_000 {
				t.Errorf("%d bytes were sent", got)
			}
			other.want("1000000", "strlen", "a")
		})
	}
}

// TestTornAppendOnlyFile starts with a file whose last command is cut short.
func TestTornAppendOnlyFile(t *testing.T) {
	dir := t.TempDir()
	e, err := tryOpen(dir, "--save", "", "--appendonly", "yes")
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, e)
	c.want("OK", "set", "a", "1")
	c.want("OK", "set", "b", strings.Repeat("2", 100))
	shut(t, e)
	names, _ := filepath.Glob(filepath.Join(dir, "appendonlydir", "*.incr.aof"))
	if len(names) != 1 {
		t.Fatal(names)
	}
	whole, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	torn := whole[:len(whole)-50]
	if err := os.WriteFile(names[0], torn, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = tryOpen(dir, "--save", "", "--appendonly", "yes", "--aof-load-truncated", "no")
	if err == nil || !strings.Contains(err.Error(), filepath.Base(names[0])) || !strings.Contains(err.Error(), "byte ") || !strings.Contains(err.Error(), "aof-load-truncated") {
		t.Fatalf("a torn file with aof-load-truncated no: %v", err)
	}
	if after, _ := os.ReadFile(names[0]); !bytes.Equal(after, torn) {
		t.Error("the refused file was changed")
	}
	c = dial(t, open(t, dir, "--save", "", "--appendonly", "yes"))
	c.want("1", "get", "a")
	c.want("nil", "get", "b")
	c.want("OK", "set", "c", "3")
	after, _ := os.ReadFile(names[0])
	if i := bytes.LastIndex(torn, []byte("*3\r\n$3\r\nset\r\n$1\r\nb")); !bytes.Equal(after[:i], torn[:i]) || bytes.Contains(after, []byte("222")) {
		t.Errorf("the torn command was not cut: %q", after)
	}
}
