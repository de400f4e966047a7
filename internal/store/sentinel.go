package store

import (
	"cmp"
	"context"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// A failover need not break a connection: after SENTINEL FAILOVER the old master takes
// writes until it is made a replica, some ten seconds later, and they are gone then. So the
// sentinels are asked all the time, and listened to.

// staleFor is how long an answer counts for nothing that is of an older configuration than
// one heard before. Sentinels tell each other every two seconds. What is older for longer is
// the configuration itself: somebody has set up the sentinels anew.
const staleFor = 10 * time.Second

// named is whom sentinels name as the master.
type named struct {
	master string
	epoch  int64 // of the configuration: each failover has a higher one; 0 where it is not told
}

// listenTo is told by a sentinel of another master, until the store closes. Messages get
// lost, and are only hints to ask.
func (s *Store) listenTo(addr string) {
	for pause(s.ctx, min(s.opts.Look, time.Second)) {
		client, err := s.topology.sentinel(addr)
		if err != nil {
			continue
		}
		// The sentinel that leads a failover names the new master from the first message on; the
		// others, and itself again, tell the second one.
		_ = client.Receive(s.ctx, client.B().Subscribe().Channel("+promoted-slave", "+switch-master").Build(), func(rueidis.PubSubMessage) {
			s.topology.doubt()
		})
	}
}

// switched follows the sentinels from one master to another.
func (s *Store) switched(from, to string) {
	s.opts.Logger.Info("the sentinels name another master", "from", from, "to", to)
	s.lookSoon()
	for _, k := range s.all() {
		k.hint()
	}
}

// refreshMaster asks all sentinels. Of those that answer, the one with the newest configuration counts.
func (t *topology) refreshMaster(ctx context.Context) error {
	t.mu.Lock()
	last := t.last.master
	t.mu.Unlock()
	best, err := askAll(ctx, t.address.hosts, t.askSentinel, func(n, than named) bool {
		return n.epoch > than.epoch || n.epoch == than.epoch && n.master == last
	}, func(named) bool { return false })
	if err != nil {
		return err
	}
	t.believe(best)
	return nil
}

// believe takes in whom the sentinels name, and closes all connections to others: no
// commit may go to a master that is one no longer.
func (t *topology) believe(n named) {
	t.mu.Lock()
	was := t.last
	fresh := n.epoch > was.epoch || n.epoch == was.epoch && (t.master == "" || n.master == was.master)
	if !fresh && time.Since(t.confirmed) < staleFor {
		t.mu.Unlock()
		return
	}
	t.master, t.last, t.confirmed = n.master, n, time.Now()
	left := t.misled()
	t.mu.Unlock()
	for _, u := range left {
		u.left()
	}
	if was.master != "" && was.master != n.master && t.switched != nil {
		t.switched(was.master, n.master)
	}
}

// sentinel gives the shared client of a sentinel.
func (t *topology) sentinel(addr string) (rueidis.Client, error) {
	option := t.address.sentinels
	option.Dialer.Timeout, option.ConnWriteTimeout = askTime, askTime
	option.AlwaysRESP2 = true
	return t.clientOf(t.sentinels, addr, option)
}

// askSentinel asks one sentinel. The configuration comes first: the master may be newer
// than what it is taken for, but not older.
func (t *topology) askSentinel(ctx context.Context, addr string) (named, error) {
	client, err := t.sentinel(addr)
	if err != nil {
		return named{}, err
	}
	name := t.address.master
	replies := client.DoMulti(ctx,
		client.B().Arbitrary("SENTINEL", "MASTER", name).Build(),
		client.B().SentinelGetMasterAddrByName().Master(name).Build())
	parts, err := replies[1].AsStrSlice()
	if text, ok := replyOf(err); ok && strings.HasPrefix(text, "ERR unknown command") {
		return named{}, &fault{
			message: addr + " is no sentinel",
			remedy:  "name the sentinels, whose port is often 26379; write redis://host:6379 for a Redis that none watch",
			heals:   never,
			cause:   err,
		}
	}
	if rueidis.IsRedisNil(err) || err == nil && len(parts) != 2 {
		return named{}, &fault{
			message: "the sentinels watch no master " + strconv.Quote(name),
			remedy:  "name the one that they watch: redis-sentinel://host:26379/NAME",
		}
	}
	if err != nil {
		return named{}, err
	}
	n := named{master: net.JoinHostPort(parts[0], parts[1])}
	if fields, err := replies[0].AsStrMap(); err == nil { // else its user may not ask for that
		n.epoch, _ = strconv.ParseInt(cmp.Or(fields["config-epoch"], "0"), 10, 64)
	}
	return n, nil
}
