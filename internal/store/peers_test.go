package store

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"landings/internal/dataset"
)

// Who is not heard of while this node does not get through to Redis is still waited for.
func TestSilenceCountsOnlyWhileHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p peers
		p.heard("another", true)
		p.gotThrough(time.Second)
		time.Sleep(time.Hour) // Redis is away
		if gone := p.gotThrough(time.Second); len(gone) > 0 || !slices.Equal(p.alive(), []string{"another"}) {
			t.Fatalf("%v were forgotten after an outage", gone)
		}
		for range 12 {
			time.Sleep(time.Second)
			p.gotThrough(time.Second)
		}
		if len(p.alive()) > 0 {
			t.Fatal("who is silent is waited for for ever")
		}
	})
}

// An announcement that is old is of a node that died or stands still: it does not win. Redis's clock may have gone back since.
func TestStaleAnnouncementDoesNotWin(t *testing.T) {
	const now = 1_000_000
	said := map[string]string{
		"dead":   announcement{term: 9, version: 9, chain: "a", at: now - 2*staleAfter.Milliseconds()}.String(),
		"later":  announcement{term: 9, version: 9, chain: "a", at: now + 2*staleAfter.Milliseconds()}.String(),
		"ahead":  announcement{term: 2, version: 7, chain: "b", at: now - 100}.String(),
		"longer": announcement{term: 1, version: 800, chain: "c", at: now}.String(),
	}
	if got := best(fresh(said, now)); got != "ahead" {
		t.Fatalf("%q won", got)
	}
}

// Who has a version of another term, or of another history, does not have the commit that made it in this one.
func TestOtherTermsDoNotCount(t *testing.T) {
	at := dataset.State{Epoch: "e", Term: 2, Version: 7}
	for held, want := range map[holding]bool{
		{"e", 2, 7}: true, {"e", 2, 8}: true, {"e", 2, 6}: false, {"e", 1, 7}: false, {"e", 3, 9}: false, {"f", 2, 7}: false,
	} {
		if got := held.covers(at); got != want {
			t.Errorf("%v: %v", held, got)
		}
	}
}
