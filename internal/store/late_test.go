//go:build e2e

package store_test

import (
	"context"
	"fmt"
	"runtime"
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

// A Redis that hangs makes answers old as soon as a look is late, long before the look has failed; one that much is
// written to does not.
func TestLateLookIsAnAge(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.Look = time.Second })
	var last time.Duration
	for begun := time.Now(); time.Since(begun) < 3*time.Second; {
		put(t, n, strconv.Itoa(int(time.Since(begun).Microseconds())))
		last = max(last, n.Age())
	}
	if err := n.Ready(t.Context()); last != 0 || err != nil {
		t.Fatalf("Redis is there, and yet the age is %v, and readiness says %v", last, err)
	}
	frozen := time.Now()
	r.Freeze()
	for n.Age() == 0 {
		if time.Since(frozen) > 2500*time.Millisecond {
			t.Fatal("Redis hangs, and the copy counts as new")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if age := n.Age(); age < 2*time.Second || age > 4*time.Second {
		t.Errorf("the age begins with %v", age)
	}
	if n.Ready(t.Context()) == nil {
		t.Error("readiness says yes")
	}
	r.Thaw()
	until(t, "it is well again", func() bool { return n.Age() == 0 && n.Ready(t.Context()) == nil })
}

// A load waits for a Redis that hangs as long as any write does, not once for what is staged ahead and once more.
func TestLoadWaitsOnce(t *testing.T) {
	const patience = time.Second
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.Look, o.WriteTimeout = time.Hour, patience })
	put(t, n, "a")
	for name, frozen := range map[string]func(){"from the beginning": r.Freeze, "half way": nil} {
		t.Run(name, func(t *testing.T) {
			if frozen != nil {
				frozen()
			}
			whole := load(40_000, "x")
			var read time.Time
			_, err := n.Load(t.Context(), "things", func(ahead dataset.Ahead) (dataset.Load, error) {
				for i, b := range whole.Records {
					if frozen == nil && i == len(whole.Records)/2 {
						until(t, "some is staged", func() bool { return r.Do("EXISTS", "landings:{things}:g2:0") == "1" })
						r.Freeze()
					}
					ahead(func() *dataset.Bucket { return b })
				}
				read = time.Now()
				return whole, nil
			}, nil)
			took := time.Since(read)
			r.Thaw()
			if dataset.CodeOf(err) != dataset.Unavailable || took < patience/2 || took > patience*3/2 {
				t.Fatalf("after %v: %v", took, err)
			}
		})
	}
	if _, err := n.Replace(t.Context(), "things", load(600, "y"), nil); err != nil {
		t.Fatal(err)
	}
	inRedis(t, r, "things")
}

// Writes of which everybody was told that nothing became of them are let go of, though the dataset could not be read yet.
func TestAbandonedWritesAreLetGoOf(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.WriteTimeout, o.Look = 300*time.Millisecond, time.Hour })
	r.Kill()
	before := runtime.NumGoroutine()
	var all sync.WaitGroup
	const many = 5000
	all.Add(many)
	for i := range many {
		n.Begin("things", strconv.Itoa(i), func(dataset.Record, bool) (dataset.Edit, error) {
			return dataset.Edit{JSON: []byte("{}")}, nil
		}, func(dataset.State, error) { all.Done() })
	}
	all.Wait()
	until(t, "nothing waits for them", func() bool { return runtime.NumGoroutine() < before+50 })
}

// Whoever asks for names of which there is no dataset leaves nothing behind: no goroutines, and no connections to Redis.
func TestNamesOfNothingCostNothing(t *testing.T) {
	r := redistest.Start(t, "--save", "", "--appendonly", "yes", "--appendfsync", "always")
	n := start(t, r.URL())
	put(t, n, "a")
	cost := func() int { return runtime.NumGoroutine() + strings.Count(r.Do("CLIENT", "LIST"), "id=") }
	before := cost()
	var all sync.WaitGroup
	for i := range 100 {
		name := "none-" + strconv.Itoa(i)
		if _, err := n.remove(t.Context(), name, "a"); dataset.CodeOf(err) != dataset.NotFound {
			t.Fatalf("a record is deleted: %v", err)
		}
		if _, err := n.Drop(t.Context(), name, nil); dataset.CodeOf(err) != dataset.NotFound {
			t.Fatalf("it is deleted: %v", err)
		}
		if err := n.Promise(t.Context(), name, dataset.Ack{Level: dataset.AckDisk}); err != nil {
			t.Fatal(err)
		}
		all.Add(1)
		n.Begin(name, "a", func(dataset.Record, bool) (dataset.Edit, error) {
			return dataset.Edit{}, &dataset.Error{Code: dataset.PreconditionFailed, Message: "there is none"}
		}, func(_ dataset.State, err error) {
			if dataset.CodeOf(err) != dataset.PreconditionFailed {
				t.Errorf("got %v", err)
			}
			all.Done()
		})
	}
	all.Wait()
	until(t, "nothing is left", func() bool { return cost() < before+20 })
}

// A dataset of which a node has not heard is asked for in Redis before a write to it is refused.
func TestUnheardOfIsAskedFor(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.Look = time.Hour })
	other := redistest.Start(t, "--save", "")
	state := put(t, start(t, other.URL(), named("elsewhere")), "a")
	for _, hash := range []string{"landings:{things}:gens", fmt.Sprintf("landings:{things}:g%d:0", state.Generation), "landings:{things}:meta"} {
		for field, value := range fields(other.Do("HGETALL", hash)) {
			r.Do("HSET", hash, field, value)
		}
	}
	r.Do("SADD", "landings:datasets", "things")
	if _, err := n.remove(t.Context(), "things", "a"); err != nil {
		t.Fatal(err)
	}
}

// A dataset that another node is bringing back to a Redis that forgot it is not denied by one that never heard of it.
func TestWhatOthersBringBackIsNotDenied(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.WriteTimeout, o.Look = 300*time.Millisecond, time.Hour })
	key := "landings:{things}:recover:" + info(r, "run_id") + "-" + info(r, "master_replid")
	seconds, _, _ := strings.Cut(r.Do("TIME"), "\n")
	r.Do("HSET", key, "another", "3 70 0123456789abcdef "+seconds+"999")
	if _, err := n.remove(t.Context(), "things", "a"); dataset.CodeOf(err) != dataset.Unavailable {
		t.Fatalf("a write is told %v", err)
	}
	r.Do("DEL", key)
	if _, err := n.remove(t.Context(), "others", "a"); dataset.CodeOf(err) != dataset.NotFound {
		t.Fatalf("a write to another one is told %v", err)
	}
}

// To ask for names of which there is no dataset takes no connection for each: the ports of this machine would run out, for each
// stays taken for a minute.
func TestQuestionsShareAConnection(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	put(t, n, "a")
	before, _ := strconv.Atoi(info(r, "total_connections_received"))
	for i := range 100 {
		if err := n.Reach(t.Context(), "none-"+strconv.Itoa(i), dataset.Latest); err != nil {
			t.Fatal(err)
		}
	}
	if after, _ := strconv.Atoi(info(r, "total_connections_received")); after > before+20 {
		t.Fatalf("Redis got %d connections", after-before)
	}
}

// Nor do such questions, however many, keep others waiting for longer than they want to while Redis stands still.
func TestQuestionsLeaveRoom(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL(), func(o *store.Options) { o.WriteTimeout = 8 * time.Second })
	put(t, n, "a")
	var all sync.WaitGroup
	defer all.Wait()
	r.Freeze()
	defer r.Thaw()
	var asked atomic.Int64
	for i := range 200 {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		all.Go(func() {
			defer cancel()
			asked.Add(1)
			_ = n.Reach(ctx, "none-"+strconv.Itoa(i), dataset.Latest)
		})
	}
	until(t, "they are under way", func() bool { return asked.Load() == 200 })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, _, err := n.Rejected(ctx, "things")
	if took := time.Since(begun); err == nil || took > 2*time.Second {
		t.Fatalf("after %v: %v", took, err)
	}
}
