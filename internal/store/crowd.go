package store

import "time"

// crowd makes commits wait for those who are about to write.
//
// Clients that were answered together write again together, but one after the other
// reaches the keeper. If it began with the first one, that one would get a commit, and
// a sync of the append-only file, of its own, and all others would wait for it. How many
// to wait for depends on what a commit takes:
//
//   - Where a sync is quick, Redis and the clients are best busy at the same time: a
//     keeper that nobody waits for lets half as many come together as the last commits
//     had, and while those are committed the others come.
//   - Where a sync is slow, as on most disks, clients are back long before a commit is
//     done, and half of them in each commit is twice as many syncs. So once they have
//     been back in less than half of its time for a few commits, the next ones wait for
//     all of them, for as long as they come back sooner than a commit takes.
//
// Who writes alone waits for nobody. Only the keeper's goroutine uses it.
type crowd struct {
	last, before int       // writes of the last two commits
	waiting      int       // how many waited for their turn when the last commit was done
	answered     time.Time // when the commit before was done
	sent, done   time.Time // the last commit
	prompt       int       // how surely all are back soon, up to mostPrompt
}

const (
	// patience is the longest that half of the writers are waited for, and
	// longPatience all of them.
	patience     = 2 * time.Millisecond
	longPatience = 20 * time.Millisecond
	// mostPrompt and half of it: so much of crowd.prompt is kept, and makes commits
	// wait for all.
	mostPrompt = 8
)

// committed takes note of a commit, and of how many waited for their turn when it was done.
func (c *crowd) committed(writes, waiting int, sent, done time.Time) {
	c.last, c.before, c.waiting = writes, c.last, waiting
	c.answered, c.sent, c.done = c.done, sent, done
}

func (c *crowd) took() time.Duration { return c.done.Sub(c.sent) }

// half is how many writers to wait for while the others are about to come.
func (c *crowd) half() int { return (c.last + c.before + 3) / 4 }

// all is how many writers to wait for where that pays, else 0: most of those who were
// answered last or waited meanwhile, for somebody is always late.
func (c *crowd) all() int {
	if c.prompt < mostPrompt/2 {
		return 0
	}
	size := c.last + c.waiting
	return size - size/16
}

// returned looks at a batch that came together while the last commit was under way: were
// those whom the commit before had answered back in less than half of its time?
func (c *crowd) returned(batch []*request) {
	back := 0
	for _, r := range batch {
		if r.came.After(c.answered) && r.came.Sub(c.sent) < c.took()/2 {
			back++
		}
	}
	c.count(c.before > 0 && back >= c.before-c.before/8)
}

// count takes note of whether the writers were back soon.
func (c *crowd) count(soon bool) {
	if soon {
		c.prompt = min(c.prompt+1, mostPrompt)
	} else {
		c.prompt = max(c.prompt-2, 0)
	}
}

// assemble adds the updates that are about to come to a batch, until it has as many as
// are waited for. Half of them are waited for only where it was quiet before the batch.
func (k *keeper) assemble(batch []*request, quiet bool) []*request {
	c := &k.crowd
	switch {
	case !batch[0].isUpdate():
	case quiet && time.Since(c.done) > longPatience:
		c.prompt = 0 // they are not about to come
	case c.all() > 0:
		var came bool
		batch, came = k.await(batch, c.all(), min(c.took(), longPatience))
		c.count(came)
	case quiet:
		batch, _ = k.await(batch, c.half(), min(c.took(), patience))
	default:
		c.returned(batch)
	}
	return batch
}

// await adds updates to a batch until it has as many as expected, somebody comes who wants
// something else, or the time is over. It says whether it has as many.
func (k *keeper) await(batch []*request, expected int, patience time.Duration) ([]*request, bool) {
	expected = min(expected, maxChanges)
	if expected < 2 || len(batch) >= expected {
		return batch, true
	}
	over := time.NewTimer(patience)
	defer over.Stop()
	for len(batch) < expected && k.held == nil {
		select {
		case r := <-k.requests:
			if r.isUpdate() {
				batch = append(batch, r)
			} else {
				k.held = r
			}
		case <-over.C:
			return batch, false
		case <-k.store.ctx.Done():
			return batch, false
		}
	}
	return batch, true
}
