package redisserver

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"landings/internal/rdb"
)

// value is a value without a key: what a loader makes of a file's bytes.
type value struct {
	kind  kind
	enc   encoding
	bytes []byte // valid until the next value is loaded; unless enc is inObject
	obj   object
}

// addValue creates a key that is not there.
func (db *database) addValue(key []byte, v value) entry {
	if v.enc.inObject() {
		return db.addObject(key, v.kind, v.enc, v.obj)
	}
	return db.add(key, v.kind, v.enc, v.bytes)
}

// setValue makes key hold v, whatever it held, without an expiry.
func (db *database) setValue(key []byte, v value) entry {
	if !v.enc.inObject() {
		return db.set(key, v.kind, v.enc, v.bytes, false)
	}
	var ref [4]byte
	binary.LittleEndian.PutUint32(ref[:], db.e.keepObject(v.obj))
	return db.set(key, v.kind, v.enc, ref[:], false)
}

// rdbType is how the entry's value is written in files.
func (db *database) rdbType(en *entry) rdb.Type {
	switch en.enc() {
	case encListpack:
		switch en.kind() {
		case kindHash:
			return rdb.TypeHashListpack
		case kindZSet:
			return rdb.TypeZSetListpack
		default:
			return rdb.TypeListQuicklist2
		}
	case encIntset:
		return rdb.TypeSetIntset
	case encInt, encEmbstr, encRaw:
		return rdb.TypeString
	}
	return db.object(en).rdbType()
}

// saveValue writes the entry's value, without its type.
func (db *database) saveValue(en *entry, p *pen) {
	switch en.enc() {
	case encInt:
		p.Int(en.int())
	case encEmbstr, encRaw:
		p.String(en.bytes())
	case encListpack:
		if en.kind() == kindList {
			p.Len(1)
			p.Packed(rdb.Listpack(en.bytes()))
			return
		}
		p.Blob(en.bytes())
	case encIntset:
		p.Blob(en.bytes())
	default:
		db.object(en).save(p)
	}
}

// errDuplicate says that a file's collection holds a member twice.
var errDuplicate = errors.New("a member is there twice")

// loadValue reads the value on which the reader stands, to its end. A collection
// without members has kindNone: the key is passed over.
func (e *Engine) loadValue(r *rdb.Reader, head *rdb.Entry) (value, error) {
	switch head.Kind {
	case rdb.KindString:
		return e.loadString(r)
	case rdb.KindList:
		return e.loadList(r)
	case rdb.KindSet:
		return e.loadSet(r)
	case rdb.KindHash:
		return e.loadHash(r)
	case rdb.KindStream:
		return e.loadStream(r)
	case rdb.KindZSet:
		return e.loadZset(r)
	}
	return value{}, fmt.Errorf("a value of type %v cannot be loaded", head.Kind)
}

// eachChunk visits the pieces of the value on which the reader stands.
func eachChunk(r *rdb.Reader, visit func(c rdb.Chunk) error) error {
	for {
		c, err := r.Chunk()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = visit(c)
		}
		if err != nil {
			return err
		}
	}
}

func (e *Engine) loadString(r *rdb.Reader) (value, error) {
	c, err := r.Chunk()
	if err != nil {
		return value{}, err
	}
	if _, err := r.Chunk(); err != io.EOF {
		return value{}, errors.Join(err, errors.New("a string of several pieces"))
	}
	enc, b := encodeString(c.Data, &e.intBuf)
	return value{kind: kindString, enc: enc, bytes: b}, nil
}

func (e *Engine) loadHash(r *rdb.Reader) (value, error) {
	lp := rdb.AppendListpack(nil)
	var big *largeHash
	n := int64(0)
	err := eachChunk(r, func(c rdb.Chunk) error {
		if c.Encoding == rdb.EncodedListpack {
			if pack := rdb.Listpack(c.Data); n == 0 && e.hashFits(pack) {
				lp = append(lp[:0], pack...)
				n = int64(pack.Len() / 2)
				return nil
			}
			return eachPair(rdb.Listpack(c.Data), func(f, v []byte) error { return e.loadField(&lp, &big, &n, f, v) })
		}
		return e.loadField(&lp, &big, &n, c.Data, c.Value)
	})
	switch {
	case err != nil:
		if big != nil {
			big.release()
		}
		return value{}, err
	case n == 0:
		return value{}, nil
	case big != nil:
		return value{kind: kindHash, enc: encHashtable, obj: big}, nil
	}
	return value{kind: kindHash, enc: encListpack, bytes: lp}, nil
}

// hashFits says whether a listpack of fields may stay one, and holds none twice.
func (e *Engine) hashFits(lp rdb.Listpack) bool {
	if int64(lp.Len()/2) > e.cfg.hashMaxEntries || lp.Len() > 64 {
		return false // converted field by field, which finds duplicates
	}
	for p := lp.First(); p != lp.End(); p = lp.Next(lp.Next(p)) {
		var buf [24]byte
		if lp.Find(lp.Next(lp.Next(p)), rdb.NewNeedle(element(lp, p, &buf)), 1) >= 0 {
			return false
		}
		if int64(lp.ElemLen(p)) > e.cfg.hashMaxValue || int64(lp.ElemLen(lp.Next(p))) > e.cfg.hashMaxValue {
			return false
		}
	}
	return true
}

func (e *Engine) loadField(lp *rdb.Listpack, big **largeHash, n *int64, f, v []byte) error {
	if *big == nil && (*n >= e.cfg.hashMaxEntries || int64(len(f)) > e.cfg.hashMaxValue || int64(len(v)) > e.cfg.hashMaxValue) {
		*big = newLargeHash(e.arena)
		if err := eachPair(*lp, func(f, v []byte) error { (*big).set(f, v); return nil }); err != nil {
			return err
		}
	}
	*n++
	if *big != nil {
		if !(*big).set(f, v) {
			return errDuplicate
		}
		return nil
	}
	if lp.Find(lp.First(), rdb.NewNeedle(f), 1) >= 0 {
		return errDuplicate
	}
	*lp = lp.Append(f).Append(v)
	return nil
}

// eachPair visits a listpack of pairs.
func eachPair(lp rdb.Listpack, visit func(a, b []byte) error) error {
	var ab, bb [24]byte
	for p := lp.First(); p != lp.End(); {
		q := lp.Next(p)
		if err := visit(element(lp, p, &ab), element(lp, q, &bb)); err != nil {
			return err
		}
		p = lp.Next(q)
	}
	return nil
}

func (o *largeHash) rdbType() rdb.Type { return rdb.TypeHash }

func (o *largeHash) save(p *pen) {
	p.Len(uint64(o.t.count))
	o.t.each(func(h handle) bool { o.emit(p, h); return true })
}

func (o *largeHash) emit(p *pen, h handle) {
	p.text(o.t.key(h))
	p.text(o.value(h))
}

func (o *largeHash) picture() picture { return o.t.picture(o.emit) }

// cloner is an object that copies itself. The copy is large even where a loader
// would choose a small encoding, as in Redis.
type cloner interface{ clone() object }

func (o *largeHash) clone() object {
	n := newLargeHash(o.t.a)
	o.t.each(func(h handle) bool { n.set(o.t.key(h), o.value(h)); return true })
	return n
}

// duplicate gives key in to, which is not there, a copy of the value of en.
func (db *database) duplicate(en *entry, to *database, key []byte) (entry, error) {
	if !en.enc().inObject() {
		return to.add(key, en.kind(), en.enc(), append([]byte(nil), en.bytes()...)), nil
	}
	if o, ok := db.object(en).(cloner); ok {
		return to.addObject(key, en.kind(), en.enc(), o.clone()), nil
	}
	r, head, err := rdb.OpenDump(db.dump(en, false))
	if err != nil {
		return entry{}, err
	}
	v, err := db.e.loadValue(r, head)
	if err != nil {
		return entry{}, err
	}
	return to.addValue(key, v), nil
}

// dump is the payload of DUMP.
func (db *database) dump(en *entry, compress bool) []byte {
	enc := rdb.NewEncoder(compress)
	enc.Type(db.rdbType(en))
	db.saveValue(en, &pen{Encoder: enc})
	return rdb.SealDump(enc.Buf)
}
