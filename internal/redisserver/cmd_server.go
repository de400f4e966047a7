package redisserver

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func serverCommands() []command {
	return []command{
		{name: "bgrewriteaof", arity: 1, flags: "admin noscript no_async_loading", since: "1.0.0", do: cmdBgrewriteaof},
		{name: "bgsave", arity: -1, flags: "admin noscript no_async_loading", since: "1.0.0", do: cmdBgsave},
		{name: "command", arity: -1, flags: "loading stale", cats: "connection", tips: "nondeterministic_output_order", since: "2.8.13", sub: []command{
			{name: "count", arity: 2, flags: "loading stale", cats: "connection", since: "2.8.13", do: cmdCommandCount},
			{name: "docs", arity: -2, flags: "loading stale", cats: "connection", tips: "nondeterministic_output_order", since: "7.0.0", do: cmdCommandDocs},
			{name: "getkeys", arity: -4, flags: "loading stale", cats: "connection", since: "2.8.13", do: cmdCommandGetkeys},
			{name: "getkeysandflags", arity: -4, flags: "loading stale", cats: "connection", since: "7.0.0", do: cmdCommandGetkeysandflags},
			{name: "help", arity: 2, flags: "loading stale", cats: "connection", since: "5.0.0", do: cmdCommandHelp},
			{name: "info", arity: -2, flags: "loading stale", cats: "connection", tips: "nondeterministic_output_order", since: "2.8.13", do: cmdCommandInfo},
			{name: "list", arity: -2, flags: "loading stale", cats: "connection", tips: "nondeterministic_output_order", since: "7.0.0", do: cmdCommandList},
		}, do: cmdCommand},
		{name: "config", arity: -2, since: "2.0.0", sub: []command{
			{name: "get", arity: -3, flags: "admin noscript loading stale", since: "2.0.0", do: cmdConfigGet},
			{name: "help", arity: 2, flags: "loading stale", since: "5.0.0", do: cmdConfigHelp},
			{name: "resetstat", arity: 2, flags: "admin noscript loading stale", since: "2.0.0", do: cmdConfigResetstat},
			{name: "rewrite", arity: 2, flags: "admin noscript loading stale", since: "2.8.0", do: cmdConfigRewrite},
			{name: "set", arity: -4, flags: "admin noscript loading stale", tips: "request_policy:all_nodes; response_policy:all_succeeded", since: "2.0.0", do: cmdConfigSet},
		}},
		{name: "dbsize", arity: 1, flags: "readonly fast", cats: "keyspace", tips: "request_policy:all_shards; response_policy:agg_sum", since: "1.0.0", do: cmdDbsize},
		{name: "debug", arity: -2, flags: "admin noscript loading stale", since: "1.0.0", do: cmdDebug},
		{name: "flushall", arity: -1, flags: "write", cats: "keyspace dangerous", tips: "request_policy:all_shards; response_policy:all_succeeded", since: "1.0.0", do: cmdFlushall},
		{name: "flushdb", arity: -1, flags: "write", cats: "keyspace dangerous", tips: "request_policy:all_shards; response_policy:all_succeeded", since: "1.0.0", do: cmdFlushdb},
		{name: "info", arity: -1, flags: "loading stale", cats: "dangerous", tips: "nondeterministic_output; request_policy:all_shards; response_policy:special", since: "1.0.0", do: cmdInfo},
		{name: "lastsave", arity: 1, flags: "loading stale fast", cats: "admin dangerous", tips: "nondeterministic_output", since: "1.0.0", do: cmdLastsave},
		{name: "latency", arity: -2, since: "2.8.13", sub: []command{
			{name: "doctor", arity: 2, flags: "admin noscript loading stale", tips: "nondeterministic_output; request_policy:all_nodes; response_policy:special", since: "2.8.13", do: cmdLatencyDoctor},
			{name: "graph", arity: 3, flags: "admin noscript loading stale", tips: "nondeterministic_output; request_policy:all_nodes; response_policy:special", since: "2.8.13", do: cmdLatencyGraph},
			{name: "help", arity: 2, flags: "loading stale", since: "2.8.13", do: cmdLatencyHelp},
			{name: "histogram", arity: -2, flags: "admin noscript loading stale", tips: "nondeterministic_output; request_policy:all_nodes; response_policy:special", since: "7.0.0", do: cmdLatencyHistogram},
			{name: "history", arity: 3, flags: "admin noscript loading stale", tips: "nondeterministic_output; request_policy:all_nodes; response_policy:special", since: "2.8.13", do: cmdLatencyHistory},
			{name: "latest", arity: 2, flags: "admin noscript loading stale", tips: "nondeterministic_output; request_policy:all_nodes; response_policy:special", since: "2.8.13", do: cmdLatencyLatest},
			{name: "reset", arity: -2, flags: "admin noscript loading stale", tips: "request_policy:all_nodes; response_policy:all_succeeded", since: "2.8.13", do: cmdLatencyReset},
		}},
		{name: "lolwut", arity: -1, flags: "readonly fast", since: "5.0.0", do: cmdLolwut},
		{name: "memory", arity: -2, since: "4.0.0", sub: []command{
			{name: "doctor", arity: 2, tips: "nondeterministic_output; request_policy:all_shards; response_policy:special", since: "4.0.0", do: cmdMemoryDoctor},
			{name: "help", arity: 2, flags: "loading stale", since: "4.0.0", do: cmdMemoryHelp},
			{name: "malloc-stats", arity: 2, tips: "nondeterministic_output; request_policy:all_shards; response_policy:special", since: "4.0.0", do: cmdMemoryMallocStats},
			{name: "purge", arity: 2, tips: "request_policy:all_shards; response_policy:all_succeeded", since: "4.0.0", do: cmdMemoryPurge},
			{name: "stats", arity: 2, tips: "nondeterministic_output; request_policy:all_shards; response_policy:special", since: "4.0.0", do: cmdMemoryStats},
			{name: "usage", arity: -3, flags: "readonly", keys: "2 2 1", spec: "RO", since: "4.0.0", do: cmdMemoryUsage},
		}},
		{name: "monitor", arity: 1, flags: "admin noscript loading stale", since: "1.0.0", do: cmdMonitor},
		{name: "role", arity: 1, flags: "noscript loading stale fast", cats: "admin dangerous", since: "2.8.12", do: cmdRole},
		{name: "save", arity: 1, flags: "admin noscript no_async_loading no_multi", since: "1.0.0", do: cmdSave},
		{name: "shutdown", arity: -1, flags: "admin noscript loading stale no_multi allow_busy", since: "1.0.0", do: cmdShutdown},
		{name: "slowlog", arity: -2, since: "2.2.12", sub: []command{
			{name: "get", arity: -2, flags: "admin loading stale", tips: "request_policy:all_nodes; nondeterministic_output", since: "2.2.12", do: cmdSlowlogGet},
			{name: "help", arity: 2, flags: "loading stale", since: "6.2.0", do: cmdSlowlogHelp},
			{name: "len", arity: 2, flags: "admin loading stale", tips: "request_policy:all_nodes; response_policy:agg_sum; nondeterministic_output", since: "2.2.12", do: cmdSlowlogLen},
			{name: "reset", arity: 2, flags: "admin loading stale", tips: "request_policy:all_nodes; response_policy:all_succeeded", since: "2.2.12", do: cmdSlowlogReset},
		}},
		{name: "swapdb", arity: 3, flags: "write fast", cats: "keyspace dangerous", since: "4.0.0", do: cmdSwapdb},
		{name: "time", arity: 1, flags: "loading stale fast", tips: "nondeterministic_output", since: "2.6.0", do: cmdTime},
	}
}

func cmdDbsize(e *Engine, c *client, args [][]byte) { c.int(int64(c.db.keys.count)) }

func cmdTime(e *Engine, c *client, args [][]byte) {
	t := time.Now()
	c.array(2)
	c.bulkInt(t.Unix())
	c.bulkInt(int64(t.Nanosecond() / 1000))
}

func cmdFlushall(e *Engine, c *client, args [][]byte) { e.flush(c, args, e.dbs) }
func cmdFlushdb(e *Engine, c *client, args [][]byte)  { e.flush(c, args, []*database{c.db}) }

func (e *Engine) flush(c *client, args [][]byte, dbs []*database) {
	if len(args) > 2 || len(args) == 2 && !is(args[1], "sync") && !is(args[1], "async") {
		c.err(errSyntax)
		return
	}
	lazy := e.cfg.lazyUserFlush
	if len(args) == 2 {
		lazy = is(args[1], "async")
	}
	for _, db := range dbs {
		e.touchAllWatched(db, nil)
	}
	e.invalidateAll()
	for _, db := range dbs {
		db.signalGone(nil)
		e.lazily(lazy, func() { e.dirty += int64(db.clear()) })
	}
	e.trimming = true
	e.dirty++
	c.ok()
}

func cmdSwapdb(e *Engine, c *client, args [][]byte) {
	index := func(arg []byte, which string) (int64, bool) {
		n, ok := parseInt(arg)
		if !ok || n < math.MinInt32 || n > math.MaxInt32 {
			c.err("ERR invalid " + which + " DB index")
			return 0, false
		}
		return n, true
	}
	i, ok := index(args[1], "first")
	if !ok {
		return
	}
	j, ok := index(args[2], "second")
	if !ok {
		return
	}
	if i < 0 || j < 0 || i >= int64(len(e.dbs)) || j >= int64(len(e.dbs)) {
		c.err("ERR DB index is out of range")
		return
	}
	if i != j {
		a, b := e.dbs[i], e.dbs[j]
		e.touchAllWatched(a, b)
		e.touchAllWatched(b, a)
		a.signalGone(b)
		b.signalGone(a)
		a.keys, b.keys = b.keys, a.keys
		a.expiring, b.expiring = b.expiring, a.expiring
		a.signalBlocked()
		b.signalBlocked()
		e.invalidateAll()
	}
	e.dirty++
	c.ok()
}

func cmdSave(e *Engine, c *client, args [][]byte) {
	if e.busy() {
		c.err("ERR Background save already in progress")
		return
	}
	if err := e.saveNow(); err != nil {
		c.err("ERR " + cause(err))
		return
	}
	c.ok()
}

func cmdBgsave(e *Engine, c *client, args [][]byte) {
	schedule := false
	if len(args) > 1 {
		if len(args) != 2 || !is(args[1], "schedule") {
			c.err(errSyntax)
			return
		}
		schedule = true
	}
	switch {
	case e.saves.dumping:
		c.err("ERR Background save already in progress")
	case e.busy() || c.inExec:
		if !schedule && !c.inExec {
			c.err("ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible.")
			return
		}
		e.saves.wantDump = true
		c.simple("Background saving scheduled")
	default:
		e.startDump("")
		c.simple("Background saving started")
	}
}

func cmdLastsave(e *Engine, c *client, args [][]byte) { c.int(e.saves.lastSave.Unix()) }

func cmdBgrewriteaof(e *Engine, c *client, args [][]byte) {
	switch {
	case e.aof == nil:
		c.err("ERR the append-only file is off: CONFIG SET appendonly yes turns it on")
	case e.saves.rewriting:
		c.err("ERR Background append only file rewriting already in progress")
	case e.busy() || c.inExec:
		e.saves.wantRewrite = true
		c.simple("Background append only file rewriting scheduled")
	default:
		e.startRewrite(false)
		c.simple("Background append only file rewriting started")
	}
}

func cmdShutdown(e *Engine, c *client, args [][]byte) {
	save, noSave, abort := false, false, false
	for _, a := range args[1:] {
		switch {
		case is(a, "save") && !noSave:
			save = true
		case is(a, "nosave") && !save:
			noSave = true
		case is(a, "now"), is(a, "force"):
		case is(a, "abort") && len(args) == 2:
			abort = true
		default:
			c.err(errSyntax)
			return
		}
	}
	if abort {
		c.err("ERR No shutdown in progress.")
		return
	}
	if !noSave && (save || len(e.cfg.savePoints) > 0) {
		if err := e.saveNow(); err != nil {
			c.err("ERR Errors trying to SHUTDOWN. Check logs.")
			return
		}
	}
	if noSave {
		e.cfg.savePoints = nil // Close saves by them
	}
	c.close()
	if !e.saves.ending {
		e.saves.ending = true
		close(e.shutdown)
	}
}

// --- configuration

func cmdConfigGet(e *Engine, c *client, args [][]byte) {
	p, n := c.deferred(), 0
	var names []string
	for _, def := range e.params {
		for _, name := range []string{def.name, def.alias} {
			if name == "" || slices.Contains(names, name) {
				continue
			}
			for _, a := range args[2:] {
				if matchGlob(a, []byte(name), true) {
					names = append(names, name)
					if bytes.ContainsAny(a, "*?[") {
						c.bulkString(name)
					} else {
						c.bulk(a) // in the case in which it was asked for
					}
					c.bulkString(def.get(&e.cfg))
					n++
					break
				}
			}
		}
	}
	c.fillMapping(p, n)
}

func cmdConfigSet(e *Engine, c *client, args [][]byte) {
	if len(args)%2 == 1 {
		c.err(errSyntax)
		return
	}
	cfg := e.cfg
	var seen []*param
	for i := 2; i < len(args); i += 2 {
		name := string(args[i])
		def := findParam(e.params, name)
		if def == nil {
			c.err("ERR Unknown option or number of arguments for CONFIG SET - '" + name + "'")
			return
		}
		fail := func(why string) {
			c.err("ERR CONFIG SET failed (possibly related to argument '" + name + "') - " + why)
		}
		if def.immutable && !(def.listening && string(args[i+1]) == def.get(&e.cfg)) {
			fail("can't set immutable config")
			return
		}
		if slices.Contains(seen, def) {
			fail("duplicate parameter")
			return
		}
		seen = append(seen, def)
		if err := def.set(&cfg, string(args[i+1])); err != nil {
			fail(err.Error())
			return
		}
	}
	if err := e.applyConfig(cfg); err != nil {
		c.err("ERR CONFIG SET failed - " + err.Error())
		return
	}
	c.ok()
}

// applyConfig puts a changed configuration in force.
func (e *Engine) applyConfig(cfg config) error {
	old := e.cfg
	if cfg.appendOnly && !old.appendOnly && e.busy() {
		return configError("a save is in progress; try again when it has ended")
	}
	e.cfg = cfg
	e.syncPolicy.Store(int32(cfg.appendSync))
	e.trimSlowlog()
	if cfg.appendOnly && !old.appendOnly {
		e.startRewrite(true)
	}
	if !cfg.appendOnly && old.appendOnly {
		e.stopAppend()
	}
	if len(cfg.savePoints) == 0 {
		e.saves.failed = nil // as in Redis: without save points nothing can fail
	}
	return nil
}

func cmdConfigResetstat(e *Engine, c *client, args [][]byte) {
	e.stats = stats{errors: map[string]int64{}, blocked: e.stats.blocked}
	var reset func(t map[string]*command)
	reset = func(t map[string]*command) {
		for _, cmd := range t {
			cmd.stats = commandStats{}
			reset(cmd.subs)
		}
	}
	reset(e.commands)
	c.ok()
}

func cmdConfigRewrite(e *Engine, c *client, args [][]byte) {
	c.err("ERR The server is running without a config file")
}

func cmdConfigHelp(e *Engine, c *client, args [][]byte) {
	c.help("CONFIG",
		"GET <pattern> ...", "    Parameters that match.",
		"SET <parameter> <value> ...", "    Change parameters.",
		"RESETSTAT", "    Start the statistics of INFO again.",
		"REWRITE", "    Not supported: there is no configuration file to rewrite.")
}

// --- INFO

func cmdInfo(e *Engine, c *client, args [][]byte) {
	all := len(args) == 1
	want := map[string]bool{}
	every := false
	for _, a := range args[1:] {
		s := strings.ToLower(string(a))
		switch s {
		case "all", "everything":
			every = true
		case "default":
			all = true
		}
		want[s] = true
	}
	var b strings.Builder
	for _, s := range e.infoSections() {
		if every || want[s.name] || all && !s.extra {
			if b.Len() > 0 {
				b.WriteString("\r\n")
			}
			b.WriteString("# " + s.title + "\r\n")
			s.write(&b)
		}
	}
	c.verbatim(b.String())
}

type infoSection struct {
	name, title string
	extra       bool // only with "all"
	write       func(b *strings.Builder)
}

func human(n int64) string {
	f := float64(n)
	for _, u := range []string{"B", "K", "M", "G", "T"} {
		if f < 1024 {
			if u == "B" {
				return fmt.Sprintf("%d%s", n, u)
			}
			return fmt.Sprintf("%.2f%s", f, u)
		}
		f /= 1024
	}
	return fmt.Sprintf("%.2fP", f)
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// okErr is how INFO shows the outcome of the last save.
func okErr(err error) string {
	if err != nil {
		return "err"
	}
	return "ok"
}

func seconds(d time.Duration, running bool) int64 {
	if !running && d == 0 {
		return -1
	}
	return int64(d.Seconds())
}

func (e *Engine) infoSections() []infoSection {
	up := time.Since(e.started)
	line := func(b *strings.Builder, kv ...any) {
		for i := 0; i < len(kv); i += 2 {
			fmt.Fprintf(b, "%s:%v\r\n", kv[i], kv[i+1])
		}
	}
	return []infoSection{
		{"server", "Server", false, func(b *strings.Builder) {
			exe, _ := os.Executable()
			line(b, "redis_version", redisVersion, "redis_git_sha1", "00000000", "redis_git_dirty", 0, "redis_build_id", "landings",
				"redis_mode", "standalone", "os", runtime.GOOS, "arch_bits", strconv.IntSize, "monotonic_clock", "Go runtime",
				"multiplexing_api", multiplexing, "process_id", os.Getpid(), "process_supervised", "no", "run_id", e.runID,
				"tcp_port", e.cfg.port, "server_time_usec", time.Now().UnixMicro(), "uptime_in_seconds", int64(up.Seconds()),
				"uptime_in_days", int64(up.Hours()/24), "hz", e.cfg.hz, "configured_hz", e.cfg.hz,
				"lru_clock", e.clock&0xFFFFFF, "executable", exe, "config_file", "", "io_threads_active", 0)
		}},
		{"clients", "Clients", false, func(b *strings.Builder) {
			var in, out int
			tracking := 0
			for _, c := range e.clients {
				in, out = max(in, cap(c.req.in)), max(out, cap(c.out))
				tracking += bit(c.tracking != nil)
			}
			waiting := 0
			for _, db := range e.dbs {
				waiting += len(db.blocked)
			}
			line(b, "connected_clients", len(e.clients), "cluster_connections", 0, "maxclients", e.cfg.maxClients,
				"client_recent_max_input_buffer", in, "client_recent_max_output_buffer", out, "blocked_clients", e.stats.blocked+int64(len(e.pause.queue)),
				"tracking_clients", tracking, "clients_in_timeout_table", e.stats.blocked)
		}},
		{"memory", "Memory", false, func(b *strings.Builder) {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			used := e.memoryUsed()
			rss := residentMemory()
			e.stats.peakMemory = max(e.stats.peakMemory, used)
			line(b, "used_memory", used, "used_memory_human", human(used), "used_memory_rss", rss, "used_memory_rss_human", human(rss),
				"used_memory_peak", e.stats.peakMemory, "used_memory_peak_human", human(e.stats.peakMemory),
				"used_memory_peak_perc", fmt.Sprintf("%.2f%%", 100*float64(used)/float64(max(e.stats.peakMemory, 1))),
				"used_memory_overhead", m.HeapAlloc, "used_memory_startup", 0, "used_memory_dataset", used,
				"used_memory_dataset_perc", "100.00%", "allocator_allocated", e.arena.used, "allocator_active", e.arena.reserved,
				"allocator_resident", e.arena.reserved, "total_system_memory", 0, "total_system_memory_human", "0B",
				"used_memory_lua", 0, "used_memory_vm_eval", 0, "used_memory_scripts_eval", 0, "number_of_cached_scripts", 0,
				"number_of_functions", 0, "number_of_libraries", 0, "maxmemory", e.cfg.maxMemory, "maxmemory_human", human(e.cfg.maxMemory),
				"maxmemory_policy", "noeviction", "mem_fragmentation_ratio", fmt.Sprintf("%.2f", float64(rss)/float64(max(used, 1))),
				"mem_not_counted_for_evict", 0, "mem_clients_slaves", 0, "mem_clients_normal", 0, "mem_aof_buffer", 0,
				"mem_allocator", "arena", "active_defrag_running", 0, "lazyfree_pending_objects", len(e.orphans)+len(e.unlinked), "lazyfreed_objects", e.stats.lazyFreed)
		}},
		{"persistence", "Persistence", false, func(b *strings.Builder) {
			s := &e.saves
			current := int64(-1)
			if s.dumping {
				current = int64(time.Since(s.began).Seconds())
			}
			rewriting := int64(-1)
			if s.rewriting {
				rewriting = int64(time.Since(s.rewriteBegan).Seconds())
			}
			var writeErr error
			if e.aof != nil {
				if f := e.aof.failure.Load(); f != nil {
					writeErr = *f
				} else if !e.aof.fits(0, 0) {
					writeErr = syscall.ENOSPC
				}
			}
			line(b, "loading", bit(e.loading), "async_loading", 0, "current_cow_peak", 0, "current_cow_size", 0, "current_cow_size_age", 0,
				"current_fork_perc", "0.00", "current_save_keys_processed", 0, "current_save_keys_total", 0,
				"rdb_changes_since_last_save", e.dirty, "rdb_bgsave_in_progress", bit(s.dumping), "rdb_last_save_time", s.lastSave.Unix(),
				"rdb_last_bgsave_status", okErr(s.failed), "rdb_last_bgsave_time_sec", seconds(s.lastTook, false),
				"rdb_current_bgsave_time_sec", current, "rdb_saves", s.saved, "rdb_last_cow_size", 0, "rdb_last_load_keys_expired", 0,
				"rdb_last_load_keys_loaded", s.loadedKeys, "aof_enabled", bit(e.cfg.appendOnly), "aof_rewrite_in_progress", bit(s.rewriting),
				"aof_rewrite_scheduled", bit(s.wantRewrite), "aof_last_rewrite_time_sec", seconds(s.rewriteTook, false),
				"aof_current_rewrite_time_sec", rewriting, "aof_last_bgrewrite_status", okErr(s.rewriteErr), "aof_rewrites", 0,
				"aof_rewrites_consecutive_failures", bit(s.rewriteErr != nil), "aof_last_write_status", okErr(writeErr), "aof_last_cow_size", 0,
				"module_fork_in_progress", 0, "module_fork_last_cow_size", 0)
			if e.aof != nil {
				base, incr := e.aof.files.Sizes()
				line(b, "aof_current_size", base+incr, "aof_base_size", base, "aof_pending_rewrite", 0,
					"aof_buffer_length", e.aof.appended.Load()-e.aof.done.Load(), "aof_pending_bio_fsync", 0, "aof_delayed_fsync", 0)
			}
		}},
		{"stats", "Stats", false, func(b *strings.Builder) {
			s := &e.stats
			line(b, "total_connections_received", s.connections, "total_commands_processed", s.commands,
				"instantaneous_ops_per_sec", e.opsPerSecond, "total_net_input_bytes", s.netIn, "total_net_output_bytes", s.netOut,
				"total_net_repl_input_bytes", 0, "total_net_repl_output_bytes", 0, "instantaneous_input_kbps", "0.00",
				"instantaneous_output_kbps", "0.00", "rejected_connections", s.rejectedConnections, "sync_full", 0, "sync_partial_ok", 0,
				"sync_partial_err", 0, "expired_keys", s.expired, "expired_stale_perc", "0.00", "expired_time_cap_reached_count", 0,
				"expire_cycle_cpu_milliseconds", 0, "evicted_keys", 0, "evicted_clients", 0, "total_eviction_exceeded_time", 0,
				"current_eviction_exceeded_time", 0, "keyspace_hits", s.hits, "keyspace_misses", s.misses, "pubsub_channels", len(e.channels),
				"pubsub_patterns", len(e.patterns), "pubsubshard_channels", len(e.shards), "latest_fork_usec", e.saves.held.Microseconds(), "total_forks", 0,
				"migrate_cached_sockets", 0, "slave_expires_tracked_keys", 0, "active_defrag_hits", 0, "active_defrag_misses", 0,
				"active_defrag_key_hits", 0, "active_defrag_key_misses", 0, "total_active_defrag_time", 0, "current_active_defrag_time", 0,
				"tracking_total_keys", len(e.tracked), "tracking_total_items", e.trackedItems(), "tracking_total_prefixes", len(e.prefixes),
				"unexpected_error_replies", 0, "total_error_replies", e.errorReplies(), "dump_payload_sanitizations", 0,
				"total_reads_processed", s.commands, "total_writes_processed", s.commands, "io_threaded_reads_processed", 0, "io_threaded_writes_processed", 0,
				"reply_buffer_shrinks", 0, "reply_buffer_expands", 0)
		}},
		{"replication", "Replication", false, func(b *strings.Builder) {
			line(b, "role", "master", "connected_slaves", 0, "master_failover_state", "no-failover", "master_replid", e.replID,
				"master_replid2", strings.Repeat("0", 40), "master_repl_offset", 0, "second_repl_offset", -1, "repl_backlog_active", 0,
				"repl_backlog_size", 1048576, "repl_backlog_first_byte_offset", 0, "repl_backlog_histlen", 0)
		}},
		{"cpu", "CPU", false, func(b *strings.Builder) {
			sys, user := processorTime()
			line(b, "used_cpu_sys", fmt.Sprintf("%.6f", sys), "used_cpu_user", fmt.Sprintf("%.6f", user),
				"used_cpu_sys_children", "0.000000", "used_cpu_user_children", "0.000000")
		}},
		{"modules", "Modules", false, func(*strings.Builder) {}},
		{"commandstats", "Commandstats", true, func(b *strings.Builder) {
			e.eachCommand(func(cmd *command) {
				s := &cmd.stats
				if s.calls+s.rejected+s.failed == 0 {
					return
				}
				fmt.Fprintf(b, "cmdstat_%s:calls=%d,usec=%d,usec_per_call=%.2f,rejected_calls=%d,failed_calls=%d\r\n",
					cmd.fullName, s.calls, s.usec, float64(s.usec)/float64(max(s.calls, 1)), s.rejected, s.failed)
			})
		}},
		{"errorstats", "Errorstats", false, func(b *strings.Builder) {
			for _, code := range slices.Sorted(mapKeys(e.stats.errors)) {
				fmt.Fprintf(b, "errorstat_%s:count=%d\r\n", code, e.stats.errors[code])
			}
		}},
		{"latencystats", "Latencystats", true, func(*strings.Builder) {}},
		{"cluster", "Cluster", false, func(b *strings.Builder) { line(b, "cluster_enabled", 0) }},
		{"keyspace", "Keyspace", false, func(b *strings.Builder) {
			for _, db := range e.dbs {
				if db.keys.count > 0 {
					fmt.Fprintf(b, "db%d:keys=%d,expires=%d,avg_ttl=%d\r\n", db.id, db.keys.count, len(db.expiring), db.averageTTL())
				}
			}
		}},
	}
}

func mapKeys[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func (e *Engine) trackedItems() (n int) {
	for _, ids := range e.tracked {
		n += len(ids)
	}
	return n
}

func (e *Engine) errorReplies() (n int64) {
	for _, k := range e.stats.errors {
		n += k
	}
	return n
}

// averageTTL is estimated from some expiring keys, in milliseconds.
func (db *database) averageTTL() int64 {
	n := min(len(db.expiring), 20)
	if n == 0 {
		return 0
	}
	sum := int64(0)
	for _, h := range db.expiring[:n] {
		en := db.at(h)
		sum += max(0, en.expire()-db.e.now)
	}
	return sum / int64(n)
}

// --- COMMAND

func (e *Engine) eachCommand(visit func(cmd *command)) {
	for _, name := range slices.Sorted(mapKeys(e.commands)) {
		cmd := e.commands[name]
		if cmd.do != nil {
			visit(cmd)
		}
		for _, sub := range slices.Sorted(mapKeys(cmd.subs)) {
			visit(cmd.subs[sub])
		}
	}
}

func cmdCommand(e *Engine, c *client, args [][]byte) {
	c.array(len(e.commands))
	for _, name := range slices.Sorted(mapKeys(e.commands)) {
		e.commands[name].describe(c)
	}
}

func cmdCommandCount(e *Engine, c *client, args [][]byte) { c.int(int64(len(e.commands))) }

func cmdCommandInfo(e *Engine, c *client, args [][]byte) {
	if len(args) == 2 {
		cmdCommand(e, c, args)
		return
	}
	c.array(len(args) - 2)
	for _, a := range args[2:] {
		if cmd := e.commandByName(a); cmd != nil {
			cmd.describe(c)
		} else {
			c.null()
		}
	}
}

// commandByName finds a command or container|subcommand.
func (e *Engine) commandByName(name []byte) *command {
	parent, sub, has := strings.Cut(strings.ToLower(string(name)), "|")
	cmd := e.commands[parent]
	if cmd != nil && has {
		return cmd.subs[sub]
	}
	return cmd
}

// describe writes a command as COMMAND INFO has it.
func (cmd *command) describe(c *client) {
	c.array(10)
	c.bulkString(cmd.fullName)
	c.int(int64(cmd.arity))
	flags := strings.Fields(cmd.flags)
	c.set(len(flags))
	for _, f := range flags {
		c.simple(f)
	}
	c.int(int64(cmd.firstKey))
	c.int(int64(cmd.lastKey))
	c.int(int64(cmd.by))
	c.set(len(cmd.categories))
	for _, s := range cmd.categories {
		c.simple(s)
	}
	var tips []string
	if cmd.tips != "" {
		tips = strings.Split(cmd.tips, "; ")
	}
	c.set(len(tips))
	for _, t := range tips {
		c.bulkString(t)
	}
	cmd.describeKeys(c)
	if len(cmd.subs) == 0 {
		c.set(0)
		return
	}
	c.array(len(cmd.subs))
	for _, name := range slices.Sorted(mapKeys(cmd.subs)) {
		cmd.subs[name].describe(c)
	}
}

func (cmd *command) describeKeys(c *client) {
	if cmd.spec == "" {
		c.set(0)
		return
	}
	specs := strings.Split(cmd.spec, "; ")
	c.set(len(specs))
	for _, s := range specs {
		part := strings.Split(s, " | ")
		if len(part) == 1 {
			last := cmd.lastKey
			if last > 0 {
				last -= cmd.firstKey
			}
			part = append(part, fmt.Sprintf("index %d", cmd.firstKey), fmt.Sprintf("range %d %d 0", last, cmd.by))
		}
		flags := strings.Fields(part[0])
		c.mapping(3)
		c.bulkString("flags")
		c.set(len(flags))
		for _, f := range flags {
			c.simple(f)
		}
		names := map[string][]string{"index": {"index"}, "keyword": {"keyword", "startfrom"}, "range": {"lastkey", "keystep", "limit"},
			"keynum": {"keynumidx", "firstkey", "keystep"}}
		for i, title := range []string{"begin_search", "find_keys"} {
			words := strings.Fields(part[i+1])
			c.bulkString(title)
			c.mapping(2)
			c.bulkString("type")
			c.bulkString(words[0])
			c.bulkString("spec")
			c.mapping(len(words) - 1)
			for j, w := range words[1:] {
				c.bulkString(names[words[0]][j])
				if n, err := strconv.Atoi(w); err == nil {
					c.int(int64(n))
				} else {
					c.bulkString(w)
				}
			}
		}
	}
}

func cmdCommandList(e *Engine, c *client, args [][]byte) {
	keep := func(*command) bool { return true }
	switch {
	case len(args) == 2:
	case len(args) == 5 && is(args[2], "filterby") && is(args[3], "module"):
		keep = func(*command) bool { return false }
	case len(args) == 5 && is(args[2], "filterby") && is(args[3], "aclcat"):
		keep = func(cmd *command) bool { return slices.Contains(cmd.categories, "@"+strings.ToLower(string(args[4]))) }
	case len(args) == 5 && is(args[2], "filterby") && is(args[3], "pattern"):
		keep = func(cmd *command) bool { return matchGlob(args[4], []byte(cmd.fullName), true) }
	default:
		c.err(errSyntax)
		return
	}
	p, n := c.deferred(), 0
	for _, name := range slices.Sorted(mapKeys(e.commands)) {
		cmd := e.commands[name]
		list := []*command{cmd}
		for _, sub := range slices.Sorted(mapKeys(cmd.subs)) {
			list = append(list, cmd.subs[sub])
		}
		for _, l := range list {
			if keep(l) {
				c.bulkString(l.fullName)
				n++
			}
		}
	}
	c.fillArray(p, n)
}

func cmdCommandDocs(e *Engine, c *client, args [][]byte) {
	var list []*command
	if len(args) == 2 {
		for _, name := range slices.Sorted(mapKeys(e.commands)) {
			list = append(list, e.commands[name])
		}
	}
	for _, a := range args[2:] {
		if cmd := e.commandByName(a); cmd != nil {
			list = append(list, cmd)
		}
	}
	c.mapping(len(list))
	for _, cmd := range list {
		c.bulkString(cmd.fullName)
		cmd.docs(c)
	}
}

func (cmd *command) docs(c *client) {
	n := 3
	if cmd.subs != nil {
		n++
	}
	c.mapping(n)
	c.bulkString("summary")
	c.bulkString(strings.ToUpper(strings.ReplaceAll(cmd.fullName, "|", " ")) + " as in Redis " + redisVersion)
	c.bulkString("since")
	c.bulkString(cmd.since)
	c.bulkString("group")
	c.bulkString(cmd.group)
	if cmd.subs != nil {
		c.bulkString("subcommands")
		c.mapping(len(cmd.subs))
		for _, name := range slices.Sorted(mapKeys(cmd.subs)) {
			c.bulkString(cmd.subs[name].fullName)
			cmd.subs[name].docs(c)
		}
	}
}

func cmdCommandGetkeys(e *Engine, c *client, args [][]byte)         { e.getKeys(c, args[2:], false) }
func cmdCommandGetkeysandflags(e *Engine, c *client, args [][]byte) { e.getKeys(c, args[2:], true) }

func (e *Engine) getKeys(c *client, args [][]byte, withFlags bool) {
	cmd := e.lookupCommand(args)
	if cmd == nil {
		c.err("ERR Invalid command specified")
		return
	}
	if cmd.spec == "" && cmd.firstKey == 0 {
		c.err("ERR The command has no key arguments")
		return
	}
	if !cmd.arityOK(len(args)) {
		c.err("ERR Invalid number of arguments specified for command")
		return
	}
	at, ok := cmd.keyArgs(args)
	if ok && len(at) == 0 && strings.Contains(cmd.flags, "no_mandatory_keys") {
		c.array(0)
		return
	}
	if !ok || len(at) == 0 {
		c.err("ERR Invalid arguments specified for command")
		return
	}
	c.array(len(at))
	specs := strings.Split(cmd.spec, "; ")
	for n, i := range at {
		if !withFlags {
			c.bulk(args[i])
			continue
		}
		flags := strings.Fields(strings.Split(specs[min(n, len(specs)-1)], " | ")[0])
		if slices.Contains(flags, "variable_flags") {
			flags = cmd.keyFlags(args)
		}
		if cmd.name == "sort" && n > 0 {
			flags = []string{"OW", "update"}
		}
		c.array(2)
		c.bulk(args[i])
		c.set(len(flags))
		for _, f := range flags {
			c.simple(f)
		}
	}
}

// keyFlags are those of the two commands whose arguments decide how the key is used.
func (cmd *command) keyFlags(args [][]byte) []string {
	reads, writes := false, false
	for _, a := range args[2:] {
		reads = reads || is(a, "get")
		writes = writes || is(a, "set") || is(a, "incrby")
	}
	switch {
	case cmd.name == "set" && !reads:
		return []string{"OW", "update"}
	case cmd.name == "set":
		return []string{"RW", "access", "update"}
	case writes:
		return []string{"RW", "access", "update"}
	}
	return []string{"RO", "access"}
}

func cmdCommandHelp(e *Engine, c *client, args [][]byte) {
	c.help("COMMAND",
		"(no subcommand)", "    About all commands.",
		"COUNT", "    Number of commands.",
		"DOCS [<command> ...]", "    Documentation.",
		"GETKEYS <command> <arg> ...", "    Keys of a whole command.",
		"GETKEYSANDFLAGS <command> <arg> ...", "    Keys of a whole command and how they are used.",
		"INFO [<command> ...]", "    About some commands.",
		"LIST [FILTERBY (ACLCAT <category>|PATTERN <pattern>|MODULE <module>)]", "    Names.")
}

// --- memory, slow log, latency, the rest

func cmdMemoryUsage(e *Engine, c *client, args [][]byte) {
	samples := int64(5)
	for i := 3; i < len(args); i++ {
		if is(args[i], "samples") && i+1 < len(args) {
			i++
			n, ok := parseInt(args[i])
			if !ok {
				c.err(errNotInt)
				return
			}
			if n < 0 {
				c.err(errSyntax)
				return
			}
			samples = n
			continue
		}
		c.err(errSyntax)
		return
	}
	en, ok := c.inspect(args[2])
	if !ok {
		return
	}
	n := len(en.b) + 4
	if en.enc().inObject() {
		n += c.db.object(&en).memory(int(samples))
	}
	c.int(int64(n))
}

func cmdMemoryDoctor(e *Engine, c *client, args [][]byte) {
	c.verbatim("Nothing to report: blocks live in an arena; INFO memory has its figures.")
}

func cmdMemoryMallocStats(e *Engine, c *client, args [][]byte) {
	c.verbatim(fmt.Sprintf("arena: %d bytes in blocks, %d asked of the system, %d spans", e.arena.used, e.arena.reserved, len(e.arena.spans)))
}

func cmdMemoryPurge(e *Engine, c *client, args [][]byte) {
	e.arena.trim(math.MaxInt)
	c.ok()
}

func cmdMemoryStats(e *Engine, c *client, args [][]byte) {
	keys := 0
	for _, db := range e.dbs {
		keys += db.keys.count
	}
	stats := []struct {
		name string
		n    int64
	}{{"peak.allocated", e.stats.peakMemory}, {"total.allocated", e.memoryUsed()}, {"startup.allocated", 0}, {"keys.count", int64(keys)},
		{"keys.bytes-per-key", e.memoryUsed() / int64(max(keys, 1))}, {"dataset.bytes", e.memoryUsed()}, {"allocator.allocated", e.arena.used},
		{"allocator.active", e.arena.reserved}, {"allocator.resident", residentMemory()}}
	c.mapping(len(stats))
	for _, s := range stats {
		c.bulkString(s.name)
		c.int(s.n)
	}
}

func cmdMemoryHelp(e *Engine, c *client, args [][]byte) {
	c.help("MEMORY", "DOCTOR", "    Nothing much.", "MALLOC-STATS", "    Figures of the arena.", "PURGE", "    Give unused memory back.",
		"STATS", "    Figures of memory.", "USAGE <key> [SAMPLES <count>]", "    Bytes that a key takes.")
}

func cmdSlowlogGet(e *Engine, c *client, args [][]byte) {
	n := int64(10)
	if len(args) == 3 {
		v, ok := parseInt(args[2])
		if !ok || v < -1 {
			c.err("ERR count should be greater than or equal to -1")
			return
		}
		n = v
	} else if len(args) > 3 {
		c.err("ERR unknown subcommand or wrong number of arguments for '" + string(args[1]) + "'. Try SLOWLOG HELP.")
		return
	}
	list := e.slowlog.entries
	if n >= 0 {
		list = list[:min(n, int64(len(list)))]
	}
	c.array(len(list))
	for _, s := range list {
		c.array(6)
		c.int(s.id)
		c.int(s.at)
		c.int(s.usec)
		c.array(len(s.args))
		for _, a := range s.args {
			c.bulkString(a)
		}
		c.bulkString(s.addr)
		c.bulkString(s.name)
	}
}

func cmdSlowlogLen(e *Engine, c *client, args [][]byte) { c.int(int64(len(e.slowlog.entries))) }

func cmdSlowlogReset(e *Engine, c *client, args [][]byte) {
	e.slowlog.entries = nil
	c.ok()
}

func cmdSlowlogHelp(e *Engine, c *client, args [][]byte) {
	c.help("SLOWLOG", "GET [<count>]", "    The latest slow commands, -1 for all.", "LEN", "    How many there are.", "RESET", "    Forget them.")
}

func cmdLatencyLatest(e *Engine, c *client, args [][]byte)  { c.array(0) }
func cmdLatencyHistory(e *Engine, c *client, args [][]byte) { c.array(0) }
func cmdLatencyReset(e *Engine, c *client, args [][]byte)   { c.int(0) }
func cmdLatencyGraph(e *Engine, c *client, args [][]byte) {
	c.err("ERR No samples available for event '" + string(args[2]) + "'")
}
func cmdLatencyDoctor(e *Engine, c *client, args [][]byte) {
	c.verbatim("This engine does not sample latencies; SLOWLOG has the slow commands.")
}

func cmdLatencyHistogram(e *Engine, c *client, args [][]byte) { c.mapping(0) }

func cmdLatencyHelp(e *Engine, c *client, args [][]byte) {
	c.help("LATENCY", "LATEST, HISTORY <event>, RESET [<event> ...], GRAPH <event>, DOCTOR, HISTOGRAM", "    Answer that nothing was sampled; see SLOWLOG.")
}

func cmdMonitor(e *Engine, c *client, args [][]byte) {
	if c.inExec {
		c.err("ERR MONITOR isn't allowed for DENY BLOCKING client")
		return
	}
	c.monitor = true
	e.monitors[c] = true
	c.ok()
}

func cmdRole(e *Engine, c *client, args [][]byte) {
	c.array(3)
	c.bulkString("master")
	c.int(0)
	c.array(0)
}

func cmdLolwut(e *Engine, c *client, args [][]byte) {
	c.verbatim("Redis ver. " + redisVersion + "\n")
}

func cmdDebug(e *Engine, c *client, args [][]byte) {
	switch {
	case is(args[1], "sleep") && len(args) == 3:
		f, ok := parseLongDouble(args[2])
		if !ok {
			c.err(errNotFloat)
			return
		}
		s, _ := f.Float64()
		time.Sleep(time.Duration(min(max(s, 0), 60) * 1e9))
		e.tick()
		c.ok()
	case is(args[1], "set-active-expire") && len(args) == 3:
		e.cfg.activeExpire = string(args[2]) != "0"
		c.ok()
	case is(args[1], "jmap"), is(args[1], "change-repl-id"), is(args[1], "quicklist-packed-threshold"), is(args[1], "set-disable-deny-scripts"):
		c.ok()
	case is(args[1], "object") && len(args) == 3:
		en := c.db.find(args[2])
		if !en.exists() {
			c.err(errNoKey)
			return
		}
		c.simple(fmt.Sprintf("Value at:0x0 refcount:1 encoding:%s serializedlength:%d lru:%d lru_seconds_idle:%d", en.encodingName(),
			len(c.db.dump(&en, e.cfg.compress))-11, en.used()&0xFFFFFF, e.clock-en.used()))
	case is(args[1], "reload"):
		c.err("ERR DEBUG RELOAD: this engine does not reload a running server")
	default:
		c.err(fmt.Sprintf("ERR DEBUG subcommand '%.64s' is not supported by this engine", args[1]))
	}
}
