package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// landing is a record as questions are made from it and answers checked by it.
type landing struct {
	name, id, nametype, class, fall string
	mass                            float64 // grams; NaN: missing
	year                            int     // noYear: missing
	lon, lat                        float64 // degrees; NaN: no place
}

const noYear = math.MinInt32

func (l *landing) placed() bool { return !math.IsNaN(l.lon) }

// columns are those of NASA's table and of `landings sample`.
var columns = []string{"name", "id", "nametype", "recclass", "mass (g)", "fall", "year", "reclat", "reclong", "GeoLocation"}

// readLandings reads a table with NASA's columns. each, where it is not nil, gets every record as a JSON object.
func readLandings(in io.Reader, each func(l *landing, record []byte) error) ([]landing, error) {
	r := csv.NewReader(in)
	r.ReuseRecord = true
	head, err := r.Read()
	if err != nil {
		return nil, err
	}
	if !slices.Equal(head, columns) {
		return nil, fmt.Errorf("the columns are %q, not %q", head, columns)
	}
	same := map[string]string{} // one copy of a class
	var all []landing
	var record []byte
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		for _, i := range []int{2, 3, 5} {
			if _, ok := same[row[i]]; !ok {
				same[strings.Clone(row[i])] = strings.Clone(row[i])
			}
		}
		l := landing{name: strings.Clone(row[0]), id: strings.Clone(row[1]), nametype: same[row[2]], class: same[row[3]], fall: same[row[5]],
			mass: math.NaN(), year: noYear, lon: math.NaN(), lat: math.NaN()}
		if row[4] != "" {
			if l.mass, err = strconv.ParseFloat(row[4], 64); err != nil {
				return nil, err
			}
		}
		if row[6] != "" {
			if l.year, err = strconv.Atoi(row[6]); err != nil {
				return nil, err
			}
		}
		if row[9] != "" {
			if _, err := fmt.Sscanf(row[9], "(%g, %g)", &l.lat, &l.lon); err != nil {
				return nil, fmt.Errorf("%q: %w", row[9], err)
			}
			if l.lon > 180 {
				l.lon -= 360
			}
		}
		all = append(all, l)
		if each != nil {
			if record, err = appendRecord(record[:0], row); err != nil {
				return nil, err
			}
			if err := each(&l, record); err != nil {
				return nil, err
			}
		}
	}
}

func appendRecord(dst []byte, row []string) ([]byte, error) {
	for i, cell := range row {
		dst = append(dst, "{,"[min(i, 1)])
		value, err := json.Marshal(cell)
		if err != nil {
			return nil, err
		}
		dst = append(dst, `"`+columns[i]+`":`...)
		dst = append(dst, value...)
	}
	return append(dst, '}'), nil
}

// input is the table in the forms that the peers take.
type input struct {
	all     []landing
	records [][]byte // JSON objects, in the same order
	list    []byte   // JSON
}

func readInput(path string) (*input, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w; name another table with -data", err)
	}
	defer file.Close()
	in := &input{}
	if in.all, err = readLandings(file, func(_ *landing, record []byte) error {
		in.records = append(in.records, bytes.Clone(record))
		return nil
	}); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(in.all) == 0 {
		return nil, fmt.Errorf("%s has no records", path)
	}
	in.list = append(append([]byte{'['}, bytes.Join(in.records, []byte(",\n"))...), ']')
	return in, nil
}
