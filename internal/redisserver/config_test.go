package redisserver

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestConfigFile reads what people write in redis.conf, its includes, standard input
// and a command line, and looks which of them wins.
func TestConfigFile(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir) // includes are relative to the working folder, as in Redis
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("redis.conf", `# a comment
port 1111
  Requirepass "with \"quotes\" \x41 and spaces"
save 900 1
save 300 10
include more-*.conf
appendfilename 'single quoted'
maxmemory 100mb
`)
	write("more-1.conf", "timeout 7\nmaxclients 50\r\n")
	write("more-2.conf", "timeout 8\n")
	p, err := ParseArgs([]string{"redis.conf", "--maxmemory", "200mb", "--save", "60 5", "-"}, strings.NewReader("port 2222\nhz 50"))
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := Options{Parameters: p}.config()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"port": "2222", "requirepass": `with "quotes" A and spaces`, "save": "900 1 300 10 60 5", "timeout": "8", "maxclients": "50",
		"appendfilename": "single quoted", "maxmemory": "209715200", "hz": "50", "databases": "16",
	} {
		if got := findParam(params(), name).get(&cfg); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}

	write("a.conf", "include b.conf\n")
	write("b.conf", "include a.conf\n")
	write("names.conf", "port 1\n\nport-number 2\n")
	for text, want := range map[string]string{
		"port 1\nnosuch 1\n":                 "x.conf:2: parameter \"nosuch\": this engine does not have it",
		"port\n":                             "x.conf:1: parameter \"port\": it takes one value, not 0",
		"port 1 2\n":                         "x.conf:1: parameter \"port\": it takes one value, not 2",
		"\n\nport x\n":                       "x.conf:3: parameter \"port\": argument couldn't be parsed into an integer",
		"save \"1\n":                         "x.conf:1: unbalanced quotes: save \"1",
		"maxmemory-policy allkeys-lru\n":     "x.conf:1: parameter \"maxmemory-policy\": this engine supports only 'noeviction'",
		"include names.conf\n":               "names.conf:3: parameter \"port-number\": this engine does not have it",
		"port 1\ninclude missing.conf\n":     "x.conf:2: parameter \"include\": open missing.conf: no such file or directory",
		"include a.conf\n":                   "files include each other more than 16 deep",
		"port " + strings.Repeat("1", 70000): "x.conf:1: bufio.Scanner: token too long",
	} {
		write("x.conf", text)
		p, err := ParseArgs([]string{"x.conf"}, nil)
		if err == nil {
			_, err = Options{Parameters: p}.config()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %s", text, err, want)
		}
	}
	if _, err := ParseArgs([]string{"port", "1"}, nil); err == nil {
		t.Error("a file that is not there was taken")
	}
	if _, err := ParseArgs([]string{"redis.conf", "port", "1"}, nil); err == nil || !strings.Contains(err.Error(), "begins with --") {
		t.Errorf("a word without --: %v", err)
	}
}
