package httpapi

import (
	"syscall"
	"unsafe"
)

// unsent gives how many bytes the kernel holds that the other end of a connection
// has not acknowledged (tcp(7), SIOCOUTQ); 0 where that cannot be told.
func unsent(conn any) int64 {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	var queued int32
	err = raw.Control(func(fd uintptr) {
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&queued)))
		if errno != 0 {
			queued = 0
		}
	})
	if err != nil {
		return 0
	}
	return int64(queued)
}
