package direct

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	const one = "GET /data/1 HTTP/1.1\r\nHost: a\r\n\r\n"
	const write = "PUT /data/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
	for _, c := range []struct {
		in   string
		want int
	}{
		{one, len(one)},
		{one + "GET", len(one)},
		{one + one, len(one)},
		{strings.Replace(one, "Host: a", "hOST:localhost:80 \r\nUPGRADE-insecure-requests: 1", 1), len(one) + 41},
		{strings.Replace(one, "Host: a", "Host: a\r\nX: y", 1), 0},
		{strings.Replace(one, "Host: a", "Host: a\r\nContent-Length: 0", 1), 0},
		{strings.Replace(one, "Host: a", "Host: a\r\nAccept: text/html", 1), 0},
		{strings.Replace(one, "Host: a", "Host: a\r\nConnection: close", 1), 0},
		{strings.Replace(one, "Host: a", "Host : a", 1), 0},
		{strings.Replace(one, "Host: a", "Host: é", 1), 0},
		{strings.Replace(one, "1.1", "1.0", 1), 0},
		{strings.Replace(one, "/1", "/%31", 1), 0},
		{strings.Replace(one, "GET", "PUT", 1), 0},
		{write, len(write)},
		{write[:len(write)-1], 0},
		{write + one, len(write)},
		{strings.Replace(write, ": 2", ": 02", 1), 0},
		{strings.Replace(write, ": 2", ": 2\r\nContent-Length: 2", 1), 0},
		{strings.Replace(write, ": 2", ": 2\r\nOrigin: http://a", 1), 0},
		{strings.Replace(write, ": 2", ": 2\r\nVia: 1.1 a", 1), 0},
		{strings.Replace(one, "/1", "/1?a=%27b%27&c=d+e", 1), len(one) + 16},
		{strings.Replace(one, "/1", "/1?a=\"b\"", 1), 0},
		{strings.Replace(one, "/1", "/1?a#b", 1), 0},
	} {
		var r Request
		if got := r.parse([]byte(c.in)); got != c.want {
			t.Errorf("%q: %d bytes, want %d", c.in, got, c.want)
		}
	}
	for i := range one {
		if n := new(Request).parse([]byte(one[:i])); n != 0 {
			t.Errorf("%q counts as complete", one[:i])
		}
	}
}

func TestParseQuery(t *testing.T) {
	for path, want := range map[string]Request{
		"/a":       {Path: "/a"},
		"/a?":      {Path: "/a", HasQuery: true},
		"/a?b=c?d": {},
		"/a?b=%20": {Path: "/a", Query: "b=%20", HasQuery: true},
	} {
		var r Request
		n := r.parse([]byte("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n"))
		if want.Path == "" && n == 0 {
			continue
		}
		if r.Path != want.Path || r.Query != want.Query || r.HasQuery != want.HasQuery {
			t.Errorf("%s: %+v", path, r)
		}
	}
}
