// Package e2e tests Landings from outside, as its users meet it: the program as a process of its own beside a real
// redis-server, redis-cli, the Python client, curl, and containers on a real Docker engine.
//
// It imports no other package of the module. All tests but those of the repository's own files carry the build tag
// e2e and need what .ci/run installs; run them with `make e2e`.
package e2e
