package query

import (
	"encoding/json"

	"landings/internal/cql2"
	"landings/internal/dataset"
)

// Where says which records are meant: those for which all of its parts hold. The
// zero Where means all records.
type Where struct {
	Filter cql2.Expr // nil: no filter
	Search string    // words and substrings, all of which occur in the record's texts without regard to case and accents; empty: no search
	Near   *Near     // nil: wherever they are
}

// Near is a place, and how far from it records may be. Records without a place are
// not near any.
type Near struct {
	Lon, Lat float64 // degrees, WGS 84
	Radius   float64 // metres along the sphere; infinite: however far
}

// Query asks for records in an order, a page at a time.
type Query struct {
	Where
	SortBy  []Key   // empty: by distance where Near is set, else by position. Ties are broken by position
	Limit   int     // the most records to give; 0: none, for who wants the count alone
	After   *uint64 // the position of the record after which the page begins, in this order and this snapshot; nil: at the first
	Explain bool    // tell the plan

	Room []dataset.Record // for those of the page, which may be elsewhere where there are more; nil: none
}

// Key is one field to sort by. Records without a value, or with one that does not
// fit the field's type, come last in either direction.
type Key struct {
	Field      string
	Descending bool
}

// Page is the answer to a [Query].
type Page struct {
	Records   []dataset.Record // parts of the snapshot, not to be modified
	Distances []float64        // metres, one for each record where Near is set; else nil
	Matched   int              // how many records there are in all pages together, exactly
	More      bool             // there are records after the last of this page
	Plan      *Plan            // where it was asked for
}

// Plan tells how a query was answered.
type Plan struct {
	Steps   []Step `json:"steps"`
	Scanned int    `json:"scanned"` // records that were looked at one by one
}

// Step is one step of a plan.
type Step struct {
	Does string `json:"does"`           // such as "postings of class", "range of year", "R-tree", "each record"
	Rows int    `json:"rows,omitempty"` // how many rows it left
}

// Facets asks how often each value of some fields occurs among the records meant.
type Facets struct {
	Where
	Fields []string
	Limit  int // the most values to give for each field, the most frequent first, ties in order of value
}

// Facet is the answer for one field.
type Facet struct {
	Field    string  `json:"field"`
	Values   []Count `json:"values"`
	Distinct int     `json:"distinct"` // different values, whether given or not
	Missing  int     `json:"missing"`  // records without a value: member absent, null or an empty text
	Other    int     `json:"other"`    // records whose value is not among those given
}

// Count is how often a value occurs.
type Count struct {
	Value json.RawMessage `json:"value"` // a JSON scalar: of a number or integer field a number, of the others a string or boolean
	Count int             `json:"count"`
}

// Histogram asks how the values of a number, integer or time field spread.
type Histogram struct {
	Where
	Field string
	Bins  int // at most so many, of equal width, with round borders
}

// Bins is the answer to a [Histogram].
type Bins struct {
	Field   string `json:"field"`
	Borders []any  `json:"borders"` // ascending, one more than counts; numbers, or RFC 3339 texts of a time field. A bin holds its lower border, the last one both
	Counts  []int  `json:"counts"`
	Missing int    `json:"missing"` // records without a value that fits
}

// Summary asks for figures of fields, over all records meant or group by group.
type Summary struct {
	Where
	Fields    []string  // of any type; what does not apply to one is left out of its figures
	By        []string  // group by the values of these fields; empty: one group
	Quantiles []float64 // each within 0 and 1
	Limit     int       // the most groups to give, the largest first, ties in order of value
}

// Group is the figures of one group of records.
type Group struct {
	By      []json.RawMessage `json:"by,omitempty"` // its values, in the order of [Summary.By]; null: missing
	Records int               `json:"records"`
	Fields  []Figures         `json:"fields"`
}

// Figures describes the values of one field.
type Figures struct {
	Field     string    `json:"field"`
	Count     int       `json:"count"`         // records with a value that fits the field's type
	Missing   int       `json:"missing"`       // member absent, null or an empty text
	Misfits   int       `json:"misfits"`       // a value that does not fit the field's type
	Min       any       `json:"min,omitempty"` // numbers, or texts of text and time fields
	Max       any       `json:"max,omitempty"`
	Mean      *float64  `json:"mean,omitempty"` // of number and integer fields
	Sum       *float64  `json:"sum,omitempty"`
	Quantiles []float64 `json:"quantiles,omitempty"` // in the order asked for, interpolated linearly between neighbours (type 7 of Hyndman and Fan)
}
