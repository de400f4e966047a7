package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"landings/internal/dataset"
)

// TestTail keeps random commits and compares with a plain list of them.
func TestTail(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	var kept tail
	var want []*commit
	bytes := 0
	state := dataset.State{Name: "things", Epoch: "e", Generation: 1, Version: 7, Source: "a file", Schema: dataset.Schema{Fields: []dataset.Field{{Name: "id"}}}}
	at := time.UnixMilli(1_700_000_000_000)
	for range 3000 {
		state.Version++
		state.Chain, state.Digest = dataset.Chain(random.Uint64()), dataset.Digest(random.Uint64())
		state.Count, state.Next = random.IntN(100), random.Uint64N(1000)
		at = at.Add(time.Duration(random.IntN(3)) * time.Millisecond)
		size := random.IntN(3000)
		if random.IntN(500) == 0 {
			size = 2 * mostBlock
		}
		c := &commit{
			kind: kindChanges, term: random.Uint64N(5), node: fmt.Sprint("n", random.IntN(3)), seq: random.Uint64(), at: at,
			body: strings.Repeat(string(rune('a'+random.IntN(26))), size),
		}
		switch random.IntN(40) {
		case 0:
			c.kind, state.Generation, state.Source = kindSwitch, state.Generation+1, fmt.Sprint("file ", state.Version)
		case 1:
			c.kind, state.Generation = kindDrop, 0
		case 2:
			state.Schema = state.Schema.With([]dataset.Field{{Name: fmt.Sprint("f", state.Version)}})
			c.schema = encodeSchema(state.Schema)
		}
		c.after = state
		kept.add(c)
		want, bytes = append(want, c), bytes+c.size()
		most, before := 200_000+random.IntN(2*mostBlock), at.Add(-time.Duration(random.IntN(2000))*time.Millisecond)
		kept.trim(most, before)
		for len(want) > 1 && (bytes > most || want[0].at.Before(before)) {
			bytes -= want[0].size()
			want = want[1:]
		}
		if random.IntN(20) == 0 {
			from, term := want[random.IntN(len(want))].after.Version, random.Uint64N(9)
			until := from + random.Uint64N(5)
			kept.stand(from, until, term)
			for _, c := range want {
				if c.after.Version >= from && c.after.Version <= until {
					c.term = term
				}
			}
		}
		if kept.first() != want[0].after.Version || kept.bytes != bytes {
			t.Fatalf("first %d of %d bytes, want %d of %d", kept.first(), kept.bytes, want[0].after.Version, bytes)
		}
		if random.IntN(100) > 0 {
			continue
		}
		held := 0
		for _, b := range kept.blocks {
			held += cap(b)
		}
		if most := 2*bytes + 2*mostBlock + 2*leastBlock; held > most {
			t.Errorf("blocks of %d bytes for %d", held, bytes)
		}
		for _, from := range []uint64{0, want[0].after.Version, want[len(want)/2].after.Version, state.Version, state.Version + 1, state.Version + 9} {
			left := want[min(len(want), int(max(from, want[0].after.Version)-want[0].after.Version)):]
			compareCommits(t, slices.Collect(kept.from(from)), left)
		}
	}
}

func compareCommits(t *testing.T, got, want []*commit) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d commits, want %d", len(got), len(want))
	}
	for i, g := range got {
		// All of a commit shows when it is printed, but whether there is no schema.
		if a, b := fmt.Sprintf("%+v", *g), fmt.Sprintf("%+v", *want[i]); a != b || (g.schema == nil) != (want[i].schema == nil) {
			t.Fatalf("commit %d of %d is\n%.500s, want\n%.500s", i, len(got), a, b)
		}
	}
}

// What many commits took is given back when few are left, at once or one by one.
func TestTailShrinks(t *testing.T) {
	for _, step := range []int{1, 100, 100_000} {
		var kept tail
		c := &commit{kind: kindChanges, body: "x"}
		for i := range 100_000 {
			c.after.Version, c.at = uint64(i+1), time.UnixMilli(int64(i+1))
			kept.add(c)
		}
		for i := step; i <= 100_000; i += step {
			kept.trim(1<<40, time.UnixMilli(int64(i)))
		}
		if first := kept.first(); first != 100_000 || len(kept.all()) != 1 {
			t.Errorf("from version %d, %d commits", first, len(kept.all()))
		}
		if kept.unused+cap(kept.kept) > 20_000 || len(kept.blocks) != 1 || cap(kept.blocks[0]) > leastBlock {
			t.Errorf("by %d: room for %d commits before and %d, %d blocks", step, kept.unused, cap(kept.kept), len(kept.blocks))
		}
	}
}

func TestTailOfNothing(t *testing.T) {
	var kept tail
	kept.trim(0, time.Now())
	if kept.first() != 0 || len(kept.all()) != 0 || len(slices.Collect(kept.from(5))) != 0 {
		t.Error("an empty tail has commits")
	}
}
