//go:build e2e

package store_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"landings/internal/dataset"
	"landings/internal/redistest"
	"landings/internal/store"
)

// nothingLike is what no connection sends: a proxy with it as its last text goes on.
const nothingLike = "\x00nothing like this"

// A write that was sent and not answered is never said to have failed: not when its time is over, not when the node
// stops, not when Redis cannot be used any more. Here each of them was applied.
func TestUnknownIsNotFailed(t *testing.T) {
	for _, c := range []struct {
		name  string
		after func(t *testing.T, r *redistest.Server, p *proxy, n *node)
	}{
		{"its time is over", func(*testing.T, *redistest.Server, *proxy, *node) {}},
		{"the node stops", func(_ *testing.T, _ *redistest.Server, _ *proxy, n *node) { n.Close() }},
		{"Redis cannot be used", func(_ *testing.T, r *redistest.Server, p *proxy, _ *node) {
			r.Do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
			p.shut.Store(false)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "Redis cannot be used" {
				redisOnly(t, "the embedded engine never evicts")
			}
			r := redistest.Start(t, "--save", "")
			p := newProxy(t, r.Addr(), seeded(t))
			n := start(t, "redis://"+p.addr, func(o *store.Options) { o.WriteTimeout, o.Look = time.Second, time.Hour })
			state := put(t, n, "a")
			p.last.Store("the lost one")
			outcome := make(chan error, 1)
			go func() {
				_, err := n.put(t.Context(), "things", "the lost one", `{}`)
				outcome <- err
			}()
			until(t, "its reply is lost", p.shut.Load)
			p.last.Store(nothingLike)
			c.after(t, r, p, n)
			if err := <-outcome; dataset.CodeOf(err) != dataset.OutcomeUnknown || !strings.Contains(err.Error(), "connection to Redis broke") {
				t.Fatalf("got %v", err)
			}
			version := strconv.FormatUint(state.Version+1, 10)
			until(t, "it was applied", func() bool { return metaOf(r)["version"] == version })
		})
	}
}

// Of a Redis that hangs it is not said that the connection broke.
func TestUnknownBecauseItHangs(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.WriteTimeout, o.Look = time.Second, time.Hour })
	put(t, n, "a")
	r.Freeze()
	_, err := n.put(t.Context(), "things", "b", `{}`)
	r.Thaw()
	if dataset.CodeOf(err) != dataset.OutcomeUnknown || !strings.Contains(err.Error(), "did not answer in time") {
		t.Fatalf("got %v", err)
	}
}

// A load whose outcome is unknown is left alone: Redis may have switched to it.
func TestUnknownLoadIsNotDiscarded(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	p := newProxy(t, r.Addr(), seeded(t))
	n := start(t, "redis://"+p.addr, func(o *store.Options) { o.Look = time.Hour })
	put(t, n, "a")
	p.last.Store(`"state":"live"`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	outcome := make(chan error, 1)
	go func() {
		_, err := n.Replace(ctx, "things", load(600, "x"), nil)
		outcome <- err
	}()
	until(t, "the reply to the switch is lost", p.shut.Load)
	until(t, "the switch was applied", func() bool { return metaOf(r)["generation"] == "2" })
	p.last.Store(nothingLike)
	p.shut.Store(false)
	cancel()
	if err := <-outcome; err != nil && dataset.CodeOf(err) != dataset.OutcomeUnknown {
		t.Fatalf("got %v", err)
	}
	put(t, n, "b")
	if count, _, _ := inRedis(t, r, "things"); count != 601 {
		t.Fatalf("Redis has %d records", count)
	}
}

// A node that reads everything again does not take an earlier commit, of its own or of its life before a restart, for
// one that is in doubt: here that one never got to Redis.
func TestEarlierCommitIsNotTheOneInDoubt(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	before := start(t, r.URL())
	put(t, before, numbered("before", 20)...)
	before.Close()
	g := newGate(t, r.Addr())
	n := start(t, "redis://"+g.addr, func(o *store.Options) { o.Look = time.Hour })
	m := start(t, r.URL(), named("another"))
	put(t, n, "a") // of the same name, and with a connection that is ready to commit
	h := g.hold(t, transactionWith("the lost one"))
	outcome := make(chan error, 1)
	go func() {
		_, err := n.put(t.Context(), "things", "the lost one", `{}`)
		outcome <- err
	}()
	within(t, "it is held back", h.held)
	if _, err := m.Replace(t.Context(), "things", load(10, "x"), nil); err != nil {
		t.Fatal(err)
	}
	h.lose()
	if err := <-outcome; err != nil {
		t.Fatal(err)
	}
	if err := m.Reach(t.Context(), "things", dataset.Latest); err != nil {
		t.Fatal(err)
	}
	if _, ok := m.copyOf("things").Lookup("the lost one"); !ok {
		t.Fatal("the write was acknowledged and is missing")
	}
}

// Where the stream no longer tells what became of a write whose reply was lost, nobody tries it again: it was applied.
func TestTrimmedAwayIsUnknown(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	p := newProxy(t, r.Addr(), seeded(t))
	n := start(t, "redis://"+p.addr, func(o *store.Options) { o.Look = time.Hour })
	m := start(t, r.URL(), named("another"))
	state := put(t, n, "counter")
	p.last.Store(`{"v":1}`)
	outcome := make(chan error, 1)
	go func() {
		_, err := n.Update(t.Context(), "things", "counter", func(now dataset.Record, _ bool) (dataset.Edit, error) {
			v := 0
			_, _ = fmt.Sscanf(string(now.JSON), `{"v":%d}`, &v)
			return dataset.Edit{JSON: fmt.Appendf(nil, `{"v":%d}`, v+1)}, nil
		})
		outcome <- err
	}()
	until(t, "its reply is lost", p.shut.Load)
	if err := m.Reach(t.Context(), "things", state.Version+1); err != nil {
		t.Fatal(err)
	}
	put(t, m, "another")
	r.Do("XTRIM", "landings:{things}:changes", "MAXLEN", "1")
	p.last.Store(nothingLike)
	p.shut.Store(false)
	if err := <-outcome; dataset.CodeOf(err) != dataset.OutcomeUnknown {
		t.Errorf("got %v", err)
	}
	if err := m.Reach(t.Context(), "things", dataset.Latest); err != nil {
		t.Fatal(err)
	}
	if got, _ := m.copyOf("things").Lookup("counter"); string(got.JSON) != `{"v":1}` {
		t.Fatalf("the counter is %s", got.JSON)
	}
}

// A write that may still arrive is not said to have failed because Redis refuses it when it is tried again.
func TestRefusedAgainIsUnknown(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	g := newGate(t, r.Addr())
	n := start(t, "redis://"+g.addr, func(o *store.Options) { o.WriteTimeout, o.Look = time.Second, time.Hour })
	state := put(t, n, "a")
	h := g.hold(t, transactionWith("the late one"))
	outcome := make(chan error, 1)
	go func() {
		_, err := n.put(t.Context(), "things", "the late one", `{}`)
		outcome <- err
	}()
	within(t, "it is held back", h.held)
	r.Do("CONFIG", "SET", "maxmemory", "1")
	h.cut()
	err := <-outcome
	r.Do("CONFIG", "SET", "maxmemory", "0")
	if dataset.CodeOf(err) != dataset.OutcomeUnknown {
		t.Errorf("got %v", err)
	}
	h.pass()
	version := strconv.FormatUint(state.Version+1, 10)
	until(t, "it arrives", func() bool { return metaOf(r)["version"] == version })
}

// Another node's commit is not taken for the one in doubt, though it may have the same number there.
func TestOthersCommitIsNotTheOneInDoubt(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	g := newGate(t, r.Addr())
	n := start(t, "redis://"+g.addr, func(o *store.Options) { o.Look = time.Hour })
	state := put(t, n, "a")
	id := strconv.FormatUint(state.Version, 10) + "-0"
	_, last, _ := strings.Cut(r.Do("XRANGE", "landings:{things}:changes", id, id), "\n")
	seq, err := strconv.ParseUint(fields(last)["seq"], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	h := g.hold(t, transactionWith("the lost one"))
	outcome := make(chan error, 1)
	go func() {
		_, err := n.put(t.Context(), "things", "the lost one", `{}`)
		outcome <- err
	}()
	within(t, "it is held back", h.held)
	byHandAs(t, r, state, "b", seq+1)
	h.lose()
	if err := <-outcome; err != nil {
		t.Fatal(err)
	}
	if got := r.Do("HEXISTS", fmt.Sprintf("landings:{things}:g%d:0", state.Generation), "the lost one"); got != "1" {
		t.Fatal("the write was acknowledged and is missing")
	}
	inRedis(t, r, "things")
}

// A write that may still arrive is not said to be refused because the one before it in the same commit, which nobody waits for
// any more, is not tried again.
func TestRefusedInDoubtIsUnknown(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	g := newGate(t, r.Addr())
	n := start(t, "redis://"+g.addr, func(o *store.Options) { o.WriteTimeout, o.Look = time.Second, time.Hour })
	state := put(t, n, "a")
	goOn := busy(t, n)
	outcome := make(chan error, 2)
	told := func(_ dataset.State, err error) { outcome <- err }
	begun := time.Now()
	n.Begin("things", "the late one", func(dataset.Record, bool) (dataset.Edit, error) {
		return dataset.Edit{JSON: []byte(`{"v":1}`)}, nil
	}, told)
	until(t, "the other one has longer to wait", func() bool { return time.Since(begun) > 500*time.Millisecond })
	n.Begin("things", "the late one", func(_ dataset.Record, exists bool) (dataset.Edit, error) {
		if !exists {
			return dataset.Edit{}, &dataset.Error{Code: dataset.NotFound, Message: "no record"}
		}
		return dataset.Edit{JSON: []byte(`{"v":2}`)}, nil
	}, told)
	h := g.hold(t, transactionWith("the late one"))
	goOn()
	within(t, "it is held back", h.held)
	if err := <-outcome; dataset.CodeOf(err) != dataset.OutcomeUnknown {
		t.Errorf("the first one got %v", err)
	}
	h.cut()
	if err := <-outcome; dataset.CodeOf(err) != dataset.OutcomeUnknown {
		t.Errorf("the other one got %v", err)
	}
	h.pass()
	version := strconv.FormatUint(state.Version+1, 10)
	until(t, "it arrives", func() bool { return metaOf(r)["version"] == version })
}

// busy makes the keeper of the things stand still until it may go on.
func busy(t *testing.T, n *node) (goOn func()) {
	t.Helper()
	begun, end := make(chan struct{}), make(chan struct{})
	begin, goOn := sync.OnceFunc(func() { close(begun) }), sync.OnceFunc(func() { close(end) })
	t.Cleanup(goOn)
	n.Begin("things", "busy", func(dataset.Record, bool) (dataset.Edit, error) {
		begin()
		<-end
		return dataset.Edit{}, nil
	}, func(dataset.State, error) {})
	within(t, "the keeper is busy", begun)
	return goOn
}

// Of a deletion whose reply was lost the answer is what any other deletion is answered: what there was.
func TestLostReplyToDrop(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	p := newProxy(t, r.Addr(), seeded(t))
	n := start(t, "redis://"+p.addr, func(o *store.Options) { o.Look = time.Hour })
	state := put(t, n, "a", "b")
	p.last.Store("$4\r\ndrop\r\n")
	type answer struct {
		state dataset.State
		err   error
	}
	outcome := make(chan answer, 1)
	go func() {
		was, err := n.Drop(t.Context(), "things", nil)
		outcome <- answer{was, err}
	}()
	until(t, "its reply is lost", p.shut.Load)
	p.last.Store(nothingLike)
	p.shut.Store(false)
	if got := <-outcome; got.err != nil || got.state.Version != state.Version || got.state.Count != 2 {
		t.Fatalf("got version %d with %d records, %v", got.state.Version, got.state.Count, got.err)
	}
}

// A write that finds the work done by another one of the same commit is answered with the version that has it.
func TestAnsweredWithTheVersionThatHasIt(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	state := put(t, n, "a")
	goOn := busy(t, n)
	versions := make([]uint64, 5)
	var all sync.WaitGroup
	all.Add(len(versions))
	begin := func(i int, id string, decide dataset.Decide) {
		n.Begin("things", id, decide, func(s dataset.State, _ error) {
			versions[i] = s.Version
			all.Done()
		})
	}
	same := func(dataset.Record, bool) (dataset.Edit, error) { return dataset.Edit{JSON: []byte(`{}`)}, nil }
	remove := func(_ dataset.Record, exists bool) (dataset.Edit, error) {
		if !exists {
			return dataset.Edit{}, &dataset.Error{Code: dataset.NotFound, Message: "no record"}
		}
		return dataset.Edit{Delete: true}, nil
	}
	begin(0, "a", same) // as it is
	begin(1, "b", same)
	begin(2, "b", same)
	begin(3, "a", remove)
	begin(4, "a", remove) // refused
	goOn()
	all.Wait()
	next := state.Version + 1
	if want := []uint64{state.Version, next, next, next, next}; !slices.Equal(versions, want) {
		t.Fatalf("the versions are %v, not %v", versions, want)
	}
}
