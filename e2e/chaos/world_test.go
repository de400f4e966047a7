//go:build e2e

package chaos

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"landings/internal/redistest"
)

// mode is a way to run redis-server.
type mode struct {
	name string
	args []string
	kept bool // what was acknowledged is on disk
}

var modes = []mode{
	{"save 1 1", []string{"--save", "1 1"}, false},
	{"no save", []string{"--save", ""}, false},
	{"aof everysec", []string{"--save", "", "--appendonly", "yes", "--appendfsync", "everysec"}, false},
	{"aof always", []string{"--save", "", "--appendonly", "yes", "--appendfsync", "always"}, true},
}

// event is one thing that was done to the world.
type event struct {
	at   time.Time
	what string
	node int // -1: none
}

// world is three nodes, their links and Redis.
type world struct {
	t     testing.TB
	mode  mode
	redis *redistest.Server
	nodes []*node
	// survivor is a node that is not killed, so that Redis may lose everything without the dataset's end; -1: there is
	// none, and Redis keeps what it saved.
	survivor int

	mu     sync.Mutex
	events []event // guarded by mu
	stalls []stall // guarded by mu
}

// stall is a time in which this process, and so perhaps others, did not get to run: the machine was busy.
type stall struct{ from, to time.Time }

// watchStalls notes stalls until the test ends.
func (w *world) watchStalls() {
	done := make(chan struct{})
	var wg sync.WaitGroup
	w.t.Cleanup(func() { close(done); wg.Wait() })
	wg.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for last := time.Now(); ; {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			now := time.Now()
			if now.Sub(last) > 200*time.Millisecond {
				w.mu.Lock()
				w.stalls = append(w.stalls, stall{last, now})
				w.mu.Unlock()
			}
			last = now
		}
	})
}

// node is one process, as it is started again and again.
type node struct {
	name string
	port int
	link *link
	log  string // file that all its processes write to
	dir  string

	mu  sync.Mutex // held while something is done to the process
	cmd *exec.Cmd  // guarded by mu; nil: not running
}

func (n *node) base() string { return "http://127.0.0.1:" + strconv.Itoa(n.port) }

func newWorld(t testing.TB, m mode, random *rand.Rand) *world {
	t.Helper()
	w := &world{t: t, mode: m, redis: redistest.Start(t, m.args...), survivor: -1}
	if !m.kept && (m.name == "no save" || random.IntN(2) == 0) {
		w.survivor = random.IntN(3)
	}
	w.watchStalls()
	for i := range 3 {
		dir := t.TempDir()
		n := &node{
			name: "n" + strconv.Itoa(i+1), port: redistest.FreePort(t), dir: dir, log: filepath.Join(dir, "log"),
			link: newLink(t, w.redis.Addr(), rand.New(rand.NewPCG(random.Uint64(), 1))),
		}
		w.nodes = append(w.nodes, n)
		n.up(t)
		t.Cleanup(func() { n.kill() })
	}
	for _, n := range w.nodes {
		w.until("the node is ready", func() error { return n.ready() })
	}
	return w
}

func (n *node) up(t testing.TB) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd != nil {
		return
	}
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Error(err)
		return
	}
	defer log.Close()
	n.cmd = exec.Command(program, "serve", "--redis", "redis://"+n.link.addr+"/0", "--listen", "127.0.0.1:"+strconv.Itoa(n.port),
		"--node", n.name, "--log-format", "json", "--write-timeout", "3s")
	n.cmd.Dir, n.cmd.Stdout, n.cmd.Stderr = n.dir, log, log
	n.cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	if err := n.cmd.Start(); err != nil {
		t.Error(err)
		n.cmd = nil
	}
}

func (n *node) kill() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return
	}
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait()
	n.cmd = nil
}

func (n *node) signal(s syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd != nil {
		_ = n.cmd.Process.Signal(s)
	}
}

func (n *node) ready() error {
	c := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := c.Get(n.base() + "/readyz")
	if err != nil {
		return err
	}
	r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: /readyz answers %s", n.name, r.Status)
	}
	return nil
}

// until tries until there is no error.
func (w *world) until(what string, try func() error) {
	w.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			w.dump()
			w.t.Fatalf("waited for a minute: %s: %v", what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// dump shows what happened and the end of what the nodes wrote.
func (w *world) dump() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		w.t.Logf("%s %s %d", e.at.Format("15:04:05.000"), e.what, e.node+1)
	}
	for _, n := range w.nodes {
		for line := range n.lines() {
			switch line["msg"] {
			case "write", "request failed", "a dropped commit":
			default:
				w.t.Logf("%s %v", n.name, line)
			}
		}
	}
}

func (w *world) note(what string, node int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, event{time.Now(), what, node})
}

// lines gives what the node logged.
func (n *node) lines() func(yield func(map[string]any) bool) {
	return func(yield func(map[string]any) bool) {
		f, err := os.Open(n.log)
		if err != nil {
			return
		}
		defer f.Close()
		scanner := bufio.NewScanner(f)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			line := map[string]any{}
			if json.Unmarshal(scanner.Bytes(), &line) != nil {
				line = map[string]any{"msg": scanner.Text()}
			}
			if !yield(line) {
				return
			}
		}
	}
}

// disturb does one thing after the other to the world, as random says, until the end. Each is
// undone a while later, when others are under way already.
func (w *world) disturb(random *rand.Rand, length time.Duration) {
	var wg sync.WaitGroup
	defer wg.Wait()
	busy := make([]sync.Mutex, len(w.nodes)+1) // of each node, and of Redis: one trouble at a time
	// begin does something unless the place is in trouble already, and undoes it later.
	begin := func(place int, what string, while time.Duration, do, undo func()) {
		if !busy[place].TryLock() {
			return
		}
		node := place
		if place == len(w.nodes) {
			node = -1
		}
		w.note(what, node)
		do()
		wg.Go(func() {
			defer busy[place].Unlock()
			time.Sleep(while) // the trouble lasts: nothing is waited for
			undo()
			w.note("end of "+what, node)
		})
	}
	redis := len(w.nodes)
	upTo := func(d time.Duration) time.Duration { return time.Duration(random.Int64N(int64(d))) }
	nothing := func() {}
	killNode := func() {
		i := random.IntN(len(w.nodes))
		if i == w.survivor {
			return
		}
		begin(i, "kill node", upTo(1500*time.Millisecond), w.nodes[i].kill, func() { w.nodes[i].up(w.t) })
	}
	killRedis := func(empty bool) {
		what := "kill Redis"
		if empty {
			what = "empty Redis"
		}
		begin(redis, what, upTo(700*time.Millisecond), func() {
			w.redis.Kill()
			if empty {
				files, _ := filepath.Glob(filepath.Join(w.redis.Dir, "*"))
				for _, f := range files {
					if filepath.Base(f) != "redis.log" {
						_ = os.RemoveAll(f)
					}
				}
			}
		}, w.redis.Launch)
	}
	for end := time.Now().Add(length); time.Now().Before(end); {
		i := random.IntN(len(w.nodes))
		n := w.nodes[i]
		switch dice := random.IntN(100); {
		case dice < 14:
			killNode()
		case dice < 34:
			killRedis(false)
		case dice < 38 && w.survivor >= 0:
			killRedis(true)
		case dice < 44:
			begin(redis, "stop Redis", upTo(1200*time.Millisecond), w.redis.Freeze, w.redis.Thaw)
		case dice < 52:
			begin(i, "stop node", upTo(2500*time.Millisecond), func() { n.signal(syscall.SIGSTOP) }, func() { n.signal(syscall.SIGCONT) })
		case dice < 54:
			begin(i, "stop node for long", 6*time.Second+upTo(2*time.Second), func() { n.signal(syscall.SIGSTOP) }, func() { n.signal(syscall.SIGCONT) })
		case dice < 66:
			begin(i, "cut link", 0, n.link.cut, nothing)
		case dice < 76:
			begin(i, "block link", upTo(2*time.Second), n.link.block, n.link.unblock)
		case dice < 84:
			begin(i, "delay link", upTo(2*time.Second), func() { n.link.delay.Store(int64(upTo(30 * time.Millisecond))) }, func() { n.link.delay.Store(0) })
		case dice < 92:
			begin(i, "lossy link", upTo(2*time.Second), func() { n.link.lossy.Store(true) }, func() { n.link.lossy.Store(false) })
		case dice < 96:
			killNode()
			killRedis(false)
		default:
			killRedis(false)
			killNode()
			killNode()
		}
		time.Sleep(50*time.Millisecond + upTo(700*time.Millisecond)) // the pace of the trouble
	}
}
