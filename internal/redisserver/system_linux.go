package redisserver

import (
	"os"
	"syscall"
)

// yieldProcessor lets other threads of the system run first.
func yieldProcessor() { _, _, _ = syscall.Syscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) }

// diskRoom is the bytes that this process may still write to the disk of a folder, and all that
// the disk has; 0 and 0 where the system does not say.
func diskRoom(dir string) (free, total int64) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, 0
	}
	blocks := s.Bavail
	if os.Geteuid() == 0 {
		blocks = s.Bfree // what is kept back is for root
	}
	size := uint64(s.Frsize)
	return int64(blocks * size), int64(s.Blocks * size)
}

// releaseMemory tells the system that b's content is no longer needed.
func releaseMemory(b []byte) { _ = syscall.Madvise(b, syscall.MADV_DONTNEED) }
