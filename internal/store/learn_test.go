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
