package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"landings/bench/rig"
)

// sqlite is a database file that the program sqlite3 reads: in its own process, with no network between.
type sqlite struct{ file string }

const liteSchema = `PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN;
CREATE TABLE landing (pos INTEGER PRIMARY KEY, id INTEGER NOT NULL, name TEXT NOT NULL, nametype TEXT NOT NULL, class TEXT NOT NULL, mass REAL, fall TEXT NOT NULL, year INTEGER, lon REAL, lat REAL, record TEXT NOT NULL);
CREATE VIRTUAL TABLE boxes USING rtree(pos, west, east, south, north);
CREATE VIRTUAL TABLE names USING fts5(name, tokenize = 'trigram case_sensitive 1');
`

const liteIndexes = `INSERT INTO boxes SELECT pos, lon, lon, lat, lat FROM landing WHERE lon IS NOT NULL;
INSERT INTO names (rowid, name) SELECT pos, name FROM landing;
CREATE UNIQUE INDEX by_id ON landing (id);
CREATE INDEX by_class_year ON landing (class, year);
CREATE INDEX by_class_mass ON landing (class, mass, pos);
CREATE INDEX by_year_class ON landing (year, class);
CREATE INDEX by_mass ON landing (mass);
COMMIT; ANALYZE;`

func startSQLite(ctx context.Context, r *rig.Rig, in *input) (*sqlite, error) {
	s := &sqlite{file: r.Path("landings.sqlite")}
	var sql bytes.Buffer
	sql.WriteString(liteSchema)
	number := func(f float64) string {
		if math.IsNaN(f) {
			return "NULL"
		}
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	for i := range in.all {
		l := &in.all[i]
		year := "NULL"
		if l.year != noYear {
			year = strconv.Itoa(l.year)
		}
		fmt.Fprintf(&sql, "INSERT INTO landing VALUES (%d,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s);\n", i, l.id, quote(l.name), quote(l.nametype), quote(l.class),
			number(l.mass), quote(l.fall), year, number(l.lon), number(l.lat), quote(string(in.records[i])))
	}
	sql.WriteString(liteIndexes)
	_, err := s.query(ctx, sql.String())
	return s, err
}

// query runs statements and gives the rows of their results, with tabs between the columns.
func (s *sqlite) query(ctx context.Context, sql string) ([]string, error) {
	c := exec.CommandContext(ctx, "sqlite3", "-bail", "-batch", "-separator", "\t", s.file) //nolint:gosec // the run's own file
	c.Stdin = strings.NewReader(sql)
	return lines(c)
}

// bench gives questions per second, one after the other, without the program's own start. As many are asked as take about length.
func (s *sqlite) bench(ctx context.Context, questions []question, length time.Duration) (float64, error) {
	ask := func(n int) (time.Duration, error) {
		var sql strings.Builder
		for i := range n {
			sql.WriteString(questions[i%len(questions)].lite + ";\n")
		}
		c := exec.CommandContext(ctx, "sqlite3", "-bail", "-batch", s.file) //nolint:gosec // the run's own file
		c.Stdin = strings.NewReader(sql.String())
		null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			return 0, err
		}
		defer null.Close()
		c.Stdout = null
		start := time.Now()
		if err := c.Run(); err != nil {
			return 0, fmt.Errorf("sqlite3: %w", err)
		}
		return time.Since(start), nil
	}
	few, err := ask(10)
	if err != nil {
		return 0, err
	}
	n := 10 + int(max(length, few)*10/few)
	many, err := ask(n)
	if err != nil {
		return 0, err
	}
	if n < 1000 && many < length { // the start outweighed the first ten
		n = min(100_000, n*max(2, int(length/many)))
		if many, err = ask(n); err != nil {
			return 0, err
		}
	}
	none, err := ask(0)
	if err != nil {
		return 0, err
	}
	return float64(n) / max(many-none, time.Millisecond).Seconds(), nil
}
