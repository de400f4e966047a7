package ingest

import (
	"bytes"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"landings/internal/dataset"
)

func TestMergePatch(t *testing.T) {
	for _, tt := range []struct{ target, patch, want string }{
		// RFC 7396, appendix A.
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`},
		{`{"a":"b"}`, `["c"]`, `["c"]`},
		{`{"a":"foo"}`, `null`, `null`},
		{`{"a":"foo"}`, `"bar"`, `"bar"`},
		{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		// What is not touched keeps its bytes.
		{"{ \"a\" : 21.0 ,\n  \"b\" : 1e400,\n  \"c\": [ 1 ] }", `{"b":null}`, "{ \"a\" : 21.0,\n  \"c\": [ 1 ] }"},
		{"{\n  \"a\": 1,\n  \"b\": 2\n}", `{"a":null}`, "{\n  \"b\": 2\n}"},
		{"{\n  \"a\": 1,\n  \"b\": 2\n}", `{"a":null,"b":null}`, "{\n}"},
		{"{\n  \"a\": 1,\n  \"b\": 2\n}", `{"c":3}`, "{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\":3\n}"},
		{"{\n  \"a\": 1\n}", `{"c":3, "d":4}`, "{\n  \"a\": 1,\n  \"c\":3,\n  \"d\":4\n}"},
		{"{ }", `{"c":3}`, `{"c":3 }`},
		{`{"\u0061":1,"b":2}`, `{"a":3.0}`, `{"\u0061":3.0,"b":2}`},
		{` {"a":1} `, ` {} `, `{"a":1}`},
	} {
		got, err := MergePatch([]byte(tt.target), []byte(tt.patch))
		if err != nil || string(got) != tt.want {
			t.Errorf("%s + %s\n got %s, %v\nwant %s", tt.target, tt.patch, got, err, tt.want)
		}
	}
	for _, tt := range []struct{ target, patch, want string }{
		{`{"a":1`, `{}`, "the record to be patched cannot be read; send one JSON value in UTF-8\n  line 1, column 7: the JSON ends in the middle of a value"},
		{`{}`, "{\n\"a\":1,\"a\":2}", "the patch cannot be read; send one JSON value in UTF-8\n  line 2, column 7, /a: the name \"a\" occurs twice in one object"},
		{`{}`, "", "the patch cannot be read; send one JSON value in UTF-8\n  line 1, column 1: there is no text"},
	} {
		if _, err := MergePatch([]byte(tt.target), []byte(tt.patch)); err == nil || err.Error() != tt.want {
			t.Errorf("%s + %s: %v", tt.target, tt.patch, err)
		}
	}
}

// model is a JSON value as plainly as can be: the raw text of anything but an
// object, and an object's members.
type model struct {
	raw     string
	members map[string]*model
}

func parse(t *testing.T, text []byte) *model {
	d := jsontext.NewDecoder(bytes.NewReader(text))
	if d.PeekKind() != '{' {
		v, err := d.ReadValue()
		if err != nil {
			t.Fatal(err)
		}
		return &model{raw: string(v)}
	}
	m := &model{members: map[string]*model{}}
	d.ReadToken()
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			t.Fatal(err)
		}
		key := name.String()
		v, err := d.ReadValue()
		if err != nil {
			t.Fatal(err)
		}
		m.members[key] = parse(t, v)
	}
	return m
}

// apply is the pseudocode of RFC 7396.
func apply(target, patch *model) *model {
	if patch.members == nil {
		return patch
	}
	if target == nil || target.members == nil {
		target = &model{members: map[string]*model{}}
	}
	for name, v := range patch.members {
		if v.raw == "null" {
			delete(target.members, name)
		} else {
			target.members[name] = apply(target.members[name], v)
		}
	}
	return target
}

func (m *model) equal(o *model) bool {
	if m.raw != o.raw || len(m.members) != len(o.members) || (m.members == nil) != (o.members == nil) {
		return false
	}
	for k, v := range m.members {
		if w := o.members[k]; w == nil || !v.equal(w) {
			return false
		}
	}
	return true
}

func FuzzMergePatch(f *testing.F) {
	f.Add([]byte(`{"a":{"b":1.0, "c":null},"d":[1]}`), []byte(`{"a":{"b":null,"x":{"y":null,"z":1}},"e":"\u0061"}`))
	f.Add([]byte("{\n  \"a\": 1,\n \"b\":2 }"), []byte(`{"b":3,"c":4}`))
	f.Add([]byte(`[1]`), []byte(`{"a":{}}`))
	f.Fuzz(func(t *testing.T, target, patch []byte) {
		got, err := MergePatch(target, patch)
		if err != nil {
			if dataset.CodeOf(err) == dataset.Internal {
				t.Fatal(err)
			}
			return
		}
		if f := checkText(got, Limits{MaxRecordBytes: 1 << 30, MaxDepth: 1000}); f != nil {
			t.Fatalf("%s + %s = %s: %s", target, patch, got, f.detail)
		}
		if !parse(t, got).equal(apply(parse(t, target), parse(t, patch))) {
			t.Fatalf("%s + %s = %s", target, patch, got)
		}
	})
}

func TestCheckRecord(t *testing.T) {
	for _, good := range []string{`{}`, " {\"a\":1e400}\n"} {
		if err := CheckRecord([]byte(good), Limits{}); err != nil {
			t.Error(good, err)
		}
	}
	for text, want := range map[string]string{
		"":                         "line 1, column 1: there is no text",
		"[]":                       "line 1, column 1: a record is an object, this is a list",
		"\n {\"a\":1,\n\"a\":2}":   "line 3, column 1, /a: the name \"a\" occurs twice in one object",
		"{\"a\":\"\xff\"}":         "line 1, column 7, /a: invalid UTF-8",
		`{"a":1} {"b":1}`:          "line 1, column 9: there is more text after the value",
		`{"a":[[1]]}`:              "line 1, column 1: objects and lists are nested 3 deep, the limit is 2",
		`{"a":"xxxxxxxxxxxxxxxx"}`: "line 1, column 1: longer than 20 bytes",
	} {
		err := CheckRecord([]byte(text), Limits{MaxDepth: 2, MaxRecordBytes: 20})
		remedy := "send one JSON object"
		if dataset.CodeOf(err) == dataset.TooLarge {
			remedy = "make several records of it, or leave out what is long or deep"
		}
		if err == nil || err.Error() != "this cannot be a record; "+remedy+"\n  "+want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestIDOf(t *testing.T) {
	for _, tt := range []struct{ json, field, want string }{
		{`{"id":"a\u0062"}`, "id", "ab"},
		{`{"id": 1.0 }`, "id", "1.0"},
		{`{"i\u0064":-1}`, "id", "-1"},
		{`{"id":null}`, "id", ""},
		{`{"id":""}`, "id", ""},
		{`{"id":{}}`, "id", ""},
		{`{"a":{"id":1}}`, "id", ""},
		{`{"type":"Feature","id":1,"properties":{"id":2,"k":3}}`, "id", "1"},
		{`{"type":"Feature","properties":{"id":2,"k":3}}`, "id", "2"},
		{`{"type":"Feature","id":1,"properties":{"id":2,"k":3}}`, "k", "3"},
		{`{"type":"Feature","k":1,"properties":null}`, "k", ""},
	} {
		if got, ok := idOf([]byte(tt.json), tt.field); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s, %s: %q, %v", tt.json, tt.field, got, ok)
		}
	}
}
