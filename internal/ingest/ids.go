package ingest

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"

	"landings/internal/dataset"
)

// candidate is a field that may be the records' id. Its values are kept beside
// the records until all are read, for only then is it known whether they differ.
type candidate struct {
	field    string
	rank     int  // lower is better
	required bool // the configured one, or "id": the others may fail in silence
	alive    bool // all kept records so far have an id here; always true of a required one
	seen     bool // some record has the field

	text []byte // of the record in work
	ok   bool

	ids   []byte // of the part in work; empty where a record has none
	ends  []uint32
	parts []idPart
}

type idPart struct {
	ids  string
	ends []uint32
}

func (p *idPart) at(i int) string {
	if i == 0 {
		return p.ids[:p.ends[0]]
	}
	return p.ids[p.ends[i-1]:p.ends[i]]
}

// idRank says how much a name is like that of an id: 0 is "id" itself, -1 none.
func idRank(name string) int {
	n := strings.ToLower(name)
	switch {
	case name == "id":
		return 0
	case n == "id":
		return 1
	case n == "_id":
		return 2
	case n == "identifier":
		return 3
	case n == "uuid", n == "guid":
		return 4
	case n == "key", n == "_key":
		return 5
	case strings.HasSuffix(n, "_id"), strings.HasSuffix(n, " id"), strings.HasSuffix(name, "Id"), strings.HasSuffix(name, "ID"):
		return 6
	}
	return -1
}

// maxCandidates bounds what candidates cost: the best of the first record's.
const maxCandidates = 4

// offer makes a new field a candidate where it may be the id.
func (c *collector) offer(fl *field) {
	required := "id"
	if c.options.IDField != nil {
		required = *c.options.IDField
	}
	if fl.name == required {
		// Records before this one were without it.
		cd := &candidate{field: fl.name, required: true, alive: true, seen: true}
		for _, p := range c.parts {
			cd.parts = append(cd.parts, idPart{ends: make([]uint32, len(p.ends))})
		}
		cd.ends = make([]uint32, len(c.ends), dataset.BucketSize)
		c.candidates = []*candidate{cd} // nothing else can be the id now
		for _, other := range c.learnt.fields {
			other.id = nil
		}
		fl.id = cd
		return
	}
	rank := idRank(fl.name)
	if c.options.IDField != nil || c.good > 0 || rank < 0 || len(c.candidates) > 0 && c.candidates[0].required {
		return
	}
	cd := &candidate{field: fl.name, rank: rank, alive: true, seen: true}
	c.candidates = append(c.candidates, cd)
	slices.SortStableFunc(c.candidates, func(a, b *candidate) int { return a.rank - b.rank })
	fl.id = cd
	if len(c.candidates) > maxCandidates {
		worst := c.candidates[maxCandidates]
		c.candidates = c.candidates[:maxCandidates]
		for _, other := range c.learnt.fields {
			if other.id == worst {
				other.id = nil
			}
		}
		if fl.id == worst {
			fl.id = nil
		}
	}
}

func (c *collector) startRecord() {
	for _, cd := range c.candidates {
		cd.ok = false
	}
}

// endRecord drops the candidates that the record in work has ruled out.
func (c *collector) endRecord() error {
	c.learnt.records++
	dead := false
	for _, cd := range c.candidates {
		if cd.ok {
			cd.ok = goodID(cd.text)
		}
		if !cd.ok && !cd.required {
			cd.alive, dead = false, true
		}
	}
	if dead {
		for _, fl := range c.learnt.fields {
			if fl.id != nil && !fl.id.alive {
				fl.id = nil
			}
		}
		c.candidates = slices.DeleteFunc(c.candidates, func(cd *candidate) bool { return !cd.alive })
	}
	return nil
}

// goodID is dataset.CheckID without its cost for the common case.
func goodID(id []byte) bool {
	if len(id) == 0 || len(id) > dataset.MaxIDLength {
		return false
	}
	for _, b := range id {
		if b < ' ' || b >= 0x7f {
			return dataset.CheckID(string(id)) == nil
		}
	}
	return true
}

func (cd *candidate) keep() {
	if cd.ok {
		cd.ids = append(cd.ids, cd.text...)
	}
	cd.ends = append(cd.ends, uint32(len(cd.ids)))
}

func (cd *candidate) closePart() {
	cd.parts = append(cd.parts, idPart{ids: string(cd.ids), ends: exact(cd.ends)})
	cd.ids, cd.ends = cd.ids[:0], cd.ends[:0]
}

// chooseID gives the candidate that becomes the id, nil where records are named by
// position. Where a required field fails records, they are the error, or are
// rejected.
func (c *collector) chooseID() (*candidate, error) {
	if want := c.options.IDField; want != nil && *want != "" {
		if c.good == 0 {
			return &candidate{field: *want}, nil
		}
		if err := c.known("id_field", *want); err != nil {
			return nil, err
		}
	}
	if c.options.IDField == nil || *c.options.IDField != "" {
		for _, cd := range c.candidates {
			bad := c.badIDs(cd)
			if bad == nil {
				return cd, nil
			}
			if !cd.required {
				continue
			}
			if !c.options.SkipBad {
				return nil, c.idError(cd, bad)
			}
			if err := c.without(cd, bad); err != nil {
				return nil, err
			}
			return c.chooseID()
		}
	}
	return nil, nil
}

// positions names the records of a part by their positions.
func positions(part, n int) idPart {
	var text []byte
	ends := make([]uint32, n)
	for i := range ends {
		text = strconv.AppendInt(text, int64(part*dataset.BucketSize+i), 10)
		ends[i] = uint32(len(text))
	}
	return idPart{string(text), ends}
}

// badID is a record that a candidate does not name: as, where it is not -1, is the
// earlier record whose id it repeats.
type badID struct{ record, as int }

// badIDs finds the records without an id, and those that repeat one.
func (c *collector) badIDs(cd *candidate) []badID {
	size := 1024
	for size < 2*c.good {
		size *= 2
	}
	table := make([]uint32, size) // of records + 1, at the hash of their id
	clear(table)                  // fresh memory that is read before it is written costs a second fault for each page
	seed := maphash.MakeSeed()
	var bad []badID
	record := -1
	for n := range cd.parts {
		p := &cd.parts[n]
	next:
		for i := range p.ends {
			record++
			id := p.at(i)
			if id == "" {
				if bad = append(bad, badID{record, -1}); !cd.required {
					return bad
				}
				continue
			}
			slot := int(maphash.String(seed, id)) & (size - 1)
			for ; table[slot] != 0; slot = (slot + 1) & (size - 1) {
				other := int(table[slot] - 1)
				if cd.parts[other/dataset.BucketSize].at(other%dataset.BucketSize) == id {
					if bad = append(bad, badID{record, other}); !cd.required {
						return bad
					}
					continue next
				}
			}
			table[slot] = uint32(record + 1)
		}
	}
	return bad
}

// badPlace says where a record without a good id is and why it is not.
func (c *collector) badPlace(cd *candidate, b badID) dataset.Place {
	p := &c.parts[b.record/dataset.BucketSize]
	i := b.record % dataset.BucketSize
	inside := "/" + escapePointer(cd.field)
	place := dataset.Place{Line: int(p.lines[i]), Record: int(p.numbers[i]), Pointer: inside}
	record := c.record(b.record)
	if c.features && (cd.field != "id" || lookup(record, "id") == nil) {
		inside = "/properties" + inside
	}
	place.Pointer = inside
	if c.listed {
		place.Pointer = c.pointer + "/" + strconv.Itoa(place.Record-1) + inside
	}
	if b.as >= 0 {
		first := &c.parts[b.as/dataset.BucketSize]
		j := b.as % dataset.BucketSize
		place.Detail = fmt.Sprintf("the id %q is already that of record %d (line %d)",
			dataset.Excerpt(cd.parts[b.as/dataset.BucketSize].at(j)), first.numbers[j], first.lines[j])
		return place
	}
	switch value := valueOf(record, cd.field); {
	case value == nil:
		place.Detail = fmt.Sprintf("the record has no field %q", dataset.Excerpt(cd.field))
	case bytes.Equal(value, []byte(`""`)):
		place.Detail = "the id is empty"
	default:
		if text, ok := idText(value); !ok {
			place.Detail = "an id is a string or a number, this is " + kindOf(value)
		} else if err := dataset.CheckID(string(text)); err != nil {
			place.Detail = strings.SplitN(err.Error(), ";", 2)[0]
		}
	}
	return place
}

// record gives the JSON of a kept record.
func (c *collector) record(n int) []byte {
	p := &c.parts[n/dataset.BucketSize]
	i := n % dataset.BucketSize
	start := 0
	if i > 0 {
		start = int(p.ends[i-1]) + len(dataset.Separator)
	}
	return p.text[start:p.ends[i]]
}

// idRemedy is what to do about records without an id of their own.
const idRemedy = "correct these; or set id_field to another field, or to \"\" so that records are named by their position; or load the others with on_error=skip"

func (c *collector) idError(cd *candidate, bad []badID) error {
	e := &dataset.Error{
		Code:    dataset.Invalid,
		Message: fmt.Sprintf("the field %q does not name each record: %s of %s have no id there or repeat another's", dataset.Excerpt(cd.field), thousands(len(bad)), thousands(c.good)),
		Remedy:  idRemedy,
		Total:   len(bad),
	}
	for _, b := range bad[:min(len(bad), c.limits.MaxErrors)] {
		e.Places = append(e.Places, c.badPlace(cd, b))
	}
	return e
}

// withIDs adds to the error for records that cannot be read what is wrong with the ids
// of the others.
func (c *collector) withIDs(e *dataset.Error) *dataset.Error {
	if len(c.candidates) == 0 || !c.candidates[0].required {
		return e
	}
	cd := c.candidates[0]
	bad := c.badIDs(cd)
	if len(bad) == 0 {
		return e
	}
	e.Message += fmt.Sprintf("; of the others, %s have no id in the field %q or repeat another's", thousands(len(bad)), dataset.Excerpt(cd.field))
	if !c.mostlyNotUTF8() {
		e.Remedy = idRemedy
	}
	for _, b := range bad[:min(len(bad), c.limits.MaxErrors)] {
		e.Places = append(e.Places, c.badPlace(cd, b))
	}
	slices.SortStableFunc(e.Places, func(a, b dataset.Place) int { return a.Record - b.Record })
	e.Places = e.Places[:min(len(e.Places), c.limits.MaxErrors)]
	e.Total += len(bad)
	return e
}

// without rejects kept records, and packs and learns the rest anew.
func (c *collector) without(cd *candidate, bad []badID) error {
	for _, b := range bad {
		place := dataset.Place{}
		if len(c.rejected) < c.limits.MaxRejected {
			place = c.badPlace(cd, b)
		}
		c.reject(dataset.Invalid, place, c.record(b.record))
	}
	c.ahead = nil // what follows are other buckets
	old, total := *c, c.number
	c.parts, c.candidates, c.good = nil, nil, 0
	c.learnt = &inference{byName: map[string]*field{}}
	var s scanner
	for n := range old.good {
		if len(bad) > 0 && bad[0].record == n {
			bad = bad[1:]
			continue
		}
		record := old.record(n)
		s.scan(record)
		p := &old.parts[n/dataset.BucketSize]
		c.number = int(p.numbers[n%dataset.BucketSize])
		if err := c.object(record, s.members, int(p.lines[n%dataset.BucketSize])); err != nil {
			return err
		}
	}
	c.number = total
	c.closePart()
	slices.SortStableFunc(c.rejected, func(a, b dataset.Rejection) int { return a.Record - b.Record })
	return nil
}
