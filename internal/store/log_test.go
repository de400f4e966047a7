//go:build e2e

package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"landings/internal/dataset"
	"landings/internal/redistest"
	"landings/internal/store"
)

func logTo(said *lines) func(*store.Options) {
	return func(o *store.Options) { o.Logger = slog.New(slog.NewJSONHandler(said, nil)) }
}

// What a node waits for is said once, not once a try, though each try has another port of its own; so is what keeps a node
// that runs from Redis.
func TestWaitingIsSaidOnce(t *testing.T) {
	redisOnly(t, "the embedded engine has no TLS")
	dir := t.TempDir()
	cert, key := selfSigned(t, dir)
	port := redistest.FreePort(t)
	redistest.Start(t, "--save", "", "--unixsocket", filepath.Join(dir, "redis.sock"), "--tls-port", strconv.Itoa(port),
		"--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert, "--tls-auth-clients", "no")
	var said lines
	if _, err := startWithin(t, 2*time.Second, "redis://127.0.0.1:"+strconv.Itoa(port), logTo(&said)); err == nil {
		t.Fatal("it started")
	}
	if found := said.with(t, "waiting for Redis"); len(found) < 1 || len(found) > 4 {
		t.Errorf("said %d times: %v", len(found), found)
	}

	r := redistest.Start(t, "--save", "")
	p := newValve(t, r.Addr())
	var later lines
	n := start(t, "redis://"+p.addr, logTo(&later))
	p.left.Store(0)
	until(t, "it notices", func() bool { return n.Ready(t.Context()) != nil })
	time.Sleep(time.Second)
	if found := later.with(t, "Redis is not well"); len(found) < 1 || len(found) > 4 {
		t.Errorf("said %d times: %v", len(found), found)
	}
}

// A node says of datasets that it knows not to exist neither that they cannot be committed to, nor that they can be again.
func TestNothingIsSaidOfWhatDoesNotExist(t *testing.T) {
	r := redistest.Start(t, "--save", "", "--appendonly", "yes")
	var said lines
	n := start(t, r.URL(), logTo(&said))
	put(t, n, "a")
	for i := range 3 {
		if _, err := n.put(t.Context(), fmt.Sprint("gone", i), "a", `{}`); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Drop(t.Context(), fmt.Sprint("gone", i), nil); err != nil {
			t.Fatal(err)
		}
		_, _ = n.remove(t.Context(), fmt.Sprint("never", i), "a")
	}
	r.Kill()
	until(t, "it notices", func() bool { return n.Ready(t.Context()) != nil })
	for _, name := range []string{"things", "gone0", "never0"} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, _ = n.remove(ctx, name, "a")
		cancel()
	}
	r.Up()
	until(t, "it is well again", func() bool { return n.Ready(t.Context()) == nil })
	put(t, n, "b")
	for _, message := range []string{"cannot commit", "can commit again"} {
		found := said.with(t, message)
		if len(found) != 1 || found[0]["dataset"] != "things" {
			t.Errorf("%s: %v", message, found)
		}
	}
}

// A policy that evicts is set while a node runs: it is not ready, and commits nothing, until it is set back.
func TestEvictingPolicyIsRefused(t *testing.T) {
	redisOnly(t, "the embedded engine never evicts")
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	state := put(t, n, "a")
	r.Do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	until(t, "the node is not ready", func() bool { return n.Ready(t.Context()) != nil })
	_, err := n.put(t.Context(), "things", "b", `{}`)
	_, err2 := n.Replace(t.Context(), "things", load(10, "x"), nil)
	_, err3 := n.Drop(t.Context(), "things", nil)
	_, err4 := n.put(t.Context(), "new", "a", `{}`)
	for _, err := range []error{err, err2, err3, err4} {
		if dataset.CodeOf(err) != dataset.Unavailable || !strings.Contains(err.Error(), "maxmemory-policy noeviction") {
			t.Errorf("got %v", err)
		}
	}
	if version := metaOf(r)["version"]; version != strconv.FormatUint(state.Version, 10) {
		t.Errorf("version %d became %s", state.Version, version)
	}
	r.Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
	until(t, "the node is ready", func() bool { return n.Ready(t.Context()) == nil })
	put(t, n, "b")
	if _, err := n.put(t.Context(), "new", "a", `{}`); err != nil {
		t.Error(err)
	}
}

// A node that has nothing of a dataset which others are bringing back does not say that there is none.
func TestLackedWhileRecovered(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	key := "landings:{things}:recover:" + info(r, "run_id") + "-" + info(r, "master_replid")
	r.Do("SADD", "landings:datasets", "things")
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			now := strings.Split(r.Do("TIME"), "\n")
			r.Do("HSET", key, "another", "3 70 0123456789abcdef "+now[0]+"000")
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	t.Cleanup(func() { <-stopped })
	n, _ := startWithin(t, 500*time.Millisecond, r.URL(), func(o *store.Options) { o.Grace = 10 * time.Millisecond })
	for range 20 {
		if err := n.Missing("things"); dataset.CodeOf(err) != dataset.Unavailable {
			t.Errorf("got %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	close(stop)
	until(t, "nobody brings it back", func() bool { return n.Missing("things") == nil })
}
