package rdb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
)

// AOFOptions say where an append-only folder is. The names are those of
// redis.conf.
type AOFOptions struct {
	Dir            string // dir
	AppendDirName  string // appenddirname, "appendonlydir" if empty
	AppendFilename string // appendfilename, "appendonly.aof" if empty
}

// An AOF is the append-only folder of one engine: a manifest, a base file and
// increments, one of them being appended to. Use it so:
//
//	a, err := OpenAOF(opts)
//	if a.Empty() { rewrite } else { a.Load(...); a.Resume() }
//	a.Append(...); a.Flush(); a.Sync()
//
// The caller makes sure that no other process uses the folder. Append, Flush and
// Sync may be called by different goroutines; a Rewrite's Rotate puts the border
// between what the old files and the new ones hold, so call it where no Append
// can come between it and the picture that the new base is to hold.
type AOF struct {
	opts AOFOptions
	dir  string // of the files

	// The locks, in the order in which they are taken.

	mmu      sync.Mutex // guards what follows, held over slow changes of the folder
	manifest *Manifest  // as on disk, but for fresh
	fresh    bool       // the manifest on disk is of an earlier time: the first rewrite is not committed
	rewrite  *Rewrite

	smu sync.Mutex // held by the one that syncs

	incrSize, baseSize atomic.Int64
	earlier            atomic.Int64 // of the increments before the last one

	wmu      sync.Mutex // guards what follows, held while writing
	incr     *os.File   // nil if not open
	pending  []byte     // taken from buf, not yet written
	retired  []*os.File // earlier increments, not yet synced
	synced   bool       // nothing was written since the last Sync
	dirDirty bool       // the manifest was renamed, its folder not synced

	mu       sync.Mutex // guards what follows, held shortly
	buf      []byte     // appended, not yet handed to a write
	db       int        // database that the file is in behind buf, -1 at its start
	open     bool
	rotating *Rewrite // whose increment is to take what is in buf behind cut
	cut      int
}

// OpenAOF reads the manifest. It creates nothing, but an append-only file of
// Redis before 7 at dir/appendfilename becomes the base of a new folder, as
// Redis 7 does it, and temporary files that a crash left in the folder are
// removed.
func OpenAOF(opts AOFOptions) (*AOF, error) {
	if opts.AppendDirName == "" {
		opts.AppendDirName = "appendonlydir"
	}
	if opts.AppendFilename == "" {
		opts.AppendFilename = "appendonly.aof"
	}
	a := &AOF{opts: opts, dir: filepath.Join(opts.Dir, opts.AppendDirName), manifest: new(Manifest), db: -1, synced: true}
	text, err := os.ReadFile(a.manifestPath())
	switch {
	case err == nil:
		if a.manifest, err = ParseManifest(text, a.manifestPath()); err != nil {
			return nil, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if err := a.upgrade(); err != nil {
		return nil, err
	}
	a.removeTemps()
	return a, nil
}

// oldPath is where Redis before 7 kept its append-only file.
func (a *AOF) oldPath() string { return filepath.Join(a.opts.Dir, a.opts.AppendFilename) }

func (a *AOF) path(name string) string { return filepath.Join(a.dir, name) }

func (a *AOF) manifestPath() string { return a.path(a.opts.AppendFilename + ".manifest") }

// upgrade takes an old file into the folder: the manifest first, then the file
// is moved; so a crash between leaves a manifest whose only file is still at its
// old place, and the next start goes on from there.
func (a *AOF) upgrade() error {
	st, err := os.Stat(a.oldPath())
	if errors.Is(err, fs.ErrNotExist) || err == nil && !st.Mode().IsRegular() {
		return nil
	}
	if err != nil {
		return err // it may hold everything: not to be taken for absent
	}
	m := a.manifest
	empty := m.Base == nil && len(m.Incrs) == 0
	half := m.Base != nil && len(m.Incrs) == 0 && m.Base.Name == a.opts.AppendFilename
	if half {
		if _, err := os.Stat(a.path(m.Base.Name)); !errors.Is(err, fs.ErrNotExist) {
			return err // nil: it has been moved, and what is at the old place is another
		}
	}
	if !empty && !half {
		return nil
	}
	if err := a.makeDir(); err != nil {
		return err
	}
	m = &Manifest{Base: &AOFFile{Name: a.opts.AppendFilename, Seq: 1, Type: BaseFile}, baseSeq: 1}
	if err := a.persist(m); err != nil {
		return err
	}
	a.manifest = m
	if err := os.Rename(a.oldPath(), a.path(m.Base.Name)); err != nil {
		return err
	}
	if err := syncDir(a.dir); err != nil {
		return err
	}
	return syncDir(a.opts.Dir)
}

func (a *AOF) makeDir() error {
	err := os.Mkdir(a.dir, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return syncDir(a.opts.Dir)
}

func (a *AOF) tempManifest() string {
	return a.path("temp-" + a.opts.AppendFilename + ".manifest")
}

const tempBasePrefix = "temp-rewriteaof-"

// removeTemps removes what a crash during a rewrite left behind. Failing is no
// harm.
func (a *AOF) removeTemps() {
	_ = os.Remove(a.tempManifest())
	entries, _ := os.ReadDir(a.dir)
	for _, e := range entries {
		if n := e.Name(); strings.HasPrefix(n, tempBasePrefix) && strings.HasSuffix(n, ".aof") {
			_ = os.Remove(a.path(n))
		}
	}
}

// writeManifest writes m aside and makes the bytes durable.
func (a *AOF) writeManifest(m *Manifest) error {
	f, err := os.OpenFile(a.tempManifest(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(m.Text())
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the next one is written over it
	}
	return err
}

// persist puts m in place of the manifest.
func (a *AOF) persist(m *Manifest) error {
	if err := a.writeManifest(m); err != nil {
		return err
	}
	if err := os.Rename(a.tempManifest(), a.manifestPath()); err != nil {
		return err
	}
	return syncDir(a.dir)
}

// Empty reports whether there is nothing to load: no manifest, or one without a
// base and increments.
func (a *AOF) Empty() bool {
	a.mmu.Lock()
	defer a.mmu.Unlock()
	return a.manifest.Base == nil && len(a.manifest.Incrs) == 0
}

// Path returns the folder of the files.
func (a *AOF) Path() string { return a.dir }

// Sizes returns the bytes of the base file and of the increments.
func (a *AOF) Sizes() (base, incr int64) {
	return a.baseSize.Load(), a.earlier.Load() + a.incrSize.Load()
}

// A Loader receives what an append-only folder holds.
type Loader interface {
	// LoadRDB reads all keys of the base, to the io.EOF of Reader.Next.
	LoadRDB(*Reader) error
	// LoadCommand executes a command.
	LoadCommand(*Command) error
}

// Loaded tells what [AOF.Load] has read.
type Loaded struct {
	Files    int
	Bytes    int64
	Commands int64
	// Truncated is the file whose torn end was cut off, "" if none was; it was
	// cut to TruncatedTo bytes and lost Lost.
	Truncated   string
	TruncatedTo int64
	Lost        int64
}

// Load reads the base, then the increments. Where the last file with anything in
// it ends in the middle of a command or transaction, it is cut there if truncate
// is set (aof-load-truncated); anything else that is wrong is an error, and no
// file is changed.
func (a *AOF) Load(l Loader, truncate bool) (Loaded, error) {
	a.mmu.Lock()
	defer a.mmu.Unlock()
	var files []AOFFile
	if a.manifest.Base != nil {
		files = append(files, *a.manifest.Base)
	}
	files = append(files, a.manifest.Incrs...)
	sizes := make([]int64, len(files))
	last := 0 // the last file with anything in it
	for i, f := range files {
		st, err := os.Stat(a.path(f.Name))
		if err != nil {
			return Loaded{}, &Error{File: a.path(f.Name), Offset: -1, Reading: "append-only file",
				Problem: "the manifest names it, but it cannot be had", Err: err, Remedy: "restore the folder from a copy"}
		}
		if sizes[i] = st.Size(); sizes[i] > 0 {
			last = i
		}
	}
	var done Loaded
	for i, f := range files {
		n, err := a.loadFile(f, l, &done.Commands)
		if torn, ok := errors.AsType[*tornError](err); ok {
			if i != last {
				return done, torn.Unwrap()
			}
			if !truncate {
				return done, torn.Unwrap()
			}
			if err := truncateFile(a.path(f.Name), torn.at); err != nil {
				return done, err
			}
			done.Truncated, done.TruncatedTo, done.Lost = a.path(f.Name), torn.at, sizes[i]-torn.at
			n, sizes[i] = torn.at, torn.at
		} else if err != nil {
			return done, err
		}
		done.Files++
		done.Bytes += n
		switch {
		case f.Type == BaseFile:
			a.baseSize.Store(n)
		case i < len(files)-1:
			a.earlier.Add(n)
		}
	}
	return done, nil
}

// tornError is what a file ends with that can be cut at a place.
type tornError struct {
	at  int64
	err *Error
}

func (e *tornError) Error() string { return e.err.Error() }
func (e *tornError) Unwrap() error { return e.err }

// loadFile reads one file, an RDB file with commands behind it or commands
// alone, and returns its length.
func (a *AOF) loadFile(f AOFFile, l Loader, commands *int64) (int64, error) {
	file, err := os.Open(a.path(f.Name))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	c := NewCommandReader(file, a.path(f.Name))
	if c.src.fill(5) && string(c.src.buf[:5]) == "REDIS" {
		r := &Reader{src: c.src}
		if err := r.header(); err != nil {
			return 0, err
		}
		if err := l.LoadRDB(r); err != nil {
			return 0, err
		}
		if _, err := r.Next(); err != io.EOF {
			if err == nil {
				err = errors.New("rdb: the loader did not read the base to its end")
			}
			return 0, err
		}
		c.src.noCRC = true
	}
	for {
		cmd, err := c.Next()
		if err == io.EOF {
			return c.src.offset(), nil
		}
		if err != nil {
			if e, ok := errors.AsType[*Error](err); ok && errors.Is(e.Err, io.ErrUnexpectedEOF) {
				return 0, &tornError{e.Offset, e}
			}
			return 0, err
		}
		if err := l.LoadCommand(cmd); err != nil {
			return 0, &Error{File: a.path(f.Name), Offset: cmd.Offset, Reading: "command " + quote(cmd.Args[0]),
				Problem: "it was refused", Err: err}
		}
		*commands++
	}
}

func truncateFile(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err = f.Truncate(size); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// Resume opens the last increment for appending, or a new one if there is none,
// and deletes files that are history. Before it, [AOF.Load] has read everything.
func (a *AOF) Resume() error {
	a.mmu.Lock()
	defer a.mmu.Unlock()
	if a.isOpen() {
		return errors.New("rdb: the append-only file is open already")
	}
	m := a.manifest
	if m.Base == nil && len(m.Incrs) == 0 {
		return errors.New("rdb: there is no append-only file to go on with")
	}
	if len(m.Incrs) == 0 {
		m = m.clone()
		f, err := a.createIncr(m)
		if err != nil {
			return err
		}
		if err := a.persist(m); err != nil {
			f.Close()
			return err
		}
		a.manifest = m
		a.start(f, 0)
	} else {
		last := m.Incrs[len(m.Incrs)-1]
		f, err := os.OpenFile(a.path(last.Name), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		st, err := f.Stat()
		if err != nil {
			f.Close()
			return err
		}
		a.start(f, st.Size())
	}
	return a.dropHistory()
}

func (a *AOF) isOpen() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.open
}

// start makes f the file that is appended to.
func (a *AOF) start(f *os.File, size int64) {
	a.wmu.Lock()
	defer a.wmu.Unlock()
	a.incr = f
	a.incrSize.Store(size)
	a.mu.Lock()
	a.open, a.db = true, -1
	a.mu.Unlock()
}

// createIncr creates the next increment and adds it to m.
func (a *AOF) createIncr(m *Manifest) (*os.File, error) {
	m.incrSeq++
	name := fmt.Sprintf("%s.%d.incr.aof", a.opts.AppendFilename, m.incrSeq)
	f, err := os.OpenFile(a.path(name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	m.Incrs = append(m.Incrs, AOFFile{name, m.incrSeq, IncrFile})
	return f, nil
}

// dropHistory deletes the files that the manifest calls history, then their
// lines.
func (a *AOF) dropHistory() error {
	if len(a.manifest.History) == 0 {
		return nil
	}
	for _, f := range a.manifest.History {
		if err := os.Remove(a.path(f.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	m := a.manifest.clone()
	m.History = nil
	if err := a.persist(m); err != nil {
		return err
	}
	a.manifest = m
	return nil
}

// Append adds bytes, whole commands in the form of [AppendCommand], for database
// db; SELECT is put before them where it is needed. With db -1 (MULTI, EXEC) none
// is. The bytes stay in memory until [AOF.Flush]. While no file is open they are
// dropped.
func (a *AOF) Append(db int, commands []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.open {
		return
	}
	if db >= 0 && db != a.db {
		a.buf = AppendCommand(a.buf, "SELECT", fmt.Sprint(db))
		a.db = db
	}
	a.buf = append(a.buf, commands...)
}

// Buffered returns how many bytes wait for [AOF.Flush].
func (a *AOF) Buffered() int {
	a.wmu.Lock()
	defer a.wmu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.buf) + len(a.pending)
}

// Flush writes what was appended, on both sides of a [Rewrite.Rotate]. If that fails,
// the file is cut back to whole commands, what was not written is kept for the next
// Flush, and the error is returned.
func (a *AOF) Flush() error {
	a.wmu.Lock()
	defer a.wmu.Unlock()
	return a.flush()
}

func (a *AOF) flush() error {
	if a.incr == nil {
		return nil
	}
	if len(a.pending) > 0 {
		if err := a.write(); err != nil {
			return err
		}
	}
	a.mu.Lock()
	rw := a.rotating
	if rw == nil {
		a.pending, a.buf = a.buf, a.pending[:0]
	} else {
		a.pending, a.buf, a.cut = a.buf[:a.cut], bytes.Clone(a.buf[a.cut:]), 0
	}
	a.mu.Unlock()
	if len(a.pending) > 0 {
		if err := a.write(); err != nil {
			return err
		}
	}
	if rw == nil {
		return nil
	}
	rw.rotate()
	return a.flush()
}

const keepBuffer = 1 << 20

func (a *AOF) write() error {
	n, err := a.incr.Write(a.pending)
	if n > 0 {
		a.synced = false
	}
	if err == nil {
		a.incrSize.Add(int64(n))
		if a.pending = a.pending[:0]; cap(a.pending) > keepBuffer {
			a.pending = nil
		}
		return nil
	}
	if n > 0 {
		if terr := a.incr.Truncate(a.incrSize.Load()); terr != nil {
			// What is there stays; the next write goes on behind it.
			a.incrSize.Add(int64(n))
			a.pending = a.pending[:copy(a.pending, a.pending[n:])]
		}
	}
	return err
}

// Sync makes durable all that was written by calls of [AOF.Flush] that returned
// before it began. If it fails, what was written since the last good Sync may be
// lost even if a later one succeeds: only a [Rewrite] mends that.
func (a *AOF) Sync() error {
	a.smu.Lock()
	defer a.smu.Unlock()
	a.wmu.Lock()
	current, retired, dirDirty, synced := a.incr, a.retired, a.dirDirty, a.synced
	a.retired, a.dirDirty, a.synced = nil, false, true
	a.wmu.Unlock()

	var errs []error
	for _, f := range retired {
		errs = append(errs, f.Sync(), f.Close())
	}
	if dirDirty {
		errs = append(errs, syncDir(a.dir))
	}
	if current != nil && !synced {
		errs = append(errs, syncData(current))
	}
	err := errors.Join(errs...)
	if err != nil {
		a.wmu.Lock()
		a.synced, a.dirDirty = false, a.dirDirty || dirDirty
		a.wmu.Unlock()
	}
	return err
}

// Close flushes, syncs and closes. The folder stays as it is, and can be opened
// again.
func (a *AOF) Close() error {
	err := errors.Join(a.Flush(), a.Sync())
	a.mmu.Lock()
	defer a.mmu.Unlock()
	if a.rewrite != nil {
		err = errors.Join(err, a.rewrite.abort())
	}
	if f := a.stop(); f != nil {
		err = errors.Join(err, f.Close())
	}
	return err
}

// stop ends appending and returns the file that was appended to.
func (a *AOF) stop() *os.File {
	a.smu.Lock()
	defer a.smu.Unlock()
	a.wmu.Lock()
	defer a.wmu.Unlock()
	f := a.incr
	a.incr, a.pending, a.synced = nil, nil, true
	a.incrSize.Store(0)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open, a.buf, a.rotating = false, nil, nil
	return f
}

// A Rewrite puts a new base in place of all files before it. It is written to
// like a file; what the base is to hold is an RDB file with
// [Header.AOFBase] set, or commands.
//
//	rw, err := a.PrepareRewrite()   // slow parts
//	rw.Rotate()                     // with commands held up: from here on they go to the new increment
//	a.Flush()                       // with commands no longer held up
//	... write the base to rw, as things stood at Rotate ...
//	rw.Commit()                     // or Abort
type Rewrite struct {
	a        *AOF
	base     trickle
	incr     *os.File
	manifest *Manifest // with the new increment
	fresh    bool      // there is no live append-only file: it begins with this
	marked   bool      // Rotate was called
	head     []byte    // first bytes of the base, to tell its format

	// Guarded by the folder's wmu.
	rotated bool
	err     error // why the rotation failed
}

// PrepareRewrite creates the files of a rewrite. It is needed too where nothing
// is there yet ([AOF.Empty], or append-only files just turned on): then the
// folder is not taken for complete before Commit.
func (a *AOF) PrepareRewrite() (*Rewrite, error) {
	a.mmu.Lock()
	defer a.mmu.Unlock()
	if a.rewrite != nil {
		return nil, errors.New("rdb: a rewrite of the append-only file is in progress")
	}
	if err := a.makeDir(); err != nil {
		return nil, err
	}
	rw := &Rewrite{a: a, manifest: a.manifest.clone(), fresh: !a.isOpen()}
	var err error
	if rw.base.File, err = os.OpenFile(a.path(fmt.Sprintf("%s%d.aof", tempBasePrefix, os.Getpid())),
		os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644); err != nil {
		return nil, err
	}
	rw.incr, err = a.createIncr(rw.manifest)
	if err == nil && !rw.fresh {
		err = a.writeManifest(rw.manifest)
	}
	if err == nil {
		err = syncDir(a.dir) // the new name, before a manifest with it takes effect
	}
	if err != nil {
		return nil, errors.Join(err, rw.abort())
	}
	a.rewrite = rw
	return rw, nil
}

// Rotate makes the new increment the one that takes what is appended from now on. It
// touches no file, which a disk may hold up: the next [AOF.Flush] writes what was appended
// before, puts the manifest with the new increment in place by a rename and goes on there.
// That syncs nothing; the next [AOF.Sync] does. If the rename fails, the increment before
// stays in use, and Commit returns the error.
func (rw *Rewrite) Rotate() error {
	a := rw.a
	a.mmu.Lock()
	defer a.mmu.Unlock()
	if a.rewrite != rw || rw.marked {
		return errors.New("rdb: this rewrite is over")
	}
	rw.marked = true
	if rw.fresh {
		a.manifest, a.fresh = rw.manifest, true
		a.start(rw.incr, 0)
		rw.rotated, rw.incr = true, nil
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rotating, a.cut, a.db = rw, len(a.buf), -1
	return nil
}

// rotate puts the new increment in place. The folder's wmu is held, and what goes to the
// increment before is written.
func (rw *Rewrite) rotate() {
	a := rw.a
	a.mu.Lock()
	a.rotating = nil
	a.mu.Unlock()
	if rw.err = os.Rename(a.tempManifest(), a.manifestPath()); rw.err != nil {
		return
	}
	a.dirDirty = true
	a.retired = append(a.retired, a.incr)
	a.incr, rw.incr, rw.rotated = rw.incr, nil, true
	a.earlier.Add(a.incrSize.Swap(0))
}

// settled ends the rotation, one way or the other, and says whether the new increment is
// in use. The folder's mmu is held.
func (rw *Rewrite) settled() bool {
	a := rw.a
	a.wmu.Lock()
	defer a.wmu.Unlock()
	a.mu.Lock()
	if a.rotating == rw {
		a.rotating = nil
	}
	a.mu.Unlock()
	if rw.rotated {
		a.manifest = rw.manifest
	}
	return rw.rotated
}

// Write adds to the new base.
func (rw *Rewrite) Write(p []byte) (int, error) {
	if len(rw.head) < 5 {
		rw.head = append(rw.head, p[:min(len(p), 5-len(rw.head))]...)
	}
	return rw.base.Write(p)
}

// Commit puts the base in place and deletes the files that it stands for. An
// error of the deletion alone is not one: the next Resume deletes them.
func (rw *Rewrite) Commit() error {
	a := rw.a
	a.mmu.Lock()
	defer a.mmu.Unlock()
	if a.rewrite != rw || !rw.marked {
		return errors.New("rdb: this rewrite is over or was not rotated")
	}
	err := a.Flush()
	if !rw.settled() {
		err = errors.Join(err, rw.err)
	} else {
		err = rw.commit() // a Flush that fails behind the rotation tries again
	}
	if err != nil {
		return errors.Join(err, rw.abort())
	}
	return nil
}

func (rw *Rewrite) commit() error {
	a := rw.a
	m := a.manifest.clone()
	m.baseSeq++
	ext := "aof"
	if bytes.Equal(rw.head, []byte("REDIS")) {
		ext = "rdb"
	}
	name := fmt.Sprintf("%s.%d.base.%s", a.opts.AppendFilename, m.baseSeq, ext)
	last := len(m.Incrs) - 1
	if m.Base != nil {
		m.History = append(m.History, AOFFile{m.Base.Name, m.Base.Seq, HistoryFile})
	}
	for _, f := range m.Incrs[:last] {
		m.History = append(m.History, AOFFile{f.Name, f.Seq, HistoryFile})
	}
	m.Base, m.Incrs = &AOFFile{name, m.baseSeq, BaseFile}, m.Incrs[last:]
	if err := rw.base.Sync(); err != nil {
		return err
	}
	if err := rw.base.Close(); err != nil {
		return err
	}
	if err := os.Rename(rw.base.Name(), a.path(name)); err != nil {
		return err
	}
	if err := a.persist(m); err != nil {
		return err
	}
	a.manifest, a.fresh, a.rewrite = m, false, nil
	a.baseSize.Store(rw.base.size)
	a.earlier.Store(0)
	_ = a.dropHistory()
	a.dropRetired()
	return nil
}

// dropRetired closes the increments that a new base stands for, which need no sync any more: the
// disk has their room again.
func (a *AOF) dropRetired() {
	a.wmu.Lock()
	defer a.wmu.Unlock()
	for _, f := range a.retired {
		f.Close()
	}
	a.retired = nil
}

// Abort gives the rewrite up. Once a Flush has followed Rotate the new increment stays
// in use, unless there was nothing before: then nothing is being appended to. After
// Commit it does nothing.
func (rw *Rewrite) Abort() error {
	rw.a.mmu.Lock()
	defer rw.a.mmu.Unlock()
	if rw.a.rewrite != rw {
		return nil
	}
	return rw.abort()
}

func (rw *Rewrite) abort() error {
	a := rw.a
	a.rewrite = nil
	rw.base.Close() // closed already if the failure came later
	err := os.Remove(rw.base.Name())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	drop := func(f *os.File) {
		err = errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	switch {
	case !rw.settled():
		if rw.incr != nil {
			drop(rw.incr)
		}
		_ = os.Remove(a.tempManifest()) // the next one is written over it
	case a.fresh:
		drop(a.stop())
		a.fresh = false
		a.manifest = a.manifest.clone()
		a.manifest.Incrs = a.manifest.Incrs[:len(a.manifest.Incrs)-1]
	}
	return err
}
