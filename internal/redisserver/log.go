package redisserver

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// NewLog gives a log whose lines have the form of redis-server's, which people and
// their programs know how to read:
//
//	4711:M 25 Nov 2026 09:46:08.139 * DB saved on disk: file=data/dump.rdb
//
// The letter is the role, always that of a master. The sign is the level: . debug,
// - verbose, * notice, # warning. level is a value of the parameter loglevel.
func NewLog(w io.Writer, level string) *slog.Logger {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "verbose": levelVerbose, "notice": slog.LevelInfo, "warning": slog.LevelWarn}
	return slog.New(&logHandler{out: &lines{w: w}, least: levels[level]})
}

// levelVerbose is between debug and notice.
const levelVerbose = slog.LevelDebug + 2

// LogSettings gives the parameters loglevel and logfile; an empty file is standard
// output.
func LogSettings(o Options) (level, file string, err error) {
	cfg, err := o.config()
	if err != nil {
		return "", "", err
	}
	return cfg.logLevel, cfg.logFile, nil
}

// Greet logs what redis-server logs before it loads its data.
func Greet(log *slog.Logger, o Options, version string) error {
	cfg, err := o.config()
	if err != nil {
		return err
	}
	log.Warn(fmt.Sprintf("Landings version=%s, compatible with Redis version=%s, bits=64, pid=%d, just started", version, redisVersion, os.Getpid()))
	if len(o.Parameters) > 0 {
		log.Warn("Configuration loaded")
	} else {
		log.Warn("Warning: no config file specified, using the default config. Name one as the first argument, or give parameters such as --port 6379")
	}
	log.Info(fmt.Sprintf("Running mode=standalone, port=%d.", cfg.port))
	return nil
}

type logHandler struct {
	out   *lines
	least slog.Level
	attrs []slog.Attr
}

// lines writes one line at a time.
type lines struct {
	mu sync.Mutex
	w  io.Writer // guarded by mu
}

func (h *logHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.least }

func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	sign := byte('#')
	switch {
	case r.Level < levelVerbose:
		sign = '.'
	case r.Level < slog.LevelInfo:
		sign = '-'
	case r.Level < slog.LevelWarn:
		sign = '*'
	}
	line := fmt.Appendf(nil, "%d:M %s %c %s", os.Getpid(), r.Time.Format("02 Jan 2006 15:04:05.000"), sign, r.Message)
	first := !strings.Contains(r.Message, ":")
	add := func(a slog.Attr) bool {
		if first {
			line = append(line, ':')
			first = false
		}
		text := a.Value.Resolve().String()
		if d := a.Value.Resolve(); d.Kind() == slog.KindDuration {
			text = d.Duration().Round(time.Microsecond).String()
		}
		if strings.ContainsAny(text, " \n\"") {
			text = fmt.Sprintf("%q", text)
		}
		line = append(line, (" " + a.Key + "=" + text)...)
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	_, err := h.out.w.Write(append(line, '\n'))
	return err
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logHandler{h.out, h.least, append(slices.Clone(h.attrs), attrs...)}
}

// WithGroup leaves groups out: nobody here uses them.
func (h *logHandler) WithGroup(string) slog.Handler { return h }
