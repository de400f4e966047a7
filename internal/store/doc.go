// Package store keeps datasets in Redis: the truth that all nodes share. It is
// the only package that speaks to Redis; DESIGN.md beside it explains the
// protocol and what each rule prevents.
//
// A [Store] has one keeper for each dataset: a goroutine that owns the
// connection on which that dataset's commits are made, the queue of writes and
// the node's own copy, a [Replica]. Everything that decides about a dataset
// happens in its keeper, one thing after the other, so nothing here needs a lock
// around Redis.
//
// It may not know of HTTP or file formats, nor how the copy that readers see is
// built: that is behind Replica.
package store
