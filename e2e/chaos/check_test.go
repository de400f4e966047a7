//go:build e2e

package chaos

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"landings/internal/dataset"
	"landings/internal/redistest"
)

const keys = "landings:{meteorite_landings}:"

// entry is one commit of the final history.
type entry struct {
	version, term uint64
	chain         string
	kind, node    string
	at            time.Time
	changes       []dataset.Change
	digest        string
	content       []byte // what the chain runs over
}

// checker compares what clients were told with the history that there is in the end.
type checker struct {
	w       *world
	ops     []*op
	entries []entry           // ascending; entries[0].version is base
	values  map[string]uint64 // of each value, the version that put it
	states  map[string][]at   // of each key, its values over the versions
	dropped                   // what nodes said that they dropped
	told    []*op             // acknowledged writes that are not in the history: nodes said so
	died    []*op             // likewise, but nobody was left to say so
	checked int               // operations that porcupine saw
	forked  int               // that it did not: they were answered from a history that was lost
	lists   int
}

// at is a record's value from a version on; "" is none.
type at struct {
	version uint64
	value   string
}

func newChecker(w *world, ops []*op) *checker {
	return &checker{w: w, ops: ops, values: map[string]uint64{}, states: map[string][]at{}, dropped: newDropped()}
}

func (c *checker) errorf(format string, args ...any) { c.w.t.Helper(); c.w.t.Errorf(format, args...) }

func (c *checker) run() {
	c.readLogs()
	c.readStream()
	if c.w.t.Failed() {
		return
	}
	defer func() { c.w.t.Log(c.summary()) }()
	c.replay()
	c.checkDropped()
	c.checkWrites()
	c.checkReads()
	c.checkConnections()
	c.checkOrder()
	c.linearizable()
}

func (c *checker) summary() string {
	outcomes := map[result]int{}
	for _, o := range c.ops {
		outcomes[o.result]++
	}
	faults := map[string]int{}
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	for _, e := range c.w.events {
		if !strings.HasPrefix(e.what, "end ") {
			faults[e.what]++
		}
	}
	return fmt.Sprintf("%d requests (%v), %d commits, %d lists, %d by porcupine, %d of lost histories; %d recoveries, %d commits told as dropped, acknowledged writes missing: %d told as dropped, %d died with all who had them; %v; the machine stood still %d times",
		len(c.ops), outcomes, len(c.entries), c.lists, c.checked, c.forked, len(c.recoveries), len(c.commits), len(c.told), len(c.died), faults, len(c.w.stalls))
}

// readStream reads the history: without gaps, one chain, one order.
func (c *checker) readStream() {
	reply, err := redistest.Command(c.w.redis.Addr(), "XRANGE", keys+"changes", "-", "+")
	if err != nil {
		c.errorf("%v", err)
		return
	}
	var chain dataset.Chain
	for rest := reply; len(rest) > 0; {
		id := rest[0]
		f := map[string]string{}
		// Ten fields, and the schema where it grew.
		for rest = rest[1:]; len(rest) > 1 && !strings.HasSuffix(rest[0], "-0"); rest = rest[2:] {
			f[rest[0]] = rest[1]
		}
		e := entry{chain: f["chain"], kind: f["kind"], node: f["node"], digest: f["digest"]}
		e.version, _ = strconv.ParseUint(strings.TrimSuffix(id, "-0"), 10, 64)
		e.term, _ = strconv.ParseUint(f["term"], 10, 64)
		ms, _ := strconv.ParseInt(f["at"], 10, 64)
		e.at = time.UnixMilli(ms)
		e.content = fmt.Appendf(nil, "%s %s %s %s %s %s %s\n%s%s", f["kind"], f["node"], f["seq"], f["at"], f["count"], f["digest"], f["next"], f["schema"], f["body"])
		if e.kind == "changes" {
			e.changes = decode([]byte(f["body"]))
		}
		if n := len(c.entries); n > 0 {
			before := c.entries[n-1]
			if e.version != before.version+1 {
				c.errorf("the stream has a gap: %d follows %d", e.version, before.version)
			}
			if e.term < before.term {
				c.errorf("term %d at version %d follows term %d", e.term, e.version, before.term)
			}
			if want := chain.Next(e.version, e.content).String(); want != e.chain {
				c.errorf("the chain breaks at version %d", e.version)
			}
		} else if e.version != 1 {
			c.errorf("the stream begins at version %d", e.version)
		}
		chain, _ = dataset.ParseChain(e.chain)
		c.entries = append(c.entries, e)
	}
	meta, err := redistest.Command(c.w.redis.Addr(), "HMGET", keys+"meta", "version", "chain", "digest")
	if err != nil || len(c.entries) == 0 {
		c.errorf("the stream has %d entries; %v", len(c.entries), err)
		return
	}
	end := c.entries[len(c.entries)-1]
	if meta[0] != strconv.FormatUint(end.version, 10) || meta[1] != end.chain || meta[2] != end.digest {
		c.errorf("meta has %v, the stream ends with %d %s %s", meta, end.version, end.chain, end.digest)
	}
}

// decode reads the body of an entry as internal/store/DESIGN.md describes it.
func decode(b []byte) []dataset.Change {
	var changes []dataset.Change
	for len(b) > 0 {
		head, rest, _ := bytes.Cut(b, []byte("\n"))
		var change dataset.Change
		var id, size int
		if head[0] == '-' {
			change.Delete = true
			_, _ = fmt.Sscanf(string(head), "-%d %d", &change.Record.Position, &id)
		} else {
			_, _ = fmt.Sscanf(string(head), "+%d %d %d", &change.Record.Position, &id, &size)
		}
		change.Record.ID, change.Record.JSON = string(rest[:id]), rest[id:id+size]
		b = rest[id+size+1:]
		changes = append(changes, change)
	}
	return changes
}

// replay goes through the history, checks the digest of every version, and compares the lists that were read.
func (c *checker) replay() {
	lists := map[uint64][]*op{}
	for _, o := range c.ops {
		if o.verb == list && o.result == done {
			lists[o.version] = append(lists[o.version], o)
		}
	}
	records := map[uint64]dataset.Record{} // by position
	for i := range 300 {
		if c.anew() {
			break
		}
		key := fmt.Sprintf("f%d", i)
		if i < hotKeys {
			key = fmt.Sprintf("k%d", i)
			c.states[key] = []at{{1, "first"}}
		}
		records[uint64(i)] = dataset.Record{ID: key, Position: uint64(i), JSON: []byte(record(key, "first"))}
	}
	var digest dataset.Digest
	for _, r := range records {
		digest += r.Hash()
	}
	for _, e := range c.entries {
		if e.kind == "drop" {
			c.errorf("version %d deletes the dataset", e.version)
		}
		for _, change := range e.changes {
			r := change.Record
			if old, ok := records[r.Position]; ok {
				digest -= old.Hash()
			}
			value := ""
			if change.Delete {
				delete(records, r.Position)
			} else {
				value = valueOf(r.JSON)
				records[r.Position] = r
				digest += r.Hash()
				if v, twice := c.values[value]; twice {
					c.errorf("the value %s was put twice, by versions %d and %d", value, v, e.version)
				}
				c.values[value] = e.version
			}
			c.states[r.ID] = append(c.states[r.ID], at{e.version, value})
		}
		if digest.String() != e.digest {
			c.errorf("version %d (%s by %s) has digest %s, the replay %s", e.version, e.kind, e.node, e.digest, digest)
			return
		}
		for _, o := range lists[e.version] {
			c.checkList(o, e, records)
		}
		delete(lists, e.version)
	}
	for _, some := range lists {
		for _, o := range some {
			// A node that started beside an empty Redis has nothing, until it hears of the dataset.
			nothing := o.version == 0 && !o.latest && strings.TrimSpace(string(o.body)) == "[]"
			if !nothing && !c.explained(o) {
				c.errorf("a list of a version that never was: %v", o)
			}
		}
	}
}

// anew says whether the history begins with a dataset that a write made, not with the load: everything was lost.
func (c *checker) anew() bool { return c.entries[0].digest == dataset.Digest(0).String() }

func (c *checker) checkList(o *op, e entry, records map[uint64]dataset.Record) {
	if !strings.Contains(o.tag, "-"+e.chain) { // before the name of a coding
		if !c.explained(o) {
			c.errorf("a list of another history, %s, not %s: %v", o.tag, e.chain, o)
		}
		return
	}
	c.lists++
	var got []json.RawMessage
	if err := json.Unmarshal(o.body, &got); err != nil {
		c.errorf("a torn list: %v: %v", err, o)
		return
	}
	var want []dataset.Record
	for _, r := range records {
		want = append(want, r)
	}
	slices.SortFunc(want, func(a, b dataset.Record) int { return cmp.Compare(a.Position, b.Position) })
	if len(got) != len(want) {
		c.errorf("a list of %d records, not %d: %v", len(got), len(want), o)
		return
	}
	for i, r := range want {
		if !bytes.Equal(r.JSON, got[i]) {
			c.errorf("the list has %s where the history has %s: %v", got[i], r.JSON, o)
			return
		}
	}
}

// checkWrites: what was acknowledged is there, at the version that the answer told; what was not carried out is not.
func (c *checker) checkWrites() {
	for _, o := range c.ops {
		if !o.writes() {
			continue
		}
		version, there := c.values[o.value]
		if o.verb == remove {
			there, version = c.deleted(o), o.version
		}
		switch o.result {
		case done:
			switch {
			case !there && c.tells(o):
				c.told = append(c.told, o)
			case !there && c.mayHaveDied(o):
				c.died = append(c.died, o)
			case !there:
				c.errorf("an acknowledged write is missing, and no node said that it dropped it: %v", o)
			case version != o.version:
				c.errorf("the write is in version %d: %v", version, o)
			}
		case absent, refused, nothing:
			if there && o.verb != remove {
				c.errorf("a write that was refused is in version %d: %v", version, o)
			}
		case unknown:
		}
	}
	slices.SortFunc(c.died, func(a, b *op) int { return a.call.Compare(b.call) })
}

// value gives a record as it was at a version.
func (c *checker) value(key string, version uint64) string {
	value := ""
	for _, s := range c.states[key] {
		if s.version > version {
			break
		}
		value = s.value
	}
	return value
}

// deleted says whether the deletion is in the history: at its version, by the node that was asked, while it was asked.
func (c *checker) deleted(o *op) bool {
	i := o.version - c.entries[0].version
	if o.version == 0 || i >= uint64(len(c.entries)) || !slices.Contains(c.states[o.key], at{o.version, ""}) {
		return false
	}
	e := c.entries[i]
	return e.node == c.w.nodes[o.node].name && !e.at.Before(o.call.Truncate(time.Millisecond)) && !e.at.After(o.ret)
}

// fits says whether an answer is that of the final history at its version.
func (c *checker) fits(o *op) bool {
	now := c.value(o.key, o.version)
	switch {
	case o.writes() && o.result == done:
		v, there := c.values[o.value]
		if o.verb == remove {
			return c.deleted(o)
		}
		return there && v == o.version
	case o.result == refused && o.none:
		return now != ""
	case o.result == refused:
		return now != o.match
	case o.result == absent:
		return now == ""
	case o.result == done && o.verb != list:
		return now == o.value
	}
	return true // a list: it is compared elsewhere
}

func (c *checker) checkReads() {
	for _, o := range c.ops {
		if o.verb == list || o.writes() && o.result == done {
			continue
		}
		// A dataset that is not there has no version.
		if o.result == done && o.version == 0 {
			c.errorf("an answer without Dataset-Version: %v", o)
		}
		// A refusal may look at writes of its own commit, which follow the version that it names.
		if o.writes() && (o.result == refused || o.result == absent) {
			continue
		}
		if !c.fits(o) && !c.explained(o) {
			c.errorf("the history has %q at that version: %v", c.value(o.key, o.version), o)
		}
		if o.verb == read && o.result == done && o.version < o.atLeast {
			c.errorf("Min-Version was %d: %v", o.atLeast, o)
		}
	}
}

// checkConnections: on one connection no answer is of an earlier version than the one before.
func (c *checker) checkConnections() {
	last := map[string]*op{}
	for _, o := range c.ops {
		if o.version == 0 || o.conn == "" || o.result == unknown {
			continue
		}
		if before := last[o.conn]; before != nil && o.version < before.version && !c.explained(before) {
			c.errorf("on one connection:\n%v\n%v", before, o)
		}
		last[o.conn] = o
	}
}

// ordered says whether an answer has its place in the one order of commits: its version counts.
func (c *checker) ordered(o *op) bool {
	return (o.result == done || o.result == absent || o.result == refused) && (o.writes() || o.latest)
}

// checkOrder: what was answered before another request was made has no later version than that.
func (c *checker) checkOrder() {
	var calls, rets []*op
	for _, o := range c.ops {
		if c.ordered(o) && !c.fork(o) {
			calls, rets = append(calls, o), append(rets, o)
		}
	}
	slices.SortFunc(calls, func(a, b *op) int { return a.call.Compare(b.call) })
	slices.SortFunc(rets, func(a, b *op) int { return a.ret.Compare(b.ret) })
	var highest *op
	for i, o := 0, 0; o < len(calls); o++ {
		for ; i < len(rets) && rets[i].ret.Before(calls[o].call); i++ {
			if highest == nil || rets[i].version > highest.version {
				highest = rets[i]
			}
		}
		if highest != nil && calls[o].version < highest.version && !c.explained(highest) {
			c.errorf("out of order:\n%v\n%v", highest, calls[o])
		}
	}
}

// linearizable lets porcupine find an order of each record's operations that explains all answers.
func (c *checker) linearizable() {
	begin, end := c.ops[0].call, c.ops[0].ret
	for _, o := range c.ops {
		if o.call.Before(begin) {
			begin = o.call
		}
		if o.ret.After(end) {
			end = o.ret
		}
	}
	byKey := map[string][]porcupine.Operation{}
	for _, o := range c.ops {
		if o.key == "" || o.result == nothing || !o.writes() && !o.latest || !o.writes() && o.result == unknown {
			continue
		}
		if o.result != unknown && c.fork(o) {
			c.forked++ // it saw what was lost
			continue
		}
		ret := o.ret.Sub(begin).Nanoseconds()
		if o.result == unknown {
			ret = end.Sub(begin).Nanoseconds() + 1 // it may still happen, or never: then it is the last
		}
		byKey[o.key] = append(byKey[o.key], porcupine.Operation{ClientId: o.client, Input: o, Output: o, Call: o.call.Sub(begin).Nanoseconds(), Return: ret})
		c.checked++
	}
	first := "first"
	if c.anew() {
		first = ""
	}
	model := porcupine.Model{
		Init: func() any { return first },
		Step: func(state, input, _ any) (bool, any) { return step(state.(string), input.(*op)) },
		DescribeOperation: func(input, _ any) string {
			return input.(*op).String()
		},
	}
	seen := map[string]bool{} // values that somebody read, or named in a condition
	for _, o := range c.ops {
		if !o.writes() {
			seen[o.value] = true
		}
		seen[o.match] = true
	}
	for key, history := range byKey {
		// Writes of unknown outcome can each be anywhere, or last, and many of them are too
		// much to search. Where the others have an order without those that nobody saw, these
		// can come last, and all is well.
		plain := slices.DeleteFunc(slices.Clone(history), func(h porcupine.Operation) bool {
			o := h.Input.(*op)
			return o.result == unknown && o.verb != remove && !seen[o.value]
		})
		if porcupine.CheckOperationsTimeout(model, plain, time.Minute) == porcupine.Ok {
			continue
		}
		switch porcupine.CheckOperationsTimeout(model, history, time.Minute) {
		case porcupine.Illegal:
			c.errorf("the operations on %s are not linearizable", key)
			slices.SortFunc(history, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
			for _, h := range history {
				c.w.t.Log(h.Input)
			}
		case porcupine.Unknown:
			c.errorf("whether the operations on %s are linearizable was not found out within a minute", key)
		case porcupine.Ok:
		}
	}
}

// step says whether an operation can have been answered as it was when the record was as state says, and what it
// leaves behind.
func step(state string, o *op) (bool, any) {
	holds := (o.match == "" || state == o.match) && (!o.none || state == "")
	if o.verb == patch || o.verb == remove {
		holds = holds && state != ""
	}
	after := o.value
	if o.verb == remove {
		after = ""
	}
	switch o.result {
	case unknown:
		if holds {
			return true, after
		}
		return true, state
	case refused:
		return o.match != "" && state != o.match || o.none && state != "", state
	case absent:
		return state == "", state
	default:
		if !o.writes() {
			return state == o.value, state
		}
		return holds && (o.verb != put || o.created == (state == "")), after
	}
}
