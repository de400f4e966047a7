package store

import "time"

// crowd makes commits wait for those who are about to write.
//
// Clients that write one after the other come back together when a commit answers
// them. The first to come back would get a commit of its own, and all others would
// wait for it and then for theirs: each pair of commits, and of syncs of the
// append-only file, would do the work of one. So a keeper whose last commits were
// shared waits for as many writes as they had, for as long as a commit takes at the
// most. Who writes alone waits for nobody. Only the keeper's goroutine uses it.
type crowd struct {
	last, before int           // writes of the last two commits
	took         time.Duration // the last commit, until Redis had answered
}

// patience is the longest that a commit waits for more writes.
const patience = 2 * time.Millisecond

// committed takes note of a commit.
func (c *crowd) committed(writes int, took time.Duration) {
	c.last, c.before, c.took = writes, c.last, took
}

// assemble adds the updates that are about to come to a batch of one.
func (k *keeper) assemble(batch []*request) []*request {
	expected := max(k.crowd.last, k.crowd.before)
	if expected < 2 || !batch[0].isUpdate() {
		return batch
	}
	patience := time.NewTimer(min(k.crowd.took, patience))
	defer patience.Stop()
	for len(batch) < min(expected, maxChanges) && k.held == nil {
		select {
		case r := <-k.requests:
			if r.isUpdate() {
				batch = append(batch, r)
			} else {
				k.held = r
			}
		case <-patience.C:
			return batch
		case <-k.store.ctx.Done():
			return batch
		}
	}
	return batch
}
