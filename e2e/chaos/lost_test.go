//go:build e2e

package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// dropped is what nodes logged about commits that are not in the history that everybody went on with.
type dropped struct {
	commits    map[place]*lostCommit
	byVersion  map[uint64][]*lostCommit
	tellings   []telling
	recoveries []recovery
}

// place names a commit.
type place struct {
	version uint64
	chain   string
}

// lostCommit is one that was dropped.
type lostCommit struct {
	place
	by   string    // the node that made it
	at   time.Time // when, in whole milliseconds
	ids  []string  // of its records
	told time.Time // when a node last said that it was dropped
}

// telling is one line that sums up what a node dropped.
type telling struct {
	at          time.Time
	node        int
	first, last uint64
	own         bool // the node itself had them; else they were in Redis
}

// recovery is one that a node carried out.
type recovery struct{ begin, end time.Time }

func newDropped() dropped {
	return dropped{commits: map[place]*lostCommit{}, byVersion: map[uint64][]*lostCommit{}}
}

func (c *checker) readLogs() {
	number := func(line map[string]any, field string) uint64 { n, _ := line[field].(float64); return uint64(n) }
	for i, n := range c.w.nodes {
		said, listed := uint64(0), uint64(0)
		for line := range n.lines() {
			message := fmt.Sprint(line["msg"])
			if strings.HasPrefix(message, "panic") || strings.HasPrefix(message, "fatal error") {
				c.errorf("%s: %v", n.name, message)
			}
			if message == "a dropped commit" {
				listed++
				l := &lostCommit{place: place{number(line, "version"), fmt.Sprint(line["chain"])}, by: fmt.Sprint(line["by"]), at: time.UnixMilli(int64(number(line, "at")))}
				ids, _ := line["ids"].([]any)
				for _, id := range ids {
					l.ids = append(l.ids, fmt.Sprint(id))
				}
				if before := c.commits[l.place]; before != nil {
					l = before
				} else {
					c.commits[l.place] = l
					c.byVersion[l.version] = append(c.byVersion[l.version], l)
				}
				if at := c.timeOf(line); at.After(l.told) {
					l.told = at
				}
				continue
			}
			if message == "recovered after Redis changed" {
				took, _ := line["seconds"].(float64)
				end := c.timeOf(line)
				c.recoveries = append(c.recoveries, recovery{end.Add(-time.Duration(took * float64(time.Second))), end})
				continue
			}
			if count := number(line, "dropped"); count > 0 {
				t := telling{c.timeOf(line), i, number(line, "first"), number(line, "last"), strings.HasPrefix(message, "Redis has")}
				if t.last-t.first+1 != count {
					c.errorf("%s dropped %d commits, %d to %d", n.name, count, t.first, t.last)
				}
				said += count
				c.tellings = append(c.tellings, t)
			}
		}
		if said != listed {
			c.errorf("%s dropped %d commits and lists %d", n.name, said, listed)
		}
	}
	slices.SortFunc(c.recoveries, func(a, b recovery) int { return a.end.Compare(b.end) })
}

func (c *checker) timeOf(line map[string]any) time.Time {
	at, err := time.Parse(time.RFC3339Nano, fmt.Sprint(line["time"]))
	if err != nil {
		c.errorf("a log line without a time: %v", line)
	}
	return at
}

// checkDropped: what nodes said that they dropped is not in the history, and whoever dropped something was away when
// the history that took its place began.
func (c *checker) checkDropped() {
	final := map[uint64]entry{}
	for _, e := range c.entries {
		final[e.version] = e
	}
	for _, l := range c.commits {
		if final[l.version].chain == l.chain {
			c.errorf("version %d was told as dropped and is there", l.version)
		}
	}
	for _, t := range c.tellings {
		e, there := final[t.first]
		if !there {
			continue
		}
		// The later of the two histories began while nobody had the other one.
		began := e.at
		for _, l := range c.byVersion[t.first] {
			if !l.told.Before(t.at) && l.at.After(began) {
				began = l.at
			}
		}
		own := t.own && began.Equal(e.at)
		from := began.Add(-time.Second)
		for _, r := range c.recoveries {
			if r.end.Before(began.Add(10 * time.Millisecond)) {
				from = r.begin.Add(-time.Second) // the last recovery before decided
			}
		}
		if !c.w.trouble(from, began, func(node int) bool { return node >= 0 && (!own || node == t.node) }) {
			c.errorf("%s dropped versions %d to %d at %s, and yet nothing was in its way from %s to %s, when others went on without them",
				c.w.nodes[t.node].name, t.first, t.last, t.at.Format("15:04:05.000"), from.Format("15:04:05.000"), began.Format("15:04:05.000"))
		}
	}
}

// trouble says whether something was done to one of the places meanwhile, or was undone within the second before, or
// whether the machine was so busy that nobody need have been in time.
func (w *world) trouble(from, to time.Time, place func(node int) bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.stalls {
		if s.from.Before(to) && s.to.After(from) {
			return true
		}
	}
	for i, e := range w.events {
		if strings.HasPrefix(e.what, "end of ") || !place(e.node) || e.at.After(to) {
			continue
		}
		end := to
		for _, later := range w.events[i:] {
			if later.node == e.node && later.what == "end of "+e.what {
				end = later.at
				break
			}
		}
		if end.Add(time.Second).After(from) {
			return true
		}
	}
	return false
}

// tells says whether a node said that it dropped the acknowledged write: the commit of this version, by the node
// that was asked, at that time, with this record.
func (c *checker) tells(o *op) bool {
	return slices.ContainsFunc(c.byVersion[o.version], func(l *lostCommit) bool {
		return l.by == c.w.nodes[o.node].name && slices.Contains(l.ids, o.key) &&
			!l.at.Before(o.call.Truncate(time.Millisecond)) && !l.at.After(o.ret)
	})
}

// mayHaveDied says whether an answer can be of commits that nobody was left to tell of: Redis lost its memory, and
// all who had them were killed before they could write them back. A node has a commit if it answered with it, or if
// nothing was in the way of its being told for a while after.
func (c *checker) mayHaveDied(o *op) bool {
	if c.w.mode.kept {
		return false
	}
	const told = time.Second
	// back is how long after the return of Redis a node that had the commits might have been kept from writing them
	// back: as long as the longest trouble and the window.
	const back = 10 * time.Second
	redisWell := !c.w.trouble(o.ret, o.ret.Add(told), func(node int) bool { return node < 0 })
	from := o.call
	if !o.writes() || o.result != done {
		from = from.Add(-back) // nodes go on to answer from memory while Redis is away
	}
	for i, r := range c.w.events {
		if r.what != "kill Redis" && r.what != "empty Redis" || r.at.Before(from) {
			continue
		}
		returned := r.at
		for _, later := range c.w.events[i:] {
			if later.what == "end of "+r.what {
				returned = later.at
				break
			}
		}
		all, others := true, 0
		for node := range c.w.nodes {
			holds := node == o.node || redisWell && o.ret.Add(told).Before(r.at) &&
				!c.w.trouble(o.ret, o.ret.Add(told), func(n int) bool { return n == node })
			killed := slices.ContainsFunc(c.w.events, func(e event) bool {
				return e.what == "kill node" && e.node == node && e.at.After(o.call) && e.at.Before(returned.Add(back))
			})
			all = all && (!holds || killed)
			if killed && node != o.node {
				others++
			}
		}
		if all && (others > 0 || !o.safe) { // of ack=nodes:1 another node had it too
			return true
		}
	}
	return false
}

// explained says whether an answer that the history does not have may be of commits that were lost.
func (c *checker) explained(o *op) bool {
	if o.writes() && o.result == done {
		return c.tells(o) || c.mayHaveDied(o)
	}
	return c.onDropped(o) || c.mayHaveDied(o)
}

// onDropped says whether an answer can be of a commit that was dropped, by its version, its time and, of a list, its tag.
func (c *checker) onDropped(o *op) bool {
	if o.version == 0 && slices.ContainsFunc(c.byVersion[1], func(l *lostCommit) bool { return !l.told.Before(o.call) }) {
		return true // of nothing, before a dataset was made that was dropped
	}
	versions := []uint64{o.version}
	if o.writes() && o.result != done {
		versions = append(versions, o.version+1) // a refusal may look at writes of its own commit
	}
	for _, v := range versions {
		for _, l := range c.byVersion[v] {
			if !l.at.After(o.ret) && !l.told.Before(o.call) && (o.verb != list || strings.Contains(o.tag, "-"+l.chain)) {
				return true
			}
		}
	}
	return false
}

// fork says whether an operation was answered from a history that was lost.
func (c *checker) fork(o *op) bool {
	if !c.fits(o) {
		return c.explained(o)
	}
	if o.writes() && o.result == done {
		return false
	}
	if first := c.entries[0].version; o.version > 0 && o.version >= first {
		switch i := o.version - first; {
		case i >= uint64(len(c.entries)):
			if len(c.died) > 0 {
				return true // the history never came so far again
			}
		case o.ret.Before(c.entries[i].at):
			return true // it did not have that version yet
		}
	}
	if o.version == 0 && o.ret.Before(c.entries[0].at) {
		return true // likewise: all was lost
	}
	if _, there := c.values[o.value]; there && o.verb == read && o.result == done {
		return false // values are unique
	}
	if c.onDropped(o) {
		return true
	}
	// The writes of one loss follow each other closely; the next loss has a recovery before it.
	for i, l := range c.died {
		if i > 0 && l.call.Sub(c.died[i-1].ret) < time.Second {
			continue
		}
		last := i
		for last+1 < len(c.died) && c.died[last+1].call.Sub(c.died[last].ret) < time.Second {
			last++
		}
		if o.version >= l.version && o.ret.After(l.call) && o.call.Before(c.died[last].ret.Add(time.Second)) {
			return true
		}
	}
	return false
}
