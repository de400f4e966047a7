// Command bench measures Landings beside the programs that do its work today, in one run on one machine: the
// tutorial's Flask solution in two forms, redis-cli --pipe, nginx serving the same bytes as files, and redis-benchmark. It prints
// medians over alternating rounds and the ratios between them; only the ratios mean anything on another machine.
//
// It needs redis-server, redis-cli, nginx, wrk, and Debian's python3-flask, python3-redis, python3-hiredis and gunicorn;
// strace for -sync.
// It knows Landings from outside only.
package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"landings/bench/rig"
)

func main() { rig.Main("bench", run) }

// options are what the command line sets.
type options struct {
	landings string
	data     string
	rounds   int
	seconds  int
	skip     string
	sync     time.Duration
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.landings, "landings", "bin/landings", "the program to measure")
	flags.StringVar(&o.data, "data", "../shared/data/nasa_meteorite_landings.csv", "the table to load, CSV with a column id")
	flags.IntVar(&o.rounds, "rounds", 5, "alternating rounds")
	flags.IntVar(&o.seconds, "seconds", 3, "length of each wrk run")
	flags.StringVar(&o.skip, "skip", "", "parts to leave out: load, serve, put, grow")
	flags.DurationVar(&o.sync, "sync", 0, "how much longer each sync of Redis takes while single records are put, as if on a slower disk (by strace)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.rounds < 1 || o.seconds < 1 || o.sync < 0 || o.sync > time.Second {
		return errors.New("-rounds and -seconds have to be at least 1, -sync from 0s to 1s")
	}
	in, err := readTable(o.data)
	if err != nil {
		return err
	}
	r, err := rig.New()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b := &bench{options: o, Rig: r, in: in, out: out}
	defer r.Close(cancel)
	if err := b.startAll(ctx); err != nil {
		return err
	}
	b.describe(ctx)
	for _, part := range []struct {
		name string
		run  func(context.Context) error
	}{{"load", b.load}, {"serve", b.serve}, {"put", b.put}, {"grow", b.grow}} {
		if strings.Contains(o.skip, part.name) {
			continue
		}
		if err := part.run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// input is the table in the forms that the contenders take.
type input struct {
	ids  []string
	json []byte // a list of objects of texts
	resp []byte // one HSET a record, as redis-cli --pipe reads them
}

// readTable reads the table at path.
func readTable(path string) (*input, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w; name another table with -data", err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(rows) < 2 || !slices.Contains(rows[0], "id") {
		return nil, fmt.Errorf("%s: no rows, or no column id", path)
	}
	head := rows[0]
	idColumn := slices.Index(head, "id")
	in := &input{}
	var list, resp bytes.Buffer
	list.WriteByte('[')
	for i, row := range rows[1:] {
		if i > 0 {
			list.WriteString(",\n")
		}
		in.ids = append(in.ids, row[idColumn])
		command := []string{"HSET", "meteorite:" + row[idColumn]}
		for j, cell := range row {
			list.WriteByte("{,"[min(j, 1)])
			name, err := json.Marshal(head[j])
			if err != nil {
				return nil, err
			}
			value, err := json.Marshal(cell)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&list, "%s:%s", name, value)
			command = append(command, head[j], cell)
		}
		list.WriteByte('}')
		fmt.Fprintf(&resp, "*%d\r\n", len(command))
		for _, word := range command {
			fmt.Fprintf(&resp, "$%d\r\n%s\r\n", len(word), word)
		}
	}
	list.WriteByte(']')
	in.json, in.resp = list.Bytes(), resp.Bytes()
	return in, nil
}

// describe prints what was measured on what.
func (b *bench) describe(ctx context.Context) {
	version := func(name string, args ...string) string { return rig.Version(ctx, name, args...) }
	fmt.Fprintf(b.out, "%s, %d records as %.2f MB of JSON, medians of %d alternating rounds\n",
		time.Now().UTC().Format("2006-01-02 15:04 MST"), len(b.in.ids), float64(len(b.in.json))/1e6, b.rounds)
	fmt.Fprintln(b.out, rig.Machine(ctx))
	fmt.Fprintf(b.out, "landings %s; %s; %s; %s\n", version(b.landings, "version"),
		version("redis-server", "--version"), version("nginx", "-v"),
		version(python, "-c", `import sys, flask, redis, gunicorn
try: import hiredis; h = hiredis.__version__
except ImportError: h = "absent"
print("Python", sys.version.split()[0], "Flask", getattr(flask, "__version__", "?"), "redis-py", redis.__version__, "hiredis", h, "gunicorn", gunicorn.__version__)`))
}

func least(s rig.Series) float64 { return slices.Min(s) }

func most(s rig.Series) float64 { return slices.Max(s) }
