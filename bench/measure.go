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
	"time"

	"landings/bench/rig"
)

// load measures writing everything and reading it back.
func (b *bench) load(ctx context.Context) error {
	web := func(name, url string) *contender {
		return &contender{
			name:  name,
			clear: func() error { _, err := rig.Do(ctx, http.MethodDelete, url+"/data", "", nil); return err },
			load: func() error {
				answer, err := rig.Do(ctx, http.MethodPost, url+"/data", "", b.in.json)
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
			read: func(encoding string) error { _, err := rig.Get(ctx, url+"/data", encoding); return err },
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
	if _, err := rig.Do(ctx, http.MethodPost, b.landingsURL+"/data", "", b.in.json); err != nil {
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
		row := []string{c.name, seconds(c.loads.Median()), spread(c.loads), "", "", "", "", ""}
		if len(c.reads) > 0 {
			row[3], row[4] = seconds(c.reads.Median()), spread(c.reads)
			row[5], row[6] = seconds(c.packed.Median()), spread(c.packed)
			row[7] = seconds(c.firsts.Median())
		}
		rows = append(rows, row)
	}
	rig.Table(b.out, rows)
	rows = [][]string{{"Landings is faster by", "load", "GET of everything", "GET of everything, gzip"}}
	for i, f := range flaskForms {
		peer := all[1+i]
		rows = append(rows, []string{"than " + f.name, rig.Verdict(peer.loads.Median()/landings.loads.Median(), f.atLeastLoad), rig.Verdict(peer.reads.Median()/landings.reads.Median(), f.atLeastReading),
			rig.Verdict(peer.packed.Median()/landings.packed.Median(), f.atLeastReading)})
	}
	rig.Table(b.out, append(rows, []string{"than " + pipe.name, rig.Verdict(pipe.loads.Median()/landings.loads.Median(), 1), "", ""}))
	return nil
}

// contender is one of those who load everything, and what it took, in seconds.
type contender struct {
	name  string
	clear func() error
	load  func() error
	read  func(encoding string) error // nil: it cannot be read over HTTP
	loads rig.Series
	reads rig.Series
	// Asked by a client that accepts gzip: the first time after a load, and then again.
	firsts, packed rig.Series
}

// turn is one round of one contender.
func (c *contender) turn() error {
	if err := c.clear(); err != nil {
		return err
	}
	if err := timed(&c.loads, c.load); err != nil || c.read == nil {
		return err
	}
	for _, ask := range []struct {
		encoding string
		took     *rig.Series
	}{{"gzip", &c.firsts}, {"", &c.reads}, {"gzip", &c.packed}} {
		if err := timed(ask.took, func() error { return c.read(ask.encoding) }); err != nil {
			return err
		}
	}
	return nil
}

// timed adds how long f took, in seconds.
func timed(s *rig.Series, f func() error) error {
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
		file, err := os.Open(b.Path("input.resp"))
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
	if _, err := rig.Do(ctx, http.MethodPost, b.landingsURL+"/data", "", b.in.json); err != nil {
		return err
	}
	urls, err := b.Nginx(ctx, b.landingsURL, b.in.ids)
	if err != nil {
		return err
	}
	b.staticURLs = urls
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
		{"one record, any", "/", nil, []string{b.Path("ids")}, 1},
	}
	rows := [][]string{{"requests per second, wrk -t1 -c4", "Landings", "slowest..fastest", "p99", "nginx", "slowest..fastest", "p99", "ratio", "nginx, open_file_cache", "slowest..fastest", "p99", "ratio"}}
	for _, c := range cases {
		urls := []string{b.landingsURL, b.staticURLs[0], b.staticURLs[1]}
		var rates, p99 [3]rig.Series
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
			row = append(row, fmt.Sprintf("%.0f", rates[who].Median()), fmt.Sprintf("%.0f..%.0f", least(rates[who]), most(rates[who])), fmt.Sprintf("%.2f ms", p99[who].Median()/1000))
			switch ratio := rates[0].Median() / rates[who].Median(); who {
			case 1:
				row = append(row, rig.Verdict(ratio, c.atLeast))
			case 2: // beyond what is asked for
				row = append(row, fmt.Sprintf("%.2f", ratio))
			}
		}
		rows = append(rows, row)
	}
	rig.Table(b.out, rows)
	return nil
}

// wrk gives requests per second and the 99th percentile of latency in microseconds.
func (b *bench) wrk(ctx context.Context, url string, args, script []string) (rate, p99 float64, err error) {
	return b.wrkScript(ctx, "wrk.lua", 4, url, args, script)
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }

func spread(s rig.Series) string { return seconds(least(s)) + ".." + seconds(most(s)) }
