package redisserver

import (
	"fmt"
	"strings"
	"testing"
)

// TestUnlinkedInSteps drops large values in the ways that may take their time, also
// while they are saved: they are gone at once, and their memory in the end.
func TestUnlinkedInSteps(t *testing.T) {
	const members = 8000
	e := open(t, t.TempDir(), "--save", "", "--lazyfree-lazy-server-del", "yes", "--hz", "100")
	c := dial(t, e)
	used := func() int64 {
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.arena.used
	}
	pending := func() bool { return !strings.Contains(c.do("info", "memory"), "lazyfree_pending_objects:0\r\n") }
	empty := used()
	freed := 0
	for _, kind := range [][]string{{"sadd"}, {"hset", "v"}, {"zadd"}, {"xadd"}} {
		for _, drop := range [][]string{{"unlink", "k"}, {"flushall", "async"}, {"set", "k", "x"}, {"rename", "other", "k"}} {
			for _, saved := range []bool{false, true} {
				if saved && drop[0] != "unlink" {
					continue
				}
				for i := 0; i < members; i += 100 {
					cmd := []string{kind[0], "k"}
					for j := range 100 {
						m := fmt.Sprint("member", i+j)
						switch kind[0] {
						case "hset":
							cmd = append(cmd, m, "v")
						case "zadd":
							cmd = append(cmd, fmt.Sprint(j), m)
						case "xadd":
							c.send("xadd", "k", "*", m, "v")
						default:
							cmd = append(cmd, m)
						}
					}
					if kind[0] == "xadd" {
						for range 100 {
							c.read()
						}
						continue
					}
					c.do(cmd...)
				}
				c.want("OK", "set", "other", "y")
				if used() < empty+100*members/50 {
					t.Fatalf("%s: the value takes no memory", kind[0])
				}
				if saved {
					c.do("bgsave")
				}
				c.do(drop...)
				freed++
				if got := c.do("scard", "k"); drop[0] != "set" && drop[0] != "rename" && got != "0" {
					t.Errorf("%s after %s: %s", kind[0], drop[0], got)
				}
				waitFor(t, func() bool {
					return !pending() && strings.Contains(c.do("info", "persistence"), "rdb_bgsave_in_progress:0")
				})
				if want := fmt.Sprintf("lazyfreed_objects:%d\r\n", freed); !strings.Contains(c.do("info", "memory"), want) {
					_, got, _ := strings.Cut(c.do("info", "memory"), "lazyfreed_objects:")
					t.Errorf("%s, %s, saved %v: want %s, got %.5s", kind[0], drop[0], saved, want, got)
				}
				c.do("flushall")
				waitFor(t, func() bool { return used() <= empty }) // pictures take their time too
			}
		}
	}
}
