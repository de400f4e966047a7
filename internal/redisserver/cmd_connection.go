package redisserver

import (
	"crypto/subtle"
	"fmt"
	"slices"
	"strings"
	"time"
)

func connectionCommands() []command {
	return []command{
		{name: "auth", arity: -2, flags: "noscript loading stale fast no_auth allow_busy", cats: "connection", since: "1.0.0", do: cmdAuth},
		{name: "client", arity: -2, since: "2.4.0", sub: []command{
			{name: "caching", arity: 3, flags: "noscript loading stale", cats: "connection", since: "6.0.0", do: cmdClientCaching},
			{name: "getname", arity: 2, flags: "noscript loading stale", cats: "connection", since: "2.6.9", do: cmdClientGetname},
			{name: "getredir", arity: 2, flags: "noscript loading stale", cats: "connection", since: "6.0.0", do: cmdClientGetredir},
			{name: "help", arity: 2, flags: "loading stale", cats: "connection", since: "5.0.0", do: cmdClientHelp},
			{name: "id", arity: 2, flags: "noscript loading stale", cats: "connection", since: "5.0.0", do: cmdClientID},
			{name: "info", arity: 2, flags: "noscript loading stale", cats: "connection", tips: "nondeterministic_output", since: "6.2.0", do: cmdClientInfo},
			{name: "kill", arity: -3, flags: "admin noscript loading stale", cats: "connection", since: "2.4.0", do: cmdClientKill},
			{name: "list", arity: -2, flags: "admin noscript loading stale", cats: "connection", tips: "nondeterministic_output", since: "2.4.0", do: cmdClientList},
			{name: "no-evict", arity: 3, flags: "admin noscript loading stale", cats: "connection", since: "7.0.0", do: cmdClientNoEvict},
			{name: "pause", arity: -3, flags: "admin noscript loading stale", cats: "connection", since: "2.9.50", do: cmdClientPause},
			{name: "reply", arity: 3, flags: "noscript loading stale", cats: "connection", since: "3.2.0", do: cmdClientReply},
			{name: "setinfo", arity: 4, flags: "noscript loading stale", cats: "connection", since: "7.2.0", do: cmdClientSetinfo},
			{name: "setname", arity: 3, flags: "noscript loading stale", cats: "connection", since: "2.6.9", do: cmdClientSetname},
			{name: "tracking", arity: -3, flags: "noscript loading stale", cats: "connection", since: "6.0.0", do: cmdClientTracking},
			{name: "trackinginfo", arity: 2, flags: "noscript loading stale", cats: "connection", since: "6.2.0", do: cmdClientTrackinginfo},
			{name: "unblock", arity: -3, flags: "admin noscript loading stale", cats: "connection", since: "5.0.0", do: cmdClientUnblock},
			{name: "unpause", arity: 2, flags: "admin noscript loading stale", cats: "connection", since: "6.2.0", do: cmdClientUnpause},
		}},
		{name: "echo", arity: 2, flags: "loading stale fast", cats: "connection", since: "1.0.0", do: cmdEcho},
		{name: "hello", arity: -1, flags: "noscript loading stale fast no_auth allow_busy", cats: "connection", since: "6.0.0", do: cmdHello},
		{name: "ping", arity: -1, flags: "fast", cats: "connection", tips: "request_policy:all_shards; response_policy:all_succeeded", since: "1.0.0", do: cmdPing},
		{name: "quit", arity: -1, flags: "noscript loading stale fast no_auth allow_busy", cats: "connection", since: "1.0.0", do: cmdQuit},
		{name: "reset", arity: 1, flags: "noscript loading stale fast no_auth allow_busy", cats: "connection", since: "6.2.0", do: cmdReset},
		{name: "select", arity: 2, flags: "loading stale fast", cats: "connection", since: "1.0.0", do: cmdSelect},
	}
}

// help answers a container's HELP: its usage line, then the given lines.
func (c *client) help(name string, lines ...string) {
	c.array(len(lines) + 3)
	c.simple(name + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
	for _, l := range lines {
		c.simple(l)
	}
	c.simple("HELP")
	c.simple("    Print this help.")
}

func cmdPing(e *Engine, c *client, args [][]byte) {
	if len(args) > 2 {
		c.err("ERR wrong number of arguments for 'ping' command")
		return
	}
	switch {
	case c.resp == 2 && c.subscriptions() > 0:
		c.array(2)
		c.bulkString("pong")
		if len(args) == 1 {
			c.bulkString("")
		} else {
			c.bulk(args[1])
		}
	case len(args) == 1:
		c.simple("PONG")
	default:
		c.bulk(args[1])
	}
}

func cmdEcho(e *Engine, c *client, args [][]byte) { c.bulk(args[1]) }

func cmdQuit(e *Engine, c *client, args [][]byte) {
	c.ok()
	c.close()
}

func cmdSelect(e *Engine, c *client, args [][]byte) {
	n, ok := c.int32(args[1])
	if !ok {
		return
	}
	if n < 0 || n >= int64(len(e.dbs)) {
		c.err("ERR DB index is out of range")
		return
	}
	c.db = e.dbs[n]
	c.ok()
}

// checkPassword compares in constant time.
func (e *Engine) checkPassword(user, pass []byte) bool {
	return string(user) == "default" &&
		(e.cfg.requirePass == "" || subtle.ConstantTimeCompare(pass, []byte(e.cfg.requirePass)) == 1)
}

const errWrongPass = "WRONGPASS invalid username-password pair or user is disabled."

func cmdAuth(e *Engine, c *client, args [][]byte) {
	if len(args) > 3 {
		c.err(errSyntax)
		return
	}
	user, pass := []byte("default"), args[1]
	if len(args) == 2 {
		if e.cfg.requirePass == "" {
			c.err("ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?")
			return
		}
	} else {
		user, pass = args[1], args[2]
	}
	if !e.checkPassword(user, pass) {
		c.err(errWrongPass)
		return
	}
	c.authed = true
	c.ok()
}

func cmdHello(e *Engine, c *client, args [][]byte) {
	resp := c.resp
	if len(args) > 1 {
		n, ok := parseInt(args[1])
		if !ok {
			c.err("ERR Protocol version is not an integer or out of range")
			return
		}
		if n < 2 || n > 3 {
			c.err("NOPROTO unsupported protocol version")
			return
		}
		resp = int(n)
	}
	for i := 2; i < len(args); i++ { // what comes before an error has been done
		switch {
		case is(args[i], "auth") && i+2 < len(args):
			if !e.checkPassword(args[i+1], args[i+2]) {
				c.err(errWrongPass)
				return
			}
			c.authed = true
			i += 2
		case is(args[i], "setname") && i+1 < len(args):
			if !printable(string(args[i+1])) {
				c.err("ERR Client names cannot contain spaces, newlines or special characters.")
				return
			}
			c.name = string(args[i+1])
			i++
		default:
			c.err("ERR Syntax error in HELLO option '" + string(args[i]) + "'")
			return
		}
	}
	if !c.authed {
		c.err("NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time")
		return
	}
	c.resp = resp
	c.mapping(7)
	c.bulkString("server")
	c.bulkString("redis")
	c.bulkString("version")
	c.bulkString(redisVersion)
	c.bulkString("proto")
	c.int(int64(resp))
	c.bulkString("id")
	c.int(c.id)
	c.bulkString("mode")
	c.bulkString("standalone")
	c.bulkString("role")
	c.bulkString("master")
	c.bulkString("modules")
	c.array(0)
}

// redisVersion is the version of Redis whose behaviour this engine has.
const redisVersion = "7.0.15"

func cmdReset(e *Engine, c *client, args [][]byte) {
	delete(e.monitors, c)
	c.monitor = false
	e.discard(c)
	e.unsubscribeAll(c, false)
	e.trackingOff(c)
	c.name, c.resp, c.db = "", 2, e.dbs[0]
	c.noReply, c.noEvict = false, false
	c.skipReply = 0
	c.authed = e.cfg.requirePass == ""
	c.simple("RESET")
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < '!' || s[i] > '~' {
			return false
		}
	}
	return true
}

func cmdClientID(e *Engine, c *client, args [][]byte) { c.int(c.id) }

func cmdClientGetname(e *Engine, c *client, args [][]byte) {
	if c.name == "" {
		c.null()
	} else {
		c.bulkString(c.name)
	}
}

func cmdClientSetname(e *Engine, c *client, args [][]byte) {
	if !printable(string(args[2])) {
		c.err("ERR Client names cannot contain spaces, newlines or special characters.")
		return
	}
	c.name = string(args[2])
	c.ok()
}

// cmdClientSetinfo is of Redis 7.2: client libraries send it unasked.
func cmdClientSetinfo(e *Engine, c *client, args [][]byte) {
	v := string(args[3])
	if !printable(v) {
		c.err("ERR " + string(args[2]) + " cannot contain spaces, newlines or special characters.")
		return
	}
	switch {
	case is(args[2], "lib-name"):
		c.lib[0] = v
	case is(args[2], "lib-ver"):
		c.lib[1] = v
	default:
		c.err("ERR Unrecognized option '" + string(args[2]) + "'")
		return
	}
	c.ok()
}

func cmdClientGetredir(e *Engine, c *client, args [][]byte) {
	if c.tracking == nil {
		c.int(-1)
	} else {
		c.int(c.tracking.redirect)
	}
}

// describe is one line of CLIENT LIST.
func (e *Engine) describe(c *client) string {
	flags := ""
	add := func(on bool, f string) {
		if on {
			flags += f
		}
	}
	add(c.monitor, "O")
	add(c.subscriptions() > 0, "P")
	add(c.multi != nil, "x")
	add(c.block != nil || c.paused, "b")
	if c.tracking != nil {
		add(true, "t")
		add(c.tracking.broken, "R")
		add(c.tracking.bcast, "B")
	}
	add(c.dirtyCAS, "d")
	add(c.closing, "c")
	add(c.noEvict, "e")
	if flags == "" {
		flags = "N"
	}
	redir := int64(-1)
	if c.tracking != nil {
		redir = c.tracking.redirect
	}
	multi := -1
	mem := 0
	if c.multi != nil {
		multi = len(c.multi.commands)
		mem = c.multi.bytes
	}
	last := "NULL"
	if c.last != nil {
		last = c.last.fullName
	}
	library := ""
	if c.lib[0] != "" {
		library = " lib-name=" + c.lib[0] + " lib-ver=" + c.lib[1]
	}
	return fmt.Sprintf("id=%d addr=%s laddr=%s fd=%d name=%s age=%d idle=%d flags=%s db=%d sub=%d psub=%d ssub=%d multi=%d qbuf=%d qbuf-free=%d argv-mem=%d multi-mem=%d rbs=%d rbp=%d obl=%d oll=%d omem=%d tot-mem=%d events=r cmd=%s user=default redir=%d resp=%d",
		c.id, c.addr, c.laddr, c.fd, c.name, int64(time.Since(c.created).Seconds()), (e.now-c.active)/1000, flags, c.db.id,
		len(c.channels), len(c.patterns), len(c.shards), multi, len(c.req.in), cap(c.req.in)-len(c.req.in), c.req.pos-c.req.start, mem,
		cap(c.out), cap(c.out), len(c.out), 0, c.front.unsent(), cap(c.req.in)+cap(c.out), last, redir, c.resp) + library
}

func cmdClientInfo(e *Engine, c *client, args [][]byte) { c.verbatim(e.describe(c) + "\n") }

// clientType is the class that CLIENT LIST TYPE and output limits know.
func (c *client) clientType() string {
	if c.subscriptions() > 0 {
		return "pubsub"
	}
	return "normal"
}

func parseClientType(c *client, arg []byte) (string, bool) {
	switch t := strings.ToLower(string(arg)); t {
	case "normal", "pubsub", "master":
		return t, true
	case "slave", "replica":
		return "replica", true
	}
	c.err("ERR Unknown client type '" + string(arg) + "'")
	return "", false
}

func cmdClientList(e *Engine, c *client, args [][]byte) {
	keep := func(*client) bool { return true }
	switch {
	case len(args) == 2:
	case len(args) == 4 && is(args[2], "type"):
		t, ok := parseClientType(c, args[3])
		if !ok {
			return
		}
		keep = func(o *client) bool { return o.clientType() == t }
	case len(args) > 3 && is(args[2], "id"):
		var b strings.Builder
		for _, a := range args[3:] {
			id, ok := parseInt(a)
			if !ok {
				c.err("ERR Invalid client ID")
				return
			}
			if o := e.clients[id]; o != nil {
				b.WriteString(e.describe(o) + "\n")
			}
		}
		c.verbatim(b.String())
		return
	default:
		c.err(errSyntax)
		return
	}
	var b strings.Builder
	e.clientOrder.each(func(o *client) {
		if keep(o) && !o.closing {
			b.WriteString(e.describe(o) + "\n")
		}
	})
	c.verbatim(b.String())
}

// kill ends a client's connection: at once, or after its reply if it asked itself.
func (e *Engine) kill(by, c *client) {
	if c == by {
		c.close()
		return
	}
	e.freeClient(c)
	c.out = c.out[:0]
	c.front.abort()
}

func cmdClientKill(e *Engine, c *client, args [][]byte) {
	var id int64 = -1
	addr, laddr, typ, skipMe := "", "", "", true
	old := len(args) == 3
	if old {
		addr, skipMe = string(args[2]), false
	} else {
		for i := 2; i < len(args); i += 2 {
			if i+1 == len(args) {
				c.err(errSyntax)
				return
			}
			v := args[i+1]
			switch {
			case is(args[i], "id"):
				n, ok := parseInt(v)
				if !ok || n < 1 {
					c.err("ERR client-id should be greater than 0")
					return
				}
				id = n
			case is(args[i], "type"):
				t, ok := parseClientType(c, v)
				if !ok {
					return
				}
				typ = t
			case is(args[i], "addr"):
				addr = string(v)
			case is(args[i], "laddr"):
				laddr = string(v)
			case is(args[i], "user"):
				if string(v) != "default" { // everybody is
					c.err("ERR No such user '" + string(v) + "'")
					return
				}
			case is(args[i], "skipme") && is(v, "yes"):
				skipMe = true
			case is(args[i], "skipme") && is(v, "no"):
				skipMe = false
			default:
				c.err(errSyntax)
				return
			}
		}
	}
	killed := 0
	self := false
	e.clientOrder.each(func(o *client) {
		if (old || addr != "") && o.addr != addr || laddr != "" && o.laddr != laddr || typ != "" && o.clientType() != typ ||
			id >= 0 && o.id != id || o == c && skipMe || o.closing {
			return
		}
		killed++
		if o == c {
			self = true
		} else {
			e.kill(c, o)
		}
	})
	switch {
	case !old:
		c.int(int64(killed))
	case killed == 0:
		c.err("ERR No such client")
	default:
		c.ok()
	}
	if self {
		c.close()
	}
}

func cmdClientReply(e *Engine, c *client, args [][]byte) {
	switch {
	case is(args[2], "on"):
		c.noReply, c.skipReply = false, 0
		c.ok()
	case is(args[2], "off"):
		c.noReply = true
	case is(args[2], "skip"):
		if !c.noReply {
			c.skipReply = 2
		}
	default:
		c.err(errSyntax)
	}
}

func cmdClientNoEvict(e *Engine, c *client, args [][]byte) {
	switch {
	case is(args[2], "on"):
		c.noEvict = true
	case is(args[2], "off"):
		c.noEvict = false
	default:
		c.err(errSyntax)
		return
	}
	c.ok()
}

func cmdClientUnblock(e *Engine, c *client, args [][]byte) {
	asError := false
	if len(args) == 4 {
		switch {
		case is(args[3], "timeout"):
		case is(args[3], "error"):
			asError = true
		default:
			c.err("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
			return
		}
	} else if len(args) > 4 {
		c.err("ERR unknown subcommand or wrong number of arguments for '" + string(args[1]) + "'. Try CLIENT HELP.")
		return
	}
	id, ok := parseInt(args[2])
	if !ok {
		c.err(errNotInt)
		return
	}
	o := e.clients[id]
	if o == nil || o.block == nil {
		c.int(0)
		return
	}
	b := o.block
	e.unblock(o)
	if asError {
		o.err("UNBLOCKED client unblocked via CLIENT UNBLOCK")
	} else {
		b.expired()
	}
	e.resume(o)
	c.int(1)
}

// pauseState is CLIENT PAUSE.
type pauseState struct {
	until  time.Time
	all    bool // every command waits, not writes alone
	queue  []*client
	timer  *time.Timer
	active bool
}

func (e *Engine) pausedFor(c *client, cmd *command) bool {
	if !e.pause.active || c.internal {
		return false
	}
	if e.pause.all {
		return cmd.fullName != "client|unpause" && cmd.fullName != "client|pause"
	}
	if c.multi != nil && cmd.name == "exec" {
		return c.multi.flags&flagWrite != 0
	}
	return cmd.flag&flagWrite != 0 || cmd.name == "publish" || cmd.name == "spublish" || cmd.name == "pfcount" ||
		cmd.group == "scripting"
}

// postpone keeps a client's command for the end of the pause: its input is read
// again from that command on.
func (e *Engine) postpone(c *client) {
	c.paused = true
	c.req.pos = c.req.start
	e.pause.queue = append(e.pause.queue, c)
}

func (e *Engine) unpause() {
	if e.pause.timer != nil {
		e.pause.timer.Stop()
	}
	queue := e.pause.queue
	e.pause = pauseState{}
	for _, c := range queue {
		c.paused = false
		if !c.closing {
			e.resume(c)
		}
	}
}

func cmdClientPause(e *Engine, c *client, args [][]byte) {
	all := true
	if len(args) == 4 {
		switch {
		case is(args[3], "write"):
			all = false
		case is(args[3], "all"):
		default:
			c.err("ERR CLIENT PAUSE mode must be WRITE or ALL")
			return
		}
	} else if len(args) != 3 {
		c.err("ERR unknown subcommand or wrong number of arguments for '" + string(args[1]) + "'. Try CLIENT HELP.")
		return
	}
	d, ok := blockTimeout(c, args[2], time.Millisecond)
	if !ok {
		return
	}
	until := time.Now().Add(d)
	p := &e.pause
	if p.active {
		all = all || p.all
		if p.until.After(until) {
			until = p.until
		}
	}
	p.active, p.all, p.until = true, all, until
	if p.timer != nil {
		p.timer.Stop()
	}
	p.timer = time.AfterFunc(time.Until(until), func() {
		e.mu.Lock()
		if e.pause.active && !time.Now().Before(e.pause.until) {
			e.unpause()
			e.runResumed()
		}
		e.unlockAndFlush()
	})
	c.ok()
}

func cmdClientUnpause(e *Engine, c *client, args [][]byte) {
	e.unpause()
	c.ok()
}

func cmdClientCaching(e *Engine, c *client, args [][]byte) {
	t := c.tracking
	if t == nil {
		c.err("ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled")
		return
	}
	switch {
	case is(args[2], "yes"):
		if !t.optin {
			c.err("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
			return
		}
	case is(args[2], "no"):
		if !t.optout {
			c.err("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
			return
		}
	default:
		c.err(errSyntax)
		return
	}
	t.caching = true
	c.ok()
}

func cmdClientTracking(e *Engine, c *client, args [][]byte) {
	t := &tracking{}
	for i := 3; i < len(args); i++ {
		more := i+1 < len(args)
		switch {
		case is(args[i], "redirect") && more:
			i++
			if t.redirect != 0 {
				c.err("ERR A client can only redirect to a single other client")
				return
			}
			id, ok := parseInt(args[i])
			if !ok {
				c.err(errNotInt)
				return
			}
			if e.clients[id] == nil {
				c.err("ERR The client ID you want redirect to does not exist")
				return
			}
			t.redirect = id
		case is(args[i], "bcast"):
			t.bcast = true
		case is(args[i], "optin"):
			t.optin = true
		case is(args[i], "optout"):
			t.optout = true
		case is(args[i], "noloop"):
			t.noloop = true
		case is(args[i], "prefix") && more:
			i++
			t.prefixes = append(t.prefixes, string(args[i]))
		default:
			c.err(errSyntax)
			return
		}
	}
	switch {
	case is(args[2], "off"):
		e.trackingOff(c)
		c.ok()
		return
	case !is(args[2], "on"):
		c.err(errSyntax)
		return
	}
	if !t.bcast && len(t.prefixes) > 0 {
		c.err("ERR PREFIX option requires BCAST mode to be enabled")
		return
	}
	if old := c.tracking; old != nil {
		if old.bcast != t.bcast {
			c.err("ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.")
			return
		}
		if t.bcast && (t.optin || t.optout) {
			c.err("ERR OPTIN and OPTOUT are not compatible with BCAST")
			return
		}
	}
	if t.bcast && (t.optin || t.optout) {
		c.err("ERR OPTIN and OPTOUT are not compatible with BCAST")
		return
	}
	if t.optin && t.optout {
		c.err("ERR You can't use both OPTIN and OPTOUT")
		return
	}
	if old := c.tracking; old != nil && (t.optin && old.optout || t.optout && old.optin) {
		c.err("ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.")
		return
	}
	if t.bcast {
		var have []string
		if c.tracking != nil {
			have = c.tracking.prefixes
		}
		overlaps := func(a, b string) bool { return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) }
		for i, p := range t.prefixes {
			for _, h := range have {
				if overlaps(p, h) {
					c.err(fmt.Sprintf("ERR Prefix '%s' overlaps with an existing prefix '%s'. Prefixes for a single client must not overlap.", p, h))
					return
				}
			}
			for _, o := range t.prefixes[i+1:] {
				if overlaps(p, o) {
					c.err(fmt.Sprintf("ERR Prefix '%s' overlaps with another provided prefix '%s'. Prefixes for a single client must not overlap.", p, o))
					return
				}
			}
		}
		if len(t.prefixes) == 0 {
			t.prefixes = []string{""} // every key; Redis lets it stand beside others
		}
		t.prefixes = slices.DeleteFunc(t.prefixes, func(p string) bool { return slices.Contains(have, p) })
	}
	e.trackingOn(c, t)
	c.ok()
}

func cmdClientTrackinginfo(e *Engine, c *client, args [][]byte) {
	t := c.tracking
	c.mapping(3)
	c.bulkString("flags")
	flags := []string{"off"}
	var prefixes []string
	redirect := int64(-1)
	if t != nil {
		flags = []string{"on"}
		for _, f := range []struct {
			on   bool
			name string
		}{{t.bcast, "bcast"}, {t.optin, "optin"}, {t.optin && t.caching, "caching-yes"}, {t.optout, "optout"}, {t.optout && t.caching, "caching-no"}, {t.noloop, "noloop"}, {t.broken, "broken_redirect"}} {
			if f.on {
				flags = append(flags, f.name)
			}
		}
		redirect = t.redirect
		prefixes = slices.Sorted(slices.Values(t.prefixes))
	}
	c.set(len(flags))
	for _, f := range flags {
		c.bulkString(f)
	}
	c.bulkString("redirect")
	c.int(redirect)
	c.bulkString("prefixes")
	c.array(len(prefixes))
	for _, p := range prefixes {
		c.bulkString(p)
	}
}

func cmdClientHelp(e *Engine, c *client, args [][]byte) {
	c.help("CLIENT",
		"CACHING (YES|NO)", "    Whether the next command's keys are tracked.",
		"GETNAME", "    Name of this connection.",
		"GETREDIR", "    Client that invalidations go to.",
		"ID", "    Number of this connection.",
		"INFO", "    About this connection.",
		"KILL <ip:port> | <option> <value> ...", "    Close connections: ADDR, LADDR, TYPE, USER, ID, SKIPME (YES|NO).",
		"LIST [TYPE (NORMAL|PUBSUB)] [ID <id> ...]", "    About all connections.",
		"NO-EVICT (ON|OFF)", "    Protect this connection from eviction.",
		"PAUSE <timeout> [WRITE|ALL]", "    Hold commands back for so many milliseconds.",
		"REPLY (ON|OFF|SKIP)", "    Whether replies are sent.",
		"SETNAME <name>", "    Name this connection.",
		"TRACKING (ON|OFF) [option ...]", "    Client-side caching.",
		"TRACKINGINFO", "    State of client-side caching.",
		"UNBLOCK <id> [TIMEOUT|ERROR]", "    Wake a blocked client.",
		"UNPAUSE", "    End PAUSE.")
}
