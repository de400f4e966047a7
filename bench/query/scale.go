package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"landings/bench/rig"
)

// baseRecords is the size that others are measured by: that of NASA's table, but generated as the others are.
const baseRecords = 45_716

// What is wanted as the records grow.
const (
	timesSlower   = 3    // a question with as many matching rows
	timesMedian   = 10   // p99 of a question
	memoryAtRest  = 2.5  // resident memory, to the bytes of the JSON list
	memoryLoading = 3    // its peak
	timesRawRead  = 3    // start to ready, to reading every key
	recordP99     = 1000 // microseconds, the load generator on another core
	pauseP99      = 1    // milliseconds
)

// scaleKinds are the questions whose number of matching rows is the same at any size.
var scaleKinds = append(slices.Clone(kinds), kind{"summary of mass and year by fall", 0, counts, (*maker).summary})

// growthConnections is how many ask at the same time where the time of a question is measured: as many as the least machine has processors.
// With more, a question waits for a processor that another one has, and the percentiles are those of the waiting.
const growthConnections = 2

// The time of the slowest hundredth is not to be had while the machine itself stalls for longer: such a run is made again, a few times.
const (
	mostStalled = 0.003 // of a run
	mostRepeats = 8
)

// checked is how many questions of each kind are asked before any is timed: indexes are built when they are first wanted, and the rows
// that match are counted.
const checked = 50

// sized is a node with generated records.
type sized struct {
	*node
	records   int
	file      string // JSON
	jsonBytes int64
	maker     *maker
	heads     [][]question // the first questions of each kind
	files     []string     // the paths of all
	wide      string       // paths of facets under a range of years
	loaded    time.Duration
	peak      int64 // resident bytes while it loaded into an empty node
	reload    int64 // and in place of as many records
	loads     int64 // resident bytes after the loads, before any question
	rest      int64 // after all questions
}

// scale measures generated data of two sizes in turn.
func (b *bench) scale(ctx context.Context) error {
	if b.records < baseRecords {
		return fmt.Errorf("-records has to be at least %d", baseRecords)
	}
	fmt.Fprintf(b.out, "%s, %d and %d generated records, medians of %d alternating rounds\n%s\nlandings %s\n", time.Now().UTC().Format("2006-01-02 15:04 MST"),
		baseRecords, b.records, b.rounds, rig.Machine(ctx), rig.Version(ctx, b.landings, "version"))
	small, err := b.size(ctx, baseRecords)
	if err != nil {
		return err
	}
	large, err := b.size(ctx, b.records)
	if err != nil {
		return err
	}
	for _, part := range []struct {
		name string
		run  func() error
	}{
		{"growth", func() error { return b.growth(ctx, small, large) }},
		{"latency", func() error { return b.latency(ctx, large) }},
		{"memory", func() error { return b.memory(ctx, large) }},
		{"start", func() error { return b.ready(ctx, large) }},
	} {
		if b.skips(part.name) {
			continue
		}
		if err := part.run(); err != nil {
			return err
		}
	}
	return nil
}

// size starts a node and loads generated records, twice.
func (b *bench) size(ctx context.Context, records int) (*sized, error) {
	s := &sized{records: records, file: b.Path(fmt.Sprintf("sample-%d.json", records))}
	file, err := os.Create(s.file)
	if err != nil {
		return nil, err
	}
	sample := exec.CommandContext(ctx, b.landings, "sample", "--records", strconv.Itoa(records)) //nolint:gosec // the program that is measured
	sample.Dir, sample.Stdout, sample.Stderr = b.Dir, file, os.Stderr
	err = sample.Run()
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	if s.node, err = startNode(ctx, b.Rig, b.landings, []string{"GODEBUG=gctrace=1"}); err != nil {
		return nil, err
	}
	for _, peak := range []*int64{&s.peak, &s.reload} {
		if err := resetPeak(s.cmd.Process.Pid); err != nil {
			return nil, err
		}
		start := time.Now()
		load := exec.CommandContext(ctx, b.landings, "load", s.file, "--to", s.url) //nolint:gosec // the program that is measured
		load.Dir = b.Dir
		if out, err := load.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("load: %w: %.500s", err, out)
		}
		if s.loaded == 0 {
			s.loaded = time.Since(start)
		}
		if *peak, err = memoryOf(s.cmd.Process.Pid, "VmHWM"); err != nil {
			return nil, err
		}
	}
	if s.jsonBytes, err = listBytes(ctx, s.url); err != nil {
		return nil, err
	}
	if s.loads, err = settled(ctx, s.cmd.Process.Pid); err != nil {
		return nil, err
	}
	return s, b.ask(ctx, s)
}

// ask makes the questions.
func (b *bench) ask(ctx context.Context, s *sized) error {
	sample := exec.CommandContext(ctx, b.landings, "sample", "--records", strconv.Itoa(s.records), "--format", "csv") //nolint:gosec // the program that is measured
	sample.Dir = b.Dir
	out, err := sample.StdoutPipe()
	if err != nil {
		return err
	}
	if err := sample.Start(); err != nil {
		return err
	}
	all, err := readLandings(bufio.NewReaderSize(out, 1<<20), nil)
	if err = errors.Join(err, sample.Wait()); err != nil {
		return err
	}
	s.maker = newMaker(all, 2, true)
	if len(s.maker.pairs) == 0 || len(s.maker.boxes) == 0 {
		return errors.New("found no questions with as many matching rows")
	}
	for k, kind := range scaleKinds {
		var pool []question
		for range b.pool {
			pool = append(pool, kind.make(s.maker))
		}
		file, err := paths(b.Rig, fmt.Sprintf("%d-%d", s.records, k), pool, nil)
		if err != nil {
			return err
		}
		s.heads, s.files = append(s.heads, slices.Clone(pool[:checked])), append(s.files, file)
	}
	var wide []question
	for range b.pool {
		wide = append(wide, s.maker.wide())
	}
	s.wide, err = paths(b.Rig, fmt.Sprintf("%d-wide", s.records), wide, nil)
	s.maker = nil // the records were needed for the questions alone
	runtime.GC()
	return err
}

// growth measures every kind at both sizes in turn.
func (b *bench) growth(ctx context.Context, small, large *sized) error {
	rows := [][]string{{fmt.Sprintf("time of a question, wrk -t1 -c%d", growthConnections), "rows", strconv.Itoa(small.records), strconv.Itoa(large.records), "ratio", "p50, p99 of the larger", "p99 to p50", "the first, at the larger"}}
	measure := func(name string, files [2]string, matching string, first time.Duration, most float64) error {
		var times [2]rig.Series
		var p50, p99 rig.Series
		for i, s := range []*sized{small, large} { // what a node makes of its own accord for questions that are asked again
			if _, err := b.wrk(ctx, growthConnections, s.url, files[i], b.pool/2, 0); err != nil {
				return err
			}
			if err := rig.WaitQuiet(ctx, longest, s.cmd.Process.Pid); err != nil {
				return err
			}
		}
		for round := range b.rounds {
			for i := range 2 {
				who := (i + round) % 2
				l, err := b.steady(ctx, []string{small.url, large.url}[who], files[who], round*b.pool/b.rounds)
				if err != nil {
					if ctx.Err() != nil {
						return ctx.Err()
					}
					fmt.Fprintf(b.out, "%s: %v\n", name, err)
					b.short = append(b.short, name+": failed")
					return nil
				}
				times[who] = append(times[who], growthConnections*1e6/l.Rate)
				if who == 1 {
					p50, p99 = append(p50, l.P50), append(p99, l.P99)
				}
			}
		}
		ratio := times[1].Median() / times[0].Median()
		spread := p99.Median() / max(p50.Median(), 1)
		judged := fmt.Sprintf("%.2f", spread)
		if matching != "grow" { // where they do, each question has another number of rows
			judged = b.atMost(name+", p99 to the median:", spread, timesMedian)
		}
		rows = append(rows, []string{name, matching, micros(times[0].Median()), micros(times[1].Median()), b.atMost(name+", time to that at the smaller size:", ratio, most),
			micros(p50.Median()) + ", " + micros(p99.Median()), judged, micros(float64(first.Microseconds()))})
		return nil
	}
	for k, kind := range scaleKinds {
		rows, _, err := b.warm(ctx, small, k)
		if err != nil {
			return err
		}
		more, first, err := b.warm(ctx, large, k)
		if err != nil {
			return err
		}
		if err := measure(kind.name, [2]string{small.files[k], large.files[k]}, rows+", "+more, first, timesSlower); err != nil {
			return err
		}
	}
	// As the rows grow with the data, the time may grow with the rows.
	if err := measure("facet of class, years, rows grow", [2]string{small.wide, large.wide}, "grow", 0, math.Round(100*float64(large.records)/float64(small.records))/100); err != nil {
		return err
	}
	rig.Table(b.out, rows)
	fmt.Fprintf(b.out, "%d of %d runs were made again, for the machine itself stalled for more than %.1f %% of them; %d stalled still.\n\n", b.repeated, b.runs, 100*mostStalled, b.stalled)
	return nil
}

// steady asks for the time of a question while the machine itself does not stall.
func (b *bench) steady(ctx context.Context, url, file string, start int) (rig.Load, error) {
	b.runs++
	for repeats := 0; ; repeats++ {
		end := rig.Stalls()
		l, err := b.wrk(ctx, growthConnections, url, file, start, 0)
		share := end()
		switch {
		case err != nil || share <= mostStalled:
			return l, err
		case repeats == mostRepeats:
			b.stalled++
			return l, nil
		}
		b.repeated++
	}
}

// warm asks the first questions of a kind, and gives how many rows match on average and how long the very first one took. Where the
// maker knows how many match, another number is wrong.
func (b *bench) warm(ctx context.Context, s *sized, k int) (rows string, first time.Duration, err error) {
	sum := 0
	for i := range s.heads[k] {
		q := &s.heads[k][i]
		start := time.Now()
		body, head, err := rig.DoHeader(ctx, http.MethodGet, s.url+q.path, "", nil)
		for err != nil && strings.Contains(err.Error(), "503 ") && time.Since(start) < longest && ctx.Err() == nil {
			body, head, err = rig.DoHeader(ctx, http.MethodGet, s.url+q.path, "", nil) // an index is being made
		}
		if err != nil {
			return "", 0, err
		}
		if i == 0 {
			first = time.Since(start)
		}
		matched := 1
		switch {
		case scaleKinds[k].shape == counts:
			var got struct {
				Matched int `json:"numberMatched"`
			}
			if err := json.Unmarshal(body, &got); err != nil {
				return "", 0, err
			}
			matched = got.Matched
		case scaleKinds[k].shape == byDistance:
			matched, err = strconv.Atoi(head.Get("Number-Returned"))
		case head.Get("Number-Matched") != "":
			matched, err = strconv.Atoi(head.Get("Number-Matched"))
		}
		if err != nil {
			return "", 0, err
		}
		if q.rows > 0 && matched != q.rows {
			b.wrong = append(b.wrong, fmt.Sprintf("%s at %d records: %d match, not %d: %s", scaleKinds[k].name, s.records, matched, q.rows, q.path))
		}
		sum += matched
	}
	// Some indexes are made when the first answers are there already.
	return strconv.Itoa(sum / len(s.heads[k])), first, rig.WaitQuiet(ctx, longest, s.cmd.Process.Pid)
}

func micros(us float64) string {
	if us >= 10_000 {
		return fmt.Sprintf("%.1f ms", us/1000)
	}
	return fmt.Sprintf("%.0f us", us)
}

// latency measures one record with the node on one core and the load generator on the other, and the collector's pauses meanwhile
// and while questions are answered.
func (b *bench) latency(ctx context.Context, s *sized) error {
	if runtime.NumCPU() < 2 {
		fmt.Fprintln(b.out, "\np99 of one record is left out: it takes two cores")
		return nil
	}
	pin := func(cores string) error {
		out, err := exec.CommandContext(ctx, "taskset", "-a", "-p", "-c", cores, strconv.Itoa(s.cmd.Process.Pid)).CombinedOutput() //nolint:gosec // numbers
		if err != nil {
			return fmt.Errorf("taskset: %w: %.200s", err, out)
		}
		return nil
	}
	for k := range s.files { // growth may be left out
		if _, _, err := b.warm(ctx, s, k); err != nil {
			return err
		}
	}
	if err := pin("0"); err != nil {
		return err
	}
	from, err := os.Stat(s.log)
	if err != nil {
		return err
	}
	p50, p99 := make([]rig.Series, len(s.files)), make([]rig.Series, len(s.files))
	for round := range b.rounds {
		for k, file := range s.files {
			l, err := b.wrk(ctx, connections, s.url, file, round*b.pool/b.rounds, 2)
			if err != nil {
				return err
			}
			p50[k], p99[k] = append(p50[k], l.P50), append(p99[k], l.P99)
		}
	}
	if err := pin(fmt.Sprintf("0-%d", runtime.NumCPU()-1)); err != nil {
		return err
	}
	pauses, err := pausesIn(s.log, from.Size())
	if err != nil {
		return err
	}
	rows := [][]string{
		{fmt.Sprintf("%d records, node and wrk on a core each", s.records), "p50", "p99", "p99 to p50", "to 1 ms"},
		{scaleKinds[0].name, micros(p50[0].Median()), micros(p99[0].Median()), fmt.Sprintf("%.2f", p99[0].Median()/p50[0].Median()), b.atMost("p99 of one record, to 1 ms:", p99[0].Median()/recordP99, 1)},
	}
	for k := 1; k < len(s.files); k++ {
		rows = append(rows, []string{scaleKinds[k].name, micros(p50[k].Median()), micros(p99[k].Median()), fmt.Sprintf("%.2f", p99[k].Median()/p50[k].Median()), ""})
	}
	if len(pauses) > 0 {
		at := func(q float64) float64 { return pauses[int(math.Ceil(q*float64(len(pauses))))-1] }
		rows = append(rows, []string{fmt.Sprintf("collector's pauses, %d", len(pauses)), fmt.Sprintf("%.3f ms", at(0.5)), fmt.Sprintf("%.3f ms", at(0.99)), "",
			b.atMost("p99 of the collector's pauses, to 1 ms:", at(0.99)/pauseP99, 1)})
	}
	rig.Table(b.out, rows)
	fmt.Fprintln(b.out, "wrk corrects its percentiles for the requests that a stall kept it from sending, so that one stall of a few milliseconds shows.")
	return nil
}

// pausesIn gives the sorted pauses, in milliseconds, that a log with GODEBUG=gctrace=1 names after an offset. A collection stops the
// world twice: "gc 7 @2.1s 3%: 0.02+4.5+0.01 ms clock, ..." names both around the time that it ran beside the program.
func pausesIn(path string, offset int64) ([]float64, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return nil, err
	}
	var pauses []float64
	scan := bufio.NewScanner(file)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		_, rest, ok := strings.Cut(scan.Text(), "%: ")
		clock, _, is := strings.Cut(rest, " ms clock")
		if !ok || !is || !strings.HasPrefix(scan.Text(), "gc ") {
			continue
		}
		parts := strings.Split(clock, "+")
		if len(parts) != 3 {
			return nil, fmt.Errorf("%s: a line of gctrace in another form: %.200s", path, scan.Text())
		}
		for _, i := range []int{0, 2} {
			ms, err := strconv.ParseFloat(parts[i], 64)
			if err != nil {
				return nil, err
			}
			pauses = append(pauses, ms)
		}
	}
	slices.Sort(pauses)
	return pauses, scan.Err()
}

// memory reads everything in both codings, so that all is cached that can be, and looks at what is resident.
func (b *bench) memory(ctx context.Context, s *sized) error {
	for _, form := range listForms {
		if err := drain(ctx, s.url+"/data", form.name); err != nil {
			return err
		}
	}
	var err error
	if s.rest, err = settled(ctx, s.cmd.Process.Pid); err != nil {
		return err
	}
	times := func(bytes int64) float64 { return float64(bytes) / float64(s.jsonBytes) }
	rows := [][]string{
		{fmt.Sprintf("resident memory of the node, %.1f MB of JSON", float64(s.jsonBytes)/1e6), "MB", "times the JSON"},
		{"after the loads", fmt.Sprintf("%.1f", float64(s.loads)/1e6), b.atMost("memory after the loads, to the JSON:", times(s.loads), memoryAtRest)},
		{"at rest, everything asked and both codings of the list cached", fmt.Sprintf("%.1f", float64(s.rest)/1e6), b.atMost("memory at rest, to the JSON:", times(s.rest), memoryAtRest)},
		{"peak of a load into an empty node", fmt.Sprintf("%.1f", float64(s.peak)/1e6), b.atMost("peak of a load, to the JSON:", times(s.peak), memoryLoading)},
		{"peak of a load in place of as many records", fmt.Sprintf("%.1f", float64(s.reload)/1e6), b.atMost("peak of a load over another, to the JSON:", times(s.reload), memoryLoading)},
	}
	rig.Table(b.out, rows)
	fmt.Fprintf(b.out, "load: %.2f s\n", s.loaded.Seconds())
	return nil
}

// ready measures from the start of a node until it is ready, beside reading every key's hash over one connection.
func (b *bench) ready(ctx context.Context, s *sized) error {
	var start, raw rig.Series
	for range b.rounds {
		took, err := readKeys(ctx, s.redisPort)
		if err != nil {
			return err
		}
		raw = append(raw, took.Seconds())
		b.Stop(s.cmd)
		at := time.Now()
		if err := s.start(ctx, b.Rig); err != nil {
			return err
		}
		start = append(start, time.Since(at).Seconds())
	}
	rig.Table(b.out, [][]string{
		{"seconds", "start to ready", "HGETALL of every key, pipelined", "ratio"},
		{strconv.Itoa(s.records) + " records", fmt.Sprintf("%.3f", start.Median()), fmt.Sprintf("%.3f", raw.Median()),
			b.atMost("start to ready, to a raw read:", start.Median()/raw.Median(), timesRawRead)},
	})
	return nil
}

// readKeys reads every hash of a Redis and forgets it. Finding the keys is not timed.
func readKeys(ctx context.Context, port int) (time.Duration, error) {
	c, err := dialResp(ctx, port)
	if err != nil {
		return 0, err
	}
	defer c.close()
	var commands [][]byte
	for cursor := "0"; ; {
		reply, err := c.do("SCAN", cursor, "COUNT", "1000", "TYPE", "hash")
		if err != nil {
			return 0, err
		}
		list, ok := reply.([]any)
		if !ok || len(list) != 2 {
			return 0, fmt.Errorf("SCAN answers %.200v", reply)
		}
		keys, _ := list[1].([]any)
		for _, key := range keys {
			commands = append(commands, command("HGETALL", fmt.Sprint(key)))
		}
		if cursor = fmt.Sprint(list[0]); cursor == "0" {
			break
		}
	}
	start, i := time.Now(), 0
	err = c.pipeline(64, func() []byte {
		if i == len(commands) {
			return nil
		}
		i++
		return commands[i-1]
	})
	return time.Since(start), err
}

// memoryOf gives a line of a process's status in bytes.
func memoryOf(pid int, name string) (int64, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("the process %d has no %s", pid, name)
}

// resetPeak makes VmHWM begin anew (proc(5), clear_refs).
func resetPeak(pid int) error {
	return os.WriteFile(filepath.Join("/proc", strconv.Itoa(pid), "clear_refs"), []byte("5"), 0o200)
}

// settled waits until a process's resident memory has not shrunk for longer than a node waits before it gives memory back, three minutes
// at most, and gives the least that it was.
func settled(ctx context.Context, pid int) (int64, error) {
	least, since := int64(math.MaxInt64), time.Now()
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end) && time.Since(since) < 75*time.Second; {
		now, err := memoryOf(pid, "VmRSS")
		if err != nil {
			return 0, err
		}
		if now < least-least/200 {
			since = time.Now()
		}
		least = min(least, now)
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(time.Second):
		}
	}
	return least, nil
}

// listBytes is how long the whole list is.
func listBytes(ctx context.Context, url string) (int64, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodHead, url+"/data", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		return 0, err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.ContentLength <= 0 {
		return 0, fmt.Errorf("HEAD /data: %s, length %d", resp.Status, resp.ContentLength)
	}
	return resp.ContentLength, nil
}

// drain reads a whole body and forgets it.
func drain(ctx context.Context, url, encoding string) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	q.Header.Set("Accept-Encoding", encoding)
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
