package dataset

import "testing"

// The wanted values were computed with another implementation, cespare/xxhash.
func TestXXH64(t *testing.T) {
	for _, c := range []struct {
		seed uint64
		text string
		want uint64
	}{
		{0, "", 0xef46db3751d8e999},
		{0, "a", 0xd24ec4f1a98c6e5b},
		{0, "abc", 0x44bc2cf5ad770999},
		{0, "abcdefg", 0x1860940e2902822d},
		{0, "abcdefgh", 0x3ad351775b4634b7},
		{0, "abcdefghijklm", 0x934adbc0ebc51325},
		{0, "Hraschina, Croatia, 26 May 1751", 0x39c2ec367bf15715},
		{0, "Call me Ishmael. Some years ago--", 0xb674223397590005},
		{0, "Call me Ishmael. Some years ago--never mind how long precisely-", 0x02a2e85470d6fd96},
		{prime1, "", 0x6ec6d05f61c7e7a7},
		{prime1, "a", 0x727c10e0d238e188},
		{prime1, "abcdefghijklm", 0x399e300c23166af1},
		{prime1, "Call me Ishmael. Some years ago--", 0xf65e1a666e4a8a17},
		{prime1, "the quick brown fox jumps over the lazy dog and over the sleeping cat, 1234567890", 0x6e6472bb8c0898c0},
	} {
		if got := xxh64([]byte(c.text), c.seed); got != c.want {
			t.Errorf("%q with seed %#x has %#x, not %#x", c.text, c.seed, got, c.want)
		}
	}
}

// What is stored has to be found whole by every later version.
func TestRecordHashStays(t *testing.T) {
	for _, c := range []struct {
		record Record
		want   Digest
	}{
		{Record{ID: "", Position: 0, JSON: []byte(`{}`)}, 0x251308cc4e3b0a25},
		{Record{ID: "1", Position: 0, JSON: []byte(`{"id":"1","name":"Aachen"}`)}, 0x55291bc137272c32},
		{Record{ID: "1", Position: 1, JSON: []byte(`{"id":"1","name":"Aachen"}`)}, 0xce08acd003055a7a},
		{Record{ID: "10", Position: 0, JSON: []byte(`{"id":"1","name":"Aachen"}`)}, 0x377c4002823bb4c5},
		{Record{ID: "ä", Position: 1099511627776, JSON: []byte(`{"id":"ä","name":"Aachen","nametype":"Valid"}`)}, 0x8b1774b453848c7a},
	} {
		if got := c.record.Hash(); got != c.want {
			t.Errorf("record %q at %d has hash %s, not %s", c.record.ID, c.record.Position, got, c.want)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	r := Record{ID: "12345", JSON: []byte(`{"name":"Aachen","id":"1","nametype":"Valid","recclass":"L5","mass (g)":"21","fall":"Fell","year":"1880","reclat":"50.775000","reclong":"6.083330","GeoLocation":"(50.775, 6.08333)"}`)}
	b.SetBytes(int64(len(r.JSON)))
	for b.Loop() {
		r.Hash()
	}
}
