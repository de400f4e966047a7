//go:build e2e

package store_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"landings/internal/dataset"
	"landings/internal/redistest"
	"landings/internal/store"
)

// settled waits until the node has recovered Redis as it now is.
func settled(t *testing.T, r *redistest.Server, n *node) {
	t.Helper()
	until(t, "the recovery", func() bool {
		run, err := r.Try("HGET", "landings:{things}:meta", "run")
		if err != nil || n.Ready(t.Context()) != nil {
			return false
		}
		info, err := r.Try("INFO", "server")
		return err == nil && len(run) > 40 && containsLine(info, "run_id:"+run[:40])
	})
}

func containsLine(text, line string) bool {
	for len(text) > 0 {
		i := 0
		for i < len(text) && text[i] != '\r' && text[i] != '\n' {
			i++
		}
		if text[:i] == line {
			return true
		}
		text = text[min(i+1, len(text)):]
	}
	return false
}

func same(t *testing.T, r *redistest.Server, want dataset.State) {
	t.Helper()
	count, digest, _ := inRedis(t, r, "things")
	if count != want.Count || digest != want.Digest {
		t.Fatalf("Redis has %d records, digest %s; acknowledged were %d, %s", count, digest, want.Count, want.Digest)
	}
}

// Redis comes back with an older save, of which the node has everything that
// follows: it is committed again.
func TestRecoverTail(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	if _, err := n.Replace(t.Context(), "things", load(600, "x"), nil); err != nil {
		t.Fatal(err)
	}
	r.Do("SAVE")
	for i := range 50 {
		if _, err := n.put(t.Context(), "things", strconv.Itoa(i), fmt.Sprintf(`{"i":%d}`, i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.remove(t.Context(), "things", "1003"); err != nil {
		t.Fatal(err)
	}
	state := n.copyOf("things").State()
	r.Kill()
	r.Up()
	settled(t, r, n)
	same(t, r, state)
	if term := r.Do("HGET", "landings:{things}:meta", "term"); term != "2" {
		t.Fatalf("the term is %s", term)
	}
	if got := n.copyOf("things").State(); got.Chain != state.Chain || got.Version != state.Version {
		t.Fatalf("the history changed: %+v, %+v", got, state)
	}
	if got := r.Do("HGET", "landings:{things}:meta", "chain"); got != state.Chain.String() {
		t.Fatalf("Redis has chain %s, not %s", got, state.Chain)
	}
	// Writes go on where they were.
	if s, err := n.put(t.Context(), "things", "after", `{}`); err != nil || s.Version != state.Version+1 {
		t.Fatal(s, err)
	}
}

// The commits that Redis lost changed the same records again and again, also away and to other places.
func TestRecoverTailOfTheSameRecords(t *testing.T) {
	random := seeded(t)
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	if _, err := n.Replace(t.Context(), "things", load(600, "x"), nil); err != nil {
		t.Fatal(err)
	}
	r.Do("SAVE")
	for i := range 300 {
		id := strconv.Itoa(random.IntN(8))
		var err error
		if random.IntN(3) == 0 {
			_, err = n.remove(t.Context(), "things", id)
		} else {
			_, err = n.put(t.Context(), "things", id, fmt.Sprintf(`{"i":%d}`, i))
		}
		if err != nil && dataset.CodeOf(err) != dataset.NotFound {
			t.Fatal(err)
		}
	}
	state := n.copyOf("things").State()
	r.Kill()
	r.Up()
	settled(t, r, n)
	same(t, r, state)
	if got := metaOf(r); got["term"] != "2" || got["chain"] != state.Chain.String() {
		t.Errorf("term %s, chain %s, want 2 and %s", got["term"], got["chain"], state.Chain)
	}
}

// A load is among what Redis lost: its records are not in the tail, so the whole
// dataset is written again.
func TestRecoverLoad(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	if _, err := n.Replace(t.Context(), "things", load(100, "old"), nil); err != nil {
		t.Fatal(err)
	}
	r.Do("SAVE")
	if _, err := n.Replace(t.Context(), "things", load(700, "new"), nil); err != nil {
		t.Fatal(err)
	}
	state, err := n.put(t.Context(), "things", "a", `{}`)
	if err != nil {
		t.Fatal(err)
	}
	r.Kill()
	r.Up()
	settled(t, r, n)
	same(t, r, state)
}

// Redis comes back with nothing at all, or is emptied while it is away.
func TestRecoverEmpty(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	state, err := n.Replace(t.Context(), "things", load(1000, "x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		r.Kill()
		r.Up()
		settled(t, r, n)
		same(t, r, state)
		until(t, "its name is there too", func() bool { return r.Do("SISMEMBER", "landings:datasets", "things") == "1" })
	}
	if n.copyOf("things").State().Epoch != state.Epoch {
		t.Fatal("the dataset has another epoch")
	}
}

// Nothing was lost: only the term and the run are new.
func TestRecoverNothingLost(t *testing.T) {
	r := redistest.Start(t, "--save", "", "--appendonly", "yes", "--appendfsync", "always")
	n := start(t, r.URL())
	if _, err := n.Replace(t.Context(), "things", load(10, "x"), nil); err != nil {
		t.Fatal(err)
	}
	state, err := n.put(t.Context(), "things", "a", `{}`)
	if err != nil {
		t.Fatal(err)
	}
	r.Kill()
	r.Up()
	settled(t, r, n)
	same(t, r, state)
	if got := n.copyOf("things").State(); got.Version != state.Version {
		t.Fatalf("version %d became %d", state.Version, got.Version)
	}
	n.Close()
	// Everything stops and starts: the node waits for nobody.
	r.Kill()
	r.Up()
	begun := time.Now()
	m := start(t, r.URL())
	if m.copyOf("things").State().Chain != state.Chain {
		t.Fatal("another history")
	}
	if _, err := m.put(t.Context(), "things", "b", `{}`); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Fatalf("a lone node waited %v", took)
	}
}

// A deleted dataset stays deleted when Redis comes back with a save that still
// has it.
func TestRecoverDrop(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	if _, err := n.Replace(t.Context(), "things", load(300, "x"), nil); err != nil {
		t.Fatal(err)
	}
	r.Do("SAVE")
	if _, err := n.Drop(t.Context(), "things", nil); err != nil {
		t.Fatal(err)
	}
	r.Kill()
	r.Up()
	settled(t, r, n)
	until(t, "the dataset is deleted again", func() bool {
		return r.Do("HGET", "landings:{things}:meta", "generation") == "0" && r.Do("EXISTS", "landings:{things}:g1:0") == "0"
	})
	n.Close()
	m := start(t, r.URL())
	if m.copyOf("things").State().Exists() {
		t.Fatal("the deleted dataset is back")
	}
}

// The later term wins, even over a fork with more versions.
func TestRecoverStaleFork(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	if _, err := n.Replace(t.Context(), "things", load(50, "x"), nil); err != nil {
		t.Fatal(err)
	}
	r.Do("SAVE")

	// The fork: another Redis with the same dump, and a node that goes on there.
	dump, err := os.ReadFile(filepath.Join(r.Dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	fork := redistest.Start(t, "--save", "")
	fork.Kill()
	if err := os.WriteFile(filepath.Join(fork.Dir, "dump.rdb"), dump, 0o644); err != nil {
		t.Fatal(err)
	}
	fork.Up()
	m := start(t, fork.URL(), func(o *store.Options) { o.Node = "the fork" })
	for i := range 30 {
		if _, err := m.put(t.Context(), "things", "fork"+strconv.Itoa(i), `{}`); err != nil {
			t.Fatal(err)
		}
	}
	m.Close()
	fork.Do("SAVE")

	// Meanwhile the real one goes through two recoveries and few writes.
	var state dataset.State
	for i := range 2 {
		r.Kill()
		r.Up()
		settled(t, r, n)
		if state, err = n.put(t.Context(), "things", "real"+strconv.Itoa(i), `{}`); err != nil {
			t.Fatal(err)
		}
	}
	// Somebody puts the fork's dump into the real one's folder.
	r.Kill()
	if dump, err = os.ReadFile(filepath.Join(fork.Dir, "dump.rdb")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.Dir, "dump.rdb"), dump, 0o644); err != nil {
		t.Fatal(err)
	}
	r.Up()
	settled(t, r, n)
	same(t, r, state)
	if _, ok := n.copyOf("things").Lookup("fork3"); ok {
		t.Fatal("the stale fork won")
	}
}

// Redis is stopped in the middle, and goes on: what was answered holds, and
// nobody waits for ever.
func TestRedisStopped(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.WriteTimeout = 300 * time.Millisecond })
	if _, err := n.put(t.Context(), "things", "a", `{"v":0}`); err != nil {
		t.Fatal(err)
	}
	r.Freeze()
	begun := time.Now()
	_, err := n.put(t.Context(), "things", "a", `{"v":1}`)
	if code := dataset.CodeOf(err); code != dataset.OutcomeUnknown && code != dataset.Unavailable {
		t.Fatalf("got %v", err)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Fatalf("waited %v", took)
	}
	until(t, "readiness says no", func() bool { return n.Ready(t.Context()) != nil })
	r.Thaw()
	until(t, "writes go on", func() bool {
		_, err := n.put(t.Context(), "things", "a", `{"v":2}`)
		return err == nil
	})
	inRedis(t, r, "things")
}

// Connections break at every moment, also between EXEC and its reply. What was
// acknowledged is there, what was refused is not, and a counter shows that
// nothing was applied twice.
func TestLostReplies(t *testing.T) {
	random := seeded(t)
	r := redistest.Start(t, "--save", "")
	p := newProxy(t, r.Addr(), random)
	n := start(t, "redis://"+p.addr, func(o *store.Options) { o.WriteTimeout = 2 * time.Second })
	if _, err := n.put(t.Context(), "things", "counter", `{"v":0}`); err != nil {
		t.Fatal(err)
	}
	p.cut.Store(true)
	var acknowledged, unknown, refused atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				_, err := n.Update(t.Context(), "things", "counter", func(cur dataset.Record, _ bool) (dataset.Edit, error) {
					v := 0
					if _, err := fmt.Sscanf(string(cur.JSON), `{"v":%d}`, &v); err != nil {
						return dataset.Edit{}, err
					}
					return dataset.Edit{JSON: fmt.Appendf(nil, `{"v":%d}`, v+1)}, nil
				})
				switch {
				case err == nil:
					acknowledged.Add(1)
				case dataset.CodeOf(err) == dataset.OutcomeUnknown:
					unknown.Add(1)
				case dataset.CodeOf(err) == dataset.Unavailable:
					refused.Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	p.cut.Store(false)
	until(t, "writes go on", func() bool {
		_, err := n.put(t.Context(), "things", "other", `{}`)
		return err == nil
	})
	rec, _ := n.copyOf("things").Lookup("counter")
	v := int64(0)
	if _, err := fmt.Sscanf(string(rec.JSON), `{"v":%d}`, &v); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d acknowledged, %d unknown, %d refused, %d cuts; counted %d", acknowledged.Load(), unknown.Load(), refused.Load(), p.cuts.Load(), v)
	if v < acknowledged.Load() || v > acknowledged.Load()+unknown.Load() {
		t.Fatalf("%d were acknowledged and %d are unknown, but %d were applied", acknowledged.Load(), unknown.Load(), v)
	}
	if p.cuts.Load() < 20 {
		t.Fatalf("only %d connections were cut: the test tests nothing", p.cuts.Load())
	}
	inRedis(t, r, "things")
}

// proxy forwards connections and cuts them at random, before or after what a
// client sent went on to Redis, so that also replies get lost.
type proxy struct {
	addr string
	cut  atomic.Bool
	cuts atomic.Int64
	shut atomic.Bool  // nothing more is forwarded to Redis
	last atomic.Value // a string: once it was forwarded, shut
	rate atomic.Int64 // bytes that each connection forwards in a second; 0: as they come
}

func newProxy(t *testing.T, to string, random *rand.Rand) *proxy {
	t.Helper()
	p := &proxy{}
	var mu sync.Mutex
	chance := func(n int) bool {
		mu.Lock()
		defer mu.Unlock()
		return p.cut.Load() && random.IntN(n) == 0
	}
	p.addr = relay(t, to, func(client, server net.Conn) {
		if p.shut.Load() {
			return
		}
		buf := make([]byte, 64<<10)
		for {
			n, err := client.Read(buf)
			if err != nil || p.shut.Load() {
				return
			}
			if rate := p.rate.Load(); rate > 0 {
				time.Sleep(time.Duration(n) * time.Second / time.Duration(rate))
			}
			if chance(12) { // it never arrives
				p.cuts.Add(1)
				return
			}
			lose := chance(12)
			if lose { // it arrives, the reply does not
				p.cuts.Add(1)
				client.Close()
			}
			if last, ok := p.last.Load().(string); ok && bytes.Contains(buf[:n], []byte(last)) {
				p.shut.Store(true)
				lose = true
				client.Close() // first, or else the reply might come through
			}
			if _, err := server.Write(buf[:n]); err != nil {
				return
			}
			if lose {
				// Redis reads what is there before it sees the end.
				_ = server.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, server)
				return
			}
		}
	})
	return p
}

// relay listens, connects each client with the server at to, and gives it what that sends. What
// the client sends is passed on by pass; both connections are closed when it returns.
func relay(t *testing.T, to string, pass func(client, server net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer client.Close()
				server, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer server.Close()
				wg.Go(func() { _, _ = io.Copy(client, server); client.Close() })
				pass(client, server)
			})
		}
	})
	return l.Addr().String()
}

// A load whose writer is gone is collected; its buckets disappear.
func TestAbandonedLoadIsCollected(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.Lease = 50 * time.Millisecond })
	if _, err := n.Replace(t.Context(), "things", load(10, "x"), nil); err != nil {
		t.Fatal(err)
	}
	// What a node leaves that dies in the middle of a load.
	number := r.Do("HINCRBY", "landings:{things}:gens", "last", "1")
	run := r.Do("HGET", "landings:{things}:meta", "run")
	r.Do("HSET", "landings:{things}:gens", number, fmt.Sprintf(`{"state":"loading","run":%q,"lease":1,"records":600,"buckets":3}`, run))
	for b := range 2 {
		r.Do("HSET", "landings:{things}:g"+number+":"+strconv.Itoa(b), "id", strconv.Itoa(b*256)+" {}")
	}
	until(t, "the buckets are gone", func() bool {
		// A second load makes the keeper look around.
		if _, err := n.Replace(t.Context(), "things", load(10, "x"), nil); err != nil {
			t.Fatal(err)
		}
		return r.Do("EXISTS", "landings:{things}:g"+number+":0", "landings:{things}:g"+number+":1") == "0"
	})
	until(t, "its number is forgotten", func() bool {
		if _, err := n.Replace(t.Context(), "things", load(10, "x"), nil); err != nil {
			t.Fatal(err)
		}
		return r.Do("HEXISTS", "landings:{things}:gens", number) == "0"
	})
	inRedis(t, r, "things")
}

// One earlier generation is kept, older ones are deleted.
func TestGenerations(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	for i := range 4 {
		if _, err := n.Replace(t.Context(), "things", load(300, strconv.Itoa(i)), nil); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "older generations are gone", func() bool {
		return r.Do("EXISTS", "landings:{things}:g1:0", "landings:{things}:g2:0", "landings:{things}:g2:1") == "0"
	})
	put(t, n, "after") // which is served once the last load's collection is over
	if r.Do("EXISTS", "landings:{things}:g3:0", "landings:{things}:g4:0") != "2" {
		t.Fatal("the generation before was not kept")
	}
}

// The stream is trimmed by age; who is behind it reads everything again.
func TestTrim(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.KeepBytes = 4000 })
	m := start(t, r.URL(), func(o *store.Options) { o.Node = "another"; o.Look = time.Hour })
	for i := range 200 {
		if _, err := n.put(t.Context(), "things", strconv.Itoa(i), `{}`); err != nil {
			t.Fatal(err)
		}
	}
	n.Close()
	k := start(t, r.URL(), func(o *store.Options) { o.KeepBytes = 4000 })
	until(t, "the stream is trimmed", func() bool {
		length, _ := strconv.Atoi(r.Do("XLEN", "landings:{things}:changes"))
		return length < 30
	})
	if _, err := m.put(t.Context(), "things", "last", `{}`); err != nil {
		t.Fatal(err)
	}
	if got := m.copyOf("things").State(); got.Count != 201 {
		t.Fatalf("the node that was behind has %d records", got.Count)
	}
	until(t, "both have it", func() bool { return k.copyOf("things").State().Count == 201 })
	inRedis(t, r, "things")
}

// A switch to a generation that lacks a bucket is refused, and the load goes on
// by writing it again.
func TestShortGenerationIsNotSwitchedTo(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	if _, err := n.Replace(t.Context(), "things", load(10, "old"), nil); err != nil {
		t.Fatal(err)
	}
	stolen := false
	// The check runs after the records are staged and before they are counted.
	state, err := n.Replace(context.Background(), "things", load(1000, "new"), func(dataset.State) error {
		if !stolen {
			stolen = true
			r.Do("DEL", "landings:{things}:g2:1")
		}
		return nil
	})
	if err != nil || state.Generation != 3 {
		t.Fatalf("%+v, %v", state, err)
	}
	inRedis(t, r, "things")
}
