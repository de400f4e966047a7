package resp

import "strconv"

// AppendArray appends the beginning of a command of n words. They have to follow, see
// [AppendText].
func AppendArray(b []byte, n int) []byte { return appendLength(b, list, n) }

// AppendText appends a word.
func AppendText[T ~string | ~[]byte](b []byte, word T) []byte {
	b = AppendLength(b, len(word))
	b = append(b, word...)
	return append(b, '\r', '\n')
}

// AppendLength appends the beginning of a word of n bytes; they and "\r\n" have to follow.
func AppendLength(b []byte, n int) []byte { return appendLength(b, text, n) }

func appendLength(b []byte, kind byte, n int) []byte {
	b = append(b, kind)
	switch {
	case n >= 100 && n < 1000: // most values are of so many bytes, and strconv takes twice as long
		b = append(b, '0'+byte(n/100), '0'+byte(n/10%10), '0'+byte(n%10))
	default:
		b = strconv.AppendInt(b, int64(n), 10)
	}
	return append(b, '\r', '\n')
}
