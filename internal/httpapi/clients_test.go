package httpapi

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The gzip list is one member, put together from parts: what other people's
// decoders make of it is what counts. Those that are not installed are skipped.
func TestOtherDecoders(t *testing.T) {
	n := start(t, nil)
	want := big()
	n.want(n.do("POST", "/data", want), 200)
	dir := t.TempDir()
	files := map[string]string{}
	for _, coding := range []string{"gzip", "zstd"} {
		files[coding] = filepath.Join(dir, "list."+coding)
		body := n.want(n.do("GET", "/data", "", "Accept-Encoding", coding), 200).body
		if err := os.WriteFile(files[coding], []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		args []string
	}{
		{"curl", []string{"curl", "-sS", "--compressed", "http://" + n.addr + "/data"}},
		{"gzip", []string{"gzip", "-dc", "-S", ".gzip", files["gzip"]}},
		{"zstd", []string{"zstd", "-dcq", files["zstd"]}},
		{"Python's gzip", []string{"python3", "-c", "import gzip,sys; sys.stdout.buffer.write(gzip.open(sys.argv[1]).read())", files["gzip"]}},
		// One member: zlib must be at the stream's end exactly where the file ends.
		{"Python's zlib, one member", []string{"python3", "-c", "import zlib,sys; d=zlib.decompressobj(31); sys.stdout.buffer.write(d.decompress(open(sys.argv[1],'rb').read())); assert d.eof and not d.unused_data", files["gzip"]}},
		{"Python's urllib and gzip", []string{"python3", "-c", "import gzip,sys,urllib.request as u; sys.stdout.buffer.write(gzip.decompress(u.urlopen(u.Request(sys.argv[1],headers={'Accept-Encoding':'gzip'})).read()))", "http://" + n.addr + "/data"}},
		{"Node's gunzip", []string{"node", "-e", "process.stdout.write(require('zlib').gunzipSync(require('fs').readFileSync(process.argv[1])))", files["gzip"]}},
		{"Node's fetch", []string{"node", "-e", "fetch(process.argv[1]).then(r=>r.text()).then(t=>process.stdout.write(t))", "http://" + n.addr + "/data"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := exec.LookPath(c.args[0]); err != nil {
				t.Skipf("%s is not installed", c.args[0])
			}
			cmd := exec.Command(c.args[0], c.args[1:]...)
			var stderr strings.Builder
			cmd.Stderr = &stderr
			got, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, stderr.String())
			}
			if string(got) != want {
				t.Errorf("%d bytes come out, want %d", len(got), len(want))
			}
		})
	}
}
