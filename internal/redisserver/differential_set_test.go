//go:build e2e

package redisserver

import (
	"strconv"
	"strings"
)

// oneMember is a set that the setup makes, for SPOP without chance.
var oneMember = []string{"sadd", "me", "member"}

func genSet(g gen) []string {
	k, k2, k3 := g.key("s"), g.key("s"), g.key("s")
	m := func() string {
		if g.chance(3) {
			return strconv.Itoa(g.IntN(20) - 5)
		}
		if g.chance(30) {
			return "u\x00v"
		}
		return sortable(strings.ReplaceAll(g.value(), "\x00", "\x01")) // SORT ALPHA ends at a NUL
	}
	switch g.IntN(24) {
	case 0, 1, 2:
		cmd := []string{"sadd", k}
		for range 1 + g.IntN(4) {
			cmd = append(cmd, m())
		}
		return cmd
	case 3, 4, 5: // numbers alone
		cmd := []string{g.any("sadd", "sadd", "srem"), k}
		for range 1 + g.IntN(4) {
			cmd = append(cmd, g.any("", "-")+strconv.FormatUint(1+g.Uint64()>>(1+g.IntN(62)), 10))
		}
		return cmd
	case 6, 7:
		return []string{"srem", k, m(), m()}
	case 8:
		return []string{"scard", k}
	case 9:
		return []string{"sismember", k, m()}
	case 10:
		return []string{"smismember", k, m(), m(), m()}
	case 11:
		return []string{"smembers", k}
	case 12, 13:
		return []string{"smove", k, k2, m()}
	case 14, 15:
		return []string{g.any("sinter", "sunion", "sdiff"), k, k2, k3}
	case 16, 17:
		return []string{g.any("sinterstore", "sunionstore", "sdiffstore"), k, k2, k3}
	case 18:
		return []string{"sintercard", g.any("1", "2", "2", "2", "3", "0", "x", "-1"), k, k2, g.any("limit", "LIMIT", "foo"), g.any("0", "1", "3", "-1", "x")}
	case 19:
		return []string{"srandmember", k, g.any("0", "1", "3", "-5", "1000", "x", "-9223372036854775808")}
	case 20:
		return []string{"sscan", k, g.any("0", "0", "0", "x"), g.any("count", "COUNT"), g.any("10000", "10000", "0", "x"), "match", g.any("*", "1*", "[a-f]*")}
	case 21:
		one := "one" + strconv.Itoa(g.IntN(3)) // has one member: nothing is left to chance
		switch g.IntN(4) {
		case 0:
			return []string{"spop", one, g.any("1000", "0", "x", "-1", "9223372036854775807", "1")}
		case 1:
			return []string{"spop", g.any("w5", "nothing", one)}
		case 2:
			return []string{"sinterstore", one, "me"}
		}
		return []string{"srandmember", k}
	case 22:
		switch g.IntN(3) {
		case 0:
			return []string{"pexpire", k, g.any("1000000", "0", "-1")}
		case 1:
			return []string{"copy", k, k2, "replace"}
		}
		return []string{"del", k}
	default:
		return genSort(g, k, "s")
	}
}
