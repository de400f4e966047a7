package httpapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"landings/internal/dataset"
)

func get(addr, path string) (*http.Response, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return client.Get("http://" + addr + path)
}

// poll waits until something holds.
func poll(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not happen", what)
		}
	}
}

func (n *node) dial() net.Conn {
	n.t.Helper()
	c, err := net.Dial("tcp", n.addr)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = c.Close() })
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		n.t.Fatal(err)
	}
	return c
}

// open counts the connections; one slot is taken by whoever waits for the next.
func (n *node) open() int { return max(0, len(n.server.slots)-1) }

// cut waits until the server has closed its last connection.
func (n *node) cut(t *testing.T) {
	t.Helper()
	poll(t, "the cut", func() bool { return n.open() == 0 })
}

func short(c *Config) {
	c.Limits.HeaderTime = 300 * time.Millisecond
	c.Limits.IdleTime = 300 * time.Millisecond
	c.Limits.StallTime = 300 * time.Millisecond
	c.Limits.MinRate = 1000 // 300 bytes in each StallTime
}

// A header that drips is cut, however often a byte comes.
func TestSlowHeader(t *testing.T) {
	n := start(t, short)
	c := n.dial()
	if _, err := c.Write([]byte("GET /data HTTP/1.1\r\nHost: localhost\r\nX: ")); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			if _, err := c.Write([]byte("x")); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond) // the pace of the client
		}
	}()
	if answer, _ := io.ReadAll(c); strings.HasPrefix(string(answer), "HTTP/1.1 200") {
		t.Errorf("it was answered: %s", answer)
	}
	n.cut(t)
}

func TestIdleConnection(t *testing.T) {
	n := start(t, short)
	c := n.dial()
	if _, err := c.Write([]byte("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if answer, _ := io.ReadAll(c); !strings.HasPrefix(string(answer), "HTTP/1.1 200") {
		t.Errorf("the answer is %s", answer)
	}
	n.cut(t)
}

func TestLongHeader(t *testing.T) {
	n := start(t, func(c *Config) { c.Limits.HeaderBytes = 4096 })
	if r := n.do("GET", "/data", "", "X", strings.Repeat("x", 20000)); r.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", r.status)
	}
}

// A body that stalls gets 408 and the connection is cut, whether the body is
// wanted or not.
func TestStalledBody(t *testing.T) {
	for _, c := range []struct {
		request string
		status  int
	}{
		{"POST /data", 408},
		{"PUT /data/1", 408},
		{"DELETE /data/1", 404}, // nobody wants the body
		{"GET /data", 200},
		{"POST /nothing", 404},
		{"TRACE /data", 405},
	} {
		t.Run(c.request, func(t *testing.T) {
			n := start(t, short)
			conn := n.dial()
			if _, err := fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n[", c.request); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != c.status {
				t.Errorf("status %d, want %d", resp.StatusCode, c.status)
			}
			n.cut(t)
		})
	}
}

// A client that sends everything before it reads gets to see why it was refused, whoever
// refuses it and whether or not the body was looked at.
func TestRefusedBodyIsReadOn(t *testing.T) {
	body := "id\n1,2\n" + strings.Repeat("1\n", 4<<20) // more than the sockets take
	for _, c := range []struct {
		name, request string
		change        func(*Config)
		close         bool
		status        int
	}{
		{"no token", "POST /data", func(c *Config) { c.Tokens = []string{"secret"} }, false, 401},
		{"the node is starting", "POST /data", nil, true, 503},
		{"no such path", "POST /nothing", nil, false, 404},
		{"no such method", "POST /livez", nil, false, 405},
		{"no such parameter", "POST /data?x=1", nil, false, 400},
		{"too long", "POST /data", func(c *Config) { c.Limits.BodyBytes = 1 << 20 }, false, 413},
		{"too long a record", "PUT /data/1", nil, false, 413},
		{"bad", "POST /data?format=csv", nil, false, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := start(t, c.change)
			if c.close {
				n.api.open.Store(false)
			}
			conn := n.dial()
			if _, err := fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", c.request, len(body)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, body); err != nil {
				t.Fatalf("the body: %v", err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatalf("the answer: %v", err)
			}
			if resp.StatusCode != c.status {
				t.Errorf("status %d, want %d", resp.StatusCode, c.status)
			}
		})
	}
}

// Who asks whether to send a body is answered at once.
func TestRefusedBodyIsNotAskedFor(t *testing.T) {
	n := start(t, func(c *Config) { c.Tokens = []string{"secret"} })
	conn := n.dial()
	if _, err := io.WriteString(conn, "POST /data HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 401 {
		t.Errorf("status %d, want 401", resp.StatusCode)
	}
}

// pace gives a reader's bytes in pieces with pauses.
type pace struct {
	io.Reader
	piece int
	pause time.Duration
}

func (p pace) Read(b []byte) (int, error) {
	time.Sleep(p.pause) // the pace of the client
	return p.Reader.Read(b[:min(len(b), p.piece)])
}

func post(n *node, path string, body io.Reader) (reply, error) {
	r, err := http.NewRequest("POST", "http://"+n.addr+path, body)
	if err != nil {
		return reply{}, err
	}
	resp, err := (&http.Transport{DisableKeepAlives: true, WriteBufferSize: 16}).RoundTrip(r)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(text)}, err
}

// A body may take as long as it needs, as long as it moves; one that drips is cut.
func TestSlowBody(t *testing.T) {
	n := start(t, short)
	body := list(100)
	r, err := post(n, "/data", pace{strings.NewReader(body), len(body) / 20, 60 * time.Millisecond}) // 1.2 s: four times StallTime
	if err != nil {
		t.Fatal(err)
	}
	n.want(r, 200)
	if got := n.do("GET", "/data", ""); got.body != body {
		t.Errorf("the list is %s", got.body)
	}
	r, err = post(n, "/data", pace{strings.NewReader(list(20)), 1, 10 * time.Millisecond})
	if err == nil { // the client may see the cut before the answer
		n.problem(r, dataset.Timeout)
	}
	n.cut(t)
}

// The time that a load takes is not the client's: neither the body's deadline nor
// the answer's may end it.
func TestSlowLoad(t *testing.T) {
	n := start(t, short)
	hold := make(chan struct{})
	n.store.set(func() { n.store.hold = hold })
	time.AfterFunc(time.Second, func() { close(hold) }) // three times StallTime
	n.want(n.do("POST", "/data", three), 200)
}

// A reader that stalls is cut; one that is slow but moves gets everything.
func TestSlowReaders(t *testing.T) {
	n := start(t, short)
	want := list(100000) // 20 MB: more than the sockets take
	n.want(n.do("POST", "/data", want), 200)
	c := n.dial()
	if err := c.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "GET /data HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	poll(t, "the connection", func() bool { return n.open() == 1 })
	n.cut(t) // though nothing was read

	c = n.dial()
	if err := c.(*net.TCPConn).SetReadBuffer(16 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "GET /data HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(pace{c, 64 << 10, 5 * time.Millisecond}), nil)
	if err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	got, err := io.ReadAll(resp.Body)
	if err != nil || string(got) != want {
		t.Errorf("%d of %d bytes came in %v: %v", len(got), len(want), time.Since(started), err)
	}
	if took := time.Since(started); took < 600*time.Millisecond {
		t.Logf("the reader took only %v: it was not slow", took)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	n := start(t, func(c *Config) { c.Limits.Connections = 2 })
	ask := func(c net.Conn) {
		if _, err := io.WriteString(c, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	answered := func(c net.Conn) {
		if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
			t.Fatal(err)
		}
	}
	first, second, third := n.dial(), n.dial(), n.dial()
	ask(first)
	answered(first)
	ask(second)
	answered(second)
	ask(third)
	if err := third.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := third.Read(make([]byte, 1)); err == nil {
		t.Fatal("a third connection was served")
	}
	if err := third.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_ = first.Close()
	answered(third)
}

// Shutting down lets requests end and takes no new ones.
func TestShutdown(t *testing.T) {
	n := start(t, nil)
	hold := make(chan struct{})
	n.store.set(func() { n.store.hold = hold })
	done := make(chan reply)
	go func() { done <- n.do("POST", "/data", three) }()
	poll(t, "the load", func() bool { return len(n.api.loads) == 1 })
	down := make(chan error)
	go func() { down <- n.server.Shutdown(context.Background()) }()
	poll(t, "the end of the listener", func() bool {
		c, err := net.Dial("tcp", n.addr)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	close(hold)
	n.want(<-done, 200)
	if err := <-down; err != nil {
		t.Error(err)
	}
}

func TestShutdownGivesUp(t *testing.T) {
	n := start(t, nil)
	n.store.set(func() { n.store.hold = make(chan struct{}) })
	failed := make(chan error)
	go func() {
		_, err := post(n, "/data", strings.NewReader(three))
		failed <- err
	}()
	poll(t, "the load", func() bool { return len(n.api.loads) == 1 })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := n.server.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown returned %v", err)
	}
	if err := <-failed; err == nil {
		t.Error("the request was answered")
	}
}
