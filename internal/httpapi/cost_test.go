package httpapi

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestTimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until := time.Now().Add(time.Second)
		ctx := newTimeLimit(until)
		if at, ok := ctx.Deadline(); !ok || !at.Equal(until) {
			t.Errorf("%v, %v", at, ok)
		}
		time.Sleep(time.Second - 1)
		if err := ctx.Err(); err != nil {
			t.Errorf("%v before it is over", err)
		}
		select {
		case <-ctx.Done():
			t.Error("done before it is over")
		default:
		}
		<-ctx.Done()
		if err := ctx.Err(); !errors.Is(err, context.DeadlineExceeded) || !time.Now().Equal(until) {
			t.Errorf("%v at %v", err, time.Now())
		}
		<-newTimeLimit(until).Done() // over when it is made
	})
}
