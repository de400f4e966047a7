package store

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"landings/internal/dataset"
)

// format is the version of the layout of keys and values. A node refuses others.
const format = "2"

// meta is a dataset's meta hash: its state, and under which incarnation of Redis
// commits are made.
type meta struct {
	dataset.State
	Run string
}

// mark is a place in a history: two metas with the same mark are at the same commit
// of the same history.
type mark struct {
	epoch   string
	version uint64
	chain   dataset.Chain
}

func (m meta) mark() mark { return mark{m.Epoch, m.Version, m.Chain} }

// ahead says whether history a is to be preferred to history b: the later term,
// within a term the later version. Never the version alone: a stale fork that
// went on by itself may well have more versions.
func (m meta) ahead(of meta) bool {
	if m.Term != of.Term {
		return m.Term > of.Term
	}
	return m.Version > of.Version
}

// metaFields are read together, in this order, by every look at a meta hash.
var metaFields = []string{
	"format", "epoch", "term", "version", "chain", "run", "generation",
	"count", "digest", "next", "schema", "source", "loaded-at",
}

// fields gives the meta hash as field and value, one after the other. The key
// field stands beside the schema that has it too, for people with redis-cli.
func (m meta) fields() []string {
	return []string{
		"format", format,
		"epoch", m.Epoch,
		"term", strconv.FormatUint(m.Term, 10),
		"version", strconv.FormatUint(m.Version, 10),
		"chain", m.Chain.String(),
		"run", m.Run,
		"generation", strconv.FormatUint(m.Generation, 10),
		"count", strconv.Itoa(m.Count),
		"digest", m.Digest.String(),
		"next", strconv.FormatUint(m.Next, 10),
		"key", m.Schema.IDField,
		"schema", string(encodeSchema(m.Schema)),
		"source", m.Source,
		"loaded-at", m.LoadedAt.UTC().Format(time.RFC3339Nano),
	}
}

// advance gives only the fields that a commit of changes alters.
func (m meta) advance() []string {
	return []string{
		"term", strconv.FormatUint(m.Term, 10),
		"version", strconv.FormatUint(m.Version, 10),
		"chain", m.Chain.String(),
		"run", m.Run,
		"count", strconv.Itoa(m.Count),
		"digest", m.Digest.String(),
		"next", strconv.FormatUint(m.Next, 10),
	}
}

// parseMeta reads the values of metaFields; nil where the field is absent. A
// hash that does not exist gives the zero meta with the name.
func parseMeta(name string, values []*string) (meta, error) {
	m := meta{State: dataset.State{Name: name}}
	absent := true
	text := make(map[string]string, len(metaFields))
	for i, v := range values {
		if v != nil {
			absent = false
			text[metaFields[i]] = *v
		}
	}
	if absent {
		return m, nil
	}
	if f := text["format"]; f != format {
		return m, damaged(nil,
			fmt.Sprintf("the dataset %s is kept in format %q, which this version does not read", name, dataset.Excerpt(f)),
			"use the version of Landings that wrote it, or delete the key "+metaKey(name)+" and load the dataset again")
	}
	var err error
	fail := func(field string, cause error) {
		if cause != nil && err == nil {
			err = damaged(cause,
				fmt.Sprintf("the field %s of %s in Redis is damaged: %q", field, metaKey(name), dataset.Excerpt(text[field])),
				"restore the dump, or delete the key and load the dataset again")
		}
	}
	number := func(field string) uint64 {
		n, cause := strconv.ParseUint(text[field], 10, 64)
		fail(field, cause)
		return n
	}
	var cause error
	m.Epoch, m.Run, m.Source = text["epoch"], text["run"], text["source"]
	m.Term, m.Version, m.Generation, m.Next = number("term"), number("version"), number("generation"), number("next")
	m.Count = int(number("count"))
	m.Chain, cause = dataset.ParseChain(text["chain"])
	fail("chain", cause)
	m.Digest, cause = dataset.ParseDigest(text["digest"])
	fail("digest", cause)
	fail("schema", json.Unmarshal([]byte(text["schema"]), &m.Schema))
	m.LoadedAt, cause = time.Parse(time.RFC3339Nano, text["loaded-at"])
	fail("loaded-at", cause)
	return m, err
}
