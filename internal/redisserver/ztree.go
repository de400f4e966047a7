package redisserver

import (
	"bytes"
	"encoding/binary"
	"math"
)

// ztree keeps the members of a large sorted set in the order of score, then member:
// a B+tree whose inner nodes count what lies below them, so that ranks take
// O(log n) too. Its nodes are blocks of the arena. An element is a score and the
// handle of a block in the table t, whose key is the member; a change of score moves
// twelve bytes and allocates nothing, unless a node splits.
//
// A skiplist like Redis's would take a cache miss per step and about three times
// the memory for its links.
type ztree struct {
	t     *table
	root  handle // zero: no elements
	depth int    // levels of inner nodes above the leaves
	count int
	path  [10]zstep // from the root, set by locate
}

// zstep is an inner node and which of its children the way leads to.
type zstep struct {
	node handle
	i    int
}

// A node is 1024 bytes: a leaf
//
//	count (2) | 0 (2) | previous leaf (4) | next leaf (4) | 0 (4) | scores (84 of 8) | handles (84 of 4)
//
// or an inner node
//
//	count (2) | 0 (6) | children (50 of 4) | elements below each (50 of 4) | scores (50 of 8) | handles (50 of 4)
//
// with the first element below each child for a separator.
const (
	znodeBytes = 1024

	zleafCap     = 84
	zleafScores  = 16
	zleafHandles = zleafScores + 8*zleafCap

	zinnerCap    = 50
	zinnerNodes  = 8
	zinnerCounts = zinnerNodes + 4*zinnerCap
	zinnerScores = zinnerCounts + 4*zinnerCap
	zinnerFirsts = zinnerScores + 8*zinnerCap
)

func getU32(b []byte, at int) uint32    { return binary.LittleEndian.Uint32(b[at:]) }
func putU32(b []byte, at int, v uint32) { binary.LittleEndian.PutUint32(b[at:], v) }
func getFloat(b []byte, at int) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(b[at:]))
}
func putFloat(b []byte, at int, v float64) {
	binary.LittleEndian.PutUint64(b[at:], math.Float64bits(v))
}
func zlen(b []byte) int                { return int(binary.LittleEndian.Uint16(b)) }
func setZlen(b []byte, n int)          { binary.LittleEndian.PutUint16(b, uint16(n)) }
func zprev(b []byte) handle            { return handle(getU32(b, 4)) }
func znext(b []byte) handle            { return handle(getU32(b, 8)) }
func setZprev(b []byte, h handle)      { putU32(b, 4, uint32(h)) }
func setZnext(b []byte, h handle)      { putU32(b, 8, uint32(h)) }
func zscore(b []byte, i int) float64   { return getFloat(b, zleafScores+8*i) }
func zhandle(b []byte, i int) handle   { return handle(getU32(b, zleafHandles+4*i)) }
func zchild(b []byte, i int) handle    { return handle(getU32(b, zinnerNodes+4*i)) }
func zbelow(b []byte, i int) int       { return int(getU32(b, zinnerCounts+4*i)) }
func zaddBelow(b []byte, i, delta int) { putU32(b, zinnerCounts+4*i, uint32(zbelow(b, i)+delta)) }
func zfirst(b []byte, i int) (float64, handle) {
	return getFloat(b, zinnerScores+8*i), handle(getU32(b, zinnerFirsts+4*i))
}

func setZelem(b []byte, i int, score float64, h handle) {
	putFloat(b, zleafScores+8*i, score)
	putU32(b, zleafHandles+4*i, uint32(h))
}

func setZfirst(b []byte, i int, score float64, h handle) {
	putFloat(b, zinnerScores+8*i, score)
	putU32(b, zinnerFirsts+4*i, uint32(h))
}

// zmove copies n entries of each of a node's columns from one place to another,
// in the same node or not.
func zmove(leaf bool, dst []byte, to int, src []byte, from, n int) {
	column := func(base, size int) {
		copy(dst[base+size*to:], src[base+size*from:base+size*(from+n)])
	}
	if leaf {
		column(zleafScores, 8)
		column(zleafHandles, 4)
		return
	}
	column(zinnerNodes, 4)
	column(zinnerCounts, 4)
	column(zinnerScores, 8)
	column(zinnerFirsts, 4)
}

func (t *ztree) bytes(h handle) []byte { return t.t.a.bytes(h)[:znodeBytes] }

func (t *ztree) newNode() (handle, []byte) {
	h := t.t.a.alloc(znodeBytes)
	b := t.bytes(h)
	clear(b[:zleafScores])
	return h, b
}

// release frees the nodes and leaves the tree empty.
func (t *ztree) release() {
	if t.root != 0 {
		t.releaseNode(t.root, t.depth)
	}
	t.root, t.depth, t.count = 0, 0, 0
}

// releaseSome frees about *n nodes, the last ones first; the tree is of no use then.
func (t *ztree) releaseSome(n *int) bool {
	if t.root == 0 {
		return true
	}
	if !t.releaseLast(t.root, t.depth, n) {
		return false
	}
	t.root, t.depth, t.count = 0, 0, 0
	return true
}

func (t *ztree) releaseLast(h handle, depth int, n *int) bool {
	if depth > 0 {
		b := t.bytes(h)
		for i := zlen(b) - 1; i >= 0; i-- {
			if *n <= 0 || !t.releaseLast(zchild(b, i), depth-1, n) {
				return false
			}
			setZlen(b, i)
		}
	}
	t.t.a.free(h)
	*n--
	return true
}

func (t *ztree) releaseNode(h handle, depth int) {
	if depth > 0 {
		b := t.bytes(h)
		for i := range zlen(b) {
			t.releaseNode(zchild(b, i), depth-1)
		}
	}
	t.t.a.free(h)
}

// nodes is how many there are, counted on one way down.
func (t *ztree) nodes() int {
	if t.root == 0 {
		return 0
	}
	n, width, h := 1, 1, t.root
	for range t.depth {
		b := t.bytes(h)
		width *= zlen(b)
		n += width
		h = zchild(b, 0)
	}
	return n
}

// after says whether an element comes after (score, member).
func (t *ztree) after(s float64, h handle, score float64, member []byte) bool {
	return s > score || s == score && bytes.Compare(t.t.key(h), member) > 0
}

// locate goes down to where (score, member) is or belongs: pos elements of the
// leaf are at it or before it. The way is in t.path. The tree must not be empty.
func (t *ztree) locate(score float64, member []byte) (leaf handle, b []byte, pos int) {
	h := t.root
	for level := range t.depth {
		b := t.bytes(h)
		lo, hi := 1, zlen(b)
		for lo < hi {
			m := int(uint(lo+hi) / 2)
			s := getFloat(b, zinnerScores+8*m)
			if s > score || s == score && t.after(s, handle(getU32(b, zinnerFirsts+4*m)), score, member) {
				hi = m
			} else {
				lo = m + 1
			}
		}
		t.path[level] = zstep{h, lo - 1}
		h = zchild(b, lo-1)
	}
	b = t.bytes(h)
	lo, hi := 0, zlen(b)
	for lo < hi {
		m := int(uint(lo+hi) / 2)
		s := zscore(b, m)
		if s > score || s == score && t.after(s, zhandle(b, m), score, member) {
			hi = m
		} else {
			lo = m + 1
		}
	}
	return h, b, lo
}

// rank is how many elements come before (score, member), which is in the tree.
func (t *ztree) rank(score float64, member []byte) int {
	_, _, pos := t.locate(score, member)
	n := pos - 1
	for level := range t.depth {
		b := t.bytes(t.path[level].node)
		for i := range t.path[level].i {
			n += zbelow(b, i)
		}
	}
	return n
}

// seek finds the first element for which before is false, and its rank; before must
// be true up to some element and false from there on. The leaf is zero if there is
// none.
func (t *ztree) seek(before func(score float64, h handle) bool) (p zpos, rank int) {
	if t.root == 0 {
		return noPlace, 0
	}
	h := t.root
	for range t.depth {
		b := t.bytes(h)
		lo, hi := 1, zlen(b)
		for lo < hi {
			m := int(uint(lo+hi) / 2)
			if before(zfirst(b, m)) {
				lo = m + 1
			} else {
				hi = m
			}
		}
		for i := range lo - 1 {
			rank += zbelow(b, i)
		}
		h = zchild(b, lo-1)
	}
	b := t.bytes(h)
	lo, hi := 0, zlen(b)
	for lo < hi {
		m := int(uint(lo+hi) / 2)
		if before(zscore(b, m), zhandle(b, m)) {
			lo = m + 1
		} else {
			hi = m
		}
	}
	rank += lo
	if lo < zlen(b) {
		return zpos{at: lo, leaf: h}, rank
	}
	if h = znext(b); h == 0 {
		return noPlace, rank
	}
	return zpos{at: 0, leaf: h}, rank
}

// nth finds the element of a rank that exists.
func (t *ztree) nth(rank int) zpos {
	h := t.root
	for range t.depth {
		b := t.bytes(h)
		i := 0
		for rank >= zbelow(b, i) {
			rank -= zbelow(b, i)
			i++
		}
		h = zchild(b, i)
	}
	return zpos{at: rank, leaf: h}
}

// insert adds an element that is not there.
func (t *ztree) insert(score float64, h handle, member []byte) {
	t.count++
	if t.root == 0 {
		root, b := t.newNode()
		setZlen(b, 1)
		setZelem(b, 0, score, h)
		t.root = root
		return
	}
	leaf, b, pos := t.locate(score, member)
	n := zlen(b)
	lowest := pos == 0 // it becomes the first element of all
	var right handle   // a node split off at the level below
	moved := 0         // elements in it
	if n == zleafCap {
		cut := n / 2
		if pos == n && znext(b) == 0 {
			cut = n // elements that come in order fill their leaves
		}
		var rb []byte
		right, rb = t.newNode()
		zmove(true, rb, 0, b, cut, n-cut)
		setZlen(rb, n-cut)
		setZlen(b, cut)
		next := znext(b)
		setZprev(rb, leaf)
		setZnext(rb, next)
		setZnext(b, right)
		if next != 0 {
			setZprev(t.bytes(next), right)
		}
		if pos < cut {
			moved = n - cut
		} else {
			b, pos, moved = rb, pos-cut, n-cut+1
		}
		n = zlen(b)
	}
	zmove(true, b, pos+1, b, pos, n-pos)
	setZelem(b, pos, score, h)
	setZlen(b, n+1)

	for level := t.depth - 1; level >= 0; level-- {
		step := t.path[level]
		b := t.bytes(step.node)
		zaddBelow(b, step.i, 1-moved)
		if lowest {
			setZfirst(b, step.i, score, h)
		}
		if right == 0 {
			continue
		}
		right, moved = t.insertChild(b, step.i+1, right, moved, level == t.depth-1)
	}
	if right != 0 {
		root, b := t.newNode()
		leaves := t.depth == 0
		t.setChild(b, 0, t.root, t.count-moved, leaves)
		t.setChild(b, 1, right, moved, leaves)
		setZlen(b, 2)
		t.root = root
		t.depth++
	}
}

// setChild fills in entry i of an inner node.
func (t *ztree) setChild(b []byte, i int, child handle, below int, leaf bool) {
	putU32(b, zinnerNodes+4*i, uint32(child))
	putU32(b, zinnerCounts+4*i, uint32(below))
	score, h := t.firstOf(child, leaf)
	setZfirst(b, i, score, h)
}

// firstOf is the first element below a node.
func (t *ztree) firstOf(node handle, leaf bool) (float64, handle) {
	b := t.bytes(node)
	if leaf {
		return zscore(b, 0), zhandle(b, 0)
	}
	return zfirst(b, 0)
}

// insertChild adds a child with so many elements to an inner node. If the node had
// to be split it returns the new one to its right, and the elements there.
func (t *ztree) insertChild(b []byte, i int, child handle, below int, leaf bool) (right handle, moved int) {
	n := zlen(b)
	if n == zinnerCap {
		cut := n / 2
		if i == n {
			cut = n
		}
		var rb []byte
		right, rb = t.newNode()
		zmove(false, rb, 0, b, cut, n-cut)
		setZlen(rb, n-cut)
		setZlen(b, cut)
		for j := range n - cut {
			moved += zbelow(rb, j)
		}
		if i >= cut {
			b, i = rb, i-cut
			moved += below
		}
		n = zlen(b)
	}
	zmove(false, b, i+1, b, i, n-i)
	t.setChild(b, i, child, below, leaf)
	setZlen(b, n+1)
	return right, moved
}

// remove takes out an element that is there.
func (t *ztree) remove(score float64, member []byte) {
	leaf, b, pos := t.locate(score, member)
	t.removeAt(leaf, b, pos-1)
}

// removeAt takes out the element at which locate arrived.
func (t *ztree) removeAt(leaf handle, b []byte, pos int) {
	t.count--
	n := zlen(b) - 1
	zmove(true, b, pos, b, pos+1, n-pos)
	setZlen(b, n)
	lowest := pos == 0 // the first element below the present node has changed
	gone := n == 0
	if gone {
		prev, next := zprev(b), znext(b)
		if prev != 0 {
			setZnext(t.bytes(prev), next)
		}
		if next != 0 {
			setZprev(t.bytes(next), prev)
		}
		t.t.a.free(leaf)
	}
	for level := t.depth - 1; level >= 0; level-- {
		step := t.path[level]
		b := t.bytes(step.node)
		leaves := level == t.depth-1
		if gone {
			n := zlen(b) - 1
			zmove(false, b, step.i, b, step.i+1, n-step.i)
			setZlen(b, n)
			if gone = n == 0; gone {
				t.t.a.free(step.node)
			}
			lowest = step.i == 0
			continue
		}
		zaddBelow(b, step.i, -1)
		if lowest {
			score, h := t.firstOf(zchild(b, step.i), leaves)
			setZfirst(b, step.i, score, h)
			lowest = step.i == 0
		}
		t.merge(b, step.i, leaves)
	}
	if gone {
		t.root, t.depth = 0, 0
		return
	}
	for t.depth > 0 {
		b := t.bytes(t.root)
		if zlen(b) > 1 {
			break
		}
		root := zchild(b, 0)
		t.t.a.free(t.root)
		t.root = root
		t.depth--
	}
}

// merge joins child i of an inner node with a neighbour if it has become small and
// both leave room in one node.
func (t *ztree) merge(b []byte, i int, leaf bool) {
	most := zinnerCap
	if leaf {
		most = zleafCap
	}
	n := zlen(b)
	if n == 1 || zlen(t.bytes(zchild(b, i))) >= most/4 {
		return
	}
	if i == n-1 {
		i--
	}
	right := zchild(b, i+1)
	lb, rb := t.bytes(zchild(b, i)), t.bytes(right)
	nl, nr := zlen(lb), zlen(rb)
	if nl+nr > most*3/4 {
		return
	}
	zmove(leaf, lb, nl, rb, 0, nr)
	setZlen(lb, nl+nr)
	if leaf {
		next := znext(rb)
		setZnext(lb, next)
		if next != 0 {
			setZprev(t.bytes(next), zchild(b, i))
		}
	}
	zaddBelow(b, i, zbelow(b, i+1))
	zmove(false, b, i+1, b, i+2, n-i-2)
	setZlen(b, n-1)
	t.t.a.free(right)
}

// update gives an element another score.
func (t *ztree) update(old float64, h handle, member []byte, score float64) {
	leaf, b, pos := t.locate(old, member)
	pos--
	var stays bool // between its neighbours
	if score > old {
		if pos+1 < zlen(b) {
			stays = t.after(zscore(b, pos+1), zhandle(b, pos+1), score, member)
		} else {
			stays = znext(b) == 0
		}
	} else if pos > 0 {
		stays = !t.after(zscore(b, pos-1), zhandle(b, pos-1), score, member)
	} else {
		stays = zprev(b) == 0
	}
	if !stays {
		t.removeAt(leaf, b, pos)
		t.insert(score, h, member)
		return
	}
	setZelem(b, pos, score, h)
	for level := t.depth - 1; level >= 0 && pos == 0; level-- {
		step := t.path[level]
		setZfirst(t.bytes(step.node), step.i, score, h)
		pos = step.i
	}
}
