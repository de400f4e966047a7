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

// boundGarbage keeps the collector's percentage by what is live, and gives memory
// back that a load has left, until the context ends. Whoever sets GOGC decides
// instead.
func boundGarbage(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	samples := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/gc/heap/goal:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
	}
	percent := mostPercent
	before := debug.SetGCPercent(percent)
	defer debug.SetGCPercent(before)
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	idle := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(samples)
		live, goal := samples[0].Value.Uint64(), samples[1].Value.Uint64()
		held := samples[2].Value.Uint64() + samples[3].Value.Uint64() + samples[4].Value.Uint64()
		// Setting it stops the world for a moment, so not for trifles.
		if p := garbagePercent(live); p < percent*9/10 || p > percent*11/10 {
			percent = p
			debug.SetGCPercent(percent)
		}
		// What is held beyond the goal for some seconds is not wanted soon.
		if idle++; held <= goal+goal/8+leastGarbage {
			idle = 0
		} else if idle >= 10 {
			debug.FreeOSMemory()
			idle = 0
		}
	}
}
