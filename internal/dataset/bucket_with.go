package dataset

// With gives the bucket as it is after changes, which are in strictly ascending
// order of position and lie within the bucket; it panics where they do not. A
// change that deletes a vacant position does nothing. What does not change is
// copied in whole stretches and not hashed again, so that a write costs little
// more than copying the text.
func (b *Bucket) With(changes []Change) *Bucket {
	size, idSize, places := len(b.text), len(b.ids), len(b.ends)
	for i, c := range changes {
		if BucketOf(c.Record.Position) != b.number || i > 0 && c.Record.Position <= changes[i-1].Record.Position {
			panic("dataset: changes of a bucket are out of order")
		}
		if !c.Delete {
			size += len(Separator) + len(c.Record.JSON)
			idSize += len(c.Record.ID)
			places++
		}
	}
	next := &Bucket{
		number:  b.number,
		text:    make([]byte, 0, size),
		ends:    make([]uint32, 0, places),
		idEnds:  make([]uint32, 0, places),
		offsets: make([]uint8, 0, places),
		digest:  b.digest,
	}
	ids := make([]byte, 0, idSize)
	done := 0 // records of b that are copied or left out
	keep := func(until int) {
		if until == done {
			return
		}
		from, idFrom := 0, 0
		if done > 0 {
			from = int(b.ends[done-1]) + len(Separator)
			idFrom = int(b.idEnds[done-1])
		}
		if len(next.ends) > 0 {
			next.text = append(next.text, Separator...)
		}
		move, idMove := len(next.text)-from, len(ids)-idFrom
		next.text = append(next.text, b.text[from:b.ends[until-1]]...)
		ids = append(ids, b.ids[idFrom:b.idEnds[until-1]]...)
		for i := done; i < until; i++ {
			next.ends = append(next.ends, uint32(int(b.ends[i])+move))
			next.idEnds = append(next.idEnds, uint32(int(b.idEnds[i])+idMove))
		}
		next.offsets = append(next.offsets, b.offsets[done:until]...)
		done = until
	}
	for _, c := range changes {
		offset := uint8(c.Record.Position % BucketSize)
		at := done
		for at < len(b.offsets) && b.offsets[at] < offset {
			at++
		}
		keep(at)
		if at < len(b.offsets) && b.offsets[at] == offset {
			next.digest -= b.At(at).Hash()
			done++
		}
		if c.Delete {
			continue
		}
		if len(next.ends) > 0 {
			next.text = append(next.text, Separator...)
		}
		next.text = append(next.text, c.Record.JSON...)
		ids = append(ids, c.Record.ID...)
		next.ends = append(next.ends, uint32(len(next.text)))
		next.idEnds = append(next.idEnds, uint32(len(ids)))
		next.offsets = append(next.offsets, offset)
		next.digest += c.Record.Hash()
	}
	keep(len(b.offsets))
	next.ids = string(ids)
	return next
}
