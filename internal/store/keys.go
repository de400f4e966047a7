package store

import (
	"strconv"
	"strings"
)

// The keys of a dataset share a hash tag, so that in a cluster they live in one
// slot and one transaction can change them together.
const (
	datasetsKey = "landings:datasets" // set of names
	nodesKey    = "landings:nodes"    // set: names of the nodes that have not said goodbye
)

func metaKey(name string) string    { return "landings:{" + name + "}:meta" }
func gensKey(name string) string    { return "landings:{" + name + "}:gens" }
func changesKey(name string) string { return "landings:{" + name + "}:changes" }

// besideKey names a stream that a recovery writes beside the one that it will replace.
func besideKey(name, token string) string { return changesKey(name) + ":" + token }

// probe gives a command that writes nothing, to a key of the dataset that is never there, but is
// refused where writes are.
func probe(name string) command { return cmd("SETRANGE", "landings:{"+name+"}:probe", "0", "") }

// nameIn gives the dataset whose key this is; "": that of none.
func nameIn(key string) string {
	_, rest, _ := strings.Cut(key, "{")
	name, _, _ := strings.Cut(rest, "}")
	return name
}

func recoverKey(name, run string) string { return "landings:{" + name + "}:recover:" + run }

func generationPrefix(name string, generation uint64) string {
	return "landings:{" + name + "}:g" + strconv.FormatUint(generation, 10) + ":"
}

func bucketKey(name string, generation, bucket uint64) string {
	return generationPrefix(name, generation) + strconv.FormatUint(bucket, 10)
}

func rejectedKey(name string, generation uint64) string {
	return generationPrefix(name, generation) + "rejected"
}

// barrierKey is what a node writes before it asks whether a disk or replicas have what
// was written before. It vanishes by itself.
func barrierKey(name, node string) string { return "landings:{" + name + "}:ack:" + node }

// database is the number of a database in Redis. Keys are the database's own; channels
// are one for all of them, so that their names tell it, where it is not 0. In a cluster,
// whose slots go by names, it is always 0.
type database int

func (d database) channel(name string) string {
	if d == 0 {
		return name
	}
	return name + ":" + strconv.Itoa(int(d))
}

// nodesTopic is the sharded channel on which is told which nodes are alive and which
// datasets are new.
func (d database) nodesTopic() string { return d.channel("landings:nodes") }

// topic is the sharded channel on which a dataset's commits are announced.
func (d database) topic(name string) string { return d.channel("landings:{" + name + "}:commits") }

// nameOf gives the dataset whose topic a channel is; "": it is none.
func (d database) nameOf(channel string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(channel, "landings:{"), "}")
	if channel != d.topic(name) {
		return ""
	}
	return name
}
