package cli

import (
	"context"
	"os"
	"runtime"
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
	mostPercent  = 300      // where the least holds: what a load of a small dataset allocates mostly fits in
)

// While nothing but requests makes garbage, and makes much of it, more may come
// together: a request that meets a collection waits for it, and for the processors
// that it takes. A load, which makes the live objects grow, has the least.
const (
	mostGarbage  = 4 * leastGarbage
	requestShare = 4  // of the live bytes, where that is more than mostGarbage
	oftenLooks   = 4  // between two collections: up to so many it is much
	longLooks    = 10 // the same where there is so much live that one takes long
	growthShare  = 16 // of the live bytes: it is a load from one in so many on
)

// After work that allocated much comes quiet: so many looks in a row that found less than
// a trifle allocated. Garbage that is much beside what is live is collected then, where that
// is little work, so that the next load does not meet the collection. When quiet has lasted,
// what the work left is collected in any case and given back. Requests that leave next to
// nothing may go on meanwhile, and meet these collections.
const (
	lookEvery  = 500 * time.Millisecond
	quietLooks = 10
	lastsLooks = 120
	trifle     = 4 << 20 // bytes
	worthwhile = 3 * trifle
	worthShare = 40 // of the live bytes, where that is more: what little requests leave is not worth looking at all of them
	muchShare  = 2  // of the live bytes: garbage is much from one in so many on
)

// heap is what the collector tells of itself.
type heap struct {
	live      uint64 // bytes at the last collection
	objects   uint64 // bytes of what is live and what is not collected yet
	allocated uint64 // bytes since the start
	cycles    uint64 // collections since the start
}

// allowance is how much garbage may come together, look by look.
type allowance struct {
	last    heap
	garbage uint64 // bytes, beside small amounts of live ones
	quiet   int    // looks in a row that found little allocated
	since   int    // looks since the last that found a collection
}

// look takes in what is told, and gives the collector's percentage (GOGC) for it.
func (a *allowance) look(now heap) (percent int) {
	if a.quiet++; now.allocated-a.last.allocated > trifle {
		a.quiet = 0
	}
	share := now.live / garbageShare
	often := oftenLooks
	if share > leastGarbage {
		often = longLooks
	}
	collected := now.cycles > a.last.cycles
	a.since++
	switch {
	case a.quiet >= quietLooks, now.live > a.last.live+a.last.live/growthShare:
		a.garbage = leastGarbage
	case collected && a.since <= often:
		a.garbage = min(2*max(a.garbage, share), max(mostGarbage, now.live/requestShare))
	}
	if collected {
		a.since = 0
	}
	a.last = now
	p := 100 * max(a.garbage, share) / max(now.live, 1)
	if a.garbage == leastGarbage {
		p = min(p, mostPercent)
	}
	return int(min(p, 100*mostGarbage/leastGarbage))
}

// rests says, once when quiet has come, whether to collect before more is allocated.
func (a *allowance) rests() bool {
	return a.quiet == quietLooks && a.last.objects > a.last.live+max(worthwhile, a.last.live/muchShare)
}

// boundGarbage keeps the collector's percentage by what is live, and gives memory
// back that a load has left, until the context ends. Whoever sets GOGC decides
// instead.
func boundGarbage(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/cycles/total:gc-cycles"}}
	percent := mostPercent
	before := debug.SetGCPercent(percent)
	defer debug.SetGCPercent(before)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	allowed := allowance{garbage: leastGarbage}
	var collected uint64 // allocated when memory was last given back
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(samples)
		now := heap{samples[0].Value.Uint64(), samples[1].Value.Uint64(), samples[2].Value.Uint64(), samples[3].Value.Uint64()}
		// Setting it stops the world for a moment, so not for trifles.
		if p := allowed.look(now); p < percent*9/10 || p > percent*11/10 {
			percent = p
			debug.SetGCPercent(percent)
		}
		if allowed.rests() {
			runtime.GC()
		}
		if allowed.quiet >= lastsLooks && now.allocated-collected > max(worthwhile, now.live/worthShare) {
			debug.FreeOSMemory()
			collected = now.allocated
		}
	}
}
