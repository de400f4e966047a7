package rdb

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// A File is a file that is written aside and takes its name only when it is
// whole and on disk.
type File struct {
	f    trickle
	path string
	done bool
}

// trickle is a file that reaches the disk while it is written.
type trickle struct {
	*os.File
	size, begun int64 // bytes written, and of them told to go to the disk
}

// trickleBytes is how much is written before it is told to go to the disk, as Redis does
// with rdb-save-incremental-fsync.
const trickleBytes = 4 << 20

func (t *trickle) Write(p []byte) (int, error) {
	n, err := t.File.Write(p)
	if t.size += int64(n); t.size-t.begun >= trickleBytes {
		startWriting(t.File, t.begun, t.size-t.begun)
		t.begun = t.size
	}
	return n, err
}

// CreateFile begins a file that is to be at path, as temp-<pid>.rdb beside it,
// where Redis too writes its dumps. There is one at a time in a folder.
func CreateFile(path string) (*File, error) {
	return createFile(path, filepath.Join(filepath.Dir(path), fmt.Sprintf("temp-%d.rdb", os.Getpid())))
}

func createFile(path, temp string) (*File, error) {
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, err
	}
	return &File{f: trickle{File: f}, path: path}, nil
}

// Write implements [io.Writer].
func (f *File) Write(p []byte) (int, error) { return f.f.Write(p) }

// Commit makes the file durable under its name: sync, close, rename, sync the
// folder. If it fails, the file that was there before still is, unless only the
// last step failed.
func (f *File) Commit() error {
	if err := f.f.Sync(); err != nil {
		f.Abort()
		return err
	}
	if err := f.f.Close(); err != nil {
		f.Abort()
		return err
	}
	if err := os.Rename(f.f.Name(), f.path); err != nil {
		f.Abort()
		return err
	}
	f.done = true
	return syncDir(filepath.Dir(f.path))
}

// Abort removes the file, unless it was committed.
func (f *File) Abort() {
	if f.done {
		return
	}
	f.done = true
	f.f.Close()
	_ = os.Remove(f.f.Name()) // the next one is written over it
}

// Save writes a file durably in place of that at path, or changes nothing.
func Save(path string, write func(io.Writer) error) error {
	f, err := CreateFile(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Abort()
		return err
	}
	return f.Commit()
}

// syncDir makes the names in a folder durable. Windows keeps them with the
// files and cannot sync a folder.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}
