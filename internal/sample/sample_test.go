package sample

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"io"
	"strconv"
	"strings"
	"testing"

	"landings/internal/dataset"
)

// The digests hold the promise that a seed gives the same sample everywhere. A
// deliberate change of the generator changes them.
func TestSameForTheSameSeed(t *testing.T) {
	for format, want := range map[string]string{
		"json":    "5d8d8d20ffb5e977",
		"ndjson":  "b6491d9ebcf7e7fc",
		"csv":     "87a51e65bc8743fe",
		"geojson": "da2e0266c2cfa4e9",
	} {
		h := sha256.New()
		if err := Write(h, format, 10_000, 1); err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(h.Sum(nil)[:8]); got != want {
			t.Errorf("%s: the digest is %s, was %s", format, got, want)
		}
	}
}

func TestLongerBeginsWithShorter(t *testing.T) {
	var short, long, other strings.Builder
	for w, n := range map[*strings.Builder]int{&short: 100, &long: 300} {
		if err := Write(w, "csv", n, 7); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.HasPrefix(long.String(), short.String()) {
		t.Error("300 records do not begin with the 100")
	}
	if err := Write(&other, "csv", 100, 8); err != nil {
		t.Fatal(err)
	}
	if other.String() == short.String() {
		t.Error("two seeds give the same")
	}
	n := 0
	for l := range All(100, 7) {
		if n++; !strings.Contains(short.String(), l.Name+","+l.ID+",") {
			t.Error(l.Name, " is not in the file")
		}
	}
	if n != 100 {
		t.Error(n)
	}
}

func TestRefusals(t *testing.T) {
	if err := Write(io.Discard, "xml", 1, 1); dataset.CodeOf(err) != dataset.UnsupportedMediaType {
		t.Error(err)
	}
	if err := Write(io.Discard, "csv", -1, 1); dataset.CodeOf(err) != dataset.Invalid {
		t.Error(err)
	}
}

// As many records as the real table has, with the real table's proportions.
func TestDistributions(t *testing.T) {
	const n = 45716
	const seed = 42
	t.Log("seed", seed)
	pr, pw := io.Pipe()
	go func() { pw.CloseWithError(Write(pw, "csv", n, seed)) }()
	rows, err := csv.NewReader(pr).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	classes, ids, names := map[string]int{}, map[string]bool{}, map[string]bool{}
	tally := map[string]int{}
	least, most := 1e9, 0.0
	lastID := 0
	for _, row := range rows[1:] {
		name, id, kind, class, mass, fall, year, lat, lon, loc := row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9]
		classes[class]++
		ids[id], names[name] = true, true
		tally[kind]++
		tally[fall]++
		if !strings.HasPrefix(name, "Sample ") {
			t.Fatal(name)
		}
		if len(name) > len([]rune(name)) {
			tally["non-ASCII"]++
		}
		number, err := strconv.Atoi(id)
		if err != nil || number <= firstID {
			t.Fatal(id)
		}
		if number > lastID+1 && lastID > 0 {
			tally["gap"]++
		}
		lastID = number
		if mass == "" {
			tally["no mass"]++
		} else if m, err := strconv.ParseFloat(mass, 64); err != nil {
			t.Fatal(err)
		} else if m > 0 {
			least, most = min(least, m), max(most, m)
		}
		switch y, err := strconv.Atoi(year); {
		case year == "":
			tally["no year"]++
		case err != nil || len(year) != 4 || y < 860 || y > 2013:
			t.Fatal(year)
		case y < 1000:
			tally["padded year"]++
		}
		if (lat == "") != (lon == "") || (lat == "") != (loc == "") {
			t.Fatal(row)
		}
		if lat == "" {
			tally["no place"]++
			continue
		}
		la, err1 := strconv.ParseFloat(lat, 64)
		lo, err2 := strconv.ParseFloat(lon, 64)
		if err1 != nil || err2 != nil || la < -90 || la > 90 {
			t.Fatal(row)
		}
		if pa, po, ok := dataset.ParsePoint([]byte(loc)); !ok || pa != la || po != lo {
			t.Fatal(row)
		}
		if la == 0 && lo == 0 {
			tally["zero"]++
		}
		if la < -85.05 {
			tally["south"]++
		}
		if la < -60 {
			tally["Antarctica"]++
		}
		if lo > 180 {
			tally["beyond"]++
		}
	}
	if len(rows) != n+1 || len(ids) != n || len(names) != n {
		t.Errorf("%d rows, %d ids, %d names", len(rows), len(ids), len(names))
	}
	if len(classes) < 400 || len(classes) > 470 {
		t.Errorf("%d classes", len(classes))
	}
	if orders := most / least; orders < 1e8 || most > 6e7 {
		t.Errorf("masses from %g to %g", least, most)
	}
	for what, limits := range map[string][2]int{
		"no place": {6500, 8200}, "zero": {5500, 7000}, "no mass": {90, 180}, "no year": {230, 360},
		"Fell": {950, 1250}, "Relict": {45, 110}, "south": {1000, 2000}, "Antarctica": {10_000, 23_000},
		"beyond": {1, 1}, "padded year": {1, 20}, "non-ASCII": {300, 4000}, "gap": {5000, 9000},
	} {
		if got := tally[what]; got < limits[0] || got > limits[1] {
			t.Errorf("%s: %d, not within %v", what, got, limits)
		}
	}
	if top := classes["L6"]; top < 6500 || top > 10_000 {
		t.Errorf("%d of L6", top)
	}
	t.Log(len(classes), "classes, masses from", least, "to", most, tally)
}

func BenchmarkWrite(b *testing.B) {
	const n = 10_000
	for b.Loop() {
		if err := Write(io.Discard, "json", n, 1); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "records/s")
}
