package redisserver

import (
	"bytes"
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
	pre     []*rdb.Encoder            // values handed over, by database
	held    int                       // bytes in pre
	large   []*snapshot               // pictures of large values, in the order in which they are written
	begun   bool                      // the first of them is half written
	aside   [][]byte                  // a blob of it, in parts, to be written before anything else
	strings map[handle]*stringPicture // of large, by their entries' blocks
	orphans []*table                  // emptied databases' tables, to be released after the walk

	// Of the walking goroutine alone.
	db       int
	cursor   uint64
	longest  time.Duration // that a step held the lock
	budget   time.Duration // of a step
	fileDB   int           // the database that the file is in, -1 at its beginning
	start    int           // length of the output, and
	deadline time.Time     // end, of the present step
	count    int           // of what it wrote
}

const (
	saveStep  = 400 * time.Microsecond // longest walk under the lock, but for one value
	savePause = 150 * time.Microsecond // between walks, for those who wait
	saveBytes = 512 << 10              // of output that one walk makes at most
)

// startSave takes the picture's moment. The caller holds the lock and has made sure
// that no other saver is at work.
func (e *Engine) startSave(w io.Writer, aofBase bool) *saver {
	s := &saver{e: e, strings: map[handle]*stringPicture{}, fileDB: -1, budget: saveStep}
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

// encode writes an entry of database i, or takes a picture of it if it is large.
func (s *saver) encode(enc *rdb.Encoder, i int, t *table, en *entry) {
	db := s.e.dbs[0] // any database reads any entry
	if f := s.e.picture(en); f != nil {
		s.large = append(s.large, &snapshot{picture: f, db: i, key: slices.Clone(t.key(en.h)), meta: entryMeta(en), typ: db.rdbType(en)})
		return
	}
	enc.Key(entryMeta(en), db.rdbType(en), t.key(en.h))
	db.saveValue(en, &pen{Encoder: enc})
}

// picture takes the picture of an entry's value, nil if it is not large.
func (e *Engine) picture(en *entry) picture {
	switch enc := en.enc(); {
	case enc.inObject():
		if o, ok := e.dbs[0].object(en).(pictured); ok {
			return o.picture()
		}
	case en.kind() == kindString && en.len() > largeBytes:
		return e.saving.stringPicture(en)
	}
	return nil
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
	s.encode(s.pre[i], i, db.keys, en)
	s.held += len(s.pre[i].Buf) - before
}

// due says whether the present step has lasted, or written, enough.
func (s *saver) due() bool {
	s.count++
	return len(s.w.Enc.Buf)-s.start > saveBytes || s.count%4 == 0 && time.Now().After(s.deadline)
}

// in makes the file go on in database i.
func (s *saver) in(i int) {
	if s.fileDB != i {
		s.w.Enc.DB(i, s.counts[i], 0)
		s.fileDB = i
	}
}

// step walks for a moment. The caller holds the lock. It returns what was handed
// over, and whether the walk is over. A blob that it set aside belongs behind what it
// wrote.
func (s *saver) step() (pre []*rdb.Encoder, done bool) {
	s.deadline, s.start, s.count = time.Now().Add(s.budget), len(s.w.Enc.Buf), 0
	for {
		if len(s.large) > 0 {
			if s.goOn(s.large[0]) && !s.due() {
				continue
			}
			break
		}
		if s.db == len(s.tables) {
			done = true
			break
		}
		t := s.tables[s.db]
		if t.count == 0 && s.cursor == 0 {
			s.db++
			continue
		}
		s.in(s.db)
		s.cursor = t.scan(s.cursor, func(h handle) {
			b := s.e.arena.bytes(h)
			if b[hdrEpoch] == s.e.epoch {
				return
			}
			_, off := t.split(b)
			en := entry{h, off, b}
			s.encode(s.w.Enc, s.db, t, &en)
			b[hdrEpoch] = s.e.epoch
		})
		if s.cursor == 0 {
			s.db++
		}
		if s.due() {
			break
		}
	}
	if s.held > 0 && !s.begun {
		pre, s.pre, s.held = s.pre, make([]*rdb.Encoder, len(s.pre)), 0
	}
	return pre, done
}

// goOn writes more of a picture and says whether it is whole.
func (s *saver) goOn(f *snapshot) bool {
	if !s.begun {
		s.begun = true
		s.in(f.db)
		f.begin(s.w.Enc, s.due, func(b ...[]byte) { s.aside = b })
	}
	if _, more := f.next(); more {
		return false
	}
	s.begun = false
	s.large = s.large[1:]
	s.e.endPicture(f.picture)
	return true
}

// endPicture ends a picture, and sees to what its value left to it.
func (e *Engine) endPicture(f picture) {
	f.end()
	if !f.release(64) {
		e.leftovers = append(e.leftovers, f)
	}
}

// run writes the whole picture. The caller does not hold the lock.
func (s *saver) run() error {
	for {
		s.e.mu.Lock()
		began := time.Now()
		pre, done := s.step()
		if done {
			s.finish()
		}
		aside := s.aside
		s.aside = nil
		s.longest = max(s.longest, time.Since(began))
		s.e.mu.Unlock()
		if err := s.write(pre, aside); err != nil {
			if !done {
				s.e.mu.Lock()
				s.abandon()
				s.e.mu.Unlock()
			}
			return err
		}
		if done {
			return s.w.Close()
		}
		time.Sleep(savePause)
	}
}

// write takes what a step gave to the file.
func (s *saver) write(pre []*rdb.Encoder, aside [][]byte) error {
	if aside != nil {
		s.w.Enc.Blob(bytes.Join(aside, nil))
	}
	for i, p := range pre {
		if p == nil {
			continue
		}
		s.in(i)
		if _, err := s.w.Write(p.Buf); err != nil {
			return err
		}
	}
	return s.w.Commit()
}

// runLocked writes the whole picture under the lock that the caller holds.
func (s *saver) runLocked() error {
	for {
		pre, done := s.step()
		aside := s.aside
		s.aside = nil
		if done {
			s.finish()
			return s.w.Close()
		}
		if err := s.write(pre, aside); err != nil {
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

// abandon ends the walk early. Entries keep their epochs, old or new; the next
// saver's epoch differs from all of them, because the numbers used since the last
// whole walk are marked, see below.
func (s *saver) abandon() {
	if s.begun {
		s.large[0].stop()
	}
	for _, f := range s.large {
		s.e.endPicture(f.picture)
	}
	s.large = nil
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
	if len(e.leftovers) > 0 {
		deadline := time.Now().Add(time.Millisecond)
		for len(e.leftovers) > 0 && time.Now().Before(deadline) {
			if e.leftovers[0].release(256) {
				e.leftovers = e.leftovers[1:]
			}
		}
	}
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
