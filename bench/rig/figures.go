package rig

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// Series is what one contender did in all rounds.
type Series []float64

// Median of the rounds; 0 where there is none.
func (s Series) Median() float64 {
	sorted := slices.Sorted(slices.Values(s))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Verdict says how a ratio stands to what is asked of it.
func Verdict(ratio, atLeast float64) string {
	word := "ok"
	if !(ratio >= atLeast) {
		word = "SHORT"
	}
	return fmt.Sprintf("%.2f (at least %g: %s)", ratio, atLeast, word)
}

// Within is Verdict where less is better.
func Within(ratio, atMost float64) string {
	word := "ok"
	if !(ratio <= atMost) {
		word = "SHORT"
	}
	return fmt.Sprintf("%.2f (at most %g: %s)", ratio, atMost, word)
}

// Table prints rows under a head, in columns.
func Table(out io.Writer, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	fmt.Fprintln(out)
	for i, row := range rows {
		for j, cell := range row {
			if j == 0 {
				fmt.Fprintf(out, "| %-*s ", widths[j], cell)
			} else {
				fmt.Fprintf(out, "| %*s ", widths[j], cell)
			}
		}
		fmt.Fprintln(out, "|")
		if i == 0 {
			for _, w := range widths {
				fmt.Fprint(out, "| ", strings.Repeat("-", w), " ")
			}
			fmt.Fprintln(out, "|")
		}
	}
}

// Version gives the first line of what a program says of itself.
func Version(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return name + ": " + err.Error()
	}
	return strings.TrimSpace(strings.SplitN(string(out), "\n", 2)[0])
}

// Machine names the processor, how many of it there are, and the system.
func Machine(ctx context.Context) string {
	cpu := runtime.GOARCH
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, model, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
				cpu = strings.TrimSpace(model)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d CPUs, %s", cpu, runtime.NumCPU(), Version(ctx, "uname", "-sr"))
}
