//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestCommandLine loads, reads and deletes with the program's own commands.
func TestCommandLine(t *testing.T) {
	r := startRedis(t, t.TempDir(), 0, "--save", "")
	n := startNode(t, r, 0)
	file := shared(t, "Meteorite_Landings.json")
	landings := func(want int, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Env = append(os.Environ(), "LANDINGS_TO="+n.base)
		if args[0] == "load" && args[1] == "-" {
			in, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			cmd.Stdin = in
		}
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != want {
			t.Fatalf("landings %s: %v, want exit code %d\n%s", strings.Join(args, " "), err, want, out)
		}
		return string(out)
	}
	if out := landings(0, "load", file); !strings.Contains(out, "meteorite_landings: 30 records, version 1, id field id") {
		t.Errorf("load says %s", out)
	}
	if out := landings(0, "load", "-"); !strings.Contains(out, "30 records, version 2") {
		t.Errorf("load from standard input says %s", out)
	}
	if out := landings(0, "get", "10001"); !strings.Contains(out, `"name": "Ruiz"`) {
		t.Errorf("get says %s", out)
	}
	if out := landings(0, "get"); !strings.HasPrefix(out, "[{") || strings.Count(out, `"id"`) != 30 {
		t.Errorf("get says %s", out)
	}
	if out := landings(0, "keys"); !strings.Contains(out, "landings:{meteorite_landings}:meta\n") {
		t.Errorf("keys says %s", out)
	}
	if out := landings(0, "keys", "--records"); !strings.HasPrefix(out, "10001\n10002\n") || strings.Count(out, "\n") != 30 {
		t.Errorf("keys --records says %s", out)
	}
	landings(0, "delete", "10001")
	if out := landings(3, "get", "10001"); !strings.Contains(out, `there is no record "10001"`) {
		t.Errorf("get of a deleted record says %s", out)
	}
	landings(3, "delete", "10001")
	landings(0, "delete", "--all")
	if out := landings(0, "get"); strings.TrimSpace(out) != "[]" {
		t.Errorf("get after delete --all says %s", out)
	}

	// Another dataset, by name.
	landings(0, "load", file, "--dataset", "few")
	if out := landings(0, "get", "--dataset", "few", "10002"); !strings.Contains(out, `"Beeler"`) {
		t.Errorf("get says %s", out)
	}
	if out := landings(0, "keys", "--records", "--dataset", "few"); strings.Count(out, "\n") != 30 {
		t.Errorf("keys says %s", out)
	}
	if out := landings(0, "get", "--dataset", "few"); strings.Count(out, `"id"`) != 30 {
		t.Errorf("get says %s", out)
	}

	// Bad data change nothing, and the exit code says so; skipped, the good ones load.
	bad := t.TempDir() + "/bad.ndjson"
	if err := os.WriteFile(bad, []byte("{\"id\":\"1\"}\n{\"id\":\n{\"id\":\"3\"}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := landings(2, "load", bad, "--dataset", "few"); !strings.Contains(out, "line 2") {
		t.Errorf("load of a bad file says %s", out)
	}
	if out := landings(0, "load", bad, "--dataset", "few", "--on-error", "skip"); !strings.Contains(out, "few: 2 records") || !strings.Contains(out, "1 records were left out; see "+n.base+"/collections/few/rejected") {
		t.Errorf("load of a bad file says %s", out)
	}
	if got := n.do(t, "GET", "/collections/few/rejected"); !strings.Contains(string(got.body), `"total":1`) || !strings.Contains(string(got.body), `"line":2`) {
		t.Errorf("the rejected records are %s", got.body)
	}
}
