//go:build !linux

package direct

import "errors"

// loop is there on Linux only; elsewhere a goroutine serves each connection.
type loop struct{}

func newLoop(*Front) (*loop, error) { return nil, errors.ErrUnsupported }

func (*loop) take(*conn, *handover) bool { return false }
func (*loop) wake()                      {}
func (*loop) cut()                       {}
