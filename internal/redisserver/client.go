package redisserver

import (
	"time"
)

// client is one connection as the engine sees it: its parse state, its settings,
// and the one buffer in which replies and pushes lie in the order of execution.
// The engine's lock guards it; its front end reads and writes the bytes.
type client struct {
	e       *Engine
	id      int64
	front   front
	req     request
	out     []byte
	outBase int64 // bytes sent before out[0]

	db      *database
	resp    int
	authed  bool
	name    string
	lib     [2]string
	addr    string
	laddr   string
	fd      int
	created time.Time
	active  int64 // engine's now at the last command
	last    *command

	closing   bool   // nothing more is executed; the connection ends when out is sent
	dirty     bool   // in e.toFlush
	failed    bool   // the present command wrote an error
	noReply   bool   // CLIENT REPLY OFF
	skipReply int    // CLIENT REPLY SKIP: 2 at the command itself, 1 during the next
	pushAt    int    // where the latest push begins in out
	kept      []byte // pushes during a command whose reply is not sent
	noEvict   bool
	monitor   bool
	paused    bool // waits for CLIENT PAUSE's end
	internal  bool // replays the append-only file: every check is off

	noPropagate bool // the present command has seen to its propagation itself

	multi    *transaction // between MULTI and EXEC
	inExec   bool
	watching []watchedKey
	dirtyCAS bool

	block *blockState

	channels, patterns, shards map[string]bool
	tracking                   *tracking
	softSince                  time.Time // output is above its soft limit since
}

// front is what the engine asks of whatever carries a client's bytes. Its methods
// are called under the engine's lock and must not block.
type front interface {
	// send takes a copy of b to be sent.
	send(b []byte)
	// unsent is how many bytes were not sent yet.
	unsent() int
	// shut ends the connection once everything is sent.
	shut()
	// abort ends the connection at once.
	abort()
}

func (e *Engine) newClient(f front, addr, laddr string) *client {
	e.nextClient++
	c := &client{e: e, id: e.nextClient, front: f, db: e.dbs[0], resp: 2, addr: addr, laddr: laddr, created: time.Now(), active: e.now}
	c.authed = e.cfg.requirePass == ""
	e.clients[c.id] = c
	e.clientOrder.push(c)
	return c
}

// freeClient forgets everything about a client.
func (e *Engine) freeClient(c *client) {
	if e.clients[c.id] != c {
		return
	}
	c.closing = true
	e.unblock(c)
	e.unwatchAll(c)
	c.multi = nil
	e.unsubscribeAll(c, false)
	e.trackingOff(c)
	delete(e.monitors, c)
	delete(e.clients, c.id)
	e.clientOrder.remove(c)
}

// touched notes that c's output or state wants its front end's attention.
func (c *client) touched() {
	if !c.dirty {
		c.dirty = true
		c.e.toFlush = append(c.e.toFlush, c)
	}
}

// close ends the connection once its output is sent.
func (c *client) close() {
	c.closing = true
	c.touched()
}

// clientList is a set of clients in the order in which they joined.
type clientList struct {
	list []*client
	at   map[*client]int
}

func newClientList() *clientList { return &clientList{at: map[*client]int{}} }

func (l *clientList) len() int { return len(l.at) }

func (l *clientList) has(c *client) bool { _, ok := l.at[c]; return ok }

func (l *clientList) push(c *client) {
	if _, ok := l.at[c]; ok {
		return
	}
	l.at[c] = len(l.list)
	l.list = append(l.list, c)
}

func (l *clientList) remove(c *client) {
	i, ok := l.at[c]
	if !ok {
		return
	}
	delete(l.at, c)
	l.list[i] = nil
	if len(l.list) > 32 && len(l.at) < len(l.list)/2 {
		kept := l.list[:0]
		for _, c := range l.list {
			if c != nil {
				l.at[c] = len(kept)
				kept = append(kept, c)
			}
		}
		clear(l.list[len(kept):])
		l.list = kept
	}
}

// each visits the clients in order; visit may remove any of them.
func (l *clientList) each(visit func(c *client)) {
	if l == nil {
		return
	}
	for _, c := range append([]*client(nil), l.list...) {
		if c != nil && l.has(c) {
			visit(c)
		}
	}
}
