// Command query measures Landings' reads and questions beside the programs that answer the like today, in one run on one machine:
// nginx with every answer as a file, PostgreSQL with PostGIS by pgbench, SQLite, Webdis, and, where flags name their programs, Tile38
// and json-server. Every request has other parameters, so that no cache of results answers, and the peers' answers are compared before
// anything is timed. With -records it measures how time and memory grow with generated data instead.
//
// It prints medians over alternating rounds and the ratios between them; only the ratios mean anything on another machine. It ends with
// a list of what is short of what is wanted, and fails where answers differ.
//
// It needs redis-server, nginx, wrk, webdis, sqlite3 and Debian's postgresql with postgis; taskset with -records. It knows Landings from outside only.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"landings/bench/rig"
)

//go:embed ask.lua
var askScript []byte

func main() { rig.Main("bench/query", run) }

// options are what the command line sets.
type options struct {
	landings, data     string
	tile38, jsonServer string
	rounds, seconds    int
	pool, compared     int
	skip               string
	records            int
}

// longest is how long a node may take to load or to start.
const longest = 30 * time.Minute

// bench is one run.
type bench struct {
	options
	*rig.Rig
	out   io.Writer
	short []string // lines that are less than what is wanted
	wrong []string // answers that differ

	runs, repeated, stalled int // see steady
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	flags := flag.NewFlagSet("query", flag.ContinueOnError)
	flags.StringVar(&o.landings, "landings", "bin/landings", "the program to measure")
	flags.StringVar(&o.data, "data", "../shared/data/nasa_meteorite_landings.csv", "the table to load, CSV with the columns of NASA's")
	flags.StringVar(&o.tile38, "tile38", "", "tile38-server, to measure beside it")
	flags.StringVar(&o.jsonServer, "json-server", "", "json-server 0.17, to measure beside it")
	flags.IntVar(&o.rounds, "rounds", 3, "alternating rounds")
	flags.IntVar(&o.seconds, "seconds", 1, "length of each measurement; percentiles are those of a node at work where it is longer than the time between two collections, 7 at ten million records")
	flags.IntVar(&o.pool, "pool", 100_000, "different requests of each kind")
	flags.IntVar(&o.compared, "compared", 100, "questions of each kind whose answers are compared")
	flags.StringVar(&o.skip, "skip", "", "parts to leave out: postgis, sqlite, webdis, questions, list, writes; with -records growth, latency, memory, start")
	flags.IntVar(&o.records, "records", 0, "measure so many generated records beside 45,716, instead of the peers")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.rounds < 1 || o.seconds < 1 || o.compared < 1 || o.pool < max(o.compared, scripts) {
		return fmt.Errorf("-rounds, -seconds and -compared have to be at least 1, and -pool at least %d", max(o.compared, scripts))
	}
	for _, program := range []*string{&o.landings, &o.tile38, &o.jsonServer} {
		var err error
		if *program, err = absolute(*program); err != nil {
			return fmt.Errorf("%w; make build makes bin/landings", err)
		}
	}
	r, err := rig.New()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer r.Close(cancel)
	if err := os.WriteFile(r.Path("ask.lua"), askScript, 0o600); err != nil {
		return err
	}
	b := &bench{options: o, Rig: r, out: out}
	if o.records > 0 {
		err = b.scale(ctx)
	} else {
		err = b.peers(ctx)
	}
	if err != nil {
		return err
	}
	b.conclude()
	if len(b.wrong) > 0 {
		return errors.New("answers differ")
	}
	return nil
}

// conclude prints what differs and what is short.
func (b *bench) conclude() {
	for _, list := range []struct {
		head, none string
		lines      []string
	}{{"Answers that differ:", "All answers that were checked are as they should be.", b.wrong}, {"Short:", "Nothing is short.", b.short}} {
		if len(list.lines) == 0 {
			fmt.Fprintln(b.out, "\n"+list.none)
			continue
		}
		fmt.Fprintln(b.out, "\n"+list.head)
		for _, line := range list.lines {
			fmt.Fprintln(b.out, "  "+line)
		}
	}
}

// atLeast gives a cell, and remembers it where it is short.
func (b *bench) atLeast(what string, ratio, least float64) string {
	return b.judge(what, rig.Verdict(ratio, least), ratio >= least)
}

// atMost is atLeast where less is better.
func (b *bench) atMost(what string, ratio, most float64) string {
	return b.judge(what, rig.Within(ratio, most), ratio <= most)
}

func (b *bench) judge(what, cell string, ok bool) string {
	if !ok {
		b.short = append(b.short, what+" "+cell)
	}
	return cell
}

func (b *bench) skips(part string) bool { return strings.Contains(b.skip, part) }

// connections is how many ask at the same time where requests per second are measured.
const connections = 4

// wrk asks a server for the paths of a file, from a line on.
func (b *bench) wrk(ctx context.Context, connections int, url, file string, start, cpu int, args ...string) (rig.Load, error) {
	return rig.Wrk{Script: b.Path("ask.lua"), Connections: connections, Seconds: b.seconds, URL: url, Args: args, ScriptArgs: []string{file, fmt.Sprint(start)}, CPU: cpu}.Run(ctx)
}
