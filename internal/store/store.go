package store

import (
	"cmp"
	"context"
	crand "crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"landings/internal/dataset"
)

// Options says which Redis to use and how. URL and NewReplica are needed; the
// rest has defaults.
type Options struct {
	// URL is redis://[user:password@]host:port/db, rediss:// with TLS,
	// unix:///path/to/socket?db=n, redis://host1:port,host2:port for a cluster (one
	// host that belongs to one is enough), or
	// redis-sentinel://[user:password@]host1:port,host2:port/master/db, with
	// ?sentinel_user=...&sentinel_password=... where the sentinels ask for them.
	URL string
	// Dial, when set, makes the connections instead of the network: the embedded
	// engine's pipe.
	Dial func(ctx context.Context) (net.Conn, error)
	// Node names this node. It should be the same after a restart.
	Node string
	// NewReplica gives the node's copy of a dataset; it is called once a name.
	NewReplica func(name string) Replica
	Logger     *slog.Logger

	WriteTimeout time.Duration // how long a write waits for Redis; 5 s
	Lease        time.Duration // how long a load may be silent before it is collected; 30 s
	KeepCommits  time.Duration // how long commits stay in the stream; 10 min
	KeepBytes    int           // how many bytes of commits stay in the stream; 64 MiB
	KeepDropped  time.Duration // how long the history of a deleted dataset stays; 24 h
	Look         time.Duration // how often Redis is looked at; 1 s
	Window       time.Duration // how long a recovery waits for nodes known to be alive; 5 s
	KeepLoads    int           // how many earlier generations stay; 1, none where it is negative
	KeepLoadsFor time.Duration // how long they stay after they were replaced; 0: for ever
	// Idle is how long a dataset's committing connection stays without use: with thousands
	// of datasets, few are written to; 1 min. Six times in it is looked for what is old.
	Idle time.Duration
	// Acks is how safe writes are configured to be, by dataset: Open fails where that
	// can never be promised. The writes themselves ask with Promise and Confirm.
	Acks map[string]dataset.Ack
	// Grace is how long a node that starts beside a Redis that has just started
	// leaves the nodes that know more the chance to say so; 300 ms.
	Grace time.Duration
}

func (o *Options) defaults() {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&o.WriteTimeout, 5*time.Second)
	set(&o.Lease, 30*time.Second)
	set(&o.KeepCommits, 10*time.Minute)
	set(&o.KeepDropped, 24*time.Hour)
	set(&o.Look, time.Second)
	set(&o.Window, 5*time.Second)
	set(&o.Grace, 300*time.Millisecond)
	set(&o.Idle, time.Minute)
	if o.KeepBytes == 0 {
		o.KeepBytes = 64 << 20
	}
	switch {
	case o.KeepLoads == 0:
		o.KeepLoads = 1
	case o.KeepLoads < 0:
		o.KeepLoads = 0
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Node == "" {
		o.Node = "node-" + token()
	}
}

// Store is the datasets in one Redis. Its methods are safe for concurrent use.
type Store struct {
	opts     Options
	topology *topology
	address  string // of Redis, without the password
	database database
	returns  bool // Redis knows the name of this node: it was killed, or is another one's. Open's
	seq      atomic.Uint64
	peers    peers
	twin     twin

	ctx    context.Context // ends when the store is closed
	cancel context.CancelFunc
	wg     sync.WaitGroup // the keepers and the watchers

	mu      sync.Mutex
	keepers map[string]*keeper   // guarded by mu
	young   map[string]time.Time // guarded by mu: until when each start of Redis is given time, see settling

	questions chan struct{} // of those that unknown asks now

	kick   chan struct{} // makes the next look come at once
	health atomic.Pointer[health]

	counts counts
}

// health is what the last look at Redis found.
type health struct {
	err    error
	reads  bool      // it can be read: what err says concerns writes alone
	looked time.Time // when the last look began that could read
}

// New gives a store that has not looked at Redis yet: call Open. It fails where
// the address cannot be read.
func New(o Options) (*Store, error) {
	o.defaults()
	a, err := parseAddress(o)
	if err == nil {
		err = a.check()
	}
	if err != nil {
		return nil, err
	}
	s := &Store{opts: o, topology: newTopology(a), address: a.text, database: database(a.option.SelectDB), keepers: map[string]*keeper{}, young: map[string]time.Time{}, kick: make(chan struct{}, 1), questions: make(chan struct{}, 16)}
	// Commits are told apart by name and number, so no other process may come to the same
	// numbers: neither an earlier life of this node nor another one under its name. A clock
	// would not do, for it goes back, and nodes start together.
	s.seq.Store(rand.Uint64() >> 1) // which leaves as many to count on
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.peers.self, s.twin.self = o.Node, token()
	s.topology.switched = s.switched
	s.health.Store(&health{looked: time.Now(), err: &dataset.Error{Code: dataset.Unavailable, Message: "the node is starting", Remedy: "try again in a moment"}})
	return s, nil
}

// Open reads every dataset that is in Redis. A Redis that is away or loading is
// waited for until ctx ends; what waiting cannot heal (a wrong password, a policy
// that evicts) is returned at once. Whether it succeeds or not, call Close.
func (s *Store) Open(ctx context.Context) error {
	names, beside, err := s.firstLook(ctx)
	if err != nil {
		return err
	}
	if s.topology.changes() {
		s.wg.Go(s.followMasters)
	}
	// Redis may have forgotten what other nodes still have, and the names with it.
	for left := s.settling(beside); left > 0; left = s.settling(beside) {
		if !pause(ctx, left) {
			return context.Cause(ctx)
		}
		if names, beside, err = s.firstLook(ctx); err != nil {
			return err
		}
	}
	if err := s.checkAcks(ctx); err != nil {
		return err
	}
	s.wg.Go(func() { s.listen(s.database.nodesTopic()) })
	if s.returns {
		if err := s.alone(ctx); err != nil {
			return err
		}
	}
	_ = s.seen(nil, true, time.Now())
	s.wg.Go(s.watch)
	var opening []*keeper
	for _, name := range names {
		if dataset.CheckName(name) == nil {
			opening = append(opening, s.keeper(name))
		}
	}
	for _, k := range opening {
		select {
		case <-k.ready:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// settling says how long a Redis that has just started is still given for the other
// nodes to come back to it with what it has forgotten: whoever made a dataset anew
// before that would be in their way. Each start of Redis counts, for it may come
// between two looks of a node.
func (s *Store) settling(v server) time.Duration {
	if v.uptime >= 2 || s.opts.Dial != nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	until, ok := s.young[v.run]
	if !ok {
		if len(s.young) > 100 {
			clear(s.young) // who is forgotten is given the time once more
		}
		until = time.Now().Add(s.opts.Grace)
		s.young[v.run] = until
	}
	return time.Until(until)
}

// seen notes what a look at Redis found that began at a time: err, and whether Redis could be read.
func (s *Store) seen(err error, reads bool, begun time.Time) (before error) {
	last := s.health.Load()
	if !reads {
		begun = last.looked
	}
	s.health.Store(&health{err, reads, begun})
	return last.err
}

// takesSince says whether a look that began after a time found that Redis takes writes.
func (s *Store) takesSince(at time.Time) bool {
	h := s.health.Load()
	return h.err == nil && h.looked.After(at)
}

// lateAfter is how much longer than to the next look it may be since the last good one
// began. Well beyond what a look takes while much is written.
const lateAfter = time.Second

// Age says how long ago a look at Redis began that could read it; 0 while looks come in time
// and can. A Redis that hangs fails a look only when the time of a write is
// over, and what is read meanwhile is old before that.
func (s *Store) Age() time.Duration {
	h := s.health.Load()
	age := time.Since(h.looked)
	if h.reads && age <= s.opts.Look+lateAfter {
		return 0
	}
	return max(time.Nanosecond, age)
}

// firstLook waits until Redis answers, and gives the names of the datasets and which
// Redis it is. It learns which nodes there are.
func (s *Store) firstLook(ctx context.Context) (names []string, beside server, err error) {
	said := map[string]bool{} // two may take turns
	for {
		names, beside, err := s.lookOnce(ctx)
		if err == nil {
			return names, beside, nil
		}
		if healingOf(err) == never {
			return nil, server{}, err
		}
		if text := err.Error(); !said[text] {
			said[text] = true
			s.opts.Logger.Warn("waiting for Redis", "error", err)
		}
		_ = s.seen(err, false, time.Time{})
		if !pause(ctx, 50*time.Millisecond) {
			return nil, server{}, err
		}
	}
}

func (s *Store) lookOnce(ctx context.Context) (names []string, beside server, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.WriteTimeout)
	defer cancel()
	w, err := s.open(ctx, datasetsKey)
	if err != nil {
		return nil, server{}, err
	}
	defer w.close()
	nodes, err := s.shared(ctx, cmd("SMEMBERS", nodesKey)).AsStrSlice()
	if err != nil {
		return nil, server{}, s.explain(err)
	}
	s.returns = slices.Contains(nodes, s.opts.Node)
	for _, node := range nodes {
		s.peers.heard(node, true) // it has its time to say that it lives
	}
	names, err = w.do(ctx, cmd("SMEMBERS", datasetsKey)).Texts()
	return names, w.server, s.explain(err)
}

// Close ends what goes on, waits for it and says goodbye. Writes that have not
// been committed get an error. It can be called more than once.
func (s *Store) Close() {
	leaves := s.ctx.Err() == nil && !s.hasTwin()
	s.cancel()
	s.wg.Wait()
	if leaves { // last of all: a look that was under way tells the others that the node is there
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		_ = s.shared(ctx, cmd("SREM", nodesKey, s.opts.Node)).Error()
		_ = s.shared(ctx, cmd("SPUBLISH", s.database.nodesTopic(), "bye "+s.opts.Node)).Error()
		cancel()
	}
	s.topology.close()
}

// Ready says what forbids to write now; nil when nothing does. That a dataset is damaged
// forbids to write to that one only, see [Store.Damaged].
func (s *Store) Ready(context.Context) error {
	if err := s.health.Load().err; err != nil {
		return err
	}
	if s.Age() > 0 {
		return s.explain(errLate)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.keepers {
		if err := k.trouble.Load(); err != nil && *err != nil && !isDamage(*err) {
			return *err
		}
	}
	return nil
}

// Missing says why the node has no copy of a dataset that may well exist: it has not been read yet,
// others are bringing it back, or it is damaged in Redis. It is nil where the node has one, or
// knows that there is none.
func (s *Store) Missing(name string) error {
	k := s.existing(name)
	if k == nil || k.published.Load().Exists() {
		return nil
	}
	if err := k.trouble.Load(); err != nil && *err != nil && (isDamage(*err) || k.lacks.Load()) {
		return *err
	}
	if k.lacks.Load() {
		return &dataset.Error{Code: dataset.Unavailable, Message: "the dataset " + name + " is being read or recovered", Remedy: "try again in a moment"}
	}
	return nil
}

// Damaged gives the datasets that are damaged in Redis, with what is wrong with each.
func (s *Store) Damaged() map[string]error {
	found := map[string]error{}
	for _, k := range s.all() {
		if err := k.trouble.Load(); err != nil && isDamage(*err) {
			found[k.name] = *err
		}
	}
	return found
}

// forbidden says what the last look found wrong with Redis that only people can mend, such as a
// policy that evicts: a commit would go through, but not be safe.
func (s *Store) forbidden() error {
	if err := s.health.Load().err; healingOf(err) == never {
		return err
	}
	return nil
}

// Address tells which Redis is used, without its password.
func (s *Store) Address() string { return s.address }

// keeper gives the keeper of a dataset and starts it when there is none yet.
func (s *Store) keeper(name string) *keeper {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.keepers[name]
	if k == nil {
		k = newKeeper(s, name, s.opts.NewReplica(name))
		s.keepers[name] = k
		s.wg.Go(k.run)
		s.wg.Go(func() { s.listen(s.database.topic(name)) })
	}
	return k
}

func (s *Store) existing(name string) *keeper {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keepers[name]
}

// Update changes one record as decide says. It gives the state of the dataset
// that the change made or, where nothing changed, that decide was asked about.
// A dataset that does not exist is made by the first record put into it.
func (s *Store) Update(ctx context.Context, name, id string, decide dataset.Decide) (dataset.State, error) {
	if err := checkRecord(name, id); err != nil {
		return dataset.State{}, err
	}
	k := s.written(name, decide)
	if k == nil {
		unknown, err := s.unknown(ctx, name)
		if err != nil {
			return dataset.State{}, err
		}
		if unknown {
			_, err = decide(dataset.Record{}, false)
			return dataset.State{Name: name}, err
		}
		k = s.keeper(name)
	}
	return k.submit(ctx, &request{id: id, decide: decide})
}

// Begin is an Update that does not wait: what it would return is given to done,
// which must not block. It is called once, by whoever knows the outcome.
func (s *Store) Begin(name, id string, decide dataset.Decide, done func(dataset.State, error)) {
	if err := checkRecord(name, id); err != nil {
		done(dataset.State{}, err)
		return
	}
	k := s.written(name, decide)
	if k == nil {
		go func() { done(s.Update(s.ctx, name, id, decide)) }()
		return
	}
	k.begin(&request{id: id, decide: decide, done: done})
}

// written gives the keeper of a dataset that has one, or that a write would make; else nil.
func (s *Store) written(name string, decide dataset.Decide) *keeper {
	if k := s.existing(name); k != nil {
		return k
	}
	if edit, err := decide(dataset.Record{}, false); err != nil || edit.JSON == nil || edit.Delete {
		return nil
	}
	return s.keeper(name)
}

// unknown says whether there is no dataset of a name, neither here nor, as it is asked now, in Redis, nor on its way back to it
// from another node. Only what exists gets a keeper, with connections and goroutines of its own, for anybody can ask for names.
func (s *Store) unknown(ctx context.Context, name string) (bool, error) {
	if s.existing(name) != nil {
		return false, nil
	}
	// Over the connection that everybody shares: with one of its own for each question the node would run out of ports.
	// Its queue is short, and who waits for a place there waits whatever ends; so there are never many in it, each until it is answered.
	waits, cancel := context.WithTimeout(ctx, s.opts.WriteTimeout)
	defer cancel()
	select {
	case s.questions <- struct{}{}:
		defer func() { <-s.questions }()
	case <-waits.Done():
		return false, s.explain(waits.Err())
	}
	ctx = context.WithoutCancel(ctx)
	for run := ""; ; {
		results := s.sharedAll(ctx, metaKey(name), askServer, cmd("HGETALL", recoverKey(name, run)), cmd("TIME", ""), cmd("EXISTS", metaKey(name)))
		text, err0 := results[0].ToString()
		said, err1 := results[1].AsStrMap()
		now, err2 := parseTime(results[2].AsStrSlice())
		there, err3 := results[3].AsInt64()
		if err := cmp.Or(err0, err1, err2, err3); err != nil {
			return false, s.explain(err)
		}
		is := parseServer(parseInfo(text))
		if err := is.usable(); err != nil {
			return false, s.explain(err)
		}
		if there == 1 || s.settling(is) > 0 {
			return false, nil
		}
		if is.run == run {
			return !underWay(said, now), nil
		}
		run = is.run // what is recovered there is told under its name
	}
}

func checkRecord(name, id string) error {
	return errors.Join(dataset.CheckName(name), dataset.CheckID(id))
}

// Reach returns once the node's copy of a dataset shows a version or a later one;
// with [dataset.Latest], once it has been seen at Redis's state since the call, which is
// when reads of it are linearizable. It waits as long as a write may.
func (s *Store) Reach(ctx context.Context, name string, version uint64) error {
	if err := dataset.CheckName(name); err != nil {
		return err
	}
	unknown, err := s.unknown(ctx, name)
	switch {
	case err != nil:
		return err
	case unknown && version == dataset.Latest:
		return nil
	case unknown:
		return tooEarly(name, version, 0)
	}
	return s.keeper(name).reach(ctx, version)
}

func tooEarly(name string, version, now uint64) error {
	return &dataset.Error{
		Code:    dataset.Unavailable,
		Message: fmt.Sprintf("the dataset %s is at version %d here, version %d is not there yet", name, now, version),
		Remedy:  "try again in a moment, or ask another node",
	}
}

// Drop deletes a dataset, and gives the state that it had.
func (s *Store) Drop(ctx context.Context, name string, check dataset.Check) (dataset.State, error) {
	if err := dataset.CheckName(name); err != nil {
		return dataset.State{}, err
	}
	unknown, err := s.unknown(ctx, name)
	switch {
	case err != nil:
		return dataset.State{}, err
	case unknown:
		return dataset.State{}, notFound(name)
	}
	return s.keeper(name).submit(ctx, &request{drop: true, check: check})
}

// maxKeys bounds what Keys holds in memory to tell each key once.
const maxKeys = 5_000_000

// Keys gives every key in the database once, whoever made it, in no order; in a
// cluster those of all masters.
func (s *Store) Keys(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		masters, err := s.topology.masters(ctx)
		if err != nil {
			yield("", s.explain(err))
			return
		}
		seen := map[string]struct{}{} // SCAN may tell a key twice
		for _, addr := range masters {
			node, err := s.topology.client(addr)
			if err != nil {
				yield("", s.explain(err))
				return
			}
			cursor := uint64(0)
			for {
				entry, err := node.Do(ctx, node.B().Scan().Cursor(cursor).Count(1000).Build()).AsScanEntry()
				if err != nil {
					yield("", s.explain(err))
					return
				}
				for _, key := range entry.Elements {
					if _, twice := seen[key]; twice {
						continue
					}
					if len(seen) == maxKeys {
						yield("", &dataset.Error{
							Code:    dataset.TooLarge,
							Message: fmt.Sprintf("the database holds more than %d keys", maxKeys),
							Remedy:  "read them with redis-cli --scan",
						})
						return
					}
					seen[key] = struct{}{}
					if !yield(key, nil) {
						return
					}
				}
				if cursor = entry.Cursor; cursor == 0 {
					break
				}
			}
		}
	}
}

// Rejected gives the records that the last load left out, at most as many as
// were kept, and how many there were in all.
func (s *Store) Rejected(ctx context.Context, name string) ([]dataset.Rejection, int, error) {
	k := s.existing(name)
	if k == nil {
		return nil, 0, notFound(name)
	}
	state := k.published.Load().State
	if !state.Exists() {
		return nil, 0, notFound(name)
	}
	lines, err := s.shared(ctx, cmd("LRANGE", rejectedKey(name, state.Generation), "0", "-1")).AsStrSlice()
	if err != nil {
		return nil, 0, s.explain(err)
	}
	return decodeRejected(lines)
}

func notFound(name string) error {
	return &dataset.Error{Code: dataset.NotFound, Message: "there is no dataset " + name, Remedy: "load it: landings load FILE --dataset " + name + ", or PUT /collections/" + name}
}

// token gives 16 random hexadecimal digits.
func token() string {
	var b [8]byte
	_, _ = crand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// pause waits for d and says whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
