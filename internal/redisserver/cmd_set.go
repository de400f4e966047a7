package redisserver

func setCommands() []command {
	return []command{
		{name: "sadd", arity: -3, flags: "write denyoom fast", keys: "1 1 1", spec: "RW insert", cats: "set", since: "1.0.0"},
		{name: "scard", arity: 2, flags: "readonly fast", keys: "1 1 1", spec: "RO", cats: "set", since: "1.0.0"},
		{name: "sdiff", arity: -2, flags: "readonly", keys: "1 -1 1", spec: "RO access", cats: "set", tips: "nondeterministic_output_order", since: "1.0.0"},
		{name: "sdiffstore", arity: -3, flags: "write denyoom", keys: "1 -1 1", spec: "OW update | index 1 | range 0 1 0; RO access | index 2 | range -1 1 0", cats: "set", since: "1.0.0"},
		{name: "sinter", arity: -2, flags: "readonly", keys: "1 -1 1", spec: "RO access", cats: "set", tips: "nondeterministic_output_order", since: "1.0.0"},
		{name: "sintercard", arity: -3, flags: "readonly movablekeys", keys: "0 0 0", spec: "RO access | index 1 | keynum 0 1 1", cats: "set", since: "7.0.0"},
		{name: "sinterstore", arity: -3, flags: "write denyoom", keys: "1 -1 1", spec: "RW update | index 1 | range 0 1 0; RO access | index 2 | range -1 1 0", cats: "set", since: "1.0.0"},
		{name: "sismember", arity: 3, flags: "readonly fast", keys: "1 1 1", spec: "RO", cats: "set", since: "1.0.0"},
		{name: "smembers", arity: 2, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "set", tips: "nondeterministic_output_order", since: "1.0.0"},
		{name: "smismember", arity: -3, flags: "readonly fast", keys: "1 1 1", spec: "RO access", cats: "set", since: "6.2.0"},
		{name: "smove", arity: 4, flags: "write fast", keys: "1 2 1", spec: "RW access delete | index 1 | range 0 1 0; RW insert | index 2 | range 0 1 0", cats: "set", since: "1.0.0"},
		{name: "spop", arity: -2, flags: "write fast", keys: "1 1 1", spec: "RW access delete", cats: "set", tips: "nondeterministic_output", since: "1.0.0"},
		{name: "srandmember", arity: -2, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "set", tips: "nondeterministic_output", since: "1.0.0"},
		{name: "srem", arity: -3, flags: "write fast", keys: "1 1 1", spec: "RW delete", cats: "set", since: "1.0.0"},
		{name: "sscan", arity: -3, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "set", tips: "nondeterministic_output", since: "2.8.0"},
		{name: "sunion", arity: -2, flags: "readonly", keys: "1 -1 1", spec: "RO access", cats: "set", tips: "nondeterministic_output_order", since: "1.0.0"},
		{name: "sunionstore", arity: -3, flags: "write denyoom", keys: "1 -1 1", spec: "OW update | index 1 | range 0 1 0; RO access | index 2 | range -1 1 0", cats: "set", since: "1.0.0"},
	}
}
