//go:build e2e

package redisserver

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestDifferentialSessions has several connections subscribe, cache reads, watch
// keys and write. In each step one of them sends a batch; then everything that any
// of them received is compared, replies and pushes in their order.
func TestDifferentialSessions(t *testing.T) {
	seed, steps := diffSeed(), 1000
	if s := os.Getenv("DIFF_COMMANDS"); s != "" {
		n, _ := strconv.Atoi(s)
		steps = n/20 + 1
	}
	addr := [2]string{startRedis(t), startEngine(t)}
	for _, resp := range []string{"2", "3"} {
		t.Run("resp"+resp, func(t *testing.T) {
			t.Logf("seed %d (DIFF_SEED), %d steps (DIFF_COMMANDS)", seed, steps)
			g := gen{rand.New(rand.NewPCG(seed, 6))}
			sessions := make([]*session, 5)
			for i := range sessions {
				s := &session{}
				for side := range addr {
					s.conn[side] = dialRaw(t, addr[side])
					s.conn[side].send([]string{"hello", resp})
					r, err := s.conn[side].read()
					if err != nil {
						t.Fatal(err)
					}
					for j, e := range r.elems {
						if e.str == "id" {
							s.id = r.elems[j+1].str
						}
					}
				}
				sessions[i] = s
			}
			for side := range addr {
				sessions[0].conn[side].send([]string{"flushall"})
				sessions[0].frames(t, side, "empty")
				sessions[0].received[side] = nil
			}
			received := 0
			for step := range steps {
				by := sessions[g.IntN(len(sessions))]
				var batch [][]string
				// What changes who hears of something goes alone: in Redis broadcasts
				// wait for the end of a round.
				if g.chance(2) {
					batch = append(batch, by.listen(g, sessions))
				} else {
					if g.chance(3) { // not within a transaction, which it would tear in Redis
						batch = append(batch, []string{"client", "reply", g.any("off", "skip")})
					}
					multi := false
					for range 1 + g.IntN(40) {
						cmd := by.work(g)
						switch cmd[0] {
						case "multi":
							multi = true
						case "exec", "discard":
							multi = false
						case "flushall", "flushdb":
							if multi { // Redis may put what it tells of it into the reply of EXEC
								continue
							}
						}
						batch = append(batch, cmd)
					}
				}
				batch = append(batch, []string{"exec"}, []string{"client", "reply", "on"})
				for side := range addr {
					by.conn[side].send(batch...)
					// It has executed everything before others are asked.
					if len(by.frames(t, side, "first"+strconv.Itoa(step))) == 0 {
						t.Fatal("nothing was answered")
					}
				}
				for i, s := range sessions {
					var got [2][]string
					for side := range addr {
						got[side] = s.received[side]
						s.received[side] = nil
						if s != by {
							got[side] = append(got[side], s.frames(t, side, "last"+strconv.Itoa(step))...)
							s.received[side] = nil
						}
					}
					received += len(got[0])
					x, y := got[0], got[1]
					if !slices.Equal(x, y) {
						// Broadcasts wait in Redis for the end of its round.
						x, y = withoutOrder(x), withoutOrder(y)
					}
					if !slices.Equal(x, y) {
						k := 0
						for k < min(len(x), len(y)) && x[k] == y[k] {
							k++
						}
						for side := range addr {
							s.conn[side].send([]string{"client", "trackinginfo"}, []string{"client", "info"})
							t.Log(s.frames(t, side, "state"))
						}
						t.Fatalf("step %d, connection %d received after %d equal replies:\n redis  %q\n engine %q\nwhile connection %s sent %q (connection %s)",
							step, i, k, x[k:min(len(x), k+5)], y[k:min(len(y), k+5)], by.id, batch, s.id)
					}
				}
			}
			t.Logf("%d replies and pushes", received)
		})
	}
}

// session is a connection to either server, and what it received.
type session struct {
	conn     [2]*rawConn
	id       string
	received [2][]string
}

// frames reads what came up to the answers of two PINGs.
func (s *session) frames(t *testing.T, side int, mark string) []string {
	t.Helper()
	// Twice: what Redis has still to say about its own client comes with the next command.
	for range 2 {
		s.conn[side].send([]string{"ping", mark})
		for {
			r, err := s.conn[side].read()
			if err != nil {
				t.Fatalf("connection %s, server %d: %v after %q", s.id, side, err, s.received[side])
			}
			if r.str == mark || len(r.elems) == 2 && r.elems[1].str == mark {
				break
			}
			for _, push := range s.conn[side].pushes {
				s.received[side] = append(s.received[side], push.String())
			}
			s.conn[side].pushes = nil
			s.received[side] = append(s.received[side], r.String())
		}
	}
	return append(s.received[side], "")
}

// withoutOrder takes the invalidations out of what was received and puts the keys
// that they name behind the rest, each once.
func withoutOrder(frames []string) []string {
	var rest, keys []string
	for _, f := range frames {
		if _, names, found := strings.Cut(f, `$"invalidate" `); found && strings.HasPrefix(f, ">") {
			keys = append(keys, strings.Fields(strings.Trim(names, "*[]"))...)
		} else if _, names, found := strings.Cut(f, `$"__redis__:invalidate" `); found && strings.Contains(f, "message") {
			keys = append(keys, strings.Fields(strings.Trim(names, "*[]"))...)
		} else {
			rest = append(rest, f)
		}
	}
	for i, k := range keys {
		if k == "$(null)" { // Redis takes the null of the client that redirects
			keys[i] = `_""`
		}
	}
	slices.Sort(keys)
	return append(rest, slices.Compact(keys)...)
}

func (g gen) channel() string { return g.any("news", "note", "n", "other", "") }

// listen makes a command that changes what its connection is told.
func (s *session) listen(g gen, all []*session) []string {
	// No two match the same channel: their order is a hash table's.
	pattern := func() string { return g.any("n*", "o?her", "x\\*", "[^no]*") }
	switch g.IntN(16) {
	case 0, 1:
		return []string{g.any("subscribe", "ssubscribe"), g.channel(), g.channel()}
	case 2:
		return []string{"psubscribe", pattern(), pattern()}
	case 3, 4, 5:
		return []string{g.any("unsubscribe", "sunsubscribe"), g.channel(), g.channel(), g.channel()}
	case 6, 7:
		return []string{"punsubscribe", pattern(), pattern(), pattern()}
	case 8, 9, 10:
		cmd := []string{"client", "tracking", "on"}
		switch g.IntN(4) {
		case 0:
			cmd = append(cmd, "bcast")
			if g.chance(2) {
				cmd = append(cmd, "prefix", g.any("a", "b", "c"))
			}
		case 1:
			cmd = append(cmd, g.any("optin", "optout"))
		}
		if g.chance(3) {
			cmd = append(cmd, "noloop")
		}
		if g.chance(3) {
			cmd = append(cmd, "redirect", all[g.IntN(len(all))].id)
		}
		return cmd
	case 11, 12:
		return []string{"client", "tracking", "off"}
	case 13:
		return []string{"reset"}
	case 14:
		return []string{"hello", g.any("2", "3")}
	default:
		return []string{"subscribe", "__redis__:invalidate"}
	}
}

// work makes a command that others may hear of.
func (s *session) work(g gen) []string {
	key := func() string { return g.any("a1", "a2", "b1", "b2", "c") }
	switch g.IntN(30) {
	case 0, 1, 2:
		return []string{g.any("publish", "publish", "spublish"), g.channel(), g.value()}
	case 3:
		return append([]string{"pubsub", g.any("numsub", "shardnumsub", "numpat", "foo")}, g.maybe("news", "n")...)
	case 4:
		return []string{"pubsub", g.any("channels", "shardchannels"), g.any("news", "note", "nothing*")}
	case 5:
		return []string{"client", g.any("trackinginfo", "getredir", "id", "getname")}
	case 6, 7:
		return []string{"client", "caching", g.any("yes", "no")}
	case 8:
		return []string{"client", "id"}
	case 9, 10:
		return []string{"multi"}
	case 11, 12:
		return []string{"exec"}
	case 13:
		return []string{g.any("discard", "unwatch", "foo", "ssubscribe x")}
	case 14, 15:
		return []string{"watch", key(), key()}
	case 16:
		return []string{"mget", key(), key()}
	case 17, 18, 19, 20:
		return []string{"get", key()}
	case 21:
		return []string{g.any("del", "incr", "getdel"), key()}
	case 22:
		return []string{"mset", key(), "1", key(), "2"}
	case 23:
		return []string{"expire", key(), "1000"}
	case 24:
		if g.chance(6) {
			return []string{g.any("flushall", "flushdb")}
		}
		return []string{"rename", key(), key()}
	case 25:
		return []string{"touch", key()}
	default:
		return []string{"set", key(), g.value()}
	}
}
