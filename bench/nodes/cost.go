package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
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
		records               int
		ids                   []string
		time, alone, cpu, all rig.Series
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
			begun, err := c.processor()
			if err != nil {
				return err
			}
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
			each := spent(begun, before, len(writes))
			c.alone = append(c.alone, each[0]+each[1])
			until = time.Now().Add(time.Duration(b.seconds) * time.Second)
			if writes, err = writers(ctx, c.addresses[0], b.connections, c.ids, 0, until); err != nil {
				return err
			}
			after, err := c.processor()
			if err != nil {
				return err
			}
			each = spent(before, after, len(writes))
			c.cpu = append(c.cpu, each[0]+each[1])
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
		row("processor time of node and Redis, one after the other, µs", small.alone, large.alone, large.alone.Median()/small.alone.Median()),
		row(fmt.Sprintf("processor time of node and Redis, %d connections, µs", b.connections), small.cpu, large.cpu, large.cpu.Median()/small.cpu.Median()),
		row(fmt.Sprintf("writes per second, %d connections", b.connections), small.all, large.all, small.all.Median()/large.all.Median()),
	})
	return nil
}

// processor gives the processor time that Redis and then each of the nodes have taken.
func (w *world) processor() ([]time.Duration, error) {
	var each []time.Duration
	for _, p := range append([]*exec.Cmd{w.redis}, w.running...) {
		took, err := rig.Processor(p.Process.Pid)
		if err != nil {
			return nil, err
		}
		each = append(each, took)
	}
	return each, nil
}

// spent gives the processor time between two readings that each process took for one of so many writes, in microseconds.
func spent(before, after []time.Duration, writes int) []float64 {
	each := make([]float64, len(before))
	for i := range before {
		each[i] = (after[i] - before[i]).Seconds() * 1e6 / float64(writes)
	}
	return each
}
