// Landings publishes a dataset as a live, durable HTTP API, kept in Redis. See
// README.md; the commands are in internal/cli.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"landings/internal/cli"
)

// version is set when the program is built.
var version = "unreleased"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, version)
	stop()
	os.Exit(code)
}
