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
