package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"landings/internal/dataset"
	"landings/internal/resp"
)

// recover brings Redis and the nodes together after Redis restarted, failed
// over, was resynchronised or forgot, before anybody may commit. m is what Redis
// has; meta is watched since before it was read. Of all histories, the one with the
// highest (term, version) is kept: who holds it writes what Redis lacks and, last
// of all and at once, takes the next term and sets run, which allows commits again.
// Until then term and run stay as they are, so that a node which dies half way
// leaves a Redis that the next one recovers in the same way.
func (k *keeper) recover(ctx context.Context, m meta) error {
	begun := time.Now()
	// Writing everything again is not tried as often as somebody asks.
	if begun.Sub(k.refused) < refusedApart {
		return k.refusal
	}
	run := k.wire.server.run
	if err := k.wire.identify(ctx); err != nil {
		return err
	}
	if err := k.wire.server.usable(); err != nil {
		return err
	}
	if k.wire.server.run != run {
		return errAgain // the same process, made a replica and promoted again
	}
	// Who has less than Redis takes part with what Redis has.
	if !k.known || m.Epoch != "" && m.ahead(k.state) {
		if err := k.takeIn(ctx); err != nil {
			return err
		}
		was := m
		var err error
		if m, err = k.watchedMeta(ctx); err != nil {
			return err
		}
		if m.mark() != was.mark() || m.Run != was.Run || m.mark() != k.state.mark() {
			return errAgain
		}
	}
	if err := k.wire.server.refusal; err != nil {
		return err
	}
	k.store.tellNew(k.name) // Redis may have forgotten even the name
	waited, err := k.elected(ctx, m)
	if err != nil {
		return err
	}
	defer k.keepAnnounced(ctx)()
	missing := k.missing(m)
	if len(missing) > 0 {
		end, err := k.streamEnd(ctx)
		if err != nil {
			return err
		}
		if end != m.Version {
			missing = nil // somebody else wrote to the stream: it is begun anew
		}
	}
	whole, err := k.arrived(ctx, m)
	if err != nil {
		return err
	}
	how, level := "nothing was lost", slog.LevelWarn
	again := len(missing)
	var dropped []*commit
	switch {
	case whole && m.mark() == k.state.mark():
		level = slog.LevelInfo // so every restart goes that is as it should be
		err = k.takeTerm(ctx, m)
	case whole && missing != nil:
		how = "committed the tail again"
		err = k.commitAgain(ctx, m, missing)
	default:
		how, again = "wrote the whole dataset again", len(k.tail.kept)
		dropped, err = k.rewrite(ctx, m)
	}
	if err != nil {
		return err
	}
	k.tell("this node has a later history than Redis: commits in Redis were dropped", dropped, m, k.state)
	k.store.counts.recoveries.Add(1)
	k.store.counts.committedAgain.Add(uint64(again))
	k.store.counts.recovering.Add(int64(time.Since(begun)))
	k.store.opts.Logger.Log(ctx, level, "recovered after Redis changed", "dataset", k.name, "node", k.store.opts.Node, "how", how, "term", k.state.Term,
		"version", k.state.Version, "redis_had_term", m.Term, "redis_had_version", m.Version, "committed_again", again, "dropped", len(dropped),
		"waited_seconds", waited.Seconds(), "seconds", time.Since(begun).Seconds())
	if k.wire == nil {
		return errAgain // it broke while old generations were collected; the recovery is committed
	}
	return k.wire.do(ctx, k.announcement(k.state.Version)).Err()
}

// arrived says whether a server has all buckets that its meta speaks of. In a cluster keys come to a server one by one, and
// some may stay behind, or be lost with the server that they were moved to; else all that a transaction did is there, or none of it.
func (k *keeper) arrived(ctx context.Context, m meta) (bool, error) {
	const atATime = 1000
	if !k.wire.server.cluster || !m.Exists() {
		return true, nil
	}
	sum := int64(0)
	buckets := bucketsOf(m.Next)
	for first := uint64(0); first < buckets; first += atATime {
		var commands []command
		for b := first; b < min(first+atATime, buckets); b++ {
			commands = append(commands, cmd("HLEN", bucketKey(k.name, m.Generation, b)))
		}
		results, err := k.wire.pipeline(ctx, commands)
		if err != nil {
			return false, err
		}
		for _, r := range results {
			n, err := r.Int()
			if err != nil {
				return false, err
			}
			sum += n
		}
	}
	return sum == int64(m.Count), nil
}

// stayed says whether the dataset, at whose state Redis is, is all there. Who gave up moving its slot may have left keys
// at the other server: where some are missing, everybody recovers it.
func (k *keeper) stayed(ctx context.Context) (bool, error) {
	if !k.moving {
		return true, nil
	}
	whole, err := k.arrived(ctx, k.state)
	if err != nil {
		return false, err
	}
	if !whole {
		if err := k.void(ctx, k.state); err != nil {
			return false, err // they are counted again: others may have committed meanwhile
		}
		err = errAgain
	}
	k.moving = false
	return whole, err
}

// refusedApart is how long after Redis refused a write no recovery is tried.
const refusedApart = 200 * time.Millisecond

// takeIn makes what Redis has the node's own.
func (k *keeper) takeIn(ctx context.Context) error {
	if !k.known {
		return k.reload(ctx)
	}
	return k.follow(ctx)
}

// void makes everybody recover the dataset, though Redis did not change: this node has a
// history that is ahead of the one in Redis, and others may go on committing to that, so
// that they would neither announce theirs nor stand still.
func (k *keeper) void(ctx context.Context, m meta) error {
	if err := k.expect(ctx, m); err != nil {
		return err
	}
	return k.transact(ctx, cmd("HSET", metaKey(k.name), "run", ""))
}

// takeTerm begins the next term on the keeper's own state, which Redis has.
func (k *keeper) takeTerm(ctx context.Context, m meta) error {
	next := k.state
	next.Term, next.Run = m.Term+1, k.wire.server.run
	if err := k.expect(ctx, m); err != nil {
		return err
	}
	if err := k.transact(ctx, cmd("HSET", metaKey(k.name), "term", strconv.FormatUint(next.Term, 10), "run", next.Run)); err != nil {
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
	for c := range k.tail.from(m.Version) {
		if c.after.Version != m.Version || c.after.Chain != m.Chain || c.after.Epoch != m.Epoch {
			return nil
		}
		break
	}
	rest := slices.Collect(k.tail.from(m.Version + 1))
	if slices.ContainsFunc(rest, func(c *commit) bool { return c.kind != kindChanges }) {
		return nil
	}
	return rest
}

// streamEnd gives the version of the stream's last entry; 0: it is empty.
func (k *keeper) streamEnd(ctx context.Context) (uint64, error) {
	last, err := parseEntries(k.wire.do(ctx, cmd("XREVRANGE", changesKey(k.name), "+", "-", "COUNT", "1")))
	if err != nil || len(last) == 0 {
		return 0, err
	}
	version, _, _ := strings.Cut(last[0].id, "-")
	return strconv.ParseUint(version, 10, 64)
}

// commitAgain makes the missing commits again, several at a time: of a record that several of
// them changed only the last content is written. The last transaction takes the next term and
// sets run.
func (k *keeper) commitAgain(ctx context.Context, m meta, missing []*commit) error {
	term := k.state.Term + 1
	stands := m
	for len(missing) > 0 {
		if err := k.expect(ctx, stands); err != nil {
			return err
		}
		var changes []dataset.Change
		var entries []command
		first, size, grown := stands.Version+1, 0, false
		for len(missing) > 0 && size < maxBytes && len(changes) < maxChanges {
			c := missing[0]
			missing = missing[1:]
			c.term = term
			size += c.size()
			changes = append(changes, c.content()...)
			entries = append(entries, k.entry(c))
			stands.State = c.after
			grown = grown || c.schema != nil
		}
		// The history that Redis has a part of now is the node's.
		stands.Term = k.state.Term
		if len(missing) == 0 {
			stands.Term, stands.Run = term, k.wire.server.run
		}
		fields := stands.advance()
		if grown {
			fields = stands.fields()
		}
		commands := append(bucketCommands(k.name, k.state.Generation, changes), entries...)
		commands = append(commands, cmd("HSET", metaKey(k.name), fields...))
		if err := k.transact(ctx, commands...); err != nil {
			return err
		}
		k.tail.stand(first, stands.Version, term)
	}
	next := k.state
	next.Term, next.Run = term, k.wire.server.run
	k.adopt(next)
	k.fence()
	return nil
}

func (k *keeper) entry(c *commit) command {
	return cmd("XADD", changesKey(k.name), append([]string{streamID(c.after.Version)}, c.fields()...)...)
}

// rewrite writes the node's whole copy into Redis as a new generation and
// switches to it in a new term. The stream is begun anew with the commits that the
// node keeps: what it held is of an older history, or gone, and who follows it goes
// on where they were. It gives the commits that were in Redis and are no more.
func (k *keeper) rewrite(ctx context.Context, m meta) (dropped []*commit, err error) {
	p := &plan{next: k.state}
	p.next.Term, p.next.Run = max(m.Term, k.state.Term)+1, k.wire.server.run
	var g *staged
	if k.state.Exists() {
		if g, err = k.stageCopy(ctx, m); err != nil {
			return nil, err
		}
	}
	if p.stream, err = k.streamAgain(ctx); err != nil {
		return nil, err
	}
	if err := k.expect(ctx, m); err != nil {
		return nil, err
	}
	// Read while meta is watched: all of it will be overwritten.
	had, err := k.readTail(ctx, m)
	if err != nil {
		return nil, err
	}
	dropped = k.overwritten(m, had)
	p.reset = p.stream == ""
	if g != nil {
		whole, err := k.whole(ctx, g)
		if err != nil {
			return nil, err
		}
		if !whole {
			return nil, errAgain
		}
		loadedAt := k.state.LoadedAt
		k.planGeneration(p, g)
		p.same = true
		p.next.LoadedAt = loadedAt
		p.commit.after = p.next.State
		// The number of the generation that was live may stand for another one in
		// this Redis.
		p.commands = p.commands[:1]
	} else {
		p.commit = &commit{kind: kindDrop, after: k.state.State}
	}
	if m.Exists() {
		// What this Redis has live is for the collector, with all that single writes added to it.
		p.commands = append(p.commands, cmd("HSET", gensKey(k.name), strconv.FormatUint(m.Generation, 10), generation{
			State: dead, Run: m.Run, Records: m.Count, Buckets: bucketsOf(m.Next),
		}.String()))
	}
	applied, err := k.commit(ctx, p)
	if err != nil {
		return nil, err
	}
	if !applied {
		return nil, errAgain
	}
	k.collect(ctx)
	return dropped, nil
}

// streamAgain writes the commits of the tail, several at a time, to a stream beside the
// one that there is, which is to take its place. Who dies in between has changed
// nothing, and what it wrote expires. It gives the stream's key; "": there is no tail.
func (k *keeper) streamAgain(ctx context.Context) (key string, err error) {
	const expires = 10 * time.Minute
	var commands []command
	size := 0
	left := len(k.tail.kept)
	for c := range k.tail.from(0) {
		if key == "" {
			key = besideKey(k.name, token())
		}
		left--
		commands = append(commands, cmd("XADD", key, append([]string{streamID(c.after.Version)}, c.fields()...)...))
		size += c.size()
		if size < maxBytes && len(commands) < maxChanges && left > 0 {
			continue
		}
		commands = append(commands, cmd("PEXPIRE", key, strconv.FormatInt(expires.Milliseconds(), 10)))
		// At once, so that there is never one that does not expire.
		if err := k.transact(ctx, commands...); err != nil {
			return "", err
		}
		commands, size = nil, 0
	}
	return key, nil
}

// stageCopy stages the node's copy under a number that no generation of this
// history ever had, nor the one that is live in Redis: the counter there may have gone back, or be lost.
func (k *keeper) stageCopy(ctx context.Context, m meta) (*staged, error) {
	for {
		last, err := k.wire.do(ctx, cmd("HINCRBY", gensKey(k.name), counter, "0")).Int()
		if err != nil {
			return nil, err
		}
		if behind := int64(max(k.state.Generation, m.Generation)) - last; behind > 0 {
			if err := k.wire.do(ctx, cmd("HINCRBY", gensKey(k.name), counter, strconv.FormatInt(behind, 10))).Err(); err != nil {
				return nil, err
			}
			continue
		}
		return k.store.stage(context.WithoutCancel(ctx), k.name, dataset.Load{
			Records: k.replica.Records(), Schema: k.state.Schema, Source: k.state.Source,
		}, nil, time.Now().Add(k.store.opts.WriteTimeout))
	}
}

// watchedMeta watches meta, and nothing else, and reads it.
func (k *keeper) watchedMeta(ctx context.Context) (meta, error) {
	if err := k.wire.all(ctx, []command{cmd("UNWATCH", ""), cmd("WATCH", metaKey(k.name))}); err != nil {
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
	if !now.same(m) {
		return errAgain
	}
	return nil
}

// same says whether nothing that matters for recoveries differs.
func (m meta) same(as meta) bool {
	return m.mark() == as.mark() && m.Term == as.Term && m.Run == as.Run
}

// transact runs commands as one transaction; errAgain says that what was watched
// had changed.
func (k *keeper) transact(ctx context.Context, commands ...command) error {
	err := k.wire.transact(ctx, commands...)
	if errors.Is(err, resp.ErrNil) {
		return errAgain
	}
	return err
}

// announcement is what a node says of its history during a recovery, in Redis.
type announcement struct {
	term, version uint64
	chain         string
	at            int64 // Redis's time in milliseconds
}

func (a announcement) String() string {
	return fmt.Sprintf("%d %d %s %d", a.term, a.version, a.chain, a.at)
}

func parseAnnouncement(text string) (announcement, error) {
	var a announcement
	_, err := fmt.Sscanf(text, "%d %d %s %d", &a.term, &a.version, &a.chain, &a.at)
	return a, err
}

// An announcement is repeated while its node waits. One that is older than
// staleAfter is of a node that died or stands still: it must not win.
const (
	repeatAfter = 250 * time.Millisecond
	staleAfter  = 1500 * time.Millisecond
)

// isFresh says whether it was made lately. Redis's clock may have gone back since: who lives says it again.
func (a announcement) isFresh(now int64) bool {
	return max(now-a.at, a.at-now) <= staleAfter.Milliseconds()
}

// elected announces this node's history and returns when this node is the one that
// recovers, with how long that took. It waits for the nodes that were alive, at the
// latest until the window ends; a lone node waits for nobody. errAgain says that
// another node was at work.
func (k *keeper) elected(ctx context.Context, m meta) (time.Duration, error) {
	self, window := k.store.opts.Node, k.store.opts.Window
	key := recoverKey(k.name, k.wire.server.run)
	var announced time.Time
	begun := time.Now()
	for {
		now, err := k.wire.time(ctx)
		if err != nil {
			return 0, err
		}
		// The time is asked again with the look: this node may stand still in between.
		commands := []command{cmd("HGETALL", key), cmd("HMGET", metaKey(k.name), metaFields...), cmd("TIME", "")}
		look := len(commands)
		if time.Since(announced) > repeatAfter {
			announced = time.Now()
			mine := announcement{k.state.Term, k.state.Version, k.state.Chain.String(), now}
			// Before the look: of two nodes that announce at the same time one sees both.
			commands = append([]command{
				cmd("HSET", key, self, mine.String()),
				cmd("PEXPIRE", key, strconv.FormatInt(4*window.Milliseconds(), 10)),
			}, commands...)
			commands = append(commands, cmd("SPUBLISH", k.store.database.topic(k.name), self+" recover"))
		}
		results, err := k.wire.pipeline(ctx, commands)
		if err != nil {
			return 0, err
		}
		if len(commands) > look {
			if err := results[0].Err(); err != nil {
				return 0, err // nobody hears of this node, so that others are not waited for either
			}
			results = results[2:]
		}
		said, err := results[0].Map()
		if err != nil {
			return 0, err
		}
		values, err := optionalTexts(results[1])
		if err != nil {
			return 0, err
		}
		is, err := parseMeta(k.name, values)
		if err != nil {
			return 0, err
		}
		if !is.same(m) {
			return 0, errAgain // another node has begun, or has done it
		}
		looked, err := parseTime(results[2].Texts())
		if err != nil {
			return 0, err
		}
		waited, heard := time.Since(begun), fresh(said, looked)
		complete := !slices.ContainsFunc(k.store.peers.alive(), func(node string) bool { _, ok := heard[node]; return !ok })
		if (complete || waited > window) && best(heard) == self {
			return waited, nil
		}
		if waited > 2*window {
			return 0, errAgain
		}
		if !pause(ctx, 5*time.Millisecond) {
			return 0, ctx.Err()
		}
	}
}

// watchRecovery gives the commands that find out whether others recover a dataset of
// which this node has nothing, and make EXEC fail once they begin to.
func (k *keeper) watchRecovery() []command {
	key := recoverKey(k.name, k.wire.server.run)
	return []command{cmd("WATCH", key), cmd("HGETALL", key), cmd("TIME", "")}
}

// recovering reads the replies to watchRecovery.
func (k *keeper) recovering(replies []resp.Reply) (bool, error) {
	said, err := replies[1].Map()
	if err != nil {
		return false, err
	}
	now, err := parseTime(replies[2].Texts())
	return underWay(said, now), err
}

// underWay says whether a node that has something of a dataset said lately that it is there to recover it.
func underWay(said map[string]string, now int64) bool {
	for _, text := range said {
		if a, err := parseAnnouncement(text); err == nil && a.version > 0 && a.isFresh(now) {
			return true
		}
	}
	return false
}

// abstain announces that this node has nothing of the dataset that others recover, so
// that nobody waits for it, and waits for them.
func (k *keeper) abstain(ctx context.Context) error {
	k.lacks.Store(true)
	key := recoverKey(k.name, k.wire.server.run)
	results, err := k.wire.pipeline(ctx, []command{
		cmd("HSET", key, k.store.opts.Node, announcement{chain: k.state.Chain.String()}.String()),
		cmd("PEXPIRE", key, strconv.FormatInt(4*k.store.opts.Window.Milliseconds(), 10)), // the others' may have expired
	})
	if err != nil {
		return err
	}
	if err := results[0].Err(); err != nil {
		return err
	}
	if !pause(ctx, repeatAfter/10) {
		return ctx.Err()
	}
	return errAgain
}

// keepAnnounced repeats this node's announcement while it writes what Redis lacks, which may take
// longer than others believe one, until stop is called.
func (k *keeper) keepAnnounced(ctx context.Context) (stop func()) {
	key := recoverKey(k.name, k.wire.server.run)
	mine := announcement{term: k.state.Term, version: k.state.Version, chain: k.state.Chain.String()}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for pause(ctx, repeatAfter) {
			var err error
			if mine.at, err = parseTime(k.store.sharedAll(ctx, key, cmd("TIME", ""))[0].AsStrSlice()); err != nil {
				continue
			}
			// Where it does not arrive, the next one may.
			k.store.sharedAll(ctx, key, cmd("HSET", key, k.store.opts.Node, mine.String()),
				cmd("PEXPIRE", key, strconv.FormatInt(4*k.store.opts.Window.Milliseconds(), 10)))
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// fresh gives what was announced lately, by node, and who said that it has nothing: that stays true.
func fresh(said map[string]string, now int64) map[string]announcement {
	heard := make(map[string]announcement, len(said))
	for node, text := range said {
		if a, err := parseAnnouncement(text); err == nil && (a.version == 0 || a.isFresh(now)) {
			heard[node] = a
		}
	}
	return heard
}

// best gives the node with the highest (term, version), the first by name among equals.
func best(heard map[string]announcement) string {
	var winner string
	var with announcement
	for node, a := range heard {
		if winner == "" || a.term > with.term || a.term == with.term && (a.version > with.version || a.version == with.version && node < winner) {
			winner, with = node, a
		}
	}
	return winner
}
