// Package rig is what the benchmarks have in common: processes in one folder that end with the run, free ports, HTTP requests,
// wrk, nginx with Landings' answers as files, and tables of medians and ratios. It knows Landings from outside only.
package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Rig is the folder and the processes of one run.
type Rig struct {
	Dir     string
	running []*exec.Cmd
}

// New makes a folder for a run; Close removes it. Other accounts may enter it, for PostgreSQL does not run as root.
func New() (*Rig, error) {
	dir, err := os.MkdirTemp("", "landings-bench-")
	if err != nil {
		return nil, err
	}
	return &Rig{Dir: dir}, os.Chmod(dir, 0o711) //nolint:gosec // nothing in it is secret
}

// Close ends every process, the first last, waits for each, and removes the folder. cancel ends the context they were started with.
func (r *Rig) Close(cancel context.CancelFunc) {
	for i := len(r.running) - 1; i >= 0; i-- {
		_ = r.running[i].Process.Signal(syscall.SIGTERM)
		if i > 0 {
			_ = r.running[i].Wait()
		}
	}
	cancel()
	if len(r.running) > 0 {
		_ = r.running[0].Wait()
	}
	_ = os.RemoveAll(r.Dir)
}

// Path gives a path inside the run's folder.
func (r *Rig) Path(names ...string) string {
	return filepath.Join(append([]string{r.Dir}, names...)...)
}

// Command is a process to start.
type Command struct {
	Env  []string // beside this program's own
	Dir  string   // empty: the run's folder, which has no config.yaml
	User *syscall.Credential
	Log  string // a file's path; empty: one named for the process, in the run's folder
}

// Start starts a process that Close ends. What it writes goes into a log in the run's folder.
func (r *Rig) Start(ctx context.Context, env []string, name string, args ...string) (*exec.Cmd, error) {
	return r.StartAs(ctx, Command{Env: env}, name, args...)
}

// StartAs is Start with more to say.
func (r *Rig) StartAs(ctx context.Context, c Command, name string, args ...string) (*exec.Cmd, error) {
	if c.Log == "" {
		c.Log = r.Path(fmt.Sprintf("%d-%s.log", len(r.running), filepath.Base(name)))
	}
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has its own
	cmd := exec.CommandContext(ctx, name, args...)
	if cmd.Dir = c.Dir; c.Dir == "" {
		cmd.Dir = r.Dir
	}
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	// Its own process group: Ctrl-C reaches this program, which ends the others in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: c.User}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r.running = append(r.running, cmd)
	return cmd, nil
}

// Stop ends one process before the run ends, and waits for it.
func (r *Rig) Stop(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
	for i := range r.running {
		if r.running[i] == cmd {
			r.running = append(r.running[:i], r.running[i+1:]...)
			return
		}
	}
}

// FreePorts gives TCP ports of 127.0.0.1 that nobody listens on, each another.
func FreePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it only asks for a number
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// Address gives 127.0.0.1:port.
func Address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Dial says whether something listens on a port.
func Dial(ctx context.Context, port int) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", Address(port))
	if err == nil {
		c.Close()
	}
	return err
}

// startTime is how long a process may take until it answers.
const startTime = 30 * time.Second

// WaitFor tries until there is no error, for 30 seconds at most.
func WaitFor(ctx context.Context, try func() error) error { return WaitLong(ctx, startTime, try) }

// WaitLong tries until there is no error, for as long as most says.
func WaitLong(ctx context.Context, most time.Duration, try func() error) error {
	deadline := time.Now().Add(most)
	for {
		err := try()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// client keeps its connections, asks for compression only where told, and reads in large pieces.
var client = &http.Client{Transport: &http.Transport{DisableCompression: true, ReadBufferSize: 1 << 18, WriteBufferSize: 1 << 18, MaxIdleConnsPerHost: 16}}

// Get fetches a whole body; an encoding is asked for when it is named, and has to come.
func Get(ctx context.Context, url, encoding string) ([]byte, error) {
	return Do(ctx, http.MethodGet, url, encoding, nil)
}

// Do sends a JSON body, or none, and gives the answer's body. A status other than 2xx is an error.
func Do(ctx context.Context, method, url, encoding string, body []byte) ([]byte, error) {
	answer, _, err := DoHeader(ctx, method, url, encoding, body)
	return answer, err
}

// DoHeader is Do that gives the answer's header fields too.
func DoHeader(ctx context.Context, method, url, encoding string, body []byte) ([]byte, http.Header, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	q, err := http.NewRequestWithContext(ctx, method, url, reader)
	if err != nil {
		return nil, nil, err
	}
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	if encoding != "" {
		q.Header.Set("Accept-Encoding", encoding)
	}
	resp, err := client.Do(q)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	var got bytes.Buffer
	if resp.ContentLength > 0 {
		got.Grow(int(resp.ContentLength) + bytes.MinRead)
	}
	if _, err := got.ReadFrom(resp.Body); err != nil {
		return nil, nil, err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, nil, fmt.Errorf("%s %s: %s: %.300s", method, url, resp.Status, got.Bytes())
	}
	if resp.Header.Get("Content-Encoding") != encoding {
		return nil, nil, errors.New(method + " " + url + ": the answer is not coded as " + strconv.Quote(encoding))
	}
	return got.Bytes(), resp.Header, nil
}
