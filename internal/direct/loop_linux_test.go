package direct

import (
	"runtime"
	"testing"
)

// A process that may use fewer processors than before, as in a container whose limit is
// lowered, serves new connections with fewer loops.
func TestLoopsFollowProcessors(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	f := New(Config{})
	defer f.Close()
	for _, c := range []struct{ processors, quick, questions int }{{4, 2, 4}, {1, 1, 1}, {2, 1, 2}, {5, 3, 5}} {
		runtime.GOMAXPROCS(c.processors)
		f.mu.Lock()
		quick, questions := len(f.loopsFor(true)), len(f.loopsFor(false))
		f.mu.Unlock()
		if quick != c.quick || questions != c.questions {
			t.Errorf("%d processors: %d loops for what is quick and %d for questions, want %d and %d", c.processors, quick, questions, c.quick, c.questions)
		}
	}
}
