package redisserver

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// mutex is a lock whose holder sees whether somebody waits for it, so that one who has
// much to do may do it in turns.
type mutex struct {
	sync.Mutex
	waiting atomic.Int32
	turns   atomic.Uint32 // how many of those who waited got it
}

// Lock implements [sync.Locker].
func (m *mutex) Lock() {
	if m.TryLock() {
		return
	}
	m.waiting.Add(1)
	m.Mutex.Lock()
	m.waiting.Add(-1)
	m.turns.Add(1)
}

// wanted says whether somebody waits.
func (m *mutex) wanted() bool { return m.waiting.Load() > 0 }

// giveWay, called after Unlock, lets one of those who wait have the lock.
func (m *mutex) giveWay() {
	for before := m.turns.Load(); m.wanted() && m.turns.Load() == before; {
		runtime.Gosched()
	}
}
