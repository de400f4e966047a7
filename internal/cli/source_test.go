package cli

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"landings/internal/dataset"
)

// A source that falls silent, before its answer or within, is given up.
func TestSilentSource(t *testing.T) {
	over := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/within" {
			_, _ = io.WriteString(w, "[")
			_ = http.NewResponseController(w).Flush()
		}
		if r.URL.Path != "/whole" {
			<-over
		}
		_, _ = io.WriteString(w, "[]")
	}))
	defer s.Close()
	defer close(over)
	read := func(ctx context.Context, path string, stall time.Duration) (string, error) {
		u, err := url.Parse(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _, _, err := fetch(ctx, u, stall)
		if err != nil {
			return "", err
		}
		defer body.Close()
		text, err := io.ReadAll(body)
		return string(text), err
	}
	if text, err := read(t.Context(), "/whole", time.Minute); text != "[]" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	for path, want := range map[string]string{"/before": "", "/within": "["} {
		if text, err := read(t.Context(), path, 200*time.Millisecond); text != want || err == nil || !strings.Contains(err.Error(), "nothing came for 200ms") {
			t.Errorf("%s: %q, %v", path, text, err)
		}
		// Whoever asked may go before that.
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if _, err := read(ctx, path, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// What may be secret in a source's address is used and not shown, whether or not the
// source can be had.
func TestSecretsOfSources(t *testing.T) {
	asked := make(chan string, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		asked <- r.URL.RawQuery + " " + password
		if r.URL.Path != "/x.csv" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer s.Close()
	host := strings.TrimPrefix(s.URL, "http://")
	for _, c := range []struct{ given, shown, asked string }{
		{"http://user:PASSWORD@" + host + "/x.csv?token=SECRET&a=SECRET&SECRET", "http://user:xxxxx@" + host + "/x.csv?token=xxxxx&a=xxxxx&xxxxx", "token=SECRET&a=SECRET&SECRET PASSWORD"},
		{"HTTP://" + host + "/y.csv?token=SECRET=1;SECRET", "http://" + host + "/y.csv?token=xxxxx", "token=SECRET=1;SECRET "},
		{"http://" + host + "/x.csv", "http://" + host + "/x.csv", " "},
		{"http://user:PASSWORD@" + host + ":SECRET/x.csv", "xxxxx", ""},
		{"missing/a b.csv", "missing/a b.csv", ""},
	} {
		source := source{config: datasetConfig{Name: "x", Source: c.given}, dir: t.TempDir()}
		body, o, err := source.Open(t.Context())
		shown := o.Source
		if err != nil {
			e, ok := errors.AsType[*dataset.Error](err)
			if !ok || !strings.Contains(e.Message, "the configured source "+c.shown+" cannot be had") {
				t.Errorf("%s: %v", c.given, err)
			}
			shown = err.Error()
			if e.Err != nil {
				shown += e.Err.Error() // the log has it
			}
		} else if _ = body.Close(); shown != c.shown {
			t.Errorf("%s is shown as %s, want %s", c.given, shown, c.shown)
		}
		if strings.Contains(shown, "SECRET") || strings.Contains(shown, "PASSWORD") {
			t.Errorf("%s is shown as %s", c.given, shown)
		}
		if c.asked != "" {
			if got := <-asked; got != c.asked {
				t.Errorf("%s: the server is asked for %s", c.given, got)
			}
		}
	}
}
