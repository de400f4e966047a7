package httpapi

import (
	"cmp"
	"context"
	"io"
	"iter"
	"log/slog"
	"time"

	"landings/internal/dataset"
	"landings/internal/ingest"
	"landings/internal/readmodel"
	"landings/internal/telemetry"
)

// Store is what the API needs of whatever keeps the truth. Its errors are
// [dataset.Error]s; any other is shown as an internal error.
type Store interface {
	// Update changes one record as decide says, and gives the state after it.
	Update(ctx context.Context, name, id string, decide dataset.Decide) (dataset.State, error)
	// Begin is an Update that does not wait: done is called once, with what Update would
	// return, and must not block.
	Begin(name, id string, decide dataset.Decide, done func(dataset.State, error))
	// Load puts another content in place, and gives the state after it. An error of
	// read is returned as it is.
	Load(ctx context.Context, name string, read dataset.Read, check dataset.Check) (dataset.State, error)
	// Drop removes a dataset and gives the state before; NotFound if there is none.
	Drop(ctx context.Context, name string, check dataset.Check) (dataset.State, error)
	// Rejected gives what the last load left out, and how many there were in all.
	Rejected(ctx context.Context, name string) ([]dataset.Rejection, int, error)
	// Generations gives the loads of a dataset that are there, the newest first.
	Generations(ctx context.Context, name string) ([]dataset.Generation, error)
	// RollBack makes the content of an earlier one the dataset's, under a new number,
	// and gives the state after it.
	RollBack(ctx context.Context, name string, generation uint64, check dataset.Check) (dataset.State, error)
	// Keys gives every key in the database, each once, in no order.
	Keys(ctx context.Context) iter.Seq2[string, error]
	// Reach returns once reads of a dataset show a version or a later one; with
	// [dataset.Latest], all that was acknowledged by any node when it was called.
	// Unavailable says that this took too long.
	Reach(ctx context.Context, name string, version uint64) error
	// Promise says what keeps writes of a dataset from getting as safe as is asked;
	// nil: nothing is known to.
	Promise(ctx context.Context, name string, ack dataset.Ack) error
	// Confirm returns once the commit that made a state, as the methods above gave it,
	// is as safe as is asked. NotConfirmed says that this took too long. How safe the
	// commit is known to be is given either way.
	Confirm(ctx context.Context, at dataset.State, ack dataset.Ack) (dataset.Ack, error)
	// Missing says why a dataset that the catalog does not have may exist all the same: it
	// cannot be read now. It is nil where it is known not to exist.
	Missing(name string) error
	// Damaged gives the datasets that cannot be read or written until somebody mends them.
	Damaged() map[string]error
	// Age says how long ago the store last knew that reads show what it keeps; 0
	// while it is known to be there.
	Age() time.Duration
	// Ready says what keeps the store from taking writes; nil: nothing.
	Ready(ctx context.Context) error
}

// Source is what POST /data without a body loads.
type Source interface {
	Open(ctx context.Context) (io.ReadCloser, ingest.Options, error)
}

// Dataset is what is configured of one dataset.
type Dataset struct {
	Name   string
	Source Source         // nil: a load needs a body
	Read   ingest.Options // how its data are read, unless a request says otherwise
	Ack    dataset.Ack    // how safe writes are before they are answered, unless a request says otherwise
}

// Config is what an API is made of. Catalog, Store and one dataset are needed.
type Config struct {
	Datasets []Dataset          // the configured ones; the first is behind /data
	Catalog  *readmodel.Catalog // what reads are answered from
	Store    Store

	// Who may write. With tokens, whoever shows one; without, requests from this
	// host, unless AllowRemoteWrites. Pages of other origins may not, except those
	// of AllowedOrigins ("https://example.org", scheme and host as in Origin). All may read.
	Tokens            []string
	AllowRemoteWrites bool
	AllowedOrigins    []string

	// Ack is how safe writes are before they are answered, where neither their dataset
	// nor a request says so.
	Ack dataset.Ack

	// ReadyForReads makes /readyz say yes as long as reads can be answered, also
	// while the store cannot take writes.
	ReadyForReads bool

	Metrics *telemetry.Metrics // what requests are counted in; nil: some of its own

	Limits  Limits // zero fields take the values of [DefaultLimits]
	Logger  *slog.Logger
	Version string // of the program, for /livez
}

// Limits bounds what clients can make the server do.
type Limits struct {
	HeaderBytes int   // of a request's line and header
	BodyBytes   int64 // of a request's body as sent
	Connections int   // open at once; more wait to be accepted
	Loads       int   // whole datasets read at once; more are refused with 503
	Scans       int   // listings of keys at once; more are refused with 503

	HeaderTime time.Duration // until a request's header is there
	IdleTime   time.Duration // between requests of a connection
	// StallTime and MinRate bound slow bodies and slow readers: in each span of
	// StallTime spent waiting for a client, MinRate*StallTime bytes must move.
	StallTime time.Duration
	MinRate   int64 // bytes a second

	Ingest ingest.Limits // what an input may hold

	AddressBytes int           // of the parameters in an address
	QueryBytes   int64         // of the body of a QUERY request
	FilterBytes  int           // of a filter
	Positions    int           // in all geometries of a filter together
	Fields       int           // named in one parameter, or asked for by value
	QueryTime    time.Duration // that answering one query may take
	ResultBytes  int64         // of answers that are kept for who asks the same again
}

// DefaultLimits gives the limits that hold where none are set.
func DefaultLimits() Limits {
	return Limits{
		HeaderBytes: 32 << 10,
		BodyBytes:   1 << 30,
		Connections: 8192,
		Loads:       4,
		Scans:       4,
		HeaderTime:  10 * time.Second,
		IdleTime:    2 * time.Minute,
		StallTime:   30 * time.Second,
		MinRate:     1 << 10,
		Ingest:      ingest.DefaultLimits(),

		AddressBytes: 16 << 10,
		QueryBytes:   2 << 20,
		FilterBytes:  1 << 20,
		Positions:    10_000,
		Fields:       100,
		QueryTime:    5 * time.Second,
		ResultBytes:  24 << 20,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	l.HeaderBytes = cmp.Or(l.HeaderBytes, d.HeaderBytes)
	l.BodyBytes = cmp.Or(l.BodyBytes, d.BodyBytes)
	l.Connections = cmp.Or(l.Connections, d.Connections)
	l.Loads = cmp.Or(l.Loads, d.Loads)
	l.Scans = cmp.Or(l.Scans, d.Scans)
	l.HeaderTime = cmp.Or(l.HeaderTime, d.HeaderTime)
	l.IdleTime = cmp.Or(l.IdleTime, d.IdleTime)
	l.StallTime = cmp.Or(l.StallTime, d.StallTime)
	l.MinRate = cmp.Or(l.MinRate, d.MinRate)
	l.Ingest.MaxRecordBytes = cmp.Or(l.Ingest.MaxRecordBytes, d.Ingest.MaxRecordBytes)
	l.Ingest.MaxFields = cmp.Or(l.Ingest.MaxFields, d.Ingest.MaxFields)
	l.AddressBytes = cmp.Or(l.AddressBytes, d.AddressBytes)
	l.QueryBytes = cmp.Or(l.QueryBytes, d.QueryBytes)
	l.FilterBytes = cmp.Or(l.FilterBytes, d.FilterBytes)
	l.Positions = cmp.Or(l.Positions, d.Positions)
	l.Fields = cmp.Or(l.Fields, d.Fields)
	l.QueryTime = cmp.Or(l.QueryTime, d.QueryTime)
	l.ResultBytes = cmp.Or(l.ResultBytes, d.ResultBytes)
	return l
}

// quota is how many bytes must move in each StallTime.
func (l Limits) quota() int64 { return max(1, int64(float64(l.MinRate)*l.StallTime.Seconds())) }

// deadline is until when a client may stall from now on.
func deadline(l Limits) time.Time { return time.Now().Add(l.StallTime) }

// answerTime is how long sending an answer may take before anything is sent: one
// StallTime for a body that nobody wants, which net/http reads before it answers,
// and one for the answer.
func (l Limits) answerTime() time.Duration { return 2 * l.StallTime }

func answerDeadline(l Limits) time.Time { return time.Now().Add(l.answerTime()) }
