//go:build e2e

package store_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

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
		var all error
		for _, s := range c.Servers {
			if slots := s.Do("CLUSTER", "NODES"); s != master && !strings.Contains(slots, replica.Addr()+"@") {
				all = errors.Join(all, errors.New(slots))
			}
		}
		return all
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
