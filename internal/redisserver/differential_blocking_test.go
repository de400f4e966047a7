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

// crowd is several connections to one server. Every reply goes to the connection's
// list when it comes. A connection that waits gets no further commands, so that
// nothing is on its way to one that the server calls blocked.
type crowd struct {
	t       *testing.T
	control *rawConn
	conns   []*rawConn
	replies []chan reply
	owed    []int
	ids     []string
}

func newCrowd(t *testing.T, addr string, n int, resp string) *crowd {
	w := &crowd{t: t, control: dialRaw(t, addr), owed: make([]int, n)}
	for range n {
		c := dialRaw(t, addr)
		ch := make(chan reply, 1000)
		c.send([]string{"hello", resp})
		if _, err := c.read(); err != nil {
			t.Fatal(err)
		}
		c.send([]string{"client", "id"})
		id, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		w.ids = append(w.ids, id.str)
		go func() {
			defer close(ch)
			for {
				r, err := c.read()
				if err != nil {
					return
				}
				ch <- r
			}
		}()
		w.conns = append(w.conns, c)
		w.replies = append(w.replies, ch)
	}
	return w
}

// settled says whether the server holds every connection that owes a reply as
// blocked.
func (w *crowd) settled() bool {
	w.control.send([]string{"client", "list"})
	r, err := w.control.read()
	if err != nil {
		w.t.Fatal(err)
	}
	for i, n := range w.owed {
		if n == 0 {
			continue
		}
		_, line, _ := strings.Cut("\n"+r.str, "\nid="+w.ids[i]+" ")
		line, _, _ = strings.Cut(line, "\n")
		_, flags, _ := strings.Cut(line, " flags=")
		if flags, _, _ = strings.Cut(flags, " "); !strings.Contains(flags, "b") {
			return false
		}
	}
	return true
}

// step sends commands on one connection and returns what came, on every connection,
// once everybody either has an answer or waits.
func (w *crowd) step(k int, cmds ...[]string) []string {
	w.conns[k].send(cmds...)
	w.owed[k] += len(cmds)
	var got []string
	deadline := time.Now().Add(10 * time.Second)
	for {
		for i := range w.replies {
			for more := true; more; {
				select {
				case r, ok := <-w.replies[i]:
					if !ok {
						w.t.Fatalf("connection %d broke", i)
					}
					got = append(got, strconv.Itoa(i)+": "+r.String())
					w.owed[i]--
				default:
					more = false
				}
			}
		}
		if w.settled() {
			slices.Sort(got)
			return got
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("replies owed per connection: %v, but not all of those are blocked", w.owed)
		}
	}
}

// TestDifferentialBlocking has several clients wait for keys while others write, on
// both servers, and compares who gets what after every step.
func TestDifferentialBlocking(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	steps := 3000
	if s := os.Getenv("DIFF_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	real, ours := startRedis(t), startEngine(t)
	for _, f := range []struct {
		name string
		make func(g gen, prefix string, mayWait bool) [][]string
	}{{"list", genBlockingList}, {"zset", genBlockingZset}} {
		for _, resp := range []string{"2", "3"} {
			t.Run(f.name+"/resp"+resp, func(t *testing.T) {
				t.Logf("seed %d (DIFF_SEED)", seed)
				const clients = 6
				a, b := newCrowd(t, real, clients, resp), newCrowd(t, ours, clients, resp)
				g := gen{rand.New(rand.NewPCG(seed, 2))}
				for i := range steps {
					// A client that waits takes no commands; the last one never waits.
					k := g.IntN(clients)
					if a.owed[k] > 0 || g.chance(2) {
						k = clients - 1
					}
					cmds := f.make(g, f.name+resp+":", k < clients-1)
					x, y := a.step(k, cmds...), b.step(k, cmds...)
					if !slices.Equal(x, y) {
						t.Fatalf("step %d, client %d: %q\n redis  %q\n engine %q", i, k, cmds, x, y)
					}
				}
				x, y := a.step(clients-1, []string{"flushall"}), b.step(clients-1, []string{"flushall"})
				if !slices.Equal(x, y) {
					t.Fatalf("flushall: redis %q, engine %q", x, y)
				}
			})
		}
	}
}

func genBlockingZset(g gen, prefix string, mayWait bool) [][]string {
	key := func() string { return prefix + g.any("a", "b", "c", "d") }
	if mayWait {
		if g.chance(2) {
			return [][]string{{g.any("bzpopmin", "bzpopmax"), key(), key(), "0"}}
		}
		return [][]string{{"bzmpop", "0", "2", key(), key(), g.any("min", "max"), "count", strconv.Itoa(1 + g.IntN(3))}}
	}
	add := func() []string {
		cmd := []string{"zadd", key()}
		for range 1 + g.IntN(3) {
			cmd = append(cmd, g.any("1", "2", "3.5"), g.any("m", "n", "o", "p"))
		}
		return cmd
	}
	switch g.IntN(12) {
	case 0, 1, 2, 3:
		return [][]string{add()}
	case 4:
		return [][]string{{"multi"}, add(), add(), {"bzpopmin", key(), "0"}, {"zrem", key(), "m", "n"}, {"exec"}}
	case 5:
		return [][]string{{"multi"}, add(), {"del", key(), key(), key()}, add(), {"exec"}}
	case 6:
		return [][]string{{g.any("zunionstore", "zinterstore"), key(), "2", key(), key()}}
	case 7:
		return [][]string{{"set", key(), "x"}, {"zrangestore", key(), key(), "0", "-1"}}
	case 8:
		return [][]string{{"del", key()}, {"zincrby", key(), "1", "q"}}
	case 9:
		return [][]string{{"rename", key(), key()}}
	case 10:
		return [][]string{{"geoadd", key(), "13.36", "38.1", "m"}, {"geosearchstore", key(), key(), "fromlonlat", "13", "38", "byradius", "100", "km"}}
	default:
		return [][]string{{g.any("zpopmin", "zpopmax"), key()}, {"copy", key(), key()}, {"zrange", key(), "0", "-1", "withscores"}}
	}
}
