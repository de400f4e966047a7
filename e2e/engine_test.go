//go:build e2e

package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"
)

var engineKills = flag.Int("engine.kills", 4, "how often TestEngineKilled kills with each setting")

// startEngine starts redis-server's stand-in, or with server redis-server itself.
func startEngine(t *testing.T, server, dir string, port int, args ...string) *redis {
	t.Helper()
	if server == "redis-server" {
		return startRedis(t, dir, port, args...)
	}
	all := append([]string{"redis-server", "--port", strconv.Itoa(port), "--dir", dir}, args...)
	r := &redis{process: start(t, dir, program, all...), host: "127.0.0.1", port: port}
	r.answers(t)
	return r
}

// counters writes ascending numbers to keys from many connections until the server
// is gone, and notes when each was acknowledged.
type counters struct {
	client rueidis.Client
	acked  [][]time.Time // by key: when number i+1 was acknowledged
	group  sync.WaitGroup
}

func startCounters(t *testing.T, r *redis, from []int) *counters {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{fmt.Sprint(r.host, ":", r.port)}, DisableCache: true, DisableRetry: true, AlwaysPipelining: true})
	if err != nil {
		t.Fatal(err)
	}
	c := &counters{client: client, acked: make([][]time.Time, len(from))}
	for k := range from {
		c.group.Go(func() {
			for n := from[k] + 1; ; n++ {
				err := client.Do(context.Background(), client.B().Set().Key(fmt.Sprint("counter", k)).Value(strconv.Itoa(n)).Build()).Error()
				if err != nil {
					return
				}
				c.acked[k] = append(c.acked[k], time.Now())
			}
		})
	}
	return c
}

// TestEngineKilled kills the engine with -9 under load, again and again. With an
// append-only file, which is rewritten all the while, everything acknowledged is there
// afterwards, for the system has it; with save 1 1 alone what is there is one moment, no older than what redis-server
// goes back to under the same load.
func TestEngineKilled(t *testing.T) {
	need(t, "redis-server")
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	saves := []string{"--save", "1", "1"}
	settings := []*killed{
		{server: "landings", args: []string{"--save", "", "--appendonly", "yes", "--appendfsync", "always"}, aof: true, run: 300 * time.Millisecond},
		{server: "landings", args: []string{"--save", "1", "1", "--appendonly", "yes", "--appendfsync", "everysec"}, aof: true, run: 300 * time.Millisecond},
		{server: "landings", args: saves, run: 2500 * time.Millisecond},
		{server: "redis-server", args: saves, run: 2500 * time.Millisecond},
	}
	for _, k := range settings {
		k.dir, k.port, k.now = t.TempDir(), freePort(t), make([]int, 16)
	}
	for range *engineKills {
		for _, k := range settings { // one after the other, so that all see the same machine
			k.kill(t, k.run+time.Duration(rnd.Int64N(int64(k.run)))) // how long the load runs is what is varied
		}
	}
	for _, k := range settings {
		t.Logf("%s: %d writes acknowledged; the oldest that was lost was %v old", k, k.total, k.oldest.Round(time.Millisecond))
		if k.total == 0 {
			t.Errorf("%s: nothing was acknowledged", k)
		}
	}
	// A save point compares whole seconds, so what is lost is up to two seconds old with
	// either; at which moment of them the kill comes is chance.
	if ours, redis := settings[2].oldest, settings[3].oldest; ours > redis+2*time.Second {
		t.Errorf("%s lost a write that was acknowledged %v before the kill, %s none older than %v", settings[2], ours, settings[3], redis)
	}
}

// killed is a server that is killed under load with one setting.
type killed struct {
	server string
	args   []string
	aof    bool
	run    time.Duration
	dir    string
	port   int
	now    []int         // the counters as they are in the files
	total  int           // writes acknowledged
	oldest time.Duration // before the kill, of the writes lost
}

func (k *killed) String() string { return k.server + " " + strings.Join(k.args, " ") }

// kill lets the load run for so long, kills, and judges what a new start finds.
func (k *killed) kill(t *testing.T, run time.Duration) {
	t.Helper()
	r := startEngine(t, k.server, k.dir, k.port, k.args...)
	c := startCounters(t, r, k.now)
	for end := time.Now().Add(run); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if k.aof { // refused while one is in progress
			_ = c.client.Do(context.Background(), c.client.B().Bgrewriteaof().Build()).Error()
		}
	}
	at := time.Now()
	r.kill()
	c.group.Wait()
	c.client.Close()
	r = startEngine(t, k.server, k.dir, k.port, k.args...)
	defer r.stop(t)
	var kept, lost time.Time // what is kept was sent before kept, what is lost was acknowledged after lost
	for i, acked := range c.acked {
		found, _ := strconv.Atoi(r.cli(t, "get", fmt.Sprint("counter", i)))
		first, last := k.now[i], k.now[i]+len(acked)
		k.total += len(acked)
		k.now[i] = found
		switch {
		case found > last+1:
			t.Errorf("%s: %d was acknowledged, at most one more sent, and %d is there", k, last, found)
			continue
		case found < first:
			t.Errorf("%s: %d was there before, now %d", k, first, found)
			continue
		case k.aof && found < last:
			t.Errorf("%s: %d was acknowledged, %d is there", k, last, found)
		}
		if n := found - first; n > 1 && acked[n-2].After(kept) { // the next one was sent then
			kept = acked[n-2]
		}
		if n := found - first; n < len(acked) && (lost.IsZero() || acked[n].Before(lost)) {
			lost = acked[n]
		}
	}
	if lost.IsZero() {
		return
	}
	k.oldest = max(k.oldest, at.Sub(lost))
	if kept.After(lost) {
		t.Errorf("%s: what is there is no moment: a write sent %v after one that is lost had been acknowledged", k, kept.Sub(lost))
	}
}

// A folder that holds only dump.rdb, as the tutorial's does, loses nothing when it is
// started with an append-only file; redis-server 7 would ignore the dump and save
// the nothing that it has over it.
func TestDumpIsTakenOver(t *testing.T) {
	need(t, "redis-server", "redis-cli")
	dir, port := t.TempDir(), freePort(t)
	real := startRedis(t, dir, port, "--save", "1", "1")
	real.cli(t, "mset", "a", "1", "b", "2")
	real.cli(t, "rpush", "list", "x", "y")
	real.stop(t)
	for i := range 3 {
		r := startEngine(t, "landings", dir, port, "--save", "1", "1", "--appendonly", "yes")
		if got := r.cli(t, "mget", "a", "b") + " " + r.cli(t, "lrange", "list", "0", "-1"); got != "1\n2 x\ny" {
			t.Fatalf("start %d finds %q", i, got)
		}
		r.cli(t, "incr", "starts")
		if i == 1 {
			r.stop(t)
		} else {
			r.kill()
		}
	}
}

// TestClients has the clients that people use talk to the engine.
func TestClients(t *testing.T) {
	need(t, "redis-cli", "redis-benchmark")
	port := freePort(t)
	r := startEngine(t, "landings", t.TempDir(), port, "--save", "")
	at := strconv.Itoa(port)

	t.Run("redis-cli --pipe", func(t *testing.T) {
		var in strings.Builder
		for i := range 5000 {
			fmt.Fprintf(&in, "SET pipe:%d %d\r\n", i, i)
		}
		c := exec.Command("redis-cli", "-p", at, "--pipe")
		c.Stdin = strings.NewReader(in.String())
		out, err := c.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "errors: 0, replies: 5000") {
			t.Errorf("%v: %s", err, out)
		}
	})
	t.Run("redis-cli on a terminal", func(t *testing.T) {
		// Python's pty gives it a terminal.
		out := r.python(t, fmt.Sprintf(`
import pty, os, time, select, fcntl, termios, struct, re
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0)) # or it asks the terminal
    os.environ["TERM"] = "xterm"
    os.execvp("redis-cli", ["redis-cli", "-p", "%s"])
def expect(what): # and the prompt after it: what is typed before it, the terminal throws away
    seen, end = b"", time.time() + 20
    while what not in seen or not re.search(rb"127\.0\.0\.1:\d+(\(TX\))?> ", seen[seen.index(what) + len(what):]):
        assert time.time() < end, seen
        if select.select([fd], [], [], 0.1)[0]:
            seen += os.read(fd, 4096)
expect(b"")
for line, want in [(b"set k v\r", b"OK"), (b"get k\r", b'"v"'), (b"lpush l 1 2\r", b"(integer) 2"), (b"hello 3\r", b"proto"), (b"multi\r", b"OK"),
                   (b"incr n\r", b"QUEUED"), (b"exec\r", b"1) (integer) 1")]:
    os.write(fd, line)
    expect(want)
os.write(fd, b"quit\r")
os.waitpid(pid, 0)
print("fine")
`, at))
		if out != "fine" {
			t.Error(out)
		}
	})
	t.Run("redis-py", func(t *testing.T) {
		out := r.python(t, `
import threading
rd.flushall()
p = rd.pipeline()
for i in range(1000): p.hset('h', i, i * 2)
assert len(p.execute()) == 1000
assert sum(1 for _ in rd.hscan_iter('h')) == 1000
for i in range(500): rd.set('scan:%d' % i, i, ex=1000)
assert sum(1 for _ in rd.scan_iter('scan:*', count=50)) == 500
with rd.pipeline() as p:
    p.watch('w'); p.multi(); p.incr('w'); p.expire('w', 100)
    assert p.execute() == [1, True]
ps = rd.pubsub(); ps.subscribe('c'); ps.psubscribe('d*')
assert ps.get_message(timeout=5)['type'] == 'subscribe' and ps.get_message(timeout=5)['type'] == 'psubscribe'
rd.publish('c', 'x'); rd.publish('dd', 'y')
assert ps.get_message(timeout=5)['data'] == b'x' and ps.get_message(timeout=5)['data'] == b'y'
threading.Timer(0.2, lambda: redis.Redis(port=rd.connection_pool.connection_kwargs['port']).rpush('q', 'job')).start()
assert rd.blpop('q', timeout=10) == (b'q', b'job')
i = rd.xadd('s', {'a': 1}); rd.xgroup_create('s', 'g', id='0')
assert rd.xreadgroup('g', 'me', {'s': '>'})[0][1][0] == (i, {b'a': b'1'})
assert rd.xack('s', 'g', i) == 1
rd.zadd('z', {'a': 1, 'b': 2.5}); assert rd.zrange('z', 0, -1, withscores=True) == [(b'a', 1.0), (b'b', 2.5)]
rd.geoadd('geo', (13.361389, 38.115556, 'Palermo')); assert rd.geopos('geo', 'Palermo')[0] is not None
rd.setbit('bits', 7, 1); assert rd.bitcount('bits') == 1
rd.pfadd('hll', *range(1000)); assert 980 < rd.pfcount('hll') < 1020
assert rd.info()['redis_version'].startswith('7.0') and rd.config_get('save') == {'save': ''}
assert rd.type('h') == b'hash' and rd.ttl('w') > 90
print('fine')`)
		if out != "fine" {
			t.Error(out)
		}
	})
	t.Run("rueidis with its cache", func(t *testing.T) { cachedReads(t, port) })
	t.Run("redis-benchmark", func(t *testing.T) {
		out, err := exec.Command("redis-benchmark", "-p", at, "-n", "2000", "-q").CombinedOutput()
		if err != nil || strings.Contains(strings.ToLower(string(out)), "error") || strings.Count(string(out), "requests per second") < 15 {
			t.Errorf("%v: %s", err, out)
		}
	})
	r.stop(t)
}

// cachedReads writes to a key through one client and reads it through another that
// caches: what it reads never goes back, and comes to what was written last.
func cachedReads(t *testing.T, port int) {
	connect := func() rueidis.Client {
		c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{fmt.Sprint("127.0.0.1:", port)}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	writer, reader := connect(), connect()
	ctx := t.Context()
	const keys, last = 4, 3000
	var group sync.WaitGroup
	var mu sync.Mutex
	hits := 0
	for k := range keys {
		key := fmt.Sprint("cached", k)
		group.Go(func() {
			for n := 1; n <= last; n++ {
				if err := writer.Do(ctx, writer.B().Set().Key(key).Value(strconv.Itoa(n)).Build()).Error(); err != nil {
					t.Error(err)
					return
				}
			}
		})
		for range 2 {
			group.Go(func() {
				seen, end := int64(0), time.Now().Add(30*time.Second)
				for seen < last {
					reply := reader.DoCache(ctx, reader.B().Get().Key(key).Cache(), time.Minute)
					n, err := reply.AsInt64()
					switch {
					case errors.Is(err, rueidis.Nil):
					case err != nil:
						t.Error(err)
						return
					case n < seen:
						t.Errorf("%s was %d and is %d", key, seen, n)
						return
					case time.Now().After(end):
						t.Errorf("%s is still %d, %d was written", key, n, last)
						return
					default:
						seen = n
					}
					if reply.IsCacheHit() {
						mu.Lock()
						hits++
						mu.Unlock()
					}
				}
			})
		}
	}
	group.Wait()
	if hits == 0 {
		t.Error("nothing came from the cache")
	}
}
