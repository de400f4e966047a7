package predicate

import (
	"landings/internal/cql2"
	"landings/internal/textsearch"
)

func foldCase(s string) string    { return textsearch.FoldCase(s) }
func foldAccents(s string) string { return textsearch.FoldAccents(s) }

// Like matches a text with a pattern. Where the pattern was folded, so is Arg.
type Like struct {
	Arg     Expr
	Pattern *textsearch.Pattern
}

// Test is unknown for what is no text.
func (l Like) Test(row Row) Truth {
	v := l.Arg.Value(row)
	if v.Kind != Text {
		return Unknown
	}
	return truthOf(l.Pattern.Match(v.Text))
}

// Reads adds what the argument reads.
func (l Like) Reads(fields []int) []int { return l.Arg.Reads(fields) }

// Field gives the field whose text, folded or not, is matched.
func (l Like) Field() (field Get, folded, ok bool) {
	arg := l.Arg
	for {
		f, is := arg.(textFunc)
		if !is {
			break
		}
		arg, folded = f.arg, true
	}
	field, ok = arg.(Get)
	return field, folded, ok
}

func (b binder) like(e cql2.Like) Pred {
	arg := b.want(e.Arg, text)
	return Like{arg.Expr, textsearch.CompileLike(pattern(e.Pattern))}
}

// pattern gives the text of a pattern, folded as it says. Folding leaves the
// characters alone that have a meaning in it.
func pattern(e cql2.Expr) string {
	switch e := e.(type) {
	case cql2.String:
		return e.Value
	case cql2.Casei:
		return foldCase(pattern(e.Arg))
	case cql2.Accenti:
		return foldAccents(pattern(e.Arg))
	}
	fail("a pattern is a text in quotes, within CASEI and ACCENTI or not", "%s is no pattern", spell(e))
	return ""
}
