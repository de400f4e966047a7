// Package redistest runs real redis-server processes for tests. It knows
// nothing of Landings.
package redistest

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Server is one redis-server: its folder and port stay, its process can be
// killed and started again.
type Server struct {
	Port          int
	Dir           string
	program, args []string

	t   testing.TB
	mu  sync.Mutex
	cmd *exec.Cmd // guarded by mu; nil: not running
}

// program is what is run: redis-server, or the words of the variable
// REDISTEST_SERVER, such as "bin/landings redis-server".
func program(t testing.TB) []string {
	t.Helper()
	words := strings.Fields(os.Getenv("REDISTEST_SERVER"))
	if len(words) == 0 {
		words = []string{"redis-server"}
	}
	if _, err := exec.LookPath(words[0]); err != nil {
		t.Fatal("redis-server is not installed: apt-get install redis-server")
	}
	return words
}

// Start runs redis-server in a folder of its own on a free port of the loopback
// interface, with args such as "--save", "1 1". It ends with the test.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := &Server{Port: FreePort(t), Dir: t.TempDir(), program: program(t), args: args, t: t}
	t.Cleanup(s.Kill)
	s.Up()
	return s
}

// FreePort gives a port of the loopback interface that nobody listens on.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Addr gives host:port.
func (s *Server) Addr() string { return "127.0.0.1:" + strconv.Itoa(s.Port) }

// URL gives the address as redis://.
func (s *Server) URL() string { return "redis://" + s.Addr() + "/0" }

// Launch starts the process without waiting until it answers.
func (s *Server) Launch() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	log, err := os.OpenFile(filepath.Join(s.Dir, "redis.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	args := slices.Concat(s.program[1:], []string{"--port", strconv.Itoa(s.Port), "--bind", "127.0.0.1", "--dir", s.Dir, "--enable-protected-configs", "yes"}, s.args)
	s.cmd = exec.Command(s.program[0], args...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
}

// Up starts the process and waits until it answers.
func (s *Server) Up() {
	s.t.Helper()
	s.Launch()
	deadline := time.Now().Add(20 * time.Second)
	for {
		if reply, err := s.Try("PING"); err == nil && reply == "PONG" {
			return
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(s.Dir, "redis.log"))
			s.t.Fatalf("redis-server does not answer:\n%s", log)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// Kill ends the process with SIGKILL.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Stop ends the process with SIGTERM: it saves first.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

func (s *Server) end(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(sig)
	if sig == syscall.SIGKILL {
		_ = s.cmd.Process.Signal(syscall.SIGCONT)
	}
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Freeze stops the process with SIGSTOP and waits until every thread of it stands
// (on Linux; elsewhere it does not wait).
func (s *Server) Freeze() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		s.t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		stats, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", s.cmd.Process.Pid))
		stopped := 0
		for _, file := range stats {
			text, err := os.ReadFile(file)
			if _, state, ok := bytes.Cut(text, []byte(") ")); err != nil || ok && state[0] == 'T' {
				stopped++
			}
		}
		if stopped == len(stats) {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatal("the process does not stop")
		}
		time.Sleep(time.Millisecond)
	}
}

// Thaw lets a frozen process go on.
func (s *Server) Thaw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.cmd.Process.Signal(syscall.SIGCONT)
}

// Do runs a command and gives its reply as redis-cli would show it raw: lists
// as one line an element.
func (s *Server) Do(args ...string) string {
	s.t.Helper()
	reply, err := s.Try(args...)
	if err != nil {
		s.t.Fatalf("%q: %v", args, err)
	}
	return reply
}

// Try is Do that gives an error where Redis or the connection does.
func (s *Server) Try(args ...string) (string, error) {
	lines, err := Command(s.Addr(), args...)
	return strings.Join(lines, "\n"), err
}

// Command runs one command on the Redis at addr and gives its reply, a list as its
// elements, and nested ones flat.
func Command(addr string, args ...string) ([]string, error) {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	var b bytes.Buffer
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := c.Write(b.Bytes()); err != nil {
		return nil, err
	}
	return readReply(bufio.NewReader(c))
}

func readReply(r *bufio.Reader) ([]string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimSuffix(line, "\r\n")
	kind, rest := line[0], line[1:]
	switch kind {
	case '-':
		return nil, fmt.Errorf("redis: %s", rest)
	case '$':
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 {
			return []string{""}, err
		}
		text := make([]byte, n+2)
		for at := 0; at < len(text); {
			m, err := r.Read(text[at:])
			if err != nil {
				return nil, err
			}
			at += m
		}
		return []string{string(text[:n])}, nil
	case '*':
		n, err := strconv.Atoi(rest)
		if err != nil {
			return nil, err
		}
		var all []string
		for range n {
			lines, err := readReply(r)
			if err != nil {
				return nil, err
			}
			all = append(all, lines...)
		}
		return all, nil
	}
	return []string{rest}, nil
}
