//go:build e2e && linux

package redisserver

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Faults of real disks: small file systems, mounted for the test, which takes root.

// mount mounts a tmpfs of so many megabytes.
func mount(t *testing.T, megabytes int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting a small disk takes root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", megabytes)); err != nil {
		t.Skipf("a tmpfs cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// noise is a value that no compression makes smaller.
func noise(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.IntN(256))
	}
	return string(b)
}

// fillDisk leaves no room on a disk; removing the file makes room again.
func fillDisk(t *testing.T, dir string) (filler string) {
	t.Helper()
	filler = filepath.Join(dir, "filler")
	f, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return filler
}

func info(c *caller, line string) bool { return strings.Contains(c.do("info", "persistence"), line) }

func TestDumpOnFullDisk(t *testing.T) {
	dir := mount(t, 4)
	e := open(t, dir, "--save", "1 1")
	c := dial(t, e)
	want := noise(1 << 20)
	c.want("OK", "set", "a", want)
	c.want("OK", "save")
	filler := fillDisk(t, dir)
	c.want("OK", "set", "b", "1")
	waitFor(t, func() bool { return info(c, "rdb_last_bgsave_status:err") })
	for _, cmd := range [][]string{{"set", "a", "2"}, {"getdel", "a"}, {"flushall"}} {
		if got := c.do(cmd...); !strings.HasPrefix(got, "MISCONF Redis is configured to save RDB snapshots") {
			t.Errorf("%q with a full disk: %.80s", cmd, got)
		}
	}
	c.want(want, "get", "a")
	if left, _ := filepath.Glob(filepath.Join(dir, "temp-*")); len(left) > 0 {
		t.Errorf("a failed save left %v behind", left)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return info(c, "rdb_last_bgsave_status:ok") }) // by itself, within seconds
	c.want("OK", "set", "b", "2")
	c.want("OK", "save")
	shut(t, e)
	c = dial(t, open(t, dir, "--save", ""))
	c.want(want, "get", "a")
	c.want("2", "get", "b")
}

// What does not fit on the disk can be deleted, and then the rest is saved.
func TestDumpThatDoesNotFit(t *testing.T) {
	e := open(t, mount(t, 4), "--save", "1 1")
	c := dial(t, e)
	want := noise(1 << 20)
	c.want("OK", "set", "a", want)
	c.want("OK", "save")
	c.want("OK", "set", "b", noise(5<<20))
	waitFor(t, func() bool { return info(c, "rdb_last_bgsave_status:err") })
	if got := c.do("set", "c", "1"); !strings.HasPrefix(got, "MISCONF ") {
		t.Errorf("a write while saves fail: %.80s", got)
	}
	c.want("1", "unlink", "b")
	waitFor(t, func() bool { return info(c, "rdb_last_bgsave_status:ok") })
	c.want("OK", "set", "c", "1")
	c.want(want, "get", "a")
}

func TestDumpInReadOnlyFolder(t *testing.T) {
	dir := mount(t, 4)
	c := dial(t, open(t, dir, "--save", "1 1"))
	c.want("OK", "set", "a", "1")
	c.want("OK", "save")
	if err := syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skipf("a tmpfs cannot be made read-only here: %v", err)
	}
	c.want("OK", "set", "a", "2")
	waitFor(t, func() bool { return info(c, "rdb_last_bgsave_status:err") })
	if got := c.do("set", "a", "3"); !strings.HasPrefix(got, "MISCONF ") {
		t.Errorf("a write with a read-only folder: %s", got)
	}
	c.want("2", "get", "a")
	if err := syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT, "size=4m"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return info(c, "rdb_last_bgsave_status:ok") })
	c.want("OK", "set", "a", "3")
}

func TestAppendOnFullDisk(t *testing.T) {
	for _, policy := range []string{"always", "everysec"} {
		t.Run(policy, func(t *testing.T) {
			dir := mount(t, 4)
			e := open(t, dir, "--save", "", "--appendonly", "yes", "--appendfsync", policy)
			c := dial(t, e)
			reader := dial(t, e)
			filler := fillDisk(t, dir)
			acknowledged := map[string]string{}
			refused := ""
			for i := 0; refused == "" && i < 1000; i++ {
				key, v := fmt.Sprint("k", i), noise(10_000)
				got, err := c.try("set", key, v)
				switch {
				case errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe):
					if policy != "always" {
						t.Fatal("the connection was ended")
					}
					c = dial(t, e) // what could not be written was not acknowledged
				case err != nil:
					t.Fatal(err)
				case got == "OK":
					acknowledged[key] = v
				default:
					refused = got
				}
			}
			if !strings.HasPrefix(refused, "MISCONF Errors writing to the AOF file: no space left on device") {
				t.Fatalf("a write with a full disk: %q", refused)
			}
			for key, v := range acknowledged {
				reader.want(v, "get", key)
			}
			if !info(reader, "aof_last_write_status:err") {
				t.Error("INFO does not tell of it")
			}
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			waitFor(t, func() bool { return reader.do("set", "again", "1") == "OK" })
			shut(t, e)
			c = dial(t, open(t, dir, "--save", "", "--appendonly", "yes"))
			for key, v := range acknowledged {
				c.want(v, "get", key)
			}
			c.want("1", "get", "again")
		})
	}
}

// full is the refusal of a write for which the disk has no room.
const full = "MISCONF Errors writing to the AOF file: no space left on device"

// stage sets keys of a megabyte until one is refused, and returns those that are there.
func stage(t *testing.T, c *caller) (keys []string) {
	t.Helper()
	for i := range 100 {
		key := fmt.Sprint("staged", i)
		switch got := c.do("set", key, noise(1<<20)); got {
		case "OK":
			keys = append(keys, key)
		case full:
			return keys
		default:
			t.Fatalf("a write for which there is no room: %.80s", got)
		}
	}
	t.Fatal("100 MB fit on a disk of 16")
	return nil
}

func appendSize(c *caller) (size int64) {
	_, rest, _ := strings.Cut(c.do("info", "persistence"), "aof_current_size:")
	_, _ = fmt.Sscan(rest, &size)
	return size
}

// A write that does not fit is refused before it is done, so that nothing that cannot be
// written is in the way of those that fit; what was written of it can be deleted, and the file
// is then written anew in the room that is left.
func TestWritesThatDoNotFit(t *testing.T) {
	for _, policy := range []string{"always", "everysec"} {
		t.Run(policy, func(t *testing.T) {
			dir := mount(t, 16)
			e := open(t, dir, "--save", "", "--appendonly", "yes", "--appendfsync", policy)
			c := dial(t, e)
			want := noise(1 << 20)
			c.want("OK", "set", "kept", want)
			staged := stage(t, c)
			for i := range 100 {
				c.want("OK", "set", fmt.Sprint("small", i), "1")
			}
			c.want(want, "get", "kept")
			c.want("0", "exists", fmt.Sprint("staged", len(staged)))
			if !info(c, "aof_last_write_status:ok") {
				t.Error("INFO says that the file cannot be written")
			}
			c.want(fmt.Sprint(len(staged)), append([]string{"unlink"}, staged...)...)
			waitFor(t, func() bool { return appendSize(c) < 2<<20 })
			waitFor(t, func() bool { return c.do("set", "staged", want) == "OK" })
			shut(t, e)
			c = dial(t, open(t, dir, "--save", "", "--appendonly", "yes"))
			c.want(want, "get", "kept")
			c.want(want, "get", "staged")
			c.want("102", "dbsize")
		})
	}
}

// Where not even what is left fits beside the file, small writes go on meanwhile, and the file is
// written anew once somebody made room: before a dump takes it.
func TestRewriteThatWaitsForRoom(t *testing.T) {
	dir := mount(t, 16)
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	c := dial(t, open(t, dir, "--save", "1 1", "--stop-writes-on-bgsave-error", "no", "--appendonly", "yes", "--appendfsync", "always"))
	want := noise(4 << 20)
	c.want("OK", "set", "kept", want)
	staged := stage(t, c)
	c.want(fmt.Sprint(len(staged)), append([]string{"unlink"}, staged...)...)
	time.Sleep(2 * time.Second) // a dump or a rewrite that takes all room would begin now
	for i := range 1000 {
		c.want("OK", "set", fmt.Sprint("small", i%10), "1")
	}
	if size := appendSize(c); size < 5<<20 {
		t.Fatalf("the file has %d bytes: there was room for a new base", size)
	}
	c.want(want, "get", "kept")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return appendSize(c) < 5<<20 })
	waitFor(t, func() bool { return c.do("set", "staged", noise(1<<20)) == "OK" })
}

// A dump does not take the last room, which writes need meanwhile.
func TestSavesLeaveRoom(t *testing.T) {
	dir := mount(t, 16)
	c := dial(t, open(t, dir, "--save", "", "--appendonly", "yes", "--appendfsync", "always"))
	c.want("OK", "set", "a", noise(4<<20))
	filler := fillDisk(t, dir)
	st, err := os.Stat(filler)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filler, st.Size()-(4<<20+256<<10)); err != nil { // the dump would fit
		t.Fatal(err)
	}
	if got := c.do("save"); got == "OK" {
		t.Error("a dump took all but 256 kB of the disk")
	}
	waitFor(t, func() bool { return c.do("set", "b", "1") == "OK" })
}

// A transaction is refused as a whole when it does not fit, though each of its commands does.
func TestTransactionThatDoesNotFit(t *testing.T) {
	c := dial(t, open(t, mount(t, 16), "--save", "", "--appendonly", "yes", "--appendfsync", "always"))
	c.want("OK", "multi")
	for i := range 200 {
		c.want("QUEUED", "set", fmt.Sprint("k", i), noise(100_000))
	}
	if got := c.do("exec"); got != "EXECABORT Transaction discarded because of: "+full {
		t.Errorf("EXEC of 20 MB: %.80s", got)
	}
	c.want("0", "dbsize")
	c.want("OK", "set", "a", "1")
}

// TestFailingSync keeps the append-only file on a file system whose own disk is a sparse
// file on a full one: it takes writes, and fails when they are synced.
func TestFailingSync(t *testing.T) {
	outer := mount(t, 16)
	image := filepath.Join(outer, "image")
	for _, cmd := range [][]string{{"truncate", "-s", "64M", image}, {"mkfs.ext2", "-q", "-F", "-m", "0", image}} {
		if out, err := exec.Command(cmd[0], cmd[1:]...).CombinedOutput(); err != nil {
			t.Skipf("%v: %v: %s", cmd, err, out)
		}
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-o", "loop", image, dir).CombinedOutput(); err != nil {
		t.Skipf("a loop device cannot be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() })

	e := open(t, dir, "--save", "", "--appendonly", "yes", "--appendfsync", "always")
	c, reader := dial(t, e), dial(t, e)
	acknowledged := map[string]string{}
	write := func(key string) (string, error) {
		v := noise(200_000)
		got, err := c.try("set", key, v)
		if err == nil && got == "OK" {
			acknowledged[key] = v
		}
		return got, err
	}
	if got, err := write("first"); err != nil || got != "OK" {
		t.Fatal(got, err)
	}
	filler := fillDisk(t, outer)
	ended, refused := false, ""
	for i := 0; refused == "" && i < 1000; i++ {
		got, err := write(fmt.Sprint("k", i))
		if err != nil {
			ended = true
			c = dial(t, e)
		} else if got != "OK" {
			refused = got
		}
	}
	if !ended || !strings.HasPrefix(refused, "MISCONF Errors writing to the AOF file: ") {
		t.Fatalf("a sync fails: connection ended %v, then %q", ended, refused)
	}
	for key, v := range acknowledged {
		reader.want(v, "get", key)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return reader.do("set", "again", "1") == "OK" })
	shut(t, e)
	c = dial(t, open(t, dir, "--save", "", "--appendonly", "yes"))
	for key, v := range acknowledged {
		c.want(v, "get", key)
	}
	c.want("1", "get", "again")
}
