package telemetry

import (
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// series is what requests are told apart by.
type series struct {
	route, method string
	status        int
}

// Request gives the latencies of the requests of a route that were answered with a
// status. Whoever answers a hundred thousand a second looks it up once.
func (m *Metrics) Request(route, method string, status int) *Latency {
	key := series{route, method, status}
	if l, ok := m.requests.Load(key); ok {
		return l.(*Latency)
	}
	l, _ := m.requests.LoadOrStore(key, new(Latency))
	return l.(*Latency)
}

// bounds are the upper bounds of the buckets of a latency: 50 microseconds to 10 seconds.
var bounds = [...]time.Duration{
	50 * time.Microsecond, 100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 10 * time.Second,
}

// parts is how many copies of its counters a Latency has, so that cores that count at
// the same time do not wait for one another's cache lines.
const parts = 4

// Latency counts how long things took. The zero Latency has counted nothing. It is
// safe for concurrent use, and counting takes some nanoseconds: the client library's own
// histogram takes several times as many.
type Latency struct {
	parts [parts]part
}

type part struct {
	counts [len(bounds) + 1]atomic.Uint64 // the last: beyond all bounds
	nanos  atomic.Uint64                  // sum
	_      [6]uint64                      // the rest of a cache line of 64 bytes
}

// Observe counts one.
func (l *Latency) Observe(took time.Duration) {
	took = max(took, 0)
	p := &l.parts[rand.Uint32()%parts]
	i := 0
	for i < len(bounds) && took > bounds[i] {
		i++
	}
	p.counts[i].Add(1)
	p.nanos.Add(uint64(took))
}

// read gives the number of all, their sum in seconds, and how many took at most each
// of the bounds.
func (l *Latency) read() (count uint64, sum float64, within map[float64]uint64) {
	within = make(map[float64]uint64, len(bounds))
	for i := range len(bounds) + 1 {
		for p := range l.parts {
			count += l.parts[p].counts[i].Load()
		}
		if i < len(bounds) {
			within[bounds[i].Seconds()] = count
		}
	}
	for p := range l.parts {
		sum += float64(l.parts[p].nanos.Load()) / 1e9
	}
	return count, sum, within
}

// requests collects the latencies of all requests.
type requests struct{ m *Metrics }

func (requests) description() *prometheus.Desc {
	return prometheus.NewDesc("landings_http_request_duration_seconds",
		"How long requests took until their answer was on its way, by route, method and status.",
		[]string{"route", "method", "code"}, nil)
}

// Describe implements [prometheus.Collector].
func (r requests) Describe(to chan<- *prometheus.Desc) { to <- r.description() }

// Collect implements [prometheus.Collector].
func (r requests) Collect(to chan<- prometheus.Metric) {
	d := r.description()
	r.m.requests.Range(func(key, value any) bool {
		k := key.(series)
		count, sum, within := value.(*Latency).read()
		to <- prometheus.MustNewConstHistogram(d, count, sum, within, k.route, k.method, strconv.Itoa(k.status))
		return true
	})
}
