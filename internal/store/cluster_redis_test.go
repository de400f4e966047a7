//go:build e2e

package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"landings/internal/dataset"
	"landings/internal/redistest"
	"landings/internal/store"
)

const thingsMeta = "landings:{things}:meta"

// clusterOf starts a cluster of three masters, and gives the one that has the dataset "things" with its replica.
func clusterOf(t *testing.T) (c *redistest.Cluster, master, replica *redistest.Server) {
	t.Helper()
	redisOnly(t, "the embedded engine is no cluster")
	c = redistest.StartCluster(t, 3, time.Second, "--save", "", "--repl-diskless-sync-delay", "0")
	for i, s := range c.Servers[:c.Masters] {
		if _, err := s.Try("EXISTS", thingsMeta); err == nil {
			return c, s, c.Servers[c.Masters+i]
		}
	}
	t.Fatal("nobody has the slot")
	return nil, nil, nil
}

// beside gives a master that does not have the dataset "things".
func beside(t *testing.T, c *redistest.Cluster, master *redistest.Server) *redistest.Server {
	t.Helper()
	for _, s := range c.Servers[:c.Masters] {
		if s != master {
			return s
		}
	}
	return nil
}

func promoted(t *testing.T, s *redistest.Server) {
	t.Helper()
	redistest.Eventually(t, "the replica to be promoted", func() error {
		role, err := redistest.Command(s.Addr(), "ROLE")
		if err == nil && role[0] != "master" {
			err = fmt.Errorf("it is %q", role)
		}
		return err
	})
}

// What goes to a master that stands still is not waited for once its replica has taken over, be it a commit or a look.
func TestLeftMasterOfAClusterIsNotWaitedFor(t *testing.T) {
	c, master, replica := clusterOf(t)
	n := start(t, c.Servers[0].URL(), func(o *store.Options) { o.WriteTimeout = 30 * time.Second })
	put(t, n, "before")
	master.Freeze()
	defer master.Thaw()
	var wg sync.WaitGroup
	defer wg.Wait()
	begun := time.Now()
	wg.Go(func() {
		if _, err := n.put(t.Context(), "things", "in between", `{}`); err != nil || time.Since(begun) > 20*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
	promoted(t, replica)
	took := time.Since(begun)
	wg.Wait()
	t.Logf("promoted after %v, written after %v", took, time.Since(begun))
	until(t, "it is ready", func() bool { return n.Ready(t.Context()) == nil })
	t.Logf("ready after %v", time.Since(begun))
}

// A master that is cut off from the others, which have replaced it, does not keep nodes from being ready, though it goes on
// telling that it serves its slots, and may be the first to answer.
func TestCutOffMasterOfACluster(t *testing.T) {
	c, master, replica := clusterOf(t)
	n := start(t, c.Servers[0].URL(), func(o *store.Options) { o.Look = 100 * time.Millisecond })
	put(t, n, "before")
	// It takes nothing from whom it does not know.
	for _, s := range c.Servers {
		if s != master {
			master.Do("CLUSTER", "FORGET", s.Do("CLUSTER", "MYID"))
		}
	}
	replica.Do("CLUSTER", "FAILOVER", "TAKEOVER")
	promoted(t, replica)
	redistest.Eventually(t, "the others to know", func() error {
		for _, s := range c.Servers {
			if nodes := s.Do("CLUSTER", "NODES"); s != master && !strings.Contains(lineWith(nodes, replica.Addr()+"@"), " connected ") {
				return errors.New(nodes) // else its slots stand behind that
			}
		}
		return nil
	})
	until(t, "it follows", func() bool {
		_, err := n.put(t.Context(), "things", "after", `{}`)
		return err == nil && n.Ready(t.Context()) == nil
	})
	for i := range 30 {
		put(t, n, fmt.Sprint(i))
		if err := n.Ready(t.Context()); err != nil {
			t.Fatalf("after %d looks: %v", i, err)
		}
		time.Sleep(50 * time.Millisecond) // whoever answers first is another one each time
	}
	if slots := master.Do("CLUSTER", "SLOTS"); !strings.Contains(slots, "\n"+fmt.Sprint(master.Port)) {
		t.Fatalf("the master that was cut off says %s", slots)
	}
	if replica.Do("HGET", thingsMeta, "version") != fmt.Sprint(n.copyOf("things").State().Version) {
		t.Fatal("the commits went elsewhere")
	}
}

// lineWith gives the first line of a text that has a word in it.
func lineWith(text, word string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			return line
		}
	}
	return ""
}

// moving begins to move the slot of "things", with some of its keys.
func moving(t *testing.T, from, to *redistest.Server, keys ...string) (slot string) {
	t.Helper()
	slot = to.Do("CLUSTER", "KEYSLOT", thingsMeta)
	to.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", from.Do("CLUSTER", "MYID"))
	from.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", to.Do("CLUSTER", "MYID"))
	for _, key := range keys {
		if said := from.Do("MIGRATE", "127.0.0.1", fmt.Sprint(to.Port), "landings:{things}:"+key, "0", "5000"); said != "OK" {
			t.Fatalf("%s: %s", key, said)
		}
	}
	return slot
}

// allThere checks that a dataset in Redis, and in a node that starts then, is what was acknowledged last.
func allThere(t *testing.T, n *node, r *redistest.Server, want dataset.State) {
	t.Helper()
	same(t, r, want)
	if got := n.copyOf("things").State(); got.Digest != want.Digest || n.Counts().Dropped > 0 {
		t.Fatalf("the node has %d records of %d, %d commits were dropped", got.Count, want.Count, n.Counts().Dropped)
	}
	fresh := start(t, r.URL(), named("fresh"))
	if got := fresh.copyOf("things").State(); got.Digest != want.Digest || got.Version != want.Version {
		t.Fatalf("another node has %d records at version %d, not %d at %d: %v", got.Count, got.Version, want.Count, want.Version, fresh.Damaged())
	}
}

// Somebody gives up moving a slot when meta is at the other server already: it is out of reach there, but nobody deleted
// the dataset.
func TestMetaThatMovedIsNotDeleted(t *testing.T) {
	c, master, _ := clusterOf(t)
	n := start(t, c.Servers[0].URL(), func(o *store.Options) { o.Look = time.Hour })
	if _, err := n.Replace(t.Context(), "things", load(600, "x"), nil); err != nil {
		t.Fatal(err)
	}
	put(t, n, "a")
	to := beside(t, c, master)
	slot := moving(t, master, to, "meta")
	to.Do("CLUSTER", "SETSLOT", slot, "STABLE")
	master.Do("CLUSTER", "SETSLOT", slot, "STABLE")
	state := put(t, n, "b")
	if state.Count != 602 {
		t.Fatalf("%d records", state.Count)
	}
	allThere(t, n, master, state)
}

// Somebody gives up moving a slot when some keys, but not meta, are at the other server: what is missing is written again.
func TestKeysThatMovedAreWrittenAgain(t *testing.T) {
	c, master, _ := clusterOf(t)
	n := start(t, c.Servers[0].URL(), func(o *store.Options) { o.WriteTimeout = time.Second })
	if _, err := n.Replace(t.Context(), "things", load(600, "x"), nil); err != nil {
		t.Fatal(err)
	}
	put(t, n, "a")
	to := beside(t, c, master)
	slot := moving(t, master, to, "g1:0", "changes")
	if _, err := n.put(t.Context(), "things", "b", `{}`); err == nil || !strings.Contains(err.Error(), "is moving to another node") {
		t.Fatalf("got %v", err)
	}
	to.Do("CLUSTER", "SETSLOT", slot, "STABLE")
	master.Do("CLUSTER", "SETSLOT", slot, "STABLE")
	until(t, "it is ready", func() bool { return n.Ready(t.Context()) == nil })
	state := put(t, n, "c")
	if state.Count != 602 {
		t.Fatalf("%d records", state.Count)
	}
	allThere(t, n, master, state)
}

// A slot was moved, and one of its keys lost on the way, as where its new master dies before its replica has all of them: the
// recovery does not take meta's word for the rest.
func TestKeyThatIsLostOnTheWay(t *testing.T) {
	c, master, _ := clusterOf(t)
	n := start(t, c.Servers[0].URL())
	if _, err := n.Replace(t.Context(), "things", load(600, "x"), nil); err != nil {
		t.Fatal(err)
	}
	put(t, n, "a")
	to := beside(t, c, master)
	slot := moving(t, master, to, "meta", "gens", "changes", "g1:0", "g1:2")
	if lost := master.Do("DEL", "landings:{things}:g1:1"); lost != "1" {
		t.Fatal(lost)
	}
	for _, s := range []*redistest.Server{to, master} {
		s.Do("CLUSTER", "SETSLOT", slot, "NODE", to.Do("CLUSTER", "MYID"))
	}
	state := put(t, n, "b")
	if state.Count != 602 {
		t.Fatalf("%d records", state.Count)
	}
	allThere(t, n, to, state)
}

// A node that starts while the slot of a dataset is being moved serves the others.
func TestStartWhileASlotMoves(t *testing.T) {
	c, master, _ := clusterOf(t)
	n := start(t, c.Servers[0].URL())
	if _, err := n.Replace(t.Context(), "things", load(600, "x"), nil); err != nil {
		t.Fatal(err)
	}
	state := put(t, n, "a")
	if _, err := n.put(t.Context(), "others", "a", `{}`); err != nil {
		t.Fatal(err)
	}
	to := beside(t, c, master)
	slot := moving(t, master, to, "meta", "g1:0")
	fresh := start(t, c.Servers[0].URL(), named("late"))
	if others := fresh.copyOf("others").State(); others.Count != 1 {
		t.Fatalf("the other dataset has %d records", others.Count)
	}
	if err := fresh.Missing("things"); dataset.CodeOf(err) != dataset.Unavailable {
		t.Fatalf("of the one that moves it says %v", err)
	}
	for key := range strings.FieldsSeq(master.Do("CLUSTER", "GETKEYSINSLOT", slot, "100")) {
		master.Do("MIGRATE", "127.0.0.1", fmt.Sprint(to.Port), key, "0", "5000")
	}
	for _, s := range []*redistest.Server{to, master} {
		s.Do("CLUSTER", "SETSLOT", slot, "NODE", to.Do("CLUSTER", "MYID"))
	}
	until(t, "it has it", func() bool { return fresh.copyOf("things").State().Digest == state.Digest })
	allThere(t, n, to, n.copyOf("things").State())
}

// Whoever gives up waiting does not make the node forget who serves what: others would be told that nobody does.
func TestGivenUpTellsNothingOfTheServer(t *testing.T) {
	c, _, _ := clusterOf(t)
	n := start(t, c.Servers[0].URL())
	put(t, n, "a")
	given, up := context.WithCancel(t.Context())
	up()
	for range 10 {
		if _, _, err := n.Rejected(given, "things"); err == nil {
			t.Fatal("it was answered")
		}
		if _, _, err := n.Rejected(t.Context(), "things"); err != nil {
			t.Fatal(err)
		}
	}
}
