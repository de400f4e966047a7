package store

import (
	"slices"

	"landings/internal/dataset"
)

// forked gives those of some commits, which are ascending and without gaps, that another history does not have.
// Of that one, kept are the commits that are known, the last of them makes end.
func forked(commits, kept []*commit, end dataset.State) []*commit {
	chains := make(map[uint64]dataset.Chain, len(kept)+1)
	for _, c := range kept {
		chains[c.after.Version] = c.after.Chain
	}
	chains[end.Version] = end.Chain
	for i, c := range slices.Backward(commits) {
		if chain, ok := chains[c.after.Version]; ok && chain == c.after.Chain {
			return commits[i+1:]
		}
		if len(kept) > 0 && kept[0].follows(c.after) {
			return commits[i+1:]
		}
	}
	return commits
}

// follows says whether the commit is the one after a state.
func (c *commit) follows(s dataset.State) bool {
	return c.after.Version == s.Version+1 && c.next(s.Chain) == c.after.Chain
}

// history gives commits that end at a state; the state alone where they are not known.
func history(commits []*commit, end meta) []*commit {
	if len(commits) == 0 {
		return []*commit{{after: end.State, term: end.Term}}
	}
	return commits
}

// reckon counts and tells which of the node's commits are not in the history that it
// takes over now: m with its tail.
func (k *keeper) reckon(m meta, tail []*commit) {
	if !k.known || k.state.Epoch == "" || k.state.mark() == m.mark() {
		return
	}
	if m.Epoch == k.state.Epoch && m.Term == k.state.Term && m.Version > k.state.Version && (len(tail) == 0 || tail[0].after.Version > k.state.Version+1) {
		// This node was only behind, and behind the stream's trim: within a term a history is one, as
		// long as two nodes that do not hear each other do not both begin it.
		return
	}
	dropped := forked(history(k.tail.all(), k.state), tail, m.State)
	if len(dropped) > 0 {
		k.parted.Store(&parting{k.state.Epoch, dropped[0].after.Version, k.state.Version, m.State})
	}
	k.tell("Redis has a later history than this node: commits of the node were dropped", dropped, k.state, m)
}

// parting is where a copy left its history, of an epoch, for another one, and the versions that it dropped.
type parting struct {
	epoch       string
	first, last uint64
	to          dataset.State
}

// dropped says whether the commit that made a state was dropped when the copy last took over another history.
func (k *keeper) dropped(at dataset.State) bool {
	p := k.parted.Load()
	return p != nil && p.epoch == at.Epoch && at.Version >= p.first && at.Version <= p.last &&
		(p.to.Epoch != at.Epoch || at.Term < p.to.Term || p.to.Version > p.last)
}

// overwritten gives the commits that Redis has, at m with its tail, and that are not in
// the node's history.
func (k *keeper) overwritten(m meta, tail []*commit) []*commit {
	if m.Epoch == "" {
		return nil
	}
	if m.Epoch == k.state.Epoch && m.Version+1 < k.tail.first() {
		return nil // an old save: it ends before what the node can compare
	}
	return forked(history(tail, m), k.tail.all(), k.state.State)
}

// maxTold is how many dropped commits are told one by one, and of how many records of each.
const (
	maxTold        = 10_000
	maxToldRecords = 100
)

// tell counts dropped commits, which end at from while to is what everybody goes on with,
// and logs them: all in one line, then each with the ids of its records, so that people
// know what to write again. Version and chain name a commit; several nodes may tell the same one.
func (k *keeper) tell(message string, dropped []*commit, from, to meta) {
	if len(dropped) == 0 {
		return
	}
	k.store.counts.dropped.Add(uint64(len(dropped)))
	log := k.store.opts.Logger.With("dataset", k.name, "node", k.store.opts.Node)
	first := dropped[0].after.Version
	log.Error(message, "dropped", len(dropped), "first", first, "last", from.Version, "dropped_term", from.Term, "dropped_chain", from.Chain.String(),
		"term", to.Term, "version", to.Version, "chain", to.Chain.String())
	for _, c := range dropped[:min(len(dropped), maxTold)] {
		changes := c.content()
		ids := make([]string, 0, min(len(changes), maxToldRecords))
		for _, change := range changes[:cap(ids)] {
			ids = append(ids, change.Record.ID)
		}
		log.Warn("a dropped commit", "version", c.after.Version, "chain", c.after.Chain.String(), "kind", c.kind, "by", c.node, "seq", c.seq,
			"at", c.at.UnixMilli(), "records", len(changes), "ids", ids)
	}
}
