package store

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"landings/internal/dataset"
)

// address is what Options say of where Redis is.
type address struct {
	option    rueidis.ClientOption // for one connection; InitAddress is filled in for each server
	hosts     []string             // host:port, or the path of a socket
	text      string               // to show: without the passwords
	master    string               // the name under which sentinels, which hosts are then, know the master
	sentinels rueidis.ClientOption // for connections to sentinels
}

// addressForms is the remedy for an address that cannot be read.
const addressForms = "write redis://user:password@host:6379/0, rediss:// for TLS, unix:///path/to/redis.sock, redis://host1:6379,host2:6379 for a cluster, " +
	"or redis-sentinel://host1:26379,host2:26379/NAME for the master NAME of Sentinel"

func badAddress(text string) error {
	return &dataset.Error{Code: dataset.Invalid, Message: "the address of Redis cannot be read: " + text, Remedy: addressForms}
}

// parseAddress reads the address. Besides what rueidis.ParseURL takes, it knows
// several hosts with commas between them, and sentinels.
func parseAddress(o Options) (address, error) {
	var a address
	if o.Dial != nil {
		a.text, a.hosts = "the embedded engine", []string{"127.0.0.1:6379"} // not dialled
		a.option.DialCtxFn = func(ctx context.Context, _ string, _ *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return o.Dial(ctx)
		}
		a.settle(o)
		return a, nil
	}
	scheme, rest, ok := strings.Cut(o.URL, "://")
	if !ok {
		return a, badAddress("it is not a URL")
	}
	// net/url knows no lists of hosts: all but the first are kept aside.
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	at := strings.LastIndexByte(rest[:end], '@') + 1
	first, others, several := strings.Cut(rest[at:end], ",")
	u, err := url.Parse(scheme + "://" + rest[:at] + first + rest[end:])
	if err != nil {
		// The parser's message repeats the address, with its password.
		return a, badAddress("it is not a URL")
	}
	port := "6379"
	plain := *u
	if kind, isSentinel := strings.CutSuffix(scheme, "-sentinel"); isSentinel {
		port = "26379"
		plain.Scheme = kind
		var database string
		if a.master, database, _ = strings.Cut(strings.TrimPrefix(u.Path, "/"), "/"); database != "" {
			database = "/" + database
		}
		plain.Path = database
		if a.master == "" {
			return a, badAddress("it does not name the master that the sentinels watch")
		}
	}
	if plain.Scheme != "unix" {
		plain.Path = strings.TrimSuffix(plain.Path, "/")
	}
	if a.option, err = rueidis.ParseURL(plain.String()); err != nil {
		return a, badAddress(strings.ReplaceAll(err.Error(), plain.String(), "it"))
	}
	a.text = u.Redacted()
	a.hosts = a.option.InitAddress[:1]
	if plain.Scheme != "unix" {
		host := plain.Hostname()
		if host == "" {
			host = "localhost"
		}
		if plain.Port() != "" {
			port = plain.Port()
		}
		a.hosts = []string{net.JoinHostPort(host, port)}
	}
	if several {
		if plain.Scheme == "unix" {
			return a, badAddress("a socket is one server")
		}
		standard := port
		if plain.Port() != "" {
			standard = map[bool]string{true: "26379", false: "6379"}[a.master != ""]
		}
		for more := range strings.SplitSeq(others, ",") {
			host, port, err := hostPort(more, standard)
			if err != nil {
				return a, badAddress(err.Error())
			}
			a.hosts = append(a.hosts, net.JoinHostPort(host, port))
		}
		a.text = strings.Replace(a.text, first, first+","+others, 1)
	}
	if a.option.TLSConfig != nil && (several || a.master != "") {
		a.option.TLSConfig.ServerName = "" // each server's own
	}
	a.settle(o)
	q := u.Query()
	a.sentinels = a.option
	a.sentinels.Username, a.sentinels.Password, a.sentinels.SelectDB = q.Get("sentinel_user"), q.Get("sentinel_password"), 0
	if q.Has("sentinel_password") {
		q.Set("sentinel_password", "xxxxx")
		a.text = strings.Replace(a.text, "?"+u.RawQuery, "?"+q.Encode(), 1)
	}
	return a, nil
}

// hostPort splits host[:port].
func hostPort(text, standard string) (host, port string, err error) {
	u, err := url.Parse("redis://" + text)
	if err != nil || u.Host != text || u.Hostname() == "" {
		return "", "", fmt.Errorf("%q is not a host and a port", dataset.Excerpt(text))
	}
	if port = u.Port(); port == "" {
		port = standard
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", "", fmt.Errorf("%q is not a port", dataset.Excerpt(port))
	}
	return u.Hostname(), port, nil
}

// settle sets what does not come from the address.
func (a *address) settle(o Options) {
	a.option.ForceSingleClient = true // where which key lives is found out here, see topology
	a.option.DisableCache = true      // every answer must be Redis's own
	a.option.DisableRetry = true      // what is tried again, and when, is decided here
	if a.option.Dialer.Timeout == 0 {
		a.option.Dialer.Timeout = 2 * time.Second
	}
	a.option.Dialer.KeepAlive = cmp.Or(a.option.Dialer.KeepAlive, rueidis.DefaultTCPKeepAlive) // wires dial by it too
	a.option.ConnWriteTimeout = o.WriteTimeout
	a.option.ClientName = "landings"
	// What goes over the shared connections is little: neither a queue of 1,024 nor half a
	// megabyte each way is of use to them.
	a.option.RingScaleEachConn = 6
	a.option.WriteBufferEachConn = 64 << 10
	a.option.ReadBufferEachConn = 64 << 10
}

// isCluster says whether the address itself tells that it is a cluster's.
func (a *address) isCluster() bool { return a.master == "" && len(a.hosts) > 1 }

// check refuses what no server of the kind can be asked for.
func (a *address) check() error {
	if a.isCluster() && a.option.SelectDB != 0 {
		return badAddress(errClusterDB.Error())
	}
	return nil
}

var errClusterDB = errors.New("a cluster has the database 0 only")
