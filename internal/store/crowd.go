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
//     all of them, until they come later than a commit takes, or 20 ms.
//
// Who writes alone waits for nobody. Only the keeper's goroutine uses it.
type crowd struct {
	last, before int       // who was answered with the last two commits
	answered     time.Time // when the one before was done
	sent, done   time.Time // the last one
	prompt       int       // how surely all are back soon, up to mostPrompt
}

const (
	// patience is the longest that half of the writers are waited for, and
	// longPatience all of them.
	patience     = 2 * time.Millisecond
	longPatience = 20 * time.Millisecond
	// worthwhile is what a commit takes at least where all are waited for: below that
	// it gains nothing, and those who come at any time would be answered later.
	worthwhile = time.Millisecond
	// mostPrompt is as much of crowd.prompt as is kept; half of it makes commits wait
	// for all.
	mostPrompt = 8
)

// committed takes note of a commit.
func (c *crowd) committed(answered int, sent, done time.Time) {
	c.last, c.before = answered, c.last
	c.answered, c.sent, c.done = c.done, sent, done
}

func (c *crowd) took() time.Duration { return c.done.Sub(c.sent) }

// half is how many writers to wait for while the others are about to come.
func (c *crowd) half() int { return (c.last + c.before + 3) / 4 }

// all is how many writers to wait for, those of a batch among them, where that pays;
// else 0. They are most of those who were answered last, for somebody is always late, and
// of those who just missed that commit. Who came later during it is none of them: they
// come at any time, and are not to be expected again.
func (c *crowd) all(batch []*request) int {
	if c.prompt < mostPrompt/2 || c.took() < worthwhile {
		return 0
	}
	size := c.last
	for _, r := range batch {
		if r.came.Sub(c.sent) < c.took()/4 {
			size++
		}
	}
	return size - size/16
}

// returned looks at a batch that came together while the last commit was under way: were
// those whom the commit before had answered back in less than half of its time, and soon
// enough to be waited for?
func (c *crowd) returned(batch []*request) {
	back := 0
	for _, r := range batch {
		if r.came.After(c.answered) && r.came.Sub(c.sent) < min(c.took()/2, longPatience) {
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
	if !batch[0].isUpdate() {
		return batch
	}
	c := &k.crowd
	if quiet && time.Since(c.done) > longPatience {
		c.prompt = 0 // they are not back soon
	}
	switch all := c.all(batch); {
	case all > len(batch):
		batch = k.await(batch, all, min(c.took(), longPatience))
		if k.held == nil { // else nobody knows who would have come
			c.count(len(batch) >= all)
		}
	case all > 0:
	case quiet:
		batch = k.await(batch, c.half(), min(c.took(), patience))
	default:
		c.returned(batch)
	}
	return batch
}

// await adds updates to a batch until it has as many as expected, somebody comes who wants
// something else, or the time is over.
func (k *keeper) await(batch []*request, expected int, patience time.Duration) []*request {
	expected = min(expected, maxChanges)
	if len(batch) >= expected {
		return batch
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
			return batch
		case <-k.store.ctx.Done():
			return batch
		}
	}
	return batch
}
