package redisserver

import "syscall"

// yieldProcessor lets other threads of the system run first.
func yieldProcessor() { _, _, _ = syscall.Syscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) }

// releaseMemory tells the system that b's content is no longer needed.
func releaseMemory(b []byte) { _ = syscall.Madvise(b, syscall.MADV_DONTNEED) }
