//go:build e2e

package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"landings/internal/dataset"
	"landings/internal/redistest"
	"landings/internal/store"
)

// copyOf is a working Replica: a sequence and a map, without regard for speed.
type copyOf struct {
	mu      sync.Mutex
	state   dataset.State
	records dataset.Sequence
	byID    map[string]dataset.Record

	replaced int // how often all of it was
}

func (c *copyOf) State() dataset.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

func (c *copyOf) Lookup(id string) (dataset.Record, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.byID[id]
	return r, ok
}

func (c *copyOf) Records() dataset.Sequence {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.records
}

func (c *copyOf) Replace(s dataset.State, records dataset.Sequence) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replaced++
	c.state, c.records, c.byID = s, records, map[string]dataset.Record{}
	for r := range records.All() {
		c.byID[r.ID] = r
	}
}

func (c *copyOf) Prepare(records dataset.Sequence) func(dataset.State) {
	return func(s dataset.State) { c.Replace(s, records) }
}

func (c *copyOf) Apply(s dataset.State, changes []dataset.Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state, c.records = s, c.records.With(changes)
	for _, ch := range changes {
		if ch.Delete {
			delete(c.byID, ch.Record.ID)
		} else {
			c.byID[ch.Record.ID] = ch.Record
		}
	}
}

func (c *copyOf) Clear(s dataset.State) { c.Replace(s, nil) }

// node is a store with its copies.
type node struct {
	*store.Store
	mu     sync.Mutex
	copies map[string]*copyOf
}

func (n *node) copyOf(name string) *copyOf {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.copies[name] == nil {
		n.copies[name] = &copyOf{}
	}
	return n.copies[name]
}

func start(t *testing.T, url string, adapt ...func(*store.Options)) *node {
	t.Helper()
	n, err := tryStart(t, url, adapt...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func tryStart(t *testing.T, url string, adapt ...func(*store.Options)) (*node, error) {
	t.Helper()
	return startWithin(t, 10*time.Second, url, adapt...)
}

func startWithin(t *testing.T, patience time.Duration, url string, adapt ...func(*store.Options)) (*node, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	n := &node{copies: map[string]*copyOf{}}
	o := store.Options{
		URL: url, Node: t.Name(), Look: 20 * time.Millisecond,
		NewReplica: func(name string) store.Replica { return n.copyOf(name) },
	}
	if testing.Verbose() {
		o.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	for _, a := range adapt {
		a(&o)
	}
	var err error
	if n.Store, err = store.New(o); err != nil {
		return nil, err
	}
	t.Cleanup(n.Close)
	return n, n.Open(ctx)
}

func (n *node) put(ctx context.Context, name, id, json string) (dataset.State, error) {
	return n.Update(ctx, name, id, func(dataset.Record, bool) (dataset.Edit, error) {
		return dataset.Edit{JSON: []byte(json)}, nil
	})
}

func (n *node) remove(ctx context.Context, name, id string) (dataset.State, error) {
	return n.Update(ctx, name, id, func(_ dataset.Record, exists bool) (dataset.Edit, error) {
		if !exists {
			return dataset.Edit{}, &dataset.Error{Code: dataset.NotFound, Message: "no record " + id}
		}
		return dataset.Edit{Delete: true}, nil
	})
}

// load makes n records whose text tells which load they are of.
func load(n int, mark string) dataset.Load {
	var seq dataset.Sequence
	var records []dataset.Record
	for i := range n {
		records = append(records, dataset.Record{ID: strconv.Itoa(1000 + i), Position: uint64(i), JSON: fmt.Appendf(nil, `{"id":"%d","mark":%q}`, 1000+i, mark)})
		if len(records) == dataset.BucketSize || i == n-1 {
			seq = append(seq, dataset.NewBucket(dataset.BucketOf(uint64(i)), records))
			records = nil
		}
	}
	return dataset.Load{Records: seq, Source: mark, Schema: dataset.Schema{IDField: "id"}}
}

// inRedis reads a dataset's keys as they are and checks that they fit together;
// it knows the layout from the documentation, not from the code.
func inRedis(t *testing.T, r *redistest.Server, name string) (count int, digest dataset.Digest, source string) {
	t.Helper()
	meta := fields(r.Do("HGETALL", "landings:{"+name+"}:meta"))
	if len(meta) == 0 {
		return 0, 0, ""
	}
	next, _ := strconv.Atoi(meta["next"])
	sum := 0
	for b := range (next + 255) / 256 {
		key := "landings:{" + name + "}:g" + meta["generation"] + ":" + strconv.Itoa(b)
		n, _ := strconv.Atoi(r.Do("HLEN", key))
		sum += n
		for id, value := range fields(r.Do("HGETALL", key)) {
			text, json, _ := strings.Cut(value, " ")
			position, err := strconv.ParseUint(text, 10, 64)
			if err != nil || dataset.BucketOf(position) != uint64(b) {
				t.Fatalf("%s has a record at %q", key, text)
			}
			digest += dataset.Record{ID: id, Position: position, JSON: []byte(json)}.Hash()
		}
	}
	if want := meta["count"]; strconv.Itoa(sum) != want {
		t.Fatalf("sum of HLEN is %d, meta counts %s", sum, want)
	}
	if digest.String() != meta["digest"] {
		t.Fatalf("the records' digest is %s, meta has %s", digest, meta["digest"])
	}
	return sum, digest, meta["source"]
}

func fields(reply string) map[string]string {
	m := map[string]string{}
	lines := strings.Split(reply, "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		m[lines[i]] = lines[i+1]
	}
	return m
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("LANDINGS_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("LANDINGS_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func TestLoadReadBack(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	state, err := n.Replace(t.Context(), "things", load(1000, "first"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if state.Version != 1 || state.Count != 1000 || state.Next != 1000 {
		t.Fatalf("state %+v", state)
	}
	count, digest, _ := inRedis(t, r, "things")
	if count != 1000 || digest != state.Digest {
		t.Fatalf("Redis has %d records, digest %s", count, digest)
	}
	n.Close()

	again := start(t, r.URL())
	if got := again.copyOf("things").State(); got.Digest != state.Digest || got.Version != 1 || got.Chain != state.Chain || got.Epoch != state.Epoch {
		t.Fatalf("after a restart: %+v, want %+v", got, state)
	}
	if again.copyOf("things").Records().Digest() != state.Digest {
		t.Fatal("the records differ after a restart")
	}
}

func TestWrites(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	ctx := t.Context()
	s, err := n.put(ctx, "things", "a", `{"v":1}`)
	if err != nil || s.Count != 1 || s.Version != 2 {
		t.Fatalf("the first record: %+v, %v", s, err)
	}
	if s, err = n.put(ctx, "things", "b", `{"v":2}`); err != nil || s.Count != 2 {
		t.Fatal(s, err)
	}
	before := s.Version
	if s, err = n.put(ctx, "things", "b", `{"v":2}`); err != nil || s.Version != before {
		t.Fatalf("a write that changes nothing makes version %d after %d: %v", s.Version, before, err)
	}
	if _, err = n.remove(ctx, "things", "c"); dataset.CodeOf(err) != dataset.NotFound {
		t.Fatalf("removing what is not there: %v", err)
	}
	if s, err = n.remove(ctx, "things", "a"); err != nil || s.Count != 1 {
		t.Fatal(s, err)
	}
	if s, err = n.put(ctx, "things", "a", `{"v":3}`); err != nil || s.Next != 3 {
		t.Fatalf("a position is used again: %+v, %v", s, err)
	}
	inRedis(t, r, "things")
	if got := r.Do("XLEN", "landings:{things}:changes"); got != "5" {
		t.Fatalf("the stream has %s entries", got)
	}
	if _, err := n.Drop(ctx, "things", nil); err != nil {
		t.Fatal(err)
	}
	if n.copyOf("things").State().Exists() {
		t.Fatal("the dropped dataset exists")
	}
	for _, key := range []string{"meta", "gens", "changes"} {
		if ttl, _ := strconv.Atoi(r.Do("TTL", "landings:{things}:"+key)); ttl < 86_000 || ttl > 86_400 {
			t.Fatalf("of the tombstone, %s stays for %d seconds", key, ttl)
		}
	}
	if _, err := n.Drop(ctx, "things", nil); dataset.CodeOf(err) != dataset.NotFound {
		t.Fatalf("dropping twice: %v", err)
	}
	epoch := s.Epoch
	if s, err = n.put(ctx, "things", "z", `{}`); err != nil || s.Epoch == epoch || s.Count != 1 {
		t.Fatalf("created again: %+v, %v", s, err)
	}
	for _, key := range []string{"meta", "gens", "changes"} {
		if ttl := r.Do("TTL", "landings:{things}:"+key); ttl != "-1" {
			t.Fatalf("created again, and yet %s expires in %s", key, ttl)
		}
	}
	inRedis(t, r, "things")
}

// Many clients at once share commits; every write has its own outcome, and the
// result is that of one order.
func TestConcurrentWrites(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	m := start(t, r.URL(), func(o *store.Options) { o.Node = "another" })
	if _, err := n.Replace(t.Context(), "things", load(100, "first"), nil); err != nil {
		t.Fatal(err)
	}
	until(t, "the other node sees it", func() bool { return m.copyOf("things").State().Count == 100 })
	var wg sync.WaitGroup
	const clients, each = 32, 50
	for c := range clients {
		on := n
		if c%2 == 1 {
			on = m
		}
		wg.Go(func() {
			for range each {
				// Count up, by read, change and write: nothing may get lost.
				_, err := on.Update(t.Context(), "things", "counter", func(cur dataset.Record, exists bool) (dataset.Edit, error) {
					v := 0
					if exists {
						if _, err := fmt.Sscanf(string(cur.JSON), `{"v":%d}`, &v); err != nil {
							return dataset.Edit{}, err
						}
					}
					return dataset.Edit{JSON: fmt.Appendf(nil, `{"v":%d}`, v+1)}, nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, on := range []*node{n, m} {
		until(t, "both nodes have it", func() bool {
			rec, _ := on.copyOf("things").Lookup("counter")
			return string(rec.JSON) == fmt.Sprintf(`{"v":%d}`, clients*each)
		})
	}
	inRedis(t, r, "things")
}

// Rule 2 of commits: a refusal by a node that lags would be a lie.
func TestRefusalIsValidated(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	// This node hears of nothing by itself.
	n := start(t, r.URL(), func(o *store.Options) { o.Look = time.Hour })
	m := start(t, r.URL(), func(o *store.Options) { o.Node = "another"; o.Look = time.Hour })
	if _, err := n.put(t.Context(), "things", "a", `{}`); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		id := strconv.Itoa(i)
		if _, err := n.put(t.Context(), "things", id, `{}`); err != nil {
			t.Fatal(err)
		}
		if _, err := m.remove(t.Context(), "things", id); err != nil {
			t.Fatalf("the write of another node was acknowledged, and yet: %v", err)
		}
	}
}

// redisOnly skips a test on other servers than redis-server.
func redisOnly(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("REDISTEST_SERVER") != "" {
		t.Skip(reason)
	}
}

func TestRefusedRedis(t *testing.T) {
	t.Run("evicts", func(t *testing.T) {
		redisOnly(t, "the embedded engine never evicts")
		r := redistest.Start(t, "--save", "", "--maxmemory-policy", "allkeys-lru")
		_, err := tryStart(t, r.URL())
		if err == nil || !strings.Contains(err.Error(), "maxmemory-policy noeviction") {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("password", func(t *testing.T) {
		r := redistest.Start(t, "--save", "")
		r.Do("CONFIG", "SET", "requirepass", "secret")
		for _, url := range []string{"redis://" + r.Addr(), "redis://:wrong@" + r.Addr()} {
			_, err := tryStart(t, url)
			if err == nil || !strings.Contains(err.Error(), "password") || strings.Contains(err.Error(), "wrong@") {
				t.Fatalf("%s: got %v", url, err)
			}
		}
		n := start(t, "redis://:secret@"+r.Addr()+"/3")
		if _, err := n.put(t.Context(), "things", "a", `{}`); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("nothing there", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		s, err := store.New(store.Options{URL: "redis://127.0.0.1:" + strconv.Itoa(redistest.FreePort(t)), NewReplica: func(string) store.Replica { return &copyOf{} }})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		err = s.Open(ctx)
		if err == nil || !strings.Contains(err.Error(), "nothing listens") {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("full memory", func(t *testing.T) {
		r := redistest.Start(t, "--save", "")
		n := start(t, r.URL())
		if _, err := n.put(t.Context(), "things", "a", `{}`); err != nil {
			t.Fatal(err)
		}
		r.Do("CONFIG", "SET", "maxmemory", "1")
		_, err := n.put(t.Context(), "things", "b", `{}`)
		if dataset.CodeOf(err) != dataset.Unavailable || !strings.Contains(err.Error(), "raise maxmemory") {
			t.Fatalf("got %v", err)
		}
		_, err = n.Replace(t.Context(), "things", load(1000, "x"), nil)
		if dataset.CodeOf(err) != dataset.Unavailable || !strings.Contains(err.Error(), "nothing was loaded") {
			t.Fatalf("got %v", err)
		}
		r.Do("CONFIG", "SET", "maxmemory", "0")
		if _, err := n.put(t.Context(), "things", "b", `{}`); err != nil {
			t.Fatal(err)
		}
		inRedis(t, r, "things")
	})
	t.Run("disk", func(t *testing.T) {
		redisOnly(t, "the embedded engine does not change dbfilename while it runs")
		r := redistest.Start(t, "--save", "1 1")
		n := start(t, r.URL())
		if _, err := n.put(t.Context(), "things", "a", `{}`); err != nil {
			t.Fatal(err)
		}
		// A folder where the dump should go makes every save fail, for root too.
		if err := os.MkdirAll(r.Dir+"/blocked.rdb/x", 0o755); err != nil {
			t.Fatal(err)
		}
		r.Do("CONFIG", "SET", "dbfilename", "blocked.rdb")
		until(t, "the save fails", func() bool {
			_, err := n.put(t.Context(), "things", "b", fmt.Sprintf(`{"t":%d}`, time.Now().UnixNano()))
			return err != nil && strings.Contains(err.Error(), "MISCONF") && strings.Contains(err.Error(), "free space")
		})
		until(t, "readiness says no", func() bool { return n.Ready(t.Context()) != nil })
		r.Do("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
		until(t, "it takes writes though saves fail", func() bool {
			_, err := n.put(t.Context(), "things", "b", `{}`)
			return err == nil && n.Ready(t.Context()) == nil
		})
		r.Do("CONFIG", "SET", "stop-writes-on-bgsave-error", "yes")
		r.Do("CONFIG", "SET", "dbfilename", "dump.rdb")
		r.Do("BGSAVE")
		until(t, "it recovers", func() bool {
			_, err := n.put(t.Context(), "things", "b", `{}`)
			return err == nil && n.Ready(t.Context()) == nil
		})
	})
	t.Run("address", func(t *testing.T) {
		_, err := tryStart(t, "http://:secret@example")
		if dataset.CodeOf(err) != dataset.Invalid || strings.Contains(err.Error(), "secret") {
			t.Fatalf("got %v", err)
		}
	})
}

func TestKeys(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	want := map[string]bool{"bin\xff\x00": true}
	r.Do("SET", "bin\xff\x00", "1")
	for i := range 5000 {
		want["key"+strconv.Itoa(i)] = true
		r.Do("SET", "key"+strconv.Itoa(i), "1")
	}
	got := map[string]bool{}
	for key, err := range n.Keys(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if got[key] {
			t.Fatalf("%q twice", key)
		}
		got[key] = true
	}
	for key := range want {
		if !got[key] {
			t.Fatalf("%q is missing", key)
		}
	}
}

func TestKeysGone(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	if _, err := n.Replace(t.Context(), "things", load(10, "x"), nil); err != nil {
		t.Fatal(err)
	}
	r.Do("FLUSHALL")
	until(t, "the flushed dataset is gone", func() bool { return !n.copyOf("things").State().Exists() })
	if _, err := n.Replace(t.Context(), "things", load(10, "y"), nil); err != nil {
		t.Fatal(err)
	}
	inRedis(t, r, "things")
}

func TestDamage(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	if _, err := n.Replace(t.Context(), "things", load(10, "x"), nil); err != nil {
		t.Fatal(err)
	}
	n.Close()
	r.Do("HSET", "landings:{things}:g1:0", "1003", "3 {}")
	m := start(t, r.URL())
	for _, err := range []error{m.Missing("things"), m.Damaged()["things"]} {
		if dataset.CodeOf(err) != dataset.Unavailable || !strings.Contains(err.Error(), "do not fit the digest") {
			t.Fatalf("got %v", err)
		}
	}
	_, err := m.put(t.Context(), "things", "a", `{}`)
	if dataset.CodeOf(err) != dataset.Unavailable || !strings.Contains(err.Error(), "do not fit the digest") {
		t.Fatalf("got %v", err)
	}
	r.Do("DEL", "landings:{things}:meta")
	until(t, "a load heals it", func() bool {
		_, err := m.Replace(t.Context(), "things", load(10, "x"), nil)
		return err == nil
	})
	inRedis(t, r, "things")
}
