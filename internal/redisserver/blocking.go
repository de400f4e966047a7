package redisserver

import (
	"math"
	"math/big"
	"strings"
	"time"
)

// blockState is what a blocked client waits for. While it is blocked, nothing
// more of its input is executed.
type blockState struct {
	db   *database
	keys []string
	kind kind // a key of another type does not wake it; kindNone: any
	// serve tries to answer from key, which was written to: it writes the reply,
	// changes the data and propagates, or returns false and the client stays.
	serve func(key []byte) bool
	// expired writes the reply for a timeout that passed.
	expired func()
	timer   *time.Timer
	cmd     *command // and args, for the slow log
	args    [][]byte
}

// blockQueue is the clients that wait for one key, first come first served.
type blockQueue struct{ clientList }

type readyKey struct {
	db  *database
	key string
}

// blockOn makes c wait for one of keys, at most timeout (0: for ever). The handler
// that calls it writes no reply. serve and expired are as in blockState; they run
// under the engine's lock, outside the handler, and must keep no argument of it.
// Inside a transaction nobody waits: the caller answers at once instead.
func (e *Engine) blockOn(c *client, k kind, keys [][]byte, timeout time.Duration, serve func(key []byte) bool, expired func()) {
	b := &blockState{db: c.db, kind: k, serve: serve, expired: expired}
	for _, key := range keys {
		s := string(key)
		b.keys = append(b.keys, s)
		q := c.db.blocked[s]
		if q == nil {
			q = &blockQueue{*newClientList()}
			c.db.blocked[s] = q
		}
		q.push(c)
	}
	c.block = b
	e.stats.blocked++
	e.waiting[k]++
	if timeout > 0 {
		b.timer = time.AfterFunc(timeout, func() {
			e.mu.Lock()
			defer e.unlockAndFlush()
			if c.block == b {
				e.tick()
				e.unblock(c)
				b.expired()
				e.resume(c)
				e.runResumed()
			}
		})
	}
}

// unblock ends the waiting without a reply.
func (e *Engine) unblock(c *client) {
	b := c.block
	if b == nil {
		return
	}
	c.block = nil
	e.stats.blocked--
	e.waiting[b.kind]--
	if b.timer != nil {
		b.timer.Stop()
	}
	for _, k := range b.keys {
		if q := b.db.blocked[k]; q != nil {
			q.remove(c)
			if q.len() == 0 {
				delete(b.db.blocked, k)
			}
		}
	}
}

// resume goes on with the input of a client that was blocked.
func (e *Engine) resume(c *client) {
	c.touched()
	e.resumed = append(e.resumed, c)
}

// signalReady notes that clients that wait for a value of kind k at key may be served,
// once the present command or transaction has ended. Nothing is noted while nobody
// waits for that kind: which of several keys is served first depends on it.
func (db *database) signalReady(key []byte, k kind) {
	if len(db.blocked) == 0 || db.e.waiting[k] == 0 {
		return
	}
	if q := db.blocked[string(key)]; q != nil {
		for _, r := range db.e.ready {
			if r.db == db && r.key == string(key) {
				return
			}
		}
		db.e.ready = append(db.e.ready, readyKey{db, string(key)})
	}
}

// signalBlocked notes every key that somebody waits for and that is there, after
// the database's whole content was exchanged.
func (db *database) signalBlocked() {
	for k := range db.blocked {
		if en := db.peek([]byte(k)); en.exists() {
			db.signalReady([]byte(k), en.kind())
		}
	}
}

// signalGone tells the clients that wait for streams of a database that is about to
// be emptied, or to get the content of another one (by, else nil): readers of a
// stream's group must hear that it is gone.
func (db *database) signalGone(by *database) {
	if db.e.waiting[kindStream] == 0 {
		return
	}
	for k := range db.blocked {
		if en := db.peek([]byte(k)); !en.exists() || en.kind() != kindStream {
			continue
		}
		if by != nil {
			if en := by.peek([]byte(k)); en.exists() && en.kind() == kindStream {
				continue
			}
		}
		db.signalReady([]byte(k), kindStream)
	}
}

// serveBlocked serves the clients that wait for keys written to, key by key in
// the order of writing, client by client in the order of arrival; serving one may
// make further keys ready.
func (e *Engine) serveBlocked() {
	if e.serving {
		return
	}
	e.serving = true
	for len(e.ready) > 0 {
		batch := e.ready
		e.ready = nil
		for _, r := range batch {
			q := r.db.blocked[r.key]
			if q == nil {
				continue
			}
			q.each(func(c *client) {
				b := c.block
				if b == nil || b.db != r.db {
					return
				}
				en := r.db.find([]byte(r.key))
				if b.kind != kindStream && (!en.exists() || b.kind != kindNone && en.kind() != b.kind) {
					return
				}
				e.depth++
				c.failed = false
				began := time.Now()
				done := b.serve([]byte(r.key))
				e.depth--
				e.flushInvalidations()
				e.flushPropagation()
				if done {
					e.unblock(c)
					if b.cmd != nil {
						if c.failed {
							b.cmd.stats.failed++
						}
						e.noteDuration(c, b.cmd, b.args, time.Since(began))
					}
					e.resume(c)
				}
			})
		}
	}
	e.serving = false
}

// blockTimeout reads the timeout of a blocking command: seconds with a fraction,
// or milliseconds where the command says so. It writes the error itself.
func blockTimeout(c *client, arg []byte, unit time.Duration) (time.Duration, bool) {
	if unit == time.Millisecond {
		ms, ok := parseInt(arg)
		switch {
		case !ok:
			c.err("ERR timeout is not an integer or out of range")
		case ms < 0:
			c.err("ERR timeout is negative")
		case ms > math.MaxInt64-c.e.now:
			c.err("ERR timeout is out of range")
		default:
			return time.Duration(min(ms, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond, true
		}
		return 0, false
	}
	f, ok := parseLongDouble(arg)
	if !ok {
		c.err("ERR timeout is not a float or out of range")
		return 0, false
	}
	ms := new(big.Float).Mul(f, big.NewFloat(1000))
	v, _ := ms.Float64()
	switch {
	case v < 0 || v >= 1<<63: // 7.0 converts the latter to a negative number
		c.err("ERR timeout is negative")
		return 0, false
	case math.Ceil(v) > float64(math.MaxInt64-c.e.now):
		c.err("ERR timeout is out of range")
		return 0, false
	}
	return time.Duration(min(math.Ceil(v), math.MaxInt64/1e6)) * time.Millisecond, true
}

// parseLongDouble reads a number as C's strtold does, with the 64 bits of mantissa
// that an x86 long double has. Infinities are refused by the caller through IsInf.
func parseLongDouble(b []byte) (*big.Float, bool) {
	if len(b) == 0 || len(b) >= 5*1024 || b[0] == ' ' || b[0] >= '\t' && b[0] <= '\r' {
		return nil, false
	}
	s := strings.ToLower(string(b))
	switch strings.TrimLeft(s, "+-") {
	case "inf", "infinity":
		if len(s)-len(strings.TrimLeft(s, "+-")) <= 1 {
			return new(big.Float).SetInf(s[0] == '-'), true
		}
		return nil, false
	}
	if strings.ContainsAny(s, "_oi") || strings.HasPrefix(strings.TrimLeft(s, "+-"), "0b") {
		return nil, false
	}
	f, _, err := big.ParseFloat(s, floatBase(s), 64, big.ToNearestEven)
	if err != nil || f.IsInf() || f.Sign() != 0 && (f.MantExp(nil) > 16384 || f.MantExp(nil) < -16444) {
		return nil, false // beyond what a long double holds
	}
	if mantissa, _, scaled := strings.Cut(s, "e"); f.Sign() == 0 && scaled && floatBase(s) == 10 && strings.ContainsAny(mantissa, "123456789") {
		return nil, false // an exponent so small that not even f holds it
	}
	return f, true
}

// floatBase is 0, to read a hexadecimal prefix, or 10.
func floatBase(s string) int {
	if strings.HasPrefix(strings.TrimLeft(s, "+-"), "0x") {
		return 0
	}
	return 10
}
