package httpapi

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"landings/internal/dataset"
	"landings/internal/encode"
)

func TestRecordConditions(t *testing.T) {
	n := start(t, nil)
	n.want(n.do("POST", "/data", three), 200)
	get := n.want(n.do("GET", "/data/1", ""), 200)
	tag := get.header.Get("Etag")
	if !strings.HasPrefix(tag, `"`) || get.header.Get("Vary") != "Accept" || get.header.Get("Dataset-Version") != "1" {
		t.Errorf("record headers %v", get.header)
	}
	head := n.want(n.do("HEAD", "/data/1", ""), 200)
	if head.header.Get("Etag") != tag || head.header.Get("Content-Length") != itoa(len(get.body)) || head.body != "" {
		t.Errorf("HEAD: %v %q", head.header, head.body)
	}
	const v2 = `{"id":"1","name":"new"}`
	for _, c := range []struct {
		name, method, body string
		header             []string
		status             int
	}{
		{"same", "GET", "", []string{"If-None-Match", tag}, 304},
		{"same, weak", "GET", "", []string{"If-None-Match", "W/" + tag}, 304},
		{"same, HEAD", "HEAD", "", []string{"If-None-Match", tag}, 304},
		{"any", "GET", "", []string{"If-None-Match", "*"}, 304},
		{"two lines", "GET", "", []string{"If-None-Match", `"x"`, "If-None-Match", tag}, 304},
		{"other", "GET", "", []string{"If-None-Match", `"x"`}, 200},
		{"match", "GET", "", []string{"If-Match", tag}, 200},
		{"match weak is never strong", "GET", "", []string{"If-Match", "W/" + tag}, 412},
		{"no match", "GET", "", []string{"If-Match", `"x"`}, 412},
		{"If-Match goes first", "GET", "", []string{"If-Match", `"x"`, "If-None-Match", tag}, 412},
		{"then If-None-Match", "GET", "", []string{"If-Match", tag, "If-None-Match", tag}, 304},
		{"dates are ignored", "GET", "", []string{"If-Modified-Since", "Tue, 01 Jan 2030 00:00:00 GMT", "If-Unmodified-Since", "Tue, 01 Jan 2002 00:00:00 GMT"}, 200},
		{"malformed", "GET", "", []string{"If-None-Match", "abc"}, 400},
		{"malformed write", "PUT", v2, []string{"If-Match", `"abc`}, 400},
		{"put, wrong tag", "PUT", v2, []string{"If-Match", `"x"`}, 412},
		{"put, only if new", "PUT", v2, []string{"If-None-Match", "*"}, 412},
		{"put, not this one", "PUT", v2, []string{"If-None-Match", tag}, 412},
		{"patch, wrong tag", "PATCH", `{"name":"x"}`, []string{"If-Match", `"x"`, "Content-Type", mergePatchType}, 412},
		{"delete, wrong tag", "DELETE", "", []string{"If-Match", `"x"`}, 412},
		{"delete, weak tag", "DELETE", "", []string{"If-Match", "W/" + tag}, 412},
	} {
		r := n.do(c.method, "/data/1", c.body, c.header...)
		if r.status != c.status {
			t.Errorf("%s: status %d, want %d: %s", c.name, r.status, c.status, r.body)
		}
	}
	if now := n.do("GET", "/data/1", ""); now.header.Get("Etag") != tag || now.header.Get("Dataset-Version") != "1" {
		t.Fatal("a refused write changed something")
	}
	put := n.want(n.do("PUT", "/data/1", v2, "If-Match", `"x", `+tag), 204)
	next := n.want(n.do("GET", "/data/1", ""), 200)
	if put.header.Get("Etag") != next.header.Get("Etag") || next.body != v2 || put.header.Get("Dataset-Version") != "2" {
		t.Errorf("after the put: %v, %v", put.header, next.header)
	}
	n.want(n.do("DELETE", "/data/1", "", "If-Match", tag), 412)
	n.want(n.do("DELETE", "/data/1", "", "If-Match", next.header.Get("Etag")), 204)
	n.want(n.do("DELETE", "/data/1", ""), 404)
	n.want(n.do("DELETE", "/data/1", "", "If-Match", "*"), 412)
	n.want(n.do("PUT", "/data/1", v2, "If-Match", "*"), 412)
	n.want(n.do("PUT", "/data/1", v2, "If-None-Match", "*"), 201)
	// Another record has not changed, so its tag holds across versions.
	other := n.do("GET", "/data/2", "").header.Get("Etag")
	n.want(n.do("POST", "/data", three), 200)
	n.want(n.do("GET", "/data/2", "", "If-None-Match", other), 304)
}

func TestListConditions(t *testing.T) {
	n := start(t, nil)
	none := n.do("GET", "/data", "").header.Get("Etag")
	n.want(n.do("POST", "/data", three, "If-Match", "*"), 412)
	n.want(n.do("DELETE", "/data", "", "If-Match", "*"), 412)
	n.want(n.do("POST", "/data", three, "If-None-Match", "*"), 200)
	n.want(n.do("POST", "/data", three, "If-None-Match", "*"), 412)
	n.want(n.do("POST", "/data", three, "If-Match", none), 412)
	// A write may name the tag that any coding had.
	for _, coding := range []string{"identity", "gzip", "zstd"} {
		tag := n.do("GET", "/data", "", "Accept-Encoding", coding).header.Get("Etag")
		n.want(n.do("GET", "/data", "", "If-Match", tag), 200)
		n.want(n.do("POST", "/data", three, "If-Match", tag), 200)
		n.want(n.do("POST", "/data", three, "If-Match", tag), 412)
		n.want(n.do("GET", "/data", "", "If-Match", tag), 412)
	}
	// A read may not: the codings are different bytes.
	tag := n.do("GET", "/data", "", "Accept-Encoding", "gzip").header.Get("Etag")
	n.want(n.do("GET", "/data", "", "If-None-Match", tag), 200)
	n.want(n.do("GET", "/data", "", "If-None-Match", tag, "Accept-Encoding", "gzip"), 304)
	// Deleted and loaded again, the dataset starts at version 1 of another history.
	first := n.do("GET", "/data", "").header.Get("Etag")
	n.want(n.do("DELETE", "/data", "", "If-Match", `"x"`), 412)
	n.want(n.do("DELETE", "/data", "", "If-Match", first), 200)
	n.want(n.do("GET", "/data", "", "If-None-Match", first), 200)
}

func TestNegotiate(t *testing.T) {
	for accept, want := range map[string]string{
		"":                                "identity",
		"gzip":                            "gzip",
		"GZIP":                            "gzip",
		"x-gzip":                          "gzip",
		"br":                              "identity",
		"gzip, deflate, br, zstd":         "gzip",
		"gzip;q=0.5, zstd":                "zstd",
		"gzip;q=0.5, zstd;q=0.4":          "gzip",
		"gzip;q=0":                        "identity",
		"*":                               "gzip",
		"*;q=0":                           "none",
		"*;q=0, identity":                 "identity",
		"*, gzip;q=0":                     "zstd",
		"identity;q=0":                    "none",
		"identity;q=0, zstd":              "zstd",
		"identity, gzip;q=0.9":            "identity",
		"identity;q=0.5, gzip;q=0.5":      "gzip",
		"gzip;q=abc":                      "identity",
		"gzip;q=2":                        "identity",
		"gzip ; Q=1.0 , identity ; q=0.9": "gzip",
		",,":                              "identity",
	} {
		var lines []string
		if accept != "" {
			lines = []string{accept}
		}
		coding, err := negotiate(lines)
		got := coding.String()
		if err != nil {
			got = "none"
		}
		if got != want {
			t.Errorf("%q gives %s, want %s", accept, got, want)
		}
	}
	n := start(t, nil)
	r := n.do("GET", "/data", "", "Accept-Encoding", "identity;q=0")
	n.problem(r, dataset.NotAcceptable)
	if r.header.Get("Vary") == "" {
		t.Error("the refusal has no Vary")
	}
}

func FuzzNegotiate(f *testing.F) {
	f.Add("gzip;q=0.5, *;q=0, zstd")
	f.Fuzz(func(t *testing.T, accept string) {
		coding, err := negotiate(strings.Split(accept, "\n"))
		if err == nil && coding >= encode.Codings {
			t.Errorf("%q gives coding %d", accept, coding)
		}
	})
}

// What parseTags reads, it reads again from a list of what it read.
func FuzzTags(f *testing.F) {
	f.Add(`"a", W/"b,c" ,, "d"`)
	f.Add(`*`)
	f.Fuzz(func(t *testing.T, value string) {
		got, err := parseTags("If-Match", []string{value})
		if err != nil {
			return
		}
		if got.any {
			return
		}
		again, err := parseTags("If-Match", []string{strings.Join(got.list, ", ")})
		if err != nil || !slices.Equal(got.list, again.list) {
			t.Errorf("%q: %q does not come back (%v)", value, got.list, err)
		}
	})
}

func TestConditionsOfWritesHoldAtTheCommit(t *testing.T) {
	n := start(t, nil)
	n.want(n.do("POST", "/data", three), 200)
	tag := n.do("GET", "/data/1", "").header.Get("Etag")
	results := make(chan int)
	for range 8 {
		go func() { results <- n.do("PUT", "/data/1", `{"id":"1","name":"mine"}`, "If-Match", tag).status }()
	}
	counts := map[int]int{}
	for range 8 {
		counts[<-results]++
	}
	if counts[http.StatusNoContent] != 1 || counts[http.StatusPreconditionFailed] != 7 {
		t.Errorf("statuses %v, want one 204 and seven 412", counts)
	}
}
