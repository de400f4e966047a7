//go:build e2e

package redisserver

import (
	"math/rand/v2"
	"os"
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
