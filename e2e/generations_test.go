//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"testing"
)

// Earlier loads are listed and can be gone back to, with the writes that they had
// seen; how many there are is a setting.
func TestGenerations(t *testing.T) {
	r := startRedis(t, t.TempDir(), 0, "--save", "")
	n := startNode(t, r, 0, "--keep-generations", "2")
	for i := 1; i <= 4; i++ {
		upload(t, n, "/collections/rocks", fmt.Appendf(nil, `[{"id":"a","load":%d}]`, i))
		n.do(t, "PUT", "/collections/rocks/items/b", "--data", fmt.Sprintf(`{"id":"b","load":%d}`, i))
	}
	type generation struct {
		Number  uint64
		State   string
		Records int
		Source  string
	}
	listed := func() []generation {
		t.Helper()
		var got struct{ Generations []generation }
		if err := json.Unmarshal(n.do(t, "GET", "/collections/rocks/generations").body, &got); err != nil {
			t.Fatal(err)
		}
		return got.Generations
	}
	list := listed()
	want := []string{"live", "kept", "kept"}
	if len(list) != len(want) {
		t.Fatalf("the generations are %+v", list)
	}
	for i, g := range list {
		if g.State != want[i] || g.Records != 2 || g.Source != "request body" {
			t.Errorf("generation %d is %+v", i, g)
		}
	}
	n.do(t, "POST", fmt.Sprintf("/collections/rocks/generations?number=%d", list[2].Number))
	if got := string(n.do(t, "GET", "/collections/rocks/items/b").body); got != `{"id":"b","load":2}` {
		t.Errorf("after going back b is %s", got)
	}
	now := listed()
	if now[0].State != "live" || now[0].Number <= list[0].Number || now[1].Number != list[0].Number {
		t.Errorf("after going back the generations are %+v", now)
	}
	got, err := n.try(t, "POST", fmt.Sprintf("/collections/rocks/generations?number=%d", now[0].Number))
	if err != nil || got.status != 404 {
		t.Errorf("going back to the live one: %d %s (%v)", got.status, got.body, err)
	}
	// A new node reads what was gone back to.
	n.kill()
	if got := string(startNode(t, r, 0).do(t, "GET", "/collections/rocks/items/b").body); got != `{"id":"b","load":2}` {
		t.Errorf("on another node b is %s", got)
	}
}
