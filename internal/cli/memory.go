package cli

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The collector lets as much garbage come together as there are live objects, which
// beside a large dataset is memory for nothing: what requests leave behind has
// nothing to do with the size of the data. So the garbage is bounded by these: the
// least is what a small node has anyway.
const (
	leastGarbage = 48 << 20 // bytes
	garbageShare = 10       // of the live bytes: one in so many
	mostPercent  = 100
)

// garbagePercent gives the collector's percentage (GOGC) for so many live bytes.
func garbagePercent(live uint64) int {
	return int(min(mostPercent, 100*max(leastGarbage, live/garbageShare)/max(live, 1)))
}

// After work that allocated much comes quiet: when so many looks in a row have found
// less than a trifle allocated, what the work left is collected and given back.
const (
	lookEvery  = 500 * time.Millisecond
	quietLooks = 10
	trifle     = 4 << 20 // bytes
)

// boundGarbage keeps the collector's percentage by what is live, and gives memory
// back that a load has left, until the context ends. Whoever sets GOGC decides
// instead.
func boundGarbage(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	percent := mostPercent
	before := debug.SetGCPercent(percent)
	defer debug.SetGCPercent(before)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var allocated, collected uint64 // when last looked, and when last given back
	quiet := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(samples)
		live, allocs := samples[0].Value.Uint64(), samples[1].Value.Uint64()
		// Setting it stops the world for a moment, so not for trifles.
		if p := garbagePercent(live); p < percent*9/10 || p > percent*11/10 {
			percent = p
			debug.SetGCPercent(percent)
		}
		if quiet++; allocs-allocated > trifle {
			quiet = 0
		}
		allocated = allocs
		if quiet >= quietLooks && allocs-collected > leastGarbage {
			debug.FreeOSMemory()
			collected = allocs
		}
	}
}
