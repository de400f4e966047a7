package redisserver

func mapMemory(n int) []byte { return make([]byte, n) }
