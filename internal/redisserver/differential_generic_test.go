//go:build e2e

package redisserver

// genGeneric makes commands on keys of any type, in two databases.
func genGeneric(g gen) []string {
	k := "k" + g.any("1", "2", "3", "4", "5")
	k2 := "k" + g.any("1", "2", "3", "4", "5")
	switch g.IntN(26) {
	case 0:
		return []string{"set", k, g.value()}
	case 1:
		return []string{"hset", k, g.value(), g.value()}
	case 2, 3:
		cmd := []string{g.any("expire", "pexpire", "expireat", "pexpireat"), k,
			g.any("100", "10000000", "4000000000", "4000000000000", "0", "-1", "x", "9223372036854775807", "-9223372036854775808", "9223372036854775")}
		for g.chance(2) {
			cmd = append(cmd, g.any("nx", "xx", "gt", "lt", "GT", "foo"))
		}
		return cmd
	case 4:
		return []string{g.any("ttl", "pttl", "expiretime", "pexpiretime"), k}
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
		return []string{"keys", g.any("*", "k*", "k[1-3]", "k?", "[^k]*", "k\\1", "k[3-1]", "", "**1", "k[", "k[\\1]")}
	case 11:
		return []string{"scan", "0", "count", "10000", "match", g.any("*", "k[12]", "x*")}
	case 12:
		return []string{"scan", "0", "count", "10000", "type", g.any("string", "hash", "STRING", "zset", "foo")}
	case 13:
		return []string{"dbsize"}
	case 14:
		return []string{"object", g.any("encoding", "refcount", "freq", "idletime", "foo"), k}
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
		return []string{"randomkey"}
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
		return []string{"restore", k, g.any("0", "100000", "-1", "x"), "\x00\x03abc\x0a\x00\x7f\xf5\xac\xf2\xed\x14\xc7\x2b", g.any("replace", "absttl", "idletime", "REPLACE")}
	default:
		return []string{"set", k, g.value(), "px", "100000"}
	}
}
