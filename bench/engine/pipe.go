package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"landings/internal/redisserver"
)

// comparePipe has 50 goroutines write and read through rueidis with its defaults: to the engine in this process over its
// pipe, as serve does, and to redis-server over TCP; both sync the append-only file always.
func comparePipe(ctx context.Context, program string, rounds int, length time.Duration) error {
	servers, done, err := start(ctx, program, policies["always"])
	if err != nil {
		return err
	}
	defer done()
	dir, err := os.MkdirTemp("", "landings-bench-pipe-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	e, err := redisserver.Open(redisserver.Options{Parameters: []redisserver.Parameter{
		{Name: "dir", Args: []string{dir}}, {Name: "save", Args: []string{""}}, {Name: "appendonly", Args: []string{"yes"}}, {Name: "appendfsync", Args: []string{"always"}}}})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_ = e.Close(ctx)
	}()
	pipe, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{"127.0.0.1:6379"}, // not dialled
		DialCtxFn: func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error) { return e.Conn() }})
	if err != nil {
		return err
	}
	defer pipe.Close()
	socket, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{"127.0.0.1:" + servers[1].port}})
	if err != nil {
		return err
	}
	defer socket.Close()

	fmt.Printf("\nrueidis with its defaults, 50 goroutines, append-only always: the pipe in the process beside redis-server over TCP, medians of %d rounds\n\n", rounds)
	fmt.Println("| | pipe, req/s | redis, req/s | ratio |\n| --- | --- | --- | --- |")
	clients := [2]rueidis.Client{pipe, socket}
	value := strings.Repeat("x", 200)
	for _, test := range []struct {
		name string
		do   func(c rueidis.Client, n int) rueidis.Completed
	}{
		{"SET", func(c rueidis.Client, n int) rueidis.Completed {
			return c.B().Set().Key("key:" + strconv.Itoa(n%100_000)).Value(value).Build()
		}},
		{"HSET", func(c rueidis.Client, n int) rueidis.Completed {
			return c.B().Hset().Key("hash:"+strconv.Itoa(n%1000)).FieldValue().FieldValue("f"+strconv.Itoa(n%256), value).Build()
		}},
		{"GET", func(c rueidis.Client, n int) rueidis.Completed {
			return c.B().Get().Key("key:" + strconv.Itoa(n%100_000)).Build()
		}},
	} {
		var rates [2][]float64
		for round := range rounds {
			for i := range clients {
				at := (i + round) % 2
				rate, err := hammer(ctx, clients[at], test.do, length)
				if err != nil {
					return fmt.Errorf("%s: %w", test.name, err)
				}
				rates[at] = append(rates[at], rate)
			}
		}
		for i := range rates {
			slices.Sort(rates[i])
		}
		a, b := rates[0][rounds/2], rates[1][rounds/2]
		fmt.Printf("| %s | %.0f | %.0f | %.2f |\n", test.name, a, b, a/b)
	}
	return nil
}

// hammer sends commands for a while and returns how many a second were answered.
func hammer(ctx context.Context, c rueidis.Client, do func(rueidis.Client, int) rueidis.Completed, length time.Duration) (float64, error) {
	const workers = 50
	began := time.Now()
	var counts [workers]int
	var failed [workers]error
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for n := w; time.Since(began) < length && failed[w] == nil; n += 7919 {
				if err := c.Do(ctx, do(c, n)).Error(); err != nil && !rueidis.IsRedisNil(err) {
					failed[w] = err
				}
				counts[w]++
			}
		})
	}
	wg.Wait()
	total := 0
	for w := range workers {
		if failed[w] != nil {
			return 0, failed[w]
		}
		total += counts[w]
	}
	return float64(total) / time.Since(began).Seconds(), nil
}
