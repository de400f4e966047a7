package redisserver

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strconv"

	"landings/internal/rdb"
)

// zcombine is one of the ways to combine sorted sets and sets.
type zcombine uint8

const (
	zunion zcombine = iota
	zinter
	zdiff
)

func cmdZunion(e *Engine, c *client, args [][]byte) { e.zcombine(c, nil, args[1:], zunion, false) }
func cmdZinter(e *Engine, c *client, args [][]byte) { e.zcombine(c, nil, args[1:], zinter, false) }
func cmdZdiff(e *Engine, c *client, args [][]byte)  { e.zcombine(c, nil, args[1:], zdiff, false) }

func cmdZunionstore(e *Engine, c *client, args [][]byte) {
	e.zcombine(c, args[1], args[2:], zunion, false)
}

func cmdZinterstore(e *Engine, c *client, args [][]byte) {
	e.zcombine(c, args[1], args[2:], zinter, false)
}

func cmdZdiffstore(e *Engine, c *client, args [][]byte) {
	e.zcombine(c, args[1], args[2:], zdiff, false)
}

func cmdZintercard(e *Engine, c *client, args [][]byte) {
	e.zcombine(c, nil, args[1:], zinter, true)
}

// zsource is one of the inputs: a sorted set, or a set whose members all score 1, or
// nothing.
type zsource struct {
	weight float64
	block  handle // of the key: two inputs may be one key
	zset   zset   // with e set: a sorted set
	ints   rdb.Intset
	set    *table
}

func (c *client) zsourceOf(en entry) (zsource, bool) {
	s := zsource{weight: 1, block: en.h}
	switch {
	case !en.exists():
	case en.kind() == kindZSet:
		s.zset = c.db.zsetOf(en)
	case en.kind() != kindSet:
		c.err(errWrongType)
		return s, false
	case en.enc() == encIntset:
		s.ints = rdb.Intset(en.bytes())
	default:
		s.set = c.db.object(&en).(*largeSet).t
	}
	return s, true
}

func (s *zsource) len() int {
	switch {
	case s.zset.e != nil:
		return s.zset.len()
	case s.ints != nil:
		return s.ints.Len()
	case s.set != nil:
		return s.set.count
	}
	return 0
}

func (s *zsource) score(member []byte) (float64, bool) {
	switch {
	case s.zset.e != nil:
		return s.zset.scoreOf(member)
	case s.ints != nil:
		n, ok := parseInt(member)
		if ok {
			_, ok = s.ints.Search(n)
		}
		return 1, ok
	case s.set != nil:
		return 1, s.set.find(member) != 0
	}
	return 0, false
}

// each visits the members until visit returns false, a sorted set's from the last to
// the first. The set is not changed meanwhile; the slices are valid during the visit.
func (s *zsource) each(visit func(member []byte, score float64) bool) {
	var buf [24]byte
	switch {
	case s.zset.e != nil:
		for p := s.zset.last(); p.ok() && visit(s.zset.member(p, &buf), s.zset.score(p)); p = s.zset.prev(p) {
		}
	case s.ints != nil:
		for i := range s.ints.Len() {
			if !visit(strconv.AppendInt(buf[:0], s.ints.At(i), 10), 1) {
				return
			}
		}
	case s.set != nil:
		s.set.each(func(h handle) bool { return visit(s.set.key(h), 1) })
	}
}

// zpair is a member of a result.
type zpair struct {
	member []byte
	score  float64
}

// zaggregate joins the scores of a member in two inputs.
type zaggregate func(a, b float64) float64

func aggregateSum(a, b float64) float64 {
	if a += b; math.IsNaN(a) { // infinities of both signs
		return 0
	}
	return a
}

func aggregateMin(a, b float64) float64 {
	if b < a {
		return b
	}
	return a
}

func aggregateMax(a, b float64) float64 {
	if b > a {
		return b
	}
	return a
}

// weighted is a score times a weight, zero where that is no number.
func weighted(score, weight float64) float64 {
	if score *= weight; math.IsNaN(score) {
		return 0
	}
	return score
}

// zcombine executes the commands of this file: args are numkeys key ... and options;
// dst is nil for those that store nothing.
func (e *Engine) zcombine(c *client, dst []byte, args [][]byte, op zcombine, cardinality bool) {
	n, ok := parseInt(args[0])
	switch {
	case !ok:
		c.err(errNotInt)
		return
	case n < 1:
		c.err("ERR at least 1 input key is needed for '" + c.last.fullName + "' command")
		return
	case n > int64(len(args)-1):
		c.err(errSyntax)
		return
	}
	src := make([]zsource, n)
	for i := range src {
		if src[i], ok = c.zsourceOf(c.db.lookup(args[1+i])); !ok {
			return
		}
	}
	aggregate, scores, limit := zaggregate(aggregateSum), false, int64(0)
	for args = args[1+n:]; len(args) > 0; {
		switch {
		case op != zdiff && !cardinality && len(args) > int(n) && is(args[0], "weights"):
			for i := range src {
				if src[i].weight, ok = c.doubleArg(args[1+i], "ERR weight value is not a float"); !ok {
					return
				}
			}
			args = args[1+n:]
		case op != zdiff && !cardinality && len(args) > 1 && is(args[0], "aggregate"):
			switch {
			case is(args[1], "sum"):
				aggregate = aggregateSum
			case is(args[1], "min"):
				aggregate = aggregateMin
			case is(args[1], "max"):
				aggregate = aggregateMax
			default:
				c.err(errSyntax)
				return
			}
			args = args[2:]
		case dst == nil && !cardinality && is(args[0], "withscores"):
			scores = true
			args = args[1:]
		case cardinality && len(args) > 1 && is(args[0], "limit"):
			if limit, ok = c.countArg(args[1], 0, "ERR LIMIT can't be negative"); !ok {
				return
			}
			args = args[2:]
		default:
			c.err(errSyntax)
			return
		}
	}
	if op != zdiff {
		slices.SortStableFunc(src, func(a, b zsource) int { return cmp.Compare(a.len(), b.len()) })
	}
	if cardinality {
		n := int64(0)
		intersectScored(src, aggregate, func([]byte, float64) bool { n++; return n != limit })
		c.int(n)
		return
	}
	var result []zpair
	keep := func(member []byte, score float64) bool {
		result = append(result, zpair{bytes.Clone(member), score})
		return true
	}
	switch op {
	case zinter:
		intersectScored(src, aggregate, keep)
	case zunion:
		result = unite(src, aggregate)
	case zdiff:
		subtract(src, keep)
	}
	sortPairs(result)
	if dst != nil {
		z := e.zsetOfPairs(result)
		c.storeZset(dst, &z, [...]string{"zunionstore", "zinterstore", "zdiffstore"}[op])
		c.int(int64(len(result)))
		return
	}
	if scores && c.resp == 2 {
		c.array(2 * len(result))
	} else {
		c.array(len(result))
	}
	for _, r := range result {
		if scores && c.resp > 2 {
			c.array(2)
		}
		c.bulk(r.member)
		if scores {
			c.double(r.score)
		}
	}
}

func sortPairs(pairs []zpair) {
	slices.SortFunc(pairs, func(a, b zpair) int {
		if c := cmp.Compare(a.score, b.score); c != 0 {
			return c
		}
		return bytes.Compare(a.member, b.member)
	})
}

// zsetOfPairs makes a set of members in order, each there once.
func (e *Engine) zsetOfPairs(pairs []zpair) zset {
	z := zset{e: e, lp: rdb.AppendListpack(nil)}
	longest := 0
	for _, p := range pairs {
		longest = max(longest, len(p.member))
	}
	if int64(len(pairs)) > e.cfg.zsetMaxEntries || int64(longest) > e.cfg.zsetMaxValue {
		z.convert()
	}
	for _, p := range pairs {
		if z.big != nil {
			z.big.insert(p.member, p.score)
		} else {
			z.lp = insertPacked(z.lp, z.lp.End(), p.member, p.score)
		}
	}
	return z
}

// intersect visits what is in every source; the smallest comes first.
func intersectScored(src []zsource, aggregate zaggregate, visit func(member []byte, score float64) bool) {
	src[0].each(func(member []byte, first float64) bool {
		score := weighted(first, src[0].weight)
		for i := 1; i < len(src); i++ {
			s := first
			if src[i].block != src[0].block {
				var ok bool
				if s, ok = src[i].score(member); !ok {
					return true
				}
			}
			score = aggregate(score, s*src[i].weight)
		}
		return visit(member, score)
	})
}

// unite is what is in any source.
func unite(src []zsource, aggregate zaggregate) []zpair {
	var result []zpair
	at := make(map[string]int, src[len(src)-1].len())
	for i := range src {
		src[i].each(func(member []byte, score float64) bool {
			score = weighted(score, src[i].weight)
			if j, ok := at[string(member)]; ok {
				result[j].score = aggregate(result[j].score, score)
				return true
			}
			at[string(member)] = len(result)
			result = append(result, zpair{bytes.Clone(member), score})
			return true
		})
	}
	return result
}

// subtract visits what is in the first source alone.
func subtract(src []zsource, visit func(member []byte, score float64) bool) {
	src[0].each(func(member []byte, score float64) bool {
		for i := 1; i < len(src); i++ {
			if src[i].block == src[0].block {
				return false
			}
			if _, ok := src[i].score(member); ok {
				return true
			}
		}
		return visit(member, score)
	})
}
