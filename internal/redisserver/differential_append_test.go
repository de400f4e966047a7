//go:build e2e

package redisserver

import (
	"context"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestDifferentialAppendOnly compares what the two servers write to their
// append-only files, command by command, and has either of them start with what
// the engine wrote.
func TestDifferentialAppendOnly(t *testing.T) {
	seed := diffSeed()
	for _, f := range generators {
		if f.name == "server" || strings.HasPrefix(f.name, "stream") {
			continue // they change nothing; TestDifferentialStreamAppendOnly
		}
		t.Run(strings.ReplaceAll(f.name, " ", "-"), func(t *testing.T) {
			t.Logf("seed %d (DIFF_SEED)", seed)
			l := startLogging(t, f.setup)
			g := gen{rand.New(rand.NewPCG(seed, 5))}
			batches := 60
			if s := os.Getenv("DIFF_COMMANDS"); s != "" {
				n, _ := strconv.Atoi(s)
				batches = n/100 + 1
			}
			for range batches {
				var batch [][]string
				for range 100 {
					cmd := g.sometimesWrong(f.make(g))
					if strings.EqualFold(cmd[0], "bitfield") && slices.ContainsFunc(cmd, func(a string) bool { return strings.EqualFold(a, "fail") }) {
						continue // a known difference
					}
					batch = append(batch, cmd)
				}
				l.compare(batch)
			}
			l.compareFiles()
		})
	}
	t.Run("waiting", func(t *testing.T) {
		t.Logf("seed %d (DIFF_SEED)", seed)
		l := startLogging(t, nil)
		g := gen{rand.New(rand.NewPCG(seed, 5))}
		const clients = 4
		a, b := newCrowd(t, l.addr[0], clients, "2"), newCrowd(t, l.addr[1], clients, "2")
		for range 500 {
			k := g.IntN(clients)
			if a.owed[k] > 0 || g.chance(2) {
				k = clients - 1
			}
			cmds := genBlockingList(g, "wait", k < clients-1)
			a.step(k, cmds...)
			b.step(k, cmds...)
		}
		l.compareFiles()
	})
}

// logging is a redis-server and an engine that keep append-only files.
type logging struct {
	*differ
	engine *Engine
	addr   [2]string // the real one, ours
	dirs   [2]string
	setup  [][]string
}

func startLogging(t *testing.T, setup [][]string) *logging {
	t.Helper()
	l := &logging{dirs: [2]string{t.TempDir(), t.TempDir()}, setup: setup}
	l.addr[0] = startRedis(t, append(commandLine(setup), "--appendonly", "yes", "--auto-aof-rewrite-percentage", "0", "--dir", l.dirs[0])...)
	e, err := tryOpen(l.dirs[1], append(commandLine(setup), "--save", "", "--appendonly", "yes", "--auto-aof-rewrite-percentage", "0")...)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = e.Serve(listener) }()
	t.Cleanup(func() { shut(t, e) })
	l.engine, l.addr[1] = e, listener.Addr().String()
	l.differ = &differ{t: t, a: dialRaw(t, l.addr[0]), b: dialRaw(t, l.addr[1])}
	l.both(setup...)
	l.both(others...)
	return l
}

// compareFiles ends both and compares their files, then what a real server and an
// engine make of the engine's.
func (l *logging) compareFiles() {
	t := l.t
	t.Helper()
	l.both([]string{"discard"}, []string{"select", "0"})
	// Values and times to live as they were, to be found again: an encoding may differ
	// where what changed it was no change to the data.
	kept := map[string]string{}
	for _, k := range l.same([]string{"keys", "*"}).elems {
		kept[k.str] = ask(t, l.b, "dump", k.str).str
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := l.engine.Close(ctx); err != nil {
		t.Fatal(err)
	}
	l.a.send([]string{"shutdown"})
	_, _ = l.a.read()

	var logs [2][][]string
	for s, dir := range l.dirs {
		logs[s] = appended(t, filepath.Join(dir, "appendonlydir", "appendonly.aof.1.incr.aof"))
	}
	for i := range min(len(logs[0]), len(logs[1])) {
		if x, y := logs[0][i], logs[1][i]; !slices.EqualFunc(x, y, alikeInFiles) {
			t.Fatalf("command %d, after %q:\n redis  %q\n engine %q", i, logs[0][max(0, i-3):i], logs[0][i:min(len(logs[0]), i+4)], logs[1][i:min(len(logs[1]), i+4)])
		}
	}
	if len(logs[0]) != len(logs[1]) {
		t.Fatalf("redis wrote %d commands, the engine %d", len(logs[0]), len(logs[1]))
	}
	t.Logf("%d commands in the files", len(logs[0]))

	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(l.dirs[1])); err != nil {
		t.Fatal(err)
	}
	real := startRedis(t, append(commandLine(l.setup), "--appendonly", "yes", "--dir", copied)...)
	parameters := []Parameter{{Name: "dir", Args: []string{l.dirs[1]}}, {Name: "appendonly", Args: []string{"yes"}}}
	for _, cmd := range l.setup {
		for i := 2; cmd[0] == "config" && i+1 < len(cmd); i += 2 {
			parameters = append(parameters, Parameter{Name: cmd[i], Args: cmd[i+1 : i+2]})
		}
	}
	d := &differ{t: t, a: dialRaw(t, real), b: dialRaw(t, startEngine(t, parameters...))}
	awaitLoaded(t, d.a)
	d.compareKeys()
	for key, payload := range kept {
		ask(t, d.a, "restore", "kept", "0", payload, "replace")
		ask(t, d.a, "persist", key) // whether it expires is part of the digest
		if r := ask(t, d.a, "debug", "digest-value", key, "kept"); r.elems[0].str != r.elems[1].str {
			t.Errorf("%q is another value after the engine's append-only file was loaded", key)
		}
	}
	d.both([]string{"select", "1"})
	d.compareKeys()
}

// alikeInFiles says whether two words of a command are equal; those that are times
// reckoned from now, which in this test is all above 10^12, may lie seconds apart.
func alikeInFiles(x, y string) bool {
	a, errA := strconv.ParseInt(x, 10, 64)
	b, errB := strconv.ParseInt(y, 10, 64)
	return x == y || errA == nil && errB == nil && a > 1e12 && b > 1e12 && max(a-b, b-a) < 5000
}

// commandLine makes parameters of redis-server of those that a setup sets.
func commandLine(setup [][]string) []string {
	var args []string
	for _, cmd := range setup {
		for i := 2; cmd[0] == "config" && i+1 < len(cmd); i += 2 {
			args = append(args, "--"+cmd[i], cmd[i+1])
		}
	}
	return args
}
