// Package dataset is the domain: what a dataset, a record, a schema, a version
// and a commit are, and which errors every layer speaks of.
//
// It imports the standard library alone and knows nothing of HTTP, Redis or file
// formats. The unit that all layers share is the [Bucket]: the records of 256
// consecutive positions. One bucket is one hash in Redis, one chunk of the list
// that readers get, and the piece that a write replaces.
package dataset
