package telemetry_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"landings/internal/telemetry"
)

func read(t *testing.T, m *telemetry.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatal(w.Code, w.Body)
	}
	return w.Body.String()
}

func want(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+text, "\n"+line+"\n") {
			t.Errorf("there is no line %s in\n%s", line, text)
		}
	}
}

// Every request is counted once, in the bucket of its time, also when many are at the same time.
func TestRequests(t *testing.T) {
	m := telemetry.New("1.2.3")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				m.Request("/data/{id}", "GET", 200).Observe(100 * time.Microsecond)
				m.Request("/data/{id}", "GET", 200).Observe(20 * time.Second)
			}
		})
	}
	all.Wait()
	m.Request("/data", "POST", 504).Observe(-time.Second) // a clock that went back
	const name = `landings_http_request_duration_seconds`
	want(t, read(t, m),
		name+`_bucket{code="200",method="GET",route="/data/{id}",le="5e-05"} 0`,
		name+`_bucket{code="200",method="GET",route="/data/{id}",le="0.0001"} 8000`,
		name+`_bucket{code="200",method="GET",route="/data/{id}",le="10"} 8000`,
		name+`_bucket{code="200",method="GET",route="/data/{id}",le="+Inf"} 16000`,
		name+`_count{code="200",method="GET",route="/data/{id}"} 16000`,
		name+`_count{code="504",method="POST",route="/data"} 1`,
		name+`_sum{code="504",method="POST",route="/data"} 0`)
	if text := read(t, m); !strings.Contains(text, name+`_sum{code="200",method="GET",route="/data/{id}"} 160000.8`) || !strings.Contains(text, `landings_build_info{goversion="go`) || !strings.Contains(text, "\ngo_goroutines ") || !strings.Contains(text, "\nprocess_resident_memory_bytes ") {
		t.Error(text)
	}
}

func TestSource(t *testing.T) {
	m := telemetry.New("")
	n := 0.0
	m.Add(telemetry.Source{
		Figures: []telemetry.Figure{
			{Name: "landings_things", Help: "Things.", Kind: telemetry.Gauge, Labels: []string{"dataset"}},
			{Name: "landings_done_total", Help: "Done.", Kind: telemetry.Counter},
		},
		Read: func(set func(int, float64, ...string)) {
			n++
			set(0, n, "a")
			set(0, 2*n, "b")
			set(1, 7)
		},
	})
	read(t, m)
	want(t, read(t, m), `landings_things{dataset="a"} 2`, `landings_things{dataset="b"} 4`, "landings_done_total 7", "# TYPE landings_done_total counter", "# HELP landings_things Things.")
}

func BenchmarkObserve(b *testing.B) {
	l := telemetry.New("").Request("/data/{id}", "GET", 200)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			l.Observe(20 * time.Microsecond)
		}
	})
}
