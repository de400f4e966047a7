package store

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"landings/internal/dataset"
)

// TestChanges encodes changes and reads them again, also where bytes are missing or others.
func TestChanges(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for range 300 {
		var changes []dataset.Change
		for range random.IntN(5) {
			c := dataset.Change{Delete: random.IntN(3) == 0, Record: dataset.Record{ID: strings.Repeat("i\n", 1+random.IntN(3)), Position: random.Uint64N(1000)}}
			if !c.Delete {
				c.Record.JSON = []byte(fmt.Sprintf(`{"x": %d}`, random.Uint64()))
			}
			changes = append(changes, c)
		}
		text := encodeChanges(changes)
		got, err := decodeChanges(text)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(changes) {
			t.Fatalf("%v, %v, want %v", got, err, changes)
		}
		if text == "" {
			continue
		}
		cut := text[:random.IntN(len(text))]
		if got, err := decodeChanges(cut); err == nil && len(got) == len(changes) || err != nil && !strings.Contains(err.Error(), "the change at byte ") {
			t.Errorf("%q of %q: %v, %v", cut, text, got, err)
		}
		other := []byte(text)
		for range 1 + random.IntN(3) {
			other[random.IntN(len(other))] = "0123456789+- \nx\xff"[random.IntN(16)]
		}
		_, _ = decodeChanges(string(other)) // whatever it says, it says something
	}
	for _, text := range []string{"?1 1 2\nx{}\n", "+1 1\nx\n", "-1\nx\n", "+1 1 99999999999999999999\nx{}\n", "+1 18446744073709551615 2\nx{}\n", "+1  1 2\nx{}\n", "+1 1 2\nx{} \n"} {
		if got, err := decodeChanges(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}
