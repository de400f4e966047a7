//go:build e2e

package store_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
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

// gate passes on what clients send to Redis, and holds it back at one place when it is told to.
type gate struct {
	addr  string
	holds atomic.Pointer[hold]
}

// hold is one place at which a gate holds back what follows, of the connection that sent it.
type hold struct {
	at     func(sent []byte) int // gives the place in what was sent at once; below 0: it is not in there
	held   chan struct{}         // closed once something is held back
	open   chan struct{}         // closed once it may go on
	pass   func()                // lets it go on
	broken atomic.Bool           // the connection breaks instead
	client net.Conn              // set before held is closed
}

func newGate(t *testing.T, to string) *gate {
	t.Helper()
	g := &gate{}
	g.addr = relay(t, to, func(client, server net.Conn) {
		buf := make([]byte, 64<<10)
		for {
			n, err := client.Read(buf)
			if err != nil {
				// Redis reads what is there before it sees the end.
				_ = server.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, server)
				return
			}
			sent := buf[:n]
			if h := g.holds.Load(); h != nil {
				if place := h.at(sent); place >= 0 && g.holds.CompareAndSwap(h, nil) {
					if _, err := server.Write(sent[:place]); err != nil {
						return
					}
					h.client = client
					close(h.held)
					<-h.open
					if h.broken.Load() {
						return
					}
					sent = sent[place:]
				}
			}
			if _, err := server.Write(sent); err != nil {
				return
			}
		}
	})
	return g
}

// hold holds back, once, what comes from a place on, until it is let pass or lost.
func (g *gate) hold(t *testing.T, at func(sent []byte) int) *hold {
	t.Helper()
	h := &hold{at: at, held: make(chan struct{}), open: make(chan struct{})}
	h.pass = sync.OnceFunc(func() { close(h.open) })
	t.Cleanup(h.pass)
	g.holds.Store(h)
	return h
}

// lose breaks the connection without what is held back.
func (h *hold) lose() {
	h.broken.Store(true)
	h.pass()
}

// cut breaks the connection for who sent what is held back; it may still arrive.
func (h *hold) cut() { h.client.Close() }

// transactionWith gives the place where the transaction begins that has a text in it.
func transactionWith(text string) func([]byte) int {
	return func(sent []byte) int {
		if !bytes.Contains(sent, []byte(text)) {
			return -1
		}
		return bytes.Index(sent, []byte("*1\r\n$5\r\nMULTI\r\n"))
	}
}

// within waits for a channel to be closed.
func within(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(15 * time.Second):
		t.Fatalf("waited too long: %s", what)
	}
}

// byHand commits a record as the documentation describes it, without a word to anybody.
func byHand(t *testing.T, r *redistest.Server, before dataset.State, id string) dataset.State {
	t.Helper()
	return byHandAs(t, r, before, id, 1)
}

// byHandAs is byHand of a node that has come to a number of its own.
func byHandAs(t *testing.T, r *redistest.Server, before dataset.State, id string, seq uint64) dataset.State {
	t.Helper()
	record := dataset.Record{ID: id, Position: before.Next, JSON: []byte("{}")}
	after := before
	after.Version, after.Count, after.Next, after.Digest = before.Version+1, before.Count+1, before.Next+1, before.Digest+record.Hash()
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	body := fmt.Sprintf("+%d %d 2\n%s{}\n", record.Position, len(id), id)
	content := fmt.Sprintf("changes by-hand %d 1 %d %s %d\n%s", seq, after.Count, after.Digest, after.Next, body)
	after.Chain = before.Chain.Next(after.Version, []byte(content))
	r.Do("HSET", fmt.Sprintf("landings:{things}:g%d:%d", before.Generation, dataset.BucketOf(record.Position)), id, number(record.Position)+" {}")
	r.Do("XADD", "landings:{things}:changes", number(after.Version)+"-0", "kind", "changes", "term", number(before.Term), "chain", after.Chain.String(),
		"node", "by-hand", "seq", number(seq), "at", "1", "count", strconv.Itoa(after.Count), "digest", after.Digest.String(), "next", number(after.Next), "body", body)
	r.Do("HSET", "landings:{things}:meta", "version", number(after.Version), "chain", after.Chain.String(),
		"count", strconv.Itoa(after.Count), "digest", after.Digest.String(), "next", number(after.Next))
	return after
}

// Another node commits between a node's EXEC and its look at meta for the next commit: that is seen, though meta is watched
// only after it.
func TestCommitBetweenExecAndWatch(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	g := newGate(t, r.Addr())
	n := start(t, "redis://"+g.addr, func(o *store.Options) { o.Look = time.Hour })
	put(t, n, "a")
	const exec = "*1\r\n$4\r\nEXEC\r\n"
	h := g.hold(t, func(sent []byte) int {
		if i := bytes.Index(sent, []byte(exec)); i >= 0 {
			return i + len(exec)
		}
		return -1
	})
	before := n.copyOf("things").State()
	done := make(chan error, 1)
	go func() { _, err := n.put(t.Context(), "things", "b", `{}`); done <- err }()
	within(t, "what follows EXEC is held back", h.held)
	version := strconv.FormatUint(before.Version+1, 10)
	until(t, "it is committed", func() bool { return metaOf(r)["version"] == version })
	// What the node will have once it hears of its own commit.
	b := dataset.Record{ID: "b", Position: before.Next, JSON: []byte("{}")}
	mid := before
	mid.Version, mid.Count, mid.Next, mid.Digest = before.Version+1, before.Count+1, before.Next+1, before.Digest+b.Hash()
	var err error
	if mid.Chain, err = dataset.ParseChain(metaOf(r)["chain"]); err != nil {
		t.Fatal(err)
	}
	after := byHand(t, r, mid, "c")
	h.pass()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	state, err := n.put(t.Context(), "things", "d", `{}`)
	if err != nil || state.Version != after.Version+1 {
		t.Fatalf("%+v, %v", state, err)
	}
	if _, ok := n.copyOf("things").Lookup("c"); !ok {
		t.Fatal("the other node's commit is missing")
	}
	inRedis(t, r, "things")
}

// A refusal that shares its batch with writes is answered no sooner than they are: whether it is right shows when the
// commit goes through.
func TestRefusalBesideWritesIsValidated(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.Look = time.Hour })
	state := put(t, n, "a")
	for i := range 200 {
		id := "new" + strconv.Itoa(i)
		byHand(t, r, n.copyOf("things").State(), id)
		outcomes := make(chan error, 2)
		done := func(_ dataset.State, err error) { outcomes <- err }
		n.Begin("things", "a", func(dataset.Record, bool) (dataset.Edit, error) {
			return dataset.Edit{JSON: fmt.Appendf(nil, `{"i":%d}`, i)}, nil
		}, done)
		n.Begin("things", id, func(_ dataset.Record, exists bool) (dataset.Edit, error) {
			if !exists {
				return dataset.Edit{}, &dataset.Error{Code: dataset.NotFound, Message: "no record " + id}
			}
			return dataset.Edit{Delete: true}, nil
		}, done)
		for range 2 {
			if err := <-outcomes; err != nil {
				t.Fatalf("round %d: %v", i, err)
			}
		}
	}
	if got := n.copyOf("things").State(); got.Count != state.Count {
		t.Fatalf("%d records, not %d", got.Count, state.Count)
	}
	inRedis(t, r, "things")
}

// A generation is collected between the count of its records and the switch to it: there is no switch.
func TestCollectedBeforeTheSwitch(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	g := newGate(t, r.Addr())
	n := start(t, "redis://"+g.addr, func(o *store.Options) { o.Look = time.Hour })
	h := g.hold(t, transactionWith(`"state":"live"`))
	type outcome struct {
		state dataset.State
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		state, err := n.Replace(t.Context(), "things", load(600, "x"), nil)
		done <- outcome{state, err}
	}()
	within(t, "the switch is held back", h.held)
	// As another node's collector does.
	entry := r.Do("HGET", "landings:{things}:gens", "1")
	r.Do("HSET", "landings:{things}:gens", "1", strings.Replace(entry, `"loading"`, `"dead"`, 1))
	r.Do("DEL", "landings:{things}:g1:0", "landings:{things}:g1:1", "landings:{things}:g1:2")
	h.pass()
	if got := <-done; got.err != nil || got.state.Generation != 2 {
		t.Fatalf("%+v, %v", got.state, got.err)
	}
	if count, _, _ := inRedis(t, r, "things"); count != 600 {
		t.Fatalf("Redis has %d records", count)
	}
}

// The collector marks a generation dead before it deletes anything of it, and leaves it alone where somebody has changed
// its entry since the collector read it.
func TestMarkedBeforeDeleted(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	g := newGate(t, r.Addr())
	n := start(t, "redis://"+g.addr, func(o *store.Options) { o.Look, o.KeepLoads = time.Hour, 10 })
	put(t, n, "a")
	number := r.Do("HINCRBY", "landings:{things}:gens", "last", "1")
	bucket := "landings:{things}:g" + number + ":0"
	entry := fmt.Sprintf(`{"state":"loading","run":%q,"lease":1,"records":1,"buckets":1}`, metaOf(r)["run"])
	r.Do("HSET", "landings:{things}:gens", number, entry)
	r.Do("HSET", bucket, "id", "0 {}")
	h := g.hold(t, transactionWith(`"state":"dead"`))
	done := make(chan error, 1)
	go func() {
		_, err := n.Replace(t.Context(), "things", load(10, "x"), nil) // every load looks around
		done <- err
	}()
	within(t, "the collector is about to mark it", h.held)
	if r.Do("EXISTS", bucket) != "1" {
		t.Error("it was deleted before it was marked")
	}
	entry = strings.Replace(entry, `"loading"`, `"kept"`, 1)
	r.Do("HSET", "landings:{things}:gens", number, entry)
	h.pass()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	// The keeper has done with the collector when it serves the next write.
	put(t, n, "b")
	if now := r.Do("HGET", "landings:{things}:gens", number); now != entry || r.Do("EXISTS", bucket) != "1" {
		t.Fatalf("what is in use again was collected: %s", now)
	}
}

// Who makes a dataset where Redis has none is stopped by a node that begins to recover it meanwhile.
func TestRecoveryStopsMaking(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	g := newGate(t, r.Addr())
	n := start(t, "redis://"+g.addr, func(o *store.Options) { o.Look = time.Hour })
	h := g.hold(t, transactionWith("landings:{things}:meta"))
	go func() { _, _ = n.put(t.Context(), "things", "a", `{}`) }()
	within(t, "the first commit is held back", h.held)
	key := "landings:{things}:recover:" + info(r, "run_id") + "-" + info(r, "master_replid")
	now := strings.Split(r.Do("TIME"), "\n")
	r.Do("HSET", key, "another", "3 70 0123456789abcdef "+now[0]+"000")
	h.pass()
	until(t, "the node stands back", func() bool {
		if r.Do("EXISTS", "landings:{things}:meta") == "1" {
			t.Fatal("the dataset was made beside its recovery")
		}
		return r.Do("HEXISTS", key, t.Name()) == "1"
	})
}

// A transaction that failed because what was watched had changed makes a node ask again whom it speaks to: the process
// may have been a replica meanwhile, and have the same data as another incarnation.
func TestFailedExecAsksAgain(t *testing.T) {
	redisOnly(t, "the embedded engine does not replicate")
	quick := []string{"--save", "", "--repl-diskless-sync-delay", "0"}
	r, other := redistest.Start(t, quick...), redistest.Start(t, quick...)
	g := newGate(t, r.Addr())
	n := start(t, "redis://"+g.addr, func(o *store.Options) { o.Look = time.Hour })
	put(t, n, "before")
	other.Do("REPLICAOF", "127.0.0.1", strconv.Itoa(r.Port))
	until(t, "it has the same data", func() bool { return info(other, "master_link_status") == "up" })
	other.Do("REPLICAOF", "NO", "ONE")
	r.Do("SET", "x", "1") // so that it cannot go on where the other one is: it has to read all of that one's data
	h := g.hold(t, transactionWith("landings:{things}:meta"))
	written := make(chan error, 1)
	go func() {
		_, err := n.put(t.Context(), "things", "after", `{}`)
		written <- err
	}()
	within(t, "it is held back", h.held)
	run := info(r, "run_id")
	r.Do("REPLICAOF", "127.0.0.1", strconv.Itoa(other.Port))
	until(t, "it follows", func() bool { return info(r, "master_link_status") == "up" })
	r.Do("REPLICAOF", "NO", "ONE")
	h.pass()
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if m := metaOf(r); m["run"] != run+"-"+info(r, "master_replid") {
		t.Fatalf("it was committed under the run %s, which is no more", m["run"])
	}
	inRedis(t, r, "things")
}

// An announcement of long ago, by a node that died in a recovery, stops nobody from making a dataset.
func TestOldRecoveryStopsNobody(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	key := "landings:{things}:recover:" + info(r, "run_id") + "-" + info(r, "master_replid")
	r.Do("HSET", key, "gone", "3 70 0123456789abcdef 1000")
	put(t, n, "a")
}

// Who collects while another node makes the dataset anew, or loads it, goes by what is live then, and not by what was live
// when it last looked.
func TestCollectedByWhatIsLive(t *testing.T) {
	for _, c := range []struct {
		name  string
		begin func(*testing.T, *node)
		mean  func(*testing.T, *node)
		count int
		kept  string
	}{
		{"made anew", func(t *testing.T, n *node) {
			if _, err := n.Drop(t.Context(), "things", nil); err != nil {
				t.Error(err)
			}
		}, func(t *testing.T, m *node) {
			if _, err := m.Replace(t.Context(), "things", load(30, "third"), nil); err != nil {
				t.Error(err)
			}
		}, 30, ""},
		{"loaded", func(t *testing.T, n *node) {
			if _, err := n.Replace(t.Context(), "things", load(20, "second"), nil); err != nil {
				t.Error(err)
			}
		}, func(t *testing.T, m *node) {
			if _, err := m.Replace(t.Context(), "things", load(30, "third"), nil); err != nil {
				t.Error(err)
			}
		}, 30, "second"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := redistest.Start(t, "--save", "")
			g := newGate(t, r.Addr())
			n, m := start(t, "redis://"+g.addr, func(o *store.Options) { o.Look = time.Hour }), start(t, r.URL(), named("another"))
			for _, mark := range []string{"earlier", "first"} {
				if _, err := n.Replace(t.Context(), "things", load(10, mark), nil); err != nil {
					t.Fatal(err)
				}
			}
			for _, both := range []*node{m, n} { // and that one has collected
				if err := both.Reach(t.Context(), "things", dataset.Latest); err != nil {
					t.Fatal(err)
				}
			}
			const exec = "*1\r\n$4\r\nEXEC\r\n"
			h := g.hold(t, func(sent []byte) int {
				if i := bytes.Index(sent, []byte(exec)); i >= 0 && (bytes.Contains(sent, []byte("PEXPIRE")) || bytes.Contains(sent, []byte("PERSIST"))) {
					return i + len(exec)
				}
				return -1
			})
			done := make(chan struct{})
			go func() {
				defer close(done)
				c.begin(t, n)
			}()
			within(t, "it has committed", h.held)
			c.mean(t, m)
			h.pass()
			within(t, "it is answered", done)
			if err := n.Reach(t.Context(), "things", dataset.Latest); err != nil {
				t.Fatal(err)
			}
			if count, _, _ := inRedis(t, r, "things"); count != c.count {
				t.Fatalf("Redis has %d records", count)
			}
			list, err := m.Generations(t.Context(), "things")
			if err != nil {
				t.Fatal(err)
			}
			var kept string
			for _, one := range list {
				if one.State == "kept" {
					kept += one.Source
				}
			}
			if kept != c.kept {
				t.Fatalf("%q is kept", kept)
			}
		})
	}
}

// Of a recovery that breaks off nothing stays behind that does not expire.
func TestStreamBesideExpires(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	g := newGate(t, r.Addr())
	n := start(t, "redis://"+g.addr)
	state := put(t, n, numbered("a", 30)...)
	h := g.hold(t, func(sent []byte) int {
		if !bytes.Contains(sent, []byte("XADD")) {
			return -1
		}
		return bytes.Index(sent, []byte("*3\r\n$7\r\nPEXPIRE"))
	})
	r.Kill()
	r.Up()
	within(t, "commits were written", h.held)
	h.lose()
	settled(t, r, n)
	same(t, r, state)
	for key := range strings.Lines(r.Do("KEYS", "landings:{things}:changes:*")) {
		if key = strings.TrimSpace(key); key != "" && r.Do("PTTL", key) == "-1" {
			t.Errorf("%s does not expire", key)
		}
	}
}
