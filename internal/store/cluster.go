package store

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
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

// refresh asks who serves what. In a cluster everybody is asked at once, for some may be dead, and the
// first answer counts that is not behind: a master that was cut off from the others, or stood
// still while its replica took over, goes on telling what was.
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
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	type said struct {
		view
		err error
	}
	answers := make(chan said, len(ask))
	for _, addr := range ask {
		go func() {
			v, err := t.askSlots(ctx, addr)
			answers <- said{v, err}
		}()
	}
	var best *view
	var first error
	var enough <-chan time.Time
	for left := len(ask); left > 0; left-- {
		var s said
		select {
		case s = <-answers:
		case <-enough:
			left = 0
			continue
		case <-ctx.Done():
			s.err = ctx.Err()
		}
		switch {
		case s.err != nil:
			if first == nil || isReply(s.err) {
				first = s.err
			}
			continue
		case best == nil || s.better(*best):
			best = &s.view
		}
		if best.well && best.epoch >= known {
			break
		}
		if enough == nil {
			enough = time.After(othersAnswer)
		}
	}
	if best == nil {
		return first
	}
	t.follow(*best)
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
		for line := range strings.Lines(info) {
			switch name, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); name {
			case "cluster_state":
				v.well = value == "ok"
			case "cluster_current_epoch":
				v.epoch, _ = strconv.ParseInt(value, 10, 64)
			}
		}
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
