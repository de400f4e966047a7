package redisserver

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"time"
)

// This file holds the front ends that work everywhere: a goroutine that reads and
// one that writes for each connection of a listener, and the in-process pipe.
// loop_linux.go has the one for Linux sockets.

// Serve accepts connections until the listener or the engine is closed.
func (e *Engine) Serve(l net.Listener) error {
	e.outside.Lock()
	if e.closed {
		e.outside.Unlock()
		return ErrClosed
	}
	e.listeners[l] = true
	e.outside.Unlock()
	defer func() {
		e.outside.Lock()
		delete(e.listeners, l)
		e.outside.Unlock()
	}()
	for {
		conn, err := l.Accept()
		if err != nil {
			e.outside.Lock()
			closed := e.closed
			e.outside.Unlock()
			if closed {
				return ErrClosed
			}
			if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
				continue
			}
			return err
		}
		if t, ok := conn.(*net.TCPConn); ok {
			_ = t.SetKeepAlivePeriod(time.Duration(max(e.cfg.keepAlive, 1)) * time.Second)
		}
		if !e.adopt(conn) {
			e.accept(conn)
		}
	}
}

// admit makes a client for a new connection, or says why not.
func (e *Engine) admit(f front, addr, laddr string) (*client, string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stats.connections++
	if len(e.clients) >= e.cfg.maxClients {
		e.stats.rejectedConnections++
		return nil, "-ERR max number of clients reached\r\n"
	}
	if e.cfg.protected && e.cfg.requirePass == "" && !sameHost(addr) {
		e.stats.rejectedConnections++
		return nil, deniedRemote
	}
	e.tick()
	return e.newClient(f, addr, laddr), ""
}

// deniedRemote is what another host is told in protected mode.
const deniedRemote = "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. " +
	"Clients on this machine may connect. For others, set a password with requirepass, or, where nobody but them can reach the port, say --protected-mode no.\r\n"

// sameHost says whether an address is of this machine: a loopback one, a Unix socket
// or the pipe.
func sameHost(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return true // no address of a network
	}
	ip := net.ParseIP(host)
	return ip == nil || ip.IsLoopback()
}

// netConn is a connection with a goroutine that reads and executes and one that
// writes.
type netConn struct {
	conn net.Conn

	mu      sync.Mutex // guards what follows
	wake    *sync.Cond
	pending []byte
	writing int
	end     bool
}

func (e *Engine) accept(conn net.Conn) {
	f := &netConn{conn: conn}
	f.wake = sync.NewCond(&f.mu)
	c, refused := e.admit(f, conn.RemoteAddr().String(), conn.LocalAddr().String())
	if c == nil {
		_, _ = conn.Write([]byte(refused))
		_ = conn.Close()
		return
	}
	e.work.Add(2)
	go func() {
		defer e.work.Done()
		f.write()
	}()
	go func() {
		defer e.work.Done()
		buf := make([]byte, 16<<10)
		for {
			n, err := conn.Read(buf)
			if n > 0 {
				e.lockedReceive(c, buf[:n])
			}
			if err != nil {
				break
			}
		}
		e.gone(c)
		f.abort()
	}()
}

func (f *netConn) write() {
	var buf []byte
	for {
		f.mu.Lock()
		f.writing = 0
		for len(f.pending) == 0 && !f.end {
			f.wake.Wait()
		}
		if len(f.pending) == 0 {
			f.mu.Unlock()
			_ = f.conn.Close()
			return
		}
		buf, f.pending = f.pending, buf[:0]
		f.writing = len(buf)
		f.mu.Unlock()
		if _, err := f.conn.Write(buf); err != nil {
			_ = f.conn.Close()
			f.shut()
		}
		if cap(buf) > 1<<20 {
			buf = nil
		}
	}
}

func (f *netConn) send(b []byte) {
	f.mu.Lock()
	f.pending = append(f.pending, b...)
	f.mu.Unlock()
	f.wake.Signal()
}

func (f *netConn) unsent() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.pending) + f.writing
}

func (f *netConn) shut() {
	f.mu.Lock()
	f.end = true
	f.mu.Unlock()
	f.wake.Signal()
}

func (f *netConn) abort() {
	f.mu.Lock()
	f.end, f.pending = true, nil
	f.mu.Unlock()
	f.wake.Signal()
	_ = f.conn.Close()
}

// Conn opens a connection within the process: what is written to it executes
// before Write returns, and Read gives the replies.
func (e *Engine) Conn() (net.Conn, error) {
	e.outside.Lock()
	closed := e.closed
	e.outside.Unlock()
	if closed {
		return nil, ErrClosed
	}
	p := &pipe{e: e, flush: make(chan struct{}, 1), stop: make(chan struct{})}
	p.wake = sync.NewCond(&p.mu)
	c, refused := e.admit(p, "pipe:0", "pipe:0")
	if c == nil {
		p.out.WriteString(refused)
		p.end = true
		return p, nil
	}
	p.c = c
	e.work.Add(1)
	go func() {
		defer e.work.Done()
		for {
			select {
			case <-p.flush:
				runtime.Gosched() // who is about to write comes first, and shares the sync
				e.mu.Lock()
				e.unlockAndFlush()
			case <-p.stop:
				e.gone(c) // whoever ended it
				return
			}
		}
	}()
	return p, nil
}

// pipe is both the front end of a client and the net.Conn of whoever opened it.
//
// Where every write is synced, that is not done within Write but by a goroutine of
// the pipe's own, so that more commands come in meanwhile and share the next sync.
type pipe struct {
	e     *Engine
	c     *client
	flush chan struct{} // something waits for a sync
	stop  chan struct{} // closed when no reply comes any more

	mu       sync.Mutex // guards what follows
	wake     *sync.Cond
	out      bytes.Buffer // replies not read yet
	end      bool         // no reply comes any more
	deadline time.Time    // of Read
	timer    *time.Timer
}

func (p *pipe) send(b []byte) {
	p.mu.Lock()
	p.out.Write(b)
	p.mu.Unlock()
	p.wake.Signal()
}

func (p *pipe) unsent() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Len()
}

func (p *pipe) shut() {
	p.mu.Lock()
	if !p.end {
		p.end = true
		close(p.stop)
	}
	p.mu.Unlock()
	p.wake.Broadcast()
}

func (p *pipe) abort() { p.shut() }

func (p *pipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.out.Len() == 0 {
		if p.end {
			return 0, io.EOF
		}
		if !p.deadline.IsZero() && !time.Now().Before(p.deadline) {
			return 0, os.ErrDeadlineExceeded
		}
		if len(b) == 0 {
			return 0, nil
		}
		p.wake.Wait()
	}
	n, _ := p.out.Read(b)
	if p.out.Len() == 0 && p.out.Cap() > 1<<20 {
		p.out = bytes.Buffer{}
	}
	return n, nil
}

func (p *pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	end := p.end
	p.mu.Unlock()
	if end {
		return 0, io.ErrClosedPipe
	}
	p.e.mu.Lock()
	p.e.take(p.c, b)
	if a := p.e.aof; a == nil || a.committed() || p.e.cfg.appendSync != syncAlways {
		p.e.unlockAndFlush()
		return len(b), nil
	}
	p.e.mu.Unlock()
	select {
	case p.flush <- struct{}{}:
	default: // it is about to be looked at anyway
	}
	return len(b), nil
}

func (p *pipe) Close() error {
	p.shut()
	if p.c != nil {
		p.e.gone(p.c)
	}
	return nil
}

// Addr of a pipe.
type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

func (p *pipe) LocalAddr() net.Addr  { return pipeAddr{} }
func (p *pipe) RemoteAddr() net.Addr { return pipeAddr{} }

func (p *pipe) SetDeadline(t time.Time) error { return p.SetReadDeadline(t) }

func (p *pipe) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	p.deadline = t
	if !t.IsZero() {
		p.timer = time.AfterFunc(time.Until(t), p.wake.Broadcast)
	}
	p.wake.Broadcast()
	return nil
}

// SetWriteDeadline has nothing to do: Write waits for the engine alone.
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }
