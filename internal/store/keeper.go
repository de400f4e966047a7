package store

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"landings/internal/dataset"
)

// keeper owns one dataset: its committing connection, its queue of writes and
// the node's copy of it. Everything below that is not said to be shared belongs
// to the goroutine that runs run.
type keeper struct {
	store   *Store
	name    string
	replica Replica

	requests chan *request // shared: writes that wait for their turn
	hints    chan struct{} // shared: something may have changed in Redis
	ready    chan struct{} // shared: closed once the dataset was read, found absent or found damaged

	published atomic.Pointer[meta]          // shared: a copy of state
	moved     atomic.Pointer[chan struct{}] // shared: closed and replaced after published has changed
	trouble   atomic.Pointer[error]         // shared: what keeps writes from being committed now
	commits   atomic.Uint64                 // shared: made here
	writes    atomic.Uint64                 // shared: in them
	behind    atomic.Pointer[behind]        // shared: nil where the copy was not behind at the last look
	holders   holders                       // shared: who else has what
	parted    atomic.Pointer[parting]       // shared: where commits were last dropped from the copy; nil: nowhere
	witness   witness                       // shared: how safe Redis keeps it
	stranger  atomic.Bool                   // shared: a look found another incarnation than meta names
	lacks     atomic.Bool                   // shared: what the copy shows is not what Redis, or another node, is known to have

	wire    *wire // nil: not connected
	suspect bool  // the wire gave an error: ask again who serves it
	armed   bool  // meta is watched on the wire and was equal to state when that began

	state      meta        // of the copy; the zero meta until known
	moving     bool        // Redis answered that its slot is being moved, and keys may be missing since
	known      bool        // the dataset was read from Redis at least once
	tail       tail        // the last commits, the last of them makes state
	unresolved []attempt   // commits whose reply was lost
	held       *request    // taken from requests, next to be served
	crowd      crowd       // who writes together
	rivals     *rivals     // shared: who writes beside this node
	told       time.Time   // when a commit was last announced
	untold     bool        // the last one was not
	trimmed    uint64      // the stream was trimmed up to this version
	collected  time.Time   // when generations were last collected
	kept       time.Time   // when housekeep last ran
	expires    time.Time   // when the next of the earlier generations is to be collected; zero: none
	expired    *time.Timer // fires then
	used       time.Time   // when the wire was last needed for more than that
	refusal    error       // with which Redis last refused any write, and
	refused    time.Time   // when; zero: never
	said       time.Time   // when a trouble was last logged
	unsaid     bool        // the present one was not
}

// request is a write that waits for its keeper. It is an update of one record
// (decide), a switch to a staged generation (staged), or a drop.
type request struct {
	id     string
	decide dataset.Decide
	staged *staged
	drop   bool
	check  dataset.Check

	came     time.Time                  // when it was queued
	status   atomic.Int32               // shared: waiting, taken or abandoned
	answered atomic.Bool                // shared: done was called, or is about to be
	done     func(dataset.State, error) // called once, with the outcome; it does not block
	patience *time.Timer                // abandons it in the end

	settled bool // it has its outcome; the keeper's
	inDoubt bool // it is part of a commit whose reply was lost; the keeper's
}

// The keeper takes a request before it can reach Redis. Who stops waiting before
// that is told that the write did not happen, and it will not; who stops waiting
// later is told that its outcome is unknown.
const (
	waiting int32 = iota
	taken
	abandoned
)

func (r *request) isUpdate() bool { return r.decide != nil }

// settle gives the request its outcome; only the first one counts.
func (r *request) settle(state dataset.State, err error) {
	if !r.settled {
		r.settled = true
		r.patience.Stop()
		r.answer(state, err)
	}
}

func (r *request) answer(state dataset.State, err error) {
	if r.answered.CompareAndSwap(false, true) {
		r.done(state, err)
	}
}

// take says whether the request may become part of a commit.
func (r *request) take() bool {
	return r.status.CompareAndSwap(waiting, taken) || r.status.Load() == taken
}

// attempt is a commit that was sent and whose reply was lost.
type attempt struct {
	seq      uint64
	requests []*request
	answer   *dataset.State // as a plan has it
}

func newKeeper(s *Store, name string, replica Replica) *keeper {
	k := &keeper{
		store:    s,
		name:     name,
		replica:  replica,
		requests: make(chan *request, 1024),
		hints:    make(chan struct{}, 1),
		ready:    make(chan struct{}),
		state:    meta{State: dataset.State{Name: name}},
	}
	k.lacks.Store(true)
	k.rivals = newRivals()
	k.expired = time.NewTimer(0)
	k.expired.Stop()
	k.witness.keeper, k.witness.wake = k, make(chan struct{}, 1)
	k.published.Store(&meta{State: k.state.State})
	k.moved.Store(new(make(chan struct{})))
	return k
}

// hint wakes the keeper to look at Redis.
func (k *keeper) hint() {
	select {
	case k.hints <- struct{}{}:
	default:
	}
}

// begin queues a request. Its outcome comes within the time that a write may wait.
func (k *keeper) begin(r *request) {
	r.came = time.Now()
	r.patience = time.AfterFunc(k.store.opts.WriteTimeout, func() { k.abandon(r) })
	select {
	case k.requests <- r:
	default:
		go func() { // the keeper is far behind
			over := time.NewTimer(k.store.opts.WriteTimeout)
			defer over.Stop()
			select {
			case k.requests <- r:
			case <-over.C: // so is its patience
			case <-k.store.ctx.Done():
				r.answer(dataset.State{}, errClosed)
			}
		}()
	}
	if k.store.ctx.Err() != nil && r.status.CompareAndSwap(waiting, abandoned) {
		r.answer(dataset.State{}, errClosed) // the keeper may be gone
	}
}

// abandon gives up waiting for a request.
func (k *keeper) abandon(r *request) {
	if r.status.CompareAndSwap(waiting, abandoned) {
		r.answer(dataset.State{}, k.notDone())
		return
	}
	// Its turn has come already: the keeper need not try it again.
	r.status.Store(abandoned)
	r.answer(dataset.State{}, k.unknownOutcome())
}

// unknownOutcome is errUnknown of a write whose time is over.
func (k *keeper) unknownOutcome() error {
	if t := k.trouble.Load(); t != nil && *t != nil && diagnose(*t).message != errLate.message {
		return errUnknown
	}
	// The keeper still waits for the answer, or did so in vain.
	e := *errUnknown
	e.Message = "Redis did not answer in time while the write was under way: it may or may not have been applied"
	return &e
}

// submit queues a request and waits for its outcome.
func (k *keeper) submit(ctx context.Context, r *request) (state dataset.State, err error) {
	done := make(chan struct{})
	r.done = func(s dataset.State, e error) {
		state, err = s, e
		close(done)
	}
	k.begin(r)
	select {
	case <-done:
	case <-ctx.Done():
		k.abandon(r)
		<-done
	}
	return state, err
}

// nothing decides on a write that changes nothing: it is answered once Redis was seen at the copy's state after it came in.
func nothing(dataset.Record, bool) (dataset.Edit, error) { return dataset.Edit{}, nil }

// reach waits for a version, see [Store.Reach].
func (k *keeper) reach(ctx context.Context, version uint64) error {
	if version == dataset.Latest {
		_, err := k.submit(ctx, &request{decide: nothing})
		if e, ok := errors.AsType[*dataset.Error](err); ok && e.Code == dataset.Unavailable {
			// What Redis refuses is told in its own words, without that beginning.
			why, late := strings.CutPrefix(e.Message, notCarriedOut)
			if !late {
				why = ": " + why
			}
			return &dataset.Error{Code: e.Code, Message: "the latest version cannot be told" + why, Remedy: e.Remedy + "; without Min-Version the node answers from memory", Err: err}
		}
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, k.store.opts.WriteTimeout)
	defer cancel()
	for {
		moved := *k.moved.Load()
		now := k.published.Load().Version
		if now >= version {
			return nil
		}
		k.hint() // the notification may have got lost
		select {
		case <-moved:
		case <-ctx.Done():
			return tooEarly(k.name, version, now)
		case <-k.store.ctx.Done():
			return errClosed
		}
	}
}

// notCarriedOut begins the message of a write that nothing became of.
const notCarriedOut = "the write was not carried out"

var (
	errClosed = &dataset.Error{Code: dataset.Unavailable, Message: "this node is stopping", Remedy: "try again, or ask another node"}

	errUnknown = &dataset.Error{
		Code:    dataset.OutcomeUnknown,
		Message: "the connection to Redis broke while the write was under way: it may or may not have been applied",
		Remedy:  "read the record, then decide whether to send the write again",
	}
)

// notDone says why a write was not carried out.
func (k *keeper) notDone() error {
	e := &dataset.Error{Code: dataset.Unavailable, Message: notCarriedOut + " in time", Remedy: "try again"}
	if t := k.trouble.Load(); t != nil && *t != nil {
		if why, ok := errors.AsType[*dataset.Error](*t); ok {
			e.Message, e.Remedy = notCarriedOut+": "+why.Message, why.Remedy
		}
		e.Err = *t
	}
	return e
}

// looksApart is the least time between two looks at Redis for hints that it has
// changed: where others commit thousands of times a second, each look takes in a few
// of their commits for little more than the cost of one.
const looksApart = time.Millisecond

// run is the keeper's life.
func (k *keeper) run() {
	ctx := k.store.ctx
	defer k.end()
	defer k.expired.Stop()
	opened := sync.OnceFunc(func() { close(k.ready) })
	for attempts := 0; ; attempts++ {
		err := k.sync(ctx)
		k.note(err, false)
		if err == nil {
			break
		}
		if isMoving(err) {
			opened() // which may take long, and must not keep the others from being served
		}
		if healingOf(err) != never {
			if !pause(ctx, backoff(attempts)) {
				return
			}
			continue
		}
		opened() // nor must a damaged dataset
		if !k.refuseFor(ctx, min(k.store.opts.Look<<min(attempts, 4), 10*k.store.opts.Look), err) {
			return
		}
	}
	opened()
	k.used, k.kept = time.Now(), time.Now()
	k.housekeep()
	tick := time.NewTicker(k.store.opts.Idle / 6)
	defer tick.Stop()
	var looked time.Time       // when a hint was last followed
	var early <-chan time.Time // nil: there was none since that came too early to be followed at once
	for {
		k.answerWho(false)
		if r := k.held; r != nil {
			k.held = nil
			k.write(r)
			continue
		}
		var late <-chan time.Time
		if k.untold {
			late = time.After(announceApart - time.Since(k.told))
		}
		hints := k.hints
		if early != nil {
			hints = nil
		}
		select {
		case <-ctx.Done():
			return
		case r := <-k.requests:
			k.used = time.Now()
			k.write(r)
		case <-k.expired.C:
			k.expire()
		case <-late:
			k.tellLate()
		case <-hints:
			// By the clock: a timer that is set now fires up to a millisecond late.
			if wait := looksApart - time.Since(looked); wait > 0 {
				early = time.After(wait)
				continue
			}
			looked = time.Now()
			k.look(ctx)
		case <-early:
			early, looked = nil, time.Now()
			k.look(ctx)
		case <-tick.C:
			idle := time.Since(k.used) > k.store.opts.Idle
			if !idle || time.Since(k.kept) > 10*k.store.opts.Idle {
				k.kept = time.Now()
				k.housekeep()
			}
			if idle {
				k.hangUp() // the next write opens another
			}
		}
	}
}

// look follows a hint.
func (k *keeper) look(ctx context.Context) {
	k.used = time.Now()
	k.disarm()
	err := k.sync(ctx)
	k.note(err, false)
	if err == nil {
		k.answerWho(true)
	}
}

// refuseFor refuses what comes within a time. To look again at each write would be to read a
// damaged dataset again for each.
func (k *keeper) refuseFor(ctx context.Context, d time.Duration, why error) bool {
	k.hangUp()
	over, hints := time.After(d), k.hints
	if isDamage(why) {
		hints = nil // every look hints at what is not here
	}
	for {
		select {
		case r := <-k.requests:
			r.settle(dataset.State{}, why)
		case <-over:
			return true
		case <-hints:
			return true
		case <-ctx.Done():
			return false
		}
	}
}

// end lets go of the connection and of everybody who still waits.
func (k *keeper) end() {
	k.hangUp()
	for {
		select {
		case r := <-k.requests:
			r.settle(dataset.State{}, errClosed)
			continue
		default:
		}
		break
	}
	if k.held != nil {
		k.held.settle(dataset.State{}, errClosed)
	}
}

// sayApart is the least time between two lines in the log that a dataset cannot be committed to
// because Redis refused a write: where memory is nearly full it refuses the large ones only.
const sayApart = 10 * time.Second

// note keeps and logs what troubles the keeper; nil when nothing does. Where Redis refuses writes,
// that it could be read is no news: a commit has to prove that it takes them, or a look that began later.
func (k *keeper) note(err error, committed bool) {
	before := k.trouble.Load()
	was := before != nil && *before != nil
	now := time.Now()
	if refusesWrites(err) {
		if err != k.refusal { // else it was not asked again
			k.refused, k.refusal = now, err
		}
	} else if err == nil && was && refusesWrites(*before) && !committed && !k.store.takesSince(k.refused) {
		return
	}
	k.trouble.Store(&err)
	switch {
	case k.store.ctx.Err() != nil:
	// Of what does not exist there is nothing to say, unless nobody knows yet.
	case err != nil && !was && (k.state.Exists() || !k.known):
		if k.unsaid = refusesWrites(err) && now.Sub(k.said) < sayApart; !k.unsaid {
			k.said = now
			k.store.opts.Logger.Error("cannot commit", "dataset", k.name, "error", err)
		}
	case err == nil && was && k.state.Exists() && !k.unsaid:
		k.store.opts.Logger.Info("can commit again", "dataset", k.name, "version", k.state.Version)
	}
}

// backoff is how long to wait before the next try: up to 50 ms, so that writes go
// on within a blink of Redis's return.
func backoff(attempts int) time.Duration {
	return min(50*time.Millisecond, time.Millisecond<<min(attempts, 6))
}

func (k *keeper) hangUp() {
	if k.wire != nil {
		k.wire.close()
	}
	k.wire, k.armed, k.suspect = nil, false, false
}

// disarm makes the next sync look at Redis again.
func (k *keeper) disarm() { k.armed = false }

// broke hangs up when err is the connection's own, or else makes the keeper ask
// again who serves it; it gives err explained.
func (k *keeper) broke(err error) error {
	k.armed, k.suspect = false, true
	k.moving = k.moving || isMoving(err)
	if !isReply(err) || k.wire != nil && k.wire.conn.Failed() {
		k.hangUp()
	} else if _, moved := movedTo(err, ""); moved {
		k.hangUp() // a wire does not follow: the next one goes to whom the topology learned of
	}
	return k.store.explain(err)
}

// adopt makes a state the keeper's own. The replica must be at it already.
func (k *keeper) adopt(m meta) {
	if m.Generation != k.state.Generation {
		k.expireBy(time.Now().Add(k.store.opts.KeepLoadsFor)) // another node may have made it and be gone by then
	}
	k.state = m
	k.published.Store(&m)
	k.lacks.Store(false)
	close(*k.moved.Swap(new(make(chan struct{}))))
}
