#!/bin/sh
# Starts redis-server with the options given, which say --appendonly yes, in a folder that may hold only dump.rdb.
#
# Redis 7 that is started with --appendonly yes reads the append-only file and nothing else; where there is none it
# starts empty, and its next save overwrites dump.rdb. So the first time, a Redis that nobody can reach reads
# dump.rdb and is told to begin an append-only file. Redis writes the manifest last, so a manifest means that the
# file is whole, and whatever is interrupted before it starts over: dump.rdb is not touched.
set -eu
cd /data

fail() {
	echo "redis-appendonly: $1" >&2
	exit 1
}

if [ -e dump.rdb ] && [ ! -e appendonlydir/appendonly.aof.manifest ]; then
	echo "redis-appendonly: making an append-only file of dump.rdb" >&2
	[ -w . ] || fail "user $(id -u):$(id -g) cannot write /data"
	socket=/tmp/redis-appendonly.$$.sock
	redis-server --port 0 --unixsocket "$socket" --unixsocketperm 700 --dir /data --save "" >&2 &
	redis=$!
	trap 'kill $redis 2>/dev/null || :' EXIT
	trap 'exit 1' INT TERM

	info() { redis-cli -s "$socket" info persistence 2>/dev/null | tr -d '\r'; }
	until info | grep -q '^loading:0$'; do
		kill -0 $redis 2>/dev/null || fail "redis-server cannot read dump.rdb: see the lines above"
		sleep 0.1
	done
	[ "$(redis-cli -s "$socket" config set appendonly yes)" = OK ] || fail "redis-server cannot begin an append-only file: see the lines above"
	until [ -e appendonlydir/appendonly.aof.manifest ] && info | grep -q '^aof_rewrite_in_progress:0$'; do
		kill -0 $redis 2>/dev/null || fail "redis-server ended early: see the lines above"
		sleep 0.1
	done
	redis-cli -s "$socket" shutdown nosave
	wait $redis || fail "redis-server did not stop well: see the lines above"
	trap - EXIT INT TERM
	echo "redis-appendonly: done" >&2
fi

exec redis-server --protected-mode no "$@"
