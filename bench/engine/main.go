// Command engine measures the embedded engine beside redis-server with the same settings, by redis-benchmark, in one run
// on one machine: the engine, redis-server, and another redis-server, whose ratio to the first is the noise floor. It
// prints medians over alternating rounds, the pipe that serve uses beside redis-server over TCP, the resident memory of a
// million hashes before and after overwriting, and how long a client waits while they are saved.
//
// It needs redis-server and redis-benchmark, and Linux for the processor time and memory of processes.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"landings/bench/rig"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench/engine:", err)
		os.Exit(1)
	}
}

// tests are what redis-benchmark is told to run.
var tests = []struct {
	name string
	args []string
}{
	{"SET", []string{"-t", "set"}},
	{"GET", []string{"-t", "get"}},
	{"HSET", []string{"-t", "hset"}},
	{"LPUSH", []string{"-t", "lpush"}},
	{"ZADD", []string{"-t", "zadd"}},
	{"XADD", []string{"XADD", "stream", "MAXLEN", "~", "10000", "*", "field", "__rand_int__"}},
}

// policies are the settings of the append-only file.
var policies = map[string][]string{
	"none":     {"--appendonly", "no"},
	"everysec": {"--appendonly", "yes", "--appendfsync", "everysec"},
	"always":   {"--appendonly", "yes", "--appendfsync", "always"},
}

type server struct {
	name string
	port string
	cmd  *exec.Cmd
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("engine", flag.ContinueOnError)
	program := flags.String("landings", "bin/landings", "the program to measure")
	rounds := flags.Int("rounds", 5, "alternating rounds")
	length := flags.Duration("length", time.Second, "about how long each measurement takes")
	which := flags.String("policies", "none,everysec,always", "append-only settings to measure")
	depths := flags.String("pipeline", "1,16", "commands in flight of each connection")
	commands := flags.String("commands", "SET,GET,HSET,LPUSH,ZADD,XADD", "commands to measure")
	memory := flags.Int("memory", 1_000_000, "hashes of 200 bytes for the measurement of memory; 0: none")
	pipe := flags.Bool("pipe", true, "measure the pipe that serve uses, with rueidis")
	if err := flags.Parse(args); err != nil {
		return err
	}
	for _, policy := range strings.Split(*which, ",") {
		if policy == "" {
			continue
		}
		settings, ok := policies[policy]
		if !ok {
			return fmt.Errorf("-policies: there is no %q", policy)
		}
		for _, depth := range strings.Split(*depths, ",") {
			if err := compare(ctx, *program, policy, settings, depth, strings.Split(*commands, ","), *rounds, *length); err != nil {
				return err
			}
		}
	}
	if *pipe {
		if err := comparePipe(ctx, *program, *rounds, *length); err != nil {
			return err
		}
	}
	if *memory > 0 {
		return compareMemory(ctx, *program, *memory)
	}
	return nil
}

// start runs the three servers, each in a folder of its own that ends with done.
func start(ctx context.Context, program string, settings []string) (servers []*server, done func(), err error) {
	dir, err := os.MkdirTemp("", "landings-bench-engine-")
	if err != nil {
		return nil, nil, err
	}
	done = func() {
		for _, s := range servers {
			_ = s.cmd.Process.Kill()
			_ = s.cmd.Wait()
		}
		_ = os.RemoveAll(dir)
	}
	for _, c := range []struct {
		name  string
		words []string
	}{{"engine", []string{program, "redis-server"}}, {"redis", []string{"redis-server"}}, {"redis again", []string{"redis-server"}}} {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			done()
			return nil, nil, err
		}
		_, port, _ := net.SplitHostPort(l.Addr().String())
		_ = l.Close()
		folder := filepath.Join(dir, port)
		if err := os.Mkdir(folder, 0o755); err != nil {
			done()
			return nil, nil, err
		}
		words := slices.Concat(c.words, []string{"--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", ""}, settings)
		s := &server{name: c.name, port: port, cmd: exec.CommandContext(ctx, words[0], words[1:]...)}
		if err := s.cmd.Start(); err != nil {
			done()
			return nil, nil, err
		}
		servers = append(servers, s)
		deadline := time.Now().Add(10 * time.Second)
		for {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+port)
			if err == nil {
				_ = conn.Close()
				break
			}
			if ctx.Err() != nil || time.Now().After(deadline) {
				done()
				return nil, nil, fmt.Errorf("%s does not answer: %w", c.name, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return servers, done, nil
}

// sample is one measurement.
type sample struct {
	rate, p99, processor float64 // requests a second, ms, microseconds of processor time a request
}

// measure runs redis-benchmark once.
func (s *server) measure(ctx context.Context, test []string, depth string, n int) (sample, error) {
	before, err := rig.Processor(s.cmd.Process.Pid)
	if err != nil {
		return sample{}, err
	}
	args := slices.Concat([]string{"-p", s.port, "-c", "50", "-n", strconv.Itoa(n), "-P", depth, "-r", "100000", "--csv"}, test)
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "redis-benchmark", args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return sample{}, fmt.Errorf("redis-benchmark %v on %s: %w\n%s", test, s.name, err, stderr.String())
	}
	rows, err := csv.NewReader(bytes.NewReader(out)).ReadAll()
	if err != nil || len(rows) != 2 || len(rows[1]) != 8 {
		return sample{}, fmt.Errorf("redis-benchmark answers %q", out)
	}
	after, err := rig.Processor(s.cmd.Process.Pid)
	if err != nil {
		return sample{}, err
	}
	var got sample
	if got.rate, err = strconv.ParseFloat(rows[1][1], 64); err != nil {
		return sample{}, err
	}
	if got.p99, err = strconv.ParseFloat(rows[1][6], 64); err != nil {
		return sample{}, err
	}
	got.processor = float64((after - before).Microseconds()) / float64(n)
	return got, nil
}

// resident gives the process's resident memory in bytes.
func (s *server) resident() (float64, error) {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseFloat(strings.Fields(string(statm))[1], 64)
	return pages * float64(os.Getpagesize()), err
}

func compare(ctx context.Context, program, policy string, settings []string, depth string, commands []string, rounds int, length time.Duration) error {
	servers, done, err := start(ctx, program, settings)
	if err != nil {
		return err
	}
	defer done()
	fmt.Printf("\nappend-only %s, -c 50 -P %s, medians of %d rounds; engine / redis, and redis again / redis\n\n", policy, depth, rounds)
	fmt.Println("| | engine, req/s | redis, req/s | ratio | noise | p99 | processor time |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- |")
	product, processors, measured := 1.0, 1.0, 0.0
	for _, t := range tests {
		if !slices.Contains(commands, t.name) {
			continue
		}
		measured++
		first, err := servers[1].measure(ctx, t.args, depth, 20_000)
		if err != nil {
			return err
		}
		n := max(20_000, int(first.rate*length.Seconds()))
		samples := make([][]sample, len(servers))
		for round := range rounds {
			for i := range servers {
				at := (i + round) % len(servers)
				got, err := servers[at].measure(ctx, t.args, depth, n)
				if err != nil {
					return err
				}
				samples[at] = append(samples[at], got)
			}
		}
		median := func(server int, of func(sample) float64) float64 {
			var values []float64
			for _, s := range samples[server] {
				values = append(values, of(s))
			}
			slices.Sort(values)
			return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
		}
		ratio := func(server int, of func(sample) float64) float64 { return median(server, of) / median(1, of) }
		rate := func(s sample) float64 { return s.rate }
		used := func(s sample) float64 { return s.processor }
		product *= ratio(0, rate)
		processors *= ratio(0, used)
		fmt.Printf("| %s | %.0f | %.0f | %.2f | %.2f | %.2f | %.2f |\n", t.name, median(0, rate), median(1, rate), ratio(0, rate),
			ratio(2, rate), ratio(0, func(s sample) float64 { return s.p99 }), ratio(0, used))
	}
	root := 1 / max(measured, 1)
	fmt.Printf("| geometric mean | | | %.2f | | | %.2f |\n", math.Pow(product, root), math.Pow(processors, root))
	return nil
}

// compareMemory fills each server with hashes of one field of 200 bytes, then
// overwrites twice as many at random.
func compareMemory(ctx context.Context, program string, hashes int) error {
	servers, done, err := start(ctx, program, policies["none"])
	if err != nil {
		return err
	}
	defer done()
	fmt.Printf("\nresident memory of %d hashes of 200 bytes, in MB\n\n| | filled | after %d random overwrites |\n| --- | --- | --- |\n", hashes, 2*hashes)
	var sizes [2][2]float64
	for i, s := range servers[:2] {
		// redis-benchmark's own key generator leaves gaps, so the keys are written by a
		// mass insertion.
		fill := exec.CommandContext(ctx, "redis-cli", "-p", s.port, "--pipe")
		var b bytes.Buffer
		value := strings.Repeat("x", 200)
		for k := range hashes {
			key := fmt.Sprintf("hash:%012d", k)
			fmt.Fprintf(&b, "*4\r\n$4\r\nHSET\r\n$%d\r\n%s\r\n$5\r\nfield\r\n$200\r\n%s\r\n", len(key), key, value)
		}
		fill.Stdin = &b
		if out, err := fill.CombinedOutput(); err != nil {
			return fmt.Errorf("redis-cli --pipe: %w\n%s", err, out)
		}
		if sizes[i][0], err = s.resident(); err != nil {
			return err
		}
		over := exec.CommandContext(ctx, "redis-benchmark", "-p", s.port, "-c", "50", "-P", "16", "-n", strconv.Itoa(2*hashes),
			"-r", strconv.Itoa(hashes), "-q", "HSET", "hash:__rand_int__", "field", value[:199]+"y")
		if out, err := over.CombinedOutput(); err != nil {
			return fmt.Errorf("redis-benchmark: %w\n%s", err, out)
		}
		if sizes[i][1], err = s.resident(); err != nil {
			return err
		}
		fmt.Printf("| %s | %.0f | %.0f |\n", s.name, sizes[i][0]/1e6, sizes[i][1]/1e6)
	}
	fmt.Printf("| ratio | %.2f | %.2f |\n", sizes[0][0]/sizes[1][0], sizes[0][1]/sizes[1][1])
	return compareSaves(ctx, servers[:2], hashes)
}

// compareSaves saves the same keys on each server, alternating, while a client sends PING after PING.
func compareSaves(ctx context.Context, servers []*server, hashes int) error {
	fmt.Printf("\nwhile %d hashes are saved, medians of %d saves and the longest of all: how long a client that sends PING after PING waits, "+
		"and how long the server says that the save held its commands (latest_fork_usec), in ms\n\n", hashes, saveRounds)
	fmt.Println("| | PING p99 | longest PING | held | save, s |\n| --- | --- | --- | --- | --- |")
	for _, s := range servers {
		if _, err := s.ask(ctx, "CONFIG SET appendonly yes"); err != nil {
			return err
		}
		if _, _, err := s.pings(ctx, ""); err != nil {
			return err
		}
	}
	for _, command := range []string{"BGSAVE", "BGREWRITEAOF"} {
		got := map[*server][4][]float64{}
		for range saveRounds {
			for _, s := range servers {
				waits, took, err := s.pings(ctx, command)
				if err != nil {
					return err
				}
				held, err := s.ask(ctx, "INFO stats")
				if err != nil {
					return err
				}
				_, held, _ = strings.Cut(held, "latest_fork_usec:")
				held, _, _ = strings.Cut(held, "\r")
				us, err := strconv.ParseFloat(held, 64)
				if err != nil {
					return err
				}
				all := got[s]
				for i, v := range []float64{ms(waits[len(waits)*99/100]), ms(waits[len(waits)-1]), us / 1000, took.Seconds()} {
					all[i] = append(all[i], v)
				}
				got[s] = all
			}
		}
		for _, s := range servers {
			all := got[s]
			for i := range all {
				slices.Sort(all[i])
			}
			fmt.Printf("| %s, %s | %.2f | %.1f | %.2f | %.1f |\n", s.name, command, all[0][saveRounds/2], all[1][saveRounds-1], all[2][saveRounds-1], all[3][saveRounds/2])
		}
	}
	return nil
}

const saveRounds = 3

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// ask sends one command on a connection of its own.
func (s *server) ask(ctx context.Context, command string) (string, error) {
	out, err := exec.CommandContext(ctx, "redis-cli", append([]string{"-p", s.port}, strings.Fields(command)...)...).Output()
	return string(out), err
}

// pings sends a command ("": none) and, until nothing is being saved any more, PING after PING on another connection.
// It returns how long each waited, sorted, and how long the save took, to a hundredth of a second.
func (s *server) pings(ctx context.Context, command string) (waits []time.Duration, took time.Duration, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+s.port)
	if err != nil {
		return nil, 0, err
	}
	defer conn.Close()
	began := time.Now()
	if command != "" {
		if _, err := s.ask(ctx, command); err != nil {
			return nil, 0, err
		}
	}
	ended := make(chan error, 1)
	go func() {
		for {
			info, err := s.ask(ctx, "INFO persistence")
			if err != nil || strings.Contains(info, "rdb_bgsave_in_progress:0") && strings.Contains(info, "aof_rewrite_in_progress:0") {
				ended <- err
				return
			}
			if time.Since(began) > time.Minute {
				ended <- fmt.Errorf("%s does not end its save", s.name)
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	r := bufio.NewReader(conn)
	for {
		sent := time.Now()
		if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
			return nil, 0, err
		}
		if _, err := r.ReadString('\n'); err != nil {
			return nil, 0, err
		}
		waits = append(waits, time.Since(sent))
		select {
		case err := <-ended:
			slices.Sort(waits)
			return waits, time.Since(began), err
		default:
		}
	}
}
