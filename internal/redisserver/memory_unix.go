//go:build unix

package redisserver

import "syscall"

// mapMemory asks the system for n bytes outside the garbage collector's heap.
func mapMemory(n int) []byte {
	b, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return make([]byte, n) // the runtime reports exhaustion better than we could
	}
	return b
}
