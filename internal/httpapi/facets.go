package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"landings/internal/dataset"
	"landings/internal/encode"
	"landings/internal/query"
	"landings/internal/readmodel"
)

const (
	facetLimit   = 20   // values of a facet where no limit is given
	groupLimit   = 100  // groups of a summary where no limit is given
	maxFacets    = 1000 // values or groups at most
	defaultBins  = 20
	facetDefault = 8 // facets where no field is named: those of the first fields that suit
)

// facets is the answer to GET /collections/{c}/facets.
type facets struct {
	Matched    int           `json:"numberMatched"`
	Facets     []query.Facet `json:"facets"`
	Histograms []query.Bins  `json:"histograms,omitempty"`
}

// summary is the answer to GET /collections/{c}/summary.
type summary struct {
	Matched   int           `json:"numberMatched"`
	By        []string      `json:"by,omitempty"`
	Quantiles []float64     `json:"quantiles,omitempty"`
	Groups    []query.Group `json:"groups"`
}

// getFacets answers with how often values occur among the records meant.
func (a *API) getFacets(w http.ResponseWriter, r *http.Request) error {
	return a.figures(w, r, facetsWords, facetsOf)
}

func facetsOf(ctx context.Context, s *readmodel.Snapshot, q *question) (any, error) {
	got := facets{Facets: []query.Facet{}}
	var err error
	schema := s.State().Schema
	fields := q.facets
	if fields == nil && q.histogram == nil {
		for _, f := range schema.Fields {
			if len(fields) < facetDefault && (f.Type == dataset.Text || f.Type == dataset.Boolean) && f.Name != schema.IDField {
				fields = append(fields, f.Name)
			}
		}
	}
	if fields != nil || q.histogram == nil {
		if got.Matched, got.Facets, err = s.Facets(ctx, query.Facets{Where: q.query.Where, Fields: fields, Limit: limitOr(q, facetLimit)}); err != nil {
			return nil, err
		}
	}
	for _, name := range q.histogram {
		bins := q.bins
		if bins == 0 {
			bins = defaultBins
		}
		h, err := s.Histogram(ctx, query.Histogram{Where: q.query.Where, Field: name, Bins: bins})
		if err != nil {
			return nil, err
		}
		got.Histograms = append(got.Histograms, h)
		got.Matched = h.Missing
		for _, n := range h.Counts {
			got.Matched += n
		}
	}
	return got, nil
}

// getSummary answers with figures of the records meant, group by group.
func (a *API) getSummary(w http.ResponseWriter, r *http.Request) error {
	return a.figures(w, r, summaryWords, a.summaryOf)
}

func (a *API) summaryOf(ctx context.Context, s *readmodel.Snapshot, q *question) (any, error) {
	fields := q.facets
	if fields == nil {
		for _, f := range s.State().Schema.Fields {
			if len(fields) < a.limits.Fields {
				fields = append(fields, f.Name)
			}
		}
	}
	matched, groups, err := s.Summary(ctx, query.Summary{Where: q.query.Where, Fields: fields, By: q.by, Quantiles: q.quantiles, Limit: limitOr(q, groupLimit)})
	if err != nil {
		return nil, err
	}
	return summary{Matched: matched, By: q.by, Quantiles: q.quantiles, Groups: groups}, nil
}

func limitOr(q *question, usual int) int {
	if q.query.Limit < 0 {
		return usual
	}
	return min(q.query.Limit, maxFacets)
}

// figuring answers a question with what becomes one JSON object.
type figuring func(context.Context, *readmodel.Snapshot, *question) (any, error)

// figure is such a question, understood.
type figure struct {
	*question
	desk     *desk
	snapshot *readmodel.Snapshot
	coding   encode.Coding
	key      []byte
	answer   figuring
	brief    bool // the answer is the asker's alone, unless it is kept
}

func (a *API) figure(d *desk, c *collection, pairs []parameter, known wordSet, acceptEncoding []string, answer figuring) (*figure, error) {
	s, err := c.at(pairs)
	if err != nil {
		return nil, err
	}
	d.state = s.State()
	f := &d.figure
	*f = figure{desk: d, snapshot: s, answer: answer}
	if f.question, err = d.asker.ask(pairs, &d.state.Schema, known, &a.limits); err != nil {
		return nil, err
	}
	if err := f.checkHistogram(&d.state.Schema); err != nil {
		return nil, err
	}
	if f.coding, err = negotiate(acceptEncoding); err != nil {
		return nil, err
	}
	b := strconv.AppendUint(d.key, uint64(known), 16)
	b = append(b, ' ')
	f.key = f.question.key(b, encode.JSON)
	d.key = f.key
	return f, nil
}

// find answers the question.
func (f *figure) find(ctx context.Context) (any, int64, error) {
	got, err := f.answer(ctx, f.snapshot, f.question)
	if err != nil {
		return nil, 0, err
	}
	body := appendJSON(bodyOf(0, f.brief), got)
	out := &found{}
	if f.coding != encode.Identity && len(body) >= codedFrom {
		out.coding = f.coding
		body = encode.Whole(f.coding, body)
	}
	out.body, out.length = body, []string{strconv.Itoa(len(body))}
	return out, int64(cap(body)) + 512, nil
}

// figures answers a question whose answer is one JSON object.
func (a *API) figures(w http.ResponseWriter, r *http.Request, known wordSet, answer figuring) error {
	w.Header()["Vary"] = varyEncoding
	c, err := a.collection(r)
	if err != nil {
		return err
	}
	d := newDesk()
	defer d.release()
	pairs, err := a.questionPairs(w, r, d.room[:0])
	if err != nil {
		return err
	}
	f, err := a.figure(d, c, pairs, known, r.Header["Accept-Encoding"], answer)
	if err != nil {
		return err
	}
	value, done, err := a.known(w, r, d, f.key, f.coding, typeJSON, f.find)
	if done || err != nil {
		return err
	}
	a.sendFound(w, r, value.(*found))
	return nil
}

// checkHistogram says whether the fields of a histogram have numbers or times.
func (q *question) checkHistogram(schema *dataset.Schema) error {
	for _, name := range q.histogram {
		for _, f := range schema.Fields {
			if f.Name == name && f.Type != dataset.Number && f.Type != dataset.Integer && f.Type != dataset.Time {
				return bad(wordHistogram, 0, "the field \""+dataset.Excerpt(name)+"\" is of type "+string(f.Type), "name fields of type number, integer or time; for others use fields")
			}
		}
	}
	return nil
}
