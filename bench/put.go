package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"landings/bench/rig"
)

// syncing are the append-only file's policies, and what Landings is asked to reach of redis-benchmark's rate.
var syncing = []struct {
	policy  string
	atLeast float64
}{{"always", 1}, {"everysec", 0.3}}

// putClients is how many connections write at once.
const putClients = 64

// put measures PUT of single records over HTTP beside redis-benchmark's HSET of values of the same size into the same
// redis-server: one commit is durable when it is answered, as far as the policy says.
func (b *bench) put(ctx context.Context) error {
	rows := [][]string{{"writes per second, " + strconv.Itoa(putClients) + " connections", "PUT over HTTP", "slowest..fastest", "p99", "HSET, redis-benchmark", "slowest..fastest", "ratio"}}
	for _, s := range syncing {
		ports, err := rig.FreePorts(2)
		if err != nil {
			return err
		}
		url, err := b.writable(ctx, s.policy, ports)
		if err != nil {
			return err
		}
		if _, err := rig.Do(ctx, http.MethodPost, url+"/data", "", b.in.json); err != nil {
			return err
		}
		var puts, sets, p99 rig.Series
		for range b.rounds {
			rate, latency, err := b.write(ctx, putClients, url, b.Path("ids"))
			if err != nil {
				return err
			}
			puts, p99 = append(puts, rate), append(p99, latency)
			// As many as take about as long as the other's turn.
			if rate, err = b.hset(ctx, ports[0], max(1000, int(rate)*b.seconds)); err != nil {
				return err
			}
			sets = append(sets, rate)
		}
		whole := func(s rig.Series) string { return fmt.Sprintf("%.0f..%.0f", least(s), most(s)) }
		rows = append(rows, []string{"appendfsync " + s.policy,
			fmt.Sprintf("%.0f", puts.Median()), whole(puts), fmt.Sprintf("%.2f ms", p99.Median()/1000),
			fmt.Sprintf("%.0f", sets.Median()), whole(sets), rig.Verdict(puts.Median()/sets.Median(), s.atLeast)})
	}
	rig.Table(b.out, rows)
	return nil
}

// writable starts a Redis with an append-only file and a node beside it on two ports, and gives the node's address.
func (b *bench) writable(ctx context.Context, policy string, ports []int) (url string, err error) {
	redis := strconv.Itoa(ports[0])
	server := []string{"redis-server", "--bind", "127.0.0.1", "--port", redis, "--dir", b.Dir, "--save", "",
		"--appendonly", "yes", "--appendfsync", policy, "--appenddirname", "writes-" + redis}
	if b.sync > 0 {
		// The tracer is no parent of the server, which is stopped like any other, and sees nothing but its syncs.
		server = append([]string{"strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync",
			"-e", fmt.Sprintf("inject=fdatasync:delay_exit=%d", b.sync.Microseconds())}, server...)
	}
	if _, err := b.Start(ctx, nil, server[0], server[1:]...); err != nil {
		return "", err
	}
	if err := rig.WaitFor(ctx, func() error { return rig.Dial(ctx, ports[0]) }); err != nil {
		return "", err
	}
	if _, err := b.Start(ctx, nil, b.landings, "serve", "--redis", "redis://"+rig.Address(ports[0])+"/0", "--listen", rig.Address(ports[1])); err != nil {
		return "", err
	}
	url = "http://" + rig.Address(ports[1])
	return url, rig.WaitFor(ctx, func() error { _, err := rig.Get(ctx, url+"/readyz", ""); return err })
}

// hset gives redis-benchmark's rate of HSET with values as long as the records that put.lua writes.
func (b *bench) hset(ctx context.Context, port, requests int) (float64, error) {
	out, err := exec.CommandContext(ctx, "redis-benchmark", "-p", strconv.Itoa(port), "-n", strconv.Itoa(requests), "-c", strconv.Itoa(putClients),
		"-r", strconv.Itoa(len(b.in.ids)), "--dbnum", "1", "--csv", "HSET", "record:__rand_int__", "json", strings.Repeat("x", 200)).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("redis-benchmark: %w: %.300s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	cells := strings.Split(lines[len(lines)-1], `","`)
	if len(cells) < 2 {
		return 0, fmt.Errorf("redis-benchmark: %.300s", out)
	}
	return strconv.ParseFloat(strings.Trim(cells[1], `"`), 64)
}

// write has clients put records with the ids in a file, each time with another content.
func (b *bench) write(ctx context.Context, clients int, url, ids string) (rate, p99 float64, err error) {
	b.writes++
	return b.wrkScript(ctx, "put.lua", clients, url, nil, []string{ids, strconv.Itoa(b.writes)})
}

// wrkScript runs wrk with a script from the run's folder, and gives what wrk gives.
func (b *bench) wrkScript(ctx context.Context, script string, connections int, url string, args, scriptArgs []string) (rate, p99 float64, err error) {
	l, err := rig.Wrk{Script: b.Path(script), Connections: connections, Seconds: b.seconds, URL: url, Args: args, ScriptArgs: scriptArgs}.Run(ctx)
	if err != nil {
		log, _ := os.ReadFile(b.Path("nginx", "error.log")) // where it was nginx that failed
		return 0, 0, fmt.Errorf("%w\n%.1000s", err, log)
	}
	return l.Rate, l.P99, nil
}
