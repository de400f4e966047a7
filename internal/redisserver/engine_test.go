package redisserver

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"landings/internal/rdb"
)

// open starts an engine in a folder; words are parameters as on a command line.
func open(t testing.TB, dir string, words ...string) *Engine {
	t.Helper()
	e, err := tryOpen(dir, words...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, e) })
	return e
}

func tryOpen(dir string, words ...string) (*Engine, error) {
	p, err := ParseArgs(append([]string{"--dir", dir}, words...), nil)
	if err != nil {
		return nil, err
	}
	return Open(Options{Parameters: p})
}

func shut(t testing.TB, e *Engine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := e.Close(ctx); err != nil {
		t.Error(err)
	}
}

// caller sends inline commands over a connection and reads replies as text.
type caller struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

func dial(t testing.TB, e *Engine) *caller {
	t.Helper()
	c, err := e.Conn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &caller{t, c, bufio.NewReader(c)}
}

// do runs one command and returns its reply, arrays in brackets.
func (c *caller) do(args ...string) string {
	c.t.Helper()
	c.send(args...)
	return c.read()
}

func (c *caller) send(args ...string) {
	c.t.Helper()
	b := make([][]byte, len(args))
	for i, a := range args {
		b[i] = []byte(a)
	}
	if _, err := c.Write(appendCommand(nil, b...)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *caller) read() string {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	s, err := readText(c.r)
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

// try is do for a connection that may be ended.
func (c *caller) try(args ...string) (string, error) {
	b := make([][]byte, len(args))
	for i, a := range args {
		b[i] = []byte(a)
	}
	if _, err := c.Write(appendCommand(nil, b...)); err != nil {
		return "", err
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	return readText(c.r)
}

func readText(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	n, _ := strconv.Atoi(line[1:])
	switch line[0] {
	case '$', '=':
		if n < 0 {
			return "nil", nil
		}
		b := make([]byte, n+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return "", err
		}
		return string(b[:n]), nil
	case '*', '~', '>', '%':
		if n < 0 {
			return "nil", nil
		}
		if line[0] == '%' {
			n *= 2
		}
		var parts []string
		for range n {
			s, err := readText(r)
			if err != nil {
				return "", err
			}
			parts = append(parts, s)
		}
		return "[" + strings.Join(parts, " ") + "]", nil
	case '_':
		return "nil", nil
	}
	return line[1:], nil
}

// want runs a command and compares its reply.
func (c *caller) want(reply string, args ...string) {
	c.t.Helper()
	if got := c.do(args...); got != reply {
		c.t.Errorf("%q: got %s, want %s", args, got, reply)
	}
}

func TestCommands(t *testing.T) {
	c := dial(t, open(t, t.TempDir(), "--save", ""))
	c.want("OK", "set", "a", "1")
	c.want("2", "incr", "a")
	c.want("2", "get", "a")
	c.want("int", "object", "encoding", "a")
	c.want("2", "hset", "h", "f", "v", "g", "w")
	c.want("[f v g w]", "hgetall", "h")
	c.want("WRONGTYPE Operation against a key holding the wrong kind of value", "get", "h")
	c.want("ERR unknown command 'nope', with args beginning with: 'x' ", "nope", "x")
	c.want("ERR wrong number of arguments for 'get' command", "get")
	c.want("OK", "multi")
	c.want("QUEUED", "incr", "a")
	c.want("QUEUED", "hget", "h", "f")
	c.want("[3 v]", "exec")
	c.want("ERR this engine does not have scripts (EVAL)", "eval", "return 1", "0")
}

func TestEveryCommandHasAHandler(t *testing.T) {
	for _, f := range families() {
		for _, cmd := range f.commands {
			if cmd.do == nil && cmd.sub == nil {
				t.Errorf("%s has no handler", cmd.name)
			}
			for _, sub := range cmd.sub {
				if sub.do == nil {
					t.Errorf("%s %s has no handler", cmd.name, sub.name)
				}
			}
		}
	}
}

func TestWatch(t *testing.T) {
	e := open(t, t.TempDir(), "--save", "")
	a, b := dial(t, e), dial(t, e)
	a.want("OK", "watch", "k")
	a.want("OK", "multi")
	a.want("QUEUED", "set", "k", "mine")
	b.want("OK", "set", "k", "theirs")
	a.want("nil", "exec")
	a.want("theirs", "get", "k")
}

func TestPushFollowsTheReplyThatItVoids(t *testing.T) {
	e := open(t, t.TempDir(), "--save", "")
	a, b := dial(t, e), dial(t, e)
	a.do("hello", "3")
	a.want("OK", "client", "tracking", "on")
	b.want("OK", "set", "k", "1")
	a.want("1", "get", "k")
	b.want("OK", "set", "k", "2")
	if got := a.read(); got != "[invalidate [k]]" {
		t.Errorf("got %s", got)
	}
	a.want("2", "get", "k")
}

func TestPubSub(t *testing.T) {
	e := open(t, t.TempDir(), "--save", "")
	a, b := dial(t, e), dial(t, e)
	a.want("[subscribe news 1]", "subscribe", "news")
	a.want("[psubscribe n* 2]", "psubscribe", "n*")
	b.want("2", "publish", "news", "hello")
	if got := a.read() + a.read(); got != "[message news hello][pmessage n* news hello]" {
		t.Errorf("got %s", got)
	}
}

func TestFilesSurvive(t *testing.T) {
	for _, mode := range []string{"no", "yes"} {
		t.Run("appendonly "+mode, func(t *testing.T) {
			dir := t.TempDir()
			e, err := tryOpen(dir, "--appendonly", mode, "--save", "3600 1")
			if err != nil {
				t.Fatal(err)
			}
			c := dial(t, e)
			for i := range 1000 {
				c.want("OK", "set", fmt.Sprint("k", i), fmt.Sprint(i))
				c.want("1", "hset", fmt.Sprint("h", i%10), fmt.Sprint("f", i), strings.Repeat("v", i%100))
			}
			c.want("1", "expire", "k7", "1000")
			c.want("OK", "select", "3")
			c.want("OK", "set", "elsewhere", "yes")
			shut(t, e)
			c = dial(t, open(t, dir, "--appendonly", mode))
			c.want("1010", "dbsize")
			c.want("999", "get", "k999")
			c.want("100", "hlen", "h3")
			c.want("1000", "ttl", "k7")
			c.want("OK", "select", "3")
			c.want("yes", "get", "elsewhere")
		})
	}
}

func TestTurningAppendOnlyOnKeepsTheDump(t *testing.T) {
	dir := t.TempDir()
	e, err := tryOpen(dir, "--save", "3600 1")
	if err != nil {
		t.Fatal(err)
	}
	dial(t, e).want("OK", "set", "a", "1")
	shut(t, e)
	c := dial(t, open(t, dir, "--appendonly", "yes", "--save", ""))
	c.want("1", "get", "a")
}

func TestFolderIsForOneProcess(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	if _, err := tryOpen(dir); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("a second engine on the same folder: %v", err)
	}
}

func TestDamagedDumpIsRefusedAndKept(t *testing.T) {
	dir := t.TempDir()
	e, err := tryOpen(dir, "--save", "3600 1")
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, e)
	for i := range 100 {
		c.want("OK", "set", fmt.Sprint("key", i), "some value")
	}
	shut(t, e)
	name := filepath.Join(dir, "dump.rdb")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 0x55
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = tryOpen(dir)
	if err == nil || !strings.Contains(err.Error(), "dump.rdb") || !strings.Contains(err.Error(), "byte ") {
		t.Errorf("a damaged dump: %v", err)
	}
	if after, _ := os.ReadFile(name); !bytes.Equal(b, after) {
		t.Error("the damaged dump was changed")
	}
}

// TestSaveIsAPointInTime writes counters that always move together while dumps are
// taken, and looks for one in which they differ.
func TestSaveIsAPointInTime(t *testing.T) {
	dir := t.TempDir()
	e := open(t, dir, "--save", "")
	c := dial(t, e)
	const keys = 20000
	for i := range keys {
		c.send("set", fmt.Sprint("k", i), "0")
	}
	for range keys {
		c.read()
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			c := dial(t, e)
			r := rand.New(rand.NewPCG(1, uint64(w)))
			for {
				select {
				case <-stop:
					return
				default:
				}
				// a transaction moves one from a key to another: the sum stays zero
				c.send("multi")
				c.send("incr", fmt.Sprint("k", r.IntN(keys)))
				c.send("decr", fmt.Sprint("k", r.IntN(keys)))
				c.send("exec")
				for range 4 {
					c.read()
				}
				if n := r.IntN(keys); n%100 == 0 {
					c.do("rename", fmt.Sprint("k", n), fmt.Sprint("k", n))
				}
			}
		})
	}
	for range 5 {
		c.want("Background saving started", "bgsave")
		waitFor(t, func() bool { return strings.Contains(c.do("info", "persistence"), "rdb_bgsave_in_progress:0") })
		f, err := os.Open(filepath.Join(dir, "dump.rdb"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := rdb.NewReader(f, "dump.rdb")
		if err != nil {
			t.Fatal(err)
		}
		sum, n := 0, 0
		for {
			if _, err := r.Next(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			chunk, err := r.Chunk()
			if err != nil {
				t.Fatal(err)
			}
			v, _ := strconv.Atoi(string(chunk.Data))
			sum += v
			n++
			if _, err := r.Chunk(); err != io.EOF {
				t.Fatal(err)
			}
		}
		_ = f.Close()
		if sum != 0 || n != keys {
			t.Errorf("the dump holds %d keys with sum %d, want %d with 0", n, sum, keys)
		}
	}
	close(stop)
	wg.Wait()
}

func waitFor(t testing.TB, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited 20 seconds in vain")
		}
	}
}

func TestWritesAreRefusedWhileSavingFails(t *testing.T) {
	dir := t.TempDir()
	e := open(t, dir, "--save", "3600 1000000")
	c := dial(t, e)
	c.want("OK", "set", "a", "1")
	block := filepath.Join(dir, "dump.rdb")
	if err := os.MkdirAll(filepath.Join(block, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	c.do("bgsave")
	waitFor(t, func() bool { return strings.Contains(c.do("info", "persistence"), "rdb_last_bgsave_status:err") })
	if got := c.do("set", "a", "2"); !strings.HasPrefix(got, "MISCONF ") {
		t.Errorf("a write after a failed save: %s", got)
	}
	c.want("1", "get", "a")
	if err := os.RemoveAll(block); err != nil {
		t.Fatal(err)
	}
	c.do("bgsave")
	waitFor(t, func() bool { return strings.Contains(c.do("info", "persistence"), "rdb_last_bgsave_status:ok") })
	c.want("OK", "set", "a", "2")
}

func TestMaxMemory(t *testing.T) {
	c := dial(t, open(t, t.TempDir(), "--save", "", "--maxmemory", "3mb"))
	refused := false
	for i := range 10000 {
		if got := c.do("set", fmt.Sprint("k", i), strings.Repeat("x", 1000)); got == errOOM {
			refused = true
			break
		}
	}
	if !refused {
		t.Error("10 MB fit into maxmemory 3mb")
	}
	c.want("1", "del", "k0")
	c.want(strings.Repeat("x", 1000), "get", "k1")
}

func TestExpiry(t *testing.T) {
	c := dial(t, open(t, t.TempDir(), "--save", ""))
	c.want("OK", "set", "a", "1", "px", "1")
	for i := range 500 {
		c.want("OK", "set", fmt.Sprint("k", i), "1", "px", "5")
	}
	waitFor(t, func() bool { return c.do("dbsize") == "0" }) // nobody reads the keys: the cron deletes them
	c.want("nil", "get", "a")
}

// TestSocketAndPipeAnswerAlike runs commands cut at random places over TCP and whole
// over the pipe.
func TestSocketAndPipeAnswerAlike(t *testing.T) {
	e := open(t, t.TempDir(), "--save", "")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- e.Serve(l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	var in []byte
	const n = 2000
	for i := range n {
		in = appendCommand(in, []byte("echo"), bytes.Repeat([]byte{byte('a' + i%26)}, r.IntN(3000)))
	}
	pipe, err := e.Conn()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	go func() {
		for b := in; len(b) > 0; {
			k := min(len(b), 1+r.IntN(20000))
			if _, err := conn.Write(b[:k]); err != nil {
				return
			}
			b = b[k:]
		}
	}()
	if _, err := pipe.Write(in); err != nil {
		t.Fatal(err)
	}
	a, b := bufio.NewReader(conn), bufio.NewReader(pipe)
	for i := range n {
		x, err1 := readText(a)
		y, err2 := readText(b)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if x != y {
			t.Fatalf("reply %d: %d bytes over TCP, %d over the pipe", i, len(x), len(y))
		}
	}
	shut(t, e)
	if err := <-served; err != ErrClosed {
		t.Errorf("Serve returned %v", err)
	}
}

func TestRequirePass(t *testing.T) {
	e := open(t, t.TempDir(), "--save", "", "--requirepass", "secret")
	c := dial(t, e)
	c.want("NOAUTH Authentication required.", "get", "a")
	c.want("WRONGPASS invalid username-password pair or user is disabled.", "auth", "wrong")
	c.want("OK", "auth", "secret")
	c.want("nil", "get", "a")
	d := dial(t, e)
	if _, err := d.Write([]byte("*11\r\n$4\r\nping\r\n")); err != nil {
		t.Fatal(err)
	}
	if got := d.read(); got != "ERR Protocol error: unauthenticated multibulk length" {
		t.Errorf("got %s", got)
	}
}
