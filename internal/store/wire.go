package store

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

// wire is one connection of our own: it never reconnects by itself, so what it
// answers comes from one incarnation of Redis. Whoever opens it closes it. (A
// wire that was handed back instead would take its WATCH to the next user.)
type wire struct {
	client   rueidis.DedicatedClient
	topology *topology
	addr     string // of the server
	key      string // that it was opened for; "": for the server itself
	server   server // as it was when the wire was opened or last asked
}

// command is a Redis command: its name, its key if it has one, its arguments.
type command struct {
	name string
	key  string
	args []string
}

func cmd(name, key string, args ...string) command { return command{name, key, args} }

// open makes a connection to the server that serves a key and asks who is at the
// other end.
func (s *Store) open(ctx context.Context, key string) (*wire, error) {
	for {
		addr, err := s.topology.home(ctx, key)
		if err != nil {
			return nil, s.explain(err)
		}
		w, err := s.openAt(ctx, addr, key)
		if !errors.Is(err, errIsCluster) {
			return w, err
		}
	}
}

// openAt makes a connection to one server.
func (s *Store) openAt(ctx context.Context, addr, key string) (*wire, error) {
	shared, err := s.topology.client(addr)
	if err != nil {
		return nil, s.explain(err)
	}
	client, _ := shared.Dedicate()
	w := &wire{client: client, topology: s.topology, addr: addr, key: key}
	if err = w.identify(ctx); err == nil {
		err = w.server.usable()
	}
	if w.server.cluster {
		// Before anything else that may be wrong with a server that was asked by mistake.
		if unknown := s.topology.isCluster(); unknown != nil {
			err = unknown
		}
	}
	if err != nil {
		s.topology.learn(addr, key, err)
		w.close()
		return nil, s.explain(err)
	}
	return w, nil
}

func (w *wire) close() { w.client.Close() }

// identify asks on this very connection which incarnation of Redis serves it, and
// whether it serves the wire's key.
func (w *wire) identify(ctx context.Context) error {
	commands := []command{cmd("INFO", "", "server", "replication", "memory", "stats", "persistence", "cluster")}
	if w.key != "" {
		commands = append(commands, cmd("EXISTS", w.key))
	}
	results, err := w.pipeline(ctx, commands)
	if err != nil {
		return err
	}
	text, err := results[0].ToString()
	if err != nil {
		return err
	}
	w.server = parseServer(text)
	if w.server.loading || len(results) == 1 {
		return nil
	}
	return results[1].Error()
}

func (w *wire) build(c command) rueidis.Completed {
	b := w.client.B().Arbitrary(c.name)
	if c.key != "" {
		b = b.Keys(c.key)
	}
	return b.Args(c.args...).Build()
}

func (w *wire) do(ctx context.Context, c command) rueidis.RedisResult {
	r := w.client.Do(ctx, w.build(c))
	w.topology.learn(w.addr, w.key, r.Error())
	return r
}

// pipeline sends all commands at once and gives one result each. The error is
// the connection's: once it is not nil, nobody knows which commands were run.
func (w *wire) pipeline(ctx context.Context, commands []command) ([]rueidis.RedisResult, error) {
	built := make([]rueidis.Completed, len(commands))
	for i, c := range commands {
		built[i] = w.build(c)
	}
	results := w.client.DoMulti(ctx, built...)
	for _, r := range results {
		if err := r.Error(); err != nil {
			w.topology.learn(w.addr, w.key, err)
		}
		if err := r.NonRedisError(); err != nil {
			return results, err
		}
	}
	return results, nil
}

// all sends the commands at once and gives the first error of any kind.
func (w *wire) all(ctx context.Context, commands []command) error {
	results, err := w.pipeline(ctx, commands)
	if err != nil {
		return err
	}
	for _, r := range results {
		if err := r.Error(); err != nil && !rueidis.IsRedisNil(err) {
			return err
		}
	}
	return nil
}

// server is what INFO tells of the Redis behind a connection.
type server struct {
	version   string
	run       string // run_id and master_replid: the incarnation
	replica   bool
	cluster   bool // it is a node of a cluster
	loading   bool
	policy    string // maxmemory-policy
	evicted   int64  // keys evicted since its start
	uptime    int64  // seconds since its start
	saveError bool   // the last background save failed
	aofError  bool   // the last write to the append-only file failed
}

func parseServer(info string) server {
	fields := map[string]string{}
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
			fields[name] = value
		}
	}
	evicted, _ := strconv.ParseInt(fields["evicted_keys"], 10, 64)
	uptime, _ := strconv.ParseInt(fields["uptime_in_seconds"], 10, 64)
	return server{
		uptime:    uptime,
		version:   fields["redis_version"],
		run:       fields["run_id"] + "-" + fields["master_replid"],
		replica:   fields["role"] == "slave",
		cluster:   fields["cluster_enabled"] == "1",
		loading:   fields["loading"] == "1" || fields["async_loading"] == "1",
		policy:    fields["maxmemory_policy"],
		evicted:   evicted,
		saveError: fields["rdb_last_bgsave_status"] == "err",
		aofError:  fields["aof_last_write_status"] == "err",
	}
}

// shared runs one command over the connection that everybody shares, on the server
// that serves its key.
func (s *Store) shared(ctx context.Context, c command) rueidis.RedisResult {
	for redirections := 0; ; redirections++ {
		addr, err := s.topology.home(ctx, c.key)
		if err != nil {
			return rueidis.NewErrorResult(err)
		}
		client, err := s.topology.client(addr)
		if err != nil {
			return rueidis.NewErrorResult(err)
		}
		r := client.Do(ctx, client.B().Arbitrary(c.name).Keys(c.key).Args(c.args...).Build())
		s.topology.learn(addr, c.key, r.Error())
		if _, moved := movedTo(r.Error(), addr); !moved || redirections == 5 {
			return r
		}
	}
}

// optionalStrings reads a reply that is a list of values; nil where one is absent.
func optionalStrings(r rueidis.RedisResult) ([]*string, error) {
	list, err := r.ToArray()
	if err != nil {
		return nil, err
	}
	values := make([]*string, len(list))
	for i, m := range list {
		if m.IsNil() {
			continue
		}
		text, err := m.ToString()
		if err != nil {
			return nil, err
		}
		values[i] = &text
	}
	return values, nil
}
