package readmodel

import (
	"context"
	"slices"
	"strings"
	"sync"

	"landings/internal/dataset"
	"landings/internal/geo"
	"landings/internal/predicate"
	"landings/internal/query"
)

// metres gives how far a place is from where records are to be near.
func (p *plan) metres(v predicate.Value) (float64, bool) {
	if v.Kind != predicate.Place || !v.IsPoint() {
		return 0, false
	}
	lon, lat := v.LonLat()
	return geo.Distance(p.near.Lon, p.near.Lat, lon, lat), true
}

// batch is how many rows are filtered at a time: they stay in the nearest cache.
const batch = 1024

// rooms are for batches of rows: most questions take one.
var rooms = sync.Pool{New: func() any { return new([batch]uint32) }}

// each calls see with the rows that are meant, those of changed records included, in
// batches, in no order.
func (p *plan) each(ctx context.Context, see func(rows []uint32)) error {
	room := rooms.Get().(*[batch]uint32)
	defer rooms.Put(room)
	filter := func(rows []uint32, skip int) {
		for i, l := range p.leaves {
			if i == skip {
				continue
			}
			rows = l.filter(room[:0], rows)
			if len(rows) == 0 {
				return
			}
		}
		see(rows)
	}
	if p.drive != nil {
		rows, _ := p.drive.list()
		skip := -1
		if p.isExact(p.drive) {
			skip = p.drives
		}
		for at := 0; at < len(rows); at += batch {
			if err := ctx.Err(); err != nil {
				return err
			}
			filter(rows[at:min(at+batch, len(rows))], skip)
		}
		return nil
	}
	all := rooms.Get().(*[batch]uint32)
	defer rooms.Put(all)
	for at := 0; at < p.table.Len(); at += batch {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(batch, p.table.Len()-at)
		for i := range n {
			all[i] = uint32(at + i)
		}
		filter(all[:n], -1)
	}
	return nil
}

// isExact says whether a source gives just the rows that it holds for.
func (p *plan) isExact(s source) bool {
	if _, ok := s.(*hasText); ok {
		return true // though it cannot count them without looking
	}
	if u, ok := s.(union); ok {
		for _, l := range u.leaves {
			if !p.isExact(l.(source)) {
				return false
			}
		}
		return true
	}
	_, exact := s.count()
	return exact
}

// test says whether one row is meant.
func (p *plan) test(row uint32) bool {
	var room [1]uint32
	room[0] = row
	for _, l := range p.leaves {
		if len(l.filter(room[:0], room[:])) == 0 {
			return false
		}
	}
	return true
}

// steps tells the plan.
func (p *plan) steps(matched int) *query.Plan {
	out := &query.Plan{}
	if p.drive != nil {
		out.Steps = append(out.Steps, query.Step{Does: p.drive.name(), Rows: p.rows})
		if !p.exact {
			out.Scanned = p.rows
		}
	} else if len(p.leaves) > 0 {
		out.Steps = append(out.Steps, query.Step{Does: "all records", Rows: p.table.Len()})
		out.Scanned = p.table.Len()
	}
	for i, l := range p.leaves {
		if p.drive == nil || i != p.drives {
			out.Steps = append(out.Steps, query.Step{Does: "filter: " + l.name()})
		}
	}
	if len(out.Steps) > 0 {
		out.Steps[len(out.Steps)-1].Rows = matched
	}
	return out
}

// found is what has to be corrected of what the table says.
type found struct {
	changed []item   // changed records that are meant
	dead    []uint32 // rows that the table says are meant and are not there any more
}

// correct finds what changed since the table was made.
func (s *Snapshot) correct(ctx context.Context, p *plan) (found, error) {
	var f found
	if s.recent == nil {
		return f, nil
	}
	var room [maxPage]uint32
	for _, page := range s.recent.pages {
		if err := ctx.Err(); err != nil {
			return f, err
		}
		rows := room[:0]
		for i := range page {
			if page[i].row >= 0 {
				rows = append(rows, uint32(page[i].row))
			}
		}
		for _, l := range p.leaves {
			rows = l.filter(rows[:0], rows)
		}
		f.dead = append(f.dead, rows...)
		for i := range page {
			c := &page[i]
			if c.values == nil {
				continue
			}
			if metres, ok := p.holds(c.values); ok {
				f.changed = append(f.changed, item{position: c.position, change: c, metres: metres})
			}
		}
	}
	return f, nil
}

// isDead says whether a row's record is not what it was.
func (s *Snapshot) isDead(row uint32) bool {
	return s.recent.find(s.columns().Record(row).Position) != nil
}

// Query gives a page of the records that are meant, in order, and how many there
// are in all. It takes as long as ctx allows at most. Errors are ctx's, and
// [dataset.Invalid] for what does not fit the schema.
func (s *Snapshot) Query(ctx context.Context, q query.Query) (query.Page, error) {
	if err := ctx.Err(); err != nil {
		return query.Page{}, err
	}
	if asksForAll(&q) {
		return s.page(&q)
	}
	room := newScratch()
	defer room.release()
	p, err := newPlan(ctx, room, s.columns(), &q.Where, sorted(s.columns(), q.SortBy)...)
	if err != nil {
		return query.Page{}, err
	}
	order, err := newSorting(ctx, s.columns(), q.SortBy)
	if err != nil {
		return query.Page{}, err
	}
	f, err := s.correct(ctx, p)
	if err != nil {
		return query.Page{}, err
	}
	limit := min(max(q.Limit, 0), s.Len()) + 1
	if q.Limit <= 0 {
		limit = 0
	}
	var first *item // the cursor
	if q.After != nil {
		if first = s.itemAt(*q.After, p); first == nil {
			return query.Page{}, notInVersion()
		}
	}
	var items []item
	var matched int
	if q.Near != nil && len(q.SortBy) == 0 {
		items, matched, err = s.nearest(ctx, p, order, limit, first)
	} else {
		items, matched, err = s.first(ctx, p, order, limit, first)
	}
	if err != nil {
		return query.Page{}, err
	}
	if limit > 0 {
		items = withChanged(order, items, f.changed, first, limit)
	}
	page := query.Page{Matched: matched - len(f.dead) + len(f.changed)}
	if len(items) == limit && limit > 0 {
		page.More = true
		items = items[:limit-1]
	}
	page.Records = slices.Grow(q.Room[:0], len(items))[:len(items)]
	for i := range items {
		if c := items[i].change; c != nil {
			page.Records[i] = c.record
		} else {
			page.Records[i] = s.columns().Record(items[i].row)
		}
	}
	if q.Near != nil {
		page.Distances = make([]float64, len(items))
		for i := range items {
			if c := items[i].change; c != nil || len(order.keys) == 0 {
				page.Distances[i] = items[i].metres
			} else {
				page.Distances[i], _ = p.metres(p.at.Value(items[i].row))
			}
		}
	}
	if q.Explain {
		page.Plan = p.steps(matched)
		if n := s.recent.count(); n > 0 {
			page.Plan.Steps = append(page.Plan.Steps, query.Step{Does: "changed records", Rows: len(f.changed)})
			page.Plan.Scanned += n
		}
	}
	return page, nil
}

// asksForAll says whether every record is meant, in order of position: then a page
// takes no columns, which many who only turn pages never need.
func asksForAll(q *query.Query) bool {
	return q.Filter == nil && strings.TrimSpace(q.Search) == "" && q.Near == nil && len(q.SortBy) == 0 && !q.Explain
}

// page is Query where all records are meant.
func (s *Snapshot) page(q *query.Query) (query.Page, error) {
	page := query.Page{Matched: s.Len()}
	from := uint64(0)
	if q.After != nil {
		if _, ok := s.At(*q.After); !ok {
			return query.Page{}, notInVersion()
		}
		from = *q.After + 1
	}
	limit := min(max(q.Limit, 0), s.Len())
	if limit == 0 {
		return page, nil
	}
	page.Records = slices.Grow(q.Room[:0], limit)
	for c := range s.dir.from(from) {
		for r := range c.bucket().All() {
			switch {
			case r.Position < from:
			case len(page.Records) == limit:
				page.More = true
				return page, nil
			default:
				page.Records = append(page.Records, r)
			}
		}
	}
	return page, nil
}

func notInVersion() error {
	return &dataset.Error{
		Code:    dataset.Invalid,
		Message: "the record after which the page begins is not in this version",
		Remedy:  "begin at the first page",
		Places:  []dataset.Place{{Parameter: "token", Detail: "names a position without a record"}},
	}
}

func (p *plan) placeOf(i *item) predicate.Value {
	if i.change != nil {
		return i.change.values[p.table.Reader().Place()]
	}
	return p.at.Value(i.row)
}

// itemAt gives the record at a position as an item; nil: there is none.
func (s *Snapshot) itemAt(position uint64, p *plan) *item {
	i := &item{position: position}
	if c := s.recent.find(position); c != nil {
		if c.values == nil {
			return nil
		}
		i.change = c
	} else {
		row, ok := s.columns().Row(position)
		if !ok {
			return nil
		}
		i.row = row
	}
	if p.near != nil {
		i.metres, _ = p.metres(p.placeOf(i))
	}
	return i
}

// first gives the first rows in order of fields or of position, and how many rows
// are meant.
func (s *Snapshot) first(ctx context.Context, p *plan, order *sorting, limit int, cursor *item) ([]item, int, error) {
	best := &top{sorting: order, limit: limit, room: p.room}
	best.keys = p.room.keys.take(min(limit, batch))[:0]
	if s.recent.count() > 0 {
		best.dead = s.isDead
	}
	if cursor != nil {
		best.after = s.behind(order, cursor)
	}
	matched := 0
	switch {
	case limit == 0 && p.exact:
		matched = p.rows
	case p.exact && s.walks(p, order, limit, cursor):
		// How many there are is known, and so many that the first ones come soon when
		// all are looked at in order.
		matched = p.rows
		if err := s.walk(ctx, p, order, best); err != nil {
			return nil, 0, err
		}
	default:
		err := p.each(ctx, func(rows []uint32) {
			matched += len(rows)
			best.add(rows)
		})
		if err != nil {
			return nil, 0, err
		}
	}
	rows := best.sorted()
	items := p.room.items.take(len(rows))
	for i, row := range rows {
		items[i] = item{position: s.columns().Record(row).Position, row: row}
	}
	return items, matched, nil
}

// walks says whether it is cheaper to walk all rows in order until enough of them
// are found. A page that begins at a cursor would have to walk there first.
func (s *Snapshot) walks(p *plan, order *sorting, limit int, cursor *item) bool {
	if cursor != nil || len(order.keys) > 1 || p.rows == 0 {
		return false
	}
	steps := float64(limit) * float64(s.columns().Len()) / float64(p.rows)
	return steps*8 < float64(p.rows)
}

// walk looks at all rows in order until best is full.
func (s *Snapshot) walk(ctx context.Context, p *plan, order *sorting, best *top) error {
	room := rooms.Get().(*[batch]uint32)
	defer rooms.Put(room)
	see := func(rows []uint32) error {
		for len(rows) > 0 && !best.full() {
			if err := ctx.Err(); err != nil {
				return err
			}
			n := min(len(rows), strip)
			kept := rows[:n]
			for _, l := range p.leaves {
				kept = l.filter(room[:0], kept)
			}
			best.add(kept)
			rows = rows[n:]
		}
		return nil
	}
	if len(order.keys) == 0 {
		var all [batch]uint32
		for at := 0; at < s.columns().Len() && !best.full(); at += batch {
			n := min(batch, s.columns().Len()-at)
			for i := range n {
				all[i] = uint32(at + i)
			}
			if err := see(all[:n]); err != nil {
				return err
			}
		}
		return nil
	}
	key := &order.keys[0]
	o, err := key.column.Order(ctx)
	if err != nil {
		return err
	}
	missing := key.column.Missing()
	low, high := p.codes(key.column)
	low, high = min(low, missing), min(high, missing)
	if !key.down {
		if err := see(o.Between(low, high)); err != nil {
			return err
		}
	} else {
		for code := high; code > low && !best.full(); code-- {
			if err := see(o.Between(code-1, code)); err != nil {
				return err
			}
		}
	}
	if !best.full() {
		// Both kinds of rows without a value, together in order of position.
		last := slices.Clone(o.Between(missing, missing+2))
		slices.Sort(last)
		return see(last)
	}
	return nil
}

// behind gives a test for rows that come after a cursor.
func (s *Snapshot) behind(order *sorting, cursor *item) func(row uint32) bool {
	if len(order.keys) == 0 {
		return func(row uint32) bool { return s.columns().Record(row).Position > cursor.position }
	}
	return func(row uint32) bool {
		i := item{row: row}
		for k := range order.keys {
			if c := order.keys[k].compareValues(order.value(&i, k), order.value(cursor, k)); c != 0 {
				return c > 0
			}
		}
		return s.columns().Record(row).Position > cursor.position
	}
}

// withChanged puts changed records among the rows.
func withChanged(order *sorting, items, changed []item, cursor *item, limit int) []item {
	if len(changed) == 0 {
		return items
	}
	compare := func(a, b item) int { return order.compareItems(&a, &b) }
	var best []item // of those that changed: a heap with the last one on top
	for i := range changed {
		if cursor != nil && order.compareItems(&changed[i], cursor) <= 0 {
			continue
		}
		if len(best) < limit || compare(changed[i], best[0]) < 0 {
			best = pushHeap(best, changed[i], limit, compare)
		}
	}
	items = append(items, best...)
	slices.SortFunc(items, compare)
	return items[:min(len(items), limit)]
}

// nearest gives the rows that are nearest, and how many are meant.
func (s *Snapshot) nearest(ctx context.Context, p *plan, order *sorting, limit int, cursor *item) ([]item, int, error) {
	matched := 0
	var rows []uint32 // those that are meant, where they are few
	few := max(256, s.columns().Len()/64)
	if p.exact {
		matched = p.rows
	} else {
		err := p.each(ctx, func(batch []uint32) {
			matched += len(batch)
			if matched <= few {
				rows = append(rows, batch...)
			}
		})
		if err != nil {
			return nil, 0, err
		}
	}
	if limit == 0 {
		return nil, matched, nil
	}
	items := p.room.items.take(min(limit, batch))[:0]
	changed := s.recent.count() > 0
	take := func(row uint32, metres float64) {
		i := item{position: s.columns().Record(row).Position, row: row, metres: metres}
		if (cursor == nil || order.compareItems(&i, cursor) > 0) && (!changed || !s.isDead(row)) {
			items = append(items, i)
		}
	}
	if !p.exact && matched <= few {
		for _, row := range rows {
			lon, lat := p.at.Point(row)
			take(row, geo.Distance(p.near.Lon, p.near.Lat, lon, lat))
		}
		slices.SortFunc(items, func(a, b item) int { return order.compareItems(&a, &b) })
		return items[:min(len(items), limit)], matched, nil
	}
	var err error
	seen := 0
	alone := len(p.leaves) == 1 // the distance itself
	p.at.Tree.Nearest(p.near.Lon, p.near.Lat, p.near.Radius, func(row uint32, metres float64) bool {
		if seen++; seen%batch == 0 {
			if err = ctx.Err(); err != nil {
				return false
			}
		}
		if alone || p.test(row) {
			take(row, metres)
		}
		return len(items) < limit
	})
	return items, matched, err
}

// count gives the number of changes.
func (c *changes) count() int {
	if c == nil {
		return 0
	}
	return c.len
}
