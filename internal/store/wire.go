package store

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/redis/rueidis"

	"landings/internal/dataset"
	"landings/internal/resp"
)

// wire is one connection of our own: it never reconnects by itself, so what it
// answers comes from one incarnation of Redis. Whoever opens it closes it. (A
// wire that was handed back instead would take its WATCH to the next user.)
type wire struct {
	conn     *resp.Conn
	topology *topology
	addr     string      // of the server
	key      string      // that it was opened for; "": for the server itself
	server   server      // as it was when the wire was opened or last asked
	left     atomic.Bool // shared: its server is not the master any more, and conn is closed
	user     *user       // nil until it is connected
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
	w := &wire{topology: s.topology, addr: addr, key: key}
	s.topology.server(addr)
	var err error
	connecting, stop := s.topology.during(ctx, addr, key)
	w.conn, err = s.connect(connecting, addr)
	if stop() && err != nil {
		err = errLeft
	}
	if err == nil {
		w.user = &user{addr, key, func() {
			w.left.Store(true)
			w.conn.Close() // whoever waits gets errLeft, and closes it too
		}}
		err = s.topology.enter(w.user)
	}
	if err == nil {
		err = w.identify(ctx)
	}
	if err == nil {
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

// connect makes a connection to a server, as the user and for the database that the
// address names.
func (s *Store) connect(ctx context.Context, addr string) (*resp.Conn, error) {
	option := &s.topology.address.option
	conn, err := dial(ctx, addr, option)
	if err != nil {
		return nil, err
	}
	c := resp.New(conn, s.opts.WriteTimeout)
	var hello []command
	if option.Password != "" || option.Username != "" {
		user := option.Username
		if user == "" {
			user = "default" // takes any password where none is set, as rueidis has it too
		}
		hello = append(hello, cmd("AUTH", "", user, option.Password))
	}
	if option.SelectDB != 0 {
		hello = append(hello, cmd("SELECT", "", strconv.Itoa(option.SelectDB)))
	}
	asked := len(hello)
	// For people who look at CLIENT LIST; a user may lack the permission.
	hello = append(hello, cmd("CLIENT", "", "SETNAME", option.ClientName))
	replies, err := c.Do(ctx, len(hello), func(b []byte, i int) []byte { return hello[i].append(b) })
	// A server that hangs up says why first.
	for i, r := range replies {
		if why := r.Err(); isReply(why) && (i < asked || err != nil) {
			err = why
			break
		}
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// dial connects as rueidis does with these options.
func dial(ctx context.Context, addr string, option *rueidis.ClientOption) (net.Conn, error) {
	switch {
	case option.DialCtxFn != nil:
		return option.DialCtxFn(ctx, addr, &option.Dialer, option.TLSConfig)
	case option.TLSConfig != nil:
		return (&tls.Dialer{NetDialer: &option.Dialer, Config: option.TLSConfig}).DialContext(ctx, "tcp", addr)
	}
	return option.Dialer.DialContext(ctx, "tcp", addr)
}

func (w *wire) close() {
	w.conn.Close()
	w.topology.leave(w.user)
}

// A transaction begins with MULTI and barrier. Redis takes commands one by one when it has refused
// MULTI, and all of them were sent already: then the barrier waits, for more replicas than there
// can be and without end, so that Redis does not come to what stands behind it before the connection is
// closed. Inside a transaction it answers at once.
var (
	multi   = cmd("MULTI", "")
	barrier = cmd("WAIT", "", "2147483647", "0")
	exec    = cmd("EXEC", "")
)

// protection is a transaction that does nothing, and the same without MULTI.
// What was watched may have changed, and EXEC would fail for it.
var protection = []command{cmd("UNWATCH", ""), multi, cmd("WAIT", "", "0", "0"), exec}

// protects says whether the replies to protection show that all or nothing of a transaction
// is done here: its commands may be forbidden to the user or have other names.
func (w *wire) protects(commands []command, results []resp.Reply) error {
	for i, r := range results {
		why := r.Err()
		if text, is := replyOf(why); is && (strings.HasPrefix(strings.TrimPrefix(text, "EXECABORT Transaction discarded because of: "), "NOPERM") || strings.HasPrefix(text, "ERR unknown command")) {
			name, user := commands[i].name, cmp.Or(w.topology.address.option.Username, "default")
			return &fault{
				message: "it does not let the node run " + name + ", without which a commit could be done in part (" + dataset.Excerpt(text) + ")",
				remedy:  "grant it: ACL SETUSER " + user + " +" + strings.ToLower(name) + "; or take rename-command " + name + " out of its configuration",
				heals:   never,
			}
		}
	}
	if w.server.replica || w.server.loading {
		return nil // WAIT is not answered there, nor is anything committed
	}
	for _, r := range results {
		if why := r.Err(); isReply(why) {
			return why
		}
	}
	begun, _ := results[1].Text()
	if done, err := results[3].List(); begun != "OK" || err != nil || len(done) != 1 {
		return &fault{message: "it does not answer MULTI and EXEC as Redis does", remedy: "give the address of Redis itself", heals: never}
	}
	return nil
}

// identify asks on this very connection which incarnation of Redis serves it, whether
// it serves the wire's key, and whether it protects commits or refuses any. What was watched is no more.
func (w *wire) identify(ctx context.Context) error {
	commands := []command{askServer}
	if w.key != "" {
		commands = append(commands, cmd("EXISTS", w.key))
	}
	name := nameIn(w.key)
	probes := name != "" && !w.topology.mute.Load()
	if probes {
		commands = append(commands, probe(name))
	}
	asked := len(commands)
	commands = append(commands, protection...)
	if w.key != "" {
		commands = append(commands, cmd("WATCH", w.key), cmd("UNWATCH", ""))
	}
	results, err := w.pipeline(ctx, commands)
	if err != nil {
		return err
	}
	text, err := results[0].Text()
	if err != nil {
		return err
	}
	fields := parseInfo(text)
	w.server = parseServer(fields)
	w.topology.whole(w.addr, w.server.run, fields)
	if w.server.sentinel {
		return nil
	}
	if w.server.saveError {
		// Where that stops no writes, nothing is wrong with the server.
		set, err := w.do(ctx, cmd("CONFIG", "", "GET", "stop-writes-on-bgsave-error")).Map()
		if err != nil && !isReply(err) {
			return err
		}
		w.server.saveError = set["stop-writes-on-bgsave-error"] != "no" // or CONFIG is not allowed
	}
	if w.key != "" && !w.server.loading {
		if err := results[1].Err(); err != nil {
			return err
		}
	}
	if probes {
		w.probed(results[asked-1].Err())
	}
	err = w.protects(commands[asked:], results[asked:])
	if refusesWrites(err) {
		w.server.refusal, err = err, nil // it can be read, and what protects commits is proven when it takes some
	}
	return err
}

// probed takes in the answer to a probe.
func (w *wire) probed(err error) {
	text, _ := replyOf(err)
	switch {
	case refusesWrites(err):
		w.server.refusal = err
	case strings.HasPrefix(text, "NOPERM"), strings.HasPrefix(text, "ERR unknown command"):
		w.topology.mute.Store(true) // each further one would be in Redis's own log of denials
	}
}

func (w *wire) do(ctx context.Context, c command) resp.Reply {
	results, err := w.pipeline(ctx, []command{c})
	if err != nil {
		return resp.Failed(err)
	}
	return results[0]
}

// pipeline sends all commands at once and gives one reply each. The error is
// the connection's: once it is not nil, nobody knows which commands were run
// beyond those whose replies are given.
func (w *wire) pipeline(ctx context.Context, commands []command) ([]resp.Reply, error) {
	replies, err := w.conn.Do(ctx, len(commands), func(b []byte, i int) []byte { return commands[i].append(b) })
	err = w.learn(ctx, replies, err)
	for i, r := range replies {
		replies[i] = wrongType(commands[i], r)
	}
	return replies, err
}

// transaction is pipeline of commands that begin with MULTI and barrier. Where Redis refuses MULTI, the
// error is its answer, nothing else has run, and the connection is closed. Where it refused any write when it
// was last asked, the error is that answer, and nothing is sent.
func (w *wire) transaction(ctx context.Context, commands []command) ([]resp.Reply, error) {
	if w.server.refusal != nil {
		return nil, w.server.refusal
	}
	replies, err := w.conn.DoAfter(ctx, len(commands), func(b []byte, i int) []byte { return commands[i].append(b) })
	err = w.learn(ctx, replies, err)
	end := slices.IndexFunc(commands, func(c command) bool { return c.name == exec.name })
	if end < len(replies) && !replies[end].IsNil() && !isReply(replies[end].Err()) {
		list, _ := replies[end].List() // one reply to each of the commands behind MULTI
		for i, one := range list[:min(len(list), end-1)] {
			list[i] = wrongType(commands[1+i], one)
		}
	}
	return replies, err
}

// transact runs commands as one transaction. It fails with ErrNil where what was watched had changed, and
// with the refusal where one of them was refused, when they were queued or when they ran.
func (w *wire) transact(ctx context.Context, commands ...command) error {
	all := append([]command{multi, barrier}, commands...)
	results, err := w.transaction(ctx, append(all, exec))
	if err != nil {
		return err
	}
	last := len(results) - 1
	list, err := results[last].List()
	if err != nil {
		for _, r := range results[:last] {
			if isReply(r.Err()) {
				err = r.Err() // says more than EXECABORT
				break
			}
		}
		w.ended(results[last])
		return err
	}
	for _, r := range list {
		if isReply(r.Err()) {
			return r.Err() // keys of another type under our names
		}
	}
	return nil
}

// ended closes the connection where the answer to EXEC leaves the transaction open.
func (w *wire) ended(answer resp.Reply) {
	if text, refused := replyOf(answer.Err()); refused && !strings.HasPrefix(text, "EXECABORT") {
		_ = w.conn.Fail(answer.Err())
		w.close()
	}
}

// learn tells the topology what the replies and the error say of the server. It gives the
// error, or what is behind it.
func (w *wire) learn(ctx context.Context, replies []resp.Reply, err error) error {
	for _, r := range replies {
		if why := r.Err(); isReply(why) {
			w.topology.learn(w.addr, w.key, why)
			break // those that follow say the same of the same slot
		}
	}
	if err != nil && w.left.Load() {
		return errLeft
	}
	if ctx.Err() == nil { // else it says nothing about the server
		w.topology.learn(w.addr, w.key, err)
	}
	return err
}

// append appends a command as Redis takes it.
func (c command) append(b []byte) []byte {
	n := 1 + len(c.args)
	if c.key != "" {
		n++
	}
	b = resp.AppendText(resp.AppendArray(b, n), c.name)
	if c.key != "" {
		b = resp.AppendText(b, c.key)
	}
	for _, arg := range c.args {
		b = resp.AppendText(b, arg)
	}
	return b
}

// all sends the commands at once and gives the first error of any kind.
func (w *wire) all(ctx context.Context, commands []command) error {
	results, err := w.pipeline(ctx, commands)
	if err != nil {
		return err
	}
	for _, r := range results {
		if err := r.Err(); isReply(err) {
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
	sentinel  bool
	loading   bool
	policy    string // maxmemory-policy
	evicted   int64  // keys evicted since its start
	uptime    int64  // seconds since its start
	saveError bool   // the last background save failed, for which it refuses writes
	aofError  bool   // the last write to the append-only file failed
	refusal   error  // of any write, as Redis said when it was last asked; nil: it takes them
}

// parseInfo reads what INFO and CLUSTER INFO answer. To the third version of the protocol that is a verbatim
// string, which rueidis gives with the three letters and the colon that begin it.
func parseInfo(info string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(strings.TrimPrefix(info, "txt:")) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
			fields[name] = value
		}
	}
	return fields
}

// askServer asks for what parseServer reads.
var askServer = cmd("INFO", "", "server", "replication", "memory", "stats", "persistence", "cluster")

func parseServer(fields map[string]string) server {
	evicted, _ := strconv.ParseInt(fields["evicted_keys"], 10, 64)
	uptime, _ := strconv.ParseInt(fields["uptime_in_seconds"], 10, 64)
	return server{
		uptime:    uptime,
		version:   fields["redis_version"],
		run:       fields["run_id"] + "-" + fields["master_replid"],
		replica:   fields["role"] == "slave",
		cluster:   fields["cluster_enabled"] == "1",
		sentinel:  fields["redis_mode"] == "sentinel",
		loading:   fields["loading"] == "1" || fields["async_loading"] == "1",
		policy:    fields["maxmemory_policy"],
		evicted:   evicted,
		saveError: fields["rdb_last_bgsave_status"] == "err",
		aofError:  fields["aof_last_write_status"] == "err",
	}
}

// gaveAway says whether the server, of a cluster, has moved any keys to another one since its start.
func (w *wire) gaveAway(ctx context.Context) (bool, error) {
	if !w.server.cluster {
		return false, nil
	}
	info, err := w.do(ctx, cmd("INFO", "", "commandstats")).Text()
	return strings.Contains(info, "cmdstat_migrate:"), err
}

// shared runs one command over the connection that everybody shares, on the server
// that serves its key.
func (s *Store) shared(ctx context.Context, c command) rueidis.RedisResult {
	return s.sharedAll(ctx, c.key, c)[0]
}

// sharedAll is shared of several commands at once, on the server that serves a key.
func (s *Store) sharedAll(ctx context.Context, key string, commands ...command) []rueidis.RedisResult {
	failed := func(err error) []rueidis.RedisResult {
		return slices.Repeat([]rueidis.RedisResult{rueidis.NewErrorResult(err)}, len(commands))
	}
	for redirections := 0; ; redirections++ {
		addr, err := s.topology.home(ctx, key)
		if err != nil {
			return failed(err)
		}
		client, err := s.topology.client(addr)
		if err != nil {
			return failed(err)
		}
		built := make([]rueidis.Completed, len(commands))
		for i, c := range commands {
			b := client.B().Arbitrary(c.name)
			if c.key != "" {
				b = b.Keys(c.key)
			}
			built[i] = b.Args(c.args...).Build()
		}
		call, stop := s.topology.during(ctx, addr, key)
		results := client.DoMulti(call, built...)
		left := stop()
		for _, r := range results {
			if err = r.Error(); err != nil && !rueidis.IsRedisNil(err) {
				break
			}
		}
		if left = left && err != nil; left {
			err = errLeft
			results = failed(err)
		}
		s.topology.learn(addr, key, err)
		if _, moved := movedTo(err, addr); !moved && !left || redirections == 5 {
			return results
		}
	}
}

// optionalTexts reads a reply that is a list of values; nil where one is absent.
func optionalTexts(r resp.Reply) ([]*string, error) {
	list, err := r.List()
	if err != nil {
		return nil, err
	}
	values := make([]*string, len(list))
	for i, m := range list {
		if m.IsNil() {
			continue
		}
		text, err := m.Text()
		if err != nil {
			return nil, err
		}
		values[i] = &text
	}
	return values, nil
}
