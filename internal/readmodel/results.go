package readmodel

import (
	"container/list"
	"hash/maphash"
	"sync"

	"golang.org/x/sync/singleflight"
)

// Results keeps answers to questions that are asked again, up to a number of
// bytes, and makes an answer once where many ask for it at the same time. It is
// safe for concurrent use.
//
// An answer is kept when it is asked for the second time, so that questions that
// are asked once, which are most, cost no more than a look. Where there is no more
// room, answers of versions that are not the newest go first, then those not used
// for longest.
type Results struct {
	flights singleflight.Group
	seed    maphash.Seed
	limit   int64

	mu     sync.Mutex // guards what follows
	byKey  map[string]*list.Element
	newest map[string]*versioned // by dataset
	old    *list.List            // of *result, of versions that are not the newest
	bytes  int64
	clock  uint64
	hits   uint64
	misses uint64
	asked  [1 << 12]uint32 // hashes of keys that were asked for lately
}

// versioned is the answers of a dataset's newest version that was asked for.
type versioned struct {
	epoch   string
	version uint64
	results *list.List // of *result, the last used first
}

type result struct {
	key   Key
	value any
	bytes int64
	used  uint64
	in    *list.List
}

// Key names an answer. Text says everything that tells answers apart, the others
// included.
type Key struct {
	Dataset string
	Epoch   string
	Version uint64
	Text    string
}

// NewResults gives a cache of so many bytes; 0 keeps nothing.
func NewResults(bytes int64) *Results {
	return &Results{
		seed:   maphash.MakeSeed(),
		limit:  bytes,
		byKey:  map[string]*list.Element{},
		newest: map[string]*versioned{},
		old:    list.New(),
	}
}

// resultOverhead is what an answer takes beside itself and its key, in bytes.
const resultOverhead = 400

// Get gives the answer to a key, which answer makes where it is not kept, together
// with its size in bytes. An answer is shared and must not be modified; whoever
// makes it must not depend on one asker alone, for others may wait for it.
func (r *Results) Get(key Key, answer func() (any, int64, error)) (any, error) {
	value, again := r.look(key)
	if value != nil {
		return value, nil
	}
	value, err, _ := r.flights.Do(key.Text, func() (any, error) {
		value, bytes, err := answer()
		if err == nil && again {
			r.keep(key, value, bytes)
		}
		return value, err
	})
	return value, err
}

// Try is Get for whoever cannot wait: it makes the answer though others may make the
// same one just now. Where the answer is not shared, it is the caller's alone.
func (r *Results) Try(key Key, answer func() (any, int64, error)) (value any, shared bool, err error) {
	value, again := r.look(key)
	if value != nil {
		return value, true, nil
	}
	value, bytes, err := answer()
	if err == nil && again {
		r.keep(key, value, bytes)
	}
	return value, again, err
}

// look gives what is kept, and whether the key was asked for before.
func (r *Results) look(key Key) (value any, again bool) {
	hash := maphash.String(r.seed, key.Text)
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.byKey[key.Text]; e != nil {
		got := e.Value.(*result)
		r.clock++
		got.used = r.clock
		got.in.MoveToFront(e)
		r.hits++
		return got.value, true
	}
	r.misses++
	place, mark := &r.asked[hash%uint64(len(r.asked))], uint32(hash>>32)|1
	again = *place == mark
	*place = mark
	return nil, again
}

// Use is what a cache of answers holds, and how often that was of use.
type Use struct {
	Bytes        int64
	Answers      int
	Hits, Misses uint64
}

// Use tells how the cache is used.
func (r *Results) Use() Use {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Use{Bytes: r.bytes, Answers: len(r.byKey), Hits: r.hits, Misses: r.misses}
}

func (r *Results) keep(key Key, value any, bytes int64) {
	bytes += int64(len(key.Text)) + resultOverhead
	if bytes > r.limit/4 {
		return // it would drive out too many others
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byKey[key.Text] != nil {
		return
	}
	into := r.old
	switch now := r.newest[key.Dataset]; {
	case now == nil || now.epoch != key.Epoch || now.version < key.Version:
		if now != nil {
			r.retire(now.results)
		}
		now = &versioned{epoch: key.Epoch, version: key.Version, results: list.New()}
		r.newest[key.Dataset] = now
		into = now.results
	case now.version == key.Version:
		into = now.results
	}
	r.clock++
	r.byKey[key.Text] = into.PushFront(&result{key: key, value: value, bytes: bytes, used: r.clock, in: into})
	r.bytes += bytes
	for r.bytes > r.limit {
		r.drop()
	}
}

// retire puts answers among the old ones.
func (r *Results) retire(results *list.List) {
	for e := results.Back(); e != nil; e = e.Prev() {
		got := e.Value.(*result)
		got.in = r.old
		r.byKey[got.key.Text] = r.old.PushFront(got)
	}
}

// drop forgets one answer. There is one, or bytes would be 0.
func (r *Results) drop() {
	e := r.old.Back()
	if e == nil {
		for _, v := range r.newest {
			if last := v.results.Back(); last != nil && (e == nil || last.Value.(*result).used < e.Value.(*result).used) {
				e = last
			}
		}
	}
	got := e.Value.(*result)
	got.in.Remove(e)
	delete(r.byKey, got.key.Text)
	r.bytes -= got.bytes
	if now := r.newest[got.key.Dataset]; now != nil && now.results.Len() == 0 {
		delete(r.newest, got.key.Dataset)
	}
}

// Bytes says how many bytes are kept.
func (r *Results) Bytes() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bytes
}
