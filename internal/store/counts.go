package store

import "sync/atomic"

// counts is what happened since the store was made.
type counts struct {
	recoveries     atomic.Uint64
	committedAgain atomic.Uint64
	dropped        atomic.Uint64
}

// Counts is what happened in a store since it was made.
type Counts struct {
	Recoveries     uint64 // of datasets, by this node
	CommittedAgain uint64 // commits that Redis had lost and that this node wrote again
	Dropped        uint64 // commits of this node, or that it found in Redis, which are not in the history that the nodes went on with
}

// Counts tells what happened so far.
func (s *Store) Counts() Counts {
	return Counts{s.counts.recoveries.Load(), s.counts.committedAgain.Load(), s.counts.dropped.Load()}
}
