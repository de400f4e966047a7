package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// wire is one kept connection to a node. Requests are put together and answers read with as little as it takes: the machine is
// shared with what is measured.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	out  []byte
}

func dial(ctx context.Context, address string) (*wire, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &wire{conn: c, in: bufio.NewReaderSize(c, 16<<10)}, nil
}

// put writes a record of about 200 bytes, and gives the version that this made.
func (w *wire) put(id string, count int) (version uint64, err error) {
	body := fmt.Sprintf(`{"id":"%s","count":%12d,"filling":"%0150d"}`, id, count, 0)
	w.out = fmt.Appendf(w.out[:0], "PUT /data/%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", id, len(body), body)
	return w.ask()
}

// get reads a record, and gives the version that the node is at.
func (w *wire) get(id string) (version uint64, err error) {
	w.out = fmt.Appendf(w.out[:0], "GET /data/%s HTTP/1.1\r\nHost: localhost\r\n\r\n", id)
	return w.ask()
}

// ask sends a request and reads the answer, which has to be a success.
func (w *wire) ask() (version uint64, err error) {
	if _, err := w.conn.Write(w.out); err != nil {
		return 0, err
	}
	status, err := w.in.ReadString('\n')
	if err != nil {
		return 0, err
	}
	length := 0
	for {
		line, err := w.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if len(line) <= 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Dataset-Version: ")); ok {
			version, _ = strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 64)
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		}
	}
	if strings.HasPrefix(status, "HTTP/1.1 2") {
		_, err = w.in.Discard(length)
		return version, err
	}
	body, _ := w.in.Peek(min(length, 300))
	return 0, fmt.Errorf("%s: %s", strings.TrimSpace(status), body)
}

// done is one write that was answered.
type done struct {
	sent, answered time.Time
	version        uint64
}

// writers writes random records over so many connections to a node until a time. With a rate, in writes per second over all of them,
// each write has its time and waits for it; without, one follows the other. It gives all writes.
func writers(ctx context.Context, address string, connections int, ids []string, rate float64, until time.Time) ([]done, error) {
	var mu sync.Mutex
	var all []done
	var first error
	var group sync.WaitGroup
	begun := time.Now()
	for c := range connections {
		group.Go(func() {
			var mine []done
			err := func() error {
				w, err := dial(ctx, address)
				if err != nil {
					return err
				}
				defer w.conn.Close()
				for count := 0; ; count++ {
					if rate > 0 {
						due := begun.Add(time.Duration((float64(count) + float64(c)/float64(connections)) * float64(connections) / rate * float64(time.Second)))
						time.Sleep(time.Until(due))
					}
					d := done{sent: time.Now()}
					if !d.sent.Before(until) || ctx.Err() != nil {
						return ctx.Err()
					}
					if d.version, err = w.put(ids[rand.IntN(len(ids))], c*1_000_000_000+count); err != nil { //nolint:gosec // which record does not matter
						return err
					}
					d.answered = time.Now()
					mine = append(mine, d)
				}
			}()
			mu.Lock()
			defer mu.Unlock()
			all = append(all, mine...)
			if first == nil {
				first = err
			}
		})
	}
	group.Wait()
	return all, first
}

// quantile gives the value that a share of the times do not exceed.
func quantile(times []time.Duration, share float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[min(len(times)-1, int(share*float64(len(times))))]
}
