package store

import "time"

// crowd makes commits wait for those who are about to write.
//
// Clients that were answered together write again together, but one after the other
// reaches the keeper. If it began with the first one, that one would get a commit, and
// a sync of the append-only file, of its own, and all others would wait for it. If it
// waited for all, Redis would have nothing to do meanwhile, and then the clients. So a
// keeper whose last commits were shared waits for half as many writes as they had, for
// as long as a commit takes at the most: while those are committed the others come.
// Who writes alone waits for nobody. Only the keeper's goroutine uses it.
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
	expected := (k.crowd.last + k.crowd.before + 3) / 4
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
