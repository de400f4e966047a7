package direct

import (
	"bytes"
	"net/netip"
	"time"
)

// Request is a read, GET or HEAD of a path without a body, or a small write: PUT of
// a JSON body.
type Request struct {
	Head bool
	Put  bool
	// Path is made of unreserved characters (RFC 3986) and slashes alone, so that it
	// is the same escaped and not. It may hold empty pieces, . and .. still.
	Path string
	// Query is what follows the question mark, as it stands; HasQuery says that there
	// is one.
	Query    string
	HasQuery bool
	// The header fields that a read depends on, a value for each line; nil: not given.
	Accept, AcceptEncoding, IfMatch, IfNoneMatch []string

	// What a write comes with beside that. It has no Origin and no other field of a
	// browser or a proxy.
	Host          string
	Authorization string
	Body          []byte         // of a write; the next request overwrites it
	From, To      netip.AddrPort // the connection's ends

	// Begun is about when a read was there.
	Begun time.Time
	// Until is when an answer has to be there, for others wait behind it; zero: it may
	// take as long as it takes.
	Until time.Time

	length int  // Content-Length; -1: not given
	typed  bool // Content-Type was given
}

// parse reads the request that in begins with and gives its length; 0: it is not
// complete, or not ordinary.
func (r *Request) parse(in []byte) int {
	*r = Request{From: r.From, To: r.To, length: -1}
	var at int
	switch {
	case bytes.HasPrefix(in, []byte("GET /")):
		at = 4
	case bytes.HasPrefix(in, []byte("HEAD /")):
		at, r.Head = 5, true
	case bytes.HasPrefix(in, []byte("PUT /")):
		at, r.Put = 4, true
	default:
		return 0
	}
	start := at
	for at < len(in) && inPath[in[at]] {
		at++
	}
	path := in[start:at]
	var query []byte
	if at < len(in) && in[at] == '?' {
		at++
		start = at
		for at < len(in) && inQuery[in[at]] {
			at++
		}
		query, r.HasQuery = in[start:at], true
	}
	const version = " HTTP/1.1\r\n"
	if !bytes.HasPrefix(in[at:], []byte(version)) {
		return 0
	}
	at += len(version)
	hosts := 0
	for {
		line := in[at:]
		end := bytes.IndexByte(line, '\n')
		if end < 1 || line[end-1] != '\r' {
			return 0
		}
		at += end + 1
		line = line[:end-1]
		if len(line) == 0 {
			break
		}
		if !r.field(line, &hosts) {
			return 0
		}
	}
	if hosts != 1 {
		return 0
	}
	r.Path, r.Query = string(path), string(query)
	if r.Put {
		// The whole body, or none of it is dealt with here.
		if r.length < 0 || r.length > len(in)-at {
			return 0
		}
		r.Body = in[at : at+r.length : at+r.length]
		at += r.length
	}
	return at
}

// longestName is the length of the longest field name in field.
const longestName = len("upgrade-insecure-requests")

// field reads a line of the header; false: it is not ordinary. A field that is not
// in its table may change what the request means, now or in a later version of
// HTTP or of Landings, so that only those that do not are passed over. A write with
// one that only browsers and proxies send is not ordinary: who may write then is
// decided by more than this package passes on.
func (r *Request) field(line []byte, hosts *int) bool {
	colon := bytes.IndexByte(line, ':')
	if colon < 1 || colon > longestName {
		return false
	}
	var lower [longestName]byte
	for i, b := range line[:colon] {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		lower[i] = b
	}
	value := bytes.Trim(line[colon+1:], " \t")
	for _, b := range value {
		if b < ' ' && b != '\t' || b > '~' {
			return false
		}
	}
	switch string(lower[:colon]) {
	case "host":
		*hosts++
		for _, b := range value {
			if !inHost[b] {
				return false
			}
		}
		if r.Put {
			r.Host = string(value)
		}
		return len(value) > 0
	case "content-length":
		return r.Put && r.contentLength(value)
	case "content-type":
		again := r.typed
		r.typed = true
		return r.Put && !again && string(value) == "application/json"
	case "authorization":
		again := r.Authorization != ""
		r.Authorization = string(value)
		return r.Put && !again && len(value) > 0
	case "accept":
		switch string(value) {
		case "*/*":
			r.Accept = append(r.Accept, "*/*")
		case "application/json":
			r.Accept = append(r.Accept, "application/json")
		default:
			return false
		}
	case "connection":
		return bytes.EqualFold(value, []byte("keep-alive"))
	case "accept-encoding":
		r.AcceptEncoding = append(r.AcceptEncoding, string(value))
	case "if-match":
		r.IfMatch = append(r.IfMatch, string(value))
	case "if-none-match":
		r.IfNoneMatch = append(r.IfNoneMatch, string(value))
	case "user-agent":
	case "accept-language", "cache-control", "pragma", "referer", "cookie", "dnt", "priority",
		"sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-user", "sec-gpc",
		"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via", "upgrade-insecure-requests":
		return !r.Put
	default:
		return false
	}
	return true
}

// contentLength reads Content-Length; false: it is given twice, or is not the plain
// number of a small body.
func (r *Request) contentLength(value []byte) bool {
	if r.length >= 0 || len(value) == 0 || len(value) > 4 || value[0] == '0' {
		return false
	}
	n := 0
	for _, b := range value {
		if b < '0' || b > '9' {
			return false
		}
		n = 10*n + int(b-'0')
	}
	r.length = n
	return true
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// inPath, inQuery and inHost are the characters of ordinary paths, of queries as
// browsers and libraries escape them, and of ordinary names, addresses and ports.
var (
	inPath  = set(letters + "-._~/")
	inQuery = set(letters + "-._~/%+=&,:()!*'@$")
	inHost  = set(letters + "-._:[]")
)

func set(chars string) (s [256]bool) {
	for _, c := range []byte(chars) {
		s[c] = true
	}
	return s
}
