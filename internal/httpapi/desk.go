package httpapi

import (
	"sync"

	"landings/internal/dataset"
	"landings/internal/encode"
)

// desk is where a question is understood and answered; the next one gets the same. Nothing
// that lies on it is part of an answer that anybody else may have.
type desk struct {
	room    [16]parameter
	state   dataset.State
	asker   asker
	inquiry inquiry
	figure  figure
	tagged  tagged
	key     []byte
	line    []byte // the header field Link
	links   []encode.Link
	records []dataset.Record
}

var desks = sync.Pool{New: func() any { return &desk{key: make([]byte, 0, 512), line: make([]byte, 0, 512)} }}

func newDesk() *desk { return desks.Get().(*desk) }

const (
	deskRecords = 256     // of a page: for so many a desk keeps room
	deskBytes   = 8 << 10 // of a key and of links
)

// release clears the desk for another question.
func (d *desk) release() {
	if cap(d.records) > deskRecords || cap(d.key)+cap(d.line) > deskBytes {
		return
	}
	clear(d.records[:cap(d.records)])
	clear(d.links[:cap(d.links)])
	*d = desk{key: d.key[:0], line: d.line[:0], links: d.links[:0], records: d.records[:0]}
	desks.Put(d)
}
