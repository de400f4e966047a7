//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A load that does not fit on the disk is refused, and says why. Small writes go on, though there
// is no room for a dump either; large ones do as soon as somebody made room; and whatever was
// acknowledged is there after kill -9.
func TestLoadThatDoesNotFit(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a small disk takes root")
	}
	need(t, "redis-cli")
	disk := t.TempDir()
	if err := syscall.Mount("none", disk, "tmpfs", 0, "size=56m"); err != nil {
		t.Skipf("a tmpfs cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	filler := filepath.Join(disk, "filler")
	if err := os.WriteFile(filler, make([]byte, 28<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(disk, "data")
	n, r := startAlone(t, dir, freePort(t))
	sample := func(records string) string {
		made, err := run(t.Context(), "", nil, program, "sample", "--records", records)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "sample.json")
		if err := os.WriteFile(file, []byte(made), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	fits, doesNot := sample("60000"), sample("250000")
	if _, err := n.landings(t, "load", fits); err != nil {
		t.Fatal(err)
	}
	before := fetchList(t, n.base)
	_, err := n.landings(t, "load", doesNot)
	if err == nil || !strings.Contains(err.Error(), "nothing was loaded") || !strings.Contains(err.Error(), "its disk is full; free space on the disk") {
		t.Fatalf("a load that does not fit: %v", err)
	}
	if fetchList(t, n.base) != before {
		t.Error("it changed what is read")
	}
	writes := 0
	write := func() {
		t.Helper()
		writes++
		n.do(t, "PUT", fmt.Sprint("/collections/notes/items/", writes), "--header", "Content-Type: application/json", "--data", fmt.Sprintf(`{"id":"%d"}`, writes))
	}
	write()
	r.cli(t, "BGSAVE")
	eventually(t, "the dump to fail", func() error {
		if !strings.Contains(n.log.String(), "saving the dump failed") {
			return errors.New("it did not")
		}
		return nil
	})
	for range 20 { // over more than one look at the engine
		write()
		n.do(t, "GET", "/readyz")
		time.Sleep(100 * time.Millisecond)
	}
	n.do(t, "DELETE", "/collections/notes/items/1")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	again := sample("5000")
	eventually(t, "room for a load", func() error {
		_, err := n.landings(t, "load", "--dataset", "again", again)
		return err
	})
	n.kill()
	n = startEmbedded(t, dir)
	if fetchList(t, n.base) != before {
		t.Error("the first load is not what it was")
	}
	for name, want := range map[string]int{"notes": writes - 1, "again": 5000} {
		ids, err := n.landings(t, "keys", "--records", "--dataset", name)
		if got := len(strings.Fields(ids)); err != nil || got != want {
			t.Errorf("%s has %d records and not %d: %v", name, got, want, err)
		}
	}
}
