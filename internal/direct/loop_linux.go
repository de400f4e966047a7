package direct

import (
	"bytes"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// loop serves many connections from one goroutine, with epoll of its own. A round
// reads what is ready, answers it, and sends the answers.
//
// A goroutine for each connection costs more than the reads and small writes that are
// answered here: it is woken for each request, asks the socket once more than there is
// something, and sleeps again; and a commit that answers 64 writers wakes 64 of them.
// What could hold the others up goes back to a goroutine and stays there: whatever is
// not quick, comes in pieces or in bulk, or is not read by its client as it is sent.
type loop struct {
	front  *Front
	epoll  int
	wakeup int // an eventfd

	// Of the loop's goroutine alone.
	conns map[int32]*looped // by descriptor
	in    []byte            // what was read last
	out   []byte            // answers of the connection that is being served
	now   time.Time         // of this round
	swept time.Time         // when connections that were idle for too long were last looked for
	clock clock
	spins time.Duration // how long it looks again before it sleeps, see spin
	waits int           // that were not spun

	called   atomic.Bool // there is something to do that no descriptor tells
	sleeping atomic.Bool // the loop waits, or is about to, and nobody has woken it yet

	mu       sync.Mutex
	fresh    []*looped  // guarded by mu
	finished []finished // guarded by mu: writes whose outcome is known
	cutting  bool       // guarded by mu: every connection is to be closed
	ended    bool       // guarded by mu: the descriptors are closed
}

// briefly is how long a loop may take for one answer while others wait: about what
// reading and writing a few dozen sockets takes.
const briefly = 250 * time.Microsecond

// looped is a connection while a loop serves it. Its fields, and those of conn, are of
// the loop's goroutine alone.
type looped struct {
	*conn
	handover *handover
	fd       int
	last     time.Time             // when it was last read from
	done     func(func(*Response)) // takes the outcome of a write
	waiting  bool                  // for that, or for the answer to a question
	more     bool                  // there was something to read meanwhile
	rest     []byte                // requests that came behind the write
	gone     bool
}

type finished struct {
	conn   *looped
	finish func(*Response)
	leaves []byte // in place of finish: the request, which is not for a loop
}

// newLoop starts a loop. It ends when the front is closing and no connection is left.
func newLoop(f *Front) (*loop, error) {
	l := &loop{front: f, conns: map[int32]*looped{}, in: make([]byte, headerBytes)}
	var err error
	if l.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	fd, _, errno := syscall.Syscall(syscall.SYS_EVENTFD2, 0, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if errno != 0 {
		_ = syscall.Close(l.epoll)
		return nil, errno
	}
	l.wakeup = int(fd)
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(l.wakeup)}
	if err := syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, l.wakeup, &event); err != nil {
		_ = syscall.Close(l.epoll)
		_ = syscall.Close(l.wakeup)
		return nil, err
	}
	go l.run()
	return l, nil
}

// take begins to serve a connection; false: it cannot. Front.mu is held.
func (l *loop) take(c *conn, h *handover) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	raw, err := c.tcp.SyscallConn()
	if err != nil {
		return false
	}
	// A descriptor of its own: with the other one Go's poller would be woken for
	// whatever comes, too.
	fd, errno := uintptr(0), syscall.EBADF
	if err := raw.Control(func(of uintptr) {
		fd, _, errno = syscall.Syscall(syscall.SYS_FCNTL, of, syscall.F_DUPFD_CLOEXEC, 0)
	}); err != nil || errno != 0 {
		return false
	}
	_ = c.tcp.Close()
	c.tcp, c.in, c.out = nil, nil, nil
	k := &looped{conn: c, handover: h, fd: int(fd)}
	k.done = func(finish func(*Response)) { l.settle(finished{conn: k, finish: finish}) }
	l.fresh = append(l.fresh, k)
	l.call()
	return true
}

// settle takes what a connection waits for.
func (l *loop) settle(f finished) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.finished = append(l.finished, f)
		l.call()
	}
}

// call ends the loop's wait, with mu held.
func (l *loop) call() {
	l.called.Store(true)
	if l.sleeping.CompareAndSwap(true, false) {
		one := [8]byte{1}
		_, _, _ = syscall.RawSyscall(syscall.SYS_WRITE, uintptr(l.wakeup), uintptr(unsafe.Pointer(&one[0])), 8)
	}
}

// wake makes the loop look whether the front is closing.
func (l *loop) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.call()
	}
}

// cut makes the loop close every connection.
func (l *loop) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.cutting = true
		l.call()
	}
}

func (l *loop) run() {
	events := make([]syscall.EpollEvent, 256)
	for {
		n := l.wait(events)
		l.now = time.Now()
		for _, e := range events[:n] {
			if e.Fd == int32(l.wakeup) {
				var count [8]byte
				_, _ = readSocket(l.wakeup, count[:])
				continue
			}
			if k := l.conns[e.Fd]; k != nil {
				if k.waiting {
					k.more = true
				} else {
					l.read(k, e.Events&^syscall.EPOLLIN != 0)
				}
			}
		}
		l.mu.Lock()
		fresh, done, cutting := l.fresh, l.finished, l.cutting
		l.fresh, l.finished = nil, nil
		l.called.Store(false)
		l.mu.Unlock()
		for _, k := range fresh {
			l.add(k)
		}
		for _, f := range done {
			l.finish(f)
		}
		if l.front.closing.Load() && l.close(cutting) {
			return
		}
		l.sweep()
	}
}

// wait waits until there is something to do. Under load something is found by looking,
// which costs less than telling the scheduler that the goroutine waits.
func (l *loop) wait(events []syscall.EpollEvent) int {
	if n := l.poll(events); n > 0 {
		return n
	}
	// Whoever was given something to do by the last round does it here and now. Twice, for
	// once in 61 times the scheduler gives the processor back at once; and who is left
	// waiting for this one, while the loop sleeps on it, may wait for 10 ms and more.
	runtime.Gosched()
	runtime.Gosched()
	if n := l.spin(events); n > 0 || l.called.Load() {
		return n
	}
	l.sleeping.Store(true)
	defer l.sleeping.Store(false)
	patience := -1
	switch {
	case l.called.Load():
		patience = 0
	case len(l.conns) > 0:
		patience = max(1, int((l.front.config.IdleTime / 8).Milliseconds()))
	}
	if l.front.closing.Load() && patience != 0 {
		patience = 0
		if len(l.conns) > 0 {
			patience = 10 // for the outcomes of writes
		}
	}
	k, err := syscall.EpollWait(l.epoll, events, patience)
	if err != nil {
		return 0
	}
	return k
}

// poll gives what is ready, without waiting, but lets those go first who wait for this
// very processor: they may be the ones who have something for the loop.
func (l *loop) poll(events []syscall.EpollEvent) int {
	_, _, _ = syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0)
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// mostSpin is the longest that a loop keeps its processor while it waits: about what it
// costs to fall asleep and be woken, so that waiting in vain at most doubles that.
const mostSpin = 15 * time.Microsecond

// spin looks again and again for a moment, as long as that has been of use: clients that
// ask one thing after the other are back sooner than it takes to fall asleep and be woken.
// Where they are not, or where somebody else needs the processor that they would come
// back on, it stops, and tries again once in a while.
func (l *loop) spin(events []syscall.EpollEvent) int {
	if l.spins == 0 {
		if l.waits++; l.waits%64 != 0 {
			return 0
		}
		l.spins = mostSpin / 2
	}
	for begun := time.Now(); time.Since(begun) < l.spins; {
		if n := l.poll(events); n > 0 || l.called.Load() {
			l.spins = min(2*l.spins, mostSpin)
			return n
		}
	}
	if l.spins /= 2; l.spins < mostSpin/8 {
		l.spins = 0
	}
	return 0
}

// add begins to listen to a connection.
func (l *loop) add(k *looped) {
	k.last = l.now
	l.conns[int32(k.fd)] = k
	// Edges, for nobody asks again about a connection that waits for a write. One is
	// seen at once where there is something already.
	const edge = 1 << 31 // syscall.EPOLLET, which is negative
	event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | edge, Fd: int32(k.fd)}
	if err := syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, k.fd, &event); err != nil {
		l.end(k)
	}
}

// read reads from a connection and serves what it has read; until there is nothing
// left where it is drained.
func (l *loop) read(k *looped, drain bool) {
	for {
		n, errno := readSocket(k.fd, l.in)
		switch {
		case errno == syscall.EINTR:
			continue
		case errno == syscall.EAGAIN:
			return
		case errno != 0 || n <= 0:
			l.end(k)
			return
		}
		k.last = l.now
		l.out = l.out[:0]
		if !l.serve(k, l.in[:n]) {
			return
		}
		switch {
		case k.waiting:
			k.more = k.more || drain || n == len(l.in)
			return
		case n == len(l.in):
			l.leave(k, nil) // it sends in bulk
			return
		case !drain:
			return // the socket had less than there was room for: it is empty
		}
	}
}

// serve answers requests and sends the answers; what is in l.out goes before them. It
// says whether the connection is still the loop's.
func (l *loop) serve(k *looped, in []byte) bool {
	c, config := k.conn, &l.front.config
	for len(in) > 0 && !k.waiting {
		n := c.request.parse(in)
		quick := n > 0 && config.Quick(&c.request)
		if !quick && (n == 0 || !c.request.HasQuery) {
			l.leave(k, in)
			return false
		}
		if c.request.Put {
			if !config.Begin(&c.request, k.done) {
				l.leave(k, in)
				return false
			}
			k.waiting = true
			k.rest = bytes.Clone(in[n:])
			break
		}
		c.response.reset(l.out, c.request.Head, l.clock.date(l.now))
		c.request.Begun = l.now
		c.request.Until = time.Time{}
		if !quick {
			c.request.Begun = time.Now()
			c.request.Until = c.request.Begun.Add(briefly)
		}
		if !config.Answer(&c.request, &c.response) || c.response.body != nil {
			c.response.body = nil // nothing was done
			if quick {
				l.leave(k, in)
				return false
			}
			k.waiting = true
			k.rest = bytes.Clone(in[n:])
			go l.ponder(k, bytes.Clone(in[:n]), c.request.Begun)
			break
		}
		l.out = c.response.out
		in = in[n:]
		if len(l.out) >= flushBytes && !l.send(k, in) {
			return false
		}
	}
	return l.send(k, in)
}

// ponder answers a question that takes longer, while the loop goes on.
func (l *loop) ponder(k *looped, in []byte, begun time.Time) {
	var r Request
	var w Response
	r.From, r.To, r.Begun = k.request.From, k.request.To, begun
	r.parse(in)
	w.reset(nil, r.Head, new(clock).date(time.Now()))
	if !l.front.config.Answer(&r, &w) || w.body != nil {
		l.settle(finished{conn: k, leaves: in})
		return
	}
	l.settle(finished{conn: k, finish: func(to *Response) { to.out = append(to.out, w.out...) }})
}

// send sends what is in l.out. It says whether the connection is still the loop's.
func (l *loop) send(k *looped, rest []byte) bool {
	out := l.out
	for len(out) > 0 {
		n, errno := writeSocket(k.fd, out)
		switch {
		case errno == syscall.EINTR:
		case errno == syscall.EAGAIN && k.waiting:
			k.out = bytes.Clone(out) // with the outcome of the write
			return true
		case errno == syscall.EAGAIN:
			l.out = bytes.Clone(out)
			l.leave(k, rest)
			return false
		case errno != 0:
			l.end(k)
			return false
		default:
			out = out[n:]
		}
	}
	if l.out = l.out[:0]; cap(l.out) > 2*flushBytes {
		l.out = nil
	}
	return true
}

// finish answers a write.
func (l *loop) finish(f finished) {
	k := f.conn
	if k.gone {
		return
	}
	k.waiting = false
	if f.leaves != nil {
		l.out = append(l.out[:0], k.out...)
		l.leave(k, append(f.leaves, k.rest...))
		return
	}
	k.response.reset(append(l.out[:0], k.out...), false, l.clock.date(l.now))
	k.out = nil
	f.finish(&k.response)
	l.out = k.response.out
	rest := k.rest
	k.rest = nil
	if l.serve(k, rest) && k.more && !k.waiting {
		k.more = false
		l.read(k, true)
	}
}

// leave gives a connection back to a goroutine of its own, which first sends l.out and
// then answers rest.
func (l *loop) leave(k *looped, rest []byte) {
	event := syscall.EpollEvent{}
	_ = syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_DEL, k.fd, &event)
	file := os.NewFile(uintptr(k.fd), "")
	plain, err := net.FileConn(file)
	tcp, ok := plain.(*net.TCPConn)
	if err != nil || !ok {
		_ = file.Close()
		l.forget(k)
		return
	}
	_ = file.Close() // the connection has a descriptor of its own
	k.gone = true
	delete(l.conns, int32(k.fd))
	c := k.conn
	c.out, c.stays = bytes.Clone(l.out), true
	c.readSet, c.writeSet = time.Time{}, time.Time{} // no deadline is set
	f := l.front
	f.mu.Lock()
	c.tcp = tcp
	f.mu.Unlock()
	go c.serve(k.handover, bytes.Clone(rest))
}

// end closes a connection.
func (l *loop) end(k *looped) {
	_ = syscall.Close(k.fd)
	l.forget(k)
}

func (l *loop) forget(k *looped) {
	k.gone = true
	delete(l.conns, int32(k.fd))
	l.front.remove(k.conn)
	l.front.config.Ended()
}

// sweep ends connections that were idle for too long.
func (l *loop) sweep() {
	idle := l.front.config.IdleTime
	if l.now.Sub(l.swept) < idle/8 {
		return
	}
	l.swept = l.now
	for _, k := range l.conns {
		if !k.waiting && l.now.Sub(k.last) > idle*7/8 {
			l.end(k)
		}
	}
}

// close ends the connections that wait for nothing, or all, and with the last one the
// loop.
func (l *loop) close(all bool) bool {
	for _, k := range l.conns {
		if all || !k.waiting {
			l.end(k)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.conns) > 0 || l.fresh != nil {
		return false
	}
	l.ended = true
	_ = syscall.Close(l.epoll)
	_ = syscall.Close(l.wakeup)
	return true
}

// Reads and writes of sockets that do not block take a microsecond or few: they need
// not tell the scheduler.
func readSocket(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(n), errno
}

func writeSocket(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), syscall.MSG_NOSIGNAL|syscall.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}
