package redisserver

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestTableIsAMap runs a random history on a table and on a map.
func TestTableIsAMap(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	a := newArena()
	o := newLargeHash(a)
	model := map[string]string{}
	for range 200000 {
		k := fmt.Sprint("key", r.IntN(3000))
		switch r.IntN(5) {
		case 0, 1, 2:
			v := fmt.Sprintf("%0*d", r.IntN(400), r.IntN(1000))
			_, had := model[k]
			if isNew := o.set([]byte(k), []byte(v)); isNew == had {
				t.Fatalf("set %s: new %v", k, isNew)
			}
			model[k] = v
		case 3:
			v, ok := o.get([]byte(k))
			want, had := model[k]
			if ok != had || string(v) != want {
				t.Fatalf("get %s: %q %v, want %q %v", k, v, ok, want, had)
			}
		default:
			_, had := model[k]
			if o.del([]byte(k)) != had {
				t.Fatalf("del %s", k)
			}
			delete(model, k)
		}
		if o.t.count != len(model) {
			t.Fatalf("%d elements, want %d", o.t.count, len(model))
		}
	}
	seen := 0
	o.t.each(func(h handle) bool {
		if string(o.value(h)) != model[string(o.t.key(h))] {
			t.Fatalf("%s differs", o.t.key(h))
		}
		seen++
		return true
	})
	if seen != len(model) {
		t.Fatalf("a walk saw %d of %d", seen, len(model))
	}
	o.release()
	if a.used != 0 {
		t.Errorf("%d bytes in use of an arena that should be empty", a.used)
	}
}

// TestScanSeesWhatStays walks a table that grows and shrinks meanwhile.
func TestScanSeesWhatStays(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 50 {
		o := newLargeHash(newArena())
		stay := map[string]bool{}
		for i := range r.IntN(2000) {
			k := fmt.Sprint("stays", i)
			o.set([]byte(k), nil)
			stay[k] = true
		}
		n := 0
		for cursor := uint64(0); ; {
			cursor = o.t.scan(cursor, func(h handle) { delete(stay, string(o.t.key(h))) })
			for range r.IntN(40) {
				k := []byte(fmt.Sprint("comes", r.IntN(4000)))
				if r.IntN(2) == 0 {
					o.set(k, nil)
				} else {
					o.del(k)
				}
			}
			if cursor == 0 {
				break
			}
			if n++; n > 100000 {
				t.Fatal("the walk does not end")
			}
		}
		if len(stay) > 0 {
			t.Fatalf("a walk missed %d elements", len(stay))
		}
	}
}

// TestArenaBlocksAreApart fills blocks of random sizes with their own handle and
// looks whether anybody wrote into another's.
func TestArenaBlocksAreApart(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	a := newArena()
	live := map[handle]int{}
	fill := func(h handle, n int) {
		b := a.bytes(h)
		if len(b) < n {
			t.Fatalf("a block of %d bytes for %d", len(b), n)
		}
		for i := range len(b) / 4 {
			binary.LittleEndian.PutUint32(b[4*i:], uint32(h))
		}
	}
	for range 100000 {
		if r.IntN(3) > 0 || len(live) == 0 {
			n := 1 << r.IntN(15)
			n += r.IntN(n)
			h := a.alloc(n)
			if live[h] != 0 || h == 0 {
				t.Fatalf("block %d was handed out twice", h)
			}
			live[h] = n
			fill(h, n)
			continue
		}
		for h := range live {
			b := a.bytes(h)
			for i := range len(b) / 4 {
				if binary.LittleEndian.Uint32(b[4*i:]) != uint32(h) {
					t.Fatalf("block %d was written into", h)
				}
			}
			delete(live, h)
			a.free(h)
			if r.IntN(3) > 0 {
				break
			}
		}
	}
	for h := range live {
		a.free(h)
	}
	if a.used != 0 {
		t.Errorf("%d bytes in use of an empty arena", a.used)
	}
	if n := len(a.empty); n < 2 || a.trim(n-1) || !a.trim(1) {
		t.Errorf("%d empty spans are not trimmed as told", n)
	}
}
