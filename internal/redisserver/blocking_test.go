package redisserver

import "testing"

// TestServedInOrderOfReadiness has a client wait for two streams while a transaction
// makes both ready: the key that first held what the client waits for is served first,
// whatever was at the other one before.
func TestServedInOrderOfReadiness(t *testing.T) {
	e := open(t, t.TempDir(), "--save", "")
	reader, writer := dial(t, e), dial(t, e)
	for _, before := range [][]string{{"set", "b", "x"}, {"sadd", "b", "x"}, {"rpush", "b", "x"}, {"zadd", "b", "1", "x"}} {
		reader.send("xread", "block", "0", "streams", "b", "a", "$", "$")
		for _, cmd := range [][]string{{"multi"}, before, {"xadd", "a", "1-1", "f", "v"}, {"del", "b"}, {"xadd", "b", "1-1", "f", "v"}} {
			writer.do(cmd...)
		}
		writer.do("exec")
		if got, want := reader.read(), "[[a [[1-1 [f v]]]]]"; got != want {
			t.Errorf("after %q: %s, want %s", before, got, want)
		}
		writer.want("2", "del", "a", "b")
	}
}

// TestNewKeyEvent checks the event of class n: a key appears, by whatever command, and
// before the command's own event.
func TestNewKeyEvent(t *testing.T) {
	e := open(t, t.TempDir(), "--save", "", "--notify-keyspace-events", "KAn")
	sub, c := dial(t, e), dial(t, e)
	sub.want("[psubscribe __keyspace@0__:* 1]", "psubscribe", "__keyspace@0__:*")
	for _, cmd := range [][]string{{"set", "a", "1"}, {"set", "a", "2"}, {"rename", "a", "b"}, {"lpush", "l", "x"}, {"lpush", "l", "y"}} {
		c.do(cmd...)
	}
	for _, want := range []string{"a new", "a set", "a set", "b new", "a rename_from", "b rename_to", "l new", "l lpush", "l lpush"} {
		want = "[pmessage __keyspace@0__:* __keyspace@0__:" + want + "]"
		if got := sub.read(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
