package columns

import (
	"context"
	"maps"
	"math"
	"runtime"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"landings/internal/dataset"
	"landings/internal/geo"
	"landings/internal/predicate"
)

// Table is records as rows. It is safe for concurrent use.
type Table struct {
	reader  *predicate.Reader
	buckets dataset.Sequence
	starts  []uint32 // the first row of each bucket
	rows    int

	columns []slot[Column] // by the reader's number of the field
	places  slot[Places]
	texts   []int // fields that are texts
	builds  *builds

	composites composites
}

// builds is what makes columns and indexes, one at a time: each of them takes all
// processors, and memory in proportion to the rows.
type builds struct {
	group *sync.WaitGroup // whoever owns the table waits for it
	one   sync.Mutex      // held while one is made
}

// begin makes something in the background.
func (b *builds) begin(build func()) {
	b.group.Go(func() {
		b.one.Lock()
		defer b.one.Unlock()
		build()
	})
}

// slot is something that is made when first asked for.
type slot[T any] struct {
	claimed atomic.Bool
	ready   chan struct{} // closed when it is made
	made    atomic.Pointer[T]
}

func newSlot[T any]() slot[T] { return slot[T]{ready: make(chan struct{})} }

// claim says that the caller is the one who has to make it.
func (s *slot[T]) claim() bool { return s.claimed.CompareAndSwap(false, true) }

func (s *slot[T]) set(v *T) {
	s.made.Store(v)
	close(s.ready)
}

// wait gives what is made, or waits for it as long as ctx allows; then the error is
// [dataset.Unavailable], for whoever asks later finds it made.
func (s *slot[T]) wait(ctx context.Context) (*T, error) {
	if v := s.made.Load(); v != nil {
		return v, nil
	}
	select {
	case <-s.ready:
		return s.made.Load(), nil
	case <-ctx.Done():
		return nil, &dataset.Error{
			Code:    dataset.Unavailable,
			Message: "an index that the query needs is still being made",
			Remedy:  "ask again in a moment: it is made once after a load",
			Err:     ctx.Err(),
		}
	}
}

// get is wait for what nobody may have begun. Once begun it is made to the end, for
// whoever asks next.
func (s *slot[T]) get(ctx context.Context, b *builds, build func() *T) (*T, error) {
	if s.made.Load() == nil && s.claim() {
		b.begin(func() { s.set(build()) })
	}
	return s.wait(ctx)
}

// New makes a table of records. It costs next to nothing. Whatever is made later is
// made in goroutines of the group.
func New(reader *predicate.Reader, records dataset.Sequence, group *sync.WaitGroup) *Table {
	t := &Table{reader: reader, buckets: records, starts: make([]uint32, len(records)), builds: &builds{group: group}}
	for i, b := range records {
		t.starts[i] = uint32(t.rows)
		t.rows += b.Len()
	}
	t.places = newSlot[Places]()
	t.columns = make([]slot[Column], len(reader.Fields()))
	for i, f := range reader.Fields() {
		t.columns[i] = newSlot[Column]()
		if i == reader.Place() {
			t.columns[i].set(Unusable())
		}
		if f.Type == dataset.Text && !reader.IsID(i) {
			t.texts = append(t.texts, i)
		}
	}
	return t
}

// Made is what has been made of a table.
type Made struct {
	columns []madeColumn
	places  bool
}

type madeColumn struct {
	field        predicate.Field
	order, terms bool
}

// Made says what has been made so far.
func (t *Table) Made() Made {
	m := Made{places: t.places.made.Load() != nil}
	for i, f := range t.reader.Fields() {
		if c := t.columns[i].made.Load(); c != nil && c.Usable() {
			m.columns = append(m.columns, madeColumn{f, c.order.made.Load() != nil, c.terms.made.Load() != nil})
		}
	}
	return m
}

// Make makes what has been made of another table, of the fields that both have, so
// that the queries that were quick stay so. The error is that ctx ended.
func (t *Table) Make(ctx context.Context, m Made) error {
	wanted := map[int]madeColumn{}
	for _, c := range m.columns {
		if i, ok := t.reader.Find(c.field.Name); ok && t.reader.Fields()[i] == c.field {
			wanted[i] = c
		}
	}
	t.Want(slices.Collect(maps.Keys(wanted))...)
	for i, what := range wanted {
		c, err := t.Column(ctx, i)
		if err == nil && what.order && c.Usable() {
			_, err = c.Order(ctx)
		}
		if err == nil && what.terms && c.Usable() {
			_, err = c.Terms(ctx)
		}
		if err != nil {
			return err
		}
	}
	if m.places && t.reader.Place() >= 0 {
		if _, err := t.Places(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Len gives the number of rows.
func (t *Table) Len() int { return t.rows }

// Reader gives what reads the values of records.
func (t *Table) Reader() *predicate.Reader { return t.reader }

// Record gives the record of a row.
func (t *Table) Record(row uint32) dataset.Record {
	// Mostly all buckets are full.
	i := min(int(row/dataset.BucketSize), len(t.starts)-1)
	if t.starts[i] > row || i+1 < len(t.starts) && t.starts[i+1] <= row {
		i = sort.Search(len(t.starts), func(i int) bool { return t.starts[i] > row }) - 1
	}
	return t.buckets[i].At(int(row - t.starts[i]))
}

// Row gives the row of the record at a position, and whether there is one.
func (t *Table) Row(position uint64) (uint32, bool) {
	number := dataset.BucketOf(position)
	i := sort.Search(len(t.buckets), func(i int) bool { return t.buckets[i].Number() >= number })
	if i == len(t.buckets) || t.buckets[i].Number() != number {
		return 0, false
	}
	b := t.buckets[i]
	at := sort.Search(b.Len(), func(k int) bool { return b.At(k).Position >= position })
	if at == b.Len() || b.At(at).Position != position {
		return 0, false
	}
	return t.starts[i] + uint32(at), true
}

// each reads some fields of all rows, on all processors, a stretch of rows each.
// Values are valid as long as the table.
func (t *Table) each(fields []int, see func(first uint32, rows []predicate.Row)) {
	const stretch = 16 // buckets
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (len(t.buckets)+stretch-1)/stretch) {
		group.Go(func() {
			want := t.reader.Want(fields...)
			rows := make([]predicate.Row, 0, stretch*dataset.BucketSize)
			for {
				from := int(next.Add(stretch)) - stretch
				if from >= len(t.buckets) {
					return
				}
				rows = rows[:0]
				for _, b := range t.buckets[from:min(from+stretch, len(t.buckets))] {
					for i := range b.Len() {
						rows = rows[:len(rows)+1]
						row := &rows[len(rows)-1]
						if *row == nil {
							*row = t.reader.NewRow()
						}
						t.reader.Read(b.At(i), &want, *row)
					}
				}
				see(t.starts[from], rows)
			}
		})
	}
	group.Wait()
}

// TextFields gives the numbers of the fields that are texts, but of the id.
func (t *Table) TextFields() []int { return t.texts }

// Places is where the rows are.
type Places struct {
	Tree    *geo.Tree // of the points
	Shapes  []Shape   // what is no point, in order of row
	Misfits []uint32  // rows whose place cannot be read

	points []uint32 // by row: its point in the tree, or noPoint
}

const noPoint = math.MaxUint32

// Shape is the place of a row that is no point.
type Shape struct {
	Row      uint32
	Geometry *geo.Geometry
}

// Places gives where the rows are. The dataset must have a place. The error is
// that ctx ended before they were made.
func (t *Table) Places(ctx context.Context) (*Places, error) {
	return t.places.get(ctx, t.builds, t.readPlaces)
}

// Bytes gives about how much memory the columns and indexes take that are there.
func (t *Table) Bytes() int64 {
	n := int64(4 * len(t.starts))
	for i := range t.columns {
		if c := t.columns[i].made.Load(); c != nil {
			n += c.bytes()
		}
	}
	if p := t.places.made.Load(); p != nil {
		n += p.bytes()
	}
	return n + t.composites.bytes()
}
