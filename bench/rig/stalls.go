package rig

import (
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	stallsEvery = 500 * time.Microsecond // between two looks at the clock
	stallsFrom  = 300 * time.Microsecond // beyond the time that was due: a thread that goes before all others wakes within a few microseconds
)

// Stalls watches for stalls of the machine itself, such as of a virtual one whose host runs others: nothing that is measured can be better
// than they are. A thread that goes before all others sleeps and wakes again on each processor. The function ends that and gives the
// share of the time that the worst processor was late; 0 where such a thread is not allowed.
func Stalls() (end func() float64) {
	stop := make(chan struct{})
	var group sync.WaitGroup
	late := make([]time.Duration, runtime.NumCPU())
	begun := time.Now()
	for cpu := range late {
		group.Go(func() {
			runtime.LockOSThread() // for good: the thread ends with the goroutine
			var set unix.CPUSet
			set.Set(cpu)
			if unix.SchedSetaffinity(0, &set) != nil || unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}, 0) != nil {
				return
			}
			pause := unix.NsecToTimespec(stallsEvery.Nanoseconds())
			for {
				select {
				case <-stop:
					return
				default:
				}
				before := time.Now()
				_ = unix.Nanosleep(&pause, nil)
				if over := time.Since(before) - stallsEvery; over > stallsFrom {
					late[cpu] += over
				}
			}
		})
	}
	return func() float64 {
		close(stop)
		group.Wait()
		whole := time.Since(begun)
		most := 0.0
		for _, l := range late {
			most = max(most, l.Seconds()/whole.Seconds())
		}
		return most
	}
}
