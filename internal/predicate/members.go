package predicate

import (
	"bytes"
	"unsafe"
)

// The functions here walk JSON that is known to be valid. Keys and values are
// slices of it.

// members calls see with each member of an object, the key with its quotes, until
// it says false.
func members(object []byte, see func(key, value []byte) bool) {
	i := space(object, 1)
	for i < len(object) && object[i] == '"' {
		end := afterString(object, i)
		key := object[i:end]
		i = space(object, space(object, end)+1)
		end = afterValue(object, i)
		if !see(key, object[i:end]) {
			return
		}
		if i = space(object, end); object[i] != ',' {
			return
		}
		i = space(object, i+1)
	}
}

// items calls see with each element of a list, until it says false.
func items(list []byte, see func(value []byte) bool) {
	i := space(list, 1)
	for i < len(list) && list[i] != ']' {
		end := afterValue(list, i)
		if !see(list[i:end]) {
			return
		}
		if i = space(list, end); list[i] != ',' {
			return
		}
		i = space(list, i+1)
	}
}

func space(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' {
		i++
	}
	return i
}

// afterString gives where the string that begins at i ends.
func afterString(b []byte, i int) int {
	i++
	for {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return len(b)
		}
		i += n + 1
		back := i - 2
		for b[back] == '\\' {
			back--
		}
		if (i-2-back)%2 == 0 {
			return i
		}
	}
}

// afterValue gives where the value that begins at i ends.
func afterValue(b []byte, i int) int {
	switch b[i] {
	case '"':
		return afterString(b, i)
	case '{', '[':
		for depth := 0; i < len(b); {
			switch b[i] {
			case '"':
				i = afterString(b, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
		return len(b)
	}
	for i < len(b) && b[i] > ' ' && b[i] != ',' && b[i] != '}' && b[i] != ']' {
		i++
	}
	return i
}

// view lets bytes that are never modified be used as a string without a copy.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
