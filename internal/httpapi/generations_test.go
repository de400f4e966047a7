package httpapi

import (
	"strings"
	"testing"

	"landings/internal/backup"
	"landings/internal/dataset"
)

func TestGenerations(t *testing.T) {
	n := start(t, nil)
	n.problem(n.do("GET", "/collections/things/generations", ""), dataset.NotFound)
	n.want(n.do("PUT", "/collections/things", `[{"id":"a","n":1}]`), 200)
	n.want(n.do("PUT", "/collections/things", `[{"id":"a","n":2}]`), 200)
	list := n.do("GET", "/collections/things/generations", "")
	n.want(list, 200)
	if !strings.Contains(list.body, `"live"`) || !strings.Contains(list.body, `"kept"`) {
		t.Errorf("the generations are %s", list.body)
	}
	for _, query := range []string{"", "?number=", "?number=-1", "?number=x"} {
		n.problem(n.do("POST", "/collections/things/generations"+query, ""), dataset.Invalid)
	}
	n.problem(n.do("POST", "/collections/things/generations?number=99", ""), dataset.NotFound)
	n.problem(n.do("POST", "/collections/things/generations?number=2", "", "If-Match", `"other"`), dataset.PreconditionFailed)
	n.want(n.do("POST", "/collections/things/generations?number=2", ""), 200)
	if got := n.do("GET", "/collections/things/items/a", ""); got.body != `{"id":"a","n":1}` {
		t.Errorf("after going back a is %s", got.body)
	}
}

func TestBackup(t *testing.T) {
	n := start(t, nil)
	n.problem(n.do("GET", "/backup", ""), dataset.NotFound)
	n.want(n.do("POST", "/data", three), 200)
	n.problem(n.do("GET", "/backup?vanished=true", ""), dataset.NotFound)
	list := n.do("GET", "/data", "").body
	file := n.do("GET", "/backup", "")
	n.want(file, 200)
	if got := file.header.Get("Content-Type"); got != backup.MediaType {
		t.Errorf("its type is %s", got)
	}
	n.want(n.do("DELETE", "/data", ""), 200)
	if last := n.do("GET", "/backup", ""); last.status != 200 || last.header.Get("Dataset-Vanished") == "" {
		t.Errorf("after the dataset was deleted: %d %v", last.status, last.header)
	}
	n.problem(n.do("PUT", "/backup", file.body[:len(file.body)-1]), dataset.Invalid)
	n.problem(n.do("PUT", "/backup", file.body, "If-Match", `"other"`), dataset.PreconditionFailed)
	n.want(n.do("POST", "/data", `[{"id":"a"}]`), 200) // who makes it anew takes nothing away
	for query, want := range map[string]int{"": 1, "?vanished=false": 1, "?vanished=true": 3} {
		got := n.do("GET", "/backup"+query, "")
		h, _, err := backup.Read(strings.NewReader(got.body), backup.Limits{Bytes: 1 << 20, RecordBytes: 1 << 20, Records: 10})
		if err != nil || h.Records != want || (got.header.Get("Dataset-Vanished") != "") != (want == 3) {
			t.Errorf("%q of a dataset that was made anew: %v, %+v, %v", query, err, h, got.header)
		}
	}
	n.problem(n.do("GET", "/backup?vanished=x", ""), dataset.Invalid)
	n.want(n.do("PUT", "/backup", file.body), 200)
	if list := n.do("GET", "/collections/meteorite_landings/generations", ""); !strings.Contains(list.body, "backup of meteorite_landings, version 1") {
		t.Errorf("the generations are %s", list.body)
	}
	n.problem(n.do("PUT", "/backup", file.body, "Content-Encoding", "gzip"), dataset.UnsupportedMediaType)
	n.want(n.do("PUT", "/backup", file.body, "Content-Encoding", "identity"), 200)
	if got := n.do("GET", "/data", "").body; got != list {
		t.Errorf("restored: %s", got)
	}
	n.want(n.do("PUT", "/collections/copy/backup", file.body), 200)
	if got := n.do("GET", "/collections/copy/items?f=json", "").body; got != list {
		t.Errorf("restored under another name: %s", got)
	}
}
