package redisserver

import (
	"fmt"
	"os"
	"path/filepath"
)

// lockFolder takes a folder for this process alone: a file that cannot be opened
// twice, because it is removed only when it is closed.
func lockFolder(dir string) (unlock func() error, err error) {
	name := filepath.Join(dir, ".lock")
	_ = os.Remove(name) // fails while another process has it open
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the data folder %s is in use by another process: stop that one, or choose another with --dir (%w)", dir, err)
	}
	return func() error {
		_ = f.Close()
		return os.Remove(name)
	}, nil
}
