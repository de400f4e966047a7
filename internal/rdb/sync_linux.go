package rdb

import (
	"os"
	"syscall"
)

// syncData makes a file's content and length durable, leaving out its times.
func syncData(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var serr error
	err = conn.Control(func(fd uintptr) {
		for {
			if serr = syscall.Fdatasync(int(fd)); serr != syscall.EINTR {
				return
			}
		}
	})
	if err == nil {
		err = serr
	}
	if err != nil {
		return &os.PathError{Op: "sync", Path: f.Name(), Err: err}
	}
	return nil
}

// startWriting has the system begin to write so many bytes of a file to the disk, so that
// the sync at its end, and those of other files meanwhile, need not wait for all of it.
func startWriting(f *os.File, from, n int64) {
	const write = 2 // SYNC_FILE_RANGE_WRITE
	conn, err := f.SyscallConn()
	if err == nil {
		_ = conn.Control(func(fd uintptr) { _ = syscall.SyncFileRange(int(fd), from, n, write) })
	}
}
