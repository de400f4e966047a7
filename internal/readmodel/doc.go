// Package readmodel is the node's picture of the datasets in memory, from which
// every read is answered.
//
// A [Snapshot] is one dataset at one version. It never changes; a write makes the
// next one, which shares all but a few pages with it, and one atomic pointer
// switches readers over. A request takes a snapshot at its start and answers from
// it alone: no locks, no torn pages.
//
// The package knows memory alone: it never waits for Redis, and knows neither
// HTTP nor how datasets are stored. Queries over a snapshot (filters, order,
// facets) are planned here, over the columns of package columns and what changed
// since those were made; old versions and results that are asked for again are
// kept here too.
package readmodel
