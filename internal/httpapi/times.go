package httpapi

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"

	"landings/internal/cql2"
	"landings/internal/dataset"
)

// span is what an instant of datetime covers: a year, a month, a day, or the
// instant itself. Both ends belong to it.
type span struct {
	first, last time.Time
}

const datetimeRemedy = "give an instant such as 1990-05-01 or 1990-05-01T12:00:00Z, a year, or an interval such as 1990-01-01/1999-12-31 or 1990/.."

// timeRemedy gives the remedy for what is no time: the usual one, but where a + before
// the zone has come as a space.
func timeRemedy(s, usual string) string {
	if at := strings.LastIndexByte(s, ' '); at >= 0 {
		if _, ok := parseSpan(s[:at] + "+" + s[at+1:]); ok {
			return "escape + as %2B: in an address a + as it stands means a space"
		}
	}
	return usual
}

// parseSpan reads one end of datetime: what RFC 3339 has, and years and months,
// for people ask for these.
func parseSpan(s string) (span, bool) {
	until := func(from, next time.Time) (span, bool) { return span{from, next.Add(-time.Nanosecond)}, true }
	b := []byte(s)
	if year, ok := dataset.ParseYear(b); ok && year > -10_000 && year < 10_000 {
		from := time.Date(int(year), 1, 1, 0, 0, 0, 0, time.UTC)
		return until(from, from.AddDate(1, 0, 0))
	}
	if len(s) == 7 && s[4] == '-' {
		if from, ok := dataset.ParseTime([]byte(s + "-01")); ok {
			return until(from, from.AddDate(0, 1, 0))
		}
	}
	from, ok := dataset.ParseTime(b)
	if ok && len(s) == 10 {
		return until(from, from.AddDate(0, 0, 1))
	}
	return span{from, from}, ok
}

// datetime takes the parameter of that name: an instant or an interval on the
// schema's time field, open where an end is .. or empty. Where that field is a
// year, a record's time is the whole of it, and matches what it has in common
// with.
func (a *asker) datetime(v string) error {
	name := a.schema.TimeField
	if name == "" {
		return &dataset.Error{
			Code:    dataset.Invalid,
			Message: "datetime cannot be used: the records have no time",
			Remedy:  "say in the configuration which field holds it (time_field), and load again",
			Places:  []dataset.Place{{Parameter: "datetime", Detail: "the dataset has no time field"}},
		}
	}
	from, to, interval := strings.Cut(v, "/")
	if !interval {
		to = from
		if from == "" || from == ".." {
			return bad(wordDatetime, 1, "it is empty", datetimeRemedy)
		}
	}
	first, open1, err := a.end(from, 1)
	if err != nil {
		return err
	}
	last, open2, err := a.end(to, len(v)-len(to)+1)
	if err != nil {
		return err
	}
	if !open1 && !open2 && last.last.Before(first.first) {
		return bad(wordDatetime, len(from)+2, "it ends before it begins", "give the earlier end first")
	}
	field := cql2.Property{Name: name}
	literal := func(t time.Time) cql2.Expr {
		return cql2.Timestamp{Text: t.Format("2006-01-02T15:04:05.999999999Z")}
	}
	if f := a.field(name); f != nil && f.Type != dataset.Time {
		literal = func(t time.Time) cql2.Expr { return cql2.Number{Text: strconv.Itoa(t.Year())} }
	}
	var parts []cql2.Expr
	if !open1 {
		parts = append(parts, cql2.Comparison{Op: cql2.GreaterOrEqual, Left: field, Right: literal(first.first)})
	}
	if !open2 {
		parts = append(parts, cql2.Comparison{Op: cql2.LessOrEqual, Left: field, Right: literal(last.last)})
	}
	if open1 && open2 {
		parts = append(parts, cql2.Not{Arg: cql2.IsNull{Arg: field}}) // any time, but one
	}
	a.all = append(a.all, parts...)
	return nil
}

func (a *asker) end(s string, at int) (span, bool, error) {
	if s == "" || s == ".." {
		return span{}, true, nil
	}
	got, ok := parseSpan(s)
	if !ok || got.first.Year() < 0 || got.first.Year() > 9999 {
		return span{}, false, bad(wordDatetime, at, "\""+dataset.Excerpt(s)+"\" is no date and no time", timeRemedy(s, datetimeRemedy))
	}
	return got, false, nil
}

// column takes the values given for one field: a record matches with any of them.
// An empty value is asked of records that have none.
func (a *asker) column(c *column) error {
	field := cql2.Property{Name: c.field.Name}
	var either []cql2.Expr // conditions, one of which holds
	var list []cql2.Expr
	for _, v := range c.values {
		if v == "" {
			either = append(either, cql2.IsNull{Arg: field})
			continue
		}
		wrong := ""
		switch b := []byte(v); c.field.Type {
		case dataset.Text:
			list = append(list, cql2.String{Value: v})
		case dataset.Integer:
			if n, ok := dataset.ParseYear(b); ok {
				list = append(list, cql2.Number{Text: strconv.FormatInt(n, 10)})
			} else if n, ok := jsonNumber(b); ok {
				list = append(list, n)
			} else {
				wrong = "a number"
			}
		case dataset.Number:
			if n, ok := jsonNumber(b); ok {
				list = append(list, n)
			} else if n, ok := dataset.ParseYear(b); ok {
				list = append(list, cql2.Number{Text: strconv.FormatInt(n, 10)})
			} else {
				wrong = "a number"
			}
		case dataset.Boolean:
			t, ok := dataset.ParseBoolean(b)
			if !ok {
				wrong = "true or false"
			}
			list = append(list, cql2.Boolean{Value: t})
		case dataset.Time:
			s, ok := parseSpan(v)
			if !ok || s.first.Year() < 0 || s.first.Year() > 9999 {
				wrong = "a date or a time"
				break
			}
			literal := func(t time.Time) cql2.Expr {
				return cql2.Timestamp{Text: t.Format("2006-01-02T15:04:05.999999999Z")}
			}
			if s.first.Equal(s.last) {
				list = append(list, literal(s.first))
			} else {
				either = append(either, cql2.And{Args: []cql2.Expr{
					cql2.Comparison{Op: cql2.GreaterOrEqual, Left: field, Right: literal(s.first)},
					cql2.Comparison{Op: cql2.LessOrEqual, Left: field, Right: literal(s.last)},
				}})
			}
		default:
			return &dataset.Error{
				Code:    dataset.Invalid,
				Message: "values of \"" + dataset.Excerpt(c.field.Name) + "\" cannot be compared in this way: the field's type is " + string(c.field.Type),
				Remedy:  "use filter, or for a place bbox or near",
				Places:  []dataset.Place{{Parameter: dataset.Excerpt(c.field.Name), Detail: "is of type " + string(c.field.Type)}},
			}
		}
		if wrong != "" {
			return &dataset.Error{
				Code:    dataset.Invalid,
				Message: "\"" + dataset.Excerpt(v) + "\" is not " + wrong + ", and the values of \"" + dataset.Excerpt(c.field.Name) + "\" are",
				Remedy:  timeRemedy(v, "give "+wrong),
				Places:  []dataset.Place{{Parameter: dataset.Excerpt(c.field.Name), Column: 1, Detail: "is not " + wrong}},
			}
		}
	}
	switch len(list) {
	case 0:
	case 1:
		either = append(either, cql2.Comparison{Op: cql2.Equal, Left: field, Right: list[0]})
	default:
		either = append(either, cql2.In{Arg: field, List: list})
	}
	if len(either) == 1 {
		a.all = append(a.all, either[0])
	} else {
		a.all = append(a.all, cql2.Or{Args: either})
	}
	return nil
}

// jsonNumber reads a number as data spells it, and spells it as JSON does.
func jsonNumber(b []byte) (cql2.Number, bool) {
	f, ok := dataset.ParseNumber(b)
	if !ok {
		return cql2.Number{}, false
	}
	digits := bytes.TrimPrefix(b, []byte("-"))
	point := bytes.IndexByte(b, '.')
	if digits[0]-'0' > 9 || point >= 0 && (point+1 == len(b) || b[point+1]-'0' > 9) {
		return cql2.Number{Text: strconv.FormatFloat(f, 'g', -1, 64)}, !math.IsInf(f, 0) // +1, .5, 5.
	}
	return cql2.Number{Text: string(b)}, true
}
