package store

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"
)

// counts is what happened since the store was made.
type counts struct {
	recoveries     atomic.Uint64
	committedAgain atomic.Uint64
	dropped        atomic.Uint64
	recovering     atomic.Int64 // nanoseconds that recoveries took, together
	unconfirmed    atomic.Uint64
}

// Counts is what happened in a store since it was made.
type Counts struct {
	Recoveries     uint64        // of datasets, by this node
	CommittedAgain uint64        // commits that Redis had lost and that this node wrote again
	Dropped        uint64        // commits of this node, or found in Redis, that are not in the history that the nodes went on with
	Recovering     time.Duration // that recoveries took, together
	Unconfirmed    uint64        // writes that were committed and did not get as safe as was asked in time
}

// Counts tells what happened so far.
func (s *Store) Counts() Counts {
	return Counts{
		s.counts.recoveries.Load(), s.counts.committedAgain.Load(), s.counts.dropped.Load(),
		time.Duration(s.counts.recovering.Load()), s.counts.unconfirmed.Load(),
	}
}

// DatasetCounts is where a dataset stands on this node.
type DatasetCounts struct {
	Name    string
	Version uint64
	Term    uint64
	Records int
	Commits uint64        // by this node
	Writes  uint64        // in them
	Behind  uint64        // versions that Redis had more at the last look
	Since   time.Duration // for how long looks have found it so; 0: they have not
}

// Datasets tells where the datasets that exist stand, in order of their names.
func (s *Store) Datasets() []DatasetCounts {
	var list []DatasetCounts
	for _, k := range s.all() {
		m := k.published.Load()
		if !m.Exists() {
			continue
		}
		d := DatasetCounts{Name: k.name, Version: m.Version, Term: m.Term, Records: m.Count, Commits: k.commits.Load(), Writes: k.writes.Load()}
		if b := k.behind.Load(); b != nil && b.version > m.Version {
			d.Behind, d.Since = b.version-m.Version, time.Since(b.since)
		}
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b DatasetCounts) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// behind is what a look at Redis found ahead of the copy.
type behind struct {
	version uint64
	since   time.Time // since when looks have found the copy behind
}

// lagging notes the version that a look found in Redis. Only the watcher calls it.
func (k *keeper) lagging(version uint64) {
	if version <= k.published.Load().Version {
		k.behind.Store(nil)
		return
	}
	since := time.Now()
	if b := k.behind.Load(); b != nil {
		since = b.since
	}
	k.behind.Store(&behind{version, since})
}

// Peers tells how many other nodes are alive, as far as is known.
func (s *Store) Peers() int { return len(s.peers.alive()) }
