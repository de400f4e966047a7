// Package redisserver is the embedded engine: a Redis-compatible, durable
// in-memory database for one machine, written from the protocol up in Go.
//
// It speaks RESP2, RESP3 and inline commands on any net.Listener and on
// in-process connections, keeps its data in pointer-free memory, and stores it
// in the files of package rdb, so that a data folder moves between it and
// redis-server 7.0 both ways.
//
// It is a Redis and nothing else: it knows no dataset, no HTTP and no
// configuration of Landings. DESIGN.md beside this file explains its shape and
// how a command family is added.
package redisserver
