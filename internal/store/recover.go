package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"landings/internal/dataset"
)

// recover brings Redis and the nodes together after Redis restarted, failed
// over, was resynchronised or forgot, before anybody may commit. m is what Redis
// has. Of all histories, the one with the highest (term, version) is kept: who
// holds it takes the next term, writes what Redis lacks, and last of all sets
// run, which allows commits again.
func (k *keeper) recover(ctx context.Context, m meta) error {
	begun := time.Now()
	if !k.known {
		if err := k.reload(ctx); err != nil {
			return err
		}
		return k.takeTerm(ctx, k.wire.server.run)
	}
	if m.Epoch != "" && m.ahead(k.state) {
		if err := k.yield(ctx, m); err != nil {
			return err
		}
		return k.takeTerm(ctx, k.wire.server.run)
	}
	mine, err := k.elected(ctx)
	if err != nil {
		return err
	}
	if !mine {
		return errAgain
	}
	missing := k.missing(m)
	how := "nothing was lost"
	switch {
	case m.mark() == k.state.mark():
		err = k.takeTerm(ctx, k.wire.server.run)
	case missing != nil:
		how = "committed the tail again"
		err = k.commitAgain(ctx, m, missing)
	default:
		how = "wrote the whole dataset again"
		err = k.rewrite(ctx, m)
	}
	if err != nil {
		return err
	}
	k.store.opts.Logger.Warn("recovered after Redis changed", "dataset", k.name, "how", how, "term", k.state.Term,
		"version", k.state.Version, "redis_had", m.Version, "committed_again", len(missing), "seconds", time.Since(begun).Seconds())
	return nil
}

// yield takes over a history that is ahead of the node's own, and says what is
// dropped by that.
func (k *keeper) yield(ctx context.Context, m meta) error {
	before := k.state
	err := k.follow(ctx)
	if err != nil {
		return err
	}
	if before.Epoch != "" && k.state.Version < before.Version || before.Epoch != k.state.Epoch {
		k.store.opts.Logger.Error("Redis has a later history than this node: the node's own commits were dropped",
			"dataset", k.name, "node_term", before.Term, "node_version", before.Version, "term", m.Term, "version", m.Version)
	}
	return nil
}

// takeTerm begins the next term on the keeper's own state, which Redis must
// have, under incarnation run.
func (k *keeper) takeTerm(ctx context.Context, run string) error {
	if k.state.Epoch == "" {
		return nil // there is nothing to recover
	}
	m, err := k.watchedMeta(ctx)
	if err != nil {
		return err
	}
	if m.mark() != k.state.mark() || m.Run == run {
		return errAgain
	}
	next := k.state
	next.Term, next.Run = max(m.Term, k.state.Term)+1, run
	if err := k.transact(ctx, cmd("HSET", metaKey(k.name), "term", strconv.FormatUint(next.Term, 10), "run", run)); err != nil {
		return err
	}
	k.adopt(next)
	k.fence()
	return nil
}

// missing gives the commits of the tail that Redis lacks; nil where Redis is not
// at a commit of the tail, or where they cannot be made again one by one because a
// switch is among them, whose records are not in the tail.
func (k *keeper) missing(m meta) []*commit {
	at := slices.IndexFunc(k.tail, func(c *commit) bool {
		return c.after.Version == m.Version && c.after.Chain == m.Chain && c.after.Epoch == m.Epoch
	})
	if at < 0 {
		return nil
	}
	rest := k.tail[at+1:]
	if slices.ContainsFunc(rest, func(c *commit) bool { return c.kind != kindChanges }) {
		return nil
	}
	return rest
}

// commitAgain makes the missing commits again in a new term, several at a time.
// The last transaction sets run; until then nobody else may commit.
func (k *keeper) commitAgain(ctx context.Context, m meta, missing []*commit) error {
	term := max(m.Term, k.state.Term) + 1
	stands := m
	stands.Term = term
	if err := k.transact(ctx, cmd("HSET", metaKey(k.name), "term", strconv.FormatUint(term, 10))); err != nil {
		return err
	}
	for len(missing) > 0 {
		if err := k.expect(ctx, stands); err != nil {
			return err
		}
		var commands []command
		size := 0
		for len(missing) > 0 && size < maxBytes && len(commands) < maxChanges {
			c := missing[0]
			missing = missing[1:]
			c.term = term
			size += c.size()
			commands = append(commands, bucketCommands(k.name, k.state.Generation, c.changes)...)
			commands = append(commands, cmd("XADD", changesKey(k.name), append([]string{streamID(c.after.Version)}, c.fields()...)...))
			stands.State = c.after
		}
		if len(missing) == 0 {
			stands.Run = k.wire.server.run
		}
		commands = append(commands, cmd("HSET", metaKey(k.name), stands.advance()...))
		if err := k.transact(ctx, commands...); err != nil {
			return err
		}
	}
	next := k.state
	next.Term, next.Run = term, k.wire.server.run
	k.adopt(next)
	k.fence()
	return nil
}

// rewrite writes the node's whole copy into Redis as a new generation and
// switches to it in a new term, beginning the stream anew: what it holds is of an
// older history, or gone.
func (k *keeper) rewrite(ctx context.Context, m meta) error {
	term := max(m.Term, k.state.Term) + 1
	p := &plan{next: k.state, reset: true}
	p.next.Term, p.next.Run = term, k.wire.server.run
	if k.state.Exists() {
		g, err := k.stageCopy(ctx)
		if err != nil {
			return err
		}
		whole, err := k.whole(ctx, g)
		if err != nil {
			return err
		}
		if !whole {
			return errAgain
		}
		state := k.state.State
		k.planGeneration(p, g)
		p.next.LoadedAt = state.LoadedAt
		p.commit.after = p.next.State
		// The number of the generation that was live may stand for another one in
		// this Redis: what is there now is for the collector.
		p.commands = p.commands[:1]
	} else {
		p.commit = &commit{kind: kindDrop, after: k.state.State}
	}
	if err := k.expect(ctx, m); err != nil {
		return err
	}
	applied, err := k.commit(ctx, p)
	if err != nil {
		return err
	}
	if !applied {
		return errAgain
	}
	k.collect(ctx)
	return nil
}

// stageCopy stages the node's copy under a number that no generation of this
// history ever had: the counter in Redis may have gone back.
func (k *keeper) stageCopy(ctx context.Context) (*staged, error) {
	for {
		last, err := k.wire.do(ctx, cmd("HINCRBY", gensKey(k.name), counter, "0")).AsInt64()
		if err != nil {
			return nil, err
		}
		if behind := int64(k.state.Generation) - last; behind > 0 {
			if err := k.wire.do(ctx, cmd("HINCRBY", gensKey(k.name), counter, strconv.FormatInt(behind, 10))).Error(); err != nil {
				return nil, err
			}
			continue
		}
		return k.store.stage(context.WithoutCancel(ctx), k.name, dataset.Load{
			Records: k.replica.Records(), Schema: k.state.Schema, Source: k.state.Source,
		}, nil)
	}
}

// watchedMeta watches meta and reads it.
func (k *keeper) watchedMeta(ctx context.Context) (meta, error) {
	if err := k.wire.do(ctx, cmd("WATCH", metaKey(k.name))).Error(); err != nil {
		return meta{}, err
	}
	return k.readMeta(ctx)
}

// expect watches meta and fails unless it is as m says.
func (k *keeper) expect(ctx context.Context, m meta) error {
	now, err := k.watchedMeta(ctx)
	if err != nil {
		return err
	}
	if now.mark() != m.mark() || now.Term != m.Term || now.Run != m.Run {
		return errAgain
	}
	return nil
}

// transact runs commands as one transaction; errAgain says that what was watched
// had changed.
func (k *keeper) transact(ctx context.Context, commands ...command) error {
	all := append([]command{cmd("MULTI", "")}, commands...)
	results, err := k.wire.pipeline(ctx, append(all, cmd("EXEC", "")))
	if err != nil {
		return err
	}
	for _, r := range results[:len(results)-1] {
		if isReply(r.Error()) {
			return r.Error()
		}
	}
	if _, err := results[len(results)-1].ToArray(); err != nil {
		if isReply(err) {
			return err
		}
		return errAgain
	}
	return nil
}

// elected announces this node's history and says whether it is the one that
// recovers. It waits for the nodes that were known to be alive, at the latest
// until the window ends; a lone node waits for nobody.
func (k *keeper) elected(ctx context.Context) (bool, error) {
	run, self := k.wire.server.run, k.store.opts.Node
	key := recoverKey(k.name, run)
	window := k.store.opts.Window
	mine := fmt.Sprintf("%d %d %s", k.state.Term, k.state.Version, k.state.Chain)
	err := k.wire.all(ctx, []command{
		cmd("HSET", key, self, mine),
		cmd("PEXPIRE", key, strconv.FormatInt(4*window.Milliseconds(), 10)),
		cmd("SPUBLISH", topic(k.name), self+" recover"),
	})
	if err != nil {
		return false, err
	}
	for begun := time.Now(); ; {
		said, err := k.wire.do(ctx, cmd("HGETALL", key)).AsStrMap()
		if err != nil {
			return false, err
		}
		alive := k.store.peers.alive()
		complete := !slices.ContainsFunc(alive, func(node string) bool { _, ok := said[node]; return !ok })
		if complete || time.Since(begun) > window {
			// A node that announced itself and then died must not win.
			maps.DeleteFunc(said, func(node, _ string) bool { return node != self && !slices.Contains(alive, node) })
			return best(said) == self, nil
		}
		m, err := k.readMeta(ctx)
		if err != nil {
			return false, err
		}
		if m.Run == run {
			return false, nil // another node has done it
		}
		if !pause(ctx, 5*time.Millisecond) {
			return false, ctx.Err()
		}
	}
}

// best gives the node with the highest (term, version), the first by name among
// equals.
func best(said map[string]string) string {
	var winner string
	var term, version uint64
	for node, text := range said {
		parts := strings.Fields(text)
		if len(parts) != 3 {
			continue
		}
		t, err1 := strconv.ParseUint(parts[0], 10, 64)
		v, err2 := strconv.ParseUint(parts[1], 10, 64)
		if err1 != nil || err2 != nil {
			continue
		}
		if winner == "" || t > term || t == term && (v > version || v == version && node < winner) {
			winner, term, version = node, t, v
		}
	}
	return winner
}
