//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Exercise 1: what a Python shell has set is still there when Redis was shut down and started again with --save 1 1
// on the same folder, and is gone where it got another folder.
func TestTutorialExercise1(t *testing.T) {
	dir := t.TempDir()
	r := startRedis(t, dir, 0, "--save", "1", "1")
	if got := r.python(t, "print(rd.set('k', 'v'), rd.get('k'))"); got != "True b'v'" {
		t.Fatalf("set and get: %s", got)
	}
	r.saved(t)
	r.kill()
	r = startRedis(t, dir, r.port, "--save", "1", "1")
	if got := r.python(t, "print(rd.get('k'))"); got != "b'v'" {
		t.Errorf("after a restart: %s", got)
	}
	r.stop(t)
	r = startRedis(t, t.TempDir(), r.port, "--save", "1", "1")
	if got := r.python(t, "print(rd.get('k'), rd.keys())"); got != "None []" {
		t.Errorf("in a new folder: %s", got)
	}
}

// Exercise 2: one route that loads the configured data, returns them as a list, and deletes them.
func TestTutorialExercise2(t *testing.T) {
	path, want := tutorialRecords(t)
	r := startRedis(t, t.TempDir(), 0, "--save", "1", "1")
	n := startNode(t, r, 0, "--config", tutorialConfig(t, path))
	n.holds(t, nil)

	loaded := n.do(t, "POST", "/data")
	var report struct {
		Dataset string `json:"dataset"`
		Records int    `json:"records"`
	}
	if err := json.Unmarshal(loaded.body, &report); err != nil {
		t.Fatalf("%v in %s", err, loaded.body)
	}
	if report.Dataset != "meteorite_landings" || report.Records != 30 {
		t.Errorf("POST /data answered %s", loaded.body)
	}
	n.holds(t, want)
	if got := mustParse(t, slices.Concat([]byte("["), n.do(t, "GET", "/data/10001").body, []byte("]"))); differ(got, want[:1]) != nil {
		t.Errorf("GET /data/10001: %v", differ(got, want[:1]))
	}
	n.sameKeys(t, r)
	if got := r.python(t, "print(len(rd.keys('landings:*')) > 0)"); got != "True" {
		t.Errorf("the Python client sees no key of Landings: %s", r.keys(t))
	}

	// Loading again replaces, and what others keep in this Redis is left alone.
	r.cli(t, "set", "k", "v")
	n.do(t, "POST", "/data")
	n.holds(t, want)
	n.sameKeys(t, r)

	n.do(t, "DELETE", "/data")
	n.holds(t, nil)
	if got := r.cli(t, "get", "k"); got != "v" {
		t.Errorf("DELETE /data took a key of others: k is %q", got)
	}
	n.do(t, "POST", "/data")
	n.holds(t, want)
}

// Exercise 3, on host processes: the data are still there after everything was taken down, cleanly or with kill -9.
func TestTutorialExercise3(t *testing.T) {
	path, want := tutorialRecords(t)
	config := tutorialConfig(t, path)
	dir := t.TempDir()
	r := startRedis(t, dir, 0, "--save", "1", "1")
	n := startNode(t, r, 0, "--config", config)
	n.do(t, "POST", "/data")
	redisAgain := func() { r = startRedis(t, dir, r.port, "--save", "1", "1") }
	nodeAgain := func() { n = startNode(t, r, n.port(t), "--config", config) }

	steps := []struct {
		name string
		do   func()
	}{
		{"node and Redis stopped, Redis and node started", func() { n.stop(t); r.stop(t); redisAgain(); nodeAgain() }},
		{"kill -9 of the node", func() { n.kill(); nodeAgain() }},
		{"kill -9 of Redis, after a save", func() { r.saved(t); r.kill(); redisAgain() }},
		{"kill -9 of both, after a save", func() { r.saved(t); n.kill(); r.kill(); redisAgain(); nodeAgain() }},
		{"kill -9 of Redis right after a write, which the node puts back", func() {
			n.settles(t, "DELETE", "/data")
			n.settles(t, "POST", "/data")
			r.kill()
			redisAgain()
			// A write is taken again when the node has recovered the dataset, and not before.
			n.settles(t, "PUT", "/data/10001", "--header", "Content-Type: application/json", "--data-binary", `{"id": "10001", "name": "changed"}`)
			n.settles(t, "PUT", "/data/10001", "--header", "Content-Type: application/json", "--data-binary", "@"+writeOne(t, want[0]))
			n.stop(t)
			nodeAgain()
		}},
	}
	for _, step := range steps {
		step.do()
		n.holds(t, want)
		if t.Failed() {
			t.Fatalf("after: %s", step.name)
		}
	}

	// The tutorial's lesson, with the node stopped: a Redis that gets another folder has nothing.
	n.stop(t)
	r.stop(t)
	r = startRedis(t, t.TempDir(), r.port, "--save", "1", "1")
	if keys := r.keys(t); len(keys) != 0 {
		t.Errorf("keys in a new folder: %s", keys)
	}
	nodeAgain()
	n.holds(t, nil)
}

// The shipped configuration names the tutorial's file by its address: it loads, or where there is no network the
// problem names the address.
func TestShippedConfiguration(t *testing.T) {
	config, err := filepath.Abs(filepath.Join(root, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	n := startNode(t, startRedis(t, t.TempDir(), 0, "--save", "1", "1"), 0, "--config", config)
	got, err := n.try(t, "POST", "/data")
	if err != nil {
		t.Fatal(err)
	}
	if got.status == 200 || got.status == 201 {
		if list := mustParse(t, n.do(t, "GET", "/data").body); len(list) != 30 {
			t.Errorf("the tutorial's address gave %d records", len(list))
		}
		return
	}
	n.problem(t, got, 502, "raw.githubusercontent.com")
	n.holds(t, nil)
}

func TestSourceThatCannotBeHad(t *testing.T) {
	_, want := tutorialRecords(t)
	r := startRedis(t, t.TempDir(), 0, "--save", "1", "1")
	source := httptest.NewServer(http.NotFoundHandler())
	defer source.Close()
	for name, address := range map[string]string{
		"nobody listens": fmt.Sprintf("http://127.0.0.1:%d/landings.json", freePort(t)),
		"not found":      source.URL + "/landings.json",
		"no such file":   filepath.Join(t.TempDir(), "landings.json"),
	} {
		t.Run(name, func(t *testing.T) {
			n := startNode(t, r, 0, "--config", configWith(t, address))
			n.do(t, "POST", "/data", "--header", "Content-Type: application/json", "--data-binary", "@"+shared(t, "Meteorite_Landings.json"))
			got, err := n.try(t, "POST", "/data")
			if err != nil {
				t.Fatal(err)
			}
			n.problem(t, got, 502, address)
			n.holds(t, want) // what was there stays
			n.stop(t)
		})
	}
}

// problem fails unless the answer is an RFC 9457 problem that names what it must.
func (a api) problem(t *testing.T, got answer, status int, names string) {
	t.Helper()
	var p struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}
	if err := json.Unmarshal(got.body, &p); err != nil {
		t.Fatalf("not a problem: %d %s", got.status, got.body)
	}
	if got.status != status || p.Status != status || !strings.Contains(p.Detail, names) {
		t.Errorf("answered %d %s, not a problem %d that names %s", got.status, got.body, status, names)
	}
}

// sameKeys fails unless /get-keys lists exactly the keys that redis-cli sees, each once.
func (a api) sameKeys(t *testing.T, r *redis) {
	t.Helper()
	var got []string
	if err := json.Unmarshal(a.do(t, "GET", "/get-keys").body, &got); err != nil {
		t.Fatal(err)
	}
	want := r.keys(t)
	slices.Sort(got)
	slices.Sort(want)
	want = slices.Compact(want)
	if !slices.Equal(got, want) {
		t.Errorf("/get-keys lists %q, redis-cli %q", got, want)
	}
}

// tutorialConfig serves a file over HTTP while the test runs, and gives a configuration that names its address.
func tutorialConfig(t *testing.T, path string) string {
	t.Helper()
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { http.ServeFile(w, q, path) }))
	t.Cleanup(source.Close)
	return configWith(t, source.URL+"/Meteorite_Landings.json")
}

// configWith gives the shipped configuration with another source.
func configWith(t *testing.T, source string) string {
	t.Helper()
	lines := strings.Split(readRepo(t, "config.yaml"), "\n")
	changed := 0
	for i, line := range lines {
		if name, _, found := strings.Cut(line, "source: "); found && strings.TrimSpace(name) == "" {
			lines[i] = name + "source: " + source
			changed++
		}
	}
	if changed != 1 {
		t.Fatalf("config.yaml has %d lines that name a source, not one", changed)
	}
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
