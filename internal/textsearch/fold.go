package textsearch

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// FoldCase takes case out of a text, by full case folding (Unicode 3.13, D144):
// "Straße" and "STRASSE" both become "strasse".
func FoldCase(s string) string {
	lower, ascii := true, true
	for i := range len(s) {
		b := s[i]
		lower = lower && (b < 'A' || b > 'Z')
		ascii = ascii && b < utf8.RuneSelf
	}
	switch {
	case !ascii:
		return cases.Fold().String(s)
	case lower:
		return s
	}
	return strings.ToLower(s)
}

// FoldAccents takes accents out of a text: what combines with a letter goes (its
// canonical decomposition without nonspacing marks), and letters that have a
// stroke or a ligature for it, which Unicode does not decompose, become the plain
// letters that their languages write in their place.
func FoldAccents(s string) string {
	if isASCII(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range norm.NFD.String(s) {
		if unicode.Is(unicode.Mn, r) {
			continue
		}
		if plain := plainLetters(r); plain != "" {
			b.WriteString(plain)
		} else {
			b.WriteRune(r)
		}
	}
	return norm.NFC.String(b.String())
}

// Fold takes accents and case out of a text, for searching.
func Fold(s string) string {
	if isASCII(s) {
		return FoldCase(s)
	}
	// Folding case may bring marks about, such as that of the dotted capital I.
	return FoldAccents(FoldCase(FoldAccents(s)))
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func plainLetters(r rune) string {
	switch r {
	case 'ø':
		return "o"
	case 'Ø':
		return "O"
	case 'ł':
		return "l"
	case 'Ł':
		return "L"
	case 'đ', 'ð':
		return "d"
	case 'Đ', 'Ð':
		return "D"
	case 'ħ':
		return "h"
	case 'Ħ':
		return "H"
	case 'ŧ':
		return "t"
	case 'Ŧ':
		return "T"
	case 'ı':
		return "i"
	case 'æ':
		return "ae"
	case 'Æ':
		return "AE"
	case 'œ':
		return "oe"
	case 'Œ':
		return "OE"
	case 'þ':
		return "th"
	case 'Þ':
		return "TH"
	}
	return ""
}
