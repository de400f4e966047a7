//go:build !linux

package redisserver

func releaseMemory([]byte) {}

func yieldProcessor() {}
