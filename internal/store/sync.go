package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"landings/internal/dataset"
	"landings/internal/resp"
)

// markFields are what a commit depends on.
var markFields = []string{"epoch", "version", "chain", "term", "run"}

// watchMeta gives the commands that begin a commit: whatever changes meta from
// here on makes EXEC fail.
func (k *keeper) watchMeta() []command {
	return []command{cmd("WATCH", metaKey(k.name)), cmd("HMGET", metaKey(k.name), markFields...)}
}

// stands says whether the replies to watchMeta show the keeper's own state.
func (k *keeper) stands(results []resp.Reply) bool {
	if len(results) != 2 || results[0].Err() != nil {
		return false
	}
	values, err := optionalTexts(results[1])
	if err != nil || len(values) != len(markFields) {
		return false
	}
	if values[0] == nil {
		return k.known && k.state.Epoch == ""
	}
	want := []string{
		k.state.Epoch, strconv.FormatUint(k.state.Version, 10), k.state.Chain.String(),
		strconv.FormatUint(k.state.Term, 10), k.state.Run,
	}
	for i, v := range values {
		if v == nil || *v != want[i] {
			return false
		}
	}
	return k.known && k.state.Run == k.wire.server.run
}

func (k *keeper) readMeta(ctx context.Context) (meta, error) {
	values, err := optionalTexts(k.wire.do(ctx, cmd("HMGET", metaKey(k.name), metaFields...)))
	if err != nil {
		return meta{}, err
	}
	return parseMeta(k.name, values)
}

// sync brings the node's copy to where Redis is, or Redis to where the copy is,
// and leaves meta watched on a connection whose incarnation is known. After it a
// plan can be made and committed.
func (k *keeper) sync(ctx context.Context) error {
	if k.wire != nil && k.wire.left.Load() {
		k.hangUp() // what would be sent to it has not reached it
	}
	if k.armed && k.wire.server.refusal == nil {
		return nil
	}
	// Every round makes progress unless other nodes commit between its steps.
	for range 100 {
		done, err := k.round(ctx)
		switch {
		case errors.Is(err, errAgain):
			if !pause(ctx, time.Millisecond) {
				return k.store.explain(ctx.Err())
			}
		case err != nil:
			return k.broke(err)
		case done:
			k.armed = true
			k.lacks.Store(false)
			return nil
		}
	}
	return &dataset.Error{
		Code:    dataset.Unavailable,
		Message: "another node is recovering the dataset " + k.name + ", or it changes faster than this node can follow",
		Remedy:  "try again",
	}
}

// errAgain says that somebody else was at work: look again.
var errAgain = errors.New("look again")

// round is one step of sync; done says that state and Redis are the same.
func (k *keeper) round(ctx context.Context) (done bool, err error) {
	if k.wire == nil {
		if k.wire, err = k.store.open(ctx, metaKey(k.name)); err != nil {
			return false, err
		}
		k.suspect = false
	}
	if k.stranger.Swap(false) || k.suspect || k.wire.server.refusal != nil {
		if err := k.wire.identify(ctx); err != nil {
			return false, err
		}
		if err := k.wire.server.usable(); err != nil {
			return false, err
		}
		k.suspect = false
	}
	// What was watched before may have changed since, and EXEC would fail for it.
	commands := append([]command{cmd("UNWATCH", "")}, k.watchMeta()...)
	has := k.state.Epoch != ""
	if has {
		commands = append(commands, k.entriesAfter(k.state.Version))
	} else {
		// What is not there may be about to be brought back.
		commands = append(commands, k.watchRecovery()...)
	}
	results, err := k.wire.pipeline(ctx, commands)
	if err != nil {
		return false, err
	}
	for _, r := range results {
		if isReply(r.Err()) {
			return false, r.Err()
		}
	}
	look := results[1:3]
	if !has && absent(look[1]) {
		if left := k.store.settling(k.wire.server); left > 0 {
			// Others may be on their way back with it.
			if !pause(ctx, left) {
				return false, k.store.explain(ctx.Err())
			}
			return false, nil
		}
		going, err := k.recovering(results[3:])
		if err != nil {
			return false, err
		}
		if going {
			return false, k.abstain(ctx)
		}
	}
	if k.stands(look) {
		return k.stayed(ctx)
	}
	if has && k.known {
		// Most often others have made a few commits.
		if err := k.absorb(look[1], results[3]); err != nil && !errors.Is(err, errGap) && !errors.Is(err, errFork) {
			return false, err
		}
		if k.stands(look) {
			return k.stayed(ctx)
		}
	}
	m, err := k.readMeta(ctx)
	if err != nil {
		return false, err
	}
	return false, k.reconcile(ctx, m)
}

// absent says whether a reply to HMGET is that of a hash which does not exist.
func absent(reply resp.Reply) bool {
	values, err := optionalTexts(reply)
	return err == nil && !slices.ContainsFunc(values, func(v *string) bool { return v != nil })
}

// absorb takes in the commits that others made up to the state of a look, which is
// under the keeper's own incarnation.
func (k *keeper) absorb(look, entries resp.Reply) error {
	values, err := optionalTexts(look)
	if err != nil {
		return err
	}
	for _, v := range values {
		if v == nil {
			return nil
		}
	}
	version, err1 := strconv.ParseUint(*values[1], 10, 64)
	term, err2 := strconv.ParseUint(*values[3], 10, 64)
	readable := err1 == nil && err2 == nil // else parseMeta tells what is wrong
	if !readable || *values[4] != k.wire.server.run || term < k.state.Term || version <= k.state.Version {
		return nil
	}
	list, err := parseEntries(entries)
	if err != nil {
		return err
	}
	if err := k.take(list, version); err != nil {
		return err
	}
	if k.state.Version == version && k.state.Chain.String() == *values[2] && k.state.Epoch == *values[0] {
		next := k.state
		next.Term, next.Run = term, *values[4]
		k.adopt(next)
		k.fence()
	}
	return nil
}

// reconcile does what the difference between Redis's meta and the copy asks for.
func (k *keeper) reconcile(ctx context.Context, m meta) error {
	run := k.wire.server.run
	switch {
	case m.Epoch == "" && !k.known:
		k.absent()
		k.known = true
		return nil
	case m.Epoch == "":
		if err := k.wire.identify(ctx); err != nil {
			return err
		}
		gave, err := k.wire.gaveAway(ctx)
		if err != nil {
			return err
		}
		if k.state.Run == k.wire.server.run && k.wire.server.evicted == 0 && (!gave || !k.state.Exists()) {
			// Redis is the one that we know, and neither throws anything away nor has it moved any
			// keys to another one, where they may be out of reach: somebody deleted the keys.
			if k.state.Exists() { // else what was left of a deleted one has expired
				k.store.opts.Logger.Warn("the dataset's keys were deleted in Redis", "dataset", k.name, "version", k.state.Version,
					"remedy", "within an hour: landings backup --vanished --dataset "+k.name+" FILE from this node, then landings restore FILE")
			}
			k.absent()
			return nil
		}
		return k.recover(ctx, m)
	case m.Run != run:
		return k.recover(ctx, m)
	case !k.known:
		return k.reload(ctx)
	case m.mark() == k.state.mark():
		// Only the term or the run is new: somebody recovered.
		next := k.state
		next.Term, next.Run = m.Term, m.Run
		k.adopt(next)
		return nil
	case m.ahead(k.state):
		return k.follow(ctx)
	default:
		// The version went back or belongs to another history, and yet Redis is the
		// one that commits are made under: somebody restored keys by hand, or made the
		// dataset anew while this node was away.
		if err := k.void(ctx, m); err != nil {
			return err
		}
		return errAgain
	}
}

// absent makes the copy that of a dataset which does not exist and never did.
func (k *keeper) absent() {
	k.replica.Clear(dataset.State{Name: k.name})
	k.adopt(meta{State: dataset.State{Name: k.name}})
	k.tail, k.trimmed = tail{}, 0
	k.fence()
}

// follow takes in the commits that others made.
func (k *keeper) follow(ctx context.Context) error {
	err := k.catchUp(ctx)
	if errors.Is(err, errGap) || errors.Is(err, errFork) {
		return k.reload(ctx)
	}
	return err
}

// catchUp applies the stream's entries after the copy's version. errGap and
// errFork say that the stream does not continue the copy.
func (k *keeper) catchUp(ctx context.Context) error {
	for {
		list, err := parseEntries(k.wire.do(ctx, k.entriesAfter(k.state.Version)))
		if err != nil {
			return err
		}
		if len(list) > 0 {
			if err := k.take(list, dataset.Latest); err != nil {
				return err
			}
			continue
		}
		m, err := k.readMeta(ctx)
		if err != nil {
			return err
		}
		if m.mark() != k.state.mark() {
			return errGap
		}
		next := k.state
		next.Term, next.Run = m.Term, m.Run
		k.adopt(next)
		k.fence()
		return nil
	}
}

// take makes commits that others made, up to a version, part of the copy.
func (k *keeper) take(list []entry, last uint64) error {
	for _, e := range list {
		c, err := parseCommit(e.id, e.fields, &k.state.State)
		if err != nil {
			return k.badEntry(err)
		}
		if c.after.Version > last {
			return nil
		}
		p := &plan{commit: c, next: k.state}
		if c.kind == kindSwitch && c.after.Generation != 0 {
			// Its records are not in the stream. But a recovery that wrote everything again
			// brings what is here: the chain says that it continues this history.
			before := k.state
			p.same = c.term > before.Term && c.after.Epoch == before.Epoch && before.Exists() &&
				c.after.Digest == before.Digest && c.after.Count == before.Count && c.after.Next == before.Next
			if !p.same {
				return errGap
			}
		}
		k.resolve(c)
		p.next.State = c.after
		k.advance(p)
		k.rivals.committed(c.node, c.after.Version)
		if time.Since(c.at) < forget {
			k.store.peers.heard(c.node, true)
		}
	}
	return nil
}

// badEntry explains what [parseCommit] says of an entry of the stream.
func (k *keeper) badEntry(err error) error {
	if errors.Is(err, errGap) || errors.Is(err, errFork) {
		return err
	}
	return damaged(err, "the key "+changesKey(k.name)+" of the dataset "+k.name+" in Redis is damaged: "+err.Error(),
		"take the entry out (XDEL "+changesKey(k.name)+" ID, then XSETID with the ID before it), or restore an earlier dump")
}

func (k *keeper) entriesAfter(version uint64) command {
	return cmd("XRANGE", changesKey(k.name), streamID(version+1), "+", "COUNT", "1000")
}

// reload reads the whole dataset, all over one connection, for a client that
// reconnects in silence would mix two incarnations: meta, all buckets, meta again, the
// commits between the two, and the stream back to its trim point, so that this
// node can heal others. It starts over until everything fits together.
func (k *keeper) reload(ctx context.Context) error {
	var last error
	for attempts := range 10 {
		if attempts > 0 && !pause(ctx, backoff(attempts)) {
			return k.store.explain(ctx.Err())
		}
		before, err := k.readMeta(ctx)
		if err != nil {
			return err
		}
		var records dataset.Sequence
		if before.Exists() {
			if records, err = k.readGeneration(ctx, before.Generation, bucketsOf(before.Next)); err != nil {
				return err
			}
		}
		after, err := k.readMeta(ctx)
		if err != nil {
			return err
		}
		if after.Epoch == "" {
			return errAgain // the keys are gone: round decides what that means
		}
		if after.Generation != before.Generation || after.Run != before.Run || after.Epoch != before.Epoch {
			continue
		}
		tail, err := k.readTail(ctx, after)
		if err != nil {
			return err
		}
		if tail == nil && before.mark() != after.mark() {
			continue
		}
		for _, c := range tail {
			if c.after.Version > before.Version && c.kind == kindChanges {
				records = records.With(c.changes)
			}
		}
		if records.Len() != after.Count || records.Digest() != after.Digest {
			what := fmt.Sprintf("%d records with the digest %s, not %d with %s", records.Len(), records.Digest(), after.Count, after.Digest)
			if b, gap := firstGap(records, bucketsOf(after.Next)); gap {
				what += "; the key " + bucketKey(k.name, after.Generation, b) + " is not there"
			}
			last = damaged(nil,
				fmt.Sprintf("the records of %s in Redis do not fit the digest in %s (%s): something else wrote to its keys", k.name, metaKey(k.name), what),
				lostRecords(k.name))
			continue
		}
		return k.settleOn(after, records, tail)
	}
	if last == nil {
		return errAgain // others commit faster than this node reads
	}
	return last
}

// settleOn makes what was read the node's copy, and settles what was in doubt.
func (k *keeper) settleOn(m meta, records dataset.Sequence, commits []*commit) error {
	k.reckon(m, commits)
	covered := len(commits) > 0 && commits[0].after.Version <= k.state.Version+1
	for _, c := range commits {
		k.resolve(c)
	}
	if !covered && m.Version != k.state.Version {
		// The stream no longer tells what became of them.
		for _, a := range k.unresolved {
			for _, r := range a.requests {
				r.settle(dataset.State{}, errUnknown)
			}
		}
	}
	if m.Exists() {
		k.replica.Replace(m.State, records)
	} else {
		k.replica.Clear(m.State)
	}
	k.adopt(m)
	k.known = true
	k.tail, k.trimmed = tail{}, 0 // the versions of another history may be lower ones
	for _, c := range commits {
		k.remember(c)
	}
	k.fence()
	return nil
}

// readTail reads the stream up to a state, checking that it is one chain that
// ends there; nil when it does not.
func (k *keeper) readTail(ctx context.Context, end meta) ([]*commit, error) {
	var tail []*commit
	from := uint64(1)
	for from <= end.Version {
		entries, err := parseEntries(k.wire.do(ctx, k.entriesAfter(from-1)))
		if err != nil {
			return nil, err
		}
		if len(entries) == 0 {
			break
		}
		for _, e := range entries {
			var before *dataset.State
			if n := len(tail); n > 0 {
				before = &tail[n-1].after
			}
			c, err := parseCommit(e.id, e.fields, before)
			if errors.Is(err, errGap) || errors.Is(err, errFork) {
				return nil, nil
			}
			if err != nil {
				return nil, k.badEntry(err)
			}
			if c.after.Version > end.Version {
				break
			}
			tail = append(tail, c)
		}
		last, _, _ := strings.Cut(entries[len(entries)-1].id, "-")
		n, _ := strconv.ParseUint(last, 10, 64)
		from = n + 1
	}
	if n := len(tail); n == 0 || tail[n-1].after.Version != end.Version || tail[n-1].after.Chain != end.Chain {
		return nil, nil
	}
	// A tail that does not begin with a switch knows only what its own entries
	// told; what meta tells of the end holds for all of it after the last switch.
	for _, c := range slices.Backward(tail) {
		c.after.Name = k.name
		if c.kind != kindChanges {
			break
		}
		c.after.Epoch, c.after.Generation, c.after.Schema = end.Epoch, end.Generation, end.Schema
		c.after.Source, c.after.LoadedAt = end.Source, end.LoadedAt
	}
	return tail, nil
}

// readWindow is how many buckets are asked for at a time.
const readWindow = 64

// readGeneration reads the buckets of a generation.
func (k *keeper) readGeneration(ctx context.Context, generation, buckets uint64) (dataset.Sequence, error) {
	return k.wire.readGeneration(ctx, k.name, generation, buckets)
}

// readGeneration reads the buckets of a dataset's generation.
func (w *wire) readGeneration(ctx context.Context, name string, generation, buckets uint64) (dataset.Sequence, error) {
	records := make(dataset.Sequence, 0, buckets)
	for first := uint64(0); first < buckets; first += readWindow {
		last := min(first+readWindow, buckets)
		commands := make([]command, 0, readWindow)
		for b := first; b < last; b++ {
			commands = append(commands, cmd("HGETALL", bucketKey(name, generation, b)))
		}
		results, err := w.pipeline(ctx, commands)
		if err != nil {
			return nil, err
		}
		for i, r := range results {
			pairs, err := r.Texts()
			if err != nil {
				return nil, err
			}
			if len(pairs) == 0 {
				continue
			}
			b, err := decodeBucket(first+uint64(i), pairs)
			if err != nil {
				return nil, damaged(err, bucketKey(name, generation, first+uint64(i))+" in Redis is damaged: "+err.Error(),
					lostRecords(name))
			}
			records = append(records, b)
		}
	}
	return records, nil
}

// decodeBucket reads a bucket's hash: fields and values, in the order in which Redis has
// them, which is none.
func decodeBucket(number uint64, pairs []string) (*dataset.Bucket, error) {
	var at [dataset.BucketSize]*dataset.Record // by place in the bucket
	found := make([]dataset.Record, len(pairs)/2)
	for i := range found {
		id, value := pairs[2*i], pairs[2*i+1]
		text, body, ok := strings.Cut(value, " ")
		position, err := strconv.ParseUint(text, 10, 64)
		if !ok || err != nil || dataset.BucketOf(position) != number {
			return nil, fmt.Errorf("the value of field %q is damaged", dataset.Excerpt(id))
		}
		found[i] = dataset.Record{ID: id, Position: position, JSON: []byte(body)}
		place := &at[position%dataset.BucketSize]
		if *place != nil {
			return nil, fmt.Errorf("the fields %q and %q have the same position", dataset.Excerpt((*place).ID), dataset.Excerpt(id))
		}
		*place = &found[i]
	}
	records := make([]dataset.Record, 0, len(found))
	for _, r := range at {
		if r != nil {
			records = append(records, *r)
		}
	}
	return dataset.NewBucket(number, records), nil
}

// firstGap gives the first number below a bound that none of the buckets has.
func firstGap(records dataset.Sequence, buckets uint64) (number uint64, gap bool) {
	for i, b := range records {
		if b.Number() != uint64(i) {
			return uint64(i), true
		}
	}
	return uint64(len(records)), uint64(len(records)) < buckets
}

// bucketsOf gives how many buckets positions below next can lie in.
func bucketsOf(next uint64) uint64 { return (next + dataset.BucketSize - 1) / dataset.BucketSize }
