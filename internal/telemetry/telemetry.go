// Package telemetry counts what a node does, and shows it as Prometheus wants it. It
// knows neither datasets nor Redis: whoever has figures hands them over when it is asked for.
package telemetry

import (
	"net/http"
	"runtime"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is the figures of a node. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	requests sync.Map // of series to *Latency
}

// New gives the metrics of a program of that version: those of the process, of Go, and
// of the requests that [Metrics.Request] is told of.
func New(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	build := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "landings_build_info",
		Help:        "What runs: always 1.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	}, func() float64 { return 1 })
	m.registry.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), requests{m})
	return m
}

// Handler answers GET /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Kind says how figures of one name behave.
type Kind = prometheus.ValueType

// The kinds.
const (
	Counter = prometheus.CounterValue // it only grows
	Gauge   = prometheus.GaugeValue
)

// Figure is what one name stands for.
type Figure struct {
	Name   string
	Help   string
	Kind   Kind
	Labels []string // names
}

// Source gives figures when it is asked for them.
type Source struct {
	Figures []Figure
	// Read tells the present values; set is given the place of a figure in Figures, its
	// value, and the values of its labels.
	Read func(set func(figure int, value float64, labels ...string))
}

// Add adds a source. Two figures of the same name are a mistake of the program: it panics.
func (m *Metrics) Add(s Source) {
	c := &collector{source: s}
	for _, f := range s.Figures {
		c.descriptions = append(c.descriptions, prometheus.NewDesc(f.Name, f.Help, f.Labels, nil))
	}
	m.registry.MustRegister(c)
}

type collector struct {
	source       Source
	descriptions []*prometheus.Desc
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range c.descriptions {
		to <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(to chan<- prometheus.Metric) {
	c.source.Read(func(figure int, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(c.descriptions[figure], c.source.Figures[figure].Kind, value, labels...)
	})
}
