package redisserver

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// This file is the core: bytes of a client in, replies in the clients' buffers,
// propagated commands in the append-only buffer. It knows nothing of sockets and
// runs under the engine's lock.

// receive executes every complete command in c's input. The caller flushes with
// e.flush afterwards.
func (e *Engine) receive(c *client) {
	e.tick()
	e.process(c)
	e.runResumed()
}

// runResumed goes on with clients that were blocked or paused and may have more
// input.
func (e *Engine) runResumed() {
	for len(e.resumed) > 0 {
		r := e.resumed[0]
		e.resumed = e.resumed[1:]
		e.process(r)
	}
	e.resumed = nil
}

// tick reads the clock: commands of one batch see one time.
func (e *Engine) tick() {
	t := time.Now()
	e.now = t.UnixMilli()
	e.clock = uint32(t.Unix())
}

func (e *Engine) process(c *client) {
	for !c.closing && c.block == nil && !c.paused {
		args, err := c.req.next(limits{bulk: e.cfg.maxBulk, authed: c.authed})
		if err != nil {
			c.err("ERR " + err.Error())
			c.close()
			e.stats.protocolErrors++
			break
		}
		if args == nil {
			break
		}
		e.execute(c, args)
	}
	c.req.compact()
	if len(c.req.in) > int(e.cfg.queryBufferLimit) {
		e.log.Warn("closing a client that reached the query buffer limit", "client", c.addr)
		c.closing = true
		c.out = c.out[:0]
		c.front.abort()
	}
	c.touched()
}

// execute runs one command of c, or queues it in a transaction, and what follows
// from it: clients that it unblocks, invalidations, the append-only bytes.
func (e *Engine) execute(c *client, args [][]byte) {
	c.active = e.now
	c.failed = false
	mark := len(c.out)
	c.kept = c.kept[:0]
	if c.skipReply > 0 {
		c.skipReply--
	}
	e.dispatch(c, args)
	if !c.paused {
		e.afterCommand()
	}
	if c.noReply || c.skipReply > 0 {
		c.out = append(c.out[:mark], c.kept...)
	}
	e.checkOutput(c)
	if t := c.tracking; t != nil && t.caching && c.multi == nil && (c.last == nil || !strings.HasPrefix(c.last.fullName, "client|")) {
		t.caching = false
	}
}

// afterCommand does what waits for the end of a command or transaction.
func (e *Engine) afterCommand() {
	e.flushInvalidations()
	e.flushPropagation()
	if len(e.ready) > 0 {
		e.serveBlocked()
	}
}

func (e *Engine) dispatch(c *client, args [][]byte) {
	cmd := e.commands[string(foldName(args[0], &e.nameBuf))]
	if cmd != nil && cmd.subs != nil && len(args) > 1 {
		if sub := cmd.subs[string(foldName(args[1], &e.nameBuf))]; sub != nil {
			cmd = sub
		} else if cmd.do == nil || cmd.name == "command" {
			c.last = nil
			e.reject(c, cmd, fmt.Sprintf("ERR unknown subcommand '%.128s'. Try %s HELP.", args[1], strings.ToUpper(cmd.name)))
			return
		}
	}
	c.last = cmd
	if cmd == nil {
		var b strings.Builder
		name, _, _ := bytes.Cut(args[0], []byte{0})
		for _, a := range args[1:] {
			if b.Len() >= 128 {
				break
			}
			a, _, _ = bytes.Cut(a, []byte{0}) // as C's strings end
			fmt.Fprintf(&b, "'%.*s' ", 128-b.Len(), a)
		}
		e.reject(c, nil, fmt.Sprintf("ERR unknown command '%.128s', with args beginning with: %s", name, b.String()))
		return
	}
	if !cmd.arityOK(len(args)) || cmd.do == nil {
		e.reject(c, cmd, "ERR wrong number of arguments for '"+cmd.fullName+"' command")
		return
	}
	if !c.authed && cmd.flag&flagNoAuth == 0 {
		e.reject(c, cmd, "NOAUTH Authentication required.")
		return
	}
	if c.multi != nil && cmd.flag&flagNoMulti != 0 {
		e.reject(c, cmd, "ERR Command not allowed inside a transaction")
		return
	}
	if e.cfg.maxMemory > 0 && cmd.flag&flagDenyOOM != 0 && !c.internal && e.memoryUsed() > e.cfg.maxMemory {
		e.reject(c, cmd, errOOM)
		return
	}
	if c.multi != nil && e.cfg.maxMemory > 0 && cmd.name == "exec" && c.multi.flags&flagDenyOOM != 0 && e.memoryUsed() > e.cfg.maxMemory {
		e.reject(c, cmd, errOOM)
		return
	}
	if cmd.flag&flagWrite != 0 || cmd.name == "ping" && !c.internal {
		if reason := e.refuseWrites(cmd); reason != "" && !c.internal {
			e.reject(c, cmd, reason)
			return
		}
	}
	flags, size := cmd.flag, c.req.pos-c.req.start
	largest := size
	if c.multi != nil && cmd.name == "exec" {
		flags, size, largest = c.multi.flags, size+c.multi.bytes, max(size, c.multi.largest)
	}
	if flags&flagDenyOOM != 0 && !c.internal && !e.hasRoom(size, largest) {
		e.reject(c, cmd, errDiskFull)
		return
	}
	if c.resp < 3 && c.subscriptions() > 0 && !allowedWhileSubscribed(cmd) {
		e.reject(c, cmd, fmt.Sprintf("ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context", cmd.fullName))
		return
	}
	if e.loading && cmd.flag&flagLoading == 0 && !c.internal {
		e.reject(c, cmd, "LOADING Redis is loading the dataset in memory")
		return
	}
	if e.pausedFor(c, cmd) {
		e.postpone(c)
		return
	}
	if c.multi != nil {
		switch cmd.fullName {
		case "exec", "discard", "multi", "watch", "quit", "reset":
		default:
			c.multi.queue(cmd, args, size)
			c.simple("QUEUED")
			return
		}
	}
	e.call(c, cmd, args)
}

func allowedWhileSubscribed(cmd *command) bool {
	switch cmd.fullName {
	case "ping", "subscribe", "ssubscribe", "sunsubscribe", "psubscribe", "unsubscribe", "punsubscribe", "quit", "reset":
		return true
	}
	return false
}

// reject answers a command that is not executed; it spoils a transaction.
func (e *Engine) reject(c *client, cmd *command, text string) {
	if c.multi != nil {
		c.multi.broken = true
	}
	if cmd != nil {
		cmd.stats.rejected++
		if cmd.name == "exec" {
			e.discard(c)
			c.err("EXECABORT Transaction discarded because of: " + strings.TrimPrefix(text, "ERR "))
			return
		}
	}
	c.err(text)
}

// call executes a command that passed every check, and propagates it if it
// changed something.
func (e *Engine) call(c *client, cmd *command, args [][]byte) {
	dirty := e.dirty
	c.noPropagate = false
	wasFailed := c.failed
	c.failed = false
	var began time.Time
	timed := e.cfg.slowlogSlower >= 0
	if timed {
		began = time.Now()
	}
	depth := e.depth
	e.depth++
	cmd.do(e, c, args)
	e.depth = depth
	if e.dirty != dirty && !c.noPropagate {
		if e.depth == 0 && len(e.ops) == 0 && !c.req.inline {
			e.propagateRaw(c, args)
		} else {
			e.propagate(c.db.id, args...)
		}
	}
	c.noPropagate = false
	if len(e.monitors) > 0 && cmd.flag&(flagSkipMonitor|flagAdmin) == 0 && !c.internal {
		e.feedMonitors(c, args)
	}
	cmd.stats.calls++
	e.stats.commands++
	if c.failed {
		cmd.stats.failed++
	}
	if timed && c.block != nil {
		c.block.cmd, c.block.args = cmd, copyArgs(args) // noted when it is served
	} else if timed {
		e.noteDuration(c, cmd, args, time.Since(began))
	}
	if c.tracking != nil && cmd.flag&flagReadonly != 0 {
		e.rememberKeys(c, cmd, args)
	}
	c.failed = c.failed || wasFailed
}

// modified tells everybody who cares that the value at key changed: clients that
// watch it, clients that cache it. by is the client that did it, nil for the
// engine itself.
func (e *Engine) modified(by *client, db *database, key []byte) {
	if len(db.watched) > 0 {
		if l := db.watched[string(key)]; l != nil {
			l.each(func(c *client) { c.dirtyCAS = true })
		}
	}
	if e.trackers > 0 || len(e.tracked) > 0 { // what nobody tracks any more is forgotten too
		e.invalidate(by, key)
	}
}

// changed is what most writes end with: count the change, tell watchers and
// caches, publish the keyspace event.
func (c *client) changed(class notifyClass, event string, key []byte) {
	c.e.dirty++
	c.e.modified(c, c.db, key)
	c.e.notify(class, event, key, c.db.id)
}
