//go:build !linux

package redisserver

import "net"

// multiplexing names the way of serving sockets in INFO.
const multiplexing = "goroutines"

// adopt says that there is no event loop for this system.
func (e *Engine) adopt(net.Conn) bool { return false }
