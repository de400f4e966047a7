package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"landings/internal/dataset"
	"landings/internal/encode"
)

// Entity tags. That of a whole list is made of history, version and chain, so
// that equal version numbers of different histories never meet, and of the
// content coding, for codings are different representations. That of one record
// is a digest of its bytes: it stays while other records change, it is the same
// on every node and after every restart, and a record that is loaded again
// without a change keeps it.

// listTag gives the tag of a dataset's whole list.
func listTag(s dataset.State, coding encode.Coding) string {
	tag := `"none`
	if s.Exists() {
		tag = `"` + url.QueryEscape(s.Epoch) + "-" + strconv.FormatUint(s.Version, 10) + "-" + s.Chain.String()
	}
	if coding != encode.Identity {
		tag += "-" + coding.String()
	}
	return tag + `"`
}

// contentTag gives the tag of bytes: 128 bits of SHA-256.
func contentTag(b []byte) string {
	sum := sha256.Sum256(b)
	var tag [24]byte
	tag[0], tag[23] = '"', '"'
	base64.RawURLEncoding.Encode(tag[1:23], sum[:16])
	return string(tag[:])
}

// conditions are If-Match and If-None-Match of a request (RFC 9110, 13.1). There
// are no dates, so the conditions on dates do not apply and are ignored, as 13.1.4
// wants.
type conditions struct {
	match, noneMatch *tags // nil: not given
}

// tags is the value of such a header.
type tags struct {
	any  bool // "*"
	list []string
}

func parseConditions(r *http.Request) (conditions, error) {
	return conditionsOf(r.Header["If-Match"], r.Header["If-None-Match"])
}

// conditionsOf reads the lines of If-Match and If-None-Match.
func conditionsOf(match, noneMatch []string) (conditions, error) {
	if match == nil && noneMatch == nil {
		return conditions{}, nil
	}
	var c conditions
	var err error
	if c.match, err = parseTags("If-Match", match); err != nil {
		return conditions{}, err
	}
	if c.noneMatch, err = parseTags("If-None-Match", noneMatch); err != nil {
		return conditions{}, err
	}
	return c, nil
}

// parseTags reads a list of entity tags (RFC 9110, 8.8.3). A malformed one is an
// error: to ignore it would be to write without the condition.
func parseTags(header string, values []string) (*tags, error) {
	if values == nil {
		return nil, nil
	}
	var t tags
	rest := strings.Join(values, ",")
	if strings.TrimSpace(rest) == "*" {
		t.any = true
		return &t, nil
	}
	for {
		rest = strings.TrimLeft(rest, " \t,")
		if rest == "" {
			return &t, nil
		}
		start := 0
		if strings.HasPrefix(rest, "W/") {
			start = 2
		}
		end := -1
		if len(rest) > start && rest[start] == '"' {
			end = strings.IndexByte(rest[start+1:], '"')
		}
		if end < 0 {
			return nil, &dataset.Error{
				Code:    dataset.Invalid,
				Message: header + " is malformed",
				Remedy:  `use * or entity tags as the ETag header gave them, with their quotes: "abc", "def"`,
				Places:  []dataset.Place{{Parameter: header, Detail: "no entity tag: " + dataset.Excerpt(rest)}},
			}
		}
		end += start + 2
		t.list = append(t.list, rest[:end])
		rest = rest[end:]
	}
}

// strong compares as If-Match does: weak tags match nothing.
func (t *tags) strong(tag string) bool {
	for _, v := range t.list {
		if v == tag {
			return true
		}
	}
	return false
}

// weak compares as If-None-Match does.
func (t *tags) weak(tag string) bool {
	for _, v := range t.list {
		if strings.TrimPrefix(v, "W/") == tag {
			return true
		}
	}
	return false
}

// check says whether a method other than GET and HEAD may go on, in the order of
// RFC 9110, 13.2.2. current holds the tags of the representations that there are;
// the first is the one to compare with If-None-Match.
func (c conditions) check(exists bool, current ...string) error {
	if c.match != nil {
		ok := c.match.any && exists
		for _, tag := range current {
			ok = ok || c.match.strong(tag)
		}
		if !ok {
			return failedPrecondition("If-Match", "it has been changed or removed since that entity tag was given", "read it again, and send the write with its present ETag")
		}
	}
	if c.noneMatch != nil {
		bad := c.noneMatch.any && exists
		for _, tag := range current {
			bad = bad || c.noneMatch.weak(tag)
		}
		if bad {
			return failedPrecondition("If-None-Match", "it exists already", "use If-Match to change what exists")
		}
	}
	return nil
}

// notModified says, for GET and HEAD, whether the client has the representation
// already; the error says that If-Match does not hold. same are further tags that
// If-Match accepts.
func (c conditions) notModified(tag string, same ...string) (bool, error) {
	if c.match != nil && !c.match.any && !c.match.strong(tag) {
		ok := false
		for _, s := range same {
			ok = ok || c.match.strong(s)
		}
		if !ok {
			return false, failedPrecondition("If-Match", "it has been changed since that entity tag was given", "read it without the condition")
		}
	}
	return c.noneMatch != nil && (c.noneMatch.any || c.noneMatch.weak(tag)), nil
}

func failedPrecondition(header, message, remedy string) error {
	return &dataset.Error{
		Code:    dataset.PreconditionFailed,
		Message: message,
		Remedy:  remedy,
		Places:  []dataset.Place{{Parameter: header, Detail: "does not hold"}},
	}
}

// listTags gives the tags of a list in every coding: a write replaces them all, so
// If-Match may name any.
func listTags(s dataset.State) []string {
	all := make([]string, encode.Codings)
	for coding := range all {
		all[coding] = listTag(s, encode.Coding(coding))
	}
	return all
}
