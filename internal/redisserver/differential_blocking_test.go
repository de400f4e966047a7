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
// list when it comes; a connection is blocked while it owes one.
type crowd struct {
	t       *testing.T
	control *rawConn
	conns   []*rawConn
	replies []chan reply
	owed    []int
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

// blocked asks the server how many clients wait.
func (w *crowd) blocked() int {
	w.control.send([]string{"info", "clients"})
	r, err := w.control.read()
	if err != nil {
		w.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(r.str, "blocked_clients:")
	n, err := strconv.Atoi(strings.TrimSpace(strings.SplitN(rest, "\r\n", 2)[0]))
	if err != nil {
		w.t.Fatalf("INFO clients: %q", r.str)
	}
	return n
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
		waiting := 0
		for _, n := range w.owed {
			if n > 0 {
				waiting++
			}
		}
		if w.blocked() == waiting {
			slices.Sort(got)
			return got
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%d clients wait for a reply, the server says %d are blocked", waiting, w.blocked())
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
	for _, resp := range []string{"2", "3"} {
		t.Run("zset/resp"+resp, func(t *testing.T) {
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
				cmds := genBlockingZset(g, k < clients-1)
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

func genBlockingZset(g gen, mayWait bool) [][]string {
	key := func() string { return g.any("a", "b", "c", "d") }
	if mayWait {
		switch g.IntN(3) {
		case 0:
			return [][]string{{g.any("bzpopmin", "bzpopmax"), key(), key(), "0"}}
		case 1:
			return [][]string{{"bzmpop", "0", "2", key(), key(), g.any("min", "max"), "count", strconv.Itoa(1 + g.IntN(3))}}
		default: // what follows waits too
			return [][]string{{"bzpopmin", key(), "0"}, {"zcard", key()}, {"bzpopmax", key(), "0"}}
		}
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
		return [][]string{{"multi"}, add(), {"del", "a", "b", "c", "d"}, add(), {"exec"}}
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
