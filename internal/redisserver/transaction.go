package redisserver

// transaction is what a client queued after MULTI.
type transaction struct {
	commands []queued
	flags    cmdFlag // of all of them
	broken   bool    // a command was refused: EXEC must fail
	bytes    int     // of all of them, and
	largest  int     // of one
}

type queued struct {
	cmd  *command
	args [][]byte
}

type watchedKey struct {
	db      *database
	key     string
	expired bool // it had expired already when it was watched
}

func (t *transaction) queue(cmd *command, args [][]byte, bytes int) {
	t.bytes, t.largest = t.bytes+bytes, max(t.largest, bytes)
	t.commands = append(t.commands, queued{cmd, copyArgs(args)})
	t.flags |= cmd.flag
}

// copyArgs copies arguments out of the input buffer, in one piece.
func copyArgs(args [][]byte) [][]byte {
	n := 0
	for _, a := range args {
		n += len(a)
	}
	all := make([]byte, 0, n)
	out := make([][]byte, len(args))
	for i, a := range args {
		at := len(all)
		all = append(all, a...)
		out[i] = all[at:len(all):len(all)]
	}
	return out
}

func transactionCommands() []command {
	return []command{
		{name: "discard", arity: 1, flags: "noscript loading stale fast allow_busy", cats: "transaction", since: "2.0.0", do: cmdDiscard},
		{name: "exec", arity: 1, flags: "noscript loading stale skip_slowlog", cats: "transaction", since: "1.2.0", do: cmdExec},
		{name: "multi", arity: 1, flags: "noscript loading stale fast allow_busy", cats: "transaction", since: "1.2.0", do: cmdMulti},
		{name: "unwatch", arity: 1, flags: "noscript loading stale fast allow_busy", cats: "transaction", since: "2.2.0", do: cmdUnwatch},
		{name: "watch", arity: -2, flags: "noscript loading stale fast allow_busy", keys: "1 -1 1", spec: "RO", cats: "transaction", since: "2.2.0", do: cmdWatch},
	}
}

func cmdMulti(e *Engine, c *client, args [][]byte) {
	if c.multi != nil {
		c.err("ERR MULTI calls can not be nested")
		return
	}
	c.multi = &transaction{}
	c.ok()
}

func cmdDiscard(e *Engine, c *client, args [][]byte) {
	if c.multi == nil {
		c.err("ERR DISCARD without MULTI")
		return
	}
	e.discard(c)
	c.ok()
}

// discard forgets the transaction and the watched keys.
func (e *Engine) discard(c *client) {
	c.multi = nil
	e.unwatchAll(c)
}

func cmdExec(e *Engine, c *client, args [][]byte) {
	if c.multi == nil {
		c.err("ERR EXEC without MULTI")
		return
	}
	t := c.multi
	if e.watchedExpired(c) {
		c.dirtyCAS = true
	}
	if t.broken || c.dirtyCAS {
		broken := t.broken
		e.discard(c)
		if broken {
			c.err("EXECABORT Transaction discarded because of previous errors.")
		} else {
			c.nullArray()
		}
		return
	}
	e.unwatchAll(c)
	c.multi = nil
	c.inExec = true
	c.array(len(t.commands))
	name := c.last
	for _, q := range t.commands {
		c.last = q.cmd
		e.call(c, q.cmd, q.args)
	}
	c.last = name
	c.inExec = false
	c.noPropagate = true
}

// watchedExpired says whether a watched key has expired since it was watched.
func (e *Engine) watchedExpired(c *client) bool {
	for _, w := range c.watching {
		if w.expired {
			continue
		}
		if en := w.db.peek([]byte(w.key)); en.exists() && en.expire() != 0 && en.expire() <= e.now {
			return true
		}
	}
	return false
}

func cmdWatch(e *Engine, c *client, args [][]byte) {
	if c.multi != nil {
		c.err("ERR WATCH inside MULTI is not allowed")
		return
	}
	if !c.dirtyCAS { // a transaction already doomed needs no more
		for _, k := range args[1:] {
			e.watch(c, k)
		}
	}
	c.ok()
}

func (e *Engine) watch(c *client, k []byte) {
	for _, w := range c.watching {
		if w.db == c.db && w.key == string(k) {
			return
		}
	}
	en := c.db.peek(k)
	expired := en.exists() && en.expire() != 0 && en.expire() <= e.now
	c.watching = append(c.watching, watchedKey{c.db, string(k), expired})
	l := c.db.watched[string(k)]
	if l == nil {
		l = newClientList()
		c.db.watched[string(k)] = l
	}
	l.push(c)
}

func cmdUnwatch(e *Engine, c *client, args [][]byte) {
	e.unwatchAll(c)
	c.ok()
}

func (e *Engine) unwatchAll(c *client) {
	for _, w := range c.watching {
		if l := w.db.watched[w.key]; l != nil {
			l.remove(c)
			if l.len() == 0 {
				delete(w.db.watched, w.key)
			}
		}
	}
	c.watching = nil
	c.dirtyCAS = false
}

// touchAllWatched dooms the transactions that watch a key of db which exists, or
// exists in other, before both are emptied or swapped.
func (e *Engine) touchAllWatched(db, other *database) {
	for k, l := range db.watched {
		key := []byte(k)
		a := db.peek(key)
		here := a.exists()
		if other != nil {
			b := other.peek(key)
			here = here || b.exists()
		}
		if here {
			l.each(func(c *client) { c.dirtyCAS = true })
		}
	}
}
