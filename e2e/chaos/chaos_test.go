//go:build e2e

package chaos

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	seeds  = flag.Int("chaos.seeds", 8, "how many histories TestChaos makes; each way of running Redis gets its turn")
	first  = flag.Uint64("chaos.seed", 0, "seed of the first history, the next ones follow; 0: another one each time")
	length = flag.Duration("chaos.length", 10*time.Second, "how long each history is disturbed")
	total  = flag.Duration("chaos.for", 0, "make histories until this has passed, instead of -chaos.seeds")
)

// program is the binary under test: the one that the variable LANDINGS_E2E_PROGRAM names, else one that TestMain builds.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if program = os.Getenv("LANDINGS_E2E_PROGRAM"); program != "" {
			return m.Run()
		}
		dir, err := os.MkdirTemp("", "landings-chaos-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "landings")
		build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-o", program, "./cmd/landings")
		build.Dir = filepath.Join("..", "..")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building the program: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

func TestChaos(t *testing.T) {
	seed := *first
	if seed == 0 {
		seed = uint64(time.Now().UnixNano()) &^ 3
	}
	begun := time.Now()
	for i := 0; *total > 0 && time.Since(begun) < *total || *total == 0 && i < *seeds; i++ {
		s := seed + uint64(i)
		m := modes[s%uint64(len(modes))]
		ok := t.Run(fmt.Sprintf("%d %s", s, m.name), func(t *testing.T) {
			t.Logf("to repeat: -chaos.seed=%d -chaos.seeds=1 -chaos.length=%v", s, *length)
			history(t, s, m)
		})
		if !ok {
			return
		}
	}
}

const clients = 12

func history(t *testing.T, seed uint64, m mode) {
	random := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t, m, random)
	w.begin()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all []*client
	var wg sync.WaitGroup
	for i := range clients {
		c := &client{world: w, id: i, random: rand.New(rand.NewPCG(random.Uint64(), uint64(i))), known: map[string]tagged{}}
		all = append(all, c)
		wg.Go(func() { c.run(ctx) })
	}
	w.disturb(random, *length)
	healed := time.Now()
	// A while in peace, for whoever comes back late.
	for _, n := range w.nodes {
		w.until("the node is ready", n.ready)
	}
	recovered := time.Since(healed)
	time.Sleep(300 * time.Millisecond) // a little more of what is tested
	cancel()
	wg.Wait()
	for _, n := range w.nodes {
		w.until("the node is at the latest version", func() error { return n.latest() })
	}

	var ops []*op
	for _, c := range all {
		ops = append(ops, c.ops...)
	}
	check := newChecker(w, ops)
	check.run()
	if t.Failed() {
		w.dump()
		return
	}
	t.Logf("ready %v after the last disturbance", recovered.Round(time.Millisecond))
}

// begin loads the dataset.
func (w *world) begin() {
	var b strings.Builder
	for i := range 300 {
		key := fmt.Sprintf("f%d", i)
		if i < hotKeys {
			key = fmt.Sprintf("k%d", i)
		}
		b.WriteString(map[bool]string{true: "[", false: ",\n"}[i == 0])
		b.WriteString(record(key, "first"))
	}
	b.WriteString("]")
	w.until("the load", func() error {
		answer, err := http.Post(w.nodes[0].base()+"/data", "application/json", strings.NewReader(b.String()))
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("%s", answer.Status)
		}
		return nil
	})
	for _, n := range w.nodes {
		w.until("the node has the load", func() error { return n.latest() })
	}
}

// latest says whether the node can read the dataset at its latest version.
func (n *node) latest() error {
	r, err := http.NewRequest("GET", n.base()+"/data", nil)
	if err != nil {
		return err
	}
	r.Header.Set("Min-Version", "latest")
	c := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := c.Do(r)
	if err != nil {
		return err
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Dataset-Version") == "" {
		return fmt.Errorf("%s: %s", n.name, answer.Status)
	}
	return nil
}
