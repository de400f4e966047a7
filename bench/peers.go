package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/template"
	"time"
)

// python is Debian's own, which has Flask and redis-py; another one on the PATH may not.
const python = "/usr/bin/python3"

var (
	//go:embed flask/app.py
	flaskApp []byte
	//go:embed nginx.conf.tmpl
	nginxConf string
	//go:embed wrk.lua
	readScript []byte
	//go:embed put.lua
	putScript []byte
)

// flaskForms are the forms of flask/app.py, and what Landings is asked to reach beside each: times as fast.
var flaskForms = []struct {
	form, name     string
	atLeastLoad    float64
	atLeastReading float64
}{
	{"hashes", "Flask, one hash a record", 20, 20},
	{"hashes-pipelined", "Flask, one hash a record, pipelined", 20, 20},
	{"text", "Flask, one JSON text", 1, 20},
	{"text-as-is", "Flask, one JSON text, returned as it stands", 1, 20},
}

// The databases of the one Redis: none of the contenders sees the keys of another.
const (
	landingsDB = 0
	pipeDB     = 1
	flaskDB    = 2 // and the next ones, one for each form
)

// bench is one run: the processes that it started, and where they answer.
type bench struct {
	options
	in      *input
	dir     string
	out     io.Writer
	running []*exec.Cmd

	redisPort   int
	landingsURL string    // http://127.0.0.1:port
	staticURLs  [2]string // nginx that opens files for each request, and one that keeps them open
	flaskURLs   []string  // in the order of flaskForms
}

// client keeps its connections, asks for compression only where told, and reads in large pieces.
var client = &http.Client{Transport: &http.Transport{DisableCompression: true, ReadBufferSize: 1 << 18, WriteBufferSize: 1 << 18}}

// startAll starts every contender but nginx, whose files come from Landings.
func (b *bench) startAll(ctx context.Context) error {
	if _, err := os.Stat(b.landings); err != nil {
		return fmt.Errorf("%w; make build makes it", err)
	}
	landings, err := filepath.Abs(b.landings)
	if err != nil {
		return err
	}
	b.landings = landings
	for _, file := range []struct {
		name    string
		content []byte
	}{{"app.py", flaskApp}, {"wrk.lua", readScript}, {"put.lua", putScript}, {"input.resp", b.in.resp}, {"ids", []byte(strings.Join(b.in.ids, "\n") + "\n")}} {
		if err := os.WriteFile(b.folder(file.name), file.content, 0o600); err != nil {
			return err
		}
	}
	ports, err := freePorts(2 + len(flaskForms))
	if err != nil {
		return err
	}
	b.redisPort = ports[0]
	url := func(port int) string { return "http://" + address(port) }
	b.landingsURL = url(ports[1])

	// Redis does not save while the clock runs: a fork in one contender's turn and not in another's would blur all.
	if err := b.start(ctx, nil, "redis-server", "--bind", "127.0.0.1", "--port", strconv.Itoa(b.redisPort), "--dir", b.dir, "--save", "", "--appendonly", "no"); err != nil {
		return err
	}
	if err := waitFor(ctx, func() error { return dial(ctx, b.redisPort) }); err != nil {
		return err
	}
	if err := b.start(ctx, nil, b.landings, "serve", "--redis", b.redisURL(landingsDB), "--listen", address(ports[1])); err != nil {
		return err
	}
	wait := []string{b.landingsURL + "/readyz"}
	for i, f := range flaskForms {
		env := []string{"FORM=" + f.form, "REDIS_URL=" + b.redisURL(flaskDB+i)}
		if err := b.start(ctx, env, python, "-m", "gunicorn", "--bind", address(ports[2+i]), "--workers", "2", "--timeout", "300", "--log-level", "warning", "--chdir", b.dir, "app:app"); err != nil {
			return err
		}
		b.flaskURLs = append(b.flaskURLs, url(ports[2+i]))
		wait = append(wait, url(ports[2+i])+"/get-keys")
	}
	for _, ready := range wait {
		if err := waitFor(ctx, func() error { _, err := get(ctx, ready, ""); return err }); err != nil {
			return err
		}
	}
	return nil
}

// startNginx writes what Landings answers into files, byte for byte, and serves them.
func (b *bench) startNginx(ctx context.Context) error {
	if err := os.MkdirAll(b.folder("nginx", "files", "data"), 0o755); err != nil {
		return err
	}
	save := func(path, encoding, name string) error {
		body, err := get(ctx, b.landingsURL+path, encoding)
		if err != nil {
			return err
		}
		return os.WriteFile(b.folder("nginx", "files", name), body, 0o644)
	}
	if err := save("/data", "", "list"); err != nil {
		return err
	}
	if err := save("/data", "gzip", "list.gz"); err != nil {
		return err
	}
	for _, id := range b.in.ids {
		if strings.ContainsAny(id, "/\x00") || strings.HasPrefix(id, ".") {
			return fmt.Errorf("the id %q cannot be a file's name", id)
		}
		if err := save("/data/"+id, "", filepath.Join("data", id)); err != nil {
			return err
		}
	}
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	conf, err := template.New("nginx.conf").Parse(nginxConf)
	if err != nil {
		return err
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	files := min(limit.Max, 200_000)
	var text bytes.Buffer
	if err := conf.Execute(&text, map[string]any{"Dir": b.folder("nginx"), "Ports": ports, "Root": os.Getuid() == 0,
		"OpenFiles": files, "CachedFiles": files - files/10}); err != nil {
		return err
	}
	if err := os.WriteFile(b.folder("nginx.conf"), text.Bytes(), 0o600); err != nil {
		return err
	}
	if err := b.start(ctx, nil, "nginx", "-p", b.folder("nginx"), "-e", b.folder("nginx", "error.log"), "-c", b.folder("nginx.conf")); err != nil {
		return err
	}
	for i, port := range ports {
		b.staticURLs[i] = "http://" + address(port)
		if err := waitFor(ctx, func() error { return dial(ctx, port) }); err != nil {
			return err
		}
	}
	// The same bytes, or the comparison means nothing.
	for _, same := range []struct{ path, encoding string }{{"/data", ""}, {"/data", "gzip"}, {"/data/" + b.in.ids[0], ""}} {
		ours, err := get(ctx, b.landingsURL+same.path, same.encoding)
		if err != nil {
			return err
		}
		theirs, err := get(ctx, b.staticURLs[0]+same.path, same.encoding)
		if err != nil {
			return err
		}
		if !bytes.Equal(ours, theirs) {
			return fmt.Errorf("nginx answers other bytes than Landings for %s %s", same.path, same.encoding)
		}
	}
	return nil
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func (b *bench) redisURL(db int) string {
	return fmt.Sprintf("redis://%s/%d", address(b.redisPort), db)
}

// start starts a process that stopAll ends. What it writes goes into a log in the run's folder.
func (b *bench) start(ctx context.Context, env []string, name string, args ...string) error {
	log, err := os.Create(b.folder(fmt.Sprintf("%d-%s.log", len(b.running), filepath.Base(name))))
	if err != nil {
		return err
	}
	defer log.Close() // the process has its own
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = b.dir // without the repository's config.yaml
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = log, log
	// Its own process group: Ctrl-C reaches this program, which ends the others in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		return err
	}
	b.running = append(b.running, cmd)
	return nil
}

// stopAll ends every process and waits for it; Redis, the first, last.
func (b *bench) stopAll(cancel context.CancelFunc) {
	for i := len(b.running) - 1; i >= 0; i-- {
		_ = b.running[i].Process.Signal(syscall.SIGTERM)
		if i > 0 {
			_ = b.running[i].Wait()
		}
	}
	cancel()
	if len(b.running) > 0 {
		_ = b.running[0].Wait()
	}
}

// freePorts gives TCP ports of 127.0.0.1 that nobody listens on, each another.
func freePorts(n int) ([]int, error) {
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

func dial(ctx context.Context, port int) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address(port))
	if err == nil {
		c.Close()
	}
	return err
}

// waitFor tries until there is no error, for 30 seconds at most.
func waitFor(ctx context.Context, try func() error) error {
	deadline := time.Now().Add(30 * time.Second)
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
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// get fetches a whole body; an encoding is asked for when it is named, and has to come.
func get(ctx context.Context, url, encoding string) ([]byte, error) {
	return do(ctx, http.MethodGet, url, encoding, nil)
}

func do(ctx context.Context, method, url, encoding string, body []byte) ([]byte, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	q, err := http.NewRequestWithContext(ctx, method, url, reader)
	if err != nil {
		return nil, err
	}
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	if encoding != "" {
		q.Header.Set("Accept-Encoding", encoding)
	}
	resp, err := client.Do(q)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var got bytes.Buffer
	if resp.ContentLength > 0 {
		got.Grow(int(resp.ContentLength) + bytes.MinRead)
	}
	if _, err := got.ReadFrom(resp.Body); err != nil {
		return nil, err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, fmt.Errorf("%s %s: %s: %.300s", method, url, resp.Status, got.Bytes())
	}
	if resp.Header.Get("Content-Encoding") != encoding {
		return nil, errors.New(method + " " + url + ": the answer is not coded as " + strconv.Quote(encoding))
	}
	return got.Bytes(), nil
}
