package store

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// view is what one server of a cluster says of it.
type view struct {
	slots []slotRange
	epoch int64 // the newest configuration that it has heard of; each failover and each moved slot makes a newer one
	well  bool  // it takes part in the cluster
}

// better says whether a view counts for more than another one.
func (v view) better(than view) bool {
	if v.well != than.well {
		return v.well
	}
	return v.epoch > than.epoch
}

// refresh asks who serves what. In a cluster the first answer counts that is not behind: a master that
// was cut off from the others, or stood still while its replica took over, goes on telling what was.
func (t *topology) refresh(ctx context.Context) error {
	t.mu.Lock()
	t.asked = time.Now()
	known := t.epoch
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
	best, err := askAll(ctx, ask, t.askSlots, view.better, func(v view) bool { return v.well && v.epoch >= known })
	if err != nil {
		return err
	}
	t.follow(best)
	return nil
}

// follow takes in what a server says of its cluster, and makes everybody leave the servers that do not
// serve their keys any more. What comes from who is cut off counts only where nothing is known, and what is behind only there or
// after that: the cluster may have been made anew since.
func (t *topology) follow(v view) {
	t.mu.Lock()
	if t.slots != nil && (!v.well || v.epoch < t.epoch && !t.cutOff) {
		t.mu.Unlock()
		return
	}
	t.slots, t.cutOff = v.slots, !v.well
	if v.well {
		t.epoch = v.epoch
	}
	left := t.misled()
	t.mu.Unlock()
	for _, u := range left {
		u.left()
	}
}

// askSlots asks one server of a cluster who serves which slots.
func (t *topology) askSlots(ctx context.Context, addr string) (view, error) {
	client, err := t.client(addr)
	if err != nil {
		return view{}, err
	}
	replies := client.DoMulti(ctx, client.B().ClusterInfo().Build(), client.B().ClusterSlots().Build())
	list, err := replies[1].ToArray()
	if err != nil {
		return view{}, err
	}
	v := view{well: true}
	if info, err := replies[0].ToString(); err == nil { // else its user may not ask for that
		fields := parseInfo(info)
		v.well = fields["cluster_state"] == "ok"
		v.epoch, _ = strconv.ParseInt(fields["cluster_current_epoch"], 10, 64)
	}
	for _, m := range list {
		r, err := parseSlots(m, addr)
		if err != nil {
			return view{}, err
		}
		v.slots = append(v.slots, r)
	}
	if len(v.slots) == 0 {
		return view{}, &fault{message: "its cluster has no slots yet", remedy: "make the cluster: redis-cli --cluster create"}
	}
	return v, nil
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
