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

// blockers is several clients of one server, of which some wait in a blocking
// command.
type blockers struct {
	t       *testing.T
	control *rawConn
	conns   []*rawConn
	ids     []string
	replies []chan reply
	waiting []bool
}

func newBlockers(t *testing.T, addr string, n int) *blockers {
	b := &blockers{t: t, control: dialRaw(t, addr), waiting: make([]bool, n)}
	for range n {
		c := dialRaw(t, addr)
		c.send([]string{"client", "id"})
		id, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		ch := make(chan reply, 100)
		go func() {
			for {
				r, err := c.read()
				if err != nil {
					close(ch)
					return
				}
				ch <- r
			}
		}()
		b.conns, b.ids, b.replies = append(b.conns, c), append(b.ids, id.str), append(b.replies, ch)
	}
	b.ask("flushall")
	return b
}

func (b *blockers) ask(cmd ...string) reply {
	b.control.send(cmd)
	r, err := b.control.read()
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *blockers) blocked(i int) bool {
	_, flags, _ := strings.Cut(b.ask("client", "list", "id", b.ids[i]).str, " flags=")
	flags, _, _ = strings.Cut(flags, " ")
	return strings.Contains(flags, "b")
}

// step sends a command as client i and returns all replies that come of it, those
// of clients that are served as well.
func (b *blockers) step(i int, cmd []string) []string {
	b.conns[i].send(cmd)
	var out []string
	note := func(k int, r reply) { out = append(out, strconv.Itoa(k)+": "+r.String()) }
	for deadline := time.Now().Add(10 * time.Second); ; {
		select {
		case r := <-b.replies[i]:
			note(i, r)
		case <-time.After(200 * time.Microsecond):
			if b.blocked(i) {
				b.waiting[i] = true
				break
			}
			if time.Now().After(deadline) {
				b.t.Fatalf("no reply to %q", cmd)
			}
			continue
		}
		break
	}
	for k := range b.waiting {
		if b.waiting[k] && !b.blocked(k) {
			b.waiting[k] = false
			note(k, <-b.replies[k])
		}
	}
	slices.Sort(out)
	return out
}

// TestBlockingDifferential lets several clients wait for lists and others serve
// them, on this engine and on a real Redis, and compares who gets what.
func TestBlockingDifferential(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("DIFF_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("seed %d (DIFF_SEED)", seed)
	const clients = 8
	a, b := newBlockers(t, startRedis(t), clients), newBlockers(t, startEngine(t), clients)
	g := gen{rand.New(rand.NewPCG(seed, 2))}
	inMulti := map[int]bool{}
	for n := range 3000 {
		i := g.IntN(clients)
		if a.waiting[i] {
			continue
		}
		busy := 0
		for _, w := range a.waiting {
			if w {
				busy++
			}
		}
		k, k2 := "q"+strconv.Itoa(g.IntN(3)), "q"+strconv.Itoa(g.IntN(3))
		end := func() string { return g.any("left", "right") }
		var cmd []string
		switch kind := g.IntN(14); {
		case inMulti[i] && g.chance(4):
			cmd, inMulti[i] = []string{"exec"}, false
		case kind < 5 && (busy < clients-2 || inMulti[i]):
			cmd = [][]string{{"blpop", k, k2, "0"}, {"brpop", k, "0"}, {"blmove", k, k2, end(), end(), "0"}, {"brpoplpush", k, k2, "0"},
				{"blmpop", "0", "2", k, k2, end(), "count", g.any("1", "2", "3")}}[kind]
		case kind == 5 && !inMulti[i]:
			cmd, inMulti[i] = []string{"multi"}, true
		case kind == 6:
			cmd = []string{"set", k, "a string"}
		case kind == 7:
			cmd = []string{"del", k, k2}
		case kind == 8:
			cmd = []string{"rename", k, k2}
		case kind == 9:
			cmd = []string{"sort", k, "by", "nosort", "store", k2}
		default:
			cmd = []string{g.any("lpush", "rpush"), k}
			for range 1 + g.IntN(3) {
				cmd = append(cmd, strconv.Itoa(n)+g.any("a", "b"))
			}
		}
		x, y := a.step(i, cmd), b.step(i, cmd)
		if !slices.Equal(x, y) || !slices.Equal(a.waiting, b.waiting) {
			t.Fatalf("step %d, client %d: %q\n redis  %q\n engine %q\n redis waiting  %v\n engine waiting %v", n, i, cmd, x, y, a.waiting, b.waiting)
		}
	}
}
