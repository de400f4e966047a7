package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"landings/bench/rig"
)

// peer is one who answers questions; ask measures, answer gives an answer as a text that can be compared.
type peer struct {
	name    string
	judged  bool // Landings has to be faster
	asks    func(q *question) bool
	measure func(ctx context.Context, k int, round int) (float64, error)
	answer  func(ctx context.Context, s shape, q *question) (string, error) // nil: not compared
}

// peers measures NASA's data beside the others.
func (b *bench) peers(ctx context.Context) error {
	in, err := readInput(b.data)
	if err != nil {
		return err
	}
	n, err := startNode(ctx, b.Rig, b.landings, nil)
	if err != nil {
		return err
	}
	if _, err := rig.Do(ctx, http.MethodPost, n.url+"/data", "", in.list); err != nil {
		return err
	}
	var ids []string
	for i := range in.all {
		ids = append(ids, in.all[i].id)
	}
	static, err := b.Nginx(ctx, n.url, ids)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "%s, %d records as %.2f MB of JSON, medians of %d alternating rounds\n%s\n",
		time.Now().UTC().Format("2006-01-02 15:04 MST"), len(in.all), float64(len(in.list))/1e6, b.rounds, rig.Machine(ctx))
	fmt.Fprintln(b.out, "landings "+rig.Version(ctx, b.landings, "version")+"; "+rig.Version(ctx, "nginx", "-v"))
	if !b.skips("questions") {
		if err := b.questions(ctx, in, n, static[0]); err != nil {
			return err
		}
	}
	if !b.skips("list") {
		if err := b.list(ctx, n, static[0]); err != nil {
			return err
		}
	}
	if !b.skips("writes") {
		return b.whileWriting(ctx, in, n, static[0])
	}
	return nil
}

// questions measures every kind in every round with every peer in turn.
func (b *bench) questions(ctx context.Context, in *input, n *node, static string) error {
	m := newMaker(in.all, 1, false)
	pools := make([][]question, len(kinds))
	files := make([]string, len(kinds))
	for k := range kinds {
		seen := map[string]bool{}
		for tries := 0; len(pools[k]) < b.pool && tries < 20*b.pool; tries++ {
			q := kinds[k].make(m)
			if k == 0 || !seen[q.path] { // the records are as many as they are
				seen[q.path] = true
				pools[k] = append(pools[k], q)
			}
		}
		if len(pools[k]) < b.pool {
			return fmt.Errorf("%s: there are only %d different questions, and -pool wants %d", kinds[k].name, len(pools[k]), b.pool)
		}
		var err error
		if files[k], err = paths(b.Rig, fmt.Sprint(k), pools[k], nil); err != nil {
			return err
		}
	}
	all, err := b.startPeers(ctx, in, n, static, pools, files)
	if err != nil {
		return err
	}
	b.compare(ctx, all, pools)

	// What fails is a cell that says so: the others are measured all the same.
	rates := make([][]rig.Series, len(kinds))
	failed := map[[2]int]error{}
	for k := range kinds {
		rates[k] = make([]rig.Series, len(all))
	}
	for round := range b.rounds {
		for k := range kinds {
			for i := range all {
				p := (i + round) % len(all)
				if !all[p].asks(&pools[k][0]) || failed[[2]int{k, p}] != nil {
					continue
				}
				rate, err := all[p].measure(ctx, k, round)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err != nil {
					failed[[2]int{k, p}] = err
					fmt.Fprintf(b.out, "%s, %s: %v\n", all[p].name, kinds[k].name, err)
					continue
				}
				rates[k][p] = append(rates[k][p], rate)
			}
		}
	}

	head := []string{"per second", "Landings", "slowest..fastest", "to one record"}
	for _, p := range all[1:] {
		head = append(head, p.name, "ratio")
	}
	rows := [][]string{head}
	one := rates[0][0].Median()
	for k, kind := range kinds {
		ours := rates[k][0].Median()
		row := []string{kind.name, fmt.Sprintf("%.0f", ours), "", ""}
		if failed[[2]int{k, 0}] != nil {
			row[1] = "failed"
		} else {
			row[2] = fmt.Sprintf("%.0f..%.0f", slices.Min(rates[k][0]), slices.Max(rates[k][0]))
		}
		if kind.atLeast > 0 {
			row[3] = b.atLeast(kind.name+", to one record:", ours/one, kind.atLeast)
		}
		for p := 1; p < len(all); p++ {
			switch theirs := rates[k][p].Median(); {
			case failed[[2]int{k, p}] != nil:
				row = append(row, "failed", "")
			case theirs == 0:
				row = append(row, "", "")
			case all[p].judged:
				row = append(row, fmt.Sprintf("%.0f", theirs), b.atLeast(kind.name+", to "+all[p].name+":", ours/theirs, 1))
			default:
				row = append(row, fmt.Sprintf("%.0f", theirs), fmt.Sprintf("%.2f", ours/theirs))
			}
		}
		rows = append(rows, row)
	}
	rig.Table(b.out, rows)
	fmt.Fprintln(b.out, `Landings, nginx, Webdis, json-server: HTTP by wrk -t1 -c4. PostGIS: pgbench -c4 -j1, prepared, over a socket. Tile38: its own protocol, 4 connections.
SQLite: one process that asks itself, no network. Empty: the peer does not do this work (Tile38 has neither order, exact counts nor facets; SQLite no nearest on a sphere).`)
	return nil
}

func (b *bench) startPeers(ctx context.Context, in *input, n *node, static string, pools [][]question, files []string) ([]peer, error) {
	a := newAnswers(in.all)
	length := time.Duration(b.seconds) * time.Second
	start := func(k, round int) int { return round * len(pools[k]) / b.rounds }
	web := func(url string) func(context.Context, int, int) (float64, error) {
		return func(ctx context.Context, k, round int) (float64, error) {
			l, err := b.wrk(ctx, connections, url, files[k], start(k, round), 0)
			return l.Rate, err
		}
	}
	recordOnly := func(q *question) bool { return strings.HasPrefix(q.path, "/data/") }
	all := []peer{
		{"Landings", false, func(*question) bool { return true }, web(n.url), func(ctx context.Context, s shape, q *question) (string, error) { return a.landings(ctx, n.url, s, q) }},
		{"nginx", true, recordOnly, web(static), nil}, // its files were compared when they were made
	}
	if !b.skips("postgis") {
		p, err := startPostgres(ctx, b.Rig, in)
		if err != nil {
			return nil, err
		}
		fmt.Fprintln(b.out, "PostgreSQL "+p.version)
		all = append(all, peer{"PostGIS", true, func(q *question) bool { return q.sql != "" },
			func(ctx context.Context, k, round int) (float64, error) {
				return p.bench(ctx, b.Rig, fmt.Sprint(k), pools[k][min(start(k, round), len(pools[k])-scripts):], b.seconds)
			},
			func(ctx context.Context, s shape, q *question) (string, error) {
				rows, err := p.query(ctx, q.sql)
				if err != nil {
					return "", err
				}
				return a.sql(rows, s, q)
			}})
	}
	if b.tile38 != "" {
		port, err := startTile38(ctx, b.Rig, b.tile38, in)
		if err != nil {
			return nil, err
		}
		fmt.Fprintln(b.out, rig.Version(ctx, b.tile38, "--version"))
		commands := make([][][]byte, len(kinds))
		for k := range pools {
			for i := range pools[k] {
				if t := pools[k][i].tile; t != nil {
					commands[k] = append(commands[k], command(t...))
				}
			}
		}
		all = append(all, peer{"Tile38", true, func(q *question) bool { return q.tile != nil },
			func(ctx context.Context, k, round int) (float64, error) {
				at := start(k, round)
				return respLoad(ctx, port, append(commands[k][at:len(commands[k]):len(commands[k])], commands[k][:at]...), length)
			},
			func(ctx context.Context, s shape, q *question) (string, error) {
				c, err := dialResp(ctx, port)
				if err != nil {
					return "", err
				}
				defer c.close()
				reply, err := c.do(q.tile...)
				if err != nil {
					return "", err
				}
				return a.tile(reply, s, q)
			}})
	}
	if !b.skips("sqlite") {
		s, err := startSQLite(ctx, b.Rig, in)
		if err != nil {
			return nil, err
		}
		fmt.Fprintln(b.out, "SQLite "+rig.Version(ctx, "sqlite3", "--version"))
		all = append(all, peer{"SQLite", false, func(q *question) bool { return q.lite != "" },
			func(ctx context.Context, k, round int) (float64, error) {
				return s.bench(ctx, pools[k][start(k, round):], length/2)
			},
			func(ctx context.Context, sh shape, q *question) (string, error) {
				rows, err := s.query(ctx, q.lite)
				if err != nil {
					return "", err
				}
				return a.sql(rows, sh, q)
			}})
	}
	// Peers of the one record alone ask for it under other names.
	other := func(name, url string, change func(string) string) error {
		file, err := paths(b.Rig, name, pools[0], change)
		if err != nil {
			return err
		}
		all = append(all, peer{name, false, recordOnly, func(ctx context.Context, _, round int) (float64, error) {
			l, err := b.wrk(ctx, connections, url, file, start(0, round), 0)
			return l.Rate, err
		}, nil})
		return nil
	}
	if !b.skips("webdis") {
		url, err := startWebdis(ctx, b.Rig, n.redisPort, in)
		if err != nil {
			return nil, err
		}
		if err := other("Webdis", url, func(path string) string { return "/GET/" + strings.TrimPrefix(path, "/data/") + ".txt" }); err != nil {
			return nil, err
		}
	}
	if b.jsonServer != "" {
		url, err := startJSONServer(ctx, b.Rig, b.jsonServer, in)
		if err != nil {
			return nil, err
		}
		if err := other("json-server", url, func(path string) string { return path }); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// compare asks all peers the same questions. What differs is remembered, one question of each kind and peer in full.
func (b *bench) compare(ctx context.Context, all []peer, pools [][]question) {
	rows := [][]string{{"answers that are the same, of those compared"}}
	for _, p := range all[1:] {
		if p.answer != nil {
			rows[0] = append(rows[0], p.name)
		}
	}
	for k, kind := range kinds {
		row := []string{kind.name}
		ours := make([]string, b.compared)
		failed := make([]error, b.compared)
		for i := range ours {
			ours[i], failed[i] = all[0].answer(ctx, kind.shape, &pools[k][i])
		}
		for _, p := range all[1:] {
			if p.answer == nil {
				continue
			}
			if !p.asks(&pools[k][0]) {
				row = append(row, "")
				continue
			}
			same, first := 0, ""
			for i := range ours {
				q := &pools[k][i]
				theirs, err := p.answer(ctx, kind.shape, q)
				if err = errors.Join(failed[i], err); err == nil && alike(kind.shape, ours[i], theirs) {
					same++
				} else if first == "" {
					first = fmt.Sprintf("%s, %s:\n    GET %s\n    Landings %.300s\n    %s %.300s", kind.name, p.name, q.path, ours[i], p.name, theirs)
					if err != nil {
						first = fmt.Sprintf("%s, %s: %v", kind.name, p.name, err)
					}
				}
			}
			if first != "" {
				b.wrong = append(b.wrong, first)
			}
			row = append(row, fmt.Sprintf("%d of %d", same, len(ours)))
		}
		rows = append(rows, row)
	}
	rig.Table(b.out, rows)
}

// list measures everything in one answer.
func (b *bench) list(ctx context.Context, n *node, static string) error {
	rows := [][]string{{"whole list, per second", "Landings", "nginx", "ratio"}}
	for _, form := range listForms {
		ours, theirs, err := b.lists(ctx, n, static, form.args)
		if err != nil {
			return err
		}
		rows = append(rows, []string{form.name, fmt.Sprintf("%.0f", ours), fmt.Sprintf("%.0f", theirs), b.atLeast("whole list, "+form.name+", to nginx:", ours/theirs, form.atLeast)})
	}
	rig.Table(b.out, rows)
	return nil
}

// listForms are the codings of the whole list, and what is wanted of each beside nginx: at rest, and while writes land.
var listForms = []struct {
	name             string
	args             []string // of wrk
	atLeast, writing float64
}{{"identity", nil, 1, 0.8}, {"gzip", []string{"-H", "Accept-Encoding: gzip"}, 0.8, 0.4}}

// lists gives the medians of Landings and of nginx.
func (b *bench) lists(ctx context.Context, n *node, static string, args []string) (ours, theirs float64, err error) {
	file := b.Path("list.paths")
	if err := os.WriteFile(file, []byte("/data\n"), 0o600); err != nil {
		return 0, 0, err
	}
	urls := []string{n.url, static}
	var rates [2]rig.Series
	for round := range b.rounds {
		for i := range urls {
			who := (i + round) % len(urls)
			l, err := b.wrk(ctx, connections, urls[who], file, 0, 0, args...)
			if err != nil {
				return 0, 0, err
			}
			rates[who] = append(rates[who], l.Rate)
		}
	}
	return rates[0].Median(), rates[1].Median(), nil
}

// writeRate is how many single records a second are written while lists are read.
const writeRate = 1000

// whileWriting measures the whole list while single records are replaced, beside nginx on the same busy machine and beside nginx at rest.
func (b *bench) whileWriting(ctx context.Context, in *input, n *node, static string) error {
	rows := [][]string{{fmt.Sprintf("whole list while %d records a second are written", writeRate), "Landings", "writes per second", "nginx, meanwhile", "ratio", "nginx, no writes", "ratio"}}
	for _, form := range listForms {
		_, rest, err := b.lists(ctx, n, static, form.args)
		if err != nil {
			return err
		}
		w := startWriting(ctx, n.url, in)
		ours, theirs, err := b.lists(ctx, n, static, form.args)
		rate, fault := w.stop()
		if err = errors.Join(err, fault); err != nil {
			return err
		}
		what := "whole list while writing, " + form.name
		rows = append(rows, []string{form.name, fmt.Sprintf("%.0f", ours), b.atLeast(what+", writes to those wanted:", rate/writeRate, 0.99) + fmt.Sprintf(" %.0f", rate),
			fmt.Sprintf("%.0f", theirs), b.atLeast(what+", to nginx meanwhile:", ours/theirs, form.writing), fmt.Sprintf("%.0f", rest), b.atLeast(what+", to nginx without writes:", ours/rest, form.writing)})
	}
	rig.Table(b.out, rows)
	return nil
}

// writer replaces single records at a steady rate.
type writer struct {
	cancel  context.CancelFunc
	wait    sync.WaitGroup
	start   time.Time
	written atomic.Int64
	failed  atomic.Pointer[error]
}

func startWriting(ctx context.Context, url string, in *input) *writer {
	ctx, cancel := context.WithCancel(ctx)
	w := &writer{cancel: cancel, start: time.Now()}
	due := make(chan int, writeRate) // a second late at most
	w.wait.Go(func() {
		defer close(due)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for i := 0; ; {
			select {
			case <-ctx.Done():
				return
			case now := <-tick.C:
				for ; i < int(now.Sub(w.start).Seconds()*writeRate); i++ {
					select {
					case due <- i:
					default:
					}
				}
			}
		}
	})
	for range 16 {
		w.wait.Go(func() {
			for i := range due {
				at := i * 7919 % len(in.all) // all over the table
				_, err := rig.Do(ctx, http.MethodPut, url+"/data/"+in.all[at].id, "", in.records[at])
				if ctx.Err() != nil {
					return
				}
				if err != nil {
					w.failed.Store(&err)
					return
				}
				w.written.Add(1)
			}
		})
	}
	return w
}

// stop ends the writing and gives the rate that was reached.
func (w *writer) stop() (float64, error) {
	rate := float64(w.written.Load()) / time.Since(w.start).Seconds()
	w.cancel()
	w.wait.Wait()
	if err := w.failed.Load(); err != nil {
		return rate, *err
	}
	return rate, nil
}
