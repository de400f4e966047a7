package encode

import (
	"github.com/go-json-experiment/json/jsontext"
)

// scanner walks over the members of a JSON object that is known to be valid, for
// everything that is stored was checked when it came in.
type scanner struct {
	rest       []byte
	key, value []byte // of the present member, as they stand; the key with its quotes
}

func newScanner(object []byte) scanner { return scanner{rest: object[1:]} }

// next goes to the next member; false: there is none.
func (s *scanner) next() bool {
	b := s.rest
	i := 0
	for b[i] != '"' { // white space, and the comma after the member before
		if b[i] == '}' {
			return false
		}
		i++
	}
	end := i + stringEnd(b[i:])
	s.key = b[i:end]
	i = end
	for b[i] != ':' {
		i++
	}
	i++
	for b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r' {
		i++
	}
	end = i + valueEnd(b[i:])
	s.value, s.rest = b[i:end], b[end:]
	return true
}

// named says whether the present member has a name.
func (s *scanner) named(name string) bool {
	inner := s.key[1 : len(s.key)-1]
	if string(inner) == name {
		return true
	}
	for _, c := range inner {
		if c == '\\' {
			unquoted, err := jsontext.AppendUnquote(nil, s.key)
			return err == nil && string(unquoted) == name
		}
	}
	return false
}

func (s *scanner) among(names []string) bool {
	for _, name := range names {
		if s.named(name) {
			return true
		}
	}
	return false
}

// stringEnd gives where the string that b begins with ends.
func stringEnd(b []byte) int {
	for i := 1; ; i++ {
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
}

// valueEnd gives where the value that b begins with ends.
func valueEnd(b []byte) int {
	switch b[0] {
	case '"':
		return stringEnd(b)
	case '{', '[':
		depth := 0
		for i := 0; ; i++ {
			switch b[i] {
			case '"':
				i += stringEnd(b[i:]) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	for i, c := range b {
		switch c {
		case ',', '}', ']', ' ', '\n', '\t', '\r':
			return i
		}
	}
	return len(b)
}

// member gives the value of an object's member as it stands; nil: it has none.
// Where a name occurs twice, the last one counts.
func member(object []byte, name string) []byte {
	var found []byte
	for s := newScanner(object); s.next(); {
		if s.named(name) {
			found = s.value
		}
	}
	return found
}

// text gives what a JSON value spells: of a string what is in it, of any other the
// value itself.
func text(value []byte) []byte {
	if len(value) == 0 || value[0] != '"' {
		return value
	}
	inner := value[1 : len(value)-1]
	for _, c := range inner {
		if c == '\\' {
			if unquoted, err := jsontext.AppendUnquote(nil, value); err == nil {
				return unquoted
			}
			return inner
		}
	}
	return inner
}
