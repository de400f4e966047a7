//go:build e2e

package store_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"landings/internal/dataset"
	"landings/internal/redistest"
	"landings/internal/store"
)

// What is damaged is one dataset: it is refused with its name, its key and what to do; the others are served, by nodes that run
// and by those that start, and it is read as soon as it was mended.
func TestDamageOfOneDataset(t *testing.T) {
	for what, c := range map[string]struct {
		damage, mend [][]string
		says         string // the key
	}{
		"meta is a string": {
			damage: [][]string{{"SET", "landings:{bad}:meta", "hello"}, {"SADD", "landings:datasets", "bad"}},
			mend:   [][]string{{"DEL", "landings:{bad}:meta"}},
			says:   "landings:{bad}:meta",
		},
		"meta lacks fields": {
			damage: [][]string{{"HSET", "landings:{bad}:meta", "format", "2"}, {"SADD", "landings:datasets", "bad"}},
			mend:   [][]string{{"DEL", "landings:{bad}:meta"}},
			says:   "landings:{bad}:meta",
		},
		"the stream is a list": {
			damage: [][]string{{"RENAME", "landings:{things}:changes", "landings:{things}:kept"}, {"LPUSH", "landings:{things}:changes", "x"}},
			mend:   [][]string{{"DEL", "landings:{things}:changes"}, {"RENAME", "landings:{things}:kept", "landings:{things}:changes"}},
			says:   "landings:{things}:changes",
		},
		"an entry is foreign": {
			damage: [][]string{{"XADD", "landings:{things}:changes", "77-0", "a", "b"}, {"HSET", "landings:{things}:meta", "version", "77"}},
			mend:   [][]string{{"XDEL", "landings:{things}:changes", "77-0"}, {"XSETID", "landings:{things}:changes", "1-0"}, {"HSET", "landings:{things}:meta", "version", "1"}},
			says:   "landings:{things}:changes",
		},
		"a bucket is missing": {
			damage: [][]string{{"RENAME", "landings:{things}:g1:1", "landings:{things}:kept"}},
			mend:   [][]string{{"RENAME", "landings:{things}:kept", "landings:{things}:g1:1"}},
			says:   "landings:{things}:g1:1 is not there",
		},
		"a bucket is a string": {
			damage: [][]string{{"RENAME", "landings:{things}:g1:1", "landings:{things}:kept"}, {"SET", "landings:{things}:g1:1", "x"}},
			mend:   [][]string{{"RENAME", "landings:{things}:kept", "landings:{things}:g1:1"}},
			says:   "landings:{things}:g1:1",
		},
	} {
		t.Run(what, func(t *testing.T) {
			r := redistest.Start(t, "--save", "")
			n := start(t, r.URL())
			if _, err := n.Replace(t.Context(), "things", load(600, "x"), nil); err != nil {
				t.Fatal(err)
			}
			if _, err := n.put(t.Context(), "others", "a", `{}`); err != nil {
				t.Fatal(err)
			}
			for _, c := range c.damage {
				r.Do(c...)
			}
			bad := "things"
			if strings.Contains(c.says, "{bad}") {
				bad = "bad"
				until(t, "the running node tells it", func() bool { return n.Missing(bad) != nil })
			}
			time.Sleep(100 * time.Millisecond) // some looks
			if err := n.Ready(t.Context()); err != nil {
				t.Errorf("the running node is not ready: %v", err)
			}
			n.Close()

			var said lines
			m := start(t, r.URL(), func(o *store.Options) { o.Logger = slog.New(slog.NewJSONHandler(&said, nil)) })
			if err := m.Ready(t.Context()); err != nil {
				t.Errorf("the node is not ready: %v", err)
			}
			if _, err := m.put(t.Context(), "others", "b", `{}`); err != nil {
				t.Error(err)
			}
			begun := time.Now()
			_, err := m.put(t.Context(), bad, "a", `{}`)
			_, err2 := m.Replace(t.Context(), bad, load(10, "y"), nil)
			for _, err := range []error{err, err2, m.Missing(bad), m.Damaged()[bad]} {
				e, ok := errors.AsType[*dataset.Error](err)
				if !ok || e.Code != dataset.Unavailable || e.Remedy == "" || !strings.Contains(e.Message, bad) || !strings.Contains(e.Message, c.says) {
					t.Errorf("got %v", err)
				}
			}
			if took := time.Since(begun); took > time.Second {
				t.Errorf("the writes were refused after %v", took)
			}
			if m.Missing("others") != nil || m.Missing("none") != nil || len(m.Damaged()) != 1 {
				t.Error("others are said to be damaged")
			}
			time.Sleep(300 * time.Millisecond)
			said.mu.Lock()
			if lines := strings.Count(said.text.String(), "\n"); lines > 3 {
				t.Errorf("%d lines:\n%s", lines, said.text.String())
			}
			said.mu.Unlock()

			for _, c := range c.mend {
				r.Do(c...)
			}
			until(t, "it is mended", func() bool { return m.Missing(bad) == nil && len(m.Damaged()) == 0 })
			if _, err := m.put(t.Context(), bad, "a", `{}`); err != nil {
				t.Error(err)
			}
		})
	}
}
