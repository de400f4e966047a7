//go:build e2e

package store_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"landings/internal/redistest"
	"landings/internal/store"
)

// watched starts a master, a replica of it and sentinels.
func watched(t *testing.T, sentinels int, args ...string) (master, replica *redistest.Server, addrs []string) {
	t.Helper()
	redisOnly(t, "the embedded engine has no replicas")
	args = append([]string{"--save", "", "--repl-diskless-sync-delay", "0"}, args...)
	master = redistest.Start(t, args...)
	replica = redistest.Start(t, append(args, "--replicaof", "127.0.0.1 "+strconv.Itoa(master.Port))...)
	redistest.Eventually(t, "the replica", func() error {
		if info := replica.Do("INFO", "replication"); !strings.Contains(info, "master_link_status:up") {
			return errors.New(info)
		}
		return nil
	})
	return master, replica, redistest.Sentinels(t, sentinels, master, 1, time.Second)
}

func sentinelURL(addrs []string) string {
	return "redis-sentinel://" + strings.Join(addrs, ",") + "/landings"
}

// failover makes the sentinels replace a master that is well, and waits until the replica is one.
func failover(t *testing.T, sentinel string, replica *redistest.Server) {
	t.Helper()
	redistest.Eventually(t, "the failover", func() error {
		_, err := redistest.Command(sentinel, "SENTINEL", "FAILOVER", "landings")
		return err
	})
	redistest.Eventually(t, "the replica to be promoted", func() error {
		role, err := redistest.Command(replica.Addr(), "ROLE") // which ends its connections
		if err == nil && role[0] != "master" {
			err = fmt.Errorf("it is %q", role)
		}
		return err
	})
}

// soon is how long nodes may take to follow a failover. The old master is made a replica
// after eight seconds at the earliest: until then it takes whatever comes.
const soon = 5 * time.Second

// followed waits until a master has a dataset's newest version, and says how long that took.
func followed(t *testing.T, n *node, to *redistest.Server) {
	t.Helper()
	begun := time.Now()
	for i := 0; ; i++ {
		state, err := n.put(t.Context(), "things", "after", fmt.Sprintf(`{"n":%d}`, i))
		if err == nil && to.Do("HGET", "landings:{things}:meta", "version") == strconv.FormatUint(state.Version, 10) {
			t.Logf("followed after %v", time.Since(begun))
			break
		}
		if time.Since(begun) > soon {
			t.Fatalf("after %v writes do not go to the new master: %v", soon, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// A failover while the old master is well: nodes follow at once, and a node that starts on the
// new master meanwhile drops nothing that others acknowledged.
func TestFailoverOfALivingMaster(t *testing.T) {
	_, replica, sentinels := watched(t, 3)
	url := sentinelURL(sentinels)
	n, m := start(t, url, named("one")), start(t, url, named("another"))
	var acked sync.Map
	var stop atomic.Bool
	var writers sync.WaitGroup
	write := func(by string, n *node) {
		for i := 0; !stop.Load(); i++ {
			id := by + strconv.Itoa(i)
			if _, err := n.put(t.Context(), "things", id, `{}`); err == nil {
				acked.Store(id, true)
			}
			time.Sleep(time.Millisecond)
		}
	}
	defer writers.Wait()
	defer stop.Store(true)
	writers.Go(func() { write("n", n) })
	writers.Go(func() { write("m", m) })
	time.Sleep(300 * time.Millisecond)
	failover(t, sentinels[0], replica)
	starter := start(t, url, named("the starter"))
	followed(t, n, replica)
	followed(t, m, replica)
	stop.Store(true)
	writers.Wait()
	for _, n := range []*node{n, m, starter} {
		if _, err := n.put(t.Context(), "things", "last", `{}`); err != nil {
			t.Fatal(err)
		}
		all, missing := 0, 0
		acked.Range(func(id, _ any) bool {
			all++
			if _, ok := n.copyOf("things").Lookup(id.(string)); !ok {
				missing++
			}
			return true
		})
		if missing > 0 || n.Counts().Dropped > 0 {
			t.Errorf("%d of %d acknowledged writes are missing, %d commits were dropped", missing, all, n.Counts().Dropped)
		}
	}
}

// A sentinel tells of another master before anybody asks.
func TestSentinelTells(t *testing.T) {
	_, replica, sentinels := watched(t, 1)
	n := start(t, sentinelURL(sentinels), func(o *store.Options) { o.Look = time.Hour })
	if _, err := n.put(t.Context(), "things", "before", `{}`); err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, "the subscription", func() error {
		clients, err := redistest.Command(sentinels[0], "CLIENT", "LIST")
		if err == nil && !strings.Contains(clients[0], " sub=2 ") {
			err = fmt.Errorf("there is none among %q", clients)
		}
		return err
	})
	failover(t, sentinels[0], replica)
	followed(t, n, replica)
}

// Where its messages get lost, it is asked.
func TestSentinelIsAsked(t *testing.T) {
	_, replica, sentinels := watched(t, 1)
	if _, err := redistest.Command(sentinels[0], "ACL", "SETUSER", "default", "resetchannels"); err != nil {
		t.Fatal(err)
	}
	n := start(t, sentinelURL(sentinels))
	if _, err := n.put(t.Context(), "things", "before", `{}`); err != nil {
		t.Fatal(err)
	}
	failover(t, sentinels[0], replica)
	followed(t, n, replica)
}

// A master that has lost its replicas may have lost them to another one.
func TestCutOffMasterMakesAsk(t *testing.T) {
	master, replica, sentinels := watched(t, 1)
	if _, err := redistest.Command(sentinels[0], "ACL", "SETUSER", "default", "resetchannels"); err != nil {
		t.Fatal(err)
	}
	n := start(t, sentinelURL(sentinels), func(o *store.Options) { o.Look = time.Hour })
	if _, err := n.put(t.Context(), "things", "before", `{}`); err != nil {
		t.Fatal(err)
	}
	failover(t, sentinels[0], replica)
	master.Do("CONFIG", "SET", "min-replicas-to-write", "1")
	followed(t, n, replica)
}

// What goes to the old master when the sentinels name another one is not waited for.
func TestLeftMasterIsNotWaitedFor(t *testing.T) {
	master, replica, sentinels := watched(t, 1)
	n := start(t, sentinelURL(sentinels), func(o *store.Options) { o.WriteTimeout = 20 * time.Second })
	if _, err := n.put(t.Context(), "things", "before", `{}`); err != nil {
		t.Fatal(err)
	}
	master.Freeze()
	defer master.Thaw()
	var wg sync.WaitGroup
	defer wg.Wait()
	begun := time.Now()
	wg.Go(func() {
		if _, err := n.put(t.Context(), "things", "in between", `{}`); err != nil || time.Since(begun) > 15*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
	redistest.Eventually(t, "the replica to be promoted", func() error {
		role, err := redistest.Command(replica.Addr(), "ROLE") // which ends its connections
		if err == nil && role[0] != "master" {
			err = fmt.Errorf("it is %q", role)
		}
		return err
	})
	promoted := time.Since(begun)
	wg.Wait()
	t.Logf("promoted after %v, written after %v", promoted, time.Since(begun))
}
