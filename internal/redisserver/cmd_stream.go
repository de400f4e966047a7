package redisserver

func streamCommands() []command {
	return []command{
		{name: "xack", arity: -4, flags: "write fast", keys: "1 1 1", spec: "RW update", cats: "stream", since: "5.0.0"},
		{name: "xadd", arity: -5, flags: "write denyoom fast", keys: "1 1 1", spec: "RW update", cats: "stream", tips: "nondeterministic_output", since: "5.0.0"},
		{name: "xautoclaim", arity: -6, flags: "write fast", keys: "1 1 1", spec: "RW delete", cats: "stream", tips: "nondeterministic_output", since: "6.2.0"},
		{name: "xclaim", arity: -6, flags: "write fast", keys: "1 1 1", spec: "RW update", cats: "stream", tips: "nondeterministic_output", since: "5.0.0"},
		{name: "xdel", arity: -3, flags: "write fast", keys: "1 1 1", spec: "RW delete", cats: "stream", since: "5.0.0"},
		{name: "xgroup", arity: -2, since: "5.0.0", sub: []command{
			{name: "create", arity: -5, flags: "write denyoom", keys: "2 2 1", spec: "RW insert", cats: "stream", since: "5.0.0"},
			{name: "createconsumer", arity: 5, flags: "write denyoom", keys: "2 2 1", spec: "RW insert", cats: "stream", since: "6.2.0"},
			{name: "delconsumer", arity: 5, flags: "write", keys: "2 2 1", spec: "RW delete", cats: "stream", since: "5.0.0"},
			{name: "destroy", arity: 4, flags: "write", keys: "2 2 1", spec: "RW delete", cats: "stream", since: "5.0.0"},
			{name: "help", arity: 2, flags: "loading stale", cats: "stream", since: "5.0.0"},
			{name: "setid", arity: -5, flags: "write", keys: "2 2 1", spec: "RW update", cats: "stream", since: "5.0.0"},
		}},
		{name: "xinfo", arity: -2, since: "5.0.0", sub: []command{
			{name: "consumers", arity: 4, flags: "readonly", keys: "2 2 1", spec: "RO access", cats: "stream", tips: "nondeterministic_output", since: "5.0.0"},
			{name: "groups", arity: 3, flags: "readonly", keys: "2 2 1", spec: "RO access", cats: "stream", since: "5.0.0"},
			{name: "help", arity: 2, flags: "loading stale", cats: "stream", since: "5.0.0"},
			{name: "stream", arity: -3, flags: "readonly", keys: "2 2 1", spec: "RO access", cats: "stream", since: "5.0.0"},
		}},
		{name: "xlen", arity: 2, flags: "readonly fast", keys: "1 1 1", spec: "RO", cats: "stream", since: "5.0.0"},
		{name: "xpending", arity: -3, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "stream", tips: "nondeterministic_output", since: "5.0.0"},
		{name: "xrange", arity: -4, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "stream", since: "5.0.0"},
		{name: "xread", arity: -4, flags: "readonly blocking movablekeys", keys: "0 0 0", spec: "RO access | keyword STREAMS 1 | range -1 1 2", cats: "stream", since: "5.0.0"},
		{name: "xreadgroup", arity: -7, flags: "write blocking movablekeys", keys: "0 0 0", spec: "RO access | keyword STREAMS 4 | range -1 1 2", cats: "stream", since: "5.0.0"},
		{name: "xrevrange", arity: -4, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "stream", since: "5.0.0"},
		{name: "xsetid", arity: -3, flags: "write denyoom fast", keys: "1 1 1", spec: "RW update", cats: "stream", since: "5.0.0"},
		{name: "xtrim", arity: -4, flags: "write", keys: "1 1 1", spec: "RW delete", cats: "stream", tips: "nondeterministic_output", since: "5.0.0"},
	}
}
