package predicate

import (
	"math"

	"landings/internal/cql2"
)

// temporal relates two times, as OWL-Time (https://www.w3.org/TR/owl-time/) and
// CQL2 (requirement class "temporal-functions") define it. An instant is taken as
// the interval that begins and ends with it.
type temporal struct {
	op          cql2.TemporalOp
	left, right Expr
}

func (t temporal) Reads(fields []int) []int { return t.right.Reads(t.left.Reads(fields)) }

func (t temporal) Test(row Row) Truth {
	a1, a2, ok1 := spanOf(t.left.Value(row))
	b1, b2, ok2 := spanOf(t.right.Value(row))
	if !ok1 || !ok2 {
		return Unknown
	}
	return truthOf(relates(t.op, a1, a2, b1, b2))
}

func spanOf(v Value) (from, to int64, ok bool) {
	switch v.Kind {
	case Instant:
		return v.Int(), v.Int(), true
	case Span:
		return v.Int(), int64(v.More), true
	}
	return 0, 0, false
}

func relates(op cql2.TemporalOp, a1, a2, b1, b2 int64) bool {
	switch op {
	case cql2.TAfter:
		return a1 > b2
	case cql2.TBefore:
		return a2 < b1
	case cql2.TContains:
		return a1 < b1 && a2 > b2
	case cql2.TDisjoint:
		return a1 > b2 || a2 < b1
	case cql2.TDuring:
		return a1 > b1 && a2 < b2
	case cql2.TEquals:
		return a1 == b1 && a2 == b2
	case cql2.TFinishedBy:
		return a1 < b1 && a2 == b2
	case cql2.TFinishes:
		return a1 > b1 && a2 == b2
	case cql2.TIntersects:
		return a1 <= b2 && a2 >= b1
	case cql2.TMeets:
		return a2 == b1
	case cql2.TMetBy:
		return a1 == b2
	case cql2.TOverlappedBy:
		return a1 > b1 && a1 < b2 && a2 > b2
	case cql2.TOverlaps:
		return a1 < b1 && a2 > b1 && a2 < b2
	case cql2.TStartedBy:
		return a1 == b1 && a2 > b2
	default: // t_starts
		return a1 == b1 && a2 < b2
	}
}

// interval is a time between two instants; nil is an open end. Where the end
// comes before the start there is no such time.
type interval struct{ start, end Expr }

func (i interval) Reads(fields []int) []int {
	if i.start != nil {
		fields = i.start.Reads(fields)
	}
	if i.end != nil {
		fields = i.end.Reads(fields)
	}
	return fields
}

func (i interval) Value(row Row) Value {
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if i.start != nil {
		v := i.start.Value(row)
		start, _, ok := spanOf(v)
		if !ok {
			return noResult(v)
		}
		from = start
	}
	if i.end != nil {
		v := i.end.Value(row)
		_, end, ok := spanOf(v)
		if !ok {
			return noResult(v)
		}
		to = end
	}
	if to < from {
		return Value{}
	}
	return spanValue(from, to)
}

// years makes of a year the interval that it lasts.
type years struct{ arg Expr }

func (y years) Reads(fields []int) []int { return y.arg.Reads(fields) }

func (y years) Value(row Row) Value {
	v := y.arg.Value(row)
	if v.Kind != Integer {
		return noResult(v)
	}
	from, ok1 := yearStart(v.Int())
	to, ok2 := yearStart(v.Int() + 1)
	if !ok1 || !ok2 {
		return Value{Kind: Misfit}
	}
	return spanValue(from, to-1)
}

// yearStart gives the first microsecond of a year of the proleptic Gregorian
// calendar; years beyond 290,000 do not fit.
func yearStart(year int64) (int64, bool) {
	if year < -290_000 || year > 290_000 {
		return 0, false
	}
	// Days since 1970-01-01 of the first of January.
	y := year - 1
	days := y*365 + floorDiv(y, 4) - floorDiv(y, 100) + floorDiv(y, 400) - 719162
	return days * 86_400_000_000, true
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
