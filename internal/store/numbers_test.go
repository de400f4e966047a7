//go:build e2e

package store_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"landings/internal/dataset"
	"landings/internal/redistest"
	"landings/internal/store"
)

// stagedAndQueued makes a node stage a load while its keeper is busy, and returns once that waits for its switch.
func stagedAndQueued(t *testing.T, r *redistest.Server, n *node, l dataset.Load, generation string, check dataset.Check) (outcome chan error) {
	t.Helper()
	clients := func() int { return strings.Count(r.Do("CLIENT", "LIST"), "id=") }
	before := clients()
	outcome = make(chan error, 1)
	go func() {
		_, err := n.Replace(t.Context(), "things", l, check)
		outcome <- err
	}()
	stagedIn(t, r, generation, len(l.Records))
	until(t, "it has let go of its connections", func() bool { return clients() <= before })
	return outcome
}

func refusing(dataset.State) error {
	return &dataset.Error{Code: dataset.PreconditionFailed, Message: "it has changed"}
}

// Redis comes back without the number of a load that waits for its switch, and the recovery takes that number: who lets
// go of the load leaves alone what has its number now.
func TestRecoveredUnderTheNumberOfALoad(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	state := put(t, n, "a")
	goOn := busy(t, n)
	outcome := stagedAndQueued(t, r, n, load(10, "x"), "g2", refusing)
	r.Kill()
	r.Up()
	goOn()
	if err := <-outcome; dataset.CodeOf(err) != dataset.PreconditionFailed {
		t.Fatalf("the load: %v", err)
	}
	settled(t, r, n)
	if is := metaOf(r)["generation"]; is != "2" {
		t.Fatalf("the number was not taken again: %s is live", is)
	}
	same(t, r, state)
}

// The same where another node's load took the number.
func TestLoadedUnderTheNumberOfALoad(t *testing.T) {
	soon := func(o *store.Options) { o.Window = 300 * time.Millisecond }
	begin := func(t *testing.T, check dataset.Check) (r *redistest.Server, m *node, g *gate, goOn func(), outcome chan error) {
		t.Helper()
		r = redistest.Start(t, "--save", "")
		g = newGate(t, r.Addr())
		n := start(t, r.URL(), soon)
		m = start(t, "redis://"+g.addr, named("another", soon))
		put(t, n, "a")
		if err := m.Reach(t.Context(), "things", dataset.Latest); err != nil {
			t.Fatal(err)
		}
		r.Do("SAVE")
		goOn = busy(t, n)
		outcome = stagedAndQueued(t, r, n, load(10, "mine"), "g2", check)
		r.Kill()
		r.Up()
		settled(t, r, m)
		return r, m, g, goOn, outcome
	}
	t.Run("and is live", func(t *testing.T) {
		r, m, _, goOn, outcome := begin(t, refusing)
		state, err := m.Replace(t.Context(), "things", load(10, "theirs"), nil)
		if err != nil || state.Generation != 2 {
			t.Fatalf("generation %d, %v", state.Generation, err)
		}
		goOn()
		if err := <-outcome; dataset.CodeOf(err) != dataset.PreconditionFailed {
			t.Fatalf("the load: %v", err)
		}
		same(t, r, state)
	})
	t.Run("and is kept", func(t *testing.T) {
		r, m, _, goOn, outcome := begin(t, nil)
		state, err := m.Replace(t.Context(), "things", load(10, "theirs"), nil)
		if err != nil || state.Generation != 2 {
			t.Fatalf("generation %d, %v", state.Generation, err)
		}
		goOn()
		if err := <-outcome; err != nil {
			t.Fatal(err)
		}
		if _, err := m.RollBack(t.Context(), "things", 2, nil); err != nil {
			t.Fatal(err)
		}
		same(t, r, state)
	})
	t.Run("and waits for its switch", func(t *testing.T) {
		r, m, g, goOn, outcome := begin(t, nil)
		h := g.hold(t, transactionWith("theirs"))
		theirs := make(chan error, 1)
		go func() {
			_, err := m.Replace(t.Context(), "things", load(10, "theirs"), nil)
			theirs <- err
		}()
		within(t, "it waits", h.held)
		goOn()
		if err := <-outcome; err != nil {
			t.Fatal(err)
		}
		if _, _, source := inRedis(t, r, "things"); source != "mine" {
			t.Fatalf("%s is live", source)
		}
		if generations(r, "things")["g2"] != 1 {
			t.Error("what waits for its switch is deleted")
		}
		h.pass()
		if err := <-theirs; err != nil {
			t.Fatal(err)
		}
		if _, _, source := inRedis(t, r, "things"); source != "theirs" {
			t.Fatalf("%s is live", source)
		}
	})
}

// The lease of a load that Redis forgot is not renewed over that of another one which got its number.
func TestLeaseIsOfOneLoad(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n, m := start(t, r.URL(), func(o *store.Options) { o.Lease = 2 * time.Second }), start(t, r.URL(), named("another"))
	put(t, n, "a")
	if err := m.Reach(t.Context(), "things", dataset.Latest); err != nil {
		t.Fatal(err)
	}
	begun, end := make(chan struct{}), make(chan struct{})
	one := load(10, "x")
	outcome := make(chan error, 2)
	stage := func(n *node) {
		_, err := n.Load(t.Context(), "things", func(ahead dataset.Ahead) (dataset.Load, error) {
			ahead(given(one.Records[0]))
			begun <- struct{}{}
			<-end
			return one, nil
		}, nil)
		outcome <- err
	}
	clients := func() int { return strings.Count(r.Do("CLIENT", "LIST"), "id=") }
	go stage(n)
	<-begun
	stagedIn(t, r, "g2", 1)
	r.Do("FLUSHALL")
	r.Do("HSET", "landings:{things}:gens", "last", "1")
	go stage(m)
	<-begun
	stagedIn(t, r, "g2", 1)
	before := clients()
	until(t, "who was first lets go of it", func() bool { return clients() < before })
	if entry := r.Do("HGET", "landings:{things}:gens", "2"); !strings.Contains(entry, `"node":"another"`) {
		t.Errorf("the entry is %s", entry)
	}
	if generations(r, "things")["g2"] != 1 {
		t.Error("what was staged is deleted")
	}
	close(end)
	for range 2 {
		if err := <-outcome; err != nil {
			t.Error(err)
		}
	}
	inRedis(t, r, "things")
}

// Of a switch that Redis carried out in part what is live stays.
func TestSwitchInPartStays(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	put(t, n, "a")
	r.Do("XADD", "landings:{things}:changes", "1000-0", "of", "others")
	if _, err := n.Replace(t.Context(), "things", load(10, "x"), nil); err == nil {
		t.Fatal("it is loaded")
	}
	if count, _, source := inRedis(t, r, "things"); count != 10 || source != "x" {
		t.Fatalf("there are %d records of %s", count, source)
	}
}

// What was staged when the history of a deleted dataset expired is deleted, though nothing in Redis tells of it any more.
func TestForgottenLoadIsDeleted(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	g := newGate(t, r.Addr())
	n := start(t, "redis://"+g.addr, func(o *store.Options) { o.Lease, o.KeepDropped = 300*time.Millisecond, 600*time.Millisecond })
	put(t, n, "a")
	if _, err := n.Drop(t.Context(), "things", nil); err != nil {
		t.Fatal(err)
	}
	h := g.hold(t, func(sent []byte) int { return bytes.Index(sent, []byte("landings:{things}:g2:3")) })
	outcome := make(chan error, 1)
	go func() {
		_, err := n.Replace(t.Context(), "things", load(6000, "x"), nil)
		outcome <- err
	}()
	within(t, "it is being written", h.held)
	until(t, "nothing tells of it", func() bool { return r.Do("EXISTS", "landings:{things}:gens") == "0" })
	h.pass()
	if err := <-outcome; err != nil {
		t.Fatal(err)
	}
	inRedis(t, r, "things")
	live := "g" + metaOf(r)["generation"]
	if found := generations(r, "things"); len(found) != 1 || found[live] != 24 {
		t.Fatalf("%s is live, and there is %v", live, found)
	}
}

// The earlier loads of a dataset that was deleted are not those of one that was made anew under its name.
func TestEarlierLoadsEndWithTheDataset(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	for _, mark := range []string{"first", "second"} {
		if _, err := n.Replace(t.Context(), "things", load(10, mark), nil); err != nil {
			t.Fatal(err)
		}
	}
	r.Do("SAVE")
	const gens = "landings:{things}:gens"
	text := r.Do("HGET", gens, "1")
	if _, err := n.Drop(t.Context(), "things", nil); err != nil {
		t.Fatal(err)
	}
	state := put(t, n, "a")
	r.Do("HSET", gens, "1", text) // as where nobody has collected it yet
	if list, err := n.Generations(t.Context(), "things"); err != nil || len(list) != 1 {
		t.Fatalf("there are %v, %v", list, err)
	}
	if _, err := n.RollBack(t.Context(), "things", 1, nil); dataset.CodeOf(err) != dataset.NotFound {
		t.Fatalf("it is gone back to: %v", err)
	}
	r.Kill()
	r.Up()
	settled(t, r, n)
	same(t, r, state)
	if err := n.Reach(t.Context(), "things", dataset.Latest); err != nil { // it has collected then
		t.Fatal(err)
	}
	if list, err := n.Generations(t.Context(), "things"); err != nil || len(list) != 1 {
		t.Fatalf("there are %v, %v", list, err)
	}
	if left := r.Do("KEYS", "landings:{things}:g1:*"); left != "" {
		t.Fatalf("there still is %q", left)
	}
}

// Who goes back to an earlier load while another node deletes the dataset does not bring it back.
func TestRollBackOfADeleted(t *testing.T) {
	for _, again := range []bool{false, true} {
		r := redistest.Start(t, "--save", "")
		g := newGate(t, r.Addr())
		n, m := start(t, "redis://"+g.addr), start(t, r.URL(), named("another"))
		for _, mark := range []string{"first", "second"} {
			if _, err := n.Replace(t.Context(), "things", load(10, mark), nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.Reach(t.Context(), "things", dataset.Latest); err != nil {
			t.Fatal(err)
		}
		h := g.hold(t, func(sent []byte) int { return bytes.Index(sent, []byte("*4\r\n$7\r\nHINCRBY")) })
		outcome := make(chan error, 1)
		go func() {
			_, err := n.RollBack(t.Context(), "things", 1, nil)
			outcome <- err
		}()
		within(t, "it was read", h.held)
		if _, err := m.Drop(t.Context(), "things", nil); err != nil {
			t.Fatal(err)
		}
		count := 0
		if again {
			count = put(t, m, "a").Count
		}
		h.pass()
		if err := <-outcome; dataset.CodeOf(err) != dataset.NotFound {
			t.Errorf("made anew %t: %v", again, err)
		}
		if is, _, _ := inRedis(t, r, "things"); is != count {
			t.Errorf("made anew %t: Redis has %d records", again, is)
		}
	}
}

// What a recovery writes does not get the number of what Redis has live, where that is a higher one and gens is lost.
func TestRecoveredUnderTheNumberOfTheLiveOne(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	if _, err := n.Replace(t.Context(), "things", load(600, "x"), nil); err != nil {
		t.Fatal(err)
	}
	state := put(t, n, "a", "b")
	r.Do("DEL", "landings:{things}:gens")
	r.Do("HSET", thingsMeta, "version", "2", "generation", "2", "run", "another")
	settled(t, r, n)
	if err := n.Reach(t.Context(), "things", dataset.Latest); err != nil { // it has collected then
		t.Fatal(err)
	}
	same(t, r, state)
}
