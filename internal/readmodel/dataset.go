package readmodel

import (
	"cmp"
	"context"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"landings/internal/columns"
	"landings/internal/dataset"
	"landings/internal/encode"
)

// Dataset is one dataset as it changes. Reading is safe for concurrent use, and so is
// Prepare; Replace, Apply and Clear are for one writer.
type Dataset struct {
	coder *encode.Coder
	seed  maphash.Seed // random: nobody outside can make ids that collide
	folds *sync.WaitGroup

	current  atomic.Pointer[Snapshot]
	mu       sync.Mutex // held while current is replaced: by the writer or at the end of a fold
	past     past       // guarded by mu
	making   bool       // guarded by mu: columns are being made anew
	remaking bool       // guarded by mu: they are for a schema that has grown

	vanished atomic.Pointer[vanished] // nil: it has not, or it was longer ago than vanishedTime
}

// vanished is the last snapshot of a dataset that is no more.
type vanished struct {
	snapshot *Snapshot
	at       time.Time
	forget   *time.Timer // lets go of it after vanishedTime
}

// vanishedTime is how long it stays, for whoever deleted by mistake.
const vanishedTime = time.Hour

func newDataset(name string, coder *encode.Coder, history History, folds *sync.WaitGroup) *Dataset {
	d := &Dataset{coder: coder, seed: maphash.MakeSeed(), folds: folds, past: past{bounds: history}}
	d.current.Store(newSnapshot(dataset.State{Name: name}, directory{}, index{seed: d.seed}, coder, folds))
	return d
}

// Snapshot gives the dataset as it is now; never nil.
func (d *Dataset) Snapshot() *Snapshot { return d.current.Load() }

// State describes the present version.
func (d *Dataset) State() dataset.State { return d.Snapshot().state }

// Lookup gives the record with an id, as it is now.
func (d *Dataset) Lookup(id string) (dataset.Record, bool) { return d.Snapshot().Lookup(id) }

// Records gives all buckets of the present version.
func (d *Dataset) Records() dataset.Sequence { return d.Snapshot().Records() }

// Replace puts another content in place. It takes time in proportion to the
// number of records.
func (d *Dataset) Replace(s dataset.State, records dataset.Sequence) { d.Prepare(records)(s) }

// Prepare is what takes time of [Dataset.Replace]: it gives the function for the rest,
// which is for the one writer.
func (d *Dataset) Prepare(records dataset.Sequence) (replace func(dataset.State)) {
	dir := newDirectory(records)
	ids := index{seed: d.seed, base: newTable(d.seed, dir)}
	return func(s dataset.State) { d.replace(newSnapshot(s, dir, ids, d.coder, d.folds)) }
}

func (d *Dataset) replace(next *Snapshot) {
	d.mu.Lock()
	defer d.mu.Unlock()
	old := d.current.Load().base.made.Load()
	d.become(next)
	if old != nil {
		// What was asked before will be asked again.
		made := old.Made()
		d.folds.Go(func() { _ = next.columns().Make(context.Background(), made) })
	}
}

// Clear removes all records: the dataset was deleted, or never was.
func (d *Dataset) Clear(s dataset.State) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if last := d.current.Load(); last.state.Exists() && last.Len() > 0 {
		at := time.Now()
		v := &vanished{snapshot: last, at: at}
		// By its time, for what a timer refers to may stay in memory long after it was stopped.
		v.forget = time.AfterFunc(vanishedTime, func() {
			if v := d.vanished.Load(); v != nil && v.at.Equal(at) {
				d.vanished.CompareAndSwap(v, nil)
			}
		})
		if before := d.vanished.Swap(v); before != nil {
			before.forget.Stop()
		}
	}
	d.become(newSnapshot(s, directory{}, index{seed: d.seed}, d.coder, d.folds))
}

// become makes next the present version, with mu held.
func (d *Dataset) become(next *Snapshot) {
	old := d.current.Load()
	d.current.Store(next)
	d.past.add(old, next, d.expire)
}

// Vanished gives the last snapshot before the dataset was deleted or its keys were
// lost, and when that was, for an hour; nil where there is none.
func (d *Dataset) Vanished() (*Snapshot, time.Time) {
	if v := d.vanished.Load(); v != nil {
		return v.snapshot, v.at
	}
	return nil, time.Time{}
}

// Apply makes the changes of one commit; where an id occurs more than once, the
// last change wins. It costs what it changes: a bucket, two pages and the tops
// above them for a record, whatever the size of the dataset.
func (d *Dataset) Apply(s dataset.State, changes []dataset.Change) {
	d.mu.Lock()
	defer d.mu.Unlock()
	old := d.current.Load()
	edits, added := d.plan(old, changes)
	next := newSnapshot(s, old.dir.with(edits), old.ids.with(added), d.coder, d.folds)
	if next.ids.due(next.dir.records) {
		next.ids = next.ids.freeze()
		d.folds.Go(func() { d.fold(next) })
	}
	table := old.base.made.Load()
	switch {
	case table == nil:
	case !sameSchema(&old.state.Schema, &s.Schema):
		// Writes that follow go on top of it, or each of them would begin another one.
		next.columns()
		if !d.remaking {
			d.remaking = true
			d.folds.Go(func() { d.remake(table.Made()) })
		}
	default:
		next.base, next.recent = old.base, old.recent.with(table, edits)
		if next.recent.due(next.dir.records) && !d.making {
			d.making = true
			d.folds.Go(func() { d.renew(next, table) })
		}
	}
	d.become(next)
}

// remake makes the present columns what others of another schema were: what was asked
// before will be asked again.
func (d *Dataset) remake(made columns.Made) {
	var last *columns.Table
	for {
		d.mu.Lock()
		table := d.current.Load().base.made.Load()
		if table == nil || table == last {
			d.remaking = false
			d.mu.Unlock()
			return
		}
		d.mu.Unlock()
		_ = table.Make(context.Background(), made) // nothing ends this context
		last = table
	}
}

// sameSchema says whether columns made by one schema serve the other.
func sameSchema(a, b *dataset.Schema) bool {
	return slices.Equal(a.Fields, b.Fields) && a.IDField == b.IDField && a.TimeField == b.TimeField && a.Features == b.Features &&
		(a.Geometry == b.Geometry || a.Geometry != nil && b.Geometry != nil && *a.Geometry == *b.Geometry)
}

// renew makes the columns of frozen, which has just become current, and gives them
// to whatever is current by then. What changed meanwhile stays on top of them.
func (d *Dataset) renew(frozen *Snapshot, old *columns.Table) {
	table := columns.New(old.Reader(), frozen.Records(), d.folds)
	_ = table.Make(context.Background(), old.Made()) // nothing ends this context
	d.mu.Lock()
	defer d.mu.Unlock()
	d.making = false
	now := d.current.Load()
	if now.base != frozen.base {
		return // replaced or cleared
	}
	next := *now
	next.base = &base{work: d.folds}
	next.base.made.Store(table)
	next.recent = now.recent.since(frozen.recent, table)
	d.current.Store(&next)
	d.past.refresh(&next)
}

// plan turns changes, which speak of ids, into edits of positions in ascending
// order, at most one for each, and into what the index must learn.
func (d *Dataset) plan(old *Snapshot, changes []dataset.Change) (edits []dataset.Change, added []entry) {
	type place struct {
		position uint64
		occupied bool
	}
	var moved map[string]place // where earlier changes of this commit left ids
	if len(changes) > 1 {
		moved = make(map[string]place, len(changes))
	}
	edits = make([]dataset.Change, 0, len(changes)+1)
	for _, c := range changes {
		id := c.Record.ID
		now, known := moved[id]
		if !known {
			// Mostly a record is where it was, which costs no search for its id.
			r, ok := old.At(c.Record.Position)
			if !ok || r.ID != id {
				r, ok = old.Lookup(id)
			}
			now = place{r.Position, ok}
		}
		then := place{c.Record.Position, !c.Delete}
		if now.occupied && (c.Delete || now.position != then.position) {
			edits = append(edits, dataset.Change{Delete: true, Record: dataset.Record{ID: id, Position: now.position}})
		}
		if !c.Delete {
			edits = append(edits, c)
			if !now.occupied || now.position != then.position {
				added = append(added, entry{maphash.String(d.seed, id), then.position})
			}
		}
		if moved != nil {
			moved[id] = then
		}
	}
	if len(edits) > 1 {
		slices.SortStableFunc(edits, func(a, b dataset.Change) int {
			return cmp.Compare(a.Record.Position, b.Record.Position)
		})
		last := edits[:0]
		for i, e := range edits {
			if i+1 == len(edits) || edits[i+1].Record.Position != e.Record.Position {
				last = append(last, e)
			}
		}
		edits = last
	}
	return edits, added
}

// fold builds the base table that frozen, which has just become current, waits
// for, and gives it to whatever is current by then. What was added meanwhile
// stands in newer pages and is kept.
func (d *Dataset) fold(frozen *Snapshot) {
	base := newTable(d.seed, frozen.dir)
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.current.Load()
	if now.ids.folding != frozen.ids.folding {
		return // replaced or cleared
	}
	next := *now
	next.ids.base, next.ids.folding = base, nil
	d.current.Store(&next)
	d.past.refresh(&next)
}
