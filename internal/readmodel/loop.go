package readmodel

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

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
		b := e.Right.(cql2.BBox)
		lon, lat, ok := s.place(r)
		w, east := b.Low.X.Float64(), b.High.X.Float64()
		in := lon >= w && lon <= east
		if w > east {
			in = lon >= w || lon <= east
		}
		return ok && in && lat >= b.Low.Y.Float64() && lat <= b.High.Y.Float64()
	}
	panic(fmt.Sprintf("%T", e))
}

func metres(a, b, c, d float64) float64 {
	rad := math.Pi / 180
	h := math.Pow(math.Sin((d-b)*rad/2), 2) + math.Cos(b*rad)*math.Cos(d*rad)*math.Pow(math.Sin((c-a)*rad/2), 2)
	return 2 * 6371008.8 * math.Asin(math.Sqrt(h))
}

// Query answers a query.
func (s *Snapshot) Query(ctx context.Context, q query.Query) (query.Page, error) {
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

// Histogram answers a histogram.
func (s *Snapshot) Histogram(context.Context, query.Histogram) (query.Bins, error) {
	return query.Bins{}, nil
}

// Summary answers a summary.
func (s *Snapshot) Summary(context.Context, query.Summary) ([]query.Group, error) {
	return []query.Group{}, nil
}
