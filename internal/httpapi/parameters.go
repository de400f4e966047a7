package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"landings/internal/dataset"
	"landings/internal/ingest"
)

// checkParameters refuses query parameters that are not known, malformed or given
// twice: a misspelled one must not be ignored.
func checkParameters(r *http.Request, known []string) error {
	if r.URL.RawQuery == "" {
		return nil
	}
	remedy := "there are no parameters here"
	if len(known) > 0 {
		remedy = "the parameters are " + strings.Join(known, ", ")
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return &dataset.Error{Code: dataset.Invalid, Message: "the query is malformed", Remedy: "escape its values as addresses need it", Err: err}
	}
	var places []dataset.Place
	for name, v := range values {
		switch {
		case !slices.Contains(known, name):
			places = append(places, dataset.Place{Parameter: dataset.Excerpt(name), Detail: "there is no such parameter"})
		case len(v) > 1:
			places = append(places, dataset.Place{Parameter: name, Detail: "it is given more than once"})
		}
	}
	if places == nil {
		return nil
	}
	slices.SortFunc(places, func(a, b dataset.Place) int { return strings.Compare(a.Parameter, b.Parameter) })
	total := len(places)
	return &dataset.Error{
		Code:    dataset.Invalid,
		Message: fmt.Sprintf("the parameter \"%s\" cannot be used here: %s", places[0].Parameter, places[0].Detail),
		Remedy:  remedy,
		Places:  places[:min(total, 20)],
		Total:   total,
	}
}

// loadParameters are those of POST /data.
type loadParameters struct {
	skipBad *bool   // nil: as configured
	idField *string // nil: inferred; "": named by position
	format  string
}

func parseLoadParameters(r *http.Request) (loadParameters, error) {
	var p loadParameters
	q := r.URL.Query()
	switch v := q.Get("on_error"); v {
	case "":
	case "stop", "skip":
		skip := v == "skip"
		p.skipBad = &skip
	default:
		return p, badValue("on_error", v, "use stop or skip")
	}
	if q.Has("id_field") {
		v := q.Get("id_field")
		p.idField = &v
	}
	switch v := q.Get("format"); v {
	case "", "json", "ndjson", "csv", "geojson":
		p.format = v
	default:
		return p, badValue("format", v, "use json, ndjson, csv or geojson")
	}
	return p, nil
}

// apply gives options as a request wants them.
func (p loadParameters) apply(o ingest.Options) ingest.Options {
	if p.format != "" {
		o.Format = p.format
	}
	if p.idField != nil {
		o.IDField = p.idField
	}
	if p.skipBad != nil {
		o.SkipBad = *p.skipBad
	}
	return o
}

func badValue(parameter, value, remedy string) error {
	return &dataset.Error{
		Code:    dataset.Invalid,
		Message: fmt.Sprintf("\"%s\" is no value of %s", dataset.Excerpt(value), parameter),
		Remedy:  remedy,
		Places:  []dataset.Place{{Parameter: parameter, Detail: "unknown value"}},
	}
}
