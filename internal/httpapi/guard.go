package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"landings/internal/dataset"
)

// guard decides who may write.
//
// A page of another origin may not, unless its origin is allowed: a browser would
// carry the write to a node that only its user can reach. With tokens, whoever
// shows one may write. Without, requests from this host may, and only under a name
// of this host: a page whose name was made to lead here (DNS rebinding) is of the
// same origin, and only the Host header gives it away.
type guard struct {
	tokens  [][sha256.Size]byte // hashed, so that comparing takes the same time for any length
	remote  bool                // anybody may write without a token
	origins *http.CrossOriginProtection
	pages   map[string]bool // the allowed origins, as browsers write them
	hosts   map[string]bool // and their hosts, without ports
}

func newGuard(c Config) (*guard, error) {
	g := &guard{remote: c.AllowRemoteWrites, origins: http.NewCrossOriginProtection(), pages: map[string]bool{}, hosts: map[string]bool{}}
	for _, t := range c.Tokens {
		if len(t) == 0 {
			return nil, &dataset.Error{Code: dataset.Invalid, Message: "a token is empty", Remedy: "leave it out, or set one of at least one character", Places: []dataset.Place{{Parameter: "tokens", Detail: "empty"}}}
		}
		g.tokens = append(g.tokens, sha256.Sum256([]byte(t)))
	}
	for _, o := range c.AllowedOrigins {
		u, err := url.Parse(o)
		if err == nil {
			err = g.origins.AddTrustedOrigin(o)
		}
		if err != nil {
			return nil, &dataset.Error{
				Code:    dataset.Invalid,
				Message: "\"" + dataset.Excerpt(o) + "\" is no origin",
				Remedy:  "write scheme and host as browsers do, such as https://example.org",
				Places:  []dataset.Place{{Parameter: "allowed_origins", Detail: "not an origin"}},
				Err:     err,
			}
		}
		g.pages[o] = true
		g.hosts[strings.ToLower(u.Hostname())] = true
	}
	return g, nil
}

// check says whether a request may write.
func (g *guard) check(r *http.Request) error {
	if err := g.origins.Check(r); err != nil {
		return &dataset.Error{
			Code:    dataset.Forbidden,
			Message: "pages of other origins may not write here",
			Remedy:  "add the page's origin to allowed_origins in the configuration",
			Places:  []dataset.Place{{Parameter: "Origin", Detail: dataset.Excerpt(r.Header.Get("Origin"))}},
			Err:     err,
		}
	}
	return g.allow(writer{
		host:          r.Host,
		authorization: r.Header.Get("Authorization"),
		browser:       r.Header.Get("Origin") != "",
		fromThisHost:  func() bool { return fromThisHost(r) },
		onLoopback:    func() bool { return onLoopback(r) },
	})
}

// writer is what is known of who writes, beyond a request's being of this origin.
type writer struct {
	host          string // as the Host header has it
	authorization string // the header
	browser       bool   // the request has an Origin
	fromThisHost  func() bool
	onLoopback    func() bool // whether it came in on a loopback address
}

// allow says whether a writer may write.
func (g *guard) allow(w writer) error {
	if len(g.tokens) > 0 {
		return g.checkToken(w.authorization)
	}
	if g.remote {
		// Anybody may write, but not the page of a name that was made to lead here:
		// only browsers send Origin, and they send the name in Host too.
		if _, err := netip.ParseAddr(hostOf(w.host)); err != nil && w.browser && !isLoopbackName(w.host) && !g.hosts[hostOf(w.host)] {
			return wrongHost(w.host)
		}
		return nil
	}
	if !w.fromThisHost() {
		return &dataset.Error{
			Code:    dataset.Forbidden,
			Message: "writes from other hosts are not allowed",
			Remedy:  "configure a token (tokens) and send it, or set allow_remote_writes: true where everybody who can reach the node may write",
			Places:  []dataset.Place{{Parameter: "allow_remote_writes", Detail: "is false, and no token is configured"}},
		}
	}
	if w.onLoopback() && !isLoopbackName(w.host) && !g.hosts[hostOf(w.host)] {
		return wrongHost(w.host)
	}
	return nil
}

func wrongHost(host string) error {
	return &dataset.Error{
		Code:    dataset.Forbidden,
		Message: "the name \"" + dataset.Excerpt(host) + "\" may not be used to write to this node",
		Remedy:  "use localhost or 127.0.0.1; behind a proxy, add the public address to allowed_origins in the configuration",
		Places:  []dataset.Place{{Parameter: "Host", Detail: dataset.Excerpt(host)}},
	}
}

func (g *guard) checkToken(authorization string) error {
	scheme, token, _ := strings.Cut(authorization, " ")
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	found := 0
	for i := range g.tokens {
		found |= subtle.ConstantTimeCompare(sum[:], g.tokens[i][:])
	}
	if found == 1 && strings.EqualFold(scheme, "Bearer") {
		return nil
	}
	message := "writing needs a token"
	if authorization != "" {
		message = "the token is not one that may write here"
	}
	return &dataset.Error{
		Code:    dataset.Unauthorized,
		Message: message,
		Remedy:  "send the header Authorization: Bearer TOKEN with a token of the configuration",
		Places:  []dataset.Place{{Parameter: "Authorization", Detail: "missing or wrong"}},
	}
}

// forwarding are headers that proxies add: a request that has one comes from
// elsewhere, whatever the address of its connection.
var forwarding = [...]string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via"}

// forwarded says whether a proxy passed a request on.
func forwarded(r *http.Request) bool {
	for _, name := range forwarding {
		if _, ok := r.Header[name]; ok {
			return true
		}
	}
	return false
}

// fromThisHost says whether a request was made on this host.
func fromThisHost(r *http.Request) bool {
	if forwarded(r) {
		return false
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && local.Network() == "unix" {
		return true
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && from.Addr().Unmap().IsLoopback()
}

// onLoopback says whether a request came in on a loopback address.
func onLoopback(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return true // unknown: the stricter rule
	}
	to, err := netip.ParseAddrPort(local.String())
	return err == nil && to.Addr().Unmap().IsLoopback()
}

// hostOf gives a Host header's name in lower case, without port and brackets.
func hostOf(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

func isLoopbackName(hostport string) bool {
	host := hostOf(hostport)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
