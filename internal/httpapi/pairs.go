package httpapi

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"landings/internal/dataset"
)

// parameter is one parameter as it was given.
type parameter struct{ name, value string }

// maxPairs bounds how many parameters a question has.
const maxPairs = 1000

// splitPairs reads parameters in the form of an address, without a map: their order
// is kept, and what needs no unescaping is not copied.
func splitPairs(pairs []parameter, raw string) ([]parameter, error) {
	for raw != "" {
		var one string
		one, raw, _ = strings.Cut(raw, "&")
		if one == "" {
			continue
		}
		name, value, _ := strings.Cut(one, "=")
		var err error
		if strings.ContainsAny(name, "%+") {
			name, err = url.QueryUnescape(name)
		}
		if err == nil && (strings.IndexByte(value, '%') >= 0 || strings.IndexByte(value, '+') >= 0) {
			value, err = url.QueryUnescape(value)
		}
		if err != nil {
			return nil, &dataset.Error{
				Code:    dataset.Invalid,
				Message: "a parameter is not escaped as addresses need it: " + dataset.Excerpt(err.Error()),
				Remedy:  "escape % as %25, & as %26, + as %2B; curl does it with --get --data-urlencode",
				Places:  []dataset.Place{{Parameter: dataset.Excerpt(name), Detail: "malformed escape"}},
				Err:     err,
			}
		}
		if len(pairs) == maxPairs {
			return nil, tooMany(name, "parameters", maxPairs)
		}
		pairs = append(pairs, parameter{name, value})
	}
	return pairs, nil
}

// The types of bodies that QUERY takes (RFC 10008), as Accept-Query has them.
const (
	formType     = "application/x-www-form-urlencoded"
	cql2TextType = "application/cql2-text"
	cql2JSONType = "application/cql2-json"
)

var acceptQuery = []string{formType + ", " + cql2TextType + ", " + cql2JSONType}

// questionPairs gives the parameters of a request: those of its address, and with
// QUERY those of its body.
func (a *API) questionPairs(w http.ResponseWriter, r *http.Request, room []parameter) ([]parameter, error) {
	if len(r.URL.RawQuery) > a.limits.AddressBytes {
		w.Header()["Accept-Query"] = acceptQuery
		return nil, &dataset.Error{
			Code:    dataset.AddressTooLong,
			Message: fmt.Sprintf("the parameters have %d bytes and may have %d in an address", len(r.URL.RawQuery), a.limits.AddressBytes),
			Remedy:  "send them in the body of a QUERY request to the same address (RFC 10008), with Content-Type: " + formType,
		}
	}
	pairs, err := splitPairs(room, r.URL.RawQuery)
	if err != nil || r.Method != methodQuery {
		return pairs, err
	}
	given := r.Header.Get("Content-Type")
	t, _, err := mime.ParseMediaType(given)
	lang := ""
	switch t {
	case formType:
	case cql2TextType, "text/cql2", "text/plain":
		lang = "cql2-text"
	case cql2JSONType, "application/cql2+json", "application/json":
		lang = "cql2-json"
	default:
		w.Header()["Accept-Query"] = acceptQuery
		return nil, &dataset.Error{
			Code:    dataset.UnsupportedMediaType,
			Message: "a query of type \"" + dataset.Excerpt(given) + "\" cannot be taken",
			Remedy:  "send parameters as " + formType + ", or a filter as " + cql2TextType + " or " + cql2JSONType,
			Places:  []dataset.Place{{Parameter: "Content-Type", Detail: "is none of these"}},
			Err:     err,
		}
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, &dataset.Error{
			Code:    dataset.UnsupportedMediaType,
			Message: "the body of a query cannot be compressed",
			Remedy:  "send it without Content-Encoding",
			Places:  []dataset.Place{{Parameter: "Content-Encoding", Detail: dataset.Excerpt(coding)}},
		}
	}
	limits := a.limits
	limits.BodyBytes = limits.QueryBytes
	u := newUpload(w, r, limits)
	body, err := io.ReadAll(u)
	if fault := u.fault(); fault != nil {
		if dataset.CodeOf(fault) == dataset.TooLarge {
			return nil, &dataset.Error{
				Code:    dataset.TooLarge,
				Message: fmt.Sprintf("the query is longer than %d bytes", limits.BodyBytes),
				Remedy:  "ask for less at once",
				Err:     fault,
			}
		}
		return nil, fault
	}
	if err != nil {
		return nil, err
	}
	if lang == "" {
		return splitPairs(pairs, strings.TrimSpace(string(body)))
	}
	return append(pairs, parameter{"filter", string(body)}, parameter{"filter-lang", lang}), nil
}

// methodQuery is the method of RFC 10008.
const methodQuery = "QUERY"

// address gives a path with parameters, and one of them replaced: with an empty
// value it is left out.
func address(path string, pairs []parameter, name, value string) string {
	b := make([]byte, 0, 256)
	b = append(b, path...)
	separator := byte('?')
	add := func(name, value string) {
		b = append(b, separator)
		separator = '&'
		b = appendEscaped(b, name)
		b = append(b, '=')
		b = appendEscaped(b, value)
	}
	for _, p := range pairs {
		if p.name != name && p.name != "token" {
			add(p.name, p.value)
		}
	}
	if value != "" {
		add(name, value)
	}
	return string(b)
}

func appendEscaped(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.', c == '~', c == ',', c == '/', c == ':':
			b = append(b, c)
		case c == ' ':
			b = append(b, '+')
		default:
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}
