package redisserver

import (
	"io"
	"slices"
	"time"

	"landings/internal/rdb"
)

// saver writes a picture of all data as it was at one moment, while commands go on.
// Beginning, it bumps the engine's epoch; it then walks the tables in short steps
// under the lock. An entry carries the epoch in which it was last written or saved:
// a writer that meets an older one while a saver is at work hands its value over
// first. Whatever is written later is not part of the picture.
type saver struct {
	e      *Engine
	w      *rdb.Writer
	tables []*table // of the databases, by number, as they were at the beginning
	counts []uint64 // of their keys then

	// Guarded by the engine's lock.
	pre     []*rdb.Encoder // values handed over, by database
	held    int            // bytes in pre
	orphans []*table       // emptied databases' tables, to be released after the walk

	// Of the walking goroutine alone.
	db     int
	cursor uint64
	begun  bool
}

const (
	saveStep  = 400 * time.Microsecond // longest walk under the lock, but for one value
	savePause = 150 * time.Microsecond // between walks, for those who wait
	saveBytes = 512 << 10              // of output that one walk makes at most
)

// startSave takes the picture's moment. The caller holds the lock and has made sure
// that no other saver is at work.
func (e *Engine) startSave(w io.Writer, aofBase bool) *saver {
	s := &saver{e: e}
	s.w = rdb.NewWriter(w, rdb.Header{Created: time.Now(), UsedMemory: e.memoryUsed(), AOFBase: aofBase},
		rdb.WriterOptions{NoCompress: !e.cfg.compress, NoChecksum: !e.cfg.checksum})
	for range e.dbs {
		s.pre = append(s.pre, nil)
	}
	for _, db := range e.dbs {
		s.tables = append(s.tables, db.keys)
		s.counts = append(s.counts, uint64(db.keys.count))
	}
	e.epoch++
	e.saving = s
	return s
}

// entryMeta is what a file keeps beside a value.
func entryMeta(en *entry) rdb.Meta {
	m := rdb.NoMeta()
	if at := en.expire(); at != 0 {
		m.ExpireAt = at
	}
	return m
}

func (s *saver) encode(enc *rdb.Encoder, t *table, en *entry) {
	db := s.e.dbs[0] // any database reads any entry
	enc.Key(entryMeta(en), db.rdbType(en), t.key(en.h))
	db.saveValue(en, enc)
}

// preimage takes the value of an entry that is about to change.
func (s *saver) preimage(db *database, en *entry) {
	i := slices.Index(s.tables, db.keys)
	if i < 0 {
		return // the database was emptied: everything in it is new
	}
	if s.pre[i] == nil {
		s.pre[i] = rdb.NewEncoder(false)
	}
	before := len(s.pre[i].Buf)
	s.encode(s.pre[i], db.keys, en)
	s.held += len(s.pre[i].Buf) - before
}

// step walks for a moment. The caller holds the lock. It returns what was handed
// over, and whether the walk is over.
func (s *saver) step() (pre []*rdb.Encoder, done bool) {
	deadline := time.Now().Add(saveStep)
	enc := s.w.Enc
	start := len(enc.Buf)
	for n := 1; ; n++ {
		if s.db == len(s.tables) {
			done = true
			break
		}
		t := s.tables[s.db]
		if !s.begun {
			if t.count == 0 {
				s.db++
				continue
			}
			break // the header of a database is written without the lock
		}
		s.cursor = t.scan(s.cursor, func(h handle) {
			b := s.e.arena.bytes(h)
			if b[hdrEpoch] == s.e.epoch {
				return
			}
			_, off := t.split(b)
			en := entry{h, off, b}
			s.encode(enc, t, &en)
			b[hdrEpoch] = s.e.epoch
		})
		if s.cursor == 0 {
			s.db, s.begun = s.db+1, false
			break
		}
		if len(enc.Buf)-start > saveBytes || n%16 == 0 && time.Now().After(deadline) {
			break
		}
	}
	if s.held > 0 {
		pre, s.pre, s.held = s.pre, make([]*rdb.Encoder, len(s.pre)), 0
	}
	return pre, done
}

// run writes the whole picture. The caller does not hold the lock.
func (s *saver) run() error {
	for {
		s.e.mu.Lock()
		db := s.db
		pre, done := s.step()
		moved := s.db != db
		if done {
			s.finish()
		}
		s.e.mu.Unlock()
		if err := s.w.Commit(); err != nil {
			s.cancel(done)
			return err
		}
		for i, p := range pre {
			if p == nil {
				continue
			}
			if err := s.w.BeginDB(i, s.counts[i], 0); err != nil {
				s.cancel(done)
				return err
			}
			if _, err := s.w.Write(p.Buf); err != nil {
				s.cancel(done)
				return err
			}
			if s.begun && i != s.db && !moved {
				if err := s.w.BeginDB(s.db, s.counts[s.db], 0); err != nil {
					s.cancel(done)
					return err
				}
			}
		}
		if done {
			return s.w.Close()
		}
		if !s.begun {
			if s.db < len(s.tables) {
				if err := s.w.BeginDB(s.db, s.counts[s.db], 0); err != nil {
					s.cancel(done)
					return err
				}
				s.begun = true
			}
			continue
		}
		time.Sleep(savePause)
	}
}

// runLocked writes the whole picture under the lock that the caller holds.
func (s *saver) runLocked() error {
	for {
		_, done := s.step()
		if done {
			s.finish()
			return s.w.Close()
		}
		err := s.w.Commit()
		if err == nil && !s.begun && s.db < len(s.tables) {
			err = s.w.BeginDB(s.db, s.counts[s.db], 0)
			s.begun = true
		}
		if err != nil {
			s.abandon()
			return err
		}
	}
}

// finish ends the walk; the caller holds the lock.
func (s *saver) finish() {
	s.e.saving = nil
	s.e.orphans = append(s.e.orphans, s.orphans...)
	s.orphans = nil
}

// cancel gives the picture up after an error, unless its walk is over.
func (s *saver) cancel(done bool) {
	if done {
		return
	}
	s.e.mu.Lock()
	s.abandon()
	s.e.mu.Unlock()
}

// abandon ends the walk early. Entries keep their epochs, old or new; the next
// saver's epoch differs from all of them, because the numbers used since the last
// whole walk are marked, see below.
func (s *saver) abandon() {
	s.finish()
	// With one byte of epoch, 255 abandoned walks in a row could bring an old
	// number back. Then a saver would pass over an entry; so stamp them all.
	s.e.abandoned++
	if s.e.abandoned == 200 {
		s.e.abandoned = 0
		for _, db := range s.e.dbs {
			db.keys.each(func(h handle) bool {
				s.e.arena.bytes(h)[hdrEpoch] = s.e.epoch
				return true
			})
		}
	}
}

// clear empties the database and returns how many keys it had. A table that a saver
// walks, or a large one, is set aside and released later.
func (db *database) clear() int {
	n := db.keys.count
	if n == 0 {
		return 0
	}
	old := db.keys
	db.keys = newTable(db.e.arena, hdrSize)
	db.expiring = nil
	switch {
	case db.e.saving != nil:
		db.e.saving.orphans = append(db.e.saving.orphans, old)
	case n > 20000:
		db.e.orphans = append(db.e.orphans, old)
	default:
		db.e.releaseTable(old, n)
	}
	return n
}

// releaseTable frees up to n entries of a keyspace table that no database has any
// more, and says whether it is empty.
func (e *Engine) releaseTable(t *table, n int) bool {
	for _, buckets := range [2][]handle{t.main, t.old} {
		for i, h := range buckets {
			for h != 0 {
				b := e.arena.bytes(h)
				next := blockNext(b)
				if _, off := t.split(b); encoding(b[hdrEnc]).inObject() {
					en := entry{h, off, b}
					e.dbs[0].dropObject(&en)
				}
				e.arena.free(h)
				t.count--
				h = next
				n--
			}
			buckets[i] = 0
			if n <= 0 {
				return t.count == 0
			}
		}
	}
	return true
}

// releaseOrphans goes on releasing emptied databases.
func (e *Engine) releaseOrphans() {
	if len(e.orphans) == 0 {
		return
	}
	if e.releaseTable(e.orphans[0], 2000) {
		e.orphans = e.orphans[1:]
		if len(e.orphans) == 0 {
			e.arena.trim()
		}
	}
}
