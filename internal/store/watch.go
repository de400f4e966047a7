package store

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"
	"golang.org/x/sync/errgroup"

	"landings/internal/dataset"
)

// watch looks at Redis all the time: whether it is there, is the same and can
// take writes, which datasets there are, and which of them others changed. It is
// the backstop behind notifications, which may get lost.
func (s *Store) watch() {
	w := watcher{store: s, wires: map[string]*wire{}, said: map[string]bool{}}
	defer w.close()
	for {
		begun := time.Now()
		ctx, cancel := context.WithTimeout(s.ctx, s.opts.WriteTimeout)
		err := s.explain(w.look(ctx))
		cancel()
		if s.ctx.Err() != nil {
			return
		}
		lost := err != nil
		reads := false
		if !lost {
			// What is in one that cannot be used may be another one's, or old.
			if err = s.explain(w.unusable()); err == nil {
				reads, err = true, s.explain(w.refuses())
			}
		}
		before := s.seen(err, reads, begun)
		w.report(before, err)
		if err == nil {
			for _, k := range s.all() {
				if why := k.trouble.Load(); why != nil && *why != nil {
					k.hint() // what troubled it may be over
				}
			}
		}
		const least = 50 * time.Millisecond
		wait := max(least, s.opts.Look-time.Since(begun)) // one a second, however long each takes
		if lost {
			wait = least
		}
		if !s.rest(wait) {
			return
		}
	}
}

// watcher holds a connection to each server that serves keys.
type watcher struct {
	store *Store
	wires map[string]*wire // by address
	said  map[string]bool  // what was logged since Redis was last well
	gone  []string         // nodes that are forgotten, but maybe not yet in Redis
}

func (w *watcher) close() {
	for _, wire := range w.wires {
		wire.close()
	}
}

// unusable says what is wrong with one of the servers.
func (w *watcher) unusable() error {
	for _, wire := range w.wires {
		if err := wire.server.usable(); err != nil {
			return err
		}
	}
	return nil
}

// refuses says what keeps one of the servers, which can be read, from taking writes.
func (w *watcher) refuses() error {
	for addr, wire := range w.wires {
		if err := wire.server.writable(); err != nil {
			if f := *diagnose(err); wire.server.cluster {
				f.message = "of its masters, " + addr + ": " + f.message
				return &f
			}
			return err
		}
	}
	return nil
}

// look compares every dataset's meta with the node's copy and wakes the keepers
// of those that differ. What it writes on the way is written at a later look where
// Redis refuses writes now.
func (w *watcher) look(ctx context.Context) error {
	s := w.store
	names, err := s.shared(ctx, cmd("SMEMBERS", datasetsKey)).AsStrSlice()
	if err != nil {
		return err
	}
	for _, name := range names {
		if dataset.CheckName(name) == nil {
			s.keeper(name)
		}
	}
	if err := s.shared(ctx, cmd("SPUBLISH", s.database.nodesTopic(), "here "+s.opts.Node)).Error(); err != nil {
		return err
	}
	if err := s.sayTwin(ctx, saysTwin); err != nil {
		return err
	}
	// The set changes only when nodes come and go: a Redis where nothing happens has
	// nothing to save.
	if known, err := s.shared(ctx, cmd("SISMEMBER", nodesKey, s.opts.Node)).AsBool(); err == nil && !known {
		if err := s.shared(ctx, cmd("SADD", nodesKey, s.opts.Node)).Error(); err != nil && !refusesWrites(err) {
			return err
		}
	}
	masters, err := s.topology.masters(ctx)
	if err != nil {
		return err
	}
	keepers := map[string][]*keeper{} // by the address of their server
	for _, k := range s.all() {
		addr, err := s.topology.home(ctx, metaKey(k.name))
		if err != nil {
			return err
		}
		keepers[addr] = append(keepers[addr], k)
	}
	for addr, wire := range w.wires {
		if !slices.Contains(masters, addr) {
			wire.close()
			delete(w.wires, addr)
		}
	}
	var group errgroup.Group
	var mu sync.Mutex // guards w.wires
	for _, addr := range masters {
		group.Go(func() error {
			mu.Lock()
			wire := w.wires[addr]
			mu.Unlock()
			var err error
			if wire == nil {
				wire, err = s.openAt(ctx, addr, "")
			} else {
				err = wire.identify(ctx)
			}
			if err == nil {
				err = s.lookAt(ctx, wire, keepers[addr], names)
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				if wire != nil {
					wire.close()
				}
				delete(w.wires, addr)
				return err
			}
			w.wires[addr] = wire
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if w.unusable() == nil { // without a master each node may be at another replica, and hears nothing of the others
		w.gone = append(w.gone, s.peers.gotThrough(s.opts.Look)...)
		return w.forgetGone(ctx)
	}
	return nil
}

// forgetGone takes the nodes that are gone from those that are known in Redis.
func (w *watcher) forgetGone(ctx context.Context) error {
	if len(w.gone) == 0 {
		return nil
	}
	err := w.store.shared(ctx, cmd("SREM", nodesKey, w.gone...)).Error()
	switch {
	case err == nil:
		w.gone = nil
	case refusesWrites(err):
		return nil // tried again at the next look
	}
	return err
}

// all gives all keepers.
func (s *Store) all() []*keeper {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.keepers))
}

// lookAt is look for the datasets of one server; names are those of all that are known.
func (s *Store) lookAt(ctx context.Context, w *wire, keepers []*keeper, names []string) error {
	commands := make([]command, 0, len(keepers)+1)
	for _, k := range keepers {
		commands = append(commands, cmd("HMGET", metaKey(k.name), metaFields...))
	}
	switch {
	case s.topology.mute.Load():
	case len(keepers) > 0:
		commands = append(commands, probe(keepers[0].name))
	case !w.server.cluster:
		commands = append(commands, probe(""))
	}
	results, err := w.pipeline(ctx, commands)
	if err != nil {
		return err
	}
	if len(results) > len(keepers) {
		w.probed(results[len(keepers)].Err())
	}
	for i, k := range keepers {
		values, err := optionalTexts(results[i])
		if err != nil {
			k.hint() // it has moved, or the key is of another type: the keeper will say so
			continue
		}
		m, err := parseMeta(k.name, values)
		here := k.published.Load()
		k.lagging(m.Version)
		stranger := m.Epoch != "" && m.Run != w.server.run
		if stranger {
			k.stranger.Store(true)
		}
		if err != nil || stranger || m.mark() != here.mark() || m.Term != here.Term {
			k.hint()
		}
		if here.Exists() && !slices.Contains(names, k.name) {
			// The name was collected while the dataset was made.
			if err := s.shared(ctx, cmd("SADD", datasetsKey, k.name)).Error(); err != nil && !refusesWrites(err) {
				return err
			}
		}
		if m.Epoch == "" && here.Epoch == "" && err == nil && slices.Contains(names, k.name) && here.Version == 0 {
			s.forget(ctx, k)
		}
	}
	return nil
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

// report logs a change of health: each kind of trouble once until it is over, for two may take
// turns many times a second.
func (w *watcher) report(before, now error) {
	switch {
	case now != nil && !w.said[now.Error()]:
		w.said[now.Error()] = true
		w.store.opts.Logger.Error("Redis is not well", "error", now)
	case now == nil && before != nil && len(w.said) > 0:
		clear(w.said)
		w.store.opts.Logger.Info("Redis is well again", "address", w.store.address)
	}
}

// tellNew tells the other nodes of a dataset that they may not know yet. When it
// fails, the looks will tell them.
func (s *Store) tellNew(name string) {
	s.wg.Go(func() {
		_ = s.shared(s.ctx, cmd("SADD", datasetsKey, name)).Error()
		_ = s.shared(s.ctx, cmd("SPUBLISH", s.database.nodesTopic(), "new "+name)).Error()
	})
}

// forget takes the name of a dataset without any trace out of the set, unless a
// load is about to make it.
func (s *Store) forget(ctx context.Context, k *keeper) {
	if n, err := s.shared(ctx, cmd("EXISTS", gensKey(k.name))).AsInt64(); err == nil && n == 0 && len(k.requests) == 0 {
		_ = s.shared(ctx, cmd("SREM", datasetsKey, k.name)).Error() // tried again at the next look
	}
}

// listen is told on a channel of commits and recoveries, or of nodes that come and
// go, until the store closes. Its callback only sets flags: a command inside it
// would hang the client.
func (s *Store) listen(channel string) {
	for attempts := 0; s.ctx.Err() == nil; attempts++ {
		begun := time.Now()
		s.listenOnce(channel)
		// The subscription ended: whatever happened, the keepers should look.
		if s.ctx.Err() == nil {
			s.lookSoon()
		}
		for _, k := range s.all() {
			if channel == s.database.nodesTopic() || channel == s.database.topic(k.name) {
				k.hint()
			}
		}
		if time.Since(begun) > s.opts.Look {
			attempts = 0
		}
		pause(s.ctx, min(50*time.Millisecond<<min(attempts, 10), s.opts.Look))
	}
}

// listenOnce listens on the server that serves a channel, until that fails or another
// server takes over.
func (s *Store) listenOnce(channel string) {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	addr, err := s.topology.home(ctx, channel)
	if err != nil {
		return
	}
	client, err := s.topology.client(addr)
	if err != nil {
		return
	}
	go func() {
		for pause(ctx, s.opts.Look) {
			if now, err := s.topology.home(ctx, channel); err == nil && now != addr {
				cancel()
			}
		}
	}()
	s.topology.learn(addr, channel, client.Receive(ctx, client.B().Ssubscribe().Channel(channel).Build(), s.hear))
}

func (s *Store) hear(m rueidis.PubSubMessage) {
	first, second, _ := strings.Cut(m.Message, " ")
	if m.Channel == s.database.nodesTopic() {
		switch first {
		case "new":
			if dataset.CheckName(second) == nil {
				s.keeper(second)
			}
		case saysTwin, asksTwin:
			s.hearTwin(first, second)
		default:
			s.peers.heard(second, first == "here")
		}
		return
	}
	// "<node> <version>", "<node> recover" or what is at saysWho, and a name may have spaces.
	end := strings.LastIndexByte(m.Message, ' ')
	node, word := m.Message[:max(0, end)], m.Message[end+1:]
	if node == s.opts.Node {
		return
	}
	s.peers.heard(node, true)
	if k := s.existing(s.database.nameOf(m.Channel)); k != nil && k.holders.heard(node, word) {
		if version, err := strconv.ParseUint(word, 10, 64); err == nil {
			k.rivals.heard(node, version)
			if version <= k.published.Load().Version {
				return // it is here already
			}
		}
		k.hint()
	}
}
