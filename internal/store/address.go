package store

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
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
	hosts := rest[at:end]
	if scheme == "unix" && hosts != "" || scheme != "unix" && strings.Contains(rest[end:], "@") {
		// Parts of a password may be anywhere then: nothing of it is shown.
		return a, badAddress("the user, the password or the host ends too early; in a password write ?, /, # and @ as %3F, %2F, %23 and %40")
	}
	first, _, several := strings.Cut(hosts, ",")
	u, err := url.Parse(scheme + "://" + rest[:at] + first + rest[end:])
	if err != nil {
		// The parser's message repeats the address, with its password.
		return a, badAddress("it is not a URL")
	}
	standard := "6379"
	plain := *u
	kind, isSentinel := strings.CutSuffix(scheme, "-sentinel")
	if isSentinel {
		standard = "26379"
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
	if err := checkParameters(u.RawQuery, isSentinel); err != nil {
		return a, err
	}
	if a.option, err = rueidis.ParseURL(plain.String()); err != nil {
		// Its message repeats what it cannot read, which may be of a password.
		return a, badAddress("its scheme, its database number or a parameter is wrong")
	}
	shown := *u
	a.hosts = a.option.InitAddress[:1]
	if plain.Scheme != "unix" {
		a.hosts = nil
		for one := range strings.SplitSeq(hosts, ",") {
			host, port, err := hostPort(one, standard)
			if err != nil {
				return a, badAddress(err.Error())
			}
			a.hosts = append(a.hosts, net.JoinHostPort(host, port))
		}
		shown.Host = hosts
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
		shown.RawQuery = q.Encode()
	}
	a.text = shown.Redacted()
	return a, nil
}

// checkParameters refuses what would have no effect. The values are not shown, for one may
// be a password.
func checkParameters(query string, sentinel bool) error {
	known := []string{"db", "dial_timeout", "protocol", "skip_verify"}
	if sentinel {
		known = append(known, "sentinel_user", "sentinel_password")
	}
	list := strings.Join(known, ", ")
	q, err := url.ParseQuery(query)
	if err != nil {
		return badAddress("its parameters cannot be read; there are " + list)
	}
	for _, name := range slices.Sorted(maps.Keys(q)) {
		if slices.Contains(known, name) {
			continue
		}
		text := strconv.Quote(dataset.Excerpt(name))
		if strings.Contains(name, "password") {
			text += " (write redis://user:password@host)"
		}
		return badAddress("it has no parameter " + text + "; there are " + list)
	}
	return nil
}

// hostPort splits host[:port].
func hostPort(text, standard string) (host, port string, err error) {
	u, err := url.Parse("redis://" + text)
	if err == nil && u.Hostname() == "" {
		return "", "", errors.New("it names no host")
	}
	if err != nil || u.Host != text {
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
	a.option.AlwaysPipelining = true  // else a command that runs alone does not end with its context
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
