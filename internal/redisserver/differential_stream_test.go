//go:build e2e

package redisserver

import (
	"strconv"
	"strings"
)

// genStream makes commands on streams and their groups. Ids are small, so that
// they meet; times are either now or so long ago that a slow test does not
// matter. * is used on keys alone whose last id lies in the future (streamSetup):
// there it is no question of time.
func genStream(g gen) []string {
	id := func() string {
		switch g.IntN(30) {
		case 0:
			return g.any("-", "+", "$", ">", "**", "", "x", "1-x", "x-1", "1-1-1", "-1", "1--1", "01-02", "+3-1", " 4-1", "1- 2", "1--05", "5-", "-5", "(1", "1\x002-3", "18446744073709551616", "1-18446744073709551616", "99999999999999999999-1")
		case 1:
			return g.any("0", "0-0", "0-1", "18446744073709551615", "18446744073709551615-18446744073709551615", "18446744073709551614-1", "9223372036854775807-9223372036854775808", "9223372036854775808")
		case 2, 3, 4:
			return strconv.Itoa(g.IntN(60))
		}
		return strconv.Itoa(g.IntN(60)) + "-" + strconv.Itoa(g.IntN(4))
	}
	return streamCommand(g, func() string { return g.key("s") }, id, func() string {
		if g.chance(6) {
			return strconv.Itoa(g.IntN(60)) + "-*"
		}
		return id()
	}, 8)
}

// genLongStream makes commands on streams of hundreds of entries.
func genLongStream(g gen) []string {
	if g.chance(3) {
		return []string{"xadd", "future" + g.any("1", "2"), "*", "f", g.value(), "g", g.any("a", "b")}
	}
	return streamCommand(g, func() string { return "future" + g.any("1", "2", "1", "2", "2", "3") }, func() string {
		return "99999999999999-" + strconv.Itoa(g.IntN(g.any2(100, 1000, 8000)))
	}, func() string { return "*" }, 500)
}

// streamCommand makes a command of the family; counts are less than most.
func streamCommand(g gen, key, id, newID func() string, most int) []string {
	k := key()
	end := func() string {
		switch g.IntN(6) {
		case 0:
			return "-"
		case 1:
			return "+"
		case 2:
			return "(" + id()
		}
		return id()
	}
	group := func() string { return g.any("g1", "g1", "g2", "g2", "g3", "missing", "") }
	consumer := func() string { return g.any("alice", "bob", "carol", "dave", "") }
	count := func() string {
		if g.chance(20) {
			return g.int()
		}
		return strconv.Itoa(g.IntN(most))
	}
	idle := func() string { return g.any("0", "0", "0", "100000000", "100000000", "-1", "x") }
	trim := func(cmd []string) []string {
		switch g.IntN(3) {
		case 0:
			cmd = append(cmd, "maxlen")
			if g.chance(2) {
				cmd = append(cmd, g.any("~", "=", "~", "x"))
			}
			cmd = append(cmd, g.any(count(), strconv.Itoa(most), strconv.Itoa(2*most)))
		case 1:
			cmd = append(cmd, "minid")
			if g.chance(2) {
				cmd = append(cmd, g.any("~", "="))
			}
			cmd = append(cmd, id())
		default:
			cmd = append(cmd, "maxlen", g.any("~", "~", "="), strconv.Itoa(most/2+g.IntN(2*most)))
		}
		if g.chance(4) {
			cmd = append(cmd, "limit", g.any("0", "1", "5", "10", "100", "-1", "x"))
		}
		if g.chance(30) {
			cmd = append(cmd, g.any("maxlen", "minid", "limit", "foo"), "3")
		}
		return cmd
	}
	fields := func(cmd []string) []string {
		switch g.IntN(4) {
		case 0:
			cmd = append(cmd, "f", g.value(), "g", g.value())
		case 1:
			for range 1 + g.IntN(3) {
				cmd = append(cmd, g.value(), g.value())
			}
		default:
			cmd = append(cmd, "f", g.value())
		}
		return cmd
	}
	switch g.IntN(44) {
	default: // XADD
		cmd := []string{"xadd", k}
		if g.chance(12) {
			cmd = append(cmd, "nomkstream")
		}
		if g.chance(8) {
			cmd = trim(cmd)
		}
		if cmd = append(cmd, newID()); cmd[len(cmd)-1] == "*" && k == "future3" {
			cmd[1] = "future1"
		}
		return fields(cmd)
	case 0, 1:
		return trim([]string{"xtrim", k})
	case 2, 3, 4:
		cmd := []string{"xdel", k, id()}
		for g.chance(2) {
			cmd = append(cmd, id())
		}
		return cmd
	case 5:
		return []string{"xlen", k}
	case 6, 7, 8:
		cmd := []string{g.any("xrange", "xrevrange"), k, end(), end()}
		if g.chance(3) {
			cmd = append(cmd, g.any("count", "COUNT", "foo"), count())
		}
		return cmd
	case 9:
		if strings.HasPrefix(k, "future") {
			return []string{"xlen", k}
		}
		cmd := []string{"xsetid", k, id()}
		for g.chance(2) {
			cmd = append(cmd, g.any("entriesadded", "maxdeletedid"), g.any(id(), count(), "100"))
		}
		return cmd
	case 10, 11:
		cmd := []string{"xread"}
		if g.chance(2) {
			cmd = append(cmd, "count", count())
		}
		if g.chance(20) {
			cmd = append(cmd, "block", g.any("1", "-1", "x"))
		}
		if g.chance(30) {
			cmd = append(cmd, g.any("noack", "group", "foo"))
		}
		if g.chance(3) {
			return append(cmd, "streams", k, key(), g.any(id(), "$"), id())
		}
		return append(cmd, "streams", k, g.any(id(), id(), "$", ">"))
	case 12, 13:
		cmd := []string{"xgroup", "create", k, group(), g.any(id(), "0", "$")}
		if g.chance(3) {
			cmd = append(cmd, "mkstream")
		}
		if g.chance(4) {
			cmd = append(cmd, "entriesread", g.any("0", "1", "5", "-1", "-2", "x"))
		}
		return cmd
	case 14:
		cmd := []string{"xgroup", "setid", k, group(), g.any(id(), "0", "$")}
		if g.chance(3) {
			cmd = append(cmd, "entriesread", g.any("0", "1", "5", "-1", "-2", "x"))
		}
		return cmd
	case 15:
		switch g.IntN(8) {
		case 0:
			return []string{"xgroup", "destroy", k, group()}
		case 1:
			return []string{"xgroup", "foo", k, group()}
		case 2, 3:
			return []string{"xgroup", "delconsumer", k, group(), consumer()}
		}
		return []string{"xgroup", "createconsumer", k, group(), consumer()}
	case 16, 17, 18, 19, 20, 21:
		cmd := []string{"xreadgroup", "group", group(), consumer()}
		if g.chance(2) {
			cmd = append(cmd, "count", count())
		}
		if g.chance(6) {
			cmd = append(cmd, "noack")
		}
		if g.chance(20) {
			cmd = append(cmd, "block", "1")
		}
		if g.chance(4) {
			return append(cmd, "streams", k, key(), g.any(id(), ">"), g.any(id(), ">", ">"))
		}
		return append(cmd, "streams", k, g.any(id(), ">", ">", ">", "$", "0"))
	case 22, 23:
		cmd := []string{"xack", k, group(), id()}
		for g.chance(2) {
			cmd = append(cmd, id())
		}
		return cmd
	case 24, 25:
		if g.chance(2) {
			return []string{"xpending", k, group()}
		}
		cmd := []string{"xpending", k, group()}
		if g.chance(3) {
			cmd = append(cmd, "idle", idle())
		}
		cmd = append(cmd, end(), end(), g.any(count(), "10"))
		if g.chance(3) {
			cmd = append(cmd, consumer())
		}
		return cmd
	case 26, 27, 28:
		cmd := []string{"xclaim", k, group(), consumer(), idle(), id()}
		for g.chance(2) {
			cmd = append(cmd, id())
		}
		for g.chance(2) {
			switch g.IntN(6) {
			case 0:
				cmd = append(cmd, "force")
			case 1:
				cmd = append(cmd, "justid")
			case 2:
				cmd = append(cmd, "idle", g.any("0", "200000000", "-1", "x", "-9223372036854775808", "9223372036854775807"))
			case 3:
				cmd = append(cmd, "time", g.any("1000", "0", "-5", "99999999999999", "x"))
			case 4:
				cmd = append(cmd, "retrycount", g.any("0", "7", "-1", "9223372036854775807", "x"))
			default:
				cmd = append(cmd, g.any("lastid", "foo"), id())
			}
		}
		return cmd
	case 29, 30:
		cmd := []string{"xautoclaim", k, group(), consumer(), idle(), end()}
		for g.chance(2) {
			cmd = append(cmd, g.any("count", "count", "justid", "foo"))
			if cmd[len(cmd)-1] == "count" {
				cmd = append(cmd, g.any("1", "2", "3", "10", "0", "x", "8070450532247928833"))
			}
		}
		return cmd
	case 31:
		return []string{"xinfo", "stream", k}
	case 32:
		cmd := []string{"xinfo", "stream", k, g.any("full", "FULL", "foo")}
		if g.chance(2) {
			cmd = append(cmd, g.any("count", "foo"), count())
		}
		return cmd
	case 33:
		return []string{"xinfo", "groups", k}
	case 34:
		if g.chance(20) {
			return []string{"xinfo", "foo", k}
		}
		return []string{"xinfo", "consumers", k, group()}
	case 35:
		if g.chance(5) && !strings.HasPrefix(k, "future") {
			return []string{g.any("del", "unlink"), k}
		}
		return []string{"xlen", k}
	case 36:
		return []string{"copy", k, g.any("s0", "s1", "s2", "future3"), g.any("replace", "replace", "foo")}
	case 37:
		return []string{g.any("multi", "exec", "exec", "discard", "unwatch")}
	case 38:
		return []string{"watch", k}
	}
}

// streamSetup puts the last ids of the keys that * is used on in the future, in
// databases that nobody else touches.
var streamSetup = [][]string{
	{"xgroup", "create", "future1", "g1", "0", "mkstream"}, {"xsetid", "future1", "99999999999999-0"},
	{"xgroup", "create", "future2", "g1", "0", "mkstream"}, {"xsetid", "future2", "99999999999999-18446744073709551000"},
}

// pendingForm leaves out of XPENDING how long the entries have been idle.
func pendingForm(r reply) string {
	for i, e := range r.elems {
		if len(e.elems) == 4 {
			r.elems[i].elems[2].str = ""
		}
	}
	return r.String()
}
