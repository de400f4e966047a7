package store

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"landings/internal/dataset"
)

// twin looks out for another process that runs under this node's name. Neither counts the
// other as a peer then, and in a recovery each writes its announcement over the other's,
// so that the one with less may win. Who starts finds it out by asking; of two that find it
// out later, for Redis was away, both say so.
type twin struct {
	self string // this process's token

	heard atomic.Int64 // when the other one was last heard of, in nanoseconds since 1970; 0: never
	told  atomic.Int64 // when that was last logged
}

// Words on the nodes' channel, before a process's token, a space and its name. A version of
// Landings that does not know them takes them for the goodbye of a node that it does not know.
const (
	saysTwin = "process" // this process runs under the name
	asksTwin = "name?"   // does another one?
)

// twinTime is how long who starts under a name that has not said goodbye waits for an
// answer: after a kill -9 there is none.
const twinTime = 300 * time.Millisecond

func (s *Store) sayTwin(ctx context.Context, word string) error {
	return s.shared(ctx, cmd("SPUBLISH", s.database.nodesTopic(), word+" "+s.twin.self+" "+s.opts.Node)).Error()
}

// hearTwin takes in one of these words. Like all that hears messages it sends nothing.
func (s *Store) hearTwin(word, rest string) {
	process, node, _ := strings.Cut(rest, " ")
	if node != s.opts.Node || process == s.twin.self {
		return
	}
	if word == asksTwin {
		s.lookSoon() // which says who this is
		return
	}
	now := time.Now().UnixNano()
	s.twin.heard.Store(now)
	if before := s.twin.told.Load(); now-before > int64(time.Minute) && s.twin.told.CompareAndSwap(before, now) {
		s.opts.Logger.Error("another process runs under the name of this node", "node", s.opts.Node, "remedy", twinRemedy)
	}
}

const twinRemedy = "give each node on one Redis a --node of its own"

// hasTwin says whether another process under this name was heard of lately.
func (s *Store) hasTwin() bool {
	return time.Now().UnixNano()-s.twin.heard.Load() < int64(forget)
}

// alone refuses to start while another process runs under the same name.
func (s *Store) alone(ctx context.Context) error {
	for begun := time.Now(); time.Since(begun) < twinTime; {
		_ = s.sayTwin(ctx, asksTwin) // again, for the subscription to the answer may come later
		if !pause(ctx, twinTime/10) {
			return context.Cause(ctx)
		}
		if s.hasTwin() {
			return &dataset.Error{
				Code:    dataset.Conflict,
				Message: "another node named " + s.opts.Node + " is running on this Redis",
				Remedy:  twinRemedy,
			}
		}
	}
	return nil
}
