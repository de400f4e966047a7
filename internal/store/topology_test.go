package store

import (
	"io"
	"slices"
	"strings"
	"testing"

	"landings/internal/dataset"
)

func TestParseAddress(t *testing.T) {
	for url, want := range map[string]struct {
		hosts    string
		master   string
		db       int
		password string
		text     string
	}{
		"redis://h":                                      {"h:6379", "", 0, "", "redis://h"},
		"redis://h/":                                     {"h:6379", "", 0, "", "redis://h/"},
		"redis://u:secret@h:1/3":                         {"h:1", "", 3, "secret", "redis://u:xxxxx@h:1/3"},
		"redis://[::1]:7/3":                              {"[::1]:7", "", 3, "", "redis://[::1]:7/3"},
		"unix:///run/redis.sock?db=2":                    {"/run/redis.sock", "", 2, "", "unix:///run/redis.sock?db=2"},
		"redis://a:1,b:2,[::1]:3/":                       {"a:1 b:2 [::1]:3", "", 0, "", "redis://a:1,b:2,[::1]:3/"},
		"redis://:p%40@a:1,b":                            {"a:1 b:6379", "", 0, "p@", "redis://:xxxxx@a:1,b"},
		"redis-sentinel://s/main":                        {"s:26379", "main", 0, "", "redis-sentinel://s/main"},
		"redis-sentinel://s:1,t/main/2":                  {"s:1 t:26379", "main", 2, "", "redis-sentinel://s:1,t/main/2"},
		"redis-sentinel://:x@s/main?sentinel_password=y": {"s:26379", "main", 0, "x", "redis-sentinel://:xxxxx@s/main?sentinel_password=xxxxx"},
	} {
		a, err := parseAddress(Options{URL: url})
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if got := strings.Join(a.hosts, " "); got != want.hosts || a.master != want.master || a.option.SelectDB != want.db || a.option.Password != want.password || a.text != want.text {
			t.Errorf("%s: hosts %q, master %q, database %d, password %q, text %q; want %+v", url, got, a.master, a.option.SelectDB, a.option.Password, a.text, want)
		}
	}
	for _, url := range []string{
		"", "h:6379", "http://h", "redis://a:1,", "redis://a:1,b:x", "redis://a,b:99999", "redis://a,b/one", "redis://a,b/1",
		"redis-sentinel://h", "redis-sentinel://h/", "redis-sentinel://h/main/one", "unix:///a,b/c?db=x",
	} {
		a, err := parseAddress(Options{URL: url})
		if err == nil {
			err = a.check()
		}
		if dataset.CodeOf(err) != dataset.Invalid {
			t.Errorf("%s: %v, hosts %v", url, err, a.hosts)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the password is shown: %v", url, err)
		}
	}
}

// The slots of the Redis cluster specification, and of redis-cli's CLUSTER KEYSLOT.
func TestSlotOf(t *testing.T) {
	for key, want := range map[string]uint16{"123456789": 0x31C3, "foo": 12182, "somekey": 11058, "foo{hash_tag}": 2515, "x{hash_tag}y{z}": 2515, "": 0} {
		if got := slotOf(key); got != want {
			t.Errorf("%q is in slot %d, not %d", key, got, want)
		}
	}
	if slotOf("{}a") == slotOf("{}b") {
		t.Error("an empty tag is a tag")
	}
	same := []uint16{slotOf(metaKey("rocks")), slotOf(bucketKey("rocks", 1, 2)), slotOf(database(0).topic("rocks")), slotOf(database(3).topic("rocks")), slotOf(recoverKey("rocks", "r"))}
	if len(slices.Compact(same)) != 1 {
		t.Errorf("the keys of a dataset are in slots %v", same)
	}
}

// What a server of a cluster tells that is cut off counts only until another one tells something, also where the cluster
// was made anew and has had fewer configurations since.
func TestClusterMadeAnew(t *testing.T) {
	a, err := parseAddress(Options{URL: "redis://127.0.0.1:7001,127.0.0.1:7002"})
	if err != nil {
		t.Fatal(err)
	}
	top := newTopology(a)
	half := []slotRange{{0, 8191, "127.0.0.1:7001"}}
	all := append(slices.Clone(half), slotRange{8192, 16383, "127.0.0.1:7002"})
	const key = "landings:{things}:meta"
	at := "127.0.0.1:7001"
	if slotOf(key) > 8191 {
		at = "127.0.0.1:7002"
	} else {
		half[0].first, half[0].last = 8192, 16383
	}
	top.follow(view{slots: all, epoch: 7, well: true})
	top.learn(at, key, io.EOF) // all of it is gone
	top.follow(view{slots: half, epoch: 0})
	top.follow(view{slots: all, epoch: 3, well: true})
	if addr, err := top.home(t.Context(), key); addr != at {
		t.Fatalf("its key is at %q: %v", addr, err)
	}
	top.follow(view{slots: half, epoch: 2, well: true})
	if addr, _ := top.home(t.Context(), key); addr != at {
		t.Fatal("what is behind counts")
	}
}
