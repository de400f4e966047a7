package ingest

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// member is where one member of an object lies, as offsets from the object's
// first byte. The key includes its quotes.
type member struct {
	key, keyEnd, value, valueEnd int

	name  int  // the how manieth expected name it has, in order of their becoming known, from 1; 0: unknown
	plain bool // the value is known to be a string without escapes
}

// scanner finds where a JSON value ends and where the members of an object lie.
// On text that is not JSON its findings mean nothing, so that a value must be
// validated before the members are used. Objects with names that it was told of
// are validated on the way.
type scanner struct {
	members []member
	depth   int  // of objects and lists, the value itself included
	valid   bool // the value is known to be valid JSON, in valid UTF-8, with no name twice in an object

	// names are those that objects are expected to have, quoted, in this order,
	// different and without escapes.
	names []expectedName
}

type expectedName struct {
	quoted []byte
	number int // as in member
	// Names are compared by their first eight bytes, or as many as there are, and
	// then by the rest: calling the general comparison costs more than all this.
	first, mask uint64
	rest        []byte
}

func newExpectedName(quoted []byte, number int) expectedName {
	n := expectedName{quoted: bytes.Clone(quoted), number: number, mask: 1<<64 - 1}
	var first [8]byte
	if copied := copy(first[:], n.quoted); copied < 8 {
		n.mask = 1<<(8*copied) - 1
	}
	n.first = binary.LittleEndian.Uint64(first[:])
	n.rest = n.quoted[min(8, len(n.quoted)):]
	return n
}

// begins says whether b begins with the name.
func (n *expectedName) begins(b []byte) bool {
	if len(b) < 8 {
		return bytes.HasPrefix(b, n.quoted)
	}
	return binary.LittleEndian.Uint64(b)&n.mask == n.first && (len(n.rest) == 0 || bytes.HasPrefix(b[8:], n.rest))
}

// scan gives the length of the value at the beginning of b, -1 when b ends
// before it does. A number or a literal at the end of b counts as unfinished.
func (s *scanner) scan(b []byte) int {
	if n := s.expected(b); n > 0 {
		s.valid = true
		return n
	}
	s.valid = false
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

// expected scans and validates what nearly all records are: an object with the
// names of earlier ones, in the same order. It gives 0 for anything else, without
// saying why: the object may be unfinished, invalid or just different.
func (s *scanner) expected(b []byte) int {
	if len(s.names) == 0 || b[0] != '{' {
		return 0
	}
	s.members = s.members[:0]
	s.depth = 1
	names := s.names
	i := 1
	for {
		i = skipSpace(b, i)
		// Names in ascending order cannot occur twice.
		for len(names) > 0 && !names[0].begins(b[i:]) {
			names = names[1:]
		}
		if len(names) == 0 {
			return 0
		}
		m := member{key: i, keyEnd: i + len(names[0].quoted), name: names[0].number}
		names = names[1:]
		if i = skipSpace(b, m.keyEnd); i == len(b) || b[i] != ':' {
			return 0
		}
		m.value = skipSpace(b, i+1)
		if m.value < len(b) && b[m.value] == '"' {
			m.valueEnd, m.plain = validString(b, m.value)
		} else {
			m.valueEnd = s.value(b, m.value)
		}
		if m.valueEnd < 0 {
			return 0
		}
		s.members = append(s.members, m)
		if i = skipSpace(b, m.valueEnd); i == len(b) {
			return 0
		}
		if b[i] == '}' {
			return i + 1
		}
		if b[i] != ',' {
			return 0
		}
		i++
	}
}

// expect adds the names of an object, which was scanned last and is valid, to
// those that objects are expected to have.
func (s *scanner) expect(object []byte) {
	const most = 256
	at := 0
	for _, m := range s.members {
		name := object[m.key:m.keyEnd]
		switch i := slices.IndexFunc(s.names, func(n expectedName) bool { return bytes.Equal(n.quoted, name) }); {
		case i >= 0:
			at = i + 1
		case len(s.names) < most && bytes.IndexByte(name, '\\') < 0:
			s.names = slices.Insert(s.names, at, newExpectedName(name, len(s.names)+1))
			at++
		}
	}
}

// value gives the end of the value at b[i], which is not a string, -1 when it is
// invalid or unfinished.
func (s *scanner) value(b []byte, i int) int {
	if i == len(b) {
		return -1
	}
	switch c := b[i]; {
	case c == '-' || c-'0' <= 9:
		return validNumber(b, i)
	case c == '{' || c == '[':
		end := s.skip(b, i, 1)
		if end < 0 || !jsontext.Value(b[i:end]).IsValid() {
			return -1
		}
		return end
	}
	for _, literal := range []string{"null", "true", "false"} {
		if len(b)-i >= len(literal) && string(b[i:i+len(literal)]) == literal {
			return i + len(literal)
		}
	}
	return -1
}

// validString gives the end of the string whose opening quote is b[i], -1 when
// it is invalid or unfinished, and whether it is without escapes.
func validString(b []byte, i int) (end int, plain bool) {
	open := i
	i++
	seen := uint64(0) // all bytes so far, and perhaps a few behind the string
	for len(b)-i >= 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		seen |= w
		if stop := special(w); stop != 0 {
			i += bits.TrailingZeros64(stop) / 8
			break
		}
		i += 8
	}
	for i < len(b) && b[i] >= ' ' && b[i] != '"' && b[i] != '\\' {
		seen |= uint64(b[i])
		i++
	}
	switch {
	case i == len(b):
	case b[i] == '"' && (seen&(eachByte*0x80) == 0 || utf8.Valid(b[open:i])):
		return i + 1, true
	case b[i] == '\\':
		if end := skipString(b, i-1); end > 0 && jsontext.Value(b[open:end]).IsValid() {
			return end, false
		}
	}
	return -1, false
}

// eachByte times a byte is that byte eight times.
const eachByte = 0x0101010101010101

// zeros marks the first byte of w, in little endian, that is zero, by its high
// bit; it gives 0 when there is none. Marks above the first mean nothing. (See
// "Determine if a word has a zero byte" in S. E. Anderson's Bit Twiddling Hacks:
// the subtraction borrows only from a byte above a marked one.)
func zeros(w uint64) uint64 { return (w - eachByte) &^ w & (eachByte * 0x80) }

// special marks the first byte that is a quote, a backslash or a control
// character, as zeros does.
func special(w uint64) uint64 {
	control := (w - eachByte*' ') &^ w & (eachByte * 0x80)
	return control | zeros(w^eachByte*'"') | zeros(w^eachByte*'\\')
}

// validNumber gives the end of the number at b[i] in the grammar of RFC 8259, -1
// when it is invalid or may go on behind b.
func validNumber(b []byte, i int) int {
	digits := func() bool {
		start := i
		for i < len(b) && b[i]-'0' <= 9 {
			i++
		}
		return i > start
	}
	if b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return -1
	}
	if i < len(b) && b[i] == '.' {
		if i++; !digits() {
			return -1
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return -1
		}
	}
	if i == len(b) {
		return -1
	}
	return i
}

// skipSpace gives where JSON's white space at b[i] ends.
func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}
