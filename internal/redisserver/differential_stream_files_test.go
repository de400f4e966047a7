//go:build e2e

package redisserver

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"landings/internal/rdb"
)

// streamTest sends seeded commands on streams to a real server and an engine.
func streamTest(t *testing.T, a, b string, skip func([]string) bool) *differ {
	t.Helper()
	n := 8000
	if s := os.Getenv("DIFF_COMMANDS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("DIFF_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("seed %d (DIFF_SEED), %d commands (DIFF_COMMANDS)", seed, n)
	d := &differ{t: t, a: dialRaw(t, a), b: dialRaw(t, b)}
	d.both(streamSetup...)
	g := gen{rand.New(rand.NewPCG(seed, 3))}
	for done := 0; done < n; done += 100 {
		var batch [][]string
		for range 100 {
			var cmd []string
			if g.chance(2) {
				cmd = genStream(g)
			} else {
				cmd = genLongStream(g)
			}
			if !skip(cmd) {
				batch = append(batch, cmd)
			}
		}
		d.compare(batch)
	}
	d.compare([][]string{{"discard"}})
	return d
}

// TestDifferentialStreamDump compares the payloads of DUMP node by node, and
// restores each server's in the other.
func TestDifferentialStreamDump(t *testing.T) {
	d := streamTest(t, startRedis(t), startEngine(t), func([]string) bool { return false })
	for _, k := range d.same([]string{"keys", "*"}).elems {
		key := k.str
		d.a.send([]string{"dump", key})
		d.b.send([]string{"dump", key})
		x, errX := d.a.read()
		y, errY := d.b.read()
		if errX != nil || errY != nil {
			t.Fatal(errX, errY)
		}
		if fx, fy := streamFile(t, x.str), streamFile(t, y.str); fx != fy {
			t.Fatalf("DUMP %s\n redis  %s\n engine %s", key, cut(fx), cut(fy))
		}
		d.a.send([]string{"restore", "copy:" + key, "0", y.str})
		d.b.send([]string{"restore", "copy:" + key, "0", x.str})
		x, _ = d.a.read()
		y, _ = d.b.read()
		if x.str != "OK" || y.str != "OK" {
			t.Fatalf("RESTORE %s: redis: %v, engine: %v", key, x, y)
		}
	}
	d.compareKeys()
}

// streamFile is a payload of DUMP in readable form, without times.
func streamFile(t *testing.T, payload string) string {
	t.Helper()
	r, _, err := rdb.OpenDump([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := eachChunk(r, func(c rdb.Chunk) error {
		fmt.Fprintf(&b, "%v %x\n", c.ID, c.Data)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	s := r.Stream()
	for i := range s.Groups {
		for j := range s.Groups[i].Consumers {
			s.Groups[i].Consumers[j].SeenAt, s.Groups[i].Consumers[j].ActiveAt = 0, 0
		}
		for j := range s.Groups[i].Pending {
			if p := &s.Groups[i].Pending[j]; p.DeliveredAt > 1e12 {
				p.DeliveredAt = 0
			}
		}
	}
	fmt.Fprintf(&b, "%+v", *s)
	return b.String()
}

// TestDifferentialStreamAppendOnly compares what both write to their append-only
// files, command by command, and starts a real server on the engine's.
func TestDifferentialStreamAppendOnly(t *testing.T) {
	dirs := [2]string{t.TempDir(), t.TempDir()}
	real := startRedis(t, "--appendonly", "yes", "--auto-aof-rewrite-percentage", "0", "--dir", dirs[0])
	e, err := Open(Options{Parameters: []Parameter{{Name: "save", Args: []string{""}}, {Name: "dir", Args: []string{dirs[1]}}, {Name: "appendonly", Args: []string{"yes"}}, {Name: "auto-aof-rewrite-percentage", Args: []string{"0"}}}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = e.Serve(l) }()
	d := streamTest(t, real, l.Addr().String(), func(cmd []string) bool {
		// Reading what is pending changes counts and times that files do not tell
		// of, in Redis as here.
		keys := cmd[slices.Index(cmd, "streams")+1:]
		return cmd[0] == "xreadgroup" && slices.ContainsFunc(keys[len(keys)/2:], func(id string) bool { return id != ">" })
	})
	keys := d.same([]string{"keys", "*"})
	state := func(c *rawConn, key string, times bool) string {
		c.send([]string{"xrange", key, "-", "+"}, []string{"xinfo", "stream", key, "full", "count", "0"})
		x, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		y, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		return x.String() + withoutLag(y, times)
	}
	want := map[string][2]string{} // with times and without
	for _, k := range keys.elems {
		want[k.str] = [2]string{state(d.b, k.str, true), state(d.b, k.str, false)}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
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
		if !reflect.DeepEqual(logs[0][i], logs[1][i]) {
			t.Fatalf("command %d, after %s:\n redis  %s\n engine %s", i, quoted(logs[0][max(0, i-1)]), quoted(logs[0][i]), quoted(logs[1][i]))
		}
	}
	if len(logs[0]) != len(logs[1]) {
		t.Fatalf("redis wrote %d commands, the engine %d", len(logs[0]), len(logs[1]))
	}
	t.Logf("%d commands in the files", len(logs[0]))

	for name, addr := range map[string]string{
		"redis":  startRedis(t, "--appendonly", "yes", "--dir", dirs[1]),
		"engine": startEngine(t, Parameter{Name: "dir", Args: []string{dirs[0]}}, Parameter{Name: "appendonly", Args: []string{"yes"}}),
	} {
		c := dialRaw(t, addr)
		for deadline := time.Now().Add(10 * time.Second); ; {
			c.send([]string{"ping"})
			if r, err := c.read(); err != nil || time.Now().After(deadline) {
				t.Fatalf("%s does not load the file: %v, %v", name, r, err)
			} else if r.str == "PONG" {
				break
			}
		}
		for k, w := range want {
			before := w[0]
			if name == "engine" { // it reads the file of the real one
				before = w[1]
			}
			if after := state(c, k, name == "redis"); after != before {
				t.Fatalf("%s in %s\n before %s\n after  %s", k, name, around(before, after), around(after, before))
			}
		}
	}
}

// withoutLag is an answer of XINFO STREAM FULL without what the append-only file
// does not keep: the counters of groups, when consumers were seen, and the shape of
// the tree; without times of now too, if another server made the file.
func withoutLag(r reply, times bool) string {
	var b strings.Builder
	var write func(r reply)
	write = func(r reply) {
		b.WriteByte(r.typ)
		if len(r.elems) == 0 && (times || r.typ != ':' || len(r.str) != 13) {
			b.WriteString(r.str)
		}
		b.WriteByte('[')
		for i := 0; i < len(r.elems); i++ {
			write(r.elems[i])
			switch r.elems[i].str {
			case "entries-read", "lag", "seen-time", "radix-tree-keys", "radix-tree-nodes":
				i++
			}
		}
		b.WriteByte(']')
	}
	write(r)
	return b.String()
}

// appended reads the commands of an append-only file, without the times in them.
func appended(t *testing.T, file string) (out [][]string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := request{in: b}
	for {
		args, err := r.next(limits{bulk: 1 << 30, authed: true})
		if err != nil {
			t.Fatal(err)
		}
		if args == nil {
			return out
		}
		var cmd []string
		for i, a := range args {
			if s := string(a); i > 0 && string(args[i-1]) == "TIME" && len(s) == 13 {
				cmd = append(cmd, "now")
			} else if i == 0 {
				cmd = append(cmd, strings.ToUpper(s))
			} else {
				cmd = append(cmd, s)
			}
		}
		out = append(out, cmd)
	}
}

// around is the part of a where it differs from b.
func around(a, b string) string {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	return a[max(0, i-200):min(len(a), i+300)]
}
