package predicate

import (
	"landings/internal/cql2"
)

// arrays relates two lists, taken as sets. Elements are equal where they compare
// equal, or are lists of equal elements in the same order; objects are equal where
// they are spelled alike.
type arrays struct {
	op          cql2.ArrayOp
	left, right arrayExpr
}

// arrayExpr gives the elements of a list.
type arrayExpr interface {
	elements(row Row, into []element) ([]element, Truth)
	Reads(fields []int) []int
}

// element is a value, or a list of elements.
type element struct {
	value Value
	list  []element
	inner bool
}

func (a arrays) Reads(fields []int) []int { return a.right.Reads(a.left.Reads(fields)) }

func (a arrays) Test(row Row) Truth {
	l, ok1 := a.left.elements(row, nil)
	r, ok2 := a.right.elements(row, nil)
	if ok1 != True || ok2 != True {
		return Unknown
	}
	switch a.op {
	case cql2.AContainedBy:
		return truthOf(containsAll(r, l))
	case cql2.AContains:
		return truthOf(containsAll(l, r))
	case cql2.AEquals:
		return truthOf(containsAll(l, r) && containsAll(r, l))
	default: // a_overlaps
		for _, e := range l {
			if contains(r, e) {
				return True
			}
		}
		return False
	}
}

func containsAll(set, part []element) bool {
	for _, e := range part {
		if !contains(set, e) {
			return false
		}
	}
	return true
}

func contains(set []element, e element) bool {
	for _, s := range set {
		if equalElements(s, e) {
			return true
		}
	}
	return false
}

func equalElements(a, b element) bool {
	if a.inner || b.inner {
		if a.inner != b.inner || len(a.list) != len(b.list) {
			return false
		}
		for i := range a.list {
			if !equalElements(a.list[i], b.list[i]) {
				return false
			}
		}
		return true
	}
	if a.value.Kind == b.value.Kind {
		switch a.value.Kind {
		case Missing:
			return true
		case JSON, Span, Place:
			return a.value == b.value
		}
	}
	order, ok := Order(a.value, b.value)
	return ok && order == 0
}

// listOf gives the elements of a list that a field holds as JSON.
func listOf(raw []byte, into []element) []element {
	items(raw, func(value []byte) bool {
		if value[0] == '[' {
			into = append(into, element{list: listOf(value, nil), inner: true})
		} else {
			into = append(into, element{value: jsonValue(value)})
		}
		return true
	})
	return into
}

// arrayField is a list that is a value.
type arrayField struct{ Expr }

func (a arrayField) elements(row Row, into []element) ([]element, Truth) {
	v := a.Value(row)
	if v.Kind != JSON || v.Text[0] != '[' {
		return nil, Unknown
	}
	return listOf([]byte(v.Text), into), True
}

// arrayLiteral is a list that the filter spells.
type arrayLiteral []any // Expr or arrayLiteral

func (a arrayLiteral) elements(row Row, into []element) ([]element, Truth) {
	for _, item := range a {
		switch item := item.(type) {
		case arrayLiteral:
			list, _ := item.elements(row, nil)
			into = append(into, element{list: list, inner: true})
		case Expr:
			v := item.Value(row)
			if v.Kind == JSON && v.Text[0] == '[' {
				into = append(into, element{list: listOf([]byte(v.Text), nil), inner: true})
			} else {
				into = append(into, element{value: v})
			}
		}
	}
	return into, True
}

func (a arrayLiteral) Reads(fields []int) []int {
	for _, item := range a {
		switch item := item.(type) {
		case arrayLiteral:
			fields = item.Reads(fields)
		case Expr:
			fields = item.Reads(fields)
		}
	}
	return fields
}
