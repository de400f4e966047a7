package cli

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"landings/internal/dataset"
)

// nodeFlags say which node a command speaks to, and how.
type nodeFlags struct {
	To      string `help:"Address of the node." aliases:"from,node" default:"http://127.0.0.1:5000" placeholder:"URL"`
	Dataset string `help:"Name of the dataset; the node's default when empty." placeholder:"NAME"`
	Token   string `help:"Token to write with." placeholder:"TOKEN"`
}

// list gives the address of the whole dataset.
func (n nodeFlags) list() string {
	if n.Dataset == "" {
		return "/data"
	}
	return "/collections/" + url.PathEscape(n.Dataset)
}

// record gives the address of one record.
func (n nodeFlags) record(id string) string {
	if n.Dataset == "" {
		return "/data/" + segment(id)
	}
	return "/collections/" + url.PathEscape(n.Dataset) + "/items/" + segment(id)
}

// segment gives an id as a piece of a path. The ids . and .. would, as they stand,
// lead to the dataset itself and beyond.
func segment(id string) string {
	if id == "." || id == ".." {
		return strings.ReplaceAll(id, ".", "%2E")
	}
	return url.PathEscape(id)
}

// do sends a request; an answer that is an error becomes one. The caller closes
// the answer's body.
func (n nodeFlags) do(ctx context.Context, method, path string, body io.Reader, header http.Header) (*http.Response, error) {
	base := n.base()
	r, err := http.NewRequestWithContext(ctx, method, base+path, body)
	if err == nil && (r.URL.Host == "" || r.URL.Scheme != "http" && r.URL.Scheme != "https") {
		err = errors.New("neither http:// nor https://")
	}
	if err != nil {
		return nil, &dataset.Error{Code: dataset.Invalid, Message: "\"" + dataset.Excerpt(n.To) + "\" is no address of a node", Remedy: "write http://HOST:PORT", Err: err}
	}
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("User-Agent", "landings")
	if n.Token != "" {
		r.Header.Set("Authorization", "Bearer "+n.Token)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	if err != nil {
		if why, ok := errors.AsType[*url.Error](err); ok {
			err = why.Err
		}
		e := &dataset.Error{Code: dataset.Unavailable, Message: "the node at " + base + " does not answer: " + err.Error(), Remedy: "start one with landings serve, or give its address with --to", Err: err}
		if method != http.MethodGet && !beforeSending(err) {
			e.Code, e.Remedy = dataset.OutcomeUnknown, "look whether it was done before doing it again"
		}
		return nil, e
	}
	if answer.StatusCode < 300 {
		return answer, nil
	}
	defer answer.Body.Close()
	if to := answer.Header.Get("Location"); to != "" && answer.StatusCode < 400 {
		// To follow it could turn a write into a read, or into one of something else.
		return nil, &dataset.Error{Code: dataset.Invalid, Message: base + " is not the node: it leads to " + dataset.Excerpt(to), Remedy: "give the node's own address with --to"}
	}
	return nil, readProblem(answer)
}

// base gives the node's address without a slash at its end.
func (n nodeFlags) base() string {
	base := n.To
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	return strings.TrimRight(base, "/")
}

// beforeSending says whether a request failed before the node can have seen any of
// it: there was no connection, or nobody trustworthy at its other end.
func beforeSending(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return true
	}
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	return untrusted
}

// maxProblem bounds what is read of an answer that is an error, in bytes.
const maxProblem = 1 << 20

// readProblem gives the error that an answer describes (RFC 9457).
func readProblem(answer *http.Response) error {
	var p struct {
		Type, Title, Detail, Remedy string
		Errors                      []dataset.Place
		Total                       int
	}
	e := &dataset.Error{Code: dataset.Internal, Message: "the node answered " + answer.Status}
	if json.NewDecoder(io.LimitReader(answer.Body, maxProblem)).Decode(&p) != nil || p.Type == "" {
		for code, meaning := range dataset.Codes {
			if meaning.Status == answer.StatusCode && code != dataset.OutcomeUnknown {
				e.Code = code
			}
		}
		return e
	}
	if code := dataset.Code(strings.TrimPrefix(p.Type, "/problems/")); dataset.Codes[code].Status != 0 {
		e.Code = code
	}
	e.Message, e.Remedy, e.Places, e.Total = p.Detail, p.Remedy, p.Errors, p.Total
	if e.Message == "" {
		e.Message = p.Title + " (" + strconv.Itoa(answer.StatusCode) + ")"
	}
	return e
}
