//go:build e2e

package redisserver

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestFilesBothWays has random keys of every type and encoding made on one server,
// saved, loaded by the other and saved again, with the dump alone and with the
// append-only folder, and compares Redis's digest of everything at either end.
func TestFilesBothWays(t *testing.T) {
	seed := diffSeed()
	for _, appendonly := range []string{"no", "yes"} {
		for _, first := range []string{"redis", "engine"} {
			for i, limits := range fileSettings {
				t.Run(map[string]string{"no": "dump", "yes": "appendonly"}[appendonly]+"/"+first+"/"+strconv.Itoa(i), func(t *testing.T) {
					t.Logf("seed %d (DIFF_SEED)", seed)
					g := gen{rand.New(rand.NewPCG(seed, uint64(7+i)))}
					dir := t.TempDir()
					settings := append([]string{"--appendonly", appendonly, "--auto-aof-rewrite-percentage", "0"}, limits...)
					made := startFiles(t, first, dir, settings)
					fillFiles(t, made.conn, g, appendonly == "yes")
					made.close(t)

					dumps := map[string]int64{}
					digests := map[string]string{}
					// Each opens what the one before left, and leaves it rewritten.
					for n, name := range []string{"redis", "engine", "redis"} {
						s := startFiles(t, name, dir, settings)
						if name == "redis" {
							digests[strconv.Itoa(n)] = ask(t, s.conn, "debug", "digest").str
						}
						if appendonly == "yes" {
							ask(t, s.conn, "bgrewriteaof")
							awaitRewrite(t, s.conn)
						}
						ask(t, s.conn, "save")
						if info, err := os.Stat(filepath.Join(dir, "dump.rdb")); err == nil {
							dumps[name] = info.Size()
						} else {
							t.Fatal(err)
						}
						s.close(t)
					}
					if digests["0"] != digests["2"] || digests["0"] == "0000000000000000000000000000000000000000" {
						t.Errorf("the digest was %s and is %s after the engine had it", digests["0"], digests["2"])
					}
					ratio := float64(dumps["engine"]) / float64(dumps["redis"])
					t.Logf("dump.rdb: %d bytes where redis-server takes %d: %.3f", dumps["engine"], dumps["redis"], ratio)
					if ratio > 1.2 {
						t.Error("that is more than 1.2 times as much")
					}
				})
			}
		}
	}
}

// fileSettings make every encoding and both ways of writing strings.
var fileSettings = [][]string{
	{},
	{"--rdbcompression", "no", "--list-max-listpack-size", "4", "--stream-node-max-entries", "3"},
	{"--hash-max-listpack-entries", "0", "--zset-max-listpack-entries", "0", "--set-max-intset-entries", "0"},
	{"--hash-max-listpack-entries", "3", "--zset-max-listpack-value", "4", "--set-max-intset-entries", "2", "--stream-node-max-bytes", "100"},
}

// ask sends a command that must not fail.
func ask(t *testing.T, c *rawConn, cmd ...string) reply {
	t.Helper()
	c.send(cmd)
	r, err := c.read()
	if err != nil || r.typ == '-' {
		t.Fatalf("%s: %v %s", quoted(cmd), err, r)
	}
	return r
}

type filesServer struct {
	conn  *rawConn
	close func(t *testing.T)
}

func startFiles(t *testing.T, name, dir string, settings []string) filesServer {
	t.Helper()
	if name == "engine" {
		e, err := tryOpen(dir, append([]string{"--save", ""}, settings...)...)
		if err != nil {
			t.Fatal(err)
		}
		pipe, err := e.Conn()
		if err != nil {
			t.Fatal(err)
		}
		return filesServer{newRawConn(pipe), func(t *testing.T) {
			if err := e.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}}
	}
	c := dialRaw(t, startRedis(t, append([]string{"--dir", dir}, settings...)...))
	awaitLoaded(t, c)
	return filesServer{c, func(t *testing.T) {
		c.send([]string{"shutdown", "nosave"})
		_, _ = c.read()
	}}
}

// fillFiles runs the families' commands, each in a database of its own, and saves;
// with an append-only file it is rewritten halfway.
func fillFiles(t *testing.T, c *rawConn, g gen, rewrite bool) {
	t.Helper()
	families := map[int]func(gen) []string{0: genString, 1: genHash, 2: genList, 3: genSet, 4: genZset, 5: genHLL, 6: genGeo, 7: genStream, 8: genBigList, 9: genBitmap, 10: genZsetLarge, 11: genZsetLex}
	for round := range 2 {
		for db := range len(families) {
			ask(t, c, "select", strconv.Itoa(db))
			if round == 0 {
				ask(t, c, "set", "number", strconv.Itoa(g.IntN(1<<30)), "px", "100000000")
			}
			for range 15 {
				var batch [][]string
				for range 50 {
					batch = append(batch, families[db](g))
				}
				batch = append(batch, []string{"exec"}, []string{"unwatch"})
				c.send(batch...)
				for range batch {
					if _, err := c.read(); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if round == 0 && rewrite {
			ask(t, c, "bgrewriteaof")
			awaitRewrite(t, c)
		}
	}
	ask(t, c, "save")
}

func awaitRewrite(t *testing.T, c *rawConn) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		r := ask(t, c, "info", "persistence").str
		if infoField(r, "aof_rewrite_in_progress") == "0" && infoField(r, "aof_rewrite_scheduled") == "0" {
			if infoField(r, "aof_last_bgrewrite_status") != "ok" {
				t.Fatal("rewriting failed")
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("rewriting does not end")
		}
	}
}

func infoField(info, name string) string {
	_, rest, _ := strings.Cut(info, name+":")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}
