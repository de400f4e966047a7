//go:build e2e

package rdb

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// redis is a redis-server of a test's own, and a connection to it.
type redis struct {
	t    *testing.T
	dir  string
	args []string
	cmd  *exec.Cmd
	gone chan struct{} // closed when the process has left
	conn net.Conn
	r    *bufio.Reader
	log  *bytes.Buffer
	keys int // made by fill
}

// startRedis runs redis-server in dir on a free port.
func startRedis(t *testing.T, dir string, args ...string) *redis {
	t.Helper()
	r := &redis{t: t, dir: dir, args: args}
	if err := r.start(); err != nil {
		t.Fatalf("%v\n%s", err, r.log)
	}
	t.Cleanup(r.kill)
	return r
}

func (r *redis) start() error {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return errors.New("redis-server is not installed")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	r.cmd = exec.Command(path, append([]string{"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", r.dir,
		"--save", "", "--enable-debug-command", "yes", "--databases", "16"}, r.args...)...)
	r.log = new(bytes.Buffer)
	r.cmd.Stdout, r.cmd.Stderr = r.log, r.log
	if err := r.cmd.Start(); err != nil {
		return err
	}
	r.gone = make(chan struct{})
	go func(cmd *exec.Cmd, gone chan struct{}) {
		defer close(gone)
		cmd.Wait()
	}(r.cmd, r.gone)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		select {
		case <-r.gone:
			return fmt.Errorf("redis-server left: %v", r.cmd.ProcessState)
		case <-time.After(10 * time.Millisecond):
		}
		if r.conn, err = net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err != nil {
			continue
		}
		r.r = bufio.NewReader(r.conn)
		if reply, err := r.try("PING"); err == nil && reply == "PONG" {
			return nil
		}
		r.conn.Close()
	}
	return errors.New("redis-server does not answer")
}

func (r *redis) kill() {
	if r.conn != nil {
		r.conn.Close()
	}
	r.cmd.Process.Kill()
	<-r.gone
}

// stop shuts the server down without saving and waits until it is gone.
func (r *redis) stop() {
	r.try("SHUTDOWN", "NOSAVE")
	select {
	case <-r.gone:
	case <-time.After(30 * time.Second):
		r.t.Fatal("redis-server does not leave")
	}
}

// replyError is an error that the server answered.
type replyError string

func (e replyError) Error() string { return string(e) }

func (r *redis) send(args ...string) error {
	_, err := r.conn.Write(AppendCommand(nil, args...))
	return err
}

func (r *redis) try(args ...string) (any, error) {
	if err := r.send(args...); err != nil {
		return nil, err
	}
	return r.reply()
}

func (r *redis) do(args ...string) any {
	r.t.Helper()
	v, err := r.try(args...)
	if err != nil {
		r.t.Fatalf("%.200q: %v", args, err)
	}
	return v
}

func (r *redis) strings(args ...string) []string {
	r.t.Helper()
	list, _ := r.do(args...).([]any)
	out := make([]string, len(list))
	for i, v := range list {
		out[i], _ = v.(string)
	}
	return out
}

// reply reads a RESP2 reply: nil, string, int64, []any, or an error.
func (r *redis) reply() (any, error) {
	line, err := r.r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimSuffix(line, "\r\n")
	kind, rest := line[0], line[1:]
	n, _ := strconv.Atoi(rest)
	switch kind {
	case '+':
		return rest, nil
	case '-':
		return nil, replyError(rest)
	case ':':
		return int64(n), nil
	case '$':
		if n < 0 {
			return nil, nil
		}
		b := make([]byte, n+2)
		if _, err := io.ReadFull(r.r, b); err != nil {
			return nil, err
		}
		return string(b[:n]), nil
	case '*':
		if n < 0 {
			return nil, nil
		}
		list := make([]any, n)
		for i := range list {
			if list[i], err = r.reply(); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	return nil, fmt.Errorf("reply %q", line)
}

// fill makes random keys of every type by commands, with the trimmings that only
// a history gives: deleted stream entries, groups, claims.
func (r *redis) fill(rng *rand.Rand, keys int) {
	r.t.Helper()
	for range keys {
		r.do("SELECT", strconv.Itoa([...]int{0, 1, 9}[rng.IntN(3)]))
		r.keys++
		key := fmt.Sprintf("k%d:%.30s", r.keys, randomString(rng))
		n := randomSize(rng)
		args := []string{}
		switch rng.IntN(6) {
		case 0:
			r.do("SET", key, randomString(rng))
		case 1:
			for range n {
				args = append(args, randomString(rng))
			}
			r.do(append([]string{"RPUSH", key}, args...)...)
		case 2:
			ints := rng.IntN(2) == 0
			for range n {
				if ints {
					args = append(args, strconv.FormatInt(int64(rng.Uint64())>>rng.IntN(64), 10))
				} else {
					args = append(args, randomString(rng))
				}
			}
			r.do(append([]string{"SADD", key}, args...)...)
		case 3:
			for range n {
				args = append(args, randomString(rng), randomString(rng))
			}
			r.do(append([]string{"HSET", key}, args...)...)
		case 4:
			for range n {
				args = append(args, strconv.FormatFloat(randomScore(rng), 'g', -1, 64), randomString(rng))
			}
			r.do(append([]string{"ZADD", key}, args...)...)
		case 5:
			r.fillStream(rng, key, n)
		}
		switch rng.IntN(3) {
		case 0:
			r.do("PEXPIREAT", key, strconv.FormatInt(4e12+rng.Int64N(1e12), 10))
		}
	}
}

func (r *redis) fillStream(rng *rand.Rand, key string, n int) {
	var ids []string
	ms, seq := rng.IntN(1<<40), 1
	for range n {
		id := fmt.Sprintf("%d-%d", ms, seq)
		args := []string{"XADD", key, id}
		for f := range 1 + rng.IntN(3) {
			args = append(args, fmt.Sprintf("f%d%.10s", f, [...]string{"", "", "", randomString(rng)}[rng.IntN(4)]), randomString(rng))
		}
		r.do(args...)
		ids = append(ids, id)
		ms, seq = ms+rng.IntN(2), seq+1
	}
	for g := range rng.IntN(3) {
		group := fmt.Sprint("g", g)
		r.do("XGROUP", "CREATE", key, group, [...]string{"0", "$", ids[n/2]}[rng.IntN(3)])
		for c := range rng.IntN(3) {
			r.do("XREADGROUP", "GROUP", group, fmt.Sprint("c", c), "COUNT", strconv.Itoa(1+rng.IntN(20)), "STREAMS", key, ">")
		}
		r.do("XGROUP", "CREATECONSUMER", key, group, "idle")
		r.do("XACK", key, group, ids[rng.IntN(n)], ids[rng.IntN(n)])
		r.try("XCLAIM", key, group, "claimer", "0", ids[rng.IntN(n)])
	}
	for range rng.IntN(1 + n/3) {
		r.do("XDEL", key, ids[rng.IntN(n)])
	}
	if rng.IntN(6) == 0 {
		r.do("XTRIM", key, "MAXLEN", strconv.Itoa(n/2))
	}
}

// picture asks the server for everything it holds.
func (r *redis) picture() dataset {
	r.t.Helper()
	all := dataset{}
	for db := range 16 {
		r.do("SELECT", strconv.Itoa(db))
		for _, key := range r.strings("KEYS", "*") {
			if all[db] == nil {
				all[db] = map[string]*value{}
			}
			all[db][key] = r.value(key)
		}
	}
	return all
}

func (r *redis) value(key string) *value {
	r.t.Helper()
	v := &value{Meta: NoMeta(), Set: map[string]bool{}, Hash: map[string]string{}, ZSet: map[string]float64{}}
	if at := r.do("PEXPIRETIME", key).(int64); at >= 0 {
		v.ExpireAt = at
	}
	switch r.do("TYPE", key) {
	case "string":
		v.Kind = KindString
		v.Str = r.do("GET", key).(string)
	case "list":
		v.Kind = KindList
		v.List = r.strings("LRANGE", key, "0", "-1")
	case "set":
		v.Kind = KindSet
		for _, m := range r.strings("SMEMBERS", key) {
			v.Set[m] = true
		}
	case "hash":
		v.Kind = KindHash
		pairs := r.strings("HGETALL", key)
		for i := 0; i < len(pairs); i += 2 {
			v.Hash[pairs[i]] = pairs[i+1]
		}
	case "zset":
		v.Kind = KindZSet
		pairs := r.strings("ZRANGE", key, "0", "-1", "WITHSCORES")
		for i := 0; i < len(pairs); i += 2 {
			v.ZSet[pairs[i]], _ = strconv.ParseFloat(pairs[i+1], 64)
		}
	case "stream":
		v.Kind = KindStream
		for _, e := range r.do("XRANGE", key, "-", "+").([]any) {
			e := e.([]any)
			entry := streamEntry{ID: parseID(e[0])}
			for _, p := range e[1].([]any) {
				entry.Pairs = append(entry.Pairs, p.(string))
			}
			v.Entries = append(v.Entries, entry)
		}
		v.Stream = r.stream(key)
	}
	return v
}

func parseID(v any) (id StreamID) {
	fmt.Sscanf(v.(string), "%d-%d", &id.Ms, &id.Seq)
	return id
}

// fields makes a map of a reply that alternates names and values.
func fields(v any) map[string]any {
	m := map[string]any{}
	list := v.([]any)
	for i := 0; i < len(list); i += 2 {
		m[list[i].(string)] = list[i+1]
	}
	return m
}

func (r *redis) stream(key string) *Stream {
	info := fields(r.do("XINFO", "STREAM", key, "FULL", "COUNT", "0"))
	s := &Stream{
		Length: uint64(info["length"].(int64)), LastID: parseID(info["last-generated-id"]),
		FirstID: parseID(info["recorded-first-entry-id"]), MaxDeletedID: parseID(info["max-deleted-entry-id"]),
		EntriesAdded: uint64(info["entries-added"].(int64)),
	}
	for _, g := range info["groups"].([]any) {
		g := fields(g)
		group := Group{Name: []byte(g["name"].(string)), LastID: parseID(g["last-delivered-id"]), EntriesRead: -1}
		if n, ok := g["entries-read"].(int64); ok {
			group.EntriesRead = n
		}
		names := map[string]int{}
		for i, c := range g["consumers"].([]any) {
			c := fields(c)
			seen := c["seen-time"].(int64)
			names[c["name"].(string)] = i
			group.Consumers = append(group.Consumers, Consumer{[]byte(c["name"].(string)), seen, seen})
		}
		for _, p := range g["pending"].([]any) {
			p := p.([]any)
			group.Pending = append(group.Pending, Pending{parseID(p[0]), p[2].(int64), uint64(p[3].(int64)), names[p[1].(string)]})
		}
		s.Groups = append(s.Groups, group)
	}
	return s
}

// encodings are settings under which the server encodes the same data
// differently.
var encodings = [][]string{
	{},
	{"--hash-max-listpack-entries", "0", "--zset-max-listpack-entries", "0", "--set-max-intset-entries", "0",
		"--list-max-listpack-size", "1", "--stream-node-max-entries", "3"},
	{"--hash-max-listpack-entries", "100000", "--hash-max-listpack-value", "100000", "--zset-max-listpack-entries", "100000",
		"--zset-max-listpack-value", "100000", "--set-max-intset-entries", "100000", "--list-max-listpack-size", "-5",
		"--stream-node-max-entries", "100000", "--rdbcompression", "no"},
	{"--list-compress-depth", "1", "--list-max-listpack-size", "7", "--rdbchecksum", "no"},
	{"--maxmemory-policy", "allkeys-lfu", "--stream-node-max-bytes", "200"},
	{"--maxmemory-policy", "allkeys-lru", "--list-max-listpack-size", "-1"},
}

// What redis-server saved, and what it dumps, is read as it itself answers; what
// we write of it, it loads as the same.
func TestRedisFiles(t *testing.T) {
	for i, args := range encodings {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			rng := seeded(t)
			dir := t.TempDir()
			r := startRedis(t, dir, args...)
			if i == 3 {
				r.do("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "100b")
			}
			r.fill(rng, 600)
			r.do("SAVE")
			digest := r.do("DEBUG", "DIGEST")
			want := r.picture()

			file, err := os.ReadFile(filepath.Join(dir, "dump.rdb"))
			if err != nil {
				t.Fatal(err)
			}
			rd, err := NewReader(bytes.NewReader(file), "dump.rdb")
			if err != nil {
				t.Fatal(err)
			}
			read, err := readAll(rd)
			if err != nil {
				t.Fatal(err)
			}
			got := read.withoutUse()
			if use := i == 4 || i == 5; reflect.DeepEqual(got, read) == use {
				t.Errorf("idle times or frequencies were read: %v, want %v", !use, use)
			}
			diff(t, got, want)

			// DUMP and RESTORE
			for db, keys := range want {
				r.do("SELECT", strconv.Itoa(db))
				for key, v := range keys {
					v := *v
					payload := r.do("DUMP", key).(string)
					v.Meta = NoMeta()
					got, err := readDump([]byte(payload))
					if err != nil {
						t.Fatal(err)
					}
					if !reflect.DeepEqual(got, &v) {
						t.Fatalf("payload of %q:\n got %+v\nwant %+v", key, got, v)
					}
					e := NewEncoder(rng.IntN(2) == 0)
					v.encode(e, rng, e.Type)
					old := r.do("DEBUG", "DIGEST-VALUE", key)
					r.do("RESTORE", key, "0", string(SealDump(e.Buf)), "REPLACE")
					if now := r.do("DEBUG", "DIGEST-VALUE", key); !reflect.DeepEqual(now, old) && want[db][key].ExpireAt == NoExpiry {
						t.Fatalf("%q restored differs", key)
					}
				}
			}

			// our file, loaded by it
			ours := t.TempDir()
			for range 2 {
				var size int64
				if err := Save(filepath.Join(ours, "dump.rdb"), func(w io.Writer) error {
					return read.write(countWriter{w, &size}, rng, WriterOptions{NoCompress: i == 2})
				}); err != nil {
					t.Fatal(err)
				}
				t.Logf("%d bytes, redis-server wrote %d", size, len(file))
				r2 := startRedis(t, ours, args...)
				if got := r2.do("DEBUG", "DIGEST"); got != digest {
					t.Errorf("digest %v, want %v", got, digest)
				}
				diff(t, r2.picture(), want)
				r2.kill()
			}
		})
	}
}

type countWriter struct {
	w io.Writer
	n *int64
}

func (c countWriter) Write(p []byte) (int, error) {
	*c.n += int64(len(p))
	return c.w.Write(p)
}

// withoutUse returns a copy without idle times and frequencies.
func (d dataset) withoutUse() dataset {
	c := dataset{}
	for db, keys := range d {
		c[db] = map[string]*value{}
		for key, v := range keys {
			v := *v
			v.Idle, v.Freq = -1, -1
			c[db][key] = &v
		}
	}
	return c
}

// The same values in the same encodings take about as many bytes as
// redis-server's own file.
func TestRedisSize(t *testing.T) {
	rng := seeded(t)
	dir := t.TempDir()
	r := startRedis(t, dir)
	for i := range 20000 {
		r.send("HSET", fmt.Sprint("meteorite:", i), "name", randomString(rng), "recclass", [...]string{"L6", "H5", "Eucrite-mmict", "Iron, IIIAB"}[rng.IntN(4)],
			"mass (g)", strconv.Itoa(rng.IntN(1e6)), "year", fmt.Sprintf("%d-01-01T00:00:00.000", 1800+rng.IntN(220)),
			"GeoLocation", fmt.Sprintf("(%.6f, %.6f)", rng.Float64()*180-90, rng.Float64()*360-180))
		if _, err := r.reply(); err != nil {
			t.Fatal(err)
		}
	}
	r.do("SAVE")
	file, err := os.ReadFile(filepath.Join(dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	rd, err := NewReader(bytes.NewReader(file), "")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := NewWriter(&out, Header{}, WriterOptions{})
	w.BeginDB(0, 20000, 0)
	for {
		e, err := rd.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		w.Enc.Key(e.Meta, e.Type, e.Key)
		if e.Type == TypeHash {
			w.Enc.Len(e.Chunks)
		}
		for {
			c, err := rd.Chunk()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.Encoding == EncodedListpack {
				w.Enc.Blob(c.Data)
			} else {
				w.Enc.String(c.Data)
				w.Enc.String(c.Value)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	ratio := float64(out.Len()) / float64(len(file))
	t.Logf("%d bytes where redis-server takes %d: %.3f", out.Len(), len(file), ratio)
	if ratio > 1.2 {
		t.Error("that is more than 1.2 times as much")
	}
}

// aofLoader takes commands to a server, and an RDB base into a picture.
type aofLoader struct {
	base     dataset
	commands [][]string
}

func (l *aofLoader) LoadRDB(r *Reader) (err error) {
	l.base, err = readAll(r)
	return err
}

func (l *aofLoader) LoadCommand(c *Command) error {
	cmd := []string{strconv.Itoa(c.DB)}
	for _, a := range c.Args {
		cmd = append(cmd, string(a))
	}
	l.commands = append(l.commands, cmd)
	return nil
}

// replay makes a server's data of what was loaded.
func (l *aofLoader) replay(r *redis, rng *rand.Rand) {
	r.do("FLUSHALL")
	for db, keys := range l.base {
		r.do("SELECT", strconv.Itoa(db))
		for key, v := range keys {
			e := NewEncoder(true)
			v.encode(e, rng, e.Type)
			ttl, abs := "0", "REPLACE"
			if v.ExpireAt != NoExpiry {
				ttl, abs = strconv.FormatInt(v.ExpireAt, 10), "ABSTTL"
			}
			r.do("RESTORE", key, ttl, string(SealDump(e.Buf)), abs)
		}
	}
	for _, c := range l.commands {
		r.do("SELECT", c[0])
		r.do(c[1:]...)
	}
}

// waitRewrite waits until the server has no rewrite running or to come.
func (r *redis) waitRewrite() {
	r.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		info := r.do("INFO", "persistence").(string)
		if strings.Contains(info, "aof_rewrite_in_progress:0") && strings.Contains(info, "aof_rewrite_scheduled:0") {
			if !strings.Contains(info, "aof_last_bgrewrite_status:ok") {
				r.t.Fatal(info)
			}
			return
		}
	}
	r.t.Fatal("the rewrite does not end")
}

// An append-only folder of redis-server's is loaded by us, goes on with us, and
// back.
func TestRedisAppendOnly(t *testing.T) {
	for _, preamble := range []string{"yes", "no"} {
		t.Run("preamble "+preamble, func(t *testing.T) {
			rng := seeded(t)
			dir := t.TempDir()
			args := []string{"--appendonly", "yes", "--aof-use-rdb-preamble", preamble, "--aof-timestamp-enabled", "yes", "--appendfilename", "my file.aof"}
			opts := AOFOptions{Dir: dir, AppendFilename: "my file.aof"}
			r := startRedis(t, dir, args...)
			other := startRedis(t, t.TempDir())
			r.fill(rng, 150)
			r.do("BGREWRITEAOF")
			r.fill(rng, 50)
			r.waitRewrite()
			r.do("MULTI")
			r.do("SET", "in-a-transaction", "1")
			r.do("SELECT", "3")
			r.do("SET", "there-too", "2")
			r.do("EXEC")
			r.fill(rng, 50)
			digest, want := r.do("DEBUG", "DIGEST"), r.picture()
			r.do("SELECT", "0")
			r.stop()

			a, err := OpenAOF(opts)
			if err != nil {
				t.Fatal(err)
			}
			l := new(aofLoader)
			loaded, err := a.Load(l, false)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%+v, base of %d keys", loaded, l.base.size())
			if (l.base.size() > 0) != (preamble == "yes") {
				t.Errorf("base of %d keys", l.base.size())
			}
			l.replay(other, rng)
			if got := other.do("DEBUG", "DIGEST"); got != digest {
				t.Errorf("digest %v, want %v", got, digest)
			}

			// on with us: appended, rewritten, appended
			if err := a.Resume(); err != nil {
				t.Fatal(err)
			}
			add := func(db int, args ...string) {
				if want[db] == nil {
					want[db] = map[string]*value{}
				}
				v := &value{Meta: NoMeta(), Str: args[2], Set: map[string]bool{}, Hash: map[string]string{}, ZSet: map[string]float64{}}
				want[db][args[1]] = v
				a.Append(db, AppendCommand(nil, args...))
			}
			add(0, "SET", "ours", "1")
			add(5, "SET", "ours", "2")
			if err := errors.Join(a.Flush(), a.Sync()); err != nil {
				t.Fatal(err)
			}
			if preamble == "yes" {
				rw, err := a.PrepareRewrite()
				if err != nil {
					t.Fatal(err)
				}
				add(5, "SET", "before rotate", "3")
				if err := rw.Rotate(); err != nil {
					t.Fatal(err)
				}
				now := dataset{}
				for db, keys := range want {
					now[db] = maps.Clone(keys)
				}
				add(5, "SET", "after rotate", "4")
				if err := errors.Join(a.Flush(), a.Sync()); err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(now.write(rw, rng, WriterOptions{}), rw.Commit()); err != nil {
					t.Fatal(err)
				}
				names, _ := os.ReadDir(a.Path())
				if len(names) != 3 {
					t.Errorf("the folder holds %v", names)
				}
			}
			add(0, "SET", "last", "5")
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}

			if err := r.start(); err != nil {
				t.Fatalf("%v\n%s", err, r.log)
			}
			got := r.picture()
			if preamble == "no" { // as commands, consumers and counters do not come back in full
				for _, d := range []dataset{got, want} {
					for _, keys := range d {
						for _, v := range keys {
							v.Stream = nil
						}
					}
				}
			}
			diff(t, got, want)
		})
	}
}

// What redis-server does with a folder that was torn we do too: the same commands
// are loaded, and the file is cut at the same place, but for one torn within a
// command of a transaction, where Redis 7.0 leaves an open MULTI in the file.
func TestRedisTruncation(t *testing.T) {
	rng := seeded(t)
	write := func(dir string, tail []byte) string {
		a, err := OpenAOF(AOFOptions{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		rw, err := a.PrepareRewrite()
		if err != nil {
			t.Fatal(err)
		}
		w := NewWriter(rw, Header{AOFBase: true}, WriterOptions{})
		if err := errors.Join(rw.Rotate(), w.Close(), rw.Commit()); err != nil {
			t.Fatal(err)
		}
		a.Append(-1, tail)
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, "appendonlydir", "appendonly.aof.1.incr.aof")
	}
	var whole []byte
	whole = AppendCommand(whole, "SET", "a", "1")
	multi := len(whole)
	whole = AppendCommand(whole, "MULTI")
	whole = AppendCommand(whole, "SET", "b", "value")
	whole = AppendCommand(whole, "SET", "c", "2")
	whole = AppendCommand(whole, "EXEC")
	exec := len(whole)
	whole = AppendCommand(whole, "SET", "d", "4")
	cuts := []int{len(whole)}
	for range 12 {
		cuts = append(cuts, rng.IntN(len(whole)))
	}
	for _, cut := range cuts {
		ours, theirs := t.TempDir(), t.TempDir()
		mine := write(ours, whole[:cut])
		his := write(theirs, whole[:cut])
		a, err := OpenAOF(AOFOptions{Dir: ours})
		if err != nil {
			t.Fatal(err)
		}
		l := new(aofLoader)
		if _, err := a.Load(l, true); err != nil {
			t.Fatal(err)
		}
		r := startRedis(t, theirs, "--appendonly", "yes")
		keys := r.strings("KEYS", "*")
		if len(keys) != len(l.commands) {
			t.Errorf("cut at %d: we load %q, redis-server %q", cut, l.commands, keys)
		}
		r.kill()
		m, _ := os.ReadFile(mine)
		h, _ := os.ReadFile(his)
		if cut > multi && cut < exec {
			h = h[:multi]
		}
		if !bytes.Equal(m, h) {
			t.Errorf("cut at %d: we leave %d bytes, redis-server %d", cut, len(m), len(h))
		}
	}
	// damage in the middle
	for _, bad := range [][]byte{slices.Concat(whole[:multi], []byte("x"), whole[multi:]), append([]byte("*0\r\n"), whole...),
		append(bytes.Clone(whole), 0, 0, 0), slices.Concat(whole, []byte("*1\r\n"))} {
		ours, theirs := t.TempDir(), t.TempDir()
		write(ours, bad)
		write(theirs, bad)
		a, err := OpenAOF(AOFOptions{Dir: ours})
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.Load(new(aofLoader), true)
		r := &redis{t: t, dir: theirs, args: []string{"--appendonly", "yes"}}
		rerr := r.start()
		if rerr == nil {
			r.kill()
		}
		if (err == nil) != (rerr == nil) {
			t.Errorf("%q: we say %v, redis-server %v", bad, err, rerr)
		}
	}
}

// A single file of Redis before 7 is taken into a folder that redis-server 7
// then loads, and a folder of it made by redis-server is loaded by us.
func TestRedisUpgrade(t *testing.T) {
	rng := seeded(t)
	old := func(dir string) {
		var b bytes.Buffer
		d := dataset{0: {"from the preamble": &value{Meta: NoMeta(), Kind: KindString, Str: "1"}}}
		if err := d.write(&b, rng, WriterOptions{}); err != nil {
			t.Fatal(err)
		}
		b.Write(AppendCommand(nil, "SET", "from the tail", "2"))
		if err := os.WriteFile(filepath.Join(dir, "appendonly.aof"), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ours := t.TempDir()
	old(ours)
	a, err := OpenAOF(AOFOptions{Dir: ours})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Load(new(aofLoader), false); err != nil {
		t.Fatal(err)
	}
	if err := a.Resume(); err != nil {
		t.Fatal(err)
	}
	a.Append(0, AppendCommand(nil, "SET", "appended", "3"))
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	r := startRedis(t, ours, "--appendonly", "yes")
	if n := r.do("DBSIZE"); n != int64(3) {
		t.Errorf("redis-server finds %v keys", n)
	}
	theirs := t.TempDir()
	old(theirs)
	startRedis(t, theirs, "--appendonly", "yes").stop()
	if a, err = OpenAOF(AOFOptions{Dir: theirs}); err != nil {
		t.Fatal(err)
	}
	l := new(aofLoader)
	if _, err := a.Load(l, false); err != nil || l.base.size() != 1 || len(l.commands) != 1 {
		t.Fatal(l, err)
	}
}

func TestRedisFunctions(t *testing.T) {
	dir := t.TempDir()
	r := startRedis(t, dir)
	r.do("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 7 end)")
	r.do("SET", "k", "v")
	r.do("SAVE")
	f, err := os.Open(filepath.Join(dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rd, err := NewReader(f, "")
	if err != nil {
		t.Fatal(err)
	}
	all, err := readAll(rd)
	if err != nil || len(rd.Functions()) != 1 {
		t.Fatal(err, rd.Functions())
	}
	ours := t.TempDir()
	if err := Save(filepath.Join(ours, "dump.rdb"), func(w io.Writer) error {
		rw := NewWriter(w, Header{}, WriterOptions{})
		rw.Function(rd.Functions()[0])
		rw.BeginDB(0, 1, 0)
		all[0]["k"].encode(rw.Enc, seeded(t), func(t Type) { rw.Enc.Key(NoMeta(), t, []byte("k")) })
		return rw.Close()
	}); err != nil {
		t.Fatal(err)
	}
	if got := startRedis(t, ours).do("FCALL", "f", "0"); got != int64(7) {
		t.Error(got)
	}
}
