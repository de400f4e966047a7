package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"landings/internal/dataset"
)

type loadCommand struct {
	nodeFlags
	File    string  `arg:"" help:"File to load: JSON, NDJSON, CSV or GeoJSON, plain, gzip or zstd; - reads the standard input."`
	OnError string  `help:"stop: load nothing when a record is bad; skip: load the good ones. As the node is configured when empty." enum:"stop,skip," default:""`
	IDField *string `help:"Field that holds the id; found when left out; \"\" names records by their position." placeholder:"FIELD"`
	Format  string  `help:"Format of the file: json, ndjson, csv or geojson; found when empty." enum:"json,ndjson,csv,geojson," default:""`
}

// types are the media types of file names.
var types = map[string]string{
	".json": "application/json", ".geojson": "application/geo+json", ".csv": "text/csv",
	".ndjson": "application/x-ndjson", ".jsonl": "application/x-ndjson",
	".geojsons": "application/geo+json-seq", ".geojsonl": "application/geo+json-seq",
}

// loaded is the part of a node's answer that is shown.
type loaded struct {
	Dataset  string  `json:"dataset"`
	Records  int     `json:"records"`
	Version  uint64  `json:"version"`
	IDField  *string `json:"id_field"`
	Seconds  float64 `json:"seconds"`
	Rejected int     `json:"rejected"`
	At       string  `json:"rejected_at"`
}

// Run sends a file to a node and shows how it goes.
func (c *loadCommand) Run(e *env) error {
	in, size, err := c.open(e)
	if err != nil {
		return err
	}
	defer in.Close()
	header := http.Header{"Content-Type": {"application/octet-stream"}}
	name := strings.ToLower(filepath.Base(c.File))
	for suffix, coding := range map[string]string{".gz": "gzip", ".zst": "zstd"} {
		if strings.HasSuffix(name, suffix) {
			header.Set("Content-Encoding", coding)
			name = strings.TrimSuffix(name, suffix)
		}
	}
	if t := types[filepath.Ext(name)]; t != "" {
		header.Set("Content-Type", t)
	}
	query := url.Values{}
	for name, value := range map[string]string{"on_error": c.OnError, "format": c.Format} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if c.IDField != nil {
		query.Set("id_field", *c.IDField)
	}
	method, path := http.MethodPost, c.list()
	if c.Dataset != "" {
		method = http.MethodPut
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	body, done, err := c.progress(e, in, size)
	if err != nil {
		return err
	}
	answer, err := c.do(e.ctx, method, path, body, header)
	done()
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var got loaded
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil {
		return &dataset.Error{Code: dataset.OutcomeUnknown, Message: "the node's answer broke off: " + err.Error(), Remedy: "look whether the data are there", Err: err}
	}
	key := "named by position"
	if got.IDField != nil {
		key = "id field " + *got.IDField
	}
	fmt.Fprintf(e.stdout, "%s: %d records, version %d, %s, %.3f s\n", got.Dataset, got.Records, got.Version, key, got.Seconds)
	if got.Rejected > 0 {
		fmt.Fprintf(e.stdout, "%d records were left out; see %s%s\n", got.Rejected, c.base(), got.At)
	}
	return nil
}

// open gives the input and its size in bytes, -1 where that is not known.
func (c *loadCommand) open(e *env) (io.ReadCloser, int64, error) {
	if c.File == "-" {
		return io.NopCloser(e.stdin), -1, nil
	}
	bad := func(err error) (io.ReadCloser, int64, error) {
		return nil, 0, &dataset.Error{Code: dataset.Invalid, Message: "the file cannot be read: " + err.Error(), Remedy: "correct its name or its permissions", Err: err}
	}
	f, err := os.Open(c.File)
	if err != nil {
		return bad(err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory", c.File)
	}
	if err != nil {
		_ = f.Close()
		return bad(err)
	}
	if !info.Mode().IsRegular() {
		return f, -1, nil
	}
	return f, info.Size(), nil
}

// progress wraps the input so that how much of it was sent is shown: as a bar on
// a terminal, else as a line now and then. done ends it.
func (c *loadCommand) progress(e *env, in io.Reader, size int64) (body io.Reader, done func(), err error) {
	if f, ok := e.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		bars := mpb.New(mpb.WithOutput(f), mpb.WithWidth(40))
		var bar *mpb.Bar
		name := decor.Name(filepath.Base(c.File) + " ")
		rate := decor.AverageSpeed(decor.SizeB1024(0), "% .1f ")
		if size >= 0 {
			bar = bars.AddBar(size, mpb.PrependDecorators(name, decor.CountersKibiByte("% .1f / % .1f ")),
				mpb.AppendDecorators(rate, decor.AverageETA(decor.ET_STYLE_GO)))
		} else {
			bar = bars.AddSpinner(0, mpb.PrependDecorators(name, decor.CurrentKibiByte("% .1f ")), mpb.AppendDecorators(rate))
		}
		body, err := bar.ProxyReader(in)
		return body, func() {
			bar.Abort(false)
			bars.Wait()
		}, err
	}
	l := &lineProgress{in: in, size: size, out: e.stderr, name: filepath.Base(c.File), next: time.Now().Add(time.Second), start: time.Now()}
	return l, func() {}, nil
}

// lineProgress writes a line a second while it is read.
type lineProgress struct {
	in          io.Reader
	out         io.Writer
	name        string
	size, sent  int64
	start, next time.Time
}

func (l *lineProgress) Read(p []byte) (int, error) {
	n, err := l.in.Read(p)
	l.sent += int64(n)
	if now := time.Now(); now.After(l.next) {
		l.next = now.Add(time.Second)
		rate := float64(l.sent) / now.Sub(l.start).Seconds()
		left := ""
		if l.size > 0 && rate > 0 {
			left = fmt.Sprintf(" of %.1f, %d s left", float64(l.size)/1e6, int(float64(l.size-l.sent)/rate))
		}
		fmt.Fprintf(l.out, "%s: %.1f MB%s, %.1f MB/s\n", l.name, float64(l.sent)/1e6, left, rate/1e6)
	}
	return n, err
}
