package rdb

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// str is a string as it stands in a file.
func str(s string) []byte {
	e := NewEncoder(false)
	e.Blob([]byte(s))
	return e.Buf
}

func lp(elems ...string) string {
	l := AppendListpack(nil)
	for _, e := range elems {
		l = l.Append([]byte(e))
	}
	return string(l)
}

func score(f float64) []byte { return binary.LittleEndian.AppendUint64(nil, math.Float64bits(f)) }

func id(ms, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, ms), seq)
}

// Values built from the published format: those of old and of newer servers,
// and the corners of the others. Keys and values come in pairs: type, bytes.
func TestEncodings(t *testing.T) {
	is := AppendIntset(nil)
	is, _ = is.Add(-5)
	is, _ = is.Add(1 << 40)
	text := func(s string) []byte { return append([]byte{byte(len(s))}, s...) }
	entries := []streamEntry{{StreamID{10, 1}, []string{"f", "1"}}, {StreamID{12, 0}, []string{"g", "x", "h", "y"}}}
	pack := string(streamPack(entries))
	stream := func(tail ...[]byte) []byte {
		return slices.Concat([]byte{1}, str(string(id(10, 1))), str(pack), []byte{2, 12, 0}, slices.Concat(tail...))
	}
	seen := binary.LittleEndian.AppendUint64(nil, 1234)
	active := binary.LittleEndian.AppendUint64(nil, 999)
	group := func(read []byte, active []byte) []byte {
		return slices.Concat([]byte{1}, str("grp"), []byte{10, 1}, read,
			[]byte{1}, id(10, 1), seen, []byte{3}, // pending
			[]byte{2}, str("alice"), seen, active, []byte{1}, id(10, 1), str("bob"), seen, active, []byte{0})
	}
	wantStream := func(last, added uint64, activeAt int64) *Stream {
		return &Stream{Length: 2, LastID: StreamID{12, 0}, FirstID: StreamID{10, 1}, EntriesAdded: added, Groups: []Group{{
			Name: []byte("grp"), LastID: StreamID{10, 1}, EntriesRead: int64(last),
			Pending:   []Pending{{StreamID{10, 1}, 1234, 3, 0}},
			Consumers: []Consumer{{[]byte("alice"), 1234, activeAt}, {[]byte("bob"), 1234, activeAt}}}}}
	}
	long := strings.Repeat("abc", 100)
	packed, _ := new(lzfCompressor).compress(nil, []byte(long))
	lzf := slices.Concat([]byte{encLZF, len14 | byte(len(packed)>>8), byte(len(packed)), len14 | 300>>8, 300 & 0xff}, packed)

	for name, c := range map[string]struct {
		t    Type
		b    []byte
		want value
	}{
		"string":         {TypeString, str("v"), value{Str: "v"}},
		"string int8":    {TypeString, []byte{0xc0, 0x80}, value{Str: "-128"}},
		"string int16":   {TypeString, []byte{0xc1, 0xff, 0x7f}, value{Str: "32767"}},
		"string int32":   {TypeString, []byte{0xc2, 0, 0, 0, 0x80}, value{Str: "-2147483648"}},
		"string lzf":     {TypeString, lzf, value{Str: long}},
		"string 32 bit":  {TypeString, []byte{0x80, 0, 0, 0, 2, 'a', 'b'}, value{Str: "ab"}},
		"string 64 bit":  {TypeString, []byte{0x81, 0, 0, 0, 0, 0, 0, 0, 2, 'a', 'b'}, value{Str: "ab"}},
		"list":           {TypeList, slices.Concat([]byte{3}, str("a"), []byte{0xc0, 7}, str("")), value{List: []string{"a", "7", ""}}},
		"list ziplist":   {TypeListZiplist, str(string(ziplist("a", 7, "007"))), value{List: []string{"a", "7", "007"}}},
		"quicklist":      {TypeListQuicklist, slices.Concat([]byte{3}, str(string(ziplist("a", 7))), str(string(ziplist())), str(string(ziplist("b")))), value{List: []string{"a", "7", "b"}}},
		"quicklist 2":    {TypeListQuicklist2, slices.Concat([]byte{2, 2}, str(lp("a", "7")), []byte{1}, str(long)), value{List: []string{"a", "7", long}}},
		"set":            {TypeSet, slices.Concat([]byte{2}, str("a"), []byte{0xc0, 7}), value{Set: map[string]bool{"a": true, "7": true}}},
		"set intset":     {TypeSetIntset, str(string(is)), value{Set: map[string]bool{"-5": true, "1099511627776": true}}},
		"set listpack":   {TypeSetListpack, str(lp("a", "7")), value{Set: map[string]bool{"a": true, "7": true}}},
		"hash":           {TypeHash, slices.Concat([]byte{2}, str("a"), str("1"), str("b"), lzf), value{Hash: map[string]string{"a": "1", "b": long}}},
		"hash lzf field": {TypeHash, slices.Concat([]byte{1}, lzf, lzf), value{Hash: map[string]string{long: long}}},
		"hash zipmap":    {TypeHashZipmap, str(string(zipmapBytes)), value{Hash: map[string]string{"foo": "bar", "hello": "world", "n1": strings.Repeat("v", 300)}}},
		"hash ziplist":   {TypeHashZiplist, str(string(ziplist("a", 1, "b", "x"))), value{Hash: map[string]string{"a": "1", "b": "x"}}},
		"hash listpack":  {TypeHashListpack, str(lp("a", "1", "b", "x")), value{Hash: map[string]string{"a": "1", "b": "x"}}},
		"zset": {TypeZSet, slices.Concat([]byte{4}, str("a"), text("1.5"), str("b"), []byte{254}, str("c"), []byte{255}, str("d"), text("1e400")),
			value{ZSet: map[string]float64{"a": 1.5, "b": math.Inf(1), "c": math.Inf(-1), "d": math.Inf(1)}}},
		"zset 2":        {TypeZSet2, slices.Concat([]byte{2}, str("a"), score(0.1), []byte{0xc0, 7}, score(math.Inf(-1))), value{ZSet: map[string]float64{"a": 0.1, "7": math.Inf(-1)}}},
		"zset ziplist":  {TypeZSetZiplist, str(string(ziplist("a", 1, "b", "2.5"))), value{ZSet: map[string]float64{"a": 1, "b": 2.5}}},
		"zset listpack": {TypeZSetListpack, str(lp("a", "1", "b", "2.5", "c", "inf")), value{ZSet: map[string]float64{"a": 1, "b": 2.5, "c": math.Inf(1)}}},
		"stream":        {TypeStreamListpacks, stream(group(nil, nil)), value{Entries: entries, Stream: wantStream(1, 2, 1234)}},
		"stream 2":      {TypeStreamListpacks2, stream([]byte{10, 1, 0, 0, 7}, group([]byte{5}, nil)), value{Entries: entries, Stream: wantStream(5, 7, 1234)}},
		"stream 3":      {TypeStreamListpacks3, stream([]byte{10, 1, 0, 0, 7}, group([]byte{5}, active)), value{Entries: entries, Stream: wantStream(5, 7, 999)}},
		"empty stream":  {TypeStreamListpacks, []byte{0, 0, 12, 0, 0}, value{Stream: &Stream{LastID: StreamID{12, 0}}}},
		"empty hash":    {TypeHash, []byte{0}, value{}},
		"empty list":    {TypeListQuicklist2, []byte{0}, value{}},
		"empty zset":    {TypeZSetZiplist, str(string(ziplist())), value{}},
		"empty set":     {TypeSetIntset, str(string(AppendIntset(nil))), value{}},
	} {
		file := slices.Concat([]byte("REDIS0011"), []byte{opExpireTime, 0x10, 0, 0, 0, byte(c.t)}, str("key"), c.b,
			[]byte{byte(TypeString)}, str("next"), str("v"), []byte{opEOF})
		file = binary.LittleEndian.AppendUint64(file, CRC64(0, file))
		r, err := NewReader(bytes.NewReader(file), "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := readAll(r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got[0]["next"] == nil || got[0]["next"].ExpireAt != NoExpiry {
			t.Errorf("%s: the next key is %v", name, got[0]["next"])
		}
		empty := strings.HasPrefix(name, "empty") && name != "empty stream"
		if v := got[0]["key"]; empty {
			if v != nil {
				t.Errorf("%s: it is %v", name, v)
			}
		} else {
			want := c.want
			want.Meta = NoMeta()
			want.ExpireAt = 16000
			want.Kind, _ = c.t.Kind()
			for _, m := range []any{&want.Set, &want.Hash, &want.ZSet} {
				if m := reflect.ValueOf(m).Elem(); m.IsNil() {
					m.Set(reflect.MakeMap(m.Type()))
				}
			}
			if !reflect.DeepEqual(v, &want) {
				t.Errorf("%s:\n got %v\nwant %v", name, v, &want)
			}
		}

		// as a payload of DUMP
		v, err := readDump(SealDump(append([]byte{byte(c.t)}, c.b...)))
		if (err != nil) != empty {
			t.Errorf("%s: payload: %v, %v", name, v, err)
		}
		if _, err := readDump(SealDump(slices.Concat([]byte{byte(c.t)}, c.b, []byte{0}))); err == nil {
			t.Errorf("%s: payload with a byte too many is taken", name)
		}
	}
}

// Files of before version 5 have no checksum, and nothing is asked of what
// follows the end.
func TestOldVersion(t *testing.T) {
	file := slices.Concat([]byte("REDIS0003\xfe\x02\x00"), str("k"), str("v"), []byte{opEOF})
	r, err := NewReader(bytes.NewReader(file), "")
	if err != nil {
		t.Fatal(err)
	}
	got, err := readAll(r)
	if err != nil || got[2]["k"].Str != "v" {
		t.Fatal(got, err)
	}
}

// Damage within values that the checksum would not tell, as in payloads made by
// hand.
func TestBadValues(t *testing.T) {
	edit := func(s string, at int, b byte) string {
		c := []byte(s)
		c[at] = b
		return string(c)
	}
	seen := make([]byte, 8)
	emptyStream := []byte{0, 0, 0, 0, 0, 0, 0, 0, 0} // to the number of groups, type 2
	for name, c := range map[string]struct {
		t    Type
		b    []byte
		want string
	}{
		"listpack short":       {TypeHashListpack, str("abc"), "shorter than its header"},
		"listpack size":        {TypeHashListpack, str(edit(lp("a", "b"), 0, 99)), "another size"},
		"listpack count":       {TypeHashListpack, str(edit(lp("a", "b"), 4, 3)), "another number of elements"},
		"listpack encoding":    {TypeHashListpack, str(edit(lp("a", "b"), 6, 0xf9)), "unknown encoding"},
		"listpack length":      {TypeHashListpack, str(edit(lp("a", "b"), 6, 0xbf)), "does not end within"},
		"listpack back":        {TypeHashListpack, str(edit(lp("a", "b"), 8, 9)), "backward"},
		"listpack end":         {TypeHashListpack, str(edit(lp("a"), 9, 0)), "end mark"},
		"hash odd":             {TypeHashListpack, str(lp("a", "b", "c")), "odd number"},
		"zset score":           {TypeZSetListpack, str(lp("a", "b")), "no number"},
		"zset nan":             {TypeZSetListpack, str(lp("a", "nan")), "no number"},
		"zset ziplist odd":     {TypeZSetZiplist, str(string(ziplist("a"))), "odd number"},
		"ziplist tail":         {TypeListZiplist, str(edit(string(ziplist("a", "b")), 4, 10)), "offset of the last"},
		"ziplist prev":         {TypeListZiplist, str(edit(string(ziplist("a", "b")), 13, 7)), "size of the entry before"},
		"intset width":         {TypeSetIntset, str("\x03\x00\x00\x00\x01\x00\x00\x00abc"), "width"},
		"intset size":          {TypeSetIntset, str("\x02\x00\x00\x00\x02\x00\x00\x00ab"), "another size"},
		"intset order":         {TypeSetIntset, str("\x02\x00\x00\x00\x02\x00\x00\x00\x02\x00\x01\x00"), "ascending"},
		"list node":            {TypeListQuicklist2, []byte{1, 3, 0}, "kind of list node"},
		"stream master":        {TypeStreamListpacks2, slices.Concat([]byte{1}, str(string(id(1, 1))), str(lp("x"))), "stream entries is inconsistent"},
		"stream id":            {TypeStreamListpacks2, slices.Concat([]byte{1}, str("short"), str(lp("x"))), "16 bytes"},
		"stream count":         {TypeStreamListpacks2, slices.Concat([]byte{1}, str(string(id(1, 1))), str(lp("2", "0", "0", "0", "2", "0", "0", "3"))), "inconsistent"},
		"pending order":        {TypeStreamListpacks2, slices.Concat(emptyStream[:8], []byte{0, 1}, str("g"), []byte{0, 0, 0, 2}, id(2, 0), seen, []byte{1}, id(1, 0), seen, []byte{1}), "ascending"},
		"pending of nobody":    {TypeStreamListpacks2, slices.Concat(emptyStream[:8], []byte{0, 1}, str("g"), []byte{0, 0, 0, 1}, id(2, 0), seen, []byte{1, 0}), "no consumer"},
		"pending of two":       {TypeStreamListpacks2, slices.Concat(emptyStream[:8], []byte{0, 1}, str("g"), []byte{0, 0, 0, 1}, id(2, 0), seen, []byte{1, 2}, str("a"), seen, []byte{1}, id(2, 0), str("b"), seen, []byte{1}, id(2, 0)), "two consumers"},
		"pending not in group": {TypeStreamListpacks2, slices.Concat(emptyStream[:8], []byte{0, 1}, str("g"), []byte{0, 0, 0, 0, 1}, str("a"), seen, []byte{1}, id(2, 0)), "not pending"},
		"type":                 {25, nil, "not a type"},
	} {
		v, err := readDump(SealDump(append([]byte{byte(c.t)}, c.b...)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v %v, want %q", name, v, err, c.want)
		}
	}
}

func TestSkip(t *testing.T) {
	rng := seeded(t)
	d := randomDataset(rng, 300)
	var file bytes.Buffer
	if err := d.write(&file, rng, WriterOptions{}); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(&file, "")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for {
		_, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for range rng.IntN(3) { // some of it read, the rest passed over
			if _, err := r.Chunk(); err != nil && err != io.EOF {
				t.Fatal(err)
			}
		}
		n++
	}
	if n != d.size() {
		t.Errorf("%d keys of %d", n, d.size())
	}
}
