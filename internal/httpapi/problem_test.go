package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"landings/internal/dataset"
)

// declaredCodes reads the codes from the source that declares them.
func declaredCodes(t *testing.T) []dataset.Code {
	f, err := parser.ParseFile(token.NewFileSet(), "../dataset/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []dataset.Code
	ast.Inspect(f, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "Code" {
				text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				codes = append(codes, dataset.Code(text))
			}
		}
		return true
	})
	return codes
}

func TestEveryCodeHasAStatus(t *testing.T) {
	n := start(t, nil)
	codes := declaredCodes(t)
	if len(codes) < 10 {
		t.Fatalf("only %d codes were found in the source", len(codes))
	}
	for _, code := range codes {
		meaning, ok := dataset.Codes[code]
		if !ok || meaning.Status < 400 || meaning.Status > 599 || http.StatusText(meaning.Status) == "" {
			t.Errorf("%s has the status %d", code, meaning.Status)
		}
		n.store.set(func() {
			n.store.broken = fmt.Errorf("wrapped: %w", &dataset.Error{Code: code, Message: "m", Remedy: "r", Places: []dataset.Place{{Pointer: "/a", Detail: "d"}}, Total: 7})
		})
		p := n.problem(n.do("PUT", "/data/1", `{"id":"1"}`), code)
		if p.Detail != "m" || p.Remedy != "r" || len(p.Errors) != 1 || p.Errors[0].Pointer != "/a" || p.Total != 7 {
			t.Errorf("%s: %+v", code, p)
		}
		if r := n.want(n.do("GET", p.Type, ""), 200); !strings.Contains(r.body, meaning.Title) {
			t.Errorf("%s explains itself as %s", code, r.body)
		}
	}
	n.problem(n.do("GET", "/problems/none", ""), dataset.NotFound)
}

// What goes wrong inside is in the log, and not in the answer.
func TestInternalErrors(t *testing.T) {
	var log bytes.Buffer
	n := start(t, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	n.store.set(func() { n.store.broken = errors.New("the secret cause") })
	r := n.do("PUT", "/data/1", `{"id":"1"}`)
	p := n.problem(r, dataset.Internal)
	if strings.Contains(r.body, "secret") || !strings.Contains(log.String(), "the secret cause") || !strings.Contains(log.String(), p.Instance) {
		t.Errorf("answer %s, log %s", r.body, log.String())
	}
	log.Reset()
	n.do("GET", "/nothing", "")
	n.do("GET", "/data", "")
	if log.Len() > 0 {
		t.Errorf("reads and client errors are logged: %s", log.String())
	}
	n.store.set(func() { n.store.broken = nil })
	n.want(n.do("PUT", "/data/1", `{"id":"1"}`), 201)
	if log.Len() > 0 {
		t.Errorf("the write of one record is logged: %s", log.String())
	}
	n.want(n.do("POST", "/data", three), 200)
	if !strings.Contains(log.String(), "msg=write") {
		t.Errorf("the load is not logged: %s", log.String())
	}
}

func TestRoutesAndMethods(t *testing.T) {
	n := start(t, nil)
	for path, allow := range map[string]string{
		"/data":                     "DELETE, GET, HEAD, POST, QUERY, OPTIONS",
		"/data/1":                   "DELETE, GET, HEAD, PATCH, PUT, OPTIONS",
		"/get-keys":                 "GET, HEAD, OPTIONS",
		"/livez":                    "GET, HEAD, OPTIONS",
		"/collections/abc/rejected": "GET, HEAD, OPTIONS",
	} {
		r := n.do("TRACE", path, "")
		n.problem(r, dataset.MethodNotAllowed)
		if r.header.Get("Allow") != allow {
			t.Errorf("%s allows %q, want %q", path, r.header.Get("Allow"), allow)
		}
		r = n.want(n.do("OPTIONS", path, ""), 204)
		if r.header.Get("Allow") != allow {
			t.Errorf("OPTIONS %s allows %q, want %q", path, r.header.Get("Allow"), allow)
		}
		if got := r.header.Get("Accept-Patch"); (got == mergePatchType) != strings.Contains(allow, "PATCH") {
			t.Errorf("OPTIONS %s: Accept-Patch %q", path, got)
		}
	}
	for _, path := range []string{"/", "/nothing", "/data/", "/data/1/2", "/get-keys/1"} {
		n.problem(n.do("GET", path, ""), dataset.NotFound)
	}
	p := n.problem(n.do("GET", "/data?limt=3&limt=4&a=1", ""), dataset.Invalid)
	if len(p.Errors) != 2 || p.Errors[0].Parameter != "a" || p.Errors[1].Parameter != "limt" {
		t.Errorf("unknown parameters: %+v", p)
	}
	n.problem(n.do("GET", "/data?%zz", ""), dataset.Invalid)
	n.problem(n.do("POST", "/data?format=csv&format=json", "[]"), dataset.Invalid)
	n.problem(n.do("POST", "/data?on_error=ignore", "[]"), dataset.Invalid)
	n.problem(n.do("POST", "/data?format=xml", "[]"), dataset.Invalid)
}

func TestOperation(t *testing.T) {
	var log bytes.Buffer
	n := start(t, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	if r := n.want(n.do("GET", "/livez", ""), 200); !strings.Contains(r.body, `"version":"test"`) {
		t.Errorf("/livez says %s", r.body)
	}
	n.want(n.do("GET", "/readyz", ""), 200)
	n.store.set(func() {
		n.store.notReady = &dataset.Error{Code: dataset.Unavailable, Message: "Redis does not answer", Remedy: "start it"}
	})
	r := n.do("GET", "/readyz", "")
	if p := n.problem(r, dataset.Unavailable); p.Detail != "Redis does not answer" || r.header.Get("Retry-After") == "" {
		t.Errorf("/readyz says %s", r.body)
	}
	if log.Len() > 0 {
		t.Errorf("each probe of a node that is not ready is logged: %s", log.String())
	}
	n.store.set(func() { n.store.notReady = nil })
	n.api.Drain()
	n.problem(n.do("GET", "/readyz", ""), dataset.Unavailable)
	n.want(n.do("GET", "/livez", ""), 200)
	n.want(n.do("GET", "/data", ""), 200)
}

// Reading must go on where the ResponseWriter has no ReadFrom, too.
func TestPlainResponseWriter(t *testing.T) {
	n := start(t, nil)
	want := big()
	n.want(n.do("POST", "/data", want), 200)
	w := httptest.NewRecorder()
	n.api.ServeHTTP(w, httptest.NewRequest("GET", "/data", nil))
	if w.Code != 200 || w.Body.String() != want {
		t.Errorf("status %d, %d bytes", w.Code, w.Body.Len())
	}
}
