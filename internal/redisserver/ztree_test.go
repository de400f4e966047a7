package redisserver

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// checkTree verifies what a ztree promises: order, counts, first elements, links.
func checkTree(t *testing.T, o *largeZset) {
	t.Helper()
	tree := &o.tree
	if tree.root == 0 {
		if tree.count != 0 || tree.depth != 0 {
			t.Fatalf("an empty tree has %d elements, depth %d", tree.count, tree.depth)
		}
		return
	}
	var leaves []handle
	var walk func(h handle, depth int) int
	walk = func(h handle, depth int) int {
		b := tree.bytes(h)
		n := zlen(b)
		if n == 0 {
			t.Fatal("a node is empty")
		}
		if depth == 0 {
			leaves = append(leaves, h)
			return n
		}
		total := 0
		for i := range n {
			below := walk(zchild(b, i), depth-1)
			if below != zbelow(b, i) {
				t.Fatalf("a child holds %d elements, its parent says %d", below, zbelow(b, i))
			}
			score, first := zfirst(b, i)
			s, f := tree.firstOf(zchild(b, i), depth == 1)
			if s != score || f != first {
				t.Fatalf("a separator is %v %q, the child begins with %v %q", score, o.t.key(first), s, o.t.key(f))
			}
			total += below
		}
		return total
	}
	if n := walk(tree.root, tree.depth); n != tree.count || n != o.t.count {
		t.Fatalf("the tree holds %d elements, says %d, its table %d", n, tree.count, o.t.count)
	}
	var prev handle
	for i, h := range leaves {
		b := tree.bytes(h)
		if zprev(b) != prev {
			t.Fatalf("leaf %d of %d has a wrong link back", i, len(leaves))
		}
		if next := znext(b); i+1 < len(leaves) && next != leaves[i+1] || i+1 == len(leaves) && next != 0 {
			t.Fatalf("leaf %d of %d has a wrong link", i, len(leaves))
		}
		prev = h
	}
}

// TestTree runs random changes on a large sorted set and on a sorted slice.
func TestTree(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for _, scores := range []int{1, 10, 1 << 30} {
		t.Run(fmt.Sprint(scores), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, uint64(scores)))
			a := newArena()
			o := newLargeZset(a)
			z := zset{big: o}
			var model []zpair
			at := func(member []byte) int {
				return slices.IndexFunc(model, func(p zpair) bool { return bytes.Equal(p.member, member) })
			}
			place := func(p zpair) int {
				i, _ := slices.BinarySearchFunc(model, p, func(a, b zpair) int {
					if c := cmp.Compare(a.score, b.score); c != 0 {
						return c
					}
					return bytes.Compare(a.member, b.member)
				})
				return i
			}
			size := 6000
			for step := range 40000 {
				if step%8000 == 0 {
					size = []int{6000, 300, 6000, 0, 2000}[step/8000]
				}
				member := fmt.Appendf(nil, "%d", rng.IntN(8000))
				score := float64(rng.IntN(scores))
				if rng.IntN(4) == 0 {
					score = float64(step) // in order
				}
				i := at(member)
				if grow := len(model) < size; i < 0 && grow || i >= 0 && grow && rng.IntN(2) == 0 {
					if _, result := z.add(member, score, zaddMode{}); (result == zaddNew) != (i < 0) {
						t.Fatalf("adding %q, there: %t, gave %v", member, i >= 0, result)
					}
					if i >= 0 {
						model = slices.Delete(model, i, i+1)
					}
					p := zpair{member, score}
					model = slices.Insert(model, place(p), p)
				} else if i >= 0 {
					if !z.remove(member) {
						t.Fatalf("%q was not there", member)
					}
					model = slices.Delete(model, i, i+1)
				} else if len(model) > size {
					k := min(1+rng.IntN(20), len(model))
					from := rng.IntN(len(model) - k + 1)
					z.removeRange(from, k)
					model = slices.Delete(model, from, from+k)
				}
				if step%500 == 0 {
					checkTree(t, o)
				}
				if len(model) > 0 {
					k := rng.IntN(len(model))
					rank, ok := z.rankOf(model[k].member)
					if !ok || rank != k {
						t.Fatalf("rank of %q is %d %t, want %d", model[k].member, rank, ok, k)
					}
				}
			}
			checkTree(t, o)
			i := 0
			var buf [24]byte
			for p := z.first(); p.ok(); p = z.next(p) {
				if m, s := z.member(p, &buf), z.score(p); string(m) != string(model[i].member) || s != model[i].score {
					t.Fatalf("element %d is %q %v, want %q %v", i, m, s, model[i].member, model[i].score)
				}
				i++
			}
			for p := z.last(); p.ok(); p = z.prev(p) {
				i--
			}
			if i != 0 {
				t.Fatalf("%d elements more forwards than backwards", i)
			}
			o.release()
			if a.used != 0 {
				t.Fatalf("%d bytes are in use after all was released", a.used)
			}
		})
	}
}

func TestParseDouble(t *testing.T) {
	for _, c := range []struct {
		in    string
		want  float64
		state doubleState
	}{
		{"0", 0, doubleOK}, {"-12", -12, doubleOK}, {"007", 7, doubleOK}, {"1.5e3", 1500, doubleOK}, {".5", .5, doubleOK}, {"5.", 5, doubleOK},
		{"0x10", 16, doubleOK}, {"0X.8p1", 1, doubleOK}, {"+3", 3, doubleOK}, {"0e5", 0, doubleOK}, {"0x0", 0, doubleOK},
		{"1e-400", 0, doubleRange}, {"0x1p-2000", 0, doubleRange},
		{"", 0, doubleInvalid}, {"-", 0, doubleInvalid}, {"1_0", 0, doubleInvalid}, {"0x_1", 0, doubleInvalid}, {"0x", 0, doubleInvalid}, {"1e", 0, doubleInvalid},
		{"nan", 0, doubleInvalid}, {" 1", 0, doubleInvalid}, {"1 ", 0, doubleInvalid}, {"--1", 0, doubleInvalid}, {"0b1", 0, doubleInvalid}, {"1\x00", 0, doubleInvalid},
	} {
		if f, st := parseDouble([]byte(c.in)); st != c.state || f != c.want && st != doubleInvalid {
			t.Errorf("%q: %v %v, want %v %v", c.in, f, st, c.want, c.state)
		}
	}
}
