//go:build e2e

package redisserver

import "strconv"

func genBitmap(g gen) []string {
	k := g.key("b")
	off := func() string {
		if g.chance(20) {
			return g.any("-1", "x", "4294967296", "9223372036854775807", "#1")
		}
		return strconv.Itoa(g.IntN(300))
	}
	n := func() string {
		if g.chance(20) {
			return g.any("x", "9223372036854775807", "-9223372036854775808")
		}
		return strconv.Itoa(g.IntN(80) - 40)
	}
	switch g.IntN(14) {
	case 0, 1, 2:
		return []string{"setbit", k, off(), g.any("0", "1", "1", "1", "2", "x")}
	case 3:
		return []string{"getbit", k, off()}
	case 4, 5:
		cmd := []string{"bitcount", k}
		if g.chance(2) {
			cmd = append(cmd, n(), n())
			if g.chance(2) {
				cmd = append(cmd, g.any("bit", "BYTE", "foo"))
			}
		}
		return cmd
	case 6, 7:
		cmd := []string{"bitpos", k, g.any("0", "1", "1", "0", "2", "x")}
		if g.chance(2) {
			cmd = append(cmd, n())
			if g.chance(2) {
				cmd = append(cmd, n())
				if g.chance(2) {
					cmd = append(cmd, g.any("bit", "BYTE", "foo"))
				}
			}
		}
		return cmd
	case 8:
		return []string{"bitop", g.any("and", "or", "xor", "not", "foo"), k, g.key("b"), g.key("b")}
	case 9:
		return []string{"bitop", g.any("not", "and"), k, g.key("b")}
	case 10:
		return []string{"set", k, g.value()}
	case 11:
		return []string{g.any("get", "del", "strlen"), k}
	default:
		cmd := []string{g.any("bitfield", "bitfield", "bitfield_ro"), k}
		typ := func() string {
			return g.any("u8", "i8", "u1", "i64", "u63", "i5", "u4", "u64", "i65", "i32", "u16", "x")
		}
		at := func() string { return g.any("0", "1", "7", "#0", "#1", "#3", "100", "-1", "x") }
		val := func() string {
			return g.any("0", "1", "-1", "100", "255", "-128", "127", "9223372036854775807", "-9223372036854775808", "5", "x")
		}
		for range 1 + g.IntN(3) {
			switch g.IntN(4) {
			case 0:
				cmd = append(cmd, "get", typ(), at())
			case 1:
				cmd = append(cmd, "set", typ(), at(), val())
			case 2:
				cmd = append(cmd, "incrby", typ(), at(), val())
			default:
				cmd = append(cmd, "overflow", g.any("wrap", "sat", "fail", "FAIL", "foo"))
			}
		}
		return cmd
	}
}
