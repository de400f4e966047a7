// Package postgistest runs real PostgreSQL servers with PostGIS for tests that
// compare Landings with it. Debian's packages are postgresql and
// postgresql-15-postgis-3.
package postgistest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Database is a running server with one database.
type Database struct {
	dir    string
	psql   string
	asUser *syscall.SysProcAttr
}

// startTime is how long a server may take to start.
const startTime = 60 * time.Second

// Start starts a server in a folder of its own, reached by a socket in it, and ends
// it with the test. PostgreSQL does not run as root; then the account postgres,
// which the package makes, runs it.
func Start(t testing.TB) *Database {
	t.Helper()
	bin := programs(t)
	// Not t.TempDir: the way there is closed to other accounts.
	dir, err := os.MkdirTemp("", "postgistest") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	d := &Database{dir: dir, psql: filepath.Join(bin, "psql")}
	if os.Getuid() == 0 {
		account, err := user.Lookup("postgres")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.Atoi(account.Uid)
		gid, _ := strconv.Atoi(account.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
		d.asUser = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	data := filepath.Join(dir, "data")
	d.run(t, filepath.Join(bin, "initdb"), "-D", data, "-U", "test", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	server := exec.CommandContext(context.Background(), filepath.Join(bin, "postgres"), "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "timezone=UTC")
	server.Dir, server.SysProcAttr = dir, d.asUser
	log := new(bytes.Buffer)
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGINT) // fast shutdown
		_ = server.Wait()
		if t.Failed() {
			t.Logf("PostgreSQL said:\n%s", log)
		}
	})
	for end := time.Now().Add(startTime); ; time.Sleep(20 * time.Millisecond) {
		if _, err := d.try("SELECT 1"); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatalf("PostgreSQL does not start: %v", err)
		}
	}
	d.Query(t, "CREATE EXTENSION postgis")
	return d
}

// programs gives the folder of PostgreSQL's programs.
func programs(t testing.TB) string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1])
	}
	path, err := exec.LookPath("postgres")
	if err != nil {
		t.Fatal("there is no PostgreSQL: apt-get install postgresql postgresql-15-postgis-3")
	}
	return filepath.Dir(path)
}

func (d *Database) run(t testing.TB, name string, args ...string) {
	t.Helper()
	c := exec.CommandContext(context.Background(), name, args...)
	c.Dir, c.SysProcAttr = d.dir, d.asUser
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// Query runs statements and gives the rows of their results, with the columns
// separated by tabs.
func (d *Database) Query(t testing.TB, sql string) []string {
	t.Helper()
	rows, err := d.try(sql)
	if err != nil {
		t.Fatalf("%v\n%.2000s", err, sql)
	}
	return rows
}

func (d *Database) try(sql string) ([]string, error) {
	c := exec.CommandContext(context.Background(), d.psql, "-h", d.dir, "-U", "test", "-d", "postgres", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1")
	c.Dir = d.dir
	c.Stdin = strings.NewReader(sql)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("psql: %w: %s", err, errs.String())
	}
	text := strings.TrimSuffix(out.String(), "\n")
	if text == "" {
		return nil, nil
	}
	return strings.Split(text, "\n"), nil
}
