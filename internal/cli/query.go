package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"landings/internal/dataset"
)

type queryCommand struct {
	nodeFlags
	Filter     string `arg:"" optional:"" help:"Which records, in CQL2: recclass = 'L6' AND year > 1990. All when left out."`
	SortBy     string `name:"sortby" help:"Fields to sort by, with commas between them; - before one for descending." placeholder:"FIELDS"`
	Limit      int    `help:"The most records to give; -1 for all, up to a million." default:"-1" placeholder:"N"`
	Properties string `help:"Fields to give, with commas between them; all when empty." placeholder:"FIELDS"`
	Search     string `short:"q" help:"Words and parts of words that occur in the records." placeholder:"WORDS"`
	BBox       string `name:"bbox" help:"Records within a box, in degrees." placeholder:"WEST,SOUTH,EAST,NORTH"`
	Datetime   string `help:"Records of a time: 1990, 1990-05-01, 1990/.." placeholder:"TIME"`
	Near       string `help:"Records near a place, the nearest first." placeholder:"LON,LAT"`
	Radius     string `help:"How far from --near, in metres." placeholder:"METRES"`
	Version    string `help:"As of a version, while it is kept." placeholder:"N"`
	Format     string `help:"json, geojson, ndjson, geojson-seq or csv." enum:"json,geojson,ndjson,geojson-seq,csv" default:"json"`
	Count      bool   `help:"Print only how many records there are."`
	Explain    bool   `help:"Print how the node answers, in place of the records."`
}

// maxAddress is how long an address is before the query goes into a body, in bytes.
const maxAddress = 8000

// Run asks a node and prints what it answers.
func (c *queryCommand) Run(e *env) error {
	v := url.Values{}
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	set("filter", c.Filter)
	set("sortby", c.SortBy)
	set("properties", c.Properties)
	set("q", c.Search)
	set("bbox", c.BBox)
	set("datetime", c.Datetime)
	set("near", c.Near)
	set("radius", c.Radius)
	set("version", c.Version)
	v.Set("f", c.Format)
	switch {
	case c.Count:
		v.Set("limit", "0")
	case c.Limit >= 0:
		v.Set("limit", strconv.Itoa(c.Limit))
	case c.Limit < -1:
		return &dataset.Error{Code: dataset.Invalid, Message: "--limit is negative", Remedy: "give a number of records, or leave it out for all"}
	case c.Dataset != "":
		v.Set("limit", "1000000")
	}
	if c.Explain {
		v.Set("explain", "true")
	}
	path := c.list()
	if c.Dataset != "" {
		path += "/items"
	}
	var answer *http.Response
	var err error
	if q := v.Encode(); len(q) <= maxAddress {
		answer, err = c.do(e.ctx, http.MethodGet, path+"?"+q, nil, nil)
	} else {
		answer, err = c.do(e.ctx, "QUERY", path, strings.NewReader(q), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
	}
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if c.Count && !c.Explain {
		_, err := fmt.Fprintln(e.stdout, answer.Header.Get("Number-Matched"))
		return err
	}
	if _, err := io.Copy(e.stdout, answer.Body); err != nil {
		return &dataset.Error{Code: dataset.Unavailable, Message: "the answer broke off: " + err.Error(), Remedy: "try again", Err: err}
	}
	if c.Format == "json" || c.Format == "geojson" {
		if _, err := fmt.Fprintln(e.stdout); err != nil {
			return err
		}
	}
	if given, all := answer.Header.Get("Number-Returned"), answer.Header.Get("Number-Matched"); given != all {
		fmt.Fprintf(e.stderr, "%s of %s records\n", given, all)
	}
	return nil
}
