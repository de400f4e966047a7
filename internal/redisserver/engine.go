package redisserver

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"
)

// Engine is a running server. Its data belongs to one lock: a batch of commands
// from one client executes under it, then replies leave without it.
type Engine struct {
	mu mutex // guards everything below but what says otherwise

	cfg      config
	log      *slog.Logger
	params   []param
	commands map[string]*command
	nameBuf  [32]byte
	intBuf   [8]byte
	scratch  []byte // for editing a small value; see keepScratch
	runID    string
	replID   string
	started  time.Time

	// The data.
	arena       *arena
	dbs         []*database
	objects     []object
	freeObjects []uint32
	dirty       int64  // changes since the last save
	now         int64  // unix ms of the present batch
	clock       uint32 // unix seconds of the present batch
	loading     bool

	// Saving, see save.go.
	epoch          byte
	saving         *saver
	aof            *aofLog
	orphans        []*table   // of emptied databases, to be released
	trimming       bool       // memory of what was released goes back to the system, in steps
	leftovers      []picture  // that have blocks to release
	unlinked       []unlinked // values to be released, see lazyfree.go
	unlinkedBlocks int
	lazy           bool         // dropped values are set aside
	heap           int64        // bytes in use outside the arena, as of the last collection
	syncPolicy     atomic.Int32 // appendfsync, for those without the lock
	saves          saveState

	// The present command.
	depth   int // handlers within handlers
	ops     []op
	opBytes []byte
	ready   []readyKey
	serving bool
	waiting [kindStream + 1]int // clients that are blocked, by the kind they wait for
	resumed []*client

	// Clients.
	clients     map[int64]*client
	clientOrder *clientList
	nextClient  int64
	toFlush     []*client
	monitors    map[*client]bool
	pause       pauseState

	channels, patterns, shards topics
	patternOrder               []patternOf
	trackers                   int
	tracked                    map[string]map[int64]bool
	prefixes                   map[string]*prefixSet
	pendingInv                 []pendingInvalidation

	stats        stats
	opsPerSecond int64
	opsBefore    int64 // commands at the last second
	slowlog      slowlog

	// The outside: guarded by outside, taken before mu if both are.
	outside   sync.Mutex
	listeners map[net.Listener]bool
	closed    bool
	sockets   any            // the event loop of systems that have one, once it runs
	done      chan struct{}  // closed when Close begins
	work      sync.WaitGroup // the goroutines that Close waits for
	shutdown  chan struct{}  // closed when a client asked for SHUTDOWN and it was granted
}

type stats struct {
	connections, rejectedConnections, commands, hits, misses, expired int64
	blocked, protocolErrors                                           int64
	lazyFreed                                                         int64
	netIn, netOut                                                     int64
	errors                                                            map[string]int64
	peakMemory                                                        int64
}

// ErrClosed is what Serve returns after Close.
var ErrClosed = errors.New("the Redis engine is closed")

// Open starts an engine with the data of its folder. A folder that another process
// uses, and damaged files, are errors that name the file and the remedy.
func Open(opt Options) (*Engine, error) {
	cfg, err := opt.config()
	if err != nil {
		return nil, err
	}
	log := opt.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{
		cfg: cfg, log: log, params: params(), commands: commandTable(), runID: randomID(), replID: randomID(), started: time.Now(),
		arena:   newArena(),
		objects: make([]object, 1), // number 0 is never used
		clients: map[int64]*client{}, clientOrder: newClientList(), monitors: map[*client]bool{},
		channels: topics{}, patterns: topics{}, shards: topics{},
		tracked: map[string]map[int64]bool{}, prefixes: map[string]*prefixSet{},
		listeners: map[net.Listener]bool{}, done: make(chan struct{}), shutdown: make(chan struct{}),
	}
	e.stats.errors = map[string]int64{}
	e.tick()
	e.heap = heapUsed()
	for i := range cfg.databases {
		e.dbs = append(e.dbs, newDatabase(e, i))
	}
	if err := e.openFiles(); err != nil {
		return nil, err
	}
	e.work.Add(2)
	go e.cron()
	go e.syncLoop()
	return e, nil
}

func randomID() string {
	var b [20]byte
	_, _ = rand.Read(b[:]) // never fails, see its documentation
	return hex.EncodeToString(b[:])
}

// Close saves as the configuration says, closes every connection and gives the
// folder free. It returns what made the save fail; the context bounds the wait for
// goroutines.
func (e *Engine) Close(ctx context.Context) error { return e.close(ctx, e.shouldSaveAtExit()) }

func (e *Engine) close(ctx context.Context, save bool) error {
	e.outside.Lock()
	if e.closed {
		e.outside.Unlock()
		return nil
	}
	e.closed = true
	for l := range e.listeners {
		_ = l.Close()
	}
	e.outside.Unlock()
	close(e.done)

	err := e.closeFiles(save)
	e.mu.Lock()
	e.clientOrder.each(func(c *client) { c.closing = true; c.front.abort() })
	e.mu.Unlock()
	finished := make(chan struct{})
	go func() { e.work.Wait(); close(finished) }()
	select {
	case <-finished:
	case <-ctx.Done():
		err = errors.Join(err, ctx.Err())
	}
	return err
}

// Shutdown is closed when a client's SHUTDOWN was granted: the data is saved, and
// the owner of the engine should call Close.
func (e *Engine) Shutdown() <-chan struct{} { return e.shutdown }

// unlockAndFlush ends a batch: it gives the lock back, makes the commands of the
// batch durable as configured, and only then lets the replies go.
func (e *Engine) unlockAndFlush() {
	a := e.aof
	if a == nil || a.committed() || a.failure.Load() != nil && a.target() == a.offered {
		// The last means: the file cannot be written, as is known, and this batch has nothing
		// for it. Reads go on, and refusals are told.
		e.deliver(e.toFlush, nil)
		e.toFlush = e.toFlush[:0]
		e.mu.Unlock()
		return
	}
	list := e.toFlush
	e.toFlush = nil
	ends := make([]int64, len(list))
	for i, c := range list {
		c.dirty = false
		ends[i] = c.outBase + int64(len(c.out))
	}
	target := a.target()
	a.offered = target
	e.mu.Unlock()

	err := a.commit(e, target)

	e.mu.Lock()
	if err != nil {
		e.aofFailed(err)
		if e.cfg.appendSync == syncAlways {
			for _, c := range list { // what is not on disk is not acknowledged
				c.out = nil
				c.closing = true
				c.front.abort()
			}
		}
	}
	e.deliver(list, ends)
	if e.toFlush == nil {
		e.toFlush = list[:0]
	}
	e.mu.Unlock()
}

// deliver hands the clients' output to their front ends, up to the given ends (nil:
// all of it).
func (e *Engine) deliver(list []*client, ends []int64) {
	for i, c := range list {
		n := len(c.out)
		if ends != nil {
			n = min(n, int(max(0, ends[i]-c.outBase))) // less is left of one whose replies were dropped
		} else {
			c.dirty = false
		}
		if n > 0 {
			e.stats.netOut += int64(n)
			c.front.send(c.out[:n])
			c.outBase += int64(n)
			rest := copy(c.out, c.out[n:])
			c.out = c.out[:rest]
			if cap(c.out) > 256<<10 && rest == 0 {
				c.out = nil
			}
		}
		if c.closing && len(c.out) == 0 {
			c.front.shut()
		}
	}
}

// lockedReceive executes what a connection read.
func (e *Engine) lockedReceive(c *client, in []byte) {
	e.mu.Lock()
	e.take(c, in)
	e.unlockAndFlush()
}

// take executes what came from c. The caller holds the lock.
func (e *Engine) take(c *client, in []byte) {
	if c.closing {
		return
	}
	e.stats.netIn += int64(len(in))
	c.req.in = append(c.req.in, in...)
	e.receive(c)
}

// gone forgets a client whose connection ended.
func (e *Engine) gone(c *client) {
	e.mu.Lock()
	e.freeClient(c)
	e.unlockAndFlush()
}

// objectMemory is about what the objects outside the arena take; the arena counts
// their blocks.
func (e *Engine) objectMemory() int64 { return e.heap }

// heapUsed is what the last collection found in use of Go's heap, without what a
// server without data uses, which comes and goes with requests; at least 1 MB.
func heapUsed() int64 {
	const idle = 16 << 20
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return 1<<20 + max(0, int64(s[0].Value.Uint64())-idle)
}
