package rig

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"text/template"
)

//go:embed nginx.conf.tmpl
var nginxConf string

// Nginx writes what Landings answers for the list and each id into files, byte for byte, and serves them. The URLs are those of
// a server that opens a file for each request and of one that keeps files open.
func (r *Rig) Nginx(ctx context.Context, landingsURL string, ids []string) (urls [2]string, err error) {
	if err := os.MkdirAll(r.Path("nginx", "files", "data"), 0o755); err != nil {
		return urls, err
	}
	save := func(path, encoding, name string) error {
		body, err := Get(ctx, landingsURL+path, encoding)
		if err != nil {
			return err
		}
		return os.WriteFile(r.Path("nginx", "files", name), body, 0o644)
	}
	if err := save("/data", "", "list"); err != nil {
		return urls, err
	}
	if err := save("/data", "gzip", "list.gz"); err != nil {
		return urls, err
	}
	for _, id := range ids {
		if strings.ContainsAny(id, "/\x00") || strings.HasPrefix(id, ".") {
			return urls, fmt.Errorf("the id %q cannot be a file's name", id)
		}
		if err := save("/data/"+id, "", filepath.Join("data", id)); err != nil {
			return urls, err
		}
	}
	ports, err := FreePorts(2)
	if err != nil {
		return urls, err
	}
	conf, err := template.New("nginx.conf").Parse(nginxConf)
	if err != nil {
		return urls, err
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return urls, err
	}
	files := min(limit.Max, 200_000)
	var text bytes.Buffer
	if err := conf.Execute(&text, map[string]any{"Dir": r.Path("nginx"), "Ports": ports, "Root": os.Getuid() == 0,
		"OpenFiles": files, "CachedFiles": files - files/10}); err != nil {
		return urls, err
	}
	if err := os.WriteFile(r.Path("nginx.conf"), text.Bytes(), 0o600); err != nil {
		return urls, err
	}
	if _, err := r.Start(ctx, nil, "nginx", "-p", r.Path("nginx"), "-e", r.Path("nginx", "error.log"), "-c", r.Path("nginx.conf")); err != nil {
		return urls, err
	}
	for i, port := range ports {
		urls[i] = "http://" + Address(port)
		if err := WaitFor(ctx, func() error { return Dial(ctx, port) }); err != nil {
			return urls, err
		}
	}
	// The same bytes, or the comparison means nothing.
	for _, same := range []struct{ path, encoding string }{{"/data", ""}, {"/data", "gzip"}, {"/data/" + ids[0], ""}} {
		ours, err := Get(ctx, landingsURL+same.path, same.encoding)
		if err != nil {
			return urls, err
		}
		theirs, err := Get(ctx, urls[0]+same.path, same.encoding)
		if err != nil {
			return urls, err
		}
		if !bytes.Equal(ours, theirs) {
			return urls, fmt.Errorf("nginx answers other bytes than Landings for %s %s", same.path, same.encoding)
		}
	}
	return urls, nil
}
