//go:build e2e

package redisserver

import (
	"context"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestDifferentialAppendOnly compares what the two servers write to their
// append-only files for lists, sets and HyperLogLogs, with clients that wait, and
// starts an engine with the file.
func TestDifferentialAppendOnly(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("DIFF_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("seed %d (DIFF_SEED)", seed)
	dirs := [2]string{t.TempDir(), t.TempDir()}
	real := startRedis(t, "--appendonly", "yes", "--auto-aof-rewrite-percentage", "0", "--dir", dirs[0])
	e, err := tryOpen(dirs[1], "--save", "", "--appendonly", "yes", "--auto-aof-rewrite-percentage", "0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = e.Serve(l) }()
	d := &differ{t: t, a: dialRaw(t, real), b: dialRaw(t, l.Addr().String())}
	g := gen{rand.New(rand.NewPCG(seed, 5))}
	d.both(sortWeights...)
	d.both(oneMember, []string{"set", "other:string", "value"}, []string{"hset", "other:hash", "f", "v"})
	for _, family := range []func(gen) []string{genList, genSet, genHLL} {
		for range 60 {
			var batch [][]string
			for range 100 {
				batch = append(batch, g.sometimesWrong(family(g)))
			}
			d.compare(batch)
		}
		d.compare([][]string{{"discard"}})
	}
	const clients = 4
	a, b := newCrowd(t, real, clients, "2"), newCrowd(t, l.Addr().String(), clients, "2")
	for range 500 {
		k := g.IntN(clients)
		if a.owed[k] > 0 || g.chance(2) {
			k = clients - 1
		}
		cmds := genBlockingList(g, "wait", k < clients-1)
		a.step(k, cmds...)
		b.step(k, cmds...)
	}
	want := map[string]string{}
	content := func(c *rawConn, key string) string {
		ask := func(cmd ...string) string {
			c.send(cmd)
			r, err := c.read()
			if err != nil {
				t.Fatal(err)
			}
			fx, _ := forms(cmd, r, r)
			return fx
		}
		return ask("type", key) + ask("lrange", key, "0", "-1") + ask("smembers", key) + ask("get", key)
	}
	for _, k := range d.same([]string{"keys", "*"}).elems {
		want[k.str] = content(d.b, k.str)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := e.Close(ctx); err != nil {
		t.Fatal(err)
	}
	d.a.send([]string{"shutdown"})
	_, _ = d.a.read()

	var logs [2][][]string
	for s, dir := range dirs {
		logs[s] = appended(t, filepath.Join(dir, "appendonlydir", "appendonly.aof.1.incr.aof"))
	}
	for i := range min(len(logs[0]), len(logs[1])) {
		x, y := logs[0][i], logs[1][i]
		if len(x) == 3 && len(y) == 3 && strings.EqualFold(x[0], "pexpireat") {
			x, y = x[:2], y[:2]
		}
		if !reflect.DeepEqual(x, y) {
			t.Fatalf("command %d, after %s:\n redis  %s\n engine %s", i, quoted(logs[0][max(0, i-1)]), quoted(x), quoted(y))
		}
	}
	if len(logs[0]) != len(logs[1]) {
		t.Fatalf("redis wrote %d commands, the engine %d", len(logs[0]), len(logs[1]))
	}
	t.Logf("%d commands in the files", len(logs[0]))

	c := dialRaw(t, startEngine(t, Parameter{"dir", []string{dirs[1]}}, Parameter{"appendonly", []string{"yes"}}))
	for key, v := range want {
		if got := content(c, key); got != v {
			t.Errorf("%q from the append-only file:\n %s\nnot\n %s", key, cut(got), cut(v))
		}
	}
}
