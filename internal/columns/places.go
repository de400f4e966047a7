package columns

import (
	"cmp"
	"math"
	"slices"
	"sync"

	"landings/internal/geo"
	"landings/internal/predicate"
)

func (t *Table) readPlaces() *Places {
	p := &Places{points: make([]uint32, t.rows)}
	byRow := make([][2]float64, t.rows) // not a number: no point
	field := t.reader.Place()
	var mu sync.Mutex // for what is rare
	points := 0
	t.each([]int{field}, func(first uint32, rows []predicate.Row) {
		n := 0
		for i, values := range rows {
			row := first + uint32(i)
			v := values[field]
			if v.Kind == predicate.Place && v.IsPoint() {
				byRow[row][0], byRow[row][1] = v.LonLat()
				n++
				continue
			}
			byRow[row][0] = math.NaN()
			if v.Kind == predicate.Missing {
				continue
			}
			mu.Lock()
			if g, ok := v.Geometry(); ok {
				p.Shapes = append(p.Shapes, Shape{row, g})
			} else {
				p.Misfits = append(p.Misfits, row)
			}
			mu.Unlock()
		}
		mu.Lock()
		points += n
		mu.Unlock()
	})
	slices.SortFunc(p.Shapes, func(a, b Shape) int { return cmp.Compare(a.Row, b.Row) })
	slices.Sort(p.Misfits)
	lon, lat, rows := make([]float64, 0, points), make([]float64, 0, points), make([]uint32, 0, points)
	for row, at := range byRow {
		p.points[row] = noPoint
		if !math.IsNaN(at[0]) {
			lon, lat, rows = append(lon, at[0]), append(lat, at[1]), append(rows, uint32(row))
		}
	}
	p.Tree = geo.NewTree(lon, lat, rows)
	for i := range uint32(points) {
		p.points[p.Tree.Row(i)] = i
	}
	return p
}

// Nowhere gives the places of no rows.
func Nowhere() *Places { return &Places{Tree: geo.NewTree(nil, nil, nil)} }

// Point gives where a row is; of a row without a place, or with one that is no point,
// it gives what is not a number.
func (p *Places) Point(row uint32) (lon, lat float64) {
	if i := p.points[row]; i != noPoint {
		return p.Tree.Point(i)
	}
	return math.NaN(), math.NaN()
}

// Value gives the place of a row.
func (p *Places) Value(row uint32) predicate.Value {
	if i := p.points[row]; i != noPoint {
		return predicate.PointValue(p.Tree.Point(i))
	}
	if i, ok := slices.BinarySearchFunc(p.Shapes, row, func(s Shape, row uint32) int { return cmp.Compare(s.Row, row) }); ok {
		return predicate.GeometryValue(p.Shapes[i].Geometry)
	}
	if _, ok := slices.BinarySearch(p.Misfits, row); ok {
		return predicate.Value{Kind: predicate.Misfit}
	}
	return predicate.Value{}
}

// bytes gives about how much memory the places take: of shapes, 16 bytes a
// coordinate pair are guessed at eight pairs.
func (p *Places) bytes() int64 {
	return 4*int64(len(p.points)+len(p.Misfits)) + 200*int64(len(p.Shapes)) + p.Tree.Bytes()
}
