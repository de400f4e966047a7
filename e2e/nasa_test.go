//go:build e2e

package e2e

import (
	"bytes"
	"strings"
	"testing"
)

// NASA's whole table comes back equal to its source, field by field and in order, however it was sent.
func TestNASA(t *testing.T) {
	path, want := nasaRecords(t)
	asJSON := writeJSON(t, want)
	dir := t.TempDir()
	r := startRedis(t, dir, 0, "--save", "1", "1")
	n := startNode(t, r, 0)
	again := func() {
		port := n.port(t)
		r.saved(t)
		n.kill()
		r.kill()
		r = startRedis(t, dir, r.port, "--save", "1", "1")
		n = startNode(t, r, port)
	}
	for _, send := range []struct {
		name string
		load func(t *testing.T)
	}{
		{"CSV by curl", func(t *testing.T) {
			t.Helper()
			n.do(t, "POST", "/data", "--header", "Content-Type: text/csv", "--data-binary", "@"+path)
		}},
		{"JSON by curl", func(t *testing.T) {
			t.Helper()
			n.do(t, "POST", "/data", "--header", "Content-Type: application/json", "--data-binary", "@"+asJSON)
		}},
		{"CSV by landings load", func(t *testing.T) {
			t.Helper()
			if _, err := run(t.Context(), t.TempDir(), nil, program, "load", path, "--to", n.base); err != nil {
				t.Fatal(err)
			}
		}},
		{"JSON by landings load", func(t *testing.T) {
			t.Helper()
			if _, err := run(t.Context(), t.TempDir(), nil, program, "load", asJSON, "--to", n.base); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(send.name, func(t *testing.T) {
			n.do(t, "DELETE", "/data")
			send.load(t)
			n.holds(t, want)
			if body := n.do(t, "GET", "/data").body; !bytes.Contains(body, []byte("Aïr")) {
				t.Error("Aïr is not in the list as it is in the source")
			}
			again()
			n.holds(t, want)
		})
	}
	t.Run("compressed on the way", func(t *testing.T) {
		body := n.do(t, "GET", "/data", "--compressed").body
		if err := differ(mustParse(t, body), want); err != nil {
			t.Error(err)
		}
	})
	t.Run("one record", func(t *testing.T) {
		for _, i := range []int{0, 1, 4711, len(want) - 1} {
			id := strings.TrimPrefix(want[i][1].value, "text ")
			body := n.do(t, "GET", "/data/"+id).body
			if err := differ(mustParse(t, []byte("["+string(body)+"]")), want[i:i+1]); err != nil {
				t.Errorf("record %s: %v", id, err)
			}
		}
	})
}
