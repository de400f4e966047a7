package redisserver

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"landings/internal/rdb"
)

// sortOptions are the arguments of SORT.
type sortOptions struct {
	desc, alpha  bool
	start, count int64 // LIMIT; count -1: all
	store        []byte
	by           []byte // nil: the elements themselves
	get          [][]byte
	unsorted     bool // BY names no pattern
}

// sortItem is an element to be sorted, with what it is sorted by.
type sortItem struct {
	element []byte
	score   float64
	by      []byte
	has     bool // by was there
}

func cmdSort(e *Engine, c *client, args [][]byte)   { c.sort(args, true) }
func cmdSortRo(e *Engine, c *client, args [][]byte) { c.sort(args, false) }

func (c *client) sortOptions(args [][]byte, mayStore bool) (o sortOptions, ok bool) {
	o.count = -1
	for i := 0; i < len(args); i++ {
		left := len(args) - i - 1
		switch a := args[i]; {
		case is(a, "asc"):
			o.desc = false
		case is(a, "desc"):
			o.desc = true
		case is(a, "alpha"):
			o.alpha = true
		case is(a, "limit") && left >= 2:
			if o.start, o.count, ok = c.twoInts(args[i+1:]); !ok {
				return o, false
			}
			i += 2
		case is(a, "store") && left >= 1 && mayStore:
			i++
			o.store = args[i]
		case is(a, "by") && left >= 1:
			i++
			o.by = args[i]
			if bytes.IndexByte(beforeNul(o.by), '*') < 0 {
				o.unsorted = true
			}
		case is(a, "get") && left >= 1:
			i++
			o.get = append(o.get, args[i])
		default:
			c.err(errSyntax)
			return o, false
		}
	}
	return o, true
}

// sortStoreKey is the place of STORE's key among SORT's arguments, 0 if there is
// none; of several the last counts.
func sortStoreKey(args [][]byte) int {
	at := 0
	for i := 2; i < len(args)-1; i++ {
		switch {
		case is(args[i], "limit"):
			i += 2
		case is(args[i], "get"), is(args[i], "by"):
			i++
		case is(args[i], "store"):
			i++
			at = i
		}
	}
	return at
}

// beforeNul is what C takes for the string.
func beforeNul(s []byte) []byte {
	if i := bytes.IndexByte(s, 0); i >= 0 {
		return s[:i]
	}
	return s
}

func (c *client) sort(args [][]byte, mayStore bool) {
	o, ok := c.sortOptions(args[2:], mayStore)
	if !ok {
		return
	}
	en := c.db.lookup(args[1])
	size := 0
	if en.exists() {
		switch en.kind() {
		case kindList:
			l := c.db.listOf(en)
			size = l.len()
		case kindSet:
			s := c.db.setOf(en)
			size = s.len()
			if o.unsorted && o.store != nil { // so that the result does not depend on chance
				o.unsorted, o.alpha, o.by = false, true, nil
			}
		case kindZSet:
			en = c.db.lookupWrite(args[1])
			z := c.db.zsetOf(en)
			size = z.len()
			if z.big == nil { // which Redis does, and which is seen
				z.convert()
				en = z.en
			}
		default:
			c.err(errWrongType)
			return
		}
	}
	first, n := o.limits(int64(size))
	items := c.sortItems(&en, &o, &first, n, size)
	if !o.unsorted {
		if !c.weigh(items, &o) {
			c.err("ERR One or more scores can't be converted into double")
			return
		}
		slices.SortStableFunc(items, o.compare)
	}
	c.sorted(items[first:first+n], &o)
}

// limits is where the wanted elements begin among size and how many they are.
func (o *sortOptions) limits(size int64) (first, n int) {
	start := min(max(o.start, 0), size)
	n64 := size - start
	if o.count >= 0 {
		n64 = min(n64, o.count)
	}
	return int(start), int(n64)
}

// sortItems copies the elements. Of what has an order of its own and is not to be
// sorted it takes the wanted part alone, and sets first to zero.
func (c *client) sortItems(en *entry, o *sortOptions, first *int, n, size int) []sortItem {
	if !en.exists() {
		return nil
	}
	var all []byte
	items := make([]sortItem, 0, size)
	add := func(element []byte) {
		at := len(all)
		all = append(all, element...)
		items = append(items, sortItem{element: all[at:len(all):len(all)]})
	}
	var buf [24]byte
	backward, from, want := false, 0, size
	if o.unsorted {
		backward, from, want = o.desc, *first, n
		if backward {
			from = size - 1 - *first
		}
	}
	switch en.kind() {
	case kindSet:
		s := c.db.setOf(*en)
		s.each(func(m []byte) bool { add(m); return true })
		return items
	case kindZSet:
		z := c.db.zsetOf(*en)
		for p := z.nth(from); p.ok() && len(items) < want; p = z.step(p, backward) {
			add(z.member(p, &buf))
		}
	case kindList:
		l := c.db.listOf(*en)
		if want > 0 {
			l.walk(from, backward, func(lp rdb.Listpack, pos int) bool {
				add(element(lp, pos, &buf))
				return len(items) < want
			})
		}
	}
	if o.unsorted {
		*first = 0
	}
	return items
}

// weigh finds what the items are sorted by; false if a score is no number.
func (c *client) weigh(items []sortItem, o *sortOptions) bool {
	good := true
	var buf [24]byte
	for i := range items {
		it := &items[i]
		by, has := it.element, true
		if o.by != nil {
			if by, has = c.pattern(o.by, it.element, &buf); has {
				by = bytes.Clone(by)
			}
		}
		it.by, it.has = by, has
		if has && !o.alpha {
			score, ok := sortScore(by)
			it.score, good = score, good && ok
		}
	}
	return good
}

func (o *sortOptions) compare(a, b sortItem) int {
	r := 0
	switch {
	case !o.alpha:
		if r = cmp.Compare(a.score, b.score); r == 0 {
			r = bytes.Compare(a.element, b.element)
		}
	case !a.has || !b.has:
		if a.has {
			r = 1
		} else if b.has {
			r = -1
		}
	case o.store != nil:
		r = bytes.Compare(a.by, b.by)
	default: // as C compares strings, in the C locale
		r = bytes.Compare(beforeNul(a.by), beforeNul(b.by))
	}
	if o.desc {
		return -r
	}
	return r
}

// sorted answers with the items, or with what GET asks for, or stores it.
func (c *client) sorted(items []sortItem, o *sortOptions) {
	n := len(items) * max(1, len(o.get))
	var buf [24]byte
	each := func(visit func(v []byte, has bool)) {
		for _, it := range items {
			if len(o.get) == 0 {
				visit(it.element, true)
			}
			for _, p := range o.get {
				visit(c.pattern(p, it.element, &buf))
			}
		}
	}
	if o.store == nil {
		c.array(n)
		each(func(v []byte, has bool) {
			if has {
				c.bulk(v)
			} else {
				c.null()
			}
		})
		return
	}
	l := c.e.newList()
	each(func(v []byte, _ bool) { l.push(v, false) })
	c.storeValue(o.store, l.value(), n, notifyList, "sortstore")
	if n > 0 {
		c.e.dirty += int64(n) - 1
	}
}

// pattern is the value that a pattern of BY or GET names for an element: # the
// element itself, else the string at the key with the element in place of the first
// *, or the field behind -> of the hash there. The value may lie in buf.
func (c *client) pattern(pattern, element []byte, buf *[24]byte) ([]byte, bool) {
	if text := beforeNul(pattern); len(text) == 1 && text[0] == '#' {
		return element, true
	}
	star := bytes.IndexByte(beforeNul(pattern), '*')
	if star < 0 {
		return nil, false
	}
	rest := pattern[star+1:]
	var field []byte
	if at := bytes.Index(beforeNul(rest), []byte("->")); at >= 0 && at+2 < len(rest) && rest[at+2] != 0 {
		rest, field = rest[:at], rest[at+2:]
	}
	key := slices.Concat(pattern[:star], element, rest)
	en := c.db.lookup(key)
	switch {
	case !en.exists():
		return nil, false
	case field != nil && en.kind() == kindHash:
		h := c.db.hashOf(en)
		return h.get(field, buf)
	case field == nil && en.kind() == kindString:
		return en.text(buf), true
	}
	return nil, false
}

// sortScore reads a number as C's strtod does; nothing at all is 0. Numbers out of
// range, too small ones as well, are refused.
func sortScore(b []byte) (float64, bool) {
	s := strings.TrimLeft(string(beforeNul(b)), " \t\n\v\f\r")
	if s == "" {
		return 0, len(beforeNul(b)) == 0
	}
	lower := strings.ToLower(s)
	if strings.ContainsRune(lower, '_') {
		return 0, false
	}
	hex := strings.HasPrefix(strings.TrimLeft(lower, "+-"), "0x")
	if hex && !strings.ContainsRune(lower, 'p') {
		lower += "p0"
	}
	f, err := strconv.ParseFloat(lower, 64)
	if err != nil || math.IsNaN(f) {
		return 0, false
	}
	if math.Abs(f) < 0x1p-1022 {
		mantissa := strings.TrimLeft(lower, "+-")
		digits := "123456789"
		if hex {
			mantissa, digits = mantissa[2:strings.IndexByte(mantissa, 'p')], "123456789abcdef"
		} else {
			mantissa, _, _ = strings.Cut(mantissa, "e")
		}
		if strings.ContainsAny(mantissa, digits) {
			return 0, false
		}
	}
	return f, true
}
