package redisserver

import (
	"syscall"
	"testing"
	"time"
)

// A loop that has ended does not wait, though its wake-up was taken already: Close waited
// for it for ever.
func TestEndedLoopDoesNotWait(t *testing.T) {
	l, err := newLoop(nil)
	if err != nil {
		t.Fatal(err)
	}
	l.ended.Store(true)
	waited := make(chan int, 1)
	go func() { waited <- l.wait(make([]syscall.EpollEvent, 1)) }()
	select {
	case n := <-waited:
		if n != 0 {
			t.Errorf("%d events", n)
		}
		l.release()
	case <-time.After(10 * time.Second):
		t.Fatal("it waits")
	}
}
