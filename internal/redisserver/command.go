package redisserver

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A handler executes one command: args[0] is its name, and the number of
// arguments is right. It writes exactly one reply to c, unless it blocks c. The
// arguments are valid only during the call.
type handler func(e *Engine, c *client, args [][]byte)

// command is one line of the command table. The texts are those that COMMAND INFO
// answers, in a compact form; build fills in the rest.
type command struct {
	name  string
	arity int    // number of arguments with the name, negative: at least so many
	flags string // separated by spaces
	keys  string // first, last and step of the keys among the arguments; last may count from the end
	spec  string // how keys are used: flags, or for keys that move "flags | begin | find; ..."
	cats  string // categories beyond those that the flags imply
	tips  string // separated by "; "
	since string
	sub   []command
	do    handler

	fullName              string // container|sub for a subcommand
	group                 string
	flag                  cmdFlag
	categories            []string
	firstKey, lastKey, by int
	subs                  map[string]*command
	stats                 commandStats
}

type commandStats struct{ calls, usec, rejected, failed int64 }

type cmdFlag uint32

const (
	flagWrite cmdFlag = 1 << iota
	flagReadonly
	flagDenyOOM
	flagAdmin
	flagPubsub
	flagNoscript
	flagBlocking
	flagLoading
	flagStale
	flagSkipMonitor
	flagSkipSlowlog
	flagFast
	flagNoAuth
	flagNoMulti
	flagMovable
)

var flagNames = map[string]cmdFlag{
	"write": flagWrite, "readonly": flagReadonly, "denyoom": flagDenyOOM, "admin": flagAdmin,
	"pubsub": flagPubsub, "noscript": flagNoscript, "blocking": flagBlocking, "loading": flagLoading,
	"stale": flagStale, "skip_monitor": flagSkipMonitor, "skip_slowlog": flagSkipSlowlog, "fast": flagFast,
	"no_auth": flagNoAuth, "no_multi": flagNoMulti, "movablekeys": flagMovable,
	"asking": 0, "allow_busy": 0, "no_async_loading": 0, "no_mandatory_keys": 0,
}

// categoryOrder is the order in which COMMAND INFO lists categories.
var categoryOrder = []string{"keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap",
	"hyperloglog", "geo", "stream", "pubsub", "admin", "fast", "slow", "blocking", "dangerous", "connection",
	"transaction", "scripting"}

// families is the registration of every command: one line per file of commands.
func families() []struct {
	group    string
	commands []command
} {
	return []struct {
		group    string
		commands []command
	}{
		{"generic", genericCommands()},
		{"string", stringCommands()},
		{"bitmap", bitmapCommands()},
		{"hash", hashCommands()},
		{"list", listCommands()},
		{"set", setCommands()},
		{"sorted-set", zsetCommands()},
		{"geo", geoCommands()},
		{"hyperloglog", hllCommands()},
		{"stream", streamCommands()},
		{"pubsub", pubsubCommands()},
		{"transactions", transactionCommands()},
		{"connection", connectionCommands()},
		{"server", serverCommands()},
		{"scripting", absentCommands()},
	}
}

// commandTable builds the table by lower-case name.
func commandTable() map[string]*command {
	t := map[string]*command{}
	for _, f := range families() {
		for i := range f.commands {
			cmd := &f.commands[i]
			if cmd.do == nil && cmd.sub == nil {
				continue
			}
			cmd.build("", f.group)
			t[cmd.name] = cmd
		}
	}
	return t
}

func (cmd *command) build(parent, group string) {
	cmd.fullName, cmd.group = cmd.name, group
	if parent != "" {
		cmd.fullName = parent + "|" + cmd.name
	}
	cats := strings.Fields(cmd.cats)
	for _, f := range strings.Fields(cmd.flags) {
		bit, known := flagNames[f]
		if !known {
			panic("redisserver: command " + cmd.fullName + " has an unknown flag " + f)
		}
		cmd.flag |= bit
	}
	for _, c := range []struct {
		has  cmdFlag
		cats []string
	}{{flagWrite, []string{"write"}}, {flagReadonly, []string{"read"}}, {flagAdmin, []string{"admin", "dangerous"}},
		{flagPubsub, []string{"pubsub"}}, {flagBlocking, []string{"blocking"}}} {
		if cmd.flag&c.has != 0 {
			cats = append(cats, c.cats...)
		}
	}
	if cmd.flag&flagFast != 0 {
		cats = append(cats, "fast")
	} else {
		cats = append(cats, "slow")
	}
	for _, name := range categoryOrder {
		if slices.Contains(cats, name) {
			cmd.categories = append(cmd.categories, "@"+name)
		}
	}
	if cmd.keys != "" {
		if _, err := fmt.Sscan(cmd.keys, &cmd.firstKey, &cmd.lastKey, &cmd.by); err != nil {
			panic("redisserver: command " + cmd.fullName + ": keys: " + err.Error())
		}
	}
	if cmd.sub != nil {
		cmd.subs = map[string]*command{}
		for i := range cmd.sub {
			s := &cmd.sub[i]
			s.build(cmd.name, group)
			cmd.subs[s.name] = s
		}
	}
}

// arityOK says whether n arguments, the name included, are acceptable.
func (cmd *command) arityOK(n int) bool {
	return cmd.arity > 0 && n == cmd.arity || cmd.arity < 0 && n >= -cmd.arity
}

// lookup finds the command that args name; for a container with subcommands, the
// subcommand.
func (e *Engine) lookupCommand(args [][]byte) *command {
	cmd := e.commands[string(foldName(args[0], &e.nameBuf))]
	if cmd != nil && cmd.subs != nil && len(args) > 1 {
		return cmd.subs[string(foldName(args[1], &e.nameBuf))]
	}
	return cmd
}

// foldName lowers an ASCII name into buf; a longer name is no command's.
func foldName(name []byte, buf *[32]byte) []byte {
	if len(name) > len(buf) {
		return nil
	}
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		buf[i] = c
	}
	return buf[:len(name)]
}

// is says whether arg is the lower-case word, in any case.
func is(arg []byte, word string) bool {
	if len(arg) != len(word) {
		return false
	}
	for i, c := range arg {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

// keyArgs returns the positions of the keys in args, false where the command
// cannot tell. Commands whose keys move follow their specification.
func (cmd *command) keyArgs(args [][]byte) ([]int, bool) {
	var at []int
	if cmd.firstKey != 0 && !strings.Contains(cmd.spec, "|") {
		last := cmd.lastKey
		if last < 0 {
			last += len(args)
		}
		for i := cmd.firstKey; i <= last && i < len(args); i += cmd.by {
			at = append(at, i)
		}
		return at, true
	}
	if cmd.name == "sort" { // the last STORE counts
		at = append(at, 1)
		for i := len(args) - 2; i > 1; i-- {
			if is(args[i], "store") {
				return append(at, i+1), true
			}
		}
		return at, true
	}
	for _, s := range strings.Split(cmd.spec, "; ") {
		part := strings.Split(s, " | ")
		if len(part) != 3 {
			continue
		}
		begin, find := strings.Fields(part[1]), strings.Fields(part[2])
		first := -1
		switch begin[0] {
		case "index":
			first, _ = strconv.Atoi(begin[1])
		case "keyword":
			from, _ := strconv.Atoi(begin[2])
			step := 1
			if from < 0 {
				from, step = len(args)+from, -1
			}
			for i := from; i > 0 && i < len(args); i += step {
				if is(args[i], strings.ToLower(begin[1])) {
					first = i + 1
					break
				}
			}
		}
		if first < 0 || first >= len(args) {
			continue
		}
		num := make([]int, 3)
		for i := range num {
			if i+1 < len(find) {
				num[i], _ = strconv.Atoi(find[i+1])
			}
		}
		switch find[0] {
		case "range":
			last, step := first+num[0], num[1]
			if num[0] < 0 {
				last = len(args) + num[0]
				if num[2] > 1 {
					last = first + (last-first+1)/num[2] - 1
				}
			}
			for i := first; i <= last && i < len(args); i += step {
				at = append(at, i)
			}
		case "keynum":
			n, ok := parseInt(args[first+num[0]])
			if !ok || n < 0 || n > int64(len(args)) {
				return nil, false
			}
			for i, k := first+num[1], int64(0); k < n; i, k = i+num[2], k+1 {
				if i >= len(args) {
					return nil, false
				}
				at = append(at, i)
			}
		}
	}
	if cmd.name == "sort" {
		if i := sortStoreKey(args); i > 0 {
			at = append(at, i)
		}
	}
	return at, true
}
