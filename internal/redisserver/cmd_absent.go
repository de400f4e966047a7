package redisserver

import (
	"strings"
)

// absentCommands are the commands of Redis that this engine does not have. They are
// in the table so that the error names what is missing rather than a typing error;
// the few that clients send without wanting anything are answered.
func absentCommands() []command {
	return []command{
		{name: "acl", arity: -2, since: "6.0.0", sub: []command{
			{name: "cat", arity: -2, flags: "noscript loading stale", since: "6.0.0", do: cmdACLCat},
			{name: "deluser", arity: -3, flags: "admin noscript loading stale", since: "6.0.0", do: absent("access control lists beyond one user")},
			{name: "dryrun", arity: -4, flags: "admin noscript loading stale", since: "7.0.0", do: absent("access control lists beyond one user")},
			{name: "genpass", arity: -2, flags: "noscript loading stale", since: "6.0.0", do: absent("access control lists beyond one user")},
			{name: "getuser", arity: 3, flags: "admin noscript loading stale", since: "6.0.0", do: absent("access control lists beyond one user")},
			{name: "help", arity: 2, flags: "loading stale", since: "6.0.0", do: absent("access control lists beyond one user")},
			{name: "list", arity: 2, flags: "admin noscript loading stale", since: "6.0.0", do: cmdACLList},
			{name: "load", arity: 2, flags: "admin noscript loading stale", since: "6.0.0", do: absent("access control lists beyond one user")},
			{name: "log", arity: -2, flags: "admin noscript loading stale", since: "6.0.0", do: absent("access control lists beyond one user")},
			{name: "save", arity: 2, flags: "admin noscript loading stale", since: "6.0.0", do: absent("access control lists beyond one user")},
			{name: "setuser", arity: -3, flags: "admin noscript loading stale", since: "6.0.0", do: absent("access control lists beyond one user")},
			{name: "users", arity: 2, flags: "admin noscript loading stale", since: "6.0.0", do: cmdACLUsers},
			{name: "whoami", arity: 2, flags: "noscript loading stale", since: "6.0.0", do: cmdACLWhoami},
		}},
		{name: "module", arity: -2, since: "4.0.0", sub: []command{
			{name: "help", arity: 2, flags: "loading stale", since: "5.0.0", do: absent("modules")},
			{name: "list", arity: 2, flags: "admin noscript", tips: "nondeterministic_output_order", since: "4.0.0", do: cmdModuleList},
			{name: "load", arity: -3, flags: "admin noscript no_async_loading", since: "4.0.0", do: absent("modules")},
			{name: "loadex", arity: -3, flags: "admin noscript no_async_loading", since: "7.0.0", do: absent("modules")},
			{name: "unload", arity: 3, flags: "admin noscript no_async_loading", since: "4.0.0", do: absent("modules")},
		}},
		{name: "failover", arity: -1, flags: "admin noscript stale", since: "6.2.0", do: absent("replication")},
		{name: "psync", arity: -3, flags: "admin noscript no_async_loading no_multi", since: "2.8.0", do: absent("replication")},
		{name: "replconf", arity: -1, flags: "admin noscript loading stale allow_busy", since: "3.0.0", do: absent("replication")},
		{name: "replicaof", arity: 3, flags: "admin noscript stale no_async_loading", since: "5.0.0", do: absent("replication")},
		{name: "slaveof", arity: 3, flags: "admin noscript stale no_async_loading", since: "1.0.0", do: absent("replication")},
		{name: "sync", arity: 1, flags: "admin noscript no_async_loading no_multi", since: "1.0.0", do: absent("replication")},
		{name: "restore-asking", arity: -4, flags: "write denyoom asking", keys: "1 1 1", spec: "OW update", cats: "keyspace dangerous", since: "3.0.0", do: absent("cluster mode")},
		{name: "eval", arity: -3, flags: "noscript stale skip_monitor no_mandatory_keys movablekeys", keys: "0 0 0", spec: "RW access update | index 2 | keynum 0 1 1", cats: "scripting", since: "2.6.0", do: absent("scripts")},
		{name: "eval_ro", arity: -3, flags: "readonly noscript stale skip_monitor no_mandatory_keys movablekeys", keys: "0 0 0", spec: "RO access | index 2 | keynum 0 1 1", cats: "scripting", since: "7.0.0", do: absent("scripts")},
		{name: "evalsha", arity: -3, flags: "noscript stale skip_monitor no_mandatory_keys movablekeys", keys: "0 0 0", spec: "RW access update | index 2 | keynum 0 1 1", cats: "scripting", since: "2.6.0", do: absent("scripts")},
		{name: "evalsha_ro", arity: -3, flags: "readonly noscript stale skip_monitor no_mandatory_keys movablekeys", keys: "0 0 0", spec: "RO access | index 2 | keynum 0 1 1", cats: "scripting", since: "7.0.0", do: absent("scripts")},
		{name: "fcall", arity: -3, flags: "noscript stale skip_monitor no_mandatory_keys movablekeys", keys: "0 0 0", spec: "RW access update | index 2 | keynum 0 1 1", cats: "scripting", since: "7.0.0", do: absent("functions")},
		{name: "fcall_ro", arity: -3, flags: "readonly noscript stale skip_monitor no_mandatory_keys movablekeys", keys: "0 0 0", spec: "RO access | index 2 | keynum 0 1 1", cats: "scripting", since: "7.0.0", do: absent("functions")},
		{name: "function", arity: -2, since: "7.0.0", sub: []command{
			{name: "delete", arity: 3, flags: "write noscript", cats: "scripting", tips: "request_policy:all_shards; response_policy:all_succeeded", since: "7.0.0", do: absent("functions")},
			{name: "dump", arity: 2, flags: "noscript", cats: "scripting", since: "7.0.0", do: absent("functions")},
			{name: "flush", arity: -2, flags: "write noscript", cats: "scripting", tips: "request_policy:all_shards; response_policy:all_succeeded", since: "7.0.0", do: cmdFunctionFlush},
			{name: "help", arity: 2, flags: "loading stale", cats: "scripting", since: "7.0.0", do: absent("functions")},
			{name: "kill", arity: 2, flags: "noscript allow_busy", cats: "scripting", tips: "request_policy:all_shards; response_policy:one_succeeded", since: "7.0.0", do: absent("functions")},
			{name: "list", arity: -2, flags: "noscript", cats: "scripting", tips: "nondeterministic_output_order", since: "7.0.0", do: cmdFunctionList},
			{name: "load", arity: -3, flags: "write denyoom noscript", cats: "scripting", tips: "request_policy:all_shards; response_policy:all_succeeded", since: "7.0.0", do: absent("functions")},
			{name: "restore", arity: -3, flags: "write denyoom noscript", cats: "scripting", tips: "request_policy:all_shards; response_policy:all_succeeded", since: "7.0.0", do: absent("functions")},
			{name: "stats", arity: 2, flags: "noscript allow_busy", cats: "scripting", tips: "nondeterministic_output; request_policy:all_shards; response_policy:special", since: "7.0.0", do: absent("functions")},
		}},
		{name: "script", arity: -2, since: "2.6.0", sub: []command{
			{name: "debug", arity: 3, flags: "noscript", cats: "scripting", since: "3.2.0", do: absent("scripts")},
			{name: "exists", arity: -3, flags: "noscript", cats: "scripting", tips: "request_policy:all_shards; response_policy:agg_logical_and", since: "2.6.0", do: cmdScriptExists},
			{name: "flush", arity: -2, flags: "noscript", cats: "scripting", tips: "request_policy:all_nodes; response_policy:all_succeeded", since: "2.6.0", do: cmdScriptFlush},
			{name: "help", arity: 2, flags: "loading stale", cats: "scripting", since: "5.0.0", do: absent("scripts")},
			{name: "kill", arity: 2, flags: "noscript allow_busy", cats: "scripting", tips: "request_policy:all_shards; response_policy:one_succeeded", since: "2.6.0", do: absent("scripts")},
			{name: "load", arity: 3, flags: "noscript stale", cats: "scripting", tips: "request_policy:all_nodes; response_policy:all_succeeded", since: "2.6.0", do: absent("scripts")},
		}},
		{name: "asking", arity: 1, flags: "fast", cats: "connection", since: "3.0.0", do: absent("cluster mode")},
		{name: "cluster", arity: -2, since: "3.0.0", sub: []command{
			{name: "addslots", arity: -3, flags: "admin stale no_async_loading", since: "3.0.0", do: absent("cluster mode")},
			{name: "addslotsrange", arity: -4, flags: "admin stale no_async_loading", since: "7.0.0", do: absent("cluster mode")},
			{name: "bumpepoch", arity: 2, flags: "admin stale no_async_loading", tips: "nondeterministic_output", since: "3.0.0", do: absent("cluster mode")},
			{name: "count-failure-reports", arity: 3, flags: "admin stale", tips: "nondeterministic_output", since: "3.0.0", do: absent("cluster mode")},
			{name: "countkeysinslot", arity: 3, flags: "stale", since: "3.0.0", do: absent("cluster mode")},
			{name: "delslots", arity: -3, flags: "admin stale no_async_loading", since: "3.0.0", do: absent("cluster mode")},
			{name: "delslotsrange", arity: -4, flags: "admin stale no_async_loading", since: "7.0.0", do: absent("cluster mode")},
			{name: "failover", arity: -2, flags: "admin stale no_async_loading", since: "3.0.0", do: absent("cluster mode")},
			{name: "flushslots", arity: 2, flags: "admin stale no_async_loading", since: "3.0.0", do: absent("cluster mode")},
			{name: "forget", arity: 3, flags: "admin stale no_async_loading", since: "3.0.0", do: absent("cluster mode")},
			{name: "getkeysinslot", arity: 4, flags: "stale", tips: "nondeterministic_output", since: "3.0.0", do: absent("cluster mode")},
			{name: "help", arity: 2, flags: "loading stale", since: "5.0.0", do: absent("cluster mode")},
			{name: "info", arity: 2, flags: "stale", tips: "nondeterministic_output", since: "3.0.0", do: absent("cluster mode")},
			{name: "keyslot", arity: 3, flags: "stale", since: "3.0.0", do: absent("cluster mode")},
			{name: "links", arity: 2, flags: "stale", tips: "nondeterministic_output", since: "7.0.0", do: absent("cluster mode")},
			{name: "meet", arity: -4, flags: "admin stale no_async_loading", since: "3.0.0", do: absent("cluster mode")},
			{name: "myid", arity: 2, flags: "stale", since: "3.0.0", do: absent("cluster mode")},
			{name: "nodes", arity: 2, flags: "stale", tips: "nondeterministic_output", since: "3.0.0", do: absent("cluster mode")},
			{name: "replicas", arity: 3, flags: "admin stale", tips: "nondeterministic_output", since: "5.0.0", do: absent("cluster mode")},
			{name: "replicate", arity: 3, flags: "admin stale no_async_loading", since: "3.0.0", do: absent("cluster mode")},
			{name: "reset", arity: -2, flags: "admin noscript stale", since: "3.0.0", do: absent("cluster mode")},
			{name: "saveconfig", arity: 2, flags: "admin stale no_async_loading", since: "3.0.0", do: absent("cluster mode")},
			{name: "set-config-epoch", arity: 3, flags: "admin stale no_async_loading", since: "3.0.0", do: absent("cluster mode")},
			{name: "setslot", arity: -4, flags: "admin stale no_async_loading", since: "3.0.0", do: absent("cluster mode")},
			{name: "shards", arity: 2, flags: "stale", tips: "nondeterministic_output", since: "7.0.0", do: absent("cluster mode")},
			{name: "slaves", arity: 3, flags: "admin stale", tips: "nondeterministic_output", since: "3.0.0", do: absent("cluster mode")},
			{name: "slots", arity: 2, flags: "stale", tips: "nondeterministic_output", since: "3.0.0", do: absent("cluster mode")},
		}},
		{name: "readonly", arity: 1, flags: "loading stale fast", cats: "connection", since: "3.0.0", do: absent("cluster mode")},
		{name: "readwrite", arity: 1, flags: "loading stale fast", cats: "connection", since: "3.0.0", do: absent("cluster mode")},
	}
}

// absent refuses a command for the feature that it belongs to.
func absent(feature string) handler {
	return func(e *Engine, c *client, args [][]byte) {
		c.err("ERR this engine does not have " + feature + " (" + strings.ToUpper(string(args[0])) + ")")
	}
}

func cmdFunctionFlush(e *Engine, c *client, args [][]byte) { c.ok() }
func cmdFunctionList(e *Engine, c *client, args [][]byte)  { c.array(0) }
func cmdScriptFlush(e *Engine, c *client, args [][]byte)   { c.ok() }
func cmdScriptExists(e *Engine, c *client, args [][]byte) {
	c.array(len(args) - 2)
	for range args[2:] {
		c.int(0)
	}
}
func cmdModuleList(e *Engine, c *client, args [][]byte) { c.array(0) }

func cmdACLWhoami(e *Engine, c *client, args [][]byte) { c.bulkString("default") }
func cmdACLUsers(e *Engine, c *client, args [][]byte) {
	c.array(1)
	c.bulkString("default")
}
func cmdACLList(e *Engine, c *client, args [][]byte) {
	c.array(1)
	c.bulkString("user default on nopass ~* &* +@all")
}

func cmdACLCat(e *Engine, c *client, args [][]byte) {
	if len(args) == 2 {
		c.array(len(categoryOrder))
		for _, name := range categoryOrder {
			c.bulkString(name)
		}
		return
	}
	p, n := c.deferred(), 0
	e.eachCommand(func(cmd *command) {
		for _, cat := range cmd.categories {
			if cat[1:] == strings.ToLower(string(args[2])) {
				c.bulkString(cmd.fullName)
				n++
			}
		}
	})
	if n == 0 {
		c.err("ERR Unknown category '" + string(args[2]) + "'")
		return
	}
	c.fillArray(p, n)
}
