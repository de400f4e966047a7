package readmodel

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// Who cannot wait gets what is kept, makes the rest himself, and leaves it to be kept as
// others do.
func TestResultsTry(t *testing.T) {
	r := NewResults(100_000)
	key := Key{Dataset: "d", Epoch: "e", Version: 1, Text: "a"}
	fails := errors.New("no time")
	made := 0
	try := func(err error) {
		t.Helper()
		if got, shared, e := r.Try(key, func() (any, int64, error) { made++; return "b", 10_000, err }); !errors.Is(e, err) || err == nil && got != "b" || shared != (made > 1) {
			t.Fatalf("%v, %v, %v", got, shared, e)
		}
	}
	try(fails)
	try(fails)
	if made != 2 || r.Bytes() != 0 {
		t.Errorf("a failure is kept: %d, %d bytes", made, r.Bytes())
	}
	begun, release := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		_, _ = r.Get(key, func() (any, int64, error) { close(begun); <-release; return "b", 10_000, nil })
	})
	<-begun
	try(nil) // though another is at it
	close(release)
	group.Wait()
	try(nil)
	if made != 3 || r.Bytes() < 10_000 {
		t.Errorf("made %d times, %d bytes kept", made, r.Bytes())
	}
}

func TestResults(t *testing.T) {
	r := NewResults(100_000)
	made := 0
	ask := func(version uint64, text string) {
		t.Helper()
		key := Key{Dataset: "d", Epoch: "e", Version: version, Text: fmt.Sprint(version, text)}
		got, err := r.Get(key, func() (any, int64, error) { made++; return text, 10_000, nil })
		if err != nil || got != text {
			t.Fatalf("%v, %v", got, err)
		}
	}
	ask(1, "a")
	if r.Bytes() != 0 {
		t.Error("an answer is kept that was asked for once")
	}
	ask(1, "a")
	ask(1, "a")
	if made != 2 || r.Bytes() < 10_000 {
		t.Errorf("made %d times, %d bytes kept", made, r.Bytes())
	}
	ask(1, "b")
	ask(1, "b")
	for i := range 7 {
		ask(2, fmt.Sprint(i))
		ask(2, fmt.Sprint(i))
	}
	made = 0
	ask(1, "b")
	for i := range 7 {
		ask(2, fmt.Sprint(i))
	}
	if made != 0 {
		t.Errorf("%d of 8 answers that fit were made again", made)
	}
	// One more: it is an answer of the old version that goes, the one not used.
	ask(2, "7")
	ask(2, "7")
	made = 0
	for i := range 8 {
		ask(2, fmt.Sprint(i))
	}
	if made != 0 {
		t.Errorf("%d answers of the present version were made again", made)
	}
	ask(1, "a")
	if made != 1 {
		t.Error("the answer of the old version is still there")
	}
	if r.Bytes() > 100_000 {
		t.Errorf("%d bytes are kept", r.Bytes())
	}
	key := Key{Dataset: "d", Epoch: "e", Version: 2, Text: "bad"}
	for range 2 {
		if _, err := r.Get(key, func() (any, int64, error) { return nil, 0, errors.New("bad") }); err == nil {
			t.Error("an error was lost")
		}
	}
	if got, err := r.Get(key, func() (any, int64, error) { return "good", 1, nil }); err != nil || got != "good" {
		t.Error("an error was kept")
	}
}

// Many who ask the same at the same time get one answer.
func TestResultsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewResults(1000)
		var made atomic.Int64
		release := make(chan struct{})
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				got, err := r.Get(Key{Text: "k"}, func() (any, int64, error) {
					made.Add(1)
					<-release
					return 1, 1 << 40, nil // too large to be kept
				})
				if err != nil || got != 1 {
					t.Errorf("%v, %v", got, err)
				}
			})
		}
		synctest.Wait() // all of them wait
		close(release)
		group.Wait()
		if n := made.Load(); n != 1 || r.Bytes() != 0 {
			t.Errorf("made %d times, %d bytes kept", n, r.Bytes())
		}
	})
}
