package redisserver

import (
	"math/rand/v2"
	"strconv"
	"testing"
)

// BenchmarkZset measures a sorted set of a million members without the protocol: new
// scores at random, ranks, and the bytes that a member takes.
func BenchmarkZset(b *testing.B) {
	const n = 1_000_000
	rng := rand.New(rand.NewPCG(1, 2))
	e := &Engine{arena: newArena()}
	z := zset{e: e, big: newLargeZset(e.arena)}
	member := func() []byte {
		return strconv.AppendInt(append(make([]byte, 0, 32), "element:"...), int64(rng.IntN(n)), 10)
	}
	for range 4 * n {
		z.add(member(), float64(rng.IntN(n)), zaddMode{})
	}
	b.Run("update", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			z.add(member(), float64(rng.IntN(n)), zaddMode{})
		}
		b.ReportMetric(float64(e.arena.used+int64(z.big.t.memory()))/float64(z.len()), "B/member")
	})
	b.Run("rank", func(b *testing.B) {
		for b.Loop() {
			z.rankOf(member())
		}
	})
}
