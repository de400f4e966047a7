package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"landings/internal/dataset"
	"landings/internal/resp"
)

// Generations gives the loads of a dataset that are in Redis, the newest first,
// without those that are about to be deleted.
func (s *Store) Generations(ctx context.Context, name string) ([]dataset.Generation, error) {
	if err := dataset.CheckName(name); err != nil {
		return nil, err
	}
	k := s.existing(name)
	if k == nil || !k.published.Load().Exists() {
		return nil, notFound(name)
	}
	fields, err := s.shared(ctx, cmd("HGETALL", gensKey(name))).AsStrMap()
	if err != nil {
		return nil, s.explain(err)
	}
	here := k.published.Load()
	list := []dataset.Generation{}
	for field, text := range fields {
		number, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			continue // the counter
		}
		g, err := parseGeneration(text, nil)
		if err != nil {
			return nil, damaged(err, gensKey(name)+" in Redis is damaged: "+err.Error(), "load the dataset again")
		}
		found := dataset.Generation{Number: number, State: string(g.State), Records: g.Records}
		switch {
		case number == here.Generation:
			found.State, found.Records, found.Source, found.LoadedAt = string(live), here.Count, here.Source, here.LoadedAt
		case g.State == dead || g.State == live:
			continue // live, but no longer: a recovery left it for the collector
		case g.Kept != nil && !g.Kept.of(here.Epoch):
			continue // that dataset was deleted
		case g.Kept != nil:
			found.Source, found.LoadedAt = g.Kept.Source, g.Kept.LoadedAt
		}
		list = append(list, found)
	}
	slices.SortFunc(list, func(a, b dataset.Generation) int { return cmp.Compare(b.Number, a.Number) })
	return list, nil
}

// RollBack makes the content of a kept generation the dataset's: it is read, checked
// against its digest, written under a new number, and switched to by one commit. So
// what is live now becomes the newest of the kept ones.
func (s *Store) RollBack(ctx context.Context, name string, number uint64, check dataset.Check) (dataset.State, error) {
	if err := dataset.CheckName(name); err != nil {
		return dataset.State{}, err
	}
	unknown, err := s.unknown(ctx, name)
	if err != nil {
		return dataset.State{}, err
	}
	if unknown {
		return dataset.State{}, notFound(name)
	}
	// What other nodes made is not denied by one that lags.
	k := s.keeper(name)
	if _, err := k.submit(ctx, &request{decide: nothing}); err != nil {
		return dataset.State{}, err
	}
	of := k.published.Load()
	if !of.Exists() {
		return dataset.State{}, notFound(name)
	}
	load, err := s.readKept(ctx, name, number, of.Epoch)
	if err != nil {
		return dataset.State{}, err
	}
	return s.replace(ctx, name, load, s.prepare(name, load), nil, time.Now().Add(s.opts.WriteTimeout), func(current dataset.State) error {
		// It may have been deleted meanwhile.
		switch {
		case !current.Exists():
			return notFound(name)
		case current.Epoch != of.Epoch:
			return notKept(name, number)
		case check != nil:
			return check(current)
		}
		return nil
	})
}

func notKept(name string, number uint64) error {
	return &dataset.Error{
		Code:    dataset.NotFound,
		Message: fmt.Sprintf("the dataset %s has no earlier generation %d", name, number),
		Remedy:  "use one that is listed as kept: GET /collections/" + name + "/generations",
	}
}

// readKept reads a kept generation of a dataset's over one connection.
func (s *Store) readKept(ctx context.Context, name string, number uint64, epoch string) (dataset.Load, error) {
	w, err := s.open(ctx, gensKey(name))
	if err != nil {
		return dataset.Load{}, err
	}
	defer w.close()
	g, err := parseGeneration(w.do(ctx, cmd("HGET", gensKey(name), strconv.FormatUint(number, 10))).Text())
	if err != nil && !errors.Is(err, resp.ErrNil) {
		return dataset.Load{}, s.explain(err)
	}
	if err != nil || g.State != kept || g.Kept == nil || !g.Kept.of(epoch) {
		return dataset.Load{}, notKept(name, number)
	}
	records, err := w.readGeneration(ctx, name, number, g.Buckets)
	if err != nil {
		return dataset.Load{}, s.explain(err)
	}
	if records.Len() != g.Records || records.Digest().String() != g.Kept.Digest {
		return dataset.Load{}, &dataset.Error{
			Code:    dataset.Conflict,
			Message: fmt.Sprintf("generation %d of %s is no longer whole: it has %d of %d records", number, name, records.Len(), g.Records),
			Remedy:  "it was being deleted: list the generations again",
		}
	}
	return dataset.Load{Records: records, Schema: g.Kept.Schema, Source: g.Kept.Source}, nil
}
