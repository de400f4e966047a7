package redisserver

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// multiplexing names the way of serving sockets in INFO.
const multiplexing = "epoll"

// loop serves every plain socket of an engine from one goroutine. A round reads
// what is ready, executes all of it under one lock, commits the append-only file
// once, and writes the replies. DESIGN.md has the measurements.
type loop struct {
	e        *Engine
	epoll    int
	wakeup   int         // an eventfd, for other goroutines that have something to send
	sleeping atomic.Bool // the loop waits or is about to
	ended    atomic.Bool // the engine is closing
	conns    []*loopConn // by descriptor; of the loop goroutine alone
	buffers  [][]byte    // for reading; of the loop goroutine alone
	ready    []*loopConn // read from in this round; of the loop goroutine alone
	writing  []*loopConn // taken from writers; of the loop goroutine alone

	mu      sync.Mutex // guards what follows and the out, end and queued of every loopConn
	writers []*loopConn
	fresh   []*loopConn
}

// loopConn is the front end of one socket.
type loopConn struct {
	l  *loop
	c  *client
	fd int

	// Of the loop goroutine alone.
	in      []byte // read, not yet given to the client
	large   bool   // the last read filled its buffer
	eof     bool
	wbuf    []byte // being written
	written int
	waiting bool // for the socket to take more
	gone    bool

	// Guarded by loop.mu.
	out    []byte
	queued bool
	end    bool // close once all is written
	dead   bool // close at once
	left   int  // bytes of wbuf not written, for unsent
}

const (
	readSmall = 16 << 10
	readLarge = 256 << 10
)

func newLoop(e *Engine) (*loop, error) {
	ep, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	const nonblock, cloexec = syscall.O_NONBLOCK, syscall.O_CLOEXEC
	efd, _, errno := syscall.Syscall(syscall.SYS_EVENTFD2, 0, nonblock|cloexec, 0)
	if errno != 0 {
		_ = syscall.Close(ep)
		return nil, errno
	}
	l := &loop{e: e, epoll: ep, wakeup: int(efd)}
	ev := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(l.wakeup)}
	if err := syscall.EpollCtl(ep, syscall.EPOLL_CTL_ADD, l.wakeup, &ev); err != nil {
		l.release()
		return nil, err
	}
	return l, nil
}

func (l *loop) release() {
	_ = syscall.Close(l.epoll)
	_ = syscall.Close(l.wakeup)
}

// adopt takes an accepted connection over, or says no: it has no plain socket.
func (e *Engine) adopt(conn net.Conn) bool {
	switch conn.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return false
	}
	l := e.loop()
	if l == nil {
		return false
	}
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return false
	}
	fd := -1
	if err := raw.Control(func(s uintptr) { fd, err = dupCloexec(int(s)) }); err != nil || fd < 0 {
		return false
	}
	lc := &loopConn{l: l, fd: fd}
	addr := conn.RemoteAddr().String()
	if addr == "" || addr == "@" {
		addr = conn.LocalAddr().String() + ":0"
	}
	c, refused := e.admit(lc, addr, conn.LocalAddr().String())
	if c == nil {
		_, _ = conn.Write([]byte(refused))
		_ = conn.Close()
		_ = syscall.Close(fd)
		return true
	}
	c.fd = fd
	lc.c = c
	_ = conn.Close() // the duplicate lives on
	l.mu.Lock()
	l.fresh = append(l.fresh, lc)
	l.mu.Unlock()
	l.wake()
	return true
}

func dupCloexec(fd int) (int, error) {
	n, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}

// loop starts the engine's loop, nil if the system refuses.
func (e *Engine) loop() *loop {
	e.outside.Lock()
	defer e.outside.Unlock()
	if e.closed {
		return nil
	}
	if e.sockets == nil {
		l, err := newLoop(e)
		if err != nil {
			e.log.Warn("no epoll: a goroutine serves each connection", "err", err)
			return nil
		}
		e.sockets = l
		e.work.Add(2)
		go func() {
			defer e.work.Done()
			l.run()
		}()
		go func() {
			defer e.work.Done()
			<-e.done
			l.ended.Store(true)
			l.wake()
		}()
	}
	return e.sockets.(*loop)
}

// wake ends the loop's wait.
func (l *loop) wake() {
	one := [8]byte{1}
	_, _, _ = syscall.RawSyscall(syscall.SYS_WRITE, uintptr(l.wakeup), uintptr(unsafe.Pointer(&one[0])), 8)
}

// Reads and writes of sockets that do not block take a microsecond: they need not
// tell the scheduler.
func readSocket(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(n), errno
}

func writeSocket(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), syscall.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}

func (l *loop) run() {
	defer l.release()
	events := make([]syscall.EpollEvent, 512)
	for {
		n := l.wait(events)
		if l.ended.Load() {
			// The engine closes what is left: see Engine.close.
			l.finish()
			return
		}
		for _, ev := range events[:n] {
			fd := int(ev.Fd)
			if fd == l.wakeup {
				var b [8]byte
				_, _ = readSocket(fd, b[:])
				continue
			}
			lc := l.conns[fd]
			if lc == nil {
				continue
			}
			if ev.Events&(syscall.EPOLLIN|syscall.EPOLLHUP|syscall.EPOLLERR|syscall.EPOLLRDHUP) != 0 {
				l.read(lc)
			}
			if ev.Events&syscall.EPOLLOUT != 0 && !lc.gone {
				l.write(lc)
			}
		}
		l.register()
		if len(l.ready) > 0 {
			l.execute()
		}
		l.flush()
	}
}

// wait blocks until something is ready. Looking once without waiting is cheaper
// than telling the scheduler, and finds something under load.
func (l *loop) wait(events []syscall.EpollEvent) int {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno == 0 && n > 0 {
		return int(n)
	}
	l.sleeping.Store(true)
	defer l.sleeping.Store(false)
	l.mu.Lock()
	busy := len(l.writers) > 0 || len(l.fresh) > 0
	l.mu.Unlock()
	// The wake-up that came with the end may have been read together with an earlier one.
	if busy || l.ended.Load() {
		return 0
	}
	k, err := syscall.EpollWait(l.epoll, events, -1)
	if err != nil {
		return 0
	}
	return k
}

// register begins to listen to new connections.
func (l *loop) register() {
	l.mu.Lock()
	fresh := l.fresh
	l.fresh = nil
	l.mu.Unlock()
	for _, lc := range fresh {
		for lc.fd >= len(l.conns) {
			l.conns = append(l.conns, make([]*loopConn, len(l.conns)+64)...)
		}
		l.conns[lc.fd] = lc
		ev := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP, Fd: int32(lc.fd)}
		err := syscall.SetNonblock(lc.fd, true)
		if err == nil {
			err = syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, lc.fd, &ev)
		}
		if err != nil {
			l.close(lc)
		}
	}
}

// read takes what a socket has.
func (l *loop) read(lc *loopConn) {
	if lc.gone || lc.eof || lc.in != nil {
		return
	}
	var buf []byte
	if lc.large {
		buf = make([]byte, readLarge)
	} else if k := len(l.buffers); k > 0 {
		buf, l.buffers = l.buffers[k-1], l.buffers[:k-1]
	} else {
		buf = make([]byte, readSmall)
	}
	n, errno := readSocket(lc.fd, buf)
	switch {
	case errno == syscall.EAGAIN || errno == syscall.EINTR:
		l.reuse(buf)
	case errno != 0 || n == 0:
		l.reuse(buf)
		lc.eof = true
		l.ready = append(l.ready, lc)
	default:
		lc.large = n == len(buf)
		lc.in = buf[:n]
		l.ready = append(l.ready, lc)
	}
}

func (l *loop) reuse(buf []byte) {
	if cap(buf) == readSmall && len(l.buffers) < 1024 {
		l.buffers = append(l.buffers, buf[:readSmall])
	}
}

// execute runs the commands that this round has read.
func (l *loop) execute() {
	e := l.e
	e.mu.Lock()
	e.tick()
	for _, lc := range l.ready {
		c := lc.c
		if lc.eof {
			continue
		}
		e.stats.netIn += int64(len(lc.in))
		if c.closing {
			l.reuse(lc.in)
		} else if len(c.req.in) == 0 {
			old := c.req.in
			c.req.in, c.req.start, c.req.pos = lc.in, 0, 0
			l.reuse(old)
			e.process(c)
		} else {
			c.req.in = append(c.req.in, lc.in...)
			l.reuse(lc.in)
			e.process(c)
		}
		lc.in = nil
		if len(c.req.in) == 0 && c.req.in != nil {
			l.reuse(c.req.in)
			c.req.in = nil
		}
		e.runResumed()
	}
	e.unlockAndFlush()
	for _, lc := range l.ready {
		if lc.eof {
			l.close(lc)
		}
	}
	clear(l.ready)
	l.ready = l.ready[:0]
}

// flush writes to every socket that something was sent to.
func (l *loop) flush() {
	l.mu.Lock()
	if len(l.writers) == 0 {
		l.mu.Unlock()
		return
	}
	l.writing, l.writers = l.writers, l.writing[:0]
	for _, lc := range l.writing {
		lc.queued = false
		if len(lc.wbuf) == lc.written {
			lc.wbuf, lc.out = lc.out, lc.wbuf[:0]
			lc.written = 0
			if cap(lc.out) > 64<<10 {
				lc.out = nil
			}
		}
		lc.left = len(lc.wbuf) - lc.written
	}
	l.mu.Unlock()
	for i, lc := range l.writing {
		if !lc.gone {
			l.write(lc)
		}
		l.writing[i] = nil
	}
}

// write sends what it can of what is being written, and closes what is to end.
func (l *loop) write(lc *loopConn) {
	for {
		for lc.written < len(lc.wbuf) {
			n, errno := writeSocket(lc.fd, lc.wbuf[lc.written:])
			if errno == syscall.EINTR {
				continue
			}
			if errno == syscall.EAGAIN {
				l.mu.Lock()
				lc.left = len(lc.wbuf) - lc.written
				dead := lc.dead
				l.mu.Unlock()
				if dead {
					l.close(lc)
					return
				}
				l.await(lc, true)
				return
			}
			if errno != 0 {
				l.close(lc)
				return
			}
			lc.written += n
		}
		l.mu.Lock()
		lc.left = 0
		more, end := len(lc.out) > 0, lc.end || lc.dead
		if more {
			lc.wbuf, lc.out = lc.out, lc.wbuf[:0]
			lc.written = 0
			lc.left = len(lc.wbuf)
		}
		l.mu.Unlock()
		if !more {
			if end {
				l.close(lc)
			} else {
				l.await(lc, false)
			}
			return
		}
	}
}

// await listens for room in a socket, or stops to.
func (l *loop) await(lc *loopConn, on bool) {
	if lc.waiting == on {
		return
	}
	lc.waiting = on
	ev := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP, Fd: int32(lc.fd)}
	if on {
		ev.Events |= syscall.EPOLLOUT
	}
	if err := syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_MOD, lc.fd, &ev); err != nil {
		l.close(lc)
	}
}

// close ends a connection.
func (l *loop) close(lc *loopConn) {
	if lc.gone {
		return
	}
	lc.gone = true
	l.conns[lc.fd] = nil
	_ = syscall.Close(lc.fd) // leaves the epoll set with it
	l.e.gone(lc.c)
}

// finish gives clients of a closing engine a moment to read what was sent.
func (l *loop) finish() {
	l.register()
	l.flush()
	deadline := time.Now().Add(100 * time.Millisecond)
	for _, lc := range l.conns {
		for lc != nil && !lc.gone && lc.written < len(lc.wbuf) && time.Now().Before(deadline) {
			l.write(lc)
		}
	}
	for _, lc := range l.conns {
		if lc != nil {
			l.close(lc)
		}
	}
}

func (lc *loopConn) enqueue() {
	if !lc.queued {
		lc.queued = true
		lc.l.writers = append(lc.l.writers, lc)
	}
}

func (lc *loopConn) send(b []byte) {
	l := lc.l
	l.mu.Lock()
	if !lc.dead {
		lc.out = append(lc.out, b...)
		lc.enqueue()
	}
	l.mu.Unlock()
	if l.sleeping.Load() {
		l.wake()
	}
}

func (lc *loopConn) unsent() int {
	lc.l.mu.Lock()
	defer lc.l.mu.Unlock()
	return len(lc.out) + lc.left
}

func (lc *loopConn) shut() {
	l := lc.l
	l.mu.Lock()
	lc.end = true
	lc.enqueue()
	l.mu.Unlock()
	if l.sleeping.Load() {
		l.wake()
	}
}

func (lc *loopConn) abort() {
	l := lc.l
	l.mu.Lock()
	lc.dead, lc.out = true, nil
	lc.enqueue()
	l.mu.Unlock()
	if l.sleeping.Load() {
		l.wake()
	}
}
