package rig

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Processor gives the processor time that a process has taken (proc(5), stat: utime and stime in ticks of 10 ms).
func Processor(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %.100s", pid, text)
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// WaitQuiet waits until a process takes less than a twentieth of a processor for a second, for as long as most says.
func WaitQuiet(ctx context.Context, most time.Duration, pid int) error {
	since, before := time.Now(), time.Duration(-1)
	return WaitLong(ctx, most, func() error {
		now, err := Processor(pid)
		switch {
		case err != nil:
			return err
		case before < 0 || now-before > time.Second/20:
			since, before = time.Now(), now
		case time.Since(since) >= time.Second:
			return nil
		}
		return fmt.Errorf("the process %d is busy", pid)
	})
}
