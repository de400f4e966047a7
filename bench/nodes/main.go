// Command nodes measures several nodes on one redis-server, in one run on one machine: what three that contend for a dataset
// write together beside one alone, how soon a write is seen on another node, what one write costs with a million records beside a thousand,
// and how soon writes go on after Redis was killed and started again. It prints medians over alternating rounds and what is asked of
// them; only ratios mean anything on another machine.
//
// It needs redis-server. It knows Landings from outside only.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"landings/bench/rig"
)

func main() { rig.Main("bench/nodes", run) }

// options are what the command line sets.
type options struct {
	landings             string
	rounds, seconds      int
	records, many        int
	connections, restart int
	only                 string
}

// bench is one run.
type bench struct {
	options
	*rig.Rig
	out io.Writer
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	flags := flag.NewFlagSet("nodes", flag.ContinueOnError)
	flags.StringVar(&o.landings, "landings", "bin/landings", "the program to measure")
	flags.IntVar(&o.rounds, "rounds", 5, "alternating rounds")
	flags.IntVar(&o.seconds, "seconds", 2, "length of each measurement")
	flags.IntVar(&o.records, "records", 45_716, "generated records of the dataset that nodes share")
	flags.IntVar(&o.many, "many", 1_000_000, "records of the large dataset")
	flags.IntVar(&o.connections, "connections", 63, "connections that write at once, in all")
	flags.IntVar(&o.restart, "restarts", 5, "how often Redis is killed, in each way")
	flags.StringVar(&o.only, "only", "contend,visible,cost,restart", "parts to run")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.rounds < 1 || o.seconds < 1 || o.records < 1 || o.many < 1 || o.connections < nodes || o.restart < 1 {
		return fmt.Errorf("-connections has to be at least %d, every other number at least 1", nodes)
	}
	program, err := filepath.Abs(o.landings)
	if err == nil {
		_, err = os.Stat(program)
	}
	if err != nil {
		return fmt.Errorf("%w; make build makes bin/landings", err)
	}
	o.landings = program
	r, err := rig.New()
	if err != nil {
		return err
	}
	debug.SetGCPercent(1000) // the machine is shared with what is measured
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b := &bench{options: o, Rig: r, out: out}
	defer r.Close(cancel)
	fmt.Fprintf(out, "%s; %s\n", rig.Machine(ctx), rig.Version(ctx, "redis-server", "--version"))
	for _, part := range []struct {
		names []string
		run   func(context.Context) error
	}{{[]string{"contend", "visible"}, b.share}, {[]string{"cost"}, b.cost}, {[]string{"restart"}, b.restarts}} {
		wanted := false
		for _, name := range part.names {
			wanted = wanted || strings.Contains(o.only, name)
		}
		if !wanted {
			continue
		}
		if err := part.run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// nodes is how many share a Redis.
const nodes = 3

// world is a redis-server and the nodes on it.
type world struct {
	b         *bench
	redisPort int
	redis     *exec.Cmd
	redisArgs []string
	dir       string
	addresses []string // of the nodes
	running   []*exec.Cmd
}

// world starts a redis-server with args, and n nodes on it that know each other.
func (b *bench) world(ctx context.Context, name string, n int, args ...string) (*world, error) {
	ports, err := rig.FreePorts(n + 1)
	if err != nil {
		return nil, err
	}
	w := &world{b: b, redisPort: ports[0], redisArgs: args, dir: b.Path(name)}
	if err := os.Mkdir(w.dir, 0o700); err != nil {
		return nil, err
	}
	if err := w.launchRedis(ctx); err != nil {
		return nil, err
	}
	if err := rig.WaitFor(ctx, func() error { return rig.Dial(ctx, w.redisPort) }); err != nil {
		return nil, err
	}
	for i, port := range ports[1:] {
		w.addresses = append(w.addresses, rig.Address(port))
		node, err := b.Start(ctx, nil, b.landings, "serve", "--redis", "redis://"+rig.Address(w.redisPort)+"/0", "--listen", rig.Address(port), "--node", fmt.Sprint(name, i))
		if err != nil {
			return nil, err
		}
		w.running = append(w.running, node)
	}
	for i := range w.addresses {
		if err := rig.WaitFor(ctx, func() error { return w.knows(ctx, i, n-1) }); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// knows says whether a node is ready and knows so many others.
func (w *world) knows(ctx context.Context, node, others int) error {
	if _, err := rig.Get(ctx, w.url(node, "/readyz"), ""); err != nil {
		return err
	}
	metrics, err := rig.Get(ctx, w.url(node, "/metrics"), "")
	if err == nil && !strings.Contains(string(metrics), "\nlandings_peers "+strconv.Itoa(others)+"\n") {
		err = fmt.Errorf("node %d does not know %d others", node, others)
	}
	return err
}

// launchRedis starts Redis without waiting until it answers.
func (w *world) launchRedis(ctx context.Context) (err error) {
	args := append([]string{"--bind", "127.0.0.1", "--port", strconv.Itoa(w.redisPort), "--dir", w.dir}, w.redisArgs...)
	w.redis, err = w.b.Start(ctx, nil, "redis-server", args...)
	return err
}

// stop ends the nodes and then Redis.
func (w *world) stop() {
	for _, node := range w.running {
		w.b.Stop(node)
	}
	w.b.Stop(w.redis)
}

func (w *world) url(node int, path string) string { return "http://" + w.addresses[node] + path }

// load puts generated records into the default dataset, waits until all nodes have them, and gives their ids.
func (w *world) load(ctx context.Context, records int) ([]string, error) {
	file := w.b.Path(fmt.Sprint("sample-", records))
	if _, err := os.Stat(file); err != nil {
		made, err := exec.CommandContext(ctx, w.b.landings, "sample", "--records", strconv.Itoa(records)).Output()
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(file, made, 0o600); err != nil {
			return nil, err
		}
	}
	if out, err := exec.CommandContext(ctx, w.b.landings, "load", file, "--to", w.url(0, ""), "--dataset", "meteorite_landings").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("load: %w: %.300s", err, out)
	}
	for node := range w.addresses {
		if err := rig.WaitFor(ctx, func() error {
			_, header, err := rig.DoHeader(ctx, http.MethodGet, w.url(node, "/data?limit=1"), "", nil)
			if err == nil && header.Get("Number-Matched") != strconv.Itoa(records) {
				err = fmt.Errorf("node %d has %s records", node, header.Get("Number-Matched"))
			}
			return err
		}); err != nil {
			return nil, err
		}
	}
	list, err := rig.Get(ctx, w.url(0, "/get-keys?records="), "")
	if err != nil {
		return nil, err
	}
	var ids []string
	return ids, json.Unmarshal(list, &ids)
}
