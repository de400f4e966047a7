package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
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
		return "/data/" + url.PathEscape(id)
	}
	return "/collections/" + url.PathEscape(n.Dataset) + "/items/" + url.PathEscape(id)
}

// do sends a request; an answer that is an error becomes one. The caller closes
// the answer's body.
func (n nodeFlags) do(ctx context.Context, method, path string, body io.Reader, header http.Header) (*http.Response, error) {
	base := strings.TrimRight(n.To, "/")
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	r, err := http.NewRequestWithContext(ctx, method, base+path, body)
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
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		code := dataset.Unavailable
		if method != http.MethodGet && !strings.Contains(err.Error(), "connect") {
			code = dataset.OutcomeUnknown
		}
		var why *url.Error
		if errors.As(err, &why) {
			err = why.Err
		}
		return nil, &dataset.Error{Code: code, Message: "the node at " + base + " does not answer: " + err.Error(), Remedy: "start one with landings serve, or give its address with --to", Err: err}
	}
	if answer.StatusCode < 300 {
		return answer, nil
	}
	defer answer.Body.Close()
	return nil, readProblem(answer)
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
