//go:build e2e

package store_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"landings/internal/dataset"
	"landings/internal/redistest"
	"landings/internal/store"
)

// Tests of single rules of the protocol: internal/store/DESIGN.md says which rule each of them stands for.

func put(t *testing.T, n *node, ids ...string) (state dataset.State) {
	t.Helper()
	for _, id := range ids {
		var err error
		if state, err = n.put(t.Context(), "things", id, `{}`); err != nil {
			t.Fatal(err)
		}
	}
	return state
}

func numbered(prefix string, n int) (ids []string) {
	for i := range n {
		ids = append(ids, prefix+strconv.Itoa(i))
	}
	return ids
}

func metaOf(r *redistest.Server) map[string]string {
	text, _ := r.Try("HGETALL", "landings:{things}:meta")
	return fields(text)
}

func info(r *redistest.Server, field string) string {
	text, _ := r.Try("INFO")
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && name == field {
			return value
		}
	}
	return ""
}

// The same process is made a replica and promoted again: its run_id stays, and what it holds is another's.
func TestPromotedAgain(t *testing.T) {
	redisOnly(t, "the embedded engine does not replicate")
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	put(t, n, numbered("old", 5)...)
	r.Do("SAVE")
	dump, err := os.ReadFile(filepath.Join(r.Dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	other := redistest.Start(t, "--save", "", "--repl-diskless-sync-delay", "0")
	other.Kill()
	if err := os.WriteFile(filepath.Join(other.Dir, "dump.rdb"), dump, 0o644); err != nil {
		t.Fatal(err)
	}
	other.Up()
	state := put(t, n, numbered("new", 5)...)
	run := info(r, "run_id")
	r.Do("REPLICAOF", "127.0.0.1", strconv.Itoa(other.Port))
	until(t, "it follows", func() bool { return info(r, "master_link_status") == "up" })
	r.Do("REPLICAOF", "NO", "ONE")
	until(t, "the recovery", func() bool {
		m := metaOf(r)
		return m["run"] == run+"-"+info(r, "master_replid") && m["version"] == strconv.FormatUint(state.Version, 10)
	})
	if now := info(r, "run_id"); now != run {
		t.Fatalf("run_id was %s and is %s: the test tests nothing", run, now)
	}
	same(t, r, state)
	put(t, n, "after")
}

// demoted gives a Redis that follows another one with the same data, and a node on it that has noticed nothing.
func demoted(t *testing.T, change ...func(*store.Options)) (r *redistest.Server, n *node, runID string) {
	quick := []string{"--save", "", "--repl-diskless-sync-delay", "0"}
	r, other := redistest.Start(t, quick...), redistest.Start(t, quick...)
	n = start(t, r.URL(), change...)
	put(t, n, "before")
	other.Do("REPLICAOF", "127.0.0.1", strconv.Itoa(r.Port))
	until(t, "it has the same data", func() bool { return info(other, "master_link_status") == "up" })
	other.Do("REPLICAOF", "NO", "ONE")
	runID = info(r, "run_id")
	r.Do("REPLICAOF", "127.0.0.1", strconv.Itoa(other.Port))
	until(t, "it follows", func() bool { return info(r, "master_link_status") == "up" })
	return r, n, runID
}

// A write that was refused by a replica asks again, on the same connection, whom it speaks to: the process may be a
// master again by then, with the same data but as another incarnation.
func TestErrorAsksAgain(t *testing.T) {
	redisOnly(t, "the embedded engine does not replicate")
	r, n, run := demoted(t, func(o *store.Options) { o.Look = time.Hour })
	written := make(chan error, 1)
	go func() {
		_, err := n.put(t.Context(), "things", "after", `{}`)
		written <- err
	}()
	until(t, "the write is refused", func() bool { return info(r, "errorstat_READONLY") != "" })
	r.Do("REPLICAOF", "NO", "ONE")
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if m := metaOf(r); m["run"] != run+"-"+info(r, "master_replid") {
		t.Fatalf("it was committed under the run %s, which is no more", m["run"])
	}
	inRedis(t, r, "things")
}

// Though nobody writes meanwhile, so that nothing fails, the look tells that a process came back as another incarnation.
func TestPromotedUnseen(t *testing.T) {
	redisOnly(t, "the embedded engine does not replicate")
	r, n, run := demoted(t)
	r.Do("REPLICAOF", "NO", "ONE")
	until(t, "the recovery", func() bool { return metaOf(r)["run"] == run+"-"+info(r, "master_replid") })
	put(t, n, "after")
	inRedis(t, r, "things")
}

// A Redis that still reads its data from disk is waited for.
func TestLoadingIsWaitedFor(t *testing.T) {
	redisOnly(t, "the embedded engine listens when it has read everything")
	r := redistest.Start(t, "--save", "", "--key-load-delay", "3000", "--loading-process-events-interval-bytes", "1024")
	n := start(t, r.URL())
	if _, err := n.Replace(t.Context(), "things", load(100_000, "x"), nil); err != nil {
		t.Fatal(err)
	}
	n.Close()
	r.Do("SAVE")
	r.Kill()
	r.Launch()
	until(t, "it is loading", func() bool { _, err := r.Try("PING"); return err != nil && strings.Contains(err.Error(), "LOADING") })
	m := start(t, r.URL())
	if got := m.copyOf("things").State(); got.Count != 100_000 {
		t.Fatalf("the node began with %d records", got.Count)
	}
	put(t, m, "new")
}

// Commits and new datasets reach other nodes by notification, long before the next look.
func TestNotified(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	deaf := func(o *store.Options) { o.Look = time.Hour }
	n, m := start(t, r.URL(), deaf), start(t, r.URL(), named("another", deaf))
	until(t, "the other node listens", func() bool { return strings.Contains(r.Do("PUBSUB", "SHARDCHANNELS"), "landings:nodes") })
	for i := range 20 {
		state := put(t, n, strconv.Itoa(i))
		until(t, "the other node has it", func() bool { return m.copyOf("things").State().Version == state.Version })
	}
}

// listeners gives how many are told of commits.
func listeners(r *redistest.Server) string {
	const channel = "landings:{things}:commits"
	return strings.TrimPrefix(r.Do("PUBSUB", "SHARDNUMSUB", channel), channel+"\n")
}

// Who writes alone does not announce each of several quick commits, and yet others hear of the last of them without
// a look.
func TestLastOfManyIsTold(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	deaf := func(o *store.Options) { o.Look = time.Hour }
	n, m := start(t, r.URL(), deaf), start(t, r.URL(), named("another", deaf))
	put(t, n, "a")
	until(t, "both listen", func() bool { return listeners(r) == "2" })
	for i := range 100 {
		state := put(t, n, numbered(strconv.Itoa(i)+"-", 2+i%10)...)
		until(t, "the other node has the last one", func() bool { return m.copyOf("things").State().Version == state.Version })
	}
}

// A commit to keys that are all still there goes through while their slot moves: the announcement is no part of it.
func TestCommitsWhileASlotMoves(t *testing.T) {
	redisOnly(t, "the embedded engine is no cluster")
	c := redistest.StartCluster(t, 2, 5*time.Second, "--save", "")
	deaf := func(o *store.Options) { o.Look = time.Hour }
	n, m := start(t, c.Servers[0].URL(), deaf), start(t, c.Servers[1].URL(), named("another", deaf))
	put(t, n, "a")
	from := c.Owner("landings:{things}:meta")
	to := c.Servers[0]
	if to == from {
		to = c.Servers[1]
	}
	until(t, "both listen", func() bool { return listeners(from) == "2" })
	slot := from.Do("CLUSTER", "KEYSLOT", "landings:{things}:meta")
	to.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", from.Do("CLUSTER", "MYID"))
	from.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", to.Do("CLUSTER", "MYID"))
	for i := range 20 {
		state := put(t, n, strconv.Itoa(i))
		until(t, "the other node has it", func() bool { return m.copyOf("things").State().Version == state.Version })
	}
}

// Every answer is Redis's own: no connection of a node has Redis keep account of what it read, for a cache.
func TestNothingIsCached(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	put(t, n, "a")
	until(t, "it listens", func() bool { return listeners(r) == "1" })
	if tracked := info(r, "tracking_clients"); tracked != "0" {
		t.Fatalf("%s connections keep a cache", tracked)
	}
}

// A burst of announcements does not hold up what goes over the same connection: who hears them sends nothing.
func TestBurstOfAnnouncements(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.Look = time.Hour })
	state := put(t, n, "a")
	until(t, "it listens", func() bool { return listeners(r) == "1" })
	c, err := net.Dial("tcp", r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// At once, so that Redis passes all of them on before it reads anything else.
	if _, err := io.WriteString(c, strings.Repeat(fmt.Sprintf("SPUBLISH landings:{things}:commits \"another %d\"\r\n", state.Version+1), 100)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 100*len(":1\r\n"))); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for range 100 { // there are several connections, one of which is told
		if _, err := n.Generations(ctx, "things"); err != nil {
			t.Fatal(err)
		}
	}
}

// A commit of which nobody was told is found by the look.
func TestLookIsTheBackstop(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	state := put(t, n, "a")
	// A commit as the documentation describes it, without a word to anybody.
	r0 := dataset.Record{ID: "b", Position: state.Next, JSON: []byte("{}")}
	version, digest := state.Version+1, (state.Digest + r0.Hash()).String()
	body := fmt.Sprintf("+%d 1 2\nb{}\n", r0.Position)
	content := fmt.Sprintf("changes by-hand 1 1 %d %s %d\n%s", state.Count+1, digest, state.Next+1, body)
	chain := state.Chain.Next(version, []byte(content)).String()
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	r.Do("HSET", fmt.Sprintf("landings:{things}:g%d:0", state.Generation), "b", number(r0.Position)+" {}")
	r.Do("XADD", "landings:{things}:changes", number(version)+"-0", "kind", "changes", "term", "1", "chain", chain, "node", "by-hand", "seq", "1", "at", "1",
		"count", strconv.Itoa(state.Count+1), "digest", digest, "next", number(state.Next+1), "body", body)
	r.Do("HSET", "landings:{things}:meta", "version", number(version), "chain", chain, "count", strconv.Itoa(state.Count+1), "digest", digest, "next", number(state.Next+1))
	until(t, "the commit is there", func() bool { _, ok := n.copyOf("things").Lookup("b"); return ok })
	inRedis(t, r, "things")
}

// A committing connection that nobody uses is closed, and the next write opens another.
func TestIdleWireIsClosed(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.Look, o.Idle = time.Hour, 300*time.Millisecond })
	before := strings.Count(r.Do("CLIENT", "LIST"), "\n")
	put(t, n, "a")
	if got := strings.Count(r.Do("CLIENT", "LIST"), "\n"); got <= before {
		t.Fatalf("a dataset in use has %d connections, before there were %d", got, before)
	}
	use := strings.Count(r.Do("CLIENT", "LIST"), "\n")
	until(t, "the connection is closed", func() bool { return strings.Count(r.Do("CLIENT", "LIST"), "\n") < use })
	put(t, n, "b")
}

// The stream is trimmed by age.
func TestTrimByAge(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.KeepCommits, o.Idle = 500*time.Millisecond, 300*time.Millisecond })
	m := start(t, r.URL(), named("another", func(o *store.Options) { o.Look = time.Hour }))
	put(t, n, numbered("a", 50)...)
	until(t, "the stream is trimmed", func() bool {
		put(t, n, "last")
		length, _ := strconv.Atoi(r.Do("XLEN", "landings:{things}:changes"))
		return length < 40
	})
	put(t, m, "by the other")
	inRedis(t, r, "things")
}

// A node that has just started has the commits before its start too: it can heal Redis from them, without writing
// everything again.
func TestStarterCanHeal(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	put(t, n, numbered("saved", 10)...)
	r.Do("SAVE")
	state := put(t, n, numbered("not saved", 10)...)
	m := start(t, r.URL(), named("the starter"))
	n.Close()
	r.Kill()
	r.Up()
	settled(t, r, m)
	same(t, r, state)
	if got := m.copyOf("things").State(); got.Version != state.Version || got.Generation != state.Generation {
		t.Fatalf("%+v became %+v: everything was written again", state, got)
	}
}

// Who said goodbye is not waited for.
func TestGoodbye(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	patient := func(o *store.Options) { o.Window = time.Hour }
	n, m := start(t, r.URL(), patient), start(t, r.URL(), named("another", patient))
	state := put(t, n, "a")
	until(t, "both know it", func() bool { return m.copyOf("things").State().Version == state.Version })
	m.Close()
	begun := time.Now()
	r.Kill()
	r.Up()
	settled(t, r, n)
	same(t, r, state)
	notForgotten(t, begun)
}

// notForgotten fails where the recovery may have come only because a node that was silent for ten seconds is no
// longer waited for.
func notForgotten(t *testing.T, since time.Time) {
	t.Helper()
	if took := time.Since(since); took > 8*time.Second {
		t.Fatalf("the recovery came after %v", took)
	}
}

// Who was alive and does not come back is waited for until the window ends, and announcements are repeated for as
// long: one that is old does not win.
func TestWindowEnds(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	r.Do("SADD", "landings:nodes", "gone")
	begun := time.Now()
	n := start(t, r.URL(), func(o *store.Options) { o.Window = 2 * time.Second })
	state := put(t, n, "a")
	r.Kill()
	r.Up()
	settled(t, r, n)
	if time.Since(begun) < time.Second {
		t.Fatal("nobody was waited for")
	}
	notForgotten(t, begun)
	same(t, r, state)
}

// A node that dies in the middle of writing back what Redis lost leaves term and run as they were: whoever has the
// rest must not take what there is for the whole.
func TestTermComesLast(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	v := newValve(t, r.Addr())
	n := start(t, "redis://"+v.addr)
	put(t, n, "a")
	r.Do("SAVE")
	big := `{"v":"` + strings.Repeat("x", 1<<20) + `"}`
	const lost = 24
	for i := range lost {
		if _, err := n.put(t.Context(), "things", "big"+strconv.Itoa(i), big); err != nil {
			t.Fatal(err)
		}
	}
	before := metaOf(r)
	saved := "2" // the version that was saved: the dataset was made, and one record put into it
	r.Kill()
	v.left.Store(20 << 20) // of the 48 MB that a recovery sends: each record goes to its bucket and to the stream
	r.Up()
	until(t, "the recovery is cut off", func() bool { return v.left.Load() <= 0 })
	until(t, "a part was written", func() bool { v := metaOf(r)["version"]; return v != "" && v != saved })
	m := metaOf(r)
	if m["version"] == before["version"] {
		t.Fatal("all of it was written: the test tests nothing")
	}
	if m["term"] != before["term"] || m["run"] != before["run"] {
		t.Fatalf("half way term and run are %s, %s; they were %s, %s", m["term"], m["run"], before["term"], before["run"])
	}
	// The other half comes from the node once it is back.
	v.left.Store(1 << 40)
	settled(t, r, n)
	if m := metaOf(r); m["version"] != before["version"] || m["chain"] != before["chain"] {
		t.Fatalf("Redis is at version %s, not %s", m["version"], before["version"])
	}
	inRedis(t, r, "things")
}

// valve passes bytes to Redis until none are left to pass, then nothing more.
type valve struct {
	addr string
	left atomic.Int64
}

func newValve(t *testing.T, to string) *valve {
	t.Helper()
	v := &valve{}
	v.left.Store(1 << 40)
	v.addr = relay(t, to, func(client, server net.Conn) {
		piece := make([]byte, 64<<10)
		for {
			n, err := client.Read(piece)
			if err != nil || v.left.Add(-int64(n)) <= 0 {
				return
			}
			if _, err := server.Write(piece[:n]); err != nil {
				return
			}
		}
	})
	return v
}

// A node comes back with a history that is ahead of what Redis has, and another one goes on writing to that all the
// time: everybody recovers, though Redis is the same.
func TestAheadOfALivingRedis(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	p := newProxy(t, r.Addr(), seeded(t))
	quick := func(o *store.Options) { o.Window, o.Grace = 200*time.Millisecond, 10*time.Millisecond }
	n := start(t, "redis://"+p.addr, quick)
	put(t, n, numbered("a", 5000)...)
	p.shut.Store(true)
	r.Kill()
	r.Up()
	m := start(t, r.URL(), named("another", quick))
	put(t, m, "anew")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	for range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond): // the writer's pace
				}
				_, _ = m.put(t.Context(), "things", "anew", strconv.Itoa(i))
			}
		})
	}
	p.shut.Store(false)
	until(t, "the history that is ahead is back", func() bool {
		_, ok := m.copyOf("things").Lookup("a4999")
		return ok
	})
	if m.Counts().Dropped == 0 {
		t.Fatal("what was made anew was dropped without a word")
	}
}

// A dataset's name is in the set before its first commit: who looks in between finds it.
func TestNameComesFirst(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.Look = time.Hour })
	_, err := n.Replace(t.Context(), "things", load(10, "x"), func(dataset.State) error {
		if r.Do("SISMEMBER", "landings:datasets", "things") != "1" {
			t.Error("the name is not there")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Numbers of generations are never used again, not even when Redis forgot that they were.
func TestNumbersAreNotUsedAgain(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	var state dataset.State
	for i := range 3 {
		var err error
		if state, err = n.Replace(t.Context(), "things", load(10, strconv.Itoa(i)), nil); err != nil {
			t.Fatal(err)
		}
	}
	r.Kill()
	r.Up()
	settled(t, r, n)
	if got := n.copyOf("things").State().Generation; got <= state.Generation {
		t.Fatalf("generation %d was written again as %d", state.Generation, got)
	}
}

// One commit takes at most 8 MB of changes.
func TestCommitsAreBounded(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.WriteTimeout = 20 * time.Second })
	put(t, n, "a")
	big := `{"v":"` + strings.Repeat("x", 1<<20) + `"}`
	r.Freeze()
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			if _, err := n.put(t.Context(), "things", "big"+strconv.Itoa(i), big); err != nil {
				t.Error(err)
			}
		})
	}
	time.Sleep(200 * time.Millisecond) // they queue up; those that come later only make the test weaker
	r.Thaw()
	wg.Wait()
	most := 0
	for version := uint64(1); version <= n.copyOf("things").State().Version; version++ {
		id := strconv.FormatUint(version, 10) + "-0"
		most = max(most, len(r.Do("XRANGE", "landings:{things}:changes", id, id)))
	}
	if most < 4<<20 || most > 10<<20 {
		t.Fatalf("the largest commit has %d bytes", most)
	}
	inRedis(t, r, "things")
}

// Writes that are acknowledged while a load goes on, by whichever node, are ordered before it: the load replaces them,
// and need not be staged again for them.
func TestWritesComeBeforeTheLoad(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n, m := start(t, r.URL()), start(t, r.URL(), named("another"))
	put(t, n, "a")
	var during dataset.State
	state, err := n.Load(t.Context(), "things", func(ahead dataset.Ahead) (dataset.Load, error) {
		whole := load(600, "x")
		ahead(given(whole.Records[0]))
		stagedIn(t, r, "g2", 1)
		put(t, n, "during")
		during = put(t, m, "during, by another")
		return whole, nil
	}, nil)
	if err != nil || during.Version >= state.Version || state.Count != 600 || state.Generation != 2 {
		t.Fatal(during.Version, state, err)
	}
	for _, on := range []*node{n, m} {
		if err := on.Reach(t.Context(), "things", state.Version); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"a", "during", "during, by another"} {
			if _, ok := on.copyOf("things").Lookup(id); ok {
				t.Errorf("the load did not replace %s", id)
			}
		}
	}
	same(t, r, state)
}

// A switch needs its own lease, the same run, and a generation that nobody has marked dead: else the load begins again.
func TestSwitchNeedsItsLease(t *testing.T) {
	for name, change := range map[string]func(entry string) string{
		"the lease is over": func(entry string) string {
			return regexp.MustCompile(`"lease":\d+`).ReplaceAllString(entry, `"lease":1`)
		},
		"of another run": func(entry string) string {
			return regexp.MustCompile(`"run":"[^"]*"`).ReplaceAllString(entry, `"run":"x"`)
		},
		"collected in between":  func(entry string) string { return strings.Replace(entry, `"loading"`, `"dead"`, 1) },
		"nothing has been done": nil,
	} {
		t.Run(name, func(t *testing.T) {
			r := redistest.Start(t, "--save", "")
			n := start(t, r.URL())
			done := change == nil
			// The check runs after the records are staged and before the switch.
			state, err := n.Replace(t.Context(), "things", load(600, "new"), func(dataset.State) error {
				if !done {
					done = true
					before := r.Do("HGET", "landings:{things}:gens", "1")
					after := change(before)
					if after == before {
						t.Errorf("%s does not tell", before)
					}
					r.Do("HSET", "landings:{things}:gens", "1", after)
				}
				return nil
			})
			want := uint64(2)
			if change == nil {
				want = 1
			}
			if err != nil || state.Generation != want {
				t.Fatalf("generation %d, %v", state.Generation, err)
			}
			inRedis(t, r, "things")
		})
	}
}

// A writer that was stopped for longer than its lease writes a little after its load was collected: that goes too.
func TestLateWriterIsCollectedAgain(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.Lease = 5 * time.Second })
	put(t, n, "a")
	number := r.Do("HINCRBY", "landings:{things}:gens", "last", "1")
	key := "landings:{things}:g" + number + ":1"
	r.Do("HSET", "landings:{things}:gens", number, fmt.Sprintf(`{"state":"loading","run":%q,"lease":1,"records":600,"buckets":3}`, metaOf(r)["run"]))
	for _, when := range []string{"before it is collected", "after that"} {
		r.Do("HSET", key, "id", "256 {}")
		until(t, "what was written is gone: "+when, func() bool {
			// Every load looks around.
			if _, err := n.Replace(t.Context(), "things", load(10, "x"), nil); err != nil {
				t.Fatal(err)
			}
			return r.Do("EXISTS", key) == "0"
		})
	}
}

// A node that is behind another one, and back at Redis before it, waits for it: what the other holds goes on.
func TestHighestIsWaitedFor(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	p, q := newProxy(t, r.Addr(), seeded(t)), newProxy(t, r.Addr(), seeded(t))
	n, m := start(t, "redis://"+p.addr), start(t, "redis://"+q.addr, named("another"))
	put(t, m, numbered("both", 10)...)
	until(t, "both have it, and know each other", func() bool {
		return n.copyOf("things").State().Version == m.copyOf("things").State().Version && n.Peers() == 1 && m.Peers() == 1
	})
	p.shut.Store(true)
	until(t, "one is cut off", func() bool { return n.Ready(t.Context()) != nil })
	state := put(t, m, numbered("one", 10)...)
	if n.copyOf("things").State().Version == state.Version {
		t.Fatal("it is not behind: the test tests nothing")
	}
	q.shut.Store(true)
	r.Kill()
	r.Up()
	p.shut.Store(false)
	until(t, "the one that is behind announces what it has", func() bool { return r.Do("KEYS", "landings:{things}:recover:*") != "" })
	q.shut.Store(false)
	settled(t, r, m)
	same(t, r, state)
	if n.Counts().Dropped+m.Counts().Dropped > 0 {
		t.Fatal("commits were dropped")
	}
}
