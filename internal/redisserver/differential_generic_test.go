//go:build e2e

package redisserver

import "strconv"

// genGeneric makes commands on keys of any type, in two databases. Keys that begin
// with k expire after a while, those with a at a moment.
func genGeneric(g gen) []string {
	prefix := g.any("k", "k", "a")
	k := prefix + g.any("1", "2", "3", "4", "5")
	k2 := prefix + g.any("1", "2", "3", "4", "5")
	after := prefix == "k"
	switch g.IntN(26) {
	case 0:
		return []string{"set", k, g.value()}
	case 1:
		return []string{"hset", k, g.value(), g.value()}
	case 2, 3:
		at := g.any("100000", "10000000", "4000000000", "4000000000000", "0", "-1", "x", "9223372036854775807", "-9223372036854775808", "9223372036854775")
		if after {
			cmd := []string{g.any("expire", "pexpire"), k, at}
			for g.chance(2) {
				cmd = append(cmd, g.any("nx", "xx", "foo"))
			}
			return cmd
		}
		cmd := []string{g.any("expireat", "pexpireat"), k, g.any(at, strconv.Itoa(4000000000+g.IntN(10)), strconv.Itoa(4000000000000+g.IntN(10)))}
		for g.chance(2) {
			cmd = append(cmd, g.any("nx", "xx", "gt", "lt", "GT", "foo"))
		}
		return cmd
	case 4:
		if !after {
			return []string{g.any("expiretime", "pexpiretime"), k}
		}
		return []string{g.any("ttl", "pttl"), k}
	case 5:
		return []string{g.any("persist", "type"), k}
	case 6:
		return []string{g.any("del", "unlink", "exists", "touch"), k, k2}
	case 7:
		return []string{g.any("rename", "renamenx"), k, k2}
	case 8:
		return []string{"move", k, g.any("0", "1", "1", "16", "-1", "x")}
	case 9:
		cmd := []string{"copy", k, k2}
		for g.chance(2) {
			cmd = append(cmd, g.any("replace", "db", "1", "0", "x", "99"))
		}
		return cmd
	case 10:
		return []string{"keys", g.any("*", "k*", "k[1-3]", "k?", "[^k]*", "k\\1", "k[3-1]", "", "**1", "k[", "k[\\1]", "a*")}
	case 11:
		return []string{"scan", "0", "count", "10000", "match", g.any("*", "k[12]", "x*", "a[^12]")}
	case 12:
		return []string{"scan", "0", "count", "10000", "type", g.any("string", "hash", "STRING", "zset", "foo")}
	case 13:
		return []string{"dbsize"}
	case 14:
		return []string{"object", g.any("encoding", "freq", "foo"), k}
	case 15:
		return []string{"select", g.any("0", "0", "1", "16", "x", "-1")}
	case 16:
		return []string{g.any("multi", "exec", "discard", "unwatch")}
	case 17:
		return []string{"watch", k}
	case 18:
		return []string{"echo", g.value()}
	case 19:
		return []string{"ping"}
	case 20:
		return []string{"object", g.any("idletime", "IDLETIME"), "nothing"}
	case 21:
		return []string{"append", k, "a"}
	case 22:
		return []string{"swapdb", g.any("0", "1", "x", "99"), g.any("0", "1", "y")}
	case 23:
		if g.chance(8) {
			return []string{g.any("flushdb", "flushall"), g.any("sync", "async", "foo")}
		}
		return []string{"exec"}
	case 24:
		ttl := g.any("0", "100000", "-1", "x")
		if !after {
			ttl = "0"
		}
		return []string{"restore", k, ttl, "\x00\x03abc\x0a\x00\x7f\xf5\xac\xf2\xed\x14\xc7\x2b", g.any("replace", "absttl", "idletime", "REPLACE")}
	default:
		if !after {
			return []string{"set", k, g.value(), "pxat", "4000000000001"}
		}
		return []string{"set", k, g.value(), "px", "100000"}
	}
}
