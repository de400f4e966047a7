package redisserver

import "time"

// This file releases large values away from the commands that drop them, as UNLINK
// and the parameters lazyfree-* promise: a set of a million members is a million
// blocks, which take the better part of a second to free.

const (
	lazyEffort  = 64                     // blocks from which a value is released later, as in Redis
	lazyStep    = 500 * time.Microsecond // how long the lock is held for it at a time
	lazyPause   = 2 * time.Millisecond   // between the steps
	lazyBacklog = 4 << 20                // blocks that may wait; beyond it who drops more releases as many
)

// unlinked is a value without a key whose blocks wait to be released.
type unlinked struct {
	o      object
	blocks int // about how many there were
}

// lazily runs drop with values that it drops set aside, if lazy says so.
func (e *Engine) lazily(lazy bool, drop func()) {
	was := e.lazy
	e.lazy = lazy
	drop()
	e.lazy = was
}

// setAside keeps a dropped object to be released later, or says that it is too small
// for that or that it is not the time.
func (e *Engine) setAside(o object) bool {
	if !e.lazy {
		return false
	}
	n := o.blocks()
	if n <= lazyEffort {
		return false
	}
	e.unlinked = append(e.unlinked, unlinked{o, n})
	if e.unlinkedBlocks += n; e.unlinkedBlocks > lazyBacklog {
		e.releaseUnlinked(n)
	}
	return true
}

// releaseUnlinked releases about n blocks of the values set aside, and says whether
// all of them are gone.
func (e *Engine) releaseUnlinked(n int) bool {
	for len(e.unlinked) > 0 && n > 0 {
		u := e.unlinked[0]
		left := n
		if !u.o.releaseSome(&left) {
			return false
		}
		n = min(left, n-1)
		e.unlinkedBlocks -= u.blocks
		e.unlinked[0] = unlinked{}
		e.unlinked = e.unlinked[1:]
		e.stats.lazyFreed++
	}
	return len(e.unlinked) == 0
}

// releaseStep goes on releasing for one step's time; true: nothing is left.
func (e *Engine) releaseStep() bool {
	if len(e.unlinked) == 0 {
		return true
	}
	for deadline := time.Now().Add(lazyStep); !e.releaseUnlinked(256); {
		if !time.Now().Before(deadline) {
			return false
		}
	}
	e.trimming = true
	return true
}
