package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"

	"landings/bench/rig"
)

// growth are the sizes of dataset that writes are compared at, and how much more one may cost at the largest.
var growth = struct {
	sizes  []int
	atMost float64
}{[]int{1000, 1_000_000}, 2}

// grow measures what one write costs in a small and in a large dataset, each on a node and a Redis of its own: one client that
// waits for each answer, and many.
func (b *bench) grow(ctx context.Context) error {
	type place struct{ url, ids string }
	places := make([]place, len(growth.sizes))
	for i, n := range growth.sizes {
		ports, err := rig.FreePorts(2)
		if err != nil {
			return err
		}
		url, err := b.writable(ctx, "everysec", ports)
		if err != nil {
			return err
		}
		places[i] = place{url, b.Path("ids-" + strconv.Itoa(n))}
		if err := b.sample(ctx, n, url, places[i].ids); err != nil {
			return fmt.Errorf("%d records: %w", n, err)
		}
	}
	rows := [][]string{{"microseconds of a write, appendfsync everysec", "1,000 records", "1,000,000 records", "times"}}
	for _, clients := range []int{1, putClients} {
		took := make([]rig.Series, len(places))
		for round := range b.rounds {
			for i := range places {
				at := (i + round) % len(places)
				rate, _, err := b.write(ctx, clients, places[at].url, places[at].ids)
				if err != nil {
					return err
				}
				took[at] = append(took[at], 1e6/rate)
			}
		}
		small, large := took[0].Median(), took[len(took)-1].Median()
		rows = append(rows, []string{strconv.Itoa(clients) + " connections", fmt.Sprintf("%.1f", small), fmt.Sprintf("%.1f", large),
			rig.Within(large/small, growth.atMost)})
	}
	rig.Table(b.out, rows)
	return nil
}

// sample loads n generated records into a node, and writes their ids into a file.
func (b *bench) sample(ctx context.Context, n int, url, ids string) error {
	path := b.Path("sample.ndjson")
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	generate := exec.CommandContext(ctx, b.landings, "sample", "--records", strconv.Itoa(n), "--format", "ndjson")
	generate.Stdout, generate.Stderr = file, os.Stderr
	if err := errors.Join(generate.Run(), file.Close()); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, b.landings, "load", path, "--to", url).CombinedOutput(); err != nil {
		return fmt.Errorf("load: %w: %.300s", err, out)
	}
	if file, err = os.Open(path); err != nil {
		return err
	}
	defer file.Close()
	var list bytes.Buffer
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return os.WriteFile(ids, list.Bytes(), 0o600)
		}
		if err != nil {
			return err
		}
		var record struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(line, &record); err != nil {
			return err
		}
		list.WriteString(record.ID)
		list.WriteByte('\n')
	}
}
