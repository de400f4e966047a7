package dataset

import (
	"fmt"
	"strconv"
	"unsafe"
)

// Record is one JSON object of a dataset. JSON is byte for byte what came in.
type Record struct {
	ID       string
	Position uint64 // from 0; never changes while the record exists, never used again after
	JSON     []byte // one JSON object, valid, without surrounding white space; not to be modified
}

// Digest is the sum, modulo 2^64, of the hashes of all records of a dataset. A
// sum does not depend on order and can be kept by every write; it is there to
// find what was lost or torn, not to withstand forgery.
type Digest uint64

// Hash is the record's part of a [Digest]: XXH64 of the JSON, seeded with XXH64
// of the id, which is seeded with the position.
func (r Record) Hash() Digest {
	id := unsafe.Slice(unsafe.StringData(r.ID), len(r.ID)) // only read, and not kept
	return Digest(xxh64(r.JSON, xxh64(id, r.Position)))
}

// String gives 16 hexadecimal digits.
func (d Digest) String() string { return fmt.Sprintf("%016x", uint64(d)) }

// ParseDigest reads what [Digest.String] wrote.
func ParseDigest(s string) (Digest, error) {
	n, err := strconv.ParseUint(s, 16, 64)
	return Digest(n), err
}
