package cql2

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"landings/internal/dataset"
)

// ParseText reads a filter as text. An error is a *[dataset.Error] with one place:
// the column, in bytes from 1, what was expected there and what was found; for a
// filter of several lines the line too.
func ParseText(s string) (filter Expr, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failure:
			filter, err = nil, textError(s, r)
		default:
			panic(r)
		}
	}()
	if len(s) > MaxLength {
		failWith("make it shorter", MaxLength, "the filter is longer than %d bytes", MaxLength)
	}
	if !utf8.ValidString(s) {
		fail(len(s)-len(afterValid(s)), "expected UTF-8")
	}
	p := textParser{lexer: lexer{src: s}}
	p.advance()
	root := p.expression()
	if p.tok.kind != tokEnd {
		p.unexpectedAfter(root, "the end")
	}
	wantBoolean(root)
	return root.expr, nil
}

// afterValid gives what follows the valid UTF-8 that s begins with.
func afterValid(s string) string {
	for s != "" {
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && size == 1 {
			break
		}
		s = s[size:]
	}
	return s
}

func textError(s string, f failure) error {
	place := dataset.Place{Column: f.at + 1, Detail: f.detail}
	if strings.Contains(s, "\n") {
		before := s[:f.at]
		place.Line = strings.Count(before, "\n") + 1
		place.Column = f.at - strings.LastIndexByte(before, '\n')
	}
	return &dataset.Error{
		Code:    dataset.Invalid,
		Message: "the filter is not valid CQL2 text",
		Remedy:  cmp.Or(f.remedy, `correct it there; a filter is such as "mass (g)" >= 1000 AND recclass = 'L6': names as they are or in double quotes, texts in single ones`),
		Places:  []dataset.Place{place},
	}
}

// textParser is a recursive descent over the grammar of annex B. It reads one
// general expression with the grammar's precedence, and leaves it to the builder
// to say which kinds of expression may stand where; that saves the guessing
// between the grammar's many rules that begin alike.
type textParser struct {
	lexer
	builder
	tok    token    // the token to be read next
	wholes []uint64 // see wholeInParentheses; nil: not known yet
}

func (p *textParser) advance() { p.tok = p.next() }

// accept reads a token of the given kind, if it comes next.
func (p *textParser) accept(k tokenKind) bool {
	if p.tok.kind != k {
		return false
	}
	p.advance()
	return true
}

func (p *textParser) expect(k tokenKind, expected string) token {
	t := p.tok
	if t.kind != k {
		p.unexpected(expected)
	}
	p.advance()
	return t
}

func (p *textParser) unexpected(expected string) {
	remedy := ""
	switch t := p.tok; {
	case t.kind > tokComparison:
		remedy = p.quoteRemedy(t)
	case t.kind == tokComparison && t.at > 0 && t.text == "=" && p.src[t.at-1] == '=':
		remedy = "write a single = for equal"
	}
	failWith(remedy, p.tok.at, "expected %s, found %s", expected, p.show(p.tok))
}

func (p *textParser) quoteRemedy(keyword token) string {
	return `to name a property like a keyword, write it in double quotes: "` + p.src[keyword.at:keyword.end] + `"`
}

// wantOpening insists on a parenthesis after a keyword: where there is none, a
// property was meant.
func (p *textParser) wantOpening(keyword token) {
	if p.tok.kind != '(' {
		failWith(p.quoteRemedy(keyword), p.tok.at, "expected ( after %s, found %s", p.show(keyword), p.show(p.tok))
	}
}

// unexpectedAfter is for what follows a whole expression and cannot.
func (p *textParser) unexpectedAfter(left part, closing string) {
	if kindOf(left.expr) == predicate {
		p.unexpected("AND, OR or " + closing)
	}
	p.unexpected("an operator or " + closing)
}

// opening and closing read the parentheses around what is nested.
func (p *textParser) opening() {
	p.enter(p.tok.at)
	p.expect('(', "(")
}

func (p *textParser) closing(last part) {
	if p.tok.kind != ')' {
		p.unexpectedAfter(last, ")")
	}
	p.leave()
	p.advance()
}

// expression is rule booleanExpression, or whatever else stands there.
func (p *textParser) expression() part {
	first := p.term()
	if p.tok.kind != tokOr {
		return first
	}
	var space [4]part
	args := append(space[:0], first)
	for p.accept(tokOr) {
		args = append(args, p.term())
	}
	return p.or(first.at, args)
}

// term is rule booleanTerm.
func (p *textParser) term() part {
	first := p.factor()
	if p.tok.kind != tokAnd {
		return first
	}
	var space [4]part
	args := append(space[:0], first)
	for p.accept(tokAnd) {
		args = append(args, p.factor())
	}
	return p.and(first.at, args)
}

// factor is rule booleanFactor.
func (p *textParser) factor() part {
	at := p.tok.at
	if p.accept(tokNot) {
		return p.not(at, p.predicate())
	}
	return p.predicate()
}

// predicate is rule comparisonPredicate, and the others as its operand. Only IS
// NULL takes a predicate as operand, hence the loop.
func (p *textParser) predicate() part {
	left := p.sum()
	for {
		at := left.at
		switch p.tok.kind {
		case tokComparison:
			op := CompareOp(p.tok.text)
			p.advance()
			left = p.comparison(at, op, left, p.sum())
		case tokIs:
			p.advance()
			negated := p.accept(tokNot)
			p.expect(tokNull, "NULL")
			left = p.isNull(at, left)
			if negated {
				left = p.not(at, left)
			}
		case tokNot:
			p.advance()
			switch p.tok.kind {
			case tokLike, tokBetween, tokIn:
				left = p.not(at, p.advanced(left))
			default:
				p.unexpected("LIKE, BETWEEN or IN after NOT")
			}
		case tokLike, tokBetween, tokIn:
			left = p.advanced(left)
		default:
			return left
		}
	}
}

// advanced is one of rules isLikePredicate, isBetweenPredicate, isInListPredicate
// from the keyword on.
func (p *textParser) advanced(left part) part {
	operator := p.tok.kind
	p.advance()
	switch operator {
	case tokLike:
		return p.like(left.at, left, p.sum())
	case tokBetween:
		low := p.sum()
		p.expect(tokAnd, "AND and the upper end of BETWEEN")
		return p.between(left.at, left, low, p.sum())
	}
	return p.inList(left.at, left, p.list((*textParser).expression))
}

// list reads expressions between parentheses.
func (p *textParser) list(element func(*textParser) part) []part {
	p.opening()
	if p.tok.kind == ')' {
		p.leave()
		p.advance()
		return nil
	}
	var items []part
	for {
		last := element(p)
		items = append(items, last)
		if !p.accept(',') {
			if p.tok.kind != ')' {
				p.unexpectedAfter(last, ", or )")
			}
			p.leave()
			p.advance()
			return items
		}
	}
}

// sum is rule arithmeticExpression.
func (p *textParser) sum() part {
	left := p.product()
	for p.tok.kind == '+' || p.tok.kind == '-' {
		op := ArithmeticOp(p.src[p.tok.at:p.tok.end])
		p.advance()
		left = p.arithmetic(left.at, op, left, p.product())
	}
	return left
}

// product is rule arithmeticTerm.
func (p *textParser) product() part {
	left := p.power()
	for {
		var op ArithmeticOp
		switch p.tok.kind {
		case '*', '/', '%':
			op = ArithmeticOp(p.src[p.tok.at:p.tok.end])
		case tokDiv:
			op = IntegerDivide
		default:
			return left
		}
		p.advance()
		left = p.arithmetic(left.at, op, left, p.power())
	}
}

// power is rule powerTerm, which takes one ^ alone.
func (p *textParser) power() part {
	base := p.operand()
	if !p.accept('^') {
		return base
	}
	result := p.arithmetic(base.at, Power, base, p.operand())
	if p.tok.kind == '^' {
		failWith("put parentheses around one of the powers", p.tok.at, "a power of a power is ambiguous")
	}
	return result
}

// operand is rule arithmeticFactor, and every other operand.
func (p *textParser) operand() part {
	t := p.tok
	switch t.kind {
	case '-':
		p.advance()
		switch p.tok.kind {
		case tokNumber:
			return p.signed(t)
		case '+', '-':
			sign := p.tok
			p.advance()
			return p.negative(t.at, p.signed(sign))
		}
		return p.negative(t.at, p.primary())
	case '+':
		p.advance()
		return p.signed(t)
	}
	return p.primary()
}

// negative is a minus sign before what is not a plain number.
func (p *textParser) negative(at int, of part) part {
	return p.arithmetic(at, Multiply, p.node(at, Number{"-1"}, 0), of)
}

// signed reads the number after a sign.
func (p *textParser) signed(sign token) part {
	return p.node(sign.at, p.numberAfter(sign), 0)
}

// numberAfter reads the number after a sign; a sign of no kind is none.
func (p *textParser) numberAfter(sign token) Number {
	t := p.expect(tokNumber, "a number")
	if sign.kind != '-' {
		return Number{t.text}
	}
	if sign.end == t.at && t.end-t.at == len(t.text) {
		if text := p.src[t.at:t.end]; text == t.text {
			return Number{p.src[sign.at:t.end]} // no copy
		}
	}
	return Number{"-" + t.text}
}

// primary is everything that no operator takes apart.
func (p *textParser) primary() part {
	t := p.tok
	switch t.kind {
	case tokNumber:
		p.advance()
		return p.node(t.at, Number{t.text}, 0)
	case tokString:
		p.advance()
		return p.node(t.at, String{t.text}, 0)
	case tokName, tokQuoted:
		p.advance()
		if p.tok.kind == '(' {
			return p.function(t.at, t.text, p.list((*textParser).element))
		}
		return p.node(t.at, Property{t.text}, 0)
	case tokTrue, tokFalse:
		p.advance()
		return p.node(t.at, Boolean{t.kind == tokTrue}, 0)
	case tokCasei, tokAccenti:
		p.advance()
		p.wantOpening(t)
		p.opening()
		arg := p.expression()
		p.closing(arg)
		if t.kind == tokCasei {
			return p.casei(t.at, arg)
		}
		return p.accenti(t.at, arg)
	case tokDate, tokTimestamp:
		p.advance()
		p.wantOpening(t)
		p.opening()
		text := p.expect(tokString, "a string")
		p.expect(')', ")")
		p.leave()
		var instant part
		if t.kind == tokDate {
			instant = p.date(text.at, text.text)
		} else {
			instant = p.timestamp(text.at, text.text)
		}
		instant.at = t.at
		return instant
	case tokInterval:
		p.advance()
		p.wantOpening(t)
		p.opening()
		start := p.end()
		p.expect(',', ", and the end of the interval")
		end := p.end()
		p.expect(')', ")")
		p.leave()
		return p.interval(t.at, start, end)
	case tokGeometry:
		return p.geometry()
	case tokBBox:
		p.advance()
		p.wantOpening(t)
		return p.bbox(t.at, p.box())
	case tokPredicate:
		return p.binaryPredicate()
	case '(':
		p.opening()
		inner := p.expression()
		p.closing(inner)
		inner.at = t.at
		return inner
	}
	p.unexpected("a value")
	return part{}
}

// end is rule instantParameter.
func (p *textParser) end() part {
	if t := p.tok; t.kind == tokString {
		p.advance()
		return p.bound(t.at, t.text)
	}
	return p.expression()
}

// binaryPredicate is one of rules spatialPredicate, temporalPredicate and
// arrayPredicate.
func (p *textParser) binaryPredicate() part {
	t := p.tok
	class := operators[strings.ToLower(t.text)].class
	argument := (*textParser).expression
	if class == classArray {
		argument = (*textParser).arrayOperand
	}
	p.advance()
	p.wantOpening(t)
	p.opening()
	left := argument(p)
	if p.tok.kind != ',' {
		p.unexpectedAfter(left, ", and a second operand")
	}
	p.advance()
	right := argument(p)
	p.closing(right)
	switch class {
	case classSpatial:
		return p.spatial(t.at, SpatialOp(t.text), left, right)
	case classTemporal:
		return p.temporal(t.at, TemporalOp(t.text), left, right)
	}
	return p.arrays(t.at, ArrayOp(t.text), left, right)
}

// arrayOperand is rule arrayOperand: a parenthesis there always is an array.
func (p *textParser) arrayOperand() part {
	if p.tok.kind == '(' {
		return p.arrayExpression()
	}
	return p.expression()
}

func (p *textParser) arrayExpression() part {
	at := p.tok.at
	return p.array(at, p.list((*textParser).element))
}

// element is rule argument, or arrayElement. A parenthesis opens an array if the
// element ends where it closes; otherwise it is there for precedence.
func (p *textParser) element() part {
	if p.tok.kind == '(' && p.wholeInParentheses() {
		return p.arrayExpression()
	}
	return p.expression()
}

// wholeInParentheses looks ahead from an opening parenthesis to what follows the
// closing one. The first call looks at the whole rest of the text, so that nested
// arrays do not take a look each.
func (p *textParser) wholeInParentheses() bool {
	at := p.tok.at
	if p.wholes == nil {
		p.wholes = findWholes(p.src, at)
	}
	return p.wholes[at/64]&(1<<(at%64)) != 0
}

// findWholes gives a set of bits: the offsets, from a parenthesis on, of those
// that open what a comma or another parenthesis follows.
func findWholes(src string, from int) []uint64 {
	const geometry = 4 // the parentheses of a MULTIPOLYGON, which descend no parser
	wholes := make([]uint64, len(src)/64+1)
	var open []int
	l := lexer{src: src, pos: from}
	for t := l.next(); t.kind != tokEnd; {
		closed := -1
		switch t.kind {
		case '(':
			if len(open) == maxOpen+geometry {
				tooDeep(t.at)
			}
			open = append(open, t.at)
		case ')':
			if last := len(open) - 1; last >= 0 { // else it closes what began before from
				closed, open = open[last], open[:last]
			}
		}
		t = l.next()
		if closed >= 0 && (t.kind == ',' || t.kind == ')') {
			wholes[closed/64] |= 1 << (closed % 64)
		}
	}
	return wholes
}

// geometry is rule spatialInstance but for BBOX.
func (p *textParser) geometry() part {
	t := p.tok
	p.advance()
	// Z says nothing that the positions do not say: /req/cql2-text/basic-spatial-functions-plus.
	if p.word("Z") {
		p.advance()
	}
	if !p.word("EMPTY") {
		p.wantOpening(t)
	}
	s := shape{b: &p.builder}
	var e Expr
	switch t.text {
	case "Point":
		e = Point{p.pointText(&s)}
	case "LineString":
		e = LineString{p.lineText(&s)}
	case "Polygon":
		e = Polygon{p.polygonText(&s)}
	case "MultiPoint":
		e = MultiPoint{many(p, func() Position { return p.memberPoint(&s) })}
	case "MultiLineString":
		e = MultiLineString{many(p, func() []Position { return p.lineText(&s) })}
	case "MultiPolygon":
		e = MultiPolygon{many(p, func() [][]Position { return p.polygonText(&s) })}
	case "GeometryCollection":
		p.expect('(', "( and a geometry")
		var members []part
		for more := true; more; more = p.accept(',') {
			if p.tok.kind != tokGeometry || strings.EqualFold(p.src[p.tok.at:p.tok.end], t.text) {
				fail(p.tok.at, "expected a geometry that is neither a collection nor a bounding box, found %s", p.show(p.tok))
			}
			members = append(members, p.geometry())
		}
		p.expect(')', ", or )")
		return p.collection(t.at, members)
	}
	return p.node(t.at, e, 0)
}

// word says whether the next token is a word that is a keyword there alone.
func (p *textParser) word(w string) bool {
	return p.tok.kind == tokName && strings.EqualFold(p.tok.text, w)
}

// many reads what stands between parentheses, or EMPTY.
func many[T any](p *textParser, read func() T) []T {
	if p.word("EMPTY") {
		p.advance()
		return []T{}
	}
	p.expect('(', "( or EMPTY")
	var list []T
	for more := true; more; more = p.accept(',') {
		list = append(list, read())
	}
	p.expect(')', ", or )")
	return list
}

func (p *textParser) polygonText(s *shape) [][]Position {
	return many(p, func() []Position {
		at := p.tok.at
		ring := many(p, func() Position { return p.position(s) })
		checkRing(at, ring)
		return ring
	})
}

func (p *textParser) lineText(s *shape) []Position {
	at := p.tok.at
	p.expect('(', "(")
	var line []Position
	for more := true; more; more = p.accept(',') {
		line = append(line, p.position(s))
	}
	p.expect(')', ", or )")
	checkLine(at, line)
	return line
}

func (p *textParser) pointText(s *shape) Position {
	p.expect('(', "(")
	at := p.position(s)
	p.expect(')', ")")
	return at
}

// memberPoint takes a point of a MULTIPOINT without parentheses too, as older WKT
// has it.
func (p *textParser) memberPoint(s *shape) Position {
	if p.tok.kind == '(' {
		return p.pointText(s)
	}
	return p.position(s)
}

// position is rule point.
func (p *textParser) position(s *shape) Position {
	at := p.tok.at
	pos := Position{X: p.coordinate(), Y: p.coordinate()}
	switch p.tok.kind {
	case tokNumber, '-', '+':
		pos.Z = p.coordinate()
	}
	return s.position(at, pos)
}

func (p *textParser) coordinate() Number {
	switch t := p.tok; t.kind {
	case '-', '+':
		p.advance()
		return p.numberAfter(t)
	}
	return p.numberAfter(token{})
}

// box reads the numbers of a BBOX.
func (p *textParser) box() []Number {
	p.expect('(', "(")
	n := make([]Number, 0, 6)
	for more := true; more; more = p.accept(',') {
		if len(n) == 6 {
			fail(p.tok.at, "expected ) after the 6 numbers of a bounding box, found another")
		}
		n = append(n, p.coordinate())
	}
	p.expect(')', ", or )")
	return n
}
