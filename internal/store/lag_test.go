//go:build e2e

package store_test

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"landings/internal/dataset"
	"landings/internal/redistest"
	"landings/internal/store"
)

// The name is in the set before the first commit also where a single write makes the dataset.
func TestNameComesFirstForAWrite(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.Look = time.Hour })
	c, err := net.Dial("tcp", r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(15 * time.Second))
	if _, err := c.Write([]byte("MONITOR\r\n")); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	put(t, n, "a")
	for named := false; ; {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		named = named || strings.Contains(line, `"SADD" "landings:datasets" "things"`)
		if strings.Contains(line, `"XADD" "landings:{things}:changes"`) {
			if !named {
				t.Fatal("the first commit came before the name")
			}
			return
		}
	}
}

// One commit takes at most 10,000 changes.
func TestCommitsHaveFewChanges(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.WriteTimeout = 20 * time.Second })
	put(t, n, "a")
	const many = 30_000
	r.Freeze()
	var all sync.WaitGroup
	for i := range many {
		all.Add(1)
		n.Begin("things", strconv.Itoa(i), func(dataset.Record, bool) (dataset.Edit, error) {
			return dataset.Edit{JSON: []byte("{}")}, nil
		}, func(_ dataset.State, err error) {
			if err != nil {
				t.Error(err)
			}
			all.Done()
		})
	}
	r.Thaw()
	all.Wait()
	most := 0
	for version := uint64(1); version <= n.copyOf("things").State().Version; version++ {
		id := strconv.FormatUint(version, 10) + "-0"
		most = max(most, strings.Count(r.Do("XRANGE", "landings:{things}:changes", id, id), "\n+"))
	}
	if most < 5_000 || most > 10_000 {
		t.Fatalf("the largest commit has %d changes", most)
	}
	inRedis(t, r, "things")
}

// A version that is waited for is asked for, and is not there before it is.
func TestReachAsks(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.Look, o.WriteTimeout = time.Hour, 500*time.Millisecond })
	state := put(t, n, "a")
	if err := n.Reach(t.Context(), "things", state.Version+1); dataset.CodeOf(err) != dataset.Unavailable {
		t.Fatalf("a version that is not there: %v", err)
	}
	state = byHand(t, r, state, "b")
	if err := n.Reach(t.Context(), "things", state.Version); err != nil {
		t.Fatal(err)
	}
	if _, ok := n.copyOf("things").Lookup("b"); !ok {
		t.Fatal("the version was reached without its commit")
	}
}

// A dataset of which nobody was told is found by the look.
func TestLookFindsDatasets(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	// Elsewhere in the keys of this Redis, and put in place by hand.
	other := redistest.Start(t, "--save", "")
	state := put(t, start(t, other.URL(), named("elsewhere")), "a")
	for _, hash := range []string{"landings:{things}:gens", fmt.Sprintf("landings:{things}:g%d:0", state.Generation), "landings:{things}:meta"} {
		for field, value := range fields(other.Do("HGETALL", hash)) {
			r.Do("HSET", hash, field, value)
		}
	}
	r.Do("SADD", "landings:datasets", "things")
	until(t, "the dataset is there", func() bool { _, ok := n.copyOf("things").Lookup("a"); return ok })
}

// A subscription that ended makes a node look: what was said meanwhile is not heard.
func TestEndedSubscription(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.Look = time.Hour })
	state := put(t, n, "a")
	until(t, "it listens", func() bool { return listeners(r) == "1" })
	state = byHand(t, r, state, "b")
	r.Do("CLIENT", "KILL", "TYPE", "pubsub")
	until(t, "it has looked", func() bool { return n.copyOf("things").State().Version == state.Version })
}

// Who is behind the stream's trim point reads everything.
func TestBehindTheTrim(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	p := newProxy(t, r.Addr(), seeded(t))
	n, m := start(t, r.URL()), start(t, "redis://"+p.addr, named("another"))
	state := put(t, n, "a")
	until(t, "both have it", func() bool { return m.copyOf("things").State().Version == state.Version })
	p.shut.Store(true)
	until(t, "one is cut off", func() bool { return m.Ready(t.Context()) != nil })
	put(t, n, numbered("b", 20)...)
	r.Do("XTRIM", "landings:{things}:changes", "MAXLEN", "5")
	p.shut.Store(false)
	if err := m.Reach(t.Context(), "things", dataset.Latest); err != nil {
		t.Fatal(err)
	}
	if got := m.copyOf("things").State(); got.Count != 21 {
		t.Fatalf("the node that was behind has %d records", got.Count)
	}
	put(t, m, "c")
	inRedis(t, r, "things")
}

// The trim leaves what is within its bounds, in the stream and in the node: who was away needs it, and so does Redis.
func TestTrimLeavesWhatIsWithin(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.KeepBytes, o.Idle = 8000, 60*time.Millisecond })
	put(t, n, numbered("a", 60)...)
	var length int
	until(t, "the stream is trimmed", func() bool {
		put(t, n, "last"+strconv.Itoa(time.Now().Nanosecond()))
		length, _ = strconv.Atoi(r.Do("XLEN", "landings:{things}:changes"))
		return length < 60
	})
	// A commit of one small record takes less than 300 bytes; the last ones may not be trimmed yet.
	if length < 8000/300 {
		t.Fatalf("%d commits are left", length)
	}
	r.Do("SAVE")
	state := put(t, n, numbered("b", 15)...)
	r.Kill()
	r.Up()
	settled(t, r, n)
	same(t, r, state)
	if got := n.copyOf("things").State().Generation; got != state.Generation {
		t.Fatalf("everything was written again, as generation %d", got)
	}
}

// A node can start while others write all the time: what they commit while it reads is taken in.
func TestStartWhileOthersWrite(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	if _, err := n.Replace(t.Context(), "things", load(100_000, "x"), nil); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for c := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := n.put(t.Context(), "things", strconv.Itoa(c), strconv.Itoa(i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	m, err := tryStart(t, r.URL(), named("another"))
	ready := err
	if err == nil {
		ready = m.Ready(t.Context())
	}
	close(stop)
	wg.Wait()
	if ready != nil {
		t.Fatal(ready)
	}
	if err := m.Reach(t.Context(), "things", dataset.Latest); err != nil {
		t.Fatal(err)
	}
	a, b := n.copyOf("things"), m.copyOf("things")
	if a.State().Digest != b.State().Digest || b.Records().Digest() != b.State().Digest {
		t.Fatalf("%+v and %+v", a.State(), b.State())
	}
}

// The chain runs over what commits hold, as the documentation says.
func TestChainCoversCommits(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	put(t, n, numbered("a", 5)...)
	if _, err := n.remove(t.Context(), "things", "a3"); err != nil {
		t.Fatal(err)
	}
	var chain dataset.Chain
	for version := uint64(1); version <= n.copyOf("things").State().Version; version++ {
		id := strconv.FormatUint(version, 10) + "-0"
		_, entry, _ := strings.Cut(r.Do("XRANGE", "landings:{things}:changes", id, id), "\n")
		head, body, _ := strings.Cut(entry, "\nbody\n")
		f := fields(head)
		if f["kind"] == "changes" {
			content := fmt.Sprintf("changes %s %s %s %s %s %s\n%s", f["node"], f["seq"], f["at"], f["count"], f["digest"], f["next"], body)
			chain = chain.Next(version, []byte(content))
			if got := chain.String(); got != f["chain"] {
				t.Fatalf("version %d has chain %s, not %s", version, f["chain"], got)
			}
		}
		var err error
		if chain, err = dataset.ParseChain(f["chain"]); err != nil {
			t.Fatal(err)
		}
	}
}

// The process is made a replica of an empty Redis and promoted again: that its keys are gone does not mean that they
// were deleted.
func TestPromotedEmpty(t *testing.T) {
	redisOnly(t, "the embedded engine does not replicate")
	quick := []string{"--save", "", "--repl-diskless-sync-delay", "0"}
	r, other := redistest.Start(t, quick...), redistest.Start(t, quick...)
	n := start(t, r.URL(), func(o *store.Options) { o.Look = time.Hour })
	state := put(t, n, numbered("a", 5)...)
	r.Do("REPLICAOF", "127.0.0.1", strconv.Itoa(other.Port))
	until(t, "it follows", func() bool { return info(r, "master_link_status") == "up" })
	r.Do("REPLICAOF", "NO", "ONE")
	if err := n.Reach(t.Context(), "things", dataset.Latest); err != nil {
		t.Fatal(err)
	}
	if got := n.copyOf("things").State(); got.Count != state.Count {
		t.Fatalf("%+v became %+v", state, got)
	}
	same(t, r, state)
}

// Where Redis has thrown keys away, those that vanish were not deleted by anybody: they are written again.
func TestEvictedIsNotDeleted(t *testing.T) {
	redisOnly(t, "the embedded engine never evicts")
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.Look = time.Hour })
	state := put(t, n, numbered("a", 5)...)
	r.Do("SET", "x", "1", "EX", "1000")
	r.Do("CONFIG", "SET", "maxmemory-policy", "volatile-random")
	r.Do("CONFIG", "SET", "maxmemory", "1")
	until(t, "a key is evicted", func() bool { return info(r, "evicted_keys") != "0" })
	r.Do("CONFIG", "SET", "maxmemory", "0")
	r.Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
	r.Do("DEL", "landings:{things}:meta", "landings:{things}:changes", "landings:{things}:gens", fmt.Sprintf("landings:{things}:g%d:0", state.Generation))
	if err := n.Reach(t.Context(), "things", dataset.Latest); err != nil {
		t.Fatal(err)
	}
	if got := n.copyOf("things").State(); got.Count != state.Count {
		t.Fatalf("%+v became %+v", state, got)
	}
	same(t, r, state)
}

// A node that starts knows from Redis who was alive, and waits for those to say what they have: here one of them holds
// more than the save from which Redis came back.
func TestStarterWaitsForTheOthers(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	p := newProxy(t, r.Addr(), seeded(t))
	n := start(t, "redis://"+p.addr)
	put(t, n, "a")
	until(t, "its name is known", func() bool { return r.Do("SISMEMBER", "landings:nodes", t.Name()) == "1" })
	r.Do("SAVE")
	state := put(t, n, numbered("b", 10)...)
	p.shut.Store(true)
	r.Kill()
	r.Up()
	started := make(chan error, 1)
	go func() {
		_, err := tryStart(t, r.URL(), named("the starter"))
		started <- err
	}()
	until(t, "the starter announces what there is", func() bool { return r.Do("KEYS", "landings:{things}:recover:*") != "" })
	p.shut.Store(false)
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	settled(t, r, n)
	same(t, r, state)
	if n.Counts().Dropped > 0 {
		t.Fatal("commits were dropped")
	}
}

// A node that has nothing says so, and is not waited for.
func TestWhoHasNothingIsNotWaitedFor(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	p, q := newProxy(t, r.Addr(), seeded(t)), newProxy(t, r.Addr(), seeded(t))
	patient := func(o *store.Options) { o.Window = time.Hour }
	n := start(t, "redis://"+p.addr, patient)
	start(t, "redis://"+q.addr, named("another", patient))
	state := put(t, n, "a")
	until(t, "they know each other", func() bool { return n.Peers() == 1 })
	p.shut.Store(true)
	q.shut.Store(true) // for ever: another life of that node comes
	begun := time.Now()
	r.Kill()
	r.Up()
	start(t, r.URL(), named("another", patient))
	p.shut.Store(false)
	settled(t, r, n)
	same(t, r, state)
	notForgotten(t, begun)
}

// Earlier generations go when they were kept for long enough, though nobody uses the dataset and the node that made
// them has gone.
func TestKeptForAWhile(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	const stay = 1500 * time.Millisecond
	brief := func(o *store.Options) { o.KeepLoads, o.KeepLoadsFor = 5, stay }
	n, other := start(t, r.URL(), brief), start(t, r.URL(), named("another", brief))
	for i := range 4 {
		if _, err := n.Replace(t.Context(), "things", load(300, strconv.Itoa(i)), nil); err != nil {
			t.Fatal(err)
		}
	}
	state := put(t, n, "after") // which is served once the last load's collection is over
	begun := time.Now()
	until(t, "the other node has it", func() bool { return other.copyOf("things").State().Version == state.Version })
	n.Close()
	earlier := []string{"EXISTS", "landings:{things}:g1:0", "landings:{things}:g2:0", "landings:{things}:g3:0"}
	if got := r.Do(earlier...); got != "3" {
		t.Fatalf("%s of 3 generations were kept", got)
	}
	until(t, "they are gone", func() bool { return r.Do(earlier...) == "0" })
	if took := time.Since(begun); took > stay+3*time.Second {
		t.Fatalf("they stayed for %v", took)
	}
	inRedis(t, r, "things")
}

// Each node collects by its own setting, whoever made the loads, and tells so: of several settings the lowest counts.
func TestLowestSettingCounts(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.KeepLoads = 3 })
	for i := range 4 {
		if _, err := n.Replace(t.Context(), "things", load(300, strconv.Itoa(i)), nil); err != nil {
			t.Fatal(err)
		}
	}
	put(t, n, "after") // which is served once the last load's collection is over
	earlier := []string{"EXISTS", "landings:{things}:g1:0", "landings:{things}:g2:0", "landings:{things}:g3:0"}
	if got := r.Do(earlier...); got != "3" {
		t.Fatalf("%s of 3 generations were kept", got)
	}
	var log lines
	start(t, r.URL(), named("another", func(o *store.Options) {
		o.KeepLoads, o.Logger = -1, slog.New(slog.NewJSONHandler(&log, nil))
	}))
	until(t, "they are gone", func() bool { return r.Do(earlier...) == "0" })
	told := log.with(t, "earlier loads are no longer kept")
	if len(told) != 1 || told[0]["dataset"] != "things" || fmt.Sprint(told[0]["generations"]) != "[1 2 3]" || told[0]["keep"] != 0.0 {
		t.Fatalf("the log says %v", told)
	}
}

// A kept generation that is no longer whole is not gone back to.
func TestRollBackOfWhatIsWhole(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	var state dataset.State
	for i := range 2 {
		var err error
		if state, err = n.Replace(t.Context(), "things", load(300, strconv.Itoa(i)), nil); err != nil {
			t.Fatal(err)
		}
	}
	r.Do("HSET", "landings:{things}:g1:0", "1003", "3 {}")
	if _, err := n.RollBack(t.Context(), "things", 1, nil); dataset.CodeOf(err) != dataset.Conflict {
		t.Fatalf("got %v", err)
	}
	same(t, r, state)
}

// The bound on the numbers of a load's buckets is above the highest of them, so that all of them are found again.
func TestBoundIsAboveTheLast(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	_, _ = n.Load(t.Context(), "things", func(ahead dataset.Ahead) (dataset.Load, error) {
		ahead(given(dataset.NewBucket(1024, []dataset.Record{{ID: "a", Position: 1024 * dataset.BucketSize, JSON: []byte("{}")}})))
		stagedIn(t, r, "g1", 1)
		return dataset.Load{}, errors.New("the input is bad")
	}, nil)
	if found := generations(r, "things"); len(found) != 0 {
		t.Fatalf("left over: %v", found)
	}
}

// A lease is not renewed over the collector's mark.
func TestRenewedOverTheMark(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	g := newGate(t, r.Addr())
	n := start(t, "redis://"+g.addr, func(o *store.Options) { o.Lease = 5 * time.Second })
	whole := load(600, "x")
	h := g.hold(t, transactionWith(`"state":"loading"`))
	state, err := n.Load(t.Context(), "things", func(ahead dataset.Ahead) (dataset.Load, error) {
		ahead(given(whole.Records[0]))
		within(t, "the lease is about to be renewed", h.held)
		entry := r.Do("HGET", "landings:{things}:gens", "1")
		r.Do("HSET", "landings:{things}:gens", "1", strings.Replace(entry, `"loading"`, `"dead"`, 1))
		h.pass()
		return whole, nil
	}, nil)
	if err != nil || state.Generation != 2 {
		t.Fatalf("%+v, %v", state, err)
	}
	inRedis(t, r, "things")
}

// The stream is trimmed also after another history, with lower versions, took the place of the node's.
func TestTrimOfAnotherHistory(t *testing.T) {
	r, other := redistest.Start(t, "--save", ""), redistest.Start(t, "--save", "")
	soon := func(o *store.Options) { o.Window = 200 * time.Millisecond }
	n := start(t, r.URL(), soon, func(o *store.Options) { o.KeepBytes, o.Idle = 8000, 60*time.Millisecond })
	length := func() int {
		n, _ := strconv.Atoi(r.Do("XLEN", "landings:{things}:changes"))
		return n
	}
	put(t, n, "a")
	r.Do("SAVE")
	put(t, n, numbered("b", 300)...)
	until(t, "the stream is trimmed", func() bool { return length() < 60 })
	r.Kill()
	brought := func(from, to *redistest.Server) {
		dump, err := os.ReadFile(filepath.Join(from.Dir, "dump.rdb"))
		if err == nil {
			err = os.WriteFile(filepath.Join(to.Dir, "dump.rdb"), dump, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	other.Kill()
	brought(r, other)
	other.Up()
	put(t, start(t, other.URL(), named("another", soon)), "c")
	other.Do("SAVE")
	brought(other, r)
	r.Up()
	settled(t, r, n)
	if state := put(t, n, numbered("d", 150)...); state.Version > 200 {
		t.Fatalf("the version is %d", state.Version)
	}
	until(t, "the stream is trimmed", func() bool { return length() < 60 })
}

// That the history of a deleted dataset expires is not taken for keys that vanished.
func TestExpiredHistoryIsNoNews(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	var said lines
	n := start(t, r.URL(), logTo(&said), func(o *store.Options) { o.KeepDropped = 200 * time.Millisecond })
	put(t, n, "a")
	if _, err := n.Drop(t.Context(), "things", nil); err != nil {
		t.Fatal(err)
	}
	until(t, "it has expired", func() bool { return r.Do("EXISTS", "landings:{things}:meta") == "0" })
	if err := n.Reach(t.Context(), "things", dataset.Latest); err != nil {
		t.Fatal(err)
	}
	if found := said.with(t, "the dataset's keys were deleted in Redis"); len(found) > 0 {
		t.Fatalf("it says %v", found)
	}
}

// A node that has not heard of what others made does not deny it to who goes back to it.
func TestRollBackIsNotDeniedByALaggard(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	p := newProxy(t, r.Addr(), seeded(t))
	n, m := start(t, "redis://"+p.addr, func(o *store.Options) { o.WriteTimeout = 500 * time.Millisecond }), start(t, r.URL(), named("another"))
	p.shut.Store(true)
	first, err := m.Replace(t.Context(), "things", load(10, "first"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Replace(t.Context(), "things", load(20, "second"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := n.RollBack(t.Context(), "things", first.Generation, nil); dataset.CodeOf(err) != dataset.Unavailable {
		t.Fatalf("it is cut off, and says %v", err)
	}
	p.shut.Store(false)
	until(t, "it goes back", func() bool {
		state, err := n.RollBack(t.Context(), "things", first.Generation, nil)
		if err != nil && dataset.CodeOf(err) != dataset.Unavailable {
			t.Fatal(err)
		}
		return err == nil && state.Count == 10
	})
}
