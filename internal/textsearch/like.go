package textsearch

import (
	"strings"
	"unicode/utf8"
)

// Pattern is a compiled pattern of LIKE: % stands for any characters, _ for one,
// and a backslash before %, _ or a backslash for that character itself; before any
// other character it is a backslash (CQL2, OGC 21-065r2, 8.3).
type Pattern struct {
	pieces []piece // what stands between the %
	// Where the first piece begins and the last one ends is open if % stands there.
	openStart, openEnd bool
}

// piece is characters in a row.
type piece struct {
	text string // without a _: to be found as it stands
	any  bool   // there is a _, and runes tells
	rune []rune // one for each character, wild for _
}

const wild rune = -1

// CompileLike reads a pattern. Every text is one.
func CompileLike(pattern string) *Pattern {
	p := &Pattern{}
	var runes []rune
	first := true
	end := func() {
		if len(runes) > 0 {
			p.pieces = append(p.pieces, newPiece(runes))
			runes = nil
		}
		first = false
	}
	open := false
	for i := 0; i < len(pattern); {
		r, n := utf8.DecodeRuneInString(pattern[i:])
		i += n
		open = false
		switch r {
		case '%':
			if first && len(runes) == 0 {
				p.openStart = true
			}
			end()
			open = true
		case '_':
			runes = append(runes, wild)
		case '\\':
			if i < len(pattern) && (pattern[i] == '%' || pattern[i] == '_' || pattern[i] == '\\') {
				r = rune(pattern[i])
				i++
			}
			runes = append(runes, r)
		default:
			runes = append(runes, r)
		}
	}
	end()
	p.openEnd = open
	return p
}

func newPiece(runes []rune) piece {
	p := piece{rune: runes}
	var b strings.Builder
	for _, r := range runes {
		if r == wild {
			p.any = true
		} else {
			b.WriteRune(r)
		}
	}
	if !p.any {
		p.text = b.String()
	}
	return p
}

// Match says whether a text fits the pattern.
func (p *Pattern) Match(s string) bool {
	pieces := p.pieces
	if len(pieces) == 0 {
		return p.openStart || p.openEnd || s == ""
	}
	if !p.openStart {
		n := pieces[0].prefix(s)
		if n < 0 {
			return false
		}
		s, pieces = s[n:], pieces[1:]
		if len(pieces) == 0 {
			return p.openEnd || s == ""
		}
	}
	last := len(pieces)
	if !p.openEnd {
		last--
	}
	for _, piece := range pieces[:last] {
		_, end := piece.find(s)
		if end < 0 {
			return false
		}
		s = s[end:]
	}
	return p.openEnd || pieces[last].suffix(s)
}

// prefix gives how many bytes of s the piece takes from its start; below 0: it does
// not fit.
func (p *piece) prefix(s string) int {
	if !p.any {
		if strings.HasPrefix(s, p.text) {
			return len(p.text)
		}
		return -1
	}
	at := 0
	for _, want := range p.rune {
		if at == len(s) {
			return -1
		}
		r, n := utf8.DecodeRuneInString(s[at:])
		if want != wild && r != want {
			return -1
		}
		at += n
	}
	return at
}

// find gives where the piece first occurs.
func (p *piece) find(s string) (start, end int) {
	if !p.any {
		if i := strings.Index(s, p.text); i >= 0 {
			return i, i + len(p.text)
		}
		return -1, -1
	}
	for start := 0; start <= len(s); {
		if n := p.prefix(s[start:]); n >= 0 {
			return start, start + n
		}
		_, n := utf8.DecodeRuneInString(s[start:])
		start += max(n, 1)
	}
	return -1, -1
}

// suffix says whether s ends with the piece.
func (p *piece) suffix(s string) bool {
	if !p.any {
		return strings.HasSuffix(s, p.text)
	}
	start := len(s)
	for range p.rune {
		if start == 0 {
			return false
		}
		_, n := utf8.DecodeLastRuneInString(s[:start])
		start -= n
	}
	return p.prefix(s[start:]) == len(s)-start
}

// Literal gives the longest text without a _ that every match has in it; empty:
// there is none.
func (p *Pattern) Literal() string {
	longest := ""
	for _, piece := range p.pieces {
		run := make([]rune, 0, len(piece.rune))
		for i := 0; i <= len(piece.rune); i++ {
			if i < len(piece.rune) && piece.rune[i] != wild {
				run = append(run, piece.rune[i])
				continue
			}
			if s := string(run); len(s) > len(longest) {
				longest = s
			}
			run = run[:0]
		}
	}
	return longest
}

// Prefix gives what every match begins with, and whether the pattern says nothing
// else: it is that and a %.
func (p *Pattern) Prefix() (prefix string, only bool) {
	if p.openStart || len(p.pieces) == 0 {
		return "", false
	}
	first := p.pieces[0]
	for i, r := range first.rune {
		if r == wild {
			return string(first.rune[:i]), false
		}
	}
	return first.text, len(p.pieces) == 1 && p.openEnd
}
