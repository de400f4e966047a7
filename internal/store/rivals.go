package store

import (
	"sync/atomic"
	"time"
)

// rivals makes nodes that write to the same dataset at the same time take turns.
//
// Who has committed can commit again at once: it knows the state. Who lost has to take in
// that commit first, and would lose again, and again: of three nodes one would write
// and the others wait for as long as it has something to write. So who hears that another
// node lost against it lets that one go first.
//
// Losers say so without knowing it: the announcement of a version goes along with EXEC,
// whatever becomes of it. So a version that this node made and another one announces was
// fought for.
type rivals struct {
	news   chan struct{} // shared: another node has committed; holds one
	lost   atomic.Bool   // shared: another node lost against this one since its last commit
	told   atomic.Uint64 // shared: the last version that another node announced
	mine   atomic.Uint64 // shared: the last version that this node made
	theirs atomic.Uint64 // shared: the last one that another node made
}

// heard takes in the announcement of a version by another node.
func (r *rivals) heard(version uint64) {
	r.told.Store(version)
	switch mine := r.mine.Load(); {
	case version > mine:
		select {
		case r.news <- struct{}{}:
		default:
		}
	case version > r.theirs.Load():
		r.lost.Store(true)
	}
}

// made notes that this node made a version.
func (r *rivals) made(version uint64) {
	select {
	case <-r.news: // of before
	default:
	}
	r.mine.Store(version)
	if r.told.Load() == version { // heard before Redis's reply was
		r.lost.Store(true)
	}
}

// mostPatience is the longest that a node waits for another one to go first, which
// may have gone altogether.
const mostPatience = 5 * time.Millisecond

// giveWay waits for a node that lost against this one until it has committed, about as
// long as that takes at the most.
func (k *keeper) giveWay() {
	if !k.rivals.lost.Swap(false) {
		return
	}
	timer := time.NewTimer(min(time.Millisecond+4*k.crowd.took, mostPatience))
	defer timer.Stop()
	select {
	case <-k.rivals.news:
		k.disarm()
	case <-timer.C:
	case <-k.store.ctx.Done():
	}
}
