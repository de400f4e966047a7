//go:build e2e

package e2e

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// member is one field of a record. Strings are compared by what they say, everything else by its spelling.
type member struct{ name, value string }

// record is a record's members in their order.
type record []member

// parseList reads a JSON list of objects without losing order or doubles.
func parseList(data []byte) ([]record, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := delim(dec, '['); err != nil {
		return nil, err
	}
	list := []record{}
	for dec.More() {
		if err := delim(dec, '{'); err != nil {
			return nil, fmt.Errorf("record %d: %w", len(list), err)
		}
		var r record
		for dec.More() {
			name, err := dec.Token()
			if err != nil {
				return nil, err
			}
			var value json.RawMessage
			if err := dec.Decode(&value); err != nil {
				return nil, err
			}
			var compact bytes.Buffer
			if err := json.Compact(&compact, value); err != nil {
				return nil, err
			}
			m := member{name.(string), compact.String()}
			var text string
			if value[0] == '"' && json.Unmarshal(value, &text) == nil {
				m.value = "text " + text
			}
			r = append(r, m)
		}
		if err := delim(dec, '}'); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, delim(dec, ']')
}

func delim(dec *json.Decoder, want json.Delim) error {
	got, err := dec.Token()
	if err == nil && got != want {
		err = fmt.Errorf("%v where %v was expected", got, want)
	}
	return err
}

// mustParse is parseList for what has to be a list.
func mustParse(t *testing.T, data []byte) []record {
	t.Helper()
	list, err := parseList(data)
	if err != nil {
		t.Fatalf("%v in %s", err, tail(string(data), 500))
	}
	return list
}

// differ says where two lists first differ; nil when they are equal.
func differ(got, want []record) error {
	for i := range min(len(got), len(want)) {
		if len(got[i]) != len(want[i]) {
			return fmt.Errorf("record %d has %d fields, not %d: %q, not %q", i, len(got[i]), len(want[i]), got[i], want[i])
		}
		for j := range got[i] {
			if got[i][j] != want[i][j] {
				return fmt.Errorf("record %d, field %d is %q, not %q", i, j, got[i][j], want[i][j])
			}
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d records, not %d", len(got), len(want))
	}
	return nil
}

// holds fails unless GET /data gives exactly these records.
func (a api) holds(t *testing.T, want []record) {
	t.Helper()
	if err := differ(mustParse(t, a.do(t, "GET", "/data").body), want); err != nil {
		t.Fatalf("GET /data: %v", err)
	}
}

// shared gives the path of a file of the data folder beside the repository.
func shared(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, "..", "shared", "data", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		t.Skip("the data folder ../shared/data is not beside the repository")
	}
	return path
}

// tutorialRecords gives the tutorial's file and its records.
func tutorialRecords(t *testing.T) (path string, records []record) {
	t.Helper()
	path = shared(t, "Meteorite_Landings.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Landings json.RawMessage `json:"meteorite_landings"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	records = mustParse(t, file.Landings)
	if len(records) != 30 {
		t.Fatalf("the tutorial's file has %d records, not 30", len(records))
	}
	return path, records
}

// nasaRecords gives the path of NASA's table and its rows as records of texts.
func nasaRecords(t *testing.T) (path string, records []record) {
	t.Helper()
	path = shared(t, "nasa_meteorite_landings.csv")
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		r := make(record, len(row))
		for i, cell := range row {
			r[i] = member{rows[0][i], "text " + cell}
		}
		records = append(records, r)
	}
	if len(records) != 45716 {
		t.Fatalf("NASA's file has %d records, not 45,716", len(records))
	}
	return path, records
}

// writeJSON writes records of texts as a JSON list, and gives the file's path.
func writeJSON(t *testing.T, records []record) string {
	t.Helper()
	var b bytes.Buffer
	for i, r := range records {
		b.WriteString(map[bool]string{true: "[", false: ",\n"}[i == 0])
		b.Write(marshal(t, r))
	}
	b.WriteString("]\n")
	return write(t, b.Bytes())
}

// writeOne writes one record of texts as a JSON object, and gives the file's path.
func writeOne(t *testing.T, r record) string {
	t.Helper()
	return write(t, marshal(t, r))
}

func marshal(t *testing.T, r record) []byte {
	t.Helper()
	var b bytes.Buffer
	for i, m := range r {
		b.WriteByte("{,"[min(i, 1)])
		for j, text := range []string{m.name, strings.TrimPrefix(m.value, "text ")} {
			value, err := json.Marshal(text)
			if err != nil {
				t.Fatal(err)
			}
			if j > 0 {
				b.WriteByte(':')
			}
			b.Write(value)
		}
	}
	b.WriteByte('}')
	return b.Bytes()
}

func write(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "records.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
