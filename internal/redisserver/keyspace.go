package redisserver

import (
	"encoding/binary"
	"math/rand/v2"
	"strconv"

	"landings/internal/rdb"
)

// parseInt reads the one canonical decimal form of a 64-bit integer.
func parseInt(b []byte) (int64, bool) { return rdb.ParseInt(b) }

// A kind is one of Redis's data types.
type kind uint8

const (
	kindNone kind = iota
	kindString
	kindList
	kindSet
	kindZSet
	kindHash
	kindStream
)

func (k kind) String() string {
	return [...]string{"none", "string", "list", "set", "zset", "hash", "stream"}[k]
}

// An encoding says how a value is kept.
type encoding uint8

const (
	encInt       encoding = iota // string: 8 bytes, a signed number
	encEmbstr                    // string of at most 44 bytes that was never edited
	encRaw                       // string
	encListpack                  // hash, sorted set; list of one chunk
	encIntset                    // set of numbers
	encHashtable                 // object: hash, set
	encSkiplist                  // object: sorted set
	encQuicklist                 // object: list
	encStream                    // object: stream
)

// String is what OBJECT ENCODING answers.
func (e encoding) String() string {
	return [...]string{"int", "embstr", "raw", "listpack", "intset", "hashtable", "skiplist", "quicklist", "stream"}[e]
}

// inObject says whether the value is an object of the engine's list, with its
// number in the entry, rather than bytes in the entry.
func (e encoding) inObject() bool { return e >= encHashtable }

// object is a value too large or too linked for one block: a large hash, set,
// sorted set or list, and every stream.
type object interface {
	// release frees the blocks that the object holds in the arena.
	release()
	// releaseSome frees about *n of them, takes from *n what it freed, and says whether
	// all are gone. Nothing else is asked of the object from the first call on.
	releaseSome(n *int) bool
	// blocks is about how many there are.
	blocks() int
	// memory is about how many bytes the object takes, sampling at most so many
	// elements (0: all).
	memory(samples int) int
	// rdbType is the type under which save writes it.
	rdbType() rdb.Type
	// save writes the value. It runs under the engine's lock.
	save(p *pen)
}

// The header of a keyspace entry, after its table's next handle.
const (
	hdrKind   = 4  // 1 byte
	hdrEnc    = 5  // 1 byte
	hdrEpoch  = 6  // 1 byte: the save epoch in which the entry was last written or saved
	hdrFreq   = 7  // 1 byte, free
	hdrUsed   = 8  // 4 bytes: seconds of the engine's clock at last use
	hdrLen    = 12 // 4 bytes: length of the value
	hdrExpire = 16 // 8 bytes: unix ms, 0 none
	hdrIndex  = 24 // 4 bytes: place in the database's list of expiring entries
	hdrSize   = 24 // of all of it, without the next handle
)

// entry is a key of a database as a handler sees it. It is valid until the key is
// deleted or written through another entry; the zero entry is an absent key.
type entry struct {
	h     handle
	value int    // offset of the value in b
	b     []byte // the whole block
}

func (en *entry) exists() bool       { return en.h != 0 }
func (en *entry) kind() kind         { return kind(en.b[hdrKind]) }
func (en *entry) enc() encoding      { return encoding(en.b[hdrEnc]) }
func (en *entry) setEnc(e encoding)  { en.b[hdrEnc] = byte(e) }
func (en *entry) len() int           { return int(binary.LittleEndian.Uint32(en.b[hdrLen:])) }
func (en *entry) expire() int64      { return int64(binary.LittleEndian.Uint64(en.b[hdrExpire:])) }
func (en *entry) used() uint32       { return binary.LittleEndian.Uint32(en.b[hdrUsed:]) }
func (en *entry) setUsed(sec uint32) { binary.LittleEndian.PutUint32(en.b[hdrUsed:], sec) }

// bytes is the value as it lies in the entry; only the database's methods may
// change it.
func (en *entry) bytes() []byte {
	end := en.value + en.len()
	return en.b[en.value:end:end]
}

// int is the value of an entry with encInt.
func (en *entry) int() int64 { return int64(binary.LittleEndian.Uint64(en.b[en.value:])) }

// database is one of the numbered keyspaces. The engine's lock guards it.
type database struct {
	e        *Engine
	id       int
	keys     *table
	expiring []handle // entries with an expiry, in any order
	watched  map[string]*clientList
	blocked  map[string]*blockQueue // clients that wait for the key
}

func newDatabase(e *Engine, id int) *database {
	return &database{e: e, id: id, keys: newTable(e.arena, hdrSize), watched: map[string]*clientList{}, blocked: map[string]*blockQueue{}}
}

func (db *database) at(h handle) entry {
	b := db.e.arena.bytes(h)
	_, v := db.keys.split(b)
	return entry{h, v, b}
}

func (db *database) key(en *entry) []byte { return db.keys.key(en.h) }

// peek finds a key as it is: expired or not, without noting its use.
func (db *database) peek(key []byte) entry {
	h := db.keys.find(key)
	if h == 0 {
		return entry{}
	}
	return db.at(h)
}

// lookup finds a key that has not expired, for reading, and notes its use.
func (db *database) lookup(key []byte) entry {
	en := db.lookupQuietly(key)
	if en.exists() {
		en.setUsed(db.e.clock)
	}
	return en
}

// lookupQuietly is lookup without noting a use, for commands that only ask about
// a key.
func (db *database) lookupQuietly(key []byte) entry {
	en := db.see(key)
	if en.exists() {
		db.e.stats.hits++
	} else {
		db.e.stats.misses++
		db.e.notify(notifyMiss, "keymiss", key, db.id)
	}
	return en
}

// lookupWrite finds a key that has not expired, for writing. Whoever changes a
// value must have come through here: a save in progress takes the value as it
// was.
func (db *database) lookupWrite(key []byte) entry {
	en := db.find(key)
	if en.exists() {
		en.setUsed(db.e.clock)
		db.beforeWrite(&en)
	}
	return en
}

// find is the key if it is there and has not expired; an expired one is deleted.
func (db *database) find(key []byte) entry {
	h := db.keys.find(key)
	if h == 0 {
		return entry{}
	}
	en := db.at(h)
	if at := en.expire(); at != 0 && at <= db.e.now && db.e.mayExpire() {
		db.expireNow(&en)
		return entry{}
	}
	return en
}

// see is find for reading: while clients are paused an expired key is hidden, but
// nothing is deleted, because nothing may change.
func (db *database) see(key []byte) entry {
	if db.e.pause.active && db.e.mayExpire() {
		if en := db.peek(key); en.exists() && db.e.due(&en) {
			return entry{}
		}
	}
	return db.find(key)
}

// expireNow deletes an entry whose time has come and tells everybody.
func (db *database) expireNow(en *entry) {
	key := append([]byte(nil), db.key(en)...)
	db.e.stats.expired++
	db.e.lazily(db.e.cfg.lazyExpire, func() { db.removeEntry(en) })
	if db.e.cfg.lazyExpire {
		db.e.propagate(db.id, bs("UNLINK"), key)
	} else {
		db.e.propagate(db.id, bs("DEL"), key)
	}
	db.e.notify(notifyExpired, "expired", key, db.id)
	db.e.modified(nil, db, key)
}

// beforeWrite hands the entry's value to a save in progress that has not come to
// it yet.
func (db *database) beforeWrite(en *entry) {
	if en.b[hdrEpoch] != db.e.epoch {
		if db.e.saving != nil {
			db.e.saving.preimage(db, en)
		}
		en.b[hdrEpoch] = db.e.epoch
	}
}

// add creates a key that is not there.
func (db *database) add(key []byte, k kind, enc encoding, value []byte) entry {
	h, b, off := db.keys.insert(key, len(value))
	b[hdrKind], b[hdrEnc], b[hdrEpoch] = byte(k), byte(enc), db.e.epoch
	binary.LittleEndian.PutUint32(b[hdrUsed:], db.e.clock)
	binary.LittleEndian.PutUint32(b[hdrLen:], uint32(len(value)))
	copy(b[off:], value)
	en := entry{h, off, b}
	db.signalReady(key, k)
	db.e.notify(notifyNew, "new", key, db.id)
	return en
}

// addObject creates a key that is not there with an object for a value.
func (db *database) addObject(key []byte, k kind, enc encoding, o object) entry {
	var ref [4]byte
	binary.LittleEndian.PutUint32(ref[:], db.e.keepObject(o))
	return db.add(key, k, enc, ref[:])
}

// object is the value of an entry whose encoding is inObject.
func (db *database) object(en *entry) object {
	return db.e.objects[binary.LittleEndian.Uint32(en.b[en.value:])]
}

// setBytes gives the entry another value, which may be a part of its present
// one; the entry may move.
func (db *database) setBytes(en *entry, enc encoding, value []byte) {
	db.dropObject(en)
	db.resize(en, len(value), 0, value)
	en.setEnc(enc)
}

// setObject gives the entry an object for a value.
func (db *database) setObject(en *entry, enc encoding, o object) {
	var ref [4]byte
	binary.LittleEndian.PutUint32(ref[:], db.e.keepObject(o))
	db.setBytes(en, enc, ref[:])
}

// grow makes the entry's bytes n long, keeping what it held, new bytes zero, and
// returns them, of which those in [from, to) may be written. Its encoding must hold bytes.
func (db *database) grow(en *entry, n, from, to int) []byte {
	old := en.len()
	f := db.e.taken(en)
	switch {
	case f != nil && en.value+n <= len(en.b):
		f.meet(from, to)
		clear(en.b[en.value+min(old, n) : en.value+n])
		binary.LittleEndian.PutUint32(en.b[hdrLen:], uint32(n))
	case old < n:
		db.resize(en, n, old, nil)
		clear(en.b[en.value+old : en.value+n])
	default:
		binary.LittleEndian.PutUint32(en.b[hdrLen:], uint32(n))
	}
	return en.b[en.value : en.value+n]
}

// resize makes room for n bytes and copies value there, if any; else the first
// keep bytes of the old value survive.
func (db *database) resize(en *entry, n, keep int, value []byte) {
	old := en.h
	if !db.e.arena.fits(old, en.value+n) {
		index, expires := binary.LittleEndian.Uint32(en.b[hdrIndex:]), en.expire() != 0
		want := n
		if n > maxSmall && keep > 0 {
			want += n / 4 // a string that grows by appending
		}
		slot, prev := db.keys.link(old)
		nh := db.e.arena.alloc(en.value + want)
		nb := db.e.arena.bytes(nh)
		copy(nb, en.b[:en.value+keep])
		copy(nb[en.value:], value)
		if slot != nil {
			*slot = nh
		} else {
			setBlockNext(prev, nh)
		}
		db.e.arena.free(old)
		if expires {
			db.expiring[index] = nh
		}
		en.h, en.b = nh, nb
	} else {
		copy(en.b[en.value:], value)
	}
	binary.LittleEndian.PutUint32(en.b[hdrLen:], uint32(n))
}

func (db *database) dropObject(en *entry) {
	if en.enc().inObject() {
		db.e.dropObject(binary.LittleEndian.Uint32(en.b[en.value:]))
	}
}

// setExpire sets when the entry expires, in unix milliseconds; 0: never.
func (db *database) setExpire(en *entry, at int64) {
	had := en.expire() != 0
	binary.LittleEndian.PutUint64(en.b[hdrExpire:], uint64(at))
	switch {
	case at != 0 && !had:
		binary.LittleEndian.PutUint32(en.b[hdrIndex:], uint32(len(db.expiring)))
		db.expiring = append(db.expiring, en.h)
	case at == 0 && had:
		i := binary.LittleEndian.Uint32(en.b[hdrIndex:])
		last := len(db.expiring) - 1
		h := db.expiring[last]
		db.expiring[i] = h
		binary.LittleEndian.PutUint32(db.e.arena.bytes(h)[hdrIndex:], i)
		db.expiring = db.expiring[:last]
	}
}

// removeEntry deletes an entry without telling anybody.
func (db *database) removeEntry(en *entry) {
	db.beforeWrite(en)
	if en.kind() == kindStream {
		db.signalReady(db.key(en), kindStream) // readers of its groups must hear of it
	}
	db.setExpire(en, 0)
	db.dropObject(en)
	db.keys.remove(en.h)
	en.h = 0
}

// remove deletes a key without telling anybody, and says whether it was there.
// An expired key is deleted as such and counts as absent.
func (db *database) remove(key []byte) bool {
	en := db.find(key)
	if !en.exists() {
		return false
	}
	db.removeEntry(&en)
	return true
}

// set makes key hold value, whatever it held, without an expiry unless keepTTL.
func (db *database) set(key []byte, k kind, enc encoding, value []byte, keepTTL bool) entry {
	en := db.find(key)
	if !en.exists() {
		return db.add(key, k, enc, value)
	}
	db.beforeWrite(&en)
	stream := en.kind() == kindStream
	if en.enc().inObject() {
		db.e.lazily(db.e.cfg.lazyServerDel, func() { db.dropObject(&en) })
		en.setEnc(encRaw)
	}
	db.setBytes(&en, enc, value)
	en.b[hdrKind] = byte(k)
	en.setUsed(db.e.clock)
	if !keepTTL {
		db.setExpire(&en, 0)
	}
	if stream { // overwriting wakes nobody else, as in Redis
		db.signalReady(key, kindStream)
	}
	return en
}

// randomExpiring picks an entry among those with an expiry.
func (db *database) randomExpiring() (entry, bool) {
	if len(db.expiring) == 0 {
		return entry{}, false
	}
	return db.at(db.expiring[rand.IntN(len(db.expiring))]), true
}

// keepObject gives an object a number.
func (e *Engine) keepObject(o object) uint32 {
	if n := len(e.freeObjects); n > 0 {
		id := e.freeObjects[n-1]
		e.freeObjects = e.freeObjects[:n-1]
		e.objects[id] = o
		return id
	}
	e.objects = append(e.objects, o)
	return uint32(len(e.objects) - 1)
}

func (e *Engine) dropObject(id uint32) {
	if o := e.objects[id]; !e.setAside(o) {
		o.release()
	}
	e.objects[id] = nil
	e.freeObjects = append(e.freeObjects, id)
}

// bs makes the bytes of a constant.
func bs(s string) []byte { return []byte(s) }

// edit copies a small value to the engine's scratch, to be edited there and given
// back with setBytes and keepScratch.
func (e *Engine) edit(lp rdb.Listpack) rdb.Listpack {
	return append(rdb.Listpack(e.scratch[:0]), lp...)
}

// element is the string that a listpack's element stands for; a number is written
// to buf.
func element(lp rdb.Listpack, pos int, buf *[24]byte) []byte {
	s, n, isInt := lp.Get(pos)
	if isInt {
		return strconv.AppendInt(buf[:0], n, 10)
	}
	return s
}

// keepScratch keeps the array of an edited value for the next edit.
func (e *Engine) keepScratch(b []byte) {
	if cap(b) <= 64<<10 {
		e.scratch = b[:0]
	}
}
