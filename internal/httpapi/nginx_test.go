package httpapi

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nasa is the folder of NASA's table, beside the repository.
const nasa = "../../../shared/data/"

// BenchmarkBesideNginx serves NASA's 45,716 records and lets wrk ask for the whole
// list, for the list in gzip and for one record, in turns with nginx, which serves
// the same bytes as files (sendfile; gzip_static, level 6). It reports the ratios
// of the medians:
//
//	go test -run '^$' -bench BesideNginx -benchtime 1x ./internal/httpapi
func BenchmarkBesideNginx(b *testing.B) {
	for _, tool := range []string{"nginx", "wrk", "gzip"} {
		if _, err := exec.LookPath(tool); err != nil {
			b.Skipf("%s is not installed", tool)
		}
	}
	csv, err := os.ReadFile(nasa + "nasa_meteorite_landings.csv")
	if err != nil {
		b.Skipf("NASA's table is not there: %v", err)
	}
	n := start(b, nil)
	n.want(n.do("POST", "/data", string(csv), "Content-Type", "text/csv"), 200)
	list := n.want(n.do("GET", "/data", ""), 200).body
	record := n.want(n.do("GET", "/data/30409", ""), 200).body
	started := time.Now()
	coded := n.want(n.do("GET", "/data", "", "Accept-Encoding", "gzip"), 200).body
	b.Logf("list %d bytes, gzip %d bytes (first read %v), record %d bytes", len(list), len(coded), time.Since(started).Round(time.Millisecond), len(record))

	dir := b.TempDir()
	for name, text := range map[string]string{"data": list, "record": record} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	if out, err := exec.Command("gzip", "-6", "-k", filepath.Join(dir, "data")).CombinedOutput(); err != nil {
		b.Fatalf("gzip: %v: %s", err, out)
	}
	if info, err := os.Stat(filepath.Join(dir, "data.gz")); err == nil {
		b.Logf("gzip -6 makes %d bytes", info.Size())
	}
	nginx := startNginx(b, dir)
	cases := []struct {
		name, ours, theirs, accept string
	}{
		{"list", "/data", "/data", "identity"},
		{"gzip", "/data", "/data", "gzip"},
		{"record", "/data/30409", "/record", "identity"},
	}
	for b.Loop() {
		for _, c := range cases {
			var ours, theirs []float64
			for range rounds {
				theirs = append(theirs, wrk(b, "http://"+nginx+c.theirs, c.accept))
				ours = append(ours, wrk(b, "http://"+n.addr+c.ours, c.accept))
			}
			slices.Sort(ours)
			slices.Sort(theirs)
			b.Logf("%s: %.0f requests/s, nginx %.0f", c.name, ours[rounds/2], theirs[rounds/2])
			b.ReportMetric(ours[rounds/2]/theirs[rounds/2], c.name+"/nginx")
		}
	}
}

// startNginx serves a folder and gives its address.
func startNginx(b *testing.B, dir string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;" // the folder is ours alone
	}
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`daemon off; %s worker_processes auto; pid %s/pid; error_log %s/error.log;
events { worker_connections 1024; }
http {
	access_log off; sendfile on; keepalive_requests 1000000000; default_type application/json; gzip_static on;
	client_body_temp_path %[2]s/a; proxy_temp_path %[2]s/b; fastcgi_temp_path %[2]s/c; uwsgi_temp_path %[2]s/d; scgi_temp_path %[2]s/e;
	server { listen %[4]s; root %[2]s; }
}`, user, dir, dir, addr)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command("nginx", "-c", conf)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	for end := time.Now().Add(10 * time.Second); ; {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
			return addr
		}
		if time.Now().After(end) {
			b.Fatalf("nginx does not answer: %v", err)
		}
	}
}

// rounds is how often each server is asked, in turns of a second.
const rounds = 11

var rate = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)

func wrk(b *testing.B, url, accept string) float64 {
	out, err := exec.Command("wrk", "-t1", "-c4", "-d1s", "-H", "Accept-Encoding: "+accept, url).CombinedOutput()
	m := rate.FindSubmatch(out)
	if err != nil || m == nil || strings.Contains(string(out), "Non-2xx") {
		b.Fatalf("wrk: %v: %s", err, out)
	}
	f, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return f
}
