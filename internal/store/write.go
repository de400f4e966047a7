package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"landings/internal/dataset"
	"landings/internal/resp"
)

// One commit takes the writes that wait at its time, up to these bounds. Larger
// all-or-nothing writes are staged as a generation.
const (
	maxChanges = 10_000
	maxBytes   = 8 << 20
)

// write serves a request, together with those that wait behind it, until each
// has its outcome or was abandoned.
func (k *keeper) write(first *request) {
	batch := []*request{first}
	quiet := true // no update waited before the first one
	for attempts := 0; ; attempts++ {
		again := !quiet && len(batch) > 0
		k.giveWay()
		batch = k.gather(batch)
		if len(batch) == 0 {
			return
		}
		if !again {
			batch = k.assemble(batch, quiet)
		}
		quiet = false
		made := k.commits.Load()
		rest, err := k.attempt(batch)
		k.note(err, k.commits.Load() > made)
		if err == nil {
			attempts = 0
		}
		for _, r := range rest {
			// What cannot have reached Redis may be abandoned again.
			if !r.inDoubt {
				r.status.CompareAndSwap(taken, waiting)
			}
		}
		batch = rest
		if err == nil {
			continue
		}
		if !pause(k.store.ctx, backoff(attempts)) {
			for _, r := range batch {
				if r.inDoubt {
					r.settle(dataset.State{}, errUnknown)
				} else {
					r.settle(dataset.State{}, errClosed)
				}
			}
			return
		}
	}
}

// gather leaves out the abandoned and adds updates that wait.
func (k *keeper) gather(batch []*request) []*request {
	alive := batch[:0]
	for _, r := range batch {
		if r.status.Load() != abandoned && !r.settled {
			alive = append(alive, r)
		}
	}
	for len(alive) < maxChanges && k.held == nil && (len(alive) == 0 || alive[0].isUpdate()) {
		select {
		case r := <-k.requests:
			switch {
			case r.status.Load() == abandoned:
			case len(alive) == 0 || r.isUpdate():
				alive = append(alive, r)
			default:
				k.held = r
			}
			continue
		default:
		}
		break
	}
	return alive
}

// attempt tries once to settle the batch and gives what has to be tried again.
func (k *keeper) attempt(batch []*request) ([]*request, error) {
	ctx := k.store.ctx // each answer is waited for at most WriteTimeout, by the connection
	if err := k.sync(ctx); err != nil {
		settleRefused(batch, err)
		return stillOpen(batch), err
	}
	batch = stillOpen(batch) // sync may have found lost ones among the commits
	if len(batch) == 0 {
		return nil, nil
	}
	p, err := k.plan(ctx, batch)
	if err != nil {
		err = k.broke(err)
		settleRefused(batch, err)
		return stillOpen(batch), err
	}
	if p.commit == nil {
		// EXEC protects commits, not refusals: Redis has to be seen at our state
		// after the requests came in.
		before := k.state.mark()
		k.disarm()
		if err := k.sync(ctx); err != nil {
			return p.all(), err
		}
		if k.state.mark() != before {
			return p.all(), nil
		}
		for _, s := range p.settled {
			if s.request.inDoubt {
				// It was granted beside others that are not tried again, and may still arrive with them.
				s.request.settle(dataset.State{}, errUnknown)
			}
		}
		p.settle()
		return p.rest, nil
	}
	start := time.Now()
	applied, err := false, k.store.forbidden()
	if err == nil {
		applied, err = k.commit(ctx, p)
	}
	k.crowd.committed(len(p.granted)+len(p.settled), start, time.Now())
	if err != nil {
		settleRefused(p.granted, err)
		if refusesWrites(err) && len(p.commit.body) > largeCommit {
			k.hangUp()
		}
	}
	if err != nil || !applied {
		return stillOpen(p.all()), err
	}
	p.settle()
	if c := p.commit.kind; c != kindChanges {
		k.store.tellNew(k.name)
		k.collect(ctx)
	}
	return p.rest, nil
}

// largeCommit is how large a commit is after whose refusal the connection is closed, in bytes: Redis
// keeps for a moment what it has read of it, and where memory is full refuses small ones for that.
const largeCommit = 64 << 10

// settleRefused gives requests the error where waiting does not help soon.
func settleRefused(requests []*request, err error) {
	if healingOf(err) == soon {
		return
	}
	for _, r := range requests {
		if !r.inDoubt {
			r.settle(dataset.State{}, err)
		}
	}
}

// stillOpen gives the requests of a batch that have no outcome yet.
func stillOpen(batch []*request) []*request {
	rest := batch[:0:0]
	for _, r := range batch {
		if !r.settled {
			rest = append(rest, r)
		}
	}
	return rest
}

// plan is what one commit shall do, and what becomes of each request.
type plan struct {
	commit   *commit                    // nil: there is nothing to commit
	next     meta                       // the state after it
	prepare  func() func(dataset.State) // of the content that a switch brings, see staged
	same     bool                       // that is what the copy has already
	commands []command
	reset    bool   // the stream is begun anew
	stream   string // key of a stream that takes the place of the one that there is
	granted  []*request
	answer   *dataset.State // what the granted get; nil: the state after the commit
	settled  []settlement
	rest     []*request // did not fit in
}

type settlement struct {
	request *request
	state   dataset.State
	commits bool // the state after the commit instead, which changes what the request is about before its turn
	err     error
}

func (p *plan) refuse(r *request, state dataset.State, err error) {
	p.settled = append(p.settled, settlement{request: r, state: state, err: err})
}

func (p *plan) all() []*request {
	all := append([]*request(nil), p.granted...)
	for _, s := range p.settled {
		all = append(all, s.request)
	}
	return append(all, p.rest...)
}

// settle gives everybody the outcome.
func (p *plan) settle() {
	for _, s := range p.settled {
		if s.commits {
			s.state = p.next.State
		}
		s.request.settle(s.state, s.err)
	}
	answer := p.answer
	if answer == nil {
		answer = &p.next.State
	}
	for _, r := range p.granted {
		r.settle(*answer, nil)
	}
}

// plan decides about each request, at the state that the keeper has.
func (k *keeper) plan(ctx context.Context, batch []*request) (*plan, error) {
	switch first := batch[0]; {
	case first.drop:
		return k.planDrop(first), nil
	case first.staged != nil:
		return k.planSwitch(ctx, first)
	case !k.state.Exists():
		return k.planFirst(ctx, batch)
	}
	return k.planUpdates(batch), nil
}

func (k *keeper) planUpdates(batch []*request) *plan {
	p := &plan{next: k.state}
	changes := make([]dataset.Change, 0, len(batch))
	latest := make(map[string]*dataset.Change, len(batch)) // by id: what this commit made of it so far
	size, grown := 0, false
	for i, r := range batch {
		if len(changes) == maxChanges || size >= maxBytes {
			p.rest = append(p.rest, batch[i:]...)
			break
		}
		var current dataset.Record
		var exists bool
		if c := latest[r.id]; c != nil {
			current, exists = c.Record, !c.Delete
		} else {
			current, exists = k.replica.Lookup(r.id)
		}
		if !exists {
			current = dataset.Record{}
		}
		edit, err := r.decide(current, exists)
		switch {
		case err != nil:
			p.settled = append(p.settled, settlement{r, k.state.State, latest[r.id] != nil, err})
			continue
		case edit.Delete && !exists, !edit.Delete && edit.JSON == nil, !edit.Delete && exists && bytes.Equal(edit.JSON, current.JSON):
			p.settled = append(p.settled, settlement{r, k.state.State, latest[r.id] != nil, nil}) // nothing changes; that too has to be true at Redis's state
			continue
		}
		lacks := p.next.Schema.Lacks(edit.Fields)
		if len(lacks) > 0 && grown && len(p.next.Schema.Fields)+len(lacks) > edit.MaxFields {
			p.rest = append(p.rest, batch[i:]...) // to be decided at the schema that this commit makes
			break
		}
		if !r.take() {
			continue
		}
		if len(lacks) > 0 {
			p.next.Schema, grown = p.next.Schema.With(lacks), true
		}
		c := dataset.Change{Delete: edit.Delete, Record: dataset.Record{ID: r.id, Position: current.Position, JSON: edit.JSON}}
		switch {
		case edit.Delete:
			c.Record.JSON = nil
			p.next.Digest -= current.Hash()
			p.next.Count--
		case exists:
			p.next.Digest += c.Record.Hash() - current.Hash()
		default:
			c.Record.Position = p.next.Next
			p.next.Next++
			p.next.Count++
			p.next.Digest += c.Record.Hash()
		}
		size += len(edit.JSON) + len(r.id)
		changes = append(changes, c)
		latest[r.id] = &changes[len(changes)-1]
		p.granted = append(p.granted, r)
	}
	if len(changes) == 0 {
		return p
	}
	p.commit = &commit{kind: kindChanges, changes: changes, after: p.next.State}
	if grown {
		p.commit.schema = encodeSchema(p.next.Schema)
	}
	p.commands = bucketCommands(k.name, k.state.Generation, changes)
	return p
}

// bucketCommands gives what changes do to the buckets: at most one HSET and one
// HDEL for each bucket.
func bucketCommands(name string, generation uint64, changes []dataset.Change) []command {
	byBucket := slices.Clone(changes)
	slices.SortStableFunc(byBucket, func(a, b dataset.Change) int {
		return cmp.Compare(dataset.BucketOf(a.Record.Position), dataset.BucketOf(b.Record.Position))
	})
	commands := make([]command, 0, len(changes))
	for len(byBucket) > 0 {
		number := dataset.BucketOf(byBucket[0].Record.Position)
		n := 1
		for n < len(byBucket) && dataset.BucketOf(byBucket[n].Record.Position) == number {
			n++
		}
		key := bucketKey(name, generation, number)
		var puts, deletes []string
		for _, c := range lastOfEach(byBucket[:n]) {
			if c.Delete {
				deletes = append(deletes, c.Record.ID)
			} else {
				puts = append(puts, c.Record.ID, encodeRecord(c.Record))
			}
		}
		if len(puts) > 0 {
			commands = append(commands, command{"HSET", key, puts})
		}
		if len(deletes) > 0 {
			commands = append(commands, command{"HDEL", key, deletes})
		}
		byBucket = byBucket[n:]
	}
	return commands
}

// lastOfEach gives the last change of each id.
func lastOfEach(changes []dataset.Change) []dataset.Change {
	if len(changes) == 1 {
		return changes
	}
	place := make(map[string]int, len(changes))
	var last []dataset.Change
	for _, c := range changes {
		if i, again := place[c.Record.ID]; again {
			last[i] = c
			continue
		}
		place[c.Record.ID] = len(last)
		last = append(last, c)
	}
	return last
}

// encodeRecord gives a record as a bucket keeps it: "<position> <JSON>".
func encodeRecord(r dataset.Record) string {
	var b strings.Builder
	b.Grow(20 + 1 + len(r.JSON))
	var position [20]byte
	b.Write(strconv.AppendUint(position[:0], r.Position, 10))
	b.WriteByte(' ')
	b.Write(r.JSON)
	return b.String()
}

func (k *keeper) planDrop(r *request) *plan {
	p := &plan{next: k.state}
	if !k.state.Exists() {
		p.refuse(r, k.state.State, notFound(k.name))
		return p
	}
	if r.check != nil {
		if err := r.check(k.state.State); err != nil {
			p.refuse(r, k.state.State, err)
			return p
		}
	}
	if !r.take() {
		return p
	}
	was := k.state.State
	p.next.Generation, p.next.Count, p.next.Digest, p.next.Next = 0, 0, 0, 0
	p.next.Schema, p.next.Source = dataset.Schema{}, ""
	p.commit = &commit{kind: kindDrop, after: p.next.State}
	p.granted, p.answer = []*request{r}, &was
	p.commands = []command{cmd("HSET", gensKey(k.name), strconv.FormatUint(was.Generation, 10), generation{
		State: dead, Run: k.state.Run, Records: was.Count, Buckets: bucketsOf(was.Next),
	}.String())}
	return p
}

// commit sends a plan as one transaction. It says whether it was applied; it was
// not where another node was first (then err is nil) or Redis refused it. Where
// the reply was lost, the plan is kept among the unresolved.
func (k *keeper) commit(ctx context.Context, p *plan) (bool, error) {
	c := p.commit
	c.term, c.node, c.seq, c.at = k.state.Term, k.store.opts.Node, k.store.seq.Add(1), time.Now()
	if p.next.Run == "" { // the first commit of a dataset
		p.next.Run = k.wire.server.run
	}
	c.term = p.next.Term
	if err := c.seal(k.state.State); err != nil {
		return false, err
	}
	p.next.Version, p.next.Chain = c.after.Version, c.after.Chain
	fields := p.next.advance()
	if c.kind != kindChanges || c.schema != nil {
		fields = p.next.fields()
	}

	commands := make([]command, 0, len(p.commands)+8)
	commands = append(commands, multi, barrier)
	commands = append(commands, p.commands...)
	if p.reset {
		commands = append(commands, cmd("DEL", changesKey(k.name)))
	}
	if p.stream != "" {
		commands = append(commands, cmd("RENAME", p.stream, changesKey(k.name)))
	}
	commands = append(commands,
		cmd("XADD", changesKey(k.name), append([]string{streamID(c.after.Version)}, c.fields()...)...),
		cmd("HSET", metaKey(k.name), fields...))
	for _, key := range []string{metaKey(k.name), changesKey(k.name), gensKey(k.name)} {
		switch c.kind {
		case kindSwitch:
			commands = append(commands, cmd("PERSIST", key)) // HSET keeps a tombstone's time to live
		case kindDrop:
			// The history stays a while, so that nodes which were away learn of the end.
			commands = append(commands, cmd("PEXPIRE", key, strconv.FormatInt(k.store.opts.KeepDropped.Milliseconds(), 10)))
		case kindChanges:
		}
	}
	end := len(commands)
	// SPUBLISH inside the transaction would stop it while a cluster's slot moves.
	// The look at meta for the next commit goes along, which saves that one a
	// round trip.
	commands = append(commands, exec)
	announced := k.announces(c.at)
	if announced {
		commands = append(commands, k.announcement(c.after.Version))
	}
	look := len(commands)
	commands = append(commands, k.watchMeta()...)

	results, broken := k.wire.transaction(ctx, commands)
	k.armed = false
	if len(results) <= end {
		if !isReply(broken) { // else MULTI was refused, and nothing has run
			k.doubt(p)
		}
		return false, k.broke(broken)
	}
	list, err := results[end].List()
	switch {
	case err != nil && !isReply(err) && !errors.Is(err, resp.ErrNil):
		k.doubt(p)
		return false, k.broke(err) // something between us and Redis speaks for it

	case errors.Is(err, resp.ErrNil):
		k.suspect = true
		return false, nil // another commit was first
	case err != nil:
		k.wire.ended(results[end])
		// The reply to the command that was refused says more than EXECABORT.
		for _, r := range results[:end] {
			if isReply(r.Err()) {
				return false, k.broke(r.Err())
			}
		}
		return false, k.broke(err)
	}
	for _, m := range list {
		if why := m.Err(); isReply(why) {
			// A command inside failed, the others stand: keys of another type
			// under our names. Nothing but people can mend that.
			k.suspect = true
			k.known = false
			return false, k.store.explain(why)
		}
	}
	k.fence()
	k.advance(p)
	k.rivals.made(p.next.Version)
	k.untold = !announced
	k.commits.Add(1)
	k.writes.Add(uint64(len(p.granted)))
	if broken == nil {
		k.armed = k.stands(results[look:])
	} else {
		k.hangUp() // after EXEC was answered: the commit stands
	}
	return true, nil
}

// doubt keeps a plan whose reply was lost until it is known what became of it.
func (k *keeper) doubt(p *plan) {
	for _, r := range p.granted {
		r.inDoubt = true
	}
	k.unresolved = append(k.unresolved, attempt{p.commit.seq, p.granted, p.answer})
}

// advance makes a commit that is in Redis part of the node's copy.
func (k *keeper) advance(p *plan) {
	c, next := p.commit, p.next
	switch c.kind {
	case kindChanges:
		k.replica.Apply(next.State, c.changes)
	case kindSwitch:
		if p.same {
			k.replica.Apply(next.State, nil)
		} else {
			p.prepare()(next.State)
		}
	case kindDrop:
		k.replica.Clear(next.State)
	}
	k.adopt(next)
	k.remember(c)
}

// remember adds a commit to the tail and lets go of what is beyond its bounds.
func (k *keeper) remember(c *commit) {
	k.tail.add(c)
	k.tail.trim(k.store.opts.KeepBytes, time.Now().Add(-k.store.opts.KeepCommits))
}

// resolve settles the commits whose reply was lost, now that the stream shows c.
func (k *keeper) resolve(c *commit) {
	for _, a := range k.unresolved {
		if c.node == k.store.opts.Node && c.seq == a.seq {
			answer := c.after
			if a.answer != nil {
				answer = *a.answer
			}
			answer.Term = c.term
			for _, r := range a.requests {
				r.settle(answer, nil)
			}
		}
	}
}

// fence forgets what was in doubt: meta has moved on since, so none of it can
// be applied any more, and what was applied is settled.
func (k *keeper) fence() {
	for _, a := range k.unresolved {
		for _, r := range a.requests {
			r.inDoubt = false
		}
	}
	k.unresolved = nil
}

// announceApart is the least time between two announcements of who writes alone: the
// other nodes take in what came in between at once, and Redis does not have to wake
// all of them for each of thousands of commits a second.
const announceApart = time.Millisecond

// announces says whether the commit that is made now is to be announced. Who has
// rivals announces every try: it is how they know whom they won against.
func (k *keeper) announces(now time.Time) bool {
	if now.Sub(k.told) < announceApart && k.rivals.alone() {
		return false
	}
	k.told = now
	return true
}

// tellLate announces the last commit, if it was not.
func (k *keeper) tellLate() {
	if !k.untold {
		return
	}
	k.untold, k.told = false, time.Now()
	said := k.announcement(k.state.Version)
	k.store.wg.Go(func() { _ = k.store.shared(k.store.ctx, said).Error() }) // as much a hint as the others
}

// announcement tells other nodes of a version. It is a hint that may get lost.
func (k *keeper) announcement(version uint64) command {
	return cmd("SPUBLISH", k.store.database.topic(k.name), k.store.opts.Node+" "+strconv.FormatUint(version, 10))
}

func streamID(version uint64) string { return strconv.FormatUint(version, 10) + "-0" }

// isReply says whether err is an answer of Redis, not a failure to get one.
func isReply(err error) bool {
	_, is := replyOf(err)
	return is
}

// replyOf gives the text of an error that is an answer of Redis.
func replyOf(err error) (text string, is bool) {
	if reply, ok := errors.AsType[*rueidis.RedisError](err); ok {
		return reply.Error(), !reply.IsNil()
	}
	r, ok := errors.AsType[resp.Error](err)
	return string(r), ok
}
