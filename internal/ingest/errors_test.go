package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"landings/internal/dataset"
)

func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	w.Close()
	return b.String()
}

func zstded(text string) string {
	w, _ := zstd.NewWriter(nil)
	return string(w.EncodeAll([]byte(text), nil))
}

const (
	fix      = "correct what is listed, or load the others with on_error=skip"
	skip     = ", or load the others with on_error=skip"
	fixIDs   = `correct these; or set id_field to another field, or to "" so that records are named by their position; or load the others with on_error=skip`
	afterEnd = "there are bytes after the end of the gzip data; cut them off, or look whether two files became one"
	mercator = `{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::3857"}}`
	degrees  = "the GeoJSON's coordinates are not longitudes and latitudes in degrees; convert them with ogr2ogr -t_srs EPSG:4326, as RFC 7946 wants them; or take the member crs out if they are in degrees after all"
	wrap     = `send a list of objects, or an object with one list of them, such as {"records": [...]}; for one object a line say the format ndjson`
	header   = "the first row must give each column a name of its own, separated by commas"
	rowless  = "send the rows with it; to load no records, say the format: format=csv, --format csv or the type text/csv"
	curl     = "where curl sent a file, say --data-binary @FILE: -d joins its lines to one"
	send     = "send json, ndjson, csv or geojson, in UTF-8, plain or compressed with gzip or zstd"
)

func TestErrors(t *testing.T) {
	deep := strings.Repeat("[", 64) + strings.Repeat("]", 64)
	long := strings.Repeat("x", 1<<20)
	many := make([]string, 1001)
	for i := range many {
		many[i] = fmt.Sprintf(`"f%d":1`, i)
	}
	for _, tt := range []struct {
		name, in string
		o        Options
		code     dataset.Code
		want     string
	}{
		// What is no list of records.
		{"nothing", "", Options{}, dataset.Invalid, "the input is empty; an empty list, [], loads no records"},
		{"white space", " \n", Options{}, dataset.Invalid, "the input is empty; an empty list, [], loads no records"},
		{"an empty object", "{}", Options{}, dataset.Invalid, "the JSON holds no records: it is an object without a list; " + wrap},
		{"a number", "3", Options{Format: JSON}, dataset.Invalid, "the JSON holds no records: it is a number; send a list of objects, or an object with one list of them\n  line 1, column 1: a list or an object is expected"},
		{"a string", "\n \"\"", Options{Format: JSON}, dataset.Invalid, "the JSON holds no records: it is a string; send a list of objects, or an object with one list of them\n  line 2, column 2: a list or an object is expected"},
		{"a number, format unknown", "3", Options{}, dataset.UnsupportedMediaType, `the format of the input cannot be told from its beginning: "3"; say it with the content type, the file name or the format: json, ndjson, csv or geojson`},
		{"two lists", `{"a":[{"id":1}],"b":[]}`, Options{}, dataset.Invalid, `the JSON object holds several lists, "a" and "b", and it is not clear which one are the records; ` + wrap},
		{"a single Feature", `{"type":"Feature","properties":{},"geometry":null}`, Options{}, dataset.Invalid, "the GeoJSON is a single Feature; " + wrap},
		{"two values", "[]\n[]", Options{}, dataset.Invalid, "the JSON is broken; JSON is one value; for one object a line, say the format ndjson (application/x-ndjson)\n  line 2, column 1: there is more text after the end of the JSON value"},
		{"lines said to be JSON", "{\"id\":1}\n{\"id\":2}", Options{ContentType: "application/json"}, dataset.Invalid, "the JSON holds no records: it is an object without a list; " + wrap},

		// Broken JSON.
		{"no JSON at all", "oops", Options{Format: JSON}, dataset.Invalid, "the JSON is broken; " + syntaxRemedy + "\n  line 1, column 1: invalid character 'o' at start of value"},
		{"a broken value and no list", "\"oops", Options{Format: JSON}, dataset.Invalid, "the JSON is broken; " + syntaxRemedy + "\n  line 1, column 6: the input ends in the middle of a value"},
		{"truncated list", "[{\"id\":1},\n", Options{}, dataset.Invalid, "the JSON is broken; send the whole file\n  line 2, column 1, record 1: the input ends in the middle of the list"},
		{"truncated record", "[{\"id\":1},\n {\"id\":", Options{}, dataset.Invalid, "the JSON is broken; " + syntaxRemedy + "\n  line 2, column 8, record 2, /1/id: the input ends in the middle of a value"},
		{"truncated wrapper", `{"a":[]`, Options{}, dataset.Invalid, "the JSON is broken; send the whole file\n  line 1, column 8: the input ends in the middle of the object"},
		{"no comma", `[{"id":1} {"id":2}]`, Options{}, dataset.Invalid, "the JSON is broken; " + syntaxRemedy + "\n  line 1, column 11, record 1: a comma or the end of the list is expected after a record"},
		{"a comma too many", `[{"id":1},]`, Options{}, dataset.Invalid, "the JSON is broken; " + syntaxRemedy + "\n  line 1, column 11, record 2, /1: a record is expected here"},
		{"broken inside", "{\"m\": [\n  {\"id\": 1},\n  {\"id\": 2, \"b\": [1,\n 01]}\n]}", Options{}, dataset.Invalid, "the JSON is broken; " + syntaxRemedy + "\n  line 4, column 3, record 2, /m/1/b: invalid character '1' after array element (expecting ',' or ']')"},
		{"broken inside after a BOM", "\xef\xbb\xbf[{\"id\":x}]", Options{}, dataset.Invalid, "the JSON is broken; " + syntaxRemedy + "\n  line 1, column 8, record 1, /0/id: invalid character 'x' at start of value"},
		{"broken with skip", `[{"id":1},{"id":}]`, Options{SkipBad: true}, dataset.Invalid, "the JSON is broken; " + syntaxRemedy + "\n  line 1, column 17, record 2, /1/id: invalid character '}' at start of value"},
		{"a name without a value", `{"a"}`, Options{}, dataset.Invalid, "the JSON is broken; " + syntaxRemedy + "\n  line 1, column 5: a colon is expected after a name"},
		{"a member without a value", `{"a":,`, Options{}, dataset.Invalid, "the JSON is broken; " + syntaxRemedy + "\n  line 1, column 6: a value is expected here"},
		{"a name twice in the wrapper", `{"a":1,"a":2}`, Options{}, dataset.Invalid, "the JSON is broken; " + syntaxRemedy + "\n  line 1, column 8: the name \"a\" occurs twice in one object"},

		// Other encodings.
		{"Latin-1", "id,n\n1,A\xefr\n2,b\n3,\xe9\n4\n", Options{}, dataset.Invalid, "3 of 4 records cannot be read; " + saveAsUTF8 + skip +
			"\n  line 2, column 4, record 1: invalid UTF-8\n  line 4, column 3, record 3: invalid UTF-8\n  line 5, column 2, record 4: the row has 1 fields, the header has 2"},
		{"Latin-1, skipped", "{\"n\":\"A\xefr\"}\n", Options{Format: NDJSON, SkipBad: true}, dataset.Invalid, "1 of 1 records cannot be read; " + saveAsUTF8 + "\n  line 1, column 8, record 1, /n: invalid UTF-8"},
		{"Latin-1 lines with ids that repeat", "{\"id\":1}\n{\"id\":1}\n{\"id\":\"\xef\"}\n", Options{}, dataset.Invalid, "1 of 3 records cannot be read; of the others, 1 have no id in the field \"id\" or repeat another's; " + saveAsUTF8 + skip +
			"\n  line 2, record 2, /id: the id \"1\" is already that of record 1 (line 1)\n  line 3, column 8, record 3, /id: invalid UTF-8"},
		{"a Latin-1 header", "id,Gr\xf6\xdfe\n1,2\n", Options{}, dataset.Invalid, "the CSV's header cannot be read; " + saveAsUTF8 + "\n  line 1, column 4: the name of column 2 is not valid UTF-8"},

		// Bad records of JSON: all are found.
		{"not objects", "[1,\n[],{\"id\":1}, null]", Options{}, dataset.Invalid, "3 of 4 records cannot be read; " + fix +
			"\n  line 1, column 2, record 1, /0: a record is an object, this is a number\n  line 2, column 1, record 2, /1: a record is an object, this is a list\n  line 2, column 14, record 4, /3: a record is an object, this is null"},
		{"a name twice", "{\"m/\":[{\"id\":1},\n{\"a\":{\"b\":1,\"b\":2}}]}", Options{}, dataset.Invalid, "1 of 2 records cannot be read; " + fix + "\n  line 2, column 13, record 2, /m~1/1/a/b: the name \"b\" occurs twice in one object"},
		{"invalid UTF-8", "[{\"a\":\"x\xff\"}]", Options{}, dataset.Invalid, "1 of 1 records cannot be read; " + saveAsUTF8 + skip + "\n  line 1, column 9, record 1, /0/a: invalid UTF-8"},
		{"too deep", `[{"a":` + deep + `}]`, Options{}, dataset.TooLarge, "1 of 1 records cannot be read; " + fix + "\n  line 1, column 2, record 1, /0: objects and lists are nested 65 deep, the limit is 64"},
		{"too long", "[{\"id\":1},\n{\"a\":\"" + long + `"}]`, Options{}, dataset.TooLarge, "1 of 2 records cannot be read; " + fix + "\n  line 2, column 1, record 2, /1: longer than 1,048,576 bytes"},
		{"much too long", `[{"a":"` + long + long + `"}]`, Options{}, dataset.TooLarge, "a value of the JSON is too long; make several records of it, or leave long members out\n  line 1, column 2, record 1, /0: longer than 1,048,576 bytes"},
		{"too many records", `[{},{},{}]`, Options{Limits: Limits{MaxRecords: 2}}, dataset.TooLarge, "the input holds more than 2 records; load it in parts, each as a dataset of its own"},
		{"too many fields", "[{" + strings.Join(many, ",") + "}]", Options{}, dataset.TooLarge, "the records have more than 1,000 different field names; put names that vary inside one member\n  record 1, /0/f1000: the first field beyond the limit"},
		{"too many bytes", "[{}                        ]", Options{Limits: Limits{MaxBytes: 10}}, dataset.TooLarge, "the input holds more than 10 bytes; load it in parts, each as a dataset of its own"},
		{"the first errors of many", "[1,1,1,1]", Options{Limits: Limits{MaxErrors: 1}}, dataset.Invalid, "4 of 4 records cannot be read; " + fix + "\n  line 1, column 2, record 1, /0: a record is an object, this is a number\n  and 3 more"},
		{"skip leaves nothing", "[1]", Options{SkipBad: true}, dataset.Invalid, "1 of 1 records cannot be read; nothing is left to load\n  line 1, column 2, record 1, /0: a record is an object, this is a number"},

		// Ids.
		{"duplicate ids", "{\"m\":[\n{\"id\":\"a\"},\n{\"id\":\"b\"},\n{\"id\":\"a\"}]}", Options{}, dataset.Invalid, `the field "id" does not name each record: 1 of 3 have no id there or repeat another's; ` + fixIDs + "\n  line 4, record 3, /m/2/id: the id \"a\" is already that of record 1 (line 2)"},
		{"missing ids", `[{"a":1},{"id":"x"},{"id":null},{"id":{}},{"id":""},{"id":"\u0001"}]`, Options{}, dataset.Invalid, `the field "id" does not name each record: 5 of 6 have no id there or repeat another's; ` + fixIDs +
			"\n  line 1, record 1, /0/id: the record has no field \"id\"\n  line 1, record 3, /2/id: an id is a string or a number, this is null\n  line 1, record 4, /3/id: an id is a string or a number, this is an object\n  line 1, record 5, /4/id: the id is empty" +
			"\n  line 1, record 6, /5/id: the id \" \" holds a control character or invalid UTF-8"},
		{"long id", `[{"id":"` + strings.Repeat("x", 513) + `"}]`, Options{}, dataset.Invalid, `the field "id" does not name each record: 1 of 1 have no id there or repeat another's; ` + fixIDs + "\n  line 1, record 1, /0/id: the id \"" + strings.Repeat("x", 60) + "...\" is too long"},
		{"duplicate configured ids", "k,a\nx,1\nx,2\n", Options{IDField: ptr("k")}, dataset.Invalid, `the field "k" does not name each record: 1 of 2 have no id there or repeat another's; ` + fixIDs + "\n  line 3, record 2, /k: the id \"x\" is already that of record 1 (line 2)"},
		{"rows of other lengths and duplicate ids", "id,a\n1,2\n1,3\n2\n,4\n", Options{}, dataset.Invalid, `1 of 4 records cannot be read; of the others, 2 have no id in the field "id" or repeat another's; ` + fixIDs +
			"\n  line 3, record 2, /id: the id \"1\" is already that of record 1 (line 2)\n  line 4, column 2, record 3: the row has 1 fields, the header has 2\n  line 5, record 4, /id: the id is empty"},
		{"the first errors of records and ids", `[1,{"id":1},{"id":1},2,{"id":1}]`, Options{Limits: Limits{MaxErrors: 2}}, dataset.Invalid, `2 of 5 records cannot be read; of the others, 2 have no id in the field "id" or repeat another's; ` + fixIDs +
			"\n  line 1, column 2, record 1, /0: a record is an object, this is a number\n  line 1, record 3, /2/id: the id \"1\" is already that of record 2 (line 1)\n  and 2 more"},
		{"no record can be read, whatever the id", "[1]", Options{IDField: ptr("k")}, dataset.Invalid, "1 of 1 records cannot be read; " + fix + "\n  line 1, column 2, record 1, /0: a record is an object, this is a number"},
		{"a configured id that nobody has", `[{"a":1}]`, Options{IDField: ptr("k")}, dataset.Invalid, "no record has the field \"k\"; the fields are a\n  id_field: names this field"},
		{"a configured time that nobody has", `[{"a":1}]`, Options{TimeField: ptr("k")}, dataset.Invalid, "no record has the field \"k\"; the fields are a\n  time_field: names this field"},
		{"a configured place that nobody has", `[{"a":1}]`, Options{Geometry: &dataset.Geometry{Lat: "a", Lon: "b"}}, dataset.Invalid, "no record has the field \"b\"; the fields are a\n  geometry: names this field"},

		// NDJSON.
		{"bad lines", "{\"id\":1}\n\n{\"id\":2\n  {\"id\":3}x\n[]\n{\"id\":4}", Options{Format: NDJSON}, dataset.Invalid, "3 of 5 records cannot be read; " + fix +
			"\n  line 3, column 8, record 2: the line ends in the middle of a value\n  line 4, column 11, record 3: there is more text after the value\n  line 5, column 1, record 4: a record is an object, this is a list"},
		{"lines of which the second is bad", "{\"id\":1}\noops\n{\"id\":2}", Options{}, dataset.Invalid, "1 of 3 records cannot be read; " + fix +
			"\n  line 2, column 1, record 2: invalid character 'o' at start of value"},
		{"lines of which the first is bad", "{\"id\":1,\"id\":2}\n{\"id\":2}", Options{}, dataset.Invalid, "1 of 2 records cannot be read; " + fix +
			"\n  line 1, column 9, record 1, /id: the name \"id\" occurs twice in one object"},
		{"a long line", "{\"id\":1}\n{\"a\":\"" + long + long + "\"}\n{}{}", Options{Format: NDJSON}, dataset.TooLarge, "2 of 3 records cannot be read; " + fix +
			"\n  line 2, column 1, record 2: longer than 1,048,576 bytes\n  line 3, column 3, record 3: there is more text after the value"},

		// CSV.
		{"a name too few", "a,,b\n", Options{}, dataset.Invalid, "the CSV's header cannot be read; " + header + "\n  line 1, column 3: column 2 has no name"},
		{"a name twice in the header", "\xef\xbb\xbf\"a\",\"b,\"\"\n\",a\n", Options{Format: CSV}, dataset.Invalid, "the CSV's header cannot be read; " + header + "\n  line 2, column 3: column 3 has the name of column 1, \"a\""},
		{"too many columns", "a,b,c\n", Options{Format: CSV, Limits: Limits{MaxFields: 2}}, dataset.TooLarge, "the CSV has 3 columns, the limit is 2; leave columns out"},
		{"semicolons", "a;b\n1;2\n", Options{FileName: "a.csv"}, dataset.Invalid, "the CSV's header cannot be read; " + header + "\n  line 1, column 1: there is one column, and its name looks like several with another separator than the comma"},
		{"rows of other lengths", "id,a\n1,\"x\ny\"\n2\n3,4,5\n6,7", Options{}, dataset.Invalid, "2 of 4 records cannot be read; " + fix +
			"\n  line 4, column 2, record 2: the row has 1 fields, the header has 2\n  line 5, column 5, record 3: the row has 3 fields, the header has 2"},
		{"quotes", "id,a\r\n1,\"x\"y\r\n2,x\"y\r\n3,\"x\ny\"\r\n4,\"z\r\n", Options{}, dataset.Invalid, "3 of 4 records cannot be read; " + fix +
			"\n  line 2, column 6, record 1: there is text after the closing quote; a quote inside a field is written as two" +
			"\n  line 3, column 4, record 2: a quote in a field that does not begin with one; write the field in quotes, and the quote as two" +
			"\n  line 6, column 3, record 4: this quote is not closed before the end of the input"},
		{"a carriage return", "id,a\n1,x\ry\n", Options{}, dataset.Invalid, "1 of 1 records cannot be read; " + fix + "\n  line 2, column 4, record 1: a carriage return without a line feed; write the field in quotes, or end rows with LF or CRLF"},
		{"invalid UTF-8 in CSV", "id,a\n1,\"A\nA\xefr\"\n", Options{}, dataset.Invalid, "1 of 1 records cannot be read; " + saveAsUTF8 + skip + "\n  line 3, column 2, record 1: invalid UTF-8"},
		{"a long row", "id,a\n1," + long + long + "\n2,\"" + long + long + "\n3,x\n", Options{}, dataset.TooLarge, "2 of 3 records cannot be read; " + fix +
			"\n  line 2, column 1, record 1: longer than 1,048,576 bytes\n  line 3, column 3, record 2: this quote is not closed within 1,048,576 bytes"},

		{"a line of text", "Sorry, service unavailable\n", Options{ContentType: "application/octet-stream"}, dataset.Invalid, `the input is one line of text, "Sorry, service unavailable", which could be a CSV header without rows; ` + rowless},
		{"a file through curl -d", "id,a1,x2,y", Options{ContentType: formType}, dataset.Invalid, `the input is one line of text, "id,a1,x2,y", which could be a CSV header without rows; ` + rowless + "; " + curl},
		{"lines through curl -d", `{"id":1}{"id":2}`, Options{ContentType: formType}, dataset.Invalid, "the JSON holds no records: it is an object without a list; " + wrap + "; " + curl},
		{"a file through curl --data-binary", "id,a\n1", Options{ContentType: formType}, dataset.Invalid, "1 of 1 records cannot be read; " + fix + "\n  line 2, column 2, record 1: the row has 1 fields, the header has 2"},

		// GeoJSON.
		{"no Features", `{"type":"FeatureCollection","features":[{"type":"Point"},{"a":1},{"type":"Feature","geometry":{"type":"Circle"},"properties":{}},{"type":"Feature","properties":[]}]}`, Options{}, dataset.Invalid, "4 of 4 records cannot be read; " + fix +
			"\n  line 1, column 49, record 1, /features/0/type: every element must have the type \"Feature\"\n  line 1, column 58, record 2, /features/1: the object is no GeoJSON Feature: it has no member \"type\"" +
			"\n  line 1, column 103, record 3, /features/2/geometry/type: the type is none of Point, MultiPoint, LineString, MultiLineString, Polygon, MultiPolygon and GeometryCollection\n  line 1, column 161, record 4, /features/3/properties: properties must be an object or null, this is a list"},
		{"geometries", strings.Join([]string{"", `{"coordinates":["1",2],"type":"Point"},"properties":null}`, `{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1]]]}}`, `{"type":"LineString","coordinates":[[1,2],[3]]}}`, `[1,2]}`}, "\n{\"type\":\"Feature\",\"geometry\":"), Options{Format: GeoJSON}, dataset.Invalid, "4 of 4 records cannot be read; " + fix +
			"\n  line 2, column 46, record 1, /geometry/coordinates/0: a number is expected here\n  line 3, column 63, record 2, /geometry/coordinates/0: the last position of a ring is equal to the first" +
			"\n  line 4, column 72, record 3, /geometry/coordinates/1: a position has at least two numbers, this has 1\n  line 5, column 30, record 4, /geometry: a geometry is an object with a type and coordinates"},
		{"a crs", `{"type":"FeatureCollection","crs":` + mercator + `,"features":[{"type":"Feature","geometry":null,"properties":{}}]}`, Options{}, dataset.Invalid, degrees + "\n  line 1, column 35, /crs: they are in urn:ogc:def:crs:EPSG::3857"},
		{"a crs at the end", `{"features":[{"type":"Feature","geometry":null,"properties":{}}],"crs":{"type":"link","properties":{"href":"x"}}}`, Options{}, dataset.Invalid, degrees + "\n  line 1, column 72, /crs: they are in {\"type\":\"link\",\"properties\":{\"href\":\"x\"}}"},
		{"a Feature's crs", `{"type":"Feature","crs":` + mercator + `,"geometry":null,"properties":{}}`, Options{Format: GeoJSON}, dataset.Invalid, "1 of 1 records cannot be read; " + fix + "\n  line 1, column 25, record 1, /crs: the coordinates are not in degrees but in urn:ogc:def:crs:EPSG::3857; convert them with ogr2ogr -t_srs EPSG:4326"},
		{"duplicate ids of Features", `[{"type":"Feature","properties":{"id":1},"geometry":null},{"type":"Feature","properties":{"id":1},"geometry":null}]`, Options{}, dataset.Invalid, `the field "id" does not name each record: 1 of 2 have no id there or repeat another's; ` + fixIDs + "\n  line 1, record 2, /1/properties/id: the id \"1\" is already that of record 1 (line 1)"},

		// What cannot be read at all.
		{"UTF-16", "\xff\xfe[\x00]\x00", Options{}, dataset.UnsupportedMediaType, "the input is UTF-16; save it as UTF-8"},
		{"UTF-16 without a mark", "[\x00]\x00", Options{}, dataset.UnsupportedMediaType, "the input is UTF-16; save it as UTF-8"},
		{"ZIP", "PK\x03\x04xx", Options{FileName: "a.csv"}, dataset.UnsupportedMediaType, "the input is a ZIP file (or a spreadsheet); " + send},
		{"HTML", "\n<!DOCTYPE html>", Options{}, dataset.UnsupportedMediaType, "the input looks like HTML or XML; " + send},
		{"binary", "abc,\x00d", Options{}, dataset.UnsupportedMediaType, "the input is binary: it holds zero bytes; " + send},
		{"a type", "x", Options{ContentType: "image/png"}, dataset.UnsupportedMediaType, `data of type "image/png" cannot be read; send application/json, application/x-ndjson, text/csv or application/geo+json`},
		{"a character set", "x", Options{ContentType: "text/csv; charset=iso-8859-1"}, dataset.UnsupportedMediaType, `the character set "iso-8859-1" cannot be read; convert the data to UTF-8`},
		{"a format", "x", Options{Format: "xml"}, dataset.UnsupportedMediaType, `there is no format "xml"; use json, ndjson, csv or geojson`},
		{"a coding", "x", Options{ContentEncoding: "br"}, dataset.UnsupportedMediaType, `the content encoding "br" cannot be read; send the data plain, or compressed with gzip or zstd`},
		{"a wrong coding", "[]", Options{ContentEncoding: "gzip"}, dataset.Invalid, "the input is said to be compressed with gzip, but does not begin like it; leave Content-Encoding out: the bytes tell"},

		// Compressed data.
		{"truncated gzip", gzipped("[{}]")[:20], Options{}, dataset.Invalid, "the gzip data are cut off: they end after 20 bytes, before their end mark; send the whole file"},
		{"truncated zstd", zstded("[" + strings.Repeat("{\"a\":1},", 99) + "{}]")[:20], Options{}, dataset.Invalid, "the zstd data are cut off: they end after 20 bytes, before their end mark; send the whole file"},
		{"gzip without its checksum", gzipped("[{}]")[:len(gzipped("[{}]"))-2], Options{}, dataset.Invalid, "the gzip data are cut off: they end after 26 bytes, before their end mark; send the whole file"},
		{"text after gzip", gzipped("[{}]") + "x", Options{}, dataset.Invalid, afterEnd},
		{"text after zeros after gzip", gzipped("[{}]") + "\x00\x00[{},{},{},{},{}]", Options{}, dataset.Invalid, afterEnd},
		{"a second gzip, cut off", gzipped("[{}") + gzipped("]")[:9], Options{}, dataset.Invalid, "the gzip data are cut off: they end after 36 bytes, before their end mark; send the whole file"},
		{"damaged gzip", gzipped("[{}]")[:20] + "x" + gzipped("[{}]")[21:], Options{}, dataset.Invalid, "the gzip data are damaged: their checksum is wrong; compress it again, or send it plain"},
		{"a gzip bomb", gzipped(strings.Repeat(" ", 40<<20)), Options{}, dataset.TooLarge, "the input grows to more than 200 times its size when decompressed; send it plain: only data made to exhaust the reader compress so well"},
		{"a zstd bomb", zstded(strings.Repeat(" ", 40<<20)), Options{}, dataset.TooLarge, "the input grows to more than 200 times its size when decompressed; send it plain: only data made to exhaust the reader compress so well"},
		{"twice compressed", gzipped(gzipped("[]")), Options{}, dataset.UnsupportedMediaType, "the input is compressed twice; compress it once"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := read(t, tt.in, tt.o)
			if err == nil || r != nil {
				t.Fatal("no error")
			}
			if _, ok := errors.AsType[*dataset.Error](err); !ok || dataset.CodeOf(err) != tt.code {
				t.Errorf("the code is %s", dataset.CodeOf(err))
			}
			if d := cmp.Diff(tt.want, err.Error()); d != "" {
				t.Error(d)
			}
			if len(tt.in) > 10_000 {
				return
			}
			// Whatever the buffer's cuts, the error is the same.
			if _, slow := Read(t.Context(), &trickle{[]byte(tt.in)}, tt.o); slow == nil || slow.Error() != err.Error() {
				t.Error("byte by byte: ", slow)
			}
		})
	}
}

func TestSkipBad(t *testing.T) {
	type rejection struct {
		line, record int
		text         string
	}
	for _, tt := range []struct {
		name, in string
		want     []string
		rejected []rejection
	}{
		{"lines", "{\"id\":1}\nx\n{\"id\":2}\n{\"id\":1}\n{\"a\":1}\n", []string{`1 {"id":1}`, `2 {"id":2}`},
			[]rejection{{2, 2, "x"}, {4, 4, `{"id":1}`}, {5, 5, `{"a":1}`}}},
		{"json", "[{\"id\":1},\n2,{\"a\":1,\"a\":2},\n{\"id\":\"\xff\"},{\"id\":2}]", []string{`1 {"id":1}`, `2 {"id":2}`},
			[]rejection{{2, 2, "2"}, {2, 3, `{"a":1,"a":2}`}, {3, 4, "{\"id\":\"\uFFFD\"}"}}},
		{"csv", "id,a\n1,x\n2\n3,\"y\n4,z\n", []string{`1 {"id":"1","a":"x"}`, `4 {"id":"4","a":"z"}`},
			[]rejection{{3, 2, "2"}, {4, 3, "3,\"y\n4,z"}}},
		{"quotes", "id,a,b\n1,ab\"c,d\n2,x,y\n\"3\"x,keepme\r\n4,\"k\nl\"m,n\n5,o\rp,q", []string{`2 {"id":"2","a":"x","b":"y"}`},
			[]rejection{{2, 1, "1,ab\"c,d"}, {4, 3, "\"3\"x,keepme"}, {6, 4, "4,\"k\nl\"m,n"}, {6, 5, "l\"m,n"}, {7, 6, "5,o\rp,q"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := Options{SkipBad: true}
			if tt.name == "lines" {
				o.Format = NDJSON
			}
			r := mustRead(t, tt.in, o)
			if d := cmp.Diff(tt.want, records(r)); d != "" {
				t.Error(d)
			}
			var got []rejection
			for _, x := range r.Load.Rejected {
				got = append(got, rejection{x.Line, x.Record, x.Text})
				if x.Detail == "" {
					t.Error("no reason for ", x.Text)
				}
			}
			if d := cmp.Diff(tt.rejected, got, cmp.AllowUnexported(rejection{})); d != "" {
				t.Error(d)
			}
			if r.Load.RejectedTotal != len(got) {
				t.Error(r.Load.RejectedTotal)
			}
			for _, f := range r.Load.Schema.Fields {
				if f.Nullable {
					t.Errorf("%s is nullable because of a rejected record", f.Name)
				}
			}
		})
	}
	r := mustRead(t, "{}\n"+strings.Repeat("x\n", 50)+strings.Repeat("é", 3000), Options{Format: NDJSON, SkipBad: true, Limits: Limits{MaxRejected: 10}})
	if len(r.Load.Rejected) != 10 || r.Load.RejectedTotal != 51 {
		t.Error(len(r.Load.Rejected), r.Load.RejectedTotal)
	}
	for _, rest := range []string{strings.Repeat("é", 3000), strings.Repeat("é", 510) + "x€\n"} {
		r, err := Read(t.Context(), &trickle{[]byte("id,a\n0,z\n1,x\"y" + rest)}, Options{Format: CSV, SkipBad: true})
		if err != nil {
			t.Fatal(err)
		}
		if s := r.Load.Rejected[0].Text; len(s) < 1000 || len(s) > 1024 || !strings.HasPrefix("1,x\"y"+rest, s) {
			t.Errorf("%d bytes: %s", len(s), s)
		}
	}
	r = mustRead(t, "{}\n"+strings.Repeat("é", 3000)+"\n\xf0\x9f\x98", Options{Format: NDJSON, SkipBad: true})
	if s := r.Load.Rejected[0].Text; len(s) != 1024 || strings.Contains(s, "\uFFFD") {
		t.Errorf("%d bytes: %s", len(s), s)
	}
}

func TestReaderFails(t *testing.T) {
	boom := errors.New("boom")
	for _, in := range []string{"", "[", "[{\"id\":1},", gzipped("[]")[:15]} {
		_, err := Read(t.Context(), io.MultiReader(strings.NewReader(in), iotest.ErrReader(boom)), Options{Format: JSON})
		if !errors.Is(err, boom) {
			t.Errorf("%q: %v", in, err)
		}
	}
	_, err := Read(t.Context(), io.MultiReader(strings.NewReader("[{},"), iotest.ErrReader(io.ErrUnexpectedEOF)), Options{})
	if err == nil || err.Error() != "the input was cut off after 4 bytes; send it again" {
		t.Error(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(boom)
	if _, err := Read(ctx, strings.NewReader("[]"), Options{}); !errors.Is(err, boom) {
		t.Error(err)
	}
}

func TestCompressed(t *testing.T) {
	text := `[{"id":1}]`
	for in, o := range map[string]Options{
		gzipped(text) + strings.Repeat("\x00", 600): {},
		gzipped(text):                         {},
		gzipped(text[:4]) + gzipped(text[4:]): {ContentEncoding: "gzip"},
		gzipped(text[:4]) + strings.Repeat(gzipped(""), 200) + gzipped(text[4:]): {},
		zstded(text):                        {ContentEncoding: "identity", FileName: "x.json.zst"},
		zstded(text[:4]) + zstded(text[4:]): {ContentEncoding: "zstd"},
	} {
		r := mustRead(t, in, o)
		if d := cmp.Diff([]string{`1 {"id":1}`}, records(r)); d != "" || r.Coding == "" || r.Bytes != 10 {
			t.Error(d, r.Coding, r.Bytes)
		}
	}
	if r := mustRead(t, text, Options{FileName: "x.json.gz"}); r.Coding != "" {
		t.Error(r.Coding)
	}
}
