package redisserver

import (
	"slices"
	"sort"

	"landings/internal/rdb"
)

// idMap is an ordered map from stream ids, kept as sorted runs of items in one
// sorted slice: the nodes of a stream, the pending entries of a group. Without
// pointers in V the garbage collector has nothing to walk but the runs. Adding at
// the end and removing at the front, what streams do most, touch one run.
type idMap[V any] struct {
	runs [][]idItem[V] // none is empty
	n    int
	// taken says that somebody has a copy of the list of runs (see picture): a run is
	// copied before it changes, but for what is appended.
	taken bool
}

// picture is the map as it is now. It shares the runs, which is why the map copies each
// that it changes until taken is false again.
func (m *idMap[V]) picture() idMap[V] {
	m.taken = true
	return idMap[V]{runs: slices.Clone(m.runs), n: m.n}
}

// own makes run r one that may be changed in place.
func (m *idMap[V]) own(r int) []idItem[V] {
	if m.taken {
		m.runs[r] = slices.Clone(m.runs[r])
	}
	return m.runs[r]
}

type idItem[V any] struct {
	v  V // before id: an empty struct at the end would take space
	id rdb.StreamID
}

const maxRun = 128

// idPos is a place in an idMap, valid until something is added or removed.
type idPos struct{ run, i int }

// seek is the place of the first item at id or behind it.
func (m *idMap[V]) seek(id rdb.StreamID) idPos {
	r := m.runOf(id)
	if r < 0 {
		return idPos{}
	}
	run := m.runs[r]
	i := sort.Search(len(run), func(i int) bool { return !run[i].id.Less(id) })
	if i == len(run) {
		return idPos{r + 1, 0}
	}
	return idPos{r, i}
}

// floor is the place of the last item at id or before it.
func (m *idMap[V]) floor(id rdb.StreamID) idPos {
	r := m.runOf(id)
	if r < 0 {
		return idPos{-1, 0}
	}
	run := m.runs[r]
	return idPos{r, sort.Search(len(run), func(i int) bool { return id.Less(run[i].id) }) - 1}
}

// runOf is the last run that begins at id or before it, -1 if there is none.
func (m *idMap[V]) runOf(id rdb.StreamID) int {
	return sort.Search(len(m.runs), func(i int) bool { return id.Less(m.runs[i][0].id) }) - 1
}

// at is the item at a place, nil before the first and behind the last.
func (m *idMap[V]) at(p idPos) *idItem[V] {
	if p.run < 0 || p.run >= len(m.runs) {
		return nil
	}
	return &m.runs[p.run][p.i]
}

func (m *idMap[V]) next(p idPos) idPos {
	if p.i+1 < len(m.runs[p.run]) {
		return idPos{p.run, p.i + 1}
	}
	return idPos{p.run + 1, 0}
}

func (m *idMap[V]) prev(p idPos) idPos {
	if p.i > 0 {
		return idPos{p.run, p.i - 1}
	}
	if p.run == 0 {
		return idPos{-1, 0}
	}
	return idPos{p.run - 1, len(m.runs[p.run-1]) - 1}
}

// first is the first item, nil if there is none.
func (m *idMap[V]) first() *idItem[V] { return m.at(idPos{}) }

// last is the last item, nil if there is none.
func (m *idMap[V]) last() *idItem[V] {
	if len(m.runs) == 0 {
		return nil
	}
	run := m.runs[len(m.runs)-1]
	return &run[len(run)-1]
}

// find is the value of id, nil if there is none.
func (m *idMap[V]) find(id rdb.StreamID) *V {
	if it := m.at(m.seek(id)); it != nil && it.id == id {
		return &it.v
	}
	return nil
}

// edit is find for a value that may be changed, until something is added or removed.
func (m *idMap[V]) edit(id rdb.StreamID) *V {
	p := m.seek(id)
	if it := m.at(p); it != nil && it.id == id {
		return &m.own(p.run)[p.i].v
	}
	return nil
}

// set gives id a value and says whether it is new.
func (m *idMap[V]) set(id rdb.StreamID, v V) bool {
	item := idItem[V]{v, id}
	last := m.last()
	if last == nil || last.id.Less(id) {
		if r := len(m.runs) - 1; r >= 0 && len(m.runs[r]) < maxRun {
			m.runs[r] = append(m.runs[r], item)
		} else {
			m.runs = append(m.runs, []idItem[V]{item})
		}
		m.n++
		return true
	}
	if old := m.edit(id); old != nil {
		*old = v
		return false
	}
	r := max(m.runOf(id), 0)
	if len(m.runs[r]) >= maxRun {
		half := len(m.runs[r]) / 2
		upper := slices.Clone(m.runs[r][half:])
		m.runs[r] = m.runs[r][:half:half]
		m.runs = slices.Insert(m.runs, r+1, upper)
		if !id.Less(upper[0].id) {
			r++
		}
	}
	run := m.own(r)
	i := sort.Search(len(run), func(i int) bool { return id.Less(run[i].id) })
	m.runs[r] = slices.Insert(run, i, item)
	m.n++
	return true
}

// removeAt removes the item at p; what followed it is there then, if it was not
// the last of its run.
func (m *idMap[V]) removeAt(p idPos) {
	m.n--
	run := m.runs[p.run]
	switch {
	case len(run) > 1 && p.i == 0:
		run = run[1:]
	case len(run) > 1:
		run = slices.Delete(m.own(p.run), p.i, p.i+1)
	case p.run == 0:
		m.runs[0] = nil
		m.runs = m.runs[1:]
		return
	default:
		m.runs = slices.Delete(m.runs, p.run, p.run+1)
		return
	}
	m.runs[p.run] = run
	if p.run > 0 && len(run)+len(m.runs[p.run-1]) <= maxRun/2 { // few are left of both
		m.runs[p.run-1] = append(m.own(p.run-1), run...)
		m.runs = slices.Delete(m.runs, p.run, p.run+1)
	}
}

// remove says whether id was there.
func (m *idMap[V]) remove(id rdb.StreamID) bool {
	p := m.seek(id)
	if it := m.at(p); it == nil || it.id != id {
		return false
	}
	m.removeAt(p)
	return true
}

// each visits the items in order until visit returns false.
func (m *idMap[V]) each(visit func(id rdb.StreamID, v *V) bool) {
	for _, run := range m.runs {
		for i := range run {
			if !visit(run[i].id, &run[i].v) {
				return
			}
		}
	}
}
