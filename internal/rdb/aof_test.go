package rdb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestManifest(t *testing.T) {
	for _, name := range []string{"appendonly.aof", "my file.aof", `a"b\c'd`, "tab\tnl\nbell\a\b\r", "\x00\xff é"} {
		if strings.ContainsAny(name, "/\\\x00") { // not names of files for Redis
			b := appendWord(nil, name)
			if got, ok := splitWords(string(b)); !ok || len(got) != 1 || got[0] != name {
				t.Errorf("%q came back as %q", name, got)
			}
			continue
		}
		m := &Manifest{Base: &AOFFile{name + ".3.base.rdb", 3, BaseFile},
			History: []AOFFile{{name + ".2.base.rdb", 2, HistoryFile}},
			Incrs:   []AOFFile{{name + ".7.incr.aof", 7, IncrFile}, {name + ".8.incr.aof", 8, IncrFile}}, baseSeq: 3, incrSeq: 8}
		got, err := ParseManifest(m.Text(), "m")
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%s\n%v %+v", m.Text(), err, got)
		}
	}
	got, err := ParseManifest([]byte("# a comment\nfile 'a b.aof' seq 1 type i other x\n  FILE \"c\\x41\\n\" Seq 2 TYPE i  \r\n"), "")
	if err != nil || len(got.Incrs) != 2 || got.Incrs[0].Name != "a b.aof" || got.Incrs[1].Name != "cA\n" || got.Incrs[1].Seq != 2 {
		t.Error(got, err)
	}
	for text, want := range map[string]string{
		"":                                           "empty",
		"\n":                                         "not of the form",
		"file a seq 1 type b":                        "does not end",
		"file a seq 1\n":                             "not of the form",
		"file a seq 1 type b x\n":                    "not of the form",
		"file a seq 1 type x\n":                      "type of file",
		"file a seq x type b\n":                      "sequence number",
		"file a seq 0 type b\n":                      "sequence number",
		"file a/b seq 1 type b\n":                    "not the name",
		"file .. seq 1 type b\n":                     "not the name",
		"file \"a seq 1 type b\n":                    "quote",
		"file \"a\"b seq 1 type b\n":                 "quote",
		"file a seq 1 other b\n":                     "lacks",
		"file a seq 1 other b x y\n":                 "lacks",
		strings.Repeat("x", 2000) + "\n":             "too long",
		"file a seq 1 type b\nfile b seq 2 type b\n": "two base",
		"file a seq 2 type i\nfile b seq 2 type i\n": "does not follow",
	} {
		_, err := ParseManifest([]byte(text), "the-manifest")
		if e, ok := errors.AsType[*Error](err); !ok || !strings.Contains(err.Error(), want) || e.File != "the-manifest" {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func commands(t *testing.T, b []byte) ([]string, error) {
	t.Helper()
	c := NewCommandReader(bytes.NewReader(b), "x.aof")
	var got []string
	for {
		cmd, err := c.Next()
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return got, err
		}
		got = append(got, fmt.Sprintf("%d %s %v", cmd.DB, bytes.Join(cmd.Args, []byte(" ")), cmd.InTransaction))
	}
}

func TestCommands(t *testing.T) {
	cmd := func(args ...string) string { return string(AppendCommand(nil, args...)) }
	got, err := commands(t, []byte("#TS:123\r\n"+cmd("SET", "a", "")+cmd("select", "3")+cmd("DEL", "b")+"#TS:5\n"+
		cmd("MULTI")+cmd("SELECT", "1")+cmd("SET", "x", "1")+cmd("SELECT", "2")+cmd("SET", "y", "2")+cmd("EXEC")+cmd("MULTI")+cmd("exec")+cmd("PING")))
	want := []string{"0 SET a  false", "3 DEL b false", "1 SET x 1 true", "2 SET y 2 true", "2 PING false"}
	if err != nil || !slices.Equal(got, want) {
		t.Error(err, got)
	}
	for text, want := range map[string]string{
		"*0\r\n":                                    "byte 0: reading a command: a command of 0 arguments",
		cmd("A") + "*-1\r\n":                        "byte 11: reading a command: a command of -1",
		cmd("A") + "x":                              "byte 11: reading a command: 'x' where '*'",
		"*1\r\n+1\r\n":                              "'+' where '$'",
		"*1\r\n$-1\r\n":                             "negative",
		"*1\r\n$1\r\nabc":                           "end of its line",
		"*01\r\n":                                   "is not a number",
		"*" + strings.Repeat("1", 100):              "too long",
		"#" + strings.Repeat("1", 2000):             "too long",
		cmd("EXEC"):                                 "EXEC without MULTI",
		cmd("MULTI") + cmd("MULTI"):                 "MULTI within",
		cmd("SELECT", "x"):                          "SELECT",
		cmd("SELECT"):                               "SELECT",
		"*1\r\n$99\r\n":                             "byte 0: reading a command: the file ends",
		"*99999999999\r\n$1\r\na\r\n":               "byte 0: reading a command: the file ends",
		cmd("A") + "#TS":                            "byte 11: reading a command: the file ends",
		cmd("A") + cmd("MULTI") + cmd("B"):          "byte 11: reading a command: the file ends",
		cmd("A") + cmd("MULTI") + cmd("B") + "*1\r": "byte 11: reading a command: the file ends",
	} {
		if _, err := commands(t, []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80q: %v, want %q", text, err, want)
		}
	}
}

// recorder is a Loader that writes down what it is given.
type recorder struct {
	base dataset
	got  []string
	fail string
}

func (l *recorder) LoadRDB(r *Reader) (err error) {
	l.base, err = readAll(r)
	return err
}

func (l *recorder) LoadCommand(c *Command) error {
	if l.fail != "" && string(c.Args[0]) == l.fail {
		return errors.New("no such command")
	}
	l.got = append(l.got, fmt.Sprintf("%d %s", c.DB, bytes.Join(c.Args, []byte(" "))))
	return nil
}

func openAOF(t *testing.T, dir string) *AOF {
	t.Helper()
	a, err := OpenAOF(AOFOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// begin makes a first base with one key, and increment 1.
func begin(t *testing.T, a *AOF) {
	t.Helper()
	rw, err := a.PrepareRewrite()
	if err == nil {
		err = rw.Rotate()
	}
	if err == nil {
		d := dataset{0: {"base": &value{Meta: NoMeta(), Str: "1"}}}
		err = d.write(rw, seeded(t), WriterOptions{})
	}
	if err == nil {
		err = rw.Commit()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func set(a *AOF, db int, key string) { a.Append(db, AppendCommand(nil, "SET", key, "1")) }

func load(t *testing.T, dir string, truncate bool) (*recorder, Loaded, error) {
	t.Helper()
	l := new(recorder)
	a := openAOF(t, dir)
	n, err := a.Load(l, truncate)
	return l, n, err
}

func mustLoad(t *testing.T, dir string, want ...string) {
	t.Helper()
	l, _, err := load(t, dir, false)
	if err != nil || !slices.Equal(l.got, want) {
		t.Fatalf("%v, loaded %q, want %q", err, l.got, want)
	}
}

func ls(t *testing.T, dir string) string {
	t.Helper()
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var s []string
	for _, n := range names {
		s = append(s, n.Name())
	}
	return strings.Join(s, " ")
}

func TestAppendOnly(t *testing.T) {
	dir := t.TempDir()
	a := openAOF(t, dir)
	if !a.Empty() {
		t.Fatal("a new folder is not empty")
	}
	if err := a.Resume(); err == nil {
		t.Fatal("nothing there, and it goes on")
	}
	set(a, 0, "before")
	begin(t, a)
	set(a, 0, "a")
	set(a, 0, "b")
	set(a, 2, "c")
	if a.Buffered() == 0 {
		t.Error("nothing is buffered")
	}
	if err := errors.Join(a.Flush(), a.Sync()); err != nil || a.Buffered() != 0 {
		t.Fatal(err)
	}
	mustLoad(t, dir, "0 SET a 1", "0 SET b 1", "2 SET c 1")

	// a rewrite that is given up keeps everything
	rw, err := a.PrepareRewrite()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.PrepareRewrite(); err == nil {
		t.Error("two rewrites at once")
	}
	if err := rw.Commit(); err == nil {
		t.Error("a rewrite is committed that was not rotated")
	}
	if err := rw.Abort(); err != nil {
		t.Fatal(err)
	}
	if got := ls(t, a.Path()); got != "appendonly.aof.1.base.rdb appendonly.aof.1.incr.aof appendonly.aof.manifest" {
		t.Error(got)
	}
	for _, key := range []string{"d", "e"} {
		if rw, err = a.PrepareRewrite(); err != nil {
			t.Fatal(err)
		}
		set(a, 2, key)
		if err := rw.Rotate(); err != nil {
			t.Fatal(err)
		}
		set(a, 2, key)  // SELECT comes again: it may be another file
		if key == "e" { // "d": it is given up before any file was touched
			if err := a.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(rw.Abort(), rw.Abort(), a.Flush(), a.Sync()); err != nil {
			t.Fatal(err)
		}
	}
	mustLoad(t, dir, "0 SET a 1", "0 SET b 1", "2 SET c 1", "2 SET d 1", "2 SET d 1", "2 SET e 1", "2 SET e 1")

	// one that is not
	if rw, err = a.PrepareRewrite(); err != nil {
		t.Fatal(err)
	}
	set(a, 2, "f")
	if err := rw.Rotate(); err != nil {
		t.Fatal(err)
	}
	set(a, 2, "g")
	rw.Write(AppendCommand(nil, "SET", "all", "1")) // a base of commands
	if err := errors.Join(rw.Commit(), rw.Abort(), a.Flush(), a.Sync()); err != nil {
		t.Fatal(err)
	}
	mustLoad(t, dir, "0 SET all 1", "2 SET g 1")
	if got := ls(t, a.Path()); got != "appendonly.aof.2.base.aof appendonly.aof.3.incr.aof appendonly.aof.manifest" {
		t.Error(got)
	}
	if base, incr := a.Sizes(); base != 29 || incr == 0 {
		t.Error(base, incr)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}

	// opened again it goes on
	a = openAOF(t, dir)
	if a.Empty() {
		t.Fatal("empty")
	}
	if err := a.Resume(); err != nil {
		t.Fatal(err)
	}
	set(a, 2, "h")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	mustLoad(t, dir, "0 SET all 1", "2 SET g 1", "2 SET h 1")
}

// A first rewrite that is not committed leaves nothing that is taken for whole;
// over an older folder it leaves that.
func TestFirstRewrite(t *testing.T) {
	dir := t.TempDir()
	for round, want := range [][]string{nil, {"0 SET old 1"}} {
		a := openAOF(t, dir)
		rw, err := a.PrepareRewrite()
		if err != nil {
			t.Fatal(err)
		}
		if err := rw.Rotate(); err != nil {
			t.Fatal(err)
		}
		set(a, 0, "new")
		if err := errors.Join(a.Flush(), a.Sync()); err != nil {
			t.Fatal(err)
		}
		mustLoad(t, dir, want...)
		if err := rw.Abort(); err != nil {
			t.Fatal(err)
		}
		mustLoad(t, dir, want...)
		set(a, 0, "dropped")
		if err := errors.Join(a.Flush(), a.Sync(), a.Close()); err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			begin(t, a)
			set(a, 0, "old")
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	a := openAOF(t, dir) // turned on again: the older files are history
	begin(t, a)
	set(a, 0, "new")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	mustLoad(t, dir, "0 SET new 1")
	if got := ls(t, a.Path()); got != "appendonly.aof.2.base.rdb appendonly.aof.3.incr.aof appendonly.aof.manifest" {
		t.Error(got)
	}
}

func TestTornFiles(t *testing.T) {
	dir := t.TempDir()
	a := openAOF(t, dir)
	begin(t, a)
	set(a, 0, "a")
	set(a, 0, "b")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	incr := filepath.Join(a.Path(), "appendonly.aof.1.incr.aof")
	whole, err := os.ReadFile(incr)
	if err != nil {
		t.Fatal(err)
	}
	b := bytes.LastIndex(whole, []byte("*3"))
	for cut := b + 1; cut < len(whole); cut++ {
		if err := os.WriteFile(incr, whole[:cut], 0o644); err != nil {
			t.Fatal(err)
		}
		_, _, err := load(t, dir, false)
		if e, ok := errors.AsType[*Error](err); !ok || e.Offset != int64(b) || e.File != incr || !strings.Contains(e.Remedy, "aof-load-truncated") {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if now, _ := os.ReadFile(incr); len(now) != cut {
			t.Fatal("the file was changed though it was refused")
		}
		l, n, err := load(t, dir, true)
		if err != nil || len(l.got) != 1 || n.Truncated != incr || n.TruncatedTo != int64(b) || n.Lost != int64(cut-b) {
			t.Fatalf("cut at %d: %v %+v %q", cut, err, n, l.got)
		}
		if now, _ := os.ReadFile(incr); !bytes.Equal(now, whole[:b]) {
			t.Fatalf("cut at %d: %d bytes are left", cut, len(now))
		}
	}

	// torn, with only empty files behind it: a crash right after a rotation
	os.WriteFile(incr, whole[:b+5], 0o644)
	manifest := filepath.Join(a.Path(), "appendonly.aof.manifest")
	text, _ := os.ReadFile(manifest)
	os.WriteFile(manifest, append(text, "file appendonly.aof.2.incr.aof seq 2 type i\n"...), 0o644)
	second := filepath.Join(a.Path(), "appendonly.aof.2.incr.aof")
	os.WriteFile(second, nil, 0o644)
	if l, n, err := load(t, dir, true); err != nil || n.TruncatedTo != int64(b) || len(l.got) != 1 {
		t.Fatal(l.got, n, err)
	}
	// with something behind it: refused, whatever the setting
	os.WriteFile(incr, whole[:b+5], 0o644)
	os.WriteFile(second, whole, 0o644)
	if _, _, err := load(t, dir, true); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), incr) {
		t.Fatal(err)
	}
	// a file missing
	os.WriteFile(incr, whole, 0o644)
	os.Remove(second)
	if _, _, err := load(t, dir, true); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	// a base cut short is never taken
	os.WriteFile(second, nil, 0o644)
	base := filepath.Join(a.Path(), "appendonly.aof.1.base.rdb")
	rdb, _ := os.ReadFile(base)
	os.WriteFile(base, rdb[:len(rdb)-3], 0o644)
	if _, _, err := load(t, dir, true); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), base) {
		t.Fatal(err)
	}
	os.WriteFile(base, rdb, 0o644)
	// a command that the engine refuses
	l := &recorder{fail: "SET"}
	if _, err := openAOF(t, dir).Load(l, true); err == nil || !strings.Contains(err.Error(), `byte 23: reading command "SET": it was refused: no such command`) {
		t.Fatal(err)
	}
}

func TestUpgrade(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "appendonly.aof")
	content := AppendCommand(nil, "SET", "old", "1")
	os.WriteFile(old, content, 0o644)
	a := openAOF(t, dir)
	mustLoad(t, dir, "0 SET old 1")
	if got := ls(t, dir); got != "appendonlydir" {
		t.Error(got)
	}
	// crashed between manifest and move
	if err := os.Rename(filepath.Join(a.Path(), "appendonly.aof"), old); err != nil {
		t.Fatal(err)
	}
	mustLoad(t, dir, "0 SET old 1")
	if got := ls(t, a.Path()); got != "appendonly.aof appendonly.aof.manifest" {
		t.Error(got)
	}
	a = openAOF(t, dir)
	if err := a.Resume(); err != nil {
		t.Fatal(err)
	}
	set(a, 0, "new")
	begin(t, a)
	set(a, 0, "newer")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	// a file at the old place no longer matters
	os.WriteFile(old, []byte("unrelated"), 0o644)
	mustLoad(t, dir, "0 SET newer 1")
	if got := ls(t, a.Path()); got != "appendonly.aof.2.base.rdb appendonly.aof.2.incr.aof appendonly.aof.manifest" {
		t.Error(got)
	}
}

// An old file that cannot be looked at is not an absent one: whoever took it for
// that would begin anew, without its data or over them.
func TestUpgradeUnreadable(t *testing.T) {
	loop := func(t *testing.T, path string) {
		t.Helper()
		if err := os.Symlink(filepath.Base(path), path); err != nil {
			t.Skip("no symbolic links here: ", err)
		}
	}
	t.Run("old", func(t *testing.T) {
		dir := t.TempDir()
		loop(t, filepath.Join(dir, "appendonly.aof"))
		if a, err := OpenAOF(AOFOptions{Dir: dir}); err == nil {
			t.Fatalf("opened; empty: %v", a.Empty())
		}
		if got := ls(t, dir); got != "appendonly.aof" {
			t.Error(got)
		}
	})
	t.Run("moved", func(t *testing.T) {
		dir := t.TempDir()
		old := filepath.Join(dir, "appendonly.aof")
		os.WriteFile(old, AppendCommand(nil, "SET", "old", "1"), 0o644)
		base := filepath.Join(openAOF(t, dir).Path(), "appendonly.aof")
		if err := os.Remove(base); err != nil {
			t.Fatal(err)
		}
		loop(t, base)
		os.WriteFile(old, []byte("unrelated"), 0o644)
		if _, err := OpenAOF(AOFOptions{Dir: dir}); err == nil {
			t.Fatal("opened")
		}
		if got := ls(t, dir); got != "appendonly.aof appendonlydir" {
			t.Error(got)
		}
	})
}

func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	a := openAOF(t, dir)
	begin(t, a)
	set(a, 0, "a")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"temp-appendonly.aof.manifest", "temp-rewriteaof-77.aof", "appendonly.aof.0.base.rdb", "appendonly.aof.2.incr.aof"} {
		os.WriteFile(filepath.Join(a.Path(), n), []byte("left over"), 0o644)
	}
	manifest := filepath.Join(a.Path(), "appendonly.aof.manifest")
	text, _ := os.ReadFile(manifest)
	os.WriteFile(manifest, append(text, "file appendonly.aof.0.base.rdb seq 1 type h\n"...), 0o644)
	a = openAOF(t, dir)
	if _, err := a.Load(new(recorder), false); err != nil {
		t.Fatal(err)
	}
	if err := a.Resume(); err != nil {
		t.Fatal(err)
	}
	if got := ls(t, a.Path()); got != "appendonly.aof.1.base.rdb appendonly.aof.1.incr.aof appendonly.aof.2.incr.aof appendonly.aof.manifest" {
		t.Error(got)
	}
	if now, _ := os.ReadFile(manifest); !bytes.Equal(now, text) {
		t.Errorf("%s", now)
	}
	begin(t, a) // writes over the increment that no manifest knows
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	mustLoad(t, dir)
}

// A write that fails part of the way leaves whole commands in the file, and
// nothing of what was appended is lost once it works again.
func TestFailedWrites(t *testing.T) {
	dir := t.TempDir()
	a := openAOF(t, dir)
	begin(t, a)
	set(a, 0, "a")
	if err := a.Flush(); err != nil {
		t.Fatal(err)
	}
	good := a.incr
	a.incr, _ = os.Open(good.Name()) // not writable
	set(a, 0, "b")
	for range 2 {
		if err := a.Flush(); err == nil {
			t.Fatal("no error")
		}
		set(a, 0, "c")
	}
	if rw, err := a.PrepareRewrite(); err != nil {
		t.Fatal(err)
	} else if err := rw.Rotate(); err != nil {
		t.Fatal(err)
	} else if set(a, 0, "d"); rw.Commit() == nil {
		t.Fatal("it rotates though it cannot flush")
	}
	a.incr.Close()
	a.incr = good
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	mustLoad(t, dir, "0 SET a 1", "0 SET b 1", "0 SET c 1", "0 SET c 1", "0 SET d 1")
}

// Increments that an aborted rewrite left behind count among the sizes, also after a restart, until
// a new base stands for them.
func TestSizesOfSeveralIncrements(t *testing.T) {
	dir := t.TempDir()
	a := openAOF(t, dir)
	begin(t, a)
	check := func(want int) {
		t.Helper()
		if err := a.Flush(); err != nil {
			t.Fatal(err)
		}
		var files int64
		names, _ := filepath.Glob(filepath.Join(a.Path(), "*.incr.aof"))
		for _, name := range names {
			st, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			files += st.Size()
		}
		if _, incr := a.Sizes(); len(names) != want || incr != files {
			t.Errorf("%d increments of %d bytes, said to be %d bytes", len(names), files, incr)
		}
	}
	set(a, 0, "a")
	for i := range 2 {
		check(i + 1)
		rw, err := a.PrepareRewrite()
		if err == nil {
			err = errors.Join(rw.Rotate(), a.Flush(), rw.Abort())
		}
		if err != nil {
			t.Fatal(err)
		}
		set(a, 0, "b")
	}
	check(3)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = openAOF(t, dir)
	if _, err := a.Load(&recorder{}, false); err != nil {
		t.Fatal(err)
	}
	if err := a.Resume(); err != nil {
		t.Fatal(err)
	}
	check(3)
	begin(t, a)
	set(a, 0, "c")
	check(1)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

// A rotation whose manifest cannot take its place changes nothing: appending goes on in
// the file before.
func TestFailedRotation(t *testing.T) {
	dir := t.TempDir()
	a := openAOF(t, dir)
	begin(t, a)
	set(a, 0, "a")
	rw, err := a.PrepareRewrite()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(a.tempManifest()), rw.Rotate()); err != nil {
		t.Fatal(err)
	}
	set(a, 0, "b")
	if err := a.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := rw.Commit(); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	set(a, 0, "c")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	mustLoad(t, dir, "0 SET a 1", "0 SET b 1", "0 SET c 1")
	if got := ls(t, a.Path()); got != "appendonly.aof.1.base.rdb appendonly.aof.1.incr.aof appendonly.aof.manifest" {
		t.Error(got)
	}
}

// Appending, flushing, syncing and rewriting at once lose nothing and repeat
// nothing (run with -race).
func TestConcurrently(t *testing.T) {
	dir := t.TempDir()
	a := openAOF(t, dir)
	begin(t, a)
	const n = 3000
	var engine sync.Mutex // as an engine's lock
	var history [][]byte  // what a base has to hold
	var wg sync.WaitGroup
	done := make(chan struct{})
	loop := func(f func() error) {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := f(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	loop(a.Flush)
	loop(a.Sync)
	loop(a.Sync)
	loop(func() error {
		rw, err := a.PrepareRewrite()
		if err != nil {
			return err
		}
		engine.Lock()
		err = rw.Rotate()
		all := slices.Clone(history)
		engine.Unlock()
		if err != nil {
			return err
		}
		if len(all)%3 == 0 {
			return rw.Abort()
		}
		rw.Write(bytes.Join(all, nil))
		return rw.Commit()
	})
	for i := range n {
		c := AppendCommand(nil, "SET", fmt.Sprint(i), "1")
		engine.Lock()
		history = append(history, c)
		a.Append(0, c)
		engine.Unlock()
	}
	close(done)
	wg.Wait()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	l, _, err := load(t, dir, false)
	if err != nil || len(l.got) != n {
		t.Fatal(err, len(l.got))
	}
	for i, c := range l.got {
		if c != fmt.Sprintf("0 SET %d 1", i) {
			t.Fatalf("command %d is %s", i, c)
		}
	}
}
