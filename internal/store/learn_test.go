package store

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"landings/internal/resp"
)

// Who stops waiting has learnt nothing about the server.
func TestEndedContextTellsNothing(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	topology := newTopology(address{master: "m"})
	topology.master = "h:1"
	w := &wire{conn: resp.New(here, time.Minute), topology: topology, addr: "h:1", key: "k"}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = io.ReadFull(there, make([]byte, len("*1\r\n$4\r\nPING\r\n")))
		cancel()
	}()
	if err := w.do(ctx, cmd("PING", "")).Err(); err == nil || topology.master != "h:1" {
		t.Errorf("%v: the master is %q", err, topology.master)
	}
	if err := w.do(t.Context(), cmd("PING", "")).Err(); err == nil || topology.master != "" {
		t.Errorf("%v on a connection that has failed: the master is %q", err, topology.master)
	}
}

// Sentinels that have not heard of a failover yet must not bring a node back to the old master;
// but those that were set up anew begin with a configuration of a low number again.
func TestStaleSentinels(t *testing.T) {
	topology := newTopology(address{master: "m"})
	var switches int
	topology.switched = func(string, string) { switches++ }
	for i, step := range []struct {
		said      named
		lost, old bool // the master was lost before; the last confirmation is long ago
		want      string
	}{
		{named{"old:1", 0}, false, false, "old:1"},
		{named{"new:1", 1}, false, false, "new:1"},
		{named{"old:1", 0}, false, false, "new:1"},
		{named{"old:1", 0}, true, false, ""},
		{named{"new:1", 1}, false, false, "new:1"},
		{named{"old:1", 0}, false, true, "old:1"},
		{named{"moved:1", 0}, true, false, "moved:1"}, // the epochs are not told
	} {
		if step.lost {
			topology.learn(topology.master, "k", errReplica)
		}
		if step.old {
			topology.confirmed = time.Now().Add(-2 * staleFor)
		}
		if topology.believe(step.said); topology.master != step.want {
			t.Errorf("step %d: the master is %q, not %q", i, topology.master, step.want)
		}
	}
	if switches != 3 {
		t.Errorf("%d switches were told", switches)
	}
}
