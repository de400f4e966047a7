package readmodel

import (
	"slices"
	"time"
	"unsafe"
)

// History bounds what the old versions of a dataset may cost.
type History struct {
	Bytes int64         // that old versions hold beside what later ones share with them; 0: none are kept
	Age   time.Duration // from when a version was superseded
}

// DefaultHistory gives the bounds that hold where none are set: pages that somebody
// turns by hand stay what they were, and a small dataset stays small.
func DefaultHistory() History { return History{Bytes: 64 << 20, Age: 5 * time.Minute} }

// past is the recent versions of a dataset, so that they can still be read. Its
// methods are called with Dataset.mu held.
//
// Neighbours share nearly everything: what a version costs is what the next one
// kept does not have. So the costs add up to what would be free without the past.
type past struct {
	bounds History
	kept   []kept // in order of version; all of one history
	bytes  int64  // sum of the costs
	timer  *time.Timer
}

type kept struct {
	snapshot *Snapshot
	until    time.Time
	cost     int64
}

// add takes the version that next supersedes.
func (p *past) add(old, next *Snapshot, expire func()) {
	if old.state.Epoch != next.state.Epoch || !next.state.Exists() {
		// Another history, in which equal numbers are other versions, or none: what
		// was deleted is gone.
		p.kept, p.bytes = nil, 0
		return
	}
	if !old.state.Exists() || p.bounds.Bytes <= 0 || p.bounds.Age <= 0 {
		return
	}
	s := *old
	s.lists = new(lists) // not worth keeping: they are put together again when asked for
	k := kept{snapshot: &s, until: time.Now().Add(p.bounds.Age), cost: s.alone(next)}
	p.kept = append(p.kept, k)
	p.bytes += k.cost
	p.trim(next)
	if p.timer == nil && len(p.kept) > 0 {
		p.timer = time.AfterFunc(p.bounds.Age, expire)
	}
}

// refresh counts anew what the last version holds alone, after the present one was
// rebuilt.
func (p *past) refresh(present *Snapshot) {
	if n := len(p.kept); n > 0 {
		p.recount(n-1, present)
		p.trim(present)
	}
}

func (p *past) recount(i int, present *Snapshot) {
	next := present
	if i+1 < len(p.kept) {
		next = p.kept[i+1].snapshot
	}
	p.bytes -= p.kept[i].cost
	p.kept[i].cost = p.kept[i].snapshot.alone(next)
	p.bytes += p.kept[i].cost
}

// trim forgets what is too old, and then what is too much: first versions that
// nobody was promised, the oldest first.
func (p *past) trim(present *Snapshot) {
	now := time.Now()
	for len(p.kept) > 0 && p.kept[0].until.Before(now) {
		p.remove(0, present)
	}
	for p.bytes > p.bounds.Bytes {
		i := slices.IndexFunc(p.kept, func(k kept) bool { return !k.snapshot.held.Load() })
		p.remove(max(i, 0), present)
	}
}

func (p *past) remove(i int, present *Snapshot) {
	p.bytes -= p.kept[i].cost
	p.kept = slices.Delete(p.kept, i, i+1)
	if i > 0 {
		p.recount(i-1, present) // what both had is now the earlier one's alone
	}
}

// expire forgets what is too old though nobody writes, and sees to it that it is
// called again as long as there is something to forget.
func (d *Dataset) expire() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.past.trim(d.current.Load())
	d.past.timer = nil
	if len(d.past.kept) > 0 {
		d.past.timer = time.AfterFunc(max(time.Until(d.past.kept[0].until), time.Millisecond), d.expire)
	}
}

// Version gives the dataset as it was at a version; nil: that is not kept, or not
// there yet.
func (d *Dataset) Version(version uint64) *Snapshot {
	if s := d.Snapshot(); s.state.Version == version {
		return s
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.current.Load(); s.state.Version == version {
		return s
	}
	i, ok := slices.BinarySearchFunc(d.past.kept, version, func(k kept, v uint64) int {
		switch at := k.snapshot.state.Version; {
		case at < v:
			return -1
		case at > v:
			return 1
		}
		return 0
	})
	if !ok {
		return nil
	}
	return d.past.kept[i].snapshot
}

// Past says how many old versions are kept, and how many bytes would be free
// without them.
func (d *Dataset) Past() (versions int, bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.past.kept), d.past.bytes
}

// Hold says that somebody was promised to read this version again, such as by a
// page token: it is forgotten after those that nobody was promised.
func (s *Snapshot) Hold() { s.held.Store(true) }

// Since says when the node came to hold this version.
func (s *Snapshot) Since() time.Time { return s.since }

// alone gives how many bytes a snapshot holds that next does not.
func (s *Snapshot) alone(next *Snapshot) int64 {
	n := s.recent.alone(next.recent)
	if table := s.base.made.Load(); table != nil && s.base != next.base {
		n += table.Bytes()
	}
	return n + s.dir.alone(&next.dir) + s.ids.alone(&next.ids) + int64(unsafe.Sizeof(*s)+unsafe.Sizeof(*s.lists))
}

func (d *directory) alone(next *directory) int64 {
	n := int64(8 * len(d.pages))
	rest := next.pages
	for _, p := range d.pages {
		for len(rest) > 0 && rest[0].number < p.number {
			rest = rest[1:]
		}
		var other *page
		if len(rest) > 0 && rest[0].number == p.number {
			other = rest[0]
		}
		if p == other {
			continue
		}
		n += int64(unsafe.Sizeof(*p))
		for coding := range p.joined {
			if part := p.joined[coding].Load(); part != nil {
				n += 24 * int64(len(part.Slices))
			}
		}
		for i, c := range p.chunks {
			if c != nil && (other == nil || c != other.chunks[i]) {
				n += c.memory()
			}
		}
	}
	return n
}

func (x *index) alone(next *index) int64 {
	n := int64(0)
	if x.base != nil && x.base != next.base {
		n += 8 * int64(len(x.base.slots))
	}
	for _, o := range []*overlay{x.folding, x.recent} {
		if o != nil && o != next.folding && o != next.recent {
			n += o.alone(next.recent)
		}
	}
	return n
}

func (o *overlay) alone(next *overlay) int64 {
	n := int64(24 * len(o.pages))
	var rest [][]entry
	if next != nil {
		rest = next.pages
	}
	for _, p := range o.pages {
		for len(rest) > 0 && rest[0][0].compare(p[0]) < 0 {
			rest = rest[1:]
		}
		if len(rest) == 0 || &rest[0][0] != &p[0] {
			n += int64(len(p)) * int64(unsafe.Sizeof(entry{}))
		}
	}
	return n
}
