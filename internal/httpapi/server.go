package httpapi

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"landings/internal/direct"
)

// Server serves an API with its limits.
type Server struct {
	api   *API
	front *direct.Front // answers plain reads
	http  *http.Server  // and this all the rest
	slots chan struct{} // one is taken by each open connection
}

// NewServer gives the server of an API.
func NewServer(a *API) *Server {
	l := a.limits
	s := &Server{api: a, slots: make(chan struct{}, l.Connections)}
	s.http = &http.Server{
		Handler:           a,
		ReadHeaderTimeout: l.HeaderTime,
		IdleTimeout:       l.IdleTime,
		// Counted from the request's header; what takes longer sets later deadlines.
		// Bodies have deadlines of their own, see upload.
		WriteTimeout:   l.answerTime(),
		MaxHeaderBytes: l.HeaderBytes,
		ErrorLog:       slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed || state == http.StateHijacked {
				s.release()
			}
		},
	}
	s.front = direct.New(direct.Config{
		Answer:     a.direct,
		Begin:      a.beginPut,
		Quick:      quick,
		Ended:      s.release,
		HeaderTime: l.HeaderTime,
		IdleTime:   l.IdleTime,
		WriteTime:  l.answerTime(),
	})
	return s
}

// Serve accepts connections until the server is shut down, and then returns
// [http.ErrServerClosed].
func (s *Server) Serve(l net.Listener) error {
	return s.http.Serve(s.front.Listen(&listener{Listener: l, slots: s.slots, done: make(chan struct{})}))
}

// Shutdown makes /readyz fail, stops accepting, and returns when all requests are
// answered or ctx ends; then it cuts those that are left.
func (s *Server) Shutdown(ctx context.Context) error {
	s.api.Drain()
	err := s.http.Shutdown(ctx) // closes the listener first
	if e := s.front.Shutdown(ctx); err == nil {
		err = e
	}
	if err != nil {
		_ = s.Close() // the first error is the one to tell
	}
	return err
}

// Close cuts all connections.
func (s *Server) Close() error {
	err := s.http.Close()
	s.front.Close()
	return err
}

// release gives a connection's slot back. Connections are counted here and not by
// a wrapper, for bodies are sent with writev on a bare *net.TCPConn only.
func (s *Server) release() { <-s.slots }

// listener accepts while there are slots.
type listener struct {
	net.Listener
	slots chan struct{}
	done  chan struct{}
	once  sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
	}
	return c, err
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}
