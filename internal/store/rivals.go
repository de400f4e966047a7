package store

import (
	"sync"
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
// fought for. All of it is shared.
type rivals struct {
	news chan struct{} // another node announced a later version than this node made; holds one

	mu     sync.Mutex
	told   map[string]uint64   // guarded by mu, by node: the last version that it announced
	lost   map[string]struct{} // guarded by mu: nodes that lost against this one and have not committed since
	mine   uint64              // guarded by mu: the last version that this node made
	theirs uint64              // guarded by mu: the last one that another node made, as far as was taken in
	active time.Time           // guarded by mu: when another node last announced or made one
}

func newRivals() *rivals {
	return &rivals{news: make(chan struct{}, 1), told: map[string]uint64{}, lost: map[string]struct{}{}}
}

// heard takes in the announcement of a version by another node.
func (r *rivals) heard(node string, version uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told[node], r.active = version, time.Now()
	switch {
	case version > r.mine:
		select {
		case r.news <- struct{}{}:
		default:
		}
	case version > r.theirs:
		r.lost[node] = struct{}{}
	}
}

// committed notes that another node made a version.
func (r *rivals) committed(node string, version uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.theirs, r.active = version, time.Now()
	delete(r.lost, node)
}

// made notes that this node made a version.
func (r *rivals) made(version uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mine = version
	for node, told := range r.told {
		if told == version { // heard before Redis's reply was
			r.lost[node] = struct{}{}
		}
	}
	select {
	case <-r.news: // it was of before, or of that
	default:
	}
}

// alone says that no other node has tried to write lately.
func (r *rivals) alone() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Since(r.active) > lately
}

// lately is for how long a node that wrote is expected to write again.
const lately = 100 * time.Millisecond

// losers says how many nodes have a turn before this one.
func (r *rivals) losers() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.lost)
}

// forgive forgets those who did not take their turn.
func (r *rivals) forgive() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.lost)
	clear(r.told)
}

// mostPatience is the longest that a node waits for others to go first, which may have
// gone altogether.
const mostPatience = 5 * time.Millisecond

// giveWay waits for the nodes that lost against this one until they have committed, about as
// long as that takes at the most.
func (k *keeper) giveWay() {
	if k.rivals.losers() == 0 {
		return
	}
	timer := time.NewTimer(min(time.Millisecond+4*k.crowd.took(), mostPatience))
	defer timer.Stop()
	for k.rivals.losers() > 0 {
		select {
		case <-k.rivals.news:
			k.disarm()
			if k.sync(k.store.ctx) != nil { // it tells who committed
				return
			}
		case <-timer.C:
			k.rivals.forgive()
		case <-k.store.ctx.Done():
			return
		}
	}
}
