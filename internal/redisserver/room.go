package redisserver

import (
	"fmt"
	"io"
	"math"
	"syscall"
	"time"
)

// A command that is done but cannot be written stays in memory, where nothing undoes it, and
// holds up all that comes after it until the disk has room for it. So a command is refused
// before it is done when the disk has no room for it. What is left then, the reserve, is for small
// writes, for deletions and for a new base of the append-only file without what was deleted.
//
// Another program may take the room between two looks at the disk; what happens then is
// what happens where a write fails for any other reason.

const (
	mostReserve = 16 << 20 // of a disk of 128 MB or more, an eighth of a smaller one
	spareBy     = 4        // a part of the reserve that no dump and no new base takes
	leastBy     = 16       // a part of the reserve that only deletions take
	sizes       = 256      // a command leaves room for so many of its size, within these bounds
)

const errDiskFull = "MISCONF Errors writing to the AOF file: no space left on device"

// look asks the system how much room the disk has.
func (a *aofLog) look() {
	done := a.done.Load() // before the question: better counted twice than not at all
	free, total := diskRoom(a.dir)
	if total == 0 { // the system does not say
		a.reserve.Store(0)
		a.limit.Store(math.MaxInt64)
		return
	}
	a.reserve.Store(min(mostReserve, total/8))
	a.limit.Store(done + free)
}

// free is the room that is left for what is not appended yet.
func (a *aofLog) free() int64 { return a.limit.Load() - a.appended.Load() }

// fits says whether the disk has room for a command, or for a transaction of so many bytes
// of which the largest command has largest.
func (a *aofLog) fits(bytes, largest int) bool {
	reserve := a.reserve.Load()
	return a.free()-int64(bytes) >= min(max(int64(largest)*sizes, reserve/leastBy), reserve)
}

// hasRoom is fits for the present append-only file, and notes that something did not fit. The
// caller holds the lock.
func (e *Engine) hasRoom(bytes, largest int) bool {
	if e.aof == nil || e.aof.fits(bytes, largest) {
		return true
	}
	if e.aof.cramped.IsZero() {
		e.aof.cramped = time.Now()
	}
	return false
}

// crampedFor is for how long writes have been refused for want of room since the last new
// base. The caller holds the lock.
func (a *aofLog) crampedFor() time.Duration {
	if a.cramped.IsZero() {
		return 0
	}
	return time.Since(a.cramped)
}

// bloated says whether writes have been refused for want of room while much of it is taken by
// what a new base may not need. What was refused is often the end of something that is
// deleted next, which a second is left for. The caller holds the lock.
func (a *aofLog) bloated() bool {
	base, incr := a.files.Sizes()
	return a.crampedFor() > time.Second && incr > max(a.reserve.Load()/spareBy, base/10)
}

// shrink begins a rewrite of a file that is bloated, if one is likely to fit on the disk: where
// there is more room than for the last one, or after a rest. The caller holds the lock.
func (e *Engine) shrink() {
	room := e.aof.free() - e.aof.reserve.Load()/spareBy
	more := room > e.saves.rewriteRoom && time.Since(e.saves.rewriteBegan) > retry
	if room > e.arena.used/2 && (more || e.rested()) { // compression seldom saves more
		e.saves.rewriteRoom = room * 9 / 8
		e.startRewrite(false)
	}
}

// rested says whether a rewrite may begin by itself. The caller holds the lock.
func (e *Engine) rested() bool { return time.Since(e.saves.rewriteBegan) > e.saves.rewriteRest }

// sparing is a file of a save, which fails before it takes room that writes need.
type sparing struct {
	io.Writer
	a     *aofLog
	since int // bytes written since the last look
}

func (s *sparing) Write(p []byte) (int, error) {
	if s.since += len(p); s.since > 256<<10 {
		s.a.look()
		s.since = 0
	}
	if spare := s.a.reserve.Load() / spareBy; s.a.free()-int64(len(p)) < spare {
		return 0, fmt.Errorf("%d bytes are left to the append-only file: %w", spare, syscall.ENOSPC)
	}
	return s.Writer.Write(p)
}
