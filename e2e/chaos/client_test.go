//go:build e2e

package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"path"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// verb is what a client asks for.
type verb string

const (
	put    verb = "PUT"
	patch  verb = "PATCH"
	remove verb = "DELETE"
	read   verb = "GET"
	list   verb = "LIST"
)

// result is what became of it.
type result string

const (
	done    result = "done"    // 2xx
	absent  result = "absent"  // 404
	refused result = "refused" // 412
	nothing result = "nothing" // 503: it was not carried out
	unknown result = "unknown" // 503 outcome unknown, or no answer at all
)

// op is one request and its answer.
type op struct {
	verb    verb
	key     string
	value   string // that a write puts; that a read got; unique
	match   string // If-Match: the tag of this value; "": none
	none    bool   // If-None-Match: *
	latest  bool   // Min-Version: latest
	atLeast uint64 // Min-Version
	safe    bool   // a write that asks for ack=nodes:1: another node has it when it is acknowledged

	client, node int
	conn         string // names the connection
	call, ret    time.Time
	result       result
	status       int
	created      bool
	version      uint64 // Dataset-Version; 0: the answer had none
	tag          string
	body         []byte // of a list
}

func (o *op) writes() bool { return o.verb == put || o.verb == patch || o.verb == remove }

func (o *op) String() string {
	s := fmt.Sprintf("%s %s %s=%q -> %s %d, version %d, node %d, client %d, %s +%v", o.verb, o.key, map[bool]string{true: "latest ", false: ""}[o.latest], o.value,
		o.result, o.status, o.version, o.node+1, o.client, o.call.Format("15:04:05.000"), o.ret.Sub(o.call).Round(time.Millisecond))
	if o.match != "" {
		s += " if-match " + o.match
	}
	if o.none {
		s += " if-none-match *"
	}
	if o.safe {
		s += " ack=nodes:1"
	}
	return s
}

const hotKeys = 16

// client sends one request after the other, over one connection to one node at a time.
type client struct {
	world  *world
	id     int
	random *rand.Rand
	known  map[string]tagged // by key: the value that this client last saw
	seen   uint64            // the highest version that it was told
	count  int
	ops    []*op
}

type tagged struct{ value, tag string }

func (c *client) run(ctx context.Context) {
	for ctx.Err() == nil {
		node := c.random.IntN(len(c.world.nodes))
		transport := &http.Transport{MaxConnsPerHost: 1}
		h := &http.Client{Transport: transport, Timeout: 8 * time.Second}
		for range 30 + c.random.IntN(100) {
			if ctx.Err() != nil {
				break
			}
			o := c.next()
			o.client, o.node = c.id, node
			c.do(h, o)
			c.ops = append(c.ops, o)
			if o.result == unknown && o.status == 0 {
				break // the node does not answer: ask another
			}
			time.Sleep(time.Duration(c.random.Int64N(int64(8 * time.Millisecond)))) // the client's own pace
		}
		transport.CloseIdleConnections()
		time.Sleep(20 * time.Millisecond) // as above
	}
}

func (c *client) next() *op {
	o := &op{key: "k" + strconv.Itoa(c.random.IntN(hotKeys))}
	c.count++
	fresh := fmt.Sprintf("c%d-%d", c.id, c.count)
	switch dice := c.random.IntN(100); {
	case dice < 25:
		o.verb, o.value = put, fresh
	case dice < 33:
		o.verb, o.value, o.none = put, fresh, true
	case dice < 45:
		o.verb, o.value, o.match = put, fresh, c.known[o.key].value
	case dice < 53:
		o.verb, o.value = patch, fresh
	case dice < 58:
		o.verb, o.value, o.match = patch, fresh, c.known[o.key].value
	case dice < 65:
		o.verb = remove
	case dice < 69:
		o.verb, o.match = remove, c.known[o.key].value
	case dice < 79:
		o.verb, o.latest = read, true
	case dice < 89:
		o.verb = read
	case dice < 93:
		o.verb, o.atLeast = read, c.seen
	case dice < 97:
		o.verb, o.key = list, ""
	default:
		o.verb, o.key, o.latest = list, "", true
	}
	o.safe = o.writes() && c.random.IntN(8) == 0
	return o
}

func record(key, value string) string { return fmt.Sprintf(`{"id":%q,"v":%q}`, key, value) }

func (c *client) do(h *http.Client, o *op) {
	method, url, body := string(o.verb), c.world.nodes[o.node].base()+path.Join("/data", o.key), ""
	switch o.verb {
	case put:
		body = record(o.key, o.value)
	case patch:
		body = fmt.Sprintf(`{"v":%q}`, o.value)
	case list:
		method = "GET"
	case read, remove:
	}
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequest(method, url, reader)
	if err != nil {
		panic(err)
	}
	if o.verb == patch {
		r.Header.Set("Content-Type", "application/merge-patch+json")
	}
	if o.match != "" {
		r.Header.Set("If-Match", c.known[o.key].tag)
	}
	if o.none {
		r.Header.Set("If-None-Match", "*")
	}
	if o.safe {
		r.Header.Set("Prefer", `ack="nodes:1"`)
	}
	if o.latest {
		r.Header.Set("Min-Version", "latest")
	}
	if o.atLeast > 0 {
		r.Header.Set("Min-Version", strconv.FormatUint(o.atLeast, 10))
	}
	var conn atomic.Value
	trace := httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { conn.Store(i.Conn.LocalAddr().String()) }}
	r = r.WithContext(httptrace.WithClientTrace(context.Background(), &trace))
	// net/http would send a request again that got no answer.
	r.GetBody = nil
	if body != "" {
		r.Body = io.NopCloser(reader)
		r.ContentLength = int64(len(body))
	}
	o.call = time.Now()
	answer, err := h.Do(r)
	var text []byte
	if err == nil {
		text, err = io.ReadAll(answer.Body)
		answer.Body.Close()
	}
	o.ret = time.Now()
	if name, ok := conn.Load().(string); ok {
		o.conn = fmt.Sprintf("%d %s", c.id, name)
	}
	if err != nil {
		o.result = unknown
		return
	}
	o.status = answer.StatusCode
	o.version, _ = strconv.ParseUint(answer.Header.Get("Dataset-Version"), 10, 64)
	o.tag = answer.Header.Get("Etag")
	o.safe = o.safe && answer.Header.Get("Dataset-Ack") == "nodes:1"
	c.seen = max(c.seen, o.version)
	switch o.status {
	case http.StatusOK, http.StatusCreated, http.StatusNoContent:
		o.result, o.created = done, o.status == http.StatusCreated
	case http.StatusNotFound:
		o.result = absent
	case http.StatusPreconditionFailed:
		o.result = refused
	default:
		var problem struct{ Type string }
		_ = json.Unmarshal(text, &problem)
		o.result = unknown
		if problem.Type == "/problems/unavailable" {
			o.result = nothing
		}
	}
	if o.result == done {
		switch o.verb {
		case list:
			o.body = text
		case read:
			o.value = valueOf(text)
			c.known[o.key] = tagged{o.value, o.tag}
		case put, patch:
			if o.verb == put || valueOf(text) == o.value {
				if o.tag != "" {
					c.known[o.key] = tagged{o.value, o.tag}
				}
			}
		case remove:
		}
	}
}

func valueOf(text []byte) string {
	var r struct{ V string }
	_ = json.Unmarshal(text, &r)
	return r.V
}
