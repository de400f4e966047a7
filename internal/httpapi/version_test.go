package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"landings/internal/dataset"
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
		{"HEAD", "/get-keys?records=", "", 200, nil},
		{"GET", "/collections/things/generations", "", 200, nil},
		{"GET", "/collections/things/generations", "", 304, []string{"If-None-Match", "*"}},
		{"POST", "/collections/things/generations", "", 400, nil},
		{"GET", "/collections/things/schema", "", 304, []string{"If-None-Match", "*"}},
		{"GET", "/backup", "", 200, nil},
		{"HEAD", "/backup", "", 200, nil},
		{"GET", "/backup?x=1", "", 400, nil},
		{"POST", "/backup", "", 405, nil},
		{"OPTIONS", "/backup", "", 204, nil},
		{"GET", "/collections/things/backup", "", 200, nil},
		{"HEAD", "/collections/things/backup", "", 200, nil},
		{"OPTIONS", "/data", "", 204, nil},
		{"OPTIONS", "/data/a", "", 204, nil},
		{"OPTIONS", "/collections/things", "", 204, nil},
	} {
		got := readOf(a, c.method, c.path, c.body, c.header...)
		if got.Code != c.status || got.Header().Get("Dataset-Version") != "1" {
			t.Errorf("%s %s: %d, version %q", c.method, c.path, got.Code, got.Header().Get("Dataset-Version"))
		}
	}
}

// The body and the header of the answer to a deletion name the version that it made.
func TestDeletionNamesItsVersion(t *testing.T) {
	a, _ := versioned(t)
	got := readOf(a, "DELETE", "/data", "")
	if got.Code != 200 || got.Header().Get("Dataset-Version") != "2" || !strings.Contains(got.Body.String(), `"version":2`) {
		t.Error(got.Code, got.Header(), got.Body)
	}
}

// While the store is away every answer from memory says how old it may be, whatever its status.
func TestEveryAnswerFromMemoryHasItsAge(t *testing.T) {
	a, store := versioned(t)
	store.set(func() {
		store.age, store.broken = 3131*time.Millisecond, &dataset.Error{Code: dataset.Unavailable, Message: "away"}
	})
	for _, c := range []struct {
		method, path string
		status       int
		header       []string
	}{
		{"GET", "/data", 200, nil},
		{"GET", "/data?v=1", 200, nil},
		{"GET", "/data?x=1", 400, nil},
		{"GET", "/data", 304, []string{"If-None-Match", "*"}},
		{"GET", "/data/a", 200, nil},
		{"GET", "/data/a?x=1", 400, nil},
		{"GET", "/data/b", 404, nil},
		{"PUT", "/data/b", 503, nil},
		{"PATCH", "/data/b", 415, nil},
		{"OPTIONS", "/data/b", 204, nil},
		{"GET", "/backup", 200, nil},
		{"HEAD", "/backup", 200, nil},
		{"GET", "/backup?x=1", 400, nil},
		{"GET", "/collections/things/backup", 200, nil},
		{"GET", "/collections/things/schema", 200, nil},
		{"GET", "/collections/things/schema", 304, []string{"If-None-Match", "*"}},
		{"GET", "/collections/things/queryables", 200, nil},
		{"GET", "/collections/things/queryables", 304, []string{"If-None-Match", "*"}},
		{"GET", "/collections/things/queryables?x=1", 400, nil},
		{"GET", "/collections/things/items?x=1", 400, nil},
		{"GET", "/collections/things/facets?fields=v", 200, nil},
		{"GET", "/collections/things/facets?fields=x", 400, nil},
		{"GET", "/collections/things/summary?fields=v", 200, nil},
		{"GET", "/collections/nothing/items", 404, nil},
		{"GET", "/get-keys?records=things", 200, nil},
		{"GET", "/get-keys?records=nothing", 404, nil},
	} {
		got := readOf(a, c.method, c.path, "{}", c.header...)
		if got.Code != c.status || got.Header().Get("Dataset-Age") != "3.131" {
			t.Errorf("%s %s: %d, age %q", c.method, c.path, got.Code, got.Header().Get("Dataset-Age"))
		}
	}
	for _, path := range []string{"/livez", "/metrics", "/nothing", "/get-keys"} {
		if got := readOf(a, "GET", path, "").Header().Get("Dataset-Age"); got != "" {
			t.Errorf("GET %s: age %q", path, got)
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
