// Package direct answers plain reads, and writes of one small record, on HTTP/1.1
// connections without net/http.
//
// Reading from memory costs less than what net/http does around it: for each
// request it starts a goroutine that watches the connection, sets two to three
// deadlines, makes a Request, a context and two header maps, and sorts a header.
// Landings promises reads at the cost of a static file, and without all that they
// are half as fast again (nginx's own rate; the figures are in ARCHITECTURE.md).
//
// The rule that keeps this small and safe: only what is perfectly ordinary is
// answered here, a GET or HEAD without a body, or a PUT of JSON with its body, that
// came whole in one piece, with few and known header fields, and that the answerer
// has an ordinary answer for. Nothing here waits for more of a request.
//
// A connection begins with a goroutine of its own. When what it asked for was quick, or
// had a query, a loop takes it over, which serves many (on Linux); at the first request
// that is neither, it gets a goroutine again, for good. A query that takes longer than
// others can wait is answered by a goroutine, and its connection stays.
//
// At the first request that is anything else, the connection goes to net/http, the
// bytes that were read in front, and stays there. So there is one implementation of
// HTTP, net/http, and a shortcut through it: whatever is doubtful, malformed,
// partial, an error or an attack is judged by net/http alone. A test compares the
// two byte for byte.
//
// It knows nothing of datasets.
package direct

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a [Front] is made of. All fields are needed.
type Config struct {
	// Answer answers a read, or says false and leaves it to net/http; then what
	// it wrote into the response does not count. It may keep neither. It says false too
	// where an answer is not there in time, see [Request.Until], and is asked again
	// where it has as much as it takes.
	Answer func(*Request, *Response) bool
	// Begin begins a write, or says false and leaves it to net/http; then nothing may
	// have been done. When the outcome is known, done is called once, by any goroutine,
	// with what writes the answer. Begin may not keep the request, and may not wait.
	Begin func(r *Request, done func(finish func(*Response))) bool
	// Quick says whether a request like this one is answered from memory within
	// microseconds and shortly, or is a write: then many connections can take turns.
	// Those with a query take turns too, each within a time, see [Request.Until].
	Quick func(*Request) bool
	// Ended is called for every connection that ends without having gone to net/http.
	Ended func()

	HeaderTime time.Duration // until the first request of a connection is there
	IdleTime   time.Duration // between requests
	WriteTime  time.Duration // for sending an answer, but for bodies that have rules of their own
}

// Front stands between a listener and an http.Server.
type Front struct {
	config  Config
	closing atomic.Bool

	mu    sync.Mutex
	conns map[*conn]struct{} // guarded by mu: those that are served here
	loops []*loop            // guarded by mu: started when first needed
	turn  int                // guarded by mu: the loop that gets the next connection
	empty chan struct{}      // guarded by mu: closed when conns is empty; nil: nobody waits
}

// New gives a front.
func New(c Config) *Front { return &Front{config: c, conns: map[*conn]struct{}{}} }

// Listen accepts from l, answers what it can, and gives the listener from which an
// http.Server gets the connections that are left. It can be used once.
func (f *Front) Listen(l net.Listener) net.Listener {
	h := &handover{Listener: l, front: f, passed: make(chan passed), done: make(chan struct{})}
	go h.accept()
	return h
}

// stop ends idle connections at once and the others after their present request.
func (f *Front) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closing.Store(true)
	for c := range f.conns {
		if c.tcp != nil {
			_ = c.tcp.SetReadDeadline(time.Unix(1, 0)) // ends the wait for the next request
		}
	}
	for _, l := range f.loops {
		l.wake()
	}
}

// Shutdown waits until the requests that are being answered are answered, or until
// ctx ends; then it cuts the connections that are left. Idle ones end when the
// listener is closed, which may come first.
func (f *Front) Shutdown(ctx context.Context) error {
	f.stop()
	f.mu.Lock()
	empty := make(chan struct{})
	if len(f.conns) == 0 {
		close(empty)
	} else {
		f.empty = empty
	}
	f.mu.Unlock()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		f.Close()
		return ctx.Err()
	}
}

// Close cuts all connections.
func (f *Front) Close() {
	f.closing.Store(true)
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		if c.tcp != nil {
			_ = c.tcp.Close()
		}
	}
	for _, l := range f.loops {
		l.cut()
	}
}

// add takes a connection in; false: the front is closing.
func (f *Front) add(c *conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closing.Load() {
		return false
	}
	f.conns[c] = struct{}{}
	return true
}

// toLoop gives a connection to a loop, by what it asked for last; false: its goroutine
// keeps it.
func (f *Front) toLoop(c *conn, h *handover) bool {
	quick := f.config.Quick(&c.request)
	if !quick && !c.request.HasQuery {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closing.Load() {
		return false
	}
	loops := f.loopsFor(quick)
	if len(loops) == 0 {
		return false
	}
	f.turn++
	return loops[f.turn%len(loops)].take(c, h)
}

// loopsFor gives the loops among which connections take turns, with mu held.
func (f *Front) loopsFor(quick bool) []*loop {
	// The runtime follows what processors the process may use. More loops than those
	// hold one another up: one that sleeps keeps its processor until the runtime takes
	// it away, which may be after 10 ms.
	processors := runtime.GOMAXPROCS(0)
	for len(f.loops) < processors {
		l, err := newLoop(f)
		if err != nil {
			break // the others do it, or the goroutines
		}
		f.loops = append(f.loops, l)
	}
	n := min(len(f.loops), processors)
	if quick {
		// Half the processors: those who ask and who keep the data need the others, and
		// the fewer loops, the more there is for each to do in a round.
		n = (n + 1) / 2
	}
	return f.loops[:n]
}

func (f *Front) remove(c *conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.conns, c)
	if len(f.conns) == 0 && f.empty != nil {
		close(f.empty)
		f.empty = nil
	}
}

// handover is the listener that net/http accepts from.
type handover struct {
	net.Listener
	front  *Front
	passed chan passed
	once   sync.Once
	done   chan struct{} // closed by Close
}

type passed struct {
	conn net.Conn
	err  error
}

// accept takes connections until the listener is closed. An error goes to net/http,
// which knows how to wait when there are no more files; until it asks again, none is
// accepted.
func (h *handover) accept() {
	for {
		c, err := h.Listener.Accept()
		tcp, ok := c.(*net.TCPConn)
		if err != nil || !ok {
			if !h.pass(passed{c, err}) {
				return
			}
			continue
		}
		own := &conn{front: h.front, tcp: tcp}
		own.request.From, own.request.To = addrPort(tcp.RemoteAddr()), addrPort(tcp.LocalAddr())
		if !h.front.add(own) {
			own.end()
			continue
		}
		go own.serve(h, nil)
	}
}

// addrPort gives one end of a connection; the zero value where it is not of IP.
func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort()
	}
	return netip.AddrPort{}
}

// pass gives a connection or an error to net/http; false: the listener is closed.
func (h *handover) pass(p passed) bool {
	select {
	case h.passed <- p:
		return true
	case <-h.done:
		if p.conn != nil {
			_ = p.conn.Close()
			h.front.config.Ended()
		}
		return false
	}
}

// Accept gives the next connection that was not, or no longer, served directly.
func (h *handover) Accept() (net.Conn, error) {
	select {
	case p := <-h.passed:
		return p.conn, p.err
	case <-h.done:
		return nil, net.ErrClosed
	}
}

func (h *handover) Close() error {
	h.once.Do(func() { close(h.done) })
	err := h.Listener.Close()
	h.front.stop()
	return err
}
