package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"landings/internal/dataset"
)

// witness finds out how safe the server of a dataset keeps what was committed. It has
// a connection of its own: to wait for a disk or for replicas on the committing one
// would hold up everybody's commits. What many ask at the same time is asked once.
type witness struct {
	keeper *keeper
	known  atomic.Pointer[knownSafety] // shared: what was last found out

	mu      sync.Mutex
	open    []*question   // guarded by mu: those without an answer
	running bool          // guarded by mu: a goroutine runs run
	wake    chan struct{} // shared: open has grown; holds one

	wire *wire // of the goroutine; nil: not connected
}

type knownSafety struct {
	safety
	at time.Time
}

// question is what somebody waits to know.
type question struct {
	at   dataset.State // made by the commit in question; the zero State: what can be promised is asked
	ack  dataset.Ack
	done chan error             // gets one answer; buffered. nil: it is so
	last atomic.Pointer[string] // what is known so far
	have atomic.Int64           // replicas that are known to have it
	gone atomic.Bool            // nobody waits any more
}

// safety is what a server does for what it has answered.
type safety struct {
	known    bool   // it tells how it syncs
	append   bool   // it has an append-only file
	partial  bool   // which may be one that no start of Redis reads yet, see topology.whole
	policy   string // appendfsync
	skips    bool   // no-appendfsync-on-rewrite: the policy does not hold while a child saves
	waits    bool   // it has WAITAOF
	version  string
	replicas int // connected and in step
}

// firstWaitAOF is the first Redis with WAITAOF.
var firstWaitAOF = [2]int{7, 2}

// safety asks a server.
func (w *wire) safety(ctx context.Context) (safety, error) {
	results, err := w.pipeline(ctx, []command{
		cmd("CONFIG", "", "GET", "appendonly", "appendfsync", "no-appendfsync-on-rewrite"),
		cmd("INFO", "", "replication", "persistence"),
	})
	if err != nil {
		return safety{}, err
	}
	info, err := results[1].Text()
	if err != nil {
		return safety{}, err
	}
	fields := parseInfo(info)
	s := safety{version: w.server.version, append: fields["aof_enabled"] == "1"}
	s.partial = s.append && !w.topology.whole(w.addr, w.server.run, fields)
	for name, value := range fields {
		if strings.HasPrefix(name, "slave") && strings.Contains(value, "state=online") {
			s.replicas++
		}
	}
	var major, minor int
	if n, _ := fmt.Sscanf(s.version, "%d.%d", &major, &minor); n == 2 {
		s.waits = major > firstWaitAOF[0] || major == firstWaitAOF[0] && minor >= firstWaitAOF[1]
	}
	set, err := results[0].Map()
	if err != nil && !isReply(err) {
		return safety{}, err
	}
	if err == nil { // else CONFIG is not allowed
		s.known, s.policy, s.skips = set["appendfsync"] != "", set["appendfsync"], set["no-appendfsync-on-rewrite"] == "yes"
		s.append = s.append && set["appendonly"] == "yes"
	}
	return s, nil
}

// synced says whether whatever the server answers is on its disk.
func (s safety) synced() bool {
	return s.known && s.append && s.policy == "always" && !s.skips && !s.partial
}

// errPartial says why a server that syncs before it answers cannot promise a disk yet.
var errPartial = &fault{
	message: "Redis is writing its append-only file, and until that is done a file that was not there before is not read at its start (aof_rewrite_in_progress)",
	remedy:  "try again when it is done, or ask for less",
}

// lacks says why a server cannot promise what is asked; nil: it can.
func (s safety) lacks(ack dataset.Ack) error {
	switch ack.Level {
	case dataset.AckReplicas:
		if s.replicas < ack.N {
			return &fault{
				message: "Redis has " + counted(s.replicas, "replica", "replicas") + " in step",
				remedy:  "connect more replicas, or ask for less",
			}
		}
		return nil
	case dataset.AckDisk:
	case dataset.AckMemory, dataset.AckNodes:
		return nil
	}
	const always = "set appendonly yes and appendfsync always"
	switch {
	case s.synced():
		return nil
	case !s.append:
		return &fault{message: "Redis has no append-only file (appendonly no)", remedy: always + ", or ask for less"}
	case s.waits && s.policy != "no":
		return nil
	case !s.known:
		return &fault{message: "Redis does not tell how it syncs its append-only file (CONFIG GET is not allowed), and version " + s.version + " has no WAITAOF", remedy: "allow the user +config|get, use Redis 7.2 or later, or ask for less"}
	case s.policy == "always" && !s.skips:
		return errPartial
	case s.policy == "always":
		return &fault{message: "Redis does not sync its append-only file while it saves (no-appendfsync-on-rewrite yes)", remedy: "set no-appendfsync-on-rewrite no, use Redis 7.2 or later, or ask for less"}
	case s.policy == "no":
		return &fault{message: "Redis does not sync its append-only file (appendfsync no)", remedy: always + ", or ask for less"}
	}
	return &fault{
		message: "Redis syncs its append-only file once a second (appendfsync " + s.policy + "), and version " + s.version + " has no WAITAOF",
		remedy:  always + ", use Redis 7.2 or later, or ask for less",
	}
}

// promise says what keeps the server from promising what is asked, as far as was
// known within the last second. Other errors say that it could not be asked.
func (w *witness) promise(ctx context.Context, ack dataset.Ack) (short, err error) {
	if known := w.known.Load(); known != nil && time.Since(known.at) < time.Second && known.lacks(ack) == nil {
		return nil, nil
	}
	q := &question{ack: ack}
	if err := w.answer(ctx, q); err != nil {
		if ctx.Err() != nil {
			return nil, w.keeper.notDone()
		}
		return err, nil
	}
	return nil, nil
}

// confirm returns once the commit that made a state is as safe as is asked, and gives how
// many replicas are known to have it.
func (w *witness) confirm(ctx context.Context, at dataset.State, ack dataset.Ack) (int, error) {
	q := &question{at: at, ack: ack}
	err := w.answer(ctx, q)
	return int(q.have.Load()), err
}

// answer waits for the answer to a question.
func (w *witness) answer(ctx context.Context, q *question) error {
	q.done = make(chan error, 1)
	w.mu.Lock()
	w.open = append(w.open, q)
	if !w.running {
		w.running = true
		w.keeper.store.wg.Go(w.run)
	}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
	select {
	case err := <-q.done:
		return err
	case <-ctx.Done():
	case <-w.keeper.store.ctx.Done():
	}
	q.gone.Store(true)
	if w.keeper.store.ctx.Err() != nil {
		return errClosed
	}
	if known := q.last.Load(); known != nil {
		return &fault{message: *known}
	}
	return &fault{message: "Redis did not tell in time"}
}

// waitSlice is how long Redis is left to wait at a time: those who come meanwhile
// are asked for after it.
const waitSlice = 50 * time.Millisecond

// run answers questions until none has come for a while.
func (w *witness) run() {
	ctx := w.keeper.store.ctx
	defer w.hangUp()
	for attempts := 0; ; {
		open := w.questions()
		if len(open) == 0 {
			select {
			case <-w.wake:
				continue
			case <-time.After(w.keeper.store.opts.Idle):
				if w.rest() {
					return
				}
				continue
			case <-ctx.Done():
				return
			}
		}
		if err := w.round(ctx, open); err != nil {
			w.hangUp()
			attempts++
		} else {
			attempts = 0
		}
		if attempts > 0 && !pause(ctx, backoff(attempts)) {
			return
		}
	}
}

// questions gives those that are open.
func (w *witness) questions() []*question {
	w.mu.Lock()
	defer w.mu.Unlock()
	open := make([]*question, 0, len(w.open))
	for _, q := range w.open {
		if len(q.done) == 0 && !q.gone.Load() {
			open = append(open, q)
		}
	}
	w.open = append(w.open[:0:0], open...)
	return open
}

// rest ends the goroutine unless there is a question.
func (w *witness) rest() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = len(w.open) > 0
	return !w.running
}

func (w *witness) hangUp() {
	if w.wire != nil {
		w.wire.close()
		w.wire = nil
	}
}

// round asks the server once and answers what can be answered. An error means that the
// connection is of no use any more.
func (w *witness) round(ctx context.Context, open []*question) error {
	k := w.keeper
	if w.wire == nil {
		var err error
		if w.wire, err = k.store.open(ctx, metaKey(k.name)); err != nil {
			return err
		}
	}
	values, err := optionalTexts(w.wire.do(ctx, cmd("HMGET", metaKey(k.name), markFields...)))
	if err != nil {
		return err
	}
	safe, err := w.wire.safety(ctx)
	if err != nil {
		return err
	}
	w.known.Store(&knownSafety{safe, time.Now()})
	var disk, replicas []*question
	for _, q := range open {
		short := safe.lacks(q.ack)
		switch {
		case q.at.Version == 0:
			q.done <- short
		case short != nil && q.ack.Level == dataset.AckDisk:
			q.done <- short // the setting was changed
		default:
			stands, err := w.stands(values, q.at)
			switch {
			case err != nil:
				q.done <- err
			case !stands:
				return errAgain // another incarnation: connect anew
			case q.ack.Level == dataset.AckReplicas:
				replicas = append(replicas, q)
			case safe.synced():
				q.done <- nil // it was when EXEC was answered: the policy is asked before the commit and after it
			default:
				disk = append(disk, q)
			}
		}
	}
	if len(disk)+len(replicas) == 0 {
		return nil
	}
	return w.wait(ctx, disk, replicas)
}

// errRecovered says that what Redis has may lack a commit.
var errRecovered = &fault{message: "Redis was recovered meanwhile"}

// stands says whether the meta that the connection's server has holds the commit that
// made a state, as far as its values tell; false: they are of another incarnation.
func (w *witness) stands(values []*string, at dataset.State) (bool, error) {
	for _, v := range values {
		if v == nil {
			return false, nil
		}
	}
	version, err1 := strconv.ParseUint(*values[1], 10, 64)
	term, err2 := strconv.ParseUint(*values[3], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return false, &fault{message: metaKey(at.Name) + " cannot be read", cause: err}
	}
	if *values[0] != at.Epoch || term > at.Term {
		return false, errRecovered
	}
	return term == at.Term && version >= at.Version && *values[4] == w.wire.server.run, nil
}

// wait has the server wait for its disk and its replicas, a slice of time. Both wait
// for what this very connection wrote last, which is after the commits in question: so it
// writes something, which vanishes by itself.
func (w *witness) wait(ctx context.Context, disk, replicas []*question) error {
	k := w.keeper
	slice := strconv.FormatInt(waitSlice.Milliseconds(), 10)
	commands := []command{cmd("SET", barrierKey(k.name, k.store.opts.Node), strconv.FormatInt(time.Now().UnixMilli(), 10), "PX", "10000")}
	least := 0
	for _, q := range replicas {
		if least == 0 || q.ack.N < least {
			least = q.ack.N
		}
	}
	if least > 0 {
		commands = append(commands, cmd("WAIT", "", strconv.Itoa(least), slice))
	}
	if len(disk) > 0 {
		commands = append(commands, cmd("WAITAOF", "", "1", "0", slice))
	}
	results, err := w.wire.pipeline(ctx, commands)
	if err != nil {
		return err
	}
	if err := results[0].Err(); err != nil {
		return err
	}
	results = results[1:]
	if least > 0 {
		n, err := results[0].Int()
		if err != nil {
			return err
		}
		results = results[1:]
		known := counted(int(n), "replica has it", "replicas have it")
		for _, q := range replicas {
			q.last.Store(&known)
			q.have.Store(n)
			if int(n) >= q.ack.N {
				q.done <- nil
			}
		}
	}
	if len(disk) > 0 {
		counts, err := results[0].List() // of this server and of replicas
		if err != nil {
			return err
		}
		synced := int64(0)
		if len(counts) > 0 {
			if synced, err = counts[0].Int(); err != nil {
				return err
			}
		}
		known := "Redis has not synced it yet"
		for _, q := range disk {
			q.last.Store(&known)
			if synced >= 1 {
				q.done <- nil
			}
		}
	}
	return nil
}
