//go:build e2e

package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"landings/internal/dataset"
	"landings/internal/redistest"
)

var (
	killPoints = flag.Int("kill.points", 200, "how many loads TestLoadKilled breaks")
	killSeed   = flag.Uint64("kill.seed", 0, "seed of TestLoadKilled; 0: another one each time")
)

// content is a whole dataset as it has to be, in Redis and in an answer.
type content struct {
	name    string
	file    []byte
	records int
	digest  string // of the meta hash
	list    [sha256.Size]byte
}

// TestLoadKilled breaks loads of a whole dataset at random points, by killing or
// restarting the node, Redis, or both. Whatever happens, Redis and the API show
// afterwards the dataset that was there before or the one that was being loaded,
// whole; and the latter where the load was acknowledged and the memory that held
// it lived on.
func TestLoadKilled(t *testing.T) {
	seed := *killSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("to repeat: -kill.seed=%d", seed)
	random := rand.New(rand.NewPCG(seed, 1))

	dir := t.TempDir()
	r := startRedis(t, dir, 0, "--save", "1 1")
	n := startNode(t, r, 0)
	port := n.port(t)
	nasa, err := os.ReadFile(shared(t, "nasa_meteorite_landings.csv"))
	if err != nil {
		t.Fatal(err)
	}
	made, err := run(t.Context(), "", nil, program, "sample", "--records", "30000", "--format", "ndjson", "--seed", "7")
	if err != nil {
		t.Fatal(err)
	}
	contents := []*content{{name: "NASA's", file: nasa}, {name: "generated", file: []byte(made)}}
	load := func(c *content) (acknowledged bool) {
		answer, err := http.Post(n.base+"/data", "", bytes.NewReader(c.file))
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		_, err = io.Copy(io.Discard, answer.Body)
		return err == nil && answer.StatusCode == http.StatusOK
	}
	var took time.Duration
	for _, c := range contents {
		begun := time.Now()
		if !load(c) {
			t.Fatal("a load without a disturbance fails")
		}
		took = max(took, time.Since(begun))
		c.records, c.digest = inspect(t, r)
		c.list = fetchList(t, n.base)
	}
	r.saved(t)
	was := contents[1]

	tally := map[string]int{}
	for point := range *killPoints {
		next := contents[0]
		if was == next {
			next = contents[1]
		}
		how := []string{"node killed", "Redis killed", "Redis restarted", "both killed"}[random.IntN(4)]
		delay := time.Duration(random.Int64N(int64(took * 5 / 4)))
		result := make(chan bool, 1)
		go func() { result <- load(next) }()
		time.Sleep(delay) // the point of the test: not a wait for anything
		switch how {
		case "node killed":
			n.kill()
		case "Redis killed":
			r.kill()
			r = startRedis(t, dir, r.port, "--save", "1 1")
		case "Redis restarted":
			r.stop(t)
			r = startRedis(t, dir, r.port, "--save", "1 1")
		case "both killed":
			n.kill()
			r.kill()
			r = startRedis(t, dir, r.port, "--save", "1 1")
		}
		acknowledged := <-result
		if !n.alive() {
			n = startNode(t, r, port)
		}
		recovered(t, r)
		list := fetchList(t, n.base)
		records, digest := inspect(t, r)
		var now *content
		for _, c := range contents {
			if c.digest == digest && c.records == records && c.list == list {
				now = c
			}
		}
		at := fmt.Sprintf("point %d, %s after %v, acknowledged: %v", point, how, delay, acknowledged)
		if now == nil {
			t.Fatalf("%s: neither the dataset before nor the new one: %d records, digest %s", at, records, digest)
		}
		if acknowledged && now != next && how != "both killed" {
			t.Fatalf("%s: and yet the dataset before is there", at)
		}
		tally[how+": "+map[bool]string{true: "new", false: "previous"}[now == next]]++
		was = now
		if random.IntN(2) == 0 {
			eventually(t, "SAVE", func() error {
				if got := r.cli(t, "SAVE"); got != "OK" { // a background save may be under way
					return fmt.Errorf("%s", got)
				}
				return nil
			})
		}
	}
	t.Logf("%d points: %v", *killPoints, tally)
}

// recovered waits until the node has made this Redis its own: until then nobody
// commits, and what Redis shows is what it had saved.
func recovered(t *testing.T, r *redis) {
	t.Helper()
	eventually(t, "the recovery", func() error {
		run := r.cli(t, "HGET", "landings:{meteorite_landings}:meta", "run")
		for line := range strings.Lines(r.cli(t, "INFO", "server")) {
			if id, ok := strings.CutPrefix(strings.TrimSpace(line), "run_id:"); ok && strings.HasPrefix(run, id+"-") {
				return nil
			}
		}
		return fmt.Errorf("run is still %q", run)
	})
}

// inspect reads the dataset's keys as they stand in Redis, from outside: the
// buckets have to hold as many records as meta counts, and their digest has to be
// the one of meta.
func inspect(t *testing.T, r *redis) (records int, digest string) {
	t.Helper()
	const base = "landings:{meteorite_landings}:"
	ask := func(args ...string) []string {
		t.Helper()
		reply, err := redistest.Command(net.JoinHostPort(r.host, strconv.Itoa(r.port)), args...)
		if err != nil {
			t.Fatal(err)
		}
		return reply
	}
	meta := ask("HMGET", base+"meta", "generation", "next", "count", "digest")
	next, err := strconv.ParseUint(meta[1], 10, 64)
	if err != nil {
		t.Fatalf("the meta hash has %q: %v", meta, err)
	}
	var sum dataset.Digest
	for b := range (next + dataset.BucketSize - 1) / dataset.BucketSize {
		key := fmt.Sprintf("%sg%s:%d", base, meta[0], b)
		fields := ask("HGETALL", key)
		for i := 0; i+1 < len(fields); i += 2 {
			place, text, _ := strings.Cut(fields[i+1], " ")
			position, err := strconv.ParseUint(place, 10, 64)
			if err != nil || dataset.BucketOf(position) != b {
				t.Fatalf("%s holds a record of position %q", key, place)
			}
			sum += dataset.Record{ID: fields[i], Position: position, JSON: []byte(text)}.Hash()
			records++
		}
	}
	if strconv.Itoa(records) != meta[2] {
		t.Fatalf("the buckets hold %d records, meta counts %s", records, meta[2])
	}
	if sum.String() != meta[3] {
		t.Fatalf("the records' digest is %s, meta has %s", sum, meta[3])
	}
	return records, meta[3]
}

// fetchList reads all records over HTTP and gives the digest of the answer.
func fetchList(t *testing.T, base string) [sha256.Size]byte {
	t.Helper()
	answer, err := http.Get(base + "/data")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || !json.Valid(body) {
		t.Fatalf("GET /data: %d, %v", answer.StatusCode, err)
	}
	return sha256.Sum256(body)
}
