package readmodel

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"landings/internal/cql2"
	"landings/internal/dataset"
	"landings/internal/query"
)

// A plain loop over the records, until the engine is there.

func (s *Snapshot) member(r dataset.Record, name string) any {
	var m map[string]any
	if json.Unmarshal(r.JSON, &m) != nil {
		return nil
	}
	v := m[name]
	if t, ok := v.(string); ok {
		if t == "" {
			return nil
		}
		for _, f := range s.state.Schema.Fields {
			if f.Name != name {
				continue
			}
			switch f.Type {
			case dataset.Number, dataset.Integer:
				if n, ok := dataset.ParseYear([]byte(t)); ok {
					return float64(n)
				}
				if n, ok := dataset.ParseNumber([]byte(t)); ok {
					return n
				}
				return nil
			case dataset.Boolean:
				if is, ok := dataset.ParseBoolean([]byte(t)); ok {
					return is
				}
				return nil
			case dataset.Time:
				if at, ok := dataset.ParseTime([]byte(t)); ok {
					return float64(at.UnixMicro())
				}
				return nil
			}
		}
	}
	return v
}

func (s *Snapshot) place(r dataset.Record) (lon, lat float64, ok bool) {
	g := s.state.Schema.Geometry
	if g == nil {
		return 0, 0, false
	}
	a, ok1 := s.member(r, g.Lat).(float64)
	o, ok2 := s.member(r, g.Lon).(float64)
	if o > 180 {
		o -= 360
	}
	return o, a, ok1 && ok2
}

func (s *Snapshot) value(r dataset.Record, e cql2.Expr) any {
	switch e := e.(type) {
	case cql2.Property:
		if e.Name == "id" {
			return r.ID
		}
		return s.member(r, e.Name)
	case cql2.String:
		return e.Value
	case cql2.Number:
		return e.Float64()
	case cql2.Boolean:
		return e.Value
	case cql2.Timestamp:
		return float64(e.Time().UnixMicro())
	}
	return nil
}

func order(a, b any) (int, bool) {
	switch x := a.(type) {
	case float64:
		if y, ok := b.(float64); ok {
			return cmp.Compare(x, y), true
		}
	case string:
		if y, ok := b.(string); ok {
			return cmp.Compare(x, y), true
		}
	case bool:
		if y, ok := b.(bool); ok {
			return cmp.Compare(fmt.Sprint(x), fmt.Sprint(y)), true
		}
	}
	return 0, false
}

func (s *Snapshot) holds(r dataset.Record, e cql2.Expr) bool {
	switch e := e.(type) {
	case nil:
		return true
	case cql2.Boolean:
		return e.Value
	case cql2.And:
		for _, x := range e.Args {
			if !s.holds(r, x) {
				return false
			}
		}
		return true
	case cql2.Or:
		for _, x := range e.Args {
			if s.holds(r, x) {
				return true
			}
		}
		return false
	case cql2.Not:
		return !s.holds(r, e.Arg)
	case cql2.Like:
		v, _ := s.value(r, e.Arg).(string)
		return strings.HasPrefix(v, strings.TrimSuffix(e.Pattern.(cql2.String).Value, "%"))
	case cql2.IsNull:
		return s.value(r, e.Arg) == nil
	case cql2.In:
		for _, x := range e.List {
			if c, ok := order(s.value(r, e.Arg), s.value(r, x)); ok && c == 0 {
				return true
			}
		}
		return false
	case cql2.Comparison:
		c, ok := order(s.value(r, e.Left), s.value(r, e.Right))
		if !ok {
			return false
		}
		switch e.Op {
		case cql2.Equal:
			return c == 0
		case cql2.NotEqual:
			return c != 0
		case cql2.Less:
			return c < 0
		case cql2.Greater:
			return c > 0
		case cql2.LessOrEqual:
			return c <= 0
		}
		return c >= 0
	case cql2.SpatialPredicate:
		b, ok := e.Right.(cql2.BBox)
		if !ok {
			panic(unsupported{fmt.Sprintf("%T", e.Right)})
		}
		lon, lat, placed := s.place(r)
		w, east := b.Low.X.Float64(), b.High.X.Float64()
		in := lon >= w && lon <= east
		if w > east {
			in = lon >= w || lon <= east
		}
		return placed && in && lat >= b.Low.Y.Float64() && lat <= b.High.Y.Float64()
	}
	panic(unsupported{fmt.Sprintf("%T", e)})
}

// unsupported is what the loop does not do.
type unsupported struct{ what string }

func (u unsupported) err() error {
	return &dataset.Error{Code: dataset.Invalid, Message: u.what + " cannot be asked for yet", Remedy: "use comparisons, IN, IS NULL, AND, OR, NOT and bbox"}
}

func metres(a, b, c, d float64) float64 {
	rad := math.Pi / 180
	h := math.Pow(math.Sin((d-b)*rad/2), 2) + math.Cos(b*rad)*math.Cos(d*rad)*math.Pow(math.Sin((c-a)*rad/2), 2)
	return 2 * 6371008.8 * math.Asin(math.Sqrt(h))
}

// Query answers a query.
func (s *Snapshot) Query(ctx context.Context, q query.Query) (page query.Page, err error) {
	defer func() {
		switch u := recover().(type) {
		case nil:
		case unsupported:
			page, err = query.Page{}, u.err()
		default:
			panic(u)
		}
	}()
	type hit struct {
		r dataset.Record
		d float64
	}
	var hits []hit
	for r := range s.All() {
		if err := ctx.Err(); err != nil {
			return query.Page{}, err
		}
		h := hit{r: r}
		if q.Near != nil {
			lon, lat, ok := s.place(r)
			if !ok {
				continue
			}
			if h.d = metres(q.Near.Lon, q.Near.Lat, lon, lat); h.d > q.Near.Radius {
				continue
			}
		}
		if q.Search != "" && !strings.Contains(strings.ToLower(string(r.JSON)), strings.ToLower(q.Search)) {
			continue
		}
		if s.holds(r, q.Filter) {
			hits = append(hits, h)
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int {
		if q.SortBy == nil && q.Near != nil {
			return cmp.Compare(a.d, b.d)
		}
		for _, k := range q.SortBy {
			x, y := s.member(a.r, k.Field), s.member(b.r, k.Field)
			if (x == nil) != (y == nil) {
				if x == nil {
					return 1
				}
				return -1
			}
			c, _ := order(x, y)
			if k.Descending {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	p := query.Page{Matched: len(hits)}
	if q.After != nil {
		i := slices.IndexFunc(hits, func(h hit) bool { return h.r.Position == *q.After })
		hits = hits[i+1:]
	}
	p.More = len(hits) > q.Limit
	for _, h := range hits[:min(len(hits), q.Limit)] {
		p.Records = append(p.Records, h.r)
		if q.Near != nil {
			p.Distances = append(p.Distances, h.d)
		}
	}
	if q.Explain {
		p.Plan = &query.Plan{Steps: []query.Step{{Does: "each record", Rows: p.Matched}}, Scanned: s.Len()}
	}
	return p, nil
}

// Facets answers facets.
func (s *Snapshot) Facets(ctx context.Context, q query.Facets) ([]query.Facet, error) {
	p, err := s.Query(ctx, query.Query{Where: q.Where, Limit: math.MaxInt})
	if err != nil {
		return nil, err
	}
	var all []query.Facet
	for _, name := range q.Fields {
		f := query.Facet{Field: name, Values: []query.Count{}}
		n := map[string]int{}
		for _, r := range p.Records {
			v := s.member(r, name)
			if v == nil {
				f.Missing++
				continue
			}
			b, _ := json.Marshal(v)
			n[string(b)]++
		}
		for v, c := range n {
			f.Values = append(f.Values, query.Count{Value: json.RawMessage(v), Count: c})
		}
		slices.SortFunc(f.Values, func(a, b query.Count) int {
			return cmp.Or(-cmp.Compare(a.Count, b.Count), cmp.Compare(string(a.Value), string(b.Value)))
		})
		f.Distinct = len(f.Values)
		if len(f.Values) > q.Limit {
			for _, v := range f.Values[q.Limit:] {
				f.Other += v.Count
			}
			f.Values = f.Values[:q.Limit]
		}
		all = append(all, f)
	}
	return all, nil
}

// figures gives the values of a field among records, in ascending order, and how
// many records have none or one that does not fit.
func (s *Snapshot) figures(records []dataset.Record, name string) (numbers []float64, texts []string, missing, misfits int) {
	for _, r := range records {
		switch v := s.member(r, name).(type) {
		case float64:
			numbers = append(numbers, v)
		case string:
			texts = append(texts, v)
		case nil:
			var m map[string]any
			if json.Unmarshal(r.JSON, &m) == nil && m[name] != nil && m[name] != "" {
				misfits++
			} else {
				missing++
			}
		default:
			texts = append(texts, fmt.Sprint(v))
		}
	}
	slices.Sort(numbers)
	slices.Sort(texts)
	return numbers, texts, missing, misfits
}

// spell gives a value of a field: of a time the text.
func (s *Snapshot) spell(name string, v float64) any {
	for _, f := range s.state.Schema.Fields {
		if f.Name == name && f.Type == dataset.Time {
			return time.UnixMicro(int64(v)).UTC().Format(time.RFC3339Nano)
		}
	}
	return v
}

// Histogram answers a histogram.
func (s *Snapshot) Histogram(ctx context.Context, q query.Histogram) (query.Bins, error) {
	p, err := s.Query(ctx, query.Query{Where: q.Where, Limit: math.MaxInt})
	if err != nil {
		return query.Bins{}, err
	}
	values, _, missing, misfits := s.figures(p.Records, q.Field)
	bins := query.Bins{Field: q.Field, Borders: []any{}, Counts: []int{}, Missing: missing + misfits}
	if len(values) == 0 {
		return bins, nil
	}
	low, high := values[0], values[len(values)-1]
	width := 1.0
	if high > low {
		width = math.Pow(10, math.Floor(math.Log10((high-low)/float64(q.Bins))))
		for _, m := range []float64{1, 2, 5, 10, 20} {
			if n := math.Floor(high/(m*width)) - math.Floor(low/(m*width)) + 1; n <= float64(q.Bins) || m == 20 {
				width *= m
				break
			}
		}
	}
	first := math.Floor(low / width)
	n := max(1, int(math.Ceil(high/width-first)))
	bins.Counts = make([]int, n)
	for i := range n + 1 {
		bins.Borders = append(bins.Borders, s.spell(q.Field, (first+float64(i))*width))
	}
	for _, v := range values {
		bins.Counts[min(int(v/width-first), n-1)]++
	}
	return bins, nil
}

// Summary answers a summary.
func (s *Snapshot) Summary(ctx context.Context, q query.Summary) ([]query.Group, error) {
	p, err := s.Query(ctx, query.Query{Where: q.Where, Limit: math.MaxInt})
	if err != nil {
		return nil, err
	}
	type group struct {
		by      []json.RawMessage
		key     string
		records []dataset.Record
	}
	byKey := map[string]*group{}
	var groups []*group
	if len(q.By) == 0 {
		groups = []*group{{records: p.Records}}
		p.Records = nil
	}
	for _, r := range p.Records {
		var by []json.RawMessage
		for _, name := range q.By {
			b, err := json.Marshal(s.member(r, name))
			if err != nil {
				return nil, err
			}
			by = append(by, b)
		}
		key := fmt.Sprintf("%s", by)
		if byKey[key] == nil {
			byKey[key] = &group{by: by, key: key}
			groups = append(groups, byKey[key])
		}
		byKey[key].records = append(byKey[key].records, r)
	}
	slices.SortFunc(groups, func(a, b *group) int {
		return cmp.Or(cmp.Compare(len(b.records), len(a.records)), cmp.Compare(a.key, b.key))
	})
	out := []query.Group{}
	for _, g := range groups[:min(len(groups), q.Limit)] {
		o := query.Group{By: g.by, Records: len(g.records)}
		for _, name := range q.Fields {
			numbers, texts, missing, misfits := s.figures(g.records, name)
			f := query.Figures{Field: name, Count: len(numbers) + len(texts), Missing: missing, Misfits: misfits}
			if n := len(texts); n > 0 {
				f.Min, f.Max = texts[0], texts[n-1]
			}
			if n := len(numbers); n > 0 {
				f.Min, f.Max = s.spell(name, numbers[0]), s.spell(name, numbers[n-1])
				if _, isTime := f.Min.(string); !isTime {
					sum := 0.0
					for _, v := range numbers {
						sum += v
					}
					mean := sum / float64(n)
					f.Sum, f.Mean = &sum, &mean
					for _, quantile := range q.Quantiles {
						at := quantile * float64(n-1)
						low := int(at)
						v := numbers[low]
						if low+1 < n {
							v += (at - float64(low)) * (numbers[low+1] - v)
						}
						f.Quantiles = append(f.Quantiles, v)
					}
				}
			}
			o.Fields = append(o.Fields, f)
		}
		out = append(out, o)
	}
	return out, nil
}
