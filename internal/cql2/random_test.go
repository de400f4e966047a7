package cql2_test

import (
	"math/rand/v2"
	"reflect"
	"strconv"
	"testing"

	"landings/internal/cql2"
)

// generator makes random trees of everything that the syntax allows.
type generator struct{ *rand.Rand }

// pick gives one of the options; the first, which must be a leaf, when there is no
// depth left.
func (g generator) pick(depth int, options ...func() cql2.Expr) cql2.Expr {
	if depth <= 0 {
		return options[0]()
	}
	return options[g.IntN(len(options))]()
}

func (g generator) op(ops ...string) string { return ops[g.IntN(len(ops))] }

func (g generator) name() string {
	return g.op("a", "mass (g)", "and", "Date", "eo:x.1", "", `"`, `\`, "ß", "1a", "z", "empty", "a\nb", "S_Within", "ogham\u1680space")
}

func (g generator) text() string {
	return g.op("", "a", "'", `\`, `\n`, `\\'`, "\a\b\t\n\v\f\r\x00\x1f", "%_", "..", "é😀\u2028", "it''s")
}

func (g generator) number() cql2.Number {
	n := strconv.FormatFloat(g.NormFloat64()*100, g.op("f", "e", "E")[0], g.IntN(5), 64)
	return cql2.Number{Text: n}
}

func (g generator) list(min int, make func() cql2.Expr) []cql2.Expr {
	list := []cql2.Expr{}
	for n := min + g.IntN(3); n > 0; n-- {
		list = append(list, make())
	}
	return list
}

func (g generator) reference(d int) cql2.Expr {
	return g.pick(d,
		func() cql2.Expr { return cql2.Property{Name: g.name()} },
		func() cql2.Expr {
			return cql2.Function{Name: g.op("f", "my fn", "Point", "TRUE", `"`), Args: g.list(0, func() cql2.Expr { return g.any(d - 1) })}
		})
}

func (g generator) character(d int) cql2.Expr {
	arg := func() cql2.Expr { return g.either(g.character, g.reference)(d - 1) }
	return g.pick(d,
		func() cql2.Expr { return cql2.String{Value: g.text()} },
		func() cql2.Expr { return cql2.Casei{Arg: arg()} },
		func() cql2.Expr { return cql2.Accenti{Arg: arg()} })
}

func (g generator) pattern(d int) cql2.Expr {
	return g.pick(d,
		func() cql2.Expr { return cql2.String{Value: g.text()} },
		func() cql2.Expr { return cql2.Casei{Arg: g.pattern(d - 1)} },
		func() cql2.Expr { return cql2.Accenti{Arg: g.pattern(d - 1)} })
}

func (g generator) numeric(d int) cql2.Expr {
	operand := func() cql2.Expr { return g.either(g.numeric, g.reference)(d - 1) }
	return g.pick(d,
		func() cql2.Expr { return g.number() },
		func() cql2.Expr {
			return cql2.Arithmetic{Op: cql2.ArithmeticOp(g.op("+", "-", "*", "/", "%", "div", "^")), Left: operand(), Right: operand()}
		})
}

func (g generator) instant(int) cql2.Expr {
	if g.IntN(2) == 0 {
		return cql2.Date{Text: "2024-02-29"}
	}
	return cql2.Timestamp{Text: g.op("1969-07-20T20:17:40Z", "1969-07-20T20:17:40.0500Z")}
}

func (g generator) interval(d int) cql2.Expr {
	end := func() cql2.Expr {
		if g.IntN(3) == 0 {
			return cql2.Unbounded{}
		}
		return g.either(g.instant, g.reference)(d - 1)
	}
	return cql2.Interval{Start: end(), End: end()}
}

func (g generator) position(z bool) cql2.Position {
	p := cql2.Position{X: g.number(), Y: g.number()}
	if z {
		p.Z = g.number()
	}
	return p
}

func (g generator) line(z bool) []cql2.Position {
	line := []cql2.Position{g.position(z), g.position(z)}
	for g.IntN(2) == 0 {
		line = append(line, g.position(z))
	}
	return line
}

func (g generator) ring(z bool) []cql2.Position {
	if g.IntN(5) == 0 {
		return []cql2.Position{}
	}
	ring := append(g.line(z), g.position(z))
	return append(ring, ring[0])
}

func several[T any](g generator, make func() T) []T {
	list := []T{}
	for g.IntN(3) > 0 {
		list = append(list, make())
	}
	return list
}

func (g generator) geometry(int) cql2.Expr {
	if g.IntN(5) == 0 {
		z := g.IntN(2) == 0
		return cql2.BBox{Low: g.position(z), High: g.position(z)}
	}
	if g.IntN(5) == 0 {
		return cql2.GeometryCollection{Geometries: g.list(1, g.single)}
	}
	return g.single()
}

func (g generator) single() cql2.Expr {
	z := g.IntN(2) == 0
	ring := func() []cql2.Position { return g.ring(z) }
	switch g.IntN(6) {
	case 0:
		return cql2.Point{Position: g.position(z)}
	case 1:
		return cql2.LineString{Positions: g.line(z)}
	case 2:
		return cql2.Polygon{Rings: several(g, ring)}
	case 3:
		return cql2.MultiPoint{Positions: several(g, func() cql2.Position { return g.position(z) })}
	case 4:
		return cql2.MultiLineString{Lines: several(g, func() []cql2.Position { return g.line(z) })}
	}
	return cql2.MultiPolygon{Polygons: several(g, func() [][]cql2.Position { return several(g, ring) })}
}

func (g generator) array(d int) cql2.Expr {
	return cql2.Array{Items: g.list(0, func() cql2.Expr { return g.any(d - 1) })}
}

func (g generator) boolean(int) cql2.Expr { return cql2.Boolean{Value: g.IntN(2) == 0} }

func (g generator) either(makers ...func(int) cql2.Expr) func(int) cql2.Expr {
	return makers[g.IntN(len(makers))]
}

func (g generator) scalar(d int) cql2.Expr {
	return g.either(g.character, g.numeric, g.instant, g.boolean, g.reference)(d)
}

func (g generator) any(d int) cql2.Expr {
	if d <= 0 {
		return g.number()
	}
	return g.either(g.scalar, g.predicate, g.interval, g.geometry, g.array)(d)
}

func (g generator) predicate(d int) cql2.Expr {
	p := func() cql2.Expr { return g.predicate(d - 1) }
	two := func(makers ...func(int) cql2.Expr) (a, b cql2.Expr) {
		return g.either(makers...)(d - 1), g.either(makers...)(d - 1)
	}
	return g.pick(d,
		func() cql2.Expr { return g.boolean(d) },
		func() cql2.Expr { return g.reference(d) },
		func() cql2.Expr { return cql2.And{Args: g.list(2, p)} },
		func() cql2.Expr { return cql2.Or{Args: g.list(2, p)} },
		func() cql2.Expr { return cql2.Not{Arg: p()} },
		func() cql2.Expr {
			l, r := two(g.scalar)
			return cql2.Comparison{Op: cql2.CompareOp(g.op("=", "<>", "<", ">", "<=", ">=")), Left: l, Right: r}
		},
		func() cql2.Expr {
			return cql2.Like{Arg: g.either(g.character, g.reference)(d - 1), Pattern: g.pattern(d - 1)}
		},
		func() cql2.Expr {
			l, r := two(g.numeric, g.reference)
			return cql2.Between{Arg: g.either(g.numeric, g.reference)(d - 1), Low: l, High: r}
		},
		func() cql2.Expr {
			return cql2.In{Arg: g.scalar(d - 1), List: g.list(0, func() cql2.Expr { return g.scalar(d - 1) })}
		},
		func() cql2.Expr {
			return cql2.IsNull{Arg: g.either(g.scalar, g.predicate, g.interval, g.geometry)(d - 1)}
		},
		func() cql2.Expr {
			l, r := two(g.geometry, g.reference)
			return cql2.SpatialPredicate{Op: cql2.SpatialOp(g.op("s_within", "s_touches")), Left: l, Right: r}
		},
		func() cql2.Expr {
			l, r := two(g.instant, g.interval, g.reference)
			return cql2.TemporalPredicate{Op: cql2.TemporalOp(g.op("t_metBy", "t_after")), Left: l, Right: r}
		},
		func() cql2.Expr {
			l, r := two(g.array, g.reference)
			return cql2.ArrayPredicate{Op: cql2.ArrayOp(g.op("a_containedBy", "a_equals")), Left: l, Right: r}
		},
	)
}

// TestRandomTrees prints and parses trees that no text was parsed into first.
func TestRandomTrees(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := generator{rand.New(rand.NewPCG(seed, 0))}
	for range 5000 {
		tree := g.predicate(g.IntN(5))
		checkLaws(t, tree)
		if t.Failed() {
			return
		}
	}
}

func FuzzText(f *testing.F) {
	for _, c := range filters {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if tree, err := cql2.ParseText(s); err == nil {
			checkLaws(t, tree)
		} else {
			invalid(t, err)
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, c := range filters {
		f.Add([]byte(c.json))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := append([]byte(nil), b...)
		tree, err := cql2.ParseJSON(b)
		if err != nil {
			invalid(t, err)
			return
		}
		checkLaws(t, tree)
		clear(b) // the tree must not share the caller's bytes
		if again, err := cql2.ParseJSON(before); err != nil || !reflect.DeepEqual(tree, again) {
			t.Fatalf("the tree changed with the input: %v", err)
		}
	})
}

const typical = "year BETWEEN 1990 AND 2000 AND CASEI(recclass) LIKE CASEI('h%') AND (\"mass (g)\" > 1000.5 OR fall = 'Fell') AND S_INTERSECTS(geometry, BBOX(-10, 35, 30, 60))"

func BenchmarkParseText(b *testing.B) {
	b.SetBytes(int64(len(typical)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := cql2.ParseText(typical); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseJSON(b *testing.B) {
	tree, err := cql2.ParseText(typical)
	if err != nil {
		b.Fatal(err)
	}
	json := cql2.JSON(tree)
	b.SetBytes(int64(len(json)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := cql2.ParseJSON(json); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkText(b *testing.B) {
	tree, err := cql2.ParseText(typical)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		cql2.Text(tree)
	}
}
