package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v4"

	"landings/internal/dataset"
	"landings/internal/ingest"
)

// maxConfig bounds the configuration file, in bytes.
const maxConfig = 1 << 20

// defaultConfig is read where no other file is named, if it is there.
const defaultConfig = "config.yaml"

// configFile is the part of the configuration that flags cannot say.
type configFile struct {
	dir      string // that relative sources start from
	Datasets []datasetConfig
	settings map[string]any // by flag name: what kong makes a flag's value of
}

// datasetConfig is one dataset of the configuration.
type datasetConfig struct {
	Name      string          `yaml:"name"`
	Source    string          `yaml:"source"`
	IDField   *string         `yaml:"id_field"`
	Geometry  *geometryConfig `yaml:"geometry"`
	TimeField *string         `yaml:"time_field"`
	OnError   string          `yaml:"on_error"`
	Format    string          `yaml:"format"`
	Ack       string          `yaml:"ack"`

	ack *dataset.Ack // what Ack says; nil: nothing
}

type geometryConfig struct {
	GeoJSON string `yaml:"geojson"`
	Lat     string `yaml:"lat"`
	Lon     string `yaml:"lon"`
	Text    string `yaml:"text"`
}

func badConfig(path string, line int, detail, remedy string) error {
	return &dataset.Error{
		Code:    dataset.Invalid,
		Message: "the configuration " + path + " cannot be used",
		Remedy:  remedy,
		Places:  []dataset.Place{{Line: line, Detail: detail}},
	}
}

// readConfig reads a configuration file. A file that nobody asked for by name may
// be absent.
func readConfig(path string, named bool, flags []*kong.Flag) (*configFile, error) {
	c := &configFile{dir: filepath.Dir(path), settings: map[string]any{}}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return c, nil
	}
	if err != nil {
		return nil, badConfig(path, 0, err.Error(), "correct its name or its permissions")
	}
	if info.IsDir() {
		return nil, badConfig(path, 0, "it is a directory",
			"put a file there: Docker makes a directory where the file that is to be mounted does not exist. Remove the directory, create the file, and start again")
	}
	if info.Size() > maxConfig {
		return nil, badConfig(path, 0, fmt.Sprintf("it has %d bytes", info.Size()), fmt.Sprintf("use at most %d", maxConfig))
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, badConfig(path, 0, err.Error(), "make it readable for the user that runs landings")
	}
	var doc, more yaml.Node
	documents := yaml.NewDecoder(bytes.NewReader(text))
	err = documents.Decode(&doc)
	if err == nil && len(doc.Content) > 0 {
		err = documents.Decode(&more)
	}
	if err != nil && err != io.EOF {
		return nil, badConfig(path, 0, err.Error(), "correct the YAML")
	}
	if len(doc.Content) == 0 {
		return c, nil // nothing but comments
	}
	if err == nil {
		return nil, badConfig(path, more.Line, "a second YAML document begins here", "leave the line --- out: all settings are in one document")
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, badConfig(path, root.Line, "it does not consist of settings", "write setting: value, one a line")
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		if seen[key.Value] {
			return nil, badConfig(path, key.Line, "the setting \""+dataset.Excerpt(key.Value)+"\" stands there twice", "leave one of them out")
		}
		seen[key.Value] = true
		flag := slices.IndexFunc(flags, func(f *kong.Flag) bool { return setting(f) == key.Value })
		switch {
		case key.Value == "datasets":
			if err := checkKeys(path, value); err != nil {
				return nil, err
			}
			if err := value.Decode(&c.Datasets); err != nil {
				return nil, badConfig(path, value.Line, err.Error(), "write a list of datasets with name and source")
			}
			if err := c.check(path, value); err != nil {
				return nil, err
			}
		case flag >= 0:
			if c.settings[flags[flag].Name], err = settingOf(flags[flag], value); err != nil {
				return nil, badConfig(path, value.Line, key.Value+": "+err.Error(), "write it as --"+flags[flag].Name+" takes it: landings serve --help")
			}
		default:
			known := make([]string, len(flags))
			for i, f := range flags {
				known[i] = setting(f)
			}
			return nil, badConfig(path, key.Line, "there is no setting \""+dataset.Excerpt(key.Value)+"\"", "use one of: datasets, "+strings.Join(known, ", "))
		}
	}
	return c, nil
}

// setting gives a flag's name in the file.
func setting(f *kong.Flag) string { return strings.ReplaceAll(f.Name, "-", "_") }

// settingOf gives the value of a flag that a node says, once it is known that the flag
// can have it: kong would find out without knowing where it stands.
func settingOf(f *kong.Flag, node *yaml.Node) (any, error) {
	var value any = node.Value
	switch node.Kind {
	case yaml.ScalarNode:
	case yaml.SequenceNode:
		values := make([]any, len(node.Content))
		for i, v := range node.Content {
			values[i] = v.Value
		}
		value = values
	default:
		return nil, errors.New("it is neither a value nor a list")
	}
	scan := kong.Scan().PushTyped(value, kong.FlagValueToken)
	if err := f.Mapper.Decode(&kong.DecodeContext{Value: f.Value, Scan: scan}, reflect.New(f.Target.Type()).Elem()); err != nil {
		return nil, err
	}
	if f.Enum != "" && !f.EnumMap()[node.Value] {
		return nil, fmt.Errorf("%q is none of %s", dataset.Excerpt(node.Value), f.Enum)
	}
	return value, nil
}

// datasetKeys are the settings of a dataset.
var datasetKeys = []string{"name", "source", "id_field", "geometry", "time_field", "on_error", "format", "ack"}

// checkKeys refuses settings of datasets that do not exist: a misspelt one would
// be ignored in silence.
func checkKeys(path string, list *yaml.Node) error {
	if list.Kind != yaml.SequenceNode {
		return badConfig(path, list.Line, "datasets is not a list", "begin each dataset with a dash: - name: NAME")
	}
	for _, item := range list.Content {
		if item.Kind != yaml.MappingNode {
			return badConfig(path, item.Line, "a dataset is not a list of settings", "write - name: NAME, and its other settings below that")
		}
		if err := checkMembers(path, "a dataset", item, datasetKeys); err != nil {
			return err
		}
	}
	return nil
}

// geometryKeys are the settings of a dataset's geometry.
var geometryKeys = []string{"geojson", "lat", "lon", "text"}

// checkMembers refuses settings that what does not have, and those that are not one value.
func checkMembers(path, what string, item *yaml.Node, known []string) error {
	for i := 0; i+1 < len(item.Content); i += 2 {
		key, value := item.Content[i], item.Content[i+1]
		if !slices.Contains(known, key.Value) {
			return badConfig(path, key.Line, what+" has no setting \""+dataset.Excerpt(key.Value)+"\"", "use one of: "+strings.Join(known, ", "))
		}
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		switch {
		case key.Value == "geometry" && value.Kind == yaml.MappingNode:
			if err := checkMembers(path, "a geometry", value, geometryKeys); err != nil {
				return err
			}
		case key.Value == "geometry" && value.Tag != "!!null":
			return badConfig(path, value.Line, "geometry does not name one place", geometryRemedy)
		case value.Kind != yaml.ScalarNode:
			return badConfig(path, value.Line, key.Value+" is not one value", "write "+key.Value+": VALUE")
		}
	}
	return nil
}

const geometryRemedy = "write {lat: FIELD, lon: FIELD}, {text: FIELD} or {geojson: FIELD}"

func (c *configFile) check(path string, list *yaml.Node) error {
	seen := map[string]bool{}
	for i, d := range c.Datasets {
		line := list.Content[i].Line
		if err := dataset.CheckName(d.Name); err != nil {
			return badConfig(path, line, err.Error(), "name every dataset")
		}
		if seen[d.Name] {
			return badConfig(path, line, "the dataset "+d.Name+" stands there twice", "use each name once")
		}
		seen[d.Name] = true
		if d.OnError != "" && d.OnError != "stop" && d.OnError != "skip" {
			return badConfig(path, line, "on_error is \""+dataset.Excerpt(d.OnError)+"\"", "use stop or skip")
		}
		if formats := []string{ingest.JSON, ingest.NDJSON, ingest.CSV, ingest.GeoJSON}; d.Format != "" && !slices.Contains(formats, d.Format) {
			return badConfig(path, line, "format is \""+dataset.Excerpt(d.Format)+"\"", "use one of: "+strings.Join(formats, ", "))
		}
		if d.Ack != "" {
			ack, err := dataset.ParseAck(d.Ack)
			if err != nil {
				return badConfig(path, line, "ack: "+err.Error(), "correct it")
			}
			c.Datasets[i].ack = &ack
		}
		if g := d.Geometry; g != nil {
			pair := g.Lat != "" && g.Lon != ""
			forms := 0
			for _, set := range []bool{g.GeoJSON != "", g.Text != "", pair} {
				if set {
					forms++
				}
			}
			if forms != 1 || !pair && (g.Lat != "" || g.Lon != "") {
				return badConfig(path, line, "geometry does not name one place", geometryRemedy)
			}
		}
	}
	return nil
}

// Validate lets kong accept the file as a resolver.
func (c *configFile) Validate(*kong.Application) error { return nil }

// Resolve gives a flag's value from the file, unless its variable is set: the
// environment comes before the file.
func (c *configFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil
		}
	}
	return c.settings[flag.Name], nil
}
