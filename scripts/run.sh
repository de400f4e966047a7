#!/usr/bin/env bash
# Serves with the Redis on the PATH, which keeps its data in ./data as the tutorial does, and stops that
# Redis cleanly after the node. A Redis that already answers on the port is used as it is, and left alone.
set -eu
set -m # each child in its own process group: Ctrl-C reaches this script, which stops the node first

listen=${LISTEN:-127.0.0.1:5000}
port=${REDIS_PORT:-6379}
redis=
node=
stopping=

command -v redis-server >/dev/null && command -v redis-cli >/dev/null || {
	echo "make run needs redis-server: apt-get install redis-server, or brew install redis; or use docker-compose up" >&2
	exit 1
}

answers() { [ "$(redis-cli -h 127.0.0.1 -p "$port" ping 2>/dev/null)" = PONG ]; }
stop_redis() {
	if [ -n "$redis" ]; then
		kill -TERM "$redis" 2>/dev/null || :
		wait "$redis" || :
	fi
}
stop_node() {
	stopping=yes
	if [ -n "$node" ]; then kill -TERM "$node" 2>/dev/null || :; fi
}
trap stop_redis EXIT
trap stop_node INT TERM

if answers; then
	echo "using the Redis that already answers on 127.0.0.1:$port" >&2
else
	redis-server --bind 127.0.0.1 --port "$port" --dir "$PWD/data" --logfile "$PWD/data/redis.log" --save 1 1 &
	redis=$!
	until answers; do
		[ -z "$stopping" ] && kill -0 "$redis" 2>/dev/null || {
			echo "redis-server did not start: see data/redis.log" >&2
			exit 1
		}
		sleep 0.1
	done
	echo "redis-server on 127.0.0.1:$port keeps its data in ./data" >&2
fi

status=0
if [ -z "$stopping" ]; then
	bin/landings serve --redis "redis://127.0.0.1:$port/0" --listen "$listen" &
	node=$!
	# A signal ends wait early: wait again until the node is gone.
	while kill -0 "$node" 2>/dev/null; do
		status=0
		wait "$node" || status=$?
	done
fi
exit "$status"
