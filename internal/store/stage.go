package store

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"landings/internal/dataset"
	"landings/internal/resp"
)

// staging is a generation that is being written, over connections of its own.
// A nil staging has written nothing.
type staging struct {
	store   *Store
	name    string
	wire    *wire // for the lease
	bulk    *bulk // for the buckets
	g       *staged
	renewed time.Time
	written dataset.Sequence
	heard   time.Time // when Redis last answered
}

// So many buckets are written at a time, a quarter of a megabyte of usual records; of large
// ones fewer, as soon as their texts have so many bytes. So many times may be on their way:
// while Redis works on one, the next are being sent, unless they have so many bytes.
const (
	bucketsAtATime = 4
	bytesAtATime   = 1 << 20
	inFlight       = 4
	bytesInFlight  = 4 << 20
)

// stage writes a load as a new generation, or what is left of it to one that was
// begun. Another one is begun until the deadline.
func (s *Store) stage(ctx context.Context, name string, load dataset.Load, st *staging, deadline time.Time) (*staged, error) {
	buckets := bucketsOf(load.Records.Next())
	if st == nil {
		beginning, cancel := context.WithDeadline(ctx, deadline)
		var err error
		st, err = s.begin(beginning, name, buckets)
		cancel()
		if err != nil {
			return nil, err
		}
	}
	st.g.load = load
	err := st.finish(ctx)
	if isReply(err) || errors.Is(err, errStale) {
		st.discard()
		return nil, err
	}
	st.close()
	if err != nil {
		return nil, err
	}
	st.g.entry.Records, st.g.entry.Buckets = load.Records.Len(), buckets
	return st.g, nil
}

// begin opens connections and makes a generation known that will have buckets
// with numbers below a bound.
func (s *Store) begin(ctx context.Context, name string, buckets uint64) (*staging, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.WriteTimeout)
	defer cancel()
	w, err := s.open(ctx, gensKey(name))
	if err != nil {
		return nil, err
	}
	if err := w.server.refusal; err != nil {
		w.close()
		return nil, s.explain(err)
	}
	b, err := s.openBulk(ctx, w)
	if err != nil {
		w.close()
		return nil, s.explain(err)
	}
	g := &staged{entry: generation{State: loading, Run: w.server.run, Buckets: buckets, Node: s.opts.Node}}
	if err = w.begin(ctx, name, g, s.opts.Lease); err == nil {
		err = s.shared(ctx, cmd("SADD", datasetsKey, name)).Error()
	}
	if err != nil {
		w.close()
		b.close()
		return nil, s.explain(err)
	}
	return &staging{store: s, name: name, wire: w, bulk: b, g: g, renewed: time.Now(), heard: time.Now()}, nil
}

// write writes the buckets that next gives, from so many on, until it gives none, and keeps
// the lease. Buckets are made ready and sent while Redis has those before, except where next
// says that more may come meanwhile.
func (st *staging) write(ctx context.Context, next func(from int) (buckets dataset.Sequence, more bool)) error {
	st.bulk.before = func() error { return st.keep(ctx) }
	var sent []dataset.Sequence // what Redis has not answered, in order
	err := st.send(ctx, next, &sent)
	for len(sent) > 0 && !st.bulk.conn.Failed() {
		_ = st.answers(sent[0]) // whoever lets go of what was written is to find all of it
		sent = sent[1:]
	}
	if err != nil && ctx.Err() == nil && (st.bulk.conn.Failed() || isReply(err)) {
		st.wire.topology.learn(st.wire.addr, st.wire.key, err)
	}
	return st.store.explain(err)
}

func (st *staging) send(ctx context.Context, next func(from int) (buckets dataset.Sequence, more bool), sent *[]dataset.Sequence) error {
	from, bytes := len(st.written), 0 // bytes are on their way
	for {
		if err := st.keep(ctx); err != nil {
			return err
		}
		buckets, more := next(from)
		if len(*sent) > 0 && (more || len(buckets) == 0 || len(*sent) == inFlight || bytes >= bytesInFlight) {
			first := (*sent)[0]
			*sent = (*sent)[1:]
			if err := st.answers(first); err != nil {
				return err
			}
			bytes -= textBytes(first)
			st.written = append(st.written, first...)
			continue
		}
		if len(buckets) == 0 {
			return nil
		}
		if err := st.reach(ctx, buckets[len(buckets)-1].Number()); err != nil {
			return err
		}
		*sent = append(*sent, buckets)
		from, bytes = from+len(buckets), bytes+textBytes(buckets)
		for _, b := range buckets {
			if b.Len() == 0 {
				continue
			}
			if err := st.bulk.put(bucketKey(st.name, st.g.generation, b.Number()), b); err != nil {
				return err
			}
		}
		if err := st.bulk.flush(); err != nil {
			return err
		}
	}
}

func textBytes(buckets dataset.Sequence) int {
	n := 0
	for _, b := range buckets {
		n += len(b.Text())
	}
	return n
}

// keep renews the lease when it is time to, and fails once the context has ended.
func (st *staging) keep(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if time.Since(st.renewed) > st.store.opts.Lease/3 {
		return st.renew(ctx)
	}
	return nil
}

// answers reads the answers to some buckets that were sent, and gives the first error.
func (st *staging) answers(buckets dataset.Sequence) error {
	var first error
	for _, b := range buckets {
		if b.Len() == 0 {
			continue
		}
		err := st.bulk.answer()
		if first == nil {
			first = err
		}
		if st.bulk.conn.Failed() {
			break
		}
		st.heard = time.Now()
	}
	return first
}

// reach raises the bound on the buckets' numbers before it is reached, so that
// the collector would find them all.
func (st *staging) reach(ctx context.Context, bucket uint64) error {
	ctx, cancel := context.WithTimeout(ctx, st.store.opts.WriteTimeout)
	defer cancel()
	for known := st.g.entry.Buckets; bucket >= known; {
		st.g.entry.Buckets = max(2*known, bucket+1)
		done, err := st.wire.renew(ctx, st.name, st.g, st.store.opts.Lease)
		if err != nil {
			return st.store.explain(err)
		}
		if done {
			known = st.g.entry.Buckets
		}
	}
	return nil
}

// renew keeps the lease.
func (st *staging) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, st.store.opts.WriteTimeout)
	defer cancel()
	st.renewed = time.Now()
	// Another load may change the hash in between. Where it does so each time, the lease
	// is long enough to be renewed later.
	for range 5 {
		done, err := st.wire.renew(ctx, st.name, st.g, st.store.opts.Lease)
		if done || err != nil {
			return st.store.explain(err)
		}
	}
	return nil
}

// finish writes what is not written of the load.
func (st *staging) finish(ctx context.Context) error {
	err := st.write(ctx, func(from int) (dataset.Sequence, bool) {
		rest := st.g.load.Records[from:]
		n, size := 0, 0
		for ; n < min(bucketsAtATime, len(rest)) && size < bytesAtATime; n++ {
			size += len(rest[n].Text())
		}
		return rest[:n], false
	})
	if err != nil {
		return err
	}
	if len(st.g.load.Rejected) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, st.store.opts.WriteTimeout)
	defer cancel()
	err = st.wire.do(ctx, cmd("RPUSH", rejectedKey(st.name, st.g.generation), encodeRejected(st.g.load)...)).Err()
	return st.store.explain(err)
}

func (st *staging) close() {
	st.wire.close()
	st.bulk.close()
}

// discard closes the connections and lets go of what was written.
func (st *staging) discard() {
	if st != nil {
		away := st.bulk.conn.Failed() || st.wire.conn.Failed()
		st.close()
		if away { // nobody waits for it
			st.store.wg.Go(func() { st.store.discard(st.name, st.g) })
			return
		}
		st.store.discard(st.name, st.g)
	}
}

// ahead stages the buckets of a load that is still being read, while it waits for
// the rest. It can fail in silence: what it has not written is written later, and
// what does not become part of the load is discarded.
type ahead struct {
	store *Store
	name  string
	wg    sync.WaitGroup
	wake  chan struct{} // buckets were added; closed once all is read

	mu      sync.Mutex
	buckets []func() *dataset.Bucket // guarded by mu: all that were added

	staging *staging  // nil: nothing was written; the goroutine's while it runs
	heard   time.Time // when Redis last answered; the goroutine's while it runs
}

// aheadBuckets is where the bound on the numbers of buckets begins while nobody
// knows how many there will be.
const aheadBuckets = 1024

func (s *Store) stageAhead(ctx context.Context, name string) *ahead {
	a := &ahead{store: s, name: name, wake: make(chan struct{}, 1)}
	a.wg.Go(func() { a.run(ctx) })
	return a
}

// add hands a bucket over. It does not wait.
func (a *ahead) add(made func() *dataset.Bucket) {
	a.mu.Lock()
	a.buckets = append(a.buckets, made)
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// read calls the function that reads, and waits for what is being written; nothing
// more is begun then.
func (a *ahead) read(read dataset.Read) (dataset.Load, error) {
	defer func() {
		close(a.wake)
		a.wg.Wait()
	}()
	return read(a.add)
}

// take gives what was staged, nil where that is nothing or not the beginning of
// the records.
func (a *ahead) take(records dataset.Sequence) *staging {
	st := a.staging
	a.staging = nil
	if st != nil && (len(st.written) > len(records) || !slices.Equal(st.written, records[:len(st.written)])) {
		st.discard()
		a.heard = time.Now() // that may have taken its time
		return nil
	}
	return st
}

func (a *ahead) run(ctx context.Context) {
	renewal := time.NewTicker(a.store.opts.Lease / 3)
	defer renewal.Stop()
	for {
		var err error
		select {
		case _, more := <-a.wake:
			if !more {
				return
			}
			err = a.write(ctx)
		case <-renewal.C:
			if a.staging != nil {
				err = a.staging.renew(ctx)
			}
		}
		if a.staging != nil {
			a.heard = a.staging.heard
		}
		if err != nil {
			a.staging.discard()
			a.staging = nil
			return
		}
	}
}

// write writes all buckets that are there.
func (a *ahead) write(ctx context.Context) error {
	if a.staging == nil {
		var err error
		if a.staging, err = a.store.begin(ctx, a.name, aheadBuckets); err != nil {
			return err
		}
	}
	return a.staging.write(ctx, func(from int) (dataset.Sequence, bool) {
		a.mu.Lock()
		waiting := a.buckets[from:]
		a.mu.Unlock()
		var next dataset.Sequence
		size := 0
		for len(next) < min(bucketsAtATime, len(waiting)) && size < bytesAtATime {
			next = append(next, waiting[len(next)]())
			size += len(next[len(next)-1].Text())
		}
		return next, len(next) < bucketsAtATime && size < bytesAtATime
	})
}

// begin takes a number for a generation and makes it known as being loaded,
// before its first bucket is written, so that the collector will find it.
func (w *wire) begin(ctx context.Context, name string, g *staged, lease time.Duration) error {
	number, err := w.do(ctx, cmd("HINCRBY", gensKey(name), counter, "1")).Int()
	if err != nil {
		return err
	}
	g.generation = uint64(number)
	now, err := w.time(ctx)
	if err != nil {
		return err
	}
	g.entry.Lease, g.entry.Load = now+lease.Milliseconds(), token()
	return w.do(ctx, cmd("HSET", gensKey(name), strconv.FormatUint(g.generation, 10), g.entry.String())).Err()
}

// renew makes the entry of a generation that is still being loaded known with a
// new lease. It says whether it was: it was not where another load changed the
// hash in between. errStale says that the generation was collected meanwhile.
func (w *wire) renew(ctx context.Context, name string, g *staged, lease time.Duration) (bool, error) {
	field := strconv.FormatUint(g.generation, 10)
	results, err := w.pipeline(ctx, []command{cmd("WATCH", gensKey(name)), cmd("HGET", gensKey(name), field), cmd("TIME", "")})
	if err != nil {
		return false, err
	}
	entry, err := parseGeneration(results[1].Text())
	switch {
	case err != nil && !errors.Is(err, resp.ErrNil):
		return false, err
	case err != nil || entry.State != loading || entry.Load != g.entry.Load:
		return false, errStale
	}
	now, err := parseTime(results[2].Texts())
	if err != nil {
		return false, err
	}
	g.entry.Lease = now + lease.Milliseconds()
	err = w.transact(ctx, cmd("HSET", gensKey(name), field, g.entry.String()))
	if errors.Is(err, resp.ErrNil) {
		return false, nil
	}
	return err == nil, err
}
