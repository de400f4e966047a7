package redisserver

import (
	"bytes"
	"slices"
	"strings"
)

// tracking is a client's CLIENT TRACKING.
type tracking struct {
	bcast, optin, optout, noloop bool
	redirect                     int64
	broken                       bool // the client redirected to is gone
	prefixes                     []string
	caching                      bool // CLIENT CACHING was sent: the next command is the exception
}

// prefixSet is the clients that want to hear of keys with a prefix, and the keys
// changed during the present command.
type prefixSet struct {
	clients *clientList
	keys    []prefixChange
}

type prefixChange struct {
	key string
	by  *client
}

// pendingInvalidation is a push that waits for the end of the command that caused
// it, so that it follows the command's reply.
type pendingInvalidation struct {
	to  int64
	key []byte
}

func (e *Engine) trackingOn(c *client, t *tracking) {
	if c.tracking == nil {
		e.trackers++
	}
	if t.bcast && c.tracking != nil {
		t.prefixes = append(slices.Clone(c.tracking.prefixes), t.prefixes...)
	}
	c.tracking = t
	for _, p := range t.prefixes {
		s := e.prefixes[p]
		if s == nil {
			s = &prefixSet{clients: newClientList()}
			e.prefixes[p] = s
		}
		s.clients.push(c)
	}
}

func (e *Engine) trackingOff(c *client) {
	if c.tracking == nil {
		return
	}
	for _, p := range c.tracking.prefixes {
		if s := e.prefixes[p]; s != nil {
			s.clients.remove(c)
			if s.clients.len() == 0 {
				delete(e.prefixes, p)
			}
		}
	}
	c.tracking = nil
	e.trackers--
}

// rememberKeys notes which keys a client read, so that it hears of their change.
func (e *Engine) rememberKeys(c *client, cmd *command, args [][]byte) {
	t := c.tracking
	if t.bcast || t.optin && !t.caching || t.optout && t.caching {
		return
	}
	at, ok := cmd.keyArgs(args)
	if !ok {
		return
	}
	for _, i := range at {
		key := string(args[i])
		ids := e.tracked[key]
		if ids == nil {
			ids = map[int64]bool{}
			e.tracked[key] = ids
		}
		ids[c.id] = true
	}
	e.limitTracked()
}

// limitTracked makes readers forget keys, any of them, while more are remembered
// than tracking-table-max-keys.
func (e *Engine) limitTracked() {
	for len(e.tracked) > e.cfg.trackingKeys && e.cfg.trackingKeys > 0 {
		for k := range e.tracked {
			e.invalidateTracked(nil, []byte(k))
			break
		}
	}
}

// invalidate tells the clients that cache key.
func (e *Engine) invalidate(by *client, key []byte) {
	for p, s := range e.prefixes {
		if strings.HasPrefix(string(key), p) && !slices.ContainsFunc(s.keys, func(k prefixChange) bool { return k.key == string(key) && k.by == by }) {
			s.keys = append(s.keys, prefixChange{string(key), by})
		}
	}
	e.invalidateTracked(by, key)
}

func (e *Engine) invalidateTracked(by *client, key []byte) {
	ids := e.tracked[string(key)]
	if ids == nil {
		return
	}
	delete(e.tracked, string(key))
	for id := range ids {
		c := e.clients[id]
		if c == nil || c.tracking == nil || c.tracking.bcast {
			continue
		}
		if c.tracking.noloop && c == by {
			continue
		}
		e.pendingInv = append(e.pendingInv, pendingInvalidation{id, bytes.Clone(key)})
	}
}

// invalidateAll tells every caching client to forget everything.
func (e *Engine) invalidateAll() {
	clear(e.tracked)
	if e.trackers == 0 {
		return
	}
	for _, c := range e.clientOrder.list {
		if c != nil && c.tracking != nil {
			e.pendingInv = append(e.pendingInv, pendingInvalidation{c.id, nil})
		}
	}
}

// flushInvalidations sends what the command that just ended made stale; its reply
// is in the buffer already.
func (e *Engine) flushInvalidations() {
	if e.trackers == 0 || e.depth > 0 {
		return
	}
	pending := e.pendingInv
	e.pendingInv = nil
	for _, p := range pending {
		if c := e.clients[p.to]; c != nil && c.tracking != nil {
			if p.key == nil {
				e.sendInvalidation(c, nil)
			} else {
				e.sendInvalidation(c, [][]byte{p.key})
			}
		}
	}
	for _, s := range e.prefixes {
		if len(s.keys) == 0 {
			continue
		}
		s.clients.each(func(c *client) {
			var keys [][]byte
			for _, k := range s.keys {
				if c.tracking.noloop && k.by == c {
					continue
				}
				keys = append(keys, []byte(k.key))
			}
			if len(keys) > 0 {
				e.sendInvalidation(c, keys)
			}
		})
		s.keys = nil
	}
}

// sendInvalidation pushes the names of stale keys, nil for all, to c or to the
// client that c redirects to.
func (e *Engine) sendInvalidation(c *client, keys [][]byte) {
	to := c
	redirected := false
	if c.tracking.redirect != 0 {
		to = e.clients[c.tracking.redirect]
		redirected = true
		if to == nil {
			c.tracking.broken = true
			if c.resp > 2 {
				c.push(2)
				c.bulkString("tracking-redir-broken")
				c.int(c.tracking.redirect)
				c.pushed()
			}
			return
		}
	}
	switch {
	case to.resp > 2:
		to.push(2)
		to.bulkString("invalidate")
	case redirected && to.subscriptions() > 0: // to whatever
		to.array(3)
		to.bulkString("message")
		to.bulkString("__redis__:invalidate")
	default:
		return
	}
	if keys == nil {
		to.null()
	} else {
		to.array(len(keys))
		for _, k := range keys {
			to.bulk(k)
		}
	}
	to.pushed()
}
