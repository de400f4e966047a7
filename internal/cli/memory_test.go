package cli

import "testing"

func TestAllowance(t *testing.T) {
	const mb = 1 << 20
	a := allowance{garbage: leastGarbage}
	now := heap{}
	look := func(what string, live, allocated, cycles uint64, want int) {
		t.Helper()
		now = heap{live, live, now.allocated + allocated, now.cycles + cycles}
		if got := a.look(now); got != want {
			t.Errorf("%s: %d percent, want %d", what, got, want)
		}
	}
	look("an empty node", 2*mb, 0, 0, 300)
	look("a small node", 20*mb, 0, 0, 240)
	look("a large one", 480*mb, 480*mb, 5, 10)
	look("a larger one", 960*mb, 480*mb, 5, 10)
	look("no collection", 960*mb, 40*mb, 0, 10)
	look("requests", 960*mb, 90*mb, 1, 20) // 192 MB of 960
	look("as many", 960*mb, 200*mb, 2, 25)
	look("as many for long", 960*mb, 200*mb, 2, 25)
	look("fewer", 960*mb, 100*mb, 0, 25)
	look("a load", 1200*mb, 300*mb, 2, 10)
	for range quietLooks {
		look("quiet", 1200*mb, 0, 0, 10)
	}
	if a.quiet < quietLooks {
		t.Errorf("quiet for %d looks, want %d", a.quiet, quietLooks)
	}
	look("a collection now and then", 1200*mb, 300*mb, 1, 10)
	look("requests to a small node", 50*mb, 100*mb, 3, 192)
	look("more of them", 50*mb, 100*mb, 3, 384)
	look("at the most", 30*mb, 100*mb, 3, 400)
}

// A small node whose collections come a second apart is given more garbage, one whose collections come three
// seconds apart is not.
func TestAllowanceByTime(t *testing.T) {
	const mb = 1 << 20
	for _, c := range []struct{ every, want int }{{2, 400}, {6, 96}} {
		a := allowance{garbage: leastGarbage}
		now := heap{live: 50 * mb}
		a.look(now)
		var got int
		for i := range 30 {
			now.allocated += 20 * mb
			if i%c.every == c.every-1 {
				now.cycles++
			}
			got = a.look(now)
		}
		if want := min(c.want, int(100*mostGarbage/now.live)); got != want {
			t.Errorf("a collection in %d looks: %d percent, want %d", c.every, got, want)
		}
	}
}

func TestRests(t *testing.T) {
	const mb = 1 << 20
	for _, c := range []struct {
		what          string
		live, garbage uint64 // bytes
		want          bool
	}{
		{"a load of a small dataset", 17 * mb, 30 * mb, true},
		{"little", 2 * mb, 5 * mb, false},
		{"a load of a large one", 900 * mb, 80 * mb, false},
	} {
		a := allowance{garbage: leastGarbage}
		now := heap{live: c.live, objects: c.live + c.garbage, allocated: c.live + c.garbage}
		a.look(now)
		for i := 1; i < 3*quietLooks; i++ {
			a.look(now)
			if got := a.rests(); got != (c.want && i == quietLooks) {
				t.Errorf("%s: %t after %d quiet looks", c.what, got, i)
			}
		}
	}
}
