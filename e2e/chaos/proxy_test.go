//go:build e2e

package chaos

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// link is the way from one node to Redis: a TCP proxy that can cut, hold up and delay.
type link struct {
	addr   string
	delay  atomic.Int64 // of each piece, in nanoseconds
	lossy  atomic.Bool  // cuts a connection now and then, before or after a piece went on
	random *rand.Rand   // guarded by mu

	mu      sync.Mutex
	closed  bool              // guarded by mu
	blocked chan struct{}     // guarded by mu; nil: not held up; else closed when it goes on
	open    map[net.Conn]bool // guarded by mu
}

func newLink(t testing.TB, to string, random *rand.Rand) *link {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &link{addr: l.Addr().String(), random: random, open: map[net.Conn]bool{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { k.serve(client, to) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		k.mu.Lock()
		k.closed = true
		k.mu.Unlock()
		k.unblock()
		k.cut()
		wg.Wait()
	})
	return k
}

// own remembers a connection, to be cut; false: it is too late for one.
func (k *link) own(c net.Conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.open[c] = true
	return !k.closed
}

func (k *link) disown(c net.Conn) {
	c.Close()
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.open, c)
}

func (k *link) serve(client net.Conn, to string) {
	defer k.disown(client)
	if !k.own(client) {
		return
	}
	k.wait()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer k.disown(server)
	if !k.own(server) {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { k.copy(client, server) })
	k.copy(server, client)
	wg.Wait()
}

// copy passes pieces on until one of the ends, or chance, closes.
func (k *link) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	piece := make([]byte, 64<<10)
	for {
		n, err := from.Read(piece)
		if n > 0 {
			k.wait()
			if d := k.delay.Load(); d > 0 {
				time.Sleep(time.Duration(d)) // the delay is what is tested
			}
			if k.chance() {
				return
			}
			if _, err := to.Write(piece[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if err != io.EOF {
				return
			}
			return
		}
	}
}

func (k *link) chance() bool {
	if !k.lossy.Load() {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.random.IntN(60) == 0
}

// wait returns when the link is not held up.
func (k *link) wait() {
	for {
		k.mu.Lock()
		blocked := k.blocked
		k.mu.Unlock()
		if blocked == nil {
			return
		}
		<-blocked
	}
}

func (k *link) block() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.blocked == nil && !k.closed {
		k.blocked = make(chan struct{})
	}
}

func (k *link) unblock() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.blocked != nil {
		close(k.blocked)
		k.blocked = nil
	}
}

// cut closes all connections.
func (k *link) cut() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for c := range k.open {
		c.Close()
	}
}
