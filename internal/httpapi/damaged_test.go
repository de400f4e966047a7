package httpapi

import (
	"strings"
	"testing"

	"landings/internal/dataset"
)

// A dataset that cannot be read now is neither empty nor deleted, and the node is ready for the others.
func TestDamagedDataset(t *testing.T) {
	n := start(t, nil)
	for _, name := range []string{n.api.data.name, "birds"} {
		why := &dataset.Error{Code: dataset.Unavailable, Message: "the key of " + name + " is damaged", Remedy: "delete it"}
		n.store.set(func() { n.store.damaged = map[string]error{name: why} })
		base := "/collections/" + name + "/items"
		if name == n.api.data.name {
			base = "/data"
		}
		for _, path := range []string{base, base + "/1", base + "?f=json"} {
			answer := n.do("GET", path, "")
			if answer.header.Get("Retry-After") == "" {
				t.Errorf("%s: no Retry-After", path)
			}
			n.problem(answer, dataset.Unavailable)
		}
		answer := n.do("GET", "/readyz", "")
		if body := answer.body; answer.status != 200 || !strings.Contains(body, "the key of "+name) {
			t.Errorf("/readyz: %d %s", answer.status, body)
		}
	}
	n.problem(n.do("GET", "/collections/none/items?f=json", ""), dataset.NotFound)
}
