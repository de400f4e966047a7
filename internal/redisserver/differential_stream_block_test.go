//go:build e2e

package redisserver

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// waiter is a client that may block, on both servers.
type waiter struct {
	conn    [2]*rawConn // the real one, ours
	id      [2]string
	waiting []string // the command it is blocked in
	multi   bool
}

// TestDifferentialStreamBlocking lets several clients wait for streams and groups
// while others write, trim, delete, rename and destroy them. One command is
// executed at a time: after each the test looks which clients are still blocked,
// and compares the replies of those that are not.
func TestDifferentialStreamBlocking(t *testing.T) {
	n := 3000
	if s := os.Getenv("DIFF_COMMANDS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("DIFF_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("seed %d (DIFF_SEED), %d commands (DIFF_COMMANDS)", seed, n)
	addr := [2]string{startRedis(t), startEngine(t)}
	g := gen{rand.New(rand.NewPCG(seed, 2))}

	var ctl [2]*rawConn
	for s := range addr {
		ctl[s] = dialRaw(t, addr[s])
	}
	clients := make([]*waiter, 7) // the last two only write
	for i := range clients {
		clients[i] = &waiter{}
		for s := range addr {
			c := dialRaw(t, addr[s])
			resp := strconv.Itoa(2 + i%2)
			c.send([]string{"hello", resp}, []string{"client", "id"})
			_, _ = c.read()
			r, err := c.read()
			if err != nil {
				t.Fatal(err)
			}
			clients[i].conn[s], clients[i].id[s] = c, r.str
		}
	}
	// blocked says whether a client waits on server s.
	blocked := func(s int, w *waiter) bool {
		ctl[s].send([]string{"client", "list", "id", w.id[s]})
		r, err := ctl[s].read()
		if err != nil {
			t.Fatal(err)
		}
		_, flags, _ := strings.Cut(r.str, "flags=")
		flags, _, _ = strings.Cut(flags, " ")
		return strings.Contains(flags, "b")
	}
	compare := func(w *waiter, cmd []string) {
		x, errX := w.conn[0].read()
		y, errY := w.conn[1].read()
		if errX != nil || errY != nil {
			t.Fatalf("%s: redis: %v, engine: %v", quoted(cmd), errX, errY)
		}
		if fx, fy := forms(cmd, x, y); fx != fy {
			t.Fatalf("%s\n redis  %s\n engine %s", quoted(cmd), cut(fx), cut(fy))
		}
	}
	var written [][]string
	t.Cleanup(func() {
		if t.Failed() {
			for _, cmd := range written[max(0, len(written)-15):] {
				t.Log(quoted(cmd))
			}
		}
	})
	last := 0
	woken := 0
	for range n {
		w := clients[g.IntN(len(clients))]
		var cmd []string
		switch writer := w == clients[5] || w == clients[6]; {
		case w.waiting != nil:
			if !g.chance(10) {
				continue
			}
			for s := range addr { // a timeout, as far as a test may have one
				ctl[s].send([]string{"client", "unblock", w.id[s], "timeout"})
				_, _ = ctl[s].read()
			}
			compare(w, w.waiting)
			w.waiting = nil
			continue
		case !writer:
			cmd = genBlockedRead(g, last)
		default:
			last++
			cmd = genUnblocking(g, last)
			written = append(written, cmd)
		}
		switch cmd[0] {
		case "multi":
			w.multi = true
		case "exec":
			w.multi = false
		case "swapdb", "flushall", "flushdb":
			// With an empty database, and alone: which of several keys they make ready
			// first is not defined.
			if w.multi {
				continue
			}
			for s := range addr {
				ctl[s].send([]string{"select", "1"}, []string{"flushdb"}, []string{"select", "0"})
				for range 3 {
					_, _ = ctl[s].read()
				}
			}
		}
		for s := range addr {
			w.conn[s].send(cmd)
		}
		// Either it is answered or it waits: both are seen in the list of clients,
		// once the command has been executed.
		if w != clients[5] && w != clients[6] {
			deadline := time.Now().Add(10 * time.Second)
			for s := range addr {
				for !blocked(s, w) && !w.conn[s].ready() {
					if time.Now().After(deadline) {
						t.Fatalf("%s on server %d neither waits nor is answered", quoted(cmd), s)
					}
				}
			}
			if blocked(0, w) != blocked(1, w) {
				t.Fatalf("%s: redis blocks: %v, engine: %v", quoted(cmd), blocked(0, w), blocked(1, w))
			}
			if blocked(0, w) {
				w.waiting = cmd
				continue
			}
		}
		compare(w, cmd)
		for _, o := range clients {
			if o.waiting == nil {
				continue
			}
			if a, b := blocked(0, o), blocked(1, o); a != b {
				t.Fatalf("%s after %s: redis blocks: %v, engine: %v", quoted(o.waiting), quoted(cmd), a, b)
			} else if !a {
				compare(o, o.waiting)
				o.waiting = nil
				woken++
			}
		}
	}
	t.Logf("%d clients were woken", woken)
	d := &differ{t: t, a: ctl[0], b: ctl[1]}
	d.compareKeys()
	for _, k := range []string{"s0", "s1", "s2", "s3"} {
		d.compare([][]string{{"xinfo", "stream", k, "full", "count", "0"}})
	}
}

// ready says whether something can be read within a millisecond.
func (c *rawConn) ready() bool {
	_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := c.r.Peek(1)
	return err == nil
}

func genBlockedRead(g gen, last int) []string {
	key := func() string { return "s" + strconv.Itoa(g.IntN(4)) }
	cmd := []string{"xread"}
	id := func() string { return g.any("$", "$", "0", strconv.Itoa(last+g.IntN(5))) }
	if g.chance(2) {
		cmd = []string{"xreadgroup", "group", g.any("g1", "g2"), g.any("alice", "bob")}
		if g.chance(4) {
			cmd = append(cmd, "noack")
		}
		id = func() string { return g.any(">", ">", ">", ">", "0") }
	}
	if g.chance(2) {
		cmd = append(cmd, "count", g.any("1", "2"))
	}
	cmd = append(cmd, "block", "0", "streams")
	switch g.IntN(3) {
	case 0:
		return append(cmd, key(), key(), key(), id(), id(), id())
	case 1:
		return append(cmd, key(), key(), id(), id())
	}
	return append(cmd, key(), id())
}

func genUnblocking(g gen, last int) []string {
	key := func() string { return "s" + strconv.Itoa(g.IntN(4)) }
	switch g.IntN(24) {
	case 0:
		return []string{"del", key()}
	case 1:
		return []string{"set", key(), "x"}
	case 2:
		return []string{"rename", key(), key()}
	case 3, 4:
		return []string{"xgroup", "destroy", key(), g.any("g1", "g2")}
	case 5, 6, 7, 8, 9:
		return []string{"xgroup", "create", key(), g.any("g1", "g2"), g.any("$", "0"), "mkstream"}
	case 10:
		return []string{"xtrim", key(), "maxlen", "2"}
	case 11:
		return []string{"xdel", key(), strconv.Itoa(last - 1)}
	case 12, 13:
		return []string{"multi"}
	case 14, 15, 16, 17:
		return []string{"exec"}
	case 18:
		return []string{g.any("xsetid", "xsetid", "sadd", "unlink", "expire", "flushdb", "copy"), key(), g.any(strconv.Itoa(last), "-1")}
	case 19:
		return []string{"xgroup", "setid", key(), g.any("g1", "g2"), g.any("0", "$")}
	case 20:
		if g.chance(2) {
			return []string{"flushall"}
		}
		return []string{"swapdb", "0", "1"}
	}
	return []string{"xadd", key(), strconv.Itoa(last), "f", strconv.Itoa(last)}
}
