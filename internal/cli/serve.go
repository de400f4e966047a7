package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/alecthomas/kong"

	"landings/internal/dataset"
	"landings/internal/encode"
	"landings/internal/httpapi"
	"landings/internal/readmodel"
	"landings/internal/store"
	"landings/internal/telemetry"
)

// serveCommand is the settings of a node.
type serveCommand struct {
	Config             string        `help:"Configuration file (YAML)." default:"${config}" placeholder:"FILE"`
	Listen             string        `help:"Address to serve HTTP on; port 0 takes a free one." default:"127.0.0.1:5000" placeholder:"HOST:PORT"`
	Redis              string        `help:"Redis that keeps the data: redis://, rediss:// (TLS) or unix://, with user, password and database number; redis://HOST1:PORT,HOST2:PORT for a cluster; redis-sentinel://HOST1:26379,HOST2:26379/NAME for the master NAME of Sentinel. The embedded engine when empty." placeholder:"URL"`
	Dir                string        `help:"Folder of the embedded engine's files." default:"./data" placeholder:"DIR"`
	Save               string        `help:"When the embedded engine saves dump.rdb: seconds and changes; empty for never." default:"1 1" placeholder:"SECONDS CHANGES"`
	Appendonly         string        `help:"Whether the embedded engine keeps an append-only file." enum:"yes,no,true,false" default:"yes"`
	Appendfsync        string        `help:"When the append-only file is synced: always, everysec or no." enum:"always,everysec,no" default:"always"`
	RedisListen        string        `help:"Address on which the embedded engine takes Redis clients; empty for none." default:"127.0.0.1:6379" placeholder:"HOST:PORT"`
	Node               string        `help:"Name of this node, of its own among those on one Redis and the same after a restart. Host name and port when empty." placeholder:"NAME"`
	Tokens             []string      `help:"Tokens that may write; with any, nobody else may." placeholder:"TOKEN"`
	AllowRemoteWrites  bool          `help:"Let other hosts write without a token."`
	AllowedOrigins     []string      `help:"Origins whose pages may write, such as https://example.org." placeholder:"ORIGIN"`
	MaxBody            int64         `help:"Largest request body, in bytes as sent." default:"1073741824" placeholder:"BYTES"`
	WriteTimeout       time.Duration `help:"How long a write waits for Redis." default:"5s"`
	Ack                string        `help:"How safe a write is before it is answered, where its dataset's configuration does not say: memory, nodes:N (N other nodes hold it), disk (Redis's append-only file has it, synced) or replicas:N (N replicas of Redis have it)." default:"memory" placeholder:"LEVEL"`
	DrainTimeout       time.Duration `help:"How long requests may go on after SIGTERM." default:"10s"`
	KeepGenerations    int           `help:"How many earlier loads of a dataset can be gone back to." default:"1"`
	KeepGenerationsFor time.Duration `help:"How long they can be gone back to; 0s for as long as no newer ones take their places." default:"0s"`
	QueryTime          time.Duration `help:"How long one query may take." default:"5s"`
	ResultBytes        int64         `help:"Memory for answers to queries that are asked again, in bytes." default:"25165824" placeholder:"BYTES"`
	HistoryBytes       int64         `help:"Memory for old versions of each dataset, for page tokens and version=, in bytes; 0 keeps none." default:"67108864" placeholder:"BYTES"`
	HistoryAge         time.Duration `help:"How long old versions are kept." default:"5m"`
	LogFormat          string        `help:"Format of the log: text or json." enum:"text,json" default:"text"`
	ReadyFor           string        `help:"When /readyz says yes: while the node can take writes, or while it can answer reads." enum:"writes,reads" default:"writes"`

	file *configFile
	ack  dataset.Ack // what Ack says
}

// BeforeResolve reads the configuration file, so that what it sets stands where
// neither a flag nor a variable does.
func (s *serveCommand) BeforeResolve(c *kong.Context) error {
	path := os.Getenv("LANDINGS_CONFIG")
	for _, p := range c.Path {
		if p.Flag != nil && p.Flag.Name == "config" {
			path = c.FlagValue(p.Flag).(string)
		}
	}
	var flags []*kong.Flag
	for _, f := range c.Selected().Flags {
		if f.Name != "help" && f.Name != "config" {
			flags = append(flags, f)
		}
	}
	file, err := readConfig(cmp.Or(path, defaultConfig), path != "", flags)
	if err != nil {
		return err
	}
	s.file = file
	c.AddResolver(file)
	return nil
}

// Validate refuses settings that would only be found out later, or never.
func (s *serveCommand) Validate() error {
	switch {
	case s.Listen == "":
		return errors.New("--listen is empty: name an address, such as 127.0.0.1:5000")
	case s.MaxBody <= 0:
		return errors.New("--max-body must be at least 1")
	case s.WriteTimeout <= 0:
		return errors.New("--write-timeout must be more than 0s")
	case s.KeepGenerations < 0 || s.KeepGenerationsFor < 0:
		return errors.New("--keep-generations and --keep-generations-for must not be negative")
	case s.QueryTime <= 0:
		return errors.New("--query-time must be more than 0s")
	case s.ResultBytes < 1:
		return errors.New("--result-bytes must be at least 1")
	case s.HistoryBytes < 0 || s.HistoryAge < 0:
		return errors.New("--history-bytes and --history-age must not be negative")
	case s.DrainTimeout < 0:
		return errors.New("--drain-timeout must not be negative")
	}
	var err error
	if s.ack, err = dataset.ParseAck(s.Ack); err != nil {
		return fmt.Errorf("--ack: %w", err)
	}
	return nil
}

// errStopped ends a node that somebody stopped through its engine.
var errStopped = errors.New("stopped by SHUTDOWN")

// Run serves until the context ends, then drains.
func (s *serveCommand) Run(e *env) (err error) {
	log := slog.New(s.handler(e))
	listener, err := listen(e.ctx, s.Listen, "--listen")
	if err != nil {
		return err
	}
	defer listener.Close()
	coder, err := encode.NewCoder(encode.DefaultLevel)
	if err != nil {
		return err
	}
	catalog := readmodel.NewCatalogKeeping(coder, readmodel.History{Bytes: s.HistoryBytes, Age: s.HistoryAge})
	node := s.Node
	if node == "" {
		node = hostname() + "-" + s.Listen
	}
	datasets := s.datasets()
	acks := map[string]dataset.Ack{}
	for _, d := range datasets {
		acks[d.Name] = d.Ack
	}
	var engine *embedded
	options := store.Options{
		URL:          s.Redis,
		Node:         node,
		NewReplica:   func(name string) store.Replica { return catalog.Dataset(name) },
		Logger:       log,
		WriteTimeout: s.WriteTimeout,
		KeepLoads:    cmp.Or(s.KeepGenerations, -1),
		KeepLoadsFor: s.KeepGenerationsFor,
		Acks:         acks,
	}
	if s.Redis == "" {
		if engine, err = s.openEmbedded(e.ctx, log); err != nil {
			return err
		}
		// After the store, which is deferred later and so closed before.
		defer func() {
			if e := engine.close(); e != nil && err == nil {
				err = badEngine("save and stop", e)
			}
		}()
		options.Dial = engine.dial
	}
	st, err := store.New(options)
	if err != nil {
		return err
	}
	defer catalog.Wait()
	defer st.Close()
	metrics := telemetry.New(e.version)
	countStore(metrics, st)
	countCatalog(metrics, catalog)
	api, err := httpapi.New(httpapi.Config{
		Datasets:          datasets,
		Catalog:           catalog,
		Store:             st,
		Tokens:            s.Tokens,
		AllowRemoteWrites: s.AllowRemoteWrites,
		ReadyForReads:     s.ReadyFor == "reads",
		AllowedOrigins:    s.AllowedOrigins,
		Ack:               s.ack,
		Metrics:           metrics,
		Limits:            httpapi.Limits{BodyBytes: s.MaxBody, QueryTime: s.QueryTime, ResultBytes: s.ResultBytes},
		Logger:            log,
		Version:           e.version,
	})
	if err != nil {
		return err
	}
	server := httpapi.NewServer(api)

	group, ctx := errgroup.WithContext(e.ctx)
	group.Go(func() error {
		boundGarbage(ctx)
		return nil
	})
	if engine != nil {
		group.Go(engine.serve)
		group.Go(func() error {
			select {
			case <-engine.engine.Shutdown():
				log.Info("a Redis client said SHUTDOWN")
				return errStopped
			case <-ctx.Done():
				return nil
			}
		})
	}
	group.Go(func() error {
		// Requests are answered from the start: until all datasets are read, with
		// what the node waits for.
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		if err := st.Open(ctx); err != nil {
			return err
		}
		api.Open()
		log.Info("serving", "address", "http://"+listener.Addr().String(), "redis", st.Address(), "datasets", strings.Join(catalog.Names(), " "), "version", e.version)
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		if e.ctx.Err() != nil {
			log.Info("draining")
		}
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.DrainTimeout)
		defer cancel()
		if err := server.Shutdown(drain); err != nil {
			log.Warn("some requests were cut", "after", s.DrainTimeout)
		}
		if engine != nil && engine.listener != nil {
			_ = engine.listener.Close() // Redis clients go when the engine closes
		}
		return nil
	})
	if err := group.Wait(); e.ctx.Err() == nil && !errors.Is(err, errStopped) {
		return err
	}
	return nil // stopped as asked, whatever it was waiting for
}

func (s *serveCommand) handler(e *env) slog.Handler {
	if s.LogFormat == "json" {
		return slog.NewJSONHandler(e.stderr, nil)
	}
	return slog.NewTextHandler(e.stderr, nil)
}

// datasets gives the configured datasets; without any, the tutorial's with a
// generated sample as its source.
func (s *serveCommand) datasets() []httpapi.Dataset {
	if s.file == nil || len(s.file.Datasets) == 0 {
		return []httpapi.Dataset{{Name: dataset.DefaultName, Source: generated{records: sampleSize}, Ack: s.ack}}
	}
	var list []httpapi.Dataset
	for _, d := range s.file.Datasets {
		configured := &source{config: d, dir: s.file.dir}
		ack := s.ack
		if d.ack != nil {
			ack = *d.ack
		}
		list = append(list, httpapi.Dataset{Name: d.Name, Source: configured, Read: configured.options(), Ack: ack})
	}
	return list
}

// listen opens the address to serve on, and says in one line why it cannot.
func listen(ctx context.Context, address, flag string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err == nil {
		return l, nil
	}
	remedy := "choose another with " + flag
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, &dataset.Error{Code: dataset.Unavailable, Message: address + " is in use by another program", Remedy: remedy, Err: err}
	case errors.Is(err, syscall.EACCES):
		return nil, &dataset.Error{Code: dataset.Forbidden, Message: "this user may not listen on " + address, Remedy: "choose a port above 1023 with " + flag, Err: err}
	}
	return nil, &dataset.Error{Code: dataset.Invalid, Message: fmt.Sprintf("cannot listen on %q: %v", dataset.Excerpt(address), err), Remedy: remedy, Err: err}
}
