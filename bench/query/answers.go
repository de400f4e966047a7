package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"landings/bench/rig"
)

// answers turns each peer's answer into one text, so that they can be compared.
type answers struct {
	byID map[string]*landing
}

func newAnswers(all []landing) *answers {
	a := &answers{byID: make(map[string]*landing, len(all))}
	for i := range all {
		a.byID[all[i].id] = &all[i]
	}
	return a
}

// rows writes ids as the shape wants them compared.
func (a *answers) rows(s shape, q *question, ids []string, matched int) (string, error) {
	switch s {
	case unordered:
		slices.Sort(ids)
		matched = len(ids)
	case byDistance:
		var far []string
		for _, id := range ids {
			l := a.byID[id]
			if l == nil || !l.placed() {
				return "", fmt.Errorf("the record %q has no place", id)
			}
			far = append(far, strconv.FormatFloat(distance(q.lon, q.lat, l.lon, l.lat), 'f', 0, 64))
		}
		return strings.Join(far, " "), nil
	}
	return fmt.Sprintf("%d: %s", matched, strings.Join(ids, " ")), nil
}

// distance is that along a sphere of the Earth's size, in metres.
func distance(lon1, lat1, lon2, lat2 float64) float64 {
	const rad, radius = math.Pi / 180, 6_371_008.8
	a, b := math.Sin((lat2-lat1)*rad/2), math.Sin((lon2-lon1)*rad/2)
	return 2 * radius * math.Asin(min(1, math.Sqrt(a*a+math.Cos(lat1*rad)*math.Cos(lat2*rad)*b*b)))
}

// landings gives what Landings answers.
func (a *answers) landings(ctx context.Context, base string, s shape, q *question) (string, error) {
	body, head, err := rig.DoHeader(ctx, "GET", base+q.path, "", nil)
	if err != nil {
		return "", err
	}
	if s == counts {
		var got struct {
			Matched int `json:"numberMatched"`
			Facets  []struct {
				Field  string `json:"field"`
				Values []struct {
					Count int `json:"count"`
				} `json:"values"`
			} `json:"facets"`
		}
		if err := json.Unmarshal(body, &got); err != nil {
			return "", err
		}
		var fields []string
		for _, f := range got.Facets {
			var list []string
			for _, v := range f.Values {
				list = append(list, strconv.Itoa(v.Count))
			}
			if list != nil {
				fields = append(fields, f.Field+" "+strings.Join(list, " "))
			}
		}
		slices.Sort(fields)
		if fields == nil {
			got.Matched = 0
		}
		return fmt.Sprintf("%d: %s", got.Matched, strings.Join(fields, ", ")), nil
	}
	type record struct {
		ID string `json:"id"`
	}
	var list []record
	if body[0] == '{' {
		list = make([]record, 1)
		err = json.Unmarshal(body, &list[0])
	} else {
		err = json.Unmarshal(body, &list)
	}
	if err != nil {
		return "", err
	}
	var ids []string
	for _, r := range list {
		ids = append(ids, r.ID)
	}
	matched := len(ids)
	if n := head.Get("Number-Matched"); n != "" && len(ids) > 0 {
		if matched, err = strconv.Atoi(n); err != nil {
			return "", err
		}
	}
	return a.rows(s, q, ids, matched)
}

// sql gives what the rows of a database mean.
func (a *answers) sql(rows []string, s shape, q *question) (string, error) {
	if s == counts {
		byField := map[string][]string{}
		total := "0"
		for _, row := range rows {
			cells := strings.Split(row, "\t")
			if len(cells) != 4 {
				return "", fmt.Errorf("the row %.200q has other than 4 columns", row)
			}
			byField[cells[0]] = append(byField[cells[0]], cells[2])
			total = cells[3]
		}
		var fields []string
		for name, list := range byField {
			fields = append(fields, name+" "+strings.Join(list, " "))
		}
		slices.Sort(fields)
		return total + ": " + strings.Join(fields, ", "), nil
	}
	var ids []string
	matched := 0
	for _, row := range rows {
		cells := strings.Split(row, "\t")
		if len(cells) != 3 {
			return "", fmt.Errorf("the row %.200q has other than 3 columns", row)
		}
		ids = append(ids, cells[0])
		var err error
		if matched, err = strconv.Atoi(cells[2]); err != nil {
			return "", err
		}
	}
	return a.rows(s, q, ids, matched)
}

// tile gives what a reply of Tile38 means: an object, or a cursor and a list of ids and objects.
func (a *answers) tile(reply any, s shape, q *question) (string, error) {
	list, ok := reply.([]any)
	if !ok { // GET
		return a.rows(s, q, []string{q.tile[len(q.tile)-1]}, 1)
	}
	var ids []string
	if len(list) == 2 {
		found, _ := list[1].([]any)
		for _, f := range found {
			pair, ok := f.([]any)
			if !ok || len(pair) == 0 {
				return "", fmt.Errorf("an answer of another shape: %.200v", f)
			}
			id, _ := pair[0].(string)
			ids = append(ids, id)
		}
	}
	return a.rows(s, q, ids, len(ids))
}

// alike says whether two answers are the same. Distances may differ by a metre, for the peers round in their own ways.
func alike(s shape, a, b string) bool {
	if s != byDistance || a == b {
		return a == b
	}
	as, bs := strings.Fields(a), strings.Fields(b)
	if len(as) != len(bs) {
		return false
	}
	for i := range as {
		x, _ := strconv.Atoi(as[i])
		y, _ := strconv.Atoi(bs[i])
		if x-y > 1 || y-x > 1 {
			return false
		}
	}
	return true
}
