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
}

// So many buckets are written before the answers are read, about a megabyte of usual
// records; of large ones fewer, as soon as their texts have so many bytes.
const (
	bucketsAtATime = 16
	bytesAtATime   = 4 << 20
)

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

// maxRoom bounds the room, in bytes, that is kept for the values of a later batch.
const maxRoom = 2 * bytesAtATime

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

// write writes the buckets that next gives, from so many on, until it gives none, and keeps
// the lease. A batch is made ready while Redis has the one before, except where next says
// that more may come meanwhile.
func (st *staging) write(ctx context.Context, next func(from int) (buckets dataset.Sequence, more bool)) error {
	from := len(st.written)
	var sent func() error // waits for the batch before; nil: there is none
	wait := func() error {
		before := sent
		if sent = nil; before == nil {
			return nil
		}
		return before()
	}
	for {
		buckets, more := next(from)
		if more && sent != nil {
			if err := wait(); err != nil {
				return err
			}
			buckets, _ = next(from)
		}
		var b *batch
		if len(buckets) > 0 {
			b = st.batch(buckets)
			from += len(buckets)
		}
		if err := wait(); err != nil || b == nil {
			return err
		}
		if err := st.reach(ctx, buckets[len(buckets)-1].Number()); err != nil {
			return err
		}
		sent = st.send(ctx, b)
	}
}

// batch is what is written at a time, and room that is used again.
type batch struct {
	buckets  dataset.Sequence
	commands []command
	fields   []string
	values   []byte
}

func (st *staging) batch(buckets dataset.Sequence) *batch {
	b, _ := st.store.batches.Get().(*batch)
	if b == nil {
		b = &batch{}
	}
	b.buckets = buckets
	room := 0
	for _, bucket := range buckets {
		room += len(bucket.Text()) + 21*bucket.Len()
	}
	b.values = slices.Grow(b.values, room) // once, for what was made keeps the room before alive
	for _, bucket := range buckets {
		if bucket.Len() > 0 {
			b.add(bucketKey(st.name, st.g.generation, bucket.Number()), bucket)
		}
	}
	return b
}

// add puts a bucket's records in as HSET wants them, id and value.
func (b *batch) add(key string, bucket *dataset.Bucket) {
	first := len(b.fields)
	for i := range bucket.Len() {
		r := bucket.At(i)
		start := len(b.values)
		b.values = strconv.AppendUint(b.values, r.Position, 10)
		b.values = append(b.values, ' ')
		b.values = append(b.values, r.JSON...)
		b.fields = append(b.fields, r.ID, rueidis.BinaryString(b.values[start:]))
	}
	b.commands = append(b.commands, command{"HSET", key, slices.Clip(b.fields[first:])})
}

// send begins to write a batch; sent waits until Redis has answered. The room of one that
// failed is not used again, for the connection may still read it.
func (st *staging) send(ctx context.Context, b *batch) (sent func() error) {
	answer := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(ctx, st.store.opts.WriteTimeout)
		defer cancel()
		answer <- st.wire.all(ctx, b.commands)
	}()
	return func() error {
		if err := <-answer; err != nil {
			return st.store.explain(err)
		}
		st.written = append(st.written, b.buckets...)
		if cap(b.values) <= maxRoom {
			clear(b.commands)
			clear(b.fields)
			st.store.batches.Put(&batch{commands: b.commands[:0], fields: b.fields[:0], values: b.values[:0]})
		}
		if time.Since(st.renewed) > st.store.opts.Lease/3 {
			return st.renew(ctx)
		}
		return nil
	}
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
	err = st.wire.do(ctx, cmd("RPUSH", rejectedKey(st.name, st.g.generation), encodeRejected(st.g.load)...)).Error()
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
	buckets []func() *dataset.Bucket // guarded by mu: all that were added

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
