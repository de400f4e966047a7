//go:build e2e

package redisserver

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// diffSeed is DIFF_SEED, or the time.
func diffSeed() uint64 {
	if s := os.Getenv("DIFF_SEED"); s != "" {
		n, _ := strconv.ParseUint(s, 10, 64)
		return n
	}
	return uint64(time.Now().UnixNano())
}

// pending reads what was published to a subscribed connection up to now.
func (c *rawConn) pending(t *testing.T) []string {
	t.Helper()
	mark := "mark"
	c.send([]string{"ping", mark})
	var got []string
	for {
		r, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		if len(r.elems) == 2 && r.elems[1].str == mark {
			return got
		}
		got = append(got, r.String())
	}
}

// TestDifferentialEvents compares the keyspace events that the families' commands
// publish, in their order.
func TestDifferentialEvents(t *testing.T) {
	seed := diffSeed()
	real, ours := startRedis(t), startEngine(t)
	batches := 300
	if s := os.Getenv("DIFF_COMMANDS"); s != "" {
		n, _ := strconv.Atoi(s)
		batches = n/50 + 1
	}
	for _, f := range generators {
		if f.name == "server" {
			continue // sets what is heard of
		}
		t.Run(strings.ReplaceAll(f.name, " ", "-"), func(t *testing.T) {
			t.Logf("seed %d (DIFF_SEED)", seed)
			d := &differ{t: t, a: dialRaw(t, real), b: dialRaw(t, ours)}
			heard := &differ{t: t, a: dialRaw(t, real), b: dialRaw(t, ours)}
			d.both([]string{"flushall"}, []string{"config", "set", "notify-keyspace-events", "KEA"})
			d.both(defaultsOf...)
			d.both(f.setup...)
			d.both(others...)
			heard.both([]string{"psubscribe", "__key*"})
			g := gen{rand.New(rand.NewPCG(seed, 3))}
			events := 0
			for range batches {
				var batch [][]string
				for range 50 {
					batch = append(batch, f.make(g))
				}
				d.a.send(batch...)
				d.b.send(batch...)
				for range batch {
					if _, err := d.a.read(); err != nil {
						t.Fatal(err)
					}
					if _, err := d.b.read(); err != nil {
						t.Fatal(err)
					}
				}
				d.both([]string{"discard"}) // nothing stays queued
				x, y := heard.a.pending(t), heard.b.pending(t)
				events += len(x)
				if !slices.Equal(x, y) {
					i := 0
					for i < min(len(x), len(y)) && x[i] == y[i] {
						i++
					}
					t.Fatalf("after %d equal events:\n redis  %q\n engine %q\ncommands %q", i, x[i:min(len(x), i+4)], y[i:min(len(y), i+4)], batch)
				}
			}
			d.both([]string{"discard"}, []string{"select", "0"})
			if t.Logf("%d events", events); events < batches {
				t.Error("too few events to mean anything")
			}
		})
	}
}

// TestDifferentialFiles runs the families' commands with an append-only file, and has
// redis-server load what came of it; and has values cross by DUMP and RESTORE.
func TestDifferentialFiles(t *testing.T) {
	seed := diffSeed()
	for _, f := range generators {
		if !strings.HasPrefix(f.name, "zset") && !strings.HasPrefix(f.name, "geo") {
			continue // the others are in TestFilesBothWays
		}
		t.Run(strings.ReplaceAll(f.name, " ", "-"), func(t *testing.T) {
			t.Logf("seed %d (DIFF_SEED)", seed)
			dir := t.TempDir()
			c := dialRaw(t, startEngine(t, Parameter{"appendonly", []string{"yes"}}, Parameter{"dir", []string{dir}}))
			g := gen{rand.New(rand.NewPCG(seed, 4))}
			setup := append(slices.Clone(defaultsOf), f.setup...)
			c.send(setup...)
			for range setup {
				if _, err := c.read(); err != nil {
					t.Fatal(err)
				}
			}
			for range 100 {
				var batch [][]string
				for range 50 {
					batch = append(batch, f.make(g))
				}
				c.send(batch...)
				for range batch {
					if _, err := c.read(); err != nil {
						t.Fatal(err)
					}
				}
			}
			copied := filepath.Join(t.TempDir(), "copy")
			if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			real := startRedis(t, append(commandLine(f.setup), "--appendonly", "yes", "--dir", copied)...)
			d := &differ{t: t, a: dialRaw(t, real), b: c}
			awaitLoaded(t, d.a)
			d.compareKeys()

			keys := d.same([]string{"keys", "*"}).elems
			if len(keys) == 0 {
				t.Error("no keys were left to compare")
			}
			for _, key := range keys {
				for _, way := range [][2]*rawConn{{d.a, d.b}, {d.b, d.a}} {
					way[0].send([]string{"dump", key.str})
					r, err := way[0].read()
					if err != nil {
						t.Fatal(err)
					}
					way[1].send([]string{"restore", "copy:" + key.str, "0", r.str, "replace"})
					if r, err := way[1].read(); err != nil || r.str != "OK" {
						t.Fatalf("restoring %q: %v %v", key.str, r, err)
					}
				}
			}
			d.compareKeys()
		})
	}
}

// commandLine makes parameters of redis-server of the parameters that a setup sets.
func commandLine(setup [][]string) []string {
	var args []string
	for _, cmd := range setup {
		for i := 2; i+1 < len(cmd); i += 2 {
			args = append(args, "--"+cmd[i], cmd[i+1])
		}
	}
	return args
}

func awaitLoaded(t *testing.T, c *rawConn) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c.send([]string{"ping"})
		r, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		if r.str == "PONG" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("redis-server does not get ready: %v", r)
		}
	}
}
