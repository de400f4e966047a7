package httpapi

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"landings/internal/dataset"
	"landings/internal/readmodel"
)

// earlierLoad is a generation that another one took the place of.
type earlierLoad struct {
	state   dataset.State
	records dataset.Sequence
}

// memoryStore is a working store without Redis: it decides and applies under one
// lock.
type memoryStore struct {
	catalog *readmodel.Catalog
	keys    []string
	keysErr error // after the last key

	mu       sync.Mutex
	rejected map[string]dataset.Load
	earlier  map[string][]earlierLoad // by name, ascending
	epochs   int
	notReady error
	damaged  map[string]error
	age      time.Duration
	broken   error         // what every write fails with
	hold     chan struct{} // a Load waits for it
	begun    chan struct{} // what was begun waits for it
}

func newMemoryStore(c *readmodel.Catalog) *memoryStore {
	return &memoryStore{catalog: c, rejected: map[string]dataset.Load{}, earlier: map[string][]earlierLoad{}}
}

func (m *memoryStore) next(s dataset.State) dataset.State {
	if !s.Exists() {
		m.epochs++
		s.Epoch, s.Generation = fmt.Sprint("e", m.epochs), 1
	}
	s.Version++
	s.Chain = s.Chain.Next(s.Version, nil)
	return s
}

func (m *memoryStore) Update(_ context.Context, name, id string, decide dataset.Decide) (dataset.State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return dataset.State{}, m.broken
	}
	d := m.catalog.Dataset(name)
	s := d.State()
	s.Name = name
	current, exists := d.Lookup(id)
	edit, err := decide(current, exists)
	if err != nil {
		return dataset.State{}, err
	}
	switch {
	case edit.Delete:
		s = m.next(s)
		s.Count--
		d.Apply(s, []dataset.Change{{Delete: true, Record: current}})
	case edit.JSON != nil:
		s = m.next(s)
		s.Schema = s.Schema.With(s.Schema.Lacks(edit.Fields))
		r := dataset.Record{ID: id, Position: current.Position, JSON: edit.JSON}
		if !exists {
			r.Position = s.Next
			s.Next++
			s.Count++
		}
		d.Apply(s, []dataset.Change{{Record: r}})
	}
	return s, nil
}

func (m *memoryStore) Begin(name, id string, decide dataset.Decide, done func(dataset.State, error)) {
	m.mu.Lock()
	begun := m.begun
	m.mu.Unlock()
	go func() {
		if begun != nil {
			<-begun
		}
		done(m.Update(context.Background(), name, id, decide))
	}()
}

func (m *memoryStore) Load(ctx context.Context, name string, read dataset.Read, check dataset.Check) (dataset.State, error) {
	load, err := read(func(func() *dataset.Bucket) {})
	if err != nil {
		return dataset.State{}, err
	}
	m.mu.Lock()
	hold := m.hold
	m.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return dataset.State{}, ctx.Err()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return dataset.State{}, m.broken
	}
	d := m.catalog.Dataset(name)
	s := d.State()
	if check != nil {
		if err := check(s); err != nil {
			return dataset.State{}, err
		}
	}
	if s.Exists() {
		m.earlier[name] = append(m.earlier[name], earlierLoad{s, d.Records()})
	}
	s = m.next(s)
	s.Name, s.Count, s.Digest = name, load.Records.Len(), load.Records.Digest()
	s.Next, s.Schema = load.Records.Next(), load.Schema
	s.Generation++
	s.Source, s.LoadedAt = load.Source, time.Now()
	d.Replace(s, load.Records)
	m.rejected[name] = load
	return s, nil
}

func (m *memoryStore) Drop(_ context.Context, name string, check dataset.Check) (dataset.State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return dataset.State{}, m.broken
	}
	d := m.catalog.Dataset(name)
	before := d.State()
	if !before.Exists() {
		return dataset.State{}, &dataset.Error{Code: dataset.NotFound, Message: "there is no dataset " + name}
	}
	if check != nil {
		if err := check(before); err != nil {
			return dataset.State{}, err
		}
	}
	d.Clear(dataset.State{Name: name})
	return before, nil
}

func (m *memoryStore) Rejected(_ context.Context, name string) ([]dataset.Rejection, int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	load, ok := m.rejected[name]
	if !ok {
		return nil, 0, &dataset.Error{Code: dataset.NotFound, Message: "there is no dataset " + name}
	}
	return load.Rejected, load.RejectedTotal, nil
}

func (m *memoryStore) Generations(_ context.Context, name string) ([]dataset.Generation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.catalog.Dataset(name).State()
	if !s.Exists() {
		return nil, &dataset.Error{Code: dataset.NotFound, Message: "there is no dataset " + name}
	}
	list := []dataset.Generation{{Number: s.Generation, State: "live", Records: s.Count, Source: s.Source, LoadedAt: s.LoadedAt}}
	for _, e := range slices.Backward(m.earlier[name]) {
		list = append(list, dataset.Generation{Number: e.state.Generation, State: "kept", Records: e.state.Count, Source: e.state.Source, LoadedAt: e.state.LoadedAt})
	}
	return list, nil
}

func (m *memoryStore) RollBack(ctx context.Context, name string, number uint64, check dataset.Check) (dataset.State, error) {
	m.mu.Lock()
	at := slices.IndexFunc(m.earlier[name], func(e earlierLoad) bool { return e.state.Generation == number })
	if at < 0 {
		m.mu.Unlock()
		return dataset.State{}, &dataset.Error{Code: dataset.NotFound, Message: "there is no such generation"}
	}
	e := m.earlier[name][at]
	m.mu.Unlock()
	return m.Load(ctx, name, func(dataset.Ahead) (dataset.Load, error) {
		return dataset.Load{Records: e.records, Schema: e.state.Schema, Source: e.state.Source}, nil
	}, check)
}

func (m *memoryStore) Keys(context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, k := range m.keys {
			if !yield(k, nil) {
				return
			}
		}
		if m.keysErr != nil {
			yield("", m.keysErr)
		}
	}
}

func (m *memoryStore) Reach(ctx context.Context, name string, version uint64) error {
	if version == dataset.Latest {
		return ctx.Err()
	}
	if m.catalog.Snapshot(name).State().Version < version {
		return &dataset.Error{Code: dataset.Unavailable, Message: "not there yet"}
	}
	return nil
}

// The store stands for one of three nodes, of which one does not follow; Redis has no
// replica and syncs always.
func (m *memoryStore) Promise(_ context.Context, _ string, ack dataset.Ack) error {
	if ack.Level == dataset.AckReplicas || ack.Level == dataset.AckNodes && ack.N > 2 {
		return &dataset.Error{Code: dataset.Unavailable, Message: "ack=" + ack.String() + " cannot be promised"}
	}
	return nil
}

func (m *memoryStore) Confirm(_ context.Context, at dataset.State, ack dataset.Ack) (dataset.Ack, error) {
	if ack.N > 1 {
		return dataset.Ack{Level: ack.Level, N: 1}, &dataset.Error{Code: dataset.NotConfirmed, Message: fmt.Sprintf("version %d was committed, but ack=%s was not reached", at.Version, ack)}
	}
	return ack, nil
}

func (m *memoryStore) Missing(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.damaged[name]
}

func (m *memoryStore) Damaged() map[string]error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.damaged)
}

func (m *memoryStore) Age() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.age
}

func (m *memoryStore) Ready(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.notReady
}

// set changes the store while the server runs.
func (m *memoryStore) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}
