//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// put writes a record of the default dataset and gives the answer.
func put(t *testing.T, url, id, prefer string) (status int, header http.Header) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url+"/data/"+id, strings.NewReader(`{"id":"`+id+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	if prefer != "" {
		q.Header.Set("Prefer", prefer)
	}
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode, resp.Header
}

// The engine of serve syncs before it answers: what was acknowledged with ack=disk is there after a kill -9. What
// it cannot promise is refused at start.
func TestAckOnTheEngine(t *testing.T) {
	dir := t.TempDir()
	port := freePort(t)
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	args := []string{"serve", "--listen", fmt.Sprintf("127.0.0.1:%d", port), "--redis-listen", "", "--dir", filepath.Join(dir, "data"), "--ack", "disk"}
	node := start(t, dir, program, args...)
	ready := func() error { return answers(t, url+"/readyz") }
	eventually(t, "the node", ready)
	for i := range 50 {
		status, header := put(t, url, fmt.Sprint(i), "")
		if status != http.StatusCreated || header.Get("Dataset-Ack") != "disk" {
			t.Fatal(status, header)
		}
	}
	status, header := put(t, url, "nodes", `ack="nodes:1"`)
	if status != http.StatusServiceUnavailable || header.Get("Preference-Applied") != "" {
		t.Fatal(status, header)
	}
	node.kill()
	node = start(t, dir, program, args...)
	eventually(t, "the node", ready)
	for i := range 50 {
		if err := answers(t, fmt.Sprint(url, "/data/", i)); err != nil {
			t.Errorf("%d was acknowledged: %v", i, err)
		}
	}
	node.stop(t)
	for _, c := range []struct {
		flags []string
		says  string
	}{
		{[]string{"--ack", "replicas:1"}, "replicas"},
		{[]string{"--ack", "disk", "--appendfsync", "everysec"}, "everysec"},
		{[]string{"--ack", "disk", "--appendonly", "no"}, "appendonly no"},
	} {
		all := append([]string{"serve", "--listen", "127.0.0.1:0", "--redis-listen", "", "--dir", t.TempDir()}, c.flags...)
		if _, err := run(t.Context(), dir, nil, program, all...); err == nil || !strings.Contains(err.Error(), "cannot be promised") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v", c.flags, err)
		}
	}
}

// answers says whether a GET is answered with 200.
func answers(t *testing.T, url string) error {
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	return nil
}

// What was acknowledged with ack=nodes:1 survives that Redis forgets everything and the node that took it dies, both
// at the same moment: another node has it.
func TestAckNodesSurvives(t *testing.T) {
	dir := t.TempDir()
	r := startRedis(t, dir, 0, "--save", "")
	urls := make([]string, 3)
	nodes := make([]*process, 3)
	for i := range nodes {
		port := freePort(t)
		urls[i] = fmt.Sprintf("http://127.0.0.1:%d", port)
		nodes[i] = start(t, dir, program, "serve", "--listen", fmt.Sprintf("127.0.0.1:%d", port), "--redis", fmt.Sprintf("redis://127.0.0.1:%d", r.port), "--node", fmt.Sprint("n", i))
	}
	for _, url := range urls {
		eventually(t, "the node", func() error { return answers(t, url+"/readyz") })
	}
	eventually(t, "nodes that know each other", func() error {
		for i, url := range urls {
			if status, header := put(t, url, fmt.Sprint("first", i), `ack="nodes:2"`); status/100 != 2 {
				return fmt.Errorf("%d %v", status, header)
			}
		}
		return nil
	})
	const ack = `ack="nodes:1"`
	acknowledged := 0
	for begun := time.Now(); time.Since(begun) < time.Second; acknowledged++ {
		if status, header := put(t, urls[0], fmt.Sprint(acknowledged), ack); status != http.StatusCreated || header.Get("Preference-Applied") != ack || header.Get("Dataset-Ack") != "nodes:1" {
			t.Fatal(status, header)
		}
	}
	r.kill()
	nodes[0].kill()
	startRedis(t, dir, r.port, "--save", "")
	eventually(t, "the others to write", func() error {
		if status, _ := put(t, urls[1], "after", ""); status/100 != 2 {
			return fmt.Errorf("status %d", status)
		}
		return nil
	})
	for i := range acknowledged {
		if err := answers(t, fmt.Sprint(urls[1], "/data/", i)); err != nil {
			t.Fatalf("%d of %d acknowledged writes: %v", i, acknowledged, err)
		}
	}
	t.Logf("%d writes", acknowledged)
}
