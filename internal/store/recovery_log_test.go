//go:build e2e

package store_test

import (
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"

	"landings/internal/redistest"
	"landings/internal/store"
)

// lines collects a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// with gives the lines whose message is as said.
func (l *lines) with(t *testing.T, message string) (found []map[string]any) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
		if fields["msg"] == message {
			found = append(found, fields)
		}
	}
	return found
}

// A recovery is told in one line: who, in which term, how many commits were written again and dropped, how long
// it took; and it is counted.
func TestRecoveryIsTold(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	var log lines
	n := start(t, r.URL(), named("healer", func(o *store.Options) { o.Logger = slog.New(slog.NewJSONHandler(&log, nil)) }))
	if _, err := n.Replace(t.Context(), "things", load(300, "x"), nil); err != nil {
		t.Fatal(err)
	}
	r.Do("SAVE")
	for i := range 7 {
		if _, err := n.put(t.Context(), "things", strconv.Itoa(i), `{}`); err != nil {
			t.Fatal(err)
		}
	}
	r.Kill()
	r.Up()
	settled(t, r, n)
	const message = "recovered after Redis changed"
	until(t, "the line", func() bool { return len(log.with(t, message)) > 0 })
	told := log.with(t, message)
	if len(told) != 1 {
		t.Fatalf("%d lines: %v", len(told), told)
	}
	for field, want := range map[string]any{
		"level": "WARN", "node": "healer", "dataset": "things", "term": 2.0, "version": 8.0, "committed_again": 7.0, "dropped": 0.0, "how": "committed the tail again",
	} {
		if told[0][field] != want {
			t.Errorf("%s is %v, not %v", field, told[0][field], want)
		}
	}
	if took, ok := told[0]["seconds"].(float64); !ok || took <= 0 || took > 60 {
		t.Errorf("it took %v", told[0]["seconds"])
	}
	c := n.Counts()
	if c.Recoveries != 1 || c.CommittedAgain != 7 || c.Dropped != 0 || c.Recovering <= 0 {
		t.Errorf("%+v", c)
	}
	d := n.Datasets()
	if len(d) != 1 || d[0].Name != "things" || d[0].Version != 8 || d[0].Term != 2 || d[0].Records != 307 || d[0].Commits != 8 || d[0].Writes != 8 || d[0].Behind != 0 {
		t.Errorf("%+v", d)
	}

	// A restart that loses nothing is nothing to be warned of.
	r.Do("SAVE")
	r.Kill()
	r.Up()
	until(t, "the second line", func() bool { return len(log.with(t, message)) == 2 })
	if told := log.with(t, message)[1]; told["level"] != "INFO" || told["how"] != "nothing was lost" {
		t.Errorf("%v", told)
	}
}
