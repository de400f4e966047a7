package geo

import (
	"slices"
	"sync"
)

// fanout is how many children a node has, and how many points a leaf.
const fanout = 16

// Tree is a packed R-tree of points, each with the number of its row. It is
// immutable and has no pointers but those of its few slices: 20 bytes a point and
// 4.3 for the nodes.
type Tree struct {
	lon, lat []float64 // in order of a Hilbert curve, equal points in order of row
	rows     []uint32
	// levels[0] are the leaves; the last one is the root alone. Node i of a level
	// has the nodes i*fanout and following of the level below as children.
	levels [][]node

	queues sync.Pool // of *queue, for Nearest
}

type node struct {
	box   Box
	space space
	first uint32 // the smallest row
	count uint32 // points
}

// NewTree makes a tree of points, longitudes within -180 and 180, latitudes within
// -90 and 90. rows[i] is the row of point i, in ascending order.
func NewTree(lon, lat []float64, rows []uint32) *Tree {
	n := len(rows)
	keys := make([]uint64, n)
	for i := range keys {
		keys[i] = uint64(hilbert(lon[i], lat[i]))<<32 | uint64(i)
	}
	sortKeys(keys)
	t := &Tree{lon: make([]float64, n), lat: make([]float64, n), rows: make([]uint32, n)}
	for to, k := range keys {
		from := uint32(k)
		t.lon[to], t.lat[to], t.rows[to] = lon[from], lat[from], rows[from]
	}
	t.sortEqual(keys)
	var leaves []node
	for i := 0; i < n; i += fanout {
		leaves = append(leaves, t.leaf(i, min(i+fanout, n)))
	}
	for level := leaves; len(level) > 0; {
		t.levels = append(t.levels, level)
		if len(level) == 1 {
			break
		}
		above := make([]node, 0, (len(level)+fanout-1)/fanout)
		for i := 0; i < len(level); i += fanout {
			all := level[i]
			for _, child := range level[i+1 : min(i+fanout, len(level))] {
				all.box.grow(&child.box)
				all.space.grow(&child.space)
				all.first = min(all.first, child.first)
				all.count += child.count
			}
			above = append(above, all)
		}
		level = above
	}
	return t
}

// sortEqual brings the points of one cell of the curve into an order in which
// equal points are neighbours, so that leaves of one point come about.
func (t *Tree) sortEqual(keys []uint64) {
	for i := 0; i < len(keys); {
		j := i + 1
		for j < len(keys) && keys[j]>>32 == keys[i]>>32 {
			j++
		}
		if j-i > fanout && !t.allEqual(i, j) {
			order := make([]int, j-i)
			for k := range order {
				order[k] = i + k
			}
			slices.SortStableFunc(order, func(a, b int) int {
				if t.lon[a] != t.lon[b] {
					return compare(t.lon[a], t.lon[b])
				}
				return compare(t.lat[a], t.lat[b])
			})
			lon, lat, rows := make([]float64, j-i), make([]float64, j-i), make([]uint32, j-i)
			for k, from := range order {
				lon[k], lat[k], rows[k] = t.lon[from], t.lat[from], t.rows[from]
			}
			copy(t.lon[i:], lon)
			copy(t.lat[i:], lat)
			copy(t.rows[i:], rows)
		}
		i = j
	}
}

func (t *Tree) allEqual(from, to int) bool {
	for k := from + 1; k < to; k++ {
		if t.lon[k] != t.lon[from] || t.lat[k] != t.lat[from] {
			return false
		}
	}
	return true
}

func compare(a, b float64) int {
	if a < b {
		return -1
	}
	return 1
}

func (t *Tree) leaf(from, to int) node {
	n := node{
		box:   Box{t.lon[from], t.lat[from], t.lon[from], t.lat[from]},
		space: newSpace(vector(t.lon[from], t.lat[from])),
		first: t.rows[from],
		count: uint32(to - from),
	}
	for i := from + 1; i < to; i++ {
		n.box.Grow(t.lon[i], t.lat[i])
		v := newSpace(vector(t.lon[i], t.lat[i]))
		n.space.grow(&v)
		n.first = min(n.first, t.rows[i])
	}
	return n
}

// Len gives the number of points.
func (t *Tree) Len() int { return len(t.rows) }

// Point gives point i, 0 <= i < Len, in the tree's own order.
func (t *Tree) Point(i uint32) (lon, lat float64) { return t.lon[i], t.lat[i] }

// Row gives the row of point i.
func (t *Tree) Row(i uint32) uint32 { return t.rows[i] }

// Bytes gives the memory that the tree takes.
func (t *Tree) Bytes() int64 {
	n := int64(len(t.rows)) * 20
	for _, l := range t.levels {
		n += int64(len(l)) * 64
	}
	return n
}

// Count gives how many points lie in a box.
func (t *Tree) Count(b Box) int {
	n := 0
	for _, piece := range b.split() {
		t.walk(&piece, func(nd *node) bool { n += int(nd.count); return true }, func(uint32) bool { n++; return true })
	}
	return n
}

// Search calls yield with the row of every point in a box, in no order, until it
// says false.
func (t *Tree) Search(b Box, yield func(row uint32) bool) {
	for _, piece := range b.split() {
		if !t.walk(&piece, nil, yield) {
			return
		}
	}
}

// AppendRows appends the rows of the points in a box, in no order.
func (t *Tree) AppendRows(rows []uint32, b Box) []uint32 {
	t.Search(b, func(row uint32) bool { rows = append(rows, row); return true })
	return rows
}

// walk visits what lies in a box: whole nodes where whole is given, else and at the
// border of the box single points.
func (t *Tree) walk(b *Box, whole func(*node) bool, one func(uint32) bool) bool {
	if len(t.levels) == 0 {
		return true
	}
	return t.visit(len(t.levels)-1, 0, b, whole, one)
}

func (t *Tree) visit(level, i int, b *Box, whole func(*node) bool, one func(uint32) bool) bool {
	nd := &t.levels[level][i]
	if !b.Meets(&nd.box) {
		return true
	}
	inside := b.covers(&nd.box)
	if inside {
		if whole != nil {
			return whole(nd)
		}
		from, to := t.points(level, i)
		for _, row := range t.rows[from:to] {
			if !one(row) {
				return false
			}
		}
		return true
	}
	if level == 0 {
		from, to := t.points(0, i)
		for k := from; k < to; k++ {
			if t.lon[k] >= b.West && t.lon[k] <= b.East && t.lat[k] >= b.South && t.lat[k] <= b.North && !one(t.rows[k]) {
				return false
			}
		}
		return true
	}
	for c := i * fanout; c < min((i+1)*fanout, len(t.levels[level-1])); c++ {
		if !t.visit(level-1, c, b, whole, one) {
			return false
		}
	}
	return true
}

// points gives where the points below a node stand.
func (t *Tree) points(level, i int) (from, to int) {
	span := fanout
	for range level {
		span *= fanout
	}
	return i * span, min((i+1)*span, len(t.rows))
}

// Nearest calls yield with rows in ascending order of their distance to a place, in
// metres along the sphere, and within radius, until it says false. Points equally
// far come in order of row.
func (t *Tree) Nearest(lon, lat, radius float64, yield func(row uint32, metres float64) bool) {
	if len(t.levels) == 0 {
		return
	}
	o := newOrigin(lon, lat)
	q, _ := t.queues.Get().(*queue)
	if q == nil {
		q = &queue{items: make([]item, 0, 256)}
	}
	q.items = q.items[:0]
	defer func() {
		if cap(q.items) <= maxQueue {
			t.queues.Put(q)
		}
	}()
	root := len(t.levels) - 1
	q.push(item{row: t.levels[root][0].first, level: int32(root)})
	for len(q.items) > 0 {
		next := q.pop()
		if next.level < 0 {
			if !yield(next.row, next.metres) {
				return
			}
			continue
		}
		if next.level == 0 {
			from, to := t.points(0, int(next.at))
			for k := from; k < to; k++ {
				if m := metres(o.haversine(t.lon[k], t.lat[k])); m <= radius {
					q.push(item{metres: m, row: t.rows[k], level: -1})
				}
			}
			continue
		}
		below := int(next.level) - 1
		level := t.levels[below]
		for c := int(next.at) * fanout; c < min((int(next.at)+1)*fanout, len(level)); c++ {
			nd := &level[c]
			var m float64
			if nd.box.West == nd.box.East && nd.box.South == nd.box.North {
				m = metres(o.haversine(nd.box.West, nd.box.South)) // exactly what its points have
			} else {
				m = metres(o.bound(&nd.space))
			}
			if m <= radius {
				q.push(item{metres: m, row: nd.first, at: uint32(c), level: int32(below)})
			}
		}
	}
}

// item is a node, or where level is below 0 a point, with a distance that none of
// its points is below, and the smallest of its rows.
type item struct {
	metres float64
	row    uint32
	at     uint32
	level  int32
}

// maxQueue is how long a queue may have become that is used again.
const maxQueue = 4096

// queue is a heap of items, the smallest first.
type queue struct{ items []item }

func (a *item) before(b *item) bool {
	if a.metres != b.metres {
		return a.metres < b.metres
	}
	if a.row != b.row {
		return a.row < b.row
	}
	return a.level > b.level // a node before the point in it
}

func (q *queue) push(x item) {
	q.items = append(q.items, x)
	i := len(q.items) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !x.before(&q.items[up]) {
			break
		}
		q.items[i] = q.items[up]
		i = up
	}
	q.items[i] = x
}

func (q *queue) pop() item {
	top := q.items[0]
	n := len(q.items) - 1
	x := q.items[n]
	q.items = q.items[:n]
	if n == 0 {
		return top
	}
	i := 0
	for {
		best := i*4 + 1
		if best >= n {
			break
		}
		for c := best + 1; c < min(i*4+5, n); c++ {
			if q.items[c].before(&q.items[best]) {
				best = c
			}
		}
		if !q.items[best].before(&x) {
			break
		}
		q.items[i] = q.items[best]
		i = best
	}
	q.items[i] = x
	return top
}
