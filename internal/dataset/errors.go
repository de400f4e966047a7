package dataset

import (
	"errors"
	"fmt"
	"strings"
)

// Code says what kind of failure an [Error] is. Every layer uses these and no
// others; [Codes] maps each to its HTTP status and its exit code.
type Code string

// The codes.
const (
	Invalid              Code = "invalid"                // the request or the data in it is malformed
	Unauthorized         Code = "unauthorized"           // no token, or a wrong one
	Forbidden            Code = "forbidden"              // this client may not do this
	NotFound             Code = "not-found"              // no such dataset, record or route
	MethodNotAllowed     Code = "method-not-allowed"     // the route has other methods
	NotAcceptable        Code = "not-acceptable"         // no format that the client accepts
	Timeout              Code = "timeout"                // the client was too slow
	Conflict             Code = "conflict"               // the present state forbids it
	Gone                 Code = "gone"                   // a version that was there and is not kept any more
	PreconditionFailed   Code = "precondition-failed"    // If-Match or If-None-Match did not hold
	TooLarge             Code = "too-large"              // beyond a limit on size
	AddressTooLong       Code = "address-too-long"       // the parameters do not fit an address
	TooCostly            Code = "too-costly"             // answering takes more time or memory than one request may have
	UnsupportedMediaType Code = "unsupported-media-type" // a format that cannot be read
	SourceUnavailable    Code = "source-unavailable"     // the configured source cannot be had
	Unavailable          Code = "unavailable"            // it cannot be had, or taken, now; nothing was changed
	OutcomeUnknown       Code = "outcome-unknown"        // the connection broke: it may or may not have been applied
	NotConfirmed         Code = "not-confirmed"          // it was committed, and did not get as safe as was asked in time
	Internal             Code = "internal"               // a fault of ours
)

// Meaning is what a [Code] becomes at the edges of the program.
type Meaning struct {
	Status int    // HTTP status
	Exit   int    // exit code of the command line
	Title  string // the title of an RFC 9457 problem: the same for every problem of the code
}

// Codes is the one table from codes to statuses and exit codes.
// It is read only.
var Codes = map[Code]Meaning{
	Invalid:              {400, 2, "The request is not valid"},
	Unauthorized:         {401, 6, "A token is needed"},
	Forbidden:            {403, 6, "Not allowed"},
	NotFound:             {404, 3, "Not found"},
	MethodNotAllowed:     {405, 2, "Method not allowed"},
	NotAcceptable:        {406, 2, "No acceptable format"},
	Timeout:              {408, 5, "The request took too long"},
	Conflict:             {409, 4, "In conflict with the present state"},
	Gone:                 {410, 3, "No longer there"},
	PreconditionFailed:   {412, 4, "The precondition does not hold"},
	TooLarge:             {413, 2, "Too large"},
	AddressTooLong:       {414, 2, "The address is too long"},
	TooCostly:            {422, 2, "The query costs too much"},
	UnsupportedMediaType: {415, 2, "Unsupported format"},
	SourceUnavailable:    {502, 5, "The source cannot be had"},
	Unavailable:          {503, 5, "Not available now"},
	OutcomeUnknown:       {503, 7, "The outcome is unknown"},
	NotConfirmed:         {504, 8, "Committed, but not as safe as asked"},
	Internal:             {500, 1, "Internal error"},
}

// Place says where in the input something is wrong. Zero fields are unknown.
type Place struct {
	Line      int    `json:"line,omitempty"`      // from 1
	Column    int    `json:"column,omitempty"`    // from 1, in bytes
	Record    int    `json:"record,omitempty"`    // from 1, in the order of the input
	Pointer   string `json:"pointer,omitempty"`   // RFC 6901 JSON Pointer
	Parameter string `json:"parameter,omitempty"` // name of a query parameter, header or setting
	Detail    string `json:"detail"`              // what is wrong there
}

// String gives the place as a line of text.
func (p Place) String() string {
	var at []string
	if p.Line > 0 {
		at = append(at, fmt.Sprintf("line %d", p.Line))
	}
	if p.Column > 0 {
		at = append(at, fmt.Sprintf("column %d", p.Column))
	}
	if p.Record > 0 {
		at = append(at, fmt.Sprintf("record %d", p.Record))
	}
	if p.Pointer != "" {
		at = append(at, p.Pointer)
	}
	if p.Parameter != "" {
		at = append(at, p.Parameter)
	}
	if len(at) == 0 {
		return p.Detail
	}
	return strings.Join(at, ", ") + ": " + p.Detail
}

// Error is a failure that can be shown to whoever asked: every field but Err is
// safe to send to a client.
type Error struct {
	Code    Code
	Message string  // one sentence without a full stop: what is wrong
	Remedy  string  // what to do about it; may be empty
	Places  []Place // the first places that are wrong; may be empty
	Total   int     // how many places are wrong in all; 0 means len(Places)
	Err     error   // the cause, for the log; may be nil
}

// Error gives message, remedy and places on one line each.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	if e.Remedy != "" {
		b.WriteString("; " + e.Remedy)
	}
	for _, p := range e.Places {
		b.WriteString("\n  " + p.String())
	}
	if more := e.Total - len(e.Places); more > 0 {
		fmt.Fprintf(&b, "\n  and %d more", more)
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf gives the code of the first [Error] in err's chain, [Internal] when
// there is none.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}
