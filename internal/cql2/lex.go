package cql2

import (
	"strings"
	"unicode/utf8"

	"landings/internal/dataset"
)

// tokenKind is what a token is. A single character such as '(' is its own kind;
// the named kinds lie above all of those.
type tokenKind uint8

const (
	tokEnd    tokenKind = iota + 128
	tokNumber           // text: a JSON number, unsigned
	tokString           // text: without quotes and escapes
	tokName             // text: an identifier that is no keyword
	tokQuoted           // text: a name in double quotes, without them
	tokComparison
	tokAnd
	tokOr
	tokNot
	tokLike
	tokBetween
	tokIn
	tokIs
	tokNull
	tokDiv
	tokTrue
	tokFalse
	tokCasei
	tokAccenti
	tokDate
	tokTimestamp
	tokInterval
	tokGeometry // text: the type as GeoJSON spells it
	tokBBox
	tokPredicate // text: the op as JSON spells it
)

// token is a piece of the text, from at up to end.
type token struct {
	kind    tokenKind
	at, end int
	text    string
}

// keyword is a reserved word.
type keyword struct {
	kind tokenKind
	text string
}

// keywords holds the reserved words of clause 8.2 and INTERVAL, which the clause
// forgets, in lower case; but for the functions of predicates, which are in
// operators. It is read only.
var keywords = map[string]keyword{
	"accenti":            {tokAccenti, ""},
	"and":                {tokAnd, ""},
	"bbox":               {tokBBox, ""},
	"between":            {tokBetween, ""},
	"casei":              {tokCasei, ""},
	"date":               {tokDate, ""},
	"div":                {tokDiv, ""},
	"false":              {tokFalse, ""},
	"geometrycollection": {tokGeometry, "GeometryCollection"},
	"in":                 {tokIn, ""},
	"interval":           {tokInterval, ""},
	"is":                 {tokIs, ""},
	"like":               {tokLike, ""},
	"linestring":         {tokGeometry, "LineString"},
	"multilinestring":    {tokGeometry, "MultiLineString"},
	"multipoint":         {tokGeometry, "MultiPoint"},
	"multipolygon":       {tokGeometry, "MultiPolygon"},
	"not":                {tokNot, ""},
	"null":               {tokNull, ""},
	"or":                 {tokOr, ""},
	"point":              {tokGeometry, "Point"},
	"polygon":            {tokGeometry, "Polygon"},
	"timestamp":          {tokTimestamp, ""},
	"true":               {tokTrue, ""},
}

// longestKeyword is the length of GEOMETRYCOLLECTION.
const longestKeyword = 18

// findKeyword tells whether a word is reserved, in any case.
func findKeyword(word string) (keyword, bool) {
	if len(word) > longestKeyword {
		return keyword{}, false
	}
	var lower [longestKeyword]byte
	for i := range len(word) {
		c := word[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	name := lower[:len(word)]
	if len(name) > 2 && name[1] == '_' {
		o, ok := operators[string(name)]
		return keyword{tokPredicate, o.name}, ok
	}
	k, ok := keywords[string(name)]
	return k, ok
}

// lexer cuts a text into tokens.
type lexer struct {
	src string
	pos int // where the next token, or the white space before it, begins
}

// next gives the next token; at the end of the text tokEnd, again and again.
func (l *lexer) next() token {
	l.skipSpace()
	at := l.pos
	if at == len(l.src) {
		return token{tokEnd, at, at, ""}
	}
	c := l.src[at]
	switch {
	case isDigit(c) || c == '.':
		return l.number()
	case c == '\'':
		return l.literal()
	case c == '"':
		return l.quoted()
	}
	switch c {
	case '(', ')', ',', '+', '-', '*', '/', '%', '^':
		l.pos++
		return token{tokenKind(c), at, l.pos, ""}
	case '=':
		l.pos++
		return token{tokComparison, at, l.pos, string(Equal)}
	case '<', '>':
		return l.angle()
	}
	if n := identifierStart(l.src[at:]); n == 0 {
		remedy := ""
		if c == '!' {
			remedy = "write <> for not equal, and NOT for a negation"
		}
		r, _ := utf8.DecodeRuneInString(l.src[at:])
		failWith(remedy, at, "unexpected character %q", r)
	}
	for l.pos < len(l.src) {
		n := identifierPart(l.src[l.pos:])
		if n == 0 {
			break
		}
		l.pos += n
	}
	word := l.src[at:l.pos]
	if k, ok := findKeyword(word); ok {
		return token{k.kind, at, l.pos, k.text}
	}
	return token{tokName, at, l.pos, word}
}

// angle reads <, >, <=, >= or <>. The grammar makes the two-character ones
// of two terminals, so that white space may stand between.
func (l *lexer) angle() token {
	at := l.pos
	l.pos++
	first, end := l.src[at], l.pos
	l.skipSpace()
	if l.pos < len(l.src) {
		switch second := l.src[l.pos]; {
		case second == '=' && first == '<':
			l.pos++
			return token{tokComparison, at, l.pos, string(LessOrEqual)}
		case second == '=':
			l.pos++
			return token{tokComparison, at, l.pos, string(GreaterOrEqual)}
		case second == '>' && first == '<':
			l.pos++
			return token{tokComparison, at, l.pos, string(NotEqual)}
		}
	}
	l.pos = end
	return token{tokComparison, at, end, l.src[at:end]}
}

func (l *lexer) digits() int {
	from := l.pos
	for l.pos < len(l.src) && isDigit(l.src[l.pos]) {
		l.pos++
	}
	return l.pos - from
}

// number reads an unsigned number and spells it as JSON does: without zeros that
// lead, with a digit on both sides of a point.
func (l *lexer) number() token {
	at := l.pos
	whole := l.digits()
	fraction, point := 0, false
	if l.pos < len(l.src) && l.src[l.pos] == '.' {
		point = true
		l.pos++
		fraction = l.digits()
	}
	if whole+fraction == 0 {
		fail(at, "expected a digit after the point")
	}
	mantissa := l.pos
	if l.pos < len(l.src) && l.src[l.pos]|0x20 == 'e' {
		l.pos++
		if l.pos < len(l.src) && (l.src[l.pos] == '+' || l.src[l.pos] == '-') {
			l.pos++
		}
		if l.digits() == 0 {
			fail(at, "expected digits in the exponent of the number")
		}
	}
	if identifierPart(l.src[l.pos:]) != 0 {
		fail(l.pos, "expected white space or an operator after the number")
	}
	text := l.src[at:l.pos]
	if (whole > 1 && text[0] == '0') || whole == 0 || (point && fraction == 0) {
		units := strings.TrimLeft(text[:whole], "0")
		if units == "" {
			units = "0"
		}
		decimals := ""
		if fraction > 0 {
			decimals = l.src[mantissa-fraction-1 : mantissa]
		}
		text = units + decimals + l.src[mantissa:l.pos]
	}
	return token{tokNumber, at, l.pos, text}
}

// literal reads a string in single quotes.
func (l *lexer) literal() token {
	at := l.pos
	l.pos++
	var text []byte  // what came before the last escape; nil: there was none
	from := l.pos    // where what is not in text yet begins
	escaped := false // whether text counts
	for l.pos < len(l.src) {
		switch l.src[l.pos] {
		case '\'':
			if l.pos+1 == len(l.src) || l.src[l.pos+1] != '\'' {
				s := l.src[from:l.pos]
				if escaped {
					s = string(append(text, s...))
				}
				l.pos++
				return token{tokString, at, l.pos, s}
			}
			text, escaped = append(text, l.src[from:l.pos+1]...), true
			l.pos += 2
			from = l.pos
		case '\\':
			if c, ok := unescape(l.src[l.pos+1:]); ok {
				text, escaped = append(append(text, l.src[from:l.pos]...), c), true
				l.pos += 2
				from = l.pos
			} else {
				l.pos++
			}
		default:
			l.pos++
		}
	}
	failWith(`end it with '; within it, write '' for a quote and \\ for a backslash`, at, "the string does not end")
	return token{}
}

// escapes are the letters that stand for control characters after a backslash,
// from BEL on: requirement /req/cql2-text/escaping.
const escapes = "abtnvfr"

// unescape gives the character that a backslash before rest stands for.
func unescape(rest string) (byte, bool) {
	if rest == "" {
		return 0, false
	}
	c := rest[0]
	if c == '\'' || c == '\\' {
		return c, true
	}
	if i := strings.IndexByte(escapes, c); i >= 0 {
		return '\a' + byte(i), true
	}
	return 0, false
}

// quoted reads a name in double quotes.
func (l *lexer) quoted() token {
	at := l.pos
	l.pos++
	for from, doubled := l.pos, false; l.pos < len(l.src); l.pos++ {
		if l.src[l.pos] != '"' {
			continue
		}
		if l.pos+1 < len(l.src) && l.src[l.pos+1] == '"' {
			doubled = true
			l.pos++
			continue
		}
		name := l.src[from:l.pos]
		if doubled {
			name = strings.ReplaceAll(name, `""`, `"`)
		}
		l.pos++
		return token{tokQuoted, at, l.pos, name}
	}
	failWith(`end it with "; within it, write "" for a double quote`, at, "the name does not end")
	return token{}
}

func (l *lexer) skipSpace() {
	for l.pos < len(l.src) {
		n := space(l.src[l.pos:])
		if n == 0 {
			return
		}
		l.pos += n
	}
}

// show gives a token as it stands in the text, for an error message.
func (l *lexer) show(t token) string {
	switch t.kind {
	case tokEnd:
		return "the end"
	case tokString, tokName, tokQuoted, tokNumber, tokComparison:
		return dataset.Excerpt(l.src[t.at:t.end])
	}
	if t.kind < tokEnd {
		return l.src[t.at:t.end]
	}
	return "the keyword " + strings.ToUpper(l.src[t.at:t.end])
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// space gives the length of the white space character that s begins with, 0 where
// there is none: rule whitespace.
func space(s string) int {
	switch c := s[0]; {
	case c == ' ' || '\t' <= c && c <= '\r':
		return 1
	case c < utf8.RuneSelf:
		return 0
	}
	switch r, size := utf8.DecodeRuneInString(s); {
	case r == 0x85, r == 0xA0, r == 0x1680, 0x2000 <= r && r <= 0x200A,
		r == 0x2028, r == 0x2029, r == 0x202F, r == 0x205F, r == 0x3000:
		return size
	}
	return 0
}

// identifierStart gives the length of the first character of s if an identifier
// may begin with it, else 0.
func identifierStart(s string) int {
	if s == "" {
		return 0
	}
	if c := s[0]; c < utf8.RuneSelf {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == ':' {
			return 1
		}
		return 0
	}
	switch r, size := utf8.DecodeRuneInString(s); {
	case r == utf8.RuneError && size <= 1: // a name made by hand
		return 0
	case 0xC0 <= r && r <= 0x2FF && r != 0xD7 && r != 0xF7,
		0x370 <= r && r <= 0x1FFE && r != 0x37E && r != 0x1680,
		r == 0x200C, r == 0x200D,
		0x2070 <= r && r <= 0x218F,
		0x2C00 <= r && r <= 0x2FEF,
		0x3001 <= r && r <= 0xD7FF,
		0xF900 <= r && r <= 0xFDCF,
		0xFDF0 <= r && r <= 0xFFFD,
		0x10000 <= r && r <= 0xEFFFF:
		return size
	}
	return 0
}

// identifierPart gives the length of the first character of s if an identifier
// may go on with it, else 0.
func identifierPart(s string) int {
	if s == "" {
		return 0
	}
	if isDigit(s[0]) || s[0] == '.' {
		return 1
	}
	if n := identifierStart(s); n > 0 {
		return n
	}
	switch r, size := utf8.DecodeRuneInString(s); {
	case 0x300 <= r && r <= 0x36F, r == 0x203F, r == 0x2040:
		return size
	}
	return 0
}

// isPlainName says whether a name reads as a name without quotes.
func isPlainName(name string) bool {
	if identifierStart(name) == 0 {
		return false
	}
	for rest := name; rest != ""; {
		n := identifierPart(rest)
		if n == 0 {
			return false
		}
		rest = rest[n:]
	}
	_, reserved := findKeyword(name)
	return !reserved
}
