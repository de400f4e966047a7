package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"landings/bench/rig"
)

// node is one `landings serve` over a redis-server of its own.
type node struct {
	url       string
	redisPort int
	cmd       *exec.Cmd // of landings
	log       string    // its path: with GODEBUG=gctrace=1 where env says so
	args, env []string
	program   string
}

// startNode starts a redis-server and a node. Redis does not save: a fork in one peer's turn and not in another's would blur all.
func startNode(ctx context.Context, r *rig.Rig, program string, env []string) (*node, error) {
	ports, err := rig.FreePorts(2)
	if err != nil {
		return nil, err
	}
	if _, err := r.Start(ctx, nil, "redis-server", "--bind", "127.0.0.1", "--port", strconv.Itoa(ports[0]), "--dir", r.Dir, "--save", "", "--appendonly", "no"); err != nil {
		return nil, err
	}
	if err := rig.WaitFor(ctx, func() error { return rig.Dial(ctx, ports[0]) }); err != nil {
		return nil, err
	}
	n := &node{url: "http://" + rig.Address(ports[1]), redisPort: ports[0], program: program, env: env, log: r.Path("node-" + strconv.Itoa(ports[1]) + ".log"),
		args: []string{"serve", "--redis", "redis://" + rig.Address(ports[0]) + "/0", "--listen", rig.Address(ports[1]), "--max-body", strconv.FormatInt(1<<40, 10)}}
	return n, n.start(ctx, r)
}

// start starts landings and waits until it is ready.
func (n *node) start(ctx context.Context, r *rig.Rig) error {
	cmd, err := r.StartAs(ctx, rig.Command{Env: n.env, Log: n.log}, n.program, n.args...)
	if err != nil {
		return err
	}
	n.cmd = cmd
	return rig.WaitLong(ctx, longest, func() error { _, err := rig.Get(ctx, n.url+"/readyz", ""); return err })
}

// startWebdis starts Webdis over another database of a Redis, with each record as one string key.
func startWebdis(ctx context.Context, r *rig.Rig, redisPort int, in *input) (url string, err error) {
	const database = 1
	ports, err := rig.FreePorts(1)
	if err != nil {
		return "", err
	}
	c, err := dialResp(ctx, redisPort)
	if err != nil {
		return "", err
	}
	defer c.close()
	if _, err := c.do("SELECT", strconv.Itoa(database)); err != nil {
		return "", err
	}
	i := 0
	if err := c.pipeline(256, func() []byte {
		if i == len(in.all) {
			return nil
		}
		i++
		return command("SET", in.all[i-1].id, string(in.records[i-1]))
	}); err != nil {
		return "", err
	}
	config, err := json.Marshal(map[string]any{"redis_host": "127.0.0.1", "redis_port": redisPort, "http_host": "127.0.0.1", "http_port": ports[0],
		"threads": 2, "pool_size": 10, "daemonize": false, "database": database, "verbosity": 0, "logfile": r.Path("webdis.log")})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(r.Path("webdis.json"), config, 0o600); err != nil {
		return "", err
	}
	if _, err := r.Start(ctx, nil, "webdis", r.Path("webdis.json")); err != nil {
		return "", err
	}
	url = "http://" + rig.Address(ports[0])
	return url, rig.WaitFor(ctx, func() error {
		got, err := rig.Get(ctx, url+"/GET/"+in.all[0].id+".txt", "")
		if err == nil && string(got) != string(in.records[0]) {
			err = fmt.Errorf("webdis answers %.200q", got)
		}
		return err
	})
}

// startTile38 starts the program at a path and loads every record, as a GeoJSON feature where it has a place.
func startTile38(ctx context.Context, r *rig.Rig, program string, in *input) (port int, err error) {
	ports, err := rig.FreePorts(1)
	if err != nil {
		return 0, err
	}
	port = ports[0]
	if _, err := r.Start(ctx, nil, program, "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-d", r.Path("tile38"), "--appendonly", "no"); err != nil {
		return 0, err
	}
	if err := rig.WaitFor(ctx, func() error { return rig.Dial(ctx, port) }); err != nil {
		return 0, err
	}
	c, err := dialResp(ctx, port)
	if err != nil {
		return 0, err
	}
	defer c.close()
	i := 0
	return port, c.pipeline(256, func() []byte {
		if i == len(in.all) {
			return nil
		}
		l, record := &in.all[i], string(in.records[i])
		i++
		if !l.placed() {
			return command("SET", "landings", l.id, "STRING", record)
		}
		return command("SET", "landings", l.id, "OBJECT", fmt.Sprintf(`{"type":"Feature","geometry":{"type":"Point","coordinates":[%s,%s]},"properties":%s}`,
			strconv.FormatFloat(l.lon, 'f', -1, 64), strconv.FormatFloat(l.lat, 'f', -1, 64), record))
	})
}

// startJSONServer starts json-server 0.17, the program at a path, over a file with the records.
func startJSONServer(ctx context.Context, r *rig.Rig, program string, in *input) (url string, err error) {
	ports, err := rig.FreePorts(1)
	if err != nil {
		return "", err
	}
	file := r.Path("db.json")
	if err := os.WriteFile(file, []byte(`{"data":`+string(in.list)+`}`), 0o600); err != nil {
		return "", err
	}
	if _, err := r.Start(ctx, nil, program, "--host", "127.0.0.1", "--port", strconv.Itoa(ports[0]), "--quiet", file); err != nil {
		return "", err
	}
	url = "http://" + rig.Address(ports[0])
	return url, rig.WaitFor(ctx, func() error { _, err := rig.Get(ctx, url+"/data/"+in.all[0].id, ""); return err })
}

// absolute makes a program's path one that holds in another folder; a bare name is looked up.
func absolute(program string) (string, error) {
	if program == "" {
		return "", nil
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

// paths writes the questions' paths into a file for ask.lua.
func paths(r *rig.Rig, name string, questions []question, change func(string) string) (string, error) {
	var b strings.Builder
	for i := range questions {
		path := questions[i].path
		if change != nil {
			path = change(path)
		}
		b.WriteString(path + "\n")
	}
	file := r.Path(name + ".paths")
	return file, os.WriteFile(file, []byte(b.String()), 0o600)
}
