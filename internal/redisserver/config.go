package redisserver

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Options are how an engine is started. Parameters hold redis-server's own words,
// as in a configuration file: the name, then its arguments.
type Options struct {
	Parameters []Parameter
	Log        *slog.Logger // nil: no log
}

// A Parameter is one line of a configuration file, or one --name of a command line.
type Parameter struct {
	Name  string
	Args  []string
	Where string // FILE:LINE; "" for a command line
}

// ParseArgs reads a command line as redis-server does: an optional configuration
// file, then --name value ... in any number. A - before or behind them stands for more of
// a configuration file, read from stdin; later words win.
func ParseArgs(args []string, stdin io.Reader) ([]Parameter, error) {
	var out, piped []Parameter
	if n := len(args); n > 0 && (args[0] == "-" || args[n-1] == "-") {
		var err error
		if piped, err = readConfig(stdin, "standard input", 0); err != nil {
			return nil, err
		}
		if args[0] == "-" {
			args = args[1:]
		} else {
			args = args[:n-1]
		}
	}
	if len(args) > 0 && !strings.HasPrefix(args[0], "--") {
		file, err := openConfig(args[0], 0)
		if err != nil {
			return nil, err
		}
		out, args = file, args[1:]
	}
	out = append(out, piped...)
	for len(args) > 0 {
		name, ok := strings.CutPrefix(args[0], "--")
		if !ok || name == "" {
			return nil, fmt.Errorf("%q: a parameter begins with --, such as --port 6379", args[0])
		}
		n := 1
		for n < len(args) && !strings.HasPrefix(args[n], "--") {
			n++
		}
		p := Parameter{Name: strings.ToLower(name)}
		for _, a := range args[1:n] {
			words, ok := splitArgs([]byte(a))
			if ok && p.Name == "save" && len(words) > 1 { // --save "1 1"
				for _, w := range words {
					p.Args = append(p.Args, string(w))
				}
				continue
			}
			p.Args = append(p.Args, a)
		}
		args = args[n:]
		if p.Name == "include" {
			more, err := include(p, 0)
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
			continue
		}
		out = append(out, p)
	}
	return out, nil
}

// maxInclude is how deep configuration files may include each other.
const maxInclude = 16

func openConfig(name string, depth int) ([]Parameter, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readConfig(f, name, depth)
}

// readConfig reads a file in redis.conf's form, with the files that it includes in
// their places.
func readConfig(r io.Reader, name string, depth int) ([]Parameter, error) {
	var out []Parameter
	sc := bufio.NewScanner(r)
	n := 1
	for ; sc.Scan(); n++ {
		line := strings.TrimSpace(sc.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		words, ok := splitArgs([]byte(line))
		if !ok || len(words) == 0 {
			return nil, fmt.Errorf("%s:%d: unbalanced quotes: %s", name, n, line)
		}
		p := Parameter{Name: strings.ToLower(string(words[0])), Where: fmt.Sprintf("%s:%d", name, n)}
		for _, w := range words[1:] {
			p.Args = append(p.Args, string(w))
		}
		if p.Name == "include" {
			more, err := include(p, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
			continue
		}
		out = append(out, p)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", name, n, err)
	}
	return out, nil
}

// include reads the files that a parameter include names; * and ? stand for any that
// are there, in alphabetical order.
func include(p Parameter, depth int) ([]Parameter, error) {
	fail := func(err error) error { return fmt.Errorf("%s: %w", p.subject(), err) }
	if depth > maxInclude {
		return nil, fail(fmt.Errorf("files include each other more than %d deep", maxInclude))
	}
	if len(p.Args) != 1 {
		return nil, fail(fmt.Errorf("it takes one value, not %d", len(p.Args)))
	}
	names := p.Args
	if strings.ContainsAny(names[0], "*?[") {
		var err error
		if names, err = filepath.Glob(names[0]); err != nil {
			return nil, fail(err)
		}
	}
	var out []Parameter
	for _, name := range names {
		more, err := openConfig(name, depth)
		if err != nil {
			return nil, fail(err)
		}
		out = append(out, more...)
	}
	return out, nil
}

// subject is what errors call a parameter.
func (p Parameter) subject() string {
	if p.Where == "" {
		return fmt.Sprintf("parameter %q", p.Name)
	}
	return fmt.Sprintf("%s: parameter %q", p.Where, p.Name)
}

// Address is where to listen. One that is optional may not exist on this machine.
type Address struct {
	HostPort string
	Optional bool
}

// Network says where the parameters want the engine to listen: addresses for TCP,
// and a path for a Unix socket or nothing.
func Network(opt Options) (tcp []Address, unix string, perm os.FileMode, err error) {
	cfg, err := opt.config()
	if err != nil {
		return nil, "", 0, err
	}
	if cfg.port != 0 {
		for _, host := range cfg.bind {
			host, optional := strings.CutPrefix(host, "-")
			if host == "*" {
				host = ""
			}
			if host == "::*" {
				if slices.Contains(cfg.bind, "*") {
					continue // one listener takes both families
				}
				host = "::"
			}
			tcp = append(tcp, Address{joinHostPort(host, int(cfg.port)), optional})
		}
	}
	return tcp, cfg.unixSocket, os.FileMode(cfg.unixPerm), nil
}

func joinHostPort(host string, port int) string {
	if strings.Contains(host, ":") {
		return fmt.Sprintf("[%s]:%d", host, port)
	}
	return fmt.Sprintf("%s:%d", host, port)
}

// savePoint is one pair of the parameter save: after so many seconds if so many
// changes were made.
type savePoint struct{ seconds, changes int64 }

// outputLimit is a class's part of client-output-buffer-limit, in bytes and seconds.
type outputLimit struct{ hard, soft, seconds int64 }

// syncPolicy is appendfsync.
type syncPolicy int

const (
	syncEverySecond syncPolicy = iota
	syncAlways
	syncNo
)

// config is every parameter in force. Fields are what the parameters of the same
// name mean in redis.conf.
type config struct {
	bind       []string
	port       int64
	unixSocket string
	unixPerm   int64
	timeout    int64
	keepAlive  int64
	maxClients int

	dir, dbFilename                          string
	savePoints                               []savePoint
	stopWrites, compress, checksum           bool
	appendOnly                               bool
	appendFilename, appendDir                string
	appendSync                               syncPolicy
	noSyncOnRewrite, loadTruncated, preamble bool
	rewritePercent, rewriteMin               int64

	databases        int
	requirePass      string
	maxMemory        int64
	maxBulk          int64
	queryBufferLimit int64
	outputNormal     outputLimit
	outputReplica    outputLimit
	outputPubsub     outputLimit
	trackingKeys     int
	notify           notifyClass
	slowlogSlower    int64
	slowlogMax       int64
	latencyThreshold int64
	hz               int64
	activeExpire     bool // DEBUG SET-ACTIVE-EXPIRE

	lazyExpire, lazyUserDel, lazyUserFlush, lazyServerDel bool

	hashMaxEntries, hashMaxValue       int64
	zsetMaxEntries, zsetMaxValue       int64
	setMaxIntset                       int64
	listMaxSize, listCompress          int64
	streamNodeBytes, streamNodeEntries int64
	hllSparseBytes                     int64
	shutdownTimeout                    int64
	logLevel, logFile                  string
	protected                          bool              // refuse other hosts while there is no password
	others                             map[string]string // tuning parameters
}

// param is one configuration parameter.
type param struct {
	name, alias string
	immutable   bool
	listening   bool // immutable here alone: CONFIG SET takes the value in force
	multi       bool // takes several arguments
	get         func(c *config) string
	set         func(c *config, v string) error
}

func configError(format string, args ...any) error { return fmt.Errorf(format, args...) }

func intParam[T int | int64](name string, field func(*config) *T, least, most int64) param {
	return param{name: name,
		get: func(c *config) string { return strconv.FormatInt(int64(*field(c)), 10) },
		set: func(c *config, v string) error {
			n, ok := parseInt([]byte(v))
			if !ok {
				return configError("argument couldn't be parsed into an integer")
			}
			if n < least || n > most {
				return configError("argument must be between %d and %d inclusive", least, most)
			}
			*field(c) = T(n)
			return nil
		}}
}

func memParam(name string, field func(*config) *int64, least int64) param {
	const most int64 = math.MaxInt64
	p := intParam(name, field, least, most)
	p.set = func(c *config, v string) error {
		n, ok := parseMemory(v)
		if !ok {
			return configError("argument must be a memory value")
		}
		if n < least {
			return configError("argument must be between %d and %d inclusive", least, most)
		}
		*field(c) = n
		return nil
	}
	return p
}

// parseMemory reads a number of bytes with an optional unit: k, kb, m, mb, g, gb.
func parseMemory(v string) (int64, bool) {
	i := 0
	for i < len(v) && (v[i] == '-' || v[i] >= '0' && v[i] <= '9') {
		i++
	}
	unit, known := map[string]int64{"": 1, "b": 1, "k": 1000, "kb": 1024, "m": 1e6, "mb": 1 << 20, "g": 1e9, "gb": 1 << 30}[strings.ToLower(v[i:])]
	n, err := strconv.ParseInt(v[:i], 10, 64)
	if !known || err != nil || n < 0 || n > math.MaxInt64/unit {
		return 0, false
	}
	return n * unit, true
}

func boolParam(name string, field func(*config) *bool) param {
	return param{name: name,
		get: func(c *config) string { return yesNo(*field(c)) },
		set: func(c *config, v string) error {
			switch strings.ToLower(v) {
			case "yes":
				*field(c) = true
			case "no":
				*field(c) = false
			default:
				return configError("argument must be 'yes' or 'no'")
			}
			return nil
		}}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func stringParam(name string, field func(*config) *string) param {
	return param{name: name, get: func(c *config) string { return *field(c) },
		set: func(c *config, v string) error { *field(c) = v; return nil }}
}

func enumParam(name string, words []string, get func(c *config) int, set func(c *config, i int)) param {
	return param{name: name, get: func(c *config) string { return words[get(c)] },
		set: func(c *config, v string) error {
			for i, w := range words {
				if strings.EqualFold(w, v) {
					set(c, i)
					return nil
				}
			}
			return configError("argument(s) must be one of the following: %s", strings.Join(words, ", "))
		}}
}

// fixed is a parameter of redis-server that has only one value here: setting it to
// that is accepted, to anything else is refused.
func fixed(name, value string) param {
	return param{name: name, get: func(*config) string { return value },
		set: func(_ *config, v string) error {
			if v != value {
				return configError("this engine supports only '%s'", value)
			}
			return nil
		}}
}

// tuning is a parameter that makes redis-server faster, or leaner, in ways that this
// engine does not have; nothing that a client or a file can tell depends on it. Its
// value is kept and has no effect. What promises something is [fixed] instead.
func tuning(name, value string) param {
	return param{name: name, get: func(c *config) string {
		if v, ok := c.others[name]; ok {
			return v
		}
		return value
	}, set: func(c *config, v string) error {
		others := map[string]string{name: v}
		for k, o := range c.others {
			if k != name {
				others[k] = o
			}
		}
		c.others = others
		return nil
	}}
}

func (p param) also(alias string) param { p.alias = alias; return p }
func (p param) atStart() param          { p.immutable = true; return p }
func (p param) whereToListen() param    { p.listening = true; return p.atStart() }

// params is the table of parameters, in alphabetical order of no matter: CONFIG
// GET answers in this order.
func params() []param {
	return []param{
		{name: "bind", multi: true, immutable: true, listening: true, get: func(c *config) string { return strings.Join(c.bind, " ") },
			set: func(c *config, v string) error { c.bind = strings.Fields(v); return nil }},
		intParam("port", func(c *config) *int64 { return &c.port }, 0, 65535).whereToListen(),
		stringParam("unixsocket", func(c *config) *string { return &c.unixSocket }).atStart(),
		{name: "unixsocketperm", immutable: true, get: func(c *config) string { return strconv.FormatInt(c.unixPerm, 8) },
			set: func(c *config, v string) error {
				n, err := strconv.ParseInt(v, 8, 32)
				if err != nil || n > 0o777 {
					return configError("argument must be an octal mode such as 700")
				}
				c.unixPerm = n
				return nil
			}},
		intParam("timeout", func(c *config) *int64 { return &c.timeout }, 0, math.MaxInt32),
		intParam("tcp-keepalive", func(c *config) *int64 { return &c.keepAlive }, 0, math.MaxInt32),
		tuning("tcp-backlog", "511"),
		intParam("maxclients", func(c *config) *int { return &c.maxClients }, 1, math.MaxInt32),
		intParam("databases", func(c *config) *int { return &c.databases }, 1, 10000).atStart(),
		{name: "dir", get: func(c *config) string { return c.dir }, set: func(c *config, v string) error {
			abs, err := filepath.Abs(v)
			if err != nil {
				return err
			}
			if st, err := os.Stat(abs); err != nil || !st.IsDir() {
				return configError("No such file or directory")
			}
			c.dir = abs
			return nil
		}, immutable: true},
		{name: "dbfilename", get: func(c *config) string { return c.dbFilename }, set: func(c *config, v string) error {
			if v != filepath.Base(v) {
				return configError("dbfilename can't be a path, just a filename")
			}
			c.dbFilename = v
			return nil
		}, immutable: true},
		{name: "save", multi: true, get: func(c *config) string {
			var s []string
			for _, p := range c.savePoints {
				s = append(s, fmt.Sprintf("%d %d", p.seconds, p.changes))
			}
			return strings.Join(s, " ")
		}, set: func(c *config, v string) error {
			words := strings.Fields(v)
			if len(words)%2 != 0 {
				return configError("Invalid save parameters")
			}
			var points []savePoint
			for i := 0; i < len(words); i += 2 {
				s, ok1 := parseInt([]byte(words[i]))
				n, ok2 := parseInt([]byte(words[i+1]))
				if !ok1 || !ok2 || s < 1 || n < 0 {
					return configError("Invalid save parameters")
				}
				points = append(points, savePoint{s, n})
			}
			c.savePoints = points
			return nil
		}},
		boolParam("stop-writes-on-bgsave-error", func(c *config) *bool { return &c.stopWrites }),
		boolParam("rdbcompression", func(c *config) *bool { return &c.compress }),
		boolParam("rdbchecksum", func(c *config) *bool { return &c.checksum }).atStart(),
		boolParam("appendonly", func(c *config) *bool { return &c.appendOnly }),
		stringParam("appendfilename", func(c *config) *string { return &c.appendFilename }).atStart(),
		stringParam("appenddirname", func(c *config) *string { return &c.appendDir }).atStart(),
		enumParam("appendfsync", []string{"everysec", "always", "no"}, func(c *config) int { return int(c.appendSync) }, func(c *config, i int) { c.appendSync = syncPolicy(i) }),
		boolParam("no-appendfsync-on-rewrite", func(c *config) *bool { return &c.noSyncOnRewrite }),
		boolParam("aof-load-truncated", func(c *config) *bool { return &c.loadTruncated }),
		fixed("aof-use-rdb-preamble", "yes"),
		fixed("aof-timestamp-enabled", "no"),
		intParam("auto-aof-rewrite-percentage", func(c *config) *int64 { return &c.rewritePercent }, 0, math.MaxInt32),
		memParam("auto-aof-rewrite-min-size", func(c *config) *int64 { return &c.rewriteMin }, 0),
		stringParam("requirepass", func(c *config) *string { return &c.requirePass }),
		memParam("maxmemory", func(c *config) *int64 { return &c.maxMemory }, 0),
		fixed("maxmemory-policy", "noeviction"),
		tuning("maxmemory-samples", "5"),
		tuning("maxmemory-eviction-tenacity", "10"),
		memParam("proto-max-bulk-len", func(c *config) *int64 { return &c.maxBulk }, 1<<20),
		memParam("client-query-buffer-limit", func(c *config) *int64 { return &c.queryBufferLimit }, 1<<20),
		{name: "client-output-buffer-limit", multi: true, get: func(c *config) string {
			f := func(name string, l outputLimit) string {
				return fmt.Sprintf("%s %d %d %d", name, l.hard, l.soft, l.seconds)
			}
			return f("normal", c.outputNormal) + " " + f("slave", c.outputReplica) + " " + f("pubsub", c.outputPubsub)
		}, set: setOutputLimits},
		intParam("tracking-table-max-keys", func(c *config) *int { return &c.trackingKeys }, 0, math.MaxInt64),
		{name: "notify-keyspace-events", get: func(c *config) string { return c.notify.String() }, set: func(c *config, v string) error {
			f, ok := parseNotify(v)
			if !ok {
				return configError("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
			}
			c.notify = f
			return nil
		}},
		intParam("slowlog-log-slower-than", func(c *config) *int64 { return &c.slowlogSlower }, -1, math.MaxInt64),
		intParam("slowlog-max-len", func(c *config) *int64 { return &c.slowlogMax }, 0, math.MaxInt64),
		intParam("latency-monitor-threshold", func(c *config) *int64 { return &c.latencyThreshold }, 0, math.MaxInt64),
		intParam("hz", func(c *config) *int64 { return &c.hz }, 0, math.MaxInt32),
		boolParam("lazyfree-lazy-expire", func(c *config) *bool { return &c.lazyExpire }),
		boolParam("lazyfree-lazy-user-del", func(c *config) *bool { return &c.lazyUserDel }),
		boolParam("lazyfree-lazy-user-flush", func(c *config) *bool { return &c.lazyUserFlush }),
		boolParam("lazyfree-lazy-server-del", func(c *config) *bool { return &c.lazyServerDel }),
		tuning("lazyfree-lazy-eviction", "no"),
		intParam("hash-max-listpack-entries", func(c *config) *int64 { return &c.hashMaxEntries }, 0, math.MaxInt64).also("hash-max-ziplist-entries"),
		memParam("hash-max-listpack-value", func(c *config) *int64 { return &c.hashMaxValue }, 0).also("hash-max-ziplist-value"),
		intParam("zset-max-listpack-entries", func(c *config) *int64 { return &c.zsetMaxEntries }, 0, math.MaxInt64).also("zset-max-ziplist-entries"),
		memParam("zset-max-listpack-value", func(c *config) *int64 { return &c.zsetMaxValue }, 0).also("zset-max-ziplist-value"),
		intParam("set-max-intset-entries", func(c *config) *int64 { return &c.setMaxIntset }, 0, math.MaxInt64),
		intParam("list-max-listpack-size", func(c *config) *int64 { return &c.listMaxSize }, math.MinInt32, math.MaxInt32).also("list-max-ziplist-size"),
		intParam("list-compress-depth", func(c *config) *int64 { return &c.listCompress }, 0, math.MaxInt32),
		memParam("stream-node-max-bytes", func(c *config) *int64 { return &c.streamNodeBytes }, 0),
		intParam("stream-node-max-entries", func(c *config) *int64 { return &c.streamNodeEntries }, 0, math.MaxInt64),
		memParam("hll-sparse-max-bytes", func(c *config) *int64 { return &c.hllSparseBytes }, 0),
		intParam("shutdown-timeout", func(c *config) *int64 { return &c.shutdownTimeout }, 0, math.MaxInt32),
		enumParam("loglevel", []string{"debug", "verbose", "notice", "warning"}, func(c *config) int {
			return slices.Index([]string{"debug", "verbose", "notice", "warning"}, c.logLevel)
		}, func(c *config, i int) { c.logLevel = []string{"debug", "verbose", "notice", "warning"}[i] }),
		stringParam("logfile", func(c *config) *string { return &c.logFile }).atStart(),
		fixed("daemonize", "no").atStart(),
		fixed("cluster-enabled", "no").atStart(),
		fixed("enable-module-command", "no").atStart(),
		tuning("enable-debug-command", "no"),
		tuning("enable-protected-configs", "no"),
		boolParam("protected-mode", func(c *config) *bool { return &c.protected }),
		tuning("activerehashing", "yes"),
		tuning("active-expire-effort", "1"),
		tuning("dynamic-hz", "yes"),
		tuning("lua-time-limit", "5000").also("busy-reply-threshold"),
		tuning("lfu-log-factor", "10"),
		tuning("lfu-decay-time", "1"),
		tuning("io-threads", "1").atStart(),
		tuning("io-threads-do-reads", "no").atStart(),
		tuning("rdb-save-incremental-fsync", "yes"),
		tuning("aof-rewrite-incremental-fsync", "yes"),
		tuning("rdb-del-sync-files", "no"),
		tuning("sanitize-dump-payload", "no"),
		tuning("latency-tracking", "yes"),
		tuning("always-show-logo", "no").atStart(),
		tuning("set-proc-title", "yes").atStart(),
		fixed("supervised", "no").atStart(),
		fixed("pidfile", "").atStart(),
		fixed("syslog-enabled", "no").atStart(),
		tuning("crash-log-enabled", "yes"),
		fixed("oom-score-adj", "no"),
		tuning("disable-thp", "yes").atStart(),
		tuning("jemalloc-bg-thread", "yes"),
		fixed("activedefrag", "no"),
		fixed("maxmemory-clients", "0"),
		fixed("min-replicas-to-write", "0").also("min-slaves-to-write"),
		tuning("min-replicas-max-lag", "10").also("min-slaves-max-lag"),
		tuning("repl-backlog-size", "1048576"),
		tuning("repl-timeout", "60"),
		tuning("repl-ping-replica-period", "10").also("repl-ping-slave-period"),
		tuning("repl-diskless-sync", "yes"),
		tuning("repl-diskless-sync-delay", "5"),
		tuning("repl-disable-tcp-nodelay", "no"),
		tuning("replica-serve-stale-data", "yes").also("slave-serve-stale-data"),
		fixed("replica-read-only", "yes").also("slave-read-only"),
		tuning("replica-priority", "100").also("slave-priority"),
		tuning("cluster-allow-pubsubshard-when-down", "yes"),
		fixed("replicaof", "").also("slaveof").atStart(),
	}
}

func setOutputLimits(c *config, v string) error {
	words := strings.Fields(v)
	if len(words) == 0 || len(words)%4 != 0 {
		return configError("Wrong number of arguments in buffer limit configuration.")
	}
	for i := 0; i < len(words); i += 4 {
		hard, ok1 := parseMemory(words[i+1])
		soft, ok2 := parseMemory(words[i+2])
		secs, ok3 := parseInt([]byte(words[i+3]))
		if !ok1 || !ok2 || !ok3 || secs < 0 {
			return configError("Error in hard, soft or soft_seconds setting in buffer limit configuration.")
		}
		l := outputLimit{hard, soft, secs}
		switch strings.ToLower(words[i]) {
		case "normal":
			c.outputNormal = l
		case "slave", "replica":
			c.outputReplica = l
		case "pubsub":
			c.outputPubsub = l
		default:
			return configError("Invalid client class specified in buffer limit configuration.")
		}
	}
	return nil
}

func defaultConfig() config {
	return config{
		bind: []string{"*", "-::*"}, port: 6379, keepAlive: 300, maxClients: 10000,
		dir: ".", dbFilename: "dump.rdb", savePoints: []savePoint{{3600, 1}, {300, 100}, {60, 10000}},
		stopWrites: true, compress: true, checksum: true,
		appendFilename: "appendonly.aof", appendDir: "appendonlydir", loadTruncated: true, preamble: true,
		rewritePercent: 100, rewriteMin: 64 << 20,
		databases: 16, maxBulk: 512 << 20, queryBufferLimit: 1 << 30,
		outputReplica: outputLimit{256 << 20, 64 << 20, 60}, outputPubsub: outputLimit{32 << 20, 8 << 20, 60},
		trackingKeys: 1000000, slowlogSlower: 10000, slowlogMax: 128, hz: 10, activeExpire: true,
		hashMaxEntries: 512, hashMaxValue: 64, zsetMaxEntries: 128, zsetMaxValue: 64, setMaxIntset: 512,
		listMaxSize: -2, streamNodeBytes: 4096, streamNodeEntries: 100, hllSparseBytes: 3000,
		shutdownTimeout: 10, protected: true, logLevel: "notice",
	}
}

func findParam(table []param, name string) *param {
	for i := range table {
		if strings.EqualFold(table[i].name, name) || table[i].alias != "" && strings.EqualFold(table[i].alias, name) {
			return &table[i]
		}
	}
	return nil
}

// config makes the configuration that the options ask for.
func (opt Options) config() (config, error) {
	cfg := defaultConfig()
	table := params()
	saves := 0
	for _, p := range opt.Parameters {
		def := findParam(table, p.Name)
		if def == nil {
			return cfg, fmt.Errorf("%s: this engine does not have it", p.subject())
		}
		if len(p.Args) != 1 && !def.multi {
			return cfg, fmt.Errorf("%s: it takes one value, not %d", p.subject(), len(p.Args))
		}
		v := strings.Join(p.Args, " ")
		if def.name == "save" { // each line adds, an empty one clears
			if v != "" && saves > 0 {
				v = strings.TrimSpace(def.get(&cfg) + " " + v)
			}
			saves++
		}
		if err := def.set(&cfg, v); err != nil {
			return cfg, fmt.Errorf("%s: %w", p.subject(), err)
		}
	}
	abs, err := filepath.Abs(cfg.dir)
	if err != nil {
		return cfg, err
	}
	cfg.dir = abs
	return cfg, nil
}

func (c *config) cronInterval() time.Duration {
	return time.Second / time.Duration(min(max(c.hz, 1), 500))
}
