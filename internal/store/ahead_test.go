//go:build e2e

package store_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"landings/internal/dataset"
	"landings/internal/redistest"
	"landings/internal/store"
)

// generations gives the keys of a dataset's buckets, counted by generation.
func generations(r *redistest.Server, name string) map[string]int {
	found := map[string]int{}
	for key := range strings.Lines(r.Do("KEYS", "landings:{"+name+"}:g*:*")) {
		found[strings.Split(strings.TrimSpace(key), ":")[2]]++
	}
	delete(found, "")
	return found
}

// stagedIn waits until Redis holds a number of a generation's buckets.
func stagedIn(t *testing.T, r *redistest.Server, generation string, buckets int) {
	t.Helper()
	until(t, "buckets are staged", func() bool { return generations(r, "things")[generation] == buckets })
}

// given is a bucket as it is handed over.
func given(b *dataset.Bucket) (made func() *dataset.Bucket) {
	return func() *dataset.Bucket { return b }
}

func TestLoadAhead(t *testing.T) {
	first := load(1000, "first")
	const buckets = 2500 // so many that the bound on their numbers has to be raised on the way
	holdsFirst := func(t *testing.T, r *redistest.Server) {
		t.Helper()
		if _, digest, _ := inRedis(t, r, "things"); digest != first.Records.Digest() {
			t.Fatal("other records")
		}
	}
	many := func(ahead dataset.Ahead) {
		for i := range uint64(buckets) {
			ahead(given(dataset.NewBucket(i, []dataset.Record{{ID: strconv.FormatUint(i, 10), Position: i * dataset.BucketSize, JSON: []byte("{}")}})))
		}
	}
	t.Run("staged while it is read", func(t *testing.T) {
		r := redistest.Start(t, "--save", "")
		n := start(t, r.URL())
		state, err := n.Load(t.Context(), "things", func(ahead dataset.Ahead) (dataset.Load, error) {
			for i, b := range first.Records[:3] {
				ahead(given(b))
				stagedIn(t, r, "g1", i+1)
			}
			if n.copyOf("things").State().Exists() {
				t.Error("the dataset exists before it is read")
			}
			return first, nil
		}, nil)
		if err != nil || state.Generation != 1 || state.Count != 1000 {
			t.Fatal(state, err)
		}
		if count, digest, source := inRedis(t, r, "things"); count != 1000 || digest != first.Records.Digest() || source != "first" {
			t.Fatal(count, digest, source)
		}
	})
	t.Run("other ids in the end", func(t *testing.T) {
		r := redistest.Start(t, "--save", "")
		n := start(t, r.URL())
		state, err := n.Load(t.Context(), "things", func(ahead dataset.Ahead) (dataset.Load, error) {
			for _, b := range load(1000, "wrong").Records {
				ahead(given(b))
			}
			stagedIn(t, r, "g1", 4)
			return first, nil
		}, nil)
		if err != nil || state.Generation != 2 {
			t.Fatal(state, err)
		}
		holdsFirst(t, r)
		if found := generations(r, "things"); len(found) != 1 || found["g2"] != 4 {
			t.Fatalf("left over: %v", found)
		}
	})
	t.Run("fewer in the end", func(t *testing.T) {
		r := redistest.Start(t, "--save", "")
		n := start(t, r.URL())
		fewer := first
		fewer.Records = first.Records[:2]
		state, err := n.Load(t.Context(), "things", func(ahead dataset.Ahead) (dataset.Load, error) {
			for _, b := range first.Records {
				ahead(given(b))
			}
			stagedIn(t, r, "g1", 4)
			return fewer, nil
		}, nil)
		if err != nil || state.Generation != 2 || state.Count != 512 {
			t.Fatal(state, err)
		}
		if found := generations(r, "things"); len(found) != 1 || found["g2"] != 2 {
			t.Fatalf("left over: %v", found)
		}
	})
	t.Run("bad in the end", func(t *testing.T) {
		r := redistest.Start(t, "--save", "")
		n := start(t, r.URL())
		if _, err := n.Replace(t.Context(), "things", first, nil); err != nil {
			t.Fatal(err)
		}
		bad := errors.New("the input is bad")
		_, err := n.Load(t.Context(), "things", func(ahead dataset.Ahead) (dataset.Load, error) {
			many(ahead)
			stagedIn(t, r, "g2", buckets)
			return dataset.Load{}, bad
		}, nil)
		if err != bad {
			t.Fatalf("got %v", err)
		}
		if found := generations(r, "things"); len(found) != 1 || found["g1"] != 4 {
			t.Fatalf("left over: %v", found)
		}
		if _, digest, _ := inRedis(t, r, "things"); digest != first.Records.Digest() || n.copyOf("things").Records().Digest() != digest {
			t.Fatal("what was there is not what it was")
		}
	})
	t.Run("its writer is gone", func(t *testing.T) {
		r := redistest.Start(t, "--save", "")
		p := newProxy(t, r.Addr(), seeded(t))
		short := func(o *store.Options) { o.Lease = 300 * time.Millisecond }
		n, m := start(t, "redis://"+p.addr, short), start(t, r.URL(), named("another", short))
		_, _ = n.Load(t.Context(), "things", func(ahead dataset.Ahead) (dataset.Load, error) {
			// It dies when its first bucket above the first bound has arrived.
			p.last.Store("landings:{things}:g1:1024\r\n")
			many(ahead)
			until(t, "it is cut off", p.shut.Load)
			until(t, "the bucket is there", func() bool { return r.Do("EXISTS", "landings:{things}:g1:1024") == "1" })
			until(t, "another node has collected all of it", func() bool {
				// Every load looks around.
				if _, err := m.Replace(t.Context(), "things", load(1, "x"), nil); err != nil {
					t.Fatal(err)
				}
				return generations(r, "things")["g1"] == 0
			})
			return dataset.Load{}, errors.New("gone")
		}, nil)
	})
	t.Run("refused in the end", func(t *testing.T) {
		r := redistest.Start(t, "--save", "")
		n := start(t, r.URL())
		refusal := &dataset.Error{Code: dataset.PreconditionFailed, Message: "no"}
		_, err := n.Load(t.Context(), "things", func(ahead dataset.Ahead) (dataset.Load, error) {
			ahead(given(first.Records[0]))
			stagedIn(t, r, "g1", 1)
			return first, nil
		}, func(dataset.State) error { return refusal })
		if dataset.CodeOf(err) != dataset.PreconditionFailed {
			t.Fatalf("got %v", err)
		}
		if found := generations(r, "things"); len(found) != 0 {
			t.Fatalf("left over: %v", found)
		}
	})
	t.Run("slower than its lease", func(t *testing.T) {
		r := redistest.Start(t, "--save", "")
		n := start(t, r.URL(), func(o *store.Options) { o.Lease = 600 * time.Millisecond })
		state, err := n.Load(t.Context(), "things", func(ahead dataset.Ahead) (dataset.Load, error) {
			ahead(given(first.Records[0]))
			stagedIn(t, r, "g1", 1)
			// Every other load collects what it takes for abandoned.
			for begun := time.Now(); time.Since(begun) < 2*time.Second; {
				if _, err := n.Replace(t.Context(), "things", load(1, "between"), nil); err != nil {
					t.Fatal(err)
				}
			}
			return first, nil
		}, nil)
		if err != nil || state.Generation != 1 {
			t.Fatal(state, err)
		}
		holdsFirst(t, r)
	})
	t.Run("over a slow link", func(t *testing.T) {
		r := redistest.Start(t, "--save", "")
		p := newProxy(t, r.Addr(), seeded(t))
		p.rate.Store(4 << 20)
		short := func(o *store.Options) { o.Lease = 900 * time.Millisecond }
		n, m := start(t, "redis://"+p.addr, short), start(t, r.URL(), named("another", short))
		large := load(6*dataset.BucketSize, strings.Repeat("x", 8000)) // buckets of 2 MB
		done := make(chan error, 1)
		go func() {
			state, err := n.Replace(t.Context(), "things", large, nil)
			if err == nil && state.Generation != 1 {
				err = fmt.Errorf("it was written again: generation %d", state.Generation)
			}
			done <- err
		}()
		until(t, "it has begun", func() bool { return r.Do("HEXISTS", "landings:{things}:gens", "1") == "1" })
		others := time.NewTicker(300 * time.Millisecond)
		defer others.Stop()
		for {
			select {
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
				return
			case <-others.C:
				// Every other load collects what it takes for abandoned.
				if _, err := m.Replace(t.Context(), "things", load(1, "between"), nil); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
	t.Run("Redis refuses the first", func(t *testing.T) {
		r := redistest.Start(t, "--save", "")
		n := start(t, r.URL())
		r.Do("SET", "landings:{things}:g1:0", "of another type")
		state, err := n.Load(t.Context(), "things", func(ahead dataset.Ahead) (dataset.Load, error) {
			ahead(given(first.Records[0]))
			until(t, "what was begun is let go of", func() bool { return generations(r, "things")["g1"] == 0 })
			return first, nil
		}, nil)
		if err != nil || state.Generation != 2 {
			t.Fatal(state, err)
		}
		holdsFirst(t, r)
	})
	t.Run("Redis dies below it", func(t *testing.T) {
		r := redistest.Start(t, "--save", "")
		n := start(t, r.URL())
		state, err := n.Load(t.Context(), "things", func(ahead dataset.Ahead) (dataset.Load, error) {
			ahead(given(first.Records[0]))
			stagedIn(t, r, "g1", 1)
			r.Kill()
			ahead(given(first.Records[1]))
			r.Up()
			return first, nil
		}, nil)
		if err != nil || state.Count != 1000 {
			t.Fatal(state, err)
		}
		holdsFirst(t, r)
	})
}

// A reader that gives up by a panic leaves nothing behind either.
func TestLoadAheadPanics(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	n := start(t, r.URL())
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_, _ = n.Load(t.Context(), "things", func(ahead dataset.Ahead) (dataset.Load, error) {
			ahead(given(load(256, "x").Records[0]))
			stagedIn(t, r, "g1", 1)
			panic("a fault of ours")
		}, nil)
	}()
	if found := generations(r, "things"); len(found) != 0 {
		t.Fatalf("left over: %v", found)
	}
}
