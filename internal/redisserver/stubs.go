package redisserver

func bitmapCommands() []command { return nil }
