package store

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"landings/internal/dataset"
)

// staging is a generation that is being written, over one connection of its own.
// A nil staging has written nothing.
type staging struct {
	store   *Store
	name    string
	wire    *wire
	g       *staged
	renewed time.Time
	written dataset.Sequence
	values  []byte // room for those of one write: free again once it is answered, and never used after one that failed
}

// bucketsAtATime is how many buckets are written before the answers are read:
// about a megabyte.
const bucketsAtATime = 16

// stage writes a load as a new generation, or what is left of it to one that was
// begun.
func (s *Store) stage(ctx context.Context, name string, load dataset.Load, st *staging) (*staged, error) {
	buckets := bucketsOf(load.Records.Next())
	if st == nil {
		var err error
		if st, err = s.begin(ctx, name, buckets); err != nil {
			return nil, err
		}
	}
	st.g.load = load
	err := st.finish(ctx)
	if isReply(err) {
		st.discard()
		return nil, err
	}
	st.wire.close()
	if err != nil {
		return nil, err
	}
	st.g.entry.Records, st.g.entry.Buckets = load.Records.Len(), buckets
	return st.g, nil
}

// begin opens a connection and makes a generation known that will have buckets
// with numbers below a bound.
func (s *Store) begin(ctx context.Context, name string, buckets uint64) (*staging, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.WriteTimeout)
	defer cancel()
	w, err := s.open(ctx, gensKey(name))
	if err != nil {
		return nil, err
	}
	g := &staged{entry: generation{State: loading, Run: w.server.run, Buckets: buckets, Node: s.opts.Node}}
	if err = w.begin(ctx, name, g, s.opts.Lease); err == nil {
		err = s.shared(ctx, cmd("SADD", datasetsKey, name)).Error()
	}
	if err != nil {
		w.close()
		return nil, s.explain(err)
	}
	return &staging{store: s, name: name, wire: w, g: g, renewed: time.Now()}, nil
}

// write writes buckets, and keeps the lease.
func (st *staging) write(ctx context.Context, buckets dataset.Sequence) error {
	ctx, cancel := context.WithTimeout(ctx, st.store.opts.WriteTimeout)
	defer cancel()
	if err := st.reach(ctx, buckets[len(buckets)-1].Number()); err != nil {
		return st.store.explain(err)
	}
	commands := make([]command, 0, len(buckets))
	values := st.values[:0]
	for _, b := range buckets {
		if b.Len() > 0 {
			var fields []string
			fields, values = bucketFields(b, values)
			commands = append(commands, cmd("HSET", bucketKey(st.name, st.g.generation, b.Number()), fields...))
		}
	}
	st.values = values
	if err := st.wire.all(ctx, commands); err != nil {
		return st.store.explain(err)
	}
	st.written = append(st.written, buckets...)
	if time.Since(st.renewed) > st.store.opts.Lease/3 {
		return st.renew(ctx)
	}
	return nil
}

// reach raises the bound on the buckets' numbers before it is reached, so that
// the collector would find them all.
func (st *staging) reach(ctx context.Context, bucket uint64) error {
	for known := st.g.entry.Buckets; bucket >= known; {
		st.g.entry.Buckets = max(2*known, bucket+1)
		done, err := st.wire.renew(ctx, st.name, st.g, st.store.opts.Lease)
		if err != nil {
			return err
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
	for rest := range slices.Chunk(st.g.load.Records[len(st.written):], bucketsAtATime) {
		if err := st.write(ctx, rest); err != nil {
			return err
		}
	}
	if len(st.g.load.Rejected) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, st.store.opts.WriteTimeout)
	defer cancel()
	err := st.wire.do(ctx, cmd("RPUSH", rejectedKey(st.name, st.g.generation), encodeRejected(st.g.load)...)).Error()
	return st.store.explain(err)
}

// discard closes the connection and lets go of what was written.
func (st *staging) discard() {
	if st != nil {
		st.wire.close()
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
	buckets dataset.Sequence // guarded by mu: all that were added

	staging *staging // nil: nothing was written; the goroutine's while it runs
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
func (a *ahead) add(b *dataset.Bucket) {
	a.mu.Lock()
	a.buckets = append(a.buckets, b)
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
		if err != nil {
			a.take(nil)
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
	for {
		a.mu.Lock()
		next := a.buckets[len(a.staging.written):]
		a.mu.Unlock()
		if len(next) == 0 {
			return nil
		}
		if err := a.staging.write(ctx, next[:min(bucketsAtATime, len(next))]); err != nil {
			return err
		}
	}
}

// begin takes a number for a generation and makes it known as being loaded,
// before its first bucket is written, so that the collector will find it.
func (w *wire) begin(ctx context.Context, name string, g *staged, lease time.Duration) error {
	number, err := w.do(ctx, cmd("HINCRBY", gensKey(name), counter, "1")).AsInt64()
	if err != nil {
		return err
	}
	g.generation = uint64(number)
	now, err := w.time(ctx)
	if err != nil {
		return err
	}
	g.entry.Lease = now + lease.Milliseconds()
	return w.do(ctx, cmd("HSET", gensKey(name), strconv.FormatUint(g.generation, 10), g.entry.String())).Error()
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
	entry, err := parseGeneration(results[1].ToString())
	switch {
	case err != nil && !rueidis.IsRedisNil(err):
		return false, err
	case err != nil || entry.State != loading:
		return false, errStale
	}
	now, err := parseTime(results[2].AsStrSlice())
	if err != nil {
		return false, err
	}
	g.entry.Lease = now + lease.Milliseconds()
	results, err = w.pipeline(ctx, []command{cmd("MULTI", ""), cmd("HSET", gensKey(name), field, g.entry.String()), cmd("EXEC", "")})
	if err != nil {
		return false, err
	}
	err = results[2].Error()
	if isReply(err) {
		return false, err
	}
	return err == nil, nil
}

// bucketFields gives a bucket's records as HSET wants them, id and value. The
// values lie in room, which is given back extended.
func bucketFields(b *dataset.Bucket, room []byte) (fields []string, extended []byte) {
	fields = make([]string, 0, 2*b.Len())
	room = slices.Grow(room, len(b.Text())+21*b.Len())
	for i := range b.Len() {
		r := b.At(i)
		start := len(room)
		room = strconv.AppendUint(room, r.Position, 10)
		room = append(room, ' ')
		room = append(room, r.JSON...)
		fields = append(fields, r.ID, rueidis.BinaryString(room[start:]))
	}
	return fields, room
}
