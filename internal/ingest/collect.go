package ingest

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"landings/internal/dataset"
)

// collector takes records as they are read. It packs them into parts of 256,
// which become buckets as they are once the ids are known, and learns the schema
// and the candidates for the id on the way.
type collector struct {
	options  Options
	limits   Limits
	features bool   // the records are GeoJSON Features
	pointer  string // JSON Pointer of the list that is read, or of nothing
	listed   bool   // records are elements of a list, so that their places carry its pointer

	number     int // records of the input so far, good or bad
	good       int // records kept
	parts      []part
	text       []byte // of the part in work
	ends       []uint32
	lines      []uint32
	numbers    []uint32
	learnt     *inference
	candidates []*candidate
	ahead      dataset.Ahead // nil: nobody wants buckets, or what was handed over was of no use
	assumed    *candidate    // whose ids the buckets that were handed over have; nil: positions
	inner      scanner       // of a Feature's properties

	places        []dataset.Place
	code          dataset.Code // of the first bad record
	rejected      []dataset.Rejection
	rejectedTotal int
	notUTF8       int // of them
}

// part is up to 256 records without ids.
type part struct {
	text    []byte
	ends    []uint32
	lines   []uint32 // where each begins in the input
	numbers []uint32 // the how manieth of the input each is, from 1

	bucket func() *dataset.Bucket // handed over already; nil: not
}

func newCollector(o Options, l Limits) *collector {
	return &collector{
		options: o,
		limits:  l,
		ahead:   o.Ahead,
		learnt:  &inference{byName: map[string]*field{}},
		text:    make([]byte, 0, 64<<10),
	}
}

// member gives the pointer to something inside the record in work.
func (c *collector) place(inside string) string {
	if !c.listed {
		return inside
	}
	return c.pointer + "/" + strconv.Itoa(c.number-1) + inside
}

// reject takes note of a bad record. The line and column are those of the fault.
func (c *collector) reject(code dataset.Code, p dataset.Place, text []byte) {
	if c.code == "" {
		c.code = code
	}
	c.rejectedTotal++
	if p.Detail == notUTF8 {
		c.notUTF8++
	}
	if !c.options.SkipBad {
		if len(c.places) < c.limits.MaxErrors {
			c.places = append(c.places, p)
		}
		// The input is refused; what is kept goes on being so for the sake of its ids, whose
		// faults are told in the same answer. No bucket is of use.
		c.ahead = nil
		return
	}
	if len(c.rejected) < c.limits.MaxRejected {
		c.rejected = append(c.rejected, dataset.Rejection{Place: p, Text: shorten(text)})
	}
}

// refused says that a record was bad and that nothing will come of this input.
func (c *collector) refused() bool { return c.rejectedTotal > 0 && !c.options.SkipBad }

// maxKept is how much of a rejected record is kept, in bytes.
const maxKept = 1024

// shorten gives at most maxKept bytes of a text, as valid UTF-8.
func shorten(text []byte) string {
	if len(text) > maxKept {
		text = text[:maxKept]
		for i := len(text) - 1; i > len(text)-utf8.UTFMax; i-- {
			if utf8.RuneStart(text[i]) {
				if !utf8.FullRune(text[i:]) {
					text = text[:i]
				}
				break
			}
		}
	}
	return strings.ToValidUTF8(string(text), "\uFFFD")
}

// begin counts a record of the input.
func (c *collector) begin() error {
	if c.number++; c.number > c.limits.MaxRecords {
		return &dataset.Error{
			Code:    dataset.TooLarge,
			Message: fmt.Sprintf("the input holds more than %s records", thousands(c.limits.MaxRecords)),
			Remedy:  "load it in parts, each as a dataset of its own",
		}
	}
	return nil
}

// object takes the record in work, a valid JSON object that begins on a line of
// the input.
func (c *collector) object(record []byte, members []member, line int) error {
	if err := c.learn(record, members); err != nil {
		return err
	}
	c.keep(record, line)
	return nil
}

// learn feeds a valid record to the inference.
func (c *collector) learn(record []byte, members []member) error {
	c.startRecord()
	next := 0
	if !c.features {
		for i := range members {
			m := &members[i]
			if fl := c.learnt.named(m.name); fl != nil && fl.settled && m.plain && fl.id == nil {
				// Nothing is to be learnt but that there is one more.
				if m.valueEnd-m.value > len(`""`) {
					fl.present++
				}
				next = fl.index + 1
				continue
			}
			if err := c.member(record, *m, &next); err != nil {
				return err
			}
		}
		return c.endRecord()
	}
	var id, geometry, properties *member
	var scratch [16]byte
	for i, m := range members {
		switch string(unquote(record[m.key:m.keyEnd], scratch[:0])) {
		case "id":
			id = &members[i]
		case "geometry":
			geometry = &members[i]
		case "properties":
			properties = &members[i]
		}
	}
	if id != nil {
		if err := c.member(record, *id, &next); err != nil {
			return err
		}
	}
	if properties != nil && record[properties.value] == '{' {
		inside := record[properties.value:properties.valueEnd]
		c.inner.scan(inside)
		for _, m := range c.inner.members {
			name := string(inside[m.key:m.keyEnd])
			if name == `"geometry"` || name == `"id"` && id != nil {
				continue // hidden by the Feature's own, see dataset.Schema.Features
			}
			if err := c.member(inside, m, &next); err != nil {
				return err
			}
		}
	}
	if geometry != nil {
		if err := c.member(record, *geometry, &next); err != nil {
			return err
		}
	}
	return c.endRecord()
}

// member feeds one member to the inference.
func (c *collector) member(object []byte, m member, next *int) error {
	fl := c.learnt.named(m.name)
	if fl == nil {
		var err error
		if fl, err = c.field(object[m.key:m.keyEnd], *next); err != nil {
			return err
		}
		c.learnt.name(m.name, fl)
	}
	*next = fl.index + 1
	raw := object[m.value:m.valueEnd]
	fl.value(raw, m.plain, &c.learnt.scratch)
	if fl.id != nil {
		fl.id.text, fl.id.ok = idText(raw)
	}
	return nil
}

// field gives the field of a key, a new one where it has none yet.
func (c *collector) field(key []byte, next int) (*field, error) {
	if fl := c.learnt.find(key, next); fl != nil {
		return fl, nil
	}
	return c.newField(string(unquote(key, nil)), key)
}

// newField makes a field that no record had before. Those named like an id are
// candidates, but only if the first record has them.
func (c *collector) newField(name string, quoted []byte) (*field, error) {
	if len(c.learnt.fields) == c.limits.MaxFields {
		return nil, &dataset.Error{
			Code:    dataset.TooLarge,
			Message: fmt.Sprintf("the records have more than %s different field names", thousands(c.limits.MaxFields)),
			Remedy:  "put names that vary inside one member",
			Places:  []dataset.Place{{Record: c.number, Pointer: c.place("/" + escapePointer(name)), Detail: "the first field beyond the limit"}},
		}
	}
	fl := c.learnt.add(name, quoted)
	c.offer(fl)
	return fl, nil
}

func escapePointer(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// keep packs the record in work into the current part.
func (c *collector) keep(record []byte, line int) {
	if len(c.ends) > 0 {
		c.text = append(c.text, dataset.Separator...)
	}
	c.text = append(c.text, record...)
	c.kept(line)
}

// kept closes the record whose JSON was appended to the current part's text.
func (c *collector) kept(line int) {
	c.good++
	c.ends = append(c.ends, uint32(len(c.text)))
	c.lines = append(c.lines, uint32(line))
	c.numbers = append(c.numbers, uint32(c.number))
	for _, cd := range c.candidates {
		cd.keep()
	}
	if len(c.ends) == dataset.BucketSize {
		c.closePart()
	}
}

func (c *collector) closePart() {
	if len(c.ends) == 0 {
		return
	}
	c.parts = append(c.parts, part{text: exact(c.text), ends: exact(c.ends), lines: exact(c.lines), numbers: exact(c.numbers)})
	c.text, c.ends, c.lines, c.numbers = c.text[:0], c.ends[:0], c.lines[:0], c.numbers[:0]
	for _, cd := range c.candidates {
		cd.closePart()
	}
	if c.ahead != nil {
		c.handOver(len(c.parts) - 1)
	}
}

// exact gives a copy that takes no more memory than it needs.
func exact[T byte | uint32](s []T) []T {
	c := make([]T, len(s))
	copy(c, s)
	return c
}

// handOver hands over what makes a bucket of a part, assuming that the best candidate
// will be the id. Once that is another one than before, there is no point in it.
func (c *collector) handOver(i int) {
	var best *candidate
	if len(c.candidates) > 0 {
		best = c.candidates[0]
	}
	if i > 0 && best != c.assumed {
		c.ahead = nil
		return
	}
	c.assumed = best
	c.parts[i].bucket = c.bucket(i, best)
	c.ahead(c.parts[i].bucket)
}

// bucket gives what makes the bucket of a part, named by a candidate or, without one,
// by position.
func (c *collector) bucket(i int, by *candidate) (made func() *dataset.Bucket) {
	p := c.parts[i]
	var ids idPart
	if by != nil {
		ids = by.parts[i]
	}
	return sync.OnceValue(func() *dataset.Bucket {
		if by == nil {
			ids = positions(i, len(p.ends))
		}
		return dataset.AssembleBucket(uint64(i), p.text, p.ends, ids.ids, ids.ends)
	})
}

// finish gives the load, or the error that lists what is bad.
func (c *collector) finish() (*dataset.Load, error) {
	if c.refused() {
		c.closePart()
		return nil, c.withIDs(c.refusal())
	}
	c.ahead = nil // from here on it is not ahead of anything
	c.closePart()
	id, err := c.chooseID()
	if err != nil {
		return nil, err
	}
	if c.rejectedTotal > 0 && c.good == 0 {
		e := c.refusal()
		if e.Remedy = "nothing is left to load"; c.mostlyNotUTF8() {
			e.Remedy = saveAsUTF8
		}
		for _, r := range c.rejected[:min(len(c.rejected), c.limits.MaxErrors)] {
			e.Places = append(e.Places, r.Place)
		}
		return nil, e
	}
	load := &dataset.Load{
		Schema:        c.learnt.schema(),
		Source:        c.options.Source,
		Records:       make(dataset.Sequence, len(c.parts)),
		Rejected:      c.rejected,
		RejectedTotal: c.rejectedTotal,
	}
	if id != nil {
		load.Schema.IDField = id.field
	}
	for i := range c.parts {
		bucket := c.parts[i].bucket
		if bucket == nil || id != c.assumed {
			bucket = c.bucket(i, id)
		}
		load.Records[i] = bucket()
		c.parts[i] = part{} // its lines are of no more use
	}
	return load, c.settings(&load.Schema)
}

// mostlyNotUTF8 says that the file is to be saved anew, not corrected record by record.
func (c *collector) mostlyNotUTF8() bool { return 2*c.notUTF8 > c.rejectedTotal }

// refusal is the error for an input with bad records.
func (c *collector) refusal() *dataset.Error {
	fix := "correct what is listed"
	if c.mostlyNotUTF8() {
		fix = saveAsUTF8
	}
	return &dataset.Error{
		Code:    c.code,
		Message: fmt.Sprintf("%s of %s records cannot be read", thousands(c.rejectedTotal), thousands(c.number)),
		Remedy:  fix + ", or load the others with on_error=skip",
		Places:  c.places,
		Total:   c.rejectedTotal,
	}
}

// settings puts what the options say over what was inferred.
func (c *collector) settings(s *dataset.Schema) error {
	if c.features {
		s.Features = true
		s.Geometry = &dataset.Geometry{GeoJSON: "geometry"}
		for i := range s.Fields {
			if s.Fields[i].Name == "geometry" && s.Fields[i].Type == dataset.Text {
				s.Fields[i].Type = dataset.JSON // no Feature has one
			}
		}
	}
	if g := c.options.Geometry; g != nil {
		s.Geometry = nil
		if *g != (dataset.Geometry{}) {
			s.Geometry = g
		}
		for _, name := range []string{g.GeoJSON, g.Lat, g.Lon, g.Text} {
			if err := c.known("geometry", name); err != nil {
				return err
			}
		}
	}
	if t := c.options.TimeField; t != nil {
		s.TimeField = *t
		return c.known("time_field", *t)
	}
	return nil
}

// known refuses a setting that names a field which no record has.
func (c *collector) known(setting, name string) error {
	if name == "" || c.good == 0 || c.learnt.byName[name] != nil {
		return nil
	}
	return &dataset.Error{
		Code:    dataset.Invalid,
		Message: fmt.Sprintf("no record has the field %q", dataset.Excerpt(name)),
		Remedy:  "the fields are " + c.fieldNames(),
		Places:  []dataset.Place{{Parameter: setting, Detail: "names this field"}},
	}
}

func (c *collector) fieldNames() string {
	var names []string
	for _, fl := range c.learnt.fields {
		if len(names) == 20 {
			names = append(names, "...")
			break
		}
		names = append(names, dataset.Excerpt(fl.name))
	}
	return strings.Join(names, ", ")
}
