package direct

import (
	"net"
	"strconv"
)

// Body is a body that sends itself.
type Body interface {
	// Send sends head, which is the header, and the body. It sets write deadlines of
	// its own. An error means that the connection cannot be used any more.
	Send(c *net.TCPConn, head []byte) error
}

// Response is an answer as it is put together: a status, fields, and then an end.
type Response struct {
	out  []byte // answers to earlier requests, and this one
	head bool
	date []byte
	body Body
	code int
}

func (r *Response) reset(out []byte, head bool, date []byte) {
	r.out, r.head, r.date, r.body = out, head, date, nil
}

// Status begins the answer: a status code with its words, such as "200 OK".
func (r *Response) Status(status string) {
	r.out = append(append(append(r.out, "HTTP/1.1 "...), status...), "\r\n"...)
	r.code = 100*int(status[0]-'0') + 10*int(status[1]-'0') + int(status[2]-'0')
}

// Code gives the status code that the answer began with.
func (r *Response) Code() int { return r.code }

// Field adds a header field. net/http sends them in order of their names and with
// the names in its canonical form; whoever does so too gives the same bytes.
func (r *Response) Field(name, value string) {
	r.out = append(append(append(append(r.out, name...), ": "...), value...), "\r\n"...)
}

// Length adds Content-Length.
func (r *Response) Length(n int64) {
	r.out = append(strconv.AppendInt(append(r.out, "Content-Length: "...), n, 10), "\r\n"...)
}

// End ends the header with the date.
func (r *Response) End() {
	r.out = append(append(append(r.out, "Date: "...), r.date...), "\r\n\r\n"...)
}

// Body adds a body after the end of the header; HEAD is answered without.
func (r *Response) Body(body []byte) {
	if !r.head {
		r.out = append(r.out, body...)
	}
}

// SendBody has a body send itself after the end of the header; HEAD is answered
// without.
func (r *Response) SendBody(body Body) {
	if !r.head {
		r.body = body
	}
}
