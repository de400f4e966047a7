package dataset

import (
	"bytes"
	"strconv"
	"time"
	"unsafe"
)

// What a text means. Loading infers types with these functions, and whoever
// compares, sorts or indexes values must read them with the same ones.
//
// A text means a value only when all of it does: there is no trimming, no
// separator of thousands, no unit.

// text lets the parsers below read bytes without a copy. None of them keeps it.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// ParseBoolean reads true and false, in lower case, upper case or with a capital.
func ParseBoolean(b []byte) (value, ok bool) {
	switch text(b) {
	case "true", "True", "TRUE":
		return true, true
	case "false", "False", "FALSE":
		return false, true
	}
	return false, false
}

// ParseInteger reads an optional minus sign and decimal digits, within 64 bits.
// A number with a leading zero is no integer, for it is a code, such as a postal
// one; but see [ParseYear].
func ParseInteger(b []byte) (int64, bool) {
	digits := b
	if len(b) > 0 && b[0] == '-' {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > 19 || digits[0] == '0' && len(b) > 1 {
		return 0, false
	}
	if len(digits) == 19 { // may overflow
		n, err := strconv.ParseInt(text(b), 10, 64)
		return n, err == nil
	}
	n := int64(0)
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if len(digits) < len(b) {
		n = -n
	}
	return n, true
}

// ParseYear reads a year as ISO 8601 spells it, four digits ("0860"), or as
// [ParseInteger] reads it.
func ParseYear(b []byte) (int64, bool) {
	if len(b) != 4 || b[0] != '0' {
		return ParseInteger(b)
	}
	n, ok := digits(b)
	return int64(n), ok
}

// IsNumber says whether b spells a decimal number: an optional sign, digits with
// at most one point among, before or after them, and an optional exponent of any
// size. As with integers, a zero before another digit makes it a code.
func IsNumber(b []byte) bool {
	i, n := 0, len(b)
	if i < n && (b[i] == '-' || b[i] == '+') {
		i++
	}
	start := i
	for i < n && b[i]-'0' <= 9 {
		i++
	}
	whole := i - start
	if whole > 1 && b[start] == '0' {
		return false
	}
	if i < n && b[i] == '.' {
		i++
		start = i
		for i < n && b[i]-'0' <= 9 {
			i++
		}
		whole += i - start
	}
	if whole == 0 {
		return false
	}
	if i < n && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < n && (b[i] == '-' || b[i] == '+') {
			i++
		}
		start = i
		for i < n && b[i]-'0' <= 9 {
			i++
		}
		if i == start {
			return false
		}
	}
	return i == n
}

// ParseNumber reads what [IsNumber] accepts. A number beyond the range of a
// float64, such as 1e400, becomes an infinity of its sign, so that it still sorts
// where it belongs; its spelling is kept in the record.
func ParseNumber(b []byte) (float64, bool) {
	if !IsNumber(b) {
		return 0, false
	}
	f, _ := strconv.ParseFloat(text(b), 64) // the one error left is the range, where f is an infinity
	return f, true
}

// ParsePoint reads "(latitude, longitude)" in degrees, spaces around the numbers
// allowed: latitudes within 90 degrees, longitudes within 360, for both
// conventions are in use.
func ParsePoint(b []byte) (lat, lon float64, ok bool) {
	a, o, ok := splitPoint(b)
	if !ok {
		return 0, 0, false
	}
	lat, ok1 := ParseNumber(a)
	lon, ok2 := ParseNumber(o)
	if !ok1 || !ok2 || lat < -90 || lat > 90 || lon < -360 || lon > 360 {
		return 0, 0, false
	}
	return lat, lon, true
}

// IsPoint says whether [ParsePoint] accepts b, at less cost.
func IsPoint(b []byte) bool {
	if len(b) > 0 && b[0] == '(' {
		if i, ok := decimal(b, 1, 90); ok && b[i] == ',' {
			if i++; i < len(b) && b[i] == ' ' {
				i++
			}
			if i, ok = decimal(b, i, 360); ok && b[i] == ')' && i+1 == len(b) {
				return true
			}
		}
	}
	_, _, ok := ParsePoint(b)
	return ok
}

// decimal passes over a number at b[i] with a fraction and without an exponent, as
// nearly all are spelled that are degrees, and says whether it is surely one that is
// nearer to zero than limit, and does not end b.
func decimal(b []byte, i, limit int) (end int, ok bool) {
	if i < len(b) && b[i] == '-' {
		i++
	}
	start, whole := i, 0
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		if whole = whole*10 + int(b[i]-'0'); whole >= limit {
			return 0, false
		}
	}
	if i == len(b) || b[i] != '.' || i == start || b[start] == '0' && i > start+1 {
		return 0, false
	}
	i++
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i, i < len(b)
}

func splitPoint(b []byte) (lat, lon []byte, ok bool) {
	if len(b) < 5 || b[0] != '(' || b[len(b)-1] != ')' {
		return nil, nil, false
	}
	b = b[1 : len(b)-1]
	comma := bytes.IndexByte(b, ',')
	if comma < 0 {
		return nil, nil, false
	}
	return trim(b[:comma]), trim(b[comma+1:]), true
}

func trim(b []byte) []byte {
	for len(b) > 0 && b[0] == ' ' {
		b = b[1:]
	}
	for len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// ParseTime reads a date (2006-01-02), a date and time of RFC 3339 (T, t or a
// space between them; seconds, fraction and offset may be missing, and without
// an offset it is UTC), and the form of NASA's JSON tables (01/02/2006 03:04:05 PM,
// month first). A leap second counts as the second after it.
func ParseTime(b []byte) (time.Time, bool) {
	if len(b) == 22 && b[2] == '/' && b[5] == '/' {
		return parseNASATime(b)
	}
	if len(b) < 10 || b[4] != '-' || b[7] != '-' {
		return time.Time{}, false
	}
	year, ok1 := digits(b[:4])
	month, ok2 := digits(b[5:7])
	day, ok3 := digits(b[8:10])
	if !ok1 || !ok2 || !ok3 || !isDate(year, month, day) {
		return time.Time{}, false
	}
	if len(b) == 10 {
		return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC), true
	}
	if b[10] != 'T' && b[10] != 't' && b[10] != ' ' || len(b) < 16 || b[13] != ':' {
		return time.Time{}, false
	}
	hour, ok1 := digits(b[11:13])
	minute, ok2 := digits(b[14:16])
	if !ok1 || !ok2 || hour > 23 || minute > 59 {
		return time.Time{}, false
	}
	rest := b[16:]
	second, nano := 0, 0
	if len(rest) >= 3 && rest[0] == ':' {
		if second, ok1 = digits(rest[1:3]); !ok1 || second > 60 {
			return time.Time{}, false
		}
		rest = rest[3:]
		if len(rest) > 1 && rest[0] == '.' {
			i, unit := 1, 100_000_000
			for ; i < len(rest) && rest[i]-'0' <= 9; i++ {
				nano += int(rest[i]-'0') * unit
				unit /= 10
			}
			if i == 1 {
				return time.Time{}, false
			}
			rest = rest[i:]
		}
	}
	offset := 0
	switch {
	case len(rest) == 0:
	case len(rest) == 1 && (rest[0] == 'Z' || rest[0] == 'z'):
	case len(rest) == 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':':
		h, ok1 := digits(rest[1:3])
		m, ok2 := digits(rest[4:6])
		if !ok1 || !ok2 || h > 23 || m > 59 {
			return time.Time{}, false
		}
		offset = h*3600 + m*60
		if rest[0] == '-' {
			offset = -offset
		}
	default:
		return time.Time{}, false
	}
	return time.Date(year, time.Month(month), day, hour, minute, second-offset, nano, time.UTC), true
}

func parseNASATime(b []byte) (time.Time, bool) {
	month, ok1 := digits(b[:2])
	day, ok2 := digits(b[3:5])
	year, ok3 := digits(b[6:10])
	if !ok1 || !ok2 || !ok3 || !isDate(year, month, day) {
		return time.Time{}, false
	}
	hour, ok1 := digits(b[11:13])
	minute, ok2 := digits(b[14:16])
	second, ok3 := digits(b[17:19])
	if !ok1 || !ok2 || !ok3 || hour < 1 || hour > 12 || minute > 59 || second > 59 ||
		b[10] != ' ' || b[13] != ':' || b[16] != ':' || b[19] != ' ' || b[21] != 'M' || b[20] != 'A' && b[20] != 'P' {
		return time.Time{}, false
	}
	hour %= 12
	if b[20] == 'P' {
		hour += 12
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC), true
}

// digits reads digits alone.
func digits(b []byte) (int, bool) {
	n := 0
	for _, c := range b {
		if c-'0' > 9 {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

func isDate(year, month, day int) bool {
	if month < 1 || month > 12 || day < 1 {
		return false
	}
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return day <= 29
		}
		return day <= 28
	case 4, 6, 9, 11:
		return day <= 30
	}
	return day <= 31
}
