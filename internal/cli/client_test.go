package cli

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"landings/internal/dataset"
)

// serveHere runs a server and gives the flags that lead to it.
func serveHere(t *testing.T, h http.Handler) nodeFlags {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return nodeFlags{To: s.URL}
}

// The ids . and .. mean a record, never the dataset that holds it.
func TestRecordAddresses(t *testing.T) {
	var asked string
	mux := http.NewServeMux()
	mux.HandleFunc("/data/{id}", func(_ http.ResponseWriter, r *http.Request) { asked = "record " + r.PathValue("id") })
	mux.HandleFunc("/collections/c/items/{id}", func(_ http.ResponseWriter, r *http.Request) { asked = "item " + r.PathValue("id") })
	mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) { asked = r.Method + " " + r.URL.Path })
	n := serveHere(t, mux)
	for _, id := range []string{".", "..", "...", "a/../b", "%2E", "a b?c#d", "Aïr"} {
		for name, want := range map[string]string{"": "record ", "c": "item "} {
			n.Dataset = name
			answer, err := n.do(t.Context(), http.MethodDelete, n.record(id), nil, nil)
			if err != nil {
				t.Fatalf("%q: %v", id, err)
			}
			answer.Body.Close()
			if asked != want+id {
				t.Errorf("%q led to %s", id, asked)
			}
		}
	}
}

// A redirect is not followed: it would make another request of a write.
func TestRedirectIsRefused(t *testing.T) {
	n := serveHere(t, http.RedirectHandler("https://example.org/data", http.StatusMovedPermanently))
	_, err := n.do(t.Context(), http.MethodDelete, "/data", nil, nil)
	if dataset.CodeOf(err) != dataset.Invalid || !strings.Contains(err.Error(), "https://example.org/data") {
		t.Error(err)
	}
}

// What broke off while it was sent may have been done; what was never sent was not.
func TestOutcome(t *testing.T) {
	reset := serveHere(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = c.(*net.TCPConn).SetLinger(0) // the client sees "connection reset by peer"
		c.Close()
	}))
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	untrusted.StartTLS()
	defer untrusted.Close()
	for _, c := range []struct {
		to, method string
		want       dataset.Code
	}{
		{reset.To, "PUT", dataset.OutcomeUnknown},
		{reset.To, "GET", dataset.Unavailable},
		{"http://127.0.0.1:1", "PUT", dataset.Unavailable},
		{untrusted.URL, "PUT", dataset.Unavailable},
		{"ftp://127.0.0.1", "PUT", dataset.Invalid},
		{"http://", "PUT", dataset.Invalid},
	} {
		_, err := nodeFlags{To: c.to}.do(t.Context(), c.method, "/data", nil, nil)
		if dataset.CodeOf(err) != c.want {
			t.Errorf("%s %s: %v, want %s", c.method, c.to, err, c.want)
		}
	}
}

func TestPrintKeys(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{`[]`, ""},
		{"[\"a\",\n\"b c\"]", "a\nb c\n"},
		{"[\"a\",\n{\"base64\":\"/w==\"}]", "a\n{\"base64\":\"/w==\"}\n"},
	} {
		var out strings.Builder
		if err := printKeys(&out, strings.NewReader(c.body)); err != nil || out.String() != c.want {
			t.Errorf("%s gives %q, %v", c.body, out.String(), err)
		}
		for i := range len(c.body) {
			if err := printKeys(&out, strings.NewReader(c.body[:i])); dataset.CodeOf(err) != dataset.Unavailable {
				t.Errorf("%q, cut, gives %v", c.body[:i], err)
			}
		}
	}
	if err := printKeys(full{}, strings.NewReader(`["a"]`)); !errors.Is(err, errFull) {
		t.Error(err)
	}
}

var errFull = errors.New("full")

// full is a disk that is.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
