package store

import (
	"testing"
	"time"
)

// Commits wait for all who write where these are back in less than half of what a commit takes, and stop it when
// they are late.
func TestCrowdWaitsWhereItPays(t *testing.T) {
	const writers = 32
	for _, c := range []struct {
		name       string
		took, back time.Duration
		all        bool
	}{
		{"a slow sync", 10 * time.Millisecond, time.Millisecond, true},
		{"a quick sync", 500 * time.Microsecond, 400 * time.Microsecond, false},
		{"slow clients", 10 * time.Millisecond, 8 * time.Millisecond, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var crowd crowd
			now := time.Now()
			for range 10 {
				sent := now
				now = now.Add(c.took)
				crowd.committed(writers, writers, sent, now)
				var batch []*request
				for i := range writers {
					batch = append(batch, &request{came: sent.Add(c.back * time.Duration(i+1) / writers)})
				}
				crowd.returned(batch)
			}
			if all := crowd.all(); c.all && (all < writers*3/2 || all > 2*writers) || !c.all && all != 0 {
				t.Fatalf("%d of %d are waited for", all, 2*writers)
			}
			for range mostPrompt / 2 {
				crowd.count(false)
			}
			if all := crowd.all(); all != 0 {
				t.Fatalf("%d are waited for who are always late", all)
			}
		})
	}
}

// Who did not come back is not counted as quick.
func TestCrowdThatStaysAway(t *testing.T) {
	var crowd crowd
	now := time.Now()
	for range 20 {
		sent := now
		now = now.Add(10 * time.Millisecond)
		crowd.committed(32, 3, sent, now)
		crowd.returned([]*request{{came: sent.Add(1)}, {came: sent.Add(2)}, {came: sent.Add(3)}})
	}
	if all := crowd.all(); all != 0 {
		t.Fatalf("%d are waited for where three of 32 come back", all)
	}
}
