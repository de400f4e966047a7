package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
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

// Hash is the record's part of a [Digest]: the first eight bytes, big endian, of
// SHA-256 over id length, id, position (each number as 8 bytes, big endian) and
// JSON.
func (r Record) Hash() Digest {
	// A record that fits the array on the stack is hashed in one piece, without
	// allocation; longer ones pay for a state.
	var stack [2048]byte
	piece := binary.BigEndian.AppendUint64(stack[:0], uint64(len(r.ID)))
	piece = append(piece, r.ID...)
	piece = binary.BigEndian.AppendUint64(piece, r.Position)
	if len(piece)+len(r.JSON) <= len(stack) {
		sum := sha256.Sum256(append(piece, r.JSON...))
		return Digest(binary.BigEndian.Uint64(sum[:]))
	}
	h := sha256.New()
	h.Write(piece)
	h.Write(r.JSON)
	var sum [sha256.Size]byte
	return Digest(binary.BigEndian.Uint64(h.Sum(sum[:0])))
}

// String gives 16 hexadecimal digits.
func (d Digest) String() string { return fmt.Sprintf("%016x", uint64(d)) }

// ParseDigest reads what [Digest.String] wrote.
func ParseDigest(s string) (Digest, error) {
	n, err := strconv.ParseUint(s, 16, 64)
	return Digest(n), err
}
