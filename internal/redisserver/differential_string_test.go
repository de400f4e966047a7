//go:build e2e

package redisserver

import "strconv"

// genString makes commands on strings. Keys that begin with s expire after a while,
// those with e at a moment.
func genString(g gen) []string {
	k := g.key("s")
	at := g.chance(4)
	if at {
		k = "e" + g.any("0", "1", "2")
	}
	switch g.IntN(22) {
	case 0, 1:
		cmd := []string{"set", k, g.value()}
		for g.chance(2) {
			option := g.IntN(8)
			if at && (option == 4 || option == 5) {
				option += 2
			}
			switch option {
			case 0:
				cmd = append(cmd, "nx")
			case 1:
				cmd = append(cmd, "xx")
			case 2:
				cmd = append(cmd, "GET")
			case 3:
				cmd = append(cmd, "keepttl")
			case 4:
				cmd = append(cmd, "ex", g.any("100", "1000", "0", "-1", "x", "9223372036854775807", "9223372036854770"))
			case 5:
				cmd = append(cmd, "px", g.any("100000", "1000000", "0", "9223372036854775807"))
			case 6:
				cmd = append(cmd, "exat", g.any("4000000000", "0", "-5"))
			case 7:
				cmd = append(cmd, "pxat", g.any("4000000000000", "4000000000499", "4000000000500", "x"))
			}
		}
		return cmd
	case 2:
		return []string{"get", k}
	case 3:
		return []string{g.any("getdel", "strlen", "incr", "decr"), k}
	case 4:
		cmd := []string{"getex", k}
		for g.chance(2) {
			word := g.any("persist", "ex", "px", "exat", "pxat", "100000", "4000000000", "x", "0")
			if at && (word == "ex" || word == "px") {
				word += "at"
			}
			cmd = append(cmd, word)
		}
		return cmd
	case 5:
		return []string{g.any("getset", "setnx", "append"), k, g.value()}
	case 6, 7:
		return []string{g.any("incrby", "decrby"), k, g.int()}
	case 8, 9:
		return []string{"incrbyfloat", k, g.float()}
	case 10:
		return []string{"setrange", k, strconv.Itoa(g.IntN(70) - 2), g.value()}
	case 11:
		return []string{g.any("getrange", "substr"), k, g.int(), g.int()}
	case 12:
		return []string{"mget", k, g.key("s"), g.key("s")}
	case 13:
		return []string{g.any("mset", "msetnx"), k, g.value(), g.key("s"), g.value()}
	case 14:
		return []string{g.any("setex", "psetex"), g.key("s"), g.any("100000", "1000000", "0", "-1", "x", "9223372036854775807"), g.value()}
	case 15:
		cmd := []string{"lcs", k, g.key("s")}
		for g.chance(2) {
			cmd = append(cmd, g.any("len", "idx", "withmatchlen", "minmatchlen", "2", "IDX"))
		}
		return cmd
	case 16:
		return []string{"object", "encoding", k}
	case 17:
		return []string{"object", "refcount", k}
	case 18:
		if at {
			return []string{g.any("expiretime", "pexpiretime"), k}
		}
		return []string{g.any("ttl", "pttl"), k}
	case 19:
		return []string{"append", k, g.value()}
	case 20:
		return []string{"del", k, g.key("s")}
	default:
		return []string{"set", k, g.value()}
	}
}
