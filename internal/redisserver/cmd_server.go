package redisserver

import (
	"math"
	"slices"
	"strings"
)

func serverCommands() []command {
	return []command{
		{name: "acl", arity: -2, since: "6.0.0", sub: []command{
			{name: "cat", arity: -2, flags: "noscript loading stale", since: "6.0.0"},
			{name: "deluser", arity: -3, flags: "admin noscript loading stale", since: "6.0.0"},
			{name: "dryrun", arity: -4, flags: "admin noscript loading stale", since: "7.0.0"},
			{name: "genpass", arity: -2, flags: "noscript loading stale", since: "6.0.0"},
			{name: "getuser", arity: 3, flags: "admin noscript loading stale", since: "6.0.0"},
			{name: "help", arity: 2, flags: "loading stale", since: "6.0.0"},
			{name: "list", arity: 2, flags: "admin noscript loading stale", since: "6.0.0"},
			{name: "load", arity: 2, flags: "admin noscript loading stale", since: "6.0.0"},
			{name: "log", arity: -2, flags: "admin noscript loading stale", since: "6.0.0"},
			{name: "save", arity: 2, flags: "admin noscript loading stale", since: "6.0.0"},
			{name: "setuser", arity: -3, flags: "admin noscript loading stale", since: "6.0.0"},
			{name: "users", arity: 2, flags: "admin noscript loading stale", since: "6.0.0"},
			{name: "whoami", arity: 2, flags: "noscript loading stale", since: "6.0.0"},
		}},
		{name: "bgrewriteaof", arity: 1, flags: "admin noscript no_async_loading", since: "1.0.0"},
		{name: "bgsave", arity: -1, flags: "admin noscript no_async_loading", since: "1.0.0"},
		{name: "command", arity: -1, flags: "loading stale", cats: "connection", tips: "nondeterministic_output_order", since: "2.8.13", sub: []command{
			{name: "count", arity: 2, flags: "loading stale", cats: "connection", since: "2.8.13"},
			{name: "docs", arity: -2, flags: "loading stale", cats: "connection", tips: "nondeterministic_output_order", since: "7.0.0"},
			{name: "getkeys", arity: -4, flags: "loading stale", cats: "connection", since: "2.8.13"},
			{name: "getkeysandflags", arity: -4, flags: "loading stale", cats: "connection", since: "7.0.0"},
			{name: "help", arity: 2, flags: "loading stale", cats: "connection", since: "5.0.0"},
			{name: "info", arity: -2, flags: "loading stale", cats: "connection", tips: "nondeterministic_output_order", since: "2.8.13"},
			{name: "list", arity: -2, flags: "loading stale", cats: "connection", tips: "nondeterministic_output_order", since: "7.0.0"},
		}},
		{name: "config", arity: -2, since: "2.0.0", sub: []command{
			{name: "get", arity: -3, flags: "admin noscript loading stale", since: "2.0.0", do: cmdConfigGet},
			{name: "help", arity: 2, flags: "loading stale", since: "5.0.0"},
			{name: "resetstat", arity: 2, flags: "admin noscript loading stale", since: "2.0.0"},
			{name: "rewrite", arity: 2, flags: "admin noscript loading stale", since: "2.8.0"},
			{name: "set", arity: -4, flags: "admin noscript loading stale", tips: "request_policy:all_nodes; response_policy:all_succeeded", since: "2.0.0", do: cmdConfigSet},
		}},
		{name: "dbsize", arity: 1, flags: "readonly fast", cats: "keyspace", tips: "request_policy:all_shards; response_policy:agg_sum", since: "1.0.0", do: cmdDbsize},
		{name: "debug", arity: -2, flags: "admin noscript loading stale", since: "1.0.0"},
		{name: "failover", arity: -1, flags: "admin noscript stale", since: "6.2.0"},
		{name: "flushall", arity: -1, flags: "write", cats: "keyspace dangerous", tips: "request_policy:all_shards; response_policy:all_succeeded", since: "1.0.0", do: cmdFlushall},
		{name: "flushdb", arity: -1, flags: "write", cats: "keyspace dangerous", tips: "request_policy:all_shards; response_policy:all_succeeded", since: "1.0.0", do: cmdFlushdb},
		{name: "info", arity: -1, flags: "loading stale", cats: "dangerous", tips: "nondeterministic_output; request_policy:all_shards; response_policy:special", since: "1.0.0"},
		{name: "lastsave", arity: 1, flags: "loading stale fast", cats: "admin dangerous", tips: "nondeterministic_output", since: "1.0.0"},
		{name: "latency", arity: -2, since: "2.8.13", sub: []command{
			{name: "doctor", arity: 2, flags: "admin noscript loading stale", tips: "nondeterministic_output; request_policy:all_nodes; response_policy:special", since: "2.8.13"},
			{name: "graph", arity: 3, flags: "admin noscript loading stale", tips: "nondeterministic_output; request_policy:all_nodes; response_policy:special", since: "2.8.13"},
			{name: "help", arity: 2, flags: "loading stale", since: "2.8.13"},
			{name: "histogram", arity: -2, flags: "admin noscript loading stale", tips: "nondeterministic_output; request_policy:all_nodes; response_policy:special", since: "7.0.0"},
			{name: "history", arity: 3, flags: "admin noscript loading stale", tips: "nondeterministic_output; request_policy:all_nodes; response_policy:special", since: "2.8.13"},
			{name: "latest", arity: 2, flags: "admin noscript loading stale", tips: "nondeterministic_output; request_policy:all_nodes; response_policy:special", since: "2.8.13"},
			{name: "reset", arity: -2, flags: "admin noscript loading stale", tips: "request_policy:all_nodes; response_policy:all_succeeded", since: "2.8.13"},
		}},
		{name: "lolwut", arity: -1, flags: "readonly fast", since: "5.0.0"},
		{name: "memory", arity: -2, since: "4.0.0", sub: []command{
			{name: "doctor", arity: 2, tips: "nondeterministic_output; request_policy:all_shards; response_policy:special", since: "4.0.0"},
			{name: "help", arity: 2, flags: "loading stale", since: "4.0.0"},
			{name: "malloc-stats", arity: 2, tips: "nondeterministic_output; request_policy:all_shards; response_policy:special", since: "4.0.0"},
			{name: "purge", arity: 2, tips: "request_policy:all_shards; response_policy:all_succeeded", since: "4.0.0"},
			{name: "stats", arity: 2, tips: "nondeterministic_output; request_policy:all_shards; response_policy:special", since: "4.0.0"},
			{name: "usage", arity: -3, flags: "readonly", keys: "2 2 1", spec: "RO", since: "4.0.0"},
		}},
		{name: "module", arity: -2, since: "4.0.0", sub: []command{
			{name: "help", arity: 2, flags: "loading stale", since: "5.0.0"},
			{name: "list", arity: 2, flags: "admin noscript", tips: "nondeterministic_output_order", since: "4.0.0"},
			{name: "load", arity: -3, flags: "admin noscript no_async_loading", since: "4.0.0"},
			{name: "loadex", arity: -3, flags: "admin noscript no_async_loading", since: "7.0.0"},
			{name: "unload", arity: 3, flags: "admin noscript no_async_loading", since: "4.0.0"},
		}},
		{name: "monitor", arity: 1, flags: "admin noscript loading stale", since: "1.0.0"},
		{name: "psync", arity: -3, flags: "admin noscript no_async_loading no_multi", since: "2.8.0"},
		{name: "replconf", arity: -1, flags: "admin noscript loading stale allow_busy", since: "3.0.0"},
		{name: "replicaof", arity: 3, flags: "admin noscript stale no_async_loading", since: "5.0.0"},
		{name: "restore-asking", arity: -4, flags: "write denyoom asking", keys: "1 1 1", spec: "OW update", cats: "keyspace dangerous", since: "3.0.0"},
		{name: "role", arity: 1, flags: "noscript loading stale fast", cats: "admin dangerous", since: "2.8.12"},
		{name: "save", arity: 1, flags: "admin noscript no_async_loading no_multi", since: "1.0.0"},
		{name: "shutdown", arity: -1, flags: "admin noscript loading stale no_multi allow_busy", since: "1.0.0"},
		{name: "slaveof", arity: 3, flags: "admin noscript stale no_async_loading", since: "1.0.0"},
		{name: "slowlog", arity: -2, since: "2.2.12", sub: []command{
			{name: "get", arity: -2, flags: "admin loading stale", tips: "request_policy:all_nodes; nondeterministic_output", since: "2.2.12"},
			{name: "help", arity: 2, flags: "loading stale", since: "6.2.0"},
			{name: "len", arity: 2, flags: "admin loading stale", tips: "request_policy:all_nodes; response_policy:agg_sum; nondeterministic_output", since: "2.2.12"},
			{name: "reset", arity: 2, flags: "admin loading stale", tips: "request_policy:all_nodes; response_policy:all_succeeded", since: "2.2.12"},
		}},
		{name: "swapdb", arity: 3, flags: "write fast", cats: "keyspace dangerous", since: "4.0.0", do: cmdSwapdb},
		{name: "sync", arity: 1, flags: "admin noscript no_async_loading no_multi", since: "1.0.0"},
		{name: "time", arity: 1, flags: "loading stale fast", tips: "nondeterministic_output", since: "2.6.0"},
	}
}

func cmdDbsize(e *Engine, c *client, args [][]byte) { c.int(int64(c.db.keys.count)) }

func cmdFlushall(e *Engine, c *client, args [][]byte) { e.flush(c, args, e.dbs) }
func cmdFlushdb(e *Engine, c *client, args [][]byte)  { e.flush(c, args, []*database{c.db}) }

func (e *Engine) flush(c *client, args [][]byte, dbs []*database) {
	if len(args) > 2 || len(args) == 2 && !is(args[1], "sync") && !is(args[1], "async") {
		c.err(errSyntax)
		return
	}
	for _, db := range dbs {
		e.touchAllWatched(db, nil)
	}
	e.invalidateAll()
	for _, db := range dbs {
		e.dirty += int64(db.clear())
	}
	e.arena.trim()
	e.dirty++
	c.ok()
}

func cmdConfigGet(e *Engine, c *client, args [][]byte) {
	p, n := c.deferred(), 0
	var names []string
	for _, def := range params() {
		for _, name := range []string{def.name, def.alias} {
			if name == "" || slices.Contains(names, name) {
				continue
			}
			for _, a := range args[2:] {
				if matchGlob([]byte(strings.ToLower(string(a))), []byte(name), true) {
					names = append(names, name)
					c.bulkString(name)
					c.bulkString(def.get(&e.cfg))
					n++
					break
				}
			}
		}
	}
	c.fillMapping(p, n)
}

func cmdConfigSet(e *Engine, c *client, args [][]byte) {
	if len(args)%2 == 1 {
		c.err("ERR wrong number of arguments for 'config|set' command")
		return
	}
	cfg := e.cfg
	table := params()
	var seen []*param
	for i := 2; i < len(args); i += 2 {
		name := string(args[i])
		def := findParam(table, name)
		if def == nil {
			c.err("ERR Unknown option or number of arguments for CONFIG SET - '" + name + "'")
			return
		}
		fail := func(why string) {
			c.err("ERR CONFIG SET failed (possibly related to argument '" + name + "') - " + why)
		}
		if def.immutable {
			fail("can't set immutable config")
			return
		}
		if slices.Contains(seen, def) {
			fail("duplicate parameter")
			return
		}
		seen = append(seen, def)
		if err := def.set(&cfg, string(args[i+1])); err != nil {
			fail(err.Error())
			return
		}
	}
	if err := e.applyConfig(cfg); err != nil {
		c.err("ERR CONFIG SET failed - " + err.Error())
		return
	}
	c.ok()
}

// applyConfig puts a changed configuration in force.
func (e *Engine) applyConfig(cfg config) error {
	e.cfg = cfg
	e.trimSlowlog()
	return nil
}

func cmdSwapdb(e *Engine, c *client, args [][]byte) {
	index := func(arg []byte, which string) (int64, bool) {
		n, ok := parseInt(arg)
		if !ok || n < math.MinInt32 || n > math.MaxInt32 {
			c.err("ERR invalid " + which + " DB index")
			return 0, false
		}
		return n, true
	}
	i, ok := index(args[1], "first")
	if !ok {
		return
	}
	j, ok := index(args[2], "second")
	if !ok {
		return
	}
	if i < 0 || j < 0 || i >= int64(len(e.dbs)) || j >= int64(len(e.dbs)) {
		c.err("ERR DB index is out of range")
		return
	}
	if i != j {
		a, b := e.dbs[i], e.dbs[j]
		e.touchAllWatched(a, b)
		e.touchAllWatched(b, a)
		a.keys, b.keys = b.keys, a.keys
		a.expiring, b.expiring = b.expiring, a.expiring
		a.signalBlocked()
		b.signalBlocked()
		e.invalidateAll()
	}
	e.dirty++
	c.ok()
}
