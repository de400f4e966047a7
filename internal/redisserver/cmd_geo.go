package redisserver

func geoCommands() []command {
	return []command{
		{name: "geoadd", arity: -5, flags: "write denyoom", keys: "1 1 1", spec: "RW update", cats: "geo", since: "3.2.0"},
		{name: "geodist", arity: -4, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "geo", since: "3.2.0"},
		{name: "geohash", arity: -2, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "geo", since: "3.2.0"},
		{name: "geopos", arity: -2, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "geo", since: "3.2.0"},
		{name: "georadius", arity: -6, flags: "write denyoom movablekeys", keys: "1 1 1", spec: "RO access | index 1 | range 0 1 0; OW update | keyword STORE 6 | range 0 1 0; OW update | keyword STOREDIST 6 | range 0 1 0", cats: "geo", since: "3.2.0"},
		{name: "georadius_ro", arity: -6, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "geo", since: "3.2.10"},
		{name: "georadiusbymember", arity: -5, flags: "write denyoom movablekeys", keys: "1 1 1", spec: "RO access | index 1 | range 0 1 0; OW update | keyword STORE 5 | range 0 1 0; OW update | keyword STOREDIST 5 | range 0 1 0", cats: "geo", since: "3.2.0"},
		{name: "georadiusbymember_ro", arity: -5, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "geo", since: "3.2.10"},
		{name: "geosearch", arity: -7, flags: "readonly", keys: "1 1 1", spec: "RO access", cats: "geo", since: "6.2.0"},
		{name: "geosearchstore", arity: -8, flags: "write denyoom", keys: "1 2 1", spec: "OW update | index 1 | range 0 1 0; RO access | index 2 | range 0 1 0", cats: "geo", since: "6.2.0"},
	}
}
