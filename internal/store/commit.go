package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"landings/internal/dataset"
	"landings/internal/resp"
)

// kind says what a commit does.
type kind string

const (
	kindChanges kind = "changes" // puts and deletes records
	kindSwitch  kind = "switch"  // makes another generation the live one
	kindDrop    kind = "drop"    // deletes the dataset
)

// commit is one entry of a dataset's stream. Its stream id is <version>-0.
type commit struct {
	kind    kind
	term    uint64 // in which it stands in the stream: it grows when it is committed again
	node    string // who made it, and
	seq     uint64 // the node's number for it: after a lost reply these tell whether it was applied
	at      time.Time
	after   dataset.State // the state that it makes; of Source, LoadedAt, Epoch and Generation only a switch tells, of Schema that too or what has grown
	changes []dataset.Change
	schema  []byte // the schema after changes that bring fields which the one before lacks, encoded; nil: it is the same
	body    string // changes or the switch's description, encoded; all that a commit of the tail has of changes
}

// content gives the changes, decoded again where they were forgotten.
func (c *commit) content() []dataset.Change {
	if c.changes != nil || c.kind != kindChanges {
		return c.changes
	}
	changes, err := decodeChanges(c.body)
	if err != nil {
		panic(err) // it was encoded here, or decoded before
	}
	return changes
}

// description is the body of a switch.
type description struct {
	Epoch      string         `json:"epoch"`
	Generation uint64         `json:"generation"`
	Schema     dataset.Schema `json:"schema"`
	Source     string         `json:"source"`
	LoadedAt   time.Time      `json:"loaded_at"`
}

func encodeSchema(s dataset.Schema) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // it is names and booleans
	}
	return text
}

// next gives the chain after the commit. It runs over everything but the term, so
// that a commit that is made again after a recovery keeps its place in the chain.
func (c *commit) next(before dataset.Chain) dataset.Chain {
	// "<kind> <node> <seq> <at> <count> <digest> <next>\n<schema>"
	head := make([]byte, 0, 128+len(c.schema))
	head = append(append(head, c.kind...), ' ')
	head = append(append(head, c.node...), ' ')
	head = append(strconv.AppendUint(head, c.seq, 10), ' ')
	head = append(strconv.AppendInt(head, c.at.UnixMilli(), 10), ' ')
	head = append(strconv.AppendInt(head, int64(c.after.Count), 10), ' ')
	head = append(append(head, c.after.Digest.String()...), ' ')
	head = append(strconv.AppendUint(head, c.after.Next, 10), '\n')
	head = append(head, c.schema...)
	body := unsafe.Slice(unsafe.StringData(c.body), len(c.body)) // only read, and not kept
	return before.Next(c.after.Version, head, body)
}

// seal encodes the commit's body and gives it its place after before.
func (c *commit) seal(before dataset.State) error {
	switch c.kind {
	case kindChanges:
		c.body = encodeChanges(c.changes)
	case kindSwitch:
		body, err := json.Marshal(description{c.after.Epoch, c.after.Generation, c.after.Schema, c.after.Source, c.after.LoadedAt})
		if err != nil {
			return err
		}
		c.body = string(body)
	case kindDrop:
	}
	c.after.Version = before.Version + 1
	c.after.Chain = c.next(before.Chain)
	return nil
}

// fields gives the stream entry's fields and values, one after the other.
func (c *commit) fields() []string {
	fields := []string{
		"kind", string(c.kind),
		"term", strconv.FormatUint(c.term, 10),
		"chain", c.after.Chain.String(),
		"node", c.node,
		"seq", strconv.FormatUint(c.seq, 10),
		"at", strconv.FormatInt(c.at.UnixMilli(), 10),
		"count", strconv.Itoa(c.after.Count),
		"digest", c.after.Digest.String(),
		"next", strconv.FormatUint(c.after.Next, 10),
		"body", c.body,
	}
	if c.schema != nil {
		fields = append(fields, "schema", string(c.schema))
	}
	return fields
}

// entry is one of a stream, as Redis gives it.
type entry struct {
	id     string
	fields map[string]string
}

// parseEntries reads the reply to XRANGE.
func parseEntries(r resp.Reply) ([]entry, error) {
	list, err := r.List()
	if err != nil {
		return nil, err
	}
	entries := make([]entry, len(list))
	for i, one := range list {
		pair, err := one.List()
		if err == nil && len(pair) != 2 {
			err = fmt.Errorf("a stream entry of %d parts", len(pair))
		}
		if err != nil {
			return nil, err
		}
		if entries[i].id, err = pair[0].Text(); err != nil {
			return nil, err
		}
		if entries[i].fields, err = pair[1].Map(); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// size is about how many bytes the commit takes in the stream, and in memory.
func (c *commit) size() int { return len(c.body) + len(c.schema) + commitOverhead }

const commitOverhead = 256 // bytes

// parseCommit reads a stream entry that follows the state before; nil where
// before is unknown, then the chain is not checked.
func parseCommit(id string, fields map[string]string, before *dataset.State) (*commit, error) {
	c := &commit{kind: kind(fields["kind"]), node: fields["node"], body: fields["body"]}
	version, rest, _ := strings.Cut(id, "-")
	var errs []error
	number := func(text string) uint64 {
		n, err := strconv.ParseUint(text, 10, 64)
		errs = append(errs, err)
		return n
	}
	if before != nil {
		c.after = *before
	}
	var err error
	c.after.Version = number(version)
	c.term, c.seq = number(fields["term"]), number(fields["seq"])
	c.at = time.UnixMilli(int64(number(fields["at"])))
	c.after.Count, c.after.Next = int(number(fields["count"])), number(fields["next"])
	c.after.Digest, err = dataset.ParseDigest(fields["digest"])
	errs = append(errs, err)
	c.after.Chain, err = dataset.ParseChain(fields["chain"])
	errs = append(errs, err)
	switch c.kind {
	case kindChanges:
		c.changes, err = decodeChanges(c.body)
		errs = append(errs, err)
		if text, grown := fields["schema"]; grown {
			c.schema = []byte(text)
			c.after.Schema = dataset.Schema{} // what is there shares its memory with other states
			errs = append(errs, json.Unmarshal(c.schema, &c.after.Schema))
		}
	case kindSwitch:
		var d description
		errs = append(errs, json.Unmarshal([]byte(c.body), &d))
		c.after.Epoch, c.after.Generation, c.after.Schema = d.Epoch, d.Generation, d.Schema
		c.after.Source, c.after.LoadedAt = d.Source, d.LoadedAt
	case kindDrop:
		c.after.Generation, c.after.Schema, c.after.Source = 0, dataset.Schema{}, ""
	default:
		errs = append(errs, fmt.Errorf("unknown kind %q", c.kind))
	}
	if err := errors.Join(errs...); err != nil || rest != "0" {
		return nil, fmt.Errorf("stream entry %s is damaged: %w", id, err)
	}
	if before != nil {
		if c.after.Version != before.Version+1 {
			return nil, fmt.Errorf("stream entry %s does not follow version %d: %w", id, before.Version, errGap)
		}
		if want := c.next(before.Chain); want != c.after.Chain {
			return nil, fmt.Errorf("stream entry %s has chain %s, not %s: %w", id, c.after.Chain, want, errFork)
		}
	}
	return c, nil
}

var (
	errGap  = errors.New("the stream no longer reaches back to this version")
	errFork = errors.New("the stream is of another history")
)

// encodeChanges writes changes as text with lengths: for a put
// "+<position> <id bytes> <JSON bytes>\n<id><JSON>\n", for a deletion
// "-<position> <id bytes>\n<id>\n". Lengths keep every byte of a record as it is.
func encodeChanges(changes []dataset.Change) string {
	size := 0
	for _, c := range changes {
		size += len(c.Record.ID) + len(c.Record.JSON) + 48
	}
	b := make([]byte, 0, size)
	for _, c := range changes {
		r := c.Record
		if c.Delete {
			b = append(b, '-')
		} else {
			b = append(b, '+')
		}
		b = strconv.AppendUint(b, r.Position, 10)
		b = append(b, ' ')
		b = strconv.AppendInt(b, int64(len(r.ID)), 10)
		if !c.Delete {
			b = append(b, ' ')
			b = strconv.AppendInt(b, int64(len(r.JSON)), 10)
		}
		b = append(b, '\n')
		b = append(b, r.ID...)
		b = append(b, r.JSON...)
		b = append(b, '\n')
	}
	return unsafe.String(unsafe.SliceData(b), len(b)) // nobody else has b
}

// decodeChanges reads what encodeChanges wrote. The changes share nothing with it: one
// record that lasts is not to keep a whole commit.
func decodeChanges(b string) ([]dataset.Change, error) {
	var changes []dataset.Change
	for at := 0; at < len(b); {
		begins := at
		damaged := func() error { return fmt.Errorf("the change at byte %d cannot be read", begins) }
		deletes := b[at] == '-'
		if !deletes && b[at] != '+' {
			return nil, damaged()
		}
		var numbers [3]uint64 // position, bytes of the id, bytes of JSON
		wanted := 3
		if deletes {
			wanted = 2
		}
		at++
		for i := range wanted {
			separator := byte(' ')
			if i == wanted-1 {
				separator = '\n'
			}
			n := strings.IndexByte(b[at:], separator)
			if n < 0 {
				return nil, damaged()
			}
			var err error
			if numbers[i], err = strconv.ParseUint(b[at:at+n], 10, 64); err != nil {
				return nil, damaged()
			}
			at += n + 1
		}
		left := uint64(len(b) - at)
		idLen, size := numbers[1], numbers[2]
		if idLen >= left || size >= left-idLen || b[uint64(at)+idLen+size] != '\n' {
			return nil, damaged()
		}
		c := dataset.Change{Delete: deletes, Record: dataset.Record{Position: numbers[0], ID: strings.Clone(b[at : at+int(idLen)])}}
		at += int(idLen)
		if !deletes {
			c.Record.JSON = []byte(b[at : at+int(size)])
		}
		at += int(size) + 1
		changes = append(changes, c)
	}
	return changes, nil
}
