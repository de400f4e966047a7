//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// The tutorial in containers, and what goes wrong with containers, on a Docker engine of the test's own. No image is
// pulled: redis:7 is made of Debian's redis-server, and the image of Landings of the program under test and the last
// stage of the Dockerfile.
func TestContainers(t *testing.T) {
	path, want := tutorialRecords(t)
	d := startDocker(t)
	d.importRedis(t)
	image := d.buildLandings(t)

	t.Run("words after the image replace the command", func(t *testing.T) {
		if out := d.docker(t, "run", "--rm", "--network", "none", image, "version"); !strings.Contains(out, version(t)) {
			t.Errorf("version says %q", out)
		}
		if out := d.docker(t, "image", "inspect", "--format", "{{.Config.User}} {{.Config.Entrypoint}} {{.Config.Cmd}}", image); strings.TrimSpace(out) != "1000:1000 [/landings] [serve]" {
			t.Errorf("user, entry point and command are %s", out)
		}
	})

	t.Run("a configuration that is a directory", func(t *testing.T) {
		// Docker makes a directory where the file to mount does not exist.
		missing := filepath.Join(t.TempDir(), "config.yaml")
		_, err := run(t.Context(), "", d.env, "docker", "run", "--rm", "--network", "none", "--volume", missing+":/config.yaml:ro", image)
		if err == nil || !strings.Contains(err.Error(), "config.yaml") || !strings.Contains(err.Error(), "directory") {
			t.Errorf("a directory as configuration gave: %v", err)
		}
	})

	t.Run("exercise 1", func(t *testing.T) {
		dir := t.TempDir()
		d.docker(t, "network", "create", "exercise1")
		defer d.docker(t, "network", "rm", "exercise1")
		r := d.redis()
		runRedis := func(args ...string) (stop func()) {
			id := strings.TrimSpace(d.docker(t, slices.Concat([]string{"run", "--detach", "--network", "exercise1", "--publish", "6379:6379"}, args)...))
			r.answers(t)
			return func() { d.docker(t, "rm", "--force", "--volumes", id) }
		}
		stop := runRedis("redis:7", "--save", "1", "1")
		r.python(t, "rd.set('k', 'v')")
		r.saved(t)
		stop()
		stop = runRedis("--volume", dir+":/data", "redis:7", "--save", "1", "1")
		if got := r.python(t, "print(rd.get('k'), rd.keys())"); got != "None []" {
			t.Errorf("without a volume the data outlived the container: %s", got)
		}
		r.python(t, "rd.set('k', 'v')")
		r.saved(t)
		stop()
		stop = runRedis("--volume", dir+":/data", "redis:7", "--save", "1", "1")
		defer stop()
		if got := r.python(t, "print(rd.get('k'))"); got != "b'v'" {
			t.Errorf("with a volume the data did not outlive the container: %s", got)
		}
	})

	for _, c := range composePrograms(t) {
		t.Run(strings.Join(c, " "), func(t *testing.T) {
			t.Run("exercise 3", func(t *testing.T) {
				p := d.project(t, c, path)
				p.up(t)
				p.holds(t, nil)
				p.do(t, "POST", "/data")
				p.holds(t, want)
				p.sameKeys(t, p.redis)
				p.redis.saved(t)
				p.compose(t, "down")
				if left := d.docker(t, "ps", "--all", "--quiet"); left != "" {
					t.Errorf("containers are left after down: %s", left)
				}
				p.up(t)
				p.holds(t, want)
				// kill -9 of both.
				p.redis.saved(t)
				p.compose(t, "kill")
				p.up(t)
				p.holds(t, want)
				// kill -9 of Redis alone, which starts again by itself or by hand.
				p.redis.saved(t)
				p.compose(t, "kill", "redis-db")
				p.compose(t, "up", "-d", "--no-recreate")
				p.redis.answers(t)
				p.settles(t, "POST", "/data")
				p.holds(t, want)
				// The lesson, with the node stopped: another folder, no data.
				p.compose(t, "down")
				p.emptyData(t)
				p.up(t)
				p.holds(t, nil)
			})

			t.Run("append-only file", func(t *testing.T) {
				p := d.project(t, c, path)
				p.up(t)
				p.do(t, "POST", "/data")
				p.redis.saved(t)
				p.compose(t, "down")

				p.files = append(p.files, "docker-compose.appendonly.yml")
				p.up(t)
				p.holds(t, want)
				if got := p.redis.cli(t, "config", "get", "appendonly"); got != "appendonly\nyes" {
					t.Errorf("the append-only file is not on: %q", got)
				}
				p.redis.cli(t, "set", "only-in", "the append-only file")
				p.compose(t, "kill")
				if err := os.Remove(filepath.Join(p.dir, "data", "dump.rdb")); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
				p.up(t)
				p.holds(t, want)
				if got := p.redis.cli(t, "get", "only-in"); got != "the append-only file" {
					t.Errorf("after kill -9 the append-only file gave %q", got)
				}
				p.redis.saved(t)
				p.compose(t, "down")

				// The first file alone would go on with dump.rdb and leave the append-only file behind.
				p.files = p.files[:2]
				p.refuses(t, "append-only")
			})

			t.Run("append-only file, migration interrupted", func(t *testing.T) {
				p := d.project(t, c, path)
				p.up(t)
				p.do(t, "POST", "/data")
				p.redis.saved(t)
				p.compose(t, "down")
				// What a migration leaves behind that was killed before Redis wrote the manifest.
				left := filepath.Join(p.dir, "data", "appendonlydir")
				if err := os.Mkdir(left, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(left, "appendonly.aof.1.base.rdb"), []byte("REDIS"), 0o644); err != nil {
					t.Fatal(err)
				}
				chown(t, left)
				p.files = append(p.files, "docker-compose.appendonly.yml")
				p.up(t)
				p.holds(t, want)
			})

			t.Run("a folder of another user", func(t *testing.T) {
				p := d.project(t, c, path)
				if err := os.Chown(filepath.Join(p.dir, "data"), 0, 0); err != nil {
					t.Fatal(err)
				}
				p.refuses(t, "cannot write /data")
				// RUN_AS is the remedy that the message names.
				p.compose(t, "down")
				p.env = append(p.env, "RUN_AS=0:0")
				p.up(t)
				p.do(t, "POST", "/data")
				p.holds(t, want)
			})

			t.Run("a read-only folder", func(t *testing.T) {
				p := d.project(t, c, path)
				p.write(t, "read-only.yml", "services:\n  redis-db:\n    volumes:\n      - ./data:/data:ro\n")
				p.files = append(p.files, "read-only.yml")
				p.refuses(t, "cannot write /data")
			})

			t.Run("a folder that becomes unwritable", func(t *testing.T) {
				p := d.project(t, c, path)
				p.up(t)
				p.do(t, "POST", "/data")
				p.redis.saved(t)
				data := filepath.Join(p.dir, "data")
				if err := os.Chown(data, 0, 0); err != nil {
					t.Fatal(err)
				}
				p.redis.cli(t, "set", "k", "v") // makes Redis save, and fail
				eventually(t, "Redis to notice", func() error {
					if info := p.redis.cli(t, "info", "persistence"); !strings.Contains(info, "rdb_last_bgsave_status:err") {
						return errors.New("rdb_last_bgsave_status is not err")
					}
					return nil
				})
				got, err := p.try(t, "POST", "/data")
				if err != nil {
					t.Fatal(err)
				}
				p.problem(t, got, 503, "Redis")
				if !regexp.MustCompile(`(?i)disk|save|folder|write`).Match(got.body) {
					t.Errorf("the problem does not say what Redis lacks: %s", got.body)
				}
				p.holds(t, want)
				chown(t, data)
				p.settles(t, "POST", "/data")
				p.holds(t, want)
			})
		})
	}
}

// engine is a Docker engine of the test's own.
type engine struct {
	env    []string
	inside []string // what begins a command that runs where the engine publishes ports
}

// redis is the one that the engine publishes.
func (d *engine) redis() *redis {
	return &redis{host: "127.0.0.1", port: 6379, via: d.inside}
}

// startDocker starts dockerd with everything it keeps in a folder of its own, and in a network and a mount namespace
// of its own: a second engine on one network takes away the first one's published ports, and what this one mounts
// goes with it.
func startDocker(t *testing.T) *engine {
	t.Helper()
	need(t, "dockerd", "docker", "iptables", "unshare", "nsenter", "ip")
	if os.Getuid() != 0 {
		lacking(t, "only root can start dockerd")
	}
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	// Not in dir, whose name may be longer than the 107 bytes that a socket's may have.
	sockets, err := os.MkdirTemp("", "landings-docker-") //nolint:usetesting // as above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(sockets); err != nil {
			t.Error(err)
		}
	})
	host := "unix://" + filepath.Join(sockets, "docker.sock")
	dockerd := start(t, dir, "unshare", "--net", "--mount", "sh", "-c", `ip link set lo up && exec dockerd "$@"`, "dockerd",
		"--data-root", in("data"), "--exec-root", filepath.Join(sockets, "exec"), "--host", host, "--pidfile", in("pid"))
	d := &engine{
		env:    []string{"DOCKER_HOST=" + host, "DOCKER_CONFIG=" + in("config"), "DOCKER_BUILDKIT=0", "COMPOSE_DOCKER_CLI_BUILD=0"},
		inside: []string{"nsenter", fmt.Sprintf("--net=/proc/%d/ns/net", dockerd.cmd.Process.Pid), "--"},
	}
	t.Cleanup(func() { dockerd.stop(t) })
	eventually(t, "dockerd to answer", func() error {
		if !dockerd.alive() {
			t.Fatal("dockerd ended")
		}
		_, err := run(t.Context(), "", d.env, "docker", "version")
		return err
	})
	return d
}

// docker runs a docker command, which has to succeed.
func (d *engine) docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := run(t.Context(), "", d.env, "docker", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// redisEntry does what the official image's entry point does: options go to redis-server, and where it is started as
// root it takes over the folder and gives up root.
const redisEntry = `#!/bin/sh
set -e
case "$1" in -* | *.conf) set -- redis-server "$@" ;; esac
if [ "$1" = redis-server ]; then
	shift
	set -- redis-server --protected-mode no "$@"
	if [ "$(id -u)" = 0 ]; then
		chown -R 999:999 .
		exec setpriv --reuid 999 --regid 999 --clear-groups "$@"
	fi
fi
exec "$@"
`

// importRedis makes redis:7 of Debian's redis-server, with the programs of the official image that scripts use.
func (d *engine) importRedis(t *testing.T) {
	t.Helper()
	need(t, "redis-server", "redis-cli", "setpriv", "ldd")
	files := map[string]string{} // path in the image -> path here
	for _, name := range []string{"redis-server", "redis-cli", "sh", "id", "chown", "setpriv", "cat", "ls", "rm", "mkdir", "tail", "tee", "tr", "grep", "sleep"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		files["/usr/bin/"+name] = path
		libraries, err := run(t.Context(), "", nil, "ldd", path)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range strings.Fields(libraries) {
			if strings.HasPrefix(word, "/") {
				files[word] = word
			}
		}
	}
	archive := filepath.Join(t.TempDir(), "redis.tar")
	out, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	w := tar.NewWriter(out)
	add := func(h tar.Header, content io.Reader) {
		h.ModTime = time.Unix(0, 0)
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, content); err != nil {
			t.Fatal(err)
		}
	}
	add(tar.Header{Typeflag: tar.TypeDir, Name: "data/", Mode: 0o755, Uid: 999, Gid: 999}, &bytes.Buffer{})
	add(tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}, &bytes.Buffer{})
	add(tar.Header{Typeflag: tar.TypeSymlink, Name: "bin", Linkname: "usr/bin", Mode: 0o777}, &bytes.Buffer{})
	add(tar.Header{Typeflag: tar.TypeReg, Name: "usr/local/bin/docker-entrypoint.sh", Mode: 0o755, Size: int64(len(redisEntry))}, strings.NewReader(redisEntry))
	for path, source := range files {
		content, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		add(tar.Header{Typeflag: tar.TypeReg, Name: path[1:], Mode: 0o755, Size: int64(len(content))}, bytes.NewReader(content))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	d.docker(t, "import",
		"--change", `ENV PATH=/usr/local/bin:/usr/bin:/bin`,
		"--change", `VOLUME /data`, "--change", `WORKDIR /data`, "--change", `EXPOSE 6379`,
		"--change", `ENTRYPOINT ["docker-entrypoint.sh"]`, "--change", `CMD ["redis-server"]`,
		archive, "redis:7")
}

// buildLandings builds the last stage of the Dockerfile with the program under test, and gives the image's name.
func (d *engine) buildLandings(t *testing.T) string {
	t.Helper()
	file := readRepo(t, "Dockerfile")
	last := file[strings.LastIndex(file, "\nFROM ")+1:]
	dir := t.TempDir()
	// What the stage takes from the one before lies under the same paths in the folder that is built.
	last = strings.ReplaceAll(last, "COPY --from=build ", "COPY ")
	for _, copied := range regexp.MustCompile(`(?m)^COPY (\S+) \S+$`).FindAllStringSubmatch(last, -1) {
		source := copied[1]
		if filepath.Base(source) == "landings" {
			source = program
		}
		content, err := os.ReadFile(source)
		if errors.Is(err, os.ErrNotExist) {
			content, err = nil, nil // no certificates on this machine; nothing here needs them
		}
		if err != nil {
			t.Fatal(err)
		}
		target := filepath.Join(dir, copied[1])
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(last), 0o644); err != nil {
		t.Fatal(err)
	}
	image := "landings:" + version(t)
	d.docker(t, "build", "--tag", image, dir)
	return image
}

// composePrograms gives the forms of Compose that this machine has.
func composePrograms(t *testing.T) [][]string {
	t.Helper()
	var found [][]string
	for _, c := range [][]string{{"docker-compose"}, {"docker", "compose"}} {
		if _, err := run(t.Context(), "", nil, c[0], append(c[1:], "version")...); err == nil {
			found = append(found, c)
		}
	}
	if len(found) == 0 {
		lacking(t, "neither docker-compose nor docker compose is installed: see .ci/run")
	}
	return found
}

// project is a copy of the repository's Compose files in a folder of its own.
type project struct {
	api
	redis   *redis
	dir     string
	files   []string // the Compose files in use
	env     []string
	program []string
}

// project makes a project whose configuration names the file at path as source, mounted into the container.
func (d *engine) project(t *testing.T, program []string, path string) *project {
	t.Helper()
	p := &project{
		api:     api{base: "http://127.0.0.1:5000", via: d.inside},
		redis:   d.redis(),
		dir:     t.TempDir(),
		files:   []string{"docker-compose.yml", "source.yml"},
		env:     append(slices.Clone(d.env), "COMPOSE_PROJECT_NAME=landings"),
		program: program,
	}
	for _, name := range []string{"docker-compose.yml", "docker-compose.appendonly.yml", "compose/redis-appendonly.sh"} {
		p.write(t, name, readRepo(t, name))
	}
	config, err := os.ReadFile(configWith(t, "/Meteorite_Landings.json"))
	if err != nil {
		t.Fatal(err)
	}
	p.write(t, "config.yaml", string(config))
	p.write(t, "source.yml", fmt.Sprintf("services:\n  landings:\n    volumes:\n      - %s:/Meteorite_Landings.json:ro\n", path))
	p.emptyData(t)
	t.Cleanup(func() {
		// t.Context is over by now.
		ctx, cancel := contextForCleanup()
		defer cancel()
		args := p.args("logs", "--no-color")
		if t.Failed() {
			out, _ := run(ctx, p.dir, p.env, args[0], args[1:]...)
			t.Logf("the containers wrote:\n%s", tail(out, 8000))
		}
		args = p.args("down", "--timeout", "20")
		if _, err := run(ctx, p.dir, p.env, args[0], args[1:]...); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *project) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// emptyData makes ./data anew, for the user of the Compose file.
func (p *project) emptyData(t *testing.T) {
	t.Helper()
	data := filepath.Join(p.dir, "data")
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(data, 0o755); err != nil {
		t.Fatal(err)
	}
	chown(t, data)
}

func chown(t *testing.T, path string) {
	t.Helper()
	if err := os.Chown(path, 1000, 1000); err != nil {
		t.Fatal(err)
	}
}

func (p *project) args(args ...string) []string {
	all := slices.Clone(p.program)
	for _, f := range p.files {
		all = append(all, "--file", f)
	}
	return append(all, args...)
}

// compose runs a Compose command, which has to succeed.
func (p *project) compose(t *testing.T, args ...string) string {
	t.Helper()
	all := p.args(args...)
	out, err := run(t.Context(), p.dir, p.env, all[0], all[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// up starts both services and waits until Landings is ready.
func (p *project) up(t *testing.T) {
	t.Helper()
	p.compose(t, "up", "--detach")
	p.ready(t, func() error { return nil })
}

// refuses fails unless starting the project fails, with the reason in Redis's log.
func (p *project) refuses(t *testing.T, reason string) {
	t.Helper()
	args := p.args("up", "--detach")
	if _, err := run(t.Context(), p.dir, p.env, args[0], args[1:]...); err == nil {
		t.Error("the services started")
	}
	if logs := p.compose(t, "logs", "--no-color", "redis-db"); !strings.Contains(logs, reason) {
		t.Errorf("the log does not say %q: %s", reason, logs)
	}
}
