package rdb

import "fmt"

// A Kind is one of Redis's data types.
type Kind uint8

// The data types.
const (
	KindString Kind = iota
	KindList
	KindSet
	KindZSet
	KindHash
	KindStream
)

// String gives the name that the command TYPE answers.
func (k Kind) String() string {
	return [...]string{"string", "list", "set", "zset", "hash", "stream"}[k]
}

// A Type is the byte before a value in a file: its kind and how it is encoded
// there. The numbers are those of rdb.h.
type Type uint8

// The types of values. From 7.0 and from 7.2 name the Redis that first wrote them.
const (
	TypeString           Type = 0
	TypeList             Type = 1
	TypeSet              Type = 2
	TypeZSet             Type = 3 // scores as text
	TypeHash             Type = 4
	TypeZSet2            Type = 5 // scores as 8 bytes
	TypeModule           Type = 6 // refused
	TypeModule2          Type = 7 // refused
	TypeHashZipmap       Type = 9
	TypeListZiplist      Type = 10
	TypeSetIntset        Type = 11
	TypeZSetZiplist      Type = 12
	TypeHashZiplist      Type = 13
	TypeListQuicklist    Type = 14 // nodes are ziplists
	TypeStreamListpacks  Type = 15
	TypeHashListpack     Type = 16 // from 7.0
	TypeZSetListpack     Type = 17 // from 7.0
	TypeListQuicklist2   Type = 18 // from 7.0: nodes are listpacks or plain
	TypeStreamListpacks2 Type = 19 // from 7.0: first id, largest deleted id, entries added
	TypeSetListpack      Type = 20 // from 7.2
	TypeStreamListpacks3 Type = 21 // from 7.2: active time of consumers
)

// Kind returns the data type that t encodes, false for a type that this
// package does not read.
func (t Type) Kind() (Kind, bool) {
	switch t {
	case TypeString:
		return KindString, true
	case TypeList, TypeListZiplist, TypeListQuicklist, TypeListQuicklist2:
		return KindList, true
	case TypeSet, TypeSetIntset, TypeSetListpack:
		return KindSet, true
	case TypeZSet, TypeZSet2, TypeZSetZiplist, TypeZSetListpack:
		return KindZSet, true
	case TypeHash, TypeHashZipmap, TypeHashZiplist, TypeHashListpack:
		return KindHash, true
	case TypeStreamListpacks, TypeStreamListpacks2, TypeStreamListpacks3:
		return KindStream, true
	}
	return 0, false
}

// An Encoding says what [Chunk.Data] holds.
type Encoding uint8

// The encodings of chunks.
const (
	Raw             Encoding = iota // one element
	EncodedListpack                 // a valid [Listpack] of at least one element
	EncodedIntset                   // a valid [Intset] of at least one member
)

// Meta is what is kept beside a value.
type Meta struct {
	ExpireAt int64 // unix time in milliseconds, NoExpiry for none
	Idle     int64 // seconds since last use, -1 if not recorded
	Freq     int16 // access frequency counter 0 to 255, -1 if not recorded
}

// NoExpiry is the [Meta.ExpireAt] of a key that stays.
const NoExpiry int64 = -1

// NoMeta is the [Meta] of a key without expiry, idle time or frequency.
func NoMeta() Meta { return Meta{ExpireAt: NoExpiry, Idle: -1, Freq: -1} }

// An Entry is the head of a key; its value is read by [Reader.Chunk].
type Entry struct {
	Meta
	DB   int
	Key  []byte // valid until the next call of Next
	Type Type
	Kind Kind
	// Chunks is how many pieces the file says the value has: a hint, not to
	// be trusted with memory.
	Chunks uint64
}

// A Chunk is a piece of a value. Slices in it are valid until the next call on
// the reader.
//
//	kind    Raw                                listpack                       intset
//	string  Data: the whole value              -                              -
//	list    Data: one element                  elements                       -
//	set     Data: one member                   members                        members
//	zset    Data: one member, Score            member, score, member, ...     -
//	hash    Data: one field, Value: its value  field, value, field, ...       -
//	stream  -                                  entries, see [StreamIter]; ID  -
//
// Listpacks of pairs hold an even number of elements; scores in them are
// numbers. Elements are not checked for being there twice.
type Chunk struct {
	Encoding Encoding
	Data     []byte
	Value    []byte   // hash, Raw
	Score    float64  // zset, Raw: never NaN
	ID       StreamID // stream: the id that those in the listpack are relative to
}

// A StreamID names an entry of a stream.
type StreamID struct{ Ms, Seq uint64 }

// Less reports whether a comes before b.
func (a StreamID) Less(b StreamID) bool {
	return a.Ms < b.Ms || a.Ms == b.Ms && a.Seq < b.Seq
}

func (a StreamID) String() string { return fmt.Sprintf("%d-%d", a.Ms, a.Seq) }

// A Stream is everything about a stream but its entries.
type Stream struct {
	Length       uint64   // entries that are not deleted
	LastID       StreamID // last id given out
	FirstID      StreamID // id of the first entry, 0-0 if there is none
	MaxDeletedID StreamID // largest id deleted
	EntriesAdded uint64   // entries ever added
	Groups       []Group
}

// A Group is a consumer group of a stream.
type Group struct {
	Name        []byte
	LastID      StreamID  // last id delivered
	EntriesRead int64     // logical read counter, -1 where it cannot be known
	Pending     []Pending // in order of ID
	Consumers   []Consumer
}

// A Pending is a delivered entry that awaits acknowledgement.
type Pending struct {
	ID          StreamID
	DeliveredAt int64  // unix time in milliseconds
	Deliveries  uint64 // how often it was delivered
	Consumer    int    // index into Group.Consumers
}

// A Consumer is a member of a group.
type Consumer struct {
	Name     []byte
	SeenAt   int64 // unix time in milliseconds of its last attempt
	ActiveAt int64 // unix time in milliseconds of its last success, -1 for none; SeenAt in files before 7.2
}
