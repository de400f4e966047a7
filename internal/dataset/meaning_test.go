package dataset_test

import (
	"math"
	"testing"
	"time"

	"landings/internal/dataset"
)

func TestParseNumbers(t *testing.T) {
	for text, want := range map[string]float64{
		"0": 0, "-0": 0, "21": 21, "+21": 21, "21.0": 21, ".5": .5, "5.": 5, "-0.25": -.25, "1e3": 1000, "1.5E-1": .15,
		"1e400": math.Inf(1), "-1e400": math.Inf(-1),
	} {
		if got, ok := dataset.ParseNumber([]byte(text)); !ok || got != want {
			t.Errorf("%s: %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "-", ".", "e3", "1e", "1e+", "007", "00.5", " 1", "1 ", "1,000", "NaN", "inf", "0x10", "1_000", "--1", "1.2.3"} {
		if got, ok := dataset.ParseNumber([]byte(text)); ok {
			t.Errorf("%q is %v", text, got)
		}
	}
	for text, want := range map[string]int64{"0": 0, "-7": -7, "9223372036854775807": math.MaxInt64, "-9223372036854775808": math.MinInt64, "999999999999999999": 999999999999999999} {
		if got, ok := dataset.ParseInteger([]byte(text)); !ok || got != want {
			t.Errorf("%s: %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "-", "-0", "01", "1.0", "9223372036854775808", "12345678901234567890", "+1", "1e3"} {
		if got, ok := dataset.ParseInteger([]byte(text)); ok {
			t.Errorf("%q is %v", text, got)
		}
	}
	for text, want := range map[string]int64{"0860": 860, "1880": 1880, "-44": -44} {
		if got, ok := dataset.ParseYear([]byte(text)); !ok || got != want {
			t.Errorf("%s: %v, %v", text, got, ok)
		}
	}
	if _, ok := dataset.ParseYear([]byte("08x0")); ok {
		t.Error("08x0 is a year")
	}
}

func TestParsePoint(t *testing.T) {
	for text, want := range map[string][2]float64{
		"(50.775, 6.08333)": {50.775, 6.08333}, "(-1.94617, 354.47333)": {-1.94617, 354.47333}, "(0,0)": {0, 0},
		"( 90 , -360 )": {90, -360}, "(9e1,1)": {90, 1},
	} {
		lat, lon, ok := dataset.ParsePoint([]byte(text))
		if !ok || lat != want[0] || lon != want[1] || !dataset.IsPoint([]byte(text)) {
			t.Errorf("%s: %v, %v, %v", text, lat, lon, ok)
		}
	}
	for _, text := range []string{"", "()", "(1)", "(1,)", "(1,2", "1,2", "(90.1, 1)", "(1, 361)", "(1,2,3)", "(a, b)", "(9e9,1)"} {
		if _, _, ok := dataset.ParsePoint([]byte(text)); ok || dataset.IsPoint([]byte(text)) {
			t.Errorf("%q is a point", text)
		}
	}
}

func TestParseTime(t *testing.T) {
	for text, want := range map[string]string{
		"2020-02-29":                    "2020-02-29T00:00:00Z",
		"0860-01-01":                    "0860-01-01T00:00:00Z",
		"2020-01-02T03:04:05Z":          "2020-01-02T03:04:05Z",
		"2020-01-02t03:04:05.25z":       "2020-01-02T03:04:05.25Z",
		"2020-01-02 03:04":              "2020-01-02T03:04:00Z",
		"2020-01-02T03:04:05.000":       "2020-01-02T03:04:05Z",
		"2020-01-02T03:04:05.123456789": "2020-01-02T03:04:05.123456789Z",
		"2020-01-02T00:04:05+01:30":     "2020-01-01T22:34:05Z",
		"2016-12-31T23:59:60Z":          "2017-01-01T00:00:00Z",
		"01/02/1880 12:00:00 AM":        "1880-01-02T00:00:00Z",
		"12/31/1999 12:59:58 PM":        "1999-12-31T12:59:58Z",
		"12/31/1999 11:59:58 PM":        "1999-12-31T23:59:58Z",
	} {
		got, ok := dataset.ParseTime([]byte(text))
		if !ok || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%s: %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "1880", "2021-02-29", "1900-02-29", "2020-13-01", "2020-00-01", "2020-01-00", "2020-04-31", "20-01-01", "2020-1-1",
		"2020-01-02T", "2020-01-02T24:00:00Z", "2020-01-02T03:60", "2020-01-02T03:04:61Z", "2020-01-02T03:04:05.", "2020-01-02T03:04:05.Z",
		"2020-01-02T03:04:05+0100", "2020-01-02T03:04:05 Z", "13/01/1880 12:00:00 AM", "01/01/1880 00:00:00 AM", "01/01/1880 13:00:00 PM", "01/01/1880 12:00:00 XM", "01/01/1880"} {
		if got, ok := dataset.ParseTime([]byte(text)); ok {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestParseBoolean(t *testing.T) {
	for text, want := range map[string]bool{"true": true, "TRUE": true, "False": false, "false": false} {
		if got, ok := dataset.ParseBoolean([]byte(text)); !ok || got != want {
			t.Error(text, got, ok)
		}
	}
	for _, text := range []string{"", "yes", "1", "tRUE"} {
		if _, ok := dataset.ParseBoolean([]byte(text)); ok {
			t.Error(text)
		}
	}
}

func TestAssembleBucket(t *testing.T) {
	records := []dataset.Record{{ID: "a", Position: 512, JSON: []byte(`{"id":"a"}`)}, {ID: "bc", Position: 513, JSON: []byte(`{"long":"` + string(make([]byte, 3000)) + `"}`)}}
	want := dataset.NewBucket(2, records)
	text := want.Text()
	got := dataset.AssembleBucket(2, text, []uint32{10, uint32(len(text))}, "abc", []uint32{1, 3})
	if got.Digest() != want.Digest() || got.Len() != 2 || got.At(1).ID != "bc" || got.At(1).Position != 513 || string(got.At(1).JSON) != string(records[1].JSON) {
		t.Error(got.At(0), got.Digest(), want.Digest())
	}
	if n := testing.AllocsPerRun(10, func() { records[0].Hash() }); n != 0 {
		t.Errorf("a record's hash allocates %v times", n)
	}
}
