//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"landings/internal/redistest"
)

// startNodeOn starts a node on the Redis of an address, and waits until it is ready.
func startNodeOn(t *testing.T, url string, args ...string) *node {
	t.Helper()
	listen := "127.0.0.1:" + strconv.Itoa(freePort(t))
	n := &node{start(t, t.TempDir(), program, append([]string{"serve", "--redis", url, "--listen", listen}, args...)...), api{base: "http://" + listen}}
	n.ready(t, func() error {
		if !n.alive() {
			t.Fatal("the node ended")
		}
		return nil
	})
	return n
}

// traffic is clients that write, each to records of its own, and remember what was
// acknowledged.
type traffic struct {
	t    *testing.T
	stop chan struct{}
	wg   sync.WaitGroup

	acked   atomic.Int64 // writes that were acknowledged
	refused atomic.Int64 // answers 503

	mu   sync.Mutex
	last map[string]int // guarded by mu: by path, the last acknowledged number
	most map[string]int // guarded by mu: the highest number that may have been written
}

// writers starts clients that write to each of the paths at each of the nodes by turns.
func writers(t *testing.T, nodes []*node, paths []string) *traffic {
	tr := &traffic{t: t, stop: make(chan struct{}), last: map[string]int{}, most: map[string]int{}}
	for i, path := range paths {
		tr.wg.Go(func() { tr.write(nodes, i, path) })
	}
	t.Cleanup(tr.end)
	return tr
}

func (tr *traffic) end() {
	select {
	case <-tr.stop:
	default:
		close(tr.stop)
	}
	tr.wg.Wait()
}

func (tr *traffic) write(nodes []*node, i int, path string) {
	client := &http.Client{Timeout: patience}
	for n := 1; ; n++ {
		select {
		case <-tr.stop:
			return
		default:
		}
		tr.mu.Lock()
		tr.most[path] = n
		tr.mu.Unlock()
		r, err := http.NewRequest("PUT", nodes[(i+n)%len(nodes)].base+path, strings.NewReader(fmt.Sprintf(`{"id":%q,"n":%d}`, path[strings.LastIndexByte(path, '/')+1:], n)))
		if err != nil {
			tr.t.Error(err)
			return
		}
		resp, err := client.Do(r)
		if err != nil {
			tr.t.Errorf("PUT %s: %v", path, err)
			return
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		switch {
		case resp.StatusCode < 300:
			tr.mu.Lock()
			tr.last[path] = n
			tr.mu.Unlock()
			tr.acked.Add(1)
		case resp.StatusCode == http.StatusServiceUnavailable:
			tr.refused.Add(1)
		default:
			tr.t.Errorf("PUT %s answered %d: %s", path, resp.StatusCode, body)
			return
		}
	}
}

// more waits until n more writes have been acknowledged.
func (tr *traffic) more(n int64) {
	tr.t.Helper()
	from := tr.acked.Load()
	eventually(tr.t, "writes to be acknowledged", func() error {
		if got := tr.acked.Load() - from; got < n {
			return fmt.Errorf("%d of %d, %d refused so far", got, n, tr.refused.Load())
		}
		return nil
	})
}

// check compares what a node has with what was acknowledged.
func (tr *traffic) check(n *node) {
	tr.t.Helper()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for path, want := range tr.last {
		eventually(tr.t, "the node to have what was acknowledged", func() error {
			got, err := n.try(tr.t, "GET", path)
			if err != nil {
				return err
			}
			var record struct{ N int }
			if err := json.Unmarshal(got.body, &record); err != nil {
				return fmt.Errorf("%s: %d %s", path, got.status, got.body)
			}
			if record.N < want || record.N > tr.most[path] {
				return fmt.Errorf("%s is at %d, but %d was acknowledged and at most %d written", path, record.N, want, tr.most[path])
			}
			return nil
		})
	}
}

// streamWhole checks that a dataset's stream is one order of versions without a gap that ends at
// the version of meta.
func streamWhole(t *testing.T, s *redistest.Server, name string) {
	t.Helper()
	ids, err := redistest.Command(s.Addr(), "XRANGE", "landings:{"+name+"}:changes", "-", "+")
	if err != nil {
		t.Fatal(err)
	}
	version := s.Do("HGET", "landings:{"+name+"}:meta", "version")
	var last int
	for i, id := range ids {
		number, rest, ok := strings.Cut(id, "-")
		v, err := strconv.Atoi(number)
		if !ok || rest != "0" || err != nil || i+1 >= len(ids) || ids[i+1] != "kind" {
			continue // a field or value
		}
		if last != 0 && v != last+1 {
			t.Errorf("%s: version %d follows %d in the stream", name, v, last)
		}
		last = v
	}
	if strconv.Itoa(last) != version {
		t.Errorf("%s: the stream ends at %d, meta is at %s", name, last, version)
	}
}

// Three masters with replicas: loads, reads and writes go on while slots move and
// a master dies, and nothing that was acknowledged is lost.
func TestCluster(t *testing.T) {
	need(t, "redis-server")
	c := redistest.StartCluster(t, 3, time.Second, "--save", "")
	names := []string{"apples", "bananas", "cherries", "dates"}
	var nodes []*node
	// One address of several is enough, and so is one that does not say that it is a cluster's.
	for i, url := range []string{"redis://" + c.Servers[0].Addr() + "," + c.Servers[1].Addr() + "/", c.Servers[5].URL()} {
		nodes = append(nodes, startNodeOn(t, url, "--node", "n"+strconv.Itoa(i)))
	}
	var list bytes.Buffer
	for i := range 1000 {
		fmt.Fprintf(&list, `{"id":"r%d","n":0}`+"\n", i)
	}
	var paths []string
	for i, name := range names {
		resp, err := http.Post(nodes[i%2].base+"/collections/"+name, "", nil) // not allowed, and says so
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		upload(t, nodes[i%2], "/collections/"+name, list.Bytes())
		for r := range 3 {
			paths = append(paths, "/collections/"+name+"/items/r"+strconv.Itoa(300*r))
		}
	}
	for _, n := range nodes {
		for _, name := range names {
			eventually(t, "the other node to have the dataset", func() error {
				got, err := n.try(t, "GET", "/collections/"+name+"/items/r999")
				if err == nil && got.status != 200 {
					err = fmt.Errorf("%d", got.status)
				}
				return err
			})
		}
	}

	// All keys of all masters.
	want := map[string]bool{}
	for _, s := range c.Servers[:c.Masters] {
		for key := range strings.SplitSeq(s.Do("KEYS", "*"), "\n") {
			want[key] = true
		}
	}
	var keys []string
	if err := json.Unmarshal(nodes[0].do(t, "GET", "/get-keys").body, &keys); err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	if all := slices.Sorted(maps.Keys(want)); !slices.Equal(keys, all) {
		t.Errorf("get-keys gives %d keys, the masters have %d", len(keys), len(all))
	}

	tr := writers(t, nodes, paths)
	tr.more(200)
	meta := func(name string) string { return "landings:{" + name + "}:meta" }
	for round := range 4 {
		name := names[round%2]
		from := c.Owner(meta(name))
		to := c.Servers[(slices.Index(c.Servers, from)+1)%c.Masters]
		begun := time.Now()
		c.Move(meta(name), to)
		t.Logf("moved %s from %s to %s in %v", name, from.Addr(), to.Addr(), time.Since(begun))
		tr.more(200)
		if c.Owner(meta(name)) != to {
			t.Fatalf("%s is not where it was moved", name)
		}
	}
	upload(t, nodes[1], "/collections/figs", list.Bytes())

	victim := c.Owner(meta(names[0]))
	begun := time.Now()
	victim.Kill()
	redistest.Eventually(t, "a replica to take over", func() error {
		if c.Owner(meta(names[0])) == nil {
			return fmt.Errorf("no master")
		}
		return nil
	})
	promoted := time.Since(begun)
	tr.more(200)
	t.Logf("master killed: replica promoted after %v, 200 writes more after %v", promoted, time.Since(begun))
	victim.Up() // comes back as a replica of its replica
	tr.more(200)

	// The nodes are killed one by one: what Redis has must be everything.
	tr.end()
	for _, n := range nodes {
		tr.check(n)
	}
	for _, n := range nodes {
		n.kill()
	}
	fresh := startNodeOn(t, c.Servers[1].URL(), "--node", "n2")
	tr.check(fresh)
	for _, name := range append(names, "figs") {
		streamWhole(t, c.Owner(meta(name)), name)
	}
	t.Logf("%d writes acknowledged, %d answered 503", tr.acked.Load(), tr.refused.Load())
}

// upload replaces a dataset, again and again while the node cannot.
func upload(t *testing.T, n *node, path string, body []byte) {
	t.Helper()
	eventually(t, "PUT "+path, func() error {
		r, err := http.NewRequest("PUT", n.base+path, bytes.NewReader(body))
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err == nil && resp.StatusCode >= 300 {
			err = fmt.Errorf("%d: %s", resp.StatusCode, text)
		}
		return err
	})
}

// Sentinel: the master is killed, its replica takes over, and nothing that was
// acknowledged is lost while a node lives.
func TestSentinel(t *testing.T) {
	need(t, "redis-server")
	master := redistest.Start(t, "--save", "")
	replica := redistest.Start(t, "--save", "", "--replicaof", "127.0.0.1 "+strconv.Itoa(master.Port))
	redistest.Eventually(t, "the replica", func() error {
		if info := replica.Do("INFO", "replication"); !strings.Contains(info, "master_link_status:up") {
			return fmt.Errorf("%s", info)
		}
		return nil
	})
	sentinels := redistest.Sentinels(t, 3, master, 1, time.Second)
	url := "redis-sentinel://" + strings.Join(sentinels, ",") + "/landings/0"
	nodes := []*node{startNodeOn(t, url, "--node", "n0"), startNodeOn(t, url, "--node", "n1")}
	upload(t, nodes[0], "/collections/apples", []byte(`[{"id":"a"},{"id":"b"}]`))
	tr := writers(t, nodes, []string{"/collections/apples/items/a", "/collections/apples/items/b", "/collections/pears/items/c"})
	tr.more(500)
	begun := time.Now()
	master.Kill()
	tr.more(500)
	t.Logf("master killed: 500 writes more after %v", time.Since(begun))
	if role := replica.Do("ROLE"); !strings.HasPrefix(role, "master") {
		t.Errorf("the replica is %s", role)
	}
	master.Up() // the sentinels make it a replica, or on a machine that stood still the other one again
	tr.more(500)
	tr.end()
	var present *redistest.Server
	redistest.Eventually(t, "one to follow the other", func() error {
		var all string
		for follower, leader := range map[*redistest.Server]*redistest.Server{master: replica, replica: master} {
			info, err := follower.Try("INFO", "replication") // who makes it a replica cuts its connections
			if err == nil && strings.Contains(info, "master_link_status:up") {
				present = leader
				return nil
			}
			all += fmt.Sprintln(info, err)
		}
		return errors.New(all)
	})
	for _, n := range nodes {
		tr.check(n)
		n.kill()
	}
	tr.check(startNodeOn(t, url, "--node", "n2"))
	for _, name := range []string{"apples", "pears"} {
		streamWhole(t, present, name)
	}
	t.Logf("%d writes acknowledged, %d answered 503", tr.acked.Load(), tr.refused.Load())
}
