package store

import (
	"iter"
	"slices"
	"time"
	"unsafe"

	"landings/internal/dataset"
)

// tail is the last commits of a dataset, ascending and without gaps, for Redis may forget
// them. Where much is written it has tens of thousands of them, 64 MiB. So it keeps what is
// numbers as numbers and the rest as text in blocks: as objects they were three quarters of
// what Go's collector had to look at, and everything else waited while it did.
type tail struct {
	kept   []keptCommit
	unused int             // commits that were before kept in the same array
	bytes  int             // in all, see commit.size
	blocks [][]byte        // the texts, one after the other; nothing in a block ever changes
	before int             // how many blocks there were before the first of blocks
	states []describedFrom // ascending; the first is from the first commit or before it
}

// keptCommit is a commit without pointers. Its text is its node, its schema and its body.
type keptCommit struct {
	version, term, seq, next uint64
	chain                    dataset.Chain
	digest                   dataset.Digest
	count                    int
	at                       int64 // Unix time in milliseconds, as in the stream
	block, offset            int
	node, schema, body       int // bytes of text; schema: -1 where there is none
	kind                     uint8
}

// describedFrom is what the commits from a version on say of the dataset beside what changes
// with each of them.
type describedFrom struct {
	version uint64
	state   dataset.State
}

var kinds = []kind{kindChanges, kindSwitch, kindDrop}

// Blocks are as large as everything before them, within these bounds: a node may have
// thousands of datasets to which nobody writes.
const (
	leastBlock = 4 << 10
	mostBlock  = 1 << 20
)

// add keeps a commit that follows the last one.
func (t *tail) add(c *commit) {
	length := len(c.node) + len(c.schema) + len(c.body)
	last := len(t.blocks) - 1
	if last < 0 || cap(t.blocks[last])-len(t.blocks[last]) < length {
		size := min(max(leastBlock, t.bytes), mostBlock)
		if length > size/4 {
			size = length // or what is left of a block would be large
		}
		t.blocks = append(t.blocks, make([]byte, 0, size))
		last++
	}
	b := t.blocks[last]
	k := keptCommit{
		version: c.after.Version, term: c.term, seq: c.seq, next: c.after.Next, chain: c.after.Chain, digest: c.after.Digest,
		count: c.after.Count, at: c.at.UnixMilli(), block: t.before + last, offset: len(b), kind: uint8(slices.Index(kinds, c.kind)), node: len(c.node), schema: len(c.schema), body: len(c.body),
	}
	if c.schema == nil {
		k.schema = -1
	}
	t.blocks[last] = append(append(append(b, c.node...), c.schema...), c.body...)
	if n := len(t.states); n == 0 || !sameDescription(&t.states[n-1].state, &c.after) {
		t.states = append(t.states, describedFrom{c.after.Version, c.after})
	}
	if len(t.kept) == cap(t.kept) {
		t.unused = 0
	}
	t.kept = append(t.kept, k)
	t.bytes += c.size()
}

// sameDescription says whether two states of one history say the same beside what every
// commit changes. Equal schemas that were decoded twice may count as different.
func sameDescription(a, b *dataset.State) bool {
	s, t := &a.Schema, &b.Schema
	return a.Name == b.Name && a.Epoch == b.Epoch && a.Term == b.Term && a.Generation == b.Generation && a.Source == b.Source && a.LoadedAt.Equal(b.LoadedAt) &&
		len(s.Fields) == len(t.Fields) && (len(s.Fields) == 0 || &s.Fields[0] == &t.Fields[0]) &&
		s.IDField == t.IDField && s.Geometry == t.Geometry && s.TimeField == t.TimeField && s.Features == t.Features
}

func (k *keptCommit) size() int { return k.body + max(0, k.schema) + commitOverhead }

// trim drops the oldest commits: those made before a time, and as many as are more than so
// many bytes. The last one stays.
func (t *tail) trim(bytes int, before time.Time) {
	oldest, drop := before.UnixMilli(), 0
	for ; drop < len(t.kept)-1 && (t.bytes > bytes || t.kept[drop].at < oldest); drop++ {
		t.bytes -= t.kept[drop].size()
	}
	if drop == 0 {
		return
	}
	t.kept = t.kept[drop:]
	if t.unused += drop; t.unused > 16*len(t.kept)+1000 {
		t.shrink()
		return
	}
	first := t.kept[0]
	unused := first.block - t.before
	clear(t.blocks[:unused])
	t.blocks, t.before = t.blocks[unused:], first.block
	for len(t.states) > 1 && t.states[1].version <= first.version {
		t.states[0] = describedFrom{}
		t.states = t.states[1:]
	}
}

// shrink gives the room back that many commits had.
func (t *tail) shrink() {
	few := tail{}
	for c := range t.from(0) {
		few.add(c)
	}
	*t = few
}

// first gives the version that the oldest commit made; 0: there is none.
func (t *tail) first() uint64 {
	if len(t.kept) == 0 {
		return 0
	}
	return t.kept[0].version
}

// from gives the commits from a version on, or all where that is before the first one. Who
// gets them may change the commits, but not what they point to; nothing is trimmed meanwhile.
func (t *tail) from(version uint64) iter.Seq[*commit] {
	kept := t.kept[min(max(version, t.first())-t.first(), uint64(len(t.kept))):]
	return func(yield func(*commit) bool) {
		described := 0
		for _, k := range kept {
			for described+1 < len(t.states) && t.states[described+1].version <= k.version {
				described++
			}
			if !yield(t.commit(&k, t.states[described].state)) {
				return
			}
		}
	}
}

// all gives all commits.
func (t *tail) all() []*commit { return slices.Collect(t.from(0)) }

func (t *tail) commit(k *keptCommit, after dataset.State) *commit {
	text := t.blocks[k.block-t.before][k.offset:]
	take := func(n int) []byte {
		part := text[:n:n]
		text = text[n:]
		return part
	}
	c := &commit{kind: kinds[k.kind], term: k.term, node: string(take(k.node)), seq: k.seq, at: time.UnixMilli(k.at), after: after}
	if k.schema >= 0 {
		c.schema = take(k.schema)
	}
	body := take(k.body)
	c.body = unsafe.String(unsafe.SliceData(body), len(body)) // it does not change
	c.after.Version, c.after.Chain, c.after.Count, c.after.Digest, c.after.Next = k.version, k.chain, k.count, k.digest, k.next
	return c
}

// stand says that the commits from the version first to last stand in the stream in a term.
func (t *tail) stand(first, last, term uint64) {
	for i := range t.kept {
		if k := &t.kept[i]; k.version >= first && k.version <= last {
			k.term = term
		}
	}
}
