package rdb

import (
	"fmt"
	"strings"
)

// An Error says what is wrong with a file: where, in the course of what, and
// what to do.
type Error struct {
	File    string // name of the file, "" if not known
	Offset  int64  // bytes from the start of the file to what could not be read, -1 if that means nothing
	Reading string // what was being read, such as `hash "user:1"`
	Problem string // what is wrong with it
	Remedy  string // what to do
	Err     error  // the cause: io.ErrUnexpectedEOF where the file ends too early, an error of the disk, or nil
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		b.WriteString(": ")
	}
	if e.Offset >= 0 {
		fmt.Fprintf(&b, "byte %d: ", e.Offset)
	}
	if e.Reading != "" {
		fmt.Fprintf(&b, "reading %s: ", e.Reading)
	}
	b.WriteString(e.Problem)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Remedy != "" {
		b.WriteString("; ")
		b.WriteString(e.Remedy)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

const (
	remedyDamaged = "the file is damaged: restore it from a copy, or look at it with redis-check-rdb"
	remedyNewer   = "load it with the Redis that wrote it"
)

// quote shows a name from a file, cut to a length that a log line bears.
func quote(b []byte) string {
	const most = 64
	if len(b) > most {
		return fmt.Sprintf("%q... (%d bytes)", b[:most], len(b))
	}
	return fmt.Sprintf("%q", b)
}
