package redisserver

func bitmapCommands() []command { return nil }
func absentCommands() []command { return nil }
