package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"landings/bench/rig"
)

// backIn is how long after Redis answers again writes may still wait, on every node.
const backIn = 300 * time.Millisecond

// restarts measures how soon every node's writes go on after Redis was killed and started again.
func (b *bench) restarts(ctx context.Context) error {
	rows := [][]string{{fmt.Sprintf("from Redis's first answer until all nodes write, %d records, ms", b.records), "median", "longest"}}
	for _, way := range []struct {
		name string
		args []string
		save bool
	}{
		{"killed, comes back with an older save", []string{"--save", "", "--appendonly", "no"}, true},
		{"killed, comes back with what its append-only file has (everysec)", []string{"--save", "", "--appendonly", "yes", "--appendfsync", "everysec"}, false},
		{"killed, comes back with nothing", []string{"--save", "", "--appendonly", "no"}, false},
	} {
		w, err := b.world(ctx, "restart-"+strings.ReplaceAll(way.name, " ", "-"), nodes, way.args...)
		if err != nil {
			return err
		}
		ids, err := w.load(ctx, b.records)
		if err != nil {
			return err
		}
		var took rig.Series
		for range b.restart {
			if way.save {
				if err := redis(ctx, w.redisPort, "SAVE"); err != nil {
					return err
				}
			}
			if _, err := w.rates(ctx, ids, nodes); err != nil {
				return err
			}
			d, err := w.killAndWrite(ctx, ids)
			if err != nil {
				return err
			}
			took = append(took, d.Seconds()*1000)
		}
		w.stop()
		rows = append(rows, []string{way.name, rig.Within(took.Median(), backIn.Seconds()*1000), fmt.Sprintf("%.0f", slices.Max(took))})
	}
	rig.Table(b.out, rows)
	return nil
}

// killAndWrite kills Redis, begins a write on every node, starts Redis, and gives the time from its first answer to
// the last node's.
func (w *world) killAndWrite(ctx context.Context, ids []string) (time.Duration, error) {
	if err := w.redis.Process.Kill(); err != nil {
		return 0, err
	}
	w.b.Stop(w.redis)
	answered := make([]time.Time, nodes)
	group, writing := errgroup.WithContext(ctx) // Redis goes on after it
	for node := range nodes {
		group.Go(func() error {
			c, err := dial(writing, w.addresses[node])
			if err != nil {
				return err
			}
			defer c.conn.Close()
			if _, err := c.put(ids[node], int(time.Now().UnixMilli())); err != nil {
				return fmt.Errorf("node %d: %w", node, err)
			}
			answered[node] = time.Now()
			return nil
		})
	}
	// The nodes have seen that it is gone.
	time.Sleep(100 * time.Millisecond)
	if err := w.launchRedis(ctx); err != nil {
		return 0, err
	}
	for redis(ctx, w.redisPort, "EXISTS landings:datasets") != nil { // LOADING is no answer
		if writing.Err() != nil {
			return 0, group.Wait()
		}
		time.Sleep(500 * time.Microsecond)
	}
	back := time.Now()
	err := group.Wait()
	return max(0, slices.MaxFunc(answered, time.Time.Compare).Sub(back)), err
}

// redis runs a command and fails where its answer is an error.
func redis(ctx context.Context, port int, command string) error {
	d := net.Dialer{Timeout: time.Second}
	c, err := d.DialContext(ctx, "tcp", rig.Address(port))
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := c.Write([]byte(command + "\r\n")); err != nil {
		return err
	}
	reply := make([]byte, 200)
	n, err := c.Read(reply)
	if err == nil && n > 0 && reply[0] == '-' {
		err = fmt.Errorf("redis: %s", reply[:n])
	}
	return err
}
