package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"landings/internal/encode"
	"landings/internal/readmodel"
)

// versioned is an API over a dataset of one record, at version 1.
func versioned(t *testing.T) (*API, *memoryStore) {
	t.Helper()
	coder, err := encode.NewCoder(encode.DefaultLevel)
	if err != nil {
		t.Fatal(err)
	}
	catalog := readmodel.NewCatalog(coder)
	store := newMemoryStore(catalog)
	a, err := New(Config{Datasets: []Dataset{{Name: "things"}}, Catalog: catalog, Store: store, AllowRemoteWrites: true})
	if err != nil {
		t.Fatal(err)
	}
	a.Open()
	if got := readOf(a, "PUT", "/data/a", `{"v":1}`); got.Code != http.StatusCreated {
		t.Fatal(got.Code, got.Body)
	}
	return a, store
}

// readOf makes one request; header holds names and values by turns.
func readOf(a *API, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

func TestEveryAnswerHasDatasetVersion(t *testing.T) {
	a, _ := versioned(t)
	for _, c := range []struct {
		method, path, body string
		status             int
		header             []string
	}{
		{"GET", "/data", "", 200, nil},
		{"GET", "/data/a", "", 200, nil},
		{"GET", "/data/b", "", 404, nil},
		{"DELETE", "/data/b", "", 404, nil},
		{"PUT", "/data/a", `{"v":2}`, 412, []string{"If-None-Match", "*"}},
		{"PUT", "/data/a", `{`, 400, nil},
		{"GET", "/data?x=1", "", 400, nil},
		{"GET", "/collections/things/items/a", "", 200, nil},
		{"GET", "/collections/things/items?f=json", "", 200, nil},
		{"GET", "/get-keys?records=things", "", 200, nil},
	} {
		got := readOf(a, c.method, c.path, c.body, c.header...)
		if got.Code != c.status || got.Header().Get("Dataset-Version") != "1" {
			t.Errorf("%s %s: %d, version %q", c.method, c.path, got.Code, got.Header().Get("Dataset-Version"))
		}
	}
}

func TestMinVersion(t *testing.T) {
	a, _ := versioned(t)
	for value, status := range map[string]int{"1": 200, "latest": 200, "2": 503, "-1": 400, "new": 400, "": 400} {
		for _, path := range []string{"/data", "/data/a", "/collections/things/items?f=json", "/get-keys?records=things"} {
			got := readOf(a, "GET", path, "", "Min-Version", value)
			if got.Code != status {
				t.Errorf("GET %s with Min-Version %q: %d", path, value, got.Code)
			}
			if status == 503 && got.Header().Get("Retry-After") == "" {
				t.Error("503 without Retry-After")
			}
		}
	}
}

func TestAgeAndReadinessWhileTheStoreIsAway(t *testing.T) {
	a, store := versioned(t)
	if got := readOf(a, "GET", "/data/a", "").Header().Get("Dataset-Age"); got != "" {
		t.Fatalf("the store is there, and yet the answer has the age %q", got)
	}
	store.set(func() { store.age, store.notReady = 1500*time.Millisecond, http.ErrServerClosed })
	for _, path := range []string{"/data", "/data/a", "/data/b"} {
		if got := readOf(a, "GET", path, "").Header().Get("Dataset-Age"); got != "1.5" {
			t.Errorf("GET %s: the age is %q", path, got)
		}
	}
	if got := readOf(a, "GET", "/readyz", ""); got.Code == 200 {
		t.Error("ready for writes without a store")
	}
	a.config.ReadyForReads = true
	if got := readOf(a, "GET", "/readyz", ""); got.Code != 200 {
		t.Errorf("not ready for reads: %d", got.Code)
	}
}
