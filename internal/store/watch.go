package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"landings/internal/dataset"
)

// watch looks at Redis all the time: whether it is there, is the same and can
// take writes, which datasets there are, and which of them others changed. It is
// the backstop behind notifications, which may get lost.
func (s *Store) watch() {
	var w *wire
	defer func() {
		if w != nil {
			w.close()
		}
	}()
	for {
		ctx, cancel := context.WithTimeout(s.ctx, s.opts.WriteTimeout)
		var err error
		if w == nil {
			w, err = s.open(ctx)
		}
		if err == nil {
			err = s.look(ctx, w)
		}
		cancel()
		if s.ctx.Err() != nil {
			return
		}
		if err != nil {
			err = s.explain(err)
			if w != nil {
				w.close()
				w = nil
			}
		} else if err = s.explain(w.server.usable()); err == nil {
			err = s.explain(w.server.writable())
		}
		s.report(s.seen(err), err)
		wait := s.opts.Look
		if err != nil && w == nil {
			wait = 50 * time.Millisecond
		}
		if !s.rest(wait) {
			return
		}
	}
}

// rest waits until the next look is due, or something is known to have happened.
func (s *Store) rest(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.kick:
		return pause(s.ctx, 5*time.Millisecond)
	case <-s.ctx.Done():
		return false
	}
}

// lookSoon makes the next look come at once.
func (s *Store) lookSoon() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// report logs a change of health.
func (s *Store) report(before, now error) {
	switch {
	case now != nil && (before == nil || before.Error() != now.Error()):
		s.opts.Logger.Error("Redis is not well", "error", now)
	case now == nil && before != nil:
		s.opts.Logger.Info("Redis is well again", "address", s.address)
	}
}

// look compares every dataset's meta with the node's copy and wakes the keepers
// of those that differ.
func (s *Store) look(ctx context.Context, w *wire) error {
	if err := w.identify(ctx); err != nil {
		return err
	}
	names, err := w.do(ctx, cmd("SMEMBERS", datasetsKey)).AsStrSlice()
	if err != nil {
		return err
	}
	for _, name := range names {
		if dataset.CheckName(name) == nil {
			s.keeper(name)
		}
	}
	s.mu.Lock()
	keepers := make([]*keeper, 0, len(s.keepers))
	for _, k := range s.keepers {
		keepers = append(keepers, k)
	}
	s.mu.Unlock()
	commands := make([]command, 0, len(keepers)+1)
	for _, k := range keepers {
		commands = append(commands, cmd("HMGET", metaKey(k.name), metaFields...))
	}
	commands = append(commands, cmd("SPUBLISH", nodesTopic, "here "+s.opts.Node), cmd("SISMEMBER", nodesKey, s.opts.Node))
	results, err := w.pipeline(ctx, commands)
	if err != nil {
		return err
	}
	// The set changes only when nodes come and go: a Redis where nothing happens has
	// nothing to save.
	if known, err := results[len(results)-1].AsBool(); err == nil && !known {
		if err := w.do(ctx, cmd("SADD", nodesKey, s.opts.Node)).Error(); err != nil {
			return err
		}
	}
	if gone := s.peers.gotThrough(s.opts.Look); len(gone) > 0 {
		if err := w.do(ctx, cmd("SREM", nodesKey, gone...)).Error(); err != nil {
			return err
		}
	}
	for i, k := range keepers {
		values, err := optionalStrings(results[i])
		if err != nil {
			continue // a key of another type: the keeper will say so
		}
		m, err := parseMeta(k.name, values)
		here := k.published.Load()
		if err != nil || m.mark() != here.mark() || m.Term != here.Term || m.Epoch != "" && m.Run != w.server.run {
			k.hint()
		}
		if here.Exists() && !slices.Contains(names, k.name) {
			// The name was collected while the dataset was made.
			if err := w.do(ctx, cmd("SADD", datasetsKey, k.name)).Error(); err != nil {
				return err
			}
		}
		if m.Epoch == "" && here.Epoch == "" && err == nil && slices.Contains(names, k.name) && here.Version == 0 {
			s.forget(ctx, w, k)
		}
	}
	return nil
}

// tellNew tells the other nodes of a dataset that they may not know yet. When it
// fails, the looks will tell them.
func (s *Store) tellNew(name string) {
	s.wg.Go(func() {
		_ = s.client.Do(s.ctx, s.client.B().Sadd().Key(datasetsKey).Member(name).Build()).Error()
		_ = s.client.Do(s.ctx, s.client.B().Spublish().Channel(nodesTopic).Message("new "+name).Build()).Error()
	})
}

// forget takes the name of a dataset without any trace out of the set, unless a
// load is about to make it.
func (s *Store) forget(ctx context.Context, w *wire, k *keeper) {
	if n, err := w.do(ctx, cmd("EXISTS", gensKey(k.name))).AsInt64(); err == nil && n == 0 && len(k.requests) == 0 {
		_ = w.do(ctx, cmd("SREM", datasetsKey, k.name)).Error() // tried again at the next look
	}
}

// listen is told of commits, of recoveries and of nodes that come and go. Its
// callback only sets flags: a command inside it would hang the client.
func (s *Store) listen() {
	for s.ctx.Err() == nil {
		s.mu.Lock()
		topics := []string{nodesTopic}
		for name := range s.keepers {
			topics = append(topics, topic(name))
		}
		known := len(s.keepers)
		s.mu.Unlock()

		ctx, cancel := context.WithCancel(s.ctx)
		go func() {
			// A new dataset means a new list of channels.
			defer cancel()
			for pause(ctx, s.opts.Look) {
				s.mu.Lock()
				n := len(s.keepers)
				s.mu.Unlock()
				if n != known {
					return
				}
			}
		}()
		err := s.client.Receive(ctx, s.client.B().Ssubscribe().Channel(topics...).Build(), s.hear)
		ended := ctx.Err() != nil
		cancel()
		if err != nil && !ended {
			// The connection broke: whatever happened, the keepers should look.
			s.lookSoon()
			s.mu.Lock()
			for _, k := range s.keepers {
				k.hint()
			}
			s.mu.Unlock()
			pause(s.ctx, 50*time.Millisecond)
		}
	}
}

func (s *Store) hear(m rueidis.PubSubMessage) {
	first, second, _ := strings.Cut(m.Message, " ")
	if m.Channel == nodesTopic {
		switch first {
		case "new":
			if dataset.CheckName(second) == nil {
				s.keeper(second)
			}
		default:
			s.peers.heard(second, first == "here")
		}
		return
	}
	// "<node> <version>" or "<node> recover", and a name may have spaces.
	node := m.Message[:max(0, strings.LastIndexByte(m.Message, ' '))]
	if node == s.opts.Node {
		return
	}
	s.peers.heard(node, true)
	name, ok := strings.CutPrefix(m.Channel, "landings:{")
	if name, ok2 := strings.CutSuffix(name, "}:commits"); ok && ok2 {
		if k := s.existing(name); k != nil {
			k.hint()
		}
	}
}
