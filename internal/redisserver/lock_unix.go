//go:build unix

package redisserver

import (
	"fmt"
	"os"
	"syscall"
)

// lockFolder takes a folder for this process alone: a lock on the folder itself,
// which leaves no file behind and ends with the process.
func lockFolder(dir string) (unlock func() error, err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = d.Close()
		if err == syscall.EWOULDBLOCK {
			return nil, fmt.Errorf("the data folder %s is in use by another process: stop that one, or choose another with --dir", dir)
		}
		return nil, fmt.Errorf("locking the data folder %s: %w", dir, err)
	}
	return d.Close, nil
}
