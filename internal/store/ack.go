package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"landings/internal/dataset"
)

// Every write that is answered is in Redis and in this node's memory. What a write
// may ask for beyond that is in [dataset.Ack]. It is told before the commit where it
// is known that it cannot be had, and after it where it was not reached in time: then
// the commit stands, and that is what the answer says.

// Promise says what keeps writes of a dataset from getting as safe as ack asks: too
// few other nodes or replicas, or a Redis that does not sync its append-only file. nil
// means that nothing is known to.
func (s *Store) Promise(ctx context.Context, name string, ack dataset.Ack) error {
	if ack.Level == dataset.AckMemory {
		return nil
	}
	if err := dataset.CheckName(name); err != nil {
		return err
	}
	var short error
	switch ack.Level {
	case dataset.AckMemory:
	case dataset.AckNodes:
		if n := len(s.peers.alive()); n < ack.N {
			short = &fault{
				message: fmt.Sprintf("%s beside this one", counted(n, "node is", "nodes are")),
				remedy:  "start more nodes, or ask for less",
			}
		}
	case dataset.AckDisk, dataset.AckReplicas:
		ctx, cancel := context.WithTimeout(ctx, s.opts.WriteTimeout)
		defer cancel()
		k := s.existing(name)
		if k == nil {
			safe, err := s.safetyOf(ctx, name) // see unknown
			if err != nil {
				return err
			}
			short = safe.lacks(ack)
			break
		}
		var err error
		if short, err = k.witness.promise(ctx, ack); err != nil {
			return err
		}
	}
	if short == nil {
		return nil
	}
	return notPromised(fmt.Sprintf("%s: ack=%s", notCarriedOut, ack), short)
}

// notPromised is the error for what cannot be promised for a reason.
func notPromised(what string, short error) error {
	f := diagnose(short)
	return &dataset.Error{Code: dataset.Unavailable, Message: what + " cannot be promised: " + f.message, Remedy: f.remedy, Err: f}
}

// Confirm returns once the commit that made a state, as Update and its like gave it,
// is as safe as ack asks. It waits as long as a write may; NotConfirmed says what is
// known then. How safe the commit is known to be is given either way.
func (s *Store) Confirm(ctx context.Context, at dataset.State, ack dataset.Ack) (dataset.Ack, error) {
	if ack.Level == dataset.AckMemory {
		return ack, nil
	}
	k := s.keeper(at.Name)
	ctx, cancel := context.WithTimeout(ctx, s.opts.WriteTimeout)
	defer cancel()
	var have int // nodes or replicas
	var remedy string
	var err error
	switch ack.Level {
	case dataset.AckMemory:
	case dataset.AckNodes:
		have, err = k.confirmNodes(ctx, at, ack.N)
		remedy = "see why the other nodes do not follow"
	case dataset.AckDisk:
		_, err = k.witness.confirm(ctx, at, ack)
		remedy = "see why Redis does not sync its append-only file: its log and INFO persistence tell"
	case dataset.AckReplicas:
		have, err = k.witness.confirm(ctx, at, ack)
		remedy = "see why the replicas do not follow: INFO replication tells"
	}
	if err == nil && !k.dropped(at) {
		return ack, nil
	}
	s.counts.unconfirmed.Add(1)
	if recovered := errors.Is(err, errRecovered); recovered && !k.past(ctx, at) || k.dropped(at) {
		return dataset.Ack{}, &dataset.Error{
			Code:    dataset.OutcomeUnknown,
			Message: fmt.Sprintf("version %d of %s was committed, but Redis has gone on with another history since, which may lack it", at.Version, at.Name),
			Remedy:  errUnknown.Remedy,
			Err:     err,
		}
	}
	var reached dataset.Ack
	if have > 0 {
		reached = dataset.Ack{Level: ack.Level, N: have}
	}
	return reached, &dataset.Error{
		Code:    dataset.NotConfirmed,
		Message: fmt.Sprintf("version %d of %s was committed, but ack=%s was not reached: %s", at.Version, at.Name, ack, diagnose(err).message),
		Remedy:  "the write stands and need not be sent again; " + remedy + ", or ask for less",
		Err:     err,
	}
}

// past returns once the copy has left the term of a state, and says whether it has.
func (k *keeper) past(ctx context.Context, at dataset.State) bool {
	for {
		moved := *k.moved.Load()
		if now := k.published.Load(); now.Epoch != at.Epoch || now.Term != at.Term {
			return true
		}
		k.hint()
		select {
		case <-moved:
		case <-ctx.Done():
			return false
		case <-k.store.ctx.Done():
			return false
		}
	}
}

// checkAcks refuses what was configured and can never be promised.
func (s *Store) checkAcks(ctx context.Context) error {
	for name, ack := range s.opts.Acks {
		if ack.Level != dataset.AckDisk && ack.Level != dataset.AckReplicas {
			continue // nodes come and go
		}
		safe, err := s.safetyOf(ctx, name)
		for ; err != nil; safe, err = s.safetyOf(ctx, name) {
			if healingOf(err) == never || !pause(ctx, 50*time.Millisecond) {
				return err
			}
		}
		short := safe.lacks(ack)
		if short == nil {
			continue
		}
		if ack.Level == dataset.AckReplicas && s.opts.Dial == nil {
			s.opts.Logger.Warn("replicas are missing: writes are refused until they are there", "dataset", name, "ack", ack.String(), "replicas", safe.replicas)
			continue
		}
		if errors.Is(short, errPartial) {
			s.opts.Logger.Warn("writes are refused until the append-only file is whole", "dataset", name, "ack", ack.String(), "error", short)
			continue
		}
		return notPromised(fmt.Sprintf("ack: %s, as configured for the dataset %s,", ack, name), short)
	}
	return nil
}

// safetyOf asks the server of a dataset how safe it keeps what it is told.
func (s *Store) safetyOf(ctx context.Context, name string) (safety, error) {
	w, err := s.open(ctx, metaKey(name))
	if err != nil {
		return safety{}, err
	}
	defer w.close()
	safe, err := w.safety(ctx)
	return safe, s.explain(err)
}

// counted gives a number with the word for one or for many.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// holders is which states of a dataset other nodes said that they have in memory.
// Nobody says so unless asked. All of it is shared.
type holders struct {
	asked  atomic.Uint64 // the highest version that this node asked the others for
	wanted atomic.Uint64 // the version that others asked this node for; 0: none

	mu   sync.Mutex
	by   map[string]holding // guarded by mu, by node
	news chan struct{}      // guarded by mu: closed and replaced when by changes
}

// holding is a place in a history. Within a term there is one history: who is in the
// same term at the same version or a later one holds the commit.
type holding struct {
	epoch         string
	term, version uint64
}

func (h holding) covers(at dataset.State) bool {
	return h.epoch == at.Epoch && h.term == at.Term && h.version >= at.Version
}

// Words on a dataset's channel, after the name of the node that says them and a space.
const (
	saysWho = "who:" // and a version: who has it?
	saysHas = "has:" // and epoch, term and version, with colons between them
)

// askAgainAfter is when nodes that did not answer are asked again: messages get lost.
const askAgainAfter = 50 * time.Millisecond

// confirmNodes returns once n other nodes hold the commit that made a state, and gives
// how many are known to.
func (k *keeper) confirmNodes(ctx context.Context, at dataset.State, n int) (int, error) {
	h := &k.holders
	if before := h.asked.Load(); before < at.Version && h.asked.CompareAndSwap(before, at.Version) {
		k.say(ctx, saysWho+strconv.FormatUint(at.Version, 10))
	}
	again := time.NewTicker(askAgainAfter)
	defer again.Stop()
	for {
		have, news := h.count(at)
		if have >= n {
			return have, nil
		}
		select {
		case <-news:
		case <-again.C:
			if k.dropped(at) {
				return 0, errRecovered
			}
			k.say(ctx, saysWho+strconv.FormatUint(at.Version, 10))
		case <-ctx.Done():
			return have, &fault{message: fmt.Sprintf("%s that they have it", counted(have, "other node said", "other nodes said"))}
		case <-k.store.ctx.Done():
			return have, errClosed
		}
	}
}

// say tells the other nodes something about the dataset. It is a hint that may get lost.
func (k *keeper) say(ctx context.Context, what string) {
	_ = k.store.shared(ctx, cmd("SPUBLISH", k.store.database.topic(k.name), k.store.opts.Node+" "+what)).Error()
}

// count says how many nodes hold a commit, and what is closed when that may change.
func (h *holders) count(at dataset.State) (int, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.news == nil {
		h.news = make(chan struct{})
	}
	n := 0
	for _, held := range h.by {
		if held.covers(at) {
			n++
		}
	}
	return n, h.news
}

// heard takes in a word from another node. It says whether the keeper has to look.
func (h *holders) heard(node, word string) bool {
	if text, ok := strings.CutPrefix(word, saysWho); ok {
		if version, err := strconv.ParseUint(text, 10, 64); err == nil {
			for before := h.wanted.Load(); before < version && !h.wanted.CompareAndSwap(before, version); before = h.wanted.Load() {
			}
		}
		return true
	}
	text, ok := strings.CutPrefix(word, saysHas)
	if !ok {
		return true
	}
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return false
	}
	term, err1 := strconv.ParseUint(parts[1], 10, 64)
	version, err2 := strconv.ParseUint(parts[2], 10, 64)
	if err1 != nil || err2 != nil {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.by == nil {
		h.by = map[string]holding{}
	}
	h.by[node] = holding{parts[0], term, version}
	if h.news != nil {
		close(h.news)
		h.news = nil
	}
	return false
}

// answerWho tells the others what this node has, if one of them asked and this node
// has it, or if it has looked for it just now.
func (k *keeper) answerWho(looked bool) {
	wanted := k.holders.wanted.Load()
	if wanted == 0 || k.wire == nil || !looked && k.state.Version < wanted {
		return
	}
	k.holders.wanted.CompareAndSwap(wanted, 0)
	at := k.state
	_ = k.wire.do(k.store.ctx, cmd("SPUBLISH", k.store.database.topic(k.name), fmt.Sprintf("%s %s%s:%d:%d", k.store.opts.Node, saysHas, at.Epoch, at.Term, at.Version))).Err()
}
