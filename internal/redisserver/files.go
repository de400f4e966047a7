package redisserver

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"landings/internal/rdb"
)

// saveState is what is known of saving. The engine's lock guards it.
type saveState struct {
	unlock func() error // gives the folder free

	lastSave     time.Time
	lastTry      time.Time
	failed       error // why the last dump failed, nil if it did not
	lastTook     time.Duration
	began        time.Time // of the dump in progress
	dumping      bool
	rewriting    bool
	wantDump     bool // when the rewrite ends
	wantRewrite  bool // when the dump ends
	rewriteErr   error
	rewriteTook  time.Duration
	rewriteBegan time.Time
	rewriteRest  time.Duration // that no rewrite begins by itself after the last one failed
	rewriteRoom  int64         // what a rewrite to save room needs more than to begin before that
	saved        int64
	held         time.Duration // longest that the last save, of either kind, held the lock
	loadedKeys   int64
	ending       bool
}

// aofLog is the append-only file with what is known of its commits.
type aofLog struct {
	files    *rdb.AOF
	dir      string       // of the engine
	appended atomic.Int64 // commands' bytes appended; written under the engine's lock
	offered  int64        // of them in batches that went to commit; guarded by the engine's lock
	done     atomic.Int64 // of them written, and synced where the policy is always
	commits  sync.Mutex   // held by the one that commits
	synced   atomic.Int64 // of them synced
	failure  atomic.Pointer[error]
	unsure   atomic.Bool // a sync failed: nobody knows what the disk holds until there is a new base

	// What is known of the disk's room, see room.go.
	limit   atomic.Int64 // where in what is appended the disk is full
	reserve atomic.Int64 // the last bytes of the disk, which large commands leave
	cramped time.Time    // when the first write since the last new base was refused for want of room, if one was; guarded by the engine's lock
	told    bool         // that the disk is full; of the syncing goroutine alone
}

func (e *Engine) newAOFLog(files *rdb.AOF) *aofLog {
	a := &aofLog{files: files, dir: e.cfg.dir}
	a.look()
	return a
}

// committed says whether everything appended is.
func (a *aofLog) committed() bool { return a.done.Load() >= a.appended.Load() }

func (a *aofLog) target() int64 { return a.appended.Load() }

// append adds commands; the engine's lock is held.
func (a *aofLog) append(db int, b []byte) {
	a.files.Append(db, b)
	a.appended.Add(int64(len(b)))
}

// commit makes everything appended up to target as durable as the policy says. Of
// several callers one does it for all. The engine's lock is not held.
func (a *aofLog) commit(e *Engine, target int64) error {
	if a.done.Load() >= target {
		return nil
	}
	a.commits.Lock()
	defer a.commits.Unlock()
	if a.done.Load() >= target {
		return nil
	}
	upTo := a.appended.Load()
	err := a.files.Flush()
	if err == nil && syncPolicy(e.syncPolicy.Load()) == syncAlways {
		if err = a.files.Sync(); err == nil {
			a.synced.Store(upTo)
		} else {
			a.unsure.Store(true)
		}
	}
	if err != nil {
		a.failure.Store(&err)
		return err
	}
	a.done.Store(upTo)
	if !a.unsure.Load() {
		a.failure.Store(nil)
	}
	return nil
}

func (e *Engine) dumpPath() string { return filepath.Join(e.cfg.dir, e.cfg.dbFilename) }

// mayExpire says whether keys whose time has come may be deleted: not while a file
// is replayed, which has the deletions.
func (e *Engine) mayExpire() bool { return !e.loading }

// memoryUsed is what maxmemory limits: the data and the buffers of blocks.
func (e *Engine) memoryUsed() int64 { return e.arena.used + e.objectMemory() }

func (e *Engine) shouldSaveAtExit() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.cfg.savePoints) > 0
}

// refuseWrites is the error that a write gets while it could not be kept, "" if it
// can. Keys may be deleted while saves fail, by people and by a node that gives up a load:
// where they take more room than the disk has, nothing else would ever make one succeed.
func (e *Engine) refuseWrites(cmd *command) string {
	deletes := cmd.name == "del" || cmd.name == "unlink"
	if e.saves.failed != nil && e.cfg.stopWrites && len(e.cfg.savePoints) > 0 && !deletes {
		return "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error."
	}
	if e.aof != nil {
		if f := e.aof.failure.Load(); f != nil {
			return "MISCONF Errors writing to the AOF file: " + cause(*f)
		}
	}
	return ""
}

// cause is the system's own words for an error.
func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// openFiles takes the folder and loads what it holds.
func (e *Engine) openFiles() (err error) {
	e.syncPolicy.Store(int32(e.cfg.appendSync))
	if e.saves.unlock, err = lockFolder(e.cfg.dir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = e.saves.unlock()
		}
	}()
	began := time.Now()
	e.saves.lastSave = began
	e.loading = true
	if e.cfg.appendOnly {
		err = e.openAppendOnly()
	} else {
		err = e.loadDump()
	}
	e.loading = false
	if err != nil {
		return err
	}
	e.dirty = 0
	n := 0
	for _, db := range e.dbs {
		n += db.keys.count
	}
	e.saves.loadedKeys = int64(n)
	from := "disk"
	if e.cfg.appendOnly {
		from = "append only file"
	}
	e.log.Info(fmt.Sprintf("DB loaded from %s: %.3f seconds", from, time.Since(began).Seconds()), "keys", n)
	return nil
}

func (e *Engine) loadDump() error {
	f, err := os.Open(e.dumpPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := rdb.NewReader(f, e.dumpPath())
	if err != nil {
		return err
	}
	return e.loadRDB(r, false)
}

// loader loads an append-only folder.
type loader struct {
	e *Engine
	c *client
}

func (l loader) LoadRDB(r *rdb.Reader) error { return l.e.loadRDB(r, true) }

func (l loader) LoadCommand(cmd *rdb.Command) error {
	if cmd.DB >= len(l.e.dbs) {
		return &rdb.Error{File: cmd.File, Offset: cmd.Offset, Reading: "command", Problem: fmt.Sprintf("database %d", cmd.DB),
			Remedy: "start with more --databases"}
	}
	l.c.db = l.e.dbs[cmd.DB]
	l.c.out = l.c.out[:0]
	l.e.execute(l.c, cmd.Args)
	if l.c.failed && l.c.last == nil {
		return &rdb.Error{File: cmd.File, Offset: cmd.Offset, Reading: "command", Problem: fmt.Sprintf("this engine does not have the command %.64q", cmd.Args[0]),
			Remedy: "load the folder with Redis"}
	}
	return nil
}

// nowhere is the front end of the client that replays the append-only file.
type nowhere struct{}

func (nowhere) send([]byte) {}
func (nowhere) unsent() int { return 0 }
func (nowhere) shut()       {}
func (nowhere) abort()      {}

func (e *Engine) internalClient() *client {
	return &client{e: e, front: nowhere{}, db: e.dbs[0], resp: 2, authed: true, internal: true, created: time.Now()}
}

func (e *Engine) aofOptions() rdb.AOFOptions {
	return rdb.AOFOptions{Dir: e.cfg.dir, AppendDirName: e.cfg.appendDir, AppendFilename: e.cfg.appendFilename}
}

// openAppendOnly loads the append-only folder. Where there is none yet, it loads the
// dump and begins the folder with it: turning the file on must not lose the data.
func (e *Engine) openAppendOnly() error {
	files, err := rdb.OpenAOF(e.aofOptions())
	if err != nil {
		return err
	}
	a := e.newAOFLog(files)
	if !files.Empty() {
		done, err := files.Load(loader{e, e.internalClient()}, e.cfg.loadTruncated)
		if err != nil {
			return err
		}
		if done.Truncated != "" {
			e.log.Warn("the append-only file ended in the middle of a command and was cut", "file", done.Truncated, "to", done.TruncatedTo, "lost", done.Lost)
		}
		if err := files.Resume(); err != nil {
			return err
		}
		e.aof = a
		return nil
	}
	if err := e.loadDump(); err != nil {
		return err
	}
	rw, err := files.PrepareRewrite()
	if err != nil {
		return err
	}
	if err := rw.Rotate(); err != nil {
		return errors.Join(err, rw.Abort())
	}
	if err := e.startSave(true).runLocked(rw); err != nil {
		return errors.Join(err, rw.Abort())
	}
	if err := rw.Commit(); err != nil {
		return err
	}
	e.aof = a
	return nil
}

// loadRDB fills the databases. A dump's keys whose time has come are left out; in
// the base of an append-only file they may be needed by what follows.
func (e *Engine) loadRDB(r *rdb.Reader, base bool) error {
	for {
		head, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if head.DB >= len(e.dbs) {
			return fmt.Errorf("the file has keys in database %d; start with --databases %d or more", head.DB, head.DB+1)
		}
		if head.ExpireAt != rdb.NoExpiry && head.ExpireAt <= e.now && !base {
			if err := r.Skip(); err != nil {
				return err
			}
			continue
		}
		key := append([]byte(nil), head.Key...)
		at, idle, db := head.ExpireAt, head.Idle, e.dbs[head.DB]
		v, err := e.loadValue(r, head)
		if err != nil {
			var damaged *rdb.Error
			if errors.As(err, &damaged) {
				return err
			}
			return fmt.Errorf("byte %d: key %.64q: %w; the file is damaged: restore it from a copy", r.Offset(), key, err)
		}
		if v.kind == kindNone {
			continue
		}
		if old := db.peek(key); old.exists() {
			return fmt.Errorf("byte %d: key %.64q is there twice; the file is damaged: restore it from a copy", r.Offset(), key)
		}
		en := db.addValue(key, v)
		if at != rdb.NoExpiry {
			db.setExpire(&en, max(at, 1))
		}
		if idle >= 0 {
			en.setUsed(uint32(max(0, int64(e.clock)-idle)))
		}
	}
	if n := len(r.Functions()); n > 0 {
		return fmt.Errorf("the file holds %d function libraries, which this engine does not have and would lose; delete them with FUNCTION FLUSH in Redis first", n)
	}
	return nil
}

// saveNow writes a dump under the lock, as SAVE does. The caller holds the lock.
func (e *Engine) saveNow() error {
	began := time.Now()
	err := rdb.Save(e.dumpPath(), func(w io.Writer) error { return e.startSave(false).runLocked(w) })
	took := time.Since(began)
	e.dumpEnded(err, e.dirty, took)
	e.logDump(err, took)
	return err
}

// dumpEnded notes how a dump went; changes are those that it holds.
func (e *Engine) dumpEnded(err error, changes int64, took time.Duration) {
	e.saves.failed, e.saves.lastTook = err, took
	if err != nil {
		return
	}
	e.dirty -= changes
	e.saves.lastSave = time.Now()
	e.saves.saved++
}

func (e *Engine) logDump(err error, took time.Duration) {
	if err != nil {
		e.log.Error("saving the dump failed", "file", e.dumpPath(), "err", err)
		return
	}
	e.log.Info("DB saved on disk", "file", e.dumpPath(), "seconds", took.Seconds())
}

// startDump begins a dump in the background, of the present moment. The caller holds
// the lock and has made sure that nothing is being saved. Files and the log, which a disk
// may hold up, are touched without the lock. reason is for the log, "" if there is nothing
// to say.
func (e *Engine) startDump(reason string) {
	e.saves.dumping, e.saves.wantDump = true, false
	e.saves.lastTry, e.saves.began = time.Now(), time.Now()
	changes := e.dirty
	began := time.Now()
	s := e.startSave(false)
	e.work.Add(1)
	go func() {
		defer e.work.Done()
		if reason != "" {
			e.log.Info(reason)
		}
		err := rdb.Save(e.dumpPath(), s.run)
		if !s.over {
			s.runWithout(err)
		}
		took := time.Since(began)
		e.mu.Lock()
		e.saves.dumping, e.saves.held = false, s.longest
		e.dumpEnded(err, changes, took)
		e.mu.Unlock()
		e.logDump(err, took)
	}()
}

// startRewrite begins a new base of the append-only file in the background; on
// turns the file on. The caller holds the lock and has made sure that nothing is
// being saved.
func (e *Engine) startRewrite(on bool) {
	e.saves.rewriting, e.saves.wantRewrite, e.saves.rewriteBegan = true, false, time.Now()
	a := e.aof
	opts := e.aofOptions()
	e.work.Add(1)
	go func() {
		defer e.work.Done()
		began := time.Now()
		err := e.rewrite(a, opts, on)
		took := time.Since(began)
		e.mu.Lock()
		e.saves.rewriting, e.saves.rewriteErr, e.saves.rewriteTook = false, err, took
		switch {
		case err != nil && on:
			e.aof, e.cfg.appendOnly = nil, false
		case err == nil && e.aof != nil:
			e.aof.unsure.Store(false) // the new base holds what a failed sync lost
			e.aof.failure.Store(nil)
			e.aof.cramped = time.Time{}
		}
		if e.saves.rewriteRest = min(max(2*e.saves.rewriteRest, retry), mostRest); err == nil {
			e.saves.rewriteRest, e.saves.rewriteRoom = 0, 0
		}
		e.mu.Unlock()
		if err != nil {
			e.log.Error("rewriting the append-only file failed", "err", err)
			return
		}
		e.log.Info("Background AOF rewrite finished successfully", "seconds", took.Seconds())
	}()
}

func (e *Engine) rewrite(a *aofLog, opts rdb.AOFOptions, on bool) error {
	if on {
		files, err := rdb.OpenAOF(opts)
		if err != nil {
			return err
		}
		a = e.newAOFLog(files)
	}
	rw, err := a.files.PrepareRewrite()
	if err != nil {
		return err
	}
	e.mu.Lock()
	if err := rw.Rotate(); err != nil {
		e.mu.Unlock()
		return errors.Join(err, rw.Abort())
	}
	if on {
		e.aof = a
	}
	s := e.startSave(true)
	e.mu.Unlock()
	if err = a.files.Flush(); err == nil {
		err = s.run(rw)
	} else {
		s.runWithout(err)
	}
	e.mu.Lock()
	e.saves.held = s.longest
	e.mu.Unlock()
	if err != nil {
		return errors.Join(err, rw.Abort())
	}
	err = rw.Commit()
	a.look() // what was refused for want of room fits now
	return err
}

// busy says whether a saver is at work or about to be.
func (e *Engine) busy() bool { return e.saves.dumping || e.saves.rewriting || e.saving != nil }

// How long nothing is saved by itself after a failure. A rewrite, which may have to wait until
// somebody makes room for it, rests twice as long each time.
const (
	retry    = 5 * time.Second
	mostRest = 5 * time.Minute
)

// saveCycle starts the saves whose time has come. The cron calls it under the lock.
func (e *Engine) saveCycle() {
	if e.busy() || e.saves.ending {
		return
	}
	if e.saves.wantRewrite && e.aof != nil {
		e.startRewrite(false)
		return
	}
	if e.saves.wantDump {
		e.startDump("")
		return
	}
	if e.aof != nil && e.cfg.rewritePercent > 0 && e.aof.bloated() {
		e.shrink() // before a dump takes the room for it
		return
	}
	for _, p := range e.cfg.savePoints {
		if e.dirty >= p.changes && e.dirty > 0 && time.Since(e.saves.lastSave) > time.Duration(p.seconds)*time.Second &&
			(e.saves.failed == nil || time.Since(e.saves.lastTry) > retry) {
			e.startDump(fmt.Sprintf("%d changes in %d seconds. Saving...", p.changes, p.seconds))
			return
		}
	}
	if e.aof != nil && e.cfg.rewritePercent > 0 && e.rested() {
		base, incr := e.aof.files.Sizes()
		size := base + incr
		if size > e.cfg.rewriteMin && (size-base)*100/max(base, 1) >= e.cfg.rewritePercent {
			e.startRewrite(false)
		}
	}
}

// aofFailed notes that the append-only file could not be written: writes are refused
// until it can.
func (e *Engine) aofFailed(err error) {
	e.log.Error("writing the append-only file failed", "err", err)
}

// syncLoop syncs the append-only file every second where the policy says so, and
// tries again what failed.
func (e *Engine) syncLoop() {
	defer e.work.Done()
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-e.done:
			return
		case <-t.C:
		}
		e.mu.Lock()
		a := e.aof
		held := e.cfg.noSyncOnRewrite && e.busy()
		e.mu.Unlock()
		if a == nil {
			continue
		}
		a.look()
		e.tellRoom(a)
		failed := a.failure.Load() != nil
		if failed {
			e.retryAppend(a)
			continue
		}
		if syncPolicy(e.syncPolicy.Load()) != syncEverySecond || held || a.synced.Load() >= a.done.Load() {
			continue
		}
		upTo := a.done.Load()
		if err := a.files.Sync(); err != nil {
			a.unsure.Store(true)
			a.failure.Store(&err)
			e.log.Error("syncing the append-only file failed", "err", err)
		} else {
			a.synced.Store(upTo)
		}
	}
}

// tellRoom notes in the log that writes are refused for want of room, and that they no longer
// are.
func (e *Engine) tellRoom(a *aofLog) {
	e.mu.Lock()
	cramped := a.crampedFor() > 0
	e.mu.Unlock()
	switch enough := a.free() > a.reserve.Load(); {
	case cramped && !a.told && !enough:
		e.log.Error("the disk is full: writes are refused, large ones first, until there is room", "folder", a.dir, "free", a.free())
		a.told = true
	case a.told && enough:
		e.log.Info("the disk has room again", "folder", a.dir, "free", a.free())
		a.told = false
	}
}

// retryAppend writes again what could not be written. After a failed sync writes are
// refused until there is a new base, too: a later sync says nothing about what the failed
// one lost.
func (e *Engine) retryAppend(a *aofLog) {
	a.commits.Lock()
	upTo := a.appended.Load()
	err := a.files.Flush()
	if err == nil {
		err = a.files.Sync()
	}
	if err == nil {
		a.done.Store(upTo)
		a.synced.Store(upTo)
	}
	a.commits.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if err == nil && e.aof == a {
		if a.unsure.Load() {
			e.saves.wantRewrite = !e.saves.rewriting
			return
		}
		a.failure.Store(nil)
		e.log.Info("the append-only file can be written again")
	}
}

// closeFiles saves at the end and gives the folder free.
func (e *Engine) closeFiles(save bool) error {
	e.mu.Lock()
	e.saves.ending = true
	e.mu.Unlock()
	for { // a save in the background ends first: it is nearly what is wanted
		e.mu.Lock()
		if !e.busy() {
			break
		}
		e.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	defer e.mu.Unlock()
	var err error
	if save {
		err = e.saveNow()
	}
	if a := e.aof; a != nil {
		e.aof = nil
		err = errors.Join(err, a.files.Close())
	}
	return errors.Join(err, e.saves.unlock())
}

// stopAppend turns the append-only file off. The caller holds the lock.
func (e *Engine) stopAppend() {
	if a := e.aof; a != nil {
		e.aof = nil
		if err := a.files.Close(); err != nil {
			e.log.Error("closing the append-only file failed", "err", err)
		}
		a.done.Store(a.appended.Load())
	}
}
