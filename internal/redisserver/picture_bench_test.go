package redisserver

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// BenchmarkSaveHold saves one value of 100 MB, or a million keys, while a client writes
// to it, and prints the longest time for which a step of the saver held the lock, and the
// longest that a command took, in milliseconds. (On a busy machine the latter is the
// scheduler's.)
func BenchmarkSaveHold(b *testing.B) {
	const size = 100 << 20
	word := func(r *rand.Rand, n int) string {
		w := make([]byte, n)
		for i := range w {
			w[i] = "abcdefgh"[r.IntN(8)]
		}
		return string(w)
	}
	r := rand.New(rand.NewPCG(1, 1))
	many := func(n int, cmd func(i int) []string) func(c *caller) {
		return func(c *caller) {
			for i := 0; i < n; i += 1000 {
				for j := range 1000 {
					c.send(cmd(i + j)...)
				}
				for range 1000 {
					c.read()
				}
			}
		}
	}
	for _, v := range []struct {
		name string
		fill func(c *caller)
		cmd  func() []string
	}{
		{"keys", many(1_000_000, func(i int) []string { return []string{"set", fmt.Sprint("k", i), word(r, 100)} }),
			func() []string { return []string{"set", fmt.Sprint("k", r.IntN(1_000_000)), "x"} }},
		{"list", many(size/100, func(i int) []string { return []string{"rpush", "big", word(r, 100)} }),
			func() []string { return []string{"lpush", "big", "x"} }},
		{"hash", many(size/100, func(i int) []string { return []string{"hset", "big", fmt.Sprint(i), word(r, 90)} }),
			func() []string { return []string{"hset", "big", fmt.Sprint(r.IntN(size / 100)), "x"} }},
		{"set", many(size/100, func(i int) []string { return []string{"sadd", "big", fmt.Sprint(word(r, 90), i)} }),
			func() []string { return []string{"spop", "big"} }},
		{"zset", many(size/100, func(i int) []string {
			return []string{"zadd", "big", fmt.Sprint(r.IntN(1 << 30)), fmt.Sprint(word(r, 90), i)}
		}),
			func() []string { return []string{"zpopmin", "big"} }},
		{"stream", many(size/100, func(i int) []string { return []string{"xadd", "big", "*", "f", word(r, 90)} }),
			func() []string { return []string{"xadd", "big", "*", "f", "x"} }},
		{"string", func(c *caller) { c.do("set", "big", strings.Repeat(word(r, 1<<10), size>>10)) },
			func() []string { return []string{"setrange", "big", fmt.Sprint(r.IntN(size)), "x"} }},
		{"field", func(c *caller) {
			for i := range 10 {
				c.do("hset", "big", fmt.Sprint(i), strings.Repeat(word(r, 1<<10), size/10>>10))
			}
		}, func() []string { return []string{"hset", "big", fmt.Sprint(r.IntN(10)), "x"} }},
	} {
		b.Run(v.name, func(b *testing.B) {
			e := open(b, b.TempDir(), "--save", "")
			c := dial(b, e)
			v.fill(c)
			var hold, command time.Duration
			for b.Loop() {
				e.mu.Lock()
				s := e.startSave(false)
				e.mu.Unlock()
				var wg sync.WaitGroup
				done := make(chan struct{})
				wg.Go(func() {
					defer close(done)
					if err := s.run(io.Discard); err != nil {
						b.Error(err)
					}
				})
				for saving := true; saving; {
					began := time.Now()
					c.do(v.cmd()...)
					command = max(command, time.Since(began))
					select {
					case <-done:
						saving = false
					case <-time.After(200 * time.Microsecond):
					}
				}
				wg.Wait()
				hold = max(hold, s.longest)
			}
			b.ReportMetric(float64(hold.Microseconds())/1000, "hold-ms")
			b.ReportMetric(float64(command.Microseconds())/1000, "command-ms")
		})
	}
}
