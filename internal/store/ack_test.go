//go:build e2e

package store_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"landings/internal/dataset"
	"landings/internal/redistest"
	"landings/internal/store"
)

func acked(t *testing.T, text string) dataset.Ack {
	t.Helper()
	ack, err := dataset.ParseAck(text)
	if err != nil {
		t.Fatal(err)
	}
	return ack
}

func remedyOf(err error) string {
	if e, ok := errors.AsType[*dataset.Error](err); ok {
		return e.Remedy
	}
	return ""
}

// safely makes one write that is to be as safe as ack says.
func (n *node) safely(t *testing.T, id, ack string) error {
	t.Helper()
	if err := n.Promise(t.Context(), "things", acked(t, ack)); err != nil {
		return err
	}
	state, err := n.put(t.Context(), "things", id, fmt.Sprintf(`{"at":%d}`, time.Now().UnixNano()))
	if err != nil {
		t.Fatal(err)
	}
	_, err = n.Confirm(t.Context(), state, acked(t, ack))
	return err
}

// want says whether a write got as safe as was asked: code "" for yes.
func (n *node) want(t *testing.T, ack string, code dataset.Code, says string) {
	t.Helper()
	err := n.safely(t, "a", ack)
	if err == nil && code == "" {
		return
	}
	if err == nil || dataset.CodeOf(err) != code || !strings.Contains(err.Error(), says) {
		t.Fatalf("ack=%s: %v, want %q that says %q", ack, err, code, says)
	}
}

// disk is promised where Redis syncs before it answers, or has WAITAOF, and nowhere else.
func TestAckDisk(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string // "": it is promised
	}{
		{[]string{"--appendonly", "no"}, "appendonly no"},
		{[]string{"--appendonly", "yes", "--appendfsync", "always"}, ""},
		{[]string{"--appendonly", "yes", "--appendfsync", "always", "--no-appendfsync-on-rewrite", "yes"}, "no-appendfsync-on-rewrite"},
		{[]string{"--appendonly", "yes", "--appendfsync", "everysec"}, "everysec"},
		{[]string{"--appendonly", "yes", "--appendfsync", "no"}, "appendfsync no"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			r := redistest.Start(t, append([]string{"--save", ""}, c.args...)...)
			if hasWaitAOF(r) && c.says != "" && !strings.Contains(c.says, " no") {
				c.says = ""
			}
			n := start(t, r.URL())
			if c.says == "" {
				n.want(t, "disk", "", "")
				return
			}
			n.want(t, "disk", dataset.Unavailable, c.says)
			_, err := tryStart(t, r.URL(), func(o *store.Options) { o.Acks = map[string]dataset.Ack{"things": acked(t, "disk")} })
			if dataset.CodeOf(err) != dataset.Unavailable || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "things") {
				t.Fatalf("a node that is configured so starts: %v", err)
			}
		})
	}
}

func hasWaitAOF(r *redistest.Server) bool {
	_, err := r.Try("WAITAOF", "0", "0", "1")
	return err == nil
}

// What is set while the node runs counts for the next write, and for the one that is under way.
func TestAckDiskChanges(t *testing.T) {
	r := redistest.Start(t, "--save", "", "--appendonly", "yes", "--appendfsync", "always")
	n := start(t, r.URL())
	n.want(t, "disk", "", "")
	if err := n.Promise(t.Context(), "things", acked(t, "disk")); err != nil {
		t.Fatal(err)
	}
	state, err := n.put(t.Context(), "things", "b", `{}`)
	if err != nil {
		t.Fatal(err)
	}
	r.Do("CONFIG", "SET", "appendfsync", "no")
	if got, err := n.Confirm(t.Context(), state, acked(t, "disk")); dataset.CodeOf(err) != dataset.NotConfirmed || !strings.Contains(err.Error(), "appendfsync no") ||
		got.String() != "memory" || !strings.Contains(remedyOf(err), "append-only file") {
		t.Fatal(got, err)
	}
	n.want(t, "disk", dataset.Unavailable, "appendfsync no")
	r.Do("CONFIG", "SET", "appendfsync", "always")
	n.want(t, "disk", "", "")
}

// A Redis with a password that hides CONFIG is not trusted to sync, unless it has WAITAOF.
func TestAckDiskHidden(t *testing.T) {
	redisOnly(t, "the engine has no ACL")
	r := redistest.Start(t, "--save", "", "--appendonly", "yes", "--appendfsync", "always")
	r.Do("ACL", "SETUSER", "narrow", "on", ">secret", "~landings:*", "&landings:*", "+@all", "-config")
	n := start(t, strings.Replace(r.URL(), "redis://", "redis://narrow:secret@", 1))
	if hasWaitAOF(r) {
		n.want(t, "disk", "", "")
		return
	}
	n.want(t, "disk", dataset.Unavailable, "CONFIG GET is not allowed")
}

// replicas:N waits for replicas: those that are missing are told before the write,
// those that do not follow after it.
func TestAckReplicas(t *testing.T) {
	redisOnly(t, "the engine has no replicas")
	r := redistest.Start(t, "--save", "")
	replica := redistest.Start(t, "--save", "", "--replicaof", "127.0.0.1 "+strconv.Itoa(r.Port), "--repl-diskless-sync-delay", "0")
	until(t, "the replica", func() bool { return strings.Contains(r.Do("INFO", "replication"), "state=online") })
	n := start(t, r.URL(), func(o *store.Options) {
		o.WriteTimeout = time.Second
		o.Acks = map[string]dataset.Ack{"things": acked(t, "replicas:2")} // may come later
	})
	for range 20 {
		n.want(t, "replicas:1", "", "")
		if version := replica.Do("HGET", "landings:{things}:meta", "version"); version != r.Do("HGET", "landings:{things}:meta", "version") {
			t.Fatalf("the replica is at version %s", version)
		}
	}
	n.want(t, "replicas:2", dataset.Unavailable, "1 replica")
	replica.Freeze()
	n.want(t, "replicas:1", dataset.NotConfirmed, "0 replicas have it")
	state, err := n.put(t.Context(), "things", "frozen", `{}`)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := n.Confirm(t.Context(), state, acked(t, "replicas:1")); err == nil || got.String() != "memory" || !strings.Contains(err.Error()+remedyOf(err), "replicas do not follow") {
		t.Fatal(got, err)
	}
	// Nobody waits for those who wait for the replica.
	var slow sync.WaitGroup
	slow.Go(func() { _ = n.safely(t, "slow", "replicas:1") })
	begun := time.Now()
	for i := range 50 {
		if _, err := n.put(t.Context(), "things", strconv.Itoa(i), `{}`); err != nil {
			t.Error(err)
		}
	}
	if took := time.Since(begun); took > 900*time.Millisecond {
		t.Errorf("50 writes that ask for nothing took %v", took)
	}
	slow.Wait()
	replica.Thaw()
	n.want(t, "replicas:1", "", "")
}

// nodes:N waits until N other nodes have the commit in memory.
func TestAckNodes(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	short := func(o *store.Options) { o.WriteTimeout = time.Second }
	n := start(t, r.URL(), short)
	n.want(t, "nodes:1", dataset.Unavailable, "0 nodes are beside this one")
	m, o := start(t, r.URL(), named("second", short)), start(t, r.URL(), named("third", short))
	until(t, "three nodes that know each other", func() bool {
		return n.Promise(t.Context(), "things", acked(t, "nodes:2")) == nil && m.Promise(t.Context(), "things", acked(t, "nodes:2")) == nil
	})
	for i := range 30 {
		id := strconv.Itoa(i)
		if err := n.safely(t, id, "nodes:2"); err != nil {
			t.Fatal(err)
		}
		for _, other := range []*node{m, o} {
			if _, ok := other.copyOf("things").Lookup(id); !ok {
				t.Fatalf("%s is not on every node", id)
			}
		}
	}
	n.want(t, "nodes:3", dataset.Unavailable, "2 nodes")
	// Many at once, from two nodes that contend.
	var all sync.WaitGroup
	for w := range 16 {
		all.Go(func() {
			from := []*node{n, m}[w%2]
			for i := range 20 {
				if err := from.safely(t, fmt.Sprintf("%d-%d", w, i), "nodes:2"); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	// A load too.
	state, err := n.Replace(t.Context(), "things", load(1000, "x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Confirm(t.Context(), state, acked(t, "nodes:2")); err != nil {
		t.Fatal(err)
	}
	if m.copyOf("things").State().Count != 1000 {
		t.Fatal("the load is not on the other node")
	}
	state, err = n.Drop(t.Context(), "things", nil)
	if err != nil {
		t.Fatal(err)
	}
	state.Version++
	if _, err := n.Confirm(t.Context(), state, acked(t, "nodes:2")); err != nil {
		t.Fatal(err)
	}
}

// A node that has gone without a word counts as there until it is missed: then the write stands, and that is said.
func TestAckNodesGone(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	p := newProxy(t, r.Addr(), seeded(t))
	n := start(t, r.URL(), func(o *store.Options) { o.WriteTimeout = 500 * time.Millisecond })
	start(t, "redis://"+p.addr, named("second"))
	until(t, "two nodes", func() bool { return n.Promise(t.Context(), "things", acked(t, "nodes:1")) == nil })
	n.want(t, "nodes:1", "", "")
	p.shut.Store(true)
	n.want(t, "nodes:1", dataset.NotConfirmed, "0 other nodes")
	p.shut.Store(false)
	until(t, "the node to be back", func() bool { return n.safely(t, "b", "nodes:1") == nil })
}

// A commit that was made in an earlier term is not confirmed by what is there later.
func TestAckAfterRecovery(t *testing.T) {
	r := redistest.Start(t, "--save", "", "--appendonly", "yes", "--appendfsync", "always")
	n := start(t, r.URL(), func(o *store.Options) { o.WriteTimeout = time.Second })
	state, err := n.put(t.Context(), "things", "a", `{}`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Confirm(t.Context(), state, acked(t, "disk")); err != nil {
		t.Fatal(err)
	}
	r.Kill()
	r.Up()
	settled(t, r, n)
	if _, err := n.Confirm(t.Context(), state, acked(t, "disk")); dataset.CodeOf(err) != dataset.NotConfirmed {
		t.Fatal(err)
	}
	state.Term++
	if _, err := n.Confirm(t.Context(), state, acked(t, "disk")); err != nil {
		t.Fatal(err)
	}
	state.Version++
	if _, err := n.Confirm(t.Context(), state, acked(t, "disk")); dataset.CodeOf(err) != dataset.NotConfirmed {
		t.Fatal("a version that is not there:", err)
	}
}

// A Redis that has the commit as another incarnation confirms nothing before it is recovered.
func TestAckOfAnotherIncarnation(t *testing.T) {
	redisOnly(t, "the embedded engine does not replicate")
	r, n, _ := demoted(t, func(o *store.Options) { o.Look, o.WriteTimeout = time.Hour, time.Second })
	r.Do("REPLICAOF", "NO", "ONE")
	r.Do("CONFIG", "SET", "appendonly", "yes")
	r.Do("CONFIG", "SET", "appendfsync", "always")
	if _, err := n.Confirm(t.Context(), n.copyOf("things").State(), acked(t, "disk")); dataset.CodeOf(err) != dataset.NotConfirmed {
		t.Fatalf("got %v", err)
	}
}

// An append-only file that was just begun is not read when Redis starts again before it is whole: disk is not promised until then. One
// that is written anew later is.
func TestAckDiskOfAFileThatIsBegun(t *testing.T) {
	redisOnly(t, "the engine begins it when it starts")
	r := redistest.Start(t, "--save", "")
	if hasWaitAOF(r) {
		t.Skip("WAITAOF takes care of it")
	}
	n := start(t, r.URL())
	put(t, n, numbered("a", 300)...)
	rewriting := func() bool { return strings.Contains(r.Do("INFO", "persistence"), "aof_rewrite_in_progress:1") }
	r.Do("CONFIG", "SET", "rdb-key-save-delay", "200000") // microseconds
	r.Do("CONFIG", "SET", "appendfsync", "always")
	r.Do("CONFIG", "SET", "appendonly", "yes")
	if !rewriting() {
		t.Fatal("it is whole at once")
	}
	n.want(t, "disk", dataset.Unavailable, "aof_rewrite_in_progress")
	state, err := n.put(t.Context(), "things", "b", `{}`)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := n.Confirm(t.Context(), state, acked(t, "disk")); dataset.CodeOf(err) != dataset.NotConfirmed || got.Level != dataset.AckMemory {
		t.Fatal(got, err)
	}
	m := start(t, r.URL(), named("second"), func(o *store.Options) { o.Acks = map[string]dataset.Ack{"things": acked(t, "disk")} })
	m.want(t, "disk", dataset.Unavailable, "aof_rewrite_in_progress")
	if !rewriting() {
		t.Fatal("it was whole too early")
	}
	r.Do("CONFIG", "SET", "rdb-key-save-delay", "0")
	until(t, "the file is whole", func() bool { return !rewriting() })
	for _, each := range []*node{n, m} {
		each.want(t, "disk", "", "")
	}
	r.Do("CONFIG", "SET", "rdb-key-save-delay", "200000")
	r.Do("BGREWRITEAOF")
	until(t, "it is written anew", rewriting)
	for _, each := range []*node{n, m} {
		each.want(t, "disk", "", "")
	}
}

// Who waits while Redis goes on with another history is not told that the write stands.
func TestAckOfADroppedCommit(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.WriteTimeout = 20 * time.Second })
	state := put(t, n, "a")
	elsewhere := redistest.Start(t, "--save", "")
	other := put(t, start(t, elsewhere.URL(), named("elsewhere")), "b")
	outcome := make(chan error, 1)
	go func() {
		_, err := n.Confirm(t.Context(), state, acked(t, "nodes:1"))
		outcome <- err
	}()
	run := metaOf(r)["run"]
	for _, hash := range []string{"landings:{things}:gens", fmt.Sprintf("landings:{things}:g%d:0", other.Generation), "landings:{things}:meta"} {
		args := []string{"HSET", hash}
		for field, value := range fields(elsewhere.Do("HGETALL", hash)) {
			switch {
			case field == "term" && hash == "landings:{things}:meta":
				value = "9"
			case field == "run" && hash == "landings:{things}:meta":
				value = run
			}
			args = append(args, field, value)
		}
		if !strings.HasSuffix(hash, "meta") {
			r.Do("DEL", hash)
		}
		r.Do(args...)
	}
	select {
	case err := <-outcome:
		if dataset.CodeOf(err) != dataset.OutcomeUnknown || strings.Contains(err.Error(), "stands") {
			t.Fatal(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it is still waited for")
	}
	if _, ok := n.copyOf("things").Lookup("a"); ok || n.Counts().Dropped == 0 {
		t.Fatal("it was not dropped")
	}
	if _, err := n.Confirm(t.Context(), state, acked(t, "nodes:1")); dataset.CodeOf(err) != dataset.OutcomeUnknown {
		t.Fatal(err)
	}
}
