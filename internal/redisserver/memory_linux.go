package redisserver

import "syscall"

// releaseMemory tells the system that b's content is no longer needed.
func releaseMemory(b []byte) { _ = syscall.Madvise(b, syscall.MADV_DONTNEED) }
