package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// load measures writing everything and reading it back.
func (b *bench) load(ctx context.Context) error {
	web := func(name, url string) *contender {
		return &contender{
			name:  name,
			clear: func() error { _, err := do(ctx, http.MethodDelete, url+"/data", "", nil); return err },
			load: func() error {
				answer, err := do(ctx, http.MethodPost, url+"/data", "", b.in.json)
				if err != nil {
					return err
				}
				var report struct {
					Records int `json:"records"`
				}
				if err := json.Unmarshal(answer, &report); err != nil || report.Records != len(b.in.ids) {
					return fmt.Errorf("%s loaded other than %d records: %.300s", name, len(b.in.ids), answer)
				}
				return nil
			},
			read: func(encoding string) error { _, err := get(ctx, url+"/data", encoding); return err },
		}
	}
	landings := web("Landings", b.landingsURL)
	all := []*contender{landings}
	for i, f := range flaskForms {
		all = append(all, web(f.name, b.flaskURLs[i]))
	}
	pipe := &contender{
		name:  "redis-cli --pipe, one hash a record",
		clear: func() error { return b.redisCLI(ctx, nil, pipeDB, "flushdb") },
		load:  func() error { return b.redisCLI(ctx, b.in.resp, pipeDB, "--pipe") },
	}
	all = append(all, pipe)
	// One deletion more than loads: a contender that never loaded has nothing to delete.
	if _, err := do(ctx, http.MethodPost, b.landingsURL+"/data", "", b.in.json); err != nil {
		return err
	}
	for round := range b.rounds {
		for i := range all {
			// Each round begins with another one, so that nobody always follows the same neighbour.
			if err := all[(i+round)%len(all)].turn(); err != nil {
				return err
			}
		}
	}

	rows := [][]string{{"everything, seconds", "load", "fastest..slowest", "GET", "fastest..slowest", "GET gzip", "fastest..slowest", "first gzip GET after the load"}}
	for _, c := range all {
		row := []string{c.name, seconds(c.loads.median()), spread(c.loads), "", "", "", "", ""}
		if len(c.reads) > 0 {
			row[3], row[4] = seconds(c.reads.median()), spread(c.reads)
			row[5], row[6] = seconds(c.packed.median()), spread(c.packed)
			row[7] = seconds(c.firsts.median())
		}
		rows = append(rows, row)
	}
	b.table(rows)
	rows = [][]string{{"Landings is faster by", "load", "GET of everything", "GET of everything, gzip"}}
	for i, f := range flaskForms {
		peer := all[1+i]
		rows = append(rows, []string{"than " + f.name, verdict(peer.loads.median()/landings.loads.median(), f.atLeastLoad), verdict(peer.reads.median()/landings.reads.median(), f.atLeastReading),
			verdict(peer.packed.median()/landings.packed.median(), f.atLeastReading)})
	}
	b.table(append(rows, []string{"than " + pipe.name, verdict(pipe.loads.median()/landings.loads.median(), 1), "", ""}))
	return nil
}

// contender is one of those who load everything, and what it took, in seconds.
type contender struct {
	name  string
	clear func() error
	load  func() error
	read  func(encoding string) error // nil: it cannot be read over HTTP
	loads series
	reads series
	// Asked by a client that accepts gzip: the first time after a load, and then again.
	firsts, packed series
}

// turn is one round of one contender.
func (c *contender) turn() error {
	if err := c.clear(); err != nil {
		return err
	}
	if err := c.loads.time(c.load); err != nil || c.read == nil {
		return err
	}
	for _, ask := range []struct {
		encoding string
		took     *series
	}{{"gzip", &c.firsts}, {"", &c.reads}, {"gzip", &c.packed}} {
		if err := ask.took.time(func() error { return c.read(ask.encoding) }); err != nil {
			return err
		}
	}
	return nil
}

// time adds how long f took, in seconds.
func (s *series) time(f func() error) error {
	start := time.Now()
	err := f()
	*s = append(*s, time.Since(start).Seconds())
	return err
}

// redisCLI runs redis-cli in a database, with input as its standard input.
func (b *bench) redisCLI(ctx context.Context, input []byte, db int, args ...string) error {
	cmd := exec.CommandContext(ctx, "redis-cli", append([]string{"-h", "127.0.0.1", "-p", strconv.Itoa(b.redisPort), "-n", strconv.Itoa(db)}, args...)...)
	if input != nil {
		// A file, so that no time goes into feeding a pipe.
		file, err := os.Open(b.folder("input.resp"))
		if err != nil {
			return err
		}
		defer file.Close()
		cmd.Stdin = file
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("redis-cli: %w: %.300s", err, out)
	}
	if input != nil && !bytes.Contains(out, []byte("errors: 0, replies: "+strconv.Itoa(len(b.in.ids)))) {
		return fmt.Errorf("redis-cli --pipe: %.300s", out)
	}
	return nil
}

// serve measures answering from memory beside nginx answering the same bytes from files.
func (b *bench) serve(ctx context.Context) error {
	if _, err := do(ctx, http.MethodPost, b.landingsURL+"/data", "", b.in.json); err != nil {
		return err
	}
	if err := b.startNginx(ctx); err != nil {
		return err
	}
	middle := "/data/" + b.in.ids[len(b.in.ids)/2]
	cases := []struct {
		name    string
		path    string
		args    []string // of wrk
		script  []string // of the wrk script
		atLeast float64
	}{
		{"whole list", "/data", nil, nil, 1},
		{"whole list, gzip", "/data", []string{"-H", "Accept-Encoding: gzip"}, nil, 0.8},
		{"one record, always the same", middle, nil, nil, 0.9},
		{"one record, any", "/", nil, []string{b.folder("ids")}, 1},
	}
	rows := [][]string{{"requests per second, wrk -t1 -c4", "Landings", "slowest..fastest", "p99", "nginx", "slowest..fastest", "p99", "ratio", "nginx, open_file_cache", "slowest..fastest", "p99", "ratio"}}
	for _, c := range cases {
		urls := []string{b.landingsURL, b.staticURLs[0], b.staticURLs[1]}
		var rates, p99 [3]series
		for round := range b.rounds {
			for i := range urls {
				who := (i + round) % len(urls)
				url := urls[who] + c.path
				rate, latency, err := b.wrk(ctx, url, c.args, c.script)
				if err != nil {
					return err
				}
				rates[who] = append(rates[who], rate)
				p99[who] = append(p99[who], latency)
			}
		}
		row := []string{c.name}
		for who := range urls {
			row = append(row, fmt.Sprintf("%.0f", rates[who].median()), fmt.Sprintf("%.0f..%.0f", least(rates[who]), most(rates[who])), fmt.Sprintf("%.2f ms", p99[who].median()/1000))
			switch ratio := rates[0].median() / rates[who].median(); who {
			case 1:
				row = append(row, verdict(ratio, c.atLeast))
			case 2: // beyond what is asked for
				row = append(row, fmt.Sprintf("%.2f", ratio))
			}
		}
		rows = append(rows, row)
	}
	b.table(rows)
	return nil
}

// wrk gives requests per second and the 99th percentile of latency in microseconds.
func (b *bench) wrk(ctx context.Context, url string, args, script []string) (rate, p99 float64, err error) {
	return b.wrkScript(ctx, "wrk.lua", 4, url, args, script)
}

// runWrk runs wrk, whose script ends with a line that is made for this.
func (b *bench) runWrk(ctx context.Context, url string, all []string) (rate, p99 float64, err error) {
	out, err := exec.CommandContext(ctx, "wrk", all...).CombinedOutput()
	if err != nil {
		return 0, 0, fmt.Errorf("wrk: %w: %.300s", err, out)
	}
	_, line, found := strings.Cut(string(out), "SUMMARY ")
	var requests, micros, failed float64
	if !found {
		return 0, 0, fmt.Errorf("wrk gave no summary: %.300s", out)
	}
	if _, err := fmt.Sscan(line, &requests, &micros, &p99, &failed); err != nil {
		return 0, 0, err
	}
	if failed > 0 || requests == 0 {
		log, _ := os.ReadFile(b.folder("nginx", "error.log")) // where it was nginx that failed
		return 0, 0, fmt.Errorf("%s: %.0f of %.0f requests failed: %s\n%.1000s", url, failed, requests, strings.TrimSpace(line), log)
	}
	return requests / (micros / 1e6), p99, nil
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }

func spread(s series) string { return seconds(least(s)) + ".." + seconds(most(s)) }
