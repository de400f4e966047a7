package ingest

import (
	"bytes"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// What is scanned with expected names is valid, and is found to be what the
// general scan finds.
func FuzzExpected(f *testing.F) {
	const first = `{"id":"1","a":1,"b":null,"ü":[]}`
	for _, text := range []string{
		first,
		`{"a":-0.5e+7,"b":true}x`, `{ "id" : "long enough to be more than one word" , "b" : false }` + "\n",
		`{"id":"ünïcödé, more than eight","ü":{"x":[1,{"y":"}"}]}}`, `{"id":"\u00e9\\\"","a":"\ud83d\ude00"}`,
		`{"id":"1234567\n"}`, "{\"id\":\"1234567\x1f\"}", "{\"id\":\"1234567\xff\"}", "{\"id\":\"\xff234567\"}", `{"id":"\ud800 and more"}`,
		`{"id":1,"id":2}`, `{"b":1,"a":2}`, `{"a":01}`, `{"a":1.}`, `{"a":-}`, `{"a":1e}`, `{"a":+1}`, `{"a":tru}`, `{"a":nullx}`,
		`{"a":{"x":1,"x":2}}`, `{"a":[1,]}`, `{"a":1,}`, `{"a" 1}`, `{"a":1 "b":2}`, `{"a":"\x"}`, `{"a`, `{"a":"`, `{"a":1`, `{}`, `{,}`, `{"a":1}}`,
	} {
		f.Add([]byte(first), []byte(text))
	}
	f.Fuzz(func(t *testing.T, first, text []byte) {
		if len(first) == 0 || len(text) == 0 || !jsontext.Value(first).IsValid() || first[0] != '{' {
			return
		}
		var s, general scanner
		s.scan(first)
		s.expect(first)
		n := s.scan(text)
		if want := general.scan(text); s.valid && n != want {
			t.Fatalf("%q after %q: length %d, want %d", text, first, n, want)
		}
		if !s.valid {
			return
		}
		if !jsontext.Value(text[:n]).IsValid() {
			t.Fatalf("%q after %q: %q is not valid", text, first, text[:n])
		}
		for i, m := range s.members {
			if m.name == 0 {
				t.Fatalf("%q after %q: member %d has a name without a number", text, first, i)
			}
			if value := text[m.value:m.valueEnd]; m.plain != (value[0] == '"' && !bytes.Contains(value, []byte(`\`))) {
				t.Fatalf("%q after %q: %q is said to be plain: %v", text, first, value, m.plain)
			}
			s.members[i].name, s.members[i].plain = 0, false // the general scan knows of neither
		}
		if d := cmp.Diff(general.members, s.members, cmp.AllowUnexported(member{})); d != "" || s.depth != general.depth {
			t.Fatalf("%q after %q: depth %d, want %d\n%s", text, first, s.depth, general.depth, d)
		}
	})
}

// The fast way is taken where it matters.
func TestExpected(t *testing.T) {
	var s scanner
	for i, c := range []struct {
		text string
		want bool
	}{
		{`{"id":"1","name":"Aachen","mass":21}`, false}, // nothing is known
		{`{"id":"2","name":"Aarhus","mass":720}`, true},
		{`{"id":"3","mass":1e5}`, true}, // one is missing
		{`{ "id": "4", "name": "Åsna", "mass": null }`, true},
		{`{"id":"5","name":"a \"b\"","mass":[1,{"a":2}]}`, true},
		{`{"id":"6","name":"","note":"new"}`, false},
		{`{"id":"7","name":"","note":"known","mass":{}}`, true},
		{`{"name":"8","id":"8"}`, false}, // another order
		{`{"id":"9","n\u0061me":""}`, false},
		{`{"id":"10","name":""}`, true},
	} {
		if n := s.scan([]byte(c.text)); n != len(c.text) || s.valid != c.want {
			t.Errorf("object %d: length %d, taken the fast way: %v", i+1, n, s.valid)
		}
		s.expect([]byte(c.text))
	}
}
