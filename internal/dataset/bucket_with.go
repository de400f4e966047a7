package dataset

// With gives the bucket as it is after changes, which are in strictly ascending
// order of position and lie within the bucket; it panics where they do not. A
// change that deletes a vacant position does nothing. What does not change is
// copied in whole stretches and not hashed again, so that a write costs little
// more than copying the text.
func (b *Bucket) With(changes []Change) *Bucket {
	size, idSize := len(b.text), len(b.ids())
	for i, c := range changes {
		if BucketOf(c.Record.Position) != b.number || i > 0 && c.Record.Position <= changes[i-1].Record.Position {
			panic("dataset: changes of a bucket are out of order")
		}
		if !c.Delete {
			size += len(Separator) + len(c.Record.JSON)
			idSize += len(c.Record.ID)
		}
	}
	next := packer{text: make([]byte, 0, size), ids: make([]byte, 0, idSize), digest: b.digest}
	done := 0 // records of b that are copied or left out
	keep := func(until int) {
		if until > done {
			next.copy(b, done, until)
			done = until
		}
	}
	for _, c := range changes {
		offset := uint8(c.Record.Position % BucketSize)
		at := done
		for at < b.n && b.offset(at) < offset {
			at++
		}
		keep(at)
		if at < b.n && b.offset(at) == offset {
			next.digest -= b.At(at).Hash()
			done++
		}
		if !c.Delete {
			next.add(c.Record)
			next.digest += c.Record.Hash()
		}
	}
	keep(b.n)
	return next.bucket(b.number)
}

// copy takes some consecutive records of a bucket as they are.
func (p *packer) copy(b *Bucket, from, until int) {
	start, idStart := 0, 0
	if from > 0 {
		start, idStart = b.end(from-1)+len(Separator), b.idEnd(from-1)
	}
	p.separate()
	move, idMove := len(p.text)-start, len(p.ids)-idStart
	p.text = append(p.text, b.text[start:b.end(until-1)]...)
	p.ids = append(p.ids, b.ids()[idStart:b.idEnd(until-1)]...)
	for i := from; i < until; i++ {
		p.ends[p.n], p.idEnds[p.n], p.offsets[p.n] = uint32(b.end(i)+move), uint32(b.idEnd(i)+idMove), b.offset(i)
		p.n++
	}
}
