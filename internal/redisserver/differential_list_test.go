//go:build e2e

package redisserver

import (
	"strconv"
	"strings"
)

func genList(g gen) []string {
	k, k2 := g.key("l"), g.key("l")
	end := func() string { return g.any("left", "right", "LEFT", "RIGHT", "left", "right", "up") }
	timeout := func() string {
		if g.chance(10) {
			return g.any("-1", "x", "", "1e400", "inf", "0x", "1.5e300", "9223372036854775807", "nan", "-inf", "-0.1")
		}
		return g.any("0.001", "1e-3", "0.002")
	}
	switch g.IntN(30) {
	case 0, 1, 2, 3, 4, 5:
		cmd := []string{g.any("lpush", "rpush", "lpush", "rpush", "lpushx", "rpushx"), k}
		for range 1 + g.IntN(5) {
			cmd = append(cmd, sortable(g.value()))
		}
		return cmd
	case 6, 7:
		return []string{g.any("lpop", "rpop"), k}
	case 8:
		return []string{g.any("lpop", "rpop"), k, g.any("0", "1", "2", "5", "100", "9223372036854775807", "-1", "x")}
	case 9:
		return []string{"llen", k}
	case 10, 11, 12:
		return []string{"lrange", k, g.int(), g.int()}
	case 13, 14:
		return []string{"lindex", k, g.int()}
	case 15, 16:
		return []string{"lset", k, g.int(), sortable(g.value())}
	case 17, 18:
		return []string{"lrem", k, g.any("0", "1", "-1", "2", "-2", "100", "x", "-9223372036854775808"), sortable(g.value())}
	case 19:
		return []string{"ltrim", k, g.any("0", "1", "2", "-10", "-100", "x", "-9223372036854775808"), g.any("-1", "-2", "100", "15", "5", "9223372036854775807", "-9223372036854775808")}
	case 20, 21:
		return []string{"linsert", k, g.any("before", "after", "AFTER", "on"), sortable(g.value()), sortable(g.value())}
	case 22, 23:
		cmd := []string{"lpos", k, sortable(g.value())}
		for g.chance(2) {
			cmd = append(cmd, g.any("rank", "count", "maxlen", "RANK", "foo"), g.any("1", "2", "-1", "-2", "0", "3", "-3", "x"))
		}
		return cmd
	case 24:
		return []string{"lmove", k, k2, end(), end()}
	case 25:
		return []string{"rpoplpush", k, k2}
	case 26:
		cmd := []string{"lmpop", g.any("1", "2", "2", "2", "0", "-1", "3", "x", "100"), k, k2, end()}
		for g.chance(2) {
			cmd = append(cmd, g.any("count", "COUNT", "count", "foo"), g.any("1", "2", "3", "0", "x", "100"))
		}
		if g.chance(10) {
			return append([]string{"blmpop", timeout()}, cmd[1:]...)
		}
		return cmd
	case 27:
		if !g.chance(5) { // a timeout takes its time
			return []string{"lrange", k, "0", "-1"}
		}
		switch g.IntN(4) {
		case 0:
			return []string{"blmove", k, k2, end(), end(), timeout()}
		case 1:
			return []string{"brpoplpush", k, k2, timeout()}
		}
		return []string{g.any("blpop", "brpop"), k, k2, timeout()}
	case 28:
		if k == "other:zset" {
			k = "l0" // a sorted set at another name would be sorted in an order of its own
		}
		switch g.IntN(5) {
		case 0:
			return []string{"pexpire", k, g.any("1000000", "0", "-1")}
		case 1:
			return []string{"rename", k, k2}
		case 2:
			return []string{"copy", k, k2, "replace"}
		case 3:
			return []string{g.any("multi", "exec", "exec", "discard")}
		}
		return []string{"del", k}
	default:
		return genSort(g, k, "l")
	}
}

// genBigList makes lists of many chunks, with elements longer than a chunk.
func genBigList(g gen) []string {
	k := "big" + strconv.Itoa(g.IntN(3))
	index := func() string { return strconv.Itoa(g.IntN(4000) - 2000) }
	value := func() string {
		if g.chance(150) {
			return strings.Repeat(g.any("x", "0"), g.any2(1000, 4000, 4090, 5000, 20000))
		}
		return g.value()
	}
	switch g.IntN(16) {
	case 0, 1, 2, 3:
		cmd := []string{g.any("lpush", "rpush"), k}
		for range g.IntN(60) + 1 {
			cmd = append(cmd, value())
		}
		return cmd
	case 4:
		return []string{g.any("lpop", "rpop"), k, strconv.Itoa(g.IntN(100))}
	case 5, 6:
		return []string{"linsert", k, g.any("before", "after"), g.value(), value()}
	case 7, 8:
		return []string{"lset", k, index(), value()}
	case 9, 10:
		return []string{"lindex", k, index()}
	case 11:
		at := g.IntN(4000) - 2000
		return []string{"lrange", k, strconv.Itoa(at), strconv.Itoa(at + g.IntN(100))}
	case 12:
		return []string{"lrem", k, g.any("1", "-1", "3", "-5", "0"), value()}
	case 13:
		return []string{"lpos", k, g.value(), "rank", g.any("1", "-1", "3", "-7"), "count", g.any("0", "1", "5"), "maxlen", g.any("0", "10", "1000")}
	case 14:
		return []string{"lmove", k, "big" + strconv.Itoa(g.IntN(3)), g.any("left", "right"), g.any("left", "right")}
	default:
		if g.chance(20) {
			return []string{"ltrim", k, strconv.Itoa(g.IntN(300)), strconv.Itoa(g.IntN(3000) - 500)}
		}
		return []string{"llen", k}
	}
}

// sortable replaces the value after which Redis takes later numbers for out of range
// too, because it forgets to reset errno.
func sortable(v string) string {
	if v == "1e400" {
		return "1e40"
	}
	return v
}

// genSort sorts the collection at key, whose family's keys begin with prefix.
func genSort(g gen, key, prefix string) []string {
	cmd := []string{g.any("sort", "sort", "sort_ro"), key}
	alpha := !g.chance(3)
	unordered := prefix == "s" || key == "other:set" || key == "other:zset" // equals come in any order
	by := ""
	if g.chance(2) {
		by = g.any("w*", "nosort", "w_*->f1", "other:hash*", "*", "", "w*->")
		if unordered && by == "nosort" || by == "" {
			by = "w*" // the order of a set is its own
		}
		alpha = alpha && !unordered
		cmd = append(cmd, "by", by)
	}
	for g.chance(2) {
		cmd = append(cmd, "get", g.any("#", "w*", "w_*->f1", "*", "fixed", "o*"))
	}
	if g.chance(2) && (!alpha || by == "" || by == "nosort") { // which of equals come first is not defined
		cmd = append(cmd, "limit", g.any("0", "1", "-5", "5", "1000", "x", "9223372036854775807"), g.any("10", "2", "0", "-1", "x", "9223372036854775807"))
	}
	if alpha {
		cmd = append(cmd, g.any("alpha", "ALPHA"))
	}
	if g.chance(2) {
		cmd = append(cmd, g.any("desc", "asc", "desc", "foo"))
	}
	if alpha && unordered { // without STORE a member ends at a NUL, which makes equals
		cmd[0] = "sort"
	}
	if cmd[0] == "sort" && (alpha && unordered || g.chance(4)) {
		cmd = append(cmd, "store", g.key(prefix))
	}
	return cmd
}

// sortWeights are the keys that SORT's patterns name.
var sortWeights = func() [][]string {
	var cmds [][]string
	for i := range 60 {
		n := strconv.Itoa(i - 10)
		cmds = append(cmds, []string{"set", "w" + n, strconv.Itoa(i * 7919 % 61)}, []string{"hset", "w_" + n, "f1", strconv.Itoa(i*104729%67) + ".5"})
	}
	for i := range 20 {
		for j, w := range []string{"a", "b", "c", "hello", "world", "foo", "bar"} {
			cmds = append(cmds, []string{"set", "w" + w + strconv.Itoa(i), strconv.Itoa((i*31 + j*17) % 140)})
		}
	}
	return cmds
}()

func genBlockingList(g gen, prefix string, mayWait bool) [][]string {
	key := func() string { return prefix + g.any("a", "b", "c", "d") }
	end := func() string { return g.any("left", "right") }
	wait := func() []string {
		switch g.IntN(5) {
		case 0:
			return []string{"blmove", key(), key(), end(), end(), "0"}
		case 1:
			return []string{"brpoplpush", key(), key(), "0"}
		case 2:
			return []string{"blmpop", "0", "2", key(), key(), end(), "count", g.any("1", "2", "3")}
		}
		return []string{g.any("blpop", "brpop"), key(), key(), "0"}
	}
	if mayWait {
		return [][]string{wait()}
	}
	push := func() []string {
		cmd := []string{g.any("lpush", "rpush"), key()}
		for range 1 + g.IntN(3) {
			cmd = append(cmd, strconv.Itoa(g.IntN(1000)))
		}
		return cmd
	}
	switch g.IntN(12) {
	case 0, 1, 2, 3:
		return [][]string{push()}
	case 4:
		return [][]string{{"multi"}, push(), wait(), push(), {"exec"}}
	case 5:
		return [][]string{{"multi"}, push(), {"del", key(), key(), key()}, push(), {"exec"}}
	case 6:
		return [][]string{{"set", key(), "x"}, {"sort", key(), "by", "nosort", "store", key()}}
	case 7:
		return [][]string{{"del", key()}, push()}
	case 8:
		return [][]string{{"rename", key(), key()}}
	case 9:
		return [][]string{{"lmove", key(), key(), end(), end()}}
	case 10:
		return [][]string{{"sadd", prefix + "s", "3", "1"}, {"sort", prefix + "s", "store", key()}}
	default:
		return [][]string{{g.any("lpop", "rpop"), key()}, {"copy", key(), key()}, {"lrange", key(), "0", "-1"}}
	}
}
