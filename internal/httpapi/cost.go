package httpapi

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"landings/internal/dataset"
	"landings/internal/readmodel"
)

// finder makes an answer within the time of a context, and tells its size in bytes.
type finder func(context.Context) (value any, bytes int64, err error)

// find gives the answer to a question, kept or made. It is made within the time that a
// query may take, and not ended by one client's leaving, for others may wait for the
// same answer. Where the asker can wait until a time only, for others wait behind it,
// no longer than that. A shared answer is not the asker's alone.
func (a *API) find(until time.Time, key readmodel.Key, find finder) (value any, shared bool, err error) {
	if !until.IsZero() {
		return a.results.Try(key, func() (any, int64, error) { return find(newTimeLimit(until)) })
	}
	value, err = a.results.Get(key, func() (any, int64, error) { return find(a.limitTime()) })
	return value, true, err
}

// limitTime gives the context that a query runs in.
func (a *API) limitTime() context.Context { return newTimeLimit(time.Now().Add(a.limits.QueryTime)) }

// timeLimit is a context that ends at a time. Unlike that of package context it costs
// nothing to make and to leave, for it has a timer only when somebody waits for its end,
// and it is over when it is over, not when a timer was seen to.
type timeLimit struct {
	context.Context
	until time.Time
	timer sync.Once
	done  chan struct{} // made with the timer
}

func newTimeLimit(until time.Time) *timeLimit {
	return &timeLimit{Context: context.Background(), until: until}
}

func (d *timeLimit) Deadline() (time.Time, bool) { return d.until, true }

func (d *timeLimit) Done() <-chan struct{} {
	d.timer.Do(func() {
		d.done = make(chan struct{})
		time.AfterFunc(time.Until(d.until), func() { close(d.done) })
	})
	return d.done
}

func (d *timeLimit) Err() error {
	if time.Until(d.until) > 0 {
		return nil
	}
	return context.DeadlineExceeded
}

// bodies are for answers that are sent once and not kept.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

// bodyOf gives room for so many bytes; with once it is to be given back by release.
func bodyOf(bytes int, once bool) []byte {
	if once {
		b := bodies.Get().(*[]byte)
		if cap(*b) >= bytes {
			return (*b)[:0]
		}
	}
	return make([]byte, 0, bytes)
}

// release takes a body that nobody has any more; a large one is not worth keeping.
func release(body []byte) {
	if cap(body) <= 2*shortBytes {
		bodies.Put(&body)
	}
}

func tooCostly(err error, most time.Duration) error {
	if _, says := errors.AsType[*dataset.Error](err); says || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &dataset.Error{
		Code:    dataset.TooCostly,
		Message: fmt.Sprintf("the query takes longer than %v", most),
		Remedy:  "narrow it down with a condition on a field, or raise --query-time; explain=true tells what it does",
		Err:     err,
	}
}
