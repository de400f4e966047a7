package store

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
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
	master  string                   // guarded by mu: that sentinels named; "": not known
	asked   time.Time                // guarded by mu: when somebody was last asked who serves what

	// Of sentinels, see sentinel.go.
	doubts    chan struct{}            // they should be asked again
	switched  func(from, to string)    // called when they name another master; nil: nobody is told
	sentinels map[string]*serverClient // guarded by mu, by host:port
	last      named                    // guarded by mu: whom they named last
	confirmed time.Time                // guarded by mu: and when
	wires     map[*wire]struct{}       // guarded by mu: that are open
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

func newTopology(a address) *topology {
	return &topology{
		address: a, servers: map[string]*serverClient{}, cluster: a.isCluster(),
		doubts: make(chan struct{}, 1), sentinels: map[string]*serverClient{}, wires: map[*wire]struct{}{},
	}
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
			s.once.Do(func() {})
			if s.client != nil {
				s.client.Close()
			}
		}
	}
}

// home gives the server that serves a key, as far as is known.
func (t *topology) home(ctx context.Context, key string) (string, error) {
	t.mu.Lock()
	addr, known := t.find(key)
	recent := time.Since(t.asked) < askAgain
	t.mu.Unlock()
	if known {
		return addr, nil
	}
	if !recent {
		if err := t.refresh(ctx); err != nil {
			return "", err
		}
		t.mu.Lock()
		addr, known = t.find(key)
		t.mu.Unlock()
	}
	if !known {
		return "", errNobody
	}
	return addr, nil
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
	if err == nil {
		return
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
		if lost {
			t.slots = nil
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

// isCutOff says whether err tells that the server has lost its replicas: perhaps to another master.
func isCutOff(err error) bool {
	text, ok := replyOf(err)
	return ok && strings.HasPrefix(text, "NOREPLICAS")
}

// refresh asks who serves what: everybody at once, for some may be dead, and in a cluster
// the first answer counts.
func (t *topology) refresh(ctx context.Context) error {
	t.mu.Lock()
	t.asked = time.Now()
	ask := slices.Clone(t.address.hosts)
	for addr := range t.servers {
		if !slices.Contains(ask, addr) {
			ask = append(ask, addr)
		}
	}
	t.mu.Unlock()
	if t.address.master != "" {
		return t.refreshMaster(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	type said struct {
		slots []slotRange
		err   error
	}
	answers := make(chan said, len(ask))
	for _, addr := range ask {
		go func() {
			var s said
			s.slots, s.err = t.askSlots(ctx, addr)
			answers <- s
		}()
	}
	var first error
	for range ask {
		var s said
		select {
		case s = <-answers:
		case <-ctx.Done():
			s.err = ctx.Err()
		}
		if s.err != nil {
			if first == nil || isReply(s.err) {
				first = s.err
			}
			continue
		}
		t.mu.Lock()
		t.slots = s.slots
		t.mu.Unlock()
		return nil
	}
	return first
}

// askSlots asks one server of a cluster who serves which slots.
func (t *topology) askSlots(ctx context.Context, addr string) ([]slotRange, error) {
	client, err := t.client(addr)
	if err != nil {
		return nil, err
	}
	list, err := client.Do(ctx, client.B().ClusterSlots().Build()).ToArray()
	if err != nil {
		return nil, err
	}
	var slots []slotRange
	for _, m := range list {
		r, err := parseSlots(m, addr)
		if err != nil {
			return nil, err
		}
		slots = append(slots, r)
	}
	if len(slots) == 0 {
		return nil, &fault{message: "its cluster has no slots yet", remedy: "make the cluster: redis-cli --cluster create"}
	}
	return slots, nil
}

// parseSlots reads one element of CLUSTER SLOTS: first slot, last slot, the master
// as host, port and more, the replicas.
func parseSlots(m rueidis.RedisMessage, asked string) (slotRange, error) {
	bad := errors.New("CLUSTER SLOTS answered something else than slots")
	parts, err := m.ToArray()
	if err != nil || len(parts) < 3 {
		return slotRange{}, bad
	}
	first, err1 := parts[0].AsInt64()
	last, err2 := parts[1].AsInt64()
	master, err3 := parts[2].ToArray()
	if errors.Join(err1, err2, err3) != nil || len(master) < 2 {
		return slotRange{}, bad
	}
	host, _ := master[0].ToString() // null where it does not know its own
	port, err := master[1].AsInt64()
	if err != nil {
		return slotRange{}, bad
	}
	if host == "" || host == "?" {
		host, _, _ = net.SplitHostPort(asked)
	}
	return slotRange{uint16(first), uint16(last), net.JoinHostPort(host, strconv.FormatInt(port, 10))}, nil
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
