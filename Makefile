# Landings. `make run` and `make test` need Go 1.26 and nothing else but what they say.

VERSION  := $(shell cat VERSION)
TOOL     := go tool -modfile=tools/go.mod
LISTEN   ?= 127.0.0.1:5000
FUZZTIME ?= 20s
export LISTEN FUZZTIME

.PHONY: help run build test check race fuzz bench e2e
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/  make \1\t\2/p' Makefile

build: ## bin/landings, one static binary
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/landings ./cmd/landings

run: build ## build everything and serve on LISTEN, with the embedded engine and its data in ./data
	@exec bin/landings serve --listen $(LISTEN) --dir ./data

test: ## vet and every test that needs nothing but this repository
	go vet ./...
	go test ./...

check: ## vet, staticcheck, golangci-lint, formatting, go.mod
	go vet ./...
	go vet -tags e2e ./...
	$(TOOL) staticcheck -tags e2e ./...
	$(TOOL) golangci-lint run --allow-parallel-runners
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not formatted, run gofmt -w: $$unformatted" >&2; exit 1; }
	go mod tidy -diff

race: ## every test of `make test` under the race detector
	CGO_ENABLED=1 go test -race ./...

fuzz: ## every fuzz target, FUZZTIME each
	@sh scripts/fuzz.sh

# One package at a time: tests of two at once may pick the same free port.
e2e: build ## tests with real Redis servers, processes and containers (Debian: see .ci/run)
	go test -tags e2e -p 1 -count=1 -timeout 25m ./...
	REDISTEST_SERVER="$(CURDIR)/bin/landings redis-server" go test -tags e2e -count=1 ./internal/store

bench: build ## Landings beside Flask, redis-cli, nginx, PostGIS and others, and its engine beside redis-server, as ratios
	go run ./bench $(BENCHFLAGS)
	go run ./bench/engine $(ENGINEFLAGS)
	go run ./bench/query $(QUERYFLAGS)
	go run ./bench/nodes $(NODESFLAGS)
