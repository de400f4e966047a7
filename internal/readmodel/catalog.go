package readmodel

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"landings/internal/dataset"
	"landings/internal/encode"
)

// Catalog is all datasets of a node, by name. It is safe for concurrent use.
type Catalog struct {
	coder   *encode.Coder
	history History
	folds   sync.WaitGroup

	datasets atomic.Pointer[map[string]*Dataset] // replaced as a whole, never changed
	mu       sync.Mutex                          // held while datasets is replaced
}

// NewCatalog gives an empty catalog whose lists are coded by coder, and whose old
// versions are kept within [DefaultHistory].
func NewCatalog(coder *encode.Coder) *Catalog { return NewCatalogKeeping(coder, DefaultHistory()) }

// NewCatalogKeeping gives an empty catalog that keeps old versions of each dataset
// within bounds.
func NewCatalogKeeping(coder *encode.Coder, history History) *Catalog {
	c := &Catalog{coder: coder, history: history}
	c.datasets.Store(&map[string]*Dataset{})
	return c
}

// Dataset gives the dataset of a name. It is made, without content, when first
// asked for: asking is for those who will fill it, reading is [Catalog.Snapshot].
func (c *Catalog) Dataset(name string) *Dataset {
	if d := (*c.datasets.Load())[name]; d != nil {
		return d
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	old := *c.datasets.Load()
	if d := old[name]; d != nil {
		return d
	}
	next := make(map[string]*Dataset, len(old)+1)
	maps.Copy(next, old)
	d := newDataset(name, c.coder, c.history, &c.folds)
	next[name] = d
	c.datasets.Store(&next)
	return d
}

// Snapshot gives a dataset as it is now. It is never nil: where there is no such
// dataset, its State does not exist and it has no records.
func (c *Catalog) Snapshot(name string) *Snapshot {
	if d := (*c.datasets.Load())[name]; d != nil {
		return d.Snapshot()
	}
	return newSnapshot(dataset.State{Name: name}, directory{}, index{}, c.coder, &c.folds)
}

// Names gives the names of the datasets that exist, in alphabetical order.
func (c *Catalog) Names() []string {
	var names []string
	for name, d := range *c.datasets.Load() {
		if d.State().Exists() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Wait returns when no work goes on in the background. Whoever stops a node calls
// it after the last write.
func (c *Catalog) Wait() { c.folds.Wait() }
