package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"landings/internal/resp"
)

// housekeep trims the stream and collects generations that nobody needs. What
// fails is tried again the next time.
func (k *keeper) housekeep() {
	ctx := k.store.ctx
	if err := k.sync(ctx); err != nil {
		k.note(err, false)
		return
	}
	k.note(nil, false)
	if err := k.trim(ctx); err != nil {
		_ = k.broke(err)
		return
	}
	if time.Since(k.collected) > k.store.opts.Lease {
		k.collect(ctx)
	}
}

// trim cuts the stream where the tail was cut, by age and by bytes.
func (k *keeper) trim(ctx context.Context) error {
	k.tail.trim(k.store.opts.KeepBytes, time.Now().Add(-k.store.opts.KeepCommits))
	first := k.tail.first()
	if first <= k.trimmed+1 {
		return nil
	}
	if err := k.wire.do(ctx, cmd("XTRIM", changesKey(k.name), "MINID", streamID(first))).Err(); err != nil {
		return err
	}
	k.trimmed = first - 1
	return nil
}

// collect deletes generations: loads whose writer is gone, and earlier ones
// beyond those that are kept. It marks them dead first, so that no switch can
// find them half deleted. That meta is watched since it was at the keeper's state
// makes sure that none of them is live.
func (k *keeper) collect(ctx context.Context) {
	k.collected = time.Now()
	switch err := k.collectGenerations(ctx); {
	case errors.Is(err, errAgain):
		k.expireBy(k.collected.Add(k.store.opts.Look)) // most likely another node did the same
	case err != nil:
		// Whatever was left over is found again.
		k.store.opts.Logger.Warn("generations were not collected", "dataset", k.name, "error", k.broke(err))
		k.expireBy(k.collected.Add(k.store.opts.Lease))
	}
}

// expireBy makes the keeper collect at a time, where earlier generations are kept for a
// while only: nobody may use the dataset by then.
func (k *keeper) expireBy(at time.Time) {
	if k.store.opts.KeepLoadsFor > 0 && (k.expires.IsZero() || at.Before(k.expires)) {
		k.expires = at
		k.expired.Reset(time.Until(at))
	}
}

// expire collects what was kept for long enough.
func (k *keeper) expire() {
	k.expires = time.Time{}
	err := k.sync(k.store.ctx)
	k.note(err, false)
	if err != nil {
		k.expireBy(time.Now().Add(k.store.opts.Look))
		return
	}
	k.collect(k.store.ctx)
}

func (k *keeper) collectGenerations(ctx context.Context) error {
	if k.wire == nil {
		return nil
	}
	if !k.armed {
		return errAgain // another node committed meanwhile: what is live now is not known here
	}
	k.disarm() // the transaction here ends the watch on meta
	results, err := k.wire.pipeline(ctx, []command{cmd("WATCH", gensKey(k.name)), cmd("HGETALL", gensKey(k.name)), cmd("TIME", "")})
	if err != nil {
		return err
	}
	fields, err := results[1].Map()
	if err != nil {
		return err
	}
	now, err := parseTime(results[2].Texts())
	if err != nil {
		return err
	}
	found := map[uint64]generation{}
	var earlier []uint64 // than the live one
	for field, text := range fields {
		if field == counter {
			continue
		}
		number, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return fmt.Errorf("%s has the field %q: %w", gensKey(k.name), field, err)
		}
		g, err := parseGeneration(text, nil)
		if err != nil {
			return fmt.Errorf("%s %s: %w", gensKey(k.name), field, err)
		}
		found[number] = g
		if g.State == kept || g.State == live && number != k.state.Generation {
			earlier = append(earlier, number)
		}
	}
	slices.Sort(earlier)
	keep := k.store.opts.KeepLoads
	if !k.state.Exists() {
		keep = 0
	}
	// By this node's settings, whoever made them: of nodes with others, the strictest one's count.
	var beyond []uint64 // what is not kept: too many, too old, or of an earlier dataset of this name
	k.expires = time.Time{}
	k.expired.Stop()
	for i, number := range earlier {
		g := found[number]
		left := int64(1)
		if k.store.opts.KeepLoadsFor > 0 && g.Kept != nil {
			left = k.store.opts.KeepLoadsFor.Milliseconds() - (now - g.Kept.At)
		}
		if i < len(earlier)-keep || left <= 0 || g.Kept != nil && !g.Kept.of(k.state.Epoch) {
			beyond = append(beyond, number)
		} else if g.Kept != nil {
			k.expireBy(k.collected.Add(time.Duration(left) * time.Millisecond))
		}
	}

	var gone []uint64
	var commands []command
	for number, g := range found {
		lost := g.State == loading && (now > g.Lease || g.Run != k.wire.server.run)
		if g.State == dead && g.Since != 0 {
			gone = append(gone, number)
			continue
		}
		if g.State != dead && !lost && !slices.Contains(beyond, number) {
			continue
		}
		g.State, g.Since = dead, now
		found[number] = g
		gone = append(gone, number)
		commands = append(commands, cmd("HSET", gensKey(k.name), strconv.FormatUint(number, 10), g.String()))
	}
	if len(commands) > 0 {
		if err := k.transact(ctx, commands...); err != nil {
			return err // errAgain: another load began; the next round will do
		}
		if len(beyond) > 0 {
			k.store.opts.Logger.Info("earlier loads are no longer kept", "dataset", k.name, "generations", beyond,
				"keep", k.store.opts.KeepLoads, "keep_for", k.store.opts.KeepLoadsFor.String())
		}
	} else if err := k.wire.do(ctx, cmd("UNWATCH", "")).Err(); err != nil {
		return err
	}
	for _, number := range gone {
		if err := k.wire.deleteBuckets(ctx, k.name, number, found[number].Buckets); err != nil {
			return err
		}
		// A writer that was stopped for longer than its lease may still write a
		// little after it goes on: its keys are deleted again until then.
		if now-found[number].Since > 4*k.store.opts.Lease.Milliseconds() {
			if err := k.wire.do(ctx, cmd("HDEL", gensKey(k.name), strconv.FormatUint(number, 10))).Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

// deleteBuckets deletes all keys of a generation.
func (w *wire) deleteBuckets(ctx context.Context, name string, generation, buckets uint64) error {
	keys := []string{rejectedKey(name, generation)}
	for b := range buckets {
		keys = append(keys, bucketKey(name, generation, b))
	}
	for some := range slices.Chunk(keys, 1024) {
		if err := w.do(ctx, cmd("UNLINK", some[0], some[1:]...)).Err(); err != nil {
			return err
		}
	}
	return nil
}

// discard lets go of a generation that will not be switched to: nobody but the
// caller could. When it fails, the collector will find the generation by its lease.
func (s *Store) discard(name string, g *staged) {
	ctx, cancel := context.WithTimeout(s.ctx, s.opts.WriteTimeout)
	defer cancel()
	w, err := s.open(ctx, gensKey(name))
	if err != nil {
		return
	}
	defer w.close()
	field := strconv.FormatUint(g.generation, 10)
	results, err := w.pipeline(ctx, []command{cmd("WATCH", gensKey(name)), cmd("HGET", gensKey(name), field)})
	if err != nil {
		return
	}
	entry, err := parseGeneration(results[1].Text())
	switch {
	case errors.Is(err, resp.ErrNil) && w.server.run == g.entry.Run:
		// Nothing else tells of its buckets any more.
	case err != nil || entry.Load != g.entry.Load || entry.State != loading && entry.State != dead:
		return // Redis forgot it, and another one may have its number by now
	}
	// First of all, for a Redis that is out of memory takes nothing but deletions.
	if w.deleteBuckets(ctx, name, g.generation, g.entry.Buckets) != nil || entry.State != loading {
		return
	}
	entry.State = dead
	_ = w.transact(ctx, cmd("HSET", gensKey(name), field, entry.String()))
}
