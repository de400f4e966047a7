package dataset

import (
	"encoding/binary"
	"strings"
)

// packer gathers the records of a bucket, in ascending order of position.
type packer struct {
	text    []byte
	ids     []byte
	n       int
	ends    [BucketSize]uint32
	idEnds  [BucketSize]uint32
	offsets [BucketSize]uint8
	digest  Digest // the caller's to sum up
}

// add takes a record, a copy of it.
func (p *packer) add(r Record) {
	p.separate()
	p.text = append(p.text, r.JSON...)
	p.ids = append(p.ids, r.ID...)
	p.took(uint8(r.Position % BucketSize))
}

// separate puts the separator after the record before, if there is one.
func (p *packer) separate() {
	if p.n > 0 {
		p.text = append(p.text, Separator...)
	}
}

// took notes a record whose JSON and id are appended.
func (p *packer) took(offset uint8) {
	p.ends[p.n], p.idEnds[p.n], p.offsets[p.n] = uint32(len(p.text)), uint32(len(p.ids)), offset
	p.n++
}

// bucket gives the bucket of what was added; the text is its from now on.
func (p *packer) bucket(number uint64) *Bucket {
	b := &Bucket{number: number, text: p.text, n: p.n, digest: p.digest}
	var offsets []uint8
	if b.gaps = p.n > 0 && int(p.offsets[p.n-1]) != p.n-1; b.gaps {
		offsets = p.offsets[:p.n]
	}
	b.index = index(p.ends[:p.n], p.idEnds[:p.n], offsets, string(p.ids))
	return b
}

// index makes a bucket's index: where each record ends in the text, where each id ends
// among the ids, in little-endian words of four bytes; with gaps, the offsets; the ids.
func index(ends, idEnds []uint32, offsets []uint8, ids string) string {
	var out strings.Builder
	out.Grow(4*len(ends) + 4*len(idEnds) + len(offsets) + len(ids))
	var words [4 * BucketSize]byte
	for _, of := range [][]uint32{ends, idEnds} {
		for i, end := range of {
			binary.LittleEndian.PutUint32(words[4*i:], end)
		}
		out.Write(words[:4*len(of)])
	}
	out.Write(offsets)
	out.WriteString(ids)
	return out.String()
}
