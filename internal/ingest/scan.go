package ingest

// member is where one member of an object lies, as offsets from the object's
// first byte. The key includes its quotes.
type member struct{ key, keyEnd, value, valueEnd int }

// scanner finds where a JSON value ends and where the members of an object lie,
// in one pass that checks nothing: on text that is not JSON its findings mean
// nothing, so that a value must be validated before the members are used.
type scanner struct {
	members []member
	depth   int // of objects and lists, the value itself included
}

// scan gives the length of the value at the beginning of b, -1 when b ends
// before it does. A number or a literal at the end of b counts as unfinished.
func (s *scanner) scan(b []byte) int {
	s.members = s.members[:0]
	s.depth = 0
	if b[0] != '{' {
		return s.skip(b, 0, 0)
	}
	s.depth = 1
	i := 1
	for i < len(b) {
		switch c := b[i]; c {
		case ' ', '\n', '\r', '\t', ',':
			i++
		case '}':
			return i + 1
		case '"':
			m := member{key: i}
			if i = skipString(b, i); i < 0 {
				return -1
			}
			m.keyEnd = i
			for i < len(b) && (b[i] <= ' ' || b[i] == ':') {
				i++
			}
			if i == len(b) {
				return -1
			}
			m.value = i
			if i = s.skip(b, i, 1); i < 0 {
				return -1
			}
			m.valueEnd = i
			s.members = append(s.members, m)
		default:
			i++ // not JSON: validation says so
		}
	}
	return -1
}

// skip gives the end of the value at b[i], which lies inside depth others.
func (s *scanner) skip(b []byte, i, depth int) int {
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		outside := depth
		for i < len(b) {
			switch b[i] {
			case '"':
				if i = skipString(b, i); i < 0 {
					return -1
				}
				continue
			case '{', '[':
				depth++
				s.depth = max(s.depth, depth)
			case '}', ']':
				if depth--; depth == outside {
					return i + 1
				}
			}
			i++
		}
		return -1
	}
	for ; i < len(b); i++ {
		switch b[i] {
		case ',', ']', '}', ' ', '\n', '\r', '\t':
			return i
		}
	}
	return -1
}

// skipString gives the end of the string whose opening quote is b[i].
func skipString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return -1
}
