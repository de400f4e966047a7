package columns

import (
	"runtime"
	"sort"
	"sync"
	"sync/atomic"

	"landings/internal/dataset"
	"landings/internal/geo"
	"landings/internal/predicate"
	"landings/internal/textsearch"
)

// Table is records as rows. It is safe for concurrent use.
type Table struct {
	reader  *predicate.Reader
	buckets dataset.Sequence
	starts  []uint32 // the first row of each bucket
	rows    int

	columns []slot[Column] // by the reader's number of the field
	places  slot[Places]
	text    slot[textsearch.Index]
	texts   []int // fields that text is made of
}

// slot is something that is made when first asked for.
type slot[T any] struct {
	once sync.Once
	made atomic.Pointer[T]
}

func (s *slot[T]) get(build func() *T) *T {
	if v := s.made.Load(); v != nil {
		return v
	}
	s.once.Do(func() { s.made.Store(build()) })
	return s.made.Load()
}

// New makes a table of records. It costs next to nothing.
func New(reader *predicate.Reader, records dataset.Sequence) *Table {
	t := &Table{reader: reader, buckets: records, starts: make([]uint32, len(records))}
	for i, b := range records {
		t.starts[i] = uint32(t.rows)
		t.rows += b.Len()
	}
	t.columns = make([]slot[Column], len(reader.Fields()))
	for i, f := range reader.Fields() {
		if f.Type == dataset.Text && !reader.IsID(i) {
			t.texts = append(t.texts, i)
		}
	}
	return t
}

// Like makes everything that has been made of another table of the same fields, so
// that the queries that were quick stay so.
func (t *Table) Like(old *Table) {
	for i := range old.columns {
		c := old.columns[i].made.Load()
		if c == nil {
			continue
		}
		made := t.Column(i)
		if c.order.made.Load() != nil {
			made.Order()
		}
	}
	if old.places.made.Load() != nil {
		t.Places()
	}
	if old.text.made.Load() != nil {
		t.Text()
	}
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

// Text gives the index over all text fields together, folded; the texts of a row
// are kept apart by a line feed.
func (t *Table) Text() *textsearch.Index {
	return t.text.get(func() *textsearch.Index {
		columns := make([]*Column, len(t.texts))
		folded := make([][]string, len(t.texts))
		for i, f := range t.texts {
			columns[i] = t.Column(f)
			// Each different text is folded once.
			folded[i] = make([]string, columns[i].distinct)
			for code := range folded[i] {
				folded[i][code] = textsearch.Fold(columns[i].text(uint32(code)))
			}
		}
		return textsearch.NewIndex(t.rows, func(dst []byte, row uint32) []byte {
			for i, c := range columns {
				if code := c.Code(row); code < uint32(c.distinct) {
					dst = append(append(dst, folded[i][code]...), '\n')
				}
			}
			return dst
		})
	})
}

// TextFields gives the numbers of the fields that [Table.Text] is made of.
func (t *Table) TextFields() []int { return t.texts }

// Places is where the rows are.
type Places struct {
	Lon, Lat []float64 // NaN: the row has no place, or one that is no point
	Tree     *geo.Tree // of the points
	Shapes   []Shape   // what is no point, in order of row
	Misfits  []uint32  // rows whose place cannot be read
}

// Shape is the place of a row that is no point.
type Shape struct {
	Row      uint32
	Geometry *geo.Geometry
}

// Places gives where the rows are. The dataset must have a place.
func (t *Table) Places() *Places {
	return t.places.get(t.readPlaces)
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
		n += 16*int64(t.rows) + p.Tree.Bytes()
	}
	if x := t.text.made.Load(); x != nil {
		n += x.Bytes()
	}
	return n
}
