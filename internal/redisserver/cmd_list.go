package redisserver

func listCommands() []command {
	return []command{
		{name: "blmove", arity: 6, flags: "write denyoom noscript blocking", keys: "1 2 1", spec: "RW access delete | index 1 | range 0 1 0; RW insert | index 2 | range 0 1 0", cats: "list", since: "6.2.0"},
		{name: "blmpop", arity: -5, flags: "write blocking movablekeys", keys: "0 0 0", spec: "RW access delete | index 2 | keynum 0 1 1", cats: "list", since: "7.0.0"},
		{name: "blpop", arity: -3, flags: "write noscript blocking", keys: "1 -2 1", spec: "RW access delete", cats: "list", since: "2.0.0"},
		{name: "brpop", arity: -3, flags: "write noscript blocking", keys: "1 -2 1", spec: "RW access delete", cats: "list", since: "2.0.0"},
		{name: "brpoplpush", arity: 4, flags: "write denyoom noscript blocking", keys: "1 2 1", spec: "RW access delete | index 1 | range 0 1 0; RW insert | index 2 | range 0 1 0", cats: "list", since: "2.2.0"},
		{name: "lindex", arity: 3, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "list", since: "1.0.0"},
		{name: "linsert", arity: 5, flags: "write denyoom", keys: "1 1 1", spec: "RW insert", cats: "list", since: "2.2.0"},
		{name: "llen", arity: 2, flags: "readonly fast", keys: "1 1 1", spec: "RO", cats: "list", since: "1.0.0"},
		{name: "lmove", arity: 5, flags: "write denyoom", keys: "1 2 1", spec: "RW access delete | index 1 | range 0 1 0; RW insert | index 2 | range 0 1 0", cats: "list", since: "6.2.0"},
		{name: "lmpop", arity: -4, flags: "write movablekeys", keys: "0 0 0", spec: "RW access delete | index 1 | keynum 0 1 1", cats: "list", since: "7.0.0"},
		{name: "lpop", arity: -2, flags: "write fast", keys: "1 1 1", spec: "RW access delete", cats: "list", since: "1.0.0"},
		{name: "lpos", arity: -3, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "list", since: "6.0.6"},
		{name: "lpush", arity: -3, flags: "write denyoom fast", keys: "1 1 1", spec: "RW insert", cats: "list", since: "1.0.0"},
		{name: "lpushx", arity: -3, flags: "write denyoom fast", keys: "1 1 1", spec: "RW insert", cats: "list", since: "2.2.0"},
		{name: "lrange", arity: 4, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "list", since: "1.0.0"},
		{name: "lrem", arity: 4, flags: "write", keys: "1 1 1", spec: "RW delete", cats: "list", since: "1.0.0"},
		{name: "lset", arity: 4, flags: "write denyoom", keys: "1 1 1", spec: "RW update", cats: "list", since: "1.0.0"},
		{name: "ltrim", arity: 4, flags: "write", keys: "1 1 1", spec: "RW delete", cats: "list", since: "1.0.0"},
		{name: "rpop", arity: -2, flags: "write fast", keys: "1 1 1", spec: "RW access delete", cats: "list", since: "1.0.0"},
		{name: "rpoplpush", arity: 3, flags: "write denyoom", keys: "1 2 1", spec: "RW access delete | index 1 | range 0 1 0; RW insert | index 2 | range 0 1 0", cats: "list", since: "1.2.0"},
		{name: "rpush", arity: -3, flags: "write denyoom fast", keys: "1 1 1", spec: "RW insert", cats: "list", since: "1.0.0"},
		{name: "rpushx", arity: -3, flags: "write denyoom fast", keys: "1 1 1", spec: "RW insert", cats: "list", since: "2.2.0"},
	}
}
