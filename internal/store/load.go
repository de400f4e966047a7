package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"landings/internal/dataset"
	"landings/internal/resp"
)

// generation is one field of the gens hash: what is known of one bulk load.
type generation struct {
	State   generationState `json:"state"`
	Run     string          `json:"run"`             // the incarnation of Redis it was written to
	Lease   int64           `json:"lease,omitempty"` // of a loading one: Redis's time in ms until which its writer is believed alive
	Since   int64           `json:"since,omitempty"` // of a dead one: Redis's time in ms when it was found dead
	Records int             `json:"records"`
	Buckets uint64          `json:"buckets"` // its buckets have numbers below this
	Node    string          `json:"node,omitempty"`
	Load    string          `json:"load,omitempty"` // names the load: where Redis forgot a number, another one may get it
	Kept    *earlier        `json:"kept,omitempty"` // of a kept one: what it was
}

// earlier is what meta said of a generation when another one took its place.
type earlier struct {
	At       int64          `json:"at"`              // when that was: Unix time in ms, by the clock of Redis, as the collector goes by it
	Epoch    string         `json:"epoch,omitempty"` // of which dataset of this name
	Digest   string         `json:"digest"`
	Schema   dataset.Schema `json:"schema"`
	Source   string         `json:"source"`
	LoadedAt time.Time      `json:"loaded_at"`
}

// of says whether it was an earlier load of that dataset, and not of one of the same name that was deleted.
func (e *earlier) of(epoch string) bool { return e.Epoch == "" || e.Epoch == epoch }

type generationState string

const (
	loading generationState = "loading" // being written
	live    generationState = "live"    // what meta names
	kept    generationState = "kept"    // an earlier one that can be gone back to
	dead    generationState = "dead"    // to be deleted
)

func (g generation) String() string {
	b, err := json.Marshal(g)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return string(b)
}

// counter is the field of the gens hash from which generations get their numbers.
const counter = "last"

// staged is a generation that was written whole and waits for its switch.
type staged struct {
	generation uint64
	entry      generation
	load       dataset.Load
	prepare    func() (replace func(dataset.State)) // of the copy; it takes time when called first
	seen       int64                                // when Redis was last seen to hold all of it: Unix time in ms, by its clock
}

// errStale says that a staged generation can no longer be switched to, though
// nothing is wrong with its records: write it again.
var errStale = errors.New("the staged records were lost")

// Replace makes load the whole content of a dataset, and makes the dataset where
// there is none. It writes the records beside those that readers see and then
// switches to them by one commit, so that a load that fails changes nothing.
func (s *Store) Replace(ctx context.Context, name string, load dataset.Load, check dataset.Check) (dataset.State, error) {
	if err := dataset.CheckName(name); err != nil {
		return dataset.State{}, err
	}
	return s.replace(ctx, name, load, s.prepare(name, load), nil, time.Now().Add(s.opts.WriteTimeout), check)
}

// Load is Replace for what is still to be read: the buckets that read hands over
// are written while it reads on. Its error is returned as it is.
func (s *Store) Load(ctx context.Context, name string, read dataset.Read, check dataset.Check) (dataset.State, error) {
	if err := dataset.CheckName(name); err != nil {
		return dataset.State{}, err
	}
	a := s.stageAhead(ctx, name)
	defer func() { a.staging.discard() }()
	var prepare func() func(dataset.State)
	var done time.Time
	load, err := a.read(func(ahead dataset.Ahead) (dataset.Load, error) {
		load, err := read(ahead)
		done = time.Now()
		if err == nil { // while the last buckets are written
			prepare = s.prepare(name, load)
		}
		return load, err
	})
	if err != nil {
		return dataset.State{}, err
	}
	begun := a.take(load.Records)
	// What was staged ahead has been waited for already, since Redis last answered.
	if a.heard.After(done) {
		done = a.heard
	}
	return s.replace(ctx, name, load, prepare, begun, done.Add(s.opts.WriteTimeout), check)
}

// prepare begins with what takes time of putting a load into the copy, and gives what waits
// for it.
func (s *Store) prepare(name string, load dataset.Load) func() func(dataset.State) {
	k := s.keeper(name)
	prepare := sync.OnceValue(func() func(dataset.State) { return k.replica.Prepare(load.Records) })
	s.wg.Go(func() { prepare() })
	return prepare
}

// replace is Replace of what is being prepared, where begun, if it is not nil, has written
// the first of the load's buckets. From the deadline on it does not wait for a Redis that is away.
func (s *Store) replace(ctx context.Context, name string, load dataset.Load, prepare func() func(dataset.State), begun *staging, deadline time.Time, check dataset.Check) (dataset.State, error) {
	k := s.keeper(name)
	for attempts := 0; ; attempts++ {
		g, err := s.stage(ctx, name, load, begun, deadline)
		begun = nil
		if err == nil {
			g.prepare = prepare
			var state dataset.State
			if state, err = k.submit(ctx, &request{staged: g, check: check}); err == nil {
				return state, nil
			}
			if dataset.CodeOf(err) == dataset.OutcomeUnknown {
				return state, err
			}
			if dataset.CodeOf(err) == dataset.Unavailable {
				s.wg.Go(func() { s.discard(name, g) }) // nobody waits for a Redis that is away
			} else {
				s.discard(name, g)
			}
		}
		// Redis went away below the load: the records are still here, so write
		// them again as soon as it is back.
		again := errors.Is(err, errStale) && attempts < 20 || dataset.CodeOf(err) == dataset.Unavailable && healingOf(err) == soon && time.Now().Before(deadline)
		if !again || !pause(ctx, backoff(attempts)) || s.ctx.Err() != nil {
			if e, ok := errors.AsType[*dataset.Error](err); ok && e.Code == dataset.Unavailable {
				return dataset.State{}, &dataset.Error{Code: e.Code, Message: "nothing was loaded: " + e.Message, Remedy: e.Remedy, Err: err}
			}
			return dataset.State{}, s.explain(err)
		}
		if errors.Is(err, errStale) {
			deadline = time.Now().Add(s.opts.WriteTimeout)
		}
	}
}

// time is Redis's clock in milliseconds: leases are compared by nodes whose own
// clocks differ.
func (w *wire) time(ctx context.Context) (int64, error) {
	return parseTime(w.do(ctx, cmd("TIME", "")).Texts())
}

func parseTime(parts []string, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	if len(parts) != 2 {
		return 0, fmt.Errorf("TIME answered %q", parts)
	}
	seconds, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return 0, err
	}
	micros, err := strconv.ParseInt(parts[1], 10, 64)
	return seconds*1000 + micros/1000, err
}

func parseGeneration(text string, err error) (generation, error) {
	if err != nil {
		return generation{}, err
	}
	var g generation
	return g, json.Unmarshal([]byte(text), &g)
}

// planSwitch makes a staged generation the live one, if it is still what was
// written: its lease holds, Redis is the same incarnation, no bucket is short.
func (k *keeper) planSwitch(ctx context.Context, r *request) (*plan, error) {
	p := &plan{next: k.state}
	g := r.staged
	if r.check != nil {
		if err := r.check(k.state.State); err != nil {
			p.refuse(r, k.state.State, err)
			return p, nil
		}
	}
	whole, err := k.whole(ctx, g)
	if err != nil {
		return nil, err
	}
	if !whole {
		p.refuse(r, k.state.State, errStale)
		return p, nil
	}
	if !r.take() {
		return p, nil
	}
	k.planGeneration(p, g)
	p.granted = []*request{r}
	return p, nil
}

// planGeneration fills in what a switch to g does.
func (k *keeper) planGeneration(p *plan, g *staged) {
	next := &p.next
	if !k.state.Exists() {
		next.Epoch = token()
	}
	if k.state.Epoch == "" {
		// Nothing is known of an earlier history; what a stream may hold is not ours.
		p.reset = true
		next.Run = k.wire.server.run
	}
	next.Term = max(next.Term, 1)
	next.Generation = g.generation
	next.Count, next.Digest, next.Next = g.load.Records.Len(), g.load.Records.Digest(), g.load.Records.Next()
	next.Schema, next.Source, next.LoadedAt = g.load.Schema, g.load.Source, time.Now().UTC()
	p.prepare = g.prepare
	entry := g.entry
	entry.State, entry.Lease = live, 0
	p.commands = append(p.commands, cmd("HSET", gensKey(k.name), strconv.FormatUint(g.generation, 10), entry.String()))
	if k.state.Exists() {
		p.commands = append(p.commands, cmd("HSET", gensKey(k.name), strconv.FormatUint(k.state.Generation, 10), generation{
			State: kept, Run: k.state.Run, Records: k.state.Count, Buckets: bucketsOf(k.state.Next),
			Kept: &earlier{
				At: g.seen, Epoch: k.state.Epoch, Digest: k.state.Digest.String(),
				Schema: k.state.Schema, Source: k.state.Source, LoadedAt: k.state.LoadedAt,
			},
		}.String()))
	}
	p.commit = &commit{kind: kindSwitch, after: next.State}
}

// whole says whether Redis holds a staged generation complete. It leaves gens
// watched, so that the answer holds until EXEC.
func (k *keeper) whole(ctx context.Context, g *staged) (bool, error) {
	commands := []command{
		cmd("WATCH", gensKey(k.name)),
		cmd("HGET", gensKey(k.name), strconv.FormatUint(g.generation, 10)),
		cmd("TIME", ""),
	}
	const before = 3
	for _, b := range g.load.Records {
		commands = append(commands, cmd("HLEN", bucketKey(k.name, g.generation, b.Number())))
	}
	results, err := k.wire.pipeline(ctx, commands)
	if err != nil {
		return false, err
	}
	entry, err := parseGeneration(results[1].Text())
	switch {
	case errors.Is(err, resp.ErrNil):
		return false, nil // collected, or never written to this Redis
	case err != nil:
		return false, err
	case entry.State != loading || entry.Run != k.wire.server.run || entry.Load != g.entry.Load:
		return false, nil
	}
	now, err := parseTime(results[2].Texts())
	if err != nil {
		return false, err
	}
	if now > entry.Lease {
		return false, nil
	}
	g.seen = now
	sum := int64(0)
	for _, r := range results[before:] {
		n, err := r.Int()
		if err != nil {
			return false, err
		}
		sum += n
	}
	return sum == int64(g.load.Records.Len()), nil
}

// planFirst serves updates of a dataset that does not exist: the first record
// put into it makes an empty generation, and everybody is asked again.
func (k *keeper) planFirst(ctx context.Context, batch []*request) (*plan, error) {
	p := &plan{next: k.state}
	puts := false
	for _, r := range batch {
		edit, err := r.decide(dataset.Record{}, false)
		if err == nil && edit.JSON != nil && !edit.Delete {
			puts = true
			break
		}
		p.refuse(r, k.state.State, err)
	}
	if !puts {
		return p, nil
	}
	g := &staged{entry: generation{State: loading, Run: k.wire.server.run, Node: k.store.opts.Node}, load: dataset.Load{Source: "single writes"}}
	g.prepare = func() func(dataset.State) { return k.replica.Prepare(nil) }
	if err := k.wire.begin(ctx, k.name, g, k.store.opts.Lease); err != nil {
		return nil, err
	}
	if err := k.store.shared(ctx, cmd("SADD", datasetsKey, k.name)).Error(); err != nil {
		return nil, err
	}
	p = &plan{next: k.state, rest: batch}
	k.planGeneration(p, g)
	return p, nil
}

// maxRejectedBytes bounds what is kept of the records that a load left out.
const maxRejectedBytes = 8 << 20

// encodeRejected gives the rejected records as JSON lines, after a first line
// that counts them all.
func encodeRejected(load dataset.Load) []string {
	lines := []string{strconv.Itoa(max(load.RejectedTotal, len(load.Rejected)))}
	size := 0
	for _, r := range load.Rejected {
		b, err := json.Marshal(r)
		if size += len(b); err != nil || size > maxRejectedBytes {
			break
		}
		lines = append(lines, string(b))
	}
	return lines
}

func decodeRejected(lines []string) ([]dataset.Rejection, int, error) {
	if len(lines) == 0 {
		return nil, 0, nil
	}
	total, err := strconv.Atoi(lines[0])
	if err != nil {
		return nil, 0, err
	}
	rejected := make([]dataset.Rejection, len(lines)-1)
	for i, line := range lines[1:] {
		if err := json.Unmarshal([]byte(line), &rejected[i]); err != nil {
			return nil, 0, err
		}
	}
	return rejected, total, nil
}
