package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"landings/bench/rig"
)

// What is asked: of three nodes that contend beside one, of each of them beside a third of what they do together, and of how soon a
// write is seen on another node.
const (
	together  = 0.3
	fair      = 0.5
	visibleIn = 5 * time.Millisecond
)

// share measures nodes that share a dataset.
func (b *bench) share(ctx context.Context) error {
	w, err := b.world(ctx, "share", nodes, "--save", "", "--appendonly", "no")
	if err != nil {
		return err
	}
	defer w.stop()
	ids, err := w.load(ctx, b.records)
	if err != nil {
		return err
	}
	one, three, err := w.contend(ctx, ids)
	if err != nil || !strings.Contains(b.only, "visible") {
		return err
	}
	rows := [][]string{{"until a write to one node is seen on another", "writes per second", "p99 after its answer, ms", "longest, ms", "p99 after it was sent, ms", "processor time a write, µs: Redis, who writes, the others"}}
	for _, at := range []struct {
		what string
		rate float64
	}{{"half of what one node can do", one / 2}, {"half of what three can do together", three / 2}} {
		row, err := w.visible(ctx, ids, at.rate)
		if err != nil {
			return err
		}
		rows = append(rows, append([]string{at.what}, row...))
	}
	rig.Table(b.out, rows)
	return nil
}

// contend measures writes to one node, and the same number of connections spread over all, by turns. It gives both rates.
func (w *world) contend(ctx context.Context, ids []string) (one, three float64, err error) {
	var alone, all, ratios, least rig.Series
	for range w.b.rounds {
		first, err := w.rates(ctx, ids, 1)
		if err != nil {
			return 0, 0, err
		}
		each, err := w.rates(ctx, ids, nodes)
		if err != nil {
			return 0, 0, err
		}
		sum := 0.0
		for _, r := range each {
			sum += r
		}
		alone, all = append(alone, first[0]), append(all, sum)
		ratios, least = append(ratios, sum/first[0]), append(least, slices.Min(each)/(sum/nodes))
	}
	rig.Table(w.b.out, [][]string{
		{fmt.Sprintf("writes per second, %d connections, %d records", w.b.connections, w.b.records), "one node", "three nodes", "ratio", "the slowest of them beside its share"},
		{"PUT over HTTP, appendonly no", fmt.Sprintf("%.0f", alone.Median()), fmt.Sprintf("%.0f", all.Median()), rig.Verdict(ratios.Median(), together), rig.Verdict(least.Median(), fair)},
	})
	return alone.Median(), all.Median(), nil
}

// rates has the connections write to the first n nodes, and gives the writes per second of each.
func (w *world) rates(ctx context.Context, ids []string, n int) ([]float64, error) {
	rates := make([]float64, n)
	begun := time.Now()
	until := begun.Add(time.Duration(w.b.seconds) * time.Second)
	group, ctx := errgroup.WithContext(ctx)
	for i := range n {
		group.Go(func() error {
			writes, err := writers(ctx, w.addresses[i], w.b.connections/n, ids, 0, until)
			rates[i] = float64(len(writes)) / until.Sub(begun).Seconds()
			return err
		})
	}
	return rates, group.Wait()
}

// seen is what a look at a node found.
type seen struct {
	at      time.Time
	version uint64
}

// visible measures, while one node takes so many writes a second, how long after its answer each write is seen on another one. It
// gives a row of the table.
func (w *world) visible(ctx context.Context, ids []string, wanted float64) ([]string, error) {
	var afterAnswer, afterSending, worst rig.Series
	var rate rig.Series
	cost := make([]rig.Series, 1+nodes)
	for range w.b.rounds {
		before, err := w.processor()
		if err != nil {
			return nil, err
		}
		until := time.Now().Add(time.Duration(w.b.seconds) * time.Second)
		group, ctx := errgroup.WithContext(ctx)
		var writes []done
		var looks []seen
		group.Go(func() (err error) {
			writes, err = writers(ctx, w.addresses[0], w.b.connections, ids, wanted, until)
			return err
		})
		group.Go(func() (err error) {
			looks, err = w.watch(ctx, 1, ids[0], until.Add(200*time.Millisecond))
			return err
		})
		if err := group.Wait(); err != nil {
			return nil, err
		}
		after, err := w.processor()
		if err != nil {
			return nil, err
		}
		for i, c := range spent(before, after, len(writes)) {
			cost[i] = append(cost[i], c)
		}
		var answered, sent []time.Duration
		for _, d := range writes {
			at, _ := slices.BinarySearchFunc(looks, d.version, func(s seen, version uint64) int {
				if s.version < version {
					return -1
				}
				return 1
			})
			if at == len(looks) {
				return nil, fmt.Errorf("version %d was not seen on the other node within 200 ms", d.version)
			}
			answered = append(answered, max(0, looks[at].at.Sub(d.answered)))
			sent = append(sent, looks[at].at.Sub(d.sent))
		}
		rate = append(rate, float64(len(writes))/float64(w.b.seconds))
		afterAnswer = append(afterAnswer, quantile(answered, 0.99).Seconds()*1000)
		afterSending = append(afterSending, quantile(sent, 0.99).Seconds()*1000)
		worst = append(worst, quantile(answered, 1).Seconds()*1000)
	}
	return []string{
		fmt.Sprintf("%.0f", rate.Median()), rig.Within(afterAnswer.Median(), visibleIn.Seconds()*1000), fmt.Sprintf("%.2f", worst.Median()), fmt.Sprintf("%.2f", afterSending.Median()),
		fmt.Sprintf("%.0f, %.0f, %.0f, %.0f", cost[0].Median(), cost[1].Median(), cost[2].Median(), cost[3].Median()),
	}, nil
}

// lookEvery is how often the other node is asked which version it is at.
const lookEvery = 200 * time.Microsecond

// watch asks a node all the time which version it shows. A version that is seen was there when its answer came.
func (w *world) watch(ctx context.Context, node int, id string, until time.Time) ([]seen, error) {
	c, err := dial(ctx, w.addresses[node])
	if err != nil {
		return nil, err
	}
	defer c.conn.Close()
	var looks []seen
	for time.Now().Before(until) && ctx.Err() == nil {
		version, err := c.get(id)
		if err != nil {
			return nil, err
		}
		if n := len(looks); n == 0 || looks[n-1].version != version {
			looks = append(looks, seen{time.Now(), version})
		}
		time.Sleep(lookEvery)
	}
	return looks, ctx.Err()
}
