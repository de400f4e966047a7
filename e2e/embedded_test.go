//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// startAlone starts a node that keeps its data in dir with the embedded engine,
// which takes Redis clients on a port of its own.
func startAlone(t *testing.T, dir string, redisPort int, args ...string) (*node, *redis) {
	t.Helper()
	listen := net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))
	args = append([]string{"serve", "--listen", listen, "--dir", dir, "--redis-listen", net.JoinHostPort("127.0.0.1", strconv.Itoa(redisPort))}, args...)
	n := &node{start(t, t.TempDir(), program, args...), api{base: "http://" + listen}}
	n.ready(t, func() error {
		if !n.alive() {
			t.Fatal("the node ended")
		}
		return nil
	})
	return n, &redis{host: "127.0.0.1", port: redisPort}
}

// TestEmbedded is a node with nothing beside it: what it acknowledged is there
// after kill -9, Redis's own clients see it, and a real Redis opens its files.
func TestEmbedded(t *testing.T) {
	need(t, "redis-cli", "redis-server")
	dir, port := filepath.Join(t.TempDir(), "data"), freePort(t)
	n, r := startAlone(t, dir, port)
	// Without a configuration, POST loads the generated sample.
	if got := n.do(t, "POST", "/data"); !strings.Contains(string(got.body), `"records":1000`) || !strings.Contains(string(got.body), "generated") {
		t.Fatalf("POST without a source answers %s", got.body)
	}
	n.do(t, "POST", "/data", "--data-binary", "@"+shared(t, "nasa_meteorite_landings.csv"))
	for i := range 50 {
		n.do(t, "PUT", fmt.Sprintf("/data/new%d", i), "--header", "Content-Type: application/json", "--data", fmt.Sprintf(`{"id":"new%d"}`, i))
	}
	list := fetchList(t, n.base)
	_, digest := inspect(t, r)
	n.kill()

	n, r = startAlone(t, dir, port)
	if fetchList(t, n.base) != list {
		t.Fatal("what was acknowledged is not there after kill -9")
	}
	if out := r.python(t, "rd.set('k', 'v'); print(rd.get('k'), rd.hget('landings:{meteorite_landings}:meta', 'count'))"); out != "b'v' b'45766'" {
		t.Errorf("the Python client says %s", out)
	}
	if out := r.cli(t, "ping"); out != "PONG" {
		t.Errorf("redis-cli says %s", out)
	}
	n.stop(t)

	// dump.rdb, which the node saved when it stopped, and the append-only folder.
	for _, how := range [][]string{{"--save", ""}, {"--save", "", "--appendonly", "yes"}} {
		copied := t.TempDir()
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		real := startRedis(t, copied, 0, how...)
		records, found := inspect(t, real)
		if records != 45766 || found != digest || real.cli(t, "get", "k") != "v" {
			t.Errorf("redis-server %v has %d records with digest %s, want 45766 with %s", how, records, found, digest)
		}
		real.kill()
	}
}

// TestRedisServer is the tutorial's first exercise with the program in place of
// the container: data outlive it in a folder, and not without one.
func TestRedisServer(t *testing.T) {
	need(t, "redis-cli")
	dir, port := t.TempDir(), freePort(t)
	up := func(dir string) *redis {
		t.Helper()
		r := &redis{process: start(t, dir, program, "redis-server", "--port", strconv.Itoa(port), "--dir", dir, "--save", "1", "1"), host: "127.0.0.1", port: port}
		r.answers(t)
		return r
	}
	r := up(dir)
	if out := r.python(t, "print(rd.set('k', 'v'), rd.get('k'))"); out != "True b'v'" {
		t.Errorf("the first shell says %s", out)
	}
	if out := r.python(t, "print(rd.get('k'))"); out != "b'v'" {
		t.Errorf("the second shell says %s", out)
	}
	r.saved(t)
	r.kill()
	r = up(dir)
	if out := r.python(t, "print(rd.get('k'), rd.keys())"); out != "b'v' [b'k']" {
		t.Errorf("after kill -9: %s", out)
	}
	r.stop(t)
	r = up(t.TempDir())
	if out := r.python(t, "print(rd.get('k'), rd.keys())"); out != "None []" {
		t.Errorf("in an empty folder: %s", out)
	}
	r.stop(t)
}

// A folder is used by one process at a time.
func TestFolderIsLocked(t *testing.T) {
	dir := t.TempDir()
	n, _ := startAlone(t, dir, freePort(t))
	out, err := run(t.Context(), t.TempDir(), nil, program, "serve", "--dir", dir, "--listen", "127.0.0.1:0", "--redis-listen", "")
	if err == nil || !strings.Contains(err.Error(), "in use") && !strings.Contains(err.Error(), "locked") && !strings.Contains(err.Error(), "uses") {
		t.Fatalf("a second node on the same folder: %s, %v", out, err)
	}
	t.Logf("it says: %v", err)
	n.stop(t)
}
