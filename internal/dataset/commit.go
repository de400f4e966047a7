package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"
)

// Chain is a running digest over all commits of a dataset's history: equal
// chains at equal versions mean the same history.
type Chain uint64

// Next gives the chain after a commit whose content is body, perhaps in pieces: the
// first eight bytes, big endian, of SHA-256 over chain, version (each 8 bytes, big
// endian) and body.
func (c Chain) Next(version uint64, body ...[]byte) Chain {
	var head [16]byte
	binary.BigEndian.PutUint64(head[:8], uint64(c))
	binary.BigEndian.PutUint64(head[8:], version)
	h := sha256.New()
	h.Write(head[:])
	for _, piece := range body {
		h.Write(piece)
	}
	var sum [sha256.Size]byte
	return Chain(binary.BigEndian.Uint64(h.Sum(sum[:0])))
}

// String gives 16 hexadecimal digits.
func (c Chain) String() string { return fmt.Sprintf("%016x", uint64(c)) }

// ParseChain reads what [Chain.String] wrote.
func ParseChain(s string) (Chain, error) {
	n, err := strconv.ParseUint(s, 16, 64)
	return Chain(n), err
}

// Latest is, where a version is asked for, whatever version is the last one when
// the question is put.
const Latest = ^uint64(0)

// State is what describes a dataset at one version. The zero State is a dataset
// that does not exist.
type State struct {
	Name       string
	Epoch      string // names the history; empty: there is no such dataset
	Term       uint64 // how often the history was recovered, and one; what a copy says of it may be older
	Version    uint64 // from 1; each commit makes the next
	Chain      Chain
	Generation uint64 // the bulk load that is live; 0: none, the dataset was deleted
	Count      int    // records
	Digest     Digest
	Next       uint64 // the position that the next new record gets
	Schema     Schema
	Source     string // what was loaded: a file name, an address, "request body"
	LoadedAt   time.Time
}

// Exists says whether there is a dataset: one that was deleted keeps its history
// for a while, but does not exist.
func (s State) Exists() bool { return s.Epoch != "" && s.Generation != 0 }

// Change is one record put or deleted.
type Change struct {
	Delete bool
	Record Record // of a deletion: id and position, JSON is nil
}
