//go:build e2e

package geo

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"landings/internal/postgistest"
)

var pairs = flag.Int("pairs", 4000, "pairs of random geometries that are compared with PostGIS")

func TestPostGIS(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	db := postgistest.Start(t)
	type pair struct {
		a, b   *Geometry
		wa, wb string
	}
	for done := 0; done < *pairs; done += 1000 {
		var all []pair
		var sql strings.Builder
		sql.WriteString("WITH p(i, a, b) AS (VALUES ")
		for i := range 1000 {
			var p pair
			skew := rnd.IntN(2) == 0
			p.a, p.wa = randomGeometry(rnd, skew)
			p.b, p.wb = randomGeometry(rnd, skew)
			if rnd.IntN(10) == 0 {
				p.b, p.wb = p.a, p.wa
			}
			all = append(all, p)
			if i > 0 {
				sql.WriteByte(',')
			}
			fmt.Fprintf(&sql, "(%d,'%s'::geometry,'%s'::geometry)", i, p.wa, p.wb)
		}
		sql.WriteString(") SELECT ST_IsValid(a) AND ST_IsValid(b)")
		for _, p := range predicates {
			sql.WriteString(", ST_" + p.name + "(a, b)")
		}
		sql.WriteString(", ST_Relate(a, b) FROM p ORDER BY i;")
		valid := 0
		for i, row := range db.Query(t, sql.String()) {
			columns := strings.Split(row, "\t")
			if columns[0] != "t" {
				continue
			}
			valid++
			p := all[i]
			for k, predicate := range predicates {
				if got, want := predicate.of(p.a, p.b), columns[k+1] == "t"; got != want {
					t.Errorf("%s of\n%s\n%s\nis %v, PostGIS says %v (%s)", predicate.name, p.wa, p.wb, got, want, columns[len(columns)-1])
				}
			}
			if t.Failed() {
				t.FailNow()
			}
		}
		if valid < 500 {
			t.Fatalf("only %d pairs are valid", valid)
		}
	}
	lon, lat, _ := points(rnd, 1000)
	var sql strings.Builder
	sql.WriteString("WITH p(i, a, b) AS (VALUES ")
	for i := range lon {
		if i > 0 {
			sql.WriteByte(',')
		}
		j := (i + 1) % len(lon)
		fmt.Fprintf(&sql, "(%d,'POINT(%.17g %.17g)'::geography,'POINT(%.17g %.17g)'::geography)", i, lon[i], lat[i], lon[j], lat[j])
	}
	sql.WriteString(") SELECT ST_Distance(a, b, false) FROM p ORDER BY i;")
	for i, row := range db.Query(t, sql.String()) {
		var want float64
		_, _ = fmt.Sscan(row, &want)
		j := (i + 1) % len(lon)
		allowed := 0.001
		if want > math.Pi*Radius-100 {
			allowed = 0.5 // as [Distance] says of the antipode
		}
		if got := Distance(lon[i], lat[i], lon[j], lat[j]); math.Abs(got-want) > allowed {
			t.Errorf("from %v %v to %v %v: %v, PostGIS says %v", lon[i], lat[i], lon[j], lat[j], got, want)
		}
	}
}
