package redisserver

import (
	"fmt"
	"strconv"
	"time"
)

// feedMonitors shows a command to the clients that sent MONITOR.
func (e *Engine) feedMonitors(c *client, args [][]byte) {
	var b []byte
	t := time.Now()
	b = fmt.Appendf(b, "%d.%06d [%d %s]", t.Unix(), t.Nanosecond()/1000, c.db.id, c.addr)
	for _, a := range args {
		b = append(b, ' ')
		b = appendQuoted(b, a)
	}
	for m := range e.monitors {
		m.line('+', string(b))
		m.pushed()
	}
}

// appendQuoted writes a string as redis-cli shows it, in double quotes.
func appendQuoted(b, s []byte) []byte {
	b = append(b, '"')
	for _, c := range s {
		switch c {
		case '\\', '"':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		case '\a':
			b = append(b, `\a`...)
		case '\b':
			b = append(b, `\b`...)
		default:
			if c >= ' ' && c <= '~' {
				b = append(b, c)
			} else {
				b = fmt.Appendf(b, `\x%02x`, c)
			}
		}
	}
	return append(b, '"')
}

// slowlog keeps the slowest commands' latest.
type slowlog struct {
	entries []slowEntry // newest first
	next    int64
}

type slowEntry struct {
	id, at, usec int64
	args         []string
	addr, name   string
}

// noteDuration counts a command's time and logs it if it was slow.
func (e *Engine) noteDuration(c *client, cmd *command, args [][]byte, d time.Duration) {
	cmd.stats.usec += d.Microseconds()
	if d.Microseconds() < e.cfg.slowlogSlower || e.cfg.slowlogMax == 0 || cmd.flag&flagSkipSlowlog != 0 || c.internal {
		return
	}
	s := slowEntry{id: e.slowlog.next, at: time.Now().Unix(), usec: d.Microseconds(), addr: c.addr, name: c.name}
	e.slowlog.next++
	for i, a := range args {
		if i == 31 && len(args) > 32 {
			s.args = append(s.args, "... ("+strconv.Itoa(len(args)-31)+" more arguments)")
			break
		}
		if len(a) > 128 {
			s.args = append(s.args, string(a[:128])+"... ("+strconv.Itoa(len(a)-128)+" more bytes)")
		} else {
			s.args = append(s.args, string(a))
		}
	}
	e.slowlog.entries = append([]slowEntry{s}, e.slowlog.entries...)
	e.trimSlowlog()
}

func (e *Engine) trimSlowlog() {
	if n := int(e.cfg.slowlogMax); len(e.slowlog.entries) > n {
		e.slowlog.entries = e.slowlog.entries[:n]
	}
}
