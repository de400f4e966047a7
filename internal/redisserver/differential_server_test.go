//go:build e2e

package redisserver

import "strconv"

// genServer makes commands about the server and the connection whose replies are no
// question of memory, sockets or the moment.
func genServer(g gen) []string {
	k := g.key("k")
	switch g.IntN(30) {
	case 0:
		return append([]string{"hello"}, g.maybe("2", "3", "4", "x", "1", "")...)
	case 1:
		cmd := []string{"hello", g.any("2", "3", "3")}
		for g.chance(2) {
			cmd = append(cmd, g.any("setname", "auth", "SETNAME", "foo", "name", "na me", "default", ""))
		}
		return cmd
	case 2:
		return append([]string{"client", g.any("id", "getname", "getredir", "info", "trackinginfo", "foo", "ID")}, g.maybe("x")...)
	case 3:
		return []string{"client", "setname", g.any("", "name", "another", "with space", "é", "\n")}
	case 4:
		return []string{"client", g.any("no-evict", "reply", "caching", "list", "pause", "unblock", "kill"), g.any("x", "", "maybe", "foo", "-1")}
	case 5:
		return []string{"client", g.any("unblock", "kill"), g.any("999999", "0", "-5", "x", "127.0.0.1:1"), g.any("timeout", "error", "foo")}
	case 6:
		return []string{"client", "kill", g.any("id", "type", "addr", "laddr", "user", "foo"),
			g.any("999999", "0", "x", "pubsub", "replica", "master", "foo", "127.0.0.1:1", "nobody")}
	case 7:
		return []string{"client", "list", g.any("id", "type", "foo"), g.any("999999", "x", "pubsub", "replica", "slave", "master", "foo")}
	case 8:
		cmd := []string{"client", "tracking", g.any("off", "x")} // on: TestDifferentialSessions
		for g.chance(2) {
			cmd = append(cmd, g.any("bcast", "optin", "optout", "noloop", "prefix", "a", "ab", "b", "redirect", "999999", "0"))
		}
		return cmd
	case 9:
		return []string{"client", "caching", g.any("yes", "no", "foo")}
	case 10:
		return []string{"select", g.any("0", "0", "1", "15", "16", "-1", "x", "")}
	case 11:
		return append([]string{g.any("ping", "PING")}, g.maybe("hello", "")...)
	case 12:
		return []string{"echo", g.value()}
	case 13:
		return append([]string{"auth"}, g.maybe("pass", "default", "nobody", "")...)
	case 14:
		return []string{g.any("reset", "foo", "lolwut2", "")}
	case 15:
		// One at a time: several come in the order of a hash table.
		return []string{"config", "get", g.any("maxmemory", "MAXMEMORY", "hash-max-listpack-e*", "hash-max-ziplist-value", "save", "appendonly", "appendfsync",
			"notify-keyspace-events", "timeout", "databases", "set-max-intset-entries", "list-compress-depth", "proto-max-bulk-len", "foo", "", "slowlog-max*", "requirepass", "maxmemory-policy",
			"stream-node-max-b*", "hll-sparse-max-bytes", "auto-aof-rewrite-p*", "client-query-buffer-limit", "maxclients", "tcp-keepalive", "lazyfree-lazy-user-del")}
	case 16, 17:
		name := g.any("hash-max-listpack-entries", "hash-max-ziplist-value", "zset-max-listpack-entries", "set-max-intset-entries", "list-max-listpack-size", "list-max-ziplist-size",
			"slowlog-log-slower-than", "slowlog-max-len", "timeout", "notify-keyspace-events", "hll-sparse-max-bytes", "stream-node-max-bytes", "stream-node-max-entries",
			"maxmemory-policy", "appendfsync", "proto-max-bulk-len", "auto-aof-rewrite-percentage", "auto-aof-rewrite-min-size", "latency-monitor-threshold", "tracking-table-max-keys",
			"client-query-buffer-limit", "lazyfree-lazy-user-del", "foo", "databases", "list-compress-depth")
		value := g.any("0", "1", "4", "512", "-1", "-2", "x", "1mb", "5k", "1gb", "-5", "yes", "no", "KEA", "Kgx", "AKE", "everysec", "always", "no", "noeviction", "1.5", "10%")
		// What is given as MEMORY is read by other rules; a log of everything would
		// differ by times.
		switch name {
		case "slowlog-log-slower-than":
			value = g.any("-1", "x", "")
		case "maxmemory-policy":
			value = "noeviction"
		case "proto-max-bulk-len":
			value = g.any("1mb", "512mb", "1048576", "x", "1024")
		case "client-query-buffer-limit":
			value = g.any("1gb", "2mb", "x", "1")
		case "timeout":
			value = g.any("0", "1000", "-1", "x", "")
		}
		return []string{"config", "set", name, value}
	case 18:
		return []string{"config", g.any("set", "get", "foo", "resetstat", "rewritten")}
	case 19:
		return []string{"slowlog", g.any("len", "reset", "get", "foo"), g.any("1", "-1", "x", "-2")}
	case 20:
		return append([]string{"slowlog", g.any("len", "reset", "get")}, g.maybe("0", "5", "-1")...)
	case 21:
		return []string{"command", "getkeys", g.any("get", "mset", "set", "foo", "ping", "zunionstore", "sort", "xread", "MGET", "lmpop"), g.any("a", "2", "0"), g.any("b", "streams", "store"), "c", "d"}
	case 22:
		return []string{"command", "info", g.any("get", "setnx", "hset", "GETRANGE", "xlen", "nothere", "config|get", "client|id", "config|foo", "zrange", "geoadd", "lmpop", "subscribe", "expire")}
	case 23:
		return []string{"command", g.any("getkeysandflags", "foo", "list"), g.any("get", "filterby", "x"), "pattern", g.any("nothing*", "hset", "XRANGE")}
	case 24:
		return []string{g.any("wait", "swapdb", "memory", "latency", "object", "dbsize", "lastsave"), g.any("0", "x", "foo"), g.any("1", "0", "y")}
	case 25:
		return []string{g.any("flushdb", "flushall"), g.any("sync", "async", "foo")}
	case 26:
		return []string{"set", k, g.value()}
	case 27:
		return []string{g.any("get", "del", "type", "exists"), k}
	case 28:
		return []string{g.any("multi", "exec", "exec", "discard", "unwatch")}
	default:
		return []string{g.any("watch", "touch"), k, "k" + strconv.Itoa(g.IntN(3))}
	}
}
