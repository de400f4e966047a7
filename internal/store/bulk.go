package store

import (
	"context"
	"strconv"

	"landings/internal/dataset"
	"landings/internal/resp"
)

// bulk is a wire over which buckets are written, as many as Redis takes in, before the
// answers are read. A bucket goes into the bytes of the protocol at once: a load has two
// words for each record, and to make each of them a string first was more than a third
// of what the node did to write it.
type bulk struct {
	*wire
	out    []byte       // what is not sent yet
	before func() error // called before each write, which does not happen where it fails; nil: nothing is
}

// bulkBytes is how much is put together before it is written, with the rest of a record; at most
// twice as much is written at a time.
const bulkBytes = 64 << 10

// openBulk makes a connection to the server of a wire. errStale says that another
// incarnation of Redis serves it.
func (s *Store) openBulk(ctx context.Context, w *wire) (*bulk, error) {
	to, err := s.openAt(ctx, w.addr, w.key)
	if err != nil {
		return nil, err
	}
	if to.server.run != w.server.run {
		to.close()
		return nil, errStale
	}
	return &bulk{wire: to, out: make([]byte, 0, 2*bulkBytes)}, nil
}

// put sends the records of a bucket: the fields of the hash key are their ids, the values
// as [encodeRecord] gives them. It may keep back some of it until flush.
func (b *bulk) put(key string, bucket *dataset.Bucket) error {
	b.out = resp.AppendArray(b.out, 2+2*bucket.Len())
	b.out = resp.AppendText(b.out, "HSET")
	b.out = resp.AppendText(b.out, key)
	out := b.out
	var digits [20]byte
	for i := range bucket.Len() {
		r := bucket.At(i)
		out = resp.AppendText(out, r.ID)
		position := strconv.AppendUint(digits[:0], r.Position, 10)
		out = resp.AppendLength(out, len(position)+1+len(r.JSON))
		out = append(out, position...)
		out = append(out, ' ')
		out = append(out, r.JSON...)
		out = append(out, '\r', '\n')
		if len(out) >= bulkBytes {
			b.out = out
			if err := b.flush(); err != nil {
				return err
			}
			out = b.out
		}
	}
	b.out = out
	return nil
}

// flush sends what was kept back.
func (b *bulk) flush() error {
	for rest := b.out; len(rest) > 0; {
		n := min(len(rest), 2*bulkBytes)
		if b.before != nil {
			if err := b.before(); err != nil {
				return b.conn.Fail(err) // the rest of a command would be taken for the next
			}
		}
		if err := b.conn.Send(rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	b.out = b.out[:0]
	return nil
}

// answer reads one answer, and gives what Redis refused, or why there was none.
func (b *bulk) answer() error {
	r, err := b.conn.Receive()
	if err != nil {
		return err
	}
	return r.Err()
}

// close closes the connection; nil has none.
func (b *bulk) close() {
	if b != nil {
		b.wire.close()
	}
}
