package redistest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// slots is how many slots a cluster has.
const slots = 16384

// Cluster is a Redis Cluster: its first Masters servers begin as masters, the
// others as their replicas in the same order.
type Cluster struct {
	Servers []*Server
	Masters int
	t       testing.TB
}

// StartCluster starts a cluster with one replica for each master, whose servers take
// each other for dead after nodeTimeout, and waits until it is well.
func StartCluster(t testing.TB, masters int, nodeTimeout time.Duration, args ...string) *Cluster {
	t.Helper()
	c := &Cluster{Masters: masters, t: t}
	var bus []string
	for range 2 * masters {
		// Its own choice would be port + 10000, which may be above 65535 or in use.
		port := strconv.Itoa(FreePort(t))
		bus = append(bus, port)
		c.Servers = append(c.Servers, Start(t, slices.Concat([]string{
			"--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", port,
			"--cluster-node-timeout", strconv.FormatInt(nodeTimeout.Milliseconds(), 10),
			"--cluster-allow-replica-migration", "no",
		}, args)...))
	}
	first := c.Servers[0]
	for i, s := range c.Servers {
		if i < masters {
			s.Do("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(slots*i/masters), strconv.Itoa(slots*(i+1)/masters-1))
			s.Do("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		}
		if i > 0 {
			first.Do("CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(s.Port), bus[i])
		}
	}
	for i, s := range c.Servers[masters:] {
		id := c.Servers[i].Do("CLUSTER", "MYID")
		Eventually(t, "the replica to know its master", func() error {
			_, err := s.Try("CLUSTER", "REPLICATE", id)
			return err
		})
	}
	Eventually(t, "the cluster", func() error {
		for _, s := range c.Servers {
			if info := s.Do("CLUSTER", "INFO"); !strings.Contains(info, "cluster_state:ok") {
				return fmt.Errorf("%s: %s", s.Addr(), info)
			}
		}
		for _, s := range c.Servers[masters:] {
			if info := s.Do("INFO", "replication"); !strings.Contains(info, "master_link_status:up") {
				return fmt.Errorf("%s: %s", s.Addr(), info)
			}
		}
		return nil
	})
	return c
}

// Owner gives the running master that serves a key; nil while there is none.
func (c *Cluster) Owner(key string) *Server {
	for _, s := range c.Servers {
		if _, err := s.Try("EXISTS", key); err != nil {
			continue
		}
		if role, err := s.Try("ROLE"); err == nil && strings.HasPrefix(role, "master") {
			return s
		}
	}
	return nil
}

// Move moves the slot of a key, and the keys in it one by one, to another master.
func (c *Cluster) Move(key string, to *Server) {
	c.t.Helper()
	from := c.Owner(key)
	if from == nil || from == to {
		c.t.Fatalf("the slot of %s cannot be moved from %v to %v", key, from, to)
	}
	slot := to.Do("CLUSTER", "KEYSLOT", key)
	fromID, toID := from.Do("CLUSTER", "MYID"), to.Do("CLUSTER", "MYID")
	to.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", fromID)
	from.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", toID)
	for {
		keys := from.Do("CLUSTER", "GETKEYSINSLOT", slot, "10")
		if keys == "" {
			break
		}
		for k := range strings.SplitSeq(keys, "\n") {
			from.Do("MIGRATE", "127.0.0.1", strconv.Itoa(to.Port), k, "0", "5000")
		}
	}
	to.Do("CLUSTER", "SETSLOT", slot, "NODE", toID)
	from.Do("CLUSTER", "SETSLOT", slot, "NODE", toID)
	for _, s := range c.Servers {
		// The others would learn it by and by.
		_, _ = s.Try("CLUSTER", "SETSLOT", slot, "NODE", toID)
	}
}

// Sentinels starts n sentinels that watch s under the name "landings" and take it
// for dead after down, and waits until they know each other and s's replicas.
func Sentinels(t testing.TB, n int, s *Server, replicas int, down time.Duration) []string {
	t.Helper()
	var addrs []string
	for range n {
		dir := t.TempDir()
		config := filepath.Join(dir, "sentinel.conf")
		text := fmt.Sprintf("sentinel monitor landings 127.0.0.1 %d %d\nsentinel down-after-milliseconds landings %d\nsentinel failover-timeout landings 6000\n",
			s.Port, n/2+1, down.Milliseconds())
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		x := &Server{Port: FreePort(t), Dir: dir, program: []string{"redis-server", config, "--sentinel"}, t: t}
		t.Cleanup(x.Kill)
		x.Up()
		addrs = append(addrs, x.Addr())
	}
	for _, addr := range addrs {
		Eventually(t, "the sentinels to know each other", func() error {
			fields, err := Command(addr, "SENTINEL", "MASTER", "landings")
			if err != nil {
				return err
			}
			for name, want := range map[string]int{"num-slaves": replicas, "num-other-sentinels": n - 1} {
				if i := slices.Index(fields, name); i < 0 || fields[i+1] != strconv.Itoa(want) {
					return fmt.Errorf("%s: not %d %s", addr, want, name)
				}
			}
			return nil
		})
	}
	return addrs
}

// Eventually tries until there is no error, for up to a minute.
func Eventually(t testing.TB, what string, try func() error) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited a minute for %s: %v", what, err)
		}
	}
}
