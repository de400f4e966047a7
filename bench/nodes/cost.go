package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"landings/bench/rig"
)

// dearer is how many times what a write costs in a small dataset it may cost in a large one.
const dearer = 2.0

// few is how many records the small one has.
const few = 1000

// cost measures what one write takes in a dataset with few and in one with many records: of time, one after the other, and of
// processor time of the node and Redis together, with all connections.
func (b *bench) cost(ctx context.Context) error {
	type contender struct {
		*world
		records        int
		ids            []string
		time, cpu, all rig.Series
	}
	contenders := []*contender{{records: few}, {records: b.many}}
	for _, c := range contenders {
		var err error
		if c.world, err = b.world(ctx, fmt.Sprint("cost-", c.records), 1, "--save", "", "--appendonly", "no"); err != nil {
			return err
		}
		defer c.stop()
		if c.ids, err = c.load(ctx, c.records); err != nil {
			return err
		}
	}
	for range b.rounds {
		for _, c := range contenders {
			until := time.Now().Add(time.Duration(b.seconds) * time.Second)
			writes, err := writers(ctx, c.addresses[0], 1, c.ids, 0, until)
			if err != nil {
				return err
			}
			var took []time.Duration
			for _, d := range writes {
				took = append(took, d.answered.Sub(d.sent))
			}
			c.time = append(c.time, quantile(took, 0.5).Seconds()*1e6)
			before, err := c.processor()
			if err != nil {
				return err
			}
			until = time.Now().Add(time.Duration(b.seconds) * time.Second)
			if writes, err = writers(ctx, c.addresses[0], b.connections, c.ids, 0, until); err != nil {
				return err
			}
			after, err := c.processor()
			if err != nil {
				return err
			}
			c.cpu = append(c.cpu, (after-before).Seconds()*1e6/float64(len(writes)))
			c.all = append(c.all, float64(len(writes))/float64(b.seconds))
		}
	}
	small, large := contenders[0], contenders[1]
	row := func(what string, s, l rig.Series, ratio float64) []string {
		return []string{what, fmt.Sprintf("%.1f", s.Median()), fmt.Sprintf("%.1f", l.Median()), rig.Within(ratio, dearer)}
	}
	rig.Table(b.out, [][]string{
		{"one write", strconv.Itoa(small.records) + " records", strconv.Itoa(large.records) + " records", "ratio"},
		row("median time, one after the other, µs", small.time, large.time, large.time.Median()/small.time.Median()),
		row(fmt.Sprintf("processor time of node and Redis, %d connections, µs", b.connections), small.cpu, large.cpu, large.cpu.Median()/small.cpu.Median()),
		row(fmt.Sprintf("writes per second, %d connections", b.connections), small.all, large.all, small.all.Median()/large.all.Median()),
	})
	return nil
}

// processor gives the processor time that Redis and the nodes have taken (proc(5), stat: utime and stime in ticks of 10 ms).
func (w *world) processor() (time.Duration, error) {
	var ticks int64
	for _, p := range append(w.running[:len(w.running):len(w.running)], w.redis) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
		if err != nil {
			return 0, err
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		if len(fields) < 13 {
			return 0, fmt.Errorf("/proc/%d/stat: %.100s", p.Process.Pid, text)
		}
		for _, f := range fields[11:13] {
			n, err := strconv.ParseInt(f, 10, 64)
			if err != nil {
				return 0, err
			}
			ticks += n
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}
