package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"landings/bench/rig"
)

// python is Debian's own, which has Flask and redis-py; another one on the PATH may not.
const python = "/usr/bin/python3"

var (
	//go:embed flask/app.py
	flaskApp []byte
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
	*rig.Rig
	in  *input
	out io.Writer

	redisPort   int
	landingsURL string    // http://127.0.0.1:port
	staticURLs  [2]string // nginx that opens files for each request, and one that keeps them open
	flaskURLs   []string  // in the order of flaskForms
	writes      int       // runs that wrote
}

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
		if err := os.WriteFile(b.Path(file.name), file.content, 0o600); err != nil {
			return err
		}
	}
	ports, err := rig.FreePorts(2 + len(flaskForms))
	if err != nil {
		return err
	}
	b.redisPort = ports[0]
	url := func(port int) string { return "http://" + rig.Address(port) }
	b.landingsURL = url(ports[1])

	// Redis does not save while the clock runs: a fork in one contender's turn and not in another's would blur all.
	if _, err := b.Start(ctx, nil, "redis-server", "--bind", "127.0.0.1", "--port", strconv.Itoa(b.redisPort), "--dir", b.Dir, "--save", "", "--appendonly", "no"); err != nil {
		return err
	}
	if err := rig.WaitFor(ctx, func() error { return rig.Dial(ctx, b.redisPort) }); err != nil {
		return err
	}
	if _, err := b.Start(ctx, nil, b.landings, "serve", "--redis", b.redisURL(landingsDB), "--listen", rig.Address(ports[1])); err != nil {
		return err
	}
	wait := []string{b.landingsURL + "/readyz"}
	for i, f := range flaskForms {
		env := []string{"FORM=" + f.form, "REDIS_URL=" + b.redisURL(flaskDB+i)}
		if _, err := b.Start(ctx, env, python, "-m", "gunicorn", "--bind", rig.Address(ports[2+i]), "--workers", "2", "--timeout", "300", "--log-level", "warning", "--chdir", b.Dir, "app:app"); err != nil {
			return err
		}
		b.flaskURLs = append(b.flaskURLs, url(ports[2+i]))
		wait = append(wait, url(ports[2+i])+"/get-keys")
	}
	for _, ready := range wait {
		if err := rig.WaitFor(ctx, func() error { _, err := rig.Get(ctx, ready, ""); return err }); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) redisURL(db int) string {
	return fmt.Sprintf("redis://%s/%d", rig.Address(b.redisPort), db)
}
