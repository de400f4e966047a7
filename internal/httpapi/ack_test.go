package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"landings/internal/dataset"
)

// A write says how safe it is, is refused where that cannot be promised, and says that
// it stands where it was not reached: with each of the methods that write.
func TestAck(t *testing.T) {
	for _, c := range []struct {
		configured string
		prefer     []string
		status     int    // of a write that would be answered with success
		ack        string // Dataset-Ack; empty: none
		applied    string
	}{
		{"memory", nil, 0, "memory", ""},
		{"disk", nil, 0, "disk", ""},
		{"nodes:1", nil, 0, "nodes:1", ""},
		{"nodes:2", nil, 504, "nodes:1", ""},
		{"nodes:3", nil, 503, "", ""},
		{"replicas:1", nil, 503, "", ""},
		{"memory", []string{`ack="nodes:1"`}, 0, "nodes:1", `ack="nodes:1"`},
		{"memory", []string{`ack=nodes:1`}, 0, "nodes:1", `ack="nodes:1"`},
		{"replicas:1", []string{`return=minimal; x="a,b\"", Ack = disk;y=1`}, 0, "disk", `ack="disk"`},
		{"disk", []string{"return=minimal", "ack=memory, ack=disk"}, 0, "memory", `ack="memory"`},
		{"disk", []string{`x="ack=memory", respond-async`}, 0, "disk", ""},
		{"memory", []string{`ack="nodes:2"`}, 504, "nodes:1", ""},
		{"memory", []string{`ack="replicas:1"`}, 503, "", ""},
		{"memory", []string{"ack=sure"}, 400, "", ""},
		{"memory", []string{"ack"}, 400, "", ""},
	} {
		ack, err := dataset.ParseAck(c.configured)
		if err != nil {
			t.Fatal(err)
		}
		a, store := versioned(t)
		a.data.ack, a.config.Ack = ack, ack
		others, _ := a.others.Load("things")
		others.(*collection).ack = ack
		header := []string{}
		for _, p := range c.prefer {
			header = append(header, "Prefer", p)
		}
		for _, w := range []struct {
			method, path, body string
			status             int
		}{
			{"PUT", "/data/a", `{"v":2}`, 204},
			{"PUT", "/collections/things/items/a", `{"v":3}`, 204},
			{"PUT", "/collections/other/items/a", `{"v":3}`, 201},
			{"PATCH", "/data/a", `{"v":4}`, 200},
			{"DELETE", "/data/a", "", 204},
			{"POST", "/data", `[{"id":"1"}]`, 200},
			{"PUT", "/collections/things", `[{"id":"2"}]`, 200},
			{"DELETE", "/data", "", 200},
		} {
			before := store.catalog.Snapshot("things").State()
			headerOf := header
			if w.method == "PATCH" {
				headerOf = append(headerOf, "Content-Type", mergePatchType)
			}
			got := readOf(a, w.method, w.path, w.body, headerOf...)
			name := c.configured + " " + strings.Join(c.prefer, " ") + " " + w.method + " " + w.path
			want := w.status
			if c.status != 0 {
				want = c.status
			}
			if want == 503 || want == 400 {
				if after := store.catalog.Snapshot("things").State(); after.Version != before.Version {
					t.Errorf("%s was refused and done", name)
				}
			}
			if got.Code != want || got.Header().Get("Dataset-Ack") != c.ack || got.Header().Get("Preference-Applied") != c.applied {
				t.Errorf("%s: %d %v %s", name, got.Code, got.Header(), got.Body)
			}
			if want == 504 && (!strings.Contains(got.Body.String(), "was committed") || got.Header().Get("Content-Type") != problemType ||
				w.path != "/collections/other/items/a" && w.path != "/data" && got.Header().Get("Dataset-Version") == "") {
				t.Errorf("%s: %v %s", name, got.Header(), got.Body)
			}
		}
	}
}

// Nothing was deleted, so that nothing is safe: the level is not said to be reached.
func TestAckOfNothing(t *testing.T) {
	a, _ := versioned(t)
	for range 2 {
		if got := readOf(a, http.MethodDelete, "/data", ""); got.Code != 200 {
			t.Fatal(got.Code, got.Body)
		}
	}
	got := readOf(a, http.MethodDelete, "/data", "", "Prefer", "ack=disk")
	if got.Code != 200 || got.Header().Get("Preference-Applied") != "" || got.Header().Get("Dataset-Ack") != "memory" {
		t.Errorf("%d %v", got.Code, got.Header())
	}
}
