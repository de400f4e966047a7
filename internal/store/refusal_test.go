//go:build e2e

package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"landings/internal/dataset"
	"landings/internal/redistest"
	"landings/internal/store"
)

// While Redis refuses writes, a node is not ready, whether anybody writes or not, and says so once; what it answers is as
// new as ever.
func TestRefusedWritesKeepANodeUnready(t *testing.T) {
	for _, c := range []struct{ setting, bad, good, want string }{
		{"maxmemory", "1", "0", "raise maxmemory"},
		{"min-replicas-to-write", "1", "0", "bring the replicas back"},
	} {
		t.Run(c.setting, func(t *testing.T) {
			if c.setting != "maxmemory" {
				redisOnly(t, "the embedded engine has no replicas")
			}
			r := redistest.Start(t, "--save", "")
			var said lines
			n := start(t, r.URL(), logTo(&said), func(o *store.Options) { o.Look, o.WriteTimeout = 100*time.Millisecond, 300*time.Millisecond })
			state := put(t, n, "a")
			other := start(t, r.URL(), func(o *store.Options) { o.Node = "other" })
			r.Do("CONFIG", "SET", c.setting, c.bad)
			until(t, "the node is not ready", func() bool { return n.Ready(t.Context()) != nil && other.Ready(t.Context()) != nil })
			if err := n.Ready(t.Context()); !strings.Contains(fmt.Sprintf("%+v", err), c.want) {
				t.Errorf("it is not ready for %v", err)
			}
			late := start(t, r.URL(), func(o *store.Options) { o.Node = "late" })
			until(t, "a node that starts now reads", func() bool { return late.copyOf("things").State().Version == state.Version })
			looks := r.Do("INFO", "commandstats")
			for i := range 3 {
				_, err := n.put(t.Context(), "things", fmt.Sprint("b", i), `{}`)
				if dataset.CodeOf(err) != dataset.Unavailable || !strings.Contains(err.Error(), c.want) {
					t.Errorf("a write: %v", err)
				}
				_ = n.Reach(t.Context(), "things", state.Version+1) // makes it look
				for range 5 {
					if n.Ready(t.Context()) == nil {
						t.Error("it is ready for a moment")
					}
				}
			}
			until(t, "it looked again", func() bool { return r.Do("INFO", "commandstats") != looks })
			if n.Ready(t.Context()) == nil || n.Age() != 0 {
				t.Errorf("ready: %v, age %v", n.Ready(t.Context()), n.Age())
			}
			r.Do("CONFIG", "SET", c.setting, c.good)
			until(t, "the node is ready", func() bool { return n.Ready(t.Context()) == nil })
			put(t, n, "c")
			for _, message := range []string{"Redis is not well", "Redis is well again", "cannot commit", "can commit again"} {
				if found := said.with(t, message); len(found) != 1 {
					t.Errorf("%s: %v", message, found)
				}
			}
		})
	}
}
