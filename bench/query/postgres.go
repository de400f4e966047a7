package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"landings/bench/rig"
)

// postgres is a PostgreSQL server with PostGIS in the run's folder, reached by a socket in it.
type postgres struct {
	dir, bin string
	version  string
}

// schema and indexes have what the questions want; the second VACUUM marks pages as visible, which scans of an index alone need. place is for distances along the sphere, geom for boxes in degrees.
const schema = `CREATE EXTENSION postgis; CREATE EXTENSION pg_trgm;
CREATE TABLE landing (pos integer PRIMARY KEY, id integer NOT NULL, name text NOT NULL, nametype text NOT NULL, class text NOT NULL, mass double precision,
 fall text NOT NULL, year integer, lon double precision, lat double precision, record text NOT NULL);
`

const indexes = `ALTER TABLE landing ADD COLUMN geom geometry(Point, 4326), ADD COLUMN place geography(Point, 4326);
UPDATE landing SET geom = ST_SetSRID(ST_MakePoint(lon, lat), 4326), place = ST_SetSRID(ST_MakePoint(lon, lat), 4326)::geography WHERE lon IS NOT NULL;
CREATE UNIQUE INDEX ON landing (id);
CREATE INDEX ON landing (class, year);
CREATE INDEX ON landing (class, mass, pos);
CREATE INDEX ON landing (year, class);
CREATE INDEX ON landing (mass);
CREATE INDEX ON landing USING gist (geom);
CREATE INDEX ON landing USING gist (place);
CREATE INDEX ON landing USING gin (name gin_trgm_ops);
VACUUM FULL landing;
VACUUM ANALYZE landing;`

// startPostgres starts a server and loads the table. PostgreSQL does not run as root; then the account postgres runs it.
func startPostgres(ctx context.Context, r *rig.Rig, in *input) (*postgres, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		return nil, errors.New("there is no PostgreSQL: apt-get install postgresql postgresql-15-postgis-3")
	}
	p := &postgres{dir: r.Path("postgres"), bin: filepath.Dir(found[len(found)-1])}
	if err := os.Mkdir(p.dir, 0o755); err != nil { //nolint:gosec // another account works there
		return nil, err
	}
	var account *syscall.Credential
	if os.Getuid() == 0 {
		a, err := user.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.ParseUint(a.Uid, 10, 32)
		gid, _ := strconv.ParseUint(a.Gid, 10, 32)
		account = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(p.dir, int(uid), int(gid)); err != nil {
			return nil, err
		}
	}
	files := filepath.Join(p.dir, "data")
	initdb := exec.CommandContext(ctx, filepath.Join(p.bin, "initdb"), "-D", files, "-U", "bench", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync") //nolint:gosec // PostgreSQL's
	initdb.Dir, initdb.SysProcAttr = p.dir, &syscall.SysProcAttr{Credential: account}
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %.500s", err, out)
	}
	// Memory enough for all of it; nothing waits for a disk.
	if _, err := r.StartAs(ctx, rig.Command{Dir: p.dir, User: account}, filepath.Join(p.bin, "postgres"), "-D", files, "-k", p.dir,
		"-c", "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=512MB", "-c", "work_mem=64MB", "-c", "random_page_cost=1.1", "-c", "jit=off"); err != nil {
		return nil, err
	}
	if err := rig.WaitFor(ctx, func() error { _, err := p.query(ctx, "SELECT 1"); return err }); err != nil {
		return nil, err
	}
	var copied bytes.Buffer
	copied.WriteString(schema + "COPY landing FROM STDIN;\n")
	text := strings.NewReplacer("\\", "\\\\", "\t", "\\t", "\n", "\\n", "\r", "\\r")
	number := func(f float64) string {
		if math.IsNaN(f) {
			return `\N`
		}
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	for i := range in.all {
		l := &in.all[i]
		year := `\N`
		if l.year != noYear {
			year = strconv.Itoa(l.year)
		}
		for j, cell := range []string{strconv.Itoa(i), l.id, text.Replace(l.name), l.nametype, text.Replace(l.class), number(l.mass), l.fall, year,
			number(l.lon), number(l.lat), text.Replace(string(in.records[i]))} {
			if j > 0 {
				copied.WriteByte('\t')
			}
			copied.WriteString(cell)
		}
		copied.WriteByte('\n')
	}
	copied.WriteString("\\.\n" + indexes)
	if _, err := p.query(ctx, copied.String()); err != nil {
		return nil, err
	}
	rows, err := p.query(ctx, "SELECT current_setting('server_version') || ', PostGIS ' || postgis_lib_version()")
	if err != nil {
		return nil, err
	}
	p.version = rows[0]
	return p, nil
}

// query runs statements and gives the rows of their results, with tabs between the columns.
func (p *postgres) query(ctx context.Context, sql string) ([]string, error) {
	c := exec.CommandContext(ctx, filepath.Join(p.bin, "psql"), "-h", p.dir, "-U", "bench", "-d", "postgres", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1") //nolint:gosec // PostgreSQL's
	c.Dir = p.dir
	c.Stdin = strings.NewReader(sql)
	return lines(c)
}

// lines runs a program and gives the lines that it writes.
func lines(c *exec.Cmd) ([]string, error) {
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %.500s", filepath.Base(c.Path), err, errs.String())
	}
	text := strings.TrimSuffix(out.String(), "\n")
	if text == "" {
		return nil, nil
	}
	return strings.Split(text, "\n"), nil
}

// scripts is how many files pgbench takes.
const scripts = 128

// bench gives transactions per second of pgbench with 4 clients and one thread. Each of its scripts is one question, prepared
// once for each client, so that nothing but execution is timed.
func (p *postgres) bench(ctx context.Context, r *rig.Rig, name string, questions []question, seconds int) (float64, error) {
	dir := r.Path("pgbench-" + name)
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // questions
		return 0, err
	}
	args := []string{"-n", "-M", "prepared", "-c", "4", "-j", "1", "-T", strconv.Itoa(seconds), "-h", p.dir, "-U", "bench"}
	for i, q := range questions[:min(scripts, len(questions))] {
		file := filepath.Join(dir, strconv.Itoa(i))
		if err := os.WriteFile(file, []byte(q.sql+";\n"), 0o600); err != nil {
			return 0, err
		}
		args = append(args, "-f", file)
	}
	c := exec.CommandContext(ctx, filepath.Join(p.bin, "pgbench"), append(args, "postgres")...) //nolint:gosec // PostgreSQL's
	c.Dir = p.dir
	rows, err := lines(c)
	if err != nil {
		return 0, err
	}
	for _, row := range rows {
		if rest, ok := strings.CutPrefix(row, "tps = "); ok {
			number, _, _ := strings.Cut(rest, " ")
			return strconv.ParseFloat(number, 64)
		}
	}
	return 0, fmt.Errorf("pgbench: no rate in %.300s", strings.Join(rows, "\n"))
}
