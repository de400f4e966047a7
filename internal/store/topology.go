package store

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// topology knows which server serves which key: the only one; the master that
// sentinels name; or, in a cluster, the master of the key's slot. What it knows may
// be out of date at any moment: whoever talks to a server finds out (MOVED, a
// replica, nobody there), tells it by learn, and asks again.
//
// rueidis has clients for clusters and sentinels too. They follow a change within
// a second or so, and their connections answer for whoever serves a key at the time; a commit needs
// to know which incarnation of which server it speaks to, and to get to the next one at once.
type topology struct {
	address address
	mute    atomic.Bool // the user may not ask whether writes are taken, see probe

	mu      sync.Mutex
	servers map[string]*serverClient // guarded by mu, by host:port: those that were ever spoken to
	cluster bool                     // guarded by mu: slots are asked for
	slots   []slotRange              // guarded by mu: of a cluster; nil: not known
	epoch   int64                    // guarded by mu: of the cluster, when its slots were last learned
	cutOff  bool                     // guarded by mu: from one that was cut off, where nothing else was known
	master  string                   // guarded by mu: that sentinels named; "": not known
	asked   time.Time                // guarded by mu: when somebody was last asked who serves what
	users   map[*user]struct{}       // guarded by mu: what waits for a server
	doubts  chan struct{}            // somebody should be asked soon
	files   map[string]string        // guarded by mu, by host:port: the run whose append-only file was seen whole

	// Of sentinels, see sentinel.go.
	switched  func(from, to string)    // called when they name another master; nil: nobody is told
	sentinels map[string]*serverClient // guarded by mu, by host:port
	last      named                    // guarded by mu: whom they named last
	confirmed time.Time                // guarded by mu: and when
}

// serverClient is the shared client of one server. Making it dials, which may take a while.
type serverClient struct {
	once   sync.Once
	client rueidis.Client
	err    error
}

// slotRange is a range of slots that one master serves.
type slotRange struct {
	first, last uint16
	master      string
}

// askAgain is how long what was answered to the question who serves what is not
// asked again: while a failover goes on, everybody wants to know.
const askAgain = 50 * time.Millisecond

// askTime is how long a server or sentinel has to answer it.
const askTime = time.Second

// othersAnswer is how long the others may take after the first one has answered. Those that have
// not heard of a failover yet tell what was, and are no slower than the others.
const othersAnswer = 100 * time.Millisecond

func newTopology(a address) *topology {
	return &topology{
		address: a, servers: map[string]*serverClient{}, files: map[string]string{}, cluster: a.isCluster(),
		doubts: make(chan struct{}, 1), sentinels: map[string]*serverClient{}, users: map[*user]struct{}{},
	}
}

// whole says whether the append-only file of a server is known to be read when it starts again, by what INFO tells now or told
// before of the same run. One that was just begun is not until it has been written anew from memory once, and INFO tells of that
// as of any later time that it is written anew.
func (t *topology) whole(addr, run string, info map[string]string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case info["aof_enabled"] != "1":
		delete(t.files, addr)
	case info["aof_rewrite_in_progress"] == "0" && info["aof_rewrite_scheduled"] == "0":
		t.files[addr] = run
	}
	return t.files[addr] == run
}

// server takes note of a server that is spoken to.
func (t *topology) server(addr string) *serverClient { return t.serverIn(t.servers, addr) }

func (t *topology) serverIn(servers map[string]*serverClient, addr string) *serverClient {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := servers[addr]
	if s == nil {
		s = &serverClient{}
		servers[addr] = s
	}
	return s
}

// client gives the shared client of a server.
func (t *topology) client(addr string) (rueidis.Client, error) {
	return t.clientOf(t.servers, addr, t.address.option)
}

func (t *topology) clientOf(servers map[string]*serverClient, addr string, option rueidis.ClientOption) (rueidis.Client, error) {
	s := t.serverIn(servers, addr)
	s.once.Do(func() {
		option.InitAddress = []string{addr}
		// A client that could not dial is of use: it dials again when it is used.
		if s.client, s.err = rueidis.NewClient(option); s.client != nil {
			s.err = nil
		}
	})
	return s.client, s.err
}

func (t *topology) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, servers := range []map[string]*serverClient{t.servers, t.sentinels} {
		for _, s := range servers {
			s.once.Do(func() { s.err = errClosed })
			if s.client != nil {
				s.client.Close()
			}
		}
	}
}

// errLeft is what a connection gives whose server is not the master any more.
var errLeft = &fault{message: "another server is the master now", remedy: "try again"}

// followMasters asks who the masters are at each look, and whenever somebody says that there may be
// another one, until the store closes. A look itself may wait for one that was cut off.
func (s *Store) followMasters() {
	if s.topology.address.master != "" {
		for _, addr := range s.topology.address.hosts {
			s.wg.Go(func() { s.listenTo(addr) })
		}
	}
	for {
		_ = s.topology.refresh(s.ctx) // who needs the master and does not know it gets the error
		look := time.NewTimer(s.opts.Look)
		select {
		case <-look.C:
		case <-s.topology.doubts:
		case <-s.ctx.Done():
		}
		look.Stop()
		if !pause(s.ctx, askAgain) {
			return
		}
	}
}

// doubt makes somebody be asked soon who the masters are.
func (t *topology) doubt() {
	select {
	case t.doubts <- struct{}{}:
	default:
	}
}

// askAll asks everybody at once, for some may be dead. It gives the first answer that is enough, else the best of
// those that came in time; where there is none, an error that somebody answered rather than that of a connection.
func askAll[T any](ctx context.Context, hosts []string, ask func(context.Context, string) (T, error), better func(one, than T) bool, enough func(T) bool) (best T, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	type said struct {
		answer T
		err    error
	}
	answers := make(chan said, len(hosts))
	for _, addr := range hosts {
		go func() {
			answer, err := ask(ctx, addr)
			answers <- said{answer, err}
		}()
	}
	var over <-chan time.Time // nil: nobody has answered
	for range hosts {
		var s said
		select {
		case s = <-answers:
		case <-over:
			return best, nil
		case <-ctx.Done():
			s.err = ctx.Err()
		}
		switch {
		case s.err != nil:
			if err == nil || isReply(s.err) || isFault(s.err) {
				err = s.err
			}
			continue
		case over == nil:
			best, over = s.answer, time.After(othersAnswer)
		case better(s.answer, best):
			best = s.answer
		}
		if enough(best) {
			return best, nil
		}
	}
	if over != nil {
		return best, nil
	}
	return best, err
}

// home gives the server that serves a key. Where that is not known, somebody is asked; where that was done a moment ago, the answer
// may be on its way, or lost since, and it waits for it or until it may ask again.
func (t *topology) home(ctx context.Context, key string) (string, error) {
	for begun := time.Now(); ; {
		t.mu.Lock()
		addr, known := t.find(key)
		early := askAgain - time.Since(t.asked)
		t.mu.Unlock()
		switch {
		case known:
			return addr, nil
		case time.Since(begun) > askTime:
			return "", errNobody
		case early > 0:
			if !pause(ctx, min(early, askAgain/10)) {
				return "", ctx.Err()
			}
			continue
		}
		if err := t.refresh(ctx); err != nil {
			return "", err
		}
		t.mu.Lock()
		addr, known = t.find(key)
		t.mu.Unlock()
		if !known {
			return "", errNobody
		}
		return addr, nil
	}
}

var errNobody = &fault{message: "no server serves this key at the moment", remedy: "wait for the failover, or look at CLUSTER INFO or SENTINEL MASTERS"}

// find gives what is known; t.mu is held.
func (t *topology) find(key string) (addr string, known bool) {
	switch {
	case t.address.master != "":
		return t.master, t.master != ""
	case !t.cluster:
		return t.address.hosts[0], true
	}
	slot := slotOf(key)
	for _, r := range t.slots {
		if r.first <= slot && slot <= r.last {
			return r.master, true
		}
	}
	return "", false
}

// isCluster is told by a server that it belongs to a cluster. The error says that
// this was not known yet.
func (t *topology) isCluster() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cluster {
		return nil
	}
	return errIsCluster
}

// changes says whether another server may come to serve a key.
func (t *topology) changes() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cluster || t.address.master != ""
}

// masters gives all servers that serve keys.
func (t *topology) masters(ctx context.Context) ([]string, error) {
	t.mu.Lock()
	cluster := t.cluster
	t.mu.Unlock()
	if !cluster {
		addr, err := t.home(ctx, datasetsKey)
		return []string{addr}, err
	}
	if err := t.refresh(ctx); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var addrs []string
	for _, r := range t.slots {
		if !slices.Contains(addrs, r.master) {
			addrs = append(addrs, r.master)
		}
	}
	return addrs, nil
}

// learn takes in what err, got from the server addr over a key, tells of who serves it.
func (t *topology) learn(addr, key string, err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return // who gave up waiting knows nothing of the server
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	lost := isReplica(err) || !isReply(err) && !isFault(err)
	switch {
	case t.address.master != "":
		if lost && t.master == addr {
			t.master = ""
		}
		if lost || isCutOff(err) {
			t.doubt()
		}
	case errors.Is(err, errIsCluster):
		t.cluster = true
	case !t.cluster:
	default:
		if to, ok := movedTo(err, addr); ok {
			slot := slotOf(key)
			t.slots = append([]slotRange{{slot, slot, to}}, t.slots...) // found first; a refresh replaces all
			return
		}
		if lost && t.serves(&user{addr: addr, key: key}) {
			t.slots = nil
		}
		if isDown(err) {
			t.doubt() // perhaps only this server is cut off from the others
		}
	}
}

func isFault(err error) bool {
	_, ok := errors.AsType[*fault](err)
	return ok
}

// movedTo gives the server that "MOVED <slot> <host:port>" names; one without a host, or with one that it does not know, is
// the host that was asked.
func movedTo(err error, asked string) (string, bool) {
	text, _ := replyOf(err)
	parts := strings.Fields(text)
	if len(parts) != 3 || parts[0] != "MOVED" {
		return "", false
	}
	colon := strings.LastIndexByte(parts[2], ':') // an IPv6 address comes without brackets
	if colon < 0 {
		return "", false
	}
	host, port := strings.Trim(parts[2][:colon], "[]"), parts[2][colon+1:]
	if host == "" || host == "?" {
		host, _, _ = net.SplitHostPort(asked)
	}
	return net.JoinHostPort(host, port), true
}

// isReplica says whether err tells that the server is not a master.
func isReplica(err error) bool {
	if errors.Is(err, errReplica) {
		return true
	}
	text, ok := replyOf(err)
	return ok && (strings.HasPrefix(text, "READONLY") || strings.HasPrefix(text, "MASTERDOWN"))
}

// isDown says whether err tells that the server finds its cluster down.
func isDown(err error) bool {
	text, ok := replyOf(err)
	return ok && strings.HasPrefix(text, "CLUSTERDOWN")
}

// isMoving says whether err tells that a key's slot is being moved to another server, and some key is there already.
func isMoving(err error) bool {
	text, ok := replyOf(err)
	return ok && (strings.HasPrefix(text, "ASK ") || strings.HasPrefix(text, "TRYAGAIN"))
}

// isCutOff says whether err tells that the server has lost its replicas: perhaps to another master.
func isCutOff(err error) bool {
	text, ok := replyOf(err)
	return ok && strings.HasPrefix(text, "NOREPLICAS")
}

// user is something that waits for answers of a server. It has to end when the server does not serve its
// key any more: what is cut off may answer very late, or what counts no longer.
type user struct {
	addr string
	key  string // "": the server itself, whatever it serves
	left func() // makes it end; it does not block
}

// enter takes note of a user, unless its server has been left meanwhile.
func (t *topology) enter(u *user) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.serves(u) {
		return errLeft
	}
	t.users[u] = struct{}{}
	return nil
}

// leave forgets a user that has ended.
func (t *topology) leave(u *user) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.users, u)
}

// during gives a context that ends when a server is left, and what ends it and says whether that was why.
func (t *topology) during(ctx context.Context, addr, key string) (_ context.Context, stop func() (left bool)) {
	ctx, cancel := context.WithCancelCause(ctx)
	u := &user{addr, key, func() { cancel(errLeft) }}
	if err := t.enter(u); err != nil {
		cancel(err)
	}
	return ctx, func() bool {
		t.leave(u)
		left := errors.Is(context.Cause(ctx), errLeft)
		cancel(nil)
		return left
	}
}

// serves says whether a user is at the right server, as far as is known; t.mu is held.
func (t *topology) serves(u *user) bool {
	switch {
	case t.cluster && u.key == "":
		return t.slots == nil || slices.ContainsFunc(t.slots, func(r slotRange) bool { return r.master == u.addr })
	case t.cluster || t.address.master != "":
		addr, known := t.find(u.key)
		return !known || addr == u.addr
	}
	return true
}

// misled gives the users that are at the wrong server; t.mu is held.
func (t *topology) misled() []*user {
	var left []*user
	for u := range t.users {
		if !t.serves(u) {
			left = append(left, u)
		}
	}
	return left
}

// slotOf gives a key's slot in a cluster: CRC-16/XMODEM of its hash tag modulo
// 16384 (Redis cluster specification).
func slotOf(key string) uint16 {
	if open := strings.IndexByte(key, '{'); open >= 0 {
		if end := strings.IndexByte(key[open+1:], '}'); end > 0 {
			key = key[open+1 : open+1+end]
		}
	}
	var crc uint16
	for i := range len(key) {
		crc ^= uint16(key[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc % 16384
}
