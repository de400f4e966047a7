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
	p := &Places{Lon: make([]float64, t.rows), Lat: make([]float64, t.rows)}
	field := t.reader.Place()
	var mu sync.Mutex // for what is rare
	points := 0
	t.each([]int{field}, func(first uint32, rows []predicate.Row) {
		n := 0
		for i, values := range rows {
			row := first + uint32(i)
			v := values[field]
			if v.Kind == predicate.Place && v.IsPoint() {
				p.Lon[row], p.Lat[row] = v.LonLat()
				n++
				continue
			}
			p.Lon[row], p.Lat[row] = math.NaN(), math.NaN()
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
	for row := range p.Lon {
		if !math.IsNaN(p.Lon[row]) {
			lon, lat, rows = append(lon, p.Lon[row]), append(lat, p.Lat[row]), append(rows, uint32(row))
		}
	}
	p.Tree = geo.NewTree(lon, lat, rows)
	return p
}

// Value gives the place of a row.
func (p *Places) Value(row uint32) predicate.Value {
	if !math.IsNaN(p.Lon[row]) {
		return predicate.PointValue(p.Lon[row], p.Lat[row])
	}
	if i, ok := slices.BinarySearchFunc(p.Shapes, row, func(s Shape, row uint32) int { return cmp.Compare(s.Row, row) }); ok {
		return predicate.GeometryValue(p.Shapes[i].Geometry)
	}
	if _, ok := slices.BinarySearch(p.Misfits, row); ok {
		return predicate.Value{Kind: predicate.Misfit}
	}
	return predicate.Value{}
}
