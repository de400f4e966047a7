//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
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

// patience is how long anything that happens by itself may take: far more than it does, for slow machines.
const patience = 60 * time.Second

// program is the binary under test: the one that the variable LANDINGS_E2E_PROGRAM names, else one that TestMain
// builds. Read only once the tests run.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if program = os.Getenv("LANDINGS_E2E_PROGRAM"); program != "" {
			return m.Run()
		}
		dir, err := os.MkdirTemp("", "landings-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "landings")
		v, err := os.ReadFile(filepath.Join(root, "VERSION"))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-ldflags", "-s -w -X main.version="+strings.TrimSpace(string(v)), "-o", program, "./cmd/landings")
		build.Dir = root
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building the program: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// need skips the test where a program is not installed, and fails where everything should be: in CI.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			lacking(t, p+" is not installed: see .ci/run")
		}
	}
}

// lacking skips the test for a reason that CI does not accept.
func lacking(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// output collects what a process writes.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// process is one that the test started, and that does not outlive it.
type process struct {
	name string
	cmd  *exec.Cmd
	log  *output
	done chan struct{} // closed when the process has ended
}

// start starts a process. What it wrote is shown if the test fails.
func start(t *testing.T, dir, name string, args ...string) *process {
	t.Helper()
	p := &process{name: filepath.Base(name), log: &output{}, done: make(chan struct{})}
	p.cmd = exec.Command(name, args...)
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s %s wrote:\n%s", p.name, strings.Join(args, " "), tail(p.log.String(), 4000))
		}
	})
	return p
}

func tail(s string, n int) string {
	if len(s) > n {
		return "..." + s[len(s)-n:]
	}
	return s
}

// alive says whether the process still runs.
func (p *process) alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// stop is a SIGTERM, after which the process has to end well.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Fatalf("%s did not end within %v of SIGTERM", p.name, patience)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("%s ended with code %d after SIGTERM", p.name, code)
	}
}

// eventually tries until there is no error, for as long as patience lasts.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s: %v", patience, what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// freePort gives a TCP port of 127.0.0.1 that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// run runs a program to its end and gives what it wrote to standard output; standard error is in the error.
func run(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %s: %w\n%s%s", filepath.Base(name), strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String(), nil
}

// runVia is run for a program that others, with their arguments, may have to start.
func runVia(ctx context.Context, via []string, name string, args ...string) (string, error) {
	all := slices.Concat(via, []string{name}, args)
	return run(ctx, "", nil, all[0], all[1:]...)
}

// contextForCleanup is for commands that run when the test's own context is over.
func contextForCleanup() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 2*patience)
}

// redis is a redis-server on a port of its own, which it keeps when it is started again.
type redis struct {
	*process // nil: one in a container
	host     string
	port     int
	via      []string // what begins a command that reaches it
}

// startRedis starts redis-server with its data in dir; the port 0 means any. It waits until it answers.
func startRedis(t *testing.T, dir string, port int, args ...string) *redis {
	t.Helper()
	need(t, "redis-server", "redis-cli")
	if port == 0 {
		port = freePort(t)
	}
	args = append([]string{"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", dir}, args...)
	r := &redis{process: start(t, dir, "redis-server", args...), host: "127.0.0.1", port: port}
	r.answers(t)
	return r
}

func (r *redis) answers(t *testing.T) {
	t.Helper()
	eventually(t, "Redis to answer", func() error {
		if r.process != nil && !r.alive() {
			t.Fatal("redis-server ended")
		}
		out, err := runVia(t.Context(), r.via, "redis-cli", "-h", r.host, "-p", strconv.Itoa(r.port), "ping")
		if err == nil && strings.TrimSpace(out) != "PONG" {
			err = errors.New(out)
		}
		return err
	})
}

// url gives the address of the database 0.
func (r *redis) url() string {
	return "redis://" + net.JoinHostPort(r.host, strconv.Itoa(r.port)) + "/0"
}

// cli runs one redis-cli command and gives its answer without the last line feed.
func (r *redis) cli(t *testing.T, args ...string) string {
	t.Helper()
	out, err := runVia(t.Context(), r.via, "redis-cli", append([]string{"-h", r.host, "-p", strconv.Itoa(r.port)}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(out, "\n")
}

// keys gives the names of all keys, as redis-cli lists them.
func (r *redis) keys(t *testing.T) []string {
	t.Helper()
	return strings.Fields(r.cli(t, "--scan"))
}

// saved waits until dump.rdb holds everything.
func (r *redis) saved(t *testing.T) {
	t.Helper()
	eventually(t, "Redis to save", func() error {
		info := r.cli(t, "info", "persistence")
		for _, want := range []string{"rdb_changes_since_last_save:0\r", "rdb_bgsave_in_progress:0\r", "rdb_last_bgsave_status:ok\r"} {
			if !strings.Contains(info, want) {
				return fmt.Errorf("no %q yet", want)
			}
		}
		return nil
	})
}

// python is a Python shell of its own, in which rd is the tutorial's client. It gives what the code prints.
func (r *redis) python(t *testing.T, code string) string {
	t.Helper()
	// Debian's own Python has the client; another one on the PATH may not.
	const python = "/usr/bin/python3"
	if _, err := run(t.Context(), "", nil, python, "-c", "import redis"); err != nil {
		lacking(t, "python3-redis is not installed: see .ci/run")
	}
	out, err := runVia(t.Context(), r.via, python, "-c", fmt.Sprintf("import redis\nrd = redis.Redis(host=%q, port=%d, db=0)\n%s", r.host, r.port, code))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// node is a running `landings serve`.
type node struct {
	*process
	api
}

// startNode starts a node on a Redis; the port 0 means any. It waits until the node is ready.
func startNode(t *testing.T, r *redis, port int, args ...string) *node {
	t.Helper()
	if port == 0 {
		port = freePort(t)
	}
	listen := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	args = append([]string{"serve", "--redis", r.url(), "--listen", listen}, args...)
	// A folder of its own: the node must not find the repository's config.yaml.
	n := &node{start(t, t.TempDir(), program, args...), api{base: "http://" + listen}}
	n.ready(t, func() error {
		if !n.alive() {
			t.Fatal("the node ended")
		}
		return nil
	})
	return n
}

// port gives the port that the node listens on, to start it again there.
func (n *node) port(t *testing.T) int {
	t.Helper()
	_, text, err := net.SplitHostPort(strings.TrimPrefix(n.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// api is an address at which Landings answers.
type api struct {
	base string   // http://host:port
	via  []string // what begins a command that reaches it
}

// answer is what curl got.
type answer struct {
	status int
	body   []byte
}

// try makes one request with curl, as people do.
func (a api) try(t *testing.T, method, path string, args ...string) (answer, error) {
	t.Helper()
	need(t, "curl")
	out, err := runVia(t.Context(), a.via, "curl", append([]string{"--silent", "--show-error", "--noproxy", "*", "--max-time", "60", "--request", method,
		"--write-out", "\n%{http_code}", a.base + path}, args...)...)
	if err != nil {
		return answer{}, err
	}
	cut := strings.LastIndexByte(out, '\n')
	status, err := strconv.Atoi(out[cut+1:])
	if err != nil {
		return answer{}, err
	}
	return answer{status, []byte(out[:cut])}, nil
}

// do is a request that has to succeed.
func (a api) do(t *testing.T, method, path string, args ...string) answer {
	t.Helper()
	got, err := a.try(t, method, path, args...)
	if err != nil {
		t.Fatal(err)
	}
	if got.status < 200 || got.status > 299 {
		t.Fatalf("%s %s answered %d: %s", method, path, got.status, tail(string(got.body), 2000))
	}
	return got
}

// settles is a write that is repeated while the node cannot take it, as during a recovery.
func (a api) settles(t *testing.T, method, path string, args ...string) answer {
	t.Helper()
	var got answer
	eventually(t, method+" "+path, func() (err error) {
		got, err = a.try(t, method, path, args...)
		if err == nil && (got.status < 200 || got.status > 299) {
			err = fmt.Errorf("%d: %s", got.status, tail(string(got.body), 2000))
		}
		return err
	})
	return got
}

// ready waits for the node's readiness; alive is asked before each look.
func (a api) ready(t *testing.T, alive func() error) {
	t.Helper()
	eventually(t, "the node to be ready", func() error {
		if err := alive(); err != nil {
			return err
		}
		got, err := a.try(t, "GET", "/readyz")
		if err == nil && got.status != 200 {
			err = fmt.Errorf("/readyz answered %d: %s", got.status, got.body)
		}
		return err
	})
}
