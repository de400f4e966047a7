package redisserver

import (
	"regexp"
	"strings"
	"testing"
)

// The lines of the log have the form of redis-server's.
func TestLogLines(t *testing.T) {
	var out strings.Builder
	log := NewLog(&out, "notice")
	log.Debug("not told")
	log.Info("DB saved on disk", "file", "a dump.rdb")
	log.Warn("careful: really", "n", 2)
	lines := strings.Split(out.String(), "\n")
	for i, want := range []string{`\* DB saved on disk: file="a dump.rdb"`, `# careful: really n=2`} {
		form := regexp.MustCompile(`^\d+:M \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3} ` + want + `$`)
		if !form.MatchString(lines[i]) {
			t.Errorf("line %d is %q", i, lines[i])
		}
	}
	if len(lines) != 3 || lines[2] != "" {
		t.Errorf("the log is %q", out.String())
	}
}

// Protected mode is about other hosts alone.
func TestSameHost(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:5": true, "[::1]:5": true, "pipe:0": true, "/run/redis.sock:0": true, "@": true,
		"192.0.2.2:5": false, "[2001:db8::1]:5": false, "10.0.0.1:6379": false,
	} {
		if got := sameHost(addr); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
}

// What promises something that the engine does not do is refused by name; its
// default is accepted.
func TestPromisesAreRefused(t *testing.T) {
	for _, c := range []struct {
		name, value string
		ok          bool
	}{
		{"min-replicas-to-write", "1", false}, {"min-replicas-to-write", "0", true}, {"pidfile", "/run/x.pid", false},
		{"syslog-enabled", "yes", false}, {"syslog-enabled", "no", true}, {"maxmemory-clients", "1g", false},
		{"tcp-backlog", "128", true}, {"protected-mode", "no", true}, {"no-such-thing", "1", false},
	} {
		_, err := Options{Parameters: []Parameter{{Name: c.name, Args: []string{c.value}}}}.config()
		if (err == nil) != c.ok {
			t.Errorf("%s %s: %v", c.name, c.value, err)
		}
		if err != nil && !strings.Contains(err.Error(), c.name) {
			t.Errorf("%v does not name %s", err, c.name)
		}
	}
}
