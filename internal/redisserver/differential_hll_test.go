//go:build e2e

package redisserver

import "strconv"

func genHLL(g gen) []string {
	k, k2, k3 := g.key("p"), g.key("p"), g.key("p")
	switch g.IntN(16) {
	case 0, 1, 2, 3, 4:
		cmd := []string{"pfadd", k}
		for range g.IntN(8) {
			cmd = append(cmd, g.any(g.value(), strconv.Itoa(g.IntN(100000))))
		}
		if g.chance(50) {
			for i := range 3000 {
				cmd = append(cmd, strconv.Itoa(i+g.IntN(1000)))
			}
		}
		return cmd
	case 5, 6:
		return []string{"pfcount", k}
	case 7:
		return []string{"pfcount", k, k2, k3}
	case 8:
		return []string{"pfmerge", k, k2, k3}
	case 9:
		return []string{"pfmerge", k}
	case 10, 11:
		return []string{"get", k} // byte for byte
	case 12:
		return []string{"pfdebug", g.any("encoding", "decode", "todense", "getreg", "foo", "encoding", "decode"), k}
	case 13:
		switch g.IntN(6) {
		case 0:
			return []string{"setrange", k, strconv.Itoa(g.IntN(16)), string([]byte{byte(g.IntN(256))})}
		case 1:
			return []string{"set", k, g.any("HYLL", "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x7f\xff", "12", "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80", "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff", "HYLL\x00aaaaaaaaaaaaaaaaaaaaaaaaaa")}
		}
		return []string{"object", "encoding", k}
	case 14:
		return []string{"copy", k, k2, "replace"}
	default:
		if g.chance(3) {
			return []string{"del", k}
		}
		return []string{"strlen", k}
	}
}
