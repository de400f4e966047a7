//go:build e2e

package store_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"landings/internal/dataset"
	"landings/internal/redistest"
	"landings/internal/store"
)

// While Redis refuses writes, a node is not ready, whether anybody writes or not, and says so once; what it answers is as
// new as ever.
func TestRefusedWritesKeepANodeUnready(t *testing.T) {
	for _, c := range []struct{ setting, bad, good, want string }{
		{"maxmemory", "1", "0", "raise maxmemory"},
		{"min-replicas-to-write", "1", "0", "bring the replicas back"},
	} {
		t.Run(c.setting, func(t *testing.T) {
			if c.setting != "maxmemory" {
				redisOnly(t, "the embedded engine has no replicas")
			}
			r := redistest.Start(t, "--save", "")
			var said lines
			n := start(t, r.URL(), logTo(&said), func(o *store.Options) { o.Look, o.WriteTimeout = 100*time.Millisecond, 300*time.Millisecond })
			state := put(t, n, "a")
			other := start(t, r.URL(), func(o *store.Options) { o.Node = "other" })
			r.Do("CONFIG", "SET", c.setting, c.bad)
			until(t, "the node is not ready", func() bool { return n.Ready(t.Context()) != nil && other.Ready(t.Context()) != nil })
			if err := n.Ready(t.Context()); !strings.Contains(fmt.Sprintf("%+v", err), c.want) {
				t.Errorf("it is not ready for %v", err)
			}
			late := start(t, r.URL(), func(o *store.Options) { o.Node = "late" })
			until(t, "a node that starts now reads", func() bool { return late.copyOf("things").State().Version == state.Version })
			looks := r.Do("INFO", "commandstats")
			for i := range 3 {
				_, err := n.put(t.Context(), "things", fmt.Sprint("b", i), `{}`)
				if dataset.CodeOf(err) != dataset.Unavailable || !strings.Contains(err.Error(), c.want) {
					t.Errorf("a write: %v", err)
				}
				_ = n.Reach(t.Context(), "things", state.Version+1) // makes it look
				for range 5 {
					if n.Ready(t.Context()) == nil {
						t.Error("it is ready for a moment")
					}
				}
			}
			until(t, "it looked again", func() bool { return r.Do("INFO", "commandstats") != looks })
			if n.Ready(t.Context()) == nil || n.Age() != 0 {
				t.Errorf("ready: %v, age %v", n.Ready(t.Context()), n.Age())
			}
			r.Do("CONFIG", "SET", c.setting, c.good)
			until(t, "the node is ready", func() bool { return n.Ready(t.Context()) == nil })
			put(t, n, "c")
			for _, message := range []string{"Redis is not well", "Redis is well again", "cannot commit", "can commit again"} {
				if found := said.with(t, message); len(found) != 1 {
					t.Errorf("%s: %v", message, found)
				}
			}
		})
	}
}

// A dataset that was mended is served again also while Redis refuses writes.
func TestMendedWhileWritesAreRefused(t *testing.T) {
	redisOnly(t, "the embedded engine has no replicas")
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	put(t, n, "a")
	r.Do("SET", "landings:{bad}:meta", "hello")
	r.Do("SADD", "landings:datasets", "bad")
	until(t, "it is damaged", func() bool { return len(n.Damaged()) == 1 })
	r.Do("CONFIG", "SET", "min-replicas-to-write", "1")
	until(t, "the node is not ready", func() bool { return n.Ready(t.Context()) != nil })
	r.Do("CONFIG", "SET", "min-replicas-to-write", "0")
	r.Do("DEL", "landings:{bad}:meta")
	r.Do("CONFIG", "SET", "min-replicas-to-write", "1")
	until(t, "it is not damaged any more", func() bool { return len(n.Damaged()) == 0 && n.Missing("bad") == nil })
}

// A write that is too large for the memory that is left keeps small ones from being written for a moment only.
func TestNearlyFull(t *testing.T) {
	redisOnly(t, "how much memory is used is known of Redis")
	r := redistest.Start(t, "--save", "")
	var said lines
	n := start(t, r.URL(), logTo(&said))
	put(t, n, "a")
	r.Do("CONFIG", "SET", "maxmemory", strconv.Itoa(memoryOf(t, r)+3<<20))
	for range 5 {
		_, err := n.put(t.Context(), "things", "large", `{"x":"`+strings.Repeat("x", 4<<20)+`"}`)
		if err == nil || !strings.Contains(err.Error(), "raise maxmemory") {
			t.Fatalf("got %v", err)
		}
		// Redis keeps what it read of it for a moment.
		until(t, "small ones are written again", func() bool {
			_, err := n.put(t.Context(), "things", "small", `{}`)
			return err == nil
		})
		until(t, "the node is ready", func() bool { return n.Ready(t.Context()) == nil })
	}
	// A look may find it full while it still keeps a large one. That a write was refused is logged once in a while.
	if found := said.with(t, "cannot commit"); len(found) != 1 {
		t.Errorf("said %v", found)
	}
}

// In a recovery nobody's time is over while Redis takes no announcements: the node with the latest history could not
// say so. A node that is behind is there all the time, the other one comes when Redis takes writes again.
func TestUnheardNodesAreWaitedFor(t *testing.T) {
	redisOnly(t, "the embedded engine has no replicas")
	for _, when := range []string{"from the start", "in between"} {
		t.Run(when, func(t *testing.T) {
			window := func(o *store.Options) { o.Window = time.Second }
			r := redistest.Start(t, "--save", "")
			p, q := newProxy(t, r.Addr(), seeded(t)), newProxy(t, r.Addr(), seeded(t))
			behind, ahead := start(t, "redis://"+p.addr, window), start(t, "redis://"+q.addr, named("ahead"), window)
			put(t, ahead, numbered("both", 10)...)
			until(t, "both have it, and know each other", func() bool {
				return behind.copyOf("things").State().Version == ahead.copyOf("things").State().Version && behind.Peers() == 1 && ahead.Peers() == 1
			})
			p.shut.Store(true)
			until(t, "one is cut off", func() bool { return behind.Ready(t.Context()) != nil })
			put(t, ahead, numbered("one", 10)...)
			q.shut.Store(true)
			r.Kill()
			r.Up()
			if when == "from the start" {
				r.Do("CONFIG", "SET", "min-replicas-to-write", "1")
				p.shut.Store(false)
				until(t, "it knows", func() bool { return strings.Contains(fmt.Sprint(behind.Ready(t.Context())), "too few replicas") })
			} else {
				p.shut.Store(false)
				until(t, "it announces", func() bool { return strings.Contains(r.Do("KEYS", "*"), ":recover:") })
				r.Do("CONFIG", "SET", "min-replicas-to-write", "1")
			}
			over := time.Now().Add(1200 * time.Millisecond)
			until(t, "the window would be over", func() bool { return time.Now().After(over) })
			r.Do("CONFIG", "SET", "min-replicas-to-write", "0")
			// Half of a window from now on nobody may be elected.
			for over = time.Now().Add(500 * time.Millisecond); time.Now().Before(over); {
				if len(metaOf(r)) > 0 {
					t.Fatal("the node that is behind has recovered")
				}
			}
			q.shut.Store(false)
			dropped := func() uint64 { return behind.Counts().Dropped + ahead.Counts().Dropped }
			until(t, "all is back", func() bool { return metaOf(r)["count"] == "20" || dropped() > 0 })
			if dropped() > 0 {
				t.Fatalf("%d commits are dropped", dropped())
			}
			settled(t, r, ahead)
			inRedis(t, r, "things")
		})
	}
}

// Who recovers may need longer than an announcement is believed, and Redis may take none meanwhile: nobody else takes the term.
func TestSlowRecoveryIsLeftToFinish(t *testing.T) {
	for _, refused := range []bool{false, true} {
		t.Run(fmt.Sprintf("refused=%t", refused), func(t *testing.T) {
			if refused {
				redisOnly(t, "the embedded engine has no replicas")
			}
			options := func(o *store.Options) { o.Window, o.WriteTimeout = time.Second, 20*time.Second }
			r := redistest.Start(t, "--save", "")
			p, g := newProxy(t, r.Addr(), seeded(t)), newGate(t, r.Addr())
			behind, ahead := start(t, "redis://"+p.addr, options), start(t, "redis://"+g.addr, named("ahead"), options)
			put(t, ahead, numbered("both", 10)...)
			until(t, "both have it, and know each other", func() bool {
				return behind.copyOf("things").State().Version == ahead.copyOf("things").State().Version && behind.Peers() == 1 && ahead.Peers() == 1
			})
			r.Do("SAVE")
			p.shut.Store(true)
			until(t, "one is cut off", func() bool { return behind.Ready(t.Context()) != nil })
			put(t, ahead, numbered("one", 10)...)
			h := g.hold(t, transactionWith("one9"))
			r.Kill()
			r.Up()
			p.shut.Store(false)
			within(t, "the recovery is held back", h.held)
			nobody := func(d time.Duration) {
				for over := time.Now().Add(d); time.Now().Before(over); {
					if metaOf(r)["term"] != "1" {
						t.Fatal("the node that is behind has recovered")
					}
				}
			}
			if refused {
				r.Do("CONFIG", "SET", "min-replicas-to-write", "1")
			}
			nobody(2 * time.Second)
			if refused {
				r.Do("CONFIG", "SET", "min-replicas-to-write", "0")
				nobody(500 * time.Millisecond)
			}
			h.pass()
			dropped := func() uint64 { return behind.Counts().Dropped + ahead.Counts().Dropped }
			until(t, "all is back", func() bool { return metaOf(r)["count"] == "20" && metaOf(r)["term"] == "2" || dropped() > 0 })
			if dropped() > 0 {
				t.Fatalf("%d commits are dropped", dropped())
			}
			settled(t, r, ahead)
			inRedis(t, r, "things")
		})
	}
}

// A dataset does not fit into the memory that Redis has after its restart. However often somebody writes, it is written
// again a few times a second at most, and once more when there is room.
func TestRefusedRecoveriesAreApart(t *testing.T) {
	redisOnly(t, "how much memory is used is known of Redis")
	r := redistest.Start(t, "--save", "")
	p := newProxy(t, r.Addr(), seeded(t))
	n := start(t, "redis://"+p.addr)
	if _, err := n.Replace(t.Context(), "things", load(3000, strings.Repeat("x", 2000)), nil); err != nil {
		t.Fatal(err)
	}
	p.shut.Store(true)
	r.Kill()
	r.Up()
	r.Do("CONFIG", "SET", "maxmemory", strconv.Itoa(memoryOf(t, r)+3<<20))
	p.shut.Store(false)
	until(t, "it is tried", func() bool { return r.Do("HGET", "landings:{things}:gens", "last") != "" })
	tried := func() int {
		last, err := strconv.Atoi(r.Do("HGET", "landings:{things}:gens", "last"))
		if err != nil {
			t.Fatal(err)
		}
		return last
	}
	before := tried()
	for over := time.Now().Add(time.Second); time.Now().Before(over); {
		if _, err := n.put(t.Context(), "things", "a", `{}`); dataset.CodeOf(err) != dataset.Unavailable {
			t.Fatalf("a write: %v", err)
		}
	}
	if more := tried() - before; more < 1 || more > 8 {
		t.Errorf("tried %d times in a second", more)
	}
	r.Do("CONFIG", "SET", "maxmemory", "0")
	until(t, "it is back", func() bool { return metaOf(r)["count"] == "3000" })
	put(t, n, "a")
	inRedis(t, r, "things")
}

// memoryOf gives how much memory Redis uses, in bytes.
func memoryOf(t *testing.T, r *redistest.Server) int {
	t.Helper()
	used, err := strconv.Atoi(info(r, "used_memory"))
	if err != nil {
		t.Fatal(err)
	}
	return used
}
