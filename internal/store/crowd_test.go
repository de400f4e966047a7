package store

import (
	"context"
	"testing"
	"time"

	"landings/internal/dataset"
)

const writers = 32 // in each of two commits that take turns

// turns plays commits of half of the writers each, the other half of whom comes while one is
// under way.
func (c *crowd) turns(n int, took, back time.Duration) {
	now := c.done
	if now.IsZero() {
		now = time.Now()
	}
	for range n {
		sent := now
		now = now.Add(took)
		c.committed(writers, sent, now)
		c.returned(c.batch(writers, back))
	}
}

// batch gives requests that came within a time since the last commit was sent.
func (c *crowd) batch(n int, within time.Duration) []*request {
	batch := make([]*request, n)
	for i := range batch {
		batch[i] = update()
		batch[i].came = c.sent.Add(within * time.Duration(i+1) / time.Duration(n))
	}
	return batch
}

func update() *request {
	return &request{decide: func(dataset.Record, bool) (dataset.Edit, error) { return dataset.Edit{}, nil }, came: time.Now()}
}

// Commits wait for all who write where these are back in less than half of what a commit takes.
func TestCrowdWaitsWhereItPays(t *testing.T) {
	for _, c := range []struct {
		name       string
		took, back time.Duration
		all        bool
	}{
		{"a slow sync", 10 * time.Millisecond, time.Millisecond, true},
		{"a quick sync", 500 * time.Microsecond, 400 * time.Microsecond, false},
		{"a quick sync, and quicker clients", 900 * time.Microsecond, 100 * time.Microsecond, false},
		{"slow clients", 10 * time.Millisecond, 8 * time.Millisecond, false},
		{"a very slow sync, and clients that are not worth the longest wait", 60 * time.Millisecond, 29 * time.Millisecond, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var crowd crowd
			crowd.turns(10, c.took, c.back)
			all := crowd.all(crowd.batch(writers, c.took/5))
			if c.all && (all < writers*7/4 || all >= 2*writers) || !c.all && all != 0 {
				t.Fatalf("%d of %d are waited for", all, 2*writers)
			}
		})
	}
}

// Those who come at any time are not expected again, and who stays away is not taken for quick.
func TestCrowdIsOfThoseWhoReturn(t *testing.T) {
	var crowd crowd
	crowd.turns(10, 10*time.Millisecond, time.Millisecond)
	strangers := crowd.batch(writers, 10*time.Millisecond)
	if all := crowd.all(strangers); all > writers*5/4 {
		t.Errorf("%d are waited for, of whom %d were answered and a quarter of the others just missed that", all, writers)
	}
	crowd.prompt = 0
	for range 10 {
		now := crowd.done.Add(10 * time.Millisecond)
		crowd.committed(writers, crowd.done, now)
		crowd.returned(crowd.batch(3, time.Millisecond))
	}
	if all := crowd.all(nil); all != 0 {
		t.Errorf("%d are waited for where three of %d come back", all, writers)
	}
	// Nor is somebody who came before the commit whose writers are looked for was answered.
	crowd.prompt = 0
	for range 10 {
		now := crowd.done.Add(10 * time.Millisecond)
		crowd.committed(writers, crowd.done, now)
		early := crowd.batch(writers, time.Millisecond)
		for _, r := range early {
			r.came = crowd.answered.Add(-time.Millisecond)
		}
		crowd.returned(early)
	}
	if all := crowd.all(nil); all != 0 {
		t.Errorf("%d are waited for who had waited before", all)
	}
}

// crowded gives a keeper whose writers are back soon.
func crowded(t *testing.T) *keeper {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	k := &keeper{store: &Store{ctx: ctx}, requests: make(chan *request, 100)}
	k.crowd.done = time.Now().Add(-10*10*time.Millisecond - time.Millisecond)
	k.crowd.turns(10, 10*time.Millisecond, time.Millisecond)
	return k
}

// All who write are waited for, and no longer once they were late for a few times.
func TestAssembleAll(t *testing.T) {
	k := crowded(t)
	for range 2 * writers {
		k.requests <- update()
	}
	prompt := k.crowd.prompt
	if n := len(k.assemble([]*request{update()}, false)); n < writers*7/8 || n > writers {
		t.Fatalf("the batch has %d of the %d who were answered", n, writers)
	}
	if k.crowd.prompt < prompt {
		t.Fatal("they were there, and count as late")
	}
	k = crowded(t)
	waits := 0
	for ; k.crowd.all(nil) > 0 && waits < mostPrompt; waits++ {
		if n := len(k.assemble([]*request{update()}, false)); n != 1 {
			t.Fatalf("a batch of %d where nobody came", n)
		}
	}
	if waits > mostPrompt/2 {
		t.Fatalf("%d waits in vain", waits)
	}
}

// A switch or drop that comes ends the wait, is served next, and says nothing of who would have come.
func TestAssembleEnds(t *testing.T) {
	k := crowded(t)
	drop, other := &request{drop: true}, &request{drop: true}
	k.requests <- update()
	k.requests <- drop
	k.requests <- other
	prompt := k.crowd.prompt
	if n := len(k.assemble([]*request{update()}, false)); n != 2 {
		t.Fatalf("a batch of %d", n)
	}
	if k.held != drop || len(k.requests) != 1 || k.crowd.prompt != prompt {
		t.Fatalf("held is %p, not %p; %d wait; prompt was %d and is %d", k.held, drop, len(k.requests), prompt, k.crowd.prompt)
	}
	if n := len(k.assemble([]*request{other}, false)); n != 1 {
		t.Fatalf("a drop with %d others", n-1)
	}
}

// After a while in which nobody wrote only half are waited for, and who has written alone waits for nobody.
func TestAssembleAfterQuiet(t *testing.T) {
	k := crowded(t)
	k.crowd.sent, k.crowd.done = k.crowd.sent.Add(-time.Second), k.crowd.done.Add(-time.Second)
	for range 2 * writers {
		k.requests <- update()
	}
	if n := len(k.assemble([]*request{update()}, true)); n != writers/2 {
		t.Fatalf("the batch has %d, not half of %d", n, writers)
	}
	if k.crowd.all(nil) != 0 {
		t.Fatal("they are waited for after a second")
	}
	k.crowd.last, k.crowd.before = 1, 1
	if n := len(k.assemble([]*request{update()}, true)); n != 1 || len(k.requests) == 0 {
		t.Fatalf("a batch of %d where one wrote", n)
	}
}
