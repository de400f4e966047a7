package store

import "landings/internal/dataset"

// Replica is the node's own copy of one dataset: what writes are checked
// against, what readers see, and what Redis is healed from. Only the dataset's
// keeper calls it, but for Prepare; each of Replace, Apply and Clear makes one new
// version visible to readers at once.
type Replica interface {
	// State describes the copy's version.
	State() dataset.State
	// Lookup gives the record with an id.
	Lookup(id string) (dataset.Record, bool)
	// Records gives the whole copy; what it returns never changes.
	Records() dataset.Sequence
	// Replace puts another content in place.
	Replace(state dataset.State, records dataset.Sequence)
	// Prepare does beforehand what takes time of Replace, while a load is still on its
	// way to Redis, and gives the function for the rest. It is safe for concurrent use.
	Prepare(records dataset.Sequence) (replace func(state dataset.State))
	// Apply makes the changes of one commit; where an id occurs twice, the later
	// change wins.
	Apply(state dataset.State, changes []dataset.Change)
	// Clear empties the copy: the dataset was deleted or never was.
	Clear(state dataset.State)
}
