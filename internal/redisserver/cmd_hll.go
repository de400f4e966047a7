package redisserver

func hllCommands() []command {
	return []command{
		{name: "pfadd", arity: -2, flags: "write denyoom fast", keys: "1 1 1", spec: "RW insert", cats: "hyperloglog", since: "2.8.9"},
		{name: "pfcount", arity: -2, flags: "readonly", keys: "1 -1 1", spec: "RW access", cats: "hyperloglog", since: "2.8.9"},
		{name: "pfdebug", arity: 3, flags: "write denyoom admin", keys: "2 2 1", spec: "RW access", cats: "hyperloglog", since: "2.8.9"},
		{name: "pfmerge", arity: -2, flags: "write denyoom", keys: "1 -1 1", spec: "RW access insert | index 1 | range 0 1 0; RO access | index 2 | range -1 1 0", cats: "hyperloglog", since: "2.8.9"},
		{name: "pfselftest", arity: 1, flags: "admin", cats: "hyperloglog", since: "2.8.9"},
	}
}
