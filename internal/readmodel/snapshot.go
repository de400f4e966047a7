package readmodel

import (
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"landings/internal/columns"
	"landings/internal/dataset"
	"landings/internal/encode"
	"landings/internal/predicate"
)

// Snapshot is one dataset at one version. It never changes.
type Snapshot struct {
	state  dataset.State
	dir    directory
	ids    index
	base   *base    // columns of the records as they were some changes ago
	recent *changes // those changes; empty where base was not made yet
	lists  *lists   // shared with snapshots of the same version
	coder  *encode.Coder
	since  time.Time
	held   *atomic.Bool // somebody was promised this version, see Hold; shared as lists are
}

type lists [encode.Codings]struct {
	once sync.Once
	list encode.Part
}

func newSnapshot(state dataset.State, dir directory, ids index, coder *encode.Coder, work *sync.WaitGroup) *Snapshot {
	return &Snapshot{state: state, dir: dir, ids: ids, base: &base{work: work}, lists: new(lists), coder: coder, since: time.Now(), held: new(atomic.Bool)}
}

// base is columns, made when a query asks for them.
type base struct {
	work *sync.WaitGroup // in whose goroutines columns are read
	once sync.Once
	made atomic.Pointer[columns.Table]
}

// columns gives the columns that queries are answered from, with recent on top.
func (s *Snapshot) columns() *columns.Table {
	if t := s.base.made.Load(); t != nil {
		return t
	}
	s.base.once.Do(func() {
		// Nobody shares a base that is not made: it is of this very snapshot.
		s.base.made.Store(columns.New(predicate.NewReader(s.state.Schema), s.Records(), s.base.work))
	})
	return s.base.made.Load()
}

// State describes the version.
func (s *Snapshot) State() dataset.State { return s.state }

// Len gives the number of records.
func (s *Snapshot) Len() int { return s.dir.records }

// Lookup gives the record with an id, and whether there is one.
func (s *Snapshot) Lookup(id string) (dataset.Record, bool) {
	var found dataset.Record
	ok := s.ids.find(id, func(position uint64) bool {
		r, ok := s.At(position)
		if !ok || r.ID != id {
			return false
		}
		found = r
		return true
	})
	return found, ok
}

// At gives the record at a position, and whether there is one.
func (s *Snapshot) At(position uint64) (dataset.Record, bool) {
	return s.dir.find(position)
}

// All gives the records in order of position.
func (s *Snapshot) All() iter.Seq[dataset.Record] {
	return func(yield func(dataset.Record) bool) {
		for c := range s.dir.all() {
			for r := range c.bucket().All() {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// Records gives all buckets that hold records.
func (s *Snapshot) Records() dataset.Sequence {
	records := make(dataset.Sequence, 0, s.dir.chunks)
	for c := range s.dir.all() {
		records = append(records, c.bucket())
	}
	return records
}

// List gives all records as one JSON list. Asked for the first time, it codes the
// chunks that no earlier version coded, on all processors, and puts the list
// together; then it is there.
func (s *Snapshot) List(coding encode.Coding) *encode.Part {
	l := &s.lists[coding]
	l.once.Do(func() {
		s.code(coding)
		pages := make([]encode.Part, 0, len(s.dir.pages))
		for _, p := range s.dir.pages {
			pages = append(pages, *p.part(s.coder, coding))
		}
		l.list = encode.List(coding, encode.Join(coding, pages))
	})
	return &l.list
}

// code makes the forms of all chunks that have none yet.
func (s *Snapshot) code(coding encode.Coding) {
	var missing []*chunk
	for _, p := range s.dir.pages {
		if p.joined[coding].Load() != nil {
			continue
		}
		for _, c := range p.chunks {
			if c != nil && c.coded[coding].Load() == nil {
				missing = append(missing, c)
			}
		}
	}
	workers := min(runtime.GOMAXPROCS(0), len(missing)/4)
	if coding == encode.Identity || workers < 2 {
		return // too little to share: made as the pages are joined
	}
	var next atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(missing)); i = next.Add(1) - 1 {
				missing[i].part(s.coder, coding)
			}
		})
	}
	group.Wait()
}

// Memory is what a snapshot holds, in bytes.
type Memory struct {
	Text  int64                 // the records
	Coded [encode.Codings]int64 // their coded forms; identity is the text itself and counts nothing
	Index int64                 // the id index
	Query int64                 // the columns and indexes that queries are answered from, made so far
}

// Memory counts what the snapshot holds. It walks all chunks: for metrics, not for
// every request.
func (s *Snapshot) Memory() Memory {
	var m Memory
	for c := range s.dir.all() {
		m.Text += c.textBytes()
		for coding := encode.Gzip; coding < encode.Codings; coding++ {
			if p := c.coded[coding].Load(); p != nil {
				m.Coded[coding] += p.Len
			}
		}
	}
	if s.ids.base != nil {
		m.Index += int64(len(s.ids.base.slots)) * 8
	}
	for _, o := range []*overlay{s.ids.folding, s.ids.recent} {
		if o != nil {
			m.Index += int64(o.len) * 16
		}
	}
	if t := s.base.made.Load(); t != nil {
		m.Query = t.Bytes()
	}
	return m
}
