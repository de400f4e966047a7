package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"landings/internal/dataset"
	"landings/internal/redisserver"
)

// redisServerCommand takes redis-server's own words, which are not ours to parse.
type redisServerCommand struct {
	Args []string `arg:"" optional:"" passthrough:"all" help:"[FILE.conf] [--name value ...] [-], such as --port 6379 --dir ./data --save 1 1 --appendonly yes."`
}

// Help tells what the command stands for.
func (redisServerCommand) Help() string {
	return `In place of: docker run -p 6379:6379 -v $(pwd)/data:/data redis:7 --save 1 1

Parameters are those of redis.conf; one that is not supported is refused by name. A - reads more of them from standard input.`
}

// closing bounds how long an engine may take to save and let go.
const closing = 5 * time.Minute

// Run runs the engine alone until the context ends or a client says SHUTDOWN.
func (c redisServerCommand) Run(e *env) error {
	parameters, err := redisserver.ParseArgs(c.Args, e.stdin)
	if err != nil {
		return badParameters(err)
	}
	options := redisserver.Options{Parameters: parameters}
	level, file, err := redisserver.LogSettings(options)
	if err != nil {
		return badParameters(err)
	}
	out := e.stdout
	if file != "" {
		f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return &dataset.Error{Code: dataset.Invalid, Message: "the log cannot be written: " + err.Error(), Remedy: "choose another file with --logfile, or leave it out", Err: err}
		}
		defer f.Close() // every line was written at once
		out = f
	}
	log := redisserver.NewLog(out, level)
	options.Log = log
	if err := redisserver.Greet(log, options, e.version); err != nil {
		return badParameters(err)
	}
	listeners, err := engineListeners(e.ctx, options)
	if err != nil {
		return err
	}
	engine, err := redisserver.Open(options)
	if err != nil {
		for _, l := range listeners {
			_ = l.Close()
		}
		return badEngine("start", err)
	}
	group, ctx := errgroup.WithContext(e.ctx)
	for _, l := range listeners {
		group.Go(func() error { return ignoreClosed(engine.Serve(l)) })
	}
	log.Info("Ready to accept connections", "addresses", addressesOf(listeners))
	group.Go(func() error {
		select {
		case <-ctx.Done():
			log.Warn("User requested shutdown by a signal...")
		case <-engine.Shutdown():
			log.Warn("User requested shutdown...")
		}
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
		defer cancel()
		return engine.Close(end)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	log.Warn("The engine is now ready to exit, bye bye...")
	return nil
}

func addressesOf(listeners []net.Listener) string {
	var all []string
	for _, l := range listeners {
		all = append(all, l.Addr().String())
	}
	return strings.Join(all, ",")
}

// engineListeners opens what the parameters say to listen on.
func engineListeners(ctx context.Context, o redisserver.Options) ([]net.Listener, error) {
	addresses, socket, mode, err := redisserver.Network(o)
	if err != nil {
		return nil, badParameters(err)
	}
	var listeners []net.Listener
	fail := func(err error) ([]net.Listener, error) {
		for _, l := range listeners {
			_ = l.Close()
		}
		return nil, err
	}
	for _, address := range addresses {
		l, err := listen(ctx, address.HostPort, "--port or --bind")
		if err != nil {
			if address.Optional && (errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)) {
				continue
			}
			return fail(err)
		}
		listeners = append(listeners, l)
	}
	if socket != "" {
		// A socket that nobody listens on any more is in the way.
		if probe, err := new(net.Dialer).DialContext(ctx, "unix", socket); err == nil {
			_ = probe.Close()
			return fail(&dataset.Error{Code: dataset.Unavailable, Message: socket + " is in use by another program", Remedy: "choose another with --unixsocket"})
		}
		if info, err := os.Lstat(socket); err == nil && info.Mode()&fs.ModeSocket != 0 {
			_ = os.Remove(socket) // Listen says what is wrong if it is still there
		}
		l, err := new(net.ListenConfig).Listen(ctx, "unix", socket)
		if err != nil {
			return fail(&dataset.Error{Code: dataset.Invalid, Message: "cannot listen on " + socket + ": " + err.Error(), Remedy: "choose another with --unixsocket", Err: err})
		}
		listeners = append(listeners, l)
		if mode != 0 {
			if err := os.Chmod(socket, mode); err != nil {
				return fail(err)
			}
		}
	}
	return listeners, nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, redisserver.ErrClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func badParameters(err error) error {
	return &dataset.Error{Code: dataset.Invalid, Message: err.Error(), Remedy: "use redis-server's own words, as in --port 6379 --dir ./data --save 1 1", Err: err}
}

// badEngine is the error of an engine that cannot do what was asked: start, or save and stop.
func badEngine(what string, err error) error {
	e := &dataset.Error{Code: dataset.Unavailable, Message: "the embedded engine cannot " + what + ": " + err.Error(), Err: err}
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		e.Remedy = "see that the user who runs landings may write the data folder and what is in it, and that there is room; or choose another folder with --dir"
	}
	return e
}

// embedded is the engine inside a node.
type embedded struct {
	engine   *redisserver.Engine
	listener net.Listener // nil: nobody else may connect
}

// openEmbedded starts the engine that a node keeps its data in. A TCP port that is
// taken is said, and the node goes on without.
func (s *serveCommand) openEmbedded(ctx context.Context, log *slog.Logger) (*embedded, error) {
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return nil, &dataset.Error{Code: dataset.Invalid, Message: "the data folder cannot be made: " + err.Error(), Remedy: "choose another with --dir, or make it writable", Err: err}
	}
	dir, err := filepath.Abs(s.Dir)
	if err != nil {
		return nil, err
	}
	appendonly := s.Appendonly
	switch appendonly { // YAML's words for Redis's
	case "true":
		appendonly = "yes"
	case "false":
		appendonly = "no"
	}
	parameters := []redisserver.Parameter{
		{Name: "dir", Args: []string{dir}},
		{Name: "appendonly", Args: []string{appendonly}},
		{Name: "appendfsync", Args: []string{s.Appendfsync}},
		{Name: "save", Args: strings.Fields(s.Save)},
	}
	if len(parameters[3].Args) == 0 {
		parameters[3].Args = []string{""}
	}
	if appendonly == "yes" {
		// The append-only file has every write: a dump for which there is no room is no reason to refuse more.
		parameters = append(parameters, redisserver.Parameter{Name: "stop-writes-on-bgsave-error", Args: []string{"no"}})
	}
	if _, _, err := redisserver.LogSettings(redisserver.Options{Parameters: parameters}); err != nil {
		return nil, &dataset.Error{Code: dataset.Invalid, Message: err.Error(), Remedy: `write --save as "SECONDS CHANGES", such as "1 1", or "" for never`, Err: err}
	}
	var l net.Listener
	if s.RedisListen != "" {
		host, port, err := net.SplitHostPort(s.RedisListen)
		if err != nil {
			return nil, &dataset.Error{Code: dataset.Invalid, Message: fmt.Sprintf("--redis-listen %q is no address", dataset.Excerpt(s.RedisListen)), Remedy: `write HOST:PORT, or "" for no listener`, Err: err}
		}
		parameters = append(parameters, redisserver.Parameter{Name: "bind", Args: []string{host}}, redisserver.Parameter{Name: "port", Args: []string{port}})
		l, err = new(net.ListenConfig).Listen(ctx, "tcp", s.RedisListen)
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			log.Warn("the port for Redis clients is taken: going on without it", "address", s.RedisListen)
		case err != nil:
			return nil, &dataset.Error{Code: dataset.Invalid, Message: "cannot listen on " + s.RedisListen + ": " + err.Error(), Remedy: "choose another with --redis-listen HOST:PORT", Err: err}
		}
	}
	engine, err := redisserver.Open(redisserver.Options{Parameters: parameters, Log: log})
	if err != nil {
		if l != nil {
			_ = l.Close()
		}
		return nil, badEngine("start", err)
	}
	return &embedded{engine, l}, nil
}

// serve accepts Redis clients until the engine is closed.
func (d *embedded) serve() error {
	if d.listener == nil {
		return nil
	}
	return ignoreClosed(d.engine.Serve(d.listener))
}

// dial is how the store reaches the engine.
func (d *embedded) dial(context.Context) (net.Conn, error) { return d.engine.Conn() }

// close saves and lets go of the folder.
func (d *embedded) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	return d.engine.Close(ctx)
}
