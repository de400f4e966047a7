//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// landings runs a command against a node.
func (n *node) landings(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return run(t.Context(), t.TempDir(), []string{"LANDINGS_TO=" + n.base}, program, args...)
}

// startEmbedded starts a node with its own engine.
func startEmbedded(t *testing.T, dir string) *node {
	t.Helper()
	listen := "127.0.0.1:" + strconv.Itoa(freePort(t))
	n := &node{start(t, t.TempDir(), program, "serve", "--dir", dir, "--redis-listen", "", "--listen", listen), api{base: "http://" + listen}}
	n.ready(t, func() error {
		if !n.alive() {
			t.Fatal("the node ended")
		}
		return nil
	})
	return n
}

// A backup of a dataset on one engine is the same dataset on another one: every
// byte, the order, the positions; what is damaged changes nothing; and a dataset that was
// deleted by mistake can still be had.
func TestBackup(t *testing.T) {
	r := startRedis(t, t.TempDir(), 0, "--save", "")
	from := startNode(t, r, 0)
	file := filepath.Join(t.TempDir(), "d.landings")
	made, err := run(t.Context(), "", nil, program, "sample", "--records", "5000")
	if err != nil {
		t.Fatal(err)
	}
	upload(t, from, "/collections/rocks", []byte(made))
	ids, err := from.landings(t, "keys", "--records", "--dataset", "rocks")
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range strings.Fields(ids) {
		if i < 3 || i == 700 {
			from.do(t, "DELETE", "/collections/rocks/items/"+id)
		}
	}
	list := from.do(t, "GET", "/collections/rocks/items?f=json").body
	digest := r.cli(t, "HGET", "landings:{rocks}:meta", "digest")
	out, err := from.landings(t, "backup", "--dataset", "rocks", file)
	if err != nil {
		t.Fatal(err)
	}
	if want := "rocks: 4996 records, version 5, digest " + digest; strings.TrimSpace(out) != want {
		t.Errorf("backup says %q, want %q", out, want)
	}

	dir := t.TempDir()
	to := startEmbedded(t, dir)
	if _, err := to.landings(t, "restore", file); err != nil {
		t.Fatal(err)
	}
	to.kill()
	to = startEmbedded(t, dir)
	if got := to.do(t, "GET", "/collections/rocks/items?f=json").body; !bytes.Equal(got, list) {
		t.Errorf("%d bytes restored, %d backed up", len(got), len(list))
	}
	// Positions are part of the digest.
	again := filepath.Join(t.TempDir(), "again.landings")
	if out, err = to.landings(t, "backup", "--dataset", "rocks", again); err != nil || !strings.Contains(out, "digest "+digest) {
		t.Errorf("the backup of what was restored: %v %s, want digest %s", err, out, digest)
	}

	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"cut":     whole[:len(whole)-7],
		"changed": append(append(bytes.Clone(whole[:len(whole)/2]), whole[len(whole)/2]^1), whole[len(whole)/2+1:]...),
		"longer":  append(bytes.Clone(whole), 'x'),
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := to.landings(t, "restore", path); err == nil {
			t.Errorf("%s: restored", name)
		}
		// The node does not rely on the client's check.
		got, err := to.try(t, "PUT", "/collections/rocks/backup", "--data-binary", "@"+path)
		if err != nil || got.status != 400 {
			t.Errorf("%s: the node answered %d %s (%v)", name, got.status, got.body, err)
		}
	}
	if got := to.do(t, "GET", "/collections/rocks/items?f=json").body; !bytes.Equal(got, list) {
		t.Error("a damaged backup changed something")
	}

	// Deleted by mistake, or lost with the keys.
	for _, vanish := range []func(){
		func() { from.do(t, "DELETE", "/collections/rocks") },
		func() { r.cli(t, "FLUSHALL") },
	} {
		vanish()
		eventually(t, "the dataset to vanish", func() error {
			got, err := from.try(t, "GET", "/collections/rocks/items?f=json")
			if err == nil && got.status != 404 {
				err = fmt.Errorf("%d", got.status)
			}
			return err
		})
		last := filepath.Join(t.TempDir(), "last.landings")
		if _, err := from.landings(t, "backup", "--dataset", "rocks", last); err != nil {
			t.Fatal(err)
		}
		// A client that goes on writing makes it anew, which takes nothing away.
		from.do(t, "PUT", "/collections/rocks/items/new", "--data", `{"id":"new"}`)
		if out, err := from.landings(t, "backup", "--dataset", "rocks", last); err != nil || !strings.Contains(out, "1 records, version ") {
			t.Fatalf("the dataset as it is: %v %s", err, out)
		}
		out, err := from.landings(t, "backup", "--vanished", "--dataset", "rocks", last)
		if err != nil || !strings.Contains(out, "digest "+digest) {
			t.Fatalf("after it was made anew: %v %s, want digest %s", err, out, digest)
		}
		if _, err := from.landings(t, "restore", last); err != nil {
			t.Fatal(err)
		}
		if got := from.do(t, "GET", "/collections/rocks/items?f=json").body; !bytes.Equal(got, list) {
			t.Error("what was restored differs from what vanished")
		}
	}
}

// A bucket of a dataset is gone in Redis. A node that starts does not serve it, and says what to do; that is done to the
// letter, with the node that still serves it.
func TestDamagedIsTakenFromAnotherNode(t *testing.T) {
	r := startRedis(t, t.TempDir(), 0, "--save", "")
	serves := startNode(t, r, 0, "--node", "serves")
	made, err := run(t.Context(), "", nil, program, "sample", "--records", "1000")
	if err != nil {
		t.Fatal(err)
	}
	upload(t, serves, "/collections/rocks", []byte(made))
	list := serves.do(t, "GET", "/collections/rocks/items?f=json").body
	r.cli(t, "DEL", "landings:{rocks}:g1:2")
	starts := startNode(t, r, 0, "--node", "starts")
	refused, err := starts.try(t, "GET", "/collections/rocks/items?f=json")
	if err != nil || refused.status != 503 {
		t.Fatalf("a damaged dataset: %v %d %s", err, refused.status, refused.body)
	}
	said, dir := string(refused.body), t.TempDir()
	for _, command := range []string{"landings backup ", "landings restore "} {
		_, rest, ok := strings.Cut(said, command)
		if !ok {
			t.Fatalf("the answer does not say %q: %s", command, said)
		}
		words, _, _ := strings.Cut(rest, " FILE")
		args := strings.Fields(command + strings.ReplaceAll(words, "NODE", serves.base))
		if out, err := run(t.Context(), dir, nil, program, append(args[1:], "rocks.landings")...); err != nil {
			t.Fatalf("%q: %v %s", args, err, out)
		}
	}
	for _, n := range []*node{serves, starts} {
		got := n.settles(t, "GET", "/collections/rocks/items?f=json")
		if !bytes.Equal(got.body, list) {
			t.Errorf("%s: %d bytes, want %d", n.base, len(got.body), len(list))
		}
	}
}
