//go:build !linux

package rdb

import "os"

// syncData makes a file's content and length durable.
func syncData(f *os.File) error { return f.Sync() }
