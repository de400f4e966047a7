package redisserver

import (
	"slices"
)

// topics is channel -> subscribers, in the order in which they subscribed.
type topics map[string]*clientList

func (t topics) add(name string, c *client) {
	l := t[name]
	if l == nil {
		l = newClientList()
		t[name] = l
	}
	l.push(c)
}

func (t topics) remove(name string, c *client) {
	if l := t[name]; l != nil {
		l.remove(c)
		if l.len() == 0 {
			delete(t, name)
		}
	}
}

// subscriptions is how many channels and patterns the client listens to.
func (c *client) subscriptions() int { return len(c.channels) + len(c.patterns) + len(c.shards) }

// pubsubKind is one of the three ways to subscribe.
type pubsubKind struct {
	subscribe, unsubscribe, message string
	topics                          func(e *Engine) topics
	of                              func(c *client) *map[string]bool
	count                           func(c *client) int
}

var (
	byChannel = &pubsubKind{"subscribe", "unsubscribe", "message", func(e *Engine) topics { return e.channels },
		func(c *client) *map[string]bool { return &c.channels }, func(c *client) int { return len(c.channels) + len(c.patterns) }}
	byPattern = &pubsubKind{"psubscribe", "punsubscribe", "pmessage", func(e *Engine) topics { return e.patterns },
		func(c *client) *map[string]bool { return &c.patterns }, func(c *client) int { return len(c.channels) + len(c.patterns) }}
	byShard = &pubsubKind{"ssubscribe", "sunsubscribe", "smessage", func(e *Engine) topics { return e.shards },
		func(c *client) *map[string]bool { return &c.shards }, func(c *client) int { return len(c.shards) }}
)

func (e *Engine) subscribe(k *pubsubKind, c *client, names [][]byte) {
	for _, n := range names {
		set := k.of(c)
		if *set == nil {
			*set = map[string]bool{}
		}
		if !(*set)[string(n)] {
			(*set)[string(n)] = true
			k.topics(e).add(string(n), c)
			if k == byPattern {
				e.patternOrder = append(e.patternOrder, patternOf{string(n), c})
			}
		}
		c.push(3)
		c.bulkString(k.subscribe)
		c.bulk(n)
		c.int(int64(k.count(c)))
		c.pushed()
	}
}

// patternOf is one subscription to a pattern; messages are sent in the order of
// patterns first subscribed to.
type patternOf struct {
	pattern string
	c       *client
}

func (e *Engine) unsubscribe(k *pubsubKind, c *client, names [][]byte, notify bool) {
	set := *k.of(c)
	if names == nil {
		for n := range set {
			names = append(names, []byte(n))
		}
		if len(names) == 0 && notify {
			c.push(3)
			c.bulkString(k.unsubscribe)
			c.null()
			c.int(int64(k.count(c)))
			c.pushed()
			return
		}
	}
	for _, n := range names {
		if set[string(n)] {
			delete(set, string(n))
			k.topics(e).remove(string(n), c)
			if k == byPattern {
				e.patternOrder = slices.DeleteFunc(e.patternOrder, func(p patternOf) bool { return p.c == c && p.pattern == string(n) })
			}
		}
		if notify {
			c.push(3)
			c.bulkString(k.unsubscribe)
			c.bulk(n)
			c.int(int64(k.count(c)))
			c.pushed()
		}
	}
}

func (e *Engine) unsubscribeAll(c *client, notify bool) {
	for _, k := range []*pubsubKind{byChannel, byShard, byPattern} {
		if notify || len(*k.of(c)) > 0 {
			e.unsubscribe(k, c, nil, notify)
		}
	}
}

// publish sends a message to everybody who listens and returns to how many.
func (e *Engine) publish(k *pubsubKind, channel, message []byte) int {
	n := 0
	if l := k.topics(e)[string(channel)]; l != nil {
		l.each(func(c *client) {
			c.push(3)
			c.bulkString(k.message)
			c.bulk(channel)
			c.bulk(message)
			c.pushed()
			n++
		})
	}
	if k != byChannel {
		return n
	}
	seen := map[string]bool{}
	for _, p := range e.patternOrder {
		if seen[p.pattern] {
			continue
		}
		seen[p.pattern] = true
		if !matchGlob([]byte(p.pattern), channel, false) {
			continue
		}
		e.patterns[p.pattern].each(func(c *client) {
			c.push(4)
			c.bulkString("pmessage")
			c.bulkString(p.pattern)
			c.bulk(channel)
			c.bulk(message)
			c.pushed()
			n++
		})
	}
	return n
}

// pushed notes that something which c did not ask for lies in its output, and
// ends a client that does not read what it is sent.
func (c *client) pushed() {
	if c.noReply || c.skipReply > 0 {
		c.kept = append(c.kept, c.out[c.pushAt:]...)
	}
	c.touched()
	c.e.checkOutput(c)
}

func pubsubCommands() []command {
	return []command{
		{name: "psubscribe", arity: -2, flags: "pubsub noscript loading stale", since: "2.0.0", do: cmdPsubscribe},
		{name: "publish", arity: 3, flags: "pubsub loading stale fast", since: "2.0.0", do: cmdPublish},
		{name: "pubsub", arity: -2, since: "2.8.0", sub: []command{
			{name: "channels", arity: -2, flags: "pubsub loading stale", since: "2.8.0", do: cmdPubsubChannels},
			{name: "help", arity: 2, flags: "loading stale", since: "6.2.0", do: cmdPubsubHelp},
			{name: "numpat", arity: 2, flags: "pubsub loading stale", since: "2.8.0", do: cmdPubsubNumpat},
			{name: "numsub", arity: -2, flags: "pubsub loading stale", since: "2.8.0", do: cmdPubsubNumsub},
			{name: "shardchannels", arity: -2, flags: "pubsub loading stale", since: "7.0.0", do: cmdPubsubShardchannels},
			{name: "shardnumsub", arity: -2, flags: "pubsub loading stale", since: "7.0.0", do: cmdPubsubShardnumsub},
		}},
		{name: "punsubscribe", arity: -1, flags: "pubsub noscript loading stale", since: "2.0.0", do: cmdPunsubscribe},
		{name: "spublish", arity: 3, flags: "pubsub loading stale fast", keys: "1 1 1", spec: "not_key", since: "7.0.0", do: cmdSpublish},
		{name: "ssubscribe", arity: -2, flags: "pubsub noscript loading stale", keys: "1 -1 1", spec: "not_key", since: "7.0.0", do: cmdSsubscribe},
		{name: "subscribe", arity: -2, flags: "pubsub noscript loading stale", since: "2.0.0", do: cmdSubscribe},
		{name: "sunsubscribe", arity: -1, flags: "pubsub noscript loading stale", keys: "1 -1 1", spec: "not_key", since: "7.0.0", do: cmdSunsubscribe},
		{name: "unsubscribe", arity: -1, flags: "pubsub noscript loading stale", since: "2.0.0", do: cmdUnsubscribe},
	}
}

func cmdSubscribe(e *Engine, c *client, args [][]byte)  { e.subscribeCommand(byChannel, c, args) }
func cmdPsubscribe(e *Engine, c *client, args [][]byte) { e.subscribeCommand(byPattern, c, args) }
func cmdSsubscribe(e *Engine, c *client, args [][]byte) { e.subscribeCommand(byShard, c, args) }

func (e *Engine) subscribeCommand(k *pubsubKind, c *client, args [][]byte) {
	if k == byShard && c.inExec {
		c.err("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client")
		return
	}
	e.subscribe(k, c, args[1:])
}

func cmdUnsubscribe(e *Engine, c *client, args [][]byte) {
	e.unsubscribe(byChannel, c, namesOrNil(args), true)
}
func cmdPunsubscribe(e *Engine, c *client, args [][]byte) {
	e.unsubscribe(byPattern, c, namesOrNil(args), true)
}
func cmdSunsubscribe(e *Engine, c *client, args [][]byte) {
	e.unsubscribe(byShard, c, namesOrNil(args), true)
}

func namesOrNil(args [][]byte) [][]byte {
	if len(args) == 1 {
		return nil
	}
	return args[1:]
}

func cmdPublish(e *Engine, c *client, args [][]byte) {
	c.int(int64(e.publish(byChannel, args[1], args[2])))
}

func cmdSpublish(e *Engine, c *client, args [][]byte) {
	c.int(int64(e.publish(byShard, args[1], args[2])))
}

func cmdPubsubChannels(e *Engine, c *client, args [][]byte)      { listChannels(c, e.channels, args) }
func cmdPubsubShardchannels(e *Engine, c *client, args [][]byte) { listChannels(c, e.shards, args) }

func listChannels(c *client, t topics, args [][]byte) {
	if len(args) > 3 {
		c.err("ERR wrong number of arguments for '" + c.last.fullName + "' command")
		return
	}
	p, n := c.deferred(), 0
	for name := range t {
		if len(args) == 2 || matchGlob(args[2], []byte(name), false) {
			c.bulkString(name)
			n++
		}
	}
	c.fillArray(p, n)
}

func cmdPubsubNumpat(e *Engine, c *client, args [][]byte) { c.int(int64(len(e.patterns))) }

func cmdPubsubNumsub(e *Engine, c *client, args [][]byte) { countSubscribers(c, e.channels, args[2:]) }
func cmdPubsubShardnumsub(e *Engine, c *client, args [][]byte) {
	countSubscribers(c, e.shards, args[2:])
}

func countSubscribers(c *client, t topics, names [][]byte) {
	c.array(2 * len(names))
	for _, n := range names {
		c.bulk(n)
		if l := t[string(n)]; l != nil {
			c.int(int64(l.len()))
		} else {
			c.int(0)
		}
	}
}

func cmdPubsubHelp(e *Engine, c *client, args [][]byte) {
	c.help("PUBSUB",
		"CHANNELS [<pattern>]", "    Names of the channels with subscribers, or those that match.",
		"NUMPAT", "    Number of patterns subscribed to.",
		"NUMSUB [<channel> ...]", "    Number of subscribers of each channel.",
		"SHARDCHANNELS [<pattern>]", "    Names of the shard channels with subscribers.",
		"SHARDNUMSUB [<channel> ...]", "    Number of subscribers of each shard channel.")
}
