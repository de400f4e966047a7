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
//
// Under the lock an entry whose value lies in it is only copied, and nothing is compressed:
// what a step took is encoded, compressed and written without the lock. A step ends
// early when somebody waits for the lock.
type saver struct {
	e       *Engine
	header  rdb.Header
	options rdb.WriterOptions
	w       *rdb.Writer
	any     *database // reads any entry
	aof     *aofLog   // to which the files leave room, nil if there is none
	tables  []*table  // of the databases, by number, as they were at the beginning
	counts  []uint64  // of their keys then

	// Guarded by the engine's lock.
	pre     [][]*batch                // handed over, by database
	held    bool                      // something is in pre
	large   []*snapshot               // pictures of large values, in the order in which they are written
	begun   bool                      // the first of them is half written
	aside   [][]byte                  // a blob of it, in parts, to be written before anything else
	strings map[handle]*stringPicture // of large, by their entries' blocks
	orphans []*table                  // emptied databases' tables, to be released after the walk

	// Of the walking goroutine alone.
	walked   *batch // by the present step
	failure  error  // of the file, in which nothing more is written
	gaveUp   bool   // the walk goes on without a file
	over     bool   // the walk is over
	db       int
	cursor   uint64
	longest  time.Duration // that the saver held the lock
	budget   time.Duration // of a step that nobody interrupts
	fileDB   int           // the database that the file is in, -1 at its beginning
	polite   time.Time     // when the present step ends if somebody waits, and
	deadline time.Time     // if nobody does
	count    int           // of what it took
}

const (
	saveStep  = 400 * time.Microsecond // longest walk under the lock, but for one value
	saveLeast = 50 * time.Microsecond  // that a walk may take although somebody waits
	saveSlice = 2 * time.Millisecond   // less than the system lets a thread run where others wait
	saveBytes = 512 << 10              // that one walk takes at most
)

// batch is keys of one database on their way to the file.
type batch struct {
	pen           // writes those whose values are objects, and pictures
	blocks []byte // the others: entries as they lie in the arena, without what is behind their values
}

func newBatch() *batch { return &batch{pen: pen{Encoder: rdb.NewQuickEncoder()}} }

func (b *batch) size() int { return len(b.Buf) + len(b.blocks) }

// batchBytes is about what a batch holds at most: one that is handed over must not be
// copied for long when it grows.
const batchBytes = 128 << 10

// startSave takes the picture's moment. The caller holds the lock and has made sure
// that no other saver is at work.
func (e *Engine) startSave(aofBase bool) *saver {
	s := &saver{e: e, any: e.dbs[0], walked: newBatch(), strings: map[handle]*stringPicture{}, fileDB: -1, budget: saveStep,
		header:  rdb.Header{Created: time.Now(), UsedMemory: e.memoryUsed(), AOFBase: aofBase},
		options: rdb.WriterOptions{NoCompress: !e.cfg.compress, NoChecksum: !e.cfg.checksum},
		pre:     make([][]*batch, len(e.dbs))}
	if !e.saves.ending {
		s.aof = e.aof
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

// add puts an entry of database i into a batch, or takes a picture of it if it is large.
func (s *saver) add(to *batch, i int, t *table, en *entry) {
	if f := s.e.picture(en); f != nil {
		s.large = append(s.large, &snapshot{picture: f, db: i, key: slices.Clone(t.key(en.h)), meta: entryMeta(en), typ: s.any.rdbType(en)})
		return
	}
	if !en.enc().inObject() {
		to.blocks = append(to.blocks, en.b[:en.value+en.len()]...)
		return
	}
	to.Key(entryMeta(en), s.any.rdbType(en), t.key(en.h))
	s.any.saveValue(en, &to.pen)
}

// encode writes the entries that were copied. It needs no lock.
func (s *saver) encode(blocks []byte) {
	p := &pen{Encoder: s.w.Enc}
	for len(blocks) > 0 {
		key, value := s.tables[0].split(blocks) // all keyspaces have the same header
		en := entry{value: value, b: blocks}
		p.Key(entryMeta(&en), s.any.rdbType(&en), key)
		s.any.saveValue(&en, p)
		blocks = blocks[value+en.len():]
	}
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
	if i < 0 || s.gaveUp {
		return // the database was emptied: everything in it is new
	}
	last := len(s.pre[i]) - 1
	if last < 0 || s.pre[i][last].size() > batchBytes {
		s.pre[i] = append(s.pre[i], newBatch())
		last++
	}
	s.held = true
	s.add(s.pre[i][last], i, db.keys, en)
}

// due says whether the present step has lasted, or written, enough.
func (s *saver) due() bool {
	s.count++
	if s.walked.size() > saveBytes {
		return true
	}
	if s.count%4 > 0 {
		return false
	}
	now := time.Now()
	return now.After(s.deadline) || s.e.mu.wanted() && now.After(s.polite)
}

// in makes the file go on in database i.
func (s *saver) in(i int, enc *rdb.Encoder) {
	if s.fileDB != i {
		enc.DB(i, s.counts[i], 0)
		s.fileDB = i
	}
}

// output is what a step gives to the file behind what it walked.
type output struct {
	aside [][]byte   // a blob, in parts
	pre   [][]*batch // by database
}

// step walks for a moment and says whether the walk is over. The caller holds the lock,
// for which it has waited so long.
func (s *saver) step(waited time.Duration) (out output, done bool) {
	if s.failure != nil && !s.gaveUp {
		s.giveUp()
	}
	now := time.Now()
	s.polite, s.deadline, s.count = now.Add(max(waited/2, saveLeast)), now.Add(s.budget), 0
	for {
		copied := len(s.walked.blocks) > 0
		if len(s.large) > 0 {
			// What was copied belongs before a large value.
			if !copied && s.goOn(s.large[0]) && !s.due() {
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
		if copied && s.fileDB != s.db {
			break
		}
		s.in(s.db, s.walked.Encoder)
		s.cursor = t.scan(s.cursor, func(h handle) {
			b := s.e.arena.bytes(h)
			if b[hdrEpoch] == s.e.epoch {
				return
			}
			b[hdrEpoch] = s.e.epoch
			if s.gaveUp {
				return
			}
			_, off := t.split(b)
			s.add(s.walked, s.db, t, &entry{h, off, b})
		})
		if s.cursor == 0 {
			s.db++
		}
		if s.due() {
			break
		}
	}
	if s.held && !s.begun {
		out.pre, s.pre, s.held = s.pre, make([][]*batch, len(s.pre)), false
	}
	out.aside, s.aside = s.aside, nil
	if done {
		s.over, s.e.saving = true, nil
		s.e.orphans = append(s.e.orphans, s.orphans...)
		s.orphans = nil
	}
	return out, done
}

// goOn writes more of a picture and says whether it is whole.
func (s *saver) goOn(f *snapshot) bool {
	if !s.begun {
		s.begun = true
		s.in(f.db, s.walked.Encoder)
		f.begin(s.walked.Encoder, s.due, func(b ...[]byte) { s.aside = b })
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
func (s *saver) run(w io.Writer) error {
	s.begin(w)
	yielded := time.Now()
	for {
		if time.Since(yielded) > saveSlice {
			yieldProcessor() // rather now than in the middle of a step, with the lock
			yielded = time.Now()
		}
		asked := time.Now()
		s.e.mu.Lock()
		began := time.Now()
		out, done := s.step(began.Sub(asked))
		s.longest = max(s.longest, time.Since(began))
		s.e.mu.Unlock()
		s.e.mu.giveWay()
		s.write(out)
		if done {
			return s.end()
		}
	}
}

// runWithout walks without a file, for failure left none; see giveUp.
func (s *saver) runWithout(failure error) {
	s.failure = failure
	_ = s.run(io.Discard)
}

// runLocked writes the whole picture under the lock that the caller holds.
func (s *saver) runLocked(w io.Writer) error {
	s.begin(w)
	for {
		out, done := s.step(0)
		s.write(out)
		if done {
			return s.end()
		}
	}
}

// begin starts the file.
func (s *saver) begin(w io.Writer) {
	if s.aof != nil {
		w = &sparing{Writer: w, a: s.aof}
	}
	s.w = rdb.NewWriter(w, s.header, s.options)
}

// end ends the file.
func (s *saver) end() error {
	if s.failure != nil {
		return s.failure
	}
	return s.w.Close()
}

// write takes what a step gave to the file.
func (s *saver) write(out output) {
	if s.failure != nil {
		return
	}
	s.take(s.walked)
	s.walked.Reset()
	s.walked.blocks = s.walked.blocks[:0]
	if out.aside != nil {
		s.w.Enc.Blob(bytes.Join(out.aside, nil))
	}
	for i, batches := range out.pre {
		for _, b := range batches {
			s.in(i, s.w.Enc)
			s.take(b)
		}
	}
	s.failure = s.w.Commit()
}

// take encodes and compresses a batch.
func (s *saver) take(b *batch) {
	s.w.Enc.Add(b.Encoder)
	s.encode(b.blocks)
	_ = s.w.Commit() // its error sticks
}

// giveUp ends the picture: the file cannot be written. The walk goes on, so that every
// entry carries the epoch when the next saver comes; the epoch is a byte, and an old one
// that came round again would make a saver pass over an entry.
func (s *saver) giveUp() {
	s.gaveUp = true
	s.walked = newBatch()
	if s.begun {
		s.large[0].stop()
		s.begun = false
	}
	for _, f := range s.large {
		s.e.endPicture(f.picture)
	}
	s.large, s.aside = nil, nil
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
		e.trimming = e.trimming && !e.arena.trim(100)
		return
	}
	if e.releaseTable(e.orphans[0], 2000) {
		e.orphans = e.orphans[1:]
		e.trimming = true
	}
}
