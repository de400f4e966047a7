package redisserver

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"landings/internal/rdb"
)

// Bounds on what a value takes in memory for each byte of its payload, and whatever
// it is: compressed strings give 88 times their size, and are read, copied and, in a
// table, given a block each.
const (
	restorePerByte = 4000
	restoreFixed   = 8 << 20
)

// FuzzRestore gives RESTORE payloads: none crashes the engine or takes memory beyond
// its size, and what is taken comes back from DUMP as the same value.
func FuzzRestore(f *testing.F) {
	e := open(f, f.TempDir(), "--save", "", "--slowlog-log-slower-than", "-1", "--stream-node-max-entries", "4")
	c := dial(f, e)
	rnd := rand.New(rand.NewPCG(1, 2))
	word := func() string { return strings.Repeat(string(rune('a'+rnd.IntN(6))), rnd.IntN(80)) }
	for n := range 24 { // of each type, small and large
		k := fmt.Sprint("k", n)
		for range []int{1, 5, 150}[n%3] {
			switch n / 3 {
			case 0:
				c.do("append", k, word())
			case 1:
				c.do("hset", k, word(), word())
			case 2:
				c.do("rpush", k, word(), fmt.Sprint(rnd.IntN(1000)))
			case 3:
				c.do("sadd", k, word())
			case 4:
				c.do("sadd", k, fmt.Sprint(rnd.IntN(1<<40)))
			case 5:
				c.do("zadd", k, fmt.Sprint(rnd.IntN(10)), word())
			case 6:
				c.do("pfadd", k, word())
			default:
				c.do("xadd", k, "*", "f", word())
			}
		}
		if n/3 == 7 {
			c.do("xgroup", "create", k, "g", "0")
			c.do("xreadgroup", "group", "g", "me", "count", "3", "streams", k, ">")
		}
		if dump := c.do("dump", k); len(dump) < 5000 {
			f.Add([]byte(dump[:len(dump)-10]))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &caller{t, c.Conn, c.r}
		c.do("flushall")
		used := e.arena.used
		payload := string(rdb.SealDump(bytes.Clone(b)))
		got := ""
		if n := allocated(func() { got = c.do("restore", "a", "0", payload) }) + uint64(e.arena.used-used); n > uint64(len(b))*restorePerByte+restoreFixed {
			t.Errorf("%d bytes took %d", len(b), n)
		}
		if got != "OK" {
			return
		}
		c.want("OK", "restore", "b", "0", c.do("dump", "a"))
		for _, cmd := range [][]string{{"type"}, {"object", "encoding"}, {"get"}, {"lrange", "0", "-1"}, {"hgetall"}, {"smembers"}, {"zrange", "0", "-1", "withscores"}, {"xrange", "-", "+"}, {"xinfo", "stream"}} {
			at := 1
			if cmd[0] == "object" || cmd[0] == "xinfo" {
				at = 2
			}
			of := func(key string) string { return c.do(slices.Insert(slices.Clone(cmd), at, key)...) }
			a, b := of("a"), of("b")
			if cmd[0] == "hgetall" || cmd[0] == "smembers" { // in any order
				x, y := []byte(a), []byte(b)
				slices.Sort(x)
				slices.Sort(y)
				a, b = string(x), string(y)
			}
			if a != b {
				t.Fatalf("%q: %.300q, and after DUMP and RESTORE %.300q", cmd, a, b)
			}
		}
	})
}
