//go:build e2e

package redisserver

func genHash(g gen) []string {
	k := g.key("h")
	f := func() string {
		if g.chance(10) {
			return g.value()
		}
		return "f" + g.any("1", "2", "3", "4", "5", "6", "7", "8", "9") + g.any("", "0", "00")
	}
	switch g.IntN(20) {
	case 0, 1, 2, 3:
		cmd := []string{g.any("hset", "hset", "hmset"), k}
		for range 1 + g.IntN(4) {
			cmd = append(cmd, f(), g.value())
		}
		return cmd
	case 4:
		return []string{"hsetnx", k, f(), g.value()}
	case 5, 6:
		return []string{"hget", k, f()}
	case 7:
		return []string{"hmget", k, f(), f(), f()}
	case 8:
		return []string{"hdel", k, f(), f()}
	case 9:
		return []string{"hlen", k}
	case 10:
		return []string{g.any("hexists", "hstrlen"), k, f()}
	case 11:
		return []string{g.any("hgetall", "hkeys", "hvals"), k}
	case 12, 13:
		return []string{"hincrby", k, f(), g.int()}
	case 14, 15:
		return []string{"hincrbyfloat", k, f(), g.float()}
	case 16:
		if g.chance(2) {
			return []string{"hrandfield", k, g.any("0", "1", "5", "-3", "-10", "x", "100"), g.any("withvalues", "WITHVALUES", "foo")}
		}
		return []string{"hrandfield", k, g.any("0", "1", "5", "-3", "-10", "x", "100", "1.5")}
	case 17:
		return []string{"hrandfield", k}
	case 18:
		return []string{"hscan", k, g.any("0", "0", "0", "x", ""), "count", g.any("10000", "10000", "10000", "0", "x")}
	default:
		if g.chance(10) {
			return []string{"del", k}
		}
		return []string{"hdel", k, f()}
	}
}
