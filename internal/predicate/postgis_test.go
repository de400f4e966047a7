//go:build e2e

package predicate

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"landings/internal/cql2"
	"landings/internal/dataset"
	"landings/internal/postgistest"
)

var filters = flag.Int("filters", 2000, "random filters that are compared with PostGIS")

// both is a filter as CQL2 and as SQL.
type both struct{ cql, sql string }

func alike(s string) both { return both{s, s} }

type generator struct{ *rand.Rand }

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

func (g generator) word() string {
	return pick(g, "aa", "ab", "Ab", "b", "é", "x_y", "100%", "a b", "O'Hara")
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func (g generator) text() both {
	switch g.IntN(6) {
	case 0:
		s := quote(g.word())
		return both{s, s}
	case 1:
		t := g.text()
		return both{"CASEI(" + t.cql + ")", "lower(" + t.sql + ")"}
	case 2:
		t := g.text()
		return both{"lower(" + t.cql + ")", "lower(" + t.sql + ")"}
	}
	return alike(pick(g, "name", "class"))
}

func (g generator) number(depth int) both {
	switch g.IntN(7) {
	case 0:
		return alike(fmt.Sprint(g.IntN(30) - 5))
	case 1:
		return alike(fmt.Sprintf("%.1f", g.Float64()*20))
	case 2:
		if depth > 0 {
			l, r := g.number(depth-1), g.number(depth-1)
			op := pick(g, "+", "-", "*")
			return both{"(" + l.cql + " " + op + " " + r.cql + ")", "(" + l.sql + "::float8 " + op + " " + r.sql + "::float8)"}
		}
	case 3:
		if depth > 0 {
			l, r := g.number(depth-1), g.number(depth-1)
			return both{"(" + l.cql + " / " + r.cql + ")", "(" + l.sql + "::float8 / nullif(" + r.sql + "::float8, 0))"}
		}
	case 4:
		if depth > 0 {
			n := g.number(depth - 1)
			f := pick(g, "abs", "floor", "ceil")
			// (x) as an argument would be a list of one.
			arg := n.cql
			if arg[0] == '(' {
				arg = arg[1 : len(arg)-1]
			}
			return both{f + "(" + arg + ")", f + "(" + n.sql + "::float8)"}
		}
	}
	return alike(pick(g, "mass", "year"))
}

func (g generator) instant() string {
	return time.Date(2000, 1, 1+g.IntN(20), g.IntN(24), 0, 0, 0, time.UTC).Format(time.RFC3339)
}

func (g generator) shape() both {
	x, y := g.IntN(9), g.IntN(9)
	w, h := 1+g.IntN(4), 1+g.IntN(4)
	var wkt string
	switch g.IntN(4) {
	case 0:
		return both{fmt.Sprintf("BBOX(%d,%d,%d,%d)", x, y, x+w, y+h), fmt.Sprintf("ST_MakeEnvelope(%d,%d,%d,%d)", x, y, x+w, y+h)}
	case 1:
		wkt = fmt.Sprintf("POINT(%d %d)", x, y)
	case 2:
		wkt = fmt.Sprintf("LINESTRING(%d %d, %d %d)", x, y, x+w, y+h)
	default:
		wkt = fmt.Sprintf("POLYGON((%d %d, %d %d, %d %d, %d %d))", x, y, x+w, y, x, y+h, x, y)
	}
	return both{wkt, quote(wkt) + "::geometry"}
}

func (g generator) pred(depth int) both {
	if depth > 0 {
		switch g.IntN(5) {
		case 0, 1:
			l, r := g.pred(depth-1), g.pred(depth-1)
			op := pick(g, " AND ", " OR ")
			return both{"(" + l.cql + op + r.cql + ")", "(" + l.sql + op + r.sql + ")"}
		case 2:
			p := g.pred(depth - 1)
			return both{"NOT (" + p.cql + ")", "NOT (" + p.sql + ")"}
		}
	}
	op := pick(g, "=", "<>", "<", "<=", ">", ">=")
	switch g.IntN(11) {
	case 0:
		l, r := g.text(), g.text()
		return both{l.cql + " " + op + " " + r.cql, l.sql + " " + op + " " + r.sql}
	case 1, 2:
		l, r := g.number(2), g.number(1)
		return both{l.cql + " " + op + " " + r.cql, l.sql + "::float8 " + op + " " + r.sql + "::float8"}
	case 3:
		n, low := g.number(1), g.IntN(20)
		not := pick(g, "", "NOT ")
		between := fmt.Sprintf(" %sBETWEEN %d AND %d", not, low, low+g.IntN(10))
		return both{n.cql + between, n.sql + "::float8" + between}
	case 4:
		var list []string
		for range 1 + g.IntN(4) {
			list = append(list, quote(g.word()))
		}
		t := g.text()
		in := pick(g, "", " NOT") + " IN (" + strings.Join(list, ", ") + ")"
		return both{t.cql + in, t.sql + in}
	case 5:
		t := g.text()
		pattern := ""
		for range 1 + g.IntN(3) {
			pattern += pick(g, "%", "_", "a", "b", `\%`, `\_`, "é", "x")
		}
		like := pick(g, "", " NOT") + " LIKE " + quote(pattern)
		return both{t.cql + like, t.sql + like}
	case 6:
		return alike(pick(g, "name", "class", "mass", "year", "seen", "fell", "geom") + pick(g, " IS NULL", " IS NOT NULL"))
	case 7:
		return alike(pick(g, "fell = TRUE", "fell = FALSE", "fell"))
	case 8:
		at := g.instant()
		sql := fmt.Sprintf("seen %s '%s'::timestamptz", op, at)
		return both{fmt.Sprintf("seen %s TIMESTAMP('%s')", op, at), sql}
	case 9:
		from, to := g.instant(), g.instant()
		if from > to {
			from, to = to, from
		}
		if g.IntN(2) == 0 {
			return both{fmt.Sprintf("T_INTERSECTS(seen, INTERVAL('%s','%s'))", from, to), fmt.Sprintf("seen BETWEEN '%s' AND '%s'", from, to)}
		}
		return both{fmt.Sprintf("T_BEFORE(seen, TIMESTAMP('%s'))", from), fmt.Sprintf("seen < '%s'", from)}
	default:
		s := g.shape()
		f := pick(g, "Intersects", "Within", "Contains", "Disjoint", "Touches", "Crosses", "Overlaps", "Equals")
		if g.IntN(2) == 0 {
			return both{"S_" + strings.ToUpper(f) + "(geom, " + s.cql + ")", "ST_" + f + "(geom, " + s.sql + ")"}
		}
		return both{"S_" + strings.ToUpper(f) + "(" + s.cql + ", geom)", "ST_" + f + "(" + s.sql + ", geom)"}
	}
}

// The records spell numbers, times and booleans now as JSON does and now as texts;
// what is missing is absent, null or an empty text.
func (g generator) record() (record, row string) {
	m := map[string]any{}
	var columns []string
	add := func(name string, value any, sql string) {
		if g.IntN(5) == 0 {
			columns = append(columns, "NULL")
			switch g.IntN(3) {
			case 0:
				m[name] = nil
			case 1:
				m[name] = ""
			}
			return
		}
		if g.IntN(2) == 0 && name != "geom" {
			value = fmt.Sprint(value)
		}
		m[name] = value
		columns = append(columns, sql)
	}
	w := g.word()
	add("name", w, quote(w))
	c := pick(g, "L6", "H5", "aa")
	add("class", c, quote(c))
	mass := float64(g.IntN(200)) / 10
	add("mass", mass, fmt.Sprint(mass))
	year := g.IntN(30)
	add("year", year, fmt.Sprint(year))
	seen := g.instant()
	add("seen", seen, quote(seen))
	fell := g.IntN(2) == 0
	add("fell", fell, fmt.Sprint(fell))
	x, y := float64(g.IntN(9)), float64(g.IntN(9))
	switch g.IntN(5) {
	case 0:
		add("geom", map[string]any{"type": "LineString", "coordinates": [][]float64{{x, y}, {x + 2, y + 1}}},
			quote(fmt.Sprintf("LINESTRING(%v %v, %v %v)", x, y, x+2, y+1)))
	case 1:
		add("geom", map[string]any{"type": "Polygon", "coordinates": [][][]float64{{{x, y}, {x + 2, y}, {x + 2, y + 2}, {x, y}}}},
			quote(fmt.Sprintf("POLYGON((%v %v, %v %v, %v %v, %v %v))", x, y, x+2, y, x+2, y+2, x, y)))
	default:
		add("geom", map[string]any{"type": "Point", "coordinates": []float64{x, y}}, quote(fmt.Sprintf("POINT(%v %v)", x, y)))
	}
	b, _ := json.Marshal(m)
	return string(b), strings.Join(columns, ", ")
}

func TestPostGIS(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := generator{rand.New(rand.NewPCG(seed, 0))}
	db := postgistest.Start(t)
	var records []dataset.Record
	var sql strings.Builder
	sql.WriteString("CREATE TABLE r(i int, name text, class text, mass float8, year int, seen timestamptz, fell bool, geom geometry);\nINSERT INTO r VALUES ")
	for i := range 500 {
		record, row := g.record()
		records = append(records, dataset.Record{ID: fmt.Sprint(i), Position: uint64(i), JSON: []byte(record)})
		if i > 0 {
			sql.WriteString(", ")
		}
		fmt.Fprintf(&sql, "(%d, %s)", i, row)
	}
	db.Query(t, sql.String())
	reader := NewReader(dataset.Schema{
		Fields: []dataset.Field{
			{Name: "name", Type: dataset.Text}, {Name: "class", Type: dataset.Text}, {Name: "mass", Type: dataset.Number},
			{Name: "year", Type: dataset.Integer}, {Name: "seen", Type: dataset.Time}, {Name: "fell", Type: dataset.Boolean},
			{Name: "geom", Type: dataset.JSON},
		},
		Geometry: &dataset.Geometry{GeoJSON: "geom"},
	})
	for done := 0; done < *filters; done += 200 {
		var all []both
		sql.Reset()
		for range 200 {
			f := g.pred(3)
			// What may be a geometry is one under its own name.
			all = append(all, both{strings.ReplaceAll(f.cql, "geom", "geometry"), f.sql})
			fmt.Fprintf(&sql, "SELECT coalesce(string_agg(i::text, ' ' ORDER BY i), '-') FROM r WHERE %s;\n", f.sql)
		}
		rows := db.Query(t, sql.String())
		for i, f := range all {
			e, err := cql2.ParseText(f.cql)
			if err != nil {
				t.Fatalf("%s: %v", f.cql, err)
			}
			p, err := Bind(reader, e)
			if err != nil {
				t.Fatalf("%s: %v", f.cql, err)
			}
			want := reader.Want(Fields(p)...)
			row := reader.NewRow()
			var got []string
			for _, r := range records {
				reader.Read(r, &want, row)
				if p.Test(row) == True {
					got = append(got, r.ID)
				}
			}
			expected := strings.Fields(strings.Trim(rows[i], "-"))
			if !slices.Equal(got, expected) {
				t.Errorf("%s\n%s\ngave %d records, PostGIS %d\n%v\n%v", f.cql, f.sql, len(got), len(expected), got, expected)
			}
		}
		if t.Failed() {
			return
		}
	}
}
