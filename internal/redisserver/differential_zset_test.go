//go:build e2e

package redisserver

import (
	"strconv"
	"strings"
)

// score picks a score; in sets of few scores many members are equal.
func (g gen) score() string {
	switch g.IntN(14) {
	case 0:
		return g.float()
	case 1:
		return g.any("-0", "0", "0.0", "inf", "-inf", "+inf", "Infinity", "nan", "1e308", "-1.7976931348623157e308", "5e-324", "1e-400", "1e400",
			"4611686018427387904", "9007199254740993", "9223372036854775807", "1e17", "1e16", "123456789012345678", "0x1p-3", "0x1A", "0x", " 1", "1 ", "1_0", "1e", ".5", "5.", "+3", "--1", "\x00", "1\x00", "3.0")
	case 2:
		return strconv.FormatFloat(g.NormFloat64()*1e6, 'g', -1, 64)
	default:
		return strconv.Itoa(g.IntN(12) - 3)
	}
}

// scoreBound picks a bound of a range by score.
func (g gen) scoreBound() string {
	return g.any("", "", "", "(") + g.any("-inf", "+inf", "inf", "0", "1", "2", "5", "-2", "8", g.score(), g.score(), g.score(), "", " 3", "-0")
}

// lexBound picks a bound of a range by member.
func (g gen) lexBound() string {
	if g.chance(6) {
		return g.any("-", "+", "-", "+", "", "a", "(", "[", "+a", "[\x00", "(\xff\xff")
	}
	return g.any("[", "(") + g.member()
}

func (g gen) member() string {
	if g.chance(12) {
		return g.value()
	}
	return "m" + strconv.Itoa(g.IntN(30))
}

func (g gen) rank() string {
	if g.chance(20) {
		return g.int()
	}
	return strconv.Itoa(g.IntN(24) - 8)
}

func (g gen) maybe(words ...string) []string {
	if g.chance(3) {
		return []string{g.any(words...)}
	}
	return nil
}

func (g gen) limit() []string {
	if g.chance(2) {
		return nil
	}
	return []string{"limit", g.any("0", "1", "2", "5", "-1", "1000", g.int()), g.any("0", "1", "3", "10", "-1", "-5", g.int())}
}

// zsetKeys picks numkeys and keys, sometimes too few.
func (g gen) zsetKeys() []string {
	n := 1 + g.IntN(3)
	cmd := []string{strconv.Itoa(n)}
	if g.chance(40) {
		cmd[0] = g.any("0", "-1", "x", "100", "")
	}
	for range n {
		if g.chance(15) {
			cmd = append(cmd, "other:set")
		} else {
			cmd = append(cmd, g.key("z"))
		}
	}
	return cmd
}

func (g gen) combine(store bool, diff bool) []string {
	cmd := g.zsetKeys()
	n := len(cmd) - 1
	if !diff || g.chance(30) {
		if g.chance(3) {
			cmd = append(cmd, "weights")
			for range n {
				cmd = append(cmd, g.any("1", "2", "-1", "0", "0.5", "inf", "-inf", g.float()))
			}
		}
		if g.chance(3) {
			cmd = append(cmd, g.any("aggregate", "AGGREGATE"), g.any("sum", "min", "max", "MAX", "avg"))
		}
	}
	if !store || g.chance(40) {
		cmd = append(cmd, g.maybe("withscores", "WITHSCORES", "withscores", "x")...)
	}
	return cmd
}

func genZset(g gen) []string {
	k := g.key("z")
	with := func(cmd []string, more ...[]string) []string {
		for _, m := range more {
			cmd = append(cmd, m...)
		}
		return cmd
	}
	switch g.IntN(44) {
	case 0, 1, 2, 3, 4, 5:
		cmd := []string{"zadd", k}
		for range g.IntN(3) {
			if g.chance(2) {
				cmd = append(cmd, g.any("nx", "xx", "ch", "CH", "gt", "lt", "GT", "incr", "foo", "xx", "ch"))
			}
		}
		n := 1 + g.IntN(4)
		if g.chance(50) {
			n = 140
		}
		for range n {
			cmd = append(cmd, g.score(), g.member())
		}
		return cmd
	case 6, 7, 8:
		cmd := []string{"zadd", k}
		for range 1 + g.IntN(4) {
			cmd = append(cmd, strconv.Itoa(g.IntN(20)), g.member())
		}
		return cmd
	case 9, 10:
		return []string{"zincrby", k, g.score(), g.member()}
	case 11:
		return []string{"zrem", k, g.member(), g.member()}
	case 12:
		return []string{g.any("zscore", "zrank", "zrevrank"), k, g.member()}
	case 13:
		return []string{g.any("zrank", "zrevrank"), k, g.member()}
	case 14:
		return []string{"zmscore", k, g.member(), g.member(), g.member()}
	case 15:
		return []string{"zcard", k}
	case 16:
		return []string{"zcount", k, g.scoreBound(), g.scoreBound()}
	case 17, 18:
		return with([]string{g.any("zrange", "zrevrange", "zrange"), k, g.rank(), g.rank()}, g.maybe("withscores"), g.maybe("rev", "REV", "withscores"))
	case 19, 20:
		return with([]string{g.any("zrangebyscore", "zrevrangebyscore"), k, g.scoreBound(), g.scoreBound()}, g.maybe("withscores", "WITHSCORES", "rev"), g.limit())
	case 21, 22:
		return with([]string{"zrange", k, g.scoreBound(), g.scoreBound(), "byscore"}, g.maybe("rev"), g.maybe("withscores"), g.limit())
	case 23:
		return with([]string{"zrange", k, g.rank(), g.rank()}, g.maybe("bylex", "byscore"), g.maybe("rev"), g.maybe("withscores"), g.limit())
	case 24:
		return with([]string{"zrangestore", g.key("z"), k, g.rank(), g.rank()}, g.maybe("rev", "withscores"))
	case 25:
		return with([]string{"zrangestore", g.key("z"), k, g.scoreBound(), g.scoreBound(), "byscore"}, g.maybe("rev"), g.limit())
	case 26:
		return []string{"zremrangebyrank", k, g.rank(), strconv.Itoa(g.IntN(6) - 2)}
	case 27:
		if g.chance(2) {
			return []string{"zremrangebyscore", k, g.scoreBound(), g.scoreBound()}
		}
		return []string{"zremrangebyscore", k, "(" + g.score(), "3"}
	case 28:
		return with([]string{g.any("zpopmin", "zpopmax"), k}, g.maybe("0", "1", "2", "3", "-1", "x", "100"))
	case 29:
		return append(append([]string{"zmpop"}, g.zsetKeys()...), with([]string{g.any("min", "max", "MAX", "foo")}, g.maybe("count"), g.maybe("1", "2", "0", "x", "-3", "10"))...)
	case 30:
		// Who blocks does so for a moment.
		return append(append([]string{"bzmpop", g.any("0.001", "0.002", "x", "-1", "inf", "", "1e400")}, g.zsetKeys()...), with([]string{g.any("min", "max", "MAX", "foo")}, g.maybe("count"), g.maybe("1", "2", "0", "x", "-3", "10"))...)
	case 31, 32:
		return append([]string{"zunionstore", g.key("z")}, g.combine(true, false)...)
	case 33, 34:
		return append([]string{"zinterstore", g.key("z")}, g.combine(true, false)...)
	case 35:
		return append([]string{"zdiffstore", g.key("z")}, g.combine(true, true)...)
	case 36:
		return append([]string{g.any("zunion", "zinter")}, g.combine(false, false)...)
	case 37:
		return append([]string{"zdiff"}, g.combine(false, true)...)
	case 38:
		return with(append([]string{"zintercard"}, g.zsetKeys()...), g.maybe("limit"), g.maybe("0", "1", "3", "-1", "x"))
	case 39:
		return with([]string{"zrandmember", k}, g.maybe("0", "1", "5", "-3", "100", "x", "-9223372036854775808"), g.maybe("withscores", "foo"))
	case 40:
		return []string{"zscan", k, g.any("0", "0", "0", "x"), "count", g.any("10000", "10000", "0", "x")}
	case 41:
		if g.chance(3) {
			return []string{g.any("del", "persist", "object"), k, "x"}
		}
		return []string{"object", "encoding", k}
	case 42:
		return []string{g.any("expire", "type", "copy"), k, g.any("z0", "z1", "100000")}
	default:
		if g.chance(3) {
			return []string{"del", k}
		}
		return []string{"zadd", k, g.score(), g.member()}
	}
}

// genZsetLarge makes sets of hundreds of members, which split and join nodes.
func genZsetLarge(g gen) []string {
	k := g.key("z")
	member := func() string { return strconv.Itoa(g.IntN(3000)) }
	score := func() string { return strconv.Itoa(g.IntN(g.any2(5, 2000, 1000000))) }
	switch g.IntN(24) {
	case 0, 1, 2, 3, 4, 5, 6, 7:
		cmd := []string{"zadd", k}
		for range 1 + g.IntN(60) {
			cmd = append(cmd, score(), member())
		}
		return cmd
	case 8:
		return []string{"zincrby", k, g.any("1", "-1", "1000", "0.25"), member()}
	case 9:
		cmd := []string{"zrem", k}
		for range 1 + g.IntN(40) {
			cmd = append(cmd, member())
		}
		return cmd
	case 10, 11:
		return []string{g.any("zrank", "zrevrank", "zscore"), k, member()}
	case 12:
		return []string{"zcount", k, score(), score()}
	case 13:
		return []string{"zrange", k, strconv.Itoa(g.IntN(2000)), strconv.Itoa(g.IntN(2000)), "withscores"}
	case 14:
		return []string{"zrevrange", k, strconv.Itoa(g.IntN(2000)), "-1"}
	case 15, 16:
		return []string{g.any("zrangebyscore", "zrevrangebyscore"), k, score(), score(), "withscores", "limit", strconv.Itoa(g.IntN(50)), strconv.Itoa(g.IntN(100) - 10)}
	case 17:
		from := g.IntN(2000)
		return []string{"zremrangebyrank", k, strconv.Itoa(from), strconv.Itoa(from + g.IntN(300))}
	case 18:
		from := g.IntN(2000)
		return []string{"zremrangebyscore", k, strconv.Itoa(from), strconv.Itoa(from + g.IntN(100))}
	case 19:
		return []string{g.any("zpopmin", "zpopmax"), k, strconv.Itoa(g.IntN(100))}
	case 20:
		return []string{g.any("zunionstore", "zinterstore", "zdiffstore"), g.key("z"), "2", g.key("z"), g.key("z")}
	case 21:
		return []string{"zrangestore", g.key("z"), k, "0", strconv.Itoa(g.IntN(2000) - 100)}
	case 22:
		return []string{"zintercard", "2", g.key("z"), g.key("z"), "limit", strconv.Itoa(g.IntN(100))}
	default:
		if g.chance(20) {
			return []string{"del", k}
		}
		return []string{"zcard", k}
	}
}

// genZsetLex makes sets whose scores are equal: only there ranges by member mean
// something.
func genZsetLex(g gen) []string {
	k := "z" + strconv.Itoa(g.IntN(6))
	if g.chance(40) {
		k = "other:string"
	}
	bound := g.lexBound
	switch g.IntN(20) {
	case 0, 1, 2, 3, 4, 5:
		cmd := []string{"zadd", k}
		for range 1 + g.IntN(5) {
			cmd = append(cmd, "0", g.any(g.member(), g.member(), strings.Repeat(g.any("a", "b", "\x00", "\xff"), g.IntN(4))))
		}
		return cmd
	case 6, 7:
		return append([]string{g.any("zrangebylex", "zrevrangebylex"), k, bound(), bound()}, g.limit()...)
	case 8, 9:
		return append(append([]string{"zrange", k, bound(), bound(), "bylex"}, g.maybe("rev")...), g.limit()...)
	case 10, 11:
		return []string{"zlexcount", k, bound(), bound()}
	case 12:
		return []string{"zremrangebylex", k, bound(), bound()}
	case 13:
		return append(append([]string{"zrangestore", g.any("z1", "z2", "z3"), k, bound(), bound(), "bylex"}, g.maybe("rev")...), g.limit()...)
	case 14:
		return []string{"zrem", k, g.member(), g.member()}
	case 15:
		return []string{"zrange", k, "0", "-1", "withscores"}
	case 16:
		return []string{g.any("zrank", "zrevrank"), k, g.member()}
	case 17:
		return []string{g.any("zpopmin", "zpopmax"), k}
	case 18:
		return []string{"zrangebylex", k, "-", "+"}
	default:
		if g.chance(4) {
			return []string{"del", k}
		}
		return []string{"zcard", k}
	}
}
