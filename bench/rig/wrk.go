package rig

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// Wrk is one run of wrk. Its script ends with a line "SUMMARY requests microseconds p99 failed ...", where p50 may follow as "p50 MICROSECONDS".
type Wrk struct {
	Script      string // path
	Connections int
	Seconds     int
	URL         string
	Args        []string // of wrk
	ScriptArgs  []string
	CPU         int // to run on, from 1; 0: any
}

// Load is what a run gave: requests per second, and latencies in microseconds.
type Load struct {
	Rate, P50, P99 float64
}

// Run runs wrk with one thread. A failed request is an error.
func (w Wrk) Run(ctx context.Context) (Load, error) {
	all := []string{"wrk", "-t1", "-c" + strconv.Itoa(w.Connections), "-d", strconv.Itoa(w.Seconds) + "s", "-s", w.Script}
	all = append(append(append(all, w.Args...), w.URL, "--"), w.ScriptArgs...)
	if w.CPU > 0 {
		all = append([]string{"taskset", "-c", strconv.Itoa(w.CPU - 1)}, all...)
	}
	out, err := exec.CommandContext(ctx, all[0], all[1:]...).CombinedOutput() //nolint:gosec // wrk
	if err != nil {
		return Load{}, fmt.Errorf("wrk: %w: %.300s", err, out)
	}
	_, line, found := strings.Cut(string(out), "SUMMARY ")
	if !found {
		return Load{}, fmt.Errorf("wrk gave no summary: %.300s", out)
	}
	var requests, micros, failed float64
	var l Load
	if _, err := fmt.Sscan(line, &requests, &micros, &l.P99, &failed); err != nil {
		return Load{}, err
	}
	if _, p50, found := strings.Cut(line, "p50 "); found {
		if _, err := fmt.Sscan(p50, &l.P50); err != nil {
			return Load{}, err
		}
	}
	if failed > 0 || requests == 0 {
		return Load{}, fmt.Errorf("%s: %.0f of %.0f requests failed: %s", w.URL, failed, requests, strings.TrimSpace(line))
	}
	l.Rate = requests / (micros / 1e6)
	return l, nil
}
