package redisserver

import (
	"math"
	"strconv"
	"testing"
)

// TestHyperLogLogForms adds elements to a value that may stay sparse and to one that
// is dense, and expects the same registers and a count within four standard errors.
func TestHyperLogLogForms(t *testing.T) {
	sparse := newHLL()
	dense, ok := newHLL().toDense()
	if !ok {
		t.Fatal("an empty value is corrupt")
	}
	for n := 1; n <= 100000; n++ {
		register, rank := hashHLL([]byte("element " + strconv.Itoa(n)))
		var a, b bool
		if sparse, a, ok = sparse.set(register, rank, 3000); !ok {
			t.Fatalf("corrupt after %d elements", n)
		}
		if dense, b, _ = dense.set(register, rank, 3000); a != b {
			t.Fatalf("element %d changed sparse: %v, dense: %v", n, a, b)
		}
		if !sparse.dense() && len(sparse) > 3000 {
			t.Fatalf("sparse with %d bytes", len(sparse))
		}
		if n&(n-1) != 0 && n != 100000 {
			continue
		}
		var x, y registers
		if !sparse.mergeInto(&x) || !dense.mergeInto(&y) || x != y {
			t.Fatalf("registers differ after %d elements", n)
		}
		h, _ := sparse.histogram()
		if h != x.histogram() {
			t.Fatalf("histograms differ after %d elements", n)
		}
		if got := float64(estimate(h)); math.Abs(got-float64(n)) > 4*1.04/128*float64(n)+0.5 {
			t.Errorf("%v for %d elements", got, n)
		}
	}
	if !sparse.dense() {
		t.Error("still sparse")
	}
}

// FuzzHyperLogLog reads any bytes as a value: nothing may panic, and what set makes
// of a good value is good.
func FuzzHyperLogLog(f *testing.F) {
	f.Add([]byte(newHLL()), []byte("a"))
	f.Add([]byte("HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x7f"), []byte("b"))
	f.Fuzz(func(t *testing.T, value, element []byte) {
		h := hyperLogLog(value)
		if !h.valid() {
			return
		}
		_, good := h.histogram()
		register, rank := hashHLL(element)
		h, _, ok := h.set(register, rank, 3000)
		if !good {
			return
		}
		if !ok {
			t.Fatal("a good value could not be changed")
		}
		var r registers
		if !h.mergeInto(&r) || r[register] < rank {
			t.Fatal("the element is not in it")
		}
	})
}
