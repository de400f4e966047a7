package redisserver

import (
	"strconv"
)

// scanOptions are what SCAN, HSCAN, SSCAN and ZSCAN have in common.
type scanOptions struct {
	count   int64
	pattern []byte // nil: everything
	typ     string
}

func (o *scanOptions) matches(name []byte) bool {
	return o.pattern == nil || matchGlob(o.pattern, name, false)
}

// parseCursor reads a cursor as C's strtoul does, or writes the error.
func parseCursor(c *client, arg []byte) (uint64, bool) {
	s, negative := string(arg), false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		s, negative = s[1:], s[0] == '-'
	}
	v, err := strconv.ParseUint(s, 10, 64)
	if negative {
		v = -v
	}
	if err != nil && len(arg) > 0 {
		c.err("ERR invalid cursor")
		return 0, false
	}
	return v, true
}

// scanOptions reads the arguments after the cursor, or writes the error.
func (c *client) scanOptions(args [][]byte, keys bool) (scanOptions, bool) {
	o := scanOptions{count: 10}
	for i := 0; i < len(args); i += 2 {
		switch {
		case is(args[i], "count") && i+1 < len(args):
			n, ok := parseInt(args[i+1])
			if !ok {
				c.err(errNotInt)
				return o, false
			}
			if n < 1 {
				c.err(errSyntax)
				return o, false
			}
			o.count = n
		case is(args[i], "match") && i+1 < len(args):
			if p := args[i+1]; len(p) != 1 || p[0] != '*' {
				o.pattern = p
			}
		case is(args[i], "type") && keys && i+1 < len(args):
			o.typ = string(args[i+1])
		default:
			c.err(errSyntax)
			return o, false
		}
	}
	return o, true
}

// emptyScan is the reply for a key that is not there.
func (c *client) emptyScan() {
	c.array(2)
	c.bulkString("0")
	c.array(0)
}

// scanReply writes a cursor and the elements that walk emits; walk returns the next
// cursor and how many it wrote.
func (c *client) scanReply(walk func() (uint64, int)) {
	c.array(2)
	p := c.deferred()
	next, n := walk()
	c.fill(p, func() {
		c.bulkString(strconv.FormatUint(next, 10))
		c.array(n)
	})
}

// scanTable walks a table from cursor on, at least opt.count elements or a bounded
// number of empty buckets; emit returns how many elements it wrote.
func (c *client) scanTable(t *table, cursor uint64, opt scanOptions, emit func(h handle) int) {
	c.scanReply(func() (uint64, int) {
		n, seen := 0, int64(0)
		rounds := opt.count * 10
		if rounds/10 != opt.count {
			rounds = opt.count
		}
		for {
			cursor = t.scan(cursor, func(h handle) { seen++; n += emit(h) })
			rounds--
			if cursor == 0 || seen >= opt.count || rounds == 0 {
				return cursor, n
			}
		}
	})
}

// matchGlob says whether name fits a pattern of * ? [a-z] [^a] and \ escapes, as
// Redis's KEYS has them.
func matchGlob(pattern, name []byte, fold bool) bool {
	skip := false
	return globMatch(pattern, name, fold, &skip)
}

func globMatch(p, s []byte, fold bool, skip *bool) bool {
	for len(p) > 0 && len(s) > 0 {
		switch p[0] {
		case '*':
			for len(p) > 1 && p[1] == '*' {
				p = p[1:]
			}
			if len(p) == 1 {
				return true
			}
			for len(s) > 0 {
				if globMatch(p[1:], s, fold, skip) {
					return true
				}
				if *skip { // a later star has failed already: no earlier one can help
					return false
				}
				s = s[1:]
			}
			*skip = true
			return false
		case '?':
			s = s[1:]
		case '[':
			p = p[1:]
			not := len(p) > 0 && p[0] == '^'
			if not {
				p = p[1:]
			}
			match := false
			for {
				if len(p) >= 2 && p[0] == '\\' {
					p = p[1:]
					if p[0] == s[0] {
						match = true
					}
				} else if len(p) > 0 && p[0] == ']' {
					break
				} else if len(p) == 0 {
					break
				} else if len(p) >= 3 && p[1] == '-' {
					lo, hi, ch := p[0], p[2], s[0]
					if lo > hi {
						lo, hi = hi, lo
					}
					if fold {
						lo, hi, ch = lower(lo), lower(hi), lower(ch)
					}
					p = p[2:]
					if ch >= lo && ch <= hi {
						match = true
					}
				} else if p[0] == s[0] || fold && lower(p[0]) == lower(s[0]) {
					match = true
				}
				p = p[1:]
			}
			if not {
				match = !match
			}
			if !match {
				return false
			}
			s = s[1:]
			if len(p) == 0 {
				return len(s) == 0
			}
		default:
			if p[0] == '\\' && len(p) >= 2 {
				p = p[1:]
			}
			if p[0] != s[0] && !(fold && lower(p[0]) == lower(s[0])) {
				return false
			}
			s = s[1:]
		}
		p = p[1:]
		if len(s) == 0 {
			for len(p) > 0 && p[0] == '*' {
				p = p[1:]
			}
			break
		}
	}
	return len(p) == 0 && len(s) == 0
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
