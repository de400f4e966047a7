package redisserver

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// largeValue is a kind of value that is too large to be saved in one step: how to make
// one at a key, how to change it, and what it holds as text.
type largeValue struct {
	name   string
	fill   func(c *caller, key string)
	change func(r *rand.Rand) []string
	read   func(c *caller, key string) string
}

func largeValues() []largeValue {
	long := strings.Repeat("0123456789", 10_000) // is written apart
	some := func(r *rand.Rand) string {
		if r.IntN(30) == 0 {
			return long[r.IntN(20_000):]
		}
		return strings.Repeat("v", r.IntN(50)) + strconv.Itoa(r.IntN(1000))
	}
	sorted := func(reply string) string {
		words := strings.Fields(strings.Trim(reply, "[]"))
		slices.Sort(words)
		return strings.Join(words, " ")
	}
	n := func(r *rand.Rand) string { return strconv.Itoa(r.IntN(3000)) }
	return []largeValue{
		{"string",
			func(c *caller, key string) { c.do("set", key, strings.Repeat(long, 3)) },
			func(r *rand.Rand) []string {
				switch r.IntN(5) {
				case 0:
					return []string{"append", "big", some(r)}
				case 1:
					return []string{"set", "big", strings.Repeat(long, 3)[r.IntN(100_000):]}
				case 2:
					return []string{"setbit", "big", strconv.Itoa(r.IntN(1_000_000)), "1"}
				}
				return []string{"setrange", "big", strconv.Itoa(r.IntN(200_000)), some(r)}
			},
			func(c *caller, key string) string { return c.do("get", key) }},
		{"hash",
			func(c *caller, key string) {
				for i := range 3000 {
					c.do("hset", key, fmt.Sprint(i), fmt.Sprint("value", i))
				}
				c.do("hset", key, "7", long)
			},
			func(r *rand.Rand) []string {
				switch r.IntN(4) {
				case 0:
					return []string{"hdel", "big", n(r), n(r)}
				case 1:
					return []string{"hset", "big", "7", some(r)}
				}
				return []string{"hset", "big", strconv.Itoa(r.IntN(6000)), some(r)}
			},
			func(c *caller, key string) string {
				fields := strings.Fields(strings.Trim(c.do("hgetall", key), "[]"))
				var pairs []string
				for i := 0; i < len(fields); i += 2 {
					pairs = append(pairs, fields[i]+"="+fields[i+1])
				}
				slices.Sort(pairs)
				return strings.Join(pairs, " ")
			}},
		{"set",
			func(c *caller, key string) {
				for i := range 3000 {
					c.do("sadd", key, fmt.Sprint("m", i))
				}
				c.do("sadd", key, long, long[1:])
			},
			func(r *rand.Rand) []string {
				switch r.IntN(5) {
				case 0, 1:
					return []string{"srem", "big", "m" + n(r), "m" + n(r), long[r.IntN(2):]}
				case 2:
					return []string{"spop", "big"}
				}
				return []string{"sadd", "big", some(r), long[r.IntN(2):]}
			},
			func(c *caller, key string) string { return sorted(c.do("smembers", key)) }},
		{"zset",
			func(c *caller, key string) {
				for i := range 3000 {
					c.do("zadd", key, fmt.Sprint(i%100), fmt.Sprint("m", i))
				}
				c.do("zadd", key, "50", long)
			},
			func(r *rand.Rand) []string {
				switch r.IntN(5) {
				case 0:
					return []string{"zrem", "big", "m" + n(r), "m" + n(r)}
				case 1:
					return []string{"zpopmin", "big", "3"}
				case 2:
					return []string{"zincrby", "big", "1.5", long}
				}
				return []string{"zadd", "big", strconv.Itoa(r.IntN(100)), "m" + n(r)}
			},
			func(c *caller, key string) string { return c.do("zrange", key, "0", "-1", "withscores") }},
		{"list",
			func(c *caller, key string) {
				for i := range 30_000 {
					c.do("rpush", key, fmt.Sprint("element", i))
				}
				c.do("linsert", key, "before", "element15000", long)
			},
			func(r *rand.Rand) []string {
				switch r.IntN(8) {
				case 0:
					return []string{"lrem", "big", "0", "element" + n(r)}
				case 1:
					return []string{"lset", "big", n(r), some(r)}
				case 2:
					return []string{"linsert", "big", "after", "element" + n(r), some(r)}
				case 3:
					return []string{"rpop", "big", "20"}
				case 4:
					return []string{"ltrim", "big", strconv.Itoa(r.IntN(5)), "-2"}
				case 5:
					return []string{"rpush", "big", some(r)}
				}
				return []string{"lpush", "big", some(r)}
			},
			func(c *caller, key string) string { return c.do("lrange", key, "0", "-1") }},
		{"stream",
			func(c *caller, key string) {
				for i := range 10_000 {
					c.do("xadd", key, fmt.Sprint(i+1, "-1"), "f", fmt.Sprint("value", i))
				}
				c.do("xadd", key, "10001-1", "f", long)
				c.do("xgroup", "create", key, "g", "0")
				for _, who := range []string{"alice", "bob"} {
					c.do("xreadgroup", "group", "g", who, "count", "2000", "streams", key, ">")
				}
			},
			func(r *rand.Rand) []string {
				switch r.IntN(8) {
				case 0:
					return []string{"xdel", "big", n(r) + "-1", n(r) + "-1"}
				case 1:
					return []string{"xack", "big", "g", n(r) + "-1", n(r) + "-1"}
				case 2:
					return []string{"xclaim", "big", "g", "carol", "0", n(r) + "-1", n(r) + "-1"}
				case 3:
					return []string{"xreadgroup", "group", "g", "bob", "count", "10", "streams", "big", ">"}
				case 4:
					return []string{"xreadgroup", "group", "g", "alice", "count", "10", "streams", "big", "0"}
				case 5:
					return []string{"xtrim", "big", "minid", strconv.Itoa(r.IntN(500))}
				case 6:
					return []string{"xgroup", "delconsumer", "big", "g", "carol"}
				}
				return []string{"xadd", "big", "*", "f", some(r)}
			},
			func(c *caller, key string) string {
				return c.do("xrange", key, "-", "+") + c.do("xinfo", "stream", key, "full", "count", "0")
			}},
	}
}

// TestLargeValueIsSavedInSteps saves a large value of each kind in very short steps,
// between which it is changed, replaced, renamed or deleted, and compares what was saved
// with a copy from the moment at which the save began.
func TestLargeValueIsSavedInSteps(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("PICTURE_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("seed %d (PICTURE_SEED)", seed)
	for _, v := range largeValues() {
		t.Run(v.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			e := open(t, t.TempDir(), "--save", "", "--set-max-intset-entries", "0")
			c := dial(t, e)
			for round := range 6 {
				c.do("flushall")
				v.fill(c, "big")
				c.want("1", "copy", "big", "copy")
				want := v.read(c, "copy")
				if got := v.read(c, "big"); got != want {
					t.Fatal("COPY made something else")
				}
				c.do("set", "small", "1")
				used := e.arena.used

				var file bytes.Buffer
				e.mu.Lock()
				s := e.startSave(false)
				e.mu.Unlock()
				s.begin(&file)
				s.budget = 1
				steps := 0
				for done := false; !done; steps++ {
					e.mu.Lock()
					var out output
					out, done = s.step(0)
					e.mu.Unlock()
					for range r.IntN(3) {
						c.do(v.change(r)...)
						c.do("incr", "small")
					}
					switch {
					case r.IntN(40) > 0 || round < 2:
					case round == 2:
						c.do("del", "big")
					case round == 3:
						c.do("rename", "big", "other")
					case round == 4:
						c.do("set", "big", "x")
					case round == 5:
						c.do("swapdb", "0", "1")
						c.do("swapdb", "0", "1")
					}
					s.write(out)
				}
				if err := s.end(); err != nil {
					t.Fatal(err)
				}
				if steps < 3 {
					t.Errorf("the save took %d steps only", steps)
				}
				dir := t.TempDir()
				if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), file.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
				l := dial(t, open(t, dir, "--save", "", "--set-max-intset-entries", "0"))
				if got := v.read(l, "big"); got != want {
					t.Errorf("round %d: the value saved is not the one at the beginning (%d bytes, %d)", round, len(got), len(want))
				}
				if got := v.read(l, "copy"); got != want {
					t.Errorf("round %d: a value that nobody changed was saved wrongly", round)
				}
				l.want("1", "get", "small")
				l.want("3", "dbsize")

				// Nothing that the save held stays behind.
				c.do("flushall")
				waitFor(t, func() bool {
					e.mu.Lock()
					defer e.mu.Unlock()
					return len(e.leftovers) == 0 && len(e.orphans) == 0
				})
				if round > 0 && e.arena.used > used {
					t.Errorf("round %d: %d bytes in use after FLUSHALL", round, e.arena.used)
				}
			}
			if e.arena.used > 10_000 {
				t.Errorf("%d bytes in use with no keys", e.arena.used)
			}
		})
	}
}

// TestSaveGivenUp lets a save fail in the middle of a large value.
func TestSaveGivenUp(t *testing.T) {
	for _, v := range largeValues() {
		t.Run(v.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			e := open(t, t.TempDir(), "--save", "")
			c := dial(t, e)
			v.fill(c, "big")
			for range 20 {
				e.mu.Lock()
				s := e.startSave(false)
				s.budget = 1
				e.mu.Unlock()
				s.begin(io.Discard)
				for range r.IntN(20) {
					e.mu.Lock()
					out, done := s.step(0)
					e.mu.Unlock()
					if done {
						break
					}
					s.write(out)
					c.do(v.change(r)...)
				}
				if !s.over {
					s.runWithout(io.ErrShortWrite)
				}
			}
			before := v.read(c, "big")
			c.want("OK", "save")
			c.do("flushall")
			waitFor(t, func() bool {
				e.mu.Lock()
				defer e.mu.Unlock()
				return len(e.leftovers) == 0 && len(e.orphans) == 0
			})
			if e.arena.used > 10_000 {
				t.Errorf("%d bytes in use with no keys", e.arena.used)
			}
			dir := t.TempDir()
			file, err := os.ReadFile(filepath.Join(e.cfg.dir, "dump.rdb"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), file, 0o600); err != nil {
				t.Fatal(err)
			}
			if after := v.read(dial(t, open(t, dir, "--save", "")), "big"); after != before {
				t.Error("the next save wrote something else")
			}
		})
	}
}
