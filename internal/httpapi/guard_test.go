package httpapi

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"landings/internal/dataset"
)

func TestGuard(t *testing.T) {
	loopback := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5000}
	outside := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5000}
	for _, c := range []struct {
		name   string
		config Config
		local  net.Addr
		remote string
		host   string
		header []string
		code   dataset.Code // "": allowed
		place  string
	}{
		{name: "curl on this host"},
		{name: "by name", host: "localhost:5000"},
		{name: "by subdomain", host: "a.localhost"},
		{name: "IPv6", host: "[::1]:5000", remote: "[::1]:999", local: &net.TCPAddr{IP: net.IPv6loopback, Port: 5000}},
		{name: "mapped", remote: "[::ffff:127.0.0.1]:999"},
		{name: "unix socket", local: &net.UnixAddr{Name: "/s", Net: "unix"}, remote: "@", host: "anything"},
		{name: "other host", local: outside, remote: "192.0.2.7:999", host: "192.0.2.1:5000", code: dataset.Forbidden, place: "allow_remote_writes"},
		{name: "other host, allowed", config: Config{AllowRemoteWrites: true}, local: outside, remote: "192.0.2.7:999", host: "192.0.2.1:5000"},
		{name: "through a proxy here", header: []string{"X-Forwarded-For", "192.0.2.7"}, code: dataset.Forbidden, place: "allow_remote_writes"},
		{name: "rebinding", host: "evil.example:5000", header: []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://evil.example:5000"}, code: dataset.Forbidden, place: "Host"},
		{name: "rebinding by a lookalike", host: "127.0.0.1.evil.example", code: dataset.Forbidden, place: "Host"},
		{name: "allowed host", config: Config{AllowedOrigins: []string{"https://data.example"}}, host: "data.example"},
		{name: "other origin", header: []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, code: dataset.Forbidden, place: "Origin"},
		{name: "other origin, old browser", header: []string{"Origin", "https://evil.example"}, code: dataset.Forbidden, place: "Origin"},
		{name: "other port of this host", header: []string{"Sec-Fetch-Site", "same-site", "Origin", "http://127.0.0.1:8080"}, code: dataset.Forbidden, place: "Origin"},
		{name: "other origin, open to all", config: Config{AllowRemoteWrites: true}, header: []string{"Origin", "https://evil.example"}, code: dataset.Forbidden, place: "Origin"},
		{name: "allowed origin", config: Config{AllowedOrigins: []string{"https://page.example"}}, header: []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://page.example"}},
		{name: "own page", header: []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://127.0.0.1:5000"}},
		{name: "token missing", config: Config{Tokens: []string{"s3cret"}}, code: dataset.Unauthorized, place: "Authorization"},
		{name: "token missing, remote allowed", config: Config{Tokens: []string{"s3cret"}, AllowRemoteWrites: true}, code: dataset.Unauthorized, place: "Authorization"},
		{name: "token wrong", config: Config{Tokens: []string{"s3cret"}}, header: []string{"Authorization", "Bearer s3cre"}, code: dataset.Unauthorized, place: "Authorization"},
		{name: "token empty", config: Config{Tokens: []string{"s3cret"}}, header: []string{"Authorization", "Bearer "}, code: dataset.Unauthorized, place: "Authorization"},
		{name: "token in another scheme", config: Config{Tokens: []string{"s3cret"}}, header: []string{"Authorization", "Basic s3cret"}, code: dataset.Unauthorized, place: "Authorization"},
		{name: "token right, from elsewhere", config: Config{Tokens: []string{"other", "s3cret"}}, local: outside, remote: "192.0.2.7:999", host: "data.example", header: []string{"Authorization", "bearer s3cret"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, err := newGuard(c.config)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest("POST", "/data", nil)
			local := c.local
			if local == nil {
				local = loopback
			}
			r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, local))
			r.RemoteAddr, r.Host = "127.0.0.1:999", "127.0.0.1:5000"
			if c.remote != "" {
				r.RemoteAddr = c.remote
			}
			if c.host != "" {
				r.Host = c.host
			}
			for i := 0; i < len(c.header); i += 2 {
				r.Header.Set(c.header[i], c.header[i+1])
			}
			err = g.check(r)
			if c.code == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			e, ok := errors.AsType[*dataset.Error](err)
			if !ok || e.Code != c.code || e.Remedy == "" || len(e.Places) != 1 || e.Places[0].Parameter != c.place {
				t.Fatalf("the refusal is %#v", err)
			}
		})
	}
}

func TestGuardOnTheWire(t *testing.T) {
	n := start(t, func(c *Config) { c.Tokens = []string{"s3cret"} })
	for _, c := range [][2]string{{"POST", "/data"}, {"DELETE", "/data"}, {"PUT", "/data/1"}, {"PATCH", "/data/1"}, {"DELETE", "/data/1"}} {
		r := n.do(c[0], c[1], "")
		n.problem(r, dataset.Unauthorized)
		if r.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%v: no WWW-Authenticate", c)
		}
	}
	n.want(n.do("GET", "/data", ""), 200)
	n.want(n.do("POST", "/data", three, "Authorization", "Bearer s3cret"), 200)
	n.problem(n.do("POST", "/data", three, "Authorization", "Bearer s3cret", "Origin", "https://evil.example"), dataset.Forbidden)
	n = start(t, nil)
	n.problem(n.do("POST", "/data", three, "Host", "evil.example"), dataset.Forbidden)
	n.want(n.do("GET", "/data", "", "Host", "evil.example"), 200)
}

func TestBadConfigs(t *testing.T) {
	n := start(t, nil)
	good := n.api.config
	for name, change := range map[string]func(*Config){
		"no store":    func(c *Config) { c.Store = nil },
		"no catalog":  func(c *Config) { c.Catalog = nil },
		"bad name":    func(c *Config) { c.Datasets[0].Name = "Bad Name" },
		"bad origin":  func(c *Config) { c.AllowedOrigins = []string{"example.org/x"} },
		"empty token": func(c *Config) { c.Tokens = []string{""} },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
