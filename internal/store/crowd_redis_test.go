//go:build e2e

package store_test

import (
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"landings/internal/redistest"
	"landings/internal/store"
)

// Where Redis takes long for a commit, clients that write one thing after the other share each of them.
func TestSlowCommitsAreShared(t *testing.T) {
	r := redistest.Start(t, "--save", "")
	far := relay(t, r.Addr(), func(client, server net.Conn) {
		buf := make([]byte, 64<<10)
		for {
			n, err := client.Read(buf)
			if err != nil {
				return
			}
			<-time.After(20 * time.Millisecond) // the way there
			if _, err := server.Write(buf[:n]); err != nil {
				return
			}
		}
	})
	n := start(t, "redis://"+far, func(o *store.Options) { o.Look = time.Hour })
	put(t, n, "a")
	const writers = 32
	var all sync.WaitGroup
	done := make(chan struct{})
	for w := range writers {
		all.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				if _, err := n.put(t.Context(), "things", strconv.Itoa(w), strconv.Itoa(i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	defer all.Wait()
	defer close(done)
	commits, writes := n.Datasets()[0].Commits, n.Datasets()[0].Writes
	until(t, "commits have almost all writers", func() bool {
		c := n.Datasets()[0]
		if c.Commits-commits < 10 {
			return false
		}
		shared := float64(c.Writes-writes) / float64(c.Commits-commits)
		commits, writes = c.Commits, c.Writes
		return shared > writers*7/8
	})
}
