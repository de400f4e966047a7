//go:build e2e

package redisserver

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The differential test sends the same seeded random commands to this engine and
// to a real redis-server 7.0, and compares every reply, then every key by value,
// encoding and time to live.
//
//	go test -tags e2e -run Differential ./internal/redisserver/
//	DIFF_COMMANDS=1000000 DIFF_SEED=42 go test -tags e2e -run Differential/hash ...
//
// A family's generator is a function in differential_FAMILY_test.go, registered in
// generators below.

// gen makes commands from a seeded source.
type gen struct{ *rand.Rand }

// generators lists the families: each call makes one command.
var generators = []struct {
	name string
	make func(g gen) []string
	// setup is sent before the commands, to both.
	setup [][]string
}{
	{name: "hash", make: genHash},
	{name: "string", make: genString},
	{name: "generic", make: genGeneric},
	{name: "stream", make: genStream, setup: streamSetup},
	{name: "stream small", make: genStream, setup: append([][]string{{"config", "set", "stream-node-max-entries", "5", "stream-node-max-bytes", "200"}}, streamSetup...)},
	{name: "stream long", make: genLongStream, setup: streamSetup},
	{name: "stream long small", make: genLongStream, setup: append([][]string{{"config", "set", "stream-node-max-entries", "7"}}, streamSetup...)},
	{name: "bitmap", make: genBitmap},
	{name: "list", make: genList, setup: sortWeights},
	{name: "list of small chunks", make: genList, setup: [][]string{{"config", "set", "list-max-listpack-size", "3"}}},
	{name: "list of 4 kB chunks", make: genBigList, setup: [][]string{{"config", "set", "list-max-listpack-size", "-1"}}},
	{name: "set", make: genSet, setup: append(sortWeights, oneMember)},
	{name: "set small", make: genSet, setup: [][]string{oneMember, {"config", "set", "set-max-intset-entries", "4"}}},
	{name: "hyperloglog", make: genHLL},
	{name: "hyperloglog small", make: genHLL, setup: [][]string{{"config", "set", "hll-sparse-max-bytes", "100"}}},
	{name: "zset", make: genZset},
	{name: "zset small", make: genZset, setup: [][]string{{"config", "set", "zset-max-listpack-entries", "5", "zset-max-listpack-value", "16"}}},
	{name: "zset large", make: genZsetLarge, setup: [][]string{{"config", "set", "zset-max-listpack-entries", "0"}}},
	{name: "zset lex", make: genZsetLex, setup: [][]string{{"config", "set", "zset-max-listpack-entries", "8"}}},
	{name: "geo", make: genGeo},
	{name: "geo small", make: genGeo, setup: [][]string{{"config", "set", "zset-max-listpack-entries", "8"}}},
	{name: "server", make: genServer, setup: [][]string{{"config", "set", "slowlog-log-slower-than", "-1"}, {"slowlog", "reset"}}},
	{name: "hash small", make: genHash, setup: [][]string{{"config", "set", "hash-max-listpack-entries", "4", "hash-max-listpack-value", "16"}}},
}

// canonical says how replies are compared whose order is not defined, which are
// random, or which depend on the moment: as two texts that must be equal. At most
// 20 commands may be here; everything else is compared as it comes.
var canonical = map[string]func(x, y reply) (string, string){
	// In the order of a hash table.
	"hgetall":  alike(sortedPairs),
	"hkeys":    alike(sorted),
	"hvals":    alike(sorted),
	"hscan":    alike(scanned),
	"smembers": alike(sorted),
	"sinter":   alike(sorted),
	"sunion":   alike(sorted),
	"sdiff":    alike(sorted),
	"sscan":    alike(scanned),
	"zscan":    alike(scanned),
	"keys":     alike(sorted),
	"scan":     alike(scanned),
	// Random.
	"hrandfield":  alike(shape),
	"srandmember": alike(shape),
	"zrandmember": alike(shape),
	// A question of the moment.
	"ttl":      near,
	"pttl":     near,
	"xinfo":    alike(xinfo),
	"xpending": alike(pendingForm),
	"client":   alike(clientForm),
}

// alike brings both replies into one form.
func alike(form func(reply) string) func(x, y reply) (string, string) {
	return func(x, y reply) (string, string) { return form(x), form(y) }
}

// any picks one of the words.
func (g gen) any(words ...string) string { return words[g.IntN(len(words))] }

// chance is true once in n times.
func (g gen) chance(n int) bool { return g.IntN(n) == 0 }

// key picks a key of the family's few, sometimes one of another type.
func (g gen) key(prefix string) string {
	if g.chance(40) {
		return g.any("other:string", "other:list", "other:hash", "other:zset", "other:set", "other:stream")
	}
	return prefix + strconv.Itoa(g.IntN(6))
}

// value picks a string of many kinds: short, long, numbers, odd bytes.
func (g gen) value() string {
	switch g.IntN(12) {
	case 0:
		return ""
	case 1, 2, 3:
		return strconv.Itoa(g.IntN(200) - 50)
	case 4:
		return strconv.FormatInt(int64(g.Uint64()), 10)
	case 5:
		return g.any("3.0", "-0.5", "1e5", "007", "-0", "+1", " 1", "1 ", "nan", "inf", "-inf", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "0x10", "1e400", "1.5e-10")
	case 6:
		return strings.Repeat(g.any("a", "xyz", "0", "\x00\xff"), g.IntN(100))
	case 7:
		return strings.Repeat("v", g.any2(15, 16, 17, 63, 64, 65, 44, 45))
	default:
		return g.any("a", "b", "c", "hello", "world", "foo", "bar") + strconv.Itoa(g.IntN(20))
	}
}

func (g gen) any2(n ...int) int { return n[g.IntN(len(n))] }

// int picks a small number, sometimes an odd one.
func (g gen) int() string {
	if g.chance(15) {
		return g.any("x", "", "9223372036854775807", "-9223372036854775808", "9223372036854775806", "1.5", "99999999999999999999", "4294967296", "-4294967297")
	}
	return strconv.Itoa(g.IntN(30) - 10)
}

// float picks a number for scores and increments.
func (g gen) float() string {
	if g.chance(12) {
		return g.any("inf", "-inf", "+inf", "nan", "x", "", "1e308", "-1e308", "1e-300", "0x1p3", "1e5000", "3.0e2")
	}
	if g.chance(2) {
		return strconv.Itoa(g.IntN(40) - 20)
	}
	return strconv.FormatFloat(g.Float64()*100-50, 'g', 1+g.IntN(17), 64)
}

// sometimesWrong drops or adds arguments now and then, and changes the case.
func (g gen) sometimesWrong(args []string) []string {
	switch g.IntN(60) {
	case 0:
		if len(args) > 1 && args[0] != "command" { // which then lists all
			return args[:len(args)-1]
		}
	case 1:
		// A count of billions would keep both busy, a timeout of billions waiting.
		if !strings.Contains(args[0], "rand") && args[0] != "blpop" && args[0] != "brpop" {
			return append(args, strings.ReplaceAll(g.value(), "\x00", "\x01")) // error texts end at a NUL
		}
	case 2:
		args[0] = strings.ToUpper(args[0])
	}
	return args
}

func TestDifferential(t *testing.T) {
	n := 20000
	if s := os.Getenv("DIFF_COMMANDS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("DIFF_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	real := startRedis(t)
	ours := startEngine(t)
	for _, f := range generators {
		for _, resp := range []string{"2", "3"} {
			t.Run(strings.ReplaceAll(f.name, " ", "-")+"/resp"+resp, func(t *testing.T) {
				t.Logf("seed %d (DIFF_SEED), %d commands (DIFF_COMMANDS)", seed, n)
				d := &differ{t: t, a: dialRaw(t, real), b: dialRaw(t, ours)}
				d.same([]string{"hello", resp})
				d.same([]string{"flushall"})
				d.both(defaultsOf...)
				d.both(f.setup...)
				d.both(others...)
				g := gen{rand.New(rand.NewPCG(seed, 1))}
				for done := 0; done < n && !t.Failed(); {
					var batch [][]string
					for range 100 {
						batch = append(batch, g.sometimesWrong(f.make(g)))
					}
					d.compare(batch)
					if done += len(batch); done%5000 == 0 {
						d.compareKeys()
					}
				}
				d.compareKeys()
			})
		}
	}
}

// others are keys of every type, which gen.key picks now and then.
var others = [][]string{{"set", "other:string", "value"}, {"rpush", "other:list", "a", "b", "1"}, {"hset", "other:hash", "f", "v"},
	{"zadd", "other:zset", "1", "a", "2", "b"}, {"sadd", "other:set", "1", "2"}, {"xadd", "other:stream", "1-1", "f", "v"}}

// defaultsOf resets the parameters that setups change.
var defaultsOf = [][]string{
	{"config", "set", "hash-max-listpack-entries", "512", "hash-max-listpack-value", "64"},
	{"config", "set", "zset-max-listpack-entries", "128", "zset-max-listpack-value", "64"},
	{"config", "set", "set-max-intset-entries", "512", "list-max-listpack-size", "-2"},
	{"config", "set", "stream-node-max-entries", "100", "stream-node-max-bytes", "4096", "hll-sparse-max-bytes", "3000"},
}

type differ struct {
	t     *testing.T
	a, b  *rawConn // the real one, ours
	queue [][]string
}

// compare sends a batch to both and compares reply by reply.
func (d *differ) compare(batch [][]string) {
	d.t.Helper()
	d.a.send(batch...)
	d.b.send(batch...)
	for i, cmd := range batch {
		x, errX := d.a.read()
		y, errY := d.b.read()
		if errX != nil || errY != nil {
			d.t.Fatalf("%q: redis: %v, engine: %v", cmd, errX, errY)
		}
		fx, fy := forms(cmd, x, y)
		if strings.EqualFold(cmd[0], "exec") && len(cmd) == 1 {
			if len(x.elems) == len(y.elems) && len(x.elems) == len(d.queue) {
				fx, fy = "exec", "exec"
				for i, q := range d.queue {
					gx, gy := forms(q, x.elems[i], y.elems[i])
					fx += "\n  " + quoted(q) + " " + gx
					fy += "\n  " + quoted(q) + " " + gy
				}
			}
		}
		if x.str == "QUEUED" {
			d.queue = append(d.queue, cmd)
		} else if strings.EqualFold(cmd[0], "multi") && x.str == "OK" {
			d.queue = nil
		}
		if fx != fy {
			d.t.Errorf("%s\n redis  %s\n engine %s\nafter %q", quoted(cmd), cut(fx), cut(fy), batch[max(0, i-8):i])
			if d.t.Failed() && strings.Count(d.t.Name(), "/") > 0 {
				d.showState(cmd)
				d.t.FailNow()
			}
		}
	}
}

func (d *differ) showState(cmd []string) {
	if len(cmd) > 1 {
		d.a.send([]string{"object", "encoding", cmd[1]})
		d.b.send([]string{"object", "encoding", cmd[1]})
	}
}

func (d *differ) same(cmd []string) reply {
	d.a.send(cmd)
	d.b.send(cmd)
	x, errX := d.a.read()
	_, errY := d.b.read()
	if errX != nil || errY != nil {
		d.t.Fatalf("%q: redis: %v, engine: %v", cmd, errX, errY)
	}
	return x
}

// both sends setup commands without looking at the replies.
func (d *differ) both(cmds ...[]string) {
	for _, c := range cmds {
		d.same(c)
	}
}

// compareKeys compares every key of the present database.
func (d *differ) compareKeys() {
	d.t.Helper()
	d.same([]string{"discard"})
	d.queue = nil
	keys := d.same([]string{"keys", "*"})
	d.compare([][]string{{"keys", "*"}, {"dbsize"}})
	for _, k := range keys.elems {
		key := k.str
		typ := d.same([]string{"type", key}).str
		batch := [][]string{{"type", key}, {"object", "encoding", key}, {"ttl", key}}
		switch typ {
		case "string":
			batch = append(batch, []string{"get", key})
		case "hash":
			batch = append(batch, []string{"hgetall", key})
		case "list":
			batch = append(batch, []string{"lrange", key, "0", "-1"})
		case "set":
			batch = append(batch, []string{"smembers", key})
		case "zset":
			batch = append(batch, []string{"zrange", key, "0", "-1", "withscores"})
		case "stream":
			batch = append(batch, []string{"xrange", key, "-", "+"}, []string{"xinfo", "stream", key, "full"})
		}
		d.compare(batch)
		d.exchange(key)
	}
}

// exchange moves a value in DUMP's form from here to Redis, and from there to here
// and back, and has Redis compare what arrives with what it makes of its own form: a
// small sorted set loses the sign of -0 there.
func (d *differ) exchange(key string) {
	d.t.Helper()
	const own, out, back = "exchange:own", "exchange:out", "exchange:back"
	ask := func(c *rawConn, cmd ...string) reply {
		c.send(cmd)
		r, err := c.read()
		if err != nil || r.typ == '-' {
			d.t.Fatalf("%.5000q with the value of %q: %v %s", cmd, key, err, r)
		}
		return r
	}
	ttl := "0"
	if ask(d.a, "ttl", key).str != "-1" { // whether it expires is part of the digest
		ttl = "1000000"
	}
	ask(d.a, "restore", own, ttl, ask(d.a, "dump", key).str, "replace")
	ask(d.a, "restore", out, ttl, ask(d.b, "dump", key).str, "replace")
	ask(d.b, "restore", back, "0", ask(d.a, "dump", key).str, "replace")
	ask(d.a, "restore", back, ttl, ask(d.b, "dump", back).str, "replace")
	ask(d.b, "del", back)
	r := ask(d.a, "debug", "digest-value", own, out, back)
	if r.elems[1].str != r.elems[0].str || r.elems[2].str != r.elems[0].str {
		d.t.Fatalf("the value of %q is another one after DUMP and RESTORE: %s\n redis  %q\n engine %q\n back   %q", key, r,
			cut(ask(d.a, "dump", key).str), cut(ask(d.b, "dump", key).str), cut(ask(d.a, "dump", back).str))
	}
	ask(d.a, "del", own, out, back)
}

func quoted(cmd []string) string {
	var b []byte
	for i, a := range cmd {
		if i > 0 {
			b = append(b, ' ')
		}
		if len(a) > 200 {
			b = append(b, fmt.Sprintf("(%d bytes)", len(a))...)
			continue
		}
		b = appendQuoted(b, []byte(a))
	}
	return string(b)
}

func cut(s string) string {
	if len(s) > 1500 {
		return s[:1500] + "..."
	}
	return s
}

// forms are two replies as they are compared.
func forms(cmd []string, x, y reply) (string, string) {
	if f := canonical[strings.ToLower(cmd[0])]; f != nil && x.typ == y.typ && x.typ != '-' {
		return f(x, y)
	}
	return x.String(), y.String()
}

func sorted(r reply) string {
	var s []string
	for _, e := range r.elems {
		s = append(s, e.String())
	}
	slices.Sort(s)
	return string(r.typ) + strings.Join(s, " ")
}

func sortedPairs(r reply) string {
	var s []string
	for i := 0; i+1 < len(r.elems); i += 2 {
		s = append(s, r.elems[i].String()+"="+r.elems[i+1].String())
	}
	slices.Sort(s)
	return string(r.typ) + strings.Join(s, " ")
}

// scanned sorts the elements of a scan; generators ask for everything at once.
func scanned(r reply) string {
	if len(r.elems) != 2 {
		return r.String()
	}
	return r.elems[0].String() + sorted(r.elems[1])
}

// shape is the type of a reply, with its length.
func shape(r reply) string {
	if len(r.elems) > 0 {
		return fmt.Sprintf("%c%d %c", r.typ, len(r.elems), r.elems[0].typ)
	}
	return fmt.Sprintf("%c%d", r.typ, len(r.elems))
}

// near takes times to live for equal that are less than five seconds apart, in
// seconds or milliseconds.
func near(x, y reply) (string, string) {
	a, _ := strconv.ParseInt(x.str, 10, 64)
	b, _ := strconv.ParseInt(y.str, 10, 64)
	if a >= 0 && b >= 0 && max(a-b, b-a) < 5000 {
		return "near", "near"
	}
	return x.String(), y.String()
}

// clientForm leaves out of CLIENT LIST and CLIENT INFO what belongs to sockets,
// buffers and the moment, and what Redis shows of a transaction that it executes.
func clientForm(r reply) string {
	text := strings.TrimPrefix(r.str, "txt:")
	if !strings.HasPrefix(text, "id=") {
		return r.String()
	}
	var out []string
	for _, field := range strings.Fields(text) {
		switch name, _, _ := strings.Cut(field, "="); name {
		case "id", "name", "db", "sub", "psub", "ssub", "user", "redir", "resp":
			out = append(out, field)
		}
	}
	return string(r.typ) + strings.Join(out, " ")
}

// xinfo leaves out what depends on the moment: times of now, and how long ago.
func xinfo(r reply) string {
	skip := map[string]bool{"idle": true, "seen-time": true}
	var walk func(r reply) string
	walk = func(r reply) string {
		var b strings.Builder
		fmt.Fprintf(&b, "%c", r.typ)
		if r.elems == nil && (r.typ != ':' || len(r.str) != len("1700000000000")) {
			b.WriteString(r.str)
		}
		for i := 0; i < len(r.elems); i++ {
			b.WriteString("[" + walk(r.elems[i]) + "]")
			if skip[r.elems[i].str] {
				i++
			}
		}
		return b.String()
	}
	return walk(r)
}

// reply is a parsed reply.
type reply struct {
	typ   byte
	str   string
	elems []reply
	null  bool
}

func (r reply) String() string {
	if r.null {
		return string(r.typ) + "(null)"
	}
	switch r.typ {
	case '*', '~', '%', '>':
		var s []string
		for _, e := range r.elems {
			s = append(s, e.String())
		}
		return string(r.typ) + "[" + strings.Join(s, " ") + "]"
	}
	if len(r.str) > 300 {
		return fmt.Sprintf("%c%q...(%d)", r.typ, r.str[:300], len(r.str))
	}
	return fmt.Sprintf("%c%q", r.typ, r.str)
}

// rawConn is a connection that speaks the protocol and nothing more.
type rawConn struct {
	net.Conn
	r      *bufio.Reader
	pushes []reply // that came amid a reply
}

func dialRaw(t *testing.T, addr string) *rawConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return newRawConn(c)
}

func newRawConn(c net.Conn) *rawConn { return &rawConn{Conn: c, r: bufio.NewReaderSize(c, 64<<10)} }

func (c *rawConn) send(cmds ...[]string) {
	var b []byte
	for _, cmd := range cmds {
		args := make([][]byte, len(cmd))
		for i, a := range cmd {
			args[i] = []byte(a)
		}
		b = appendCommand(b, args...)
	}
	_, _ = c.Write(b)
}

func (c *rawConn) read() (reply, error) {
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	line, err := c.r.ReadString('\n')
	if err != nil {
		return reply{}, err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return reply{}, fmt.Errorf("an empty line for a reply")
	}
	r := reply{typ: line[0], str: line[1:]}
	switch r.typ {
	case '$', '=':
		n, _ := strconv.Atoi(r.str)
		if n < 0 {
			r.null = true
			return r, nil
		}
		b := make([]byte, n+2)
		if _, err := io.ReadFull(c.r, b); err != nil {
			return r, err
		}
		r.str = string(b[:n])
	case '*', '~', '>', '%':
		n, err := strconv.Atoi(r.str)
		if err != nil {
			return r, fmt.Errorf("header %q", line)
		}
		if n < 0 {
			r.null = true
			return r, nil
		}
		if r.typ == '%' {
			n *= 2
		}
		r.str = ""
		for len(r.elems) < n {
			e, err := c.read()
			if err != nil {
				return r, err
			}
			if e.typ == '>' { // out of band, as Redis does to a client that hears for another and writes in a transaction
				c.pushes = append(c.pushes, e)
				continue
			}
			r.elems = append(r.elems, e)
		}
	}
	return r, nil
}

// startRedis starts a redis-server without persistence and returns its address.
func startRedis(t *testing.T, args ...string) string {
	t.Helper()
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed")
	}
	if v, _ := exec.Command(bin, "--version").Output(); !strings.Contains(string(v), "v=7.0.") {
		t.Skipf("redis-server is not 7.0: %s", v)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command(bin, append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir(), "--enable-debug-command", "yes"}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
			return addr
		}
		if time.Now().After(deadline) {
			t.Fatalf("redis-server at %s: %v", addr, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// startEngine starts an engine on a TCP listener and returns its address.
func startEngine(t *testing.T, parameters ...Parameter) string {
	t.Helper()
	dir := t.TempDir()
	e, err := Open(Options{Parameters: append([]Parameter{{Name: "save", Args: []string{""}}, {Name: "dir", Args: []string{dir}}}, parameters...)})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = e.Serve(l) }()
	// Clients have the same numbers in both: Redis begins with two of its own, and
	// was asked whether it is there.
	for range 3 {
		_ = dialRaw(t, l.Addr().String()).Close()
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := e.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}
